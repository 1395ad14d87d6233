/* SPDX-License-Identifier: BSD-3-Clause */
/* Samples of cells, what they cost, and what they say of one size. See race.h. */
#include <math.h>
#include <string.h>

#include "race.h"

const uint32_t ct_race_rungs[CT_RACE_RUNGS] = { 1, 2, 4, 8, 16, 24 };
const double ct_race_not_worse = 1.05, ct_race_long_ns = 100000, ct_race_sure = 1.645;

static const double near_best = 0.02, interval = 0.9, hardly_known = 0.4, short_ns = 50000, as_good = 1.035;

void ct_race_put(struct ct_race_list *list, uint32_t cell)
{
	for (uint32_t k = 0; k < list->n; k++)
		if (list->cell[k] == cell)
			return;
	list->cell[list->n++] = cell;
}

bool ct_race_usable(const struct ct_cell_times *t)
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
static void add_time(struct ct_cell_times *t, uint64_t ns, bool cold, uint8_t visit)
{
	if (t->n == CT_SEARCH_MOST_SAMPLES) {
		memmove(t->ns, t->ns + 1, --t->n * sizeof(*t->ns));
		memmove(t->visit, t->visit + 1, t->n * sizeof(*t->visit));
		t->cold >>= 1;
	}
	t->cold &= ~(1ull << t->n);
	t->cold |= (uint64_t)cold << t->n;
	t->visit[t->n] = visit;
	t->ns[t->n++] = ns;
}

void ct_race_add_samples(struct ct_cell_times *to, const struct ct_cell_times *from)
{
	for (uint32_t k = 0; k < from->n; k++)
		add_time(to, from->ns[k], from->cold >> k & 1, from->visit[k]);
	if (to->n > 0)
		summarize(to);
}

/* COLD: the first of these was a first call. */
static void keep(struct ct_cell_times *t, const uint64_t *ns, uint32_t samples, ct_status status, bool cold,
	uint8_t visit)
{
	if (status != CT_OK) {
		t->state = status == CT_CORRUPT ? CT_CELL_WRONG : CT_CELL_ILLEGAL;
		return;
	}
	t->state = CT_CELL_ALIVE;
	for (uint32_t k = 0; k < samples; k++)
		add_time(t, ns[k], cold && k == 0, visit);
	summarize(t);
}

/* About how long one call of CELL takes at size I; where that is hardly known, as long as the default. */
double ct_race_estimate(const struct ct_race *run, size_t i, uint32_t cell)
{
	struct ct_guess g = ct_race_guess(run, i, cell);

	if (!(g.se < hardly_known))
		g = ct_race_guess(run, i, 0);
	return isfinite(g.se) ? exp(g.log_ns) : 0;
}

/* A cell's first call of all is always looked at; ALL: those of all the others too. */
static const bool *to_verify(struct ct_race *run, const struct ct_race_list *list, bool all)
{
	for (uint32_t k = 0; k < list->n; k++)
		run->verify[k] = all || !run->verified[list->cell[k]];
	return run->verify;
}

/* Wrong data at one size: nowhere is it to be chosen. */
static void condemn(struct ct_race *run, uint32_t cell)
{
	for (size_t i = 0; i < run->in->nsizes; i++)
		ct_times(run->out, i, cell)->state = CT_CELL_WRONG;
	ct_race_forget(run, cell);
}

/* ns of all calls; the WARM-UP call, too, is no part of what a cell costs besides. */
static double calls_of(const uint64_t *ns, uint32_t samples, bool warm_up)
{
	double sum = warm_up ? (double)ns[0] : 0;

	for (uint32_t m = 0; m < samples; m++)
		sum += (double)ns[m];
	return sum;
}

/* What the default is runs as the default. */
static struct ct_race_list to_run(const struct ct_race *run, size_t i, const struct ct_race_list *list)
{
	struct ct_race_list own = { .n = 0 };

	for (uint32_t k = 0; k < list->n; k++)
		ct_race_put(&own, list->cell[k] == run->is[i] ? 0 : list->cell[k]);
	return own;
}

/* Samples of CELL at size I; the default's are also those of what it is. */
static void keep_both(struct ct_race *run, size_t i, uint32_t cell, const uint64_t *ns, uint32_t samples,
	ct_status status, bool cold)
{
	keep(ct_times(run->out, i, cell), ns, samples, status, cold, run->visit[i]);
	if (cell == 0 && run->is[i] != 0)
		keep(ct_times(run->out, i, run->is[i]), ns, samples, status, cold, run->visit[i]);
	if (status == CT_CORRUPT)
		condemn(run, cell);
}

ct_status ct_race_take(struct ct_race *run, size_t i, const struct ct_race_list *asked, uint32_t samples,
	bool verify)
{
	const struct ct_race_list own = to_run(run, i, asked), *list = &own;
	struct ct_search_take t = { .size = i,
		.list = list->cell,
		.n = list->n,
		.samples = samples,
		.verify = to_verify(run, list, verify),
		.ns = run->ns,
		.status = run->status };
	double beside;
	uint32_t prepared = 0;
	ct_status status;

	if (list->n == 0)
		return CT_OK;
	t.cold = ct_race_estimate(run, i, 0) > ct_race_long_ns;
	status = run->in->take(run->in->arg, &t);
	if (status != CT_OK)
		return status;
	run->out->spent_ns += t.spent_ns;
	run->out->calls += (uint64_t)samples * list->n;
	beside = (double)t.spent_ns;
	if (run->where != i) {
		memset(run->ready, 0, sizeof(run->ready));
		run->visit[i]++;
	}
	run->where = i;
	for (uint32_t k = 0; k < list->n; k++) {
		bool new = !run->ready[list->cell[k]], cold = new && t.cold && !run->verify[k];

		run->ready[list->cell[k]] = true;
		run->verified[list->cell[k]] |= run->verify[k] && run->status[k] != CT_UNSUPPORTED;
		prepared += new;
		if (run->status[k] == CT_OK)
			beside -= calls_of(run->ns + (size_t)k * samples, samples, new && !cold);
		keep_both(run, i, list->cell[k], run->ns + (size_t)k * samples, samples, run->status[k], cold);
	}
	ct_race_levels(run, i);
	/* where calls are long the rest cannot be told from them */
	if (ct_race_estimate(run, i, 0) < short_ns) {
		run->beside_ns += beside;
		run->prepared += prepared;
	}
	return CT_OK;
}

/* What a cell at a size costs beside its samples. */
double ct_race_beside(const struct ct_race *run)
{
	return run->prepared > 0 ? fmax(0, run->beside_ns) / run->prepared : 0;
}

double ct_race_cost(const struct ct_race *run, size_t i, const struct ct_race_list *list, uint32_t samples)
{
	double sum = 0, each = ct_race_beside(run);
	double warm = ct_race_estimate(run, i, 0) > ct_race_long_ns ? 0.25 : 1;

	for (uint32_t k = 0; k < list->n; k++) {
		bool new = run->where != i || !run->ready[list->cell[k]];

		sum += each * new + ct_race_estimate(run, i, list->cell[k]) * (samples + new * warm);
	}
	return sum;
}

/* What may still be spent. */
double ct_race_left(const struct ct_race *run)
{
	return fmax(0, (double)run->allowed_ns - run->kept_ns - (double)run->out->spent_ns);
}

/* ---- judging one size ----------------------------------------------------------------------- */

struct ct_race_pair ct_race_pair_of(const struct ct_cell_times *a, const struct ct_cell_times *b)
{
	struct ct_race_pair pair = { .a = { 0 } };

	for (uint32_t k = 0; k < a->n; k++)
		pair.a[k] = (double)a->ns[k];
	for (uint32_t k = 0; k < b->n; k++)
		pair.b[k] = (double)b->ns[k];
	return pair;
}

struct ct_ratio ct_race_ratio(const struct ct_cell_times *a, const struct ct_cell_times *b)
{
	struct ct_race_pair pair = ct_race_pair_of(a, b);

	return ct_ratio_interval(pair.a, a->n, pair.b, b->n, 0.95);
}

bool ct_race_slower(const struct ct_race *run, size_t i, uint32_t a, uint32_t b)
{
	struct ct_guess x = ct_race_guess(run, i, a), y = ct_race_guess(run, i, b);

	return isfinite(x.se) && isfinite(y.se) &&
		x.log_ns - y.log_ns > ct_race_sure * hypot(x.se, y.se);
}

/* The default's loss to the fastest of the others is surely one, or surely none that matters. */
static bool known(const struct ct_race *run, size_t i, uint32_t other)
{
	struct ct_guess own = ct_race_guess(run, i, 0), best = ct_race_guess(run, i, other);
	double d = own.log_ns - best.log_ns, se = hypot(own.se, best.se);

	return d > ct_race_sure * se || d + ct_race_sure * se <= log(ct_race_not_worse);
}

/* Has CELL samples at size I or next to it? */
static bool seen(const struct ct_race *run, size_t i, uint32_t cell)
{
	return ct_times(run->out, i, cell)->counted > 0 || (i > 0 && ct_times(run->out, i - 1, cell)->counted > 0) ||
		(i + 1 < run->out->nsizes && ct_times(run->out, i + 1, cell)->counted > 0);
}

/* The fastest at size I, CELL apart; CELL if there is no other. */
static uint32_t fastest_but(const struct ct_race *run, size_t i, uint32_t cell)
{
	double least = INFINITY;
	uint32_t best = cell;

	for (uint32_t c = 0; c < run->out->ncells; c++) {
		const struct ct_cell_times *t = ct_times(run->out, i, c);
		struct ct_guess g;

		if (c == cell || (c != 0 && c == run->is[i]) || !ct_race_usable(t) || !seen(run, i, c) ||
			(t->counted == 0 && ct_race_same(run, c, i)))
			continue;
		g = ct_race_guess(run, i, c);
		/* of two alike the one that is known better; without samples here only who surely is faster */
		g.log_ns += t->counted > 0 ? g.se / 4 : g.se + near_best;
		if ((t->counted > 0 || g.se < hardly_known) && g.log_ns < least) {
			least = g.log_ns;
			best = c;
		}
	}
	return best;
}

/* The default, by D behind the fastest, stays until its loss is plain. */
static bool default_will_do(const struct ct_race *run, size_t i, uint32_t cell, double d)
{
	return (cell == 0 || cell == run->is[i]) && d <= log(ct_race_not_worse) &&
		!ct_race_slower(run, i, 0, run->out->best[i]);
}

/* Which cell is fastest at size I, which cannot be told from it, and is the default's loss known? */
void ct_race_judge(struct ct_race *run, size_t i)
{
	struct ct_search *s = run->out;
	struct ct_guess best;
	uint32_t other;

	s->best[i] = fastest_but(run, i, UINT32_MAX);
	if (s->best[i] == UINT32_MAX) {
		s->best[i] = 0;
		return;
	}
	best = ct_race_guess(run, i, s->best[i]);
	for (uint32_t c = 0; c < s->ncells; c++) {
		struct ct_cell_times *t = ct_times(s, i, c);
		struct ct_guess g = ct_race_guess(run, i, c);
		double d = g.log_ns - best.log_ns;

		t->pooled = g.log_ns;
		t->good = c == s->best[i] || (ct_race_usable(t) && (t->counted > 0 ||
			(g.se < hardly_known / 6 && seen(run, i, c) && !ct_race_same(run, c, i))) && (d <= near_best ||
			d + hypot(g.se, best.se) <= log(as_good) ||
			default_will_do(run, i, c, d)));
	}
	s->measured[i] = true;
	other = s->best[i] != 0 ? s->best[i] : fastest_but(run, i, 0);
	s->resolved[i] = other == 0 || known(run, i, other);
}
