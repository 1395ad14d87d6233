/* SPDX-License-Identifier: BSD-3-Clause */
/* Which rank should run where: GPU, NIC, NUMA node, cores; and how launchers are told. */
#include <stdio.h>
#include <string.h>

#include "machine.h"

enum { RANKS_MOST = 4096 };

struct placing {
	const struct ct_machine *machine;
	struct ct_matrix matrix;
	struct ct_proposal *out;
	uint64_t *nic_numa;
	size_t *taken; /* ranks that each NIC serves */
};

/* NUMA nodes with cores, in hwloc's order: the Ith, or NULL. */
static hwloc_obj_t node_with_cores(hwloc_topology_t t, size_t i)
{
	hwloc_obj_t node = NULL;

	while ((node = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_NUMANODE, node)) != NULL) {
		if (!hwloc_bitmap_iszero(node->cpuset) && i-- == 0)
			return node;
	}
	return NULL;
}

static size_t nodes_with_cores(hwloc_topology_t t)
{
	size_t n = 0;

	while (node_with_cores(t, n) != NULL)
		n++;
	return n;
}

static hwloc_obj_t node_numbered(hwloc_topology_t t, uint64_t number)
{
	hwloc_obj_t node;

	for (size_t i = 0; (node = node_with_cores(t, i)) != NULL; i++) {
		if (node->os_index == number)
			return node;
	}
	return NULL;
}

static void note_nics(struct placing *p)
{
	struct ct_pci_tree tree;

	if (ct_machine_pci(p->machine, &tree) != CT_OK)
		return;
	for (size_t i = 0; i < p->matrix.nnics; i++) {
		size_t at = ct_pci_find(&tree, p->matrix.nics[i].address);

		p->nic_numa[i] = at != CT_PCI_NONE ? tree.nodes[at].pci.numa : CT_UNKNOWN;
	}
	ct_free(tree.nodes);
}

/* Without GPUs: up, fastest, on the same NUMA node, least taken. */
static size_t nic_for(const struct placing *p, uint64_t numa)
{
	const struct ct_matrix *m = &p->matrix;
	size_t best = CT_PCI_NONE;

	for (size_t i = 0; i < m->nnics; i++) {
		bool near = p->nic_numa[i] == numa;

		if (!m->nics[i].up)
			continue;
		if (best == CT_PCI_NONE || m->nics[i].Mbps > m->nics[best].Mbps ||
		    (m->nics[i].Mbps == m->nics[best].Mbps &&
			    (near > (p->nic_numa[best] == numa) ||
				    (near == (p->nic_numa[best] == numa) &&
					    p->taken[i] < p->taken[best]))))
			best = i;
	}
	return best;
}

static void give_devices(struct placing *p, size_t i, size_t n)
{
	const struct ct_facts *f = &p->machine->facts;
	hwloc_topology_t t = p->machine->topology;
	size_t nodes = nodes_with_cores(t);
	hwloc_obj_t node = node_with_cores(t, i * nodes / n);
	struct ct_spot *place = &p->out->places[i];

	place->gpu = place->nic = CT_PCI_NONE;
	place->numa = node != NULL ? node->os_index : 0;
	if (f->ngpus > 0) {
		place->gpu = i * f->ngpus / n;
		place->nic = p->matrix.best[place->gpu];
		if (node_numbered(t, f->gpus[place->gpu].pci.numa) != NULL)
			place->numa = f->gpus[place->gpu].pci.numa;
	} else {
		place->nic = nic_for(p, place->numa);
	}
	if (place->nic != CT_PCI_NONE) {
		p->taken[place->nic]++;
		snprintf(place->device, sizeof(place->device), "%s",
			p->matrix.nics[place->nic].name);
	}
}

/* The cores of NODE that this process may use, the Ith of them; NULL = no more. */
static hwloc_obj_t core_of(hwloc_topology_t t, hwloc_obj_t node, size_t i)
{
	hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(t);
	hwloc_obj_type_t type = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE :
										 HWLOC_OBJ_PU;
	hwloc_obj_t core = NULL;

	while ((core = hwloc_get_next_obj_inside_cpuset_by_type(t, node->cpuset, type, core)) != NULL) {
		if (hwloc_bitmap_intersects(core->cpuset, allowed) && i-- == 0)
			return core;
	}
	return NULL;
}

/* Of M ranks on NODE the Kth gets its share of the cores. */
static ct_status give_cores(const struct placing *p, struct ct_spot *place, size_t k, size_t m)
{
	hwloc_topology_t t = p->machine->topology;
	hwloc_obj_t node = node_numbered(t, place->numa), core;
	hwloc_bitmap_t cores = hwloc_bitmap_alloc(), pus = hwloc_bitmap_alloc();
	size_t all = 0, first, last;
	ct_status status = cores != NULL && pus != NULL ? CT_OK : CT_NOMEM;

	while (node != NULL && core_of(t, node, all) != NULL)
		all++;
	if (status == CT_OK && all == 0)
		status = ct_fail(CT_INVALID, "NUMA node %llu has no core that this process may use",
			(unsigned long long)place->numa);
	if (status == CT_OK) {
		first = m > all ? k % all : k * all / m;
		last = m > all ? first + 1 : (k + 1) * all / m;
		for (size_t i = first; i < last; i++) {
			core = core_of(t, node, i);
			hwloc_bitmap_set(cores, core->logical_index);
			hwloc_bitmap_or(pus, pus, core->cpuset);
		}
		hwloc_bitmap_list_snprintf(place->cores, sizeof(place->cores), cores);
		hwloc_bitmap_list_snprintf(place->cpus, sizeof(place->cpus), pus);
		hwloc_bitmap_taskset_snprintf(place->mask, sizeof(place->mask), pus);
	}
	hwloc_bitmap_free(cores);
	hwloc_bitmap_free(pus);
	return status;
}

static ct_status place_all(struct placing *p, size_t n)
{
	ct_status status = CT_OK;

	for (size_t i = 0; i < n; i++)
		give_devices(p, i, n);
	for (size_t i = 0; status == CT_OK && i < n; i++) {
		size_t k = 0, m = 0;

		for (size_t j = 0; j < n; j++) {
			m += p->out->places[j].numa == p->out->places[i].numa;
			k += j < i && p->out->places[j].numa == p->out->places[i].numa;
		}
		status = give_cores(p, &p->out->places[i], k, m);
	}
	return status;
}

ct_status ct_machine_place(const struct ct_machine *machine, size_t n, struct ct_proposal *out)
{
	struct ct_proposal made = { .n = n };
	struct placing p = { .machine = machine, .out = &made };
	ct_status status;

	if (n == 0 || n > RANKS_MOST)
		return ct_fail(CT_INVALID, "placement of %zu ranks: 1 to %d on a node", n, RANKS_MOST);
	status = ct_machine_matrix(machine, &p.matrix);
	if (status != CT_OK)
		return status;
	made.places = ct_alloc(n, sizeof(*made.places));
	p.nic_numa = ct_alloc(p.matrix.nnics, sizeof(*p.nic_numa));
	p.taken = ct_alloc(p.matrix.nnics, sizeof(*p.taken));
	status = made.places != NULL && p.nic_numa != NULL && p.taken != NULL ? CT_OK : CT_NOMEM;
	if (status == CT_OK) {
		note_nics(&p);
		status = place_all(&p, n);
	}
	ct_free(p.taken);
	ct_free(p.nic_numa);
	ct_matrix_free(&p.matrix);
	if (status == CT_OK)
		*out = made;
	else
		ct_proposal_free(&made);
	return status;
}

void ct_proposal_free(struct ct_proposal *placement)
{
	ct_free(placement->places);
	memset(placement, 0, sizeof(*placement));
}

/* Each NIC once, in the order in which ranks come to it: the same order on every node is what makes
 * rails. */
static void add_devices(const struct ct_proposal *pl, struct ct_buf *out)
{
	size_t n = 0;

	ct_buf_add(out, "NCCL_IB_HCA==");
	for (size_t i = 0; i < pl->n; i++) {
		bool before = pl->places[i].device[0] == '\0';

		for (size_t k = 0; k < i && !before; k++)
			before = strcmp(pl->places[k].device, pl->places[i].device) == 0;
		if (!before)
			ct_buf_add(out, "%s%s", n++ > 0 ? "," : "", pl->places[i].device);
	}
	ct_buf_add(out, "\n");
}

static void add_table(const struct ct_machine *machine, const struct ct_proposal *pl,
	struct ct_buf *out)
{
	const struct ct_facts *f = &machine->facts;

	ct_buf_add(out, "%-5s %-8s %-10s %-5s %-14s %s\n", "rank", "GPU", "NIC", "NUMA", "cores", "PUs");
	for (size_t i = 0; i < pl->n; i++) {
		const struct ct_spot *one = &pl->places[i];

		ct_buf_add(out, "%-5zu %-8s %-10s %-5llu %-14s %s\n", i,
			one->gpu != CT_PCI_NONE ? f->gpus[one->gpu].name : "-",
			one->device[0] != '\0' ? one->device : "-", (unsigned long long)one->numa,
			one->cores, one->cpus);
	}
}

ct_status ct_proposal_text(const struct ct_machine *machine, const struct ct_proposal *pl,
	struct ct_buf *out)
{
	bool rdma = machine->facts.nrdma > 0;

	add_table(machine, pl, out);
	ct_buf_add(out, "\nOpen MPI 4, one node: mpirun -n %zu --rankfile FILE, with in FILE (logical "
		"cores; for the next node count ranks on and write +n1):\n", pl->n);
	for (size_t i = 0; i < pl->n; i++)
		ct_buf_add(out, "rank %zu=+n0 slot=%s\n", i, pl->places[i].cores);
	ct_buf_add(out, "\nSlurm: srun --ntasks-per-node=%zu --cpu-bind=mask_cpu:", pl->n);
	for (size_t i = 0; i < pl->n; i++)
		ct_buf_add(out, "%s%s", i > 0 ? "," : "", pl->places[i].mask);
	ct_buf_add(out, "\n");
	if (rdma) {
		ct_buf_add(out, "\nfor all ranks: ");
		add_devices(pl, out);
		for (size_t i = 0; i < pl->n; i++) {
			const char *device = pl->places[i].device;

			if (device[0] != '\0')
				ct_buf_add(out, "rank %zu of each node: UCX_NET_DEVICES=%s%s\n", i,
					device, strchr(device, ':') != NULL ? "" : ":1");
		}
	}
	return ct_buf_status(out);
}

bool ct_spot_far(const struct ct_machine *machine, const struct ct_spot *place, const char *cpus)
{
	hwloc_obj_t node = node_numbered(machine->topology, place->numa);
	hwloc_bitmap_t set = hwloc_bitmap_alloc();
	bool far = false;

	if (set != NULL && node != NULL && ct_cpu_list_ok(cpus) &&
	    hwloc_bitmap_list_sscanf(set, cpus) == 0)
		far = !hwloc_bitmap_intersects(set, node->cpuset);
	hwloc_bitmap_free(set);
	return far;
}
