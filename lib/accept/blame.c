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

static bool end_slow(const struct judging *j, const struct ct_fit_end *end)
{
	if (end->n == 0 || end->effect < j->least || end->effect < j->z * error_of(j, end->n))
		return false;
	if (end->nagain == 0)
		return !j->fit->confirmed;
	return (end->again >= j->least && end->again >= SIGMAS * error_of(j, end->nagain));
}

/* One blame over the ends that WHICH picks among node I's: mean effect, all their samples. */
static ct_status blame_ends(struct judging *j, struct ct_blame blame, const struct ct_fit_end *const *ends,
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
static uint32_t slow_ends(const struct judging *j, uint32_t node, const struct ct_fit_end **slow,
	uint32_t *measured)
{
	uint32_t n = 0;

	*measured = 0;
	for (uint32_t k = 0; k < j->fit->fleet->rails * 2; k++) {
		const struct ct_fit_end *end = &j->fit->ends[ct_end_of(j->fit->fleet, node, k / 2, k % 2 == 1)];

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
	const struct ct_fit_end *ends[2] = { &j->fit->ends[ct_end_of(f, node, rail, false)],
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
static ct_status blame_node(struct judging *j, uint32_t node, const struct ct_fit_end **slow)
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
	const struct ct_fit_end **slow = ct_alloc((size_t)f->rails * 2, sizeof(*slow));
	ct_status s = slow != NULL ? CT_OK : CT_NOMEM;

	for (uint32_t i = 0; s == CT_OK && i < f->nodes; i++)
		s = blame_node(j, i, slow);
	ct_free(slow);
	return s;
}

/* ---- leaves --------------------------------------------------------------------------------- */

/* Leaf after leaf, the clearest first, since its partners look slow with it. */
static ct_status blame_leaves(struct judging *j, const struct ct_screen *screen)
{
	bool *taken = ct_alloc(screen->leaves, sizeof(*taken));
	ct_status s = taken != NULL ? CT_OK : CT_NOMEM;
	struct ct_blame blame;
	double effect;

	while (s == CT_OK && ct_screen_worst(j->fit, screen, taken, j->least, j->alarm, &blame, &effect)) {
		taken[blame.leaf] = true;
		s = add(j, blame, effect, error_of(j, blame.samples), blame.share / screen->leaves);
	}
	ct_free(taken);
	return s;
}

/* ---- two nodes ------------------------------------------------------------------------------ */

/* The median of N messages that FROM sends on RAIL, and its standard error by the spread of these alone. */
static double way_median(struct judging *j, uint32_t rail, uint32_t from, size_t *n, double *error)
{
	const struct ct_fit *fit = j->fit;
	double median;

	*n = 0;
	for (size_t i = 0; i < fit->n; i++)
		if (fit->samples[i].rail == rail && fit->samples[i].from == from)
			fit->scratch[(*n)++] = ct_fit_rest(fit, &fit->samples[i]);
	median = ct_fit_median(fit->scratch, *n);
	for (size_t i = 0; i < *n; i++)
		fit->scratch[i] = fabs(fit->scratch[i] - median);
	*error = *n > 0 ? median_loss * 1.4826 * ct_fit_median(fit->scratch, *n) / sqrt((double)*n) : 0;
	return median;
}

/* With one pair only, the ends of a way cannot be told apart; both ways can. */
static ct_status blame_ways(struct judging *j)
{
	const struct ct_fleet *f = j->fit->fleet;
	ct_status s = CT_OK;

	for (uint32_t r = 0; s == CT_OK && r < f->rails; r++) {
		double median[2], errors[2], error;
		size_t n[2];

		for (uint32_t from = 0; from < 2; from++)
			median[from] = way_median(j, r, from, &n[from], &errors[from]);
		if (n[0] == 0 || n[1] == 0)
			continue;
		error = hypot(errors[0], errors[1]);
		if (fabs(median[0] - median[1]) < j->least || fabs(median[0] - median[1]) < j->z * error)
			continue;
		s = add(j, (struct ct_blame){ .kind = CT_BLAME_WAY, .node = median[0] > median[1] ? 0 : 1,
			.rail = r, .share = 1, .samples = (uint32_t)(n[0] + n[1]), .confirmed = true },
			fabs(median[0] - median[1]), error, 0.5 / f->rails);
	}
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

/* Half of the chance of a false alarm is for the ends, half for the leaves. */
ct_status ct_blame(const struct ct_fit *fit, const struct ct_screen *screen,
	const struct ct_isolate_plan *plan, struct ct_isolation *out)
{
	const struct ct_fleet *f = fit->fleet;
	struct judging j = { .fit = fit, .alarm = plan->alarm / 2, .out = out };
	ct_status s;

	j.least = log1p(plan->least);
	if (plan->sigmas * fit->sigma > j.least)
		j.least = plan->sigmas * fit->sigma;

	j.z = ct_normal_z(j.alarm / ((double)f->nodes * f->rails * 2 + f->rails));
	s = blame_all(&j);
	if (s == CT_OK)
		s = blame_rails(&j);
	if (s == CT_OK)
		s = f->nodes > 2 ? blame_nodes(&j) : blame_ways(&j);
	if (s == CT_OK)
		s = blame_leaves(&j, screen);
	if (s == CT_OK)
		s = sort(&j);
	ct_free(j.weight);
	return s;
}

static const char *node_text(const struct ct_fleet *fleet, uint32_t node, char out[96])
{
	if (fleet->names != NULL)
		snprintf(out, 96, "%.90s", fleet->names[node]);
	else
		snprintf(out, 96, "node %u", node);
	return out;
}

const char *ct_blame_text(const struct ct_fleet *fleet, const struct ct_blame *b, char out[CT_BLAME_TEXT])
{
	char factor[80], node[96], other[96], nic[48] = "", leaf[80] = "";
	bool of_node = b->kind >= CT_BLAME_NODE;

	snprintf(factor, sizeof(factor), "%.2f times slower [%.2f, %.2f]%s", b->factor, b->low, b->high,
		b->confirmed ? "" : ", not confirmed");
	node_text(fleet, of_node ? b->node : 0, node);
	node_text(fleet, b->kind == CT_BLAME_WAY ? 1 - b->node : 0, other);
	if (fleet->rails > 1)
		snprintf(nic, sizeof(nic), ", NIC of rail %u", b->rail);
	switch (b->kind) {
	case CT_BLAME_ALL:
		snprintf(out, CT_BLAME_TEXT, "everything: %s than expected", factor);
		break;
	case CT_BLAME_RAIL:
		snprintf(out, CT_BLAME_TEXT, "rail %u on all nodes: %s than the other rails", b->rail, factor);
		break;
	case CT_BLAME_UPLINK:
		if (fleet->leaf_names != NULL)
			snprintf(leaf, sizeof(leaf), " (%.70s)", fleet->leaf_names[b->leaf / (fleet->rail_leaves ? fleet->rails : 1)]);
		snprintf(out, CT_BLAME_TEXT, "leaf %u%s, uplinks: %.0f %% of its traffic is %s", b->leaf, leaf,
			b->share * 100, factor);
		break;
	case CT_BLAME_NODE:
		snprintf(out, CT_BLAME_TEXT, "%s, all rails both ways: %s", node, factor);
		break;
	case CT_BLAME_NIC:
		snprintf(out, CT_BLAME_TEXT, "%s%s, both ways: %s", node, nic, factor);
		break;
	case CT_BLAME_OUT:
	case CT_BLAME_IN:
		snprintf(out, CT_BLAME_TEXT, "%s%s, %s only: %s", node, nic,
			b->kind == CT_BLAME_OUT ? "sending" : "receiving", factor);
		break;
	case CT_BLAME_WAY:
		snprintf(out, CT_BLAME_TEXT, "%s to %s%s: %s than the way back", node, other, nic, factor);
		break;
	}
	return out;
}
