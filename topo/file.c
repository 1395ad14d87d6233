/* SPDX-License-Identifier: BSD-3-Clause */
/* Machine files, colltune-machine/1. The tables below say what a device has: the writer and the
 * reader walk the same rows, so neither can forget a field of the other. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"

#define SCHEMA "colltune-machine/1"

enum field_kind { TEXT, NAME /* may hold a MAC or GUID */, NUMBER, FLAG };

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset, room;
};

#define ROW(type, key, kind, member)                                                               \
	{ key, kind, offsetof(struct type, member), sizeof(((struct type *)0)->member) }
#define PCI_ROWS(type)                                                                             \
	ROW(type, "pci", TEXT, pci.address), ROW(type, "pci_id", TEXT, pci.id),                    \
	ROW(type, "pci_subsystem", TEXT, pci.subsystem),                                           \
	ROW(type, "pci_class", TEXT, pci.class_id), ROW(type, "numa", NUMBER, pci.numa),           \
	ROW(type, "pcie_MTs", NUMBER, pci.speed_MTs), ROW(type, "pcie_width", NUMBER, pci.width),  \
	ROW(type, "pcie_max_MTs", NUMBER, pci.max_speed_MTs),                                      \
	ROW(type, "pcie_max_width", NUMBER, pci.max_width),                                        \
	ROW(type, "max_read_bytes", NUMBER, pci.max_read_bytes),                                   \
	ROW(type, "max_payload_bytes", NUMBER, pci.max_payload_bytes),                             \
	ROW(type, "relaxed_ordering", NUMBER, pci.relaxed_ordering),                               \
	ROW(type, "iommu", TEXT, pci.iommu), ROW(type, "vf", NUMBER, pci.vf),                      \
	ROW(type, "vfs", NUMBER, pci.vfs), ROW(type, "vfs_most", NUMBER, pci.vfs_most),            \
	ROW(type, "irqs", NUMBER, pci.irqs), ROW(type, "irqs_far", NUMBER, pci.irqs_far)
#define END_ROW { NULL, TEXT, 0, 0 }

static const struct field nic_fields[] = {
	ROW(ct_nic, "name", NAME, name), ROW(ct_nic, "driver", TEXT, driver),
	ROW(ct_nic, "state", TEXT, state), ROW(ct_nic, "link", TEXT, link),
	ROW(ct_nic, "speed_Mbps", NUMBER, speed_Mbps), ROW(ct_nic, "mtu", NUMBER, mtu),
	ROW(ct_nic, "loopback", FLAG, loopback), ROW(ct_nic, "virtual", FLAG, is_virtual),
	ROW(ct_nic, "master", NAME, master), ROW(ct_nic, "bond", TEXT, bond),
	PCI_ROWS(ct_nic), END_ROW
};

static const struct field rdma_fields[] = {
	ROW(ct_rdma, "name", NAME, name), ROW(ct_rdma, "port", NUMBER, port),
	ROW(ct_rdma, "driver", TEXT, driver), ROW(ct_rdma, "netdev", NAME, netdev),
	ROW(ct_rdma, "state", TEXT, state), ROW(ct_rdma, "phys_state", TEXT, phys_state),
	ROW(ct_rdma, "link_layer", TEXT, link_layer), ROW(ct_rdma, "rate_Mbps", NUMBER, rate_Mbps),
	ROW(ct_rdma, "mtu", NUMBER, mtu), ROW(ct_rdma, "firmware", TEXT, firmware),
	ROW(ct_rdma, "board", TEXT, board), ROW(ct_rdma, "gids", TEXT, gids),
	PCI_ROWS(ct_rdma), END_ROW
};

static const struct field gpu_fields[] = {
	ROW(ct_gpu, "name", TEXT, name), ROW(ct_gpu, "model", TEXT, model),
	ROW(ct_gpu, "driver", TEXT, driver), ROW(ct_gpu, "bar_bytes", NUMBER, bar_bytes),
	ROW(ct_gpu, "bar_most_bytes", NUMBER, bar_most_bytes),
	ROW(ct_gpu, "nvlink", TEXT, nvlink), ROW(ct_gpu, "nvlink_MBs", NUMBER, nvlink_MBs),
	PCI_ROWS(ct_gpu), END_ROW
};

static const struct field bridge_fields[] = {
	PCI_ROWS(ct_bridge), ROW(ct_bridge, "acs", TEXT, acs), END_ROW
};

static const struct field nvme_fields[] = {
	ROW(ct_nvme, "name", TEXT, name), ROW(ct_nvme, "model", TEXT, model),
	ROW(ct_nvme, "firmware", TEXT, firmware), ROW(ct_nvme, "state", TEXT, state),
	PCI_ROWS(ct_nvme), END_ROW
};

static const struct field page_fields[] = {
	ROW(ct_hugepages, "bytes", NUMBER, bytes), ROW(ct_hugepages, "total", NUMBER, total),
	ROW(ct_hugepages, "free", NUMBER, free), END_ROW
};

enum { FIELDS_MOST = 48 };

/* A list of like things. The first field is its name or size, which must be there. */
struct list {
	const char *key;
	const struct field *fields;
	size_t bytes, most; /* of one row in memory; rows */
};

static const struct list page_list = { "hugepages", page_fields, sizeof(struct ct_hugepages),
	sizeof(((struct ct_facts *)0)->hugepages) / sizeof(struct ct_hugepages) };
static const struct list nic_list = { "nics", nic_fields, sizeof(struct ct_nic), 4096 };
static const struct list rdma_list = { "rdma", rdma_fields, sizeof(struct ct_rdma), 4096 };
static const struct list gpu_list = { "gpus", gpu_fields, sizeof(struct ct_gpu), 4096 };
static const struct list bridge_list = { "bridges", bridge_fields, sizeof(struct ct_bridge), 4096 };
static const struct list nvme_list = { "nvme", nvme_fields, sizeof(struct ct_nvme), 4096 };

static const char *const known_keys[] = { "schema", "source", "identify", "replaced", "settings",
	"hugepages", "nics", "rdma", "gpus", "bridges", "nvme", "hwloc_xml", NULL };

/* Writing. A failed jansson call gives NULL, and setting NULL fails: one check at the end. */

static json_t *number_json(uint64_t number)
{
	if (number == CT_UNKNOWN)
		return json_null();
	if (number == CT_UNLIMITED)
		return json_string("unlimited");
	return json_integer((json_int_t)number);
}

static json_t *field_json(const struct field *field, const char *row, bool identify)
{
	const char *at = row + field->offset;
	char name[128];

	if (field->kind == FLAG)
		return json_boolean(*(const bool *)at);
	if (field->kind == NUMBER)
		return number_json(*(const uint64_t *)at);
	if (at[0] == '\0')
		return json_null();
	snprintf(name, sizeof(name), "%s", at);
	if (field->kind == NAME && !identify)
		ct_hide_name(name);
	return json_string(name);
}

static json_t *rows_json(const struct list *list, const void *rows, size_t count, bool identify)
{
	json_t *array = json_array();
	int bad = array == NULL;

	for (size_t i = 0; i < count; i++) {
		json_t *object = json_object();

		for (const struct field *f = list->fields; f->name != NULL; f++)
			bad |= json_object_set_new(object, f->name,
				field_json(f, (const char *)rows + i * list->bytes, identify));
		bad |= json_array_append_new(array, object);
	}
	if (bad != 0) {
		json_decref(array);
		return NULL;
	}
	return array;
}

static json_t *settings_json(const struct ct_facts *facts)
{
	json_t *all = json_object();
	int bad = all == NULL;

	for (int i = 0; i < CT_NSETTINGS; i++) {
		const struct ct_setting *s = &facts->setting[i];
		json_t *one = json_object(), *value;

		if (!s->known || ct_setting_kinds[i] == CT_SETTING_TEXT)
			value = json_string(s->text);
		else if (ct_setting_kinds[i] == CT_SETTING_FLAG)
			value = json_boolean(s->number != 0);
		else
			value = number_json(s->number);
		bad |= json_object_set_new(one, s->known ? "value" : "unreadable", value);
		bad |= json_object_set_new(all, ct_setting_name((enum ct_setting_id)i), one);
	}
	if (bad != 0) {
		json_decref(all);
		return NULL;
	}
	return all;
}

/* hwloc's XML of the tree, without what identifies the machine unless IDENTIFY; the kinds replaced
 * are added to KINDS. */
static ct_status tree_xml(const struct ct_machine *machine, bool identify, json_t *kinds,
	json_t **xml)
{
	hwloc_topology_t topology = machine->topology;
	ct_status status = CT_OK;
	char *text = NULL;
	int bytes = 0;

	if (!identify && hwloc_topology_dup(&topology, machine->topology) != 0)
		return ct_fail(CT_NOMEM, "hwloc: no memory to copy the topology");
	if (!identify)
		status = ct_hide_topology(topology, kinds);
	if (status == CT_OK && hwloc_topology_export_xmlbuffer(topology, &text, &bytes, 0) != 0)
		status = ct_fail(CT_NOMEM, "hwloc: cannot write its XML");
	if (status == CT_OK) {
		*xml = json_string(text);
		if (*xml == NULL)
			status = ct_fail(CT_NOMEM, "no memory for hwloc's XML");
		hwloc_free_xmlbuffer(topology, text);
	}
	if (!identify)
		hwloc_topology_destroy(topology);
	return status;
}

ct_status ct_machine_xml(const struct ct_machine *machine, bool identify, char **text,
	size_t *bytes)
{
	json_t *kinds = json_array(), *xml = NULL;
	ct_status status = kinds == NULL ? ct_fail(CT_NOMEM, "no memory for hwloc's XML") :
					   tree_xml(machine, identify, kinds, &xml);
	char *out = NULL;

	if (status == CT_OK) {
		size_t n = json_string_length(xml);

		out = ct_alloc(n + 1, 1);
		status = out != NULL ? CT_OK : CT_NOMEM;
		if (status == CT_OK) {
			memcpy(out, json_string_value(xml), n + 1);
			*text = out;
			*bytes = n;
		}
	}
	json_decref(xml);
	json_decref(kinds);
	return status;
}

static json_t *whole_json(const struct ct_machine *machine, bool identify, json_t *xml,
	json_t *kinds)
{
	const struct ct_facts *f = &machine->facts;
	json_t *whole = json_object();
	int bad = 0;

	bad |= json_object_set_new(whole, "schema", json_string(SCHEMA));
	/* Whoever loads the file is on another machine, or at another time. */
	bad |= json_object_set_new(whole, "source", json_string(
		strcmp(f->source, "this machine") == 0 ? "recorded on the machine" : f->source));
	bad |= json_object_set_new(whole, "identify", json_boolean(identify));
	bad |= json_object_set(whole, "replaced", kinds);
	bad |= json_object_set_new(whole, "settings", settings_json(f));
	bad |= json_object_set_new(whole, "hugepages",
		rows_json(&page_list, f->hugepages, f->nhugepages, true));
	bad |= json_object_set_new(whole, "nics",
		rows_json(&nic_list, f->nics, f->nnics, identify));
	bad |= json_object_set_new(whole, "rdma",
		rows_json(&rdma_list, f->rdma, f->nrdma, identify));
	bad |= json_object_set_new(whole, "gpus",
		rows_json(&gpu_list, f->gpus, f->ngpus, identify));
	bad |= json_object_set_new(whole, "bridges",
		rows_json(&bridge_list, f->bridges, f->nbridges, identify));
	bad |= json_object_set_new(whole, "nvme",
		rows_json(&nvme_list, f->nvmes, f->nnvmes, identify));
	bad |= json_object_set(whole, "hwloc_xml", xml);
	if (bad != 0) {
		json_decref(whole);
		return NULL;
	}
	return whole;
}

ct_status ct_machine_text(const struct ct_machine *machine, bool identify, char **text,
	size_t *bytes)
{
	json_t *kinds = machine->replaced != NULL ? json_copy(machine->replaced) : json_array();
	json_t *xml = NULL, *whole = NULL;
	size_t size;
	char *out;
	ct_status status = kinds == NULL ? ct_fail(CT_NOMEM, "no memory for a machine file") :
					   tree_xml(machine, identify, kinds, &xml);

	if (status != CT_OK)
		goto free_kinds;
	status = CT_NOMEM;
	whole = whole_json(machine, identify, xml, kinds);
	if (whole == NULL) {
		ct_fail(CT_NOMEM, "no memory for a machine file");
		goto free_xml;
	}
	size = json_dumpb(whole, NULL, 0, JSON_INDENT(1));
	out = ct_alloc(size + 2, 1);
	if (out == NULL)
		goto free_whole;
	json_dumpb(whole, out, size, JSON_INDENT(1));
	out[size] = '\n';
	*text = out;
	*bytes = size + 1;
	status = CT_OK;
free_whole:
	json_decref(whole);
free_xml:
	json_decref(xml);
free_kinds:
	json_decref(kinds);
	return status;
}

ct_status ct_machine_save(const struct ct_machine *machine, const char *path, bool identify)
{
	char *text = NULL;
	size_t bytes = 0;
	ct_status status = ct_machine_text(machine, identify, &text, &bytes);

	if (status == CT_OK)
		status = ct_file_save(path, text, bytes, 0600);
	ct_free(text);
	return status;
}

/* Reading. FILE and POINTER say where for messages. */

struct place {
	const char *file;
	char pointer[96];
};

static ct_status take_number(const json_t *json, const struct place *at, const char *key,
	uint64_t *out)
{
	if (json == NULL || json_is_null(json)) {
		*out = CT_UNKNOWN;
		return CT_OK;
	}
	if (json_is_string(json) && strcmp(json_string_value(json), "unlimited") == 0) {
		*out = CT_UNLIMITED;
		return CT_OK;
	}
	if (!json_is_integer(json) || json_integer_value(json) < 0)
		return ct_fail(CT_INVALID, "%s: %s/%s: not a whole number, \"unlimited\" or null",
			at->file, at->pointer, key);
	*out = (uint64_t)json_integer_value(json);
	return CT_OK;
}

static ct_status take_text(const json_t *json, const struct place *at, const char *key, char *out,
	size_t room)
{
	out[0] = '\0';
	if (json == NULL || json_is_null(json))
		return CT_OK;
	if (!json_is_string(json))
		return ct_fail(CT_INVALID, "%s: %s/%s: not a text", at->file, at->pointer, key);
	if (json_string_length(json) >= room)
		return ct_fail(CT_INVALID, "%s: %s/%s: longer than %zu bytes", at->file, at->pointer,
			key, room - 1);
	ct_text_clean(out, room, json_string_value(json));
	return CT_OK;
}

static ct_status take_field(const json_t *object, const struct place *at,
	const struct field *field, char *row)
{
	const json_t *json = json_object_get(object, field->name);

	if (field->kind == NUMBER)
		return take_number(json, at, field->name, (uint64_t *)(row + field->offset));
	if (field->kind != FLAG)
		return take_text(json, at, field->name, row + field->offset, field->room);
	if (json != NULL && !json_is_boolean(json))
		return ct_fail(CT_INVALID, "%s: %s/%s: not true or false", at->file, at->pointer,
			field->name);
	*(bool *)(row + field->offset) = json_is_true(json);
	return CT_OK;
}

static ct_status take_row(const json_t *object, const struct place *at, const struct field *fields,
	char *row)
{
	const char *names[FIELDS_MOST + 1];
	size_t n = 0;
	ct_status status;

	for (const struct field *f = fields; f->name != NULL && n < FIELDS_MOST; f++)
		names[n++] = f->name;
	names[n] = NULL;
	status = ct_json_known(object, at->file, at->pointer, names);
	for (const struct field *f = fields; status == CT_OK && f->name != NULL; f++)
		status = take_field(object, at, f, row);
	return status;
}

/* *ROWS: *COUNT rows of LIST, freed by the caller, also after an error. */
static ct_status take_rows(const json_t *whole, const char *file, const struct list *list,
	void **rows, size_t *count)
{
	const json_t *array = json_object_get(whole, list->key);
	ct_status status = CT_OK;
	size_t n = json_array_size(array);
	char *row;

	if (!json_is_array(array))
		return ct_fail(CT_INVALID, "%s: /%s: %s", file, list->key,
			array == NULL ? "missing" : "not a list");
	if (n > list->most)
		return ct_fail(CT_INVALID, "%s: /%s: more than %zu entries", file, list->key,
			list->most);
	row = *rows = ct_alloc(n, list->bytes);
	if (row == NULL)
		return CT_NOMEM;
	for (size_t i = 0; status == CT_OK && i < n; i++, row += list->bytes) {
		struct place at = { file, "" };

		snprintf(at.pointer, sizeof(at.pointer), "/%s/%zu", list->key, i);
		status = take_row(json_array_get(array, i), &at, list->fields, row);
		if (status == CT_OK && json_is_null(json_object_get(json_array_get(array, i),
				list->fields[0].name)))
			status = ct_fail(CT_INVALID, "%s: %s/%s: missing", file, at.pointer,
				list->fields[0].name);
	}
	*count = n;
	return status;
}

static ct_status take_devices(const json_t *whole, const char *file, struct ct_facts *f)
{
	void *pages = NULL, *nics = NULL, *rdma = NULL, *gpus = NULL, *bridges = NULL, *nvmes = NULL;
	ct_status status = take_rows(whole, file, &page_list, &pages, &f->nhugepages);

	if (status == CT_OK && f->nhugepages > 0)
		memcpy(f->hugepages, pages, f->nhugepages * sizeof(f->hugepages[0]));
	if (status == CT_OK)
		status = take_rows(whole, file, &nic_list, &nics, &f->nnics);
	if (status == CT_OK)
		status = take_rows(whole, file, &rdma_list, &rdma, &f->nrdma);
	if (status == CT_OK)
		status = take_rows(whole, file, &gpu_list, &gpus, &f->ngpus);
	/* Files from before these were known lack them. */
	if (status == CT_OK && json_object_get(whole, bridge_list.key) != NULL)
		status = take_rows(whole, file, &bridge_list, &bridges, &f->nbridges);
	if (status == CT_OK && json_object_get(whole, nvme_list.key) != NULL)
		status = take_rows(whole, file, &nvme_list, &nvmes, &f->nnvmes);
	ct_free(pages);
	f->nics = nics;
	f->rdma = rdma;
	f->gpus = gpus;
	f->bridges = bridges;
	f->nvmes = nvmes;
	return status;
}

static ct_status take_value(const json_t *value, const struct place *at, int id,
	struct ct_setting *s)
{
	s->known = true;
	if (json_is_null(value))
		return ct_fail(CT_INVALID, "%s: %s/value: null (what is not known is "
			"\"unreadable\")", at->file, at->pointer);
	if (ct_setting_kinds[id] == CT_SETTING_TEXT)
		return take_text(value, at, "value", s->text, sizeof(s->text));
	if (ct_setting_kinds[id] != CT_SETTING_FLAG)
		return take_number(value, at, "value", &s->number);
	if (!json_is_boolean(value))
		return ct_fail(CT_INVALID, "%s: %s/value: not true or false", at->file, at->pointer);
	s->number = json_is_true(value);
	return CT_OK;
}

static ct_status take_setting(const json_t *json, const struct place *at, int id,
	struct ct_setting *s)
{
	static const char *const known[] = { "value", "unreadable", NULL };
	const json_t *value = json_object_get(json, "value");
	const json_t *why = json_object_get(json, "unreadable");
	ct_status status = ct_json_known(json, at->file, at->pointer, known);

	if (status != CT_OK)
		return status;
	if ((value != NULL) == (why != NULL))
		return ct_fail(CT_INVALID, "%s: %s: needs \"value\" or \"unreadable\"", at->file,
			at->pointer);
	if (value != NULL)
		return take_value(value, at, id, s);
	s->known = false;
	s->number = CT_UNKNOWN;
	return take_text(why, at, "unreadable", s->text, sizeof(s->text));
}

static ct_status take_settings(const json_t *whole, const char *file, struct ct_facts *facts)
{
	const json_t *all = json_object_get(whole, "settings");
	const char *known[CT_NSETTINGS + 1];
	ct_status status;

	for (int i = 0; i < CT_NSETTINGS; i++)
		known[i] = ct_setting_name((enum ct_setting_id)i);
	known[CT_NSETTINGS] = NULL;
	if (all == NULL)
		return ct_fail(CT_INVALID, "%s: /settings: missing", file);
	status = ct_json_known(all, file, "/settings", known);
	for (int i = 0; status == CT_OK && i < CT_NSETTINGS; i++) {
		struct ct_setting *s = &facts->setting[i];
		const json_t *one = json_object_get(all, known[i]);
		struct place at = { file, "" };

		snprintf(at.pointer, sizeof(at.pointer), "/settings/%s", known[i]);
		if (one != NULL) {
			status = take_setting(one, &at, i, s);
		} else { /* saved before this setting was known */
			s->number = CT_UNKNOWN;
			snprintf(s->text, sizeof(s->text), "not in this machine file");
		}
	}
	return status;
}

static ct_status take_schema(const json_t *whole, const char *file)
{
	const char *schema = NULL;
	ct_status status;

	/* Before unknown keys are looked for: a file of another kind has nothing but these. */
	if (!json_is_object(whole))
		return ct_fail(CT_INVALID, "%s: not an object, so no %s", file, SCHEMA);
	status = ct_json_text(whole, "schema", file, "", &schema);
	if (status == CT_OK && strcmp(schema, SCHEMA) != 0)
		return ct_fail(CT_INVALID, "%s: /schema: \"%s\" is not \"%s\"", file, schema,
			SCHEMA);
	return status == CT_OK ? ct_json_known(whole, file, "", known_keys) : status;
}

static ct_status take_replaced(const json_t *whole, const char *file, struct ct_machine *machine)
{
	json_t *kinds = json_object_get(whole, "replaced");
	size_t n = json_array_size(kinds);

	if (kinds == NULL)
		return CT_OK;
	if (!json_is_array(kinds) || n > 1000)
		return ct_fail(CT_INVALID, "%s: /replaced: not a list of at most 1000 texts", file);
	for (size_t i = 0; i < n; i++) {
		if (!json_is_string(json_array_get(kinds, i)))
			return ct_fail(CT_INVALID, "%s: /replaced/%zu: not a text", file, i);
	}
	machine->replaced = json_incref(kinds);
	return CT_OK;
}

static ct_status take_machine(const json_t *whole, const char *file, struct ct_machine *machine)
{
	struct place top = { file, "" };
	const char *xml = NULL;
	ct_status status = take_schema(whole, file);

	if (status == CT_OK)
		status = take_text(json_object_get(whole, "source"), &top, "source",
			machine->facts.source, sizeof(machine->facts.source));
	if (strcmp(machine->facts.source, "this machine") == 0) /* as older ones say */
		snprintf(machine->facts.source, sizeof(machine->facts.source),
			"recorded on the machine");
	if (status == CT_OK)
		status = take_replaced(whole, file, machine);
	if (status == CT_OK)
		status = take_settings(whole, file, &machine->facts);
	if (status == CT_OK)
		status = take_devices(whole, file, &machine->facts);
	if (status == CT_OK)
		status = ct_json_text(whole, "hwloc_xml", file, "", &xml);
	if (status == CT_OK) {
		char at[512];

		snprintf(at, sizeof(at), "%s: /hwloc_xml", file);
		status = ct_node_load(machine, xml, strlen(xml), at);
	}
	return status;
}

static ct_status from_json(const json_t *whole, const char *file, struct ct_machine **machine)
{
	struct ct_machine *made = ct_machine_new();
	ct_status status = made != NULL ? take_machine(whole, file, made) : CT_NOMEM;

	if (status != CT_OK) {
		ct_machine_free(made);
		return status;
	}
	ct_node_counts(made);
	*machine = made;
	return CT_OK;
}

ct_status ct_machine_parse(const char *text, size_t bytes, const char *name,
	struct ct_machine **machine)
{
	json_t *whole = NULL;
	ct_status status;

	if (bytes > CT_MACHINE_LIMIT)
		return ct_fail(CT_INVALID, "%s: %zu bytes, more than %zu", name, bytes,
			CT_MACHINE_LIMIT);
	status = ct_json_parse(text, bytes, name, &whole);
	if (status == CT_OK)
		status = from_json(whole, name, machine);
	json_decref(whole);
	return status;
}

ct_status ct_machine_load(const char *path, struct ct_machine **machine)
{
	json_t *whole = NULL;
	ct_status status = ct_json_load(path, CT_MACHINE_LIMIT, &whole);

	if (status == CT_OK)
		status = from_json(whole, path, machine);
	json_decref(whole);
	return status;
}
