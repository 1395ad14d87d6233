/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fabric as data: part of the door of topo. Hosts' adapters and switches, their ports, the cables
 * between them, what each link runs at and could run at, error counters and forwarding tables.
 * Who reads it (the subnet, lldpd, a cluster file) fills it with the three functions below and calls
 * ct_fabric_finish(), which every reader of a file does too: so what it promises always holds.
 */
#ifndef CT_TOPO_FABRIC_H
#define CT_TOPO_FABRIC_H

#include "topo.h"

#define CT_FABRIC_NONE UINT32_MAX

/* A fabric file is at most this long; one fabric has at most so many parts. */
#define CT_FABRIC_LIMIT ((size_t)512 << 20)
enum {
	CT_FABRIC_NODES_MOST = 1 << 17,
	CT_FABRIC_PORTS_MOST = 1 << 21,
	CT_FABRIC_NODE_PORTS_MOST = 4096, /* of one node; InfiniBand has 254 */
	CT_FABRIC_LIDS_MOST = 0xc000,     /* unicast LIDs (InfiniBand Architecture 1.3, 4.1.3) */
	CT_FABRIC_TABLES_MOST = 256 << 20, /* bytes of all forwarding tables */
	CT_FABRIC_NAME = 72
};

enum ct_fabric_link { CT_FABRIC_INFINIBAND, CT_FABRIC_ETHERNET, CT_NFABRIC_LINKS };
enum ct_fabric_type { CT_FABRIC_HCA, CT_FABRIC_SWITCH, CT_FABRIC_ROUTER, CT_NFABRIC_TYPES };
enum ct_fabric_state {
	CT_FABRIC_UNKNOWN,
	CT_FABRIC_DOWN,
	CT_FABRIC_INIT, /* the cable works, no subnet manager has set the port up */
	CT_FABRIC_ARMED,
	CT_FABRIC_ACTIVE,
	CT_NFABRIC_STATES
};

/* Error counters of a port: id, name in files, the count above which it is a finding (those of
 * infiniband-diags' error_thresholds; 0 = it is no error by itself), what it counts. */
#define CT_FABRIC_ERROR_LIST(X)                                                                    \
	X(SYMBOL, "symbol_errors", 10, "minor link errors on a lane")                              \
	X(RECOVERED, "link_recovered", 10, "times that the link retrained by itself")              \
	X(DOWNED, "link_downed", 10, "times that the link went down")                              \
	X(RECEIVE, "receive_errors", 10, "packets received with an error")                         \
	X(REMOTE, "receive_remote_errors", 100, "packets marked bad before they came here")        \
	X(RELAY, "receive_relay_errors", 100, "packets a switch could not pass on")                \
	X(DISCARDS, "transmit_discards", 100, "packets dropped instead of sent")                   \
	X(XMT_CONSTRAINT, "transmit_constraint_errors", 100, "packets a filter kept from leaving") \
	X(RCV_CONSTRAINT, "receive_constraint_errors", 100, "packets a filter kept from entering") \
	X(INTEGRITY, "local_integrity_errors", 10, "errors beyond the port's own threshold")       \
	X(OVERRUN, "buffer_overruns", 10, "flow control that failed in a row")                     \
	X(VL15, "vl15_dropped", 100, "management packets dropped")                                 \
	X(WAIT, "transmit_wait", 0, "ticks with data to send and no credit: congestion")

#define CT_FABRIC_ERROR_ENUM(id, name, threshold, help) CT_FABRIC_ERROR_##id,
enum ct_fabric_error { CT_FABRIC_ERROR_LIST(CT_FABRIC_ERROR_ENUM) CT_NFABRIC_ERRORS };
#undef CT_FABRIC_ERROR_ENUM

/* One port. lanes and lane_Mbps: what the link runs at; lanes_on and lane_on_Mbps: the most that is
 * enabled at this end; lanes_can and lane_can_Mbps: the most that it supports; 0 = not told. Data rates as the kernel's sysfs shows them: HDR has 50000 a
 * lane. Ethernet has one lane. */
struct ct_fabric_port {
	uint32_t node, number; /* index of its node; its number there, from 1 */
	uint32_t peer;         /* index of the port at the other end, or CT_FABRIC_NONE */
	uint32_t lid;          /* 0 = none */
	enum ct_fabric_state state;
	uint32_t lanes, lanes_on, lanes_can;
	uint32_t lane_Mbps, lane_on_Mbps, lane_can_Mbps;
	char name[32];                     /* Ethernet: the interface; "" = its number */
	uint64_t errors[CT_NFABRIC_ERRORS]; /* CT_UNKNOWN = not read */
};

struct ct_fabric_node {
	enum ct_fabric_type type;
	char name[CT_FABRIC_NAME]; /* the node's description, or the system's name */
	uint64_t guid;             /* 0 = not known or replaced */
	uint32_t lid;              /* a switch's own; 0 = none */
	uint32_t first, nports;    /* its ports are first … first + nports - 1, numbered from 1 */
	uint8_t *table;            /* a switch's egress port of each LID, 0xff = none; NULL = not read */
	uint32_t ntable;
	/* From ct_fabric_finish(). */
	uint32_t host;  /* an adapter's host */
	uint32_t rail;  /* an adapter's place in its host, from 1 ("HCA-2", "mlx5_1") */
	uint32_t level; /* adapter 0, leaf 1, spine 2, …; CT_FABRIC_NONE: no host is reached from it */
};

struct ct_fabric_host {
	char name[CT_FABRIC_NAME];
	uint32_t nhcas;
};

struct ct_fabric {
	enum ct_fabric_link link;
	char source[96];   /* "ibsim0 port 1", "lldpd of 4 hosts", … */
	char partial[200]; /* why it is not the whole; "" = it is */
	bool declared;     /* made from a cluster file: nothing was read */
	struct ct_fabric_node *nodes;
	struct ct_fabric_port *ports;
	struct ct_fabric_host *hosts;
	size_t nnodes, nports, nhosts;
	size_t nodes_room, ports_room, tables_bytes;
	uint32_t levels; /* of switches */
};

/* Adds a node with NPORTS ports, none of them linked, to FABRIC, which starts zeroed. NAME is cleaned.
 * *INDEX is valid until ct_fabric_finish(). CT_INVALID (too many), CT_NOMEM. */
ct_status ct_fabric_add(struct ct_fabric *fabric, enum ct_fabric_type type, const char *name,
	uint32_t nports, uint32_t *index);

/* A cable between ports A and B; the same one may be told from both ends. CT_INVALID (no such port,
 * a port with two cables or with itself). */
ct_status ct_fabric_connect(struct ct_fabric *fabric, uint32_t a, uint32_t b);

/* Room for switch NODE's forwarding table of NTABLE LIDs, filled with 0xff. CT_INVALID, CT_NOMEM. */
ct_status ct_fabric_table(struct ct_fabric *fabric, uint32_t node, uint32_t ntable);

/* Sorts the nodes (switches, routers, adapters; by name), so that it does not matter where reading
 * began; finds hosts, rails and levels. An adapter is "HOST DEVICE" or "HOST"; two that would be the
 * same adapter of one host are two hosts ("NAME#2"). Switches with hosts are leaves, except that one
 * with a few hosts above others with many is not. CT_NOMEM. */
ct_status ct_fabric_finish(struct ct_fabric *fabric);

/* Frees what FABRIC holds and zeroes it. */
void ct_fabric_free(struct ct_fabric *fabric);

/* Reads a fabric file, freed with ct_fabric_free(). CT_IO, CT_INVALID (syntax, schema, unknown key,
 * wrong value, cable without a second end: file, JSON pointer), CT_NOMEM. Any thread. */
ct_status ct_fabric_load(const char *path, struct ct_fabric *fabric);
ct_status ct_fabric_parse(const char *text, size_t bytes, const char *name,
	struct ct_fabric *fabric);

/* The fabric file as JSON, a new reference. Unless IDENTIFY, GUIDs are left out, and names that hold
 * a GUID or MAC become "switch-3", "hca-17". CT_NOMEM. */
ct_status ct_fabric_json(const struct ct_fabric *fabric, bool identify, json_t **json);

/* ---- what was declared ----------------------------------------------------------------------- */

/* A cluster file: what its owner says was built. Names are nodes' (leaf, upper switch) or hosts'. */
struct ct_plan_leaf {
	char name[CT_FABRIC_NAME];
	uint32_t rail; /* 0 = not told */
};
struct ct_plan_host {
	char name[CT_FABRIC_NAME];
	uint32_t leaf; /* index of a leaf; a host with rails stands once for each of its leaves */
};
struct ct_plan_uplink {
	char to[CT_FABRIC_NAME];
	uint32_t leaf, cables;
};

/* Of the switches' Ethernet links; 0 = not told. */
struct ct_plan_roce {
	double metres, port_mtu, lossless_mtu, buffer, ports, cell; /* m, bytes, bytes, bytes, number, bytes */
};

struct ct_fabric_plan {
	char name[CT_FABRIC_NAME];
	enum ct_fabric_link link;
	uint64_t Mbps;           /* of every link; 0 = not told */
	double oversubscription; /* the most at any leaf; 0 = not told */
	struct ct_plan_roce roce;
	struct ct_plan_leaf *leaves;
	struct ct_plan_host *hosts;
	struct ct_plan_uplink *uplinks;
	size_t nleaves, nhosts, nuplinks;
};

void ct_fabric_plan_free(struct ct_fabric_plan *plan);

/* The fabric that PLAN describes, SOURCE its file: no port numbers that mean something, no counters.
 * Freed with ct_fabric_free(). CT_INVALID (too large), CT_NOMEM. */
ct_status ct_fabric_declared(const struct ct_fabric_plan *plan, const char *source,
	struct ct_fabric *fabric);

/* ---- what lldpd tells ------------------------------------------------------------------------ */

/* Neighbours of the systems that were asked; starts zeroed. Ends 2i and 2i + 1 are one cable. */
struct ct_lldp_end;
struct ct_lldp {
	char (*systems)[CT_FABRIC_NAME];
	struct ct_lldp_end *ends;
	size_t nsystems, nends, room;
};

/* Adds what SYSTEM answered to `lldpcli -f json show neighbors` (or json0), FILE in messages. Names of
 * systems are cut at their first dot. CT_INVALID (not what lldpcli writes, SYSTEM answered before, more
 * than 131072 neighbours), CT_NOMEM; L is then to be freed only. */
ct_status ct_lldp_parse(struct ct_lldp *l, const char *system, const char *text, size_t bytes,
	const char *file);
void ct_lldp_free(struct ct_lldp *l);

/* Was SYSTEM among those that answered? */
bool ct_lldp_asked(const struct ct_lldp *l, const char *system);

/* The fabric: partial, since who was not asked is seen from one side only; without rates. Freed with
 * ct_fabric_free(). CT_INVALID (too large), CT_NOMEM. */
ct_status ct_lldp_fabric(const struct ct_lldp *l, struct ct_fabric *fabric);

/* Takes from PLAN what L cannot have seen: hosts and uplinks of systems that were not asked. */
void ct_lldp_narrow(const struct ct_lldp *l, struct ct_fabric_plan *plan);

/* ---- questions ------------------------------------------------------------------------------- */

/* The name of a port for people: "L0[3]", "sw1 swp3", "node1 HCA-1". Returns OUT. */
const char *ct_fabric_port_name(const struct ct_fabric *fabric, uint32_t port, char *out,
	size_t room);

struct ct_fabric_rate {
	uint32_t lanes, lane_Mbps; /* either 0 = not told */
};

/* What the link at PORT runs at; the most that both its ends have enabled (support, where that is
 * not told); the most that both support. */
struct ct_fabric_rate ct_fabric_now(const struct ct_fabric *fabric, uint32_t port);
struct ct_fabric_rate ct_fabric_enabled(const struct ct_fabric *fabric, uint32_t port);
struct ct_fabric_rate ct_fabric_supported(const struct ct_fabric *fabric, uint32_t port);

/* Mbit/s; 0 = not told. */
uint64_t ct_fabric_Mbps(struct ct_fabric_rate rate);

/* "4x HDR (200 Gbit/s)", "100 Gbit/s", "not told". Returns OUT. */
const char *ct_fabric_rate_text(enum ct_fabric_link link, struct ct_fabric_rate rate,
	char out[48]);

/* A leaf, or any switch, seen from below and above. Rates as enabled, not as running. */
struct ct_fabric_sides {
	uint32_t down, up;           /* cables to hosts or lower switches, to higher ones */
	uint64_t down_Mbps, up_Mbps; /* their sums */
};
void ct_fabric_sides(const struct ct_fabric *fabric, uint32_t node, struct ct_fabric_sides *out);

/* Nodes by type, and links, each once. */
struct ct_fabric_counts {
	size_t hcas, switches, routers, links;
};
void ct_fabric_count(const struct ct_fabric *fabric, struct ct_fabric_counts *out);

/* "leaf", "spine", "core", "level 4", "HCA", "apart". */
const char *ct_fabric_level_name(const struct ct_fabric_node *node, char out[24]);

const char *ct_fabric_error_name(enum ct_fabric_error error);
const char *ct_fabric_error_help(enum ct_fabric_error error);
uint64_t ct_fabric_error_threshold(enum ct_fabric_error error);

/* Adds the summary and the table of leaves for the terminal to OUT. CT_NOMEM. */
ct_status ct_fabric_text(const struct ct_fabric *fabric, struct ct_buf *out);

#endif
