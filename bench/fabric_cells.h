/* SPDX-License-Identifier: BSD-3-Clause */
/* A fabric as the few cells and wires of a drawing. */
#ifndef CT_BENCH_FABRIC_CELLS_H
#define CT_BENCH_FABRIC_CELLS_H

#include "advise/advise.h"
#include "topo/topo.h"

/* A host, a switch, or N switches of one level that are cabled alike. */
struct ct_cell {
	uint32_t level, first, last; /* level 0: a host; its first and last node */
	uint32_t n, hosts;	     /* nodes; adapters below */
	bool bad;		     /* there is a finding */
	int x, y, width, height;     /* for who draws */
};

/* All cables between two cells. */
struct ct_cell_wire {
	uint32_t low, high, cables;
	bool bad;
};

struct ct_cells {
	const struct ct_fabric *fabric;
	struct ct_cell *cells;
	struct ct_cell_wire *wires;
	size_t n, nwires;
	uint32_t *cell_of;	   /* of each node, or CT_FABRIC_NONE: not drawn */
	bool *bad_node, *bad_port; /* named by a finding */
	bool hosts;		   /* hosts have cells of their own */
};

/* Freed with ct_cells_free(). CT_NOMEM. */
ct_status ct_cells_make(const struct ct_fabric *fabric, const struct ct_findings *findings,
	struct ct_cells *cells);
void ct_cells_free(struct ct_cells *cells);

#endif
