/* SPDX-License-Identifier: BSD-3-Clause */
/* What lies beside a device in sysfs: configuration space, IOMMU group, virtual functions, interrupts,
 * memory windows; and the devices that only matter between others: bridges and disks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "machine.h"

enum { CPU_MOST = 65535, IRQS_MOST = 1024, GIDS_MOST = 16 };

struct reading {
	const struct ct_sys *sys;
	struct ct_machine *machine;
	size_t whole, cut; /* configuration spaces read with and without their capabilities */
};

static bool config_of(struct reading *r, const char *address, struct ct_pci_config *config)
{
	uint8_t bytes[CT_PCI_CONFIG_MOST + 1];
	char path[96];
	int n;

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/config", address);
	n = ct_sys_read(r->sys, path, (char *)bytes, sizeof(bytes));
	if (n < 0 || !ct_pci_config_parse(bytes, (size_t)n, config))
		return false;
	if (n > 64)
		r->whole++;
	else
		r->cut++;
	return n > 64;
}

static uint64_t number_at(const struct ct_sys *sys, const char *address, const char *file)
{
	uint64_t value;

	if (ct_sys_u64(sys, &value, "sys/bus/pci/devices/%s/%s", address, file) != 0)
		return CT_UNKNOWN;
	return value;
}

static void read_pci(struct reading *r, struct ct_pci *pci)
{
	const struct ct_sys *sys = r->sys;
	struct ct_pci_config config;

	if (pci->address[0] == '\0')
		return;
	if (config_of(r, pci->address, &config) && config.express) {
		pci->max_read_bytes = config.max_read_bytes;
		pci->max_payload_bytes = config.max_payload_bytes;
		pci->relaxed_ordering = config.relaxed_ordering;
	}
	ct_sys_line(sys, pci->iommu, sizeof(pci->iommu), "sys/bus/pci/devices/%s/iommu_group/type",
		pci->address);
	pci->vfs = number_at(sys, pci->address, "sriov_numvfs");
	pci->vfs_most = number_at(sys, pci->address, "sriov_totalvfs");
	if (ct_sys_there(sys, "sys/bus/pci/devices/%s", pci->address))
		pci->vf = ct_sys_there(sys, "sys/bus/pci/devices/%s/physfn", pci->address);
}

/* The CPUs of a list file; false when there is none that makes sense. */
static bool cpus_at(const struct ct_sys *sys, hwloc_bitmap_t set, const char *format,
	const char *name, const char *file)
{
	char line[4096];

	return ct_sys_line(sys, line, sizeof(line), format, name, file) == 0 &&
		ct_cpu_list_ok(line) && hwloc_bitmap_list_sscanf(set, line) == 0 &&
		hwloc_bitmap_last(set) <= CPU_MOST && !hwloc_bitmap_iszero(set);
}

/* Which of the device's interrupts are served by no CPU that is near to it. */
static ct_status read_irqs(const struct ct_sys *sys, struct ct_pci *pci)
{
	hwloc_bitmap_t near = hwloc_bitmap_alloc(), served = hwloc_bitmap_alloc();
	char(*list)[CT_SYS_NAME] = NULL;
	char dir[96];
	uint64_t all = 0, far = 0;
	int n = 0;

	snprintf(dir, sizeof(dir), "sys/bus/pci/devices/%s/msi_irqs", pci->address);
	if (near == NULL || served == NULL)
		n = -ENOMEM;
	else if (pci->address[0] != '\0' &&
		 cpus_at(sys, near, "sys/bus/pci/devices/%s/%s", pci->address, "local_cpulist"))
		n = ct_sys_list(sys, dir, "", &list);
	for (int i = 0; i < n && i < IRQS_MOST; i++) {
		if (!cpus_at(sys, served, "proc/irq/%s/%s", list[i], "effective_affinity_list"))
			continue;
		all++;
		far += !hwloc_bitmap_intersects(served, near);
	}
	if (all > 0) {
		pci->irqs = all;
		pci->irqs_far = far;
	}
	ct_free(list);
	hwloc_bitmap_free(near);
	hwloc_bitmap_free(served);
	return n == -ENOMEM ? ct_fail(CT_NOMEM, "no memory for interrupts") : CT_OK;
}

/* "which: type kind", without the address, so that equal nodes have equal texts. GID is as sysfs
 * writes it, eight groups of four digits. */
static const char *gid_kind(const char *gid)
{
	static const char mapped[] = "0000:0000:0000:0000:0000:ffff:";

	if (strncmp(gid, "fe80:", 5) == 0)
		return "link-local";
	return strncmp(gid, mapped, sizeof(mapped) - 1) == 0 ? "IPv4" : "global";
}

static void read_gids(const struct ct_sys *sys, struct ct_rdma *port)
{
	char dir[160], gid[64], type[32];
	size_t used = 0;

	snprintf(dir, sizeof(dir), "sys/class/infiniband/%s/ports/%u", port->name,
		(unsigned int)port->port);
	for (int i = 0; i < GIDS_MOST; i++) {
		int n;

		if (ct_sys_line(sys, gid, sizeof(gid), "%s/gids/%d", dir, i) != 0 ||
		    strspn(gid, "0:") == strlen(gid))
			continue;
		ct_sys_line(sys, type, sizeof(type), "%s/gid_attrs/types/%d", dir, i);
		n = snprintf(port->gids + used, sizeof(port->gids) - used, "%s%d %s %s",
			used > 0 ? ", " : "", i, strcmp(type, "RoCE v2") == 0 ? "v2" :
			strcmp(port->link_layer, "Ethernet") == 0 ? "v1" : "IB", gid_kind(gid));
		if (n < 0 || (size_t)n >= sizeof(port->gids) - used) {
			port->gids[used] = '\0';
			break;
		}
		used += (size_t)n;
	}
}

/* RoCE takes the largest RDMA MTU that fits with its headers into the interface's (Linux,
 * include/rdma/ib_addr.h, iboe_get_mtu: payload and at most 78 bytes). */
static uint64_t roce_mtu(const struct ct_facts *f, const char *netdev)
{
	enum { HEADERS = 78 };

	for (size_t i = 0; netdev[0] != '\0' && i < f->nnics; i++) {
		if (strcmp(f->nics[i].name, netdev) != 0 || f->nics[i].mtu == CT_UNKNOWN)
			continue;
		for (uint64_t mtu = 4096; mtu >= 256; mtu /= 2) {
			if (mtu + HEADERS <= f->nics[i].mtu)
				return mtu;
		}
	}
	return CT_UNKNOWN;
}

static ct_status read_port(struct reading *r, struct ct_rdma *port)
{
	const struct ct_sys *sys = r->sys;

	read_pci(r, &port->pci);
	ct_sys_line(sys, port->firmware, sizeof(port->firmware), "sys/class/infiniband/%s/fw_ver",
		port->name);
	ct_sys_line(sys, port->board, sizeof(port->board), "sys/class/infiniband/%s/board_id",
		port->name);
	port->mtu = strcmp(port->link_layer, "Ethernet") == 0 ?
		roce_mtu(&r->machine->facts, port->netdev) : CT_UNKNOWN;
	read_gids(sys, port);
	return read_irqs(sys, &port->pci);
}

/* "balance-xor 2" of the mode's file, and how many belong to it. */
static ct_status read_nic(struct reading *r, struct ct_nic *nic)
{
	char dir[128], mode[24], names[256];

	read_pci(r, &nic->pci);
	snprintf(dir, sizeof(dir), "sys/class/net/%s", nic->name);
	if (ct_sys_line(r->sys, mode, sizeof(mode), "%s/bonding/mode", dir) == 0) {
		unsigned int n = 0;
		char *rest = names;

		ct_sys_line(r->sys, names, sizeof(names), "%s/bonding/slaves", dir);
		for (char *one; (one = strsep(&rest, " ")) != NULL;)
			n += one[0] != '\0';
		snprintf(nic->bond, sizeof(nic->bond), "%s, %u interfaces", mode, n);
	}
	strcat(dir, "/master");
	ct_sys_uevent(r->sys, dir, "INTERFACE", nic->master, sizeof(nic->master));
	return read_irqs(r->sys, &nic->pci);
}

/* Lines of "resource": first and last address, flags; flag 0x200 is memory. */
static uint64_t largest_window(const struct ct_sys *sys, const char *address)
{
	char path[96], text[4096], *line, *rest = text;
	uint64_t most = 0;

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/resource", address);
	if (ct_sys_read(sys, path, text, sizeof(text)) < 0)
		return CT_UNKNOWN;
	for (int i = 0; i < 6 && (line = strsep(&rest, "\n")) != NULL; i++) {
		unsigned long long first, last, flags;

		if (sscanf(line, "%llx %llx %llx", &first, &last, &flags) == 3 &&
		    (flags & 0x200) != 0 && last > first && last - first < INT64_MAX &&
		    last - first + 1 > most)
			most = last - first + 1;
	}
	return most > 0 ? most : CT_UNKNOWN;
}

/* resourceN_resize has a bit for each size that could be: bit n for 2^n MiB (Linux,
 * Documentation/ABI/testing/sysfs-bus-pci). */
static uint64_t largest_possible(const struct ct_sys *sys, const char *address)
{
	uint64_t most = CT_UNKNOWN;
	char line[32];

	for (int bar = 0; bar < 6; bar++) {
		unsigned long long bits;

		if (ct_sys_line(sys, line, sizeof(line), "sys/bus/pci/devices/%s/resource%d_resize",
			address, bar) != 0 || sscanf(line, "%llx", &bits) != 1 || bits == 0)
			continue;
		for (int n = 0; n < 43; n++) {
			if ((bits >> n & 1) != 0 && (most == CT_UNKNOWN || most >> 20 < 1ull << n))
				most = 1ull << (n + 20);
		}
	}
	return most;
}

static void read_gpu(struct reading *r, struct ct_gpu *gpu)
{
	read_pci(r, &gpu->pci);
	gpu->bar_bytes = largest_window(r->sys, gpu->pci.address);
	gpu->bar_most_bytes = largest_possible(r->sys, gpu->pci.address);
}

static void acs_text(const struct ct_pci_config *config, char *out, size_t room)
{
	static const char *const names[] = { "SV", "TB", "RR", "CR", "UF", "EC", "DT" };
	size_t used = 0;

	snprintf(out, room, "%s", config->acs ? "off" : "absent");
	for (unsigned int i = 0; config->acs && i < sizeof(names) / sizeof(names[0]); i++) {
		if ((config->acs_control >> i & 1) != 0 && used + 4 < room)
			used += (size_t)snprintf(out + used, room - used, "%s%s",
				used > 0 ? " " : "", names[i]);
	}
}

static void read_bridge(struct reading *r, hwloc_obj_t obj, struct ct_bridge *bridge)
{
	struct ct_pci_config config;

	ct_node_pci(r->machine->topology, obj, &bridge->pci);
	ct_link_read(r->sys, &bridge->pci);
	read_pci(r, &bridge->pci);
	if (config_of(r, bridge->pci.address, &config) && config.extended)
		acs_text(&config, bridge->acs, sizeof(bridge->acs));
}

static ct_status read_bridges(struct reading *r)
{
	struct ct_facts *f = &r->machine->facts;
	hwloc_topology_t t = r->machine->topology;
	int n = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_BRIDGE);

	f->bridges = ct_alloc(n > 0 ? (size_t)n : 0, sizeof(*f->bridges));
	if (f->bridges == NULL)
		return CT_NOMEM;
	for (int i = 0; i < n && i < 4096; i++) {
		hwloc_obj_t obj = hwloc_get_obj_by_type(t, HWLOC_OBJ_BRIDGE, (unsigned int)i);

		if (obj->attr->bridge.upstream_type == HWLOC_OBJ_BRIDGE_PCI)
			read_bridge(r, obj, &f->bridges[f->nbridges++]);
	}
	return CT_OK;
}

static ct_status read_nvmes(struct reading *r)
{
	static const char dir[] = "sys/class/nvme";
	struct ct_facts *f = &r->machine->facts;
	char(*list)[CT_SYS_NAME] = NULL;
	int n = ct_sys_list(r->sys, dir, "", &list);

	if (n <= 0)
		return n == -ENOMEM ? CT_NOMEM : CT_OK;
	f->nvmes = ct_alloc((size_t)n, sizeof(*f->nvmes));
	for (int i = 0; f->nvmes != NULL && i < n; i++) {
		struct ct_nvme *one = &f->nvmes[f->nnvmes++];
		char address[24];
		hwloc_obj_t obj;

		ct_pci_empty(&one->pci);
		ct_text_clean(one->name, sizeof(one->name), list[i]);
		ct_sys_line(r->sys, one->model, sizeof(one->model), "%s/%s/model", dir, list[i]);
		ct_sys_line(r->sys, one->firmware, sizeof(one->firmware), "%s/%s/firmware_rev", dir,
			list[i]);
		ct_sys_line(r->sys, one->state, sizeof(one->state), "%s/%s/state", dir, list[i]);
		if (ct_sys_line(r->sys, address, sizeof(address), "%s/%s/address", dir, list[i]) != 0)
			continue;
		obj = hwloc_get_pcidev_by_busidstring(r->machine->topology, address);
		if (obj != NULL)
			ct_node_pci(r->machine->topology, obj, &one->pci);
		ct_link_read(r->sys, &one->pci);
		read_pci(r, &one->pci);
	}
	ct_free(list);
	return f->nvmes != NULL ? CT_OK : CT_NOMEM;
}

/* From the kind of every group of devices that the IOMMU keeps apart. */
static ct_status set_iommu(struct reading *r)
{
	static const char dir[] = "sys/kernel/iommu_groups";
	struct ct_setting *s = &r->machine->facts.setting[CT_SET_IOMMU];
	char(*list)[CT_SYS_NAME] = NULL;
	int n = ct_sys_list(r->sys, dir, "", &list), through = 0, mapped = 0;
	char type[16];

	for (int i = 0; i < n; i++) {
		if (ct_sys_line(r->sys, type, sizeof(type), "%s/%s/type", dir, list[i]) != 0)
			continue;
		through += strcmp(type, "identity") == 0;
		mapped += strcmp(type, "identity") != 0;
	}
	ct_free(list);
	if (n < 0)
		ct_setting_unknown(s, dir, n);
	else if (n > 0 && through + mapped == 0)
		ct_setting_unknown(s, dir, -ENODATA);
	else
		ct_setting_text_known(s, n == 0 ? "off" : mapped == 0 ? "passthrough" :
			through == 0 ? "translating" : "mixed");
	return n == -ENOMEM ? CT_NOMEM : CT_OK;
}

/* RDMA into GPU memory needs a module of the vendor, or Linux 5.12 and NVIDIA's open driver (NVIDIA,
 * GPU Operator documentation, GPUDirect RDMA: DMA-BUF requirements). */
static void set_peer_memory(struct reading *r)
{
	static const char *const modules[] = { "nvidia_peermem", "nv_peer_mem", "amdgpu", NULL };
	struct ct_facts *f = &r->machine->facts;
	struct ct_setting *peer = &f->setting[CT_SET_PEER_MEMORY];
	struct ct_setting *buf = &f->setting[CT_SET_DMA_BUF];
	const struct ct_setting *kernel = &f->setting[CT_SET_KERNEL];
	unsigned int major = 0, minor = 0;
	char line[160];

	if (ct_sys_there(r->sys, "sys/module"))
		ct_setting_text_known(peer, "none");
	else
		ct_setting_unknown(peer, "sys/module", -ENOENT);
	for (size_t i = 0; peer->known && modules[i] != NULL; i++) {
		if (ct_sys_there(r->sys, "sys/module/%s", modules[i])) {
			ct_setting_text_known(peer, modules[i]);
			break;
		}
	}
	if (!kernel->known || sscanf(kernel->text, "%u.%u", &major, &minor) != 2)
		ct_setting_unknown(buf, "proc/sys/kernel/osrelease", -ENODATA);
	else if (major < 5 || (major == 5 && minor < 12))
		ct_setting_text_known(buf, "no: the kernel is older than 5.12");
	else if (ct_sys_line(r->sys, line, sizeof(line), "proc/driver/nvidia/version") == 0)
		ct_setting_text_known(buf, strstr(line, "Open Kernel Module") != NULL ? "yes" :
			"no: NVIDIA's driver is not the open one");
	else
		ct_setting_text_known(buf, "yes, as far as the kernel goes");
}

static void set_config(struct reading *r)
{
	struct ct_setting *s = &r->machine->facts.setting[CT_SET_PCI_CONFIG];

	if (r->whole > 0) {
		ct_setting_text_known(s, "whole");
		return;
	}
	s->known = false;
	s->number = CT_UNKNOWN;
	snprintf(s->text, sizeof(s->text), r->cut > 0 ? "/sys/bus/pci/devices: 64 bytes of each "
		"configuration space, root reads the rest" : "/sys/bus/pci/devices: none was read");
}

ct_status ct_details_read(const struct ct_sys *sys, struct ct_machine *machine)
{
	struct reading r = { .sys = sys, .machine = machine };
	struct ct_facts *f = &machine->facts;
	ct_status status = CT_OK;

	for (size_t i = 0; status == CT_OK && i < f->nnics; i++)
		status = read_nic(&r, &f->nics[i]);
	for (size_t i = 0; status == CT_OK && i < f->nrdma; i++)
		status = read_port(&r, &f->rdma[i]);
	for (size_t i = 0; i < f->ngpus; i++)
		read_gpu(&r, &f->gpus[i]);
	if (status == CT_OK)
		status = read_bridges(&r);
	if (status == CT_OK)
		status = read_nvmes(&r);
	if (status == CT_OK)
		status = set_iommu(&r);
	set_peer_memory(&r);
	set_config(&r);
	return status;
}
