/* SPDX-License-Identifier: BSD-3-Clause */
#include "advise.h"
#include "rules.h"

#define STATISTICS "measured here; Mann and Whitney 1947, Holm 1979"

/* In the order in which they run and are shown. */
static const struct ct_advice_rule rules[] = {
	{ "oversubscription", CT_SEVERITY_WARNING, "ranks and usable processors of each host",
	  "ranks that wait for a processor make every time a matter of the scheduler",
	  "Open MPI 4.1, mpirun(1), Overloading and Oversubscribing", ct_rule_oversubscribed },
	{ "rank-binding", CT_SEVERITY_ADVICE, "the processors each rank may run on",
	  "a rank that moves loses its caches and its memory's place; two on one core halve each "
	  "other",
	  "Open MPI 4.1, mpirun(1), Mapping, Ranking, and Binding", ct_rule_binding },
	{ "cpu-governor", CT_SEVERITY_ADVICE, "frequency governor",
	  "a processor that waits for a message looks idle and is clocked down",
	  "Linux, admin-guide/pm/cpufreq.rst", ct_rule_governor },
	{ "huge-pages", CT_SEVERITY_ADVICE, "transparent huge pages",
	  "buffers in 4 KiB pages cost more page faults and TLB misses",
	  "Linux, admin-guide/mm/transhuge.rst", ct_rule_huge_pages },
	{ "locked-memory", CT_SEVERITY_WARNING, "limit of locked memory, RDMA devices",
	  "RDMA devices move only locked memory: registration fails or is split",
	  "Open MPI FAQ, OpenFabrics: locked memory limits", ct_rule_memlock },
	{ "numa-balancing", CT_SEVERITY_ADVICE, "automatic NUMA balancing, NUMA nodes",
	  "the kernel unmaps pages to see who uses them; bound ranks only pay for it",
	  "Linux, admin-guide/sysctl/kernel.rst, numa_balancing", ct_rule_numa_balancing },
	{ "net-interface", CT_SEVERITY_WARNING, "interface of transport tcp, network interfaces",
	  "a transport is no faster than the interface it was given",
	  "Open MPI FAQ, TCP: selecting interfaces", ct_rule_interface },
	{ "pcie-link", CT_SEVERITY_WARNING, "PCIe link of each GPU, NIC and disk, now and possible",
	  "half the lanes or half the speed is half the rate, whatever is tuned above it",
	  "PCI Express base specification; Linux, ABI/testing/sysfs-bus-pci", ct_rule_pcie_link },
	{ "rank-placement", CT_SEVERITY_WARNING, "binding of each rank, its GPU and NIC by their order",
	  "a rank far from its GPU and NIC sends and launches across the processors' interconnect",
	  "own arithmetic: nearest NUMA node by hwloc", ct_rule_placement },
	{ "gpu-nic-path", CT_SEVERITY_WARNING, "distance of each GPU to its best NIC",
	  "what crosses the sockets takes the processors' interconnect and their memory",
	  "NVIDIA, NCCL user guide, NCCL_NET_GDR_LEVEL", ct_rule_gpu_nic },
	{ "shared-uplink", CT_SEVERITY_ADVICE, "NICs, GPUs and uplink of each PCIe switch",
	  "rails below one switch share its uplink when their data come from elsewhere",
	  "PCI Express base specification; own arithmetic", ct_rule_shared_uplink },
	{ "acs", CT_SEVERITY_WARNING, "ACS redirection on the ports of PCIe switches",
	  "redirected traffic between GPU and NIC goes up to the processor and back",
	  "NVIDIA, NCCL user guide, Troubleshooting, PCI Access Control Services", ct_rule_acs },
	{ "iommu", CT_SEVERITY_ADVICE, "IOMMU groups of GPUs and RDMA devices",
	  "each transfer's address is translated, and traffic between devices goes through the root",
	  "Linux, admin-guide/kernel-parameters, iommu.passthrough; NVIDIA, GPUDirect RDMA guide",
	  ct_rule_iommu },
	{ "gpudirect", CT_SEVERITY_WARNING, "peer-memory module, dma-buf, GPUs and RDMA ports",
	  "without either, all that a GPU sends is copied through the memory of the host",
	  "NVIDIA, GPUDirect RDMA documentation, nvidia-peermem", ct_rule_gpudirect },
	{ "max-read-request", CT_SEVERITY_ADVICE, "MaxReadReq of RDMA devices of 100 Gbit/s and more",
	  "a NIC that asks for small pieces needs more requests than it may have open",
	  "NVIDIA, Understanding PCIe configuration for maximum performance", ct_rule_max_read },
	{ "relaxed-ordering", CT_SEVERITY_ADVICE, "relaxed ordering of RDMA devices",
	  "strictly ordered writes wait for each other in the processor's root complex",
	  "PCI Express base specification, 2.4, relaxed ordering; NVIDIA, mlxconfig, PCI_WR_ORDERING",
	  ct_rule_relaxed_ordering },
	{ "gpu-window", CT_SEVERITY_ADVICE, "memory window (BAR) of each GPU, now and possible",
	  "RDMA reaches only what the window shows",
	  "Linux, ABI/testing/sysfs-bus-pci, resourceN_resize", ct_rule_gpu_window },
	{ "rdma-port", CT_SEVERITY_WARNING, "state and rate of RDMA ports beside equal ones",
	  "a rail that is missing or slow makes its GPUs wait, and all others with them",
	  "InfiniBand architecture specification, PortInfo", ct_rule_port },
	{ "rdma-mtu", CT_SEVERITY_ADVICE, "MTU of RoCE ports",
	  "each packet costs 82 bytes of headers and gaps, whatever it carries",
	  "own arithmetic: RoCE v2 over IPv4 with preamble and gap", ct_rule_port_mtu },
	{ "irq-affinity", CT_SEVERITY_ADVICE, "CPUs that serve the interrupts of RDMA devices",
	  "an interrupt served on the other socket fetches every completion across",
	  "Linux, core-api/irq/irq-affinity", ct_rule_interrupts },
	{ "backend-choice", CT_SEVERITY_ADVICE, "results of each backend, by size",
	  "the library that is fastest for small messages is seldom so for large ones", STATISTICS,
	  ct_rule_backend },
	{ "algorithm-choice", CT_SEVERITY_ADVICE, "results of each algorithm, by size",
	  "built-in thresholds were chosen on other machines", STATISTICS, ct_rule_algorithm },
	{ "defaults", CT_SEVERITY_NOTE, "all comparisons", "keeping the defaults is a result too",
	  STATISTICS, ct_rule_defaults },
	{ NULL, CT_SEVERITY_NOTE, NULL, NULL, NULL, NULL },
};

const struct ct_advice_rule *ct_advice_rules(void)
{
	return rules;
}

const char *ct_severity_name(enum ct_severity severity)
{
	static const char *const names[] = { "note", "advice", "warning" };

	return (unsigned int)severity <= CT_SEVERITY_WARNING ? names[severity] : "?";
}

struct ct_finding *ct_finding_add(struct ct_findings *findings, const struct ct_advice_rule *rule)
{
	struct ct_finding *f;

	if (findings->n == findings->room) {
		size_t room = findings->room * 2 + 8;
		struct ct_finding *list = ct_realloc(findings->list, room, sizeof(*list));

		if (list == NULL)
			return NULL;
		findings->list = list;
		findings->room = room;
	}
	f = &findings->list[findings->n++];
	*f = (struct ct_finding){ .rule = rule, .severity = rule->severity };
	return f;
}

ct_status ct_advise(const struct ct_advise_in *in, struct ct_findings *findings)
{
	for (const struct ct_advice_rule *rule = rules; rule->id != NULL; rule++) {
		ct_status s = rule->check(rule, in, findings);

		if (s != CT_OK)
			return s;
	}
	return CT_OK;
}

void ct_findings_free(struct ct_findings *findings)
{
	ct_free(findings->list);
	*findings = (struct ct_findings){ 0 };
}
