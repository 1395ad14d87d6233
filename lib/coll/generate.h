/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to coll: what the generators share. A generator is step arithmetic only: it begins a
 * schedule, adds steps without looking at errors, and ends it. */
#ifndef CT_COLL_GENERATE_H
#define CT_COLL_GENERATE_H

#include "coll.h"
#include "schedule.h"

typedef ct_status ct_generator(const struct ct_shape *shape, struct ct_schedule *out);

ct_generator ct_allreduce_ring, ct_allreduce_doubling, ct_allreduce_rabenseifner,
	ct_allreduce_binomial;
ct_generator ct_alltoall_linear, ct_alltoall_pairwise, ct_alltoall_bruck;
ct_generator ct_allgather_ring, ct_allgather_doubling;
ct_generator ct_reduce_scatter_ring, ct_broadcast_binomial, ct_reduce_binomial,
	ct_barrier_dissemination;
/* gather.c */
ct_generator ct_gather_linear, ct_gather_binomial, ct_scatter_linear, ct_scatter_binomial;
/* in_order.c */
ct_generator ct_allreduce_gather, ct_allreduce_allpairs, ct_reduce_scatter_allpairs;
ct_generator ct_p2p_latency, ct_p2p_oneway, ct_p2p_duplex;

/* Empties OUT and writes in_count and out_count as the shape of the collective tells. */
void ct_schedule_begin(struct ct_schedule *out, const struct ct_shape *shape);

/* The adders' sticky error; a schedule that failed is freed. */
ct_status ct_schedule_end(struct ct_schedule *out);

/* CT_UNSUPPORTED: the collective does not run in place. */
ct_status ct_refuse_in_place(const struct ct_shape *shape);

/* dst = src without a message; nothing when there is nothing to copy (CT_NO_DEP). */
uint32_t ct_add_copy(struct ct_schedule *s, struct ct_slice src, struct ct_slice dst,
	uint64_t count, uint32_t dep);

/* Elements of one segment: at least 1; a whole block of BLOCK elements without the knob. */
static inline uint64_t ct_segment(const struct ct_shape *shape, uint64_t block)
{
	uint64_t each = shape->segment_bytes / shape->element_bytes;

	if (shape->segment_bytes == 0 || each > block)
		each = block;
	return each > 0 ? each : 1;
}

/* Pieces of SEGMENT elements that BLOCK elements fall into; 0 for an empty block. */
static inline uint64_t ct_segments(uint64_t block, uint64_t segment)
{
	return block / segment + (block % segment != 0);
}

/* Elements of piece I of these. */
static inline uint64_t ct_piece(uint64_t block, uint64_t segment, uint64_t i)
{
	uint64_t left = block - i * segment;

	return left < segment ? left : segment;
}

/*
 * Power-of-two algorithms for any rank count (Rabenseifner and Traff 2004; Thakur, Rabenseifner
 * and Gropp 2005, section 4.4): of the first 2 * extra ranks the even ones hand their part to
 * their odd neighbour and leave; the others are renumbered 0 … pow2-1 and run the algorithm; at
 * the end the leavers are told the result.
 */
struct ct_fold {
	uint32_t pow2, extra;
	uint32_t v;   /* new number; meaningless for a leaver */
	bool leaves;  /* even, below 2 * extra */
	bool carries; /* its odd neighbour */
};

static inline struct ct_fold ct_fold(uint32_t rank, uint32_t nranks)
{
	struct ct_fold f = { .pow2 = 1 };

	while (f.pow2 <= nranks / 2)
		f.pow2 *= 2;
	f.extra = nranks - f.pow2;
	f.leaves = rank < 2 * f.extra && rank % 2 == 0;
	f.carries = rank < 2 * f.extra && rank % 2 == 1;
	f.v = rank < 2 * f.extra ? rank / 2 : rank - f.extra;
	return f;
}

/* The rank whose new number is V. */
static inline uint32_t ct_fold_rank(const struct ct_fold *f, uint32_t v)
{
	return v < f->extra ? 2 * v + 1 : v + f->extra;
}

/* The first rank whose data V carries: [first(v), first(v + 1)) are the ranks behind V. */
static inline uint32_t ct_fold_first(const struct ct_fold *f, uint32_t v)
{
	return v < f->extra ? 2 * v : v + f->extra;
}

#endif
