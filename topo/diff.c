/* SPDX-License-Identifier: BSD-3-Clause */
/* Two machines side by side: what is read from their files' form, which has every fact by name,
 * and hwloc's trees walked in step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum { PATH_ROOM = sizeof(((struct ct_difference *)0)->path) };

struct side {
	const struct ct_machine *machine;
	struct ct_machine *own; /* without addresses, when the other has none */
	json_t *json;
};

struct comparison {
	struct side a, b;
	struct ct_diff *diff;
	bool bad; /* no memory */
};

static void report(struct comparison *c, enum ct_difference_kind kind, const char *path,
	const char *a, const char *b)
{
	struct ct_diff *d = c->diff;
	struct ct_difference *more = ct_realloc(d->rows, d->nrows + 1, sizeof(*more));

	if (more == NULL) {
		c->bad = true;
		return;
	}
	d->rows = more;
	more += d->nrows++;
	d->count[kind]++;
	more->kind = kind;
	ct_text_clean(more->path, sizeof(more->path), path);
	ct_text_clean(more->a, sizeof(more->a), a);
	ct_text_clean(more->b, sizeof(more->b), b);
}

static void report_texts(struct comparison *c, enum ct_difference_kind kind, const char *path,
	const char *a, const char *b)
{
	if (strcmp(a, b) != 0)
		report(c, kind, path, a, b);
}

static void report_numbers(struct comparison *c, enum ct_difference_kind kind, const char *path,
	uint64_t a, uint64_t b)
{
	char left[24], right[24];

	snprintf(left, sizeof(left), "%llu", (unsigned long long)a);
	snprintf(right, sizeof(right), "%llu", (unsigned long long)b);
	report_texts(c, kind, path, left, right);
}

static const char *value_text(const json_t *value, char *out, size_t room)
{
	if (json_is_string(value))
		snprintf(out, room, "%s", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(out, room, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		snprintf(out, room, "%s", json_is_true(value) ? "yes" : "no");
	else
		snprintf(out, room, "not known");
	return out;
}

static bool among(const char *const *list, const char *name)
{
	for (; *list != NULL; list++) {
		if (strcmp(*list, name) == 0)
			return true;
	}
	return false;
}

/* What the machine's hash counts is class; an idle GPU slows its link down. */
static enum ct_difference_kind field_kind(const char *list, const char *field)
{
	static const char *const names[] = { "name", "netdev", "pci", NULL };
	static const char *const class[] = { "pci_id", "pci_subsystem", "pci_class", "numa",
		"pcie_max_MTs", "pcie_max_width", "model", "link", "link_layer", "port", "virtual",
		"loopback", "speed_Mbps", "rate_Mbps", NULL };

	if (among(names, field))
		return CT_DIFF_NAME;
	if ((strcmp(list, "gpus") == 0 && strcmp(field, "pcie_MTs") == 0) ||
	    strcmp(field, "free") == 0)
		return CT_DIFF_MOMENT;
	return among(class, field) ? CT_DIFF_CLASS : CT_DIFF_SETTING;
}

/* Interfaces of containers come and go with random names. */
static enum ct_difference_kind row_kind(const char *list, const json_t *row)
{
	static const char *const passing[] = { "veth", "cali", "lxc", "tap", NULL };
	const char *name = json_string_value(json_object_get(row, "name"));

	for (size_t i = 0; name != NULL && passing[i] != NULL; i++) {
		if (json_is_true(json_object_get(row, "virtual")) &&
		    strncmp(name, passing[i], strlen(passing[i])) == 0)
			return CT_DIFF_MOMENT;
	}
	if (strcmp(list, "hugepages") == 0 || json_is_true(json_object_get(row, "virtual")))
		return CT_DIFF_SETTING;
	return CT_DIFF_CLASS;
}

/* The rows of a list by where they sit, which is what two nodes share; by name without a place. */
static json_t *rows_by_place(const json_t *rows)
{
	json_t *all = json_object(), *row;
	char place[128], number[32];
	int bad = all == NULL;
	size_t i;

	json_array_foreach(rows, i, row) {
		const char *pci = json_string_value(json_object_get(row, "pci"));
		const char *name = json_string_value(json_object_get(row, "name"));
		const json_t *port = json_object_get(row, "port");
		size_t n;

		if (json_is_integer(json_object_get(row, "bytes")))
			name = value_text(json_object_get(row, "bytes"), number, sizeof(number));
		snprintf(place, sizeof(place) - 16, "%s", pci != NULL ? pci : name != NULL ? name : "");
		n = strlen(place);
		if (json_is_integer(port))
			n += (size_t)snprintf(place + n, sizeof(place) - n, ":%lld",
				(long long)json_integer_value(port));
		for (unsigned int k = 2; json_object_get(all, place) != NULL; k++)
			snprintf(place + n, sizeof(place) - n, "#%u", k);
		bad |= json_object_set(all, place, row);
	}
	if (bad != 0) {
		json_decref(all);
		return NULL;
	}
	return all;
}

static void compare_row(struct comparison *c, const char *list, const char *place, json_t *a,
	const json_t *b)
{
	char path[PATH_ROOM], left[192], right[192];
	const char *field;
	json_t *value;

	json_object_foreach(a, field, value) {
		snprintf(path, sizeof(path), "/%s/%s/%s", list, place, field);
		report_texts(c, field_kind(list, field), path,
			value_text(value, left, sizeof(left)),
			value_text(json_object_get(b, field), right, sizeof(right)));
	}
}

static const char *row_name(const json_t *row, char *out, size_t room)
{
	const json_t *name = json_object_get(row, "name");

	return value_text(name != NULL ? name : json_object_get(row, "total"), out, room);
}

static void compare_list(struct comparison *c, const char *list)
{
	json_t *a = rows_by_place(json_object_get(c->a.json, list));
	json_t *b = rows_by_place(json_object_get(c->b.json, list));
	char path[PATH_ROOM], name[192];
	const char *place;
	json_t *row;

	c->bad |= a == NULL || b == NULL;
	json_object_foreach(a, place, row) {
		const json_t *other = json_object_get(b, place);

		snprintf(path, sizeof(path), "/%s/%s", list, place);
		if (other != NULL)
			compare_row(c, list, place, row, other);
		else
			report(c, row_kind(list, row), path, row_name(row, name, sizeof(name)),
				"not there");
	}
	json_object_foreach(b, place, row) {
		snprintf(path, sizeof(path), "/%s/%s", list, place);
		if (json_object_get(a, place) == NULL)
			report(c, row_kind(list, row), path, "not there",
				row_name(row, name, sizeof(name)));
	}
	json_decref(a);
	json_decref(b);
}

static void compare_settings(struct comparison *c)
{
	const struct ct_facts *a = &c->a.machine->facts, *b = &c->b.machine->facts;

	for (int i = 0; i < CT_NSETTINGS; i++) {
		enum ct_setting_id id = (enum ct_setting_id)i;
		enum ct_difference_kind kind = CT_DIFF_SETTING;
		bool known = a->setting[i].known && b->setting[i].known;
		char path[PATH_ROOM], left[256], right[256];

		/* Both unknown is no difference, whatever the reasons; numbers of devices and of huge
		 * pages follow from the lists. */
		if ((!a->setting[i].known && !b->setting[i].known) || (known &&
		    (id == CT_SET_NICS || id == CT_SET_RDMA || id == CT_SET_HUGEPAGES)))
			continue;
		if (id == CT_SET_HOSTNAME)
			kind = CT_DIFF_NAME;
		else if (id == CT_SET_CPU_MODEL)
			kind = CT_DIFF_CLASS;
		else if (id == CT_SET_HUGEPAGES_FREE)
			kind = CT_DIFF_MOMENT;
		snprintf(path, sizeof(path), "/settings/%s", ct_setting_name(id));
		report_texts(c, kind, path, ct_setting_text(a, id, left, sizeof(left)),
			ct_setting_text(b, id, right, sizeof(right)));
	}
}

/* Attributes that say how the file was made, or what is a fact of its own. */
static bool info_skipped(const char *name)
{
	static const char *const skipped[] = { "HostName", "OSName", "OSRelease", "OSVersion",
		"hwlocVersion", "ProcessName", "Backend", "LinuxCgroup", "LinuxDeviceID", "CPUModel",
		"GPUModel", "SyntheticDescription", NULL };
	const char *state = strstr(name, "State");

	return among(skipped, name) || (strncmp(name, "Port", 4) == 0 && state != NULL);
}

static enum ct_difference_kind info_kind(const char *name)
{
	static const char *const class[] = { "Architecture", "Model", "Vendor", "Size", NULL };

	return strncmp(name, "CPU", 3) == 0 || among(class, name) ? CT_DIFF_CLASS : CT_DIFF_SETTING;
}

static void compare_infos(struct comparison *c, hwloc_obj_t a, hwloc_obj_t b, const char *path)
{
	char at[PATH_ROOM];

	for (unsigned int i = 0; i < a->infos_count; i++) {
		const struct hwloc_info_s *info = &a->infos[i];
		const char *other = hwloc_obj_get_info_by_name(b, info->name);

		if (info_skipped(info->name))
			continue;
		snprintf(at, sizeof(at), "%.90s/%.60s", path, info->name);
		if (other == NULL)
			report(c, info_kind(info->name), at, info->value, "not there");
		else
			report_texts(c, ct_hide_wanted(info->name, info->value) ? CT_DIFF_NAME :
				info_kind(info->name), at, info->value, other);
	}
	for (unsigned int i = 0; i < b->infos_count; i++) {
		const struct hwloc_info_s *info = &b->infos[i];

		snprintf(at, sizeof(at), "%.90s/%.60s", path, info->name);
		if (!info_skipped(info->name) && hwloc_obj_get_info_by_name(a, info->name) == NULL)
			report(c, info_kind(info->name), at, "not there", info->value);
	}
}

static void compare_object(struct comparison *c, hwloc_obj_t a, hwloc_obj_t b, const char *path)
{
	char at[PATH_ROOM], left[96], right[96];

	if (hwloc_obj_type_is_cache(a->type)) {
		snprintf(at, sizeof(at), "%.150s/bytes", path);
		report_numbers(c, CT_DIFF_CLASS, at, a->attr->cache.size, b->attr->cache.size);
	}
	if (a->type == HWLOC_OBJ_NUMANODE) {
		uint64_t x = a->attr->numanode.local_memory, y = b->attr->numanode.local_memory;
		uint64_t apart = x > y ? x - y : y - x;

		/* What the kernel keeps for itself differs a little from boot to boot. */
		snprintf(at, sizeof(at), "%.150s/bytes", path);
		report_numbers(c, apart > x / 50 ? CT_DIFF_CLASS : CT_DIFF_MOMENT, at, x, y);
	}
	if (a->type == HWLOC_OBJ_NUMANODE || a->type == HWLOC_OBJ_PACKAGE) {
		hwloc_bitmap_list_snprintf(left, sizeof(left), a->cpuset);
		hwloc_bitmap_list_snprintf(right, sizeof(right), b->cpuset);
		snprintf(at, sizeof(at), "%.150s/cpus", path);
		report_texts(c, CT_DIFF_CLASS, at, left, right);
	}
	compare_infos(c, a, b, path);
}

/* Objects of one kind side by side, by their order. */
static void compare_type(struct comparison *c, hwloc_obj_type_t type)
{
	hwloc_topology_t ta = c->a.machine->topology, tb = c->b.machine->topology;
	int na = hwloc_get_nbobjs_by_type(ta, type), nb = hwloc_get_nbobjs_by_type(tb, type);
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "/tree/%s", hwloc_obj_type_string(type));
	report_numbers(c, CT_DIFF_CLASS, path, na > 0 ? (uint64_t)na : 0, nb > 0 ? (uint64_t)nb : 0);
	/* By their order they are not the same ones. */
	for (int i = 0; na == nb && i < na; i++) {
		snprintf(path, sizeof(path), "/tree/%s/%d", hwloc_obj_type_string(type), i);
		compare_object(c, hwloc_get_obj_by_type(ta, type, (unsigned int)i),
			hwloc_get_obj_by_type(tb, type, (unsigned int)i), path);
	}
}

static bool is_listed(const struct ct_facts *f, const char *address)
{
	for (size_t i = 0; i < f->nnics; i++)
		if (strcmp(f->nics[i].pci.address, address) == 0)
			return true;
	for (size_t i = 0; i < f->nrdma; i++)
		if (strcmp(f->rdma[i].pci.address, address) == 0)
			return true;
	for (size_t i = 0; i < f->ngpus; i++)
		if (strcmp(f->gpus[i].pci.address, address) == 0)
			return true;
	return false;
}

static hwloc_obj_t device_at(hwloc_topology_t t, const struct hwloc_pcidev_attr_s *at)
{
	return hwloc_get_pcidev_by_busid(t, at->domain, at->bus, at->dev, at->func);
}

/* The nth operating system device of one kind below a PCI device. */
static void compare_functions(struct comparison *c, hwloc_obj_t a, hwloc_obj_t b, const char *path)
{
	hwloc_obj_t y = b->io_first_child;
	char at[PATH_ROOM];

	for (hwloc_obj_t x = a->io_first_child; x != NULL; x = x->next_sibling) {
		while (y != NULL && (y->type != x->type ||
			y->attr->osdev.type != x->attr->osdev.type))
			y = y->next_sibling;
		if (y == NULL)
			return; /* network and RDMA devices are rows of their own */
		snprintf(at, sizeof(at), "%.90s/%.60s", path, x->name != NULL ? x->name : "device");
		compare_infos(c, x, y, at);
		y = y->next_sibling;
	}
}

static void compare_pci(struct comparison *c)
{
	hwloc_topology_t ta = c->a.machine->topology, tb = c->b.machine->topology;
	hwloc_obj_t device = NULL, other;
	char path[PATH_ROOM];
	struct ct_pci pci, twin;

	while ((device = hwloc_get_next_pcidev(ta, device)) != NULL) {
		bool listed;

		ct_node_pci(ta, device, &pci);
		listed = is_listed(&c->a.machine->facts, pci.address);
		other = device_at(tb, &device->attr->pcidev);
		snprintf(path, sizeof(path), "/pci/%s", pci.address);
		if (other == NULL) {
			if (!listed)
				report(c, CT_DIFF_CLASS, path, pci.id, "not there");
			continue;
		}
		ct_node_pci(tb, other, &twin);
		if (!listed)
			report_texts(c, CT_DIFF_CLASS, path, pci.id, twin.id);
		compare_functions(c, device, other, path);
	}
	while ((device = hwloc_get_next_pcidev(tb, device)) != NULL) {
		ct_node_pci(tb, device, &pci);
		snprintf(path, sizeof(path), "/pci/%s", pci.address);
		if (device_at(ta, &device->attr->pcidev) == NULL &&
		    !is_listed(&c->b.machine->facts, pci.address))
			report(c, CT_DIFF_CLASS, path, "not there", pci.id);
	}
}

static void compare(struct comparison *c)
{
	static const hwloc_obj_type_t types[] = { HWLOC_OBJ_PACKAGE, HWLOC_OBJ_NUMANODE,
		HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L1CACHE, HWLOC_OBJ_CORE,
		HWLOC_OBJ_PU };

	compare_infos(c, hwloc_get_root_obj(c->a.machine->topology),
		hwloc_get_root_obj(c->b.machine->topology), "/tree");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		compare_type(c, types[i]);
	compare_list(c, "gpus");
	compare_list(c, "rdma");
	compare_list(c, "nics");
	compare_list(c, "nvme");
	compare_list(c, "bridges");
	compare_pci(c);
	compare_settings(c);
	compare_list(c, "hugepages");
}

static ct_status open_side(struct side *side, const struct ct_machine *machine, bool hide)
{
	char *text = NULL;
	size_t bytes = 0;
	ct_status status = ct_machine_text(machine, !hide, &text, &bytes);

	side->machine = machine;
	if (status == CT_OK)
		status = ct_json_parse(text, bytes, "machine", &side->json);
	if (status == CT_OK && hide) {
		status = ct_machine_parse(text, bytes, "machine", &side->own);
		side->machine = side->own;
	}
	ct_free(text);
	return status;
}

static void close_side(struct side *side)
{
	json_decref(side->json);
	ct_machine_free(side->own);
}

ct_status ct_machine_diff(const struct ct_machine *a, const struct ct_machine *b,
	struct ct_diff *diff)
{
	struct ct_diff made = { .nrows = 0 };
	struct comparison c = { .diff = &made };
	/* Where one side had its addresses replaced, the other's are no difference. */
	bool hide = json_array_size(a->replaced) > 0 || json_array_size(b->replaced) > 0;
	ct_status status = open_side(&c.a, a, hide);

	if (status == CT_OK)
		status = open_side(&c.b, b, hide);
	if (status == CT_OK)
		compare(&c);
	if (status == CT_OK && c.bad)
		status = ct_fail(CT_NOMEM, "no memory to compare two machines");
	close_side(&c.a);
	close_side(&c.b);
	if (status == CT_OK)
		*diff = made;
	else
		ct_diff_free(&made);
	return status;
}

void ct_diff_free(struct ct_diff *diff)
{
	ct_free(diff->rows);
	memset(diff, 0, sizeof(*diff));
}

const char *ct_difference_name(enum ct_difference_kind kind)
{
	static const char *const names[CT_NDIFFS] = { "class", "settings", "names", "moment" };

	return names[kind];
}
