/* SPDX-License-Identifier: BSD-3-Clause */
/* Collectives, messages, groups. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

static __thread int depth;                  /* of groups */
static __thread struct fake_op *first, **last; /* of the open group */

/* Types whose elements our schedules can reduce; the unsigned ones wrap as the signed ones do. */
static bool type_of(int type, int op, ct_type *out)
{
	switch (type) {
	case CT_NCCL_INT32: *out = CT_INT32; return true;
	case CT_NCCL_INT32 + 1: *out = CT_INT32; return op == CT_NCCL_SUM || op == CT_NCCL_PROD;
	case CT_NCCL_INT64: *out = CT_INT64; return true;
	case CT_NCCL_INT64 + 1: *out = CT_INT64; return op == CT_NCCL_SUM || op == CT_NCCL_PROD;
	case CT_NCCL_HALF: *out = CT_HALF; return true;
	case CT_NCCL_BFLOAT16: *out = CT_BFLOAT16; return true;
	case CT_NCCL_FLOAT: *out = CT_FLOAT; return true;
	case CT_NCCL_DOUBLE: *out = CT_DOUBLE; return true;
	default: return false;
	}
}

static size_t bytes_of(int type)
{
	static const unsigned char sizes[] = { 1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1 };

	return type >= 0 && type < (int)sizeof(sizes) ? sizes[type] : 0;
}

static ct_op op_of(int op)
{
	return op == CT_NCCL_PROD ? CT_PROD : op == CT_NCCL_MAX ? CT_MAX : op == CT_NCCL_MIN ? CT_MIN : CT_SUM;
}

/* Runs a list that belongs to several communicators and streams: one job for each pair. */
static void submit(struct fake_op *list)
{
	while (list != NULL) {
		struct fake_op *mine = NULL, **end = &mine, **p = &list;
		const struct fake_op *lead = list;

		while (*p != NULL) {
			struct fake_op *op = *p;

			if (op->comm != lead->comm || op->stream != lead->stream) {
				p = &op->next;
				continue;
			}
			*p = op->next;
			op->next = NULL;
			*end = op;
			end = &op->next;
		}
		fake_job_submit(mine);
	}
}

int ncclGroupStart(void)
{
	if (depth++ == 0) {
		first = NULL;
		last = &first;
	}
	return CT_NCCL_SUCCESS;
}

int ncclGroupEnd(void)
{
	if (depth == 0)
		return fake_failed(NULL, CT_NCCL_USAGE, "ncclGroupEnd: not in a group call.");
	if (--depth == 0)
		submit(first);
	return CT_NCCL_SUCCESS;
}

/* A made-up model: 5 us a call and 10 GB/s. Nothing is run. */
int ncclGroupSimulateEnd(struct ct_nccl_sim *sim)
{
	struct fake_op *op = first, *next;

	if (depth != 1 || sim->magic != CT_NCCL_SIM_MAGIC)
		return fake_failed(NULL, CT_NCCL_USAGE, "ncclGroupSimulateEnd: not in one group, or a wrong struct");
	depth = 0;
	sim->us = 0;
	for (; op != NULL; op = next) {
		next = op->next;
		if (op->kind == FAKE_COLL)
			sim->us += 5 + (float)(op->desc.count * ct_type_bytes(op->desc.type)) / 1e4f;
		free(op);
	}
	return CT_NCCL_SUCCESS;
}

/* Takes OP, a copy of it, into the group, or runs it. */
static int add(const struct fake_op *op)
{
	struct fake_op *made = malloc(sizeof(*made));

	if (made == NULL)
		return CT_NCCL_SYSTEM;
	*made = *op;
	made->next = NULL;
	if (depth > 0) {
		*last = made;
		last = &made->next;
		return CT_NCCL_SUCCESS;
	}
	fake_job_submit(made);
	return CT_NCCL_SUCCESS;
}

static int check_memory(struct fake_comm *c, const struct fake_stream *stream, const void *at, size_t bytes)
{
	if (c == NULL)
		return fake_failed(NULL, CT_NCCL_ARGUMENT, "comm argument is NULL");
	if (atomic_load(&c->state) > CT_NCCL_SUCCESS && atomic_load(&c->state) < CT_NCCL_IN_PROGRESS)
		return atomic_load(&c->state);
	if (stream != NULL && bytes > 0 && !fake_gpu_owns(at, bytes))
		return fake_failed(c, CT_NCCL_ARGUMENT, "stand-in: a buffer is not memory of the GPU");
	return CT_NCCL_SUCCESS;
}

/* What a collective is called with. */
struct call {
	ct_coll coll;
	const void *send;
	void *recv;
	size_t count;
	int type, op, root;
};

/* Whose buffer to send, or to receive, the others do not have. */
static bool only_root_gives(ct_coll coll)
{
	return coll == CT_BROADCAST || coll == CT_SCATTER;
}

static bool only_root_takes(ct_coll coll)
{
	return coll == CT_REDUCE || coll == CT_GATHER;
}

static int collective(const struct call *call, void *comm, struct fake_stream *stream)
{
	struct fake_comm *c = comm;
	struct fake_op op = { .kind = FAKE_COLL, .comm = c, .stream = stream };
	struct ct_coll_buffers b;
	size_t each;
	bool gives, takes;
	int result = c == NULL ? check_memory(c, stream, NULL, 0) : CT_NCCL_SUCCESS;

	if (result != CT_NCCL_SUCCESS)
		return result;
	if (!type_of(call->type, call->op, &op.desc.type) || call->root < 0 || (uint32_t)call->root >= c->nranks)
		return fake_failed(c, CT_NCCL_ARGUMENT, "stand-in: no such type, operation or root");
	each = bytes_of(call->type);
	b = ct_coll_buffers(call->coll, c->rank, c->nranks, call->count, true);
	op.desc.coll = call->coll;
	op.desc.op = op_of(call->op);
	op.desc.root = (uint32_t)call->root;
	op.desc.count = call->count;
	op.desc.send = (void *)(uintptr_t)call->send;
	op.desc.recv = call->recv;
	op.desc.in_place = (const char *)call->send - b.send_at * each == (char *)call->recv - b.recv_at * each;
	/* who neither gives nor takes may pass any pointer */
	gives = !only_root_gives(call->coll) || c->rank == op.desc.root;
	takes = !only_root_takes(call->coll) || c->rank == op.desc.root;
	if (!gives)
		op.desc.send = op.desc.recv;
	if (!takes)
		op.desc.recv = op.desc.send; /* never written */
	result = check_memory(c, stream, op.desc.send, gives ? b.send * each : 0);
	if (result == CT_NCCL_SUCCESS)
		result = check_memory(c, stream, op.desc.recv, takes ? b.recv * each : 0);
	return result == CT_NCCL_SUCCESS ? add(&op) : result;
}

int ncclAllReduce(const void *send, void *recv, size_t count, int type, int op, void *comm,
	struct fake_stream *stream)
{
	const struct call call = { CT_ALLREDUCE, send, recv, count, type, op, 0 };

	return collective(&call, comm, stream);
}

int ncclBroadcast(const void *send, void *recv, size_t count, int type, int root, void *comm,
	struct fake_stream *stream)
{
	const struct call call = { CT_BROADCAST, send, recv, count, type, CT_NCCL_SUM, root };

	return collective(&call, comm, stream);
}

int ncclReduce(const void *send, void *recv, size_t count, int type, int op, int root, void *comm,
	struct fake_stream *stream)
{
	const struct call call = { CT_REDUCE, send, recv, count, type, op, root };

	return collective(&call, comm, stream);
}

int ncclAllGather(const void *send, void *recv, size_t count, int type, void *comm,
	struct fake_stream *stream)
{
	const struct call call = { CT_ALLGATHER, send, recv, count, type, CT_NCCL_SUM, 0 };

	return collective(&call, comm, stream);
}

int ncclReduceScatter(const void *send, void *recv, size_t count, int type, int op, void *comm,
	struct fake_stream *stream)
{
	const struct call call = { CT_REDUCE_SCATTER, send, recv, count, type, op, 0 };

	return collective(&call, comm, stream);
}

int ncclGather(const void *send, void *recv, size_t count, int type, int root, void *comm,
	struct fake_stream *stream)
{
	const struct call call = { CT_GATHER, send, recv, count, type, CT_NCCL_SUM, root };

	return collective(&call, comm, stream);
}

int ncclScatter(const void *send, void *recv, size_t count, int type, int root, void *comm,
	struct fake_stream *stream)
{
	const struct call call = { CT_SCATTER, send, recv, count, type, CT_NCCL_SUM, root };

	return collective(&call, comm, stream);
}

static int message(enum fake_kind kind, void *data, size_t bytes, int peer, void *comm,
	struct fake_stream *stream)
{
	struct fake_comm *c = comm;
	struct fake_op op = { .kind = kind, .comm = c, .stream = stream };
	int result = check_memory(c, stream, data, bytes);

	if (result != CT_NCCL_SUCCESS)
		return result;
	if (peer < 0 || (uint32_t)peer >= c->nranks)
		return fake_failed(c, CT_NCCL_ARGUMENT, "stand-in: rank %d is no peer", peer);
	op.message = (struct ct_net_req){ .kind = kind == FAKE_SEND ? CT_NET_SEND : CT_NET_RECV,
		.peer = (uint32_t)peer, .data = data, .bytes = bytes };
	return add(&op);
}

int ncclSend(const void *data, size_t count, int type, int peer, void *comm, struct fake_stream *stream)
{
	return message(FAKE_SEND, (void *)(uintptr_t)data, count * bytes_of(type), peer, comm, stream);
}

int ncclRecv(void *data, size_t count, int type, int peer, void *comm, struct fake_stream *stream)
{
	return message(FAKE_RECV, data, count * bytes_of(type), peer, comm, stream);
}
