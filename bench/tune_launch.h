/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings that need a launch of their own: what there is to try, and the search over launches. */
#ifndef CT_BENCH_TUNE_LAUNCH_H
#define CT_BENCH_TUNE_LAUNCH_H

#include "tune.h"

enum { CT_RELAUNCH_MOST = 48, CT_RELAUNCH_ROOM = 160 };

/* A variable of the ranks' environment. */
struct ct_relaunch {
	const char *name, *backend;
	const char *values; /* to try, with | between; its own default is not among them */
	const char *what;
};

/* All that is known, ended by one whose name is NULL. */
const struct ct_relaunch *ct_relaunches(void);

/* On standard output, inside a launcher: the settings of BACKEND that such a launch cannot try. */
void ct_relaunch_show(const char *backend);

/* "NAME=VALUE" each, from TEXT ("NAME=V1|V2;NAME=V"), or, TEXT NULL, all that are known of BACKEND. *N of
 * them. CT_INVALID: not of that form, or too many. */
ct_status ct_relaunch_list(const char *text, const char *backend,
	char list[CT_RELAUNCH_MOST][CT_RELAUNCH_ROOM], size_t *n);

/* On a terminal outside of any launcher: runs SETTINGS' --launch command with each setting in turn, until
 * they are known or the budget is spent; prints the table and the list of suggestions. CT_INVALID, CT_IO
 * (the launch without any setting fails), CT_NOMEM. */
ct_status ct_tune_launch(const struct ct_tune_settings *settings, const struct ct_tune_asked *asked);

#endif
