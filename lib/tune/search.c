/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Successive halving at a few sizes, bisection between those whose winners differ, a check of what
 * was chosen on fresh samples. Small sizes come first: they cost next to nothing and say which cells
 * need not be tried at large ones, where nearly all of the time goes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "race.h"

enum { CALLS = 25 /* of a cell at a size in an exhaustive sweep */, CLOSE = 3, LARGE = 4, ROUNDS = 3 };

static const double probe_part = 0.01, least_part = 0.02, small_part = 0.02, usual_effort = 0.052,
	bisected_part = 0.1, slack = 0.92, hardly_known = 0.5, little_known = 0.15, steepest = 1.7,
	most_growth = 1.1 /* a logarithm, from size to size */;
/* Of what may be spent, what is left for the sizes where most is not known, and for the check. */
static const double for_refining = 0.45, for_checks = 0.08;

/* ---- sizes ---------------------------------------------------------------------------------- */

/* All sizes: small ones cost next to nothing, and each of the large ones may have a winner of its own. */
static void choose_anchors(struct ct_race *run)
{
	for (size_t i = 0; i < run->in->nsizes; i++)
		run->at[run->nat++] = i;
	run->rough = 0.015;
	run->first_call = 0.1;
	run->first_call_spread = 0.05;
}

/* What the default at the largest size will take if it grows with the bytes from size LARGE, ns. */
static double grown(const struct ct_race *run, size_t large)
{
	const uint64_t *sizes = run->in->sizes;

	return (double)ct_times(run->out, large, 0)->low * (double)sizes[run->in->nsizes - 1] / (double)sizes[large];
}

/* Two calls of the default, at the smallest size and at a large one but for a few steps, tell about what
 * an exhaustive sweep would take; if that is little beside the budget, two at the largest tell it better. */
static ct_status probe(struct ct_race *run)
{
	const struct ct_search_in *in = run->in;
	struct ct_race_list own = { .cell = { 0 }, .n = 1 };
	size_t last = in->nsizes - 1, large = run->nat > 3 ? run->at[run->nat - 4] : last;
	double low, high, sum = 0, effort = in->effort > 0 ? in->effort : usual_effort;
	ct_status status = ct_race_take(run, 0, &own, 2, false);

	if (status == CT_OK && large > 0)
		status = ct_race_take(run, large, &own, 2, false);
	if (status != CT_OK)
		return status;
	/* at the largest, where nearly all of the time goes, it is tried in any case: where that is no great part */
	if (status == CT_OK && large < last && grown(run, large) < probe_part * (double)in->budget_ns) {
		status = ct_race_take(run, last, &own, 2, false);
		large = last;
	}
	if (status != CT_OK)
		return status;
	low = (double)ct_times(run->out, 0, 0)->low;
	high = fmax(low, (double)ct_times(run->out, large, 0)->low);
	for (size_t i = 0; i <= last; i++)
		sum += low + (high - low) * (double)in->sizes[i] / (double)in->sizes[large];
	sum = (sum * CALLS + ct_race_beside(run) * (double)in->nsizes) * (double)in->ncells;
	run->out->exhaustive_ns = (uint64_t)sum;
	/* the default may be slow there: carefully at first */
	run->allowed_ns = (uint64_t)(effort * sum * 0.6);
	if (run->allowed_ns < run->in->least_ns)
		run->allowed_ns = run->in->least_ns;
	if (run->allowed_ns > in->budget_ns)
		run->allowed_ns = in->budget_ns;
	if (run->out->spent_ns > in->budget_ns)
		return ct_fail(CT_INVALID, "a budget of %.3g s is too small: the first calls of the "
			"default alone took %.3g s", (double)in->budget_ns / 1e9,
			(double)run->out->spent_ns / 1e9);
	return CT_OK;
}

/* What CELL is taken to need for one call at size I, LEAST being what the fastest needs: a single sample may be
 * late, and one late sample may stand behind a guess from afar. Logarithms. */
static double taken(const struct ct_race *run, size_t i, uint32_t cell, double least)
{
	struct ct_guess g = ct_race_guess(run, i, cell);

	if (ct_times(run->out, i, cell)->n == 1 && i > 0)
		g.log_ns = fmin(g.log_ns, ct_race_guess(run, i - 1, cell).log_ns + most_growth);
	if (g.se >= hardly_known)
		return fmin(g.log_ns, least + log(2));
	return g.se >= little_known ? fmin(g.log_ns, least + log(6)) : g.log_ns;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What all cells together are taken to need for one call at size I. Who has not been tried is taken for as
 * slow as the middle one of the others. */
static double all_cells(const struct ct_race *run, size_t i)
{
	double known[CT_SEARCH_MOST_CELLS], all = 0, least = INFINITY;
	size_t n = 0;

	for (uint32_t c = 0; c < run->in->ncells; c++)
		if (isfinite(ct_race_guess(run, i, c).se))
			least = fmin(least, ct_race_guess(run, i, c).log_ns);
	for (uint32_t c = 0; c < run->in->ncells; c++) {
		if (!isfinite(ct_race_guess(run, i, c).se))
			continue;
		known[n] = exp(taken(run, i, c, least));
		all += known[n++];
	}
	qsort(known, n, sizeof(*known), compare);
	return n == 0 ? 0 : all + (double)(run->in->ncells - n) * known[n / 2];
}

/* The sweep's time as it is known by now, and with it what may be spent. */
static void allow(struct ct_race *run)
{
	double effort = run->in->effort > 0 ? run->in->effort : usual_effort, sum = 0, before = 0;

	for (size_t i = 0; i < run->in->nsizes; i++) {
		double all = all_cells(run, i);

		/* late samples apart, times grow little faster than the bytes */
		if (i > 0)
			all = fmin(all, before * pow((double)run->in->sizes[i] /
				(double)run->in->sizes[i - 1], steepest));
		sum += all * CALLS;
		before = all;
	}
	sum += ct_race_beside(run) * (double)(run->in->ncells * run->in->nsizes);
	run->out->exhaustive_ns = (uint64_t)sum;
	run->allowed_ns = (uint64_t)(effort * sum * slack); /* what is begun is ended */
	if (run->allowed_ns < run->in->least_ns)
		run->allowed_ns = run->in->least_ns;
	if (run->allowed_ns > run->in->budget_ns)
		run->allowed_ns = run->in->budget_ns;
}

static bool agree(const struct ct_search *s, size_t i, size_t j)
{
	for (uint32_t c = 0; c < s->ncells; c++)
		if (ct_times(s, i, c)->good && ct_times(s, j, c)->good)
			return true;
	return false;
}

/* Cells that are good at size J, at most N, the fastest first. */
static void put_good(const struct ct_race *run, size_t j, uint32_t n, struct ct_race_list *list)
{
	const struct ct_search *s = run->out;

	ct_race_put(list, s->best[j]);
	for (uint32_t c = 1; c < s->ncells && n > 1; c++)
		if (ct_times(s, j, c)->good && c != s->best[j]) {
			ct_race_put(list, c);
			n--;
		}
}

/* Sizes between I and J are measured as long as the ends have no choice in common. */
static ct_status bisect(struct ct_race *run, size_t i, size_t j)
{
	while (j - i > 1 && !agree(run->out, i, j)) {
		size_t middle = i + (j - i) / 2;
		struct ct_race_list list = { .n = 0 };
		ct_status status;

		if (ct_race_left(run) <= 0) {
			run->out->short_of_budget = true;
			return CT_OK;
		}
		ct_race_put_known(run, middle, &list);
		if (ct_race_cost(run, middle, &list, ct_race_rungs[1]) > ct_race_left(run) * small_part)
			list.n = 1;
		put_good(run, i, 2, &list);
		put_good(run, j, 2, &list);
		status = ct_race_run(run, middle, &list, ct_race_left(run) * bisected_part);
		if (status != CT_OK)
			return status;
		if (!run->out->measured[middle])
			return CT_OK;
		/* the half below by itself, then on with the one above */
		status = bisect(run, i, middle);
		if (status != CT_OK)
			return status;
		i = middle;
	}
	return CT_OK;
}

/* What may be spent at anchor K of what is left: as many calls as at each of the larger ones; small ones
 * cost next to nothing. */
static double share(const struct ct_race *run, size_t k)
{
	double own = ct_race_estimate(run, run->at[k], 0), sum = 0;

	for (size_t j = k; j < run->nat; j++)
		sum += (double)run->in->sizes[run->at[j]] / (double)run->in->sizes[run->at[k]] * own;
	return fmax(ct_race_left(run) * fmax(small_part, own / fmax(1, sum)), least_part * (double)run->allowed_ns);
}

static ct_status anchor(struct ct_race *run, size_t k)
{
	double cap = share(run, k);
	struct ct_race_list list, own = { .cell = { 0 }, .n = 1 };
	ct_status status = CT_OK;

	/* one sample of the others: how much longer a first call takes is told by the default */
	if (ct_race_first(run, run->at[k]) == 1 && ct_times(run->out, run->at[k], 0)->n < 2)
		status = ct_race_take(run, run->at[k], &own, 2, false);
	if (status != CT_OK)
		return status;
	ct_race_common(run);
	ct_race_choose(run, run->at[k], cap, &list);
	status = ct_race_run(run, run->at[k], &list, cap * 0.7);
	if (status == CT_OK && run->out->measured[run->at[k]])
		status = ct_race_climb(run, run->at[k], cap * 0.7);
	return status;
}

static ct_status anchors(struct ct_race *run)
{
	size_t before = SIZE_MAX;
	bool small = true;

	for (size_t k = 0; k < run->nat; k++) {
		ct_status status = CT_OK;

		run->kept_ns = (for_refining + for_checks) * (double)run->allowed_ns;
		if (run->out->spent_ns >= run->in->budget_ns && k > 0) {
			run->out->short_of_budget = true;
			return CT_OK;
		}
		/* what the small sizes say of the large ones is to be known well */
		if (small && ct_race_first(run, run->at[k]) == 1) {
			small = false;
			status = ct_race_return(run);
		}
		if (status == CT_OK)
			status = anchor(run, k);
		if (status != CT_OK)
			return status;
		if (!run->out->measured[run->at[k]])
			continue;
		/* what is below costs less than what comes */
		if (before != SIZE_MAX)
			status = bisect(run, before, run->at[k]);
		if (status != CT_OK)
			return status;
		before = run->at[k];
		ct_race_common(run);
		/* what grows with the bytes can be told from large sizes only */
		if (k + LARGE >= run->nat)
			allow(run);
	}
	return CT_OK;
}

static ct_status search(struct ct_race *run)
{
	ct_status status = probe(run);

	if (status == CT_OK)
		status = anchors(run);
	if (status == CT_OK)
		status = ct_race_return(run);
	for (int round = 0; round < ROUNDS && status == CT_OK; round++) {
		run->kept_ns = for_checks * (double)run->allowed_ns;
		status = ct_race_refine(run);
		if (status == CT_OK)
			status = ct_race_widen(run);
		/* more is known now of what a sweep would take */
		ct_race_common(run);
		allow(run);
	}
	if (status != CT_OK)
		return status;
	ct_search_cover(run->out);
	run->kept_ns = 0;
	return ct_race_check(run);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static ct_status check_in(const struct ct_search_in *in)
{
	if (in->ncells == 0 || in->nsizes == 0 || in->ncells > CT_SEARCH_MOST_CELLS ||
		in->nsizes > CT_SEARCH_MOST_SIZES)
		return ct_fail(CT_INVALID, "a search over %zu settings and %zu sizes: 1 to %d and 1 to %d",
			in->ncells, in->nsizes, CT_SEARCH_MOST_CELLS, CT_SEARCH_MOST_SIZES);
	for (size_t i = 1; i < in->nsizes; i++)
		if (in->sizes[i] <= in->sizes[i - 1])
			return ct_fail(CT_INVALID, "the sizes of a search do not ascend");
	return CT_OK;
}

static ct_status begin(struct ct_race *run)
{
	const struct ct_search_in *in = run->in;
	struct ct_search *s = run->out;

	s->ncells = in->ncells;
	s->nsizes = in->nsizes;
	s->spent_ns = in->already_ns;
	s->times = ct_alloc(in->ncells * in->nsizes, sizeof(*s->times));
	run->ns = ct_alloc(in->ncells * CT_SEARCH_MOST_SAMPLES, sizeof(*run->ns));
	run->status = ct_alloc(in->ncells, sizeof(*run->status));
	run->alone = ct_alloc(in->ncells * in->nsizes, sizeof(*run->alone));
	run->computed = ct_alloc(in->ncells * in->nsizes, sizeof(*run->computed));
	for (size_t i = 0; i < in->nsizes && in->default_is != NULL; i++)
		run->is[i] = in->default_is(in->arg, i);
	for (size_t c = 0; c < in->ncells; c++)
		if (in->cells[c].family >= run->nfamilies)
			run->nfamilies = in->cells[c].family + 1;
	if (s->times == NULL || run->ns == NULL || run->status == NULL || run->alone == NULL ||
		run->computed == NULL)
		return CT_NOMEM;
	choose_anchors(run);
	return CT_OK;
}

ct_status ct_search_run(const struct ct_search_in *in, struct ct_search *out)
{
	struct ct_race run = { .in = in, .out = out };
	ct_status status = check_in(in);

	memset(out, 0, sizeof(*out));
	if (status == CT_OK)
		status = begin(&run);
	if (in->agree != NULL)
		status = in->agree(in->arg, status);
	if (status == CT_OK)
		status = search(&run);
	ct_free(run.computed);
	ct_free(run.alone);
	ct_free(run.status);
	ct_free(run.ns);
	return status;
}

void ct_search_free(struct ct_search *search)
{
	ct_free(search->times);
	search->times = NULL;
}

uint32_t ct_search_choice(const struct ct_search *search, size_t i)
{
	for (size_t k = 0; k < search->nstretches; k++)
		if (search->stretch[k].first <= i && i <= search->stretch[k].last)
			return search->stretch[k].cell;
	return 0;
}
