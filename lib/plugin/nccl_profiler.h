/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NCCL's profiler interface as its public documentation gives it (NVIDIA/nccl, plugin/profiler versions 2 to
 * 6), as far as it tells of collectives, sends and receives, and their kernels; declared by us, names of members are ours. Read by
 * NCCL 2.24 and later; a library takes the newest version that it knows.
 */
#ifndef CT_PLUGIN_NCCL_PROFILER_H
#define CT_PLUGIN_NCCL_PROFILER_H

#include <stddef.h>
#include <stdint.h>

#include "nccl_tuner.h"

/* Bits of the mask, kinds of events, and the state in which a kernel's channel stops. */
enum { CT_NCCL_EVENT_COLL = 2, CT_NCCL_EVENT_P2P = 4, CT_NCCL_EVENT_KERNEL = 64, CT_NCCL_KERNEL_STOPPED = 22 };
#define CT_NCCL_LOG_PROFILE 16384ul

struct ct_nccl_coll_v2 {
	const char *comm_name;
	uint64_t comm, number;
	const char *func;
	const void *send;
	void *receive;
	size_t count;
	int root;
	const char *datatype;
	size_t traffic_bytes;
	uint8_t channels, warps;
	const char *algo, *proto;
};

struct ct_nccl_coll_v3 {
	const char *comm_name;
	uint64_t comm, number;
	const char *func;
	const void *send;
	void *receive;
	size_t count;
	int root;
	const char *datatype;
	uint8_t channels, warps;
	const char *algo, *proto;
};

/* And later. */
struct ct_nccl_coll_v4 {
	uint64_t number; /* of this function on this communicator, the same on every rank */
	const char *func;
	const void *send;
	void *receive;
	size_t count;
	int root;
	const char *datatype;
	uint8_t channels, warps;
	const char *algo, *proto;
};

struct ct_nccl_event_v2 {
	uint8_t type;
	void *parent;
	int rank;
	struct ct_nccl_coll_v2 coll;
};

struct ct_nccl_event_v3 {
	uint8_t type;
	void *parent;
	int rank;
	struct ct_nccl_coll_v3 coll;
};

/* A send or receive; version 4 and later. */
struct ct_nccl_p2p {
	const char *func;
	void *buffer;
	const char *datatype;
	size_t count;
	int peer;
	uint8_t channels;
};

/* A kernel's event belongs to a collective or to one of these, its parent; the timer is the GPU's. */
struct ct_nccl_kernel {
	uint8_t channel;
	uint64_t timer_ns;
};

struct ct_nccl_event_v4 {
	uint8_t type;
	void *parent;
	int rank;
	union {
		struct ct_nccl_coll_v4 coll;
		struct ct_nccl_p2p p2p;
		struct ct_nccl_kernel kernel;
	};
};

struct ct_nccl_event_v5 {
	uint64_t type;
	void *parent;
	int rank;
	union {
		struct ct_nccl_coll_v4 coll;
		struct ct_nccl_p2p p2p;
		struct ct_nccl_kernel kernel;
	};
};

/* Version 4 and later, for CT_NCCL_KERNEL_STOPPED. */
struct ct_nccl_kernel_state {
	uint64_t timer_ns;
};

struct ct_nccl_profiler_v2 {
	const char *name;
	int (*init)(void **context, int *mask);
	int (*start)(void *context, void **handle, const struct ct_nccl_event_v2 *event);
	int (*stop)(void *handle);
	int (*state)(void *handle, int state, const void *arguments);
	int (*finalize)(void *context);
};

struct ct_nccl_profiler_v3 {
	const char *name;
	int (*init)(void **context, int *mask);
	int (*start)(void *context, void **handle, const struct ct_nccl_event_v3 *event);
	int (*stop)(void *handle);
	int (*state)(void *handle, int state, const void *arguments);
	int (*finalize)(void *context);
};

struct ct_nccl_profiler_v4 {
	const char *name;
	int (*init)(void **context, int *mask, const char *comm_name, uint64_t comm, int nodes, int ranks,
		int rank, ct_nccl_log *log);
	int (*start)(void *context, void **handle, const struct ct_nccl_event_v4 *event);
	int (*stop)(void *handle);
	int (*state)(void *handle, int state, const struct ct_nccl_kernel_state *arguments);
	int (*finalize)(void *context);
};

/* Version 6 has the same shape, and further events that are not asked for. */
struct ct_nccl_profiler_v5 {
	const char *name;
	int (*init)(void **context, uint64_t comm, int *mask, const char *comm_name, int nodes, int ranks,
		int rank, ct_nccl_log *log);
	int (*start)(void *context, void **handle, const struct ct_nccl_event_v5 *event);
	int (*stop)(void *handle);
	int (*state)(void *handle, int state, const struct ct_nccl_kernel_state *arguments);
	int (*finalize)(void *context);
};

#endif
