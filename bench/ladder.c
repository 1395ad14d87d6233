/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measures the ladder. Every round opens fresh connections, runs its tests in an order of its own,
 * and in each test the layers take turns; rungs are compared within a round.
 */
#include "ladder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "machines.h"

enum { TESTS = 5 };

struct run {
	struct ct_rank *rank;
	const struct ct_bench_settings *settings;
	uint32_t *partner;
	struct ct_layer layer[CT_LAYERS];
	struct ct_candidate candidates[CT_LAYERS]; /* those that run */
	size_t ncandidates;
	struct ct_climb climb[CT_LADDERS];
	struct ct_test tests[TESTS];
	struct ct_floors floors;
	struct ct_sink sink;
	json_t *environment;
	char net[CT_NET_TEXT];
	uint32_t round;
	uint64_t wrong;
};

/* ---- layers --------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4)))
static void define(struct ct_layer *layer, const char *backend, const char *format, ...)
{
	va_list args;

	snprintf(layer->candidate.backend, sizeof(layer->candidate.backend), "%s", backend);
	va_start(args, format);
	vsnprintf(layer->label, sizeof(layer->label), format, args);
	va_end(args);
	layer->text = layer->label;
}

/* Is BACKEND in the list of --coll, or is there none? */
static bool asked_for(const char *list, const char *backend)
{
	size_t n = strlen(backend);

	if (list == NULL)
		return true;
	for (const char *p = list; *p != '\0'; p += strcspn(p, ","), p += *p == ',')
		if (strncmp(p, backend, n) == 0 && (p[n] == '\0' || p[n] == ','))
			return true;
	return false;
}

/* Can BACKEND run on this rank? CT_UNSUPPORTED says why not. */
static ct_status find_backend(const struct run *run, const char *backend)
{
	const struct ct_coll_ops *ops = NULL;

	if (ct_coll_find(backend, run->rank->modules, &ops) != CT_OK)
		return ct_fail(CT_UNSUPPORTED, "there is no backend %s in this build", backend);
	if (ops->missing != NULL)
		return ct_fail(CT_UNSUPPORTED, "%s", ops->missing);
	return ops->probe != NULL ? ops->probe(&run->settings->job.coll_rows) : CT_OK;
}

/* Collective: LAYER's reason, if some rank cannot run it. */
static ct_status probe_layer(struct run *run, struct ct_layer *layer, const char *backend)
{
	ct_status status = find_backend(run, backend);

	if (status != CT_OK && layer->why[0] == '\0')
		ct_text_clean(layer->why, sizeof(layer->why), ct_why());
	status = ct_session_agree(run->rank->session, status);
	if (status != CT_OK && layer->why[0] == '\0')
		ct_text_clean(layer->why, sizeof(layer->why), ct_why());
	return status == CT_TIMEOUT || status == CT_PEER ? status : CT_OK;
}

/* Collective: opens verbs to see whether it can; *WHY is the reason if not. */
static ct_status try_verbs(struct run *run, char *why, size_t room)
{
	const struct ct_world *w = &run->rank->world;
	struct ct_net net = { 0 };
	ct_status status;

	ct_session_phase(run->rank->session, "looking for RDMA devices");
	status = ct_net_open("verbs", w, &run->settings->job.net_rows, NULL,
		ct_deadline_in(run->settings->job.timeout), &net);
	if (status == CT_OK)
		ct_net_close(&net);
	else
		ct_text_clean(why, room, ct_why());
	ct_session_idle(run->rank->session);
	return status == CT_TIMEOUT || status == CT_PEER ? status : CT_OK;
}

/* Collective: the transport that the ladder stands on. */
static ct_status choose_net(struct run *run)
{
	const char *asked = run->settings->job.net;
	struct ct_layer *raw = &run->layer[CT_LAYER_RAW];
	ct_status status = CT_OK;

	if (asked != NULL && strcmp(asked, "auto") != 0) {
		snprintf(run->net, sizeof(run->net), "%s", asked);
		if (!ct_net_is(run->net, "verbs"))
			snprintf(raw->why, sizeof(raw->why), "the ladder stands on --net %.100s", run->net);
		return CT_OK;
	}
	status = try_verbs(run, raw->why, sizeof(raw->why));
	snprintf(run->net, sizeof(run->net), "%s", raw->why[0] == '\0' ? "verbs" :
		run->rank->world.nhosts == 1 ? "shm" : "tcp");
	return status;
}

/* Collective: *WHY says why some rank has no GPU whose memory can be measured. */
static ct_status find_gpu(struct run *run, char *why, size_t room)
{
	const struct ct_mem_ops *ops = NULL;
	uint32_t device = 0;
	ct_status status = ct_mem_parse("cuda", &ops, &device);

	if (status == CT_OK)
		status = ops->probe(device | run->rank->world.local_rank);
	status = ct_session_agree(run->rank->session, status);
	if (status != CT_OK)
		ct_text_clean(why, room, ct_why());
	return status == CT_TIMEOUT || status == CT_PEER ? status : CT_OK;
}

/* Collective. */
static ct_status find_layers(struct run *run)
{
	struct ct_layer *l = run->layer;
	ct_status status = choose_net(run);

	define(&l[CT_LAYER_RAW], "verbs", "verbs, host memory");
	define(&l[CT_LAYER_GPU], "verbs", "verbs, GPU memory");
	define(&l[CT_LAYER_NATIVE], "native", "native/%s messages", run->net);
	define(&l[CT_LAYER_MPI], "mpi", "MPI messages");
	define(&l[CT_LAYER_NCCL], "nccl", "NCCL messages");
	if (ct_net_is(run->net, "verbs"))
		snprintf(l[CT_LAYER_RAW].candidate.net, sizeof(run->net), "%s", run->net);
	snprintf(l[CT_LAYER_NATIVE].candidate.net, sizeof(run->net), "%s", run->net);
	snprintf(l[CT_LAYER_GPU].candidate.net, sizeof(run->net), "%s", l[CT_LAYER_RAW].candidate.net);
	snprintf(l[CT_LAYER_GPU].candidate.memory, sizeof(l->candidate.memory), "cuda");
	/* the processor cannot see a plain write arrive there */
	snprintf(l[CT_LAYER_GPU].candidate.algo, sizeof(l->candidate.algo), "write_imm");
	snprintf(l[CT_LAYER_GPU].why, sizeof(l->why), "%.150s", l[CT_LAYER_RAW].why);
	if (status == CT_OK && l[CT_LAYER_GPU].why[0] == '\0')
		status = find_gpu(run, l[CT_LAYER_GPU].why, sizeof(l->why));
	for (int i = 0; i < CT_LAYERS && status == CT_OK; i++) {
		const char *backend = l[i].candidate.backend;

		if (l[i].why[0] == '\0')
			status = probe_layer(run, &l[i], backend);
		if (i >= CT_LAYER_NATIVE && !asked_for(run->settings->job.coll, backend))
			snprintf(l[i].why, sizeof(l[i].why), "not in --coll %.100s",
				run->settings->job.coll);
		if (l[i].why[0] == '\0')
			run->candidates[run->ncandidates++] = l[i].candidate;
	}
	return status;
}

/* ---- ranks and sizes ------------------------------------------------------------------------ */

/* Rank with index K on host HOST; nranks = none. */
static uint32_t rank_at(const struct ct_world *w, uint32_t host, uint32_t k)
{
	for (uint32_t r = 0; r < w->nranks; r++)
		if (w->host_of[r] == host && k-- == 0)
			return r;
	return w->nranks;
}

/* Where there are several hosts every pair is of two of them: what is asked is the network. */
void ct_ladder_pairs(const struct ct_world *w, uint32_t *partner)
{
	for (uint32_t r = 0; r < w->nranks; r++)
		partner[r] = r;
	for (uint32_t h = 0; h + 1 < w->nhosts; h += 2) {
		for (uint32_t k = 0; k < w->hosts[h].ranks; k++) {
			uint32_t a = rank_at(w, h, k), b = rank_at(w, h + 1, k);

			if (a == w->nranks || b == w->nranks)
				break;
			partner[a] = b;
			partner[b] = a;
		}
	}
}

static ct_status choose_pairs(struct run *run)
{
	const struct ct_world *w = &run->rank->world;
	const char *pairs = run->settings->pairs;

	if (w->nranks < 2)
		return ct_fail(CT_INVALID, "ladder needs at least 2 ranks: mpirun -n 2 …, or -t 2");
	run->partner = ct_alloc(w->nranks, sizeof(*run->partner));
	if (run->partner == NULL)
		return CT_NOMEM;
	if (pairs == NULL && w->nhosts > 1) {
		ct_ladder_pairs(w, run->partner);
		return CT_OK;
	}
	if (ct_pairs_parse(pairs != NULL ? pairs : "all", w->nranks, run->partner) != CT_OK)
		return CT_INVALID;
	for (uint32_t r = 0; r < w->nranks; r++)
		if (run->partner[run->partner[r]] != r)
			return ct_fail(CT_INVALID, "--pairs %s: the ladder needs pairs", pairs);
	return CT_OK;
}

/* The smallest size that gives each rank an element, from BYTES on. */
static uint64_t fitting(ct_coll coll, uint32_t nranks, uint64_t bytes)
{
	while (ct_coll_count(coll, nranks, bytes, CT_FLOAT) == 0)
		bytes = bytes * 2 + 1;
	return ct_coll_bytes(coll, nranks, ct_coll_count(coll, nranks, bytes, CT_FLOAT), CT_FLOAT);
}

static void make_tests(struct run *run)
{
	static const ct_coll colls[TESTS] = { CT_P2P_LATENCY, CT_ALLREDUCE, CT_P2P_DUPLEX, CT_ALLTOALL,
		CT_ALLREDUCE };
	const struct ct_bench_settings *s = run->settings;

	for (int i = 0; i < TESTS; i++) {
		uint64_t bytes = i < 2 ? s->min_bytes : s->max_bytes;

		run->tests[i] = (struct ct_test){ .coll = colls[i], .type = CT_FLOAT, .op = CT_SUM,
			.window = (uint32_t)s->window, .partner = run->partner,
			.bytes = fitting(colls[i], run->rank->world.nranks, bytes) };
	}
}

/* ---- rungs ---------------------------------------------------------------------------------- */

static int add_rung(struct run *run, int kind, int layer, ct_coll coll, int below)
{
	struct ct_climb *c = &run->climb[kind];
	int i = (int)c->ladder.n++;
	bool message = coll >= CT_P2P_LATENCY;

	c->layer[i] = layer;
	c->coll[i] = coll;
	c->rungs[i] = (struct ct_rung){ .below = below, .cost = c->cost[i] };
	snprintf(c->rungs[i].name, sizeof(c->rungs[i].name), message ? "%.63s" : "%.20s, %s%s%s",
		message ? run->layer[layer].label : ct_coll_name(coll),
		run->layer[layer].candidate.backend, layer == CT_LAYER_NATIVE ? "/" : "",
		layer == CT_LAYER_NATIVE ? run->net : "");
	ct_text_clean(c->rungs[i].why, sizeof(c->rungs[i].why), run->layer[layer].why);
	return i;
}

/* Messages of each layer on the lowest one that runs; collectives on messages of their own layer. */
static void set_up(struct run *run, int kind)
{
	static const ct_coll messages[CT_LADDERS] = { CT_P2P_LATENCY, CT_P2P_DUPLEX };
	int rung[CT_LAYERS], lowest = -1;

	run->climb[kind].ladder = (struct ct_ladder){ .rungs = run->climb[kind].rungs,
		.oversubscribed = run->rank->world.oversubscribed };
	run->climb[kind].bytes = run->tests[kind == CT_LADDER_LATENCY ? 0 : 2].bytes;
	for (int i = 0; i < CT_LAYERS; i++) {
		rung[i] = add_rung(run, kind, i, messages[kind], lowest);
		if (lowest < 0 && run->layer[i].why[0] == '\0')
			lowest = rung[i];
	}
	for (int i = CT_LAYER_NATIVE; i < CT_LAYERS; i++) {
		if (run->layer[i].why[0] != '\0')
			continue;
		if (kind == CT_LADDER_RATE)
			add_rung(run, kind, i, CT_ALLTOALL, rung[i]);
		add_rung(run, kind, i, CT_ALLREDUCE, rung[i]);
	}
}

static ct_status make_rungs(struct run *run)
{
	for (int kind = 0; kind < CT_LADDERS; kind++) {
		for (int i = 0; i < CT_LADDER_RUNGS; i++) {
			run->climb[kind].cost[i] = ct_alloc((size_t)run->settings->rounds, sizeof(double));
			if (run->climb[kind].cost[i] == NULL)
				return CT_NOMEM;
		}
		set_up(run, kind);
	}
	return CT_OK;
}

/* A rung's cost of one round: rounds come in order, so a gap ends what counts. */
static void keep(struct run *run, const struct ct_result *r)
{
	for (int kind = 0; kind < CT_LADDERS; kind++) {
		struct ct_climb *c = &run->climb[kind];
		bool rate = kind == CT_LADDER_RATE;

		for (size_t i = 0; i < c->ladder.n; i++) {
			struct ct_rung *rung = &c->rungs[i];

			if (c->coll[i] != r->test.coll ||
				r->test.bytes != fitting(r->test.coll, r->nranks, c->bytes) ||
				!ct_candidate_same(&run->layer[c->layer[i]].candidate, &r->candidate))
				continue;
			if (r->status != CT_OK)
				ct_text_clean(rung->why, sizeof(rung->why), r->why);
			if (r->status != CT_OK || r->round != rung->rounds || r->summary.median == 0)
				continue;
			c->cost[i][rung->rounds++] = rate ? 1e9 / r->busbw_Bps : (double)r->summary.median;
			rung->wrong += r->wrong;
			c->expected[i] = r->expected;
			ct_text_clean(c->path[i], sizeof(c->path[i]), r->path);
			if (r->expected.known)
				rung->expected = rate ? 1e9 / r->expected.busbw_Bps :
					(double)r->expected.time_ns;
		}
	}
	run->wrong += r->status == CT_OK ? r->wrong : 0;
}

/* ---- measuring ------------------------------------------------------------------------------ */

static ct_status on_result(void *arg, struct ct_result *result)
{
	struct run *run = arg;
	ct_status status = CT_OK;
	char name[96], size[32];

	result->round = run->round;
	ct_result_expect(result, &run->rank->world, &result->net, &run->floors);
	keep(run, result);
	if (run->rank->world.rank != 0)
		return CT_OK;
	if (run->rank->store != NULL)
		status = ct_store_point(run->rank->store, result);
	if (status == CT_OK)
		status = ct_sink_add(&run->sink, result);
	if (run->settings->job.progress)
		fprintf(stderr, "colltune bench: %s %s, %s, round %u: %llu samples\n",
			ct_coll_name(result->test.coll), ct_size_text(result->bytes, size),
			ct_candidate_text(&result->candidate, name), result->round,
			(unsigned long long)result->summary.n);
	return status;
}

static bool is_done(void *arg, uint32_t round, const struct ct_candidate *c, const struct ct_test *t)
{
	const struct run *run = arg;

	(void)round; /* of this one call: always the first */
	return run->rank->store != NULL && ct_store_has(run->rank->store, run->round, c, t);
}

static ct_status one_round(struct run *run)
{
	const struct ct_bench_settings *s = run->settings;
	struct ct_rng rng = ct_rng_make(ct_rng_hash((uint64_t)s->job.seed, run->round));
	uint32_t order[TESTS] = { 0, 1, 2, 3, 4 };
	struct ct_test tests[TESTS];
	struct ct_measure_plan plan = {
		.candidates = run->candidates, .ncandidates = run->ncandidates,
		.tests = tests, .ntests = TESTS, .rounds = 1,
		.stop = { (uint64_t)s->iters, (uint64_t)(s->max_iters > s->iters ? s->max_iters : s->iters),
			s->budget, s->precision, (uint32_t)s->warmup, (uint32_t)s->check },
		.seed = ct_rng_hash((uint64_t)s->job.seed, 1000 + run->round),
		.done = is_done, .on_result = on_result, .arg = run,
	};

	ct_rng_shuffle(&rng, order, TESTS);
	for (int i = 0; i < TESTS; i++)
		tests[i] = run->tests[order[i]];
	return ct_measure_run(run->rank->session, &plan);
}

static ct_status open_outputs(struct run *run)
{
	const struct ct_bench_settings *s = run->settings;
	ct_status status = CT_OK;

	if (run->rank->world.rank == 0) {
		run->environment = ct_bench_environment(run->rank, s, "ladder");
		status = run->environment == NULL ? ct_fail(CT_NOMEM, "no memory for a record")
			: ct_sink_open(s->json, s->csv, run->environment, &run->sink);
	}
	status = ct_session_agree(run->rank->session, status);
	if (status == CT_OK)
		status = ct_job_store(run->rank, run->environment);
	if (status == CT_OK)
		status = ct_machines_store_own(run->rank);
	for (size_t i = 0; status == CT_OK && run->rank->store != NULL &&
		i < ct_store_count(run->rank->store); i++)
		keep(run, ct_store_result(run->rank->store, i));
	return status;
}

/* Everything before the first sample; collective. */
static ct_status prepare(struct run *run)
{
	struct ct_session *session = run->rank->session;
	ct_status status = ct_session_agree(session, choose_pairs(run));

	if (status == CT_OK)
		status = find_layers(run);
	if (status == CT_OK && run->ncandidates == 0)
		status = ct_fail(CT_UNSUPPORTED, "no layer can be measured here: %s",
			run->layer[CT_LAYER_NATIVE].why);
	if (status != CT_OK)
		return status;
	make_tests(run);
	status = ct_session_agree(session, make_rungs(run));
	if (status == CT_OK)
		status = open_outputs(run);
	if (status == CT_OK)
		status = ct_floors_measure(session, &run->floors);
	return status;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void print_head(const struct run *run)
{
	const struct ct_world *w = &run->rank->world;

	printf("# colltune %s bench ladder: %u ranks on %u host%s (%s%s)\n", ct_version(), w->nranks,
		w->nhosts, w->nhosts == 1 ? "" : "s", w->hosts[0].name, w->nhosts > 1 ? ", …" : "");
	printf("# pairs:");
	for (uint32_t r = 0; r < w->nranks; r++)
		if (run->partner[r] > r)
			printf(" %u-%u", r, run->partner[r]);
	printf("; seed %lld; %lld rounds with fresh connections, layers in turns\n",
		(long long)run->settings->job.seed, (long long)run->settings->rounds);
	printf("# loss: cost / cost of the rung below in the same round; unexplained: that less what the "
		"model expects;\n#   Hodges-Lehmann ratios with 95 %% intervals, p of Wilcoxon's signed "
		"ranks after Holm\n");
	if (w->oversubscribed)
		printf("# oversubscribed: more ranks than processors, so times tell about the scheduler "
			"too\n");
	if (run->settings->job.net_fault != NULL)
		printf("# FAULT INJECTED: %s; these are not results of this machine\n",
			run->settings->job.net_fault);
	fflush(stdout);
}

static ct_status show(struct run *run)
{
	struct ct_buf text = ct_buf_make(1 << 20);
	json_t *json = NULL;
	ct_status status;

	for (int kind = 0; kind < CT_LADDERS; kind++)
		ct_ladder_text(&run->climb[kind], kind, &text);
	status = ct_buf_status(&text);
	if (status == CT_OK)
		fputs(text.text, stdout);
	ct_buf_free(&text);
	if (status == CT_OK && run->rank->store != NULL) {
		json = ct_ladder_json(run->climb);
		status = json == NULL ? ct_fail(CT_NOMEM, "no memory for ladder.json") :
			ct_store_save(run->rank->store, "ladder.json", json);
		json_decref(json);
	}
	return status;
}

/* Where the loss lies is an answer, whatever it is; only doubt and wrong data are not. */
static int exit_of(const struct run *run)
{
	bool open = false;

	for (int kind = 0; kind < CT_LADDERS; kind++) {
		enum ct_ladder_end end = run->climb[kind].ladder.end;

		open |= end == CT_LADDER_OPEN || end == CT_LADDER_CROWDED;
	}
	return run->wrong > 0 ? CT_EXIT_FAIL : open ? CT_EXIT_INCONCLUSIVE : CT_EXIT_PASS;
}

static ct_status conclude(struct run *run, ct_status status, int *exit_code)
{
	ct_status mine = CT_OK;

	/* What was resumed is known to rank 0 alone, so it alone judges. */
	if (run->rank->world.rank != 0)
		return status;
	for (int kind = 0; kind < CT_LADDERS && mine == CT_OK; kind++)
		mine = ct_ladder_judge(&run->climb[kind].ladder);
	if (mine == CT_OK)
		mine = show(run);
	if (status != CT_OK)
		printf("# INCOMPLETE: the run ended before its last point\n");
	fflush(stdout);
	if (mine == CT_OK)
		mine = ct_sink_close(&run->sink);
	if (mine == CT_OK)
		*exit_code = exit_of(run);
	return status != CT_OK ? status : mine;
}

ct_status ct_ladder_job(struct ct_rank *rank, void *arg, int *exit_code)
{
	const struct ct_bench_settings *s = arg;
	struct run *run = ct_alloc(1, sizeof(*run));
	ct_status status = ct_session_agree(rank->session, run == NULL ? CT_NOMEM : CT_OK);

	if (run == NULL)
		return status;
	run->rank = rank;
	run->settings = s;
	if (status == CT_OK)
		status = prepare(run);
	if (status == CT_OK) {
		if (rank->world.rank == 0)
			print_head(run);
		for (run->round = 0; run->round < s->rounds && status == CT_OK; run->round++)
			status = one_round(run);
		status = conclude(run, status, exit_code);
	}
	for (int kind = 0; kind < CT_LADDERS; kind++)
		for (int i = 0; i < CT_LADDER_RUNGS; i++)
			ct_free(run->climb[kind].cost[i]);
	json_decref(run->environment);
	ct_free(run->partner);
	ct_free(run);
	return status;
}
