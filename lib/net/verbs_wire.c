/* SPDX-License-Identifier: BSD-3-Clause */
/* Posting work to the device, and what its errors mean. */
#include <string.h>

#include "verbs.h"

static ct_status refused(const struct ct_verbs *v, uint32_t peer, uint32_t lane, const char *what,
	int error)
{
	const struct ct_rdma_device *dev = &v->rail[ct_verbs_rail_of(v, lane)].dev;

	return ct_fail(CT_IO, "verbs: %s port %u, to rank %u (QP %u): the device takes no %s: %s",
		dev->name, dev->port, peer, v->peers[peer].lane[lane].qp->qp_num, what, strerror(error));
}

/* Posts WR to LANE of PEER. FORCE: its completion is needed. SLOT: it uses one of the stream. */
static ct_status post(struct ct_verbs *v, struct ct_verbs_id id, struct ibv_send_wr *wr, bool force,
	bool slot)
{
	struct ct_verbs_lane *lane = &v->peers[id.peer].lane[id.lane];
	bool ask = force || lane->since + 1 >= v->moderate;
	struct ibv_send_wr *bad;
	int error;

	id.requests = lane->since + 1;
	id.slots = lane->slots + slot;
	wr->wr_id = ct_verbs_pack(id);
	if (ask)
		wr->send_flags |= IBV_SEND_SIGNALED;
	error = ibv_post_send(lane->qp, wr, &bad);
	if (error != 0)
		return refused(v, id.peer, id.lane, wr->opcode == IBV_WR_SEND ? "send" : "RDMA write",
			error);
	lane->used++;
	lane->since = ask ? 0 : id.requests;
	lane->slots = ask ? 0 : id.slots;
	return CT_OK;
}

/* Sends what stands in SLOT of `out` over the main lane. */
static ct_status post_slot(struct ct_verbs *v, uint32_t peer, char *slot, uint64_t bytes, bool counted)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ibv_sge piece = { (uintptr_t)slot, (uint32_t)(CT_VERBS_HEAD + bytes),
		p->slots.mr[p->main]->lkey };
	struct ibv_send_wr wr = { .sg_list = &piece, .num_sge = 1, .opcode = IBV_WR_SEND };
	struct ct_verbs_id id = { CT_VERBS_SENT, p->main * (uint32_t)v->set.qps, peer, 0, 0, 0 };

	if (piece.length <= v->inline_bytes)
		wr.send_flags |= IBV_SEND_INLINE;
	return post(v, id, &wr, false, counted);
}

static char *out_slot(const struct ct_verbs *v, const struct ct_verbs_peer *p, uint32_t seq)
{
	return p->out + (size_t)(seq % v->slots) * CT_VERBS_SLOT;
}

ct_status ct_verbs_send(struct ct_verbs *v, uint32_t peer, struct ct_verbs_head head,
	const void *data, uint64_t bytes)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	char *slot = out_slot(v, p, p->send_seq);
	ct_status s;

	head.credits = (uint16_t)p->owed;
	head.seq = p->send_seq;
	memcpy(slot, &head, sizeof(head));
	if (bytes > 0)
		memcpy(slot + CT_VERBS_HEAD, data, bytes);
	s = post_slot(v, peer, slot, bytes, true);
	if (s != CT_OK)
		return s;
	p->send_seq++;
	p->slots_used++;
	p->credits--;
	p->owed = 0;
	return CT_OK;
}

ct_status ct_verbs_send_again(struct ct_verbs *v, uint32_t peer, uint32_t seq)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	for (; seq != p->send_seq; seq++) {
		struct ct_verbs_head head;
		uint64_t bytes;
		ct_status s;

		memcpy(&head, out_slot(v, p, seq), sizeof(head));
		bytes = head.kind == CT_VERBS_DATA ? head.bytes :
			head.kind == CT_VERBS_GRANT ? v->nrails * sizeof(uint32_t) : 0;
		head.credits = 0; /* were of the lost rail's slots */
		memcpy(out_slot(v, p, seq), &head, sizeof(head));
		s = post_slot(v, peer, out_slot(v, p, seq), bytes, true);
		if (s != CT_OK)
			return s;
		p->slots_used++;
		p->credits--;
	}
	return CT_OK;
}

ct_status ct_verbs_send_report(struct ct_verbs *v, uint32_t peer, const struct ct_verbs_report *report)
{
	struct ct_verbs_head head = { .kind = CT_VERBS_LOST, .bytes = sizeof(*report) };
	char *slot = v->peers[peer].out + (size_t)v->slots * CT_VERBS_SLOT;

	memcpy(slot, &head, sizeof(head));
	memcpy(slot + CT_VERBS_HEAD, report, sizeof(*report));
	return post_slot(v, peer, slot, sizeof(*report), false);
}

ct_status ct_verbs_write(struct ct_verbs *v, uint32_t peer, uint32_t index, uint32_t number)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_verbs_large *l = &p->large[index];
	struct ct_verbs_part *part = &l->part[number];
	struct ct_verbs_lane *lane = &p->lane[part->lane];
	uint32_t rail = ct_verbs_rail_of(v, part->lane);
	struct ct_verbs_id id = { CT_VERBS_WRITTEN, part->lane, peer, index << 8 | number, 0, 0 };

	while (part->state == CT_VERBS_WAITS && lane->used + 1 < v->depth) {
		uint64_t at = part->from + part->done, left = part->to - at;
		uint64_t n = left < v->rail[rail].write_bytes ? left : v->rail[rail].write_bytes;
		bool last = n == left;
		struct ibv_sge piece = { (uintptr_t)l->req->data + at, (uint32_t)n,
			l->region->mr[rail]->lkey };
		struct ibv_send_wr wr = { .sg_list = &piece, .num_sge = 1,
			.opcode = last ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_RDMA_WRITE,
			.imm_data = htobe32((l->number & 0xffff) << 16 | (l->nparts - 1) << 8 | number),
			.wr.rdma = { l->address + at, l->rkey[rail] } };
		ct_status s;

		id.work = last ? CT_VERBS_WRITTEN : CT_VERBS_SENT;
		s = post(v, id, &wr, last, false);
		if (s != CT_OK)
			return s;
		part->done += n;
		if (last)
			part->state = CT_VERBS_UNDER_WAY;
	}
	return CT_OK;
}

ct_status ct_verbs_flush(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_verbs_id id = { CT_VERBS_SENT, p->main * (uint32_t)v->set.qps, peer, 0, 0, 0 };
	struct ibv_send_wr wr = { .opcode = IBV_WR_RDMA_WRITE };

	if (ct_verbs_main(v, p)->since == 0 || ct_verbs_main(v, p)->used >= v->depth)
		return CT_OK;
	return post(v, id, &wr, true, false);
}

ct_status ct_verbs_repost(struct ct_verbs *v, uint32_t peer, uint32_t lane, uint32_t slot)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	uint32_t rail = ct_verbs_rail_of(v, lane);
	bool first = lane % (uint32_t)v->set.qps == 0; /* the others get immediate words alone */
	struct ibv_sge piece = { (uintptr_t)ct_verbs_slot(v, p, rail, first ? slot : 0), CT_VERBS_SLOT,
		p->slots.mr[rail]->lkey };
	struct ct_verbs_id id = { CT_VERBS_RECEIVED, lane, peer, slot, 0, 0 };
	struct ibv_recv_wr *bad, wr = { .wr_id = ct_verbs_pack(id), .sg_list = first ? &piece : NULL,
		.num_sge = first };
	int error = ibv_post_recv(p->lane[lane].qp, &wr, &bad);

	return error == 0 ? CT_OK : refused(v, peer, lane, "receive", error);
}

/* ---- errors -------------------------------------------------------------------------------- */

ct_status ct_verbs_explain(const struct ct_verbs *v, uint32_t peer, uint32_t lane,
	const struct ibv_wc *wc)
{
	const struct ct_verbs_peer *p = &v->peers[peer];
	uint32_t rail = ct_verbs_rail_of(v, lane);
	const struct ct_rdma_device *dev = &v->rail[rail].dev;
	ct_status as;
	const char *likely = ct_rdma_cause(wc->status, &as);

	return ct_fail(as, "verbs: %s port %u, to rank %u on %s (QP %u, its %u): %s "
		"(status %d, vendor syndrome 0x%x): %s", dev->name, dev->port, peer,
		p->card.rail[rail].device, p->lane[lane].qp->qp_num, p->lane[lane].qpn,
		ibv_wc_status_str(wc->status), (int)wc->status, wc->vendor_err, likely);
}
