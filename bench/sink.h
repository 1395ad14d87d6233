/* SPDX-License-Identifier: BSD-3-Clause */
/* Where rank 0 writes results besides stdout: a file of records, a flat table. */
#ifndef CT_BENCH_SINK_H
#define CT_BENCH_SINK_H

#include <stdio.h>

#include "measure/measure.h"

struct ct_sink {
	FILE *json, *csv; /* NULL = not asked for */
};

/* Opens the files (0644, emptied, never through a link) and writes their heads; either path may be
 * NULL. CT_IO before anything is measured. */
ct_status ct_sink_open(const char *json, const char *csv, const json_t *environment,
	struct ct_sink *sink);

/* Adds a result to each and flushes. CT_IO (disk full), CT_NOMEM. */
ct_status ct_sink_add(struct ct_sink *sink, const struct ct_result *result);

/* CT_IO when the last bytes could not be written. */
ct_status ct_sink_close(struct ct_sink *sink);

#endif
