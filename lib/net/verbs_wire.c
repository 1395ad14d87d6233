/* SPDX-License-Identifier: BSD-3-Clause */
/* Posting work to the device, and what its errors mean. */
#include <stdio.h>
#include <string.h>

#include "verbs.h"

static ct_status refused(const struct ct_verbs *v, uint32_t peer, uint32_t lane, const char *what,
	int error)
{
	const struct ct_rdma_device *dev = &v->rail[ct_verbs_rail_of(v, lane)].dev;

	return ct_fail(CT_IO, "verbs: %s port %u, to rank %u (QP %u): the device takes no %s: %s",
		dev->name, dev->port, peer, v->peers[peer].lane[lane].qp->qp_num, what,
		strerror(error));
}

/* Nothing goes to a lane that was lost since it was gathered for. */
static bool lost(const struct ct_verbs *v, uint32_t peer, uint32_t lane)
{
	return v->peers[peer].broken != CT_OK || v->peers[peer].lane[lane].dead;
}

static ct_status give_back(struct ct_verbs *v)
{
	struct ct_verbs_back *back = &v->back;
	uint32_t rail = ct_verbs_rail_of(v, back->lane);
	struct ibv_recv_wr *bad;
	int error = 0;

	if (back->n == 0)
		return CT_OK;
	if (v->npool > 0)
		error = ibv_post_srq_recv(v->rail[rail].srq, back->wr, &bad);
	else if (!lost(v, back->peer, back->lane))
		error = ibv_post_recv(v->peers[back->peer].lane[back->lane].qp, back->wr, &bad);
	back->n = 0;
	if (error == 0)
		return CT_OK;
	if (v->npool == 0)
		return refused(v, back->peer, back->lane, "receive", error);
	/* nobody's in particular: the next poll fails */
	v->late = ct_fail(CT_IO, "verbs: %s port %u: the device takes no shared receive: %s",
		v->rail[rail].dev.name, v->rail[rail].dev.port, strerror(error));
	snprintf(v->late_why, sizeof(v->late_why), "%s", ct_why());
	return CT_OK;
}

/* Of PEER alone: others that are refused are broken. */
static ct_status back_of(struct ct_verbs *v, uint32_t peer)
{
	uint32_t whose = v->back.peer;
	ct_status s = give_back(v);

	if (s == CT_OK || whose == peer)
		return s;
	ct_verbs_break(v, whose, s);
	return CT_OK;
}

/* A peer may send again once it hears of its credits, so its receives go first. */
static ct_status hand_over(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_list *list = &v->list;
	uint32_t whose = list->peer;
	struct ibv_send_wr *bad = list->wr;
	ct_status s = back_of(v, peer);
	int error = 0;

	if (list->n == 0)
		return s;
	if (!lost(v, whose, list->lane))
		error = ibv_post_send(v->peers[whose].lane[list->lane].qp, list->wr, &bad);
	list->n = 0;
	if (error == 0)
		return s;
	s = refused(
		v, whose, list->lane, bad->opcode == IBV_WR_SEND ? "send" : "RDMA write", error);
	if (whose == peer)
		return s;
	ct_verbs_break(v, whose, s);
	return CT_OK;
}

void ct_verbs_go(struct ct_verbs *v)
{
	uint32_t peer = v->list.n > 0 ? v->list.peer : v->back.peer;
	ct_status s = hand_over(v, peer);

	if (s != CT_OK)
		ct_verbs_break(v, peer, s);
}

/* Adds WR to what goes to LANE of PEER. FORCE: its completion is needed. SLOT: it uses one of the
 * stream. */
static ct_status post(struct ct_verbs *v, struct ct_verbs_id id, struct ibv_send_wr *wr, bool force,
	bool slot)
{
	struct ct_verbs_lane *lane = &v->peers[id.peer].lane[id.lane];
	struct ct_verbs_list *list = &v->list;
	bool ask = force || lane->since + 1 >= v->moderate;

	if (list->n == CT_VERBS_LIST ||
		(list->n > 0 && (list->peer != id.peer || list->lane != id.lane))) {
		ct_status s = hand_over(v, id.peer);

		if (s != CT_OK)
			return s;
	}
	id.requests = lane->since + 1;
	id.slots = lane->slots + slot;
	wr->wr_id = ct_verbs_pack(id);
	if (ask)
		wr->send_flags |= IBV_SEND_SIGNALED;
	list->peer = id.peer;
	list->lane = id.lane;
	list->wr[list->n] = *wr;
	if (wr->num_sge > 0) {
		list->piece[list->n] = wr->sg_list[0];
		list->wr[list->n].sg_list = &list->piece[list->n];
	}
	if (list->n > 0)
		list->wr[list->n - 1].next = &list->wr[list->n];
	list->n++;
	lane->used++;
	lane->since = ask ? 0 : id.requests;
	lane->slots = ask ? 0 : id.slots;
	return CT_OK;
}

/* Sends what stands in SLOT of `out` over the main lane. */
static ct_status post_slot(
	struct ct_verbs *v, uint32_t peer, char *slot, uint64_t bytes, bool counted)
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
	s = bytes > 0 ? ct_verbs_copy(v, slot + CT_VERBS_HEAD, data, bytes) : CT_OK;
	if (s == CT_OK)
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

ct_status ct_verbs_send_report(
	struct ct_verbs *v, uint32_t peer, const struct ct_verbs_report *report)
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
		struct ibv_send_wr wr = { .sg_list = &piece,
			.num_sge = 1,
			.opcode = last ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_RDMA_WRITE,
			.imm_data =
				htobe32((l->number & 0xffff) << 16 | (l->nparts - 1) << 8 | number),
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

/* The place for one more receive of LANE of PEER. */
static ct_status next_back(struct ct_verbs *v, uint32_t peer, uint32_t lane, uint32_t *at)
{
	struct ct_verbs_back *back = &v->back;
	ct_status s = CT_OK;

	if (back->n == CT_VERBS_LIST || (back->n > 0 && (back->peer != peer || back->lane != lane)))
		s = back_of(v, peer);
	back->peer = peer;
	back->lane = lane;
	*at = back->n;
	if (back->n > 0)
		back->wr[back->n - 1].next = &back->wr[back->n];
	back->n++;
	return s;
}

ct_status ct_verbs_repost(struct ct_verbs *v, uint32_t peer, uint32_t lane, uint32_t slot)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	uint32_t rail = ct_verbs_rail_of(v, lane), at;
	bool first = lane % (uint32_t)v->set.qps == 0; /* the others get immediate words alone */
	struct ct_verbs_id id = { CT_VERBS_RECEIVED, lane, peer, slot, 0, 0 };
	ct_status s;

	if (v->npool > 0)
		return ct_verbs_share(v, rail, slot);
	s = next_back(v, peer, lane, &at);
	v->back.piece[at] =
		(struct ibv_sge){ (uintptr_t)ct_verbs_slot(v, p, rail, first ? slot : 0),
			CT_VERBS_SLOT, p->slots.mr[rail]->lkey };
	v->back.wr[at] = (struct ibv_recv_wr){ .wr_id = ct_verbs_pack(id),
		.sg_list = first ? &v->back.piece[at] : NULL, .num_sge = first };
	return s;
}

ct_status ct_verbs_share(struct ct_verbs *v, uint32_t rail, uint32_t slot)
{
	uint32_t at, lane = rail * (uint32_t)v->set.qps;
	struct ct_verbs_id id = { CT_VERBS_RECEIVED, lane, 0, slot, 0, 0 };
	ct_status s = next_back(v, 0, lane, &at);

	v->back.piece[at] = (struct ibv_sge){ (uintptr_t)v->rail[rail].pool.at +
		(size_t)slot * CT_VERBS_SLOT, CT_VERBS_SLOT, v->rail[rail].pool.mr[rail]->lkey };
	v->back.wr[at] = (struct ibv_recv_wr){ .wr_id = ct_verbs_pack(id),
		.sg_list = &v->back.piece[at], .num_sge = 1 };
	return s;
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
