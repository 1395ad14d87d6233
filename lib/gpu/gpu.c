/* SPDX-License-Identifier: BSD-3-Clause */
/* A GPU by its driver, opened at run time: one table of names for CUDA and HIP. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "gpu.h"

#define AT(field) offsetof(struct ct_gpu_calls, field)

/* The same prototypes under two prefixes. CUDA's _v2 are what its header's plain names mean. */
static const struct {
	size_t at;
	const char *cuda, *hip;
} names[] = {
	{ AT(init), "cuInit", "hipInit" },
	{ AT(driver_version), "cuDriverGetVersion", "hipDriverGetVersion" },
	{ AT(count), "cuDeviceGetCount", "hipGetDeviceCount" },
	{ AT(device), "cuDeviceGet", "hipDeviceGet" },
	{ AT(name), "cuDeviceGetName", "hipDeviceGetName" },
	{ AT(busid), "cuDeviceGetPCIBusId", "hipDeviceGetPCIBusId" },
	{ AT(retain), "cuDevicePrimaryCtxRetain", "hipDevicePrimaryCtxRetain" },
	{ AT(give_up), "cuDevicePrimaryCtxRelease_v2", "hipDevicePrimaryCtxRelease" },
	{ AT(set_current), "cuCtxSetCurrent", "hipCtxSetCurrent" },
	{ AT(sync), "cuCtxSynchronize", "hipDeviceSynchronize" },
	{ AT(alloc), "cuMemAlloc_v2", "hipMalloc" },
	{ AT(free), "cuMemFree_v2", "hipFree" },
	{ AT(put), "cuMemcpyHtoD_v2", "hipMemcpyHtoD" },
	{ AT(get), "cuMemcpyDtoH_v2", "hipMemcpyDtoH" },
	{ AT(stream_make), "cuStreamCreate", "hipStreamCreateWithFlags" },
	{ AT(stream_free), "cuStreamDestroy_v2", "hipStreamDestroy" },
	{ AT(stream_query), "cuStreamQuery", "hipStreamQuery" },
	{ AT(event_make), "cuEventCreate", "hipEventCreateWithFlags" },
	{ AT(event_free), "cuEventDestroy_v2", "hipEventDestroy" },
	{ AT(event_record), "cuEventRecord", "hipEventRecord" },
	{ AT(event_sync), "cuEventSynchronize", "hipEventSynchronize" },
	{ AT(event_elapsed), "cuEventElapsedTime", "hipEventElapsedTime" },
	{ AT(error_text), "cuGetErrorString", "hipDrvGetErrorString" },
	{ AT(capture_begin), "cuStreamBeginCapture_v2", "hipStreamBeginCapture" },
	{ AT(capture_end), "cuStreamEndCapture", "hipStreamEndCapture" },
	{ AT(graph_make), "cuGraphInstantiateWithFlags", "hipGraphInstantiateWithFlags" },
	{ AT(graph_launch), "cuGraphLaunch", "hipGraphLaunch" },
	{ AT(exec_free), "cuGraphExecDestroy", "hipGraphExecDestroy" },
	{ AT(graph_free), "cuGraphDestroy", "hipGraphDestroy" },
};

static const char *const usual[] = { "libcuda.so.1", "libamdhip64.so.7", "libamdhip64.so.6",
	"libamdhip64.so.5", NULL };

static ct_status find_calls(struct ct_driver *gpu)
{
	bool cuda = dlsym(gpu->handle, names[0].cuda) != NULL;

	gpu->kind = cuda ? "cuda" : "hip";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *name = cuda ? names[i].cuda : names[i].hip;
		void *found = dlsym(gpu->handle, name);

		if (found == NULL && names[i].at < AT(capture_begin))
			return ct_fail(CT_UNSUPPORTED, "%s has no %s: it is neither CUDA's driver nor HIP, nor "
				"has it the ABI of one", gpu->lib, name);
		memcpy((char *)&gpu->call + names[i].at, &found, sizeof(found));
	}
	return CT_OK;
}

ct_status ct_gpu_status(const struct ct_driver *gpu, ct_status status, const char *call, int error)
{
	const char *text = NULL;

	if (error == CT_GPU_OK)
		return CT_OK;
	if (gpu->call.error_text == NULL || gpu->call.error_text(error, &text) != CT_GPU_OK || text == NULL)
		text = "an error without a text";
	return ct_fail(status, "%s: %s: %s (%d)", gpu->lib, call, text, error);
}

static ct_status start(struct ct_driver *gpu)
{
	ct_status status = ct_gpu_status(gpu, CT_UNSUPPORTED, "initialising the driver", gpu->call.init(0));

	if (status == CT_OK)
		status = ct_gpu_status(gpu, CT_UNSUPPORTED, "the driver's version",
			gpu->call.driver_version(&gpu->version));
	if (status == CT_OK)
		status = ct_gpu_status(gpu, CT_UNSUPPORTED, "counting the GPUs", gpu->call.count(&gpu->count));
	if (status == CT_OK && gpu->count < 1)
		status = ct_fail(CT_UNSUPPORTED, "%s: the driver shows no GPU", gpu->lib);
	return status;
}

ct_status ct_gpu_open(const char *lib, struct ct_driver **gpu)
{
	const char *const asked[] = { lib, NULL }, *which = lib;
	char why[300];
	struct ct_driver *g = ct_alloc(1, sizeof(*g));
	ct_status status;

	if (g == NULL)
		return CT_NOMEM;
	g->device = -1;
	g->handle = ct_library_open(lib != NULL ? asked : usual, &which, why, sizeof(why));
	if (g->handle == NULL) {
		ct_free(g);
		return ct_fail(CT_UNSUPPORTED, "no GPU driver: %s", why);
	}
	ct_text_clean(g->lib, sizeof(g->lib), which);
	status = find_calls(g);
	if (status == CT_OK)
		status = start(g);
	if (status != CT_OK) {
		ct_free(g);
		return status;
	}
	*gpu = g;
	return CT_OK;
}

void ct_gpu_close(struct ct_driver *gpu)
{
	if (gpu != NULL && gpu->device >= 0)
		(void)gpu->call.give_up(gpu->device);
	ct_free(gpu);
}

ct_status ct_gpu_use(struct ct_driver *gpu, int ordinal)
{
	char name[sizeof(gpu->name)] = "", busid[sizeof(gpu->busid)] = "";
	int device = 0;
	ct_status status = ct_gpu_status(gpu, CT_UNSUPPORTED, "finding the GPU",
		gpu->call.device(&device, ordinal));

	if (status == CT_OK)
		status = ct_gpu_status(gpu, CT_UNSUPPORTED, "the GPU's name",
			gpu->call.name(name, sizeof(name), device));
	if (status == CT_OK)
		status = ct_gpu_status(gpu, CT_UNSUPPORTED, "the GPU's PCI address",
			gpu->call.busid(busid, sizeof(busid), device));
	if (status == CT_OK)
		status = ct_gpu_status(gpu, CT_UNSUPPORTED, "making a context on the GPU",
			gpu->call.retain(&gpu->context, device));
	if (status != CT_OK)
		return status;
	name[sizeof(name) - 1] = '\0';
	busid[sizeof(busid) - 1] = '\0';
	ct_text_clean(gpu->name, sizeof(gpu->name), name);
	ct_text_clean(gpu->busid, sizeof(gpu->busid), busid);
	gpu->device = device;
	return ct_gpu_status(gpu, CT_UNSUPPORTED, "using the GPU's context",
		gpu->call.set_current(gpu->context));
}

bool ct_gpu_graphs(const struct ct_driver *gpu)
{
	const struct ct_gpu_calls *c = &gpu->call;

	return c->capture_begin != NULL && c->capture_end != NULL && c->graph_make != NULL &&
		c->graph_launch != NULL && c->exec_free != NULL && c->graph_free != NULL;
}

/* ---- its memory ------------------------------------------------------------------------------ */

static ct_status gpu_alloc(void *self, uint64_t bytes, void **at)
{
	struct ct_driver *gpu = self;

	return ct_gpu_status(gpu, CT_NOMEM, "memory on the GPU", gpu->call.alloc(at, bytes));
}

static void gpu_free(void *self, void *at)
{
	struct ct_driver *gpu = self;

	if (at != NULL)
		(void)gpu->call.free(at);
}

/* From pageable memory the call may return before the last bytes are there (CUDA driver API,
 * "API synchronization behavior"). */
static ct_status gpu_put(void *self, void *to, const void *from, uint64_t bytes)
{
	struct ct_driver *gpu = self;
	int error = bytes > 0 ? gpu->call.put(to, from, bytes) : CT_GPU_OK;

	if (error == CT_GPU_OK)
		error = gpu->call.sync();
	return ct_gpu_status(gpu, CT_IO, "copying to the GPU", error);
}

static ct_status gpu_get(void *self, void *to, const void *from, uint64_t bytes)
{
	struct ct_driver *gpu = self;

	return ct_gpu_status(gpu, CT_IO, "copying from the GPU",
		bytes > 0 ? gpu->call.get(to, from, bytes) : CT_GPU_OK);
}

const struct ct_gpu_mem_ops ct_gpu_mem_cuda = { "cuda", gpu_alloc, gpu_free, gpu_put, gpu_get };
const struct ct_gpu_mem_ops ct_gpu_mem_hip = { "hip", gpu_alloc, gpu_free, gpu_put, gpu_get };

const struct ct_gpu_mem_ops *ct_gpu_memory(const struct ct_driver *gpu)
{
	return strcmp(gpu->kind, "cuda") == 0 ? &ct_gpu_mem_cuda : &ct_gpu_mem_hip;
}
