/* SPDX-License-Identifier: BSD-3-Clause */
/* The blocking calls. Blocking ones, since a forced algorithm does not touch the non-blocking
 * collectives: Open MPI runs those in another component (libnbc). */
#include <limits.h>
#include <string.h>

#include "mpi_row.h"

enum { TAG_DATA = 1, TAG_BACK = 2 };

ct_status ct_mpi_failed(int rc, const char *call)
{
	char text[MPI_MAX_ERROR_STRING] = "";
	int length = 0, class = MPI_ERR_OTHER;
	ct_status status = CT_PEER;

	MPI_Error_string(rc, text, &length);
	MPI_Error_class(rc, &class);
	if (class == MPI_ERR_NO_MEM)
		status = CT_NOMEM;
	else if (class == MPI_ERR_UNSUPPORTED_OPERATION)
		status = CT_UNSUPPORTED;
	return ct_fail(status, "%s: %s", call, text);
}

static int call_allreduce(struct ct_mpi_req *r)
{
	return MPI_Allreduce(r->send, r->recv, r->count, r->type, r->op, r->comm);
}

static int call_alltoall(struct ct_mpi_req *r)
{
	return MPI_Alltoall(r->send, r->count, r->type, r->recv, r->count, r->type, r->comm);
}

static int call_allgather(struct ct_mpi_req *r)
{
	return MPI_Allgather(r->send, r->count, r->type, r->recv, r->count, r->type, r->comm);
}

static int call_reduce_scatter(struct ct_mpi_req *r)
{
	return MPI_Reduce_scatter_block(r->send, r->recv, r->count, r->type, r->op, r->comm);
}

/* MPI's broadcast has one buffer. Out of place the root sends from its send buffer and copies, so
 * that every rank ends with the data in its receive buffer, as with the other backends. */
static int call_broadcast(struct ct_mpi_req *r)
{
	int rc;

	if (r->copy_bytes == 0)
		return MPI_Bcast(r->recv, r->count, r->type, r->root, r->comm);
	rc = MPI_Bcast((void *)(uintptr_t)r->send, r->count, r->type, r->root, r->comm);
	if (rc == MPI_SUCCESS)
		memcpy(r->recv, r->send, r->copy_bytes);
	return rc;
}

static int call_reduce(struct ct_mpi_req *r)
{
	return MPI_Reduce(r->send, r->recv, r->count, r->type, r->op, r->root, r->comm);
}

static int call_gather(struct ct_mpi_req *r)
{
	return MPI_Gather(r->send, r->count, r->type, r->recv, r->count, r->type, r->root, r->comm);
}

static int call_scatter(struct ct_mpi_req *r)
{
	return MPI_Scatter(r->send, r->count, r->type, r->recv, r->count, r->type, r->root, r->comm);
}

static int call_barrier(struct ct_mpi_req *r)
{
	return MPI_Barrier(r->comm);
}

/* `window` round trips one after the other; the lower rank starts. */
static int call_latency(struct ct_mpi_req *r)
{
	int rc = MPI_SUCCESS;

	for (int i = 0; i < r->window && rc == MPI_SUCCESS && r->peer != r->rank; i++) {
		if (r->rank < r->peer) {
			rc = MPI_Send(r->send, r->count, r->type, r->peer, TAG_DATA, r->comm);
			if (rc == MPI_SUCCESS)
				rc = MPI_Recv(r->recv, r->count, r->type, r->peer, TAG_BACK, r->comm,
					MPI_STATUS_IGNORE);
			continue;
		}
		rc = MPI_Recv(r->recv, r->count, r->type, r->peer, TAG_DATA, r->comm,
			MPI_STATUS_IGNORE);
		if (rc == MPI_SUCCESS)
			rc = MPI_Send(r->send, r->count, r->type, r->peer, TAG_BACK, r->comm);
	}
	return rc;
}

/* Posts `window` messages to or from the peer; all share one buffer, as OSU's benchmarks do. */
static int post(struct ct_mpi_req *r, bool sending, MPI_Request *pending)
{
	int rc = MPI_SUCCESS;

	for (int i = 0; i < r->window && rc == MPI_SUCCESS; i++)
		rc = sending ?
			MPI_Isend(r->send, r->count, r->type, r->peer, TAG_DATA, r->comm, pending + i) :
			MPI_Irecv(r->recv, r->count, r->type, r->peer, TAG_DATA, r->comm, pending + i);
	return rc;
}

/* The lower rank sends; an empty message back tells it that all has arrived, since a send may
 * complete long before. */
static int call_oneway(struct ct_mpi_req *r)
{
	bool sending = r->rank < r->peer;
	int rc;

	if (r->peer == r->rank)
		return MPI_SUCCESS;
	rc = post(r, sending, r->pending);
	if (rc == MPI_SUCCESS)
		rc = MPI_Waitall(r->window, r->pending, MPI_STATUSES_IGNORE);
	if (rc != MPI_SUCCESS)
		return rc;
	return sending ?
		MPI_Recv(NULL, 0, MPI_BYTE, r->peer, TAG_BACK, r->comm, MPI_STATUS_IGNORE) :
		MPI_Send(NULL, 0, MPI_BYTE, r->peer, TAG_BACK, r->comm);
}

/* Both directions at once. Each side's own receives are its proof of arrival, and the time of a
 * sample is the maximum over both, so there is nothing to acknowledge. */
static int call_duplex(struct ct_mpi_req *r)
{
	int rc;

	if (r->peer == r->rank)
		return MPI_SUCCESS;
	rc = post(r, false, r->pending);
	if (rc == MPI_SUCCESS)
		rc = post(r, true, r->pending + r->window);
	if (rc != MPI_SUCCESS)
		return rc;
	return MPI_Waitall(2 * r->window, r->pending, MPI_STATUSES_IGNORE);
}

static const struct {
	const char *name;
	int (*call)(struct ct_mpi_req *req);
	bool reduces, pair, rooted;
} calls[CT_NCOLLS] = {
	[CT_ALLREDUCE] = { "MPI_Allreduce", call_allreduce, true, false, false },
	[CT_ALLTOALL] = { "MPI_Alltoall", call_alltoall, false, false, false },
	[CT_ALLGATHER] = { "MPI_Allgather", call_allgather, false, false, false },
	[CT_REDUCE_SCATTER] = { "MPI_Reduce_scatter_block", call_reduce_scatter, true, false, false },
	[CT_BROADCAST] = { "MPI_Bcast", call_broadcast, false, false, true },
	[CT_REDUCE] = { "MPI_Reduce", call_reduce, true, false, true },
	[CT_BARRIER] = { "MPI_Barrier", call_barrier, false, false, false },
	[CT_GATHER] = { "MPI_Gather", call_gather, false, false, true },
	[CT_SCATTER] = { "MPI_Scatter", call_scatter, false, false, true },
	[CT_P2P_LATENCY] = { "MPI_Send and MPI_Recv", call_latency, false, true, false },
	[CT_P2P_ONEWAY] = { "MPI_Isend, MPI_Irecv and MPI_Waitall", call_oneway, false, true, false },
	[CT_P2P_DUPLEX] = { "MPI_Isend, MPI_Irecv and MPI_Waitall", call_duplex, false, true, false },
};

/* MPI 3.1 in C has no 16-bit floating types. What only moves may move them as other 2-byte
 * elements; what reduces may not. */
static ct_status bind_type(const struct ct_coll_desc *desc, struct ct_mpi_req *req)
{
	switch (desc->type) {
	case CT_INT32: req->type = MPI_INT32_T; return CT_OK;
	case CT_INT64: req->type = MPI_INT64_T; return CT_OK;
	case CT_FLOAT: req->type = MPI_FLOAT; return CT_OK;
	case CT_DOUBLE: req->type = MPI_DOUBLE; return CT_OK;
	case CT_HALF:
	case CT_BFLOAT16:
		if (calls[desc->coll].reduces)
			break;
		req->type = MPI_UINT16_T;
		return CT_OK;
	default:
		break;
	}
	return ct_fail(CT_UNSUPPORTED, "backend mpi: %s has no MPI type that can be reduced (int32, "
		"int64, float, double have)", ct_type_name(desc->type));
}

static ct_status bind_op(const struct ct_coll_desc *desc, struct ct_mpi_req *req)
{
	switch (desc->op) {
	case CT_SUM: req->op = MPI_SUM; return CT_OK;
	case CT_PROD: req->op = MPI_PROD; return CT_OK;
	case CT_MIN: req->op = MPI_MIN; return CT_OK;
	case CT_MAX: req->op = MPI_MAX; return CT_OK;
	default: return ct_fail(CT_UNSUPPORTED, "backend mpi: unknown operation %d", (int)desc->op);
	}
}

static ct_status bind_pair(const struct ct_mpi_row *row, const struct ct_coll_desc *desc,
	struct ct_mpi_req *req)
{
	if (desc->partner == NULL || desc->window == 0 || desc->window > INT_MAX / 2)
		return ct_fail(CT_INVALID, "backend mpi: %s needs partners and a window of 1 to %d",
			ct_coll_name(desc->coll), INT_MAX / 2);
	if (desc->partner[row->rank] >= row->nranks)
		return ct_fail(CT_INVALID, "backend mpi: partner %u of rank %u; there are %u ranks",
			desc->partner[row->rank], row->rank, row->nranks);
	for (uint32_t i = 0; i < row->nranks; i++)
		if (desc->partner[i] < row->nranks && desc->partner[desc->partner[i]] != i)
			return ct_fail(CT_UNSUPPORTED, "backend mpi has pairs of ranks only");
	req->peer = (int)desc->partner[row->rank];
	req->window = (int)desc->window;
	req->pending = ct_alloc((size_t)req->window * 2, sizeof(*req->pending));
	return req->pending != NULL ? CT_OK : CT_NOMEM;
}

/* Of what has a root only that may say MPI_IN_PLACE; a scatter's says so of where it receives. */
static void bind_in_place(const struct ct_mpi_row *row, const struct ct_coll_desc *desc,
	struct ct_mpi_req *req)
{
	bool says = desc->in_place && (!calls[desc->coll].rooted || desc->root == row->rank);

	req->send = desc->send;
	req->recv = desc->recv;
	if (says && desc->coll == CT_SCATTER)
		req->recv = MPI_IN_PLACE;
	else if (says)
		req->send = MPI_IN_PLACE;
	else if (desc->in_place && desc->coll == CT_REDUCE)
		req->send = desc->recv; /* where the input is */
}

static ct_status bind_buffers(const struct ct_mpi_row *row, const struct ct_coll_desc *desc,
	struct ct_mpi_req *req)
{
	bool copies = desc->coll == CT_BROADCAST && !desc->in_place && desc->root == row->rank;

	if (desc->in_place && !(row->caps.in_place >> desc->coll & 1))
		return ct_fail(CT_UNSUPPORTED, "backend mpi: %s in place has no call in MPI that leaves "
			"the data where ours are", ct_coll_name(desc->coll));
	if (calls[desc->coll].rooted && desc->root >= row->nranks)
		return ct_fail(CT_INVALID, "backend mpi: root %u; there are %u ranks", desc->root,
			row->nranks);
	bind_in_place(row, desc, req);
	req->root = (int)desc->root;
	req->copy_bytes = copies ? desc->count * ct_type_bytes(desc->type) : 0;
	return CT_OK;
}

ct_status ct_mpi_bind(const struct ct_mpi_row *row, const struct ct_coll_desc *desc,
	struct ct_mpi_req *req)
{
	ct_status status;

	if ((unsigned)desc->coll >= CT_NCOLLS)
		return ct_fail(CT_INVALID, "backend mpi: unknown operation %d", (int)desc->coll);
	if (desc->count > INT_MAX)
		return ct_fail(CT_UNSUPPORTED, "backend mpi: %llu elements; MPI's calls take at most %d",
			(unsigned long long)desc->count, INT_MAX);
	req->call = calls[desc->coll].call;
	req->name = calls[desc->coll].name;
	req->count = (int)desc->count;
	req->rank = (int)row->rank;
	req->peer = req->rank;
	req->op = MPI_OP_NULL;
	status = bind_type(desc, req);
	if (status == CT_OK && calls[desc->coll].reduces)
		status = bind_op(desc, req);
	if (status == CT_OK)
		status = bind_buffers(row, desc, req);
	if (status == CT_OK && calls[desc->coll].pair)
		status = bind_pair(row, desc, req);
	return status;
}
