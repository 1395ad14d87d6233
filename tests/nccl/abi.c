/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What we say about NCCL and about CUDA's driver (lib/coll/nccl_api.h, lib/gpu/gpu.h), compared with
 * nccl.h and cuda.h where they are installed, at compile time. Each function is
 * called with the types of our prototype, with -Wconversion, so that a missing, additional, or exchanged
 * parameter is an error; sizes, offsets and values are asserted. Only compiled: an archive nobody links.
 */
#include <cuda.h>
#include <nccl.h>
#include <stddef.h>

#include "coll/nccl_api.h"

#define SAME(ours, theirs) _Static_assert((long long)(ours) == (long long)(theirs), #ours " is not " #theirs)

SAME(CT_NCCL_SUCCESS, ncclSuccess);
SAME(CT_NCCL_CUDA, ncclUnhandledCudaError);
SAME(CT_NCCL_SYSTEM, ncclSystemError);
SAME(CT_NCCL_INTERNAL, ncclInternalError);
SAME(CT_NCCL_ARGUMENT, ncclInvalidArgument);
SAME(CT_NCCL_USAGE, ncclInvalidUsage);
SAME(CT_NCCL_REMOTE, ncclRemoteError);
SAME(CT_NCCL_IN_PROGRESS, ncclInProgress);
SAME(CT_NCCL_INT8, ncclInt8);
SAME(CT_NCCL_INT32, ncclInt32);
SAME(CT_NCCL_INT64, ncclInt64);
SAME(CT_NCCL_HALF, ncclFloat16);
SAME(CT_NCCL_FLOAT, ncclFloat32);
SAME(CT_NCCL_DOUBLE, ncclFloat64);
SAME(CT_NCCL_BFLOAT16, ncclBfloat16);
SAME(CT_NCCL_SUM, ncclSum);
SAME(CT_NCCL_PROD, ncclProd);
SAME(CT_NCCL_MAX, ncclMax);
SAME(CT_NCCL_MIN, ncclMin);
SAME(CT_NCCL_SYMMETRIC, NCCL_WIN_COLL_SYMMETRIC);
SAME(sizeof(struct ct_nccl_id), sizeof(ncclUniqueId));
SAME(_Alignof(struct ct_nccl_id), _Alignof(ncclUniqueId));
SAME(sizeof(ncclResult_t), sizeof(int));
SAME(sizeof(ncclDataType_t), sizeof(int));
SAME(sizeof(ncclRedOp_t), sizeof(int));
SAME(sizeof(ncclComm_t), sizeof(void *));
SAME(sizeof(cudaStream_t), sizeof(void *));
SAME(sizeof(ncclWindow_t), sizeof(void *));
SAME(offsetof(struct ct_nccl_config, magic), offsetof(ncclConfig_t, magic));
SAME(offsetof(struct ct_nccl_config, version), offsetof(ncclConfig_t, version));
SAME(offsetof(struct ct_nccl_config, blocking), offsetof(ncclConfig_t, blocking));
SAME(CT_NCCL_CONFIG_VERSION, NCCL_VERSION(2, 14, 0));
SAME(sizeof(struct ct_nccl_sim), sizeof(ncclSimInfo_t));
SAME(offsetof(struct ct_nccl_sim, us), offsetof(ncclSimInfo_t, estimatedTime));
SAME(CT_NCCL_SIM_VERSION, NCCL_VERSION(2, 22, 0));
SAME(sizeof(CUdeviceptr), sizeof(void *));
SAME(sizeof(CUdevice), sizeof(int));
SAME(sizeof(CUresult), sizeof(int));
SAME(CT_GPU_NOT_READY, CUDA_ERROR_NOT_READY);
SAME(CT_GPU_NONBLOCKING, CU_STREAM_NON_BLOCKING);
SAME(CT_GPU_RELAXED, CU_STREAM_CAPTURE_MODE_RELAXED);

/* One call of theirs with parameters of ours; TYPE name, … as in struct ct_nccl_calls. */
#define CHECK(result, field, params, call)                                                          \
	static result check_##field params                                                          \
	{                                                                                           \
		return (result)(call);                                                              \
	}

#define COMM ((ncclComm_t)comm)
#define STREAM ((cudaStream_t)stream)
static ncclUniqueId theirs(struct ct_nccl_id id)
{
	ncclUniqueId copy;

	__builtin_memcpy(&copy, &id, sizeof(copy));
	return copy;
}

CHECK(int, get_version, (int *v), ncclGetVersion(v))
CHECK(int, get_id, (struct ct_nccl_id *id), ncclGetUniqueId((ncclUniqueId *)id))
CHECK(int, init, (void **comm, int n, struct ct_nccl_id id, int rank),
	ncclCommInitRank((ncclComm_t *)comm, n, theirs(id), rank))
CHECK(int, destroy, (void *comm), ncclCommDestroy(COMM))
CHECK(int, abort, (void *comm), ncclCommAbort(COMM))
CHECK(const char *, error_text, (int result), ncclGetErrorString((ncclResult_t)result))
CHECK(int, async_error, (void *comm, int *result), ncclCommGetAsyncError(COMM, (ncclResult_t *)result))
CHECK(int, comm_count, (const void *comm, int *n), ncclCommCount((ncclComm_t)(uintptr_t)comm, n))
CHECK(int, user_rank, (const void *comm, int *n), ncclCommUserRank((ncclComm_t)(uintptr_t)comm, n))
CHECK(int, all_reduce, (const void *s, void *r, size_t count, int type, int op, void *comm, void *stream),
	ncclAllReduce(s, r, count, (ncclDataType_t)type, (ncclRedOp_t)op, COMM, STREAM))
CHECK(int, reduce, (const void *s, void *r, size_t count, int type, int op, int root, void *comm, void *stream),
	ncclReduce(s, r, count, (ncclDataType_t)type, (ncclRedOp_t)op, root, COMM, STREAM))
CHECK(int, broadcast, (const void *s, void *r, size_t count, int type, int root, void *comm, void *stream),
	ncclBroadcast(s, r, count, (ncclDataType_t)type, root, COMM, STREAM))
CHECK(int, all_gather, (const void *s, void *r, size_t count, int type, void *comm, void *stream),
	ncclAllGather(s, r, count, (ncclDataType_t)type, COMM, STREAM))
CHECK(int, reduce_scatter, (const void *s, void *r, size_t count, int type, int op, void *comm, void *stream),
	ncclReduceScatter(s, r, count, (ncclDataType_t)type, (ncclRedOp_t)op, COMM, STREAM))
CHECK(int, gather, (const void *s, void *r, size_t count, int type, int root, void *comm, void *stream),
	ncclGather(s, r, count, (ncclDataType_t)type, root, COMM, STREAM))
CHECK(int, scatter, (const void *s, void *r, size_t count, int type, int root, void *comm, void *stream),
	ncclScatter(s, r, count, (ncclDataType_t)type, root, COMM, STREAM))
CHECK(int, send, (const void *d, size_t count, int type, int peer, void *comm, void *stream),
	ncclSend(d, count, (ncclDataType_t)type, peer, COMM, STREAM))
CHECK(int, recv, (void *d, size_t count, int type, int peer, void *comm, void *stream),
	ncclRecv(d, count, (ncclDataType_t)type, peer, COMM, STREAM))
CHECK(int, group_start, (void), ncclGroupStart())
CHECK(int, group_end, (void), ncclGroupEnd())
CHECK(const char *, last_error, (void *comm), ncclGetLastError(COMM))
CHECK(int, init_config, (void **comm, int n, struct ct_nccl_id id, int rank, struct ct_nccl_config *config),
	ncclCommInitRankConfig((ncclComm_t *)comm, n, theirs(id), rank, (ncclConfig_t *)config))
CHECK(int, finalize, (void *comm), ncclCommFinalize(COMM))
CHECK(int, split, (void *comm, int color, int key, void **made, struct ct_nccl_config *config),
	ncclCommSplit(COMM, color, key, (ncclComm_t *)made, (ncclConfig_t *)config))
CHECK(int, mem_alloc, (void **at, size_t bytes), ncclMemAlloc(at, bytes))
CHECK(int, mem_free, (void *at), ncclMemFree(at))
CHECK(int, reg, (const void *comm, void *at, size_t bytes, void **handle),
	ncclCommRegister((ncclComm_t)(uintptr_t)comm, at, bytes, handle))
CHECK(int, dereg, (const void *comm, void *handle), ncclCommDeregister((ncclComm_t)(uintptr_t)comm, handle))
CHECK(int, simulate_end, (struct ct_nccl_sim *sim), ncclGroupSimulateEnd((ncclSimInfo_t *)sim))
CHECK(int, window, (void *comm, void *at, size_t bytes, void **window, int flags),
	ncclCommWindowRegister(COMM, at, bytes, (ncclWindow_t *)window, flags))
CHECK(int, unwindow, (void *comm, void *window), ncclCommWindowDeregister(COMM, (ncclWindow_t)window))

#define NCCL(field) .field = check_##field
extern const struct ct_nccl_calls ct_test_nccl_calls;
const struct ct_nccl_calls ct_test_nccl_calls = {
	NCCL(get_version), NCCL(get_id), NCCL(init), NCCL(destroy), NCCL(abort), NCCL(error_text),
	NCCL(async_error), NCCL(comm_count), NCCL(user_rank), NCCL(all_reduce), NCCL(reduce),
	NCCL(broadcast), NCCL(all_gather), NCCL(reduce_scatter), NCCL(send), NCCL(recv),
	NCCL(group_start), NCCL(group_end), NCCL(last_error), NCCL(init_config), NCCL(finalize),
	NCCL(split), NCCL(mem_alloc), NCCL(mem_free), NCCL(reg), NCCL(dereg), NCCL(simulate_end),
	NCCL(window), NCCL(unwindow), NCCL(gather), NCCL(scatter),
};

#define GPU_STREAM ((CUstream)stream)
#define GPU_EVENT ((CUevent)event)
CHECK(int, gpu_init, (unsigned int flags), cuInit(flags))
CHECK(int, driver_version, (int *v), cuDriverGetVersion(v))
CHECK(int, count, (int *n), cuDeviceGetCount(n))
CHECK(int, device, (int *device, int ordinal), cuDeviceGet(device, ordinal))
CHECK(int, name, (char *name, int room, int device), cuDeviceGetName(name, room, device))
CHECK(int, busid, (char *id, int room, int device), cuDeviceGetPCIBusId(id, room, device))
CHECK(int, retain, (void **context, int device), cuDevicePrimaryCtxRetain((CUcontext *)context, device))
CHECK(int, give_up, (int device), cuDevicePrimaryCtxRelease(device))
CHECK(int, set_current, (void *context), cuCtxSetCurrent((CUcontext)context))
CHECK(int, sync, (void), cuCtxSynchronize())
CHECK(int, alloc, (void **at, size_t bytes), cuMemAlloc((CUdeviceptr *)at, bytes))
CHECK(int, free, (void *at), cuMemFree((CUdeviceptr)at))
CHECK(int, put, (void *to, const void *from, size_t bytes), cuMemcpyHtoD((CUdeviceptr)to, from, bytes))
CHECK(int, get, (void *to, const void *from, size_t bytes), cuMemcpyDtoH(to, (CUdeviceptr)from, bytes))
CHECK(int, stream_make, (void **stream, unsigned int flags), cuStreamCreate((CUstream *)stream, flags))
CHECK(int, stream_free, (void *stream), cuStreamDestroy(GPU_STREAM))
CHECK(int, stream_query, (void *stream), cuStreamQuery(GPU_STREAM))
CHECK(int, event_make, (void **event, unsigned int flags), cuEventCreate((CUevent *)event, flags))
CHECK(int, event_free, (void *event), cuEventDestroy(GPU_EVENT))
CHECK(int, event_record, (void *event, void *stream), cuEventRecord(GPU_EVENT, GPU_STREAM))
CHECK(int, event_sync, (void *event), cuEventSynchronize(GPU_EVENT))
CHECK(int, event_elapsed, (float *ms, void *event, void *to), cuEventElapsedTime(ms, GPU_EVENT, (CUevent)to))
CHECK(int, gpu_error_text, (int error, const char **text), cuGetErrorString((CUresult)error, text))
CHECK(int, capture_begin, (void *stream, int mode), cuStreamBeginCapture(GPU_STREAM, (CUstreamCaptureMode)mode))
CHECK(int, capture_end, (void *stream, void **graph), cuStreamEndCapture(GPU_STREAM, (CUgraph *)graph))
CHECK(int, graph_make, (void **exec, void *graph, unsigned long long flags),
	cuGraphInstantiateWithFlags((CUgraphExec *)exec, (CUgraph)graph, flags))
CHECK(int, graph_launch, (void *exec, void *stream), cuGraphLaunch((CUgraphExec)exec, GPU_STREAM))
CHECK(int, exec_free, (void *exec), cuGraphExecDestroy((CUgraphExec)exec))
CHECK(int, graph_free, (void *graph), cuGraphDestroy((CUgraph)graph))

extern const struct ct_gpu_calls ct_test_gpu_calls;
const struct ct_gpu_calls ct_test_gpu_calls = {
	.init = check_gpu_init, .error_text = check_gpu_error_text, NCCL(driver_version), NCCL(count),
	NCCL(device), NCCL(name), NCCL(busid), NCCL(retain), NCCL(give_up), NCCL(set_current), NCCL(sync),
	NCCL(alloc), NCCL(free), NCCL(put), NCCL(get), NCCL(stream_make), NCCL(stream_free),
	NCCL(stream_query), NCCL(event_make), NCCL(event_free), NCCL(event_record), NCCL(event_sync),
	NCCL(event_elapsed), NCCL(capture_begin), NCCL(capture_end), NCCL(graph_make), NCCL(graph_launch),
	NCCL(exec_free), NCCL(graph_free),
};

/* As many as are listed above: a row of ours that was added later was not compared. */
SAME(sizeof(struct ct_nccl_calls) / sizeof(void *), 31);
SAME(sizeof(struct ct_gpu_calls) / sizeof(void *), 29);
