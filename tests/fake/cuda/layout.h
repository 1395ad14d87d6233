/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What libnccl 2.28.9 puts into device memory for its kernels, as far as the emulator reads it; found by
 * looking at that library, names are ours. Another version may lay it out otherwise: fake_kernels_fit()
 * looks first.
 */
#ifndef FAKE_CUDA_LAYOUT_H
#define FAKE_CUDA_LAYOUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FAKE_PROTO_SIMPLE = 2, FAKE_PROTOS = 3, FAKE_STEPS = 8, FAKE_STAMPS = 64 };

/* Between a kernel and the proxy thread that serves its connection. */
struct fake_slot {
	int mode; /* 1: the data are at OFFSET of the buffer */
	int offset;
	ssize_t size;
	void *pointer;
};

struct fake_connection {
	char *buffers[FAKE_PROTOS];
	void *registered[FAKE_PROTOS];
	uint64_t *tail, *head; /* steps filled, steps emptied */
	int flags, shared, step_bytes, unused;
	void **exchange;
	uint64_t *exchange_argument;
	struct fake_slot *slots; /* NULL: no proxy */
	uint64_t step;
	char rest[40];
};

/* [0] serves collectives, [1] sends and receives. */
struct fake_peer {
	struct fake_connection send[2], receive[2];
};

struct fake_ring {
	int previous, next;
	const int *ranks; /* from this rank onward */
	int index, unused;
};

struct fake_channel {
	struct fake_peer **peers; /* by rank */
	struct fake_ring ring;
	char rest[320];
	uint64_t works; /* done so far */
	char end[8];
};

/* When a kernel took up and finished its last works; the library polls the counters. */
struct fake_stamps {
	struct {
		uint64_t counter, time_ns;
	} of[FAKE_STAMPS];
};

struct fake_comm {
	int rank, ranks, node, nodes;
	int buffer_bytes[FAKE_PROTOS], p2p_chunk;
	char rest[16];
	const uint32_t *abort;
	char unused[16];
	struct fake_stamps *started, *completed; /* by channel */
	char end[8];
	struct fake_channel channels[];
};

/* A kernel's argument; batches follow. */
struct fake_arguments {
	struct fake_comm *comm;
	uint64_t channels; /* a set: the nth of them begins with the nth batch */
	uint8_t storage;   /* 0: works lie behind the batches */
	uint8_t unused[3];
	uint32_t mask;     /* of offsets, when they lie in a ring */
	char *works;
};

struct fake_batch {
	uint32_t head; /* jump to the next 14 bits, next belongs to it 1, kind 2, function 15 */
	uint32_t offset;
	uint64_t set; /* bit i: a work at OFFSET + i * its size */
};

enum { FAKE_WORK_P2P, FAKE_WORK_COLL };

struct fake_coll {
	uint8_t first, last, warps, flags; /* channels; flag 1: the argument is in memory */
	uint32_t root;
	char *receive;
	const char *send;
	char unused[32];
	size_t counts[3]; /* elements of the first, each middle, the last channel */
	uint64_t chunks;  /* three times 21 bits: in 512 bytes */
	uint64_t argument;
};

struct fake_p2p {
	const char *send;
	char *receive;
	size_t send_bytes, receive_bytes;
	int to, from;
	uint8_t channels, base, send_channels, receive_channels, send_chunk, receive_chunk, flags, unused;
};

_Static_assert(sizeof(struct fake_connection) == 152, "connection");
_Static_assert(sizeof(struct fake_peer) == 608, "peer");
_Static_assert(sizeof(struct fake_channel) == 368, "channel");
_Static_assert(offsetof(struct fake_channel, works) == 352, "works of a channel");
_Static_assert(offsetof(struct fake_comm, abort) == 48, "abort");
_Static_assert(offsetof(struct fake_comm, started) == 72, "stamps");
_Static_assert(offsetof(struct fake_comm, channels) == 96, "channels");
_Static_assert(sizeof(struct fake_arguments) == 32, "arguments");
_Static_assert(sizeof(struct fake_batch) == 16, "batch");
_Static_assert(sizeof(struct fake_coll) == 96, "collective");
_Static_assert(sizeof(struct fake_p2p) == 48, "send and receive");

#endif
