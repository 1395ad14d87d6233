/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of algorithms, and the choice of "auto". */
#include <string.h>

#include "generate.h"

static const struct ct_algo algos[] = {
	{ CT_ALLREDUCE, "ring", "reduce-scatter and all-gather around a ring", true,
		ct_allreduce_ring },
	{ CT_ALLREDUCE, "recursive_doubling", "log n exchanges of the whole vector", false,
		ct_allreduce_doubling },
	{ CT_ALLREDUCE, "rabenseifner", "recursive halving, then recursive doubling", false,
		ct_allreduce_rabenseifner },
	{ CT_ALLREDUCE, "binomial", "binomial reduce to rank 0, binomial broadcast", false,
		ct_allreduce_binomial },
	{ CT_ALLREDUCE, "gather", "whole vectors to everyone, reduced in rank order", false,
		ct_allreduce_gather },
	{ CT_ALLREDUCE, "allpairs", "blocks to everyone, reduced in rank order", false,
		ct_allreduce_allpairs },
	{ CT_ALLTOALL, "pairwise", "one partner at a time", false, ct_alltoall_pairwise },
	{ CT_ALLTOALL, "linear", "all partners at once", false, ct_alltoall_linear },
	{ CT_ALLTOALL, "bruck", "log n messages of packed blocks", false, ct_alltoall_bruck },
	{ CT_ALLGATHER, "ring", "blocks passed on around a ring", true, ct_allgather_ring },
	{ CT_ALLGATHER, "recursive_doubling", "log n exchanges of growing runs", false,
		ct_allgather_doubling },
	{ CT_REDUCE_SCATTER, "ring", "partial results passed on around a ring", true,
		ct_reduce_scatter_ring },
	{ CT_REDUCE_SCATTER, "allpairs", "blocks to everyone, reduced in rank order", false,
		ct_reduce_scatter_allpairs },
	{ CT_BROADCAST, "binomial", "binomial tree", true, ct_broadcast_binomial },
	{ CT_REDUCE, "binomial", "binomial tree", true, ct_reduce_binomial },
	{ CT_BARRIER, "dissemination", "log n rounds of empty messages", false,
		ct_barrier_dissemination },
	{ CT_GATHER, "linear", "each rank's block straight to the root", false, ct_gather_linear },
	{ CT_GATHER, "binomial", "binomial tree of growing runs", false, ct_gather_binomial },
	{ CT_SCATTER, "linear", "each rank's block straight from the root", false, ct_scatter_linear },
	{ CT_SCATTER, "binomial", "binomial tree of shrinking runs", false, ct_scatter_binomial },
	{ CT_P2P_LATENCY, "ping_pong", "round trips between partners", false, ct_p2p_latency },
	{ CT_P2P_ONEWAY, "window", "messages from the lower to the higher rank", false,
		ct_p2p_oneway },
	{ CT_P2P_DUPLEX, "window", "messages both ways at once", false, ct_p2p_duplex },
	{ .name = NULL },
};

const struct ct_algo *ct_algo_rows(void)
{
	return algos;
}

const struct ct_algo *ct_algo_find(ct_coll coll, const char *name)
{
	const struct ct_algo *row;

	for (row = algos; row->name != NULL; row++)
		if (row->coll == coll && strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

/*
 * Thresholds in bytes of nccl-tests' size column. The form is that of Thakur, Rabenseifner and
 * Gropp 2005 (section 5): few messages for short vectors, little data for long ones, the ring
 * once a block is long enough to pay for its n-1 steps. They only serve where nobody has measured;
 * a tuned job asks for an algorithm by name.
 */
static const char *allreduce_auto(uint64_t bytes, uint32_t n)
{
	/* Two ranks: one exchange against two, but each rank reduces the whole vector. */
	if (bytes <= (n <= 2 ? 64 << 10 : 8 << 10))
		return "recursive_doubling";
	return bytes / n < 64 << 10 ? "rabenseifner" : "ring";
}

static const char *alltoall_auto(uint64_t bytes, uint32_t n)
{
	uint64_t block = bytes / n;

	if (n >= 8 && block <= 256)
		return "bruck";
	return block <= 32 << 10 ? "linear" : "pairwise";
}

const struct ct_algo *ct_algo_auto(const struct ct_shape *shape)
{
	uint32_t n = shape->nranks;
	uint64_t total = shape->count * shape->element_bytes;
	const struct ct_algo *row = algos;

	switch (shape->coll) {
	case CT_ALLREDUCE:
		return ct_algo_find(CT_ALLREDUCE, allreduce_auto(total, n));
	case CT_ALLTOALL:
		return ct_algo_find(CT_ALLTOALL, alltoall_auto(total * n, n));
	case CT_ALLGATHER:
		return ct_algo_find(CT_ALLGATHER,
			total * n <= 512 << 10 ? "recursive_doubling" : "ring");
	default:
		while (row->name != NULL && row->coll != shape->coll)
			row++;
		return row->name != NULL ? row : NULL;
	}
}

const char *ct_coll_auto(ct_coll coll, uint64_t count, uint32_t nranks, ct_type type)
{
	struct ct_shape shape = { .coll = coll, .count = count, .nranks = nranks,
		.element_bytes = (uint32_t)ct_type_bytes(type) };
	const struct ct_algo *algo = ct_algo_auto(&shape);

	return algo != NULL ? algo->name : NULL;
}

bool ct_algo_in_order(const struct ct_algo *algo)
{
	return algo->generate == ct_allreduce_gather || algo->generate == ct_allreduce_allpairs ||
		algo->generate == ct_reduce_scatter_allpairs;
}

bool ct_coll_in_order(ct_coll coll, const char *name)
{
	const struct ct_algo *algo = ct_algo_find(coll, name);

	return algo != NULL && ct_algo_in_order(algo);
}

const char *ct_coll_pick_in_order(ct_coll coll, uint32_t nranks, uint64_t bytes)
{
	/* One step of latency against (n - 1) times the data; the bound is that of allreduce_auto(). */
	if (coll == CT_ALLREDUCE)
		return bytes * (nranks - 1) <= 64 << 10 ? "gather" : "allpairs";
	return coll == CT_REDUCE_SCATTER ? "allpairs" : NULL;
}
