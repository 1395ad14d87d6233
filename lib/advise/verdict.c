/* SPDX-License-Identifier: BSD-3-Clause */
/* What a comparison says, in words. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sides.h"

/* ---- one point ------------------------------------------------------------------------------ */

enum word { FASTER, SLOWER, LITTLE_SLOWER, SAME, UNRESOLVED, FEW, WRONG_A, WRONG_B, WRONG_BOTH };

static enum word word_of(const struct ct_compared *p)
{
	if (p->wrong[CT_SIDE_A] || p->wrong[CT_SIDE_B])
		return !p->wrong[CT_SIDE_A] ? WRONG_B : !p->wrong[CT_SIDE_B] ? WRONG_A : WRONG_BOTH;
	switch (p->result) {
	case CT_COMPARE_FEW:
		return FEW;
	case CT_COMPARE_SAME:
		return SAME;
	case CT_COMPARE_FASTER:
		return FASTER;
	case CT_COMPARE_SLOWER:
		return ct_compared_worse(p) ? SLOWER : LITTLE_SLOWER;
	default:
		return UNRESOLVED;
	}
}

static uint32_t fewest(const struct ct_compared *p)
{
	uint32_t a = p->side[CT_SIDE_A]->series.rounds, b = p->side[CT_SIDE_B]->series.rounds;

	return a < b ? a : b;
}

const char *ct_compared_text(const struct ct_compared *point, char out[64])
{
	static const char *const words[] = { "faster",
					     "slower",
					     "slower by less than 5 %",
					     "same",
					     "not resolved",
					     "",
					     "wrong data in A",
					     "wrong data in B",
					     "wrong data in A and B" };
	enum word w = word_of(point);
	uint32_t n = fewest(point);

	if (w == FEW)
		snprintf(out, 64, "inconclusive: %u round%s, %d needed", n, n == 1 ? "" : "s",
			 CT_LEAST_ROUNDS);
	else
		snprintf(out, 64, "%s", words[w]);
	return out;
}

const char *ct_compare_key_text(const struct ct_compare_key *key, char out[160])
{
	bool p2p = key->coll >= CT_P2P_LATENCY;
	bool reduces = key->coll == CT_ALLREDUCE || key->coll == CT_REDUCE_SCATTER ||
		key->coll == CT_REDUCE;
	char pairs[32] = "";

	if (p2p)
		snprintf(pairs, sizeof(pairs), ", %u pair%s", key->pairs,
			 key->pairs == 1 ? "" : "s");
	if (key->coll == CT_BARRIER)
		snprintf(out, 160, "barrier, %u ranks", key->nranks);
	else
		snprintf(out, 160, "%s %s%s%s%s, %u ranks%s", ct_coll_name(key->coll),
			 ct_type_name(key->type), reduces ? " " : "",
			 reduces ? ct_op_name(key->op) : "",
			 p2p		 ? ""
			 : key->in_place ? ", in place"
					 : ", out of place",
			 key->nranks, pairs);
	return out;
}

const char *ct_compared_title(const struct ct_compared *point, char out[400])
{
	const struct ct_candidate *a = &point->side[CT_SIDE_A]->series.candidate;
	const struct ct_candidate *b = &point->side[CT_SIDE_B]->series.candidate;
	char key[160], ta[96], tb[96];

	ct_compare_key_text(&point->side[CT_SIDE_A]->key, key);
	ct_candidate_text(a, ta);
	if (ct_candidate_same(a, b))
		snprintf(out, 400, "%s: %s", key, ta);
	else
		snprintf(out, 400, "%s: A %s, B %s", key, ta, ct_candidate_text(b, tb));
	return out;
}

/* ---- one block ------------------------------------------------------------------------------ */

static size_t block_end(const struct ct_comparison *c, size_t first)
{
	while (ct_comparison_joined(c, first))
		first++;
	return first + 1;
}

void ct_comparison_crossovers(const struct ct_comparison *c, size_t first,
			      void (*each)(void *arg, const struct ct_compared *from,
					   const struct ct_compared *to),
			      void *arg)
{
	const struct ct_compared *last = NULL;
	size_t end = block_end(c, first);

	for (size_t i = first; i < end; i++) {
		const struct ct_compared *p = &c->points[i];

		if (p->wrong[CT_SIDE_A] || p->wrong[CT_SIDE_B] ||
		    (p->result != CT_COMPARE_FASTER && p->result != CT_COMPARE_SLOWER))
			continue;
		if (last != NULL && last->result != p->result)
			each(arg, last, p);
		last = p;
	}
}

struct tally {
	uint64_t count[CT_SIDES];
	double operations[CT_SIDES];
};

/* Three digits, and no exponent for large ones. */
static void add_number(struct ct_buf *out, double v)
{
	ct_buf_add(out, v < 100 ? "%.3g" : "%.0f", v);
}

static void add_counter(struct ct_buf *out, const char *name, const struct tally *t)
{
	double a, b, high;
	int side;

	if (!(t->operations[CT_SIDE_A] > 0) || !(t->operations[CT_SIDE_B] > 0))
		return;
	a = (double)t->count[CT_SIDE_A] / t->operations[CT_SIDE_A];
	b = (double)t->count[CT_SIDE_B] / t->operations[CT_SIDE_B];
	high = fmax(a, b);
	side = a > b ? CT_SIDE_A : CT_SIDE_B;
	if (t->count[side] < 10 || high <= 2 * fmin(a, b))
		return;
	ct_buf_add(out, "%s%s A ", out->used > 0 ? "; " : "", name);
	add_number(out, 1000 * a);
	ct_buf_add(out, ", B ");
	add_number(out, 1000 * b);
}

void ct_comparison_counters(const struct ct_comparison *c, size_t first, struct ct_buf *out)
{
	static const struct {
		const char *name;
		size_t offset;
	} rows[] = {
		{ "retransmits", offsetof(struct ct_counters, retransmits) },
		{ "received bytes", offsetof(struct ct_counters, rx_bytes) },
		{ "sent bytes", offsetof(struct ct_counters, tx_bytes) },
		{ "context switches", offsetof(struct ct_counters, switches) },
		{ "forced context switches", offsetof(struct ct_counters, forced_switches) },
		{ "page faults", offsetof(struct ct_counters, page_faults) },
	};
	struct ct_buf list = ct_buf_make(1024);
	size_t end = block_end(c, first);

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct tally t = { { 0, 0 }, { 0, 0 } };

		for (size_t i = first; i < end; i++) {
			for (int side = 0; side < CT_SIDES; side++) {
				const struct ct_compare_side *s = c->points[i].side[side];

				t.count[side] += *(const uint64_t *)((const char *)&s->counters +
								     rows[k].offset);
				t.operations[side] += (double)s->operations;
			}
		}
		add_counter(&list, rows[k].name, &t);
	}
	if (list.used > 0)
		ct_buf_add(out, "%s", list.text);
	ct_buf_free(&list);
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Points FIRST … END - 1 have the same word. */
static void add_run(const struct ct_comparison *c, size_t first, size_t end, struct ct_buf *out)
{
	static const char *const words[] = { "faster",
					     "slower",
					     "slower by less than 5 %",
					     "the same within 5 %",
					     "not resolved",
					     "inconclusive",
					     "not comparable (wrong data in A)",
					     "not comparable (wrong data in B)",
					     "not comparable (wrong data in both)" };
	enum word w = word_of(&c->points[first]);
	double low = INFINITY, high = 0;
	char from[32], to[32];

	for (size_t i = first; i < end; i++) {
		low = fmin(low, c->points[i].ratio.ratio);
		high = fmax(high, c->points[i].ratio.ratio);
	}
	ct_size_text(c->points[first].side[CT_SIDE_A]->key.bytes, from);
	ct_size_text(c->points[end - 1].side[CT_SIDE_A]->key.bytes, to);
	ct_buf_add(out, "%s", words[w]);
	if (c->points[first].side[CT_SIDE_A]->key.coll != CT_BARRIER) {
		if (end - first == 1)
			ct_buf_add(out, " at %s", from);
		else
			ct_buf_add(out, " from %s to %s", from, to);
	}
	if (w == FEW)
		ct_buf_add(out, " (%u rounds, %d needed)", fewest(&c->points[first]),
			   CT_LEAST_ROUNDS);
	if (w > LITTLE_SLOWER)
		return;
	if (end - first == 1)
		ct_buf_add(out, " (%.2f times A's time)", high);
	else
		ct_buf_add(out, " (%.2f to %.2f times A's time)", low, high);
}

static void add_crossover(void *arg, const struct ct_compared *from, const struct ct_compared *to)
{
	char low[32], high[32];

	ct_buf_add(arg, "; the winner changes between %s and %s",
		   ct_size_text(from->side[CT_SIDE_A]->key.bytes, low),
		   ct_size_text(to->side[CT_SIDE_A]->key.bytes, high));
}

static void add_block(const struct ct_comparison *c, size_t first, struct ct_buf *out)
{
	size_t end = block_end(c, first), stop;
	char title[400];

	ct_buf_add(out, "%s: B is ", ct_compared_title(&c->points[first], title));
	for (size_t i = first; i < end; i = stop) {
		for (stop = i + 1; stop < end &&
				   word_of(&c->points[stop]) == word_of(&c->points[i]) &&
				   (word_of(&c->points[i]) != FEW ||
				    fewest(&c->points[stop]) == fewest(&c->points[i]));)
			stop++;
		ct_buf_add(out, "%s", i > first ? ", " : "");
		add_run(c, i, stop, out);
	}
	ct_comparison_crossovers(c, first, add_crossover, out);
	ct_buf_add(out, ". ");
	ct_comparison_loss(c, first, out);
}

/* Who wins how often, when neither side is the baseline. */
static void add_score(const struct ct_comparison *c, struct ct_buf *out)
{
	size_t score[WRONG_BOTH + 1] = { 0 }, a, open;

	for (size_t i = 0; i < c->npoints; i++)
		score[word_of(&c->points[i])]++;
	a = score[SLOWER] + score[LITTLE_SLOWER];
	open = c->npoints - a - score[FASTER] - score[SAME];
	if (c->npoints == 0)
		ct_buf_add(out, "Nothing could be compared: no point was measured with both.");
	else
		ct_buf_add(out,
			   "In all: of %zu points A wins %zu, B wins %zu, %zu are the same, %zu are "
			   "not resolved.",
			   c->npoints, a, score[FASTER], score[SAME], open);
	if (score[FEW] > 0)
		ct_buf_add(out, " Measure with --rounds %d or more.", CT_LEAST_ROUNDS);
}

static void add_sum(const struct ct_comparison *c, struct ct_buf *out)
{
	size_t worse = 0, open = 0, few = 0;

	for (size_t i = 0; i < c->npoints; i++) {
		enum word w = word_of(&c->points[i]);

		worse += ct_compared_worse(&c->points[i]);
		open += !ct_compared_worse(&c->points[i]) && w != SAME && w != FASTER;
		few += w == FEW;
	}
	if (c->npoints == 0)
		ct_buf_add(out, "Nothing could be compared: no point is on both sides.");
	else if (worse > 0)
		ct_buf_add(out, "In all: a regression, B is worse than A at %zu of %zu points.",
			   worse, c->npoints);
	else if (open > 0)
		ct_buf_add(
			out,
			"In all: no regression is shown, but %zu of %zu points are not resolved.",
			open, c->npoints);
	else
		ct_buf_add(out,
			   "In all: no regression, B is the same or faster at each of %zu points.",
			   c->npoints);
	if (worse > 0 && open > 0)
		ct_buf_add(out, " Not resolved: %zu.", open);
	if (few > 0)
		ct_buf_add(out, " Measure both with --rounds %d or more.", CT_LEAST_ROUNDS);
}

void ct_comparison_verdict(const struct ct_comparison *c, struct ct_buf *out)
{
	size_t n = json_array_size(c->warnings);

	for (size_t i = 0; i < c->npoints; i = block_end(c, i))
		add_block(c, i, out);
	if (c->rivals)
		add_score(c, out);
	else
		add_sum(c, out);
	if (ct_comparison_crowded(c))
		ct_buf_add(out, " All of it is inconclusive: more ranks than processors, so times tell "
				"about the scheduler too.");
	if (c->nalone > 0)
		ct_buf_add(out, " %zu point%s that one side has alone %s not compared.", c->nalone,
			   c->nalone == 1 ? "" : "s", c->nalone == 1 ? "was" : "were");
	if (n > 0)
		ct_buf_add(out, " Mind the %zu warning%s: what else differs may be the cause.", n,
			   n == 1 ? "" : "s");
}
