/* SPDX-License-Identifier: BSD-3-Clause */
/* Reduce to one rank by binomial tree. Only the root's OUT is written. */
#include "generate.h"

/*
 * The broadcast's tree (broadcast.c) the other way round: the rank at distance d from the root hears
 * from d + 1, d + 2, d + 4, … below d's lowest set bit, and sends the sum to d less that bit. By segments.
 * Sums are made in OUT at the root and in scratch elsewhere; what arrives passes through a scratch block
 * of its own, which is free again since one child is taken after the other.
 */
ct_status ct_reduce_binomial(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t n = shape->nranks, far = (shape->rank + n - shape->root) % n, low = 1, mask;
	uint64_t g, count = shape->count, each = ct_segment(shape, count);
	uint64_t via = far == 0 ? 0 : count;

	ct_schedule_begin(out, shape);
	if (n == 1 && !shape->in_place)
		ct_add_copy(out, ct_at(CT_IN, 0), ct_at(CT_OUT, 0), count, CT_NO_DEP);
	while (low < n && (far & low) == 0)
		low *= 2;
	if (low > 1)
		out->tmp_count = via + count;
	for (g = 0; g < ct_segments(count, each); g++) {
		struct ct_slice sum = ct_at(far == 0 ? CT_OUT : CT_TMP, g * each), so_far = ct_at(CT_IN, g * each);
		uint32_t got = CT_NO_DEP;

		for (mask = 1; mask < low && far + mask < n; mask *= 2) {
			struct ct_step recv = {
				.kind = CT_STEP_RECV_REDUCE, .peer = (shape->rank + mask) % n,
				.src = so_far, .dst = sum, .via = via + g * each,
				.count = ct_piece(count, each, g), .dep = { got, CT_NO_DEP },
			};

			got = ct_add_step(out, &recv);
			so_far = sum;
		}
		if (far != 0)
			ct_add_send(out, (shape->rank + n - low) % n, so_far, ct_piece(count, each, g), got);
	}
	return ct_schedule_end(out);
}
