/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the isolation share: the samples and what is fitted to them. */
#ifndef CT_ACCEPT_FIT_H
#define CT_ACCEPT_FIT_H

#include "isolate.h"

struct ct_sample {
	uint32_t from, to;
	uint16_t rail;
	bool cross, again; /* between leaves; of a confirming round */
	bool repeat;       /* the same message was slow before: see struct ct_screen */
	float x;           /* log of the time, ns */
};

/* One end: the way out of, or into, one NIC. */
struct ct_fit_end {
	double effect;      /* log slowdown; the smaller of both classes where both were measured */
	uint32_t n;         /* samples */
	double again;       /* by confirming rounds alone */
	uint32_t nagain;
	bool slow;
	double explained;   /* its part in the time of a message: 0 unless it, or its node, is slow */
};

struct ct_fit {
	const struct ct_fleet *fleet;
	struct ct_sample *samples;
	size_t n, room;
	uint64_t lost;
	double base[2];      /* log time of a class; NAN = none */
	double *rail;        /* rails: log effect */
	struct ct_fit_end *ends; /* nodes * rails * 2: out, in */
	double sigma;        /* of one sample */
	double *scratch;     /* as many as samples */
	uint32_t *order, *first; /* samples by end; ends + 1 */
	bool confirmed;      /* suspects were measured again: who was not is none */
};

/* Leaves' ways out that look slow in the first rounds, and the messages that make them look so. Measured
 * once more, what was noise is no longer slow; what is slow again is the way. So the first rounds only
 * choose, and only fresh times judge. */
struct ct_again {
	uint32_t a, b;
	float weight; /* how much hangs on this pair */
	bool done;
};

struct ct_screen {
	uint32_t leaves, suspects;
	struct ct_suspect_leaf {
		bool suspect;
		int bin;      /* by how much slow: this bin and the next */
		double score;
		double share; /* of the first rounds' messages, above the usual */
		uint64_t n;
	} *leaf;
	double usual[4];         /* share of each bin within leaves */
	struct ct_probe *flows;  /* sorted */
	size_t nflows;
	struct ct_again *pairs;  /* by weight */
	size_t npairs;
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

/* Leaf of a node's NIC, and how many there are. */
static inline uint32_t ct_leaf_of(const struct ct_fleet *fleet, uint32_t node, uint32_t rail)
{
	return fleet->rail_leaves ? fleet->leaf_of[node] * fleet->rails + rail : fleet->leaf_of[node];
}
uint32_t ct_leaf_count(const struct ct_fleet *fleet);

/* Looks at the leaves by the samples so far, LEAST as log slowdown. CT_NOMEM. Free in any case. */
ct_status ct_screen_leaves(const struct ct_fit *fit, double least, struct ct_screen *screen);
bool ct_screen_has(const struct ct_screen *screen, const struct ct_probe *probe);
void ct_screen_free(struct ct_screen *screen);

/* The leaf most clearly slow by repeated messages that touch none of TAKEN (leaves flags), as BLAME with
 * its log EFFECT and how many times it stands on; false = none left at a chance of ALARM in all. */
bool ct_screen_worst(const struct ct_fit *fit, const struct ct_screen *screen, const bool *taken,
	double least, double alarm, struct ct_blame *blame, double *effect);

/* Turns the fit into blames: OUT->list, largest loss first. CT_NOMEM. */
ct_status ct_blame(const struct ct_fit *fit, const struct ct_screen *screen,
	const struct ct_isolate_plan *plan, struct ct_isolation *out);

/* A random pairing of nodes for one round into PARTNER (own number = idle): within leaves or BETWEEN
 * them. CT_NOMEM. */
ct_status ct_round_make(const struct ct_fleet *fleet, bool between, struct ct_rng *rng,
	uint32_t *partner);

/* Joins pairs of SCREEN that are not done yet (and marks them), as far as they have no suspect node; pairs
 * each node of SUSPECT (nodes flags) with one that is none, at random, and the others between leaves.
 * CT_NOMEM. */
ct_status ct_round_confirm(const struct ct_fleet *fleet, const bool *suspect, struct ct_screen *screen,
	struct ct_rng *rng, uint32_t *partner);

#endif
