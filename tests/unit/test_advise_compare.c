/* SPDX-License-Identifier: BSD-3-Clause */
/* Two sets of made-up results: what is matched, claimed, warned of and said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "advise/advise.h"

enum { ROOM = 400, MOST_ALLOCATIONS = 200 };

/* A set of results under construction. */
struct set {
	struct ct_result list[ROOM];
	struct ct_records records;
};

static struct set sets[CT_SIDES];

static struct ct_result *add(struct set *s, uint64_t bytes, uint32_t round, uint64_t ns)
{
	struct ct_result *r = &s->list[s->records.n++];

	*r = (struct ct_result){
		.round = round, .nranks = 2, .bytes = bytes, .inner = 1, .checked = 1
	};
	r->test = (struct ct_test){ .coll = CT_ALLREDUCE, .type = CT_FLOAT, .bytes = bytes };
	r->summary = (struct ct_summary){ .n = 20, .median = ns, .low = ns - 1, .high = ns + 1 };
	snprintf(r->candidate.backend, sizeof(r->candidate.backend), "native");
	snprintf(r->candidate.net, sizeof(r->candidate.net), "shm");
	snprintf(r->library, sizeof(r->library), "colltune 0.1.0");
	return r;
}

/* ROUNDS rounds at BYTES, 0.2 % apart, the first of NS. */
static void series(struct set *s, uint64_t bytes, uint32_t rounds, double ns)
{
	for (uint32_t i = 0; i < rounds; i++)
		add(s, bytes, i, (uint64_t)(ns * (1 + 0.002 * i)));
}

static int empty(void **state)
{
	(void)state;
	for (int i = 0; i < CT_SIDES; i++) {
		sets[i].records = (struct ct_records){ .results = sets[i].list };
		sets[i].records.environment =
			json_pack("{s:s, s:i, s:b, s:{}, s:[{s:s, s:i, s:i}]}", "machine",
				  "sha256:1", "nranks", 2, "oversubscribed", 0, "options", "hosts",
				  "name", "node1", "ranks", 2, "cpus", 4);
	}
	return 0;
}

static int forget(void **state)
{
	(void)state;
	for (int i = 0; i < CT_SIDES; i++)
		json_decref(sets[i].records.environment);
	return 0;
}

static ct_status try(struct ct_comparison *c, const char *a, const char *b)
{
	struct ct_compare_in in[CT_SIDES] = { { "a", NULL, &sets[0].records, a },
					      { "b", NULL, &sets[1].records, b } };

	return ct_comparison_make(in, c);
}

static void compare(struct ct_comparison *c)
{
	assert_int_equal(try(c, NULL, NULL), CT_OK);
}

static bool warned(const struct ct_comparison *c, const char *text)
{
	const json_t *w;
	size_t i;

	json_array_foreach(c->warnings, i,
			   w) if (strstr(json_string_value(w), text) != NULL) return true;
	return false;
}

static void verdict_is(const struct ct_comparison *c, const char *want)
{
	struct ct_buf text = ct_buf_make(65536);

	ct_comparison_verdict(c, &text);
	assert_int_equal(ct_buf_status(&text), CT_OK);
	assert_string_equal(text.text, want);
	ct_buf_free(&text);
}

static const char *text_of(const struct ct_comparison *c, size_t i)
{
	static char text[64];

	return ct_compared_text(&c->points[i], text);
}

/* Twice as slow, half, equal. */
static void ratios(void **state)
{
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[1], 8, 8, 2000);
	series(&sets[0], 64, 8, 1000);
	series(&sets[1], 64, 8, 1000);
	series(&sets[0], 512, 8, 1000);
	series(&sets[1], 512, 8, 500);
	compare(&c);
	assert_int_equal(c.npoints, 3);
	assert_int_equal(c.nalone, 0);
	assert_int_equal(json_array_size(c.warnings), 0);
	assert_true(c.points[0].ratio.ratio > 1.99 && c.points[0].ratio.ratio < 2.01);
	assert_true(c.points[0].ratio.low > 1.97 && c.points[0].ratio.high < 2.03);
	/* no overlap, 8 against 8: 2 / C(16, 8) = 2 / 12870, times 3 by Holm; the next times 2
	 * would be less than the first, so it is the same (both are the smallest) */
	assert_true(c.points[0].p > 4.661e-4 && c.points[0].p < 4.663e-4);
	assert_true(c.points[2].p > 4.661e-4 && c.points[2].p < 4.663e-4);
	assert_true(c.points[0].effect < 0.001 && c.points[2].effect > 0.999);
	assert_string_equal(text_of(&c, 0), "slower");
	assert_string_equal(text_of(&c, 1), "same");
	assert_string_equal(text_of(&c, 2), "faster");
	assert_int_equal(c.points[0].side[0]->median_ns, 1007);
	/* 8 values: x(1) … x(8) has coverage 0.992, x(2) … x(7) only 0.930 */
	assert_int_equal(c.points[0].side[0]->low_ns, 1000);
	assert_int_equal(c.points[0].side[0]->high_ns, 1014);
	assert_int_equal(ct_comparison_end(&c), CT_COMPARE_END_WORSE);
	verdict_is(
		&c,
		"allreduce float sum, out of place, 2 ranks: native/shm default: B is slower at 8 "
		"(2.00 times A's time), the same within 5 % at 64, faster at 512 (0.50 times A's "
		"time); "
		"the winner changes between 8 and 512. In all: a regression, B is worse than A at "
		"1 of 3 "
		"points.");
	ct_comparison_free(&c);
}

/* Critical value of U for 8 against 8, two-sided 0.05: 13 (Mann and Whitney's table, as in Siegel
 * 1956, table K). */
static void critical_value(void **state)
{
	/* ranks of B among 1 … 16 for U = 13 and U = 14: 36 + U is their sum */
	static const uint64_t ranks[2][8] = { { 1, 2, 3, 4, 5, 6, 12, 16 },
					      { 1, 2, 3, 4, 5, 7, 12, 16 } };

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct ct_comparison c;
		bool of_b[17] = { false };
		uint32_t na = 0;

		sets[0].records.n = sets[1].records.n = 0;
		for (uint32_t i = 0; i < 8; i++) {
			of_b[ranks[k][i]] = true;
			add(&sets[1], 8, i, 1000 * ranks[k][i]);
		}
		for (uint64_t r = 1; r <= 16; r++)
			if (!of_b[r])
				add(&sets[0], 8, na++, 1000 * r);
		compare(&c);
		assert_true(k == 0 ? c.points[0].p < 0.05 : c.points[0].p > 0.05);
		ct_comparison_free(&c);
	}
}

static void few_rounds(void **state)
{
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 3, 1000);
	series(&sets[1], 8, 8, 2000);
	series(&sets[0], 64, 8, 1000);
	series(&sets[1], 64, 8, 1001);
	compare(&c);
	assert_string_equal(text_of(&c, 0), "inconclusive: 3 rounds, 8 needed");
	assert_string_equal(text_of(&c, 1), "same");
	assert_int_equal(ct_comparison_end(&c), CT_COMPARE_END_OPEN);
	verdict_is(
		&c,
		"allreduce float sum, out of place, 2 ranks: native/shm default: B is inconclusive "
		"at 8 (3 rounds, 8 needed), the same within 5 % at 64. In all: no regression is "
		"shown, "
		"but 1 of 2 points are not resolved. Measure both with --rounds 8 or more.");
	ct_comparison_free(&c);
}

/* The family of Holm is every point of a collective that can claim something, and only those. */
static void family(void **state)
{
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[1], 8, 8, 2000);
	for (uint64_t bytes = 16; bytes < 16 << 9; bytes *= 2) {
		series(&sets[0], bytes, 8, 1000);
		series(&sets[1], bytes, 8, 1000);
	}
	series(&sets[0], 1 << 20, 2, 1000);
	series(&sets[1], 1 << 20, 2, 9000);
	for (int side = 0; side < CT_SIDES; side++) {
		series(&sets[side], 8, 8, 1000 * (side + 1));
		for (size_t i = sets[side].records.n - 8; i < sets[side].records.n; i++)
			sets[side].list[i].test.coll = CT_BARRIER;
	}
	compare(&c);
	assert_int_equal(c.npoints, 12);
	assert_int_equal(c.points[11].side[0]->key.coll, CT_BARRIER);
	assert_true(c.points[11].p > 1.5539e-4 && c.points[11].p < 1.5541e-4);
	assert_true(c.points[0].p > 10 * 1.5539e-4 && c.points[0].p < 10 * 1.5541e-4);
	assert_true(c.points[5].p == 1);
	ct_comparison_free(&c);
}

/* Significant, but the ratio is below 1.05: no regression, yet nothing is promised either. */
static void little_slower(void **state)
{
	static const uint64_t a[] = { 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007 };
	static const uint64_t b[] = { 1010, 1011, 1012, 1030, 1040, 1060, 1070, 1080 };
	struct ct_comparison c;

	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		add(&sets[0], 8, i, a[i]);
		add(&sets[1], 8, i, b[i]);
	}
	compare(&c);
	assert_int_equal(c.points[0].result, CT_COMPARE_SLOWER);
	assert_string_equal(text_of(&c, 0), "slower by less than 5 %");
	assert_int_equal(ct_comparison_end(&c), CT_COMPARE_END_OPEN);
	ct_comparison_free(&c);
}

static void not_resolved(void **state)
{
	struct ct_comparison c;

	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		add(&sets[0], 8, i, 1000 + 100 * i);
		add(&sets[1], 8, i, 1050 + 100 * i);
	}
	compare(&c);
	assert_string_equal(text_of(&c, 0), "not resolved");
	assert_int_equal(ct_comparison_end(&c), CT_COMPARE_END_OPEN);
	ct_comparison_free(&c);
}

struct crossings {
	uint64_t at[8];
	size_t n;
};

static void crossing(void *arg, const struct ct_compared *from, const struct ct_compared *to)
{
	struct crossings *x = arg;

	x->at[x->n++] = from->side[CT_SIDE_A]->key.bytes;
	x->at[x->n++] = to->side[CT_SIDE_A]->key.bytes;
}

/* B faster, same, A faster, A faster, B faster. */
static void crossovers(void **state)
{
	static const double speed[] = { 2, 1, 0.5, 0.5, 2 };
	struct crossings x = { .n = 0 };
	struct ct_comparison c;

	(void)state;
	for (uint64_t i = 0; i < 5; i++) {
		series(&sets[0], 8 << i, 8, 1000);
		series(&sets[1], 8 << i, 8, 1000 / speed[i]);
	}
	compare(&c);
	ct_comparison_crossovers(&c, 0, crossing, &x);
	assert_int_equal(x.n, 4);
	assert_int_equal(x.at[0], 8);
	assert_int_equal(x.at[1], 32);
	assert_int_equal(x.at[2], 64);
	assert_int_equal(x.at[3], 128);
	ct_comparison_free(&c);
}

static void warnings(void **state)
{
	static const char *const wanted[] = {
		"different machines (machine hash): A sha256:1, B sha256:2",
		"option --net differs: A shm, B none",
		"option --new differs: A none, B 7",
		"seed differs: A 1, B 2",
		"B: faults were injected on purpose: --net-fault drop:nth=3",
		"oversubscribed on one side only: A false, B true",
		"hosts differ: A node1 with 2 ranks on 4 processors; B node?[2J with 4 ranks on 2",
		"library differs: A colltune 0.1.0, B colltune 0.2.0",
		"B: data were not verified",
		"B: allreduce was not measured by native/tcp default: no such interface",
		"B: the run did not come to its end: its state is \"killed\""
	};
	struct ct_compare_in in[CT_SIDES] = { { "a", "done", &sets[0].records, NULL },
					      { "b", "killed", &sets[1].records, NULL } };
	json_t **e = (json_t *[]){ sets[0].records.environment, sets[1].records.environment };
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[1], 8, 8, 1000);
	add(&sets[1], 8, 0, 1000)->status = CT_UNSUPPORTED;
	snprintf(sets[1].list[8].candidate.net, sizeof(sets[1].list[8].candidate.net), "tcp");
	snprintf(sets[1].list[8].why, sizeof(sets[1].list[8].why), "no such interface");
	snprintf(sets[1].list[7].library, sizeof(sets[1].list[7].library), "colltune 0.2.0");
	sets[1].list[3].checked = 0;
	json_object_set_new(e[1], "machine", json_string("sha256:2"));
	json_object_set_new(e[0], "seed", json_string("1"));
	json_object_set_new(e[1], "seed", json_string("2"));
	json_object_set_new(e[1], "oversubscribed", json_true());
	json_object_set_new(e[0], "options",
			    json_pack("{s:s, s:s, s:i}", "net", "shm", "out", "x", "seed", 1));
	json_object_set_new(e[1], "options",
			    json_pack("{s:n, s:s, s:i, s:s, s:i}", "net", "out", "y", "seed", 2,
				      "net-fault", "drop:nth=3", "new", 7));
	json_object_set_new(e[1], "hosts",
			    json_pack("[{s:s, s:i, s:i}]", "name", "node\033[2J", "ranks", 4,
				      "cpus", 2));
	assert_int_equal(ct_comparison_make(in, &c), CT_OK);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!warned(&c, wanted[i]))
			fail_msg("no warning: %s", wanted[i]);
	assert_int_equal(json_array_size(c.warnings), sizeof(wanted) / sizeof(wanted[0]));
	ct_comparison_free(&c);
}

static void over(struct set *s, size_t from, const char *net)
{
	for (size_t i = from; i < s->records.n; i++)
		snprintf(s->list[i].candidate.net, sizeof(s->list[i].candidate.net), "%s", net);
}

/* One candidate a side: these two, whatever they are. Several: equal ones. Or as asked. */
static void candidates(void **state)
{
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[1], 8, 8, 2000);
	over(&sets[1], 0, "tcp");
	compare(&c);
	assert_int_equal(c.npoints, 1);
	assert_true(warned(&c,
			   "different candidates are compared: A native/shm default, B native/tcp "
			   "default"));
	ct_comparison_free(&c);
	/* B gets shm too */
	series(&sets[1], 8, 8, 1000);
	compare(&c);
	assert_int_equal(c.npoints, 1);
	assert_string_equal(text_of(&c, 0), "same");
	assert_int_equal(c.nalone, 1);
	assert_int_equal(c.alone[0].side, CT_SIDE_B);
	assert_string_equal(c.alone[0].point->series.candidate.net, "tcp");
	ct_comparison_free(&c);
	assert_int_equal(try(&c, NULL, "native/tcp"), CT_OK);
	assert_string_equal(text_of(&c, 0), "slower");
	ct_comparison_free(&c);
	assert_int_equal(try(&c, "native", "native"), CT_INVALID);
	assert_non_null(strstr(ct_why(),
			       "--b-candidate: several candidates fit \"native\"; there are "
			       "native/tcp default, native/shm default"));
	assert_int_equal(try(&c, "nat", NULL), CT_INVALID);
	assert_non_null(strstr(ct_why(),
			       "--a-candidate: no candidate fits \"nat\"; there is native/shm "
			       "default"));
}

static void one_side_only(void **state)
{
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[1], 16, 8, 1000);
	compare(&c);
	assert_int_equal(c.npoints, 0);
	assert_int_equal(c.nalone, 2);
	assert_int_equal(ct_comparison_end(&c), CT_COMPARE_END_OPEN);
	verdict_is(
		&c,
		"Nothing could be compared: no point is on both sides. 2 points that one side has "
		"alone were not compared.");
	ct_comparison_free(&c);
}

/* Points are the same only if all of the key is; then they stand in the order of keys. */
static void keys(void **state)
{
	struct ct_comparison c;
	char text[160];

	(void)state;
	for (int side = 0; side < CT_SIDES; side++)
		for (int i = 7; i-- > 0;)
			add(&sets[side], 8, 0, 1000);
	sets[1].list[0].bytes = 16;
	sets[1].list[1].test.in_place = sets[0].list[1].test.in_place = true;
	sets[1].list[2].nranks = 3;
	sets[1].list[3].test.type = CT_DOUBLE;
	sets[1].list[4].test.op = CT_MAX;
	sets[1].list[5].test.coll = CT_BARRIER;
	sets[1].list[6].test.coll = sets[0].list[6].test.coll = CT_P2P_ONEWAY;
	sets[1].list[6].pairs = sets[0].list[6].pairs = 1;
	compare(&c);
	assert_int_equal(c.npoints, 2);
	assert_string_equal(ct_compare_key_text(&c.points[0].side[0]->key, text),
			    "allreduce float sum, in place, 2 ranks");
	assert_string_equal(ct_compare_key_text(&c.points[1].side[0]->key, text),
			    "p2p_oneway float, 2 ranks, 1 pair");
	assert_false(ct_comparison_joined(&c, 0));
	assert_int_equal(c.nalone, 6);
	assert_string_equal(ct_compare_key_text(&c.alone[5].point->key, text), "barrier, 2 ranks");
	ct_comparison_free(&c);
}

static void wrong_data(void **state)
{
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[1], 8, 8, 500);
	sets[1].list[2].wrong = 1;
	compare(&c);
	assert_string_equal(text_of(&c, 0), "wrong data in B");
	verdict_is(&c, "allreduce float sum, out of place, 2 ranks: native/shm default: B is not "
		       "comparable (wrong data in B) at 8. In all: a regression, B is worse than A "
		       "at 1 of "
		       "1 points.");
	assert_int_equal(ct_comparison_end(&c), CT_COMPARE_END_WORSE);
	ct_comparison_free(&c);
	sets[1].list[2].wrong = 0;
	sets[0].list[2].wrong = 1;
	compare(&c);
	assert_string_equal(text_of(&c, 0), "wrong data in A");
	assert_int_equal(ct_comparison_end(&c), CT_COMPARE_END_OPEN);
	ct_comparison_free(&c);
}

/* The same round twice: the later record, and no more rounds than there are. */
static void twice(void **state)
{
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[0], 8, 8, 3000);
	series(&sets[1], 8, 8, 3000);
	compare(&c);
	assert_int_equal(c.points[0].side[0]->series.rounds, 8);
	assert_string_equal(text_of(&c, 0), "same");
	assert_true(warned(&c, "A: 8 records are there twice"));
	ct_comparison_free(&c);
}

static void counters(void **state)
{
	struct ct_buf text = ct_buf_make(4096);
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[1], 8, 8, 1000);
	sets[1].list[1].counters.retransmits = 16; /* of 8 * 20 operations */
	sets[0].list[1].counters.page_faults = 9;  /* too few to tell */
	sets[0].list[1].counters.switches = 100;
	sets[1].list[1].counters.switches = 150; /* less than twice */
	compare(&c);
	ct_comparison_counters(&c, 0, &text);
	assert_string_equal(text.text, "retransmits A 0, B 100");
	ct_buf_free(&text);
	ct_comparison_free(&c);
}

static void expected(void **state)
{
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[1], 8, 8, 2000);
	for (size_t i = 0; i < 8; i++)
		sets[1].list[i].expected =
			(struct ct_expectation){ .known = true, .time_ns = 1007 };
	compare(&c);
	assert_false(c.points[0].side[0]->expected);
	assert_int_equal(c.points[0].side[1]->expected_ns, 1007);
	assert_true(c.points[0].side[1]->efficiency > 0.499 &&
		    c.points[0].side[1]->efficiency < 0.501);
	ct_comparison_free(&c);
}

/* Neither side is a baseline: who wins where, and no claim at all with too many ranks. */
static void rivals(void **state)
{
	struct ct_comparison c;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[0], 64, 8, 1000);
	series(&sets[1], 8, 8, 2000);
	series(&sets[1], 64, 8, 500);
	assert_int_equal(try(&c, "native/shm", "native/shm"), CT_OK);
	c.rivals = true;
	verdict_is(&c, "allreduce float sum, out of place, 2 ranks: native/shm default: B is slower at 8 "
		"(2.00 times A's time), faster at 64 (0.50 times A's time); the winner changes between 8 "
		"and 64. In all: of 2 points A wins 1, B wins 1, 0 are the same, 0 are not resolved.");
	assert_int_equal(ct_comparison_end(&c), CT_COMPARE_END_WORSE);
	ct_comparison_free(&c);
	sets[0].list[0].oversubscribed = true;
	assert_int_equal(try(&c, "native/shm", "native/shm"), CT_OK);
	assert_int_equal(ct_comparison_end(&c), CT_COMPARE_END_OPEN);
	ct_comparison_free(&c);
}

/* Each allocation fails in turn: no crash, no leak. (The statistics make do without memory, and
 * then claim nothing.) */
static void torture(void **state)
{
	struct ct_comparison c;
	uint64_t n = 0;
	ct_status status;

	(void)state;
	series(&sets[0], 8, 8, 1000);
	series(&sets[1], 8, 8, 2000);
	do {
		ct_alloc_fail_nth(++n);
		status = try(&c, "native/shm", NULL);
		if (status == CT_OK) {
			assert_int_equal(c.npoints, 1);
			ct_comparison_free(&c);
		} else {
			assert_int_equal(status, CT_NOMEM);
		}
	} while (ct_alloc_count() >= n && n < MOST_ALLOCATIONS);
	ct_alloc_fail_nth(0);
	assert_true(n > 8 && n < MOST_ALLOCATIONS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, empty, forget)

/* ---- what the network counted --------------------------------------------------------------- */

/* 8 rounds in which the ports of side SIDE saw FIRST, FIRST + STEP, … retries in 20 operations. */
static void retries(struct set *s, uint64_t first, uint64_t step)
{
	series(s, 64, 8, 1000);
	for (size_t i = 0; i < 8; i++) {
		struct ct_port_counts *p = &s->list[s->records.n - 8 + i].ports;

		*p = (struct ct_port_counts){ .known = true, .active = 2, .used = 2 };
		p->sum.exposed = ct_count_bit(CT_COUNT_RETRIES) | ct_count_bit(CT_COUNT_RX_DROPS) |
				 ct_count_bit(CT_COUNT_DUPLICATE_REQUESTS);
		p->sum.value[CT_COUNT_RETRIES] = first + i * step;
		p->sum.value[CT_COUNT_DUPLICATE_REQUESTS] = 9; /* of the same losses */
	}
}

static void said(const char *loss, const char *network)
{
	struct ct_comparison c;
	struct ct_buf text = ct_buf_make(4096), list = ct_buf_make(4096);

	compare(&c);
	ct_comparison_loss(&c, 0, &text);
	assert_string_equal(text.text != NULL ? text.text : "", loss);
	ct_comparison_network(&c, 0, &list);
	assert_string_equal(list.text != NULL ? list.text : "", network);
	ct_buf_free(&text);
	ct_buf_free(&list);
	ct_comparison_free(&c);
}

/* 4 + 5 + … + 11 = 60 in 160 operations; p: every round of B is above every one of A, which are all
 * the same: normal approximation with ties, as R's wilcox.test(rep(0, 8), 4:11, exact = FALSE). */
static void test_lossy_side(void **state)
{
	struct ct_comparison c;

	(void)state;
	retries(&sets[0], 0, 0);
	retries(&sets[1], 4, 1);
	compare(&c);
	assert_int_equal(c.nlosses, 1);
	assert_int_equal(c.losses[0].side, CT_SIDE_B);
	assert_true(c.losses[0].rate[CT_SIDE_B] == 60.0 / 160);
	assert_true(c.losses[0].p < 0.001);
	ct_comparison_free(&c);
	sets[1].list[7].ports.sum.value[CT_COUNT_RX_DROPS] = 16;
	said("B is the lossy side: 375 retransmissions per 1000 operations, A 0 (p = 0.00041 over "
	     "rounds). ", "rx_drops A 0, B 100; retries A 0, B 375; duplicate_requests A 450, B 450");
}

static void test_both_lossy(void **state)
{
	(void)state;
	retries(&sets[0], 5, 1);
	retries(&sets[1], 5, 1);
	said("Retransmissions per 1000 operations: A 425, B 425 (p = 1, not significant). ",
	     "retries A 425, B 425; duplicate_requests A 450, B 450");
}

static void test_neither_lossy(void **state)
{
	(void)state;
	retries(&sets[0], 0, 0);
	retries(&sets[1], 0, 0);
	said("Neither side had to send anything again. ", "duplicate_requests A 450, B 450");
}

/* What one side does not expose is not 0, and nothing follows from it. */
static void test_not_exposed(void **state)
{
	(void)state;
	series(&sets[0], 64, 8, 1000);
	retries(&sets[1], 4, 1);
	said("", "retries A not exposed, B 375; duplicate_requests A not exposed, B 450");
}

static void test_few_rounds(void **state)
{
	(void)state;
	retries(&sets[0], 0, 0);
	retries(&sets[1], 4, 1);
	sets[1].records.n = 3;
	said("Retransmissions per 1000 operations: A 0, B 250 (too few rounds to compare). ",
	     "retries A 0, B 250; duplicate_requests A 450, B 450");
}

/* TCP's own count, which every Linux has. */
static void test_tcp(void **state)
{
	(void)state;
	for (int side = 0; side < CT_SIDES; side++) {
		series(&sets[side], 64, 8, 1000);
		for (size_t i = 0; i < 8; i++) {
			strcpy(sets[side].list[i].candidate.net, "tcp");
			sets[side].list[i].counters.retransmits = side == CT_SIDE_A ? 40 + i : i;
		}
	}
	said("A is the lossy side: 2175 retransmissions per 1000 operations, B 175 (p = 0.00016 "
	     "over rounds). ", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ratios),	     TEST(critical_value), TEST(few_rounds), TEST(family),
		TEST(little_slower), TEST(not_resolved),   TEST(crossovers), TEST(warnings),
		TEST(candidates),    TEST(one_side_only),  TEST(keys),	     TEST(wrong_data),
		TEST(twice),	     TEST(counters),	   TEST(expected),   TEST(rivals), TEST(torture),
		cmocka_unit_test_setup_teardown(test_lossy_side, empty, forget),
		cmocka_unit_test_setup_teardown(test_both_lossy, empty, forget),
		cmocka_unit_test_setup_teardown(test_neither_lossy, empty, forget),
		cmocka_unit_test_setup_teardown(test_not_exposed, empty, forget),
		cmocka_unit_test_setup_teardown(test_few_rounds, empty, forget),
		cmocka_unit_test_setup_teardown(test_tcp, empty, forget),
	};

	return cmocka_run_group_tests_name("advise_compare", tests, NULL, NULL);
}
