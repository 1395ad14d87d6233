/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said of libraries that cannot be opened: each name, reasons that are alike once, where was looked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gpu/gpu.h"

enum { ROOM = 300 };

static void check(const char *const *names, const char *want)
{
	const char *which = "untouched";
	char why[ROOM];

	assert_null(ct_library_open(names, &which, why, sizeof(why)));
	assert_string_equal(which, "untouched");
	assert_string_equal(why, want);
}

static const char where[] = " (looked for in LD_LIBRARY_PATH and the folders of ld.so.conf)";

static void test_alike(void **state)
{
	static const char *const one[] = { "libct-a.so", NULL }, *const two[] = { "libct-a.so", "libct-b.so.7", NULL };
	static const char *const path[] = { "/nonexistent/libct-a.so", NULL };
	char want[ROOM];

	(void)state;
	snprintf(want, sizeof(want), "libct-a.so: cannot open shared object file: No such file or directory%s", where);
	check(one, want);
	snprintf(want, sizeof(want), "libct-a.so, libct-b.so.7: cannot open shared object file: No such file or directory%s",
		where);
	check(two, want);
	check(path, "/nonexistent/libct-a.so: cannot open shared object file: No such file or directory");
}

/* A file that is no library, between two that are not there. */
static void test_different(void **state)
{
	char path[] = "/tmp/test_gpu_library.XXXXXX", want[ROOM];
	const char *const names[] = { "libct-a.so", path, "libct-b.so", NULL };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	snprintf(want, sizeof(want), "libct-a.so: cannot open shared object file: No such file or directory; %s: file too "
		"short; libct-b.so: cannot open shared object file: No such file or directory%s", path, where);
	check(names, want);
	unlink(path);
	close(fd);
}

/* More than there is room for is cut, never written beyond. */
static void test_long(void **state)
{
	const char *names[9] = { NULL }, *which = NULL;
	char name[8][100], why[64];

	(void)state;
	for (int i = 0; i < 8; i++) {
		memset(name[i], 'a' + i, sizeof(name[i]));
		name[i][sizeof(name[i]) - 1] = '\0';
		names[i] = name[i];
	}
	assert_null(ct_library_open(names, &which, why, sizeof(why)));
	assert_true(strlen(why) < sizeof(why));
	assert_int_equal(strncmp(why, "aaaa", 4), 0);
}

static void test_first_that_opens(void **state)
{
	static const char *const names[] = { "libct-a.so", "libm.so.6", "libc.so.6", NULL };
	const char *which = NULL;
	char why[ROOM] = "as it was";

	(void)state;
	assert_non_null(ct_library_open(names, &which, why, sizeof(why)));
	assert_string_equal(which, "libm.so.6");
	assert_string_equal(why, "as it was");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alike),
		cmocka_unit_test(test_different),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_first_that_opens),
	};

	return cmocka_run_group_tests_name("gpu: library", tests, NULL, NULL);
}
