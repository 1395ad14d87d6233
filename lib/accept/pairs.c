/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage pairs: rounds of disjoint pairs that name slow parts, whose number grows with the logarithm of the
 * nodes; a tournament, in which all ranks meet in pairs at once; then pairs alone, in random order. Each as
 * long as its share of the budget lasts.
 */
#include <stdio.h>
#include <string.h>

#include "probes.h"

enum { SMALL = 8, ROUND_TESTS = 3, ALONE_TESTS = 2 };
/* Share of the whole budget, and what one point may take. */
enum { SHARE_PERCENT = 25, ISOLATION_PERCENT = 10, NODES_LEAST = 4, POINT_LEAST_NS = 2000000, POINT_MOST_NS = 100000000 };

/* Steps by this part of a circle spread evenly from the first on (Weyl). */
static const double golden = 0.61803398874989485;

uint32_t ct_pair_rounds(uint32_t n)
{
	return n < 2 ? 0 : n - (n % 2 == 0);
}

/* One seat stays, the others turn round it (with a ghost, if n is odd): de Werra 1981, "circle
 * method". */
void ct_pair_round(uint32_t n, uint32_t round, uint32_t *partner)
{
	uint32_t seats = n + n % 2, turning = seats - 1;

	for (uint32_t i = 0; i < seats / 2; i++) {
		uint32_t x = i == 0 ? turning : (round + i) % turning;
		uint32_t y = (round + turning - i) % turning;

		if (i == 0)
			y = round % turning;
		if (x >= n || y >= n) { /* one of them is the ghost */
			if (x < n)
				partner[x] = x;
			if (y < n)
				partner[y] = y;
			continue;
		}
		partner[x] = y;
		partner[y] = x;
	}
}

static uint64_t point_ns(uint64_t budget_ns, uint64_t points)
{
	uint64_t ns = budget_ns / (points > 0 ? points : 1);

	return ns < POINT_LEAST_NS ? POINT_LEAST_NS : ns > POINT_MOST_NS ? POINT_MOST_NS : ns;
}

static struct ct_test test_of(const struct ct_accept *run, ct_coll coll, const uint32_t *partner)
{
	struct ct_test t = { .coll = coll, .type = CT_FLOAT, .op = CT_SUM, .partner = partner };

	t.bytes = coll == CT_P2P_LATENCY		? SMALL
		  : run->plan.max_bytes < CT_RATE_BYTES ? run->plan.max_bytes
							: CT_RATE_BYTES;
	return t;
}

static size_t candidates(const struct ct_accept *run, struct ct_candidate *out)
{
	for (size_t i = 0; i < run->nentrants; i++)
		out[i] = run->entrant[i].candidate;
	return run->nentrants;
}

/* Rounds in order until the time is over; at least one. */
static ct_status tournament(struct ct_accept *run, uint32_t *partner, uint64_t until_ns)
{
	struct ct_candidate list[CT_ACCEPT_CANDIDATES];
	uint32_t n = run->world->nranks, rounds = ct_pair_rounds(n);
	struct ct_test tests[ROUND_TESTS] = {
		test_of(run, CT_P2P_LATENCY, partner),
		test_of(run, CT_P2P_ONEWAY, partner),
		test_of(run, CT_P2P_DUPLEX, partner),
	};
	struct ct_batch batch = { .candidates = list,
				  .ncandidates = candidates(run, list),
				  .tests = tests,
				  .ntests = ROUND_TESTS,
				  .pairs = n / 2 };
	uint64_t now;
	ct_status s = ct_accept_elapsed(run, &now);

	batch.point_ns = point_ns(until_ns > now ? (until_ns - now) / 2 : 0,
				  (uint64_t)rounds * ROUND_TESTS * batch.ncandidates);
	for (uint32_t r = 0; r < rounds && s == CT_OK; r++) {
		if (r > 0 && now >= until_ns) /* the same on every rank */
			break;
		ct_pair_round(n, r, partner);
		batch.round = r;
		s = ct_accept_measure(run, &batch);
		if (s != CT_OK)
			return s;
		run->report->pairs_met += n / 2;
		s = ct_accept_elapsed(run, &now);
	}
	return s;
}

/* The Kth pair (a, b) with a < b, in the order (0,1) (0,2) … (1,2) …. */
static void pair_of(uint32_t n, uint64_t k, uint32_t *a, uint32_t *b)
{
	uint32_t first = 0;

	while (k >= n - 1 - first) {
		k -= n - 1 - first;
		first++;
	}
	*a = first;
	*b = first + 1 + (uint32_t)k;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

void ct_pair_walk(uint64_t seed, uint64_t total, struct ct_pair_walk *walk)
{
	struct ct_rng rng = ct_rng_make(seed);

	*walk = (struct ct_pair_walk){ .total = total, .at = ct_rng_below(&rng, total),
		.stride = (uint64_t)((double)total * golden) };
	while (common_divisor(walk->stride, total) != 1)
		walk->stride++; /* before TOTAL, since TOTAL - 1 has no divisor in common with it */
}

uint64_t ct_pair_next(struct ct_pair_walk *walk)
{
	uint64_t at = walk->at;

	walk->at = (at + walk->stride) % walk->total;
	return at;
}

static ct_status alone(struct ct_accept *run, uint32_t *partner, uint64_t until_ns)
{
	uint32_t n = run->world->nranks, total = run->report->pairs_total;
	struct ct_pair_walk walk;
	struct ct_test tests[ALONE_TESTS] = {
		test_of(run, CT_P2P_LATENCY, partner),
		test_of(run, CT_P2P_ONEWAY, partner),
	};
	struct ct_batch batch = { .candidates = &run->entrant[0].candidate,
				  .ncandidates = 1,
				  .tests = tests,
				  .ntests = ALONE_TESTS,
				  .pairs = 1 };
	uint64_t now = 0;
	ct_status s = ct_accept_elapsed(run, &now);

	ct_pair_walk(run->plan.seed, total, &walk);
	batch.point_ns =
		point_ns(until_ns > now ? until_ns - now : 0, (uint64_t)total * ALONE_TESTS * 2);
	for (uint32_t i = 0; i < total && s == CT_OK && now < until_ns; i++) {
		uint32_t pair = (uint32_t)ct_pair_next(&walk);

		for (uint32_t r = 0; r < n; r++)
			partner[r] = r;
		pair_of(n, pair, &batch.a, &batch.b);
		partner[batch.a] = batch.b;
		partner[batch.b] = batch.a;
		batch.round = ct_pair_rounds(n) + pair;
		s = ct_accept_measure(run, &batch);
		if (s == CT_OK) {
			run->report->pairs_alone++;
			s = ct_accept_elapsed(run, &now);
		}
	}
	return s;
}

ct_status ct_accept_pairs(struct ct_accept *run)
{
	struct ct_accept_report *report = run->report;
	uint32_t n = run->world->nranks, *partner;
	uint64_t now, until, total = (uint64_t)n * (n - 1) / 2;
	ct_status s;

	if (n < 2 || run->nentrants == 0) {
		snprintf(report->skipped[CT_STAGE_PAIRS], sizeof(report->skipped[0]),
			 n < 2 ? "one rank alone has no peer" : "no backend can run here");
		return CT_OK;
	}
	report->pairs_total = total < UINT32_MAX ? (uint32_t)total : UINT32_MAX;
	partner = ct_alloc(n, sizeof(*partner));
	s = ct_session_agree(run->session, partner != NULL ? CT_OK : CT_NOMEM);
	if (s == CT_OK)
		s = ct_accept_elapsed(run, &now);
	if (s != CT_OK)
		goto out;
	until = now + run->plan.budget_ns / 100 * SHARE_PERCENT;
	/* between so few ranks of one host there is nothing to tell apart */
	if (run->world->nhosts > 1 || n >= NODES_LEAST)
		s = ct_accept_isolation(run, now + run->plan.budget_ns / 100 * ISOLATION_PERCENT);
	if (s == CT_OK)
		s = tournament(run, partner, until);
	if (s == CT_OK && n == 2)
		report->pairs_alone = 1; /* the tournament was just that */
	else if (s == CT_OK)
		s = alone(run, partner, until);
	ct_accept_line(run, "pairs: %u of %u met, %u measured alone", report->pairs_met,
		       report->pairs_total, report->pairs_alone);
out:
	ct_free(partner);
	return s;
}
