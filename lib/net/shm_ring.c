/* SPDX-License-Identifier: BSD-3-Clause */
/* One direction of shm: filling and emptying rings, and the single copy. See shm_ring.h. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "shm_ring.h"

/* A single copy moves at most so much in one call, so that a poll never takes long. */
enum { SINGLE_STEP = 1 << 20, KIND_SHIFT = 28, LENGTH_MASK = (1 << KIND_SHIFT) - 1 };

static struct ct_shm_cell *cell_at(const struct ct_shm_shape *shape, struct ct_shm_ring *ring,
	uint64_t number)
{
	return (void *)(ring->cells + (number & (shape->ncells - 1)) * shape->stride);
}

static bool has_room(const struct ct_shm_shape *shape, struct ct_shm_out *out)
{
	if (out->filled - out->emptied < shape->ncells)
		return true;
	out->emptied = atomic_load_explicit(&out->ring->emptied, memory_order_acquire);
	return out->filled - out->emptied < shape->ncells;
}

static void publish(const struct ct_shm_shape *shape, struct ct_shm_out *out, uint32_t kind,
	uint32_t bytes, uint64_t total)
{
	struct ct_shm_cell *cell = cell_at(shape, out->ring, out->filled++);

	cell->kind_bytes = kind << KIND_SHIFT | bytes;
	cell->total = total;
	atomic_store_explicit(&cell->turn, (uint32_t)out->filled, memory_order_release);
}

/* Takes back the sends whose memory the receiver has read. */
static void take_acks(struct ct_shm_out *out, bool *moved)
{
	uint64_t done = atomic_load_explicit(&out->ring->singles, memory_order_acquire);

	while (out->singles.head != NULL && out->acked != done) {
		ct_fifo_pop(&out->singles)->status = CT_OK;
		out->acked++;
		*moved = true;
	}
}

/* Puts what fits of the first send; true when it is in the ring as a whole. */
static bool put_fragments(const struct ct_shm_shape *shape, struct ct_shm_out *out,
	struct ct_net_req *req, bool *moved)
{
	do {
		struct ct_shm_cell *cell = cell_at(shape, out->ring, out->filled);
		uint64_t n = req->bytes - req->done;

		if (!has_room(shape, out))
			return false;
		n = n < shape->cell_bytes ? n : shape->cell_bytes;
		if (n > 0)
			memcpy(cell + 1, (const char *)req->data + req->done, n);
		publish(shape, out, CT_SHM_FRAGMENT, (uint32_t)n, req->bytes);
		req->done += n;
		*moved = true;
	} while (req->done < req->bytes);
	return true;
}

static bool put_single(const struct ct_shm_shape *shape, struct ct_shm_out *out,
	const struct ct_net_req *req)
{
	uint64_t address = (uintptr_t)req->data;

	if (!has_room(shape, out))
		return false;
	memcpy(cell_at(shape, out->ring, out->filled) + 1, &address, sizeof(address));
	publish(shape, out, CT_SHM_SINGLE, sizeof(address), req->bytes);
	return true;
}

ct_status ct_shm_push(const struct ct_shm_shape *shape, struct ct_shm_out *out, bool *moved)
{
	if (out->singles.head != NULL)
		take_acks(out, moved);
	while (out->sends.head != NULL) {
		struct ct_net_req *req = out->sends.head;
		bool single = shape->single_bytes > 0 && req->bytes >= shape->single_bytes;

		if (!(single ? put_single(shape, out, req) : put_fragments(shape, out, req, moved)))
			break;
		*moved = true;
		ct_fifo_pop(&out->sends);
		if (single)
			ct_fifo_push(&out->singles, req);
		else
			req->status = CT_OK;
	}
	return CT_OK;
}

ct_status ct_shm_read(const struct ct_shm_reader *reader, uint32_t peer, uint64_t from, void *to,
	uint64_t bytes)
{
	while (bytes > 0) {
		struct iovec here = { to, bytes }, there = { (void *)(uintptr_t)from, bytes };
		ssize_t n = process_vm_readv(reader->pid, &here, 1, &there, 1, 0);

		if (n <= 0)
			return ct_fail(n < 0 && errno == ESRCH ? CT_PEER : CT_IO,
				"cannot read the memory of rank %u (process %d): %s", peer,
					reader->pid,
				n < 0 ? strerror(errno) : "nothing there");
		to = (char *)to + n;
		from += (uint64_t)n;
		bytes -= (uint64_t)n;
	}
	return CT_OK;
}

/* Gives cells back in lots, to keep the producer's line quiet; never so late that it could starve:
 * a lot is a quarter of the ring. */
static void give_back(const struct ct_shm_shape *shape, struct ct_shm_in *in)
{
	in->emptied++;
	if (in->emptied - in->told < shape->ncells / 4)
		return;
	in->told = in->emptied;
	atomic_store_explicit(&in->ring->emptied, in->emptied, memory_order_release);
}

/* One step of the single copy under way; true in *WHOLE at its end. */
static ct_status read_step(struct ct_shm_in *in, const struct ct_shm_reader *reader, bool *whole)
{
	struct ct_net_req *req = in->recvs.head;
	uint64_t until = req->bytes - req->done > SINGLE_STEP ? req->done + SINGLE_STEP :
		req->bytes;
	ct_status s = CT_OK;

	while (req->done < until && s == CT_OK) {
		uint64_t n = until - req->done;

		if (req->sink == NULL) {
			s = ct_shm_read(reader, in->peer, in->remote + req->done,
				(char *)req->data + req->done,
				n);
		} else {
			n = n < reader->bounce_bytes ? n : reader->bounce_bytes;
			s = ct_shm_read(reader, in->peer, in->remote + req->done, reader->bounce,
				n);
			if (s == CT_OK)
				req->sink(req->sink_arg, reader->bounce, req->done, n);
		}
		req->done += n;
	}
	*whole = req->done == req->bytes;
	return s;
}

static ct_status bad_cell(const struct ct_shm_in *in)
{
	return ct_fail(CT_CORRUPT, "shared memory from rank %u holds a broken message", in->peer);
}

/* Takes the next cell for REQ. Its fields are read once, then checked, then used. */
static ct_status take_cell(const struct ct_shm_shape *shape, struct ct_shm_in *in,
	struct ct_net_req *req, const struct ct_shm_cell *cell)
{
	uint32_t kind_bytes = *(const volatile uint32_t *)&cell->kind_bytes;
	uint64_t total = *(const volatile uint64_t *)&cell->total;
	uint32_t kind = kind_bytes >> KIND_SHIFT, bytes = kind_bytes & LENGTH_MASK;

	if (total != req->bytes)
		return ct_fail(CT_CORRUPT, "rank %u sent %llu bytes where %llu are expected",
			in->peer,
			(unsigned long long)total, (unsigned long long)req->bytes);
	if (kind == CT_SHM_SINGLE) {
		if (bytes != sizeof(in->remote) || req->done != 0)
			return bad_cell(in);
		memcpy(&in->remote, cell + 1, sizeof(in->remote));
		in->single = true;
		return CT_OK;
	}
	if (kind != CT_SHM_FRAGMENT || bytes > shape->cell_bytes || bytes > total - req->done ||
		(bytes < shape->cell_bytes && bytes != total - req->done))
		return bad_cell(in);
	if (bytes > 0 && req->sink != NULL)
		req->sink(req->sink_arg, cell + 1, req->done, bytes);
	else if (bytes > 0)
		memcpy((char *)req->data + req->done, cell + 1, bytes);
	req->done += bytes;
	return CT_OK;
}

static void finish(struct ct_shm_in *in)
{
	struct ct_net_req *req = ct_fifo_pop(&in->recvs);

	if (in->single) {
		uint64_t done = atomic_load_explicit(&in->ring->singles, memory_order_relaxed);

		in->single = false;
		atomic_store_explicit(&in->ring->singles, done + 1, memory_order_release);
	}
	req->status = CT_OK;
}

ct_status ct_shm_pull(const struct ct_shm_shape *shape, struct ct_shm_in *in,
	const struct ct_shm_reader *reader, bool *moved)
{
	ct_status s = CT_OK;

	while (in->recvs.head != NULL && s == CT_OK) {
		struct ct_net_req *req = in->recvs.head;
		struct ct_shm_cell *cell = cell_at(shape, in->ring, in->emptied);
		bool whole;

		if (in->single) {
			*moved = true;
			s = read_step(in, reader, &whole);
			if (s == CT_OK && whole)
				finish(in);
			return s; /* one step a call */
		}
		if (atomic_load_explicit(&cell->turn,
			memory_order_acquire) != (uint32_t)(in->emptied + 1))
			return CT_OK;
		*moved = true;
		s = take_cell(shape, in, req, cell);
		if (s != CT_OK)
			return s;
		give_back(shape, in);
		if (!in->single && req->done == req->bytes)
			finish(in);
	}
	return s;
}
