/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside net: queues of requests, and messages from a rank to itself. */
#ifndef CT_NET_QUEUE_H
#define CT_NET_QUEUE_H

#include "net.h"

/* Requests in the order in which they were posted, linked by req->next. */
struct ct_fifo {
	struct ct_net_req *head, *tail;
};

static inline void ct_fifo_push(struct ct_fifo *q, struct ct_net_req *req)
{
	req->next = NULL;
	if (q->head == NULL)
		q->head = req;
	else
		q->tail->next = req;
	q->tail = req;
}

static inline struct ct_net_req *ct_fifo_pop(struct ct_fifo *q)
{
	struct ct_net_req *req = q->head;

	q->head = req->next;
	req->next = NULL;
	return req;
}

/* Ends every request of Q with STATUS. */
static inline void ct_fifo_fail(struct ct_fifo *q, ct_status status)
{
	while (q->head != NULL)
		ct_fifo_pop(q)->status = status;
}

/* A rank's messages to itself: a send and a receive complete together when both are there. */
struct ct_loop {
	struct ct_fifo sends, recvs;
};

/* Takes REQ, whose peer is this rank. Ends it and its partner with CT_CORRUPT if their lengths
 * differ. Copies at once, whatever the length. */
CT_MODULE_API void ct_loop_post(struct ct_loop *loop, struct ct_net_req *req);

/* The rows that registry.c lists and the wrappers it puts around them. */
extern const struct ct_net_ops ct_net_self, ct_net_shm, ct_net_tcp;

/* Puts a wrapper around the open NET, which it owns from then on: NET becomes the wrapper. On an
 * error NET stays as it was. TEXT: see struct ct_net_wrap. */
ct_status ct_net_wrap_fault(struct ct_net *net, const char *text);
ct_status ct_net_wrap_trace(struct ct_net *net, const char *text);

/* A copy of OPS whose absent callbacks answer "unsupported" (those that are optional do nothing);
 * NULL when there is no memory. Free with ct_free(). */
struct ct_net_ops *ct_net_fill(const struct ct_net_ops *ops);

/* Options of shm, tcp and verbs over their own settings at BASE inside a larger struct (0: alone). */
#define CT_SHM_OPTIONS(base) \
	{ "shm-cell", 0, CT_OPT_SIZE, (base) + offsetof(struct ct_shm_settings, cell_bytes), \
		"8K", 256, 1 << 20, NULL, "SIZE", "payload of one cell of a shared-memory ring" }, \
	{ "shm-single", 0, CT_OPT_SIZE, (base) + offsetof(struct ct_shm_settings, single_bytes), \
		"256K", 0, 9e18, NULL, "SIZE", \
		"messages from this size on are copied once, by process_vm_readv; 0 = never" }
#define CT_TCP_OPTIONS(base) \
	{ "tcp-iface", 0, CT_OPT_TEXT, (base) + offsetof(struct ct_tcp_settings, iface), \
		NULL, 0, 0, NULL, "NAME", "interface or address to listen on; default: loopback if all ranks " \
		"share one host, else the interface of the default route" }, \
	{ "tcp-connections", 0, CT_OPT_INT, \
		(base) + offsetof(struct ct_tcp_settings, connections), "0", 0, 16, NULL, "N", "connections per peer; 0 = 1 on one host, 4 between hosts" }, \
	{ "tcp-buffer", 0, CT_OPT_SIZE, (base) + offsetof(struct ct_tcp_settings, buffer), \
		"0", 0, 1 << 30, NULL, "SIZE", "socket buffers; 0 = the system's own" }
#define CT_VERBS_OPTION(base, name, type, field, dflt, low, high, arg, help) \
	{ name, 0, type, (base) + offsetof(struct ct_verbs_settings, field), dflt, low, high, NULL, \
		arg, help }
#define CT_VERBS_OPTIONS(base) \
	CT_VERBS_OPTION(base, "ib-dev", CT_OPT_TEXT, dev, NULL, 0, 0, "DEV", \
		"RDMA device, or DEV:PORT; several by comma are used together as rails; " \
		"default: one whose port is active and, on Ethernet, has a routable RoCE " \
		"v2 GID, dealt out to the ranks of a host"), \
	CT_VERBS_OPTION(base, "ib-port", CT_OPT_INT, port, "0", 0, 255, "N", \
		"port of the RDMA device; 0 = any that is active"), \
	CT_VERBS_OPTION(base, "ib-gid", CT_OPT_TEXT, gid, NULL, 0, 0, "GID", \
		"GID by index or address, on InfiniBand too (global routing header); " \
		"default: by type, address and interface; on InfiniBand none: by LID"), \
	CT_VERBS_OPTION(base, "ib-tc", CT_OPT_INT, tc, "0", 0, 255, "N", \
		"traffic class of packets with a global header: DSCP is its upper six bits"), \
	CT_VERBS_OPTION(base, "ib-flow-seed", CT_OPT_INT, flow_seed, "0", 0, 1 << 30, "N", \
		"flow labels of packets with a global header are made from N, one for each " \
		"connection; RoCE's source ports follow them on most adapters; 0 = the driver's " \
		"choice"), \
	CT_VERBS_OPTION(base, "ib-sl", CT_OPT_INT, sl, "0", 0, 15, "N", \
		"service level; on Ethernet the priority of some devices"), \
	CT_VERBS_OPTION(base, "mtu", CT_OPT_INT, mtu, "0", 0, 4096, "BYTES", \
		"most payload of an RDMA packet: 256, 512, 1024, 2048 or 4096; 0 = as the " \
		"port"), \
	CT_VERBS_OPTION(base, "qps", CT_OPT_INT, qps, "1", 1, 16, "N", \
		"queue pairs per peer and rail; large messages are spread over them"), \
	CT_VERBS_OPTION(base, "inline", CT_OPT_INT, inline_bytes, "-1", -1, 1024, "BYTES", \
		"data of sends up to this size travel in the request itself; -1 = what is " \
		"usual for the use"), \
	CT_VERBS_OPTION(base, "tx-depth", CT_OPT_INT, tx_depth, "0", 0, 32768, "N", \
		"send requests that a queue pair holds; 0 = what the use needs"), \
	CT_VERBS_OPTION(base, "rx-depth", CT_OPT_INT, rx_depth, "0", 0, 32768, "N", \
		"receive requests that a queue pair holds; 0 = what the use needs"), \
	CT_VERBS_OPTION(base, "cq-mod", CT_OPT_INT, cq_mod, "0", 0, 32768, "N", \
		"one completion is asked for every so many sends; 0 = what is usual for the " \
		"use"), \
	CT_VERBS_OPTION(base, "ib-lazy", CT_OPT_INT, lazy, "64", 0, 1 << 20, "RANKS", \
		"jobs of so many ranks or more connect two of them at their first message; 0 = " \
		"never; not with --rail-failover"), \
	CT_VERBS_OPTION(base, "ib-srq", CT_OPT_INT, srq, "64", 0, 1 << 20, "RANKS", \
		"in jobs of so many ranks or more the receives of a device are shared by all " \
		"peers; 0 = never; not with --rail-failover"), \
	CT_VERBS_OPTION(base, "ib-huge-pages", CT_OPT_FLAG, huge_pages, NULL, 0, 0, NULL, \
		"the pools of small messages lie in huge pages, one at least for each peer"), \
	CT_VERBS_OPTION(base, "relaxed-ordering", CT_OPT_FLAG, relaxed_ordering, NULL, 0, 0, NULL, \
		"let PCIe reorder the device's writes into registered memory"), \
	CT_VERBS_OPTION(base, "rail-failover", CT_OPT_FLAG, rail_failover, NULL, 0, 0, NULL, \
		"go on when one of several rails is lost")
#define CT_VERBS_SUMMARY "RDMA verbs over InfiniBand or RoCE, a reliable connection per pair"
#define CT_NO_OPTION { NULL, 0, CT_OPT_FLAG, 0, NULL, 0, 0, NULL, NULL, NULL }

#endif
