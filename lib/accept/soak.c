/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage soak: the same two measurements again and again for as long as was asked. What gets slower with time
 * drifts; what falls back again and again and recovers flaps. Both are told from noise by the series itself.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run.h"

enum { SERIES_MOST = 4096, POINT_NS = 100000000, THIRD_LEAST = 8, FLAPS = 3 };
static const double slow_from = 1.3, drift_from = 1.05, drift_p = 0.01;

/* ---- judging, pure -------------------------------------------------------------------------- */

static double median(const double *v, size_t n, double *scratch)
{
	memcpy(scratch, v, n * sizeof(*v));
	for (size_t i = 1; i < n; i++) { /* at most 4096 values, mostly in order */
		double x = scratch[i];
		size_t k = i;

		for (; k > 0 && scratch[k - 1] > x; k--)
			scratch[k] = scratch[k - 1];
		scratch[k] = x;
	}
	return n % 2 == 1 ? scratch[n / 2] : (scratch[n / 2 - 1] + scratch[n / 2]) / 2;
}

ct_status ct_soak_judge(const double *ns, size_t n, struct ct_soak_verdict *out)
{
	double *scratch = ct_alloc(n, sizeof(*scratch)), usual;
	size_t third = n / 3;
	bool slow = false;

	*out = (struct ct_soak_verdict){ .drift = { 1, 0, INFINITY }, .p = 1 };
	if (scratch == NULL)
		return CT_NOMEM;
	usual = n > 0 ? median(ns, n, scratch) : 0;
	for (size_t i = 0; i < n; i++) {
		bool now = ns[i] > usual * slow_from;

		out->slow += now;
		out->flaps += now && !slow && i > 0;
		slow = now;
	}
	/* slow for ever, from some moment on, is no flapping */
	if (slow && out->flaps > 0)
		out->flaps--;
	if (third >= THIRD_LEAST) {
		out->drift = ct_ratio_interval(ns + n - third, third, ns, third, 0.95);
		out->p = ct_mann_whitney(ns + n - third, third, ns, third).p;
	}
	out->drifts = out->p < drift_p && out->drift.ratio > drift_from && out->drift.low > 1;
	out->flapping = out->flaps >= FLAPS;
	ct_free(scratch);
	return CT_OK;
}

/* ---- measuring ------------------------------------------------------------------------------ */

/* Called for each result of this stage. Once the series is full every second point goes. */
void ct_soak_keep(struct ct_accept *run, const struct ct_result *result)
{
	struct ct_soak *s = &run->report->soak;
	int row = result->test.coll == CT_ALLREDUCE ? 0 : 1;
	bool another = s->n == 0 || result->round != s->last;

	if (result->status != CT_OK || result->summary.n == 0 || s->at_s == NULL)
		return;
	s->last = result->round;
	if (another && s->n == SERIES_MOST) {
		for (size_t i = 0; i < SERIES_MOST / 2; i++) {
			s->at_s[i] = s->at_s[2 * i];
			s->ns[0][i] = s->ns[0][2 * i];
			s->ns[1][i] = s->ns[1][2 * i];
		}
		s->n = SERIES_MOST / 2;
	}
	if (another) {
		s->at_s[s->n] = (double)(ct_now_ns() - run->start_ns) / 1e9;
		s->ns[0][s->n] = s->ns[1][s->n] = (double)result->summary.median;
		s->n++;
	} else {
		s->ns[row][s->n - 1] = (double)result->summary.median;
	}
}

static ct_status reserve(struct ct_accept *run, uint32_t *partner)
{
	struct ct_soak *s = &run->report->soak;

	s->at_s = ct_alloc(SERIES_MOST, sizeof(double));
	s->ns[0] = ct_alloc(SERIES_MOST, sizeof(double));
	s->ns[1] = ct_alloc(SERIES_MOST, sizeof(double));
	for (uint32_t i = 0; partner != NULL && i < run->world->nranks; i++) {
		uint32_t half = run->world->nranks / 2;

		partner[i] = i < half ? i + half : i < 2 * half ? i - half : i;
	}
	return s->at_s != NULL && s->ns[0] != NULL && s->ns[1] != NULL && partner != NULL ? CT_OK : CT_NOMEM;
}

static ct_status go_on(struct ct_accept *run, const uint32_t *partner)
{
	uint64_t bytes = run->plan.max_bytes < CT_RATE_BYTES ? run->plan.max_bytes : CT_RATE_BYTES, from, now;
	struct ct_test tests[2] = {
		{ .coll = CT_ALLREDUCE, .type = CT_FLOAT, .op = CT_SUM, .bytes = bytes },
		{ .coll = CT_P2P_ONEWAY, .type = CT_FLOAT, .op = CT_SUM, .bytes = bytes, .partner = partner } };
	struct ct_batch batch = { .candidates = &run->entrant[0].candidate, .ncandidates = 1, .tests = tests,
		.ntests = 2, .pairs = run->world->nranks / 2, .scope = CT_SCOPE_SOAK, .point_ns = POINT_NS };
	uint64_t told = 0;
	ct_status s = ct_accept_elapsed(run, &from);

	now = from;
	while (s == CT_OK && now < from + run->plan.soak_ns) {
		ct_session_phase(run->session, "accept: soak, %.0f s of %.0f s", (double)(now - from) / 1e9,
			(double)run->plan.soak_ns / 1e9);
		batch.round = CT_ROUND_SOAK + run->report->soak.rounds++;
		s = ct_accept_measure(run, &batch);
		if (s == CT_OK)
			s = ct_accept_elapsed(run, &now);
		if (now - from >= told + run->plan.soak_ns / 20) {
			told = now - from;
			ct_accept_line(run, "soak: %.0f s of %.0f s, %u rounds", (double)told / 1e9,
				(double)run->plan.soak_ns / 1e9, run->report->soak.rounds);
		}
	}
	return s;
}

ct_status ct_accept_soak(struct ct_accept *run)
{
	uint32_t *partner;
	ct_status s;

	if (run->plan.soak_ns == 0 || run->world->nranks < 2 || run->nentrants == 0) {
		snprintf(run->report->skipped[CT_STAGE_SOAK], sizeof(run->report->skipped[0]), "%s",
			run->plan.soak_ns == 0 ? "no --soak TIME" : "one rank alone has no peer");
		return CT_OK;
	}
	partner = ct_alloc(run->world->nranks, sizeof(*partner));
	s = ct_session_agree(run->session, reserve(run, partner));
	if (s == CT_OK)
		s = go_on(run, partner);
	ct_free(partner);
	return s;
}
