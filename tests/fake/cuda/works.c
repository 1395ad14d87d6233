/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a batch's works lie: libnccl's ring has a power of two of bytes, which no work's size divides. */
#include <string.h>

#include "kernel.h"

enum { PIECE = 16, WORKS = 64, IN_RING = 1 };

static void copy_work(const struct fake_arguments *arguments, uint32_t at, size_t bytes, union fake_work *to)
{
	const char *base = arguments->storage == 0 ? (const char *)arguments : arguments->works;
	uint32_t mask = arguments->storage == IN_RING ? arguments->mask : UINT32_MAX;

	for (uint32_t i = 0; i < bytes; i += PIECE)
		memcpy(to->bytes + i, base + ((at + i) & mask), PIECE);
}

size_t fake_works_of(const struct fake_arguments *arguments, const struct fake_batch *batch,
	union fake_work *works, size_t room)
{
	bool message = (batch->head >> 15 & 3) == FAKE_WORK_P2P;
	size_t bytes = message ? sizeof(struct fake_p2p) : sizeof(struct fake_coll), n = 0;

	for (size_t i = 0; i < WORKS; i++) {
		if ((batch->set >> i & 1) == 0)
			continue;
		if (n < room)
			copy_work(arguments, batch->offset + (uint32_t)(i * bytes), bytes, &works[n]);
		n++;
	}
	return n;
}
