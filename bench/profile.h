/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles as YAML: read, found by name, and written from what a good cluster reached. */
#ifndef CT_BENCH_PROFILE_H
#define CT_BENCH_PROFILE_H

#include "accept/accept.h"
#include "job.h"

/* Collective: WHAT, a file (it has a '/' or ends in ".yaml") or a name in DIR, read by rank 0 and known to
 * all. CT_NOTFOUND, CT_IO; CT_INVALID names file, line and key; CT_NOMEM. Free with ct_profile_free(). */
ct_status ct_profile_load(struct ct_rank *rank, const char *what, const char *dir,
	struct ct_profile *profile);

/* What REPORT measured as a profile for clusters like this one, to PATH (0644, "-" = stdout): each figure
 * that every round agrees on. CT_IO, CT_NOMEM; CT_UNSUPPORTED: nothing worth keeping was measured. */
ct_status ct_profile_write(const struct ct_accept_report *report, const char *path);

#endif
