/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/base.h"

#define NEAR(a, b, eps) assert_true(fabs((a) - (b)) <= (eps))

static void median_intervals(void **state)
{
	/* Exact binomial sums (integer arithmetic of another program); n = 6, 10, 20 are those of
	 * every table of the sign test, e.g. Conover 1999, table A3. */
	static const struct {
		size_t n, low, high;
		double coverage;
	} known[] = {
		{ 1, 0, 0, 0.0 },
		{ 2, 0, 1, 0.5 },
		{ 5, 0, 4, 0.9375 },
		{ 6, 0, 5, 0.96875 },
		{ 7, 0, 6, 0.984375 },
		{ 9, 1, 7, 0.9609375 },
		{ 10, 1, 8, 0.978515625 },
		{ 15, 3, 11, 0.96484375 },
		{ 20, 5, 14, 0.9586105346679688 },
		{ 25, 7, 17, 0.9567147493362427 },
		{ 50, 17, 32, 0.9671608624357315 },
		{ 100, 39, 60, 0.9647997997822951 },
		{ 101, 40, 60, 0.9539559330706572 },
		{ 999, 468, 530, 0.9502444627180657 },
		{ 1000, 468, 531, 0.9537088026395019 },
		{ 1030, 483, 546, 0.9504073726628092 },
		{ 1031, 483, 547, 0.9538127853420083 },
	};
	size_t low, high, n = 1000000;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		double coverage = ct_median_interval(known[i].n, 0.95, &low, &high);

		assert_int_equal(low, known[i].low);
		assert_int_equal(high, known[i].high);
		NEAR(coverage, known[i].coverage, 1e-12);
	}
	assert_true(ct_median_interval(0, 0.95, &low, &high) == 0);
	/* Large n: near the normal approximation n/2 - 1.96 sqrt(n)/2. */
	NEAR(ct_median_interval(n, 0.95, &low, &high), 0.95, 1e-3);
	NEAR((double)low, 500000 - 1.959964 * 500, 2);
	assert_int_equal(low + high, n - 1);
}

static void quantiles(void **state)
{
	uint64_t v[100], w[] = { 15, 20, 35, 40, 50 };

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		v[i] = i + 1;
	/* Nearest-rank worked example, Wikipedia "Percentile": 5, 30, 40, 50, 100 % of these five.
	 */
	assert_int_equal(ct_quantile(w, 5, 0.05), 15);
	assert_int_equal(ct_quantile(w, 5, 0.30), 20);
	assert_int_equal(ct_quantile(w, 5, 0.40), 20);
	assert_int_equal(ct_quantile(w, 5, 0.50), 35);
	assert_int_equal(ct_quantile(w, 5, 1.00), 50);
	for (uint64_t i = 1; i <= 100; i++) /* 0.07 * 100 > 7 in doubles */
		assert_int_equal(ct_quantile(v, 100, (double)i / 100), i);
	assert_int_equal(ct_quantile(v, 100, 0), 1);
	assert_int_equal(ct_quantile(v, 100, -1), 1);
	assert_int_equal(ct_quantile(v, 100, 2), 100);
	assert_int_equal(ct_quantile(v, 100, NAN), 1);
	assert_int_equal(ct_quantile(v, 0, 0.5), 0);
	assert_int_equal(ct_nearest_rank(UINT64_MAX, 1), UINT64_MAX);
	assert_int_equal(ct_median(v, 100), 50);
	assert_int_equal(ct_median(v, 99), 50);
	assert_int_equal(ct_median(v, 0), 0);
	w[0] = w[1] = UINT64_MAX;
	assert_true(ct_median(w, 2) == UINT64_MAX);
}

static void summaries(void **state)
{
	uint64_t v[20];
	struct ct_rng rng = ct_rng_make(3);
	uint32_t order[20];
	struct ct_summary s;

	(void)state;
	ct_rng_shuffle(&rng, order, 20);
	for (int i = 0; i < 20; i++)
		v[i] = 10 * (order[i] + 1);
	s = ct_summarize(v, 20);
	assert_int_equal(s.n, 20);
	assert_int_equal(s.min, 10);
	assert_int_equal(s.max, 200);
	assert_int_equal(s.median, 105);
	assert_int_equal(s.low, 60);
	assert_int_equal(s.high, 150);
	assert_int_equal(s.p50, 100);
	assert_int_equal(s.p95, 190);
	assert_int_equal(s.p99, 200);
	NEAR(s.mean, 105, 1e-9);
	NEAR(s.confidence, 0.95861, 1e-5);
	s = ct_summarize(v, 0);
	assert_int_equal(s.n + s.min + s.max + s.median + s.high, 0);
}

static void mann_whitney_examples(void **state)
{
	/* Tortoises and hares, order T H H H H H T T T T T H (Wikipedia "Mann-Whitney U test"):
	 * a larger value = a later arrival, so hares exceed in 11 pairs, tortoises in 25. */
	static const double tortoise[] = { 1, 7, 8, 9, 10, 11 }, hare[] = { 2, 3, 4, 5, 6, 12 };
	/* scipy.stats.mannwhitneyu's documented example: U = 17 (and 3), p = 0.1111111111111111. */
	static const double males[] = { 19, 22, 16, 29, 24 }, females[] = { 20, 11, 17, 12 };
	/* R 3.4.0 wilcox.test(exact = TRUE), as quoted by Apache Commons Statistics' tests. */
	static const double x1[] = { 2, 4, 6, 8, 10, 12, 14, 15, 16, 17, 18 };
	static const double y1[] = { 1, 3, 5, 7, 9, 11, 13, 19, 20 };
	static const double x2[] = { 2, 4, 6, 8, 10, 12, 14, 16, 18 };
	static const double y2[] = { -3, -1, 1, 3, 5, 7, 9, 11 };
	static const double x3[] = { 1, 2, 3, 4, 5 }, y3[] = { 6, 7, 8, 9, 10, 11 };
	struct ct_mwu r;

	(void)state;
	r = ct_mann_whitney(tortoise, 6, hare, 6);
	NEAR(r.u, 25, 0);
	NEAR(r.effect, 25.0 / 36, 1e-15);
	r = ct_mann_whitney(hare, 6, tortoise, 6);
	NEAR(r.u, 11, 0);
	r = ct_mann_whitney(males, 5, females, 4);
	NEAR(r.u, 17, 0);
	NEAR(r.p, 0.1111111111111111, 1e-15);
	r = ct_mann_whitney(females, 4, males, 5);
	NEAR(r.u, 3, 0);
	NEAR(r.p, 0.1111111111111111, 1e-15);
	r = ct_mann_whitney(x1, 11, y1, 9);
	NEAR(r.u, 56, 0);
	NEAR(r.p, 0.65563229340319129, 1e-14);
	r = ct_mann_whitney(x2, 9, y2, 8);
	NEAR(r.u, 57, 0);
	NEAR(r.p, 0.046400658165364046, 1e-14);
	r = ct_mann_whitney(x3, 5, y3, 6);
	NEAR(r.u, 0, 0);
	NEAR(r.p, 0.004329004329, 1e-12);
}

static void mann_whitney_normal(void **state)
{
	double x[516], y[516], nan[] = { 1, NAN };
	/* By hand: mid-ranks 2 and 5, U = 3, variance 9/12 (7 - 48/30) = 4.05, z = 1 / sqrt(4.05);
	 * scipy 1.13 gives the same deviation 2.01246. */
	static const double a[] = { 1, 1, 2 }, b[] = { 1, 2, 2 }, same[] = { 4, 4, 4, 4 };
	struct ct_mwu r;

	(void)state;
	/* R 3.4.0: wilcox.test(0:515, 516:1 + 0.5), quoted as above: p = 0.87181181107702632. */
	for (int i = 0; i < 516; i++) {
		x[i] = i;
		y[i] = 516 - i + 0.5;
	}
	r = ct_mann_whitney(x, 516, y, 516);
	NEAR(r.u, 132355, 0);
	NEAR(r.p, 0.87181181107702632, 1e-13);
	r = ct_mann_whitney(a, 3, b, 3);
	NEAR(r.u, 3, 0);
	NEAR(r.p, 0.6192570, 1e-6);
	r = ct_mann_whitney(same, 4, same, 4);
	NEAR(r.p, 1, 0);
	NEAR(r.effect, 0.5, 0);
	NEAR(ct_mann_whitney(a, 0, b, 3).p, 1, 0);
	NEAR(ct_mann_whitney(a, 3, nan, 2).p, 1, 0);
	ct_alloc_fail_nth(1);
	NEAR(ct_mann_whitney(x, 516, y + 400, 100).p, 1, 0);
	ct_alloc_fail_nth(0);
}

/* Samples without ties whose U is exactly the one asked for. */
static struct ct_mwu with_u(size_t na, size_t nb, size_t u)
{
	double a[20], b[20];

	for (size_t j = 0; j < nb; j++)
		b[j] = (double)j;
	for (size_t i = 0; i < na; i++) {
		size_t above = u < nb ? u : nb; /* this one lies above so many of B */

		a[i] = (double)above - 0.5 + 0.01 * (double)i;
		u -= above;
	}
	return ct_mann_whitney(a, na, b, nb);
}

static void mann_whitney_tables(void **state)
{
	/* Critical values of U, two-sided 0.05, in the usual tables (e.g. Siegel 1956, table K). */
	static const struct {
		size_t na, nb, u;
	} table[] = {
		{ 4, 4, 0 },	{ 5, 5, 2 },   { 6, 6, 5 },    { 7, 7, 8 },   { 8, 8, 13 },
		{ 10, 10, 23 }, { 12, 8, 22 }, { 15, 15, 64 }, { 5, 20, 20 }, { 20, 20, 127 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct ct_mwu at = with_u(table[i].na, table[i].nb, table[i].u);
		struct ct_mwu next = with_u(table[i].na, table[i].nb, table[i].u + 1);

		NEAR(at.u, (double)table[i].u, 0);
		assert_true(at.p <= 0.05);
		assert_true(next.p > 0.05);
	}
	NEAR(with_u(3, 3, 0).p, 0.1, 1e-15);	     /* 2 / C(6, 3) */
	NEAR(with_u(8, 8, 0).p, 2.0 / 12870, 1e-15); /* 2 / C(16, 8) */
	NEAR(with_u(8, 8, 32).p, 1, 0);
}

static void holm(void **state)
{
	/* Documented example of pingouin.holm. */
	double p[] = { .50, .003, .32, .054, .0003 }, odd[] = { NAN, 0.01, 2 };
	static const double adjusted[] = { 0.64, 0.012, 0.64, 0.162, 0.0015 };

	(void)state;
	ct_holm(p, 5);
	for (int i = 0; i < 5; i++)
		NEAR(p[i], adjusted[i], 1e-12);
	ct_holm(odd, 3);
	NEAR(odd[0], 1, 0);
	NEAR(odd[1], 0.03, 1e-15);
	NEAR(odd[2], 1, 0);
	ct_holm(p, 0);
	ct_alloc_fail_nth(1);
	ct_holm(p, 5);
	ct_alloc_fail_nth(0);
	for (int i = 0; i < 5; i++)
		NEAR(p[i], 1, 0);
}

static const double slow[] = { 1.2, 1.5, 1.1, 1.9, 1.4, 1.6, 1.3, 1.7 };
static const double fast[] = { 1.0, 0.9, 1.15, 1.05, 0.95, 1.25, 0.85, 1.35 };

static void ratios(void **state)
{
	double pairs[64];
	struct ct_ratio r = ct_ratio_interval(slow, 8, fast, 8, 0.95);
	size_t n = 0;

	(void)state;
	/* k = floor(32 - 1.96 sqrt(64 * 17 / 12)) = 13: all 64 ratios by brute force, 13th from
	 * each end. */
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 8; j++) {
			size_t at = n++;
			double v = slow[i] / fast[j];

			for (; at > 0 && pairs[at - 1] > v; at--)
				pairs[at] = pairs[at - 1];
			pairs[at] = v;
		}
	NEAR(r.ratio, 1.45 / 1.025, 1e-12);
	NEAR(r.low, pairs[12], 1e-14);
	NEAR(r.high, pairs[51], 1e-14);
}

/* Where nothing can be claimed, and where much can. */
static void ratio_limits(void **state)
{
	static const double bad[] = { 1, 0, 2, 3 };
	double large[2000];
	struct ct_rng rng = ct_rng_make(5);
	struct ct_ratio r = ct_ratio_interval(slow, 3, fast, 3, 0.95);

	(void)state;
	NEAR(r.ratio, 1.2, 1e-12);
	assert_true(r.low == 0 && isinf(r.high));
	r = ct_ratio_interval(slow, 8, bad, 4, 0.95);
	assert_true(r.ratio == 1 && r.low == 0 && isinf(r.high));
	r = ct_ratio_interval(slow, 0, fast, 8, 0.95);
	assert_true(r.ratio == 1 && r.low == 0 && isinf(r.high));
	ct_alloc_fail_nth(1);
	r = ct_ratio_interval(slow, 8, fast, 8, 0.95);
	ct_alloc_fail_nth(0);
	assert_true(r.ratio == 1 && r.low == 0 && isinf(r.high));
	for (int i = 0; i < 2000; i++) /* the second thousand is 10 % slower */
		large[i] = (1000.0 + (double)ct_rng_below(&rng, 100)) * (i < 1000 ? 1 : 1.1);
	r = ct_ratio_interval(large + 1000, 1000, large, 1000, 0.95);
	assert_true(r.low < 1.1 && r.high > 1.1);
	assert_true(r.low > 1.09 && r.high < 1.11);
}

/* How often the 95 % interval of the ratio misses the truth, over 2000 pairs of 8 rounds. */
static void ratio_coverage(void **state)
{
	struct ct_rng rng = ct_rng_make(6);
	int missed = 0;

	(void)state;
	for (int t = 0; t < 2000; t++) {
		double a[8], b[8];
		struct ct_ratio r;

		for (int i = 0; i < 8; i++) {
			a[i] = 1.3 * exp(0.05 * (double)ct_rng_below(&rng, 1000) / 1000);
			b[i] = exp(0.05 * (double)ct_rng_below(&rng, 1000) / 1000);
		}
		r = ct_ratio_interval(a, 8, b, 8, 0.95);
		assert_true(r.low <= r.ratio && r.ratio <= r.high);
		missed += r.low > 1.3 || r.high < 1.3;
	}
	assert_in_range(missed, 40, 140); /* 100 expected, fixed seed */
}

/* Jain, Chiu, Hawe 1984 (DEC-TR-301): equal shares give 1, k of n users with equal shares k/n; shares of
 * 1 and 2 give (1 + 2)^2 / (2 * (1 + 4)). */
static void jain(void **state)
{
	static const double equal[] = { 5, 5, 5, 5 }, some[] = { 3, 0, 3, 0, 0 }, two[] = { 1, 2 },
		none[] = { 0, 0 };

	(void)state;
	assert_float_equal(ct_jain(equal, 4), 1, 1e-12);
	assert_float_equal(ct_jain(some, 5), 0.4, 1e-12);
	assert_float_equal(ct_jain(two, 2), 0.9, 1e-12);
	assert_float_equal(ct_jain(none, 2), 0, 0);
	assert_float_equal(ct_jain(none, 0), 0, 0);
}

/* The values 0 … N-1 in orders that are hard for one pivot or another; the K-th smallest is K. */
static void fill(double *v, size_t n, int order)
{
	struct ct_rng rng = ct_rng_make(7);

	for (size_t i = 0; i < n; i++)
		v[i] = order == 1 ? (double)(n - 1 - i) : (double)i;
	/* Musser 1997: the middle of first, middle and last value is always one of the least */
	for (size_t i = 0; order == 2 && n % 4 == 0 && i < n / 2; i++) {
		v[i] = i % 2 == 0 ? (double)i : (double)(n / 2 + i - 1);
		v[n / 2 + i] = 2.0 * (double)i + 1;
	}
	for (size_t i = n; order == 3 && i > 1; i--) {
		size_t k = (size_t)ct_rng_below(&rng, i);
		double swap = v[i - 1];

		v[i - 1] = v[k];
		v[k] = swap;
	}
}

static void selection(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 23, 24, 25, 26, 100, 1000, 40000 };
	static double v[40000];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int order = 0; order < 4; order++)
			for (size_t part = 0; part <= 4; part++) {
				size_t n = sizes[i], k = (n - 1) * part / 4;

				fill(v, n, order);
				assert_true(ct_select(v, n, k) == (double)k);
				for (size_t j = 0; j < n; j++)
					assert_true(j < k ? v[j] <= v[k] : v[j] >= v[k]);
				fill(v, n, order);
				assert_true(ct_middle(v, n) == (double)(n - 1) / 2);
			}
	for (size_t i = 0; i < 1000; i++)
		v[i] = (double)(i % 3);
	assert_true(ct_select(v, 1000, 333) == 0 && ct_select(v, 1000, 334) == 1 && ct_select(v, 1000, 999) == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(median_intervals),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(selection),
		cmocka_unit_test(summaries),
		cmocka_unit_test(mann_whitney_examples),
		cmocka_unit_test(mann_whitney_normal),
		cmocka_unit_test(mann_whitney_tables),
		cmocka_unit_test(holm),
		cmocka_unit_test(ratios),
		cmocka_unit_test(ratio_limits),
		cmocka_unit_test(ratio_coverage),
		cmocka_unit_test(jain),
	};

	return cmocka_run_group_tests_name("base_stats", tests, NULL, NULL);
}
