/* SPDX-License-Identifier: BSD-3-Clause */
/* Times of a pretended cluster. */
#include <math.h>

#include "pretend.h"

/* Uniform in (0, 1]. */
static double uniform(struct ct_rng *rng)
{
	return ((double)(ct_rng_next(rng) >> 11) + 1) / 9007199254740992.0;
}

/* Box and Muller 1958. */
static double normal(struct ct_rng *rng)
{
	double r = sqrt(-2 * log(uniform(rng)));

	return r * cos(2 * M_PI * uniform(rng));
}

static uint32_t leaf_id(const struct ct_pretend *p, uint32_t node, uint32_t rail)
{
	return p->rail_leaves ? p->leaf_of[node] * p->rails + rail : p->leaf_of[node];
}

/* The uplink that a flow takes: by a hash of its ends that stays the same, as ECMP does. */
static uint32_t uplink_of(const struct ct_pretend *p, const struct ct_probe *probe, uint32_t leaf)
{
	uint64_t flow = (uint64_t)probe->from << 32 | probe->to;

	return (uint32_t)(ct_rng_hash(ct_rng_hash(p->seed ^ leaf, flow), probe->rail) % p->uplinks);
}

/* A message of full packets with a smaller MTU: 82 bytes of headers for each packet of RoCE. */
static double mtu_factor(uint32_t mtu)
{
	const double headers = 82;

	return (1 + headers / mtu) / (1 + headers / 9000);
}

/* The factor by which the faults of the way slow PROBE down. */
static double way(const struct ct_pretend *p, const struct ct_probe *probe)
{
	uint32_t out = leaf_id(p, probe->from, probe->rail), in = leaf_id(p, probe->to, probe->rail);
	double factor = 1, mtu = 1;

	for (size_t i = 0; i < p->nfaults; i++) {
		const struct ct_fault *f = &p->faults[i];

		if (f->kind == CT_FAULT_ALL || (f->kind == CT_FAULT_RAIL && f->rail == probe->rail))
			factor *= f->factor;
		if (f->kind == CT_FAULT_UPLINK && out != in &&
			((f->leaf == out && uplink_of(p, probe, out) == f->uplink) ||
			(f->leaf == in && uplink_of(p, probe, in) == f->uplink)))
			factor *= f->factor;
		if (f->kind == CT_FAULT_MTU && (f->node == probe->from || f->node == probe->to) &&
			mtu_factor(f->mtu) > mtu)
			mtu = mtu_factor(f->mtu);
	}
	return factor * mtu;
}

static ct_status pretend_round(void *arg, const struct ct_probe *probes, size_t n, double *ns)
{
	struct ct_pretend *p = arg;

	for (size_t i = 0; i < n; i++) {
		const struct ct_probe *q = &probes[i];
		double out = p->ends[((size_t)q->from * p->rails + q->rail) * 2];
		double in = p->ends[((size_t)q->to * p->rails + q->rail) * 2 + 1];
		double noise = 1 + p->cv * normal(&p->rng);

		ns[i] = p->time_us * 1e3 * (p->leaf_of[q->from] != p->leaf_of[q->to] ? p->cross : 1) *
			out * in * way(p, q) * (noise > 0.1 ? noise : 0.1);
		if (uniform(&p->rng) <= p->outliers)
			ns[i] *= p->outlier_factor;
	}
	return CT_OK;
}

struct ct_pair_source ct_pretend_source(struct ct_pretend *pretend)
{
	return (struct ct_pair_source){ pretend_round, pretend };
}

struct ct_fleet ct_pretend_fleet(const struct ct_pretend *p)
{
	return (struct ct_fleet){ .nodes = p->nodes, .rails = p->rails, .leaf_of = p->leaf_of,
		.rail_leaves = p->rail_leaves, .uplinks = p->uplinks,
		.expected_ns = { p->time_us * 1e3, p->time_us * 1e3 * p->cross } };
}

uint32_t ct_pretend_mtu(const struct ct_pretend *pretend, uint32_t node)
{
	for (size_t i = 0; i < pretend->nfaults; i++)
		if (pretend->faults[i].kind == CT_FAULT_MTU && pretend->faults[i].node == node)
			return pretend->faults[i].mtu;
	return 9000;
}
