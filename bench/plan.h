/* SPDX-License-Identifier: BSD-3-Clause */
/* From the options of `bench` to the list of tests. */
#ifndef CT_BENCH_PLAN_H
#define CT_BENCH_PLAN_H

#include "job.h"

enum ct_placement { CT_PLACE_OUT, CT_PLACE_IN, CT_PLACE_BOTH };

struct ct_bench_settings {
	struct ct_job_settings job; /* first: the rows of job.c count from here */
	uint64_t min_bytes, max_bytes, step_bytes;
	double factor;
	int64_t iters, warmup, max_iters, check, rounds, root, window, average, blocking, aggregate;
	char *op, *type, *pairs, *kinds, *memory;
	uint64_t budget;
	double precision;
	int placement;
	bool osu, perftest, stats, compare, counters, explain;
	char *json, *csv, *rules, *staged;
};

extern const struct ct_option ct_bench_own_options[];

#define CT_PAIRS "0-1" /* of p2p without --pairs */

/* Is WORD the ladder, which has tests of its own (ladder.c)? */
bool ct_plan_ladder(const char *word);

/* What WORD ("p2p", "allreduce", …) measures: *P2P or *COLL. CT_INVALID names the nearest. */
ct_status ct_plan_word(const char *word, bool *p2p, ct_coll *coll);

struct ct_bench_plan {
	struct ct_test *tests;
	size_t ntests, room;
	uint32_t *partner; /* p2p: nranks entries, else NULL */
	bool p2p;
	ct_coll coll; /* of the first test */
};

/* What can be said without ranks: sizes, operation, type, unused options. CT_INVALID. Pure. */
ct_status ct_plan_check(const struct ct_bench_settings *s, const char *word);

/* The tests for a job of NRANKS ranks; free with ct_plan_free(). CT_INVALID, CT_NOMEM. */
ct_status ct_plan_make(const struct ct_bench_settings *s, const char *word, uint32_t nranks,
	struct ct_bench_plan *plan);
void ct_plan_free(struct ct_bench_plan *plan);

/* "0-1,2-3", "all" (0-1, 2-3, …), "incast" or "outcast" (all with the last or the first) to a partner for each of NRANKS ranks, own rank = idle.
 * CT_INVALID: not a pair, a rank that does not exist or stands twice. Pure. */
ct_status ct_pairs_parse(const char *text, uint32_t nranks, uint32_t *partner);

#endif
