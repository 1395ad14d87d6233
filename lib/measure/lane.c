/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One candidate at one point: prepare, warm up, batches of samples, the result. Time is what the
 * backend's marks span; nothing here reads a clock.
 *
 * A rank on which something fails keeps taking part in the barriers of the batch, so that all ranks
 * stay in step, and the failure travels with the batch's vector of maxima.
 */
#include <stdio.h>
#include <string.h>

#include "inside.h"

enum { START, END, BATCH_START, BATCH_END }; /* slots of the backend's marks */

enum { OVERHEAD_CALLS = 1000 };

static const uint64_t default_budget_ns = 1000000000, default_max_samples = 100000;

struct ct_stop ct_stop_fill(const struct ct_stop *stop)
{
	struct ct_stop s = *stop;

	if (s.min_samples == 0)
		s.min_samples = 20;
	if (s.max_samples == 0)
		s.max_samples = default_max_samples;
	if (s.max_samples < s.min_samples)
		s.max_samples = s.min_samples;
	if (s.budget_ns == 0)
		s.budget_ns = default_budget_ns;
	if (!(s.precision > 0))
		s.precision = 0.02;
	if (s.warmup == 0)
		s.warmup = 5;
	return s;
}

static void phase(struct ct_lane *lane, const char *part)
{
	char size[32], text[96];
	const struct ct_result *r = &lane->result;

	ct_session_phase(lane->session, "%s %s B, %s, %s", ct_coll_name(r->test.coll),
		ct_size_text(r->bytes, size), ct_candidate_text(&r->candidate, text), part);
}

/* ---- one call ------------------------------------------------------------------------------- */

/* The measured path: nothing but marks and the operation between START and END. */
static ct_status timed_call(struct ct_session *s, const struct ct_coll_lib *lib,
	const struct ct_coll_ops *ops, void *req, uint64_t *ns)
{
	const struct ct_coll_lib run = { ops, lib->self };
	ct_status status = lib->ops->mark(lib->self, START);

	if (status == CT_OK)
		status = ops->start(lib->self, req);
	if (status == CT_OK)
		status = ct_session_wait(s, &run, req, CT_IN_MEASURED);
	if (status == CT_OK)
		status = lib->ops->mark(lib->self, END);
	if (status == CT_OK)
		status = lib->ops->span(lib->self, START, END, ns);
	return status;
}

ct_status ct_lane_call(struct ct_lane *lane, uint64_t *ns)
{
	const struct ct_coll_lib *lib = &lane->lib->lib;
	const struct ct_session *s = lane->session;
	ct_status status = s->late != CT_OK ? ct_fail(s->late, "%s", s->late_why) :
		timed_call(lane->session, lib, lib->ops, lane->req, ns);

	if (status != CT_OK)
		ct_failure_mark(lane->session);
	return status;
}

/* One call on fresh inputs, its result compared; WRONG += elements that differ here. */
static ct_status checked_call(struct ct_lane *lane, uint64_t *ns, uint64_t *wrong)
{
	const struct ct_group *g = ct_session_group(lane->session);
	uint64_t more = 0;
	ct_status status = ct_lane_call(lane, ns);

	if (status == CT_OK)
		status = ct_lane_get(lane);
	if (status == CT_OK)
		status = ct_buffers_check(lane->buffers, &lane->desc, g, lane->plan->seed, &more);
	*wrong += more;
	return status;
}

static ct_status refill(struct ct_lane *lane)
{
	ct_status status = ct_buffers_fill(lane->buffers, &lane->desc, ct_session_group(lane->session),
		lane->plan->seed);

	return status == CT_OK ? ct_lane_put(lane) : status;
}

/* ---- overhead ------------------------------------------------------------------------------- */

static ct_status nothing(void *self, void *req)
{
	(void)self;
	(void)req;
	return CT_OK;
}

ct_status ct_lane_overhead(struct ct_session *session, const struct ct_coll_lib *lib, uint64_t *ns)
{
	static const struct ct_coll_ops idle = { .start = nothing, .test = nothing };
	uint64_t *spans = ct_alloc(OVERHEAD_CALLS, sizeof(*spans));
	ct_status status = spans == NULL ? CT_NOMEM : CT_OK;
	int64_t most = 0;

	for (size_t i = 0; i < OVERHEAD_CALLS && status == CT_OK; i++)
		status = timed_call(session, lib, &idle, NULL, &spans[i]);
	if (status == CT_OK) {
		ct_sort_u64(spans, OVERHEAD_CALLS);
		most = (int64_t)ct_median(spans, OVERHEAD_CALLS);
	}
	ct_free(spans);
	status = ct_session_agree(session, status);
	if (status == CT_OK)
		status = ct_session_max(session, &most, 1);
	if (status == CT_OK)
		*ns = (uint64_t)most;
	return status;
}

/* ---- prepare -------------------------------------------------------------------------------- */

/* The algorithm that DESC will run: the named one, or the collective's first. */
static const struct ct_coll_algo *find_algo(const struct ct_coll_caps *caps,
	const struct ct_coll_desc *desc)
{
	for (size_t i = 0; i < caps->nalgos; i++)
		if (caps->algos[i].coll == desc->coll &&
			(desc->algo == NULL || strcmp(caps->algos[i].name, desc->algo) == 0))
			return &caps->algos[i];
	return NULL;
}

static ct_status prepare_once(struct ct_lane *lane)
{
	const struct ct_coll_lib *lib = &lane->lib->lib;
	void *req = NULL;
	ct_status status = ct_session_agree(lane->session,
		lib->ops->prepare(lib->self, &lane->there, &req));

	if (status == CT_OK) {
		lane->req = req;
		ct_watch(lane->session, CT_IN_MEASURED, lib, req);
	} else if (req != NULL) {
		lib->ops->release(lib->self, req);
	}
	return status;
}

void ct_lane_release(struct ct_lane *lane)
{
	if (lane->req == NULL)
		return;
	ct_watch(lane->session, CT_IN_MEASURED, NULL, NULL);
	lane->lib->lib.ops->release(lane->lib->lib.self, lane->req);
	lane->req = NULL;
}

/* What its capabilities rule out. */
static ct_status check_backend(const struct ct_lane *lane)
{
	const struct ct_coll_caps *caps = lane->lib->caps;
	const char *backend = lane->result.candidate.backend;

	if (!ct_mem_is_host(lane->desc.send_mem) && (caps->foreign >> lane->desc.coll & 1) == 0)
		return ct_fail(CT_UNSUPPORTED, "backend %s takes memory of the host only for %s, not %s",
			backend, ct_coll_name(lane->desc.coll), lane->desc.send_mem->ops->name);
	if (lane->result.test.operations > 1 && !caps->aggregates)
		return ct_fail(CT_UNSUPPORTED, "backend %s has one operation at a time: it puts none into groups, and "
			"begins none before the last is done", backend);
	return CT_OK;
}

ct_status ct_lane_prepare(struct ct_lane *lane)
{
	const struct ct_candidate *c = &lane->result.candidate;
	const struct ct_coll_caps *caps = lane->lib->caps;
	const struct ct_coll_algo *algo;
	uint32_t asked = lane->result.test.window;
	ct_status status;

	phase(lane, "prepare");
	status = check_backend(lane);
	if (status != CT_OK)
		return status;
	lane->desc.algo = c->algo[0] != '\0' ? c->algo : NULL;
	algo = find_algo(caps, &lane->desc);
	for (size_t i = 0; algo != NULL && i < algo->nknobs && i < CT_MAX_KNOBS; i++)
		lane->desc.knob[i] = i < c->nknobs ? c->knob[i] : algo->knobs[i].values[0];
	lane->desc.seed = lane->plan->seed; /* of what refill() writes */
	lane->desc.window = 1;
	if (lane->desc.coll == CT_P2P_ONEWAY || lane->desc.coll == CT_P2P_DUPLEX)
		lane->desc.window = asked > 0 ? asked : CT_WINDOW;
	lane->batch = 1;
	lane->result.inner = lane->desc.window;
	if (lane->desc.coll == CT_P2P_LATENCY)
		lane->result.inner = 2; /* half a round trip is one operation */
	status = ct_session_agree(lane->session, ct_lane_place(lane));
	if (status == CT_OK)
		status = prepare_once(lane);
	if (status == CT_OK)
		status = lane->lib->lib.ops->about(lane->lib->lib.self, lane->req, &lane->result.told);
	return status;
}

/* ---- warm-up -------------------------------------------------------------------------------- */

/* The request again, of OPERATIONS in groups of GROUP. What is verified is one alone: of several in place
 * the next would reduce the last one's result. */
static ct_status aggregate(struct ct_lane *lane, uint32_t operations, uint32_t group)
{
	lane->desc.operations = lane->there.operations = operations;
	lane->desc.group = lane->there.group = group;
	ct_lane_release(lane);
	return prepare_once(lane);
}

/* Makes a sample of latency last long enough to be timed: WINDOW round trips; one of a collective what
 * was asked for. */
static ct_status widen(struct ct_lane *lane, uint64_t best_ns)
{
	const struct ct_test *test = &lane->result.test;
	uint64_t window = (CT_LATENCY_NS + best_ns) / (best_ns > 0 ? best_ns : 1);

	if (test->operations > 1 && lane->desc.coll < CT_P2P_LATENCY) {
		lane->result.inner = test->operations;
		return aggregate(lane, test->operations, test->group);
	}
	if (lane->desc.coll != CT_P2P_LATENCY || window <= 1)
		return CT_OK;
	lane->desc.window = (uint32_t)(window < CT_ROUND_TRIPS ? window : CT_ROUND_TRIPS);
	lane->there.window = lane->desc.window;
	lane->result.inner = 2 * (uint64_t)lane->desc.window;
	ct_lane_release(lane);
	return prepare_once(lane);
}

/* What the ranks tell each other after some calls. */
struct told {
	ct_status mine;
	uint64_t first_ns, best_ns, wrong;
};

static bool poll_interrupt(struct ct_lane *lane)
{
	const struct ct_session_attr *attr = &lane->session->attr;

	if (!lane->interrupted && attr->interrupted != NULL && attr->interrupted(attr->arg) != 0)
		lane->interrupted = true;
	return lane->interrupted;
}

static ct_status interrupted_status(void)
{
	return ct_fail(CT_INTERRUPTED, "interrupted between samples; complete points are kept");
}

ct_status ct_lane_close(struct ct_lane *lane, ct_status mine, int64_t *v, size_t n)
{
	char why[512] = "";
	ct_status status;

	if (mine != CT_OK)
		snprintf(why, sizeof(why), "%s", ct_why());
	v[n] = ct_failure_key(lane->session, mine);
	v[n + 1] = poll_interrupt(lane);
	status = ct_session_max(lane->session, v, n + 2);
	if (status != CT_OK)
		return status;
	if (v[n] != 0)
		return ct_failure_learn(lane->session, v[n], why);
	return v[n + 1] != 0 ? interrupted_status() : CT_OK;
}

/* CALLS calls after a barrier each, the first CHECKED of them verified. */
static ct_status some_calls(struct ct_lane *lane, uint32_t calls, uint32_t checked,
	struct told *told)
{
	told->best_ns = UINT64_MAX;
	for (uint32_t i = 0; i < calls; i++) {
		uint64_t ns = 0;
		ct_status status;

		if (i < checked && told->mine == CT_OK)
			told->mine = refill(lane);
		status = ct_session_barrier(lane->session);
		if (status != CT_OK)
			return status;
		if (told->mine != CT_OK)
			continue;
		told->mine = i < checked ? checked_call(lane, &ns, &told->wrong) : ct_lane_call(lane, &ns);
		if (i == 0)
			told->first_ns = ns;
		told->best_ns = ns < told->best_ns ? ns : told->best_ns;
	}
	return CT_OK;
}

ct_status ct_lane_warm_up(struct ct_lane *lane)
{
	uint32_t calls = lane->stop.warmup, checked = 0;
	struct told told = { CT_OK, 0, 0, 0 };
	int64_t v[4];
	ct_status status;

	if (lane->stop.check != 0)
		checked = calls < CT_CHECKED_CALLS ? calls : CT_CHECKED_CALLS;
	phase(lane, "warm-up");
	status = some_calls(lane, calls, checked, &told);
	if (status != CT_OK)
		return status;
	v[0] = (int64_t)told.first_ns;
	v[1] = told.best_ns == UINT64_MAX ? 0 : (int64_t)told.best_ns;
	status = ct_lane_close(lane, told.mine, v, 2);
	if (status != CT_OK)
		return status;
	lane->result.first_ns = (uint64_t)v[0];
	lane->result.warmup = calls;
	lane->result.checked = checked;
	lane->result.wrong = told.wrong; /* of this rank; summed at the end */
	return widen(lane, (uint64_t)v[1]);
}

/* ---- batches -------------------------------------------------------------------------------- */

/* SIZE samples into SPANS, and how long all of it took by the backend's time. */
static ct_status take_batch(struct ct_lane *lane, uint32_t size, ct_status *mine, int64_t *spans,
	uint64_t *elapsed_ns)
{
	const struct ct_coll_lib *lib = &lane->lib->lib;

	if (*mine == CT_OK)
		*mine = lib->ops->mark(lib->self, BATCH_START);
	if (*mine != CT_OK) /* the others are about to wait for us */
		ct_failure_mark(lane->session);
	for (uint32_t i = 0; i < size; i++) {
		uint64_t ns = 0;
		ct_status status = ct_session_barrier(lane->session);

		if (status != CT_OK)
			return status;
		if (*mine == CT_OK)
			*mine = ct_lane_call(lane, &ns);
		spans[i] = (int64_t)ns;
		poll_interrupt(lane);
	}
	if (*mine == CT_OK)
		*mine = lib->ops->mark(lib->self, BATCH_END);
	if (*mine == CT_OK)
		*mine = lib->ops->span(lib->self, BATCH_START, BATCH_END, elapsed_ns);
	return CT_OK;
}

/* How many samples the next batch takes: twice as many, bounded in number and in time. */
static uint32_t next_batch(const struct ct_lane *lane, uint32_t size, uint64_t elapsed_ns)
{
	uint64_t next = 2 * (uint64_t)size, each = elapsed_ns / size;
	uint64_t left = lane->stop.max_samples - lane->samples.n;

	if (each > 0 && next > CT_BATCH_NS / each)
		next = CT_BATCH_NS / each;
	next = next < CT_BATCH ? next : CT_BATCH;
	next = next < left ? next : left;
	return next > 0 ? (uint32_t)next : 1;
}

/* The stop rule; the same on every rank, since all its inputs are. */
static bool is_done(struct ct_lane *lane)
{
	struct ct_samples *s = &lane->samples;
	bool spent = lane->elapsed_ns >= lane->stop.budget_ns || s->n >= lane->stop.max_samples;

	if (s->n < lane->stop.min_samples || (!spent && s->n < s->next_look))
		return false;
	ct_samples_summarize(s);
	lane->result.precise = ct_summary_precision(&s->summary) <= lane->stop.precision;
	return spent || lane->result.precise;
}

ct_status ct_lane_batch(struct ct_lane *lane, bool *done)
{
	const struct ct_world *w = ct_session_world(lane->session);
	const char *device = lane->lib->caps->net.device;
	uint32_t size = lane->batch;
	struct ct_counters before, after;
	int64_t v[CT_BATCH + 3] = { 0 };
	uint64_t elapsed = 0;
	ct_status mine, status;

	phase(lane, "samples");
	mine = ct_samples_reserve(&lane->samples, size);
	ct_watch(lane->session, CT_IN_MEASURED, &lane->lib->lib, lane->req);
	ct_port_watch_turn(lane->session, lane);
	before = ct_counters_read(device, w->local_rank == 0);
	status = take_batch(lane, size, &mine, v, &elapsed);
	if (status != CT_OK)
		return status;
	after = ct_counters_read(device, w->local_rank == 0);
	ct_counters_add(&lane->counters, &before, &after);
	v[size] = (int64_t)elapsed;
	status = ct_lane_close(lane, mine, v, size + 1);
	if (status != CT_OK)
		return status;
	for (uint32_t i = 0; i < size; i++)
		ct_samples_add(&lane->samples,
			((uint64_t)v[i] + lane->result.inner / 2) / lane->result.inner);
	lane->elapsed_ns += (uint64_t)v[size];
	*done = is_done(lane);
	lane->batch = next_batch(lane, size, (uint64_t)v[size]);
	return CT_OK;
}

/* ---- the result ----------------------------------------------------------------------------- */

static bool is_p2p(ct_coll coll)
{
	return coll == CT_P2P_LATENCY || coll == CT_P2P_ONEWAY || coll == CT_P2P_DUPLEX;
}

static void fill_rates(struct ct_result *r)
{
	double seconds = (double)r->summary.median / 1e9;

	if (r->summary.median == 0)
		return;
	r->algbw_Bps = (double)r->bytes / seconds;
	r->busbw_Bps = r->algbw_Bps * ct_coll_bus_factor(r->test.coll, r->nranks);
	if (is_p2p(r->test.coll))
		r->messages_per_s = (double)r->pairs / seconds;
}

static void fill_result(struct ct_lane *lane)
{
	struct ct_result *r = &lane->result;

	r->summary = lane->samples.summary;
	r->samples_ns = lane->samples.kept;
	r->hist = lane->samples.hist;
	lane->samples.kept = NULL;
	lane->samples.hist = NULL;
	r->overhead_ns = lane->lib->overhead_ns;
	r->oversubscribed = ct_session_world(lane->session)->oversubscribed;
	r->status = CT_OK;
	fill_rates(r);
}

ct_status ct_lane_finish(struct ct_lane *lane)
{
	struct told told = { CT_OK, 0, 0, lane->result.wrong };
	struct ct_coll_about about = { 0 };
	int64_t v[2], sums[1 + CT_NCOUNTERS];
	ct_status status;

	phase(lane, "last check");
	ct_port_watch_turn(lane->session, NULL);
	/* By now the library has run it, and may know more than when it was prepared. */
	if (lane->lib->lib.ops->about(lane->lib->lib.self, lane->req, &about) == CT_OK)
		lane->result.told = about;
	status = lane->desc.operations > 1 ? aggregate(lane, 1, 1) : CT_OK;
	if (status != CT_OK)
		return status;
	ct_watch(lane->session, CT_IN_MEASURED, &lane->lib->lib, lane->req);
	if (lane->stop.check != 0) {
		status = some_calls(lane, 1, 1, &told);
		if (status == CT_OK)
			status = ct_lane_close(lane, told.mine, v, 0);
		if (status != CT_OK)
			return status;
		lane->result.checked++;
	}
	sums[0] = (int64_t)told.wrong;
	ct_counters_row(&lane->counters, sums + 1);
	status = ct_session_sum(lane->session, sums, sizeof(sums) / sizeof(sums[0]));
	if (status != CT_OK)
		return status;
	lane->result.wrong = (uint64_t)sums[0];
	ct_counters_unrow(&lane->result.counters, sums + 1);
	status = ct_port_watch_sum(lane->session, lane);
	if (status != CT_OK)
		return status;
	lane->ports.known = lane->session->ports.any;
	lane->result.ports = lane->ports;
	lane->ports.ends = NULL; /* the result's now */
	fill_result(lane);
	return CT_OK;
}
