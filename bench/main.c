/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune COMMAND …: finds the subcommand and hands over. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

static const struct ct_command commands[] = {
	{ "topo", "map this node and where each rank runs", ct_topo_main, ct_topo_options },
	{ "bench", "measure point-to-point or a collective operation", ct_bench_main, ct_bench_options },
	{ "perftest", "RDMA operations with perftest's options; one side waits, one names it", ct_perftest_main, ct_perftest_options },
	{ "accept", "measure in stages, judge against what is possible, advise", ct_accept_main, ct_accept_options },
	{ "list", "backends, transports, algorithms, advice rules; why one is missing", ct_list_main, ct_list_options },
	{ "view", "follow a running or finished result directory", ct_view_main, ct_view_options },
	{ "compare", "two sets of results, size by size: faster, slower, same, not resolved", ct_compare_main, ct_compare_options },
	{ "tune", "search the fastest algorithms and knobs; the rules that come of it", ct_tune_main,
		ct_tune_options },
	{ "export", "a rules file as the settings file of Open MPI, NCCL, UCC or UCX", ct_export_main, ct_export_options },
	{ "roce", "RoCE: headroom, PFC and ECN thresholds; switch and host configurations", ct_roce_main,
		ct_roce_options },
	{ "nccl", "NCCL in a job: choices, times, slow collectives, the rank that is waited for",
		ct_nccl_main, ct_nccl_options },
	{ "report", "results as one page, and as JUnit, CSV, Markdown, Prometheus", ct_report_main,
		ct_report_options },
	{ NULL, NULL, NULL, NULL },
};

const struct ct_command *ct_commands(void)
{
	return commands;
}

int ct_exit_of(ct_status status)
{
	switch (status) {
	case CT_OK:
		return CT_EXIT_PASS;
	case CT_INVALID:
	case CT_NOTFOUND:
		return CT_EXIT_USAGE;
	case CT_TIMEOUT:
	case CT_PEER:
		return CT_EXIT_WATCHDOG;
	case CT_CORRUPT:
		return CT_EXIT_FAIL;
	default:
		return CT_EXIT_ENVIRONMENT;
	}
}

static void print_help(void)
{
	printf("Usage: colltune COMMAND [OPTION...]\n"
	       "Measure, explain and tune the collective communication of a cluster.\n\n"
	       "Commands:\n");
	for (const struct ct_command *c = commands; c->name != NULL; c++)
		printf("  %-8s %s\n", c->name, c->summary);
	printf("\n'colltune COMMAND --help' tells the options of one command.\n"
	       "Under a launcher: mpirun -n 4 colltune accept\n\n"
	       "Exit status: 0 pass, 1 measured and failed, 2 usage or input, 3 environment,\n"
	       "4 a deadline passed, 5 inconclusive.\n");
}

static void print_version(void)
{
	printf("colltune %s\nLicence BSD-3-Clause. There is no warranty.\n", ct_version());
}

static void complain(const char *word)
{
	const char *near = ct_nearest_row(word, commands, sizeof(commands) / sizeof(commands[0]) - 1,
		sizeof(commands[0]));
	char clean[64];

	ct_text_clean(clean, sizeof(clean), word);
	if (near != NULL)
		fprintf(stderr, "colltune: no command \"%s\"; did you mean \"%s\"?\n", clean, near);
	else
		fprintf(stderr, "colltune: no command \"%s\"; 'colltune --help' lists them\n", clean);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;

	if (word == NULL) {
		fprintf(stderr, "colltune: no command given; 'colltune --help' lists them\n");
		return CT_EXIT_USAGE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
		print_help();
		return CT_EXIT_PASS;
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		print_version();
		return CT_EXIT_PASS;
	}
	for (const struct ct_command *c = commands; c->name != NULL; c++)
		if (strcmp(word, c->name) == 0)
			return c->main(argc - 1, argv + 1);
	complain(word);
	return CT_EXIT_USAGE;
}
