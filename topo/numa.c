/* SPDX-License-Identifier: BSD-3-Clause */
/* NUMA nodes and the CPU's own words, as plain data. */
#include <stdio.h>
#include <string.h>

#include "machine.h"

/* Words of 32 CPUs, highest first, as in the kernel's local_cpus: "0000ffff,ffffffff". */
static ct_status mask_text(hwloc_const_bitmap_t set, char **out)
{
	int last = hwloc_bitmap_last(set);
	struct ct_buf text = ct_buf_make(1 << 16);

	for (int word = last > 0 ? last / 32 : 0; word >= 0; word--) {
		uint32_t bits = 0;

		for (int i = 0; i < 32; i++)
			bits |= (uint32_t)(hwloc_bitmap_isset(set, (unsigned int)(32 * word + i)) != 0)
				<< i;
		ct_buf_add(&text, "%08x%s", bits, word > 0 ? "," : "");
	}
	if (ct_buf_status(&text) != CT_OK) {
		ct_buf_free(&text);
		return CT_NOMEM;
	}
	*out = text.text;
	return CT_OK;
}

static ct_status fill(hwloc_topology_t t, hwloc_obj_t node, struct ct_numa *out)
{
	int cores = hwloc_get_nbobjs_inside_cpuset_by_type(t, node->cpuset, HWLOC_OBJ_CORE);
	hwloc_obj_t package = node->parent;

	while (package != NULL && package->type != HWLOC_OBJ_PACKAGE)
		package = package->parent;
	out->number = node->os_index;
	out->package = package != NULL ? package->os_index : CT_UNKNOWN;
	out->cores = cores > 0 ? (uint64_t)cores : 0;
	out->pus = (uint64_t)hwloc_bitmap_weight(node->cpuset);
	out->memory_bytes = node->attr->numanode.local_memory;
	hwloc_bitmap_list_snprintf(out->cpus, sizeof(out->cpus), node->cpuset);
	return mask_text(node->cpuset, &out->mask);
}

ct_status ct_machine_numa(const struct ct_machine *machine, struct ct_numa **nodes, size_t *n)
{
	hwloc_topology_t t = machine->topology;
	int count = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE);
	struct ct_numa *made = ct_alloc((size_t)count, sizeof(*made));
	ct_status status = made != NULL ? CT_OK : CT_NOMEM;

	for (int i = 0; status == CT_OK && i < count; i++)
		status = fill(t, hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, (unsigned int)i), &made[i]);
	if (status != CT_OK) {
		ct_numa_free(made, made != NULL ? (size_t)count : 0);
		return status;
	}
	*nodes = made;
	*n = (size_t)count;
	return CT_OK;
}

void ct_numa_free(struct ct_numa *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ct_free(nodes[i].mask);
	ct_free(nodes);
}

void ct_machine_cpu(const struct ct_machine *machine, struct ct_cpu *cpu)
{
	hwloc_obj_t root = hwloc_get_root_obj(machine->topology);
	hwloc_obj_t package = hwloc_get_obj_by_type(machine->topology, HWLOC_OBJ_PACKAGE, 0);
	const struct {
		const char *name;
		char *out;
		size_t room;
	} wanted[] = {
		{ "Architecture", cpu->arch, sizeof(cpu->arch) },
		{ "CPUVendor", cpu->vendor, sizeof(cpu->vendor) },
		{ "CPUFamilyNumber", cpu->family, sizeof(cpu->family) },
		{ "CPUModelNumber", cpu->model, sizeof(cpu->model) },
	};

	memset(cpu, 0, sizeof(*cpu));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const char *text = package != NULL ?
			hwloc_obj_get_info_by_name(package, wanted[i].name) : NULL;

		if (text == NULL)
			text = hwloc_obj_get_info_by_name(root, wanted[i].name);
		if (text != NULL)
			ct_text_clean(wanted[i].out, wanted[i].room, text);
	}
}
