/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a loss arises, layer by layer. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "advise.h"

enum { INTERVAL_ROUNDS = 6 }; /* fewer have no 95 % interval of the median */

static bool counts(const struct ct_rung *r)
{
	return r->rounds > 0 && r->wrong == 0;
}

/* ---- one rung ------------------------------------------------------------------------------- */

/* Median with its interval, by sorting picoseconds: costs of a byte are below a nanosecond. */
static ct_status settle(struct ct_rung *r)
{
	uint64_t *sorted = ct_alloc(r->rounds, sizeof(*sorted));
	size_t low = 0, high = r->rounds - 1;
	const double scale = 1e6;

	if (sorted == NULL)
		return CT_NOMEM;
	for (uint32_t i = 0; i < r->rounds; i++)
		sorted[i] = (uint64_t)(r->cost[i] * scale + 0.5);
	ct_sort_u64(sorted, r->rounds);
	if (r->rounds >= INTERVAL_ROUNDS)
		ct_median_interval(r->rounds, 0.95, &low, &high);
	r->median = (double)ct_median(sorted, r->rounds) / scale;
	r->low = (double)sorted[low] / scale;
	r->high = (double)sorted[high] / scale;
	ct_free(sorted);
	return CT_OK;
}

/* The rounds that R and BASE share; without BASE all of R against its expectation. */
static ct_status match(struct ct_rung *r, const struct ct_rung *base)
{
	uint32_t n = base != NULL && base->rounds < r->rounds ? base->rounds : r->rounds;
	double *below = ct_alloc(n, sizeof(*below)), *logs = ct_alloc(n, sizeof(*logs));
	ct_status status = below != NULL && logs != NULL ? CT_OK : CT_NOMEM;

	r->explained = 1;
	if (base != NULL && base->expected > 0 && r->expected > 0)
		r->explained = r->expected / base->expected;
	for (uint32_t i = 0; status == CT_OK && i < n; i++) {
		below[i] = base != NULL ? base->cost[i] : r->expected;
		logs[i] = log(r->cost[i] / (below[i] * r->explained));
	}
	if (status == CT_OK) {
		r->loss = ct_ratio_paired(r->cost, below, n, 0.95);
		r->unexplained = (struct ct_ratio){ r->loss.ratio / r->explained,
			r->loss.low / r->explained, r->loss.high / r->explained };
		r->p = ct_signed_rank(logs, n).p;
	}
	ct_free(logs);
	ct_free(below);
	return status;
}

static ct_status measure_up(struct ct_ladder *l, struct ct_rung *r)
{
	int at = r->below;

	r->loss = r->unexplained = (struct ct_ratio){ 1, 0, INFINITY };
	r->explained = r->p = 1;
	r->against = -1;
	r->median = r->low = r->high = 0;
	r->result = r->rounds == 0 ? CT_RUNG_MISSING : CT_RUNG_WRONG;
	if (!counts(r))
		return CT_OK;
	while (at >= 0 && !counts(&l->rungs[at]))
		at = l->rungs[at].below;
	r->against = at;
	r->result = CT_RUNG_UNRESOLVED;
	if (settle(r) != CT_OK)
		return CT_NOMEM;
	if (at >= 0)
		return match(r, &l->rungs[at]);
	if (r->expected > 0)
		return match(r, NULL);
	r->result = CT_RUNG_ALONE;
	return CT_OK;
}

static uint32_t pairs_of(const struct ct_ladder *l, const struct ct_rung *r)
{
	uint32_t below = r->against >= 0 ? l->rungs[r->against].rounds : r->rounds;

	return below < r->rounds ? below : r->rounds;
}

/* P-values of all rungs with enough rounds are one family. */
static ct_status resolve(struct ct_ladder *l)
{
	static const enum ct_rung_result results[] = {
		[CT_COMPARE_FEW] = CT_RUNG_FEW,	      [CT_COMPARE_UNRESOLVED] = CT_RUNG_UNRESOLVED,
		[CT_COMPARE_SAME] = CT_RUNG_SAME,     [CT_COMPARE_FASTER] = CT_RUNG_LOSS,
		[CT_COMPARE_SLOWER] = CT_RUNG_GAIN,
	};
	double *p = ct_alloc(l->n + 1, sizeof(*p));
	size_t family = 0;

	if (p == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < l->n; i++)
		if (l->rungs[i].result == CT_RUNG_UNRESOLVED &&
		    pairs_of(l, &l->rungs[i]) >= CT_LEAST_ROUNDS)
			p[family++] = l->rungs[i].p;
	ct_holm(p, family);
	family = 0;
	for (size_t i = 0; i < l->n; i++) {
		struct ct_rung *r = &l->rungs[i];
		uint32_t n = pairs_of(l, r);

		if (r->result != CT_RUNG_UNRESOLVED)
			continue;
		r->p = n >= CT_LEAST_ROUNDS ? p[family++] : 1;
		r->result = results[ct_compare(n, n, r->p, r->unexplained)];
	}
	ct_free(p);
	return CT_OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static bool compared(const struct ct_rung *r)
{
	return r->result >= CT_RUNG_FEW;
}

static void find_worst(struct ct_ladder *l)
{
	l->worst = -1;
	for (size_t i = 0; i < l->n; i++)
		if (compared(&l->rungs[i]) && l->rungs[i].unexplained.ratio > 1 &&
		    (l->worst < 0 || l->rungs[i].unexplained.ratio >
					     l->rungs[l->worst].unexplained.ratio))
			l->worst = (int)i;
}

static enum ct_ladder_end end_of(const struct ct_ladder *l)
{
	size_t open = 0, any = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct ct_rung *r = &l->rungs[i];

		if (r->result == CT_RUNG_WRONG)
			return CT_LADDER_WRONG;
		any += compared(r);
		open += r->result == CT_RUNG_FEW || r->result == CT_RUNG_UNRESOLVED;
	}
	if (l->oversubscribed)
		return CT_LADDER_CROWDED;
	if (l->worst >= 0 && l->rungs[l->worst].result == CT_RUNG_LOSS)
		return CT_LADDER_FOUND;
	return any == 0 || open > 0 ? CT_LADDER_OPEN : CT_LADDER_CLEAN;
}

/* "MPI messages: 1.80 times [1.71, 1.93] the cost of native/shm messages" */
static void place_text(const struct ct_ladder *l, int rung, char *out, size_t room)
{
	const struct ct_rung *r = &l->rungs[rung];
	const struct ct_rung *base = r->against >= 0 ? &l->rungs[r->against] : NULL;
	char interval[64] = "", explained[96] = "";

	if (isfinite(r->unexplained.high))
		snprintf(interval, sizeof(interval), " [%.2f, %.2f]", r->unexplained.low,
			 r->unexplained.high);
	if (base != NULL && fabs(r->explained - 1) >= 0.005)
		snprintf(explained, sizeof(explained), ", once the %.2f times that are explained are "
			 "taken out", r->explained);
	snprintf(out, room, "%s: %.2f times%s %s%s%s", r->name, r->unexplained.ratio, interval,
		 base != NULL ? "the cost of " : "the least that could be expected here",
		 base != NULL ? base->name : "", explained);
}

/* Missing rounds, or noise. */
static void doubt_text(const struct ct_ladder *l, char *out, size_t room)
{
	uint32_t fewest = UINT32_MAX;

	for (size_t i = 0; i < l->n; i++)
		if (l->rungs[i].result == CT_RUNG_FEW && pairs_of(l, &l->rungs[i]) < fewest)
			fewest = pairs_of(l, &l->rungs[i]);
	if (fewest != UINT32_MAX)
		snprintf(out, room, "%u round%s, %d needed", fewest, fewest == 1 ? "" : "s",
			 CT_LEAST_ROUNDS);
	else
		snprintf(out, room, "%s", l->worst < 0 ? "no two rungs could be compared"
						       : "the rounds differ too much");
}

/* When the lowest rung is the worst, the reader also asks which layer above it is. */
static void next_text(const struct ct_ladder *l, char *out, size_t room)
{
	int next = -1;

	for (size_t i = 0; i < l->n; i++)
		if (l->rungs[i].result == CT_RUNG_LOSS && l->rungs[i].against >= 0 &&
		    (next < 0 || l->rungs[i].unexplained.ratio > l->rungs[next].unexplained.ratio))
			next = (int)i;
	out[0] = '\0';
	if (next >= 0 && l->rungs[l->worst].against < 0)
		place_text(l, next, out, room);
}

static void speak(struct ct_ladder *l)
{
	char place[280] = "", next[280] = "", doubt[64];

	if (l->worst >= 0) {
		place_text(l, l->worst, place, sizeof(place));
		next_text(l, next, sizeof(next));
	}
	switch (l->end) {
	case CT_LADDER_FOUND:
		snprintf(l->sentence, sizeof(l->sentence), "the largest unexplained loss lies at %s%s%s",
			 place, next[0] != '\0' ? "; of the layers above it, at " : "", next);
		break;
	case CT_LADDER_CLEAN:
		snprintf(l->sentence, sizeof(l->sentence),
			 "no rung loses more than 5 %% that is not explained");
		break;
	case CT_LADDER_WRONG:
		snprintf(l->sentence, sizeof(l->sentence), "wrong data: where time is lost does not matter");
		for (size_t i = l->n; i-- > 0;)
			if (l->rungs[i].result == CT_RUNG_WRONG)
				snprintf(l->sentence, sizeof(l->sentence),
					 "wrong data at %s: where time is lost does not matter",
					 l->rungs[i].name);
		break;
	default:
		doubt_text(l, doubt, sizeof(doubt));
		snprintf(l->sentence, sizeof(l->sentence), "inconclusive (%s)%s%s",
			 l->end == CT_LADDER_CROWDED ? "more ranks than processors" : doubt,
			 place[0] != '\0' ? "; the largest loss seen is at " : "", place);
	}
}

ct_status ct_ladder_judge(struct ct_ladder *l)
{
	ct_status status = CT_OK;

	for (size_t i = 0; i < l->n; i++)
		if (l->rungs[i].below >= (int)i || l->rungs[i].below < -1)
			return ct_fail(CT_INVALID, "rung %zu stands on rung %d, which is not below it", i,
				       l->rungs[i].below);
	for (size_t i = 0; i < l->n && status == CT_OK; i++)
		status = measure_up(l, &l->rungs[i]);
	if (status == CT_OK)
		status = resolve(l);
	if (status != CT_OK)
		return status;
	find_worst(l);
	l->end = end_of(l);
	speak(l);
	return CT_OK;
}

const char *ct_rung_text(enum ct_rung_result result)
{
	static const char *const names[] = { "missing", "wrong data", "alone", "too few rounds", "loss",
					     "same", "gain", "not resolved" };

	return (unsigned int)result < sizeof(names) / sizeof(names[0]) ? names[result] : "?";
}

const char *ct_ladder_end_text(enum ct_ladder_end end)
{
	static const char *const names[] = { "found", "clean", "wrong", "open", "oversubscribed" };

	return (unsigned int)end < sizeof(names) / sizeof(names[0]) ? names[end] : "?";
}
