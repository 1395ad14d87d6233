/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The search itself: which cell (an algorithm with its knobs) is fastest at which size, with few
 * samples. It reads no clock and knows no library: who calls supplies the samples and what they cost,
 * so that the same search runs on a table of costs. Given the same answers it takes the same steps: on
 * all ranks, since they all get the same samples.
 */
#ifndef CT_TUNE_SEARCH_H
#define CT_TUNE_SEARCH_H

#include <stdbool.h>

#include "base/base.h"

enum { CT_SEARCH_KNOBS = 4, CT_SEARCH_MOST_SIZES = 64, CT_SEARCH_MOST_CELLS = 256,
	CT_SEARCH_MOST_SAMPLES = 64 };

/* One legal setting. Cell 0 is the default. Cells of one family differ in their knobs only. */
struct ct_cell {
	uint32_t family;
	uint32_t nknobs;
	uint8_t at[CT_SEARCH_KNOBS]; /* rank of each knob's value among its values */
	uint8_t of[CT_SEARCH_KNOBS]; /* how many values it has */
};

/* What became of a cell at a size. */
enum ct_cell_state {
	CT_CELL_UNTRIED,
	CT_CELL_PRUNED,  /* not tried: a model or smaller sizes say that it cannot win */
	CT_CELL_ILLEGAL, /* the library cannot run it, or would run another */
	CT_CELL_WRONG,   /* wrong data: never chosen */
	CT_CELL_DROPPED, /* tried, and left behind */
	CT_CELL_ALIVE,   /* took part until the end */
};

struct ct_cell_times {
	uint64_t ns[CT_SEARCH_MOST_SAMPLES]; /* in the order taken */
	uint32_t n;
	uint64_t cold;    /* bit k: sample k was a first call */
	uint8_t visit[CT_SEARCH_MOST_SAMPLES]; /* of sample k: which visit to the size, counted modulo 256 */
	enum ct_cell_state state;
	bool good;        /* not distinguishable from the fastest */
	double level;     /* mean logarithm of the samples, ns, late ones apart; of how many: */
	uint32_t counted;
	double weight;    /* so many samples, first calls and those of one visit counting for less */
	double pooled;    /* the same of the sizes next to it too, race_guess.c; where COUNTED is not 0 */
	double predicted; /* ns; 0 = no prediction was made; what pruned it */
	uint64_t median, low, high; /* of ns; 0 when n is 0 */
};

/* What the search asks for. */
struct ct_search_take {
	size_t size;          /* index of the size */
	const uint32_t *list; /* cells */
	uint32_t n, samples;  /* samples of each of the N cells, in turns */
	bool cold;            /* calls are long: no warm-up call, the first one is a sample, where none is verified */
	const bool *verify;   /* [n]: compare the data of the cell's next call, which is no sample */
	uint64_t *ns;         /* answer: [n][samples] */
	ct_status *status;    /* answer: [n] CT_OK, CT_UNSUPPORTED or CT_CORRUPT */
	uint64_t spent_ns;    /* answer: how long all of it took, preparation included */
};

struct ct_search_in {
	const struct ct_cell *cells;
	size_t ncells;
	const uint64_t *sizes; /* ascending */
	size_t nsizes;
	uint64_t budget_ns;
	double effort; /* most share of what an exhaustive sweep would take (25 calls of each cell at
	                  each size), as estimated from the first calls; 0 = 0.052 */
	uint64_t already_ns; /* spent on this search before it began: links, predictions */
	uint64_t least_ns; /* what may be spent whatever the effort: a sweep so short is not worth sparing */
	ct_status (*take)(void *arg, struct ct_search_take *take);
	/* Collective: do all ranks have what they need? NULL: there is one rank. */
	ct_status (*agree)(void *arg, ct_status mine);
	/* Is cell C at size I the same as another cell there, so that it need not be tried? NULL: none */
	bool (*same)(void *arg, uint32_t c, size_t i);
	/* The cell that the default is at size I: never tried there, since its times are the default's; 0: not
	 * known. NULL: nowhere */
	uint32_t (*default_is)(void *arg, size_t i);
	/* Predicted ns of cell C at size I; 0 = cannot say. NULL: there is no model. */
	double (*predict)(void *arg, uint32_t c, size_t i);
	void *arg;
};

/* One stretch of sizes with one choice. */
struct ct_stretch {
	size_t first, last;   /* indices of sizes, both inclusive */
	uint32_t cell;        /* 0: the default, no rule */
	double gain, low, high; /* default's time / this cell's, of fresh samples; 95 % */
	double p, effect;       /* of these samples: Mann-Whitney */
	uint32_t samples;     /* of each in the check; 0 = not checked */
	size_t checked_at;    /* index of the size */
	bool guessed;         /* its beginning was not found by bisection */
};

struct ct_search {
	size_t ncells, nsizes;
	struct ct_cell_times *times;                 /* [size][cell] */
	bool measured[CT_SEARCH_MOST_SIZES];
	/* The default surely loses, or surely loses at most 5 %, each said with 95 % confidence (of the times
	 * at this size and those next to it, race_guess.c). */
	bool resolved[CT_SEARCH_MOST_SIZES];
	uint32_t best[CT_SEARCH_MOST_SIZES];         /* of measured sizes */
	struct ct_stretch stretch[CT_SEARCH_MOST_SIZES];
	size_t nstretches;
	uint64_t spent_ns, exhaustive_ns; /* the second is an estimate */
	uint64_t calls;                   /* samples taken */
	bool short_of_budget;
};

/* Runs the search; free with ct_search_free(), also after an error. CT_INVALID (no cell, no size, too
 * many, or a budget in which not one sample of each could be taken), CT_NOMEM, what TAKE says. */
ct_status ct_search_run(const struct ct_search_in *in, struct ct_search *out);
void ct_search_free(struct ct_search *search);

/* The cell that the stretches choose at size index I. */
uint32_t ct_search_choice(const struct ct_search *search, size_t i);

static inline struct ct_cell_times *ct_times(const struct ct_search *s, size_t i, uint32_t cell)
{
	return &s->times[i * s->ncells + cell];
}

/* cover.c: the fewest stretches that lose nothing beyond noise, from what was measured. Pure. */
void ct_search_cover(struct ct_search *s);

#endif
