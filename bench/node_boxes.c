/* SPDX-License-Identifier: BSD-3-Clause */
#include "node_boxes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 34 }; /* letters of a line, NUL included */

struct making {
	const struct ct_facts *facts;
	struct ct_pci_tree tree;
	struct ct_node_boxes *out;
	struct ct_numa *nodes;
	size_t nnodes;
	size_t *numa_box; /* of each NUMA node */
	size_t *box_of;	  /* of each PCI node: its own, or that of the port's owner */
};

static struct ct_node_box *add_box(struct making *m, const char *kind, size_t inside,
	const char *title)
{
	struct ct_node_boxes *b = m->out;
	struct ct_node_box *box;

	if (b->n == b->room) {
		size_t room = b->room > 0 ? 2 * b->room : 64;

		box = ct_realloc(b->boxes, room, sizeof(*box));
		if (box == NULL)
			return NULL;
		b->boxes = box;
		b->room = room;
	}
	box = &b->boxes[b->n++];
	*box = (struct ct_node_box){ .kind = kind, .inside = inside, .above = CT_BOX_NONE };
	ct_text_clean(box->title, SHOWN, title);
	return box;
}

static void add_line(struct ct_node_box *box, bool red, const char *text)
{
	if (text[0] == '\0' || box->lines == CT_BOX_LINES)
		return;
	ct_text_clean(box->line[box->lines], SHOWN, text);
	box->low |= red;
	box->red[box->lines++] = red;
}

/* ---- links ----------------------------------------------------------------------------------- */

/* An idle GPU slows its link down, so that only its width says something. */
static bool is_low(const struct ct_pci *pci, bool is_gpu)
{
	return pci->max_speed_MTs != CT_UNKNOWN && pci->max_width != CT_UNKNOWN &&
		(pci->width < pci->max_width || (!is_gpu && pci->speed_MTs < pci->max_speed_MTs));
}

/* A bridge of which the facts tell no link has hwloc's bandwidth. */
static void fill_link(const struct ct_pci_node *node, struct ct_box_link *link)
{
	const struct ct_pci *pci = &node->pci;
	bool now = pci->speed_MTs != CT_UNKNOWN && pci->width != CT_UNKNOWN;
	uint64_t Mbps = now ? ct_pci_Mbps(pci->speed_MTs, pci->width) : node->link_Mbps;

	if (now) {
		snprintf(link->rate, sizeof(link->rate), "%g GT/s x%u",
			(double)pci->speed_MTs / 1000, (unsigned int)pci->width);
		link->lanes = (unsigned int)pci->width;
		link->low = is_low(pci, node->kind == CT_PCI_GPU);
	}
	if (link->low)
		snprintf(link->under, sizeof(link->under), "degraded: can %gx%u",
			(double)pci->max_speed_MTs / 1000, (unsigned int)pci->max_width);
	else if (Mbps > 0)
		snprintf(now ? link->under : link->rate, sizeof(link->rate), "%.0f Gbit/s",
			(double)Mbps / 1000);
}

/* ---- devices --------------------------------------------------------------------------------- */

/* "switch:18", or each GPU at the other end, as NVML tells them. */
static void fill_nvlink(struct making *m, const struct ct_gpu *gpu, struct ct_node_box *box)
{
	const char *to_switch = strstr(gpu->nvlink, "switch:");
	char text[CT_BOX_LINE_ROOM];

	if (to_switch != NULL) {
		box->nvlinks = (unsigned int)(strtoul(to_switch + 7, NULL, 10) & 0xff);
		if (gpu->nvlink_MBs != CT_UNKNOWN)
			snprintf(box->nvrate, sizeof(box->nvrate), ", %.0f GB/s",
				(double)gpu->nvlink_MBs * box->nvlinks / 1000);
		return;
	}
	for (size_t i = 0; i < m->facts->ngpus; i++) {
		unsigned int n = ct_gpu_links(gpu, &m->facts->gpus[i]);

		if (n == 0 || &m->facts->gpus[i] == gpu)
			continue;
		snprintf(text, sizeof(text), "%u NVLinks to %.15s", n & 0xff, m->facts->gpus[i].name);
		add_line(box, false, text);
	}
}

static void fill_gpu(struct making *m, const struct ct_pci *pci, struct ct_node_box *box)
{
	const struct ct_facts *f = m->facts;

	for (size_t i = 0; i < f->ngpus; i++) {
		if (strcmp(f->gpus[i].pci.address, pci->address) != 0)
			continue;
		ct_text_clean(box->title, SHOWN, f->gpus[i].name);
		add_line(box, false, f->gpus[i].model);
		add_line(box, false, pci->address);
		fill_nvlink(m, &f->gpus[i], box);
	}
}

static void add_port(struct ct_node_box *box, uint64_t Mbps, const char *layer, const char *state,
	bool up)
{
	char text[96];

	if (Mbps != CT_UNKNOWN)
		snprintf(text, sizeof(text), "%g Gbit/s %s %s", (double)Mbps / 1000, layer, state);
	else
		snprintf(text, sizeof(text), "%s %s", layer, state);
	add_line(box, !up, text);
}

static void fill_nic(struct making *m, const struct ct_pci *pci, struct ct_node_box *box)
{
	const struct ct_facts *f = m->facts;
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
		ct_text_clean(box->title, SHOWN, nic->name);
		add_port(box, nic->speed_Mbps, nic->link, nic->state,
			strcmp(nic->state, "down") != 0);
	}
	add_line(box, false, pci->address);
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

/* The box that PCI node I lies in, and the one above it, if its parent has one. */
static size_t place_of(const struct making *m, size_t i, size_t *above)
{
	size_t up = m->tree.nodes[i].parent;

	*above = CT_BOX_NONE;
	if (up != CT_PCI_NONE) {
		*above = m->box_of[up];
		return m->out->boxes[*above].inside;
	}
	for (size_t k = 0; k < m->nnodes; k++) {
		if (m->nodes[k].number == m->tree.nodes[i].pci.numa)
			return m->numa_box[k];
	}
	return 0;
}

static struct ct_node_box *device_box(struct making *m, const struct ct_pci_node *node,
	size_t inside)
{
	bool disk = strncmp(node->pci.class_id, "01", 2) == 0;
	struct ct_node_box *box = NULL;

	switch (node->kind) {
	case CT_PCI_HOST:
		box = add_box(m, "host", inside, "PCIe host bridge");
		break;
	case CT_PCI_BRIDGE:
		box = add_box(m, "switch", inside, "PCIe switch");
		break;
	case CT_PCI_GPU:
		box = add_box(m, "gpu", inside, node->pci.address);
		if (box != NULL)
			fill_gpu(m, &node->pci, box);
		break;
	case CT_PCI_NIC:
		box = add_box(m, "nic", inside, node->pci.address);
		if (box != NULL)
			fill_nic(m, &node->pci, box);
		break;
	case CT_PCI_OTHER:
		box = add_box(m, "other", inside, disk ? "storage" : "PCI device");
		break;
	}
	if (box != NULL && (node->kind == CT_PCI_BRIDGE || node->kind == CT_PCI_OTHER))
		add_line(box, false, node->pci.address);
	return box;
}

/* A port is no box: what hangs on it hangs on the box above it. A tree without a host bridge has one
 * that nobody tells. */
static bool add_pci(struct making *m, size_t i)
{
	const struct ct_pci_node *node = &m->tree.nodes[i];
	struct ct_node_box *box;
	size_t above, inside = place_of(m, i, &above);

	if (above == CT_BOX_NONE && node->kind != CT_PCI_HOST) {
		above = m->out->n;
		if (add_box(m, "host", inside, "PCIe") == NULL)
			return false;
	}
	m->box_of[i] = above;
	if (node->kind == CT_PCI_BRIDGE && !is_switch(&m->tree, i))
		return true;
	m->box_of[i] = m->out->n;
	box = device_box(m, node, inside);
	if (box == NULL)
		return false;
	box->above = above;
	if (above != CT_BOX_NONE)
		fill_link(node, &box->link);
	box->low |= box->link.low;
	return true;
}

/* ---- processors ------------------------------------------------------------------------------ */

/* The box of the package of NUMA node I: an earlier node's, or a new one; 0 = it has none. */
static bool package_of(struct making *m, size_t i, size_t *package)
{
	char text[64];

	*package = 0;
	if (m->nodes[i].package == CT_UNKNOWN)
		return true;
	for (size_t k = 0; k < i; k++) {
		if (m->nodes[k].package == m->nodes[i].package) {
			*package = m->out->boxes[m->numa_box[k]].inside;
			return true;
		}
	}
	snprintf(text, sizeof(text), "package %llu", (unsigned long long)m->nodes[i].package);
	*package = m->out->n;
	return add_box(m, "package", 0, text) != NULL;
}

static bool add_nodes(struct making *m)
{
	for (size_t i = 0; i < m->nnodes; i++) {
		const struct ct_numa *node = &m->nodes[i];
		struct ct_node_box *box;
		size_t package;
		char text[128];

		if (!package_of(m, i, &package))
			return false;
		m->numa_box[i] = m->out->n;
		snprintf(text, sizeof(text), "NUMA node %llu", (unsigned long long)node->number);
		box = add_box(m, "numa", package, text);
		if (box == NULL)
			return false;
		snprintf(text, sizeof(text), "%llu cores, %llu PUs, %.0f GiB",
			(unsigned long long)node->cores, (unsigned long long)node->pus,
			(double)node->memory_bytes / (1 << 30));
		add_line(box, false, text);
		snprintf(text, sizeof(text), "PUs %s", node->cpus);
		if (node->pus > 0)
			add_line(box, false, text);
	}
	return true;
}

static bool add_nvswitch(struct making *m)
{
	struct ct_node_box *box;
	size_t gpus = 0;
	char text[CT_BOX_LINE_ROOM];

	m->out->nvswitch = CT_BOX_NONE;
	for (size_t i = 0; i < m->out->n; i++)
		gpus += m->out->boxes[i].nvlinks > 0;
	if (gpus == 0)
		return true;
	m->out->nvswitch = m->out->n;
	box = add_box(m, "nvswitch", 0, "NVSwitch");
	if (box == NULL)
		return false;
	snprintf(text, sizeof(text), "of %zu GPUs", gpus);
	add_line(box, false, text);
	return true;
}

static bool make(struct making *m)
{
	const struct ct_setting *host = &m->facts->setting[CT_SET_HOSTNAME];
	const struct ct_setting *cpu = &m->facts->setting[CT_SET_CPU_MODEL];
	struct ct_node_box *root = add_box(m, "machine", 0, host->known ? host->text : "machine");

	if (root == NULL)
		return false;
	if (cpu->known)
		add_line(root, false, cpu->text);
	add_line(root, false, m->facts->source);
	if (!add_nodes(m))
		return false;
	for (size_t i = 0; i < m->tree.n; i++) {
		if (!add_pci(m, i))
			return false;
	}
	return add_nvswitch(m);
}

ct_status ct_node_boxes_make(const struct ct_machine *machine, struct ct_node_boxes *boxes)
{
	struct making m = { .facts = ct_machine_facts(machine), .out = boxes };
	ct_status status = ct_machine_pci(machine, &m.tree);

	*boxes = (struct ct_node_boxes){ .nvswitch = CT_BOX_NONE };
	if (status != CT_OK)
		return status;
	status = ct_machine_numa(machine, &m.nodes, &m.nnodes);
	if (status != CT_OK)
		goto free_tree;
	m.numa_box = ct_alloc(m.nnodes, sizeof(*m.numa_box));
	m.box_of = ct_alloc(m.tree.n, sizeof(*m.box_of));
	status = m.numa_box != NULL && m.box_of != NULL && make(&m) ? CT_OK : CT_NOMEM;
	ct_free(m.box_of);
	ct_free(m.numa_box);
	ct_numa_free(m.nodes, m.nnodes);
	if (status != CT_OK)
		ct_node_boxes_free(boxes);
free_tree:
	ct_free(m.tree.nodes);
	return status;
}

void ct_node_boxes_free(struct ct_node_boxes *boxes)
{
	ct_free(boxes->boxes);
	*boxes = (struct ct_node_boxes){ .nvswitch = CT_BOX_NONE };
}

bool ct_box_holds(const struct ct_node_box *box)
{
	return strcmp(box->kind, "machine") == 0 || strcmp(box->kind, "package") == 0 ||
		strcmp(box->kind, "numa") == 0;
}
