/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One row per option. Command line, COLLTUNE_… environment, --help, the man page's section and
 * the echo in each result are made from the rows; nothing else lists options.
 */
#ifndef CT_BASE_OPTION_H
#define CT_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "status.h"

enum ct_option_type {
	CT_OPT_FLAG,  /* bool; --name, or NAME=0|1|yes|no|true|false in the environment */
	CT_OPT_INT,   /* int64_t within [low, high] */
	CT_OPT_SIZE,  /* uint64_t bytes: 8, 4K, 1.5M, 2G (powers of two); [low, high] */
	CT_OPT_TIME,  /* uint64_t ns: 10us, 2.5ms, 30s, 15m, 8h; bare = seconds; [low, high] */
	CT_OPT_REAL,  /* double within [low, high] */
	CT_OPT_TEXT,  /* const char *, owned by the settings' owner (see ct_options_free) */
	CT_OPT_CHOICE /* int: index into the NULL-ended list `choices` */
};

struct ct_option {
	const char *name;        /* long name without dashes: "min-bytes" */
	char letter;             /* short name or 0 */
	enum ct_option_type type;
	size_t offset;           /* of the value in the settings struct */
	const char *dflt;        /* as a user would type it; NULL = unset: no text, false, 0 */
	double low, high;        /* inclusive; both 0 = no bound */
	const char *const *choices;
	const char *arg;         /* word for --help: "SIZE" */
	const char *help;        /* one sentence, without the default (it is added) */
};

/* An option list ends with a row whose name is NULL. Sets of rows that share one settings struct
 * are given as a NULL-ended array of lists. */

/* Writes every default into SETTINGS, whose contents are not read: free texts of earlier use first.
 * CT_NOMEM; CT_INVALID only for a wrong table (a test checks ours). After an error there is
 * nothing to free. */
ct_status ct_options_default(const struct ct_option *const *lists, void *settings);

/* Sets one option from TEXT; WHERE ("--min-bytes", "COLLTUNE_MIN_BYTES") leads the message.
 * TEXT is copied; NULL sets a flag and is CT_INVALID for the other types.
 * CT_INVALID: not a number, out of range, not among the choices (nearest named). */
ct_status ct_option_set(const struct ct_option *row, void *settings, const char *text,
	const char *where);

/* The row called NAME; CT_INVALID names the nearest ("unknown option --foo; did you mean …?"). */
ct_status ct_option_find(const struct ct_option *const *lists, const char *name,
	const struct ct_option **row);

/* The option's name nearest to NAME over all lists (as ct_nearest), or NULL. */
const char *ct_option_nearest(const struct ct_option *const *lists, const char *name);

/* Reads COLLTUNE_<NAME> (upper case, - as _) for every row from ENVIRON. A COLLTUNE_ variable that
 * no row and no name in ALSO (whole names like "COLLTUNE_CACHE"; NULL-ended, or NULL) knows is
 * CT_INVALID with the nearest, and then nothing is set. An empty value is the empty text. */
ct_status ct_options_environment(const struct ct_option *const *lists, char *const *environ,
	const char *const *also, void *settings);

/* The settings as a JSON object {"min-bytes": 8, …} for the record; a new reference, or
 * NULL without memory. Sizes are bytes, times ns, choices their word, an unset text null. */
json_t *ct_options_echo(const struct ct_option *const *lists, const void *settings);

/* roff text of a man page's OPTIONS items, in list order. */
struct ct_buf;
void ct_options_man(const struct ct_option *const *lists, struct ct_buf *out);

/* Frees the texts that the rows own in SETTINGS. */
void ct_options_free(const struct ct_option *const *lists, void *settings);

#endif
