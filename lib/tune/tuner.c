/* SPDX-License-Identifier: BSD-3-Clause */
/* From what the backends' queries list to cells, and each operation of each backend to a search. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tune.h"

enum { MOST_BASES = 8, PLAYED_PIECES = 64 };

static const uint64_t default_min = 8, default_max = 16 << 20, default_budget_ns = 60000000000,
	least_ns = 150000000; /* of a part; starting the ranks takes longer */

/* ---- backends ------------------------------------------------------------------------------- */

static ct_status take_bases(const struct ct_tune_attr *attr, struct ct_tuned *t)
{
	const char *text = attr->backends;

	while (text != NULL && *text != '\0') {
		size_t n = strcspn(text, ",");
		struct ct_candidate *base = &t->base[t->nbases];

		if (t->nbases == MOST_BASES || n == 0 || n >= sizeof(base->backend))
			return ct_fail(CT_INVALID, "backends \"%s\": one to %d names with commas between",
				attr->backends, (int)MOST_BASES);
		memcpy(base->backend, text, n);
		if (strcmp(base->backend, "native") == 0 && attr->net != NULL)
			snprintf(base->net, sizeof(base->net), "%s", attr->net);
		t->nbases++;
		text += n + (text[n] == ',');
	}
	if (t->nbases == 0)
		return ct_fail(CT_INVALID, "no backend to tune");
	return CT_OK;
}

static ct_status open_bases(struct ct_session *session, struct ct_tuned *t)
{
	ct_status status = ct_trials_open(session, t->base, t->nbases, t->attr.seed, &t->trials);
	const char *why = "";
	size_t good = 0;

	for (size_t i = 0; status == CT_OK && i < t->nbases; i++) {
		if (ct_trials_caps(t->trials, i, &why) != NULL)
			good++;
		else
			ct_text_clean(t->missing[i], sizeof(t->missing[i]), why);
	}
	if (status == CT_OK && good == 0)
		status = ct_fail(CT_UNSUPPORTED, "%s: %s", t->base[0].backend, t->missing[0]);
	return status;
}

/* ---- cells ---------------------------------------------------------------------------------- */

/* How many values of KNOB are below value I: its rank, whatever order they are listed in. 0 means without
 * bound (a whole message, any number of requests), so it is above all. */
static uint8_t rank_of(const struct ct_knob *knob, size_t i)
{
	uint8_t n = 0;

	for (size_t k = 0; k < knob->nvalues; k++)
		n += (uint64_t)knob->values[k] - 1 < (uint64_t)knob->values[i] - 1;
	return n;
}

static size_t combinations(const struct ct_coll_algo *algo)
{
	size_t n = 1;

	for (size_t k = 0; k < algo->nknobs && k < CT_MAX_KNOBS; k++)
		n *= algo->knobs[k].nvalues;
	return n;
}

static void add_cells(struct ct_tune_part *part, const struct ct_candidate *base,
	const struct ct_coll_algo *algo, uint32_t family)
{
	for (size_t i = 0; i < combinations(algo) && part->ncells < CT_SEARCH_MOST_CELLS; i++) {
		struct ct_candidate *c = &part->cells[part->ncells];
		struct ct_cell *cell = &part->shape[part->ncells++];
		size_t rest = i;

		*c = *base;
		snprintf(c->algo, sizeof(c->algo), "%s", algo->name);
		*cell = (struct ct_cell){ .family = family };
		for (size_t k = 0; k < algo->nknobs && k < CT_MAX_KNOBS; k++) {
			const struct ct_knob *knob = &algo->knobs[k];

			c->knob[k] = knob->values[rest % knob->nvalues];
			snprintf(c->knob_name[k], sizeof(c->knob_name[k]), "%s", knob->name);
			cell->at[k] = rank_of(knob, rest % knob->nvalues);
			cell->of[k] = (uint8_t)knob->nvalues;
			rest /= knob->nvalues;
			c->nknobs = cell->nknobs = (uint32_t)k + 1;
		}
	}
}

static ct_status make_cells(struct ct_tuned *t, size_t base, struct ct_tune_part *part)
{
	const struct ct_coll_caps *caps = ct_trials_caps(t->trials, base, NULL);
	uint32_t family = 0;

	part->cells = ct_alloc(CT_SEARCH_MOST_CELLS, sizeof(*part->cells));
	part->shape = ct_alloc(CT_SEARCH_MOST_CELLS, sizeof(*part->shape));
	part->index = ct_alloc(CT_SEARCH_MOST_CELLS, sizeof(*part->index));
	part->why = ct_alloc(CT_SEARCH_MOST_CELLS, sizeof(*part->why));
	if (part->cells == NULL || part->shape == NULL || part->index == NULL || part->why == NULL)
		return CT_NOMEM;
	for (size_t a = 0; a < caps->nalgos; a++)
		if (caps->algos[a].coll == part->coll)
			add_cells(part, &t->base[base], &caps->algos[a], family++);
	for (size_t c = 0; c < part->ncells; c++) {
		ct_status status = ct_trials_add(t->trials, &part->cells[c], &part->index[c]);

		if (status != CT_OK)
			return status;
	}
	return CT_OK;
}

/* ---- sizes ---------------------------------------------------------------------------------- */

/* Sizes as they can be measured by NRANKS ranks: whole elements, each once, ascending. */
static ct_status make_sizes(const struct ct_tune_attr *a, uint32_t nranks, struct ct_tune_part *part)
{
	double bytes = (double)a->min_bytes;

	part->sizes = ct_alloc(CT_SEARCH_MOST_SIZES, sizeof(*part->sizes));
	if (part->sizes == NULL)
		return CT_NOMEM;
	for (bool last = false; !last; bytes *= a->factor) {
		uint64_t count, fits;

		last = bytes * a->factor > (double)a->max_bytes * (1 + 1e-9);
		count = ct_coll_count(part->coll, nranks, (uint64_t)bytes, a->type);
		fits = ct_coll_bytes(part->coll, nranks, count > 0 ? count : 1, a->type);
		if (part->nsizes > 0 && fits <= part->sizes[part->nsizes - 1])
			continue;
		if (part->nsizes == CT_SEARCH_MOST_SIZES)
			return ct_fail(CT_INVALID, "more than %d sizes: a larger factor, or fewer bytes",
				(int)CT_SEARCH_MOST_SIZES);
		part->sizes[part->nsizes++] = fits;
	}
	return CT_OK;
}

/* ---- one search ----------------------------------------------------------------------------- */

struct searching {
	struct ct_tuned *tuned;
	struct ct_tune_part *part;
	uint32_t which[CT_SEARCH_MOST_CELLS];
	uint32_t nranks;
	uint64_t ended_ns; /* when the last take did: computing what to try next counts too */
};

static ct_status take(void *arg, struct ct_search_take *take)
{
	struct searching *s = arg;
	struct ct_test test = { .coll = s->part->coll, .type = s->tuned->attr.type,
		.op = s->tuned->attr.op, .bytes = s->part->sizes[take->size] };
	struct ct_trial trial = { .test = &test, .which = s->which, .n = take->n,
		.samples = take->samples, .cold = take->cold, .verify = take->verify,
		.since_ns = s->ended_ns };
	struct ct_trial_out out = { take->ns, take->status, 0 };
	ct_status status;

	for (uint32_t i = 0; i < take->n; i++)
		s->which[i] = s->part->index[take->list[i]];
	status = ct_trials_take(s->tuned->trials, &trial, &out);
	s->ended_ns = ct_now_ns();
	if (status != CT_OK)
		return status;
	take->spent_ns = out.elapsed_ns;
	for (uint32_t i = 0; i < take->n; i++)
		if (out.status[i] == CT_UNSUPPORTED)
			snprintf(s->part->why[take->list[i]], sizeof(s->part->why[0]), "%s",
				ct_trials_why(s->tuned->trials, s->which[i]));
	return CT_OK;
}

static ct_status agree(void *arg, ct_status mine)
{
	const struct searching *s = arg;

	return ct_session_agree(s->tuned->session, mine);
}

/* What is passed on in segments: all of a broadcast and of a reduce, a rank's block of the others. */
static uint64_t cut_bytes(const struct ct_tune_part *part, uint32_t nranks, size_t i)
{
	bool whole = part->coll == CT_BROADCAST || part->coll == CT_REDUCE;

	return part->sizes[i] / (whole ? 1 : nranks);
}

/* A segment that holds all of that cuts nothing. */
static bool same(void *arg, uint32_t cell, size_t i)
{
	const struct searching *s = arg;
	const struct ct_candidate *c = &s->part->cells[cell];
	uint64_t whole = cut_bytes(s->part, s->nranks, i);

	for (uint32_t k = 0; k < c->nknobs; k++)
		if (strncmp(c->knob_name[k], "seg", 3) == 0 && c->knob[k] > 0 &&
			(uint64_t)c->knob[k] >= whole)
			return true;
	return false;
}

/* Native's choice where no algorithm is named; of other libraries' nobody knows. */
static uint32_t default_is(void *arg, size_t i)
{
	const struct searching *s = arg;
	const struct ct_tune_part *part = s->part;
	ct_type type = s->tuned->attr.type;
	uint64_t count = ct_coll_count(part->coll, s->nranks, part->sizes[i], type);
	const char *name = strcmp(part->cells[0].backend, "native") == 0 ?
		ct_coll_auto(part->coll, count, s->nranks, type) : NULL;

	for (uint32_t c = 1; name != NULL && c < part->ncells; c++) {
		bool plain = strcmp(part->cells[c].algo, name) == 0;

		for (uint32_t k = 0; k < part->cells[c].nknobs; k++)
			plain = plain && part->cells[c].knob[k] == 0;
		if (plain)
			return c;
	}
	return 0;
}

/* Many small segments take longer to play than to try. */
static bool playable(const struct ct_tune_part *part, size_t cell, size_t i)
{
	const struct ct_candidate *c = &part->cells[cell];

	for (uint32_t k = 0; k < c->nknobs; k++)
		if (strncmp(c->knob_name[k], "seg", 3) == 0 && c->knob[k] > 0 &&
			part->sizes[i] / (uint64_t)c->knob[k] > PLAYED_PIECES)
			return false;
	return true;
}

/* Collective: each prediction by one rank, so that all have the same, whatever their processors make of
 * it. */
static ct_status predict_all(struct ct_session *session, struct ct_tune_part *part)
{
	const struct ct_world *w = ct_session_world(session);
	size_t n = part->ncells * part->nsizes;
	bool alike;

	part->predicted = ct_alloc(n, sizeof(*part->predicted));
	if (ct_session_agree(session, part->predicted != NULL ? CT_OK : CT_NOMEM) != CT_OK)
		return CT_NOMEM;
	for (size_t i = w->rank; i < n; i += w->nranks)
		if (playable(part, i / part->nsizes, i % part->nsizes))
			part->predicted[i] = (int64_t)ct_tune_predict(part, i / part->nsizes,
				part->sizes[i % part->nsizes], w->nranks, w->hosts[0].ranks, &alike);
	return ct_session_max(session, part->predicted, n);
}

static double predict(void *arg, uint32_t cell, size_t i)
{
	const struct searching *s = arg;

	return (double)s->part->predicted[cell * s->part->nsizes + i];
}

static ct_status search(struct ct_session *session, struct ct_tuned *t, size_t base,
	struct ct_tune_part *part, uint64_t budget_ns)
{
	uint32_t nranks = ct_session_world(session)->nranks;
	struct searching s = { .tuned = t, .part = part, .nranks = nranks };
	struct ct_search_in in = { .budget_ns = budget_ns, .effort = t->attr.effort,
		.least_ns = least_ns, .take = take,
		.agree = agree, .same = same, .default_is = default_is, .predict = t->attr.no_model ? NULL : predict, .arg = &s };
	uint64_t begin = ct_now_ns();
	int64_t already;
	ct_status status = make_cells(t, base, part);

	if (status == CT_OK)
		status = make_sizes(&t->attr, nranks, part);
	status = ct_session_agree(session, status);
	if (status == CT_OK)
		status = predict_all(session, part);
	s.ended_ns = ct_now_ns();
	already = (int64_t)(s.ended_ns - begin);
	if (status == CT_OK)
		status = ct_session_max(session, &already, 1);
	if (status != CT_OK)
		return status;
	/* links are measured once for all operations */
	in.already_ns = (uint64_t)already + part->links->spent_ns / t->attr.ncolls;
	in.cells = part->shape;
	in.ncells = part->ncells;
	in.sizes = part->sizes;
	in.nsizes = part->nsizes;
	return ct_search_run(&in, &part->found);
}

static ct_status measure_links(struct ct_session *session, struct ct_tuned *t)
{
	ct_status status = CT_OK;

	for (size_t i = 0; i < t->nbases && status == CT_OK && !t->attr.no_model; i++)
		if (ct_trials_caps(t->trials, i, NULL) != NULL)
			status = ct_tune_measure_links(session, t, i);
	return status;
}

static ct_status search_all(struct ct_session *session, struct ct_tuned *t)
{
	size_t n = t->nbases * t->attr.ncolls, k = 0;
	uint64_t begin = ct_now_ns();
	ct_status status = CT_OK;

	for (size_t i = 0; i < n && status == CT_OK; i++) {
		size_t base = i % t->nbases;
		const struct ct_coll_caps *caps = ct_trials_caps(t->trials, base, NULL);
		struct ct_tune_part *part = &t->parts[t->nparts];
		uint64_t left = t->attr.budget_ns > t->elapsed_ns ? t->attr.budget_ns - t->elapsed_ns : 1;
		int64_t so_far;

		k++;
		if (caps == NULL)
			continue;
		part->coll = t->attr.colls[i / t->nbases];
		part->backend = t->base[base].backend;
		part->library = caps->library;
		part->path = caps->net.path;
		part->links = &t->links[base];
		t->nparts++;
		if (t->attr.on_part != NULL)
			t->attr.on_part(t->attr.arg, part->backend, part->coll);
		status = search(session, t, base, part, left / (n - k + 1));
		so_far = (int64_t)(ct_now_ns() - begin);
		if (status == CT_OK)
			status = ct_session_max(session, &so_far, 1);
		t->elapsed_ns = (uint64_t)so_far;
	}
	return status;
}

/* A backend that lists nothing but its own choice, and why if it tells. */
static void note_fixed(struct ct_tuned *t)
{
	for (size_t b = 0; b < t->nbases; b++) {
		bool choice = false, any = false;

		for (size_t p = 0; p < t->nparts; p++)
			if (t->parts[p].backend == t->base[b].backend) {
				any = true;
				choice |= t->parts[p].ncells > 1;
			}
		if (any && !choice) {
			const struct ct_coll_caps *caps = ct_trials_caps(t->trials, b, NULL);

			snprintf(t->missing[b], sizeof(t->missing[b]), "nothing to search but its own choice: %.110s",
				caps->fixed[0] != '\0' ? caps->fixed : "it lists no algorithm and no knob");
		}
	}
}

static bool tunable(ct_coll coll)
{
	return (unsigned)coll < CT_P2P_LATENCY && coll != CT_BARRIER;
}

static ct_status check_attr(struct ct_tune_attr *a)
{
	a->min_bytes = a->min_bytes > 0 ? a->min_bytes : default_min;
	a->max_bytes = a->max_bytes > 0 ? a->max_bytes : default_max;
	a->factor = a->factor > 0 ? a->factor : 2;
	a->budget_ns = a->budget_ns > 0 ? a->budget_ns : default_budget_ns;
	if (a->ncolls == 0)
		return ct_fail(CT_INVALID, "no operation to tune");
	for (size_t i = 0; i < a->ncolls; i++)
		if (!tunable(a->colls[i]))
			return ct_fail(CT_INVALID, "%s cannot be tuned: allreduce, alltoall, allgather, "
				"reduce_scatter, broadcast, reduce, gather, scatter can", ct_coll_name(a->colls[i]));
	if (!(a->factor > 1) || a->min_bytes > a->max_bytes)
		return ct_fail(CT_INVALID, "sizes from %llu to %llu by %g", (unsigned long long)a->min_bytes,
			(unsigned long long)a->max_bytes, a->factor);
	return CT_OK;
}

ct_status ct_tune_run(struct ct_session *session, const struct ct_tune_attr *attr,
	struct ct_tuned **tuned)
{
	struct ct_tuned *t = ct_alloc(1, sizeof(*t));
	ct_status status = CT_NOMEM;

	if (t != NULL) {
		t->session = session;
		t->attr = *attr;
		status = check_attr(&t->attr);
		if (status == CT_OK)
			status = take_bases(&t->attr, t);
		if (status == CT_OK)
			t->parts = ct_alloc(t->nbases * t->attr.ncolls, sizeof(*t->parts));
		if (status == CT_OK && t->parts == NULL)
			status = CT_NOMEM;
	}
	status = ct_session_agree(session, status);
	if (status == CT_OK)
		status = open_bases(session, t);
	if (status == CT_OK)
		status = measure_links(session, t);
	if (status == CT_OK)
		status = search_all(session, t);
	if (status != CT_OK) {
		ct_tune_free(t);
		return status;
	}
	note_fixed(t);
	*tuned = t;
	return CT_OK;
}

void ct_tune_free(struct ct_tuned *t)
{
	if (t == NULL)
		return;
	ct_trials_close(t->trials);
	for (size_t i = 0; i < t->nparts; i++) {
		ct_search_free(&t->parts[i].found);
		ct_free(t->parts[i].cells);
		ct_free(t->parts[i].index);
		ct_free(t->parts[i].shape);
		ct_free(t->parts[i].why);
		ct_free(t->parts[i].sizes);
		ct_free(t->parts[i].predicted);
	}
	ct_free(t->parts);
	ct_free(t);
}

void ct_tune_unresolved(const struct ct_tuned *t, size_t *unresolved, size_t *measured)
{
	*unresolved = *measured = 0;
	for (size_t p = 0; p < t->nparts; p++)
		for (size_t i = 0; i < t->parts[p].nsizes; i++) {
			*measured += t->parts[p].found.measured[i];
			*unresolved += t->parts[p].found.measured[i] && !t->parts[p].found.resolved[i];
		}
}
