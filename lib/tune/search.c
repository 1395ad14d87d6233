/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Successive halving at a few sizes, bisection between those whose winners differ, a check of what
 * was chosen on fresh samples. Small sizes come first: they cost next to nothing and say which cells
 * need not be tried at large ones, where nearly all of the time goes.
 */
#include <math.h>
#include <string.h>

#include "search.h"

enum { FIRST = 3, RUNGS = 4, CALLS = 25 /* of a cell at a size in an exhaustive sweep */ };
enum { MOVES = 3, CHECK = 8, CHECK_MOST = 24 };

static const uint32_t rungs[RUNGS] = { FIRST, 6, 12, 24 };
static const double near_best = 1.02, not_worse = 1.05, hopeless = 1.25, model_hopeless = 2,
	worth_knobs = 1.25, interval = 0.9, small_part = 0.03;
static const double long_ns = 500000; /* a call that needs no other to warm it up */

struct run {
	const struct ct_search_in *in;
	struct ct_search *out;
	uint64_t *ns;
	ct_status *status;
	uint32_t nfamilies;
	uint64_t allowed_ns;  /* share of the effort, at most the budget */
	double beside_ns;     /* preparing, meeting and telling: so far, beside the samples themselves */
	uint32_t prepared;    /* cells at sizes that were prepared for it */
	size_t at[CT_SEARCH_MOST_SIZES]; /* anchors, ascending */
	size_t nat;
};

/* Cells of one race. */
struct list {
	uint32_t cell[CT_SEARCH_MOST_CELLS];
	uint32_t n;
};

static void put(struct list *list, uint32_t cell)
{
	for (uint32_t k = 0; k < list->n; k++)
		if (list->cell[k] == cell)
			return;
	list->cell[list->n++] = cell;
}

static bool usable(const struct ct_cell_times *t)
{
	return t->state != CT_CELL_ILLEGAL && t->state != CT_CELL_WRONG;
}

/* ---- samples -------------------------------------------------------------------------------- */

static void summarize(struct ct_cell_times *t)
{
	uint64_t sorted[CT_SEARCH_MOST_SAMPLES];
	size_t low, high;

	memcpy(sorted, t->ns, t->n * sizeof(*sorted));
	ct_sort_u64(sorted, t->n);
	(void)ct_median_interval(t->n, interval, &low, &high);
	t->median = ct_median(sorted, t->n);
	t->low = sorted[low];
	t->high = sorted[high];
	t->median += t->median == 0;
}

/* Beyond the room the oldest make place. */
static void add_times(struct ct_cell_times *t, const uint64_t *ns, uint32_t samples)
{
	for (uint32_t k = 0; k < samples; k++) {
		if (t->n == CT_SEARCH_MOST_SAMPLES)
			memmove(t->ns, t->ns + 1, --t->n * sizeof(*t->ns));
		t->ns[t->n++] = ns[k];
	}
	if (t->n > 0)
		summarize(t);
}

static void add_samples(struct ct_cell_times *to, const struct ct_cell_times *from)
{
	add_times(to, from->ns, from->n);
}

static void keep(struct ct_cell_times *t, const uint64_t *ns, uint32_t samples, ct_status status)
{
	if (status != CT_OK) {
		t->state = status == CT_CORRUPT ? CT_CELL_WRONG : CT_CELL_ILLEGAL;
		return;
	}
	t->state = CT_CELL_ALIVE;
	add_times(t, ns, samples);
}

/* About how long one call of CELL takes at size I: from what was measured at the nearest smaller size,
 * as if time grew with the bytes; else as long as the default. */
static double estimate(const struct run *run, size_t i, uint32_t cell)
{
	const struct ct_search *s = run->out;

	for (uint32_t c = cell;; c = 0) {
		for (size_t j = i + 1; j-- > 0;)
			if (ct_times(s, j, c)->n > 0)
				return (double)ct_times(s, j, c)->median * (double)run->in->sizes[i] /
					(double)run->in->sizes[j];
		if (c == 0)
			break;
	}
	return 0;
}

static ct_status take(struct run *run, size_t i, const struct list *list, uint32_t samples,
	bool verify)
{
	struct ct_search_take t = { .size = i, .list = list->cell, .n = list->n, .samples = samples,
		.verify = verify, .cold = estimate(run, i, 0) > long_ns, .ns = run->ns, .status = run->status };
	ct_status status;

	if (list->n == 0)
		return CT_OK;
	status = run->in->take(run->in->arg, &t);
	if (status != CT_OK)
		return status;
	run->out->spent_ns += t.spent_ns;
	run->out->calls += (uint64_t)samples * list->n;
	run->beside_ns += (double)t.spent_ns;
	for (uint32_t k = 0; k < list->n; k++) {
		run->prepared += ct_times(run->out, i, list->cell[k])->n == 0;
		for (uint32_t m = 0; m < samples && run->status[k] == CT_OK; m++)
			run->beside_ns -= (double)run->ns[(size_t)k * samples + m];
		keep(ct_times(run->out, i, list->cell[k]), run->ns + (size_t)k * samples, samples,
			run->status[k]);
	}
	return CT_OK;
}

/* What a cell at a size costs beside its samples. */
static double beside(const struct run *run)
{
	return run->prepared > 0 ? fmax(0, run->beside_ns) / run->prepared : 0;
}

static double cost(const struct run *run, size_t i, const struct list *list, uint32_t samples)
{
	double sum = 0, each = beside(run);

	for (uint32_t k = 0; k < list->n; k++)
		sum += each * (ct_times(run->out, i, list->cell[k])->n == 0) + estimate(run, i, list->cell[k]) *
			(samples + (ct_times(run->out, i, list->cell[k])->n == 0 &&
				estimate(run, i, 0) <= long_ns));
	return sum;
}

/* What may still be spent. */
static double left(const struct run *run)
{
	return run->out->spent_ns < run->allowed_ns ?
		(double)(run->allowed_ns - run->out->spent_ns) : 0;
}

/* ---- judging one size ----------------------------------------------------------------------- */

struct pair {
	double a[CT_SEARCH_MOST_SAMPLES], b[CT_SEARCH_MOST_SAMPLES];
};

static struct pair pair_of(const struct ct_cell_times *a, const struct ct_cell_times *b)
{
	struct pair pair = { .a = { 0 } };

	for (uint32_t k = 0; k < a->n; k++)
		pair.a[k] = (double)a->ns[k];
	for (uint32_t k = 0; k < b->n; k++)
		pair.b[k] = (double)b->ns[k];
	return pair;
}

static struct ct_ratio ratio_of(const struct ct_cell_times *a, const struct ct_cell_times *b)
{
	struct pair pair = pair_of(a, b);

	return ct_ratio_interval(pair.a, a->n, pair.b, b->n, 0.95);
}

/* Surely slower: the interval of the ratio where there are samples enough for one, else no overlap. */
static bool slower(const struct ct_cell_times *a, const struct ct_cell_times *best)
{
	struct ct_ratio r = ratio_of(a, best);

	return r.low > 0 ? r.low > 1 : a->low > best->high;
}

/* Which cell is fastest at size I, which cannot be told from it, and is the default's loss known? */
static void judge(struct run *run, size_t i)
{
	struct ct_search *s = run->out;
	const struct ct_cell_times *best = NULL, *own = ct_times(s, i, 0);
	struct ct_ratio r;

	for (uint32_t c = 0; c < s->ncells; c++) {
		const struct ct_cell_times *t = ct_times(s, i, c);

		if (t->state == CT_CELL_ALIVE && (best == NULL || t->median < best->median)) {
			best = t;
			s->best[i] = c;
		}
	}
	if (best == NULL)
		return;
	for (uint32_t c = 0; c < s->ncells; c++) {
		struct ct_cell_times *t = ct_times(s, i, c);
		double ratio = (double)t->median / (double)best->median;

		t->good = t->n > 1 && usable(t) &&
			(t == best || ratio <= near_best || (ratio <= not_worse && !slower(t, best)));
	}
	s->measured[i] = true;
	r = ratio_of(own, best);
	s->resolved[i] = own == best || slower(own, best) || r.high <= not_worse;
}

/* ---- a race --------------------------------------------------------------------------------- */

static const struct ct_cell_times *fastest(const struct run *run, size_t i, const struct list *list)
{
	const struct ct_cell_times *best = NULL;

	for (uint32_t k = 0; k < list->n; k++) {
		const struct ct_cell_times *t = ct_times(run->out, i, list->cell[k]);

		if (t->state == CT_CELL_ALIVE && (best == NULL || t->median < best->median))
			best = t;
	}
	return best;
}

/* Cells whose interval lies above the fastest's leave, and then the slower half. The default stays until
 * its loss is plain. */
static void halve(struct run *run, size_t i, struct list *list)
{
	const struct ct_cell_times *best = fastest(run, i, list);
	uint32_t most = list->n > 4 ? (list->n + 1) / 2 : list->n, n = 0;

	if (best == NULL) {
		list->n = 0;
		return;
	}
	for (uint32_t k = 0; k < list->n; k++) {
		struct ct_cell_times *t = ct_times(run->out, i, list->cell[k]);
		uint32_t faster = 0;
		bool plain = t->low > best->high;
		bool far = plain && (t->n >= rungs[1] || t->median > 1.5 * (double)best->median);

		for (uint32_t j = 0; j < list->n; j++) {
			const struct ct_cell_times *u = ct_times(run->out, i, list->cell[j]);

			faster += usable(u) && u->n > 0 && u->median < t->median;
		}
		if (!usable(t))
			continue;
		if (list->cell[k] == 0 ? far : plain || faster >= most)
			t->state = CT_CELL_DROPPED;
		else
			list->cell[n++] = list->cell[k];
	}
	list->n = n;
	/* who was left behind is so for good, but the default is judged all the same */
	if (ct_times(run->out, i, 0)->state == CT_CELL_DROPPED)
		ct_times(run->out, i, 0)->state = CT_CELL_ALIVE;
}

/* Is what is left in the race within a few percent of BEST? Long calls are not spent on such differences. */
static bool all_near(const struct run *run, size_t i, const struct list *list,
	const struct ct_cell_times *best)
{
	for (uint32_t k = 0; k < list->n; k++)
		if (list->cell[k] != 0 && (double)ct_times(run->out, i, list->cell[k])->median >
			not_worse * not_worse * (double)best->median)
			return false;
	return true;
}

/* The fastest is alone, or the default will do, and either is known; or there is no more to gain. */
static bool decided(const struct run *run, size_t i, const struct list *list,
	const struct ct_cell_times *best, uint32_t rung)
{
	if (run->out->resolved[i] && (list->n <= 1 || (rung > 0 && ct_times(run->out, i, 0)->good)))
		return true;
	return rung > 0 && estimate(run, i, 0) > long_ns && all_near(run, i, list, best);
}

/* The least samples that a cell of LIST has at size I; BEHIND: those with fewer than ENOUGH. */
static uint32_t least_samples(const struct run *run, size_t i, const struct list *list, uint32_t enough,
	struct list *behind)
{
	uint32_t have = enough;

	for (uint32_t k = 0; k < list->n; k++) {
		uint32_t n = ct_times(run->out, i, list->cell[k])->n;

		if (n < enough)
			put(behind, list->cell[k]);
		if (n < have)
			have = n;
	}
	return have;
}

/* Brings the cells of LIST up to RUNGS samples, fewer at each rung; CAP ns may be spent, the first few
 * samples apart. */
static ct_status race(struct run *run, size_t i, struct list *list, double cap)
{
	double end = (double)run->out->spent_ns + cap;
	ct_status status = CT_OK;

	for (uint32_t rung = 0; rung < RUNGS && list->n > 0; rung++) {
		struct list behind = { .n = 0 };
		uint32_t have = least_samples(run, i, list, rungs[rung], &behind);
		const struct ct_cell_times *best;

		if (behind.n == 0)
			continue;
		if (have > 0 && (double)run->out->spent_ns + cost(run, i, &behind, rungs[rung] - have) > end)
			break;
		status = take(run, i, &behind, rungs[rung] - have, false);
		if (status != CT_OK)
			return status;
		halve(run, i, list);
		best = fastest(run, i, list);
		judge(run, i);
		if (best == NULL || decided(run, i, list, best, rung))
			break;
	}
	judge(run, i);
	return CT_OK;
}

/* ---- whom to try at a size ------------------------------------------------------------------ */

/* Time of CELL at size I over that of the fastest, as the last two measured sizes let expect; 0 where
 * one of them does not know it. The more hopeful of what was and of the trend. */
static double outlook(const struct run *run, size_t i, uint32_t cell)
{
	const struct ct_search *s = run->out;
	double ratio[2], at[2];
	int n = 0;

	for (size_t j = i; j-- > 0 && n < 2;) {
		const struct ct_cell_times *t = ct_times(s, j, cell);

		if (!s->measured[j])
			continue;
		if (t->n == 0)
			return 0;
		ratio[n] = (double)t->median / (double)ct_times(s, j, s->best[j])->median;
		at[n++] = log((double)run->in->sizes[j]);
	}
	if (n < 2)
		return 0;
	return fmin(ratio[0], ratio[0] * pow(ratio[0] / ratio[1],
		(log((double)run->in->sizes[i]) - at[0]) / (at[0] - at[1])));
}

/* The same where less is known: as at the nearest smaller size that knows it; 0 where none does. */
static double expected(const struct run *run, size_t i, uint32_t cell)
{
	const struct ct_search *s = run->out;
	double ahead = outlook(run, i, cell);

	for (size_t j = i; j-- > 0 && ahead == 0;)
		if (s->measured[j] && ct_times(s, j, cell)->n > 0)
			ahead = (double)ct_times(s, j, cell)->median /
				(double)ct_times(s, j, s->best[j])->median;
	return ahead;
}

static bool pruned(struct run *run, size_t i, uint32_t cell, double least)
{
	struct ct_cell_times *t = ct_times(run->out, i, cell);
	double predicted = run->in->predict != NULL ? run->in->predict(run->in->arg, cell, i) : 0;
	double ahead = expected(run, i, cell);

	if (cell == 0 || t->n > 0)
		return false;
	/* what was measured weighs more than a model */
	if (!(ahead > hopeless) && !(ahead == 0 && predicted > model_hopeless * least && least > 0))
		return false;
	t->state = CT_CELL_PRUNED;
	t->predicted = ahead > hopeless ? ahead * estimate(run, i, run->out->best[i > 0 ? i - 1 : 0]) :
		predicted;
	return true;
}

static double least_predicted(const struct run *run, size_t i)
{
	double least = 0;

	for (uint32_t c = 1; run->in->predict != NULL && c < run->in->ncells; c++) {
		double p = run->in->predict(run->in->arg, c, i);

		if (p > 0 && (least == 0 || p < least))
			least = p;
	}
	return least;
}

static bool same(const struct run *run, uint32_t cell, size_t i)
{
	return run->in->same != NULL && run->in->same(run->in->arg, cell, i);
}

/* The best cell of FAMILY at the nearest size that knows one, the smaller ones first; else its first. */
static uint32_t known_at(const struct run *run, size_t i, uint32_t family)
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
			if (t->n > 0 && usable(t) && t->median < least) {
				least = t->median;
				found = c;
			}
		}
	}
	return found != 0 ? found : first;
}

/* The default and the best known cell of each family. */
static void put_known(const struct run *run, size_t i, struct list *list)
{
	put(list, 0);
	for (uint32_t f = 1; f < run->nfamilies; f++)
		if (!same(run, known_at(run, i, f), i))
			put(list, known_at(run, i, f));
}

/* The best known cell of each family: all of them where a first look costs little, which is when the
 * ranking is known least; else those that are not hopeless, in the order of what is expected, as far as
 * a first look at them fits CAP; the default and the most hopeful one in any case. */
static void choose(struct run *run, size_t i, double cap, struct list *list)
{
	double least = least_predicted(run, i), ratio[CT_SEARCH_MOST_CELLS];
	struct list all = { .n = 0 }, tried = { .n = 0 };

	list->n = 0;
	put_known(run, i, list);
	if (cost(run, i, list, FIRST) <= cap / 2)
		return;
	for (uint32_t f = 1; f < run->nfamilies; f++) {
		uint32_t cell = known_at(run, i, f);
		double ahead;
		uint32_t k;

		if (same(run, cell, i) || pruned(run, i, cell, least))
			continue;
		ahead = expected(run, i, cell);
		for (k = all.n++; k > 0 && ratio[k - 1] > ahead; k--) {
			ratio[k] = ratio[k - 1];
			all.cell[k] = all.cell[k - 1];
		}
		ratio[k] = ahead;
		all.cell[k] = cell;
	}
	list->n = 0;
	put(list, 0);
	for (uint32_t k = 0; k < all.n; k++) {
		put(list, all.cell[k]);
		put(&tried, all.cell[k]);
		/* the default is tried whatever it costs, and may be better than it looks from below */
		if (k > 0 && cost(run, i, &tried, FIRST) > cap) {
			list->n--;
			break;
		}
	}
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

/* Adds the untried neighbours of CELL at size I: the next values of each knob, up and down, past those
 * that would be the same as another there. */
static void put_neighbours(const struct run *run, size_t i, uint32_t cell, struct list *list)
{
	const struct ct_cell *own = &run->in->cells[cell];

	for (uint32_t k = 0; k < own->nknobs; k++) {
		uint32_t up = 0, down = 0; /* cell 0 has no knob that could be next to another's */

		for (uint32_t c = 1; c < run->in->ncells; c++) {
			const struct ct_cell *other = &run->in->cells[c];

			if (!along(own, other, k) || same(run, c, i))
				continue;
			if (other->at[k] > own->at[k] && (up == 0 || other->at[k] < run->in->cells[up].at[k]))
				up = c;
			if (other->at[k] < own->at[k] &&
				(down == 0 || other->at[k] > run->in->cells[down].at[k]))
				down = c;
		}
		if (up > 0 && ct_times(run->out, i, up)->state == CT_CELL_UNTRIED)
			put(list, up);
		if (down > 0 && ct_times(run->out, i, down)->state == CT_CELL_UNTRIED)
			put(list, down);
	}
}

/* Families near the fastest at size I try the neighbours of their best cell, as long as that helps. */
static ct_status climb(struct run *run, size_t i, double cap)
{
	double end = (double)run->out->spent_ns + cap;

	for (int move = 0; move < MOVES; move++) {
		double best = (double)ct_times(run->out, i, run->out->best[i])->median;
		struct list list = { .n = 0 };
		ct_status status;

		for (uint32_t f = 1; f < run->nfamilies; f++) {
			const struct ct_cell_times *t = ct_times(run->out, i, known_at(run, i, f));

			if (t->n > 0 && usable(t) && (double)t->median <= worth_knobs * best)
				put_neighbours(run, i, known_at(run, i, f), &list);
		}
		if (list.n == 0 || (double)run->out->spent_ns + cost(run, i, &list, FIRST) > end)
			break;
		put(&list, run->out->best[i]);
		put(&list, 0);
		status = race(run, i, &list, end - (double)run->out->spent_ns);
		if (status != CT_OK)
			return status;
	}
	return CT_OK;
}

/* ---- sizes ---------------------------------------------------------------------------------- */

/* Closer together where time goes: steps of three, four, five … from the largest down. */
static void choose_anchors(struct run *run)
{
	size_t n = run->in->nsizes, step = 3, list[CT_SEARCH_MOST_SIZES], k = 0;

	for (size_t i = n - 1;; i -= step, step += step < 5) {
		list[k++] = i;
		if (i <= step)
			break;
	}
	if (list[k - 1] > 0)
		list[k++] = 0;
	while (k > 0)
		run->at[run->nat++] = list[--k];
}

/* One call of the default, at the smallest size and at a large one but for a few steps, tells about what
 * an exhaustive sweep would take. */
static ct_status probe(struct run *run)
{
	const struct ct_search_in *in = run->in;
	struct list own = { .cell = { 0 }, .n = 1 };
	size_t last = in->nsizes - 1, large = run->nat > 1 ? run->at[run->nat - 2] : last;
	double low, high, sum = 0, effort = in->effort > 0 ? in->effort : 0.036;
	ct_status status = take(run, 0, &own, 1, false);

	if (status == CT_OK && large > 0)
		status = take(run, large, &own, 1, false);
	if (status != CT_OK)
		return status;
	low = (double)ct_times(run->out, 0, 0)->median;
	high = fmax(low, (double)ct_times(run->out, large, 0)->median);
	for (size_t i = 0; i <= last; i++)
		sum += low + (high - low) * (double)in->sizes[i] / (double)in->sizes[large];
	sum = (sum * CALLS + beside(run) * (double)in->nsizes) * (double)in->ncells;
	run->out->exhaustive_ns = (uint64_t)sum;
	/* the default may be slow there: carefully at first */
	run->allowed_ns = (uint64_t)(effort * sum * 0.6);
	if (run->allowed_ns < run->in->least_ns)
		run->allowed_ns = run->in->least_ns;
	if (run->allowed_ns > in->budget_ns)
		run->allowed_ns = in->budget_ns;
	if (run->out->spent_ns > in->budget_ns)
		return ct_fail(CT_INVALID, "a budget of %.3g s is too small: the first calls of the "
			"default alone took %.3g s", (double)in->budget_ns / 1e9,
			(double)run->out->spent_ns / 1e9);
	return CT_OK;
}

/* Mean time of what was tried at size I, or at the nearest size where anything was, as if time grew with
 * the bytes above. */
static double mean_at(const struct run *run, size_t i)
{
	const struct ct_search *s = run->out;
	double sum = 0, n = 0;
	size_t j = i;

	while (!s->measured[j] && j > 0)
		j--;
	while (!s->measured[j] && j + 1 < s->nsizes)
		j++;
	for (uint32_t c = 0; c < s->ncells; c++) {
		sum += (double)ct_times(s, j, c)->median;
		n += ct_times(s, j, c)->n > 0;
	}
	return sum / fmax(1, n) * (j < i ? (double)run->in->sizes[i] / (double)run->in->sizes[j] : 1);
}

/* The sweep's time as it is known by now, and with it what may be spent. */
static void allow(struct run *run)
{
	double effort = run->in->effort > 0 ? run->in->effort : 0.036, sum = 0;

	for (size_t i = 0; i < run->in->nsizes; i++)
		sum += mean_at(run, i) * CALLS * (double)run->in->ncells;
	sum += beside(run) * (double)(run->in->ncells * run->in->nsizes);
	run->out->exhaustive_ns = (uint64_t)sum;
	run->allowed_ns = (uint64_t)(effort * sum);
	if (run->allowed_ns < run->in->least_ns)
		run->allowed_ns = run->in->least_ns;
	if (run->allowed_ns > run->in->budget_ns)
		run->allowed_ns = run->in->budget_ns;
}

static bool agree(const struct ct_search *s, size_t i, size_t j)
{
	for (uint32_t c = 0; c < s->ncells; c++)
		if (ct_times(s, i, c)->good && ct_times(s, j, c)->good)
			return true;
	return false;
}

/* Cells that are good at size J, at most N, the fastest first. */
static void put_good(const struct run *run, size_t j, uint32_t n, struct list *list)
{
	const struct ct_search *s = run->out;

	put(list, s->best[j]);
	for (uint32_t c = 1; c < s->ncells && n > 1; c++)
		if (ct_times(s, j, c)->good && c != s->best[j]) {
			put(list, c);
			n--;
		}
}

/* Sizes between I and J are measured as long as the ends have no choice in common. */
static ct_status bisect(struct run *run, size_t i, size_t j)
{
	while (j - i > 1 && !agree(run->out, i, j)) {
		size_t middle = i + (j - i) / 2;
		struct list list = { .n = 0 };
		ct_status status;

		if (left(run) <= 0) {
			run->out->short_of_budget = true;
			return CT_OK;
		}
		put_known(run, middle, &list);
		if (cost(run, middle, &list, rungs[1]) > left(run) * small_part)
			list.n = 1;
		put_good(run, i, 2, &list);
		put_good(run, j, 2, &list);
		status = race(run, middle, &list, left(run) * 0.35);
		if (status != CT_OK)
			return status;
		if (!run->out->measured[middle])
			return CT_OK;
		/* the half below by itself, then on with the one above */
		status = bisect(run, i, middle);
		if (status != CT_OK)
			return status;
		i = middle;
	}
	return CT_OK;
}

/* The unmeasured size in the middle of the widest gap whose measuring costs next to nothing; SIZE_MAX if
 * there is none. LIST: whom to try there. */
static size_t cheap_gap(const struct run *run, struct list *list)
{
	const struct ct_search *s = run->out;
	size_t widest = 0, at = SIZE_MAX;

	for (size_t i = 0, j; i + 1 < s->nsizes; i = j) {
		struct list all = { .n = 0 };

		for (j = i + 1; j + 1 < s->nsizes && !s->measured[j]; j++)
			;
		if (!s->measured[i] || !s->measured[j] || j - i <= (widest > 1 ? widest : 1))
			continue;
		put_known(run, i + (j - i) / 2, &all);
		if (cost(run, i + (j - i) / 2, &all, rungs[1]) > left(run) * small_part)
			continue;
		*list = all;
		widest = j - i;
		at = i + widest / 2;
	}
	return at;
}

/* Small sizes cost so little that all of them can be measured: a third cell may win between two sizes
 * whose winners agree. */
static ct_status fill(struct run *run)
{
	for (size_t done = 0; done < run->in->nsizes; done++) {
		struct list list = { .n = 0 };
		size_t i = cheap_gap(run, &list);
		ct_status status;

		if (i == SIZE_MAX)
			break;
		status = race(run, i, &list, left(run) * 2 * small_part);
		if (status == CT_OK && run->out->measured[i])
			status = climb(run, i, left(run) * small_part);
		if (status != CT_OK || !run->out->measured[i])
			return status;
	}
	return CT_OK;
}

static ct_status anchors(struct run *run)
{
	size_t before = SIZE_MAX;

	for (size_t k = 0; k < run->nat; k++) {
		size_t i = run->at[k];
		double cap = left(run) * (k + 1 == run->nat ? 0.45 : 0.3);
		struct list list;
		ct_status status;

		if (left(run) <= 0 && k > 0) {
			run->out->short_of_budget = true;
			return CT_OK;
		}
		choose(run, i, cap, &list);
		status = race(run, i, &list, cap);
		if (status != CT_OK)
			return status;
		if (!run->out->measured[i])
			continue;
		status = climb(run, i, k + 1 == run->nat ? left(run) * 0.6 : cap / 2);
		if (status != CT_OK)
			return status;
		/* what is below costs less than what comes */
		if (before != SIZE_MAX)
			status = bisect(run, before, i);
		if (status == CT_OK)
			status = fill(run);
		if (status != CT_OK)
			return status;
		before = i;
		/* times that grow with the bytes can be told from large sizes only */
		if (k + 2 >= run->nat)
			allow(run);
	}
	return CT_OK;
}

/* ---- check of what was chosen --------------------------------------------------------------- */

/* May SAMPLES of LIST be taken for a check, when little is left? */
static bool affordable(const struct run *run, size_t i, const struct list *list, uint32_t samples)
{
	return cost(run, i, list, samples) <= fmax(left(run), (double)run->allowed_ns / 50);
}

/* Where STRETCH is to be checked: the measured size at which the default seems to lose most, of those
 * that can be afforded. */
static size_t check_at(const struct run *run, const struct ct_stretch *stretch)
{
	const struct ct_search *s = run->out;
	struct list list = { .cell = { 0, stretch->cell }, .n = 2 };
	size_t at = SIZE_MAX;
	double most = 0;

	for (size_t i = stretch->first; i <= stretch->last; i++) {
		const struct ct_cell_times *own = ct_times(s, i, 0), *new = ct_times(s, i, stretch->cell);
		double ratio = new->n > 0 ? (double)own->median / (double)new->median : 0;

		if (!s->measured[i] || ratio <= most || own->n == 0 ||
			(at != SIZE_MAX && cost(run, i, &list, CHECK) >
				fmax(left(run) / 3, (double)run->allowed_ns / 100)))
			continue;
		most = ratio;
		at = i;
	}
	return at != SIZE_MAX ? at : stretch->first;
}

/* Fresh samples of the default and of CELL at size I in place of those that were there, until the ratio
 * is known or time is up. */
static ct_status refresh(struct run *run, size_t i, uint32_t cell)
{
	struct ct_cell_times *own = ct_times(run->out, i, 0), *new = ct_times(run->out, i, cell);
	struct list list = { .cell = { 0, cell }, .n = 2 };
	ct_status status = CT_OK;

	own->n = new->n = 0;
	while (status == CT_OK && new->n < CHECK_MOST && usable(new) && usable(own)) {
		uint32_t more = new->n == 0 && affordable(run, i, &list, CHECK) ? CHECK : CHECK / 2;
		struct ct_ratio r;

		if (new->n > 0 && cost(run, i, &list, more) > left(run))
			break;
		status = take(run, i, &list, more, new->n == 0);
		r = ratio_of(own, new);
		if (r.low > 1 || r.high < not_worse)
			break;
	}
	return status;
}

/* Is a rule worth it? A gain that is sure on fresh samples, or on them and those before together; or,
 * where there was no time for fresh ones, one that is likely: such a size is counted as not resolved. */
static bool worth(const struct ct_cell_times *own, const struct ct_cell_times *new,
	const struct ct_cell_times *fresh_own, const struct ct_cell_times *fresh_new, bool fresh)
{
	struct ct_cell_times all[2] = { *fresh_own, *fresh_new };
	double ratio = (double)own->median / (double)new->median;

	if (!fresh)
		return slower(own, new) || ratio > not_worse;
	if (ratio_of(fresh_own, fresh_new).low > 1)
		return true;
	add_samples(&all[0], own);
	add_samples(&all[1], new);
	return (double)all[0].median > not_worse * (double)all[1].median && slower(&all[0], &all[1]);
}

/* Without a gain the default stays. */
static ct_status check(struct run *run, struct ct_stretch *stretch)
{
	size_t i = check_at(run, stretch);
	struct ct_cell_times *own = ct_times(run->out, i, 0);
	struct ct_cell_times *new = ct_times(run->out, i, stretch->cell);
	const struct ct_cell_times before[2] = { *own, *new };
	const struct list list = { .cell = { 0, stretch->cell }, .n = 2 };
	bool fresh = run->out->spent_ns < run->in->budget_ns && affordable(run, i, &list, CHECK / 2);
	ct_status status = fresh ? refresh(run, i, stretch->cell) : CT_OK;
	struct ct_ratio r = ratio_of(own, new);
	struct pair pair = pair_of(own, new);
	struct ct_mwu test = ct_mann_whitney(pair.a, own->n, pair.b, new->n);

	stretch->gain = r.ratio;
	stretch->low = r.low;
	stretch->high = r.high;
	stretch->p = test.p;
	stretch->effect = test.effect;
	stretch->samples = fresh ? new->n : 0;
	stretch->checked_at = i;
	run->out->resolved[i] = r.low > 1 || r.high <= not_worse;
	if (!usable(new) || !worth(&before[0], &before[1], own, new, fresh))
		stretch->cell = 0;
	if (own->n == 0)
		*own = before[0];
	if (new->n == 0 && usable(new))
		*new = before[1];
	return status;
}

/* Neighbours with the same choice become one. */
static void merge(struct ct_search *s)
{
	size_t n = 0;

	for (size_t k = 0; k < s->nstretches; k++) {
		if (n > 0 && s->stretch[n - 1].cell == s->stretch[k].cell)
			s->stretch[n - 1].last = s->stretch[k].last;
		else
			s->stretch[n++] = s->stretch[k];
	}
	s->nstretches = n;
}

static ct_status check_all(struct run *run)
{
	struct ct_search *s = run->out;
	ct_status status = CT_OK;

	for (size_t k = 0; k < s->nstretches && status == CT_OK; k++)
		if (s->stretch[k].cell != 0)
			status = check(run, &s->stretch[k]);
	merge(s);
	return status;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static ct_status check_in(const struct ct_search_in *in)
{
	if (in->ncells == 0 || in->nsizes == 0 || in->ncells > CT_SEARCH_MOST_CELLS ||
		in->nsizes > CT_SEARCH_MOST_SIZES)
		return ct_fail(CT_INVALID, "a search over %zu settings and %zu sizes: 1 to %d and 1 to %d",
			in->ncells, in->nsizes, CT_SEARCH_MOST_CELLS, CT_SEARCH_MOST_SIZES);
	for (size_t i = 1; i < in->nsizes; i++)
		if (in->sizes[i] <= in->sizes[i - 1])
			return ct_fail(CT_INVALID, "the sizes of a search do not ascend");
	return CT_OK;
}

static ct_status begin(struct run *run)
{
	const struct ct_search_in *in = run->in;
	struct ct_search *s = run->out;

	s->ncells = in->ncells;
	s->nsizes = in->nsizes;
	s->times = ct_alloc(in->ncells * in->nsizes, sizeof(*s->times));
	run->ns = ct_alloc(in->ncells * CT_SEARCH_MOST_SAMPLES, sizeof(*run->ns));
	run->status = ct_alloc(in->ncells, sizeof(*run->status));
	for (size_t c = 0; c < in->ncells; c++)
		if (in->cells[c].family >= run->nfamilies)
			run->nfamilies = in->cells[c].family + 1;
	if (s->times == NULL || run->ns == NULL || run->status == NULL)
		return CT_NOMEM;
	choose_anchors(run);
	return CT_OK;
}

ct_status ct_search_run(const struct ct_search_in *in, struct ct_search *out)
{
	struct run run = { .in = in, .out = out };
	ct_status status = check_in(in);

	memset(out, 0, sizeof(*out));
	if (status == CT_OK)
		status = begin(&run);
	if (in->agree != NULL)
		status = in->agree(in->arg, status);
	if (status == CT_OK)
		status = probe(&run);
	if (status == CT_OK)
		status = anchors(&run);
	if (status == CT_OK) {
		ct_search_cover(out);
		status = check_all(&run);
	}
	ct_free(run.status);
	ct_free(run.ns);
	return status;
}

void ct_search_free(struct ct_search *search)
{
	ct_free(search->times);
	search->times = NULL;
}

uint32_t ct_search_choice(const struct ct_search *search, size_t i)
{
	for (size_t k = 0; k < search->nstretches; k++)
		if (search->stretch[k].first <= i && i <= search->stretch[k].last)
			return search->stretch[k].cell;
	return 0;
}
