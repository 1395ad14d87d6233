/* SPDX-License-Identifier: BSD-3-Clause */
/* The bootstrap for programs that have called MPI_Init themselves. Rank 0 prints TAP. The last test
 * leaves rank 1 out of an allgather: the others must come back with CT_TIMEOUT, then CT_PEER. */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/mpi_boot.h"

/* Only MPI calls these here, and the call chains of what they allocate do not reach up to MPI. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
	return "leak:libhwloc.so\nleak:__vasprintf_internal\n";
}

static int tests, failed;

/* What an exchange that never ended left behind stays on purpose; so does the way to it. */
static ct_mpi_boot *volatile kept;

static void check(int good, const char *what)
{
	int rank, all;

	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Allreduce(&good, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
	tests++;
	failed += !all;
	if (!good)
		fprintf(stderr, "rank %d: %s: %s\n", rank, what, ct_why());
	if (rank == 0)
		printf("%sok %d - %s\n", all ? "" : "not ", tests, what);
}

/* Byte I of rank R's part. */
static unsigned char part(uint32_t r, size_t i)
{
	return (unsigned char)(r * 31 + i * 7 + 1);
}

static int gathers(const struct ct_boot *boot, size_t bytes)
{
	unsigned char *mine = malloc(bytes + 1), *all = malloc(bytes * boot->nranks + 1);
	int good;

	for (size_t i = 0; i < bytes; i++)
		mine[i] = part(boot->rank, i);
	good = boot->allgather(boot->ctx, mine, all, bytes) == CT_OK;
	for (uint32_t r = 0; r < boot->nranks; r++)
		for (size_t i = 0; i < bytes; i++)
			good = good && all[r * bytes + i] == part(r, i);
	free(mine);
	free(all);
	return good;
}

/* The absent rank waits for a message that rank 0 sends after it has timed out. */
static void test_absent(ct_mpi_boot *b, int rank)
{
	const struct ct_boot *boot = ct_mpi_boot_get(b);
	char one = 1, all[256];
	uint64_t before = ct_now_ns();
	int good = 1;

	b->timeout_ns = 200000000;
	if (rank == 1) {
		MPI_Recv(&one, 1, MPI_CHAR, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	} else {
		good = boot->allgather(boot->ctx, &one, all, 1) == CT_TIMEOUT &&
			ct_now_ns() - before >= b->timeout_ns && strstr(ct_why(), "stopped") != NULL;
		good = good && boot->allgather(boot->ctx, &one, all, 1) == CT_PEER;
	}
	if (rank == 0)
		MPI_Send(&one, 1, MPI_CHAR, 1, 0, MPI_COMM_WORLD);
	check(good, "a rank that stays away: timeout, then refused");
}

int main(int argc, char **argv)
{
	const struct ct_boot *boot;
	ct_mpi_boot *b = NULL;
	int rank, n;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &n);
	check(ct_mpi_boot_new(MPI_COMM_NULL, &b) == CT_INVALID && b == NULL, "no communicator refused");
	check(ct_mpi_boot_new(MPI_COMM_WORLD, &b) == CT_OK, "made over MPI_COMM_WORLD");
	boot = ct_mpi_boot_get(b);
	check(boot->size == sizeof(*boot) && boot->rank == (uint32_t)rank &&
		boot->nranks == (uint32_t)n, "rank and size");
	check(gathers(boot, 0) && gathers(boot, 1) && gathers(boot, 1000) && gathers(boot, 13) &&
		gathers(boot, 100000), "allgather of 0 to 100000 bytes");
	check(boot->allgather(boot->ctx, "", NULL, (size_t)INT_MAX + 1) == CT_INVALID,
		"more bytes than an int refused");
	if (n > 1)
		test_absent(b, rank);
	kept = b;
	ct_mpi_boot_free(b);
	ct_mpi_boot_free(NULL);
	if (rank == 0)
		printf("1..%d\n", tests);
	MPI_Finalize();
	return failed != 0;
}
