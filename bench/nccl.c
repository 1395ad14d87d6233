/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NCCL's topology file: system > cpu > pci > pci … > nic > net, and gpu > nvlink (nccl
 * src/graph/xml.cc, 2.28). As NCCL itself does when it looks, a switch is one node, its upstream port: from a device or a switch the
 * port above is skipped, the one above that is taken, and root ports are left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "xml.h"

struct nccl {
	const struct ct_facts *facts;
	struct ct_pci_tree tree;
	struct ct_cpu cpu;
	bool *wanted; /* of each node: it is, or leads to, a GPU or NIC */
	struct ct_xml xml;
	size_t no_link, no_nvlink, ndevices;
};

static size_t above(const struct nccl *n, size_t node)
{
	size_t up = n->tree.nodes[node].parent;

	if (up != CT_PCI_NONE && n->tree.nodes[up].kind == CT_PCI_BRIDGE)
		up = n->tree.nodes[up].parent;
	else
		return CT_PCI_NONE;
	return up != CT_PCI_NONE && n->tree.nodes[up].kind == CT_PCI_BRIDGE ? up : CT_PCI_NONE;
}

static void mark(struct nccl *n)
{
	for (size_t i = 0; i < n->tree.n; i++) {
		if (n->tree.nodes[i].kind != CT_PCI_GPU && n->tree.nodes[i].kind != CT_PCI_NIC)
			continue;
		n->ndevices++;
		for (size_t at = i; at != CT_PCI_NONE; at = above(n, at))
			n->wanted[at] = true;
	}
}

/* "10de:2330" as two attributes of the form 0x10de. */
static void ids(struct nccl *n, const char *pair, const char *vendor, const char *device)
{
	char text[8];

	if (strlen(pair) != 9)
		return;
	snprintf(text, sizeof(text), "0x%.4s", pair);
	ct_xml_attribute(&n->xml, vendor, text);
	snprintf(text, sizeof(text), "0x%.4s", pair + 5);
	ct_xml_attribute(&n->xml, device, text);
}

/* The fastest generation of which a whole link of 16, or else of fewer lanes, carries MBPS: hwloc tells
 * only the product, and that is all NCCL makes of the two. */
static bool split_link(uint64_t Mbps, uint64_t *speed, uint64_t *width)
{
	static const uint64_t speeds[] = { 2500, 5000, 8000, 16000, 32000, 64000 };

	for (*width = 16; Mbps > 0 && *width > 0; *width /= 2) {
		for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
			uint64_t carries = ct_pci_Mbps(speeds[i], *width);

			*speed = speeds[i];
			if (Mbps <= carries + carries / 100 && carries <= Mbps + Mbps / 100)
				return true;
		}
	}
	return false;
}

/* What a trained link and its slot can do: NCCL reads max_link_speed. */
static void link_of(struct nccl *n, const struct ct_pci_node *node)
{
	uint64_t speed = node->pci.max_speed_MTs, width = node->pci.max_width;
	char text[32];

	if ((speed == CT_UNKNOWN || width == CT_UNKNOWN) &&
	    !split_link(node->link_Mbps, &speed, &width)) {
		n->no_link++;
		return;
	}
	snprintf(text, sizeof(text), "%.1f GT/s PCIe", (double)speed / 1000);
	ct_xml_attribute(&n->xml, "link_speed", text);
	ct_xml_number(&n->xml, "link_width", width);
}

/* One word of the facts, "switch:18" or "0000:1b:00.0:12". Switches are not on the machine's PCI as far as
 * the facts know: this is the address by which NVML and NCCL mean any that cannot be seen. */
static void write_nvlink(struct nccl *n, const char *word, size_t length)
{
	const char *colon = memrchr(word, ':', length);
	char target[24], class_id[16] = "0x068000";
	size_t other;

	if (colon == NULL || (size_t)(colon - word) >= sizeof(target))
		return;
	snprintf(target, sizeof(target), "%.*s", (int)(colon - word), word);
	other = ct_pci_find(&n->tree, target);
	if (strcmp(target, "switch") == 0)
		snprintf(target, sizeof(target), "fffffff:ffff:ff");
	else if (other != CT_PCI_NONE)
		snprintf(class_id, sizeof(class_id), "0x%.4s00", n->tree.nodes[other].pci.class_id);
	else
		return;
	ct_xml_begin(&n->xml, "nvlink");
	ct_xml_attribute(&n->xml, "target", target);
	ct_xml_number(&n->xml, "count", strtoul(colon + 1, NULL, 10) & 0xff);
	ct_xml_attribute(&n->xml, "tclass", class_id);
	ct_xml_end(&n->xml);
}

/* Nothing where no NVLink is known: NCCL then asks NVML. */
static void write_gpu(struct nccl *n, const char *address)
{
	const struct ct_facts *f = n->facts;

	for (size_t i = 0; i < f->ngpus; i++) {
		const char *at = f->gpus[i].nvlink;

		if (strcmp(f->gpus[i].pci.address, address) != 0)
			continue;
		n->no_nvlink += at[0] == '\0';
		if (at[0] == '\0')
			return;
		ct_xml_begin(&n->xml, "gpu");
		for (size_t length; *at != '\0'; at += length + (at[length] == ' ')) {
			length = strcspn(at, " ");
			write_nvlink(n, at, length);
		}
		ct_xml_end(&n->xml);
		return;
	}
}

static void write_net(struct nccl *n, const char *name, uint64_t port, uint64_t Mbps)
{
	ct_xml_begin(&n->xml, "net");
	ct_xml_attribute(&n->xml, "name", name);
	if (Mbps != CT_UNKNOWN)
		ct_xml_number(&n->xml, "speed", Mbps);
	if (port != CT_UNKNOWN)
		ct_xml_number(&n->xml, "port", port);
	ct_xml_end(&n->xml);
}

/* RDMA ports of the device; its interfaces where it has none. */
static void write_nic(struct nccl *n, const char *address)
{
	const struct ct_facts *f = n->facts;
	bool found = false;

	ct_xml_begin(&n->xml, "nic");
	for (size_t i = 0; i < f->nrdma; i++) {
		if (strcmp(f->rdma[i].pci.address, address) != 0)
			continue;
		write_net(n, f->rdma[i].name, f->rdma[i].port, f->rdma[i].rate_Mbps);
		found = true;
	}
	for (size_t i = 0; !found && i < f->nnics; i++) {
		if (strcmp(f->nics[i].pci.address, address) == 0)
			write_net(n, f->nics[i].name, CT_UNKNOWN, f->nics[i].speed_Mbps);
	}
	ct_xml_end(&n->xml);
}

static void write_pci(struct nccl *n, size_t node)
{
	const struct ct_pci_node *at = &n->tree.nodes[node];
	char class_id[16];

	ct_xml_begin(&n->xml, "pci");
	ct_xml_attribute(&n->xml, "busid", at->pci.address);
	snprintf(class_id, sizeof(class_id), "0x%.4s00", at->kind == CT_PCI_BRIDGE ? "0604" :
		at->pci.class_id);
	ct_xml_attribute(&n->xml, "class", class_id);
	ids(n, at->pci.id, "vendor", "device");
	ids(n, at->pci.subsystem, "subsystem_vendor", "subsystem_device");
	link_of(n, at);
	if (at->kind == CT_PCI_NIC)
		write_nic(n, at->pci.address);
	if (at->kind == CT_PCI_GPU)
		write_gpu(n, at->pci.address);
	for (size_t i = 0; i < n->tree.n; i++) {
		if (n->wanted[i] && above(n, i) == node)
			write_pci(n, i);
	}
	ct_xml_end(&n->xml);
}

/* NCCL's words: arm64 for the kernel's aarch64; CPUID's extended family is shifted by four bits
 * before it is added, so that AMD's 25 becomes 15 + (10 << 4). */
static void write_cpu(struct nccl *n)
{
	bool arm = strcmp(n->cpu.arch, "aarch64") == 0, x86 = strcmp(n->cpu.arch, "x86_64") == 0;
	unsigned long family = strtoul(n->cpu.family, NULL, 10);

	if (arm || x86)
		ct_xml_attribute(&n->xml, "arch", arm ? "arm64" : "x86_64");
	if (!x86 || (strcmp(n->cpu.vendor, "GenuineIntel") != 0 &&
		strcmp(n->cpu.vendor, "AuthenticAMD") != 0))
		return;
	ct_xml_attribute(&n->xml, "vendor", n->cpu.vendor);
	if (n->cpu.family[0] == '\0' || n->cpu.model[0] == '\0' || family > 270)
		return;
	ct_xml_number(&n->xml, "familyid", family > 15 ? 15 + ((family - 15) << 4) : family);
	ct_xml_attribute(&n->xml, "modelid", n->cpu.model);
}

/* NUMA: CT_UNKNOWN for devices on none or several, which NCCL calls -1. */
static void write_numa(struct nccl *n, uint64_t numa, const char *mask)
{
	bool begun = false;

	for (size_t i = 0; i < n->tree.n; i++) {
		if (!n->wanted[i] || above(n, i) != CT_PCI_NONE || n->tree.nodes[i].pci.numa != numa)
			continue;
		if (!begun) {
			ct_xml_begin(&n->xml, "cpu");
			if (numa == CT_UNKNOWN)
				ct_xml_attribute(&n->xml, "numaid", "-1");
			else
				ct_xml_number(&n->xml, "numaid", numa);
			/* memory without CPUs is near to none */
			if (strspn(mask, "0,") != strlen(mask))
				ct_xml_attribute(&n->xml, "affinity", mask);
			write_cpu(n);
			begun = true;
		}
		write_pci(n, i);
	}
	if (begun)
		ct_xml_end(&n->xml);
}

static void write_system(struct nccl *n, const struct ct_numa *nodes, size_t nnodes)
{
	ct_xml_begin(&n->xml, "system");
	ct_xml_attribute(&n->xml, "version", "1");
	for (size_t i = 0; i < nnodes; i++)
		write_numa(n, nodes[i].number, nodes[i].mask);
	write_numa(n, CT_UNKNOWN, "");
	ct_xml_end(&n->xml);
}

static void tell(const struct nccl *n, struct ct_buf *notes)
{
	ct_buf_add(notes, "left out, for NCCL to find on the machine: compute capability and index of "
		"GPUs, GUID and index of NICs");
	if (n->no_nvlink > 0)
		ct_buf_add(notes, ", NVLinks of %zu GPUs", n->no_nvlink);
	if (n->no_link > 0)
		ct_buf_add(notes, ", the PCIe link of %zu bridges or devices", n->no_link);
	if (n->cpu.arch[0] == '\0')
		ct_buf_add(notes, ", the CPU's architecture");
	ct_buf_add(notes, "\n");
}

ct_status ct_picture_nccl(const struct ct_machine *machine, const char *path, struct ct_buf *notes)
{
	struct nccl n = { .facts = ct_machine_facts(machine) };
	struct ct_numa *nodes = NULL;
	size_t nnodes = 0;
	ct_status status = ct_machine_pci(machine, &n.tree);

	if (status == CT_OK)
		status = ct_machine_numa(machine, &nodes, &nnodes);
	if (status != CT_OK)
		goto free_tree;
	ct_machine_cpu(machine, &n.cpu);
	n.wanted = ct_alloc(n.tree.n, sizeof(*n.wanted));
	status = n.wanted != NULL ? CT_OK : CT_NOMEM;
	if (status != CT_OK)
		goto free_numa;
	mark(&n);
	if (n.ndevices == 0) {
		status = ct_fail(CT_UNSUPPORTED, "%s: not written: no GPU and no NIC on PCI", path);
	} else {
		ct_xml_open(&n.xml);
		write_system(&n, nodes, nnodes);
		status = ct_xml_save(&n.xml, path);
	}
	if (status == CT_OK)
		tell(&n, notes);
	ct_free(n.wanted);
free_numa:
	ct_numa_free(nodes, nnodes);
free_tree:
	ct_free(n.tree.nodes);
	return status;
}
