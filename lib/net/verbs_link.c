/* SPDX-License-Identifier: BSD-3-Clause */
/* Queue pairs of the transport verbs: making and connecting them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "verbs.h"

/* 4.096 us * 2^18 = 1.07 s, tried 1 + 6 times: a peer on a busy host is not taken for a dead one.
 * Seven retries would be the most, but soft RoCE takes 7 for "without end". */
enum { ACK_TIMEOUT = 18, RETRIES = 6, RNR_FOREVER = 7, RNR_TIMER = 12, HOPS = 64 };

/* Bytes of the slots of one peer, both directions. */
#define PEER_BYTES ((size_t)2 * CT_VERBS_SLOTS * CT_VERBS_SLOT)

static int cq_entries(const struct ct_verbs *v)
{
	return (int)(v->world->nranks - 1) * (2 * CT_VERBS_SLOTS + CT_VERBS_WRITES) + 1;
}

static ct_status limit(const struct ct_verbs *v, const char *what, long long has, long long needed)
{
	return ct_fail(CT_IO, "verbs: device %s has %s %lld, needed is %lld for %u ranks",
		v->dev.name, what, has, needed, v->world->nranks);
}

static ct_status check_limits(const struct ct_verbs *v)
{
	const struct ibv_device_attr *a = &v->dev.attr;
	int depth = CT_VERBS_SLOTS + CT_VERBS_WRITES;
	long long peers = v->world->nranks - 1;

	if (a->max_qp < peers)
		return limit(v, "max_qp", a->max_qp, peers);
	if (a->max_qp_wr < depth)
		return limit(v, "max_qp_wr", a->max_qp_wr, depth);
	if (a->max_cqe < cq_entries(v))
		return limit(v, "max_cqe", a->max_cqe, cq_entries(v));
	return CT_OK;
}

static ct_status make_qp(struct ct_verbs *v, uint32_t peer)
{
	struct ibv_qp_init_attr init = { .send_cq = v->cq, .recv_cq = v->cq, .qp_type = IBV_QPT_RC,
		.cap = { CT_VERBS_SLOTS + CT_VERBS_WRITES, CT_VERBS_SLOTS, 1, 1, v->inline_bytes } };
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = v->dev.port,
		.qp_access_flags = IBV_ACCESS_REMOTE_WRITE };
	struct ct_verbs_peer *p = &v->peers[peer];
	int error;

	p->qp = ibv_create_qp(v->pd, &init);
	if (p->qp == NULL) {
		init.cap.max_inline_data = 0;
		p->qp = ibv_create_qp(v->pd, &init);
	}
	if (p->qp == NULL)
		return ct_fail(CT_IO, "verbs: device %s gives no queue pair %u of %u: %s",
			v->dev.name, peer + 1, v->world->nranks, strerror(errno));
	if (init.cap.max_inline_data < v->inline_bytes)
		v->inline_bytes = init.cap.max_inline_data;
	v->qpns[peer] = p->qp->qp_num;
	error = ibv_modify_qp(p->qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
		IBV_QP_ACCESS_FLAGS);
	return error == 0 ? CT_OK : ct_fail(CT_IO, "verbs: %s port %u: queue pair %u does not get "
		"ready: %s", v->dev.name, v->dev.port, p->qp->qp_num, strerror(error));
}

static ct_status make_arena(struct ct_verbs *v)
{
	size_t bytes = PEER_BYTES * v->world->nranks;
	char *at;

	v->arena = ct_alloc_pages(bytes);
	if (v->arena == NULL)
		return CT_NOMEM;
	v->arena_mr = ibv_reg_mr(v->pd, v->arena, bytes, IBV_ACCESS_LOCAL_WRITE);
	if (v->arena_mr == NULL)
		return ct_rdma_reg_failed(&v->dev, bytes, errno);
	at = v->arena;
	for (uint32_t r = 0; r < v->world->nranks; r++, at += PEER_BYTES) {
		v->peers[r].out = at;
		v->peers[r].in = at + PEER_BYTES / 2;
	}
	return CT_OK;
}

ct_status ct_verbs_make(struct ct_verbs *v)
{
	uint32_t n = v->world->nranks;
	ct_status s = check_limits(v);

	if (s != CT_OK)
		return s;
	v->inline_bytes = v->set.inline_bytes >= 0 ? (uint32_t)v->set.inline_bytes : CT_VERBS_INLINE;
	v->write_bytes = v->dev.port_attr.max_msg_sz > 0 ? v->dev.port_attr.max_msg_sz : 1 << 20;
	v->peers = ct_alloc(n, sizeof(*v->peers));
	v->active = ct_alloc(n, sizeof(*v->active));
	v->qpns = ct_alloc(n, sizeof(*v->qpns));
	v->all_qpns = ct_alloc((size_t)n * n, sizeof(*v->all_qpns));
	if (v->peers == NULL || v->active == NULL || v->qpns == NULL || v->all_qpns == NULL)
		return CT_NOMEM;
	v->pd = ibv_alloc_pd(v->dev.context);
	if (v->pd == NULL)
		return ct_fail(CT_IO, "verbs: %s: ibv_alloc_pd: %s", v->dev.name, strerror(errno));
	v->cq = ibv_create_cq(v->dev.context, cq_entries(v), NULL, NULL, 0);
	if (v->cq == NULL)
		return ct_fail(CT_IO, "verbs: %s: ibv_create_cq: %s", v->dev.name, strerror(errno));
	s = make_arena(v);
	for (uint32_t r = 0; s == CT_OK && r < n; r++)
		if (r != v->world->rank)
			s = make_qp(v, r);
	return s;
}

void ct_verbs_unmake(struct ct_verbs *v)
{
	for (uint32_t r = 0; v->peers != NULL && r < v->world->nranks; r++)
		if (v->peers[r].qp != NULL)
			(void)ibv_destroy_qp(v->peers[r].qp);
	for (uint32_t i = 0; i < CT_VERBS_REGIONS; i++)
		if (v->regions[i] != NULL)
			(void)ibv_dereg_mr(v->regions[i]);
	if (v->arena_mr != NULL)
		(void)ibv_dereg_mr(v->arena_mr);
	if (v->cq != NULL)
		(void)ibv_destroy_cq(v->cq);
	if (v->pd != NULL)
		(void)ibv_dealloc_pd(v->pd);
	ct_free(v->arena);
	ct_free(v->all_qpns);
	ct_free(v->qpns);
	ct_free(v->active);
	ct_free(v->peers);
	if (v->dev.context != NULL)
		(void)ibv_close_device(v->dev.context);
}

static struct ibv_ah_attr way_to(const struct ct_verbs *v, const struct ct_verbs_peer *p)
{
	struct ibv_ah_attr ah = { .dlid = p->card.lid, .port_num = v->dev.port,
		.sl = (uint8_t)v->set.sl };

	if (v->dev.gid_index < 0)
		return ah;
	ah.is_global = 1;
	ah.grh.sgid_index = (uint8_t)v->dev.gid_index;
	ah.grh.hop_limit = HOPS;
	ah.grh.traffic_class = (uint8_t)v->set.tc;
	memcpy(ah.grh.dgid.raw, p->card.gid, sizeof(p->card.gid));
	return ah;
}

ct_status ct_verbs_link(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	enum ibv_mtu mtu = v->mtu;
	struct ibv_qp_attr hear = { .qp_state = IBV_QPS_RTR, .dest_qp_num = p->qpn,
		.rq_psn = p->card.psn, .max_dest_rd_atomic = 1, .min_rnr_timer = RNR_TIMER,
		.ah_attr = way_to(v, p) };
	struct ibv_qp_attr say = { .qp_state = IBV_QPS_RTS, .timeout = ACK_TIMEOUT,
		.retry_cnt = RETRIES, .rnr_retry = RNR_FOREVER, .sq_psn = v->psn, .max_rd_atomic = 1 };
	ct_status s = CT_OK;
	char gid[48] = "";
	int error;

	hear.path_mtu = p->card.mtu < mtu ? (enum ibv_mtu)p->card.mtu : mtu;
	error = ibv_modify_qp(p->qp, &hear, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
		IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
	if (error == 0)
		error = ibv_modify_qp(p->qp, &say, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
	if (error != 0) {
		if (v->dev.gid_index >= 0)
			ct_rdma_gid_text((const void *)p->card.gid, gid);
		return ct_fail(CT_PEER, "verbs: %s port %u finds no way to rank %u on %s (%s%s, path MTU "
			"%u): %s", v->dev.name, v->dev.port, peer, p->card.device, gid[0] != '\0' ?
			"GID " : "by LID", gid, 128u << hear.path_mtu, strerror(error));
	}
	for (uint32_t slot = 0; s == CT_OK && slot < CT_VERBS_SLOTS; slot++)
		s = ct_verbs_repost(v, peer, slot);
	p->credits = CT_VERBS_SLOTS;
	return s;
}
