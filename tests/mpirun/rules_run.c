/* SPDX-License-Identifier: BSD-3-Clause */
/* rules_run: plain MPI. Runs all-reduce, all-to-all, all-gather, broadcast, reduce, gather and scatter, the
 * last three with the same arguments on all ranks, at sizes from 8 bytes to 1 MiB (nccl-tests' size column),
 * and prints on rank 0, the root, "OPERATION BYTES ALGORITHM": the first function of coll/base that the
 * preloaded witness (whichalgo.c) saw. */
#include <dlfcn.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 20, CLOSELY = 4 /* operations at each power of two, the others at every other one */ };

static void run(const char *name, int bytes, int ranks, char *in, char *out)
{
	if (strcmp(name, "allreduce") == 0)
		MPI_Allreduce(in, out, bytes / 4, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
	else if (strcmp(name, "alltoall") == 0)
		MPI_Alltoall(in, bytes / ranks, MPI_BYTE, out, bytes / ranks, MPI_BYTE, MPI_COMM_WORLD);
	else if (strcmp(name, "allgather") == 0)
		MPI_Allgather(in, bytes / ranks, MPI_BYTE, out, bytes / ranks, MPI_BYTE, MPI_COMM_WORLD);
	else if (strcmp(name, "reduce") == 0)
		MPI_Reduce(in, out, bytes / 4, MPI_FLOAT, MPI_SUM, 0, MPI_COMM_WORLD);
	else if (strcmp(name, "gather") == 0)
		MPI_Gather(in, bytes / ranks, MPI_BYTE, out, bytes / ranks, MPI_BYTE, 0, MPI_COMM_WORLD);
	else if (strcmp(name, "scatter") == 0)
		MPI_Scatter(in, bytes / ranks, MPI_BYTE, out, bytes / ranks, MPI_BYTE, 0, MPI_COMM_WORLD);
	else
		MPI_Bcast(in, bytes, MPI_BYTE, 0, MPI_COMM_WORLD);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "allreduce", "alltoall", "allgather", "broadcast", "reduce", "gather",
		"scatter" };
	const char *(*seen)(void) = NULL;
	void (*reset)(void) = NULL;
	void *symbol;
	char *in = calloc(2, MOST), *out = in != NULL ? in + MOST : NULL;
	int rank, ranks;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	symbol = dlsym(RTLD_DEFAULT, "whichalgo_seen");
	memcpy(&seen, &symbol, sizeof(seen));
	symbol = dlsym(RTLD_DEFAULT, "whichalgo_reset");
	memcpy(&reset, &symbol, sizeof(reset));
	if (in == NULL || seen == NULL || reset == NULL)
		MPI_Abort(MPI_COMM_WORLD, 2);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (int bytes = 8; bytes <= MOST; bytes *= i < CLOSELY ? 2 : 4) {
			reset();
			run(names[i], bytes, ranks, in, out);
			if (rank == 0)
				printf("%s %d %.*s\n", names[i], bytes, (int)strcspn(seen(), " "), seen());
		}
	MPI_Finalize();
	free(in);
	return 0;
}
