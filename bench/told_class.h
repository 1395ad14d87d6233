/* SPDX-License-Identifier: BSD-3-Clause */
/* Which traffic class UCX and NCCL were told: by this process' variables, else by their configuration files. */
#ifndef CT_BENCH_TOLD_CLASS_H
#define CT_BENCH_TOLD_CLASS_H

#include "base/base.h"

enum { CT_TOLD_UNKNOWN = -1 };

struct ct_told_class {
	int64_t value; /* 0 … 255, or CT_TOLD_UNKNOWN: what was told is no class */
	char by[96];   /* the variable, behind it the file that has it; or whose default it is */
};

/*
 * UCX_IB_TRAFFIC_CLASS of the environment, else of the last of these that has it: /etc/ucx/ucx.conf, and ucx.conf in
 * HOME, in UCX_CONFIG_DIR and here (src/ucs/config/parser.c; the file beside its library is not looked for, and of a
 * file only what stands before its first section, which newer versions take on some machines only). auto and nothing
 * are 106, its default on RoCE (ib_iface.c).
 */
void ct_told_ucx(struct ct_told_class *told);

/* NCCL_IB_TC of the environment, of NCCL_CONF_FILE or ~/.nccl.conf, of /etc/nccl.conf; nothing is 0, its default. */
void ct_told_nccl(struct ct_told_class *told);

#endif
