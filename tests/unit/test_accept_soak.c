/* SPDX-License-Identifier: BSD-3-Clause */
/* Series of a soak with a known cause: steady, drifting, flapping, slow for ever from some moment on; and
 * figures held against a profile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accept/accept.h"

enum { POINTS = 120 };

/* Steady within 2 % from a fixed seed. */
static void steady(double *ns)
{
	struct ct_rng rng = ct_rng_make(11);

	for (int i = 0; i < POINTS; i++)
		ns[i] = 1e6 * (0.98 + 0.04 * (double)ct_rng_below(&rng, 1000) / 1000);
}

static struct ct_soak_verdict judge(const double *ns, size_t n)
{
	struct ct_soak_verdict v;

	assert_int_equal(ct_soak_judge(ns, n, &v), CT_OK);
	return v;
}

static void test_steady(void **state)
{
	double ns[POINTS];
	struct ct_soak_verdict v;

	(void)state;
	steady(ns);
	v = judge(ns, POINTS);
	assert_false(v.drifts);
	assert_false(v.flapping);
	assert_int_equal(v.slow, 0);
	assert_float_equal(v.drift.ratio, 1, 0.01);
}

/* 10 % over the whole: two thirds of it between the middles of the outer thirds. */
static void test_drift(void **state)
{
	double ns[POINTS];
	struct ct_soak_verdict v;

	(void)state;
	steady(ns);
	for (int i = 0; i < POINTS; i++)
		ns[i] *= 1 + 0.1 * i / POINTS;
	v = judge(ns, POINTS);
	assert_true(v.drifts);
	assert_float_equal(v.drift.ratio, 1.0667, 0.01);
	assert_true(v.drift.low > 1);
	assert_false(v.flapping);
}

static void test_flaps(void **state)
{
	double ns[POINTS];
	struct ct_soak_verdict v;

	(void)state;
	steady(ns);
	for (int at = 20; at < POINTS; at += 30) { /* four times, two points each */
		ns[at] *= 2;
		ns[at + 1] *= 2;
	}
	v = judge(ns, POINTS);
	assert_int_equal(v.slow, 8);
	assert_int_equal(v.flaps, 4);
	assert_true(v.flapping);
	assert_false(v.drifts);
}

/* A step is a drift and no flapping: it does not pass. */
static void test_step(void **state)
{
	double ns[POINTS];
	struct ct_soak_verdict v;

	(void)state;
	steady(ns);
	for (int i = POINTS * 3 / 4; i < POINTS; i++)
		ns[i] *= 2;
	v = judge(ns, POINTS);
	assert_true(v.drifts);
	assert_int_equal(v.flaps, 0);
	assert_int_equal(v.slow, POINTS / 4);
}

static void test_short(void **state)
{
	double ns[POINTS];

	(void)state;
	steady(ns);
	for (size_t n = 0; n < 24; n++) {
		struct ct_soak_verdict v = judge(ns, n);

		assert_false(v.drifts);
		assert_float_equal(v.p, 1, 0);
	}
}

/* ---- profiles ------------------------------------------------------------------------------- */

/* One all-reduce of 1 MiB: 1 ms, bus bandwidth 1.05 GB/s, three rounds that agree. */
static void fill(struct ct_accept_report *r, struct ct_figure *f, double rounds[3])
{
	memset(r, 0, sizeof(*r));
	*f = (struct ct_figure){ .coll = CT_ALLREDUCE, .bytes = 1 << 20, .round_ns = rounds, .rounds = 3,
		.samples = 30, .checked = true, .least_ns = 990000, .most_ns = 1010000, .bus_bytes = 1 << 20,
		.expected = { .known = true, .time_ns = 950000, .busbw_Bps = (1 << 20) * 1e9 / 950000,
			.basis = "link rate" } };
	snprintf(f->candidate.backend, sizeof(f->candidate.backend), "native");
	r->figures = f;
	r->nfigures = 1;
	r->nranks = r->nhosts = 2;
	r->ranks_per_host = r->cpus_per_host = 1;
	snprintf(r->today, sizeof(r->today), "2026-11-22");
}

static void test_profile(void **state)
{
	double rounds[3] = { 1e6, 1e6, 1e6 };
	struct ct_profile_figure want[] = {
		{ .coll = CT_ALLREDUCE, .least_bytes = 1 << 20, .busbw_Bps = 1.1e9, .source = "x" },
		{ .coll = CT_ALLREDUCE, .least_bytes = 1 << 20, .busbw_Bps = 2e9, .source = "x" },
		{ .coll = CT_ALLREDUCE, .least_bytes = 2 << 20, .busbw_Bps = 1e9, .source = "x" },
		{ .coll = CT_ALLREDUCE, .least_nodes = 4, .busbw_Bps = 1e9, .source = "x" },
		{ .coll = CT_ALLREDUCE, .backend = "nccl", .busbw_Bps = 1e9, .source = "x" },
	};
	struct ct_profile profile = { .figures = want, .nfigures = 5 };
	struct ct_accept_report r;
	struct ct_figure f;

	(void)state;
	fill(&r, &f, rounds);
	r.profile = &profile;
	assert_int_equal(ct_accept_judge(&r, NULL, NULL), CT_OK);
	assert_int_equal(r.nagainst, 5);
	assert_int_equal(r.against[0].verdict, CT_PASS);
	assert_float_equal(r.against[0].efficiency, 1.048576 / 1.1, 1e-6);
	assert_int_equal(r.against[1].verdict, CT_FAILED);
	for (int i = 2; i < 5; i++) {
		assert_int_equal(r.against[i].verdict, CT_UNJUDGED);
		assert_int_equal(r.against[i].best, -1);
		assert_true(r.against[i].note[0] != '\0');
	}
	assert_int_equal(r.verdict, CT_FAILED);
	ct_free(r.against);
	ct_findings_free(&r.findings);
}

/* Of a figure that fails: waived, not yet another's, and no more when the day has passed. */
static void test_waivers(void **state)
{
	static const struct {
		const char *part, *until;
		bool waived;
		const char *note;
	} cases[] = {
		{ "allreduce", "2026-11-22", true, "waived until 2026-11-22: a cable" },
		{ "allreduce", "2026-11-21", false, "waiver expired 2026-11-21: a cable" },
		{ "allred", "2026-12-31", false, "" },
		{ "alltoall", "2026-12-31", false, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double rounds[3] = { 4e6, 4e6, 4e6 };
		struct ct_waiver waiver = { .reason = "a cable" };
		struct ct_profile profile = { .waivers = &waiver, .nwaivers = 1 };
		struct ct_accept_report r;
		struct ct_figure f;

		snprintf(waiver.part, sizeof(waiver.part), "%s", cases[i].part);
		snprintf(waiver.until, sizeof(waiver.until), "%s", cases[i].until);
		fill(&r, &f, rounds);
		f.least_ns = f.most_ns = 4000000;
		r.profile = &profile;
		assert_int_equal(ct_accept_judge(&r, NULL, NULL), CT_OK);
		assert_int_equal(f.verdict, CT_FAILED);
		assert_int_equal(f.waived, cases[i].waived);
		assert_string_equal(f.note, cases[i].note);
		assert_int_equal(r.nfail, cases[i].waived ? 0 : 1);
		assert_int_equal(r.nwaived, cases[i].waived ? 1 : 0);
		ct_free(r.against);
		ct_findings_free(&r.findings);
	}
}

/* Two nodes alone: which way is slow can be told, which end cannot. */
static ct_status one_way(void *arg, const struct ct_probe *probes, size_t n, double *ns)
{
	struct ct_rng *rng = arg;

	for (size_t i = 0; i < n; i++)
		ns[i] = (probes[i].from == 1 ? 1500 : 1000) + (double)ct_rng_below(rng, 20);
	return CT_OK;
}

static void test_way(void **state)
{
	static const char *const names[] = { "left", "right" };
	uint32_t leaf_of[2] = { 0, 0 };
	struct ct_fleet fleet = { .nodes = 2, .rails = 1, .leaf_of = leaf_of, .names = names };
	struct ct_rng rng = ct_rng_make(3);
	struct ct_pair_source source = { one_way, &rng };
	struct ct_isolate_plan plan = { .seed = 1 };
	struct ct_isolation out;
	char text[CT_BLAME_TEXT];

	(void)state;
	assert_int_equal(ct_isolate(&fleet, &plan, &source, &out), CT_OK);
	assert_int_equal(out.n, 1);
	assert_int_equal(out.list[0].kind, CT_BLAME_WAY);
	assert_float_equal(out.list[0].factor, 1.5, 0.02);
	ct_blame_text(&fleet, &out.list[0], text);
	assert_non_null(strstr(text, "right to left: 1."));
	assert_non_null(strstr(text, "than the way back"));
	ct_isolation_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_drift),
		cmocka_unit_test(test_flaps),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_profile),
		cmocka_unit_test(test_waivers),
		cmocka_unit_test(test_way),
	};

	return cmocka_run_group_tests_name("accept_soak", tests, NULL, NULL);
}
