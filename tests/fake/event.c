/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events travel through FIFOs of the folder, one per open device and per completion channel: their
 * reader holds both ends, so that it may poll(), and anybody may write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake.h"

void ct_fake_fifo_path(char *out, size_t size, uint32_t number)
{
	snprintf(out, size, "%s/event-%u", ct_fake_dir(), number);
}

int ct_fake_fifo_make(uint32_t number)
{
	char path[256];

	ct_fake_fifo_path(path, sizeof(path), number);
	(void)unlink(path);
	if (mkfifo(path, 0600) != 0)
		return -1;
	return open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
}

void ct_fake_fifo_write(uint32_t number, struct fake_record record)
{
	char path[256];
	int fd;

	ct_fake_fifo_path(path, sizeof(path), number);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	if (write(fd, &record, sizeof(record)) != sizeof(record))
		fprintf(stderr, "fakeib: an event is lost: %s\n", strerror(errno));
	close(fd);
}

void ct_fake_event(struct fake_fabric *f, uint32_t context, enum ibv_event_type type, uint32_t index)
{
	if (f->contexts[context].live)
		ct_fake_fifo_write(f->contexts[context].number, (struct fake_record){ type, index });
}

void ct_fake_event_all(struct fake_fabric *f, uint32_t device, enum ibv_event_type type, uint32_t index)
{
	for (uint32_t i = 0; i < FAKE_CONTEXTS; i++)
		if (f->contexts[i].live && f->contexts[i].device == device)
			ct_fake_event(f, i, type, index);
}

/* Fills in whom the event is about; false: it is gone. */
static bool about(struct fake_fabric *f, const struct fake_record *r, struct ibv_async_event *event)
{
	event->event_type = (enum ibv_event_type)r->type;
	switch (event->event_type) {
	case IBV_EVENT_CQ_ERR:
		event->element.cq = (void *)(uintptr_t)f->cqs[r->index % FAKE_CQS].user;
		return f->cqs[r->index % FAKE_CQS].live;
	case IBV_EVENT_QP_FATAL:
	case IBV_EVENT_QP_REQ_ERR:
	case IBV_EVENT_QP_ACCESS_ERR:
	case IBV_EVENT_COMM_EST:
	case IBV_EVENT_SQ_DRAINED:
	case IBV_EVENT_PATH_MIG:
	case IBV_EVENT_PATH_MIG_ERR:
	case IBV_EVENT_QP_LAST_WQE_REACHED:
		event->element.qp = (void *)(uintptr_t)f->qps[r->index % FAKE_QPS].user;
		return f->qps[r->index % FAKE_QPS].live;
	case IBV_EVENT_SRQ_ERR:
	case IBV_EVENT_SRQ_LIMIT_REACHED:
		event->element.srq = (void *)(uintptr_t)f->srqs[r->index % FAKE_SRQS].user;
		return f->srqs[r->index % FAKE_SRQS].live;
	default:
		event->element.port_num = (int)r->index;
		return true;
	}
}

int ibv_get_async_event(struct ibv_context *context, struct ibv_async_event *event)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_record record;

	do {
		if (read(context->async_fd, &record, sizeof(record)) != sizeof(record))
			return -1;
	} while (!about(f, &record, event));
	return 0;
}

void ibv_ack_async_event(struct ibv_async_event *event)
{
	(void)event;
}
