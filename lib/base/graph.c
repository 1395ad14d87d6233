/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "alloc.h"
#include "buf.h"
#include "graph.h"

enum { GRAPH_FIRST = 8 };

/* Room for one more of N elements. The capacity is not kept: it is GRAPH_FIRST, then the next
 * power of two, so an array is full exactly when N is 0 or such a power. */
static bool room_for_one(void **array, size_t n, size_t each)
{
	bool full = n == 0 || (n >= GRAPH_FIRST && (n & (n - 1)) == 0);
	void *more;

	if (!full)
		return true;
	more = ct_realloc(*array, n == 0 ? (size_t)GRAPH_FIRST : n * 2, each);
	if (more == NULL)
		return false;
	*array = more;
	return true;
}

ct_status ct_graph_node(struct ct_graph *graph, const char *name, uint32_t kind, uint32_t *index)
{
	void *nodes = graph->nodes;
	struct ct_node *node;

	if (graph->nnodes >= UINT32_MAX)
		return ct_fail(CT_INVALID, "graph: more than %u nodes", UINT32_MAX);
	if (!room_for_one(&nodes, graph->nnodes, sizeof(*graph->nodes)))
		return CT_NOMEM;
	graph->nodes = nodes;
	node = &graph->nodes[graph->nnodes];
	memset(node, 0, sizeof(*node));
	ct_text_clean(node->name, sizeof(node->name), name);
	node->kind = kind;
	*index = (uint32_t)graph->nnodes++;
	return CT_OK;
}

ct_status ct_graph_edge(struct ct_graph *graph, uint32_t from, uint32_t to, double Bps,
			uint64_t latency_ns)
{
	void *edges = graph->edges;

	if (from >= graph->nnodes || to >= graph->nnodes)
		return ct_fail(CT_INVALID, "graph: edge %u -> %u, but there are %zu nodes", from,
			       to, graph->nnodes);
	if (!isfinite(Bps) || Bps < 0)
		return ct_fail(CT_INVALID, "graph: edge %u -> %u: rate %g is no rate", from, to,
			       Bps);
	if (!room_for_one(&edges, graph->nedges, sizeof(*graph->edges)))
		return CT_NOMEM;
	graph->edges = edges;
	graph->edges[graph->nedges++] = (struct ct_edge){ from, to, Bps, latency_ns };
	return CT_OK;
}

void ct_graph_free(struct ct_graph *graph)
{
	ct_free(graph->nodes);
	ct_free(graph->edges);
	memset(graph, 0, sizeof(*graph));
}
