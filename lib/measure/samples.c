/* SPDX-License-Identifier: BSD-3-Clause */
/* What was measured of one candidate: every sample up to a bound, a histogram beyond it. */
#include <math.h>
#include <string.h>

#include "inside.h"

/* Where the first look is worth while; later ones each time an eighth more is there, so that
 * sorting stays a small part of the whole. */
enum { LOOK_PART = 8, LEAST_FOR_INTERVAL = 6 };

static ct_status to_histogram(struct ct_samples *s)
{
	s->hist = ct_alloc(1, sizeof(*s->hist));
	if (s->hist == NULL)
		return CT_NOMEM;
	ct_hist_reset(s->hist);
	for (size_t i = 0; i < s->n; i++)
		ct_hist_add(s->hist, s->kept[i]);
	ct_free(s->kept);
	ct_free(s->sorted);
	s->kept = s->sorted = NULL;
	s->room = 0;
	return CT_OK;
}

ct_status ct_samples_reserve(struct ct_samples *samples, size_t more)
{
	size_t room = samples->room > 0 ? samples->room : 2 * CT_BATCH;
	uint64_t *kept, *sorted;

	if (samples->hist != NULL || samples->n + more <= samples->room)
		return CT_OK;
	if (samples->n + more > CT_SAMPLES_KEPT)
		return to_histogram(samples);
	while (room < samples->n + more)
		room *= 2;
	kept = ct_realloc(samples->kept, room, sizeof(*kept));
	if (kept == NULL)
		return CT_NOMEM;
	samples->kept = kept;
	sorted = ct_realloc(samples->sorted, room, sizeof(*sorted));
	if (sorted == NULL)
		return CT_NOMEM;
	samples->sorted = sorted;
	samples->room = room;
	return CT_OK;
}

void ct_samples_add(struct ct_samples *samples, uint64_t ns)
{
	if (samples->hist != NULL)
		ct_hist_add(samples->hist, ns);
	else
		samples->kept[samples->n] = ns;
	samples->n++;
}

/* The summary from a histogram: order statistics by their rank, 1.6 % coarse. */
static struct ct_summary from_histogram(const struct ct_hist *h)
{
	struct ct_summary s = { .n = h->count, .min = h->min, .max = h->max };
	size_t low = 0, high = 0;
	double n = (double)h->count;

	if (h->count == 0)
		return s;
	s.confidence = ct_median_interval((size_t)h->count, 0.95, &low, &high);
	s.median = s.p50 = ct_hist_quantile(h, 0.5);
	s.low = ct_hist_quantile(h, ((double)low + 1) / n);
	s.high = ct_hist_quantile(h, ((double)high + 1) / n);
	s.p95 = ct_hist_quantile(h, 0.95);
	s.p99 = ct_hist_quantile(h, 0.99);
	s.mean = h->sum / n;
	return s;
}

void ct_samples_summarize(struct ct_samples *samples)
{
	if (samples->hist != NULL) {
		samples->summary = from_histogram(samples->hist);
	} else if (samples->n > 0) {
		memcpy(samples->sorted, samples->kept, samples->n * sizeof(*samples->kept));
		samples->summary = ct_summarize(samples->sorted, samples->n);
	}
	samples->next_look = samples->n + samples->n / LOOK_PART + 1;
}

void ct_samples_free(struct ct_samples *samples)
{
	ct_free(samples->kept);
	ct_free(samples->sorted);
	ct_free(samples->hist);
	*samples = (struct ct_samples){ 0 };
}

double ct_summary_precision(const struct ct_summary *summary)
{
	if (summary->n < LEAST_FOR_INTERVAL || summary->median == 0)
		return INFINITY;
	return (double)(summary->high - summary->low) / 2 / (double)summary->median;
}
