/* SPDX-License-Identifier: BSD-3-Clause */
/* Where rules hold: "scope" of a rules file. */
#include <stdio.h>
#include <string.h>

#include "internal.h"

enum { LIBS_MOST = 32, SEARCHED_MOST = 64 };

static ct_status take_libs(json_t *libs, struct ct_rules *rules, const struct ct_rules_place *scope)
{
	struct ct_rules_place at = { scope->file, "/scope/libs" };
	size_t n = 0;

	if (libs == NULL)
		return CT_OK;
	if (!json_is_object(libs) || json_object_size(libs) > LIBS_MOST)
		return ct_rules_bad(scope, "libs", "not an object of at most 32 libraries");
	rules->libs = ct_alloc(json_object_size(libs), sizeof(*rules->libs));
	if (rules->libs == NULL)
		return CT_NOMEM;
	for (void *i = json_object_iter(libs); i != NULL; i = json_object_iter_next(libs, i)) {
		struct ct_rules_lib *lib = &rules->libs[n++];
		int end = 0;

		lib->name = json_object_iter_key(i);
		lib->version = json_string_value(json_object_iter_value(i));
		if (!ct_rules_is_word(lib->name))
			return ct_rules_bad(scope, "libs", "a library's name has other than letters, "
				"digits and _-.");
		if (lib->version == NULL ||
		    sscanf(lib->version, "%*5[0-9].%*5[0-9]%n", &end) != 0 || end == 0 ||
		    lib->version[end] != '\0')
			return ct_rules_bad(&at, lib->name, "not a version \"MAJOR.MINOR\"");
	}
	rules->scope.libs = rules->libs;
	rules->scope.nlibs = n;
	return CT_OK;
}

/* "sha256:" and 64 hexadecimal digits; NULL stays NULL. */
static ct_status take_digest(const json_t *object, const struct ct_rules_place *at, const char *key,
	const char **out)
{
	static const char prefix[] = "sha256:";
	const char *text = NULL;
	ct_status status = ct_json_text(object, key, at->file, at->pointer, &text);

	if (status == CT_OK && (strncmp(text, prefix, strlen(prefix)) != 0 ||
				       strlen(text) != strlen(prefix) + 64 ||
				       strspn(text + strlen(prefix), "0123456789abcdef") != 64))
		return ct_rules_bad(at, key, "not \"sha256:\" and 64 hexadecimal digits");
	*out = text;
	return status;
}

/* Ranks per node, ascending, within RANKS. */
static ct_status take_searched(const json_t *list, const struct ct_rules_place *at, const uint64_t ranks[2],
	struct ct_rules *rules)
{
	size_t n = json_array_size(list);

	if (list == NULL)
		return CT_OK;
	if (n == 0 || n > SEARCHED_MOST)
		return ct_rules_bad(at, "ranks_searched", "not a list of 1 to 64 numbers of ranks");
	rules->searched = ct_alloc(n, sizeof(*rules->searched));
	if (rules->searched == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(list, i);
		uint64_t before = i > 0 ? rules->searched[i - 1] + 1 : ranks[0];

		if (!json_is_integer(one) || json_integer_value(one) < 0 ||
			(uint64_t)json_integer_value(one) < before ||
			(uint64_t)json_integer_value(one) > ranks[1])
			return ct_rules_bad(at, "ranks_searched", "not ascending whole numbers within ranks_per_node");
		rules->searched[i] = (uint64_t)json_integer_value(one);
	}
	rules->scope.searched = rules->searched;
	rules->scope.nsearched = n;
	return CT_OK;
}

static ct_status take_overlap(const json_t *scope, const struct ct_rules_place *at, struct ct_rules *rules)
{
	const char *text = NULL;
	ct_status status = CT_OK;

	if (json_object_get(scope, "overlap") == NULL)
		return CT_OK;
	status = ct_json_text(scope, "overlap", at->file, at->pointer, &text);
	if (status == CT_OK && strcmp(text, "memory") != 0 && strcmp(text, "compute") != 0)
		return ct_rules_bad(at, "overlap", "not \"memory\" or \"compute\"");
	rules->scope.overlap = text;
	return status;
}

static ct_status take_emulated(const json_t *scope, const struct ct_rules_place *at, struct ct_rules *rules)
{
	const json_t *value = json_object_get(scope, "emulated");

	if (value != NULL && !json_is_boolean(value))
		return ct_rules_bad(at, "emulated", "not true or false");
	rules->scope.emulated = json_is_true(value);
	return CT_OK;
}

ct_status ct_rules_take_scope(json_t *scope, const char *file, struct ct_rules *rules)
{
	static const char *const known[] = { "machine", "fingerprint", "nodes", "ranks_per_node",
		"ranks_searched", "overlap", "emulated", "libs", NULL };
	struct ct_rules_place at = { file, "/scope" };
	uint64_t nodes[2] = { 0, 0 }, ranks[2] = { 0, 0 };
	ct_status status = ct_json_known(scope, file, at.pointer, known);

	if (status == CT_OK)
		status = take_digest(scope, &at, "machine", &rules->scope.machine);
	if (status == CT_OK && json_object_get(scope, "fingerprint") != NULL)
		status = take_digest(scope, &at, "fingerprint", &rules->scope.fingerprint);
	if (status == CT_OK)
		status = ct_rules_range(scope, &at, "nodes", nodes);
	if (status == CT_OK)
		status = ct_rules_range(scope, &at, "ranks_per_node", ranks);
	if (status == CT_OK)
		status = take_searched(json_object_get(scope, "ranks_searched"), &at, ranks, rules);
	if (status == CT_OK)
		status = take_overlap(scope, &at, rules);
	if (status == CT_OK)
		status = take_emulated(scope, &at, rules);
	if (status == CT_OK)
		status = take_libs(json_object_get(scope, "libs"), rules, &at);
	rules->scope.nodes_low = nodes[0];
	rules->scope.nodes_high = nodes[1];
	rules->scope.ranks_low = ranks[0];
	rules->scope.ranks_high = ranks[1];
	return status;
}
