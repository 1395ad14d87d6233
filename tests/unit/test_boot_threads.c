/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads as ranks, agreement, the world of threads, and the check of a caller's bootstrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "boot/boot.h"

#define SECOND 1000000000u

static const uint32_t counts[] = { 1, 2, 3, 5, 8, 13, 64, 256 };
enum { NCOUNTS = sizeof(counts) / sizeof(counts[0]) };

static ct_status gather_main(const struct ct_boot *boot, void *arg)
{
	uint64_t all[256], mine;

	(void)arg;
	for (uint64_t round = 0; round < 20; round++) {
		mine = round * 1000 + boot->rank;
		if (boot->allgather(boot->ctx, &mine, all, sizeof(mine)) != CT_OK)
			return CT_PEER;
		for (uint32_t r = 0; r < boot->nranks; r++)
			if (all[r] != round * 1000 + r)
				return ct_fail(CT_CORRUPT, "round %d: %d of rank %u", (int)round,
					(int)all[r], r);
	}
	return boot->allgather(boot->ctx, NULL, NULL, 0);
}

static void gathers(void **state)
{
	(void)state;
	for (size_t i = 0; i < NCOUNTS; i++)
		assert_int_equal(ct_threads_run(counts[i], 60ull * SECOND, gather_main, NULL, NULL),
			CT_OK);
	assert_int_equal(ct_threads_run(0, SECOND, gather_main, NULL, NULL), CT_INVALID);
	assert_int_equal(ct_threads_run(257, SECOND, gather_main, NULL, NULL), CT_INVALID);
}

/* Rank 2 leaves with a reason; nobody waits for it for ever. */
static ct_status leave_main(const struct ct_boot *boot, void *arg)
{
	uint32_t all[8];

	(void)arg;
	if (boot->rank == 2)
		return ct_fail(CT_IO, "the disk of rank 2 is full");
	return boot->allgather(boot->ctx, &boot->rank, all, sizeof(all[0]));
}

static void early_leaver(void **state)
{
	ct_status results[5];

	(void)state;
	assert_int_equal(ct_threads_run(5, 60ull * SECOND, leave_main, NULL, results), CT_IO);
	assert_string_equal(ct_why(), "the disk of rank 2 is full");
	assert_int_equal(results[2], CT_IO);
	for (uint32_t r = 0; r < 5; r++)
		if (r != 2)
			assert_int_equal(results[r], CT_PEER);
}

/* Rank 1 waits in its main until the others have timed out. */
static ct_status late_main(const struct ct_boot *boot, void *arg)
{
	char all[3];
	int *pipe_ends = arg;

	if (boot->rank == 1)
		return read(pipe_ends[0], all, 1) == 1 ? CT_OK : CT_IO;
	ct_status s = boot->allgather(boot->ctx, "x", all, 1);
	if (boot->rank == 0 && write(pipe_ends[1], "x", 1) != 1)
		return CT_IO;
	return s;
}

static void late_rank(void **state)
{
	ct_status results[3];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(ct_threads_run(3, SECOND / 20, late_main, ends, results), CT_TIMEOUT);
	assert_int_equal(results[0], CT_TIMEOUT);
	assert_int_equal(results[1], CT_OK);
	assert_int_equal(results[2], CT_TIMEOUT);
	close(ends[0]);
	close(ends[1]);
}

static ct_status uneven_main(const struct ct_boot *boot, void *arg)
{
	char all[64];

	(void)arg;
	return boot->allgather(boot->ctx, "0123456789", all, boot->rank == 1 ? 8 : 4);
}

static void uneven_sizes(void **state)
{
	(void)state;
	assert_int_equal(ct_threads_run(4, 10ull * SECOND, uneven_main, NULL, NULL), CT_INVALID);
}

static ct_status agree_main(const struct ct_boot *boot, void *arg)
{
	ct_status s = ct_boot_agree(boot, CT_OK);

	(void)arg;
	if (s != CT_OK)
		return s;
	s = boot->rank == 1 || boot->rank == 3 ? ct_fail(CT_NOTFOUND, "no café on rank %u",
		boot->rank) : CT_OK;
	s = ct_boot_agree(boot, s);
	if (s != CT_NOTFOUND)
		return CT_CORRUPT;
	if (strcmp(ct_why(), boot->rank == 1 ? "no café on rank 1" :
		"rank 1: no café on rank 1") != 0)
		return CT_CORRUPT;
	return ct_boot_agree(boot, CT_OK);
}

static void agreement(void **state)
{
	(void)state;
	assert_int_equal(ct_threads_run(5, 10ull * SECOND, agree_main, NULL, NULL), CT_OK);
	assert_int_equal(ct_boot_agree(ct_boot_single(), CT_IO), CT_IO);
}

static ct_status world_main(const struct ct_boot *boot, void *arg)
{
	struct ct_world w;
	ct_status s = ct_world_make(boot, &w);

	(void)arg;
	if (s != CT_OK)
		return s;
	s = CT_CORRUPT;
	if (w.rank == boot->rank && w.nranks == boot->nranks && w.nhosts == 1 &&
		w.local_rank == w.rank && w.local_ranks == w.nranks &&
			w.host_of[w.nranks - 1] == 0 &&
		w.pid_of[0] == (uint32_t)getpid() && w.hosts[0].ranks == w.nranks &&
		w.hosts[0].cpus >= 1 && w.hosts[0].name[0] != '\0' &&
		w.oversubscribed == (w.nranks > w.hosts[0].cpus))
		s = CT_OK;
	ct_world_free(&w);
	ct_world_free(&w); /* harmless */
	return s;
}

static void world(void **state)
{
	(void)state;
	for (size_t i = 0; i < NCOUNTS; i++)
		assert_int_equal(ct_threads_run(counts[i], 60ull * SECOND, world_main, NULL, NULL),
			CT_OK);
}

/* Every allocation of the collective calls fails once on some rank: all ranks learn of it. */
static ct_status torture_main(const struct ct_boot *boot, void *arg)
{
	struct ct_world w;
	ct_status s = ct_world_make(boot, &w);

	(void)arg;
	if (s == CT_OK)
		ct_world_free(&w);
	return s;
}

static void torture(void **state)
{
	ct_status s, results[3];
	uint64_t n = 0, asked;

	(void)state;
	do {
		ct_alloc_fail_nth(++n);
		s = ct_threads_run(3, 10ull * SECOND, torture_main, NULL, results);
		asked = ct_alloc_count();
		ct_alloc_fail_nth(0);
		if (s == CT_OK) /* shrinking an array may fail without harm */
			continue;
		assert_int_equal(s, CT_NOMEM);
		for (uint32_t r = 0; r < 3 && n > 2; r++)
			assert_int_equal(results[r], CT_NOMEM);
	} while (asked >= n);
	assert_true(n > 12);
	assert_int_equal(s, CT_OK);
}

static void single(void **state)
{
	const struct ct_boot *b = ct_boot_single();
	int mine = 7, all = 0;
	struct ct_boot broken = *b;

	(void)state;
	assert_int_equal(ct_boot_check(b), CT_OK);
	assert_int_equal(b->allgather(b->ctx, &mine, &all, sizeof(all)), CT_OK);
	assert_int_equal(all, 7);
	assert_int_equal(ct_boot_check(NULL), CT_INVALID);
	broken.size--;
	assert_int_equal(ct_boot_check(&broken), CT_INVALID);
	broken.size += 9;
	assert_int_equal(ct_boot_check(&broken), CT_UNSUPPORTED);
	broken = *b;
	broken.rank = 1;
	assert_int_equal(ct_boot_check(&broken), CT_INVALID);
	broken.nranks = 2;
	assert_int_equal(ct_boot_check(&broken), CT_OK);
	broken.allgather = NULL;
	assert_int_equal(ct_boot_check(&broken), CT_INVALID);
	broken.nranks = 0;
	assert_int_equal(ct_boot_check(&broken), CT_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gathers),
		cmocka_unit_test(early_leaver),
		cmocka_unit_test(late_rank),
		cmocka_unit_test(uneven_sizes),
		cmocka_unit_test(agreement),
		cmocka_unit_test(world),
		cmocka_unit_test(torture),
		cmocka_unit_test(single),
	};

	return cmocka_run_group_tests_name("boot_threads", tests, NULL, NULL);
}
