/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune-rules/1: every value checked, every refusal with its JSON pointer. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define SCHEMA "colltune-rules/1"

enum { POINTER_ROOM = 64, SETS_MOST = 32, WORD_MOST = 63, LIBS_MOST = 32, CONSTANTS_MOST = 1024,
	SEARCHED_MOST = 64 };

static const double gain_most = 1e6, constant_most = 1e6;
static const json_int_t fresh_most = 1000000;

struct place {
	const char *file;
	char pointer[POINTER_ROOM]; /* of the object at hand */
};

static ct_status bad(const struct place *at, const char *key, const char *what)
{
	return ct_fail(CT_INVALID, "%s: %s/%s: %s", at->file, at->pointer, key, what);
}

/* Names that go into environment variables and tables: letters, digits and _ - . only. */
static bool is_word(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return n > 0 && n <= WORD_MOST && text[n] == '\0';
}

/* "key": [low, high], inclusive. */
static ct_status take_range(const json_t *object, const struct place *at, const char *key,
	uint64_t range[2])
{
	const json_t *pair = json_object_get(object, key);

	if (pair == NULL)
		return bad(at, key, "missing");
	if (!json_is_array(pair) || json_array_size(pair) != 2)
		return bad(at, key, "not a pair [low, high]");
	for (size_t i = 0; i < 2; i++) {
		const json_t *end = json_array_get(pair, i);

		if (!json_is_integer(end) || json_integer_value(end) < 0)
			return ct_fail(CT_INVALID, "%s: %s/%s/%zu: not a whole number from 0",
				at->file, at->pointer, key, i);
		range[i] = (uint64_t)json_integer_value(end);
	}
	if (range[0] > range[1])
		return ct_fail(CT_INVALID, "%s: %s/%s: low %llu is above high %llu", at->file,
			at->pointer, key, (unsigned long long)range[0],
			(unsigned long long)range[1]);
	return CT_OK;
}

static ct_status take_libs(json_t *libs, struct ct_rules *rules, const struct place *scope)
{
	struct place at = { scope->file, "/scope/libs" };
	size_t n = 0;

	if (libs == NULL)
		return CT_OK;
	if (!json_is_object(libs) || json_object_size(libs) > LIBS_MOST)
		return bad(scope, "libs", "not an object of at most 32 libraries");
	rules->libs = ct_alloc(json_object_size(libs), sizeof(*rules->libs));
	if (rules->libs == NULL)
		return CT_NOMEM;
	for (void *i = json_object_iter(libs); i != NULL; i = json_object_iter_next(libs, i)) {
		struct ct_rules_lib *lib = &rules->libs[n++];
		int end = 0;

		lib->name = json_object_iter_key(i);
		lib->version = json_string_value(json_object_iter_value(i));
		if (!is_word(lib->name))
			return bad(scope, "libs", "a library's name has other than letters, "
				"digits and _-.");
		if (lib->version == NULL ||
		    sscanf(lib->version, "%*5[0-9].%*5[0-9]%n", &end) != 0 || end == 0 ||
		    lib->version[end] != '\0')
			return bad(&at, lib->name, "not a version \"MAJOR.MINOR\"");
	}
	rules->scope.libs = rules->libs;
	rules->scope.nlibs = n;
	return CT_OK;
}

/* "sha256:" and 64 hexadecimal digits; NULL stays NULL. */
static ct_status take_digest(const json_t *object, const struct place *at, const char *key,
	const char **out)
{
	static const char prefix[] = "sha256:";
	const char *text = NULL;
	ct_status status = ct_json_text(object, key, at->file, at->pointer, &text);

	if (status == CT_OK && (strncmp(text, prefix, strlen(prefix)) != 0 ||
				       strlen(text) != strlen(prefix) + 64 ||
				       strspn(text + strlen(prefix), "0123456789abcdef") != 64))
		return bad(at, key, "not \"sha256:\" and 64 hexadecimal digits");
	*out = text;
	return status;
}

/* Ranks per node, ascending, within RANKS. */
static ct_status take_searched(const json_t *list, const struct place *at, const uint64_t ranks[2],
	struct ct_rules *rules)
{
	size_t n = json_array_size(list);

	if (list == NULL)
		return CT_OK;
	if (n == 0 || n > SEARCHED_MOST)
		return bad(at, "ranks_searched", "not a list of 1 to 64 numbers of ranks");
	rules->searched = ct_alloc(n, sizeof(*rules->searched));
	if (rules->searched == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(list, i);
		uint64_t before = i > 0 ? rules->searched[i - 1] + 1 : ranks[0];

		if (!json_is_integer(one) || json_integer_value(one) < 0 ||
			(uint64_t)json_integer_value(one) < before ||
			(uint64_t)json_integer_value(one) > ranks[1])
			return bad(at, "ranks_searched", "not ascending whole numbers within ranks_per_node");
		rules->searched[i] = (uint64_t)json_integer_value(one);
	}
	rules->scope.searched = rules->searched;
	rules->scope.nsearched = n;
	return CT_OK;
}

static ct_status take_overlap(const json_t *scope, const struct place *at, struct ct_rules *rules)
{
	const char *text = NULL;
	ct_status status = CT_OK;

	if (json_object_get(scope, "overlap") == NULL)
		return CT_OK;
	status = ct_json_text(scope, "overlap", at->file, at->pointer, &text);
	if (status == CT_OK && strcmp(text, "memory") != 0 && strcmp(text, "compute") != 0)
		return bad(at, "overlap", "not \"memory\" or \"compute\"");
	rules->scope.overlap = text;
	return status;
}

static ct_status take_emulated(const json_t *scope, const struct place *at, struct ct_rules *rules)
{
	const json_t *value = json_object_get(scope, "emulated");

	if (value != NULL && !json_is_boolean(value))
		return bad(at, "emulated", "not true or false");
	rules->scope.emulated = json_is_true(value);
	return CT_OK;
}

static ct_status take_scope(json_t *scope, const char *file, struct ct_rules *rules)
{
	static const char *const known[] = { "machine", "fingerprint", "nodes", "ranks_per_node",
		"ranks_searched", "overlap", "emulated", "libs", NULL };
	struct place at = { file, "/scope" };
	uint64_t nodes[2] = { 0, 0 }, ranks[2] = { 0, 0 };
	ct_status status = ct_json_known(scope, file, at.pointer, known);

	if (status == CT_OK)
		status = take_digest(scope, &at, "machine", &rules->scope.machine);
	if (status == CT_OK && json_object_get(scope, "fingerprint") != NULL)
		status = take_digest(scope, &at, "fingerprint", &rules->scope.fingerprint);
	if (status == CT_OK)
		status = take_range(scope, &at, "nodes", nodes);
	if (status == CT_OK)
		status = take_range(scope, &at, "ranks_per_node", ranks);
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

/* Operation, type: the message of base's parsers lacks the place, so it is put before it. */
static ct_status placed(const struct place *at, const char *key)
{
	char why[256];

	snprintf(why, sizeof(why), "%s", ct_why());
	return bad(at, key, why);
}

static ct_status take_key(const json_t *object, const struct place *at, struct ct_rule *rule)
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
	if (!is_word(rule->backend))
		return bad(at, "backend", "not a name of letters, digits and _-.");
	if (strcmp(type, "any") == 0) {
		rule->type = CT_RULES_ANY_TYPE;
		return CT_OK;
	}
	if (ct_type_parse(type, &one) != CT_OK)
		return placed(at, "type");
	rule->type = (int32_t)one;
	return CT_OK;
}

static ct_status take_gain(const json_t *gain, const struct place *rule_at, struct ct_rule *rule)
{
	static const char *const known[] = { "ratio", "low", "high", NULL };
	double *const into[] = { &rule->gain, &rule->gain_low, &rule->gain_high };
	struct place at = { rule_at->file, "" };
	ct_status status;

	if (gain == NULL)
		return CT_OK;
	snprintf(at.pointer, sizeof(at.pointer), "%.48s/gain", rule_at->pointer);
	status = ct_json_known(gain, at.file, at.pointer, known);
	for (size_t i = 0; status == CT_OK && known[i] != NULL; i++) {
		const json_t *number = json_object_get(gain, known[i]);
		double value = json_number_value(number);

		if (!json_is_number(number))
			return bad(&at, known[i], number == NULL ? "missing" : "not a number");
		if (!(value > 0) || value > gain_most)
			return bad(&at, known[i], "not above 0 and at most 1e6");
		*into[i] = value;
	}
	if (status == CT_OK && (rule->gain_low > rule->gain || rule->gain > rule->gain_high))
		return bad(rule_at, "gain", "ratio lies outside low to high");
	return status;
}

static ct_status take_set(json_t *set, const struct place *rule_at, struct ct_rules *rules,
	struct ct_rule *rule)
{
	struct place at = { rule_at->file, "" };

	snprintf(at.pointer, sizeof(at.pointer), "%.48s/set", rule_at->pointer);
	rule->set = &rules->sets[rules->nsets];
	for (void *i = json_object_iter(set); i != NULL; i = json_object_iter_next(set, i)) {
		const json_t *value = json_object_iter_value(i);
		struct ct_rule_set *one = &rules->sets[rules->nsets++];

		one->name = json_object_iter_key(i);
		if (!is_word(one->name))
			return bad(rule_at, "set", "a name has other than letters, digits and _-.");
		if (json_is_integer(value))
			one->number = json_integer_value(value);
		else if (json_is_boolean(value))
			one->text = json_is_true(value) ? "true" : "false";
		else if (json_is_string(value) && is_word(json_string_value(value)))
			one->text = json_string_value(value);
		else
			return bad(&at, one->name, "not a word, a whole number, true or false");
		rule->nset++;
	}
	return CT_OK;
}

static ct_status take_fresh(const json_t *number, const struct place *at, struct ct_rule *rule)
{
	rule->fresh = number != NULL ? json_integer_value(number) : -1;
	if (number != NULL && (!json_is_integer(number) || rule->fresh < 0 || rule->fresh > fresh_most))
		return bad(at, "fresh_samples", "not a whole number from 0 to 1e6");
	return CT_OK;
}

static ct_status take_rule(json_t *object, const char *file, struct ct_rules *rules, size_t index)
{
	static const char *const known[] = { "coll", "backend", "type", "bytes", "set", "gain",
		"fresh_samples", NULL };
	struct ct_rule *rule = &rules->rules[index];
	struct place at = { file, "" };
	uint64_t bytes[2] = { 0, 0 };
	ct_status status;

	snprintf(at.pointer, sizeof(at.pointer), "/rules/%zu", index);
	rule->index = (uint32_t)index;
	status = ct_json_known(object, file, at.pointer, known);
	if (status == CT_OK)
		status = take_key(object, &at, rule);
	if (status == CT_OK)
		status = take_range(object, &at, "bytes", bytes);
	rule->low = bytes[0];
	rule->high = bytes[1];
	if (status == CT_OK)
		status = take_set(json_object_get(object, "set"), &at, rules, rule);
	if (status == CT_OK)
		status = take_gain(json_object_get(object, "gain"), &at, rule);
	if (status == CT_OK)
		status = take_fresh(json_object_get(object, "fresh_samples"), &at, rule);
	return status;
}

/* Room for the settings of all rules, counted beforehand, so that pointers into it stay. */
static ct_status count_sets(const json_t *array, const char *file, size_t *count)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *set = json_object_get(json_array_get(array, i), "set");

		/* A rule that is no object at all is refused later, with its own message. */
		if (!json_is_object(json_array_get(array, i)))
			continue;
		if (!json_is_object(set) || json_object_size(set) == 0 ||
		    json_object_size(set) > SETS_MOST)
			return ct_fail(CT_INVALID, "%s: /rules/%zu/set: %s", file, i,
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

static ct_status take_rules(const json_t *array, const char *file, struct ct_rules *rules)
{
	size_t n = json_array_size(array), nsets = 0;
	ct_status status;

	if (!json_is_array(array))
		return ct_fail(CT_INVALID, "%s: /rules: %s", file,
			array == NULL ? "missing" : "not a list");
	status = count_sets(array, file, &nsets);
	if (status != CT_OK)
		return status;
	rules->rules = ct_alloc(n, sizeof(*rules->rules));
	rules->sets = ct_alloc(nsets, sizeof(*rules->sets));
	if (rules->rules == NULL || rules->sets == NULL)
		return CT_NOMEM;
	for (size_t i = 0; status == CT_OK && i < n; i++)
		status = take_rule(json_array_get(array, i), file, rules, i);
	if (status != CT_OK)
		return status;
	rules->nrules = n;
	if (n > 0)
		qsort(rules->rules, n, sizeof(*rules->rules), ct_rule_order);
	return check_overlap(rules, file);
}

/* {"nccl": {"hop_us.net.ring.simple": 14.0}} */
static ct_status take_constants(json_t *all, const char *file, struct ct_rules *rules)
{
	struct place at = { file, "/constants" };
	const char *backend, *name;
	json_t *group, *value;
	size_t room = 0;

	if (all == NULL)
		return CT_OK;
	if (!json_is_object(all))
		return ct_fail(CT_INVALID, "%s: /constants: not an object", file);
	json_object_foreach(all, backend, group) {
		if (!is_word(backend) || !json_is_object(group))
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

			if (!is_word(name))
				return ct_fail(CT_INVALID, "%s: /constants/%s: a name has other than "
					"letters, digits and _-.", file, backend);
			if (!json_is_number(value) || !(number >= 0) || number > constant_most)
				return bad(&at, name, "not a number from 0 to 1e6");
			rules->constants[rules->nconstants++] =
				(struct ct_rules_constant){ backend, name, number };
		}
	}
	return CT_OK;
}

static ct_status take_file(json_t *whole, const char *file, struct ct_rules *rules)
{
	static const char *const known[] = { "schema", "scope", "rules", "constants", NULL };
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
		status = take_scope(json_object_get(whole, "scope"), file, rules);
	if (status == CT_OK)
		status = take_rules(json_object_get(whole, "rules"), file, rules);
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

/* The checks are made on what is open, so that the file cannot be exchanged between. */
static ct_status check_open(int fd, const char *path, size_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return ct_fail(CT_IO, "%s: not a regular file", path);
	if ((st.st_mode & S_IWOTH) != 0)
		return ct_fail(CT_INVALID, "%s: writable for everybody (chmod o-w)", path);
	if (st.st_size > (off_t)CT_RULES_LIMIT)
		return ct_fail(CT_INVALID, "%s: more than %zu bytes", path, CT_RULES_LIMIT);
	*bytes = (size_t)st.st_size;
	return CT_OK;
}

static ct_status read_text(int fd, const char *path, char *text, size_t bytes)
{
	for (size_t used = 0; used < bytes;) {
		ssize_t n = read(fd, text + used, bytes - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ct_fail(CT_IO, "%s: %s", path,
				n < 0 ? strerror(errno) : "shrinks while it is read");
		used += (size_t)n;
	}
	return CT_OK;
}

ct_status ct_rules_read(const char *path, char **text, size_t *bytes)
{
	/* O_NONBLOCK: a pipe in the file's place must not hold us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	char *made = NULL;
	ct_status status;

	if (fd < 0)
		return ct_fail(CT_IO, "%s: %s", path,
			errno == ELOOP ? "is a symbolic link, which is not followed" :
					 strerror(errno));
	status = check_open(fd, path, bytes);
	if (status == CT_OK) {
		made = ct_alloc(*bytes + 1, 1);
		status = made != NULL ? read_text(fd, path, made, *bytes) : CT_NOMEM;
	}
	close(fd);
	if (status == CT_OK)
		*text = made;
	else
		ct_free(made);
	return status;
}

ct_status ct_rules_load(const char *path, struct ct_rules **rules)
{
	char *text = NULL;
	size_t bytes = 0;
	ct_status status = ct_rules_read(path, &text, &bytes);

	if (status == CT_OK)
		status = ct_rules_parse(text, bytes, path, rules);
	ct_free(text);
	return status;
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
	ct_free(rules->sets);
	ct_free(rules);
}
