/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows that get in each other's way: patterns, and the engine that runs them over a transport. */
#ifndef CT_BENCH_CONGEST_H
#define CT_BENCH_CONGEST_H

#include "job.h"

enum { CT_CONGEST_FLOWS = 4096, CT_CONGEST_PINGS = 2000 };

struct ct_congest_flow {
	uint32_t from, to;
};

/* A pattern among NRANKS ranks; each ordered pair of ranks has at most one flow, those of the victim none. */
struct ct_congest_pattern {
	const char *name, *text;
	struct ct_congest_flow *flows;
	size_t n;
	bool victim;           /* small messages between two ranks meanwhile, */
	uint32_t asks, answers; /* these */
};

enum ct_congest_kind {
	CT_CONGEST_INCAST,      /* FAN ranks to one */
	CT_CONGEST_OUTCAST,     /* one to FAN ranks */
	CT_CONGEST_ALLTOALL,    /* every rank to every other */
	CT_CONGEST_PERMUTATION, /* each rank to the one half the ranks away */
	CT_CONGEST_KINDS,
};

const char *ct_congest_name(enum ct_congest_kind kind);

/* Fills PATTERN; its flows are freed with ct_free(). FAN: at most so many senders, 0 = all. With three
 * ranks and more an incast and an outcast leave the last rank out, which then exchanges small messages
 * with rank 1, whose link they share. CT_INVALID: fewer than two ranks, too many flows; CT_NOMEM. */
ct_status ct_congest_make(enum ct_congest_kind kind, uint32_t nranks, uint32_t fan,
	struct ct_congest_pattern *pattern);

/* Flows over one transport. */
struct ct_congest_load {
	struct ct_net *net;
	const struct ct_congest_pattern *pattern;
	uint64_t bytes;        /* of a message */
	/* Out, on every rank what it saw itself: bytes that came within the span for each flow to it. */
	uint64_t *came;        /* pattern->n */
	uint64_t *first;       /* the same within the first half of the span; NULL = not asked */
};

struct ct_congest_run {
	struct ct_congest_load load;
	const struct ct_congest_load *background; /* flows over another net beside them; NULL = none */
	bool silent;           /* the victim alone: no flow runs */
	uint64_t window, span_ns;
	/* Out: the victim's round trips. */
	uint64_t *ping_ns;     /* CT_CONGEST_PINGS, the first NPINGS */
	size_t npings;
};

/* Runs the flows for SPAN_NS on all ranks (collective), then waits until every message has come.
 * CT_NOMEM and whatever the transport says; who calls has a deadline. */
ct_status ct_congest_run(struct ct_congest_run *run);

/* How flows that should be equal differ between rounds whose connections are new. */
struct ct_congest_spread {
	size_t cells, slow;      /* of each flow in each round; those that were slow in both halves */
	double worst, best;      /* share of the flow's good rounds, over all cells */
	double p;                /* chance of so many if the halves were independent; 1 = nothing to see */
	bool judged;             /* there are rounds and flows enough */
};

enum { CT_SPREAD_ROUNDS = 8, CT_SPREAD_FLOWS = 4 };

/* RATE[(round * flows + flow) * 2 + half] in any unit, at least 0. A half is slow below 2/3 of the flow's
 * upper quartile over rounds, once a slow round of all flows (its median flow) is taken out. Two flows that a
 * hash puts on one cable stay there as long as their connections, so both halves are slow; noise comes and
 * goes. P: binomial, of the shares of slow halves. Pure; without memory nothing is judged. */
void ct_congest_spread(const double *rate, size_t rounds, size_t flows, struct ct_congest_spread *out);

struct ct_rides; /* roce_rides.h */

/* What flows of check --traffic showed; the same on every rank but for RIDES. */
struct ct_traffic {
	struct ct_rank *rank;
	struct ct_rides *rides; /* of this host, at its lowest rank; NULL at others */
	const char *net;
	uint64_t span_ns, bytes;
	bool ran;
	double forward_Bps, backward_Bps; /* rank 0 to 1 and back, one after the other */
	double incast_Bps, link_Bps;      /* all to rank 0; raw rate of its link, 0 = not known */
};

/* Collective: each of three patterns for SPAN_NS over NET, then flows of the other libraries of the job. Errors of
 * ct_net_open(), ct_congest_run() and ct_rides_run(). */
ct_status ct_traffic_run(struct ct_traffic *traffic);

/* May this job load its hosts? Up to four always. CT_INVALID names the hosts and the load expected. Pure. */
ct_status ct_congest_allowed(const struct ct_world *world, bool load_fabric, uint64_t span_ns,
	uint32_t rounds);

/* colltune roce congest; ARG is a struct ct_roce_settings. */
ct_status ct_roce_congest(struct ct_rank *rank, void *arg, int *code);

#endif
