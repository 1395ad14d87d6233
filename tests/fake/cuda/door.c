/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's functions that a program opens by name in libcuda.so.1, which is a link to this library. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"

#undef cuEventElapsedTime /* both names, old and new */

static CUresult result_of(cudaError_t error)
{
	switch (error) {
	case cudaSuccess:
		return CUDA_SUCCESS;
	case cudaErrorNotReady:
		return CUDA_ERROR_NOT_READY;
	case cudaErrorMemoryAllocation:
		return CUDA_ERROR_OUT_OF_MEMORY;
	default:
		return CUDA_ERROR_INVALID_VALUE;
	}
}

static void *pointer(CUdeviceptr at)
{
	return (void *)(uintptr_t)at;
}

CUresult cuInit(unsigned int flags)
{
	return fake_gpus() > 0 ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

CUresult cuDriverGetVersion(int *version)
{
	*version = FAKE_CUDA;
	return CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char **text)
{
	*text = error == CUDA_SUCCESS ? "no error" : "error of the CUDA stand-in";
	return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char **text)
{
	return cuGetErrorString(error, text);
}

CUresult cuDeviceGetCount(int *n)
{
	*n = fake_gpus();
	return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int gpu)
{
	if (gpu < 0 || gpu >= fake_gpus())
		return CUDA_ERROR_INVALID_DEVICE;
	*device = gpu;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int room, CUdevice gpu)
{
	snprintf(name, (size_t)room, "stand-in, no GPU");
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice gpu)
{
	*value = fake_attribute((int)attribute, gpu);
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char *text, int room, CUdevice gpu)
{
	return result_of(cudaDeviceGetPCIBusId(text, room, gpu));
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice gpu)
{
	*bytes = 80ull << 30;
	return CUDA_SUCCESS;
}

CUresult cuMemGetInfo(size_t *unused, size_t *total)
{
	*unused = *total = 80ull << 30;
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice gpu)
{
	*context = fake_context(gpu);
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice gpu)
{
	return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext context)
{
	return fake_context_set(context);
}

CUresult cuCtxGetCurrent(CUcontext *context)
{
	*context = fake_context(fake_current);
	return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice *gpu)
{
	*gpu = fake_current;
	return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize(void)
{
	return result_of(cudaDeviceSynchronize());
}

CUresult cuMemAlloc(CUdeviceptr *memory, size_t bytes)
{
	void *at = NULL;
	CUresult result = result_of(cudaMalloc(&at, bytes));

	*memory = (CUdeviceptr)(uintptr_t)at;
	return result;
}

CUresult cuMemFree(CUdeviceptr memory)
{
	return result_of(cudaFree(pointer(memory)));
}

CUresult cuMemHostAlloc(void **memory, size_t bytes, unsigned int flags)
{
	return result_of(cudaHostAlloc(memory, bytes, flags));
}

CUresult cuMemAllocHost(void **memory, size_t bytes)
{
	return cuMemHostAlloc(memory, bytes, 0);
}

CUresult cuMemFreeHost(void *memory)
{
	return result_of(cudaFreeHost(memory));
}

CUresult cuMemHostRegister(void *memory, size_t bytes, unsigned int flags)
{
	return CUDA_SUCCESS;
}

CUresult cuMemHostUnregister(void *memory)
{
	return CUDA_SUCCESS;
}

CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t bytes)
{
	memmove(pointer(to), from, bytes);
	return CUDA_SUCCESS;
}

CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t bytes)
{
	memmove(to, pointer(from), bytes);
	return CUDA_SUCCESS;
}

CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
	memmove(pointer(to), pointer(from), bytes);
	return CUDA_SUCCESS;
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
	return result_of(cudaMemcpyAsync(pointer(to), from, bytes, cudaMemcpyHostToDevice, stream));
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
	return result_of(cudaMemcpyAsync(to, pointer(from), bytes, cudaMemcpyDeviceToHost, stream));
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
	return result_of(cudaMemcpyAsync(pointer(to), pointer(from), bytes, cudaMemcpyDeviceToDevice,
		stream));
}

CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
	return cuMemcpyDtoD(to, from, bytes);
}

CUresult cuMemsetD8(CUdeviceptr to, unsigned char value, size_t n)
{
	return result_of(cudaMemset(pointer(to), value, n));
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t n, CUstream stream)
{
	return result_of(cudaMemsetAsync(pointer(to), value, n, stream));
}

CUresult cuStreamCreate(CUstream *stream, unsigned int flags)
{
	return result_of(cudaStreamCreateWithFlags(stream, flags));
}

CUresult cuStreamDestroy(CUstream stream)
{
	return result_of(cudaStreamDestroy(stream));
}

CUresult cuStreamSynchronize(CUstream stream)
{
	return result_of(cudaStreamSynchronize(stream));
}

CUresult cuStreamQuery(CUstream stream)
{
	return result_of(cudaStreamQuery(stream));
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags)
{
	return result_of(cudaStreamWaitEvent(stream, event, flags));
}

/* Graphs are not emulated. */
CUresult cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode mode)
{
	return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
	return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags)
{
	return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream)
{
	return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuGraphExecDestroy(CUgraphExec exec)
{
	return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph graph)
{
	return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *event, unsigned int flags)
{
	return result_of(cudaEventCreateWithFlags(event, flags));
}

CUresult cuEventDestroy(CUevent event)
{
	return result_of(cudaEventDestroy(event));
}

CUresult cuEventRecord(CUevent event, CUstream stream)
{
	return result_of(cudaEventRecord(event, stream));
}

CUresult cuEventQuery(CUevent event)
{
	return result_of(cudaEventQuery(event));
}

CUresult cuEventSynchronize(CUevent event)
{
	return result_of(cudaEventSynchronize(event));
}

CUresult cuEventElapsedTime(float *ms, CUevent from, CUevent to);
CUresult cuEventElapsedTime(float *ms, CUevent from, CUevent to)
{
	return result_of(cudaEventElapsedTime(ms, from, to));
}

CUresult cuEventElapsedTime_v2(float *ms, CUevent from, CUevent to)
{
	return result_of(cudaEventElapsedTime(ms, from, to));
}
