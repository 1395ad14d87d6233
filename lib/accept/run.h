/* SPDX-License-Identifier: BSD-3-Clause */
/* What the stages share while they run. */
#ifndef CT_ACCEPT_RUN_H
#define CT_ACCEPT_RUN_H

#include "accept.h"

enum { CT_ACCEPT_CANDIDATES = 16, CT_RATE_BYTES = 1 << 20 };

/* Rounds of the stages that measure messages, apart from the tournament's and from each other's, since a
 * stored point is known by its round. */
enum { CT_ROUND_INTERNAL = 10000000, CT_ROUND_RAILS = 11000000, CT_ROUND_LADDER = 12000000,
	CT_ROUND_CONGESTION = 13000000, CT_ROUND_SOAK = 20000000 };

/* Results of these are no figures. */
#define CT_SCOPE_LADDER "ladder"
#define CT_SCOPE_SOAK "soak"

/* The ladder while it is measured: a rung for each candidate and operation. */
struct ct_climb {
	struct ct_rung rungs[3 * CT_ACCEPT_CANDIDATES];
	double *cost[3 * CT_ACCEPT_CANDIDATES]; /* ns per byte of bus bandwidth, one per round */
	size_t n;
};

/* A candidate that can run here, and what its transport says about itself. */
struct ct_entrant {
	struct ct_candidate candidate;
	struct ct_net_caps net;
	uint32_t colls; /* what it can: bit i = operation i */
	char library[96];
};

struct ct_accept {
	struct ct_session *session;
	const struct ct_world *world;
	struct ct_accept_plan plan; /* defaults filled in */
	struct ct_accept_report *report;
	struct ct_entrant entrant[CT_ACCEPT_CANDIDATES];
	size_t nentrants;
	uint64_t start_ns;
	/* of the measurement under way */
	uint32_t round, pairs, a, b;
	const char *scope;
	struct ct_climb climb;
	struct ct_rails *rails; /* rank 0: of the hosts that told theirs, when there are several; nrails of them */
	size_t nrails;
	ct_status absorbed; /* sticky error inside a callback that cannot return one */
};

/* One line of progress, on rank 0. */
void ct_accept_line(struct ct_accept *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Collective: nanoseconds since the start, the most of all ranks, so that all decide alike. */
ct_status ct_accept_elapsed(struct ct_accept *run, uint64_t *ns);

/* Collective: measures TESTS with CANDIDATES as round ROUND, each point within POINT_NS. */
struct ct_batch {
	const struct ct_candidate *candidates;
	size_t ncandidates;
	const struct ct_test *tests;
	size_t ntests;
	uint32_t round, pairs, a, b; /* see struct ct_figure */
	const char *scope;	     /* the same; NULL = "" */
	uint64_t point_ns;
};
ct_status ct_accept_measure(struct ct_accept *run, const struct ct_batch *batch);

/* The figure of these, or a new one at the end; NULL = no memory. */
struct ct_figure *ct_figure_of(struct ct_accept_report *report, const struct ct_result *result,
			       uint32_t a, uint32_t b, const char *scope);

/* Adds a round to a figure. CT_NOMEM. */
ct_status ct_figure_add(struct ct_figure *figure, const struct ct_result *result);

/* The stages; collective. */
ct_status ct_accept_environment(struct ct_accept *run);
ct_status ct_accept_differences(struct ct_accept *run); /* part of the first */
ct_status ct_accept_map(struct ct_accept *run);
ct_status ct_accept_internal(struct ct_accept *run);
ct_status ct_accept_pairs(struct ct_accept *run);
ct_status ct_accept_rails(struct ct_accept *run);
ct_status ct_accept_collectives(struct ct_accept *run);
ct_status ct_accept_ladder(struct ct_accept *run);
ct_status ct_accept_congestion(struct ct_accept *run);
ct_status ct_accept_soak(struct ct_accept *run);

/* When STAGE has to be over, ns since the start: the budget less the shares of the stages behind it. */
uint64_t ct_accept_until(const struct ct_accept *run, enum ct_stage stage);

/* What two stages do with a result in place of a figure. */
void ct_climb_keep(struct ct_accept *run, const struct ct_result *result);
void ct_soak_keep(struct ct_accept *run, const struct ct_result *result);

/* One pair against all at once, from the figures: report->congestion. */
void ct_congestion_text(struct ct_accept_report *report);

/* REPORT against its profile: report->against; CT_NOMEM. And who of it is waived. */
ct_status ct_profile_judge(struct ct_accept_report *report);
void ct_profile_waive(struct ct_accept_report *report);

/* The bands that judge FIGURE. Below CT_RATE_BYTES a message costs cache misses and hand-shakes
 * that no plain copy has: the latency bands hold. They are wide (own choice): a good shared-memory
 * ping-pong takes 3 to 6 times the bare hop, a barrier-started collective 10, while the wrong path
 * (TCP instead of shared memory) takes 50. */
struct ct_bands ct_bands_of(const struct ct_accept_bands *bands, const struct ct_figure *figure);

/* BANDS with every 0 replaced by its default. */
struct ct_accept_bands ct_bands_fill(const struct ct_accept_bands *bands);

#endif
