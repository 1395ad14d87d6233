/* SPDX-License-Identifier: BSD-3-Clause */
/* The pairwise matrix as a heat map. */
#include "heat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xml.h"

enum { CELLS_MOST = 256, PAPER = 1024, MARGIN = 120, TOP = 60, STEPS = 5, NAMES_MOST = 64 };

/* From pale to strong, one hue, so that it reads without colours too; what is above the last limit is red with
 * an outline. */
static const double limit[STEPS - 1] = { 1.1, 1.25, 1.5, 2 };
static const char *const step_text[STEPS] = { "up to 1.1", "1.25", "1.5", "2", "more: times the median" };
static const char style[] =
	"text{font:12px sans-serif;fill:#1a1a1a}.paper{fill:#fff}.s0{fill:#e3eef9}.s1{fill:#b5d3ee}"
	".s2{fill:#6ea6d8}.s3{fill:#2d6cb0}.s4{fill:#b00020;stroke:#1a1a1a;stroke-width:1}.none{fill:#eee}"
	"@media (prefers-color-scheme:dark){text{fill:#f0f0f0}.paper{fill:#121212}.s0{fill:#1c2b3a}.s1{fill:#28486a}"
	".s2{fill:#3f74a8}.s3{fill:#78b3ea}.s4{fill:#ff6b6b;stroke:#f0f0f0}.none{fill:#222}}";

struct heat {
	const struct ct_accept_report *report;
	struct ct_xml xml;
	uint32_t nodes, block, cells, side; /* nodes of a cell; cells and pixels of a side */
	double median;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static ct_status find_median(struct heat *h)
{
	size_t all = (size_t)h->nodes * h->nodes, n = 0;
	double *v = ct_alloc(all, sizeof(*v));

	if (v == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < all; i++)
		if (h->report->matrix[i] > 0)
			v[n++] = h->report->matrix[i];
	if (n > 0)
		qsort(v, n, sizeof(*v), by_value);
	h->median = n > 0 ? v[n / 2] : 0;
	ct_free(v);
	return CT_OK;
}

static void put_text(struct heat *h, uint32_t x, uint32_t y, const char *text)
{
	ct_xml_begin(&h->xml, "text");
	ct_xml_number(&h->xml, "x", x);
	ct_xml_number(&h->xml, "y", y);
	ct_xml_text(&h->xml, text);
	ct_xml_end(&h->xml);
}

/* TITLE: what a pointer over it shows; may be NULL. */
static void put_rect(struct heat *h, const uint32_t at[4], const char *class, const char *title)
{
	ct_xml_begin(&h->xml, "rect");
	ct_xml_number(&h->xml, "x", at[0]);
	ct_xml_number(&h->xml, "y", at[1]);
	ct_xml_number(&h->xml, "width", at[2]);
	ct_xml_number(&h->xml, "height", at[3]);
	ct_xml_attribute(&h->xml, "class", class);
	if (title != NULL) {
		ct_xml_begin(&h->xml, "title");
		ct_xml_text(&h->xml, title);
		ct_xml_end(&h->xml);
	}
	ct_xml_end(&h->xml);
}

/* The worst pair from the nodes of row ROW to those of column COLUMN. */
static void put_cell(struct heat *h, uint32_t row, uint32_t column)
{
	const uint32_t at[4] = { MARGIN + column * h->side, TOP + row * h->side, h->side, h->side };
	uint32_t from = 0, to = 0, step = 0;
	char class[8] = "none", title[256], time[32];
	double worst = 0;

	for (uint32_t i = row * h->block; i < (row + 1) * h->block && i < h->nodes; i++) {
		for (uint32_t k = column * h->block; k < (column + 1) * h->block && k < h->nodes; k++) {
			if (h->report->matrix[(size_t)i * h->nodes + k] <= worst)
				continue;
			worst = h->report->matrix[(size_t)i * h->nodes + k];
			from = i;
			to = k;
		}
	}
	if (!(worst > 0)) {
		put_rect(h, at, class, NULL);
		return;
	}
	while (step + 1 < STEPS && worst > h->median * limit[step])
		step++;
	snprintf(class, sizeof(class), "s%u", step);
	snprintf(title, sizeof(title), "%.80s to %.80s: %s, %.2f times the median", h->report->node_names[from],
		h->report->node_names[to], ct_time_text((uint64_t)worst, time), worst / h->median);
	put_rect(h, at, class, title);
}

static void put_legend(struct heat *h)
{
	char line[160], time[32];

	snprintf(line, sizeof(line), "time from each %s (down) to each (across); median %s%s", h->report->nhosts > 1 ?
		"host" : "rank", ct_time_text((uint64_t)h->median, time), h->report->oversubscribed ?
		"; oversubscribed: times are the scheduler's" : "");
	put_text(h, MARGIN, 20, line);
	for (uint32_t i = 0; i < STEPS; i++) {
		const uint32_t at[4] = { MARGIN + i * 90, 32, 16, 16 };
		char class[8];

		snprintf(class, sizeof(class), "s%u", i);
		put_rect(h, at, class, NULL);
		put_text(h, at[0] + 22, 45, step_text[i]);
	}
}

static void draw(struct heat *h)
{
	uint32_t width = MARGIN + h->cells * h->side + 20, height = TOP + h->cells * h->side + 20;
	const uint32_t paper[4] = { 0, 0, width < 700 ? 700 : width, height };
	char view[64];

	snprintf(view, sizeof(view), "0 0 %u %u", paper[2], paper[3]);
	ct_xml_begin(&h->xml, "svg");
	ct_xml_attribute(&h->xml, "xmlns", "http://www.w3.org/2000/svg");
	ct_xml_number(&h->xml, "width", paper[2]);
	ct_xml_number(&h->xml, "height", paper[3]);
	ct_xml_attribute(&h->xml, "viewBox", view);
	ct_xml_attribute(&h->xml, "role", "img");
	ct_xml_begin(&h->xml, "title");
	ct_xml_text(&h->xml, "colltune accept: time of each pair");
	ct_xml_end(&h->xml);
	ct_xml_begin(&h->xml, "style");
	ct_xml_text(&h->xml, style);
	ct_xml_end(&h->xml);
	put_rect(h, paper, "paper", NULL);
	put_legend(h);
	for (uint32_t row = 0; row < h->cells; row++) {
		char name[20];

		snprintf(name, sizeof(name), "%.16s", h->report->node_names[row * h->block]);
		if (h->cells <= NAMES_MOST)
			put_text(h, 4, TOP + row * h->side + h->side / 2 + 4, name);
		for (uint32_t column = 0; column < h->cells; column++)
			put_cell(h, row, column);
	}
	ct_xml_end(&h->xml);
}

ct_status ct_heat_draw(const struct ct_accept_report *report, const char *path)
{
	struct heat h = { .report = report, .nodes = report->fleet.nodes };
	ct_status s;

	if (report->matrix == NULL)
		return ct_fail(CT_INVALID, "--matrix %s: no pairs were measured; needs 4 ranks or 2 hosts, a transport of "
			"our own, and the stage pairs", path);
	h.block = (h.nodes + CELLS_MOST - 1) / CELLS_MOST;
	h.cells = (h.nodes + h.block - 1) / h.block;
	h.side = PAPER / h.cells < 4 ? 4 : PAPER / h.cells > 40 ? 40 : PAPER / h.cells;
	s = find_median(&h);
	if (s != CT_OK)
		return s;
	ct_xml_open(&h.xml);
	draw(&h);
	return ct_xml_draw(&h.xml, path);
}
