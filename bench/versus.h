/* SPDX-License-Identifier: BSD-3-Clause */
/* Two candidates of one run against each other, as `colltune compare` would show them. */
#ifndef CT_BENCH_VERSUS_H
#define CT_BENCH_VERSUS_H

#include "shown.h"

/* Do the only two candidates differ in nothing but transport or device? Pure. */
bool ct_versus_nets(const struct ct_candidate *candidates, size_t n);

/* Compares the two candidates of SHOWN, results of all rounds; ENVIRONMENT is the run's record.
 * Prints to stdout, each line begun with '#', so that who reads nccl-tests' table is not disturbed.
 * CT_NOMEM, CT_IO. Rank 0. */
ct_status ct_versus_show(const struct ct_shown *shown, json_t *environment);

#endif
