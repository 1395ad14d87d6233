/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ct_comm in a program that has called MPI_Init itself, over native and the library's own collectives
 * mixed by size: right data for every operation, messages in between, agreement when one rank has other
 * rules. Rank 0 prints TAP.   comm MODULE-DIR RULES [OTHER-RULES-OF-RANK-1]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "colltune_mpi.h"

enum { MOST = 200000 };

static int tests, failed, rank, n;
static int32_t *mine, *theirs;
static char logged[500];

static void check(int good, const char *what)
{
	int all;

	MPI_Allreduce(&good, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
	tests++;
	failed += !all;
	if (!good)
		fprintf(stderr, "rank %d: %s: %s\n", rank, what, ct_why());
	if (rank == 0)
		printf("%sok %d - %s\n", all ? "" : "not ", tests, what);
}

static void keep(void *arg, const char *line)
{
	(void)arg;
	snprintf(logged, sizeof(logged), "%s", line);
}

static int32_t value(int of, int i)
{
	return of * 1000 + i % 977;
}

/* One operation of COUNT elements (a rank's block) and what must come out. */
static int right(ct_comm *comm, int coll, int count)
{
	int good = 1, sums = n * (n - 1) / 2 * 1000;

	for (int i = 0; i < n * count && i < MOST; i++)
		mine[i] = value(rank, i);
	switch (coll) {
	case CT_ALLREDUCE:
		good = ct_allreduce(comm, mine, theirs, (uint64_t)count, CT_INT32, CT_SUM) == CT_OK;
		for (int i = 0; i < count; i++)
			good = good && theirs[i] == sums + n * (i % 977);
		return good;
	case CT_ALLGATHER:
		good = ct_allgather(comm, mine, theirs, (uint64_t)count, CT_INT32) == CT_OK;
		for (int i = 0; i < n * count; i++)
			good = good && theirs[i] == value(i / count, i % count);
		return good;
	case CT_ALLTOALL:
		good = ct_alltoall(comm, mine, theirs, (uint64_t)count, CT_INT32) == CT_OK;
		for (int i = 0; i < n * count; i++)
			good = good && theirs[i] == value(i / count, rank * count + i % count);
		return good;
	case CT_REDUCE_SCATTER:
		good = ct_reduce_scatter(comm, mine, theirs, (uint64_t)count, CT_INT32, CT_SUM) == CT_OK;
		for (int i = 0; i < count; i++)
			good = good && theirs[i] == sums + n * ((rank * count + i) % 977);
		return good;
	case CT_BROADCAST:
		good = ct_broadcast(comm, mine, (uint64_t)count, CT_INT32, (uint32_t)n - 1) == CT_OK;
		for (int i = 0; i < count; i++)
			good = good && mine[i] == value(n - 1, i);
		return good;
	default:
		return ct_barrier(comm) == CT_OK;
	}
}

/* Around the ring: large enough to need both sides at once. */
static int ring(ct_comm *comm, int count)
{
	struct ct_call send = ct_call_init(CT_SEND, mine, NULL, (uint64_t)count, CT_INT32);
	struct ct_call recv = ct_call_init(CT_RECV, NULL, theirs, (uint64_t)count, CT_INT32);
	ct_request *requests[2];
	int last = (rank + n - 1) % n, good;

	send.peer = (uint32_t)(rank + 1) % (uint32_t)n;
	recv.peer = (uint32_t)last;
	for (int i = 0; i < count; i++)
		mine[i] = value(rank, i);
	good = ct_start(comm, &send, &requests[0]) == CT_OK && ct_start(comm, &recv, &requests[1]) == CT_OK &&
		ct_wait(requests[0]) == CT_OK && ct_wait(requests[1]) == CT_OK;
	for (int i = 0; i < count; i++)
		good = good && theirs[i] == value(last, i);
	return good;
}

static void all_operations(ct_comm *comm, const char *how)
{
	static const int counts[] = { 1, 100, 1000, 30000 };
	char what[100];

	for (int coll = CT_ALLREDUCE; coll <= CT_BARRIER; coll++) {
		int good = 1;

		/* to and fro between the backends, and messages between them */
		for (int round = 0; round < 2; round++)
			for (int i = 0; i < 4; i++)
				good = good && right(comm, coll, counts[i]) && ring(comm, counts[3 - i]);
		snprintf(what, sizeof(what), "%s: operation %d, to and fro", how, coll);
		check(good, what);
	}
}

static void choices(ct_comm *comm)
{
	struct ct_call call = ct_call_init(CT_ALLREDUCE, mine, theirs, 10, CT_INT32);
	struct ct_comm_info info = { .size = sizeof(info) };
	char a[100] = "", b[100] = "", c[100] = "";

	ct_comm_choice(comm, &call, a, sizeof(a));
	call.count = 1000;
	ct_comm_choice(comm, &call, b, sizeof(b));
	call.count = 30000;
	ct_comm_choice(comm, &call, c, sizeof(c));
	ct_comm_about(comm, &info);
	if (rank == 0)
		printf("# %s | %s | %s | %llu in use, %llu left: %s\n", a, b, c, (unsigned long long)info.rules,
			(unsigned long long)info.rules_left, info.note);
	check(strcmp(a, "mpi recursive_doubling, rule 0") == 0, "short: the library's recursive doubling");
	check(strstr(b, "ring segment=4096, rule 1") != NULL && strncmp(b, "native/", 7) == 0,
		"longer: native ring");
	check(strcmp(c, "mpi ring, rule 2") == 0, "long: the library's ring");
	check(info.rules == 7 && info.rules_left == 0, "all rules are in use");
}

int main(int argc, char **argv)
{
	struct ct_comm_attr attr = ct_comm_attr_init(NULL);
	struct ct_comm_info info = { .size = sizeof(info) };
	ct_mpi_boot *boot = NULL;
	ct_comm *comm = NULL;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &n);
	mine = calloc(2 * MOST, sizeof(*mine));
	theirs = mine + MOST;
	if (argc < 3 || mine == NULL || n * 30000 > MOST || ct_mpi_boot_new(MPI_COMM_WORLD, &boot) != CT_OK)
		MPI_Abort(MPI_COMM_WORLD, 2);
	attr.boot = ct_mpi_boot_get(boot);
	attr.backends = "mpi,native";
	attr.module_dir = argv[1];
	attr.rules = argc > 3 && rank == 1 ? argv[3] : argv[2];
	attr.log = keep;
	check(ct_comm_open(&attr, &comm) == CT_OK, "opened");
	if (comm == NULL)
		MPI_Abort(MPI_COMM_WORLD, 1);
	if (argc > 3) {
		check(ct_comm_about(comm, &info) == CT_OK && info.rules == 0 &&
			strstr(info.note, "the rules file differs on rank 1 (host ") != NULL,
			"other rules on rank 1 are refused by name, on every rank");
		check(rank != 0 || strcmp(info.note, logged) == 0, "one line on rank 0");
	} else {
		choices(comm);
	}
	all_operations(comm, argc > 3 ? "by default" : "by rules");
	ct_comm_close(comm);
	attr.deterministic = 1;
	check(ct_comm_open(&attr, &comm) == CT_OK, "opened again, in rank order");
	all_operations(comm, "in rank order");
	ct_comm_close(comm);
	ct_mpi_boot_free(boot);
	free(mine);
	if (rank == 0)
		printf("1..%d\n", tests);
	MPI_Finalize();
	return failed != 0;
}
