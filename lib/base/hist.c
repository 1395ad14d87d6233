/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "hist.h"
#include "stats.h"

enum { SUB_BITS = 6 };
_Static_assert(1 << SUB_BITS == CT_HIST_SUB, "sub-buckets are a power of two");

void ct_hist_reset(struct ct_hist *hist)
{
	memset(hist, 0, sizeof(*hist));
}

/* The first 64 buckets hold one value each; then each power of two 2^e is cut into 64 buckets of
 * 2^(e - 6) values. */
uint32_t ct_hist_index(uint64_t value)
{
	uint32_t shift;

	if (value < CT_HIST_SUB)
		return (uint32_t)value;
	shift = 63 - SUB_BITS - (uint32_t)__builtin_clzll(value);
	return (shift << SUB_BITS) + (uint32_t)(value >> shift);
}

uint64_t ct_hist_low(uint32_t i)
{
	if (i < CT_HIST_SUB)
		return i;
	if (i >= CT_HIST_BUCKETS)
		return UINT64_MAX;
	return (uint64_t)(CT_HIST_SUB + i % CT_HIST_SUB) << (i / CT_HIST_SUB - 1);
}

void ct_hist_add(struct ct_hist *hist, uint64_t value)
{
	if (hist->count == 0 || value < hist->min)
		hist->min = value;
	if (value > hist->max)
		hist->max = value;
	hist->count++;
	hist->sum += (double)value;
	hist->bucket[ct_hist_index(value)]++;
}

uint64_t ct_hist_quantile(const struct ct_hist *hist, double q)
{
	uint64_t rank = ct_nearest_rank(hist->count, q), seen = 0, high;
	uint32_t i;

	if (hist->count == 0)
		return 0;
	for (i = 0; i < CT_HIST_BUCKETS - 1; i++) {
		seen += hist->bucket[i];
		if (seen >= rank)
			break;
	}
	high = i + 1 < CT_HIST_BUCKETS ? ct_hist_low(i + 1) - 1 : UINT64_MAX;
	if (high > hist->max)
		high = hist->max;
	return high < hist->min ? hist->min : high;
}

void ct_hist_merge(struct ct_hist *a, const struct ct_hist *b)
{
	if (b->count == 0)
		return;
	if (a->count == 0 || b->min < a->min)
		a->min = b->min;
	if (b->max > a->max)
		a->max = b->max;
	a->count += b->count;
	a->sum += b->sum;
	for (uint32_t i = 0; i < CT_HIST_BUCKETS; i++)
		a->bucket[i] += b->bucket[i];
}
