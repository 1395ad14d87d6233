/* SPDX-License-Identifier: BSD-3-Clause */
/* Paired samples against published answers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"

#define NEAR(a, b, e) assert_true(fabs((a) - (b)) <= (e))

/* Hollander and Wolfe 1973, p. 29: depression scores of 9 patients before and after a tranquillizer,
 * the example of R's wilcox.test: V = 40, one-sided p = 0.01953. */
static const double before[] = { 1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30 };
static const double after[] = { 0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29 };

static void depression(void **state)
{
	double d[9], mirror[9];
	struct ct_wsr w;

	(void)state;
	for (int i = 0; i < 9; i++) {
		d[i] = before[i] - after[i];
		mirror[i] = -d[i];
	}
	w = ct_signed_rank(d, 9);
	assert_true(w.v == 40);
	NEAR(w.p, 2 * 0.01953125, 1e-12);
	w = ct_signed_rank(mirror, 9);
	assert_true(w.v == 5);
	NEAR(w.p, 2 * 0.01953125, 1e-12);
}

/* Wilcoxon 1945, as every table since has it: the largest V whose two-sided p is at most 0.05 is 0
 * for 6 pairs, 2 for 7, 3 for 8, 5 for 9, 8 for 10, 52 for 20; one more bounds the interval. */
static void critical(void **state)
{
	static const size_t table[][2] = { { 5, 0 }, { 6, 1 }, { 7, 3 }, { 8, 4 }, { 9, 6 }, { 10, 9 },
		{ 20, 53 } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(ct_signed_rank_critical(table[i][0], 0.95), table[i][1]);
	/* Normal: 100 * 101 / 4 - 1.96 * sqrt(100 * 101 * 201 / 24) = 1955.0 */
	NEAR((double)ct_signed_rank_critical(100, 0.95), 1955, 1);
}

static void ties_and_nothing(void **state)
{
	static const double same[] = { 1, 1, 1, 1, 1, 1, 1, 1 }, none[] = { 0, 0 };
	static const double with_zero[] = { 0, 1, 2, 3 }, bad[] = { 1, NAN };
	double many[60];
	struct ct_wsr w = ct_signed_rank(same, 8);

	(void)state;
	assert_true(w.v == 36); /* all mid-ranks 4.5; only all plus or all minus is as far */
	NEAR(w.p, 2.0 / 256, 1e-12);
	assert_true(ct_signed_rank(none, 2).p == 1);
	assert_true(ct_signed_rank(NULL, 0).p == 1);
	assert_true(ct_signed_rank(bad, 2).p == 1);
	NEAR(ct_signed_rank(with_zero, 4).p, 2.0 / 8, 1e-12);
	for (int i = 0; i < 60; i++)
		many[i] = i % 2 == 0 ? i + 1 : -i - 1;
	assert_true(ct_signed_rank(many, 60).p > 0.8);
	for (int i = 0; i < 60; i++)
		many[i] = i + 1;
	/* z = (1830 - 915 - 0.5) / sqrt(60 * 61 * 121 / 24) = 6.732 */
	NEAR(ct_signed_rank(many, 60).p, erfc(6.7324 / sqrt(2)), 1e-13);
}

/* A common drift of rounds cancels: only the ratio within a round is left. */
static void drift(void **state)
{
	double a[8], b[8];
	struct ct_ratio r;

	(void)state;
	for (int i = 0; i < 8; i++) {
		b[i] = 100 * pow(2, i);
		a[i] = b[i] * (1.5 + 0.01 * i);
	}
	r = ct_ratio_paired(a, b, 8, 0.95);
	NEAR(r.ratio, 1.535, 5e-4); /* geometric, not arithmetic */
	/* The smallest of the 36 means of logs, as ratios: 1.50, 1.50499 (of 1.50 and 1.51), 1.50997
	 * (1.50 and 1.52), and the 4th, 1.51 with itself. */
	NEAR(r.low, 1.51, 1e-9);
	assert_true(r.high > r.ratio && r.high < 1.57);
	r = ct_ratio_paired(a, b, 5, 0.95);
	assert_true(r.low == 0 && isinf(r.high));
	a[3] = 0;
	assert_true(ct_ratio_paired(a, b, 8, 0.95).ratio == 1);
	assert_true(ct_ratio_paired(a, b, 0, 0.95).ratio == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(depression), cmocka_unit_test(critical),
		cmocka_unit_test(ties_and_nothing), cmocka_unit_test(drift),
	};

	return cmocka_run_group_tests_name("base_paired", tests, NULL, NULL);
}
