/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A robust fit of log times: class (within a leaf or between) and rail by medians over everything,
 * then each end of each NIC by the median of what is left, the partner's own effect taken off. Medians
 * bear outliers and any number of faulty parts below one half.
 */
#include <math.h>

#include "fit.h"

enum { PASSES = 2, ENOUGH = 3 /* samples of one class that say something */ };

double ct_fit_median(double *v, size_t n)
{
	return n > 0 ? ct_middle(v, n) : NAN;
}

double ct_normal_z(double p)
{
	double low = 0, high = 40;

	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;

		if (erfc(middle / sqrt(2)) > p)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* Median over the samples of CLASS (2 = both) and RAIL (rails = all) of x less the class's base. */
static double median_of(struct ct_fit *fit, int class, uint32_t rail, bool centred)
{
	size_t n = 0;

	for (size_t i = 0; i < fit->n; i++) {
		const struct ct_sample *s = &fit->samples[i];

		if ((class == 2 || s->cross == (class == 1)) &&
			(rail == fit->fleet->rails || s->rail == rail))
			fit->scratch[n++] = (double)s->x - (centred ? fit->base[s->cross ? 1 : 0] : 0);
	}
	return ct_fit_median(fit->scratch, n);
}

/* Rails against the lower median of all rails: of two, the slower one is the odd one. */
static ct_status fit_rails(struct ct_fit *fit)
{
	uint32_t n = fit->fleet->rails;
	double *sorted = ct_alloc(n, sizeof(*sorted)), usual;

	if (sorted == NULL)
		return CT_NOMEM;
	for (uint32_t r = 0; r < n; r++) {
		fit->rail[r] = median_of(fit, 2, r, true);
		if (isnan(fit->rail[r]))
			fit->rail[r] = 0;
		sorted[r] = fit->rail[r];
	}
	usual = ct_select(sorted, n, (n - 1) / 2);
	for (uint32_t r = 0; r < n; r++)
		fit->rail[r] -= usual;
	for (int c = 0; c < 2; c++)
		fit->base[c] += usual;
	ct_free(sorted);
	return CT_OK;
}

/* Lists the samples of each end: order[first[e] … first[e + 1] - 1]. */
static void index_ends(struct ct_fit *fit)
{
	const struct ct_fleet *f = fit->fleet;
	size_t nends = (size_t)f->nodes * f->rails * 2;

	for (size_t e = 0; e <= nends; e++)
		fit->first[e] = 0;
	for (size_t i = 0; i < fit->n; i++) {
		const struct ct_sample *s = &fit->samples[i];

		fit->first[ct_end_of(f, s->from, s->rail, false) + 1]++;
		fit->first[ct_end_of(f, s->to, s->rail, true) + 1]++;
	}
	for (size_t e = 0; e < nends; e++)
		fit->first[e + 1] += fit->first[e];
	for (size_t i = fit->n; i-- > 0;) {
		const struct ct_sample *s = &fit->samples[i];
		size_t out = ct_end_of(f, s->from, s->rail, false), in = ct_end_of(f, s->to, s->rail, true);

		/* first[e + 1] is the end that moves down; it is e's beginning when all are placed */
		fit->order[--fit->first[out + 1]] = (uint32_t)i;
		fit->order[--fit->first[in + 1]] = (uint32_t)i;
	}
	for (size_t e = 0; e < nends; e++)
		fit->first[e] = fit->first[e + 1];
	fit->first[nends] = (uint32_t)(2 * fit->n);
}

/* The partner's effect in S as seen by an end; small ones are noise and not taken off. */
static double partner_effect(const struct ct_fit *fit, const struct ct_sample *s, bool in)
{
	size_t other = in ? ct_end_of(fit->fleet, s->from, s->rail, false) :
		ct_end_of(fit->fleet, s->to, s->rail, true);

	return fit->ends[other].slow ? fit->ends[other].effect : 0;
}

/* Median for end E over its samples of CLASS, or of confirming rounds (3); *N of them. */
static double end_median(struct ct_fit *fit, size_t e, int class, uint32_t *n)
{
	*n = 0;
	for (uint32_t k = fit->first[e]; k < fit->first[e + 1]; k++) {
		const struct ct_sample *s = &fit->samples[fit->order[k]];

		if (class == 3 ? s->again : s->cross == (class == 1))
			fit->scratch[(*n)++] = ct_fit_rest(fit, s) - partner_effect(fit, s, e % 2 == 1);
	}
	return ct_fit_median(fit->scratch, *n);
}

/* A fault of an end shows within its leaf and between leaves; one of the way there only between. */
static void fit_end(struct ct_fit *fit, size_t e)
{
	struct ct_fit_end *end = &fit->ends[e];
	uint32_t n[2];
	double m[2];

	for (int c = 0; c < 2; c++)
		m[c] = end_median(fit, e, c, &n[c]);
	end->n = n[0] + n[1];
	if (n[0] >= ENOUGH && n[1] >= ENOUGH)
		end->effect = m[0] < m[1] ? m[0] : m[1];
	else if (end->n > 0)
		end->effect = n[0] >= n[1] ? m[0] : m[1];
	else
		end->effect = 0;
	end->again = end_median(fit, e, 3, &end->nagain);
}

/* Spread of one sample: 1.4826 times the median absolute deviation from what the ends explain. */
static double spread(struct ct_fit *fit)
{
	for (size_t i = 0; i < fit->n; i++) {
		const struct ct_sample *s = &fit->samples[i];

		fit->scratch[i] = fabs(ct_fit_rest(fit, s) - partner_effect(fit, s, false) -
			partner_effect(fit, s, true));
	}
	return 1.4826 * ct_fit_median(fit->scratch, fit->n);
}

/* Half of the ends are no slower than the usual: of few nodes one bad one is in so many pairs that the
 * median of all times is no good zero, while that of the ends is. */
static ct_status centre(struct ct_fit *fit)
{
	size_t nends = (size_t)fit->fleet->nodes * fit->fleet->rails * 2, n = 0;
	double *effects = ct_alloc(nends, sizeof(*effects)), middle;

	if (effects == NULL)
		return CT_NOMEM;
	for (size_t e = 0; e < nends; e++)
		if (fit->ends[e].n > 0)
			effects[n++] = fit->ends[e].effect;
	middle = n > 0 ? ct_fit_median(effects, n) : 0;
	ct_free(effects);
	for (size_t e = 0; e < nends; e++) {
		fit->ends[e].effect -= fit->ends[e].n > 0 ? middle : 0;
		fit->ends[e].again -= fit->ends[e].nagain > 0 ? middle : 0;
	}
	for (int c = 0; c < 2; c++)
		fit->base[c] += middle;
	return CT_OK;
}

/* What a message loses at each end: where most of a node is slow, the rest of it is too. */
static void explain(struct ct_fit *fit)
{
	const struct ct_fleet *f = fit->fleet;

	for (uint32_t i = 0; i < f->nodes; i++) {
		struct ct_fit_end *ends = &fit->ends[ct_end_of(f, i, 0, false)];
		uint32_t measured = 0, slow = 0;
		double sum = 0;

		for (uint32_t k = 0; k < f->rails * 2; k++) {
			measured += ends[k].n > 0 ? 1 : 0;
			slow += ends[k].slow ? 1 : 0;
			sum += ends[k].slow ? ends[k].effect : 0;
		}
		for (uint32_t k = 0; k < f->rails * 2; k++)
			ends[k].explained = ends[k].slow ? ends[k].effect :
				slow > 1 && slow * 2 > measured ? sum / slow : 0;
	}
}

ct_status ct_fit_all(struct ct_fit *fit)
{
	const struct ct_fleet *f = fit->fleet;
	size_t nends = (size_t)f->nodes * f->rails * 2;
	ct_status s;

	for (size_t e = 0; e < nends; e++)
		fit->ends[e].slow = false;
	for (int c = 0; c < 2; c++)
		fit->base[c] = median_of(fit, c, f->rails, false);
	s = fit_rails(fit);
	if (s == CT_OK)
		index_ends(fit);
	fit->sigma = spread(fit);
	for (int pass = 0; s == CT_OK && pass < PASSES; pass++) {
		for (size_t e = 0; e < nends; e++)
			fit_end(fit, e);
		s = centre(fit);
		/* far outside the noise: its partners must not suffer for it in the next pass */
		for (size_t e = 0; e < nends; e++)
			fit->ends[e].slow = fit->ends[e].n >= ENOUGH &&
				fit->ends[e].effect > 4 * fit->sigma / sqrt(fit->ends[e].n);
		fit->sigma = spread(fit);
	}
	explain(fit);
	return s;
}
