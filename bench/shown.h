/* SPDX-License-Identifier: BSD-3-Clause */
/* What rank 0 shows of a run: keeps the results of all rounds and prints the tables, row by row as
 * they come with one candidate, in blocks at the end with several. */
#ifndef CT_BENCH_SHOWN_H
#define CT_BENCH_SHOWN_H

#include "perftest.h"
#include "plan.h"

struct ct_shown {
	const struct ct_bench_plan *plan;
	const struct ct_candidate *candidates;
	size_t ncandidates;
	uint32_t rounds;
	bool osu;      /* its columns instead of nccl-tests' */
	bool perftest; /* the same; point-to-point only */
	bool stats, counters; /* set by the caller: a line of counters below each row */
	struct ct_result *results; /* [round][candidate][test]; samples are not kept */
	struct ct_spread *spread;  /* of each, for --perftest */
	bool *there;
	size_t next;               /* live: first test that is not printed yet */
	uint64_t wrong;            /* of the block being printed */
	double busbw_sum;
	size_t busbw_count;
};

ct_status ct_shown_make(const struct ct_bench_plan *plan, const struct ct_candidate *candidates,
	size_t ncandidates, uint32_t rounds, bool stats, struct ct_shown *shown);
void ct_shown_free(struct ct_shown *shown);

/* The place of a candidate's test in a round among all; SIZE_MAX if it is none of the plan's. */
size_t ct_shown_index(const struct ct_shown *shown, uint32_t round, const struct ct_candidate *c,
	const struct ct_test *t);

/* Copies RESULT but for its samples. */
void ct_shown_add(struct ct_shown *shown, const struct ct_result *result);

/* Prints the rows that are complete now; nothing unless there is one candidate and one round. */
void ct_shown_live(struct ct_shown *shown);

/* Prints whatever was not printed live, and the footers. */
void ct_shown_end(struct ct_shown *shown);

/* Elements wrong in all results; whether anything was measured; the first reason if not. */
uint64_t ct_shown_wrong(const struct ct_shown *shown);
bool ct_shown_any(const struct ct_shown *shown, const char **why);

#endif
