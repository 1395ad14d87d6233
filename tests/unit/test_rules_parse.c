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

/* What a search says of how it came to its rules. */
static void test_origin(void **state)
{
	static const char text[] = "{\"schema\":\"colltune-rules/1\",\"scope\":{\"machine\":\"sha256:"
		"ad46869a06647c02a7117e11679f7e42bbb22b3a714ffd61c85e53de611cf9b1\",\"nodes\":[1,1],"
		"\"ranks_per_node\":[2,4],\"ranks_searched\":[2,4],\"overlap\":\"memory\",\"emulated\":true},\"rules\":["
		"{\"coll\":\"allreduce\",\"backend\":\"native\",\"type\":\"any\",\"bytes\":[8,15],"
		"\"set\":{\"algo\":\"ring\"},\"fresh_samples\":0},"
		"{\"coll\":\"allreduce\",\"backend\":\"native\",\"type\":\"any\",\"bytes\":[16,31],"
		"\"set\":{\"algo\":\"ring\"}}]}";
	struct ct_rules *rules = NULL;
	const struct ct_rules_scope *scope;

	(void)state;
	assert_int_equal(ct_rules_parse(text, strlen(text), "text", &rules), CT_OK);
	scope = ct_rules_scope(rules);
	assert_int_equal(scope->nsearched, 2);
	assert_int_equal(scope->searched[0], 2);
	assert_int_equal(scope->searched[1], 4);
	assert_string_equal(scope->overlap, "memory");
	assert_true(scope->emulated);
	assert_int_equal(ct_rules_at(rules, 0)->fresh, 0);
	assert_int_equal(ct_rules_at(rules, 1)->fresh, -1);
	ct_rules_free(rules);
}

static void test_constants(void **state)
{
	static const char digest[] =
		"sha256:ad46869a06647c02a7117e11679f7e42bbb22b3a714ffd61c85e53de611cf9b1";
	const char *const bad[] = { "7", "{\"nccl\":7}", "{\"nc cl\":{}}", "{\"nccl\":{\"a b\":1}}",
		"{\"nccl\":{\"a\":-1}}", "{\"nccl\":{\"a\":1e7}}", "{\"nccl\":{\"a\":\"1\"}}" };
	const struct ct_rules_constant *constants;
	struct ct_rules *rules = NULL;
	char text[512];
	size_t n;

	(void)state;
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		bool good = i == sizeof(bad) / sizeof(bad[0]);

		n = (size_t)snprintf(text, sizeof(text), "{\"schema\":\"colltune-rules/1\",\"scope\":"
			"{\"machine\":\"%s\",\"fingerprint\":\"%s\",\"nodes\":[1,1],\"ranks_per_node\":"
			"[1,1]},\"rules\":[],\"constants\":%s}", digest, digest,
			good ? "{\"nccl\":{\"base_us.tree.ll\":6.5}}" : bad[i]);
		assert_int_equal(ct_rules_parse(text, n, "t", &rules), good ? CT_OK : CT_INVALID);
		if (!good)
			assert_non_null(strstr(ct_why(), "/constants"));
	}
	constants = ct_rules_constants(rules, &n);
	assert_int_equal(n, 1);
	assert_string_equal(constants->backend, "nccl");
	assert_string_equal(constants->name, "base_us.tree.ll");
	assert_float_equal(constants->value, 6.5, 0);
	assert_string_equal(ct_rules_scope(rules)->fingerprint, digest);
	assert_int_equal(strncmp(ct_rules_hash(rules), "sha256:", 7), 0);
	ct_rules_free(rules);
}

/* Equal trees have equal fingerprints; a virtual function, a bridge and the order of slots do not
 * count, another device does. */
static void fingerprint_file(const char *root, const char *name, const char *text)
{
	char path[512], *at;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		(void)mkdir(path, 0700);
		*at = '/';
	}
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void add_function(const char *root, const char *slot, const char *class, const char *device)
{
	char name[128];

	snprintf(name, sizeof(name), "sys/bus/pci/devices/%s/class", slot);
	fingerprint_file(root, name, class);
	snprintf(name, sizeof(name), "sys/bus/pci/devices/%s/vendor", slot);
	fingerprint_file(root, name, "0x15b3\n");
	snprintf(name, sizeof(name), "sys/bus/pci/devices/%s/device", slot);
	fingerprint_file(root, name, device);
}

static void test_fingerprint(void **state)
{
	char root[] = "/tmp/ct-print-XXXXXX", command[64], want[CT_SHA256_TEXT], got[CT_SHA256_TEXT];
	static const char known[] = "Some CPU\n02 15b3:1021\n02 15b3:1021\n03 15b3:2330\n";

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(ct_rules_fingerprint(root, got), CT_IO);
	fingerprint_file(root, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU\n"
		"processor\t: 1\nmodel name\t: Some CPU\n");
	add_function(root, "0000:9a:00.0", "0x020700\n", "0x1021\n");
	add_function(root, "0000:18:00.0", "0x020000\n", "0x1021\n");
	add_function(root, "0000:19:00.0", "0x030200\n", "0x2330\n");
	add_function(root, "0000:00:00.0", "0x060400\n", "0x0001\n");
	add_function(root, "0000:18:00.1", "0x020000\n", "0x101e\n");
	fingerprint_file(root, "sys/bus/pci/devices/0000:18:00.1/physfn", "");
	assert_int_equal(ct_rules_fingerprint(root, got), CT_OK);
	ct_sha256_text(known, strlen(known), want);
	assert_string_equal(got, want);
	add_function(root, "0000:20:00.0", "0x120000\n", "0xd802\n");
	assert_int_equal(ct_rules_fingerprint(root, got), CT_OK);
	assert_string_not_equal(got, want);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
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
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("rules_parse", tests, NULL, NULL);
}
