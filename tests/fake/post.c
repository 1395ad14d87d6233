/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a program calls for each message. All that the stand-in costs there lies within these five
 * functions (and ibv_qp_ex's in wr.c), so that a profile tells it from the program's own cost.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "fake.h"

enum { EMPTY_POLLS = 32 };

static bool knows(uint32_t type, uint32_t opcode)
{
	switch (opcode) {
	case IBV_WR_SEND:
	case IBV_WR_SEND_WITH_IMM:
		return true;
	case IBV_WR_RDMA_WRITE:
	case IBV_WR_RDMA_WRITE_WITH_IMM:
		return type != IBV_QPT_UD;
	case IBV_WR_RDMA_READ:
	case IBV_WR_ATOMIC_FETCH_AND_ADD:
	case IBV_WR_ATOMIC_CMP_AND_SWP:
		return type == IBV_QPT_RC;
	default:
		return false;
	}
}

static int take_data(const struct fake_sender *q, struct fake_wqe *w, const struct ibv_send_wr *wr)
{
	w->nsge = (uint32_t)wr->num_sge;
	w->length = 0;
	if (wr->num_sge < 0 || (w->nsge > q->max_sge && (w->flags & IBV_SEND_INLINE) == 0))
		return EINVAL;
	for (uint32_t i = 0; i < w->nsge; i++) {
		const struct ibv_sge *sge = &wr->sg_list[i];

		if ((w->flags & IBV_SEND_INLINE) == 0) {
			w->data.sge[i] = *sge;
		} else {
			if (sge->length > q->max_inline - w->length)
				return ENOMEM;
			memcpy(w->data.bytes + w->length, (void *)(uintptr_t)sge->addr, sge->length);
		}
		w->length += sge->length;
	}
	return 0;
}

static int append(struct fake_sender *q, const struct fake_qp *s, const struct ibv_send_wr *wr)
{
	struct fake_wqe *w = ct_fake_wqe(q, q->tail);
	int error;

	if (s->state != IBV_QPS_RTS && s->state != IBV_QPS_SQD && s->state != IBV_QPS_ERR)
		return EINVAL;
	if (!knows(s->type, wr->opcode))
		return EINVAL;
	if (q->tail - q->freed >= q->limit)
		return ENOMEM;
	w->wr_id = wr->wr_id;
	w->opcode = wr->opcode;
	w->flags = wr->send_flags;
	w->imm = wr->imm_data;
	w->counted = 0;
	w->waits = FAKE_GOES;
	error = take_data(q, w, wr);
	if (error != 0)
		return error;
	if (s->type == IBV_QPT_UD) {
		w->ah = (void *)wr->wr.ud.ah;
		w->qpn = wr->wr.ud.remote_qpn;
		w->qkey = wr->wr.ud.remote_qkey;
	} else if (wr->opcode == IBV_WR_ATOMIC_FETCH_AND_ADD || wr->opcode == IBV_WR_ATOMIC_CMP_AND_SWP) {
		w->remote = wr->wr.atomic.remote_addr;
		w->rkey = wr->wr.atomic.rkey;
		w->compare_add = wr->wr.atomic.compare_add;
		w->swap = wr->wr.atomic.swap;
	} else {
		w->remote = wr->wr.rdma.remote_addr;
		w->rkey = wr->wr.rdma.rkey;
	}
	q->tail++;
	return 0;
}

/* The port through which a queue pair speaks; before it has one, the first. */
static struct fake_port *port_of(struct fake_fabric *f, const struct fake_qp *s)
{
	return &f->devices[s->device].ports[s->port > 0 ? s->port - 1 : 0];
}

int fakeib_post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_sender *q = (struct fake_sender *)qp;
	int error = 0;

	ct_fake_lock(f);
	port_of(f, &f->qps[q->index])->tx_lists++;
	for (; wr != NULL && error == 0; wr = error == 0 ? wr->next : wr)
		error = append(q, &f->qps[q->index], wr);
	ct_fake_drive(f, q);
	ct_fake_unlock(f);
	if (error != 0)
		*bad = wr;
	return error;
}

static int post_recvs(struct fake_fabric *f, struct fake_recvs *r, struct ibv_recv_wr *wr,
	struct ibv_recv_wr **bad)
{
	int error = 0;

	for (; wr != NULL && error == 0; wr = error == 0 ? wr->next : wr)
		error = ct_fake_recvs_post(f, r, wr);
	if (error != 0)
		*bad = wr;
	return error;
}

int fakeib_post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_qp *s = &f->qps[qp->handle];
	int error = EINVAL;

	*bad = wr;
	ct_fake_lock(f);
	port_of(f, s)->rx_lists++;
	if (s->state != IBV_QPS_RESET && s->srq == 0)
		error = post_recvs(f, &s->recvs, wr, bad);
	if (s->state == IBV_QPS_ERR)
		ct_fake_to_error(f, s); /* flushes it */
	ct_fake_unlock(f);
	return error;
}

int fakeib_post_srq_recv(struct ibv_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	struct fake_fabric *f = ct_fake_fabric();
	int error;

	ct_fake_lock(f);
	error = post_recvs(f, &f->srqs[srq->handle].recvs, wr, bad);
	ct_fake_unlock(f);
	return error;
}

/* Nothing there. Spinning programs give way from time to time: there may be more than processors. */
static void idle(struct fake_fabric *f)
{
	static _Thread_local unsigned empty;

	if (ct_fake_anyone_waits()) {
		ct_fake_lock(f);
		ct_fake_drive_waiting(f);
		ct_fake_unlock(f);
	}
	if (++empty % EMPTY_POLLS == 0)
		sched_yield();
}

int fakeib_poll_cq(struct ibv_cq *cq, int most, struct ibv_wc *wc)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_cq *c = &f->cqs[cq->handle];
	int n = 0;

	if (c->overrun)
		return -1;
	if (atomic_load_explicit(&c->tail, memory_order_acquire) == c->head) {
		idle(f);
		return 0;
	}
	ct_fake_lock(f);
	for (; n < most && c->head != c->tail; n++) {
		const struct fake_cqe *e = (struct fake_cqe *)ct_fake_at(f, c->ring) +
			(c->head & (c->size - 1));

		if (e->is_send)
			((struct fake_sender *)(uintptr_t)f->qps[e->qp].user)->freed = e->sends_done;
		wc[n] = e->wc;
		c->head++;
	}
	ct_fake_unlock(f);
	return n;
}
