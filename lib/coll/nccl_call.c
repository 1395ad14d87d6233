/* SPDX-License-Identifier: BSD-3-Clause */
/* What each operation is in NCCL's calls; all on one stream, so a call follows the one before it. */
#include "nccl_api.h"

/* The first error that is one, else the last result. */
static int also(int before, int result)
{
	return before == CT_NCCL_SUCCESS || before == CT_NCCL_IN_PROGRESS ? result : before;
}

static void *token_of(struct ct_nccl *row)
{
	return row->gpu != NULL ? row->token : &row->host_token;
}

static int issue_allreduce(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	return row->lib.call.all_reduce(r->desc.send, r->desc.recv, r->desc.count, r->type, r->op, row->comm,
		row->stream);
}

static int issue_allgather(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	return row->lib.call.all_gather(r->desc.send, r->desc.recv, r->desc.count, r->type, row->comm,
		row->stream);
}

static int issue_reduce_scatter(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	return row->lib.call.reduce_scatter(r->desc.send, r->desc.recv, r->desc.count, r->type, r->op,
		row->comm, row->stream);
}

static int issue_broadcast(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	return row->lib.call.broadcast(r->desc.send, r->desc.recv, r->desc.count, r->type,
		(int)r->desc.root, row->comm, row->stream);
}

static int issue_reduce(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	return row->lib.call.reduce(r->desc.send, r->desc.recv, r->desc.count, r->type, r->op,
		(int)r->desc.root, row->comm, row->stream);
}

/* As nccl-tests does it. */
static int issue_alltoall(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	size_t block = r->desc.count * ct_type_bytes(r->desc.type);
	int rc = row->lib.call.group_start();

	for (uint32_t i = 0; i < row->nranks; i++) {
		rc = also(rc, row->lib.call.send((const char *)r->desc.send + i * block, r->desc.count,
			r->type, (int)i, row->comm, row->stream));
		rc = also(rc, row->lib.call.recv((char *)r->desc.recv + i * block, r->desc.count, r->type,
			(int)i, row->comm, row->stream));
	}
	return also(rc, row->lib.call.group_end());
}

/* Where the library has no call of its own, as nccl-tests does it: everyone's block to or from the root,
 * the root's own too. */
static int gather_by_messages(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	size_t block = r->desc.count * ct_type_bytes(r->desc.type);
	int rc = row->lib.call.group_start();

	rc = also(rc, row->lib.call.send(r->desc.send, r->desc.count, r->type, (int)r->desc.root, row->comm,
		row->stream));
	for (uint32_t i = 0; i < row->nranks && row->rank == r->desc.root; i++)
		rc = also(rc, row->lib.call.recv((char *)r->desc.recv + i * block, r->desc.count, r->type, (int)i,
			row->comm, row->stream));
	return also(rc, row->lib.call.group_end());
}

static int scatter_by_messages(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	size_t block = r->desc.count * ct_type_bytes(r->desc.type);
	int rc = row->lib.call.group_start();

	for (uint32_t i = 0; i < row->nranks && row->rank == r->desc.root; i++)
		rc = also(rc, row->lib.call.send((const char *)r->desc.send + i * block, r->desc.count, r->type,
			(int)i, row->comm, row->stream));
	rc = also(rc, row->lib.call.recv(r->desc.recv, r->desc.count, r->type, (int)r->desc.root, row->comm,
		row->stream));
	return also(rc, row->lib.call.group_end());
}

static int issue_gather(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	if (row->lib.call.gather == NULL)
		return gather_by_messages(row, r);
	return row->lib.call.gather(r->desc.send, r->desc.recv, r->desc.count, r->type, (int)r->desc.root,
		row->comm, row->stream);
}

static int issue_scatter(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	if (row->lib.call.scatter == NULL)
		return scatter_by_messages(row, r);
	return row->lib.call.scatter(r->desc.send, r->desc.recv, r->desc.count, r->type, (int)r->desc.root,
		row->comm, row->stream);
}

/* NCCL has no barrier: who has the sum of one element knows that all have called. */
static int issue_barrier(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	(void)r;
	return row->lib.call.all_reduce(token_of(row), token_of(row), 1, CT_NCCL_INT32, CT_NCCL_SUM,
		row->comm, row->stream);
}

static int one_send(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	return row->lib.call.send(r->desc.send, r->desc.count, r->type, (int)r->peer, row->comm, row->stream);
}

static int one_recv(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	return row->lib.call.recv(r->desc.recv, r->desc.count, r->type, (int)r->peer, row->comm, row->stream);
}

/* `window` round trips one after the other; the lower rank starts. */
static int issue_latency(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	int rc = CT_NCCL_SUCCESS;
	bool first = row->rank < r->peer;

	for (uint32_t i = 0; i < r->desc.window && r->peer != row->rank; i++) {
		rc = also(rc, first ? one_send(row, r) : one_recv(row, r));
		rc = also(rc, first ? one_recv(row, r) : one_send(row, r));
	}
	return rc;
}

/* The lower rank sends; a byte back tells it that all has arrived: NCCL's send is complete when the
 * buffer may be used again. */
static int issue_oneway(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	bool sends = row->rank < r->peer;
	int rc;

	if (r->peer == row->rank)
		return CT_NCCL_SUCCESS;
	rc = row->lib.call.group_start();
	for (uint32_t i = 0; i < r->desc.window; i++)
		rc = also(rc, sends ? one_send(row, r) : one_recv(row, r));
	rc = also(rc, row->lib.call.group_end());
	return also(rc, sends ?
		row->lib.call.recv(token_of(row), 1, CT_NCCL_INT8, (int)r->peer, row->comm, row->stream) :
		row->lib.call.send(token_of(row), 1, CT_NCCL_INT8, (int)r->peer, row->comm, row->stream));
}

static int issue_duplex(struct ct_nccl *row, const struct ct_nccl_req *r)
{
	int rc;

	if (r->peer == row->rank)
		return CT_NCCL_SUCCESS;
	rc = row->lib.call.group_start();
	for (uint32_t i = 0; i < r->desc.window; i++) {
		rc = also(rc, one_send(row, r));
		rc = also(rc, one_recv(row, r));
	}
	return also(rc, row->lib.call.group_end());
}

static const struct {
	const char *name, *algo;
	int (*issue)(struct ct_nccl *row, const struct ct_nccl_req *req);
} calls[CT_NCOLLS] = {
	[CT_ALLREDUCE] = { "ncclAllReduce", "default", issue_allreduce },
	[CT_ALLTOALL] = { "ncclSend and ncclRecv in a group", "send_recv", issue_alltoall },
	[CT_ALLGATHER] = { "ncclAllGather", "default", issue_allgather },
	[CT_REDUCE_SCATTER] = { "ncclReduceScatter", "default", issue_reduce_scatter },
	[CT_BROADCAST] = { "ncclBroadcast", "default", issue_broadcast },
	[CT_REDUCE] = { "ncclReduce", "default", issue_reduce },
	[CT_BARRIER] = { "ncclAllReduce of one element", "allreduce", issue_barrier },
	[CT_GATHER] = { "ncclGather", "default", issue_gather },
	[CT_SCATTER] = { "ncclScatter", "default", issue_scatter },
	[CT_P2P_LATENCY] = { "ncclSend and ncclRecv", "ping_pong", issue_latency },
	[CT_P2P_ONEWAY] = { "ncclSend and ncclRecv in a group", "window", issue_oneway },
	[CT_P2P_DUPLEX] = { "ncclSend and ncclRecv in a group", "window", issue_duplex },
};

static const int types[CT_NTYPES] = {
	[CT_INT32] = CT_NCCL_INT32, [CT_INT64] = CT_NCCL_INT64, [CT_HALF] = CT_NCCL_HALF,
	[CT_BFLOAT16] = CT_NCCL_BFLOAT16, [CT_FLOAT] = CT_NCCL_FLOAT, [CT_DOUBLE] = CT_NCCL_DOUBLE,
};

static const int ops[CT_NOPS] = {
	[CT_SUM] = CT_NCCL_SUM, [CT_PROD] = CT_NCCL_PROD, [CT_MIN] = CT_NCCL_MIN, [CT_MAX] = CT_NCCL_MAX,
};

void ct_nccl_bind(const struct ct_nccl *row, struct ct_nccl_req *req)
{
	const struct ct_coll_desc *desc = &req->desc;

	req->issue = calls[desc->coll].issue;
	req->name = calls[desc->coll].name;
	if ((desc->coll == CT_GATHER && row->lib.call.gather == NULL) ||
		(desc->coll == CT_SCATTER && row->lib.call.scatter == NULL))
		req->name = calls[CT_ALLTOALL].name;
	req->type = types[desc->type];
	req->op = ops[desc->op];
	req->peer = desc->coll >= CT_P2P_LATENCY ? desc->partner[row->rank] : row->rank;
}

int ct_nccl_issue(struct ct_nccl *row, const struct ct_nccl_req *req)
{
	uint32_t n = req->desc.operations > 1 ? req->desc.operations : 1, group = req->desc.group;
	int rc = CT_NCCL_SUCCESS;

	for (uint32_t i = 0; i < n; i++) {
		if (group > 1 && i % group == 0)
			rc = also(rc, row->lib.call.group_start());
		rc = also(rc, req->issue(row, req));
		if (group > 1 && (i % group == group - 1 || i == n - 1))
			rc = also(rc, row->lib.call.group_end());
	}
	return rc;
}

size_t ct_nccl_algos(struct ct_coll_algo algos[CT_NCOLLS])
{
	for (int coll = 0; coll < CT_NCOLLS; coll++)
		algos[coll] = (struct ct_coll_algo){ .coll = (ct_coll)coll, .name = calls[coll].algo };
	return CT_NCOLLS;
}
