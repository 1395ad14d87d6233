/* SPDX-License-Identifier: BSD-3-Clause */
/* What Open MPI's component coll/tuned calls its collectives and their algorithms. The number of an
 * algorithm is its place in the list, from 1 (coll_tuned_<coll>_decision.c of v4.1, the same numbers
 * in v5.0). Our reduce-scatter has equal blocks, so MPI_Reduce_scatter_block is its call. */
#include "coll.h"

static const char *const allreduce_names[] = { "basic_linear", "nonoverlapping",
	"recursive_doubling", "ring", "segmented_ring", "rabenseifner", NULL };
static const char *const alltoall_names[] = { "linear", "pairwise", "modified_bruck",
	"linear_sync", "two_proc", NULL };
static const char *const allgather_names[] = { "linear", "bruck", "recursive_doubling", "ring",
	"neighbor", "two_proc", NULL };
static const char *const reduce_scatter_names[] = { "basic_linear", "recursive_doubling",
	"recursive_halving", "butterfly", NULL };
static const char *const broadcast_names[] = { "basic_linear", "chain", "pipeline",
	"split_binary_tree", "binary_tree", "binomial", "knomial", "scatter_allgather",
	"scatter_allgather_ring", NULL };
static const char *const reduce_names[] = { "linear", "chain", "pipeline", "binary", "binomial",
	"in-order_binary", "rabenseifner", NULL };
static const char *const barrier_names[] = { "linear", "double_ring", "recursive_doubling",
	"bruck", "two_proc", "tree", NULL };
static const char *const no_names[] = { NULL };

static const struct {
	const char *word;
	int id; /* in rules files: coll_tuned_util's list, the same in 4.x and 5.x */
	const char *const *names;
} tuned[CT_NCOLLS] = {
	[CT_ALLREDUCE] = { "allreduce", 2, allreduce_names },
	[CT_ALLTOALL] = { "alltoall", 3, alltoall_names },
	[CT_ALLGATHER] = { "allgather", 0, allgather_names },
	[CT_REDUCE_SCATTER] = { "reduce_scatter_block", 13, reduce_scatter_names },
	[CT_BROADCAST] = { "bcast", 7, broadcast_names },
	[CT_REDUCE] = { "reduce", 11, reduce_names },
	[CT_BARRIER] = { "barrier", 6, barrier_names },
};

const char *ct_openmpi_word(ct_coll coll)
{
	return tuned[coll].word;
}

int ct_openmpi_id(ct_coll coll)
{
	return tuned[coll].word != NULL ? tuned[coll].id : -1;
}

const char *const *ct_openmpi_algos(ct_coll coll)
{
	return tuned[coll].names != NULL ? tuned[coll].names : no_names;
}
