/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune report: what stands in a result directory, as one page and in the formats of others. */
#ifndef CT_BENCH_REPORT_H
#define CT_BENCH_REPORT_H

#include "base/base.h"

/*
 * All that a report shows, as one JSON object, "schema":"colltune-report/1", which the page holds too:
 *   source, version, labels (pretended, fault injected, …), notes (what is missing or could not be
 *   read, with file and line), verdict {word, reason}, fixes (findings, in the order in which to deal
 *   with them), remarks (what was seen and needs nothing), series (curves), timelines, worst_pairs, baseline, pairs, stages, bands,
 *   hosts, environment, ladder, isolation, differences, machines.
 * What was not there is left out and told in notes.
 */
struct ct_page {
	json_t *json;
	struct ct_buf nodes, fabric, heat; /* drawings as SVG; empty = there is none */
};

/* Reads PATH: a result directory, a file of records (.jsonl), a verdict or an outcome of accept
 * --pretend (.json). The good part of damaged files is used. Free with ct_page_free(). CT_IO (nothing
 * there), CT_INVALID (nothing in it is a result), CT_NOMEM. */
ct_status ct_page_read(const char *path, struct ct_page *report);
void ct_page_free(struct ct_page *report);

/* report_series.c: adds "series" made of the records in PATH, and its "environment", to REPORT. A line
 * that is no record is a note. CT_IO, CT_NOMEM. */
ct_status ct_page_series(json_t *report, const char *path);

/* report_baseline.c: the curves of OTHER beside those of REPORT, as candidates with OTHER's name behind them. CT_NOMEM. */
ct_status ct_page_beside(struct ct_page *report, const struct ct_page *other);

/* The same, and "baseline": what PATH (a result directory or .jsonl) has point by point against BASELINE, as
 * `colltune compare` judges it; what is worse now is a fix. CT_IO, CT_INVALID, CT_NOMEM. */
ct_status ct_page_baseline(struct ct_page *report, const char *path, const char *baseline);

/* Adds a text to "notes". */
void ct_page_note(json_t *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The page, one file without anything from outside. CT_NOMEM. */
ct_status ct_page_html(const struct ct_page *report, struct ct_buf *out);

/* report_text.c: the same for others. Texts from outside are escaped as each format needs. CT_NOMEM. */
ct_status ct_page_junit(const struct ct_page *report, struct ct_buf *out);
ct_status ct_page_csv(const struct ct_page *report, struct ct_buf *out);
ct_status ct_page_markdown(const struct ct_page *report, struct ct_buf *out);
ct_status ct_page_prometheus(const struct ct_page *report, struct ct_buf *out);

/* The text at KEY, or OTHERWISE when there is none. */
const char *ct_page_text(const json_t *object, const char *key, const char *otherwise);

#endif
