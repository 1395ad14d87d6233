/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine as a small tree for the terminal: equal things on one line. */
#include <stdio.h>
#include <string.h>

#include "machine.h"

enum { CPU_MOST = 65535, RANK_MOST = (1 << 24) - 1, GROUPS_MOST = 4, NAMES_MOST = 12 };

/* Where a rank's binding is shown: a NUMA node's logical index, or one of these. */
enum { UNBOUND = -1, ACROSS = -2, OUTSIDE = -3 };

struct bound {
	uint32_t rank;
	int place;
	hwloc_bitmap_t cpus;
};

struct drawing {
	const struct ct_facts *facts;
	hwloc_topology_t topology;
	struct bound *bound;
	size_t nbound;
	struct ct_buf *out;
};

static const char *list_text(hwloc_const_bitmap_t set, char *out, size_t room)
{
	int n = hwloc_bitmap_list_snprintf(out, room, set);

	if (n >= (int)room && room > 4)
		memcpy(out + room - 4, "...", 4);
	return out;
}

static const char *size_text(uint64_t bytes, char out[32])
{
	struct ct_facts facts = { .nnics = 0 };

	facts.setting[CT_SET_SHM].known = true;
	facts.setting[CT_SET_SHM].number = bytes;
	return ct_setting_text(&facts, CT_SET_SHM, out, 32);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

bool ct_cpu_list_ok(const char *text)
{
	unsigned long value = 0;
	bool digit = false;

	if (text[0] == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text >= '0' && *text <= '9') {
			value = (digit ? value * 10 : 0) + (unsigned long)(*text - '0');
			digit = true;
			if (value > CPU_MOST)
				return false;
		} else if ((*text == ',' || *text == '-') && digit) {
			digit = false;
		} else {
			return false;
		}
	}
	return digit;
}

static int place_of(hwloc_topology_t topology, hwloc_const_bitmap_t cpus)
{
	hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(topology);
	hwloc_obj_t node = NULL;

	if (!hwloc_bitmap_isincluded(cpus, hwloc_topology_get_complete_cpuset(topology)))
		return OUTSIDE;
	if (hwloc_bitmap_isincluded(allowed, cpus) && hwloc_bitmap_weight(allowed) > 1)
		return UNBOUND;
	while ((node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != NULL) {
		if (hwloc_bitmap_isincluded(cpus, node->cpuset))
			return (int)node->logical_index;
	}
	return ACROSS;
}

static ct_status take_binding(struct drawing *d, const struct ct_binding *binding)
{
	struct bound *b = &d->bound[d->nbound];

	if (binding->cpus == NULL || !ct_cpu_list_ok(binding->cpus))
		return ct_fail(CT_INVALID, "binding of rank %u: \"%s\" is not a CPU list such as "
			"\"0-3,8\"", binding->rank, binding->cpus != NULL ? binding->cpus : "");
	if (binding->rank > RANK_MOST)
		return ct_fail(CT_INVALID, "binding of rank %u: more than %d ranks", binding->rank,
			RANK_MOST);
	b->cpus = hwloc_bitmap_alloc();
	if (b->cpus == NULL)
		return ct_fail(CT_NOMEM, "no memory for a CPU set");
	d->nbound++;
	if (hwloc_bitmap_list_sscanf(b->cpus, binding->cpus) != 0 || hwloc_bitmap_iszero(b->cpus))
		return ct_fail(CT_INVALID, "binding of rank %u: \"%s\" is not a CPU list",
			binding->rank, binding->cpus);
	b->rank = binding->rank;
	b->place = place_of(d->topology, b->cpus);
	return CT_OK;
}

static bool first_of_group(const struct drawing *d, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (d->bound[j].place == d->bound[i].place &&
		    hwloc_bitmap_isequal(d->bound[j].cpus, d->bound[i].cpus))
			return false;
	}
	return true;
}

static void draw_group(struct drawing *d, size_t i, const char *indent, const char *note)
{
	hwloc_bitmap_t ranks = hwloc_bitmap_alloc();
	char list[96], cpus[96];
	size_t n = 0;

	for (size_t j = i; ranks != NULL && j < d->nbound; j++) {
		if (d->bound[j].place == d->bound[i].place &&
		    hwloc_bitmap_isequal(d->bound[j].cpus, d->bound[i].cpus)) {
			hwloc_bitmap_set(ranks, d->bound[j].rank);
			n++;
		}
	}
	if (ranks == NULL) {
		d->out->failed = true;
		return;
	}
	list_text(ranks, list, sizeof(list));
	hwloc_bitmap_free(ranks);
	ct_buf_add(d->out, "%srank%s %s on PU%s %s%s\n", indent, plural(n), list,
		plural((uint64_t)hwloc_bitmap_weight(d->bound[i].cpus)),
		list_text(d->bound[i].cpus, cpus, sizeof(cpus)), note);
}

/* Many different bindings in one place: how many ranks, on how many PUs each, where together. */
static void draw_summary(struct drawing *d, int place, const char *indent, const char *note)
{
	hwloc_bitmap_t ranks = hwloc_bitmap_alloc(), all = hwloc_bitmap_alloc();
	int least = INT32_MAX, most = 0, sum = 0;
	char list[96], cpus[96], each[32];

	for (size_t i = 0; ranks != NULL && all != NULL && i < d->nbound; i++) {
		int weight = hwloc_bitmap_weight(d->bound[i].cpus);

		if (d->bound[i].place != place)
			continue;
		hwloc_bitmap_set(ranks, d->bound[i].rank);
		hwloc_bitmap_or(all, all, d->bound[i].cpus);
		least = weight < least ? weight : least;
		most = weight > most ? weight : most;
		sum += weight;
	}
	if (ranks == NULL || all == NULL) {
		d->out->failed = true;
	} else {
		snprintf(each, sizeof(each), least == most ? "%d" : "%d to %d", least, most);
		ct_buf_add(d->out, "%sranks %s on %s PU%s each, %s, of PUs %s%s\n", indent,
			list_text(ranks, list, sizeof(list)), each, plural((uint64_t)most),
			sum == hwloc_bitmap_weight(all) ? "none shared" : "some shared",
			list_text(all, cpus, sizeof(cpus)), note);
	}
	hwloc_bitmap_free(ranks);
	hwloc_bitmap_free(all);
}

static void draw_ranks(struct drawing *d, int place, const char *indent, const char *note)
{
	size_t groups = 0;

	for (size_t i = 0; i < d->nbound && groups <= GROUPS_MOST; i++)
		groups += d->bound[i].place == place && first_of_group(d, i);
	if (groups > GROUPS_MOST) {
		draw_summary(d, place, indent, note);
		return;
	}
	for (size_t i = 0; groups > 0 && i < d->nbound; i++) {
		if (d->bound[i].place == place && first_of_group(d, i))
			draw_group(d, i, indent, note);
	}
}

static void draw_pci(struct drawing *d, const struct ct_pci *pci)
{
	bool now, most;

	if (pci->address[0] == '\0') {
		ct_buf_add(d->out, "\n");
		return;
	}
	ct_buf_add(d->out, ", PCI %s %s", pci->address, pci->id);
	now = pci->speed_MTs != CT_UNKNOWN && pci->width != CT_UNKNOWN;
	most = pci->max_speed_MTs != CT_UNKNOWN && pci->max_width != CT_UNKNOWN;
	if (now)
		ct_buf_add(d->out, ", PCIe %g GT/s x%u", (double)pci->speed_MTs / 1000,
			(unsigned int)pci->width);
	if (most && (!now || pci->max_speed_MTs != pci->speed_MTs || pci->max_width != pci->width))
		ct_buf_add(d->out, "%s (of %g GT/s x%u)", now ? "" : ", PCIe link not told",
			(double)pci->max_speed_MTs / 1000, (unsigned int)pci->max_width);
	ct_buf_add(d->out, "\n");
}

/* The comma that goes before the next word of a line. */
static void add_detail(struct drawing *d, int *n, const char *indent, const char *name,
	const char *value)
{
	if (value[0] == '\0')
		return;
	ct_buf_add(d->out, "%s%s%s%s%s", *n == 0 ? indent : ", ", *n == 0 ? "    " : "", name,
		name[0] != '\0' ? " " : "", value);
	++*n;
}

static const char *number_text(uint64_t number, char out[32])
{
	out[0] = '\0';
	if (number != CT_UNKNOWN)
		snprintf(out, 32, "%llu", (unsigned long long)number);
	return out;
}

/* A second line with what decides about speed, where it could be read. MORE: two names and texts of
 * the device's own. */
static void draw_details(struct drawing *d, const struct ct_pci *pci, const char *indent,
	const char *const more[4])
{
	char text[32];
	int n = 0;

	add_detail(d, &n, indent, more[0], more[1]);
	add_detail(d, &n, indent, more[2], more[3]);
	add_detail(d, &n, indent, "MaxReadReq", number_text(pci->max_read_bytes, text));
	if (pci->relaxed_ordering != CT_UNKNOWN)
		add_detail(d, &n, indent, "relaxed ordering",
			pci->relaxed_ordering != 0 ? "on" : "off");
	add_detail(d, &n, indent, "IOMMU", pci->iommu);
	if (pci->vf == 1)
		add_detail(d, &n, indent, "", "virtual function");
	if (pci->vfs != 0)
		add_detail(d, &n, indent, "virtual functions", number_text(pci->vfs, text));
	if (pci->irqs_far != CT_UNKNOWN && pci->irqs_far > 0) {
		add_detail(d, &n, indent, "interrupts", number_text(pci->irqs, text));
		ct_buf_add(d->out, " (%s served far away)", number_text(pci->irqs_far, text));
	}
	if (n > 0)
		ct_buf_add(d->out, "\n");
}

static const char *speed_text(uint64_t Mbps, char out[32])
{
	if (Mbps == CT_UNKNOWN)
		return "speed not told";
	if (Mbps < 1000)
		snprintf(out, 32, "%llu Mbit/s", (unsigned long long)Mbps);
	else
		snprintf(out, 32, "%g Gbit/s", (double)Mbps / 1000);
	return out;
}

static void add_word(struct drawing *d, const char *word)
{
	if (word[0] != '\0')
		ct_buf_add(d->out, ", %s", word);
}

static void draw_nic(struct drawing *d, const struct ct_nic *nic, const char *indent)
{
	char speed[32];

	ct_buf_add(d->out, "%snet %s: %s", indent, nic->name, speed_text(nic->speed_Mbps, speed));
	add_word(d, nic->link);
	add_word(d, nic->state);
	if (nic->mtu != CT_UNKNOWN)
		ct_buf_add(d->out, ", MTU %llu", (unsigned long long)nic->mtu);
	add_word(d, nic->driver);
	draw_pci(d, &nic->pci);
	draw_details(d, &nic->pci, indent, (const char *const[]){ "part of", nic->master, "", "" });
}

static void draw_port(struct drawing *d, const struct ct_rdma *port, const char *indent)
{
	char speed[32];

	ct_buf_add(d->out, "%srdma %s port %llu: %s", indent, port->name,
		(unsigned long long)port->port, speed_text(port->rate_Mbps, speed));
	add_word(d, port->link_layer);
	add_word(d, port->state);
	if (strcmp(port->phys_state, "LinkUp") != 0)
		add_word(d, port->phys_state);
	if (port->netdev[0] != '\0')
		ct_buf_add(d->out, ", with net %s", port->netdev);
	add_word(d, port->driver);
	draw_pci(d, &port->pci);
	draw_details(d, &port->pci, indent, (const char *const[]){ "firmware", port->firmware,
		"GIDs", port->gids });
}

static const char *nvlink_text(const struct ct_gpu *gpu, char text[300])
{
	snprintf(text, 300, "%s", gpu->nvlink);
	if (gpu->nvlink[0] != '\0' && gpu->nvlink_MBs != CT_UNKNOWN)
		snprintf(text + strlen(text), 300 - strlen(text), " at %g GB/s each",
			(double)gpu->nvlink_MBs / 1000);
	return text;
}

/* Devices local to NUMA node OS_INDEX; CT_UNKNOWN: to none or several. */
static void draw_devices(struct drawing *d, uint64_t os_index, const char *indent)
{
	const struct ct_facts *f = d->facts;
	char size[32], links[300];

	for (size_t i = 0; i < f->ngpus; i++) {
		const struct ct_gpu *gpu = &f->gpus[i];

		if (gpu->pci.numa != os_index)
			continue;
		ct_buf_add(d->out, "%sgpu %s: %s", indent, gpu->name,
			gpu->model[0] != '\0' ? gpu->model : "model not told");
		add_word(d, gpu->driver);
		draw_pci(d, &gpu->pci);
		draw_details(d, &gpu->pci, indent, (const char *const[]){ "NVLink",
			nvlink_text(gpu, links), "window", gpu->bar_bytes != CT_UNKNOWN && gpu->bar_bytes != 0 ?
			size_text(gpu->bar_bytes, size) : "" });
	}
	for (size_t i = 0; i < f->nrdma; i++) {
		if (f->rdma[i].pci.numa == os_index)
			draw_port(d, &f->rdma[i], indent);
	}
	for (size_t i = 0; i < f->nnics; i++) {
		if (!f->nics[i].is_virtual && f->nics[i].pci.numa == os_index)
			draw_nic(d, &f->nics[i], indent);
	}
	for (size_t i = 0; i < f->nnvmes; i++) {
		if (f->nvmes[i].pci.numa != os_index)
			continue;
		ct_buf_add(d->out, "%snvme %s: %s", indent, f->nvmes[i].name,
			f->nvmes[i].model[0] != '\0' ? f->nvmes[i].model : "model not told");
		add_word(d, f->nvmes[i].state);
		draw_pci(d, &f->nvmes[i].pci);
	}
}

/* "L3 105 MiB", "8 x L3 32 MiB", or the one that a whole package shares. */
static void draw_cache(struct drawing *d, hwloc_const_cpuset_t cpus, hwloc_obj_type_t type,
	const char *name)
{
	hwloc_obj_t one = hwloc_get_obj_inside_cpuset_by_type(d->topology, cpus, type, 0);
	int n = hwloc_get_nbobjs_inside_cpuset_by_type(d->topology, cpus, type);
	char size[32], times[16] = "";

	if (one == NULL) {
		one = hwloc_get_next_obj_covering_cpuset_by_type(d->topology, cpus, type, NULL);
		if (one != NULL)
			ct_buf_add(d->out, ", part of %s %s", name,
				size_text(one->attr->cache.size, size));
		return;
	}
	if (n > 1)
		snprintf(times, sizeof(times), "%d x ", n);
	ct_buf_add(d->out, ", %s%s %s", times, name, size_text(one->attr->cache.size, size));
}

/* "cores 0-27 (PUs 0-27,112-139), L2 …, L3 …" of CPUS. */
static void draw_cores(struct drawing *d, hwloc_const_cpuset_t cpus, const char *indent)
{
	hwloc_bitmap_t cores = hwloc_bitmap_alloc();
	hwloc_obj_t core = NULL;
	char list[96], pus[96];

	if (cores == NULL) {
		d->out->failed = true;
		return;
	}
	while ((core = hwloc_get_next_obj_inside_cpuset_by_type(d->topology, cpus, HWLOC_OBJ_CORE,
			core)) != NULL)
		hwloc_bitmap_set(cores, core->logical_index);
	list_text(cpus, pus, sizeof(pus));
	if (hwloc_bitmap_iszero(cores))
		ct_buf_add(d->out, "%sPUs %s", indent, pus);
	else
		ct_buf_add(d->out, "%score%s %s (PU%s %s)", indent,
			plural((uint64_t)hwloc_bitmap_weight(cores)),
			list_text(cores, list, sizeof(list)),
			plural((uint64_t)hwloc_bitmap_weight(cpus)), pus);
	hwloc_bitmap_free(cores);
	draw_cache(d, cpus, HWLOC_OBJ_L2CACHE, "L2");
	draw_cache(d, cpus, HWLOC_OBJ_L3CACHE, "L3");
	ct_buf_add(d->out, "\n");
}

static void draw_node(struct drawing *d, hwloc_obj_t node, const char *indent)
{
	hwloc_obj_t twin = NULL;
	char deeper[24], size[32];

	snprintf(deeper, sizeof(deeper), "%s  ", indent);
	ct_buf_add(d->out, "%sNUMA node %u: %s", indent, node->os_index,
		size_text(node->attr->numanode.local_memory, size));
	/* High-bandwidth memory is a second node beside the same cores. */
	while ((twin = hwloc_get_next_obj_by_type(d->topology, HWLOC_OBJ_NUMANODE, twin)) != node) {
		if (hwloc_bitmap_isequal(twin->cpuset, node->cpuset))
			break;
	}
	if (hwloc_bitmap_iszero(node->cpuset)) {
		ct_buf_add(d->out, ", no cores\n");
	} else if (twin != node) {
		ct_buf_add(d->out, ", cores of NUMA node %u\n", twin->os_index);
	} else {
		ct_buf_add(d->out, "\n");
		draw_cores(d, node->cpuset, deeper);
	}
	draw_ranks(d, (int)node->logical_index, deeper, "");
	draw_devices(d, node->os_index, deeper);
}

/* The package that holds all CPUs of NODE; NULL if none does. */
static hwloc_obj_t package_of(hwloc_topology_t topology, hwloc_obj_t node)
{
	if (hwloc_bitmap_iszero(node->cpuset))
		return NULL;
	return hwloc_get_next_obj_covering_cpuset_by_type(topology, node->cpuset,
		HWLOC_OBJ_PACKAGE, NULL);
}

static void draw_package(struct drawing *d, hwloc_obj_t package, const char *indent)
{
	hwloc_obj_t node = NULL;
	char deeper[16];
	size_t nodes = 0;

	snprintf(deeper, sizeof(deeper), "%s  ", indent);
	if (package != NULL)
		ct_buf_add(d->out, "%spackage %u\n", indent, package->os_index);
	while ((node = hwloc_get_next_obj_by_type(d->topology, HWLOC_OBJ_NUMANODE, node)) != NULL) {
		if (package_of(d->topology, node) == package) {
			draw_node(d, node, package != NULL ? deeper : indent);
			nodes++;
		}
	}
	if (package != NULL && nodes == 0)
		draw_cores(d, package->cpuset, deeper);
}

static bool is_listed(const struct ct_facts *f, const char *address)
{
	for (size_t i = 0; i < f->nnics; i++) {
		if (strcmp(f->nics[i].pci.address, address) == 0)
			return true;
	}
	for (size_t i = 0; i < f->nrdma; i++) {
		if (strcmp(f->rdma[i].pci.address, address) == 0)
			return true;
	}
	for (size_t i = 0; i < f->ngpus; i++) {
		if (strcmp(f->gpus[i].pci.address, address) == 0)
			return true;
	}
	for (size_t i = 0; i < f->nnvmes; i++) {
		if (strcmp(f->nvmes[i].pci.address, address) == 0)
			return true;
	}
	return false;
}

/* PCI devices that are not listed one by one, counted by base class (PCI code and ID assignment
 * specification, section 1). */
static void draw_other_pci(struct drawing *d)
{
	static const struct {
		unsigned int base;
		const char *name;
	} classes[] = { { 0x01, "storage" }, { 0x02, "network without a driver" },
		{ 0x03, "display" }, { 0x0b, "processor" }, { 0x0c, "serial bus" },
		{ 0x06, "bridge or switch" }, { 0x12, "accelerator" } };
	enum { NCLASSES = sizeof(classes) / sizeof(classes[0]) };
	unsigned int count[NCLASSES + 1] = { 0 };
	const char *comma = "  other PCI devices: ";
	hwloc_obj_t device = NULL;
	struct ct_pci pci;

	while ((device = hwloc_get_next_pcidev(d->topology, device)) != NULL) {
		size_t i = 0;

		ct_node_pci(d->topology, device, &pci);
		if (is_listed(d->facts, pci.address))
			continue;
		while (i < NCLASSES && device->attr->pcidev.class_id >> 8 != classes[i].base)
			i++;
		count[i]++;
	}
	for (size_t i = 0; i <= NCLASSES; i++) {
		if (count[i] == 0)
			continue;
		ct_buf_add(d->out, "%s%u %s", comma, count[i],
			i < NCLASSES ? classes[i].name : "other");
		comma = ", ";
	}
	if (comma[0] == ',')
		ct_buf_add(d->out, "\n");
}

/* A node of a container cluster has hundreds of these. */
static void draw_virtual(struct drawing *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->facts->nnics; i++) {
		const struct ct_nic *nic = &d->facts->nics[i];

		if (!nic->is_virtual)
			continue;
		if (n++ < NAMES_MOST)
			ct_buf_add(d->out, "%s%s (%s%s)", n == 1 ? "  net without hardware: " : ", ",
				nic->name, nic->loopback ? "loopback, " : "",
				nic->state[0] != '\0' ? nic->state : "state not told");
	}
	if (n > NAMES_MOST)
		ct_buf_add(d->out, " and %zu more", n - NAMES_MOST);
	if (n > 0)
		ct_buf_add(d->out, "\n");
}

/* The first line and the devices say these; the free pages stand beside the reserved ones. */
static bool drawn_above(enum ct_setting_id id)
{
	return id == CT_SET_HOSTNAME || id == CT_SET_CPU_MODEL || id == CT_SET_HUGEPAGES_FREE ||
		id == CT_SET_NICS || id == CT_SET_RDMA;
}

static void draw_settings(struct drawing *d)
{
	const struct ct_facts *f = d->facts;
	char text[256], size[32];

	ct_buf_add(d->out, "  settings\n");
	for (int i = 0; i < CT_NSETTINGS; i++) {
		enum ct_setting_id id = (enum ct_setting_id)i;

		if (drawn_above(id) && (f->setting[i].known || id == CT_SET_HUGEPAGES_FREE))
			continue;
		ct_buf_add(d->out, "    %-22s", ct_setting_name(id));
		if (id != CT_SET_HUGEPAGES || !f->setting[i].known) {
			ct_buf_add(d->out, "%s\n", ct_setting_text(f, id, text, sizeof(text)));
			continue;
		}
		for (size_t k = 0; k < f->nhugepages; k++)
			ct_buf_add(d->out, "%s%llu of %s", k > 0 ? ", " : "",
				(unsigned long long)f->hugepages[k].total,
				size_text(f->hugepages[k].bytes, size));
		ct_buf_add(d->out, "; free %s\n",
			ct_setting_text(f, CT_SET_HUGEPAGES_FREE, text, sizeof(text)));
	}
}

static void draw(struct drawing *d)
{
	const struct ct_facts *f = d->facts;
	hwloc_obj_t package = NULL;
	char text[256], size[32];

	ct_buf_add(d->out, "%s: %s (%s)\n",
		f->setting[CT_SET_HOSTNAME].known ? f->setting[CT_SET_HOSTNAME].text : "machine",
		f->setting[CT_SET_CPU_MODEL].known ? f->setting[CT_SET_CPU_MODEL].text :
						     "CPU model not told", f->source);
	ct_buf_add(d->out, "  %llu package%s, %llu NUMA node%s, %llu core%s, %llu PU%s, %s",
		(unsigned long long)f->packages, plural(f->packages),
		(unsigned long long)f->numa_nodes, plural(f->numa_nodes),
		(unsigned long long)f->cores, plural(f->cores), (unsigned long long)f->pus,
		plural(f->pus), size_text(f->memory_bytes, size));
	if (f->pus_allowed < f->pus)
		ct_buf_add(d->out, "; this process may use PUs %s",
			list_text(hwloc_topology_get_allowed_cpuset(d->topology), text,
				sizeof(text)));
	ct_buf_add(d->out, "\n");
	while ((package = hwloc_get_next_obj_by_type(d->topology, HWLOC_OBJ_PACKAGE, package)) !=
		NULL)
		draw_package(d, package, "  ");
	draw_package(d, NULL, "  ");
	draw_devices(d, CT_UNKNOWN, "  ");
	draw_ranks(d, UNBOUND, "  ", " (not bound)");
	draw_ranks(d, ACROSS, "  ", " (across NUMA nodes)");
	draw_ranks(d, OUTSIDE, "  ", " (not all on this machine)");
	draw_other_pci(d);
	draw_virtual(d);
	draw_settings(d);
}

ct_status ct_machine_tree(const struct ct_machine *machine, const struct ct_binding *bindings,
	size_t nbindings, struct ct_buf *out)
{
	struct drawing d = { &machine->facts, machine->topology, NULL, 0, out };
	ct_status status = CT_OK;

	d.bound = ct_alloc(nbindings, sizeof(*d.bound));
	if (d.bound == NULL)
		return CT_NOMEM;
	for (size_t i = 0; status == CT_OK && i < nbindings; i++)
		status = take_binding(&d, &bindings[i]);
	if (status == CT_OK) {
		draw(&d);
		status = ct_buf_status(out);
		if (status != CT_OK)
			status = ct_fail(CT_NOMEM, "no room for the machine's tree");
	}
	while (d.nbound > 0)
		hwloc_bitmap_free(d.bound[--d.nbound].cpus);
	ct_free(d.bound);
	return status;
}
