/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the isolation share: the samples and what is fitted to them. */
#ifndef CT_ACCEPT_FIT_H
#define CT_ACCEPT_FIT_H

#include "isolate.h"

struct ct_sample {
	uint32_t from, to;
	uint16_t rail;
	bool cross, again; /* between leaves; of a confirming round */
	float x;           /* log of the time, ns */
};

/* One end: the way out of, or into, one NIC. */
struct ct_end {
	double effect;      /* log slowdown; the smaller of both classes where both were measured */
	uint32_t n;         /* samples */
	double again;       /* by confirming rounds alone */
	uint32_t nagain;
	bool slow;
};

struct ct_fit {
	const struct ct_fleet *fleet;
	struct ct_sample *samples;
	size_t n, room;
	uint64_t lost;
	double base[2];      /* log time of a class; NAN = none */
	double *rail;        /* rails: log effect */
	struct ct_end *ends; /* nodes * rails * 2: out, in */
	double sigma;        /* of one sample */
	double *scratch;     /* as many as samples */
	uint32_t *order, *first; /* samples by end; ends + 1 */
};

static inline size_t ct_end_of(const struct ct_fleet *fleet, uint32_t node, uint32_t rail, bool in)
{
	return ((size_t)node * fleet->rails + rail) * 2 + (in ? 1 : 0);
}

/* Median of N values of V, which it reorders; NAN without any. */
double ct_fit_median(double *v, size_t n);

/* All effects from the samples so far. CT_NOMEM. */
ct_status ct_fit_all(struct ct_fit *fit);

/* What of SAMPLE is not explained by class and rail. */
static inline double ct_fit_rest(const struct ct_fit *fit, const struct ct_sample *s)
{
	return (double)s->x - fit->base[s->cross ? 1 : 0] - fit->rail[s->rail];
}

/* The z that a standard normal value passes with probability P / 2 on one side. 0 < P < 1. */
double ct_normal_z(double p);

/* Turns the fit into blames: OUT->list, largest loss first. CT_NOMEM. */
ct_status ct_blame(const struct ct_fit *fit, const struct ct_isolate_plan *plan,
	struct ct_isolation *out);

/* A random pairing of nodes for one round into PARTNER (own number = idle): within leaves or BETWEEN
 * them. CT_NOMEM. */
ct_status ct_round_make(const struct ct_fleet *fleet, bool between, struct ct_rng *rng,
	uint32_t *partner);

/* Pairs each node of SUSPECT (nodes flags) with one that is none, at random, and the others between
 * leaves. CT_NOMEM. */
ct_status ct_round_confirm(const struct ct_fleet *fleet, const bool *suspect, struct ct_rng *rng,
	uint32_t *partner);

#endif
