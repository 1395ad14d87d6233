/* SPDX-License-Identifier: BSD-3-Clause */
/* Who takes part in a race: by what was measured at smaller sizes, by a model, and by knobs next to
 * the best. */
#include <math.h>

#include "race.h"

enum { MOVES = 3 };

static const double hopeless = 1.25, model_hopeless = 2, worth_knobs = 1.25;

/* Time of CELL at size I over that of the fastest, as the last two measured sizes let expect; 0 where
 * one of them does not know it. The more hopeful of what was and of the trend. */
static double outlook(const struct ct_race *run, size_t i, uint32_t cell)
{
	const struct ct_search *s = run->out;
	double ratio[2], at[2];
	int n = 0;

	for (size_t j = i; j-- > 0 && n < 2;) {
		const struct ct_cell_times *t = ct_times(s, j, cell);

		if (!s->measured[j])
			continue;
		if (t->n == 0)
			return 0;
		ratio[n] = (double)t->median / (double)ct_times(s, j, s->best[j])->median;
		at[n++] = log((double)run->in->sizes[j]);
	}
	if (n < 2)
		return 0;
	return fmin(ratio[0], ratio[0] * pow(ratio[0] / ratio[1],
		(log((double)run->in->sizes[i]) - at[0]) / (at[0] - at[1])));
}

/* The same where less is known: as at the nearest smaller size that knows it; 0 where none does. */
static double expected(const struct ct_race *run, size_t i, uint32_t cell)
{
	const struct ct_search *s = run->out;
	double ahead = outlook(run, i, cell);

	for (size_t j = i; j-- > 0 && ahead == 0;)
		if (s->measured[j] && ct_times(s, j, cell)->n > 0)
			ahead = (double)ct_times(s, j, cell)->median /
				(double)ct_times(s, j, s->best[j])->median;
	return ahead;
}

static bool pruned(struct ct_race *run, size_t i, uint32_t cell, double least)
{
	struct ct_cell_times *t = ct_times(run->out, i, cell);
	double predicted = run->in->predict != NULL ? run->in->predict(run->in->arg, cell, i) : 0;
	double ahead = expected(run, i, cell);

	if (cell == 0 || t->n > 0)
		return false;
	/* what was measured weighs more than a model */
	if (!(ahead > hopeless) && !(ahead == 0 && predicted > model_hopeless * least && least > 0))
		return false;
	t->state = CT_CELL_PRUNED;
	t->predicted = ahead > hopeless
		? ahead * ct_race_estimate(run, i, run->out->best[i > 0 ? i - 1 : 0])
		: predicted;
	return true;
}

static double least_predicted(const struct ct_race *run, size_t i)
{
	double least = 0;

	for (uint32_t c = 1; run->in->predict != NULL && c < run->in->ncells; c++) {
		double p = run->in->predict(run->in->arg, c, i);

		if (p > 0 && (least == 0 || p < least))
			least = p;
	}
	return least;
}

static bool same(const struct ct_race *run, uint32_t cell, size_t i)
{
	return run->in->same != NULL && run->in->same(run->in->arg, cell, i);
}

/* The best cell of FAMILY at the nearest size that knows one, the smaller ones first; else its first. */
static uint32_t known_at(const struct ct_race *run, size_t i, uint32_t family)
{
	const struct ct_search *s = run->out;
	uint32_t first = 0, found = 0;

	for (size_t step = 0; step < s->nsizes && found == 0; step++) {
		size_t j = step <= i ? i - step : step;
		uint64_t least = UINT64_MAX;

		for (uint32_t c = (uint32_t)s->ncells; c-- > 1;) {
			const struct ct_cell_times *t = ct_times(s, j, c);

			if (run->in->cells[c].family != family)
				continue;
			first = c;
			if (t->n > 0 && ct_race_usable(t) && t->median < least) {
				least = t->median;
				found = c;
			}
		}
	}
	return found != 0 ? found : first;
}

/* The default and the best known cell of each family. */
void ct_race_put_known(const struct ct_race *run, size_t i, struct ct_race_list *list)
{
	ct_race_put(list, 0);
	for (uint32_t f = 1; f < run->nfamilies; f++)
		if (!same(run, known_at(run, i, f), i))
			ct_race_put(list, known_at(run, i, f));
}

/* The best known cell of each family: all of them where a first look costs little, which is when the
 * ranking is known least; else those that are not hopeless, in the order of what is expected, as far as
 * a first look at them fits CAP; the default and the most hopeful one in any case. */
void ct_race_choose(struct ct_race *run, size_t i, double cap, struct ct_race_list *list)
{
	double least = least_predicted(run, i), ratio[CT_SEARCH_MOST_CELLS];
	struct ct_race_list all = { .n = 0 }, tried = { .n = 0 };

	list->n = 0;
	ct_race_put_known(run, i, list);
	if (ct_race_cost(run, i, list, CT_RACE_FIRST) <= cap / 2)
		return;
	for (uint32_t f = 1; f < run->nfamilies; f++) {
		uint32_t cell = known_at(run, i, f);
		double ahead;
		uint32_t k;

		if (same(run, cell, i) || pruned(run, i, cell, least))
			continue;
		ahead = expected(run, i, cell);
		for (k = all.n++; k > 0 && ratio[k - 1] > ahead; k--) {
			ratio[k] = ratio[k - 1];
			all.cell[k] = all.cell[k - 1];
		}
		ratio[k] = ahead;
		all.cell[k] = cell;
	}
	list->n = 0;
	ct_race_put(list, 0);
	for (uint32_t k = 0; k < all.n; k++) {
		ct_race_put(list, all.cell[k]);
		ct_race_put(&tried, all.cell[k]);
		/* the default is tried whatever it costs, and may be better than it looks from below */
		if (k > 0 && ct_race_cost(run, i, &tried, CT_RACE_FIRST) > cap) {
			list->n--;
			break;
		}
	}
}

/* ---- knobs ---------------------------------------------------------------------------------- */

/* Do A and B differ in knob K at most? */
static bool along(const struct ct_cell *a, const struct ct_cell *b, uint32_t k)
{
	if (a->family != b->family || a->nknobs != b->nknobs)
		return false;
	for (uint32_t i = 0; i < a->nknobs; i++)
		if (i != k && a->at[i] != b->at[i])
			return false;
	return true;
}

/* Adds the untried neighbours of CELL at size I: the next values of each knob, up and down, past those
 * that would be the same as another there. */
static void put_neighbours(const struct ct_race *run, size_t i, uint32_t cell, struct ct_race_list *list)
{
	const struct ct_cell *own = &run->in->cells[cell];

	for (uint32_t k = 0; k < own->nknobs; k++) {
		uint32_t up = 0, down = 0; /* cell 0 has no knob that could be next to another's */

		for (uint32_t c = 1; c < run->in->ncells; c++) {
			const struct ct_cell *other = &run->in->cells[c];

			if (!along(own, other, k) || same(run, c, i))
				continue;
			if (other->at[k] > own->at[k] &&
				(up == 0 || other->at[k] < run->in->cells[up].at[k]))
				up = c;
			if (other->at[k] < own->at[k] &&
				(down == 0 || other->at[k] > run->in->cells[down].at[k]))
				down = c;
		}
		if (up > 0 && ct_times(run->out, i, up)->state == CT_CELL_UNTRIED)
			ct_race_put(list, up);
		if (down > 0 && ct_times(run->out, i, down)->state == CT_CELL_UNTRIED)
			ct_race_put(list, down);
	}
}

/* Families near the fastest at size I try the neighbours of their best cell, as long as that helps. */
ct_status ct_race_climb(struct ct_race *run, size_t i, double cap)
{
	double end = (double)run->out->spent_ns + cap;

	for (int move = 0; move < MOVES; move++) {
		double best = (double)ct_times(run->out, i, run->out->best[i])->median;
		struct ct_race_list list = { .n = 0 };
		ct_status status;

		for (uint32_t f = 1; f < run->nfamilies; f++) {
			const struct ct_cell_times *t = ct_times(run->out, i, known_at(run, i, f));

			if (t->n > 0 && ct_race_usable(t) && (double)t->median <= worth_knobs * best)
				put_neighbours(run, i, known_at(run, i, f), &list);
		}
		if (list.n == 0 ||
			(double)run->out->spent_ns + ct_race_cost(run, i, &list, CT_RACE_FIRST) > end)
			break;
		ct_race_put(&list, run->out->best[i]);
		ct_race_put(&list, 0);
		status = ct_race_run(run, i, &list, end - (double)run->out->spent_ns);
		if (status != CT_OK)
			return status;
	}
	return CT_OK;
}
