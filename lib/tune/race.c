/* SPDX-License-Identifier: BSD-3-Clause */
/* A race: who is plainly slower leaves, then the slower half. See race.h. */
#include "race.h"

static const struct ct_cell_times *fastest(const struct ct_race *run, size_t i,
	const struct ct_race_list *list)
{
	const struct ct_cell_times *best = NULL;

	for (uint32_t k = 0; k < list->n; k++) {
		const struct ct_cell_times *t = ct_times(run->out, i, list->cell[k]);

		if (t->state == CT_CELL_ALIVE && (best == NULL || t->median < best->median))
			best = t;
	}
	return best;
}

/* Cells whose interval lies above the fastest's leave, and then the slower half. The default stays until
 * its loss is plain. */
static void halve(struct ct_race *run, size_t i, struct ct_race_list *list)
{
	const struct ct_cell_times *best = fastest(run, i, list);
	uint32_t most = list->n > 4 ? (list->n + 1) / 2 : list->n, n = 0;

	if (best == NULL) {
		list->n = 0;
		return;
	}
	for (uint32_t k = 0; k < list->n; k++) {
		struct ct_cell_times *t = ct_times(run->out, i, list->cell[k]);
		uint32_t faster = 0;
		bool plain = t->low > best->high;
		bool far = plain && (t->n >= ct_race_rungs[1] || t->median > 1.5 * (double)best->median);

		for (uint32_t j = 0; j < list->n; j++) {
			const struct ct_cell_times *u = ct_times(run->out, i, list->cell[j]);

			faster += ct_race_usable(u) && u->n > 0 && u->median < t->median;
		}
		if (!ct_race_usable(t))
			continue;
		if (list->cell[k] == 0 ? far : plain || faster >= most)
			t->state = CT_CELL_DROPPED;
		else
			list->cell[n++] = list->cell[k];
	}
	list->n = n;
	/* who was left behind is so for good, but the default is judged all the same */
	if (ct_times(run->out, i, 0)->state == CT_CELL_DROPPED)
		ct_times(run->out, i, 0)->state = CT_CELL_ALIVE;
}

/* Is what is left in the race within a few percent of BEST? Long calls are not spent on such
 * differences. */
static bool all_near(const struct ct_race *run, size_t i, const struct ct_race_list *list,
	const struct ct_cell_times *best)
{
	for (uint32_t k = 0; k < list->n; k++)
		if (list->cell[k] != 0 && (double)ct_times(run->out, i, list->cell[k])->median >
			ct_race_not_worse * ct_race_not_worse * (double)best->median)
			return false;
	return true;
}

/* The fastest is alone, or the default will do, and either is known; or there is no more to gain. */
static bool decided(const struct ct_race *run, size_t i, const struct ct_race_list *list,
	const struct ct_cell_times *best, uint32_t rung)
{
	if (run->out->resolved[i] && (list->n <= 1 || (rung > 0 && ct_times(run->out, i, 0)->good)))
		return true;
	return rung > 0 && ct_race_estimate(run, i, 0) > ct_race_long_ns && all_near(run, i, list, best);
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

/* Brings the cells of LIST up to CT_RACE_RUNGS samples, fewer at each rung; CAP ns may be spent,
 * the first few samples apart. */
ct_status ct_race_run(struct ct_race *run, size_t i, struct ct_race_list *list, double cap)
{
	double end = (double)run->out->spent_ns + cap;
	ct_status status = CT_OK;

	for (uint32_t rung = 0; rung < CT_RACE_RUNGS && list->n > 0; rung++) {
		struct ct_race_list behind = { .n = 0 };
		uint32_t have = least_samples(run, i, list, ct_race_rungs[rung], &behind);
		const struct ct_cell_times *best;

		if (behind.n == 0)
			continue;
		if (have > 0 &&
			(double)run->out->spent_ns +
			ct_race_cost(run, i, &behind, ct_race_rungs[rung] - have) >
			end)
			break;
		status = ct_race_take(run, i, &behind, ct_race_rungs[rung] - have, false);
		if (status != CT_OK)
			return status;
		halve(run, i, list);
		best = fastest(run, i, list);
		ct_race_judge(run, i);
		if (best == NULL || decided(run, i, list, best, rung))
			break;
	}
	ct_race_judge(run, i);
	return CT_OK;
}
