/* SPDX-License-Identifier: BSD-3-Clause */
/* What counts and bytes mean for each collective, as nccl-tests has them. */
#include "coll.h"

struct ct_coll_buffers ct_coll_buffers(ct_coll coll, uint32_t rank, uint32_t nranks,
	uint64_t count, bool in_place)
{
	struct ct_coll_buffers b = { .send = count, .recv = count };

	switch (coll) {
	case CT_ALLTOALL:
		b.send = b.recv = nranks * count;
		break;
	case CT_ALLGATHER:
	case CT_GATHER:
		b.recv = nranks * count;
		b.send_at = in_place ? rank * count : 0;
		break;
	case CT_REDUCE_SCATTER:
	case CT_SCATTER:
		b.send = nranks * count;
		b.recv_at = in_place ? rank * count : 0;
		break;
	case CT_BARRIER:
		b.send = b.recv = 0;
		break;
	default:
		break;
	}
	return b;
}

bool ct_coll_rooted(ct_coll coll)
{
	return coll == CT_BROADCAST || coll == CT_REDUCE || coll == CT_GATHER || coll == CT_SCATTER;
}

/* How many times COUNT the larger buffer holds. */
static uint64_t blocks(ct_coll coll, uint32_t nranks)
{
	switch (coll) {
	case CT_BARRIER:
		return 0;
	case CT_ALLTOALL:
	case CT_ALLGATHER:
	case CT_REDUCE_SCATTER:
	case CT_GATHER:
	case CT_SCATTER:
		return nranks;
	default:
		return 1;
	}
}

uint64_t ct_coll_bytes(ct_coll coll, uint32_t nranks, uint64_t count, ct_type type)
{
	return blocks(coll, nranks) * count * ct_type_bytes(type);
}

uint64_t ct_coll_count(ct_coll coll, uint32_t nranks, uint64_t bytes, ct_type type)
{
	uint64_t n = blocks(coll, nranks);

	return n > 0 ? bytes / ct_type_bytes(type) / n : 0;
}
