/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine as XML files for others: NCCL's topology and a drawing. Written with libxml2, which the
 * library does not link, so they live with the command. */
#ifndef CT_BENCH_PICTURE_H
#define CT_BENCH_PICTURE_H

#include "topo/topo.h"

/* Writes PATH (0644) for NCCL_TOPO_FILE. What no machine file knows (a GPU's compute capability and
 * index, NCCL's own numbering of NICs), and what this one does not (NVLinks, a link), is left out, and NCCL fills
 * it in on the machine itself; NOTES says what was. CT_IO, CT_NOMEM, CT_UNSUPPORTED (no PCI
 * devices). */
ct_status ct_picture_nccl(const struct ct_machine *machine, const char *path,
	struct ct_buf *notes);

/* Writes PATH (0644), an SVG (or PNG, by its name's end) drawing of the node:
 * processors nested as they are, PCI as a tree of links with their rates; what runs below what it can is
 * red and says so. CT_IO, CT_NOMEM. */
ct_status ct_picture_draw(const struct ct_machine *machine, const char *path);

/* The same SVG added to OUT, to stand in a page. CT_NOMEM. */
ct_status ct_picture_svg(const struct ct_machine *machine, struct ct_buf *out);

/* Writes PATH (0644) for Graphviz: the same boxes, nested as clusters, and links with their rates. CT_IO,
 * CT_NOMEM. */
ct_status ct_picture_dot(const struct ct_machine *machine, const char *path);

#endif
