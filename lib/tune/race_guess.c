/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a call takes, from few samples of it: the samples at its size, and those at the sizes next to it
 * as far as one line (so much a call, so much a byte: Hockney's model) goes through all of them. Where
 * the residuals jump the line ends, as in netgauge's method for LogGP (Hoefler et al. 2007). See race.h.
 */
#include <math.h>

#include "race.h"

enum { BESIDE = 4, POINTS = CT_SEARCH_MOST_SIZES };

static const double jump = 2.5, agreed = 0.5;
static const double own_error = 0.006; /* of the line */
static const double growth = 0.5, growth_error = 0.35;      /* of one point's logarithm with the bytes' */
static const double ratio_error = 0.12; /* of two cells' times, for each doubling */
static const double default_error = 0.25, beyond_error = 1;

void ct_race_forget(struct ct_race *run, uint32_t cell)
{
	for (size_t i = 0; i < run->out->nsizes; i++)
		run->computed[i * run->out->ncells + cell] = false;
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
	double apart = run->rough * (i < j ? (double)(j - i) : (double)(i - j));

	l->x[l->n] = (double)run->in->sizes[j] / (double)run->in->sizes[i];
	l->ns[l->n] = exp(t->level);
	l->w[l->n++] = 1 / (run->noise[j] * run->noise[j] / t->weight + own_error * own_error +
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
	for (size_t k = 0; k < l->n && l->n > 1; k++)
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

/* Samples of CELL at size I and at the sizes next to it, as far as one line goes through all of them. How far
 * the nearest are. */
static size_t gather(const struct ct_race *run, size_t i, uint32_t cell, struct line *l)
{
	bool below = true, above = true;
	size_t nearest = SIZE_MAX;

	/* what the default takes may jump anywhere, since it changes its algorithm */
	size_t reach = cell == 0 && ct_times(run->out, i, 0)->counted > 0 ? 0 : run->in->nsizes;

	(void)extend(run, i, i, cell, l);
	for (size_t d = 1; d <= reach; d++) {
		nearest = l->n > 0 && nearest == SIZE_MAX ? d - 1 : nearest;
		below = below && i >= d && !run->broken[i - d + 1] && extend(run, i, i - d, cell, l);
		above = above && i + d < run->in->nsizes && !run->broken[i + d] && extend(run, i, i + d, cell, l);
	}
	return nearest == SIZE_MAX ? reach : nearest;
}

static struct ct_guess compute_alone(const struct ct_race *run, size_t i, uint32_t cell)
{
	struct line l = { .n = 0 };
	size_t nearest = gather(run, i, cell, &l);
	double error;

	if (l.n == 0)
		return (struct ct_guess){ 0, INFINITY };
	if (l.n == 1 && l.x[0] != 1)
		return from_one(&l);
	error = sqrt(l.variance + 4 * run->rough * run->rough * (double)(nearest * nearest));
	/* no better than the line and the samples at this size agree */
	if (l.x[0] == 1)
		error = fmax(error, agreed * fabs(log(l.ns[0] / (l.a + l.b))));
	return (struct ct_guess){ log(l.a + l.b), error };
}

struct ct_guess ct_race_line(const struct ct_race *run, size_t i, uint32_t cell)
{
	size_t at = i * run->out->ncells + cell;

	if (!run->computed[at]) {
		run->alone[at] = compute_alone(run, i, cell);
		run->computed[at] = true;
	}
	return run->alone[at];
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

/* From the nearest size with samples of CELL, J, as the times of the other cells grow from there, each as
 * well as it is known. The default may be another algorithm at either. */
static struct ct_guess beside(const struct ct_race *run, size_t i, size_t j, uint32_t cell)
{
	struct ct_guess there = ct_race_line(run, j, cell);
	double apart = ratio_error * (i < j ? (double)(j - i) : (double)(i - j)), sum = 0, weights = 0;

	for (uint32_t c = 0; c < run->in->ncells; c++) {
		struct ct_guess a, b;
		double w;

		if (c == cell || ct_times(run->out, i, c)->counted == 0 || ct_times(run->out, j, c)->counted == 0)
			continue;
		a = ct_race_line(run, i, c);
		b = ct_race_line(run, j, c);
		w = 1 / (a.se * a.se + b.se * b.se + apart * apart + (c == 0 ? default_error * default_error : 0));
		sum += w * (a.log_ns - b.log_ns);
		weights += w;
	}
	if (!(weights > 0))
		return (struct ct_guess){ 0, INFINITY };
	return (struct ct_guess){ there.log_ns + sum / weights, sqrt(there.se * there.se + 1 / weights +
		apart * apart / 2) };
}

/* Is there a sample of CELL beyond size I, as seen from size J? */
static bool between(const struct ct_race *run, size_t i, size_t j, uint32_t cell)
{
	for (size_t k = j < i ? i + 1 : 0; k < (j < i ? run->in->nsizes : i); k++)
		if (ct_times(run->out, k, cell)->counted > 0)
			return true;
	return false;
}

/* Two guesses of one time, which is known no better than they agree. */
static struct ct_guess together(struct ct_guess a, struct ct_guess b)
{
	double wa = 1 / (a.se * a.se), wb = 1 / (b.se * b.se);

	if (!isfinite(a.se) || !isfinite(b.se))
		return isfinite(a.se) ? a : b;
	return (struct ct_guess){ (wa * a.log_ns + wb * b.log_ns) / (wa + wb),
		fmax(sqrt(1 / (wa + wb)), fabs(a.log_ns - b.log_ns) / 2) };
}

struct ct_guess ct_race_guess(const struct ct_race *run, size_t i, uint32_t cell)
{
	struct ct_guess own, other;
	size_t j;

	/* which is known from other sizes too */
	if (cell == 0)
		cell = run->is[i];
	own = ct_race_line(run, i, cell);
	j = nearest_of(run, i, cell);
	if (j == i || j == SIZE_MAX || cell == 0 || (i < j ? j - i : i - j) > BESIDE)
		return own;
	other = beside(run, i, j, cell);
	/* where all leave their lines, as beyond a cache, this one will */
	if (isfinite(other.se) && !between(run, i, j, cell))
		own.se = hypot(own.se, beyond_error);
	return together(own, other);
}
