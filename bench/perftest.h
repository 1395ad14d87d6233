/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune perftest: the backend verbs asked and shown the way perftest's programs do it. */
#ifndef CT_BENCH_PERFTEST_H
#define CT_BENCH_PERFTEST_H

#include <stdio.h>

#include "job.h"

struct ct_perftest_settings {
	struct ct_job_settings job; /* first; of its rows only a few are offered here */
	bool all, bidirectional, cpu_freq, no_peak, gbits, histogram, unsorted;
	char *connection, *listen, *series;
	uint64_t size, window;
	int64_t iters, port, qp, post_list;
	double duration; /* seconds; 0 = by iterations */
};

/* One of the tests by its name. */
struct ct_perftest_test {
	const char *name;
	const char *algo;
	bool latency, pulls; /* pulls: who calls is the one that reads */
	int64_t iters;       /* default */
	uint64_t size;       /* default */
};

/* CT_INVALID names the nearest. */
ct_status ct_perftest_find(const char *name, const struct ct_perftest_test **test);

/* Times of one size, all of them. */
struct ct_perftest_times {
	uint64_t *ns; /* of each operation, in order; half a round trip where that is what is shown */
	size_t n, room;
	uint64_t iterations;
};

/* A stretch of time in which bytes were counted. */
struct ct_perftest_window {
	uint64_t from_ns, to_ns, messages;
};

/* Rates of one size. */
struct ct_perftest_rates {
	uint64_t iterations;
	double peak_Bps, average_Bps, messages_per_s;
};

/* ---- perftest_view.c: text as perftest 4.5 writes it ---------------------------------------- */

/* What a line of times says. */
struct ct_perftest_latency {
	uint64_t iterations;
	double min_ns, max_ns, typical_ns, mean_ns, stdev_ns, p99_ns, p999_ns;
};

void ct_perftest_latency_head(FILE *out);
void ct_perftest_latency_line(FILE *out, uint64_t bytes, const struct ct_perftest_latency *latency);
/* Sorts TIMES in place. Nothing without times. */
void ct_perftest_latency_row(FILE *out, uint64_t bytes, struct ct_perftest_times *times);
void ct_perftest_rates_head(FILE *out, bool gbits);
void ct_perftest_rates_row(FILE *out, uint64_t bytes, const struct ct_perftest_rates *rates,
	bool gbits);

/* The slowest and the fastest of N windows of messages of BYTES, and when it was. */
void ct_perftest_windows_row(FILE *out, uint64_t bytes, const struct ct_perftest_window *windows,
	size_t n);

/* ---- perftest_table.c: the view --perftest of bench p2p -------------------------------------- */

/* What these columns want to know and a result without its samples does not tell. */
struct ct_spread {
	double stdev_ns, p999_ns;
};

/* From the samples or the histogram of RESULT; zero when it has none left. Of a histogram, within
 * its buckets (hist.h). Pure. */
struct ct_spread ct_perftest_spread(const struct ct_result *result);

/* The lines above the numbers of COLL (point-to-point), and one line for a result; nothing for what
 * was not measured. */
void ct_perftest_table_head(FILE *out, ct_coll coll);
void ct_perftest_table_row(FILE *out, const struct ct_result *result, const struct ct_spread *spread);

/* ---- perftest_run.c ------------------------------------------------------------------------- */

/* Collective between two ranks (of more, the first two): measures every size and prints on rank 0, and
 * on who waits. *WRONG: elements that arrived wrong. */
struct ct_perftest_job {
	const struct ct_perftest_settings *settings;
	const struct ct_perftest_test *test;
	const struct ct_world *world;
	const struct ct_module *const *modules;
	bool speaks; /* this rank prints */
	const volatile int *interrupted; /* may be NULL */
};
ct_status ct_perftest_run(const struct ct_perftest_job *job, uint64_t *wrong);

#endif
