/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to coll: half (IEEE 754-2019 binary16) and bfloat16 (the upper half of binary32) as
 * bits. Inline since whole vectors pass through them. */
#ifndef CT_COLL_REDUCE_H
#define CT_COLL_REDUCE_H

#include <stdint.h>
#include <string.h>

static inline float ct_float_of_bits(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

static inline uint32_t ct_bits_of_float(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

/* Exact. Subnormal halves are m * 2^-24, which a float holds as a normal number. */
static inline float ct_half_to_float(uint16_t h)
{
	uint32_t magnitude = h & 0x7fffu, sign = (uint32_t)(h & 0x8000u) << 16;
	uint32_t normal = (magnitude << 13) + ((127u - 15u) << 23);
	uint32_t special = (magnitude << 13) | 0x7f800000u;
	uint32_t small = ct_bits_of_float((float)(int32_t)magnitude * 0x1p-24f);
	uint32_t bits = magnitude < 0x0400u ? small : magnitude < 0x7c00u ? normal : special;

	return ct_float_of_bits(bits | sign);
}

/* Rounds to nearest, ties to even; beyond 65519.99 to infinity; a NaN stays one (quiet). */
static inline uint16_t ct_half_of_float(float f)
{
	uint32_t bits = ct_bits_of_float(f), sign = bits >> 16 & 0x8000u;
	uint32_t magnitude = bits & 0x7fffffffu;
	/* Half a unit less one, plus one if the kept part is odd; a carry moves the exponent up. */
	uint32_t normal = (magnitude - ((127u - 15u) << 23) + 0xfffu + (magnitude >> 13 & 1)) >> 13;
	/* Adding 0.5, whose last place is 2^-24, lets the processor round a subnormal. */
	uint32_t small =
		ct_bits_of_float(ct_float_of_bits(magnitude) + 0.5f) - ct_bits_of_float(0.5f);
	uint32_t h = magnitude < 0x38800000u ? small : normal;

	h = magnitude >= 0x477ff000u ? 0x7c00u : h;
	h = magnitude > 0x7f800000u ? 0x7e00u | (magnitude >> 13 & 0x3ffu) : h;
	return (uint16_t)(h | sign);
}

static inline float ct_bfloat16_to_float(uint16_t b)
{
	return ct_float_of_bits((uint32_t)b << 16);
}

static inline uint16_t ct_bfloat16_of_float(float f)
{
	uint32_t bits = ct_bits_of_float(f);
	uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
	uint32_t nan = bits >> 16 | 0x40u;

	return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

#endif
