/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune bench: measures one operation, nccl-tests' way of asking and of showing. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advise/advise.h"
#include "cli.h"
#include "explain.h"
#include "job.h"
#include "ladder.h"
#include "machines.h"
#include "plan.h"
#include "shown.h"
#include "sink.h"
#include "versus.h"
#include "topo/topo.h"

const struct ct_option *const ct_bench_options[] = { ct_net_options, ct_rank_options,
	ct_library_options, ct_communicator_options, ct_job_options, ct_bench_own_options, NULL };

static const struct ct_cli cli = {
	.command = "bench",
	.args = "p2p|allreduce|alltoall|allgather|reduce_scatter|broadcast|reduce|gather|scatter|barrier|ladder",
	.text = "Measure point-to-point or a collective operation between the ranks of a launcher "
		"(mpirun -n 4 colltune bench allreduce), or of threads (-t 4). Sizes take K, M, G (powers of "
		"two). The columns are nccl-tests'; --stats adds quantiles, the interval of the median and "
		"what could be expected. Exit status 1: wrong data.",
	.lists = ct_bench_options,
	.min_words = 1,
	.max_words = 1,
};

struct asked {
	const struct ct_bench_settings *settings;
	const char *word;
	struct ct_explain explain;
};

/* One rank's run. */
struct run {
	struct ct_rank *rank;
	const struct ct_bench_settings *settings;
	const char *word;
	struct ct_explain *explain; /* rank 0 may write to it */
	struct ct_bench_plan plan;
	struct ct_candidate *candidates;
	size_t ncandidates;
	const struct ct_mem_ops *memory;
	struct ct_floors floors;
	struct ct_shown shown; /* indexes on every rank, contents on rank 0 */
	struct ct_sink sink;   /* rank 0 */
	json_t *environment;   /* rank 0: the run's record */
	bool rivals;           /* two candidates are judged against each other */
	int64_t *done;         /* per place in shown: 1 = found on resume */
};

static ct_status on_result(void *arg, struct ct_result *result)
{
	struct run *run = arg;
	ct_status status = CT_OK;
	char name[96], size[32];

	if (run->settings->stats || run->rivals)
		ct_result_expect(result, &run->rank->world, &result->net, &run->floors);
	if (run->rank->world.rank != 0) {
		ct_shown_add(&run->shown, result);
		return CT_OK;
	}
	if (run->rank->store != NULL)
		status = ct_store_point(run->rank->store, result);
	if (status == CT_OK)
		status = ct_sink_add(&run->sink, result);
	if (run->settings->job.progress)
		fprintf(stderr, "colltune bench: %s %s, %s, round %u: %llu samples\n",
			ct_coll_name(result->test.coll), ct_size_text(result->bytes, size),
			ct_candidate_text(&result->candidate, name), result->round,
			(unsigned long long)result->summary.n);
	ct_shown_add(&run->shown, result);
	ct_shown_live(&run->shown);
	return status;
}

static bool is_done(void *arg, uint32_t round, const struct ct_candidate *c, const struct ct_test *t)
{
	struct run *run = arg;
	size_t i = ct_shown_index(&run->shown, round, c, t);

	return i != SIZE_MAX && run->done[i] != 0;
}

json_t *ct_bench_environment(const struct ct_rank *rank, const struct ct_bench_settings *settings,
	const char *word)
{
	char hash[CT_MACHINE_HASH_ROOM] = "";
	struct ct_machine *machine = NULL;
	json_t *echo = ct_options_echo(ct_bench_options, settings), *record;
	char command[64];

	/* A machine that cannot be read has no hash; the measurement stands all the same. */
	if (ct_machine_read(NULL, &machine) == CT_OK && ct_machine_hash(machine, hash) != CT_OK)
		hash[0] = '\0';
	ct_machine_free(machine);
	snprintf(command, sizeof(command), "bench %s", word);
	record = ct_record_environment(rank->session, command, echo, hash[0] != '\0' ? hash : NULL,
		(uint64_t)settings->job.seed);
	json_decref(echo);
	return record;
}

/* Where NCCL is measured, its variables belong to the run's record. */
static ct_status note_variables(struct run *run)
{
	json_t *variables;

	if (run->environment == NULL)
		return ct_fail(CT_NOMEM, "no memory for a record");
	if (run->explain->variables.list == NULL)
		return CT_OK;
	variables = ct_explain_record(run->explain);
	if (json_object_set_new(run->environment, "nccl_variables", variables) != 0) /* NULL: -1 */
		return ct_fail(CT_NOMEM, "no memory for a record");
	return CT_OK;
}

/* Collective: files of rank 0, and what an earlier run left in --out. */
static ct_status open_outputs(struct run *run)
{
	const struct ct_bench_settings *s = run->settings;
	size_t n = run->plan.ntests * run->ncandidates * run->shown.rounds;
	ct_status status = CT_OK;

	if (run->rank->world.rank == 0) {
		run->environment = ct_bench_environment(run->rank, s, run->word);
		status = note_variables(run);
		if (status == CT_OK && s->staged != NULL)
			status = ct_explain_staged(run->explain, s->staged);
		if (status == CT_OK)
			status = ct_sink_open(s->json, s->csv, run->environment, &run->sink);
	}
	status = ct_session_agree(run->rank->session, status);
	if (status == CT_OK)
		status = ct_job_store(run->rank, run->environment);
	if (status == CT_OK)
		status = ct_machines_store_own(run->rank);
	for (size_t i = 0; status == CT_OK && run->rank->store != NULL &&
		i < ct_store_count(run->rank->store); i++) {
		const struct ct_result *r = ct_store_result(run->rank->store, i);
		size_t at = ct_shown_index(&run->shown, r->round, &r->candidate, &r->test);

		if (at == SIZE_MAX)
			continue;
		ct_shown_add(&run->shown, r);
		run->done[at] = 1;
	}
	if (status == CT_OK)
		status = ct_session_max(run->rank->session, run->done, n);
	return status;
}

static void print_aggregate(const struct run *run)
{
	const struct ct_bench_settings *s = run->settings;
	const char *how = s->blocking != 0 ? "in one group" : s->aggregate > 1 ?
		"in groups, without waiting between these" : "without waiting between them";

	if (run->plan.ntests > 0 && run->plan.tests[0].operations > 1)
		printf("# a sample is %u operations %s; times are of one of them, and one alone is verified\n",
			run->plan.tests[0].operations, how);
}

static void print_head(const struct run *run)
{
	const struct ct_world *w = &run->rank->world;
	const struct ct_bench_settings *s = run->settings;
	char low[32], high[32];

	printf("# colltune %s bench %s: %u rank%s on %u host%s (%s%s)\n", ct_version(), run->word,
		w->nranks, w->nranks == 1 ? "" : "s", w->nhosts, w->nhosts == 1 ? "" : "s",
		w->hosts[0].name, w->nhosts > 1 ? ", …" : "");
	if (run->plan.coll != CT_BARRIER)
		printf("# sizes %s to %s; rates in GB/s of 1e9 bytes; seed %lld\n",
			ct_size_text(s->min_bytes, low), ct_size_text(s->max_bytes, high),
			(long long)s->job.seed);
	print_aggregate(run);
	printf("# time: median over samples of the maximum over ranks (nccl-tests -a 3) after a "
		"synchronised start\n#   (%s); -n %lld is the least number of samples\n",
		ct_session_sync_text(run->rank->session), (long long)s->iters);
	if (s->rounds > 1)
		printf("# %lld rounds with fresh connections; each row is the round with the median time\n",
			(long long)s->rounds);
	if (run->plan.p2p)
		printf("# pairs: %s; one-way and duplex keep %lld messages in flight\n",
			s->pairs != NULL ? s->pairs : CT_PAIRS,
			(long long)s->window);
	if (run->memory != ct_mem_rows()[0])
		printf("# memory %s: %s\n", s->memory, run->memory->summary);
	if (w->oversubscribed)
		printf("# oversubscribed: more ranks than processors, so times tell about the scheduler "
			"too\n");
	if (s->job.split != NULL)
		printf("# split by %s: %u communicators of %u ranks at once; times are the slowest one's\n",
			s->job.split, ct_session_group(run->rank->session)->ngroups,
			ct_session_group(run->rank->session)->nranks);
	if (s->job.net_fault != NULL)
		printf("# FAULT INJECTED: %s; these are not results of this machine\n", s->job.net_fault);
	if (s->job.replay != NULL)
		printf("# REPLAYED from %s.*: nothing is measured now\n", s->job.replay);
	fflush(stdout);
}

static ct_status measure(struct run *run)
{
	const struct ct_bench_settings *s = run->settings;
	struct ct_measure_plan plan = {
		.candidates = run->candidates,
		.ncandidates = run->ncandidates,
		.tests = run->plan.tests,
		.ntests = run->plan.ntests,
		.stop = { (uint64_t)s->iters, (uint64_t)(s->max_iters > s->iters ? s->max_iters : s->iters),
			s->budget, s->precision, (uint32_t)s->warmup, (uint32_t)s->check },
		.rounds = (uint32_t)s->rounds,
		.seed = (uint64_t)s->job.seed,
		.done = is_done,
		.on_result = on_result,
		.arg = run,
	};

	return ct_measure_run(run->rank->session, &plan);
}

/* Can this rank use the memory that was asked for? */
static ct_status find_memory(struct run *run)
{
	uint32_t device = 0;
	ct_status status = ct_mem_parse(run->settings->memory, &run->memory, &device);

	if ((device & CT_MEM_DEALT) != 0)
		device |= run->rank->world.local_rank;
	return status == CT_OK ? run->memory->probe(device) : status;
}

/* Collective. */
static ct_status find_candidates(struct run *run)
{
	const struct ct_bench_settings *s = run->settings;
	ct_status status = ct_candidates_parse(run->rank->session,
		s->job.coll != NULL ? s->job.coll : "native", s->job.net, s->job.algo, run->plan.coll,
		&run->candidates, &run->ncandidates);

	if (run->memory == ct_mem_rows()[0])
		return status;
	for (size_t i = 0; status == CT_OK && i < run->ncandidates; i++)
		snprintf(run->candidates[i].memory, sizeof(run->candidates[i].memory), "%s", s->memory);
	return status;
}

/* Everything before the first sample; collective. */
static ct_status prepare(struct run *run)
{
	const struct ct_bench_settings *s = run->settings;
	struct ct_session *session = run->rank->session;
	ct_status status = ct_plan_make(s, run->word,
		ct_session_group(session)->nranks, &run->plan);

	if (status == CT_OK)
		status = find_memory(run);
	status = ct_session_agree(session, status);
	if (status == CT_OK)
		status = find_candidates(run);
	if (status == CT_OK && s->compare && run->ncandidates != 2)
		status = ct_fail(CT_INVALID, "--compare judges two candidates against each other, as --net "
			"shm,tcp makes them; here %zu are measured", run->ncandidates);
	run->rivals = s->compare || (s->rounds > 1 &&
		ct_versus_nets(run->candidates, run->ncandidates));
	if (status == CT_OK) {
		status = ct_shown_make(&run->plan, run->candidates, run->ncandidates, (uint32_t)s->rounds,
			s->stats, &run->shown);
		run->shown.counters = s->counters;
		run->shown.osu = s->osu;
		run->shown.perftest = s->perftest;
		run->done = ct_alloc(run->plan.ntests * run->ncandidates * (size_t)s->rounds,
			sizeof(*run->done));
		status = ct_session_agree(session, run->done == NULL ? CT_NOMEM : status);
	}
	if (status == CT_OK)
		status = open_outputs(run);
	if (status == CT_OK && (s->stats || run->rivals))
		status = ct_floors_measure(session, &run->floors);
	return status;
}

/* WHY: of what cannot run here; NULL: no point was asked for. */
static ct_status nothing(const char *why)
{
	if (why == NULL)
		return ct_fail(CT_INVALID, "nothing could be measured: no point");
	return ct_fail(CT_UNSUPPORTED, "nothing could be measured: %s", why);
}

static ct_status conclude(struct run *run, ct_status status, int *exit_code)
{
	const char *why = NULL;
	bool any = ct_shown_any(&run->shown, &why);

	if (run->rank->world.rank == 0) {
		ct_status closed;

		/* A footer without rows would say that all is well. */
		if (any || why != NULL)
			ct_shown_end(&run->shown);
		if (run->rivals && any && status == CT_OK)
			status = ct_versus_show(&run->shown, run->environment);
		else if (any && ct_versus_nets(run->candidates, run->ncandidates))
			printf("# two transports, one round: no claim can be made about their difference; "
				"--compare measures %d rounds and judges\n", CT_LEAST_ROUNDS);
		if (status != CT_OK)
			printf("# INCOMPLETE: the run ended before its last point\n");
		closed = ct_sink_close(&run->sink);
		if (status == CT_OK)
			status = closed;
	}
	if (status == CT_OK && !any)
		return nothing(why);
	*exit_code = ct_shown_wrong(&run->shown) > 0 ? CT_EXIT_FAIL : CT_EXIT_PASS;
	return status;
}

static ct_status run_rank(struct ct_rank *rank, void *arg, int *exit_code)
{
	struct asked *asked = arg;
	struct run run = { .rank = rank, .settings = asked->settings, .word = asked->word,
		.explain = &asked->explain };
	ct_status status = ct_job_alike(rank, ct_bench_options, run.settings, run.word);

	if (status == CT_OK)
		status = prepare(&run);
	if (status == CT_OK) {
		if (rank->world.rank == 0) {
			print_head(&run);
			ct_shown_live(&run.shown);
		}
		status = measure(&run);
		status = conclude(&run, status, exit_code);
		if (status == CT_OK && run.explain->on)
			status = ct_explain_show(run.explain, rank, &run.shown);
	}
	ct_shown_free(&run.shown);
	ct_free(run.done);
	json_decref(run.environment);
	ct_free(run.candidates);
	ct_plan_free(&run.plan);
	return status;
}

/* Whether the list BACKENDS (may be NULL) has NAME. */
static bool names(const char *backends, const char *name)
{
	for (const char *p = backends; p != NULL && *p != '\0'; p += strspn(p, ",")) {
		size_t length = strcspn(p, ",");

		if (length == strlen(name) && strncmp(p, name, length) == 0)
			return true;
		p += length;
	}
	return false;
}

/* The option's row reads the plugin's variable too. */
static bool rules_of_environment(const struct ct_bench_settings *s)
{
	const char *rules = secure_getenv("COLLTUNE_RULES");

	return rules != NULL && strcmp(rules, s->rules) == 0;
}

static ct_status check(const struct ct_bench_settings *s, const char *word)
{
	if (names(s->job.coll, "trace") != (s->job.replay != NULL))
		return ct_fail(CT_INVALID, "--coll trace and --replay PREFIX need each other: what is "
			"replayed, and from where");
	if (s->job.split != NULL && (strcmp(word, "p2p") == 0 || ct_plan_ladder(word)))
		return ct_fail(CT_INVALID, "--split is for collectives: %s has pairs of its own", word);
	if (s->explain && (!names(s->job.coll, "nccl") || ct_plan_ladder(word)))
		return ct_fail(CT_INVALID, "--explain tells what NCCL chose: it needs --coll nccl, and is not "
			"for the ladder");
	if (s->staged != NULL && !s->explain)
		return ct_fail(CT_INVALID, "--staged needs --explain: it tells whether GPUDirect RDMA is really on");
	if (s->rules != NULL && !s->explain && !rules_of_environment(s))
		return ct_fail(CT_INVALID, "--rules needs --explain; COLLTUNE_RULES=FILE in the environment is "
			"in force");
	return ct_plan_check(s, word);
}

static int run_bench(struct ct_bench_settings *s, struct asked *asked)
{
	bool ladder = ct_plan_ladder(asked->word);

	if (s->rounds == 0)
		s->rounds = ladder ? CT_LADDER_ROUNDS : s->compare ? CT_LEAST_ROUNDS : 1;
	if (ladder && strcmp(s->job.net, "auto") == 0) {
		/* Whatever transport can run here is looked at, so no module may be left unopened. */
		ct_free(s->job.net);
		s->job.net = NULL;
	}
	if (!ladder)
		return ct_job_run("bench", &s->job, names(s->job.coll, "mpi"), run_rank, asked);
	return ct_job_run("bench", &s->job, names(s->job.coll, "mpi"), ct_ladder_job, s);
}

int ct_bench_main(int argc, char **argv)
{
	struct ct_bench_settings settings = { 0 };
	struct asked asked = { &settings, NULL, { .log = -1 } };
	int code = CT_EXIT_PASS;

	switch (ct_cli_parse(&cli, argc, argv, &settings, &asked.word)) {
	case CT_CLI_DONE:
		break;
	case CT_CLI_USAGE:
		code = CT_EXIT_USAGE;
		break;
	case CT_CLI_RUN:
		if (check(&settings, asked.word) != CT_OK) {
			ct_cli_complain("bench", ct_why());
			code = CT_EXIT_USAGE;
			break;
		}
		if (names(settings.job.coll, "nccl") && ct_explain_open(&settings, &asked.explain) != CT_OK) {
			ct_cli_complain("bench", ct_why());
			code = CT_EXIT_ENVIRONMENT;
		} else {
			code = run_bench(&settings, &asked);
		}
		ct_explain_close(&asked.explain);
		break;
	}
	ct_options_free(ct_bench_options, &settings);
	return code;
}
