/* SPDX-License-Identifier: BSD-3-Clause */
/* The public functions, through libcolltune.so and colltune.h alone. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api_ranks.h"

static struct ct_plan brief(ct_coll coll)
{
	struct ct_plan plan = ct_plan_init(coll);

	plan.max_bytes = 512;
	plan.min_samples = 6;
	plan.budget_ns = 1000000;
	return plan;
}

/* Number of the first check that fails, 0 = none: ranks cannot use cmocka's assertions. */
static int check_report(const ct_report *report, size_t points)
{
	struct ct_point p = { .size = sizeof(p) };
	uint64_t last = 0;

	if (ct_report_count(report) != points)
		return 10;
	for (size_t i = 0; i < points; i++) {
		if (ct_report_point(report, i, &p) != CT_OK)
			return 11;
		if (p.wrong != 0 || p.samples < 6 || p.median_ns == 0)
			return 12;
		if (p.low_ns > p.median_ns || p.median_ns > p.high_ns || p.min_ns > p.low_ns ||
			p.p99_ns > p.max_ns)
			return 13;
		if (p.bytes <= last || strcmp(p.backend, "native") != 0 ||
			strcmp(p.algo, "default") != 0)
			return 14;
		last = p.bytes;
	}
	return ct_report_point(report, points, &p) == CT_INVALID ? 0 : 15;
}

static int measure_main(const struct ct_boot *boot)
{
	struct ct_job_attr attr = ct_job_attr_init(boot);
	struct ct_plan plan = brief(CT_ALLREDUCE);
	ct_job *job = NULL;
	ct_report *report = NULL;
	int bad = 1;

	if (ct_job_open(&attr, &job) != CT_OK || ct_measure(job, &plan, &report) != CT_OK)
		goto out;
	bad = check_report(report, 4); /* 8, 32, 128, 512 */
out:
	if (bad != 0)
		fprintf(stderr, "rank %u: check %d: %s\n", boot != NULL ? boot->rank : 0, bad,
			ct_why());
	ct_report_free(report);
	ct_job_close(job);
	return bad;
}

static void one_rank(void **state)
{
	(void)state;
	assert_int_equal(measure_main(NULL), 0);
}

static void threads(void **state)
{
	(void)state;
	assert_int_equal(thread_ranks(1, measure_main), 0);
	assert_int_equal(thread_ranks(2, measure_main), 0);
	assert_int_equal(thread_ranks(3, measure_main), 0);
}

static void processes(void **state)
{
	pid_t pids[MOST_RANKS];

	(void)state;
	fork_ranks(4, measure_main, pids);
	for (uint32_t r = 0; r < 4; r++)
		assert_int_equal(exit_of(pids[r]), 0);
}

static int each_main(const struct ct_boot *boot)
{
	struct ct_job_attr attr = ct_job_attr_init(boot);
	ct_job *job = NULL;
	int bad = 0;

	attr.net = "tcp";
	if (ct_job_open(&attr, &job) != CT_OK)
		return 1;
	for (int coll = 0; coll < CT_NCOLLS && bad == 0; coll++) {
		struct ct_plan plan = brief((ct_coll)coll);
		ct_report *report = NULL;

		plan.min_bytes = 64;
		plan.factor = 8;
		if (ct_measure(job, &plan, &report) != CT_OK)
			bad = 20 + coll;
		else if (ct_report_count(report) != (coll == CT_BARRIER ? 1 : 2))
			bad = 40 + coll;
		ct_report_free(report);
	}
	if (bad != 0)
		fprintf(stderr, "check %d: %s\n", bad, ct_why());
	ct_job_close(job);
	return bad;
}

static void every_operation(void **state)
{
	(void)state;
	assert_int_equal(thread_ranks(3, each_main), 0);
}

/* Ranks with different plans are told, and the job lives on. */
static int plans_main(const struct ct_boot *boot)
{
	struct ct_job_attr attr = ct_job_attr_init(boot);
	struct ct_plan plan = brief(CT_ALLREDUCE);
	ct_job *job = NULL;
	ct_report *report = NULL;
	int bad = 0;

	if (ct_job_open(&attr, &job) != CT_OK)
		return 1;
	plan.max_bytes += boot->rank;
	if (ct_measure(job, &plan, &report) != CT_INVALID || report != NULL)
		bad = 2;
	plan = brief(CT_ALLREDUCE);
	plan.root = boot->rank == 1 ? 77 : 0; /* wrong on one rank only */
	if (bad == 0 && (ct_measure(job, &plan, &report) != CT_INVALID || report != NULL))
		bad = 3;
	plan.root = 0;
	plan.check = 0;
	if (bad == 0 && ct_measure(job, &plan, &report) != CT_OK)
		bad = 4;
	if (bad == 0) {
		struct ct_point p = { .size = sizeof(p) };

		bad = ct_report_point(report, 0, &p) == CT_OK && p.wrong == UINT64_MAX ? 0 : 5;
	}
	ct_report_free(report);
	ct_job_close(job);
	return bad;
}

static void different_plans(void **state)
{
	(void)state;
	assert_int_equal(thread_ranks(3, plans_main), 0);
}

static void refuse(ct_job *job, const struct ct_plan *plan, ct_status status, const char *hint)
{
	ct_report *report = NULL;

	assert_int_equal(ct_measure(job, plan, &report), status);
	assert_null(report);
	if (strstr(ct_why(), hint) == NULL)
		fail_msg("%s: no %s", ct_why(), hint);
}

static void bad_plans(void **state)
{
	struct ct_job_attr attr = ct_job_attr_init(NULL);
	struct ct_plan good = brief(CT_ALLREDUCE), p;
	ct_job *job = NULL;

	(void)state;
	assert_int_equal(ct_job_open(&attr, &job), CT_OK);
	refuse(job, NULL, CT_INVALID, "no plan");
	p = good, p.size = 0;
	refuse(job, &p, CT_INVALID, "size");
	p = good, p.coll = CT_NCOLLS;
	refuse(job, &p, CT_INVALID, "coll");
	p = good, p.type = -1;
	refuse(job, &p, CT_INVALID, "type");
	p = good, p.op = 9;
	refuse(job, &p, CT_INVALID, "op");
	p = good, p.root = 1;
	refuse(job, &p, CT_INVALID, "root");
	p = good, p.min_bytes = 1024;
	refuse(job, &p, CT_INVALID, "min_bytes");
	p = good, p.factor = 1;
	refuse(job, &p, CT_INVALID, "factor");
	p = good, p.factor = 0.0 / 0.0;
	refuse(job, &p, CT_INVALID, "factor");
	p = good, p.max_bytes = UINT64_MAX, p.factor = 1.0000001;
	refuse(job, &p, CT_INVALID, "sizes");
	p = good, p.backends = "nativ";
	refuse(job, &p, CT_INVALID, "native");
	assert_int_equal(ct_measure(NULL, &good, NULL), CT_INVALID);
	assert_int_equal(ct_report_count(NULL), 0);
	ct_job_close(job);
	ct_job_close(NULL);
	ct_report_free(NULL);
}

static void bad_attributes(void **state)
{
	struct ct_job_attr attr = ct_job_attr_init(NULL);
	struct ct_boot boot = { sizeof(boot), 3, 2, star_allgather, NULL };
	ct_job *job = NULL;

	(void)state;
	attr.net = "carrier pigeon";
	assert_int_equal(ct_job_open(&attr, &job), CT_INVALID);
	attr = ct_job_attr_init(&boot);
	assert_int_equal(ct_job_open(&attr, &job), CT_INVALID);
	attr = ct_job_attr_init(NULL);
	attr.size = 4;
	assert_int_equal(ct_job_open(&attr, &job), CT_INVALID);
	assert_null(job);
	assert_int_equal(ct_job_open(&attr, NULL), CT_INVALID);
}

/* A program built for a newer library: what it leaves 0 is fine, what it sets is refused. */
static void newer_caller(void **state)
{
	struct {
		struct ct_plan plan;
		uint64_t more[2];
	} newer = { brief(CT_ALLREDUCE), { 0, 0 } };
	struct {
		struct ct_point point;
		uint64_t more[2];
	} point = { { .size = sizeof(point) }, { 7, 7 } };
	ct_job *job = NULL;
	ct_report *report = NULL;

	(void)state;
	newer.plan.size = sizeof(newer);
	assert_int_equal(ct_job_open(NULL, &job), CT_OK);
	assert_int_equal(ct_measure(job, &newer.plan, &report), CT_OK);
	assert_int_equal(ct_report_point(report, 0, &point.point), CT_OK);
	assert_int_equal(point.more[0] + point.more[1], 0);
	assert_int_equal(point.point.size, sizeof(point));
	newer.more[1] = 1;
	refuse(job, &newer.plan, CT_UNSUPPORTED, "newer");
	ct_report_free(report);
	ct_job_close(job);
}

/* A program built for an older one has a shorter point: nothing beyond it is touched. */
static void older_caller(void **state)
{
	struct ct_point point;
	struct ct_plan plan = brief(CT_ALLREDUCE);
	size_t older = offsetof(struct ct_point, p95_ns);
	ct_job *job = NULL;
	ct_report *report = NULL;

	(void)state;
	assert_int_equal(ct_job_open(NULL, &job), CT_OK);
	assert_int_equal(ct_measure(job, &plan, &report), CT_OK);
	memset(&point, 0x5a, sizeof(point));
	point.size = older;
	assert_int_equal(ct_report_point(report, 0, &point), CT_OK);
	assert_int_equal(point.size, older);
	assert_int_equal(point.bytes, 8);
	assert_int_equal(point.p95_ns, 0x5a5a5a5a5a5a5a5a);
	ct_report_free(report);
	ct_job_close(job);
}

static int once_then(void *arg)
{
	return ++*(int *)arg > 3;
}

static void interrupted(void **state)
{
	struct ct_job_attr attr = ct_job_attr_init(NULL);
	struct ct_plan plan = brief(CT_ALLREDUCE);
	ct_job *job = NULL;
	ct_report *report = NULL;
	int polls = 0;

	(void)state;
	attr.interrupted = once_then;
	attr.arg = &polls;
	assert_int_equal(ct_job_open(&attr, &job), CT_OK);
	assert_int_equal(ct_measure(job, &plan, &report), CT_INTERRUPTED);
	assert_null(report);
	ct_job_close(job);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(one_rank), cmocka_unit_test(threads), cmocka_unit_test(processes),
		cmocka_unit_test(every_operation), cmocka_unit_test(different_plans),
		cmocka_unit_test(bad_plans), cmocka_unit_test(bad_attributes),
		cmocka_unit_test(newer_caller), cmocka_unit_test(older_caller),
		cmocka_unit_test(interrupted),
	};

	return cmocka_run_group_tests_name("api_job", all, NULL, NULL);
}
