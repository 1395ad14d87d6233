/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into a rank, tells which of Open MPI's algorithms really ran (colltune export --verify): each
 * wrapper notes its name and calls the real function. All arguments of these functions are integers
 * or pointers, eleven at most, so twelve machine words carry any of them (x86-64, aarch64). It links
 * nothing of ours.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* All of it is there to be found by name. */
#pragma GCC visibility push(default)

const char *ct_witness_seen(void);
void ct_witness_reset(void);

typedef int any_algo(long, long, long, long, long, long, long, long, long, long, long, long);

static char first[80]; /* one rank a process, and one thread of it in MPI */

/* The first function of coll/base that ran since the last reset, or "". */
const char *ct_witness_seen(void)
{
	return first;
}

void ct_witness_reset(void)
{
	first[0] = '\0';
}

static any_algo *note(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);
	any_algo *real;

	if (symbol == NULL)
		abort(); /* nobody can have called it */
	memcpy(&real, &symbol, sizeof(real));
	if (first[0] == '\0')
		strncat(first, name, sizeof(first) - 1);
	return real;
}

#define WITNESS(name)                                                                               \
	any_algo name;                                                                             \
	int name(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j,   \
		long k, long l)                                                                    \
	{                                                                                          \
		return note(#name)(a, b, c, d, e, f, g, h, i, j, k, l);                            \
	}

WITNESS(ompi_coll_base_allreduce_intra_basic_linear)
WITNESS(ompi_coll_base_allreduce_intra_nonoverlapping)
WITNESS(ompi_coll_base_allreduce_intra_recursivedoubling)
WITNESS(ompi_coll_base_allreduce_intra_ring)
WITNESS(ompi_coll_base_allreduce_intra_ring_segmented)
WITNESS(ompi_coll_base_allreduce_intra_redscat_allgather)
WITNESS(ompi_coll_base_alltoall_intra_basic_linear)
WITNESS(ompi_coll_base_alltoall_intra_pairwise)
WITNESS(ompi_coll_base_alltoall_intra_bruck)
WITNESS(ompi_coll_base_alltoall_intra_linear_sync)
WITNESS(ompi_coll_base_alltoall_intra_two_procs)
WITNESS(ompi_coll_base_allgather_intra_basic_linear)
WITNESS(ompi_coll_base_allgather_intra_bruck)
WITNESS(ompi_coll_base_allgather_intra_recursivedoubling)
WITNESS(ompi_coll_base_allgather_intra_ring)
WITNESS(ompi_coll_base_allgather_intra_neighborexchange)
WITNESS(ompi_coll_base_allgather_intra_two_procs)
WITNESS(ompi_coll_base_reduce_scatter_block_basic_linear)
WITNESS(ompi_coll_base_reduce_scatter_block_intra_recursivedoubling)
WITNESS(ompi_coll_base_reduce_scatter_block_intra_recursivehalving)
WITNESS(ompi_coll_base_reduce_scatter_block_intra_butterfly)
WITNESS(ompi_coll_base_bcast_intra_basic_linear)
WITNESS(ompi_coll_base_bcast_intra_chain)
WITNESS(ompi_coll_base_bcast_intra_pipeline)
WITNESS(ompi_coll_base_bcast_intra_split_bintree)
WITNESS(ompi_coll_base_bcast_intra_bintree)
WITNESS(ompi_coll_base_bcast_intra_binomial)
WITNESS(ompi_coll_base_bcast_intra_knomial)
WITNESS(ompi_coll_base_bcast_intra_scatter_allgather)
WITNESS(ompi_coll_base_bcast_intra_scatter_allgather_ring)
WITNESS(ompi_coll_base_reduce_intra_basic_linear)
WITNESS(ompi_coll_base_reduce_intra_chain)
WITNESS(ompi_coll_base_reduce_intra_pipeline)
WITNESS(ompi_coll_base_reduce_intra_binary)
WITNESS(ompi_coll_base_reduce_intra_binomial)
WITNESS(ompi_coll_base_reduce_intra_in_order_binary)
WITNESS(ompi_coll_base_reduce_intra_redscat_gather)
WITNESS(ompi_coll_base_gather_intra_basic_linear)
WITNESS(ompi_coll_base_gather_intra_binomial)
WITNESS(ompi_coll_base_gather_intra_linear_sync)
WITNESS(ompi_coll_base_scatter_intra_basic_linear)
WITNESS(ompi_coll_base_scatter_intra_binomial)
WITNESS(ompi_coll_base_scatter_intra_linear_nb)
