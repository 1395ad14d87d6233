/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A STAND-IN, on host memory, for a library with NCCL's ABI and for its device library with the ABI of
 * CUDA's driver, as vendors of NPUs ship them: one shared object, nccl-host.so, that serves as --nccl-lib
 * and as --gpu-lib. Collectives run over our own schedules and transports, between processes or threads
 * of one host; streams are threads. For tests, never installed; its times mean nothing about GPUs.
 * Set up by the environment (test only):
 *   CT_FAKE_NCCL_GPUS    how many GPUs the driver shows (8)
 *   CT_FAKE_NCCL_FAULT   KIND[:rank=R][:nth=N]: what goes wrong on rank R (0) at its N-th (1) group of
 *                        calls on a communicator: wrong (one bit of a result), hang, async (an error of
 *                        the communicator); absent: the rank never joins; stuck: its ncclCommDestroy never
 *                        returns; driver: no communicator can be made, as with an old driver
 */
#ifndef FAKE_NCCL_HOST_H
#define FAKE_NCCL_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "coll/nccl_api.h"

#define FAKE_API __attribute__((visibility("default")))

/* gpu.c */

/* The GPU whose context is the calling thread's; -1 = none. */
int fake_gpu_current(void);

/* Is [AT, AT + BYTES) memory that the driver gave out? */
bool fake_gpu_owns(const void *at, size_t bytes);

/* RUN(ARG) in the stream's order, or part of the graph that it captures. DROP(ARG) when it is over. */
struct fake_stream;
void fake_stream_add(struct fake_stream *stream, void (*run)(void *arg), void (*drop)(void *arg),
	void *arg);

/* meet.c: how the ranks of a communicator find each other */

struct fake_meeting;
bool fake_meeting_new(struct ct_nccl_id *id);
/* Joins the meeting of ID as RANK of NRANKS; NULL: not there any more. */
struct fake_meeting *fake_meeting_join(const struct ct_nccl_id *id, uint32_t rank, uint32_t nranks,
	const _Atomic bool *aborted);
const struct ct_boot *fake_meeting_boot(const struct fake_meeting *meeting);
void fake_meeting_leave(struct fake_meeting *meeting);

/* The exported functions, as cuda.h and nccl.h declare them, by plain types. */
FAKE_API int cuInit(unsigned int flags);
FAKE_API int cuDriverGetVersion(int *version);
FAKE_API int cuDeviceGetCount(int *n);
FAKE_API int cuDeviceGet(int *device, int ordinal);
FAKE_API int cuDeviceGetName(char *name, int room, int device);
FAKE_API int cuDeviceGetPCIBusId(char *id, int room, int device);
FAKE_API int cuDevicePrimaryCtxRetain(void **context, int device);
FAKE_API int cuDevicePrimaryCtxRelease_v2(int device);
FAKE_API int cuCtxSetCurrent(void *context);
FAKE_API int cuCtxSynchronize(void);
FAKE_API int cuMemAlloc_v2(void **at, size_t bytes);
FAKE_API int cuMemFree_v2(void *at);
FAKE_API int cuMemcpyHtoD_v2(void *to, const void *from, size_t bytes);
FAKE_API int cuMemcpyDtoH_v2(void *to, const void *from, size_t bytes);
FAKE_API int cuStreamCreate(struct fake_stream **stream, unsigned int flags);
FAKE_API int cuStreamDestroy_v2(struct fake_stream *stream);
FAKE_API int cuStreamQuery(struct fake_stream *stream);
FAKE_API int cuEventCreate(void **event, unsigned int flags);
FAKE_API int cuEventDestroy_v2(void *event);
FAKE_API int cuEventRecord(void *event, struct fake_stream *stream);
FAKE_API int cuEventSynchronize(void *event);
FAKE_API int cuEventElapsedTime(float *ms, void *from, void *to);
FAKE_API int cuGetErrorString(int error, const char **text);
FAKE_API int cuStreamBeginCapture_v2(struct fake_stream *stream, int mode);
FAKE_API int cuStreamEndCapture(struct fake_stream *stream, void **graph);
FAKE_API int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long flags);
FAKE_API int cuGraphLaunch(void *exec, struct fake_stream *stream);
FAKE_API int cuGraphExecDestroy(void *exec);
FAKE_API int cuGraphDestroy(void *graph);

FAKE_API int ncclGetVersion(int *version);
FAKE_API int ncclGetUniqueId(struct ct_nccl_id *id);
FAKE_API int ncclCommInitRank(void **comm, int nranks, struct ct_nccl_id id, int rank);
FAKE_API int ncclCommInitRankConfig(void **comm, int nranks, struct ct_nccl_id id, int rank,
	struct ct_nccl_config *config);
FAKE_API int ncclCommInitAll(void **comms, int n, const int *devices);
FAKE_API int ncclCommSplit(void *comm, int color, int key, void **made, struct ct_nccl_config *config);
FAKE_API int ncclCommFinalize(void *comm);
FAKE_API int ncclCommDestroy(void *comm);
FAKE_API int ncclCommAbort(void *comm);
FAKE_API int ncclCommGetAsyncError(void *comm, int *result);
FAKE_API int ncclCommCount(const void *comm, int *count);
FAKE_API int ncclCommCuDevice(const void *comm, int *device);
FAKE_API int ncclCommUserRank(const void *comm, int *rank);
FAKE_API const char *ncclGetErrorString(int result);
FAKE_API const char *ncclGetLastError(void *comm);
FAKE_API int ncclMemAlloc(void **at, size_t bytes);
FAKE_API int ncclMemFree(void *at);
FAKE_API int ncclCommRegister(const void *comm, void *at, size_t bytes, void **handle);
FAKE_API int ncclCommDeregister(const void *comm, void *handle);
FAKE_API int ncclCommWindowRegister(void *comm, void *at, size_t bytes, void **window, int flags);
FAKE_API int ncclCommWindowDeregister(void *comm, void *window);
FAKE_API int ncclAllReduce(const void *send, void *recv, size_t count, int type, int op, void *comm,
	struct fake_stream *stream);
FAKE_API int ncclReduce(const void *send, void *recv, size_t count, int type, int op, int root, void *comm,
	struct fake_stream *stream);
FAKE_API int ncclBroadcast(const void *send, void *recv, size_t count, int type, int root, void *comm,
	struct fake_stream *stream);
FAKE_API int ncclAllGather(const void *send, void *recv, size_t count, int type, void *comm,
	struct fake_stream *stream);
FAKE_API int ncclGather(const void *send, void *recv, size_t count, int type, int root, void *comm,
	struct fake_stream *stream);
FAKE_API int ncclScatter(const void *send, void *recv, size_t count, int type, int root, void *comm,
	struct fake_stream *stream);
FAKE_API int ncclReduceScatter(const void *send, void *recv, size_t count, int type, int op, void *comm,
	struct fake_stream *stream);
FAKE_API int ncclSend(const void *data, size_t count, int type, int peer, void *comm,
	struct fake_stream *stream);
FAKE_API int ncclRecv(void *data, size_t count, int type, int peer, void *comm, struct fake_stream *stream);
FAKE_API int ncclGroupStart(void);
FAKE_API int ncclGroupEnd(void);
FAKE_API int ncclGroupSimulateEnd(struct ct_nccl_sim *sim);

#endif
