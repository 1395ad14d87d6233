/* SPDX-License-Identifier: BSD-3-Clause */
/* The command's own header: its subcommands and its exit statuses. */
#ifndef CT_BENCH_H
#define CT_BENCH_H

#include "base/base.h"

/* Exit statuses, the same in every output mode (docs/man/colltune.1). */
enum ct_exit {
	CT_EXIT_PASS = 0,
	CT_EXIT_FAIL = 1,         /* measured, and wrong or too slow */
	CT_EXIT_USAGE = 2,        /* an argument or an input file is wrong */
	CT_EXIT_ENVIRONMENT = 3,  /* cannot open, write, run here */
	CT_EXIT_WATCHDOG = 4,     /* a deadline passed */
	CT_EXIT_INCONCLUSIVE = 5, /* too much noise, more ranks than processors, nothing to judge */
};

/* The status for an error: CT_INVALID and CT_NOTFOUND are usage, CT_TIMEOUT and CT_PEER the
 * watchdog's, CT_CORRUPT a failure, all others the environment's. Pure. */
int ct_exit_of(ct_status status);

struct ct_command {
	const char *name, *summary;
	/* argv[0] is the subcommand's name. Returns an exit status. */
	int (*main)(int argc, char **argv);
	/* Its options: any command accepts the environment variables of all. */
	const struct ct_option *const *options;
};

/* The subcommands, ended by a row whose name is NULL. */
const struct ct_command *ct_commands(void);

extern const struct ct_option *const ct_topo_options[];
extern const struct ct_option *const ct_bench_options[];
extern const struct ct_option *const ct_perftest_options[];
extern const struct ct_option *const ct_accept_options[];
extern const struct ct_option *const ct_list_options[];
extern const struct ct_option *const ct_view_options[];
extern const struct ct_option *const ct_compare_options[];
extern const struct ct_option *const ct_tune_options[];
extern const struct ct_option *const ct_export_options[];
extern const struct ct_option *const ct_roce_options[];
extern const struct ct_option *const ct_nccl_options[];
extern const struct ct_option *const ct_report_options[];

int ct_bench_main(int argc, char **argv);
int ct_perftest_main(int argc, char **argv);
int ct_accept_main(int argc, char **argv);
int ct_topo_main(int argc, char **argv);
int ct_list_main(int argc, char **argv);
int ct_view_main(int argc, char **argv);
int ct_compare_main(int argc, char **argv);
int ct_tune_main(int argc, char **argv);
int ct_export_main(int argc, char **argv);
int ct_roce_main(int argc, char **argv);
int ct_nccl_main(int argc, char **argv);
int ct_report_main(int argc, char **argv);

#endif
