/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune topo --rails: are the rails of all nodes the same? */
#ifndef CT_BENCH_RAILS_H
#define CT_BENCH_RAILS_H

#include "job.h"
#include "topo/topo.h"

/* Collective: compares the rails of the hosts of the job, each host's lowest rank reading its own; or, with
 * LOAD, those of machine files: FILE,... or a directory of them. FABRIC: a saved one that tells leaves, or
 * NULL. Rank 0 prints. Status 1 when there is a finding. */
ct_status ct_rails_command(struct ct_rank *rank, const char *load, const char *fabric, int *exit_code);

#endif
