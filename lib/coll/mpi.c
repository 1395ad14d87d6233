/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Backend "mpi": the MPI library's own collectives and messages. Its part of the module; see
 * mpi_call.c for the calls and mpi_knobs.c for the algorithms that can be forced.
 */
#include <stdio.h>
#include <string.h>

#include "mpi_row.h"

/* The module's table in lib/boot points here; no header is shared by both sides. */
extern const struct ct_coll_ops ct_coll_mpi;

static ct_status mpi_probe(const struct ct_coll_settings *settings)
{
	int on = 0, over = 0;

	(void)settings;
	if (MPI_Initialized(&on) != MPI_SUCCESS || MPI_Finalized(&over) != MPI_SUCCESS || !on || over)
		return ct_fail(CT_UNSUPPORTED, "MPI is not initialised in this process (start it with "
			"mpirun)");
	return CT_OK;
}

/* The row works over MPI_COMM_WORLD; a job with other ranks than that has no such communicator. */
static ct_status same_ranks(const struct ct_world *world)
{
	int rank = -1, nranks = -1;

	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &nranks);
	if ((uint32_t)rank == world->rank && (uint32_t)nranks == world->nranks)
		return CT_OK;
	return ct_fail(CT_UNSUPPORTED, "backend mpi: this is rank %u of %u, but %d of %d in MPI: it "
		"needs all of MPI's ranks in their order", world->rank, world->nranks, rank, nranks);
}

/* What is known of the way below: components that the user chose. On one host the rate of a memory
 * copy bounds whatever way MPI takes. */
static void describe_net(struct ct_mpi_row *row, uint32_t nhosts)
{
	struct ct_net_caps *net = &row->caps.net;
	char pml[48], btl[80];

	ct_mpi_cvar_text("pml", pml, sizeof(pml));
	ct_mpi_cvar_text("btl", btl, sizeof(btl));
	if (pml[0] != '\0' || btl[0] != '\0')
		snprintf(net->path, sizeof(net->path), "MCA allows %s%s%s%s%s", pml[0] ? "pml " : "", pml,
			pml[0] && btl[0] ? ", " : "", btl[0] ? "btl " : "", btl);
	if (nhosts == 1)
		snprintf(net->expectation, sizeof(net->expectation), "copy");
	net->data_unchecked = true;
}

/* 16-bit floats are not among the types since no reduction has them; operations that only move
 * data take them all the same (mpi_call.c). */
static void fill_caps(struct ct_mpi_row *row, uint32_t nhosts)
{
	struct ct_coll_caps *caps = &row->caps;
	char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
	int length = 0;

	caps->colls = (1u << CT_NCOLLS) - 1;
	caps->types = 1u << CT_INT32 | 1u << CT_INT64 | 1u << CT_FLOAT | 1u << CT_DOUBLE;
	caps->ops = (1u << CT_NOPS) - 1;
	caps->in_place = 1u << CT_ALLREDUCE | 1u << CT_ALLGATHER | 1u << CT_BROADCAST |
		1u << CT_REDUCE | 1u << CT_GATHER | 1u << CT_SCATTER;
	caps->abandons = false;
	MPI_Get_library_version(version, &length);
	ct_mpi_library_words(version, caps->library, sizeof(caps->library));
	describe_net(row, nhosts);
	ct_mpi_list_algos(row, nhosts);
}

static ct_status open_comm(struct ct_mpi_row *row)
{
	int rc = MPI_Comm_dup(MPI_COMM_WORLD, &row->comm);

	if (rc != MPI_SUCCESS)
		return ct_mpi_failed(rc, "MPI_Comm_dup");
	rc = MPI_Comm_set_errhandler(row->comm, MPI_ERRORS_RETURN);
	if (rc != MPI_SUCCESS) {
		MPI_Comm_free(&row->comm);
		return ct_mpi_failed(rc, "MPI_Comm_set_errhandler");
	}
	return CT_OK;
}

static ct_status mpi_open(const struct ct_coll_env *env, void **self)
{
	struct ct_mpi_row *row;
	ct_status status = mpi_probe(NULL);
	int provided;

	if (status == CT_OK)
		status = same_ranks(env->world);
	if (status != CT_OK)
		return status;
	row = ct_alloc(1, sizeof(*row));
	if (row == NULL)
		return CT_NOMEM;
	row->rank = env->world->rank;
	row->nranks = env->world->nranks;
	/* counted by MPI: each open has its own */
	if (MPI_T_init_thread(MPI_THREAD_SINGLE, &provided) != MPI_SUCCESS) {
		status = ct_fail(CT_UNSUPPORTED, "backend mpi: MPI_T_init_thread failed");
		goto free_row;
	}
	status = open_comm(row);
	if (status != CT_OK)
		goto end_tools;
	fill_caps(row, env->world->nhosts);
	*self = row;
	return CT_OK;
end_tools:
	MPI_T_finalize();
free_row:
	ct_free(row);
	return status;
}

static void mpi_close(void *self)
{
	struct ct_mpi_row *row = self;

	ct_mpi_free_forced(row);
	MPI_Comm_free(&row->comm);
	MPI_T_finalize();
	ct_free(row);
}

static const struct ct_coll_caps *mpi_query(void *self)
{
	return &((struct ct_mpi_row *)self)->caps;
}

/* Index of DESC's algorithm in row->algos. */
static ct_status find_algo(const struct ct_mpi_row *row, const struct ct_coll_desc *desc, size_t *found)
{
	const char *name = desc->algo != NULL ? desc->algo : "default";
	char list[300] = "";
	size_t used = 0;

	for (size_t i = 0; i < row->caps.nalgos; i++) {
		if (row->algos[i].coll != desc->coll)
			continue;
		if (strcmp(row->names[i], name) == 0) {
			*found = i;
			return CT_OK;
		}
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", row->names[i]);
	}
	if (row->caps.fixed[0] != '\0')
		return ct_fail(CT_UNSUPPORTED, "backend mpi: cannot force %s by %s: %s",
			ct_coll_name(desc->coll), name, row->caps.fixed);
	return ct_fail(CT_INVALID, "backend mpi: no algorithm %s for %s; there are%s", name,
		ct_coll_name(desc->coll), list);
}

static ct_status mpi_prepare(void *self, const struct ct_coll_desc *desc, void **out)
{
	struct ct_mpi_row *row = self;
	struct ct_mpi_req *req = ct_alloc(1, sizeof(*req));
	ct_status status;
	size_t algo;

	if (req == NULL)
		return CT_NOMEM;
	req->comm = row->comm;
	status = ct_mpi_bind(row, desc, req);
	if (status == CT_OK)
		status = find_algo(row, desc, &algo);
	if (status == CT_OK && row->ids[algo] != 0)
		status = ct_mpi_force(row, algo, desc, &req->comm);
	if (status != CT_OK) {
		ct_free(req->pending);
		ct_free(req);
		return status;
	}
	*out = req;
	return CT_OK;
}

static ct_status mpi_start(void *self, void *request)
{
	struct ct_mpi_row *row = self;
	struct ct_mpi_req *req = request;
	int rc;

	row->unsettled = true;
	row->tested = false;
	atomic_store_explicit(&req->inside, true, memory_order_relaxed);
	rc = req->call(req);
	atomic_store_explicit(&req->inside, false, memory_order_relaxed);
	req->status = rc == MPI_SUCCESS ? CT_OK : ct_mpi_failed(rc, req->name);
	return req->status;
}

/* The first test after a start, which may be part of a measured time, only tells. A later one is of
 * somebody who waits for others outside of MPI: they may need this rank's progress inside it, see
 * settle(). */
static ct_status mpi_test(void *self, void *request)
{
	struct ct_mpi_row *row = self;
	struct ct_mpi_req *req = request;
	int flag;

	if (row->tested && row->unsettled && req->status == CT_OK)
		MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, row->comm, &flag, MPI_STATUS_IGNORE);
	row->tested = true;
	return req->status;
}

static void mpi_release(void *self, void *request)
{
	struct ct_mpi_req *req = request;

	(void)self;
	ct_free(req->pending);
	ct_free(req);
}

static ct_status mpi_mark(void *self, unsigned slot)
{
	((struct ct_mpi_row *)self)->marks[slot] = ct_now_ns();
	return CT_OK;
}

/*
 * MPI moves data only while the program is inside MPI. A rank whose part is done may still owe
 * another one a word (that a large message was fetched), and the caller's next step is a barrier
 * that is not MPI's: both would wait for ever (seen with 256 KiB one-way on Open MPI 4.1.4). So no
 * rank goes on before all have finished. Outside of the time: the marks have been made.
 */
static ct_status settle(struct ct_mpi_row *row)
{
	int rc;

	row->unsettled = false;
	atomic_store_explicit(&row->settling, true, memory_order_relaxed);
	rc = MPI_Barrier(row->comm);
	atomic_store_explicit(&row->settling, false, memory_order_relaxed);
	return rc == MPI_SUCCESS ? CT_OK : ct_mpi_failed(rc, "MPI_Barrier");
}

static ct_status mpi_span(void *self, unsigned from, unsigned to, uint64_t *ns)
{
	struct ct_mpi_row *row = self;
	ct_status status = row->unsettled ? settle(row) : CT_OK;

	if (status == CT_OK)
		*ns = row->marks[to] - row->marks[from];
	return status;
}

static void mpi_waiting(void *self, void *request, char *out, size_t room)
{
	const struct ct_mpi_row *row = self;
	const struct ct_mpi_req *req = request;

	if (atomic_load_explicit(&row->settling, memory_order_relaxed))
		snprintf(out, room, "MPI_Barrier after an operation (a blocking call of the library)");
	else if (req == NULL || !atomic_load_explicit(&req->inside, memory_order_relaxed))
		snprintf(out, room, "no call of MPI");
	else if (req->peer != req->rank)
		snprintf(out, room, "%s with rank %d (blocking calls of the library)", req->name,
			req->peer);
	else
		snprintf(out, room, "%s (a blocking call of the library)", req->name);
}

const struct ct_coll_ops ct_coll_mpi = {
	.abi = CT_COLL_ABI,
	.name = "mpi",
	.summary = "the MPI library's own collectives",
	.probe = mpi_probe,
	.open = mpi_open,
	.close = mpi_close,
	.query = mpi_query,
	.prepare = mpi_prepare,
	.start = mpi_start,
	.test = mpi_test,
	.release = mpi_release,
	.mark = mpi_mark,
	.span = mpi_span,
	.waiting = mpi_waiting,
};
