/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of fresh samples, compared pair by pair. See alike.h. */
#include <math.h>

#include "alike.h"

enum { PIECE = 64 };

static const double level = 0.995, least = 0.95, most = 1.05;

void ct_alike_add(struct ct_alike *set, uint32_t cell)
{
	for (uint32_t k = 0; k < set->n; k++)
		if (set->cell[k] == cell)
			return;
	if (set->n < CT_ALIKE_CELLS)
		set->cell[set->n++] = cell;
}

static enum ct_alike_word word_of(const struct ct_alike *set, struct ct_ratio r)
{
	if (r.low >= least && r.high <= most)
		return CT_ALIKE_EQUIVALENT;
	if (set->order ? r.low > 1 || r.high < 1 : r.low > most || r.high < least)
		return CT_ALIKE_DIFFERS;
	return CT_ALIKE_OPEN;
}

/* From 1 up: which of the two is the slower one does not matter. */
static struct ct_ratio upward(struct ct_ratio r)
{
	struct ct_ratio inverse = { 1 / r.ratio, 1 / r.high, r.low > 0 ? 1 / r.low : INFINITY };

	return r.ratio < 1 ? inverse : r;
}

static double middle(const struct ct_alike *set, uint32_t cell)
{
	uint64_t ns[CT_ALIKE_BLOCKS] = { 0 };

	for (uint32_t k = 0; k < set->blocks; k++)
		ns[k] = (uint64_t)set->block[cell][k];
	ct_sort_u64(ns, set->blocks);
	return (double)ct_median(ns, set->blocks);
}

/* Each cell beside the one with the least median. */
static void judge_slower(struct ct_alike *set)
{
	uint32_t best = 0;

	for (uint32_t k = 1; k < set->n; k++)
		if (middle(set, k) < middle(set, best))
			best = k;
	for (uint32_t k = 0; k < set->n; k++) {
		struct ct_ratio r = ct_ratio_paired(set->block[k], set->block[best], set->blocks, level);

		set->slower[k] = k == best || r.high <= most ? CT_ALIKE_EQUIVALENT :
			r.low > most ? CT_ALIKE_DIFFERS : CT_ALIKE_OPEN;
	}
}

static void judge(struct ct_alike *set)
{
	enum ct_alike_word all = CT_ALIKE_EQUIVALENT;

	set->ratio = (struct ct_ratio){ 1, 1, 1 };
	for (uint32_t a = 0; a < set->n; a++)
		for (uint32_t b = a + 1; b < set->n; b++) {
			struct ct_ratio r = ct_ratio_paired(set->block[a], set->block[b], set->blocks, level);
			enum ct_alike_word word = word_of(set, r);

			if (set->n == 2)
				set->ratio = r;
			else if (upward(r).ratio > set->ratio.ratio || (a == 0 && b == 1))
				set->ratio = upward(r);
			if (word == CT_ALIKE_DIFFERS || (word == CT_ALIKE_OPEN && all != CT_ALIKE_DIFFERS))
				all = word;
		}
	set->word = all;
	judge_slower(set);
}

enum settled { AS_BEFORE, CHANGED, HOPELESS };

/* A choice that cannot run is the default there; a default that cannot is compared with nothing. */
static enum settled settle(struct ct_alike *set, const uint64_t *ns)
{
	uint32_t before[CT_ALIKE_CELLS] = { 0 }, n = set->n;
	bool all = true;

	for (uint32_t k = 0; k < n; k++) {
		if (ns[k] == 0 && set->cell[k] == 0)
			return HOPELESS;
		all &= ns[k] > 0;
		before[k] = ns[k] > 0 ? set->cell[k] : 0;
	}
	if (all)
		return AS_BEFORE;
	set->n = set->blocks = 0;
	for (uint32_t k = 0; k < n; k++)
		ct_alike_add(set, before[k]);
	return CHANGED;
}

/* Blocks of set I until there are TARGET. */
static ct_status fill(const struct ct_alike_in *in, size_t i, uint32_t target, uint64_t *spent_ns)
{
	struct ct_alike *set = &in->set[i];

	while (set->n > 1 && set->blocks < target && *spent_ns < in->budget_ns) {
		uint64_t ns[CT_ALIKE_CELLS] = { 0 }, took = 0;
		ct_status status = in->take(in->arg, i, set, ns, &took);
		enum settled settled = AS_BEFORE;

		if (status == CT_OK)
			settled = settle(set, ns);
		if (status != CT_OK || settled == HOPELESS)
			return status;
		*spent_ns += took;
		if (settled == CHANGED)
			continue;
		for (uint32_t k = 0; k < set->n; k++)
			set->block[k][set->blocks] = (double)ns[k];
		set->blocks++;
	}
	return CT_OK;
}

/* All ranks go on with the same sets, whatever their processors make of the last digit. */
static ct_status agree(const struct ct_alike_in *in)
{
	int64_t words[PIECE];
	ct_status status = CT_OK;

	for (size_t from = 0; from < in->nsets && in->agree != NULL && status == CT_OK; from += PIECE) {
		size_t n = in->nsets - from < PIECE ? in->nsets - from : PIECE;

		for (size_t i = 0; i < n; i++)
			words[i] = (int64_t)in->set[from + i].word;
		status = in->agree(in->arg, words, n);
		for (size_t i = 0; i < n && status == CT_OK; i++)
			in->set[from + i].word = (enum ct_alike_word)words[i];
	}
	return status;
}

static void begin(struct ct_alike *set)
{
	bool one = set->n < 2;

	set->blocks = 0;
	for (uint32_t k = 0; k < set->n; k++)
		set->slower[k] = one ? CT_ALIKE_EQUIVALENT : CT_ALIKE_OPEN;
	set->word = one ? CT_ALIKE_EQUIVALENT : CT_ALIKE_OPEN;
	set->ratio = (struct ct_ratio){ 1, one ? 1 : 0, one ? 1 : INFINITY };
}

ct_status ct_alike_run(const struct ct_alike_in *in)
{
	static const uint32_t looks[] = { 9, 14, 21, 32, 48, 72, 108, CT_ALIKE_BLOCKS };
	ct_status status = CT_OK;
	uint64_t spent_ns = 0;

	for (size_t i = 0; i < in->nsets; i++)
		begin(&in->set[i]);
	for (size_t look = 0; look < sizeof(looks) / sizeof(looks[0]) && status == CT_OK; look++) {
		for (size_t i = 0; i < in->nsets && status == CT_OK; i++) {
			struct ct_alike *set = &in->set[i];

			if (set->word != CT_ALIKE_OPEN)
				continue;
			status = fill(in, i, looks[look], &spent_ns);
			if (status == CT_OK && (set->blocks >= looks[0] || set->n < 2))
				judge(set);
		}
		if (status == CT_OK)
			status = agree(in);
	}
	return status;
}

const char *ct_alike_text(const struct ct_alike *set)
{
	if (set->word != CT_ALIKE_DIFFERS)
		return set->word == CT_ALIKE_EQUIVALENT ? "equivalent" : "not resolved";
	return !set->order ? "differs" : set->ratio.low > 1 ? "faster" : "slower";
}
