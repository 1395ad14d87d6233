/* SPDX-License-Identifier: BSD-3-Clause */
/* From rows of options to a parsed command line: argp does the parsing and the help. */
#ifndef CT_BENCH_CLI_H
#define CT_BENCH_CLI_H

#include "base/base.h"

struct ct_cli {
	const char *command;                 /* "bench" */
	const char *args;                    /* "p2p|allreduce|…", for the usage line; may be NULL */
	const char *text;                    /* one paragraph for --help */
	const struct ct_option *const *lists; /* NULL-ended; all over one settings struct */
	size_t min_words, max_words;         /* positional arguments */
};

enum ct_cli_result { CT_CLI_RUN, CT_CLI_DONE, CT_CLI_USAGE };

/*
 * Defaults, then COLLTUNE_… of the environment, then ARGV, into SETTINGS; WORDS gets the
 * positional arguments (max_words entries, the rest NULL). DONE: --help or --version was printed
 * to stdout. USAGE: the one line was printed to stderr, by rank 0 of a launcher only, since every
 * rank reads the same line.
 * Free the settings with ct_options_free() after RUN and USAGE alike.
 */
enum ct_cli_result ct_cli_parse(const struct ct_cli *cli, int argc, char **argv, void *settings,
	const char **words);

/* "colltune bench: TEXT" on stderr, one line, by rank 0 of the launcher only. */
void ct_cli_complain(const char *command, const char *text);

/* The launcher as the environment of this process tells it. */
struct ct_launcher ct_cli_launcher(void);

#endif
