/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune-rules/1: every value checked, every refusal with its JSON pointer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define SCHEMA "colltune-rules/1"

enum { SETS_MOST = 32, CONSTANTS_MOST = 1024, MEASURED_MOST = 32768, MEASURED_AT_ONCE = 32 };

static const double gain_most = 1e6, constant_most = 1e6;
static const json_int_t fresh_most = 1000000;

/* Operation, type: the message of base's parsers lacks the place, so it is put before it. */
static ct_status placed(const struct ct_rules_place *at, const char *key)
{
	char why[256];

	snprintf(why, sizeof(why), "%s", ct_why());
	return ct_rules_bad(at, key, why);
}

static ct_status take_key(const json_t *object, const struct ct_rules_place *at, struct ct_rule *rule)
{
	const char *coll = NULL, *type = NULL;
	ct_type one = CT_FLOAT;
	ct_status status = ct_json_text(object, "coll", at->file, at->pointer, &coll);

	if (status == CT_OK)
		status = ct_json_text(object, "backend", at->file, at->pointer, &rule->backend);
	if (status == CT_OK)
		status = ct_json_text(object, "type", at->file, at->pointer, &type);
	if (status != CT_OK)
		return status;
	if (ct_coll_parse(coll, &rule->coll) != CT_OK)
		return placed(at, "coll");
	if (!ct_rules_is_word(rule->backend))
		return ct_rules_bad(at, "backend", "not a name of letters, digits and _-.");
	if (strcmp(type, "any") == 0) {
		rule->type = CT_RULES_ANY_TYPE;
		return CT_OK;
	}
	if (ct_type_parse(type, &one) != CT_OK)
		return placed(at, "type");
	rule->type = (int32_t)one;
	return CT_OK;
}

/* The three numbers of a gain. KEY: where they are in RULE_AT. */
static ct_status take_ratio(const json_t *gain, const struct ct_rules_place *rule_at, const char *key,
	struct ct_rule_gain *out)
{
	static const char *const names[] = { "ratio", "low", "high" };
	double *const into[] = { &out->ratio, &out->low, &out->high };
	struct ct_rules_place at = { rule_at->file, "" };

	snprintf(at.pointer, sizeof(at.pointer), "%.48s/%.12s", rule_at->pointer, key);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const json_t *number = json_object_get(gain, names[i]);
		double value = json_number_value(number);

		if (!json_is_number(number))
			return ct_rules_bad(&at, names[i], number == NULL ? "missing" : "not a number");
		if (!(value > 0) || value > gain_most)
			return ct_rules_bad(&at, names[i], "not above 0 and at most 1e6");
		*into[i] = value;
	}
	if (out->low > out->ratio || out->ratio > out->high)
		return ct_rules_bad(rule_at, key, "ratio lies outside low to high");
	return CT_OK;
}

static ct_status take_gain(const json_t *gain, const struct ct_rules_place *rule_at, struct ct_rule *rule)
{
	static const char *const known[] = { "ratio", "low", "high", NULL };
	struct ct_rule_gain one = { .ratio = 0 };
	char pointer[CT_RULES_POINTER];
	ct_status status;

	if (gain == NULL)
		return CT_OK;
	snprintf(pointer, sizeof(pointer), "%.48s/gain", rule_at->pointer);
	status = ct_json_known(gain, rule_at->file, pointer, known);
	if (status == CT_OK)
		status = take_ratio(gain, rule_at, "gain", &one);
	rule->gain = one.ratio;
	rule->gain_low = one.low;
	rule->gain_high = one.high;
	return status;
}

/* Of a joined rule: what each of the two searches found. */
static ct_status take_gains(const json_t *gains, const struct ct_rules_place *rule_at, struct ct_rule *rule)
{
	static const char *const known[] = { "ranks_per_node", "ratio", "low", "high", NULL };

	if (gains == NULL)
		return CT_OK;
	if (json_array_size(gains) != CT_RULE_GAINS)
		return ct_rules_bad(rule_at, "gains", "not a list of two gains");
	for (size_t i = 0; i < CT_RULE_GAINS; i++) {
		const json_t *one = json_array_get(gains, i);
		uint64_t ranks[2] = { 0, 0 };
		struct ct_rules_place at = { rule_at->file, "" };
		char key[16];
		ct_status status;

		snprintf(key, sizeof(key), "gains/%zu", i);
		snprintf(at.pointer, sizeof(at.pointer), "%.48s/%.12s", rule_at->pointer, key);
		status = ct_json_known(one, at.file, at.pointer, known);
		if (status == CT_OK)
			status = ct_rules_range(one, &at, "ranks_per_node", ranks);
		if (status == CT_OK)
			status = take_ratio(one, rule_at, key, &rule->gains[i]);
		if (status != CT_OK)
			return status;
		rule->gains[i].ranks_low = ranks[0];
		rule->gains[i].ranks_high = ranks[1];
	}
	rule->ngains = CT_RULE_GAINS;
	return CT_OK;
}

static ct_status take_set(json_t *set, const struct ct_rules_place *rule_at, struct ct_rules *rules,
	struct ct_rule *rule)
{
	struct ct_rules_place at = { rule_at->file, "" };

	snprintf(at.pointer, sizeof(at.pointer), "%.48s/set", rule_at->pointer);
	rule->set = &rules->sets[rules->nsets];
	for (void *i = json_object_iter(set); i != NULL; i = json_object_iter_next(set, i)) {
		const json_t *value = json_object_iter_value(i);
		struct ct_rule_set *one = &rules->sets[rules->nsets++];

		one->name = json_object_iter_key(i);
		if (!ct_rules_is_word(one->name))
			return ct_rules_bad(rule_at, "set", "a name has other than letters, digits and _-.");
		if (json_is_integer(value))
			one->number = json_integer_value(value);
		else if (json_is_boolean(value))
			one->text = json_is_true(value) ? "true" : "false";
		else if (json_is_string(value) && ct_rules_is_word(json_string_value(value)))
			one->text = json_string_value(value);
		else
			return ct_rules_bad(&at, one->name, "not a word, a whole number, true or false");
		rule->nset++;
	}
	return CT_OK;
}

static ct_status take_fresh(const json_t *number, const struct ct_rules_place *at, struct ct_rule *rule)
{
	rule->fresh = number != NULL ? json_integer_value(number) : -1;
	if (number != NULL && (!json_is_integer(number) || rule->fresh < 0 || rule->fresh > fresh_most))
		return ct_rules_bad(at, "fresh_samples", "not a whole number from 0 to 1e6");
	return CT_OK;
}

/* LIST: "rules" or "measured"; into RULE. */
static ct_status take_rule(json_t *object, const struct ct_rules_place *list, struct ct_rules *rules, size_t index,
	struct ct_rule *rule)
{
	static const char *const known[] = { "coll", "backend", "type", "bytes", "set", "gain",
		"gains", "fresh_samples", NULL };
	struct ct_rules_place at = { list->file, "" };
	uint64_t bytes[2] = { 0, 0 };
	ct_status status;

	snprintf(at.pointer, sizeof(at.pointer), "%.16s/%zu", list->pointer, index);
	rule->index = (uint32_t)index;
	status = ct_json_known(object, at.file, at.pointer, known);
	if (status == CT_OK)
		status = take_key(object, &at, rule);
	if (status == CT_OK)
		status = ct_rules_range(object, &at, "bytes", bytes);
	rule->low = bytes[0];
	rule->high = bytes[1];
	if (status == CT_OK)
		status = take_set(json_object_get(object, "set"), &at, rules, rule);
	if (status == CT_OK)
		status = take_gain(json_object_get(object, "gain"), &at, rule);
	if (status == CT_OK)
		status = take_gains(json_object_get(object, "gains"), &at, rule);
	if (status == CT_OK)
		status = take_fresh(json_object_get(object, "fresh_samples"), &at, rule);
	return status;
}

/* Room for the settings of all rules, counted beforehand, so that pointers into it stay. */
static ct_status count_sets(const json_t *array, const struct ct_rules_place *list, size_t *count)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *set = json_object_get(json_array_get(array, i), "set");

		/* A rule that is no object at all is refused later, with its own message. */
		if (!json_is_object(json_array_get(array, i)))
			continue;
		if (!json_is_object(set) || json_object_size(set) == 0 ||
		    json_object_size(set) > SETS_MOST)
			return ct_fail(CT_INVALID, "%s: %s/%zu/set: %s", list->file, list->pointer, i,
				set == NULL ? "missing" : "not an object of 1 to 32 settings");
		*count += json_object_size(set);
	}
	return CT_OK;
}

/* The rules are sorted: an overlap is one of neighbours. */
static ct_status check_overlap(const struct ct_rules *rules, const char *file)
{
	for (size_t i = 1; i < rules->nrules; i++) {
		const struct ct_rule *a = &rules->rules[i - 1], *b = &rules->rules[i];

		if (ct_rule_key_order(a, b) == 0 && b->low <= a->high)
			return ct_fail(CT_INVALID, "%s: /rules/%u/bytes: overlaps /rules/%u/bytes "
				"for %s, %s, %s", file, b->index > a->index ? b->index : a->index,
				b->index > a->index ? a->index : b->index, ct_coll_name(a->coll),
				a->backend, a->type == CT_RULES_ANY_TYPE ?
				"any" : ct_type_name((ct_type)a->type));
	}
	return CT_OK;
}

/* What was measured at one size stands side by side: ranges of one key are equal, or do not overlap. */
static ct_status check_measured(const struct ct_rules *rules, const char *file)
{
	size_t alike = 1;

	for (size_t i = 0; i < rules->nmeasured; i++) {
		const struct ct_rule *now = &rules->measured[i], *before = i > 0 ? now - 1 : NULL;

		if (now->gain == 0)
			return ct_fail(CT_INVALID, "%s: /measured/%u/gain: missing", file, now->index);
		if (before == NULL || ct_rule_key_order(before, now) != 0 || now->low > before->high) {
			alike = 1;
			continue;
		}
		if (now->low != before->low || now->high != before->high)
			return ct_fail(CT_INVALID, "%s: /measured/%u/bytes: overlaps /measured/%u/bytes, and is not "
				"the same", file, now->index, before->index);
		if (++alike > MEASURED_AT_ONCE)
			return ct_fail(CT_INVALID, "%s: /measured: more than %d settings for bytes [%llu, %llu]", file,
				MEASURED_AT_ONCE, (unsigned long long)now->low, (unsigned long long)now->high);
	}
	return CT_OK;
}

/* The N objects of ARRAY into *INTO, in the order of ct_rule_order(). */
static ct_status take_list(const json_t *array, const struct ct_rules_place *list, struct ct_rules *rules,
	struct ct_rule **into)
{
	size_t n = json_array_size(array);
	ct_status status = CT_OK;

	*into = ct_alloc(n, sizeof(**into));
	if (*into == NULL)
		return CT_NOMEM;
	for (size_t i = 0; status == CT_OK && i < n; i++)
		status = take_rule(json_array_get(array, i), list, rules, i, &(*into)[i]);
	if (status == CT_OK && n > 0)
		qsort(*into, n, sizeof(**into), ct_rule_order);
	return status;
}

static ct_status take_rules(const json_t *array, const json_t *measured, const char *file, struct ct_rules *rules)
{
	const struct ct_rules_place lists[2] = { { file, "/rules" }, { file, "/measured" } };
	size_t nsets = 0;
	ct_status status;

	if (!json_is_array(array))
		return ct_fail(CT_INVALID, "%s: /rules: %s", file,
			array == NULL ? "missing" : "not a list");
	if (measured != NULL && (!json_is_array(measured) || json_array_size(measured) > MEASURED_MOST))
		return ct_fail(CT_INVALID, "%s: /measured: not a list of at most %d settings", file, MEASURED_MOST);
	status = count_sets(array, &lists[0], &nsets);
	if (status == CT_OK)
		status = count_sets(measured, &lists[1], &nsets);
	if (status != CT_OK)
		return status;
	rules->sets = ct_alloc(nsets, sizeof(*rules->sets));
	if (rules->sets == NULL)
		return CT_NOMEM;
	status = take_list(array, &lists[0], rules, &rules->rules);
	if (status == CT_OK)
		status = take_list(measured, &lists[1], rules, &rules->measured);
	if (status != CT_OK)
		return status;
	rules->nrules = json_array_size(array);
	rules->nmeasured = json_array_size(measured);
	status = check_overlap(rules, file);
	return status == CT_OK ? check_measured(rules, file) : status;
}

/* {"nccl": {"hop_us.net.ring.simple": 14.0}} */
static ct_status take_constants(json_t *all, const char *file, struct ct_rules *rules)
{
	struct ct_rules_place at = { file, "/constants" };
	const char *backend, *name;
	json_t *group, *value;
	size_t room = 0;

	if (all == NULL)
		return CT_OK;
	if (!json_is_object(all))
		return ct_fail(CT_INVALID, "%s: /constants: not an object", file);
	json_object_foreach(all, backend, group) {
		if (!ct_rules_is_word(backend) || !json_is_object(group))
			return ct_fail(CT_INVALID, "%s: /constants: a backend's constants are no object "
				"with a name of letters, digits and _-.", file);
		room += json_object_size(group);
	}
	if (room > CONSTANTS_MOST)
		return ct_fail(CT_INVALID, "%s: /constants: %zu constants, at most %d", file, room,
			CONSTANTS_MOST);
	rules->constants = ct_alloc(room, sizeof(*rules->constants));
	if (rules->constants == NULL)
		return CT_NOMEM;
	json_object_foreach(all, backend, group) {
		json_object_foreach(group, name, value) {
			double number = json_number_value(value);

			if (!ct_rules_is_word(name))
				return ct_fail(CT_INVALID, "%s: /constants/%s: a name has other than "
					"letters, digits and _-.", file, backend);
			if (!json_is_number(value) || !(number >= 0) || number > constant_most)
				return ct_rules_bad(&at, name, "not a number from 0 to 1e6");
			rules->constants[rules->nconstants++] =
				(struct ct_rules_constant){ backend, name, number };
		}
	}
	return CT_OK;
}

static ct_status take_file(json_t *whole, const char *file, struct ct_rules *rules)
{
	static const char *const known[] = { "schema", "scope", "rules", "measured", "constants", NULL };
	const char *schema = NULL;
	ct_status status;

	if (!json_is_object(whole))
		return ct_fail(CT_INVALID, "%s: not an object, so no %s", file, SCHEMA);
	status = ct_json_text(whole, "schema", file, "", &schema);
	if (status == CT_OK && strcmp(schema, SCHEMA) != 0)
		return ct_fail(CT_INVALID, "%s: /schema: \"%.64s\" is not \"%s\"", file, schema,
			SCHEMA);
	if (status == CT_OK)
		status = ct_json_known(whole, file, "", known);
	if (status == CT_OK && json_object_get(whole, "scope") == NULL)
		status = ct_fail(CT_INVALID, "%s: /scope: missing", file);
	if (status == CT_OK)
		status = ct_rules_take_scope(json_object_get(whole, "scope"), file, rules);
	if (status == CT_OK)
		status = take_rules(json_object_get(whole, "rules"), json_object_get(whole, "measured"), file,
			rules);
	if (status == CT_OK)
		status = take_constants(json_object_get(whole, "constants"), file, rules);
	return status;
}

ct_status ct_rules_parse(const char *text, size_t bytes, const char *name,
	struct ct_rules **rules)
{
	struct ct_rules *made;
	ct_status status;

	if (bytes > CT_RULES_LIMIT)
		return ct_fail(CT_INVALID, "%s: more than %zu bytes", name, CT_RULES_LIMIT);
	made = ct_alloc(1, sizeof(*made));
	if (made == NULL)
		return CT_NOMEM;
	status = ct_json_parse(text, bytes, name, &made->json);
	if (status == CT_OK)
		status = take_file(made->json, name, made);
	if (status != CT_OK) {
		ct_rules_free(made);
		return status;
	}
	ct_sha256_text(text, bytes, made->hash);
	*rules = made;
	return CT_OK;
}

void ct_rules_free(struct ct_rules *rules)
{
	if (rules == NULL)
		return;
	json_decref(rules->json);
	ct_free(rules->libs);
	ct_free(rules->searched);
	ct_free(rules->constants);
	ct_free(rules->rules);
	ct_free(rules->measured);
	ct_free(rules->sets);
	ct_free(rules);
}
