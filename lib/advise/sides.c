/* SPDX-License-Identifier: BSD-3-Clause */
/* From the records of one side to one series per candidate and point. */
#include "sides.h"

#include <stdlib.h>
#include <string.h>

ct_status ct_compare_cast_make(const struct ct_records *records, struct ct_compare_cast *cast)
{
	struct ct_compare_cast c = { ct_alloc(records->n > 0 ? records->n : 1, sizeof(*c.list)),
				     0 };

	if (c.list == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < records->n; i++) {
		const struct ct_result *r = &records->results[i];
		size_t k = 0;

		if (r->status != CT_OK)
			continue;
		while (k < c.n && !ct_candidate_same(c.list[k], &r->candidate))
			k++;
		if (k == c.n)
			c.list[c.n++] = &r->candidate;
	}
	*cast = c;
	return CT_OK;
}

int ct_compare_key_order(const struct ct_compare_key *a, const struct ct_compare_key *b, bool bytes)
{
	const uint64_t x[] = {
		a->coll, a->type, a->op, a->nranks, a->pairs, a->in_place, bytes ? a->bytes : 0
	};
	const uint64_t y[] = {
		b->coll, b->type, b->op, b->nranks, b->pairs, b->in_place, bytes ? b->bytes : 0
	};

	for (size_t i = 0; i < sizeof(x) / sizeof(x[0]); i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

/* One result with what orders it. */
struct entry {
	struct ct_compare_key key;
	size_t candidate, index; /* index: in the records */
	const struct ct_result *result;
};

static int same_series(const struct entry *a, const struct entry *b)
{
	int order = ct_compare_key_order(&a->key, &b->key, false);

	if (order == 0 && a->candidate != b->candidate)
		order = a->candidate < b->candidate ? -1 : 1;
	return order != 0 ? order : ct_compare_key_order(&a->key, &b->key, true);
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = same_series(x, y);

	if (order == 0 && x->result->round != y->result->round)
		order = x->result->round < y->result->round ? -1 : 1;
	return order != 0 ? order : x->index < y->index ? -1 : 1;
}

static struct ct_compare_key key_of(const struct ct_result *r)
{
	return (struct ct_compare_key){ .coll = r->test.coll,
					.type = r->test.type,
					.op = r->test.op,
					.nranks = r->nranks,
					.pairs = r->pairs,
					.in_place = r->test.in_place,
					.bytes = r->bytes };
}

static size_t collect(const struct ct_records *records, const struct ct_compare_cast *cast,
		      const struct ct_candidate *only, struct entry *list)
{
	size_t n = 0;

	for (size_t i = 0; i < records->n; i++) {
		const struct ct_result *r = &records->results[i];
		size_t k = 0;

		if (r->status != CT_OK || (only != NULL && !ct_candidate_same(only, &r->candidate)))
			continue;
		while (!ct_candidate_same(cast->list[k], &r->candidate))
			k++;
		list[n++] = (struct entry){ key_of(r), k, i, r };
	}
	return n;
}

static void add_counters(struct ct_counters *sum, const struct ct_counters *c)
{
	sum->rx_bytes += c->rx_bytes;
	sum->tx_bytes += c->tx_bytes;
	sum->retransmits += c->retransmits;
	sum->switches += c->switches;
	sum->forced_switches += c->forced_switches;
	sum->page_faults += c->page_faults;
}

static void add_ports(struct ct_port_counts *sum, const struct ct_port_counts *p)
{
	sum->known |= p->known;
	sum->active = p->active;
	sum->used = p->used;
	ct_counts_add(&sum->sum, &p->sum);
}

static void summarize(struct ct_compare_side *s, const struct entry *last, uint64_t *medians,
		      uint64_t *expected, size_t nexpected)
{
	struct ct_summary of_rounds = ct_summarize(medians, s->series.rounds);

	if (s->series.rounds == 1)
		of_rounds = last->result->summary;
	s->median_ns = of_rounds.median;
	s->low_ns = of_rounds.low;
	s->high_ns = of_rounds.high;
	if (nexpected == 0)
		return;
	ct_sort_u64(expected, nexpected);
	s->expected = true;
	s->expected_ns = ct_median(expected, nexpected);
	if (s->median_ns > 0)
		s->efficiency = (double)s->expected_ns / (double)s->median_ns;
}

/* The series of entries FIRST … FIRST + N - 1, all of one candidate and point; ROUND_NS, what lies
 * STRIDE and 2 * STRIDE behind it, and SCRATCH (2 * N) have room for them. Returns how many a later record of the same round replaced. */
static size_t fill(const struct entry *first, size_t n, double *round_ns, size_t stride,
		   uint64_t *scratch, struct ct_compare_side *s)
{
	double *again = round_ns + stride, *operations = again + stride;
	size_t twice = 0, nexpected = 0;

	*s = (struct ct_compare_side){ .key = first->key,
				       .candidate = first->candidate,
				       .again_told = true };
	for (size_t i = 0; i < n; i++) {
		const struct ct_result *r = first[i].result;

		if (i + 1 < n && first[i + 1].result->round == r->round) {
			twice++;
			continue;
		}
		again[s->series.rounds] = (double)ct_compare_again(r);
		operations[s->series.rounds] = (double)(r->summary.n * r->inner);
		scratch[s->series.rounds] = r->summary.median;
		round_ns[s->series.rounds++] = (double)r->summary.median;
		if (r->expected.known)
			scratch[n + nexpected++] = r->expected.time_ns;
		s->series.wrong += r->wrong;
		s->unchecked |= r->checked == 0;
		s->oversubscribed |= r->oversubscribed;
		s->operations += r->summary.n * r->inner;
		s->again_told = s->again_told && ct_compare_again_told(r);
		add_counters(&s->counters, &r->counters);
		add_ports(&s->ports, &r->ports);
		s->library = r->library;
		s->path = r->path;
	}
	s->series.coll = first->key.coll;
	s->series.bytes = first->key.bytes;
	s->series.candidate = first->result->candidate;
	s->series.round_ns = round_ns;
	s->round_again = again;
	s->round_operations = operations;
	summarize(s, &first[n - 1], scratch, scratch + n, nexpected);
	return twice;
}

ct_status ct_compare_gather(struct ct_comparison *c, int side, const struct ct_candidate *only,
			    size_t *twice)
{
	const struct ct_records *records = c->in[side].records;
	size_t room = records->n > 0 ? records->n : 1, n, end;
	struct ct_compare_cast cast = { NULL, 0 };
	struct entry *list = ct_alloc(room, sizeof(*list));
	uint64_t *scratch = ct_alloc(2 * room, sizeof(*scratch));
	ct_status status = CT_NOMEM;

	*twice = 0;
	c->rounds[side] = ct_alloc(3 * room, sizeof(*c->rounds[side]));
	c->sides[side] = ct_alloc(room, sizeof(*c->sides[side]));
	if (list == NULL || scratch == NULL || c->rounds[side] == NULL || c->sides[side] == NULL)
		goto free_scratch;
	status = ct_compare_cast_make(records, &cast);
	if (status != CT_OK)
		goto free_scratch;
	n = collect(records, &cast, only, list);
	qsort(list, n, sizeof(*list), by_key);
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && same_series(&list[i], &list[end]) == 0; end++)
			continue;
		*twice += fill(&list[i], end - i, c->rounds[side] + i, room, scratch,
			       &c->sides[side][c->nsides[side]++]);
	}
free_scratch:
	ct_free(cast.list);
	ct_free(scratch);
	ct_free(list);
	return status;
}
