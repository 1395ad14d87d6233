/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of topo share. */
#ifndef CT_TOPO_MACHINE_H
#define CT_TOPO_MACHINE_H

#include <hwloc.h>

#include "sysfs.h"
#include "topo.h"

struct ct_machine {
	hwloc_topology_t topology;
	struct ct_facts facts;
	json_t *replaced; /* texts: what an earlier save replaced; NULL = nothing */
};

extern const enum ct_setting_kind ct_setting_kinds[CT_NSETTINGS];

/* An empty machine. NULL when there is no memory. */
struct ct_machine *ct_machine_new(void);

/* Refuses XML that hwloc should not see: not of version 2, with entities, cut off, or with objects
 * that lack their sets. XML is NUL-terminated, BYTES is without the NUL. CT_INVALID. */
ct_status ct_xml_check(const char *xml, size_t bytes, const char *name);

/* Loads hwloc's tree: of this machine (XML NULL), or from XML (NUL-terminated, BYTES without the
 * NUL), checked before hwloc sees it; NAME stands for the file in messages. CT_INVALID, CT_NOMEM. */
ct_status ct_node_load(struct ct_machine *machine, const char *xml, size_t bytes, const char *name);

/* Fills the CPU model, and the counts and memory, from the loaded tree. */
void ct_node_model(struct ct_machine *machine);
void ct_node_counts(struct ct_machine *machine);

/* Nothing known. */
void ct_pci_empty(struct ct_pci *pci);

/* What hwloc knows about PCI device OBJ: address, ids, NUMA node; no link. */
void ct_node_pci(hwloc_topology_t topology, hwloc_obj_t obj, struct ct_pci *pci);

/* The same for the PCI device above the OS device NAME of TYPE; an empty PCI when there is none. */
void ct_node_pci_of(hwloc_topology_t topology, const char *name, hwloc_obj_osdev_type_t type,
	struct ct_pci *pci);

/* Reads every setting but the CPU model and the numbers of devices. */
void ct_settings_read(const struct ct_sys *sys, struct ct_facts *facts);

/* A list of CPUs such as "0-3,8", with numbers that a machine can have. hwloc would take "0-" as all
 * CPUs there can be, and allocate for any number. */
bool ct_cpu_list_ok(const char *text);

/* Settings with a value. */
void ct_setting_text_known(struct ct_setting *setting, const char *text);

/* A setting that is not known: ERROR is a negative errno as sysfs.h returns it. */
void ct_setting_unknown(struct ct_setting *setting, const char *path, int error);

/* Reads network interfaces, RDMA ports and GPUs, and the settings that count them. CT_NOMEM. */
ct_status ct_devices_read(const struct ct_sys *sys, struct ct_machine *machine);

/* details.c: what the configuration space and the other files of sysfs tell of every device; bridges,
 * NVMe disks, and the settings that follow from all. After ct_devices_read(). CT_NOMEM. */
ct_status ct_details_read(const struct ct_sys *sys, struct ct_machine *machine);

/* nvml.c: names, models and NVLinks of NVIDIA's GPUs, from the driver's library, or in a captured tree
 * from what nvidia-smi said; nothing where there is neither. Between ct_devices_read() and
 * ct_details_read(). CT_NOMEM. */
ct_status ct_nvml_read(const struct ct_sys *sys, struct ct_machine *machine);

/* PCIe link, from sysfs. */
void ct_link_read(const struct ct_sys *sys, struct ct_pci *pci);

/* True if an information attribute of hwloc says who this machine is rather than what it is. */
bool ct_hide_wanted(const char *name, const char *value);

/* Zeroes a MAC or GUID inside a device name ("enx001122334455", "rocex525400c0fe123455");
 * true if there was one. */
bool ct_hide_name(char *name);

/* Replaces what ct_hide_wanted() and ct_hide_name() find in TOPOLOGY, and adds "NAME (count)"
 * texts to the array KINDS. CT_NOMEM. */
ct_status ct_hide_topology(hwloc_topology_t topology, json_t *kinds);

#endif
