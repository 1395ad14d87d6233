/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ends of RoCE links, part of the door of topo: for each port of each RDMA device on Ethernet what
 * decides about priorities, pause, marking and loss, and what was counted. A captured tree is read as
 * this machine is. What cannot be read is absent and said so, never 0.
 */
#ifndef CT_TOPO_ENDS_H
#define CT_TOPO_ENDS_H

#include "base/base.h"
#include "counters.h"

enum { CT_PRIORITIES = 8, CT_DCB_APPS = 128, CT_END_GIDS = 32, CT_END_CC = 48, CT_END_MISSING = 12 };
enum { CT_END_RIDES = 4, CT_DSCPS = 64 };

/* ---- DCB: priorities, PFC, buffers ----------------------------------------------------------- */

/* Selectors and flags as linux/dcbnl.h has them. */
enum { CT_APP_DGRAM = 3, CT_APP_PORT = 4, CT_APP_DSCP = 5, CT_ROCE_UDP_PORT = 4791, CT_DCBX_MANAGED = 2, CT_DCBX_STATIC = 16 };

struct ct_dcb_app {
	uint8_t selector, priority;
	uint16_t protocol;
};

struct ct_dcb {
	bool pfc_known, ets_known, buffer_known, dcbx_known, peer_pfc_known, peer_ets_known;
	uint8_t pfc_mask, peer_pfc_mask;      /* bit i = priority i is lossless */
	uint8_t dcbx;                         /* CT_DCBX_… */
	bool willing;                         /* takes ETS from the peer */
	uint16_t delay;                       /* PFC's delay allowance */
	uint64_t requests[CT_PRIORITIES], indications[CT_PRIORITIES]; /* pause frames sent, received */
	uint8_t prio_tc[CT_PRIORITIES], tsa[CT_PRIORITIES], bandwidth[CT_PRIORITIES]; /* %, of TCs */
	uint8_t prio_buffer[CT_PRIORITIES];
	uint32_t buffer[CT_PRIORITIES], buffers; /* bytes */
	struct ct_dcb_app apps[CT_DCB_APPS];
	size_t napps;
	/* what the other end of the cable said by LLDP */
	uint8_t peer_prio_tc[CT_PRIORITIES], peer_tsa[CT_PRIORITIES], peer_bandwidth[CT_PRIORITIES];
	struct ct_dcb_app peer_apps[CT_DCB_APPS];
	size_t npeer_apps;
};

/* The priority that DSCP (0 to 63) gets: as the APP table maps it, else DSCP / 8 where the table has
 * any DSCP (the driver then trusts it), else 0, since untagged packets have no other. Pure. */
unsigned int ct_dcb_priority(const struct ct_dcb *dcb, unsigned int dscp);

/* The priority on which the other end wants RoCE, by its APP table: of DSCP where that has a row, else of UDP
 * port 4791; -1 where it has neither. Pure. */
int ct_dcb_peer_priority(const struct ct_dcb *dcb, unsigned int dscp);

/* Asks for the DCB of interface NETDEV: of this machine, or, with RECORDED, out of the text of a
 * recorded answer ("said/dcb-NETDEV" of a captured tree, hexadecimal). False: WHY has room for 128. */
typedef bool ct_dcb_reader(const char *netdev, const char *recorded, struct ct_dcb *dcb, char *why);

/* ---- queues of the kernel --------------------------------------------------------------------- */

/* What the kernel's queues of an interface that can mark counted since they were made. Soft RoCE goes
 * through them, RDMA of an adapter does not. */
struct ct_queue_counts {
	char kinds[48]; /* "red", "fq_codel, red" */
	uint64_t marked, dropped; /* packets */
};

/* Asks this machine's kernel about interface NETDEV. False: it has no such queue, or nobody tells. */
typedef bool ct_queue_reader(const char *netdev, struct ct_queue_counts *counts);

/* ---- the interface's own statistics ---------------------------------------------------------- */

/* One row: id, our name, what. The first ones are by priority. */
#define CT_NETSTAT_LIST(X)                                                                         \
	X(RX_PAUSE, "rx_pause", "pause frames received on the priority: it was stopped")               \
	X(TX_PAUSE, "tx_pause", "pause frames sent: it stopped the network")                           \
	X(RX_PAUSED_US, "rx_paused_us", "microseconds that it was stopped")                            \
	X(TX_PAUSED_US, "tx_paused_us", "microseconds that it stopped the network")                    \
	X(PRIO_TX_BYTES, "tx_bytes", "bytes sent on the priority")                                     \
	X(PRIO_RX_BYTES, "rx_bytes", "bytes received on the priority")                                 \
	X(PRIO_DISCARDS, "discards", "packets dropped for want of a buffer")                           \
	X(GLOBAL_RX_PAUSE, "global_rx_pause", "pause frames for all priorities received")              \
	X(GLOBAL_TX_PAUSE, "global_tx_pause", "pause frames for all priorities sent")                  \
	X(STORM_WARNINGS, "storm_warnings", "the storm guard nearly struck")                           \
	X(STORM_ERRORS, "storm_errors", "the storm guard struck: pause is off for a while")            \
	X(OVERSIZE, "oversize", "packets longer than the MTU received")                                \
	X(PORT_DISCARDS, "port_discards", "packets that overflowed the port's buffer")                 \
	X(PCI_STALLED, "pci_stalled_seconds", "seconds in which PCIe held back writes for 30 %")       \
	X(LANE_ERRORS, "lane_errors", "symbol errors of the lanes")

#define CT_NETSTAT_ENUM(id, name, what) CT_NETSTAT_##id,
enum ct_netstat_id { CT_NETSTAT_LIST(CT_NETSTAT_ENUM) CT_NNETSTATS };
#undef CT_NETSTAT_ENUM
enum { CT_NETSTATS_BY_PRIORITY = CT_NETSTAT_GLOBAL_RX_PAUSE };

struct ct_netstats {
	uint64_t exposed;                                  /* bit of id */
	uint64_t value[CT_NNETSTATS][CT_PRIORITIES];       /* not by priority: at 0 */
};

const char *ct_netstat_name(enum ct_netstat_id id);

/* All priorities together; false and 0 where it is not exposed. Pure. */
bool ct_netstat_sum(const struct ct_netstats *stats, enum ct_netstat_id id, uint64_t *sum);

/* Reads "  name: value" lines as ethtool -S prints them. Pure. */
void ct_netstats_parse(const char *text, struct ct_netstats *stats);

/* OUT: what happened from BEFORE to AFTER; one that fell was reset and counts from 0. Pure. */
void ct_netstats_delta(const struct ct_netstats *before, const struct ct_netstats *after,
	struct ct_netstats *out);

/* ---- an end ---------------------------------------------------------------------------------- */

struct ct_end_gid {
	unsigned int index;
	unsigned int version; /* 1 or 2 */
	char kind[12];        /* "link-local", "IPv4", "IPv6" */
	char netdev[32];
};

struct ct_end_value {
	char name[40];
	uint64_t value;
};

/* Numbers are CT_END_UNKNOWN and texts "" where they cannot be read. */
#define CT_END_UNKNOWN UINT64_MAX

/* What left an end while flows of one library ran there, whoever sent it. */
struct ct_end_ride {
	char who[24];             /* "native", "mpi", "nccl" */
	char library[96];         /* "Open MPI v4.1.4, pml ucx"; "" = not told */
	char told_by[96];         /* which variable, of which file, or option told the class; "" = none */
	uint64_t told;            /* traffic class 0 to 255; CT_END_UNKNOWN: told none */
	uint64_t sent, sent_bytes; /* by the RDMA device, CT_END_UNKNOWN where not exposed */
	bool dscp_known;          /* packets of RoCE v2 passed the kernel, which tells their DSCP */
	uint64_t packets[CT_DSCPS];
	bool priority_known;      /* the interface counts by priority */
	uint64_t bytes[CT_PRIORITIES];
};

struct ct_end {
	char device[64], netdev[32], driver[16];
	uint64_t port;
	bool active;
	uint64_t rate_Mbps, net_mtu, rdma_mtu;
	bool dcb_known;
	struct ct_dcb dcb;
	uint64_t rx_pause, tx_pause;      /* global pause on (1) or off (0) */
	uint64_t storm_guard_ms;
	uint64_t traffic_class, cm_tos;   /* of queue pairs that verbs makes; of connection manager's */
	char cm_mode[24];                 /* "RoCE v2" */
	uint64_t np_mask, rp_mask;        /* priorities on which DCQCN answers marks, slows down */
	struct ct_end_value cc[CT_END_CC]; /* parameters of congestion control */
	size_t ncc;
	struct ct_end_gid gids[CT_END_GIDS];
	size_t ngids;
	char bond[32], bond_mode[32], bond_hash[32];
	char iommu[16];
	bool queue_known;
	struct ct_queue_counts queue;     /* as counts */
	struct ct_counts counts;          /* since the counters began, or in the window */
	struct ct_netstats stats;
	bool windowed;                    /* counted in a window, not since the counters began */
	double seconds;                   /* of counts and stats; 0 = not known */
	struct ct_end_ride rides[CT_END_RIDES];
	size_t nrides;
};

/* Takes lines "DEVICE WHO CLASS|- dscp|priority|sent N COUNT" as said/roce-rides of a captured tree has them (packets,
 * bytes, bytes) and keeps those of END's device; others are left out. Pure. */
void ct_rides_parse(const char *text, struct ct_end *end);

/* What somebody measured, said/roce-probes of a captured tree or --traffic: lines "name value". */
#define CT_PROBE_LIST(X)                                                                           \
	X(SAME_RAIL, "same_rail", "share of pairs of NICs of one rail that reach each other")          \
	X(CROSS_RAIL, "cross_rail", "share of pairs of NICs of two rails that reach each other")       \
	X(HOST_BPS, "host_Bps", "rate from the memory of the host")                                    \
	X(GPU_BPS, "gpu_Bps", "rate from the memory of a GPU")                                         \
	X(FLOW_LOW_BPS, "flow_low_Bps", "slowest of equal flows with other ports")                     \
	X(FLOW_HIGH_BPS, "flow_high_Bps", "fastest of them")                                           \
	X(FORWARD_BPS, "forward_Bps", "rate from the first rank to the second")                        \
	X(BACKWARD_BPS, "backward_Bps", "rate back")                                                   \
	X(ORDERED_NS, "ordered_ns", "time of a 4 MB message without relaxed ordering")                 \
	X(RELAXED_NS, "relaxed_ns", "time of it with relaxed ordering")                                \
	X(ECE_ERRORS, "ece_errors", "failed connections with enhanced connection setup")               \
	X(PLAIN_ERRORS, "plain_errors", "failed connections without")                                  \
	X(GOODPUT, "goodput", "share of the link's rate that an incast had")

#define CT_PROBE_ENUM(id, name, what) CT_PROBE_##id,
enum ct_probe_id { CT_PROBE_LIST(CT_PROBE_ENUM) CT_NPROBES };
#undef CT_PROBE_ENUM

struct ct_probes {
	uint32_t known; /* bit of id */
	double value[CT_NPROBES];
};

const char *ct_probe_name(enum ct_probe_id id);

/* Takes lines "name value"; others are left out. Pure. */
void ct_probes_parse(const char *text, struct ct_probes *probes);

/* All ends of a host. */
struct ct_ends {
	char host[64];
	struct ct_end *list;
	size_t n;
	bool captured;
	char label[96];          /* said/label of a captured tree: "synthetic: …" */
	bool windowed;
	double seconds;          /* since the host was started; 0 = not known */
	bool ce_known;
	uint64_t ce_packets;     /* IP packets with a congestion mark that the kernel took */
	struct ct_probes probes;
	char missing[CT_END_MISSING][160]; /* what could not be read, and why */
	size_t nmissing;
};

/* Between two readings of the counters: so long, or while MEANWHILE runs. */
struct ct_ends_window {
	uint64_t ns;
	ct_status (*meanwhile)(void *arg); /* NULL: nothing but time */
	void *arg;
};

/* What the core does not link itself; each may be NULL. */
struct ct_ends_readers {
	ct_dcb_reader *dcb;
	ct_queue_reader *queue; /* not asked about captured trees */
};

/* Reads the ends below SYSROOT (NULL: this machine); InfiniBand's ports are left out.
 * With a WINDOW (NULL: none) only what was counted in it is told (this machine only). *ENDS is freed
 * with ct_ends_free(). CT_IO, CT_UNSUPPORTED, CT_NOMEM, or what MEANWHILE said; takes some milliseconds
 * for each port and the window. */
ct_status ct_ends_read(const char *sysroot, const struct ct_ends_readers *readers,
	const struct ct_ends_window *window, struct ct_ends **ends);
void ct_ends_free(struct ct_ends *ends);

/* The interface's statistics now: this machine's, or SYSROOT's as recorded. False: there are none. */
bool ct_netstats_read(const char *sysroot, const char *netdev, struct ct_netstats *stats);

/* IP packets with a congestion mark that the kernel of this machine, or SYSROOT's, took (IpExt InCEPkts).
 * False: not told. */
bool ct_ce_packets(const char *sysroot, uint64_t *packets);

/* The interface's global pause and storm guard, of this machine (ethtool's ioctl); each stays as it is
 * where the driver has no answer. */
void ct_netdev_pause(const char *netdev, uint64_t *rx, uint64_t *tx, uint64_t *guard_ms);

#endif
