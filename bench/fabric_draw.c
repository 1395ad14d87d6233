/* SPDX-License-Identifier: BSD-3-Clause */
/* The fabric as SVG, hosts at the bottom and the highest switches on top, and as Graphviz text. */
#include <stdio.h>
#include <string.h>

#include "fabric.h"
#include "fabric_cells.h"
#include "xml.h"

enum {
	GAP = 14, MARGIN = 24, HEAD = 64, ROW = 90, LINE = 15, LETTER = 7, /* pixels */
	DOT = 9, DOTS_IN_ROW = 9, DOTS_MOST = 72, TOLD = 12, TEXT = 120
};

/* Both schemes have a contrast of at least 4.5 : 1 for text; red is never the only sign. */
static const char style[] =
	".ctf text{font:12px sans-serif;fill:#1a1a1a}.ctf .title{font-weight:bold}"
	".ctf .head{font-size:16px;font-weight:bold}.ctf rect{stroke:#7a7a7a;stroke-width:1;rx:4px}"
	".ctf .paper{fill:#ffffff;stroke:none}.ctf .host{fill:#dff3df}.ctf .leaf{fill:#dcebfa}"
	".ctf .spine{fill:#e6dff5}.ctf .core{fill:#f6ead2}.ctf line{stroke:#6d7a8a}"
	".ctf .wide{stroke-width:3}.ctf .dot{fill:#5b9e5b;stroke:none;rx:1px}"
	".ctf line.bad{stroke:#b00020;stroke-width:3}.ctf rect.low{stroke:#b00020;stroke-width:3}"
	".ctf .dot.bad{fill:#b00020}.ctf .red{fill:#b00020;font-weight:bold}"
	"@media (prefers-color-scheme:dark){.ctf text{fill:#f0f0f0}.ctf rect{stroke:#8a8a8a}"
	".ctf .paper{fill:#121212;stroke:none}.ctf .host{fill:#1e3d1e}.ctf .leaf{fill:#1b3450}"
	".ctf .spine{fill:#3a3150}.ctf .core{fill:#4a3c1c}.ctf line{stroke:#8796a8}"
	".ctf .dot{fill:#79c279;stroke:none}.ctf line.bad{stroke:#ff6b6b}"
	".ctf rect.low{stroke:#ff6b6b}.ctf .dot.bad{fill:#ff6b6b}.ctf .red{fill:#ff9a9a}}";

struct drawing {
	struct ct_cells cells;
	const struct ct_findings *findings;
	struct ct_xml xml;
	int width, height;
};

/* ---- words ----------------------------------------------------------------------------------- */

static void cell_title(const struct ct_cells *c, const struct ct_cell *cell, char out[TEXT])
{
	const struct ct_fabric *f = c->fabric;

	if (cell->level == 0)
		snprintf(out, TEXT, "%.24s", f->hosts[f->nodes[cell->first].host].name);
	else if (cell->n == 1)
		snprintf(out, TEXT, "%.24s", f->nodes[cell->first].name);
	else
		snprintf(out, TEXT, "%.20s ... %.20s", f->nodes[cell->first].name,
			f->nodes[cell->last].name);
}

/* The second and third line of a cell. */
static void cell_lines(const struct ct_cells *c, const struct ct_cell *cell, char what[TEXT],
	char up[TEXT])
{
	struct ct_fabric_sides sides;
	const struct ct_fabric *f = c->fabric;
	char level[24];

	up[0] = '\0';
	if (cell->level == 0) {
		snprintf(what, TEXT, "%u adapter%s", cell->n, cell->n == 1 ? "" : "s");
		return;
	}
	ct_fabric_level_name(&f->nodes[cell->first], level);
	if (cell->n == 1)
		snprintf(what, TEXT, "%s", level);
	else
		snprintf(what, TEXT, "%u %s", cell->n, cell->level == 1 ? "leaves" :
			cell->level == 2 ? "spines" : cell->level == 3 ? "cores" : "switches");
	if (cell->hosts > 0)
		snprintf(what + strlen(what), TEXT - strlen(what), ", %u port%s to hosts", cell->hosts,
			cell->hosts == 1 ? "" : "s");
	ct_fabric_sides(f, cell->first, &sides);
	if (sides.up > 0 && sides.up_Mbps > 0)
		snprintf(up, TEXT, "%s%u up, %g Gbit/s", cell->n > 1 ? "each " : "", sides.up,
			(double)sides.up_Mbps / 1000);
}

/* ---- places ---------------------------------------------------------------------------------- */

static bool has_dots(const struct drawing *d, const struct ct_cell *cell)
{
	return !d->cells.hosts && cell->n == 1 && cell->hosts > 0 && cell->hosts <= DOTS_MOST;
}

static void size_cell(const struct drawing *d, struct ct_cell *cell)
{
	char text[3][TEXT];
	size_t most = 0;

	cell_title(&d->cells, cell, text[0]);
	cell_lines(&d->cells, cell, text[1], text[2]);
	for (int i = 0; i < 3; i++)
		most = strlen(text[i]) > most ? strlen(text[i]) : most;
	cell->width = LETTER * (int)most + 16;
	cell->height = 8 + LINE * (text[2][0] != '\0' ? 3 : 2) + 4;
	if (has_dots(d, cell))
		cell->height += 6 + (DOT + 3) *
			((int)(cell->hosts + DOTS_IN_ROW - 1) / DOTS_IN_ROW);
}

/* Rows from the top level down, each centred; a row as high as its highest cell. */
static void place(struct drawing *d)
{
	struct ct_cells *c = &d->cells;
	int y = HEAD + MARGIN;

	d->width = 640;
	for (int pass = 0; pass < 2; pass++) {
		y = HEAD + MARGIN;
		for (uint32_t level = c->fabric->levels + 1; level-- > 0;) {
			int width = 0, height = 0, x;

			for (size_t i = 0; i < c->n; i++) {
				if (c->cells[i].level != level)
					continue;
				size_cell(d, &c->cells[i]);
				width += c->cells[i].width + GAP;
				height = c->cells[i].height > height ? c->cells[i].height : height;
			}
			if (width == 0)
				continue;
			if (width + 2 * MARGIN > d->width)
				d->width = width + 2 * MARGIN;
			x = (d->width - width + GAP) / 2;
			for (size_t i = 0; i < c->n; i++) {
				if (c->cells[i].level != level)
					continue;
				c->cells[i].x = x;
				c->cells[i].y = y;
				x += c->cells[i].width + GAP;
			}
			y += height + ROW;
		}
	}
	d->height = y - ROW + MARGIN;
}

/* ---- SVG ------------------------------------------------------------------------------------- */

static void write_text(struct ct_xml *xml, int x, int y, const char *class, const char *text)
{
	ct_xml_begin(xml, "text");
	ct_xml_number(xml, "x", (uint64_t)x);
	ct_xml_number(xml, "y", (uint64_t)y);
	ct_xml_attribute(xml, "class", class);
	ct_xml_text(xml, text);
	ct_xml_end(xml);
}

static void write_rect(struct ct_xml *xml, int x, int y, int width, int height, const char *class)
{
	ct_xml_begin(xml, "rect");
	ct_xml_number(xml, "x", (uint64_t)x);
	ct_xml_number(xml, "y", (uint64_t)y);
	ct_xml_number(xml, "width", (uint64_t)width);
	ct_xml_number(xml, "height", (uint64_t)height);
	ct_xml_attribute(xml, "class", class);
	ct_xml_end(xml);
}

/* Wires leave a cell side by side, in the order of their other ends. */
static void write_wire(struct drawing *d, const struct ct_cell_wire *w, size_t at, size_t of)
{
	const struct ct_cell *low = &d->cells.cells[w->low], *high = &d->cells.cells[w->high];
	char label[32];
	int x1 = low->x + (int)((size_t)low->width * (at + 1) / (of + 1));
	int x2 = high->x + high->width / 2;

	/* The end above leans towards the end below, so that wires do not all meet in one point. */
	x2 += (x1 - x2) * high->width / (3 * d->width);
	ct_xml_begin(&d->xml, "line");
	ct_xml_number(&d->xml, "x1", (uint64_t)x1);
	ct_xml_number(&d->xml, "y1", (uint64_t)low->y);
	ct_xml_number(&d->xml, "x2", (uint64_t)x2);
	ct_xml_number(&d->xml, "y2", (uint64_t)(high->y + high->height));
	ct_xml_attribute(&d->xml, "class", w->bad ? "bad" : w->cables > 1 ? "wide" : "");
	snprintf(label, sizeof(label), "%u cable%s", w->cables, w->cables == 1 ? "" : "s");
	ct_xml_begin(&d->xml, "title");
	ct_xml_text(&d->xml, label);
	ct_xml_end(&d->xml);
	ct_xml_end(&d->xml);
}

/* Those without a finding first, so that the red ones lie on top. */
static void write_wires(struct drawing *d, bool bad)
{
	const struct ct_cells *c = &d->cells;
	size_t same;

	for (size_t i = 0; i < c->nwires; i += same) {
		for (same = 1; i + same < c->nwires && c->wires[i].low == c->wires[i + same].low;)
			same++;
		for (size_t k = 0; k < same; k++)
			if (c->wires[i + k].bad == bad)
				write_wire(d, &c->wires[i + k], k, same);
	}
}

static void write_dots(struct drawing *d, const struct ct_cell *cell, int y)
{
	const struct ct_fabric *f = d->cells.fabric;
	const struct ct_fabric_node *node = &f->nodes[cell->first];
	int n = 0;

	for (uint32_t p = node->first; p < node->first + node->nports; p++) {
		uint32_t peer = f->ports[p].peer;

		if (peer == CT_FABRIC_NONE || f->nodes[f->ports[peer].node].type != CT_FABRIC_HCA)
			continue;
		write_rect(&d->xml, cell->x + 8 + n % DOTS_IN_ROW * (DOT + 3),
			y + n / DOTS_IN_ROW * (DOT + 3), DOT, DOT,
			d->cells.bad_port[p] ? "dot bad" : "dot");
		n++;
	}
}

static void write_cell(struct drawing *d, const struct ct_cell *cell)
{
	static const char *const kinds[] = { "host", "leaf", "spine", "core" };
	char text[3][TEXT], class[32];
	int y = cell->y + 4 + LINE;

	cell_title(&d->cells, cell, text[0]);
	cell_lines(&d->cells, cell, text[1], text[2]);
	snprintf(class, sizeof(class), "%s%s", kinds[cell->level < 4 ? cell->level : 3],
		cell->bad ? " low" : "");
	write_rect(&d->xml, cell->x, cell->y, cell->width, cell->height, class);
	write_text(&d->xml, cell->x + 8, y, cell->bad ? "title red" : "title", text[0]);
	write_text(&d->xml, cell->x + 8, y + LINE, "", text[1]);
	if (text[2][0] != '\0')
		write_text(&d->xml, cell->x + 8, y + 2 * LINE, "", text[2]);
	if (has_dots(d, cell))
		write_dots(d, cell, y + (text[2][0] != '\0' ? 2 : 1) * LINE + 8);
}

static void write_head(struct drawing *d)
{
	const struct ct_fabric *f = d->cells.fabric;
	struct ct_fabric_counts count;
	char text[2 * TEXT];

	ct_fabric_count(f, &count);
	snprintf(text, sizeof(text), "%s fabric: %zu hosts, %zu switches, %zu links",
		f->link == CT_FABRIC_INFINIBAND ? "InfiniBand" : "Ethernet", f->nhosts, count.switches,
		count.links);
	write_text(&d->xml, MARGIN, 30, "head", text);
	snprintf(text, sizeof(text), "%s %.90s%s", f->declared ? "as declared in" : "read from",
		f->source, f->partial[0] != '\0' ? "; partial: not all of it answered" : "");
	write_text(&d->xml, MARGIN, 50, f->partial[0] != '\0' ? "red" : "", text);
}

static void write_findings(struct drawing *d, int y)
{
	char line[256];

	for (size_t i = 0; i < d->findings->n && i < TOLD; i++) {
		snprintf(line, sizeof(line), "%.200s", d->findings->list[i].seen);
		write_text(&d->xml, MARGIN, y + (int)i * (LINE + 3), "red", line);
	}
	if (d->findings->n > TOLD) {
		snprintf(line, sizeof(line), "and %zu more", d->findings->n - TOLD);
		write_text(&d->xml, MARGIN, y + TOLD * (LINE + 3), "red", line);
	}
}

static void write_all(struct drawing *d)
{
	size_t told = d->findings->n > TOLD ? TOLD + 1 : d->findings->n;
	int below = d->height;
	char view[64];

	for (size_t i = 0; i < d->findings->n && i < TOLD; i++) {
		int width = LETTER * (int)strlen(d->findings->list[i].seen) + 2 * MARGIN;

		d->width = width > d->width ? width : d->width;
	}
	d->height += (int)told * (LINE + 3) + (told > 0 ? MARGIN : 0);
	snprintf(view, sizeof(view), "0 0 %d %d", d->width, d->height);
	ct_xml_begin(&d->xml, "svg");
	ct_xml_attribute(&d->xml, "xmlns", "http://www.w3.org/2000/svg");
	ct_xml_number(&d->xml, "width", (uint64_t)d->width);
	ct_xml_number(&d->xml, "height", (uint64_t)d->height);
	ct_xml_attribute(&d->xml, "viewBox", view);
	ct_xml_attribute(&d->xml, "class", "ctf");
	ct_xml_attribute(&d->xml, "role", "img");
	ct_xml_begin(&d->xml, "style");
	ct_xml_text(&d->xml, style);
	ct_xml_end(&d->xml);
	write_rect(&d->xml, 0, 0, d->width, d->height, "paper");
	write_head(d);
	write_wires(d, false);
	write_wires(d, true);
	for (size_t i = 0; i < d->cells.n; i++)
		write_cell(d, &d->cells.cells[i]);
	write_findings(d, below + MARGIN / 2);
	ct_xml_end(&d->xml);
}

/* The drawing in *XML, to be saved or taken. */
static ct_status make(const struct ct_fabric *fabric, const struct ct_findings *findings,
	struct ct_xml *xml)
{
	struct drawing d = { .findings = findings };
	ct_status status = ct_cells_make(fabric, findings, &d.cells);

	if (status != CT_OK)
		return status;
	place(&d);
	ct_xml_open(&d.xml);
	write_all(&d);
	ct_cells_free(&d.cells);
	*xml = d.xml;
	return CT_OK;
}

ct_status ct_fabric_draw(const struct ct_fabric *fabric, const struct ct_findings *findings,
	const char *path)
{
	struct ct_xml xml;
	ct_status status = make(fabric, findings, &xml);

	return status == CT_OK ? ct_xml_draw(&xml, path) : status;
}

ct_status ct_fabric_svg(const struct ct_fabric *fabric, const struct ct_findings *findings,
	struct ct_buf *out)
{
	struct ct_xml xml;
	ct_status status = make(fabric, findings, &xml);

	return status == CT_OK ? ct_xml_take(&xml, out) : status;
}

/* ---- Graphviz -------------------------------------------------------------------------------- */

/* A quoted name: Graphviz knows no other escape than that of the quotation mark. */
static void add_name(struct ct_buf *out, const char *name)
{
	ct_buf_add(out, "\"");
	for (; *name != '\0'; name++)
		ct_buf_add(out, *name == '"' || *name == '\\' ? "\\%c" : "%c", *name);
	ct_buf_add(out, "\"");
}

ct_status ct_fabric_dot(const struct ct_fabric *f, const char *path)
{
	struct ct_buf out = ct_buf_make(SIZE_MAX);
	ct_status status;

	ct_buf_add(&out, "graph fabric {\n\trankdir=BT;\n\tnode [shape=box];\n");
	for (uint32_t i = 0; i < f->nnodes; i++) {
		ct_buf_add(&out, "\tn%u [label=", i);
		add_name(&out, f->nodes[i].name);
		ct_buf_add(&out, "];\n");
	}
	for (uint32_t p = 0; p < f->nports; p++) {
		uint32_t peer = f->ports[p].peer, low = p, high = peer;
		char rate[48];

		if (peer == CT_FABRIC_NONE || peer < p)
			continue;
		if (f->nodes[f->ports[p].node].level > f->nodes[f->ports[peer].node].level) {
			low = peer;
			high = p;
		}
		ct_buf_add(&out, "\tn%u -- n%u [taillabel=\"%u\", headlabel=\"%u\", tooltip=\"%s\"%s];\n",
			f->ports[low].node, f->ports[high].node, f->ports[low].number,
			f->ports[high].number, ct_fabric_rate_text(f->link, ct_fabric_now(f, p), rate),
			ct_fabric_Mbps(ct_fabric_now(f, p)) < ct_fabric_Mbps(ct_fabric_enabled(f, p)) ?
			", color=red" : "");
	}
	ct_buf_add(&out, "}\n");
	status = ct_buf_status(&out);
	if (status == CT_OK)
		status = ct_file_save(path, out.text, out.used, 0644);
	ct_buf_free(&out);
	return status;
}
