/* SPDX-License-Identifier: BSD-3-Clause */
/* The ranks of a communicator meet in a page of memory that the id names: processes and threads of one
 * host and one user. */
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

enum { RANKS = 64, PIECE = 1024 };

static const uint64_t patience_ns = 30000000000;

struct page {
	_Atomic uint64_t arrived; /* at barriers, over all times */
	char piece[RANKS][PIECE];
};

struct fake_meeting {
	struct ct_boot boot;
	struct page *page;
	const _Atomic bool *aborted;
	int keeps; /* the creator's descriptor, closed when rank 0 leaves; -1 */
};

bool fake_meeting_new(struct ct_nccl_id *id)
{
	int fd = memfd_create("nccl-host", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, sizeof(struct page)) != 0) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	memset(id, 0, sizeof(*id));
	snprintf(id->internal, sizeof(id->internal), "%d %d", (int)getpid(), fd);
	return true;
}

/* Waits until all have come here as often as this rank has. */
static ct_status barrier(struct fake_meeting *m)
{
	uint64_t ticket = atomic_fetch_add(&m->page->arrived, 1), n = m->boot.nranks;
	uint64_t until = (ticket / n + 1) * n;
	struct ct_deadline by = ct_deadline_in(patience_ns);

	while (atomic_load(&m->page->arrived) < until) {
		if (m->aborted != NULL && atomic_load(m->aborted))
			return ct_fail(CT_INTERRUPTED, "stand-in: aborted");
		if (ct_deadline_passed(by))
			return ct_fail(CT_TIMEOUT, "stand-in: not every rank came");
		sched_yield();
	}
	return CT_OK;
}

static ct_status allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	struct fake_meeting *m = ctx;

	for (size_t at = 0; at < bytes; at += PIECE) {
		size_t n = bytes - at < PIECE ? bytes - at : PIECE;
		ct_status status;

		memcpy(m->page->piece[m->boot.rank], (const char *)mine + at, n);
		status = barrier(m);
		for (uint32_t r = 0; r < m->boot.nranks && status == CT_OK; r++)
			memcpy((char *)all + r * bytes + at, m->page->piece[r], n);
		if (status == CT_OK)
			status = barrier(m);
		if (status != CT_OK)
			return status;
	}
	return CT_OK;
}

struct fake_meeting *fake_meeting_join(const struct ct_nccl_id *id, uint32_t rank, uint32_t nranks,
	const _Atomic bool *aborted)
{
	struct fake_meeting *m = calloc(1, sizeof(*m));
	char path[64];
	int pid = 0, kept = -1, fd;

	if (m == NULL || nranks > RANKS || sscanf(id->internal, "%d %d", &pid, &kept) != 2)
		goto fail;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, kept);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		goto fail;
	m->page = mmap(NULL, sizeof(*m->page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (m->page == MAP_FAILED)
		goto fail;
	m->boot = (struct ct_boot){ sizeof(m->boot), rank, nranks, allgather, m };
	m->aborted = aborted;
	m->keeps = pid == (int)getpid() && rank == 0 ? kept : -1;
	return m;
fail:
	free(m);
	return NULL;
}

const struct ct_boot *fake_meeting_boot(const struct fake_meeting *meeting)
{
	return &meeting->boot;
}

void fake_meeting_leave(struct fake_meeting *m)
{
	if (m == NULL)
		return;
	if (m->keeps >= 0)
		close(m->keeps);
	munmap(m->page, sizeof(*m->page));
	free(m);
}
