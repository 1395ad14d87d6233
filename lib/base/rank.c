/* SPDX-License-Identifier: BSD-3-Clause */
/* Comparing two samples by ranks; declared in stats.h. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "stats.h"

enum { EXACT_MOST = 20 };

struct ranked {
	double value;
	size_t tag; /* 1 = of sample A; Holm: where it came from */
};

static int compare_ranked(const void *a, const void *b)
{
	double x = ((const struct ranked *)a)->value, y = ((const struct ranked *)b)->value;

	return (x > y) - (x < y);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Chance of U <= SMALLER when all orders are alike. The counts are the coefficients of the
 * Gaussian binomial, product over i = 1 … na of (1 - q^(nb+i)) / (1 - q^i); after each factor they
 * are whole and their sum is at most C(40, 20) < 2^38. */
static double exact_tail(size_t na, size_t nb, size_t smaller)
{
	int64_t count[EXACT_MOST * EXACT_MOST + 1] = { 1 };
	size_t most = na * nb;
	double below = 0, all = 0;

	for (size_t i = 1; i <= na; i++) {
		for (size_t u = most; u >= nb + i; u--)
			count[u] -= count[u - nb - i];
		for (size_t u = i; u <= most; u++)
			count[u] += count[u - i];
	}
	for (size_t u = 0; u <= most; u++) {
		all += (double)count[u];
		if (u <= smaller)
			below += (double)count[u];
	}
	return below / all;
}

/* Normal approximation with continuity correction; TIES = sum of t^3 - t over groups of t equals
 * (e.g. Hollander, Wolfe, Chicken 2014, section 4.1). */
static double normal_p(double na, double nb, double u, double ties)
{
	double n = na + nb;
	double variance = na * nb / 12 * (n + 1 - ties / (n * (n - 1)));
	double z;

	if (!(variance > 0))
		return 1; /* all values are equal */
	z = (fabs(u - na * nb / 2) - 0.5) / sqrt(variance);
	return z > 0 ? erfc(z * M_SQRT1_2) : 1;
}

/* Ranks of A among the N sorted values, equals sharing their mean rank. */
static double rank_sum(const struct ranked *v, size_t n, double *ties)
{
	double sum = 0;

	*ties = 0;
	for (size_t i = 0, end; i < n; i = end) {
		size_t of_a = 0;
		double t;

		for (end = i; end < n && v[end].value == v[i].value; end++)
			of_a += v[end].tag;
		t = (double)(end - i);
		sum += (double)of_a * (double)(i + 1 + end) / 2;
		*ties += t * t * t - t;
	}
	return sum;
}

static bool has_nan(const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isnan(v[i]))
			return true;
	return false;
}

struct ct_mwu ct_mann_whitney(const double *a, size_t na, const double *b, size_t nb)
{
	double fa = (double)na, fb = (double)nb, ties;
	struct ct_mwu r = { .u = fa * fb / 2, .p = 1, .effect = 0.5 };
	struct ranked *v;

	if (na == 0 || nb == 0 || has_nan(a, na) || has_nan(b, nb))
		return r;
	v = ct_alloc(na + nb, sizeof(*v));
	if (v == NULL)
		return r;
	for (size_t i = 0; i < na; i++)
		v[i] = (struct ranked){ a[i], 1 };
	for (size_t i = 0; i < nb; i++)
		v[na + i] = (struct ranked){ b[i], 0 };
	qsort(v, na + nb, sizeof(*v), compare_ranked);
	r.u = rank_sum(v, na + nb, &ties) - fa * (fa + 1) / 2;
	r.effect = r.u / (fa * fb);
	ct_free(v);
	if (ties == 0 && na <= EXACT_MOST && nb <= EXACT_MOST)
		r.p = fmin(1, 2 * exact_tail(na, nb, (size_t)fmin(r.u, fa * fb - r.u)));
	else
		r.p = normal_p(fa, fb, r.u, ties);
	return r;
}

void ct_holm(double *p, size_t n)
{
	struct ranked *order = ct_alloc(n, sizeof(*order));
	double most = 0;

	for (size_t i = 0; i < n; i++)
		if (order == NULL || !(p[i] < 1))
			p[i] = 1;
	if (order == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		order[i] = (struct ranked){ p[i], i };
	qsort(order, n, sizeof(*order), compare_ranked);
	for (size_t i = 0; i < n; i++) {
		most = fmax(most, fmin(1, order[i].value * (double)(n - i)));
		p[order[i].tag] = most;
	}
	ct_free(order);
}

/* z with P(|N(0,1)| <= z) = LEVEL, by bisection: it is asked for once per comparison. */
static double two_sided_z(double level)
{
	double low = 0, high = 40;

	for (int i = 0; i < 80; i++) {
		double middle = (low + high) / 2;

		if (erfc(middle * M_SQRT1_2) > 1 - level)
			low = middle;
		else
			high = middle;
	}
	return high;
}

static double median_of(const double *sorted, size_t n)
{
	return sorted[(n - 1) / 2] / 2 + sorted[n / 2] / 2;
}

/* Pairs with a / b <= T; both sorted ascending, so as b grows the bound on a only moves up. */
static double pairs_up_to(const double *a, size_t na, const double *b, size_t nb, double t)
{
	double pairs = 0;
	size_t i = 0;

	for (size_t j = 0; j < nb; j++) {
		while (i < na && a[i] <= t * b[j])
			i++;
		pairs += (double)i;
	}
	return pairs;
}

/* The Kth smallest (1-based) of all ratios a / b, without making them: the doubles from 0 up are in
 * the order of their bit patterns, so 63 halvings find the least T with K pairs up to it. */
static double kth_ratio(const double *a, size_t na, const double *b, size_t nb, double k)
{
	double most = DBL_MAX, t;
	uint64_t low = 0, high;

	memcpy(&high, &most, sizeof(high));
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		memcpy(&t, &middle, sizeof(t));
		if (pairs_up_to(a, na, b, nb, t) >= k)
			high = middle;
		else
			low = middle + 1;
	}
	memcpy(&t, &high, sizeof(t));
	return t;
}

/* Sorted copies of A and B in V; false unless all values are positive and finite. */
static bool sorted_positive(double *v, const double *a, size_t na, const double *b, size_t nb)
{
	memcpy(v, a, na * sizeof(*v));
	memcpy(v + na, b, nb * sizeof(*v));
	for (size_t i = 0; i < na + nb; i++)
		if (!(v[i] > 0) || !isfinite(v[i]))
			return false;
	qsort(v, na, sizeof(*v), compare_double);
	qsort(v + na, nb, sizeof(*v), compare_double);
	return true;
}

struct ct_ratio ct_ratio_interval(const double *a, size_t na, const double *b, size_t nb,
				  double level)
{
	struct ct_ratio r = { 1, 0, INFINITY };
	double fa = (double)na, fb = (double)nb, k, *v;

	if (na == 0 || nb == 0)
		return r;
	v = ct_alloc(na + nb, sizeof(*v));
	if (v == NULL)
		return r;
	if (sorted_positive(v, a, na, b, nb)) {
		r.ratio = median_of(v, na) / median_of(v + na, nb);
		k = floor(fa * fb / 2 - two_sided_z(level) * sqrt(fa * fb * (fa + fb + 1) / 12));
		if (k >= 1) {
			r.low = fmin(r.ratio, kth_ratio(v, na, v + na, nb, k));
			r.high = fmax(r.ratio, kth_ratio(v, na, v + na, nb, fa * fb + 1 - k));
		}
	}
	ct_free(v);
	return r;
}
