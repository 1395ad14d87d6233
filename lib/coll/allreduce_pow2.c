/* SPDX-License-Identifier: BSD-3-Clause */
/* All-reduce by recursive doubling and by Rabenseifner's algorithm, for any rank count. */
#include "generate.h"

/* A rank that leaves the power of two: hands over its vector, gets the result. */
static void leave(const struct ct_shape *shape, struct ct_schedule *s)
{
	uint32_t sent =
		ct_add_send(s, shape->rank + 1, ct_at(CT_IN, 0), shape->count, CT_NO_DEP);

	/* In place the result overwrites what was sent. */
	ct_add_recv(s, shape->rank + 1, ct_at(CT_OUT, 0), shape->count,
		shape->in_place ? sent : CT_NO_DEP);
}

/* Its neighbour: DST = what was handed over and our own vector. */
static uint32_t carry(const struct ct_shape *shape, struct ct_schedule *s, struct ct_slice dst,
	uint64_t via)
{
	struct ct_step recv = {
		.kind = CT_STEP_RECV_REDUCE, .peer = shape->rank - 1,
		.src = ct_at(CT_IN, 0), .dst = dst, .via = via, .count = shape->count,
		.dep = { CT_NO_DEP, CT_NO_DEP },
	};

	return ct_add_step(s, &recv);
}

static void begin(const struct ct_shape *shape, struct ct_schedule *out)
{
	ct_schedule_begin(out, shape);
	if (shape->nranks == 1 && !shape->in_place)
		ct_add_copy(out, ct_at(CT_IN, 0), ct_at(CT_OUT, 0), shape->count, CT_NO_DEP);
}

/*
 * The partial result before round K of ROUNDS. A round sends one buffer while it writes another;
 * counted from the end they alternate OUT, TMP, OUT … so that the last one is OUT; before the
 * first round it is IN, unless a neighbour's vector was added to it.
 */
static struct ct_slice stage(uint32_t k, uint32_t rounds, const struct ct_fold *f)
{
	if (k == 0 && !f->carries)
		return ct_at(CT_IN, 0);
	return ct_at((rounds - k) % 2 == 0 ? CT_OUT : CT_TMP, 0);
}

/* One exchange of the whole vector; returns the step after which stage K + 1 holds. */
static uint32_t exchange(const struct ct_shape *shape, struct ct_schedule *s, uint32_t peer,
	const struct ct_slice at[2], uint32_t last[2])
{
	uint32_t sent = ct_add_send(s, peer, at[0], shape->count, last[0]);
	struct ct_step step = {
		.kind = CT_STEP_RECV_REDUCE, .peer = peer, .src = at[0], .dst = at[1],
		.via = shape->count, .count = shape->count, .dep = { last[0], last[1] },
	};

	if (shape->in_place && at[0].buf == CT_IN && at[1].buf == CT_OUT) {
		/* The same memory: nothing may be added to it before it is sent. */
		step.kind = CT_STEP_REDUCE;
		step.src = ct_at(CT_TMP, 0);
		step.dep[0] = ct_add_recv(s, peer, step.src, shape->count, CT_NO_DEP);
		step.dep[1] = sent;
	}
	last[1] = sent;
	return ct_add_step(s, &step);
}

/* Recursive doubling (Thakur, Rabenseifner and Gropp 2005, section 4.4): log2 n exchanges of the
 * whole vector; the least latency, for short vectors. */
ct_status ct_allreduce_doubling(const struct ct_shape *shape, struct ct_schedule *out)
{
	struct ct_fold f = ct_fold(shape->rank, shape->nranks);
	uint32_t k, rounds = 0, last[2] = { CT_NO_DEP, CT_NO_DEP };

	begin(shape, out);
	if (shape->nranks == 1 || shape->count == 0)
		return ct_schedule_end(out);
	if (f.leaves) {
		leave(shape, out);
		return ct_schedule_end(out);
	}
	out->tmp_count = 2 * shape->count; /* a stage, and received data on their way */
	while (1u << rounds < f.pow2)
		rounds++;
	if (f.carries)
		last[0] = carry(shape, out, stage(0, rounds, &f), shape->count);
	for (k = 0; k < rounds; k++) {
		struct ct_slice at[2] = { stage(k, rounds, &f), stage(k + 1, rounds, &f) };

		last[0] = exchange(shape, out, ct_fold_rank(&f, f.v ^ 1u << k), at, last);
	}
	if (f.carries)
		ct_add_send(out, shape->rank - 1, ct_at(CT_OUT, 0), shape->count, last[0]);
	return ct_schedule_end(out);
}

/* Blocks [low, high) of the vector cut in pow2 blocks. */
struct range {
	uint32_t low, high;
};

static uint64_t range_at(const struct ct_shape *shape, const struct ct_fold *f, struct range r)
{
	return ct_block_at(shape->count, f->pow2, r.low);
}

static uint64_t range_count(const struct ct_shape *shape, const struct ct_fold *f, struct range r)
{
	return ct_block_at(shape->count, f->pow2, r.high) - range_at(shape, f, r);
}

/* Recursive halving: after the round with MASK we keep the half that holds block v. SENT[i] is the
 * send of the round with mask 1 << i. Returns the last receive. */
static uint32_t halve(const struct ct_shape *shape, struct ct_schedule *s,
	const struct ct_fold *f, uint32_t sent[32])
{
	struct range own = { 0, f->pow2 };
	enum ct_buffer from = f->carries ? CT_OUT : CT_IN;
	uint32_t i, last = f->carries ? carry(shape, s, ct_at(CT_OUT, 0), 0) : CT_NO_DEP;

	for (i = 31; i-- > 0;) {
		uint32_t mask = 1u << i, peer = ct_fold_rank(f, f->v ^ mask);
		struct range low = { own.low, own.low + mask }, high = { own.low + mask, own.high };
		struct range give = f->v & mask ? low : high;
		uint64_t count;

		sent[i] = CT_NO_DEP;
		if (mask >= f->pow2)
			continue;
		own = f->v & mask ? high : low;
		count = range_count(shape, f, give);
		if (count > 0)
			sent[i] = ct_add_send(s, peer, ct_at(from, range_at(shape, f, give)),
				count, last);
		count = range_count(shape, f, own);
		if (count > 0) {
			struct ct_step recv = {
				.kind = CT_STEP_RECV_REDUCE, .peer = peer,
				.src = ct_at(from, range_at(shape, f, own)),
				.dst = ct_at(CT_OUT, range_at(shape, f, own)),
				.count = count, .dep = { last, CT_NO_DEP },
			};

			last = ct_add_step(s, &recv);
		}
		from = CT_OUT;
	}
	return last;
}

/*
 * Rabenseifner's all-reduce (Thakur, Rabenseifner and Gropp 2005, section 4.5): reduce-scatter by
 * recursive halving, all-gather by recursive doubling: as little data as the ring in 2 log2 n
 * messages, for long vectors.
 */
ct_status ct_allreduce_rabenseifner(const struct ct_shape *shape, struct ct_schedule *out)
{
	struct ct_fold f = ct_fold(shape->rank, shape->nranks);
	struct range own = { f.v, f.v + 1 };
	uint32_t i, got, told = CT_NO_DEP, sent[32];

	begin(shape, out);
	if (shape->nranks == 1 || shape->count == 0)
		return ct_schedule_end(out);
	if (f.leaves) {
		leave(shape, out);
		return ct_schedule_end(out);
	}
	out->tmp_count = f.carries ? shape->count : ct_block_at(shape->count, f.pow2, f.pow2 / 2);
	got = halve(shape, out, &f, sent);
	for (i = 0; 1u << i < f.pow2; i++) {
		uint32_t mask = 1u << i, peer = ct_fold_rank(&f, f.v ^ mask);
		struct range other = f.v & mask ? (struct range){ own.low - mask, own.low }
						: (struct range){ own.high, own.high + mask };
		/* The send before this one waited for all receives but the last. */
		struct ct_step send = {
			.kind = CT_STEP_SEND, .peer = peer,
			.src = ct_at(CT_OUT, range_at(shape, &f, own)),
			.count = range_count(shape, &f, own), .dep = { got, told },
		};
		uint64_t count = range_count(shape, &f, other);

		if (send.count > 0)
			told = ct_add_step(out, &send);
		if (count > 0)
			got = ct_add_recv(out, peer, ct_at(CT_OUT, range_at(shape, &f, other)),
				count, sent[i]);
		own.low = f.v & mask ? other.low : own.low;
		own.high = f.v & mask ? own.high : other.high;
	}
	if (f.carries) {
		struct ct_step send = {
			.kind = CT_STEP_SEND, .peer = shape->rank - 1, .src = ct_at(CT_OUT, 0),
			.count = shape->count, .dep = { got, told },
		};

		ct_add_step(out, &send);
	}
	return ct_schedule_end(out);
}
