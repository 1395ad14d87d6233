/* SPDX-License-Identifier: BSD-3-Clause */
#include "generate.h"

/* Dissemination (Hensgen, Finkel and Manber 1988): in round k tell rank r + 2^k and hear from
 * r - 2^k; after ceil(log2 n) rounds everyone has heard of everyone. */
ct_status ct_barrier_dissemination(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t far, r = shape->rank, n = shape->nranks, dep[2] = { CT_NO_DEP, CT_NO_DEP };

	ct_schedule_begin(out, shape);
	for (far = 1; far < n; far *= 2) {
		/* What we tell must include all that we heard: the send before this one waited
		 * for all receives but the last. */
		struct ct_step send = {
			.kind = CT_STEP_SEND, .peer = (r + far) % n, .src = ct_at(CT_IN, 0),
			.dep = { dep[0], dep[1] },
		};

		dep[0] = ct_add_step(out, &send);
		dep[1] = ct_add_recv(out, (r + n - far) % n, ct_at(CT_OUT, 0), 0, CT_NO_DEP);
	}
	return ct_schedule_end(out);
}
