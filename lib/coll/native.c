/* SPDX-License-Identifier: BSD-3-Clause */
/* The row "native": our own algorithms over one of our transports. */
#include <stdio.h>
#include <string.h>

#include "execute.h"
#include "native.h"

enum { MAX_ALGOS = 64 };

/* 0 = whole blocks. */
static const int64_t segment_values[] = { 0, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20 };
static const struct ct_knob segment_knob = {
	"segment", "bytes of a pipeline segment, 0 = whole blocks", segment_values,
	sizeof(segment_values) / sizeof(segment_values[0]),
};

struct native {
	struct ct_net net;
	struct ct_coll_caps caps;
	struct ct_coll_algo algos[MAX_ALGOS];
	uint64_t marks[CT_MARKS];
	struct request *running; /* one at a time: their messages are told apart by order alone */
	struct request *given_up;
};

struct request {
	struct ct_exec *exec;
	struct request *next; /* among those given up */
};

static ct_status probe(const struct ct_coll_settings *settings)
{
	(void)settings;
	return CT_OK;
}

/* "auto" first in each collective that has a choice, then the table's rows. */
static void list_algos(struct native *n)
{
	const struct ct_algo *row = ct_algo_rows();
	size_t i = 0;

	for (; row->name != NULL && i + 2 <= MAX_ALGOS; row++) {
		if (i == 0 || n->algos[i - 1].coll != row->coll)
			n->algos[i++] = (struct ct_coll_algo){ .coll = row->coll, .name = "auto" };
		n->algos[i++] = (struct ct_coll_algo){
			row->coll, row->name, row->segments ? &segment_knob : NULL, row->segments,
		};
	}
	n->caps.algos = n->algos;
	n->caps.nalgos = i;
}

static ct_status open_native(const struct ct_coll_env *env, void **self)
{
	struct native *n = ct_alloc(1, sizeof(*n));
	ct_status status = ct_boot_agree(env->world->boot, n != NULL ? CT_OK : CT_NOMEM);

	if (status == CT_OK)
		status = ct_net_open(env->net != NULL ? env->net : "auto", env->world,
			env->net_settings, env->net_wrap, env->open_by, &n->net);
	if (status != CT_OK) {
		ct_free(n);
		return status;
	}
	n->caps.colls = (1u << CT_NCOLLS) - 1;
	n->caps.types = (1u << CT_NTYPES) - 1;
	n->caps.ops = (1u << CT_NOPS) - 1;
	n->caps.in_place = 1u << CT_ALLREDUCE | 1u << CT_ALLGATHER | 1u << CT_REDUCE_SCATTER |
		1u << CT_BROADCAST | 1u << CT_REDUCE | 1u << CT_BARRIER | 1u << CT_GATHER | 1u << CT_SCATTER;
	n->caps.abandons = true;
	if (n->net.caps.foreign) /* steps of the others reduce and copy */
		n->caps.foreign = 1u << CT_P2P_LATENCY | 1u << CT_P2P_ONEWAY | 1u << CT_P2P_DUPLEX;
	n->caps.net = n->net.caps;
	snprintf(n->caps.library, sizeof(n->caps.library), "colltune %s", ct_version());
	snprintf(n->caps.net_name, sizeof(n->caps.net_name), "%s", n->net.ops->name);
	list_algos(n);
	*self = n;
	return CT_OK;
}

static void free_request(struct request *request)
{
	ct_exec_free(request->exec);
	ct_free(request);
}

static void close_native(void *self)
{
	struct native *n = self;
	struct request *request;

	ct_net_close(&n->net);
	while ((request = n->given_up) != NULL) {
		n->given_up = request->next;
		free_request(request);
	}
	ct_free(n);
}

static const struct ct_coll_caps *query(void *self)
{
	return &((struct native *)self)->caps;
}

static ct_status check_partners(const struct ct_coll_desc *desc, uint32_t nranks)
{
	uint32_t i;

	if (desc->partner == NULL || desc->window == 0)
		return ct_fail(CT_INVALID, "%s needs partners and a window of at least 1",
			ct_coll_name(desc->coll));
	for (i = 0; i < nranks; i++)
		if (desc->partner[i] >= nranks || desc->partner[desc->partner[i]] != i)
			return ct_fail(CT_INVALID, "rank %u's partner %u is no rank or has another "
				"partner", i, desc->partner[i]);
	return CT_OK;
}

ct_status ct_desc_check(const struct ct_coll_desc *desc, uint32_t nranks)
{
	struct ct_coll_buffers b;

	if ((unsigned)desc->coll >= CT_NCOLLS || (unsigned)desc->type >= CT_NTYPES ||
	    (unsigned)desc->op >= CT_NOPS)
		return ct_fail(CT_INVALID, "no such collective, type or operation: %d, %d, %d",
			(int)desc->coll, (int)desc->type, (int)desc->op);
	if (desc->count > (UINT64_MAX >> 5) / nranks)
		return ct_fail(CT_INVALID, "%llu elements on each of %u ranks are more than memory "
			"has", (unsigned long long)desc->count, nranks);
	if (ct_coll_rooted(desc->coll) && desc->root >= nranks)
		return ct_fail(CT_INVALID, "root %u is no rank: there are %u", desc->root, nranks);
	b = ct_coll_buffers(desc->coll, 0, nranks, desc->count, desc->in_place);
	if ((b.send > 0 && desc->send == NULL) || (b.recv > 0 && desc->recv == NULL))
		return ct_fail(CT_INVALID, "%s of %llu elements without buffers",
			ct_coll_name(desc->coll), (unsigned long long)desc->count);
	return desc->coll >= CT_P2P_LATENCY ? check_partners(desc, nranks) : CT_OK;
}

/* The algorithm that DESC names, and its knobs in SHAPE. */
static ct_status choose(const struct native *n, const struct ct_coll_desc *desc,
	struct ct_shape *shape, const struct ct_algo **algo)
{
	const char *names[MAX_ALGOS + 1] = { NULL }, *name = desc->algo, *near;
	size_t i, k, nnames = 0;

	*algo = NULL;
	if (name == NULL || strcmp(name, "auto") == 0) {
		*algo = ct_algo_auto(shape);
		return CT_OK;
	}
	for (i = 0; i < n->caps.nalgos; i++) {
		const struct ct_coll_algo *row = &n->algos[i];

		if (row->coll != desc->coll)
			continue;
		names[nnames++] = row->name;
		if (strcmp(row->name, name) != 0)
			continue;
		for (k = 0; k < row->nknobs; k++)
			if (desc->knob[k] < 0)
				return ct_fail(CT_INVALID, "%s of %s can not be %lld",
					row->knobs[k].name, name, (long long)desc->knob[k]);
		shape->segment_bytes = row->nknobs > 0 ? (uint64_t)desc->knob[0] : 0;
		*algo = ct_algo_find(desc->coll, name);
	}
	if (*algo != NULL)
		return CT_OK;
	near = ct_nearest(name, names);
	return ct_fail(CT_INVALID, "native has no algorithm %s for %s; did you mean %s?", name,
		ct_coll_name(desc->coll), near != NULL ? near : "auto");
}

static ct_status prepare(void *self, const struct ct_coll_desc *desc, void **req)
{
	struct native *n = self;
	struct ct_schedule schedule = { 0 };
	struct ct_exec_plan plan = { &schedule, &n->net, desc->type, desc->op, desc->send,
		desc->recv, desc->send_mem, desc->recv_mem };
	struct ct_shape shape = { .coll = desc->coll, .root = desc->root, .count = desc->count,
		.rank = n->net.world->rank, .nranks = n->net.world->nranks,
		.in_place = desc->in_place, .window = desc->window, .partner = desc->partner };
	const struct ct_algo *algo;
	struct request *request;
	ct_status status = ct_desc_check(desc, shape.nranks);

	if (status != CT_OK)
		return status;
	shape.element_bytes = (uint32_t)ct_type_bytes(desc->type);
	status = choose(n, desc, &shape, &algo);
	if (status == CT_OK)
		status = algo->generate(&shape, &schedule);
	if (status != CT_OK)
		return status;
	request = ct_alloc(1, sizeof(*request));
	status = request != NULL ? ct_exec_make(&plan, &request->exec) : CT_NOMEM;
	ct_schedule_free(&schedule);
	if (status != CT_OK) {
		ct_free(request);
		return status;
	}
	*req = request;
	return CT_OK;
}

static ct_status start(void *self, void *req)
{
	struct native *n = self;
	struct request *request = req;
	ct_status status;

	if (n->running != NULL)
		return ct_fail(CT_INVALID, "native runs one operation at a time on a communicator");
	if (n->given_up != NULL)
		return ct_fail(CT_PEER, "an operation on this communicator was given up: its "
			"messages are still under way; open a new one");
	status = ct_exec_start(request->exec);
	if (status == CT_OK)
		n->running = request;
	return status;
}

static ct_status test(void *self, void *req)
{
	struct native *n = self;
	struct request *request = req;
	ct_status status = ct_exec_test(request->exec);

	if (status != CT_BUSY && n->running == request)
		n->running = NULL;
	return status;
}

static void release(void *self, void *req)
{
	struct native *n = self;
	struct request *request = req;

	if (n->running == request)
		n->running = NULL;
	if (ct_exec_idle(request->exec)) {
		free_request(request);
		return;
	}
	/* The transport holds its messages: they can only go with it. */
	request->next = n->given_up;
	n->given_up = request;
}

static ct_status mark(void *self, unsigned slot)
{
	if (slot >= CT_MARKS)
		return ct_fail(CT_INVALID, "mark %u of %d", slot, CT_MARKS);
	((struct native *)self)->marks[slot] = ct_now_ns();
	return CT_OK;
}

static ct_status span(void *self, unsigned from, unsigned to, uint64_t *ns)
{
	const struct native *n = self;

	if (from >= CT_MARKS || to >= CT_MARKS)
		return ct_fail(CT_INVALID, "span from mark %u to %u of %d", from, to, CT_MARKS);
	*ns = n->marks[to] - n->marks[from];
	return CT_OK;
}

static void waiting(void *self, void *req, char *out, size_t room)
{
	(void)self;
	ct_exec_waiting(((struct request *)req)->exec, out, room);
}

const struct ct_coll_ops ct_coll_native = {
	.abi = CT_COLL_ABI,
	.name = "native",
	.summary = "colltune's own algorithms over its own transports",
	.probe = probe,
	.open = open_native,
	.close = close_native,
	.query = query,
	.prepare = prepare,
	.start = start,
	.test = test,
	.release = release,
	.mark = mark,
	.span = span,
	.waiting = waiting,
};
