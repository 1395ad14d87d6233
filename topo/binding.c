/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the calling thread may run. */
#include <errno.h>
#include <hwloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "topo.h"

/* The kernel refuses a set that is smaller than its own, so ask with a growing one. */
static ct_status affinity(hwloc_bitmap_t set)
{
	for (int cpus = 1024; cpus <= 65536; cpus *= 4) {
		size_t bytes = CPU_ALLOC_SIZE(cpus);
		cpu_set_t *mask = ct_alloc(bytes, 1);
		int error;

		if (mask == NULL)
			return CT_NOMEM;
		error = sched_getaffinity(0, bytes, mask) == 0 ? 0 : errno;
		for (int cpu = 0; error == 0 && cpu < cpus; cpu++) {
			if (CPU_ISSET_S(cpu, bytes, mask))
				hwloc_bitmap_set(set, (unsigned int)cpu);
		}
		ct_free(mask);
		if (error == 0)
			return CT_OK;
		if (error != EINVAL)
			return ct_fail(CT_IO, "sched_getaffinity: %s", strerror(error));
	}
	return ct_fail(CT_IO, "sched_getaffinity: more than 65536 CPUs");
}

ct_status ct_binding_self(char *out, size_t room)
{
	hwloc_bitmap_t set = hwloc_bitmap_alloc();
	char *text = NULL;
	ct_status status;

	if (set == NULL)
		return ct_fail(CT_NOMEM, "no memory for a CPU set");
	status = affinity(set);
	if (status == CT_OK && hwloc_bitmap_list_asprintf(&text, set) < 0)
		status = ct_fail(CT_NOMEM, "no memory for a CPU list");
	if (status == CT_OK && strlen(text) >= room)
		status = ct_fail(CT_INVALID, "CPU list of %zu bytes does not fit in %zu",
			strlen(text), room);
	if (status == CT_OK)
		memcpy(out, text, strlen(text) + 1);
	free(text);
	hwloc_bitmap_free(set);
	return status;
}
