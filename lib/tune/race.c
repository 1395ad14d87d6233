/* SPDX-License-Identifier: BSD-3-Clause */
/* A race: who is plainly slower leaves, then the slower half. See race.h. */
#include <math.h>
#include <stdlib.h>

#include "race.h"

/* Deviations at which a cell leaves; differences that matter to nobody. */
static const double leave = 2.5, near = 1.03, cheap = 0.01, much = 0.5, well_known = 0.3;

enum { FEW = 3, LOOKS = 3 };

/* Is CELL surely slower than BEST at size I by now? */
static bool hopeless(const struct ct_race *run, size_t i, uint32_t cell, uint32_t best)
{
	struct ct_guess a = ct_race_guess(run, i, cell), b = ct_race_guess(run, i, best);

	return a.log_ns - b.log_ns > fmax(leave * hypot(a.se, b.se), log(near));
}

/* How many of LIST are faster than CELL. */
static uint32_t ahead_of(const struct ct_race *run, size_t i, const struct ct_race_list *list, uint32_t cell)
{
	double own = ct_race_guess(run, i, cell).log_ns;
	uint32_t n = 0;

	for (uint32_t k = 0; k < list->n; k++)
		n += ct_race_usable(ct_times(run->out, i, list->cell[k])) &&
			ct_race_guess(run, i, list->cell[k]).log_ns < own;
	return n;
}

/* Cells that are surely slower than the fastest leave, and then the slower half. The default stays until
 * its loss is plain. */
static void halve(struct ct_race *run, size_t i, struct ct_race_list *list)
{
	uint32_t best = run->out->best[i], most = list->n > 4 ? (list->n + 1) / 2 : list->n, n = 0;
	struct ct_race_list before = *list;

	for (uint32_t k = 0; k < before.n; k++) {
		struct ct_cell_times *t = ct_times(run->out, i, before.cell[k]);
		bool slow = hopeless(run, i, before.cell[k], best);

		if (!ct_race_usable(t))
			continue;
		if (before.cell[k] == 0)
			slow = slow && run->out->resolved[i];
		else if (slow || ahead_of(run, i, &before, before.cell[k]) >= most) {
			t->state = CT_CELL_DROPPED;
			continue;
		}
		if (!slow)
			list->cell[n++] = before.cell[k];
	}
	list->n = n;
}

/* Is what is left in the race within a few percent of the fastest? Long calls are not spent on such
 * differences. */
static bool all_near(const struct ct_race *run, size_t i, const struct ct_race_list *list)
{
	double best = ct_race_guess(run, i, run->out->best[i]).log_ns;

	for (uint32_t k = 0; k < list->n; k++)
		if (list->cell[k] != 0 && ct_race_guess(run, i, list->cell[k]).log_ns > best + log(near))
			return false;
	return true;
}

/* The fastest is alone, or the default will do, and either is known; or there is no more to gain. */
static bool decided(const struct ct_race *run, size_t i, const struct ct_race_list *list, uint32_t rung)
{
	if (run->out->resolved[i] && (list->n <= 1 || (rung > 0 && ct_times(run->out, i, 0)->good)))
		return true;
	return rung > 0 && run->out->resolved[i] && ct_race_estimate(run, i, 0) > ct_race_long_ns &&
		all_near(run, i, list);
}

/* The least samples that a cell of LIST has at size I; BEHIND: those with fewer than ENOUGH. */
static uint32_t least_samples(const struct ct_race *run, size_t i, const struct ct_race_list *list,
	uint32_t enough, struct ct_race_list *behind)
{
	uint32_t have = enough;

	for (uint32_t k = 0; k < list->n; k++) {
		uint32_t n = ct_times(run->out, i, list->cell[k])->n;

		if (n < enough)
			ct_race_put(behind, list->cell[k]);
		if (n < have)
			have = n;
	}
	return have;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Cells of LIST whose last sample at size I took much longer than FORESEEN, beside what all took (0: nothing was). */
static void put_late(const struct ct_race *run, size_t i, const struct ct_race_list *list, const double *foreseen,
	struct ct_race_list *late)
{
	double by[CT_SEARCH_MOST_CELLS], sorted[CT_SEARCH_MOST_CELLS], usual;
	uint32_t n = 0;

	for (uint32_t k = 0; k < list->n; k++) {
		const struct ct_cell_times *t = ct_times(run->out, i, list->cell[k]);

		by[k] = t->n > 0 && foreseen[list->cell[k]] != 0 ?
			log((double)t->ns[t->n - 1]) - foreseen[list->cell[k]] : NAN;
		sorted[n] = by[k];
		n += isfinite(by[k]);
	}
	qsort(sorted, n, sizeof(*sorted), compare);
	usual = n < FEW ? 0 : sorted[(n - 1) / 2];
	for (uint32_t k = 0; k < list->n; k++)
		if (by[k] > usual + much)
			ct_race_put(late, list->cell[k]);
}

ct_status ct_race_look(struct ct_race *run, size_t i, const struct ct_race_list *list)
{
	double foreseen[CT_SEARCH_MOST_CELLS] = { 0 };
	struct ct_race_list now = *list;
	ct_status status = CT_OK;

	for (uint32_t k = 0; k < list->n; k++) {
		struct ct_guess g = ct_race_line(run, i, list->cell[k]);

		foreseen[list->cell[k]] = g.se < well_known ? g.log_ns : 0;
	}
	for (int look = 0; look < LOOKS && status == CT_OK && now.n > 0; look++) {
		struct ct_race_list late = { .n = 0 };

		status = ct_race_take(run, i, &now, 1, false);
		put_late(run, i, &now, foreseen, &late);
		now = late;
	}
	return status;
}

/* Brings the cells of LIST up to CT_RACE_RUNGS samples, fewer at each rung; CAP ns may be spent,
 * the first few samples apart. */
ct_status ct_race_run(struct ct_race *run, size_t i, struct ct_race_list *list, double cap)
{
	double end = (double)run->out->spent_ns + cap;
	ct_status status = CT_OK;

	/* where a call costs next to nothing two samples are too few */
	uint32_t rung = ct_race_first(run, i) - 1;

	rung += ct_race_cost(run, i, list, ct_race_rungs[2]) < cheap * ct_race_left(run);

	for (; rung < CT_RACE_RUNGS && list->n > 0; rung++) {
		struct ct_race_list behind = { .n = 0 };
		uint32_t have = least_samples(run, i, list, ct_race_rungs[rung], &behind);

		if (behind.n == 0)
			continue;
		if (have > 0 &&
			(double)run->out->spent_ns +
			ct_race_cost(run, i, &behind, ct_race_rungs[rung] - have) >
			end)
			break;
		status = rung == 0 && have == 0 ? ct_race_look(run, i, &behind) :
			ct_race_take(run, i, &behind, ct_race_rungs[rung] - have, false);
		if (status != CT_OK)
			return status;
		ct_race_judge(run, i);
		if (!run->out->measured[i])
			break;
		halve(run, i, list);
		if (decided(run, i, list, rung))
			break;
	}
	if (!run->out->measured[i])
		ct_race_judge(run, i);
	return CT_OK;
}
