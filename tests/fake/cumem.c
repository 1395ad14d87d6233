/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A made-up libcuda.so.1 for the memory kind cuda: CT_FAKE_GPUS (2) GPUs whose memory the processor
 * cannot touch (its addresses are mapped without any right); cuMemcpy() moves bytes through a second
 * mapping, and the dma-buf of a block is the memfd below it. CT_FAKE_DMABUF=0: none is exported.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCKS = 256, INVALID = 1, NO_MEMORY = 2, NO_DEVICE = 101, ATTRIBUTE_DMA_BUF = 124 };

static struct block {
	char *device, *host;
	size_t bytes;
	int fd;
} blocks[BLOCKS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int number(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? atoi(text) : otherwise;
}

/* The block that holds AT; NULL: memory of the host. */
static struct block *block_of(unsigned long long at)
{
	for (int i = 0; i < BLOCKS; i++)
		if (blocks[i].bytes > 0 && at >= (uintptr_t)blocks[i].device &&
			at - (uintptr_t)blocks[i].device < blocks[i].bytes)
			return &blocks[i];
	return NULL;
}

static void *host_view(unsigned long long at)
{
	struct block *b = block_of(at);

	return b == NULL ? (void *)(uintptr_t)at : b->host + (at - (uintptr_t)b->device);
}

int cuInit(unsigned int flags)
{
	(void)flags;
	return number("CT_FAKE_GPUS", 2) > 0 ? 0 : 100;
}

int cuGetErrorString(int error, const char **text)
{
	*text = error == NO_DEVICE ? "invalid device ordinal" : "error of the CUDA stand-in";
	return 0;
}

int cuDeviceGetCount(int *n)
{
	*n = number("CT_FAKE_GPUS", 2);
	return 0;
}

int cuDeviceGet(int *device, int i)
{
	*device = i;
	return i >= 0 && i < number("CT_FAKE_GPUS", 2) ? 0 : NO_DEVICE;
}

int cuDeviceGetAttribute(int *value, int attribute, int device)
{
	(void)device;
	*value = attribute == ATTRIBUTE_DMA_BUF ? number("CT_FAKE_DMABUF", 1) : 0;
	return 0;
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
	*context = (void *)(uintptr_t)(device + 1);
	return 0;
}

int cuDevicePrimaryCtxRelease_v2(int device)
{
	(void)device;
	return 0;
}

int cuCtxSetCurrent(void *context)
{
	return context != NULL ? 0 : INVALID;
}

static int make(struct block *b, size_t bytes)
{
	b->fd = memfd_create("made-up GPU", MFD_CLOEXEC);
	if (b->fd < 0 || ftruncate(b->fd, (off_t)bytes) != 0)
		return NO_MEMORY;
	b->device = mmap(NULL, bytes, PROT_NONE, MAP_SHARED, b->fd, 0);
	b->host = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	if (b->device == MAP_FAILED || b->host == MAP_FAILED)
		return NO_MEMORY;
	b->bytes = bytes;
	return 0;
}

int cuMemAlloc_v2(unsigned long long *at, size_t bytes)
{
	int error = NO_MEMORY;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < BLOCKS && error != 0; i++) {
		if (blocks[i].bytes > 0)
			continue;
		error = make(&blocks[i], bytes);
		*at = (uintptr_t)blocks[i].device;
		break;
	}
	pthread_mutex_unlock(&lock);
	return error;
}

int cuMemFree_v2(unsigned long long at)
{
	struct block *b;

	pthread_mutex_lock(&lock);
	b = block_of(at);
	if (b != NULL) {
		munmap(b->device, b->bytes);
		munmap(b->host, b->bytes);
		close(b->fd);
		memset(b, 0, sizeof(*b));
	}
	pthread_mutex_unlock(&lock);
	return b != NULL ? 0 : INVALID;
}

int cuMemcpy(unsigned long long to, unsigned long long from, size_t bytes)
{
	memmove(host_view(to), host_view(from), bytes);
	return 0;
}

int cuMemsetD8_v2(unsigned long long at, unsigned char value, size_t n)
{
	memset(host_view(at), value, n);
	return 0;
}

int cuMemGetHandleForAddressRange(void *handle, unsigned long long at, size_t bytes, int type,
	unsigned long long flags)
{
	struct block *b = block_of(at);

	(void)flags;
	if (b == NULL || type != 1 || at != (uintptr_t)b->device || bytes > b->bytes)
		return INVALID;
	*(int *)handle = dup(b->fd);
	return *(int *)handle >= 0 ? 0 : INVALID;
}
