/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns of congestion: who sends to whom, and how many hosts may be loaded unasked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bench/congest.h"

/* At most one flow for each ordered pair, none to itself, none of the victim's pairs. */
static void check(const struct ct_congest_pattern *p, uint32_t nranks)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct ct_congest_flow *f = &p->flows[i];

		assert_true(f->from < nranks && f->to < nranks && f->from != f->to);
		for (size_t k = 0; k < i; k++)
			assert_false(p->flows[k].from == f->from && p->flows[k].to == f->to);
		if (p->victim)
			assert_false(f->from == p->asks || f->to == p->asks);
	}
}

static void patterns(void **state)
{
	(void)state;
	for (uint32_t n = 2; n <= 9; n++)
		for (int kind = 0; kind < CT_CONGEST_KINDS; kind++) {
			struct ct_congest_pattern p;
			size_t flows[] = { n > 2 ? n - 2 : 1, n > 2 ? n - 2 : 1, (size_t)n * (n - 1), n };

			assert_int_equal(ct_congest_make((enum ct_congest_kind)kind, n, 0, &p), CT_OK);
			assert_int_equal(p.n, flows[kind]);
			assert_int_equal(p.victim, kind <= CT_CONGEST_OUTCAST && n > 2);
			check(&p, n);
			ct_free(p.flows);
		}
}

static void limits(void **state)
{
	struct ct_congest_pattern p;

	(void)state;
	assert_int_equal(ct_congest_make(CT_CONGEST_INCAST, 1, 0, &p), CT_INVALID);
	assert_int_equal(ct_congest_make(CT_CONGEST_ALLTOALL, 65, 0, &p), CT_INVALID);
	assert_int_equal(ct_congest_make(CT_CONGEST_INCAST, 8, 3, &p), CT_OK);
	assert_int_equal(p.n, 3);
	ct_free(p.flows);
	ct_alloc_fail_nth(1);
	assert_int_equal(ct_congest_make(CT_CONGEST_INCAST, 8, 3, &p), CT_NOMEM);
	ct_alloc_fail_nth(0);
}

static void hosts(void **state)
{
	struct ct_host list[5] = { { .name = "a1" }, { .name = "a2" }, { .name = "a3" }, { .name = "a4" },
		{ .name = "a5" } };
	struct ct_world world = { .nhosts = 4, .hosts = list };

	(void)state;
	assert_int_equal(ct_congest_allowed(&world, false, 200000000, 8), CT_OK);
	world.nhosts = 5;
	assert_int_equal(ct_congest_allowed(&world, true, 200000000, 8), CT_OK);
	assert_int_equal(ct_congest_allowed(&world, false, 200000000, 8), CT_INVALID);
	assert_non_null(strstr(ct_why(), "5 hosts (a1, a2, a3, a4, a5)"));
	assert_non_null(strstr(ct_why(), "200 ms"));
	assert_non_null(strstr(ct_why(), "--load-fabric"));
}

enum { ROUNDS = 16, FLOWS = 8 };

/* Each half of each round of each flow at 100 +- NOISE; each round up to 30 % slower for all. */
static void fill(double *rate, double noise, uint64_t seed)
{
	for (size_t i = 0; i < (size_t)ROUNDS * FLOWS * 2; i++) {
		double common = 1 - 0.3 * (double)(ct_rng_hash(seed, i / (FLOWS * 2)) % 1000) / 1000;

		rate[i] = common * (100 + noise * ((double)(ct_rng_hash(seed + 1, i) % 2001) / 1000 - 1));
	}
}

/* Flows A and B share a cable in ROUND. */
static void collide(double *rate, size_t round, size_t a, size_t b)
{
	for (size_t half = 0; half < 2; half++) {
		rate[(round * FLOWS + a) * 2 + half] /= 2;
		rate[(round * FLOWS + b) * 2 + half] /= 2;
	}
}

static void collisions(void **state)
{
	double rate[ROUNDS * FLOWS * 2];
	struct ct_congest_spread s;

	(void)state;
	fill(rate, 10, 1);
	ct_congest_spread(rate, ROUNDS, FLOWS, &s);
	assert_true(s.judged);
	assert_int_equal(s.cells, ROUNDS * FLOWS);
	assert_int_equal(s.slow, 0); /* rounds that are slow for all are none */
	assert_true(s.p >= 1 && s.worst > 0.7);
	for (size_t r = 0; r < ROUNDS; r += 4)
		collide(rate, r, r % FLOWS, (r + 3) % FLOWS);
	ct_congest_spread(rate, ROUNDS, FLOWS, &s);
	assert_int_equal(s.slow, 2 * ROUNDS / 4);
	assert_true(s.p < 1e-6 && s.worst < 0.6 && s.best > 0.95);
}

/* Halves that are slow by themselves are no collision, however many. */
static void noise(void **state)
{
	double rate[ROUNDS * FLOWS * 2];
	struct ct_congest_spread s;
	unsigned int wrong = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		fill(rate, 70, seed * 7);
		ct_congest_spread(rate, ROUNDS, FLOWS, &s);
		assert_true(s.judged);
		wrong += s.p < 0.01;
	}
	assert_true(wrong <= 5);
}

static void too_few(void **state)
{
	double rate[ROUNDS * FLOWS * 2] = { 0 };
	struct ct_congest_spread s;

	(void)state;
	ct_congest_spread(rate, ROUNDS, FLOWS, &s);
	assert_false(s.judged); /* nothing came anywhere */
	fill(rate, 1, 3);
	ct_congest_spread(rate, CT_SPREAD_ROUNDS - 1, FLOWS, &s);
	assert_false(s.judged);
	ct_congest_spread(rate, ROUNDS, CT_SPREAD_FLOWS - 1, &s);
	assert_false(s.judged);
	ct_alloc_fail_nth(1);
	ct_congest_spread(rate, ROUNDS, FLOWS, &s);
	ct_alloc_fail_nth(0);
	assert_false(s.judged);
	assert_true(s.p >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(limits),
		cmocka_unit_test(hosts),
		cmocka_unit_test(collisions),
		cmocka_unit_test(noise),
		cmocka_unit_test(too_few),
	};

	return cmocka_run_group_tests_name("bench_congest", tests, NULL, NULL);
}
