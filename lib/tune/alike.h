/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Are some cells equally fast at a size? Fresh samples of all of them, in turns, block after block, until
 * the intervals of their ratios say so, or say that they are not. It reads no clock and knows no library,
 * as search.h.
 */
#ifndef CT_TUNE_ALIKE_H
#define CT_TUNE_ALIKE_H

#include <stdbool.h>

#include "base/base.h"

enum { CT_ALIKE_CELLS = 16, CT_ALIKE_BLOCKS = 160 };

enum ct_alike_word {
	CT_ALIKE_OPEN,       /* not resolved */
	CT_ALIKE_EQUIVALENT, /* the interval of every pair's ratio lies within 0.95 to 1.05 */
	CT_ALIKE_DIFFERS,    /* that of one pair lies wholly outside (with ORDER: on one side of 1) */
};

/* The cells that are compared at one size. */
struct ct_alike {
	uint32_t cell[CT_ALIKE_CELLS]; /* distinct; one that turns out not to run becomes cell 0, the default */
	uint32_t n;
	bool order; /* which of them is faster is asked, not whether by more than 5 % */
	/* ---- answer */
	double block[CT_ALIKE_CELLS][CT_ALIKE_BLOCKS]; /* median of the samples of a block, ns */
	uint32_t blocks;
	enum ct_alike_word word;
	enum ct_alike_word slower[CT_ALIKE_CELLS]; /* each beside the fastest: differs = surely over 5 % slower */
	struct ct_ratio ratio; /* cell[0] / cell[1] with two cells; else of the two furthest apart, from 1 up */
};

struct ct_alike_in {
	struct ct_alike *set;
	size_t nsets;
	uint64_t budget_ns; /* of all sets; what is open then stays open */
	/* A block of samples of set I's cells, freshly prepared: NS[k] their median, 0 = this cell cannot run
	 * here. *SPENT_NS: how long it took; the same on all ranks. */
	ct_status (*take)(void *arg, size_t i, const struct ct_alike *set, uint64_t *ns, uint64_t *spent_ns);
	/* Collective: V[i] becomes the greatest of all ranks. NULL: there is one rank. */
	ct_status (*agree)(void *arg, int64_t *v, size_t n);
	void *arg;
};

/*
 * Takes blocks of all sets in turns until each is resolved, has CT_ALIKE_BLOCKS blocks, or the budget is
 * spent. Looks at 9, 14, 21, 32, 48, 72, 108 and 160 blocks, each time with intervals of 99.5 %, so that all
 * looks together hold at least 96 %. A set of one cell is equivalent without samples. What TAKE and
 * AGREE say.
 */
ct_status ct_alike_run(const struct ct_alike_in *in);

/* Adds CELL unless it is there, or there are CT_ALIKE_CELLS. */
void ct_alike_add(struct ct_alike *set, uint32_t cell);

/* For people: "equivalent", "faster", "slower" (cell[1] beside cell[0]), "differs" or "not resolved". */
const char *ct_alike_text(const struct ct_alike *set);

#endif
