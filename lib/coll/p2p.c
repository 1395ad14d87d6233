/* SPDX-License-Identifier: BSD-3-Clause */
/* Point-to-point patterns between partners; idle ranks have empty schedules. */
#include "generate.h"

/*
 * Places that messages are received to in turn, OUT last: a message may only be received once the
 * one before it in the same place is there. Few, so that the cache sees what other benchmarks'
 * single buffer shows it; enough for several receives to wait at the transport; more for tiny
 * messages, whose rate would suffer.
 */
enum { LEAST_PLACES = 4, MOST_PLACES = 64, PLACES_BYTES = 256 << 10 };

static uint32_t places(const struct ct_shape *shape)
{
	uint64_t bytes = shape->count * shape->element_bytes;
	uint64_t n = bytes > 0 ? PLACES_BYTES / bytes : MOST_PLACES;

	n = n < LEAST_PLACES ? LEAST_PLACES : n > MOST_PLACES ? MOST_PLACES : n;
	return (uint32_t)(n < shape->window ? n : shape->window);
}

/* False for an idle rank. */
static bool begin(const struct ct_shape *shape, struct ct_schedule *out, uint32_t *peer)
{
	ct_schedule_begin(out, shape);
	*peer = shape->partner[shape->rank];
	if (*peer != shape->rank && *peer < shape->nranks && shape->window > 0)
		return true;
	out->in_count = out->out_count = 0;
	return false;
}

/* Ping-pong: WINDOW round trips; the lower rank serves. */
ct_status ct_p2p_latency(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t i, peer, last = CT_NO_DEP;
	ct_status status = ct_refuse_in_place(shape);

	if (status != CT_OK)
		return status;
	if (!begin(shape, out, &peer))
		return CT_OK;
	for (i = 0; i < shape->window; i++) {
		if (shape->rank < peer)
			ct_add_send(out, peer, ct_at(CT_IN, 0), shape->count, last);
		last = ct_add_recv(out, peer, ct_at(CT_OUT, 0), shape->count, last);
		if (shape->rank > peer)
			ct_add_send(out, peer, ct_at(CT_IN, 0), shape->count, last);
	}
	return ct_schedule_end(out);
}

static void window_recv(const struct ct_shape *shape, struct ct_schedule *s, uint32_t peer)
{
	uint32_t i, n = places(shape), got[MOST_PLACES];

	s->tmp_count = (n - 1) * shape->count;
	for (i = 0; i < shape->window; i++) {
		/* The last message meets OUT. */
		uint32_t place = (shape->window - 1 - i) % n;
		struct ct_slice dst = ct_at(CT_OUT, 0);

		if (place > 0)
			dst = ct_at(CT_TMP, (place - 1) * shape->count);
		got[place] = ct_add_recv(s, peer, dst, shape->count,
			i < n ? CT_NO_DEP : got[place]);
	}
}

static void window_send(const struct ct_shape *shape, struct ct_schedule *s, uint32_t peer)
{
	uint32_t i;

	for (i = 0; i < shape->window; i++)
		ct_add_send(s, peer, ct_at(CT_IN, 0), shape->count, CT_NO_DEP);
}

/* An empty message that says: all that came before is received. */
static void acknowledge(struct ct_schedule *s, uint32_t peer)
{
	struct ct_step send = {
		.kind = CT_STEP_SEND, .peer = peer, .src = ct_at(CT_IN, 0),
		.dep = { CT_NO_DEP, CT_NO_DEP }, .fence = true,
	};

	ct_add_step(s, &send);
}

/* WINDOW messages from the lower to the higher rank, then an acknowledgement. */
ct_status ct_p2p_oneway(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t peer;
	ct_status status = ct_refuse_in_place(shape);

	if (status != CT_OK)
		return status;
	if (!begin(shape, out, &peer))
		return CT_OK;
	if (shape->rank < peer) {
		out->out_count = 0;
		window_send(shape, out, peer);
		ct_add_recv(out, peer, ct_at(CT_OUT, 0), 0, CT_NO_DEP);
	} else {
		out->in_count = 0;
		window_recv(shape, out, peer);
		acknowledge(out, peer);
	}
	return ct_schedule_end(out);
}

/* WINDOW messages both ways at once, then an acknowledgement both ways. */
ct_status ct_p2p_duplex(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t peer;
	ct_status status = ct_refuse_in_place(shape);

	if (status != CT_OK)
		return status;
	if (!begin(shape, out, &peer))
		return CT_OK;
	window_recv(shape, out, peer);
	window_send(shape, out, peer);
	acknowledge(out, peer);
	ct_add_recv(out, peer, ct_at(CT_OUT, 0), 0, CT_NO_DEP);
	return ct_schedule_end(out);
}
