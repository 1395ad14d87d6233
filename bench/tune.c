/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune tune OPERATION…: searches the fastest settings in one launch and writes them as rules. */
#include "tune.h"

#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "cli.h"
#include "explain.h"
#include "overlap.h"
#include "tune_launch.h"
#include "topo/topo.h"

enum { WORDS = 8, MODE = 0644 };

#define AT(field) offsetof(struct ct_tune_settings, field)
static const struct ct_option own_options[] = {
	{ "coll", 0, CT_OPT_TEXT, AT(job.coll), NULL, 0, 0, NULL, "LIST",
		"backends: native, mpi, nccl; none given: native, under a launcher native and mpi" },
	{ "net", 0, CT_OPT_TEXT, AT(job.net), "auto", 0, 0, NULL, "NAME",
		"transport of backend native: auto, self, shm, tcp, verbs" },
	{ "budget", 0, CT_OPT_TIME, AT(budget), "60s", 1e6, 8.64e13, NULL, "TIME",
		"most time of the search; it ends by itself once it knows" },
	{ "effort", 0, CT_OPT_REAL, AT(effort), "0.052", 0.001, 1, NULL, "X",
		"most share of the time of an exhaustive sweep to spend" },
	{ "output", 'o', CT_OPT_TEXT, AT(output), NULL, 0, 0, NULL, "FILE",
		"write the rules there (colltune-rules/1)" },
	{ "min-bytes", 'b', CT_OPT_SIZE, AT(min_bytes), "8", 1, 1e15, NULL, NULL, "smallest size" },
	{ "max-bytes", 'e', CT_OPT_SIZE, AT(max_bytes), "16M", 1, 1e15, NULL, NULL, "largest size" },
	{ "factor", 'f', CT_OPT_REAL, AT(factor), "2", 1.01, 1e6, NULL, NULL, "from size to size" },
	{ "type", 'd', CT_OPT_TEXT, AT(type), "float", 0, 0, NULL, "TYPE", "type of the elements" },
	{ "no-model", 0, CT_OPT_FLAG, AT(no_model), NULL, 0, 0, NULL, NULL,
		"measure no links, predict nothing, prune nothing by prediction" },
	{ "predict", 'N', CT_OPT_INT, AT(predict), "0", 0, 65536, NULL, "RANKS",
		"say what the model would choose for so many ranks; predicted, not measured" },
	{ "judge", 0, CT_OPT_FLAG, AT(judge), NULL, 0, 0, NULL, NULL,
		"afterwards an exhaustive sweep, and fresh samples of what was chosen; takes long" },
	{ "searches", 0, CT_OPT_INT, AT(searches), "1", 1, CT_REPEAT_MOST, NULL, "N",
		"search N times, with other seeds; where choices differ, does it matter on fresh samples?" },
	{ "check", 0, CT_OPT_TEXT, AT(check), NULL, 0, 0, NULL, "RULES",
		"search nothing: each rule of the first backend beside the default, at three sizes" },
	{ "overlap", 0, CT_OPT_CHOICE, AT(overlap), "none", 0, 0, ct_overlap_choices, "WORD",
		"a thread of each rank works meanwhile: copies memory, or computes" },
	{ "times", 0, CT_OPT_FLAG, AT(times), NULL, 0, 0, NULL, NULL,
		"search nothing: what the first backend's default takes, a line for each size" },
	{ "launch", 0, CT_OPT_TEXT, AT(launch), NULL, 0, 0, NULL, "COMMAND",
		"outside a launcher: settings that are read at start, each by its own launches (\"mpirun -n "
		"4\"; no shell; at most --timeout each)" },
	{ "settings", 0, CT_OPT_TEXT, AT(relaunch), NULL, 0, 0, NULL, "LIST",
		"variables to try with --launch, as A=1|2;B=x; none given: those known of the backend" },
	{ "launches", 0, CT_OPT_TEXT, AT(launches), NULL, 0, 0, NULL, "FILE",
		"--launch keeps there what it measured, and goes on from it" },
	{ "seed", 0, CT_OPT_INT, AT(job.seed), "1", 0, 9e15, NULL, "N", "of the order of candidates" },
	{ "progress", 0, CT_OPT_FLAG, AT(job.progress), NULL, 0, 0, NULL, NULL,
		"a line on stderr for each operation" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT

const struct ct_option *const ct_tune_options[] = { ct_net_options, ct_rank_options, ct_library_options, own_options,
	NULL };

static const struct ct_cli cli = {
	.command = "tune",
	.args = "OPERATION...",
	.text = "Search the fastest algorithms and knobs of operations (allreduce, alltoall, allgather, "
		"reduce_scatter, broadcast, reduce, gather, scatter) over everything that the backends list, in one launch (mpirun -n 4 "
		"colltune tune allreduce), or with threads (-t 4). The default is always among them. The rules "
		"that come of it name their gain with its interval; where there is none, defaults are best.",
	.lists = ct_tune_options,
	.min_words = 0,
	.max_words = WORDS,
};

/* WORD may be several with commas between. */
static ct_status take_word(struct ct_tune_asked *asked, const char *word)
{
	while (*word != '\0') {
		size_t n = strcspn(word, ",");
		char name[32];
		ct_coll coll;

		snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) ? n : sizeof(name) - 1), word);
		if (ct_coll_parse(name, &coll) != CT_OK)
			return CT_INVALID;
		for (size_t i = 0; i < asked->ncolls; i++)
			if (asked->colls[i] == coll)
				return ct_fail(CT_INVALID, "%s is named twice", name);
		asked->colls[asked->ncolls++] = coll;
		word += n + (word[n] == ',');
	}
	return CT_OK;
}

static ct_status take_words(struct ct_tune_asked *asked, const char *const *words)
{
	ct_status status = CT_OK;
	size_t used = 0;

	for (int i = 0; i < WORDS && words[i] != NULL && status == CT_OK; i++) {
		status = take_word(asked, words[i]);
		if (used < sizeof(asked->words))
			used += (size_t)snprintf(asked->words + used, sizeof(asked->words) - used, "%s%s",
				i > 0 ? "," : "", words[i]);
	}
	return status;
}

static ct_status check_launch(const struct ct_tune_settings *s)
{
	if (s->launch == NULL)
		return s->relaunch == NULL && s->launches == NULL ? CT_OK :
			ct_fail(CT_INVALID, "--settings and --launches need --launch COMMAND");
	if (ct_cli_launcher().size > 1)
		return ct_fail(CT_INVALID, "--launch: from outside a launcher only: launches cannot be nested");
	if (s->job.coll != NULL && strchr(s->job.coll, ',') != NULL)
		return ct_fail(CT_INVALID, "--launch takes one backend at a time");
	return CT_OK;
}

static ct_status check(struct ct_tune_asked *asked, const char *const *words)
{
	const struct ct_tune_settings *s = asked->settings;
	ct_status status = ct_type_parse(s->type, &asked->type);

	if (status == CT_OK)
		status = take_words(asked, words);
	if (status == CT_OK && strchr(s->job.net, ',') != NULL)
		status = ct_fail(CT_INVALID, "--net %s: a rule cannot name a transport, so tune takes one at a "
			"time", s->job.net);
	if (status == CT_OK && s->min_bytes > s->max_bytes)
		status = ct_fail(CT_INVALID, "-b is above -e");
	if (status == CT_OK && (asked->ncolls == 0) == (s->check == NULL))
		status = ct_fail(CT_INVALID, "needs an operation to tune (allreduce, alltoall, …), or --check "
			"RULES");
	if (status == CT_OK && !s->times)
		status = check_launch(s);
	asked->backends = s->job.coll != NULL ? s->job.coll : s->launch != NULL ? "mpi" :
		ct_cli_launcher().size > 1 ? "native,mpi" : "native";
	return status;
}

static void on_part(void *arg, const char *backend, ct_coll coll)
{
	const struct ct_rank *rank = arg;

	if (rank->world.rank == 0 && rank->settings->progress)
		fprintf(stderr, "colltune tune: %s of %s\n", ct_coll_name(coll), backend);
}

/* Rank 0: the rules file. */
static ct_status save(const struct ct_rank *rank, const struct ct_tuned *tuned, const char *path)
{
	char machine[CT_MACHINE_HASH_ROOM] = "", fingerprint[CT_SHA256_TEXT] = "";
	struct ct_machine *here = NULL;
	json_t *rules = NULL;
	ct_status status = ct_machine_read(NULL, &here);

	if (status == CT_OK)
		status = ct_machine_hash(here, machine);
	ct_machine_free(here);
	if (status == CT_OK)
		status = ct_rules_fingerprint("", fingerprint);
	if (status == CT_OK) {
		rules = ct_tune_rules(tuned, &rank->world, machine, fingerprint);
		status = rules != NULL ? ct_json_save(rules, path, MODE) :
			ct_fail(CT_NOMEM, "no memory for the rules");
	}
	if (status == CT_OK)
		printf("# %zu rules in %s; to use them elsewhere: colltune export %s\n",
			json_array_size(json_object_get(rules, "rules")), path, path);
	json_decref(rules);
	return status;
}

static void print_head(const struct ct_rank *rank, const struct ct_tune_asked *asked)
{
	const struct ct_world *w = &rank->world;
	char budget[32];

	printf("# colltune %s tune %s: %u ranks on %u host%s; %s; budget %s; seed %lld\n", ct_version(),
		asked->words, w->nranks, w->nhosts, w->nhosts == 1 ? "" : "s", ct_type_name(asked->type),
		ct_time_text(asked->settings->budget, budget), (long long)asked->settings->job.seed);
	fflush(stdout);
}

/* Collective: --judge. */
static ct_status judge(const struct ct_rank *rank, struct ct_tuned *tuned)
{
	struct ct_tune_verdict *verdict = ct_alloc(1, sizeof(*verdict));
	ct_status status = ct_session_agree(rank->session, verdict != NULL ? CT_OK : CT_NOMEM);

	for (size_t p = 0; p < tuned->nparts && status == CT_OK; p++) {
		status = ct_tune_judge(tuned, p, verdict);
		if (status == CT_OK && rank->world.rank == 0)
			ct_tune_show_verdict(tuned, p, verdict);
	}
	ct_free(verdict);
	return status;
}

static ct_status enough(const struct ct_rank *rank)
{
	return rank->world.nranks > 1 ? CT_OK :
		ct_fail(CT_INVALID, "tune needs at least 2 ranks: mpirun -n 2 …, or -t 2");
}

/* Rank 0: all that was found. */
static ct_status tell(const struct ct_rank *rank, const struct ct_tune_settings *s, const struct ct_tuned *tuned)
{
	ct_status status = CT_OK;

	ct_tune_show(tuned, &rank->world);
	if (s->predict > 1)
		ct_tune_show_predicted(tuned, &rank->world, (uint32_t)s->predict);
	if (s->output != NULL)
		status = save(rank, tuned, s->output);
	return status == CT_OK ? ct_tune_advise(tuned, &rank->world, s->output) : status;
}

/* Collective: the search, and what is asked of it afterwards. */
static ct_status run_search(struct ct_rank *rank, const struct ct_tune_settings *s,
	const struct ct_tune_attr *attr)
{
	struct ct_tuned *tuned = NULL;
	ct_status status = ct_tune_run(rank->session, attr, &tuned);

	if (status != CT_OK)
		return status;
	if (rank->world.rank == 0)
		status = tell(rank, s, tuned);
	status = ct_session_agree(rank->session, status);
	if (status == CT_OK && s->judge)
		status = judge(rank, tuned);
	if (status == CT_OK && s->searches > 1)
		status = ct_tune_searches(rank, s, tuned);
	ct_tune_free(tuned);
	return status;
}

/* The same, beside work of its own with --overlap. */
static ct_status run_beside(struct ct_rank *rank, const struct ct_tune_settings *s,
	const struct ct_tune_attr *attr)
{
	struct ct_overlap *overlap = NULL;
	ct_status status = ct_session_agree(rank->session,
		ct_overlap_start((enum ct_overlap_kind)s->overlap, &overlap));
	uint64_t turns;

	if (status == CT_OK)
		status = run_search(rank, s, attr);
	turns = ct_overlap_stop(overlap);
	if (status == CT_OK && s->overlap != CT_OVERLAP_NONE && rank->world.rank == 0)
		printf("# overlap %s: a thread of each rank worked meanwhile (%llu turns of rank 0's)\n",
			ct_overlap_choices[s->overlap], (unsigned long long)turns);
	return status;
}

static ct_status run_rank(struct ct_rank *rank, void *arg, int *exit_code)
{
	const struct ct_tune_asked *asked = arg;
	const struct ct_tune_settings *s = asked->settings;
	struct ct_tune_attr attr = { .colls = asked->colls, .ncolls = asked->ncolls,
		.backends = asked->backends, .net = s->job.net, .type = asked->type, .op = CT_SUM,
		.min_bytes = s->min_bytes, .max_bytes = s->max_bytes, .factor = s->factor,
		.budget_ns = s->budget, .effort = s->effort, .no_model = s->no_model,
		.overlap = s->overlap != CT_OVERLAP_NONE ? ct_overlap_choices[s->overlap] : NULL,
		.seed = (uint64_t)s->job.seed,
		.on_part = on_part, .arg = rank };
	ct_status status = ct_job_alike(rank, ct_tune_options, s, asked->words);

	if (status == CT_OK)
		status = enough(rank);
	if (status == CT_OK && s->check != NULL)
		return ct_tune_check(rank, s, asked->backends, asked->type);
	if (status == CT_OK && s->times)
		return ct_tune_times(rank, s, asked);
	if (status == CT_OK && rank->world.rank == 0)
		print_head(rank, asked);
	if (status == CT_OK)
		status = run_beside(rank, s, &attr);
	*exit_code = CT_EXIT_PASS;
	return status;
}

static bool names(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (; list != NULL; list = strchr(list, ',') != NULL ? strchr(list, ',') + 1 : NULL)
		if (strncmp(list, name, n) == 0 && (list[n] == ',' || list[n] == '\0'))
			return true;
	return false;
}

static int run(struct ct_tune_settings *s, struct ct_tune_asked *asked)
{
	struct ct_explain explain = { .log = -1 };
	bool nccl = names(asked->backends, "nccl");
	ct_status status = CT_OK;
	int code;

	if (s->launch != NULL && !s->times)
		status = ct_tune_launch(s, asked);
	else if (nccl)
		status = ct_explain_cells(&s->job, &explain);
	if (status != CT_OK)
		ct_cli_complain("tune", ct_why());
	if (status != CT_OK || (s->launch != NULL && !s->times))
		code = status == CT_OK ? CT_EXIT_PASS : ct_exit_of(status);
	else
		code = ct_job_run("tune", &s->job, names(s->job.coll, "mpi"), run_rank, asked);
	if (nccl)
		ct_explain_close(&explain);
	return code;
}

int ct_tune_main(int argc, char **argv)
{
	struct ct_tune_settings settings = { 0 };
	struct ct_tune_asked asked = { .settings = &settings };
	const char *words[WORDS] = { NULL };
	int code = CT_EXIT_PASS;

	switch (ct_cli_parse(&cli, argc, argv, &settings, words)) {
	case CT_CLI_DONE:
		break;
	case CT_CLI_USAGE:
		code = CT_EXIT_USAGE;
		break;
	case CT_CLI_RUN:
		if (check(&asked, words) != CT_OK) {
			ct_cli_complain("tune", ct_why());
			code = CT_EXIT_USAGE;
			break;
		}
		code = run(&settings, &asked);
		break;
	}
	ct_options_free(ct_tune_options, &settings);
	return code;
}
