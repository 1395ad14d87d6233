/* SPDX-License-Identifier: BSD-3-Clause */
/* Broadcast by binomial tree. The root's OUT is filled too, as nccl-tests and NCCL have it. */
#include "generate.h"

/* Binomial tree (Thakur, Rabenseifner and Gropp 2005, section 4.3): the rank at distance d from
 * the root hears from d less its lowest set bit. By segments, which makes the tree a pipeline. */
ct_status ct_broadcast_binomial(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t n = shape->nranks, far = (shape->rank + n - shape->root) % n, low = 1, mask;
	uint64_t g, each = ct_segment(shape, shape->count);

	ct_schedule_begin(out, shape);
	if (far == 0 && !shape->in_place)
		ct_add_copy(out, ct_at(CT_IN, 0), ct_at(CT_OUT, 0), shape->count, CT_NO_DEP);
	while (low < n && (far & low) == 0)
		low *= 2;
	for (g = 0; g < ct_segments(shape->count, each); g++) {
		uint64_t count = ct_piece(shape->count, each, g);
		uint32_t got = CT_NO_DEP;

		if (far != 0)
			got = ct_add_recv(out, (shape->rank + n - low) % n,
				ct_at(CT_OUT, g * each), count, CT_NO_DEP);
		for (mask = low / 2; mask > 0; mask /= 2)
			if (far + mask < n)
				ct_add_send(out, (shape->rank + mask) % n,
					ct_at(far == 0 ? CT_IN : CT_OUT, g * each), count, got);
	}
	return ct_schedule_end(out);
}
