/* SPDX-License-Identifier: BSD-3-Clause */
/* From the cells that are good enough at each measured size to the fewest stretches of sizes that one
 * cell each can serve. Going from small to large and beginning anew only when no cell serves all so
 * far gives the least number (stabbing of intervals). */
#include <math.h>
#include <string.h>

#include "search.h"

static const double as_fast = 0.02; /* a logarithm */

/* By how much CELL is slower than the fastest from FIRST to LAST, on average: logarithms. */
static double slower(const struct ct_search *s, uint32_t cell, size_t first, size_t last)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = first; i <= last; i++)
		if (s->measured[i]) {
			sum += ct_times(s, i, cell)->pooled - ct_times(s, i, s->best[i])->pooled;
			n++;
		}
	return n > 0 ? sum / (double)n : 0;
}

/* The cell that serves all measured sizes from FIRST to LAST: the default if it does, else the one with
 * the least product of times; of those that are as fast the first, so that other samples choose the same. */
static uint32_t label(const struct ct_search *s, const bool *all, size_t first, size_t last)
{
	double least = INFINITY;

	if (all[0])
		return 0;
	for (uint32_t c = 1; c < s->ncells; c++)
		if (all[c])
			least = fmin(least, slower(s, c, first, last));
	for (uint32_t c = 1; c < s->ncells; c++)
		if (all[c] && slower(s, c, first, last) <= least + as_fast)
			return c;
	return 0;
}

static void add(struct ct_search *s, size_t first, size_t last, const bool *all)
{
	struct ct_stretch *stretch = &s->stretch[s->nstretches];
	uint32_t cell = label(s, all, first, last);

	if (s->nstretches > 0 && stretch[-1].cell == cell) {
		stretch[-1].last = last;
		return;
	}
	*stretch = (struct ct_stretch){ .first = first, .last = last, .cell = cell, .gain = 1, .low = 1,
		.high = 1 };
	s->nstretches++;
}

/* A stretch begins as early as its cell is known to be good: at the last measured size of the one before
 * it, if it serves there too; else what lies between is a guess, and there is nothing between where
 * bisection came to its end. */
static void begin_early(struct ct_search *s, size_t k)
{
	struct ct_stretch *now = &s->stretch[k], *old = &s->stretch[k - 1];
	size_t before = now->first - 1;

	while (before > old->first && !s->measured[before])
		before--;
	if (before > old->first && ct_times(s, before, now->cell)->good) {
		now->first = before;
		old->last = before - 1;
	}
	now->guessed = !s->measured[now->first - 1] && !ct_times(s, before, now->cell)->good;
}

void ct_search_cover(struct ct_search *s)
{
	bool all[CT_SEARCH_MOST_CELLS] = { false }, next[CT_SEARCH_MOST_CELLS] = { false };
	size_t begin = 0, before = SIZE_MAX;

	s->nstretches = 0;
	for (size_t i = 0; i < s->nsizes; i++) {
		bool any = false;

		if (!s->measured[i])
			continue;
		for (uint32_t c = 0; c < s->ncells; c++) {
			next[c] = ct_times(s, i, c)->good && (before == SIZE_MAX || all[c]);
			any |= next[c];
		}
		if (!any) {
			add(s, begin, i - 1, all);
			begin = i;
			for (uint32_t c = 0; c < s->ncells; c++)
				next[c] = ct_times(s, i, c)->good;
		}
		memcpy(all, next, sizeof(all));
		before = i;
	}
	if (before != SIZE_MAX)
		add(s, begin, s->nsizes - 1, all);
	for (size_t k = 1; k < s->nstretches; k++)
		begin_early(s, k);
}
