/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends and receives of one channel: all of a batch go on side by side, as the warps of a kernel do. */
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

enum { PART_ALIGN = 4096 };

struct transfer {
	struct fake_link link;
	char *memory;
	size_t bytes, at, chunk;
	bool over;
};

/* The library's way to write a chunk's size into eight bits: three of mantissa. */
static size_t small_float(uint8_t bits)
{
	unsigned int exponent = bits >> 3, mantissa = (bits & 7u) | (exponent != 0 ? 8 : 0);

	return (size_t)mantissa << (exponent != 0 ? exponent - 1 : 0);
}

/* Which part of a message CHANNEL carries: channels are taken in the order of their reversed bits. */
static unsigned int part_of(const struct fake_p2p *work, int channel)
{
	unsigned int from = (unsigned int)(channel - work->base) & (work->channels - 1u), part = 0;

	for (unsigned int bit = 1; bit < work->channels; bit <<= 1, from >>= 1)
		part = part << 1 | (from & 1);
	return part;
}

/* Bytes [*AT, *END) of BYTES are part PART of PARTS. */
static void bounds(size_t bytes, unsigned int parts, unsigned int part, size_t *at, size_t *end)
{
	size_t each = (bytes + parts - 1) / parts;

	each = (each + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN;
	*at = part * each < bytes ? part * each : bytes;
	*end = (part + 1) * each < bytes ? (part + 1) * each : bytes;
}

static void copy_self(const struct fake_p2p *work, unsigned int part)
{
	size_t at, end;

	if (part >= work->send_channels || work->send_bytes == SIZE_MAX || work->send == work->receive)
		return;
	bounds(work->send_bytes, work->send_channels, part, &at, &end);
	if (end > at)
		memmove(work->receive + at, work->send + at, end - at);
}

static size_t add(struct transfer *to, const struct fake_link *link, char *memory, size_t bytes,
	const unsigned int parts[2], size_t chunk)
{
	size_t at, end;

	if (parts[1] >= parts[0])
		return 0;
	bounds(bytes, parts[0], parts[1], &at, &end);
	*to = (struct transfer){ *link, memory + at, end - at, 0, chunk, false };
	fake_link_open(&to->link, 1, 1);
	return 1;
}

static size_t add_both(struct fake_comm *comm, int channel, const struct fake_p2p *work,
	struct transfer *to)
{
	struct fake_peer **peers = comm->channels[channel].peers;
	unsigned int part = part_of(work, channel);
	size_t n = 0;

	if (work->to == comm->rank && work->from == comm->rank) {
		copy_self(work, part);
		return 0;
	}
	if (work->send_channels > 0 && work->send_bytes != SIZE_MAX)
		n += add(to, &(struct fake_link){ &peers[work->to]->send[1], comm->abort, 0, 1, true },
			(char *)(uintptr_t)work->send, work->send_bytes,
			(unsigned int[]){ work->send_channels, part }, small_float(work->send_chunk));
	if (work->receive_channels > 0 && work->receive_bytes != SIZE_MAX)
		n += add(to + n, &(struct fake_link){ &peers[work->from]->receive[1], comm->abort, 0, 1,
			false }, work->receive, work->receive_bytes,
			(unsigned int[]){ work->receive_channels, part }, small_float(work->receive_chunk));
	return n;
}

/* One chunk, if the other end is ready; nothing to send is one empty chunk. */
static bool advance(struct transfer *t)
{
	size_t n = t->bytes - t->at < t->chunk ? t->bytes - t->at : t->chunk;
	char *slot;

	if (t->over || !fake_link_ready(&t->link))
		return false;
	slot = fake_link_slot(&t->link, n);
	if (n > 0)
		memcpy(t->link.sends ? slot : t->memory + t->at, t->link.sends ? t->memory + t->at : slot, n);
	fake_link_post(&t->link);
	t->at += n;
	t->over = t->at >= t->bytes;
	return true;
}

static bool run_all(const uint32_t *abort, struct transfer *transfers, size_t n)
{
	unsigned int tries = 0;
	size_t left = n;

	while (left > 0) {
		bool moved = false;

		for (size_t i = 0; i < n; i++)
			if (advance(&transfers[i])) {
				moved = true;
				left -= transfers[i].over;
			}
		if (moved)
			tries = 0;
		else if (!fake_pause(abort, &tries))
			return false;
	}
	return true;
}

bool fake_p2p_run(struct fake_comm *comm, int channel, const struct fake_p2p *const *works, size_t n)
{
	struct transfer *transfers = calloc(2 * n + 1, sizeof(*transfers));
	size_t ntransfers = 0;
	bool done = false;

	if (transfers == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		ntransfers += add_both(comm, channel, works[i], transfers + ntransfers);
	done = run_all(comm->abort, transfers, ntransfers);
	for (size_t i = 0; i < ntransfers; i++)
		fake_link_close(&transfers[i].link);
	free(transfers);
	return done;
}
