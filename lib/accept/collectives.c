/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage collectives: rounds over all collectives and candidates, each with fresh communicators;
 * a round is the unit of comparison, so rounds come before precision within one.
 */
#include <stdio.h>
#include <string.h>

#include "run.h"

enum {
	MOST_TESTS = 8,
	POINT_LEAST_NS = 2000000,
	POINT_MOST_NS = 100000000,
	LISTS = 6
};
/* First calls, verified calls and connections come on top of what a point may take. */
enum { OVERHEAD_SHARE = 4 };

/* Sizes of a collective, cut at the plan's most; the small sample of the ones few jobs wait for. */
static const uint64_t full[] = { 8, 4096, 65536, 1 << 20, 4 << 20, 64 << 20 };
static const uint64_t sample[] = { 8, 65536, 1 << 20 };
static const uint64_t barrier[] = { 0 };

struct program {
	ct_coll coll;
	const uint64_t *bytes;
	size_t nbytes;
	struct ct_candidate *list; /* candidates of this collective, algorithms included */
	size_t n;
	const struct ct_profile_figure *figure; /* whose operation this is; NULL = of those all measure */
};

/* The usual ones, and behind them what figures of the profile ask for beyond these. */
struct programs {
	struct program *list;
	size_t n;
};

static void fill_usual(struct program program[LISTS])
{
	static const ct_coll order[LISTS] = { CT_ALLREDUCE,	 CT_ALLTOALL,  CT_ALLGATHER,
					      CT_REDUCE_SCATTER, CT_BROADCAST, CT_BARRIER };

	for (int i = 0; i < LISTS; i++) {
		struct program *p = &program[i];

		*p = (struct program){ .coll = order[i],
				       .bytes = sample,
				       .nbytes = sizeof(sample) / sizeof(sample[0]) };
		if (p->coll == CT_ALLREDUCE || p->coll == CT_ALLTOALL) {
			p->bytes = full;
			p->nbytes = sizeof(full) / sizeof(full[0]);
		} else if (p->coll == CT_BARRIER) {
			p->bytes = barrier;
			p->nbytes = 1;
		}
	}
}

/* Below one element a rank there is nothing to send. */
static uint64_t least_bytes(const struct ct_accept *run, ct_coll coll)
{
	return coll == CT_ALLTOALL || coll == CT_ALLGATHER || coll == CT_REDUCE_SCATTER ?
		(uint64_t)run->world->nranks * ct_type_bytes(CT_FLOAT) : 0;
}

static size_t tests_of(const struct ct_accept *run, const struct program *p, struct ct_test *tests)
{
	uint64_t least = least_bytes(run, p->coll);
	size_t n = 0;

	for (size_t i = 0; i < p->nbytes; i++) {
		uint64_t bytes = i == 0 && p->bytes[0] < least ? least : p->bytes[i];
		bool fits = bytes <= run->plan.max_bytes || p->figure != NULL;

		if (bytes >= least && fits && n < MOST_TESTS)
			tests[n++] = (struct ct_test){ .coll = p->coll,
						       .type = CT_FLOAT,
						       .op = CT_SUM,
						       .bytes = bytes };
	}
	return n;
}

static bool of_backend(const struct ct_profile_figure *f, const struct ct_candidate *c)
{
	return f->backend[0] == '\0' || strcmp(f->backend, c->backend) == 0;
}

/* Does one of the programs so far measure what F is about? */
static bool covered(const struct ct_accept *run, const struct programs *all, const struct ct_profile_figure *f)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct program *p = &all->list[i];
		struct ct_test tests[MOST_TESTS];
		size_t n = p->coll == f->coll && (p->figure == NULL || strcmp(p->figure->backend, f->backend) == 0) ?
			tests_of(run, p, tests) : 0;

		while (n-- > 0)
			if (tests[n].bytes >= f->least_bytes && (f->most_bytes == 0 || tests[n].bytes <= f->most_bytes))
				return true;
	}
	return false;
}

/* Is F a collective of a job like this, by a backend that runs here, and of a size that nobody measures? */
static bool asks_more(const struct ct_accept *run, const struct programs *all, const struct ct_profile_figure *f)
{
	uint32_t nodes = run->world->nhosts;
	uint64_t least = least_bytes(run, f->coll);
	bool runs = false;

	for (size_t i = 0; i < run->nentrants; i++)
		runs = runs || of_backend(f, &run->entrant[i].candidate);
	return runs && f->coll < CT_P2P_LATENCY && nodes >= f->least_nodes &&
		(f->most_nodes == 0 || nodes <= f->most_nodes) &&
		(f->most_bytes == 0 || least <= f->most_bytes) && !covered(run, all, f);
}

static ct_status fill_programs(const struct ct_accept *run, struct programs *all)
{
	const struct ct_profile *profile = run->plan.profile;
	size_t asked = profile != NULL ? profile->nfigures : 0;

	all->list = ct_alloc(LISTS + asked, sizeof(*all->list));
	if (all->list == NULL)
		return CT_NOMEM;
	fill_usual(all->list);
	all->n = LISTS;
	for (size_t i = 0; i < asked; i++) {
		const struct ct_profile_figure *f = &profile->figures[i];

		if (asks_more(run, all, f))
			all->list[all->n++] = (struct program){ .coll = f->coll, .bytes = &f->least_bytes,
				.nbytes = 1, .figure = f };
	}
	return CT_OK;
}

/* Collective: the native algorithms of P's collective over the first native entrant's transport.
 * Left out where not even the pairs fitted into their share of the budget. */
static ct_status add_algorithms(struct ct_accept *run, struct program *p)
{
	const struct ct_candidate *base = &run->entrant[0].candidate;
	struct ct_candidate *more, *list;
	size_t n;
	ct_status s;

	if (!run->plan.algorithms || run->report->pairs_met < run->report->pairs_total ||
	    strcmp(base->backend, "native") != 0 || base->algo[0] != '\0' ||
	    (p->coll != CT_ALLREDUCE && p->coll != CT_ALLTOALL))
		return CT_OK;
	s = ct_candidates_parse(run->session, "native", base->net, "all", p->coll, &more, &n);
	if (s != CT_OK)
		return s == CT_UNSUPPORTED ? CT_OK : s;
	list = ct_realloc(p->list, p->n + n, sizeof(*list));
	s = ct_session_agree(run->session, list != NULL ? CT_OK : CT_NOMEM);
	if (list != NULL)
		p->list = list;
	for (size_t i = 1; s == CT_OK && i < n; i++) /* the first is the default, already there */
		p->list[p->n++] = more[i];
	ct_free(more);
	return s;
}

static ct_status fill_candidates(struct ct_accept *run, struct program *p)
{
	ct_status s;

	p->list = ct_alloc(run->nentrants, sizeof(*p->list));
	s = ct_session_agree(run->session, p->list != NULL ? CT_OK : CT_NOMEM);
	if (s != CT_OK)
		return s;
	for (size_t i = 0; i < run->nentrants; i++)
		if ((run->entrant[i].colls >> p->coll & 1) != 0 &&
			(p->figure == NULL || of_backend(p->figure, &run->entrant[i].candidate)))
			p->list[p->n++] = run->entrant[i].candidate;
	return p->figure == NULL ? add_algorithms(run, p) : CT_OK;
}

static ct_status one_round(struct ct_accept *run, const struct programs *all, uint32_t round, uint64_t ns)
{
	uint64_t now = 0;
	ct_status s = CT_OK;

	/* What a profile asks for and the most used collectives come first: what does not fit is the last ones'
	 * share. */
	for (size_t i = 0; i < all->n && s == CT_OK && now <= ct_accept_until(run, CT_STAGE_COLLECTIVES); i++) {
		const struct program *p = &all->list[(i + LISTS) % all->n];
		struct ct_test tests[MOST_TESTS];
		struct ct_batch batch = { .candidates = p->list,
					  .ncandidates = p->n,
					  .tests = tests,
					  .round = round,
					  .point_ns = ns };

		ct_session_phase(run->session, "accept: %s, round %u",
				 ct_coll_name(p->coll), round);
		batch.ntests = tests_of(run, p, tests);
		if (batch.ntests > 0 && p->n > 0)
			s = ct_accept_measure(run, &batch);
		if (s == CT_OK)
			s = ct_accept_elapsed(run, &now);
	}
	return s;
}

/* As many rounds as the plan asks and the budget allows, one at least. */
static ct_status all_rounds(struct ct_accept *run, const struct programs *all, uint64_t points)
{
	struct ct_accept_report *report = run->report;
	uint64_t from, now, left, ns, until = ct_accept_until(run, CT_STAGE_COLLECTIVES);
	ct_status s = ct_accept_elapsed(run, &from);

	left = until > from ? until - from : 0;
	ns = left / OVERHEAD_SHARE / (points * run->plan.rounds);
	ns = ns < POINT_LEAST_NS ? POINT_LEAST_NS : ns > POINT_MOST_NS ? POINT_MOST_NS : ns;
	now = from;
	while (s == CT_OK && report->rounds < run->plan.rounds) {
		/* The next one takes about as long as those before it. */
		if (report->rounds > 0 && now + (now - from) / report->rounds > until)
			break;
		s = one_round(run, all, report->rounds, ns);
		if (s != CT_OK)
			return s;
		report->rounds++;
		s = ct_accept_elapsed(run, &now);
		ct_accept_line(run, "collectives: round %u of %u, %.1f s of %.0f s", report->rounds,
			       run->plan.rounds, (double)now / 1e9,
			       (double)run->plan.budget_ns / 1e9);
	}
	if (report->rounds < run->plan.rounds)
		ct_accept_line(run, "collectives: the budget ended after %u of %u rounds",
			       report->rounds, run->plan.rounds);
	return s;
}

ct_status ct_accept_collectives(struct ct_accept *run)
{
	struct programs all = { 0 };
	struct ct_test tests[MOST_TESTS];
	uint64_t points = 1;
	ct_status s;

	if (run->world->nranks < 2 || run->nentrants == 0) {
		snprintf(run->report->skipped[CT_STAGE_COLLECTIVES],
			 sizeof(run->report->skipped[0]),
			 run->nentrants > 0 ? "one rank alone has no peer"
					    : "no backend can run here");
		return CT_OK;
	}
	s = ct_session_agree(run->session, fill_programs(run, &all));
	for (size_t i = 0; i < all.n && s == CT_OK; i++) {
		s = fill_candidates(run, &all.list[i]);
		points += all.list[i].n * tests_of(run, &all.list[i], tests);
	}
	if (s == CT_OK && points == 1)
		snprintf(run->report->skipped[CT_STAGE_COLLECTIVES], sizeof(run->report->skipped[0]),
			 "what was asked for has messages only, no collectives");
	else if (s == CT_OK)
		s = all_rounds(run, &all, points);
	for (size_t i = 0; i < all.n; i++)
		ct_free(all.list[i].list);
	ct_free(all.list);
	return s;
}
