/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers of one test, of the kinds of memory that candidates name. Where the processor cannot
 * touch them, inputs are made and results compared in a shadow on the host, untimed.
 */
#include <stdio.h>
#include <string.h>

#include "inside.h"

static ct_status take(struct ct_buffers *b, size_t i, uint64_t bytes)
{
	ct_status status = ct_mem_alloc(b->kind, b->device, bytes, &b->memory[i]);

	b->bytes[i] = bytes;
	if (status != CT_OK || ct_mem_is_host(&b->memory[i]))
		return status;
	b->shadow[i] = ct_alloc_pages(bytes);
	return b->shadow[i] != NULL ? CT_OK : CT_NOMEM;
}

ct_status ct_buffers_make(struct ct_buffers *b, const char *memory, const struct ct_session *session,
	const struct ct_coll_desc *desc)
{
	const struct ct_group *g = ct_session_group(session);
	struct ct_coll_buffers n = ct_coll_buffers(desc->coll, g->rank, g->nranks, desc->count,
		desc->in_place);
	size_t each = ct_type_bytes(desc->type), send, recv;
	ct_status status = ct_mem_parse(memory, &b->kind, &b->device);

	if (status != CT_OK)
		return status;
	if (__builtin_mul_overflow(n.send, each, &send) ||
		__builtin_mul_overflow(n.recv, each, &recv))
		return ct_fail(CT_INVALID, "%s of %llu elements is beyond the address space",
			ct_coll_name(desc->coll), (unsigned long long)desc->count);
	if ((b->device & CT_MEM_DEALT) != 0)
		b->device |= ct_session_world(session)->local_rank;
	if (desc->in_place && recv > send)
		send = recv;
	b->send_at = desc->in_place ? n.send_at * each : 0;
	b->recv_at = desc->in_place ? n.recv_at * each : 0;
	status = take(b, 0, send);
	return status == CT_OK && !desc->in_place ? take(b, 1, recv) : status;
}

void ct_buffers_use(const struct ct_buffers *b, struct ct_coll_desc *desc)
{
	desc->send_mem = &b->memory[0];
	desc->recv_mem = &b->memory[desc->in_place ? 0 : 1];
	desc->send = (char *)desc->send_mem->at + b->send_at;
	desc->recv = (char *)desc->recv_mem->at + b->recv_at;
}

void ct_buffers_free(struct ct_buffers *b)
{
	for (size_t i = 0; i < 2; i++) {
		ct_mem_free(&b->memory[i]);
		ct_free(b->shadow[i]);
		b->shadow[i] = NULL;
	}
}

/* DESC with the shadows in place of what the processor cannot touch. */
static struct ct_coll_desc seen(const struct ct_buffers *b, const struct ct_coll_desc *desc)
{
	struct ct_coll_desc d = *desc;
	size_t in = desc->in_place ? 0 : 1;

	if (b == NULL || b->shadow[0] == NULL)
		return d;
	d.send = (char *)b->shadow[0] + b->send_at;
	d.recv = (char *)b->shadow[in] + b->recv_at;
	return d;
}

ct_status ct_buffers_fill(const struct ct_buffers *b, const struct ct_coll_desc *desc,
	const struct ct_group *g, uint64_t seed)
{
	struct ct_coll_desc d = seen(b, desc);
	ct_status status = CT_OK;

	/* out of place the input is filled again too: another candidate's last call or an algorithm
	 * that writes where it should not must not hide in it */
	ct_verify_spoil(&d, g->rank, g->nranks);
	ct_verify_fill(&d, g->rank, g->nranks, seed);
	for (size_t i = 0; b != NULL && i < 2 && status == CT_OK; i++)
		if (b->shadow[i] != NULL)
			status = b->memory[i].ops->copy(
				&b->memory[i], b->memory[i].at, b->shadow[i], b->bytes[i]);
	return status;
}

ct_status ct_buffers_check(const struct ct_buffers *b, const struct ct_coll_desc *desc,
	const struct ct_group *g, uint64_t seed, uint64_t *wrong)
{
	struct ct_coll_desc d = seen(b, desc);
	ct_status status = CT_OK;

	for (size_t i = 0; b != NULL && i < 2 && status == CT_OK; i++)
		if (b->shadow[i] != NULL)
			status = b->memory[i].ops->copy(
				&b->memory[i], b->shadow[i], b->memory[i].at, b->bytes[i]);
	if (status == CT_OK)
		*wrong = ct_verify_count(&d, g->rank, g->nranks, seed);
	return status;
}
