/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's functions, which libnccl asks the runtime for by name. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

enum { ALIGN = 64 };

static char contexts[FAKE_GPUS_MOST]; /* a GPU's primary context is the address of its letter */

static CUresult error_string(CUresult error, const char **text)
{
	*text = error == CUDA_SUCCESS ? "no error" : "error of the CUDA stand-in";
	return CUDA_SUCCESS;
}

static CUresult device_get(CUdevice *device, int gpu)
{
	*device = gpu;
	return CUDA_SUCCESS;
}

static CUresult device_attribute(int *value, CUdevice_attribute attribute, CUdevice gpu)
{
	*value = fake_attribute((int)attribute, gpu);
	return CUDA_SUCCESS;
}

static CUresult address_range(CUdeviceptr *base, size_t *size, CUdeviceptr at)
{
	struct fake_range range;

	if (!fake_range_find((void *)(uintptr_t)at, &range))
		return CUDA_ERROR_NOT_FOUND;
	if (base != NULL)
		*base = (CUdeviceptr)(uintptr_t)range.base;
	if (size != NULL)
		*size = range.size;
	return CUDA_SUCCESS;
}

CUcontext fake_context(int gpu)
{
	return (CUcontext)(contexts + gpu);
}

static CUresult context_current(CUcontext *context)
{
	*context = fake_context(fake_current);
	return CUDA_SUCCESS;
}

CUresult fake_context_set(CUcontext context)
{
	const char *at = (const char *)context;

	if (at >= contexts && at < contexts + FAKE_GPUS_MOST)
		fake_current = (int)(at - contexts);
	return CUDA_SUCCESS;
}

static CUresult context_device(CUdevice *gpu)
{
	*gpu = fake_current;
	return CUDA_SUCCESS;
}

/* The library hands over a kernel's argument as one piece of memory. */
static void *copy_argument(void **extra)
{
	const void *from = NULL;
	size_t bytes = 0;
	void *copy = NULL;

	for (size_t i = 0; extra != NULL && extra[i] != CU_LAUNCH_PARAM_END; i += 2) {
		if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER)
			from = extra[i + 1];
		else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE)
			bytes = *(const size_t *)extra[i + 1];
	}
	if (from != NULL && posix_memalign(&copy, ALIGN, bytes) == 0)
		memcpy(copy, from, bytes);
	return copy;
}

static CUresult start(CUfunction function, unsigned int grid, unsigned int block, CUstream stream,
	void **extra)
{
	const char *name = fake_kernel_name(function);
	bool run = fake_number("CT_FAKE_KERNELS", 1) != 0;
	void *argument;

	if (fake_number("CT_FAKE_CUDA_LOG", 0) != 0)
		fprintf(stderr, "fake-cuda: GPU %d, %s: %s grid %u block %u\n", fake_current,
			run ? "run" : "not run", name, grid, block);
	if (!run)
		return CUDA_SUCCESS;
	argument = strstr(name, "ncclDevKernel_") != NULL ? copy_argument(extra) : NULL;
	if (argument == NULL)
		return CUDA_ERROR_NOT_SUPPORTED;
	fake_stream_do(stream, fake_kernel_run, argument, true);
	return CUDA_SUCCESS;
}

static CUresult launch(CUfunction function, unsigned int grid, unsigned int grid_y, unsigned int grid_z,
	unsigned int block, unsigned int block_y, unsigned int block_z, unsigned int shared,
	CUstream stream, void **arguments, void **extra)
{
	return start(function, grid, block, stream, extra);
}

static CUresult launch_ex(const CUlaunchConfig *config, CUfunction function, void **arguments, void **extra)
{
	return start(function, config->gridDimX, config->blockDimX, config->hStream, extra);
}

static CUresult pointer_attribute(void *out, CUpointer_attribute attribute, CUdeviceptr at)
{
	struct fake_range range;

	if (!fake_range_find((void *)(uintptr_t)at, &range))
		return CUDA_ERROR_INVALID_VALUE;
	switch (attribute) {
	case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
		*(int *)out = range.block->gpu;
		break;
	case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
		*(int *)out = !range.virtual;
		break;
	case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
		*(unsigned long long *)out = range.virtual;
		break;
	case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
		*(unsigned int *)out = range.block->kind == FAKE_HOST ? CU_MEMORYTYPE_HOST :
			CU_MEMORYTYPE_DEVICE;
		break;
	default:
		*(int *)out = 0;
	}
	return CUDA_SUCCESS;
}

static const struct fake_entry basic[] = {
	{ "cuGetErrorString", error_string },
	{ "cuGetErrorName", error_string },
	{ "cuDeviceGet", device_get },
	{ "cuDeviceGetAttribute", device_attribute },
	{ "cuMemGetAddressRange", address_range },
	{ "cuCtxGetCurrent", context_current },
	{ "cuCtxSetCurrent", fake_context_set },
	{ "cuCtxGetDevice", context_device },
	{ "cuLaunchKernel", launch },
	{ "cuLaunchKernelEx", launch_ex },
	{ "cuPointerGetAttribute", pointer_attribute },
	{ NULL, NULL },
};

static void *find(const struct fake_entry *table, const char *name)
{
	for (; table->name != NULL; table++)
		if (strcmp(table->name, name) == 0)
			return table->function;
	return NULL;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char *name, void **function, unsigned int version,
	unsigned long long flags, enum cudaDriverEntryPointQueryResult *result)
{
	static const struct fake_entry *const tables[] = { basic, fake_virtual_memory, fake_multicast };

	*function = NULL;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && *function == NULL; i++)
		*function = find(tables[i], name);
	if (result != NULL)
		*result = *function != NULL ? cudaDriverEntryPointSuccess :
			cudaDriverEntryPointSymbolNotFound;
	return cudaSuccess;
}
