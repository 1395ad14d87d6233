/* SPDX-License-Identifier: BSD-3-Clause */
/* What a drawing of a fabric shows: switches one by one where they are few, else those that are
 * cabled alike as one cell; so a thousand hosts fit on a page and what differs stands alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fabric_cells.h"

enum { HOSTS_MOST = 24, SINGLE_MOST = 16, CELLS_MOST = 48 };

/* A switch and a mark of all that it is cabled to, which decides who shares a cell. */
struct mark {
	uint64_t hash;
	uint32_t node;
};

static uint64_t mix(uint64_t h, uint64_t value)
{
	h ^= value + 0x9e3779b97f4a7c15u;
	h *= 0xbf58476d1ce4e5b9u;
	return h ^ h >> 29;
}

/* The switches above as they are and the cells below, whatever the order of ports: a sum of mixes,
 * so that cables count. A switch with a finding is alone. */
static uint64_t mark_of(const struct ct_cells *c, uint32_t node)
{
	const struct ct_fabric *f = c->fabric;
	const struct ct_fabric_node *n = &f->nodes[node];
	uint64_t sum = c->bad_node[node] ? mix(1, node) : 0;

	for (uint32_t p = n->first; p < n->first + n->nports; p++) {
		uint32_t peer = f->ports[p].peer, other;

		if (peer == CT_FABRIC_NONE)
			continue;
		other = f->ports[peer].node;
		if (f->nodes[other].level > n->level)
			sum += mix(2, other);
		else if (f->nodes[other].level == 0)
			sum += mix(3, 0);
		else
			sum += mix(4, c->cell_of[other]);
	}
	return sum;
}

static int compare_marks(const void *x, const void *y)
{
	const struct mark *a = x, *b = y;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (a->node > b->node) - (a->node < b->node);
}

static int compare_first(const void *x, const void *y)
{
	const struct ct_cell *a = x, *b = y;

	return (a->first > b->first) - (a->first < b->first);
}

static uint32_t hosts_of(const struct ct_fabric *f, uint32_t node)
{
	uint32_t n = 0;

	for (uint32_t p = f->nodes[node].first; p < f->nodes[node].first + f->nodes[node].nports; p++)
		n += f->ports[p].peer != CT_FABRIC_NONE &&
			f->nodes[f->ports[f->ports[p].peer].node].type == CT_FABRIC_HCA;
	return n;
}

/* Cells of the N switches in MARKS: SAME share one that have one mark. */
static void make_level(struct ct_cells *c, struct mark *marks, size_t n, uint32_t level)
{
	size_t first = c->n, same;
	bool single = n <= SINGLE_MOST;

	if (!single && n > 1)
		qsort(marks, n, sizeof(*marks), compare_marks);
	for (size_t i = 0; i < n; i += same) {
		struct ct_cell *cell = &c->cells[c->n++];

		for (same = 1; !single && i + same < n && (marks[i].hash == marks[i + same].hash ||
			c->n - first >= CELLS_MOST); same++)
			;
		*cell = (struct ct_cell){ .level = level, .first = marks[i].node,
			.last = marks[i + same - 1].node, .n = (uint32_t)same };
		for (size_t k = i; k < i + same; k++)
			cell->hosts += hosts_of(c->fabric, marks[k].node);
	}
	if (c->n - first > 1)
		qsort(&c->cells[first], c->n - first, sizeof(*c->cells), compare_first);
}

/* Which cell holds which switch: the marks are walked once more, now that cells are sorted. */
static void fill_level(struct ct_cells *c, const struct mark *marks, size_t n, size_t first)
{
	uint32_t cell = CT_FABRIC_NONE;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = first; k < c->n; k++)
			if (c->cells[k].first == marks[i].node)
				cell = (uint32_t)k;
		c->cell_of[marks[i].node] = cell;
		if (cell != CT_FABRIC_NONE)
			c->cells[cell].bad |= c->bad_node[marks[i].node];
	}
}

static void make_hosts(struct ct_cells *c)
{
	const struct ct_fabric *f = c->fabric;

	for (uint32_t i = 0; i < f->nnodes; i++) {
		const struct ct_fabric_node *node = &f->nodes[i];
		size_t k = 0;

		if (node->type != CT_FABRIC_HCA || node->host == CT_FABRIC_NONE)
			continue;
		while (k < c->n && f->nodes[c->cells[k].first].host != node->host)
			k++;
		if (k == c->n)
			c->cells[c->n++] = (struct ct_cell){ .first = i, .last = i };
		c->cells[k].n++;
		c->cells[k].bad |= c->bad_node[i];
		c->cell_of[i] = (uint32_t)k;
	}
}

static void mark_bad(struct ct_cells *c, const struct ct_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		uint32_t port = findings->list[i].fabric_port - 1;

		if (findings->list[i].fabric_port == 0 || port >= c->fabric->nports)
			continue;
		c->bad_port[port] = true;
		c->bad_node[c->fabric->ports[port].node] = true;
		port = c->fabric->ports[port].peer;
		if (port == CT_FABRIC_NONE)
			continue;
		c->bad_port[port] = true;
		c->bad_node[c->fabric->ports[port].node] = true;
	}
}

static int compare_wires(const void *x, const void *y)
{
	const struct ct_cell_wire *a = x, *b = y;

	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return (a->high > b->high) - (a->high < b->high);
}

static void make_wires(struct ct_cells *c)
{
	const struct ct_fabric *f = c->fabric;
	size_t kept = 0;

	for (uint32_t p = 0; p < f->nports; p++) {
		uint32_t peer = f->ports[p].peer, a, b;

		if (peer == CT_FABRIC_NONE || peer < p)
			continue;
		a = c->cell_of[f->ports[p].node];
		b = c->cell_of[f->ports[peer].node];
		if (a == CT_FABRIC_NONE || b == CT_FABRIC_NONE || a == b)
			continue;
		if (c->cells[a].level > c->cells[b].level)
			c->wires[c->nwires++] = (struct ct_cell_wire){ b, a, 1, c->bad_port[p] };
		else
			c->wires[c->nwires++] = (struct ct_cell_wire){ a, b, 1, c->bad_port[p] };
	}
	if (c->nwires > 1)
		qsort(c->wires, c->nwires, sizeof(*c->wires), compare_wires);
	for (size_t i = 0; i < c->nwires; i++) {
		if (kept > 0 && compare_wires(&c->wires[kept - 1], &c->wires[i]) == 0) {
			c->wires[kept - 1].cables++;
			c->wires[kept - 1].bad |= c->wires[i].bad;
		} else {
			c->wires[kept++] = c->wires[i];
		}
	}
	c->nwires = kept;
}

void ct_cells_free(struct ct_cells *c)
{
	ct_free(c->cells);
	ct_free(c->wires);
	ct_free(c->cell_of);
	ct_free(c->bad_node);
	ct_free(c->bad_port);
}

ct_status ct_cells_make(const struct ct_fabric *f, const struct ct_findings *findings,
	struct ct_cells *c)
{
	struct mark *marks = ct_alloc(f->nnodes, sizeof(*marks));

	*c = (struct ct_cells){ .fabric = f, .cells = ct_alloc(f->nnodes, sizeof(*c->cells)),
		.wires = ct_alloc(f->nports, sizeof(*c->wires)),
		.cell_of = ct_alloc(f->nnodes, sizeof(*c->cell_of)),
		.bad_node = ct_alloc(f->nnodes, sizeof(*c->bad_node)),
		.bad_port = ct_alloc(f->nports, sizeof(*c->bad_port)) };
	if (marks == NULL || c->cells == NULL || c->wires == NULL || c->cell_of == NULL ||
	    c->bad_node == NULL || c->bad_port == NULL) {
		ct_free(marks);
		ct_cells_free(c);
		return CT_NOMEM;
	}
	for (size_t i = 0; i < f->nnodes; i++)
		c->cell_of[i] = CT_FABRIC_NONE;
	mark_bad(c, findings);
	c->hosts = f->nhosts <= HOSTS_MOST;
	if (c->hosts)
		make_hosts(c);
	for (uint32_t level = 1; level <= f->levels; level++) {
		size_t n = 0, first = c->n;

		for (uint32_t i = 0; i < f->nnodes; i++)
			if (f->nodes[i].level == level)
				marks[n++] = (struct mark){ mark_of(c, i), i };
		make_level(c, marks, n, level);
		fill_level(c, marks, n, first);
	}
	make_wires(c);
	ct_free(marks);
	return CT_OK;
}
