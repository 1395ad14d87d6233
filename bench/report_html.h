/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the page share. */
#ifndef CT_BENCH_REPORT_HTML_H
#define CT_BENCH_REPORT_HTML_H

#include "report.h"

/* Adds TEXT, from wherever, so that it is shown as it is: control characters replaced, HTML escaped. */
void ct_html_text(struct ct_buf *out, const char *text);

/* Adds "<td>" with TEXT, or with a number: CLASS "n", or "" for none. */
void ct_html_cell(struct ct_buf *out, const char *class, const char *text);

/* The sections that are tables: report_tables.c. A section without anything to show is left out. */
void ct_html_curves(struct ct_buf *out, json_t *report);
void ct_html_figures(struct ct_buf *out, const json_t *report);
void ct_html_isolation(struct ct_buf *out, const json_t *report);
void ct_html_ladder(struct ct_buf *out, const json_t *report);
void ct_html_hosts(struct ct_buf *out, const json_t *report);
void ct_html_counters(struct ct_buf *out, const json_t *report);
void ct_html_timelines(struct ct_buf *out, const json_t *report); /* report_time.c */
void ct_html_baseline(struct ct_buf *out, const json_t *report);  /* report_baseline.c */
void ct_html_matrix(struct ct_buf *out, const struct ct_page *report);
void ct_html_settings(struct ct_buf *out, const json_t *report);

#endif
