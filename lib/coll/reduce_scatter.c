/* SPDX-License-Identifier: BSD-3-Clause */
/* Reduce-scatter by ring. In place, OUT is block `rank` of IN. */
#include "generate.h"

/*
 * Ring (the first phase of Patarasuk and Yuan 2009): the sum of block b starts at rank b+1 and
 * travels right until rank b adds the last part. Step s sends block r-1-s and receives block
 * r-2-s. Sums on their way alternate between two scratch blocks, so IN stays as it was.
 */
ct_status ct_reduce_scatter_ring(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t step, r = shape->rank, n = shape->nranks, *got, *sent;
	uint64_t g, count = shape->count, each = ct_segment(shape, count);
	uint64_t pieces = ct_segments(count, each);

	ct_schedule_begin(out, shape);
	if (n == 1 && !shape->in_place)
		ct_add_copy(out, ct_at(CT_IN, 0), ct_at(CT_OUT, 0), count, CT_NO_DEP);
	if (n == 1 || count == 0)
		return ct_schedule_end(out);
	out->tmp_count = 2 * count;
	got = ct_alloc(2 * pieces, sizeof(*got));
	if (got == NULL)
		return CT_NOMEM;
	sent = got + pieces;
	for (step = 0; step < n - 1; step++) {
		uint64_t give = (r + 2 * n - 1 - step) % n * count, base = step % 2 * count;
		uint64_t take = (r + 2 * n - 2 - step) % n * count;

		for (g = 0; g < pieces; g++) {
			struct ct_slice from = step == 0 ? ct_at(CT_IN, give + g * each)
				: ct_at(CT_TMP, (step - 1) % 2 * count + g * each);
			uint64_t at = base + g * each;
			/* The scratch is free once the sum of two steps ago, which the step
			 * before this one sent, is gone. */
			struct ct_step recv = {
				.kind = CT_STEP_RECV_REDUCE, .peer = (r + n - 1) % n,
				.src = ct_at(CT_IN, take + g * each),
				.dst = step == n - 2 ? ct_at(CT_OUT, g * each) : ct_at(CT_TMP, at),
				.via = at, .count = ct_piece(count, each, g),
				.dep = { step < 2 ? CT_NO_DEP : sent[g], CT_NO_DEP },
			};

			sent[g] = ct_add_send(out, (r + 1) % n, from, ct_piece(count, each, g),
				step == 0 ? CT_NO_DEP : got[g]);
			got[g] = ct_add_step(out, &recv);
		}
	}
	ct_free(got);
	return ct_schedule_end(out);
}
