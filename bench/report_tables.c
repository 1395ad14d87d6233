/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the page that are tables. */
#include <stdio.h>
#include <string.h>

#include "report_html.h"

/* ---- cells ----------------------------------------------------------------------------------- */

static void section(struct ct_buf *out, const char *id, const char *title)
{
	ct_buf_add(out, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

/* HEADS: "size|time|…"; a head that begins with "#" is over numbers. */
static void table(struct ct_buf *out, const char *caption, const char *heads)
{
	ct_buf_add(out, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"%s\"><table>"
		"<caption>%s</caption><thead><tr>", caption, caption);
	while (*heads != '\0') {
		size_t length = strcspn(heads, "|");
		bool number = heads[0] == '#';

		ct_buf_add(out, "<th scope=\"col\"%s>%.*s</th>", number ? " class=\"n\"" : "",
			(int)length - number, heads + number);
		heads += length + (heads[length] == '|');
	}
	ct_buf_add(out, "</tr></thead>\n<tbody>\n");
}

static void end_table(struct ct_buf *out)
{
	ct_buf_add(out, "</tbody></table></div>\n");
}

static uint64_t number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void time_cell(struct ct_buf *out, const json_t *value)
{
	char text[32];

	ct_html_cell(out, "n", json_is_integer(value) ?
		ct_time_text((uint64_t)json_integer_value(value), text) : "-");
}

static void rate_cell(struct ct_buf *out, const json_t *value)
{
	char text[32];

	ct_html_cell(out, "n", json_is_number(value) && json_number_value(value) > 0 ?
		ct_rate_text(json_number_value(value), text) : "-");
}

static void count_cell(struct ct_buf *out, const json_t *value)
{
	char text[32] = "-";

	if (json_is_integer(value))
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
	ct_html_cell(out, "n", text);
}

static void size_cell(struct ct_buf *out, const json_t *object)
{
	char text[32];

	ct_html_cell(out, "n", ct_size_text(number(object, "bytes"), text));
}

/* DIGITS behind the point. */
static void real_cell(struct ct_buf *out, int digits, const json_t *value)
{
	char text[352] = "-";

	if (json_is_number(value))
		snprintf(text, sizeof(text), "%.*f", digits, json_number_value(value));
	ct_html_cell(out, "n", text);
}

static void verdict_cell(struct ct_buf *out, const char *word)
{
	bool class = strcmp(word, "pass") == 0 || strcmp(word, "warn") == 0 || strcmp(word, "fail") == 0;

	ct_html_cell(out, class ? word : "", word);
}

/* ---- curves ---------------------------------------------------------------------------------- */

static bool same_group(const json_t *a, const json_t *b)
{
	static const char *const keys[] = { "coll", "type", "op", "in_place", "pairs", "nranks", NULL };

	for (size_t i = 0; keys[i] != NULL; i++)
		if (json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])) == 0)
			return false;
	return true;
}

/* Gives each curve the number of its group; returns how many there are. */
static size_t group(json_t *series)
{
	size_t i, k, n = 0;
	json_t *curve;

	json_array_foreach(series, i, curve) {
		for (k = 0; k < i; k++)
			if (same_group(json_array_get(series, k), curve))
				break;
		(void)json_object_set_new(curve, "group", k < i ?
			json_incref(json_object_get(json_array_get(series, k), "group")) :
			json_integer((json_int_t)n++));
	}
	return n;
}

static void group_title(struct ct_buf *out, const json_t *curve)
{
	uint64_t pairs = number(curve, "pairs");

	ct_html_text(out, ct_page_text(curve, "coll", "?"));
	ct_buf_add(out, ", ");
	ct_html_text(out, ct_page_text(curve, "type", ""));
	ct_buf_add(out, ", %llu ranks", (unsigned long long)number(curve, "nranks"));
	if (pairs > 0)
		ct_buf_add(out, ", %llu pairs at once", (unsigned long long)pairs);
	ct_buf_add(out, "%s", json_is_true(json_object_get(curve, "in_place")) ? ", in place" : "");
}

static void curve_rows(struct ct_buf *out, const json_t *curve)
{
	const json_t *points = json_object_get(curve, "points"), *p;
	const char *why = ct_page_text(curve, "why", "");
	size_t i;

	json_array_foreach(points, i, p) {
		ct_buf_add(out, "<tr>");
		ct_html_cell(out, "", ct_page_text(curve, "candidate", "?"));
		size_cell(out, p);
		time_cell(out, json_object_get(p, "time_ns"));
		time_cell(out, json_object_get(p, "low_ns"));
		time_cell(out, json_object_get(p, "high_ns"));
		rate_cell(out, json_object_get(p, "busbw_Bps"));
		time_cell(out, json_object_get(p, "expected_ns"));
		count_cell(out, json_object_get(p, "rounds"));
		count_cell(out, json_object_get(p, "wrong"));
		verdict_cell(out, ct_page_text(p, "verdict", ""));
		ct_buf_add(out, "</tr>\n");
	}
	if (json_array_size(points) > 0)
		return;
	ct_buf_add(out, "<tr>");
	ct_html_cell(out, "", ct_page_text(curve, "candidate", "?"));
	ct_buf_add(out, "<td colspan=\"9\">not measured: ");
	ct_html_text(out, why);
	ct_buf_add(out, "</td></tr>\n");
}

void ct_html_curves(struct ct_buf *out, json_t *report)
{
	json_t *series = json_object_get(report, "series"), *curve;
	size_t groups = group(series), i;

	if (groups == 0)
		return;
	section(out, "curves", "Curves");
	for (size_t g = 0; g < groups; g++) {
		bool begun = false, drawn = false; /* one size alone makes no curve */

		json_array_foreach(series, i, curve) {
			if (number(curve, "group") != g)
				continue;
			drawn |= json_array_size(json_object_get(curve, "points")) > 1;
			if (begun)
				continue;
			ct_buf_add(out, "<figure>\n<figcaption id=\"g%zu\">", g);
			group_title(out, curve);
			ct_buf_add(out, "</figcaption>\n");
			begun = true;
		}
		if (drawn)
			ct_buf_add(out, "<div class=\"plot\"><canvas data-group=\"%zu\" tabindex=\"0\" role=\"img\" "
				"aria-labelledby=\"g%zu\">The values stand in the table below.</canvas></div>\n", g, g);
		ct_buf_add(out, "<details%s><summary>Values</summary>\n", drawn ? "" : " open");
		table(out, "medians with 95 % intervals", "candidate|#bytes|#time|#low|#high|#bus bandwidth|"
			"#expected time|#rounds|#wrong|verdict");
		json_array_foreach(series, i, curve) {
			if (number(curve, "group") == g)
				curve_rows(out, curve);
		}
		end_table(out);
		ct_buf_add(out, "</details>\n</figure>\n");
	}
	ct_buf_add(out, "</section>\n");
}

void ct_html_counters(struct ct_buf *out, const json_t *report)
{
	static const char *const keys[] = { "rx_bytes", "tx_bytes", "retransmits", "switches",
		"forced_switches", "page_faults", NULL };
	json_t *series = json_object_get(report, "series"), *curve, *point;
	size_t i, k;

	if (json_array_size(series) == 0)
		return;
	section(out, "counters", "Counters");
	ct_buf_add(out, "<details><summary>What network and kernel counted meanwhile</summary>\n");
	table(out, "differences over all rounds, summed over ranks", "operation|candidate|#bytes|#received|#sent|"
		"#retransmits|#context switches|#of them forced|#page faults");
	json_array_foreach(series, i, curve) {
		if (json_object_get(curve, "beside") != NULL)
			continue;
		json_array_foreach(json_object_get(curve, "points"), k, point) {
			ct_buf_add(out, "<tr>");
			ct_html_cell(out, "", ct_page_text(curve, "coll", "?"));
			ct_html_cell(out, "", ct_page_text(curve, "candidate", "?"));
			size_cell(out, point);
			for (size_t n = 0; keys[n] != NULL; n++)
				count_cell(out, json_object_get(json_object_get(point, "counters"), keys[n]));
			ct_buf_add(out, "</tr>\n");
		}
	}
	end_table(out);
	ct_buf_add(out, "</details>\n</section>\n");
}

/* ---- accept ---------------------------------------------------------------------------------- */

static void stages(struct ct_buf *out, const json_t *report)
{
	json_t *stages = json_object_get(report, "stages"), *how;
	const char *name;

	if (json_object_size(stages) == 0)
		return;
	table(out, "stages", "stage|how far it came");
	json_object_foreach(stages, name, how) {
		ct_buf_add(out, "<tr>");
		ct_html_cell(out, "", name);
		ct_html_cell(out, "", json_is_string(how) ? json_string_value(how) :
			ct_page_text(how, "state", "?"));
		ct_buf_add(out, "</tr>\n");
	}
	end_table(out);
}

static void figure(struct ct_buf *out, const json_t *f)
{
	const json_t *candidate = json_object_get(f, "candidate"), *pair = json_object_get(f, "pair");
	char name[200];

	snprintf(name, sizeof(name), "%.60s%s%.60s %.60s", ct_page_text(candidate, "backend", "?"),
		ct_page_text(candidate, "net", "")[0] != '\0' ? "/" : "", ct_page_text(candidate, "net", ""),
		ct_page_text(candidate, "algo", ""));
	ct_buf_add(out, "<tr>");
	ct_html_cell(out, "", ct_page_text(f, "coll", "?"));
	ct_html_cell(out, "", name);
	if (json_array_size(pair) == 2)
		snprintf(name, sizeof(name), "%lld - %lld", (long long)json_integer_value(json_array_get(pair, 0)),
			(long long)json_integer_value(json_array_get(pair, 1)));
	else
		snprintf(name, sizeof(name), "all");
	ct_html_cell(out, "", name);
	size_cell(out, f);
	time_cell(out, json_object_get(f, "median_ns"));
	rate_cell(out, json_object_get(f, "busbw_Bps"));
	time_cell(out, json_object_get(json_object_get(f, "expected"), "time_ns"));
	real_cell(out, 2, json_object_get(json_object_get(f, "efficiency"), "value"));
	verdict_cell(out, ct_page_text(f, "verdict", ""));
	ct_html_cell(out, "", ct_page_text(f, "note", ""));
	ct_buf_add(out, "</tr>\n");
}

static void bands(struct ct_buf *out, const json_t *report)
{
	json_t *bands = json_object_get(report, "bands"), *value;
	const char *name;

	if (json_object_size(bands) == 0)
		return;
	table(out, "bands: efficiency from which a figure passes, and from which it is a warning",
		"figure|#pass|#warn");
	json_object_foreach(bands, name, value) {
		ct_buf_add(out, "<tr>");
		ct_html_cell(out, "", name);
		real_cell(out, 3, json_is_array(value) ? json_array_get(value, 0) : value);
		real_cell(out, 3, json_is_array(value) ? json_array_get(value, 1) : NULL);
		ct_buf_add(out, "</tr>\n");
	}
	end_table(out);
}

static void value_cell(struct ct_buf *out, const json_t *value);

/* LIST of objects as a table, the members of the first one as heads; members that hold others are left
 * out. CAPTION is ours. */
static void flat(struct ct_buf *out, const char *caption, const json_t *list)
{
	json_t *first = json_array_get(list, 0), *row, *value;
	const char *key;
	size_t i;

	if (!json_is_object(first))
		return;
	ct_buf_add(out, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"%s\"><table>"
		"<caption>%s</caption><thead><tr>", caption, caption);
	json_object_foreach(first, key, value) {
		if (json_is_object(value) || json_is_array(value))
			continue;
		ct_buf_add(out, "<th scope=\"col\">");
		ct_html_text(out, key);
		ct_buf_add(out, "</th>");
	}
	ct_buf_add(out, "</tr></thead>\n<tbody>\n");
	json_array_foreach(list, i, row) {
		ct_buf_add(out, "<tr>");
		json_object_foreach(first, key, value) {
			if (!json_is_object(value) && !json_is_array(value))
				value_cell(out, json_object_get(row, key));
		}
		ct_buf_add(out, "</tr>\n");
	}
	end_table(out);
}

/* What later stages of accept add. */
static void more(struct ct_buf *out, const json_t *report)
{
	const json_t *profile = json_object_get(report, "profile");
	const char *congestion = ct_page_text(report, "congestion", "");

	if (congestion[0] != '\0') {
		ct_buf_add(out, "<p>");
		ct_html_text(out, congestion);
		ct_buf_add(out, "</p>\n");
	}
	flat(out, "what is not alike on all hosts", json_object_get(report, "differences"));
	flat(out, "figures of the profile", json_object_get(profile, "figures"));
	flat(out, "waivers", json_object_get(profile, "waivers"));
}

void ct_html_figures(struct ct_buf *out, const json_t *report)
{
	json_t *figures = json_object_get(report, "figures"), *f;
	size_t i;

	if (json_object_get(report, "stages") == NULL && json_array_size(figures) == 0 &&
	    json_array_size(json_object_get(report, "differences")) == 0)
		return;
	section(out, "figures", "Judged");
	stages(out, report);
	if (ct_page_text(report, "layers", "")[0] != '\0') {
		ct_buf_add(out, "<p>");
		ct_html_text(out, ct_page_text(report, "layers", ""));
		ct_buf_add(out, "</p>\n");
	}
	if (json_array_size(figures) > 0) {
		table(out, "each figure against what is possible here", "operation|candidate|ranks|#bytes|"
			"#median|#bus bandwidth|#expected time|#efficiency|verdict|note");
		json_array_foreach(figures, i, f)
			figure(out, f);
		end_table(out);
	}
	bands(out, report);
	more(out, report);
	ct_buf_add(out, "</section>\n");
}

void ct_html_isolation(struct ct_buf *out, const json_t *report)
{
	const json_t *isolation = json_object_get(report, "isolation"), *part;
	size_t i;

	if (!json_is_object(isolation))
		return;
	section(out, "isolation", "Slow parts");
	ct_buf_add(out, "<p>%llu nodes, %llu rails; %llu rounds of pairs, %llu times, %llu lost; spread of one "
		"time %.2g %%; held to a false alarm in at most %.2g %% of clean clusters.</p>\n",
		(unsigned long long)number(isolation, "nodes"), (unsigned long long)number(isolation, "rails"),
		(unsigned long long)number(isolation, "rounds"),
		(unsigned long long)number(isolation, "probes"),
		(unsigned long long)number(isolation, "lost"),
		100 * json_number_value(json_object_get(isolation, "spread")),
		100 * json_number_value(json_object_get(isolation, "alarm")));
	table(out, "slow parts, largest loss first", "part|what|#times as long|#low|#high|#share|#samples|confirmed");
	json_array_foreach(json_object_get(isolation, "slow"), i, part) {
		ct_buf_add(out, "<tr>");
		ct_html_cell(out, "", ct_page_text(part, "kind", "?"));
		ct_html_cell(out, "", ct_page_text(part, "text", ""));
		real_cell(out, 3, json_object_get(part, "factor"));
		real_cell(out, 3, json_object_get(part, "low"));
		real_cell(out, 3, json_object_get(part, "high"));
		real_cell(out, 2, json_object_get(part, "share"));
		count_cell(out, json_object_get(part, "samples"));
		ct_html_cell(out, "", json_is_true(json_object_get(part, "confirmed")) ? "yes" : "no");
		ct_buf_add(out, "</tr>\n");
	}
	end_table(out);
	ct_buf_add(out, "</section>\n");
}

/* ---- pairs ----------------------------------------------------------------------------------- */

void ct_html_matrix(struct ct_buf *out, const struct ct_page *report)
{
	const json_t *list = json_object_get(report->json, "worst_pairs"), *pair;
	size_t i;

	if (report->heat.used == 0)
		return;
	section(out, "matrix", "Every pair");
	ct_buf_add(out, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"heat map of all pairs\">\n%s</div>\n",
		report->heat.text);
	if (json_array_size(list) == 0)
		ct_buf_add(out, "<p>No pair takes more than 1.1 times the median.</p>\n");
	table(out, "slowest pairs, the worst first", "from|to|#time|#times the median");
	json_array_foreach(list, i, pair) {
		ct_buf_add(out, "<tr>");
		ct_html_cell(out, "", ct_page_text(pair, "from", "?"));
		ct_html_cell(out, "", ct_page_text(pair, "to", "?"));
		time_cell(out, json_object_get(pair, "ns"));
		real_cell(out, 2, json_object_get(pair, "times"));
		ct_buf_add(out, "</tr>\n");
	}
	end_table(out);
	ct_buf_add(out, "</section>\n");
}

/* ---- ladder ---------------------------------------------------------------------------------- */

static void rungs(struct ct_buf *out, const json_t *ladder)
{
	const json_t *rung;
	size_t i;

	ct_buf_add(out, "<h3>");
	ct_html_text(out, ct_page_text(ladder, "what", "?"));
	ct_buf_add(out, "</h3>\n<p>");
	ct_html_text(out, ct_page_text(ladder, "sentence", ""));
	ct_buf_add(out, "</p>\n");
	table(out, "rungs, lowest first", "rung|#cost|#low|#high|#expected|#loss|#explained|#unexplained|result");
	json_array_foreach(json_object_get(ladder, "rungs"), i, rung) {
		const char *why = ct_page_text(rung, "why", "");

		ct_buf_add(out, "<tr>");
		ct_html_cell(out, "", ct_page_text(rung, "name", "?"));
		real_cell(out, 3, json_object_get(rung, "cost"));
		real_cell(out, 3, json_object_get(rung, "cost_low"));
		real_cell(out, 3, json_object_get(rung, "cost_high"));
		real_cell(out, 3, json_object_get(rung, "expected"));
		real_cell(out, 3, json_object_get(rung, "loss"));
		real_cell(out, 3, json_object_get(rung, "explained"));
		real_cell(out, 3, json_object_get(rung, "unexplained"));
		ct_html_cell(out, "", why[0] != '\0' ? why : ct_page_text(rung, "result", ""));
		ct_buf_add(out, "</tr>\n");
	}
	end_table(out);
}

void ct_html_ladder(struct ct_buf *out, const json_t *report)
{
	const json_t *ladders = json_object_get(json_object_get(report, "ladder"), "ladders"), *ladder;
	size_t i;

	if (json_array_size(ladders) == 0)
		return;
	section(out, "ladder", "Ladder");
	json_array_foreach(ladders, i, ladder)
		rungs(out, ladder);
	ct_buf_add(out, "</section>\n");
}

/* ---- environment ----------------------------------------------------------------------------- */

static void classes(struct ct_buf *out, const json_t *report)
{
	json_t *machines = json_object_get(report, "machines"), *hosts, *host;
	const char *hash;
	size_t i;

	if (json_object_size(machines) == 0)
		return;
	table(out, "machines of one class have one hash", "class|#hosts|which");
	json_object_foreach(machines, hash, hosts) {
		ct_buf_add(out, "<tr><td><code>");
		ct_html_text(out, hash);
		ct_buf_add(out, "</code></td><td class=\"n\">%zu</td><td>", json_array_size(hosts));
		json_array_foreach(hosts, i, host) {
			ct_buf_add(out, "%s", i > 0 ? ", " : "");
			ct_html_text(out, json_string_value(host));
		}
		ct_buf_add(out, "</td></tr>\n");
	}
	end_table(out);
}

/* What accept compared; without it, who took part. */
void ct_html_hosts(struct ct_buf *out, const json_t *report)
{
	const json_t *hosts = json_object_get(report, "hosts"), *row, *word;
	const json_t *plain = json_object_get(json_object_get(report, "environment"), "hosts");
	size_t i, k;

	if (json_array_size(hosts) + json_array_size(plain) + json_object_size(json_object_get(report,
		"machines")) == 0)
		return;
	section(out, "hosts", "Hosts");
	classes(out, report);
	if (json_array_size(hosts) > 0)
		table(out, "what must be the same everywhere", "host|colltune|MPI|kernel|machine|differs in");
	else if (json_array_size(plain) > 0)
		table(out, "who took part", "host|#ranks|#processors");
	json_array_foreach(hosts, i, row) {
		ct_buf_add(out, "<tr>");
		ct_html_cell(out, "", ct_page_text(row, "host", "?"));
		ct_html_cell(out, "", ct_page_text(row, "colltune", ""));
		ct_html_cell(out, "", ct_page_text(row, "mpi", ""));
		ct_html_cell(out, "", ct_page_text(row, "kernel", ""));
		ct_html_cell(out, "", ct_page_text(row, "machine", ""));
		ct_buf_add(out, "<td class=\"%s\">", json_array_size(json_object_get(row, "differs")) > 0 ? "fail" :
			"");
		json_array_foreach(json_object_get(row, "differs"), k, word) {
			ct_buf_add(out, "%s", k > 0 ? ", " : "");
			ct_html_text(out, json_string_value(word));
		}
		ct_buf_add(out, "</td></tr>\n");
	}
	for (i = 0; json_array_size(hosts) == 0 && i < json_array_size(plain); i++) {
		row = json_array_get(plain, i);
		ct_buf_add(out, "<tr>");
		ct_html_cell(out, "", ct_page_text(row, "name", "?"));
		count_cell(out, json_object_get(row, "ranks"));
		count_cell(out, json_object_get(row, "cpus"));
		ct_buf_add(out, "</tr>\n");
	}
	if (json_array_size(hosts) + json_array_size(plain) > 0)
		end_table(out);
	ct_buf_add(out, "</section>\n");
}

static void value_cell(struct ct_buf *out, const json_t *value)
{
	char text[64] = "";

	if (json_is_string(value)) {
		ct_html_cell(out, "", json_string_value(value));
		return;
	}
	if (json_is_integer(value))
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(text, sizeof(text), "%g", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(text, sizeof(text), "%s", json_is_true(value) ? "yes" : "no");
	else
		snprintf(text, sizeof(text), "-");
	ct_html_cell(out, "", text);
}

static void pairs(struct ct_buf *out, const json_t *object)
{
	const json_t *value;
	const char *key;
	void *at;

	for (at = json_object_iter((json_t *)(uintptr_t)object); at != NULL;
		at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
		key = json_object_iter_key(at);
		value = json_object_iter_value(at);
		if (json_is_object(value) || json_is_array(value))
			continue;
		ct_buf_add(out, "<tr>");
		ct_html_cell(out, "", key);
		value_cell(out, value);
		ct_buf_add(out, "</tr>\n");
	}
}

void ct_html_settings(struct ct_buf *out, const json_t *report)
{
	const json_t *environment = json_object_get(report, "environment");
	const json_t *options = json_object_get(environment, "options");

	if (environment == NULL)
		return;
	section(out, "settings", "Environment and settings");
	table(out, "environment", "what|value");
	pairs(out, environment);
	pairs(out, json_object_get(environment, "clock"));
	end_table(out);
	ct_buf_add(out, "<details><summary>Every option</summary>\n");
	table(out, "options as used", "option|value");
	pairs(out, options);
	end_table(out);
	ct_buf_add(out, "</details>\n</section>\n");
}
