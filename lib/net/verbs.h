/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the module verbs: what its files share. verbs.c opens and polls, verbs_message.c holds the
 * protocol, verbs_wire.c posts work, verbs_link.c makes and connects queue pairs, verbs_memory.c
 * registers memory, verbs_event.c hears asynchronous events, verbs_rail.c goes on without a rail,
 * verbs_lazy.c connects at first use, verbs_shared.c shares receives; lib/rdma chooses device, port
 * and GID.
 *
 * A rail is one port of a device. Each pair of ranks has --qps queue pairs (lanes) on each rail.
 *
 * Protocol of a pair: small messages and words of the protocol are one stream over the first lane
 * of one rail, the main rail: each is copied into a registered slot and sent into a slot that the
 * receiver has posted there. For a message above CT_VERBS_EAGER the receiver, which knows the
 * length, sends a grant (address, key per rail) as soon as the receive is posted; the sender cuts
 * the message into parts, one per lane at most, and writes them by RDMA. The last write of each
 * part carries an immediate word: the message's number, how many parts, which one. The receiver
 * counts parts, so no order between lanes is needed. A sender that finds no grant yet announces the
 * length, so that a receiver who expects another length is told.
 *
 * Each word of the stream uses up one of the receiver's slots: a credit, which it returns with its
 * own next word or alone. RESERVE credits are kept from small messages, since these may lie unread,
 * so that grants and credits always get through. Parts need no credits: there are at most GRANTS
 * messages under way, and as many spare receives on each lane.
 *
 * Requests that follow each other on one lane go to the device as a list (struct ct_verbs_list), at
 * the latest when the caller has posted the last of its messages or polls.
 *
 * With --ib-srq all peers' receives of a rail are one pool (a shared receive queue), which is
 * smaller than the sum of all credits: who meets an empty one tries again (RNR). A small message
 * whose receive is not there yet is copied out of the pool at once, so that unread ones cannot use
 * it up.
 */
#ifndef CT_NET_VERBS_H
#define CT_NET_VERBS_H

#include "queue.h"
#include "rdma/rdma.h"

enum {
	CT_VERBS_EAGER = 8192, /* largest message that is copied: docs/design.md, verbs */
	CT_VERBS_HEAD = 32, /* bytes before it */
	CT_VERBS_SLOT = CT_VERBS_EAGER + 64,
	CT_VERBS_SLOTS = 32, /* per peer and direction, unless --rx-depth says more */
	CT_VERBS_MOST_SLOTS = 512,
	CT_VERBS_RESERVE = 12,
	CT_VERBS_RETURN = 8, /* so many credits are worth a message of their own; < RESERVE */
	CT_VERBS_GRANTS = 8, /* outstanding per peer */
	CT_VERBS_SPARE = CT_VERBS_GRANTS + 2,
	CT_VERBS_RAILS = 4,
	CT_VERBS_LANES = 32, /* rails * queue pairs */
	CT_VERBS_STRIPE = 64 << 10, /* a part is not worth less */
	CT_VERBS_DEPTH = 64, /* send requests of a lane, unless --tx-depth is given */
	CT_VERBS_LIST = 16, /* requests handed to the device in one call */
	CT_VERBS_POOL = 4096,
	CT_VERBS_POOL_LEAST = 64,
	CT_VERBS_POOL_PEER = 8, /* shared receives */
	CT_VERBS_MODERATE = 8, /* sends per completion, unless --cq-mod is given */
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

/* Registered on every rail, or, a pool, on one. */
struct ct_verbs_region {
	char *at;
	uint64_t bytes;
	struct ibv_mr *mr[CT_VERBS_RAILS];
	const struct ct_mem *mem; /* NULL: memory of the host */
	uint32_t users;
	struct ct_verbs_region *next; /* among those that reg() made */
};

struct ct_verbs_rail {
	struct ct_rdma_device dev;
	enum ibv_mtu mtu; /* of the port, or less where asked */
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_srq *srq;  /* NULL: each queue pair has receives of its own */
	struct ct_verbs_region pool; /* of the shared receives */
	struct ct_mem pool_mem;
	uint64_t write_bytes; /* most of one RDMA write */
	bool said;            /* that it is lost */
};

struct ct_verbs_lane {
	struct ibv_qp *qp;
	uint32_t qpn;          /* the peer's */
	uint32_t used;         /* send requests that the device holds */
	uint32_t since,
		slots; /* of them since the last that asks for a completion; slots among these */
	bool dead;             /* its rail is lost to this pair */
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
	struct ct_mem memory; /* of these */
	char *out; /* v->slots slots of the stream and one for reports */
	char *in;  /* v->slots + CT_VERBS_SPARE slots per rail */
	char *kept; /* shared receives: what waits for its own, v->slots; NULL: never needed */
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
	uint32_t *arrived; /* slots that wait for their receive: rail << 16 | slot, or one of `kept`
			    */
	uint32_t first_arrived, narrived;
	uint32_t credits, owed, slots_used;
	bool active, said_length;
	struct ct_verbs_recovery lose;
	ct_status broken;
	char why[320];
};

/* Requests that have not been handed to the device yet, all of one lane, in order. What they use up
 * is counted already. */
struct ct_verbs_list {
	uint32_t peer, lane, n;
	struct ibv_send_wr wr[CT_VERBS_LIST];
	struct ibv_sge piece[CT_VERBS_LIST];
};

/* The same for receives; shared ones are of a rail's lane 0 of no peer. */
struct ct_verbs_back {
	uint32_t peer, lane, n;
	struct ibv_recv_wr wr[CT_VERBS_LIST];
	struct ibv_sge piece[CT_VERBS_LIST];
};

/* Whose queue pair has a number. */
struct ct_verbs_known {
	uint32_t qpn, peer;
	uint16_t lane, used;
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
	uint32_t nforeign; /* of these, in memory that the processor cannot touch */
	struct ct_verbs_list list;
	struct ct_verbs_back back;
	uint32_t npool;    /* shared receives of a rail; 0 = none are shared */
	struct ct_verbs_known *known; /* shared receives: a table of nknown, a power of two */
	uint32_t nknown;
	char memory_note[CT_MEM_NOTE];
	struct ct_verbs_lazy *lazy; /* NULL: everybody is connected at opening */
	uint32_t room_peers,
		nmade; /* lazy: whose completions fit into the queue; so many are made */
	uint32_t psn, token;
	uint32_t patience;          /* until the next look at events */
	uint64_t looked_ns;
	uint32_t *active, nactive;
	ct_status late; /* a peer was lost while no message was under way to tell it: the next poll
			   does */
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

/* How packets of LANE find P. */
struct ibv_ah_attr ct_verbs_way(
	const struct ct_verbs *v, const struct ct_verbs_peer *p, uint32_t lane);

/* Connects PEER's queue pairs and posts its receives; card and qpns are known. */
ct_status ct_verbs_link(struct ct_verbs *v, uint32_t peer);

/* The smaller path MTU of both ends on RAIL. */
enum ibv_mtu ct_verbs_path_mtu(
	const struct ct_verbs *v, const struct ct_verbs_peer *p, uint32_t rail);

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
ct_status ct_verbs_send_report(
	struct ct_verbs *v, uint32_t peer, const struct ct_verbs_report *report);

/* Writes as much of PART of LARGE (which is v->peers[peer].large[index]) as its lane takes. */
ct_status ct_verbs_write(struct ct_verbs *v, uint32_t peer, uint32_t index, uint32_t part);

/* Hands to the device what has been gathered, receives first. Who is refused is broken. */
void ct_verbs_go(struct ct_verbs *v);

/* Asks for a completion of what PEER's main lane holds. */
ct_status ct_verbs_flush(struct ct_verbs *v, uint32_t peer);

/* Gives receive SLOT of LANE back to the device. */
ct_status ct_verbs_repost(struct ct_verbs *v, uint32_t peer, uint32_t lane, uint32_t slot);

/* Where receive SLOT of RAIL lies. */
static inline char *ct_verbs_slot(const struct ct_verbs *v, const struct ct_verbs_peer *p,
	uint32_t rail, uint32_t slot)
{
	if (v->npool > 0)
		return v->rail[rail].pool.at + (size_t)slot * CT_VERBS_SLOT;
	return p->in + ((size_t)rail * (v->slots + CT_VERBS_SPARE) + slot) * CT_VERBS_SLOT;
}

/* What a completion was. */
enum ct_verbs_work { CT_VERBS_SENT = 1, CT_VERBS_WRITTEN, CT_VERBS_RECEIVED };

/* Packed into wr_id: work 4 bits, lane 8, peer 20, info 16, and what it retires: requests 8,
 * slots 8. */
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
	struct ct_verbs_id out = { (enum ct_verbs_work)(id >> 60), id >> 52 & 0xff,
		id >> 32 & 0xfffff, id >> 16 & 0xffff, id >> 8 & 0xff, id & 0xff };

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

/* ---- verbs_shared.c ------------------------------------------------------------------------ */

/* How many receives the rails share, in v->npool: none unless asked for and every device has shared
 * receive queues. After the settings. */
void ct_verbs_shared_plan(struct ct_verbs *v);

/* The pool and queue of RAIL, filled. CT_IO, CT_NOMEM. Undone by ct_verbs_shared_unmake(), also in
 * part. */
ct_status ct_verbs_shared_make(struct ct_verbs *v, uint32_t rail);
void ct_verbs_shared_unmake(struct ct_verbs *v, uint32_t rail);

/* PEER's LANE has a queue pair. */
void ct_verbs_know(struct ct_verbs *v, uint32_t peer, uint32_t lane);

/* Whose a receive on RAIL was; false: nobody's. */
bool ct_verbs_whose(const struct ct_verbs *v, uint32_t rail, uint32_t qpn, uint32_t *peer,
	uint32_t *lane);

/* Gives SLOT of RAIL's pool back to the device. CT_IO. */
ct_status ct_verbs_share(struct ct_verbs *v, uint32_t rail, uint32_t slot);

/* Copies the last of PEER's messages that wait for their receive out of the pool. CT_NOMEM, CT_IO.
 */
ct_status ct_verbs_keep(struct ct_verbs *v, uint32_t peer);

enum { CT_VERBS_KEPT = 0xffff }; /* in place of a rail: a slot of `kept` */

/* Where the message ENTRY of P's `arrived` lies. */
static inline const char *ct_verbs_arrived(const struct ct_verbs *v, const struct ct_verbs_peer *p,
	uint32_t entry)
{
	if (entry >> 16 == CT_VERBS_KEPT)
		return p->kept + (size_t)(entry & 0xffff) * CT_VERBS_SLOT;
	return ct_verbs_slot(v, p, entry >> 16, entry & 0xffff);
}

/* ---- verbs_memory.c ------------------------------------------------------------------------ */

/* Registers AT on every rail; R->mr are NULL after an error. CT_NOMEM, CT_IO (limit of locked
 * memory). */
ct_status ct_verbs_region_make(
	struct ct_verbs *v, void *at, uint64_t bytes, struct ct_verbs_region *r);
void ct_verbs_region_end(struct ct_verbs_region *r);

/* A registration that covers the buffer: one that reg() made, or a new one that
 * ct_verbs_uncover() ends. CT_NOMEM, CT_IO. */
ct_status ct_verbs_cover(
	struct ct_verbs *v, void *data, uint64_t bytes, struct ct_verbs_region **r);
void ct_verbs_uncover(struct ct_verbs_region *r); /* NULL is accepted */

/* BYTES from FROM to TO, of which one may lie in memory that the processor cannot touch. CT_IO. */
ct_status ct_verbs_copy(const struct ct_verbs *v, void *to, const void *from, uint64_t bytes);

/* Memory for small messages, as --ib-huge-pages says. CT_NOMEM. */
ct_status ct_verbs_pool(struct ct_verbs *v, uint64_t bytes, struct ct_mem *mem);

/* net.h's reg, reg_mem and dereg. Registrations are kept only while their owner vouches for the
 * memory: one that outlives its mapping would let the device write into pages that are no longer
 * ours. */
ct_status ct_verbs_reg(void *self, void *memory, uint64_t bytes, uint64_t *key);
ct_status ct_verbs_reg_mem(void *self, const struct ct_mem *mem, uint64_t *key);
void ct_verbs_dereg(void *self, uint64_t key);

#endif
