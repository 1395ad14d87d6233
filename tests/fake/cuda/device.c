/* SPDX-License-Identifier: BSD-3-Clause */
/* The pretended GPUs: each is a Hopper with 132 processors, at the PCI address that the test gave it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fake.h"

__thread int fake_current;

int fake_number(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text != NULL && text[0] != '\0' ? atoi(text) : otherwise;
}

int fake_gpus(void)
{
	int n = fake_number("CT_FAKE_GPUS", 8);

	return n >= 0 && n <= FAKE_GPUS_MOST ? n : FAKE_GPUS_MOST;
}

const char *fake_busid(int gpu)
{
	static __thread char text[16];
	const char *list = getenv("CT_FAKE_BUSIDS");

	if (list == NULL) {
		snprintf(text, sizeof(text), "0000:%02x:00.0", 0x10 + gpu);
		return text;
	}
	for (int i = 0; i < gpu && *list != '\0'; i++)
		list += strcspn(list, ",") + (list[strcspn(list, ",")] == ',');
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(list, ","), list);
	return text;
}

/* The domain may be written with four digits or eight. */
int fake_gpu_at(const char *busid)
{
	const char *colon = strchr(busid, ':');

	for (int i = 0; colon != NULL && i < fake_gpus(); i++)
		if (strcasecmp(colon, strchr(fake_busid(i), ':')) == 0)
			return i;
	return -1;
}

int fake_attribute(int attribute, int gpu)
{
	switch (attribute) {
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
		return FAKE_COMPUTE / 10;
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
		return FAKE_COMPUTE % 10;
	case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
		return FAKE_SMS;
	case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
		return 1024;
	case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
		return 32;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
		return 49152;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
		return 232448;
	case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
	case CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED:
	case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
	case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
	case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
	case CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED:
	case CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED:
	case CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WITH_CUDA_VMM_SUPPORTED:
		return 1;
	case CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED:
		return fake_number("CT_FAKE_MULTICAST", 1);
	case CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID:
		return (int)strtol(fake_busid(gpu), NULL, 16);
	case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID:
		return (int)strtol(fake_busid(gpu) + 5, NULL, 16);
	default:
		return 0;
	}
}

cudaError_t cudaGetDeviceCount(int *n)
{
	*n = fake_gpus();
	return cudaSuccess;
}

cudaError_t cudaGetDevice(int *gpu)
{
	*gpu = fake_current;
	return cudaSuccess;
}

cudaError_t cudaSetDevice(int gpu)
{
	if (gpu < 0 || gpu >= fake_gpus())
		return cudaErrorInvalidDevice;
	fake_current = gpu;
	return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
	*version = FAKE_CUDA;
	return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
	*version = FAKE_CUDA;
	return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t error)
{
	return error == cudaSuccess ? "no error" : "error of the CUDA stand-in";
}

cudaError_t cudaGetLastError(void)
{
	return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int gpu)
{
	*value = fake_attribute((int)attribute, gpu);
	return cudaSuccess;
}

/* CUDA writes its digits large. */
cudaError_t cudaDeviceGetPCIBusId(char *text, int room, int gpu)
{
	snprintf(text, (size_t)room, "%s", fake_busid(gpu));
	for (; *text != '\0'; text++)
		if (*text >= 'a' && *text <= 'f')
			*text = (char)(*text - 'a' + 'A');
	return cudaSuccess;
}

cudaError_t cudaDeviceGetByPCIBusId(int *gpu, const char *busid)
{
	int found = fake_gpu_at(busid);

	if (found < 0)
		return cudaErrorInvalidDevice;
	*gpu = found;
	return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *props, int gpu)
{
	memset(props, 0, sizeof(*props));
	snprintf(props->name, sizeof(props->name), "stand-in, no GPU");
	props->major = FAKE_COMPUTE / 10;
	props->minor = FAKE_COMPUTE % 10;
	props->multiProcessorCount = FAKE_SMS;
	props->totalGlobalMem = 80ull << 30;
	props->warpSize = 32;
	props->unifiedAddressing = 1;
	props->canMapHostMemory = 1;
	props->pciDomainID = fake_attribute(CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, gpu);
	props->pciBusID = fake_attribute(CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, gpu);
	return cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int *can, int gpu, int peer)
{
	*can = gpu != peer;
	return cudaSuccess;
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned int flags)
{
	return cudaSuccess;
}

cudaError_t cudaDeviceSetLimit(enum cudaLimit limit, size_t value)
{
	return cudaSuccess;
}
