/* SPDX-License-Identifier: BSD-3-Clause */
#include "generate.h"

/* Far above what any sensible request needs (4,096 ranks, ring, 64 segments a block: 1 M steps);
 * what passes it is a mistake that would otherwise eat the memory. */
enum { MAX_STEPS = 1 << 24 };

static bool grow(struct ct_schedule *s)
{
	uint32_t room = s->room != 0 ? s->room * 2 : 8;
	struct ct_step *steps;

	if (s->nsteps >= MAX_STEPS) {
		s->failed = ct_fail(CT_UNSUPPORTED, "more than %d steps for one rank; choose a larger "
			"segment or window", MAX_STEPS);
		return false;
	}
	steps = ct_realloc(s->steps, room, sizeof(*steps));
	if (steps == NULL) {
		s->failed = CT_NOMEM;
		return false;
	}
	s->steps = steps;
	s->room = room;
	return true;
}

uint32_t ct_add_step(struct ct_schedule *s, const struct ct_step *step)
{
	if (s->failed != CT_OK || (s->nsteps == s->room && !grow(s)))
		return CT_NO_DEP;
	s->steps[s->nsteps] = *step;
	return s->nsteps++;
}

uint32_t ct_add_send(struct ct_schedule *s, uint32_t peer, struct ct_slice src, uint64_t count,
	uint32_t dep)
{
	struct ct_step step = {
		.kind = CT_STEP_SEND, .peer = peer, .src = src, .count = count,
		.dep = { dep, CT_NO_DEP },
	};

	return ct_add_step(s, &step);
}

uint32_t ct_add_recv(struct ct_schedule *s, uint32_t peer, struct ct_slice dst, uint64_t count,
	uint32_t dep)
{
	struct ct_step step = {
		.kind = CT_STEP_RECV, .peer = peer, .dst = dst, .count = count,
		.dep = { dep, CT_NO_DEP },
	};

	return ct_add_step(s, &step);
}

uint32_t ct_add_copy(struct ct_schedule *s, struct ct_slice src, struct ct_slice dst,
	uint64_t count, uint32_t dep)
{
	struct ct_step step = {
		.kind = CT_STEP_COPY, .src = src, .dst = dst, .count = count,
		.dep = { dep, CT_NO_DEP },
	};

	return count > 0 ? ct_add_step(s, &step) : CT_NO_DEP;
}

void ct_schedule_free(struct ct_schedule *s)
{
	ct_free(s->steps);
	*s = (struct ct_schedule){ 0 };
}

void ct_schedule_begin(struct ct_schedule *out, const struct ct_shape *shape)
{
	struct ct_coll_buffers b =
		ct_coll_buffers(shape->coll, shape->rank, shape->nranks, shape->count, false);

	*out = (struct ct_schedule){ .in_count = b.send, .out_count = b.recv };
}

ct_status ct_schedule_end(struct ct_schedule *out)
{
	ct_status status = out->failed;

	if (status != CT_OK)
		ct_schedule_free(out);
	return status;
}

ct_status ct_refuse_in_place(const struct ct_shape *shape)
{
	if (!shape->in_place)
		return CT_OK;
	return ct_fail(CT_UNSUPPORTED, "%s does not run in place: each rank's send data would be "
		"overwritten before it is sent", ct_coll_name(shape->coll));
}
