/* SPDX-License-Identifier: BSD-3-Clause */
/* Cluster files, which people write: what was built (docs/formats.md). */
#ifndef CT_BENCH_CLUSTER_H
#define CT_BENCH_CLUSTER_H

#include "topo/topo.h"

/* Reads the cluster file at PATH; free PLAN with ct_fabric_plan_free(). CT_IO (open, a link, no regular
 * file, larger than 4 MiB), CT_INVALID (syntax, unknown key, wrong value: with its line), CT_NOMEM. */
ct_status ct_cluster_load(const char *path, struct ct_fabric_plan *plan);

#endif
