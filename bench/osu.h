/* SPDX-License-Identifier: BSD-3-Clause */
/* The view --osu: columns and words of the OSU micro-benchmarks 7.5. Pure: text only. */
#ifndef CT_BENCH_OSU_H
#define CT_BENCH_OSU_H

#include "measure/measure.h"

/* The lines above the numbers of COLL with elements of TYPE. */
void ct_osu_head(struct ct_buf *out, ct_coll coll, ct_type type);

/* One line: size, and the median time in us or the rate in MB/s of 1e6 bytes; nothing for what was
 * not measured. Where OSU prints a mean, this prints our median: the head says so. */
void ct_osu_row(struct ct_buf *out, const struct ct_result *result);

#endif
