/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of RDMA ports and of their network interfaces, part of the door of topo. One vocabulary
 * over the names of every driver; a captured tree is read as this machine is. What a driver does
 * not expose is absent, never 0.
 *
 * Read twice, ct_port_delta() says what happened between: that part is pure.
 */
#ifndef CT_TOPO_COUNTERS_H
#define CT_TOPO_COUNTERS_H

#include "base/base.h"

/* What a counter tells about. RECEIVER: the host had no receive posted, which the network cannot
 * help. */
enum ct_count_class {
	CT_COUNT_TRAFFIC,
	CT_COUNT_LOSS,
	CT_COUNT_RETRANSMISSION,
	CT_COUNT_MARK,
	CT_COUNT_CNP,
	CT_COUNT_PAUSE,
	CT_COUNT_RECEIVER,
	CT_COUNT_ERROR,
	CT_COUNT_CLASSES,
};

/* One row: id, our name, unit, class, what it counts. In each class those that say most come
 * first. Meanings: the kernel's Documentation/ABI/stable/sysfs-class-infiniband for the port's own
 * counters, the drivers' sources (see ct_count_sources()) for the rest. */
#define CT_COUNT_LIST(X)                                                                           \
	X(TX_BYTES, "tx_bytes", "B", TRAFFIC, "sent by RDMA through this port")                    \
	X(RX_BYTES, "rx_bytes", "B", TRAFFIC, "received by RDMA through this port")                \
	X(TX_PACKETS, "tx_packets", "packets", TRAFFIC, "sent by RDMA through this port")          \
	X(RX_PACKETS, "rx_packets", "packets", TRAFFIC, "received by RDMA through this port")      \
	X(NET_TX_BYTES, "net_tx_bytes", "B", TRAFFIC, "sent by the port's network interface")      \
	X(NET_RX_BYTES, "net_rx_bytes", "B", TRAFFIC, "received by the port's network interface")  \
	X(NET_TX_PACKETS, "net_tx_packets", "packets", TRAFFIC, "sent by the interface")           \
	X(NET_RX_PACKETS, "net_rx_packets", "packets", TRAFFIC, "received by the interface")       \
	X(RX_OUT_OF_SEQUENCE, "rx_out_of_sequence", "packets", LOSS,                               \
		"received after a gap: packets were lost or overtaken")                            \
	X(RX_DROPS, "rx_drops", "packets", LOSS, "received and discarded by the device")           \
	X(TX_DROPS, "tx_drops", "packets", LOSS,                                                   \
		"not sent: the port was down or congested, or a limit was reached")                \
	X(NET_RX_DROPS, "net_rx_drops", "packets", LOSS, "received and dropped by the interface")  \
	X(NET_TX_DROPS, "net_tx_drops", "packets", LOSS, "dropped by the interface before sending") \
	X(NET_RX_MISSED, "net_rx_missed", "packets", LOSS, "missed by the interface: no buffer")   \
	X(RETRANSMITS, "retransmits", "packets", RETRANSMISSION, "sent again")                     \
	X(RETRIES, "retries", "events", RETRANSMISSION,                                            \
		"times a sender went back and sent again, for whatever reason")                    \
	X(SEQ_NAKS, "seq_naks", "events", RETRANSMISSION,                                          \
		"a receiver told this sender of a gap, so that it went back")                      \
	X(IMPLIED_NAKS, "implied_naks", "events", RETRANSMISSION,                                  \
		"a later response told this sender that an earlier one was lost")                  \
	X(ACK_TIMEOUTS, "ack_timeouts", "events", RETRANSMISSION,                                  \
		"no acknowledgement came in time")                                                 \
	X(DUPLICATE_REQUESTS, "duplicate_requests", "packets", RETRANSMISSION,                     \
		"received though done before: the peer sent again")                                \
	X(ADAPTIVE_RETRANSMITS, "adaptive_retransmits", "events", RETRANSMISSION,                  \
		"adaptive retransmissions of RoCE")                                                \
	X(ADAPTIVE_TIMEOUTS, "adaptive_timeouts", "events", RETRANSMISSION,                        \
		"timeouts of adaptive retransmission")                                             \
	X(SLOW_RESTARTS, "slow_restarts", "events", RETRANSMISSION, "RoCE slow restart was used")  \
	X(ECN_MARKED, "ecn_marked", "packets", MARK, "received with a switch's congestion mark")   \
	X(CNP_TX, "cnp_tx", "packets", CNP, "congestion notifications sent to senders")            \
	X(CNP_RX, "cnp_rx", "packets", CNP, "congestion notifications received, and acted on "     \
		"where the device tells the difference")                                           \
	X(CNP_IGNORED, "cnp_ignored", "packets", CNP, "congestion notifications not acted on")     \
	X(SLOW_RESTART_CNPS, "slow_restart_cnps", "packets", CNP,                                  \
		"congestion notifications that slow restart made, without any mark")               \
	X(TX_WAIT, "tx_wait", "ticks", PAUSE,                                                      \
		"there was data to send, but no credit or no turn (the device's own ticks)")       \
	X(RNR_NAKS_RX, "rnr_naks_rx", "events", RECEIVER, "the peer had no receive posted")        \
	X(RNR_NAKS_TX, "rnr_naks_tx", "events", RECEIVER, "this host had no receive posted")       \
	X(OUT_OF_BUFFER, "out_of_buffer", "packets", RECEIVER, "dropped: no receive was posted")   \
	X(RETRIES_EXCEEDED, "retries_exceeded", "events", ERROR,                                   \
		"a queue pair gave up after its retries")                                          \
	X(RNR_RETRIES_EXCEEDED, "rnr_retries_exceeded", "events", ERROR,                           \
		"a queue pair gave up since the peer never posted a receive")                      \
	X(UNRESPONSIVE_PEERS, "unresponsive_peers", "events", ERROR, "a peer was given up")        \
	X(ICRC_ERRORS, "icrc_errors", "packets", ERROR, "damaged on the way: the end-to-end "      \
		"checksum is wrong")                                                               \
	X(SYMBOL_ERRORS, "symbol_errors", "events", ERROR, "minor errors of the link's lanes")     \
	X(LINK_RECOVERIES, "link_recoveries", "events", ERROR, "the link recovered from errors")   \
	X(LINK_DOWNS, "link_downs", "events", ERROR, "the link went down")                         \
	X(RX_ERRORS, "rx_errors", "packets", ERROR, "received with an error")                      \
	X(RX_REMOTE_ERRORS, "rx_remote_errors", "packets", ERROR,                                  \
		"marked as damaged by a switch before this port")                                  \
	X(INTEGRITY_ERRORS, "integrity_errors", "events", ERROR,                                   \
		"the link's own errors passed their threshold")                                    \
	X(BUFFER_OVERRUNS, "buffer_overruns", "events", ERROR, "the port's buffer overran")        \
	X(SEND_ERRORS, "send_errors", "packets", ERROR, "could not be handed to the interface")    \
	X(NET_RX_ERRORS, "net_rx_errors", "packets", ERROR, "received by the interface, bad")      \
	X(NET_RX_CRC_ERRORS, "net_rx_crc_errors", "packets", ERROR,                                \
		"received by the interface with a wrong checksum")                                 \
	X(NET_TX_ERRORS, "net_tx_errors", "packets", ERROR, "the interface could not send")

#define CT_COUNT_ENUM(id, name, unit, class, meaning) CT_COUNT_##id,
enum ct_count_id { CT_COUNT_LIST(CT_COUNT_ENUM) CT_NCOUNTS };
#undef CT_COUNT_ENUM

_Static_assert(CT_NCOUNTS <= 64, "the masks have 64 bits");

struct ct_count {
	const char *name, *unit, *meaning;
	enum ct_count_class class;
};

/* The entry of ID. Constant. */
const struct ct_count *ct_count(enum ct_count_id id);

/* "traffic", "loss", "retransmission", "mark", "CNP", "pause", "receiver", "error". */
const char *ct_count_class_name(enum ct_count_class class);

/* The id of NAME, or CT_NCOUNTS. */
enum ct_count_id ct_count_find(const char *name);

static inline uint64_t ct_count_bit(enum ct_count_id id)
{
	return (uint64_t)1 << id;
}

/* The ids of CLASS as a mask. */
uint64_t ct_count_mask(enum ct_count_class class);

/* Where a file of counters lies. */
enum ct_count_place {
	CT_COUNT_HW_PORT,   /* /sys/class/infiniband/DEV/ports/P/hw_counters */
	CT_COUNT_HW_DEVICE, /* /sys/class/infiniband/DEV/hw_counters */
	CT_COUNT_PORT,      /* /sys/class/infiniband/DEV/ports/P/counters: any driver */
	CT_COUNT_NET,       /* /sys/class/net/IF/statistics: any driver */
};

/* Which file of which driver is which entry. Several files of one driver may add up to one. */
struct ct_count_source {
	const char *driver, *file;
	enum ct_count_place place;
	enum ct_count_id id;
	unsigned int bits;  /* the value starts again at 2^bits */
	unsigned int scale; /* of our unit in one of the file's */
	uint64_t stops_at;  /* the value stays there instead of starting again; 0 = it does not */
};

/* The table, *N rows; and where the names of DRIVER were read, "" if there is no such driver. */
const struct ct_count_source *ct_count_sources(size_t *n);
const char *ct_count_driver_source(const char *driver);

/* What was counted between two moments, or by several ports together. */
struct ct_counts {
	uint64_t value[CT_NCOUNTS];
	uint64_t exposed;   /* mask of ids: the value means something */
	uint64_t reset;     /* of these, counters that someone reset meanwhile: at least so much */
	uint64_t saturated; /* of these, counters that have stopped: at least so much */
};

/* SUM += MORE; an entry that only one side exposes is exposed. */
void ct_counts_add(struct ct_counts *sum, const struct ct_counts *more);

/* Sum of the exposed entries of CLASS, and whether there is one. Units differ: for telling whether
 * anything happened. */
bool ct_counts_of_class(const struct ct_counts *counts, enum ct_count_class class, uint64_t *sum);

/* Adds to OUT what was counted, in words: "traffic tx_packets 12, rx_packets 9; loss
 * rx_out_of_sequence 1; nothing: error; not exposed: mark, CNP, pause". A figure is led by ">=" where
 * its counter was reset or stands at its end. Nothing exposed: "no counters are exposed". */
void ct_counts_text(const struct ct_counts *counts, struct ct_buf *out);

/* One port of one device. */
struct ct_port {
	char device[64];
	char driver[16];     /* whose names were found: "mlx5", "rxe", …; "" = none known */
	char netdev[32];     /* "" = none */
	char link_layer[16]; /* "Ethernet", "InfiniBand" */
	uint64_t port;
	bool active;
	uint64_t lifespan_ms; /* for so long the kernel repeats what it read; 0 = it does not */
	uint64_t exposed;     /* mask of ids */
	uint8_t bits[CT_NCOUNTS], scale[CT_NCOUNTS];
	uint64_t stops_at[CT_NCOUNTS];
};

/* What a port's files said at one moment, in the files' own units. */
struct ct_port_sample {
	uint64_t at_ns; /* ct_now_ns() */
	uint64_t exposed;
	uint64_t value[CT_NCOUNTS];
};

/* OUT: what PORT counted from BEFORE to AFTER. A value that fell has started again if that makes a
 * difference of less than half the counter's range, else it was reset and counts from 0. Pure. */
void ct_port_delta(const struct ct_port *port, const struct ct_port_sample *before,
	const struct ct_port_sample *after, struct ct_counts *out);

/* Every port of every RDMA device below SYSROOT (NULL: this machine). */
struct ct_ports;

/* *PORTS is freed with ct_ports_close(). No RDMA device: no ports, no error. CT_IO, CT_UNSUPPORTED
 * (SYSROOT), CT_NOMEM. Takes 1 ms for each port. */
ct_status ct_ports_open(const char *sysroot, struct ct_ports **ports);
void ct_ports_close(struct ct_ports *ports);

/* The ports, *N of them, in the order of device names; they live as long as PORTS. */
const struct ct_port *ct_ports_list(const struct ct_ports *ports, size_t *n);

/* Reads all of port I. What cannot be read now is not exposed now. Up to 0.1 ms for each counter,
 * device's own time included; not for use within what is timed. */
void ct_ports_read(struct ct_ports *ports, size_t i, struct ct_port_sample *sample);

/* How long from NOW_NS until ct_ports_read() of port I says something new: 0, or what is left of
 * the port's lifespan (and two ticks of the kernel's clock, in which it counts). */
uint64_t ct_ports_stale_ns(const struct ct_ports *ports, size_t i, uint64_t now_ns);

/* ---- again and again ------------------------------------------------------------------------- */

/* What one look says of one port. */
struct ct_port_look {
	const struct ct_port *port;
	bool fresh;              /* something new: counts and elapsed_ns mean something */
	uint64_t elapsed_ns;     /* since the look before */
	struct ct_counts counts; /* in that time; with what was reset or stands at its end */
	struct ct_counts total;  /* of all looks */
};

/* Looks at each port at most every INTERVAL_NS, and not before the kernel's own copy of what the
 * device said is older than its lifespan. */
struct ct_port_poll;

/* *POLL is freed with ct_port_poll_close(). Errors as of ct_ports_open(). One thread at a time. */
ct_status ct_port_poll_open(const char *sysroot, uint64_t interval_ns, struct ct_port_poll **poll);
void ct_port_poll_close(struct ct_port_poll *poll);

/* How long from NOW_NS (ct_now_ns()) until some port is due; 0 = now. */
uint64_t ct_port_poll_wait_ns(const struct ct_port_poll *poll, uint64_t now_ns);

/* Reads what is due and says for every port what is new, *N of them, valid until the next look. The
 * first look makes nothing fresh: there is nothing to compare with. */
const struct ct_port_look *ct_port_poll_look(struct ct_port_poll *poll, uint64_t now_ns, size_t *n);

/* Of a fresh look, ID's unit per second; -1 where the port does not expose it or nothing is new. */
double ct_port_look_rate(const struct ct_port_look *look, enum ct_count_id id);

#endif
