/* SPDX-License-Identifier: BSD-3-Clause */
/* An independent ruler for scripts/agree-mpi: plain MPI, nothing of colltune. Two ranks, send
 * and receive buffers apart as in OSU's benchmarks. Prints "latency BYTES us" (half a round trip;
 * median of 100 batches of 20) and "oneway BYTES MB/s" (median of 50 acknowledged windows of 64).
 * Usage: pingpong [MAX_BYTES] */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIPS = 20, BATCHES = 100, WINDOW = 64, WINDOWS = 50, WARM = 5, PAGE = 4096 };

static int by_value(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Each sample begins together, so that it is the same quantity as colltune's. */
static double together(void)
{
	MPI_Barrier(MPI_COMM_WORLD);
	return MPI_Wtime();
}

static double batch(char *out, char *in, int n, int rank)
{
	double start = together();

	for (int turn = 0; turn < 2 * TRIPS; turn++)
		if (turn % 2 == rank)
			MPI_Send(out, n, MPI_CHAR, 1 - rank, 0, MPI_COMM_WORLD);
		else
			MPI_Recv(in, n, MPI_CHAR, 1 - rank, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	return (MPI_Wtime() - start) / (2 * TRIPS) * 1e6;
}

static double window(char *out, char *in, int n, int rank)
{
	MPI_Request req[WINDOW];
	double start = together();

	for (int i = 0; i < WINDOW; i++)
		rank == 0 ? MPI_Isend(out, n, MPI_CHAR, 1, 1, MPI_COMM_WORLD, &req[i])
			  : MPI_Irecv(in, n, MPI_CHAR, 0, 1, MPI_COMM_WORLD, &req[i]);
	MPI_Waitall(WINDOW, req, MPI_STATUSES_IGNORE);
	rank == 0 ? MPI_Recv(NULL, 0, MPI_CHAR, 1, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE)
		  : MPI_Send(NULL, 0, MPI_CHAR, 0, 2, MPI_COMM_WORLD);
	return (double)WINDOW * n / (MPI_Wtime() - start) / 1e6;
}

int main(int argc, char **argv)
{
	int rank, max = argc > 1 ? atoi(argv[1]) : 1 << 20;
	size_t room = ((size_t)max / PAGE + 1) * PAGE;
	char *out = aligned_alloc(PAGE, room), *in = aligned_alloc(PAGE, room);
	double t[BATCHES];

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	memset(out, 1, room);
	memset(in, 2, room);
	for (int n = 8; n <= max; n *= 8) {
		for (int i = -WARM; i < BATCHES; i++)
			t[i < 0 ? 0 : i] = batch(out, in, n, rank);
		qsort(t, BATCHES, sizeof(t[0]), by_value);
		if (rank == 0)
			printf("latency %d %.3f\n", n, t[BATCHES / 2]);
		for (int i = -WARM; i < WINDOWS; i++)
			t[i < 0 ? 0 : i] = window(out, in, n, rank);
		qsort(t, WINDOWS, sizeof(t[0]), by_value);
		if (rank == 0)
			printf("oneway %d %.2f\n", n, t[WINDOWS / 2]);
	}
	free(out);
	free(in);
	return MPI_Finalize();
}
