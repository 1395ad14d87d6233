/* SPDX-License-Identifier: BSD-3-Clause */
/* ct_measure: a public plan becomes candidates and tests for the one loop. */
#include <string.h>

#include "api.h"

enum { MOST_TESTS = 4096 };

struct ct_plan ct_plan_init(ct_coll coll)
{
	struct ct_plan plan = {
		.size = sizeof(plan), .backends = "native", .min_bytes = 8, .max_bytes = 4 << 20,
		.factor = 4, .min_samples = 20, .budget_ns = 1000000000, .precision = 0.02,
		.seed = 1, .coll = coll, .type = CT_FLOAT, .op = CT_SUM, .check = 1,
	};

	return plan;
}

static ct_status check_plan(const struct ct_job *job, const struct ct_plan *p)
{
	if (p->coll < 0 || p->coll >= CT_NCOLLS)
		return ct_fail(CT_INVALID, "plan: coll is %d", (int)p->coll);
	if (p->type < 0 || p->type >= CT_NTYPES)
		return ct_fail(CT_INVALID, "plan: type is %d", (int)p->type);
	if (p->op < 0 || p->op >= CT_NOPS)
		return ct_fail(CT_INVALID, "plan: op is %d", (int)p->op);
	if (p->root < 0 || (uint32_t)p->root >= job->world.nranks)
		return ct_fail(CT_INVALID, "plan: root is %d of %u ranks", (int)p->root,
			job->world.nranks);
	if (p->min_bytes > p->max_bytes)
		return ct_fail(CT_INVALID, "plan: min_bytes %llu is above max_bytes %llu",
			(unsigned long long)p->min_bytes, (unsigned long long)p->max_bytes);
	if (!(p->factor > 1))
		return ct_fail(CT_INVALID, "plan: factor is %g, must be above 1", p->factor);
	if (p->precision < 0 || p->precision != p->precision)
		return ct_fail(CT_INVALID, "plan: precision is %g", p->precision);
	return CT_OK;
}

/* Sizes from the first to the last, both included. */
static ct_status make_tests(const struct ct_plan *p, const uint32_t *partner,
	struct ct_test *tests, size_t *ntests)
{
	uint64_t bytes = p->coll == CT_BARRIER ? p->max_bytes : p->min_bytes;
	size_t n = 0;

	for (;;) {
		double next = (double)bytes * p->factor;

		if (n == MOST_TESTS)
			return ct_fail(CT_INVALID, "plan: more than %d sizes", (int)MOST_TESTS);
		tests[n++] = (struct ct_test){
			.coll = (ct_coll)p->coll, .type = (ct_type)p->type, .op = (ct_op)p->op,
			.root = (uint32_t)p->root, .bytes = p->coll == CT_BARRIER ? 0 : bytes,
			.in_place = p->in_place != 0, .partner = partner,
		};
		if (bytes >= p->max_bytes)
			break;
		if (!(next < (double)p->max_bytes))
			bytes = p->max_bytes;
		else
			bytes = (uint64_t)next > bytes ? (uint64_t)next : bytes + 1;
	}
	*ntests = n;
	return CT_OK;
}

static ct_status keep_result(void *arg, struct ct_result *result)
{
	struct ct_report *report = arg;

	if (report->n == report->room) {
		size_t room = report->room > 0 ? 2 * report->room : 16;
		struct ct_result *results = ct_realloc(report->results, room, sizeof(*results));

		if (results == NULL)
			return CT_NOMEM;
		report->results = results;
		report->room = room;
	}
	report->results[report->n++] = *result;
	result->samples_ns = NULL;
	result->hist = NULL;
	result->ports.ends = NULL;
	result->ports.nends = 0;
	return CT_OK;
}

/* FNV-1a (Fowler, Noll, Vo) of all that must be the same on every rank. */
static uint64_t hash_bytes(uint64_t h, const void *data, size_t bytes)
{
	const unsigned char *c = data;

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ c[i]) * 0x100000001b3u;
	return h;
}

static ct_status same_plans(struct ct_job *job, const struct ct_plan *plan)
{
	struct ct_plan p = *plan;
	uint64_t h = 0xcbf29ce484222325u;
	int64_t bounds[2];
	ct_status status;

	p.backends = NULL;
	h = hash_bytes(h, &p, sizeof(p));
	h = hash_bytes(h, plan->backends, strlen(plan->backends));
	h = hash_bytes(h, job->net, strlen(job->net)) >> 1;
	bounds[0] = (int64_t)h;
	bounds[1] = -(int64_t)h;
	status = ct_session_max(job->session, bounds, 2);
	if (status == CT_OK && bounds[0] != -bounds[1])
		status = ct_fail(CT_INVALID, "ct_measure: the ranks have different plans");
	return status;
}

/* What one measurement needs, and its parts that are freed at its end. */
struct work {
	struct ct_test *tests;
	uint32_t *partner;
	struct ct_candidate *candidates;
	struct ct_report *report;
};

static ct_status make_ready(struct ct_job *job, const struct ct_plan *plan, struct work *w,
	size_t *ntests)
{
	w->tests = ct_alloc(MOST_TESTS, sizeof(*w->tests));
	w->partner = w->tests == NULL ? NULL : ct_alloc(job->world.nranks, sizeof(*w->partner));
	w->report = w->partner == NULL ? NULL : ct_alloc(1, sizeof(*w->report));
	if (w->report == NULL)
		return CT_NOMEM;
	for (uint32_t i = 0; i < job->world.nranks; i++) /* neighbours; an odd last one is idle */
		w->partner[i] = (i ^ 1) < job->world.nranks ? (i ^ 1) : i;
	return make_tests(plan, w->partner, w->tests, ntests);
}

/* Results of candidates that could not do it are left out; if all are, that is the answer. */
static ct_status leave_out(struct ct_report *report)
{
	size_t n = 0;
	ct_status status = CT_OK;

	for (size_t i = 0; i < report->n; i++) {
		if (report->results[i].status == CT_OK)
			report->results[n++] = report->results[i];
		else
			status = ct_fail(report->results[i].status, "%s", report->results[i].why);
	}
	report->n = n;
	return n > 0 ? CT_OK : status;
}

static ct_status measure(struct ct_job *job, const struct ct_plan *plan, struct work *w)
{
	struct ct_measure_plan m = { .on_result = keep_result, .seed = plan->seed };
	ct_status status = ct_session_agree(job->session, make_ready(job, plan, w, &m.ntests));

	if (status == CT_OK)
		status = ct_candidates_parse(job->session, plan->backends,
			strcmp(job->net, "auto") == 0 ? NULL : job->net, NULL, (ct_coll)plan->coll,
			&w->candidates, &m.ncandidates);
	if (status != CT_OK)
		return status;
	m.candidates = w->candidates;
	m.tests = w->tests;
	m.stop.min_samples = plan->min_samples;
	m.stop.budget_ns = plan->budget_ns;
	m.stop.precision = plan->precision;
	m.stop.check = plan->check != 0;
	m.arg = w->report;
	status = ct_measure_run(job->session, &m);
	if (status == CT_OK)
		status = leave_out(w->report);
	return status;
}

ct_status ct_measure(ct_job *job, const struct ct_plan *plan, ct_report **report)
{
	struct ct_plan p = ct_plan_init(CT_ALLREDUCE);
	struct work w = { NULL, NULL, NULL, NULL };
	ct_status status = CT_OK;

	if (job == NULL)
		return ct_fail(CT_INVALID, "ct_measure: no job");
	if (plan == NULL || report == NULL)
		status = ct_fail(CT_INVALID, "ct_measure: no plan, or no place for the report");
	if (status == CT_OK)
		status = ct_take_struct(&p, sizeof(p), plan, sizeof(p), "struct ct_plan");
	if (status == CT_OK && p.backends == NULL)
		p.backends = "native";
	if (status == CT_OK)
		status = check_plan(job, &p);
	status = ct_session_agree(job->session, status);
	if (status == CT_OK)
		status = same_plans(job, &p);
	if (status == CT_OK)
		status = measure(job, &p, &w);
	ct_free(w.tests);
	ct_free(w.partner);
	ct_free(w.candidates);
	if (status == CT_OK)
		*report = w.report;
	else
		ct_report_free(w.report);
	return status;
}
