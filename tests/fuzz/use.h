/* SPDX-License-Identifier: BSD-3-Clause */
/* What every reader of a machine is followed by: all that may be done with it. */
#ifndef CT_FUZZ_USE_H
#define CT_FUZZ_USE_H

#include <stdlib.h>

#include "advise/advise.h"
#include "topo/topo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* hwloc would tell on stderr what it refuses. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("HWLOC_HIDE_ERRORS", "2", 1);
	setenv("LC_ALL", "C", 1);
	return 0;
}

static inline void use_again(const struct ct_machine *machine)
{
	struct ct_machine *again = NULL;
	struct ct_diff diff = { .nrows = 0 };
	char *text = NULL;
	size_t bytes = 0;

	if (ct_machine_text(machine, false, &text, &bytes) != CT_OK)
		return;
	/* What was saved loads, and is the same. */
	if (ct_machine_parse(text, bytes, "again", &again) == CT_OK &&
	    ct_machine_diff(machine, again, &diff) == CT_OK)
		ct_diff_free(&diff);
	ct_machine_free(again);
	ct_free(text);
}

static inline void use_machine(const struct ct_machine *machine)
{
	struct ct_buf out = ct_buf_make(1 << 20);
	const struct ct_binding bound = { 0, "0-1" };
	struct ct_advise_in in = { .facts = ct_machine_facts(machine) };
	struct ct_findings findings = { .n = 0 };
	struct ct_matrix matrix;
	struct ct_numa *nodes = NULL;
	struct ct_cpu cpu;
	char hash[CT_MACHINE_HASH_ROOM];
	size_t n = 0;

	ct_machine_tree(machine, &bound, 1, &out);
	if (ct_machine_matrix(machine, &matrix) == CT_OK) {
		ct_matrix_text(machine, &matrix, &out);
		ct_matrix_free(&matrix);
	}
	if (ct_machine_numa(machine, &nodes, &n) == CT_OK)
		ct_numa_free(nodes, n);
	ct_machine_cpu(machine, &cpu);
	ct_machine_hash(machine, hash);
	ct_advise(&in, &findings);
	ct_findings_free(&findings);
	ct_buf_free(&out);
	use_again(machine);
}

#endif
