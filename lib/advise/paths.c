/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules over what lies between GPUs, NICs and processors. */
#include <stdio.h>
#include <string.h>

#include "rules.h"

/* Ranks whose processors are all on another NUMA node than the GPU and NIC that fall to them. Without
 * GPUs a rank may take any NIC that is near to it. */
ct_status ct_rule_placement(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			    struct ct_findings *out)
{
	const struct ct_facts *facts = in->facts;
	struct ct_proposal pl;
	struct ct_finding *f;
	size_t far = 0, first = 0;
	ct_status s;

	if (facts == NULL || facts->machine == NULL || in->nbindings == 0 ||
	    facts->ngpus == 0 ||
	    ct_machine_place(facts->machine, in->nbindings, &pl) != CT_OK)
		return CT_OK;
	for (size_t i = pl.n; i-- > 0;) {
		if (!ct_spot_far(facts->machine, &pl.places[i], in->bindings[i].cpus))
			continue;
		far++;
		first = i;
	}
	s = CT_OK;
	if (far > 0) {
		const struct ct_spot *place = &pl.places[first];

		f = ct_finding_add(out, rule);
		s = f != NULL ? CT_OK : CT_NOMEM;
		if (f != NULL) {
			snprintf(f->seen, sizeof(f->seen),
				 "%zu of %zu ranks run far from their GPU: rank %u on PUs %.60s, but "
				 "%.40s and %.40s are at NUMA node %llu",
				 far, pl.n, (unsigned int)in->bindings[first].rank,
				 in->bindings[first].cpus, facts->gpus[place->gpu].name,
				 place->device[0] != '\0' ? place->device : "no NIC",
				 (unsigned long long)place->numa);
			snprintf(f->set, sizeof(f->set),
				 "bind as colltune topo --place %zu proposes; its rankfile and srun "
				 "line do it",
				 pl.n);
			snprintf(f->undo, sizeof(f->undo), "leave these options out");
			snprintf(f->expected, sizeof(f->expected),
				 "lower latency of launches and small messages; not measured");
		}
	}
	ct_proposal_free(&pl);
	return s;
}

/* GPUs whose best NIC, of those that are up, is on another NUMA node. */
ct_status ct_rule_gpu_nic(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			  struct ct_findings *out)
{
	const struct ct_facts *facts = in->facts;
	struct ct_matrix m;
	struct ct_finding *f;
	size_t far = 0, first = 0;
	ct_status s;

	if (facts == NULL || facts->machine == NULL || facts->ngpus == 0)
		return CT_OK;
	s = ct_machine_matrix(facts->machine, &m);
	if (s != CT_OK)
		return s;
	for (size_t gpu = m.ngpus; gpu-- > 0;) {
		if (m.best[gpu] == CT_PCI_NONE ||
		    m.path[gpu * m.nnics + m.best[gpu]] != CT_DISTANCE_SYS)
			continue;
		far++;
		first = gpu;
	}
	if (far > 0) {
		const char *gpu = facts->gpus[first].name, *nic = m.nics[m.best[first]].name;

		f = ct_finding_add(out, rule);
		s = f != NULL ? CT_OK : CT_NOMEM;
		if (f != NULL) {
			snprintf(f->seen, sizeof(f->seen),
				 "%zu of %zu GPUs reach their best NIC across NUMA nodes, such as "
				 "%.60s to %.60s",
				 far, m.ngpus, gpu, nic);
			snprintf(f->set, sizeof(f->set),
				 "move a NIC to a slot of the other socket; until then let the GPUs "
				 "near a NIC do the sending (NCCL_PXN_DISABLE=0, NCCL_CROSS_NIC=0)");
			snprintf(f->undo, sizeof(f->undo), "unset both variables");
			snprintf(f->expected, sizeof(f->expected),
				 "GPUDirect RDMA, which NCCL does not use over this distance");
		}
	}
	ct_matrix_free(&m);
	return s;
}

static bool is_below(const struct ct_pci_tree *t, size_t node, size_t above)
{
	while (node != CT_PCI_NONE && node != above)
		node = t->nodes[node].parent;
	return node == above;
}

/* Megabits per second of all ports of the device at ADDRESS. */
static uint64_t nic_Mbps(const struct ct_facts *f, const char *address)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->nrdma; i++)
		if (strcmp(f->rdma[i].pci.address, address) == 0 &&
		    f->rdma[i].rate_Mbps != CT_UNKNOWN && strcmp(f->rdma[i].state, "DOWN") != 0)
			sum += f->rdma[i].rate_Mbps;
	return sum;
}

struct below {
	size_t nics, gpus;
	uint64_t Mbps;
};

static struct below count_below(const struct ct_facts *f, const struct ct_pci_tree *t, size_t node)
{
	struct below b = { .nics = 0 };

	for (size_t i = node + 1; i < t->n; i++) {
		uint64_t Mbps;

		if (!is_below(t, i, node))
			continue;
		b.gpus += t->nodes[i].kind == CT_PCI_GPU;
		Mbps = t->nodes[i].kind == CT_PCI_NIC ? nic_Mbps(f, t->nodes[i].pci.address) : 0;
		b.nics += Mbps > 0;
		b.Mbps += Mbps;
	}
	return b;
}

/* A GPU below the same switch feeds one rail without the uplink. */
ct_status ct_rule_shared_uplink(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
				struct ct_findings *out)
{
	const struct ct_facts *facts = in->facts;
	struct ct_pci_tree tree;
	ct_status s;

	if (facts == NULL || facts->machine == NULL)
		return CT_OK;
	s = ct_machine_pci(facts->machine, &tree);
	if (s != CT_OK)
		return s;
	for (size_t i = 0; s == CT_OK && i < tree.n; i++) {
		const struct ct_pci_node *node = &tree.nodes[i];
		uint64_t up = ct_pci_Mbps(node->pci.speed_MTs, node->pci.width);
		struct below b = { .nics = 0 };
		struct ct_finding *f;

		/* the upstream port of a switch lies below a root port */
		if (node->kind == CT_PCI_BRIDGE && node->parent != CT_PCI_NONE && up > 0 &&
		    tree.nodes[node->parent].kind == CT_PCI_BRIDGE)
			b = count_below(facts, &tree, i);
		if (b.nics < 2 || b.gpus >= b.nics || b.Mbps <= up)
			continue;
		f = ct_finding_add(out, rule);
		s = f != NULL ? CT_OK : CT_NOMEM;
		if (f == NULL)
			break;
		snprintf(f->seen, sizeof(f->seen),
			 "%zu NICs with %g Gbit/s together and %zu GPUs lie below the port %s, which "
			 "carries %.0f Gbit/s",
			 b.nics, (double)b.Mbps / 1000, b.gpus, node->pci.address, (double)up / 1000);
		snprintf(f->set, sizeof(f->set),
			 "move a NIC to a slot below another port (dmidecode -t slot)");
		snprintf(f->undo, sizeof(f->undo), "put it back");
		snprintf(f->expected, sizeof(f->expected),
			 "up to %.1f times the rate of these NICs when all send",
			 (double)b.Mbps / (double)up);
	}
	ct_free(tree.nodes);
	return s;
}

/* True if BRIDGE lies above a GPU or NIC and below another bridge: a port of a switch. */
static bool is_between(const struct ct_pci_tree *t, size_t bridge)
{
	size_t up = t->nodes[bridge].parent;

	if (up == CT_PCI_NONE || t->nodes[up].kind != CT_PCI_BRIDGE)
		return false;
	for (size_t i = bridge + 1; i < t->n; i++)
		if ((t->nodes[i].kind == CT_PCI_GPU || t->nodes[i].kind == CT_PCI_NIC) &&
		    is_below(t, i, bridge))
			return true;
	return false;
}

/* Redirection of requests or completions, or forwarding upstream. */
static bool redirects(const char *acs)
{
	return strstr(acs, "RR") != NULL || strstr(acs, "CR") != NULL || strstr(acs, "UF") != NULL;
}

ct_status ct_rule_acs(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
		      struct ct_findings *out)
{
	const struct ct_facts *facts = in->facts;
	const struct ct_bridge *first = NULL;
	struct ct_pci_tree tree;
	struct ct_finding *f;
	unsigned int bits = 0;
	size_t n = 0;
	ct_status s;

	if (facts == NULL || facts->machine == NULL || facts->nbridges == 0 || facts->ngpus == 0)
		return CT_OK;
	s = ct_machine_pci(facts->machine, &tree);
	if (s != CT_OK)
		return s;
	for (size_t i = 0; i < facts->nbridges; i++) {
		const struct ct_bridge *b = &facts->bridges[i];
		size_t at = ct_pci_find(&tree, b->pci.address);

		if (!redirects(b->acs) || at == CT_PCI_NONE || !is_between(&tree, at))
			continue;
		first = n++ == 0 ? b : first;
	}
	ct_free(tree.nodes);
	if (n == 0)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	for (unsigned int i = 0; i < 7; i++)
		if (strstr(first->acs, &"SV\0TB\0RR\0CR\0UF\0EC\0DT"[3 * i]) != NULL)
			bits |= 1u << i;
	snprintf(f->seen, sizeof(f->seen),
		 "ACS redirects (%s) on %zu switch ports above GPUs and NICs, such as %s", first->acs,
		 n, first->pci.address);
	snprintf(f->set, sizeof(f->set),
		 "as root, on each: setpci -s %s ECAP_ACS+6.w=0000 (until the next boot; for good "
		 "ACS off in the BIOS). Not where devices are given to virtual machines",
		 first->pci.address);
	snprintf(f->undo, sizeof(f->undo), "setpci -s %s ECAP_ACS+6.w=%04x", first->pci.address,
		 bits);
	snprintf(f->expected, sizeof(f->expected),
		 "GPU and NIC talk below the switch; NVIDIA names lower rates and hangs otherwise");
	return CT_OK;
}

ct_status ct_rule_iommu(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			struct ct_findings *out)
{
	const struct ct_facts *facts = in->facts;
	struct ct_finding *f;
	size_t n = 0;
	bool amd;

	if (facts == NULL || facts->machine == NULL)
		return CT_OK;
	for (size_t i = 0; i < facts->ngpus; i++)
		n += strncmp(facts->gpus[i].pci.iommu, "DMA", 3) == 0;
	for (size_t i = 0; i < facts->nrdma; i++)
		n += strncmp(facts->rdma[i].pci.iommu, "DMA", 3) == 0;
	if (n == 0)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	amd = strstr(facts->setting[CT_SET_CPU_MODEL].text, "AMD") != NULL;
	snprintf(f->seen, sizeof(f->seen), "the IOMMU translates for %zu GPUs and RDMA ports", n);
	snprintf(f->set, sizeof(f->set),
		 "kernel command line: %siommu=pt; then boot (virtual machines that are given "
		 "devices keep working)",
		 amd ? "amd_iommu=on " : "intel_iommu=on ");
	snprintf(f->undo, sizeof(f->undo), "take it off the command line; then boot");
	snprintf(f->expected, sizeof(f->expected),
		 "lower cost of mapping, and traffic between devices; not measured");
	return CT_OK;
}

ct_status ct_rule_gpudirect(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			    struct ct_findings *out)
{
	const struct ct_facts *facts = in->facts;
	const struct ct_setting *peer, *buf;
	struct ct_finding *f;
	size_t nvidia = 0;

	if (facts == NULL || facts->machine == NULL || facts->nrdma == 0)
		return CT_OK;
	peer = &facts->setting[CT_SET_PEER_MEMORY];
	buf = &facts->setting[CT_SET_DMA_BUF];
	for (size_t i = 0; i < facts->ngpus; i++)
		nvidia += strcmp(facts->gpus[i].driver, "nvidia") == 0;
	if (nvidia == 0 || !peer->known || strcmp(peer->text, "none") != 0 || !buf->known ||
	    strncmp(buf->text, "no", 2) != 0)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	snprintf(f->seen, sizeof(f->seen), "no peer-memory module is loaded, and dma-buf: %.100s",
		 buf->text);
	snprintf(f->set, sizeof(f->set),
		 "as root: modprobe nvidia-peermem (and a line nvidia-peermem in "
		 "/etc/modules-load.d/nvidia-peermem.conf), or NVIDIA's open driver");
	snprintf(f->undo, sizeof(f->undo), "modprobe -r nvidia-peermem, and remove the line");
	snprintf(f->expected, sizeof(f->expected), "RDMA straight out of GPU memory");
	return CT_OK;
}
