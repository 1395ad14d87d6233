/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/base.h"

static void splitmix(void **state)
{
	/* Rosetta Code "Pseudo-random numbers/Splitmix64", seed 1234567. */
	static const uint64_t known[] = {
		6457827717110365317u, 3203168211198807973u,  9817491932198370423u,
		4593380528125082431u, 16408922859458223821u,
	};
	struct ct_rng rng = ct_rng_make(1234567);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(ct_rng_hash(1234567, (uint64_t)i) == known[i]);
	assert_memory_equal(rng.s, known, sizeof(rng.s));
}

static void xoshiro(void **state)
{
	/* Output of the authors' C code from state {1, 2, 3, 4}, as other implementations
	 * quote it in their tests. */
	static const uint64_t known[] = {
		11520u,
		0u,
		1509978240u,
		1215971899390074240u,
		1216172134540287360u,
		607988272756665600u,
		16172922978634559625u,
		8476171486693032832u,
		10595114339597558777u,
		2904607092377533576u,
	};
	struct ct_rng rng = { { 1, 2, 3, 4 } };

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(ct_rng_next(&rng) == known[i]);
}

static void bounded(void **state)
{
	struct ct_rng rng = ct_rng_make(7);
	uint64_t seen[3] = { 0 }, bound = (uint64_t)3 << 62;

	(void)state;
	for (int i = 0; i < 30000; i++) {
		assert_int_equal(ct_rng_below(&rng, 1), 0);
		seen[ct_rng_below(&rng, 3)]++;
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(seen[i], 9700, 10300);
	/* With 3/4 of 2^64 a plain product would make a third of the values twice as likely. */
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 30000; i++)
		seen[ct_rng_below(&rng, bound) % 3]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(seen[i], 9700, 10300);
}

static void shuffles(void **state)
{
	struct ct_rng rng = ct_rng_make(8);
	int seen[6] = { 0 };
	uint32_t order[100];
	char there[100] = { 0 };

	(void)state;
	ct_rng_shuffle(&rng, order, 100);
	for (int i = 0; i < 100; i++)
		there[order[i]]++;
	for (int i = 0; i < 100; i++)
		assert_int_equal(there[i], 1);
	for (int i = 0; i < 60000; i++) { /* all six orders of three alike */
		ct_rng_shuffle(&rng, order, 3);
		seen[order[0] * 2 + (order[1] > order[2])]++;
	}
	for (int i = 0; i < 6; i++)
		assert_in_range(seen[i], 9600, 10400);
	ct_rng_shuffle(&rng, order, 0);
}

static void hist_buckets(void **state)
{
	struct ct_rng rng = ct_rng_make(9);

	(void)state;
	for (uint32_t i = 0; i < CT_HIST_BUCKETS; i++) {
		uint64_t low = ct_hist_low(i);

		assert_int_equal(ct_hist_index(low), i);
		if (i > 0)
			assert_int_equal(ct_hist_index(low - 1), i - 1);
	}
	assert_int_equal(ct_hist_index(UINT64_MAX), CT_HIST_BUCKETS - 1);
	assert_true(ct_hist_low(CT_HIST_BUCKETS) == UINT64_MAX);
	for (int i = 0; i < 100000; i++) {
		uint64_t v = ct_rng_next(&rng) >> ct_rng_below(&rng, 64);
		uint32_t at = ct_hist_index(v);

		assert_true(ct_hist_low(at) <= v);
		assert_true(at + 1 == CT_HIST_BUCKETS || v < ct_hist_low(at + 1));
	}
}

static void hist_quantiles(void **state)
{
	static const double qs[] = { 0, 0.01, 0.5, 0.95, 0.99, 0.999, 1 };
	static struct ct_hist a, b;
	static uint64_t v[20000];
	struct ct_rng rng = ct_rng_make(10);

	(void)state;
	ct_hist_reset(&a);
	ct_hist_reset(&b);
	assert_int_equal(ct_hist_quantile(&a, 0.5), 0);
	ct_hist_merge(&a, &b);
	assert_int_equal(a.count, 0);
	for (int i = 0; i < 20000; i++) {
		v[i] = 500 + (uint64_t)exp((double)ct_rng_below(&rng, 14000) / 1000);
		ct_hist_add(i % 3 == 0 ? &a : &b, v[i]);
	}
	ct_hist_merge(&a, &b);
	ct_sort_u64(v, 20000);
	assert_int_equal(a.count, 20000);
	assert_int_equal(a.min, v[0]);
	assert_int_equal(a.max, v[19999]);
	for (size_t i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
		double exact = (double)ct_quantile(v, 20000, qs[i]);
		double told = (double)ct_hist_quantile(&a, qs[i]);

		assert_true(told >= exact && told <= exact * (1 + 1.0 / 64));
	}
	assert_int_equal(ct_hist_quantile(&a, 1), v[19999]);
	ct_hist_reset(&b);
	ct_hist_add(&b, UINT64_MAX);
	ct_hist_add(&b, 0);
	assert_true(ct_hist_quantile(&b, 1) == UINT64_MAX);
	assert_int_equal(ct_hist_quantile(&b, 0.5), 0);
}

static void clocks(void **state)
{
	uint64_t step = 0, cost = 0, before = ct_now_ns();
	struct ct_deadline never = { UINT64_MAX };
	char utc[21];

	(void)state;
	ct_clock_quality(&step, &cost);
	assert_in_range(step, 1, 100000000);
	assert_true(cost < 1000000);
	assert_true(ct_now_ns() >= before);
	assert_true(ct_deadline_passed(ct_deadline_in(0)));
	assert_false(ct_deadline_passed(ct_deadline_in(UINT64_MAX)));
	assert_false(ct_deadline_passed(never));
	ct_clock_utc(utc);
	assert_int_equal(strlen(utc), 20);
	assert_true(utc[4] == '-' && utc[10] == 'T' && utc[13] == ':' && utc[19] == 'Z');
	assert_true(strcmp(utc, "2020-01-01T00:00:00Z") > 0);
}

static void graphs(void **state)
{
	struct ct_graph graph = { 0 };
	uint32_t index = 99;

	(void)state;
	assert_int_equal(ct_graph_edge(&graph, 0, 0, 1, 1), CT_INVALID);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(ct_graph_node(&graph, i == 5 ? "five\n" : "n", i, &index), CT_OK);
		assert_int_equal(index, i);
		assert_int_equal(ct_graph_edge(&graph, i, i / 2, 1e9 * i, i), CT_OK);
	}
	assert_int_equal(graph.nnodes, 100);
	assert_int_equal(graph.nedges, 100);
	assert_string_equal(graph.nodes[5].name, "five?");
	assert_int_equal(graph.edges[77].to, 38);
	assert_int_equal(graph.nodes[77].kind, 77);
	assert_int_equal(ct_graph_edge(&graph, 0, 100, 1, 1), CT_INVALID);
	assert_int_equal(ct_graph_edge(&graph, 0, 1, NAN, 1), CT_INVALID);
	assert_int_equal(ct_graph_edge(&graph, 0, 1, -1, 1), CT_INVALID);
	ct_graph_free(&graph);
	assert_int_equal(graph.nnodes, 0);
	ct_alloc_fail_nth(1);
	assert_int_equal(ct_graph_node(&graph, "n", 0, &index), CT_NOMEM);
	ct_alloc_fail_nth(0);
	assert_int_equal(index, 99);
	ct_graph_free(&graph);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splitmix),	cmocka_unit_test(xoshiro),
		cmocka_unit_test(bounded),	cmocka_unit_test(shuffles),
		cmocka_unit_test(hist_buckets), cmocka_unit_test(hist_quantiles),
		cmocka_unit_test(clocks),	cmocka_unit_test(graphs),
	};

	return cmocka_run_group_tests_name("base_random", tests, NULL, NULL);
}
