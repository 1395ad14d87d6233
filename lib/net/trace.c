/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrapper trace: one JSON line per message of this rank, written when it ends. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "wrap.h"

struct trace {
	struct ct_net below;
	struct ct_shadows list;
	FILE *file;
	bool lost; /* a line could not be written: said once, at the end */
};

static void trace_close(void *self)
{
	struct trace *t = self;

	ct_net_close(&t->below);
	ct_shadows_free(&t->list);
	if (fclose(t->file) != 0 || t->lost)
		ct_log(CT_LOG_WARN, CT_AREA_NET,
			"the trace of messages is not complete: it could not be "
			"written");
	ct_free(t);
}

static void trace_query(void *self, struct ct_net_caps *caps)
{
	*caps = ((struct trace *)self)->below.caps;
}

static ct_status trace_reg(void *self, void *memory, uint64_t bytes, uint64_t *key)
{
	struct trace *t = self;

	return t->below.ops->reg(t->below.self, memory, bytes, key);
}

static void trace_dereg(void *self, uint64_t key)
{
	struct trace *t = self;

	t->below.ops->dereg(t->below.self, key);
}

static bool ended(struct ct_shadow *s)
{
	struct trace *t = s->owner;

	if (fprintf(t->file, "{\"t_ns\":%" PRIu64 ",\"kind\":\"%s\",\"peer\":%u,\"bytes\":%" PRIu64
		",\"done_ns\":%" PRIu64 ",\"status\":%d}\n", s->posted_ns,
		s->inner.kind == CT_NET_SEND ? "send" : "recv", s->inner.peer, s->inner.bytes,
		ct_now_ns(), s->inner.status) < 0)
		t->lost = true;
	return true;
}

static ct_status trace_post(void *self, struct ct_net_req *req)
{
	struct trace *t = self;
	struct ct_shadow *s = ct_shadow_take(&t->list, req);

	if (s == NULL)
		return CT_NOMEM;
	s->owner = t;
	return ct_shadow_post(&t->list, &t->below, s);
}

static ct_status trace_poll(void *self)
{
	struct trace *t = self;
	ct_status s = ct_net_poll(&t->below);

	ct_shadows_sweep(&t->list, ended);
	return s;
}

static const struct ct_net_ops trace_ops = {
	.abi = CT_NET_ABI,
	.name = "trace",
	.summary = "writes one line per message",
	.close = trace_close,
	.query = trace_query,
	.reg = trace_reg,
	.dereg = trace_dereg,
	.post = trace_post,
	.poll = trace_poll,
};

ct_status ct_net_wrap_trace(struct ct_net *net, const char *text)
{
	struct trace *t = ct_alloc(1, sizeof(*t));
	char path[PATH_MAX];
	ct_status s;
	int n;

	if (t == NULL)
		return CT_NOMEM;
	n = snprintf(path, sizeof(path), "%s.%u", text, net->world->rank);
	s = n > 0 && (size_t)n < sizeof(path) ? ct_file_append(path, 0600, &t->file) :
		ct_fail(CT_INVALID, "--net-trace: the path is too long");
	if (s != CT_OK)
		goto free_trace;
	ct_shadows_make(&t->list);
	s = ct_net_put_around(net, &trace_ops, t, &t->below);
	if (s != CT_OK)
		goto close_file;
	return CT_OK;
close_file:
	fclose(t->file);
free_trace:
	ct_free(t);
	return s;
}
