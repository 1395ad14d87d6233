/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune accept: stages, verdict table, suggestions. */
#include "accept/accept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cli.h"
#include "heat.h"
#include "job.h"
#include "leaves.h"
#include "machines.h"
#include "pretend.h"
#include "profile.h"
#include "topo/topo.h"

struct accept_settings {
	struct ct_job_settings job; /* first: the rows of job.c count from here */
	uint64_t budget, soak, max_bytes;
	int64_t rounds;
	char *stages, *json, *pretend, *profile, *profile_dir, *calibrate, *matrix, *cluster;
	bool no_algorithms;
};

#define AT(field) offsetof(struct accept_settings, field)
static const struct ct_option own_options[] = {
	{ "budget", 0, CT_OPT_TIME, AT(budget), "60s", 1e9, 8.64e13, NULL, "TIME",
		"most time for all stages together" },
	{ "stages", 0, CT_OPT_TEXT, AT(stages), NULL, 0, 0, NULL, "LIST",
		"some of environment,map,internal,pairs,rails,collectives,ladder,congestion,soak; the verdict "
		"always follows" },
	{ "soak", 0, CT_OPT_TIME, AT(soak), "0s", 0, 2.6e15, NULL, "TIME",
		"then repeat two measurements for so long, to see drift and flapping" },
	{ "max-bytes", 'e', CT_OPT_SIZE, AT(max_bytes), "4M", 4096, 1.1e12, NULL, "SIZE",
		"largest message, but for what figures of a profile ask" },
	{ "rounds", 0, CT_OPT_INT, AT(rounds), "8", 1, 1000, NULL, "N",
		"rounds of the comparison; fewer than 8 cannot resolve a difference" },
	{ "no-algorithms", 0, CT_OPT_FLAG, AT(no_algorithms), NULL, 0, 0, NULL, NULL,
		"compare backends only, not their algorithms" },
	{ "json", 0, CT_OPT_TEXT, AT(json), NULL, 0, 0, NULL, "FILE", "the verdict as JSON" },
	{ "profile", 0, CT_OPT_TEXT, AT(profile), NULL, 0, 0, NULL, "NAME|FILE",
		"what this type of cluster should reach: a name, or a YAML file" },
	{ "profile-dir", 0, CT_OPT_TEXT, AT(profile_dir), NULL, 0, 0, NULL, "DIR",
		"where profiles are looked for by name, in place of the installed ones" },
	{ "calibrate", 0, CT_OPT_TEXT, AT(calibrate), NULL, 0, 0, NULL, "FILE",
		"write a profile from what this cluster, known to be good, reaches" },
	{ "matrix", 0, CT_OPT_TEXT, AT(matrix), NULL, 0, 0, NULL, "FILE",
		"measure every pair of hosts, or of ranks of one host, and draw a heat map (.svg, .png)" },
	{ "cluster", 0, CT_OPT_TEXT, AT(cluster), NULL, 0, 0, NULL, "FILE",
		"which leaf each host hangs on: a cluster file, or a saved fabric (.json); pairs then respect leaves" },
	{ "pretend", 0, CT_OPT_TEXT, AT(pretend), NULL, 0, 0, NULL, "FILE",
		"judge the made-up cluster that FILE describes; nothing is measured" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT

const struct ct_option *const ct_accept_options[] = { ct_net_options, ct_rank_options,
	ct_library_options, ct_job_options, own_options, NULL };

static const struct ct_cli cli = {
	.command = "accept",
	.text = "Measure this machine or cluster in stages (environment, node map, pairs of ranks, "
		"collectives, ladder, congestion, soak), judge each figure against what is possible here, and advise: mpirun -n 4 "
		"colltune accept. Exit status: 0 pass, 1 fail, 5 inconclusive.",
	.lists = ct_accept_options,
};

struct run {
	struct ct_rank *rank;
	const struct accept_settings *settings;
	struct ct_machine *machine;
	struct ct_candidate *candidates;
	size_t ncandidates;
	uint32_t stages;
	struct ct_profile profile;
	struct ct_leaves leaves;
	struct ct_result *earlier; /* --resume: the points of rank 0's store, on every rank */
	size_t nearlier;
};

static void on_line(void *arg, const char *line)
{
	(void)arg;
	printf("%s\n", line);
	fflush(stdout);
}

static ct_status on_stage(void *arg, enum ct_stage stage)
{
	const struct run *run = arg;

	return run->rank->store != NULL ? ct_store_stage(run->rank->store, ct_stage_name(stage)) : CT_OK;
}

static ct_status on_result(void *arg, struct ct_result *result)
{
	struct run *run = arg;
	char name[96], size[32];

	if (run->rank->world.rank == 0 && run->settings->job.progress)
		fprintf(stderr, "colltune accept: %s %s, %s, round %u\n", ct_coll_name(result->test.coll),
			ct_size_text(result->bytes, size), ct_candidate_text(&result->candidate, name),
			result->round);
	return run->rank->store != NULL ? ct_store_point(run->rank->store, result) : CT_OK;
}

/* A rank may have been killed while it wrote: what of its last record is there is measured again. */
static ct_status mend(const struct run *run)
{
	const struct ct_job_settings *s = &run->settings->job;
	uint64_t line = 0;
	ct_status status;

	if (run->rank->world.rank != 0 || s->out == NULL || !s->resume)
		return CT_OK;
	status = ct_store_mend(s->out, &line);
	if (status == CT_OK && line > 0)
		fprintf(stderr, "colltune accept: %s/points.jsonl:%llu: a record that was being written when the run "
			"was killed: left out, and measured again\n", s->out, (unsigned long long)line);
	return status;
}

/* Collective: --out, with the machine file of each host. */
static ct_status open_outputs(struct run *run)
{
	struct ct_rank *rank = run->rank;
	char hash[CT_MACHINE_HASH_ROOM] = "";
	json_t *echo, *environment = NULL;
	ct_status status = CT_OK;

	/* One rank of each host, so that hosts can be compared. */
	if (rank->world.local_rank == 0)
		status = ct_machine_read(NULL, &run->machine);
	if (rank->world.rank == 0) {
		if (status == CT_OK)
			status = ct_machine_hash(run->machine, hash);
		echo = ct_options_echo(ct_accept_options, run->settings);
		environment = ct_record_environment(rank->session, "accept", echo,
			hash[0] != '\0' ? hash : NULL, (uint64_t)run->settings->job.seed);
		json_decref(echo);
		if (status == CT_OK && environment == NULL)
			status = ct_fail(CT_NOMEM, "no memory for a record");
	}
	if (status == CT_OK)
		status = mend(run);
	status = ct_session_agree(rank->session, status);
	if (status == CT_OK)
		status = ct_job_store(rank, environment);
	json_decref(environment);
	if (status == CT_OK && run->settings->job.out != NULL)
		status = ct_machines_store(rank, run->machine);
	return status;
}

/* The store's points as JSON Lines; only rank 0 has a store. */
static ct_status earlier_text(const struct run *run, struct ct_buf *text)
{
	const struct ct_store *store = run->rank->store;

	for (size_t i = 0; store != NULL && i < ct_store_count(store); i++) {
		json_t *record = ct_record_point(ct_store_result(store, i));
		char *line = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;

		json_decref(record);
		if (line == NULL)
			return ct_fail(CT_NOMEM, "no memory for the earlier points");
		ct_buf_add(text, "%s\n", line);
		free(line);
	}
	return ct_buf_status(text);
}

static ct_status parse_earlier(struct run *run, char *text)
{
	size_t lines = 0;
	ct_status status = CT_OK;
	char *save = NULL;

	for (const char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	run->earlier = ct_alloc(lines, sizeof(*run->earlier));
	if (run->earlier == NULL)
		return CT_NOMEM;
	for (char *line = strtok_r(text, "\n", &save); line != NULL && status == CT_OK;
		line = strtok_r(NULL, "\n", &save)) {
		json_t *record = NULL;

		status = ct_json_parse(line, strlen(line), "points.jsonl", &record);
		if (status == CT_OK)
			status = ct_record_parse(record, "points.jsonl", run->nearlier + 1,
				&run->earlier[run->nearlier]);
		run->nearlier += status == CT_OK;
		json_decref(record);
	}
	return status;
}

/* Collective, on --resume: what rank 0's store holds, on every rank. */
static ct_status share_earlier(struct run *run)
{
	struct ct_buf text = ct_buf_make((size_t)1 << 30);
	char *shared = NULL;
	ct_status status;

	if (!run->settings->job.resume)
		return CT_OK;
	status = ct_session_agree(run->rank->session, earlier_text(run, &text));
	if (status == CT_OK)
		status = ct_job_broadcast(run->rank, text.text, text.used, &shared);
	if (status == CT_OK)
		status = ct_session_agree(run->rank->session, parse_earlier(run, shared));
	ct_free(shared);
	ct_buf_free(&text);
	return status;
}

static const struct ct_result *stored(void *arg, uint32_t round, const struct ct_candidate *c,
	const struct ct_test *t)
{
	struct run *run = arg;

	for (size_t i = 0; i < run->nearlier; i++) {
		const struct ct_result *r = &run->earlier[i];

		if (r->round == round && ct_candidate_same(&r->candidate, c) && ct_test_same(&r->test, t))
			return r;
	}
	return NULL;
}

static ct_status choose_candidates(struct run *run)
{
	const struct ct_job_settings *s = &run->settings->job;

	if (s->all_transports)
		return CT_OK; /* all that can run here: accept finds out */
	return ct_candidates_parse(run->rank->session, s->coll != NULL ? s->coll : "native", s->net,
		s->algo, CT_ALLREDUCE, &run->candidates, &run->ncandidates);
}

static ct_status save_verdict(const struct run *run, const struct ct_accept_report *report)
{
	json_t *json = ct_accept_json(report);
	ct_status status = json == NULL ? ct_fail(CT_NOMEM, "no memory for the verdict") : CT_OK;

	if (status == CT_OK && run->rank->store != NULL)
		status = ct_store_save(run->rank->store, "verdict.json", json);
	if (status == CT_OK && run->settings->json != NULL)
		status = ct_json_save(json, run->settings->json, 0644);
	json_decref(json);
	return status;
}

static ct_status show(const struct run *run, const struct ct_accept_report *report)
{
	struct ct_buf text = ct_buf_make(1 << 20);
	ct_status status = ct_accept_print(report, &text);

	if (status == CT_OK)
		fputs(text.text, stdout);
	ct_buf_free(&text);
	if (run->settings->job.net_fault != NULL)
		printf("FAULT INJECTED: %s; this verdict is not about this machine\n",
			run->settings->job.net_fault);
	if (run->settings->job.out != NULL)
		printf("results: %s\n", run->settings->job.out);
	fflush(stdout);
	return status;
}

static ct_status accept_all(struct run *run, struct ct_accept_report **report)
{
	const struct accept_settings *s = run->settings;
	struct ct_accept_plan plan = {
		.budget_ns = s->budget,
		.soak_ns = s->soak,
		.candidates = run->candidates,
		.ncandidates = run->ncandidates,
		.algorithms = !s->no_algorithms,
		.max_bytes = s->max_bytes,
		.rounds = (uint32_t)s->rounds,
		.stages = run->stages,
		.matrix = s->matrix != NULL,
		.seed = (uint64_t)s->job.seed,
		.modules = run->rank->modules,
		.net_settings = &s->job.net_rows,
		.coll_settings = &s->job.coll_rows,
		.machine = run->machine,
		.on_line = on_line,
		.on_stage = on_stage,
		.on_result = on_result,
		.stored = run->nearlier > 0 ? stored : NULL,
		.profile = s->profile != NULL ? &run->profile : NULL,
		.leaves = s->cluster != NULL ? &run->leaves : NULL,
		.arg = run,
	};
	char now[21];

	ct_clock_utc(now);
	memcpy(plan.today, now, 10);
	return ct_accept_run(run->rank->session, &plan, report);
}

/* The drawing, and the numbers where a report finds them. */
static ct_status save_matrix(const struct run *run, const struct ct_accept_report *report)
{
	struct ct_heat heat;
	json_t *json;
	ct_status status = ct_heat_of(report, run->settings->matrix, &heat);

	if (status == CT_OK)
		status = ct_heat_draw(&heat, run->settings->matrix);
	if (status != CT_OK || run->rank->store == NULL || heat.nodes > CT_HEAT_FILE_MOST)
		return status;
	json = ct_heat_json(&heat);
	status = json != NULL ? ct_store_save(run->rank->store, "matrix.json", json) :
		ct_fail(CT_NOMEM, "no memory for matrix.json");
	json_decref(json);
	return status;
}

/* What rank 0 leaves: files, and the table. */
static ct_status tell(const struct run *run, const struct ct_accept_report *report)
{
	ct_status status = save_verdict(run, report);

	if (status == CT_OK)
		status = show(run, report);
	if (status == CT_OK && run->settings->calibrate != NULL)
		status = ct_profile_write(report, run->settings->calibrate);
	return status == CT_OK && run->settings->matrix != NULL ? save_matrix(run, report) : status;
}

/* Collective: everything before the first measurement. */
static ct_status prepare(struct run *run)
{
	struct ct_rank *rank = run->rank;
	ct_status status = CT_OK;

	if (run->settings->stages != NULL)
		status = ct_stages_parse(run->settings->stages, &run->stages);
	status = ct_session_agree(rank->session, status);
	if (status == CT_OK && run->settings->profile != NULL)
		status = ct_profile_load(rank, run->settings->profile, run->settings->profile_dir != NULL ?
			run->settings->profile_dir : PKGDATADIR "/profiles", &run->profile);
	if (status == CT_OK && run->settings->cluster != NULL)
		status = ct_leaves_load(rank, run->settings->cluster, &run->leaves);
	if (status == CT_OK)
		status = choose_candidates(run);
	if (status == CT_OK)
		status = open_outputs(run);
	return status == CT_OK ? share_earlier(run) : status;
}

static ct_status run_rank(struct ct_rank *rank, void *arg, int *exit_code)
{
	struct run run = { .rank = rank, .settings = arg };
	struct ct_accept_report *report = NULL;
	ct_status status = ct_job_alike(rank, ct_accept_options, arg, NULL), told = CT_OK;

	if (status == CT_OK)
		status = prepare(&run);
	if (status == CT_OK)
		status = accept_all(&run, &report);
	if (report != NULL) {
		*exit_code = ct_accept_exit(report->verdict);
		if (rank->world.rank == 0)
			told = tell(&run, report);
		if (status == CT_OK)
			status = told;
	}
	for (size_t i = 0; i < run.nearlier; i++)
		ct_result_clear(&run.earlier[i]);
	ct_free(run.earlier);
	ct_accept_free(report);
	ct_profile_free(&run.profile);
	ct_leaves_free(&run.leaves);
	ct_machine_free(run.machine);
	ct_free(run.candidates);
	return status;
}

int ct_accept_main(int argc, char **argv)
{
	struct accept_settings settings = { 0 };
	int code = CT_EXIT_PASS;

	switch (ct_cli_parse(&cli, argc, argv, &settings, NULL)) {
	case CT_CLI_DONE:
		break;
	case CT_CLI_USAGE:
		code = CT_EXIT_USAGE;
		break;
	case CT_CLI_RUN:
		if (settings.pretend != NULL) {
			code = ct_pretend_main(&(struct ct_pretend_files){ settings.pretend, settings.json,
				settings.job.out, settings.matrix });
			break;
		}
		settings.job.all_transports = settings.job.coll == NULL && settings.job.algo == NULL &&
			strcmp(settings.job.net, "auto") == 0;
		/* With no backend named, mpi is wanted only where a launcher brought it. */
		code = ct_job_run("accept", &settings.job, false, run_rank, &settings);
		break;
	}
	ct_options_free(ct_accept_options, &settings);
	return code;
}
