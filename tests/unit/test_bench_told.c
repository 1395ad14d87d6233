/* SPDX-License-Identifier: BSD-3-Clause */
/* Which class UCX and NCCL were told. The order of UCX's files, its remarks and blanks: as ucp_config_read() of Debian's
 * libucx 1.13.1 took UCX_TLS from such files (by hand, 22 Nov 2026; that version takes what stands in sections too,
 * newer ones where the section fits the machine). NCCL's files: test_bench_nccl. */
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

#include "bench/told_class.h"

static char top[] = "/tmp/colltune-told.XXXXXX";

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void set(const char *name, const char *folder)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, folder);
	assert_int_equal(setenv(name, path, 1), 0);
}

static void is_ucx(int value, const char *by)
{
	struct ct_told_class told;

	ct_told_ucx(&told);
	assert_int_equal(told.value, value);
	assert_string_equal(told.by, by);
}

static void ucx_by_itself(void **state)
{
	(void)state;
	is_ucx(106, "UCX's default on RoCE");
	setenv("UCX_IB_TRAFFIC_CLASS", "96", 1);
	is_ucx(96, "UCX_IB_TRAFFIC_CLASS");
	setenv("UCX_IB_TRAFFIC_CLASS", "256", 1);
	is_ucx(CT_TOLD_UNKNOWN, "UCX_IB_TRAFFIC_CLASS");
	setenv("UCX_IB_TRAFFIC_CLASS", "auto", 1);
	is_ucx(106, "UCX's default on RoCE");
	unsetenv("UCX_IB_TRAFFIC_CLASS");
}

static void ucx_by_its_files(void **state)
{
	char by[128];

	(void)state;
	put("home/ucx.conf", "# UCX_IB_TRAFFIC_CLASS=1\n; UCX_IB_TRAFFIC_CLASS=2\nUCX_TLS=rc\n"
		"  UCX_IB_TRAFFIC_CLASS = 64 ; bulk\r\nXUCX_IB_TRAFFIC_CLASS=3\n[Only here]\nUCX_IB_TRAFFIC_CLASS=4\n");
	snprintf(by, sizeof(by), "UCX_IB_TRAFFIC_CLASS in %s/home/ucx.conf", top);
	is_ucx(64, by);
	put("own/ucx.conf", "UCX_IB_TRAFFIC_CLASS=32\n");
	set("UCX_CONFIG_DIR", "own");
	snprintf(by, sizeof(by), "UCX_IB_TRAFFIC_CLASS in %s/own/ucx.conf", top);
	is_ucx(32, by);
	setenv("UCX_IB_TRAFFIC_CLASS", "96", 1);
	is_ucx(96, "UCX_IB_TRAFFIC_CLASS");
	setenv("UCX_IB_TRAFFIC_CLASS", "auto", 1);
	is_ucx(106, "UCX's default on RoCE");
	unsetenv("UCX_IB_TRAFFIC_CLASS");
	put("here/ucx.conf", "UCX_IB_TRAFFIC_CLASS=auto\n");
	is_ucx(106, "UCX's default on RoCE");
	unsetenv("UCX_CONFIG_DIR");
}

static void nccl(void **state)
{
	struct ct_told_class told;
	char by[128];

	(void)state;
	unsetenv("NCCL_IB_TC");
	set("NCCL_CONF_FILE", "own/none");
	ct_told_nccl(&told);
	assert_int_equal(told.value, 0);
	assert_string_equal(told.by, "NCCL's default");
	put("own/nccl.conf", "NCCL_IB_TC=104\n");
	set("NCCL_CONF_FILE", "own/nccl.conf");
	snprintf(by, sizeof(by), "NCCL_IB_TC in %s/own/nccl.conf", top);
	ct_told_nccl(&told);
	assert_int_equal(told.value, 104);
	assert_string_equal(told.by, by);
	setenv("NCCL_IB_TC", "x", 1);
	ct_told_nccl(&told);
	assert_int_equal(told.value, CT_TOLD_UNKNOWN);
	assert_string_equal(told.by, "NCCL_IB_TC");
}

static int setup(void **state)
{
	static const char *const folders[] = { "home", "own", "here" };
	char path[128];

	(void)state;
	if (mkdtemp(top) == NULL)
		return -1;
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", top, folders[i]);
		if (mkdir(path, 0700) != 0)
			return -1;
	}
	set("HOME", "home");
	unsetenv("UCX_CONFIG_DIR");
	unsetenv("UCX_IB_TRAFFIC_CLASS");
	return chdir(path); /* here */
}

static int teardown(void **state)
{
	static const char *const names[] = { "home/ucx.conf", "own/ucx.conf", "here/ucx.conf", "own/nccl.conf", "home",
					     "own", "here", "" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", top, names[i]);
		remove(path);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ucx_by_itself), cmocka_unit_test(ucx_by_its_files), cmocka_unit_test(nccl),
	};

	return cmocka_run_group_tests_name("bench_told", tests, setup, teardown);
}
