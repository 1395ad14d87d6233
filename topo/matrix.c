/* SPDX-License-Identifier: BSD-3-Clause */
/* GPUs and NICs: how far apart, and which NIC serves which GPU best. */
#include <stdio.h>
#include <string.h>

#include "machine.h"

/* Several ports of one device are told as NCCL_IB_HCA names them. */
static void name_port(const struct ct_facts *f, size_t i, char *out, size_t room)
{
	bool several = false;

	for (size_t k = 0; k < f->nrdma; k++)
		several |= k != i && strcmp(f->rdma[k].name, f->rdma[i].name) == 0;
	if (several)
		snprintf(out, room, "%.56s:%u", f->rdma[i].name, (unsigned int)f->rdma[i].port);
	else
		snprintf(out, room, "%s", f->rdma[i].name);
}

/* What the NIC can move; 0 when nobody tells. */
static uint64_t useful_Mbps(uint64_t link, const struct ct_pci *pci)
{
	uint64_t pcie = ct_pci_Mbps(pci->speed_MTs, pci->width);

	if (link == CT_UNKNOWN)
		return 0;
	return pcie > 0 && pcie < link ? pcie : link;
}

static void take_ports(const struct ct_facts *f, struct ct_matrix *m)
{
	for (size_t i = 0; i < f->nrdma; i++) {
		const struct ct_rdma *port = &f->rdma[i];
		struct ct_matrix_nic *nic = &m->nics[m->nnics++];

		name_port(f, i, nic->name, sizeof(nic->name));
		snprintf(nic->address, sizeof(nic->address), "%s", port->pci.address);
		nic->Mbps = useful_Mbps(port->rate_Mbps, &port->pci);
		nic->up = port->state[0] == '\0' || strcmp(port->state, "ACTIVE") == 0;
	}
}

static void take_nics(const struct ct_facts *f, struct ct_matrix *m)
{
	for (size_t i = 0; i < f->nnics; i++) {
		const struct ct_nic *from = &f->nics[i];
		struct ct_matrix_nic *nic;

		if (from->is_virtual)
			continue;
		nic = &m->nics[m->nnics++];
		snprintf(nic->name, sizeof(nic->name), "%s", from->name);
		snprintf(nic->address, sizeof(nic->address), "%s", from->pci.address);
		nic->Mbps = useful_Mbps(from->speed_Mbps, &from->pci);
		nic->up = from->state[0] == '\0' || strcmp(from->state, "down") != 0;
	}
}

/* True if NIC A serves GPU better than B; TAKEN: GPUs that have each NIC already. */
static bool better(const struct ct_matrix *m, size_t gpu, size_t a, size_t b, const size_t *taken)
{
	enum ct_distance x = m->path[gpu * m->nnics + a], y = m->path[gpu * m->nnics + b];

	if (m->nics[a].Mbps != m->nics[b].Mbps)
		return m->nics[a].Mbps > m->nics[b].Mbps;
	return x != y ? x < y : taken[a] < taken[b];
}

static void choose(struct ct_matrix *m, size_t *taken)
{
	for (size_t gpu = 0; gpu < m->ngpus; gpu++) {
		size_t best = CT_PCI_NONE;

		for (size_t i = 0; i < m->nnics; i++) {
			if (m->nics[i].up && (best == CT_PCI_NONE || better(m, gpu, i, best, taken)))
				best = i;
		}
		m->best[gpu] = best;
		if (best != CT_PCI_NONE)
			taken[best]++;
	}
}

/* PATH[gpu][nic]; NODES has room for each NIC's place. */
static void measure(const struct ct_facts *f, const struct ct_pci_tree *tree, size_t *nodes,
	struct ct_matrix *m)
{
	for (size_t i = 0; i < m->nnics; i++)
		nodes[i] = ct_pci_find(tree, m->nics[i].address);
	for (size_t gpu = 0; gpu < m->ngpus; gpu++) {
		size_t at = ct_pci_find(tree, f->gpus[gpu].pci.address);

		for (size_t i = 0; i < m->nnics; i++)
			m->path[gpu * m->nnics + i] = ct_pci_distance(tree, at, nodes[i]);
	}
}

ct_status ct_machine_matrix(const struct ct_machine *machine, struct ct_matrix *matrix)
{
	const struct ct_facts *f = &machine->facts;
	struct ct_matrix m = { .ngpus = f->ngpus };
	struct ct_pci_tree tree = { .n = 0 };
	size_t most = f->nrdma > f->nnics ? f->nrdma : f->nnics, *scratch = NULL;
	ct_status status = ct_machine_pci(machine, &tree);

	if (status != CT_OK)
		return status;
	status = CT_NOMEM;
	m.nics = ct_alloc(most, sizeof(*m.nics));
	scratch = ct_alloc(2 * most, sizeof(*scratch)); /* places, then how often taken */
	m.best = ct_alloc(m.ngpus, sizeof(*m.best));
	if (m.nics == NULL || scratch == NULL || m.best == NULL)
		goto free_scratch;
	/* RDMA ports are what GPUs talk through; plain interfaces only where there are none. */
	if (f->nrdma > 0)
		take_ports(f, &m);
	else
		take_nics(f, &m);
	m.path = ct_alloc(m.ngpus * m.nnics, sizeof(*m.path));
	if (m.path == NULL)
		goto free_scratch;
	measure(f, &tree, scratch, &m);
	choose(&m, scratch + most);
	status = CT_OK;
free_scratch:
	ct_free(scratch);
	ct_free(tree.nodes);
	if (status == CT_OK)
		*matrix = m;
	else
		ct_matrix_free(&m);
	return status;
}

void ct_matrix_free(struct ct_matrix *matrix)
{
	ct_free(matrix->nics);
	ct_free(matrix->path);
	ct_free(matrix->best);
	memset(matrix, 0, sizeof(*matrix));
}

static void add_best(const struct ct_matrix *m, size_t gpu, struct ct_buf *out)
{
	const struct ct_matrix_nic *nic;

	if (m->best[gpu] == CT_PCI_NONE) {
		ct_buf_add(out, "none is up\n");
		return;
	}
	nic = &m->nics[m->best[gpu]];
	ct_buf_add(out, "%s, %s", nic->name,
		ct_distance_name(m->path[gpu * m->nnics + m->best[gpu]]));
	if (nic->Mbps > 0)
		ct_buf_add(out, ", %g Gbit/s", (double)nic->Mbps / 1000);
	ct_buf_add(out, "\n");
}

/* GPU x GPU: NV18 for 18 NVLinks, or how far they are on PCI. */
static void add_links(const struct ct_facts *f, int first, struct ct_buf *out)
{
	bool any = false;

	for (size_t a = 0; a < f->ngpus; a++)
		any |= f->gpus[a].nvlink[0] != '\0';
	if (!any)
		return;
	ct_buf_add(out, "%-*s", first, "");
	for (size_t b = 0; b < f->ngpus; b++)
		ct_buf_add(out, "  %-4s", f->gpus[b].name);
	for (size_t a = 0; a < f->ngpus; a++) {
		ct_buf_add(out, "\n%-*s", first, f->gpus[a].name);
		for (size_t b = 0; b < f->ngpus; b++) {
			unsigned int n = a != b ? ct_gpu_links(&f->gpus[a], &f->gpus[b]) : 0;
			int width = (int)strlen(f->gpus[b].name);
			char word[8];

			snprintf(word, sizeof(word), n > 0 ? "NV%u" : a == b ? "X" : "-", n);
			ct_buf_add(out, "  %-*s", width > 4 ? width : 4, word);
		}
	}
	ct_buf_add(out, "\nNV18: 18 NVLinks, also through switches; - none\n");
}

ct_status ct_matrix_text(const struct ct_machine *machine, const struct ct_matrix *m,
	struct ct_buf *out)
{
	const struct ct_facts *f = &machine->facts;
	int first = 6;

	if (m->ngpus == 0 || m->nnics == 0) {
		ct_buf_add(out, "no matrix: %zu GPUs and %zu NICs\n", m->ngpus, m->nnics);
		return ct_buf_status(out);
	}
	for (size_t g = 0; g < m->ngpus; g++)
		first = (int)strlen(f->gpus[g].name) > first ? (int)strlen(f->gpus[g].name) : first;
	ct_buf_add(out, "%-*s", first, "");
	for (size_t i = 0; i < m->nnics; i++)
		ct_buf_add(out, "  %-4s", m->nics[i].name);
	ct_buf_add(out, "  best NIC\n");
	for (size_t g = 0; g < m->ngpus; g++) {
		ct_buf_add(out, "%-*s", first, f->gpus[g].name);
		for (size_t i = 0; i < m->nnics; i++) {
			int width = (int)strlen(m->nics[i].name);

			ct_buf_add(out, "  %-*s", width > 4 ? width : 4,
				ct_distance_name(m->path[g * m->nnics + i]));
		}
		ct_buf_add(out, "  ");
		add_best(m, g, out);
	}
	add_links(f, first, out);
	ct_buf_add(out, "PIX through one PCIe switch at most; PXB several; PHB the CPU's host bridge; "
		"NODE two host bridges\nof one NUMA node; SYS between NUMA nodes; ? not told. Best: "
		"up, then fastest (its link or its PCIe\nslot), then nearest, then least shared.\n");
	return ct_buf_status(out);
}
