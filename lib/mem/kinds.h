/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside mem: the rows that mem.c lists. */
#ifndef CT_MEM_KINDS_H
#define CT_MEM_KINDS_H

#include "mem.h"

extern const struct ct_mem_ops ct_mem_host, ct_mem_huge, ct_mem_cuda;

#endif
