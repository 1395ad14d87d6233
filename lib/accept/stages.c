/* SPDX-License-Identifier: BSD-3-Clause */
/* The short stages between the long ones: within hosts, each rail alone, all at once. */
#include <stdio.h>
#include <string.h>

#include "run.h"

enum { TESTS = 3, PERCENT = 3, CROWD_ROUNDS = 8, POINT_MOST_NS = 100000000, POINT_LEAST_NS = 2000000 };

static void skip(struct ct_accept *run, enum ct_stage stage, const char *why)
{
	snprintf(run->report->skipped[stage], sizeof(run->report->skipped[0]), "%s", why);
}

static uint64_t point_ns(const struct ct_accept *run, uint64_t points)
{
	uint64_t ns = run->plan.budget_ns / 100 * PERCENT / (points > 0 ? points : 1);

	return ns < POINT_LEAST_NS ? POINT_LEAST_NS : ns > POINT_MOST_NS ? POINT_MOST_NS : ns;
}

static void fill_tests(const struct ct_accept *run, const uint32_t *partner, struct ct_test tests[TESTS])
{
	static const ct_coll colls[TESTS] = { CT_P2P_LATENCY, CT_P2P_ONEWAY, CT_P2P_DUPLEX };
	uint64_t large = run->plan.max_bytes < CT_RATE_BYTES ? run->plan.max_bytes : CT_RATE_BYTES;

	for (int i = 0; i < TESTS; i++)
		tests[i] = (struct ct_test){ .coll = colls[i], .type = CT_FLOAT, .op = CT_SUM,
			.partner = partner, .bytes = i == 0 ? 8 : large };
}

/* Collective: the tests between PARTNERs with every candidate, as figures of SCOPE. */
static ct_status measure(struct ct_accept *run, const uint32_t *partner, const char *scope, uint32_t round)
{
	struct ct_candidate list[CT_ACCEPT_CANDIDATES];
	struct ct_test tests[TESTS];
	struct ct_batch batch = { .candidates = list, .ncandidates = run->nentrants, .tests = tests,
		.ntests = TESTS, .round = round, .scope = scope };

	for (size_t i = 0; i < run->nentrants; i++)
		list[i] = run->entrant[i].candidate;
	for (uint32_t r = 0; r < run->world->nranks; r++)
		batch.pairs += partner[r] > r;
	if (batch.pairs == 0)
		return CT_OK;
	fill_tests(run, partner, tests);
	batch.point_ns = point_ns(run, TESTS * batch.ncandidates);
	return ct_accept_measure(run, &batch);
}

/* How many ranks of R's host come before it. */
static uint32_t local_of(const struct ct_world *w, uint32_t rank)
{
	uint32_t n = 0;

	for (uint32_t r = 0; r < rank; r++)
		n += w->host_of[r] == w->host_of[rank];
	return n;
}

/* The rank on HOST that LOCAL others come before; nranks = none. */
static uint32_t rank_at(const struct ct_world *w, uint32_t host, uint32_t local)
{
	for (uint32_t r = 0; r < w->nranks; r++)
		if (w->host_of[r] == host && local-- == 0)
			return r;
	return w->nranks;
}

static uint32_t *idle(const struct ct_accept *run)
{
	uint32_t *partner = ct_alloc(run->world->nranks, sizeof(*partner));

	for (uint32_t r = 0; partner != NULL && r < run->world->nranks; r++)
		partner[r] = r;
	return partner;
}

static void join(uint32_t *partner, uint32_t a, uint32_t b)
{
	partner[a] = b;
	partner[b] = a;
}

ct_status ct_accept_internal(struct ct_accept *run)
{
	const struct ct_world *w = run->world;
	uint32_t *partner;
	ct_status s;

	if (w->nhosts < 2 || run->nentrants == 0) {
		skip(run, CT_STAGE_INTERNAL, "on one host all pairs are node-internal");
		return CT_OK;
	}
	partner = idle(run);
	s = ct_session_agree(run->session, partner != NULL ? CT_OK : CT_NOMEM);
	for (uint32_t r = 0; s == CT_OK && r < w->nranks; r++) {
		uint32_t local = local_of(w, r), with = rank_at(w, w->host_of[r], local ^ 1u);

		if (with < w->nranks)
			partner[r] = with;
	}
	if (s == CT_OK)
		s = measure(run, partner, "within hosts", CT_ROUND_INTERNAL);
	ct_free(partner);
	return s;
}

/* Collective: are the rails of all hosts the same cards at the same places, and what the profile says? Rank 0
 * has all. */
static ct_status compare_rails(struct ct_accept *run)
{
	struct ct_findings *found = &run->report->rails;
	const struct ct_profile *profile = run->plan.profile;
	struct ct_advise_in in = { .rails = run->rails, .nrails = run->nrails,
		.want_nics = profile != NULL ? profile->nics : 0,
		.want_Mbps = profile != NULL ? profile->link_Mbps : 0 };
	int64_t n = 0;
	ct_status s = run->nrails > 0 ? ct_advise_rails(&in, found) : CT_OK;

	s = ct_session_agree(run->session, s);
	if (run->world->rank == 0)
		n = (int64_t)found->n;
	if (s == CT_OK)
		s = ct_session_max(run->session, &n, 1);
	if (s != CT_OK)
		return s;
	run->report->nrails_differ = (uint32_t)n;
	ct_accept_line(run, "rails: of %zu host%s compared, %lld finding%s", run->nrails,
		run->nrails == 1 ? "" : "s", (long long)n, n == 1 ? "" : "s");
	for (size_t i = 0; i < found->n && i < 20; i++)
		ct_accept_line(run, "rails: %s", found->list[i].seen);
	return CT_OK;
}

ct_status ct_accept_rails(struct ct_accept *run)
{
	const struct ct_world *w = run->world;
	uint32_t rails = run->report->fleet.rails, *partner;
	bool told = run->plan.profile != NULL && run->plan.profile->nics > 0;
	ct_status s = w->nhosts > 1 || told ? compare_rails(run) : CT_OK;

	if (s != CT_OK || w->nhosts < 2 || rails < 2) {
		skip(run, CT_STAGE_RAILS, w->nhosts < 2 ? "one host has no rails" :
			"compared only: the ranks of a host share one device, or the pairs were left out");
		return s;
	}
	partner = idle(run);
	s = ct_session_agree(run->session, partner != NULL ? CT_OK : CT_NOMEM);
	for (uint32_t rail = 0; s == CT_OK && rail < rails; rail++) {
		char scope[16];

		for (uint32_t r = 0; r < w->nranks; r++)
			partner[r] = r;
		for (uint32_t h = 0; h + 1 < w->nhosts; h += 2)
			join(partner, rank_at(w, h, rail), rank_at(w, h + 1, rail));
		snprintf(scope, sizeof(scope), "rail %u", rail);
		s = measure(run, partner, scope, CT_ROUND_RAILS + rail);
	}
	ct_free(partner);
	return s;
}

/* ---- congestion ----------------------------------------------------------------------------- */

/* Random pairs, across hosts where there are several: what meets in the network differs by round. */
static void random_pairs(const struct ct_accept *run, uint32_t round, uint32_t *order, uint32_t *partner)
{
	const struct ct_world *w = run->world;
	struct ct_rng rng = ct_rng_make(ct_rng_hash(run->plan.seed, CT_ROUND_CONGESTION + round));
	uint32_t half = w->nranks / 2;

	ct_rng_shuffle(&rng, order, w->nranks);
	for (uint32_t r = 0; r < w->nranks; r++)
		partner[r] = r;
	for (uint32_t i = 0; i < half; i++)
		join(partner, order[i], order[i + half]);
}

static const struct ct_figure *figure(const struct ct_accept_report *r, const char *scope)
{
	for (size_t i = 0; i < r->nfigures; i++)
		if (strcmp(r->figures[i].scope, scope) == 0 && r->figures[i].coll == CT_P2P_ONEWAY &&
			r->figures[i].rounds > 0)
			return &r->figures[i];
	return NULL;
}

/* The loss between one pair alone and the slowest of many: medians over rounds, said and not judged, since
 * what a network owes to all at once depends on how it was built. */
void ct_congestion_text(struct ct_accept_report *r)
{
	const struct ct_figure *one = figure(r, "one pair"), *all = figure(r, "all at once");
	char a[32], b[32];

	r->congestion[0] = '\0';
	if (one == NULL || all == NULL || !(one->busbw_Bps > 0))
		return;
	snprintf(r->congestion, sizeof(r->congestion), "one pair alone %s; the slowest of %u random pairs at once %s: "
		"%.0f %% of it, over %u rounds", ct_rate_text(one->busbw_Bps, a), all->pairs,
		ct_rate_text(all->busbw_Bps, b), 100 * all->busbw_Bps / one->busbw_Bps, all->rounds);
}

ct_status ct_accept_congestion(struct ct_accept *run)
{
	uint32_t n = run->world->nranks, *partner, *order;
	uint64_t now = 0, until = ct_accept_until(run, CT_STAGE_CONGESTION);
	ct_status s;

	if (n < 4 || run->nentrants == 0) {
		skip(run, CT_STAGE_CONGESTION, "needs 4 ranks");
		return CT_OK;
	}
	partner = idle(run);
	order = ct_alloc(n, sizeof(*order));
	s = ct_session_agree(run->session, partner != NULL && order != NULL ? CT_OK : CT_NOMEM);
	for (uint32_t i = 0; s == CT_OK && i < CROWD_ROUNDS && (i == 0 || now < until); i++) {
		struct ct_test test = { .coll = CT_P2P_ONEWAY, .type = CT_FLOAT, .op = CT_SUM, .partner = partner,
			.bytes = run->plan.max_bytes < CT_RATE_BYTES ? run->plan.max_bytes : CT_RATE_BYTES };
		struct ct_batch batch = { .candidates = &run->entrant[0].candidate, .ncandidates = 1,
			.tests = &test, .ntests = 1, .point_ns = point_ns(run, 2 * CROWD_ROUNDS) };

		random_pairs(run, i, order, partner);
		batch.pairs = n / 2;
		batch.scope = "all at once";
		batch.round = CT_ROUND_CONGESTION + 2 * i;
		s = ct_accept_measure(run, &batch);
		if (s != CT_OK)
			break;
		for (uint32_t r = 0; r < n; r++)
			partner[r] = r;
		join(partner, order[0], order[n / 2]);
		batch.pairs = 1;
		batch.scope = "one pair";
		batch.round++;
		s = ct_accept_measure(run, &batch);
		if (s == CT_OK)
			s = ct_accept_elapsed(run, &now);
	}
	ct_free(order);
	ct_free(partner);
	return s;
}
