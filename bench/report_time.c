/* SPDX-License-Identifier: BSD-3-Clause */
/* What a report shows over time: the soak's two series, and counters in the order of the records. */
#include <stdio.h>
#include <string.h>

#include "report_html.h"
#include "report_time.h"

/* Columns: what the kernel counted, then what the RDMA ports did. */
enum { RETRANSMITS, FORCED, FAULTS, PORTS, COLUMNS = PORTS + CT_NCOUNTS };

struct step {
	double end_s, operations, value[COLUMNS];
};

struct ct_track {
	struct step step[CT_TRACK_STEPS];
	size_t n, every, in_last; /* records of a step; in the last one */
	double s;
	bool shown[COLUMNS]; /* some record tells it */
};

struct ct_track *ct_track_open(void)
{
	struct ct_track *t = ct_alloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->every = 1;
	t->shown[RETRANSMITS] = t->shown[FORCED] = t->shown[FAULTS] = true;
	return t;
}

void ct_track_close(struct ct_track *track)
{
	ct_free(track);
}

static void join(struct step *into, const struct step *more)
{
	into->end_s = more->end_s;
	into->operations += more->operations;
	for (int i = 0; i < COLUMNS; i++)
		into->value[i] += more->value[i];
}

/* Full: two steps become one. */
static void halve(struct ct_track *t)
{
	for (size_t i = 0; i < t->n / 2; i++) {
		t->step[i] = t->step[2 * i];
		join(&t->step[i], &t->step[2 * i + 1]);
	}
	t->n /= 2;
	t->every *= 2;
	t->in_last = t->every;
}

void ct_track_add(struct ct_track *t, const struct ct_result *r)
{
	struct step one = { .operations = (double)r->summary.n * (double)r->inner };

	if (r->status != CT_OK || r->summary.n == 0)
		return;
	t->s += r->summary.mean * one.operations / 1e9;
	one.end_s = t->s;
	one.value[RETRANSMITS] = (double)r->counters.retransmits;
	one.value[FORCED] = (double)r->counters.forced_switches;
	one.value[FAULTS] = (double)r->counters.page_faults;
	for (int i = 0; r->ports.known && i < CT_NCOUNTS; i++) {
		if (!(r->ports.sum.exposed & ct_count_bit((enum ct_count_id)i)) ||
		    ct_count((enum ct_count_id)i)->class == CT_COUNT_TRAFFIC)
			continue;
		t->shown[PORTS + i] = true;
		one.value[PORTS + i] = (double)r->ports.sum.value[i];
	}
	if (t->n > 0 && t->in_last < t->every) {
		join(&t->step[t->n - 1], &one);
		t->in_last++;
		return;
	}
	if (t->n == CT_TRACK_STEPS)
		halve(t);
	t->step[t->n++] = one;
	t->in_last = 1;
}

/* ---- to JSON --------------------------------------------------------------------------------- */

static const char *column_name(int i)
{
	static const char *const own[] = { "TCP retransmits", "forced context switches", "page faults" };

	return i < PORTS ? own[i] : ct_count((enum ct_count_id)(i - PORTS))->name;
}

static bool put(json_t *points, double t, double y)
{
	return json_array_append_new(points, json_pack("{s:f, s:f}", "t", t, "y", y)) == 0;
}

/* NULL = no memory. POINTS is taken. */
static json_t *line_json(const char *name, json_t *points)
{
	return points != NULL ? json_pack("{s:s, s:o}", "name", name, "points", points) : NULL;
}

static json_t *column_json(const struct ct_track *t, int column)
{
	json_t *points = json_array();

	for (size_t i = 0; i < t->n && points != NULL; i++) {
		const struct step *s = &t->step[i];

		if (s->operations > 0 && !put(points, s->end_s, 1000 * s->value[column] / s->operations)) {
			json_decref(points);
			return NULL;
		}
	}
	return line_json(column_name(column), points);
}

/* Adds a timeline to REPORT; LINES is taken. */
static ct_status add_timeline(json_t *report, const char *title, const char *unit, const char *note, json_t *lines)
{
	json_t *all = json_object_get(report, "timelines");

	if (all == NULL) {
		all = json_array();
		(void)json_object_set_new(report, "timelines", all);
	}
	return json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:o}", "title", title, "unit", unit, "note", note,
		"lines", lines)) == 0 ? CT_OK : CT_NOMEM;
}

ct_status ct_track_json(const struct ct_track *t, json_t *report)
{
	char note[800];
	json_t *lines = json_array();
	size_t used = (size_t)snprintf(note, sizeof(note), "Time is that of the timed operations alone, added up in the order "
		"of the records%s.", t->every > 1 ? "; neighbours are put together" : "");
	bool none = false;

	if (t->n < 2 || lines == NULL) {
		json_decref(lines);
		return t->n < 2 ? CT_OK : CT_NOMEM;
	}
	for (int c = 0; c < COLUMNS; c++) {
		double sum = 0;

		for (size_t i = 0; i < t->n; i++)
			sum += t->step[i].value[c];
		if (sum > 0) {
			(void)json_array_append_new(lines, column_json(t, c));
		} else if (t->shown[c] && used < sizeof(note)) {
			used += (size_t)snprintf(note + used, sizeof(note) - used, "%s%s", none ? ", " : " Nothing counted: ",
				column_name(c));
			none = true;
		}
	}
	return add_timeline(report, "Counters", "per 1000 operations", note, lines);
}

/* One series of verdict.json's soak; NULL when it is damaged. */
static json_t *soak_line(const json_t *soak, const char *name)
{
	const json_t *at = json_object_get(soak, "at_s"), *ns = json_object_get(json_object_get(soak, name), "ns");
	json_t *points = json_array(), *value;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)ns, i, value)
		if (json_is_number(json_array_get(at, i)) && json_is_number(value))
			(void)put(points, json_number_value(json_array_get(at, i)), json_number_value(value));
	if (json_array_size(points) > 1)
		return line_json(name, points);
	json_decref(points);
	return NULL;
}

ct_status ct_soak_json(const json_t *soak, json_t *report)
{
	static const char *const names[] = { "allreduce", "p2p_oneway" };
	json_t *lines = json_array();
	char note[400] = "", drift[64];
	size_t used = 0;

	for (size_t i = 0; i < 2; i++) {
		const json_t *v = json_object_get(soak, names[i]);
		json_t *line = soak_line(soak, names[i]);

		if (line == NULL)
			continue;
		(void)json_array_append_new(lines, line);
		if (json_number_value(json_object_get(v, "high")) > 0)
			snprintf(drift, sizeof(drift), "last third / first %.3f%s", json_number_value(json_object_get(v, "drift")),
				json_is_true(json_object_get(v, "drifts")) ? " (drifts)" : "");
		else
			snprintf(drift, sizeof(drift), "too few points to tell of drift");
		used += (size_t)snprintf(note + used, sizeof(note) - used, "%s%s: %s, %lld slow points, %lld falls%s",
			used > 0 ? "; " : "", names[i], drift,
			(long long)json_integer_value(json_object_get(v, "slow")),
			(long long)json_integer_value(json_object_get(v, "flaps")),
			json_is_true(json_object_get(v, "flapping")) ? " (flaps)" : "");
		if (used >= sizeof(note))
			used = sizeof(note) - 1;
	}
	if (json_array_size(lines) > 0)
		return add_timeline(report, "Soak", "ns", note, lines);
	json_decref(lines);
	return CT_OK;
}

/* ---- on the page ----------------------------------------------------------------------------- */

static void value_text(const char *unit, double y, char out[32])
{
	if (strcmp(unit, "ns") == 0)
		ct_time_text((uint64_t)y, out);
	else
		snprintf(out, 32, "%.4g", y);
}

/* A row for each moment: all lines have the same ones. */
static void rows(struct ct_buf *out, const json_t *timeline)
{
	const json_t *lines = json_object_get(timeline, "lines"), *line;
	const json_t *first = json_object_get(json_array_get(lines, 0), "points");
	const char *unit = ct_page_text(timeline, "unit", "");
	char text[32];
	size_t k;

	for (size_t i = 0; i < json_array_size(first); i++) {
		snprintf(text, sizeof(text), "%.4g", json_number_value(json_object_get(json_array_get(first, i), "t")));
		ct_buf_add(out, "<tr>");
		ct_html_cell(out, "n", text);
		json_array_foreach((json_t *)(uintptr_t)lines, k, line) {
			value_text(unit, json_number_value(json_object_get(json_array_get(json_object_get(line, "points"), i),
				"y")), text);
			ct_html_cell(out, "n", text);
		}
		ct_buf_add(out, "</tr>\n");
	}
}

static void one(struct ct_buf *out, size_t number, const json_t *timeline)
{
	const json_t *lines = json_object_get(timeline, "lines"), *line;
	size_t k;

	ct_buf_add(out, "<figure>\n<figcaption id=\"t%zu\">", number);
	ct_html_text(out, ct_page_text(timeline, "title", ""));
	ct_buf_add(out, "</figcaption>\n<p class=\"quiet\">");
	ct_html_text(out, ct_page_text(timeline, "note", ""));
	ct_buf_add(out, "</p>\n");
	if (json_array_size(lines) > 0) {
		ct_buf_add(out, "<div class=\"plot\"><canvas data-time=\"%zu\" tabindex=\"0\" role=\"img\" "
			"aria-labelledby=\"t%zu\">The values stand in the table below.</canvas></div>\n"
			"<details><summary>Values</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
			"aria-label=\"values over time\"><table><caption>", number, number);
		ct_html_text(out, strcmp(ct_page_text(timeline, "unit", ""), "ns") == 0 ? "median times" :
			ct_page_text(timeline, "unit", ""));
		ct_buf_add(out, "</caption><thead><tr><th scope=\"col\" class=\"n\">seconds</th>");
		json_array_foreach((json_t *)(uintptr_t)lines, k, line) {
			ct_buf_add(out, "<th scope=\"col\" class=\"n\">");
			ct_html_text(out, ct_page_text(line, "name", "?"));
			ct_buf_add(out, "</th>");
		}
		ct_buf_add(out, "</tr></thead>\n<tbody>\n");
		rows(out, timeline);
		ct_buf_add(out, "</tbody></table></div>\n</details>\n");
	}
	ct_buf_add(out, "</figure>\n");
}

void ct_html_timelines(struct ct_buf *out, const json_t *report)
{
	const json_t *all = json_object_get(report, "timelines"), *timeline;
	size_t i;

	if (json_array_size(all) == 0)
		return;
	ct_buf_add(out, "<section id=\"time\">\n<h2>Over time</h2>\n");
	json_array_foreach((json_t *)(uintptr_t)all, i, timeline)
		one(out, i, timeline);
	ct_buf_add(out, "</section>\n");
}
