/* SPDX-License-Identifier: BSD-3-Clause */
/* Streaming histogram of constant memory for times: log-linear buckets in the manner of
 * HdrHistogram (Tene), 64 sub-buckets per power of two, so a quantile is at most 1/64 (1.6 %)
 * too high. */
#ifndef CT_BASE_HIST_H
#define CT_BASE_HIST_H

#include <stdint.h>

enum { CT_HIST_SUB = 64, CT_HIST_BUCKETS = (64 - 6 + 1) * CT_HIST_SUB };

struct ct_hist {
	uint64_t count, min, max;
	double sum;
	uint64_t bucket[CT_HIST_BUCKETS];
};

/* Empties HIST; zeroed memory is an empty histogram too. */
void ct_hist_reset(struct ct_hist *hist);

/* Counts VALUE. */
void ct_hist_add(struct ct_hist *hist, uint64_t value);

/* The value at quantile Q (0 … 1): upper edge of its bucket, clipped to [min, max]; 0 if empty. */
uint64_t ct_hist_quantile(const struct ct_hist *hist, double q);

/* Adds all of B to A. */
void ct_hist_merge(struct ct_hist *a, const struct ct_hist *b);

/* Lowest value of bucket I and the bucket of VALUE; exact inverses on bucket edges.
 * I beyond the last bucket gives UINT64_MAX. */
uint64_t ct_hist_low(uint32_t i);
uint32_t ct_hist_index(uint64_t value);

#endif
