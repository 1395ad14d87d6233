/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The node as SVG. What holds others (machine, package, NUMA node) is drawn around them; PCI is a tree
 * of links inside, from the host bridge to the devices, which stand in one column. Packages stand in
 * two columns; NVSwitches between them, which the devices then face from both sides.
 */
#include <stdio.h>
#include <string.h>

#include "node_boxes.h"
#include "picture.h"
#include "xml.h"

enum { GAP = 10, HEAD = 22, LINE = 15, LETTER = 7, WIRE = 146, NVWIRE = 100, TRUNK = 12 };

struct picture {
	struct ct_node_boxes nodes;
	int inner, leaf; /* widths of bridges and switches, of devices */
	bool *mirrored;	 /* of each box: its tree grows from right to left */
	int *tall;	 /* of each box: the height of the tree below it, with itself */
	struct ct_xml xml;
};

/* Both schemes have a contrast of at least 4.5 : 1 for text; red is never the only sign. */
static const char style[] =
	".ctn text{font:12px sans-serif;fill:#1a1a1a}.ctn .title{font-weight:bold}"
	".ctn rect{stroke:#7a7a7a;stroke-width:1;rx:4px}.ctn .paper{fill:#ffffff;stroke:none}"
	".ctn .machine{fill:#fafafa}.ctn .package{fill:#f1f1f1}.ctn .numa{fill:#ffffff}"
	".ctn .host{fill:#f4f1fa}.ctn .switch{fill:#e6dff5}.ctn .gpu{fill:#dff3df}"
	".ctn .nic{fill:#dcebfa}.ctn .other{fill:#eeeeee}.ctn .nvswitch{fill:#d3ecd0}"
	".ctn .end{text-anchor:end}.ctn .wire{fill:none;stroke:#6d7a8a;stroke-width:2}"
	".ctn .x8{stroke-width:3}.ctn .x16{stroke-width:4}.ctn .nv{stroke:#3f8f3f;stroke-width:4}"
	".ctn .red{fill:#b00020;font-weight:bold}.ctn .low{stroke:#b00020;stroke-width:3}"
	"@media (prefers-color-scheme:dark){.ctn text{fill:#f0f0f0}.ctn rect{stroke:#8a8a8a}"
	".ctn .paper{fill:#121212;stroke:none}.ctn .machine{fill:#1c1c1c}.ctn .package{fill:#262626}"
	".ctn .numa{fill:#1a1a1a}.ctn .host{fill:#2a2535}.ctn .switch{fill:#3a3150}"
	".ctn .gpu{fill:#1e3d1e}.ctn .nic{fill:#1b3450}.ctn .other{fill:#333333}"
	".ctn .nvswitch{fill:#24502a}.ctn .wire{stroke:#8796a8}.ctn .nv{stroke:#79c279}"
	".ctn .red{fill:#ff9a9a}.ctn .low{stroke:#ff6b6b}}";

/* ---- sizes ----------------------------------------------------------------------------------- */

static struct ct_node_box *box_at(struct picture *p, size_t i)
{
	return &p->nodes.boxes[i];
}

static bool is_inner(const struct ct_node_box *box)
{
	return strcmp(box->kind, "host") == 0 || strcmp(box->kind, "switch") == 0;
}

static int text_width(const struct ct_node_box *box)
{
	size_t most = strlen(box->title);

	for (int i = 0; i < box->lines; i++)
		most = strlen(box->line[i]) > most ? strlen(box->line[i]) : most;
	return LETTER * (int)most + 2 * GAP;
}

static int head_height(const struct ct_node_box *box)
{
	return HEAD + box->lines * LINE + 6;
}

static void size_devices(struct picture *p)
{
	for (size_t i = 0; i < p->nodes.n; i++) {
		struct ct_node_box *box = box_at(p, i);
		int *widest = is_inner(box) ? &p->inner : &p->leaf, width = text_width(box);

		if (!ct_box_holds(box) && i != p->nodes.nvswitch && width > *widest)
			*widest = width;
	}
	for (size_t i = 0; i < p->nodes.n; i++) {
		struct ct_node_box *box = box_at(p, i);

		box->width = is_inner(box) ? p->inner : p->leaf;
		box->height = head_height(box);
	}
}

/* Links above box I, up to the host bridge. */
static int depth_of(struct picture *p, size_t i)
{
	int depth = 0;

	while ((i = box_at(p, i)->above) != CT_BOX_NONE)
		depth++;
	return depth;
}

/* What hangs on a box comes after it. */
static void measure_trees(struct picture *p)
{
	for (size_t i = p->nodes.n; i-- > 0;) {
		const struct ct_node_box *box = box_at(p, i);

		if (box->height > p->tall[i])
			p->tall[i] = box->height;
		if (box->above != CT_BOX_NONE)
			p->tall[box->above] += p->tall[i] + (p->tall[box->above] > 0 ? GAP : 0);
	}
}

static bool is_root(struct picture *p, size_t holder, size_t i)
{
	const struct ct_node_box *box = box_at(p, i);

	return i != holder && box->inside == holder && !ct_box_holds(box) &&
		box->above == CT_BOX_NONE && i != p->nodes.nvswitch;
}

/* All trees directly inside HOLDER. */
static void forest_size(struct picture *p, size_t holder, int *width, int *height)
{
	*width = *height = 0;
	for (size_t i = 0; i < p->nodes.n; i++) {
		const struct ct_node_box *box = box_at(p, i);
		int depth, needs;

		if (i == holder || box->inside != holder || ct_box_holds(box) ||
		    i == p->nodes.nvswitch)
			continue;
		depth = depth_of(p, i);
		needs = depth * (p->inner + WIRE) + box->width;
		*width = needs > *width ? needs : *width;
		if (depth == 0)
			*height += p->tall[i] + GAP;
	}
}

/* Package or NUMA node I, which hold others above each other. */
static void size_holder(struct picture *p, size_t i)
{
	struct ct_node_box *box = box_at(p, i);
	int width, height;

	forest_size(p, i, &width, &height);
	box->height = head_height(box) + height;
	for (size_t k = i + 1; k < p->nodes.n; k++) {
		const struct ct_node_box *child = box_at(p, k);

		if (child->inside != i || !ct_box_holds(child))
			continue;
		width = child->width > width ? child->width : width;
		box->height += child->height + GAP;
	}
	box->width = width + 2 * GAP;
	if (text_width(box) > box->width)
		box->width = text_width(box);
}

/* ---- places ---------------------------------------------------------------------------------- */

/* Box I, Y below, in HOLDER; what hangs on it beside it. Devices stand at the holder's end. */
static void place_tree(struct picture *p, size_t i, const struct ct_node_box *holder, bool mirror,
	int y)
{
	struct ct_node_box *box = box_at(p, i);
	int height = p->tall[i], at = y;
	int x = is_inner(box) ? GAP + depth_of(p, i) * (p->inner + WIRE) :
		holder->width - GAP - box->width;

	box->x = holder->x + (mirror ? holder->width - x - box->width : x);
	box->y = y + (height - box->height) / 2;
	p->mirrored[i] = mirror;
	for (size_t k = i + 1; k < p->nodes.n; k++) {
		if (box_at(p, k)->above != i)
			continue;
		place_tree(p, k, holder, mirror, at);
		at += p->tall[k] + GAP;
	}
}

/* Everything inside holder I, whose place and width are known; Y: where its trees begin. */
static void fill_holder(struct picture *p, size_t i, bool mirror, int y)
{
	const struct ct_node_box *box = box_at(p, i);

	for (size_t k = 0; k < p->nodes.n; k++) {
		struct ct_node_box *child = box_at(p, k);

		if (is_root(p, i, k)) {
			place_tree(p, k, box, mirror, y);
			y += p->tall[k] + GAP;
		} else if (i != 0 && k != i && child->inside == i && ct_box_holds(child)) {
			child->x = box->x + GAP;
			child->y = y;
			child->width = box->width - 2 * GAP;
			fill_holder(p, k, mirror, y + head_height(child));
			y += child->height + GAP;
		}
	}
}

/* Packages, and NUMA nodes without one: the I-th of the root's, or CT_BOX_NONE. */
static size_t column_box(struct picture *p, size_t i)
{
	for (size_t k = 1; k < p->nodes.n; k++) {
		if (box_at(p, k)->inside == 0 && ct_box_holds(box_at(p, k)) && i-- == 0)
			return k;
	}
	return CT_BOX_NONE;
}

static int widest_in(struct picture *p, size_t column)
{
	int width = 0;

	for (size_t i = column, k; (k = column_box(p, i)) != CT_BOX_NONE; i += 2)
		width = box_at(p, k)->width > width ? box_at(p, k)->width : width;
	return width;
}

/* Places the rows of two; returns where they end. */
static int place_rows(struct picture *p, int left, int right, int middle)
{
	const struct ct_node_box *root = box_at(p, 0);
	bool mirror = p->nodes.nvswitch != CT_BOX_NONE;
	int y = root->y + head_height(root);

	for (size_t i = 0, a; (a = column_box(p, i)) != CT_BOX_NONE; i += 2) {
		struct ct_node_box *one = box_at(p, a);
		size_t b = column_box(p, i + 1);
		int row = one->height;

		one->x = root->x + GAP;
		one->y = y;
		one->width = left;
		fill_holder(p, a, false, y + head_height(one));
		if (b != CT_BOX_NONE) {
			struct ct_node_box *two = box_at(p, b);

			two->x = root->x + GAP + left + middle;
			two->y = y;
			two->width = right;
			fill_holder(p, b, mirror, y + head_height(two));
			row = two->height > row ? two->height : row;
		}
		y += row + GAP;
	}
	return y;
}

static void place_all(struct picture *p)
{
	struct ct_node_box *root = box_at(p, 0), *nv = NULL;
	int left, right, middle, width, height, y;

	size_devices(p);
	measure_trees(p);
	for (size_t i = p->nodes.n; i-- > 1;) {
		if (ct_box_holds(box_at(p, i)))
			size_holder(p, i);
	}
	left = widest_in(p, 0);
	right = widest_in(p, 1);
	if (p->nodes.nvswitch != CT_BOX_NONE) {
		nv = box_at(p, p->nodes.nvswitch);
		nv->width = text_width(nv);
	}
	middle = nv != NULL ? 2 * NVWIRE + nv->width : GAP;
	root->x = root->y = GAP;
	forest_size(p, 0, &width, &height);
	root->width = 2 * GAP + left + (right > 0 || nv != NULL ? middle + right : 0);
	root->width = width + 2 * GAP > root->width ? width + 2 * GAP : root->width;
	root->width = text_width(root) > root->width ? text_width(root) : root->width;
	y = place_rows(p, left, right, middle);
	if (nv != NULL) {
		nv->x = root->x + GAP + left + NVWIRE;
		nv->y = root->y + head_height(root);
		nv->height = y - GAP - nv->y > nv->height ? y - GAP - nv->y : nv->height;
		y = nv->y + nv->height + GAP;
	}
	fill_holder(p, 0, false, y);
	root->height = y + height - root->y;
}

/* ---- SVG ------------------------------------------------------------------------------------- */

static void write_text(struct picture *p, int x, int y, const char *class, const char *text)
{
	if (text[0] == '\0')
		return;
	ct_xml_begin(&p->xml, "text");
	ct_xml_number(&p->xml, "x", (uint64_t)x);
	ct_xml_number(&p->xml, "y", (uint64_t)y);
	ct_xml_attribute(&p->xml, "class", class);
	ct_xml_text(&p->xml, text);
	ct_xml_end(&p->xml);
}

static void write_rect(struct picture *p, const struct ct_node_box *box, const char *class)
{
	ct_xml_begin(&p->xml, "rect");
	ct_xml_number(&p->xml, "x", (uint64_t)box->x);
	ct_xml_number(&p->xml, "y", (uint64_t)box->y);
	ct_xml_number(&p->xml, "width", (uint64_t)box->width);
	ct_xml_number(&p->xml, "height", (uint64_t)box->height);
	ct_xml_attribute(&p->xml, "class", class);
	ct_xml_end(&p->xml);
}

static void write_path(struct picture *p, const char *path, const char *class)
{
	ct_xml_begin(&p->xml, "path");
	ct_xml_attribute(&p->xml, "d", path);
	ct_xml_attribute(&p->xml, "class", class);
	ct_xml_end(&p->xml);
}

/* From the box above to box I: out, up or down, and in; its rate stands where it comes in. */
static void write_link(struct picture *p, size_t i)
{
	const struct ct_node_box *box = box_at(p, i), *up = box_at(p, box->above);
	bool mirror = p->mirrored[i];
	int from = mirror ? up->x : up->x + up->width, to = mirror ? box->x + box->width : box->x;
	int y = box->y + box->height / 2, out = up->y + up->height / 2, side = mirror ? 1 : -1;
	char path[96], class[32];

	if (out - y < 3 && y - out < 3)
		out = y; /* no step of a pixel */
	snprintf(path, sizeof(path), "M%d %dH%dV%dH%d", from, out, from - side * TRUNK, y, to);
	snprintf(class, sizeof(class), "wire%s%s", box->link.lanes >= 16 ? " x16" :
		box->link.lanes >= 8 ? " x8" : "", box->link.low ? " low" : "");
	write_path(p, path, class);
	write_text(p, to + side * 6, y - 5, mirror ? "" : "end", box->link.rate);
	write_text(p, to + side * 6, y + 14, box->link.low ? mirror ? "red" : "end red" :
		mirror ? "" : "end", box->link.under);
}

static void write_nvlink(struct picture *p, size_t i)
{
	const struct ct_node_box *box = box_at(p, i), *nv = box_at(p, p->nodes.nvswitch);
	bool right = box->x > nv->x;
	int y = box->y + box->height / 2, from = right ? box->x : box->x + box->width;
	int to = right ? nv->x + nv->width : nv->x;
	char text[64];

	if (box->inside == 0)
		return;
	snprintf(text, sizeof(text), "M%d %dH%d", from, y, to);
	write_path(p, text, "wire nv");
	snprintf(text, sizeof(text), "%u NVLinks%s", box->nvlinks, box->nvrate);
	write_text(p, right ? to + 8 : to - 8, y - 5, right ? "" : "end", text);
}

static void write_box(struct picture *p, const struct ct_node_box *box)
{
	char class[32];

	snprintf(class, sizeof(class), "%s%s", box->kind, box->low ? " low" : "");
	write_rect(p, box, class);
	write_text(p, box->x + GAP, box->y + HEAD - 6, "title", box->title);
	for (int i = 0; i < box->lines; i++)
		write_text(p, box->x + GAP, box->y + HEAD - 6 + (i + 1) * LINE,
			box->red[i] ? "red" : "", box->line[i]);
}

/* What holds others, then the links on it, then the devices. */
static void write_picture(struct picture *p)
{
	struct ct_node_box paper = { .width = box_at(p, 0)->width + 2 * GAP,
		.height = box_at(p, 0)->height + 2 * GAP };
	char view[64];

	snprintf(view, sizeof(view), "0 0 %d %d", paper.width, paper.height);
	ct_xml_begin(&p->xml, "svg");
	ct_xml_attribute(&p->xml, "xmlns", "http://www.w3.org/2000/svg");
	ct_xml_number(&p->xml, "width", (uint64_t)paper.width);
	ct_xml_number(&p->xml, "height", (uint64_t)paper.height);
	ct_xml_attribute(&p->xml, "viewBox", view);
	ct_xml_attribute(&p->xml, "class", "ctn");
	ct_xml_attribute(&p->xml, "role", "img");
	ct_xml_begin(&p->xml, "title");
	ct_xml_text(&p->xml, box_at(p, 0)->title);
	ct_xml_end(&p->xml);
	ct_xml_begin(&p->xml, "style");
	ct_xml_text(&p->xml, style);
	ct_xml_end(&p->xml);
	write_rect(p, &paper, "paper");
	for (size_t i = 0; i < p->nodes.n; i++) {
		if (ct_box_holds(box_at(p, i)))
			write_box(p, box_at(p, i));
	}
	for (int low = 0; low < 2; low++) {
		for (size_t i = 0; i < p->nodes.n; i++) {
			if (box_at(p, i)->above != CT_BOX_NONE && box_at(p, i)->link.low == low)
				write_link(p, i);
		}
	}
	for (size_t i = 0; p->nodes.nvswitch != CT_BOX_NONE && i < p->nodes.n; i++) {
		if (box_at(p, i)->nvlinks > 0)
			write_nvlink(p, i);
	}
	for (size_t i = 0; i < p->nodes.n; i++) {
		if (!ct_box_holds(box_at(p, i)))
			write_box(p, box_at(p, i));
	}
	ct_xml_end(&p->xml);
}

/* The drawing in *XML, to be saved or taken, also after an error. */
static ct_status make(const struct ct_machine *machine, struct ct_xml *xml)
{
	struct picture p = { .inner = 0 };
	ct_status status = ct_node_boxes_make(machine, &p.nodes);

	ct_xml_open(&p.xml);
	if (status == CT_OK) {
		p.mirrored = ct_alloc(p.nodes.n, sizeof(*p.mirrored));
		p.tall = ct_alloc(p.nodes.n, sizeof(*p.tall));
		status = p.mirrored != NULL && p.tall != NULL ? CT_OK : CT_NOMEM;
	}
	if (status == CT_OK) {
		place_all(&p);
		write_picture(&p);
	}
	ct_free(p.mirrored);
	ct_free(p.tall);
	ct_node_boxes_free(&p.nodes);
	*xml = p.xml;
	return status;
}

ct_status ct_picture_draw(const struct ct_machine *machine, const char *path)
{
	struct ct_xml xml;
	ct_status status = make(machine, &xml);

	return status == CT_OK ? ct_xml_draw(&xml, path) : ct_xml_drop(&xml, status);
}

ct_status ct_picture_svg(const struct ct_machine *machine, struct ct_buf *out)
{
	struct ct_xml xml;
	ct_status status = make(machine, &xml);

	return status == CT_OK ? ct_xml_take(&xml, out) : ct_xml_drop(&xml, status);
}
