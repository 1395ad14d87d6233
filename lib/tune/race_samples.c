/* SPDX-License-Identifier: BSD-3-Clause */
/* Samples of cells, what they cost, and what they say of one size. See race.h. */
#include <math.h>
#include <string.h>

#include "race.h"

const uint32_t ct_race_rungs[CT_RACE_RUNGS] = { CT_RACE_FIRST, 6, 12, 24 };
const double ct_race_not_worse = 1.05, ct_race_long_ns = 500000;

static const double near_best = 1.02, interval = 0.9;

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

void ct_race_add_samples(struct ct_cell_times *to, const struct ct_cell_times *from)
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
double ct_race_estimate(const struct ct_race *run, size_t i, uint32_t cell)
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

ct_status ct_race_take(struct ct_race *run, size_t i, const struct ct_race_list *list, uint32_t samples,
	bool verify)
{
	struct ct_search_take t = { .size = i,
		.list = list->cell,
		.n = list->n,
		.samples = samples,
		.verify = verify,
		.cold = ct_race_estimate(run, i, 0) > ct_race_long_ns,
		.ns = run->ns,
		.status = run->status };
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
double ct_race_beside(const struct ct_race *run)
{
	return run->prepared > 0 ? fmax(0, run->beside_ns) / run->prepared : 0;
}

double ct_race_cost(const struct ct_race *run, size_t i, const struct ct_race_list *list, uint32_t samples)
{
	double sum = 0, each = ct_race_beside(run);

	for (uint32_t k = 0; k < list->n; k++)
		sum += each * (ct_times(run->out, i, list->cell[k])->n == 0) +
			ct_race_estimate(run, i, list->cell[k]) *
			(samples + (ct_times(run->out, i, list->cell[k])->n == 0 &&
			ct_race_estimate(run, i, 0) <= ct_race_long_ns));
	return sum;
}

/* What may still be spent. */
double ct_race_left(const struct ct_race *run)
{
	return run->out->spent_ns < run->allowed_ns ?
		(double)(run->allowed_ns - run->out->spent_ns) : 0;
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

/* Surely slower: the interval of the ratio where there are samples enough for one, else no overlap. */
bool ct_race_slower(const struct ct_cell_times *a, const struct ct_cell_times *best)
{
	struct ct_ratio r = ct_race_ratio(a, best);

	return r.low > 0 ? r.low > 1 : a->low > best->high;
}

/* Which cell is fastest at size I, which cannot be told from it, and is the default's loss known? */
void ct_race_judge(struct ct_race *run, size_t i)
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

		t->good = t->n > 1 && ct_race_usable(t) &&
			(t == best || ratio <= near_best ||
			(ratio <= ct_race_not_worse && !ct_race_slower(t, best)));
	}
	s->measured[i] = true;
	r = ct_race_ratio(own, best);
	s->resolved[i] = own == best || ct_race_slower(own, best) || r.high <= ct_race_not_worse;
}
