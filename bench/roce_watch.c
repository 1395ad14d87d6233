/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune roce watch: all ports of a job's hosts at an interval, no faster than counters are new. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "roce.h"
#include "watch.h"

enum { LOOK_MOST = 256 << 10, MODE = 0600, PIECE_NS = 100000000 };

/* What a host looks at; only its lowest rank has one. */
struct watcher {
	const struct ct_roce_settings *s;
	struct ct_port_poll *poll;
	size_t n;
	struct ct_netstats *stats; /* of each port, at its last fresh look */
	bool *seen;
	uint64_t ce;
};

/* Rank 0's. */
struct log {
	struct ct_rank *rank;
	FILE *file; /* watch.jsonl, or NULL */
	json_t *hosts;
};

/* ---- one host --------------------------------------------------------------------------------- */

static ct_status open_watcher(const struct ct_roce_settings *s, struct watcher *w)
{
	ct_status status;

	*w = (struct watcher){ .s = s };
	status = ct_port_poll_open(s->sysroot, s->interval / 2, &w->poll);
	if (status != CT_OK)
		return status;
	ct_port_poll_look(w->poll, ct_now_ns(), &w->n);
	w->stats = ct_alloc(w->n + 1, sizeof(*w->stats));
	w->seen = ct_alloc(w->n + 1, sizeof(*w->seen));
	if (w->stats == NULL || w->seen == NULL)
		return CT_NOMEM;
	(void)ct_ce_packets(s->sysroot, &w->ce);
	return CT_OK;
}

static void close_watcher(struct watcher *w)
{
	ct_port_poll_close(w->poll);
	ct_free(w->stats);
	ct_free(w->seen);
}

/* The keys of O that are lower bounds. Borrowed. */
static json_t *at_least(json_t *o)
{
	json_t *keys = json_object_get(o, "at_least");

	if (keys == NULL && json_object_set_new(o, "at_least", json_array()) == 0)
		keys = json_object_get(o, "at_least");
	return keys;
}

static void put_class(json_t *o, const char *key, const struct ct_counts *c, uint64_t mask)
{
	uint64_t sum = 0;

	if ((c->exposed & mask) == 0)
		return;
	for (unsigned int i = 0; i < CT_NCOUNTS; i++)
		if ((c->exposed & mask) >> i & 1)
			sum += c->value[i];
	json_object_set_new(o, key, json_integer((json_int_t)sum));
	/* set back meanwhile, or at its end: what was counted before nobody knows */
	if (((c->reset | c->saturated) & mask) != 0)
		json_array_append_new(at_least(o), json_string(key));
}

static void put_stat(json_t *o, const char *key, const struct ct_netstats *d, enum ct_netstat_id id,
	enum ct_netstat_id also)
{
	uint64_t sum, more;
	bool known = ct_netstat_sum(d, id, &sum);

	if (ct_netstat_sum(d, also, &more) || known)
		json_object_set_new(o, key, json_integer((json_int_t)(sum + more)));
}

/* The share of the time that the most paused priority was paused. */
static void put_share(json_t *o, const char *key, const struct ct_netstats *d, enum ct_netstat_id id,
	double seconds)
{
	uint64_t most = 0;

	if ((d->exposed >> id & 1) == 0)
		return;
	for (int i = 0; i < CT_PRIORITIES; i++)
		most = d->value[id][i] > most ? d->value[id][i] : most;
	json_object_set_new(o, key, json_real((double)most / 1e6 / seconds));
}

static void put_pause(struct watcher *w, size_t i, const struct ct_port_look *look, json_t *o)
{
	struct ct_netstats now, d;

	if (look->port->netdev[0] == '\0' || !ct_netstats_read(w->s->sysroot, look->port->netdev, &now))
		return;
	if (w->seen[i]) {
		ct_netstats_delta(&w->stats[i], &now, &d);
		put_share(o, "rx_pause_share", &d, CT_NETSTAT_RX_PAUSED_US, (double)look->elapsed_ns / 1e9);
		put_share(o, "tx_pause_share", &d, CT_NETSTAT_TX_PAUSED_US, (double)look->elapsed_ns / 1e9);
		put_stat(o, "rx_pause", &d, CT_NETSTAT_RX_PAUSE, CT_NETSTAT_GLOBAL_RX_PAUSE);
		put_stat(o, "tx_pause", &d, CT_NETSTAT_TX_PAUSE, CT_NETSTAT_GLOBAL_TX_PAUSE);
	}
	w->stats[i] = now;
	w->seen[i] = true;
}

static json_t *port_json(struct watcher *w, size_t i, const struct ct_port_look *look)
{
	bool rdma = (look->counts.exposed & ct_count_bit(CT_COUNT_TX_BYTES)) != 0;
	double tx = ct_port_look_rate(look, rdma ? CT_COUNT_TX_BYTES : CT_COUNT_NET_TX_BYTES);
	double rx = ct_port_look_rate(look, rdma ? CT_COUNT_RX_BYTES : CT_COUNT_NET_RX_BYTES);
	json_t *o = json_pack("{s:s, s:I, s:f}", "device", look->port->device, "port",
		(json_int_t)look->port->port, "seconds", (double)look->elapsed_ns / 1e9);

	if (o == NULL)
		return NULL;
	if (tx >= 0)
		json_object_set_new(o, "tx_Bps", json_real(tx));
	if (rx >= 0)
		json_object_set_new(o, "rx_Bps", json_real(rx));
	if (tx >= 0 || rx >= 0)
		json_object_set_new(o, "rate_of", json_string(rdma ? "RDMA" : "interface"));
	put_class(o, "marks", &look->counts, ct_count_mask(CT_COUNT_MARK));
	put_class(o, "cnps", &look->counts, ct_count_mask(CT_COUNT_CNP));
	put_class(o, "retransmissions", &look->counts, ct_count_mask(CT_COUNT_RETRANSMISSION));
	put_class(o, "drops", &look->counts, ct_count_mask(CT_COUNT_LOSS));
	put_pause(w, i, look, o);
	return o;
}

/* This host's part of a look, to be freed with free(); NULL without memory. */
static char *look_text(struct watcher *w)
{
	size_t n;
	const struct ct_port_look *looks = ct_port_poll_look(w->poll, ct_now_ns(), &n);
	json_t *ports = json_array(), *o;
	uint64_t ce;
	char *text;

	for (size_t i = 0; i < n; i++)
		if (looks[i].fresh)
			json_array_append_new(ports, port_json(w, i, &looks[i]));
	o = json_pack("{s:o}", "ports", ports);
	if (o != NULL && ct_ce_packets(w->s->sysroot, &ce)) {
		json_object_set_new(o, "ce_packets", json_integer((json_int_t)(ce >= w->ce ? ce - w->ce : ce)));
		w->ce = ce;
	}
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

/* ---- all hosts -------------------------------------------------------------------------------- */

static ct_status take(void *arg, uint32_t host, const char *text, size_t bytes)
{
	struct log *log = arg;
	const char *name = log->rank->world.hosts[host].name;
	json_t *one = NULL;

	if (text == NULL || ct_json_parse(text, bytes, name, &one) != CT_OK ||
		!json_is_array(json_object_get(one, "ports"))) {
		fprintf(stderr, "colltune roce: host %s did not tell of its ports this time\n", name);
		json_decref(one);
		return CT_OK;
	}
	json_object_set_new(one, "host", json_string(name));
	return json_array_append_new(log->hosts, one) == 0 ? CT_OK : CT_NOMEM;
}

static void print_look(const json_t *look)
{
	struct ct_buf out = ct_buf_make(1 << 20), origin = ct_buf_make(4096);
	const json_t *host, *port;
	size_t i, k;

	json_array_foreach(json_object_get(look, "hosts"), i, host) {
		json_array_foreach(json_object_get(host, "ports"), k, port) {
			ct_buf_add(&out, "%7.2f s ", json_number_value(json_object_get(look, "at_s")));
			ct_watch_port_text(host, port, &out);
			if (k == 0 && json_integer_value(json_object_get(host, "ce_packets")) > 0)
				ct_buf_add(&out, "  marked IP packets %lld",
					(long long)json_integer_value(json_object_get(host, "ce_packets")));
			ct_buf_add(&out, "\n");
		}
	}
	ct_watch_origin(look, &origin);
	if (origin.used > 0)
		ct_buf_add(&out, "%s\n", origin.text);
	if (out.text != NULL)
		fputs(out.text, stdout);
	fflush(stdout);
	ct_buf_free(&origin);
	ct_buf_free(&out);
}

static ct_status write_look(const struct ct_roce_settings *s, struct log *log, double at_s)
{
	json_t *look = json_pack("{s:s, s:f, s:O}", "kind", "look", "at_s", at_s, "hosts", log->hosts);
	struct ct_buf text = ct_buf_make(16 << 20);
	ct_status status = look != NULL ? CT_OK : ct_fail(CT_NOMEM, "no memory for a look at the ports");

	if (status == CT_OK)
		print_look(look);
	if (status == CT_OK && log->file != NULL)
		status = ct_json_line(log->file, look);
	if (status == CT_OK && s->json != NULL)
		status = ct_json_save(look, s->json, 0644);
	if (status == CT_OK && s->prometheus != NULL) {
		ct_watch_prometheus(look, &text);
		status = ct_file_save(s->prometheus, text.text != NULL ? text.text : "", text.used, 0644);
	}
	ct_buf_free(&text);
	json_decref(look);
	return status;
}

/* Collective. */
static ct_status look_once(struct log *log, struct watcher *w, double at_s)
{
	struct ct_rank *rank = log->rank;
	char *text = w != NULL ? look_text(w) : NULL;
	struct ct_gather all = { .what = "ports", .text = text, .bytes = text != NULL ? strlen(text) : 0,
		.limit = LOOK_MOST, .take = take, .arg = log };
	ct_status status;

	if (rank->world.rank == 0)
		json_array_clear(log->hosts);
	status = ct_session_gather(rank->session, &all);
	free(text);
	if (rank->world.rank == 0 && status == CT_OK)
		status = write_look(w->s, log, at_s);
	return ct_session_agree(rank->session, status);
}

/* Sleeps until UNTIL_NS; false: the job is to end. */
static bool sleep_until(const struct ct_rank *rank, uint64_t until_ns)
{
	uint64_t now;

	while ((now = ct_now_ns()) < until_ns && atomic_load(&rank->ending->signal) == 0) {
		uint64_t left = until_ns - now < PIECE_NS ? until_ns - now : PIECE_NS;
		struct timespec pause = { 0, (long)left };

		nanosleep(&pause, NULL);
	}
	return atomic_load(&rank->ending->signal) == 0;
}

/* Collective: is there a port anywhere? */
static ct_status any_port(struct ct_rank *rank, const struct watcher *w)
{
	int64_t n = w != NULL ? (int64_t)w->n : 0;
	ct_status status = ct_session_sum(rank->session, &n, 1);

	if (status == CT_OK && n == 0)
		status = ct_fail(CT_UNSUPPORTED, "no host of the job has an RDMA port to watch");
	return status;
}

static ct_status watch(struct log *log, struct watcher *w, const struct ct_roce_settings *s)
{
	struct ct_rank *rank = log->rank;
	uint64_t start = ct_now_ns();
	ct_status status = CT_OK;

	for (uint64_t k = 1; status == CT_OK && (s->duration == 0 || k * s->interval <= s->duration); k++) {
		int64_t ends;

		ct_session_idle(rank->session);
		ends = !sleep_until(rank, start + k * s->interval);
		ct_session_phase(rank->session, "look %llu", (unsigned long long)k);
		status = ct_session_max(rank->session, &ends, 1);
		if (status == CT_OK && ends != 0)
			break;
		if (status == CT_OK)
			status = look_once(log, w, (double)(ct_now_ns() - start) / 1e9);
	}
	return status;
}

static ct_status open_log(struct ct_rank *rank, const struct ct_roce_settings *s, struct log *log)
{
	json_t *echo = ct_options_echo(ct_roce_options, s);
	json_t *environment = ct_record_environment(rank->session, "roce", echo, NULL, 1);
	char path[4096];
	ct_status status = environment != NULL ? CT_OK : ct_fail(CT_NOMEM, "no memory for the environment");

	status = ct_session_agree(rank->session, status);
	if (status == CT_OK)
		status = ct_job_store(rank, environment);
	if (status == CT_OK && rank->world.rank == 0) {
		log->hosts = json_array();
		snprintf(path, sizeof(path), "%s/watch.jsonl", s->job.out != NULL ? s->job.out : "");
		if (s->job.out != NULL)
			status = ct_file_append(path, MODE, &log->file);
	}
	json_decref(environment);
	json_decref(echo);
	return ct_session_agree(rank->session, status);
}

ct_status ct_roce_watch(struct ct_rank *rank, void *arg, int *code)
{
	const struct ct_roce_settings *s = arg;
	struct log log = { .rank = rank };
	struct watcher own, *w = NULL;
	ct_status status = CT_OK;

	(void)code;
	if (rank->world.local_rank == 0) {
		status = open_watcher(s, &own);
		w = &own;
	}
	status = ct_session_agree(rank->session, status);
	if (status == CT_OK)
		status = any_port(rank, w);
	if (status == CT_OK)
		status = open_log(rank, s, &log);
	if (status == CT_OK)
		status = watch(&log, w, s);
	if (log.file != NULL)
		fclose(log.file);
	json_decref(log.hosts);
	if (w != NULL)
		close_watcher(w);
	return status;
}
