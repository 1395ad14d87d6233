/* SPDX-License-Identifier: BSD-3-Clause */
/* What `compare` and a bench of two candidates show alike. */
#ifndef CT_BENCH_COMPARE_H
#define CT_BENCH_COMPARE_H

#include "advise/advise.h"

/* The records of NAME, a result directory or a .jsonl file; STATE: its run's, "" without a run.json. GROWING and
 * errors: ct_records_read()'s; CT_INVALID without points. */
enum { CT_COMPARE_STATE = 32 };
ct_status ct_compare_read(const char *name, bool growing, struct ct_records *records, char state[CT_COMPARE_STATE]);

/* Adds to OUT what the columns mean, the warnings, one block per operation, and the points that one
 * side has alone. Pure but for memory: OUT keeps the error. */
void ct_compare_blocks(const struct ct_comparison *c, struct ct_buf *out);

/* What `compare A B` does and prints; JSON: a file for it, or NULL. *CODE is its exit status. Errors of
 * ct_records_read() and ct_comparison_make(). */
ct_status ct_compare_directories(const char *a, const char *b, const char *json, int *code);

#endif
