/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fakeib: a stand-in for libibverbs, loaded before it (LD_PRELOAD), that offers simulated InfiniBand
 * devices to the processes of one machine. docs/fakeib.md tells how to use it.
 *
 * Everything that a peer must see lies in one file, the fabric, which every process maps: ports,
 * queue pairs, receive queues, completion queues, registrations. Handles point into it by index.
 * Whoever posts a send does all the work at once: it finds the peer's queue pair and receive, moves the
 * bytes (memcpy within a process, process_vm_writev and _readv between two), and adds both completions.
 * So the peer need not call anything for an RDMA write to land. One lock orders all of it. What
 * cannot go yet (no receive posted, port down, peer not there) stays in the sender's queue and is
 * tried again at each poll and by a helper thread, which is started when it is first needed.
 *
 * fabric.c maps the file; spec.c reads its description; device.c, memory.c, cq.c, qp.c and srq.c are
 * the calls of those names; send.c and path.c do the work; post.c and wr.c are what programs call
 * most, so that its cost can be told from theirs; event.c carries completion and asynchronous
 * events; act.c makes ports and queue pairs fail, and ctl.c is fakeib-ctl, which asks for that.
 */
#ifndef CT_FAKE_H
#define CT_FAKE_H

/* What the programs call is shown to them, the rest is not. */
#pragma GCC visibility push(default)
#include <infiniband/verbs.h>
#pragma GCC visibility pop
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#undef ibv_query_port
#undef ibv_reg_mr
#undef ibv_reg_mr_iova

enum {
	FAKE_DEVICES = 8,
	FAKE_PORTS = 4,
	FAKE_GIDS = 8,
	FAKE_CONTEXTS = 512,
	FAKE_CHANNELS = 1024,
	FAKE_SRQS = 1024,
	FAKE_QPS = 1 << 14,
	FAKE_CQS = 1 << 14,
	FAKE_MRS = 1 << 16,
	FAKE_FAULTS = 16,
	FAKE_SGES = 16,
	FAKE_INLINE = 256,
	FAKE_FIRST_QP = 16,
	FAKE_PAGE = 4096,
	FAKE_PAGES = 1 << 17, /* of the arena: 512 MiB, allocated when touched */
	FAKE_SPEC = 2048,
	FAKE_GRH = 40,
	FAKE_MSG = 1 << 30
};

#define FAKE_MAGIC 0x66616b6569623031ull /* "fakeib01" */
#define FAKE_FW "simulated (fakeib stand-in)"

struct fake_port {
	uint32_t state, phys_state, lid, lmc, sm_lid, speed, width, mtu, max_mtu, gids, grh_required,
		link; /* IBV_LINK_LAYER_… */
	uint64_t guid, subnet;
	_Atomic uint64_t tx_bytes, rx_bytes, tx_messages, rx_messages, timeouts, tx_lists, rx_lists;
};

struct fake_limits {
	int64_t max_qp, max_qp_wr, max_cq, max_cqe, max_mr, max_pd, max_srq, max_srq_wr, max_sge,
		max_inline, max_rd, atomics, vendor, part;
};

struct fake_device {
	char name[16];
	uint64_t guid;
	uint32_t nports, dead;
	struct fake_limits limits;
	int64_t nqp, ncq, nmr, npd, nsrq;
	struct fake_port ports[FAKE_PORTS];
};

/* Of one ibv_open_device(). */
struct fake_context {
	uint32_t live, device, number; /* number: of the event FIFO */
	int32_t pid;
	uint64_t started;
};

struct fake_channel {
	uint32_t live, context, number;
};

struct fake_mr {
	uint32_t live, context, pd, key, access;
	uint64_t from, length, address; /* from: as peers name it; address: where it is */
};

/* A ring of receives, each of STRIDE bytes; head and tail run freely. */
struct fake_recvs {
	uint64_t ring;
	uint32_t size, limit, max_sge, stride, head, tail, pages;
};

struct fake_recv {
	uint64_t wr_id;
	uint32_t nsge, unused;
	struct ibv_sge sge[];
};

struct fake_srq {
	uint32_t live, context, pd, warn;
	uint64_t user;
	struct fake_recvs recvs;
};

struct fake_cqe {
	struct ibv_wc wc;
	uint32_t qp, sends_done; /* sends_done: that far the send queue is free; 0 for receives */
	uint32_t is_send, solicited;
};

struct fake_cq {
	uint32_t live, context, size, pages, channel, armed, overrun; /* armed: 1 any, 2 solicited */
	uint64_t ring, user;
	_Atomic uint32_t head, tail;
};

struct fake_qp {
	uint32_t live, generation, qpn, context, device, pd, type, state;
	uint32_t port, dlid, global, dgid_port, dest_qpn, mtu, rq_psn, sq_psn, access, qkey;
	uint32_t min_rnr_timer, timeout, retry, rnr_retry, max_rd, max_dest_rd, sl, pkey_index;
	uint32_t send_cq, recv_cq, srq; /* srq 0: none */
	uint64_t user;
	union ibv_gid dgid;
	struct fake_recvs recvs;
	struct ibv_ah_attr ah;
	struct ibv_qp_cap cap;
};

enum fake_side { FAKE_SEND = 1, FAKE_RECV };

enum fake_act { FAKE_STATUS, FAKE_STATE, FAKE_LID, FAKE_QP_FATAL, FAKE_DEVICE_FATAL, FAKE_EVENT };

/* Something that happens to port PORT of a device, now or at its n-th piece of work: VALUE is a
 * completion status, port state, LID, queue pair number (0 = all) or event. */
struct fake_happening {
	uint32_t act, device, port, value;
};

struct fake_fault {
	struct fake_happening what;
	uint32_t live, side, vendor;
	int32_t pid; /* 0 = any */
	uint64_t countdown;
};

struct fake_fabric {
	uint64_t magic, bytes;
	char spec[FAKE_SPEC];
	pthread_mutex_t lock;
	uint32_t ndevices, next_pd, next_fifo, next_qp, next_cq, next_mr, top_qp, top_cq, top_mr;
	double timeouts; /* factor on every time-out of the queue pairs */
	struct fake_device devices[FAKE_DEVICES];
	struct fake_context contexts[FAKE_CONTEXTS];
	struct fake_channel channels[FAKE_CHANNELS];
	struct fake_fault faults[FAKE_FAULTS];
	_Atomic uint32_t nfaults;
	struct fake_srq srqs[FAKE_SRQS];
	struct fake_qp qps[FAKE_QPS];
	struct fake_cq cqs[FAKE_CQS];
	struct fake_mr mrs[FAKE_MRS];
	uint8_t used[FAKE_PAGES];
	_Alignas(FAKE_PAGE) char arena[];
};

/* ---- what a process holds ------------------------------------------------------------------ */

struct fake_handle {
	struct ibv_device device;
	uint32_t index;
};

struct fake_open {
	struct fake_handle handle; /* a copy: the list it came from may be freed */
	uint32_t index;
	struct verbs_context verbs;
};

struct fake_ah {
	struct ibv_ah ah;
	struct ibv_ah_attr attr;
};

/* A send that was posted. */
struct fake_wqe {
	uint64_t wr_id, remote, compare_add, swap;
	uint32_t rkey, imm, opcode, flags, length, nsge, counted;
	uint32_t qpn, qkey, dlid;
	uint32_t waits; /* enum fake_wait of the last try */
	int64_t deadline;
	struct fake_ah *ah;
	union {
		struct ibv_sge sge[FAKE_SGES];
		char bytes[FAKE_INLINE];
	} data;
};

/* Queue pair of this process: its send queue, and the state of the wr_ functions. */
struct fake_sender {
	struct ibv_qp_ex ex;
	struct fake_sender *next_waiting;
	struct fake_wqe *wqes;
	uint32_t index, size, limit, head, tail, freed, sig_all, max_inline, max_sge;
	bool waiting;
	uint32_t open_tail; /* wr_start() to wr_complete() */
	int wr_error;
	struct fake_wqe *current, scratch;
};

/* The mapped fabric; NULL: none, and why was printed. */
struct fake_fabric *ct_fake_fabric(void);
/* Maps the fabric of folder DIR, made and described by SPEC unless it exists (NULL: it must). */
struct fake_fabric *ct_fake_map(const char *dir, const char *spec);
/* The folder's path. */
const char *ct_fake_dir(void);
int32_t ct_fake_pid(void);
int64_t ct_fake_now(void); /* ns */
void ct_fake_lock(struct fake_fabric *f);
void ct_fake_unlock(struct fake_fabric *f);
/* Frees what dead processes left, or, for context INDEX, what it holds. Locked. */
void ct_fake_sweep(struct fake_fabric *f);
void ct_fake_free_context(struct fake_fabric *f, uint32_t index);
/* Start time of process PID in clock ticks since boot; 0: there is none. */
uint64_t ct_fake_started(int32_t pid);

/* Offset of BYTES zeroed bytes in the arena, or 0; *pages says how many to give back. Locked. */
uint64_t ct_fake_arena_take(struct fake_fabric *f, uint64_t bytes, uint32_t *pages);
void ct_fake_arena_give(struct fake_fabric *f, uint64_t at, uint32_t pages);

static inline void *ct_fake_at(struct fake_fabric *f, uint64_t offset)
{
	return (char *)f + offset;
}

/* Fills devices and ports from SPEC; false: WHY says what is wrong. */
bool ct_fake_spec(struct fake_fabric *f, const char *spec, char *why, size_t size);
uint32_t ct_fake_mtu_bytes(uint32_t mtu);
/* "down", "init", "armed", "active" to enum ibv_port_state; 0: none of them. */
uint32_t ct_fake_state(const char *name);
void ct_fake_set_state(struct fake_port *port, uint32_t state);
union ibv_gid ct_fake_gid(const struct fake_port *port, uint32_t index);

static inline struct fake_open *ct_fake_of(struct ibv_context *context)
{
	return (struct fake_open *)((char *)context - offsetof(struct fake_open, verbs.context));
}

static inline struct fake_device *ct_fake_device(struct fake_fabric *f, struct ibv_context *context)
{
	return &f->devices[ct_fake_of(context)->handle.index];
}

/* Registration of KEY that covers BYTES at ADDRESS, with WANTED rights and protection domain PD;
 * NULL: none. */
const struct fake_mr *ct_fake_covers(const struct fake_fabric *f, uint32_t key, uint32_t pd,
	uint64_t address, uint64_t bytes, uint32_t wanted);

/* Receives. Locked. */
bool ct_fake_recvs_make(struct fake_fabric *f, struct fake_recvs *r, uint32_t limit, uint32_t sges);
void ct_fake_recvs_free(struct fake_fabric *f, struct fake_recvs *r);
int ct_fake_recvs_post(struct fake_fabric *f, struct fake_recvs *r, const struct ibv_recv_wr *wr);

static inline struct fake_recv *ct_fake_recv_at(struct fake_fabric *f, const struct fake_recvs *r,
	uint32_t at)
{
	return ct_fake_at(f, r->ring + (uint64_t)(at & (r->size - 1)) * r->stride);
}

/* Completions. Locked. */
void ct_fake_complete(struct fake_fabric *f, uint32_t cq, const struct fake_cqe *cqe);
void ct_fake_forget(struct fake_fabric *f, uint32_t cq, uint32_t qp);

/* Queue pairs. Locked. to_error flushes receives; sends are flushed by their owner. */
void ct_fake_to_error(struct fake_fabric *f, struct fake_qp *qp);
void ct_fake_free_qp(struct fake_fabric *f, struct fake_qp *qp);
struct fake_qp *ct_fake_find_qp(struct fake_fabric *f, uint32_t qpn);

/* path.c: where a send goes. */
enum fake_wait { FAKE_GOES, FAKE_NO_ANSWER, FAKE_NO_RECEIVE };

/* The peer's queue pair; NULL: nobody answers. Locked. */
struct fake_qp *ct_fake_reach(struct fake_fabric *f, const struct fake_qp *from,
	const struct fake_wqe *w);
static inline struct fake_port *ct_fake_port(struct fake_fabric *f, const struct fake_qp *qp)
{
	return &f->devices[qp->device].ports[qp->port - 1];
}

/* Moves BYTES between local pieces and pieces of process PID; 0, ESRCH (it is gone) or EFAULT. */
struct fake_pieces {
	uint32_t n;
	uint64_t bytes;
	struct iovec at[FAKE_SGES + 1];
};
int ct_fake_push(int32_t pid, const struct fake_pieces *from, struct fake_pieces *to);
int ct_fake_pull(int32_t pid, struct fake_pieces *to, const struct fake_pieces *from);

static inline struct fake_wqe *ct_fake_wqe(struct fake_sender *q, uint32_t at)
{
	return &q->wqes[at & (q->size - 1)];
}

/* send.c: sends what can be sent. Locked. */
void ct_fake_drive(struct fake_fabric *f, struct fake_sender *q);
void ct_fake_drive_waiting(struct fake_fabric *f);
void ct_fake_stop_waiting(struct fake_sender *q);
bool ct_fake_anyone_waits(void);
/* act.c: makes it happen (not FAKE_STATUS). Locked. */
void ct_fake_happen(struct fake_fabric *f, const struct fake_happening *h);
/* Does a fault hit this piece of work? Sets *status and *vendor. */
bool ct_fake_hit(struct fake_fabric *f, const struct fake_qp *qp, enum fake_side side,
	uint32_t *status, uint32_t *vendor);
/* The stand-in's own syndromes, which no vendor's are taken for. */
static inline uint32_t ct_fake_vendor(uint32_t status)
{
	return status == IBV_WC_SUCCESS ? 0 : 0xfa00 | status;
}

/* post.c: the calls that programs make for each message. */
int fakeib_post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad);
int fakeib_post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);
int fakeib_post_srq_recv(struct ibv_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);
int fakeib_poll_cq(struct ibv_cq *cq, int n, struct ibv_wc *wc);
int fakeib_req_notify_cq(struct ibv_cq *cq, int solicited_only);
/* wr.c: the same by the functions of ibv_qp_ex. */
void ct_fake_wr_functions(struct ibv_qp_ex *ex);

/* qp.c and its kin, for the tables of the device. */
struct ibv_qp *ct_fake_create_qp_ex(struct ibv_context *context, struct ibv_qp_init_attr_ex *init);
int ct_fake_get_srq_num(struct ibv_srq *srq, uint32_t *number);

/* event.c: FIFO names and records. */
struct fake_record {
	uint32_t type, index; /* an enum ibv_event_type and whom it is about, or a completion queue */
};
void ct_fake_fifo_path(char *out, size_t size, uint32_t number);
int ct_fake_fifo_make(uint32_t number);
void ct_fake_fifo_write(uint32_t number, struct fake_record record);
void ct_fake_event(struct fake_fabric *f, uint32_t context, enum ibv_event_type type, uint32_t index);
/* To every context of DEVICE. */
void ct_fake_event_all(struct fake_fabric *f, uint32_t device, enum ibv_event_type type,
	uint32_t index);

#endif
