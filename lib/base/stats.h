/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics of samples of times. None of these functions changes its input unless it says so. */
#ifndef CT_BASE_STATS_H
#define CT_BASE_STATS_H

#include <stddef.h>
#include <stdint.h>

struct ct_summary {
	uint64_t n;
	uint64_t min, max;
	uint64_t median, low, high; /* 95 % order-statistic interval of the median */
	uint64_t p50, p95, p99;
	double mean;
	double confidence; /* exact coverage of [low, high]; below 0.95 when n < 6 */
};

/* Sorts V ascending in place. */
void ct_sort_u64(uint64_t *v, size_t n);

/* The 1-based rank of quantile Q among N values: the least r with r >= Q * N, within 1 … N; a Q
 * that is no number counts as 0. A rounding error of Q * N does not push it one up. */
uint64_t ct_nearest_rank(uint64_t n, double q);

/* Quantile Q of sorted V, by the nearest rank (smallest value with at least Q of all at or below
 * it; definition 1 of Hyndman and Fan 1996); 0 if n = 0. */
uint64_t ct_quantile(const uint64_t *sorted, size_t n, double q);

/* Median of sorted V: the middle, or the mean of the two in the middle, rounded down. */
uint64_t ct_median(const uint64_t *sorted, size_t n);

/* The K-th smallest (0-based, K < N) of V, none of them a NaN, which is put in another order: what is
 * before V[K] is no larger, what is behind no smaller. Time in the order of N (Hoare 1961), at worst of
 * N log N. */
double ct_select(double *v, size_t n, size_t k);

/* The median of V, N > 0, by ct_select(): the middle, or the mean of the two in the middle. */
double ct_middle(double *v, size_t n);

/* Ranks (0-based) of the narrowest symmetric order-statistic interval of the median with coverage
 * of at least LEVEL by the binomial distribution; min and max when n is too small. Returns the
 * exact coverage. E.g. n = 20, 0.95: x(6) … x(15), i.e. 5 and 14 here, coverage 0.9586. */
double ct_median_interval(size_t n, double level, size_t *low, size_t *high);

/* All of the above; SCRATCH is sorted in place. n = 0 gives zeros. */
struct ct_summary ct_summarize(uint64_t *scratch, size_t n);

struct ct_mwu {
	double u;      /* Mann-Whitney's U of A: pairs (a, b) with a > b, ties count half */
	double p;      /* two-sided: exact without ties up to 20 a side, else normal with ties */
	double effect; /* probability that a random a exceeds a random b: u / (na * nb) */
};

/* Wilcoxon-Mann-Whitney of two samples. na or nb = 0, or a NaN, gives p = 1 and
 * effect 0.5. Needs memory for na + nb values; without it p = 1 (nothing can be claimed). */
struct ct_mwu ct_mann_whitney(const double *a, size_t na, const double *b, size_t nb);

/* Holm 1979: adjusts N p-values in place (monotone, at most 1; what is no number counts as 1).
 * Needs memory for N values; without it all become 1. */
void ct_holm(double *p, size_t n);

/* Ratio of medians median(a)/median(b) with its LEVEL interval from Hodges-Lehmann ratios of all
 * pairs (order statistics by Mann-Whitney's critical value, normal approximation: Hollander, Wolfe,
 * Chicken 2014, section 4.3), widened where it would not contain the ratio itself. The pairs are
 * counted, not stored: time 64 * (na + nb), memory na + nb. When the samples are too small for LEVEL
 * (3 and 3 for 0.95) the interval is (0, INFINITY): nothing can be claimed. So it is, with a ratio of
 * 1, when a sample is empty, a value is not positive and finite, or memory is short. */
struct ct_ratio {
	double ratio, low, high;
};
struct ct_ratio ct_ratio_interval(const double *a, size_t na, const double *b, size_t nb,
	double level);

/* ---- paired samples: a[i] and b[i] were taken together -------------------------------------- */

struct ct_wsr {
	double v; /* sum of the ranks of the positive differences, mid-ranks for ties */
	double p; /* two-sided: exact (given the ties) up to 50 differences, else normal */
};

/* Wilcoxon's signed-rank test of N differences against 0; zeros are left out (Wilcoxon 1945). A NaN,
 * no difference but zeros, or no memory: p = 1. */
struct ct_wsr ct_signed_rank(const double *d, size_t n);

/* The C for which the C-th smallest and C-th largest Walsh average bound an interval of at least
 * LEVEL (Hollander, Wolfe, Chicken 2014, section 3.3): 4 for 8 and 0.95. 0: N is too small. */
size_t ct_signed_rank_critical(size_t n, double level);

/* Hodges-Lehmann ratio a/b of pairs: the exponential of the median of the Walsh averages of
 * log(a[i]/b[i]), and its LEVEL interval. (0, INFINITY) when N is too small (5 for 0.95); a ratio of 1
 * with it when N is 0, a value is not positive and finite, or memory is short (N * N / 2 values). */
struct ct_ratio ct_ratio_paired(const double *a, const double *b, size_t n, double level);

/* Jain's fairness index of N rates of at least 0: (sum)^2 / (N * sum of squares); 1 when all are equal,
 * k/N when k are equal and the others 0 (Jain, Chiu, Hawe 1984). 0 when N is 0 or all are 0. */
double ct_jain(const double *rate, size_t n);

#endif
