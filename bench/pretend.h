/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CT_BENCH_PRETEND_H
#define CT_BENCH_PRETEND_H

/* What accept --pretend reads and writes; all but the first may be NULL. */
struct ct_pretend_files {
	const char *pretend, *json; /* json: "-" is standard output */
	const char *out;	    /* a new directory for `colltune report` */
	const char *matrix;	    /* a drawing of every pair */
};

/* accept --pretend FILE: judges a made-up cluster. Prints, writes, and returns an exit status. */
int ct_pretend_main(const struct ct_pretend_files *files);

#endif
