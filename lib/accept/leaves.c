/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Leaves whose way out is slow. One bad uplink of many slows a part of a leaf's messages, always the
 * same ones; noise slows any, once. So the first rounds choose leaves and messages, generously; these
 * messages are measured again, and only the fresh times are tested, by the binomial distribution.
 */
#include <math.h>
#include <stdlib.h>

#include "fit.h"

/* By how much a sample is slow, in powers of two of the limit: one uplink slows all its traffic alike,
 * while outliers have a size of their own. */
enum { BINS = 4, NODES_LEAST = 3 };
static const double choose_z = 2; /* one leaf in twenty is looked at again without need */

uint32_t ct_leaf_count(const struct ct_fleet *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->nodes; i++)
		if (f->leaf_of[i] >= n)
			n = f->leaf_of[i] + 1;
	return f->rail_leaves ? n * f->rails : n;
}

static double rest_of(const struct ct_fit *fit, const struct ct_sample *s)
{
	return ct_fit_rest(fit, s) -
		fit->ends[ct_end_of(fit->fleet, s->from, s->rail, false)].explained -
		fit->ends[ct_end_of(fit->fleet, s->to, s->rail, true)].explained;
}

/* Slow by more than its ends and the noise explain: the bin, or -1. */
static int bin_of(const struct ct_fit *fit, double least, const struct ct_sample *s)
{
	double noise = 2 * fit->sigma, limit = noise > least ? noise : least, rest = rest_of(fit, s);

	for (int bin = BINS - 1; bin >= 0; bin--)
		if (rest > limit * (1 << bin))
			return bin;
	return -1;
}

static double usual_of(const struct ct_screen *screen, int bin)
{
	return screen->usual[bin] + (bin + 1 < BINS ? screen->usual[bin + 1] : 0);
}

/* ---- choosing ------------------------------------------------------------------------------- */

struct count {
	uint64_t n, slow[BINS];
};

/* Counts what touches each leaf. The usual share of each bin comes from within leaves, where no way out
 * can be at fault; it is at least two in a thousand. */
static void count_leaves(const struct ct_fit *fit, double least, struct count *count,
	struct ct_screen *screen)
{
	struct count within = { 0 };

	for (size_t i = 0; i < fit->n; i++) {
		const struct ct_sample *s = &fit->samples[i];
		struct count *at[2] = { &within, NULL };
		int bin = bin_of(fit, least, s);

		if (s->cross) {
			at[0] = &count[ct_leaf_of(fit->fleet, s->from, s->rail)];
			at[1] = &count[ct_leaf_of(fit->fleet, s->to, s->rail)];
		}
		for (int k = 0; k < 2 && at[k] != NULL; k++) {
			at[k]->n++;
			at[k]->slow[bin < 0 ? 0 : bin] += bin >= 0 ? 1 : 0;
		}
	}
	for (int k = 0; k < BINS; k++) {
		screen->usual[k] = within.n > 0 ? (double)(within.slow[k] + 1) / (double)(within.n + 1) : 0.01;
		if (screen->usual[k] < 0.002)
			screen->usual[k] = 0.002;
	}
}

/* The pair of neighbouring bins that is furthest above the usual: one cause may fall to both sides of a
 * border. */
static void judge_leaf(const struct count *count, const struct ct_screen *screen,
	struct ct_suspect_leaf *leaf)
{
	for (int k = 0; k < BINS; k++) {
		double share = usual_of(screen, k), mean = share * (double)count->n;
		double slow = (double)(count->slow[k] + (k + 1 < BINS ? count->slow[k + 1] : 0));
		double score = (slow - mean - 1) / sqrt(mean * (1 - share) + 1);

		if (score <= leaf->score)
			continue;
		leaf->score = score;
		leaf->bin = k;
		leaf->share = count->n > 0 ? slow / (double)count->n - share : 0;
	}
	leaf->n = count->n;
	leaf->suspect = leaf->score >= choose_z;
}

static int by_flow(const void *a, const void *b)
{
	const struct ct_probe *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return (x->rail > y->rail) - (x->rail < y->rail);
}

static int by_ends(const void *a, const void *b)
{
	const struct ct_again *x = a, *y = b;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return (x->b > y->b) - (x->b < y->b);
}

static int by_weight(const void *a, const void *b)
{
	const struct ct_again *x = a, *y = b;

	return x->weight != y->weight ? (x->weight < y->weight) - (x->weight > y->weight) : by_ends(a, b);
}

/* What S adds to the suspicion of its leaves; 0 = it is not slow, or not as they are. */
static double weight_of(const struct ct_fit *fit, double least, const struct ct_screen *screen,
	const struct ct_sample *s)
{
	uint32_t of[2] = { ct_leaf_of(fit->fleet, s->from, s->rail), ct_leaf_of(fit->fleet, s->to, s->rail) };
	int bin = s->cross ? bin_of(fit, least, s) : -1;
	double weight = 0;

	for (int k = 0; bin >= 0 && k < 2; k++) {
		const struct ct_suspect_leaf *leaf = &screen->leaf[of[k]];

		if (leaf->suspect && (bin == leaf->bin || bin == leaf->bin + 1))
			weight += leaf->score;
	}
	return weight;
}

/* The slow messages of suspect leaves, and the pairs of nodes that send them. */
static ct_status list_flows(const struct ct_fit *fit, double least, struct ct_screen *screen)
{
	size_t n = 0, pairs = 0;

	for (size_t i = 0; i < fit->n; i++)
		n += weight_of(fit, least, screen, &fit->samples[i]) > 0 ? 1 : 0;
	screen->flows = ct_alloc(n, sizeof(*screen->flows));
	screen->pairs = ct_alloc(n, sizeof(*screen->pairs));
	if (screen->flows == NULL || screen->pairs == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < fit->n; i++) {
		const struct ct_sample *s = &fit->samples[i];
		double weight = weight_of(fit, least, screen, s);

		if (!(weight > 0))
			continue;
		screen->flows[screen->nflows] = (struct ct_probe){ s->from, s->to, s->rail };
		screen->pairs[screen->nflows++] = (struct ct_again){ s->from < s->to ? s->from : s->to,
			s->from < s->to ? s->to : s->from, (float)weight, false };
	}
	if (n == 0)
		return CT_OK;
	qsort(screen->flows, n, sizeof(*screen->flows), by_flow);
	qsort(screen->pairs, n, sizeof(*screen->pairs), by_ends);
	for (size_t i = 1; i < n; i++) {
		if (by_ends(&screen->pairs[pairs], &screen->pairs[i]) == 0)
			screen->pairs[pairs].weight += screen->pairs[i].weight;
		else
			screen->pairs[++pairs] = screen->pairs[i];
	}
	screen->npairs = pairs + 1;
	qsort(screen->pairs, screen->npairs, sizeof(*screen->pairs), by_weight);
	return CT_OK;
}

ct_status ct_screen_leaves(const struct ct_fit *fit, double least, struct ct_screen *screen)
{
	uint32_t n = ct_leaf_count(fit->fleet);
	struct count *count = ct_alloc(n, sizeof(*count));
	ct_status s = CT_NOMEM;

	screen->leaf = ct_alloc(n, sizeof(*screen->leaf));
	screen->leaves = n;
	if (count != NULL && screen->leaf != NULL) {
		count_leaves(fit, least, count, screen);
		for (uint32_t l = 0; l < n; l++) {
			judge_leaf(&count[l], screen, &screen->leaf[l]);
			screen->suspects += screen->leaf[l].suspect ? 1 : 0;
		}
		s = list_flows(fit, least, screen);
	}
	ct_free(count);
	return s;
}

bool ct_screen_has(const struct ct_screen *screen, const struct ct_probe *probe)
{
	return screen->nflows > 0 &&
		bsearch(probe, screen->flows, screen->nflows, sizeof(*probe), by_flow) != NULL;
}

void ct_screen_free(struct ct_screen *screen)
{
	ct_free(screen->leaf);
	ct_free(screen->flows);
	ct_free(screen->pairs);
	*screen = (struct ct_screen){ .suspects = 0 };
}

/* ---- judging -------------------------------------------------------------------------------- */

/* Probability of K or more of N at chance P each. */
static double tail(uint32_t k, uint32_t n, double p)
{
	double sum = 0;

	for (uint32_t i = k; i <= n; i++)
		sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) + i * log(p) +
			(n - i) * log1p(-p));
	return sum;
}

/* Repeated messages of leaf L that touch no taken one: how many were measured, how many slow again as
 * they were, from how many nodes of L, their median slowdown. */
struct again {
	uint32_t n, slow, nodes;
	double effect;
};

/* The first of FLOWS' nodes in the leaf: whose NIC it is that the message passes in leaf L. */
static uint32_t own_node(const struct ct_fit *fit, const struct ct_sample *s, uint32_t l)
{
	return ct_leaf_of(fit->fleet, s->from, s->rail) == l ? s->from : s->to;
}

static struct again look_again(const struct ct_fit *fit, const struct ct_screen *screen, const bool *taken,
	double least, uint32_t l)
{
	uint32_t nodes[NODES_LEAST];
	struct again a = { 0 };

	for (size_t i = 0; i < fit->n; i++) {
		const struct ct_sample *s = &fit->samples[i];
		uint32_t from = ct_leaf_of(fit->fleet, s->from, s->rail), k = 0;
		uint32_t to = ct_leaf_of(fit->fleet, s->to, s->rail);
		int bin;

		if (!s->repeat || (from != l && to != l) || taken[from] || taken[to])
			continue;
		a.n++;
		bin = bin_of(fit, least, s);
		if (bin < 0 || (bin != screen->leaf[l].bin && bin != screen->leaf[l].bin + 1))
			continue;
		fit->scratch[a.slow++] = rest_of(fit, s);
		while (k < a.nodes && nodes[k] != own_node(fit, s, l))
			k++;
		if (k == a.nodes && a.nodes < NODES_LEAST)
			nodes[a.nodes++] = own_node(fit, s, l);
	}
	a.effect = ct_fit_median(fit->scratch, a.slow);
	return a;
}

/* One node alone, or two, are no leaf, where it has more. */
static uint32_t nodes_wanted(const struct ct_fleet *f, uint32_t l)
{
	uint32_t group = f->rail_leaves ? l / f->rails : l, n = 0;

	for (uint32_t i = 0; i < f->nodes && n < NODES_LEAST; i++)
		n += f->leaf_of[i] == group ? 1 : 0;
	return n;
}

bool ct_screen_worst(const struct ct_fit *fit, const struct ct_screen *screen, const bool *taken,
	double least, double alarm, struct ct_blame *blame, double *effect)
{
	double best = screen->suspects > 0 ? alarm / screen->suspects : 0;
	bool found = false;

	for (uint32_t l = 0; l < screen->leaves; l++) {
		const struct ct_suspect_leaf *leaf = &screen->leaf[l];
		struct again a;
		double p;

		if (!leaf->suspect || taken[l])
			continue;
		a = look_again(fit, screen, taken, least, l);
		if (a.slow == 0 || a.nodes < nodes_wanted(fit->fleet, l))
			continue;
		p = tail(a.slow, a.n, usual_of(screen, leaf->bin));
		if (!(p <= best))
			continue;
		best = p;
		found = true;
		*effect = a.effect;
		*blame = (struct ct_blame){ .kind = CT_BLAME_UPLINK, .leaf = l, .confirmed = true,
			.share = leaf->share < 1 ? leaf->share : 1, .samples = a.slow };
	}
	return found;
}
