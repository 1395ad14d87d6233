/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's functions, which libnccl asks the runtime for by name. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"

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

static CUresult context_current(CUcontext *context)
{
	*context = (CUcontext)(contexts + fake_current);
	return CUDA_SUCCESS;
}

static CUresult context_set(CUcontext context)
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

static void tell(CUfunction function, unsigned int grid, unsigned int block)
{
	if (fake_number("CT_FAKE_CUDA_LOG", 0) != 0)
		fprintf(stderr, "fake-cuda: GPU %d, not run: %s grid %u block %u\n", fake_current,
			fake_kernel_name(function), grid, block);
}

static CUresult launch(CUfunction function, unsigned int grid, unsigned int grid_y, unsigned int grid_z,
	unsigned int block, unsigned int block_y, unsigned int block_z, unsigned int shared,
	CUstream stream, void **arguments, void **extra)
{
	tell(function, grid, block);
	return CUDA_SUCCESS;
}

static CUresult launch_ex(const CUlaunchConfig *config, CUfunction function, void **arguments, void **extra)
{
	tell(function, config->gridDimX, config->blockDimX);
	return CUDA_SUCCESS;
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
	{ "cuCtxSetCurrent", context_set },
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
