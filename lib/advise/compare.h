/* SPDX-License-Identifier: BSD-3-Clause */
/* Two sets of results, point by point: part of the door of advise. Pure but for memory. */
#ifndef CT_ADVISE_COMPARE_H
#define CT_ADVISE_COMPARE_H

#include <jansson.h>

#include "advise.h"

enum { CT_SIDE_A, CT_SIDE_B, CT_SIDES };

/* One set of results. */
struct ct_compare_in {
	const char *name;		  /* as the user gave it, for messages */
	const char *state;		  /* of run.json; NULL = there is none */
	const struct ct_records *records; /* borrowed as long as the comparison lives */
	const char *candidate;		  /* NULL = see ct_comparison_make() */
};

/* What is compared: points of the two sides with the same are matched. */
struct ct_compare_key {
	ct_coll coll;
	ct_type type;
	ct_op op;
	uint32_t nranks, pairs; /* pairs: point-to-point */
	bool in_place;
	uint64_t bytes; /* the size column */
};

/* One candidate at one point on one side, all rounds. */
struct ct_compare_side {
	struct ct_compare_key key;
	struct ct_series series; /* round_ns is the comparison's */
	size_t candidate;	 /* index of it among the side's */
	/* Median of the rounds' medians and its 95 % order-statistic interval (least and most of
	 * fewer than 6 rounds); of one round alone: that round's own. */
	uint64_t median_ns, low_ns, high_ns;
	bool expected;
	uint64_t expected_ns;		/* median over the rounds that have one */
	double efficiency;		/* expected / measured */
	struct ct_counters counters;	/* summed over rounds */
	struct ct_port_counts ports;	/* the same; active and used: of the last round */
	uint64_t operations;		/* what they belong to: timed operations */
	bool again_told;		/* each round says what was sent again: */
	const double *round_again;	/* events, one for each round */
	const double *round_operations;
	bool oversubscribed, unchecked; /* in some round */
	const char *library, *path;
};

/* One point that both sides have. */
struct ct_compared {
	const struct ct_compare_side *side[CT_SIDES];
	struct ct_ratio ratio;	/* time of B / time of A, 95 % interval (0 … INFINITY: none) */
	double p, effect;	/* see struct ct_duel */
	bool wrong[CT_SIDES];	/* wrong data: then nothing is claimed about time */
	enum ct_compare result; /* of B against A */
};

/* A point that one side has alone. */
struct ct_compare_alone {
	int side;
	const struct ct_compare_side *point;
};

/* What the sides of one block had to send again: events of RDMA ports' retransmission counters and
 * TCP's segments, of all points of the block. */
struct ct_compare_loss {
	size_t first;	       /* the block's first point */
	bool told;	       /* both sides expose such counters */
	uint32_t rounds;       /* the fewer of both */
	double count[CT_SIDES], rate[CT_SIDES]; /* rate: events for each operation */
	double p;	       /* Mann-Whitney over rounds, Holm's correction over blocks */
	int side;	       /* that sends again significantly more; -1 = neither */
};

struct ct_comparison {
	struct ct_compare_in in[CT_SIDES];
	struct ct_compare_side *sides[CT_SIDES]; /* in the order of keys, candidate, size */
	size_t nsides[CT_SIDES];
	double *rounds[CT_SIDES];   /* storage of the series: times, events, operations */
	struct ct_compared *points; /* in the order of keys: sizes of one block follow each other */
	size_t npoints;
	struct ct_compare_alone *alone;
	size_t nalone;
	struct ct_compare_loss *losses; /* one for each block */
	size_t nlosses;
	json_t *warnings; /* array of texts: in what A and B differ besides */
	bool rivals; /* set by the caller: neither is the baseline, so the verdict's last word names
			 who wins where, not whether B is a regression */
};

/*
 * Matches the points of A and B and judges them, all of one collective as one family for Holm.
 * Candidates: where each side has exactly one for a collective, those two are compared, whatever
 * they are (a warning says when they differ); otherwise equal ones. A side's CANDIDATE
 * ("native/tcp", as ct_candidate_text() has it or its beginning) leaves only that one. Of several
 * records of one candidate, point and round the last counts (and a warning says so). Results that
 * say "unsupported" are left out with a warning. CT_INVALID: no or several candidates fit
 * CANDIDATE; CT_NOMEM. Free with ct_comparison_free(). */
ct_status ct_comparison_make(const struct ct_compare_in in[CT_SIDES],
			     struct ct_comparison *comparison);
void ct_comparison_free(struct ct_comparison *comparison);

/* Do points I and I + 1 belong to one block: same but for the size? */
bool ct_comparison_joined(const struct ct_comparison *c, size_t i);

/* Was some point measured with more ranks than processors? Then no time is judged: the end is at
 * most CT_COMPARE_END_OPEN, but for wrong data. */
bool ct_comparison_crowded(const struct ct_comparison *c);

/* What the whole says. Worst first: a point is where B has wrong data or is slower by more than
 * 5 %. */
enum ct_compare_end {
	CT_COMPARE_END_WORSE, /* some point is */
	CT_COMPARE_END_OPEN,  /* none is, but some are not resolved, or nothing could be compared */
	CT_COMPARE_END_GOOD,  /* every point is the same or faster */
};
enum ct_compare_end ct_comparison_end(const struct ct_comparison *c);

/* Is this point a regression of B: wrong data, or significantly slower with a ratio beyond 1.05? */
bool ct_compared_worse(const struct ct_compared *point);

/* "faster", "slower", "same", "not resolved", "inconclusive: 3 rounds, 8 needed", "wrong data in
 * B", "slower by less than 5 %". */
const char *ct_compared_text(const struct ct_compared *point, char out[64]);

/* "allreduce float sum, out of place, 2 ranks": the key without its size. */
const char *ct_compare_key_text(const struct ct_compare_key *key, char out[160]);

/* Its block: the key as above and the candidates; "…: native/shm default" or "…: A native/shm
 * default, B native/tcp default". */
const char *ct_compared_title(const struct ct_compared *point, char out[400]);

/* Where the winner changes within the block that begins at point FIRST: calls EACH with the last
 * point that one won and the first that the other won; points between are undecided. */
void ct_comparison_crossovers(const struct ct_comparison *c, size_t first,
			      void (*each)(void *arg, const struct ct_compared *from,
					   const struct ct_compared *to),
			      void *arg);

/* Counters of the block that begins at FIRST which differ notably: more than twofold per operation,
 * and at least 10 on the higher side. One line of text for OUT, or nothing. */
void ct_comparison_counters(const struct ct_comparison *c, size_t first, struct ct_buf *out);

/* Counters of the ports in the block that begins at FIRST, for 1000 operations, that are not 0 on both
 * sides; traffic is left out. "seq_naks A 0, B 12.3; …", or nothing. */
void ct_comparison_network(const struct ct_comparison *c, size_t first, struct ct_buf *out);

/* The sentence that names the block's lossy side with its figures, or says that there is none;
 * nothing where a side exposes no such counter. */
void ct_comparison_loss(const struct ct_comparison *c, size_t first, struct ct_buf *out);

/* One paragraph: which is faster, slower, the same over which sizes, and what is not resolved. */
void ct_comparison_verdict(const struct ct_comparison *c, struct ct_buf *out);

#endif
