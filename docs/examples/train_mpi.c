/* SPDX-License-Identifier: BSD-3-Clause */
/* The training job under mpirun: mpirun -n 4 train_mpi --data=iris.csv [--sum=ct|mpi|gather] */
#include <colltune_mpi.h>
#include <stdio.h>

#include "train.h"

static int mpi_sum(void *arg, float *data, size_t count)
{
	(void)arg;
	return MPI_Allreduce(MPI_IN_PLACE, data, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD) ==
		MPI_SUCCESS ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct train_options options;
	ct_mpi_boot *boot = NULL;
	int result = 1;

	MPI_Init(&argc, &argv);
	if (train_parse(argc, argv, "mpi", &options) == 0) {
		if (ct_mpi_boot_new(MPI_COMM_WORLD, &boot) == CT_OK)
			result = train_rank(ct_mpi_boot_get(boot), &options, mpi_sum, NULL);
		else
			fprintf(stderr, "train: %s\n", ct_why());
		ct_mpi_boot_free(boot);
	}
	MPI_Finalize();
	return result;
}
