/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules files: the design's example is taken, every bad one is refused with its message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rules/rules.h"

#define FIXTURES CT_TEST_SRCDIR "/tests/fixtures/"

static void test_example(void **state)
{
	struct ct_rules *rules = NULL;
	const struct ct_rules_scope *scope;
	const struct ct_rule *rule;

	(void)state;
	assert_int_equal(ct_rules_load(FIXTURES "rules.json", &rules), CT_OK);
	scope = ct_rules_scope(rules);
	assert_int_equal(scope->nodes_low, 1);
	assert_int_equal(scope->ranks_high, 4);
	assert_int_equal(scope->nlibs, 1);
	assert_string_equal(scope->libs[0].name, "nccl");
	assert_string_equal(scope->libs[0].version, "2.28");
	assert_int_equal(strlen(scope->machine), 71);
	assert_int_equal(ct_rules_count(rules), 1);
	assert_null(ct_rules_at(rules, 1));
	rule = ct_rules_at(rules, 0);
	assert_int_equal(rule->coll, CT_ALLREDUCE);
	assert_int_equal(rule->type, CT_RULES_ANY_TYPE);
	assert_string_equal(rule->backend, "nccl");
	assert_int_equal(rule->high, 65535);
	assert_int_equal(rule->nset, 3);
	assert_string_equal(ct_rule_setting(rule, "algo")->text, "tree");
	assert_null(ct_rule_setting(rule, "channels")->text);
	assert_int_equal(ct_rule_setting(rule, "channels")->number, 2);
	assert_null(ct_rule_setting(rule, "chunk"));
	assert_float_equal(rule->gain, 1.18, 1e-12);
	assert_float_equal(rule->gain_low, 1.12, 1e-12);
	assert_float_equal(rule->gain_high, 1.24, 1e-12);
	ct_rules_free(rules);
	ct_rules_free(NULL);
}

static void test_bad(void **state)
{
	json_t *cases = json_load_file(FIXTURES "rules-bad.json", 0, NULL);
	struct ct_rules *rules = NULL;

	(void)state;
	assert_true(json_array_size(cases) >= 28);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *one = json_array_get(cases, i);
		const char *want = json_string_value(json_object_get(one, "message"));
		char *text = json_dumps(json_object_get(one, "file"), 0);
		char line[512];

		assert_int_equal(ct_rules_parse(text, strlen(text), "r.json", &rules), CT_INVALID);
		snprintf(line, sizeof(line), want[0] == ':' ? "r.json%s" : "r.json: %s", want);
		assert_string_equal(ct_why(), line);
		assert_null(rules);
		free(text);
	}
	json_decref(cases);
}

static void refused(const char *text, const char *why)
{
	struct ct_rules *rules = NULL;

	assert_int_equal(ct_rules_parse(text, strlen(text), "r.json", &rules), CT_INVALID);
	if (strstr(ct_why(), why) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", why, ct_why());
	assert_null(rules);
}

static void test_syntax(void **state)
{
	(void)state;
	refused("", "r.json:1");
	refused("{\n\"schema\":\n", "r.json:");
	refused("{\"schema\":\"colltune-rules/1\",\"schema\":\"colltune-rules/1\"}", "r.json:1");
	/* 33 levels */
	refused("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "deeper");
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void load_refused(const char *path, ct_status status, const char *why)
{
	struct ct_rules *rules = NULL;
	char line[512];

	assert_int_equal(ct_rules_load(path, &rules), status);
	snprintf(line, sizeof(line), "%s: %s", path, why);
	assert_string_equal(ct_why(), line);
	assert_null(rules);
}

static void test_files(void **state)
{
	char dir[] = "/tmp/colltune-rules-XXXXXX", path[64], other[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rules.json", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	load_refused(path, CT_IO, "No such file or directory");
	load_refused(dir, CT_IO, "not a regular file");
	write_file(path, "{}", 0666);
	load_refused(path, CT_INVALID, "writable for everybody (chmod o-w)");
	write_file(path, "{}", 0644);
	load_refused(path, CT_INVALID, "/schema: missing");
	assert_int_equal(symlink(path, other), 0);
	load_refused(other, CT_IO, "is a symbolic link, which is not followed");
	unlink(other);
	assert_int_equal(mkfifo(other, 0600), 0);
	load_refused(other, CT_IO, "not a regular file");
	assert_int_equal(truncate(path, (off_t)CT_RULES_LIMIT + 1), 0);
	load_refused(path, CT_INVALID, "more than 16777216 bytes");
	unlink(other);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

/* Each allocation of ours fails in turn: an error each time, no leak (under the sanitizer). */
static void test_memory(void **state)
{
	struct ct_rules *rules = NULL;
	ct_status status = CT_NOMEM;
	uint64_t n = 0;

	(void)state;
	while (status == CT_NOMEM && n < 100) {
		ct_alloc_fail_nth(++n);
		status = ct_rules_load(FIXTURES "rules.json", &rules);
		ct_alloc_fail_nth(0);
	}
	assert_int_equal(status, CT_OK);
	assert_true(n > 4);
	ct_rules_free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("rules_parse", tests, NULL, NULL);
}
