/* SPDX-License-Identifier: BSD-3-Clause */
/* Does an exported file take effect? */
#ifndef CT_BENCH_VERIFY_H
#define CT_BENCH_VERIFY_H

#include "rules/rules.h"
#include "tune/tune.h"

struct ct_verify_in {
	const struct ct_rules *rules;
	const char *rules_file; /* where they were read from */
	const char *file;       /* the exported file */
	const struct ct_export *out; /* what it holds */
	const char *launch;     /* "mpirun": split at blanks; -n RANKS and more words follow */
	const char *module_dir; /* of colltune-witness.so */
};

struct ct_verified {
	unsigned ran, other; /* sizes at which the rule's algorithm ran, or another */
};

/* Launches twice, each bounded by five minutes, and prints what it saw. CT_UNSUPPORTED: cannot be
 * verified here, and why; CT_INVALID: --launch; CT_IO, CT_TIMEOUT: a launch failed. */
ct_status ct_verify_openmpi(const struct ct_verify_in *in, struct ct_verified *verified);

#endif
