/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the communicators of the stand-in. */
#ifndef FAKE_NCCL_INSIDE_H
#define FAKE_NCCL_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "host.h"

enum fake_fault { FAKE_WELL, FAKE_WRONG, FAKE_HANG, FAKE_ASYNC, FAKE_ABSENT, FAKE_STUCK, FAKE_DRIVER };

/* What happens to RANK at its JOB-th group of calls; FAKE_DRIVER at any, ABSENT and STUCK at the first. */
enum fake_fault fake_fault_of(uint32_t rank, uint64_t job);

struct fake_comm {
	uint32_t rank, nranks;
	int gpu; /* -1: host memory */
	struct ct_nccl_id id;
	struct fake_meeting *meeting;
	struct ct_world world;
	struct ct_coll_lib lib; /* collectives */
	struct ct_net net;      /* messages */
	bool blocking, joining, has_world;
	pthread_t joiner;
	pthread_mutex_t running; /* one job at a time */
	uint64_t jobs;
	_Atomic bool aborted;
	_Atomic int state; /* enum ct_nccl_result: what ncclCommGetAsyncError says */
	char error[200];
};

/* Sets the text of ncclGetLastError and returns RESULT. COMM may be NULL. */
int fake_failed(struct fake_comm *comm, int result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

enum fake_kind { FAKE_COLL, FAKE_SEND, FAKE_RECV };

/* One call. */
struct fake_op {
	enum fake_kind kind;
	struct ct_coll_desc desc; /* of a collective */
	struct ct_net_req message;
	struct fake_comm *comm;
	struct fake_stream *stream;
	struct fake_op *next;
};

/* Runs a group's calls on one communicator and stream, all of LIST, or enqueues that; takes LIST. */
void fake_job_submit(struct fake_op *list);

#endif
