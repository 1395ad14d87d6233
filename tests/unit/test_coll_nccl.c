/* SPDX-License-Identifier: BSD-3-Clause */
/* The row "nccl" never waits for ever for a communicator, over the STAND-IN (tests/fake/nccl-host): a rank that never
 * joins, one whose end never returns, and the thread that is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"
#include "coll/coll.h"
#include "coll/nccl_api.h"

enum { RANKS = 3 };

static const uint64_t second = 1000000000, ages = UINT64_C(600000000000);

/* What the ranks of a job do. */
struct job {
	struct ct_coll_settings settings;
	uint64_t patience_ns;
	const char *split;
};

static ct_status open_and_close(const struct ct_boot *boot, void *arg)
{
	const struct job *job = arg;
	struct ct_world world;
	struct ct_coll_lib lib = { 0 };
	struct ct_group group;
	ct_status status = ct_world_make(boot, &world);
	struct ct_coll_env env = { .world = &world, .settings = &job->settings, .group = &group,
		.open_by = ct_deadline_in(job->patience_ns) };

	if (status != CT_OK)
		return status;
	group = ct_world_whole(&world);
	if (job->split != NULL)
		status = ct_world_group(&world, job->split, &group);
	if (status == CT_OK)
		status = ct_coll_open("nccl", NULL, &env, &lib);
	if (status == CT_OK)
		ct_coll_close(&lib);
	ct_world_free(&world);
	return status;
}

/* The status of RANKS threads with this FAULT of the stand-in; its reason is ct_why(). */
static ct_status run(struct job *job, const char *fault)
{
	static char lib[1024];
	ct_status status;

	snprintf(lib, sizeof(lib), "%s/nccl-host.so", getenv("COLLTUNE_MODULE_DIR"));
	job->settings.nccl.lib = lib;
	if (job->settings.nccl.gpu_lib == NULL)
		job->settings.nccl.gpu_lib = lib;
	setenv("CT_FAKE_NCCL_FAULT", fault, 1);
	status = ct_threads_run(RANKS, ages, open_and_close, job, NULL);
	if (status != CT_OK)
		print_message("# %s\n", ct_why());
	return status;
}

/* Nobody can ever succeed, so the deadline may be as short as one likes. */
static void check_absent(struct job job, const char *call)
{
	job.patience_ns = second / 4;
	assert_int_equal(run(&job, "absent:rank=1"), CT_TIMEOUT);
	assert_non_null(strstr(ct_why(), call));
	assert_non_null(strstr(ct_why(), "of 3, host "));
	assert_non_null(strstr(ct_why(), "s: a rank never came"));
	/* the process is none the worse for it */
	job.patience_ns = ages;
	assert_int_equal(run(&job, "none"), CT_OK);
}

static void test_absent(void **state)
{
	(void)state;
	check_absent((struct job){ .patience_ns = 0 }, "ncclCommInitRank of NCCL 2.28.9 ABI (nccl-host.so) has not returned");
}

static void test_absent_without_gpu(void **state)
{
	static char none[] = "none";

	(void)state;
	check_absent((struct job){ .settings.nccl.gpu_lib = none }, "ncclCommInitRank of ");
}

static void test_absent_without_blocking(void **state)
{
	(void)state;
	check_absent((struct job){ .settings.nccl.nonblocking = true },
		"ncclCommInitRankConfig of NCCL 2.28.9 ABI (nccl-host.so) is still in progress");
}

/* Rank 0 of the job is rank 0 of a group too, which is made without a hitch. */
static void test_groups(void **state)
{
	struct job job = { .patience_ns = ages, .split = "1" };

	(void)state;
	assert_int_equal(run(&job, "none"), CT_OK);
	job.settings.nccl.nonblocking = true;
	assert_int_equal(run(&job, "none"), CT_OK);
}

static char warned[512];
static unsigned warnings;

static void sink(void *arg, enum ct_log_level level, enum ct_log_area area, const char *line)
{
	(void)arg;
	(void)level;
	(void)area;
	warnings++;
	snprintf(warned, sizeof(warned), "%s", line);
}

/* Closing waits as long as opening might: as short a time as this machine now needs to open. */
static void test_stuck(void **state)
{
	struct job job = { .patience_ns = second / 8 };
	ct_status status;

	(void)state;
	ct_log_install(sink, NULL, CT_LOG_WARN, UINT32_MAX);
	do {
		job.patience_ns *= 2;
		status = run(&job, "stuck:rank=2");
	} while (status == CT_TIMEOUT && job.patience_ns < ages);
	ct_log_install(NULL, NULL, CT_LOG_WARN, 0);
	assert_int_equal(status, CT_OK);
	assert_true(warnings >= 1);
	assert_non_null(strstr(warned, "rank 2 of 3, host "));
	assert_non_null(strstr(warned, "ncclCommDestroy of NCCL 2.28.9 ABI (nccl-host.so) has not returned after "));
}

/* ---- the thread itself ----------------------------------------------------------------------- */

struct errand {
	sem_t may_end, dropped;
	bool done;
};

static void wait_and_do(void *arg)
{
	struct errand *e = arg;

	sem_wait(&e->may_end);
	e->done = true;
}

static void drop(void *arg)
{
	sem_post(&((struct errand *)arg)->dropped);
}

static void test_left_behind(void **state)
{
	struct errand e = { .done = false };

	(void)state;
	sem_init(&e.may_end, 0, 0);
	sem_init(&e.dropped, 0, 0);
	assert_int_equal(ct_nccl_bounded(wait_and_do, drop, &e, ct_deadline_in(second / 100)), CT_TIMEOUT);
	sem_post(&e.may_end);
	sem_wait(&e.dropped); /* its owner is the thread until now */
	assert_true(e.done);
	e.done = false;
	sem_post(&e.may_end);
	assert_int_equal(ct_nccl_bounded(wait_and_do, drop, &e, ct_deadline_in(UINT64_MAX)), CT_OK);
	assert_true(e.done);
	assert_int_equal(sem_trywait(&e.dropped), -1);
	sem_destroy(&e.may_end);
	sem_destroy(&e.dropped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_left_behind),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_absent_without_gpu),
		cmocka_unit_test(test_absent_without_blocking),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_stuck),
	};

	return cmocka_run_group_tests_name("coll: nccl", tests, NULL, NULL);
}
