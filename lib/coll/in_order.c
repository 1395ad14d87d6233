/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reductions in rank order: every element becomes ((x0 op x1) op x2) … op x(n-1), whatever the
 * transport, the arrival of messages or the number of hosts, so that the result is the same to the
 * last bit wherever the same ranks bring the same data. The price is n-1 messages a rank.
 */
#include <string.h>

#include "generate.h"

/* Others' contributions lie in TMP, one slot of ROOM elements each, in rank order. */
struct fold_in_order {
	const struct ct_shape *shape;
	struct ct_schedule *s;
	struct ct_slice own, out; /* this rank's contribution, and where the result goes */
	uint64_t count, room;
	const uint32_t *got; /* [nranks] the step that receives that rank's; own: CT_NO_DEP */
	bool fence;          /* OUT is still being sent: write it only when all before is complete */
};

static struct ct_slice slot(const struct ct_shape *shape, uint32_t peer, uint64_t room)
{
	return ct_at(CT_TMP, (peer < shape->rank ? peer : peer - 1) * room);
}

static struct ct_slice part(const struct fold_in_order *f, uint32_t peer)
{
	return peer == f->shape->rank ? f->own : slot(f->shape, peer, f->room);
}

/* dst = op(dst, src); the first step of a fold may carry the fence. */
static uint32_t add_reduce(const struct fold_in_order *f, struct ct_slice dst, uint32_t peer,
	uint32_t dep, bool fence)
{
	struct ct_step step = {
		.kind = CT_STEP_REDUCE, .src = part(f, peer), .dst = dst, .count = f->count,
		.dep = { dep, f->got[peer] }, .fence = fence,
	};

	return ct_add_step(f->s, &step);
}

/* Rank 0 adds up in its result; the others in the slot of rank 0, since the sum begins there and
 * their own data may stand where the result goes. Returns the step after which OUT is whole. */
static uint32_t add_fold(const struct fold_in_order *f)
{
	bool first = f->shape->rank == 0;
	struct ct_slice sum = first ? f->out : slot(f->shape, 0, f->room);
	struct ct_step copy = {
		.kind = CT_STEP_COPY, .src = sum, .dst = f->out, .count = f->count, .fence = f->fence,
	};
	uint32_t last = first ? CT_NO_DEP : f->got[0];

	if (first && !f->shape->in_place)
		last = ct_add_copy(f->s, f->own, f->out, f->count, CT_NO_DEP);
	for (uint32_t peer = 1; peer < f->shape->nranks; peer++)
		last = add_reduce(f, sum, peer, last, first && f->fence && peer == 1);
	if (first)
		return last;
	copy.dep[0] = last;
	copy.dep[1] = CT_NO_DEP;
	return ct_add_step(f->s, &copy);
}

/* One rank, or nothing to do: the schedule is whole with that. */
static bool trivial(const struct ct_shape *shape, struct ct_schedule *out)
{
	if (shape->nranks == 1 && !shape->in_place)
		ct_add_copy(out, ct_at(CT_IN, 0), ct_at(CT_OUT, 0), shape->count, CT_NO_DEP);
	return shape->nranks == 1 || shape->count == 0;
}

/* COUNT elements to everyone, from each rank's whole vector or from the block that it gets. */
struct exchange {
	uint64_t count; /* of the block that this rank receives from each other one */
	uint64_t *at;   /* [nranks + 1] where a rank's block begins in IN; NULL: all get the same */
};

static void add_exchange(const struct ct_shape *shape, struct ct_schedule *s,
	const struct exchange *x, uint32_t *sent, uint32_t *got)
{
	uint32_t n = shape->nranks, r = shape->rank;

	for (uint32_t d = 1; d < n; d++) {
		uint32_t peer = (r + d) % n;
		uint64_t at = x->at != NULL ? x->at[peer] : 0;
		uint64_t count = x->at != NULL ? x->at[peer + 1] - at : x->count;

		if (count > 0)
			sent[peer] = ct_add_send(s, peer, ct_at(CT_IN, at), count, CT_NO_DEP);
	}
	for (uint32_t d = 1; d < n && x->count > 0; d++) {
		uint32_t peer = (r + n - d) % n;

		got[peer] = ct_add_recv(s, peer, slot(shape, peer, x->count), x->count, CT_NO_DEP);
	}
}

/* Everyone sends its whole vector to everyone, who add up alike: one step of latency, for short
 * vectors. */
ct_status ct_allreduce_gather(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t n = shape->nranks, *steps;
	struct exchange x = { .count = shape->count };
	struct fold_in_order f = { .shape = shape, .s = out, .own = ct_at(CT_IN, 0),
		.out = ct_at(CT_OUT, 0), .count = shape->count, .room = shape->count,
		.fence = shape->in_place };

	ct_schedule_begin(out, shape);
	if (trivial(shape, out))
		return ct_schedule_end(out);
	steps = ct_alloc(2 * (uint64_t)n, sizeof(*steps));
	if (steps == NULL)
		return CT_NOMEM;
	memset(steps, 0xff, 2 * (uint64_t)n * sizeof(*steps)); /* CT_NO_DEP */
	out->tmp_count = (n - 1) * shape->count;
	f.got = steps + n;
	add_exchange(shape, out, &x, steps, steps + n);
	add_fold(&f);
	ct_free(steps);
	return ct_schedule_end(out);
}

/* Every rank's block comes from everyone, is added up by that rank and told to everyone: each rank
 * sends 2 (n-1)/n of the vector, as around a ring, in two steps of latency. */
ct_status ct_allreduce_allpairs(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t n = shape->nranks, r = shape->rank, *sent, *got, last;
	struct exchange x = { 0 };
	struct fold_in_order f = { .shape = shape, .s = out };

	ct_schedule_begin(out, shape);
	if (trivial(shape, out))
		return ct_schedule_end(out);
	x.at = ct_alloc(2 * (uint64_t)n + 1, sizeof(*x.at)); /* n + 1 places, 2 n steps */
	if (x.at == NULL)
		return CT_NOMEM;
	sent = (uint32_t *)(x.at + n + 1);
	got = sent + n;
	memset(sent, 0xff, 2 * (uint64_t)n * sizeof(*sent));
	for (uint32_t i = 0; i <= n; i++)
		x.at[i] = ct_block_at(shape->count, n, i);
	x.count = x.at[r + 1] - x.at[r];
	out->tmp_count = (n - 1) * x.count;
	f.own = ct_at(CT_IN, x.at[r]);
	f.out = ct_at(CT_OUT, x.at[r]);
	f.count = f.room = x.count;
	f.got = got;
	add_exchange(shape, out, &x, sent, got);
	last = x.count > 0 ? add_fold(&f) : CT_NO_DEP;
	for (uint32_t d = 1; d < n && x.count > 0; d++)
		ct_add_send(out, (r + d) % n, f.out, x.count, last);
	for (uint32_t d = 1; d < n; d++) {
		uint32_t peer = (r + n - d) % n;
		uint64_t count = x.at[peer + 1] - x.at[peer];

		/* in place that block's own data must have left */
		if (count > 0)
			ct_add_recv(out, peer, ct_at(CT_OUT, x.at[peer]), count,
				shape->in_place ? sent[peer] : CT_NO_DEP);
	}
	ct_free(x.at);
	return ct_schedule_end(out);
}

ct_status ct_reduce_scatter_allpairs(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t n = shape->nranks, *sent;
	struct exchange x = { .count = shape->count };
	struct fold_in_order f = { .shape = shape, .s = out, .out = ct_at(CT_OUT, 0),
		.count = shape->count, .room = shape->count };

	ct_schedule_begin(out, shape);
	if (trivial(shape, out))
		return ct_schedule_end(out);
	x.at = ct_alloc(2 * (uint64_t)n + 1, sizeof(*x.at));
	if (x.at == NULL)
		return CT_NOMEM;
	sent = (uint32_t *)(x.at + n + 1);
	memset(sent, 0xff, 2 * (uint64_t)n * sizeof(*sent));
	for (uint32_t i = 0; i <= n; i++)
		x.at[i] = i * shape->count;
	out->tmp_count = (n - 1) * shape->count;
	f.own = ct_at(CT_IN, shape->rank * shape->count);
	f.got = sent + n;
	add_exchange(shape, out, &x, sent, sent + n);
	add_fold(&f);
	ct_free(x.at);
	return ct_schedule_end(out);
}
