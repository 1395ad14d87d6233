/* SPDX-License-Identifier: BSD-3-Clause */
/* Posting through the functions of ibv_qp_ex. */
#include <errno.h>
#include <string.h>

#include "fake.h"

static struct fake_wqe *begin(struct ibv_qp_ex *ex, enum ibv_wr_opcode opcode)
{
	struct fake_sender *q = (struct fake_sender *)ex;
	struct fake_wqe *w = &q->scratch;

	if (q->open_tail - q->freed < q->limit)
		w = ct_fake_wqe(q, q->open_tail++);
	else
		q->wr_error = ENOMEM;
	w->wr_id = ex->wr_id;
	w->flags = ex->wr_flags;
	w->opcode = opcode;
	w->nsge = w->length = w->counted = 0;
	w->waits = FAKE_GOES;
	q->current = w;
	return w;
}

static void there(struct fake_wqe *w, uint32_t rkey, uint64_t remote)
{
	w->rkey = rkey;
	w->remote = remote;
}

static void cmp_swp(struct ibv_qp_ex *ex, uint32_t rkey, uint64_t remote, uint64_t compare, uint64_t swap)
{
	struct fake_wqe *w = begin(ex, IBV_WR_ATOMIC_CMP_AND_SWP);

	there(w, rkey, remote);
	w->compare_add = compare;
	w->swap = swap;
}

static void fetch_add(struct ibv_qp_ex *ex, uint32_t rkey, uint64_t remote, uint64_t add)
{
	struct fake_wqe *w = begin(ex, IBV_WR_ATOMIC_FETCH_AND_ADD);

	there(w, rkey, remote);
	w->compare_add = add;
}

static void rdma_read(struct ibv_qp_ex *ex, uint32_t rkey, uint64_t remote)
{
	there(begin(ex, IBV_WR_RDMA_READ), rkey, remote);
}

static void rdma_write(struct ibv_qp_ex *ex, uint32_t rkey, uint64_t remote)
{
	there(begin(ex, IBV_WR_RDMA_WRITE), rkey, remote);
}

static void rdma_write_imm(struct ibv_qp_ex *ex, uint32_t rkey, uint64_t remote, __be32 imm)
{
	struct fake_wqe *w = begin(ex, IBV_WR_RDMA_WRITE_WITH_IMM);

	there(w, rkey, remote);
	w->imm = imm;
}

static void send_plain(struct ibv_qp_ex *ex)
{
	(void)begin(ex, IBV_WR_SEND);
}

static void send_imm(struct ibv_qp_ex *ex, __be32 imm)
{
	begin(ex, IBV_WR_SEND_WITH_IMM)->imm = imm;
}

static void set_ud_addr(struct ibv_qp_ex *ex, struct ibv_ah *ah, uint32_t qpn, uint32_t qkey)
{
	struct fake_wqe *w = ((struct fake_sender *)ex)->current;

	w->ah = (void *)ah;
	w->qpn = qpn;
	w->qkey = qkey;
}

static void set_sge_list(struct ibv_qp_ex *ex, size_t n, const struct ibv_sge *list)
{
	struct fake_sender *q = (struct fake_sender *)ex;
	struct fake_wqe *w = q->current;

	if (n > q->max_sge) {
		q->wr_error = EINVAL;
		return;
	}
	w->nsge = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		w->data.sge[i] = list[i];
		w->length += list[i].length;
	}
}

static void set_sge(struct ibv_qp_ex *ex, uint32_t lkey, uint64_t addr, uint32_t length)
{
	struct ibv_sge sge = { addr, length, lkey };

	set_sge_list(ex, 1, &sge);
}

static void set_inline_list(struct ibv_qp_ex *ex, size_t n, const struct ibv_data_buf *list)
{
	struct fake_sender *q = (struct fake_sender *)ex;
	struct fake_wqe *w = q->current;

	w->flags |= IBV_SEND_INLINE;
	for (size_t i = 0; i < n; i++) {
		if (list[i].length > q->max_inline - w->length) {
			q->wr_error = ENOMEM;
			return;
		}
		memcpy(w->data.bytes + w->length, list[i].addr, list[i].length);
		w->length += (uint32_t)list[i].length;
	}
}

static void set_inline(struct ibv_qp_ex *ex, void *addr, size_t length)
{
	struct ibv_data_buf buf = { addr, length };

	set_inline_list(ex, 1, &buf);
}

static void start(struct ibv_qp_ex *ex)
{
	struct fake_sender *q = (struct fake_sender *)ex;

	q->open_tail = q->tail;
	q->wr_error = 0;
}

static int complete(struct ibv_qp_ex *ex)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_sender *q = (struct fake_sender *)ex;
	uint32_t state = f->qps[q->index].state;

	if (q->wr_error == 0 && state != IBV_QPS_RTS && state != IBV_QPS_SQD && state != IBV_QPS_ERR)
		q->wr_error = EINVAL;
	if (q->wr_error != 0)
		return q->wr_error;
	ct_fake_lock(f);
	q->tail = q->open_tail;
	ct_fake_drive(f, q);
	ct_fake_unlock(f);
	return 0;
}

static void give_up(struct ibv_qp_ex *ex)
{
	start(ex);
}

void ct_fake_wr_functions(struct ibv_qp_ex *ex)
{
	ex->wr_atomic_cmp_swp = cmp_swp;
	ex->wr_atomic_fetch_add = fetch_add;
	ex->wr_rdma_read = rdma_read;
	ex->wr_rdma_write = rdma_write;
	ex->wr_rdma_write_imm = rdma_write_imm;
	ex->wr_send = send_plain;
	ex->wr_send_imm = send_imm;
	ex->wr_set_ud_addr = set_ud_addr;
	ex->wr_set_inline_data = set_inline;
	ex->wr_set_inline_data_list = set_inline_list;
	ex->wr_set_sge = set_sge;
	ex->wr_set_sge_list = set_sge_list;
	ex->wr_start = start;
	ex->wr_complete = complete;
	ex->wr_abort = give_up;
}
