/* SPDX-License-Identifier: BSD-3-Clause */
#include "coll.h"
#include "reduce.h"

/*
 * Blocks of a fixed number of elements pass through local arrays: the compiler then needs no proof
 * that dst differs from a and b (it may not), vectorises already at -O2, and a piece of a message
 * may stand at any address.
 */
enum { LANES = 32 };

/* dst[i] = EXPR of x and y, both of TYPE, loaded by GET and stored by PUT from STORED elements. */
#define LOOP(STORED, TYPE, GET, PUT, EXPR)                                                         \
	for (; count >= LANES; count -= LANES, dst += sizeof(p), a += sizeof(p), b += sizeof(p)) { \
		memcpy(p, a, sizeof(p));                                                           \
		memcpy(q, b, sizeof(q));                                                           \
		for (int i = 0; i < LANES; i++) {                                                  \
			const TYPE x = GET(p[i]), y = GET(q[i]);                                   \
			p[i] = PUT(EXPR);                                                          \
		}                                                                                  \
		memcpy(dst, p, sizeof(p));                                                         \
	}                                                                                          \
	for (; count > 0; count--, dst += sizeof(*p), a += sizeof(*p), b += sizeof(*p)) {          \
		memcpy(p, a, sizeof(*p));                                                          \
		memcpy(q, b, sizeof(*q));                                                          \
		const TYPE x = GET(p[0]), y = GET(q[0]);                                           \
		p[0] = PUT(EXPR);                                                                  \
		memcpy(dst, p, sizeof(*p));                                                        \
	}

/* The four operations; SUM and PROD in WIDE, which is unsigned for integers so that overflow wraps
 * as MPI and NCCL libraries have it. */
#define OPERATIONS(STORED, WIDE, TYPE, GET, PUT)                                                   \
	STORED p[LANES], q[LANES];                                                                 \
	switch (op) {                                                                              \
	case CT_SUM:                                                                               \
		LOOP(STORED, WIDE, GET, PUT, x + y)                                                \
		break;                                                                             \
	case CT_PROD:                                                                              \
		LOOP(STORED, WIDE, GET, PUT, x * y)                                                \
		break;                                                                             \
	case CT_MIN:                                                                               \
		LOOP(STORED, TYPE, GET, PUT, x < y ? x : y)                                        \
		break;                                                                             \
	default:                                                                                   \
		LOOP(STORED, TYPE, GET, PUT, x > y ? x : y)                                        \
		break;                                                                             \
	}

static void reduce_int32(ct_op op, char *dst, const char *a, const char *b, uint64_t count)
{
	OPERATIONS(int32_t, uint32_t, int32_t, (uint32_t), (int32_t))
}

static void reduce_int64(ct_op op, char *dst, const char *a, const char *b, uint64_t count)
{
	OPERATIONS(int64_t, uint64_t, int64_t, (uint64_t), (int64_t))
}

static void reduce_half(ct_op op, char *dst, const char *a, const char *b, uint64_t count)
{
	/* Rounding to float first is harmless: 24 bits >= 2 * 11 + 2 (Figueroa 1995). */
	OPERATIONS(uint16_t, float, float, ct_half_to_float, ct_half_of_float)
}

static void reduce_bfloat16(ct_op op, char *dst, const char *a, const char *b, uint64_t count)
{
	OPERATIONS(uint16_t, float, float, ct_bfloat16_to_float, ct_bfloat16_of_float)
}

static void reduce_float(ct_op op, char *dst, const char *a, const char *b, uint64_t count)
{
	OPERATIONS(float, float, float, , )
}

static void reduce_double(ct_op op, char *dst, const char *a, const char *b, uint64_t count)
{
	OPERATIONS(double, double, double, , )
}

void ct_reduce(ct_type type, ct_op op, void *dst, const void *a, const void *b, uint64_t count)
{
	switch (type) {
	case CT_INT32:
		reduce_int32(op, dst, a, b, count);
		break;
	case CT_INT64:
		reduce_int64(op, dst, a, b, count);
		break;
	case CT_HALF:
		reduce_half(op, dst, a, b, count);
		break;
	case CT_BFLOAT16:
		reduce_bfloat16(op, dst, a, b, count);
		break;
	case CT_FLOAT:
		reduce_float(op, dst, a, b, count);
		break;
	case CT_DOUBLE:
		reduce_double(op, dst, a, b, count);
		break;
	default:
		break;
	}
}
