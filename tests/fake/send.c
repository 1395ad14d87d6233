/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device does with a send: to its end, as far as it goes, in the order of the queue. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "fake.h"

enum { HELPER_NS = 200000 };

/* One send under way: from queue pair S to queue pair T. */
struct job {
	struct fake_fabric *f;
	struct fake_sender *q;
	struct fake_qp *s, *t;
	struct fake_wqe *w;
	struct fake_pieces local;
	uint32_t vendor;
	enum fake_wait wait; /* FAKE_GOES, or the status says nothing yet */
};

/* Senders of this process that wait, under the fabric's lock. */
static struct {
	struct fake_sender *first;
	_Atomic uint32_t n;
	bool helper;
} waiting;

/* ---- at the receiver ----------------------------------------------------------------------- */

static struct fake_recvs *recvs_of(struct fake_fabric *f, struct fake_qp *t)
{
	return t->srq != 0 ? &f->srqs[t->srq].recvs : &t->recvs;
}

/* The memory of N pieces that queue pair QP names; false: not registered with the WANTED rights. */
static bool resolve(const struct fake_fabric *f, const struct fake_qp *qp, const struct ibv_sge *sge,
	uint32_t n, struct fake_pieces *out, uint32_t wanted)
{
	out->n = 0;
	out->bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct fake_mr *m;

		if (sge[i].length == 0)
			continue;
		m = ct_fake_covers(f, sge[i].lkey, qp->pd, sge[i].addr, sge[i].length, wanted);
		if (m == NULL)
			return false;
		out->at[out->n++] = (struct iovec){
			(void *)(uintptr_t)(m->address + (sge[i].addr - m->from)), sge[i].length };
		out->bytes += sge[i].length;
	}
	return true;
}

static void received(struct job *j, const struct fake_recv *r, uint32_t status)
{
	const struct fake_wqe *w = j->w;
	bool ud = j->t->type == IBV_QPT_UD, imm = w->opcode == IBV_WR_SEND_WITH_IMM ||
		w->opcode == IBV_WR_RDMA_WRITE_WITH_IMM;
	struct fake_cqe c = { .qp = (uint32_t)(j->t - j->f->qps),
		.solicited = (w->flags & IBV_SEND_SOLICITED) != 0, .wc = { .wr_id = r->wr_id,
		.status = status, .opcode = w->opcode == IBV_WR_RDMA_WRITE_WITH_IMM ?
		IBV_WC_RECV_RDMA_WITH_IMM : IBV_WC_RECV, .vendor_err = ct_fake_vendor(status),
		.byte_len = w->length + (ud ? FAKE_GRH : 0), .qp_num = j->t->qpn, .src_qp = j->s->qpn,
		.wc_flags = imm ? IBV_WC_WITH_IMM : 0, .slid = (uint16_t)ct_fake_port(j->f, j->s)->lid,
		.sl = j->s->ah.sl } };

	c.wc.imm_data = imm ? w->imm : 0;
	if (ud && w->ah->attr.is_global)
		c.wc.wc_flags |= IBV_WC_GRH;
	ct_fake_complete(j->f, j->t->recv_cq, &c);
}

static void consume(struct job *j, struct fake_recvs *r, uint32_t status)
{
	const struct fake_recv *at = ct_fake_recv_at(j->f, r, r->head++);
	struct fake_srq *srq;

	received(j, at, status);
	if (j->t->srq == 0)
		return;
	srq = &j->f->srqs[j->t->srq];
	if (srq->warn > 0 && r->tail - r->head < srq->warn) {
		srq->warn = 0;
		ct_fake_event(j->f, srq->context, IBV_EVENT_SRQ_LIMIT_REACHED, j->t->srq);
	}
}

/* The receive fails with STATUS, and so does its queue pair; the sender is told THEN. */
static uint32_t broken(struct job *j, struct fake_recvs *r, uint32_t status, uint32_t then)
{
	if (j->t->type != IBV_QPT_RC)
		return IBV_WC_SUCCESS; /* dropped */
	consume(j, r, status);
	ct_fake_to_error(j->f, j->t);
	return then;
}

static void add_grh(struct job *j, struct fake_pieces *to)
{
	const struct ibv_ah_attr *ah = &j->w->ah->attr;
	char grh[FAKE_GRH] = { 0x60 };
	struct fake_pieces from = { 1, FAKE_GRH, { { grh, FAKE_GRH } } };
	union ibv_gid own = ct_fake_gid(ct_fake_port(j->f, j->s), ah->grh.sgid_index);

	memcpy(grh + 8, &own, sizeof(own));
	memcpy(grh + 24, &ah->grh.dgid, sizeof(ah->grh.dgid));
	if (ah->is_global)
		(void)ct_fake_push(j->f->contexts[j->t->context].pid, &from, to);
}

/* The first N bytes of PIECES are left free. */
static void skip(struct fake_pieces *p, size_t n)
{
	p->bytes -= n;
	for (uint32_t i = 0; i < p->n && n > 0; i++) {
		size_t cut = n < p->at[i].iov_len ? n : p->at[i].iov_len;

		p->at[i].iov_base = (char *)p->at[i].iov_base + cut;
		p->at[i].iov_len -= cut;
		n -= cut;
	}
}

/* Into the next receive. */
static uint32_t deliver(struct job *j)
{
	struct fake_recvs *r = recvs_of(j->f, j->t);
	bool rc = j->t->type == IBV_QPT_RC, ud = j->t->type == IBV_QPT_UD;
	size_t head = ud ? FAKE_GRH : 0;
	const struct fake_recv *at;
	struct fake_pieces to;
	uint32_t status, vendor;
	int error;

	if (r->head == r->tail) {
		j->wait = rc ? FAKE_NO_RECEIVE : FAKE_GOES;
		return IBV_WC_SUCCESS;
	}
	if (ct_fake_hit(j->f, j->t, FAKE_RECV, &status, &vendor))
		return broken(j, r, status, IBV_WC_REM_OP_ERR);
	if (j->w->opcode == IBV_WR_RDMA_WRITE_WITH_IMM) {
		consume(j, r, IBV_WC_SUCCESS);
		return IBV_WC_SUCCESS;
	}
	at = ct_fake_recv_at(j->f, r, r->head);
	if (!resolve(j->f, j->t, at->sge, at->nsge, &to, IBV_ACCESS_LOCAL_WRITE))
		return broken(j, r, IBV_WC_LOC_PROT_ERR, IBV_WC_REM_OP_ERR);
	if (to.bytes < j->local.bytes + head)
		return broken(j, r, IBV_WC_LOC_LEN_ERR, IBV_WC_REM_INV_REQ_ERR);
	if (ud) {
		add_grh(j, &to);
		skip(&to, FAKE_GRH);
	}
	error = ct_fake_push(j->f->contexts[j->t->context].pid, &j->local, &to);
	if (error == ESRCH) {
		j->wait = rc ? FAKE_NO_ANSWER : FAKE_GOES;
		return IBV_WC_SUCCESS;
	}
	if (error != 0)
		return broken(j, r, IBV_WC_LOC_PROT_ERR, IBV_WC_REM_OP_ERR);
	consume(j, r, IBV_WC_SUCCESS);
	return IBV_WC_SUCCESS;
}

/* The responder refuses; a reliable one goes into error and says so to its program. */
static uint32_t refused(struct job *j, uint32_t status, enum ibv_event_type event)
{
	if (j->t->type != IBV_QPT_RC)
		return IBV_WC_SUCCESS;
	ct_fake_event(j->f, j->t->context, event, (uint32_t)(j->t - j->f->qps));
	ct_fake_to_error(j->f, j->t);
	return status;
}

/* ---- remote memory ------------------------------------------------------------------------- */

static bool remote(struct job *j, uint64_t bytes, uint32_t right, struct fake_pieces *out)
{
	const struct fake_mr *m;

	*out = (struct fake_pieces){ 0, bytes, { { NULL, 0 } } };
	if ((j->t->access & right) == 0)
		return false;
	if (bytes == 0)
		return true;
	m = ct_fake_covers(j->f, j->w->rkey, j->t->pd, j->w->remote, bytes, right);
	if (m == NULL)
		return false;
	out->n = 1;
	out->at[0] = (struct iovec){ (void *)(uintptr_t)(m->address + (j->w->remote - m->from)), bytes };
	return true;
}

/* After bytes were moved, or not. */
static uint32_t moved(struct job *j, int error)
{
	if (error == ESRCH)
		j->wait = j->s->type == IBV_QPT_RC ? FAKE_NO_ANSWER : FAKE_GOES;
	return error == 0 || error == ESRCH ? IBV_WC_SUCCESS :
		refused(j, IBV_WC_REM_OP_ERR, IBV_EVENT_QP_FATAL);
}

static uint32_t write_there(struct job *j)
{
	bool imm = j->w->opcode == IBV_WR_RDMA_WRITE_WITH_IMM;
	struct fake_recvs *r = recvs_of(j->f, j->t);
	struct fake_pieces to;
	uint32_t status;

	if (imm && r->head == r->tail) {
		j->wait = j->t->type == IBV_QPT_RC ? FAKE_NO_RECEIVE : FAKE_GOES;
		return IBV_WC_SUCCESS;
	}
	if (!remote(j, j->local.bytes, IBV_ACCESS_REMOTE_WRITE, &to))
		return refused(j, IBV_WC_REM_ACCESS_ERR, IBV_EVENT_QP_ACCESS_ERR);
	status = moved(j, ct_fake_push(j->f->contexts[j->t->context].pid, &j->local, &to));
	return imm && status == IBV_WC_SUCCESS && j->wait == FAKE_GOES ? deliver(j) : status;
}

static uint32_t read_there(struct job *j)
{
	struct fake_pieces from;

	if (j->s->max_rd == 0)
		return IBV_WC_LOC_QP_OP_ERR;
	if (j->t->max_dest_rd == 0)
		return refused(j, IBV_WC_REM_INV_REQ_ERR, IBV_EVENT_QP_REQ_ERR);
	if (!remote(j, j->local.bytes, IBV_ACCESS_REMOTE_READ, &from))
		return refused(j, IBV_WC_REM_ACCESS_ERR, IBV_EVENT_QP_ACCESS_ERR);
	return moved(j, ct_fake_pull(j->f->contexts[j->t->context].pid, &j->local, &from));
}

/* The fabric's lock makes it atomic with regard to all other work of these devices. */
static uint32_t atomic_there(struct job *j)
{
	int32_t pid = j->f->contexts[j->t->context].pid;
	uint64_t old = 0, new;
	struct fake_pieces there, mine = { 1, 8, { { &old, 8 } } }, back = { 1, 8, { { &new, 8 } } };
	int error;

	if (j->local.bytes != 8)
		return IBV_WC_LOC_LEN_ERR;
	if (j->s->max_rd == 0)
		return IBV_WC_LOC_QP_OP_ERR;
	if ((j->w->remote & 7) != 0 || j->t->max_dest_rd == 0)
		return refused(j, IBV_WC_REM_INV_REQ_ERR, IBV_EVENT_QP_REQ_ERR);
	if (!remote(j, 8, IBV_ACCESS_REMOTE_ATOMIC, &there))
		return refused(j, IBV_WC_REM_ACCESS_ERR, IBV_EVENT_QP_ACCESS_ERR);
	error = ct_fake_pull(pid, &mine, &there);
	new = j->w->opcode == IBV_WR_ATOMIC_FETCH_AND_ADD ? old + j->w->compare_add :
		old == j->w->compare_add ? j->w->swap : old;
	if (error == 0)
		error = ct_fake_push(pid, &back, &there);
	if (error == 0)
		error = ct_fake_push(ct_fake_pid(), &mine, &j->local);
	return moved(j, error);
}

/* ---- at the sender ------------------------------------------------------------------------- */

static bool gather(struct job *j)
{
	struct fake_wqe *w = j->w;
	bool into = w->opcode == IBV_WR_RDMA_READ || w->opcode == IBV_WR_ATOMIC_FETCH_AND_ADD ||
		w->opcode == IBV_WR_ATOMIC_CMP_AND_SWP;

	if ((w->flags & IBV_SEND_INLINE) == 0)
		return resolve(j->f, j->s, w->data.sge, w->nsge, &j->local,
			into ? IBV_ACCESS_LOCAL_WRITE : 0);
	j->local.n = 1;
	j->local.bytes = w->length;
	j->local.at[0] = (struct iovec){ w->data.bytes, w->length };
	return true;
}

static void count(struct job *j)
{
	struct fake_port *from = ct_fake_port(j->f, j->s), *to = ct_fake_port(j->f, j->t);

	if (j->w->opcode == IBV_WR_RDMA_READ) {
		to->tx_bytes += j->w->length;
		from->rx_bytes += j->w->length;
	} else {
		from->tx_bytes += j->w->length;
		to->rx_bytes += j->w->length;
	}
	from->tx_messages++;
	to->rx_messages++;
}

static uint32_t carry_out(struct job *j)
{
	uint32_t smaller = j->s->mtu < j->t->mtu ? j->s->mtu : j->t->mtu;

	if (j->s->mtu != j->t->mtu && j->s->type != IBV_QPT_UD &&
		j->w->length > ct_fake_mtu_bytes(smaller))
		return refused(j, IBV_WC_REM_INV_REQ_ERR, IBV_EVENT_QP_REQ_ERR);
	switch (j->w->opcode) {
	case IBV_WR_SEND:
	case IBV_WR_SEND_WITH_IMM:
		return deliver(j);
	case IBV_WR_RDMA_WRITE:
	case IBV_WR_RDMA_WRITE_WITH_IMM:
		return write_there(j);
	case IBV_WR_RDMA_READ:
		return read_there(j);
	default:
		return atomic_there(j);
	}
}

static uint32_t attempt(struct job *j)
{
	struct fake_wqe *w = j->w;
	uint32_t status;

	if (j->s->state == IBV_QPS_ERR)
		return IBV_WC_WR_FLUSH_ERR;
	if (!w->counted) {
		w->counted = 1;
		if (ct_fake_hit(j->f, j->s, FAKE_SEND, &status, &j->vendor))
			return status;
	}
	if (!gather(j))
		return IBV_WC_LOC_PROT_ERR;
	if (w->length > FAKE_MSG || (j->s->type == IBV_QPT_UD &&
		w->length > ct_fake_mtu_bytes(ct_fake_port(j->f, j->s)->mtu)))
		return IBV_WC_LOC_LEN_ERR;
	j->t = ct_fake_reach(j->f, j->s, w);
	if (j->t == NULL) {
		j->wait = j->s->type == IBV_QPT_RC ? FAKE_NO_ANSWER : FAKE_GOES;
		return IBV_WC_SUCCESS;
	}
	status = carry_out(j);
	if (status == IBV_WC_SUCCESS && j->wait == FAKE_GOES)
		count(j);
	return status;
}

/* IBTA's times of the RNR timer, in units of 10 us. */
static int64_t rnr_ns(uint32_t code)
{
	static const uint32_t times[32] = { 65536, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192,
		256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768,
		49152 };

	return (int64_t)times[code & 31] * 10000;
}

/* When to give up: 4.096 us * 2^timeout for each try, or the receiver's timer for each. */
static int64_t give_up_at(const struct job *j)
{
	const struct fake_qp *s = j->s;
	double ns;

	if (j->wait == FAKE_NO_RECEIVE ? s->rnr_retry == 7 : s->timeout == 0)
		return INT64_MAX;
	if (j->wait == FAKE_NO_RECEIVE)
		ns = (double)rnr_ns(j->t->min_rnr_timer) * (s->rnr_retry + 1);
	else
		ns = 4096.0 * (double)(1ull << (s->timeout & 31)) * (s->retry + 1);
	return ct_fake_now() + (int64_t)(ns * j->f->timeouts);
}

/* True: it goes on waiting. */
static bool wait_on(struct job *j, uint32_t *status)
{
	if (j->wait == FAKE_GOES)
		return false;
	if (j->w->waits != (uint32_t)j->wait) {
		j->w->waits = j->wait;
		j->w->deadline = give_up_at(j);
	}
	if (ct_fake_now() < j->w->deadline)
		return true;
	*status = j->wait == FAKE_NO_RECEIVE ? IBV_WC_RNR_RETRY_EXC_ERR : IBV_WC_RETRY_EXC_ERR;
	ct_fake_port(j->f, j->s)->timeouts++;
	return false;
}

static void sent(struct job *j, uint32_t status)
{
	static const uint32_t codes[] = { [IBV_WR_RDMA_WRITE] = IBV_WC_RDMA_WRITE,
		[IBV_WR_RDMA_WRITE_WITH_IMM] = IBV_WC_RDMA_WRITE, [IBV_WR_SEND] = IBV_WC_SEND,
		[IBV_WR_SEND_WITH_IMM] = IBV_WC_SEND, [IBV_WR_RDMA_READ] = IBV_WC_RDMA_READ,
		[IBV_WR_ATOMIC_CMP_AND_SWP] = IBV_WC_COMP_SWAP,
		[IBV_WR_ATOMIC_FETCH_AND_ADD] = IBV_WC_FETCH_ADD };
	struct fake_cqe c = { .qp = j->q->index, .sends_done = j->q->head, .is_send = 1,
		.wc = { .wr_id = j->w->wr_id, .status = status, .opcode = codes[j->w->opcode],
		.vendor_err = j->vendor != 0 ? j->vendor : ct_fake_vendor(status),
		.byte_len = j->w->length, .qp_num = j->s->qpn } };

	if (status == IBV_WC_SUCCESS && (j->w->flags & IBV_SEND_SIGNALED) == 0 && !j->q->sig_all)
		return;
	ct_fake_complete(j->f, j->s->send_cq, &c);
}

static void start_waiting(struct fake_sender *q);

void ct_fake_drive(struct fake_fabric *f, struct fake_sender *q)
{
	struct fake_qp *s = &f->qps[q->index];

	while (q->head != q->tail) {
		struct job j = { .f = f, .q = q, .s = s, .w = ct_fake_wqe(q, q->head) };
		uint32_t status = attempt(&j);

		if (wait_on(&j, &status)) {
			start_waiting(q);
			return;
		}
		q->head++;
		sent(&j, status);
		if (status != IBV_WC_SUCCESS && s->state != IBV_QPS_ERR)
			ct_fake_to_error(f, s);
	}
	ct_fake_stop_waiting(q);
}

/* ---- those who wait ------------------------------------------------------------------------ */

bool ct_fake_anyone_waits(void)
{
	return waiting.n > 0;
}

void ct_fake_drive_waiting(struct fake_fabric *f)
{
	struct fake_sender *next;

	for (struct fake_sender *q = waiting.first; q != NULL; q = next) {
		next = q->next_waiting;
		ct_fake_drive(f, q);
	}
}

/* The device's clock, so to speak: programs that do not poll are served too. */
static void *help(void *unused)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct timespec pause = { 0, HELPER_NS };
	bool go_on = true;

	while (go_on) {
		nanosleep(&pause, NULL);
		ct_fake_lock(f);
		ct_fake_drive_waiting(f);
		go_on = waiting.helper = waiting.first != NULL;
		ct_fake_unlock(f);
	}
	return unused;
}

static void start_waiting(struct fake_sender *q)
{
	pthread_t thread;

	if (!q->waiting) {
		q->waiting = true;
		q->next_waiting = waiting.first;
		waiting.first = q;
		waiting.n++;
	}
	if (waiting.helper || pthread_create(&thread, NULL, help, NULL) != 0)
		return;
	pthread_detach(thread);
	waiting.helper = true;
}

void ct_fake_stop_waiting(struct fake_sender *q)
{
	struct fake_sender **at = &waiting.first;

	if (!q->waiting)
		return;
	while (*at != q)
		at = &(*at)->next_waiting;
	*at = q->next_waiting;
	q->waiting = false;
	waiting.n--;
}
