/* SPDX-License-Identifier: BSD-3-Clause */
/* machines/HOST.json in --out, for every host of the job. */
#ifndef CT_BENCH_MACHINES_H
#define CT_BENCH_MACHINES_H

#include "job.h"

/* Collective, once the store is open: the machine file of each host, made by its lowest rank from
 * MACHINE (others' does not count, nor NULL), stored by rank 0. A host whose file is missing, too
 * large, not a machine file, or has no name for a file, is named on stderr and left out. CT_IO,
 * CT_NOMEM, CT_PEER, CT_TIMEOUT, on every rank. */
ct_status ct_machines_store(struct ct_rank *rank, const struct ct_machine *machine);

/* The same, each host's lowest rank reading its machine now; nothing without --out. */
ct_status ct_machines_store_own(struct ct_rank *rank);

/* The same with the file's text as it is, at most LIMIT bytes (the same on every rank). */
ct_status ct_machines_store_text(struct ct_rank *rank, const char *text, size_t bytes, size_t limit);

#endif
