/* SPDX-License-Identifier: BSD-3-Clause */
#include "shown.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "osu.h"
#include "table.h"

static bool same_row(const struct ct_test *a, const struct ct_test *b)
{
	return a->coll == b->coll && a->type == b->type && a->op == b->op && a->root == b->root &&
		a->bytes == b->bytes;
}

static size_t place(const struct ct_shown *s, uint32_t round, size_t candidate, size_t test)
{
	return (round * s->ncandidates + candidate) * s->plan->ntests + test;
}

ct_status ct_shown_make(const struct ct_bench_plan *plan, const struct ct_candidate *candidates,
	size_t ncandidates, uint32_t rounds, bool stats, struct ct_shown *shown)
{
	struct ct_shown made = { .plan = plan, .candidates = candidates, .ncandidates = ncandidates,
		.rounds = rounds, .stats = stats };
	size_t n = plan->ntests * ncandidates * rounds;

	made.results = ct_alloc(n, sizeof(*made.results));
	made.spread = ct_alloc(n, sizeof(*made.spread));
	made.there = ct_alloc(n, sizeof(*made.there));
	if (made.results == NULL || made.spread == NULL || made.there == NULL) {
		ct_shown_free(&made);
		return CT_NOMEM;
	}
	*shown = made;
	return CT_OK;
}

void ct_shown_free(struct ct_shown *shown)
{
	ct_free(shown->results);
	ct_free(shown->spread);
	ct_free(shown->there);
	shown->results = NULL;
	shown->spread = NULL;
	shown->there = NULL;
}

size_t ct_shown_index(const struct ct_shown *s, uint32_t round, const struct ct_candidate *c,
	const struct ct_test *t)
{
	for (size_t i = 0; i < s->ncandidates; i++) {
		if (!ct_candidate_same(&s->candidates[i], c))
			continue;
		for (size_t k = 0; k < s->plan->ntests; k++)
			if (ct_test_same(&s->plan->tests[k], t))
				return round < s->rounds ? place(s, round, i, k) : SIZE_MAX;
	}
	return SIZE_MAX;
}

void ct_shown_add(struct ct_shown *s, const struct ct_result *result)
{
	size_t i = ct_shown_index(s, result->round, &result->candidate, &result->test);

	if (i == SIZE_MAX)
		return;
	s->results[i] = *result;
	if (s->perftest)
		s->spread[i] = ct_perftest_spread(result);
	s->results[i].samples_ns = NULL;
	s->results[i].hist = NULL;
	s->results[i].ports.ends = NULL;
	s->results[i].ports.nends = 0;
	s->there[i] = true;
}

/* ---- choosing and printing rows ---------------------------------------------------------------- */

static int by_median(const void *a, const void *b)
{
	const struct ct_result *const *x = a, *const *y = b;
	uint64_t p = (*x)->summary.median, q = (*y)->summary.median;

	return (p > q) - (p < q);
}

/* The round with the median time, so that a row is one real measurement; NULL = none is there. */
static const struct ct_result *chosen(const struct ct_shown *s, size_t candidate, size_t test)
{
	const struct ct_result *list[1000];
	size_t n = 0;

	for (uint32_t round = 0; round < s->rounds; round++) {
		size_t i = place(s, round, candidate, test);

		if (s->there[i] && n < sizeof(list) / sizeof(list[0]))
			list[n++] = &s->results[i];
	}
	if (n == 0)
		return NULL;
	qsort(list, n, sizeof(list[0]), by_median);
	return list[(n - 1) / 2];
}

static void put(struct ct_buf *text)
{
	if (ct_buf_status(text) == CT_OK && text->text != NULL)
		fputs(text->text, stdout);
	fflush(stdout);
	ct_buf_free(text);
}

static const char *direction(ct_coll coll)
{
	switch (coll) {
	case CT_P2P_LATENCY:
		return "half round trip of a ping-pong";
	case CT_P2P_ONEWAY:
		return "one way, lower to higher rank of each pair; rates of one pair";
	case CT_P2P_DUPLEX:
		return "duplex; rates of each direction of one pair";
	default:
		return "busbw = algbw x nccl-tests' factor";
	}
}

/* Statistics only of placements that the plan holds. */
static unsigned stats_of(const struct ct_shown *s)
{
	unsigned mask = 0;

	for (size_t i = 0; s->stats && i < s->plan->ntests; i++)
		mask |= s->plan->tests[i].in_place ? CT_STATS_IN : CT_STATS_OUT;
	return mask;
}

/* nccl-tests' columns and ours, not somebody else's. */
static bool own_columns(const struct ct_shown *s)
{
	return !s->osu && !s->perftest;
}

static void begin(struct ct_shown *s, size_t candidate, size_t test)
{
	const struct ct_result *r = chosen(s, candidate, test);
	struct ct_buf text = ct_buf_make(1 << 16);
	ct_coll coll = s->plan->tests[test].coll;
	char name[96];

	s->wrong = 0;
	s->busbw_sum = 0;
	s->busbw_count = 0;
	ct_buf_add(&text, "%s# %s: %s\n", own_columns(s) ? "#\n" : "", ct_coll_name(coll),
		ct_candidate_text(&s->candidates[candidate], name));
	if (r != NULL && r->library[0] != '\0')
		ct_buf_add(&text, "#   %s%s%s\n", r->library, r->path[0] != '\0' ? "; " : "", r->path);
	if (!s->perftest) /* whose rates of both directions are one number */
		ct_buf_add(&text, "#   %s\n", direction(coll));
	if (s->osu)
		ct_osu_head(&text, coll, s->plan->tests[test].type);
	else if (own_columns(s))
		ct_table_head(&text, stats_of(s));
	put(&text);
	if (s->perftest)
		ct_perftest_table_head(stdout, coll);
}

static void end(const struct ct_shown *s)
{
	struct ct_buf text = ct_buf_make(4096);

	if (!own_columns(s) && s->wrong == 0)
		return;
	ct_table_foot(&text, s->wrong, s->busbw_sum, s->busbw_count);
	put(&text);
}

static void count(struct ct_shown *s, const struct ct_result *r)
{
	if (r == NULL || r->status != CT_OK)
		return;
	s->wrong += r->wrong;
	s->busbw_sum += r->busbw_Bps;
	s->busbw_count++;
}

/* Number of tests (1 or 2) that make the row which starts at TEST. */
static size_t row_tests(const struct ct_shown *s, size_t test)
{
	const struct ct_test *t = &s->plan->tests[test];

	return test + 1 < s->plan->ntests && same_row(t, t + 1) ? 2 : 1;
}

static void row(struct ct_shown *s, size_t candidate, size_t test)
{
	struct ct_buf text = ct_buf_make(1 << 16);
	const struct ct_result *outp = NULL, *inp = NULL;

	for (size_t i = test; i < test + row_tests(s, test); i++) {
		const struct ct_result *r = chosen(s, candidate, i);

		count(s, r);
		if (s->plan->tests[i].in_place)
			inp = r;
		else
			outp = r;
	}
	if (outp == NULL && inp == NULL)
		return;
	if (s->osu)
		ct_osu_row(&text, outp != NULL ? outp : inp);
	else if (s->perftest) /* which is among the results: point-to-point is out of place */
		ct_perftest_table_row(stdout, outp, &s->spread[outp - s->results]);
	else
		ct_table_row(&text, outp, inp, stats_of(s));
	if (s->counters && outp != NULL)
		ct_table_counters(&text, outp);
	if (s->counters && inp != NULL)
		ct_table_counters(&text, inp);
	put(&text);
}

static bool starts_block(const struct ct_shown *s, size_t test)
{
	return test == 0 || s->plan->tests[test].coll != s->plan->tests[test - 1].coll;
}

/* Reasons of what could not be measured, each once in a row. */
static void reasons(const struct ct_shown *s, size_t candidate)
{
	const char *last = "";

	for (size_t t = 0; t < s->plan->ntests; t++) {
		const struct ct_result *r = chosen(s, candidate, t);

		if (r == NULL || r->status == CT_OK || strcmp(r->why, last) == 0)
			continue;
		printf("# N/A: %s%s: %s\n", ct_coll_name(r->test.coll), r->test.in_place ? ", in place" : "",
			r->why);
		last = r->why;
	}
}

static bool live(const struct ct_shown *s)
{
	return s->ncandidates == 1 && s->rounds == 1;
}

void ct_shown_live(struct ct_shown *s)
{
	while (live(s) && s->next < s->plan->ntests) {
		size_t n = row_tests(s, s->next);

		for (size_t i = 0; i < n; i++)
			if (!s->there[s->next + i])
				return;
		if (starts_block(s, s->next)) {
			if (s->next > 0)
				end(s);
			begin(s, 0, s->next);
		}
		row(s, 0, s->next);
		s->next += n;
	}
}

static void block(struct ct_shown *s, size_t candidate)
{
	size_t test = live(s) ? s->next : 0;

	if (test > 0 && (test == s->plan->ntests || starts_block(s, test)))
		end(s);
	while (test < s->plan->ntests) {
		if (starts_block(s, test))
			begin(s, candidate, test);
		row(s, candidate, test);
		test += row_tests(s, test);
		if (test == s->plan->ntests || starts_block(s, test))
			end(s);
	}
	reasons(s, candidate);
}

void ct_shown_end(struct ct_shown *s)
{
	for (size_t c = 0; c < s->ncandidates; c++)
		block(s, c);
	fflush(stdout);
}

uint64_t ct_shown_wrong(const struct ct_shown *s)
{
	size_t n = s->plan->ntests * s->ncandidates * s->rounds;
	uint64_t wrong = 0;

	for (size_t i = 0; i < n; i++)
		if (s->there[i] && s->results[i].status == CT_OK)
			wrong += s->results[i].wrong;
	return wrong;
}

bool ct_shown_any(const struct ct_shown *s, const char **why)
{
	size_t n = s->plan->ntests * s->ncandidates * s->rounds;

	*why = NULL;
	for (size_t i = 0; i < n; i++) {
		if (s->there[i] && s->results[i].status == CT_OK)
			return true;
		if (s->there[i] && *why == NULL)
			*why = s->results[i].why;
	}
	return false;
}
