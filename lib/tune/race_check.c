/* SPDX-License-Identifier: BSD-3-Clause */
/* Is what was chosen a gain on fresh samples? See race.h. */
#include <math.h>

#include "race.h"

enum { CHECK = 8, CHECK_MOST = 24 };

static const double least_gain = 0.03, surely = 2.2;

/* May SAMPLES of LIST be taken for a check, when little is left? */
static bool affordable(const struct ct_race *run, size_t i, const struct ct_race_list *list,
	uint32_t samples)
{
	return ct_race_cost(run, i, list, samples) <= fmax(ct_race_left(run), (double)run->allowed_ns / 50);
}

/* Where STRETCH is to be checked: the measured size at which the default seems to lose most, of those
 * that can be afforded. */
static size_t check_at(const struct ct_race *run, const struct ct_stretch *stretch)
{
	const struct ct_search *s = run->out;
	struct ct_race_list list = { .cell = { 0, stretch->cell }, .n = 2 };
	size_t at = SIZE_MAX;
	double most = -INFINITY;

	for (size_t i = stretch->first; i <= stretch->last; i++) {
		double gain = ct_race_guess(run, i, 0).log_ns - ct_race_guess(run, i, stretch->cell).log_ns;

		if (!s->measured[i] || ct_times(s, i, 0)->counted == 0 || gain <= most ||
			(at != SIZE_MAX && ct_race_cost(run, i, &list, CHECK) >
				fmax(ct_race_left(run) / 3, (double)run->allowed_ns / 100)))
			continue;
		most = gain;
		at = i;
	}
	return at != SIZE_MAX ? at : stretch->first;
}

/* Fresh samples of the default and of CELL at size I in place of those that were there, until the ratio
 * is known or time is up. */
static ct_status refresh(struct ct_race *run, size_t i, uint32_t cell)
{
	struct ct_cell_times *own = ct_times(run->out, i, 0), *new = ct_times(run->out, i, cell);
	struct ct_race_list list = { .cell = { 0, cell }, .n = 2 };
	ct_status status = CT_OK;

	own->n = new->n = 0;
	while (status == CT_OK && new->n < CHECK_MOST && ct_race_usable(new) && ct_race_usable(own)) {
		uint32_t more = new->n == 0 && affordable(run, i, &list, CHECK) ? CHECK : CHECK / 2;
		struct ct_ratio r;

		if (new->n > 0 && ct_race_cost(run, i, &list, more) > ct_race_left(run))
			break;
		status = ct_race_take(run, i, &list, more, new->n == 0);
		r = ct_race_ratio(own, new);
		if (r.low > 1 || r.high < ct_race_not_worse)
			break;
	}
	return status;
}

/* The gain of STRETCH by the samples at all of its sizes together: as sure as at one, on average worth it. BUT_LARGEST:
 * but for the size where it gains most, which late samples of the default may have done. */
static bool worth_together(const struct ct_race *run, const struct ct_stretch *stretch, bool but_largest)
{
	double gain = 0, variance = 0, most = 0;
	size_t n = 0;

	for (size_t i = stretch->first; i <= stretch->last; i++) {
		struct ct_guess own = ct_race_guess(run, i, 0), new = ct_race_guess(run, i, stretch->cell);

		if (ct_times(run->out, i, 0)->counted == 0 || ct_times(run->out, i, stretch->cell)->counted == 0)
			continue;
		gain += own.log_ns - new.log_ns;
		most = fmax(most, own.log_ns - new.log_ns);
		variance += own.se * own.se + new.se * new.se;
		n++;
	}
	gain -= but_largest ? most : 0;
	return n > 1 && gain > (double)n * log(ct_race_not_worse) && gain > surely * sqrt(variance);
}

/* Is STRETCH a rule that is worth it? A gain that is sure on fresh samples where it was checked (FRESH_LOW; 0: none
 * tell), or by all that is known somewhere in it or in all of it. */
static bool worth(const struct ct_race *run, const struct ct_stretch *stretch, double fresh_low)
{
	if ((fresh_low > 1 && stretch->gain > 1 + least_gain) || worth_together(run, stretch, false))
		return true;
	for (size_t i = stretch->first; i <= stretch->last; i++) {
		struct ct_guess own = ct_race_guess(run, i, 0), new = ct_race_guess(run, i, stretch->cell);
		double least = i == stretch->checked_at && stretch->samples > 0 ? least_gain :
			log(ct_race_not_worse);

		if (ct_times(run->out, i, 0)->counted > 0 && isfinite(new.se) &&
			own.log_ns - new.log_ns > fmax(least, surely * hypot(own.se, new.se)))
			return true;
	}
	return false;
}

/* Without a gain the default stays. */
static ct_status check(struct ct_race *run, struct ct_stretch *stretch)
{
	size_t i = check_at(run, stretch);
	struct ct_cell_times *own = ct_times(run->out, i, 0);
	struct ct_cell_times *new = ct_times(run->out, i, stretch->cell);
	const struct ct_cell_times before[2] = { *own, *new };
	const struct ct_race_list list = { .cell = { 0, stretch->cell }, .n = 2 };
	bool alone, fresh = run->out->spent_ns < run->in->budget_ns && affordable(run, i, &list, CHECK / 2);
	ct_status status = fresh ? refresh(run, i, stretch->cell) : CT_OK;
	struct ct_ratio r = ct_race_ratio(own, new);
	struct ct_race_pair pair = ct_race_pair_of(own, new);
	struct ct_mwu test = ct_mann_whitney(pair.a, own->n, pair.b, new->n);

	stretch->gain = r.ratio;
	stretch->low = r.low;
	stretch->high = r.high;
	stretch->p = test.p;
	stretch->effect = test.effect;
	stretch->samples = fresh ? new->n : 0;
	stretch->checked_at = i;
	if (fresh) {
		ct_race_add_samples(own, &before[0]);
		if (ct_race_usable(new))
			ct_race_add_samples(new, &before[1]);
		ct_race_levels(run, i);
		ct_race_judge(run, i);
	}
	/* what spoke for it may have been late samples of the default; where visits differ one says little */
	alone = fresh && run->apart[i] == 0;
	if (!ct_race_usable(new) || (alone && r.ratio < 1 && !ct_race_slower(run, i, 0, stretch->cell) &&
		!worth_together(run, stretch, true)) || !worth(run, stretch, alone ? r.low : 0))
		stretch->cell = 0;
	return status;
}

/* Neighbours with the same choice become one. */
static void merge(struct ct_search *s)
{
	size_t n = 0;

	for (size_t k = 0; k < s->nstretches; k++) {
		if (n > 0 && s->stretch[n - 1].cell == s->stretch[k].cell)
			s->stretch[n - 1].last = s->stretch[k].last;
		else
			s->stretch[n++] = s->stretch[k];
	}
	s->nstretches = n;
}

ct_status ct_race_check(struct ct_race *run)
{
	struct ct_search *s = run->out;
	ct_status status = CT_OK;

	for (size_t k = 0; k < s->nstretches && status == CT_OK; k++)
		if (s->stretch[k].cell != 0)
			status = check(run, &s->stretch[k]);
	merge(s);
	return status;
}
