/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the module verbs: what its files share. verbs.c opens and polls, verbs_message.c holds the
 * protocol, verbs_wire.c posts work, verbs_link.c makes and connects queue pairs, verbs_memory.c
 * registers memory, verbs_event.c hears asynchronous events, verbs_rail.c goes on without a rail,
 * verbs_lazy.c connects at first use; lib/rdma chooses device, port and GID.
 *
 * A rail is one port of a device. Each pair of ranks has --qps queue pairs (lanes) on each rail.
 *
 * Protocol of a pair: small messages and words of the protocol are one stream over the first lane of
 * one rail, the main rail: each is copied into a registered slot and sent into a slot that the
 * receiver has posted there. For a message above CT_VERBS_EAGER the receiver, which knows the
 * length, sends a grant (address, key per rail) as soon as the receive is posted; the sender cuts
 * the message into parts, one per lane at most, and writes them by RDMA. The last write of each part
 * carries an immediate word: the message's number, how many parts, which one. The receiver counts
 * parts, so no order between lanes is needed. A sender that finds no grant yet announces the length,
 * so that a receiver who expects another length is told.
 *
 * Each word of the stream uses up one of the receiver's slots: a credit, which it returns with its
 * own next word or alone. RESERVE credits are kept from small messages, since these may lie unread,
 * so that grants and credits always get through. Parts need no credits: there are at most GRANTS
 * messages under way, and as many spare receives on each lane.
 */
#ifndef CT_NET_VERBS_H
#define CT_NET_VERBS_H

#include "queue.h"
#include "rdma/rdma.h"

enum {
	CT_VERBS_EAGER = 4096,  /* largest message that is copied */
	CT_VERBS_HEAD = 32,     /* bytes before it */
	CT_VERBS_SLOT = CT_VERBS_EAGER + 64,
	CT_VERBS_SLOTS = 32,    /* per peer and direction, unless --rx-depth says more */
	CT_VERBS_MOST_SLOTS = 512,
	CT_VERBS_RESERVE = 12,
	CT_VERBS_RETURN = 8,    /* so many credits are worth a message of their own; < RESERVE */
	CT_VERBS_GRANTS = 8,    /* outstanding per peer */
	CT_VERBS_SPARE = CT_VERBS_GRANTS + 2,
	CT_VERBS_RAILS = 4,
	CT_VERBS_LANES = 32,    /* rails * queue pairs */
	CT_VERBS_STRIPE = 64 << 10, /* a part is not worth less */
	CT_VERBS_DEPTH = 64,    /* send requests of a lane, unless --tx-depth is given */
	CT_VERBS_MODERATE = 8,  /* sends per completion, unless --cq-mod is given */
	CT_VERBS_INLINE = 128
};

#define CT_VERBS_MAGIC 0x76625432u /* "vbT2"; also tells a peer of another byte order */

enum ct_verbs_kind {
	CT_VERBS_DATA = 1, CT_VERBS_GRANT, CT_VERBS_ANNOUNCE, CT_VERBS_CREDIT,
	CT_VERBS_LOST /* a rail: struct ct_verbs_report follows; stands outside the stream */
};

/* First bytes of a slot. A grant's keys, one per rail, follow it. */
struct ct_verbs_head {
	uint16_t kind, credits;
	uint32_t number; /* of the message among those of this direction */
	uint64_t bytes, address;
	uint32_t seq, unused; /* place in the stream */
};

_Static_assert(sizeof(struct ct_verbs_head) == CT_VERBS_HEAD, "head size");

/* What peers get. */
struct ct_verbs_port {
	uint8_t gid[16];
	uint16_t lid;
	uint8_t link_layer, mtu, port, family; /* mtu: enum ibv_mtu; family: 4, 6 or 0 */
	char device[14];                       /* the first letters */
};

struct ct_verbs_card {
	uint32_t magic, psn;
	uint32_t token, lazy_qpn; /* of connections at first use; 0 = at once */
	uint16_t slots, unused;
	uint8_t nrails, qps, failover, spare;
	struct ct_verbs_port rail[CT_VERBS_RAILS];
};

_Static_assert(sizeof(struct ct_verbs_card) <= CT_NET_ADDRESS, "address too long");

struct ct_verbs_rail {
	struct ct_rdma_device dev;
	enum ibv_mtu mtu; /* of the port, or less where asked */
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	uint64_t write_bytes; /* most of one RDMA write */
	bool said;            /* that it is lost */
};

struct ct_verbs_lane {
	struct ibv_qp *qp;
	uint32_t qpn;          /* the peer's */
	uint32_t used;         /* send requests that the device holds */
	uint32_t since, slots; /* of them since the last that asks for a completion; slots among these */
	bool dead;             /* its rail is lost to this pair */
};

/* Registered on every rail. */
struct ct_verbs_region {
	char *at;
	uint64_t bytes;
	struct ibv_mr *mr[CT_VERBS_RAILS];
	uint32_t users;
	struct ct_verbs_region *next; /* among those that reg() made */
};

enum ct_verbs_state { CT_VERBS_WAITS, CT_VERBS_UNDER_WAY, CT_VERBS_THERE };

struct ct_verbs_part {
	uint64_t from, to, done; /* bytes of the message; done counts from `from` */
	uint8_t lane, state;
};

/* A large message that is being written. */
struct ct_verbs_large {
	struct ct_net_req *req; /* NULL: all parts are there */
	struct ct_verbs_region *region;
	uint64_t address;
	uint32_t rkey[CT_VERBS_RAILS], number, nparts, left;
	struct ct_verbs_part part[CT_VERBS_LANES];
};

/* A large message that is granted. */
struct ct_verbs_due {
	uint32_t number, nparts, got; /* got: bit per part; nparts 0 = none has come */
};

struct ct_verbs_grant {
	struct ct_verbs_head head;
	uint32_t rkey[CT_VERBS_RAILS];
};

/* What a rank tells once nothing can arrive on the lost rail any more. */
struct ct_verbs_report {
	uint32_t rail, seq, number, ndues; /* next of the stream; next message */
	struct ct_verbs_due due[CT_VERBS_GRANTS];
};

struct ct_verbs_recovery {
	bool on, told, heard, moved; /* moved: it was the main rail */
	uint32_t rail;
	uint64_t quiet_ns; /* when what had arrived has been reaped */
	struct ct_verbs_report report;
};

/* APART: no queue pairs yet. ASKED: made. HALF: this end is connected. */
enum ct_verbs_linked { CT_VERBS_APART, CT_VERBS_ASKED, CT_VERBS_HALF, CT_VERBS_LINKED };

struct ct_verbs_peer {
	struct ct_verbs_card card;
	enum ct_verbs_linked link;
	struct ct_verbs_lane lane[CT_VERBS_LANES];
	uint32_t main, lost; /* rail of the stream; mask of rails */
	struct ct_verbs_region slots; /* of `out` and `in` */
	char *out; /* v->slots slots of the stream and one for reports */
	char *in;  /* v->slots + CT_VERBS_SPARE slots per rail */
	struct ct_fifo sends, recvs;
	struct ct_net_req *ungranted; /* the first receive that was not looked at for a grant */
	uint32_t send_number, recv_number, post_number; /* of the queues' heads; of the next post */
	uint32_t send_seq, recv_seq;
	struct ct_verbs_large large[CT_VERBS_GRANTS];
	uint32_t first_large, nlarge, next_lane;
	bool parts_wait;
	struct ct_verbs_grant granted[CT_VERBS_GRANTS]; /* by the peer */
	uint32_t first_granted, ngranted;
	struct ct_verbs_due due[CT_VERBS_GRANTS];
	uint32_t first_due, ndues;
	struct ct_verbs_head announced; /* by the peer */
	uint32_t *arrived; /* slots that wait for their receive: rail << 16 | slot */
	uint32_t first_arrived, narrived;
	uint32_t credits, owed, slots_used;
	bool active, said_length;
	struct ct_verbs_recovery lose;
	ct_status broken;
	char why[320];
};

struct ct_verbs {
	const struct ct_world *world;
	struct ct_verbs_settings set;
	struct ct_verbs_rail rail[CT_VERBS_RAILS];
	uint32_t nrails, nlanes;
	uint32_t slots, depth, moderate, inline_bytes;
	struct ct_verbs_peer *peers;
	uint32_t *qpns, *all_qpns; /* exchanged in ready(): one row per rank, nlanes per peer */
	struct ct_verbs_region *regions;
	struct ct_verbs_lazy *lazy; /* NULL: everybody is connected at opening */
	uint32_t room_peers, nmade; /* lazy: whose completions fit into the queue; so many are made */
	uint32_t psn, token;
	uint32_t patience;          /* until the next look at events */
	uint64_t looked_ns;
	uint32_t *active, nactive;
	ct_status late; /* a peer was lost while no message was under way to tell it: the next poll does */
	char late_why[320];
	struct ct_loop loop;
};

static inline uint32_t ct_verbs_rail_of(const struct ct_verbs *v, uint32_t lane)
{
	return lane / (uint32_t)v->set.qps;
}

static inline struct ct_verbs_lane *ct_verbs_main(const struct ct_verbs *v, struct ct_verbs_peer *p)
{
	return &p->lane[p->main * (uint32_t)v->set.qps];
}

/* ---- verbs_link.c -------------------------------------------------------------------------- */

/* Opens the rails and makes protection domains, completion queues, slots and queue pairs. CT_IO
 * names the limit of the device or of locked memory; CT_INVALID. Undone by ct_verbs_unmake(), also
 * in part. */
ct_status ct_verbs_make(struct ct_verbs *v);
void ct_verbs_unmake(struct ct_verbs *v);

/* Makes PEER's slots and queue pairs. CT_IO, CT_NOMEM. */
ct_status ct_verbs_make_peer(struct ct_verbs *v, uint32_t peer);

/* How packets find P on RAIL. */
struct ibv_ah_attr ct_verbs_way(const struct ct_verbs *v, const struct ct_verbs_peer *p, uint32_t rail);

/* Connects PEER's queue pairs and posts its receives; card and qpns are known. */
ct_status ct_verbs_link(struct ct_verbs *v, uint32_t peer);

/* The smaller path MTU of both ends on RAIL. */
enum ibv_mtu ct_verbs_path_mtu(const struct ct_verbs *v, const struct ct_verbs_peer *p, uint32_t rail);

/* ---- verbs_wire.c -------------------------------------------------------------------------- */

/* Is there room to send a word of the stream to P, leaving KEEP credits? */
static inline bool ct_verbs_room(const struct ct_verbs *v, struct ct_verbs_peer *p, uint32_t keep)
{
	return p->credits > keep && p->slots_used < v->slots &&
		ct_verbs_main(v, p)->used < v->depth && !p->lose.on;
}

/* Sends HEAD (whose credits and place are filled in) and BYTES of DATA to PEER; ct_verbs_room()
 * first. */
ct_status ct_verbs_send(struct ct_verbs *v, uint32_t peer, struct ct_verbs_head head,
	const void *data, uint64_t bytes);

/* Sends the slots of the stream from place SEQ on again, over the main rail. */
ct_status ct_verbs_send_again(struct ct_verbs *v, uint32_t peer, uint32_t seq);

/* Tells PEER about a lost rail over the main rail: one such word at a time. */
ct_status ct_verbs_send_report(struct ct_verbs *v, uint32_t peer, const struct ct_verbs_report *report);

/* Writes as much of PART of LARGE (which is v->peers[peer].large[index]) as its lane takes. */
ct_status ct_verbs_write(struct ct_verbs *v, uint32_t peer, uint32_t index, uint32_t part);

/* Asks for a completion of what PEER's main lane holds. */
ct_status ct_verbs_flush(struct ct_verbs *v, uint32_t peer);

/* Gives receive SLOT of LANE back to the device. */
ct_status ct_verbs_repost(struct ct_verbs *v, uint32_t peer, uint32_t lane, uint32_t slot);

/* Where receive SLOT of RAIL lies. */
static inline char *ct_verbs_slot(const struct ct_verbs *v, const struct ct_verbs_peer *p,
	uint32_t rail, uint32_t slot)
{
	return p->in + ((size_t)rail * (v->slots + CT_VERBS_SPARE) + slot) * CT_VERBS_SLOT;
}

/* What a completion was. */
enum ct_verbs_work { CT_VERBS_SENT = 1, CT_VERBS_WRITTEN, CT_VERBS_RECEIVED };

/* Packed into wr_id: work 4 bits, lane 8, peer 20, info 16, and what it retires: requests 8, slots 8. */
struct ct_verbs_id {
	enum ct_verbs_work work;
	uint32_t lane, peer;
	uint32_t info; /* receive: slot; write: index of the message << 8 | part */
	uint32_t requests, slots;
};

enum { CT_VERBS_PEERS = 1 << 20, CT_VERBS_RUN = 128 /* most between two completions */ };

static inline uint64_t ct_verbs_pack(struct ct_verbs_id id)
{
	return (uint64_t)id.work << 60 | (uint64_t)id.lane << 52 | (uint64_t)id.peer << 32 |
		id.info << 16 | id.requests << 8 | id.slots;
}

static inline struct ct_verbs_id ct_verbs_unpack(uint64_t id)
{
	struct ct_verbs_id out = { (enum ct_verbs_work)(id >> 60), id >> 52 & 0xff, id >> 32 & 0xfffff,
		id >> 16 & 0xffff, id >> 8 & 0xff, id & 0xff };

	return out;
}

/* Turns the failed completion WC of PEER's LANE into a status with device, port, peer, queue pairs,
 * vendor's syndrome and the likely cause. */
ct_status ct_verbs_explain(const struct ct_verbs *v, uint32_t peer, uint32_t lane,
	const struct ibv_wc *wc);

/* ---- verbs_message.c ----------------------------------------------------------------------- */

/* Does P need progress without being asked? */
bool ct_verbs_has_work(const struct ct_verbs_peer *p);

/* Sends, grants, delivers what can be now. */
ct_status ct_verbs_progress(struct ct_verbs *v, uint32_t peer);

/* A completion of PEER: something arrived, or the writing of a part has ended. */
ct_status ct_verbs_came(struct ct_verbs *v, const struct ct_verbs_id *id, const struct ibv_wc *wc);
void ct_verbs_written(struct ct_verbs *v, const struct ct_verbs_id *id);

/* Part PART of LARGE is with the receiver. */
void ct_verbs_part_there(struct ct_verbs *v, struct ct_verbs_peer *p, struct ct_verbs_large *large,
	uint32_t part);

/* From here on the device touches no buffer of PEER's messages: all fail with S, whose reason is in
 * ct_why(). */
void ct_verbs_break(struct ct_verbs *v, uint32_t peer, ct_status s);

/* ---- verbs_rail.c -------------------------------------------------------------------------- */

/* RAIL no longer connects to PEER; S and ct_why() say why. Goes on without it, if several rails are
 * in use and that was asked for, else breaks PEER. */
void ct_verbs_lose(struct ct_verbs *v, uint32_t peer, uint32_t rail, ct_status s);

/* Moves the recovery of PEER on. */
ct_status ct_verbs_recover(struct ct_verbs *v, uint32_t peer);

/* PEER's report about a lost rail has come. */
ct_status ct_verbs_heard(struct ct_verbs *v, uint32_t peer, const struct ct_verbs_report *report);

/* ---- verbs_event.c ------------------------------------------------------------------------- */

/* Makes asking for events of RAIL wait for none. */
ct_status ct_verbs_hear(struct ct_verbs_rail *rail);

/* Handles what devices told since the last call: was there anything? Does not wait. Looks
 * rarely, since that is a system call, unless AT_ONCE. */
bool ct_verbs_events(struct ct_verbs *v, bool at_once);

/* ---- verbs_lazy.c -------------------------------------------------------------------------- */

/* The datagram queue pair by which connections are made at first use. CT_IO, CT_NOMEM. */
ct_status ct_verbs_lazy_make(struct ct_verbs *v);
void ct_verbs_lazy_unmake(struct ct_verbs *v); /* also in part */
uint32_t ct_verbs_lazy_qpn(const struct ct_verbs *v);

/* Asks PEER to connect, unless that is under way. CT_IO, CT_NOMEM, CT_PEER. */
ct_status ct_verbs_ask(struct ct_verbs *v, uint32_t peer);

/* PEER's end is connected: something came from it. */
void ct_verbs_open_to(struct ct_verbs *v, uint32_t peer);

/* Moves the making of connections on. */
ct_status ct_verbs_lazy_poll(struct ct_verbs *v);

/* ---- verbs_memory.c ------------------------------------------------------------------------ */

/* Registers AT on every rail; R->mr are NULL after an error. CT_NOMEM, CT_IO (limit of locked
 * memory). */
ct_status ct_verbs_region_make(struct ct_verbs *v, void *at, uint64_t bytes, struct ct_verbs_region *r);
void ct_verbs_region_end(struct ct_verbs_region *r);

/* A registration that covers the buffer: one that reg() made, or a new one that
 * ct_verbs_uncover() ends. CT_NOMEM, CT_IO. */
ct_status ct_verbs_cover(struct ct_verbs *v, void *data, uint64_t bytes, struct ct_verbs_region **r);
void ct_verbs_uncover(struct ct_verbs_region *r); /* NULL is accepted */

/* net.h's reg and dereg. Registrations are kept only while their owner vouches for the memory:
 * one that outlives its mapping would let the device write into pages that are no longer ours. */
ct_status ct_verbs_reg(void *self, void *memory, uint64_t bytes, uint64_t *key);
void ct_verbs_dereg(void *self, uint64_t key);

#endif
