/* SPDX-License-Identifier: BSD-3-Clause */
/* Pretended clusters with planted faults: what is planted is found and nothing else. The seeds are not
 * those that the thresholds were chosen with (1 … 100). Recall and false alarms are printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accept/fit.h"
#include "accept/pretend.h"

enum { SEED = 40000 };

struct planted {
	uint32_t node, other, rail, leaf;
};

struct plan {
	const char *name;
	uint32_t faults;
	void (*write)(const struct planted *p, struct ct_buf *text);
	bool (*is_it)(const struct planted *p, const struct ct_blame *b);
};

static void no_fault(const struct planted *p, struct ct_buf *text)
{
	(void)p;
	(void)text;
}

static bool never(const struct planted *p, const struct ct_blame *b)
{
	(void)p;
	(void)b;
	return false;
}

static void slow_node(const struct planted *p, struct ct_buf *text)
{
	ct_buf_add(text, "fault node %u 1.1\n", p->node);
}

static void wrong_mtu(const struct planted *p, struct ct_buf *text)
{
	ct_buf_add(text, "fault mtu %u 512\n", p->node);
}

static bool is_node(const struct planted *p, const struct ct_blame *b)
{
	return b->kind == CT_BLAME_NODE && b->node == p->node;
}

static void bad_nic(const struct planted *p, struct ct_buf *text)
{
	ct_buf_add(text, "fault nic %u %u 1.1\n", p->node, p->rail);
}

static bool is_nic(const struct planted *p, const struct ct_blame *b)
{
	return b->kind == CT_BLAME_NIC && b->node == p->node && b->rail == p->rail;
}

static void slow_cable(const struct planted *p, struct ct_buf *text)
{
	ct_buf_add(text, "fault out %u %u 1.1\n", p->node, p->rail);
}

static bool is_cable(const struct planted *p, const struct ct_blame *b)
{
	return b->kind == CT_BLAME_OUT && b->node == p->node && b->rail == p->rail;
}

static void bad_uplink(const struct planted *p, struct ct_buf *text)
{
	ct_buf_add(text, "fault uplink %u 3 1.1\n", p->leaf);
}

static bool is_uplink(const struct planted *p, const struct ct_blame *b)
{
	return b->kind == CT_BLAME_UPLINK && b->leaf == p->leaf;
}

static void slow_rail(const struct planted *p, struct ct_buf *text)
{
	ct_buf_add(text, "fault rail %u 1.1\n", p->rail);
}

static bool is_rail(const struct planted *p, const struct ct_blame *b)
{
	return b->kind == CT_BLAME_RAIL && b->rail == p->rail;
}

static void all_slow(const struct planted *p, struct ct_buf *text)
{
	(void)p;
	ct_buf_add(text, "fault all 1.2\n");
}

static bool is_all(const struct planted *p, const struct ct_blame *b)
{
	(void)p;
	return b->kind == CT_BLAME_ALL;
}

static void three(const struct planted *p, struct ct_buf *text)
{
	slow_node(p, text);
	bad_uplink(p, text);
	ct_buf_add(text, "fault in %u %u 1.1\n", p->other, p->rail);
}

static bool is_of_three(const struct planted *p, const struct ct_blame *b)
{
	return is_node(p, b) || is_uplink(p, b) ||
		(b->kind == CT_BLAME_IN && b->node == p->other && b->rail == p->rail);
}

static const struct plan plans[] = {
	{ "none", 0, no_fault, never },
	{ "slow node", 1, slow_node, is_node },
	{ "bad NIC", 1, bad_nic, is_nic },
	{ "one-way cable", 1, slow_cable, is_cable },
	{ "leaf uplink", 1, bad_uplink, is_uplink },
	{ "slow rail", 1, slow_rail, is_rail },
	{ "wrong MTU", 1, wrong_mtu, is_node },
	{ "everything", 1, all_slow, is_all },
	{ "three at once", 3, three, is_of_three },
};

struct tally {
	uint32_t planted, found, wrong, runs, alarms, rounds;
};

static void run_one(const struct plan *plan, uint32_t nodes, const char *cv, uint64_t seed,
	struct tally *tally)
{
	struct ct_rng rng = ct_rng_make(seed);
	struct ct_buf text = ct_buf_make(4096);
	struct planted at = { (uint32_t)ct_rng_below(&rng, nodes), 0, (uint32_t)ct_rng_below(&rng, 8),
		(uint32_t)ct_rng_below(&rng, nodes / 16 * 8) };
	struct ct_isolate_plan how = { .seed = seed };
	struct ct_pretend pretend;
	struct ct_isolation out;
	struct ct_pair_source source;
	struct ct_fleet fleet;
	uint32_t wrong = 0;

	at.other = (at.node + 1 + (uint32_t)ct_rng_below(&rng, nodes - 1)) % nodes;
	ct_buf_add(&text, "nodes %u\nrails 8\nleaf 16\nuplinks 16\ncv %s\nseed %llu\n", nodes, cv,
		(unsigned long long)seed);
	plan->write(&at, &text);
	assert_int_equal(ct_pretend_parse(text.text, "made", &pretend), CT_OK);
	fleet = ct_pretend_fleet(&pretend);
	source = ct_pretend_source(&pretend);
	assert_int_equal(ct_isolate(&fleet, &how, &source, &out), CT_OK);
	for (size_t i = 0; i < out.n; i++) {
		bool right = plan->is_it(&at, &out.list[i]);

		tally->found += right ? 1 : 0;
		wrong += right ? 0 : 1;
	}
	tally->planted += plan->faults;
	tally->wrong += wrong;
	tally->alarms += wrong > 0 ? 1 : 0;
	tally->rounds += out.rounds;
	tally->runs++;
	ct_isolation_free(&out);
	ct_pretend_free(&pretend);
	ct_buf_free(&text);
}

/* CT_ISOLATE_SEEDS, CT_ISOLATE_NODES and CT_ISOLATE_SEED (the first one) make another table, CT_ISOLATE_ONLY
 * one row of it (docs/measuring.md). */
static uint32_t from_environment(const char *name, uint32_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

/* One row of the table. */
static struct tally run_plan(const struct plan *plan, uint32_t nodes, const char *cv, uint32_t seeds)
{
	struct tally tally = { 0 };

	for (uint32_t s = 0; s < seeds; s++)
		run_one(plan, nodes, cv, from_environment("CT_ISOLATE_SEED", SEED) + s, &tally);
	print_message("# %4u nodes, spread %s, %-13s: found %u of %u, false %u in %u runs, %.1f rounds\n", nodes, cv,
		plan->name, tally.found, tally.planted, tally.wrong, tally.runs,
		(double)tally.rounds / tally.runs);
	return tally;
}

static void test_recall(void **state)
{
	uint32_t seeds = from_environment("CT_ISOLATE_SEEDS", 20);
	uint32_t nodes = from_environment("CT_ISOLATE_NODES", 64);

	const char *only = getenv("CT_ISOLATE_ONLY");

	(void)state;
	for (int spread = 1; spread <= 3; spread += 2) {
		struct tally all = { 0 };

		for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
			struct tally one;

			if (only != NULL && strcmp(only, plans[i].name) != 0)
				continue;
			one = run_plan(&plans[i], nodes, spread == 1 ? "0.01" : "0.03", seeds);
			all.planted += one.planted;
			all.found += one.found;
			all.alarms += one.alarms;
			all.runs += one.runs;
		}
		print_message("# %u nodes, spread %d %%: recall %.1f %%, false alarms in %.1f %% of runs\n", nodes,
			spread, all.planted > 0 ? 100.0 * all.found / all.planted : 100.0, 100.0 * all.alarms / all.runs);
		if (spread == 1) {
			assert_true(all.found >= 0.99 * all.planted);
			assert_true(all.alarms <= 0.01 * all.runs + 1);
		}
	}
}

/* At most 3 log2(N) rounds, and thousands of nodes in one process. */
static void test_large(void **state)
{
	struct tally one = run_plan(&plans[8], 4096, "0.01", 1);

	(void)state;
	assert_int_equal(one.found, 3);
	assert_int_equal(one.wrong, 0);
	assert_true(one.rounds <= 36);
}

static bool refused(const char *text, const char *why)
{
	struct ct_pretend p;

	assert_int_equal(ct_pretend_parse(text, "f", &p), CT_INVALID);
	if (strstr(ct_why(), why) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", ct_why(), why);
	return true;
}

static void test_bad_files(void **state)
{
	(void)state;
	assert_true(refused("rails 8\n", "f: no line \"nodes N\""));
	assert_true(refused("nodes 1\n", "f:1: \"1\" is no number from 2"));
	assert_true(refused("# x\nnodes 64\nrial 8\n", "f:3: no word \"rial\"; did you mean \"rails\"?"));
	assert_true(refused("nodes 64\nfault nod 3 1.1\n", "did you mean \"node\"?"));
	assert_true(refused("nodes 64\nfault node 64 1.1\n", "a part that is not there"));
	assert_true(refused("nodes 64\nfault node 3\n", "f:2: fault needs a number more"));
	assert_true(refused("nodes 64\nfault node 3 1.1 7\n", "too many values"));
	assert_true(refused("nodes 64\ncv -1\n", "no number from 0 to 1"));
	assert_true(refused("nodes 6.5\n", "no whole number"));
	assert_true(refused("nodes 64\nseed nan\n", "no number"));
}

/* A source that loses messages, or all of them. */
static ct_status silent(void *arg, const struct ct_probe *probes, size_t n, double *ns)
{
	uint32_t *every = arg;

	for (size_t i = 0; i < n; i++)
		ns[i] = *every > 0 && (probes[i].from + i) % *every != 0 ? 1000 : -1;
	return CT_OK;
}

static void test_lost_times(void **state)
{
	uint32_t leaf_of[16] = { 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3 }, every = 3;
	struct ct_fleet fleet = { .nodes = 16, .rails = 2, .leaf_of = leaf_of };
	struct ct_pair_source source = { silent, &every };
	struct ct_isolate_plan plan = { .seed = 1 };
	struct ct_isolation out;

	(void)state;
	assert_int_equal(ct_isolate(&fleet, &plan, &source, &out), CT_OK);
	assert_int_equal(out.n, 0);
	assert_true(out.lost > 0 && out.probes > 0);
	ct_isolation_free(&out);
	every = 0;
	assert_int_equal(ct_isolate(&fleet, &plan, &source, &out), CT_PEER);
	fleet.nodes = 1;
	assert_int_equal(ct_isolate(&fleet, &plan, &source, &out), CT_INVALID);
}

/* One rail, one leaf, an odd number of nodes: nothing to compare with is no reason to fall. */
static void test_small(void **state)
{
	struct ct_isolate_plan plan = { .seed = 3 };
	struct ct_pretend p;
	struct ct_isolation out;

	(void)state;
	for (uint32_t nodes = 2; nodes < 12; nodes++) {
		struct ct_pair_source source;
		struct ct_fleet fleet;
		char text[96];

		snprintf(text, sizeof(text), "nodes %u\nleaf %u\n%s", nodes, nodes % 3 == 0 ? 1 : 64,
			nodes >= 8 ? "fault node 2 1.5" : "");
		assert_int_equal(ct_pretend_parse(text, "made", &p), CT_OK);
		fleet = ct_pretend_fleet(&p);
		source = ct_pretend_source(&p);
		assert_int_equal(ct_isolate(&fleet, &plan, &source, &out), CT_OK);
		assert_int_equal(out.n, nodes >= 8 ? 1 : 0);
		ct_isolation_free(&out);
		ct_pretend_free(&p);
	}
}

/* The normal distribution's table: two-sided 5 % at 1.960, 0.27 % at 3. */
static void test_normal(void **state)
{
	(void)state;
	assert_float_equal(ct_normal_z(0.05), 1.960, 0.0005);
	assert_float_equal(ct_normal_z(0.0027), 3.0, 0.001);
}

/* Rounds are disjoint, within leaves or between them, and reach everybody. */
static void test_rounds(void **state)
{
	uint32_t leaf_of[64], partner[64];
	struct ct_fleet fleet = { .nodes = 64, .rails = 1, .leaf_of = leaf_of };
	struct ct_rng rng = ct_rng_make(5);

	(void)state;
	for (uint32_t i = 0; i < 64; i++)
		leaf_of[i] = i / 16;
	for (int round = 0; round < 20; round++) {
		bool between = round % 2 == 1;

		assert_int_equal(ct_round_make(&fleet, between, &rng, partner), CT_OK);
		for (uint32_t i = 0; i < 64; i++) {
			assert_int_equal(partner[partner[i]], i);
			assert_int_not_equal(partner[i], i);
			assert_int_equal(leaf_of[i] != leaf_of[partner[i]], between);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recall),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_lost_times),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_normal),
		cmocka_unit_test(test_rounds),
	};

	return cmocka_run_group_tests_name("accept_isolate", tests, NULL, NULL);
}
