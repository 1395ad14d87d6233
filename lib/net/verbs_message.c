/* SPDX-License-Identifier: BSD-3-Clause */
/* The protocol of a pair of ranks, see verbs.h. */
#include <stdio.h>
#include <string.h>

#include "verbs.h"

static ct_status mismatch(uint32_t peer, uint64_t sent, uint64_t expected)
{
	return ct_fail(CT_CORRUPT, "rank %u sent %llu bytes where %llu are expected", peer,
		(unsigned long long)sent, (unsigned long long)expected);
}

static ct_status strange(uint32_t peer)
{
	return ct_fail(
		CT_CORRUPT, "verbs: rank %u sent something that is no message of colltune", peer);
}

/* ---- sending ------------------------------------------------------------------------------- */

/* *WENT: the head of the queue is gone. */
static ct_status send_small(struct ct_verbs *v, uint32_t peer, bool *went)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_net_req *req = p->sends.head;
	struct ct_verbs_head head = { .kind = CT_VERBS_DATA, .number = p->send_number,
		.bytes = req->bytes };
	ct_status s;

	if (p->ngranted > 0 && p->granted[p->first_granted].head.number == p->send_number)
		return mismatch(peer, req->bytes, p->granted[p->first_granted].head.bytes);
	if (!ct_verbs_room(v, p, CT_VERBS_RESERVE))
		return CT_OK;
	s = ct_verbs_send(v, peer, head, req->data, req->bytes);
	if (s != CT_OK)
		return s;
	p->send_number++;
	ct_fifo_pop(&p->sends)->status = CT_OK;
	*went = true;
	return CT_OK;
}

static ct_status say_length(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_verbs_head head = { .kind = CT_VERBS_ANNOUNCE, .number = p->send_number,
		.bytes = p->sends.head->bytes };

	if (p->said_length || !ct_verbs_room(v, p, 1))
		return CT_OK;
	p->said_length = true;
	return ct_verbs_send(v, peer, head, NULL, 0);
}

static uint32_t lane_alive(const struct ct_verbs *v, struct ct_verbs_peer *p)
{
	do
		p->next_lane = (p->next_lane + 1) % v->nlanes;
	while (p->lane[p->next_lane].dead);
	return p->next_lane;
}

/* Deals the message out to the lanes: as many parts as lanes, if they are worth it. */
static void cut(const struct ct_verbs *v, struct ct_verbs_peer *p, struct ct_verbs_large *l)
{
	uint64_t bytes = l->req->bytes, worth = bytes / CT_VERBS_STRIPE, each;
	uint32_t alive = 0;

	for (uint32_t i = 0; i < v->nlanes; i++)
		alive += !p->lane[i].dead;
	l->nparts = l->left = worth < 1 ? 1 : worth < alive ? (uint32_t)worth : alive;
	each = (bytes / l->nparts + 63) & ~(uint64_t)63;
	for (uint32_t i = 0; i < l->nparts; i++) {
		uint64_t from = i * each, to = i + 1 == l->nparts ? bytes : from + each;

		l->part[i] = (struct ct_verbs_part){ .from = from, .to = to,
			.lane = (uint8_t)lane_alive(v, p), .state = CT_VERBS_WAITS };
	}
	p->parts_wait = true;
}

static ct_status send_large(struct ct_verbs *v, uint32_t peer, bool *went)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_net_req *req = p->sends.head;
	const struct ct_verbs_grant *grant = &p->granted[p->first_granted];
	struct ct_verbs_large *l;
	ct_status s;

	if (p->ngranted == 0)
		return say_length(v, peer);
	if (grant->head.number != p->send_number || grant->head.bytes != req->bytes)
		return mismatch(peer, req->bytes, grant->head.bytes);
	if (p->nlarge == CT_VERBS_GRANTS)
		return CT_OK;
	l = &p->large[(p->first_large + p->nlarge) % CT_VERBS_GRANTS];
	s = ct_verbs_cover(v, req->data, req->bytes, &l->region);
	if (s != CT_OK)
		return s;
	l->req = req;
	l->address = grant->head.address;
	l->number = p->send_number;
	memcpy(l->rkey, grant->rkey, sizeof(l->rkey));
	cut(v, p, l);
	p->nlarge++;
	p->first_granted = (p->first_granted + 1) % CT_VERBS_GRANTS;
	p->ngranted--;
	p->said_length = false;
	p->send_number++;
	ct_fifo_pop(&p->sends);
	*went = true;
	return CT_OK;
}

/* Writes what lanes have room for. */
static ct_status write_parts(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	if (!p->parts_wait)
		return CT_OK;
	p->parts_wait = false;
	for (uint32_t i = 0; i < p->nlarge; i++) {
		uint32_t index = (p->first_large + i) % CT_VERBS_GRANTS;
		struct ct_verbs_large *l = &p->large[index];

		for (uint32_t k = 0; l->left > 0 && k < l->nparts; k++) {
			ct_status s = l->part[k].state == CT_VERBS_WAITS ?
				ct_verbs_write(v, peer, index, k) : CT_OK;

			if (s != CT_OK)
				return s;
			p->parts_wait |= l->part[k].state == CT_VERBS_WAITS;
		}
	}
	return CT_OK;
}

static ct_status push(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	ct_status s = CT_OK;
	bool went = true;

	while (s == CT_OK && went && p->sends.head != NULL) {
		went = false;
		s = p->sends.head->bytes <= CT_VERBS_EAGER ? send_small(v, peer, &went) :
			send_large(v, peer, &went);
	}
	return s == CT_OK ? write_parts(v, peer) : s;
}

void ct_verbs_part_there(struct ct_verbs *v, struct ct_verbs_peer *p, struct ct_verbs_large *l,
	uint32_t part)
{
	(void)v;
	if (l->left == 0 || l->part[part].state == CT_VERBS_THERE)
		return;
	l->part[part].state = CT_VERBS_THERE;
	if (--l->left > 0)
		return;
	ct_verbs_uncover(l->region);
	l->region = NULL;
	l->req->status = CT_OK;
	l->req = NULL;
	while (p->nlarge > 0 && p->large[p->first_large].left == 0) {
		p->first_large = (p->first_large + 1) % CT_VERBS_GRANTS;
		p->nlarge--;
	}
}

void ct_verbs_written(struct ct_verbs *v, const struct ct_verbs_id *id)
{
	struct ct_verbs_peer *p = &v->peers[id->peer];
	struct ct_verbs_large *l = &p->large[(id->info >> 8) % CT_VERBS_GRANTS];
	uint32_t part = id->info & 0xff;

	if (part < l->nparts && l->part[part].lane == id->lane &&
		l->part[part].state == CT_VERBS_UNDER_WAY)
		ct_verbs_part_there(v, p, l, part);
}

/* ---- receiving ----------------------------------------------------------------------------- */

/* Gives a slot back, to the device and, if it was one of the stream's, to the peer. */
static ct_status free_slot(
	struct ct_verbs *v, uint32_t peer, uint32_t lane, uint32_t slot, bool owed)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	if (p->lane[lane].dead)
		return CT_OK;
	p->owed += owed;
	return ct_verbs_repost(v, peer, lane, slot);
}

/* Grants to receives in their order; a receive's number stands in done until it is complete. */
static ct_status grant(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	for (; p->ungranted != NULL; p->ungranted = p->ungranted->next) {
		struct ct_net_req *req = p->ungranted;
		struct ct_verbs_head head = { .kind = CT_VERBS_GRANT, .number = (uint32_t)req->done,
			.bytes = req->bytes, .address = (uintptr_t)req->data };
		uint32_t rkey[CT_VERBS_RAILS];
		struct ct_verbs_region *r;
		ct_status s;

		if (req->bytes <= CT_VERBS_EAGER)
			continue;
		if (p->ndues == CT_VERBS_GRANTS || !ct_verbs_room(v, p, 1))
			return CT_OK;
		s = ct_verbs_cover(v, req->data, req->bytes, &r);
		if (s != CT_OK)
			return s;
		req->key = (uintptr_t)r;
		for (uint32_t i = 0; i < v->nrails; i++)
			rkey[i] = r->mr[i]->rkey;
		s = ct_verbs_send(v, peer, head, rkey, v->nrails * sizeof(rkey[0]));
		if (s != CT_OK)
			return s;
		p->due[(p->first_due + p->ndues++) % CT_VERBS_GRANTS] =
			(struct ct_verbs_due){ .number = head.number };
	}
	return CT_OK;
}

static void received(struct ct_verbs_peer *p)
{
	struct ct_net_req *req;

	if (p->ungranted == p->recvs.head)
		p->ungranted = p->ungranted->next;
	req = ct_fifo_pop(&p->recvs);
	ct_verbs_uncover((void *)(uintptr_t)req->key);
	p->recv_number++;
	req->status = CT_OK;
}

static bool whole(const struct ct_verbs_due *due)
{
	return due->nparts > 0 && due->got == UINT32_MAX >> (32 - due->nparts);
}

/* The next message is a large one: *WENT if it is complete. */
static ct_status deliver_large(struct ct_verbs *v, uint32_t peer, bool *went)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	if (p->narrived > 0) {
		struct ct_verbs_head head;

		memcpy(&head, ct_verbs_arrived(v, p, p->arrived[p->first_arrived]), sizeof(head));
		if (head.number == p->recv_number)
			return mismatch(peer, head.bytes, p->recvs.head->bytes);
	}
	if (p->ndues == 0 || p->due[p->first_due].number != p->recv_number ||
		!whole(&p->due[p->first_due]))
		return CT_OK;
	p->first_due = (p->first_due + 1) % CT_VERBS_GRANTS;
	p->ndues--;
	received(p);
	*went = true;
	return CT_OK;
}

static ct_status deliver_small(struct ct_verbs *v, uint32_t peer, bool *went)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_net_req *req = p->recvs.head;
	struct ct_verbs_head head;
	uint32_t entry;
	const char *at;
	ct_status s;

	if (p->narrived == 0)
		return CT_OK;
	entry = p->arrived[p->first_arrived];
	at = ct_verbs_arrived(v, p, entry);
	memcpy(&head, at, sizeof(head));
	if (head.number != p->recv_number)
		return ct_fail(CT_CORRUPT, "verbs: rank %u sent message %u where %u is expected",
			peer, head.number, p->recv_number);
	if (head.bytes != req->bytes)
		return mismatch(peer, head.bytes, req->bytes);
	s = req->bytes > 0 ? ct_verbs_copy(v, req->data, at + CT_VERBS_HEAD, req->bytes) : CT_OK;
	if (s != CT_OK)
		return s;
	p->first_arrived = (p->first_arrived + 1) % v->slots;
	p->narrived--;
	received(p);
	*went = true;
	if (entry >> 16 != CT_VERBS_KEPT)
		return free_slot(
			v, peer, (entry >> 16) * (uint32_t)v->set.qps, entry & 0xffff, true);
	p->owed++;
	return CT_OK;
}

/* Ends the receives whose messages are there, in order. */
static ct_status deliver(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	ct_status s = CT_OK;
	bool went = true;

	if (p->recvs.head != NULL && p->announced.kind != 0 &&
		p->announced.number == p->recv_number) {
		if (p->announced.bytes != p->recvs.head->bytes)
			return mismatch(peer, p->announced.bytes, p->recvs.head->bytes);
		p->announced.kind = 0;
	}
	while (s == CT_OK && went && p->recvs.head != NULL) {
		went = false;
		s = p->recvs.head->bytes > CT_VERBS_EAGER ? deliver_large(v, peer, &went) :
			deliver_small(v, peer, &went);
	}
	return s;
}

/* The last RDMA write of a part is there. */
static ct_status came_part(struct ct_verbs *v, uint32_t peer, uint32_t word)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	uint32_t nparts = (word >> 8 & 0xff) + 1, part = word & 0xff;
	struct ct_verbs_due *due = NULL;

	for (uint32_t i = 0; i < p->ndues && due == NULL; i++) {
		due = &p->due[(p->first_due + i) % CT_VERBS_GRANTS];
		if ((due->number & 0xffff) != word >> 16)
			due = NULL;
	}
	if (nparts > CT_VERBS_LANES || part >= nparts || due == NULL ||
		(due->nparts != 0 && due->nparts != nparts))
		return strange(peer);
	due->nparts = nparts;
	due->got |= 1u << part;
	return deliver(v, peer);
}

/* A word of the stream stands in AT. *KEPT: it is a message that waits there for its receive. */
static ct_status came_word(struct ct_verbs *v, const struct ct_verbs_id *id, const char *at,
	uint32_t bytes, bool *kept)
{
	struct ct_verbs_peer *p = &v->peers[id->peer];
	struct ct_verbs_grant *g;
	struct ct_verbs_head head;
	ct_status s;

	memcpy(&head, at, sizeof(head));
	if (head.seq != p->recv_seq || head.credits > v->slots - p->credits)
		return strange(id->peer);
	p->recv_seq++;
	p->credits += head.credits;
	switch (head.kind) {
	case CT_VERBS_DATA:
		if (head.bytes > CT_VERBS_EAGER || bytes != CT_VERBS_HEAD + head.bytes ||
			p->narrived == v->slots)
			return strange(id->peer);
		p->arrived[(p->first_arrived + p->narrived++) % v->slots] =
			ct_verbs_rail_of(v, id->lane) << 16 | id->info;
		*kept = true;
		s = deliver(v, id->peer);
		return s == CT_OK && v->npool > 0 && p->narrived > 0 ? ct_verbs_keep(v, id->peer) :
								       s;
	case CT_VERBS_GRANT:
		if (p->ngranted == CT_VERBS_GRANTS ||
			bytes != CT_VERBS_HEAD + v->nrails * sizeof(uint32_t))
			return strange(id->peer);
		g = &p->granted[(p->first_granted + p->ngranted++) % CT_VERBS_GRANTS];
		g->head = head;
		memcpy(g->rkey, at + CT_VERBS_HEAD, v->nrails * sizeof(uint32_t));
		return CT_OK;
	case CT_VERBS_ANNOUNCE:
		p->announced = head;
		return CT_OK;
	case CT_VERBS_CREDIT:
		return CT_OK;
	default:
		return strange(id->peer);
	}
}

ct_status ct_verbs_came(struct ct_verbs *v, const struct ct_verbs_id *id, const struct ibv_wc *wc)
{
	struct ct_verbs_peer *p = &v->peers[id->peer];
	const char *at = ct_verbs_slot(v, p, ct_verbs_rail_of(v, id->lane), id->info);
	struct ct_verbs_report report;
	bool kept = false, word = false;
	uint16_t kind;
	ct_status s;

	if ((wc->wc_flags & IBV_WC_WITH_IMM) != 0) {
		s = came_part(v, id->peer, be32toh(wc->imm_data));
	} else if (id->lane % (uint32_t)v->set.qps != 0 || wc->byte_len < CT_VERBS_HEAD) {
		s = strange(id->peer);
	} else {
		memcpy(&kind, at, sizeof(kind));
		word = kind != CT_VERBS_LOST;
		if (word) {
			s = came_word(v, id, at, wc->byte_len, &kept);
		} else if (wc->byte_len != CT_VERBS_HEAD + sizeof(report)) {
			s = strange(id->peer);
		} else {
			memcpy(&report, at + CT_VERBS_HEAD, sizeof(report));
			s = ct_verbs_heard(v, id->peer, &report);
		}
	}
	return s == CT_OK && !kept ? free_slot(v, id->peer, id->lane, id->info, word) : s;
}

/* ---- progress ------------------------------------------------------------------------------ */

static ct_status return_credits(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_head head = { .kind = CT_VERBS_CREDIT };

	if (v->peers[peer].owed < CT_VERBS_RETURN || !ct_verbs_room(v, &v->peers[peer], 0))
		return CT_OK;
	return ct_verbs_send(v, peer, head, NULL, 0);
}

bool ct_verbs_has_work(const struct ct_verbs_peer *p)
{
	return p->sends.head != NULL || p->recvs.head != NULL || p->parts_wait || p->lose.on ||
		p->owed >= CT_VERBS_RETURN;
}

ct_status ct_verbs_progress(struct ct_verbs *v, uint32_t peer)
{
	ct_status s = CT_OK;

	if (v->peers[peer].lose.on)
		s = ct_verbs_recover(v, peer);
	if (s == CT_OK)
		s = deliver(v, peer);
	if (s != CT_OK || v->peers[peer].lose.on)
		return s;
	s = return_credits(v, peer);
	if (s == CT_OK)
		s = grant(v, peer);
	return s == CT_OK ? push(v, peer) : s;
}

/* ---- a peer that is lost ------------------------------------------------------------------- */

static void give_up(struct ct_fifo *q, ct_status s)
{
	while (q->head != NULL) {
		struct ct_net_req *req = ct_fifo_pop(q);

		ct_verbs_uncover((void *)(uintptr_t)req->key);
		req->status = s;
	}
}

void ct_verbs_break(struct ct_verbs *v, uint32_t peer, ct_status s)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ibv_qp_attr end = { .qp_state = IBV_QPS_ERR };

	if (p->broken != CT_OK)
		return;
	p->broken = s;
	snprintf(p->why, sizeof(p->why), "%s", ct_why());
	if (p->sends.head == NULL && p->recvs.head == NULL && p->nlarge == 0) {
		v->late = s;
		memcpy(v->late_why, p->why, sizeof(p->why));
	}
	for (uint32_t i = 0; i < v->nlanes; i++)
		if (p->lane[i].qp != NULL)
			(void)ibv_modify_qp(p->lane[i].qp, &end, IBV_QP_STATE);
	p->ungranted = NULL;
	for (; p->nlarge > 0; p->nlarge--) {
		struct ct_verbs_large *l = &p->large[p->first_large];

		ct_verbs_uncover(l->region);
		l->region = NULL;
		if (l->req != NULL)
			l->req->status = s;
		p->first_large = (p->first_large + 1) % CT_VERBS_GRANTS;
	}
	give_up(&p->sends, s);
	give_up(&p->recvs, s);
}
