/* SPDX-License-Identifier: BSD-3-Clause */
/* Are choices equally fast? Cells of known times, with noise, on a virtual clock. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tune/tune.h"

enum { CALLS = 15 };

static struct world {
	double ns[CT_ALIKE_CELLS]; /* true medians by cell; 0: cannot run */
	double noise, drift;       /* spread of logarithms: of a sample; of all cells' of a block together */
	uint64_t clock_ns, blocks;
	struct ct_rng rng;
} world;

static double normal(void)
{
	double u = (double)(ct_rng_next(&world.rng) >> 11) / 9007199254740992.0;
	double v = (double)(ct_rng_next(&world.rng) >> 11) / 9007199254740992.0;

	return sqrt(-2 * log(u + 1e-300)) * cos(2 * M_PI * v);
}

static ct_status take(void *arg, size_t i, const struct ct_alike *set, uint64_t *ns, uint64_t *spent_ns)
{
	double together = world.drift * normal();

	(void)arg;
	(void)i;
	*spent_ns = 0;
	world.blocks++;
	for (uint32_t k = 0; k < set->n; k++) {
		uint64_t sample[CALLS];

		for (int s = 0; s < CALLS; s++)
			sample[s] = (uint64_t)(world.ns[set->cell[k]] * exp(together + world.noise * normal()));
		ct_sort_u64(sample, CALLS);
		ns[k] = ct_median(sample, CALLS);
		*spent_ns += CALLS * ns[k];
	}
	world.clock_ns += *spent_ns;
	return CT_OK;
}

static struct ct_alike judged(const double *ns, uint32_t n, bool order, uint64_t budget_ns)
{
	struct ct_alike set = { .order = order };
	struct ct_alike_in in = { .set = &set, .nsets = 1, .budget_ns = budget_ns, .take = take };

	world.clock_ns = world.blocks = 0;
	memset(world.ns, 0, sizeof(world.ns));
	for (uint32_t k = 0; k < n; k++) {
		world.ns[k] = ns[k];
		ct_alike_add(&set, k);
		ct_alike_add(&set, k); /* once only */
	}
	assert_int_equal(set.n, n);
	assert_int_equal(ct_alike_run(&in), CT_OK);
	return set;
}

static int make_world(void **state)
{
	(void)state;
	world = (struct world){ .noise = 0.1, .drift = 0.3, .rng = ct_rng_make(7) };
	return 0;
}

static void test_one(void **state)
{
	const double ns[] = { 1e4 };
	struct ct_alike set = judged(ns, 1, false, UINT64_MAX);

	(void)state;
	assert_int_equal(set.word, CT_ALIKE_EQUIVALENT);
	assert_int_equal(world.blocks, 0);
}

/* Equal ones and 1 %: within 5 %; a third cell 20 % slower: not. Drift that all share does not matter. */
static void test_known(void **state)
{
	const double near[] = { 1e4, 1.01e4 }, far[] = { 1e4, 1.01e4, 1.2e4 }, edge[] = { 1e4, 1.05e4 };
	struct ct_alike set = judged(near, 2, false, UINT64_MAX);

	(void)state;
	assert_int_equal(set.word, CT_ALIKE_EQUIVALENT);
	assert_string_equal(ct_alike_text(&set), "equivalent");
	assert_true(set.ratio.low >= 0.95 && set.ratio.high <= 1.05);
	set = judged(far, 3, false, UINT64_MAX);
	assert_int_equal(set.word, CT_ALIKE_DIFFERS);
	assert_string_equal(ct_alike_text(&set), "differs");
	assert_true(set.ratio.low > 1.05 && set.ratio.low < 1.2 && set.ratio.high > 1.2);
	assert_int_equal(set.slower[0], CT_ALIKE_EQUIVALENT);
	assert_int_equal(set.slower[2], CT_ALIKE_DIFFERS);
	set = judged(edge, 2, false, UINT64_MAX); /* on the limit: never known */
	assert_int_equal(set.word, CT_ALIKE_OPEN);
	assert_int_equal(set.blocks, CT_ALIKE_BLOCKS);
	assert_string_equal(ct_alike_text(&set), "not resolved");
}

/* Blocks until it is told, here more than a hundred. */
static void test_noisy(void **state)
{
	const double near[] = { 1e4, 1.02e4 };
	struct ct_alike set;

	(void)state;
	world.noise = 0.2;
	set = judged(near, 2, false, UINT64_MAX);
	assert_int_equal(set.word, CT_ALIKE_EQUIVALENT);
	assert_true(set.blocks > 60);
}

/* With ORDER 10 % are an answer on either side; ratio: cell 0 / cell 1. */
static void test_order(void **state)
{
	const double faster[] = { 1.1e4, 1e4 }, slower[] = { 1e4, 1.1e4 };
	struct ct_alike set = judged(faster, 2, true, UINT64_MAX);

	(void)state;
	assert_string_equal(ct_alike_text(&set), "faster");
	assert_true(set.ratio.low > 1);
	set = judged(slower, 2, true, UINT64_MAX);
	assert_string_equal(ct_alike_text(&set), "slower");
	assert_true(set.ratio.high < 1);
}

/* The budget ends it: nothing is claimed. */
static void test_budget(void **state)
{
	const double ns[] = { 1e4, 2e4 };
	struct ct_alike set = judged(ns, 2, false, 1000000);

	(void)state;
	assert_int_equal(set.word, CT_ALIKE_OPEN);
	assert_true(set.blocks < 9 && world.clock_ns >= 1000000);
	assert_true(set.ratio.low == 0 && isinf(set.ratio.high));
}

/* A choice that cannot run is the default there. A default that cannot run is compared with nothing. */
static void test_cannot_run(void **state)
{
	const double two[] = { 1e4, 0 }, three[] = { 1e4, 0, 2e4 }, none[] = { 0, 1e4 };
	struct ct_alike set = judged(two, 2, false, UINT64_MAX);

	(void)state;
	assert_int_equal(set.n, 1);
	assert_int_equal(set.word, CT_ALIKE_EQUIVALENT);
	set = judged(three, 3, false, UINT64_MAX);
	assert_int_equal(set.n, 2);
	assert_int_equal(set.cell[1], 2);
	assert_int_equal(set.word, CT_ALIKE_DIFFERS);
	set = judged(none, 2, false, UINT64_MAX);
	assert_int_equal(set.word, CT_ALIKE_OPEN);
	assert_true(world.blocks <= 8); /* once a look */
}

/* Of 200 comparisons of cells that differ by just over 5 % at most 5 % may claim that they do not, and of
 * 200 of equal ones as many that they differ. */
static void test_errors(void **state)
{
	const double equal[] = { 1e4, 1e4 }, over[] = { 1e4, 1.055e4 };
	unsigned wrong_equal = 0, wrong_over = 0, open = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		enum ct_alike_word word = judged(equal, 2, false, UINT64_MAX).word;

		wrong_equal += word == CT_ALIKE_DIFFERS;
		open += word == CT_ALIKE_OPEN;
		wrong_over += judged(over, 2, false, UINT64_MAX).word == CT_ALIKE_EQUIVALENT;
	}
	assert_true(wrong_equal <= 10 && wrong_over <= 10 && open <= 10);
}

/* Ten searches, two sizes: at one the same choice, at the other one search's is 10 % slower. */
static void test_counts(void **state)
{
	const double far[] = { 1e4, 1.1e4 }, one[] = { 1e4 };
	struct ct_alike set[2] = { judged(one, 1, false, UINT64_MAX), judged(far, 2, false, UINT64_MAX) };
	uint32_t choice[2 * CT_REPEAT_MOST] = { 0 };
	struct ct_tune_repeat repeat = { .searches = 10, .set = set, .choice = choice, .nsets = 2 };
	struct ct_tune_repeated sum;

	(void)state;
	choice[CT_REPEAT_MOST + 3] = 1;
	sum = ct_tune_repeated(&repeat, 0, 2);
	assert_int_equal(sum.same, 1);
	assert_int_equal(sum.differ, 1);
	assert_int_equal(sum.equivalent + sum.open, 0);
	assert_int_equal(sum.choices, 20);
	assert_int_equal(sum.fast, 19);
	assert_int_equal(sum.slow, 1);
	assert_true(sum.most > 1.05 && sum.most < 1.15);
	assert_int_equal(ct_tune_repeated(&repeat, 0, 1).differ, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one, make_world),
		cmocka_unit_test_setup(test_known, make_world),
		cmocka_unit_test_setup(test_noisy, make_world),
		cmocka_unit_test_setup(test_order, make_world),
		cmocka_unit_test_setup(test_budget, make_world),
		cmocka_unit_test_setup(test_cannot_run, make_world),
		cmocka_unit_test_setup(test_errors, make_world),
		cmocka_unit_test_setup(test_counts, make_world),
	};

	return cmocka_run_group_tests_name("tune: are choices equally fast", tests, NULL, NULL);
}
