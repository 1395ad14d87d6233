/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections: eight slots in a buffer, filled and emptied in steps that both ends count. */
#include <sched.h>
#include <unistd.h>

#include "kernel.h"

enum { YIELDS = 200, NAP_US = 20 };

/* Each kernel begins at a whole chunk; who receives gives the slots between back. */
void fake_link_open(struct fake_link *link, unsigned int chunk_steps, unsigned int slice_steps)
{
	link->step = (link->at->step + chunk_steps - 1) / chunk_steps * chunk_steps;
	link->slice_steps = slice_steps;
	if (!link->sends)
		__atomic_store_n(link->at->head, link->step, __ATOMIC_RELEASE);
}

bool fake_link_ready(const struct fake_link *link)
{
	const struct fake_connection *at = link->at;
	uint64_t until = link->sends ? __atomic_load_n(at->head, __ATOMIC_ACQUIRE) + FAKE_STEPS :
		__atomic_load_n(at->tail, __ATOMIC_ACQUIRE);

	return until >= link->step + link->slice_steps;
}

/* Where the next BYTES are, or shall be put; a proxy learns their number. */
char *fake_link_slot(const struct fake_link *link, size_t bytes)
{
	const struct fake_connection *at = link->at;
	size_t slot = link->step % FAKE_STEPS;

	if (at->slots != NULL) {
		__atomic_store_n(&at->slots[slot].size, (ssize_t)bytes, __ATOMIC_RELAXED);
		if (__atomic_load_n(&at->slots[slot].mode, __ATOMIC_RELAXED) == 1)
			return at->buffers[FAKE_PROTO_SIMPLE] + at->slots[slot].offset;
	}
	return at->buffers[FAKE_PROTO_SIMPLE] + slot * (size_t)at->step_bytes;
}

void fake_link_post(struct fake_link *link)
{
	link->step += link->slice_steps;
	__atomic_store_n(link->sends ? link->at->tail : link->at->head, link->step, __ATOMIC_RELEASE);
}

void fake_link_close(const struct fake_link *link)
{
	link->at->step = link->step;
}

bool fake_pause(const uint32_t *abort, unsigned int *tries)
{
	if (abort != NULL && __atomic_load_n(abort, __ATOMIC_ACQUIRE) != 0)
		return false;
	if (++*tries < YIELDS)
		sched_yield();
	else
		usleep(NAP_US);
	return true;
}
