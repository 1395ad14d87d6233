/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The emulator of libnccl's kernels: reads a launch's argument, finds the works of each channel and runs
 * those of algorithm ring with protocol simple, and sends and receives, on the connections that the
 * library has made. A kernel that it does not know ends the process with a line.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"
#include "kernel.h"

enum { CHANNELS_MOST = 64, WORKS_MOST = 256, PROTOS = 3, RING = 1, ROWS = 1997 };

struct task {
	const struct fake_arguments *arguments;
	int channel;
	size_t batch;
};

/* Rows of the library's table are counted through collectives, operations, types, algorithms and
 * protocols; these say how many algorithms each collective has, and which of them is ring. */
struct rows {
	int coll, algos, ring;
	bool reduces;
};
static const struct rows order[] = {
	{ FAKE_ALLGATHER, 4, 0, false }, { FAKE_BROADCAST, 1, 0, false }, { FAKE_ALLREDUCE, 6, RING, true },
	{ FAKE_REDUCE, 1, 0, true }, { FAKE_REDUCE_SCATTER, 4, 0, true },
};

static void refuse(const char *what, unsigned int number)
{
	fprintf(stderr, "fake-cuda: the stand-in runs ring/simple kernels only, not %s %u: NCCL_ALGO=Ring "
		"NCCL_PROTO=Simple NCCL_P2P_LL_THRESHOLD=0\n", what, number);
	abort();
}

/* The row is ring/simple of COLLS; sets OP and TYPE. */
static bool is_ours(const struct rows *coll, int row, struct fake_function *function)
{
	int cells = coll->algos * PROTOS, cell = row % cells;

	function->coll = coll->coll;
	function->op = coll->reduces ? row / cells / FAKE_TYPES : FAKE_SUM;
	function->type = coll->reduces ? row / cells % FAKE_TYPES : FAKE_INT8;
	return cell == coll->ring * PROTOS + FAKE_PROTO_SIMPLE && function->type < FAKE_FLOAT8_1;
}

struct fake_function fake_function_of(unsigned int number)
{
	struct fake_function function = { .coll = FAKE_SENDRECV, .known = true };
	size_t nids = 0;
	const int *ids = fake_function_ids(&nids);
	int row = 1;

	if (nids != ROWS)
		refuse("this build of libnccl: function", number);
	if ((unsigned int)ids[0] == number)
		return function;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		int rows = order[i].algos * PROTOS * (order[i].reduces ? FAKE_OPS * FAKE_TYPES : 1);

		for (int r = 0; r < rows; r++)
			if ((unsigned int)ids[row + r] == number && is_ours(&order[i], r, &function))
				return function;
		row += rows;
	}
	function.known = false;
	return function;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The time first: who sees the counter reads it. */
static void stamp(struct fake_stamps *stamps, uint64_t done, size_t n)
{
	if (stamps == NULL)
		return;
	for (uint64_t work = done + 1; work <= done + n; work++) {
		__atomic_store_n(&stamps->of[work % FAKE_STAMPS].time_ns, now_ns(), __ATOMIC_RELAXED);
		__atomic_store_n(&stamps->of[work % FAKE_STAMPS].counter, work, __ATOMIC_RELEASE);
	}
}

static bool run_works(const struct task *task, unsigned int number, const union fake_work *works, size_t n)
{
	struct fake_comm *comm = task->arguments->comm;
	struct fake_channel *channel = &comm->channels[task->channel];
	struct fake_function function = fake_function_of(number);
	const struct fake_p2p *messages[WORKS_MOST];
	bool done = true;

	if (!function.known)
		refuse("function", number);
	for (size_t i = 0; i < n; i++)
		messages[i] = &works[i].p2p;
	stamp(comm->started != NULL ? comm->started + task->channel : NULL, channel->works, n);
	if (function.coll == FAKE_SENDRECV)
		done = fake_p2p_run(comm, task->channel, messages, n);
	else
		for (size_t i = 0; i < n && done; i++)
			done = fake_ring_run(comm, task->channel, &works[i].coll, &function);
	stamp(comm->completed != NULL ? comm->completed + task->channel : NULL, channel->works, n);
	channel->works += n;
	return done;
}

static void *run_channel(void *argument)
{
	const struct task *task = argument;
	const struct fake_batch *batches = (const void *)(task->arguments + 1);
	union fake_work works[WORKS_MOST];
	size_t at = task->batch, n = 0;

	for (bool more = true; more;) {
		const struct fake_batch *batch = &batches[at];
		unsigned int jump = batch->head & 0x3fff, kind = batch->head >> 15 & 3;

		if (kind != FAKE_WORK_P2P && kind != FAKE_WORK_COLL)
			refuse("registered buffers: work of kind", kind);
		n += fake_works_of(task->arguments, batch, works + n, WORKS_MOST - n);
		if (n > WORKS_MOST)
			refuse("so many works: more than", WORKS_MOST);
		if ((batch->head >> 14 & 1) == 0) {
			more = run_works(task, batch->head >> 17, works, n);
			n = 0;
		}
		at += jump;
		more = more && jump != 0;
	}
	return NULL;
}

/* A thread per channel, this one among them. */
void fake_kernel_run(void *argument)
{
	const struct fake_arguments *arguments = argument;
	struct task tasks[CHANNELS_MOST];
	pthread_t threads[CHANNELS_MOST];
	size_t n = 0;

	for (int channel = 0; channel < CHANNELS_MOST; channel++)
		if ((arguments->channels >> channel & 1) != 0) {
			tasks[n] = (struct task){ arguments, channel, n };
			n++;
		}
	for (size_t i = 1; i < n; i++)
		if (pthread_create(&threads[i], NULL, run_channel, &tasks[i]) != 0)
			refuse("without threads: channel", (unsigned int)i);
	if (n > 0)
		run_channel(&tasks[0]);
	for (size_t i = 1; i < n; i++)
		pthread_join(threads[i], NULL);
	free(argument);
}
