/* SPDX-License-Identifier: BSD-3-Clause */
/* The five collectives on a ring, protocol simple, as one channel runs its part of them. */
#include <string.h>

#include "kernel.h"

enum { GRAIN = 512, CHUNK_ALIGN = 16 };

struct run {
	struct fake_link receive, send;
	struct fake_fold fold;
	const struct fake_coll *work;
	const uint32_t *abort;
	const int *ring; /* ranks from this one onward */
	int ranks, index;
	unsigned int slices;
	size_t bytes;                         /* of an element */
	size_t whole, offset, count, chunk;   /* elements: of all channels, and this one's */
};

/* What happens to N elements: OWN is what this rank puts in, OUT where the outcome is kept. */
struct piece {
	const char *own;
	char *out;
	size_t n;
	bool receive, send, last;
};

static bool wait_for(const struct run *run, const struct fake_link *link)
{
	unsigned int tries = 0;

	while (!fake_link_ready(link))
		if (!fake_pause(run->abort, &tries))
			return false;
	return true;
}

static void move(const struct run *run, const struct piece *piece, size_t at, size_t n)
{
	const char *received = piece->receive ? fake_link_slot(&run->receive, n * run->bytes) : NULL;
	char *sent = piece->send ? fake_link_slot(&run->send, n * run->bytes) : NULL;
	char *out = piece->out != NULL ? piece->out + at * run->bytes : NULL;
	char *first = out != NULL ? out : sent;

	if (n == 0)
		return;
	if (piece->own != NULL)
		fake_fold(&run->fold, first, received, piece->own + at * run->bytes, n, piece->last);
	else
		memcpy(first, received, n * run->bytes);
	if (out != NULL && sent != NULL)
		memcpy(sent, out, n * run->bytes);
}

/* A piece passes in slices; all of them are posted, empty or not, since the proxies count them. */
static bool pass(struct run *run, const struct piece *piece)
{
	size_t slice = (piece->n + run->slices - 1) / run->slices;

	slice = (slice + CHUNK_ALIGN - 1) / CHUNK_ALIGN * CHUNK_ALIGN;
	for (size_t i = 0; i < run->slices; i++) {
		size_t at = i * slice < piece->n ? i * slice : piece->n;
		size_t n = piece->n - at < slice ? piece->n - at : slice;

		if ((piece->receive && !wait_for(run, &run->receive)) ||
			(piece->send && !wait_for(run, &run->send)))
			return false;
		move(run, piece, at, n);
		if (piece->receive)
			fake_link_post(&run->receive);
		if (piece->send)
			fake_link_post(&run->send);
	}
	return true;
}

/* Part INDEX of the LEFT elements at AT, in parts of CHUNK. */
static struct piece part_of(const struct run *run, size_t at, size_t left, size_t chunk, int index)
{
	size_t skip = (size_t)(index % run->ranks) * chunk;
	size_t n = skip >= left ? 0 : left - skip < chunk ? left - skip : chunk;
	size_t byte = (run->offset + at + (n > 0 ? skip : 0)) * run->bytes;

	return (struct piece){ run->work->send + byte, run->work->receive + byte, n, true, true, false };
}

/* Each part goes round once to be summed and once more to be told. */
static bool all_reduce_once(struct run *run, size_t at, size_t left, size_t chunk)
{
	int ranks = run->ranks;
	struct piece piece;

	for (int j = 1; j < ranks; j++) {
		piece = part_of(run, at, left, chunk, run->index + ranks - j);
		piece.out = NULL;
		piece.receive = j > 1;
		if (!pass(run, &piece))
			return false;
	}
	piece = part_of(run, at, left, chunk, run->index);
	piece.last = true;
	if (!pass(run, &piece))
		return false;
	for (int j = 1; j < ranks; j++) {
		piece = part_of(run, at, left, chunk, run->index + ranks - j);
		piece.own = NULL;
		piece.send = j < ranks - 1;
		if (!pass(run, &piece))
			return false;
	}
	return true;
}

static bool all_reduce(struct run *run)
{
	size_t ranks = (size_t)run->ranks, grain = CHUNK_ALIGN / run->bytes;

	for (size_t at = 0; at < run->count; at += ranks * run->chunk) {
		size_t left = run->count - at, chunk = run->chunk;

		if (left < ranks * chunk) {
			chunk = (left + ranks - 1) / ranks;
			chunk = (chunk + grain - 1) / grain * grain;
		}
		if (!all_reduce_once(run, at, left, chunk))
			return false;
	}
	return true;
}

static bool reduce_scatter_once(struct run *run, size_t at, size_t n)
{
	const char *own = run->work->send + (run->offset + at) * run->bytes;

	for (int j = 1; j <= run->ranks; j++) {
		size_t block = (size_t)run->ring[(run->ranks - j) % run->ranks] * run->whole * run->bytes;
		bool last = j == run->ranks;
		struct piece piece = { own + block,
			last ? run->work->receive + (run->offset + at) * run->bytes : NULL, n, j > 1, !last,
			last };

		if (!pass(run, &piece))
			return false;
	}
	return true;
}

static bool all_gather_once(struct run *run, size_t at, size_t n)
{
	size_t byte = run->offset + at; /* elements are bytes here */

	for (int j = 0; j < run->ranks; j++) {
		size_t block = (size_t)run->ring[(run->ranks - j) % run->ranks] * run->whole;
		struct piece piece = { j == 0 ? run->work->send + byte : NULL,
			run->work->receive + block + byte, n, j > 0, j < run->ranks - 1, false };

		if (!pass(run, &piece))
			return false;
	}
	return true;
}

static bool broadcast_once(struct run *run, size_t at, size_t n)
{
	size_t byte = run->offset + at;
	int root = (int)run->work->root;
	bool mine = run->ring[0] == root;
	struct piece piece = { mine ? run->work->send + byte : NULL, run->work->receive + byte, n, !mine,
		run->ring[1] != root, false };

	return pass(run, &piece);
}

static bool reduce_once(struct run *run, size_t at, size_t n)
{
	size_t byte = (run->offset + at) * run->bytes;
	int root = (int)run->work->root;
	bool mine = run->ring[0] == root;
	struct piece piece = { run->work->send + byte, mine ? run->work->receive + byte : NULL, n,
		run->ring[run->ranks - 1] != root, !mine, mine };

	return pass(run, &piece);
}

static bool by_chunks(struct run *run, bool (*once)(struct run *run, size_t at, size_t n))
{
	for (size_t at = 0; at < run->count; at += run->chunk) {
		size_t left = run->count - at;

		if (!once(run, at, left < run->chunk ? left : run->chunk))
			return false;
	}
	return true;
}

static bool run_one(struct run *run, int coll)
{
	switch (coll) {
	case FAKE_ALLREDUCE:
		return all_reduce(run);
	case FAKE_ALLGATHER:
		return by_chunks(run, all_gather_once);
	case FAKE_REDUCE_SCATTER:
		return by_chunks(run, reduce_scatter_once);
	case FAKE_BROADCAST:
		return by_chunks(run, broadcast_once);
	default:
		return by_chunks(run, reduce_once);
	}
}

/* Which of the elements are this channel's, and in what chunks. */
static void take_part(struct run *run, int channel)
{
	const struct fake_coll *work = run->work;
	int which = channel == work->first ? 0 : channel == work->last ? 2 : 1;
	size_t middles = work->last > work->first ? (size_t)(work->last - work->first - 1) : 0;

	run->whole = work->counts[0];
	if (work->last > work->first)
		run->whole += middles * work->counts[1] + work->counts[2];
	if (which == 1)
		run->offset = work->counts[0] + (size_t)(channel - work->first - 1) * work->counts[1];
	else
		run->offset = which == 0 ? 0 : work->counts[0] + middles * work->counts[1];
	run->count = work->counts[which];
	run->chunk = (work->chunks >> 21 * which & 0x1fffff) * GRAIN / run->bytes;
}

static uint64_t argument_of(const struct fake_coll *work, size_t bytes)
{
	uint64_t value = work->argument;

	if ((work->flags & 1) != 0)
		memcpy(&value, (const void *)(uintptr_t)work->argument, bytes);
	return value;
}

bool fake_ring_run(struct fake_comm *comm, int channel, const struct fake_coll *work,
	const struct fake_function *function)
{
	const struct fake_ring *ring = &comm->channels[channel].ring;
	struct fake_peer **peers = comm->channels[channel].peers;
	bool rooted = function->coll == FAKE_BROADCAST || function->coll == FAKE_REDUCE, done;
	struct run run = { .receive = { &peers[ring->previous]->receive[0], comm->abort, 0, 0, false },
		.send = { &peers[ring->next]->send[0], comm->abort, 0, 0, true }, .work = work,
		.abort = comm->abort, .ring = ring->ranks, .ranks = comm->ranks, .index = ring->index,
		.slices = rooted ? 1 : 2, .bytes = fake_type_bytes(function->type) };

	if (channel < work->first || channel > work->last)
		return true;
	run.fold = (struct fake_fold){ function->op, function->type, argument_of(work, run.bytes) };
	take_part(&run, channel);
	fake_link_open(&run.receive, rooted ? 1 : 4, rooted ? 1 : 2);
	fake_link_open(&run.send, rooted ? 1 : 4, rooted ? 1 : 2);
	done = run.chunk > 0 && run_one(&run, function->coll);
	fake_link_close(&run.receive);
	fake_link_close(&run.send);
	return done;
}
