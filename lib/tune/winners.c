/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules for a job that may use several backends: at each size those of one backend only, the fastest.
 * The first backend asked for keeps a size unless another's interval lies wholly below its own, since
 * the two were not measured in turns. ct_comm takes the first backend that has a rule, so where another
 * one wins with its own default that default is written as a rule.
 */
#include <string.h>

#include "inside.h"

enum { MOST_PARTS = 8 };

/* One operation's parts, in the order in which the backends were asked for. */
struct rivals {
	const struct ct_tune_part *part[MOST_PARTS];
	size_t n;
};

static const struct ct_cell_times *chosen_times(const struct ct_tune_part *part, size_t i)
{
	return ct_times(&part->found, i, ct_search_choice(&part->found, i));
}

static bool comparable(const struct rivals *r, size_t i)
{
	for (size_t k = 0; k < r->n; k++)
		if (i >= r->part[k]->nsizes || r->part[k]->sizes[i] != r->part[0]->sizes[i] ||
			!r->part[k]->found.measured[i] || chosen_times(r->part[k], i)->median == 0)
			return false;
	return true;
}

/* The part that is used at size I, where all were measured. */
static size_t winner(const struct rivals *r, size_t i)
{
	size_t best = 0;

	for (size_t k = 1; k < r->n; k++) {
		const struct ct_cell_times *mine = chosen_times(r->part[k], i);
		const struct ct_cell_times *first = chosen_times(r->part[0], i);

		if (mine->high < first->low &&
			(best == 0 || mine->median < chosen_times(r->part[best], i)->median))
			best = k;
	}
	return best;
}

/* Of sizes that were not measured: as at the next smaller one that was, or the first backend. */
static void find_winners(const struct rivals *r, size_t who[CT_SEARCH_MOST_SIZES])
{
	size_t last = 0;

	for (size_t i = 0; i < r->part[0]->nsizes; i++) {
		if (comparable(r, i))
			last = winner(r, i);
		who[i] = last;
	}
}

/* ct_comm takes a transport from a rule too. */
static json_t *rule(const struct ct_tune_part *part, uint32_t cell, size_t first, size_t last)
{
	const struct ct_candidate *c = &part->cells[cell];
	json_t *rule = ct_tune_rule(part, cell, first, last);

	if (strcmp(part->backend, "native") == 0 && c->net[0] != '\0')
		(void)json_object_set_new(json_object_get(rule, "set"), "net", json_string(c->net));
	return rule;
}

/* What ct_comm shall do at size I: a part and its cell, or nothing special. */
struct choice {
	size_t part;
	uint32_t cell;
};

static struct choice choose(const struct rivals *r, const size_t *who, size_t i)
{
	const struct ct_tune_part *part = r->part[who[i]];

	return (struct choice){ who[i], i < part->nsizes ? ct_search_choice(&part->found, i) : 0 };
}

static ct_status add_rules(const struct rivals *r, json_t *rules)
{
	size_t who[CT_SEARCH_MOST_SIZES] = { 0 }, n = r->part[0]->nsizes;

	find_winners(r, who);
	for (size_t i = 0, j; i < n; i = j) {
		struct choice c = choose(r, who, i), next;

		for (j = i + 1; j < n; j++) {
			next = choose(r, who, j);
			if (next.part != c.part || next.cell != c.cell)
				break;
		}
		if (c.part == 0 && c.cell == 0)
			continue;
		if (json_array_append_new(rules, rule(r->part[c.part], c.cell, i, j - 1)) != 0)
			return ct_fail(CT_NOMEM, "no memory for a rule");
	}
	return CT_OK;
}

static struct rivals rivals_of(const struct ct_tuned *t, ct_coll coll)
{
	struct rivals r = { .n = 0 };

	for (size_t p = 0; p < t->nparts && r.n < MOST_PARTS; p++)
		if (t->parts[p].coll == coll && t->parts[p].found.times != NULL)
			r.part[r.n++] = &t->parts[p];
	return r;
}

json_t *ct_tune_winners(const struct ct_tuned *t, const struct ct_world *world, const char *machine,
	const char *fingerprint)
{
	json_t *whole = ct_tune_rules(t, world, machine, fingerprint), *rules = json_array();

	for (int coll = 0; whole != NULL && rules != NULL && coll < CT_NCOLLS; coll++) {
		struct rivals r = rivals_of(t, (ct_coll)coll);

		if (r.n > 0 && add_rules(&r, rules) != CT_OK)
			goto fail;
	}
	if (whole == NULL || rules == NULL || json_object_set(whole, "rules", rules) != 0)
		goto fail;
	/* joined with another file's these would become rules of several backends at one size */
	(void)json_object_del(whole, "measured");
	json_decref(rules);
	return whole;
fail:
	json_decref(rules);
	json_decref(whole);
	return NULL;
}
