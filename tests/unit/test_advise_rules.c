/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "advise/advise.h"

static struct ct_host host = { .name = "node1", .ranks = 2, .cpus = 4 };
static struct ct_world world = { .nranks = 2, .nhosts = 1, .hosts = &host };

static void know_text(struct ct_facts *f, enum ct_setting_id id, const char *text)
{
	f->setting[id].known = true;
	snprintf(f->setting[id].text, sizeof(f->setting[id].text), "%s", text);
}

static void know(struct ct_facts *f, enum ct_setting_id id, uint64_t number)
{
	f->setting[id].known = true;
	f->setting[id].number = number;
}

static const struct ct_finding *found(const struct ct_findings *f, const char *id)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->list[i].rule->id, id) == 0)
			return &f->list[i];
	return NULL;
}

/* Everything as it should be: one note, and it says so. */
static void defaults_are_best(void **state)
{
	struct ct_facts facts = { .numa_nodes = 2, .nrdma = 1 };
	struct ct_advise_in in = { .world = &world, .facts = &facts, .net = "tcp", .device = "lo" };
	struct ct_findings f = { 0 };

	(void)state;
	know_text(&facts, CT_SET_GOVERNOR, "performance");
	know_text(&facts, CT_SET_THP, "madvise");
	know(&facts, CT_SET_MEMLOCK, CT_UNLIMITED);
	know(&facts, CT_SET_NUMA_BALANCING, 0);
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	assert_int_equal(f.n, 1);
	assert_string_equal(f.list[0].rule->id, "defaults");
	assert_non_null(strstr(f.list[0].seen, "defaults are best"));
	ct_findings_free(&f);
}

static void host_settings(void **state)
{
	struct ct_facts facts = { .numa_nodes = 2, .nrdma = 1 };
	struct ct_advise_in in = { .world = &world, .facts = &facts };
	struct ct_findings f = { 0 };

	(void)state;
	know_text(&facts, CT_SET_GOVERNOR, "powersave");
	know_text(&facts, CT_SET_THP, "never");
	know(&facts, CT_SET_MEMLOCK, 65536);
	know(&facts, CT_SET_NUMA_BALANCING, 1);
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	assert_int_equal(f.n, 4);
	assert_string_equal(found(&f, "cpu-governor")->undo,
			    "as root: cpupower frequency-set -g powersave");
	assert_non_null(found(&f, "huge-pages"));
	assert_string_equal(found(&f, "locked-memory")->seen,
			    "locked memory is limited to 64K with 1 RDMA ports here");
	assert_int_equal(found(&f, "locked-memory")->severity, CT_SEVERITY_WARNING);
	assert_non_null(found(&f, "numa-balancing"));
	ct_findings_free(&f);
	/* without RDMA and with one node the same limits are no matter */
	facts.nrdma = 0;
	facts.numa_nodes = 1;
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	assert_null(found(&f, "locked-memory"));
	assert_null(found(&f, "numa-balancing"));
	ct_findings_free(&f);
	/* not readable is said, and is no advice */
	facts.setting[CT_SET_GOVERNOR] = (struct ct_setting){ .text = "/sys/x: no such file" };
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	assert_int_equal(found(&f, "cpu-governor")->severity, CT_SEVERITY_NOTE);
	assert_string_equal(found(&f, "cpu-governor")->set, "");
	ct_findings_free(&f);
}

static void binding(void **state)
{
	struct ct_host crowded = { .name = "node2", .ranks = 4, .cpus = 2 };
	struct ct_world over = {
		.nranks = 4, .nhosts = 1, .hosts = &crowded, .oversubscribed = true
	};
	struct ct_advise_in in = { .world = &world, .unbound_ranks = 2 };
	struct ct_findings f = { 0 };

	(void)state;
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	assert_int_equal(found(&f, "rank-binding")->severity, CT_SEVERITY_ADVICE);
	ct_findings_free(&f);
	in.unbound_ranks = 0;
	in.shared_ranks = 2;
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	assert_int_equal(found(&f, "rank-binding")->severity, CT_SEVERITY_WARNING);
	ct_findings_free(&f);
	in.world = &over;
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	assert_null(found(&f, "rank-binding"));
	assert_string_equal(found(&f, "oversubscription")->seen,
			    "node2: 4 ranks on 2 usable processors (1 of 1 hosts are so)");
	ct_findings_free(&f);
}

static void interface(void **state)
{
	struct ct_nic nics[] = {
		{ .name = "eth0", .state = "up", .speed_Mbps = 1000 },
		{ .name = "eth1", .state = "up", .speed_Mbps = 10000 },
		{ .name = "eth2", .state = "down", .speed_Mbps = 100000 },
		{ .name = "bond0", .state = "up", .speed_Mbps = CT_UNKNOWN, .is_virtual = true },
		{ .name = "lo",
		  .state = "unknown",
		  .speed_Mbps = CT_UNKNOWN,
		  .loopback = true,
		  .is_virtual = true },
	};
	static const struct {
		const char *device;
		bool advised;
	} rows[] = { { "eth0", true },
		     { "eth1", false },
		     { "bond0", true },
		     { "lo", false },
		     { "none", false } };
	struct ct_facts facts = { .nics = nics, .nnics = 5 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ct_advise_in in = { .facts = &facts,
					   .net = "tcp",
					   .device = rows[i].device };
		struct ct_findings f = { 0 };

		assert_int_equal(ct_advise(&in, &f), CT_OK);
		assert_int_equal(found(&f, "net-interface") != NULL, rows[i].advised);
		if (i == 0) {
			assert_string_equal(
				found(&f, "net-interface")->seen,
				"tcp ran over eth0 (1000 Mb/s) while eth1 (10000 Mb/s) is up");
			assert_string_equal(found(&f, "net-interface")->expected,
					    "up to 10.0 times the rate");
		}
		ct_findings_free(&f);
	}
}

enum { ROUNDS = 10, SIZES = 4 };

/* Two candidates at four sizes: B is twice as fast at the first two, within 1 % at the third, and
 * twice as slow at the last. */
static void fill(struct ct_series s[2 * SIZES], double ns[2 * SIZES][ROUNDS])
{
	static const double speed[SIZES] = { 2, 2, 1.01, 0.5 };

	for (int i = 0; i < SIZES; i++) {
		for (int c = 0; c < 2; c++) {
			struct ct_series *x = &s[2 * i + c];

			*x = (struct ct_series){ .coll = CT_ALLREDUCE,
						 .bytes = (uint64_t)8 << 4 * i,
						 .round_ns = ns[2 * i + c],
						 .rounds = ROUNDS };
			snprintf(x->candidate.backend, sizeof(x->candidate.backend),
				 c == 0 ? "native" : "mpi");
			for (int r = 0; r < ROUNDS; r++)
				ns[2 * i + c][r] = 1000 * (1 + 0.002 * r) / (c == 0 ? 1 : speed[i]);
		}
	}
}

static void backends(void **state)
{
	double ns[2 * SIZES][ROUNDS];
	struct ct_series s[2 * SIZES];
	struct ct_advise_in in = { .series = s, .nseries = 2 * SIZES };
	struct ct_findings f = { 0 };
	const struct ct_finding *b;

	(void)state;
	fill(s, ns);
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	b = found(&f, "backend-choice");
	assert_non_null(b);
	assert_true(b->measured);
	assert_int_equal(b->low_bytes, 8);
	assert_int_equal(b->high_bytes, 128);
	assert_true(b->gain.ratio > 1.9 && b->gain.ratio < 2.1);
	assert_true(b->gain.low > 1.9 && b->gain.high < 2.1);
	/* exact U test, 10 against 10 without overlap: 2 / C(20, 10) = 1.08e-5, times 4 by Holm */
	assert_true(b->p > 4.3e-5 && b->p < 4.4e-5);
	assert_true(b->effect > 0.999);
	assert_non_null(strstr(
		found(&f, "defaults")->seen,
		"of 4 comparisons 2 faster, 1 slower, 1 no different within 5 %, 0 not resolved"));
	ct_findings_free(&f);
	/* wrong data is never advised, however fast */
	s[1].wrong = s[3].wrong = 1;
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	assert_null(found(&f, "backend-choice"));
	assert_non_null(strstr(found(&f, "defaults")->seen, "defaults are best"));
	ct_findings_free(&f);
	/* fewer than 8 rounds claim nothing */
	s[1].wrong = s[3].wrong = 0;
	for (int i = 0; i < 2 * SIZES; i++)
		s[i].rounds = 7;
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	assert_null(found(&f, "backend-choice"));
	assert_non_null(
		strstr(found(&f, "defaults")->seen, "4 inconclusive (fewer than 8 rounds)"));
	assert_null(strstr(found(&f, "defaults")->seen, "defaults are best"));
	ct_findings_free(&f);
}

static void algorithms(void **state)
{
	double ns[2 * SIZES][ROUNDS];
	struct ct_series s[2 * SIZES];
	struct ct_advise_in in = { .series = s, .nseries = 2 * SIZES };
	struct ct_findings f = { 0 };

	(void)state;
	fill(s, ns);
	for (int i = 1; i < 2 * SIZES; i += 2) {
		s[i].candidate = s[0].candidate;
		snprintf(s[i].candidate.algo, sizeof(s[i].candidate.algo), "recursive_doubling");
	}
	assert_int_equal(ct_advise(&in, &f), CT_OK);
	assert_null(found(&f, "backend-choice"));
	assert_int_equal(found(&f, "algorithm-choice")->high_bytes, 128);
	assert_non_null(strstr(found(&f, "algorithm-choice")->set, "recursive_doubling"));
	ct_findings_free(&f);
}

static void comparing(void **state)
{
	(void)state;
	assert_int_equal(ct_compare(7, 8, 0, (struct ct_ratio){ 2, 2, 2 }), CT_COMPARE_FEW);
	assert_int_equal(ct_compare(8, 8, 0.01, (struct ct_ratio){ 2, 1.5, 2.5 }),
			 CT_COMPARE_FASTER);
	assert_int_equal(ct_compare(8, 8, 0.01, (struct ct_ratio){ 0.5, 0.4, 0.6 }),
			 CT_COMPARE_SLOWER);
	assert_int_equal(ct_compare(8, 8, 0.06, (struct ct_ratio){ 2, 1.5, 2.5 }),
			 CT_COMPARE_UNRESOLVED);
	assert_int_equal(ct_compare(8, 8, 0.9, (struct ct_ratio){ 1, 0.9, 1.1 }),
			 CT_COMPARE_UNRESOLVED);
	assert_int_equal(ct_compare(8, 8, 0.9, (struct ct_ratio){ 1, 0.96, 1.04 }),
			 CT_COMPARE_SAME);
	assert_int_equal(ct_compare(8, 8, 0.001, (struct ct_ratio){ 1.03, 1.02, 1.04 }),
			 CT_COMPARE_SAME);
}

static void table(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct ct_advice_rule *r = ct_advice_rules(); r->id != NULL; r++, n++) {
		assert_true(r->looks_at[0] != '\0' && r->why[0] != '\0' && r->source[0] != '\0');
		assert_non_null(r->check);
	}
	assert_true(n >= 10);
	assert_string_equal(ct_severity_name(CT_SEVERITY_WARNING), "warning");
}

/* Each allocation fails in turn: CT_NOMEM, nothing leaked (the sanitizer looks). */
static void no_memory(void **state)
{
	double ns[2 * SIZES][ROUNDS];
	struct ct_series s[2 * SIZES];
	struct ct_advise_in in = {
		.world = &world, .unbound_ranks = 1, .series = s, .nseries = 2 * SIZES
	};
	ct_status status = CT_NOMEM;

	(void)state;
	fill(s, ns);
	for (uint64_t nth = 1; status != CT_OK && nth < 100; nth++) {
		struct ct_findings f = { 0 };

		ct_alloc_fail_nth(nth);
		status = ct_advise(&in, &f);
		ct_findings_free(&f);
		/* the tests' own memory may fail too: then p = 1, and no error */
		assert_true(status == CT_OK || status == CT_NOMEM);
		if (status == CT_OK && nth < 5)
			status = CT_NOMEM;
	}
	ct_alloc_fail_nth(0);
	assert_int_equal(status, CT_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_best), cmocka_unit_test(host_settings),
		cmocka_unit_test(binding),	     cmocka_unit_test(interface),
		cmocka_unit_test(backends),	     cmocka_unit_test(algorithms),
		cmocka_unit_test(comparing),	     cmocka_unit_test(table),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests_name("advise rules", tests, NULL, NULL);
}
