/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion queues and their channels. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake.h"

static struct fake_cqe *at(struct fake_fabric *f, const struct fake_cq *cq, uint32_t i)
{
	return (struct fake_cqe *)ct_fake_at(f, cq->ring) + (i & (cq->size - 1));
}

static uint32_t new_cq(struct fake_fabric *f, struct fake_device *d, uint32_t entries)
{
	uint32_t size = 16;

	while (size < entries)
		size *= 2;
	for (uint32_t n = 0; d->ncq < d->limits.max_cq && n < FAKE_CQS; n++) {
		uint32_t i = f->next_cq = (f->next_cq + 1) % FAKE_CQS;
		struct fake_cq *cq = &f->cqs[i];

		if (i == 0 || cq->live)
			continue;
		*cq = (struct fake_cq){ .size = size };
		cq->ring = ct_fake_arena_take(f, (uint64_t)size * sizeof(struct fake_cqe), &cq->pages);
		if (cq->ring == 0)
			return 0;
		cq->live = 1;
		d->ncq++;
		if (i >= f->top_cq)
			f->top_cq = i + 1;
		return i;
	}
	return 0;
}

/* Channels of this process: handle to what the fabric knows. */
struct channel {
	struct ibv_comp_channel channel;
	uint32_t index;
};

struct ibv_cq *ibv_create_cq(struct ibv_context *context, int cqe, void *cq_context,
	struct ibv_comp_channel *channel, int comp_vector)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_device *d = ct_fake_device(f, context);
	struct ibv_cq *cq;

	if (cqe < 1 || cqe > d->limits.max_cqe || comp_vector != 0) {
		errno = EINVAL;
		return NULL;
	}
	cq = calloc(1, sizeof(*cq));
	if (cq == NULL)
		return NULL;
	ct_fake_lock(f);
	cq->handle = new_cq(f, d, (uint32_t)cqe);
	if (cq->handle != 0) {
		struct fake_cq *c = &f->cqs[cq->handle];

		c->context = ct_fake_of(context)->index;
		c->user = (uintptr_t)cq;
		c->channel = channel != NULL ? ((struct channel *)channel)->index : FAKE_CHANNELS;
		cq->cqe = (int)c->size - 1;
	}
	ct_fake_unlock(f);
	if (cq->handle == 0) {
		free(cq);
		errno = ENOMEM;
		return NULL;
	}
	cq->context = context;
	cq->channel = channel;
	cq->cq_context = cq_context;
	pthread_mutex_init(&cq->mutex, NULL);
	pthread_cond_init(&cq->cond, NULL);
	return cq;
}

int ibv_destroy_cq(struct ibv_cq *cq)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_cq *c = &f->cqs[cq->handle];
	int used = 0;

	ct_fake_lock(f);
	for (uint32_t i = 0; i < f->top_qp && !used; i++)
		used = f->qps[i].live && (f->qps[i].send_cq == cq->handle || f->qps[i].recv_cq == cq->handle);
	if (!used) {
		ct_fake_arena_give(f, c->ring, c->pages);
		c->live = 0;
		ct_fake_device(f, cq->context)->ncq--;
	}
	ct_fake_unlock(f);
	if (used)
		return EBUSY;
	free(cq);
	return 0;
}

int ibv_resize_cq(struct ibv_cq *cq, int cqe)
{
	return cqe <= cq->cqe ? 0 : EOPNOTSUPP;
}

void ct_fake_complete(struct fake_fabric *f, uint32_t index, const struct fake_cqe *cqe)
{
	struct fake_cq *cq = &f->cqs[index];
	uint32_t tail = cq->tail;
	bool solicited = cqe->solicited || cqe->wc.status != IBV_WC_SUCCESS;

	if (!cq->live)
		return;
	if (tail - cq->head == cq->size) {
		if (!cq->overrun)
			ct_fake_event(f, cq->context, IBV_EVENT_CQ_ERR, index);
		cq->overrun = 1;
		return;
	}
	*at(f, cq, tail) = *cqe;
	atomic_store_explicit(&cq->tail, tail + 1, memory_order_release);
	if (cq->armed == 0 || (cq->armed == 2 && !solicited))
		return;
	cq->armed = 0;
	if (cq->channel < FAKE_CHANNELS)
		ct_fake_fifo_write(f->channels[cq->channel].number, (struct fake_record){ 0, index });
}

void ct_fake_forget(struct fake_fabric *f, uint32_t index, uint32_t qp)
{
	struct fake_cq *cq = &f->cqs[index];
	uint32_t to;

	if (!cq->live)
		return;
	to = cq->head;
	for (uint32_t i = cq->head; i != cq->tail; i++)
		if (at(f, cq, i)->qp != qp)
			*at(f, cq, to++) = *at(f, cq, i);
	cq->tail = to;
}

int fakeib_req_notify_cq(struct ibv_cq *cq, int solicited_only)
{
	struct fake_fabric *f = ct_fake_fabric();

	ct_fake_lock(f);
	if (f->cqs[cq->handle].armed != 1)
		f->cqs[cq->handle].armed = solicited_only ? 2 : 1;
	ct_fake_unlock(f);
	return 0;
}

/* ---- channels ------------------------------------------------------------------------------ */

struct ibv_comp_channel *ibv_create_comp_channel(struct ibv_context *context)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct channel *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->index = FAKE_CHANNELS;
	ct_fake_lock(f);
	for (uint32_t i = 0; i < FAKE_CHANNELS && c->index == FAKE_CHANNELS; i++)
		if (!f->channels[i].live) {
			f->channels[i] = (struct fake_channel){ 1, ct_fake_of(context)->index,
				f->next_fifo++ };
			c->index = i;
		}
	ct_fake_unlock(f);
	if (c->index == FAKE_CHANNELS) {
		free(c);
		errno = ENOMEM;
		return NULL;
	}
	c->channel.context = context;
	c->channel.fd = ct_fake_fifo_make(f->channels[c->index].number);
	if (c->channel.fd < 0) {
		f->channels[c->index].live = 0;
		free(c);
		return NULL;
	}
	return &c->channel;
}

int ibv_destroy_comp_channel(struct ibv_comp_channel *channel)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct channel *c = (struct channel *)channel;
	char path[256];

	ct_fake_lock(f);
	ct_fake_fifo_path(path, sizeof(path), f->channels[c->index].number);
	f->channels[c->index].live = 0;
	ct_fake_unlock(f);
	unlink(path);
	close(channel->fd);
	free(c);
	return 0;
}

int ibv_get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **cq, void **cq_context)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_record record;

	if (read(channel->fd, &record, sizeof(record)) != sizeof(record))
		return -1;
	*cq = (struct ibv_cq *)(uintptr_t)f->cqs[record.index % FAKE_CQS].user;
	*cq_context = (*cq)->cq_context;
	return 0;
}

void ibv_ack_cq_events(struct ibv_cq *cq, unsigned int n)
{
	cq->comp_events_completed += n;
}
