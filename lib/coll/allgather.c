/* SPDX-License-Identifier: BSD-3-Clause */
/* All-gather: ring, recursive doubling. In place, IN is block `rank` of OUT. */
#include "generate.h"

static uint32_t begin(const struct ct_shape *shape, struct ct_schedule *out)
{
	ct_schedule_begin(out, shape);
	if (shape->in_place)
		return CT_NO_DEP;
	return ct_add_copy(out, ct_at(CT_IN, 0), ct_at(CT_OUT, shape->rank * shape->count),
		shape->count, CT_NO_DEP);
}

/* Ring (Thakur, Rabenseifner and Gropp 2005, section 4.1): n-1 steps, each passes the block that
 * came last on to the right; by segments, so that a block travels on while it still arrives. */
ct_status ct_allgather_ring(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t step, r = shape->rank, n = shape->nranks, *got;
	uint64_t g, each = ct_segment(shape, shape->count), count = shape->count;
	uint64_t pieces = ct_segments(count, each);

	begin(shape, out);
	if (n == 1 || count == 0)
		return ct_schedule_end(out);
	got = ct_alloc(pieces, sizeof(*got));
	if (got == NULL) {
		ct_schedule_free(out);
		return CT_NOMEM;
	}
	for (step = 0; step < n - 1; step++) {
		uint64_t give = (r + n - step) % n * count, take = (r + n - step - 1) % n * count;

		for (g = 0; g < pieces; g++) {
			struct ct_slice from =
				step == 0 ? ct_at(CT_IN, g * each) : ct_at(CT_OUT, give + g * each);

			ct_add_send(out, (r + 1) % n, from, ct_piece(count, each, g),
				step == 0 ? CT_NO_DEP : got[g]);
		}
		for (g = 0; g < pieces; g++)
			got[g] = ct_add_recv(out, (r + n - 1) % n, ct_at(CT_OUT, take + g * each),
				ct_piece(count, each, g), CT_NO_DEP);
	}
	ct_free(got);
	return ct_schedule_end(out);
}

static uint32_t send_out(struct ct_schedule *s, uint32_t peer, const uint64_t range[2],
	const uint32_t dep[2])
{
	struct ct_step send = {
		.kind = CT_STEP_SEND, .peer = peer, .src = ct_at(CT_OUT, range[0]),
		.count = range[1] - range[0], .dep = { dep[0], dep[1] },
	};

	return send.count > 0 ? ct_add_step(s, &send) : CT_NO_DEP;
}

/* A rank that leaves the power of two hands over its block and is told all others. */
static void leave(const struct ct_shape *shape, struct ct_schedule *s)
{
	uint32_t r = shape->rank;
	uint64_t count = shape->count, above = (shape->nranks - r - 1) * count;

	ct_add_send(s, r + 1, ct_at(CT_IN, 0), count, CT_NO_DEP);
	if (r > 0)
		ct_add_recv(s, r + 1, ct_at(CT_OUT, 0), r * count, CT_NO_DEP);
	ct_add_recv(s, r + 1, ct_at(CT_OUT, (r + 1) * count), above, CT_NO_DEP);
}

/*
 * Recursive doubling (Thakur, Rabenseifner and Gropp 2005, section 4.1) for any rank count: with
 * the ranks folded as fold says, what stands behind a run of new numbers is always one run of
 * blocks.
 */
ct_status ct_allgather_doubling(const struct ct_shape *shape, struct ct_schedule *out)
{
	struct ct_fold f = ct_fold(shape->rank, shape->nranks);
	uint32_t mask, low = f.v, r = shape->rank, dep[2];
	uint64_t count = shape->count, all = shape->nranks * count;

	dep[0] = begin(shape, out);
	dep[1] = CT_NO_DEP;
	if (shape->nranks == 1 || count == 0)
		return ct_schedule_end(out);
	if (f.leaves) {
		leave(shape, out);
		return ct_schedule_end(out);
	}
	if (f.carries)
		dep[1] = ct_add_recv(out, r - 1, ct_at(CT_OUT, (r - 1) * count), count, CT_NO_DEP);
	for (mask = 1; mask < f.pow2; mask *= 2) {
		uint32_t peer = ct_fold_rank(&f, f.v ^ mask), other = low ^ mask;
		uint64_t own[2] = { ct_fold_first(&f, low) * count,
			ct_fold_first(&f, low + mask) * count };
		uint64_t at = ct_fold_first(&f, other) * count;

		/* A send waits for the last receive and for the send before it, which waited for
		 * all before that. */
		dep[0] = send_out(out, peer, own, dep);
		dep[1] = ct_add_recv(out, peer, ct_at(CT_OUT, at),
			ct_fold_first(&f, other + mask) * count - at, CT_NO_DEP);
		low &= ~mask;
	}
	if (f.carries) {
		uint64_t below[2] = { 0, (r - 1) * count }, above[2] = { r * count, all };

		send_out(out, r - 1, below, dep);
		send_out(out, r - 1, above, dep);
	}
	return ct_schedule_end(out);
}
