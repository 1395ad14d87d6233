/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to coll: its rows, and what they share. */
#ifndef CT_COLL_NATIVE_H
#define CT_COLL_NATIVE_H

#include "coll.h"
#include "schedule.h"

extern const struct ct_coll_ops ct_coll_native, ct_coll_nccl, ct_coll_trace;

/* Wraps LIB so that its prepares and spans are written to PREFIX.<rank>. LIB is taken over on
 * CT_OK. CT_NOMEM, CT_IO. */
ct_status ct_trace_record(const char *prefix, const struct ct_world *world,
	struct ct_coll_lib *lib);

/* Sizes that every row must be able to hold; CT_INVALID names the fault. */
ct_status ct_desc_check(const struct ct_coll_desc *desc, uint32_t nranks);

#endif
