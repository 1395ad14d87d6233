/* SPDX-License-Identifier: BSD-3-Clause */
/* Cluster files through libcyaml. */
#include "cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yaml.h"

#define SCHEMA "colltune-cluster/1"

enum { NAME_MOST = CT_FABRIC_NAME - 1, ROWS_MOST = 1 << 17 };

/* As written. */
struct uplink {
	char *to;
	unsigned int cables;
};

struct leaf {
	char *name;
	unsigned int rail;
	char **hosts;
	unsigned int hosts_count;
	struct uplink *uplinks;
	unsigned int uplinks_count;
};

struct roce {
	double cable;
	unsigned int port_mtu, lossless_mtu, ports, cell;
	char *buffer;
};

struct cluster {
	char *schema, *name;
	int link;
	double speed, oversubscription;
	struct leaf *leaves;
	unsigned int leaves_count;
	struct roce *roce;
};

static const cyaml_strval_t links[] = { { "infiniband", CT_FABRIC_INFINIBAND },
	{ "ethernet", CT_FABRIC_ETHERNET } };

static const cyaml_schema_field_t uplink_fields[] = {
	CYAML_FIELD_STRING_PTR("to", CYAML_FLAG_POINTER, struct uplink, to, 1, NAME_MOST),
	CYAML_FIELD_UINT("cables", CYAML_FLAG_OPTIONAL, struct uplink, cables),
	CYAML_FIELD_END
};
static const cyaml_schema_value_t uplink_row = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct uplink, uplink_fields),
};
static const cyaml_schema_value_t host_row = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, NAME_MOST),
};

static const cyaml_schema_field_t leaf_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct leaf, name, 1, NAME_MOST),
	CYAML_FIELD_UINT("rail", CYAML_FLAG_OPTIONAL, struct leaf, rail),
	CYAML_FIELD_SEQUENCE("hosts", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct leaf, hosts,
		&host_row, 0, 4096),
	CYAML_FIELD_SEQUENCE("uplinks", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct leaf, uplinks,
		&uplink_row, 0, 4096),
	CYAML_FIELD_END
};
static const cyaml_schema_value_t leaf_row = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct leaf, leaf_fields),
};

static const cyaml_schema_field_t roce_fields[] = {
	CYAML_FIELD_FLOAT("cable", CYAML_FLAG_OPTIONAL, struct roce, cable),
	CYAML_FIELD_UINT("port-mtu", CYAML_FLAG_OPTIONAL, struct roce, port_mtu),
	CYAML_FIELD_UINT("lossless-mtu", CYAML_FLAG_OPTIONAL, struct roce, lossless_mtu),
	CYAML_FIELD_STRING_PTR("buffer", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct roce, buffer, 0, 32),
	CYAML_FIELD_UINT("ports", CYAML_FLAG_OPTIONAL, struct roce, ports),
	CYAML_FIELD_UINT("cell", CYAML_FLAG_OPTIONAL, struct roce, cell),
	CYAML_FIELD_END
};

static const cyaml_schema_field_t cluster_fields[] = {
	CYAML_FIELD_STRING_PTR("schema", CYAML_FLAG_POINTER, struct cluster, schema, 1, 64),
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct cluster, name, 0,
		NAME_MOST),
	CYAML_FIELD_ENUM("link", CYAML_FLAG_STRICT, struct cluster, link, links,
		CYAML_ARRAY_LEN(links)),
	CYAML_FIELD_FLOAT("speed", CYAML_FLAG_OPTIONAL, struct cluster, speed),
	CYAML_FIELD_FLOAT("oversubscription", CYAML_FLAG_OPTIONAL, struct cluster, oversubscription),
	CYAML_FIELD_SEQUENCE("leaves", CYAML_FLAG_POINTER, struct cluster, leaves, &leaf_row, 1, 16384),
	CYAML_FIELD_MAPPING_PTR("roce", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct cluster, roce, roce_fields),
	CYAML_FIELD_END
};
static const cyaml_schema_value_t cluster_row = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct cluster, cluster_fields),
};

/* ---- names with numbers ---------------------------------------------------------------------- */

/* One part of the brackets, "01-03" or "7": its ends and digits. Returns where it ends, or NULL. */
static const char *read_part(const char *at, unsigned long *low, unsigned long *high, int *digits)
{
	char *end = NULL;

	*low = *high = strtoul(at, &end, 10);
	*digits = (int)(end - at);
	if (*digits > 0 && *end == '-')
		*high = strtoul(end + 1, &end, 10);
	return *at < '0' || *at > '9' || *digits == 0 || *digits > 9 || (*end != ',' && *end != ']') || *high < *low ||
		*high - *low > ROWS_MOST ? NULL : end;
}

/* Calls EACH with every name of TEXT, "node[01-03,7].lab" or one plain name. */
static ct_status expand(const char *text, ct_status (*each)(void *arg, const char *name), void *arg)
{
	const char *open = strchr(text, '['), *close = open != NULL ? strchr(open, ']') : NULL;
	const char *at = open;
	char name[2 * CT_FABRIC_NAME];
	ct_status status = CT_OK;

	if (open == NULL)
		return each(arg, text);
	do {
		unsigned long low = 0, high = 0;
		int digits = 0;
		bool padded = at[1] == '0';

		at = close != NULL ? read_part(at + 1, &low, &high, &digits) : NULL;
		if (at == NULL)
			return ct_fail(CT_INVALID, "\"%s\": wanted is NAME or NAME[FROM-TO,...]", text);
		for (unsigned long i = low; status == CT_OK && i <= high; i++) {
			snprintf(name, sizeof(name), "%.*s%0*lu%s", (int)(open - text), text,
				padded ? digits : 1, i, close + 1);
			status = each(arg, name);
		}
	} while (status == CT_OK && *at == ',');
	return status;
}

/* ---- to a plan ------------------------------------------------------------------------------- */

struct filling {
	struct ct_fabric_plan *plan;
	size_t hosts_room, uplinks_room;
	uint32_t leaf, cables;
};

/* Room for one more of COUNT rows of EACH bytes in *ROWS. */
static ct_status grow(void **rows, size_t count, size_t *room, size_t each)
{
	void *more;

	if (count >= ROWS_MOST)
		return ct_fail(CT_INVALID, "more than %d hosts or uplinks", ROWS_MOST);
	if (count < *room)
		return CT_OK;
	more = ct_realloc(*rows, 2 * *room + 64, each);
	if (more == NULL)
		return CT_NOMEM;
	*rows = more;
	*room = 2 * *room + 64;
	return CT_OK;
}

static ct_status add_host(void *arg, const char *name)
{
	struct filling *f = arg;
	void *rows = f->plan->hosts;
	ct_status status = grow(&rows, f->plan->nhosts, &f->hosts_room, sizeof(*f->plan->hosts));

	f->plan->hosts = rows;
	if (status != CT_OK)
		return status;
	f->plan->hosts[f->plan->nhosts].leaf = f->leaf;
	ct_text_clean(f->plan->hosts[f->plan->nhosts++].name, CT_FABRIC_NAME, name);
	return CT_OK;
}

static ct_status add_uplink(void *arg, const char *name)
{
	struct filling *f = arg;
	void *rows = f->plan->uplinks;
	struct ct_plan_uplink *up;
	ct_status status = grow(&rows, f->plan->nuplinks, &f->uplinks_room,
		sizeof(*f->plan->uplinks));

	f->plan->uplinks = rows;
	if (status != CT_OK)
		return status;
	up = &f->plan->uplinks[f->plan->nuplinks++];
	*up = (struct ct_plan_uplink){ .leaf = f->leaf, .cables = f->cables };
	ct_text_clean(up->to, sizeof(up->to), name);
	return CT_OK;
}

static ct_status fill_leaf(struct filling *f, const struct leaf *leaf)
{
	struct ct_plan_leaf *row = &f->plan->leaves[f->leaf];
	ct_status status = CT_OK;

	ct_text_clean(row->name, sizeof(row->name), leaf->name);
	row->rail = leaf->rail;
	for (uint32_t i = 0; i < f->leaf; i++)
		if (strcmp(f->plan->leaves[i].name, row->name) == 0)
			return ct_fail(CT_INVALID, "leaf \"%s\" is there twice", row->name);
	f->plan->nleaves++;
	for (unsigned int i = 0; status == CT_OK && i < leaf->hosts_count; i++)
		status = expand(leaf->hosts[i], add_host, f);
	for (unsigned int i = 0; status == CT_OK && i < leaf->uplinks_count; i++) {
		f->cables = leaf->uplinks[i].cables > 0 ? leaf->uplinks[i].cables : 1;
		if (f->cables > 254)
			return ct_fail(CT_INVALID, "leaf \"%s\": %u cables to one switch", row->name,
				f->cables);
		status = expand(leaf->uplinks[i].to, add_uplink, f);
	}
	return status;
}

static ct_status fill_roce(const struct roce *r, struct ct_plan_roce *out)
{
	uint64_t buffer = 0;

	if (r == NULL)
		return CT_OK;
	if (r->buffer != NULL && ct_size_parse(r->buffer, &buffer) != CT_OK)
		return ct_fail(CT_INVALID, "roce: buffer \"%s\" is no size, such as 64M", r->buffer);
	if (!(r->cable >= 0 && r->cable <= 100000))
		return ct_fail(CT_INVALID, "roce: cable length is %g m, 0 to 100000 are possible", r->cable);
	*out = (struct ct_plan_roce){ r->cable, r->port_mtu, r->lossless_mtu, (double)buffer, r->ports, r->cell };
	return CT_OK;
}

static ct_status fill(const struct cluster *c, struct ct_fabric_plan *plan)
{
	struct filling f = { .plan = plan };
	ct_status status = CT_OK;

	if (strcmp(c->schema, SCHEMA) != 0)
		return ct_fail(CT_INVALID, "schema is not " SCHEMA);
	if (!(c->speed >= 0 && c->speed <= 10000))
		return ct_fail(CT_INVALID, "speed is in Gbit/s, 0 to 10000");
	if (!(c->oversubscription >= 0 && c->oversubscription <= 1000))
		return ct_fail(CT_INVALID, "oversubscription is 0 to 1000");
	plan->leaves = ct_alloc(c->leaves_count, sizeof(*plan->leaves));
	if (plan->leaves == NULL)
		return CT_NOMEM;
	ct_text_clean(plan->name, sizeof(plan->name), c->name != NULL ? c->name : "");
	plan->link = (enum ct_fabric_link)c->link;
	plan->Mbps = (uint64_t)(c->speed * 1000);
	plan->oversubscription = c->oversubscription;
	status = fill_roce(c->roce, &plan->roce);
	for (f.leaf = 0; status == CT_OK && f.leaf < c->leaves_count; f.leaf++)
		status = fill_leaf(&f, &c->leaves[f.leaf]);
	return status;
}

ct_status ct_cluster_load(const char *path, struct ct_fabric_plan *plan)
{
	struct ct_fabric_plan made = { .nleaves = 0 };
	struct cluster *cluster = NULL;
	char why[400];
	ct_status status = ct_yaml_load(path, &cluster_row, (cyaml_data_t **)&cluster);

	if (status != CT_OK)
		return status;
	status = fill(cluster, &made);
	ct_yaml_free(&cluster_row, cluster);
	if (status == CT_OK) {
		*plan = made;
		return CT_OK;
	}
	ct_fabric_plan_free(&made);
	if (status != CT_INVALID)
		return status;
	snprintf(why, sizeof(why), "%s", ct_why());
	return ct_fail(CT_INVALID, "%s: %s", path, why);
}
