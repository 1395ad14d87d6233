/* SPDX-License-Identifier: BSD-3-Clause */
/* DCB and queues of network interfaces by rtnetlink: built with libmnl, else a word that it is not. */
#ifndef CT_BENCH_DCB_H
#define CT_BENCH_DCB_H

#include "topo/topo.h"

/* A ct_dcb_reader: asks this machine's kernel, or reads RECORDED. Needs no root. A recorded answer may
 * hold anything: what does not fit is refused. */
bool ct_dcb_read(const char *netdev, const char *recorded, struct ct_dcb *dcb, char *why);

/* Adds the kernel's answer for NETDEV to OUT as ct_dcb_read() takes it: hexadecimal, 32 bytes a line.
 * CT_UNSUPPORTED: the driver has no DCB; CT_IO. */
ct_status ct_dcb_record(const char *netdev, struct ct_buf *out);

/* A ct_queue_reader: what tc -s qdisc shows as marked and dropped by red, choke, codel, fq_codel and pie
 * of NETDEV. Needs no root. */
bool ct_queue_read(const char *netdev, struct ct_queue_counts *counts);

#endif
