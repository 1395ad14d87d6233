/* SPDX-License-Identifier: BSD-3-Clause */
/* All-reduce by ring and by binomial tree. */
#include "generate.h"

/*
 * Ring: reduce-scatter, then all-gather, around the same ring, block by block (Patarasuk and Yuan
 * 2009, bandwidth-optimal: each rank sends 2 (n-1)/n of the vector). Step s of the first phase
 * sends block r-s and receives block r-s-1; after n-1 steps rank r owns block r+1, which the
 * second phase passes on. Blocks fall into segments, each a chain of its own, so that a segment
 * travels on while the next one still arrives.
 */
struct ring {
	const struct ct_shape *shape;
	struct ct_schedule *s;
	uint32_t next, prev;
	uint64_t segment, room; /* elements; of the largest block */
	uint64_t pieces;        /* of the largest block */
	uint32_t *got;          /* [pieces] last receive: the next step's send waits for it */
	uint32_t *via;          /* [2 * pieces] last user of that scratch */
	uint32_t *sent;         /* [(n-1) * pieces] sends of the first phase */
};

static uint32_t ring_block(const struct ring *ring, uint32_t back)
{
	uint32_t n = ring->shape->nranks;

	return (ring->shape->rank + 2 * n - back) % n;
}

static void ring_reduce(struct ring *ring, uint32_t step)
{
	uint32_t n = ring->shape->nranks, give = ring_block(ring, step);
	uint32_t take = ring_block(ring, step + 1);
	uint64_t count = ring->shape->count, at = ct_block_at(count, n, give);
	uint64_t block = ct_block_at(count, n, give + 1) - at;
	uint64_t g, to = ct_block_at(count, n, take);

	for (g = 0; g < ct_segments(block, ring->segment); g++)
		ring->sent[step * ring->pieces + g] = ct_add_send(ring->s, ring->next,
			ct_at(step == 0 ? CT_IN : CT_OUT, at + g * ring->segment),
			ct_piece(block, ring->segment, g), step == 0 ? CT_NO_DEP : ring->got[g]);
	block = ct_block_at(count, n, take + 1) - to;
	for (g = 0; g < ct_segments(block, ring->segment); g++) {
		uint32_t *via = &ring->via[step % 2 * ring->pieces + g];
		struct ct_step recv = {
			.kind = CT_STEP_RECV_REDUCE, .peer = ring->prev,
			.src = ct_at(CT_IN, to + g * ring->segment),
			.dst = ct_at(CT_OUT, to + g * ring->segment),
			.via = step % 2 * ring->room + g * ring->segment,
			.count = ct_piece(block, ring->segment, g),
			.dep = { *via, CT_NO_DEP },
		};

		*via = ring->got[g] = ct_add_step(ring->s, &recv);
	}
}

static void ring_gather(struct ring *ring, uint32_t step)
{
	uint32_t n = ring->shape->nranks, give = ring_block(ring, step + n - 1);
	uint32_t take = ring_block(ring, step);
	uint64_t count = ring->shape->count, at = ct_block_at(count, n, give);
	uint64_t block = ct_block_at(count, n, give + 1) - at;
	uint64_t g, to = ct_block_at(count, n, take);

	for (g = 0; g < ct_segments(block, ring->segment); g++)
		ct_add_send(ring->s, ring->next, ct_at(CT_OUT, at + g * ring->segment),
			ct_piece(block, ring->segment, g), ring->got[g]);
	block = ct_block_at(count, n, take + 1) - to;
	/* What is overwritten here was sent in the same step of the first phase. */
	for (g = 0; g < ct_segments(block, ring->segment); g++)
		ring->got[g] = ct_add_recv(ring->s, ring->prev,
			ct_at(CT_OUT, to + g * ring->segment),
			ct_piece(block, ring->segment, g), ring->sent[step * ring->pieces + g]);
}

ct_status ct_allreduce_ring(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t n = shape->nranks;
	struct ring ring = {
		.shape = shape, .s = out,
		.next = (shape->rank + 1) % n, .prev = (shape->rank + n - 1) % n,
		.room = ct_block_at(shape->count, n, 1),
	};
	uint64_t i, slots;

	ct_schedule_begin(out, shape);
	if (n == 1 && !shape->in_place)
		ct_add_copy(out, ct_at(CT_IN, 0), ct_at(CT_OUT, 0), shape->count, CT_NO_DEP);
	if (n == 1 || shape->count == 0)
		return ct_schedule_end(out);
	ring.segment = ct_segment(shape, ring.room);
	ring.pieces = ct_segments(ring.room, ring.segment);
	out->tmp_count = 2 * ring.room;
	slots = (n + 2) * ring.pieces;
	ring.got = ct_alloc(slots, sizeof(*ring.got));
	if (ring.got == NULL)
		return CT_NOMEM;
	for (i = 0; i < slots; i++)
		ring.got[i] = CT_NO_DEP;
	ring.via = ring.got + ring.pieces;
	ring.sent = ring.via + 2 * ring.pieces;
	for (i = 0; i < n - 1; i++)
		ring_reduce(&ring, (uint32_t)i);
	for (i = 0; i < n - 1; i++)
		ring_gather(&ring, (uint32_t)i);
	ct_free(ring.got);
	return ct_schedule_end(out);
}

/*
 * Binomial tree to rank 0 and back (the tree of MPICH's reduce and broadcast: Thakur, Rabenseifner
 * and Gropp 2005, sections 4.3 and 4.5): 2 log2 n messages on the longest way, for short vectors
 * on few ranks.
 */
ct_status ct_allreduce_binomial(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t r = shape->rank, n = shape->nranks, mask, last = CT_NO_DEP;
	struct ct_slice sum = ct_at(CT_IN, 0), result = ct_at(CT_OUT, 0);

	ct_schedule_begin(out, shape);
	if (n == 1 && !shape->in_place)
		ct_add_copy(out, sum, result, shape->count, CT_NO_DEP);
	if (n == 1 || shape->count == 0)
		return ct_schedule_end(out);
	out->tmp_count = shape->count;
	for (mask = 1; mask < n && (r & mask) == 0; mask *= 2) {
		struct ct_step recv = {
			.kind = CT_STEP_RECV_REDUCE, .peer = r + mask, .src = sum, .dst = result,
			.count = shape->count, .dep = { last, CT_NO_DEP },
		};

		if (r + mask >= n)
			continue;
		last = ct_add_step(out, &recv);
		sum = result;
	}
	if (r != 0) {
		last = ct_add_send(out, r - mask, sum, shape->count, last);
		last = ct_add_recv(out, r - mask, result, shape->count, last);
	}
	for (mask /= 2; mask > 0; mask /= 2)
		if (r + mask < n)
			ct_add_send(out, r + mask, result, shape->count, last);
	return ct_schedule_end(out);
}
