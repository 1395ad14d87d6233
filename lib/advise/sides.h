/* SPDX-License-Identifier: BSD-3-Clause */
/* One side of a comparison: from records to series. Private to advise. */
#ifndef CT_ADVISE_SIDES_H
#define CT_ADVISE_SIDES_H

#include "advise.h"

/* The distinct candidates of one side's results, in the order in which they appear. */
struct ct_compare_cast {
	const struct ct_candidate **list; /* into the records; room for each result */
	size_t n;
};

/* Fills side SIDE of C: its points in the order of keys. CAST is freed with ct_free(cast->list).
 * Only candidate ONLY is kept if that is not NULL. *TWICE counts records that a later one
 * replaced. CT_NOMEM. */
ct_status ct_compare_gather(struct ct_comparison *c, int side, const struct ct_candidate *only,
			    size_t *twice);

/* Every distinct candidate of RECORDS that measured something. CT_NOMEM. */
ct_status ct_compare_cast_make(const struct ct_records *records, struct ct_compare_cast *cast);

/* Order of keys: collective, type, operation, ranks, pairs, placement; then bytes if BYTES. */
int ct_compare_key_order(const struct ct_compare_key *a, const struct ct_compare_key *b,
			 bool bytes);

/* What R had to send again, and whether anything could have told so. */
uint64_t ct_compare_again(const struct ct_result *r);
bool ct_compare_again_told(const struct ct_result *r);

/* Fills the losses of C, whose points are there. CT_NOMEM. */
ct_status ct_compare_losses(struct ct_comparison *c);

/* Adds one warning, cleaned. CT_NOMEM. */
ct_status ct_compare_warn(struct ct_comparison *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds what the environments and the points of A and B say about differences in set-up. CT_NOMEM.
 */
ct_status ct_compare_differ(struct ct_comparison *c);

#endif
