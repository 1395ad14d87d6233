/* SPDX-License-Identifier: BSD-3-Clause */
/* What the stages share while they run. */
#ifndef CT_ACCEPT_RUN_H
#define CT_ACCEPT_RUN_H

#include "accept.h"

enum { CT_ACCEPT_CANDIDATES = 16, CT_RATE_BYTES = 1 << 20 };

/* A candidate that can run here, and what its transport says about itself. */
struct ct_entrant {
	struct ct_candidate candidate;
	struct ct_net_caps net;
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
	uint64_t point_ns;
};
ct_status ct_accept_measure(struct ct_accept *run, const struct ct_batch *batch);

/* The figure of these, or a new one at the end; NULL = no memory. */
struct ct_figure *ct_figure_of(struct ct_accept_report *report, const struct ct_result *result,
			       uint32_t a, uint32_t b);

/* Adds a round to a figure. CT_NOMEM. */
ct_status ct_figure_add(struct ct_figure *figure, const struct ct_result *result);

/* The stages; collective. */
ct_status ct_accept_environment(struct ct_accept *run);
ct_status ct_accept_map(struct ct_accept *run);
ct_status ct_accept_pairs(struct ct_accept *run);
ct_status ct_accept_collectives(struct ct_accept *run);

/* The bands that judge FIGURE. Below CT_RATE_BYTES a message costs cache misses and hand-shakes
 * that no plain copy has: the latency bands hold. They are wide (own choice): a good shared-memory
 * ping-pong takes 3 to 6 times the bare hop, a barrier-started collective 10, while the wrong path
 * (TCP instead of shared memory) takes 50. */
struct ct_bands ct_bands_of(const struct ct_accept_bands *bands, const struct ct_figure *figure);

/* BANDS with every 0 replaced by its default. */
struct ct_accept_bands ct_bands_fill(const struct ct_accept_bands *bands);

#endif
