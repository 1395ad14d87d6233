/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "run.h"

enum { MOST_BYTES = 4 << 20, LEAST_SAMPLES = 8, MOST_SAMPLES = 2000, WARM_UP = 2 };
#define BUDGET_NS UINT64_C(60000000000)

/* By name: "environment", …; ends with NULL for the nearest name. */
#define NAME(id, text) text,
static const char *const stage_names[] = { CT_STAGE_LIST(NAME) NULL };
#undef NAME

const char *ct_stage_name(enum ct_stage stage)
{
	return (unsigned int)stage < CT_NSTAGES ? stage_names[stage] : "?";
}

ct_status ct_stages_parse(const char *text, uint32_t *mask)
{
	uint32_t found = 0;

	while (*text != '\0') {
		size_t length = strcspn(text, ",");
		char word[32], hint[256];
		int stage = 0;

		snprintf(word, sizeof(word), "%.*s",
			 (int)(length < sizeof(word) ? length : sizeof(word) - 1), text);
		while (stage < CT_NSTAGES && strcmp(word, stage_names[stage]) != 0)
			stage++;
		if (stage == CT_NSTAGES)
			return ct_fail(CT_INVALID, "unknown stage \"%s\"%s", word,
				       ct_name_hint(word, stage_names, hint));
		found |= 1u << stage;
		text += length + (text[length] == ',');
	}
	if (found == 0)
		return ct_fail(CT_INVALID,
			       "no stage named; known: environment, map, internal, pairs, rails, "
			       "collectives, ladder, congestion, soak");
	*mask = found;
	return CT_OK;
}

void ct_accept_line(struct ct_accept *run, const char *format, ...)
{
	char line[256];
	va_list args;

	if (run->world->rank != 0 || run->plan.on_line == NULL)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	run->plan.on_line(run->plan.arg, line);
}

ct_status ct_accept_elapsed(struct ct_accept *run, uint64_t *ns)
{
	int64_t value = (int64_t)(ct_now_ns() - run->start_ns);
	ct_status s = ct_session_max(run->session, &value, 1);

	*ns = (uint64_t)value;
	return s;
}

/* ---- figures ------------------------------------------------------------------------------ */

struct ct_figure *ct_figure_of(struct ct_accept_report *report, const struct ct_result *result,
			       uint32_t a, uint32_t b, const char *scope)
{
	struct ct_figure *f;

	for (size_t i = 0; i < report->nfigures; i++) {
		f = &report->figures[i];
		if (f->coll == result->test.coll && f->bytes == result->test.bytes && f->a == a &&
		    f->b == b && strcmp(f->scope, scope) == 0 && ct_candidate_same(&f->candidate, &result->candidate))
			return f;
	}
	if (report->nfigures == report->figures_room) {
		size_t room = report->figures_room * 2 + 32;
		struct ct_figure *list = ct_realloc(report->figures, room, sizeof(*list));

		if (list == NULL)
			return NULL;
		report->figures = list;
		report->figures_room = room;
	}
	f = &report->figures[report->nfigures++];
	*f = (struct ct_figure){ .coll = result->test.coll,
				 .bytes = result->test.bytes,
				 .a = a,
				 .b = b,
				 .candidate = result->candidate,
				 .pairs = result->pairs };
	snprintf(f->scope, sizeof(f->scope), "%s", scope);
	return f;
}

ct_status ct_figure_add(struct ct_figure *f, const struct ct_result *result)
{
	const struct ct_summary *sum = &result->summary;

	if (result->status != CT_OK) {
		f->cannot = true;
		snprintf(f->why, sizeof(f->why), "%.150s", result->why);
		return CT_OK;
	}
	if (sum->n == 0)
		return CT_OK;
	if (f->rounds == f->room) {
		uint32_t room = f->room * 2 + 8;
		double *rounds = ct_realloc(f->round_ns, room, sizeof(*rounds));

		if (rounds == NULL)
			return CT_NOMEM;
		f->round_ns = rounds;
		f->room = room;
	}
	if (f->rounds == 0 || sum->low < f->least_ns)
		f->least_ns = sum->low;
	if (sum->high > f->most_ns)
		f->most_ns = sum->high;
	f->round_ns[f->rounds++] = (double)sum->median;
	f->samples += sum->n;
	f->wrong += result->wrong;
	f->forced += result->counters.forced_switches;
	f->checked = f->checked || result->checked > 0;
	f->bus_bytes = result->busbw_Bps * (double)sum->median / 1e9;
	f->expected = result->expected;
	return CT_OK;
}

/* ---- one measurement ---------------------------------------------------------------------- */

static const struct ct_net_caps *caps_of(const struct ct_accept *run, const struct ct_candidate *c)
{
	for (size_t i = 0; i < run->nentrants; i++)
		if (strcmp(run->entrant[i].candidate.backend, c->backend) == 0 &&
		    strcmp(run->entrant[i].candidate.net, c->net) == 0)
			return &run->entrant[i].net;
	return NULL;
}

/* A verdict of this round alone, for its record; the report's comes from all rounds. */
static void judge_round(struct ct_accept *run, struct ct_result *r)
{
	struct ct_figure f = { .coll = r->test.coll,
			       .bytes = r->test.bytes,
			       .expected = r->expected };
	double e = (double)r->expected.time_ns;

	if (r->status != CT_OK)
		return;
	if (r->wrong > 0)
		r->verdict = CT_FAILED;
	else if (r->expected.known && r->summary.low > 0)
		r->verdict = ct_judge(e / (double)r->summary.median, e / (double)r->summary.high,
				      e / (double)r->summary.low, ct_bands_of(&run->plan.bands, &f),
				      r->oversubscribed);
}

static bool makes_figures(const char *scope)
{
	return strcmp(scope, CT_SCOPE_LADDER) != 0 && strcmp(scope, CT_SCOPE_SOAK) != 0;
}

static ct_status keep(struct ct_accept *run, struct ct_result *result)
{
	struct ct_figure *f;

	if (strcmp(run->scope, CT_SCOPE_LADDER) == 0)
		ct_climb_keep(run, result);
	else if (strcmp(run->scope, CT_SCOPE_SOAK) == 0)
		ct_soak_keep(run, result);
	if (!makes_figures(run->scope))
		return CT_OK;
	f = ct_figure_of(run->report, result, run->a, run->b, run->scope);
	return f == NULL ? CT_NOMEM : ct_figure_add(f, result);
}

static ct_status absorb(void *arg, struct ct_result *result)
{
	struct ct_accept *run = arg;
	const struct ct_net_caps *caps = caps_of(run, &result->candidate);
	ct_status s;

	result->round = run->round;
	if (run->pairs > 0 && result->test.coll >= CT_P2P_LATENCY)
		result->pairs = run->pairs;
	/* between hosts a link is expected, within them there is none */
	if (caps != NULL && (run->world->nhosts == 1 || strcmp(run->scope, "within hosts") != 0))
		ct_result_expect(result, run->world, caps, &run->report->floors);
	judge_round(run, result);
	s = keep(run, result);
	if (s != CT_OK || run->plan.on_result == NULL)
		return s;
	return run->plan.on_result(run->plan.arg, result);
}

/* What an earlier run has measured counts as measured. */
static bool stored(void *arg, uint32_t round, const struct ct_candidate *c, const struct ct_test *t)
{
	struct ct_accept *run = arg;
	const struct ct_result *old;
	struct ct_result copy;

	(void)round; /* of this one call: always the first */
	if (run->plan.stored == NULL)
		return false;
	old = run->plan.stored(run->plan.arg, run->round, c, t);
	if (old == NULL)
		return false;
	copy = *old;
	copy.candidate = *c;
	copy.test = *t;
	if (keep(run, &copy) != CT_OK)
		run->absorbed = CT_NOMEM;
	return true;
}

ct_status ct_accept_measure(struct ct_accept *run, const struct ct_batch *batch)
{
	struct ct_measure_plan plan = {
		.candidates = batch->candidates,
		.ncandidates = batch->ncandidates,
		.tests = batch->tests,
		.ntests = batch->ntests,
		.rounds = 1,
		.stop = { .min_samples = LEAST_SAMPLES,
			  .max_samples = MOST_SAMPLES,
			  .budget_ns = batch->point_ns,
			  .precision = 0.02,
			  .warmup = WARM_UP,
			  .check = 1 },
		.seed = ct_rng_hash(run->plan.seed, batch->round),
		.done = stored,
		.on_result = absorb,
		.arg = run,
	};
	ct_status s;

	/* In the order of the plan, not in that in which the shuffled batches end. */
	run->scope = batch->scope != NULL ? batch->scope : "";
	for (size_t t = 0; t < batch->ntests && makes_figures(run->scope); t++) {
		for (size_t c = 0; c < batch->ncandidates; c++) {
			struct ct_result r = { .test = batch->tests[t],
					       .candidate = batch->candidates[c],
					       .pairs = batch->pairs };

			if (ct_figure_of(run->report, &r, batch->a, batch->b, run->scope) == NULL)
				run->absorbed = CT_NOMEM;
		}
	}
	s = ct_session_agree(run->session, run->absorbed);
	if (s != CT_OK)
		return s;
	run->round = batch->round;
	run->pairs = batch->pairs;
	run->a = batch->a;
	run->b = batch->b;
	s = ct_measure_run(run->session, &plan);
	return s != CT_OK ? s : run->absorbed;
}

/* ---- all stages --------------------------------------------------------------------------- */

static void fill_plan(struct ct_accept_plan *plan)
{
	if (plan->budget_ns == 0)
		plan->budget_ns = BUDGET_NS;
	if (plan->max_bytes == 0)
		plan->max_bytes = MOST_BYTES;
	if (plan->rounds == 0)
		plan->rounds = CT_LEAST_ROUNDS;
	if (plan->stages == 0)
		plan->stages = (1u << CT_NSTAGES) - 1;
	if (plan->profile != NULL && !(plan->bands.rate.pass > 0))
		plan->bands.rate = plan->profile->rate;
	if (plan->profile != NULL && !(plan->bands.link.pass > 0))
		plan->bands.link = plan->profile->link;
	if (plan->profile != NULL && !(plan->bands.latency.pass > 0))
		plan->bands.latency = plan->profile->latency;
	plan->bands = ct_bands_fill(&plan->bands);
}

/* A copy that differs between ranks would end in ranks that wait for each other. */
static struct ct_accept_report *new_report(const struct ct_accept *run)
{
	struct ct_accept_report *r = ct_alloc(1, sizeof(*r));
	const struct ct_world *w = run->world;

	if (r == NULL)
		return NULL;
	r->nranks = w->nranks;
	r->nhosts = w->nhosts;
	r->oversubscribed = w->oversubscribed;
	r->budget_ns = run->plan.budget_ns;
	r->seed = run->plan.seed;
	r->bands = run->plan.bands;
	r->profile = run->plan.profile;
	snprintf(r->today, sizeof(r->today), "%s", run->plan.today);
	r->verdict = CT_UNJUDGED;
	for (uint32_t i = 0; i < w->nhosts; i++) {
		const struct ct_host *h = &w->hosts[i];

		if (r->ranks_per_host != 0 &&
		    (uint64_t)h->ranks * r->cpus_per_host <= (uint64_t)r->ranks_per_host * h->cpus)
			continue;
		r->ranks_per_host = h->ranks;
		r->cpus_per_host = h->cpus;
	}
	return r;
}

/* Percent of the budget for what comes behind the collectives, which take what is left. */
uint64_t ct_accept_until(const struct ct_accept *run, enum ct_stage stage)
{
	static const uint32_t percent[CT_NSTAGES] = { [CT_STAGE_LADDER] = 10, [CT_STAGE_CONGESTION] = 5 };
	uint32_t behind = 0;

	for (uint32_t i = (uint32_t)stage + 1; i < CT_NSTAGES; i++)
		if (run->plan.stages & 1u << i)
			behind += percent[i];
	return run->plan.budget_ns / 100 * (100 - behind);
}

static ct_status run_stages(struct ct_accept *run)
{
	static ct_status (*const stage[CT_NSTAGES])(struct ct_accept *) = {
		ct_accept_environment, ct_accept_map, ct_accept_internal, ct_accept_pairs,
		ct_accept_rails, ct_accept_collectives, ct_accept_ladder, ct_accept_congestion,
		ct_accept_soak
	};
	ct_status s = CT_OK;
	uint64_t began;

	for (int i = 0; i < CT_NSTAGES && s == CT_OK; i++) {
		/* The environment is always looked at: the candidates come from there. */
		if (i != CT_STAGE_ENVIRONMENT && !(run->plan.stages & 1u << i)) {
			snprintf(run->report->skipped[i], sizeof(run->report->skipped[i]),
				 "not asked for");
			continue;
		}
		ct_session_phase(run->session, "accept: %s", stage_names[i]);
		began = ct_now_ns();
		if (run->plan.on_stage != NULL)
			s = ct_session_agree(run->session, run->plan.on_stage(run->plan.arg, (enum ct_stage)i));
		if (s == CT_OK)
			s = stage[i](run);
		run->report->stage_ns[i] = ct_now_ns() - began;
		if (s == CT_OK && run->report->skipped[i][0] == '\0')
			run->report->stages |= 1u << i;
	}
	return s;
}

ct_status ct_accept_run(struct ct_session *session, const struct ct_accept_plan *plan,
			struct ct_accept_report **report)
{
	struct ct_accept *run = ct_alloc(1, sizeof(*run));
	const struct ct_facts *facts = NULL;
	ct_status s;

	*report = NULL;
	if (run != NULL) {
		run->session = session;
		run->world = ct_session_world(session);
		run->plan = *plan;
		run->scope = "";
		fill_plan(&run->plan);
		run->start_ns = ct_now_ns();
		run->report = new_report(run);
	}
	s = ct_session_agree(session, run != NULL && run->report != NULL ? CT_OK : CT_NOMEM);
	if (s != CT_OK)
		goto out;
	s = run_stages(run);
	run->report->interrupted = s != CT_OK;
	run->report->elapsed_ns = ct_now_ns() - run->start_ns;
	if (s != CT_OK && s != CT_INTERRUPTED && s != CT_TIMEOUT)
		goto out;
	if (plan->machine != NULL)
		facts = ct_machine_facts(plan->machine);
	if (ct_accept_judge(run->report, run->world, facts) != CT_OK)
		goto out;
	*report = run->report;
	run->report = NULL;
out:
	if (run != NULL) {
		ct_accept_free(run->report);
		for (size_t i = 0; i < run->nrails; i++)
			ct_rails_free(&run->rails[i]);
		ct_free(run->rails);
	}
	ct_free(run);
	return s;
}

void ct_accept_free(struct ct_accept_report *report)
{
	if (report == NULL)
		return;
	for (size_t i = 0; i < report->nfigures; i++)
		ct_free(report->figures[i].round_ns);
	for (size_t i = 0; i < report->nmap; i++)
		ct_free(report->map[i]);
	ct_isolation_free(&report->isolation);
	ct_free((void *)report->fleet.leaf_of);
	ct_free((void *)report->fleet.names);
	ct_free((void *)report->fleet.leaf_names);
	ct_free(report->node_names);
	ct_free(report->matrix);
	ct_free(report->against);
	ct_free(report->soak.at_s);
	ct_free(report->soak.ns[0]);
	ct_free(report->soak.ns[1]);
	ct_free(report->map);
	ct_free(report->figures);
	ct_free(report->env);
	ct_free(report->differences);
	ct_findings_free(&report->findings);
	ct_findings_free(&report->rails);
	ct_free(report);
}
