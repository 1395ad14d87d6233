/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules for NCCL from jobs that ran. At each size the fastest setting is found from every second call, by the
 * intervals of the medians, against what ran where NCCL was left alone; the other calls must confirm it and
 * give the gain. The smallest table is the search's (cover.c). What was not seen gets no rule.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "inside.h"

/* Sizes further apart than this share no rule: between them nothing ran. */
enum { FURTHEST = 4, CHANNELS_MOST = 64 };
static const double level = 0.95, gain_most = 1e6;

/* One operation: its calls, sizes and settings. Setting 0 is NCCL's own choice. */
struct table {
	const struct ct_jobs_in *in;
	const struct ct_jobs_scope *scope;
	ct_coll coll;
	const struct ct_nccl_whole *calls; /* ascending by size, then as the settings are */
	size_t ncalls;
	size_t first[CT_SEARCH_MOST_SIZES], end[CT_SEARCH_MOST_SIZES]; /* of a size's calls */
	uint64_t bytes[CT_SEARCH_MOST_SIZES];
	const struct ct_nccl_call *cell[CT_SEARCH_MOST_CELLS];
	struct ct_search search;           /* as if it had been searched */
	uint64_t *ns;                      /* room for all calls */
	double *mine, *other;
	size_t nleft;                      /* sizes that did not fit */
	const struct ct_nccl_call *strange; /* ran as no rule can ask; NULL: none did */
	bool compared;                     /* somewhere two settings were seen often enough */
};

static const struct ct_nccl_rank *rank_of(const struct table *t, const struct ct_nccl_whole *call)
{
	return &t->in->jobs->ranks[call->call->rank];
}

static bool same_cell(const struct ct_nccl_call *a, const struct ct_nccl_call *b)
{
	return a->channels == b->channels && strcmp(a->algo, b->algo) == 0 && strcmp(a->proto, b->proto) == 0;
}

static bool of_cell(const struct table *t, size_t call, uint32_t cell)
{
	if (!ct_jobs_counts(t->scope, rank_of(t, &t->calls[call])) || t->calls[call].most_ns == 0)
		return false;
	return cell == 0 ? ct_jobs_alone(t->scope, rank_of(t, &t->calls[call])) :
		same_cell(t->calls[call].call, t->cell[cell]);
}

/* Times of CELL at size I: FRESH, every second call, or the others; how many. */
static size_t take(const struct table *t, size_t i, uint32_t cell, bool fresh, double *out)
{
	size_t seen = 0, n = 0;

	for (size_t k = t->first[i]; k < t->end[i]; k++)
		if (of_cell(t, k, cell) && seen++ % 2 == fresh)
			out[n++] = (double)t->calls[k].most_ns;
	return n;
}

static size_t count(const struct table *t, size_t i, uint32_t cell)
{
	size_t n = 0;

	for (size_t k = t->first[i]; k < t->end[i]; k++)
		n += of_cell(t, k, cell);
	return n;
}

/* ---- sizes and settings --------------------------------------------------------------------------- */

/* What our tuner plugin takes: kernels of other kinds (symmetric ones) are told too. */
static bool can_be_asked(const struct ct_nccl_call *call)
{
	static const char *const algos[] = { "tree", "ring", "collnet_direct", "collnet_chain", "nvls", "nvls_tree",
		"pat" }, *const protos[] = { "ll", "ll128", "simple" };
	bool algo = false, proto = false;

	for (size_t i = 0; i < sizeof(algos) / sizeof(algos[0]); i++)
		algo |= strcmp(call->algo, algos[i]) == 0;
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		proto |= strcmp(call->proto, protos[i]) == 0;
	return algo && proto && call->channels <= CHANNELS_MOST;
}

static void note_cell(struct table *t, const struct ct_nccl_call *call)
{
	uint32_t c = 1;

	if (!can_be_asked(call)) {
		t->strange = call;
		return;
	}
	while (c < t->search.ncells && !same_cell(t->cell[c], call))
		c++;
	if (c < CT_SEARCH_MOST_CELLS && c == t->search.ncells)
		t->cell[t->search.ncells++] = call;
}

/* Sizes at which NCCL's own choice was seen often enough, the largest that fit, and all settings. */
static void list(struct table *t)
{
	t->search.ncells = 1;
	for (size_t at = t->ncalls, first; at > 0; at = first) {
		size_t n = t->search.nsizes, i = CT_SEARCH_MOST_SIZES - 1 - n;

		for (first = at - 1; first > 0 && t->calls[first - 1].call->bytes == t->calls[at - 1].call->bytes;)
			first--;
		if (n == CT_SEARCH_MOST_SIZES || !t->calls[first].call->sized) {
			t->nleft++;
			continue;
		}
		t->bytes[i] = t->calls[first].call->bytes;
		t->first[i] = first;
		t->end[i] = at;
		if (count(t, i, 0) < CT_JOBS_LEAST)
			continue;
		t->search.nsizes++;
		for (size_t k = first; k < at; k++)
			if (ct_jobs_counts(t->scope, rank_of(t, &t->calls[k])))
				note_cell(t, t->calls[k].call);
	}
	/* filled from the end */
	for (size_t i = 0, skip = CT_SEARCH_MOST_SIZES - t->search.nsizes; i < t->search.nsizes; i++) {
		t->bytes[i] = t->bytes[i + skip];
		t->first[i] = t->first[i + skip];
		t->end[i] = t->end[i + skip];
	}
}

/* ---- what is fastest ------------------------------------------------------------------------------ */

static void measure(struct table *t, size_t i, uint32_t cell)
{
	struct ct_cell_times *times = ct_times(&t->search, i, cell);
	size_t n = take(t, i, cell, false, t->mine), low, high;
	double sum = 0;

	if (count(t, i, cell) < CT_JOBS_LEAST)
		return;
	for (size_t k = 0; k < n; k++) {
		t->ns[k] = (uint64_t)t->mine[k];
		sum += log(t->mine[k]);
	}
	ct_sort_u64(t->ns, n);
	(void)ct_median_interval(n, level, &low, &high);
	times->n = (uint32_t)n;
	times->pooled = sum / (double)n;
	times->median = ct_median(t->ns, n);
	times->low = t->ns[low];
	times->high = t->ns[high];
}

/* Time of NCCL's own choice by CELL's at size I, by the calls that have chosen nothing. */
static struct ct_ratio gain(const struct table *t, size_t i, uint32_t cell, size_t *n)
{
	size_t a = take(t, i, 0, true, t->other), b = take(t, i, cell, true, t->mine);

	*n = a < b ? a : b;
	return ct_ratio_interval(t->other, a, t->mine, b, level);
}

static void judge(struct table *t, size_t i)
{
	struct ct_search *s = &t->search;
	uint32_t best = 0, seen = 0;
	size_t n;

	for (uint32_t c = 0; c < s->ncells; c++) {
		measure(t, i, c);
		seen += c > 0 && ct_times(s, i, c)->n > 0;
		if (ct_times(s, i, c)->n > 0 && ct_times(s, i, c)->median < ct_times(s, i, best)->median)
			best = c;
	}
	t->compared |= seen > 1;
	for (uint32_t c = 0; c < s->ncells; c++)
		ct_times(s, i, c)->good = ct_times(s, i, c)->n > 0 &&
			ct_times(s, i, c)->low <= ct_times(s, i, best)->high;
	/* what the fresh calls do not confirm is not known */
	if (gain(t, i, best, &n).low <= 1)
		ct_times(s, i, 0)->good = true;
	s->best[i] = best;
	s->measured[i] = true;
}

/* ---- rules ---------------------------------------------------------------------------------------- */

static double rounded(double x)
{
	return round(x * 1000) / 1000;
}

static ct_status add_rule(const struct table *t, uint32_t cell, size_t first, size_t last, json_t *rules)
{
	const struct ct_nccl_call *c = t->cell[cell];
	const struct ct_rule_set set[3] = { { "algo", c->algo, 0 }, { "proto", c->proto, 0 },
		{ "channels", NULL, c->channels } };
	struct ct_rule rule = { .coll = t->coll, .type = CT_RULES_ANY_TYPE, .backend = "nccl", .low = t->bytes[first],
		.high = t->bytes[last], .set = set, .nset = c->channels > 0 ? 3 : 2, .gain_low = INFINITY };
	size_t n;

	for (size_t i = first; i <= last; i++) {
		struct ct_ratio r = gain(t, i, cell, &n);

		if (ct_times(&t->search, i, 0)->good || r.low >= rule.gain_low)
			continue;
		rule.gain = rounded(r.ratio);
		rule.gain_low = rounded(r.low);
		rule.gain_high = fmin(rounded(r.high), gain_most);
		rule.fresh = (int64_t)n;
	}
	if (!(rule.gain_low > 1) || rule.gain > gain_most)
		return CT_OK;
	return json_array_append_new(rules, ct_export_rule_json(&rule)) == 0 ? CT_OK :
		ct_fail(CT_NOMEM, "no memory for a rule");
}

/* The ends of a stretch at which NCCL's own choice is as good need no rule. */
static ct_status add_stretch(const struct table *t, const struct ct_stretch *s, json_t *rules)
{
	size_t first = s->first, last, end;
	ct_status status = CT_OK;

	for (; status == CT_OK && s->cell != 0 && first <= s->last; first = end) {
		for (end = first + 1; end <= s->last && t->bytes[end] / FURTHEST <= t->bytes[end - 1];)
			end++;
		for (last = end - 1; first < last && ct_times(&t->search, first, 0)->good;)
			first++;
		while (last > first && ct_times(&t->search, last, 0)->good)
			last--;
		status = add_rule(t, s->cell, first, last, rules);
	}
	return status;
}

static ct_status rules_of(struct table *t, struct ct_export *out, json_t *rules)
{
	struct ct_search *s = &t->search;
	ct_status status = CT_OK;

	list(t);
	if (t->nleft > 0)
		status = ct_export_remark(out, NULL, "%s: %zu sizes left out: not told, or not among the %d largest",
			ct_coll_name(t->coll), t->nleft, (int)CT_SEARCH_MOST_SIZES);
	if (status == CT_OK && t->strange != NULL)
		status = ct_export_remark(out, NULL, "%s: some ran as %s/%s with %u channels, which no rule can ask for",
			ct_coll_name(t->coll), t->strange->algo, t->strange->proto, t->strange->channels);
	if (status != CT_OK || s->nsizes == 0)
		return status;
	s->times = ct_alloc(s->nsizes * s->ncells, sizeof(*s->times));
	if (s->times == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < s->nsizes; i++)
		judge(t, i);
	ct_search_cover(s);
	for (size_t k = 0; k < s->nstretches && status == CT_OK; k++)
		status = add_stretch(t, &s->stretch[k], rules);
	ct_free(s->times);
	return status;
}

/* The operation whose calls begin at *AT, which moves behind them. *COMPARED stays true once it is. */
static ct_status next_table(const struct ct_jobs_in *in, const struct ct_jobs_scope *scope, size_t *at,
	struct ct_export *out, json_t *rules, bool *compared)
{
	const struct ct_nccl_job *jobs = in->jobs;
	struct table *t = ct_alloc(1, sizeof(*t));
	size_t first = *at;
	ct_status status = CT_NOMEM;

	while (*at < jobs->nwholes && strcmp(jobs->wholes[*at].call->coll, jobs->wholes[first].call->coll) == 0)
		(*at)++;
	if (t == NULL)
		return status;
	t->in = in;
	t->scope = scope;
	t->calls = &jobs->wholes[first];
	t->ncalls = *at - first;
	t->ns = ct_alloc(t->ncalls, sizeof(*t->ns));
	t->mine = ct_alloc(t->ncalls, sizeof(*t->mine));
	t->other = ct_alloc(t->ncalls, sizeof(*t->other));
	if (t->ns != NULL && t->mine != NULL && t->other != NULL)
		status = CT_OK;
	/* what a tuner is not asked for has no rule */
	if (status == CT_OK && ct_coll_parse(t->calls->call->coll, &t->coll) == CT_OK &&
		ct_export_nccl_word(t->coll) != NULL)
		status = rules_of(t, out, rules);
	*compared |= t->compared;
	ct_free(t->other);
	ct_free(t->mine);
	ct_free(t->ns);
	ct_free(t);
	return status;
}

/* ---- the file ------------------------------------------------------------------------------------- */

static json_t *whole_json(const struct ct_jobs_scope *s, json_t *rules)
{
	const struct ct_rules_lib lib = { "nccl", s->nccl };
	const struct ct_rules_scope scope = { .machine = s->machine, .fingerprint = s->fingerprint,
		.nodes_low = s->nodes, .nodes_high = s->nodes, .ranks_low = s->ranks / s->nodes,
		.ranks_high = s->ranks / s->nodes, .emulated = s->emulated, .libs = &lib, .nlibs = 1 };

	return json_pack("{s:s, s:o, s:O}", "schema", "colltune-rules/1", "scope",
		ct_export_scope_json(&scope, NULL), "rules", rules);
}

static ct_status nothing_to_compare(const struct ct_jobs_in *in, const struct ct_jobs_scope *scope)
{
	bool alone = false;

	for (size_t i = 0; i < in->jobs->nranks; i++)
		alone |= ct_jobs_counts(scope, &in->jobs->ranks[i]) && ct_jobs_alone(scope, &in->jobs->ranks[i]);
	if (!alone)
		return ct_fail(CT_INVALID, "no job ran as NCCL alone chooses: run it once without COLLTUNE_RULES and "
			"without NCCL_ALGO, NCCL_PROTO and numbers of channels, and name that folder too");
	return ct_fail(CT_INVALID, "no operation and size was seen %d times under each of two settings: run the job "
		"again with another one (NCCL_ALGO=allreduce:tree NCCL_PROTO=ll, or COLLTUNE_RULES) and name both "
		"folders", (int)CT_JOBS_LEAST);
}

ct_status ct_jobs_rules(const struct ct_jobs_in *in, struct ct_export *out)
{
	json_t *rules = json_array(), *whole = NULL;
	struct ct_jobs_scope scope;
	bool compared = false;
	char *text = NULL;
	ct_status status;

	ct_export_begin(out);
	status = ct_jobs_scope(in, out, &scope);
	for (size_t at = 0; status == CT_OK && at < in->jobs->nwholes;)
		status = next_table(in, &scope, &at, out, rules, &compared);
	if (status == CT_OK && !compared)
		status = nothing_to_compare(in, &scope);
	if (status == CT_OK)
		status = ct_export_remark(out, NULL, "jobs were not taken in turns: what else differed between them counts "
			"as the setting's; measure the rules once more (colltune bench --coll nccl --explain)");
	if (status == CT_OK) {
		whole = whole_json(&scope, rules);
		text = whole != NULL ? json_dumps(whole, JSON_INDENT(1)) : NULL;
		status = text != NULL ? CT_OK : ct_fail(CT_NOMEM, "no memory for the rules as JSON");
	}
	if (status == CT_OK && text != NULL) {
		ct_buf_add(&out->text, "%s\n", text);
		out->written = (uint32_t)json_array_size(rules);
		status = ct_buf_status(&out->text);
	}
	free(text);
	json_decref(whole);
	json_decref(rules);
	return status;
}
