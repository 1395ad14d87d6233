/* SPDX-License-Identifier: BSD-3-Clause */
/* Paired samples: Wilcoxon's signed-rank test and the Hodges-Lehmann ratio that belongs to it. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "stats.h"

enum { EXACT = 50 }; /* up to here the distribution is counted, beyond it is normal */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* WAYS[s] = how probable the sum S of the doubled RANKS (N of them) that get a plus by coin is;
 * WAYS has room for N * (N + 1) + 1. */
static void distribution(const unsigned int *ranks, size_t n, double *ways)
{
	size_t most = n * (n + 1), top = 0;

	memset(ways, 0, (most + 1) * sizeof(*ways));
	ways[0] = 1;
	for (size_t i = 0; i < n; i++) {
		top += ranks[i];
		for (size_t s = top + 1; s-- > 0;)
			ways[s] = (ways[s] + (s >= ranks[i] ? ways[s - ranks[i]] : 0)) / 2;
	}
}

/* Doubled mid-ranks of the N absolute values in SORTED, and the sum of t^3 - t over ties. */
static double rank_ties(const double *sorted, size_t n, unsigned int *doubled)
{
	double ties = 0;
	size_t end;

	for (size_t i = 0; i < n; i = end) {
		double t;

		for (end = i + 1; end < n && sorted[end] == sorted[i]; end++)
			continue;
		for (size_t k = i; k < end; k++)
			doubled[k] = (unsigned int)(i + end + 1);
		t = (double)(end - i);
		ties += t * t * t - t;
	}
	return ties;
}

static double exact_p(const unsigned int *doubled, size_t n, double v)
{
	double *ways = ct_alloc(n * (n + 1) + 1, sizeof(*ways)), low = 0, high = 0;
	size_t at = (size_t)(2 * v + 0.5);

	if (ways == NULL)
		return 1;
	distribution(doubled, n, ways);
	for (size_t s = 0; s <= n * (n + 1); s++) {
		low += s <= at ? ways[s] : 0;
		high += s >= at ? ways[s] : 0;
	}
	ct_free(ways);
	return fmin(1, 2 * fmin(low, high));
}

static double normal_p(size_t n, double v, double ties)
{
	double k = (double)n, mean = k * (k + 1) / 4;
	double deviation = sqrt(k * (k + 1) * (2 * k + 1) / 24 - ties / 48);
	double z = fabs(v - mean) - 0.5;

	return deviation > 0 && z > 0 ? erfc(z / deviation / sqrt(2)) : 1;
}

struct ct_wsr ct_signed_rank(const double *d, size_t n)
{
	struct ct_wsr out = { 0, 1 };
	double *sizes = ct_alloc(n + 1, sizeof(*sizes)), ties;
	unsigned int *doubled = ct_alloc(n + 1, sizeof(*doubled));
	size_t m = 0;

	for (size_t i = 0; sizes != NULL && i < n; i++) {
		if (isnan(d[i]))
			goto free_all;
		if (d[i] != 0)
			sizes[m++] = fabs(d[i]);
	}
	if (sizes == NULL || doubled == NULL || m == 0)
		goto free_all;
	qsort(sizes, m, sizeof(*sizes), by_size);
	ties = rank_ties(sizes, m, doubled);
	for (size_t i = 0; i < n; i++) {
		const double size = d[i];
		const double *at = size > 0 ? bsearch(&size, sizes, m, sizeof(size), by_size) : NULL;

		if (at != NULL)
			out.v += doubled[at - sizes] / 2.0;
	}
	out.p = m <= EXACT ? exact_p(doubled, m, out.v) : normal_p(m, out.v, ties);
free_all:
	ct_free(doubled);
	ct_free(sizes);
	return out;
}

size_t ct_signed_rank_critical(size_t n, double level)
{
	double alpha = (1 - level) / 2, sum = 0, *ways, k = (double)n, z;
	unsigned int ranks[EXACT];
	size_t c = 0;

	if (n > EXACT) {
		/* Quantiles of the normal by bisection of erfc: called once a rung. */
		double low = 0, high = 40;

		while (high - low > 1e-9) {
			z = (low + high) / 2;
			if (erfc(z / sqrt(2)) / 2 > alpha)
				low = z;
			else
				high = z;
		}
		z = k * (k + 1) / 4 - high * sqrt(k * (k + 1) * (2 * k + 1) / 24);
		return z > 0 ? (size_t)z : 0;
	}
	ways = ct_alloc(n * (n + 1) + 1, sizeof(*ways));
	if (ways == NULL)
		return 0;
	for (size_t i = 0; i < n; i++)
		ranks[i] = (unsigned int)(2 * (i + 1));
	distribution(ranks, n, ways);
	while (2 * c <= n * (n + 1) && sum + ways[2 * c] <= alpha)
		sum += ways[2 * c++];
	ct_free(ways);
	return c;
}

/* Logarithms of the N ratios a/b; false: one is not positive and finite. */
static bool logs_of(const double *a, const double *b, size_t n, double *out)
{
	for (size_t i = 0; i < n; i++) {
		if (!(a[i] > 0) || !(b[i] > 0) || !isfinite(a[i]) || !isfinite(b[i]))
			return false;
		out[i] = log(a[i] / b[i]);
	}
	return true;
}

struct ct_ratio ct_ratio_paired(const double *a, const double *b, size_t n, double level)
{
	struct ct_ratio out = { 1, 0, INFINITY };
	size_t walsh = n * (n + 1) / 2, m = 0, c;
	double *logs = ct_alloc(n + 1, sizeof(*logs)), *means = ct_alloc(walsh + 1, sizeof(*means));

	if (logs == NULL || means == NULL || n == 0 || !logs_of(a, b, n, logs))
		goto free_all;
	for (size_t i = 0; i < n; i++)
		for (size_t k = i; k < n; k++)
			means[m++] = (logs[i] + logs[k]) / 2;
	qsort(means, walsh, sizeof(*means), by_size);
	out.ratio = exp((means[(walsh - 1) / 2] + means[walsh / 2]) / 2);
	c = ct_signed_rank_critical(n, level);
	if (c > 0) {
		out.low = exp(means[c - 1]);
		out.high = exp(means[walsh - c]);
	}
free_all:
	ct_free(means);
	ct_free(logs);
	return out;
}
