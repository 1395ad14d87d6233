/* SPDX-License-Identifier: BSD-3-Clause */
/* Series over time, for a report. */
#ifndef CT_BENCH_REPORT_TIME_H
#define CT_BENCH_REPORT_TIME_H

#include "measure/measure.h"
#include "report.h"

/* Counters of records in their order; more than so many records are put together. */
enum { CT_TRACK_STEPS = 400 };
struct ct_track;

/* NULL = no memory. */
struct ct_track *ct_track_open(void);
void ct_track_close(struct ct_track *track);
void ct_track_add(struct ct_track *track, const struct ct_result *result);

/* Adds "timelines" to REPORT: title, unit ("ns" or a text), note, lines of points {t in s, y}. Nothing of fewer
 * than two records. CT_NOMEM. */
ct_status ct_track_json(const struct ct_track *track, json_t *report);

/* The same of a verdict's SOAK; nothing without a series. CT_NOMEM. */
ct_status ct_soak_json(const json_t *soak, json_t *report);

#endif
