/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeded random numbers: SplitMix64 (Steele, Lea, Flood 2014) seeds xoshiro256** (Blackman and
 * Vigna 2018); the first values are checked against the authors' reference output. */
#ifndef CT_BASE_RNG_H
#define CT_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct ct_rng {
	uint64_t s[4];
};

/* A generator for SEED (any value). */
struct ct_rng ct_rng_make(uint64_t seed);

/* The next 64 random bits. */
uint64_t ct_rng_next(struct ct_rng *rng);

/* Uniform in 0 … bound-1 without modulo bias (Lemire 2019); bound > 0. */
uint64_t ct_rng_below(struct ct_rng *rng, uint64_t bound);

/* Fisher-Yates: writes a random order of 0 … n-1 into ORDER. */
void ct_rng_shuffle(struct ct_rng *rng, uint32_t *order, size_t n);

/* A hash of two words: one stateless random number, for inputs by (seed, index). It is number INDEX
 * (from 0) of SplitMix64 started at SEED, whose state is a counter, so that no walk over the numbers before
 * is needed. For a third word, hash twice. Here, since each element of each verified buffer asks for several. */
static inline uint64_t ct_rng_hash(uint64_t seed, uint64_t index)
{
	/* 2^64 / golden ratio, made odd; then the output function (mix variant 13 of Stafford) */
	uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

#endif
