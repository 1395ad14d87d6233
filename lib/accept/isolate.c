/* SPDX-License-Identifier: BSD-3-Clause */
/* The isolation's course: first rounds, more where the noise asks for it, then the suspects again. */
#include <math.h>
#include <string.h>

#include "fit.h"

enum { FIRST_ROUNDS = 8, CONFIRMING = 6, NODES_MOST = 1 << 20, RAILS_MOST = 64 };
static const double least_default = 0.05, alarm_default = 0.005;

struct course {
	struct ct_fit fit;
	struct ct_isolate_plan plan;
	const struct ct_pair_source *source;
	struct ct_rng rng;
	uint32_t rounds, again, between; /* rounds so far; of them confirming, between leaves */
	uint32_t *partner;
	struct ct_screen screen;
	struct ct_probe *probes;
	double *ns;
	bool *suspect, several, groups; /* more than one leaf; a leaf with more than one node */
};

static ct_status check(const struct ct_fleet *f)
{
	if (f->nodes < 2 || f->nodes > NODES_MOST)
		return ct_fail(CT_INVALID, "%u nodes: isolation needs 2 to %d", f->nodes, NODES_MOST);
	if (f->rails < 1 || f->rails > RAILS_MOST)
		return ct_fail(CT_INVALID, "%u rails: isolation needs 1 to %d", f->rails, RAILS_MOST);
	for (uint32_t i = 0; i < f->nodes; i++)
		if (f->leaf_of[i] >= f->nodes)
			return ct_fail(CT_INVALID, "node %u hangs on leaf %u: leaves count from 0 and are no "
				"more than the nodes", i, f->leaf_of[i]);
	return CT_OK;
}

/* The rounds of a full matrix grow with the nodes; these with their logarithm. */
static uint32_t most_rounds(uint32_t nodes)
{
	uint32_t most = (uint32_t)(3 * log2(nodes));

	return most > 2 * FIRST_ROUNDS ? most : 2 * FIRST_ROUNDS;
}

static ct_status prepare(struct course *c, const struct ct_fleet *f)
{
	size_t ends = (size_t)f->nodes * f->rails * 2;

	c->fit.fleet = f;
	c->fit.rail = ct_alloc(f->rails, sizeof(*c->fit.rail));
	c->fit.ends = ct_alloc(ends, sizeof(*c->fit.ends));
	c->fit.first = ct_alloc(ends + 1, sizeof(*c->fit.first));
	c->partner = ct_alloc(f->nodes, sizeof(*c->partner));
	c->suspect = ct_alloc(f->nodes, sizeof(*c->suspect));
	c->probes = ct_alloc((size_t)f->nodes * f->rails, sizeof(*c->probes));
	c->ns = ct_alloc((size_t)f->nodes * f->rails, sizeof(*c->ns));
	if (c->fit.rail == NULL || c->fit.ends == NULL || c->fit.first == NULL || c->partner == NULL ||
		c->suspect == NULL || c->probes == NULL || c->ns == NULL)
		return CT_NOMEM;
	for (uint32_t i = 1; i < f->nodes; i++)
		c->several = c->several || f->leaf_of[i] != f->leaf_of[0];
	for (uint32_t i = 0; i < f->nodes; i++)
		c->suspect[f->leaf_of[i]] = false;
	for (uint32_t i = 0; i < f->nodes; i++) {
		c->groups = c->groups || c->suspect[f->leaf_of[i]];
		c->suspect[f->leaf_of[i]] = true;
	}
	return CT_OK;
}

static void end(struct course *c)
{
	ct_screen_free(&c->screen);
	ct_free(c->fit.samples);
	ct_free(c->fit.rail);
	ct_free(c->fit.ends);
	ct_free(c->fit.first);
	ct_free(c->fit.order);
	ct_free(c->fit.scratch);
	ct_free(c->partner);
	ct_free(c->suspect);
	ct_free(c->probes);
	ct_free(c->ns);
}

/* Room for N more samples. */
static ct_status grow(struct ct_fit *fit, size_t n)
{
	struct ct_sample *samples;
	uint32_t *order;
	double *scratch;

	if (fit->n + n <= fit->room)
		return CT_OK;
	fit->room = (fit->n + n) * 2;
	if (fit->room > UINT32_MAX / 2)
		return ct_fail(CT_NOMEM, "more than %u probes", UINT32_MAX / 2);
	samples = ct_realloc(fit->samples, fit->room, sizeof(*samples));
	if (samples != NULL)
		fit->samples = samples;
	order = samples != NULL ? ct_realloc(fit->order, fit->room * 2, sizeof(*order)) : NULL;
	if (order != NULL)
		fit->order = order;
	scratch = order != NULL ? ct_realloc(fit->scratch, fit->room, sizeof(*scratch)) : NULL;
	if (scratch != NULL)
		fit->scratch = scratch;
	return scratch != NULL ? CT_OK : CT_NOMEM;
}

/* Measures the pairs of c->partner, all rails, both ways. */
static ct_status measure(struct course *c, bool again)
{
	const struct ct_fleet *f = c->fit.fleet;
	size_t n = 0;
	ct_status s;

	for (uint32_t i = 0; i < f->nodes; i++)
		for (uint32_t r = 0; c->partner[i] != i && r < f->rails; r++)
			c->probes[n++] = (struct ct_probe){ i, c->partner[i], r };
	s = grow(&c->fit, n);
	if (s == CT_OK)
		s = c->source->round(c->source->arg, c->probes, n, c->ns);
	if (s != CT_OK)
		return s;
	c->rounds++;
	c->again += again ? 1 : 0;
	for (size_t i = 0; i < n; i++) {
		const struct ct_probe *p = &c->probes[i];

		if (!(c->ns[i] > 0) || isinf(c->ns[i])) {
			c->fit.lost++;
			continue;
		}
		c->fit.samples[c->fit.n++] = (struct ct_sample){ p->from, p->to, (uint16_t)p->rail,
			f->leaf_of[p->from] != f->leaf_of[p->to], again,
			again && ct_screen_has(&c->screen, p), (float)log(c->ns[i]) };
	}
	return CT_OK;
}

/* Rounds in turn, until WITHIN of them were within leaves and BETWEEN between them. */
static ct_status go_on(struct course *c, uint32_t within, uint32_t between)
{
	ct_status s = CT_OK;

	while (s == CT_OK && (c->between < between || c->rounds - c->between < within)) {
		uint32_t inside = c->rounds - c->between;
		bool cross = c->between < between && (inside >= within || c->between < inside);

		s = ct_round_make(c->fit.fleet, cross, &c->rng, c->partner);
		if (s == CT_OK)
			s = measure(c, false);
		c->between += cross ? 1 : 0;
	}
	if (s == CT_OK && c->fit.n == 0)
		return ct_fail(CT_PEER, "none of %llu probes gave a time", (unsigned long long)c->fit.lost);
	return s == CT_OK ? ct_fit_all(&c->fit) : s;
}

/* Rounds between leaves until a single slow uplink has slowed a score of messages of its leaf: of N that
 * touch a leaf, one in `uplinks` takes it. */
static uint32_t rounds_for_uplinks(const struct course *c)
{
	const struct ct_fleet *f = c->fit.fleet;
	uint32_t leaves = 0;

	for (uint32_t i = 0; i < f->nodes; i++)
		if (f->leaf_of[i] >= leaves)
			leaves = f->leaf_of[i] + 1;
	if (!c->several || f->uplinks == 0)
		return 0;
	return (uint32_t)ceil(20.0 * f->uplinks / (2.0 * f->nodes / leaves *
		(f->rail_leaves ? 1 : f->rails)));
}

/* How many rounds of a class the noise asks for, so that twice the least slowdown is told from none: half
 * of it is then three standard errors of the median. */
static uint32_t rounds_for_noise(const struct course *c)
{
	double error = log1p(c->plan.least) / 3, n = 1.2533 * c->fit.sigma / error;

	return n * n < 1e6 ? (uint32_t)ceil(n * n) : 1000000;
}

/* Rounds that are left for suspects. */
static uint32_t confirming(const struct course *c)
{
	uint32_t n = c->plan.most * 3 / 10;

	return n > CONFIRMING ? CONFIRMING : n;
}

/* The first rounds, a few of each class, then as many as noise and uplinks ask for and there are. */
static ct_status first_rounds(struct course *c)
{
	uint32_t each = c->several && c->groups ? (c->plan.rounds + 1) / 2 : c->plan.rounds;
	uint32_t most = c->plan.most - confirming(c), within, between, noise;
	ct_status s = go_on(c, c->groups ? each : 0, c->several ? each : 0);

	if (s != CT_OK)
		return s;
	noise = rounds_for_noise(c) > each ? rounds_for_noise(c) : each;
	within = c->groups ? noise : 0;
	between = !c->several ? 0 : noise > rounds_for_uplinks(c) ? noise : rounds_for_uplinks(c);
	if (within > most * 2 / 5 && c->several)
		within = most * 2 / 5 > each ? most * 2 / 5 : each;
	if (within > most)
		within = most;
	if (between > most - within)
		between = most - within;
	return go_on(c, within, between);
}

/* Marks nodes with an end that looks slow; how many. */
static uint32_t mark_suspects(struct course *c)
{
	const struct ct_fleet *f = c->fit.fleet;
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->nodes; i++) {
		c->suspect[i] = false;
		for (uint32_t k = 0; k < f->rails * 2; k++) {
			const struct ct_fit_end *e = &c->fit.ends[ct_end_of(f, i, k / 2, k % 2 == 1)];

			if (e->n > 0 && e->effect >= 0.8 * log1p(c->plan.least) &&
				e->effect >= 3 * c->fit.sigma / sqrt(e->n))
				c->suspect[i] = true;
		}
		n += c->suspect[i] ? 1 : 0;
	}
	return n;
}

static bool waiting(const struct ct_screen *screen)
{
	for (size_t i = 0; i < screen->npairs; i++)
		if (!screen->pairs[i].done)
			return true;
	return false;
}

/* Suspect nodes with good partners, and the slow messages of suspect leaves, side by side. */
static ct_status confirm(struct course *c)
{
	uint32_t n = mark_suspects(c), least = c->rounds + CONFIRMING;
	ct_status s = CT_OK;

	/* with half of the cluster under suspicion there is nobody to confirm with */
	if (n * 2 > c->fit.fleet->nodes)
		n = 0;
	for (uint32_t i = 0; n == 0 && i < c->fit.fleet->nodes; i++)
		c->suspect[i] = false;
	if (c->several)
		s = ct_screen_leaves(&c->fit, log1p(c->plan.least), &c->screen);
	while (s == CT_OK && c->rounds < c->plan.most &&
		((n > 0 && c->rounds < least) || waiting(&c->screen))) {
		s = ct_round_confirm(c->fit.fleet, c->suspect, &c->screen, &c->rng, c->partner);
		if (s == CT_OK)
			s = measure(c, true);
	}
	c->fit.confirmed = n > 0 && c->again > 0;
	return s == CT_OK && c->again > 0 ? ct_fit_all(&c->fit) : s;
}

/* The whole course, from the first round to the blames. */
static ct_status run(struct course *c, struct ct_isolation *made)
{
	ct_status s = first_rounds(c);

	if (s == CT_OK)
		s = confirm(c);
	if (s == CT_OK)
		s = ct_blame(&c->fit, &c->screen, &c->plan, made);
	if (s != CT_OK)
		return s;
	made->rounds = c->rounds;
	made->again = c->again;
	made->probes = c->fit.n;
	made->lost = c->fit.lost;
	made->spread = c->fit.sigma;
	made->alarm = c->plan.alarm;
	for (int k = 0; k < 2; k++)
		made->base_ns[k] = isnan(c->fit.base[k]) ? 0 : exp(c->fit.base[k]);
	return CT_OK;
}

ct_status ct_isolate(const struct ct_fleet *fleet, const struct ct_isolate_plan *plan,
	const struct ct_pair_source *source, struct ct_isolation *out)
{
	struct course c = { .plan = *plan, .source = source, .rng = ct_rng_make(plan->seed) };
	struct ct_isolation made = { 0 };
	ct_status s = check(fleet);

	if (s != CT_OK)
		return s;
	if (c.plan.least <= 0)
		c.plan.least = least_default;
	if (c.plan.alarm <= 0)
		c.plan.alarm = alarm_default;
	if (c.plan.most == 0)
		c.plan.most = most_rounds(fleet->nodes);
	if (c.plan.rounds == 0)
		c.plan.rounds = FIRST_ROUNDS < c.plan.most ? FIRST_ROUNDS : c.plan.most;
	s = prepare(&c, fleet);
	if (s == CT_OK)
		s = run(&c, &made);
	if (s == CT_OK)
		*out = made;
	else
		ct_isolation_free(&made);
	end(&c);
	return s;
}

void ct_isolation_free(struct ct_isolation *isolation)
{
	ct_free(isolation->list);
	memset(isolation, 0, sizeof(*isolation));
}
