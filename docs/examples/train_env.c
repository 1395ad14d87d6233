/* SPDX-License-Identifier: BSD-3-Clause */
/* The training job under torchrun, or whatever sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT:
 * COLLTUNE_JOB_TOKEN=$(openssl rand -hex 16) torchrun --no-python --nproc-per-node 4 train_env --data=iris.csv */
#include <stdio.h>

#include "train.h"

int main(int argc, char **argv)
{
	struct train_options options;
	const struct ct_boot *boot = NULL;
	int result;

	if (train_parse(argc, argv, NULL, &options) != 0)
		return 2;
	if (ct_env_boot_new(0, &boot) != CT_OK) {
		fprintf(stderr, "train: %s\n", ct_why());
		return 1;
	}
	result = train_rank(boot, &options, NULL, NULL);
	ct_env_boot_free(boot);
	return result;
}
