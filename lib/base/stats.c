/* SPDX-License-Identifier: BSD-3-Clause */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void ct_sort_u64(uint64_t *v, size_t n)
{
	if (n > 1)
		qsort(v, n, sizeof(*v), compare_u64);
}

uint64_t ct_nearest_rank(uint64_t n, double q)
{
	/* 0.07 * 100 is 7.000000000000001: take a few units in the last place off first. */
	double rank = ceil(q * (double)n * (1 - 4 * DBL_EPSILON));

	if (!(rank > 1))
		return n > 0;
	return q < 1 && rank < (double)n ? (uint64_t)rank : n;
}

uint64_t ct_quantile(const uint64_t *sorted, size_t n, double q)
{
	return n == 0 ? 0 : sorted[ct_nearest_rank(n, q) - 1];
}

uint64_t ct_median(const uint64_t *sorted, size_t n)
{
	uint64_t a, b;

	if (n == 0)
		return 0;
	a = sorted[(n - 1) / 2];
	b = sorted[n / 2];
	return a + (b - a) / 2; /* a <= b; no overflow as (a + b) would */
}

/* C(2m, m) / 4^m: the product while it is short, else Stirling's series of it, whose next term is
 * 17 / (14336 m^7). */
static double central_binomial(double m)
{
	double p = 1;

	if (m > 512)
		return exp(-1 / (8 * m) + 1 / (192 * m * m * m)) / sqrt(M_PI * m);
	for (double i = 1; i <= m; i++)
		p *= (2 * i - 1) / (2 * i);
	return p;
}

/* The interval x(k) … x(n-1-k) holds the median if k + 1 … n - k - 1 of the n values lie below it,
 * each with probability 1/2. The sum starts in the middle and grows outwards until it is enough,
 * about sqrt(n) steps. */
double ct_median_interval(size_t n, double level, size_t *low, size_t *high)
{
	double m = floor((double)n / 2), p, coverage;
	size_t k;

	*low = *high = 0;
	if (n == 0)
		return 0;
	if (n % 2 == 0) {
		k = n / 2 - 1;
		p = central_binomial(m);
		coverage = p;
	} else {
		k = n / 2;
		p = central_binomial(m) * (2 * m + 1) / (2 * (m + 1));
		coverage = 0;
	}
	while (k > 0 && coverage + 1e-12 < level) {
		k--;
		p *= (double)(k + 2) / (double)(n - k - 1); /* now the chance of k + 1 below */
		coverage += 2 * p;
	}
	*low = k;
	*high = n - 1 - k;
	return coverage < 1 ? coverage : 1;
}

struct ct_summary ct_summarize(uint64_t *scratch, size_t n)
{
	struct ct_summary s;
	size_t low, high;
	double sum = 0;

	memset(&s, 0, sizeof(s));
	if (n == 0)
		return s;
	ct_sort_u64(scratch, n);
	for (size_t i = 0; i < n; i++)
		sum += (double)scratch[i];
	s.confidence = ct_median_interval(n, 0.95, &low, &high);
	s.n = n;
	s.min = scratch[0];
	s.max = scratch[n - 1];
	s.median = ct_median(scratch, n);
	s.low = scratch[low];
	s.high = scratch[high];
	s.p50 = ct_quantile(scratch, n, 0.50);
	s.p95 = ct_quantile(scratch, n, 0.95);
	s.p99 = ct_quantile(scratch, n, 0.99);
	s.mean = sum / (double)n;
	return s;
}

double ct_jain(const double *rate, size_t n)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++) {
		sum += rate[i];
		squares += rate[i] * rate[i];
	}
	return squares > 0 ? sum * sum / ((double)n * squares) : 0;
}
