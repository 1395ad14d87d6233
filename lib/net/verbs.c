/* SPDX-License-Identifier: BSD-3-Clause */
/* Transport verbs: RDMA over InfiniBand and RoCE, see verbs.h for the protocol. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "verbs.h"

enum { REAP = 32, DRAIN_NS = 1000000000 };

static const struct ct_verbs_settings defaults = { .qps = 1, .inline_bytes = -1 };

/* ---- opening ------------------------------------------------------------------------------- */

static bool has_work(const struct ct_verbs_peer *p)
{
	return p->sends.head != NULL || p->recvs.head != NULL || p->owed >= CT_VERBS_RETURN;
}

static void activate(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	if (p->active || p->broken != CT_OK || !has_work(p))
		return;
	p->active = true;
	v->active[v->nactive++] = peer;
}

static ct_status verbs_poll(void *self);

/* A small message counts as sent before the device has sent it. */
static void drain(struct ct_verbs *v)
{
	struct ct_deadline by = ct_deadline_in(DRAIN_NS);
	bool busy = v->peers != NULL && v->cq != NULL;

	while (busy && !ct_deadline_passed(by)) {
		busy = false;
		for (uint32_t r = 0; r < v->world->nranks; r++)
			if (v->peers[r].broken == CT_OK && v->peers[r].slots_used > 0)
				busy = true;
		if (!busy || verbs_poll(v) != CT_OK)
			return;
		sched_yield();
	}
}

static void verbs_close(void *self)
{
	struct ct_verbs *v = self;

	drain(v);
	ct_verbs_unmake(v);
	ct_free(v);
}

static ct_status verbs_open(const struct ct_net_env *env, void **self)
{
	const struct ct_verbs_settings *set = env->settings != NULL ? env->settings : &defaults;
	const struct ct_rdma_choice choice = { set->dev, set->port, set->gid };
	struct ct_verbs *v = ct_alloc(1, sizeof(*v));
	ct_status s;

	if (v == NULL)
		return CT_NOMEM;
	v->world = env->world;
	v->set = *set;
	s = ct_rdma_open(&choice, env->world->local_rank, &v->dev);
	if (s != CT_OK) {
		ct_free(v);
		return s;
	}
	if (getrandom(&v->psn, sizeof(v->psn), 0) != sizeof(v->psn))
		s = ct_fail(CT_IO, "verbs: getrandom: %s", strerror(errno));
	v->psn &= 0xffffff;
	if (s == CT_OK)
		s = ct_rdma_mtu(&v->dev, set->mtu, &v->mtu);
	if (s == CT_OK)
		s = ct_verbs_make(v);
	if (s != CT_OK) {
		ct_verbs_unmake(v);
		ct_free(v);
		return s;
	}
	*self = v;
	return CT_OK;
}

static ct_status verbs_address(void *self, void *out, size_t *bytes)
{
	const struct ct_verbs *v = self;
	struct ct_verbs_card card = { .magic = CT_VERBS_MAGIC, .psn = v->psn,
		.lid = v->dev.port_attr.lid, .link_layer = v->dev.port_attr.link_layer,
		.mtu = (uint8_t)v->mtu, .port = v->dev.port,
		.family = v->dev.family };

	memcpy(card.gid, v->dev.gid.raw, sizeof(card.gid));
	memcpy(card.device, v->dev.name, sizeof(card.device));
	memcpy(out, &card, sizeof(card));
	*bytes = sizeof(card);
	return CT_OK;
}

static const char *layer_name(uint8_t layer)
{
	return layer == IBV_LINK_LAYER_ETHERNET ? "RoCE" : "InfiniBand";
}

static ct_status verbs_connect(void *self, uint32_t peer, const void *address, size_t bytes)
{
	struct ct_verbs *v = self;
	struct ct_verbs_card *card = &v->peers[peer].card;

	if (bytes != sizeof(*card))
		return ct_fail(CT_CORRUPT, "verbs: rank %u gave an address of %zu bytes", peer, bytes);
	memcpy(card, address, sizeof(*card));
	card->device[sizeof(card->device) - 1] = '\0';
	if (card->magic != CT_VERBS_MAGIC)
		return ct_fail(CT_UNSUPPORTED, "verbs: rank %u has another byte order or version", peer);
	if (card->mtu < IBV_MTU_256 || card->mtu > IBV_MTU_4096)
		return ct_fail(CT_CORRUPT, "verbs: rank %u told an MTU that does not exist (%u)", peer,
			card->mtu);
	if (card->link_layer != v->dev.port_attr.link_layer)
		return ct_fail(CT_UNSUPPORTED, "verbs: rank %u is on %s (%s), this rank on %s (%s): choose "
			"with --ib-dev", peer, layer_name(card->link_layer), card->device,
			layer_name(v->dev.port_attr.link_layer), v->dev.name);
	if (card->family != v->dev.family)
		return ct_fail(CT_UNSUPPORTED, "verbs: rank %u has an IPv%u GID (%s), this rank IPv%u (%s): "
			"choose with --ib-gid", peer, card->family, card->device, v->dev.family,
			v->dev.name);
	return CT_OK;
}

/* The queue pairs differ by peer, so their numbers are exchanged apart. */
static ct_status verbs_ready(void *self)
{
	struct ct_verbs *v = self;
	const struct ct_world *w = v->world;
	ct_status s = CT_OK;

	if (w->nranks > 1)
		s = w->boot->allgather(w->boot->ctx, v->qpns, v->all_qpns,
			w->nranks * sizeof(*v->qpns));
	for (uint32_t i = 1; s == CT_OK && i < w->nranks; i++) {
		uint32_t peer = (w->rank + i) % w->nranks;

		v->peers[peer].qpn = v->all_qpns[(size_t)peer * w->nranks + w->rank];
		s = ct_verbs_link(v, peer);
	}
	return s;
}

static void verbs_query(void *self, struct ct_net_caps *caps)
{
	const struct ct_verbs *v = self;
	uint32_t mtu = ct_rdma_mtu_bytes(v->mtu);

	caps->eager_bytes = CT_VERBS_EAGER;
	caps->data_unchecked = false; /* the invariant CRC goes from end to end */
	caps->mtu = mtu;
	caps->link_Bps = ct_rdma_link_Bps(&v->dev);
	snprintf(caps->expectation, sizeof(caps->expectation), "%s",
		v->dev.port_attr.link_layer != IBV_LINK_LAYER_ETHERNET ? "infiniband" :
		v->dev.family == 6 ? "roce6" : "roce");
	snprintf(caps->device, sizeof(caps->device), "%.31s", v->dev.name);
	snprintf(caps->path, sizeof(caps->path), "RC over %.24s port %u, MTU %u: %.90s", v->dev.name,
		v->dev.port, mtu, v->dev.why);
}

/* ---- a peer that is lost ------------------------------------------------------------------- */

static void give_up(struct ct_verbs *v, struct ct_fifo *q, ct_status s)
{
	while (q->head != NULL) {
		struct ct_net_req *req = ct_fifo_pop(q);

		ct_verbs_uncover(v, req->key);
		req->status = s;
	}
}

/* From here on the device touches no buffer of this peer's messages. */
static void break_peer(struct ct_verbs *v, uint32_t peer, ct_status s)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ibv_qp_attr end = { .qp_state = IBV_QPS_ERR };

	if (p->broken != CT_OK)
		return;
	p->broken = s;
	snprintf(p->why, sizeof(p->why), "%s", ct_why());
	(void)ibv_modify_qp(p->qp, &end, IBV_QP_STATE);
	p->ungranted = NULL;
	give_up(v, &p->writing, s);
	give_up(v, &p->sends, s);
	give_up(v, &p->recvs, s);
}

/* ---- sending ------------------------------------------------------------------------------- */

static ct_status mismatch(uint32_t peer, uint64_t sent, uint64_t expected)
{
	return ct_fail(CT_CORRUPT, "rank %u sent %llu bytes where %llu are expected", peer,
		(unsigned long long)sent, (unsigned long long)expected);
}

/* *WENT: the head of the queue is gone. */
static ct_status send_small(struct ct_verbs *v, uint32_t peer, bool *went)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_net_req *req = p->sends.head;
	struct ct_verbs_head head = { .kind = CT_VERBS_DATA, .number = p->send_number,
		.bytes = req->bytes };
	ct_status s;

	if (p->ngranted > 0 && p->granted[p->first_granted].number == p->send_number)
		return mismatch(peer, req->bytes, p->granted[p->first_granted].bytes);
	if (!ct_verbs_room(p, CT_VERBS_RESERVE))
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

	if (p->said_length || !ct_verbs_room(p, 1))
		return CT_OK;
	p->said_length = true;
	return ct_verbs_send(v, peer, head, NULL, 0);
}

static ct_status send_large(struct ct_verbs *v, uint32_t peer, bool *went)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_net_req *req = p->sends.head;
	const struct ct_verbs_head *grant = &p->granted[p->first_granted];
	ct_status s = CT_OK;

	if (p->ngranted == 0)
		return say_length(v, peer);
	if (grant->number != p->send_number || grant->bytes != req->bytes)
		return mismatch(peer, req->bytes, grant->bytes);
	if (req->key == 0) {
		struct ibv_mr *mr;

		s = ct_verbs_cover(v, req->data, req->bytes, &mr);
		if (s != CT_OK)
			return s;
		req->key = (uintptr_t)mr;
	}
	while (s == CT_OK && req->done < req->bytes && p->writes_used < CT_VERBS_WRITES &&
		p->credits > 1)
		s = ct_verbs_write(v, req, (void *)(uintptr_t)req->key, grant);
	if (s != CT_OK || req->done < req->bytes)
		return s;
	p->first_granted = (p->first_granted + 1) % CT_VERBS_GRANTS;
	p->ngranted--;
	p->said_length = false;
	p->send_number++;
	ct_fifo_push(&p->writing, ct_fifo_pop(&p->sends));
	*went = true;
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
	return s;
}

/* ---- receiving ----------------------------------------------------------------------------- */

static ct_status free_slot(struct ct_verbs *v, uint32_t peer, uint32_t slot)
{
	v->peers[peer].owed++;
	return ct_verbs_repost(v, peer, slot);
}

/* Grants to receives in their order; a receive's number stands in done until it is complete. */
static ct_status grant(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	for (; p->ungranted != NULL; p->ungranted = p->ungranted->next) {
		struct ct_net_req *req = p->ungranted;
		struct ct_verbs_head head = { .kind = CT_VERBS_GRANT, .number = (uint32_t)req->done,
			.bytes = req->bytes, .address = (uintptr_t)req->data };
		struct ibv_mr *mr;
		ct_status s;

		if (req->bytes <= CT_VERBS_EAGER)
			continue;
		if (p->grants_out == CT_VERBS_GRANTS || !ct_verbs_room(p, 1))
			return CT_OK;
		s = ct_verbs_cover(v, req->data, req->bytes, &mr);
		if (s != CT_OK)
			return s;
		req->key = (uintptr_t)mr;
		head.rkey = mr->rkey;
		s = ct_verbs_send(v, peer, head, NULL, 0);
		if (s != CT_OK)
			return s;
		p->grants_out++;
	}
	return CT_OK;
}

static void received(struct ct_verbs *v, struct ct_verbs_peer *p)
{
	struct ct_net_req *req = ct_fifo_pop(&p->recvs);

	ct_verbs_uncover(v, req->key);
	p->recv_number++;
	req->status = CT_OK;
}

/* Hands small messages that have arrived to their receives. */
static ct_status deliver(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	if (p->recvs.head != NULL && p->announced.kind != 0 &&
		p->announced.number == p->recv_number) {
		if (p->announced.bytes != p->recvs.head->bytes)
			return mismatch(peer, p->announced.bytes, p->recvs.head->bytes);
		p->announced.kind = 0;
	}
	while (p->recvs.head != NULL && p->narrived > 0) {
		uint32_t slot = p->arrived[p->first_arrived];
		const char *at = p->in + (size_t)slot * CT_VERBS_SLOT;
		struct ct_net_req *req = p->recvs.head;
		struct ct_verbs_head head;
		ct_status s;

		memcpy(&head, at, sizeof(head));
		if (head.number != p->recv_number)
			return ct_fail(CT_CORRUPT, "verbs: rank %u sent message %u where %u is expected",
				peer, head.number, p->recv_number);
		if (head.bytes != req->bytes)
			return mismatch(peer, head.bytes, req->bytes);
		if (req->bytes > 0)
			memcpy(req->data, at + CT_VERBS_HEAD, req->bytes);
		p->first_arrived = (p->first_arrived + 1) % CT_VERBS_SLOTS;
		p->narrived--;
		received(v, p);
		s = free_slot(v, peer, slot);
		if (s != CT_OK)
			return s;
	}
	return CT_OK;
}

static ct_status strange(uint32_t peer)
{
	return ct_fail(CT_CORRUPT, "verbs: rank %u sent something that is no message of colltune", peer);
}

/* The last RDMA write of a message is there. */
static ct_status came_written(struct ct_verbs *v, uint32_t peer, uint32_t slot, uint32_t number)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	const struct ct_net_req *req = p->recvs.head;

	/* Small ones before it are delivered first: their receives were posted before its own. */
	if (req == NULL || p->narrived > 0 || req->bytes <= CT_VERBS_EAGER || req->key == 0 ||
		number != p->recv_number || p->grants_out == 0)
		return strange(peer);
	p->grants_out--;
	received(v, p);
	return free_slot(v, peer, slot);
}

static ct_status came(struct ct_verbs *v, uint32_t peer, uint32_t slot, const struct ibv_wc *wc)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_verbs_head head;

	if ((wc->wc_flags & IBV_WC_WITH_IMM) != 0)
		return came_written(v, peer, slot, be32toh(wc->imm_data));
	if (slot >= CT_VERBS_SLOTS || wc->byte_len < CT_VERBS_HEAD)
		return strange(peer);
	memcpy(&head, p->in + (size_t)slot * CT_VERBS_SLOT, sizeof(head));
	if (head.credits > CT_VERBS_SLOTS - p->credits)
		return strange(peer);
	p->credits += head.credits;
	switch (head.kind) {
	case CT_VERBS_DATA:
		if (head.bytes > CT_VERBS_EAGER || wc->byte_len != CT_VERBS_HEAD + head.bytes ||
			p->narrived == CT_VERBS_SLOTS)
			return strange(peer);
		p->arrived[(p->first_arrived + p->narrived++) % CT_VERBS_SLOTS] = (uint16_t)slot;
		return deliver(v, peer);
	case CT_VERBS_GRANT:
		if (p->ngranted == CT_VERBS_GRANTS)
			return strange(peer);
		p->granted[(p->first_granted + p->ngranted++) % CT_VERBS_GRANTS] = head;
		break;
	case CT_VERBS_ANNOUNCE:
		p->announced = head;
		break;
	case CT_VERBS_CREDIT:
		break;
	default:
		return strange(peer);
	}
	return free_slot(v, peer, slot);
}

/* ---- progress ------------------------------------------------------------------------------ */

static ct_status return_credits(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_head head = { .kind = CT_VERBS_CREDIT };

	if (v->peers[peer].owed < CT_VERBS_RETURN || !ct_verbs_room(&v->peers[peer], 0))
		return CT_OK;
	return ct_verbs_send(v, peer, head, NULL, 0);
}

static void progress(struct ct_verbs *v, uint32_t peer)
{
	ct_status s = return_credits(v, peer);

	if (s == CT_OK)
		s = grant(v, peer);
	if (s == CT_OK)
		s = deliver(v, peer);
	if (s == CT_OK)
		s = push(v, peer);
	if (s != CT_OK)
		break_peer(v, peer, s);
}

static void reap(struct ct_verbs *v, const struct ibv_wc *wc)
{
	uint32_t peer = wc->wr_id >> 32 & 0xffffff, slot = (uint32_t)wc->wr_id;
	enum ct_verbs_work work = (enum ct_verbs_work)(wc->wr_id >> 56);
	struct ct_verbs_peer *p = &v->peers[peer];
	ct_status s = CT_OK;

	if (p->broken != CT_OK)
		return;
	if (wc->status != IBV_WC_SUCCESS) {
		break_peer(v, peer, ct_verbs_explain(v, peer, wc));
		return;
	}
	switch (work) {
	case CT_VERBS_SENT:
		p->slots_used--;
		break;
	case CT_VERBS_PIECE:
		p->writes_used--;
		break;
	case CT_VERBS_WRITTEN:
		p->writes_used--;
		ct_verbs_uncover(v, p->writing.head->key);
		ct_fifo_pop(&p->writing)->status = CT_OK;
		break;
	case CT_VERBS_RECEIVED:
		s = came(v, peer, slot, wc);
		break;
	}
	if (s != CT_OK)
		break_peer(v, peer, s);
	activate(v, peer);
}

static ct_status verbs_poll(void *self)
{
	struct ct_verbs *v = self;
	struct ibv_wc wc[REAP];
	uint32_t kept = 0;
	int n = ibv_poll_cq(v->cq, REAP, wc);

	if (n < 0)
		return ct_fail(CT_IO, "verbs: %s: the completion queue fails (%d)", v->dev.name, n);
	for (int i = 0; i < n; i++)
		reap(v, &wc[i]);
	for (uint32_t i = 0; i < v->nactive; i++) {
		struct ct_verbs_peer *p = &v->peers[v->active[i]];

		if (p->broken == CT_OK)
			progress(v, v->active[i]);
		p->active = p->broken == CT_OK && has_work(p);
		if (p->active)
			v->active[kept++] = v->active[i];
	}
	v->nactive = kept;
	return CT_OK;
}

static ct_status verbs_post(void *self, struct ct_net_req *req)
{
	struct ct_verbs *v = self;
	struct ct_verbs_peer *p;

	if (req->peer >= v->world->nranks)
		return ct_fail(CT_INVALID, "no rank %u: this job has %u ranks", req->peer,
			v->world->nranks);
	if (req->peer == v->world->rank) {
		ct_loop_post(&v->loop, req);
		return CT_OK;
	}
	p = &v->peers[req->peer];
	if (p->broken != CT_OK) {
		req->status = ct_fail(p->broken, "%s", p->why);
		return CT_OK;
	}
	req->key = 0;
	req->done = req->kind == CT_NET_SEND ? 0 : p->post_number++;
	ct_fifo_push(req->kind == CT_NET_SEND ? &p->sends : &p->recvs, req);
	if (req->kind == CT_NET_RECV && p->ungranted == NULL)
		p->ungranted = req;
	progress(v, req->peer);
	activate(v, req->peer);
	return CT_OK;
}

static const struct ct_net_ops row = {
	.abi = CT_NET_ABI,
	.name = "verbs",
	.summary = CT_VERBS_SUMMARY,
	.settings_bytes = sizeof(struct ct_verbs_settings),
	.open = verbs_open,
	.close = verbs_close,
	.query = verbs_query,
	.address = verbs_address,
	.connect = verbs_connect,
	.ready = verbs_ready,
	.reg = ct_verbs_reg,
	.dereg = ct_verbs_dereg,
	.post = verbs_post,
	.poll = verbs_poll,
};

CT_MODULE_API extern const struct ct_module ct_module;
const struct ct_module ct_module = {
	.abi = CT_MODULE_ABI,
	.name = "verbs",
	.net = &row,
};
