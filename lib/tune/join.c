/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules as a rules file again, and rules of two numbers of ranks as one file for the numbers between them.
 * Between holds what both searches chose; where they chose otherwise nothing is said, so the default stays.
 */
#include <stdio.h>
#include <string.h>

#include "inside.h"

enum { FURTHEST = 2 }; /* factor from one number of ranks to the next: between, nothing was measured */

/* ---- JSON --------------------------------------------------------------------------------------- */

static json_t *set_json(const struct ct_rule *rule)
{
	json_t *set = json_object();

	for (uint32_t i = 0; set != NULL && i < rule->nset; i++)
		(void)json_object_set_new(set, rule->set[i].name, rule->set[i].text != NULL ?
			json_string(rule->set[i].text) : json_integer(rule->set[i].number));
	return set;
}

json_t *ct_export_rule_json(const struct ct_rule *rule)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:[I, I], s:o}", "coll", ct_coll_name(rule->coll), "backend",
		rule->backend, "type", rule->type == CT_RULES_ANY_TYPE ? "any" :
		ct_type_name((ct_type)rule->type), "bytes", (json_int_t)rule->low, (json_int_t)rule->high, "set",
		set_json(rule));

	if (json != NULL && rule->gain > 0)
		(void)json_object_set_new(json, "gain", json_pack("{s:f, s:f, s:f}", "ratio", rule->gain,
			"low", rule->gain_low, "high", rule->gain_high));
	if (json != NULL && rule->fresh >= 0)
		(void)json_object_set_new(json, "fresh_samples", json_integer(rule->fresh));
	return json;
}

json_t *ct_export_scope_json(const struct ct_rules_scope *s, const char *library)
{
	json_t *scope = json_pack("{s:s, s:[I, I], s:[I, I]}", "machine", s->machine, "nodes",
		(json_int_t)s->nodes_low, (json_int_t)s->nodes_high, "ranks_per_node",
		(json_int_t)s->ranks_low, (json_int_t)s->ranks_high);
	json_t *libs = json_object(), *searched = json_array();

	if (s->fingerprint != NULL)
		(void)json_object_set_new(scope, "fingerprint", json_string(s->fingerprint));
	for (size_t i = 0; i < s->nlibs; i++)
		if (library == NULL || strcmp(s->libs[i].name, library) == 0)
			(void)json_object_set_new(libs, s->libs[i].name, json_string(s->libs[i].version));
	for (size_t i = 0; i < s->nsearched; i++)
		(void)json_array_append_new(searched, json_integer((json_int_t)s->searched[i]));
	if (json_array_size(searched) > 0)
		(void)json_object_set(scope, "ranks_searched", searched);
	if (s->overlap != NULL)
		(void)json_object_set_new(scope, "overlap", json_string(s->overlap));
	if (s->emulated)
		(void)json_object_set_new(scope, "emulated", json_true());
	if (json_object_size(libs) > 0)
		(void)json_object_set(scope, "libs", libs);
	json_decref(searched);
	json_decref(libs);
	return scope;
}

ct_status ct_export_rules(const struct ct_exporter *self, const struct ct_export_in *in, struct ct_export *out)
{
	json_t *rules = json_array(), *whole;
	char *text;

	for (size_t at = 0;; at++) {
		const struct ct_rule *rule = ct_export_next(self, in->rules, &at);

		if (rule == NULL)
			break;
		out->written += json_array_append_new(rules, ct_export_rule_json(rule)) == 0;
	}
	whole = json_pack("{s:s, s:o, s:o}", "schema", "colltune-rules/1", "scope",
		ct_export_scope_json(ct_rules_scope(in->rules), NULL), "rules", rules);
	text = whole != NULL ? json_dumps(whole, JSON_INDENT(1)) : NULL;
	json_decref(whole);
	if (text == NULL)
		return ct_fail(CT_NOMEM, "no memory for the rules");
	ct_buf_add(&out->text, "%s\n", text);
	free(text);
	return CT_OK;
}

/* ---- two files ---------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_libs(const struct ct_rules_scope *a, const struct ct_rules_scope *b)
{
	bool same = a->nlibs == b->nlibs;

	for (size_t i = 0; i < a->nlibs && same; i++) {
		same = false;
		for (size_t k = 0; k < b->nlibs; k++)
			same |= strcmp(a->libs[i].name, b->libs[k].name) == 0 &&
				strcmp(a->libs[i].version, b->libs[k].version) == 0;
	}
	return same;
}

static ct_status check_scopes(const struct ct_rules_scope *a, const struct ct_rules_scope *b)
{
	const char *what = !same_text(a->machine, b->machine) ? "another machine" :
		!same_text(a->fingerprint, b->fingerprint) ? "another machine (fingerprint)" :
		!same_text(a->overlap, b->overlap) ? "another --overlap" :
		a->emulated != b->emulated ? "a machine and of a stand-in" :
		!same_libs(a, b) ? "other libraries or versions" :
		a->nodes_low != b->nodes_low || a->nodes_high != b->nodes_high ? "another number of nodes" : NULL;
	const struct ct_rules_scope *less = a->ranks_low <= b->ranks_low ? a : b, *more = less == a ? b : a;

	if (what != NULL)
		return ct_fail(CT_INVALID, "rules of %s cannot be joined", what);
	if (more->ranks_low > FURTHEST * less->ranks_high)
		return ct_fail(CT_INVALID, "rules for %llu and for %llu ranks per node are too far apart to hold "
			"between: search a number between, at most a factor of %d from each",
			(unsigned long long)less->ranks_high, (unsigned long long)more->ranks_low, (int)FURTHEST);
	return CT_OK;
}

static bool same_setting(const struct ct_rule *a, const struct ct_rule *b)
{
	bool same = a->coll == b->coll && a->type == b->type && a->nset == b->nset &&
		strcmp(a->backend, b->backend) == 0;

	for (uint32_t i = 0; i < a->nset && same; i++) {
		const struct ct_rule_set *other = ct_rule_setting(b, a->set[i].name);

		same = other != NULL && same_text(a->set[i].text, other->text) &&
			(other->text != NULL || a->set[i].number == other->number);
	}
	return same;
}

/* The ranks per node of both, ascending; those of a file without a list are its ends. */
static json_t *searched(const struct ct_rules_scope *a, const struct ct_rules_scope *b)
{
	const struct ct_rules_scope *each[2] = { a, b };
	json_t *list = json_array();
	uint64_t last = 0;
	bool any = false; /* without memory the list stays empty, and this ends all the same */

	for (;;) {
		uint64_t next = UINT64_MAX;

		for (int k = 0; k < 2; k++) {
			const uint64_t ends[2] = { each[k]->ranks_low, each[k]->ranks_high };
			const uint64_t *from = each[k]->nsearched > 0 ? each[k]->searched : ends;
			size_t n = each[k]->nsearched > 0 ? each[k]->nsearched : 2;

			for (size_t i = 0; i < n; i++)
				if (from[i] < next && (!any || from[i] > last))
					next = from[i];
		}
		if (next == UINT64_MAX)
			return list;
		(void)json_array_append_new(list, json_integer((json_int_t)next));
		last = next;
		any = true;
	}
}

/* Where both choose the same: with the gain that promises less. */
static json_t *common(const struct ct_rules *a, const struct ct_rules *b)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ct_rules_count(a); i++)
		for (size_t k = 0; k < ct_rules_count(b); k++) {
			const struct ct_rule *x = ct_rules_at(a, i), *y = ct_rules_at(b, k);
			struct ct_rule both = x->gain_low <= y->gain_low ? *x : *y;

			both.low = x->low > y->low ? x->low : y->low;
			both.high = x->high < y->high ? x->high : y->high;
			both.fresh = x->fresh < y->fresh ? x->fresh : y->fresh;
			if (both.low <= both.high && same_setting(x, y))
				(void)json_array_append_new(list, ct_export_rule_json(&both));
		}
	return list;
}

ct_status ct_rules_join(const struct ct_rules *a, const struct ct_rules *b, struct ct_rules **joined)
{
	const struct ct_rules_scope *x = ct_rules_scope(a), *y = ct_rules_scope(b);
	struct ct_rules_scope scope = *x;
	ct_status status = check_scopes(x, y);
	json_t *whole, *scope_json;
	char *text;

	if (status != CT_OK)
		return status;
	scope.ranks_low = x->ranks_low < y->ranks_low ? x->ranks_low : y->ranks_low;
	scope.ranks_high = x->ranks_high > y->ranks_high ? x->ranks_high : y->ranks_high;
	scope_json = ct_export_scope_json(&scope, NULL);
	(void)json_object_set_new(scope_json, "ranks_searched", searched(x, y));
	whole = json_pack("{s:s, s:o, s:o}", "schema", "colltune-rules/1", "scope", scope_json, "rules",
		common(a, b));
	text = whole != NULL ? json_dumps(whole, 0) : NULL;
	json_decref(whole);
	if (text == NULL)
		return ct_fail(CT_NOMEM, "no memory for the rules");
	status = ct_rules_parse(text, strlen(text), "the joined rules", joined);
	free(text);
	return status;
}
