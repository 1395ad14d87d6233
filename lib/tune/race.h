/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of the search share: a race of some cells at one size. race_samples.c takes samples and
 * judges them, race.c lets cells leave, race_cells.c says who takes part, race_check.c checks what was
 * chosen; search.c goes through the sizes. No function here reads a clock; all belong to one thread.
 */
#ifndef CT_TUNE_RACE_H
#define CT_TUNE_RACE_H

#include "search.h"

enum { CT_RACE_RUNGS = 6 };
extern const uint32_t ct_race_rungs[CT_RACE_RUNGS]; /* samples that a cell has after each round */

/* Choices so near are one; a call so long is not spent on small differences. */
extern const double ct_race_not_worse, ct_race_long_ns;
extern const double ct_race_sure; /* deviations to one side: 95 % */

/* Logarithm of ns, and its standard error: INFINITY where nothing is known. */
struct ct_guess {
	double log_ns, se;
};

struct ct_race {
	const struct ct_search_in *in;
	struct ct_search *out;
	uint64_t *ns;
	ct_status *status;
	uint32_t nfamilies;
	uint64_t allowed_ns;  /* share of the effort, at most the budget */
	double kept_ns;       /* of it, for what comes later */
	double noise[CT_SEARCH_MOST_SIZES]; /* spread of a sample's logarithm, one after the other */
	double apart[CT_SEARCH_MOST_SIZES]; /* of a cell's from one visit to the size to the next, beside the others' */
	uint8_t visit[CT_SEARCH_MOST_SIZES];
	uint32_t is[CT_SEARCH_MOST_SIZES]; /* the cell that the default is; 0: not known */
	bool broken[CT_SEARCH_MOST_SIZES]; /* no line goes from the size below to this one */
	double rough;         /* of a cell's time beside the others' from size to size: logarithms */
	/* how much longer a first call takes, and the spread of that: logarithms */
	double first_call, first_call_spread;
	size_t where;         /* size at which cells are prepared; moving on gives them up */
	bool ready[CT_SEARCH_MOST_CELLS], verified[CT_SEARCH_MOST_CELLS], verify[CT_SEARCH_MOST_CELLS];
	double beside_ns;     /* preparing, meeting and telling: so far, beside the samples themselves */
	uint32_t prepared;    /* cells at sizes that were prepared for it */
	struct ct_guess *alone; /* [size][cell], what race_guess.c has computed and is still true: */
	bool *computed;
	size_t at[CT_SEARCH_MOST_SIZES]; /* anchors, ascending */
	size_t nat;
};

/* Cells of one race, each once. */
struct ct_race_list {
	uint32_t cell[CT_SEARCH_MOST_CELLS];
	uint32_t n;
};

/* Samples of two cells, ns. */
struct ct_race_pair {
	double a[CT_SEARCH_MOST_SAMPLES], b[CT_SEARCH_MOST_SAMPLES];
};

/* Adds CELL unless it is there. */
void ct_race_put(struct ct_race_list *list, uint32_t cell);

/* It runs here, and its data are right. */
bool ct_race_usable(const struct ct_cell_times *t);

/* ---- samples: race_samples.c ------------------------------------------------------------------ */

/* SAMPLES of each cell of LIST at size index I, into the search's times; VERIFY their data. What
 * TAKE says. */
ct_status ct_race_take(struct ct_race *run, size_t i, const struct ct_race_list *list, uint32_t samples,
	bool verify);

/* The samples of FROM behind those of TO; beyond the room the oldest make place. */
void ct_race_add_samples(struct ct_cell_times *to, const struct ct_cell_times *from);

/* ns, all of them expected: one call of CELL at size I (0: nothing is known); SAMPLES of LIST there with
 * their preparation; what a cell at a size costs beside its samples; what may still be spent. */
double ct_race_estimate(const struct ct_race *run, size_t i, uint32_t cell);
double ct_race_cost(const struct ct_race *run, size_t i, const struct ct_race_list *list, uint32_t samples);
double ct_race_beside(const struct ct_race *run);
double ct_race_left(const struct ct_race *run);

/* Surely slower: by the guesses, where there are some, at size I. */
bool ct_race_slower(const struct ct_race *run, size_t i, uint32_t a, uint32_t b);

struct ct_race_pair ct_race_pair_of(const struct ct_cell_times *a, const struct ct_cell_times *b);
struct ct_ratio ct_race_ratio(const struct ct_cell_times *a, const struct ct_cell_times *b);

/* Which cell is fastest at size I, which cannot be told from it, and is the default's loss known? */
void ct_race_judge(struct ct_race *run, size_t i);

/* ---- what the samples say: race_levels.c -------------------------------------------------------- */

/* The levels and the noise of size I, after samples were taken there. */
void ct_race_levels(struct ct_race *run, size_t i);

/* Learns how far apart two visits to a size are. When all cells that matter were there twice: who was sent back for
 * being fast comes back slower by chance alone. */
void ct_race_visits(struct ct_race *run);

/* Learns from all sizes how rough times are from size to size, and how long first calls take. */
void ct_race_common(struct ct_race *run);

/* ---- what a call takes: race_guess.c ------------------------------------------------------------ */

struct ct_guess ct_race_guess(const struct ct_race *run, size_t i, uint32_t cell);

/* By its own samples alone, here and at other sizes, whatever the other cells do. */
struct ct_guess ct_race_line(const struct ct_race *run, size_t i, uint32_t cell);

/* What was computed of CELL is no longer true. */
void ct_race_forget(struct ct_race *run, uint32_t cell);

/* One sample of each cell of LIST at size I. One that took much longer than was expected of it, beside what
 * all took, may have been late by some other cause: it gets another, and a third. What TAKE says. */
ct_status ct_race_look(struct ct_race *run, size_t i, const struct ct_race_list *list);

/* ---- one race: race.c --------------------------------------------------------------------------- */

/* Brings the cells of LIST up to the rungs' samples, fewer cells at each rung; CAP ns may be spent, the
 * first few samples apart. What TAKE says. */
ct_status ct_race_run(struct ct_race *run, size_t i, struct ct_race_list *list, double cap);

/* ---- who takes part: race_cells.c --------------------------------------------------------------- */

/* The best cell of FAMILY at the nearest size that knows one, the smaller ones first; else its first. */
void ct_race_put_known(const struct ct_race *run, size_t i, struct ct_race_list *list);

/* Samples of a first look at size I: two, of long calls one. */
uint32_t ct_race_first(const struct ct_race *run, size_t i);

/* Whom to try first at size I, for CAP ns. */
void ct_race_choose(struct ct_race *run, size_t i, double cap, struct ct_race_list *list);

/* Families near the fastest at size I try the neighbours of their best cell, as long as that helps and CAP
 * ns last. What TAKE says. */
ct_status ct_race_climb(struct ct_race *run, size_t i, double cap);

/* Are A and B settings of one algorithm that differ in one knob, with no other that differs between them
 * at size I? */
bool ct_race_next_to(const struct ct_race *run, size_t i, uint32_t a, uint32_t b);

/* Is CELL the same as another at size I, or what the default is there? */
bool ct_race_same(const struct ct_race *run, uint32_t cell, size_t i);

/* ---- where it matters: race_refine.c; and then: race_widen.c ------------------------------------ */

/* Samples of the fastest and of those that may be faster, at the sizes where most may be lost by not
 * knowing, as long as what is left lasts. What TAKE says. */
ct_status ct_race_refine(struct ct_race *run);

/* Samples of cells of which there are few, as long as what is left lasts. What TAKE says. */
ct_status ct_race_widen(struct ct_race *run);

/* A second visit to each size where that costs next to nothing. What TAKE says. */
ct_status ct_race_return(struct ct_race *run);

/* ---- what was chosen: race_check.c -------------------------------------------------------------- */

/* Each stretch's cell against the default on fresh samples; without a gain the default stays. What TAKE
 * says. */
ct_status ct_race_check(struct ct_race *run);

#endif
