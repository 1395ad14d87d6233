/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to coll: the lines of a trace, which trace_record.c writes and trace.c reads. */
#ifndef CT_COLL_TRACE_H
#define CT_COLL_TRACE_H

#include "coll.h"

#define CT_TRACE_SCHEMA "colltune-coll-trace/1"

/* New references, or NULL without memory: the first line of each opening; what a prepare was
 * for. */
json_t *ct_trace_head(const char *backend, const struct ct_world *world,
	const struct ct_coll_caps *caps);
json_t *ct_trace_desc(const struct ct_coll_desc *desc);

#endif
