/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door of net: how bytes move between two ranks. One table per transport, listed by hand in
 * registry.c. Messages between one pair of ranks in one direction arrive in the order in which
 * they were posted: the k-th send meets the k-th receive; both must have the same length. There
 * are no tags: a schedule's order is the tag.
 */
#ifndef CT_NET_H
#define CT_NET_H

#include <stdbool.h>

#include "base/base.h"
#include "boot/boot.h"
#include "mem/mem.h"

enum { CT_NET_ABI = 3, CT_NET_ADDRESS = 192, CT_NET_TEXT = 64, CT_NET_DEVICES = 4 };

/* Called by a transport with pieces of an incoming message in order, in place of storing them.
 * Every piece starts at a multiple of 16 bytes of the message (so no element is cut in two), but
 * DATA itself is aligned only as the sender's buffer was or to 16 bytes: no wider. */
typedef void ct_net_sink(void *arg, const void *data, uint64_t offset, uint64_t bytes);

enum ct_net_kind { CT_NET_SEND, CT_NET_RECV };

/* One message. The caller owns it and its buffer and keeps both until status is not CT_BUSY. */
struct ct_net_req {
	enum ct_net_kind kind;
	uint32_t peer;
	bool more;  /* another one is posted at once: this one may go to the device together with it */
	void *data; /* source or destination; host memory, or some that reg_mem() was told of */
	uint64_t bytes;
	ct_net_sink *sink; /* receive only, and only if caps.sink: replaces data */
	void *sink_arg;
	ct_status status; /* CT_BUSY from post until completion */
	/* the transport's own, from post to completion */
	struct ct_net_req *next;
	uint64_t done, key;
};

struct ct_net_caps {
	uint64_t eager_bytes;   /* up to here a send completes without the receiver's help */
	bool sink;              /* receives may name a sink */
	bool needs_polls;       /* a peer may need this rank's help after its own messages are complete:
	                           poll also while waiting for something else */
	bool data_unchecked;    /* true: no checksum between the ranks but the medium's own */
	char path[160];         /* how bytes move, for people: "memfd rings of 32 x 8K, …" */
	char expectation[16];   /* what bounds it: floor "copy" or "stream"; link "roce",
	                           "roce6" (over IPv6), "infiniband"; "gpu": GPUs' memory and links, of
	                           which no floor is measured; or "" (see measure) */
	bool foreign;           /* messages may lie in memory that the processor cannot touch */
	char device[32];        /* interface in use, "" if none */
	char devices[CT_NET_DEVICES][32]; /* all of them where there are several, device first */
	double link_Bps;        /* raw rate of that interface, 0 = none or unknown */
	uint32_t mtu;           /* of that interface, 0 = none */
	uint32_t sharers;       /* ranks of a host on one device, the most of all hosts; set by
	                           ct_net_open(), 0 = no device */
};

/* Everything a transport may know when it opens. */
struct ct_net_env {
	const struct ct_world *world; /* borrowed until close */
	const void *settings;         /* its own settings struct, see options; NULL = defaults */
	struct ct_deadline connect_by;
};

typedef void ct_net_line(void *arg, const char *text);

struct ct_net_ops {
	uint32_t abi;
	const char *name, *summary;
	const char *missing;             /* why it is not built in; NULL = it is */
	const struct ct_option *options; /* rows over the settings struct; NULL = none */
	size_t settings_bytes;
	/* Can it run here at all? CT_OK or CT_UNSUPPORTED with the reason. */
	ct_status (*probe)(void);
	/* One instance for this rank. */
	ct_status (*open)(const struct ct_net_env *env, void **self);
	void (*close)(void *self);
	void (*query)(void *self, struct ct_net_caps *caps);
	/* What peers need to reach us: at most CT_NET_ADDRESS bytes, opaque. */
	ct_status (*address)(void *self, void *out, size_t *bytes);
	/* Given PEER's address (never this rank's own); may be lazy. CT_UNSUPPORTED: this peer is
	 * out of reach. */
	ct_status (*connect)(void *self, uint32_t peer, const void *address, size_t bytes);
	/* Optional, collective: called once every connect succeeded on every rank, before the
	 * first post. May use the bootstrap and wait until env->connect_by. */
	ct_status (*ready)(void *self);
	/* Optional: tell the transport that memory will be used often, or no longer. */
	ct_status (*reg)(void *self, void *memory, uint64_t bytes, uint64_t *key);
	void (*dereg)(void *self, uint64_t key);
	/* The same for memory that the processor cannot touch, which stays until dereg. */
	ct_status (*reg_mem)(void *self, const struct ct_mem *mem, uint64_t *key);
	/* Starts REQ; its peer may be this rank itself. Errors of the call itself; errors of the
	 * message come in req->status, their reason in ct_why() right after the poll that set it.
	 * Once a message to or from a peer has failed, all later ones of that peer fail too. */
	ct_status (*post)(void *self, struct ct_net_req *req);
	/* Moves what can be moved now, never waits. An error here is one of the whole transport. */
	ct_status (*poll)(void *self);
	/* Optional, needs no instance: what there is to choose from here, a line of text each, and why
	 * something does not fit. SETTINGS as in ct_net_env. */
	ct_status (*describe)(const void *settings, ct_net_line *line, void *arg);
};

/* The rows, in order of preference, ended by NULL: self shm tcp, and those that a module brings,
 * with `missing` filled: verbs. */
const struct ct_net_ops *const *ct_net_rows(void);

/* The row called NAME; CT_INVALID names the nearest. */
ct_status ct_net_find(const char *name, const struct ct_net_ops **ops);

/* The same for TEXT as a user gives it: a name, or a name and the device it is to use in place of
 * the settings' own, "verbs:mlx5_0", "tcp:eth0". *DEVICE points into TEXT; NULL = none is named.
 * "auto" is no row: *OPS is NULL. CT_INVALID: no such row; a device where the row has none to
 * choose; an empty one; a text of CT_NET_TEXT bytes or more. */
ct_status ct_net_parse(const char *text, const struct ct_net_ops **ops, const char **device);

/* Does TEXT name the row NAME, with or without a device? */
bool ct_net_is(const char *text, const char *name);

/* The row of WORLD's modules that takes the place of OPS, else OPS itself. */
const struct ct_net_ops *ct_net_here(const struct ct_world *world, const struct ct_net_ops *ops);

/* A transport that is open and connected to every peer. */
struct ct_net {
	const struct ct_net_ops *ops; /* absent callbacks filled with "unsupported" */
	void *self;
	const struct ct_world *world;
	struct ct_net_caps caps;
};

/* Wrappers asked for by the command (--net-fault, --net-trace); jobs and plugins pass NULL. */
struct ct_net_wrap {
	const char *fault; /* KIND[:nth=N][:rank=R][:ms=T], see ct_net_fault_check(); NULL = none */
	const char *trace; /* rank R writes one JSON line per message to TRACE.R; NULL = none */
};

/* Collective: opens NAME, which may carry a device as for ct_net_parse() ("auto": self for one rank, shm when all ranks share a host and it can
 * run, else tcp) on every rank, exchanges addresses and connects. All ranks succeed or all fail
 * with the same reason. SETTINGS: of all rows, the row takes its own part; NULL = defaults. "auto"
 * goes on to tcp when shm proves to be CT_UNSUPPORTED here. BY bounds the connecting. Errors:
 * CT_INVALID, CT_UNSUPPORTED, CT_NOMEM, CT_IO, CT_PEER, CT_TIMEOUT. */
struct ct_net_settings;
ct_status ct_net_open(const char *name, const struct ct_world *world,
	const struct ct_net_settings *settings, const struct ct_net_wrap *wrap,
	struct ct_deadline by, struct ct_net *net);

/* Not collective, but no rank may post to a rank that has closed. NULL ops are accepted. */
void ct_net_close(struct ct_net *net);

/* Checks a fault text without opening anything: CT_INVALID names what is wrong and where.
 * KIND is delay, drop, fail or corrupt.
 * Messages with payload are counted in the order in which rank R (default: each rank) posts them:
 * corrupt and delay (T ms, default 10) hit every N-th receive (default N = 1); fail (CT_IO) and
 * drop hit the N-th send, once, and drop loses all later sends to that peer with it. */
ct_status ct_net_fault_check(const char *fault);

static inline ct_status ct_net_post(struct ct_net *net, struct ct_net_req *req)
{
	req->status = CT_BUSY;
	return net->ops->post(net->self, req);
}

static inline ct_status ct_net_poll(struct ct_net *net)
{
	return net->ops->poll(net->self);
}

/* Options of all rows share one settings struct in the command: the rows' tables are found here,
 * each with its own settings struct inside ct_net_settings. */
struct ct_shm_settings {
	uint64_t cell_bytes;   /* payload of one ring cell; rounded down to a multiple of 64 */
	uint64_t single_bytes; /* from here on one copy by process_vm_readv; 0 = never */
};

struct ct_tcp_settings {
	char *iface;         /* interface or address to listen on; NULL = loopback if one host */
	int64_t connections; /* per peer; 0 = 1 if all ranks share a host, else 4 */
	uint64_t buffer;     /* SO_SNDBUF/SO_RCVBUF, 0 = system's own */
};

struct ct_verbs_settings {
	char *dev;    /* devices to use: "DEV", "DEV:PORT", several by comma; NULL = by what they are */
	int64_t port; /* 0 = any */
	char *gid;    /* index or address; NULL = by what it is */
	int64_t tc, sl;             /* traffic class (Ethernet, GRH), service level (InfiniBand) */
	int64_t flow_seed;          /* flow labels are made of it; 0 = the driver's choice */
	int64_t mtu;                /* most of a packet's payload: 256 … 4096; 0 = the port's active one */
	int64_t qps;                /* queue pairs per peer and rail */
	int64_t inline_bytes;       /* sends up to here carry their data in the request; -1 = by use */
	int64_t tx_depth, rx_depth; /* send and receive requests of a queue pair; 0 = by use */
	int64_t cq_mod;             /* every so many sends one completion; 0 = by use */
	int64_t lazy;               /* jobs of so many ranks connect at first use; 0 = never */
	int64_t srq;                /* jobs of so many ranks share receives; 0 = never */
	bool huge_pages;            /* pools of messages lie in huge pages */
	bool relaxed_ordering;      /* of PCIe writes into registered memory */
	bool rail_failover;         /* go on without a rail that is lost */
};

struct ct_net_settings {
	struct ct_shm_settings shm;
	struct ct_tcp_settings tcp;
	struct ct_verbs_settings verbs;
};

/* The settings of row OPS inside ALL; NULL if it has none. */
const void *ct_net_settings_of(const struct ct_net_settings *all, const struct ct_net_ops *ops);

/* Rows of every transport's options, offsets in struct ct_net_settings; for the command. */
extern const struct ct_option ct_net_options[];

#endif
