/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table of costs whose best answer is known, and searches on it: a virtual clock, noise added. Each test
 * program that includes this has one table of its own.
 */
#ifndef CT_TEST_TUNE_TABLE_H
#define CT_TEST_TUNE_TABLE_H

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "tune/tune.h"

enum { SIZES = 22, MOST = 64, SEARCHES = 10, FIRST_SEED = 7001, CALLS = 25, CALL_NS = 2000 };
#define COLD 1.5 /* the first call of a cell at a size */

/* A table of true times and what a run of the search saw of it. */
static struct table {
	struct ct_cell cells[MOST];
	size_t ncells;
	uint64_t sizes[SIZES];
	double ns[SIZES][MOST]; /* true medians */
	bool twin[SIZES][MOST]; /* the same as another cell at this size */
	bool illegal[SIZES][MOST], wrong[MOST];
	uint32_t is[SIZES];     /* what the default is; 0: nobody knows */
	size_t tried[SIZES][MOST];
	double noise;           /* spread of a sample's logarithm; where it is not the same everywhere: */
	double spread[SIZES][MOST];
	double apart[SIZES];    /* of a cell's time from one visit to the size to the next, on top of it; 0: none */
	double visit[MOST];     /* what they are, in this visit */
	struct ct_rng rng;
	bool warm[MOST];        /* at size WHERE: what is prepared is given up with the size */
	size_t where;
	double clock_ns, budget_ns;
	double late_ns;         /* of the clock, what the scheduler took */
} table;

static double uniform(void)
{
	return (double)(ct_rng_next(&table.rng) >> 11) / 9007199254740992.0;
}

/* Box and Muller. */
static double normal(void)
{
	return sqrt(-2 * log(uniform() + 1e-300)) * cos(2 * M_PI * uniform());
}

/* Log-normal, and now and then the scheduler takes its time. */
static double sample_of(size_t i, uint32_t c)
{
	double z = normal(), ns;

	z *= table.spread[i][c] > 0 ? table.spread[i][c] : table.noise;
	ns = table.ns[i][c] * (table.apart[i] > 0 ? table.visit[c] : 1) * exp(z);
	if (uniform() >= 0.02)
		return ns;
	table.late_ns += 4 * ns;
	return 5 * ns;
}

/* Times of this visit to size I. */
static void visit(size_t i)
{
	for (size_t c = 0; c < table.ncells && table.apart[i] > 0; c++)
		table.visit[c] = exp(table.apart[i] * normal());
}

static ct_status take(void *arg, struct ct_search_take *t)
{
	double begin = table.clock_ns;
	bool cold;

	(void)arg;
	if (table.where != t->size) {
		memset(table.warm, 0, sizeof(table.warm));
		visit(t->size);
	}
	table.where = t->size;
	for (uint32_t k = 0; k < t->n; k++) {
		uint32_t c = t->list[k];

		table.tried[t->size][c]++;
		t->status[k] = table.illegal[t->size][c] ? CT_UNSUPPORTED :
			t->verify[k] && table.wrong[c] ? CT_CORRUPT : CT_OK;
		if (t->status[k] == CT_UNSUPPORTED)
			continue;
		cold = !table.warm[c];
		if (t->verify[k] || (cold && !t->cold)) {
			table.clock_ns += (cold ? COLD : 1) * table.ns[t->size][c];
			cold = false;
		}
		table.warm[c] = true;
		for (uint32_t s = 0; s < t->samples; s++) {
			double ns = sample_of(t->size, c) * (cold && s == 0 ? COLD : 1);

			t->ns[(size_t)k * t->samples + s] = (uint64_t)ns;
			table.clock_ns += ns + CALL_NS;
		}
	}
	t->spent_ns = (uint64_t)(table.clock_ns - begin);
	return CT_OK;
}

static bool same(void *arg, uint32_t c, size_t i)
{
	(void)arg;
	return table.twin[i][c];
}

static uint32_t default_is(void *arg, size_t i)
{
	(void)arg;
	return table.is[i];
}

static ct_status search(uint64_t seed, double effort, struct ct_search *found)
{
	struct ct_search_in in = { .cells = table.cells, .ncells = table.ncells, .sizes = table.sizes,
		.nsizes = SIZES, .budget_ns = (uint64_t)table.budget_ns, .effort = effort, .take = take,
		.same = same, .default_is = default_is };

	table.rng = ct_rng_make(seed);
	table.clock_ns = table.late_ns = 0;
	memset(table.warm, 0, sizeof(table.warm));
	visit(table.where = 0);
	return ct_search_run(&in, found);
}

static double best_at(size_t i)
{
	double best = INFINITY;

	for (size_t c = 0; c < table.ncells; c++)
		if (!table.illegal[i][c] && !table.wrong[c])
			best = fmin(best, table.ns[i][c]);
	return best;
}

static double exhaustive(void)
{
	double sum = 0;

	for (size_t i = 0; i < SIZES; i++)
		for (size_t c = 0; c < table.ncells; c++)
			sum += table.illegal[i][c] ? 0 : CALLS * (table.ns[i][c] + CALL_NS);
	return sum;
}

struct outcome {
	double worst, mean;       /* loss as a factor */
	double cost, most_cost;   /* share of an exhaustive sweep: of all searches; of one, late samples apart: one
	                             of the largest size may take a whole search's share */
	double spread;            /* between searches, at one size */
	size_t unresolved, measured;
	size_t lies;              /* resolved, and not true */
	size_t far;               /* sizes and searches with a loss of more than 10 % */
	size_t apart;             /* sizes at which two of the searches choose what is more than 5 % apart */
};

/* Is what the search says of the default at size I true? That it loses nothing, or 5 % at most. */
static bool said_truly(const struct ct_search *found, size_t i)
{
	double loss = table.ns[i][0] / best_at(i);

	return ct_times(found, i, 0)->good ? loss <= 1.07 : loss >= 0.999;
}

/* SEARCHES searches with other noise; the true times of what they choose. */
static struct outcome outcome_of(double effort)
{
	struct outcome o = { .worst = 0 };
	double low[SIZES], high[SIZES] = { 0 };

	for (size_t i = 0; i < SIZES; i++)
		low[i] = INFINITY;
	for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEARCHES; seed++) {
		struct ct_search found;

		assert_int_equal(search(seed, effort, &found), CT_OK);
		for (size_t i = 0; i < SIZES; i++) {
			uint32_t c = ct_search_choice(&found, i);
			/* where its setting cannot run a rule is not followed */
			double ns = table.ns[i][table.illegal[i][c] ? 0 : c];

			o.worst = fmax(o.worst, ns / best_at(i));
			o.far += ns / best_at(i) > 1.1;
			o.mean += log(ns / best_at(i)) / (SIZES * SEARCHES);
			low[i] = fmin(low[i], ns);
			high[i] = fmax(high[i], ns);
			o.measured += found.measured[i];
			o.unresolved += found.measured[i] && !found.resolved[i];
			o.lies += found.measured[i] && found.resolved[i] && !said_truly(&found, i);
		}
		o.cost += (double)found.spent_ns / exhaustive() / SEARCHES;
		o.most_cost = fmax(o.most_cost, ((double)found.spent_ns - table.late_ns) / exhaustive());
		ct_search_free(&found);
	}
	for (size_t i = 0; i < SIZES; i++) {
		o.spread = fmax(o.spread, high[i] / low[i]);
		o.apart += high[i] > 1.05 * low[i];
	}
	o.mean = exp(o.mean);
	print_message("# worst loss %.1f %%, mean %.2f %%, searches differ by at most %.1f %% (beyond 5 %% at %zu sizes), cost %.2f %% "
		"(%.2f at most), %zu of %zu not resolved, %zu resolved and not true, %zu beyond 10 %%\n", (o.worst - 1) * 100,
		(o.mean - 1) * 100, (o.spread - 1) * 100, o.apart, o.cost * 100, o.most_cost * 100, o.unresolved,
		o.measured, o.lies, o.far);
	return o;
}

#endif
