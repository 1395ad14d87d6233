/* SPDX-License-Identifier: BSD-3-Clause */
/* A plain graph of places and links: topo fills one, model reads one; they never meet. */
#ifndef CT_BASE_GRAPH_H
#define CT_BASE_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct ct_node {
	char name[48];
	uint32_t kind; /* meaning belongs to who fills the graph */
};

struct ct_edge {
	uint32_t from, to;
	double Bps;          /* bytes per second in the direction from -> to; 0 = unknown */
	uint64_t latency_ns; /* 0 = unknown */
};

struct ct_graph {
	struct ct_node *nodes;
	struct ct_edge *edges;
	size_t nnodes, nedges;
};

/* Adds a node or an edge to GRAPH, which starts zeroed; *INDEX is the node's number. NAME is
 * cleaned as by ct_text_clean() and cut to 47 bytes. CT_NOMEM, CT_INVALID (an end that is no node, a rate
 * that is negative or no number). */
ct_status ct_graph_node(struct ct_graph *graph, const char *name, uint32_t kind, uint32_t *index);
ct_status ct_graph_edge(struct ct_graph *graph, uint32_t from, uint32_t to, double Bps,
	uint64_t latency_ns);

/* Frees what GRAPH holds and zeroes it. */
void ct_graph_free(struct ct_graph *graph);

#endif
