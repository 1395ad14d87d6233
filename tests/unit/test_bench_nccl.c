/* SPDX-License-Identifier: BSD-3-Clause */
/* What --explain reads: NCCL's log (formats of 2.28.9: P2P, SHM, sockets were seen over the stand-in for CUDA, NET/IB in
 * the test bed; GDRDMA is in the library's texts only), its variables and files. */
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

#include "bench/nccl_log.h"
#include "bench/nccl_variables.h"

static uint16_t uses(const struct ct_nccl_log *log, int channel, const char *way)
{
	for (uint32_t w = 0; w < log->nways; w++)
		if (strcmp(log->ways[w], way) == 0)
			return log->uses[channel][w];
	return 0;
}

static void ways_and_nics(void **state)
{
	static const char *const lines[] = {
		"h:1:2 [0] NCCL INFO NET/IB : Using [0]mlx5_0:1/RoCE [1]mlx5_1:1/IB [RO]; OOB eth0:10.0.0.1<0>",
		"h:1:2 [0] NCCL INFO NET/IB : GPU Direct RDMA Disabled for HCA 0 'mlx5_0'",
		"h:1:2 [0] NCCL INFO NET/IB : GPU Direct RDMA Enabled for HCA 1 'mlx5_1'",
		"h:1:2 [0] NCCL INFO Channel 00/02 : 0 1 2 3",
		"h:1:2 [0] NCCL INFO Channel 00/0 : 0[0] -> 1[1] via P2P/direct pointer",
		"h:1:2 [1] NCCL INFO Channel 00/0 : 1[1] -> 2[0] [send] via NET/IB/0/GDRDMA",
		"h:1:2 [1] NCCL INFO Channel 00/0 : 3[1] -> 0[0] [receive] via NET/IB/0/GDRDMA",
		"h:1:2 [1] NCCL INFO Channel 01 : 1[1] -> 0[0] via SHM/direct/direct\r",
		"h:1:2 [1] NCCL INFO Channel 01/0 : 1[1] -> 2[0] [send] via NET/IB/1(0)",
		"an application's line about Channel 07 via nothing",
		"",
	};
	struct ct_nccl_log log = { .nways = 0 }, sum = { .nways = 0 };
	uint32_t direct;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ct_nccl_log_line(&log, lines[i]);
	assert_int_equal(log.nways, 4);
	assert_int_equal(uses(&log, 0, "P2P/direct pointer"), 1);
	assert_int_equal(uses(&log, 0, "NET/IB/0/GDRDMA"), 2);
	assert_int_equal(uses(&log, 1, "SHM/direct/direct"), 1);
	assert_int_equal(log.nnics, 2);
	assert_string_equal(log.nics[0], "NET/IB/0 = mlx5_0:1/RoCE");
	assert_string_equal(log.nics[1], "NET/IB/1 = mlx5_1:1/IB");
	assert_int_equal(log.direct_on, 1);
	assert_int_equal(log.direct_off, 1);
	assert_int_equal(ct_nccl_log_nets(&log, &direct), 3);
	assert_int_equal(direct, 2);
	ct_nccl_log_add(&sum, &log);
	ct_nccl_log_add(&sum, &log);
	assert_int_equal(uses(&sum, 0, "NET/IB/0/GDRDMA"), 4);
	assert_int_equal(sum.nnics, 2);
}

/* Whatever stands there, nothing is written beside the tables. */
static void lines_that_are_no_good(void **state)
{
	struct ct_nccl_log *log = calloc(1, sizeof(*log));
	char line[8192];

	(void)state;
	assert_non_null(log);
	ct_nccl_log_line(log, "NCCL INFO Channel -1 : 0 via X");
	ct_nccl_log_line(log, "NCCL INFO Channel 64 : 0 via X");
	ct_nccl_log_line(log, "NCCL INFO Channel 99999999999999999999 via X");
	ct_nccl_log_line(log, "NCCL INFO NET/IB");
	ct_nccl_log_line(log, "NCCL INFO NET/IB : Using");
	ct_nccl_log_line(log, "NCCL INFO NET/IB : Using [x]a [");
	assert_int_equal(log->nways + log->nnics, 0);
	assert_int_equal(log->cut, 3);
	memset(line, 'y', sizeof(line));
	memcpy(line, "NCCL INFO Channel 0 : 0 via ", 28);
	line[sizeof(line) - 1] = '\0';
	ct_nccl_log_line(log, line);
	assert_int_equal(strlen(log->ways[0]), CT_LOG_WORD - 1);
	ct_nccl_log_line(log, "NCCL INFO Channel 0 : 0 via \033[31mred");
	assert_string_equal(log->ways[1], "?[31mred");
	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "NCCL INFO Channel 1 : 0 via way %d", i);
		ct_nccl_log_line(log, line);
	}
	assert_int_equal(log->nways, CT_LOG_WAYS);
	assert_int_equal(log->cut, 3 + 100 - (CT_LOG_WAYS - 2));
	free(log);
}

static void a_file_of_lines(void **state)
{
	struct ct_nccl_log *log = calloc(1, sizeof(*log));
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(log);
	assert_non_null(file);
	for (int i = 0; i < 300; i++) /* over several blocks */
		fprintf(file, "host:1:2 [0] NCCL INFO Channel %02d/0 : 0[0] -> 1[1] via P2P/CUMEM\n", i % 3);
	fputs("NCCL INFO Channel 00/0 : cut off via P2P", file); /* as NCCL may be at it */
	fflush(file);
	ct_nccl_log_read(log, fileno(file));
	assert_int_equal(uses(log, 0, "P2P/CUMEM"), 100);
	assert_int_equal(uses(log, 2, "P2P/CUMEM"), 100);
	assert_int_equal(log->nways, 1);
	fclose(file);
	free(log);
}

static char conf[2][64];

static void write_conf(int which, const char *text)
{
	FILE *file = fopen(conf[which], "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void is(const struct ct_nccl_variables *v, const char *name, const char *value, const char *origin)
{
	const struct ct_nccl_variable *found = ct_nccl_variable(v, name);

	if (found == NULL)
		fail_msg("%s is not there", name);
	assert_string_equal(found->value, value);
	assert_string_equal(found->origin, origin);
}

static void environment_before_files(void **state)
{
	char *const environment[] = { "HOME=/root", "NCCL_ALGO=Ring", "NCCL_DEBUG=", "NCCL_BROKEN",
		"NCCL_CROSS_NIC=\0331", NULL };
	struct ct_nccl_variables v;

	(void)state;
	write_conf(0, "NCCL_ALGO=Tree\n# a remark\nNCCL_PROTO=LL = 1 \nPATH=/x\nNCCL_IB_TC");
	write_conf(1, "NCCL_PROTO=Simple\nNCCL_BUFFSIZE=8388608");
	assert_int_equal(ct_nccl_variables_read(environment, conf[0], conf[1], &v), CT_OK);
	assert_int_equal(v.n, 5);
	is(&v, "NCCL_ALGO", "Ring", "environment");
	assert_string_equal(ct_nccl_variable(&v, "NCCL_ALGO")->also, conf[0]);
	is(&v, "NCCL_PROTO", "LL = 1 ", conf[0]); /* literally */
	is(&v, "NCCL_BUFFSIZE", "8388608", conf[1]);
	is(&v, "NCCL_CROSS_NIC", "?1", "environment");
	assert_null(ct_nccl_variable(&v, "NCCL_DEBUG"));
	assert_null(ct_nccl_variable(&v, "NCCL_IB_TC"));
	assert_true(v.read[0] && v.read[1]);
	ct_nccl_variables_free(&v);
}

static void another_file_is_named(void **state)
{
	char named[80];
	char *const environment[] = { named, NULL };
	struct ct_nccl_variables v;

	(void)state;
	snprintf(named, sizeof(named), "NCCL_CONF_FILE=%s", conf[1]);
	write_conf(0, "NCCL_ALGO=Tree\n");
	write_conf(1, "NCCL_ALGO=Ring\n");
	assert_int_equal(ct_nccl_variables_read(environment, conf[0], "/nonexistent/nccl.conf", &v), CT_OK);
	is(&v, "NCCL_ALGO", "Ring", conf[1]);
	assert_string_equal(v.files[1], "/nonexistent/nccl.conf");
	assert_true(v.read[0] && !v.read[1]);
	ct_nccl_variables_free(&v);
	/* a folder, a pipe: nothing is read, and nobody waits */
	assert_int_equal(ct_nccl_variables_read(environment + 1, "/tmp", NULL, &v), CT_OK);
	assert_true(v.n == 0 && !v.read[0]);
	ct_nccl_variables_free(&v);
	unlink(conf[0]);
	assert_int_equal(mkfifo(conf[0], 0600), 0);
	assert_int_equal(ct_nccl_variables_read(environment + 1, conf[0], NULL, &v), CT_OK);
	assert_true(v.n == 0 && !v.read[0]);
	ct_nccl_variables_free(&v);
}

static void too_many(void **state)
{
	char *const none[] = { NULL };
	struct ct_nccl_variables v;
	FILE *file;

	(void)state;
	unlink(conf[0]);
	file = fopen(conf[0], "we");
	assert_non_null(file);
	for (int i = 0; i < CT_NCCL_VARIABLES + 5; i++)
		fprintf(file, "NCCL_V%d=%d\n", i, i);
	fclose(file);
	assert_int_equal(ct_nccl_variables_read(none, conf[0], NULL, &v), CT_OK);
	assert_int_equal(v.n, CT_NCCL_VARIABLES);
	assert_true(v.cut);
	ct_nccl_variables_free(&v);
}

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		snprintf(conf[i], sizeof(conf[i]), "/tmp/ct-nccl-conf-%ld-%d", (long)getpid(), i);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(conf[0]);
	unlink(conf[1]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ways_and_nics), cmocka_unit_test(lines_that_are_no_good),
		cmocka_unit_test(a_file_of_lines), cmocka_unit_test(environment_before_files),
		cmocka_unit_test(another_file_is_named), cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests_name("bench_nccl", tests, setup, teardown);
}
