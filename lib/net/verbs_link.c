/* SPDX-License-Identifier: BSD-3-Clause */
/* Rails and queue pairs of the transport verbs: making and connecting them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "verbs.h"

/* 4.096 us * 2^18 = 1.07 s, tried 1 + 6 times: a peer on a busy host is not taken for a dead one.
 * Seven retries would be the most, but soft RoCE takes 7 for "without end". */
enum { ACK_TIMEOUT = 18, RETRIES = 6, RNR_FOREVER = 7, RNR_TIMER = 12, HOPS = 64 };

enum { MARGIN = 4 }; /* send requests of a lane beyond its depth: report, flush */

/* ---- limits -------------------------------------------------------------------------------- */

static ct_status limit(const struct ct_verbs *v, uint32_t rail, const char *what, long long has,
	long long needed)
{
	return ct_fail(CT_IO,
		"verbs: device %s has %s %lld, needed is %lld for %u ranks with --qps "
		"%lld, --tx-depth %u and --rx-depth %u",
		v->rail[rail].dev.name, what, has, needed, v->world->nranks, (long long)v->set.qps,
		v->depth, v->slots + CT_VERBS_SPARE);
}

/* What the device must hold: sends again after the loss of a rail come on top. */
static uint32_t sends(const struct ct_verbs *v)
{
	return v->depth + MARGIN + (v->nrails > 1 ? v->slots : 0);
}

/* Of one peer on one rail. */
static long long completions(const struct ct_verbs *v)
{
	long long receives = v->slots + CT_VERBS_SPARE + (v->set.qps - 1) * CT_VERBS_SPARE;

	return v->set.qps * sends(v) + (v->npool > 0 ? 0 : receives);
}

static long long completions_of_all(const struct ct_verbs *v)
{
	return completions(v) * (v->world->nranks - 1) + v->npool + 1;
}

static bool is_lazy(const struct ct_verbs *v)
{
	return v->set.lazy > 0 && v->world->nranks >= v->set.lazy && !v->set.rail_failover;
}

static ct_status check_limits(const struct ct_verbs *v, uint32_t rail)
{
	const struct ibv_device_attr *a = &v->rail[rail].dev.attr;
	long long npeers = is_lazy(v) ? 1 : v->world->nranks - 1, pairs = v->set.qps * npeers;
	long long deepest =
		sends(v) > v->slots + CT_VERBS_SPARE ? sends(v) : v->slots + CT_VERBS_SPARE;

	if (a->max_qp < pairs)
		return limit(v, rail, "max_qp", a->max_qp, pairs);
	if (a->max_qp_wr < deepest)
		return limit(v, rail, "max_qp_wr", a->max_qp_wr, deepest);
	if (a->max_cqe < completions(v) * npeers + v->npool + 1)
		return limit(
			v, rail, "max_cqe", a->max_cqe, completions(v) * npeers + v->npool + 1);
	return CT_OK;
}

static ct_status take_settings(struct ct_verbs *v)
{
	const struct ct_verbs_settings *s = &v->set;
	uint32_t least = CT_VERBS_RESERVE + CT_VERBS_RETURN, most = CT_VERBS_MOST_SLOTS;

	v->slots = CT_VERBS_SLOTS;
	if (s->rx_depth != 0 && (s->rx_depth < least + CT_VERBS_SPARE ||
		s->rx_depth > most + CT_VERBS_SPARE))
		return ct_fail(CT_INVALID, "--rx-depth %lld: the transport verbs takes %u to %u",
			(long long)s->rx_depth, least + CT_VERBS_SPARE, most + CT_VERBS_SPARE);
	if (s->rx_depth != 0)
		v->slots = (uint32_t)s->rx_depth - CT_VERBS_SPARE;
	v->depth = s->tx_depth != 0 ? (uint32_t)s->tx_depth : CT_VERBS_DEPTH;
	if (v->depth < 4)
		return ct_fail(CT_INVALID, "--tx-depth %u: the transport verbs takes 4 at least",
			v->depth);
	if (v->nrails * (uint32_t)s->qps > CT_VERBS_LANES)
		return ct_fail(CT_INVALID,
			"--qps %lld on %u rails: %d queue pairs per peer are the most",
			(long long)s->qps, v->nrails, CT_VERBS_LANES);
	v->nlanes = v->nrails * (uint32_t)s->qps;
	v->moderate = s->cq_mod != 0 ? (uint32_t)s->cq_mod : CT_VERBS_MODERATE;
	if (v->moderate > v->depth / 4)
		v->moderate = v->depth / 4;
	if (v->moderate > v->slots / 4)
		v->moderate = v->slots / 4;
	if (v->moderate > CT_VERBS_RUN)
		v->moderate = CT_VERBS_RUN;
	v->inline_bytes = s->inline_bytes >= 0 ? (uint32_t)s->inline_bytes : CT_VERBS_INLINE;
	ct_verbs_shared_plan(v);
	return CT_OK;
}

/* ---- making -------------------------------------------------------------------------------- */

static ct_status make_qp(struct ct_verbs *v, uint32_t peer, uint32_t lane)
{
	struct ct_verbs_rail *rail = &v->rail[ct_verbs_rail_of(v, lane)];
	struct ct_rdma_device *dev = &rail->dev;
	bool first = lane % (uint32_t)v->set.qps == 0;
	struct ibv_qp_init_attr init = { .send_cq = rail->cq,
		.recv_cq = rail->cq,
		.srq = rail->srq,
		.qp_type = IBV_QPT_RC,
		.cap = { sends(v), rail->srq != NULL ? 0 : (first ? v->slots : 0) + CT_VERBS_SPARE,
			1, 1, v->inline_bytes } };
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = dev->port,
		.qp_access_flags = IBV_ACCESS_REMOTE_WRITE };
	struct ct_verbs_lane *l = &v->peers[peer].lane[lane];
	int error;

	l->qp = ibv_create_qp(rail->pd, &init);
	if (l->qp == NULL && v->set.inline_bytes < 0) { /* not asked for: do without */
		init.cap.max_inline_data = 0;
		l->qp = ibv_create_qp(rail->pd, &init);
	}
	if (l->qp == NULL)
		return ct_fail(CT_IO,
			"verbs: device %s gives %u queue pairs, needed are %u (--qps %lld, %u "
			"ranks, --inline %u): %s",
			dev->name, (v->nmade - 1) * v->nlanes + lane,
			(is_lazy(v) ? 1 : v->world->nranks - 1) * v->nlanes, (long long)v->set.qps,
			v->world->nranks, v->inline_bytes, strerror(errno));
	if (init.cap.max_inline_data < v->inline_bytes)
		v->inline_bytes = init.cap.max_inline_data;
	if (v->npool > 0)
		ct_verbs_know(v, peer, lane);
	if (v->qpns != NULL)
		v->qpns[peer * v->nlanes + lane] = l->qp->qp_num;
	error = ibv_modify_qp(l->qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
		IBV_QP_ACCESS_FLAGS);
	return error == 0 ? CT_OK : ct_fail(CT_IO, "verbs: %s port %u: queue pair %u does not get "
		"ready: %s", dev->name, dev->port, l->qp->qp_num, strerror(error));
}

ct_status ct_verbs_make_peer(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	size_t own = v->npool > 0 ? 0 : (size_t)v->nrails * (v->slots + CT_VERBS_SPARE);
	size_t bytes = (v->slots + 1 + own) * CT_VERBS_SLOT;
	ct_status s;

	if (v->nmade == v->room_peers)
		return limit(v, 0, "max_cqe", v->rail[0].dev.attr.max_cqe,
			completions(v) * (v->nmade + 1) + v->npool + 1);
	v->nmade++;
	p->arrived = ct_alloc(v->slots, sizeof(*p->arrived));
	s = p->arrived != NULL ? ct_verbs_pool(v, bytes, &p->memory) : CT_NOMEM;
	if (s != CT_OK)
		return s;
	p->out = p->memory.at;
	p->in = p->out + (v->slots + 1) * (size_t)CT_VERBS_SLOT;
	s = ct_verbs_region_make(v, p->out, bytes, &p->slots);
	for (uint32_t lane = 0; s == CT_OK && lane < v->nlanes; lane++)
		s = make_qp(v, peer, lane);
	return s;
}

static ct_status make_rail(struct ct_verbs *v, uint32_t i)
{
	struct ct_verbs_rail *rail = &v->rail[i];
	struct ct_rdma_device *dev = &rail->dev;
	long long entries;
	ct_status s = check_limits(v, i);

	if (s == CT_OK)
		s = ct_rdma_mtu(dev, v->set.mtu, &rail->mtu);
	if (s == CT_OK)
		s = ct_verbs_hear(rail);
	if (s != CT_OK)
		return s;
	if (v->set.mtu > ct_rdma_mtu_bytes(rail->mtu))
		ct_log(CT_LOG_WARN, CT_AREA_NET, "verbs: %s port %u has MTU %u: --mtu %lld is more",
			dev->name, dev->port, ct_rdma_mtu_bytes(rail->mtu), (long long)v->set.mtu);
	rail->write_bytes = dev->port_attr.max_msg_sz > 0 ? dev->port_attr.max_msg_sz : 1 << 20;
	rail->pd = ibv_alloc_pd(dev->context);
	if (rail->pd == NULL)
		return ct_fail(CT_IO, "verbs: %s: ibv_alloc_pd: %s", dev->name, strerror(errno));
	entries = completions_of_all(v) < dev->attr.max_cqe ? completions_of_all(v) :
		dev->attr.max_cqe;
	if (completions(v) > 0 && (entries - v->npool - 1) / completions(v) < v->room_peers)
		v->room_peers = (uint32_t)((entries - v->npool - 1) / completions(v));
	rail->cq = ibv_create_cq(dev->context, (int)entries, NULL, NULL, 0);
	if (rail->cq == NULL)
		return ct_fail(CT_IO, "verbs: %s: ibv_create_cq: %s", dev->name, strerror(errno));
	return v->npool > 0 ? ct_verbs_shared_make(v, i) : CT_OK;
}

static ct_status open_rails(struct ct_verbs *v)
{
	const struct ct_rdma_choice choice = { v->set.dev, v->set.port, v->set.gid };
	struct ct_rdma_device *devs = ct_alloc(CT_VERBS_RAILS, sizeof(*devs));
	ct_status s = devs == NULL ? CT_NOMEM :
		ct_rdma_rails(&choice, v->world->local_rank, CT_VERBS_RAILS, devs, &v->nrails);

	for (uint32_t i = 0; i < v->nrails; i++)
		v->rail[i].dev = devs[i];
	ct_free(devs);
	return s;
}

ct_status ct_verbs_make(struct ct_verbs *v)
{
	uint32_t n = v->world->nranks;
	ct_status s = n <= CT_VERBS_PEERS ? open_rails(v) :
		ct_fail(CT_UNSUPPORTED, "verbs: %u ranks, %d are the most", n, CT_VERBS_PEERS);

	if (s == CT_OK)
		s = take_settings(v);
	if (s != CT_OK)
		return s;
	v->peers = ct_alloc(n, sizeof(*v->peers));
	v->active = ct_alloc(n, sizeof(*v->active));
	if (v->peers == NULL || v->active == NULL)
		return CT_NOMEM;
	v->room_peers = n;
	for (uint32_t i = 0; s == CT_OK && i < v->nrails; i++)
		s = make_rail(v, i);
	if (s != CT_OK)
		return s;
	if (is_lazy(v))
		return ct_verbs_lazy_make(v);
	v->qpns = ct_alloc((size_t)n * v->nlanes, sizeof(*v->qpns));
	v->all_qpns = ct_alloc((size_t)n * n * v->nlanes, sizeof(*v->all_qpns));
	if (v->qpns == NULL || v->all_qpns == NULL)
		return CT_NOMEM;
	for (uint32_t r = 0; s == CT_OK && r < n; r++)
		if (r != v->world->rank)
			s = ct_verbs_make_peer(v, r);
	return s;
}

static void unmake_peer(const struct ct_verbs *v, struct ct_verbs_peer *p)
{
	for (uint32_t lane = 0; lane < v->nlanes; lane++)
		if (p->lane[lane].qp != NULL)
			(void)ibv_destroy_qp(p->lane[lane].qp);
	ct_verbs_region_end(&p->slots);
	ct_mem_free(&p->memory);
	ct_free(p->kept);
	ct_free(p->arrived);
}

void ct_verbs_unmake(struct ct_verbs *v)
{
	for (uint32_t r = 0; v->peers != NULL && r < v->world->nranks; r++)
		unmake_peer(v, &v->peers[r]);
	ct_verbs_lazy_unmake(v);
	while (v->regions != NULL) {
		struct ct_verbs_region *r = v->regions;

		v->regions = r->next;
		ct_verbs_region_end(r);
		ct_free(r);
	}
	for (uint32_t i = 0; i < v->nrails; i++) {
		ct_verbs_shared_unmake(v, i);
		if (v->rail[i].cq != NULL)
			(void)ibv_destroy_cq(v->rail[i].cq);
		if (v->rail[i].pd != NULL)
			(void)ibv_dealloc_pd(v->rail[i].pd);
		(void)ibv_close_device(v->rail[i].dev.context);
	}
	ct_free(v->known);
	ct_free(v->all_qpns);
	ct_free(v->qpns);
	ct_free(v->active);
	ct_free(v->peers);
}

/* ---- connecting ---------------------------------------------------------------------------- */

struct ibv_ah_attr ct_verbs_way(
	const struct ct_verbs *v, const struct ct_verbs_peer *p, uint32_t lane)
{
	uint32_t rail = ct_verbs_rail_of(v, lane);
	const struct ct_rdma_device *dev = &v->rail[rail].dev;
	struct ibv_ah_attr ah = { .dlid = p->card.rail[rail].lid, .port_num = dev->port,
		.sl = (uint8_t)v->set.sl };

	if (dev->gid_index < 0)
		return ah;
	ah.is_global = 1;
	ah.grh.sgid_index = (uint8_t)dev->gid_index;
	ah.grh.hop_limit = HOPS;
	ah.grh.traffic_class = (uint8_t)v->set.tc;
	ah.grh.flow_label = ct_rdma_flow_label((uint64_t)v->set.flow_seed, v->world->rank,
		(uint32_t)(p - v->peers), lane);
	memcpy(ah.grh.dgid.raw, p->card.rail[rail].gid, sizeof(ah.grh.dgid.raw));
	return ah;
}

enum ibv_mtu ct_verbs_path_mtu(
	const struct ct_verbs *v, const struct ct_verbs_peer *p, uint32_t rail)
{
	enum ibv_mtu his = (enum ibv_mtu)p->card.rail[rail].mtu;

	return his < v->rail[rail].mtu ? his : v->rail[rail].mtu;
}

static ct_status link_lane(struct ct_verbs *v, uint32_t peer, uint32_t number)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_verbs_lane *lane = &p->lane[number];
	uint32_t rail = ct_verbs_rail_of(v, number);
	const struct ct_rdma_device *dev = &v->rail[rail].dev;
	struct ibv_qp_attr hear = { .qp_state = IBV_QPS_RTR,
		.dest_qp_num = lane->qpn,
		.path_mtu = ct_verbs_path_mtu(v, p, rail),
		.rq_psn = p->card.psn,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = RNR_TIMER,
		.ah_attr = ct_verbs_way(v, p, number) };
	struct ibv_qp_attr say = { .qp_state = IBV_QPS_RTS,
		.timeout = ACK_TIMEOUT,
		.retry_cnt = RETRIES,
		.rnr_retry = RNR_FOREVER,
		.sq_psn = v->psn,
		.max_rd_atomic = 1 };
	char gid[48] = "";
	int error = ibv_modify_qp(lane->qp, &hear, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
		IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);

	if (error == 0)
		error = ibv_modify_qp(lane->qp, &say,
			IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
				IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
	if (error == 0)
		return CT_OK;
	if (dev->gid_index >= 0)
		ct_rdma_gid_text(&hear.ah_attr.grh.dgid, gid);
	return ct_fail(CT_PEER,
		"verbs: %s port %u finds no way to rank %u on %s (%s%s, path MTU %u): %s",
		dev->name, dev->port, peer, p->card.rail[rail].device,
		gid[0] != '\0' ? "GID " : "by LID", gid, ct_rdma_mtu_bytes(hear.path_mtu),
		strerror(error));
}

ct_status ct_verbs_link(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	ct_status s = CT_OK;

	for (uint32_t lane = 0; s == CT_OK && lane < v->nlanes; lane++) {
		bool first = lane % (uint32_t)v->set.qps == 0;
		uint32_t receives = (first ? v->slots : 0) + CT_VERBS_SPARE;

		s = link_lane(v, peer, lane);
		for (uint32_t slot = 0; s == CT_OK && v->npool == 0 && slot < receives; slot++)
			s = ct_verbs_repost(v, peer, lane, slot);
	}
	ct_verbs_go(v);
	if (s == CT_OK && p->broken != CT_OK)
		s = ct_fail(p->broken, "%s", p->why);
	p->credits = v->slots;
	p->link = CT_VERBS_LINKED;
	return s;
}
