/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

static void sizes(void **state)
{
	/* Powers of two as nccl-tests' parsesize() (src/common.cu) reads them: 1K = 1024. */
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "8", 8 },
		{ "1K", 1024 },
		{ "4K", 4096 },
		{ "4k", 4096 },
		{ "1.5M", 1572864 },
		{ "2G", 2147483648u },
		{ "1T", 1099511627776u },
		{ "4KiB", 4096 },
		{ "4KB", 4096 },
		{ "8B", 8 },
		{ "0.5K", 512 },
		{ "1.50000000000000000000000000K", 1536 },
		{ "8.0", 8 },
		{ "9223372036854775807", INT64_MAX },
		{ "007", 7 },
		{ "0.0009765625K", 1 },
	};
	static const char *const bad[] = {
		"",
		" 8",
		"8 ",
		"+8",
		"-8",
		"-0",
		"K",
		".5K",
		"1.K",
		"1.",
		"0x10",
		"1e3",
		"1e400",
		"nan",
		"inf",
		"8iB",
		"4Kb",
		"4KBB",
		"4KK",
		"4P",
		"1.3K",
		"0.5",
		"9223372036854775808",
		"8388608T",
		"18446744073709551616",
		"99999999999999999999999999",
		"1.5.5K",
		"8,5K",
		"4K\n",
		"\xd9\xa1",
		"0.0000000000000000001T",
		"4[",
		"4@",
	};
	uint64_t v = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ct_size_parse(good[i].text, &v), CT_OK);
		assert_int_equal(v, good[i].bytes);
	}
	v = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ct_size_parse(bad[i], &v) != CT_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(v, 77);
	}
}

static void times(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "10ns", 10 },		 { "5us", 5000 },	   { "2.5ms", 2500000 },
		{ "30s", 30000000000u }, { "15m", 900000000000u }, { "8h", 28800000000000u },
		{ "30", 30000000000u },	 { "0.5", 500000000 },	   { "0", 0 },
		{ "0.000000001", 1 },
	};
	static const char *const bad[] = {
		"",	"s",   "-1s", "1.5ns", "0.0000000001", "1 s",	   "1S",    "1d",
		"1min", "inf", "nan", "1e3",   "9999999999s",  "2562048h", "10usx",
	};
	uint64_t v = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ct_time_parse(good[i].text, &v), CT_OK);
		assert_int_equal(v, good[i].ns);
	}
	v = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ct_time_parse(bad[i], &v) != CT_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(v, 77);
	}
}

static void numbers(void **state)
{
	static const char *const not_int[] = {
		"",
		"-",
		"+1",
		" 1",
		"1 ",
		"1.0",
		"0x1",
		"1e1",
		"--1",
		"9223372036854775808",
		"-9223372036854775809",
	};
	static const char *const not_real[] = {
		"",   "-",   ".",     "+1",	" 1",  "1 ",	"0x1p3",    "nan", "inf", "-inf",
		"1e", "1e+", "1e400", "-1e400", "1,5", "1.5.5", "infinity", "1d3", "e5",
	};
	int64_t i64 = 77;
	double real = 77;

	(void)state;
	assert_int_equal(ct_int_parse("-9223372036854775808", INT64_MIN, INT64_MAX, &i64), CT_OK);
	assert_true(i64 == INT64_MIN);
	assert_int_equal(ct_int_parse("9223372036854775807", INT64_MIN, INT64_MAX, &i64), CT_OK);
	assert_true(i64 == INT64_MAX);
	assert_int_equal(ct_int_parse("0012", 0, 12, &i64), CT_OK);
	assert_int_equal(i64, 12);
	assert_int_equal(ct_int_parse("13", 0, 12, &i64), CT_INVALID);
	assert_string_equal(ct_why(), "13 is outside 0 to 12");
	for (size_t i = 0; i < sizeof(not_int) / sizeof(not_int[0]); i++)
		if (ct_int_parse(not_int[i], INT64_MIN, INT64_MAX, &i64) != CT_INVALID)
			fail_msg("\"%s\" was taken", not_int[i]);
	assert_int_equal(i64, 12);
	assert_int_equal(ct_real_parse("-2.5e-1", -1, 1, &real), CT_OK);
	assert_true(real == -0.25);
	assert_int_equal(ct_real_parse(".5", 0, 1, &real), CT_OK);
	assert_true(real == 0.5);
	assert_int_equal(ct_real_parse("1e-400", 0, 1, &real), CT_OK);
	assert_true(real == 0);
	assert_int_equal(ct_real_parse("1.0001", 0, 1, &real), CT_INVALID);
	for (size_t i = 0; i < sizeof(not_real) / sizeof(not_real[0]); i++)
		if (ct_real_parse(not_real[i], -INFINITY, INFINITY, &real) != CT_INVALID)
			fail_msg("\"%s\" was taken", not_real[i]);
	assert_true(real == 0);
}

static void printed(void **state)
{
	static const struct {
		uint64_t value;
		const char *text;
	} size[] = {
		{ 0, "0" }, { 8, "8" }, { 1000, "1000" }, { 1024, "1K" }, { 1025, "1025" }, { 1536, "1.5K" },
		{ 4096, "4K" }, { 1572864, "1.5M" }, { 1048577, "1048577" }, { 2147483648u, "2G" },
		{ 1099511627776u, "1T" }, { UINT64_MAX, "18446744073709551615" },
	}, time[] = {
		{ 0, "0 ns" }, { 7, "7 ns" }, { 850, "850 ns" }, { 999, "999 ns" }, { 1000, "1.00 us" },
		{ 12345, "12.3 us" }, { 12350, "12.4 us" }, { 999499, "999 us" }, { 999500, "1.00 ms" },
		{ 9995, "10.0 us" }, { 9994, "9.99 us" }, { 99950, "100 us" }, { 4560000, "4.56 ms" },
		{ 7890000000u, "7.89 s" }, { 28800000000000u, "28800 s" }, { UINT64_MAX, "18446744074 s" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++)
		assert_string_equal(ct_size_text(size[i].value, out), size[i].text);
	for (size_t i = 0; i < sizeof(time) / sizeof(time[0]); i++)
		assert_string_equal(ct_time_text(time[i].value, out), time[i].text);
	assert_string_equal(ct_rate_text(12.34e9, out), "12.3 GB/s");
	assert_string_equal(ct_rate_text(850e6, out), "850 MB/s");
	assert_string_equal(ct_rate_text(1234e9, out), "1234 GB/s");
	assert_string_equal(ct_rate_text(2000, out), "2.00 kB/s");
	assert_string_equal(ct_rate_text(0, out), "0 B/s");
	assert_string_equal(ct_rate_text(NAN, out), "? B/s");
	assert_string_equal(ct_rate_text(INFINITY, out), "? B/s");
	assert_string_equal(ct_rate_text(-1, out), "? B/s");
}

static void sizes_round_trip(void **state)
{
	struct ct_rng rng = ct_rng_make(1);
	char out[32];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t bytes = ct_rng_next(&rng) >> (1 + ct_rng_below(&rng, 63)), again = 0;

		bytes &= ~(((uint64_t)1 << ct_rng_below(&rng, 42)) - 1);
		assert_int_equal(ct_size_parse(ct_size_text(bytes, out), &again), CT_OK);
		assert_int_equal(again, bytes);
	}
}

/* Random words over the alphabet that matters: never a crash, and nothing written on error. */
static void parsers_stand_noise(void **state)
{
	static const char letters[] = "0123456789999..--+eExKMGTiBnsumh \n%\xff";
	struct ct_rng rng = ct_rng_make(2);
	int taken = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		char text[40];
		size_t length = ct_rng_below(&rng, i % 10 == 0 ? 39 : 8);
		uint64_t size = 77, time = 77;
		int64_t whole = 77;
		double real = 77;

		for (size_t k = 0; k < length; k++)
			text[k] = letters[ct_rng_below(&rng, sizeof(letters) - 1)];
		text[length] = '\0';
		if (ct_size_parse(text, &size) == CT_OK)
			taken++;
		else
			assert_int_equal(size, 77);
		assert_true(size <= INT64_MAX);
		if (ct_time_parse(text, &time) != CT_OK)
			assert_int_equal(time, 77);
		assert_true(time <= INT64_MAX);
		if (ct_int_parse(text, -100, 100, &whole) != CT_OK)
			assert_int_equal(whole, 77);
		assert_true(whole >= -100 && whole <= 100);
		if (ct_real_parse(text, -1e3, 1e3, &real) != CT_OK)
			assert_true(real == 77);
		assert_true(real >= -1e3 && real <= 1e3);
	}
	assert_in_range(taken, 1000, 200000);
}

static void names(void **state)
{
	ct_coll coll = CT_BARRIER;
	ct_type type = CT_INT32;
	ct_op op = CT_SUM;

	(void)state;
	for (int i = 0; i < CT_NCOLLS; i++) {
		assert_int_equal(ct_coll_parse(ct_coll_name((ct_coll)i), &coll), CT_OK);
		assert_int_equal(coll, i);
	}
	for (int i = 0; i < CT_NTYPES; i++) {
		assert_int_equal(ct_type_parse(ct_type_name((ct_type)i), &type), CT_OK);
		assert_int_equal(type, i);
		assert_in_range(ct_type_bytes(type), 2, 8);
	}
	for (int i = 0; i < CT_NOPS; i++) {
		assert_int_equal(ct_op_parse(ct_op_name((ct_op)i), &op), CT_OK);
		assert_int_equal(op, i);
	}
	assert_string_equal(ct_coll_name(CT_NCOLLS), "?");
	assert_string_equal(ct_type_name((ct_type)-1), "?");
	assert_string_equal(ct_op_name(CT_NOPS), "?");
	assert_int_equal(ct_type_bytes(CT_NTYPES), 0);
	assert_int_equal(ct_type_parse("bf16", &type), CT_OK);
	assert_int_equal(type, CT_BFLOAT16);
	assert_int_equal(ct_type_bytes(type), 2);
	assert_int_equal(ct_type_parse("float64", &type), CT_OK);
	assert_int_equal(type, CT_DOUBLE);
	assert_int_equal(ct_coll_parse("all_reduce", &coll), CT_INVALID);
	assert_string_equal(ct_why(),
			    "unknown operation \"all_reduce\"; did you mean \"allreduce\"?");
	assert_int_equal(ct_op_parse("xyzzyq", &op), CT_INVALID);
	assert_string_equal(ct_why(), "unknown reduction \"xyzzyq\"; known: sum, prod, min, max");
}

static void distances(void **state)
{
	static const char *const words[] = { "alpha", "beta", "alpine", NULL };
	char longer[80];

	(void)state;
	/* The textbook pairs: kitten/sitting and Saturday/Sunday (Wagner and Fischer's distance,
	 * e.g. Wikipedia "Levenshtein distance"); "ca"/"abc" is 3 with restricted swaps (optimal
	 * string alignment) and 2 with free ones (Wikipedia "Damerau-Levenshtein distance"). */
	assert_int_equal(ct_edit_distance("kitten", "sitting"), 3);
	assert_int_equal(ct_edit_distance("sitting", "kitten"), 3);
	assert_int_equal(ct_edit_distance("Saturday", "Sunday"), 3);
	assert_int_equal(ct_edit_distance("ca", "abc"), 3);
	assert_int_equal(ct_edit_distance("nte", "net"), 1);
	assert_int_equal(ct_edit_distance("", "abc"), 3);
	assert_int_equal(ct_edit_distance("abc", ""), 3);
	assert_int_equal(ct_edit_distance("", ""), 0);
	assert_int_equal(ct_edit_distance("FLOAT", "float"), 0);
	memset(longer, 'a', sizeof(longer));
	longer[63] = '\0';
	assert_int_equal(ct_edit_distance(longer, ""), 63);
	longer[63] = 'a';
	longer[79] = '\0';
	assert_true(ct_edit_distance(longer, "a") == SIZE_MAX);
	assert_string_equal(ct_nearest("aplha", words), "alpha");
	assert_string_equal(ct_nearest("alpin", words), "alpine");
	assert_null(ct_nearest("zzzzzz", words));
	assert_null(ct_nearest("", words));
	assert_null(ct_nearest(longer, words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),     cmocka_unit_test(times),
		cmocka_unit_test(numbers),   cmocka_unit_test(printed),
		cmocka_unit_test(names),     cmocka_unit_test(sizes_round_trip),
		cmocka_unit_test(distances), cmocka_unit_test(parsers_stand_noise),
	};

	return cmocka_run_group_tests_name("base_units", tests, NULL, NULL);
}
