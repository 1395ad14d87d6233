/* SPDX-License-Identifier: BSD-3-Clause */
#include "rng.h"

static uint64_t rotate_left(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

struct ct_rng ct_rng_make(uint64_t seed)
{
	struct ct_rng rng;

	for (uint64_t i = 0; i < 4; i++)
		rng.s[i] = ct_rng_hash(seed, i);
	return rng;
}

uint64_t ct_rng_next(struct ct_rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t ct_rng_below(struct ct_rng *rng, uint64_t bound)
{
	uint64_t least = (0 - bound) % bound; /* 2^64 mod bound: this many low parts are biased */
	unsigned __int128 product;

	do
		product = (unsigned __int128)ct_rng_next(rng) * bound;
	while ((uint64_t)product < least);
	return (uint64_t)(product >> 64);
}

void ct_rng_shuffle(struct ct_rng *rng, uint32_t *order, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t j = (size_t)ct_rng_below(rng, i + 1);

		/* The inside-out form: fills and shuffles in one pass. */
		order[i] = order[j];
		order[j] = (uint32_t)i;
	}
}
