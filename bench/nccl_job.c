/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune nccl DIR: what NCCL's profiler plugin of ours wrote on all ranks, put together. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advise/advise.h"
#include "bench.h"
#include "cli.h"

enum { SLOW_SHOWN = 10, FILES_MOST = 65536 };

static const struct ct_option own_options[] = {
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
const struct ct_option *const ct_nccl_options[] = { own_options, NULL };

static const struct ct_cli cli = {
	.command = "nccl",
	.args = "DIR",
	.text = "Show what libnccl-profiler-colltune.so wrote into DIR (COLLTUNE_NCCL_PROFILE) on all ranks of a "
		"job: what NCCL chose and how long its kernels took, slow collectives, and the rank that the "
		"others wait for.",
	.lists = ct_nccl_options,
	.min_words = 1,
	.max_words = 1,
};

static int is_profile(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return strncmp(entry->d_name, "nccl-", 5) == 0 && length > 6 &&
		strcmp(entry->d_name + length - 6, ".jsonl") == 0;
}

static ct_status read_all(const char *dir, struct ct_nccl_job *profiles)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_profile, alphasort);
	ct_status status = CT_OK;

	if (n < 0)
		return ct_fail(CT_INVALID, "%s: %s", dir, strerror(errno));
	if (n == 0 || n > FILES_MOST)
		status = ct_fail(CT_INVALID, "%s: holds %d files nccl-*.jsonl of the profiler plugin", dir, n);
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX + 256];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (status == CT_OK)
			status = ct_nccl_job_add(profiles, path);
		free(names[i]);
	}
	free(names);
	return status;
}

static void show_head(const struct ct_nccl_job *p)
{
	uint64_t seen = 0, kept = 0, timed = 0;

	for (size_t i = 0; i < p->nranks; i++) {
		seen += p->ranks[i].seen;
		kept += p->ranks[i].kept;
		timed += p->ranks[i].timed;
	}
	printf("# %zu ranks told of %" PRIu64 " collectives: %" PRIu64 " were kept, %" PRIu64 " with a kernel's "
		"time\n", p->nranks, seen, kept, timed);
	printf("# time: a kernel's least over the ranks, so without waiting; wait: the longest less that\n");
	printf("# %-14s %9s %-9s %-14s %-7s %4s %7s %11s %11s %11s\n", "collective", "size", "type", "algorithm",
		"proto", "ch", "calls", "median", "longest", "wait");
}

static void show_kind(const struct ct_nccl_kind *kind)
{
	const struct ct_nccl_call *c = kind->example;
	char size[32], median[32], longest[32], wait[32];

	printf("  %-14s %9s %-9s %-14s %-7s %4u %7" PRIu64 " %11s %11s %11s\n", c->coll,
		c->sized ? ct_size_text(c->bytes, size) : "not told", c->type, c->algo, c->proto, c->channels,
		kind->calls, kind->calls > 0 ? ct_time_text(kind->median_ns, median) : "-",
		kind->calls > 0 ? ct_time_text(kind->longest_ns, longest) : "-",
		kind->several ? ct_time_text(kind->median_wait_ns, wait) : "-");
}

static void show_slow(const struct ct_nccl_job *p)
{
	char size[32], ns[32], median[32];

	for (size_t i = 0; i < p->nslow && i < SLOW_SHOWN; i++) {
		const struct ct_nccl_slow *s = &p->slow[i];

		printf("slow: %s number %" PRIu64 " of communicator %016" PRIx64 ", %s, %s/%s: %s, %.1f times the "
			"median %s of its kind\n", s->call->coll, s->call->number,
			p->ranks[s->call->rank].comm, s->call->sized ? ct_size_text(s->call->bytes, size) :
			"size not told", s->call->algo, s->call->proto, ct_time_text(s->ns, ns),
			(double)s->ns / (double)(s->median_ns > 0 ? s->median_ns : 1),
			ct_time_text(s->median_ns, median));
	}
	if (p->nslow > SLOW_SHOWN)
		printf("slow: %zu more\n", p->nslow - SLOW_SHOWN);
}

static void show_stragglers(const struct ct_nccl_job *p)
{
	size_t found = 0;
	char caused[32];

	for (size_t i = 0; i < p->nranks; i++) {
		const struct ct_nccl_rank *r = &p->ranks[i];

		if (!r->straggler)
			continue;
		printf("straggler: rank %u of communicator %016" PRIx64 " (host %s) came last to %" PRIu64 " of %"
			PRIu64 " collectives; the others waited at least %s for it\n", r->rank, r->comm, r->host,
			r->last, r->shared, ct_time_text(r->caused_ns, caused));
		found++;
	}
	if (found == 0)
		printf("straggler: none found\n");
}

int ct_nccl_main(int argc, char **argv)
{
	struct ct_nccl_job profiles = { NULL, NULL, NULL, NULL, 0, 0, 0, 0 };
	const char *words[1] = { NULL };
	char settings[1];
	enum ct_cli_result parsed = ct_cli_parse(&cli, argc, argv, settings, words);
	ct_status status;

	if (parsed != CT_CLI_RUN)
		return parsed == CT_CLI_DONE ? CT_EXIT_PASS : CT_EXIT_USAGE;
	status = read_all(words[0], &profiles);
	if (status == CT_OK)
		status = ct_nccl_job_judge(&profiles);
	if (status == CT_OK) {
		show_head(&profiles);
		for (size_t i = 0; i < profiles.nkinds; i++)
			show_kind(&profiles.kinds[i]);
		show_slow(&profiles);
		show_stragglers(&profiles);
	} else {
		ct_cli_complain("nccl", ct_why());
	}
	ct_nccl_job_free(&profiles);
	return ct_exit_of(status);
}
