/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules over single devices of the host. What is not known gives no advice; what is equal on several
 * devices is one finding. */
#include <stdio.h>
#include <string.h>

#include "rules.h"

enum { FAST_Mbps = 100000 };

/* An idle GPU slows its link down: only the width says something. */
static ct_status link_of(const struct ct_advice_rule *rule, struct ct_findings *out,
			 const char *name, const struct ct_pci *pci, bool idle_slows)
{
	uint64_t now = ct_pci_Mbps(pci->speed_MTs, pci->width);
	uint64_t most = ct_pci_Mbps(pci->max_speed_MTs, pci->max_width);
	bool narrow, slow;
	struct ct_finding *f;

	if (now == 0 || most == 0 || pci->vf == 1)
		return CT_OK;
	narrow = pci->width < pci->max_width;
	slow = !idle_slows && pci->speed_MTs < pci->max_speed_MTs;
	if (!narrow && !slow)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	snprintf(f->seen, sizeof(f->seen),
		 "%s at %s runs at %g GT/s x%u, its own limit is %g GT/s x%u", name, pci->address,
		 (double)pci->speed_MTs / 1000, (unsigned int)pci->width,
		 (double)pci->max_speed_MTs / 1000, (unsigned int)pci->max_width);
	if (narrow)
		snprintf(f->set, sizeof(f->set),
			 "look which slot it sits in (dmidecode -t slot), reseat card and riser, check "
			 "the slot's bifurcation in the BIOS; see lspci -s %s -vv, LnkSta",
			 pci->address);
	else
		snprintf(f->set, sizeof(f->set),
			 "set the slot's link speed to Auto in the BIOS, reseat card and riser; see "
			 "lspci -s %s -vv, LnkSta and LnkCtl2",
			 pci->address);
	snprintf(f->undo, sizeof(f->undo), "put the card back where it was");
	if (narrow)
		now = ct_pci_Mbps(pci->max_speed_MTs, pci->width);
	snprintf(f->expected, sizeof(f->expected),
		 "%.0f instead of %.0f Gbit/s over PCIe, headers not counted", (double)most / 1000,
		 (double)now / 1000);
	return CT_OK;
}

/* The port of the same device that comes before this one, if there is one. */
static bool told_before(const struct ct_facts *f, size_t port)
{
	for (size_t i = 0; i < port; i++)
		if (strcmp(f->rdma[i].pci.address, f->rdma[port].pci.address) == 0)
			return true;
	return false;
}

static bool has_port(const struct ct_facts *f, const char *address)
{
	for (size_t i = 0; f->rdma != NULL && i < f->nrdma; i++)
		if (strcmp(f->rdma[i].pci.address, address) == 0)
			return true;
	return false;
}

ct_status ct_rule_pcie_link(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			    struct ct_findings *out)
{
	const struct ct_facts *f = in->facts;
	ct_status s = CT_OK;

	if (f == NULL || f->machine == NULL)
		return CT_OK;
	for (size_t i = 0; s == CT_OK && i < f->ngpus; i++)
		s = link_of(rule, out, f->gpus[i].name, &f->gpus[i].pci, true);
	for (size_t i = 0; s == CT_OK && i < f->nrdma; i++)
		if (!told_before(f, i))
			s = link_of(rule, out, f->rdma[i].name, &f->rdma[i].pci, false);
	for (size_t i = 0; s == CT_OK && i < f->nnics; i++)
		if (!has_port(f, f->nics[i].pci.address))
			s = link_of(rule, out, f->nics[i].name, &f->nics[i].pci, false);
	for (size_t i = 0; s == CT_OK && i < f->nnvmes; i++)
		s = link_of(rule, out, f->nvmes[i].name, &f->nvmes[i].pci, false);
	return s;
}

/* Names of devices, as many as there is room for. */
struct names {
	char text[120];
	size_t n;
	const char *first; /* PCI address */
};

static void add_name(struct names *names, const char *name, const char *address)
{
	size_t used = strlen(names->text);

	if (names->n++ == 0)
		names->first = address;
	if (used + strlen(name) + 6 < sizeof(names->text))
		snprintf(names->text + used, sizeof(names->text) - used, "%s%s",
			 used > 0 ? ", " : "", name);
	else if (used > 0 && names->text[used - 1] != '.')
		snprintf(names->text + used, sizeof(names->text) - used, ", ...");
}

ct_status ct_rule_max_read(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			   struct ct_findings *out)
{
	const struct ct_facts *facts = in->facts;
	struct names names = { .n = 0 };
	uint64_t bytes = 0;
	struct ct_finding *f;

	for (size_t i = 0; facts != NULL && facts->machine != NULL && i < facts->nrdma; i++) {
		const struct ct_rdma *port = &facts->rdma[i];

		if (port->pci.max_read_bytes > 512 || port->rate_Mbps == CT_UNKNOWN ||
		    port->rate_Mbps < FAST_Mbps || told_before(facts, i))
			continue;
		add_name(&names, port->name, port->pci.address);
		bytes = port->pci.max_read_bytes;
	}
	if (names.n == 0)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	snprintf(f->seen, sizeof(f->seen), "MaxReadReq is %u bytes on %s", (unsigned int)bytes,
		 names.text);
	snprintf(f->set, sizeof(f->set),
		 "as root, on each: setpci -s %s CAP_EXP+8.w=5000:7000 (4096 bytes; until the next "
		 "boot)",
		 names.first);
	snprintf(f->undo, sizeof(f->undo), "setpci -s %s CAP_EXP+8.w=%x:7000", names.first,
		 bytes == 512 ? 0x2000u : bytes == 256 ? 0x1000u : 0);
	snprintf(f->expected, sizeof(f->expected),
		 "the link's full rate when reading from memory far from the NIC; not measured");
	return CT_OK;
}

ct_status ct_rule_relaxed_ordering(const struct ct_advice_rule *rule,
				   const struct ct_advise_in *in, struct ct_findings *out)
{
	const struct ct_facts *facts = in->facts;
	struct names names = { .n = 0 };
	struct ct_finding *f;

	for (size_t i = 0; facts != NULL && facts->machine != NULL && i < facts->nrdma; i++)
		if (facts->rdma[i].pci.relaxed_ordering == 0 && !told_before(facts, i))
			add_name(&names, facts->rdma[i].name, facts->rdma[i].pci.address);
	if (names.n == 0)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	snprintf(f->seen, sizeof(f->seen), "relaxed ordering is off on %s", names.text);
	snprintf(f->set, sizeof(f->set),
		 "as root, on each: setpci -s %s CAP_EXP+8.w=0010:0010 (until the next boot; for good "
		 "in the BIOS or with mlxconfig PCI_WR_ORDERING=1)",
		 names.first);
	snprintf(f->undo, sizeof(f->undo), "setpci -s %s CAP_EXP+8.w=0000:0010", names.first);
	snprintf(f->expected, sizeof(f->expected),
		 "more on machines where NIC and memory are far apart (AMD, virtual machines)");
	return CT_OK;
}

ct_status ct_rule_gpu_window(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			     struct ct_findings *out)
{
	const struct ct_facts *facts = in->facts;
	struct names names = { .n = 0 };
	const struct ct_gpu *one = NULL;
	struct ct_finding *f;
	char now[32], most[32];

	for (size_t i = 0; facts != NULL && facts->machine != NULL && i < facts->ngpus; i++) {
		const struct ct_gpu *gpu = &facts->gpus[i];

		if (gpu->bar_bytes == CT_UNKNOWN || gpu->bar_most_bytes == CT_UNKNOWN ||
		    gpu->bar_bytes >= gpu->bar_most_bytes)
			continue;
		add_name(&names, gpu->name, gpu->pci.address);
		one = gpu;
	}
	if (one == NULL)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	snprintf(f->seen, sizeof(f->seen), "memory window of %s is %s of %s possible", names.text,
		 ct_size_text(one->bar_bytes, now), ct_size_text(one->bar_most_bytes, most));
	snprintf(f->set, sizeof(f->set),
		 "in the BIOS: Above 4G Decoding and Resizable BAR on; then boot");
	snprintf(f->undo, sizeof(f->undo), "turn both off there");
	snprintf(f->expected, sizeof(f->expected), "GPUDirect RDMA for all of the GPU's memory");
	return CT_OK;
}

/* The fastest active port of the same device model. */
static const struct ct_rdma *best_equal(const struct ct_facts *f, const struct ct_rdma *port)
{
	const struct ct_rdma *best = NULL;

	for (size_t i = 0; i < f->nrdma; i++) {
		const struct ct_rdma *p = &f->rdma[i];

		if (p != port && strcmp(p->pci.id, port->pci.id) == 0 &&
		    strcmp(p->pci.subsystem, port->pci.subsystem) == 0 &&
		    strcmp(p->state, "ACTIVE") == 0 && p->rate_Mbps != CT_UNKNOWN &&
		    (best == NULL || p->rate_Mbps > best->rate_Mbps))
			best = p;
	}
	return best;
}

static ct_status judge_port(const struct ct_advice_rule *rule, const struct ct_rdma *port,
			    const struct ct_rdma *best, struct ct_findings *out)
{
	bool down = port->state[0] != '\0' && strcmp(port->state, "ACTIVE") != 0;
	struct ct_finding *f;

	if (!down && (port->rate_Mbps == CT_UNKNOWN || port->rate_Mbps >= best->rate_Mbps))
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	if (down)
		snprintf(f->seen, sizeof(f->seen),
			 "port %u of %s is %s (%s) while %s, an equal one, is active",
			 (unsigned int)port->port, port->name, port->state, port->phys_state,
			 best->name);
	else
		snprintf(f->seen, sizeof(f->seen),
			 "port %u of %s runs at %g Gbit/s while %s, an equal one, has %g",
			 (unsigned int)port->port, port->name, (double)port->rate_Mbps / 1000,
			 best->name, (double)best->rate_Mbps / 1000);
	snprintf(f->set, sizeof(f->set),
		 "look at cable, transceiver and the switch's port (mlxlink -d %s -m, ibdiagnet); "
		 "is the port meant for something else, leave it out with NCCL_IB_HCA",
		 port->pci.address);
	snprintf(f->undo, sizeof(f->undo), "put the old cable back");
	if (down)
		snprintf(f->expected, sizeof(f->expected), "one rail more, if it is meant for one");
	else
		snprintf(f->expected, sizeof(f->expected), "up to %.1f times the rate of this rail",
			 (double)best->rate_Mbps / (double)port->rate_Mbps);
	return CT_OK;
}

ct_status ct_rule_port(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
		       struct ct_findings *out)
{
	const struct ct_facts *f = in->facts;
	ct_status s = CT_OK;

	if (f == NULL || f->machine == NULL)
		return CT_OK;
	for (size_t i = 0; s == CT_OK && i < f->nrdma; i++) {
		const struct ct_rdma *best = best_equal(f, &f->rdma[i]);

		if (best != NULL)
			s = judge_port(rule, &f->rdma[i], best, out);
	}
	return s;
}

ct_status ct_rule_port_mtu(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			   struct ct_findings *out)
{
	enum { OVERHEAD = 82 };
	const struct ct_facts *facts = in->facts;
	struct names names = { .n = 0 };
	const struct ct_rdma *one = NULL;
	struct ct_finding *f;
	double gain;

	for (size_t i = 0; facts != NULL && facts->machine != NULL && i < facts->nrdma; i++) {
		const struct ct_rdma *port = &facts->rdma[i];

		if (port->mtu == CT_UNKNOWN || port->mtu >= 4096 || port->mtu == 0 ||
		    strcmp(port->state, "ACTIVE") != 0)
			continue;
		add_name(&names, port->netdev, port->pci.address);
		one = port;
	}
	if (one == NULL)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	gain = 4096.0 / (4096 + OVERHEAD) * (double)(one->mtu + OVERHEAD) / (double)one->mtu;
	snprintf(f->seen, sizeof(f->seen), "RDMA packets carry %u bytes at most, by the MTU of %s",
		 (unsigned int)one->mtu, names.text);
	snprintf(f->set, sizeof(f->set),
		 "as root, on each host: ip link set dev %s mtu 9000; the switches need 9216 first",
		 one->netdev);
	snprintf(f->undo, sizeof(f->undo), "ip link set dev %s mtu OLD", one->netdev);
	for (size_t i = 0; i < facts->nnics; i++)
		if (strcmp(facts->nics[i].name, one->netdev) == 0)
			snprintf(f->undo, sizeof(f->undo), "ip link set dev %s mtu %u", one->netdev,
				 (unsigned int)facts->nics[i].mtu);
	snprintf(f->expected, sizeof(f->expected), "%.1f %% more of the link for data",
		 100 * (gain - 1));
	return CT_OK;
}

/* Some drivers spread more interrupts than the near socket has CPUs: most of them near is right. */
ct_status ct_rule_interrupts(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			     struct ct_findings *out)
{
	const struct ct_facts *facts = in->facts;
	struct names names = { .n = 0 };
	const struct ct_pci *one = NULL;
	struct ct_finding *f;

	for (size_t i = 0; facts != NULL && facts->machine != NULL && i < facts->nrdma; i++) {
		const struct ct_pci *pci = &facts->rdma[i].pci;

		if (pci->irqs == CT_UNKNOWN || pci->irqs_far == CT_UNKNOWN ||
		    pci->irqs_far * 2 <= pci->irqs || told_before(facts, i))
			continue;
		add_name(&names, facts->rdma[i].name, pci->address);
		one = pci;
	}
	if (one == NULL)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	snprintf(f->seen, sizeof(f->seen),
		 "%u of %u interrupts are served by CPUs of another NUMA node, on %s",
		 (unsigned int)one->irqs_far, (unsigned int)one->irqs, names.text);
	snprintf(f->set, sizeof(f->set),
		 "stop irqbalance; as root, for each N in /sys/bus/pci/devices/%s/msi_irqs: cp "
		 ".../%s/local_cpulist /proc/irq/N/smp_affinity_list",
		 names.first, names.first);
	snprintf(f->undo, sizeof(f->undo), "systemctl start irqbalance");
	snprintf(f->expected, sizeof(f->expected),
		 "lower latency where completions come by interrupt; not measured");
	return CT_OK;
}
