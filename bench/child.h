/* SPDX-License-Identifier: BSD-3-Clause */
/* A program of others, run for what it says. */
#ifndef CT_BENCH_CHILD_H
#define CT_BENCH_CHILD_H

#include "base/base.h"

struct ct_child {
	const char *const *argv; /* ended by NULL; argv[0] is looked for in PATH, no shell takes part */
	const char *in;		 /* its standard input, IN_BYTES long */
	size_t in_bytes;
	size_t out_most; /* bytes that it may say */
	uint64_t ns;	 /* until it is killed */
};

/* Runs CHILD and gives what it wrote to its standard output: *OUT, *BYTES long and a NUL behind, freed
 * with ct_free(); its standard error is dropped. CT_UNSUPPORTED (no such program), CT_IO (ended with
 * another status than 0), CT_TIMEOUT, CT_INVALID (said more than it may), CT_NOMEM. */
ct_status ct_child_run(const struct ct_child *child, char **out, size_t *bytes);

#endif
