/* SPDX-License-Identifier: BSD-3-Clause */
/* What schedules take over known links, beside the textbook's formulas (Thakur, Rabenseifner and Gropp
 * 2005; Chan, Heimlich, Purkayastha and van de Geijn 2007). */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "coll/coll.h"

static const double a = 2000, b = 0.1, c = 0.05, g = 200;

static struct ct_link link_of(double alpha, double gap)
{
	struct ct_link_points p = { .n = 3 };
	struct ct_link link = { .reduce_ns = c };

	for (size_t i = 0; i < p.n; i++) {
		p.bytes[i] = 1ull << (12 * i);
		p.oneway_ns[i] = alpha + b * (double)p.bytes[i];
		p.gap_ns[i] = gap + b * (double)p.bytes[i];
	}
	ct_link_fit(&p, &link);
	assert_true(link.known);
	return link;
}

static double predict(ct_coll coll, const char *algo, uint32_t n, uint64_t bytes, bool *alike)
{
	struct ct_link link = link_of(a, g);
	struct ct_predict in = { .coll = coll, .algo = algo, .nranks = n, .bytes = bytes,
		.type = CT_FLOAT, .link = &link };
	double ns = 0;

	assert_int_equal(ct_coll_predict(&in, &ns, alike), CT_OK);
	return ns;
}

static void near(double got, double want)
{
	if (fabs(got - want) > 0.01 * want)
		fail_msg("%.1f ns, but %.1f by the formula", got, want);
}

static void formulas(void **state)
{
	double m = 1 << 16;
	bool alike;

	(void)state;
	for (uint32_t n = 2; n <= 32; n *= 2) {
		double lg = log2(n), part = (n - 1.0) / n;

		near(predict(CT_ALLREDUCE, "recursive_doubling", n, 1 << 16, &alike), lg * (a + m * b + m * c));
		assert_false(alike);
		near(predict(CT_ALLREDUCE, "ring", n, 1 << 16, &alike),
			2 * (n - 1) * a + 2 * m * part * b + m * part * c);
		near(predict(CT_ALLREDUCE, "rabenseifner", n, 1 << 16, &alike),
			2 * lg * a + 2 * m * part * b + m * part * c);
		near(predict(CT_ALLGATHER, "ring", n, 1 << 16, &alike), (n - 1) * a + m * part * b);
		near(predict(CT_ALLGATHER, "recursive_doubling", n, 1 << 16, &alike), lg * a + m * part * b);
		near(predict(CT_REDUCE_SCATTER, "ring", n, 1 << 16, &alike),
			(n - 1) * a + m * part * (b + c));
		near(predict(CT_ALLTOALL, "pairwise", n, 1 << 16, &alike), (n - 1) * a + m * part * b);
		near(predict(CT_BROADCAST, "binomial", n, 1 << 16, &alike), lg * (a + m * b));
	}
}

/* All messages at once: they leave one gap after another, and the last one's way is added. */
static void linear(void **state)
{
	bool alike;
	double m = 4096.0;

	(void)state;
	near(predict(CT_ALLTOALL, "linear", 8, 8 * 4096, &alike), 6 * (g + m * b) + a + m * b);
}

/* Thousands of ranks: one stands for all, and gives what all give where both can be asked. */
static void many_ranks(void **state)
{
	bool alike;
	double m = 1 << 20, n = 1024, part = (n - 1) / n;

	(void)state;
	near(predict(CT_ALLREDUCE, "ring", 1024, 1 << 20, &alike),
		2 * (n - 1) * a + 2 * m * part * b + m * part * c);
	assert_true(alike);
	near(predict(CT_BROADCAST, "binomial", 1024, 1 << 20, &alike), 10 * (a + m * b));
	assert_false(alike);
}

static struct ct_link inside, outside;

static const struct ct_link *by_host(void *arg, uint32_t x, uint32_t y)
{
	(void)arg;
	return x / 2 == y / 2 ? &inside : &outside;
}

/* Recursive doubling on two hosts of two: the first exchange stays inside. */
static void two_classes(void **state)
{
	struct ct_predict in = { .coll = CT_ALLREDUCE, .algo = "recursive_doubling", .nranks = 4,
		.bytes = 4096, .type = CT_FLOAT, .link_of = by_host };
	double ns = 0, m = 4096;
	bool alike;

	(void)state;
	inside = link_of(1000, g);
	outside = link_of(9000, g);
	assert_int_equal(ct_coll_predict(&in, &ns, &alike), CT_OK);
	near(ns, 10000 + 2 * m * (b + c));
}

static void cannot(void **state)
{
	struct ct_link link = link_of(a, g);
	struct ct_predict in = { .coll = CT_ALLREDUCE, .algo = "chain", .nranks = 4, .bytes = 64,
		.type = CT_FLOAT, .link = &link };
	double ns;
	bool alike;

	(void)state;
	assert_int_equal(ct_coll_predict(&in, &ns, &alike), CT_NOTFOUND);
	in.algo = "ring";
	in.nranks = 1;
	assert_int_equal(ct_coll_predict(&in, &ns, &alike), CT_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formulas), cmocka_unit_test(linear), cmocka_unit_test(many_ranks),
		cmocka_unit_test(two_classes), cmocka_unit_test(cannot),
	};

	return cmocka_run_group_tests_name("coll_predict", tests, NULL, NULL);
}
