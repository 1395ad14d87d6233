/* SPDX-License-Identifier: BSD-3-Clause */
/* Helpers of net's tests: requests, waiting with a deadline, and transports over threads. */
#ifndef CT_TEST_NET_RANKS_H
#define CT_TEST_NET_RANKS_H

#include <sched.h>
#include <string.h>

#include "net/net.h"

#define SECOND 1000000000ull

static inline struct ct_net_req make_req(enum ct_net_kind kind, uint32_t peer, void *data,
	uint64_t bytes)
{
	struct ct_net_req r = { .kind = kind, .peer = peer, .data = data, .bytes = bytes };

	return r;
}

/* Waits until REQ has ended, at most 60 s. */
static inline ct_status wait_req(struct ct_net *net, struct ct_net_req *req)
{
	struct ct_deadline by = ct_deadline_in(60 * SECOND);

	while (req->status == CT_BUSY) {
		ct_status s = ct_net_poll(net);

		if (s != CT_OK)
			return s;
		if (ct_deadline_passed(by))
			return ct_fail(CT_TIMEOUT, "test: %s of %d bytes with rank %u did not end",
				req->kind == CT_NET_SEND ? "send" : "receive", (int)req->bytes,
					req->peer);
		sched_yield();
	}
	return req->status;
}

/* One message each way with PEER (which may be this rank), both at once. */
static inline ct_status swap_bytes(struct ct_net *net, uint32_t peer, void *out, void *in,
	uint64_t bytes)
{
	struct ct_net_req r = make_req(CT_NET_RECV, peer, in, bytes);
	struct ct_net_req s = make_req(CT_NET_SEND, peer, out, bytes);
	ct_status a = ct_net_post(net, &r), b;

	if (a != CT_OK)
		return a;
	a = ct_net_post(net, &s);
	if (a != CT_OK)
		return a;
	a = wait_req(net, &s);
	b = wait_req(net, &r);
	return a != CT_OK ? a : b;
}

/* Everybody waits for everybody, by messages over NET. */
static inline ct_status ring_barrier(struct ct_net *net)
{
	uint32_t n = net->world->nranks, me = net->world->rank;
	char byte = 0;

	for (uint32_t d = 1; d < n; d *= 2) {
		struct ct_net_req r = make_req(CT_NET_RECV, (me + n - d) % n, &byte, 0);
		struct ct_net_req s = make_req(CT_NET_SEND, (me + d) % n, &byte, 0);
		ct_status a = ct_net_post(net, &r);

		if (a == CT_OK)
			a = ct_net_post(net, &s);
		if (a == CT_OK)
			a = wait_req(net, &s);
		if (a == CT_OK)
			a = wait_req(net, &r);
		if (a != CT_OK)
			return a;
	}
	return CT_OK;
}

#endif
