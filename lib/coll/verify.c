/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inputs and results that are right to the last bit in every type and any order of reduction.
 *
 * Where data are only moved, an element is 16, 32 or 64 random bits by (seed, owner, index), never
 * all ones, which is what a spoilt buffer holds. Two elements of a 2-byte type are equal by chance
 * in one of 65,535 cases: an element that lands in the wrong place is missed that rarely. All data repeat
 * after PERIOD elements, a prime: a block or segment in the wrong place is off by another number of elements.
 *
 * Where data are reduced, each element chooses one rank that holds x, whose mantissa is full of
 * random bits, and numbers all ranks from there on: p = 0 … n-1, so that the result is known
 * without asking n ranks:
 *   sum   x in [1.25, 1.75), in units of its last place u. Rank p adds (g(p+1) - g(p)) u with g
 *         random in [0, G], and ranks p >= W nothing: the total is x + (g(W) - g(0)) u. With
 *         W * G <= 0.25 / u every partial sum is a multiple of u below 0.25, or, with x, lies in
 *         [1, 2) where u is the last place: exact, in any order and grouping.
 *   prod  x in [1, 2) times powers of two and signs of the first 8 ranks; a product's mantissa is
 *         x's or 1, its exponent moves by at most 8: exact.
 *   min, max  x in [1.25, 1.75) and, elsewhere, x plus or minus 1 … 16 u.
 * Sums, minima and maxima are scaled by one power of two (2^-4 … 2^3) an element. Integers follow
 * the same rules with u = 1 and never overflow: x takes the place of [1.25, 1.75) * 2^29 (61).
 *
 * G is at least 1, so bfloat16 (u = 2^-7) has at most 32 ranks that add to an element and half
 * (u = 2^-10) at most 256, others ones for other elements. A rank that is left out or added twice
 * is missed in an element when it adds 0 there.
 */
#include <string.h>

#include "coll.h"
#include "reduce.h"

enum { PROD_RANKS = 8 };

/* Of each type: bits after the leading one of x, i.e. u = 2^-fraction. */
static const unsigned char fractions[CT_NTYPES] = {
	[CT_INT32] = 29, [CT_INT64] = 61, [CT_HALF] = 10, [CT_BFLOAT16] = 7, [CT_FLOAT] = 23,
	[CT_DOUBLE] = 52,
};

/* The number MANTISSA * 2^EXPONENT, exact in TYPE, as its bits; integers ignore EXPONENT < 0. */
static uint64_t encode(ct_type type, int64_t mantissa, int exponent)
{
	double value = (double)mantissa;
	uint64_t bits;

	if (type == CT_INT32 || type == CT_INT64) {
		bits = (uint64_t)mantissa << (exponent > 0 ? exponent : 0);
		return type == CT_INT32 ? (uint32_t)bits : bits;
	}
	/* 2^exponent as a double; all exponents here are small. */
	bits = (uint64_t)(1023 + exponent) << 52;
	{
		double scale;

		memcpy(&scale, &bits, sizeof(scale));
		value *= scale;
	}
	switch (type) {
	case CT_HALF:
		return ct_half_of_float((float)value);
	case CT_BFLOAT16:
		return ct_bfloat16_of_float((float)value);
	case CT_FLOAT:
		return ct_bits_of_float((float)value);
	default:
		memcpy(&bits, &value, sizeof(bits));
		return bits;
	}
}

/* What one element of a reduction is made of. */
struct plan {
	ct_type type;
	ct_op op;
	uint32_t nranks, window; /* ranks that add to a sum */
	uint64_t most;           /* G */
	unsigned fraction;
	bool real;
};

static struct plan plan_of(const struct ct_coll_desc *desc, uint32_t nranks)
{
	unsigned fraction = fractions[desc->type];
	uint64_t budget = UINT64_C(1) << (fraction - 2);
	struct plan plan = {
		.type = desc->type, .op = desc->op, .nranks = nranks, .fraction = fraction,
		.window = nranks < budget ? nranks : (uint32_t)budget,
		.real = desc->type != CT_INT32 && desc->type != CT_INT64,
	};

	plan.most = budget / plan.window;
	return plan;
}

/* g(P) in [0, most] by the high half of a product, which is uniform enough and fast. */
static uint64_t step_value(const struct plan *plan, uint64_t hash, uint32_t p)
{
	unsigned __int128 wide = (unsigned __int128)ct_rng_hash(hash, p) * (plan->most + 1);

	return (uint64_t)(wide >> 64);
}

/* Whose number P is what RANK contributes to the element with HASH. */
static uint32_t place_of(const struct plan *plan, uint64_t hash, uint32_t rank)
{
	uint32_t holder = (uint32_t)((hash >> 32) * plan->nranks >> 32);

	return rank >= holder ? rank - holder : rank + plan->nranks - holder;
}

/* x of the element in units of u: between 1.25 and 1.75 of 2^fraction. */
static int64_t base_value(const struct plan *plan, uint64_t random)
{
	uint64_t one = UINT64_C(1) << plan->fraction;

	return (int64_t)(one + one / 4 + (random & (one / 2 - 1)));
}

static int scale_of(const struct plan *plan, uint64_t hash)
{
	return plan->real ? (int)(hash & 7) - 4 - (int)plan->fraction : 0;
}

/* PROD: signs and exponents of the places below COUNT come from the bits of HASH; real numbers'
 * exponents alternate so that partial products stay small. FROM: first place. */
static uint64_t product(const struct plan *plan, uint64_t hash, uint32_t from, uint32_t count)
{
	uint32_t p, negative = 0;
	int exponent = 0;
	int64_t x = 1;

	for (p = from; p < from + count && p < PROD_RANKS; p++) {
		int up = (int)(hash >> p & 1);

		exponent += plan->real && p % 2 == 1 ? -up : up;
		negative ^= (uint32_t)(hash >> (PROD_RANKS + p) & 1);
	}
	if (from == 0) {
		uint64_t one = UINT64_C(1) << (plan->real ? plan->fraction : 20);

		x = (int64_t)(one + (ct_rng_hash(hash, 0) & (one - 1)));
		exponent -= plan->real ? (int)plan->fraction : 0;
	}
	return encode(plan->type, negative ? -x : x, exponent);
}

static uint64_t contribution(const struct plan *plan, uint64_t hash, uint32_t rank)
{
	uint32_t p = place_of(plan, hash, rank);
	uint64_t random = ct_rng_hash(hash, UINT64_C(1) << 40);
	int64_t v = 0;

	switch (plan->op) {
	case CT_SUM:
		if (p < plan->window)
			v = (int64_t)step_value(plan, hash, p + 1) -
				(int64_t)step_value(plan, hash, p);
		v += p == 0 ? base_value(plan, random) : 0;
		break;
	case CT_PROD:
		return product(plan, hash, p, 1);
	default:
		v = p == 0 ? 0 : 1 + (int64_t)(ct_rng_hash(hash, p) & 15);
		v = base_value(plan, random) + (plan->op == CT_MIN ? v : -v);
		break;
	}
	return encode(plan->type, v, scale_of(plan, hash));
}

static uint64_t reduced(const struct plan *plan, uint64_t hash)
{
	int64_t v;

	if (plan->op == CT_PROD)
		return product(plan, hash, 0, plan->nranks);
	v = base_value(plan, ct_rng_hash(hash, UINT64_C(1) << 40));
	if (plan->op == CT_SUM)
		v += (int64_t)step_value(plan, hash, plan->window) -
			(int64_t)step_value(plan, hash, 0);
	return encode(plan->type, v, scale_of(plan, hash));
}

/* Random bits of element I of OWNER's input, never all ones. */
static uint64_t moved(size_t element, uint64_t seed, uint32_t owner, uint64_t i)
{
	uint64_t bits = ct_rng_hash(ct_rng_hash(seed, owner), i);
	uint64_t ones = element == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * element) - 1;

	bits &= ones;
	return bits == ones ? 1 : bits;
}

/* ---- buffers ------------------------------------------------------------------------------- */

static void put(void *to, size_t element, uint64_t i, uint64_t bits)
{
	uint16_t half = (uint16_t)bits;
	uint32_t word = (uint32_t)bits;

	if (element == 2)
		memcpy((char *)to + 2 * i, &half, 2);
	else if (element == 4)
		memcpy((char *)to + 4 * i, &word, 4);
	else
		memcpy((char *)to + 8 * i, &bits, 8);
}

static bool reduces(ct_coll coll)
{
	return coll == CT_ALLREDUCE || coll == CT_REDUCE_SCATTER || coll == CT_REDUCE;
}

/* Elements that RANK gets; 0 for an idle rank, the sending side of a one-way pattern, and all but the
 * root of a reduce or a gather. */
static uint64_t result_count(const struct ct_coll_desc *desc, uint32_t rank, uint32_t nranks)
{
	if (desc->coll >= CT_P2P_LATENCY && (desc->window == 0 || desc->partner[rank] == rank))
		return 0;
	if (desc->coll == CT_P2P_ONEWAY && rank < desc->partner[rank])
		return 0;
	if ((desc->coll == CT_REDUCE || desc->coll == CT_GATHER) && rank != desc->root)
		return 0;
	return ct_coll_buffers(desc->coll, rank, nranks, desc->count, false).recv;
}

/* ---- stretches ------------------------------------------------------------------------------- */

/* Data repeat after so many elements, so that long buffers are made and compared by copies of a stretch. It is
 * a prime: what lands in the wrong place does so by blocks and segments, which are no multiples of it. */
enum { PERIOD = 4093, WIDEST = 8 };

/* One owner's elements, or reduced ones, from index START on. */
struct stretch {
	const struct ct_coll_desc *desc;
	struct plan plan;
	uint64_t seed, start, count;
	uint32_t owner;
	bool input; /* what OWNER contributes; else the right result of it */
};

static uint64_t value_at(const struct stretch *s, uint64_t i)
{
	uint64_t index = (s->start + i) % PERIOD;

	if (!reduces(s->desc->coll))
		return moved(ct_type_bytes(s->desc->type), s->seed, s->owner, index);
	return s->input ? contribution(&s->plan, ct_rng_hash(s->seed, index), s->owner) :
		reduced(&s->plan, ct_rng_hash(s->seed, index));
}

/* The first elements of S, up to PERIOD; how many. */
static uint64_t first_of(const struct stretch *s, void *to)
{
	uint64_t n = s->count < PERIOD ? s->count : PERIOD;
	size_t element = ct_type_bytes(s->desc->type);

	for (uint64_t i = 0; i < n; i++)
		put(to, element, i, value_at(s, i));
	return n;
}

static void write_stretch(const struct stretch *s, void *to)
{
	size_t element = ct_type_bytes(s->desc->type);
	uint64_t done = first_of(s, to);

	while (done < s->count) {
		uint64_t more = done < s->count - done ? done : s->count - done;

		memcpy((char *)to + done * element, to, more * element);
		done += more;
	}
}

static uint64_t differing(const char *a, const char *b, uint64_t n, size_t element)
{
	uint64_t wrong = 0;

	if (memcmp(a, b, n * element) == 0)
		return 0;
	for (uint64_t i = 0; i < n; i++)
		wrong += memcmp(a + i * element, b + i * element, element) != 0;
	return wrong;
}

static uint64_t compare_stretch(const struct stretch *s, const void *with)
{
	char right[PERIOD * WIDEST];
	size_t element = ct_type_bytes(s->desc->type);
	uint64_t n = first_of(s, right), wrong = 0;

	for (uint64_t done = 0; done < s->count; done += n) {
		if (n > s->count - done)
			n = s->count - done;
		wrong += differing((const char *)with + done * element, right, n, element);
	}
	return wrong;
}

/* Stretch K of the right result of RANK; false: there is none. */
static bool result_stretch(const struct ct_coll_desc *desc, const struct ct_group *g, uint64_t seed, uint32_t k,
	struct stretch *s)
{
	uint64_t all = result_count(desc, g->rank, g->nranks);
	bool blocks = desc->coll == CT_ALLTOALL || desc->coll == CT_ALLGATHER || desc->coll == CT_GATHER;
	uint64_t count = blocks ? desc->count : all;

	if (all == 0 || k * count >= all)
		return false;
	*s = (struct stretch){ .desc = desc, .plan = plan_of(desc, g->nranks), .seed = seed, .count = count,
		.owner = blocks ? k : desc->root };
	if (desc->coll == CT_ALLTOALL || desc->coll == CT_SCATTER || desc->coll == CT_REDUCE_SCATTER)
		s->start = g->rank * desc->count;
	if (desc->coll >= CT_P2P_LATENCY)
		s->owner = desc->partner[g->rank];
	return true;
}

/* ---- whole buffers --------------------------------------------------------------------------- */

void ct_verify_fill(const struct ct_coll_desc *desc, uint32_t rank, uint32_t nranks, uint64_t seed)
{
	struct stretch input = { .desc = desc, .plan = plan_of(desc, nranks), .seed = seed, .owner = rank,
		.count = ct_coll_buffers(desc->coll, rank, nranks, desc->count, false).send, .input = true };

	write_stretch(&input, desc->send);
}

void ct_verify_spoil(const struct ct_coll_desc *desc, uint32_t rank, uint32_t nranks)
{
	uint64_t count = ct_coll_buffers(desc->coll, rank, nranks, desc->count, false).recv;

	if (count > 0)
		memset(desc->recv, 0xff, count * ct_type_bytes(desc->type));
}

uint64_t ct_verify_count(const struct ct_coll_desc *desc, uint32_t rank, uint32_t nranks,
	uint64_t seed)
{
	const struct ct_group g = { .rank = rank, .nranks = nranks };
	size_t element = ct_type_bytes(desc->type);
	uint64_t wrong = 0;
	struct stretch s;

	for (uint32_t k = 0; result_stretch(desc, &g, seed, k, &s); k++)
		wrong += compare_stretch(&s, (const char *)desc->recv + k * s.count * element);
	return wrong;
}

void ct_verify_result(const struct ct_coll_desc *desc, uint32_t rank, uint32_t nranks, uint64_t seed)
{
	const struct ct_group g = { .rank = rank, .nranks = nranks };
	size_t element = ct_type_bytes(desc->type);
	struct stretch s;

	for (uint32_t k = 0; result_stretch(desc, &g, seed, k, &s); k++)
		write_stretch(&s, (char *)desc->recv + k * s.count * element);
}
