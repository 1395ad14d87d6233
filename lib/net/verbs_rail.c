/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Going on without a rail. An RDMA write may be repeated as long as the receiver has not handed the
 * buffer to its owner; afterwards a late or repeated write would destroy what the owner put there.
 * So nothing is repeated on suspicion. Each end of a pair
 *   1. ends its queue pairs on the lost rail: nothing that still travels is placed any more;
 *   2. takes what had arrived before from the completion queue;
 *   3. tells the other end over another rail which place of the stream it expects next and which
 *      parts of which messages it has;
 *   4. having heard the same from the other end, sends again exactly what that one lacks.
 * The stream's slots stay as they were until the receiver returned their credits, so what it lacks
 * is still there. If the main rail is lost, the next one that is left takes its place; its slots
 * and credits are fresh. A second rail lost before the first has been dealt with breaks the pair.
 */
#include <stdio.h>

#include "verbs.h"

enum { QUIET_NS = 20000000 };

/* The rail of the stream once the rails of mask LOST are gone; v->nrails: none is left. */
static uint32_t main_without(const struct ct_verbs *v, const struct ct_verbs_peer *p, uint32_t lost)
{
	uint32_t rail = p->main;

	while (rail < v->nrails && (lost >> rail & 1) != 0)
		rail++;
	for (uint32_t i = 0; rail == v->nrails && i < v->nrails; i++)
		if ((lost >> i & 1) == 0)
			rail = i;
	return rail;
}

static void say(struct ct_verbs *v, uint32_t peer, uint32_t rail, uint32_t main)
{
	struct ct_verbs_rail *r = &v->rail[rail];

	ct_log(r->said ? CT_LOG_INFO : CT_LOG_WARN, CT_AREA_NET,
		"verbs: rail %s port %u to rank %u is "
		"lost, going on over %s port %u and what is left: %s",
		r->dev.name, r->dev.port, peer, v->rail[main].dev.name, v->rail[main].dev.port,
		ct_why());
	r->said = true;
}

void ct_verbs_lose(struct ct_verbs *v, uint32_t peer, uint32_t rail, ct_status s)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ibv_qp_attr end = { .qp_state = IBV_QPS_ERR };
	uint32_t main = main_without(v, p, p->lost | 1u << rail);

	if (p->broken != CT_OK || (p->lost >> rail & 1) != 0 ||
		(p->lose.on && p->lose.rail == rail))
		return;
	if (!v->set.rail_failover || p->lose.on || main == v->nrails) {
		ct_verbs_break(v, peer, s);
		return;
	}
	say(v, peer, rail, main);
	for (uint32_t i = 0; i < v->nlanes; i++) {
		if (ct_verbs_rail_of(v, i) != rail)
			continue;
		(void)ibv_modify_qp(p->lane[i].qp, &end, IBV_QP_STATE);
		p->lane[i].dead = true;
	}
	p->lose = (struct ct_verbs_recovery){ .on = true, .rail = rail,
		.quiet_ns = ct_now_ns() + QUIET_NS };
}

static ct_status tell(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	struct ct_verbs_report report = { .rail = p->lose.rail, .seq = p->recv_seq,
		.number = p->recv_number, .ndues = p->ndues };
	ct_status s;

	for (uint32_t i = 0; i < p->ndues; i++)
		report.due[i] = p->due[(p->first_due + i) % CT_VERBS_GRANTS];
	p->lose.moved = p->main == p->lose.rail;
	if (p->lose.moved) {
		p->main = main_without(v, p, p->lost | 1u << p->lose.rail);
		p->credits = v->slots;
		p->owed = 0;
		p->slots_used = 0;
	}
	s = ct_verbs_send_report(v, peer, &report);
	p->lose.told = s == CT_OK;
	return s;
}

/* Does the peer have PART of message L? */
static bool has(const struct ct_verbs_report *report, const struct ct_verbs_large *l, uint32_t part)
{
	if ((int32_t)(l->number - report->number) < 0)
		return true;
	for (uint32_t i = 0; i < report->ndues; i++)
		if (report->due[i].number == l->number)
			return (report->due[i].got >> part & 1) != 0;
	return false;
}

/* Parts that were on the lost rail: there, or to be written on another. */
static void deal_again(struct ct_verbs *v, struct ct_verbs_peer *p)
{
	uint32_t n = p->nlarge, first = p->first_large;

	for (uint32_t i = 0; i < n; i++) {
		struct ct_verbs_large *l = &p->large[(first + i) % CT_VERBS_GRANTS];

		for (uint32_t k = 0; l->left > 0 && k < l->nparts; k++) {
			struct ct_verbs_part *part = &l->part[k];

			if (part->state == CT_VERBS_THERE || !p->lane[part->lane].dead)
				continue;
			if (has(&p->lose.report, l, k)) {
				ct_verbs_part_there(v, p, l, k);
				continue;
			}
			do
				part->lane = (uint8_t)((part->lane + 1u) % v->nlanes);
			while (p->lane[part->lane].dead);
			part->done = 0;
			part->state = CT_VERBS_WAITS;
			p->parts_wait = true;
		}
	}
}

static ct_status finish(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	p->lost |= 1u << p->lose.rail;
	p->lose.on = false;
	deal_again(v, p);
	return p->lose.moved ? ct_verbs_send_again(v, peer, p->lose.report.seq) : CT_OK;
}

ct_status ct_verbs_recover(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	ct_status s = CT_OK;

	if (!p->lose.told && ct_now_ns() >= p->lose.quiet_ns)
		s = tell(v, peer);
	return s == CT_OK && p->lose.told && p->lose.heard ? finish(v, peer) : s;
}

ct_status ct_verbs_heard(struct ct_verbs *v, uint32_t peer, const struct ct_verbs_report *report)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	if (report->rail >= v->nrails || report->ndues > CT_VERBS_GRANTS ||
		p->send_seq - report->seq > v->slots || !v->set.rail_failover)
		return ct_fail(
			CT_CORRUPT, "verbs: rank %u reports a lost rail that cannot be", peer);
	if (!p->lose.on)
		ct_verbs_lose(v, peer, report->rail,
			ct_fail(CT_PEER, "rank %u says that it has lost it", peer));
	if (p->broken != CT_OK)
		return p->broken;
	if (p->lose.rail != report->rail || p->lose.heard)
		return ct_fail(CT_PEER, "verbs: rank %u has lost rails %s and %s at once", peer,
			v->rail[p->lose.rail].dev.name, v->rail[report->rail].dev.name);
	p->lose.heard = true;
	p->lose.report = *report;
	return p->lose.told ? finish(v, peer) : CT_OK;
}
