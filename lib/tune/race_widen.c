/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is left when nothing seems worth more samples: lines through other sizes and single samples may err
 * together, so each cell that is not far behind gets some of its own, size by size, a few more in each round.
 * See race.h.
 */
#include <math.h>

#include "race.h"

static const double far_behind = 1.4, at_once = 0.5, hopeless = 3, cheap = 0.006, together = 0.06;

/* Cells with fewer than ENOUGH samples at size I that a line may have wronged; those they are compared with. */
static void put_thin(const struct ct_race *run, size_t i, uint32_t enough, struct ct_race_list *list)
{
	double best = ct_race_guess(run, i, run->out->best[i]).log_ns;

	list->n = 0;
	for (uint32_t c = 0; c < run->in->ncells; c++) {
		const struct ct_cell_times *t = ct_times(run->out, i, c);
		struct ct_guess g = ct_race_guess(run, i, c);

		if (ct_race_usable(t) && !ct_race_same(run, c, i) && t->n < enough &&
			!(isfinite(g.se) && g.log_ns - best > log(far_behind) + g.se))
			ct_race_put(list, c);
	}
	if (list->n == 0)
		return;
	ct_race_put(list, run->out->best[i]);
	ct_race_put(list, ct_search_choice(run->out, i));
}

ct_status ct_race_widen(struct ct_race *run)
{
	ct_status status = CT_OK;

	for (uint32_t k = 1; k < CT_RACE_RUNGS; k++)
		for (size_t i = 0; i < run->in->nsizes && status == CT_OK; i++) {
			uint32_t more = ct_race_rungs[k] - ct_race_rungs[k - 1];
			struct ct_race_list list;

			if (!run->out->measured[i])
				continue;
			put_thin(run, i, ct_race_rungs[k], &list);
			if (list.n == 0 || ct_race_cost(run, i, &list, more) > at_once * ct_race_left(run))
				continue;
			status = ct_race_take(run, i, &list, more, false);
			if (status == CT_OK)
				ct_race_judge(run, i);
		}
	return status;
}

/* Cells of one visit to size I that may be the fastest if all of it was late. */
static void put_visited_once(const struct ct_race *run, size_t i, struct ct_race_list *list)
{
	double best = ct_race_guess(run, i, run->out->best[i]).log_ns;

	list->n = 0;
	for (uint32_t c = 0; c < run->in->ncells; c++) {
		const struct ct_cell_times *t = ct_times(run->out, i, c);

		if (t->n > 0 && t->visit[0] == t->visit[t->n - 1] && ct_race_usable(t) && !ct_race_same(run, c, i) &&
			t->level < best + log(hopeless))
			ct_race_put(list, c);
	}
}

/* All samples of one visit may err together: ranks that share a processor go on for milliseconds in the order in
 * which they woke. */
ct_status ct_race_return(struct ct_race *run)
{
	double end = (double)run->out->spent_ns + together * (double)run->allowed_ns;
	ct_status status = CT_OK;

	for (size_t i = 0; i < run->in->nsizes && status == CT_OK; i++) {
		uint32_t samples = ct_race_first(run, i);
		struct ct_race_list list;

		if (!run->out->measured[i] || (double)run->out->spent_ns > end)
			continue;
		put_visited_once(run, i, &list);
		if (list.n < 2 || ct_race_cost(run, i, &list, samples) > cheap * (double)run->allowed_ns)
			continue;
		status = ct_race_take(run, i, &list, samples, false);
		if (status == CT_OK)
			ct_race_judge(run, i);
	}
	if (status == CT_OK) {
		ct_race_visits(run);
		ct_race_common(run);
	}
	return status;
}
