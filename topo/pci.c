/* SPDX-License-Identifier: BSD-3-Clause */
/* The PCI tree as plain data, and how far two of its devices are apart. */
#include <string.h>

#include "machine.h"

enum { DEPTH_MOST = 64, NODES_MOST = 8192 };

struct growing {
	const struct ct_machine *machine;
	struct ct_pci_tree tree;
	size_t room;
	bool bad; /* no memory */
};

/* The facts know the links of the devices that count. */
static const struct ct_pci *known_pci(const struct ct_facts *f, const char *address,
	enum ct_pci_kind *kind)
{
	for (size_t i = 0; i < f->ngpus; i++) {
		*kind = CT_PCI_GPU;
		if (strcmp(f->gpus[i].pci.address, address) == 0)
			return &f->gpus[i].pci;
	}
	*kind = CT_PCI_NIC;
	for (size_t i = 0; i < f->nrdma; i++) {
		if (strcmp(f->rdma[i].pci.address, address) == 0)
			return &f->rdma[i].pci;
	}
	for (size_t i = 0; i < f->nnics; i++) {
		if (strcmp(f->nics[i].pci.address, address) == 0)
			return &f->nics[i].pci;
	}
	*kind = CT_PCI_OTHER;
	for (size_t i = 0; i < f->nnvmes; i++) {
		if (strcmp(f->nvmes[i].pci.address, address) == 0)
			return &f->nvmes[i].pci;
	}
	*kind = CT_PCI_BRIDGE;
	for (size_t i = 0; i < f->nbridges; i++) {
		if (strcmp(f->bridges[i].pci.address, address) == 0)
			return &f->bridges[i].pci;
	}
	*kind = CT_PCI_OTHER;
	return NULL;
}

static struct ct_pci_node *grow(struct growing *g)
{
	if (g->tree.n == NODES_MOST)
		return NULL;
	if (g->tree.n == g->room) {
		size_t room = g->room > 0 ? 2 * g->room : 32;
		struct ct_pci_node *more = ct_realloc(g->tree.nodes, room, sizeof(*more));

		if (more == NULL) {
			g->bad = true;
			return NULL;
		}
		g->tree.nodes = more;
		g->room = room;
	}
	return &g->tree.nodes[g->tree.n++];
}

/* All that was read beyond what hwloc tells. */
static void take_known(struct ct_pci *pci, const struct ct_pci *known)
{
	struct ct_pci told = *pci;

	*pci = *known;
	memcpy(pci->address, told.address, sizeof(pci->address));
	memcpy(pci->id, told.id, sizeof(pci->id));
	memcpy(pci->subsystem, told.subsystem, sizeof(pci->subsystem));
	memcpy(pci->class_id, told.class_id, sizeof(pci->class_id));
	pci->numa = told.numa;
}

/* hwloc counts gigabytes per second; no link that exists carries a terabyte. */
static uint64_t link_of(hwloc_obj_t obj)
{
	bool pci = obj->type == HWLOC_OBJ_PCI_DEVICE ||
		obj->attr->bridge.upstream_type == HWLOC_OBJ_BRIDGE_PCI;
	double GBps = !pci ? 0 : obj->type == HWLOC_OBJ_PCI_DEVICE ? obj->attr->pcidev.linkspeed :
		obj->attr->bridge.upstream.pci.linkspeed;

	return GBps > 0 && GBps < 1000 ? (uint64_t)(GBps * 8000) : 0;
}

static void add_device(struct growing *g, hwloc_obj_t obj, size_t parent, int depth)
{
	struct ct_pci_node *node;
	const struct ct_pci *known;
	size_t self = g->tree.n;

	if ((obj->type != HWLOC_OBJ_BRIDGE && obj->type != HWLOC_OBJ_PCI_DEVICE) ||
	    depth > DEPTH_MOST || (node = grow(g)) == NULL)
		return;
	node->parent = parent;
	node->link_Mbps = link_of(obj);
	ct_node_pci(g->machine->topology, obj, &node->pci);
	known = known_pci(&g->machine->facts, node->pci.address, &node->kind);
	if (known != NULL)
		take_known(&node->pci, known);
	if (obj->type == HWLOC_OBJ_PCI_DEVICE) {
		if (node->kind == CT_PCI_BRIDGE)
			node->kind = CT_PCI_OTHER;
	} else if (obj->attr->bridge.upstream_type == HWLOC_OBJ_BRIDGE_PCI) {
		node->kind = CT_PCI_BRIDGE;
	} else {
		uint64_t numa = node->pci.numa;

		node->kind = CT_PCI_HOST; /* its own address means nothing */
		ct_pci_empty(&node->pci);
		node->pci.numa = numa;
	}
	for (hwloc_obj_t o = obj->io_first_child; o != NULL; o = o->next_sibling)
		add_device(g, o, self, depth + 1);
}

static void add_object(struct growing *g, hwloc_obj_t obj)
{
	for (hwloc_obj_t o = obj->io_first_child; o != NULL; o = o->next_sibling)
		add_device(g, o, CT_PCI_NONE, 0);
}

ct_status ct_machine_pci(const struct ct_machine *machine, struct ct_pci_tree *tree)
{
	struct growing g = { .machine = machine };
	hwloc_topology_t t = machine->topology;

	for (int depth = 0; depth < hwloc_topology_get_depth(t); depth++) {
		hwloc_obj_t obj = NULL;

		while ((obj = hwloc_get_next_obj_by_depth(t, depth, obj)) != NULL)
			add_object(&g, obj);
	}
	if (g.bad) {
		ct_free(g.tree.nodes);
		return ct_fail(CT_NOMEM, "no memory for the PCI tree");
	}
	*tree = g.tree;
	return CT_OK;
}

uint64_t ct_pci_Mbps(uint64_t speed_MTs, uint64_t width)
{
	if (speed_MTs == CT_UNKNOWN || width == CT_UNKNOWN || speed_MTs > 1000000 || width > 32)
		return 0;
	return speed_MTs > 5000 ? speed_MTs * width * 128 / 130 : speed_MTs * width * 8 / 10;
}

size_t ct_pci_find(const struct ct_pci_tree *tree, const char *address)
{
	for (size_t i = 0; address[0] != '\0' && i < tree->n; i++) {
		if (strcmp(tree->nodes[i].pci.address, address) == 0)
			return i;
	}
	return CT_PCI_NONE;
}

/* True if node UP is NODE or above it; *BETWEEN: the bridges that lie between the two. */
static bool is_above(const struct ct_pci_tree *tree, size_t up, size_t node, size_t *between)
{
	size_t steps = 0;

	for (; node != CT_PCI_NONE && node != up; node = tree->nodes[node].parent)
		steps++;
	*between = steps > 0 ? steps - 1 : 0;
	return node == up;
}

enum ct_distance ct_pci_distance(const struct ct_pci_tree *tree, size_t a, size_t b)
{
	size_t left = 0, right = 0;
	uint64_t x, y;

	if (a == CT_PCI_NONE || b == CT_PCI_NONE)
		return CT_DISTANCE_UNKNOWN;
	for (size_t up = a; up != CT_PCI_NONE; up = tree->nodes[up].parent) {
		if (!is_above(tree, up, b, &right))
			continue;
		is_above(tree, up, a, &left);
		if (tree->nodes[up].kind == CT_PCI_HOST)
			return CT_DISTANCE_PHB;
		/* A switch is one upstream port with downstream ports below it: device, port, switch.
		 * More ports in between are more switches. */
		return left <= 1 && right <= 1 ? CT_DISTANCE_PIX : CT_DISTANCE_PXB;
	}
	x = tree->nodes[a].pci.numa;
	y = tree->nodes[b].pci.numa;
	if (x == CT_UNKNOWN || y == CT_UNKNOWN)
		return CT_DISTANCE_UNKNOWN;
	return x == y ? CT_DISTANCE_NODE : CT_DISTANCE_SYS;
}

const char *ct_distance_name(enum ct_distance path)
{
	static const char *const names[] = { "PIX", "PXB", "PHB", "NODE", "SYS", "?" };

	return names[path];
}
