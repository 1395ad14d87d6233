/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NCCL's cells (algorithm, protocol, channels) as algorithms of the row, so that a search tries them in one launch and
 * on one communicator: our tuner plugin, which the library has loaded, takes the cell that its sweep names.
 */
#include <sched.h>
#include <string.h>

#include "nccl_api.h"

/* Elements of what is asked about at first: 8 B, 16 MiB, of each rank where a rank has a block; how often. */
enum { FEW = 2, MANY = 4 << 20, TRIES = 1000 };

/* What NCCL 2.28 knows for each collective (src/graph/tuning.cc: ring alone for broadcast and reduce, LL and LL128 for
 * ring and tree alone, tree for sums to all alone); which of them are possible here its own table says. */
static const struct {
	ct_coll coll;
	const char *name;
} cells[CT_NCCL_CELLS] = {
	{ CT_ALLREDUCE, "tree/ll" }, { CT_ALLREDUCE, "tree/ll128" }, { CT_ALLREDUCE, "tree/simple" },
	{ CT_ALLREDUCE, "ring/ll" }, { CT_ALLREDUCE, "ring/ll128" }, { CT_ALLREDUCE, "ring/simple" },
	{ CT_ALLREDUCE, "collnet_direct/simple" }, { CT_ALLREDUCE, "collnet_chain/simple" },
	{ CT_ALLREDUCE, "nvls/simple" }, { CT_ALLREDUCE, "nvls_tree/simple" },
	{ CT_ALLGATHER, "ring/ll" }, { CT_ALLGATHER, "ring/ll128" }, { CT_ALLGATHER, "ring/simple" },
	{ CT_ALLGATHER, "collnet_direct/simple" }, { CT_ALLGATHER, "nvls/simple" }, { CT_ALLGATHER, "pat/simple" },
	{ CT_REDUCE_SCATTER, "ring/ll" }, { CT_REDUCE_SCATTER, "ring/ll128" }, { CT_REDUCE_SCATTER, "ring/simple" },
	{ CT_REDUCE_SCATTER, "collnet_direct/simple" }, { CT_REDUCE_SCATTER, "nvls/simple" },
	{ CT_REDUCE_SCATTER, "pat/simple" },
	{ CT_BROADCAST, "ring/ll" }, { CT_BROADCAST, "ring/ll128" }, { CT_BROADCAST, "ring/simple" },
	{ CT_REDUCE, "ring/ll" }, { CT_REDUCE, "ring/ll128" }, { CT_REDUCE, "ring/simple" },
};

static const int64_t channels[] = { 0, 1, 2, 4, 8, 16, 32 };
static const struct ct_knob knob = { "channels", "channels; 0 = as many as NCCL takes by itself", channels,
	sizeof(channels) / sizeof(channels[0]) };

/* Index of the N letters at WORD among KNOWN, NULL-ended; -1: none. */
static int index_of(const char *const *known, const char *word, size_t n)
{
	for (int i = 0; known[i] != NULL; i++)
		if (strlen(known[i]) == n && memcmp(known[i], word, n) == 0)
			return i;
	return -1;
}

int64_t ct_nccl_cell(const struct ct_nccl *row, const struct ct_coll_desc *desc)
{
	const char *proto = desc->algo != NULL ? strchr(desc->algo, '/') : NULL;
	int a, p;

	if (row->sweep == NULL || proto == NULL)
		return CT_TUNER_NONE;
	a = index_of(row->sweep->algos, desc->algo, (size_t)(proto - desc->algo));
	p = index_of(row->sweep->protos, proto + 1, strlen(proto + 1));
	return a < 0 || p < 0 ? CT_TUNER_NONE : a + 256 * (int64_t)p + 65536 * desc->knob[0];
}

/* The table that was shown last, if it is one for REQ: other ranks of this process ask too, and may be ahead. */
static bool read_costs(const struct ct_nccl *row, const struct ct_nccl_req *req,
	float us[CT_NCCL_ALGOS][CT_NCCL_PROTOS])
{
	struct ct_tuner_sweep *sweep = row->sweep;
	bool mine;

	while (atomic_exchange(&sweep->writing, true))
		sched_yield();
	mine = sweep->func == ct_nccl_func(req->desc.coll) && sweep->bytes == ct_coll_bytes(req->desc.coll,
		row->nranks, req->desc.count, req->desc.type) && atomic_load(&sweep->seen) > 0;
	memcpy(us, sweep->cost_us, sizeof(sweep->cost_us));
	atomic_store(&sweep->writing, false);
	return mine;
}

/* Has the library show its tuner what it would do for REQ, which nobody runs. */
static ct_status simulate(struct ct_nccl *row, const struct ct_nccl_req *req)
{
	struct ct_nccl_sim sim = { sizeof(sim), CT_NCCL_SIM_MAGIC, CT_NCCL_SIM_VERSION, -1 };
	int issued, rc;

	atomic_store(&row->sweep->forced, CT_TUNER_NONE);
	atomic_store(&row->sweep->watch, true);
	issued = rc = row->lib.call.group_start();
	if (rc == CT_NCCL_SUCCESS) {
		issued = req->issue(row, req);
		rc = row->lib.call.simulate_end(&sim); /* in any case: a group that is open stays open */
	}
	atomic_store(&row->sweep->watch, false);
	if (issued == CT_NCCL_SUCCESS)
		issued = rc;
	return ct_nccl_status(&row->lib, row->comm, "ncclGroupSimulateEnd", issued);
}

/* The costs that the library shows for REQ; below 0: not possible. */
static ct_status ask(struct ct_nccl *row, const struct ct_nccl_req *req, float us[CT_NCCL_ALGOS][CT_NCCL_PROTOS])
{
	for (int i = 0; i < TRIES; i++) {
		ct_status status = simulate(row, req);

		if (status != CT_OK || read_costs(row, req, us))
			return status;
		sched_yield();
	}
	return ct_fail(CT_UNSUPPORTED, "%s shows its tuner no costs of %s", row->lib.product,
		ct_coll_name(req->desc.coll));
}

static bool has(float us[CT_NCCL_ALGOS][CT_NCCL_PROTOS], int64_t cell)
{
	return us[cell & 0xff][cell >> 8 & 0xff] >= 0;
}

/* Adds to POSSIBLE which cells COLL may have for COUNT elements. */
static ct_status ask_coll(struct ct_nccl *row, ct_coll coll, uint64_t count, bool possible[CT_NCCL_CELLS])
{
	struct ct_nccl_req req = { .desc = { .coll = coll, .type = CT_FLOAT, .op = CT_SUM, .count = count,
		.send = row->token, .recv = row->token } };
	float us[CT_NCCL_ALGOS][CT_NCCL_PROTOS];
	ct_status status;

	ct_nccl_bind(row, &req);
	status = ask(row, &req, us);
	for (size_t i = 0; i < CT_NCCL_CELLS && status == CT_OK; i++) {
		struct ct_coll_desc desc = { .algo = cells[i].name };

		if (cells[i].coll == coll)
			possible[i] |= has(us, ct_nccl_cell(row, &desc));
	}
	return status;
}

ct_status ct_nccl_cells(struct ct_nccl *row, struct ct_coll_algo *algos, size_t *n)
{
	static const ct_coll colls[] = { CT_ALLREDUCE, CT_ALLGATHER, CT_REDUCE_SCATTER, CT_BROADCAST, CT_REDUCE };
	bool possible[CT_NCCL_CELLS] = { false };
	ct_status status = CT_OK;

	*n = 0;
	if (!row->set.cells)
		return CT_OK;
	if (row->sweep == NULL || row->gpu == NULL || row->lib.call.simulate_end == NULL || row->set.nonblocking)
		return ct_fail(CT_UNSUPPORTED, "NCCL's settings are tried through colltune's tuner plugin and "
			"ncclGroupSimulateEnd (2.22), on GPUs and communicators that block");
	for (size_t c = 0; c < sizeof(colls) / sizeof(colls[0]) && status == CT_OK; c++) {
		status = ask_coll(row, colls[c], FEW, possible);
		if (status == CT_OK)
			status = ask_coll(row, colls[c], MANY, possible);
	}
	for (size_t i = 0; i < CT_NCCL_CELLS && status == CT_OK; i++)
		if (possible[i])
			algos[(*n)++] = (struct ct_coll_algo){ cells[i].coll, cells[i].name, &knob, 1 };
	return status;
}

ct_status ct_nccl_possible(struct ct_nccl *row, const struct ct_nccl_req *req)
{
	float us[CT_NCCL_ALGOS][CT_NCCL_PROTOS];
	ct_status status;

	if (req->forced == CT_TUNER_NONE)
		return CT_OK;
	status = ask(row, req, us);
	if (status != CT_OK || has(us, req->forced))
		return status;
	return ct_fail(CT_UNSUPPORTED, "%s has no %s here for %s of this size", row->lib.product, req->desc.algo,
		ct_coll_name(req->desc.coll));
}
