/* SPDX-License-Identifier: BSD-3-Clause */
/* From fitted effects to the parts that are at fault: the widest explanation first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "fit.h"

enum { SIGMAS = 3 };
static const double median_loss = 1.2533; /* standard error of a median / of a mean, normal values */
static const double most_of = 0.75;       /* of a node's ends: then it is the node */

struct judging {
	const struct ct_fit *fit;
	double least, z;     /* log slowdown that counts; z that an end must pass */
	double alarm;
	struct ct_isolation *out;
	double *weight;      /* of each blame: its part of the whole cluster's time */
};

static ct_status add(struct judging *j, struct ct_blame blame, double effect, double error, double weight)
{
	struct ct_blame *list = ct_realloc(j->out->list, j->out->n + 1, sizeof(*list));
	double *weights = list != NULL ? ct_realloc(j->weight, j->out->n + 1, sizeof(*weights)) : NULL;

	if (list != NULL)
		j->out->list = list;
	if (weights == NULL)
		return CT_NOMEM;
	j->weight = weights;
	blame.factor = exp(effect);
	blame.low = exp(effect - 1.96 * error);
	blame.high = exp(effect + 1.96 * error);
	j->weight[j->out->n] = weight * (blame.factor - 1);
	list[j->out->n++] = blame;
	return CT_OK;
}

static double error_of(const struct judging *j, double n)
{
	return median_loss * j->fit->sigma / sqrt(n > 1 ? n : 1);
}

static ct_status blame_all(struct judging *j)
{
	double worst = 0;

	for (int c = 0; c < 2; c++) {
		double expected = j->fit->fleet->expected_ns[c];

		if (expected > 0 && !isnan(j->fit->base[c]) && j->fit->base[c] - log(expected) > worst)
			worst = j->fit->base[c] - log(expected);
	}
	if (worst < j->least)
		return CT_OK;
	return add(j, (struct ct_blame){ .kind = CT_BLAME_ALL, .share = 1, .confirmed = true,
		.samples = (uint32_t)j->fit->n }, worst, error_of(j, (double)j->fit->n), 1);
}

static ct_status blame_rails(struct judging *j)
{
	const struct ct_fleet *f = j->fit->fleet;
	ct_status s = CT_OK;

	for (uint32_t r = 0; s == CT_OK && r < f->rails; r++) {
		double n = (double)j->fit->n / f->rails;

		if (j->fit->rail[r] >= j->least && j->fit->rail[r] >= j->z * error_of(j, n))
			s = add(j, (struct ct_blame){ .kind = CT_BLAME_RAIL, .rail = r, .share = 1,
				.confirmed = true, .samples = (uint32_t)n }, j->fit->rail[r],
				error_of(j, n), 1.0 / f->rails);
	}
	return s;
}

/* ---- ends ----------------------------------------------------------------------------------- */

static bool end_slow(const struct judging *j, const struct ct_end *end)
{
	if (end->n == 0 || end->effect < j->least || end->effect < j->z * error_of(j, end->n))
		return false;
	return end->nagain == 0 || (end->again >= j->least && end->again >= SIGMAS * error_of(j, end->nagain));
}

/* One blame over the ends that WHICH picks among node I's: mean effect, all their samples. */
static ct_status blame_ends(struct judging *j, struct ct_blame blame, const struct ct_end *const *ends,
	uint32_t n, double weight)
{
	double sum = 0;

	blame.share = 1;
	blame.confirmed = true;
	for (uint32_t i = 0; i < n; i++) {
		sum += ends[i]->effect;
		blame.samples += ends[i]->n;
		blame.confirmed = blame.confirmed && ends[i]->nagain > 0;
	}
	return add(j, blame, sum / n, error_of(j, blame.samples), weight);
}

/* The slow ends of NODE to SLOW; how many ends were MEASURED. */
static uint32_t slow_ends(const struct judging *j, uint32_t node, const struct ct_end **slow,
	uint32_t *measured)
{
	uint32_t n = 0;

	*measured = 0;
	for (uint32_t k = 0; k < j->fit->fleet->rails * 2; k++) {
		const struct ct_end *end = &j->fit->ends[ct_end_of(j->fit->fleet, node, k / 2, k % 2 == 1)];

		*measured += end->n > 0 ? 1 : 0;
		if (end_slow(j, end))
			slow[n++] = end;
	}
	return n;
}

/* One NIC of NODE: both ways, or the one that is slow. */
static ct_status blame_nic(struct judging *j, uint32_t node, uint32_t rail)
{
	const struct ct_fleet *f = j->fit->fleet;
	const struct ct_end *ends[2] = { &j->fit->ends[ct_end_of(f, node, rail, false)],
		&j->fit->ends[ct_end_of(f, node, rail, true)] };
	bool out = end_slow(j, ends[0]), in = end_slow(j, ends[1]);
	struct ct_blame blame = { .kind = CT_BLAME_NIC, .node = node, .rail = rail };
	double weight = 1.0 / f->nodes / f->rails;

	if (out && in)
		return blame_ends(j, blame, ends, 2, weight);
	if (!out && !in)
		return CT_OK;
	blame.kind = out ? CT_BLAME_OUT : CT_BLAME_IN;
	return blame_ends(j, blame, out ? ends : ends + 1, 1, weight / 2);
}

/* SLOW: room for the ends of a node. */
static ct_status blame_node(struct judging *j, uint32_t node, const struct ct_end **slow)
{
	uint32_t measured, n = slow_ends(j, node, slow, &measured);
	ct_status s = CT_OK;

	if (n > 1 && n >= most_of * measured)
		return blame_ends(j, (struct ct_blame){ .kind = CT_BLAME_NODE, .node = node }, slow, n,
			1.0 / j->fit->fleet->nodes);
	for (uint32_t r = 0; s == CT_OK && r < j->fit->fleet->rails && n > 0; r++)
		s = blame_nic(j, node, r);
	return s;
}

static ct_status blame_nodes(struct judging *j)
{
	const struct ct_fleet *f = j->fit->fleet;
	const struct ct_end **slow = ct_alloc((size_t)f->rails * 2, sizeof(*slow));
	ct_status s = slow != NULL ? CT_OK : CT_NOMEM;

	for (uint32_t i = 0; s == CT_OK && i < f->nodes; i++)
		s = blame_node(j, i, slow);
	ct_free(slow);
	return s;
}

/* ---- leaves --------------------------------------------------------------------------------- */

/* By how much a sample is slow, in powers of two of the limit: one uplink slows all its traffic alike,
 * while outliers have a size of their own. */
enum { BINS = 4 };

struct leaf {
	uint64_t n, slow[BINS];
	bool blamed;
};

static uint32_t leaf_id(const struct ct_fleet *f, uint32_t node, uint32_t rail)
{
	return f->rail_leaves ? f->leaf_of[node] * f->rails + rail : f->leaf_of[node];
}

static uint32_t leaf_count(const struct ct_fleet *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->nodes; i++)
		if (f->leaf_of[i] >= n)
			n = f->leaf_of[i] + 1;
	return f->rail_leaves ? n * f->rails : n;
}

/* Not explained by an end that is slow, by more than the noise: the bin, or -1. */
static int sample_bin(const struct judging *j, const struct ct_sample *s)
{
	const struct ct_fit *fit = j->fit;
	double noise = 2 * fit->sigma, limit = noise > j->least ? noise : j->least;
	const struct ct_end *out = &fit->ends[ct_end_of(fit->fleet, s->from, s->rail, false)];
	const struct ct_end *in = &fit->ends[ct_end_of(fit->fleet, s->to, s->rail, true)];
	double rest = ct_fit_rest(fit, s) - (end_slow(j, out) ? out->effect : 0) -
		(end_slow(j, in) ? in->effect : 0);

	for (int bin = BINS - 1; bin >= 0; bin--)
		if (rest > limit * (1 << bin))
			return bin;
	return -1;
}

/* Counts what touches each leaf that is not blamed yet and touches none that is; USUAL: the share of each
 * bin where no leaf can be at fault, at least two in a thousand. */
static void count_leaves(const struct judging *j, struct leaf *leaves, uint32_t n, double usual[BINS])
{
	const struct ct_fit *fit = j->fit;
	uint64_t within = 0, slow[BINS] = { 0 };

	for (uint32_t l = 0; l < n; l++)
		leaves[l] = (struct leaf){ .blamed = leaves[l].blamed };
	for (size_t i = 0; i < fit->n; i++) {
		const struct ct_sample *s = &fit->samples[i];
		struct leaf *a = &leaves[leaf_id(fit->fleet, s->from, s->rail)];
		struct leaf *b = &leaves[leaf_id(fit->fleet, s->to, s->rail)];
		int bin = sample_bin(j, s);

		if (!s->cross) {
			within++;
			slow[bin < 0 ? 0 : bin] += bin >= 0 ? 1 : 0;
		} else if (!a->blamed && !b->blamed) {
			a->n++;
			b->n++;
			a->slow[bin < 0 ? 0 : bin] += bin >= 0 ? 1 : 0;
			b->slow[bin < 0 ? 0 : bin] += bin >= 0 ? 1 : 0;
		}
	}
	for (int k = 0; k < BINS; k++) {
		usual[k] = within > 0 ? (double)(slow[k] + 1) / (double)(within + 1) : 0.01;
		if (usual[k] < 0.002)
			usual[k] = 0.002;
	}
}

/* The leaf and the pair of neighbouring bins, BIN and the next, that are furthest above the usual (one
 * cause may fall to both sides of a border); the score is 0 when none is above it. */
static double worst_leaf(const struct leaf *leaves, uint32_t n, const double usual[BINS], uint32_t *leaf,
	int *bin)
{
	double best = 0;

	for (uint32_t l = 0; l < n; l++) {
		for (int k = 0; k < BINS && !leaves[l].blamed; k++) {
			int next = k + 1 < BINS ? k + 1 : k;
			double share = usual[k] + (next > k ? usual[next] : 0);
			double slow = (double)(leaves[l].slow[k] + (next > k ? leaves[l].slow[next] : 0));
			double mean = share * (double)leaves[l].n;
			double score = (slow - mean - 1) / sqrt(mean * (1 - share) + 1);

			if (score > best) {
				best = score;
				*leaf = l;
				*bin = k;
			}
		}
	}
	return best;
}

/* The median slowdown of what is in BIN and the next of leaf L, *COUNT of them. */
static double leaf_effect(const struct judging *j, uint32_t l, int bin, size_t *count)
{
	const struct ct_fit *fit = j->fit;
	size_t n = 0;

	for (size_t i = 0; i < fit->n; i++) {
		const struct ct_sample *s = &fit->samples[i];

		if (s->cross && (leaf_id(fit->fleet, s->from, s->rail) == l ||
			leaf_id(fit->fleet, s->to, s->rail) == l) && sample_bin(j, s) >= 0 &&
			(sample_bin(j, s) == bin || sample_bin(j, s) == bin + 1))
			fit->scratch[n++] = ct_fit_rest(fit, s);
	}
	*count = n;
	return ct_fit_median(fit->scratch, n);
}

/* Leaf after leaf, the one with the most slow traffic first, since its partners look slow with it. */
static ct_status blame_leaves(struct judging *j)
{
	uint32_t n = leaf_count(j->fit->fleet), worst = 0;
	struct leaf *leaves = ct_alloc(n, sizeof(*leaves));
	double z = ct_normal_z(j->alarm / n / BINS), usual[BINS];
	ct_status s = leaves != NULL ? CT_OK : CT_NOMEM;
	int bin = 0;

	while (s == CT_OK) {
		double effect, share;
		size_t slow;

		count_leaves(j, leaves, n, usual);
		if (worst_leaf(leaves, n, usual, &worst, &bin) < z)
			break;
		leaves[worst].blamed = true;
		effect = leaf_effect(j, worst, bin, &slow);
		share = (double)slow / (double)leaves[worst].n;
		s = add(j, (struct ct_blame){ .kind = CT_BLAME_UPLINK, .leaf = worst, .confirmed = true,
			.share = share < 1 ? share : 1, .samples = (uint32_t)leaves[worst].n },
			effect, error_of(j, (double)slow), share / n);
	}
	ct_free(leaves);
	return s;
}

/* ---- all ------------------------------------------------------------------------------------ */

struct weighed {
	struct ct_blame blame;
	double weight;
};

static int by_weight(const void *a, const void *b)
{
	double x = ((const struct weighed *)a)->weight, y = ((const struct weighed *)b)->weight;

	return (x < y) - (x > y);
}

static ct_status sort(struct judging *j)
{
	struct weighed *all = ct_alloc(j->out->n, sizeof(*all));

	if (all == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < j->out->n; i++)
		all[i] = (struct weighed){ j->out->list[i], j->weight[i] };
	if (j->out->n > 0)
		qsort(all, j->out->n, sizeof(*all), by_weight);
	for (size_t i = 0; i < j->out->n; i++)
		j->out->list[i] = all[i].blame;
	ct_free(all);
	return CT_OK;
}

ct_status ct_blame(const struct ct_fit *fit, const struct ct_isolate_plan *plan,
	struct ct_isolation *out)
{
	const struct ct_fleet *f = fit->fleet;
	struct judging j = { .fit = fit, .least = log1p(plan->least), .alarm = plan->alarm, .out = out };
	ct_status s;

	j.z = ct_normal_z(plan->alarm / ((double)f->nodes * f->rails * 2));
	s = blame_all(&j);
	if (s == CT_OK)
		s = blame_rails(&j);
	if (s == CT_OK)
		s = blame_nodes(&j);
	if (s == CT_OK)
		s = blame_leaves(&j);
	if (s == CT_OK)
		s = sort(&j);
	ct_free(j.weight);
	return s;
}

const char *ct_blame_text(const struct ct_blame *b, char out[160])
{
	char factor[80];

	snprintf(factor, sizeof(factor), "%.2f times slower [%.2f, %.2f]%s", b->factor, b->low, b->high,
		b->confirmed ? "" : ", not confirmed");
	switch (b->kind) {
	case CT_BLAME_ALL:
		snprintf(out, 160, "everything: %s than expected", factor);
		break;
	case CT_BLAME_RAIL:
		snprintf(out, 160, "rail %u on all nodes: %s than the other rails", b->rail, factor);
		break;
	case CT_BLAME_UPLINK:
		snprintf(out, 160, "leaf %u, uplinks: %.0f %% of its traffic is %s", b->leaf,
			b->share * 100, factor);
		break;
	case CT_BLAME_NODE:
		snprintf(out, 160, "node %u, all rails both ways: %s", b->node, factor);
		break;
	case CT_BLAME_NIC:
		snprintf(out, 160, "node %u, NIC of rail %u, both ways: %s", b->node, b->rail, factor);
		break;
	case CT_BLAME_OUT:
	case CT_BLAME_IN:
		snprintf(out, 160, "node %u, NIC of rail %u, %s only: %s", b->node, b->rail,
			b->kind == CT_BLAME_OUT ? "sending" : "receiving", factor);
		break;
	}
	return out;
}
