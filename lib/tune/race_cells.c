/* SPDX-License-Identifier: BSD-3-Clause */
/* Who takes part in a race: by what was measured at smaller sizes, by a model, and by knobs next to
 * the best. */
#include <math.h>

#include "race.h"

enum { MOVES = 3 };

static const double hopeless = 1.05, model_hopeless = 2, worth_knobs = 1.5, new_hope = 0.03, small_part = 12,
	much_slower = 2.5, far_off = 1.5, at_once = 0.25, always = 0.035, far_guess = 0.4;

/* The least that any cell is expected to take at size I, as a logarithm: its guess and one deviation. */
static double least_expected(const struct ct_race *run, size_t i)
{
	double least = INFINITY;

	for (uint32_t c = 0; c < run->in->ncells; c++) {
		struct ct_guess g = ct_race_guess(run, i, c);

		if (isfinite(g.se))
			least = fmin(least, g.log_ns + g.se / 2);
	}
	return least;
}

/* Over the fastest of all, as what is known of the sizes around lets expect, at best; 0: nothing is known.
 * LEAST: least_expected(). */
static double expected(const struct ct_race *run, size_t i, uint32_t cell, double least)
{
	struct ct_guess g = ct_race_guess(run, i, cell);

	/* a guess from afar says little */
	return isfinite(g.se) ? exp(g.log_ns - (g.se < far_guess ? g.se / 2 : far_off * g.se) - least) : 0;
}

/* Whom to try first: the fastest, and of two alike the one that is known less. */
static double hope(const struct ct_race *run, size_t i, uint32_t cell)
{
	struct ct_guess g = ct_race_guess(run, i, cell);

	return isfinite(g.se) ? g.log_ns - 0.3 * g.se : 0;
}

static bool pruned(struct ct_race *run, size_t i, uint32_t cell, double least, double least_model)
{
	struct ct_cell_times *t = ct_times(run->out, i, cell);
	double predicted = run->in->predict != NULL ? run->in->predict(run->in->arg, cell, i) : 0;
	double ahead = expected(run, i, cell, least);

	if (cell == 0 || t->n > 0)
		return false;
	/* what was measured weighs more than a model */
	if (!(ahead > hopeless) &&
		!(ahead == 0 && predicted > model_hopeless * least_model && least_model > 0))
		return false;
	t->state = CT_CELL_PRUNED;
	t->predicted = ahead > hopeless ? exp(ct_race_guess(run, i, cell).log_ns) : predicted;
	return true;
}

static double least_predicted(const struct ct_race *run, size_t i)
{
	double least = 0;

	for (uint32_t c = 1; run->in->predict != NULL && c < run->in->ncells; c++) {
		double p = run->in->predict(run->in->arg, c, i);

		if (p > 0 && (least == 0 || p < least))
			least = p;
	}
	return least;
}

bool ct_race_same(const struct ct_race *run, uint32_t cell, size_t i)
{
	return (cell != 0 && cell == run->is[i]) || (run->in->same != NULL && run->in->same(run->in->arg, cell, i));
}

/* The best cell of FAMILY at the nearest size that knows one, the smaller ones first; else its first. */
static uint32_t known_at(const struct ct_race *run, size_t i, uint32_t family)
{
	const struct ct_search *s = run->out;
	uint32_t first = 0, found = 0;

	for (size_t step = 0; step < s->nsizes && found == 0; step++) {
		size_t j = step <= i ? i - step : step;
		uint64_t least = UINT64_MAX;

		for (uint32_t c = (uint32_t)s->ncells; c-- > 1;) {
			const struct ct_cell_times *t = ct_times(s, j, c);

			if (run->in->cells[c].family != family)
				continue;
			first = c;
			if (t->n > 0 && ct_race_usable(t) && t->median < least) {
				least = t->median;
				found = c;
			}
		}
	}
	return found != 0 ? found : first;
}

/* The default and the best known cell of each family. */
void ct_race_put_known(const struct ct_race *run, size_t i, struct ct_race_list *list)
{
	ct_race_put(list, 0);
	for (uint32_t f = 1; f < run->nfamilies; f++)
		if (!ct_race_same(run, known_at(run, i, f), i))
			ct_race_put(list, known_at(run, i, f));
}

/* ---- knobs ---------------------------------------------------------------------------------- */

/* Do A and B differ in knob K at most? */
static bool along(const struct ct_cell *a, const struct ct_cell *b, uint32_t k)
{
	if (a->family != b->family || a->nknobs != b->nknobs)
		return false;
	for (uint32_t i = 0; i < a->nknobs; i++)
		if (i != k && a->at[i] != b->at[i])
			return false;
	return true;
}

/* Not tried at size I, and not known to be slow there. */
static bool hopeful(const struct ct_race *run, size_t i, uint32_t cell)
{
	return ct_times(run->out, i, cell)->state == CT_CELL_UNTRIED &&
		expected(run, i, cell, least_expected(run, i)) <= hopeless;
}

bool ct_race_next_to(const struct ct_race *run, size_t i, uint32_t a, uint32_t b)
{
	const struct ct_cell *from = &run->in->cells[a], *to = &run->in->cells[b];

	for (uint32_t k = 0; k < from->nknobs; k++) {
		bool between = false;

		if (!along(from, to, k) || from->at[k] == to->at[k])
			continue;
		for (uint32_t c = 1; c < run->in->ncells; c++) {
			uint8_t at = run->in->cells[c].at[k];

			between |= c != a && c != b && along(from, &run->in->cells[c], k) &&
				!ct_race_same(run, c, i) && (at > from->at[k]) == (to->at[k] > at) &&
				at != from->at[k] && at != to->at[k];
		}
		return !between;
	}
	return false;
}

/* Adds the neighbours of CELL at size I that are worth a try: the next values of each knob, up and down,
 * past those that would be the same as another there. */
static void put_neighbours(const struct ct_race *run, size_t i, uint32_t cell, struct ct_race_list *list)
{
	for (uint32_t c = 1; c < run->in->ncells; c++)
		if (!ct_race_same(run, c, i) && ct_race_next_to(run, i, cell, c) && hopeful(run, i, c))
			ct_race_put(list, c);
}

/* ---- whom to try first ------------------------------------------------------------------------ */

/* Cells in the order of what is expected of them, logarithms of ns. */
struct queue {
	struct ct_race_list list;
	double hope[CT_SEARCH_MOST_CELLS];
};

static void enqueue(struct queue *q, uint32_t cell, double hope)
{
	uint32_t k;

	for (k = q->list.n++; k > 0 && q->hope[k - 1] > hope; k--) {
		q->hope[k] = q->hope[k - 1];
		q->list.cell[k] = q->list.cell[k - 1];
	}
	q->hope[k] = hope;
	q->list.cell[k] = cell;
}

/* What is expected of CELL at size I: of who has never been tried, a little more than of the best that is
 * known of its family. */
static double expected_of(const struct ct_race *run, size_t i, uint32_t cell)
{
	uint32_t kin = known_at(run, i, run->in->cells[cell].family);

	if (isfinite(ct_race_guess(run, i, cell).se))
		return hope(run, i, cell);
	return isfinite(ct_race_guess(run, i, kin).se) ? hope(run, i, kin) - new_hope : 0;
}

/* All that are not hopeless. */
static void queue_up(struct ct_race *run, size_t i, struct queue *q)
{
	double least_model = least_predicted(run, i), least = least_expected(run, i);

	q->list.n = 0;
	for (uint32_t c = 1; c < run->in->ncells; c++)
		if (ct_race_usable(ct_times(run->out, i, c)) && !ct_race_same(run, c, i) &&
			!pruned(run, i, c, least, least_model))
			enqueue(q, c, expected_of(run, i, c));
}

uint32_t ct_race_first(const struct ct_race *run, size_t i)
{
	return ct_race_estimate(run, i, 0) > ct_race_long_ns ? 1 : 2;
}

/* All that run here, but for those that are several times slower at the sizes next to it. */
static void put_all(const struct ct_race *run, size_t i, struct ct_race_list *list)
{
	double least = least_expected(run, i);

	for (uint32_t c = 0; c < run->in->ncells; c++) {
		struct ct_guess g = ct_race_guess(run, i, c);
		bool slow = isfinite(g.se) && g.log_ns - far_off * g.se - least > log(much_slower);

		if (c == 0 || (ct_race_usable(ct_times(run->out, i, c)) && !ct_race_same(run, c, i) && !slow))
			ct_race_put(list, c);
	}
}

/* All sizes whose calls take so much less than those of the largest cost together, with a sample of every
 * cell, about a tenth of what a search may spend. */
static bool is_small(const struct ct_race *run, size_t i)
{
	return ct_race_estimate(run, i, 0) * small_part <= ct_race_estimate(run, run->in->nsizes - 1, 0);
}

/* All where a first look costs little: times are rough from size to size, and a guess may err. Else in the
 * order of what is expected, as far as a first look fits CAP; the default and the most hopeful one in any
 * case. */
void ct_race_choose(struct ct_race *run, size_t i, double cap, struct ct_race_list *list)
{
	struct ct_race_list tried = { .n = 0 };
	struct queue queue;
	double cost;

	list->n = 0;
	put_all(run, i, list);
	cost = ct_race_cost(run, i, list, ct_race_first(run, i));
	if (cost <= cap || (is_small(run, i) &&
		cost <= fmax(at_once * ct_race_left(run), always * (double)run->allowed_ns)))
		return;
	list->n = 0;
	queue_up(run, i, &queue);
	ct_race_put(list, 0);
	for (uint32_t k = 0; k < queue.list.n; k++) {
		ct_race_put(&tried, queue.list.cell[k]);
		/* the default is tried whatever it costs, and may be better than it looks from below */
		if (k > 0 && ct_race_cost(run, i, &tried, ct_race_first(run, i)) > cap)
			break;
		ct_race_put(list, queue.list.cell[k]);
	}
}

/* Families near the fastest at size I try the neighbours of their best cell, as long as that helps. */
ct_status ct_race_climb(struct ct_race *run, size_t i, double cap)
{
	double end = (double)run->out->spent_ns + cap;

	for (int move = 0; move < MOVES; move++) {
		double best = ct_race_guess(run, i, run->out->best[i]).log_ns;
		struct ct_race_list list = { .n = 0 };
		ct_status status;

		for (uint32_t f = 1; f < run->nfamilies; f++) {
			const struct ct_cell_times *t = ct_times(run->out, i, known_at(run, i, f));

			if (t->n > 0 && ct_race_usable(t) &&
				ct_race_guess(run, i, known_at(run, i, f)).log_ns <= best + log(worth_knobs))
				put_neighbours(run, i, known_at(run, i, f), &list);
		}
		if (list.n == 0 ||
			(double)run->out->spent_ns + ct_race_cost(run, i, &list, ct_race_first(run, i)) > end)
			break;
		ct_race_put(&list, run->out->best[i]);
		ct_race_put(&list, 0);
		status = ct_race_run(run, i, &list, end - (double)run->out->spent_ns);
		if (status != CT_OK)
			return status;
	}
	return CT_OK;
}
