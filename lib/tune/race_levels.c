/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the samples of one size say of each cell, and what all cells have in common: how far samples spread, how far
 * apart two visits to a size are, how much longer first calls take, how rough times are from size to size. See
 * race.h.
 */
#include <math.h>
#include <stdlib.h>

#include "race.h"

enum { ENOUGH = 5, FEW = 4 /* samples */, DIFFERENCES = 512, DIFFERENCES_ENOUGH = 12, STEPS_ENOUGH = 24, NEXT = 3 /* sizes */ };

static const double outlier = 4, steeper = 0.12, plain = 4;
static const double normal_difference = 0.9539; /* median of |a - b|, a and b standard normal */
static const double normal_three_quarters = 1.6269; /* third quartile of it */
static const double normal_middle = 0.6745;     /* median of |a| */
static const double error_apart = 0.015;        /* of a line, at least, for each doubling */
static const double least_noise = 0.005, most_noise = 1, most_rough = 0.2;
static const double first_call = 0.1, first_call_error = 0.05, least_spread = 0.01; /* as long as nobody knows better */

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_of(double *list, size_t n)
{
	qsort(list, n, sizeof(*list), compare);
	return list[n / 2];
}

/* ---- samples of one size ---------------------------------------------------------------------- */

/* Are samples K - 1 and K of T of one visit, or each the only one of its visit? */
static bool tell_noise(const struct ct_cell_times *t, uint32_t k)
{
	return t->visit[k] == t->visit[k - 1] || ((k + 1 == t->n || t->visit[k + 1] != t->visit[k]) &&
		(k < 2 || t->visit[k - 2] != t->visit[k - 1]));
}

static size_t differences(const struct ct_race *run, size_t i, double *list, size_t n)
{
	for (uint32_t c = 0; c < run->out->ncells; c++) {
		const struct ct_cell_times *t = ct_times(run->out, i, c);

		for (uint32_t k = 1; k < t->n && n < DIFFERENCES; k++)
			if (!(t->cold >> (k - 1) & 3) && tell_noise(t, k))
				list[n++] = fabs(log((double)t->ns[k]) - log((double)t->ns[k - 1]));
	}
	return n;
}

/* Spread of a sample's logarithm at size I, and, where there are few, at the sizes below: from one sample
 * to the next, so that neither drift nor a few late ones count. The middle difference says nothing of times that
 * come in two kinds, such as with and without a wait for a processor: the third quarter does. */
static double noise_at(const struct ct_race *run, size_t i)
{
	double list[DIFFERENCES], middle;
	size_t n = 0;

	for (size_t j = i + 1; j-- > 0 && n < DIFFERENCES_ENOUGH;)
		n = differences(run, j, list, n);
	if (n == 0)
		return most_noise;
	middle = median_of(list, n) / normal_difference;
	return fmin(most_noise, fmax(least_noise, fmax(middle, list[3 * n / 4] / normal_three_quarters)));
}

/* The middle sample, a first call by as much shorter as these are longer. Who has others is told by them, since
 * first calls are not all alike, unless these took longer than even a first call: they are late by some other
 * cause. */
static double middle_of(const struct ct_cell_times *t, double excess)
{
	double v[2][CT_SEARCH_MOST_SAMPLES];
	size_t n[2] = { 0, 0 };

	for (uint32_t k = 0; k < t->n; k++) {
		bool cold = t->cold >> k & 1;

		v[cold][n[cold]++] = log((double)t->ns[k]);
	}
	for (int cold = 0; cold < 2; cold++)
		qsort(v[cold], n[cold], sizeof(**v), compare);
	if (n[0] == 0 || (n[1] > 0 && v[1][n[1] - 1] < v[0][(n[0] - 1) / 2]))
		return v[1][(n[1] - 1) / 2] - excess;
	return v[0][(n[0] - 1) / 2];
}

/* The samples of one visit: their weighted sum, their weights, how many. */
struct visited {
	double sum, weights;
	uint32_t n;
};

/* From sample K on those of the same visit, but for what is far from MIDDLE, which is late by some other cause
 * (INFINITY: all of them). Behind them. */
static uint32_t visit_from(const struct ct_race *run, size_t i, const struct ct_cell_times *t, uint32_t k,
	double middle, struct visited *v)
{
	const double noise = run->noise[i], first = hypot(noise, run->first_call_spread);
	const uint8_t visit = t->visit[k];

	*v = (struct visited){ .n = 0 };
	for (; k < t->n && t->visit[k] == visit; k++) {
		bool cold = t->cold >> k & 1;
		double x = log((double)t->ns[k]) - (cold ? run->first_call : 0);
		double w = cold ? noise * noise / (first * first) : 1;

		if (isfinite(middle) && x != middle &&
			fabs(x - middle) > outlier * hypot(cold ? first : noise, run->apart[i]))
			continue;
		v->sum += w * x;
		v->weights += w;
		v->n++;
	}
	return k;
}

/* Mean of the logarithms. What a visit errs by all of its samples do: many of one visit weigh no more than that. */
static void level(const struct ct_race *run, size_t i, struct ct_cell_times *t)
{
	const double noise = run->noise[i] * run->noise[i], apart = run->apart[i] * run->apart[i];
	double middle, sum = 0, weights = 0;
	struct visited v;

	t->counted = 0;
	if (t->n == 0)
		return;
	middle = middle_of(t, run->first_call);
	for (uint32_t k = 0; k < t->n;) {
		double w;

		k = visit_from(run, i, t, k, middle, &v);
		if (v.n == 0)
			continue;
		w = noise / (apart + noise / v.weights);
		sum += w * v.sum / v.weights;
		weights += w;
		t->counted += v.n;
	}
	t->level = sum / weights;
	t->weight = weights;
}

/* ---- visits ------------------------------------------------------------------------------------- */

/* From the last visit but one of a cell to its last. */
struct step {
	uint8_t from, to;
	double d, variance; /* logarithms; of the samples */
};

/* false: there was one visit only. */
static bool last_step(const struct ct_race *run, size_t i, const struct ct_cell_times *t, struct step *s)
{
	struct visited v[2] = { { .n = 0 }, { .n = 0 } };
	uint32_t begin[2] = { 0, 0 }, visits = 0;

	for (uint32_t k = 0; k < t->n; k++)
		if (k == 0 || t->visit[k] != t->visit[k - 1]) {
			begin[0] = begin[1];
			begin[1] = k;
			visits++;
		}
	if (visits < 2)
		return false;
	for (int k = 0; k < 2; k++)
		(void)visit_from(run, i, t, begin[k], INFINITY, &v[k]);
	*s = (struct step){ t->visit[begin[0]], t->visit[begin[1]], v[1].sum / v[1].weights - v[0].sum / v[0].weights,
		run->noise[i] * run->noise[i] * (1 / v[0].weights + 1 / v[1].weights) };
	return true;
}

/* What is left of each step at size I when what the cells of the same two visits have in common is taken away. */
static size_t own_steps(const struct ct_race *run, size_t i, double *list, size_t n, double *variance)
{
	struct step step[CT_SEARCH_MOST_CELLS];
	size_t steps = 0;

	for (uint32_t c = 0; c < run->out->ncells; c++)
		if (c == 0 || c != run->is[i])
			steps += last_step(run, i, ct_times(run->out, i, c), &step[steps]);
	for (size_t k = 0; k < steps && n < DIFFERENCES; k++) {
		double same[CT_SEARCH_MOST_CELLS];
		size_t all = 0;

		for (size_t m = 0; m < steps; m++) {
			same[all] = step[m].d;
			all += step[m].from == step[k].from && step[m].to == step[k].to;
		}
		if (all < FEW)
			continue;
		list[n++] = fabs(step[k].d - median_of(same, all));
		*variance += step[k].variance;
	}
	return n;
}

/* How far apart two visits to size I are for a cell, beside what all cells have in common and what samples
 * spread: by those to the sizes next to it too, where there are few. */
static double apart_at(const struct ct_race *run, size_t i)
{
	double list[DIFFERENCES], variance = 0, all;
	size_t n = own_steps(run, i, list, 0, &variance);

	for (size_t d = 1; d <= NEXT && n < STEPS_ENOUGH; d++) {
		if (i >= d)
			n = own_steps(run, i - d, list, n, &variance);
		if (i + d < run->out->nsizes)
			n = own_steps(run, i + d, list, n, &variance);
	}
	if (n < ENOUGH)
		return 0;
	all = median_of(list, n) / normal_middle;
	/* what chance may do is not taken for it */
	return all * all > plain * variance / (double)n ? sqrt((all * all - variance / (double)n) / 2) : 0;
}

void ct_race_visits(struct ct_race *run)
{
	for (size_t i = 0; i < run->out->nsizes; i++)
		run->apart[i] = apart_at(run, i);
}

/* ---- what all cells have in common --------------------------------------------------------------- */

/* How much longer first calls took than the next ones, and how far these differences are apart beside what
 * samples are. */
static void first_calls(struct ct_race *run)
{
	double list[DIFFERENCES], noise = 0, all;
	size_t n = 0;

	for (size_t i = run->out->nsizes; i-- > 0;)
		for (uint32_t c = 0; c < run->out->ncells && n < DIFFERENCES; c++) {
			const struct ct_cell_times *t = ct_times(run->out, i, c);

			if (t->n < 2 || (t->cold & 3) != 1)
				continue;
			list[n++] = log((double)t->ns[0]) - log((double)t->ns[1]);
			noise += 2 * run->noise[i] * run->noise[i];
		}
	run->first_call = n > 0 ? fmax(0, median_of(list, n)) : first_call;
	run->first_call_spread = first_call_error;
	if (n < ENOUGH)
		return;
	for (size_t k = 0; k < n; k++)
		list[k] = fabs(list[k] - run->first_call);
	all = median_of(list, n) / normal_middle;
	run->first_call_spread = sqrt(fmax(least_spread * least_spread, all * all - noise / (double)n));
}

/* How far the level of CELL at size I is from the middle of those next to it, beside how far the cells are
 * on average; NAN: it is not known. */
static double bend(const struct ct_race *run, size_t i, uint32_t cell)
{
	const struct ct_cell_times *t = ct_times(run->out, i, cell), *below = t - run->out->ncells,
		*above = t + run->out->ncells;

	if (t->counted == 0 || below->counted == 0 || above->counted == 0)
		return NAN;
	return t->level - (below->level + above->level) / 2;
}

/* Spread of a cell's time around what the sizes next to it tell, that of samples apart. */
static double roughness(const struct ct_race *run)
{
	double list[DIFFERENCES], samples = 0, all;
	size_t n = 0;

	for (size_t i = 1; i + 1 < run->out->nsizes; i++) {
		double own[CT_SEARCH_MOST_CELLS], sorted[CT_SEARCH_MOST_CELLS];
		size_t here = 0;

		for (uint32_t c = 1; c < run->out->ncells; c++) {
			own[here] = bend(run, i, c);
			sorted[here] = own[here];
			here += isfinite(own[here]);
		}
		for (size_t k = 0; k < here && here > 2 && n < DIFFERENCES; k++) {
			list[n++] = fabs(own[k] - median_of(sorted, here));
			samples += run->noise[i] * run->noise[i] / FEW;
		}
	}
	if (n < ENOUGH)
		return error_apart;
	/* a size and half of those next to it: 1.5 variances */
	all = median_of(list, n) / normal_middle;
	return fmin(most_rough, sqrt(fmax(error_apart * error_apart, all * all / 1.5 - samples / (double)n)));
}

/* Do the cells' times grow from size I - 1 to I by more than the bytes do, by the middle one of them? Beyond a
 * cache or where messages go another way they all leave their lines: none of ours is so steep. */
static bool breaks(const struct ct_race *run, size_t i)
{
	double list[CT_SEARCH_MOST_CELLS], bytes = log((double)run->in->sizes[i] / (double)run->in->sizes[i - 1]);
	size_t n = 0;

	for (uint32_t c = 1; c < run->out->ncells; c++) {
		const struct ct_cell_times *t = ct_times(run->out, i, c), *below = t - run->out->ncells;

		if (t->counted > 0 && below->counted > 0)
			list[n++] = t->level - below->level;
	}
	return n >= FEW - 1 && median_of(list, n) > bytes + steeper;
}

static void find_breaks(struct ct_race *run, size_t i)
{
	for (size_t at = i > 0 ? i : 1; at <= i + 1 && at < run->in->nsizes; at++) {
		bool now = breaks(run, at);

		for (uint32_t c = 0; c < run->out->ncells && now != run->broken[at]; c++)
			ct_race_forget(run, c);
		run->broken[at] = now;
	}
}

void ct_race_levels(struct ct_race *run, size_t i)
{
	run->noise[i] = noise_at(run, i);
	for (uint32_t c = 0; c < run->out->ncells; c++) {
		struct ct_cell_times *t = ct_times(run->out, i, c);

		if (t->n == 0 && t->counted == 0)
			continue;
		level(run, i, t);
		ct_race_forget(run, c);
	}
	find_breaks(run, i);
}

/* ROUGH changes what is known of all cells: now and then suffices. */
void ct_race_common(struct ct_race *run)
{
	run->rough = roughness(run);
	first_calls(run);
	for (size_t i = 0; i < run->out->nsizes; i++)
		ct_race_levels(run, i);
}
