/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune topo --fabric: where a fabric comes from and how it is shown. */
#ifndef CT_BENCH_FABRIC_H
#define CT_BENCH_FABRIC_H

#include "advise/advise.h"
#include "topo/topo.h"

/* Why the InfiniBand reader was not built; NULL = it was. */
extern const char *const ct_fabric_ib_missing;

/* Reads the subnet at PORT (0 = the first that works) of adapter CA (NULL = the first) by management
 * packets: nodes and cables, then, unless CABLES alone are asked for, error counters and forwarding
 * tables, all until BY. What does not
 * answer makes FABRIC partial. Freed with ct_fabric_free(). CT_UNSUPPORTED (not built, no adapter with
 * InfiniBand), CT_IO (may not open it), CT_NOMEM. One thread at a time. */
ct_status ct_fabric_ib_read(const char *ca, int port, bool cables, struct ct_deadline by,
	struct ct_fabric *fabric);

/* Writes PATH (0644), an SVG (or PNG, by its name's end) drawing: levels above each other, hosts and switches one by one where they
 * are few, else those that are cabled alike as one; what FINDINGS name is red. CT_IO, CT_NOMEM. */
ct_status ct_fabric_draw(const struct ct_fabric *fabric, const struct ct_findings *findings,
	const char *path);

/* The same SVG added to OUT, to stand in a page. CT_NOMEM. */
ct_status ct_fabric_svg(const struct ct_fabric *fabric, const struct ct_findings *findings,
	struct ct_buf *out);

/* Writes PATH (0644) for Graphviz: every node and cable. CT_IO, CT_NOMEM. */
ct_status ct_fabric_dot(const struct ct_fabric *fabric, const char *path);

struct ct_fabric_settings {
	const char *load, *save, *draw, *dot, *cluster, *ca, *lldp;
	bool identify, json, cables;
	uint64_t timeout;
};

/* The whole of `topo --fabric`, on one rank. */
ct_status ct_fabric_command(const struct ct_fabric_settings *settings, int *exit_code);

#endif
