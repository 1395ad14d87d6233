/* SPDX-License-Identifier: BSD-3-Clause */
/* Queue pairs: making, changing, asking. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

static uint32_t power(uint32_t least)
{
	uint32_t n = 16;

	while (n < least)
		n *= 2;
	return n;
}

/* ---- receives ------------------------------------------------------------------------------ */

bool ct_fake_recvs_make(struct fake_fabric *f, struct fake_recvs *r, uint32_t limit, uint32_t sges)
{
	*r = (struct fake_recvs){ .limit = limit, .max_sge = sges, .size = power(limit),
		.stride = (uint32_t)(sizeof(struct fake_recv) + sges * sizeof(struct ibv_sge)) };
	if (limit > 0)
		r->ring = ct_fake_arena_take(f, (uint64_t)r->size * r->stride, &r->pages);
	return limit == 0 || r->ring != 0;
}

void ct_fake_recvs_free(struct fake_fabric *f, struct fake_recvs *r)
{
	ct_fake_arena_give(f, r->ring, r->pages);
	r->ring = 0;
}

int ct_fake_recvs_post(struct fake_fabric *f, struct fake_recvs *r, const struct ibv_recv_wr *wr)
{
	struct fake_recv *to;

	if (r->tail - r->head >= r->limit)
		return ENOMEM;
	if (wr->num_sge < 0 || (uint32_t)wr->num_sge > r->max_sge)
		return EINVAL;
	to = ct_fake_recv_at(f, r, r->tail++);
	to->wr_id = wr->wr_id;
	to->nsge = (uint32_t)wr->num_sge;
	for (uint32_t i = 0; i < to->nsge; i++)
		to->sge[i] = wr->sg_list[i];
	return 0;
}

/* ---- making -------------------------------------------------------------------------------- */

static struct fake_qp *new_qp(struct fake_fabric *f, struct fake_device *d)
{
	for (uint32_t n = 0; d->nqp < d->limits.max_qp && n < FAKE_QPS; n++) {
		uint32_t i = f->next_qp = (f->next_qp + 1) % FAKE_QPS;
		struct fake_qp *qp = &f->qps[i];
		uint32_t generation = qp->generation + 1;

		if (i < FAKE_FIRST_QP || qp->live)
			continue;
		*qp = (struct fake_qp){ .live = 1, .generation = generation,
			.qpn = (generation & 0x3ff) << 14 | i, .state = IBV_QPS_RESET };
		d->nqp++;
		if (i >= f->top_qp)
			f->top_qp = i + 1;
		return qp;
	}
	return NULL;
}

struct fake_qp *ct_fake_find_qp(struct fake_fabric *f, uint32_t qpn)
{
	struct fake_qp *qp = &f->qps[qpn & (FAKE_QPS - 1)];

	return qp->live && qp->qpn == qpn ? qp : NULL;
}

static int check_cap(const struct fake_limits *l, const struct ibv_qp_init_attr_ex *init)
{
	const struct ibv_qp_cap *c = &init->cap;

	if (init->qp_type != IBV_QPT_RC && init->qp_type != IBV_QPT_UC && init->qp_type != IBV_QPT_UD)
		return EOPNOTSUPP;
	if (init->send_cq == NULL || init->recv_cq == NULL || c->max_send_wr > l->max_qp_wr ||
		c->max_recv_wr > l->max_qp_wr || c->max_send_sge > l->max_sge ||
		c->max_recv_sge > l->max_sge || c->max_inline_data > l->max_inline)
		return EINVAL;
	return 0;
}

static struct fake_sender *new_sender(const struct ibv_qp_init_attr_ex *init)
{
	struct fake_sender *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->limit = init->cap.max_send_wr;
	q->size = power(q->limit);
	q->max_inline = init->cap.max_inline_data;
	q->max_sge = init->cap.max_send_sge;
	q->sig_all = init->sq_sig_all != 0;
	q->wqes = calloc(q->size, sizeof(*q->wqes));
	if (q->wqes == NULL) {
		free(q);
		return NULL;
	}
	return q;
}

static void fill(struct fake_sender *q, const struct fake_qp *s, struct ibv_context *context,
	const struct ibv_qp_init_attr_ex *init)
{
	q->ex.qp_base = (struct ibv_qp){ .context = context, .qp_context = init->qp_context,
		.pd = init->pd, .send_cq = init->send_cq, .recv_cq = init->recv_cq, .srq = init->srq,
		.handle = q->index, .qp_num = s->qpn, .state = IBV_QPS_RESET, .qp_type = init->qp_type };
	pthread_mutex_init(&q->ex.qp_base.mutex, NULL);
	pthread_cond_init(&q->ex.qp_base.cond, NULL);
	ct_fake_wr_functions(&q->ex);
}

static struct ibv_qp *refuse(struct fake_sender *q, int error)
{
	if (q != NULL)
		free(q->wqes);
	free(q);
	errno = error;
	return NULL;
}

struct ibv_qp *ct_fake_create_qp_ex(struct ibv_context *context, struct ibv_qp_init_attr_ex *init)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_device *d = ct_fake_device(f, context);
	int error = check_cap(&d->limits, init);
	struct fake_sender *q;
	struct fake_qp *s;

	if (error != 0 || (init->comp_mask & IBV_QP_INIT_ATTR_PD) == 0 || (init->comp_mask &
		~(uint32_t)(IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS)) != 0)
		return refuse(NULL, error != 0 ? error : EOPNOTSUPP);
	q = new_sender(init);
	if (q == NULL)
		return refuse(NULL, ENOMEM);
	ct_fake_lock(f);
	s = new_qp(f, d);
	if (s != NULL && !ct_fake_recvs_make(f, &s->recvs, init->srq != NULL ? 0 : init->cap.max_recv_wr,
		init->cap.max_recv_sge)) {
		d->nqp--;
		s->live = 0;
		s = NULL;
	}
	if (s == NULL) {
		ct_fake_unlock(f);
		return refuse(q, ENOMEM);
	}
	s->context = ct_fake_of(context)->index;
	s->device = ct_fake_of(context)->handle.index;
	s->pd = init->pd->handle;
	s->type = init->qp_type;
	s->send_cq = init->send_cq->handle;
	s->recv_cq = init->recv_cq->handle;
	s->srq = init->srq != NULL ? init->srq->handle : 0;
	s->user = (uintptr_t)q;
	s->cap = init->cap;
	q->index = (uint32_t)(s - f->qps);
	fill(q, s, context, init);
	ct_fake_unlock(f);
	return &q->ex.qp_base;
}

struct ibv_qp *ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *init)
{
	struct ibv_qp_init_attr_ex ex = { .qp_context = init->qp_context, .send_cq = init->send_cq,
		.recv_cq = init->recv_cq, .srq = init->srq, .cap = init->cap, .qp_type = init->qp_type,
		.sq_sig_all = init->sq_sig_all, .comp_mask = IBV_QP_INIT_ATTR_PD, .pd = pd };

	return ct_fake_create_qp_ex(pd->context, &ex);
}

struct ibv_qp_ex *ibv_qp_to_qp_ex(struct ibv_qp *qp)
{
	return (struct ibv_qp_ex *)qp;
}

void ct_fake_free_qp(struct fake_fabric *f, struct fake_qp *qp)
{
	ct_fake_recvs_free(f, &qp->recvs);
	qp->live = 0;
	f->devices[qp->device].nqp--;
}

int ibv_destroy_qp(struct ibv_qp *qp)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_sender *q = (struct fake_sender *)qp;
	struct fake_qp *s = &f->qps[q->index];

	ct_fake_lock(f);
	ct_fake_stop_waiting(q);
	ct_fake_forget(f, s->send_cq, q->index);
	ct_fake_forget(f, s->recv_cq, q->index);
	ct_fake_free_qp(f, s);
	ct_fake_unlock(f);
	free(q->wqes);
	free(q);
	return 0;
}

/* ---- changing ------------------------------------------------------------------------------ */

/* Flushes what the queue pair holds of receives; its owner flushes the sends. */
void ct_fake_to_error(struct fake_fabric *f, struct fake_qp *s)
{
	struct fake_recvs *r = &s->recvs;
	bool was = s->state == IBV_QPS_ERR;

	s->state = IBV_QPS_ERR;
	for (; r->head != r->tail; r->head++) {
		struct fake_cqe c = { .qp = (uint32_t)(s - f->qps), .wc = {
			.wr_id = ct_fake_recv_at(f, r, r->head)->wr_id, .status = IBV_WC_WR_FLUSH_ERR,
			.opcode = IBV_WC_RECV, .vendor_err = ct_fake_vendor(IBV_WC_WR_FLUSH_ERR),
			.qp_num = s->qpn } };

		ct_fake_complete(f, s->recv_cq, &c);
	}
	if (!was && s->srq != 0)
		ct_fake_event(f, s->context, IBV_EVENT_QP_LAST_WQE_REACHED, (uint32_t)(s - f->qps));
}

/* Attributes that a change from state FROM to TO must bring, by type of queue pair: RC, UC, UD. */
static const struct step {
	enum ibv_qp_state from, to;
	int rc, uc, ud;
} steps[] = {
	{ IBV_QPS_RESET, IBV_QPS_INIT, IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS,
		IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS,
		IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY },
	{ IBV_QPS_INIT, IBV_QPS_RTR, IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
		IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER,
		IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN, 0 },
	{ IBV_QPS_RTR, IBV_QPS_RTS, IBV_QP_SQ_PSN | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
		IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC, IBV_QP_SQ_PSN, IBV_QP_SQ_PSN },
	{ IBV_QPS_RTS, IBV_QPS_SQD, 0, 0, 0 },
	{ IBV_QPS_SQD, IBV_QPS_RTS, 0, 0, 0 },
};

static int needed(const struct fake_qp *s, uint32_t to)
{
	if (to == IBV_QPS_RESET || to == IBV_QPS_ERR || to == s->state)
		return 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if ((uint32_t)steps[i].from == s->state && (uint32_t)steps[i].to == to)
			return s->type == IBV_QPT_RC ? steps[i].rc : s->type == IBV_QPT_UC ? steps[i].uc :
				steps[i].ud;
	return -1;
}

static bool good_way(const struct fake_device *d, uint32_t port, const struct ibv_qp_attr *a, int mask)
{
	const struct ibv_ah_attr *ah = &a->ah_attr;

	if ((mask & IBV_QP_PATH_MTU) != 0 && (a->path_mtu < IBV_MTU_256 ||
		(uint32_t)a->path_mtu > d->ports[port - 1].mtu))
		return false;
	if ((mask & IBV_QP_AV) == 0)
		return true;
	return ah->port_num >= 1 && ah->port_num <= d->nports &&
		(!ah->is_global || ah->grh.sgid_index < d->ports[port - 1].gids);
}

static int check(const struct fake_device *d, const struct fake_qp *s, const struct ibv_qp_attr *a,
	int mask)
{
	uint32_t to = (mask & IBV_QP_STATE) != 0 ? (uint32_t)a->qp_state : s->state;
	uint32_t port = (mask & IBV_QP_PORT) != 0 ? a->port_num : s->port;
	int need = needed(s, to);
	bool bad = need < 0 || (mask & need) != need || ((mask & (IBV_QP_PORT | IBV_QP_AV | IBV_QP_PATH_MTU)) != 0 &&
		(port < 1 || port > d->nports));

	bad = bad || ((mask & IBV_QP_PKEY_INDEX) != 0 && a->pkey_index != 0);
	bad = bad || !good_way(d, port, a, mask);
	if ((mask & IBV_QP_MAX_QP_RD_ATOMIC) != 0)
		bad = bad || a->max_rd_atomic > d->limits.max_rd;
	if ((mask & IBV_QP_MAX_DEST_RD_ATOMIC) != 0)
		bad = bad || a->max_dest_rd_atomic > d->limits.max_rd;
	return bad ? EINVAL : 0;
}

static void take(struct fake_qp *s, const struct ibv_qp_attr *a, int mask)
{
	const struct {
		int bit;
		uint32_t *to, value;
	} simple[] = {
		{ IBV_QP_PORT, &s->port, a->port_num },
		{ IBV_QP_ACCESS_FLAGS, &s->access, a->qp_access_flags },
		{ IBV_QP_QKEY, &s->qkey, a->qkey },
		{ IBV_QP_PATH_MTU, &s->mtu, a->path_mtu },
		{ IBV_QP_DEST_QPN, &s->dest_qpn, a->dest_qp_num },
		{ IBV_QP_RQ_PSN, &s->rq_psn, a->rq_psn & 0xffffff },
		{ IBV_QP_SQ_PSN, &s->sq_psn, a->sq_psn & 0xffffff },
		{ IBV_QP_MIN_RNR_TIMER, &s->min_rnr_timer, a->min_rnr_timer },
		{ IBV_QP_TIMEOUT, &s->timeout, a->timeout },
		{ IBV_QP_RETRY_CNT, &s->retry, a->retry_cnt },
		{ IBV_QP_RNR_RETRY, &s->rnr_retry, a->rnr_retry },
		{ IBV_QP_MAX_QP_RD_ATOMIC, &s->max_rd, a->max_rd_atomic },
		{ IBV_QP_MAX_DEST_RD_ATOMIC, &s->max_dest_rd, a->max_dest_rd_atomic },
	};

	for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++)
		if ((mask & simple[i].bit) != 0)
			*simple[i].to = simple[i].value;
	if ((mask & IBV_QP_AV) != 0)
		s->ah = a->ah_attr;
}

static void reset(struct fake_fabric *f, struct fake_sender *q, struct fake_qp *s)
{
	ct_fake_stop_waiting(q);
	ct_fake_forget(f, s->send_cq, q->index);
	ct_fake_forget(f, s->recv_cq, q->index);
	q->head = q->tail = q->freed = 0;
	s->recvs.head = s->recvs.tail;
}

int ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_sender *q = (struct fake_sender *)qp;
	struct fake_qp *s = &f->qps[q->index];
	int error;

	ct_fake_lock(f);
	error = f->devices[s->device].dead ? EIO : check(&f->devices[s->device], s, attr, mask);
	if (error == 0) {
		take(s, attr, mask);
		if ((mask & IBV_QP_STATE) != 0 && attr->qp_state == IBV_QPS_ERR)
			ct_fake_to_error(f, s);
		if ((mask & IBV_QP_STATE) != 0 && attr->qp_state == IBV_QPS_RESET)
			reset(f, q, s);
		if ((mask & IBV_QP_STATE) != 0)
			s->state = qp->state = attr->qp_state;
		ct_fake_drive(f, q);
	}
	ct_fake_unlock(f);
	return error;
}

int ibv_query_qp(struct ibv_qp *qp, struct ibv_qp_attr *a, int mask, struct ibv_qp_init_attr *init)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_sender *q = (struct fake_sender *)qp;
	const struct fake_qp *s = &f->qps[q->index];

	(void)mask;
	memset(a, 0, sizeof(*a));
	memset(init, 0, sizeof(*init));
	ct_fake_lock(f);
	a->qp_state = a->cur_qp_state = qp->state = s->state;
	a->path_mtu = s->mtu;
	a->qkey = s->qkey;
	a->rq_psn = s->rq_psn;
	a->sq_psn = s->sq_psn;
	a->dest_qp_num = s->dest_qpn;
	a->qp_access_flags = s->access;
	a->cap = init->cap = s->cap;
	a->ah_attr = s->ah;
	a->max_rd_atomic = (uint8_t)s->max_rd;
	a->max_dest_rd_atomic = (uint8_t)s->max_dest_rd;
	a->min_rnr_timer = (uint8_t)s->min_rnr_timer;
	a->port_num = (uint8_t)s->port;
	a->timeout = (uint8_t)s->timeout;
	a->retry_cnt = (uint8_t)s->retry;
	a->rnr_retry = (uint8_t)s->rnr_retry;
	ct_fake_unlock(f);
	init->qp_context = qp->qp_context;
	init->send_cq = qp->send_cq;
	init->recv_cq = qp->recv_cq;
	init->srq = qp->srq;
	init->qp_type = qp->qp_type;
	init->sq_sig_all = (int)q->sig_all;
	return 0;
}

int ibv_query_qp_data_in_order(struct ibv_qp *qp, enum ibv_wr_opcode op, uint32_t flags)
{
	(void)qp;
	(void)op;
	(void)flags;
	return 0;
}

int ibv_set_ece(struct ibv_qp *qp, struct ibv_ece *ece)
{
	(void)qp;
	(void)ece;
	return EOPNOTSUPP;
}

int ibv_query_ece(struct ibv_qp *qp, struct ibv_ece *ece)
{
	(void)qp;
	*ece = (struct ibv_ece){ 0 };
	return 0;
}
