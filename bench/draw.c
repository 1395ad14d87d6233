/* SPDX-License-Identifier: BSD-3-Clause */
/* The node as SVG: a tree of boxes is made, measured from the leaves up, placed from the root down,
 * and written. */
#include <stdio.h>
#include <string.h>

#include "picture.h"
#include "xml.h"

enum { LINES = 4, LINE_ROOM = 40, GAP = 10, HEAD = 22, LINE = 15, LEAF_WIDTH = 205, LETTER = 7 };

struct box {
	const char *kind; /* class of the style sheet */
	size_t parent;    /* an earlier box */
	char title[64];
	char line[LINES][LINE_ROOM];
	bool red[LINES];
	int lines, columns; /* children side by side */
	int x, y, width, height;
};

struct picture {
	const struct ct_facts *facts;
	struct ct_pci_tree tree;
	struct box *boxes;
	size_t n, room;
	size_t *box_of; /* of each PCI node */
	struct ct_xml xml;
};

/* Both schemes have a contrast of at least 4.5 : 1 for text; red is never the only sign. */
static const char style[] =
	"text{font:12px sans-serif;fill:#1a1a1a}.title{font-weight:bold}"
	"rect{stroke:#7a7a7a;stroke-width:1;rx:4px}.paper{fill:#ffffff;stroke:none}"
	".machine{fill:#fafafa}.package{fill:#f1f1f1}.numa{fill:#ffffff}.host{fill:#f4f1fa}"
	".switch{fill:#e6dff5}.gpu{fill:#dff3df}.nic{fill:#dcebfa}.other{fill:#eeeeee}"
	".red{fill:#b00020;font-weight:bold}rect.low{stroke:#b00020;stroke-width:3}"
	"@media (prefers-color-scheme:dark){text{fill:#f0f0f0}rect{stroke:#8a8a8a}"
	".paper{fill:#121212;stroke:none}.machine{fill:#1c1c1c}.package{fill:#262626}.numa{fill:#1a1a1a}"
	".host{fill:#2a2535}.switch{fill:#3a3150}.gpu{fill:#1e3d1e}.nic{fill:#1b3450}"
	".other{fill:#333333}.red{fill:#ff9a9a}rect.low{stroke:#ff6b6b}}";

static struct box *add_box(struct picture *p, const char *kind, size_t parent, const char *title)
{
	struct box *box;

	if (p->n == p->room) {
		size_t room = p->room > 0 ? 2 * p->room : 64;

		box = ct_realloc(p->boxes, room, sizeof(*box));
		if (box == NULL)
			return NULL;
		p->boxes = box;
		p->room = room;
	}
	box = &p->boxes[p->n++];
	memset(box, 0, sizeof(*box));
	box->kind = kind;
	box->parent = parent;
	box->columns = 2;
	ct_text_clean(box->title, 34, title);
	return box;
}

static void add_line(struct box *box, bool red, const char *text)
{
	if (text[0] == '\0' || box->lines == LINES)
		return;
	ct_text_clean(box->line[box->lines], 34, text);
	box->red[box->lines++] = red;
}

/* An idle GPU slows its link down, so that only its width says something. */
static void add_link(struct box *box, const struct ct_pci *pci, bool is_gpu)
{
	bool now = pci->speed_MTs != CT_UNKNOWN && pci->width != CT_UNKNOWN;
	bool most = pci->max_speed_MTs != CT_UNKNOWN && pci->max_width != CT_UNKNOWN;
	bool low = now && most && (pci->width < pci->max_width ||
		(!is_gpu && pci->speed_MTs < pci->max_speed_MTs));
	char text[96];

	if (!now)
		snprintf(text, sizeof(text), "PCIe link not told");
	else if (low)
		snprintf(text, sizeof(text), "PCIe %gx%u, can %gx%u: degraded",
			(double)pci->speed_MTs / 1000, (unsigned int)pci->width,
			(double)pci->max_speed_MTs / 1000, (unsigned int)pci->max_width);
	else
		snprintf(text, sizeof(text), "PCIe %g GT/s x%u", (double)pci->speed_MTs / 1000,
			(unsigned int)pci->width);
	add_line(box, low, text);
}

static void add_port(struct box *box, uint64_t Mbps, const char *layer, const char *state, bool up)
{
	char text[96];

	if (Mbps != CT_UNKNOWN)
		snprintf(text, sizeof(text), "%g Gbit/s %s %s", (double)Mbps / 1000, layer, state);
	else
		snprintf(text, sizeof(text), "%s %s", layer, state);
	add_line(box, !up, text);
}

static void fill_gpu(const struct picture *p, const struct ct_pci *pci, struct box *box)
{
	const struct ct_facts *f = p->facts;

	for (size_t i = 0; i < f->ngpus; i++) {
		if (strcmp(f->gpus[i].pci.address, pci->address) != 0)
			continue;
		ct_text_clean(box->title, 34, f->gpus[i].name);
		add_line(box, false, f->gpus[i].model);
	}
	add_line(box, false, pci->address);
	add_link(box, pci, true);
}

static void fill_nic(const struct picture *p, const struct ct_pci *pci, struct box *box)
{
	const struct ct_facts *f = p->facts;
	bool rdma = false;

	for (size_t i = 0; i < f->nrdma; i++) {
		const struct ct_rdma *port = &f->rdma[i];

		if (strcmp(port->pci.address, pci->address) != 0)
			continue;
		snprintf(box->title, sizeof(box->title), "%.30s %.28s", port->name, port->netdev);
		add_port(box, port->rate_Mbps, port->link_layer, port->state,
			port->state[0] == '\0' || strcmp(port->state, "ACTIVE") == 0);
		rdma = true;
	}
	for (size_t i = 0; !rdma && i < f->nnics; i++) {
		const struct ct_nic *nic = &f->nics[i];

		if (strcmp(nic->pci.address, pci->address) != 0)
			continue;
		ct_text_clean(box->title, 34, nic->name);
		add_port(box, nic->speed_Mbps, nic->link, nic->state,
			strcmp(nic->state, "down") != 0);
	}
	add_line(box, false, pci->address);
	add_link(box, pci, false);
}

/* A switch is drawn as its upstream port: below a root port or another switch's port, above ports of
 * its own. */
static bool is_switch(const struct ct_pci_tree *tree, size_t node)
{
	size_t up = tree->nodes[node].parent;

	if (tree->nodes[node].kind != CT_PCI_BRIDGE || up == CT_PCI_NONE ||
	    tree->nodes[up].kind != CT_PCI_BRIDGE || is_switch(tree, up))
		return false;
	for (size_t i = node + 1; i < tree->n; i++) {
		if (tree->nodes[i].parent == node && tree->nodes[i].kind == CT_PCI_BRIDGE)
			return true;
	}
	return false;
}

static size_t numa_box(const size_t *boxes, const struct ct_numa *nodes,
	size_t nnodes, uint64_t numa)
{
	for (size_t i = 0; i < nnodes; i++) {
		if (nodes[i].number == numa)
			return boxes[i];
	}
	return 0;
}

/* The box of PCI node I inside box PARENT; a port is none, its devices lie in PARENT. */
static bool add_pci(struct picture *p, size_t i, size_t parent)
{
	const struct ct_pci_node *node = &p->tree.nodes[i];
	struct box *box = NULL;

	p->box_of[i] = parent;
	switch (node->kind) {
	case CT_PCI_HOST:
		box = add_box(p, "host", parent, "PCIe host bridge");
		break;
	case CT_PCI_BRIDGE:
		if (!is_switch(&p->tree, i))
			return true;
		box = add_box(p, "switch", parent, "PCIe switch");
		if (box != NULL)
			add_line(box, false, node->pci.address);
		break;
	case CT_PCI_GPU:
		box = add_box(p, "gpu", parent, node->pci.address);
		if (box != NULL)
			fill_gpu(p, &node->pci, box);
		break;
	case CT_PCI_NIC:
		box = add_box(p, "nic", parent, node->pci.address);
		if (box != NULL)
			fill_nic(p, &node->pci, box);
		break;
	case CT_PCI_OTHER:
		box = add_box(p, "other", parent,
			strncmp(node->pci.class_id, "01", 2) == 0 ? "storage" : "PCI device");
		if (box != NULL)
			add_line(box, false, node->pci.address);
		break;
	}
	p->box_of[i] = p->n - 1;
	return box != NULL;
}

/* Packages and NUMA nodes; BOXES: those of the NUMA nodes. */
static bool add_nodes(struct picture *p, const struct ct_numa *nodes, size_t nnodes, size_t *boxes)
{
	for (size_t i = 0; i < nnodes; i++) {
		size_t package = 0;
		struct box *box;
		char text[128];

		for (size_t k = 0; k < i; k++) {
			if (nodes[k].package == nodes[i].package && nodes[i].package != CT_UNKNOWN)
				package = p->boxes[boxes[k]].parent;
		}
		if (package == 0 && nodes[i].package != CT_UNKNOWN) {
			snprintf(text, sizeof(text), "package %llu",
				(unsigned long long)nodes[i].package);
			package = p->n;
			if (add_box(p, "package", 0, text) == NULL)
				return false;
		}
		boxes[i] = p->n;
		snprintf(text, sizeof(text), "NUMA node %llu", (unsigned long long)nodes[i].number);
		box = add_box(p, "numa", package, text);
		if (box == NULL)
			return false;
		snprintf(text, sizeof(text), "%llu cores, %llu PUs, %.0f GiB",
			(unsigned long long)nodes[i].cores, (unsigned long long)nodes[i].pus,
			(double)nodes[i].memory_bytes / (1 << 30));
		add_line(box, false, text);
		snprintf(text, sizeof(text), "PUs %s", nodes[i].cpus);
		if (nodes[i].pus > 0)
			add_line(box, false, text);
	}
	return true;
}

static bool make_boxes(struct picture *p, const struct ct_numa *nodes, size_t nnodes, size_t *boxes)
{
	const struct ct_setting *host = &p->facts->setting[CT_SET_HOSTNAME];
	const struct ct_setting *cpu = &p->facts->setting[CT_SET_CPU_MODEL];
	struct box *root = add_box(p, "machine", 0, host->known ? host->text : "machine");

	if (root == NULL)
		return false;
	if (cpu->known)
		add_line(root, false, cpu->text);
	add_line(root, false, p->facts->source);
	if (!add_nodes(p, nodes, nnodes, boxes))
		return false;
	for (size_t i = 0; i < p->tree.n; i++) {
		size_t up = p->tree.nodes[i].parent;

		if (!add_pci(p, i, up != CT_PCI_NONE ? p->box_of[up] :
			numa_box(boxes, nodes, nnodes, p->tree.nodes[i].pci.numa)))
			return false;
	}
	return true;
}

/* Sizes BOX, whose children are sized, and places them in rows relative to it. */
static void measure(struct picture *p, size_t self)
{
	struct box *box = &p->boxes[self];
	int x = GAP, y = HEAD + box->lines * LINE + GAP / 2, row = 0, column = 0;
	int width = LETTER * (int)strlen(box->title) + 2 * GAP;

	for (int i = 0; i < box->lines; i++) {
		int line = LETTER * (int)strlen(box->line[i]) + 2 * GAP;

		width = line > width ? line : width;
	}
	if (width < LEAF_WIDTH)
		width = LEAF_WIDTH;
	for (size_t i = self + 1; i < p->n; i++) {
		struct box *child = &p->boxes[i];

		if (child->parent != self)
			continue;
		if (column == box->columns) {
			x = GAP;
			y += row + GAP;
			row = column = 0;
		}
		child->x = x;
		child->y = y;
		x += child->width + GAP;
		row = child->height > row ? child->height : row;
		width = x > width ? x : width;
		column++;
	}
	box->width = width;
	box->height = y + row + (row > 0 ? GAP : 0);
}

static void write_text(struct picture *p, int x, int y, const char *class, const char *text)
{
	ct_xml_begin(&p->xml, "text");
	ct_xml_number(&p->xml, "x", (uint64_t)x);
	ct_xml_number(&p->xml, "y", (uint64_t)y);
	ct_xml_attribute(&p->xml, "class", class);
	ct_xml_text(&p->xml, text);
	ct_xml_end(&p->xml);
}

static void write_rect(struct picture *p, const struct box *box, const char *class)
{
	ct_xml_begin(&p->xml, "rect");
	ct_xml_number(&p->xml, "x", (uint64_t)box->x);
	ct_xml_number(&p->xml, "y", (uint64_t)box->y);
	ct_xml_number(&p->xml, "width", (uint64_t)box->width);
	ct_xml_number(&p->xml, "height", (uint64_t)box->height);
	ct_xml_attribute(&p->xml, "class", class);
	ct_xml_end(&p->xml);
}

static void write_box(struct picture *p, const struct box *box)
{
	bool low = false;
	char class[32];

	for (int i = 0; i < box->lines; i++)
		low |= box->red[i];
	snprintf(class, sizeof(class), "%s%s", box->kind, low ? " low" : "");
	write_rect(p, box, class);
	write_text(p, box->x + GAP, box->y + HEAD - 6, "title", box->title);
	for (int i = 0; i < box->lines; i++)
		write_text(p, box->x + GAP, box->y + HEAD - 6 + (i + 1) * LINE,
			box->red[i] ? "red" : "", box->line[i]);
}

static void write_picture(struct picture *p)
{
	struct box paper = { .width = p->boxes[0].width + 2 * GAP,
		.height = p->boxes[0].height + 2 * GAP };
	char view[64];

	snprintf(view, sizeof(view), "0 0 %d %d", paper.width, paper.height);
	ct_xml_begin(&p->xml, "svg");
	ct_xml_attribute(&p->xml, "xmlns", "http://www.w3.org/2000/svg");
	ct_xml_number(&p->xml, "width", (uint64_t)paper.width);
	ct_xml_number(&p->xml, "height", (uint64_t)paper.height);
	ct_xml_attribute(&p->xml, "viewBox", view);
	ct_xml_begin(&p->xml, "title");
	ct_xml_text(&p->xml, p->boxes[0].title);
	ct_xml_end(&p->xml);
	ct_xml_begin(&p->xml, "style");
	ct_xml_text(&p->xml, style);
	ct_xml_end(&p->xml);
	write_rect(p, &paper, "paper");
	for (size_t i = 0; i < p->n; i++)
		write_box(p, &p->boxes[i]);
	ct_xml_end(&p->xml);
}

static ct_status draw(struct picture *p, const struct ct_numa *nodes, size_t nnodes,
	const char *path)
{
	size_t *boxes = ct_alloc(nnodes, sizeof(*boxes));
	bool made = boxes != NULL && make_boxes(p, nodes, nnodes, boxes);

	ct_free(boxes);
	if (!made)
		return CT_NOMEM;
	for (size_t i = p->n; i-- > 0;)
		measure(p, i);
	p->boxes[0].x = p->boxes[0].y = GAP;
	for (size_t i = 1; i < p->n; i++) {
		p->boxes[i].x += p->boxes[p->boxes[i].parent].x;
		p->boxes[i].y += p->boxes[p->boxes[i].parent].y;
	}
	ct_xml_open(&p->xml);
	write_picture(p);
	return ct_xml_draw(&p->xml, path);
}

ct_status ct_picture_draw(const struct ct_machine *machine, const char *path)
{
	struct picture p = { .facts = ct_machine_facts(machine) };
	struct ct_numa *nodes = NULL;
	size_t nnodes = 0;
	ct_status status = ct_machine_pci(machine, &p.tree);

	if (status == CT_OK)
		status = ct_machine_numa(machine, &nodes, &nnodes);
	if (status != CT_OK)
		goto free_tree;
	p.box_of = ct_alloc(p.tree.n, sizeof(*p.box_of));
	status = p.box_of != NULL ? draw(&p, nodes, nnodes, path) : CT_NOMEM;
	ct_free(p.box_of);
	ct_free(p.boxes);
	ct_numa_free(nodes, nnodes);
free_tree:
	ct_free(p.tree.nodes);
	return status;
}
