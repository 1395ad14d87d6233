/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared receive queues. */
#include <errno.h>
#include <stdlib.h>

#include "fake.h"

static uint32_t new_srq(struct fake_fabric *f, struct fake_device *d, const struct ibv_srq_attr *a)
{
	for (uint32_t i = 1; d->nsrq < d->limits.max_srq && i < FAKE_SRQS; i++) {
		struct fake_srq *s = &f->srqs[i];

		if (s->live)
			continue;
		*s = (struct fake_srq){ .warn = a->srq_limit };
		if (!ct_fake_recvs_make(f, &s->recvs, a->max_wr, a->max_sge))
			return 0;
		s->live = 1;
		d->nsrq++;
		return i;
	}
	return 0;
}

struct ibv_srq *ibv_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *init)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_device *d = ct_fake_device(f, pd->context);
	struct ibv_srq *srq;

	if (init->attr.max_wr < 1 || init->attr.max_wr > d->limits.max_srq_wr ||
		init->attr.max_sge > d->limits.max_sge) {
		errno = EINVAL;
		return NULL;
	}
	srq = calloc(1, sizeof(*srq));
	if (srq == NULL)
		return NULL;
	ct_fake_lock(f);
	srq->handle = new_srq(f, d, &init->attr);
	if (srq->handle != 0) {
		f->srqs[srq->handle].context = ct_fake_of(pd->context)->index;
		f->srqs[srq->handle].pd = pd->handle;
		f->srqs[srq->handle].user = (uintptr_t)srq;
	}
	ct_fake_unlock(f);
	if (srq->handle == 0) {
		free(srq);
		errno = ENOMEM;
		return NULL;
	}
	srq->context = pd->context;
	srq->srq_context = init->srq_context;
	srq->pd = pd;
	pthread_mutex_init(&srq->mutex, NULL);
	pthread_cond_init(&srq->cond, NULL);
	return srq;
}

int ibv_modify_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr, int mask)
{
	struct fake_fabric *f = ct_fake_fabric();

	if ((mask & IBV_SRQ_MAX_WR) != 0)
		return EOPNOTSUPP;
	ct_fake_lock(f);
	if ((mask & IBV_SRQ_LIMIT) != 0)
		f->srqs[srq->handle].warn = attr->srq_limit;
	ct_fake_unlock(f);
	return 0;
}

int ibv_query_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr)
{
	const struct fake_srq *s = &ct_fake_fabric()->srqs[srq->handle];

	*attr = (struct ibv_srq_attr){ s->recvs.limit, s->recvs.max_sge, s->warn };
	return 0;
}

int ct_fake_get_srq_num(struct ibv_srq *srq, uint32_t *number)
{
	*number = srq->handle;
	return 0;
}

int ibv_destroy_srq(struct ibv_srq *srq)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_srq *s = &f->srqs[srq->handle];
	int used = 0;

	ct_fake_lock(f);
	for (uint32_t i = 0; i < f->top_qp && !used; i++)
		used = f->qps[i].live && f->qps[i].srq == srq->handle;
	if (!used) {
		ct_fake_recvs_free(f, &s->recvs);
		s->live = 0;
		ct_fake_device(f, srq->context)->nsrq--;
	}
	ct_fake_unlock(f);
	if (used)
		return EBUSY;
	free(srq);
	return 0;
}
