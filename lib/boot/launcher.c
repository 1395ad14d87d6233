/* SPDX-License-Identifier: BSD-3-Clause */
/* What the launcher's environment variables tell, and whether the bootstrap agrees with them. */
#include "boot.h"

struct known {
	const char *name;
	const char *size, *rank, *local;
};

/* In order of trust: a launcher inside a Slurm allocation also leaves Slurm's variables, and
 * those of the batch step then count one task. */
static const struct known launchers[] = {
	{ "Open MPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
		"OMPI_COMM_WORLD_LOCAL_RANK" },
	{ "Hydra/PMI", "PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID" },
	{ "PMIx", "PMIX_SIZE", "PMIX_RANK", "PMIX_LOCAL_RANK" },
	{ "torchrun", "WORLD_SIZE", "RANK", "LOCAL_RANK" },
	{ "Slurm", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID" },
};

static bool number(const char *text, int64_t low, uint32_t *out)
{
	int64_t v;

	if (text == NULL || ct_int_parse(text, low, UINT32_MAX, &v) != CT_OK)
		return false;
	*out = (uint32_t)v;
	return true;
}

struct ct_launcher ct_launcher_detect(const char *(*get)(void *arg, const char *name), void *arg)
{
	struct ct_launcher none = { NULL, NULL, 1, 0, 0 };

	for (size_t i = 0; i < sizeof(launchers) / sizeof(launchers[0]); i++) {
		const struct known *k = &launchers[i];
		struct ct_launcher l = { k->name, k->size, 1, 0, 0 };

		if (!number(get(arg, k->size), 1, &l.size) || !number(get(arg, k->rank), 0,
			&l.rank) ||
			l.rank >= l.size)
			continue;
		if (!number(get(arg, k->local), 0, &l.local_rank) || l.local_rank > l.rank)
			l.local_rank = 0;
		return l;
	}
	return none;
}

ct_status ct_launcher_agrees(const struct ct_launcher *launcher, uint32_t size, const char *who)
{
	if (launcher->name == NULL || launcher->size == size)
		return CT_OK;
	return ct_fail(CT_INVALID,
		"started by %s with %u processes (%s), but the %s sees %u: colltune "
		"and the launcher belong to different MPI installations%s; run the mpirun of the "
		"MPI that colltune was built with, or rebuild",
		launcher->name, launcher->size, launcher->source, who, size,
		size == 1 ? " (each process would report alone as rank 0)" : "");
}
