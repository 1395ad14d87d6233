/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune list: what is there, and why something is not. */
#include <stdio.h>
#include <string.h>

#include "accept/accept.h"
#include "advise/advise.h"
#include "bench.h"
#include "cli.h"
#include "coll/coll.h"
#include "job.h"
#include "mem/mem.h"
#include "net/net.h"

const struct ct_option *const ct_list_options[] = { ct_net_options, ct_rank_options,
	ct_library_options, NULL };

static const struct ct_cli cli = {
	.command = "list",
	.text = "List backends with their algorithms and knobs, transports, and advice rules; what "
		"cannot run here says why.",
	.lists = ct_list_options,
};

static void list_line(void *arg, const char *text)
{
	(void)arg;
	printf("             %s\n", text);
}

static void list_choices(const struct ct_rank *rank, const struct ct_net_ops *ops)
{
	if (ops->describe == NULL)
		return;
	printf("           to choose from:\n");
	(void)ops->describe(ct_net_settings_of(&rank->settings->net_rows, ops), list_line, NULL);
}

static void list_transports(const struct ct_rank *rank)
{
	printf("transports of backend native\n");
	for (const struct ct_net_ops *const *row = ct_net_rows(); *row != NULL; row++) {
		const struct ct_net_ops *ops = ct_net_here(&rank->world, *row);
		struct ct_net net = { 0 };

		printf("  %-8s %s\n", ops->name, ops->summary);
		if (ops->missing != NULL) {
			printf("           missing: %s\n", ops->missing);
			continue;
		}
		if ((ops->probe != NULL && ops->probe() != CT_OK) ||
			ct_net_open(ops->name, &rank->world,
				&rank->settings->net_rows, NULL,
				ct_deadline_in(rank->settings->timeout), &net) != CT_OK) {
			printf("           cannot run here: %s\n", ct_why());
			list_choices(rank, ops);
			continue;
		}
		if (net.caps.path[0] != '\0')
			printf("           here: %s\n", net.caps.path);
		ct_net_close(&net);
		list_choices(rank, ops);
	}
}

static void list_knobs(const struct ct_coll_algo *algo)
{
	for (size_t k = 0; k < algo->nknobs; k++) {
		const struct ct_knob *knob = &algo->knobs[k];

		printf(" %s=", knob->name);
		for (size_t v = 0; v < knob->nvalues; v++)
			printf("%s%lld", v == 0 ? "" : "|", (long long)knob->values[v]);
	}
}

static void list_algorithms(const struct ct_coll_caps *caps)
{
	for (int coll = 0; coll < CT_NCOLLS; coll++) {
		bool any = false;

		for (size_t i = 0; i < caps->nalgos; i++) {
			const struct ct_coll_algo *algo = &caps->algos[i];

			if (algo->coll != (ct_coll)coll)
				continue;
			if (!any)
				printf("           %-14s", ct_coll_name((ct_coll)coll));
			printf("%s%s", any ? ", " : " ", algo->name);
			list_knobs(algo);
			any = true;
		}
		if (any)
			printf("\n");
	}
}

static void list_backend(const struct ct_rank *rank, const struct ct_coll_ops *ops)
{
	struct ct_coll_env env = { .world = &rank->world, .net = "auto",
		.settings = &rank->settings->coll_rows,
		.net_settings = &rank->settings->net_rows,
		.open_by = ct_deadline_in(rank->settings->timeout) };
	struct ct_coll_lib lib;

	printf("  %-8s %s\n", ops->name, ops->summary);
	if (ops->missing != NULL) {
		printf("           missing: %s\n", ops->missing);
		return;
	}
	if (ct_coll_open(ops->name, rank->modules, &env, &lib) != CT_OK) {
		printf("           cannot run now: %s\n", ct_why());
		return;
	}
	printf("           %s\n", lib.ops->query(lib.self)->library);
	list_algorithms(lib.ops->query(lib.self));
	ct_coll_close(&lib);
}

static void list_backends(const struct ct_rank *rank)
{
	printf("\nbackends and their algorithms, the default first\n");
	for (const struct ct_coll_ops *const *row = ct_coll_rows(); *row != NULL; row++) {
		const struct ct_coll_ops *ops = *row;

		for (size_t m = 0; rank->modules[m] != NULL; m++)
			if (rank->modules[m]->coll != NULL &&
				strcmp(rank->modules[m]->coll->name, ops->name) == 0)
				ops = rank->modules[m]->coll;
		list_backend(rank, ops);
	}
}

static void list_memory(void)
{
	printf("\nmemory of buffers (bench --memory)\n");
	for (const struct ct_mem_ops *const *row = ct_mem_rows(); *row != NULL; row++) {
		printf("  %-8s %s\n", (*row)->name, (*row)->summary);
		if ((*row)->probe(CT_MEM_DEALT) != CT_OK)
			printf("           missing: %s\n", ct_why());
	}
}

static void list_rules(void)
{
	printf("\nadvice rules\n");
	for (const struct ct_advice_rule *rule = ct_advice_rules(); rule->id != NULL; rule++)
		printf("  %-24s %-8s looks at %s\n", rule->id, ct_severity_name(rule->severity),
			rule->looks_at);
	printf("\nrules of rails\n");
	for (const struct ct_advice_rule *rule = ct_rail_rules(); rule->id != NULL; rule++)
		printf("  %-24s %-8s looks at %s\n", rule->id, ct_severity_name(rule->severity),
			rule->looks_at);
	printf("\nrules of fabrics\n");
	for (const struct ct_advice_rule *rule = ct_fabric_rules(); rule->id != NULL; rule++)
		printf("  %-24s %-8s looks at %s\n", rule->id, ct_severity_name(rule->severity),
			rule->looks_at);
}

static ct_status run_rank(struct ct_rank *rank, void *arg, int *exit_code)
{
	(void)arg;
	*exit_code = CT_EXIT_PASS;
	if (rank->world.nranks > 1)
		return ct_fail(CT_INVALID, "run it without a launcher: it lists what this node has");
	list_transports(rank);
	list_backends(rank);
	list_memory();
	list_rules();
	return CT_OK;
}

int ct_list_main(int argc, char **argv)
{
	struct ct_job_settings settings = { 0 };
	const struct ct_module *module = NULL;
	int code = CT_EXIT_PASS;

	switch (ct_cli_parse(&cli, argc, argv, &settings, NULL)) {
	case CT_CLI_DONE:
		break;
	case CT_CLI_USAGE:
		code = CT_EXIT_USAGE;
		break;
	case CT_CLI_RUN:
		/* The MPI library's algorithms can be listed only once it runs. */
		code = ct_job_run("list", &settings, ct_module_open(settings.module_dir, "mpi", &module) ==
			CT_OK, run_rank, NULL);
		break;
	}
	ct_options_free(ct_list_options, &settings);
	return code;
}
