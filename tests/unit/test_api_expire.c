/* SPDX-License-Identifier: BSD-3-Clause */
/* Processes under the callbacks bootstrap: one falls silent, others name it and leave with 4. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api_ranks.h"

enum { RANKS = 3, SILENT = 2, LEFT_ALONE = 5 };

static int report_pipe[2];

/* What the command does: tell what is known, and leave. */
static void leave(void *arg, const struct ct_expiry *e)
{
	char line[700];
	int n = snprintf(line, sizeof(line), "%u|%s|%s|%s\n", e->rank, e->host, e->phase,
		e->suspect);

	(void)arg;
	if (write(report_pipe[1], line, (size_t)n) != n)
		_exit(99);
	_exit(4);
}

static int stop_in_time(void *arg)
{
	const struct ct_boot *boot = arg;
	static int polls;

	if (boot->rank == SILENT && ++polls == 10)
		raise(SIGSTOP);
	return 0;
}

static int run(const struct ct_boot *boot, int stopping)
{
	struct ct_job_attr attr = ct_job_attr_init(boot);
	struct ct_plan plan = ct_plan_init(CT_ALLREDUCE);
	ct_job *job = NULL;
	ct_report *report = NULL;

	attr.deadline_ns = 2500000000;
	attr.on_expire = leave;
	attr.arg = (void *)(uintptr_t)boot;
	if (stopping)
		attr.interrupted = stop_in_time;
	if (ct_job_open(&attr, &job) != CT_OK)
		return 1;
	if (!stopping && boot->rank == SILENT) { /* lives, but never comes */
		for (;;)
			pause();
	}
	/* when another rank has left with 4 first, its connections break here */
	return ct_measure(job, &plan, &report) == CT_PEER ? LEFT_ALONE : 3;
}

static int stopped_main(const struct ct_boot *boot)
{
	return run(boot, 1);
}

static int absent_main(const struct ct_boot *boot)
{
	return run(boot, 0);
}

/* All that the ranks reported, after they have ended; the silent one is killed. */
static void collect(int (*main_of)(const struct ct_boot *), pid_t *pids, char *text, size_t room)
{
	size_t used = 0, expired = 0;
	ssize_t n;

	assert_int_equal(pipe(report_pipe), 0);
	fork_ranks(RANKS, main_of, pids);
	close(report_pipe[1]);
	for (uint32_t r = 0; r < RANKS; r++) {
		int status = r == SILENT ? 4 : exit_of(pids[r]);

		assert_true(status == 4 || status == LEFT_ALONE);
		expired += r != SILENT && status == 4;
	}
	assert_true(expired > 0);
	kill(pids[SILENT], SIGKILL);
	assert_int_equal(exit_of(pids[SILENT]), 128 + SIGKILL);
	while ((n = read(report_pipe[0], text + used, room - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(report_pipe[0]);
}

static void stopped_rank(void **state)
{
	pid_t pids[RANKS];
	char text[4096], expected[64];

	(void)state;
	collect(stopped_main, pids, text, sizeof(text));
	snprintf(expected, sizeof(expected), "rank 2 (pid %d, host ", (int)pids[SILENT]);
	assert_non_null(strstr(text, expected));
	assert_non_null(strstr(text, "has given no sign of life for"));
	assert_non_null(strstr(text, ": stopped"));
	assert_non_null(strstr(text, "|allreduce 8 B, native default, "));
}

static void absent_rank(void **state)
{
	pid_t pids[RANKS];
	char text[4096];

	(void)state;
	collect(absent_main, pids, text, sizeof(text));
	assert_non_null(strstr(text,
		"rank 2 is still in \"idle after: opening the control plane\""));
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(stopped_rank), cmocka_unit_test(absent_rank),
	};

	return cmocka_run_group_tests_name("api_expire", all, NULL, NULL);
}
