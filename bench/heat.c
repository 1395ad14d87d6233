/* SPDX-License-Identifier: BSD-3-Clause */
/* The pairwise matrix as a heat map. */
#include "heat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xml.h"

enum { CELLS_MOST = 256, PAGE_CELLS_MOST = 64, PAPER = 1024, MARGIN = 120, TOP = 60, STEPS = 5, NAMES_MOST = 64 };

/* From pale to strong, one hue, so that it reads without colours too; what is above the last limit is red with
 * an outline. */
static const double limit[STEPS - 1] = { 1.1, 1.25, 1.5, 2 };
static const char *const step_text[STEPS] = { "up to 1.1", "1.25", "1.5", "2", "more: times the median" };
static const char style[] =
	".cth text{font:12px sans-serif;fill:#1a1a1a}.cth .paper{fill:#fff}.cth .s0{fill:#e3eef9}.cth .s1{fill:#b5d3ee}"
	".cth .s2{fill:#6ea6d8}.cth .s3{fill:#2d6cb0}.cth .s4{fill:#b00020;stroke:#1a1a1a;stroke-width:1}.cth .none{fill:#eee}"
	"@media (prefers-color-scheme:dark){.cth text{fill:#f0f0f0}.cth .paper{fill:#121212}.cth .s0{fill:#1c2b3a}"
	".cth .s1{fill:#28486a}.cth .s2{fill:#3f74a8}.cth .s3{fill:#78b3ea}.cth .s4{fill:#ff6b6b;stroke:#f0f0f0}"
	".cth .none{fill:#222}}";

struct drawing {
	const struct ct_heat *heat;
	struct ct_xml xml;
	uint32_t block, cells, side; /* nodes of a cell; cells and pixels of a side */
	double median, *scratch; /* scratch: room for the pairs of a cell */
};

/* 0 when nothing was measured. CT_NOMEM. */
static ct_status find_median(const struct ct_heat *heat, double *median)
{
	size_t all = (size_t)heat->nodes * heat->nodes, n = 0;
	double *v = ct_alloc(all, sizeof(*v));

	if (v == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < all; i++)
		if (heat->ns[i] > 0)
			v[n++] = heat->ns[i];
	*median = n > 0 ? ct_select(v, n, n / 2) : 0;
	ct_free(v);
	return CT_OK;
}

static void put_text(struct drawing *d, uint32_t x, uint32_t y, const char *text)
{
	ct_xml_begin(&d->xml, "text");
	ct_xml_number(&d->xml, "x", x);
	ct_xml_number(&d->xml, "y", y);
	ct_xml_text(&d->xml, text);
	ct_xml_end(&d->xml);
}

/* TITLE: what a pointer over it shows; may be NULL. */
static void put_rect(struct drawing *d, const uint32_t at[4], const char *class, const char *title)
{
	ct_xml_begin(&d->xml, "rect");
	ct_xml_number(&d->xml, "x", at[0]);
	ct_xml_number(&d->xml, "y", at[1]);
	ct_xml_number(&d->xml, "width", at[2]);
	ct_xml_number(&d->xml, "height", at[3]);
	ct_xml_attribute(&d->xml, "class", class);
	if (title != NULL) {
		ct_xml_begin(&d->xml, "title");
		ct_xml_text(&d->xml, title);
		ct_xml_end(&d->xml);
	}
	ct_xml_end(&d->xml);
}

static void name_of(const struct ct_heat *heat, uint32_t node, char out[CT_HOST_NAME])
{
	char name[CT_HOST_NAME] = "";

	heat->name(heat->arg, node, name);
	ct_text_clean(out, CT_HOST_NAME, name);
}

/* What nine in ten pairs from the nodes of row ROW to those of column COLUMN take at most: a node or a cable that is
 * slow with all its partners shows, a single outlier among many does not. *FROM, *TO: the first of each. */
static double cell_time(const struct drawing *d, uint32_t row, uint32_t column, uint32_t *from, uint32_t *to)
{
	const struct ct_heat *heat = d->heat;
	size_t n = 0;

	*from = row * d->block;
	*to = column * d->block;
	for (uint32_t i = *from; i < *from + d->block && i < heat->nodes; i++)
		for (uint32_t k = *to; k < *to + d->block && k < heat->nodes; k++)
			if (heat->ns[(size_t)i * heat->nodes + k] > 0)
				d->scratch[n++] = heat->ns[(size_t)i * heat->nodes + k];
	if (n == 0)
		return 0;
	return ct_select(d->scratch, n, (9 * n + 9) / 10 - 1);
}

static void put_cell(struct drawing *d, uint32_t row, uint32_t column)
{
	const uint32_t at[4] = { MARGIN + column * d->side, TOP + row * d->side, d->side, d->side };
	uint32_t from = 0, to = 0, step = 0;
	char class[8] = "none", title[256], time[32], names[2][CT_HOST_NAME];
	double ns = cell_time(d, row, column, &from, &to);

	if (!(ns > 0)) {
		put_rect(d, at, class, NULL);
		return;
	}
	while (step + 1 < STEPS && ns > d->median * limit[step])
		step++;
	name_of(d->heat, from, names[0]);
	name_of(d->heat, to, names[1]);
	snprintf(class, sizeof(class), "s%u", step);
	snprintf(title, sizeof(title), "%.80s%s to %.80s%s: %s, %.2f times the median", names[0], d->block > 1 ? " and on" : "",
		names[1], d->block > 1 ? " and on" : "", ct_time_text((uint64_t)ns, time), ns / d->median);
	put_rect(d, at, class, title);
}

static void put_legend(struct drawing *d)
{
	char line[200], time[32];

	snprintf(line, sizeof(line), "%stime from each %s (down) to each (across)%s; median %s%s", d->heat->pretended ?
		"PRETENDED: " : "", d->heat->what, d->block > 1 ? ", a cell tells what 9 in 10 of its pairs take at most" : "",
		ct_time_text((uint64_t)d->median, time), d->heat->oversubscribed ?
		"; oversubscribed: times are the scheduler's" : "");
	put_text(d, MARGIN, 20, line);
	for (uint32_t i = 0; i < STEPS; i++) {
		const uint32_t at[4] = { MARGIN + i * 90, 32, 16, 16 };
		char class[8];

		snprintf(class, sizeof(class), "s%u", i);
		put_rect(d, at, class, NULL);
		put_text(d, at[0] + 22, 45, step_text[i]);
	}
}

static void put_cells(struct drawing *d)
{
	for (uint32_t row = 0; row < d->cells; row++) {
		char name[CT_HOST_NAME], shown[20];

		name_of(d->heat, row * d->block, name);
		snprintf(shown, sizeof(shown), "%.16s", name);
		if (d->cells <= NAMES_MOST)
			put_text(d, 4, TOP + row * d->side + d->side / 2 + 4, shown);
		for (uint32_t column = 0; column < d->cells; column++)
			put_cell(d, row, column);
	}
}

/* The drawing up to its saving, with MOST cells to a side. CT_NOMEM: nothing is open. */
static ct_status draw(struct drawing *d, const struct ct_heat *heat, uint32_t most)
{
	uint32_t width, height, paper[4] = { 0 };
	char view[64];
	ct_status s;

	*d = (struct drawing){ .heat = heat };
	d->block = (heat->nodes + most - 1) / most;
	d->cells = (heat->nodes + d->block - 1) / d->block;
	d->side = PAPER / d->cells < 4 ? 4 : PAPER / d->cells > 40 ? 40 : PAPER / d->cells;
	s = find_median(heat, &d->median);
	if (s != CT_OK)
		return s;
	d->scratch = ct_alloc((size_t)d->block * d->block, sizeof(*d->scratch));
	if (d->scratch == NULL)
		return CT_NOMEM;
	width = MARGIN + d->cells * d->side + 20;
	height = TOP + d->cells * d->side + 20;
	paper[2] = width < 700 ? 700 : width;
	paper[3] = height;
	snprintf(view, sizeof(view), "0 0 %u %u", paper[2], paper[3]);
	ct_xml_open(&d->xml);
	ct_xml_begin(&d->xml, "svg");
	ct_xml_attribute(&d->xml, "xmlns", "http://www.w3.org/2000/svg");
	ct_xml_number(&d->xml, "width", paper[2]);
	ct_xml_number(&d->xml, "height", paper[3]);
	ct_xml_attribute(&d->xml, "viewBox", view);
	ct_xml_attribute(&d->xml, "role", "img");
	ct_xml_attribute(&d->xml, "class", "cth");
	ct_xml_begin(&d->xml, "title");
	ct_xml_text(&d->xml, "colltune accept: time of each pair");
	ct_xml_end(&d->xml);
	ct_xml_begin(&d->xml, "style");
	ct_xml_text(&d->xml, style);
	ct_xml_end(&d->xml);
	put_rect(d, paper, "paper", NULL);
	put_legend(d);
	put_cells(d);
	ct_xml_end(&d->xml);
	ct_free(d->scratch);
	return CT_OK;
}

ct_status ct_heat_draw(const struct ct_heat *heat, const char *path)
{
	struct drawing d;
	ct_status s = draw(&d, heat, CELLS_MOST);

	return s == CT_OK ? ct_xml_draw(&d.xml, path) : s;
}

ct_status ct_heat_svg(const struct ct_heat *heat, struct ct_buf *out)
{
	struct drawing d;
	ct_status s = draw(&d, heat, PAGE_CELLS_MOST);

	return s == CT_OK ? ct_xml_take(&d.xml, out) : s;
}

/* ---- a report's ------------------------------------------------------------------------------ */

static void report_name(const void *arg, uint32_t node, char out[CT_HOST_NAME])
{
	const struct ct_accept_report *report = arg;

	snprintf(out, CT_HOST_NAME, "%s", report->node_names[node]);
}

ct_status ct_heat_of(const struct ct_accept_report *report, const char *option, struct ct_heat *heat)
{
	if (report->matrix == NULL)
		return ct_fail(CT_INVALID, "--matrix %s: no pairs were measured; needs 4 ranks or 2 hosts, a transport of "
			"our own, and the stage pairs", option);
	*heat = (struct ct_heat){ .nodes = report->fleet.nodes, .ns = report->matrix, .name = report_name, .arg = report,
		.what = report->nhosts > 1 ? "host" : "rank", .oversubscribed = report->oversubscribed };
	return CT_OK;
}

/* ---- as a file ------------------------------------------------------------------------------- */

json_t *ct_heat_json(const struct ct_heat *heat)
{
	json_t *names = json_array(), *rows = json_array();
	bool good = names != NULL && rows != NULL;

	for (uint32_t i = 0; i < heat->nodes && good; i++) {
		json_t *row = json_array();
		char name[CT_HOST_NAME];

		name_of(heat, i, name);
		good = json_array_append_new(names, json_string(name)) == 0;
		for (uint32_t k = 0; k < heat->nodes && good; k++)
			good = json_array_append_new(row, json_integer((json_int_t)heat->ns[(size_t)i * heat->nodes + k])) == 0;
		good = good && json_array_append(rows, row) == 0;
		json_decref(row);
	}
	if (good)
		return json_pack("{s:s, s:b, s:b, s:s, s:o, s:o}", "schema", "colltune-matrix/1", "pretended",
			(int)heat->pretended, "oversubscribed", (int)heat->oversubscribed, "what", heat->what, "names", names,
			"ns", rows);
	json_decref(names);
	json_decref(rows);
	return NULL;
}

static void json_name(const void *arg, uint32_t node, char out[CT_HOST_NAME])
{
	const char *text = json_string_value(json_array_get(arg, node));

	snprintf(out, CT_HOST_NAME, "%s", text != NULL ? text : "?");
}

static ct_status parse_rows(const json_t *rows, const char *file, uint32_t n, double *ns)
{
	for (uint32_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, i);

		if (json_array_size(row) != n)
			return ct_fail(CT_INVALID, "%s: /ns/%u: %zu times for %u nodes", file, i, json_array_size(row), n);
		for (uint32_t k = 0; k < n; k++) {
			const json_t *value = json_array_get(row, k);

			ns[(size_t)i * n + k] = json_number_value(value);
			if (!json_is_number(value) || !(json_number_value(value) >= 0) || json_number_value(value) > 1e18)
				return ct_fail(CT_INVALID, "%s: /ns/%u/%u: no time", file, i, k);
		}
	}
	return CT_OK;
}

ct_status ct_heat_parse(const json_t *json, const char *file, struct ct_heat *heat)
{
	const json_t *names = json_object_get(json, "names"), *rows = json_object_get(json, "ns");
	const char *what = json_string_value(json_object_get(json, "what"));
	size_t n = json_array_size(names);
	double *ns;
	ct_status s;

	if (n < 2 || n > CT_HEAT_FILE_MOST || json_array_size(rows) != n)
		return ct_fail(CT_INVALID, "%s: /ns: %zu rows for %zu names; 2 to %d of both are wanted", file,
			json_array_size(rows), n, CT_HEAT_FILE_MOST);
	ns = ct_alloc(n * n, sizeof(*ns));
	if (ns == NULL)
		return CT_NOMEM;
	s = parse_rows(rows, file, (uint32_t)n, ns);
	if (s != CT_OK) {
		ct_free(ns);
		return s;
	}
	*heat = (struct ct_heat){ .nodes = (uint32_t)n, .ns = ns, .name = json_name, .arg = names,
		.what = what != NULL && strcmp(what, "rank") == 0 ? "rank" : what != NULL && strcmp(what, "node") == 0 ?
		"node" : "host", .oversubscribed = json_is_true(json_object_get(json, "oversubscribed")),
		.pretended = json_is_true(json_object_get(json, "pretended")) };
	return CT_OK;
}

/* All pairs that take NS, up to MOST in LIST. */
static bool add_pairs(json_t *list, const struct ct_heat *heat, double ns, double median, size_t most)
{
	size_t all = (size_t)heat->nodes * heat->nodes;

	for (size_t i = 0; i < all && json_array_size(list) < most; i++) {
		char from[CT_HOST_NAME], to[CT_HOST_NAME];

		if (heat->ns[i] < ns || heat->ns[i] > ns)
			continue;
		name_of(heat, (uint32_t)(i / heat->nodes), from);
		name_of(heat, (uint32_t)(i % heat->nodes), to);
		if (json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:f}", "from", from, "to", to, "ns",
			(json_int_t)ns, "times", ns / median)) != 0)
			return false;
	}
	return true;
}

json_t *ct_heat_worst(const struct ct_heat *heat, size_t most)
{
	json_t *list = json_array();
	double median = 0, below = INFINITY;
	size_t all = (size_t)heat->nodes * heat->nodes;

	if (list == NULL || find_median(heat, &median) != CT_OK) {
		json_decref(list);
		return NULL;
	}
	while (json_array_size(list) < most && median > 0) {
		double worst = limit[0] * median;

		for (size_t i = 0; i < all; i++)
			if (heat->ns[i] < below && heat->ns[i] > worst)
				worst = heat->ns[i];
		if (!(worst > limit[0] * median) || !add_pairs(list, heat, worst, median, most))
			break;
		below = worst;
	}
	return list;
}
