/* SPDX-License-Identifier: BSD-3-Clause */
/* With which DSCP packets of RoCE v2 leave, where they pass the kernel: soft RoCE's do, an adapter's do not. */
#ifndef CT_BENCH_ROCE_TAP_H
#define CT_BENCH_ROCE_TAP_H

#include "topo/topo.h"

struct ct_tap;

/* Looks at what leaves interface NETDEV until ct_tap_close(), in a thread of its own; it reads headers of packets
 * that leave and changes nothing. CT_UNSUPPORTED: needs CAP_NET_RAW; CT_NOTFOUND: no such interface; CT_NOMEM. */
ct_status ct_tap_open(const char *netdev, struct ct_tap **tap);
void ct_tap_close(struct ct_tap *tap);

/* Packets of RoCE v2 so far, by DSCP. Where they come faster than they can be looked at some are left out. */
void ct_tap_read(struct ct_tap *tap, uint64_t packets[CT_DSCPS]);

/* The DSCP of a packet that begins with its IP header (BYTES of it are there) if it is RoCE v2, else -1. Pure. */
int ct_tap_dscp(const unsigned char *packet, size_t bytes);

#endif
