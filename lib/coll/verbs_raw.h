/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to the backend row "verbs": point-to-point operations of libibverbs themselves, without
 * any protocol of ours between them. Part of the module verbs.
 *
 * A prepared request has for each partner so many queue pairs of the kind that its algorithm names,
 * and one reliable control queue pair besides, over which partners settle after each start,
 * untimed: by then the data are where they belong. (It works like a socket of a benchmark's control
 * connection.)
 */
#ifndef CT_COLL_VERBS_RAW_H
#define CT_COLL_VERBS_RAW_H

#include <stdatomic.h>

#include "coll.h"
#include "rdma/rdma.h"

enum {
	CT_RAW_ALGOS = 32, CT_RAW_KNOBS = 4, CT_RAW_REAP = 16, CT_RAW_NOTICES = 4,
	CT_RAW_NOTICE = 16, /* bytes */
	CT_RAW_NOTICE_AT = 128, CT_RAW_NOTICES_AT = 256, /* in `own` */
	CT_RAW_GRH = 40,    /* what a datagram brings along */
	CT_RAW_SIGNAL = 32, /* in a ping-pong every so many sends ask for a completion */
};

enum ct_raw_verb {
	CT_RAW_WRITE, CT_RAW_WRITE_IMM, CT_RAW_SEND, CT_RAW_READ, CT_RAW_FETCH_ADD, CT_RAW_CMP_SWAP,
};

/* What an algorithm's name means. */
struct ct_raw_kind {
	const char *name;
	enum ct_raw_verb verb;
	enum ibv_qp_type type;
};

/* One open row. */
struct ct_raw {
	const struct ct_world *world;
	struct ct_verbs_settings set;
	struct ct_rdma_device dev;
	enum ibv_mtu mtu;
	struct ibv_pd *pd;
	struct ct_coll_caps caps;
	struct ct_coll_algo algos[CT_RAW_ALGOS];
	uint64_t marks[CT_MARKS], timeout_ns;
	uint64_t opened_ns, opened_ticks; /* two clocks at one moment */
	struct ct_raw_req *unsettled;     /* a start that has completed and is not settled yet */
	atomic_bool settling;             /* read by the watchdog's thread */
};

/* What a rank tells every other about a request; what follows is one queue pair number for each
 * rank and queue pair: nranks x (qps + 1), the control pair first. */
struct ct_raw_card {
	uint64_t send, recv, landing, word; /* addresses */
	uint32_t send_key, recv_key, landing_key, word_key; /* rkeys */
	uint32_t psn, reserved;
	uint16_t lid;
	uint8_t gid[16];
	uint8_t mtu, reads; /* enum ibv_mtu; RDMA reads that it answers at once */
	char device[32];
};

/* A queue pair of the measured path. */
struct ct_raw_lane {
	struct ibv_qp *qp;
	struct ibv_send_wr *plain, *signalled; /* chains of `list` requests; the last asks or not */
	struct ibv_recv_wr *receives;          /* chain of `refill` requests */
	uint32_t peer;                         /* index of req->peers */
	uint32_t quota, posted, acked;         /* of the start under way */
	uint32_t since;                        /* posted since the last request for a completion */
	uint32_t owed;                         /* receives to be given back */
};

struct ct_raw_peer {
	uint32_t rank;
	struct ibv_qp *control;
	struct ibv_ah *way; /* datagrams */
	uint64_t heard;                /* notices that have come */
	uint8_t last_byte;             /* of its message, as it told when it settled last */
};

enum ct_raw_step { CT_RAW_STEP_SEND, CT_RAW_STEP_REAP, CT_RAW_STEP_WAIT };

/* Time of single messages, kept when asked for. */
struct ct_raw_times {
	uint64_t *posted, *done;
	uint32_t *done_count;
	size_t nposted, ndone;
};

/* One prepared operation. */
struct ct_raw_req {
	struct ct_raw *row;
	const struct ct_raw_kind *kind;
	struct ct_coll_desc desc;
	uint64_t bytes;
	bool issues, hears,
		first; /* posts timed operations; awaits messages; speaks first in a ping-pong */
	ct_status (*run)(struct ct_raw_req *req);
	uint32_t qps, list, refill, inline_bytes, depth, rx_depth,
		signal; /* signal: lists per completion */
	struct ibv_cq *cq, *recv_cq, *control_cq;
	struct ct_raw_peer *peers;
	struct ct_raw_lane *lanes;
	uint32_t npeers, nlanes;
	struct ibv_send_wr *sends;
	struct ibv_recv_wr *recvs;
	struct ibv_sge *pieces;
	struct ibv_mr *send_mr, *recv_mr, *own_mr, *landing_mr;
	char *own;      /* counter word, result word, notices, GRHs */
	/* Where messages land that may not go to the caller's buffer: a ping-pong by write, whose
	 * last byte is polled; and those of all partners but the first, a message's room for each
	 * rank. */
	char *landing;
	size_t own_bytes;
	struct ct_raw_card *cards; /* nranks of them, each followed by its queue pair numbers */
	size_t card_bytes;
	/* the start under way */
	uint32_t target;           /* operations, or arrivals, that make it complete */
	uint32_t sent, got, acked, turn;
	enum ct_raw_step step;
	uint8_t *flag_out, sequence; /* ping-pong by write: bytes written before this start */
	const volatile uint8_t *flag_in;
	uint8_t true_byte;         /* what the flag byte holds between starts */
	uint64_t notices, sending; /* sent to each peer; those of them that the device still has */
	uint64_t expected;         /* atomics: what the next one must return */
	uint64_t *result;
	struct ct_raw_times times;
	bool complete, broken;
};

/* ---- verbs_raw_link.c ------------------------------------------------------------------------ */

/* Collective: makes everything that REQ needs and connects its queue pairs; kind, desc, bytes,
 * roles and depths are set. All ranks succeed or all fail. Undone by ct_raw_unlink(), also in part.
 */
ct_status ct_raw_link(struct ct_raw_req *req);
void ct_raw_unlink(struct ct_raw_req *req);

/* The peer's card. */
static inline const struct ct_raw_card *ct_raw_card_of(const struct ct_raw_req *req, uint32_t rank)
{
	return (const void *)((const char *)req->cards + rank * req->card_bytes);
}

/* Gives COUNT (at most refill) receives of LANE to the device. */
ct_status ct_raw_receive(struct ct_raw_req *req, struct ct_raw_lane *lane, uint32_t count);

/* What a failed completion or a refused request of LANE means. */
ct_status ct_raw_failed(const struct ct_raw_req *req, const struct ibv_wc *wc);
ct_status ct_raw_refused(const struct ct_raw_req *req, const struct ct_raw_lane *lane, int error);

/* wr_id: the lane, and how many messages its completion stands for. */
static inline uint64_t ct_raw_id(uint32_t lane, uint32_t count)
{
	return (uint64_t)lane << 32 | count;
}

/* ---- verbs_raw_run.c: the measured path -------------------------------------------------------
 */

/* Each goes on with the start under way until it is complete (CT_OK), nothing has happened for some
 * turns (CT_BUSY), or it fails. */
ct_status ct_raw_ping_pong_write(struct ct_raw_req *req); /* polls the last byte of memory */
ct_status ct_raw_ping_pong(struct ct_raw_req *req);       /* by completions of receives */
ct_status ct_raw_one_by_one(struct ct_raw_req *req);      /* reads, atomics: one outstanding */
ct_status ct_raw_stream(struct ct_raw_req *req);          /* as many as the queues hold */

/* Sets the start under way back to its beginning. */
void ct_raw_begin(struct ct_raw_req *req);

/* ---- verbs_raw_settle.c -----------------------------------------------------------------------
 */

/* Untimed, after a start: waits until every partner is through with it too, brings what no
 * completion of ours has announced, and gives back receives. CT_TIMEOUT, CT_PEER, CT_CORRUPT. */
ct_status ct_raw_settle(struct ct_raw_req *req);

/* Hands the receives of notices to the device. */
ct_status ct_raw_notices(struct ct_raw_req *req);

/* For service that may lose messages: has every partner said that it is through with the start
 * under way? Takes in the notices that are there. */
bool ct_raw_left_alone(struct ct_raw_req *req);

/* The processor's counter of cycles where it has one, else nanoseconds. */
#if defined(__x86_64__)
static inline uint64_t ct_raw_ticks(void)
{
	return __builtin_ia32_rdtsc();
}
#else
static inline uint64_t ct_raw_ticks(void)
{
	return ct_now_ns();
}
#endif

extern const struct ct_coll_ops ct_coll_verbs;

#endif
