/* SPDX-License-Identifier: BSD-3-Clause */
/* nccl-tests' table (its columns first and unchanged), ours to the right. Pure: text only. */
#ifndef CT_BENCH_TABLE_H
#define CT_BENCH_TABLE_H

#include "measure/measure.h"

/* For which placements our statistics follow on the right. */
enum { CT_STATS_OUT = 1, CT_STATS_IN = 2 };

/* The two column lines; STATS: a mask of the above. */
void ct_table_head(struct ct_buf *out, unsigned stats);

/* One line: out-of-place and in-place result of one size; either may be NULL or not measured
 * (status not CT_OK), both not. */
void ct_table_row(struct ct_buf *out, const struct ct_result *outp, const struct ct_result *inp,
	unsigned stats);

/* A line that begins with '#': what was counted while RESULT was measured, all hosts together. Nothing
 * for a result that was not measured. */
void ct_table_counters(struct ct_buf *out, const struct ct_result *result);

/* "# Out of bounds values : 0 OK" and "# Avg bus bandwidth    : 1.234". */
void ct_table_foot(struct ct_buf *out, uint64_t wrong, double busbw_sum, size_t busbw_count);

/* The flat table: its head line, and one line for a result. Texts are quoted; cells that a
 * spreadsheet would take for a formula are led by an apostrophe. */
void ct_csv_head(struct ct_buf *out);
void ct_csv_row(struct ct_buf *out, const struct ct_result *result);

#endif
