/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/plan.h"

/* The defaults of the rows, so that each test says only what differs. */
static struct ct_bench_settings defaults(void)
{
	const struct ct_option *const lists[] = { ct_bench_own_options, NULL };
	struct ct_bench_settings s = { 0 };

	assert_int_equal(ct_options_default(lists, &s), CT_OK);
	return s;
}

static void undo(struct ct_bench_settings *s)
{
	const struct ct_option *const lists[] = { ct_bench_own_options, NULL };

	ct_options_free(lists, s);
}

static void set_text(char **text, const char *value)
{
	ct_free(*text);
	*text = ct_strdup(value);
	assert_non_null(*text);
}

static void test_pairs(void **state)
{
	uint32_t partner[5];

	(void)state;
	assert_int_equal(ct_pairs_parse("0-1", 2, partner), CT_OK);
	assert_true(partner[0] == 1 && partner[1] == 0);
	assert_int_equal(ct_pairs_parse("3-0,1-4", 5, partner), CT_OK);
	assert_true(partner[0] == 3 && partner[3] == 0 && partner[1] == 4 && partner[4] == 1);
	assert_int_equal(partner[2], 2);
	assert_int_equal(ct_pairs_parse("all", 5, partner), CT_OK);
	assert_true(partner[0] == 1 && partner[1] == 0 && partner[2] == 3 && partner[3] == 2);
	assert_int_equal(partner[4], 4);
	assert_int_equal(ct_pairs_parse("all", 1, partner), CT_OK);
	assert_int_equal(partner[0], 0);
}

static void test_wrong_pairs(void **state)
{
	static const char *const wrong[] = { "", "0", "0-", "-1", "0-1,", ",0-1", "0-1,2", "0 - 1", "0-1x",
		"0-0", "0-1,1-2", "0-4", "4-0", "0-99999999999999999999", "0--1", "+0-1", "ALL", NULL };
	uint32_t partner[4];

	(void)state;
	for (size_t i = 0; wrong[i] != NULL; i++) {
		assert_int_equal(ct_pairs_parse(wrong[i], 4, partner), CT_INVALID);
		assert_non_null(strstr(ct_why(), "--pairs"));
	}
}

static void test_words(void **state)
{
	ct_coll coll;
	bool p2p;

	(void)state;
	assert_int_equal(ct_plan_word("p2p", &p2p, &coll), CT_OK);
	assert_true(p2p);
	assert_int_equal(ct_plan_word("reduce_scatter", &p2p, &coll), CT_OK);
	assert_false(p2p);
	assert_int_equal(coll, CT_REDUCE_SCATTER);
	assert_int_equal(ct_plan_word("alreduce", &p2p, &coll), CT_INVALID);
	assert_non_null(strstr(ct_why(), "did you mean allreduce"));
	assert_int_equal(ct_plan_word("", &p2p, &coll), CT_INVALID);
}

/* nccl-tests' size column: 8, 32, 128 … with -f 4; each out of place, then in place. */
static void test_factor(void **state)
{
	struct ct_bench_settings s = defaults();
	struct ct_bench_plan plan;

	(void)state;
	s.max_bytes = 16 << 20;
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_OK);
	assert_int_equal(ct_plan_make(&s, "allreduce", 4, &plan), CT_OK);
	assert_int_equal(plan.ntests, 2 * 11);
	for (size_t i = 0; i < plan.ntests; i++) {
		assert_int_equal(plan.tests[i].bytes, 8ull << (i / 2 * 2));
		assert_int_equal(plan.tests[i].in_place, i % 2);
		assert_true(plan.tests[i].type == CT_FLOAT && plan.tests[i].op == CT_SUM);
	}
	ct_plan_free(&plan);
	s.placement = CT_PLACE_IN;
	assert_int_equal(ct_plan_make(&s, "allreduce", 4, &plan), CT_OK);
	assert_int_equal(plan.ntests, 11);
	assert_true(plan.tests[0].in_place);
	ct_plan_free(&plan);
	undo(&s);
}

static void test_steps(void **state)
{
	struct ct_bench_settings s = defaults();
	struct ct_bench_plan plan;

	(void)state;
	s.min_bytes = 100;
	s.max_bytes = 1000;
	s.step_bytes = 300;
	s.placement = CT_PLACE_OUT;
	assert_int_equal(ct_plan_make(&s, "broadcast", 2, &plan), CT_OK);
	assert_int_equal(plan.ntests, 4);
	assert_int_equal(plan.tests[3].bytes, 1000);
	ct_plan_free(&plan);
	/* A factor near 1 still goes on, byte by byte; sizes of one and the same count stand once. */
	s.step_bytes = 0;
	s.factor = 1.0001;
	s.min_bytes = 100;
	s.max_bytes = 115;
	assert_int_equal(ct_plan_make(&s, "broadcast", 2, &plan), CT_OK);
	assert_int_equal(plan.ntests, 4);
	ct_plan_free(&plan);
	undo(&s);
}

static void test_all(void **state)
{
	struct ct_bench_settings s = defaults();
	struct ct_bench_plan plan;

	(void)state;
	s.max_bytes = 8;
	s.placement = CT_PLACE_OUT;
	set_text(&s.type, "all");
	set_text(&s.op, "all");
	assert_int_equal(ct_plan_make(&s, "allreduce", 2, &plan), CT_OK);
	assert_int_equal(plan.ntests, CT_NTYPES * CT_NOPS);
	ct_plan_free(&plan);
	/* Only a reduction has an operation. */
	assert_int_equal(ct_plan_make(&s, "broadcast", 2, &plan), CT_OK);
	assert_int_equal(plan.ntests, CT_NTYPES);
	ct_plan_free(&plan);
	undo(&s);
}

static void test_p2p_and_barrier(void **state)
{
	struct ct_bench_settings s = defaults();
	struct ct_bench_plan plan;

	(void)state;
	s.max_bytes = 32;
	assert_int_equal(ct_plan_make(&s, "p2p", 2, &plan), CT_OK);
	assert_int_equal(plan.ntests, 6);
	for (size_t i = 0; i < plan.ntests; i++) {
		assert_int_equal(plan.tests[i].coll, CT_P2P_LATENCY + i / 2);
		assert_false(plan.tests[i].in_place);
		assert_ptr_equal(plan.tests[i].partner, plan.partner);
	}
	ct_plan_free(&plan);
	set_text(&s.kinds, "duplex");
	assert_int_equal(ct_plan_make(&s, "p2p", 2, &plan), CT_OK);
	assert_int_equal(plan.ntests, 2);
	ct_plan_free(&plan);
	assert_int_equal(ct_plan_make(&s, "p2p", 1, &plan), CT_INVALID);
	set_text(&s.pairs, "0-1,2-3");
	assert_int_equal(ct_plan_make(&s, "p2p", 3, &plan), CT_INVALID);
	assert_int_equal(ct_plan_make(&s, "barrier", 3, &plan), CT_OK);
	assert_int_equal(plan.ntests, 1);
	assert_int_equal(plan.tests[0].bytes, 0);
	ct_plan_free(&plan);
	undo(&s);
}

static void test_wrong_settings(void **state)
{
	struct ct_bench_settings s = defaults();
	struct ct_bench_plan plan;

	(void)state;
	s.max_bytes = 4;
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_INVALID);
	assert_string_equal(ct_why(), "-b 8 is above -e 4");
	s.max_bytes = 1 << 20;
	s.factor = 1;
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_INVALID);
	s.step_bytes = 1;
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_INVALID); /* a million sizes */
	s.step_bytes = 1 << 19;
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_OK);
	s.average = 1;
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_INVALID);
	s.average = 3;
	s.blocking = 2;
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_INVALID);
	s.blocking = 0;
	s.aggregate = 4;
	s.iters = 10;
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_OK);
	assert_int_equal(ct_plan_make(&s, "allreduce", 4, &plan), CT_OK);
	assert_int_equal(plan.tests[0].operations, 40);
	assert_int_equal(plan.tests[0].group, 4);
	ct_plan_free(&plan);
	s.blocking = 3;
	assert_int_equal(ct_plan_make(&s, "allreduce", 4, &plan), CT_OK);
	assert_int_equal(plan.tests[0].operations, 4);
	ct_plan_free(&plan);
	assert_int_equal(ct_plan_check(&s, "p2p"), CT_INVALID);
	assert_int_equal(ct_plan_check(&s, "ladder"), CT_INVALID);
	s.blocking = 0;
	s.iters = 1 << 19;
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_INVALID); /* two million in a sample */
	s.iters = 20;
	s.blocking = 1;
	s.aggregate = 1;
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_OK);
	set_text(&s.kinds, "latency,");
	assert_int_equal(ct_plan_check(&s, "p2p"), CT_INVALID);
	set_text(&s.kinds, "latency");
	set_text(&s.op, "avg");
	assert_int_equal(ct_plan_check(&s, "allreduce"), CT_INVALID);
	set_text(&s.op, "max");
	s.root = 4;
	assert_int_equal(ct_plan_make(&s, "broadcast", 4, &plan), CT_INVALID);
	s.root = 3;
	assert_int_equal(ct_plan_make(&s, "broadcast", 4, &plan), CT_OK);
	ct_plan_free(&plan);
	undo(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_wrong_pairs),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_factor),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_p2p_and_barrier),
		cmocka_unit_test(test_wrong_settings),
	};

	return cmocka_run_group_tests_name("bench_plan", tests, NULL, NULL);
}
