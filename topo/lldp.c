/* SPDX-License-Identifier: BSD-3-Clause */
/* An Ethernet fabric from what lldpd tells: `lldpcli -f json show neighbors`, of as many systems as
 * were asked. Its two JSON formats are read: "json", whose shape depends on how many interfaces there
 * are, and "json0", whose every element is an array (lldpcli(8), option -f). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fabric.h"

enum { NEIGHBOURS_MOST = 1 << 17, PORT_NAME = 32 };

struct ct_lldp_end {
	char system[CT_FABRIC_NAME], port[PORT_NAME];
	bool is_switch;
	uint32_t at; /* its port in the fabric, once made */
};

/* The first of an array, or the thing itself. */
static const json_t *one(const json_t *j)
{
	return json_is_array(j) ? json_array_get(j, 0) : j;
}

/* "x", {"value": "x"} or [{"value": "x"}]; NULL if none of them. */
static const char *leaf(const json_t *j)
{
	j = one(j);
	return json_string_value(json_is_object(j) ? json_object_get(j, "value") : j);
}

/* Hosts call themselves by their short name as often as by their whole one. */
static void system_name(const char *from, char out[CT_FABRIC_NAME])
{
	ct_text_clean(out, CT_FABRIC_NAME - 8, from);
	if (strchr(out, ':') == NULL && (out[0] < '0' || out[0] > '9'))
		out[strcspn(out, ".")] = '\0';
	/* A space would make it the adapter of a host. */
	for (char *c = out; *c != '\0'; c++)
		*c = *c == ' ' ? '_' : *c;
}

/* Who forwards is a switch; who only says that it is a station is none. */
static bool is_switch(const json_t *capability)
{
	bool forwards = false, station = false;
	size_t n = json_is_array(capability) ? json_array_size(capability) : capability != NULL;

	for (size_t i = 0; i < n; i++) {
		const json_t *c = json_is_array(capability) ? json_array_get(capability, i) :
							      capability;
		const char *type = json_string_value(json_object_get(c, "type"));

		if (type == NULL || !json_is_true(json_object_get(c, "enabled")))
			continue;
		forwards |= strcmp(type, "Bridge") == 0 || strcmp(type, "Router") == 0;
		station |= strcmp(type, "Station") == 0;
	}
	return forwards || !station;
}

/* {"NAME": {"id": …}}, {"id": …} of a system without a name, or [{"id": …, "name": …}]. */
static bool read_chassis(const json_t *j, struct ct_lldp_end *end)
{
	const char *name = NULL;

	j = one(j);
	if (json_object_get(j, "id") == NULL) {
		void *only = json_object_iter((json_t *)j);

		if (only == NULL)
			return false;
		name = json_object_iter_key(only);
		j = json_object_iter_value(only);
	} else {
		name = leaf(json_object_get(j, "name"));
		if (name == NULL)
			name = leaf(json_object_get(j, "id"));
	}
	if (name == NULL || name[0] == '\0' || !json_is_object(j))
		return false;
	system_name(name, end->system);
	end->is_switch = is_switch(json_object_get(j, "capability"));
	return true;
}

/* A port's name is its id when that is a name; else its description; else its address. */
static bool read_port(const json_t *j, struct ct_lldp_end *end)
{
	const json_t *id;
	const char *type, *name, *description;

	j = one(j);
	id = one(json_object_get(j, "id"));
	type = json_string_value(json_object_get(id, "type"));
	name = json_string_value(json_object_get(id, "value"));
	description = leaf(json_object_get(j, "descr"));
	if (type != NULL && strcmp(type, "mac") == 0 && description != NULL)
		name = description;
	if (name == NULL || name[0] == '\0')
		return false;
	ct_text_clean(end->port, PORT_NAME, name);
	return true;
}

static ct_status grow(struct ct_lldp *l)
{
	size_t room = l->room > 0 ? 2 * l->room : 64;
	struct ct_lldp_end *ends;

	if (l->nends + 2 <= l->room)
		return CT_OK;
	if (room > 2 * (size_t)NEIGHBOURS_MOST)
		return ct_fail(CT_INVALID, "more than %d neighbours", NEIGHBOURS_MOST);
	ends = ct_realloc(l->ends, room, sizeof(*ends));
	if (ends == NULL)
		return CT_NOMEM;
	l->ends = ends;
	l->room = room;
	return CT_OK;
}

static ct_status add_neighbour(struct ct_lldp *l, const char *interface, const json_t *j,
	const char *file)
{
	struct ct_lldp_end here = { .is_switch = false }, there = { .is_switch = false };
	ct_status status;

	if (interface == NULL || !json_is_object(j) ||
	    !read_chassis(json_object_get(j, "chassis"), &there) ||
	    !read_port(json_object_get(j, "port"), &there))
		return ct_fail(CT_INVALID, "%s: interface %.32s: a neighbour without chassis and port",
			file, interface != NULL ? interface : "?");
	snprintf(here.system, sizeof(here.system), "%s", l->systems[l->nsystems - 1]);
	ct_text_clean(here.port, PORT_NAME, interface);
	status = grow(l);
	if (status == CT_OK) {
		l->ends[l->nends++] = here;
		l->ends[l->nends++] = there;
	}
	return status;
}

/* {"eth0": {…}, …} or {"name": "eth0", …} */
static ct_status add_interfaces(struct ct_lldp *l, json_t *j, const char *file)
{
	const char *name = json_string_value(json_object_get(j, "name")), *key;
	ct_status status = CT_OK;
	json_t *value;

	if (!json_is_object(j))
		return ct_fail(CT_INVALID, "%s: /lldp/interface: not what lldpcli writes", file);
	if (name != NULL)
		return add_neighbour(l, name, j, file);
	json_object_foreach(j, key, value) {
		if (status == CT_OK)
			status = add_neighbour(l, key, value, file);
	}
	return status;
}

static ct_status add_system(struct ct_lldp *l, const char *system)
{
	char(*systems)[CT_FABRIC_NAME] = ct_realloc(l->systems, l->nsystems + 1, CT_FABRIC_NAME);

	if (systems == NULL)
		return CT_NOMEM;
	l->systems = systems;
	system_name(system, l->systems[l->nsystems]);
	for (size_t i = 0; i < l->nsystems; i++) {
		if (strcmp(l->systems[i], l->systems[l->nsystems]) == 0)
			return ct_fail(CT_INVALID, "%s answered twice", l->systems[i]);
	}
	l->nsystems++;
	return CT_OK;
}

ct_status ct_lldp_parse(struct ct_lldp *l, const char *system, const char *text, size_t bytes,
	const char *file)
{
	json_t *json = NULL, *interfaces;
	ct_status status = ct_json_parse(text, bytes, file, &json);

	if (status != CT_OK)
		return status;
	interfaces = json_object_get(one(json_object_get(json, "lldp")), "interface");
	if (!json_is_object(one(json_object_get(json, "lldp"))))
		status = ct_fail(CT_INVALID, "%s: /lldp: missing; wanted is what lldpcli -f json show "
			"neighbors writes", file);
	if (status == CT_OK)
		status = add_system(l, system);
	if (status == CT_OK && json_is_object(interfaces))
		status = add_interfaces(l, interfaces, file);
	for (size_t i = 0; status == CT_OK && i < json_array_size(interfaces); i++)
		status = add_interfaces(l, json_array_get(interfaces, i), file);
	json_decref(json);
	return status;
}

void ct_lldp_free(struct ct_lldp *l)
{
	ct_free(l->systems);
	ct_free(l->ends);
	*l = (struct ct_lldp){ .nends = 0 };
}

bool ct_lldp_asked(const struct ct_lldp *l, const char *system)
{
	char name[CT_FABRIC_NAME];

	system_name(system, name);
	for (size_t i = 0; i < l->nsystems; i++) {
		if (strcmp(l->systems[i], name) == 0)
			return true;
	}
	return false;
}

/* ---- as a fabric ----------------------------------------------------------------------------- */

static int compare_ends(const void *x, const void *y)
{
	const struct ct_lldp_end *a = *(struct ct_lldp_end *const *)x;
	const struct ct_lldp_end *b = *(struct ct_lldp_end *const *)y;
	int order = strcmp(a->system, b->system);

	return order != 0 ? order : strcmp(a->port, b->port);
}

/* The ends of one system, by port: a switch with as many ports as were seen, or an adapter for each
 * interface of a host. */
static ct_status add_node(struct ct_fabric *f, struct ct_lldp_end **ends, size_t n)
{
	uint32_t ports = 0, node = 0;
	bool forwards = false;
	ct_status status = CT_OK;

	for (size_t i = 0; i < n; i++) {
		forwards |= ends[i]->is_switch;
		ports += i == 0 || strcmp(ends[i]->port, ends[i - 1]->port) != 0;
		ends[i]->at = ports - 1;
	}
	if (forwards)
		status = ct_fabric_add(f, CT_FABRIC_SWITCH, ends[0]->system, ports, &node);
	for (size_t i = 0; status == CT_OK && i < n; i++) {
		char name[CT_FABRIC_NAME + 16];
		bool fresh = i == 0 || strcmp(ends[i]->port, ends[i - 1]->port) != 0;
		struct ct_fabric_port *port;

		snprintf(name, sizeof(name), "%.55s HCA-%u", ends[i]->system, ends[i]->at + 1);
		if (!forwards && fresh)
			status = ct_fabric_add(f, CT_FABRIC_HCA, name, 1, &node);
		if (status != CT_OK)
			break;
		ends[i]->at = f->nodes[node].first + (forwards ? ends[i]->at : 0);
		port = &f->ports[ends[i]->at];
		port->state = CT_FABRIC_ACTIVE;
		snprintf(port->name, sizeof(port->name), "%s", ends[i]->port);
	}
	return status;
}

static ct_status build(struct ct_fabric *f, const struct ct_lldp *l, struct ct_lldp_end **order)
{
	ct_status status = CT_OK;
	size_t same, crowded = 0;

	for (size_t i = 0; i < l->nends; i++)
		order[i] = &l->ends[i];
	if (l->nends > 1)
		qsort(order, l->nends, sizeof(*order), compare_ends);
	for (size_t i = 0; status == CT_OK && i < l->nends; i += same) {
		for (same = 1; i + same < l->nends &&
		     strcmp(order[i + same]->system, order[i]->system) == 0; same++)
			;
		status = add_node(f, order + i, same);
	}
	for (size_t i = 0; status == CT_OK && i < l->nends; i += 2)
		crowded += ct_fabric_connect(f, l->ends[i].at, l->ends[i + 1].at) != CT_OK;
	snprintf(f->source, sizeof(f->source), "lldpd of %zu systems", l->nsystems);
	snprintf(f->partial, sizeof(f->partial), "only cables at the %zu systems that answered are "
		"seen, and no rates", l->nsystems);
	if (crowded > 0)
		snprintf(f->partial + strlen(f->partial), sizeof(f->partial) - strlen(f->partial),
			"; %zu neighbours at ports that have another were left out", crowded);
	return status == CT_OK ? ct_fabric_finish(f) : status;
}

ct_status ct_lldp_fabric(const struct ct_lldp *l, struct ct_fabric *fabric)
{
	struct ct_fabric made = { .link = CT_FABRIC_ETHERNET };
	struct ct_lldp_end **order = ct_alloc(l->nends + 1, sizeof(struct ct_lldp_end *));
	ct_status status = order != NULL ? build(&made, l, order) : CT_NOMEM;

	ct_free(order);
	if (status != CT_OK)
		ct_fabric_free(&made);
	else
		*fabric = made;
	return status;
}

void ct_lldp_narrow(const struct ct_lldp *l, struct ct_fabric_plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->nhosts; i++)
		if (ct_lldp_asked(l, plan->hosts[i].name))
			plan->hosts[n++] = plan->hosts[i];
	plan->nhosts = n;
	n = 0;
	for (size_t i = 0; i < plan->nuplinks; i++)
		if (ct_lldp_asked(l, plan->uplinks[i].to) ||
		    ct_lldp_asked(l, plan->leaves[plan->uplinks[i].leaf].name))
			plan->uplinks[n++] = plan->uplinks[i];
	plan->nuplinks = n;
	plan->oversubscription = n > 0 ? plan->oversubscription : 0;
}
