/* SPDX-License-Identifier: BSD-3-Clause */
/* Matches the points of two sides and judges them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sides.h"

#define BEYOND 1.05 /* the ratio from which slower is a regression; see ct_compare() */

/* ---- choosing a candidate ------------------------------------------------------------------- */

/* Is WORD TEXT, or its beginning up to a blank or a slash? */
static bool begins(const char *text, const char *word)
{
	size_t n = strlen(word);

	return strncmp(text, word, n) == 0 && (text[n] == '\0' || text[n] == ' ' || text[n] == '/');
}

static ct_status no_choice(const struct ct_compare_cast *cast, int side, const char *word,
			   const char *what)
{
	struct ct_buf known = ct_buf_make(300);
	char text[96];
	ct_status status;

	for (size_t i = 0; i < cast->n; i++)
		ct_buf_add(&known, "%s%s", i > 0 ? ", " : "",
			   ct_candidate_text(cast->list[i], text));
	status = ct_fail(CT_INVALID, "--%c-candidate: %s \"%s\"; there %s %s", "ab"[side], what,
			 word, cast -> n == 1 ? "is" : "are", known.used > 0 ? known.text : "none");
	ct_buf_free(&known);
	return status;
}

/* The candidate that the user asked for. The whole text fits before a beginning, and among
 * beginnings a default algorithm before the others. */
static ct_status choose(const struct ct_compare_in *in, int side, const struct ct_candidate **only)
{
	const struct ct_candidate *exact = NULL, *dflt = NULL, *some = NULL;
	size_t dflts = 0, somes = 0;
	struct ct_compare_cast cast;
	char text[96];
	ct_status status;

	*only = NULL;
	if (in->candidate == NULL)
		return CT_OK;
	status = ct_compare_cast_make(in->records, &cast);
	if (status != CT_OK)
		return status;
	for (size_t i = 0; i < cast.n; i++) {
		const struct ct_candidate *c = cast.list[i];

		if (!begins(ct_candidate_text(c, text), in->candidate))
			continue;
		if (strcmp(text, in->candidate) == 0)
			exact = c;
		if (c->algo[0] == '\0') {
			dflt = c;
			dflts++;
		}
		some = c;
		somes++;
	}
	*only = exact != NULL ? exact : dflts == 1 ? dflt : somes == 1 ? some : NULL;
	if (*only == NULL)
		status = no_choice(&cast, side, in->candidate,
				   somes == 0 ? "no candidate fits" : "several candidates fit");
	ct_free(cast.list);
	return status;
}

/* ---- matching ------------------------------------------------------------------------------- */

/* The only candidate of collective COLL on SIDE; NULL: there are several, or none. */
static const struct ct_candidate *only_one(const struct ct_comparison *c, int side, ct_coll coll)
{
	const struct ct_compare_side *found = NULL;

	for (size_t i = 0; i < c->nsides[side]; i++) {
		const struct ct_compare_side *s = &c->sides[side][i];

		if (s->key.coll != coll)
			continue;
		if (found != NULL && found->candidate != s->candidate)
			return NULL;
		found = s;
	}
	return found != NULL ? &found->series.candidate : NULL;
}

/* For each collective: are the two sides' only candidates compared, whatever they are? */
static ct_status find_lonely(struct ct_comparison *c, bool lonely[CT_NCOLLS])
{
	ct_status status = CT_OK;

	for (int coll = 0; coll < CT_NCOLLS && status == CT_OK; coll++) {
		const struct ct_candidate *a = only_one(c, CT_SIDE_A, (ct_coll)coll);
		const struct ct_candidate *b = only_one(c, CT_SIDE_B, (ct_coll)coll);
		char ta[96], tb[96];

		lonely[coll] = a != NULL && b != NULL;
		/* Whoever named both knows what is compared. */
		if (lonely[coll] && !ct_candidate_same(a, b) &&
		    (c->in[CT_SIDE_A].candidate == NULL || c->in[CT_SIDE_B].candidate == NULL))
			status =
				ct_compare_warn(c,
						"%s: different candidates are compared: A %s, B %s",
						ct_coll_name((ct_coll)coll),
						ct_candidate_text(a, ta), ct_candidate_text(b, tb));
	}
	return status;
}

/* The index in B of what point S of A meets; SIZE_MAX: nothing. */
static size_t partner(const struct ct_comparison *c, const struct ct_compare_side *s, bool lonely)
{
	for (size_t i = 0; i < c->nsides[CT_SIDE_B]; i++) {
		const struct ct_compare_side *b = &c->sides[CT_SIDE_B][i];

		if (ct_compare_key_order(&s->key, &b->key, true) == 0 &&
		    (lonely || ct_candidate_same(&s->series.candidate, &b->series.candidate)))
			return i;
	}
	return SIZE_MAX;
}

static ct_status match(struct ct_comparison *c)
{
	size_t na = c->nsides[CT_SIDE_A], nb = c->nsides[CT_SIDE_B];
	bool lonely[CT_NCOLLS], *taken = ct_alloc(nb + 1, sizeof(*taken));
	ct_status status = find_lonely(c, lonely);

	c->points = ct_alloc(na + 1, sizeof(*c->points));
	c->alone = ct_alloc(na + nb + 1, sizeof(*c->alone));
	if (status == CT_OK && (taken == NULL || c->points == NULL || c->alone == NULL))
		status = CT_NOMEM;
	if (status != CT_OK)
		goto free_taken;
	memset(taken, 0, nb + 1);
	for (size_t i = 0; i < na; i++) {
		const struct ct_compare_side *a = &c->sides[CT_SIDE_A][i];
		size_t k = partner(c, a, lonely[a->key.coll]);

		if (k == SIZE_MAX) {
			c->alone[c->nalone++] = (struct ct_compare_alone){ CT_SIDE_A, a };
			continue;
		}
		taken[k] = true;
		c->points[c->npoints++] =
			(struct ct_compared){ .side = { a, &c->sides[CT_SIDE_B][k] } };
	}
	for (size_t k = 0; k < nb; k++)
		if (!taken[k])
			c->alone[c->nalone++] =
				(struct ct_compare_alone){ CT_SIDE_B, &c->sides[CT_SIDE_B][k] };
free_taken:
	ct_free(taken);
	return status;
}

/* ---- judging -------------------------------------------------------------------------------- */

static void settle(struct ct_compared *p, const struct ct_duel *d)
{
	p->ratio = (struct ct_ratio){ 1 / d->gain.ratio, 1 / d->gain.high,
				      d->gain.low > 0 ? 1 / d->gain.low : INFINITY };
	p->p = d->p;
	p->effect = d->effect;
	p->result = d->result;
}

/* All points of one collective are one family: DUELS are in the order of keys. */
static ct_status judge_families(struct ct_duel *duels, size_t n)
{
	ct_status status = CT_OK;
	size_t end;

	for (size_t i = 0; i < n && status == CT_OK; i = end) {
		for (end = i + 1; end < n && duels[end].a->coll == duels[i].a->coll; end++)
			continue;
		status = ct_duels_judge(&duels[i], end - i);
	}
	return status;
}

/* Wrong data have no time that counts. */
static ct_status judge(struct ct_comparison *c)
{
	struct ct_duel *duels = ct_alloc(c->npoints + 1, sizeof(*duels));
	size_t n = 0;
	ct_status status;

	if (duels == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < c->npoints; i++) {
		struct ct_compared *p = &c->points[i];

		for (int side = 0; side < CT_SIDES; side++)
			p->wrong[side] = p->side[side]->series.wrong > 0;
		p->ratio = (struct ct_ratio){ 1, 0, INFINITY };
		p->p = 1;
		p->effect = 0.5;
		p->result = CT_COMPARE_UNRESOLVED;
		if (!p->wrong[CT_SIDE_A] && !p->wrong[CT_SIDE_B])
			duels[n++] = (struct ct_duel){ .a = &p->side[CT_SIDE_A]->series,
						       .b = &p->side[CT_SIDE_B]->series };
	}
	status = judge_families(duels, n);
	n = 0;
	for (size_t i = 0; status == CT_OK && i < c->npoints; i++)
		if (!c->points[i].wrong[CT_SIDE_A] && !c->points[i].wrong[CT_SIDE_B])
			settle(&c->points[i], &duels[n++]);
	ct_free(duels);
	return status;
}

ct_status ct_comparison_make(const struct ct_compare_in in[CT_SIDES],
			     struct ct_comparison *comparison)
{
	struct ct_comparison c = { .in = { in[CT_SIDE_A], in[CT_SIDE_B] },
				   .warnings = json_array() };
	size_t twice = 0;
	ct_status status = c.warnings != NULL ? CT_OK : ct_fail(CT_NOMEM, "no memory for warnings");

	for (int side = 0; side < CT_SIDES && status == CT_OK; side++) {
		const struct ct_candidate *only;

		status = choose(&in[side], side, &only);
		if (status == CT_OK)
			status = ct_compare_gather(&c, side, only, &twice);
		if (status == CT_OK && twice > 0)
			status =
				ct_compare_warn(&c,
						"%c: %zu records are there twice or more (the same "
						"candidate, point and round); the last one counts",
						"AB"[side], twice);
	}
	if (status == CT_OK)
		status = match(&c);
	if (status == CT_OK)
		status = judge(&c);
	if (status == CT_OK)
		status = ct_compare_losses(&c);
	if (status == CT_OK)
		status = ct_compare_differ(&c);
	if (status == CT_OK)
		*comparison = c;
	else
		ct_comparison_free(&c);
	return status;
}

void ct_comparison_free(struct ct_comparison *c)
{
	for (int side = 0; side < CT_SIDES; side++) {
		ct_free(c->sides[side]);
		ct_free(c->rounds[side]);
	}
	ct_free(c->points);
	ct_free(c->alone);
	ct_free(c->losses);
	json_decref(c->warnings);
	*c = (struct ct_comparison){ .warnings = NULL };
}

bool ct_comparison_joined(const struct ct_comparison *c, size_t i)
{
	if (i + 1 >= c->npoints)
		return false;
	for (int side = 0; side < CT_SIDES; side++) {
		const struct ct_compare_side *a = c->points[i].side[side];
		const struct ct_compare_side *b = c->points[i + 1].side[side];

		if (a->candidate != b->candidate ||
		    ct_compare_key_order(&a->key, &b->key, false) != 0)
			return false;
	}
	return true;
}

bool ct_compared_worse(const struct ct_compared *point)
{
	return point->wrong[CT_SIDE_B] ||
	       (point->result == CT_COMPARE_SLOWER && point->ratio.ratio > BEYOND);
}

bool ct_comparison_crowded(const struct ct_comparison *c)
{
	for (size_t i = 0; i < c->npoints; i++)
		if (c->points[i].side[CT_SIDE_A]->oversubscribed ||
		    c->points[i].side[CT_SIDE_B]->oversubscribed)
			return true;
	return false;
}

enum ct_compare_end ct_comparison_end(const struct ct_comparison *c)
{
	bool open = c->npoints == 0 || ct_comparison_crowded(c);

	for (size_t i = 0; i < c->npoints; i++) {
		if (c->points[i].wrong[CT_SIDE_B] ||
		    (ct_compared_worse(&c->points[i]) && !ct_comparison_crowded(c)))
			return CT_COMPARE_END_WORSE;
		open |= c->points[i].result != CT_COMPARE_SAME &&
			c->points[i].result != CT_COMPARE_FASTER;
	}
	return open ? CT_COMPARE_END_OPEN : CT_COMPARE_END_GOOD;
}
