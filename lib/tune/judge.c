/* SPDX-License-Identifier: BSD-3-Clause */
/* What a search was worth: every legal cell at every size as people sweep today, and then fresh samples
 * of the choice, of the sweep's best and of the default, in turns. */
#include <math.h>
#include <string.h>

#include "tune.h"

enum { SWEEP = 20, SWEEP_WARM = 5, FRESH = 30, MOST_FRESH = 3 };

static const uint64_t held_ns = 3000000000; /* of a part's held-out sizes; what is open then stays so */

struct judging {
	struct ct_tuned *tuned;
	struct ct_tune_part *part;
	struct ct_tune_verdict *verdict;
	uint64_t *ns;
	ct_status *status;
	uint32_t *which;
};

static ct_status take(struct judging *j, uint64_t bytes, const uint32_t *cells, uint32_t n,
	uint32_t samples, uint64_t *elapsed)
{
	struct ct_test test = { .coll = j->part->coll, .type = j->tuned->attr.type, .op = j->tuned->attr.op,
		.bytes = bytes };
	struct ct_trial trial = { .test = &test, .which = j->which, .n = n, .samples = samples,
		.warmup = SWEEP_WARM };
	struct ct_trial_out out = { j->ns, j->status, 0 };
	ct_status status;

	for (uint32_t k = 0; k < n; k++)
		j->which[k] = j->part->index[cells[k]];
	status = ct_trials_take(j->tuned->trials, &trial, &out);
	*elapsed += out.elapsed_ns;
	return status;
}

/* The sweep at size I: v->best. */
static ct_status sweep(struct judging *j, size_t i, struct ct_tune_verdict *v)
{
	uint32_t all[CT_SEARCH_MOST_CELLS] = { 0 }, n = (uint32_t)j->part->ncells;
	uint64_t least = UINT64_MAX;
	ct_status status;

	for (uint32_t c = 0; c < n; c++)
		all[c] = c;
	ct_trials_forget(j->tuned->trials);
	status = take(j, j->part->sizes[i], all, n, SWEEP, &v->exhaustive_ns);
	for (uint32_t c = 0; c < n && status == CT_OK; c++) {
		uint64_t *ns = j->ns + (size_t)c * SWEEP;

		if (j->status[c] != CT_OK)
			continue;
		v->legal++;
		ct_sort_u64(ns, SWEEP);
		if (ct_median(ns, SWEEP) < least) {
			least = ct_median(ns, SWEEP);
			v->best[i] = c;
		}
	}
	return status;
}

static void to_double(const uint64_t *ns, double *out)
{
	for (int k = 0; k < FRESH; k++)
		out[k] = (double)ns[k];
}

/* Fresh samples of up to three cells of which the first two may be one; 0: default, 1: choice, 2: best. */
static ct_status duel(struct judging *j, uint64_t bytes, const uint32_t cell[MOST_FRESH],
	double times[MOST_FRESH][FRESH])
{
	uint32_t list[MOST_FRESH] = { 0 }, n = 0, at[MOST_FRESH];
	uint64_t elapsed = 0;
	ct_status status;

	for (uint32_t k = 0; k < MOST_FRESH; k++) {
		for (at[k] = 0; at[k] < n && list[at[k]] != cell[k]; at[k]++)
			;
		if (at[k] == n)
			list[n++] = cell[k];
	}
	ct_trials_forget(j->tuned->trials);
	status = take(j, bytes, list, n, FRESH, &elapsed);
	for (uint32_t k = 0; k < MOST_FRESH && status == CT_OK; k++) {
		/* a choice that cannot run at a size nobody has tried is the default there */
		if (j->status[at[k]] != CT_OK)
			at[k] = at[0];
		to_double(j->ns + (size_t)at[k] * FRESH, times[k]);
	}
	return status;
}

static struct ct_ratio gain_of(const uint32_t cell[MOST_FRESH], double times[MOST_FRESH][FRESH])
{
	struct ct_ratio same = { 1, 1, 1 };

	return cell[0] == cell[1] ? same : ct_ratio_paired(times[0], times[1], FRESH, 0.95);
}

static ct_status judge_size(struct judging *j, size_t i, struct ct_tune_verdict *v)
{
	double times[MOST_FRESH][FRESH];
	uint32_t cell[MOST_FRESH] = { 0, ct_search_choice(&j->part->found, i), 0 };
	ct_status status = sweep(j, i, v);

	cell[2] = v->best[i];
	if (status == CT_OK)
		status = duel(j, j->part->sizes[i], cell, times);
	if (status != CT_OK)
		return status;
	v->gain[i] = gain_of(cell, times);
	/* of samples that were taken together: where times have two modes medians jump from one to the other */
	v->loss[i] = cell[1] == cell[2] ? 1 : ct_ratio_paired(times[1], times[2], FRESH, 0.95).ratio;
	v->worst_loss = fmax(v->worst_loss, v->loss[i]);
	v->mean_loss += log(v->loss[i]) / (double)j->part->nsizes;
	return CT_OK;
}

static ct_status take_held(void *arg, size_t i, const struct ct_alike *set, uint64_t *ns, uint64_t *spent_ns)
{
	struct judging *j = arg;
	struct ct_test test = { .coll = j->part->coll, .type = j->tuned->attr.type, .op = j->tuned->attr.op,
		.bytes = j->verdict->held_bytes[i] };

	for (uint32_t k = 0; k < set->n; k++)
		j->which[k] = j->part->index[set->cell[k]];
	return ct_alike_take(j->tuned->trials, &test, j->which, set->n, ns, spent_ns);
}

static ct_status agree(void *arg, int64_t *v, size_t n)
{
	struct judging *j = arg;

	return ct_session_max(j->tuned->session, v, n);
}

/* Sizes between those of the search, spread over all of them. */
static ct_status judge_held(struct judging *j, struct ct_tune_verdict *v)
{
	struct ct_alike_in in = { .set = v->held, .budget_ns = held_ns, .take = take_held, .agree = agree,
		.arg = j };
	size_t n = j->part->nsizes;

	for (size_t k = 0; k < CT_JUDGE_HELD && n > 1; k++) {
		size_t i = k * (n - 1) / CT_JUDGE_HELD;
		uint64_t between = j->part->sizes[i] + (j->part->sizes[i + 1] - j->part->sizes[i]) / 3;

		if (between <= j->part->sizes[i] || (v->nheld > 0 && between == v->held_bytes[v->nheld - 1]))
			continue;
		v->held_bytes[v->nheld] = between;
		v->held[v->nheld].order = true;
		ct_alike_add(&v->held[v->nheld], 0);
		ct_alike_add(&v->held[v->nheld++], ct_search_choice(&j->part->found, i));
	}
	in.nsets = v->nheld;
	return ct_alike_run(&in);
}

ct_status ct_tune_judge(struct ct_tuned *tuned, size_t part, struct ct_tune_verdict *v)
{
	struct judging j = { .tuned = tuned, .part = &tuned->parts[part], .verdict = v };
	size_t most = j.part->ncells * SWEEP;
	ct_status status = CT_OK;

	if (most < (size_t)MOST_FRESH * FRESH)
		most = (size_t)MOST_FRESH * FRESH;
	memset(v, 0, sizeof(*v));
	v->worst_loss = 1;
	j.ns = ct_alloc(most, sizeof(*j.ns));
	j.status = ct_alloc(j.part->ncells + MOST_FRESH, sizeof(*j.status));
	j.which = ct_alloc(j.part->ncells + MOST_FRESH, sizeof(*j.which));
	if (j.ns == NULL || j.status == NULL || j.which == NULL)
		status = CT_NOMEM;
	status = ct_session_agree(tuned->session, status);
	for (size_t i = 0; i < j.part->nsizes && status == CT_OK; i++)
		status = judge_size(&j, i, v);
	if (status == CT_OK)
		status = judge_held(&j, v);
	v->mean_loss = exp(v->mean_loss);
	ct_free(j.which);
	ct_free(j.status);
	ct_free(j.ns);
	return status;
}
