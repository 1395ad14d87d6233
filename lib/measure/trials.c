/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A few samples of many candidates: libraries are opened once, requests stay prepared as long as the
 * test stays, and a whole take ends with one exchange between the ranks. For who searches, whose time
 * is counted; what is published is measured by the loop.
 */
#include <stdio.h>
#include <string.h>

#include "inside.h"

enum { PATTERN = 0x3c }; /* a small normal number in every floating-point type */

struct ct_trials {
	struct ct_session *session;
	struct ct_measure_plan plan; /* seed only: lanes look there */
	struct ct_run_lib *libs;
	size_t nlibs;
	struct ct_lane *lanes; /* one per candidate */
	size_t nlanes, room;
	struct ct_test test; /* of the prepared requests */
	bool begun;
	struct ct_coll_desc desc;
	void *memory[2];
	size_t bytes[2];
	struct ct_rng rng;
};

void ct_trials_close(struct ct_trials *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->nlanes; i++) {
		ct_lane_release(&t->lanes[i]);
		ct_lane_unplace(&t->lanes[i]);
	}
	while (t->nlibs > 0)
		if (t->libs[--t->nlibs].status == CT_OK)
			ct_coll_close(&t->libs[t->nlibs].lib);
	ct_free(t->memory[0]);
	ct_free(t->memory[1]);
	ct_free(t->lanes);
	ct_free(t->libs);
	ct_free(t);
}

ct_status ct_trials_open(struct ct_session *session, const struct ct_candidate *bases, size_t n,
	uint64_t seed, struct ct_trials **trials)
{
	struct ct_trials *t = ct_alloc(1, sizeof(*t));
	ct_status status;

	if (t != NULL)
		t->libs = ct_alloc(n, sizeof(*t->libs));
	status = ct_session_agree(session, t == NULL || t->libs == NULL ? CT_NOMEM : CT_OK);
	for (size_t i = 0; i < n && status == CT_OK; i++) {
		struct ct_run_lib *lib = &t->libs[i];

		t->session = session;
		snprintf(lib->backend, sizeof(lib->backend), "%s", bases[i].backend);
		snprintf(lib->net, sizeof(lib->net), "%s", bases[i].net);
		status = ct_run_lib_open(session, lib);
		t->nlibs += status == CT_OK;
	}
	ct_session_idle(session);
	if (status != CT_OK) {
		ct_trials_close(t);
		return status;
	}
	t->plan.seed = seed;
	t->rng = ct_rng_make(ct_rng_hash(seed, 0x747269616c));
	*trials = t;
	return CT_OK;
}

const struct ct_coll_caps *ct_trials_caps(const struct ct_trials *t, size_t i, const char **why)
{
	if (i >= t->nlibs)
		return NULL;
	if (why != NULL)
		*why = t->libs[i].why;
	return t->libs[i].status == CT_OK ? t->libs[i].caps : NULL;
}

ct_status ct_trials_add(struct ct_trials *t, const struct ct_candidate *c, uint32_t *index)
{
	struct ct_run_lib *lib = NULL;

	for (size_t i = 0; i < t->nlibs && lib == NULL; i++)
		if (strcmp(t->libs[i].backend, c->backend) == 0 && strcmp(t->libs[i].net, c->net) == 0)
			lib = &t->libs[i];
	if (lib == NULL || lib->status != CT_OK)
		return ct_fail(CT_NOTFOUND, "%s is none of the opened backends", c->backend);
	if (t->nlanes == t->room) {
		size_t room = t->room > 0 ? 2 * t->room : 64;
		struct ct_lane *lanes = ct_realloc(t->lanes, room, sizeof(*lanes));

		if (lanes == NULL)
			return CT_NOMEM;
		t->lanes = lanes;
		t->room = room;
	}
	t->lanes[t->nlanes] = (struct ct_lane){ .session = t->session, .plan = &t->plan, .lib = lib };
	t->lanes[t->nlanes].result.candidate = *c;
	*index = (uint32_t)t->nlanes++;
	return CT_OK;
}

const struct ct_candidate *ct_trials_candidate(const struct ct_trials *t, uint32_t index)
{
	return &t->lanes[index].result.candidate;
}

const char *ct_trials_why(const struct ct_trials *t, uint32_t index)
{
	return t->lanes[index].result.why;
}

/* ---- buffers -------------------------------------------------------------------------------- */

/* Room for BYTES in buffer I, all of it written once: pages that nobody has written are one and the
 * same page of zeros, and too fast. */
static ct_status reserve(struct ct_trials *t, int i, size_t bytes)
{
	if (bytes <= t->bytes[i] && t->memory[i] != NULL)
		return CT_OK;
	ct_free(t->memory[i]);
	t->bytes[i] = 0;
	t->memory[i] = ct_alloc_pages(bytes);
	if (t->memory[i] == NULL)
		return CT_NOMEM;
	memset(t->memory[i], PATTERN, bytes);
	t->bytes[i] = bytes;
	return CT_OK;
}

void ct_trials_forget(struct ct_trials *t)
{
	for (size_t i = 0; i < t->nlanes; i++) {
		ct_lane_release(&t->lanes[i]);
		t->lanes[i].result.status = CT_OK;
		t->lanes[i].result.why[0] = '\0';
	}
	t->begun = false;
}

/* What is prepared belongs to another test: away with it, and the new one's descriptor. */
static ct_status change_test(struct ct_trials *t, const struct ct_test *test)
{
	const struct ct_world *w = ct_session_world(t->session);
	uint64_t count = ct_coll_count(test->coll, w->nranks, test->bytes, test->type);
	struct ct_coll_buffers b = ct_coll_buffers(test->coll, w->rank, w->nranks, count, false);
	size_t each = ct_type_bytes(test->type), send = 0, recv = 0;
	ct_status status = CT_OK;

	ct_trials_forget(t);
	if (__builtin_mul_overflow(b.send, each, &send) || __builtin_mul_overflow(b.recv, each, &recv))
		status = ct_fail(CT_INVALID, "%llu bytes are beyond the address space",
			(unsigned long long)test->bytes);
	if (status == CT_OK)
		status = reserve(t, 0, send);
	if (status == CT_OK)
		status = reserve(t, 1, recv);
	status = ct_session_agree(t->session, status);
	if (status != CT_OK)
		return status;
	t->desc = (struct ct_coll_desc){ .coll = test->coll, .type = test->type, .op = test->op,
		.root = test->root, .count = count, .partner = test->partner, .send = t->memory[0],
		.recv = t->memory[1] };
	t->test = *test;
	t->begun = true;
	return CT_OK;
}

/* ---- one take ------------------------------------------------------------------------------- */

/* Makes LANE ready for samples, its data compared if VERIFY; one that cannot run here is left with
 * CT_UNSUPPORTED. */
static ct_status ready(struct ct_trials *t, struct ct_lane *lane, const struct ct_trial *trial, bool verify)
{
	const struct ct_world *w = ct_session_world(t->session);
	struct ct_result *r = &lane->result;
	ct_status status;

	if (verify && !lane->stop.check)
		ct_lane_release(lane); /* what is compared is the first call of a prepared request */
	if (lane->req != NULL || r->status != CT_OK)
		return CT_OK;
	lane->desc = t->desc;
	r->test = *trial->test;
	r->test.partner = NULL;
	r->nranks = w->nranks;
	r->count = t->desc.count;
	r->bytes = ct_coll_bytes(trial->test->coll, w->nranks, r->count, trial->test->type);
	lane->stop.warmup = trial->warmup > 0 ? trial->warmup : 1;
	lane->stop.check = verify;
	status = ct_lane_prepare(lane);
	if (status == CT_OK)
		return trial->cold && !verify ? CT_OK : ct_lane_warm_up(lane);
	if (status != CT_UNSUPPORTED)
		return status;
	r->status = status;
	ct_text_clean(r->why, sizeof(r->why), ct_why());
	return CT_OK;
}

/* SAMPLES rounds over the lanes, each in a new order; V[i * samples + k]. */
static ct_status sample(struct ct_trials *t, const struct ct_trial *trial, uint32_t *order,
	ct_status *mine, int64_t *v)
{
	for (uint32_t k = 0; k < trial->samples; k++) {
		ct_rng_shuffle(&t->rng, order, trial->n);
		for (uint32_t i = 0; i < trial->n; i++) {
			struct ct_lane *lane = &t->lanes[trial->which[order[i]]];
			uint64_t ns = 0;
			ct_status status;

			if (lane->req == NULL)
				continue;
			ct_watch(t->session, CT_IN_MEASURED, &lane->lib->lib, lane->req);
			status = ct_session_barrier(t->session);
			if (status != CT_OK)
				return status;
			if (*mine == CT_OK)
				*mine = ct_lane_call(lane, &ns);
			v[order[i] * trial->samples + k] = (int64_t)ns;
		}
	}
	return CT_OK;
}

static void hand_out(const struct ct_trials *t, const struct ct_trial *trial, const int64_t *v,
	struct ct_trial_out *out)
{
	size_t n = (size_t)trial->n * trial->samples;

	for (uint32_t i = 0; i < trial->n; i++) {
		const struct ct_lane *lane = &t->lanes[trial->which[i]];
		uint64_t inner = lane->result.inner > 0 ? lane->result.inner : 1;

		out->status[i] = lane->req == NULL ? CT_UNSUPPORTED : v[n + i] > 0 ? CT_CORRUPT : CT_OK;
		for (uint32_t k = 0; k < trial->samples; k++)
			out->ns[i * trial->samples + k] =
				((uint64_t)v[i * trial->samples + k] + inner / 2) / inner;
	}
	out->elapsed_ns = (uint64_t)v[n + trial->n];
}

ct_status ct_trials_take(struct ct_trials *t, const struct ct_trial *trial, struct ct_trial_out *out)
{
	size_t n = (size_t)trial->n * trial->samples;
	int64_t *v = ct_alloc(n + trial->n + 3, sizeof(*v));
	uint32_t *order = ct_alloc(trial->n, sizeof(*order));
	uint64_t begin = trial->since_ns > 0 ? trial->since_ns : ct_now_ns();
	ct_status mine = CT_OK, status;
	char size[32];

	ct_session_phase(t->session, "trying %u ways of %s of %s B", trial->n,
		ct_coll_name(trial->test->coll), ct_size_text(trial->test->bytes, size));
	status = ct_session_agree(t->session, v == NULL || order == NULL ? CT_NOMEM : CT_OK);
	if (status == CT_OK && (!t->begun || !ct_test_same(&t->test, trial->test) ||
		t->desc.partner != trial->test->partner))
		status = change_test(t, trial->test);
	for (uint32_t i = 0; i < trial->n && status == CT_OK; i++)
		status = ready(t, &t->lanes[trial->which[i]], trial, trial->verify != NULL && trial->verify[i]);
	if (status == CT_OK)
		status = sample(t, trial, order, &mine, v);
	if (status == CT_OK) {
		for (uint32_t i = 0; i < trial->n; i++)
			v[n + i] = (int64_t)t->lanes[trial->which[i]].result.wrong;
		v[n + trial->n] = (int64_t)(ct_now_ns() - begin);
		status = ct_lane_close(&t->lanes[trial->which[0]], mine, v, n + trial->n + 1);
	}
	if (status == CT_OK)
		hand_out(t, trial, v, out);
	ct_session_idle(t->session);
	ct_free(order);
	ct_free(v);
	return status;
}
