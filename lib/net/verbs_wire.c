/* SPDX-License-Identifier: BSD-3-Clause */
/* Posting work to the device, and what its errors mean. */
#include <string.h>

#include "verbs.h"

static ct_status refused(const struct ct_verbs *v, uint32_t peer, const char *what, int error)
{
	return ct_fail(CT_IO, "verbs: %s port %u, to rank %u (QP %u): the device takes no %s: %s",
		v->dev.name, v->dev.port, peer, v->peers[peer].qp->qp_num, what, strerror(error));
}

ct_status ct_verbs_send(struct ct_verbs *v, uint32_t peer, struct ct_verbs_head head,
	const void *data, uint64_t bytes)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	char *slot = p->out + (size_t)p->next_slot * CT_VERBS_SLOT;
	struct ibv_sge piece = { (uintptr_t)slot, (uint32_t)(CT_VERBS_HEAD + bytes),
		v->arena_mr->lkey };
	struct ibv_send_wr *bad, wr = { .wr_id = ct_verbs_id(CT_VERBS_SENT, peer, p->next_slot),
		.sg_list = &piece, .num_sge = 1, .opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED };
	int error;

	head.credits = (uint16_t)p->owed;
	memcpy(slot, &head, sizeof(head));
	if (bytes > 0)
		memcpy(slot + CT_VERBS_HEAD, data, bytes);
	if (piece.length <= v->inline_bytes)
		wr.send_flags |= IBV_SEND_INLINE;
	error = ibv_post_send(p->qp, &wr, &bad);
	if (error != 0)
		return refused(v, peer, "send", error);
	p->next_slot = (p->next_slot + 1) % CT_VERBS_SLOTS;
	p->slots_used++;
	p->credits--;
	p->owed = 0;
	return CT_OK;
}

ct_status ct_verbs_write(struct ct_verbs *v, struct ct_net_req *req, const struct ibv_mr *mr,
	const struct ct_verbs_head *grant)
{
	struct ct_verbs_peer *p = &v->peers[req->peer];
	uint64_t left = req->bytes - req->done, n = left < v->write_bytes ? left : v->write_bytes;
	bool last = n == left;
	struct ibv_sge piece = { (uintptr_t)req->data + req->done, (uint32_t)n, mr->lkey };
	struct ibv_send_wr *bad, wr = { .sg_list = &piece, .num_sge = 1,
		.wr_id = ct_verbs_id(last ? CT_VERBS_WRITTEN : CT_VERBS_PIECE, req->peer, 0),
		.opcode = last ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED, .imm_data = htobe32(p->send_number),
		.wr.rdma = { grant->address + req->done, grant->rkey } };
	int error = ibv_post_send(p->qp, &wr, &bad);

	if (error != 0)
		return refused(v, req->peer, "RDMA write", error);
	p->writes_used++;
	req->done += n;
	if (last)
		p->credits--;
	return CT_OK;
}

ct_status ct_verbs_repost(struct ct_verbs *v, uint32_t peer, uint32_t slot)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ibv_sge piece = { (uintptr_t)p->in + (size_t)slot * CT_VERBS_SLOT, CT_VERBS_SLOT,
		v->arena_mr->lkey };
	struct ibv_recv_wr *bad, wr = { .wr_id = ct_verbs_id(CT_VERBS_RECEIVED, peer, slot),
		.sg_list = &piece, .num_sge = 1 };
	int error = ibv_post_recv(p->qp, &wr, &bad);

	return error == 0 ? CT_OK : refused(v, peer, "receive", error);
}

/* ---- errors -------------------------------------------------------------------------------- */

ct_status ct_verbs_explain(const struct ct_verbs *v, uint32_t peer, const struct ibv_wc *wc)
{
	const struct ct_verbs_peer *p = &v->peers[peer];
	ct_status as;
	const char *likely = ct_rdma_cause(wc->status, &as);

	return ct_fail(as, "verbs: %s port %u, to rank %u on %s (QP %u, its %u): %s "
		"(status %d, vendor syndrome 0x%x): %s", v->dev.name, v->dev.port, peer,
		p->card.device, p->qp->qp_num, p->qpn, ibv_wc_status_str(wc->status),
		(int)wc->status, wc->vendor_err, likely);
}
