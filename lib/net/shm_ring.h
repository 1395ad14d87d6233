/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside shm: the layout of shared memory and one direction between two ranks.
 *
 * Every rank owns one area (a memfd): a head, then one ring for each other rank, which alone
 * writes into it. A ring is a row of cells. The producer fills a cell and then publishes it by its
 * turn (a release store into the cell itself, so that a small message costs the transfer of one
 * cache line); the consumer tells from time to time how many cells it has emptied. Lines written
 * by different ranks are 128 bytes apart, since processors fetch lines in pairs.
 */
#ifndef CT_NET_SHM_RING_H
#define CT_NET_SHM_RING_H

#include <stdalign.h>
#include <stdatomic.h>

#include "queue.h"

enum { CT_SHM_LINE = 128, CT_SHM_FRAGMENT = 1, CT_SHM_SINGLE = 2 };

/* One cell, followed by its payload. Nothing in it is trusted by the reader. */
struct ct_shm_cell {
	_Atomic uint32_t turn; /* number of this cell in the life of the ring, from 1 on */
	uint32_t kind_bytes;   /* kind << 28 | payload bytes */
	uint64_t total;        /* length of the whole message */
};

/* The consumer's words of a ring, followed by its cells. */
struct ct_shm_ring {
	alignas(CT_SHM_LINE) _Atomic uint64_t emptied; /* cells given back so far */
	_Atomic uint64_t singles;                      /* single copies finished so far */
	alignas(CT_SHM_LINE) unsigned char cells[];
};

struct ct_shm_shape {
	uint32_t cell_bytes, ncells; /* ncells is a power of two */
	uint64_t stride;             /* of a cell: its head and payload in whole lines */
	uint64_t ring_bytes;
	uint64_t single_bytes;       /* 0 = never */
};

/* How bytes are taken out of another rank's memory. */
struct ct_shm_reader {
	int32_t pid; /* of the other rank; our own for threads as ranks */
	void *bounce;
	uint64_t bounce_bytes;
};

/* Producer's side of one direction. */
struct ct_shm_out {
	struct ct_shm_ring *ring;
	uint64_t filled, emptied; /* cells; emptied as last seen */
	uint64_t acked;           /* single copies that were completed here */
	struct ct_fifo sends, singles;
	uint32_t peer;
};

/* Consumer's side. */
struct ct_shm_in {
	struct ct_shm_ring *ring;
	uint64_t emptied, told;
	uint64_t remote; /* address of the single copy under way in the producer's memory */
	bool single;
	struct ct_fifo recvs;
	uint32_t peer;
};

/* Moves what can be moved now; *MOVED is set when something was. An error is one of the peer: the
 * caller fails every request of that peer. */
ct_status ct_shm_push(const struct ct_shm_shape *shape, struct ct_shm_out *out, bool *moved);
ct_status ct_shm_pull(const struct ct_shm_shape *shape, struct ct_shm_in *in,
	const struct ct_shm_reader *reader, bool *moved);

/* Copies BYTES from address FROM of another rank. CT_PEER (it is gone), CT_IO (not permitted). */
ct_status ct_shm_read(const struct ct_shm_reader *reader, uint32_t peer, uint64_t from, void *to,
	uint64_t bytes);

#endif
