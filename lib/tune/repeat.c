/* SPDX-License-Identifier: BSD-3-Clause */
/* Searches in a row: do they choose the same, or what is as fast? Judged on samples that none of them has
 * seen. */
#include <string.h>

#include "tune.h"

enum { SMALL = 15, MIDDLE = 7, LARGE = 3, WARM = 2, LARGE_WARM = 1 };

static const uint64_t middle_bytes = 64 << 10, large_bytes = 1 << 20;

ct_status ct_alike_take(struct ct_trials *trials, const struct ct_test *test, const uint32_t *which,
	uint32_t n, uint64_t *ns, uint64_t *spent_ns)
{
	uint32_t samples = test->bytes <= middle_bytes ? SMALL : test->bytes <= large_bytes ? MIDDLE : LARGE;
	struct ct_trial trial = { .test = test, .which = which, .n = n, .samples = samples,
		.warmup = samples == LARGE ? LARGE_WARM : WARM };
	uint64_t all[CT_ALIKE_CELLS * SMALL];
	ct_status each[CT_ALIKE_CELLS], status;
	struct ct_trial_out out = { all, each, 0 };

	ct_trials_forget(trials);
	status = ct_trials_take(trials, &trial, &out);
	if (status != CT_OK)
		return status;
	for (uint32_t k = 0; k < n; k++) {
		ct_sort_u64(all + (size_t)k * samples, samples);
		ns[k] = each[k] == CT_OK ? ct_median(all + (size_t)k * samples, samples) : 0;
		ns[k] += each[k] == CT_OK && ns[k] == 0; /* below the clock's step is not "cannot run" */
	}
	*spent_ns = out.elapsed_ns;
	return CT_OK;
}

struct repeating {
	struct ct_tuned *tuned;
	const struct ct_tune_repeat *repeat;
};

/* Which part and which of its sizes set I is. */
static size_t part_of(const struct ct_tuned *t, size_t *i)
{
	size_t p = 0;

	while (*i >= t->parts[p].nsizes)
		*i -= t->parts[p++].nsizes;
	return p;
}

static ct_status take(void *arg, size_t i, const struct ct_alike *set, uint64_t *ns, uint64_t *spent_ns)
{
	struct repeating *r = arg;
	const struct ct_tune_part *part = &r->tuned->parts[part_of(r->tuned, &i)];
	struct ct_test test = { .coll = part->coll, .type = r->tuned->attr.type, .op = r->tuned->attr.op,
		.bytes = part->sizes[i] };
	uint32_t which[CT_ALIKE_CELLS];

	for (uint32_t k = 0; k < set->n; k++)
		which[k] = part->index[set->cell[k]];
	return ct_alike_take(r->tuned->trials, &test, which, set->n, ns, spent_ns);
}

static ct_status agree(void *arg, int64_t *v, size_t n)
{
	struct repeating *r = arg;

	return ct_session_max(r->tuned->session, v, n);
}

/* What search K chose. The cells are listed by the same backends in the same order. */
static ct_status keep(struct ct_tune_repeat *r, const struct ct_tuned *first, const struct ct_tuned *t)
{
	size_t at = 0;

	for (size_t p = 0; p < first->nparts; p++) {
		const struct ct_tune_part *part = &t->parts[p];

		if (t->nparts != first->nparts || part->ncells != first->parts[p].ncells ||
			part->nsizes != first->parts[p].nsizes)
			return ct_fail(CT_INVALID, "search %u found other settings than the first", r->searches + 1);
		for (size_t i = 0; i < part->nsizes; i++, at++) {
			uint32_t cell = ct_search_choice(&part->found, i);

			ct_alike_add(&r->set[at], cell);
			r->choice[at * CT_REPEAT_MOST + r->searches] = cell;
		}
	}
	r->searches++;
	return CT_OK;
}

static ct_status search_again(struct ct_tuned *tuned, uint32_t searches, struct ct_tune_repeat *r)
{
	ct_status status = keep(r, tuned, tuned);

	ct_trials_forget(tuned->trials);
	for (uint32_t k = 1; k < searches && status == CT_OK; k++) {
		struct ct_tune_attr attr = tuned->attr;
		struct ct_tuned *other = NULL;

		attr.seed += k;
		status = ct_tune_run(tuned->session, &attr, &other);
		if (status == CT_OK)
			status = ct_session_agree(tuned->session, keep(r, tuned, other));
		ct_tune_free(other);
	}
	return status;
}

void ct_tune_repeat_free(struct ct_tune_repeat *r)
{
	ct_free(r->set);
	ct_free(r->choice);
	memset(r, 0, sizeof(*r));
}

ct_status ct_tune_repeat(struct ct_tuned *tuned, uint32_t searches, uint64_t budget_ns,
	struct ct_tune_repeat *r)
{
	struct repeating repeating = { tuned, r };
	struct ct_alike_in in = { .budget_ns = budget_ns, .take = take, .agree = agree, .arg = &repeating };
	ct_status status = CT_OK;

	memset(r, 0, sizeof(*r));
	for (size_t p = 0; p < tuned->nparts; p++)
		r->nsets += tuned->parts[p].nsizes;
	r->set = ct_alloc(r->nsets, sizeof(*r->set));
	r->choice = ct_alloc(r->nsets * CT_REPEAT_MOST, sizeof(*r->choice));
	if (searches < 1 || searches > CT_REPEAT_MOST)
		status = ct_fail(CT_INVALID, "%u searches: 1 to %d", searches, (int)CT_REPEAT_MOST);
	else if (r->set == NULL || r->choice == NULL)
		status = CT_NOMEM;
	status = ct_session_agree(tuned->session, status);
	if (status == CT_OK)
		status = search_again(tuned, searches, r);
	in.set = r->set;
	in.nsets = r->nsets;
	if (status == CT_OK)
		status = ct_alike_run(&in);
	if (status != CT_OK)
		ct_tune_repeat_free(r);
	return status;
}

/* How CELL, chosen at SET, compares with the fastest chosen there. One that cannot run is the default. */
static enum ct_alike_word slower(const struct ct_alike *set, uint32_t cell)
{
	uint32_t at = 0;

	for (uint32_t k = 0; k < set->n; k++) {
		if (set->cell[k] == cell)
			return set->slower[k];
		at = set->cell[k] == 0 ? k : at;
	}
	return set->slower[at];
}

struct ct_tune_repeated ct_tune_repeated(const struct ct_tune_repeat *r, size_t first, size_t n)
{
	struct ct_tune_repeated out = { .sizes = n, .most = 1 };

	for (size_t i = first; i < first + n; i++) {
		const struct ct_alike *set = &r->set[i];
		double ratio = set->ratio.ratio < 1 ? 1 / set->ratio.ratio : set->ratio.ratio;

		out.same += set->n < 2;
		out.equivalent += set->n > 1 && set->word == CT_ALIKE_EQUIVALENT;
		out.open += set->word == CT_ALIKE_OPEN;
		out.differ += set->word == CT_ALIKE_DIFFERS;
		if (set->word == CT_ALIKE_DIFFERS && ratio > out.most)
			out.most = ratio;
		for (uint32_t k = 0; k < r->searches; k++) {
			enum ct_alike_word word = slower(set, r->choice[i * CT_REPEAT_MOST + k]);

			out.choices++;
			out.fast += word == CT_ALIKE_EQUIVALENT;
			out.slow += word == CT_ALIKE_DIFFERS;
		}
	}
	return out;
}
