/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune roce congest: patterns in rounds, what flows get and what a victim pays; before and after. */
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "compare.h"
#include "congest.h"
#include "roce.h"

enum { PING_BYTES = 64, ROUNDS_KEPT = 1000 };

/* What all rounds of one pattern gave, on rank 0. */
struct sums {
	double goodput[ROUNDS_KEPT], jain[ROUNDS_KEPT], low[ROUNDS_KEPT], high[ROUNDS_KEPT];
	double p50[ROUNDS_KEPT], p99[ROUNDS_KEPT]; /* the victim's round trip; NAN without one */
	double mean[ROUNDS_KEPT];
	double background[ROUNDS_KEPT];
	double *rate; /* of each round, flow and half of the span: see ct_congest_spread() */
	size_t n;
	struct ct_port_counts ports;
	uint64_t pause[2]; /* received, sent */
	bool pause_known;
};

struct congest {
	struct ct_rank *rank;
	const struct ct_roce_settings *s;
	struct ct_congest_pattern patterns[CT_CONGEST_KINDS];
	struct sums *with;  /* of each pattern */
	struct sums *alone; /* the victim alone */
	size_t n;
	struct ct_congest_pattern beside; /* of the background; no flows: there is none */
	struct ct_net *other;             /* its transport in this round */
	struct ct_ports *ports; /* on a host's lowest rank */
	struct ct_port_sample *before;
	struct ct_netstats *stats;
	char path[160];
};

/* ---- counters --------------------------------------------------------------------------------- */

static void counters_before(struct congest *c)
{
	size_t n;
	const struct ct_port *list;

	if (c->ports == NULL)
		return;
	list = ct_ports_list(c->ports, &n);
	for (size_t i = 0; i < n; i++) {
		ct_ports_read(c->ports, i, &c->before[i]);
		ct_netstats_read(NULL, list[i].netdev, &c->stats[i]);
	}
}

/* Collective: what was counted since, of all hosts, into SUMS and *NOW. */
static ct_status counters_after(struct congest *c, struct sums *sums, struct ct_port_counts *now)
{
	int64_t values[CT_NCOUNTS + 3] = { 0 }, exposed[CT_NCOUNTS + 1] = { 0 };
	size_t n = 0;
	const struct ct_port *list = c->ports != NULL ? ct_ports_list(c->ports, &n) : NULL;
	ct_status status;

	for (size_t i = 0; i < n; i++) {
		struct ct_port_sample after;
		struct ct_counts d;
		struct ct_netstats stats, change;
		uint64_t in, sent;

		ct_ports_read(c->ports, i, &after);
		ct_port_delta(&list[i], &c->before[i], &after, &d);
		for (int k = 0; k < CT_NCOUNTS; k++) {
			values[k] += (int64_t)d.value[k];
			exposed[k] |= d.exposed >> k & 1;
		}
		values[CT_NCOUNTS] += list[i].active;
		ct_netstats_read(NULL, list[i].netdev, &stats);
		ct_netstats_delta(&c->stats[i], &stats, &change);
		exposed[CT_NCOUNTS] |= ct_netstat_sum(&change, CT_NETSTAT_RX_PAUSE, &in);
		ct_netstat_sum(&change, CT_NETSTAT_TX_PAUSE, &sent);
		values[CT_NCOUNTS + 1] += (int64_t)in;
		values[CT_NCOUNTS + 2] += (int64_t)sent;
	}
	status = ct_session_sum(c->rank->session, values, CT_NCOUNTS + 3);
	if (status == CT_OK)
		status = ct_session_max(c->rank->session, exposed, CT_NCOUNTS + 1);
	*now = (struct ct_port_counts){ .known = values[CT_NCOUNTS] > 0,
		.active = (uint32_t)values[CT_NCOUNTS], .used = (uint32_t)values[CT_NCOUNTS] };
	for (int k = 0; k < CT_NCOUNTS; k++) {
		now->sum.value[k] = (uint64_t)values[k];
		now->sum.exposed |= (uint64_t)exposed[k] << k;
	}
	sums->ports.known = now->known;
	ct_counts_add(&sums->ports.sum, &now->sum);
	sums->pause_known = exposed[CT_NCOUNTS] != 0;
	sums->pause[0] += (uint64_t)values[CT_NCOUNTS + 1];
	sums->pause[1] += (uint64_t)values[CT_NCOUNTS + 2];
	return status;
}

/* ---- one round of one pattern ----------------------------------------------------------------- */

static ct_status record(struct congest *c, const char *algo, ct_coll coll, uint32_t round,
	uint64_t bytes, uint64_t *samples, size_t n, const struct ct_port_counts *ports)
{
	struct ct_result r = { .test = { .coll = coll, .type = CT_FLOAT, .op = CT_SUM, .bytes = bytes },
		.round = round, .nranks = c->rank->world.nranks, .pairs = 1, .bytes = bytes,
		.count = bytes / 4, .inner = coll == CT_P2P_LATENCY ? 2 : 1, .samples_ns = samples,
		.oversubscribed = c->rank->world.oversubscribed, .ports = *ports };
	uint64_t *sorted;

	if (c->rank->store == NULL || n == 0)
		return CT_OK;
	snprintf(r.candidate.backend, sizeof(r.candidate.backend), "congest");
	snprintf(r.candidate.net, sizeof(r.candidate.net), "%s", c->s->job.net);
	snprintf(r.candidate.algo, sizeof(r.candidate.algo), "%s", algo);
	snprintf(r.path, sizeof(r.path), "%s", c->path);
	sorted = ct_alloc(n, sizeof(*sorted));
	if (sorted == NULL)
		return CT_NOMEM;
	memcpy(sorted, samples, n * sizeof(*sorted));
	r.summary = ct_summarize(sorted, n);
	ct_free(sorted);
	r.first_ns = samples[0];
	if (r.summary.median > 0)
		r.algbw_Bps = r.busbw_Bps = (double)bytes * 1e9 / (double)r.summary.median;
	return ct_store_point(c->rank->store, &r);
}

/* Collective: rank 0 gets the victim's round trips. *N of them. */
static ct_status fetch_pings(struct congest *c, struct ct_congest_run *run, size_t *n)
{
	int64_t count = (int64_t)run->npings;
	ct_status status = ct_session_max(c->rank->session, &count, 1);

	for (size_t i = run->npings; i < (size_t)count; i++)
		run->ping_ns[i] = 0;
	if (status == CT_OK && count > 0)
		status = ct_session_max(c->rank->session, (int64_t *)run->ping_ns, (size_t)count);
	*n = (size_t)count;
	return status;
}

/* Rank 0: what the victim had, into SUMS, and its record. */
static ct_status note_victim(struct congest *c, const char *algo, uint32_t round,
	const struct ct_congest_run *run, size_t n, struct sums *sums, const struct ct_port_counts *ports)
{
	uint64_t *half = ct_alloc(n + 1, sizeof(*half));
	struct ct_summary all;
	ct_status status;

	if (half == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < n; i++)
		half[i] = run->ping_ns[i] / 2; /* one way, as point-to-point latency is told */
	status = record(c, algo, CT_P2P_LATENCY, round, PING_BYTES, half, n, ports);
	all = ct_summarize(half, n);
	sums->p50[sums->n] = n > 0 ? (double)all.p50 : NAN;
	sums->p99[sums->n] = n > 0 ? (double)all.p99 : NAN;
	sums->mean[sums->n] = n > 0 ? all.mean : NAN;
	ct_free(half);
	return status;
}

/* Rank 0: a record of LOAD's flows under the name ALGO, and their goodput. */
static ct_status record_load(struct congest *c, const char *algo, uint32_t round,
	const struct ct_congest_load *load, const struct ct_port_counts *ports, double *goodput)
{
	size_t n = load->pattern->n;
	uint64_t *per_message = ct_alloc(n, sizeof(*per_message));
	ct_status status;

	if (per_message == NULL)
		return CT_NOMEM;
	*goodput = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t messages = load->came[i] / load->bytes;

		per_message[i] = c->s->span / (messages > 0 ? messages : 1);
		*goodput += (double)load->came[i] * 1e9 / (double)c->s->span;
	}
	status = record(c, algo, CT_P2P_ONEWAY, round, load->bytes, per_message, n, ports);
	ct_free(per_message);
	return status;
}

/* Rank 0: what the flows had. */
static ct_status note_flows(struct congest *c, uint32_t round, const struct ct_congest_run *run,
	struct sums *sums, const struct ct_port_counts *ports)
{
	const struct ct_congest_load *load = &run->load;
	const struct ct_congest_pattern *p = load->pattern;
	double *rate = ct_alloc(p->n, sizeof(*rate));
	size_t k = sums->n;
	char algo[40];
	ct_status status;

	if (rate == NULL)
		return CT_NOMEM;
	sums->low[k] = INFINITY;
	sums->high[k] = 0;
	for (size_t i = 0; i < p->n; i++) {
		double *half = sums->rate + (k * p->n + i) * 2;

		rate[i] = (double)load->came[i] * 1e9 / (double)c->s->span;
		half[0] = (double)load->first[i];
		half[1] = (double)(load->came[i] - load->first[i]);
		sums->low[k] = fmin(sums->low[k], rate[i]);
		sums->high[k] = fmax(sums->high[k], rate[i]);
	}
	sums->jain[k] = ct_jain(rate, p->n);
	ct_free(rate);
	status = record_load(c, p->name, round, load, ports, &sums->goodput[k]);
	snprintf(algo, sizeof(algo), "%.20s-background", p->name);
	if (status == CT_OK && run->background != NULL)
		status = record_load(c, algo, round, run->background, ports, &sums->background[k]);
	return status;
}

/* Collective: what came to all ranks. */
static ct_status sum_load(struct congest *c, const struct ct_congest_load *load)
{
	ct_status status = ct_session_sum(c->rank->session, (int64_t *)load->came, load->pattern->n);

	if (status == CT_OK && load->first != NULL)
		status = ct_session_sum(c->rank->session, (int64_t *)load->first, load->pattern->n);
	return status;
}

static bool loads_made(const struct ct_congest_run *run, const struct ct_congest_load *background)
{
	return run->load.came != NULL && run->load.first != NULL && run->ping_ns != NULL &&
		(background->pattern->n == 0 || background->came != NULL);
}

/* Collective: the flows, what was counted meanwhile, and what came to all ranks. */
static ct_status run_flows(struct congest *c, struct ct_congest_run *run, struct sums *sums,
	struct ct_port_counts *ports)
{
	ct_status status;

	counters_before(c);
	status = ct_congest_run(run);
	if (status == CT_OK)
		status = counters_after(c, sums, ports);
	if (status == CT_OK)
		status = sum_load(c, &run->load);
	if (status == CT_OK && run->background != NULL)
		status = sum_load(c, run->background);
	return status;
}

static ct_status run_pattern(struct congest *c, struct ct_net *net, size_t i, bool silent, uint32_t round)
{
	const struct ct_congest_pattern *p = &c->patterns[i];
	struct sums *sums = silent ? &c->alone[i] : &c->with[i];
	struct ct_congest_load background = { .net = c->other, .pattern = &c->beside,
		.bytes = c->s->background_size };
	struct ct_congest_run run = { .load = { .net = net, .pattern = p, .bytes = c->s->size },
		.silent = silent, .background = c->other != NULL && !silent ? &background : NULL,
		.window = (uint64_t)c->s->window_messages, .span_ns = c->s->span };
	struct ct_port_counts ports;
	char algo[40];
	size_t npings = 0;
	ct_status status;

	run.load.came = ct_alloc(p->n, sizeof(*run.load.came));
	run.load.first = ct_alloc(p->n, sizeof(*run.load.first));
	background.came = ct_alloc(c->beside.n + 1, sizeof(*background.came));
	run.ping_ns = ct_alloc(CT_CONGEST_PINGS, sizeof(*run.ping_ns));
	status = ct_session_agree(c->rank->session, loads_made(&run, &background) ? CT_OK : CT_NOMEM);
	ct_session_phase(c->rank->session, "%s%s, round %u", p->name, silent ? ", victim alone" : "", round);
	if (status == CT_OK)
		status = run_flows(c, &run, sums, &ports);
	if (status == CT_OK)
		status = fetch_pings(c, &run, &npings);
	if (status == CT_OK && c->rank->world.rank == 0) {
		snprintf(algo, sizeof(algo), "%.20s-victim%s", p->name, silent ? "-alone" : "");
		status = note_victim(c, algo, round, &run, npings, sums, &ports);
		if (status == CT_OK && !silent)
			status = note_flows(c, round, &run, sums, &ports);
		sums->n++;
	}
	ct_free(run.load.came);
	ct_free(run.load.first);
	ct_free(background.came);
	ct_free(run.ping_ns);
	return ct_session_agree(c->rank->session, status);
}

/* Collective: the transport of this round, or, BACKGROUND, that of the flows beside it. */
static ct_status open_net(struct congest *c, uint32_t round, bool background, struct ct_net *net)
{
	const struct ct_job_settings *job = &c->s->job;
	struct ct_net_settings rows = job->net_rows;

	if (rows.verbs.flow_seed != 0)
		rows.verbs.flow_seed += (int64_t)round;
	if (background)
		rows.verbs.tc = c->s->background_tc;
	ct_session_phase(c->rank->session, "connecting%s, round %u", background ? " the background" : "", round);
	return ct_net_open(job->net, &c->rank->world, &rows, NULL, ct_deadline_in(job->timeout), net);
}

static ct_status run_round(struct congest *c, uint32_t round)
{
	struct ct_net net, other;
	ct_status status = open_net(c, round, false, &net);

	if (status != CT_OK)
		return status;
	snprintf(c->path, sizeof(c->path), "%s", net.caps.path);
	c->other = NULL;
	if (c->beside.n > 0) {
		status = open_net(c, round, true, &other);
		c->other = &other;
	}
	for (size_t i = 0; i < c->n && status == CT_OK; i++) {
		if (c->patterns[i].victim)
			status = run_pattern(c, &net, i, true, round);
		if (status == CT_OK)
			status = run_pattern(c, &net, i, false, round);
	}
	/* A transport in trouble may still write into what a message named. */
	if (status == CT_OK)
		status = ct_session_barrier(c->rank->session);
	if (status == CT_OK && c->other != NULL)
		ct_net_close(&other);
	if (status == CT_OK)
		ct_net_close(&net);
	return status;
}

/* ---- in words --------------------------------------------------------------------------------- */

static double median(const double *v, size_t n)
{
	double sorted[ROUNDS_KEPT];

	memcpy(sorted, v, n * sizeof(*v));
	for (size_t i = 1; i < n; i++) {
		double x = sorted[i];
		size_t k = i;

		for (; k > 0 && sorted[k - 1] > x; k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = x;
	}
	return n == 0 ? NAN : n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void show_victim(const struct sums *alone, const struct sums *with, struct ct_buf *out)
{
	double a50 = median(alone->p50, alone->n), a99 = median(alone->p99, alone->n);
	double b50 = median(with->p50, with->n), b99 = median(with->p99, with->n);
	double impact = median(with->mean, with->n) / median(alone->mean, alone->n);

	if (isnan(b50) || isnan(a50)) {
		ct_buf_add(out, "  victim: it got no message through\n");
		return;
	}
	ct_buf_add(out, "  victim, 64 B one way: p50 %.1f us alone, %.1f us beside it, %.2f times; p99 %.1f us, "
		"%.1f us, %.2f times\n  congestion impact (mean beside it / mean alone): %.2f\n", a50 / 1e3,
		b50 / 1e3, b50 / a50, a99 / 1e3, b99 / 1e3, b99 / a99, impact);
}

static void show_background(const struct congest *c, const struct sums *s, struct ct_buf *out)
{
	char size[32], total[32];

	ct_buf_add(out, "  beside a background of %zu flows, messages of %s in traffic class %lld (DSCP %lld): "
		"goodput %s\n", c->beside.n, ct_size_text(c->s->background_size, size),
		(long long)c->s->background_tc, (long long)c->s->background_tc / 4,
		ct_rate_text(median(s->background, s->n), total));
}

/* Whether flows of a permutation met on a cable: they have new connections in each round. */
static void show_spread(const struct sums *s, size_t flows, struct ct_buf *out)
{
	struct ct_congest_spread spread;
	struct ct_buf line = ct_buf_make(1024);

	ct_congest_spread(s->rate, s->n, flows, &spread);
	if (!spread.judged) {
		ct_buf_add(out, "  flows over rounds: not judged, needed are %d rounds and %d flows\n",
			CT_SPREAD_ROUNDS, CT_SPREAD_FLOWS);
		return;
	}
	ct_buf_add(&line, "of %zu (flow, round) pairs %zu had less than 2/3 of the flow's good rounds throughout, "
		"worst %.2f, best %.2f (p = %.2g): %s", spread.cells, spread.slow, spread.worst, spread.best,
		spread.p, spread.p < 0.01 ? "as when a hash puts several flows on one cable; more queue pairs "
		"(--qps) or other source ports spread them (colltune roce check --explain flow-collision)" :
		"no sign that flows met on a cable");
	ct_buf_wrapped(out, "  flows over rounds with new connections: ", line.text != NULL ? line.text : "");
	ct_buf_free(&line);
}

static void show_pattern(const struct congest *c, size_t i, struct ct_buf *out)
{
	const struct ct_congest_pattern *p = &c->patterns[i];
	const struct sums *s = &c->with[i];
	char total[32], low[32], high[32];
	struct ct_buf counts = ct_buf_make(4096);

	ct_buf_add(out, "%s, %zu flow%s: goodput %s, slowest flow %s, fastest %s; Jain's fairness %.4f\n",
		p->name, p->n, p->n == 1 ? "" : "s", ct_rate_text(median(s->goodput, s->n), total),
		ct_rate_text(median(s->low, s->n), low), ct_rate_text(median(s->high, s->n), high),
		median(s->jain, s->n));
	if (p->victim)
		show_victim(&c->alone[i], s, out);
	if (c->beside.n > 0)
		show_background(c, s, out);
	if (strcmp(p->name, ct_congest_name(CT_CONGEST_PERMUTATION)) == 0)
		show_spread(s, p->n, out);
	if (s->ports.known)
		ct_counts_text(&s->ports.sum, &counts);
	if (counts.used > 0)
		ct_buf_wrapped(out, "  RDMA ports: ", counts.text);
	if (s->pause_known)
		ct_buf_add(out, "  pause frames received %llu, sent %llu\n", (unsigned long long)s->pause[0],
			(unsigned long long)s->pause[1]);
	ct_buf_free(&counts);
}

static void show(const struct congest *c)
{
	const struct ct_world *w = &c->rank->world;
	struct ct_buf out = ct_buf_make(1 << 20);
	char size[32], span[32];

	ct_buf_add(&out, "%u ranks on %u host%s over %s: %s; messages of %s, %lld in flight; %lld rounds of "
		"%s, medians of rounds\n", w->nranks, w->nhosts, w->nhosts == 1 ? "" : "s", c->s->job.net,
		c->path, ct_size_text(c->s->size, size), (long long)c->s->window_messages,
		(long long)c->s->rounds, ct_time_text(c->s->span, span));
	if (w->nhosts == 1)
		ct_buf_add(&out, "one host: no switch and no cable is loaded; this says nothing about a fabric\n");
	if (w->oversubscribed)
		ct_buf_add(&out, "oversubscribed: more ranks than processors; times tell about the scheduler\n");
	for (size_t i = 0; i < c->n; i++)
		show_pattern(c, i, &out);
	if (out.text != NULL)
		fputs(out.text, stdout);
	fflush(stdout);
	ct_buf_free(&out);
}

/* ---- before and after ------------------------------------------------------------------------- */

static ct_status write_note(const struct ct_roce_settings *s)
{
	char path[4096], at[21], by[64] = "unknown", text[1024];
	const struct passwd *user = getpwuid(getuid());
	FILE *file = NULL;
	json_t *line;
	ct_status status;

	if (s->note == NULL)
		return CT_OK;
	if (user != NULL)
		ct_text_clean(by, sizeof(by), user->pw_name);
	ct_text_clean(text, sizeof(text), s->note);
	ct_clock_utc(at);
	snprintf(path, sizeof(path), "%s/notes.jsonl", s->job.out);
	line = json_pack("{s:s, s:s, s:s, s:s*}", "at", at, "by", by, "note", text, "baseline", s->baseline);
	status = line != NULL ? ct_file_append(path, 0600, &file) : CT_NOMEM;
	if (status == CT_OK) {
		status = ct_json_line(file, line);
		fclose(file);
	}
	json_decref(line);
	return status;
}

static ct_status compare(const struct congest *c, int *code)
{
	if (c->s->baseline == NULL)
		return CT_OK;
	return ct_compare_directories(c->s->baseline, c->s->job.out, c->s->json, code);
}

/* ---- the command ------------------------------------------------------------------------------ */

static ct_status choose(struct congest *c)
{
	const char *list = c->s->pattern, *names[CT_CONGEST_KINDS + 1] = { NULL };
	char word[32], hint[256];
	ct_status status = CT_OK;

	for (int k = 0; k < CT_CONGEST_KINDS; k++)
		names[k] = ct_congest_name((enum ct_congest_kind)k);
	while (*list != '\0' && status == CT_OK) {
		size_t length = strcspn(list, ",");
		int kind = 0;

		snprintf(word, sizeof(word), "%.*s", (int)(length < 31 ? length : 31), list);
		while (kind < CT_CONGEST_KINDS && strcmp(word, names[kind]) != 0)
			kind++;
		if (kind == CT_CONGEST_KINDS)
			return ct_fail(CT_INVALID, "--pattern %s: not known%s", word,
				ct_name_hint(word, names, hint));
		if (c->n == CT_CONGEST_KINDS)
			return ct_fail(CT_INVALID, "--pattern: more than %d", CT_CONGEST_KINDS);
		status = ct_congest_make((enum ct_congest_kind)kind, c->rank->world.nranks,
			(uint32_t)c->s->fan_in, &c->patterns[c->n]);
		c->n += status == CT_OK;
		list += length + (list[length] == ',');
	}
	return status == CT_OK && c->n == 0 ? ct_fail(CT_INVALID, "--pattern names none") : status;
}

/* The settings belong together, and the hosts may be loaded. */
static ct_status check(struct congest *c)
{
	ct_status status = choose(c);

	if (status == CT_OK)
		status = ct_congest_allowed(&c->rank->world, c->s->load_fabric, c->s->span,
			(uint32_t)c->s->rounds);
	if (status == CT_OK && (c->s->size % 16 != 0 || c->s->background_size % 16 != 0))
		status = ct_fail(CT_INVALID, "%s: not a multiple of 16 bytes", c->s->size % 16 != 0 ? "--size" :
			"--background-size");
	if (status == CT_OK && c->s->background_tc >= 0 && !ct_net_is(c->s->job.net, "verbs"))
		status = ct_fail(CT_INVALID, "--background-tc needs --net verbs: \"%s\" has no traffic class",
			c->s->job.net);
	if (status == CT_OK && c->s->job.out == NULL && (c->s->baseline != NULL || c->s->note != NULL))
		status = ct_fail(CT_INVALID, "--baseline and --note need --out, where this run is kept");
	return status;
}

/* Rank 0 keeps the rates of all rounds. */
static ct_status keep_rates(struct congest *c)
{
	for (size_t i = 0; i < c->n && c->rank->world.rank == 0; i++) {
		c->with[i].rate = ct_alloc((size_t)c->s->rounds * c->patterns[i].n, 2 * sizeof(double));
		if (c->with[i].rate == NULL)
			return CT_NOMEM;
	}
	return CT_OK;
}

static ct_status prepare(struct congest *c)
{
	size_t n = 0;
	ct_status status = check(c);

	if (status == CT_OK && c->s->background_tc >= 0)
		status = ct_congest_make(CT_CONGEST_PERMUTATION, c->rank->world.nranks, 0, &c->beside);

	c->with = ct_alloc(CT_CONGEST_KINDS, sizeof(*c->with));
	c->alone = ct_alloc(CT_CONGEST_KINDS, sizeof(*c->alone));
	if (status == CT_OK && c->rank->world.local_rank == 0 && ct_ports_open(NULL, &c->ports) == CT_OK)
		ct_ports_list(c->ports, &n);
	c->before = ct_alloc(n + 1, sizeof(*c->before));
	c->stats = ct_alloc(n + 1, sizeof(*c->stats));
	if (status == CT_OK && (c->with == NULL || c->alone == NULL || c->before == NULL || c->stats == NULL))
		status = CT_NOMEM;
	return status == CT_OK ? keep_rates(c) : status;
}

static ct_status open_store(struct congest *c)
{
	json_t *echo = ct_options_echo(ct_roce_options, c->s);
	json_t *environment = ct_record_environment(c->rank->session, "roce", echo, NULL, 1);
	ct_status status = ct_session_agree(c->rank->session, environment != NULL ? CT_OK :
		ct_fail(CT_NOMEM, "no memory for the environment"));

	if (status == CT_OK)
		status = ct_job_store(c->rank, environment);
	if (status == CT_OK)
		status = ct_session_agree(c->rank->session, c->rank->store != NULL ? write_note(c->s) : CT_OK);
	json_decref(environment);
	json_decref(echo);
	return status;
}

ct_status ct_roce_congest(struct ct_rank *rank, void *arg, int *code)
{
	struct congest c = { .rank = rank, .s = arg };
	ct_status status = ct_job_alike(rank, ct_roce_options, arg, "congest");

	if (status == CT_OK)
		status = ct_session_agree(rank->session, prepare(&c));
	if (status == CT_OK)
		status = open_store(&c);
	for (uint32_t round = 0; status == CT_OK && round < (uint32_t)c.s->rounds; round++)
		status = run_round(&c, round);
	if (status == CT_OK && rank->world.rank == 0) {
		show(&c);
		status = compare(&c, code);
	}
	for (size_t i = 0; i < c.n; i++) {
		ct_free(c.patterns[i].flows);
		ct_free(c.with != NULL ? c.with[i].rate : NULL);
	}
	ct_free(c.beside.flows);
	ct_ports_close(c.ports);
	ct_free(c.before);
	ct_free(c.stats);
	ct_free(c.with);
	ct_free(c.alone);
	return ct_session_agree(rank->session, status);
}
