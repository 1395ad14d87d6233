/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's virtual memory: a handle is a block, mapped at addresses that were reserved before. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake.h"

enum { GRAIN = 2 << 20, HOST_GRAIN = 4096 };

static struct fake_block *block_of(CUmemGenericAllocationHandle handle)
{
	return (struct fake_block *)(uintptr_t)handle;
}

static void *pointer(CUdeviceptr at)
{
	return (void *)(uintptr_t)at;
}

static void *reserve_anew(void *at, size_t size, int flags)
{
	return mmap(at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
}

static CUresult reserve(CUdeviceptr *at, size_t size, size_t align, CUdeviceptr wish,
	unsigned long long flags)
{
	size_t grain = align > GRAIN ? align : GRAIN;
	char *room = reserve_anew(NULL, size + grain, 0), *base;

	if (room == MAP_FAILED)
		return CUDA_ERROR_OUT_OF_MEMORY;
	base = room + (grain - (uintptr_t)room % grain) % grain;
	if (base > room)
		munmap(room, (size_t)(base - room));
	munmap(base + size, (size_t)(room + grain - base));
	*at = (CUdeviceptr)(uintptr_t)base;
	return CUDA_SUCCESS;
}

static CUresult give_back(CUdeviceptr at, size_t size)
{
	munmap(pointer(at), size);
	return CUDA_SUCCESS;
}

static CUresult create(CUmemGenericAllocationHandle *handle, size_t size,
	const CUmemAllocationProp *props, unsigned long long flags)
{
	bool device = props->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
	struct fake_block *block;

	if (props->requestedHandleTypes & CU_MEM_HANDLE_TYPE_FABRIC)
		return CUDA_ERROR_NOT_SUPPORTED;
	block = fake_block_new(size, device ? props->location.id : fake_current,
		device ? FAKE_DEVICE : FAKE_HOST);
	if (block == NULL)
		return CUDA_ERROR_OUT_OF_MEMORY;
	*handle = (CUmemGenericAllocationHandle)(uintptr_t)block;
	return CUDA_SUCCESS;
}

static CUresult granularity(size_t *grain, const CUmemAllocationProp *props,
	CUmemAllocationGranularity_flags option)
{
	*grain = props->location.type == CU_MEM_LOCATION_TYPE_DEVICE ? GRAIN : HOST_GRAIN;
	return CUDA_SUCCESS;
}

static CUresult map(CUdeviceptr at, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
	unsigned long long flags)
{
	struct fake_range range = { pointer(at), size, block_of(handle), true, NULL };

	if (mmap(range.base, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, range.block->fd,
		(off_t)offset) == MAP_FAILED || !fake_range_add(&range))
		return CUDA_ERROR_OUT_OF_MEMORY;
	__atomic_add_fetch(&range.block->users, 1, __ATOMIC_ACQ_REL);
	return CUDA_SUCCESS;
}

static CUresult unmap(CUdeviceptr at, size_t size)
{
	struct fake_range range;

	if (!fake_range_take(pointer(at), &range))
		return CUDA_ERROR_INVALID_VALUE;
	reserve_anew(range.base, size, MAP_FIXED);
	fake_block_drop(range.block);
	return CUDA_SUCCESS;
}

static CUresult release(CUmemGenericAllocationHandle handle)
{
	fake_block_drop(block_of(handle));
	return CUDA_SUCCESS;
}

static CUresult retain(CUmemGenericAllocationHandle *handle, void *at)
{
	struct fake_range range;

	if (!fake_range_find(at, &range) || !range.virtual)
		return CUDA_ERROR_INVALID_VALUE;
	__atomic_add_fetch(&range.block->users, 1, __ATOMIC_ACQ_REL);
	*handle = (CUmemGenericAllocationHandle)(uintptr_t)range.block;
	return CUDA_SUCCESS;
}

static CUresult set_access(CUdeviceptr at, size_t size, const CUmemAccessDesc *access, size_t n)
{
	return CUDA_SUCCESS;
}

static CUresult properties(CUmemAllocationProp *props, CUmemGenericAllocationHandle handle)
{
	const struct fake_block *block = block_of(handle);

	memset(props, 0, sizeof(*props));
	props->type = CU_MEM_ALLOCATION_TYPE_PINNED;
	props->requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
	props->location.type = block->kind == FAKE_HOST ? CU_MEM_LOCATION_TYPE_HOST_NUMA :
		CU_MEM_LOCATION_TYPE_DEVICE;
	props->location.id = block->kind == FAKE_HOST ? 0 : block->gpu;
	props->allocFlags.gpuDirectRDMACapable = 1;
	return CUDA_SUCCESS;
}

static CUresult export_handle(void *out, CUmemGenericAllocationHandle handle,
	CUmemAllocationHandleType type, unsigned long long flags)
{
	if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)
		return CUDA_ERROR_NOT_SUPPORTED;
	*(int *)out = dup(block_of(handle)->fd);
	return *(int *)out >= 0 ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult import_handle(CUmemGenericAllocationHandle *handle, void *from,
	CUmemAllocationHandleType type)
{
	struct fake_block *block = calloc(1, sizeof(*block));
	struct stat status;
	int fd = type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR ? dup((int)(intptr_t)from) : -1;

	if (block == NULL || fd < 0 || fstat(fd, &status) != 0) {
		free(block);
		if (fd >= 0)
			close(fd);
		return CUDA_ERROR_INVALID_VALUE;
	}
	*block = (struct fake_block){ fd, fake_current, 1, (size_t)status.st_size, FAKE_DEVICE };
	*handle = (CUmemGenericAllocationHandle)(uintptr_t)block;
	return CUDA_SUCCESS;
}

const struct fake_entry fake_virtual_memory[] = {
	{ "cuMemAddressReserve", reserve },
	{ "cuMemAddressFree", give_back },
	{ "cuMemCreate", create },
	{ "cuMemGetAllocationGranularity", granularity },
	{ "cuMemMap", map },
	{ "cuMemUnmap", unmap },
	{ "cuMemRelease", release },
	{ "cuMemRetainAllocationHandle", retain },
	{ "cuMemSetAccess", set_access },
	{ "cuMemGetAllocationPropertiesFromHandle", properties },
	{ "cuMemExportToShareableHandle", export_handle },
	{ "cuMemImportFromShareableHandle", import_handle },
	{ NULL, NULL },
};

/* Multicast objects are handles and no more: nothing is ever written through one. */
static CUresult multicast_create(CUmemGenericAllocationHandle *handle, const CUmulticastObjectProp *props)
{
	struct fake_block *block = fake_block_new(props->size, fake_current, FAKE_DEVICE);

	if (block == NULL)
		return CUDA_ERROR_OUT_OF_MEMORY;
	*handle = (CUmemGenericAllocationHandle)(uintptr_t)block;
	return CUDA_SUCCESS;
}

static CUresult multicast_add(CUmemGenericAllocationHandle handle, CUdevice gpu)
{
	return CUDA_SUCCESS;
}

static CUresult multicast_bind(CUmemGenericAllocationHandle multicast, size_t at,
	CUmemGenericAllocationHandle handle, size_t offset, size_t size, unsigned long long flags)
{
	return CUDA_SUCCESS;
}

static CUresult multicast_bind_address(CUmemGenericAllocationHandle multicast, size_t at,
	CUdeviceptr memory, size_t size, unsigned long long flags)
{
	return CUDA_SUCCESS;
}

static CUresult multicast_granularity(size_t *grain, const CUmulticastObjectProp *props,
	CUmulticastGranularity_flags option)
{
	*grain = GRAIN;
	return CUDA_SUCCESS;
}

static CUresult multicast_unbind(CUmemGenericAllocationHandle multicast, CUdevice gpu, size_t at,
	size_t size)
{
	return CUDA_SUCCESS;
}

const struct fake_entry fake_multicast[] = {
	{ "cuMulticastCreate", multicast_create },
	{ "cuMulticastAddDevice", multicast_add },
	{ "cuMulticastBindMem", multicast_bind },
	{ "cuMulticastBindAddr", multicast_bind_address },
	{ "cuMulticastGetGranularity", multicast_granularity },
	{ "cuMulticastUnbind", multicast_unbind },
	{ NULL, NULL },
};
