/* SPDX-License-Identifier: BSD-3-Clause */
/* Rounds, tests and turns: which candidate gets the next batch. */
#include <stdio.h>
#include <string.h>

#include "inside.h"

struct run {
	struct ct_session *session;
	const struct ct_measure_plan *plan;
	struct ct_stop stop;
	struct ct_run_lib *libs; /* of this round; at most one per candidate */
	size_t nlibs;
	struct ct_lane *lanes;   /* one per candidate */
	int64_t *skip;           /* one per candidate */
	uint32_t *order;
	struct ct_buffers *buffers; /* of this test; at most one per candidate */
	bool said;                  /* what memory they got instead */
};

/* ---- libraries of a round ------------------------------------------------------------------- */

static struct ct_run_lib *find_lib(struct run *run, const struct ct_candidate *c)
{
	for (size_t i = 0; i < run->nlibs; i++)
		if (strcmp(run->libs[i].backend, c->backend) == 0 &&
			strcmp(run->libs[i].net, c->net) == 0)
			return &run->libs[i];
	return NULL;
}

ct_status ct_run_lib_open(struct ct_session *session, struct ct_run_lib *lib)
{
	const struct ct_session_attr *attr = &session->attr;
	struct ct_coll_env env = {
		.world = attr->world, .group = &session->group,
		.net = lib->net[0] != '\0' ? lib->net : "auto",
		.settings = attr->coll_settings, .net_settings = attr->net_settings,
		.net_wrap = attr->net_wrap,
		.record = attr->record, .replay = attr->replay,
		.open_by = ct_session_open_by(session),
	};
	struct ct_coll_lib opened = { 0 };
	ct_status status;

	ct_session_phase(session, "opening %s%s%s", lib->backend,
		lib->net[0] != '\0' ? "/" : "", lib->net);
	status = ct_session_agree(session,
		ct_coll_open(lib->backend, attr->modules, &env, &opened));
	if (status == CT_OK) {
		lib->lib = opened;
		lib->caps = opened.ops->query(opened.self);
		status = ct_lane_overhead(session, &lib->lib, &lib->overhead_ns);
		if (status != CT_OK)
			ct_coll_close(&lib->lib);
	} else if (opened.ops != NULL) {
		ct_coll_close(&opened);
	}
	if (status == CT_UNSUPPORTED) {
		lib->status = status;
		ct_text_clean(lib->why, sizeof(lib->why), ct_why());
		status = CT_OK;
	}
	return status;
}

static ct_status open_libs(struct run *run)
{
	for (size_t i = 0; i < run->plan->ncandidates; i++) {
		const struct ct_candidate *c = &run->plan->candidates[i];
		struct ct_run_lib *lib = find_lib(run, c);
		ct_status status;

		if (lib != NULL)
			continue;
		lib = &run->libs[run->nlibs];
		*lib = (struct ct_run_lib){ .status = CT_OK };
		snprintf(lib->backend, sizeof(lib->backend), "%s", c->backend);
		snprintf(lib->net, sizeof(lib->net), "%s", c->net);
		status = ct_run_lib_open(run->session, lib);
		if (status != CT_OK)
			return status;
		run->nlibs++;
	}
	return CT_OK;
}

static void close_libs(struct run *run)
{
	while (run->nlibs > 0) {
		struct ct_run_lib *lib = &run->libs[--run->nlibs];

		if (lib->status == CT_OK)
			ct_coll_close(&lib->lib);
	}
}

/* ---- one test ------------------------------------------------------------------------------- */

static uint32_t count_pairs(const struct ct_test *test, uint32_t nranks)
{
	const uint32_t *p = test->partner;
	uint32_t pairs = 0;

	/* a hub has several partners, and names one of them */
	for (uint32_t i = 0; p != NULL && i < nranks; i++)
		pairs += p[i] != i && (p[p[i]] != i || i < p[i]);
	return pairs;
}

/* What differs from what was asked for is told once. */
static void say_memory(struct run *run, const struct ct_buffers *b)
{
	if (run->said || b->memory[0].note[0] == '\0')
		return;
	run->said = true;
	if (ct_session_world(run->session)->local_rank == 0)
		ct_log(CT_LOG_WARN, CT_AREA_MEASURE, "memory %s: %s", b->kind->name, b->memory[0].note);
}

/* The buffers of candidate I: those of an earlier one with the same memory, or new ones. */
static ct_status give_buffers(struct run *run, size_t i, const struct ct_coll_desc *desc)
{
	const struct ct_candidate *c = run->plan->candidates;
	struct ct_lane *lane = &run->lanes[i];
	ct_status status = CT_OK;
	size_t k = 0;

	while (strcmp(c[k].memory, c[i].memory) != 0)
		k++;
	if (k == i)
		status = ct_buffers_make(&run->buffers[i], c[i].memory, run->session, desc);
	if (status != CT_OK)
		return status;
	say_memory(run, &run->buffers[k]);
	lane->buffers = &run->buffers[k];
	lane->desc = *desc;
	ct_buffers_use(lane->buffers, &lane->desc);
	return ct_port_watch_begin(run->session, lane);
}

static ct_status describe(const struct run *run, const struct ct_test *test,
	struct ct_coll_desc *desc)
{
	uint32_t n = ct_session_group(run->session)->nranks;

	if (ct_type_bytes(test->type) == 0 || (unsigned)test->coll >= CT_NCOLLS ||
		(unsigned)test->op >= CT_NOPS)
		return ct_fail(CT_INVALID, "no such operation, type or reduction: %d, %d, %d",
			(int)test->coll, (int)test->type, (int)test->op);
	if (test->root >= n)
		return ct_fail(CT_INVALID, "root %u of %u ranks", test->root, n);
	*desc = (struct ct_coll_desc){
		.coll = test->coll, .type = test->type, .op = test->op, .root = test->root,
		.count = ct_coll_count(test->coll, n, test->bytes, test->type),
		.in_place = test->in_place, .partner = test->partner,
	};
	return CT_OK;
}

/* Which candidates have this point already: one rank that knows suffices. */
static ct_status ask_done(struct run *run, uint32_t round, const struct ct_test *test)
{
	const struct ct_measure_plan *plan = run->plan;

	for (size_t i = 0; i < plan->ncandidates; i++)
		run->skip[i] = plan->done != NULL &&
			plan->done(plan->arg, round, &plan->candidates[i], test);
	return ct_session_max(run->session, run->skip, plan->ncandidates);
}

static void begin_lane(struct run *run, struct ct_lane *lane, size_t i, uint32_t round)
{
	const struct ct_candidate *c = &run->plan->candidates[i];

	*lane = (struct ct_lane){
		.session = run->session, .plan = run->plan, .stop = run->stop,
		.lib = find_lib(run, c), .active = run->skip[i] == 0,
	};
	lane->result.candidate = *c;
	lane->result.round = round;
	lane->result.verdict = CT_UNJUDGED;
	ct_text_clean(lane->result.why, sizeof(lane->result.why), lane->lib->why);
	if (lane->lib->status == CT_OK) {
		lane->result.net = lane->lib->caps->net;
		ct_text_clean(lane->result.path, sizeof(lane->result.path),
			lane->lib->caps->net.path);
		ct_text_clean(lane->result.library, sizeof(lane->result.library),
			lane->lib->caps->library);
	}
}

/* Hands a result out on every rank and forgets what the callee left in it. */
static ct_status deliver(struct run *run, struct ct_lane *lane)
{
	const struct ct_measure_plan *plan = run->plan;
	ct_status status = CT_OK;

	ct_lane_release(lane);
	ct_lane_unplace(lane);
	ct_samples_free(&lane->samples);
	ct_free(lane->port_counts);
	lane->port_counts = NULL;
	lane->active = false;
	if (plan->on_result != NULL)
		status = plan->on_result(plan->arg, &lane->result);
	ct_result_clear(&lane->result);
	return ct_session_agree(run->session, status);
}

/* Prepares LANE and warms it up; one that cannot do this leaves a result that says so. */
static ct_status start_lane(struct run *run, struct ct_lane *lane, const struct ct_test *test)
{
	const struct ct_world *w = ct_session_world(run->session);
	const struct ct_group *g = ct_session_group(run->session);
	struct ct_result *r = &lane->result;
	ct_status status = lane->lib->status;

	r->test = *test;
	r->test.partner = NULL;
	r->nranks = g->nranks;
	r->pairs = count_pairs(test, g->nranks);
	r->count = lane->desc.count;
	r->bytes = ct_coll_bytes(test->coll, g->nranks, r->count, test->type);
	if (status == CT_OK) {
		status = ct_lane_prepare(lane);
		if (status == CT_UNSUPPORTED)
			ct_text_clean(r->why, sizeof(r->why), ct_why());
	}
	if (status == CT_OK)
		return ct_lane_warm_up(lane);
	if (status != CT_UNSUPPORTED)
		return status;
	r->status = status;
	r->oversubscribed = w->oversubscribed;
	return deliver(run, lane);
}

/* Batches in turns, each turn in a new order, until every lane is done. */
static ct_status take_turns(struct run *run, struct ct_rng *rng)
{
	size_t n = run->plan->ncandidates, active = n;

	while (active > 0) {
		active = 0;
		ct_rng_shuffle(rng, run->order, n);
		for (size_t i = 0; i < n; i++) {
			struct ct_lane *lane = &run->lanes[run->order[i]];
			bool done = false;
			ct_status status;

			if (!lane->active)
				continue;
			status = ct_lane_batch(lane, &done);
			if (status == CT_OK && done) {
				status = ct_lane_finish(lane);
				if (status == CT_OK)
					status = deliver(run, lane);
			}
			if (status != CT_OK)
				return status;
			active += lane->active;
		}
	}
	return CT_OK;
}

static ct_status run_test(struct run *run, uint32_t round, size_t t)
{
	const struct ct_test *test = &run->plan->tests[t];
	struct ct_rng rng = ct_rng_make(ct_rng_hash(run->plan->seed,
		round * (uint64_t)run->plan->ntests + t));
	struct ct_coll_desc desc;
	ct_status status;

	ct_session_phase(run->session, "%s of %llu B, buffers", ct_coll_name(test->coll),
		(unsigned long long)test->bytes);
	status = ask_done(run, round, test);
	if (status != CT_OK)
		return status;
	for (size_t i = 0; i < run->plan->ncandidates; i++)
		begin_lane(run, &run->lanes[i], i, round);
	status = describe(run, test, &desc);
	for (size_t i = 0; i < run->plan->ncandidates && status == CT_OK; i++)
		status = give_buffers(run, i, &desc);
	status = ct_session_agree(run->session, status);
	for (size_t i = 0; i < run->plan->ncandidates && status == CT_OK; i++)
		if (run->lanes[i].active)
			status = start_lane(run, &run->lanes[i], test);
	if (status == CT_OK)
		status = take_turns(run, &rng);
	ct_port_watch_forget(run->session);
	for (size_t i = 0; i < run->plan->ncandidates; i++) {
		ct_lane_release(&run->lanes[i]);
		ct_lane_unplace(&run->lanes[i]);
		ct_samples_free(&run->lanes[i].samples);
		ct_free(run->lanes[i].port_counts);
		run->lanes[i].port_counts = NULL;
		ct_result_clear(&run->lanes[i].result);
		ct_buffers_free(&run->buffers[i]);
	}
	return status;
}

static ct_status run_rounds(struct run *run)
{
	uint32_t rounds = run->plan->rounds > 0 ? run->plan->rounds : 1;
	ct_status status = CT_OK;

	for (uint32_t round = 0; round < rounds && status == CT_OK; round++) {
		status = open_libs(run);
		for (size_t t = 0; t < run->plan->ntests && status == CT_OK; t++)
			status = run_test(run, round, t);
		close_libs(run);
	}
	return status;
}

ct_status ct_measure_run(struct ct_session *session, const struct ct_measure_plan *plan)
{
	size_t n = plan->ncandidates;
	struct run run = { .session = session, .plan = plan, .stop = ct_stop_fill(&plan->stop) };
	ct_status status;

	ct_session_phase(session, "making ready to measure");
	run.libs = ct_alloc(n, sizeof(*run.libs));
	run.lanes = run.libs == NULL ? NULL : ct_alloc(n, sizeof(*run.lanes));
	run.skip = run.lanes == NULL ? NULL : ct_alloc(n, sizeof(*run.skip));
	run.order = run.skip == NULL ? NULL : ct_alloc(n, sizeof(*run.order));
	run.buffers = run.order == NULL ? NULL : ct_alloc(n, sizeof(*run.buffers));
	status = ct_session_agree(session, run.buffers == NULL ? CT_NOMEM : CT_OK);
	if (status == CT_OK)
		status = run_rounds(&run);
	ct_session_idle(session);
	ct_free(run.buffers);
	ct_free(run.order);
	ct_free(run.skip);
	ct_free(run.lanes);
	ct_free(run.libs);
	return status;
}
