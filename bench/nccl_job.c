/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune nccl DIR…: what NCCL's profiler plugin of ours wrote on all ranks, put together; rules of it. */
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
#include "topo/topo.h"
#include "tune/tune.h"

enum { SLOW_SHOWN = 10, FILES_MOST = 65536, DIRS_MOST = 64, MODE = 0644 };

struct nccl_settings {
	char *output;
	int64_t ranks, nodes;
};

#define AT(field) offsetof(struct nccl_settings, field)
static const struct ct_option own_options[] = {
	{ "output", 'o', CT_OPT_TEXT, AT(output), NULL, 0, 0, NULL, "RULES",
		"write rules for the tuner plugin: where jobs ran the same size otherwise, the fastest" },
	{ "ranks", 0, CT_OPT_INT, AT(ranks), "0", 0, INT32_MAX, NULL, "N",
		"-o: from communicators of N ranks; 0: of those that took most time" },
	{ "nodes", 0, CT_OPT_INT, AT(nodes), "0", 0, INT32_MAX, NULL, "N", "-o: and of N nodes" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT
const struct ct_option *const ct_nccl_options[] = { own_options, NULL };

static const struct ct_cli cli = {
	.command = "nccl",
	.args = "DIR [DIR...]",
	.text = "Show what libnccl-profiler-colltune.so wrote into DIR (COLLTUNE_NCCL_PROFILE) on all ranks of a "
		"job: what NCCL chose and how long its kernels took, slow collectives, and the rank that the "
		"others wait for. With -o: rules from several jobs, of which one ran as NCCL alone chooses.",
	.lists = ct_nccl_options,
	.min_words = 1,
	.max_words = DIRS_MOST,
};

static int is_profile(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return strncmp(entry->d_name, "nccl-", 5) == 0 && length > 6 &&
		strcmp(entry->d_name + length - 6, ".jsonl") == 0;
}

static ct_status read_all(const char *dir, uint32_t job, struct ct_nccl_job *profiles)
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
			status = ct_nccl_job_add(profiles, job, path);
		free(names[i]);
	}
	free(names);
	return status;
}

static void show_head(const struct ct_nccl_job *p)
{
	uint64_t seen = 0, kept = 0, timed = 0, p2p[3] = { 0, 0, 0 };

	for (size_t i = 0; i < p->nranks; i++) {
		seen += p->ranks[i].seen;
		kept += p->ranks[i].kept;
		timed += p->ranks[i].timed;
		p2p[0] += p->ranks[i].p2p_seen;
		p2p[1] += p->ranks[i].p2p_kept;
		p2p[2] += p->ranks[i].p2p_timed;
	}
	printf("# %zu ranks told of %" PRIu64 " collectives: %" PRIu64 " were kept, %" PRIu64 " with a kernel's "
		"time\n", p->nranks, seen, kept, timed);
	if (p2p[0] > 0)
		printf("# and of %" PRIu64 " sends and receives: %" PRIu64 " were kept, %" PRIu64 " with a kernel's time, "
			"waiting for the other side included\n", p2p[0], p2p[1], p2p[2]);
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

/* In a job that hung: who did not arrive. */
static void show_behind(const struct ct_nccl_job *p)
{
	for (size_t i = 0; i < p->nranks; i++) {
		const struct ct_nccl_rank *r = &p->ranks[i];

		if (r->seen < r->most_seen)
			printf("behind: rank %u of communicator %016" PRIx64 " (host %s) began %" PRIu64 " collectives, "
				"another one %" PRIu64 "; its last: %s number %" PRIu64 "\n", r->rank, r->comm, r->host,
				r->seen, r->most_seen, r->newest != NULL ? r->newest->coll : "not kept,",
				r->newest != NULL ? r->newest->number : 0);
		if (r->missing > 0 && (i == 0 || p->ranks[i - 1].comm != r->comm || p->ranks[i - 1].job != r->job))
			printf("missing: communicator %016" PRIx64 " of %u ranks: no file of %u of them, rank %u the first: "
				"it was killed, or still runs\n", r->comm, r->ranks, r->missing, r->first_missing);
	}
}

static void show(const struct ct_nccl_job *profiles)
{
	show_head(profiles);
	for (size_t i = 0; i < profiles->nkinds; i++)
		show_kind(&profiles->kinds[i]);
	show_slow(profiles);
	show_stragglers(profiles);
	show_behind(profiles);
}

static void show_rules(const struct ct_rules *rules)
{
	char low[32], high[32];

	for (size_t i = 0; i < ct_rules_count(rules); i++) {
		const struct ct_rule *r = ct_rules_at(rules, i);
		const struct ct_rule_set *channels = ct_rule_setting(r, "channels");

		printf("rule: %s from %s to %s: %s/%s, %lld channels: %.2f times as fast as NCCL's own choice (%.2f "
			"to %.2f, %lld calls)\n", ct_coll_name(r->coll), ct_size_text(r->low, low),
			ct_size_text(r->high, high), ct_rule_setting(r, "algo")->text,
			ct_rule_setting(r, "proto")->text, channels != NULL ? (long long)channels->number : 0LL,
			r->gain, r->gain_low, r->gain_high, (long long)r->fresh);
	}
	if (ct_rules_count(rules) == 0)
		printf("rule: none; nothing was seen that is faster than NCCL's own choices\n");
}

/* The rules are read back as a job reads them before they are written. */
static ct_status write_rules(const struct nccl_settings *s, const struct ct_nccl_job *profiles)
{
	char machine[CT_MACHINE_HASH_ROOM] = "", fingerprint[CT_SHA256_TEXT] = "";
	struct ct_jobs_in in = { .jobs = profiles, .ranks = (uint32_t)s->ranks, .nodes = (uint32_t)s->nodes };
	struct ct_machine *here = NULL;
	struct ct_rules *rules = NULL;
	struct ct_export out;
	ct_status status;

	if (ct_machine_read(NULL, &here) == CT_OK && ct_machine_hash(here, machine) == CT_OK &&
		ct_rules_fingerprint("", fingerprint) == CT_OK) {
		in.machine = machine;
		in.fingerprint = fingerprint;
	}
	ct_machine_free(here);
	status = ct_jobs_rules(&in, &out);
	for (size_t i = 0; i < out.nremarks; i++)
		fprintf(stderr, "colltune nccl: %s\n", out.remarks[i].text);
	if (status == CT_OK)
		status = ct_rules_parse(out.text.text, out.text.used, "the rules of these jobs", &rules);
	if (status == CT_OK)
		status = ct_file_save(s->output, out.text.text, out.text.used, MODE);
	if (status == CT_OK) {
		show_rules(rules);
		printf("# %u rules in %s; to use them: NCCL_TUNER_PLUGIN=libnccl-tuner-colltune.so "
			"COLLTUNE_RULES=FILE on every rank\n", out.written, s->output);
	}
	ct_rules_free(rules);
	ct_export_free(&out);
	return status;
}

int ct_nccl_main(int argc, char **argv)
{
	struct ct_nccl_job profiles = { .ranks = NULL };
	const char *words[DIRS_MOST] = { NULL };
	struct nccl_settings settings;
	enum ct_cli_result parsed = ct_cli_parse(&cli, argc, argv, &settings, words);
	ct_status status = CT_OK;

	if (parsed == CT_CLI_DONE)
		return CT_EXIT_PASS;
	if (parsed != CT_CLI_RUN) {
		ct_options_free(ct_nccl_options, &settings);
		return CT_EXIT_USAGE;
	}
	for (uint32_t i = 0; i < DIRS_MOST && words[i] != NULL && status == CT_OK; i++)
		status = read_all(words[i], i, &profiles);
	if (status == CT_OK)
		status = ct_nccl_job_judge(&profiles);
	if (status == CT_OK)
		show(&profiles);
	if (status == CT_OK && settings.output != NULL)
		status = write_rules(&settings, &profiles);
	if (status != CT_OK)
		ct_cli_complain("nccl", ct_why());
	ct_nccl_job_free(&profiles);
	ct_options_free(ct_nccl_options, &settings);
	return ct_exit_of(status);
}
