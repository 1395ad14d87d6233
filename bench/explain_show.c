/* SPDX-License-Identifier: BSD-3-Clause */
/* What --explain prints below the tables. */
#include <stdio.h>
#include <string.h>

#include "explain.h"

enum { RANKS_MOST = 256 };

/* ---- points ---------------------------------------------------------------------------------- */

static void show_rule(const struct ct_explain *e, const struct ct_coll_about *told)
{
	if (e->rules[0] == '\0')
		printf("#   our rules:  no file (--rules FILE, or COLLTUNE_RULES)\n");
	else
		printf("#   our rules:  %s%s\n", told->rule[0] != '\0' ? told->rule : "not told",
			told->rule[0] == '\0' || e->muted ? "" : " (in force)");
}

static void show_point(const struct ct_explain *e, const struct ct_result *r)
{
	const struct ct_coll_about *told = &r->told;
	char size[32];

	printf("# %s, %s bytes, %s%s:\n", ct_coll_name(r->test.coll), ct_size_text(r->bytes, size),
		ct_type_name(r->test.type), r->test.in_place ? ", in place" : "");
	if (r->test.coll == CT_ALLTOALL || r->test.coll >= CT_BARRIER) {
		printf("#   %s\n", r->test.coll == CT_BARRIER ? "an all-reduce of one element, which is not looked at" :
			"NCCL asks no tuner about sends and receives, and tells no profiler of a choice");
		return;
	}
	printf("#   NCCL ran:   %s\n", told->chosen[0] != '\0' ? told->chosen :
		"not told: no event of this collective came to the profiler plugin");
	if (told->costs[0] == '\0')
		printf("#   predicted:  not told: NCCL did not ask the tuner plugin about it\n");
	else
		printf("#   predicted:  %s us; of its own it takes the first\n", told->costs);
	show_rule(e, told);
}

/* In the first round that was measured; the choice does not change with rounds. */
static const struct ct_result *first_of(const struct ct_shown *s, size_t candidate, size_t test)
{
	for (uint32_t round = 0; round < s->rounds; round++) {
		size_t i = ct_shown_index(s, round, &s->candidates[candidate], &s->plan->tests[test]);

		if (i != SIZE_MAX && s->there[i] && s->results[i].status == CT_OK)
			return &s->results[i];
	}
	return NULL;
}

static void show_points(const struct ct_explain *e, const struct ct_shown *s, size_t candidate)
{
	bool head = true;

	for (size_t k = 0; k < s->plan->ntests; k++) {
		const struct ct_result *r = first_of(s, candidate, k);

		if (r == NULL)
			continue;
		if (head) {
			printf("#\n# EXPLAINED: %s on %s\n", r->library, r->path);
			if (strcasestr(r->path, "stand-in") != NULL)
				printf("# EMULATED: no GPU. What NCCL chose and predicted is for the GPUs that the "
					"stand-in pretends\n");
		}
		head = false;
		show_point(e, r);
	}
}

/* ---- channels and NICs ----------------------------------------------------------------------- */

static void show_channels(const struct ct_nccl_log *log)
{
	for (int c = 0; c < CT_LOG_CHANNELS; c++) {
		bool any = false;

		for (uint32_t w = 0; w < log->nways; w++) {
			if (log->uses[c][w] == 0)
				continue;
			if (!any)
				printf("#   channel %d: ", c);
			printf("%s%s (%u)", any ? ", " : "", log->ways[w], log->uses[c][w]);
			any = true;
		}
		if (any)
			printf("\n");
	}
	for (uint32_t i = 0; i < log->nnics; i++)
		printf("#   %s\n", log->nics[i]);
	if (log->cut > 0)
		printf("#   %u more are not shown\n", log->cut);
}

static void show_direct(const struct ct_explain *e, const struct ct_nccl_log *log)
{
	uint32_t direct, nets = ct_nccl_log_nets(log, &direct);

	if (nets == 0) {
		printf("# GPUDirect RDMA: not in play, no channel passes a NIC\n");
		return;
	}
	if (direct == 0) {
		printf("# GPUDirect RDMA: off, NCCL chose it for none of %u connections by NICs: data pass the host's memory\n",
			nets);
		return;
	}
	printf("# GPUDirect RDMA: NCCL chose it for %u of %u connections by NICs\n", direct, nets);
	if (e->has_staged)
		return;
	printf("#   that is what it asked for, not a measurement: NCCL reads NCCL_NET_GDR_LEVEL once in a process, so a\n"
		"#   run staged through the host is another one: this command with NCCL_NET_GDR_LEVEL=LOC and --json FILE,\n"
		"#   then this one with --staged FILE\n");
}

/* Collective: rank 0 learns what all processes' logs say. */
static ct_status gather(const struct ct_explain *e, const struct ct_rank *rank, struct ct_nccl_log *log)
{
	const struct ct_boot *boot = rank->world.boot;
	uint32_t n = rank->world.nranks;
	bool threads = rank->settings->threads * (rank->settings->gpus > 1 ? rank->settings->gpus : 1) > 1;
	struct ct_nccl_log *all;
	ct_status status;

	if (e->log >= 0 && (!threads || rank->world.rank == 0))
		ct_nccl_log_read(log, e->log);
	if (n == 1 || n > RANKS_MOST || threads)
		return CT_OK;
	all = ct_alloc(n, sizeof(*all));
	status = ct_session_agree(rank->session, all == NULL ? CT_NOMEM : CT_OK);
	if (status == CT_OK)
		status = boot->allgather(boot->ctx, log, all, sizeof(*log));
	for (uint32_t r = 0; r < n && status == CT_OK; r++)
		if (r != rank->world.rank)
			ct_nccl_log_add(log, &all[r]);
	ct_free(all);
	return status;
}

static void show_log(const struct ct_explain *e, const struct ct_rank *rank, const struct ct_nccl_log *log)
{
	if (e->log < 0) {
		printf("#\n# ways of the channels, NICs, GPUDirect: not told, NCCL's log is yours (NCCL_DEBUG, "
			"NCCL_DEBUG_FILE)\n");
		return;
	}
	printf("#\n# connections of each channel, by which way (how many%s), as NCCL's log says:\n",
		rank->world.nranks > RANKS_MOST ? "; of rank 0 only" : ", all ranks");
	if (log->nways == 0)
		printf("#   none\n");
	show_channels(log);
	show_direct(e, log);
}

/* ---- variables ------------------------------------------------------------------------------- */

/* NCCL's own values of what matters most here (its user guide, 2.28). */
static const struct {
	const char *name, *value;
} defaults[] = {
	{ "NCCL_ALGO", "all" }, { "NCCL_PROTO", "all but LL128 where the GPU or link cannot" },
	{ "NCCL_NET_GDR_LEVEL", "chosen by the topology" }, { "NCCL_IB_HCA", "all" },
	{ "NCCL_IB_GID_INDEX", "-1, chosen" }, { "NCCL_IB_TC", "0" }, { "NCCL_IB_SL", "0" },
	{ "NCCL_IB_QPS_PER_CONNECTION", "1" }, { "NCCL_IB_SPLIT_DATA_ON_QPS", "0" },
	{ "NCCL_IB_TIMEOUT", "20" }, { "NCCL_IB_RETRY_CNT", "7" },
	{ "NCCL_IB_ADAPTIVE_ROUTING", "1 on InfiniBand, 0 on RoCE" }, { "NCCL_CROSS_NIC", "2" },
	{ "NCCL_BUFFSIZE", "4194304" }, { "NCCL_P2P_NET_CHUNKSIZE", "131072" }, { "NCCL_NVLS_ENABLE", "2" },
};

static bool is_ours(const struct ct_explain *e, const char *name)
{
	for (size_t i = 0; i < e->nours; i++)
		if (strcmp(e->ours[i], name) == 0)
			return true;
	return false;
}

static void show_variables(const struct ct_explain *e)
{
	const struct ct_nccl_variables *v = &e->variables;

	printf("#\n# variables of NCCL, as rank 0's process has them:\n");
	for (size_t i = 0; i < v->n; i++)
		if (!is_ours(e, v->list[i].name))
			printf("#   %s=%s: %s%s%s\n", v->list[i].name, v->list[i].value, v->list[i].origin,
				v->list[i].also[0] != '\0' ? ", before " : "", v->list[i].also);
	for (size_t i = 0; i < e->nours; i++)
		printf("#   %s: colltune, for this run\n", e->ours[i]);
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (ct_nccl_variable(v, defaults[i].name) == NULL)
			printf("#   %s: not set; default (2.28): %s\n", defaults[i].name, defaults[i].value);
	for (int i = 0; i < 2; i++)
		if (v->files[i][0] != '\0')
			printf("#   %s: %s\n", v->files[i], v->read[i] ? "read" : "not there, or no regular file");
	if (v->cut)
		printf("#   more than %d variables: the rest is not shown\n", CT_NCCL_VARIABLES);
	if (ct_nccl_variable(v, "NCCL_CTA_POLICY") != NULL)
		printf("#   any tuner plugin, as this run has one, switches off NCCL_CTA_POLICY's preference for "
			"NVLS\n");
}

ct_status ct_explain_show(const struct ct_explain *e, const struct ct_rank *rank,
	const struct ct_shown *shown)
{
	struct ct_nccl_log *log = ct_alloc(1, sizeof(*log));
	ct_status status = ct_session_agree(rank->session, log == NULL ? CT_NOMEM : CT_OK);

	if (status == CT_OK)
		status = gather(e, rank, log);
	if (status == CT_OK && rank->world.rank == 0) {
		for (size_t i = 0; i < shown->ncandidates; i++)
			if (strcmp(shown->candidates[i].backend, "nccl") == 0)
				show_points(e, shown, i);
		show_log(e, rank, log);
		if (e->has_staged)
			ct_explain_show_staged(e, shown);
		show_variables(e);
	}
	ct_free(log);
	return status;
}
