/* SPDX-License-Identifier: BSD-3-Clause */
/* accept --cluster: which leaf each host of the job hangs on. */
#ifndef CT_BENCH_LEAVES_H
#define CT_BENCH_LEAVES_H

#include "accept/accept.h"
#include "job.h"

/* Collective: ct_leaves_of() FILE, a cluster file or (*.json) a saved fabric, read by rank 0, on every rank. Hosts that
 * are not in it are counted on stderr. Freed with ct_leaves_free(). CT_INVALID, CT_IO, CT_NOMEM, CT_PEER, CT_TIMEOUT. */
ct_status ct_leaves_load(struct ct_rank *rank, const char *file, struct ct_leaves *leaves);

#endif
