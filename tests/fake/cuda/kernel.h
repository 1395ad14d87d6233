/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the emulator of libnccl's ring/simple kernels. */
#ifndef FAKE_CUDA_KERNEL_H
#define FAKE_CUDA_KERNEL_H

#include <stdbool.h>

#include "layout.h"

/* NCCL's order. */
enum { FAKE_BROADCAST, FAKE_REDUCE, FAKE_ALLGATHER, FAKE_REDUCE_SCATTER, FAKE_ALLREDUCE, FAKE_SENDRECV };
enum { FAKE_SUM, FAKE_PROD, FAKE_MINMAX, FAKE_PREMULSUM, FAKE_SUMPOSTDIV, FAKE_OPS };
enum { FAKE_INT8, FAKE_UINT8, FAKE_INT32, FAKE_UINT32, FAKE_INT64, FAKE_UINT64, FAKE_FLOAT16,
	FAKE_FLOAT32, FAKE_FLOAT64, FAKE_BFLOAT16, FAKE_FLOAT8_1, FAKE_FLOAT8_2, FAKE_TYPES };

/* What a function number of the library stands for. */
struct fake_function {
	int coll, op, type;
	bool known; /* ring/simple, or send and receive */
};
struct fake_function fake_function_of(unsigned int number);

/* works.c: one work, aligned. */
union fake_work {
	struct fake_coll coll;
	struct fake_p2p p2p;
	char bytes[sizeof(struct fake_coll)];
};
/* How many works BATCH has, the first ROOM of them copied to WORKS: they lie behind the batches, in memory
 * of their own, or in a ring, whose end may part one between two of its pieces. */
size_t fake_works_of(const struct fake_arguments *arguments, const struct fake_batch *batch,
	union fake_work *works, size_t room);

/* fold.c: elements. */
struct fake_fold {
	int op, type;
	uint64_t argument;
};
size_t fake_type_bytes(int type);
/* TO = OWN folded into RECEIVED; OWN as it goes out where RECEIVED is NULL. LAST: the result. */
void fake_fold(const struct fake_fold *fold, char *to, const char *received, const char *own, size_t n,
	bool last);

/* link.c: one direction of a connection, as a kernel uses it. */
struct fake_link {
	struct fake_connection *at;
	const uint32_t *abort;
	uint64_t step;
	unsigned int slice_steps;
	bool sends;
};
void fake_link_open(struct fake_link *link, unsigned int chunk_steps, unsigned int slice_steps);
bool fake_link_ready(const struct fake_link *link);
char *fake_link_slot(const struct fake_link *link, size_t bytes);
void fake_link_post(struct fake_link *link);
void fake_link_close(const struct fake_link *link);
/* Waits a little longer each time; false: the communicator was aborted. */
bool fake_pause(const uint32_t *abort, unsigned int *tries);

/* ring.c, p2p.c: false when the communicator was aborted. */
bool fake_ring_run(struct fake_comm *comm, int channel, const struct fake_coll *work,
	const struct fake_function *function);
bool fake_p2p_run(struct fake_comm *comm, int channel, const struct fake_p2p *const *works, size_t n);

#endif
