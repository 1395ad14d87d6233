/* SPDX-License-Identifier: BSD-3-Clause */
/* What Open MPI's component coll/tuned calls its collectives and their algorithms. The number of an
 * algorithm is its place in the list, from 1 (coll_tuned_<coll>_decision.c of v4.1, the same numbers
 * in v5.0). Our reduce-scatter has equal blocks, so MPI_Reduce_scatter_block is its call. */
#include <string.h>

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
static const char *const gather_names[] = { "basic_linear", "binomial", "linear_sync", NULL };
static const char *const scatter_names[] = { "basic_linear", "binomial", "linear_nb", NULL };
static const char *const no_names[] = { NULL };

/* The functions of coll/base that these are, as a debugger or a preloaded witness sees them. */
static const char *const allreduce_functions[] = {
	"ompi_coll_base_allreduce_intra_basic_linear",
	"ompi_coll_base_allreduce_intra_nonoverlapping",
	"ompi_coll_base_allreduce_intra_recursivedoubling",
	"ompi_coll_base_allreduce_intra_ring",
	"ompi_coll_base_allreduce_intra_ring_segmented",
	"ompi_coll_base_allreduce_intra_redscat_allgather",
	NULL
};
static const char *const alltoall_functions[] = {
	"ompi_coll_base_alltoall_intra_basic_linear",
	"ompi_coll_base_alltoall_intra_pairwise",
	"ompi_coll_base_alltoall_intra_bruck",
	"ompi_coll_base_alltoall_intra_linear_sync",
	"ompi_coll_base_alltoall_intra_two_procs",
	NULL
};
static const char *const allgather_functions[] = {
	"ompi_coll_base_allgather_intra_basic_linear",
	"ompi_coll_base_allgather_intra_bruck",
	"ompi_coll_base_allgather_intra_recursivedoubling",
	"ompi_coll_base_allgather_intra_ring",
	"ompi_coll_base_allgather_intra_neighborexchange",
	"ompi_coll_base_allgather_intra_two_procs",
	NULL
};
static const char *const reduce_scatter_functions[] = {
	"ompi_coll_base_reduce_scatter_block_basic_linear",
	"ompi_coll_base_reduce_scatter_block_intra_recursivedoubling",
	"ompi_coll_base_reduce_scatter_block_intra_recursivehalving",
	"ompi_coll_base_reduce_scatter_block_intra_butterfly",
	NULL
};
static const char *const broadcast_functions[] = {
	"ompi_coll_base_bcast_intra_basic_linear",
	"ompi_coll_base_bcast_intra_chain",
	"ompi_coll_base_bcast_intra_pipeline",
	"ompi_coll_base_bcast_intra_split_bintree",
	"ompi_coll_base_bcast_intra_bintree",
	"ompi_coll_base_bcast_intra_binomial",
	"ompi_coll_base_bcast_intra_knomial",
	"ompi_coll_base_bcast_intra_scatter_allgather",
	"ompi_coll_base_bcast_intra_scatter_allgather_ring",
	NULL
};

static const char *const reduce_functions[] = {
	"ompi_coll_base_reduce_intra_basic_linear",
	"ompi_coll_base_reduce_intra_chain",
	"ompi_coll_base_reduce_intra_pipeline",
	"ompi_coll_base_reduce_intra_binary",
	"ompi_coll_base_reduce_intra_binomial",
	"ompi_coll_base_reduce_intra_in_order_binary",
	"ompi_coll_base_reduce_intra_redscat_gather",
	NULL
};
static const char *const gather_functions[] = {
	"ompi_coll_base_gather_intra_basic_linear",
	"ompi_coll_base_gather_intra_binomial",
	"ompi_coll_base_gather_intra_linear_sync",
	NULL
};
static const char *const scatter_functions[] = {
	"ompi_coll_base_scatter_intra_basic_linear",
	"ompi_coll_base_scatter_intra_binomial",
	"ompi_coll_base_scatter_intra_linear_nb",
	NULL
};

static const struct {
	const char *word;
	int id; /* in rules files: coll_tuned_util's list, the same in 4.x and 5.x */
	const char *const *names, *const *functions;
} tuned[CT_NCOLLS] = {
	[CT_ALLREDUCE] = { "allreduce", 2, allreduce_names,
		allreduce_functions },
	[CT_ALLTOALL] = { "alltoall", 3, alltoall_names,
		alltoall_functions },
	[CT_ALLGATHER] = { "allgather", 0, allgather_names,
		allgather_functions },
	[CT_REDUCE_SCATTER] = { "reduce_scatter_block", 13, reduce_scatter_names,
		reduce_scatter_functions },
	[CT_BROADCAST] = { "bcast", 7, broadcast_names,
		broadcast_functions },
	[CT_REDUCE] = { "reduce", 11, reduce_names, reduce_functions },
	[CT_BARRIER] = { "barrier", 6, barrier_names, NULL },
	[CT_GATHER] = { "gather", 9, gather_names, gather_functions },
	[CT_SCATTER] = { "scatter", 15, scatter_names, scatter_functions },
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

const char *ct_openmpi_function(ct_coll coll, const char *algo)
{
	const char *const *names = ct_openmpi_algos(coll);

	for (int i = 0; names[i] != NULL && tuned[coll].functions != NULL; i++)
		if (strcmp(names[i], algo) == 0 && tuned[coll].functions[i] != NULL)
			return tuned[coll].functions[i];
	return NULL;
}
