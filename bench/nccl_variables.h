/* SPDX-License-Identifier: BSD-3-Clause */
/* NCCL's variables as it will see them: environment first, then the user's file, then the system's. */
#ifndef CT_BENCH_NCCL_VARIABLES_H
#define CT_BENCH_NCCL_VARIABLES_H

#include <stdbool.h>
#include <stdio.h>

#include "base/base.h"

enum { CT_NCCL_VARIABLES = 256 };

/* Texts are cleaned. */
struct ct_nccl_variable {
	char name[64], value[256];
	char origin[128]; /* "environment", or the file */
	char also[128];   /* a file whose value it hides, or "" */
};

struct ct_nccl_variables {
	struct ct_nccl_variable *list; /* in the order found */
	size_t n;
	bool cut; /* there were more */
	char files[2][128]; /* which files were looked for, and whether they are there */
	bool read[2];
};

/*
 * Variables whose names begin with NCCL_, and COLLTUNE_RULES. USER_CONF is taken where ENV has no
 * NCCL_CONF_FILE; a file that is not there, or no regular one, counts as empty (NULL: none). The rules of a
 * file are NCCL's (2.23): NAME=VALUE, taken literally; the first value stands. Free with
 * ct_nccl_variables_free(). CT_NOMEM.
 */
ct_status ct_nccl_variables_read(char *const *env, const char *user_conf, const char *system_conf,
	struct ct_nccl_variables *out);

/* The same of this process, its user's ~/.nccl.conf and /etc/nccl.conf. */
ct_status ct_nccl_variables_here(struct ct_nccl_variables *out);
void ct_nccl_variables_free(struct ct_nccl_variables *v);

/* The one called NAME that has a value, else NULL. */
const struct ct_nccl_variable *ct_nccl_variable(const struct ct_nccl_variables *v, const char *name);

/* For reading. NULL where PATH is not there or no regular file: a library would wait for a pipe, we need not. The
 * caller closes it. */
FILE *ct_conf_open(const char *path);

#endif
