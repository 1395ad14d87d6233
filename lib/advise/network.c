/* SPDX-License-Identifier: BSD-3-Clause */
/* What the network's counters say about two sides: which one had to send again. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sides.h"

#define SIGNIFICANT 0.05

#define BIT(id) ((uint64_t)1 << CT_COUNT_##id)

/* Counters that say how often a sender sent again; of these sets the first that is exposed counts,
 * since a driver's other counters tell of the same losses once more. */
static const uint64_t again_sets[] = {
	BIT(RETRANSMITS),
	BIT(RETRIES),
	BIT(SEQ_NAKS) | BIT(IMPLIED_NAKS) | BIT(ACK_TIMEOUTS) | BIT(ADAPTIVE_RETRANSMITS),
	BIT(DUPLICATE_REQUESTS),
};

static uint64_t again_mask(const struct ct_counts *counts)
{
	for (size_t i = 0; i < sizeof(again_sets) / sizeof(again_sets[0]); i++)
		if ((counts->exposed & again_sets[i]) != 0)
			return counts->exposed & again_sets[i];
	return 0;
}

uint64_t ct_compare_again(const struct ct_result *r)
{
	uint64_t mask = again_mask(&r->ports.sum), sum = r->counters.retransmits;

	for (unsigned int i = 0; i < CT_NCOUNTS; i++)
		if ((mask >> i & 1) != 0)
			sum += r->ports.sum.value[i];
	return sum;
}

bool ct_compare_again_told(const struct ct_result *r)
{
	return strcmp(r->candidate.net, "tcp") == 0 || again_mask(&r->ports.sum) != 0;
}

static size_t block_end(const struct ct_comparison *c, size_t first)
{
	while (ct_comparison_joined(c, first))
		first++;
	return first + 1;
}

/* What one side of a block sent again in each of its rounds, for each operation; rounds that all
 * its points have. */
struct again {
	double *rate;
	uint32_t rounds;
	double count, operations;
	bool told;
};

static ct_status gather(const struct ct_comparison *c, size_t first, int side, struct again *a)
{
	size_t end = block_end(c, first);

	*a = (struct again){ .rounds = UINT32_MAX, .told = true };
	for (size_t i = first; i < end; i++) {
		const struct ct_compare_side *s = c->points[i].side[side];

		a->told = a->told && s->again_told;
		a->rounds = s->series.rounds < a->rounds ? s->series.rounds : a->rounds;
	}
	a->rate = ct_alloc(a->rounds > 0 ? a->rounds : 1, sizeof(*a->rate));
	if (a->rate == NULL)
		return CT_NOMEM;
	for (uint32_t k = 0; k < a->rounds; k++) {
		double count = 0, operations = 0;

		for (size_t i = first; i < end; i++) {
			count += c->points[i].side[side]->round_again[k];
			operations += c->points[i].side[side]->round_operations[k];
		}
		a->rate[k] = operations > 0 ? count / operations : 0;
		a->count += count;
		a->operations += operations;
	}
	return CT_OK;
}

static ct_status judge(const struct ct_comparison *c, size_t first, struct ct_compare_loss *loss)
{
	struct again a = { NULL, 0, 0, 0, false }, b = a;
	ct_status status = gather(c, first, CT_SIDE_A, &a);

	*loss = (struct ct_compare_loss){ .first = first, .side = -1, .p = 1 };
	if (status == CT_OK)
		status = gather(c, first, CT_SIDE_B, &b);
	if (status == CT_OK) {
		loss->told = a.told && b.told && a.operations > 0 && b.operations > 0;
		loss->rounds = a.rounds < b.rounds ? a.rounds : b.rounds;
		loss->count[CT_SIDE_A] = a.count;
		loss->count[CT_SIDE_B] = b.count;
		loss->rate[CT_SIDE_A] = a.operations > 0 ? a.count / a.operations : 0;
		loss->rate[CT_SIDE_B] = b.operations > 0 ? b.count / b.operations : 0;
		if (loss->rounds >= CT_LEAST_ROUNDS)
			loss->p = ct_mann_whitney(a.rate, a.rounds, b.rate, b.rounds).p;
	}
	ct_free(a.rate);
	ct_free(b.rate);
	return status;
}

ct_status ct_compare_losses(struct ct_comparison *c)
{
	double *p;
	size_t n = 0;
	ct_status status = CT_OK;

	c->losses = ct_alloc(c->npoints + 1, sizeof(*c->losses));
	p = ct_alloc(c->npoints + 1, sizeof(*p));
	if (c->losses == NULL || p == NULL)
		status = CT_NOMEM;
	for (size_t i = 0; i < c->npoints && status == CT_OK; i = block_end(c, i)) {
		status = judge(c, i, &c->losses[n]);
		p[n] = c->losses[n].p;
		n += status == CT_OK;
	}
	c->nlosses = n;
	if (status == CT_OK)
		ct_holm(p, n);
	for (size_t i = 0; i < n; i++) {
		struct ct_compare_loss *l = &c->losses[i];

		l->p = status == CT_OK ? p[i] : 1;
		if (l->told && l->p < SIGNIFICANT)
			l->side = l->rate[CT_SIDE_A] > l->rate[CT_SIDE_B] ? CT_SIDE_A : CT_SIDE_B;
	}
	ct_free(p);
	return status;
}

/* ---- in words ------------------------------------------------------------------------------- */

/* Three digits, and no exponent for large ones. */
static void add_number(struct ct_buf *out, double v)
{
	ct_buf_add(out, v < 100 ? "%.3g" : "%.0f", v);
}

/* One counter of the ports, or that a side does not expose it; false when nothing is to be said. */
static bool add_count(const struct ct_comparison *c, size_t first, size_t end, enum ct_count_id id,
		      struct ct_buf *out)
{
	double count[CT_SIDES] = { 0 }, operations[CT_SIDES] = { 0 };
	bool exposed[CT_SIDES] = { false };

	for (size_t i = first; i < end; i++)
		for (int side = 0; side < CT_SIDES; side++) {
			const struct ct_compare_side *s = c->points[i].side[side];

			count[side] += (double)s->ports.sum.value[id];
			exposed[side] |= (s->ports.sum.exposed & ct_count_bit(id)) != 0;
			operations[side] += (double)s->operations;
		}
	if (!(count[CT_SIDE_A] > 0) && !(count[CT_SIDE_B] > 0))
		return false;
	ct_buf_add(out, "%s", ct_count(id)->name);
	for (int side = 0; side < CT_SIDES; side++) {
		ct_buf_add(out, "%s %c ", side > 0 ? "," : "", "AB"[side]);
		if (exposed[side] && operations[side] > 0)
			add_number(out, 1000 * count[side] / operations[side]);
		else
			ct_buf_add(out, "not exposed");
	}
	return true;
}

/* Traffic is told by time and size; drops of an interface are those of anybody's packets. */
static bool tells(enum ct_count_id id)
{
	return ct_count(id)->class != CT_COUNT_TRAFFIC &&
	       strncmp(ct_count(id)->name, "net_", 4) != 0;
}

void ct_comparison_network(const struct ct_comparison *c, size_t first, struct ct_buf *out)
{
	size_t end = block_end(c, first);
	bool any = false;

	for (unsigned int i = 0; i < CT_NCOUNTS; i++) {
		struct ct_buf one = ct_buf_make(400);

		if (tells((enum ct_count_id)i) &&
		    add_count(c, first, end, (enum ct_count_id)i, &one)) {
			ct_buf_add(out, "%s%s", any ? "; " : "", one.text != NULL ? one.text : "");
			any = true;
		}
		ct_buf_free(&one);
	}
}

void ct_comparison_loss(const struct ct_comparison *c, size_t first, struct ct_buf *out)
{
	const struct ct_compare_loss *l = c->losses;
	double rate[CT_SIDES];

	while (l < c->losses + c->nlosses && l->first != first)
		l++;
	if (l == c->losses + c->nlosses || !l->told)
		return;
	for (int side = 0; side < CT_SIDES; side++)
		rate[side] = 1000 * l->rate[side];
	if (!(rate[CT_SIDE_A] > 0) && !(rate[CT_SIDE_B] > 0)) {
		ct_buf_add(out, "Neither side had to send anything again. ");
		return;
	}
	if (l->side < 0) {
		ct_buf_add(out, "Retransmissions per 1000 operations: A ");
		add_number(out, rate[CT_SIDE_A]);
		ct_buf_add(out, ", B ");
		add_number(out, rate[CT_SIDE_B]);
		ct_buf_add(out, l->rounds < CT_LEAST_ROUNDS ? " (too few rounds to compare). "
							     : " (p = %.2g, not significant). ",
			   l->p);
		return;
	}
	ct_buf_add(out, "%c is the lossy side: ", "AB"[l->side]);
	add_number(out, rate[l->side]);
	ct_buf_add(out, " retransmissions per 1000 operations, %c ", "AB"[!l->side]);
	add_number(out, rate[!l->side]);
	ct_buf_add(out, " (p = %.2g over rounds). ", l->p);
}
