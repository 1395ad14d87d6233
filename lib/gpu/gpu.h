/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door of gpu: a GPU by its driver, and memory that a backend keeps for itself; the kinds "cuda" and
 * "hip" come with a GPU whose driver (CUDA's driver API, HIP, or a library with the ABI of one of
 * them) is opened at run time and never linked.
 */
#ifndef CT_GPU_H
#define CT_GPU_H

#include <stdbool.h>

#include "base/base.h"

/* A kind of memory and whom to ask for it. A backend that shows one in its capabilities wants the
 * buffers of its operations there; who measures fills and reads them by put and get. All calls by the
 * thread that opened SELF. */
struct ct_gpu_mem {
	const struct ct_gpu_mem_ops *ops;
	void *self;
};

struct ct_gpu_mem_ops {
	const char *name; /* "cuda" */
	/* BYTES > 0 of it at *AT, aligned to 256. CT_NOMEM, CT_IO. Free with free(). */
	ct_status (*alloc)(void *self, uint64_t bytes, void **at);
	void (*free)(void *self, void *at);
	/* BYTES from host memory at FROM to memory of this kind at TO, complete on return. CT_IO. */
	ct_status (*put)(void *self, void *to, const void *from, uint64_t bytes);
	/* The reverse. */
	ct_status (*get)(void *self, void *to, const void *from, uint64_t bytes);
};

/* ---- a GPU by its driver --------------------------------------------------------------------- */

enum { CT_GPU_WHY = 160 };

/* The driver's functions, by CUDA's prototypes (cuda.h); HIP's have the same. Results are 0, 600 (not
 * ready), or an error. A name that the library lacks is NULL only where it says so. */
struct ct_gpu_calls {
	int (*init)(unsigned int flags);
	int (*driver_version)(int *version);
	int (*count)(int *n);
	int (*device)(int *device, int ordinal);
	int (*name)(char *name, int room, int device);
	int (*busid)(char *id, int room, int device);
	int (*retain)(void **context, int device);
	int (*give_up)(int device);
	int (*set_current)(void *context);
	int (*sync)(void);
	int (*alloc)(void **at, size_t bytes);
	int (*free)(void *at);
	int (*put)(void *to, const void *from, size_t bytes);
	int (*get)(void *to, const void *from, size_t bytes);
	int (*stream_make)(void **stream, unsigned int flags);
	int (*stream_free)(void *stream);
	int (*stream_query)(void *stream);
	int (*event_make)(void **event, unsigned int flags);
	int (*event_free)(void *event);
	int (*event_record)(void *event, void *stream);
	int (*event_sync)(void *event);
	int (*event_elapsed)(float *ms, void *from, void *to);
	int (*error_text)(int error, const char **text);
	/* graphs: all or none */
	int (*capture_begin)(void *stream, int mode);
	int (*capture_end)(void *stream, void **graph);
	int (*graph_make)(void **exec, void *graph, unsigned long long flags);
	int (*graph_launch)(void *exec, void *stream);
	int (*exec_free)(void *exec);
	int (*graph_free)(void *graph);
};

enum { CT_GPU_OK = 0, CT_GPU_NOT_READY = 600, CT_GPU_NONBLOCKING = 1, CT_GPU_RELAXED = 2 };

struct ct_driver {
	struct ct_gpu_calls call;
	char lib[128];         /* the file that was opened, cleaned */
	const char *kind;      /* "cuda" or "hip" */
	int version;           /* of the driver: 12020 is CUDA 12.2 */
	int count;             /* GPUs that the driver shows */
	int device;            /* the one in use, -1 = none yet */
	char name[96], busid[32];
	void *context;
	void *handle;
};

/* Opens LIB (a path, or a name for the dynamic linker; NULL: libcuda.so.1, then libamdhip64.so.*) and
 * initialises it. CT_UNSUPPORTED in one line: what was looked for and where, or what the driver said.
 * Close with ct_gpu_close(), which accepts NULL. The file stays loaded until the process ends. */
ct_status ct_gpu_open(const char *lib, struct ct_driver **gpu);
void ct_gpu_close(struct ct_driver *gpu);

/* Makes GPU number ORDINAL (0 … count-1) the calling thread's. CT_UNSUPPORTED. */
ct_status ct_gpu_use(struct ct_driver *gpu, int ordinal);

/* CT_OK for 0; else STATUS with CALL and the driver's text for ERROR. */
ct_status ct_gpu_status(const struct ct_driver *gpu, ct_status status, const char *call, int error);

/* The memory of GPU, which must have a device in use; SELF is GPU. */
extern const struct ct_gpu_mem_ops ct_gpu_mem_cuda, ct_gpu_mem_hip;
const struct ct_gpu_mem_ops *ct_gpu_memory(const struct ct_driver *gpu);

/* Does GPU's driver have CUDA graphs? */
bool ct_gpu_graphs(const struct ct_driver *gpu);

/* dlopen of the first of NAMES (NULL-ended) that loads; *WHICH is its name. NULL: the reasons, cleaned,
 * in WHY of ROOM bytes. */
void *ct_library_open(const char *const *names, const char **which, char *why, size_t room);

#endif
