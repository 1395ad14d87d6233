/* SPDX-License-Identifier: BSD-3-Clause */
/* What a look at the ports says: lines, Prometheus' text, a picture with history. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"

enum { LOOKS = 64, LINE_MOST = 4 << 20, ROWS = 256, NAME = 160 };

static const struct {
	const char *key, *word;
	bool share;
} columns[] = {
	{ "rx_pause_share", "paused", true },  { "tx_pause_share", "pauses others", true },
	{ "rx_pause", "pause in", false },     { "tx_pause", "pause out", false },
	{ "marks", "marks", false },           { "cnps", "CNPs", false },
	{ "retransmissions", "again", false }, { "drops", "lost", false },
};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* NAN: not there. */
static double number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static const char *name_of(const json_t *host, const json_t *port, char out[NAME])
{
	const char *h = json_string_value(json_object_get(host, "host"));
	const char *d = json_string_value(json_object_get(port, "device"));
	char text[NAME];

	snprintf(text, sizeof(text), "%s %s:%.0f", h != NULL ? h : "?", d != NULL ? d : "?",
		fmax(number(port, "port"), 0));
	ct_text_clean(out, NAME, text);
	return out;
}

static void add_rate(struct ct_buf *out, const char *word, double Bps)
{
	char text[32];

	if (isnan(Bps))
		ct_buf_add(out, " %s -", word);
	else
		ct_buf_add(out, " %s %s", word, ct_rate_text(Bps, text));
}

/* Was a counter of KEY set back meanwhile? */
static bool is_least(const json_t *port, const char *key)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(port, "at_least"), i, row)
		if (json_is_string(row) && strcmp(json_string_value(row), key) == 0)
			return true;
	return false;
}

void ct_watch_port_text(const json_t *host, const json_t *port, struct ct_buf *out)
{
	char name[NAME];

	ct_buf_add(out, "%-28s", name_of(host, port, name));
	add_rate(out, "tx", number(port, "tx_Bps"));
	add_rate(out, "rx", number(port, "rx_Bps"));
	for (size_t i = 0; i < COLUMNS; i++) {
		double v = number(port, columns[i].key);

		if (isnan(v))
			ct_buf_add(out, "  %s -", columns[i].word);
		else if (columns[i].share)
			ct_buf_add(out, "  %s %.1f%%", columns[i].word, 100 * v);
		else
			ct_buf_add(out, "  %s %s%.0f", columns[i].word, is_least(port, columns[i].key) ? ">=" : "", v);
	}
}

void ct_watch_origin(const json_t *look, struct ct_buf *out)
{
	const json_t *host, *port;
	unsigned int origins = 0, paused = 0;
	char name[NAME];
	size_t i, k;

	json_array_foreach(json_object_get(look, "hosts"), i, host)
		json_array_foreach(json_object_get(host, "ports"), k, port) {
			double in = number(port, "rx_pause"), sent = number(port, "tx_pause");

			paused += in > 0;
			if (!(sent > 0) || in > 0)
				continue;
			ct_buf_add(out, "%s%s", origins++ > 0 ? ", " : "pause begins at ",
				name_of(host, port, name));
		}
	if (origins == 0 && paused > 0)
		ct_buf_add(out, "%u port%s paused by the network or by hosts outside of this job", paused,
			paused == 1 ? " is" : "s are");
}

/* ---- Prometheus ------------------------------------------------------------------------------- */

/* Text for a label: quotation marks, backslashes and what is not printable are left out. */
static void add_label(struct ct_buf *out, const char *key, const char *text)
{
	char clean[NAME], plain[NAME];
	size_t n = 0;

	ct_text_clean(clean, sizeof(clean), text != NULL ? text : "");
	for (const char *c = clean; *c != '\0'; c++)
		if (*c != '"' && *c != '\\' && *c != '\n')
			plain[n++] = *c;
	plain[n] = '\0';
	ct_buf_add(out, "%s=\"%s\"", key, plain);
}

static void add_metric(struct ct_buf *out, const json_t *look, const char *key)
{
	const json_t *host, *port;
	size_t i, k;
	bool head = false;

	json_array_foreach(json_object_get(look, "hosts"), i, host)
		json_array_foreach(json_object_get(host, "ports"), k, port) {
			double v = number(port, key);

			if (isnan(v))
				continue;
			if (!head)
				ct_buf_add(out, "# TYPE colltune_port_%s gauge\n", key);
			head = true;
			ct_buf_add(out, "colltune_port_%s{", key);
			add_label(out, "host", json_string_value(json_object_get(host, "host")));
			ct_buf_add(out, ",");
			add_label(out, "device", json_string_value(json_object_get(port, "device")));
			ct_buf_add(out, ",port=\"%.0f\"} %.9g\n", fmax(number(port, "port"), 0), v);
		}
}

void ct_watch_prometheus(const json_t *look, struct ct_buf *out)
{
	add_metric(out, look, "tx_Bps");
	add_metric(out, look, "rx_Bps");
	for (size_t i = 0; i < COLUMNS; i++)
		add_metric(out, look, columns[i].key);
}

/* ---- view ------------------------------------------------------------------------------------- */

struct ct_watch_view {
	FILE *file;
	char *text; /* getline's */
	size_t room;
	json_t *looks[LOOKS]; /* oldest first */
	size_t n;
	uint64_t unreadable;
};

ct_status ct_watch_view_open(const char *dir, struct ct_watch_view **view)
{
	char path[4096];
	struct ct_watch_view *v = ct_alloc(1, sizeof(*v));

	if (v == NULL)
		return CT_NOMEM;
	snprintf(path, sizeof(path), "%s/watch.jsonl", dir);
	v->file = fopen(path, "re");
	if (v->file == NULL) {
		ct_free(v);
		return ct_fail(CT_NOTFOUND, "%s: %s", path, strerror(errno));
	}
	*view = v;
	return CT_OK;
}

void ct_watch_view_close(struct ct_watch_view *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < v->n; i++)
		json_decref(v->looks[i]);
	fclose(v->file);
	free(v->text);
	ct_free(v);
}

static void keep(struct ct_watch_view *v, json_t *look)
{
	if (v->n == LOOKS) {
		json_decref(v->looks[0]);
		memmove(v->looks, v->looks + 1, (LOOKS - 1) * sizeof(v->looks[0]));
		v->n--;
	}
	v->looks[v->n++] = look;
}

/* Whole new lines. */
static void follow(struct ct_watch_view *v)
{
	while (true) {
		long at = ftell(v->file);
		ssize_t length = getline(&v->text, &v->room, v->file);
		json_t *look = NULL;

		if (length <= 0)
			break;
		if (v->text[length - 1] != '\n') {
			(void)fseek(v->file, at, SEEK_SET);
			break;
		}
		if (length <= LINE_MOST && ct_json_parse(v->text, (size_t)length - 1, "watch.jsonl",
			&look) == CT_OK && json_is_array(json_object_get(look, "hosts"))) {
			keep(v, look);
		} else {
			json_decref(look);
			v->unreadable++;
		}
	}
	clearerr(v->file);
}

/* The same port of an earlier look, or NULL. */
static const json_t *port_in(const json_t *look, size_t host, size_t port)
{
	return json_array_get(json_object_get(json_array_get(json_object_get(look, "hosts"), host), "ports"),
		port);
}

/* The history of KEY as blocks of eight heights, the highest of them all full; absent: a dot. */
static void add_spark(const struct ct_watch_view *v, size_t host, size_t port, const char *key,
	struct ct_buf *out)
{
	static const char *const blocks[] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586",
		"\u2587", "\u2588" };
	double most = 0;

	for (size_t i = 0; i < v->n; i++)
		most = fmax(most, number(port_in(v->looks[i], host, port), key));
	for (size_t i = 0; i < v->n; i++) {
		double value = number(port_in(v->looks[i], host, port), key);

		if (isnan(value))
			ct_buf_add(out, ".");
		else
			ct_buf_add(out, "%s", blocks[most > 0 ? (int)fmin(7, 7 * fmax(value, 0) / most) : 0]);
	}
}

void ct_watch_view_show(struct ct_watch_view *v, struct ct_buf *out)
{
	const json_t *last, *host, *port;
	size_t i, k, rows = 0;

	follow(v);
	if (v->unreadable > 0)
		ct_buf_add(out, "%llu lines could not be read\n", (unsigned long long)v->unreadable);
	if (v->n == 0)
		return;
	last = v->looks[v->n - 1];
	ct_buf_add(out, "at %.1f s; the last %zu looks, each history to its own highest\n",
		fmax(number(last, "at_s"), 0), v->n);
	json_array_foreach(json_object_get(last, "hosts"), i, host)
		json_array_foreach(json_object_get(host, "ports"), k, port) {
			if (rows++ >= ROWS)
				continue;
			ct_watch_port_text(host, port, out);
			ct_buf_add(out, "\n    tx ");
			add_spark(v, i, k, "tx_Bps", out);
			ct_buf_add(out, "  again ");
			add_spark(v, i, k, "retransmissions", out);
			ct_buf_add(out, "  paused ");
			add_spark(v, i, k, "rx_pause_share", out);
			ct_buf_add(out, "\n");
		}
	if (rows > ROWS)
		ct_buf_add(out, "and %zu more ports\n", rows - ROWS);
	ct_watch_origin(last, out);
	ct_buf_add(out, "\n");
}
