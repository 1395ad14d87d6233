/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections made at first use, for jobs of many ranks. Each rank has one datagram queue pair
 * whose number is part of its address. Who has something to send to or to expect from a peer makes
 * its queue pairs and asks; the asked one makes and connects its own and answers; the first
 * connects and confirms. Datagrams may be lost: what is not answered is said again. Sending begins
 * once the other end is known to be connected, since a reliable connection takes a packet that
 * meets none for a lost one, and waits long.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "verbs.h"

enum {
	HEARD = 128,
	SAID = 32,
	GRH = 40,
	HELLO_SLOT = 256,
	AGAIN_NS = 100000000,
	QKEY = 0x0c0117e5
};

enum hello_kind { ASK = 1, ANSWER, CONFIRM };

struct hello {
	uint32_t magic, token; /* token: the receiver's, from its address */
	uint32_t kind, from, nlanes, unused;
	uint32_t qpn[CT_VERBS_LANES];
};

_Static_assert(sizeof(struct hello) + GRH <= HELLO_SLOT, "hello too long");

struct ct_verbs_lazy {
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	struct ibv_mr *mr;
	char *memory; /* HEARD slots, then SAID slots */
	struct ibv_ah **ways; /* per peer */
	uint64_t *again_ns;   /* per peer: when to say it again; 0 = nothing to say */
	uint32_t next, saying, asking;
};

static char *slot_of(const struct ct_verbs_lazy *l, uint32_t slot)
{
	return l->memory + (size_t)slot * HELLO_SLOT;
}

static ct_status failed(const struct ct_verbs *v, const char *what, int error)
{
	return ct_fail(CT_IO, "verbs: %s port %u: datagram queue pair for connecting: %s: %s",
		v->rail[0].dev.name, v->rail[0].dev.port, what, strerror(error));
}

static ct_status listen_to(const struct ct_verbs *v, uint32_t slot)
{
	const struct ct_verbs_lazy *l = v->lazy;
	struct ibv_sge piece = { (uintptr_t)slot_of(l, slot), HELLO_SLOT, l->mr->lkey };
	struct ibv_recv_wr *bad, wr = { .wr_id = slot, .sg_list = &piece, .num_sge = 1 };
	int error = ibv_post_recv(l->qp, &wr, &bad);

	return error == 0 ? CT_OK : failed(v, "ibv_post_recv", error);
}

static ct_status make_qp(struct ct_verbs *v)
{
	struct ct_verbs_lazy *l = v->lazy;
	struct ibv_qp_init_attr init = { .send_cq = l->cq, .recv_cq = l->cq, .qp_type = IBV_QPT_UD,
		.cap = { SAID, HEARD, 1, 1, 0 } };
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = v->rail[0].dev.port,
		.qkey = QKEY };
	int error;

	l->qp = ibv_create_qp(v->rail[0].pd, &init);
	if (l->qp == NULL)
		return failed(v, "ibv_create_qp", errno);
	error = ibv_modify_qp(l->qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
		IBV_QP_QKEY);
	attr.qp_state = IBV_QPS_RTR;
	if (error == 0)
		error = ibv_modify_qp(l->qp, &attr, IBV_QP_STATE);
	attr.qp_state = IBV_QPS_RTS;
	if (error == 0)
		error = ibv_modify_qp(l->qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN);
	return error == 0 ? CT_OK : failed(v, "ibv_modify_qp", error);
}

ct_status ct_verbs_lazy_make(struct ct_verbs *v)
{
	struct ct_verbs_lazy *l = ct_alloc(1, sizeof(*l));
	size_t bytes = (size_t)(HEARD + SAID) * HELLO_SLOT;
	ct_status s;

	v->lazy = l;
	if (l == NULL)
		return CT_NOMEM;
	l->ways = ct_alloc(v->world->nranks, sizeof(struct ibv_ah *));
	l->again_ns = ct_alloc(v->world->nranks, sizeof(*l->again_ns));
	l->memory = ct_alloc_pages(bytes);
	if (l->ways == NULL || l->again_ns == NULL || l->memory == NULL)
		return CT_NOMEM;
	l->mr = ibv_reg_mr(v->rail[0].pd, l->memory, bytes, IBV_ACCESS_LOCAL_WRITE);
	if (l->mr == NULL)
		return ct_rdma_reg_failed(&v->rail[0].dev, bytes, errno);
	l->cq = ibv_create_cq(v->rail[0].dev.context, HEARD + SAID + 1, NULL, NULL, 0);
	if (l->cq == NULL)
		return failed(v, "ibv_create_cq", errno);
	s = make_qp(v);
	for (uint32_t i = 0; s == CT_OK && i < HEARD; i++)
		s = listen_to(v, i);
	return s;
}

void ct_verbs_lazy_unmake(struct ct_verbs *v)
{
	struct ct_verbs_lazy *l = v->lazy;

	if (l == NULL)
		return;
	if (l->qp != NULL)
		(void)ibv_destroy_qp(l->qp);
	for (uint32_t i = 0; l->ways != NULL && i < v->world->nranks; i++)
		if (l->ways[i] != NULL)
			(void)ibv_destroy_ah(l->ways[i]);
	if (l->cq != NULL)
		(void)ibv_destroy_cq(l->cq);
	if (l->mr != NULL)
		(void)ibv_dereg_mr(l->mr);
	ct_free(l->memory);
	ct_free(l->again_ns);
	ct_free(l->ways);
	ct_free(l);
	v->lazy = NULL;
}

uint32_t ct_verbs_lazy_qpn(const struct ct_verbs *v)
{
	return v->lazy != NULL ? v->lazy->qp->qp_num : 0;
}

/* Says KIND to PEER, or leaves it for later when nothing more can be said now. */
static ct_status say(struct ct_verbs *v, uint32_t peer, enum hello_kind kind)
{
	struct ct_verbs_lazy *l = v->lazy;
	struct ct_verbs_peer *p = &v->peers[peer];
	struct hello hello = { .magic = CT_VERBS_MAGIC, .token = p->card.token, .kind = kind,
		.from = v->world->rank, .nlanes = v->nlanes };
	struct ibv_sge piece = { 0, sizeof(hello), l->mr->lkey };
	struct ibv_send_wr *bad, wr = { .wr_id = HEARD, .sg_list = &piece, .num_sge = 1,
		.opcode = IBV_WR_SEND, .send_flags = IBV_SEND_SIGNALED };
	struct ibv_ah_attr way = ct_verbs_way(v, p, 0);
	char *slot = slot_of(l, HEARD + l->next);
	int error;

	l->again_ns[peer] = kind == CONFIRM ? 0 : ct_now_ns() + AGAIN_NS;
	if (l->saying == SAID)
		return CT_OK;
	if (l->ways[peer] == NULL)
		l->ways[peer] = ibv_create_ah(v->rail[0].pd, &way);
	if (l->ways[peer] == NULL)
		return ct_fail(CT_PEER, "verbs: %s port %u finds no way to rank %u on %s: %s",
			v->rail[0].dev.name, v->rail[0].dev.port, peer, p->card.rail[0].device,
			strerror(errno));
	for (uint32_t i = 0; i < v->nlanes; i++)
		hello.qpn[i] = p->lane[i].qp->qp_num;
	memcpy(slot, &hello, sizeof(hello));
	piece.addr = (uintptr_t)slot;
	wr.wr.ud.ah = l->ways[peer];
	wr.wr.ud.remote_qpn = p->card.lazy_qpn;
	wr.wr.ud.remote_qkey = QKEY;
	error = ibv_post_send(l->qp, &wr, &bad);
	if (error != 0)
		return failed(v, "ibv_post_send", error);
	l->next = (l->next + 1) % SAID;
	l->saying++;
	return CT_OK;
}

ct_status ct_verbs_ask(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];
	ct_status s;

	if (p->link != CT_VERBS_APART)
		return CT_OK;
	s = ct_verbs_make_peer(v, peer);
	if (s != CT_OK)
		return s;
	p->link = CT_VERBS_ASKED;
	v->lazy->asking++;
	return say(v, peer, ASK);
}

void ct_verbs_open_to(struct ct_verbs *v, uint32_t peer)
{
	struct ct_verbs_peer *p = &v->peers[peer];

	if (p->link != CT_VERBS_HALF)
		return;
	p->link = CT_VERBS_LINKED;
	p->credits = v->slots;
	v->lazy->again_ns[peer] = 0;
	v->lazy->asking--;
}

/* Connects this end by what HELLO says. */
static ct_status connect_by(struct ct_verbs *v, const struct hello *hello)
{
	struct ct_verbs_peer *p = &v->peers[hello->from];
	ct_status s = CT_OK;

	if (p->link == CT_VERBS_APART) {
		s = ct_verbs_make_peer(v, hello->from);
		v->lazy->asking += s == CT_OK;
		p->link = s == CT_OK ? CT_VERBS_ASKED : p->link;
	}
	if (s != CT_OK || p->link != CT_VERBS_ASKED)
		return s;
	for (uint32_t i = 0; i < v->nlanes; i++)
		p->lane[i].qpn = hello->qpn[i];
	s = ct_verbs_link(v, hello->from);
	p->credits = 0; /* until the other end is known to be connected */
	p->link = CT_VERBS_HALF;
	return s;
}

static ct_status heard(struct ct_verbs *v, const char *at, uint32_t bytes)
{
	struct hello hello;
	ct_status s;

	/* Anybody may send a datagram: what is not of this job is passed over. */
	if (bytes != GRH + sizeof(hello))
		return CT_OK;
	memcpy(&hello, at + GRH, sizeof(hello));
	if (hello.magic != CT_VERBS_MAGIC || hello.token != v->token ||
		hello.from >= v->world->nranks || hello.from == v->world->rank ||
		hello.nlanes != v->nlanes || v->peers[hello.from].broken != CT_OK)
		return CT_OK;
	switch (hello.kind) {
	case ASK:
		s = connect_by(v, &hello);
		if (s == CT_OK)
			s = say(v, hello.from, ANSWER);
		break;
	case ANSWER:
		s = connect_by(v, &hello);
		ct_verbs_open_to(v, hello.from);
		if (s == CT_OK)
			s = say(v, hello.from, CONFIRM);
		break;
	default:
		s = CT_OK;
		ct_verbs_open_to(v, hello.from);
	}
	if (s != CT_OK)
		ct_verbs_break(v, hello.from, s);
	return CT_OK;
}

/* What was not answered. */
static void say_again(struct ct_verbs *v)
{
	struct ct_verbs_lazy *l = v->lazy;
	uint64_t now = ct_now_ns();

	for (uint32_t r = 0; r < v->world->nranks; r++) {
		ct_status s;

		if (l->again_ns[r] == 0 || now < l->again_ns[r] || v->peers[r].broken != CT_OK)
			continue;
		if (v->peers[r].link == CT_VERBS_LINKED) {
			l->again_ns[r] = 0;
			continue;
		}
		s = say(v, r, v->peers[r].link == CT_VERBS_ASKED ? ASK : ANSWER);
		if (s != CT_OK)
			ct_verbs_break(v, r, s);
	}
}

ct_status ct_verbs_lazy_poll(struct ct_verbs *v)
{
	struct ct_verbs_lazy *l = v->lazy;
	struct ibv_wc wc[8];
	ct_status s = CT_OK;
	int n = ibv_poll_cq(l->cq, 8, wc);

	if (n < 0)
		return failed(v, "ibv_poll_cq", errno);
	for (int i = 0; i < n && s == CT_OK; i++) {
		if (wc[i].wr_id == HEARD) { /* a failed one is said again */
			l->saying--;
			continue;
		}
		if (wc[i].status != IBV_WC_SUCCESS)
			continue;
		s = heard(v, slot_of(l, (uint32_t)wc[i].wr_id), wc[i].byte_len);
		if (s == CT_OK)
			s = listen_to(v, (uint32_t)wc[i].wr_id);
	}
	if (s == CT_OK && l->asking > 0 && n == 0)
		say_again(v);
	return s;
}
