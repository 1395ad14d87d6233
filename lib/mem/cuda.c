/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of NVIDIA GPUs by the driver's own interface, libcuda.so.1, which is opened at run time:
 * nothing of it is linked, and without it the row says what is missing. Prototypes, numbers and
 * versions of the symbols: CUDA driver API, cuda.h.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "kinds.h"

enum {
	SUCCESS = 0,
	ATTRIBUTE_DMA_BUF = 124, /* CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED, since CUDA 11.7 */
	HANDLE_DMA_BUF_FD = 1,   /* CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD */
};

/* Memory of 2 MiB is aligned to as much, so that a dma-buf begins where it does. */
static const uint64_t step_bytes = 2 << 20;

struct driver {
	void *library, *context;
	int device;
	int (*init)(unsigned int flags);
	int (*error_string)(int error, const char **text);
	int (*device_count)(int *n);
	int (*device_get)(int *device, int number);
	int (*device_attribute)(int *value, int attribute, int device);
	int (*retain)(void **context, int device);
	int (*release)(int device);
	int (*set_current)(void *context);
	int (*alloc)(unsigned long long *at, size_t bytes);
	int (*release_memory)(unsigned long long at);
	int (*copy)(unsigned long long to, unsigned long long from, size_t bytes);
	int (*fill)(unsigned long long at, unsigned char value, size_t n);
	int (*handle)(void *handle, unsigned long long at, size_t bytes, int type,
		unsigned long long flags); /* NULL before CUDA 11.7 */
};

static ct_status failed(const struct driver *d, const char *what, int error)
{
	const char *text = NULL;

	if (d->error_string == NULL || d->error_string(error, &text) != SUCCESS || text == NULL)
		text = "unknown error";
	return ct_fail(CT_UNSUPPORTED, "CUDA: %s: %s (%d)", what, text, error);
}

/* *MISSING: the first symbol that is not there. */
static void *symbol(const struct driver *d, const char *name, const char **missing)
{
	void *at = dlsym(d->library, name);

	if (at == NULL && missing != NULL && *missing == NULL)
		*missing = name;
	return at;
}

static ct_status open_driver(struct driver *d)
{
	const char *missing = NULL;

	*d = (struct driver){ .library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) };
	if (d->library == NULL)
		return ct_fail(CT_UNSUPPORTED, "no libcuda.so.1 (NVIDIA's driver)");
	d->init = symbol(d, "cuInit", &missing);
	d->error_string = symbol(d, "cuGetErrorString", &missing);
	d->device_count = symbol(d, "cuDeviceGetCount", &missing);
	d->device_get = symbol(d, "cuDeviceGet", &missing);
	d->device_attribute = symbol(d, "cuDeviceGetAttribute", &missing);
	d->retain = symbol(d, "cuDevicePrimaryCtxRetain", &missing);
	d->release = symbol(d, "cuDevicePrimaryCtxRelease_v2", &missing);
	d->set_current = symbol(d, "cuCtxSetCurrent", &missing);
	d->alloc = symbol(d, "cuMemAlloc_v2", &missing);
	d->release_memory = symbol(d, "cuMemFree_v2", &missing);
	d->copy = symbol(d, "cuMemcpy", &missing);
	d->fill = symbol(d, "cuMemsetD8_v2", &missing);
	d->handle = symbol(d, "cuMemGetHandleForAddressRange", NULL);
	if (missing == NULL)
		return CT_OK;
	(void)dlclose(d->library);
	return ct_fail(CT_UNSUPPORTED, "libcuda.so.1 has no %s", missing);
}

/* The device's context is the one that every CUDA library of this process shares. */
static ct_status open_device(struct driver *d, uint32_t device)
{
	int n = 0, error;
	ct_status status = open_driver(d);

	if (status != CT_OK)
		return status;
	error = d->init(0);
	if (error == SUCCESS)
		error = d->device_count(&n);
	if (error == SUCCESS && n > 0 && (device & CT_MEM_DEALT) != 0)
		device = (device & ~CT_MEM_DEALT) % (uint32_t)n;
	if (error == SUCCESS && device >= (uint32_t)n) {
		status = ct_fail(CT_UNSUPPORTED, "CUDA: no GPU %u, there %s %d", device,
			n == 1 ? "is" : "are", n);
		goto close_library;
	}
	if (error == SUCCESS)
		error = d->device_get(&d->device, (int)device);
	if (error == SUCCESS)
		error = d->retain(&d->context, d->device);
	if (error != SUCCESS) {
		status = failed(d, "no GPU can be used", error);
		goto close_library;
	}
	error = d->set_current(d->context);
	if (error == SUCCESS)
		return CT_OK;
	status = failed(d, "cuCtxSetCurrent", error);
	(void)d->release(d->device);
close_library:
	(void)dlclose(d->library);
	return status;
}

static void close_device(const struct driver *d)
{
	(void)d->release(d->device);
	(void)dlclose(d->library);
}

static ct_status cuda_probe(uint32_t device)
{
	struct driver d;
	ct_status status = open_device(&d, device);

	if (status == CT_OK)
		close_device(&d);
	return status;
}

static ct_status cuda_alloc(uint32_t device, uint64_t bytes, struct ct_mem *mem)
{
	struct driver *d = ct_alloc(1, sizeof(*d));
	unsigned long long at = 0;
	ct_status status;
	int error;

	if (d == NULL)
		return CT_NOMEM;
	status = bytes <= UINT64_MAX - step_bytes ?
		open_device(d, device) :
		ct_fail(CT_NOMEM, "%llu bytes are beyond the address space",
			(unsigned long long)bytes);
	if (status != CT_OK)
		goto free_driver;
	bytes = (bytes + step_bytes - 1) / step_bytes * step_bytes;
	error = d->alloc(&at, bytes);
	if (error != SUCCESS) {
		(void)failed(d, "cuMemAlloc", error);
		status = CT_NOMEM;
		goto close;
	}
	error = d->fill(at, 0, bytes);
	if (error != SUCCESS) {
		status = failed(d, "cuMemsetD8", error);
		goto free_memory;
	}
	mem->at = (void *)(uintptr_t)at;
	mem->bytes = bytes;
	mem->own = d;
	return CT_OK;
free_memory:
	(void)d->release_memory(at);
close:
	close_device(d);
free_driver:
	ct_free(d);
	return status;
}

static void cuda_free(struct ct_mem *mem)
{
	struct driver *d = mem->own;

	(void)d->set_current(d->context);
	(void)d->release_memory((uintptr_t)mem->at);
	close_device(d);
	ct_free(d);
}

static ct_status cuda_copy(const struct ct_mem *mem, void *to, const void *from, uint64_t bytes)
{
	const struct driver *d = mem->own;
	int error = d->set_current(d->context);

	/* addresses of host and device are of one space */
	if (error == SUCCESS)
		error = d->copy((uintptr_t)to, (uintptr_t)from, bytes);
	if (error == SUCCESS)
		return CT_OK;
	(void)failed(d, "cuMemcpy", error);
	return CT_IO;
}

static ct_status cuda_dmabuf(const struct ct_mem *mem, int *fd, uint64_t *offset)
{
	const struct driver *d = mem->own;
	uintptr_t at = (uintptr_t)mem->at, page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uint64_t before = at % page;
	int supported = 0, made = -1, error = d->set_current(d->context);

	if (error == SUCCESS)
		error = d->device_attribute(&supported, ATTRIBUTE_DMA_BUF, d->device);
	if (d->handle == NULL || error != SUCCESS || supported == 0)
		return ct_fail(CT_UNSUPPORTED,
			"CUDA: this driver or GPU exports no dma-buf (needed: CUDA "
			"11.7, the open kernel modules)");
	error = d->handle(&made, at - before, (mem->bytes + before + page - 1) / page * page,
		HANDLE_DMA_BUF_FD, 0);
	if (error != SUCCESS)
		return failed(d, "cuMemGetHandleForAddressRange", error);
	*fd = made;
	*offset = before;
	return CT_OK;
}

const struct ct_mem_ops ct_mem_cuda = {
	.abi = CT_MEM_ABI,
	.name = "cuda",
	.summary = "memory of an NVIDIA GPU, through libcuda.so.1 opened at run time",
	.probe = cuda_probe,
	.alloc = cuda_alloc,
	.free = cuda_free,
	.copy = cuda_copy,
	.dmabuf = cuda_dmabuf,
};
