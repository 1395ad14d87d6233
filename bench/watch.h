/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports watched over time: a line of watch.jsonl for each look, and its picture. */
#ifndef CT_BENCH_WATCH_H
#define CT_BENCH_WATCH_H

#include "job.h"

/* A look is {"kind":"look","at_s":T,"hosts":[{"host":H,"ce_packets":N,"ports":[PORT,…]},…]}; a PORT has
 * device, port, seconds (since the look before) and, where they are exposed, tx_Bps, rx_Bps, rate_of
 * ("RDMA" or "interface"), rx_pause_share, tx_pause_share, rx_pause, tx_pause, marks, cnps,
 * retransmissions, drops. Absent is not exposed. */

/* One port of a look for the terminal, without line break. All of it is foreign text. */
void ct_watch_port_text(const json_t *host, const json_t *port, struct ct_buf *out);

/* Who originates the pause of LOOK: ports that send it and are not paused themselves; "" = nobody pauses,
 * or nobody tells. */
void ct_watch_origin(const json_t *look, struct ct_buf *out);

/* The same for Prometheus, text format 0.0.4. */
void ct_watch_prometheus(const json_t *look, struct ct_buf *out);

/* colltune roce watch; ARG is a struct ct_roce_settings. */
ct_status ct_roce_watch(struct ct_rank *rank, void *arg, int *code);

/* Follows DIR/watch.jsonl for colltune view: *LOOKS grows with what is new, at most the newest 64. */
struct ct_watch_view;
ct_status ct_watch_view_open(const char *dir, struct ct_watch_view **view); /* CT_NOTFOUND: no such file */
void ct_watch_view_close(struct ct_watch_view *view);
void ct_watch_view_show(struct ct_watch_view *view, struct ct_buf *out);

#endif
