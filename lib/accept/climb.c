/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage ladder: messages and collectives of each candidate in the same rounds, judged by lib/advise/ladder,
 * which says where the largest unexplained loss lies. Where the pairs named a slow node, its pair alone
 * climbs: is it the network, or what stands on it?
 */
#include <stdio.h>
#include <string.h>

#include "run.h"

enum { TESTS = 3, PERCENT = 10, POINT_LEAST_NS = 2000000, POINT_MOST_NS = 100000000 };

/* ---- partners ------------------------------------------------------------------------------- */

/* A rank of the fleet's NODE. */
static uint32_t rank_of_node(const struct ct_world *w, uint32_t node)
{
	uint32_t r = 0;

	if (w->nhosts < 2)
		return node;
	while (r + 1 < w->nranks && w->host_of[r] != node)
		r++;
	return r;
}

/* The node that is most clearly at fault; nodes = none. */
static uint32_t suspect_of(const struct ct_accept_report *r)
{
	for (size_t i = 0; r->isolated && i < r->isolation.n; i++)
		if (r->isolation.list[i].kind >= CT_BLAME_NODE)
			return r->isolation.list[i].node;
	return r->fleet.nodes;
}

static bool named(const struct ct_accept_report *r, uint32_t node)
{
	for (size_t i = 0; i < r->isolation.n; i++)
		if (r->isolation.list[i].kind >= CT_BLAME_NODE && r->isolation.list[i].node == node)
			return true;
	return false;
}

/* The suspect with a node that is none; else neighbours, of two hosts where there are several. */
static void choose_pairs(struct ct_accept *run, uint32_t *partner)
{
	const struct ct_world *w = run->world;
	struct ct_accept_report *r = run->report;
	uint32_t bad = suspect_of(r), good = 0;

	for (uint32_t i = 0; i < w->nranks; i++)
		partner[i] = i;
	while (good < r->fleet.nodes && (good == bad || named(r, good)))
		good++;
	if (r->isolated && bad < r->fleet.nodes && good < r->fleet.nodes) {
		uint32_t a = rank_of_node(w, bad), b = rank_of_node(w, good);

		partner[a] = b;
		partner[b] = a;
		snprintf(r->ladder_of, sizeof(r->ladder_of), "%.60s, which is suspect, with %.60s",
			r->node_names[bad], r->node_names[good]);
		return;
	}
	for (uint32_t i = 0; i < w->nranks; i++) {
		uint32_t half = w->nranks / 2, with = w->nhosts > 1 ? (i < half ? i + half : i - half) : i ^ 1u;

		if (with < w->nranks && i < 2 * half)
			partner[i] = with;
	}
	snprintf(r->ladder_of, sizeof(r->ladder_of), "all pairs");
}

/* ---- rungs ---------------------------------------------------------------------------------- */

static const ct_coll colls[TESTS] = { CT_P2P_DUPLEX, CT_ALLTOALL, CT_ALLREDUCE };

/* Messages of each candidate on those of the first; its collectives on its own messages. */
static ct_status set_up(struct ct_accept *run)
{
	struct ct_climb *c = &run->climb;
	char name[96];

	for (size_t i = 0; i < run->nentrants; i++) {
		for (int t = 0; t < TESTS; t++) {
			struct ct_rung *rung = &c->rungs[c->n];

			*rung = (struct ct_rung){ .below = t > 0 ? (int)(TESTS * i) : i > 0 ? 0 : -1 };
			snprintf(rung->name, sizeof(rung->name), "%s, %.40s", t == 0 ? "messages" :
				ct_coll_name(colls[t]), ct_candidate_text(&run->entrant[i].candidate, name));
			c->cost[c->n] = ct_alloc(run->plan.rounds, sizeof(double));
			if (c->cost[c->n] == NULL)
				return CT_NOMEM;
			rung->cost = c->cost[c->n++];
		}
	}
	return CT_OK;
}

/* Called for each result of this stage: rounds come in order, so a gap ends what counts. */
void ct_climb_keep(struct ct_accept *run, const struct ct_result *result)
{
	struct ct_climb *c = &run->climb;

	for (size_t i = 0; i < c->n; i++) {
		struct ct_rung *rung = &c->rungs[i];

		if (colls[i % TESTS] != result->test.coll ||
			!ct_candidate_same(&run->entrant[i / TESTS].candidate, &result->candidate))
			continue;
		if (result->status != CT_OK)
			ct_text_clean(rung->why, sizeof(rung->why), result->why);
		if (result->status != CT_OK || !(result->busbw_Bps > 0) || rung->rounds >= run->plan.rounds ||
			result->round != CT_ROUND_LADDER + rung->rounds)
			continue;
		c->cost[i][rung->rounds++] = 1e9 / result->busbw_Bps;
		rung->wrong += result->wrong;
		if (result->expected.known && result->expected.busbw_Bps > 0)
			rung->expected = 1e9 / result->expected.busbw_Bps;
	}
}

static ct_status measure(struct ct_accept *run, const uint32_t *partner)
{
	struct ct_candidate list[CT_ACCEPT_CANDIDATES];
	struct ct_test tests[TESTS];
	struct ct_batch batch = { .candidates = list, .ncandidates = run->nentrants, .tests = tests,
		.ntests = TESTS, .scope = CT_SCOPE_LADDER };
	uint64_t from, now, until = 0;
	ct_status s = ct_accept_elapsed(run, &from);

	for (uint32_t r = 0; r < run->world->nranks; r++)
		batch.pairs += partner[r] > r;
	for (int t = 0; t < TESTS; t++)
		tests[t] = (struct ct_test){ .coll = colls[t], .type = CT_FLOAT, .op = CT_SUM,
			.partner = t == 0 ? partner : NULL,
			.bytes = run->plan.max_bytes < CT_RATE_BYTES ? run->plan.max_bytes : CT_RATE_BYTES };
	for (size_t i = 0; i < run->nentrants; i++)
		list[i] = run->entrant[i].candidate;
	until = from + run->plan.budget_ns / 100 * PERCENT;
	batch.point_ns = run->plan.budget_ns / 100 * PERCENT / (4 * TESTS * run->nentrants * run->plan.rounds);
	if (batch.point_ns < POINT_LEAST_NS)
		batch.point_ns = POINT_LEAST_NS;
	if (batch.point_ns > POINT_MOST_NS)
		batch.point_ns = POINT_MOST_NS;
	now = from;
	for (uint32_t i = 0; s == CT_OK && i < run->plan.rounds && (i == 0 || now < until); i++) {
		batch.round = CT_ROUND_LADDER + i;
		s = ct_accept_measure(run, &batch);
		if (s == CT_OK)
			s = ct_accept_elapsed(run, &now);
	}
	return s;
}

/* What lib/advise says of it. CT_NOMEM. */
static ct_status conclude(struct ct_accept *run)
{
	struct ct_ladder ladder = { .rungs = run->climb.rungs, .n = run->climb.n,
		.oversubscribed = run->world->oversubscribed };
	ct_status s = ct_ladder_judge(&ladder);

	if (s == CT_OK)
		snprintf(run->report->ladder, sizeof(run->report->ladder), "%s: %s", run->report->ladder_of,
			ladder.sentence);
	return s;
}

ct_status ct_accept_ladder(struct ct_accept *run)
{
	uint32_t *partner;
	ct_status s;

	if (run->world->nranks < 2 || run->nentrants == 0) {
		snprintf(run->report->skipped[CT_STAGE_LADDER], sizeof(run->report->skipped[0]), "%s",
			run->nentrants > 0 ? "one rank alone has no peer" : "no backend can run here");
		return CT_OK;
	}
	partner = ct_alloc(run->world->nranks, sizeof(*partner));
	s = ct_session_agree(run->session, partner == NULL ? CT_NOMEM : set_up(run));
	if (s == CT_OK) {
		choose_pairs(run, partner);
		s = measure(run, partner);
	}
	if (s == CT_OK)
		s = ct_session_agree(run->session, conclude(run));
	for (size_t i = 0; i < run->climb.n; i++)
		ct_free(run->climb.cost[i]);
	run->climb.n = 0;
	ct_free(partner);
	return s;
}
