/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of one candidate where its backend does not work on the host's. Inputs are made and
 * results are compared on the host, outside of what is timed.
 */
#include "inside.h"

static struct ct_coll_buffers shape(const struct ct_lane *lane)
{
	const struct ct_group *g = ct_session_group(lane->session);
	const struct ct_coll_desc *d = &lane->desc;

	return ct_coll_buffers(d->coll, g->rank, g->nranks, d->count, d->in_place);
}

ct_status ct_lane_place(struct ct_lane *lane)
{
	const struct ct_gpu_mem *mem = &lane->lib->caps->own;
	struct ct_coll_buffers b = shape(lane);
	uint64_t each = ct_type_bytes(lane->desc.type), send = b.send * each, recv = b.recv * each;
	ct_status status = CT_OK;

	ct_lane_unplace(lane);
	lane->there = lane->desc;
	if (mem->ops == NULL)
		return CT_OK;
	if (lane->desc.in_place) {
		send = send > recv ? send : recv;
		recv = 0;
	}
	if (send > 0)
		status = mem->ops->alloc(mem->self, send, &lane->block[0]);
	if (status == CT_OK && recv > 0)
		status = mem->ops->alloc(mem->self, recv, &lane->block[1]);
	if (status != CT_OK) {
		ct_lane_unplace(lane);
		return status;
	}
	lane->there.send = lane->block[0];
	lane->there.recv = lane->block[1];
	if (lane->desc.in_place && lane->block[0] != NULL) {
		lane->there.send = (char *)lane->block[0] + b.send_at * each;
		lane->there.recv = (char *)lane->block[0] + b.recv_at * each;
	}
	return CT_OK;
}

void ct_lane_unplace(struct ct_lane *lane)
{
	for (int i = 0; i < 2; i++) {
		if (lane->block[i] != NULL)
			lane->lib->caps->own.ops->free(lane->lib->caps->own.self, lane->block[i]);
		lane->block[i] = NULL;
	}
}

ct_status ct_lane_put(struct ct_lane *lane)
{
	const struct ct_gpu_mem *mem = &lane->lib->caps->own;
	struct ct_coll_buffers b = shape(lane);
	uint64_t each = ct_type_bytes(lane->desc.type);
	ct_status status;

	if (mem->ops == NULL)
		return CT_OK;
	/* in place one window holds the other: the result's first, so that the input is not spoilt */
	status = mem->ops->put(mem->self, lane->there.recv, lane->desc.recv, b.recv * each);
	if (status == CT_OK)
		status = mem->ops->put(mem->self, lane->there.send, lane->desc.send, b.send * each);
	return status;
}

ct_status ct_lane_get(struct ct_lane *lane)
{
	const struct ct_gpu_mem *mem = &lane->lib->caps->own;

	if (mem->ops == NULL)
		return CT_OK;
	return mem->ops->get(mem->self, lane->desc.recv, lane->there.recv,
		shape(lane).recv * ct_type_bytes(lane->desc.type));
}
