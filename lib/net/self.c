/* SPDX-License-Identifier: BSD-3-Clause */
/* Transport self: one rank alone talks to itself. Also the shortest example of a transport. */
#include <stdio.h>
#include <string.h>

#include "queue.h"

static void deliver(struct ct_net_req *send, struct ct_net_req *recv)
{
	if (send->bytes != recv->bytes) {
		send->status = recv->status = ct_fail(CT_CORRUPT,
			"rank %u sent itself %llu bytes where it expects %llu", send->peer,
			(unsigned long long)send->bytes, (unsigned long long)recv->bytes);
		return;
	}
	if (recv->sink != NULL && recv->bytes > 0)
		recv->sink(recv->sink_arg, send->data, 0, send->bytes);
	else if (recv->bytes > 0)
		memmove(recv->data, send->data, send->bytes);
	send->status = recv->status = CT_OK;
}

void ct_loop_post(struct ct_loop *loop, struct ct_net_req *req)
{
	ct_fifo_push(req->kind == CT_NET_SEND ? &loop->sends : &loop->recvs, req);
	while (loop->sends.head != NULL && loop->recvs.head != NULL) {
		struct ct_net_req *send = ct_fifo_pop(&loop->sends);

		deliver(send, ct_fifo_pop(&loop->recvs));
	}
}

static ct_status self_probe(void)
{
	return CT_OK;
}

static ct_status self_open(const struct ct_net_env *env, void **self)
{
	struct ct_loop *loop;

	if (env->world->nranks != 1)
		return ct_fail(CT_UNSUPPORTED, "transport self serves one rank alone, not %u",
			env->world->nranks);
	loop = ct_alloc(1, sizeof(*loop));
	if (loop == NULL)
		return CT_NOMEM;
	*self = loop;
	return CT_OK;
}

static void self_close(void *self)
{
	ct_free(self);
}

static void self_query(void *self, struct ct_net_caps *caps)
{
	(void)self;
	caps->sink = true;
	caps->data_unchecked = true;
	snprintf(caps->path, sizeof(caps->path), "memcpy within the rank");
	snprintf(caps->expectation, sizeof(caps->expectation), "copy");
}

static ct_status self_post(void *self, struct ct_net_req *req)
{
	if (req->peer != 0)
		return ct_fail(CT_INVALID, "no rank %u: this job has one rank", req->peer);
	ct_loop_post(self, req);
	return CT_OK;
}

static ct_status self_poll(void *self)
{
	(void)self;
	return CT_OK;
}

const struct ct_net_ops ct_net_self = {
	.abi = CT_NET_ABI,
	.name = "self",
	.summary = "one rank to itself",
	.probe = self_probe,
	.open = self_open,
	.close = self_close,
	.query = self_query,
	.post = self_post,
	.poll = self_poll,
};
