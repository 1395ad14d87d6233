/* SPDX-License-Identifier: BSD-3-Clause */
/* What the profiler plugin keeps of one communicator's rank. */
#ifndef CT_PLUGIN_PROFILE_H
#define CT_PLUGIN_PROFILE_H

#include <stdatomic.h>

#include "base/base.h"
#include "nccl_profiler.h"
#include "plugin.h"

/* The last so many collectives are kept, and so many sends and receives; far more than NCCL ever has under way
 * (64 a channel). */
enum { CT_PROFILE_EVENTS = 8192 };

/* Texts are NCCL's own constants. */
struct ct_profile_event {
	_Atomic uint64_t number;           /* 1, 2, …, whichever is in this place; 0 = none */
	_Atomic uint64_t start_ns, end_ns; /* of the first and the last channel; UINT64_MAX, 0: none seen */
	uint64_t sequence; /* NCCL's number of this function */
	size_t count;
	const void *send, *receive;
	const char *func, *datatype, *algo, *proto;
	int channels, peer; /* peer: of a send or receive */
};

struct ct_profile_ring {
	_Atomic uint64_t seen;
	struct ct_profile_event events[CT_PROFILE_EVENTS];
};

struct ct_profile {
	ct_nccl_log *log; /* NULL: NCCL gave none */
	uint64_t comm;
	int rank, ranks, nodes; /* ranks, nodes 0: not told */
	bool gpu_clock;         /* or when the host saw it */
	int *mask;              /* NCCL's: what it tells of */
	int events;             /* what of that is asked for */
	bool sparing;           /* it tells only while somebody watches */
	char gpu[64];           /* what the driver calls the first one; "" = not told */
	struct ct_profile_ring colls, p2ps;
};

/* Writes DIR/nccl-COMM-RANK-PROCESS.jsonl (mode 0600, no links followed): a record of the communicator, then
 * one per collective kept, oldest first, then so of sends and receives (docs/formats.md). CT_IO, CT_NOMEM. */
ct_status ct_profile_write(const struct ct_profile *profile, const char *dir);

/* One line for a log: how many, how long in all, the longest. */
void ct_profile_summary(const struct ct_profile *profile, char *line, size_t room);

/* The last collective with these buffers among the last CT_PROFILE_LOOK; false: none. */
enum { CT_PROFILE_LOOK = 64 };
bool ct_profile_find(const struct ct_profile *profile, const void *send, const void *receive,
	struct ct_profiler_choice *choice);

/* Bytes as nccl-tests count them: the longer of what a rank sends and receives; 0 = not known. */
uint64_t ct_profile_bytes(const struct ct_profile *profile, const struct ct_profile_event *event);

#endif
