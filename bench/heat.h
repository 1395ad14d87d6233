/* SPDX-License-Identifier: BSD-3-Clause */
/* The time of every pair as a drawing, and as a file. */
#ifndef CT_BENCH_HEAT_H
#define CT_BENCH_HEAT_H

#include "accept/accept.h"

/* matrix.json holds at most so many nodes. */
enum { CT_HEAT_FILE_MOST = 1024 };

struct ct_heat {
	uint32_t nodes;
	const double *ns; /* from node I to node K at [I * nodes + K]; 0 = not measured */
	const char *what; /* "host", "rank", "node" */
	void (*name)(const void *arg, uint32_t node, char out[CT_HOST_NAME]);
	const void *arg;
	bool oversubscribed, pretended;
};

/* REPORT's matrix. CT_INVALID, which names OPTION, without one. Borrows REPORT. */
ct_status ct_heat_of(const struct ct_accept_report *report, const char *option, struct ct_heat *heat);

/* Writes PATH, an SVG (or PNG, by its name's end): senders down, receivers across, each cell by how many times the
 * median it takes; of more than 256 nodes a cell is the 90 % quantile of several pairs. CT_IO, CT_NOMEM, CT_UNSUPPORTED. */
ct_status ct_heat_draw(const struct ct_heat *heat, const char *path);

/* The same added to OUT with at most 64 cells to a side, to stand in a page. CT_NOMEM. */
ct_status ct_heat_svg(const struct ct_heat *heat, struct ct_buf *out);

/* "colltune-matrix/1" (docs/formats.md), a new reference; NULL = no memory. At most CT_HEAT_FILE_MOST nodes. */
json_t *ct_heat_json(const struct ct_heat *heat);

/* The inverse: HEAT borrows JSON, and owns its ns, freed with ct_free(). CT_INVALID names the key, CT_NOMEM. */
ct_status ct_heat_parse(const json_t *json, const char *file, struct ct_heat *heat);

/* The slowest pairs, of those above 1.1 times the median, as [{"from", "to", "ns", "times"}], the worst first, at most MOST; a new reference, NULL = no
 * memory. */
json_t *ct_heat_worst(const struct ct_heat *heat, size_t most);

#endif
