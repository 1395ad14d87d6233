/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How often does a comparison of a set-up with itself raise an alarm? 40 rounds recorded on a
 * machine (tests/fixtures/rounds40.jsonl; its first line says which) are dealt out 200 times, half
 * of them to A and half to B, and compared as the command does. An alarm is any size at which B is
 * said to be faster or slower. Printed with its Clopper-Pearson interval (Biometrika 26, 1934).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "advise/advise.h"

enum { PAIRS = 200, ROUNDS = 40 };

/* P(X <= k) of a binomial; direct, N is small. */
static double at_most(unsigned int k, unsigned int n, double p)
{
	double sum = 0;

	for (unsigned int i = 0; i <= k; i++)
		sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) + i * log(p) +
			   (n - i) * log1p(-p));
	return sum;
}

/* The chance of success P at which P(X <= K) is LEVEL; it falls as P grows. */
static double chance(unsigned int k, unsigned int n, double level)
{
	double low = 1e-12, high = 1 - 1e-12;

	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;

		if (at_most(k, n, middle) > level)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* The 95 % interval for X of N. */
static void clopper_pearson(unsigned int x, unsigned int n, double *low, double *high)
{
	*low = x == 0 ? 0 : chance(x - 1, n, 0.975);
	*high = x == n ? 1 : chance(x, n, 0.025);
}

/* 10 of 100: 0.0490 … 0.1762 (e.g. R's binom.test(10, 100)); 0 of 200: the rule 1 - 0.025^(1/200).
 */
static void interval(void **state)
{
	double low, high;

	(void)state;
	clopper_pearson(10, 100, &low, &high);
	assert_true(fabs(low - 0.04900) < 1e-4 && fabs(high - 0.17622) < 1e-4);
	clopper_pearson(0, 200, &low, &high);
	assert_true(low == 0 && fabs(high - (1 - pow(0.025, 1.0 / 200))) < 1e-6);
}

/* The records of half of the rounds, PICKED; renumbered, as two runs would have them. */
static void deal(const struct ct_records *all, const uint32_t *picked, struct ct_records *out)
{
	out->n = 0;
	for (uint32_t k = 0; k < ROUNDS / 2; k++) {
		for (size_t i = 0; i < all->n; i++) {
			if (all->results[i].round != picked[k])
				continue;
			out->results[out->n] = all->results[i];
			out->results[out->n++].round = k;
		}
	}
}

static bool alarm_of(const struct ct_records *a, const struct ct_records *b, size_t npoints)
{
	struct ct_compare_in in[CT_SIDES] = { { "a", NULL, a, NULL }, { "b", NULL, b, NULL } };
	struct ct_comparison c;
	bool alarm = false;

	assert_int_equal(ct_comparison_make(in, &c), CT_OK);
	assert_int_equal(c.npoints, npoints);
	for (size_t i = 0; i < c.npoints; i++) {
		assert_int_equal(c.points[i].side[CT_SIDE_A]->series.rounds, ROUNDS / 2);
		alarm |= c.points[i].result == CT_COMPARE_FASTER ||
			 c.points[i].result == CT_COMPARE_SLOWER;
	}
	ct_comparison_free(&c);
	return alarm;
}

static void false_alarms(void **state)
{
	struct ct_records all, half[CT_SIDES];
	struct ct_rng rng = ct_rng_make(20261122);
	uint32_t order[ROUNDS];
	unsigned int alarms = 0;
	double low, high;

	(void)state;
	assert_int_equal(ct_records_read(CT_TEST_SRCDIR "/tests/fixtures/rounds40.jsonl", false,
					 &all),
			 CT_OK);
	assert_int_equal(all.n % ROUNDS, 0);
	for (int side = 0; side < CT_SIDES; side++) {
		half[side] = (struct ct_records){ .environment = all.environment };
		half[side].results = ct_alloc(all.n, sizeof(*all.results));
		assert_non_null(half[side].results);
	}
	for (int i = 0; i < PAIRS; i++) {
		ct_rng_shuffle(&rng, order, ROUNDS);
		deal(&all, order, &half[CT_SIDE_A]);
		deal(&all, order + ROUNDS / 2, &half[CT_SIDE_B]);
		alarms += alarm_of(&half[CT_SIDE_A], &half[CT_SIDE_B], all.n / ROUNDS);
	}
	clopper_pearson(alarms, PAIRS, &low, &high);
	printf("# false alarms: %u of %d same-set-up pairs, %.1f %% (95 %% interval %.1f %% to "
	       "%.1f %%)\n",
	       alarms, PAIRS, 100.0 * alarms / PAIRS, 100 * low, 100 * high);
	assert_true(low <= 0.05);
	ct_free(half[CT_SIDE_A].results);
	ct_free(half[CT_SIDE_B].results);
	ct_records_free(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(interval),
					    cmocka_unit_test(false_alarms) };

	return cmocka_run_group_tests_name("advise_alarms", tests, NULL, NULL);
}
