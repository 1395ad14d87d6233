/* SPDX-License-Identifier: BSD-3-Clause */
/* The time of every pair as a drawing. */
#ifndef CT_BENCH_HEAT_H
#define CT_BENCH_HEAT_H

#include "accept/accept.h"

/* Writes PATH, an SVG (or PNG, by its name's end): senders down, receivers across, each cell by how many times the
 * median it takes; of more than 256 nodes a cell is the worst of several. CT_INVALID without a matrix;
 * CT_IO, CT_NOMEM, CT_UNSUPPORTED. */
ct_status ct_heat_draw(const struct ct_accept_report *report, const char *path);

#endif
