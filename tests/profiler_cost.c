/* SPDX-License-Identifier: BSD-3-Clause */
/* profiler_cost PLUGIN CALLS: tells the profiler plugin (version 5) of CALLS collectives of two channels as NCCL
 * does, for counting its instructions: 8 calls of the plugin for each. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugin/nccl_profiler.h"

static void quiet(int level, unsigned long subsystems, const char *file, int line, const char *format, ...)
{
	(void)level;
	(void)subsystems;
	(void)file;
	(void)line;
	(void)format;
}

static void one(const struct ct_nccl_profiler_v5 *v5, void *context, uint64_t number)
{
	struct ct_nccl_event_v5 coll = { .type = CT_NCCL_EVENT_COLL, .coll = { .number = number,
		.func = "AllReduce", .count = 1024, .datatype = "ncclFloat32", .channels = 2, .algo = "RING",
		.proto = "SIMPLE" } };
	struct ct_nccl_event_v5 kernel = { .type = CT_NCCL_EVENT_KERNEL };
	struct ct_nccl_kernel_state end = { 1000 * number + 500 };
	void *handle, *channels[2];

	v5->start(context, &handle, &coll);
	v5->stop(handle);
	kernel.parent = handle;
	kernel.kernel.timer_ns = 1000 * number + 100;
	for (int i = 0; i < 2; i++)
		v5->start(context, &channels[i], &kernel);
	for (int i = 0; i < 2; i++) {
		v5->state(channels[i], CT_NCCL_KERNEL_STOPPED, &end);
		v5->stop(channels[i]);
	}
}

int main(int argc, char **argv)
{
	void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	const struct ct_nccl_profiler_v5 *v5 = library != NULL ? dlsym(library, "ncclProfiler_v5") : NULL;
	void *context = NULL;
	int mask = 0;

	if (v5 == NULL) {
		fprintf(stderr, "profiler_cost: %s\n", library == NULL ? dlerror() : "no such symbol");
		return 2;
	}
	v5->init(&context, 1, &mask, "", 1, 2, 0, quiet);
	for (long i = 0; i < atol(argv[2]); i++)
		one(v5, context, (uint64_t)i);
	printf("%d\n", mask); /* nothing is written: the context stays open */
	return 0;
}
