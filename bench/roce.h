/* SPDX-License-Identifier: BSD-3-Clause */
/* What colltune roce shows. */
#ifndef CT_BENCH_ROCE_H
#define CT_BENCH_ROCE_H

#include "advise/advise.h"

/* Recommended values with formula, inputs and source, then published profiles of that speed. */
void ct_roce_show(const struct ct_roce_advice *advice, struct ct_buf *out);

/* The same as JSON, schema colltune-roce/1; a new reference, NULL without memory. */
json_t *ct_roce_json(const struct ct_roce_advice *advice);

#endif
