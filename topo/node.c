/* SPDX-License-Identifier: BSD-3-Clause */
/* hwloc's tree: loaded, checked, counted. */
#include <stdio.h>
#include <string.h>

#include "machine.h"

enum { CPU_MOST = 65535 };

/* Discovery plug-ins that start a vendor's whole run time or connect to a display server to learn
 * what we do not use: seconds of delay, and a CUDA context per process. And "pci", which finds the
 * same devices through libpciaccess, with global state that it leaks; hwloc's own reader of sysfs
 * takes its place, and the map does not depend on which plug-ins are installed. */
static const char *const unwanted[] = { "cuda", "opencl", "gl", "levelzero", "pci", NULL };

/* Sets without end, or with absurd numbers, come from a damaged file; everything done with them
 * later would take as much memory and time as the largest number says. */
static bool sets_ok(hwloc_topology_t topology)
{
	int cpu = hwloc_bitmap_last(hwloc_topology_get_complete_cpuset(topology));
	int node = hwloc_bitmap_last(hwloc_topology_get_complete_nodeset(topology));

	return cpu >= 0 && cpu <= CPU_MOST && node >= 0 && node <= CPU_MOST;
}

static void configure(hwloc_topology_t topology)
{
	/* The whole machine, so that its class does not depend on the cgroup of this job. */
	hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
	hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
	hwloc_topology_set_type_filter(topology, HWLOC_OBJ_MISC, HWLOC_TYPE_FILTER_KEEP_NONE);
	/* A plug-in that is not installed is refused, which is as good. */
	for (size_t i = 0; unwanted[i] != NULL; i++)
		hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST,
			unwanted[i]);
}

ct_status ct_node_load(struct ct_machine *machine, const char *xml, size_t bytes, const char *name)
{
	hwloc_topology_t topology;
	ct_status status = xml != NULL ? ct_xml_check(xml, bytes, name) : CT_OK;

	if (status != CT_OK)
		return status;
	if (hwloc_topology_init(&topology) != 0)
		return ct_fail(CT_NOMEM, "hwloc: no memory for a topology");
	configure(topology);
	if (xml != NULL && hwloc_topology_set_xmlbuffer(topology, xml, (int)bytes + 1) != 0)
		status = ct_fail(CT_INVALID, "%s: hwloc does not take this XML", name);
	else if (hwloc_topology_load(topology) != 0)
		status = ct_fail(xml != NULL ? CT_INVALID : CT_IO, "%s: hwloc cannot load it", name);
	else if (hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU) < 1 ||
		 hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE) < 1)
		status = ct_fail(CT_INVALID, "%s: hwloc finds no processors or no memory", name);
	else if (!sets_ok(topology))
		status = ct_fail(CT_INVALID, "%s: hwloc finds processors or memory with numbers "
			"above %d", name, CPU_MOST);
	if (status != CT_OK) {
		hwloc_topology_destroy(topology);
		return status;
	}
	if (xml == NULL && !hwloc_topology_is_thissystem(topology))
		ct_log(CT_LOG_WARN, CT_AREA_TOPO, "HWLOC_XMLFILE, HWLOC_SYNTHETIC or HWLOC_FSROOT "
			"is set: processors and devices are not those of this machine");
	machine->topology = topology;
	return CT_OK;
}

static uint64_t count(hwloc_topology_t topology, hwloc_obj_type_t type)
{
	int n = hwloc_get_nbobjs_by_type(topology, type);

	return n > 0 ? (uint64_t)n : 0;
}

void ct_node_model(struct ct_machine *machine)
{
	hwloc_topology_t t = machine->topology;
	hwloc_obj_t root = hwloc_get_root_obj(t);
	hwloc_obj_t package = hwloc_get_obj_by_type(t, HWLOC_OBJ_PACKAGE, 0);
	struct ct_setting *model = &machine->facts.setting[CT_SET_CPU_MODEL];
	const char *text = NULL;

	if (package != NULL)
		text = hwloc_obj_get_info_by_name(package, "CPUModel");
	if (text == NULL)
		text = hwloc_obj_get_info_by_name(root, "CPUModel");
	model->known = text != NULL && text[0] != '\0';
	if (model->known)
		ct_text_clean(model->text, sizeof(model->text), text);
	else
		snprintf(model->text, sizeof(model->text), "hwloc tells no CPUModel");
}

void ct_node_counts(struct ct_machine *machine)
{
	hwloc_topology_t t = machine->topology;
	struct ct_facts *f = &machine->facts;
	int allowed = hwloc_bitmap_weight(hwloc_topology_get_allowed_cpuset(t));

	f->packages = count(t, HWLOC_OBJ_PACKAGE);
	f->numa_nodes = count(t, HWLOC_OBJ_NUMANODE);
	f->cores = count(t, HWLOC_OBJ_CORE);
	f->pus = count(t, HWLOC_OBJ_PU);
	f->memory_bytes = hwloc_get_root_obj(t)->total_memory;
	f->pus_allowed = allowed > 0 ? (uint64_t)allowed : 0;
}

void ct_pci_empty(struct ct_pci *pci)
{
	memset(pci, 0, sizeof(*pci));
	pci->numa = CT_UNKNOWN;
	pci->speed_MTs = pci->width = CT_UNKNOWN;
	pci->max_speed_MTs = pci->max_width = CT_UNKNOWN;
	pci->max_read_bytes = pci->max_payload_bytes = pci->relaxed_ordering = CT_UNKNOWN;
	pci->vf = pci->vfs = pci->vfs_most = pci->irqs = pci->irqs_far = CT_UNKNOWN;
}

void ct_node_pci(hwloc_topology_t topology, hwloc_obj_t obj, struct ct_pci *pci)
{
	const struct hwloc_pcidev_attr_s *a = &obj->attr->pcidev;
	hwloc_obj_t near = hwloc_get_non_io_ancestor_obj(topology, obj);

	ct_pci_empty(pci);
	snprintf(pci->address, sizeof(pci->address), "%04x:%02x:%02x.%01x", a->domain, a->bus,
		a->dev, a->func);
	snprintf(pci->id, sizeof(pci->id), "%04x:%04x", a->vendor_id, a->device_id);
	snprintf(pci->subsystem, sizeof(pci->subsystem), "%04x:%04x", a->subvendor_id,
		a->subdevice_id);
	snprintf(pci->class_id, sizeof(pci->class_id), "%04x", a->class_id);
	if (near != NULL && hwloc_bitmap_weight(near->nodeset) == 1)
		pci->numa = (uint64_t)hwloc_bitmap_first(near->nodeset);
}

void ct_node_pci_of(hwloc_topology_t topology, const char *name, hwloc_obj_osdev_type_t type,
	struct ct_pci *pci)
{
	hwloc_obj_t os = NULL, up;

	ct_pci_empty(pci);
	while ((os = hwloc_get_next_osdev(topology, os)) != NULL) {
		if (os->attr->osdev.type != type || os->name == NULL || strcmp(os->name, name) != 0)
			continue;
		for (up = os->parent; up != NULL && up->type != HWLOC_OBJ_PCI_DEVICE; up = up->parent)
			;
		if (up != NULL)
			ct_node_pci(topology, up, pci);
		return;
	}
}
