/* SPDX-License-Identifier: BSD-3-Clause */
/* Isolation of slow parts by the pairs of this job. */
#ifndef CT_ACCEPT_PROBES_H
#define CT_ACCEPT_PROBES_H

#include "fit.h"
#include "run.h"

/* Collective: rounds of disjoint pairs through the job's own transport until UNTIL_NS after the start of
 * RUN; what is slow in report->isolation, the same on every rank. Without a transport of our own nothing
 * is done. CT_INTERRUPTED, CT_TIMEOUT, CT_PEER, CT_NOMEM. */
ct_status ct_accept_isolation(struct ct_accept *run, uint64_t until_ns);

#endif
