/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to coll. */
#ifndef CT_COLL_VERIFY_H
#define CT_COLL_VERIFY_H

#include "coll.h"

/* Writes the right result of DESC to its recv buffer: for rows that move no data. */
void ct_verify_result(const struct ct_coll_desc *desc, uint32_t rank, uint32_t nranks,
	uint64_t seed);

#endif
