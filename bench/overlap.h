/* SPDX-License-Identifier: BSD-3-Clause */
/* Work beside what is measured, as a job has: what is fastest alone may not be so then. */
#ifndef CT_BENCH_OVERLAP_H
#define CT_BENCH_OVERLAP_H

#include "base/base.h"

enum ct_overlap_kind { CT_OVERLAP_NONE, CT_OVERLAP_MEMORY, CT_OVERLAP_COMPUTE };
extern const char *const ct_overlap_choices[]; /* of an option: "none", "memory", "compute" */

struct ct_overlap;

/* Starts a thread of this rank that copies memory beyond any cache, or multiplies matrices within it, until
 * it is stopped. CT_OVERLAP_NONE: *OVERLAP = NULL. CT_NOMEM, CT_IO (no thread). */
ct_status ct_overlap_start(enum ct_overlap_kind kind, struct ct_overlap **overlap);

/* Ends it; NULL is fine. How often it went round. */
uint64_t ct_overlap_stop(struct ct_overlap *overlap);

#endif
