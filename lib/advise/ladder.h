/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ladder: part of the door of advise. The same bytes between the same ranks, layer upon layer
 * (verbs, MPI messages, collectives); each rung is judged against the one it stands on, so that a
 * loss is put where it arises. Pure but for memory.
 */
#ifndef CT_ADVISE_LADDER_H
#define CT_ADVISE_LADDER_H

#include <stdbool.h>

#include "base/base.h"

enum ct_rung_result {
	CT_RUNG_MISSING,    /* not measured, see why */
	CT_RUNG_WRONG,      /* wrong data: its time does not count, nothing stands on it */
	CT_RUNG_ALONE,      /* nothing is known below it */
	CT_RUNG_FEW,        /* fewer than CT_LEAST_ROUNDS rounds: nothing is claimed */
	CT_RUNG_LOSS,       /* more than can be explained, significantly */
	CT_RUNG_SAME,       /* within 5 % of what can be explained */
	CT_RUNG_GAIN,       /* less than expected of it, significantly */
	CT_RUNG_UNRESOLVED, /* noise */
};

struct ct_rung {
	/* given */
	char name[64];	    /* "MPI point-to-point" */
	char why[160];	    /* not measured: why; "" = measured */
	int below;	    /* the rung that it stands on, smaller than its own index; -1 = the hardware */
	const double *cost; /* one per round, the i-th taken together with the i-th of the others: time,
			       or time per byte; borrowed */
	uint32_t rounds;
	double expected; /* the least cost that could be expected; 0 = not known */
	uint64_t wrong;	 /* elements */
	/* judged */
	double median, low, high; /* of the rounds; low and high: 95 % order statistics, or least and most */
	int against;		  /* the next measured rung below; -1 = what is expected of this one */
	double explained;	  /* expected / expected of that rung; 1 where one is not known */
	struct ct_ratio loss;	  /* cost / cost of that rung, in the same round; 95 % interval */
	struct ct_ratio unexplained; /* loss / explained */
	double p;		     /* signed-rank, Holm-adjusted over the ladder */
	enum ct_rung_result result;
};

enum ct_ladder_end {
	CT_LADDER_FOUND,   /* the largest unexplained loss lies at rung `worst` */
	CT_LADDER_CLEAN,   /* every rung is within 5 % of what can be explained, or better */
	CT_LADDER_WRONG,   /* wrong data at some rung */
	CT_LADDER_OPEN,	   /* too few rounds, too noisy, or nothing to compare */
	CT_LADDER_CROWDED, /* more ranks than processors: nothing is claimed about time */
};

struct ct_ladder {
	struct ct_rung *rungs;
	size_t n;
	bool oversubscribed;
	/* judged */
	int worst; /* rung of the largest unexplained loss, resolved or not; -1 = none */
	enum ct_ladder_end end;
	char sentence[720]; /* where the largest unexplained loss lies */
};

/*
 * Judges. Rounds of a rung and of the one below are paired: ratios are Hodges and Lehmann's of the
 * pairs, p is Wilcoxon's signed-rank test of the unexplained part against 1. A loss is claimed from
 * 8 rounds on, with p below 0.05 after Holm and the whole interval above 1, and not inside 5 %. The
 * first rung is held against what is expected of it: that loss has the model's error in it too.
 * CT_INVALID: `below` is not below; CT_NOMEM.
 */
ct_status ct_ladder_judge(struct ct_ladder *ladder);

/* "loss", "same", "gain", "not resolved", "missing", …: for tables and records. */
const char *ct_rung_text(enum ct_rung_result result);
const char *ct_ladder_end_text(enum ct_ladder_end end); /* "found", "clean", … */

#endif
