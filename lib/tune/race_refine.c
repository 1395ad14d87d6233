/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is left is spent where not knowing costs most: at each size on the fastest cell and on those that
 * may be faster, by as much as is expected to be gained from knowing (the expected improvement of
 * Bayesian optimisation; Jones, Schonlau and Welch 1998), and on the default where its loss is not known.
 * See race.h.
 */
#include <math.h>

#include "race.h"

enum { VISITS = 100, MORE = 4, MORE_LONG = 1, MORE_APART = 2, LEAST = 1, RIVALS = 3 };

static const double enough = 0.002, for_default = 0.006, default_jumps = 0.03, fewer = 0.25, dear = 0.3, at_once = 0.4;
/* Logarithms. */
static const double kin_error = 0.1, alike = 0.02, hardly_known = 0.4;

/* How much less than A B is expected to take where it does, apart from what does not matter: logarithms. */
static double improvement(struct ct_guess a, struct ct_guess b)
{
	double se = fmin(hypot(a.se, b.se), hardly_known / 2), d = a.log_ns - b.log_ns - alike, z = d / se;

	if (!isfinite(b.se) || !(se > 0))
		return 0;
	return d * 0.5 * erfc(-z / sqrt(2)) + se * exp(-z * z / 2) / sqrt(2 * M_PI);
}

struct doubt {
	struct ct_race_list list; /* the fastest, and who may be faster */
	double most;              /* what is expected to be gained */
	uint32_t samples;         /* of each */
};

static bool may_run(const struct ct_race *run, size_t i, uint32_t cell)
{
	return ct_race_usable(ct_times(run->out, i, cell)) && !ct_race_same(run, cell, i);
}

/* What CELL takes at size I; who has never been tried is taken for about as fast as its nearest kin, a
 * setting of the same algorithm one step away, else as what the rules choose by now. */
static struct ct_guess guess_of(const struct ct_race *run, size_t i, uint32_t cell, struct ct_guess own)
{
	struct ct_guess g = ct_race_guess(run, i, cell);

	if (!(g.se < hardly_known))
		g = (struct ct_guess){ INFINITY, INFINITY };
	for (uint32_t c = 1; !isfinite(g.se) && c < run->in->ncells; c++) {
		struct ct_guess kin = ct_race_guess(run, i, c);

		if (isfinite(kin.se) && ct_race_next_to(run, i, c, cell) && kin.log_ns < g.log_ns)
			g = (struct ct_guess){ kin.log_ns, INFINITY };
	}
	if (isfinite(g.se))
		return g;
	return (struct ct_guess){ isfinite(g.log_ns) ? g.log_ns : own.log_ns, kin_error };
}

/* Who may be faster than CHOSEN at size I, who may gain most first: at most RIVALS. */
static uint32_t rivals_of(const struct ct_race *run, size_t i, uint32_t chosen, uint32_t cell[RIVALS + 1],
	double gain[RIVALS + 1])
{
	struct ct_guess own = ct_race_guess(run, i, chosen);
	uint32_t n = 0;

	for (uint32_t c = 1; c < run->in->ncells; c++) {
		double g = may_run(run, i, c) && c != chosen ? improvement(own, guess_of(run, i, c, own)) : 0;
		uint32_t k;

		if (g <= 0)
			continue;
		for (k = n; k > 0 && gain[k - 1] < g; k--) {
			gain[k] = gain[k - 1];
			cell[k] = cell[k - 1];
		}
		gain[k] = g;
		cell[k] = c;
		n += n < RIVALS;
	}
	return n;
}

/* What is not known at size I, and whom to try for it beside what the rules choose by now. */
static struct doubt doubt_at(const struct ct_race *run, size_t i)
{
	struct doubt doubt = { .most = 0,
		.samples = ct_race_estimate(run, i, 0) > ct_race_long_ns ? MORE_LONG :
			run->apart[i] > run->noise[i] ? MORE_APART : MORE };
	uint32_t chosen = ct_search_choice(run->out, i), cell[RIVALS + 1];
	double gain[RIVALS + 1] = { 0 };
	uint32_t n = rivals_of(run, i, chosen, cell, gain);

	ct_race_put(&doubt.list, chosen);
	doubt.most = gain[0];
	for (uint32_t k = 0; k < n; k++)
		if (gain[k] >= fewer * gain[0] && gain[k] > enough / 2)
			ct_race_put(&doubt.list, cell[k]);
	if (run->out->measured[i] && run->out->resolved[i])
		return doubt;
	if (run->out->measured[i])
		doubt.most += for_default;
	else if (chosen == 0)
		doubt.most += default_jumps; /* it may be another algorithm there */
	ct_race_put(&doubt.list, 0);
	return doubt;
}

static uint32_t most_samples(const struct ct_race *run, size_t i, const struct ct_race_list *list)
{
	uint32_t most = 0;

	for (uint32_t k = 0; k < list->n; k++)
		if (ct_times(run->out, i, list->cell[k])->n > most)
			most = ct_times(run->out, i, list->cell[k])->n;
	return most;
}

/* Fewer rivals, then fewer samples, until what is left suffices; 0 samples: it does not. */
static double fit_in(const struct ct_race *run, size_t i, struct doubt *doubt)
{
	for (;;) {
		double cost = ct_race_cost(run, i, &doubt->list, doubt->samples);

		if (cost <= ct_race_left(run) * (doubt->samples > LEAST ? at_once : 1))
			return cost;
		if (doubt->list.n > 2)
			doubt->list.n--;
		else if (--doubt->samples < LEAST)
			return INFINITY;
	}
}

/* The size where samples are worth most, by what they cost; SIZE_MAX: nowhere. */
static size_t worth_most(const struct ct_race *run, struct doubt *doubt)
{
	double most = 0;
	size_t at = SIZE_MAX;

	for (size_t i = 0; i < run->in->nsizes; i++) {
		struct doubt here = doubt_at(run, i);
		double worth;

		/* more of one visit would tell the same once more */
		if (run->apart[i] > 0 && run->where == i)
			continue;
		if (here.most <= enough || most_samples(run, i, &here.list) + MORE > CT_SEARCH_MOST_SAMPLES)
			continue;
		worth = here.most / pow(fit_in(run, i, &here), dear);
		if (worth > most) {
			most = worth;
			at = i;
			*doubt = here;
		}
	}
	return at;
}

ct_status ct_race_refine(struct ct_race *run)
{
	ct_status status = CT_OK;

	for (int visit = 0; visit < VISITS && status == CT_OK; visit++) {
		struct doubt doubt;
		size_t i;

		ct_search_cover(run->out);
		i = worth_most(run, &doubt);
		if (i == SIZE_MAX)
			break;
		status = doubt.samples == 1 ? ct_race_look(run, i, &doubt.list) :
			ct_race_take(run, i, &doubt.list, doubt.samples, false);
		if (status == CT_OK)
			ct_race_judge(run, i);
	}
	for (size_t i = 0; i < run->in->nsizes && status == CT_OK; i++)
		if (run->out->measured[i])
			ct_race_judge(run, i);
	return status;
}
