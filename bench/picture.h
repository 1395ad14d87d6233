/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine as XML files for others: NCCL's topology and a drawing. Written with libxml2, which the
 * library does not link, so they live with the command. */
#ifndef CT_BENCH_PICTURE_H
#define CT_BENCH_PICTURE_H

#include "topo/topo.h"

/* Writes PATH (0644) for NCCL_TOPO_FILE. What no machine file knows (NVLink, a GPU's compute
 * capability and index, links of switches, NCCL's own numbering of NICs) is left out, and NCCL fills
 * it in on the machine itself; NOTES says what was. CT_IO, CT_NOMEM, CT_UNSUPPORTED (no PCI
 * devices). */
ct_status ct_picture_nccl(const struct ct_machine *machine, const char *path,
	struct ct_buf *notes);

/* Writes PATH (0644), an SVG (or PNG, by its name's end) drawing of the node: boxes nested as the hardware is, devices with
 * their links; what runs below what it can is red and says so. CT_IO, CT_NOMEM. */
ct_status ct_picture_draw(const struct ct_machine *machine, const char *path);

#endif
