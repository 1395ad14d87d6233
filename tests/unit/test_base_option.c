/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/base.h"

struct settings {
	bool check;
	int64_t count;
	uint64_t bytes, limit_ns;
	double factor;
	const char *out;
	int mode;
};

static const char *const modes[] = { "auto", "fast", "careful", NULL };

#define AT(field) offsetof(struct settings, field)
static const struct ct_option common[] = {
	{ "check", 'c', CT_OPT_FLAG, AT(check), NULL, 0, 0, NULL, NULL, "verify each result" },
	{ "out-dir", 'o', CT_OPT_TEXT, AT(out), NULL, 0, 0, NULL, "DIR", ".hidden \\ help" },
	{ NULL, 0, CT_OPT_FLAG, 0, NULL, 0, 0, NULL, NULL, NULL },
};
static const struct ct_option special[] = {
	{ "count", 'n', CT_OPT_INT, AT(count), "-5", -10, 1000, NULL, "N", "samples" },
	{ "min-bytes", 'b', CT_OPT_SIZE, AT(bytes), "4K", 8, 1 << 30, NULL, "SIZE", "first size" },
	{ "limit", 0, CT_OPT_TIME, AT(limit_ns), "2.5ms", 1, 3.6e12, NULL, "TIME", "most time" },
	{ "factor", 'f', CT_OPT_REAL, AT(factor), "2", 1.0001, 1e6, NULL, "X", "next size" },
	{ "mode", 0, CT_OPT_CHOICE, AT(mode), "fast", 0, 0, modes, "MODE", "how" },
	{ NULL, 0, CT_OPT_FLAG, 0, NULL, 0, 0, NULL, NULL, NULL },
};
static const struct ct_option *const lists[] = { common, special, NULL };

static const struct ct_option *find(const char *name)
{
	const struct ct_option *row = NULL;

	assert_int_equal(ct_option_find(lists, name, &row), CT_OK);
	return row;
}

static void defaults(void **state)
{
	struct settings s;

	(void)state;
	memset(&s, 0xa5, sizeof(s)); /* contents before are not read */
	assert_int_equal(ct_options_default(lists, &s), CT_OK);
	assert_false(s.check);
	assert_null(s.out);
	assert_int_equal(s.count, -5);
	assert_int_equal(s.bytes, 4096);
	assert_int_equal(s.limit_ns, 2500000);
	assert_true(s.factor == 2);
	assert_int_equal(s.mode, 1);
	ct_options_free(lists, &s);
}

static void wrong_table(void **state)
{
	static const struct ct_option rows[] = {
		{ "out", 0, CT_OPT_TEXT, AT(out), "text", 0, 0, NULL, NULL, "" },
		{ "count", 0, CT_OPT_INT, AT(count), "11", 0, 10, NULL, NULL, "" },
		{ NULL, 0, CT_OPT_FLAG, 0, NULL, 0, 0, NULL, NULL, NULL },
	};
	const struct ct_option *const wrong[] = { rows, NULL };
	struct settings s;

	(void)state;
	assert_int_equal(ct_options_default(wrong, &s), CT_INVALID);
	assert_string_equal(ct_why(), "count: 11 is outside 0 to 10");
	assert_null(s.out);
}

static void setting(void **state)
{
	static const struct {
		const char *name, *text, *why; /* why NULL = taken */
	} cases[] = {
		{ "check", NULL, NULL },
		{ "check", "no", NULL },
		{ "check", "true", NULL },
		{ "check", "maybe", "W: \"maybe\" is none of 0, 1, no, yes, false, true" },
		{ "check", "", "W: " },
		{ "count", "1000", NULL },
		{ "count", "-10", NULL },
		{ "count", "1001", "W: 1001 is outside -10 to 1000" },
		{ "count", "ten", "W: \"ten\" is no whole number" },
		{ "count", NULL, "W: needs a value" },
		{ "min-bytes", "1G", NULL },
		{ "min-bytes", "7", "W: 7 is outside 8 to 1G" },
		{ "min-bytes", "1.1G", "W: \"1.1G\" is not a whole number of bytes" },
		{ "min-bytes", "-8", "W: \"-8\" is no size" },
		{ "limit", "1h", NULL },
		{ "limit", "61m", "W: 61m is outside 1 ns to 3600 s" },
		{ "limit", "0", "W: 0 is outside" },
		{ "factor", "1.5", NULL },
		{ "factor", "1", "W: 1 is outside" },
		{ "factor", "1e400", "W: " },
		{ "factor", "nan", "W: \"nan\" is no number" },
		{ "factor", "0x2", "W: " },
		{ "factor", " 2", "W: " },
		{ "out-dir", "a", NULL },
		{ "out-dir", "bb", NULL },
		{ "out-dir", "", NULL },
		{ "mode", "careful", NULL },
		{ "mode", "carefull", "W: unknown choice \"carefull\"; did you mean \"careful\"?" },
		{ "mode", "x", "W: unknown choice \"x\"; known: auto, fast, careful" },
	};
	struct settings s;

	(void)state;
	assert_int_equal(ct_options_default(lists, &s), CT_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings before = s;
		ct_status status = ct_option_set(find(cases[i].name), &s, cases[i].text, "W");

		if (cases[i].why == NULL) {
			assert_int_equal(status, CT_OK);
			continue;
		}
		assert_int_equal(status, CT_INVALID);
		if (strncmp(ct_why(), cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("\"%s\" is not \"%s\"", ct_why(), cases[i].why);
		assert_memory_equal(&s, &before, sizeof(s));
	}
	assert_true(s.check);
	assert_int_equal(s.count, -10);
	assert_int_equal(s.bytes, 1 << 30);
	assert_int_equal(s.limit_ns, 3600000000000u);
	assert_true(s.factor == 1.5);
	assert_string_equal(s.out, "");
	assert_int_equal(s.mode, 2);
	ct_options_free(lists, &s);
	assert_null(s.out);
}

static void finding(void **state)
{
	const struct ct_option *row = NULL;

	(void)state;
	assert_ptr_equal(find("limit"), &special[2]);
	assert_int_equal(ct_option_find(lists, "min-byte", &row), CT_INVALID);
	assert_string_equal(ct_why(), "unknown option --min-byte; did you mean --min-bytes?");
	assert_int_equal(ct_option_find(lists, "chekc", &row), CT_INVALID);
	assert_string_equal(ct_why(), "unknown option --chekc; did you mean --check?");
	assert_int_equal(ct_option_find(lists, "zzzzzzz", &row), CT_INVALID);
	assert_string_equal(ct_why(), "unknown option --zzzzzzz");
	assert_null(row);
}

static void environment_gives(const char *entry, ct_status expected, const char *why)
{
	static const char *const also[] = { "COLLTUNE_CACHE", NULL };
	char mine[128];
	char *const env[] = { (char *)(uintptr_t) "PATH=/bin",
			      (char *)(uintptr_t) "COLLTUNE_CACHE=x",
			      (char *)(uintptr_t) "COLLTUNE_COUNT=7", mine, NULL };
	struct settings s;

	snprintf(mine, sizeof(mine), "%s", entry);
	assert_int_equal(ct_options_default(lists, &s), CT_OK);
	assert_int_equal(ct_options_environment(lists, env, also, &s), expected);
	if (expected != CT_OK)
		assert_string_equal(ct_why(), why);
	if (strstr(why, "unknown") != NULL)
		assert_int_equal(s.count, -5); /* nothing was set */
	else
		assert_int_equal(s.count, 7);
	if (expected == CT_OK)
		assert_int_equal(s.bytes, 16);
	ct_options_free(lists, &s);
}

static void environment(void **state)
{
	static const char unknown[] = "unknown environment variable ";
	char why[200];
	struct settings s;

	(void)state;
	environment_gives("COLLTUNE_MIN_BYTES=16", CT_OK, "");
	environment_gives("COLLTUNE_MIN_BYTES=4", CT_INVALID,
			  "COLLTUNE_MIN_BYTES: 4 is outside 8 to 1G");
	environment_gives("COLLTUNE_MIN_BYTES=", CT_INVALID,
			  "COLLTUNE_MIN_BYTES: \"\" is no size (such as 8, 4K, 1.5M, 2G)");
	snprintf(why, sizeof(why), "%sCOLLTUNE_MIN_BYTE; did you mean COLLTUNE_MIN_BYTES?",
		 unknown);
	environment_gives("COLLTUNE_MIN_BYTE=16", CT_INVALID, why);
	snprintf(why, sizeof(why), "%sCOLLTUNE_CASHE; did you mean COLLTUNE_CACHE?", unknown);
	environment_gives("COLLTUNE_CASHE=16", CT_INVALID, why);
	snprintf(why, sizeof(why), "%sCOLLTUNE_min_bytes; did you mean COLLTUNE_MIN_BYTES?",
		 unknown);
	environment_gives("COLLTUNE_min_bytes=16", CT_INVALID, why);
	snprintf(why, sizeof(why), "%sCOLLTUNE_XYZZY_QQ", unknown);
	environment_gives("COLLTUNE_XYZZY_QQ=1", CT_INVALID, why);
	snprintf(why, sizeof(why), "%sCOLLTUNE_", unknown);
	environment_gives("COLLTUNE_=1", CT_INVALID, why);
	assert_int_equal(ct_options_default(lists, &s), CT_OK);
	assert_int_equal(ct_options_environment(lists, NULL, NULL, &s), CT_OK);
	ct_options_free(lists, &s);
}

static void echo(void **state)
{
	struct settings s;
	json_t *json, *expected;

	(void)state;
	assert_int_equal(ct_options_default(lists, &s), CT_OK);
	assert_int_equal(ct_option_set(find("out-dir"), &s, "d\xff", "W"), CT_OK);
	json = ct_options_echo(lists, &s);
	expected =
		json_pack("{s:b,s:s,s:i,s:i,s:i,s:f,s:s}", "check", 0, "out-dir", "d?", "count", -5,
			  "min-bytes", 4096, "limit", 2500000, "factor", 2.0, "mode", "fast");
	assert_true(json_equal(json, expected));
	json_decref(json);
	ct_alloc_fail_nth(1);
	assert_null(ct_options_echo(lists, &s));
	ct_alloc_fail_nth(0);
	ct_options_free(lists, &s);
	s.mode = 17;
	json = ct_options_echo(lists, &s);
	assert_true(json_is_null(json_object_get(json, "out-dir")));
	assert_true(json_is_null(json_object_get(json, "mode")));
	json_decref(json);
	json_decref(expected);
}

static void man(void **state)
{
	struct ct_buf out = ct_buf_make(10000);

	(void)state;
	ct_options_man(lists, &out);
	assert_int_equal(ct_buf_status(&out), CT_OK);
	assert_non_null(
		strstr(out.text, ".TP\n\\fB\\-c\\fR, \\fB\\-\\-check\\fR\nverify each result.\n"));
	assert_non_null(
		strstr(out.text, "\\fB\\-\\-out\\-dir\\fR \\fIDIR\\fR\n\\&.hidden \\e help.\n"));
	assert_non_null(strstr(out.text, "first size. Default: 4K.\n"));
	assert_non_null(strstr(out.text, "how. One of auto, fast, careful. Default: fast.\n"));
	ct_buf_free(&out);
}

static void torture(void **state)
{
	static const struct ct_option texts[] = {
		{ "a", 0, CT_OPT_TEXT, AT(out), "one", 0, 0, NULL, NULL, "" },
		{ NULL, 0, CT_OPT_FLAG, 0, NULL, 0, 0, NULL, NULL, NULL },
	};
	const struct ct_option *const list[] = { texts, NULL };
	struct settings s;

	(void)state;
	ct_alloc_fail_nth(1);
	assert_int_equal(ct_options_default(list, &s), CT_NOMEM);
	assert_int_equal(ct_options_default(list, &s), CT_OK);
	ct_alloc_fail_nth(1);
	assert_int_equal(ct_option_set(texts, &s, "two", "W"), CT_NOMEM);
	ct_alloc_fail_nth(0);
	assert_string_equal(s.out, "one");
	ct_options_free(list, &s);
}

/* Random values for every row: errors leave the settings as they were, values stay in range. */
static void noise(void **state)
{
	static const char letters[] = "0123456789..--+eExKMGTBnsumh \n%\xff";
	struct ct_rng rng = ct_rng_make(11);
	struct settings s;

	(void)state;
	assert_int_equal(ct_options_default(lists, &s), CT_OK);
	for (int i = 0; i < 100000; i++) {
		const struct ct_option *row = &special[ct_rng_below(&rng, 5)];
		struct settings before = s;
		char text[10];
		size_t length = ct_rng_below(&rng, sizeof(text));

		for (size_t k = 0; k < length; k++)
			text[k] = letters[ct_rng_below(&rng, sizeof(letters) - 1)];
		text[length] = '\0';
		if (ct_option_set(row, &s, text, "W") != CT_OK)
			assert_memory_equal(&s, &before, sizeof(s));
		assert_true(s.count >= -10 && s.count <= 1000);
		assert_in_range(s.bytes, 8, 1 << 30);
		assert_in_range(s.limit_ns, 1, 3600000000000u);
		assert_true(s.factor >= 1.0001 && s.factor <= 1e6);
	}
	ct_options_free(lists, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),    cmocka_unit_test(wrong_table),
		cmocka_unit_test(setting),     cmocka_unit_test(finding),
		cmocka_unit_test(environment), cmocka_unit_test(echo),
		cmocka_unit_test(man),	       cmocka_unit_test(torture),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests_name("base_option", tests, NULL, NULL);
}
