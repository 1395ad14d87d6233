/* SPDX-License-Identifier: BSD-3-Clause */
/* Fabric files, colltune-fabric/1: docs/formats.md. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fabric.h"
#include "machine.h"

#define SCHEMA "colltune-fabric/1"

static const char *const link_names[] = { "infiniband", "ethernet", NULL };
static const char *const type_names[] = { "hca", "switch", "router", NULL };
static const char *const state_names[] = { "unknown", "down", "init", "armed", "active", NULL };

/* ---- writing --------------------------------------------------------------------------------- */
/* A failed jansson call gives NULL, and setting NULL fails: one check at the end. */

static int set_number(json_t *object, const char *key, uint64_t value)
{
	return value == 0 ? 0 : json_object_set_new(object, key, json_integer((json_int_t)value));
}

static int set_text(json_t *object, const char *key, const char *text)
{
	return text[0] == '\0' ? 0 : json_object_set_new(object, key, json_string(text));
}

static json_t *errors_json(const struct ct_fabric_port *port)
{
	json_t *errors = json_object();
	int bad = errors == NULL;

	for (int e = 0; e < CT_NFABRIC_ERRORS; e++)
		if (port->errors[e] != CT_UNKNOWN)
			bad |= json_object_set_new(errors, ct_fabric_error_name(e),
				json_integer((json_int_t)port->errors[e]));
	if (bad != 0) {
		json_decref(errors);
		return NULL;
	}
	return errors;
}

/* What is 0, "" or not known is left out; the reader gives it back. */
static json_t *port_json(const struct ct_fabric *f, uint32_t index)
{
	const struct ct_fabric_port *port = &f->ports[index];
	json_t *o = json_object();
	int bad = o == NULL;
	bool read = false;

	bad |= set_number(o, "port", port->number);
	bad |= set_text(o, "name", port->name);
	bad |= json_object_set_new(o, "state", json_string(state_names[port->state]));
	bad |= set_number(o, "lid", port->lid);
	bad |= set_number(o, "lanes", port->lanes);
	bad |= set_number(o, "lanes_on", port->lanes_on);
	bad |= set_number(o, "lanes_can", port->lanes_can);
	bad |= set_number(o, "lane_Mbps", port->lane_Mbps);
	bad |= set_number(o, "lane_on_Mbps", port->lane_on_Mbps);
	bad |= set_number(o, "lane_can_Mbps", port->lane_can_Mbps);
	if (port->peer != CT_FABRIC_NONE)
		bad |= json_object_set_new(o, "to", json_pack("[i, i]",
			(int)f->ports[port->peer].node, (int)f->ports[port->peer].number));
	for (int e = 0; e < CT_NFABRIC_ERRORS; e++)
		read |= port->errors[e] != CT_UNKNOWN;
	if (read)
		bad |= json_object_set_new(o, "errors", errors_json(port));
	if (bad != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* Two hexadecimal digits a LID. */
static json_t *table_json(const struct ct_fabric_node *node)
{
	static const char digits[] = "0123456789abcdef";
	char *text = ct_alloc(2 * (size_t)node->ntable + 1, 1);
	json_t *json = NULL;

	if (text == NULL)
		return NULL;
	for (uint32_t i = 0; i < node->ntable; i++) {
		text[2 * i] = digits[node->table[i] >> 4];
		text[2 * i + 1] = digits[node->table[i] & 15];
	}
	json = json_string(text);
	ct_free(text);
	return json;
}

static json_t *node_json(const struct ct_fabric *f, uint32_t index, bool identify)
{
	const struct ct_fabric_node *node = &f->nodes[index];
	json_t *o = json_object(), *ports = json_array();
	char text[CT_FABRIC_NAME];
	int bad = o == NULL || ports == NULL;

	snprintf(text, sizeof(text), "%s", node->name);
	if (!identify && (ct_hide_wanted("", text) || ct_hide_name(text)))
		snprintf(text, sizeof(text), "%s-%u", type_names[node->type], index);
	bad |= json_object_set_new(o, "name", json_string(text));
	bad |= json_object_set_new(o, "type", json_string(type_names[node->type]));
	if (identify && node->guid != 0) {
		snprintf(text, sizeof(text), "0x%016" PRIx64, node->guid);
		bad |= json_object_set_new(o, "guid", json_string(text));
	}
	bad |= set_number(o, "lid", node->lid);
	if (node->table != NULL)
		bad |= json_object_set_new(o, "routes", table_json(node));
	for (uint32_t p = 0; p < node->nports; p++)
		bad |= json_array_append_new(ports, port_json(f, node->first + p));
	bad |= json_object_set(o, "ports", ports);
	json_decref(ports);
	if (bad != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

ct_status ct_fabric_json(const struct ct_fabric *f, bool identify, json_t **json)
{
	json_t *whole = json_object(), *nodes = json_array();
	int bad = whole == NULL || nodes == NULL;

	bad |= json_object_set_new(whole, "schema", json_string(SCHEMA));
	bad |= json_object_set_new(whole, "link", json_string(link_names[f->link]));
	bad |= json_object_set_new(whole, "source", json_string(f->source));
	bad |= json_object_set_new(whole, "declared", json_boolean(f->declared));
	bad |= json_object_set_new(whole, "identify", json_boolean(identify));
	bad |= set_text(whole, "partial", f->partial);
	for (uint32_t i = 0; i < f->nnodes; i++)
		bad |= json_array_append_new(nodes, node_json(f, i, identify));
	bad |= json_object_set(whole, "nodes", nodes);
	json_decref(nodes);
	if (bad != 0) {
		json_decref(whole);
		return ct_fail(CT_NOMEM, "no memory to write the fabric");
	}
	*json = whole;
	return CT_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

enum { LANE_MOST = 10000000 }; /* Mbit/s */

struct reading {
	struct ct_fabric *fabric;
	const char *file;
	char pointer[64];
};

/* The value of key KEY as an index into NAMES. */
static ct_status read_word(const struct reading *r, const json_t *object, const char *key,
	const char *const *names, int *out)
{
	const char *text = NULL;
	char hint[256];
	ct_status status = ct_json_text(object, key, r->file, r->pointer, &text);

	if (status != CT_OK)
		return status;
	for (int i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], text) != 0)
			continue;
		*out = i;
		return CT_OK;
	}
	return ct_fail(CT_INVALID, "%s: %s/%s: unknown word%s", r->file, r->pointer, key,
		ct_name_hint(text, names, hint));
}

static ct_status read_u32(const struct reading *r, const json_t *object, const char *key,
	uint32_t most, uint32_t *out)
{
	uint64_t value = 0;
	ct_status status;

	if (json_object_get(object, key) == NULL)
		return CT_OK;
	status = ct_json_u64(object, key, r->file, r->pointer, 0, most, &value);
	if (status == CT_OK)
		*out = (uint32_t)value;
	return status;
}

static ct_status read_short(const struct reading *r, const json_t *object, const char *key,
	char *out, size_t room)
{
	const char *text = NULL;
	ct_status status;

	if (json_object_get(object, key) == NULL)
		return CT_OK;
	status = ct_json_text(object, key, r->file, r->pointer, &text);
	if (status == CT_OK)
		ct_text_clean(out, room, text);
	return status;
}

static ct_status read_errors(struct reading *r, const json_t *errors, struct ct_fabric_port *port)
{
	const char *known[CT_NFABRIC_ERRORS + 1];
	char *end = r->pointer + strlen(r->pointer);
	ct_status status;

	if (errors == NULL)
		return CT_OK;
	for (int e = 0; e < CT_NFABRIC_ERRORS; e++)
		known[e] = ct_fabric_error_name(e);
	known[CT_NFABRIC_ERRORS] = NULL;
	strcat(r->pointer, "/errors");
	status = ct_json_known(errors, r->file, r->pointer, known);
	for (int e = 0; status == CT_OK && e < CT_NFABRIC_ERRORS; e++)
		if (json_object_get(errors, known[e]) != NULL)
			status = ct_json_u64(errors, known[e], r->file, r->pointer, 0, INT64_MAX,
				&port->errors[e]);
	*end = '\0';
	return status;
}

/* All of port NUMBER of NODE but its cable. */
static ct_status read_port(struct reading *r, const json_t *object, uint32_t node, uint32_t number)
{
	static const char *const known[] = { "port", "name", "state", "lid", "lanes", "lanes_on",
		"lanes_can", "lane_Mbps", "lane_on_Mbps", "lane_can_Mbps", "to", "errors", NULL };
	struct ct_fabric_port *port =
		&r->fabric->ports[r->fabric->nodes[node].first + number - 1];
	const struct {
		const char *key;
		uint32_t most, *at;
	} numbers[] = { { "lid", 0xffff, &port->lid }, { "lanes", 64, &port->lanes },
		{ "lanes_on", 64, &port->lanes_on }, { "lanes_can", 64, &port->lanes_can },
		{ "lane_Mbps", LANE_MOST, &port->lane_Mbps },
		{ "lane_on_Mbps", LANE_MOST, &port->lane_on_Mbps },
		{ "lane_can_Mbps", LANE_MOST, &port->lane_can_Mbps } };
	uint64_t told = 0;
	int state = 0;
	ct_status s = ct_json_known(object, r->file, r->pointer, known);

	if (s == CT_OK)
		s = ct_json_u64(object, "port", r->file, r->pointer, number, number, &told);
	if (s == CT_OK)
		s = read_short(r, object, "name", port->name, sizeof(port->name));
	if (s == CT_OK)
		s = read_word(r, object, "state", state_names, &state);
	port->state = (enum ct_fabric_state)state;
	for (size_t i = 0; s == CT_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		s = read_u32(r, object, numbers[i].key, numbers[i].most, numbers[i].at);
	return s == CT_OK ? read_errors(r, json_object_get(object, "errors"), port) : s;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static ct_status read_table(struct reading *r, const json_t *object, uint32_t node)
{
	const char *text = NULL;
	size_t length;
	ct_status status;

	if (json_object_get(object, "routes") == NULL)
		return CT_OK;
	status = ct_json_text(object, "routes", r->file, r->pointer, &text);
	if (status != CT_OK)
		return status;
	length = strlen(text);
	if (length % 2 != 0 || length / 2 > CT_FABRIC_LIDS_MOST ||
	    strspn(text, "0123456789abcdef") != length)
		return ct_fail(CT_INVALID, "%s: %s/routes: not two of 0-9, a-f for each of at most "
			"%d LIDs", r->file, r->pointer, CT_FABRIC_LIDS_MOST);
	status = ct_fabric_table(r->fabric, node, (uint32_t)(length / 2));
	if (status != CT_OK)
		return status == CT_NOMEM ? status : ct_fail(CT_INVALID, "%s: %s/routes: only "
			"switches have forwarding tables, and not empty ones", r->file, r->pointer);
	for (size_t i = 0; i < length / 2; i++)
		r->fabric->nodes[node].table[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 |
			hex_digit(text[2 * i + 1]));
	return CT_OK;
}

static ct_status read_guid(const struct reading *r, const json_t *object,
	struct ct_fabric_node *node)
{
	const char *text = NULL;
	ct_status status;

	if (json_object_get(object, "guid") == NULL)
		return CT_OK;
	status = ct_json_text(object, "guid", r->file, r->pointer, &text);
	if (status != CT_OK)
		return status;
	if (strlen(text) != 18 || strncmp(text, "0x", 2) != 0 ||
	    strspn(text + 2, "0123456789abcdef") != 16)
		return ct_fail(CT_INVALID, "%s: %s/guid: not 0x and 16 of 0-9, a-f", r->file,
			r->pointer);
	for (const char *at = text + 2; *at != '\0'; at++)
		node->guid = node->guid << 4 | (uint64_t)hex_digit(*at);
	return CT_OK;
}

/* Node I without its cables. */
static ct_status read_node(struct reading *r, const json_t *object, size_t i)
{
	static const char *const known[] = { "name", "type", "guid", "lid", "routes", "ports",
		NULL };
	const json_t *ports = json_object_get(object, "ports");
	const char *name = NULL;
	uint32_t index = 0;
	int type = 0;
	ct_status s;

	snprintf(r->pointer, sizeof(r->pointer), "/nodes/%zu", i);
	s = ct_json_known(object, r->file, r->pointer, known);
	if (s == CT_OK)
		s = ct_json_text(object, "name", r->file, r->pointer, &name);
	if (s == CT_OK)
		s = read_word(r, object, "type", type_names, &type);
	if (s == CT_OK && (!json_is_array(ports) || json_array_size(ports) >
	    CT_FABRIC_NODE_PORTS_MOST))
		s = ct_fail(CT_INVALID, "%s: %s/ports: not an array of at most %d", r->file,
			r->pointer, CT_FABRIC_NODE_PORTS_MOST);
	if (s == CT_OK)
		s = ct_fabric_add(r->fabric, (enum ct_fabric_type)type, name,
			(uint32_t)json_array_size(ports), &index);
	if (s == CT_OK)
		s = read_guid(r, object, &r->fabric->nodes[index]);
	if (s == CT_OK)
		s = read_u32(r, object, "lid", 0xffff, &r->fabric->nodes[index].lid);
	if (s == CT_OK)
		s = read_table(r, object, index);
	for (size_t p = 0; s == CT_OK && p < json_array_size(ports); p++) {
		snprintf(r->pointer, sizeof(r->pointer), "/nodes/%zu/ports/%zu", i, p);
		s = read_port(r, json_array_get(ports, p), index, (uint32_t)p + 1);
	}
	return s;
}

/* The cable of port P of node I: [node, port], told by both ends. */
static ct_status read_cable(struct reading *r, const json_t *to, size_t i, size_t p)
{
	struct ct_fabric *f = r->fabric;
	json_int_t node = json_integer_value(json_array_get(to, 0));
	json_int_t port = json_integer_value(json_array_get(to, 1));

	if (to == NULL)
		return CT_OK;
	if (json_array_size(to) != 2 || !json_is_integer(json_array_get(to, 0)) ||
	    !json_is_integer(json_array_get(to, 1)) || node < 0 || (size_t)node >= f->nnodes ||
	    port < 1 || (uint64_t)port > f->nodes[node].nports)
		return ct_fail(CT_INVALID, "%s: /nodes/%zu/ports/%zu/to: not [node, port] of this "
			"file", r->file, i, p);
	if (ct_fabric_connect(f, f->nodes[i].first + (uint32_t)p,
		f->nodes[node].first + (uint32_t)port - 1) != CT_OK)
		return ct_fail(CT_INVALID, "%s: /nodes/%zu/ports/%zu/to: that port has another "
			"cable, or is this one", r->file, i, p);
	return CT_OK;
}

static ct_status read_nodes(struct reading *r, const json_t *nodes)
{
	ct_status s = CT_OK;

	if (!json_is_array(nodes) || json_array_size(nodes) > CT_FABRIC_NODES_MOST)
		return ct_fail(CT_INVALID, "%s: /nodes: not an array of at most %d", r->file,
			CT_FABRIC_NODES_MOST);
	for (size_t i = 0; s == CT_OK && i < json_array_size(nodes); i++)
		s = read_node(r, json_array_get(nodes, i), i);
	for (size_t i = 0; s == CT_OK && i < json_array_size(nodes); i++) {
		const json_t *ports = json_object_get(json_array_get(nodes, i), "ports");

		for (size_t p = 0; s == CT_OK && p < json_array_size(ports); p++)
			s = read_cable(r, json_object_get(json_array_get(ports, p), "to"), i, p);
	}
	return s;
}

static ct_status read_head(struct reading *r, const json_t *whole)
{
	static const char *const known[] = { "schema", "link", "source", "declared", "identify",
		"partial", "nodes", NULL };
	struct ct_fabric *f = r->fabric;
	const char *schema = NULL;
	int link = 0;
	ct_status s = ct_json_text(whole, "schema", r->file, "", &schema);

	if (s == CT_OK && strcmp(schema, SCHEMA) != 0)
		return ct_fail(CT_INVALID, "%s: /schema: not " SCHEMA, r->file);
	if (s == CT_OK)
		s = ct_json_known(whole, r->file, "", known);
	if (s == CT_OK)
		s = read_word(r, whole, "link", link_names, &link);
	f->link = (enum ct_fabric_link)link;
	if (s == CT_OK)
		s = read_short(r, whole, "source", f->source, sizeof(f->source));
	if (s == CT_OK)
		s = read_short(r, whole, "partial", f->partial, sizeof(f->partial));
	f->declared = json_is_true(json_object_get(whole, "declared"));
	return s;
}

static ct_status read_whole(const json_t *whole, const char *file, struct ct_fabric *out)
{
	struct ct_fabric fabric = { .nnodes = 0 };
	struct reading r = { .fabric = &fabric, .file = file };
	ct_status s = read_head(&r, whole);

	if (s == CT_OK)
		s = read_nodes(&r, json_object_get(whole, "nodes"));
	if (s == CT_OK)
		s = ct_fabric_finish(&fabric);
	if (s != CT_OK)
		ct_fabric_free(&fabric);
	else
		*out = fabric;
	return s;
}

ct_status ct_fabric_load(const char *path, struct ct_fabric *fabric)
{
	json_t *json = NULL;
	ct_status status = ct_json_load(path, CT_FABRIC_LIMIT, &json);

	if (status == CT_OK)
		status = read_whole(json, path, fabric);
	json_decref(json);
	return status;
}

ct_status ct_fabric_parse(const char *text, size_t bytes, const char *name,
	struct ct_fabric *fabric)
{
	json_t *json = NULL;
	ct_status status = ct_json_parse(text, bytes, name, &json);

	if (status == CT_OK)
		status = read_whole(json, name, fabric);
	json_decref(json);
	return status;
}
