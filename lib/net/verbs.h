/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the module verbs: what its files share. verbs.c moves messages, verbs_link.c makes and
 * connects queue pairs, verbs_wire.c posts and reaps work, verbs_memory.c registers memory; lib/rdma
 * chooses device, port and GID.
 *
 * Protocol of a pair, over one reliable connection: a message of up to CT_VERBS_EAGER bytes is
 * copied into a registered slot and sent into a slot that the receiver has posted. For a longer
 * one the receiver, which knows the length, sends a grant (address and key of its buffer) as soon
 * as the receive is posted; the sender answers with RDMA writes, the last of which carries the
 * message's number. A sender that finds no grant yet announces the length, so that a receiver who
 * expects another length is told. Each send and each last write uses up one of the receiver's
 * slots: a credit, which it returns with its own next message or alone. RESERVE credits are kept
 * from small messages, since these may lie unread, so that grants and credits always get through.
 */
#ifndef CT_NET_VERBS_H
#define CT_NET_VERBS_H

#include "queue.h"
#include "rdma/rdma.h"

enum {
	CT_VERBS_EAGER = 4096,  /* largest message that is copied */
	CT_VERBS_HEAD = 32,     /* bytes before it */
	CT_VERBS_SLOT = CT_VERBS_EAGER + 64,
	CT_VERBS_SLOTS = 32,    /* per peer and direction */
	CT_VERBS_RESERVE = 12,
	CT_VERBS_RETURN = 8,    /* so many credits are worth a message of their own; < RESERVE */
	CT_VERBS_GRANTS = 8,    /* outstanding per peer */
	CT_VERBS_WRITES = 32,   /* RDMA writes in flight per peer */
	CT_VERBS_REGIONS = 64,  /* announced by reg() and remembered */
	CT_VERBS_INLINE = 128
};

#define CT_VERBS_MAGIC 0x76625431u /* "vbT1"; also tells a peer of another byte order */

enum ct_verbs_kind { CT_VERBS_DATA = 1, CT_VERBS_GRANT, CT_VERBS_ANNOUNCE, CT_VERBS_CREDIT };

/* First bytes of a slot. */
struct ct_verbs_head {
	uint16_t kind, credits;
	uint32_t number; /* of the message among those of this direction */
	uint64_t bytes, address;
	uint32_t rkey, unused;
};

_Static_assert(sizeof(struct ct_verbs_head) == CT_VERBS_HEAD, "head size");

/* What peers get. */
struct ct_verbs_card {
	uint32_t magic, psn;
	uint16_t lid;
	uint8_t link_layer, mtu, port, family; /* mtu: enum ibv_mtu; family: 4, 6 or 0 */
	uint8_t gid[16];
	char device[64];
};

_Static_assert(sizeof(struct ct_verbs_card) <= CT_NET_ADDRESS, "address too long");

struct ct_verbs_peer {
	struct ct_verbs_card card;
	struct ibv_qp *qp;
	uint32_t qpn; /* the peer's */
	char *out, *in; /* CT_VERBS_SLOTS slots each */
	struct ct_fifo sends, recvs, writing;
	struct ct_net_req *ungranted; /* the first receive that was not looked at for a grant */
	uint32_t send_number, recv_number, post_number; /* of the queues' heads; of the next post */
	struct ct_verbs_head granted[CT_VERBS_GRANTS], announced; /* by the peer */
	uint32_t first_granted, ngranted, grants_out;
	uint16_t arrived[CT_VERBS_SLOTS]; /* slots that wait for their receive */
	uint32_t first_arrived, narrived;
	uint32_t credits, owed;
	uint32_t next_slot, slots_used, writes_used;
	bool active, said_length;
	ct_status broken;
	char why[320];
};

struct ct_verbs {
	const struct ct_world *world;
	struct ct_verbs_settings set;
	struct ct_rdma_device dev;
	enum ibv_mtu mtu; /* of the port, or less where asked */
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ct_verbs_peer *peers;
	uint32_t *qpns, *all_qpns; /* exchanged in ready(): one row per rank */
	char *arena;               /* every slot of every peer */
	struct ibv_mr *arena_mr;
	struct ibv_mr *regions[CT_VERBS_REGIONS];
	uint32_t psn, inline_bytes;
	uint64_t write_bytes;      /* most of one RDMA write */
	uint32_t *active, nactive;
	struct ct_loop loop;
};

/* Makes protection domain, completion queue, slots and one queue pair per peer. CT_IO names
 * the limit of the device or of locked memory. Undone by ct_verbs_unmake(), also in part. */
ct_status ct_verbs_make(struct ct_verbs *v);
void ct_verbs_unmake(struct ct_verbs *v);

/* Connects PEER's queue pair and posts its receive slots; card and qpn are known. */
ct_status ct_verbs_link(struct ct_verbs *v, uint32_t peer);

/* Is there room to send a slot to P, leaving KEEP credits? */
static inline bool ct_verbs_room(const struct ct_verbs_peer *p, uint32_t keep)
{
	return p->credits > keep && p->slots_used < CT_VERBS_SLOTS;
}

/* Sends HEAD (whose credits are filled in) and BYTES of DATA to PEER; ct_verbs_room() first. */
ct_status ct_verbs_send(struct ct_verbs *v, uint32_t peer, struct ct_verbs_head head,
	const void *data, uint64_t bytes);

/* Writes the next piece of REQ, registered as MR, into GRANT; req->done counts. The last piece
 * needs a credit. */
ct_status ct_verbs_write(struct ct_verbs *v, struct ct_net_req *req, const struct ibv_mr *mr,
	const struct ct_verbs_head *grant);

/* Gives receive SLOT of PEER back to the device. */
ct_status ct_verbs_repost(struct ct_verbs *v, uint32_t peer, uint32_t slot);

/* What a completion was: set in the upper byte of its wr_id. */
enum ct_verbs_work { CT_VERBS_SENT = 1, CT_VERBS_PIECE, CT_VERBS_WRITTEN, CT_VERBS_RECEIVED };

static inline uint64_t ct_verbs_id(enum ct_verbs_work work, uint32_t peer, uint32_t slot)
{
	return (uint64_t)work << 56 | (uint64_t)(peer & 0xffffffu) << 32 | slot;
}

/* Turns the failed completion WC of PEER into a status with device, port, peer, queue pairs,
 * vendor's syndrome and the likely cause. */
ct_status ct_verbs_explain(const struct ct_verbs *v, uint32_t peer, const struct ibv_wc *wc);

/* A registration that covers the buffer: one that reg() made, or a new one that
 * ct_verbs_uncover() ends. CT_NOMEM, CT_IO (limit of locked memory). */
ct_status ct_verbs_cover(struct ct_verbs *v, void *data, uint64_t bytes, struct ibv_mr **mr);
void ct_verbs_uncover(struct ct_verbs *v, uint64_t key);

/* net.h's reg and dereg. Registrations are kept only while their owner vouches for the memory:
 * one that outlives its mapping would let the device write into pages that are no longer ours. */
ct_status ct_verbs_reg(void *self, void *memory, uint64_t bytes, uint64_t *key);
void ct_verbs_dereg(void *self, uint64_t key);

#endif
