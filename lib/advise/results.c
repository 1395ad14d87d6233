/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules over results: candidates against a reference, size by size. The unit of comparison is the
 * round; all comparisons of one collective against one reference are one family for Holm.
 */
#include <stdio.h>
#include <string.h>

#include "rules.h"

struct duels {
	struct ct_duel *list;
	size_t n;
};

static bool is_default(const struct ct_candidate *c)
{
	return c->algo[0] == '\0';
}

static bool same_place(const struct ct_candidate *a, const struct ct_candidate *b)
{
	return strcmp(a->backend, b->backend) == 0 && strcmp(a->net, b->net) == 0;
}

/* Does B stand against reference A: its algorithms, or else the other backends' defaults? */
static bool stands_against(const struct ct_candidate *a, const struct ct_candidate *b, bool algos)
{
	return algos ? same_place(a, b) && !is_default(b) : !same_place(a, b) && is_default(b);
}

/* All of collective REF->coll against candidate REF->candidate; sizes ascend as in the series.
 * Free list. A candidate whose data were wrong is no choice. */
static ct_status duels_of(const struct ct_advise_in *in, const struct ct_series *ref, bool algos,
			  struct duels *duels)
{
	struct duels d = { ct_alloc(in->nseries, sizeof(*d.list)), 0 };
	ct_status s;

	if (d.list == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < in->nseries; i++) {
		const struct ct_series *a = &in->series[i];

		if (a->coll != ref->coll || !same_place(&a->candidate, &ref->candidate) ||
		    !is_default(&a->candidate) || a->wrong > 0)
			continue;
		for (size_t j = 0; j < in->nseries && d.n < in->nseries; j++) {
			const struct ct_series *b = &in->series[j];

			if (b->coll != a->coll || b->bytes != a->bytes || b->wrong > 0 ||
			    !stands_against(&a->candidate, &b->candidate, algos))
				continue;
			d.list[d.n++] = (struct ct_duel){ .a = a, .b = b };
		}
	}
	s = ct_duels_judge(d.list, d.n);
	if (s == CT_OK)
		*duels = d;
	else
		ct_free(d.list);
	return s;
}

/* The fastest that beat the reference at the size of duel *I; NULL = none. *I moves behind. */
static const struct ct_duel *best_at(const struct duels *duels, size_t *i)
{
	const struct ct_series *a = duels->list[*i].a;
	const struct ct_duel *best = NULL;

	for (; *i < duels->n && duels->list[*i].a == a; ++*i) {
		const struct ct_duel *d = &duels->list[*i];

		if (d->result == CT_COMPARE_FASTER &&
		    (best == NULL || d->gain.ratio > best->gain.ratio))
			best = d;
	}
	return best;
}

static void how_to_set(struct ct_finding *f, const struct ct_candidate *c, const char *coll)
{
	if (strcmp(c->backend, "mpi") == 0 && !is_default(c))
		snprintf(f->set, sizeof(f->set),
			 "mpirun --mca coll_tuned_use_dynamic_rules 1 --mca "
			 "coll_tuned_%s_algorithm %s (Open MPI; it holds for every size)",
			 coll, c->algo);
	else if (strcmp(c->backend, "mpi") == 0)
		snprintf(f->set, sizeof(f->set),
			 "use the MPI library's own collective for these sizes");
	else
		snprintf(f->set, sizeof(f->set), "use colltune's %s over %s%s%s for these sizes",
			 c->backend, c->net[0] != '\0' ? c->net : "auto",
			 is_default(c) ? "" : ", algorithm ", c->algo);
	snprintf(f->undo, sizeof(f->undo),
		 strcmp(c->backend, "mpi") == 0 && !is_default(c) ? "leave both --mca options out"
								  : "use what was used before");
}

/* The (lower) median without a copy: rounds are few. */
static uint64_t median_ns(const struct ct_series *s)
{
	for (uint32_t i = 0; i < s->rounds; i++) {
		uint32_t below = 0, equal = 0;

		for (uint32_t j = 0; j < s->rounds; j++) {
			below += s->round_ns[j] < s->round_ns[i];
			equal += s->round_ns[j] == s->round_ns[i];
		}
		if (below <= (s->rounds - 1) / 2 && (s->rounds - 1) / 2 < below + equal)
			return (uint64_t)s->round_ns[i];
	}
	return 0;
}

/* One finding for a range of sizes; WEAKEST is the duel in it whose gain is least sure. */
static ct_status report(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			const struct ct_duel *weakest, const uint64_t range[2],
			struct ct_findings *out)
{
	struct ct_finding *f = ct_finding_add(out, rule);
	char low[32], high[32], a[96], b[96], ta[32], tb[32], at[32];
	const struct ct_series *sa = weakest->a, *sb = weakest->b;

	if (f == NULL)
		return CT_NOMEM;
	f->measured = true;
	f->gain = weakest->gain;
	f->p = weakest->p;
	f->effect = weakest->effect;
	f->coll = sa->coll;
	f->low_bytes = range[0];
	f->high_bytes = range[1];
	ct_size_text(range[0], low);
	ct_size_text(range[1], high);
	snprintf(f->seen, sizeof(f->seen),
		 "%s %s%s%s: %s is faster than %s (at %s %s against %s)%s", ct_coll_name(sa->coll),
		 low, range[0] < range[1] ? " … " : "", range[0] < range[1] ? high : "",
		 ct_candidate_text(&sb->candidate, b), ct_candidate_text(&sa->candidate, a),
		 ct_size_text(sa->bytes, at), ct_time_text(median_ns(sb), tb),
		 ct_time_text(median_ns(sa), ta),
		 in->world != NULL && in->world->oversubscribed ? "; oversubscribed" : "");
	how_to_set(f, &sb->candidate, ct_coll_name(sa->coll));
	return CT_OK;
}

static ct_status report_ranges(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			       const struct duels *duels, struct ct_findings *out)
{
	const struct ct_duel *weakest = NULL;
	uint64_t range[2] = { 0, 0 };
	ct_status s = CT_OK;
	size_t i = 0;

	while (s == CT_OK && i < duels->n) {
		const struct ct_duel *best = best_at(duels, &i);

		if (weakest != NULL &&
		    (best == NULL ||
		     !ct_candidate_same(&best->b->candidate, &weakest->b->candidate))) {
			s = report(rule, in, weakest, range, out);
			weakest = NULL;
		}
		if (best == NULL)
			continue;
		if (weakest == NULL)
			range[0] = best->a->bytes;
		range[1] = best->a->bytes;
		if (weakest == NULL || best->gain.low < weakest->gain.low)
			weakest = best;
	}
	if (s == CT_OK && weakest != NULL)
		s = report(rule, in, weakest, range, out);
	return s;
}

/* Is SERIES I the first of its collective (and, for algorithms, of its backend and transport)? */
static bool is_reference(const struct ct_advise_in *in, size_t i, bool algos)
{
	const struct ct_series *r = &in->series[i];

	if (!is_default(&r->candidate))
		return false;
	for (size_t j = 0; j < i; j++) {
		const struct ct_series *s = &in->series[j];

		if (s->coll == r->coll && is_default(&s->candidate) &&
		    (!algos || same_place(&s->candidate, &r->candidate)))
			return false;
	}
	return true;
}

/* Runs EACH (NULL = none) over the duels of every reference; adds to TALLY how they ended. */
static ct_status every_reference(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
				 bool algos, struct ct_findings *out,
				 size_t tally[CT_COMPARE_SLOWER + 1])
{
	ct_status s = CT_OK;

	for (size_t i = 0; s == CT_OK && i < in->nseries; i++) {
		struct duels duels;

		if (!is_reference(in, i, algos))
			continue;
		s = duels_of(in, &in->series[i], algos, &duels);
		if (s != CT_OK)
			break;
		for (size_t k = 0; tally != NULL && k < duels.n; k++)
			tally[duels.list[k].result]++;
		if (out != NULL)
			s = report_ranges(rule, in, &duels, out);
		ct_free(duels.list);
	}
	return s;
}

ct_status ct_rule_backend(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			  struct ct_findings *out)
{
	return every_reference(rule, in, false, out, NULL);
}

ct_status ct_rule_algorithm(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			    struct ct_findings *out)
{
	return every_reference(rule, in, true, out, NULL);
}

ct_status ct_rule_defaults(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			   struct ct_findings *out)
{
	size_t tally[CT_COMPARE_SLOWER + 1] = { 0 }, advised = 0, total = 0, open;
	struct ct_finding *f;
	const char *head;
	ct_status s;

	s = every_reference(rule, in, false, NULL, tally);
	if (s == CT_OK)
		s = every_reference(rule, in, true, NULL, tally);
	if (s != CT_OK)
		return s;
	for (size_t i = 0; i < out->n; i++)
		advised += out->list[i].severity != CT_SEVERITY_NOTE;
	for (size_t i = 0; i <= CT_COMPARE_SLOWER; i++)
		total += tally[i];
	if (advised > 0 && total == 0)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	open = tally[CT_COMPARE_FEW] + tally[CT_COMPARE_UNRESOLVED];
	head = advised > 0 ? "" : open == 0 ? "defaults are best: " : "nothing better was found: ";
	if (total == 0)
		snprintf(f->seen, sizeof(f->seen),
			 "defaults are best by all that could be read here; no alternatives were "
			 "measured");
	else
		snprintf(f->seen, sizeof(f->seen),
			 "%sof %zu comparisons %zu faster, %zu slower, "
			 "%zu no different within 5 %%, %zu not resolved, %zu inconclusive (fewer "
			 "than %d rounds)",
			 head, total, tally[CT_COMPARE_FASTER], tally[CT_COMPARE_SLOWER],
			 tally[CT_COMPARE_SAME], tally[CT_COMPARE_UNRESOLVED],
			 tally[CT_COMPARE_FEW], CT_LEAST_ROUNDS);
	return CT_OK;
}
