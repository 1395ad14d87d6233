/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

static ct_status parse(const char *text, json_t **json)
{
	return ct_json_parse(text, strlen(text), "f.json", json);
}

static void refused(const char *text, const char *why)
{
	json_t *json = NULL;

	assert_int_equal(parse(text, &json), CT_INVALID);
	assert_null(json);
	if (strstr(ct_why(), why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", ct_why(), why);
}

static void parsing(void **state)
{
	char deep[80];
	json_t *json = NULL;

	(void)state;
	assert_int_equal(parse("{\"a\": [1, 2]}", &json), CT_OK);
	json_decref(json);
	refused("", "f.json:1: ");
	refused("{\n\"a\": 1,\n\"a\": 2}", "f.json:3: duplicate object key");
	refused("{\"a\": 1} x", "f.json:1: end of file expected");
	refused("{\n\"a\": nan}", "f.json:2: ");
	refused("{\"a\": \"\xff\"}", "f.json:1: ");
	refused("{\"a\": \"\\u0000\"}", "f.json:1: ");
	refused("{\"a\": 99999999999999999999}", "too big integer");
	refused("7", "f.json:1: ");
	memset(deep, '[', 32);
	memset(deep + 32, ']', 32);
	deep[64] = '\0';
	assert_int_equal(parse(deep, &json), CT_OK);
	json_decref(json);
	refused("[\n[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
		"f.json:2: nested");
	/* Brackets within texts, and escaped quotes there, do not count. */
	json = NULL;
	assert_int_equal(parse("[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]", &json),
			 CT_OK);
	json_decref(json);
}

static void fields(void **state)
{
	static const char *const known[] = { "schema", "bytes", "a/b~", NULL };
	json_t *json = NULL;
	const char *text = "untouched";
	uint64_t v = 77;

	(void)state;
	assert_int_equal(parse("{\"schema\": \"s/1\", \"bytes\": 9, \"a/b~\": -1}", &json), CT_OK);
	assert_int_equal(ct_json_known(json, "f", "", known), CT_OK);
	assert_int_equal(ct_json_known(json, "f", "/rules/3", known + 1), CT_INVALID);
	assert_string_equal(ct_why(), "f: /rules/3/schema: unknown key; known: bytes, a/b~");
	assert_int_equal(ct_json_known(NULL, "f", "/x", known), CT_INVALID);
	assert_int_equal(ct_json_u64(json, "bytes", "f", "", 9, 9, &v), CT_OK);
	assert_int_equal(v, 9);
	assert_int_equal(ct_json_u64(json, "bytes", "f", "/r", 10, 12, &v), CT_INVALID);
	assert_string_equal(ct_why(), "f: /r/bytes: 9 is outside 10 to 12");
	assert_int_equal(ct_json_u64(json, "a/b~", "f", "", 0, 1, &v), CT_INVALID);
	assert_string_equal(ct_why(), "f: /a~1b~0: -1 is outside 0 to 1");
	assert_int_equal(ct_json_u64(json, "schema", "f", "", 0, 1, &v), CT_INVALID);
	assert_int_equal(ct_json_u64(json, "none", "f", "", 0, 1, &v), CT_INVALID);
	assert_string_equal(ct_why(), "f: /none: missing");
	assert_int_equal(v, 9);
	assert_int_equal(ct_json_text(json, "bytes", "f", "", &text), CT_INVALID);
	assert_string_equal(text, "untouched");
	assert_int_equal(ct_json_text(json, "schema", "f", "", &text), CT_OK);
	assert_string_equal(text, "s/1");
	json_decref(json);
	assert_int_equal(parse("{\"byts\": 9}", &json), CT_OK);
	assert_int_equal(ct_json_known(json, "f", "", known), CT_INVALID);
	assert_string_equal(ct_why(), "f: /byts: unknown key; did you mean \"bytes\"?");
	json_decref(json);
}

/* A directory of this test, its name without a slash at the end. */
static int make_directory(void **state)
{
	const char *base = secure_getenv("TMPDIR");
	char *name = malloc(256);

	if (name == NULL)
		return -1;
	snprintf(name, 256, "%s/ct-json-XXXXXX", base != NULL ? base : "/tmp");
	*state = name;
	return mkdtemp(name) == NULL ? -1 : 0;
}

static const char *in(void **state, const char *name, char out[512])
{
	snprintf(out, 512, "%s/%s", (const char *)*state, name);
	return out;
}

static int remove_directory(void **state)
{
	static const char *const names[] = { "a.json", "link", "fifo", "lines", "bad.json" };
	char path[512];
	int left;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in(state, names[i], path));
	left = rmdir(*state); /* fails if a temporary file was left behind */
	free(*state);
	return left;
}

static void saving(void **state)
{
	char path[512], link[512], other[512];
	json_t *json = NULL, *again = NULL;
	struct stat st;

	assert_int_equal(parse("{\"b\": 1, \"a\": [true, \"\\u00e4\"]}", &json), CT_OK);
	in(state, "a.json", path);
	assert_int_equal(ct_json_save(json, path, 0600), CT_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ct_json_save(json, path, 0644), CT_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(ct_json_load(path, 1000, &again), CT_OK);
	assert_true(json_equal(json, again));
	json_decref(again);
	again = NULL;
	assert_int_equal(ct_json_load(path, 10, &again), CT_INVALID);
	assert_non_null(strstr(ct_why(), "more than 10"));
	assert_int_equal(symlink("a.json", in(state, "link", link)), 0);
	assert_int_equal(ct_json_load(link, 1000, &again), CT_IO);
	assert_non_null(strstr(ct_why(), "symbolic link"));
	assert_int_equal(ct_json_save(json, link, 0600), CT_IO);
	assert_int_equal(mkfifo(in(state, "fifo", other), 0600), 0);
	assert_int_equal(ct_json_load(other, 1000, &again), CT_IO);
	assert_int_equal(ct_json_save(json, other, 0600), CT_IO);
	assert_int_equal(ct_json_load(*state, 1000, &again), CT_IO);
	assert_int_equal(ct_json_load(in(state, "none", other), 1000, &again), CT_IO);
	assert_int_equal(ct_json_save(json, in(state, "no/such", other), 0600), CT_IO);
	assert_int_equal(ct_json_save(json, *state, 0600), CT_IO);
	assert_int_equal(ct_file_save(in(state, "bad.json", other), "{\n\n]", 4, 0600), CT_OK);
	assert_int_equal(ct_json_load(other, 1000, &again), CT_INVALID);
	assert_non_null(strstr(ct_why(), "bad.json:3: "));
	assert_null(again);
	json_decref(json);
}

static void lines(void **state)
{
	char path[512], other[512], text[64] = "";
	json_t *json = NULL;
	FILE *file = NULL;

	assert_int_equal(parse("{\"n\": [1, 2.5]}", &json), CT_OK);
	in(state, "lines", path);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ct_file_append(path, 0600, &file), CT_OK);
		assert_int_equal(ct_json_line(file, json), CT_OK);
		fclose(file);
	}
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text) - 1, file), 28);
	fclose(file);
	assert_string_equal(text, "{\"n\":[1,2.5]}\n{\"n\":[1,2.5]}\n");
	json_decref(json);
	file = NULL;
	assert_int_equal(ct_file_append(in(state, "link", other), 0600, &file), CT_IO);
	assert_int_equal(ct_file_append(in(state, "fifo", other), 0600, &file), CT_IO);
	assert_int_equal(ct_file_append(*state, 0600, &file), CT_IO);
	assert_null(file);
}

static void disk_full(void **state)
{
	json_t *json = json_object();
	FILE *file = NULL;

	(void)state;
	assert_int_equal(ct_file_append("/dev/full", 0600, &file), CT_OK);
	assert_int_equal(ct_json_line(file, json), CT_IO);
	assert_non_null(strstr(ct_why(), "No space left"));
	fclose(file);
	json_decref(json);
}

static int files_in(void **state)
{
	DIR *directory = opendir(*state);
	int files = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		files++;
	closedir(directory);
	return files;
}

/* A write that fails in the middle leaves the old file whole and nothing beside it. */
static void write_fails(void **state)
{
	char path[512], text[5000];
	struct rlimit before, small;
	json_t *got = NULL;
	ct_status status;
	int files;

	in(state, "a.json", path);
	assert_int_equal(ct_file_save(path, "{\"old\": 1}", 10, 0600), CT_OK);
	files = files_in(state);
	memset(text, ' ', sizeof(text));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 1000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	status = ct_file_save(path, text, sizeof(text), 0600);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(status, CT_IO);
	assert_non_null(strstr(ct_why(), "File too large"));
	assert_int_equal(files_in(state), files);
	assert_int_equal(ct_json_load(path, 100, &got), CT_OK);
	json_decref(got);
}

/* Each allocation of ours fails in turn: the right status, the old file whole, nothing leaked
 * (the address sanitizer's part) and no temporary file left. */
static void torture(void **state)
{
	char path[512];
	json_t *json = json_pack("{s:i}", "new", 1), *got = NULL;
	ct_status status = CT_NOMEM;
	uint64_t n;
	int files;

	in(state, "a.json", path);
	assert_int_equal(ct_file_save(path, "{\"old\": 1}", 10, 0600), CT_OK);
	files = files_in(state);
	for (n = 1; status != CT_OK; n++) {
		assert_in_range(n, 1, 50);
		ct_alloc_fail_nth(n);
		status = ct_json_save(json, path, 0600);
		ct_alloc_fail_nth(0);
		if (status == CT_OK)
			break;
		assert_int_equal(status, CT_NOMEM);
		assert_int_equal(ct_json_load(path, 100, &got), CT_OK);
		assert_non_null(json_object_get(got, "old"));
		json_decref(got);
	}
	assert_true(n > 2);
	assert_int_equal(files_in(state), files);
	ct_alloc_fail_nth(1);
	assert_int_equal(ct_json_load(path, 100, &got), CT_NOMEM);
	ct_alloc_fail_nth(0);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsing),     cmocka_unit_test(fields),
		cmocka_unit_test(saving),      cmocka_unit_test(lines),
		cmocka_unit_test(disk_full),   cmocka_unit_test(torture),
		cmocka_unit_test(write_fails),
	};

	return cmocka_run_group_tests_name("base_json", tests, make_directory, remove_directory);
}
