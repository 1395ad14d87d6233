/* SPDX-License-Identifier: BSD-3-Clause */
/* Launchers by their variables, and modules that cannot be opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "boot/boot.h"

/* NAME=VALUE words, ended by NULL. */
static const char *get(void *arg, const char *name)
{
	for (const char *const *v = arg; *v != NULL; v++)
		if (strncmp(*v, name, strlen(name)) == 0 && (*v)[strlen(name)] == '=')
			return *v + strlen(name) + 1;
	return NULL;
}

struct row {
	const char *name;
	uint32_t size, rank, local;
	const char *vars[5];
};

static void detects(void **state)
{
	static const struct row rows[] = {
		{ NULL, 1, 0, 0, { NULL } },
		{ "Open MPI", 4, 3, 1, { "OMPI_COMM_WORLD_SIZE=4", "OMPI_COMM_WORLD_RANK=3",
			"OMPI_COMM_WORLD_LOCAL_RANK=1", "SLURM_PROCID=0", NULL } },
		{ "Open MPI", 4, 3, 0, { "OMPI_COMM_WORLD_SIZE=4", "OMPI_COMM_WORLD_RANK=3",
			NULL } },
		{ "Hydra/PMI", 8, 7, 3, { "PMI_SIZE=8", "PMI_RANK=7", "MPI_LOCALRANKID=3", NULL } },
		{ "PMIx", 2, 1, 1, { "PMIX_SIZE=2", "PMIX_RANK=1", "PMIX_LOCAL_RANK=1", NULL } },
		{ "Slurm", 16, 9, 1, { "SLURM_STEP_NUM_TASKS=16", "SLURM_PROCID=9",
			"SLURM_LOCALID=1",
			"PMIX_RANK=9", NULL } },
		{ "torchrun", 4, 2, 0, { "WORLD_SIZE=4", "RANK=2", "LOCAL_RANK=0", NULL } },
		/* torchrun was started by srun, not the other way round; mpirun takes the variables along */
		{ "torchrun", 4, 2, 2, { "WORLD_SIZE=4", "RANK=2", "LOCAL_RANK=2",
			"SLURM_STEP_NUM_TASKS=1", NULL } },
		{ "Open MPI", 2, 1, 0, { "WORLD_SIZE=4", "RANK=2", "OMPI_COMM_WORLD_SIZE=2",
			"OMPI_COMM_WORLD_RANK=1", NULL } },
		{ NULL, 1, 0, 0, { "WORLD_SIZE=4", "RANK=4", NULL } },
		/* malformed, impossible or half of it: as if it were not there */
		{ NULL, 1, 0, 0, { "OMPI_COMM_WORLD_SIZE=four", "OMPI_COMM_WORLD_RANK=3", NULL } },
		{ NULL, 1, 0, 0, { "OMPI_COMM_WORLD_SIZE=4", "OMPI_COMM_WORLD_RANK=4", NULL } },
		{ NULL, 1, 0, 0, { "OMPI_COMM_WORLD_SIZE=0", "OMPI_COMM_WORLD_RANK=0", NULL } },
		{ NULL, 1, 0, 0, { "PMI_SIZE=99999999999", "PMI_RANK=-1", NULL } },
		{ "Slurm", 2, 1, 0, { "PMI_SIZE=2x", "PMI_RANK=1", "SLURM_STEP_NUM_TASKS=2",
			"SLURM_PROCID=1", NULL } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ct_launcher l = ct_launcher_detect(get, (void *)(uintptr_t)rows[i].vars);

		if (rows[i].name == NULL)
			assert_null(l.name);
		else
			assert_string_equal(l.name, rows[i].name);
		assert_int_equal(l.size, rows[i].size);
		assert_int_equal(l.rank, rows[i].rank);
		assert_int_equal(l.local_rank, rows[i].local);
	}
}

static void agrees(void **state)
{
	const char *vars[] = { "OMPI_COMM_WORLD_SIZE=4", "OMPI_COMM_WORLD_RANK=3", NULL };
	const char *none[] = { NULL };
	struct ct_launcher l = ct_launcher_detect(get, vars);
	struct ct_launcher hand = ct_launcher_detect(get, none);

	(void)state;
	assert_int_equal(ct_launcher_agrees(&l, 4, "MPI library"), CT_OK);
	assert_int_equal(ct_launcher_agrees(&hand, 1, "MPI library"), CT_OK);
	assert_int_equal(ct_launcher_agrees(&hand, 3, "bootstrap"), CT_OK);
	assert_int_equal(ct_launcher_agrees(&l, 1, "MPI library"), CT_INVALID);
	assert_non_null(strstr(ct_why(), "started by Open MPI with 4 processes"));
	assert_non_null(strstr(ct_why(), "MPI library sees 1"));
	assert_non_null(strstr(ct_why(), "alone as rank 0"));
	assert_non_null(strstr(ct_why(), "run the mpirun of the MPI"));
	assert_null(strchr(ct_why(), '\n'));
	assert_int_equal(ct_launcher_agrees(&l, 2, "bootstrap"), CT_INVALID);
	assert_null(strstr(ct_why(), "alone as rank 0"));
}

static void no_module(void **state)
{
	char dir[] = "/tmp/ct-module-XXXXXX", path[64];
	const struct ct_module *module = NULL;
	FILE *f;

	(void)state;
	assert_int_equal(ct_module_open("relative", "mpi", &module), CT_INVALID);
	assert_int_equal(ct_module_open(NULL, "mpi", &module), CT_INVALID);
	assert_int_equal(ct_module_open("/", "../mpi", &module), CT_INVALID);
	assert_int_equal(ct_module_open("/", "", &module), CT_INVALID);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(ct_module_open(dir, "mpi", &module), CT_NOTFOUND);
	assert_non_null(strstr(ct_why(), "built without mpi"));
	snprintf(path, sizeof(path), "%s/colltune-mpi.so", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("this is no shared object\n", f);
	fclose(f);
	assert_int_equal(ct_module_open(dir, "mpi", &module), CT_UNSUPPORTED);
	assert_non_null(strstr(ct_why(), path));
	assert_null(module);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(detects),
		cmocka_unit_test(agrees),
		cmocka_unit_test(no_module),
	};

	return cmocka_run_group_tests_name("boot_launcher", tests, NULL, NULL);
}
