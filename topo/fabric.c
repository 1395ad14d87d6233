/* SPDX-License-Identifier: BSD-3-Clause */
/* A fabric is put together, sorted, and understood: hosts, rails, levels. */
#include "fabric.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ct_status ct_fabric_add(struct ct_fabric *f, enum ct_fabric_type type, const char *name,
	uint32_t nports, uint32_t *index)
{
	struct ct_fabric_node *node;

	if (f->nnodes >= CT_FABRIC_NODES_MOST || nports > CT_FABRIC_NODE_PORTS_MOST ||
	    f->nports + nports > CT_FABRIC_PORTS_MOST)
		return ct_fail(CT_INVALID, "the fabric has more than %d nodes or %d ports",
			CT_FABRIC_NODES_MOST, CT_FABRIC_PORTS_MOST);
	if (f->nnodes == f->nodes_room) {
		size_t room = 2 * f->nodes_room + 64;

		node = ct_realloc(f->nodes, room, sizeof(*node));
		if (node == NULL)
			return CT_NOMEM;
		f->nodes = node;
		f->nodes_room = room;
	}
	if (f->nports + nports > f->ports_room) {
		size_t room = 2 * f->ports_room + nports + 256;
		struct ct_fabric_port *ports = ct_realloc(f->ports, room, sizeof(*ports));

		if (ports == NULL)
			return CT_NOMEM;
		f->ports = ports;
		f->ports_room = room;
	}
	node = &f->nodes[f->nnodes];
	*node = (struct ct_fabric_node){ .type = type, .first = (uint32_t)f->nports,
		.nports = nports, .host = CT_FABRIC_NONE, .level = CT_FABRIC_NONE };
	ct_text_clean(node->name, sizeof(node->name), name);
	for (uint32_t i = 0; i < nports; i++) {
		struct ct_fabric_port *port = &f->ports[f->nports++];

		*port = (struct ct_fabric_port){ .node = (uint32_t)f->nnodes, .number = i + 1,
			.peer = CT_FABRIC_NONE };
		for (int e = 0; e < CT_NFABRIC_ERRORS; e++)
			port->errors[e] = CT_UNKNOWN;
	}
	*index = (uint32_t)f->nnodes++;
	return CT_OK;
}

ct_status ct_fabric_connect(struct ct_fabric *f, uint32_t a, uint32_t b)
{
	char at[128];

	if (a >= f->nports || b >= f->nports || a == b)
		return ct_fail(CT_INVALID, "a cable that ends at no port, or where it began");
	if (f->ports[a].peer == b && f->ports[b].peer == a)
		return CT_OK;
	if (f->ports[a].peer != CT_FABRIC_NONE || f->ports[b].peer != CT_FABRIC_NONE)
		return ct_fail(CT_INVALID, "two cables in one port, %s",
			ct_fabric_port_name(f, f->ports[a].peer != CT_FABRIC_NONE ? a : b, at,
				sizeof(at)));
	f->ports[a].peer = b;
	f->ports[b].peer = a;
	return CT_OK;
}

ct_status ct_fabric_table(struct ct_fabric *f, uint32_t node, uint32_t ntable)
{
	uint8_t *table;

	if (node >= f->nnodes || f->nodes[node].type != CT_FABRIC_SWITCH ||
	    f->nodes[node].table != NULL)
		return ct_fail(CT_INVALID, "a forwarding table belongs to a switch, once");
	if (ntable == 0 || ntable > CT_FABRIC_LIDS_MOST ||
	    f->tables_bytes + ntable > CT_FABRIC_TABLES_MOST)
		return ct_fail(CT_INVALID, "a forwarding table has 1 to %d entries, all together %d",
			CT_FABRIC_LIDS_MOST, CT_FABRIC_TABLES_MOST);
	table = ct_alloc(ntable, 1);
	if (table == NULL)
		return CT_NOMEM;
	memset(table, 0xff, ntable);
	f->nodes[node].table = table;
	f->nodes[node].ntable = ntable;
	f->tables_bytes += ntable;
	return CT_OK;
}

void ct_fabric_free(struct ct_fabric *f)
{
	for (size_t i = 0; i < f->nnodes; i++)
		ct_free(f->nodes[i].table);
	ct_free(f->nodes);
	ct_free(f->ports);
	ct_free(f->hosts);
	*f = (struct ct_fabric){ .nnodes = 0 };
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Switches first, then by name with numbers as numbers, then by GUID. */
static int compare_nodes(const void *x, const void *y, void *arg)
{
	const struct ct_fabric_node *nodes = arg;
	const struct ct_fabric_node *a = &nodes[*(const uint32_t *)x];
	const struct ct_fabric_node *b = &nodes[*(const uint32_t *)y];
	static const int place[CT_NFABRIC_TYPES] = { [CT_FABRIC_SWITCH] = 0,
		[CT_FABRIC_ROUTER] = 1, [CT_FABRIC_HCA] = 2 };
	int order = place[a->type] - place[b->type];

	if (order == 0)
		order = strverscmp(a->name, b->name);
	if (order == 0 && a->guid != b->guid)
		order = a->guid < b->guid ? -1 : 1;
	return order != 0 ? order : (a->first > b->first) - (a->first < b->first);
}

static ct_status sort_nodes(struct ct_fabric *f)
{
	uint32_t *order = ct_alloc(f->nnodes, sizeof(*order));
	uint32_t *moved = ct_alloc(f->nports, sizeof(*moved)), at = 0;
	struct ct_fabric_node *nodes = ct_alloc(f->nnodes, sizeof(*nodes));
	struct ct_fabric_port *ports = ct_alloc(f->nports, sizeof(*ports));

	if (order == NULL || moved == NULL || nodes == NULL || ports == NULL) {
		ct_free(order);
		ct_free(moved);
		ct_free(nodes);
		ct_free(ports);
		return CT_NOMEM;
	}
	for (uint32_t i = 0; i < f->nnodes; i++)
		order[i] = i;
	if (f->nnodes > 1)
		qsort_r(order, f->nnodes, sizeof(*order), compare_nodes, f->nodes);
	for (uint32_t i = 0; i < f->nnodes; i++) {
		nodes[i] = f->nodes[order[i]];
		for (uint32_t p = 0; p < nodes[i].nports; p++) {
			moved[nodes[i].first + p] = at + p;
			ports[at + p] = f->ports[nodes[i].first + p];
			ports[at + p].node = i;
		}
		nodes[i].first = at;
		at += nodes[i].nports;
	}
	for (size_t p = 0; p < f->nports; p++)
		if (ports[p].peer != CT_FABRIC_NONE)
			ports[p].peer = moved[ports[p].peer];
	ct_free(order);
	ct_free(moved);
	ct_free(f->nodes);
	ct_free(f->ports);
	f->nodes = nodes;
	f->ports = ports;
	f->nodes_room = f->nnodes;
	f->ports_room = f->nports;
	return CT_OK;
}

/* ---- hosts ----------------------------------------------------------------------------------- */

/* The number at the end of TEXT plus BASE, or 0. */
static uint32_t end_number(const char *text, uint32_t base)
{
	size_t end = strlen(text), at = end;

	while (at > 0 && isdigit((unsigned char)text[at - 1]))
		at--;
	return at < end && end - at < 5 ? (uint32_t)strtoul(text + at, NULL, 10) + base : 0;
}

/* Splits "node1 HCA-2" or "node1 mlx5_1" into the host and its rail; any other name is a host
 * with one adapter. The first form is that of rdma-ndd's and the kernel's default descriptions. */
static void split_name(const char *name, char host[CT_FABRIC_NAME], uint32_t *rail)
{
	const char *space = strrchr(name, ' ');

	*rail = 0;
	if (space != NULL && space > name) {
		if (strncasecmp(space + 1, "HCA-", 4) == 0)
			*rail = end_number(space + 1, 0);
		else if (strncmp(space + 1, "mlx", 3) == 0 && strchr(space, '_') != NULL)
			*rail = end_number(space + 1, 1);
	}
	snprintf(host, CT_FABRIC_NAME, "%.*s", *rail > 0 ? (int)(space - name) : CT_FABRIC_NAME - 1,
		name);
	if (*rail == 0)
		*rail = 1;
}

struct adapter {
	char host[CT_FABRIC_NAME];
	uint32_t node, rail;
};

static int compare_adapters(const void *x, const void *y)
{
	const struct adapter *a = x, *b = y;
	int order = strverscmp(a->host, b->host);

	if (order == 0)
		order = (a->rail > b->rail) - (a->rail < b->rail);
	return order != 0 ? order : (a->node > b->node) - (a->node < b->node);
}

/* Gives the sorted ADAPTERS their hosts. The second adapter of the same name and rail belongs to
 * another host that has the same name, as unnamed ones have. */
static void make_hosts(struct ct_fabric *f, const struct adapter *adapters, size_t n)
{
	uint32_t twin = 1;

	f->nhosts = 0;
	for (size_t i = 0; i < n; i++) {
		const struct adapter *a = &adapters[i];
		bool same = i > 0 && strcmp(a->host, a[-1].host) == 0;
		struct ct_fabric_host *host;

		twin = same && a->rail == a[-1].rail ? twin + 1 : 1;
		if (!same || twin > 1) {
			host = &f->hosts[f->nhosts++];
			*host = (struct ct_fabric_host){ .nhcas = 0 };
			if (twin > 1)
				snprintf(host->name, sizeof(host->name), "%.60s#%u", a->host, twin);
			else
				snprintf(host->name, sizeof(host->name), "%s", a->host);
		}
		f->hosts[f->nhosts - 1].nhcas++;
		f->nodes[a->node].host = (uint32_t)f->nhosts - 1;
		f->nodes[a->node].rail = a->rail;
	}
}

static ct_status find_hosts(struct ct_fabric *f)
{
	struct adapter *adapters = ct_alloc(f->nnodes, sizeof(*adapters));
	struct ct_fabric_host *hosts = ct_alloc(f->nnodes, sizeof(*hosts));
	size_t n = 0;

	if (adapters == NULL || hosts == NULL) {
		ct_free(adapters);
		ct_free(hosts);
		return CT_NOMEM;
	}
	for (uint32_t i = 0; i < f->nnodes; i++) {
		if (f->nodes[i].type != CT_FABRIC_HCA)
			continue;
		adapters[n].node = i;
		split_name(f->nodes[i].name, adapters[n].host, &adapters[n].rail);
		n++;
	}
	if (n > 1)
		qsort(adapters, n, sizeof(*adapters), compare_adapters);
	ct_free(f->hosts);
	f->hosts = hosts;
	make_hosts(f, adapters, n);
	ct_free(adapters);
	return CT_OK;
}

/* ---- levels ---------------------------------------------------------------------------------- */

static const struct ct_fabric_node *peer_node(const struct ct_fabric *f, uint32_t port)
{
	uint32_t peer = f->ports[port].peer;

	return peer == CT_FABRIC_NONE ? NULL : &f->nodes[f->ports[peer].node];
}

static uint32_t adapters_of(const struct ct_fabric *f, const struct ct_fabric_node *node)
{
	uint32_t n = 0;

	for (uint32_t p = node->first; p < node->first + node->nports; p++) {
		const struct ct_fabric_node *peer = peer_node(f, p);

		n += peer != NULL && peer->type == CT_FABRIC_HCA;
	}
	return n;
}

/* A host or two on a spine (a subnet manager, storage) do not make it a leaf: at least two switches
 * next to it have four times as many, and none has fewer. */
static bool is_leaf(const struct ct_fabric *f, const struct ct_fabric_node *node,
	const uint32_t *adapters)
{
	uint32_t own = adapters[node - f->nodes], above = 0;

	if (own == 0)
		return false;
	for (uint32_t p = node->first; p < node->first + node->nports; p++) {
		const struct ct_fabric_node *peer = peer_node(f, p);

		if (peer == NULL || peer->type != CT_FABRIC_SWITCH)
			continue;
		if (adapters[peer - f->nodes] < 4 * own)
			return true;
		above++;
	}
	return above < 2;
}

/* Breadth first from the leaves; QUEUE has room for all nodes. */
static void spread_levels(struct ct_fabric *f, uint32_t *queue, size_t n)
{
	for (size_t head = 0; head < n; head++) {
		const struct ct_fabric_node *node = &f->nodes[queue[head]];

		if (node->level > f->levels)
			f->levels = node->level;
		for (uint32_t p = node->first; p < node->first + node->nports; p++) {
			uint32_t peer = f->ports[p].peer;
			struct ct_fabric_node *next;

			if (peer == CT_FABRIC_NONE)
				continue;
			next = &f->nodes[f->ports[peer].node];
			if (next->type == CT_FABRIC_HCA || next->level != CT_FABRIC_NONE)
				continue;
			next->level = node->level + 1;
			queue[n++] = f->ports[peer].node;
		}
	}
}

static ct_status find_levels(struct ct_fabric *f)
{
	uint32_t *queue = ct_alloc(f->nnodes, sizeof(*queue));
	uint32_t *adapters = ct_alloc(f->nnodes, sizeof(*adapters));
	size_t n = 0;

	f->levels = 0;
	if (queue == NULL || adapters == NULL) {
		ct_free(queue);
		ct_free(adapters);
		return CT_NOMEM;
	}
	for (size_t i = 0; i < f->nnodes; i++) {
		f->nodes[i].level = f->nodes[i].type == CT_FABRIC_HCA ? 0 : CT_FABRIC_NONE;
		if (f->nodes[i].type == CT_FABRIC_SWITCH)
			adapters[i] = adapters_of(f, &f->nodes[i]);
	}
	for (uint32_t i = 0; i < f->nnodes; i++) {
		if (f->nodes[i].type != CT_FABRIC_SWITCH || !is_leaf(f, &f->nodes[i], adapters))
			continue;
		f->nodes[i].level = 1;
		queue[n++] = i;
	}
	spread_levels(f, queue, n);
	ct_free(queue);
	ct_free(adapters);
	return CT_OK;
}

ct_status ct_fabric_finish(struct ct_fabric *f)
{
	ct_status status = sort_nodes(f);

	if (status == CT_OK)
		status = find_hosts(f);
	return status == CT_OK ? find_levels(f) : status;
}
