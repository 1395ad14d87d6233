/* SPDX-License-Identifier: BSD-3-Clause */
/* Results of bench p2p in perftest's columns. The loop takes batches of round trips or windows of
 * messages, perftest times each by itself: the heads say so. */
#include <math.h>
#include <string.h>

#include "perftest.h"

static double middle(uint32_t bucket)
{
	double low = (double)ct_hist_low(bucket), next = (double)ct_hist_low(bucket + 1);

	return low + (next - 1 - low) / 2;
}

struct ct_spread ct_perftest_spread(const struct ct_result *r)
{
	struct ct_spread s = { 0, 0 };
	double squares = 0, mean = r->summary.mean;
	uint64_t n = r->summary.n, rank = ct_nearest_rank(n, 0.999), *sorted;

	if (n == 0 || (r->samples_ns == NULL && r->hist == NULL))
		return s;
	if (r->samples_ns == NULL) {
		for (uint32_t i = 0; i < CT_HIST_BUCKETS; i++)
			if (r->hist->bucket[i] > 0)
				squares += (double)r->hist->bucket[i] * (middle(i) - mean) *
					(middle(i) - mean);
		s.p999_ns = (double)ct_hist_quantile(r->hist, 0.999);
		s.stdev_ns = sqrt(squares / (double)n);
		return s;
	}
	for (uint64_t i = 0; i < n; i++)
		squares += ((double)r->samples_ns[i] - mean) * ((double)r->samples_ns[i] - mean);
	s.stdev_ns = sqrt(squares / (double)n);
	s.p999_ns = (double)r->summary.max;
	sorted = ct_alloc(n, sizeof(*sorted));
	if (sorted != NULL) {
		memcpy(sorted, r->samples_ns, n * sizeof(*sorted));
		ct_sort_u64(sorted, n);
		s.p999_ns = (double)sorted[rank - 1];
		ct_free(sorted);
	}
	return s;
}

void ct_perftest_table_head(FILE *out, ct_coll coll)
{
	fprintf(out, "# perftest's columns; measured by colltune: %s\n", coll == CT_P2P_LATENCY ?
		"a time is that of half a round trip, t_typical the median" : coll == CT_P2P_ONEWAY ?
		"BW peak is that of the fastest sample, a window of messages" :
		"both directions together; BW peak is that of the fastest sample");
	if (coll == CT_P2P_LATENCY)
		ct_perftest_latency_head(out);
	else
		ct_perftest_rates_head(out, false);
}

void ct_perftest_table_row(FILE *out, const struct ct_result *r, const struct ct_spread *spread)
{
	const struct ct_summary *sum = &r->summary;
	struct ct_perftest_latency l = { sum->n * r->inner / 2, (double)sum->min, (double)sum->max,
		(double)sum->median, sum->mean, spread->stdev_ns, (double)sum->p99, spread->p999_ns };
	double ways = r->test.coll == CT_P2P_DUPLEX ? 2 : 1;
	struct ct_perftest_rates rates = { .iterations = sum->n * r->inner };

	if (r->status != CT_OK || sum->n == 0)
		return;
	if (r->test.coll == CT_P2P_LATENCY) {
		ct_perftest_latency_line(out, r->bytes, &l);
		return;
	}
	if (sum->min > 0)
		rates.peak_Bps = ways * (double)r->bytes * 1e9 / (double)sum->min;
	if (sum->mean > 0) {
		rates.average_Bps = ways * (double)r->bytes * 1e9 / sum->mean;
		rates.messages_per_s = ways * 1e9 / sum->mean;
	}
	ct_perftest_rates_row(out, r->bytes, &rates, false);
}
