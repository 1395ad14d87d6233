/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A STAND-IN for the CUDA runtime, driver and NVML, on host memory: enough for the real libnccl to make
 * communicators, to choose and enqueue collectives, and, by an emulator of its ring/simple kernels, to
 * move data, where no GPU is. Times mean nothing. For tests, never installed. Set up by the environment
 * (test only):
 *   CT_FAKE_GPUS       how many (8)                CT_FAKE_BUSIDS   their PCI addresses, comma between
 *   CT_FAKE_NVLINKS    links to NVSwitches (18)    CT_FAKE_MULTICAST   1: NVLink SHARP (1)
 *   CT_FAKE_KERNELS    0: kernels do nothing (1)   CT_FAKE_CUDA_LOG   1: launches are told on stderr
 */
#ifndef FAKE_CUDA_H
#define FAKE_CUDA_H

#include <stdbool.h>
#include <stddef.h>

#include <cuda.h>
#include <cuda_runtime_api.h>

enum { FAKE_GPUS_MOST = 64, FAKE_COMPUTE = 90, FAKE_SMS = 132, FAKE_CUDA = 13000 };

/* device.c */
int fake_number(const char *name, int otherwise);
int fake_gpus(void);
const char *fake_busid(int gpu);       /* "0000:10:00.0" */
int fake_gpu_at(const char *busid);    /* -1: none */
int fake_attribute(int attribute, int gpu);
extern __thread int fake_current;

/* memory.c: all "device" memory is a memfd. A block is one piece of it; a range, where it is mapped. */
enum fake_kind { FAKE_DEVICE, FAKE_HOST };
struct fake_block {
	int fd, gpu, users;
	size_t size;
	enum fake_kind kind;
};
struct fake_range {
	char *base;
	size_t size;
	struct fake_block *block;
	bool virtual; /* made by cuMemMap */
	struct fake_range *next;
};
struct fake_block *fake_block_new(size_t size, int gpu, enum fake_kind kind);
void fake_block_drop(struct fake_block *block);
bool fake_range_add(const struct fake_range *range);
bool fake_range_find(const void *at, struct fake_range *found);
bool fake_range_take(void *base, struct fake_range *taken); /* and forgets it */

/* stream.c: RUN(ARGUMENT) happens when all that was put into STREAM before has happened: now, or in a
 * thread of its own where SLOW or something is still to come. */
void fake_stream_do(void *stream, void (*run)(void *argument), void *argument, bool slow);
void fake_stream_wait(void *stream);

/* kernel.c: the argument of a launch, made by malloc() and freed here. */
void fake_kernel_run(void *argument);

/* driver.c: a GPU's primary context */
CUcontext fake_context(int gpu);
CUresult fake_context_set(CUcontext context);

/* One driver function, asked for by name. */
struct fake_entry {
	const char *name;
	void *function;
};
extern const struct fake_entry fake_virtual_memory[], fake_multicast[];

/* patch.c */
const char *fake_kernel_name(const void *function);
const int *fake_function_ids(size_t *n); /* the library's numbers of its device functions, by row */

#endif
