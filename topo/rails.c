/* SPDX-License-Identifier: BSD-3-Clause */
/* Which NICs of a node are its rails, and where they sit. */
#include <stdio.h>
#include <string.h>

#include "machine.h"

/* The upstream port of the switch above NODE: below it, port and device; above it a root port. */
static const char *switch_above(const struct ct_pci_tree *tree, size_t node)
{
	size_t port = node != CT_PCI_NONE ? tree->nodes[node].parent : CT_PCI_NONE;
	size_t up = port != CT_PCI_NONE ? tree->nodes[port].parent : CT_PCI_NONE;

	return up != CT_PCI_NONE && tree->nodes[up].kind == CT_PCI_BRIDGE ?
		tree->nodes[up].pci.address : "";
}

static void add_rail(const struct ct_matrix *m, const struct ct_pci_tree *tree, size_t nic,
	struct ct_rails *out)
{
	struct ct_rail *rail = &out->rails[out->n++];
	size_t node = ct_pci_find(tree, m->nics[nic].address);

	snprintf(rail->device, sizeof(rail->device), "%s", m->nics[nic].name);
	snprintf(rail->address, sizeof(rail->address), "%s", m->nics[nic].address);
	snprintf(rail->above, sizeof(rail->above), "%s", switch_above(tree, node));
	rail->numa = node != CT_PCI_NONE ? tree->nodes[node].pci.numa : CT_UNKNOWN;
	rail->Mbps = m->nics[nic].Mbps;
	rail->up = m->nics[nic].up;
	for (size_t gpu = 0; gpu < m->ngpus; gpu++) {
		size_t used = strlen(rail->gpus);

		if (m->best[gpu] == nic && used + 8 < sizeof(rail->gpus))
			snprintf(rail->gpus + used, sizeof(rail->gpus) - used, "%s%zu",
				used > 0 ? "," : "", gpu);
	}
}

static void find_rails(const struct ct_matrix *m, const struct ct_pci_tree *tree, bool *taken,
	struct ct_rails *out)
{
	uint64_t fastest = 0;

	for (size_t gpu = 0; gpu < m->ngpus; gpu++) {
		size_t nic = m->best[gpu];

		if (nic == CT_PCI_NONE || taken[nic])
			continue;
		taken[nic] = true;
		add_rail(m, tree, nic, out);
	}
	for (size_t i = 0; i < m->nnics; i++)
		fastest = m->nics[i].Mbps > fastest ? m->nics[i].Mbps : fastest;
	for (size_t i = 0; i < m->nnics; i++) {
		if (taken[i] || m->nics[i].Mbps < fastest || !m->nics[i].up)
			continue;
		taken[i] = true;
		add_rail(m, tree, i, out);
	}
	out->nrails = out->n;
	for (size_t i = 0; i < m->nnics; i++) {
		if (!taken[i])
			add_rail(m, tree, i, out);
	}
}

ct_status ct_machine_rails(const struct ct_machine *machine, struct ct_rails *rails)
{
	const struct ct_setting *host = &machine->facts.setting[CT_SET_HOSTNAME];
	struct ct_rails made = { .n = 0 };
	struct ct_pci_tree tree;
	struct ct_matrix m;
	bool *taken;
	ct_status status = ct_machine_pci(machine, &tree);

	if (status != CT_OK)
		return status;
	status = ct_machine_matrix(machine, &m);
	if (status != CT_OK)
		goto free_tree;
	taken = ct_alloc(m.nnics, sizeof(*taken));
	made.rails = ct_alloc(m.nnics, sizeof(*made.rails));
	status = taken != NULL && made.rails != NULL ? CT_OK : CT_NOMEM;
	if (status == CT_OK) {
		snprintf(made.host, sizeof(made.host), "%s", host->known ? host->text : "");
		find_rails(&m, &tree, taken, &made);
		*rails = made;
	} else {
		ct_rails_free(&made);
	}
	ct_free(taken);
	ct_matrix_free(&m);
free_tree:
	ct_free(tree.nodes);
	return status;
}

void ct_rails_free(struct ct_rails *rails)
{
	ct_free(rails->rails);
	memset(rails, 0, sizeof(*rails));
}
