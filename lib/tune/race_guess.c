/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a call takes, from few samples of it: the samples at its size, and those at the sizes next to it
 * as far as one line (so much a call, so much a byte: Hockney's model) goes through all of them. Where
 * the residuals jump the line ends, as in netgauge's method for LogGP (Hoefler et al. 2007). See race.h.
 */
#include <math.h>
#include <stdlib.h>

#include "race.h"

enum { BESIDE = 2, POINTS = CT_SEARCH_MOST_SIZES, DIFFERENCES = 512, DIFFERENCES_ENOUGH = 12 };

static const double outlier = 4, jump = 2.5;
static const double normal_difference = 0.9539; /* median of |a - b|, a and b standard normal */
static const double own_error = 0.006, error_apart = 0.015; /* of the line, the second for each doubling */
static const double growth = 0.5, growth_error = 0.35;      /* of one point's logarithm with the bytes' */
static const double ratio_error = 0.12; /* of two cells' times, for each doubling */
static const double least_noise = 0.005, most_noise = 1;

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* ---- samples of one size ---------------------------------------------------------------------- */

static size_t differences(const struct ct_race *run, size_t i, double *list, size_t n)
{
	for (uint32_t c = 0; c < run->out->ncells; c++) {
		const struct ct_cell_times *t = ct_times(run->out, i, c);

		for (uint32_t k = 1; k < t->n && n < DIFFERENCES; k++)
			if (!(t->cold >> (k - 1) & 3))
				list[n++] = fabs(log((double)t->ns[k]) - log((double)t->ns[k - 1]));
	}
	return n;
}

/* Spread of a sample's logarithm at size I, and, where there are few, at the sizes below: from one sample
 * to the next, so that neither drift nor a few late ones count. */
static double noise_at(const struct ct_race *run, size_t i)
{
	double list[DIFFERENCES];
	size_t n = 0;

	for (size_t j = i + 1; j-- > 0 && n < DIFFERENCES_ENOUGH;)
		n = differences(run, j, list, n);
	if (n == 0)
		return most_noise;
	qsort(list, n, sizeof(*list), compare);
	return fmin(most_noise, fmax(least_noise, list[n / 2] / normal_difference));
}

/* Mean of the logarithms but for those far from the middle one, which are late by some other cause: as first
 * calls often are. */
static void level(struct ct_cell_times *t, double noise)
{
	double v[CT_SEARCH_MOST_SAMPLES], middle, sum = 0;
	uint32_t first = (uint32_t)__builtin_popcountll(t->cold);

	t->counted = 0;
	if (t->n == 0)
		return;
	for (uint32_t k = 0; k < t->n; k++)
		v[k] = log((double)t->ns[k]);
	qsort(v, t->n, sizeof(*v), compare);
	/* the middle of those that are not first calls, if these are the slower ones */
	middle = v[t->n > first ? (t->n - first - 1) / 2 : 0];
	for (uint32_t k = 0; k < t->n; k++) {
		double x = log((double)t->ns[k]);

		if (fabs(x - middle) <= (t->cold >> k & 1 ? outlier / 2 : outlier) * noise || x == middle) {
			sum += x;
			t->counted++;
		}
	}
	t->level = sum / t->counted;
}

void ct_race_levels(struct ct_race *run, size_t i)
{
	run->noise[i] = noise_at(run, i);
	for (uint32_t c = 0; c < run->out->ncells; c++)
		level(ct_times(run->out, i, c), run->noise[i]);
}

/* ---- a line through sizes ---------------------------------------------------------------------- */

struct line {
	double x[POINTS], ns[POINTS], w[POINTS]; /* bytes over those of the size asked for; weight */
	size_t n;
	double a, b, variance; /* ns; relative, at x = 1 */
};

static void put(const struct ct_race *run, size_t i, size_t j, uint32_t cell, struct line *l)
{
	const struct ct_cell_times *t = ct_times(run->out, j, cell);
	double apart = error_apart * (i < j ? (double)(j - i) : (double)(i - j));

	l->x[l->n] = (double)run->in->sizes[j] / (double)run->in->sizes[i];
	l->ns[l->n] = exp(t->level);
	l->w[l->n++] = 1 / (run->noise[j] * run->noise[j] / t->counted + own_error * own_error +
		apart * apart);
}

/* Least squares of relative errors; neither part is below 0. */
static void fit(struct line *l)
{
	double uu = 0, uv = 0, vv = 0, su = 0, sv = 0, all = 0, det;

	for (size_t k = 0; k < l->n; k++) {
		double u = 1 / l->ns[k], v = l->x[k] / l->ns[k];

		uu += l->w[k] * u * u;
		uv += l->w[k] * u * v;
		vv += l->w[k] * v * v;
		su += l->w[k] * u;
		sv += l->w[k] * v;
		all += l->w[k];
	}
	det = uu * vv - uv * uv;
	l->a = l->n > 1 ? (su * vv - sv * uv) / det : 0;
	l->b = l->n > 1 ? (sv * uu - su * uv) / det : 0;
	if (l->n > 1 && l->a < 0) {
		l->a = 0;
		l->b = sv / vv;
		l->variance = 1 / all;
		return;
	}
	if (l->n == 1 || l->b < 0) {
		l->a = su / uu;
		l->b = 0;
	}
	/* what a byte takes may be lost below what a call takes: far above that says little */
	l->variance = l->n > 1 ? (uu + vv - 2 * uv) / det / ((l->a + l->b) * (l->a + l->b)) : 1 / all;
}

static bool straight(const struct line *l)
{
	for (size_t k = 0; k < l->n && l->n > 2; k++)
		if (fabs(log((l->a + l->b * l->x[k]) / l->ns[k])) * sqrt(l->w[k]) > jump)
			return false;
	return true;
}

/* Adds size J unless the line would bend; false: it does. */
static bool extend(const struct ct_race *run, size_t i, size_t j, uint32_t cell, struct line *l)
{
	struct line before = *l;

	if (ct_times(run->out, j, cell)->counted == 0 || !ct_race_usable(ct_times(run->out, j, cell)))
		return true;
	put(run, i, j, cell, l);
	fit(l);
	if (straight(l))
		return true;
	*l = before;
	return false;
}

/* One point elsewhere says little: about how a time grows with the bytes. */
static struct ct_guess from_one(const struct line *l)
{
	double apart = fabs(log(l->x[0])), far = growth_error * apart;

	return (struct ct_guess){ log(l->ns[0]) - growth * log(l->x[0]), sqrt(1 / l->w[0] + far * far) };
}

/* What is known of CELL at size I by itself. */
static struct ct_guess alone(const struct ct_race *run, size_t i, uint32_t cell)
{
	struct line l = { .n = 0 };
	bool below = true, above = true;
	size_t nearest = SIZE_MAX;

	/* what the default takes may jump anywhere, since it changes its algorithm */
	size_t reach = cell == 0 && ct_times(run->out, i, 0)->counted > 0 ? 0 : run->in->nsizes;

	(void)extend(run, i, i, cell, &l);
	for (size_t d = 1; d <= reach; d++) {
		nearest = l.n > 0 && nearest == SIZE_MAX ? d - 1 : nearest;
		below = below && i >= d && extend(run, i, i - d, cell, &l);
		above = above && i + d < run->in->nsizes && extend(run, i, i + d, cell, &l);
	}
	if (l.n == 0)
		return (struct ct_guess){ 0, INFINITY };
	if (l.n == 1 && l.x[0] != 1)
		return from_one(&l);
	if (nearest == SIZE_MAX)
		nearest = reach;
	return (struct ct_guess){ log(l.a + l.b), sqrt(l.variance + 4 * error_apart * error_apart *
		(double)(nearest * nearest)) };
}

/* The nearest size where CELL has samples; SIZE_MAX: none. */
static size_t nearest_of(const struct ct_race *run, size_t i, uint32_t cell)
{
	for (size_t d = 0; d < run->in->nsizes; d++) {
		if (i >= d && ct_times(run->out, i - d, cell)->counted > 0)
			return i - d;
		if (i + d < run->in->nsizes && ct_times(run->out, i + d, cell)->counted > 0)
			return i + d;
	}
	return SIZE_MAX;
}

/* From the nearest size with samples of CELL, as another cell's time grows that is known better. */
static struct ct_guess beside(const struct ct_race *run, size_t i, size_t j, uint32_t cell)
{
	struct ct_guess best = { 0, INFINITY }, there = alone(run, j, cell);
	double apart = ratio_error * (i < j ? (double)(j - i) : (double)(i - j));

	for (uint32_t c = 1; c < run->in->ncells; c++) {
		struct ct_guess a, b;

		if (c == cell || ct_times(run->out, i, c)->counted == 0 || ct_times(run->out, j, c)->counted == 0)
			continue;
		a = alone(run, i, c);
		b = alone(run, j, c);
		if (hypot(a.se, b.se) < best.se)
			best = (struct ct_guess){ a.log_ns - b.log_ns, hypot(a.se, b.se) };
	}
	return (struct ct_guess){ there.log_ns + best.log_ns, sqrt(there.se * there.se + best.se * best.se +
		apart * apart) };
}

struct ct_guess ct_race_guess(const struct ct_race *run, size_t i, uint32_t cell)
{
	struct ct_guess own = alone(run, i, cell), other;
	size_t j = nearest_of(run, i, cell);

	if (j == i || j == SIZE_MAX || cell == 0 || (i < j ? j - i : i - j) > BESIDE)
		return own;
	other = beside(run, i, j, cell);
	return other.se < own.se ? other : own;
}
