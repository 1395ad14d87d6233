/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of the pretended GPUs, and the runtime's calls for it. */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

enum { PAGE = 4096, HOLE_LEAST = 65536 };

static struct fake_range *ranges;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct fake_block *fake_block_new(size_t size, int gpu, enum fake_kind kind)
{
	struct fake_block *block = calloc(1, sizeof(*block));

	if (block == NULL)
		return NULL;
	*block = (struct fake_block){ memfd_create("fake-cuda", MFD_CLOEXEC), gpu, 1, size, kind };
	if (block->fd < 0 || ftruncate(block->fd, (off_t)size) != 0) {
		fake_block_drop(block);
		return NULL;
	}
	return block;
}

void fake_block_drop(struct fake_block *block)
{
	if (__atomic_sub_fetch(&block->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (block->fd >= 0)
		close(block->fd);
	free(block);
}

bool fake_range_add(const struct fake_range *range)
{
	struct fake_range *kept = malloc(sizeof(*kept));

	if (kept == NULL)
		return false;
	*kept = *range;
	pthread_mutex_lock(&lock);
	kept->next = ranges;
	ranges = kept;
	pthread_mutex_unlock(&lock);
	return true;
}

bool fake_range_find(const void *at, struct fake_range *found)
{
	const char *where = at;
	bool yes = false;

	pthread_mutex_lock(&lock);
	for (const struct fake_range *r = ranges; r != NULL && !yes; r = r->next) {
		yes = where >= r->base && where < r->base + r->size;
		if (yes)
			*found = *r;
	}
	pthread_mutex_unlock(&lock);
	return yes;
}

bool fake_range_take(void *base, struct fake_range *taken)
{
	struct fake_range **at, *gone;

	pthread_mutex_lock(&lock);
	for (at = &ranges; *at != NULL && (*at)->base != base; at = &(*at)->next)
		;
	gone = *at;
	if (gone != NULL)
		*at = gone->next;
	pthread_mutex_unlock(&lock);
	if (gone == NULL)
		return false;
	*taken = *gone;
	free(gone);
	return true;
}

static cudaError_t allocate(void **memory, size_t bytes, enum fake_kind kind)
{
	size_t size = (bytes + PAGE - 1) / PAGE * PAGE + (bytes == 0 ? PAGE : 0);
	struct fake_block *block = fake_block_new(size, fake_current, kind);
	struct fake_range range = { .size = size, .block = block };

	if (block == NULL)
		return cudaErrorMemoryAllocation;
	range.base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, block->fd, 0);
	if (range.base == MAP_FAILED || !fake_range_add(&range)) {
		fake_block_drop(block);
		return cudaErrorMemoryAllocation;
	}
	*memory = range.base;
	return cudaSuccess;
}

cudaError_t cudaMalloc(void **memory, size_t bytes)
{
	return allocate(memory, bytes, FAKE_DEVICE);
}

cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned int flags)
{
	return allocate(memory, bytes, FAKE_HOST);
}

cudaError_t cudaFree(void *memory)
{
	struct fake_range range;

	if (memory == NULL)
		return cudaSuccess;
	if (!fake_range_take(memory, &range))
		return cudaErrorInvalidValue;
	munmap(range.base, range.size);
	fake_block_drop(range.block);
	return cudaSuccess;
}

/* What another process opens this memory by. */
struct handle {
	int process, fd, gpu;
	size_t size;
};

cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t *out, void *memory)
{
	struct fake_range range;
	struct handle handle;

	if (!fake_range_find(memory, &range) || range.virtual)
		return cudaErrorInvalidValue;
	handle = (struct handle){ getpid(), range.block->fd, range.block->gpu, range.size };
	memset(out, 0, sizeof(*out));
	memcpy(out, &handle, sizeof(handle));
	return cudaSuccess;
}

cudaError_t cudaIpcOpenMemHandle(void **memory, cudaIpcMemHandle_t in, unsigned int flags)
{
	struct fake_block *block = calloc(1, sizeof(*block));
	struct fake_range range = { .block = block };
	struct handle handle;
	char path[64];

	memcpy(&handle, &in, sizeof(handle));
	if (block == NULL)
		return cudaErrorMemoryAllocation;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", handle.process, handle.fd);
	*block = (struct fake_block){ open(path, O_RDWR | O_CLOEXEC), handle.gpu, 1, handle.size,
		FAKE_DEVICE };
	range.size = handle.size;
	range.base = mmap(NULL, handle.size, PROT_READ | PROT_WRITE, MAP_SHARED, block->fd, 0);
	if (range.base == MAP_FAILED || !fake_range_add(&range)) {
		fake_block_drop(block);
		return cudaErrorInvalidValue;
	}
	*memory = range.base;
	return cudaSuccess;
}

cudaError_t cudaIpcCloseMemHandle(void *memory)
{
	return cudaFree(memory);
}

cudaError_t cudaFreeHost(void *memory)
{
	return cudaFree(memory);
}

cudaError_t cudaMallocFromPoolAsync(void **memory, size_t bytes, cudaMemPool_t pool, cudaStream_t stream)
{
	return cudaMalloc(memory, bytes);
}

cudaError_t cudaFreeAsync(void *memory, cudaStream_t stream)
{
	fake_stream_wait(stream);
	return cudaFree(memory);
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t *pool, const struct cudaMemPoolProps *props)
{
	*pool = calloc(1, 1);
	return *pool != NULL ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool)
{
	free(pool);
	return cudaSuccess;
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, enum cudaMemPoolAttr attribute, void *value)
{
	return cudaSuccess;
}

cudaError_t cudaHostRegister(void *memory, size_t bytes, unsigned int flags)
{
	return cudaSuccess;
}

cudaError_t cudaHostUnregister(void *memory)
{
	return cudaSuccess;
}

cudaError_t cudaHostGetDevicePointer(void **device, void *host, unsigned int flags)
{
	*device = host;
	return cudaSuccess;
}

/* Zeros of a long piece are a hole in the file: its pages stay untouched. */
static bool punch(char *to, size_t bytes)
{
	uintptr_t first = ((uintptr_t)to + PAGE - 1) / PAGE * PAGE, end = ((uintptr_t)to + bytes) / PAGE * PAGE;
	struct fake_range range;

	if (bytes < HOLE_LEAST || !fake_range_find(to, &range) || range.virtual ||
		fallocate(range.block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)(first - (uintptr_t)range.base), (off_t)(end - first)) != 0)
		return false;
	memset(to, 0, first - (uintptr_t)to);
	memset((char *)end, 0, (uintptr_t)to + bytes - end);
	return true;
}

cudaError_t cudaMemset(void *to, int value, size_t bytes)
{
	if (value != 0 || !punch(to, bytes))
		memset(to, value, bytes);
	return cudaSuccess;
}

/* A copy or a fill that waits for its turn in a stream. */
struct transfer {
	void *to;
	const void *from; /* NULL: fill with VALUE */
	size_t bytes;
	int value;
};

static void run_transfer(void *argument)
{
	struct transfer *t = argument;

	if (t->from != NULL)
		memmove(t->to, t->from, t->bytes);
	else
		cudaMemset(t->to, t->value, t->bytes);
	free(t);
}

static cudaError_t transfer_later(const struct transfer *transfer, cudaStream_t stream)
{
	struct transfer *kept = malloc(sizeof(*kept));

	if (kept == NULL)
		return cudaErrorMemoryAllocation;
	*kept = *transfer;
	fake_stream_do(stream, run_transfer, kept, false);
	return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
	return transfer_later(&(struct transfer){ to, NULL, bytes, value }, stream);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
	memmove(to, from, bytes);
	return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
	cudaStream_t stream)
{
	return transfer_later(&(struct transfer){ to, from, bytes, 0 }, stream);
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *memory)
{
	void *at = (void *)(uintptr_t)memory;
	struct fake_range range;

	memset(attributes, 0, sizeof(*attributes));
	if (!fake_range_find(memory, &range)) {
		attributes->type = cudaMemoryTypeUnregistered;
		attributes->device = cudaInvalidDeviceId;
		attributes->hostPointer = at;
		return cudaSuccess;
	}
	attributes->type = range.block->kind == FAKE_HOST ? cudaMemoryTypeHost : cudaMemoryTypeDevice;
	attributes->device = range.block->gpu;
	attributes->devicePointer = at;
	attributes->hostPointer = range.block->kind == FAKE_HOST ? at : NULL;
	return cudaSuccess;
}
