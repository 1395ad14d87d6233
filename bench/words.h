/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of a command that is to be run without a shell. */
#ifndef CT_BENCH_WORDS_H
#define CT_BENCH_WORDS_H

#include "base/base.h"

enum { CT_WORDS_MOST = 96 };

struct ct_words {
	const char *list[CT_WORDS_MOST + 1]; /* ended by NULL; added ones are borrowed */
	size_t n;
	char copy[1024];
};

/* Begins W with TEXT's words, split at its blanks; no shell, no quotes. OPTION is named in errors:
 * CT_INVALID (none, too many, too long). */
ct_status ct_words_split(struct ct_words *w, const char *text, const char *option);

/* Adds the words of MORE, ended by NULL. CT_INVALID: too many. */
ct_status ct_words_add(struct ct_words *w, const char *const *more);

#endif
