/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules as a rules file again, and rules of two numbers of ranks as one file for the numbers between them.
 * At each size between holds, of the settings that both searches measured to be no slower than the default, that
 * which gains most in both together; where a file tells nothing of what was measured beside the choice, what both
 * chose. Where there is none the default stays.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "inside.h"

static const double no_slower = 0.95;  /* the lower end of a gain's interval */
static const double deviations = 1.96; /* 95 %, two-sided, as in a gain's interval */
static const double most_apart = 0.693; /* logarithm of 2 */
static const double as_fast = 0.04;    /* of two gains' product, a logarithm: 2 % each */

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
	for (uint32_t i = 0; json != NULL && i < rule->ngains; i++) {
		const struct ct_rule_gain *g = &rule->gains[i];

		if (i == 0)
			(void)json_object_set_new(json, "gains", json_array());
		(void)json_array_append_new(json_object_get(json, "gains"), json_pack("{s:[I, I], s:f, s:f, s:f}",
			"ranks_per_node", (json_int_t)g->ranks_low, (json_int_t)g->ranks_high, "ratio", g->ratio,
			"low", g->low, "high", g->high));
	}
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

bool ct_rule_same_setting(const struct ct_rule *a, const struct ct_rule *b)
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

/* ---- what both know ------------------------------------------------------------------------------ */

static struct ct_rule_gain gain_of(const struct ct_rules_scope *scope, const struct ct_rule *rule)
{
	return (struct ct_rule_gain){ scope->ranks_low, scope->ranks_high, rule->gain, rule->gain_low,
		rule->gain_high };
}

/* X of A and Y of B, which set the same, as one rule: with the gain that promises less. */
static struct ct_rule of_both(const struct ct_rules *a, const struct ct_rule *x, const struct ct_rules *b,
	const struct ct_rule *y)
{
	struct ct_rule both = x->gain_low <= y->gain_low ? *x : *y;

	both.fresh = x->fresh < y->fresh ? x->fresh : y->fresh;
	both.ngains = x->gain > 0 && y->gain > 0 ? CT_RULE_GAINS : 0;
	both.gains[0] = gain_of(ct_rules_scope(a), x);
	both.gains[1] = gain_of(ct_rules_scope(b), y);
	return both;
}

static double error_of(const struct ct_rule *rule)
{
	return log(rule->gain_high / rule->gain_low) / (2 * deviations);
}

/* Product of the gains of X and Y, a logarithm; 0: one may be slower than the default, or both together are not
 * surely faster. */
static double together(const struct ct_rule *x, const struct ct_rule *y)
{
	double gain = log(x->gain) + log(y->gain);

	if (x->gain_low < no_slower || y->gain_low < no_slower)
		return 0;
	return gain > deviations * hypot(error_of(x), error_of(y)) ? gain : 0;
}

/* Of the settings X and Y that both measured for KEY->low bytes that which gains most in both together, or
 * that of BEFORE (NULL: none) if it is as good, so that there are few rules. False: the default stays, also where
 * the gains of a setting are so far apart that the default may be another algorithm in each: what it is between
 * is not known. */
static bool choose_measured(const struct ct_rules *const from[2], const struct ct_rule *key,
	const struct ct_rule *before, struct ct_rule *out)
{
	double most = 0, kept = 0;
	struct ct_rule old = *key;
	size_t n[2];
	const struct ct_rule *x = ct_rules_measured(from[0], key, key->low, &n[0]);
	const struct ct_rule *y = ct_rules_measured(from[1], key, key->low, &n[1]);

	for (size_t i = 0; i < n[0] * n[1]; i++) {
		const struct ct_rule *a = &x[i / n[1]], *b = &y[i % n[1]];
		double gain = ct_rule_same_setting(a, b) ? together(a, b) : 0;

		if (ct_rule_same_setting(a, b) && fabs(log(a->gain / b->gain)) > most_apart)
			return false;
		if (gain > most) {
			most = gain;
			*out = of_both(from[0], a, from[1], b);
		}
		if (gain > kept && before != NULL && ct_rule_same_setting(a, before)) {
			kept = gain;
			old = of_both(from[0], a, from[1], b);
		}
	}
	if (kept > 0 && kept >= most - as_fast)
		*out = old;
	out->fresh = 0;
	return most > 0;
}

/* For KEY->low bytes and more: by what both measured there; where one of them does not tell, what both chose. */
static bool choose(const struct ct_rules *const from[2], const struct ct_rule *key, const struct ct_rule *before,
	struct ct_rule *out)
{
	const struct ct_rule *rule[2];
	bool told = true;

	for (int k = 0; k < 2; k++) {
		size_t n;

		rule[k] = ct_rules_pick(from[k], key->coll, key->backend, (ct_type)key->type, key->low);
		told = ct_rules_measured(from[k], key, key->low, &n) != NULL && told;
	}
	if (told)
		return choose_measured(from, key, before, out);
	if (rule[0] == NULL || rule[1] == NULL || ct_rule_key_order(rule[0], key) != 0 ||
		!ct_rule_same_setting(rule[0], rule[1]))
		return false;
	*out = of_both(from[0], rule[0], from[1], rule[1]);
	return true;
}

/* INTO goes on to the end of MORE, which sets the same: each gain the one that promises less. */
static void lengthen(struct ct_rule *into, const struct ct_rule *more)
{
	struct ct_rule lesser = more->gain_low < into->gain_low ? *more : *into;

	lesser.low = into->low;
	lesser.high = more->high;
	lesser.fresh = into->fresh < more->fresh ? into->fresh : more->fresh;
	lesser.ngains = into->ngains < more->ngains ? into->ngains : more->ngains;
	for (uint32_t k = 0; k < CT_RULE_GAINS; k++)
		lesser.gains[k] = more->gains[k].low < into->gains[k].low ? more->gains[k] : into->gains[k];
	*into = lesser;
}

/* Where something begins or ends in one of the two: between two neighbours nothing changes. */
static size_t put_ends(const struct ct_rule *rules, size_t count, struct ct_rule *ends)
{
	for (size_t i = 0; i < count; i++) {
		ends[2 * i] = ends[2 * i + 1] = rules[i];
		ends[2 * i + 1].low = rules[i].high + 1;
	}
	return 2 * count;
}

/* All ends, ascending; *N of them. Free with ct_free(). NULL: no memory. */
static struct ct_rule *ends_of(const struct ct_rules *a, const struct ct_rules *b, size_t *n)
{
	const struct ct_rules *both[2] = { a, b };
	const struct ct_rule *measured[2];
	size_t count[2], room = 0;
	struct ct_rule *ends;

	for (int k = 0; k < 2; k++) {
		measured[k] = ct_rules_all_measured(both[k], &count[k]);
		room += 2 * (ct_rules_count(both[k]) + count[k]);
	}
	ends = ct_alloc(room, sizeof(*ends));
	*n = 0;
	for (int k = 0; k < 2 && ends != NULL; k++) {
		*n += put_ends(ct_rules_at(both[k], 0), ct_rules_count(both[k]), ends + *n);
		*n += put_ends(measured[k], count[k], ends + *n);
	}
	if (*n > 0)
		qsort(ends, *n, sizeof(*ends), ct_rule_order);
	return ends;
}

/* The joined rules. A new reference; NULL: no memory. */
static json_t *common(const struct ct_rules *a, const struct ct_rules *b)
{
	const struct ct_rules *const from[2] = { a, b };
	json_t *list = json_array();
	struct ct_rule last = { .low = 0 }, now = { .low = 0 };
	size_t n;
	struct ct_rule *ends = ends_of(a, b, &n);
	bool any = false;

	for (size_t i = 0; i + 1 < n; i++) {
		bool beside;

		if (ct_rule_key_order(&ends[i], &ends[i + 1]) != 0 || ends[i].low == ends[i + 1].low)
			continue;
		beside = any && ct_rule_key_order(&last, &ends[i]) == 0 && last.high + 1 == ends[i].low;
		if (!choose(from, &ends[i], beside ? &last : NULL, &now))
			continue;
		now.low = ends[i].low;
		now.high = ends[i + 1].low - 1;
		if (beside && ct_rule_same_setting(&last, &now)) {
			lengthen(&last, &now);
			continue;
		}
		if (any)
			(void)json_array_append_new(list, ct_export_rule_json(&last));
		last = now;
		any = true;
	}
	if (any)
		(void)json_array_append_new(list, ct_export_rule_json(&last));
	if (ends == NULL) {
		json_decref(list);
		list = NULL;
	}
	ct_free(ends);
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
