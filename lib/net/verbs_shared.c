/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receives that all peers of a rail share. A receive is no peer's until a message has come: the
 * number of its queue pair tells whose it is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "verbs.h"

void ct_verbs_shared_plan(struct ct_verbs *v)
{
	const struct ct_verbs_settings *s = &v->set;
	uint64_t wanted = (uint64_t)CT_VERBS_POOL_PEER * (v->world->nranks - 1);

	v->npool = 0;
	if (s->srq == 0 || v->world->nranks < s->srq || v->world->nranks < 2 || s->rail_failover)
		return;
	wanted = wanted < CT_VERBS_POOL_LEAST ? CT_VERBS_POOL_LEAST : wanted;
	v->npool = (uint32_t)(wanted < CT_VERBS_POOL ? wanted : CT_VERBS_POOL);
	for (uint32_t i = 0; i < v->nrails; i++) {
		const struct ct_rdma_device *dev = &v->rail[i].dev;

		if (dev->attr.max_srq > 0 && dev->attr.max_srq_wr >= CT_VERBS_POOL_LEAST) {
			if (v->npool > (uint32_t)dev->attr.max_srq_wr)
				v->npool = (uint32_t)dev->attr.max_srq_wr;
			continue;
		}
		ct_log(CT_LOG_WARN, CT_AREA_NET,
			"verbs: %s has no shared receive queue of %d (max_srq %d, "
			"max_srq_wr %d): each queue pair gets receives of its own",
			dev->name, CT_VERBS_POOL_LEAST, dev->attr.max_srq, dev->attr.max_srq_wr);
		v->npool = 0;
		return;
	}
}

static ct_status make_table(struct ct_verbs *v)
{
	uint64_t pairs = (uint64_t)(v->world->nranks - 1) * v->nlanes;

	if (v->known != NULL)
		return CT_OK;
	for (v->nknown = 2; v->nknown < 2 * pairs; v->nknown *= 2)
		continue;
	v->known = ct_alloc(v->nknown, sizeof(*v->known));
	return v->known != NULL ? CT_OK : CT_NOMEM;
}

ct_status ct_verbs_shared_make(struct ct_verbs *v, uint32_t i)
{
	struct ct_verbs_rail *rail = &v->rail[i];
	struct ibv_srq_init_attr init = { .attr = { .max_wr = v->npool, .max_sge = 1 } };
	uint64_t bytes = (uint64_t)v->npool * CT_VERBS_SLOT;
	ct_status s = make_table(v);

	if (s == CT_OK)
		s = ct_verbs_pool(v, bytes, &rail->pool_mem);
	if (s != CT_OK)
		return s;
	rail->pool.at = rail->pool_mem.at;
	rail->pool.mr[i] = ibv_reg_mr(rail->pd, rail->pool.at, bytes, IBV_ACCESS_LOCAL_WRITE);
	if (rail->pool.mr[i] == NULL)
		return ct_rdma_reg_failed(&rail->dev, bytes, errno);
	rail->srq = ibv_create_srq(rail->pd, &init);
	if (rail->srq == NULL)
		return ct_fail(CT_IO, "verbs: device %s gives no shared receive queue of %u: %s",
			rail->dev.name, v->npool, strerror(errno));
	for (uint32_t slot = 0; s == CT_OK && slot < v->npool; slot++)
		s = ct_verbs_share(v, i, slot);
	ct_verbs_go(v);
	return s == CT_OK && v->late != CT_OK ? ct_fail(v->late, "%s", v->late_why) : s;
}

void ct_verbs_shared_unmake(struct ct_verbs *v, uint32_t i)
{
	struct ct_verbs_rail *rail = &v->rail[i];

	if (rail->srq != NULL)
		(void)ibv_destroy_srq(rail->srq);
	ct_verbs_region_end(&rail->pool);
	ct_mem_free(&rail->pool_mem);
}

/* ---- whose ---------------------------------------------------------------------------------- */

/* Two devices may give the same number. */
static uint32_t first_place(const struct ct_verbs *v, uint32_t rail, uint32_t qpn)
{
	return (qpn * 2654435761u + rail * 40503u) & (v->nknown - 1);
}

void ct_verbs_know(struct ct_verbs *v, uint32_t peer, uint32_t lane)
{
	uint32_t rail = ct_verbs_rail_of(v, lane), qpn = v->peers[peer].lane[lane].qp->qp_num;
	uint32_t i = first_place(v, rail, qpn);

	while (v->known[i].used != 0)
		i = (i + 1) & (v->nknown - 1);
	v->known[i] = (struct ct_verbs_known){ qpn, peer, (uint16_t)lane, 1 };
}

bool ct_verbs_whose(const struct ct_verbs *v, uint32_t rail, uint32_t qpn, uint32_t *peer,
	uint32_t *lane)
{
	for (uint32_t i = first_place(v, rail, qpn); v->known[i].used != 0;
		i = (i + 1) & (v->nknown - 1)) {
		if (v->known[i].qpn != qpn || ct_verbs_rail_of(v, v->known[i].lane) != rail)
			continue;
		*peer = v->known[i].peer;
		*lane = v->known[i].lane;
		return true;
	}
	return false;
}

/* ---- what cannot stay there ----------------------------------------------------------------- */

ct_status ct_verbs_keep(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	uint32_t place = (p->first_arrived + p->narrived - 1) % v->slots, entry = p->arrived[place];
	uint32_t rail = entry >> 16, slot = entry & 0xffff;
	struct ct_verbs_head head;
	const char *at = ct_verbs_slot(v, p, rail, slot);

	if (p->kept == NULL)
		p->kept = ct_alloc(v->slots, CT_VERBS_SLOT);
	if (p->kept == NULL)
		return CT_NOMEM;
	memcpy(&head, at, sizeof(head));
	memcpy(p->kept + (size_t)place * CT_VERBS_SLOT, at, CT_VERBS_HEAD + head.bytes);
	p->arrived[place] = (uint32_t)CT_VERBS_KEPT << 16 | place;
	return ct_verbs_share(v, rail, slot);
}
