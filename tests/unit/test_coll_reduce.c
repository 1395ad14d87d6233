/* SPDX-License-Identifier: BSD-3-Clause */
/* ct_reduce, the 2-byte floating-point types, and what counts and bytes mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "coll/coll.h"
#include "model/model.h"
#include "coll/reduce.h"

/* IEEE 754 binary16 values as tabulated in Wikipedia, "Half-precision floating-point format",
 * section "Half precision examples" (read 2026-11). */
static void half_known_values(void **state)
{
	static const struct {
		uint16_t bits;
		float value;
	} known[] = {
		{ 0x0000, 0.0f }, { 0x0001, 0x1p-24f }, { 0x03ff, 0x1.ff8p-15f },
		{ 0x0400, 0x1p-14f }, { 0x3555, 0.333251953125f }, { 0x3bff, 0.99951171875f },
		{ 0x3c00, 1.0f }, { 0x3c01, 1.0009765625f }, { 0x7bff, 65504.0f },
		{ 0x7c00, INFINITY }, { 0x8000, -0.0f }, { 0xc000, -2.0f }, { 0xfc00, -INFINITY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_int_equal(ct_bits_of_float(ct_half_to_float(known[i].bits)),
			ct_bits_of_float(known[i].value));
		assert_int_equal(ct_half_of_float(known[i].value), known[i].bits);
	}
	/* Ties go to even; the first value beyond the largest half's upper half unit is infinity. */
	assert_int_equal(ct_half_of_float(65519.0f), 0x7bff);
	assert_int_equal(ct_half_of_float(65520.0f), 0x7c00);
	assert_int_equal(ct_half_of_float(1.0f + 0x1p-11f), 0x3c00);
	assert_int_equal(ct_half_of_float(1.0f + 0x3p-11f), 0x3c02);
	assert_int_equal(ct_half_of_float(0x1p-25f), 0x0000);
	assert_int_equal(ct_half_of_float(0x1.8p-25f), 0x0001);
	assert_true(isnan(ct_half_to_float(ct_half_of_float(NAN))));
}

/* From the layout: sign, 8 exponent bits, 7 fraction bits (Intel, "BFLOAT16 - Hardware Numerics
 * Definition", 2018): 1.0 = 3f80, 3.140625 = 4049, largest 7f7f = 3.38953139e38. */
static void bfloat16_known_values(void **state)
{
	(void)state;
	assert_int_equal(ct_bfloat16_of_float(1.0f), 0x3f80);
	assert_int_equal(ct_bfloat16_of_float(3.1415927f), 0x4049);
	assert_true(ct_bfloat16_to_float(0x4049) == 3.140625f);
	assert_true(ct_bfloat16_to_float(0x7f7f) == 0x1.fep127f);
	assert_int_equal(ct_bfloat16_of_float(1.0f + 0x1p-8f), 0x3f80);
	assert_int_equal(ct_bfloat16_of_float(1.0f + 0x3p-8f), 0x3f82);
	assert_int_equal(ct_bfloat16_of_float(0x1.ffp127f), 0x7f80);
	assert_true(isnan(ct_bfloat16_to_float(ct_bfloat16_of_float(NAN))));
}

/* All 65,536 patterns there and back; between each two neighbours the middle goes to the even one
 * and the floats next to the middle to the nearer one. */
static void conversions_round(uint16_t (*of)(float), float (*to)(uint16_t), uint32_t infinity)
{
	for (uint32_t h = 0; h < 0x10000; h++) {
		float value = to((uint16_t)h), next, middle;

		if ((h & 0x7fff) > infinity) {
			assert_true(isnan(value) && isnan(to(of(value))));
			continue;
		}
		if (of(value) != h)
			fail_msg("%04x is not itself", h);
		if ((h & 0x7fff) >= infinity - 1)
			continue;
		next = to((uint16_t)(h + 1));
		middle = (float)(((double)value + next) / 2);
		if (of(middle) != h + (h & 1) || of(nextafterf(middle, value)) != h ||
		    of(nextafterf(middle, next)) != h + 1)
			fail_msg("%04x to its neighbour: wrong rounding", h);
	}
}

static uint16_t half_of(float f)
{
	return ct_half_of_float(f);
}

static float half_to(uint16_t h)
{
	return ct_half_to_float(h);
}

static uint16_t bfloat16_of(float f)
{
	return ct_bfloat16_of_float(f);
}

static float bfloat16_to(uint16_t b)
{
	return ct_bfloat16_to_float(b);
}

static void conversions_exhaustive(void **state)
{
	(void)state;
	conversions_round(half_of, half_to, 0x7c00);
	conversions_round(bfloat16_of, bfloat16_to, 0x7f80);
}

static double value_of(ct_type type, const void *at)
{
	int32_t i32;
	int64_t i64;
	uint16_t half;
	float f;
	double d;

	switch (type) {
	case CT_INT32:
		memcpy(&i32, at, 4);
		return i32;
	case CT_INT64:
		memcpy(&i64, at, 8);
		return (double)i64;
	case CT_HALF:
		memcpy(&half, at, 2);
		return ct_half_to_float(half);
	case CT_BFLOAT16:
		memcpy(&half, at, 2);
		return ct_bfloat16_to_float(half);
	case CT_FLOAT:
		memcpy(&f, at, 4);
		return f;
	default:
		memcpy(&d, at, 8);
		return d;
	}
}

static void set_value(ct_type type, void *at, int value)
{
	int32_t i32 = value;
	int64_t i64 = value;
	uint16_t half = type == CT_HALF ? half_of((float)value) : bfloat16_of((float)value);
	float f = (float)value;
	double d = value;

	memcpy(at, type == CT_INT32 ? (void *)&i32 : type == CT_INT64 ? (void *)&i64 :
		type == CT_FLOAT ? (void *)&f : type == CT_DOUBLE ? (void *)&d : (void *)&half,
		ct_type_bytes(type));
}

static double operate(int op, double a, double b)
{
	return op == CT_SUM ? a + b : op == CT_PROD ? a * b : op == CT_MIN ? fmin(a, b) : fmax(a, b);
}

/* Small integers, exact in all types, at every length around the block size, at odd addresses, with
 * dst apart, dst = a and dst = b. */
static void all_types_and_operations(void **state)
{
	char a[101 * 8 + 8], b[101 * 8 + 8], d[101 * 8 + 8], *dst[3] = { d + 3, a + 1, b + 2 };

	(void)state;
	for (int type = 0; type < CT_NTYPES; type++)
		for (int op = 0; op < CT_NOPS; op++)
			for (int place = 0; place < 3; place++)
				for (uint64_t n = 0; n <= 100; n += n < 4 || n > 94 ? 1 : 13) {
					size_t e = ct_type_bytes((ct_type)type);

					memset(d, 0x5a, sizeof(d));
					for (uint64_t i = 0; i <= n; i++) {
						set_value((ct_type)type, a + 1 + i * e, (int)(i % 15) - 7);
						set_value((ct_type)type, b + 2 + i * e, (int)(i % 11) - 5);
					}
					ct_reduce((ct_type)type, (ct_op)op, dst[place], a + 1, b + 2, n);
					for (uint64_t i = 0; i < n; i++)
						assert_true(value_of((ct_type)type, dst[place] + i * e) ==
							operate(op, (double)(i % 15) - 7,
								(double)(i % 11) - 5));
					/* Nothing beyond the end is touched. */
					assert_true(place > 0 ? value_of((ct_type)type, dst[place] + n * e) ==
						(place == 1 ? (double)(n % 15) - 7 : (double)(n % 11) - 5)
						: d[3 + n * e] == 0x5a);
				}
}

static void integers_wrap(void **state)
{
	int32_t a = INT32_MAX, b = 1, d;

	(void)state;
	ct_reduce(CT_INT32, CT_SUM, &d, &a, &b, 1);
	assert_int_equal(d, INT32_MIN);
	b = -1;
	ct_reduce(CT_INT32, CT_MIN, &d, &a, &b, 1);
	assert_int_equal(d, -1);
}

/* nccl-tests doc/PERFORMANCE.md: "busbw = algbw * (2*(n-1)/n)" for AllReduce, "(n-1)/n" for
 * ReduceScatter, AllGather and AlltoAll, "1" for Broadcast. */
static void bus_factors(void **state)
{
	(void)state;
	assert_true(ct_coll_bus_factor(CT_ALLREDUCE, 8) == 1.75);
	assert_true(ct_coll_bus_factor(CT_ALLREDUCE, 2) == 1.0);
	assert_true(ct_coll_bus_factor(CT_ALLGATHER, 4) == 0.75);
	assert_true(ct_coll_bus_factor(CT_REDUCE_SCATTER, 4) == 0.75);
	assert_true(ct_coll_bus_factor(CT_ALLTOALL, 4) == 0.75);
	assert_true(ct_coll_bus_factor(CT_GATHER, 4) == 0.75); /* its gather.cu and scatter.cu */
	assert_true(ct_coll_bus_factor(CT_SCATTER, 8) == 0.875);
	assert_true(ct_coll_bus_factor(CT_BROADCAST, 4) == 1.0);
	assert_true(ct_coll_bus_factor(CT_P2P_DUPLEX, 2) == 1.0);
	assert_true(ct_coll_bus_factor(CT_BARRIER, 4) == 0.0);
}

static void counts_and_bytes(void **state)
{
	struct ct_coll_buffers b = ct_coll_buffers(CT_ALLGATHER, 3, 5, 7, true);

	(void)state;
	assert_int_equal(b.send, 7);
	assert_int_equal(b.recv, 35);
	assert_int_equal(b.send_at, 21);
	assert_int_equal(b.recv_at, 0);
	b = ct_coll_buffers(CT_REDUCE_SCATTER, 2, 5, 7, true);
	assert_int_equal(b.send, 35);
	assert_int_equal(b.recv_at, 14);
	b = ct_coll_buffers(CT_GATHER, 2, 5, 7, true);
	assert_int_equal(b.send, 7);
	assert_int_equal(b.recv, 35);
	assert_int_equal(b.send_at, 14);
	assert_int_equal(b.recv_at, 0);
	b = ct_coll_buffers(CT_SCATTER, 2, 5, 7, true);
	assert_int_equal(b.send, 35);
	assert_int_equal(b.recv, 7);
	assert_int_equal(b.send_at, 0);
	assert_int_equal(b.recv_at, 14);
	assert_int_equal(ct_coll_bytes(CT_GATHER, 4, 100, CT_FLOAT), 1600);
	assert_int_equal(ct_coll_count(CT_SCATTER, 4, 1615, CT_FLOAT), 100);
	assert_int_equal(ct_coll_bytes(CT_ALLREDUCE, 4, 100, CT_FLOAT), 400);
	assert_int_equal(ct_coll_bytes(CT_ALLTOALL, 4, 100, CT_FLOAT), 1600);
	assert_int_equal(ct_coll_count(CT_ALLTOALL, 4, 1615, CT_FLOAT), 100);
	assert_int_equal(ct_coll_count(CT_ALLREDUCE, 4, 7, CT_DOUBLE), 0);
	assert_int_equal(ct_coll_count(CT_BARRIER, 4, 8, CT_FLOAT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_known_values),
		cmocka_unit_test(bfloat16_known_values),
		cmocka_unit_test(conversions_exhaustive),
		cmocka_unit_test(all_types_and_operations),
		cmocka_unit_test(integers_wrap),
		cmocka_unit_test(bus_factors),
		cmocka_unit_test(counts_and_bytes),
	};

	return cmocka_run_group_tests_name("coll_reduce", tests, NULL, NULL);
}
