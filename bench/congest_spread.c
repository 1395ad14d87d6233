/* SPDX-License-Identifier: BSD-3-Clause */
/* Do flows that should be equal differ between rounds as flows do whose hash gave them one cable? */
#include <math.h>

#include "congest.h"

#define SLOW (2.0 / 3) /* of what the flow has in its good rounds; two on one cable have 1/2 */

/* Takes out of every round and half what all flows have in common: its median flow becomes 1. */
static void level(double *rate, size_t rounds, size_t flows, double *scratch)
{
	for (size_t i = 0; i < rounds * 2; i++) {
		double *first = rate + i / 2 * flows * 2 + i % 2, middle;

		for (size_t f = 0; f < flows; f++)
			scratch[f] = first[f * 2];
		middle = ct_select(scratch, flows, flows / 2);
		for (size_t f = 0; f < flows && middle > 0; f++)
			first[f * 2] /= middle;
	}
}

/* At least SLOW cells of N by chance, each with probability P. */
static double tail(size_t n, size_t slow, double p)
{
	double sum = 0;

	if (slow == 0 || p >= 1)
		return 1;
	for (size_t k = slow; k <= n && p > 0; k++)
		sum += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) +
			(double)k * log(p) + (double)(n - k) * log1p(-p));
	return sum < 1 ? sum : 1;
}

/* Flow F: each half of each round as a share of its good rounds; counts what is slow. */
static void judge_flow(double *rate, size_t rounds, size_t flows, size_t f, double *scratch,
	size_t slow[2], struct ct_congest_spread *out)
{
	double good[2];

	for (size_t half = 0; half < 2; half++) {
		for (size_t r = 0; r < rounds; r++)
			scratch[r] = rate[(r * flows + f) * 2 + half];
		good[half] = ct_select(scratch, rounds, rounds * 3 / 4);
	}
	for (size_t r = 0; r < rounds && good[0] > 0 && good[1] > 0; r++) {
		double a = rate[(r * flows + f) * 2] / good[0], b = rate[(r * flows + f) * 2 + 1] / good[1];

		slow[0] += a < SLOW;
		slow[1] += b < SLOW;
		out->slow += a < SLOW && b < SLOW;
		out->worst = fmin(out->worst, (a + b) / 2);
		out->best = fmax(out->best, (a + b) / 2);
	}
}

void ct_congest_spread(const double *rate, size_t rounds, size_t flows, struct ct_congest_spread *out)
{
	size_t n = rounds * flows, slow[2] = { 0, 0 };
	double *copy, *scratch;

	*out = (struct ct_congest_spread){ .cells = n, .worst = INFINITY, .p = 1 };
	if (rounds < CT_SPREAD_ROUNDS || flows < CT_SPREAD_FLOWS)
		return;
	copy = ct_alloc(n * 2, sizeof(*copy));
	scratch = ct_alloc(rounds > flows ? rounds : flows, sizeof(*scratch));
	if (copy != NULL && scratch != NULL) {
		for (size_t i = 0; i < n * 2; i++)
			copy[i] = rate[i];
		level(copy, rounds, flows, scratch);
		for (size_t f = 0; f < flows; f++)
			judge_flow(copy, rounds, flows, f, scratch, slow, out);
		out->p = tail(n, out->slow, (double)slow[0] * (double)slow[1] / ((double)n * (double)n));
		out->judged = out->worst <= out->best;
	}
	ct_free(copy);
	ct_free(scratch);
}
