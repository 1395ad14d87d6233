/* SPDX-License-Identifier: BSD-3-Clause */
/* Network interfaces, RDMA ports and GPUs: which there are and what they say of themselves. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* "16.0 GT/s PCIe" in sysfs; "Unknown" and width 0 or 63 where the device does not tell. */
static uint64_t link_speed(const struct ct_sys *sys, const char *address, const char *file)
{
	char line[64], *end;
	double GTs;

	if (ct_sys_line(sys, line, sizeof(line), "sys/bus/pci/devices/%s/%s", address, file) != 0)
		return CT_UNKNOWN;
	GTs = strtod(line, &end);
	if (end == line || strncmp(end, " GT/s", 5) != 0 || !(GTs > 0 && GTs < 10000))
		return CT_UNKNOWN;
	return (uint64_t)(GTs * 1000 + 0.5);
}

static uint64_t link_width(const struct ct_sys *sys, const char *address, const char *file)
{
	uint64_t width = 0;

	if (ct_sys_u64(sys, &width, "sys/bus/pci/devices/%s/%s", address, file) != 0 ||
	    width == 0 || width > 32)
		return CT_UNKNOWN;
	return width;
}

void ct_link_read(const struct ct_sys *sys, struct ct_pci *pci)
{
	if (pci->address[0] == '\0')
		return;
	pci->speed_MTs = link_speed(sys, pci->address, "current_link_speed");
	pci->width = link_width(sys, pci->address, "current_link_width");
	pci->max_speed_MTs = link_speed(sys, pci->address, "max_link_speed");
	pci->max_width = link_width(sys, pci->address, "max_link_width");
}

/* The kernel's ARPHRD numbers (linux/if_arp.h) that occur on clusters. */
static void link_type(uint64_t type, char *out, size_t room)
{
	if (type == 1)
		snprintf(out, room, "ethernet");
	else if (type == 32)
		snprintf(out, room, "infiniband");
	else if (type == 772)
		snprintf(out, room, "loopback");
	else
		snprintf(out, room, "type %llu", (unsigned long long)type);
}

static void read_nic(const struct ct_sys *sys, const struct ct_machine *m, const char *name,
	struct ct_nic *nic)
{
	char dir[128];
	uint64_t type = 0;

	ct_text_clean(nic->name, sizeof(nic->name), name);
	snprintf(dir, sizeof(dir), "sys/class/net/%s", name);
	if (ct_sys_u64(sys, &type, "%s/type", dir) == 0)
		link_type(type, nic->link, sizeof(nic->link));
	nic->loopback = type == 772;
	nic->is_virtual = !ct_sys_there(sys, "%s/device", dir);
	/* -1, 0 or an error: the driver does not know or the link is down. */
	if (ct_sys_u64(sys, &nic->speed_Mbps, "%s/speed", dir) != 0 || nic->speed_Mbps == 0 ||
	    nic->speed_Mbps >= UINT32_MAX)
		nic->speed_Mbps = CT_UNKNOWN;
	if (ct_sys_u64(sys, &nic->mtu, "%s/mtu", dir) != 0)
		nic->mtu = CT_UNKNOWN;
	ct_sys_line(sys, nic->state, sizeof(nic->state), "%s/operstate", dir);
	strcat(dir, "/device");
	ct_sys_uevent(sys, dir, "DRIVER", nic->driver, sizeof(nic->driver));
	ct_node_pci_of(m->topology, name, HWLOC_OBJ_OSDEV_NETWORK, &nic->pci);
	ct_link_read(sys, &nic->pci);
}

/* Fills SETTING with COUNT, or with why directory DIR could not be listed (N is what ct_sys_list()
 * returned). */
static ct_status counted(struct ct_setting *setting, const char *dir, int n, size_t count)
{
	if (n == -ENOMEM)
		return CT_NOMEM;
	if (n < 0) {
		ct_setting_unknown(setting, dir, n);
	} else {
		setting->known = true;
		setting->number = count;
	}
	return CT_OK;
}

static ct_status read_nics(const struct ct_sys *sys, struct ct_machine *m)
{
	static const char dir[] = "sys/class/net";
	struct ct_facts *f = &m->facts;
	char(*list)[CT_SYS_NAME] = NULL;
	int n = ct_sys_list(sys, dir, "", &list);

	if (n > 0) {
		f->nics = ct_alloc((size_t)n, sizeof(*f->nics));
		if (f->nics == NULL)
			n = -ENOMEM;
	}
	for (int i = 0; i < n; i++) {
		/* Plain files such as bonding_masters are no interfaces. */
		if (ct_sys_there(sys, "%s/%s/mtu", dir, list[i]))
			read_nic(sys, m, list[i], &f->nics[f->nnics++]);
	}
	ct_free(list);
	return counted(&f->setting[CT_SET_NICS], dir, n, f->nnics);
}

/* "4: ACTIVE", "5: LinkUp": the word. */
static void state_word(char *text)
{
	char *word = strstr(text, ": ");

	if (word != NULL)
		memmove(text, word + 2, strlen(word + 2) + 1);
}

static void read_port(const struct ct_sys *sys, const struct ct_machine *m, const char *name,
	const char *number, struct ct_rdma *port)
{
	char dir[160], line[64];
	char *end;
	double Gbps;

	ct_text_clean(port->name, sizeof(port->name), name);
	snprintf(dir, sizeof(dir), "sys/class/infiniband/%s/device", name);
	ct_sys_uevent(sys, dir, "DRIVER", port->driver, sizeof(port->driver));
	snprintf(dir, sizeof(dir), "sys/class/infiniband/%s/ports/%s", name, number);
	port->port = strtoull(number, NULL, 10);
	ct_sys_line(sys, port->state, sizeof(port->state), "%s/state", dir);
	state_word(port->state);
	ct_sys_line(sys, port->phys_state, sizeof(port->phys_state), "%s/phys_state", dir);
	state_word(port->phys_state);
	ct_sys_line(sys, port->link_layer, sizeof(port->link_layer), "%s/link_layer", dir);
	ct_sys_line(sys, port->netdev, sizeof(port->netdev), "%s/gid_attrs/ndevs/0", dir);
	port->rate_Mbps = CT_UNKNOWN;
	/* "100 Gb/sec (4X EDR)" */
	if (ct_sys_line(sys, line, sizeof(line), "%s/rate", dir) == 0) {
		Gbps = strtod(line, &end);
		if (end != line && strncmp(end, " Gb/sec", 7) == 0 && Gbps > 0 && Gbps < 1e6)
			port->rate_Mbps = (uint64_t)(Gbps * 1000 + 0.5);
	}
	ct_node_pci_of(m->topology, name, HWLOC_OBJ_OSDEV_OPENFABRICS, &port->pci);
	ct_link_read(sys, &port->pci);
}

static ct_status read_ports(const struct ct_sys *sys, struct ct_machine *m, const char *name)
{
	struct ct_facts *f = &m->facts;
	struct ct_rdma *more;
	char dir[128];
	char(*list)[CT_SYS_NAME] = NULL;
	int n;

	snprintf(dir, sizeof(dir), "sys/class/infiniband/%s/ports", name);
	n = ct_sys_list(sys, dir, "", &list);
	if (n <= 0)
		return n == -ENOMEM ? CT_NOMEM : CT_OK;
	more = ct_realloc(f->rdma, f->nrdma + (size_t)n, sizeof(*more));
	if (more != NULL) {
		f->rdma = more;
		memset(&more[f->nrdma], 0, (size_t)n * sizeof(*more));
		for (int i = 0; i < n; i++)
			read_port(sys, m, name, list[i], &more[f->nrdma++]);
	}
	ct_free(list);
	return more != NULL ? CT_OK : CT_NOMEM;
}

static ct_status read_rdma(const struct ct_sys *sys, struct ct_machine *m)
{
	static const char dir[] = "sys/class/infiniband";
	char(*list)[CT_SYS_NAME] = NULL;
	int n = ct_sys_list(sys, dir, "", &list);
	ct_status status = CT_OK;

	for (int i = 0; status == CT_OK && i < n; i++)
		status = read_ports(sys, m, list[i]);
	ct_free(list);
	if (status != CT_OK)
		return status;
	/* The directory comes with the kernel's RDMA core: without it there are no devices, unless
	 * sysfs as a whole is missing. */
	if (n == -ENOENT && ct_sys_there(sys, "sys/class"))
		n = 0;
	return counted(&m->facts.setting[CT_SET_RDMA], dir, n, m->facts.nrdma);
}

/* Accelerators are class 12; GPUs are 3D controllers (0302), other display controllers (0380), or
 * VGA (0300) of a vendor that builds GPUs: the 0300 of others is the baseboard's console. */
static bool is_gpu(const struct hwloc_pcidev_attr_s *pci)
{
	if ((pci->class_id >> 8) == 0x12 || pci->class_id == 0x0302 || pci->class_id == 0x0380)
		return true;
	return pci->class_id == 0x0300 &&
		(pci->vendor_id == 0x10de || pci->vendor_id == 0x1002 || pci->vendor_id == 0x8086);
}

/* The best name hwloc has for a GPU: an NVML, RSMI or other library's device before a DRM card. */
static void name_gpu(hwloc_obj_t device, struct ct_gpu *gpu)
{
	const char *model = hwloc_obj_get_info_by_name(device, "PCIDevice");

	ct_text_clean(gpu->name, sizeof(gpu->name), gpu->pci.address);
	for (hwloc_obj_t os = device->io_first_child; os != NULL; os = os->next_sibling) {
		const char *told;

		if (os->type != HWLOC_OBJ_OS_DEVICE || os->name == NULL)
			continue;
		told = hwloc_obj_get_info_by_name(os, "GPUModel");
		if (told != NULL)
			model = told;
		if (told != NULL || strcmp(gpu->name, gpu->pci.address) == 0)
			ct_text_clean(gpu->name, sizeof(gpu->name), os->name);
	}
	if (model != NULL)
		ct_text_clean(gpu->model, sizeof(gpu->model), model);
}

static ct_status read_gpus(const struct ct_sys *sys, struct ct_machine *m)
{
	struct ct_facts *f = &m->facts;
	hwloc_obj_t device = NULL;

	while ((device = hwloc_get_next_pcidev(m->topology, device)) != NULL) {
		struct ct_gpu *more, *gpu;
		char dir[64];

		if (!is_gpu(&device->attr->pcidev))
			continue;
		more = ct_realloc(f->gpus, f->ngpus + 1, sizeof(*more));
		if (more == NULL)
			return CT_NOMEM;
		f->gpus = more;
		gpu = &more[f->ngpus++];
		memset(gpu, 0, sizeof(*gpu));
		gpu->nvlink_MBs = CT_UNKNOWN;
		ct_node_pci(m->topology, device, &gpu->pci);
		ct_link_read(sys, &gpu->pci);
		name_gpu(device, gpu);
		snprintf(dir, sizeof(dir), "sys/bus/pci/devices/%s", gpu->pci.address);
		ct_sys_uevent(sys, dir, "DRIVER", gpu->driver, sizeof(gpu->driver));
	}
	return CT_OK;
}

ct_status ct_devices_read(const struct ct_sys *sys, struct ct_machine *machine)
{
	ct_status status = read_nics(sys, machine);

	if (status == CT_OK)
		status = read_rdma(sys, machine);
	if (status == CT_OK)
		status = read_gpus(sys, machine);
	return status;
}
