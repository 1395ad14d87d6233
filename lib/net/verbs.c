/* SPDX-License-Identifier: BSD-3-Clause */
/* Transport verbs: RDMA over InfiniBand and RoCE, see verbs.h for the protocol. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "verbs.h"

enum { REAP = 32, DRAIN_NS = 1000000000, BUSY_POLL = 1, IDLE_POLL = 32 };

static const struct ct_option options[] = { CT_VERBS_OPTIONS(0), CT_NO_OPTION };
static const struct ct_verbs_settings defaults = { .qps = 1, .inline_bytes = -1 };

/* ---- opening ------------------------------------------------------------------------------- */

static void activate(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	if (p->active || p->broken != CT_OK || !ct_verbs_has_work(p))
		return;
	p->active = true;
	v->active[v->nactive++] = peer;
}

static ct_status verbs_poll(void *self);

/* A small message counts as sent before the device has sent it. */
static void drain(struct ct_verbs *v)
{
	struct ct_deadline by = ct_deadline_in(DRAIN_NS);
	bool busy = true;

	while (busy && !ct_deadline_passed(by)) {
		busy = false;
		for (uint32_t r = 0; r < v->world->nranks; r++) {
			struct ct_verbs_peer *p = &v->peers[r];

			if (p->broken != CT_OK || r == v->world->rank || p->slots_used == 0)
				continue;
			busy = true;
			if (ct_verbs_flush(v, r) != CT_OK)
				return;
		}
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
	struct ct_verbs *v = ct_alloc(1, sizeof(*v));
	ct_status s = CT_OK;

	if (v == NULL)
		return CT_NOMEM;
	v->world = env->world;
	v->set =
		env->settings != NULL ? *(const struct ct_verbs_settings *)env->settings : defaults;
	if (getrandom(&v->psn, sizeof(v->psn), 0) != sizeof(v->psn) ||
		getrandom(&v->token, sizeof(v->token), 0) != sizeof(v->token))
		s = ct_fail(CT_IO, "verbs: getrandom: %s", strerror(errno));
	v->psn &= 0xffffff;
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
		.token = v->token, .lazy_qpn = ct_verbs_lazy_qpn(v), .slots = (uint16_t)v->slots,
		.nrails = (uint8_t)v->nrails,
		.qps = (uint8_t)v->set.qps, .failover = v->set.rail_failover };

	for (uint32_t i = 0; i < v->nrails; i++) {
		const struct ct_rdma_device *dev = &v->rail[i].dev;
		struct ct_verbs_port *port = &card.rail[i];

		memcpy(port->gid, dev->gid.raw, sizeof(port->gid));
		port->lid = dev->port_attr.lid;
		port->link_layer = dev->port_attr.link_layer;
		port->mtu = (uint8_t)v->rail[i].mtu;
		port->port = dev->port;
		port->family = dev->family;
		memcpy(port->device, dev->name, sizeof(port->device) - 1);
	}
	memcpy(out, &card, sizeof(card));
	*bytes = sizeof(card);
	return CT_OK;
}

static const char *layer_name(uint8_t layer)
{
	return layer == IBV_LINK_LAYER_ETHERNET ? "RoCE" : "InfiniBand";
}

static const char *family_name(uint8_t family)
{
	return family == 4 ? "an IPv4 GID" : family == 6 ? "an IPv6 GID" : "no GID but its LID";
}

static ct_status check_rail(const struct ct_verbs *v, uint32_t peer, uint32_t i)
{
	const struct ct_verbs_port *his = &v->peers[peer].card.rail[i];
	const struct ct_rdma_device *dev = &v->rail[i].dev;

	if (his->mtu < IBV_MTU_256 || his->mtu > IBV_MTU_4096)
		return ct_fail(CT_CORRUPT, "verbs: rank %u told an MTU that does not exist (%u)",
			peer, his->mtu);
	if (his->link_layer != dev->port_attr.link_layer)
		return ct_fail(CT_IO, "verbs: rank %u is on %s (%s), this rank on %s (%s): choose "
			"with --ib-dev", peer, layer_name(his->link_layer), his->device,
			layer_name(dev->port_attr.link_layer), dev->name);
	if (his->family != dev->family)
		return ct_fail(CT_IO, "verbs: rank %u has %s (%s), this rank %s (%s): choose with "
			"--ib-gid", peer, family_name(his->family), his->device,
			family_name(dev->family), dev->name);
	if (his->mtu != (uint8_t)v->rail[i].mtu)
		ct_log(CT_LOG_WARN, CT_AREA_NET,
			"verbs: path MTU to rank %u is %u: it has %u on %s, this rank %u on %s",
			peer, ct_rdma_mtu_bytes(ct_verbs_path_mtu(v, &v->peers[peer], i)),
			ct_rdma_mtu_bytes((enum ibv_mtu)his->mtu), his->device,
			ct_rdma_mtu_bytes(v->rail[i].mtu), dev->name);
	return CT_OK;
}

/* Ranks that were told different things would wait for each other. */
static ct_status check_same(const struct ct_verbs *v, uint32_t peer)
{
	const struct ct_verbs_card *card = &v->peers[peer].card;
	const struct { const char *name; long long his, mine; } same[] = {
		{ "rails in --ib-dev", card->nrails, v->nrails },
		{ "--qps", card->qps, v->set.qps },
		{ "--rx-depth", card->slots + CT_VERBS_SPARE, v->slots + CT_VERBS_SPARE },
		{ "--ib-lazy in force", card->lazy_qpn != 0, v->lazy != NULL },
		{ "--rail-failover", card->failover, v->set.rail_failover },
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (same[i].his != same[i].mine)
			return ct_fail(CT_IO,
				"verbs: rank %u on %.13s has %s %lld, this rank on %s "
				"%lld: give all ranks the same",
				peer, card->rail[0].device, same[i].name, same[i].his,
				v->rail[0].dev.name, same[i].mine);
	return CT_OK;
}

static ct_status verbs_connect(void *self, uint32_t peer, const void *address, size_t bytes)
{
	struct ct_verbs *v = self;
	struct ct_verbs_card *card = &v->peers[peer].card;
	ct_status s;

	if (bytes != sizeof(*card))
		return ct_fail(
			CT_CORRUPT, "verbs: rank %u gave an address of %zu bytes", peer, bytes);
	memcpy(card, address, sizeof(*card));
	if (card->magic != CT_VERBS_MAGIC)
		return ct_fail(
			CT_UNSUPPORTED, "verbs: rank %u has another byte order or version", peer);
	for (uint32_t i = 0; i < CT_VERBS_RAILS; i++)
		card->rail[i].device[sizeof(card->rail[i].device) - 1] = '\0';
	s = check_same(v, peer);
	for (uint32_t i = 0; s == CT_OK && i < v->nrails; i++)
		s = check_rail(v, peer, i);
	return s;
}

/* The queue pairs differ by peer, so their numbers are exchanged apart. */
static ct_status verbs_ready(void *self)
{
	struct ct_verbs *v = self;
	const struct ct_world *w = v->world;
	size_t row = (size_t)w->nranks * v->nlanes;
	ct_status s = CT_OK;

	if (v->lazy != NULL)
		return CT_OK;
	if (w->nranks > 1)
		s = w->boot->allgather(w->boot->ctx, v->qpns, v->all_qpns, row * sizeof(*v->qpns));
	for (uint32_t i = 1; s == CT_OK && i < w->nranks; i++) {
		uint32_t peer = (w->rank + i) % w->nranks;

		for (uint32_t lane = 0; lane < v->nlanes; lane++)
			v->peers[peer].lane[lane].qpn = v->all_qpns[peer * row +
				(size_t)w->rank * v->nlanes + lane];
		s = ct_verbs_link(v, peer);
	}
	return s;
}

/* ---- what it is ---------------------------------------------------------------------------- */

/* The smallest path MTU to any peer, and which peer has it. */
static uint32_t least_mtu(const struct ct_verbs *v, uint32_t *peer)
{
	uint32_t least = ct_rdma_mtu_bytes(v->rail[0].mtu);

	*peer = v->world->rank;
	for (uint32_t r = 0; r < v->world->nranks; r++) {
		uint32_t mtu = r == v->world->rank ? least :
			ct_rdma_mtu_bytes(ct_verbs_path_mtu(v, &v->peers[r], 0));

		if (mtu >= least)
			continue;
		least = mtu;
		*peer = r;
	}
	return least;
}

static void verbs_query(void *self, struct ct_net_caps *caps)
{
	const struct ct_verbs *v = self;
	const struct ct_rdma_device *dev = &v->rail[0].dev;
	char mtu_text[48] = "", ways[128] = "", path[320];
	uint32_t peer, mtu = least_mtu(v, &peer);

	caps->eager_bytes = CT_VERBS_EAGER;
	caps->needs_polls =
		v->world->nranks > 1; /* small messages may be lost after they were sent */
	caps->data_unchecked = false; /* the invariant CRC goes from end to end */
	caps->mtu = mtu;
	for (uint32_t i = 0; i < v->nrails; i++)
		caps->link_Bps += ct_rdma_link_Bps(&v->rail[i].dev);
	snprintf(caps->expectation, sizeof(caps->expectation), "%s",
		dev->port_attr.link_layer != IBV_LINK_LAYER_ETHERNET ? "infiniband" :
		dev->family == 6 ? "roce6" : "roce");
	caps->foreign = true;
	snprintf(caps->device, sizeof(caps->device), "%.31s", dev->name);
	for (uint32_t i = 0; i < v->nrails && i < CT_NET_DEVICES; i++)
		snprintf(caps->devices[i], sizeof(caps->devices[i]), "%.31s", v->rail[i].dev.name);
	if (peer != v->world->rank)
		snprintf(mtu_text, sizeof(mtu_text), " (here %u, rank %u %u)",
			ct_rdma_mtu_bytes(v->rail[0].mtu), peer,
			ct_rdma_mtu_bytes((enum ibv_mtu)v->peers[peer].card.rail[0].mtu));
	for (uint32_t i = 1; i < v->nrails; i++)
		snprintf(ways + strlen(ways), sizeof(ways) - strlen(ways), "+%.12s:%u",
			v->rail[i].dev.name, v->rail[i].dev.port);
	if (v->lazy != NULL)
		snprintf(ways + strlen(ways), sizeof(ways) - strlen(ways), ", at first use");
	if (v->npool > 0)
		snprintf(ways + strlen(ways), sizeof(ways) - strlen(ways), ", %u shared receives",
			v->npool);
	if (v->nlanes > v->nrails)
		snprintf(ways + strlen(ways), sizeof(ways) - strlen(ways), ", %lld QPs each",
			(long long)v->set.qps);
	snprintf(path, sizeof(path), "RC over %.24s port %u%s, MTU %u%s: %.80s%s", dev->name,
		dev->port, ways, mtu, mtu_text, v->nrails == 1 ? dev->why : ct_rdma_nature(dev),
		v->nrails == 1 ? "" : "rails together");
	snprintf(caps->path, sizeof(caps->path), "%.*s", (int)sizeof(caps->path) - 1, path);
}

static ct_status verbs_describe(const void *settings, ct_net_line *line, void *arg)
{
	const struct ct_verbs_settings *set = settings != NULL ? settings : &defaults;
	const struct ct_rdma_choice choice = { NULL, 0, set->gid };

	return ct_rdma_table(&choice, line, arg);
}

/* ---- progress ------------------------------------------------------------------------------ */

static void activate_all(struct ct_verbs *v)
{
	for (uint32_t r = 0; r < v->world->nranks; r++)
		activate(v, r);
}

static void reap_failed(struct ct_verbs *v, const struct ct_verbs_id *id, const struct ibv_wc *wc)
{
	const struct ct_verbs_peer *p = &v->peers[id->peer];

	/* A flush has a reason, and the event that tells it may be there. */
	if (wc->status == IBV_WC_WR_FLUSH_ERR && ct_verbs_events(v, true))
		activate_all(v);
	if (p->broken == CT_OK && !p->lane[id->lane].dead)
		ct_verbs_lose(v, id->peer, ct_verbs_rail_of(v, id->lane),
			ct_verbs_explain(v, id->peer, id->lane, wc));
	activate(v, id->peer);
}

/* A shared receive says only by its queue pair whose it was; false: what came is nobody's any more,
 * and its place is free again. */
static bool find_owner(struct ct_verbs *v, uint32_t rail, const struct ibv_wc *wc,
	struct ct_verbs_id *id)
{
	bool known = ct_verbs_whose(v, rail, wc->qp_num, &id->peer, &id->lane);

	if (known && wc->status == IBV_WC_SUCCESS && v->peers[id->peer].broken == CT_OK)
		return true;
	(void)ct_verbs_share(v, rail, id->info);
	return known;
}

static void reap(struct ct_verbs *v, uint32_t rail, const struct ibv_wc *wc)
{
	struct ct_verbs_id id = ct_verbs_unpack(wc->wr_id);
	struct ct_verbs_peer *p;
	struct ct_verbs_lane *lane;
	ct_status s = CT_OK;

	if (v->npool > 0 && id.work == CT_VERBS_RECEIVED && !find_owner(v, rail, wc, &id))
		return;
	p = &v->peers[id.peer];
	lane = &p->lane[id.lane];
	if (p->broken != CT_OK || (lane->dead && (wc->status != IBV_WC_SUCCESS || !p->lose.on)))
		return;
	if (wc->status != IBV_WC_SUCCESS) {
		reap_failed(v, &id, wc);
		return;
	}
	if (id.work != CT_VERBS_RECEIVED) {
		lane->used -= id.requests;
		if (!lane->dead)
			p->slots_used -= id.slots;
	}
	if (p->link == CT_VERBS_HALF)
		ct_verbs_open_to(v, id.peer);
	if (id.work == CT_VERBS_WRITTEN)
		ct_verbs_written(v, &id);
	if (id.work == CT_VERBS_RECEIVED)
		s = ct_verbs_came(v, &id, wc);
	if (s != CT_OK)
		ct_verbs_break(v, id.peer, s);
	activate(v, id.peer);
}

static ct_status verbs_poll(void *self)
{
	struct ct_verbs *v = self;
	struct ibv_wc wc[REAP];
	uint32_t kept = 0, cost = IDLE_POLL;
	ct_status late;

	for (uint32_t rail = 0; rail < v->nrails; rail++) {
		int n = ibv_poll_cq(v->rail[rail].cq, REAP, wc);

		if (n < 0)
			return ct_fail(CT_IO, "verbs: %s: the completion queue fails (%d)",
				v->rail[rail].dev.name, n);
		for (int i = 0; i < n; i++)
			reap(v, rail, &wc[i]);
		if (n > 0)
			cost = BUSY_POLL;
	}
	if (v->lazy != NULL) {
		ct_status s = ct_verbs_lazy_poll(v);

		if (s != CT_OK)
			return s;
	}
	if (v->patience > cost)
		v->patience -= cost;
	else if (ct_verbs_events(v, false))
		activate_all(v);
	for (uint32_t i = 0; i < v->nactive; i++) {
		struct ct_verbs_peer *p = &v->peers[v->active[i]];
		ct_status s = p->broken == CT_OK ? ct_verbs_progress(v, v->active[i]) : CT_OK;

		if (s != CT_OK)
			ct_verbs_break(v, v->active[i], s);
		p->active = p->broken == CT_OK && ct_verbs_has_work(p);
		if (p->active)
			v->active[kept++] = v->active[i];
	}
	v->nactive = kept;
	ct_verbs_go(v);
	if (v->late == CT_OK)
		return CT_OK;
	late = v->late;
	v->late = CT_OK;
	return ct_fail(late, "%s", v->late_why);
}

static void post_to(struct ct_verbs *v, struct ct_net_req *req)
{
	struct ct_verbs_peer *p = &v->peers[req->peer];
	ct_status s;

	if (p->broken != CT_OK) {
		req->status = ct_fail(p->broken, "%s", p->why);
		return;
	}
	req->key = 0;
	req->done = req->kind == CT_NET_SEND ? 0 : p->post_number++;
	ct_fifo_push(req->kind == CT_NET_SEND ? &p->sends : &p->recvs, req);
	if (req->kind == CT_NET_RECV && p->ungranted == NULL)
		p->ungranted = req;
	s = v->lazy != NULL ? ct_verbs_ask(v, req->peer) : CT_OK;
	if (s == CT_OK)
		s = ct_verbs_progress(v, req->peer);
	if (s != CT_OK)
		ct_verbs_break(v, req->peer, s);
	activate(v, req->peer);
}

static ct_status verbs_post(void *self, struct ct_net_req *req)
{
	struct ct_verbs *v = self;
	bool more = req->more;

	if (req->peer >= v->world->nranks)
		return ct_fail(CT_INVALID, "no rank %u: this job has %u ranks", req->peer,
			v->world->nranks);
	if (req->peer == v->world->rank)
		ct_loop_post(&v->loop, req);
	else
		post_to(v, req);
	if (!more)
		ct_verbs_go(v);
	return CT_OK;
}

/* The module's table in lib/coll/verbs_module.c points here; no header is shared by both sides. */
extern const struct ct_net_ops ct_net_verbs;
const struct ct_net_ops ct_net_verbs = {
	.abi = CT_NET_ABI,
	.name = "verbs",
	.summary = CT_VERBS_SUMMARY,
	.options = options,
	.settings_bytes = sizeof(struct ct_verbs_settings),
	.open = verbs_open,
	.close = verbs_close,
	.query = verbs_query,
	.address = verbs_address,
	.connect = verbs_connect,
	.ready = verbs_ready,
	.reg = ct_verbs_reg,
	.reg_mem = ct_verbs_reg_mem,
	.dereg = ct_verbs_dereg,
	.post = verbs_post,
	.poll = verbs_poll,
	.describe = verbs_describe,
};
