/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into a rank, tells which of Open MPI's algorithms really ran: each wrapper notes its
 * name and calls the real function. All arguments of these functions are integers or pointers and
 * there are at most eleven, so twelve machine words carry any of them (x86-64, aarch64).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static char seen[4096];

/* The algorithms since the last reset, outermost first, each followed by a blank: one that hands
 * over to another shows as two. */
const char *whichalgo_seen(void);
const char *whichalgo_seen(void)
{
	return seen;
}

void whichalgo_reset(void);
void whichalgo_reset(void)
{
	seen[0] = '\0';
}

typedef int any_algo(long, long, long, long, long, long, long, long, long, long, long, long);

static any_algo *note(const char *name)
{
	any_algo *real = (any_algo *)dlsym(RTLD_NEXT, name);

	if (real == NULL || strlen(seen) + strlen(name) + 2 > sizeof(seen))
		abort();
	strcat(strcat(seen, name), " ");
	return real;
}

#define WRAP(name)                                                                                 \
	any_algo name;                                                                             \
	int name(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j,   \
		long k, long l)                                                                    \
	{                                                                                          \
		return note(#name)(a, b, c, d, e, f, g, h, i, j, k, l);                            \
	}

WRAP(ompi_coll_base_allgather_intra_basic_linear)
WRAP(ompi_coll_base_allgather_intra_bruck)
WRAP(ompi_coll_base_allgather_intra_neighborexchange)
WRAP(ompi_coll_base_allgather_intra_recursivedoubling)
WRAP(ompi_coll_base_allgather_intra_ring)
WRAP(ompi_coll_base_allgather_intra_two_procs)
WRAP(ompi_coll_base_allreduce_intra_basic_linear)
WRAP(ompi_coll_base_allreduce_intra_nonoverlapping)
WRAP(ompi_coll_base_allreduce_intra_recursivedoubling)
WRAP(ompi_coll_base_allreduce_intra_redscat_allgather)
WRAP(ompi_coll_base_allreduce_intra_ring)
WRAP(ompi_coll_base_allreduce_intra_ring_segmented)
WRAP(ompi_coll_base_alltoall_intra_basic_linear)
WRAP(ompi_coll_base_alltoall_intra_bruck)
WRAP(ompi_coll_base_alltoall_intra_linear_sync)
WRAP(ompi_coll_base_alltoall_intra_pairwise)
WRAP(ompi_coll_base_alltoall_intra_two_procs)
WRAP(ompi_coll_base_barrier_intra_basic_linear)
WRAP(ompi_coll_base_barrier_intra_bruck)
WRAP(ompi_coll_base_barrier_intra_doublering)
WRAP(ompi_coll_base_barrier_intra_recursivedoubling)
WRAP(ompi_coll_base_barrier_intra_tree)
WRAP(ompi_coll_base_barrier_intra_two_procs)
WRAP(ompi_coll_base_bcast_intra_basic_linear)
WRAP(ompi_coll_base_bcast_intra_binomial)
WRAP(ompi_coll_base_bcast_intra_bintree)
WRAP(ompi_coll_base_bcast_intra_chain)
WRAP(ompi_coll_base_bcast_intra_knomial)
WRAP(ompi_coll_base_bcast_intra_pipeline)
WRAP(ompi_coll_base_bcast_intra_scatter_allgather)
WRAP(ompi_coll_base_bcast_intra_scatter_allgather_ring)
WRAP(ompi_coll_base_bcast_intra_split_bintree)
WRAP(ompi_coll_base_reduce_intra_basic_linear)
WRAP(ompi_coll_base_reduce_intra_binary)
WRAP(ompi_coll_base_reduce_intra_binomial)
WRAP(ompi_coll_base_reduce_intra_chain)
WRAP(ompi_coll_base_reduce_intra_in_order_binary)
WRAP(ompi_coll_base_reduce_intra_pipeline)
WRAP(ompi_coll_base_reduce_intra_redscat_gather)
WRAP(ompi_coll_base_reduce_scatter_block_basic_linear)
WRAP(ompi_coll_base_reduce_scatter_block_intra_butterfly)
WRAP(ompi_coll_base_reduce_scatter_block_intra_recursivedoubling)
WRAP(ompi_coll_base_reduce_scatter_block_intra_recursivehalving)
WRAP(ompi_coll_base_gather_intra_basic_linear)
WRAP(ompi_coll_base_gather_intra_binomial)
WRAP(ompi_coll_base_gather_intra_linear_sync)
WRAP(ompi_coll_base_scatter_intra_basic_linear)
WRAP(ompi_coll_base_scatter_intra_binomial)
WRAP(ompi_coll_base_scatter_intra_linear_nb)
