/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SONiC's config_db.json: the tables of the contract written, and read back from any such file. Names of
 * tables and fields after sonic-buildimage's qos_config.j2 and the SONiC documents of QoS, buffers and
 * the PFC watchdog; types and ranges after its YANG models (sonic-buildimage, src/sonic-yang-models:
 * sonic-port, sonic-pfcwd, sonic-buffer-profile, sonic-wred-profile). Keys may name several ports and a
 * range of queues: "Ethernet0,Ethernet4|3-4".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "roce_plan.h"

#define OURS "COLLTUNE"

static const char *number(char out[24], int64_t value)
{
	snprintf(out, 24, "%lld", (long long)value);
	return out;
}

static void put(json_t *object, const char *key, int64_t value)
{
	char text[24];

	json_object_set_new(object, key, json_string(number(text, value)));
}

static json_t *map_of(const int8_t *values, int n)
{
	json_t *inner = json_object(), *outer = json_object();
	char key[24];

	for (int i = 0; i < n; i++)
		put(inner, number(key, i), values[i]);
	json_object_set_new(outer, OURS, inner);
	return outer;
}

static json_t *wred(const struct ct_roce_contract *c)
{
	static const char *const colours[] = { "green", "yellow", "red" };
	json_t *p = json_object();
	char key[40];

	json_object_set_new(p, "ecn", json_string("ecn_all"));
	for (size_t i = 0; i < 3; i++) {
		snprintf(key, sizeof(key), "wred_%s_enable", colours[i]);
		json_object_set_new(p, key, json_string("true"));
		snprintf(key, sizeof(key), "%s_min_threshold", colours[i]);
		put(p, key, c->term[CT_ROCE_KMIN]);
		snprintf(key, sizeof(key), "%s_max_threshold", colours[i]);
		put(p, key, c->term[CT_ROCE_KMAX]);
		snprintf(key, sizeof(key), "%s_drop_probability", colours[i]);
		put(p, key, c->term[CT_ROCE_PMAX]);
	}
	return json_pack("{s:o}", OURS "_LOSSLESS", p);
}

static json_t *group_profile(const struct ct_roce_contract *c)
{
	json_t *p = json_pack("{s:s}", "pool", "ingress_lossless_pool");

	put(p, "xon", c->term[CT_ROCE_XON]);
	put(p, "xoff", c->term[CT_ROCE_XOFF]);
	put(p, "size", c->term[CT_ROCE_XON] + c->term[CT_ROCE_XOFF]);
	put(p, "dynamic_th", c->term[CT_ROCE_DYNAMIC_TH]);
	return json_pack("{s:o}", "pg_lossless_" OURS, p);
}

static void put_port(json_t *root, const struct ct_roce_contract *c, const char *port, double Gbps)
{
	json_t *watch = json_pack("{s:s}", "action", "drop"), *link = json_object();
	char key[64], text[32];

	put(link, "speed", (int64_t)(Gbps * 1000));
	put(link, "mtu", c->term[CT_ROCE_MTU]);
	json_object_set_new(json_object_get(root, "PORT"), port, link);
	snprintf(text, sizeof(text), "%lldm", (long long)c->term[CT_ROCE_CABLE]);
	json_object_set_new(json_object_get(json_object_get(root, "CABLE_LENGTH"), OURS), port,
		json_string(text));
	json_object_set_new(json_object_get(root, "PORT_QOS_MAP"), port,
		json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "dscp_to_tc_map", OURS, "tc_to_queue_map", OURS,
			"tc_to_pg_map", OURS, "pfc_to_queue_map", OURS, "pfc_enable", "3", "pfcwd_sw_enable",
			"3"));
	snprintf(key, sizeof(key), "%s|%d", port, CT_ROCE_DATA_TC);
	json_object_set_new(json_object_get(root, "QUEUE"), key, json_pack("{s:s,s:s}", "scheduler",
		"scheduler." OURS ".data", "wred_profile", OURS "_LOSSLESS"));
	json_object_set_new(json_object_get(root, "BUFFER_PG"), key, json_pack("{s:s}", "profile",
		"pg_lossless_" OURS));
	snprintf(key, sizeof(key), "%s|%d", port, CT_ROCE_CNP_TC);
	json_object_set_new(json_object_get(root, "QUEUE"), key, json_pack("{s:s}", "scheduler",
		"scheduler." OURS ".cnp"));
	put(watch, "detection_time", c->term[CT_ROCE_DETECT]);
	put(watch, "restoration_time", c->term[CT_ROCE_RESTORE]);
	json_object_set_new(json_object_get(root, "PFC_WD"), port, watch);
}

/* A failed allocation leaves a NULL, which jansson's functions pass on; it is seen at the end. */
static json_t *tables(const struct ct_roce_contract *c)
{
	json_t *poll = json_object();

	put(poll, "POLL_INTERVAL", c->term[CT_ROCE_POLL]);
	return json_pack("{s:o,s:o,s:o,s:o,s:{s:{s:s,s:s},s:{s:s}},s:o,s:o,s:{},s:{},s:{},s:{},s:{s:{}},"
		"s:{s:o}}",
		"DSCP_TO_TC_MAP", map_of(c->tc_of_dscp, CT_ROCE_DSCPS),
		"TC_TO_QUEUE_MAP", map_of(c->queue_of_tc, CT_ROCE_PRIORITIES),
		"TC_TO_PRIORITY_GROUP_MAP", map_of(c->group_of_tc, CT_ROCE_PRIORITIES),
		"MAP_PFC_PRIORITY_TO_QUEUE", map_of(c->queue_of_tc, CT_ROCE_PRIORITIES),
		"SCHEDULER", "scheduler." OURS ".data", "type", "DWRR", "weight", "50",
		"scheduler." OURS ".cnp", "type", "STRICT",
		"WRED_PROFILE", wred(c), "BUFFER_PROFILE", group_profile(c), "PORT", "PORT_QOS_MAP", "QUEUE",
		"BUFFER_PG", "CABLE_LENGTH", OURS, "PFC_WD", "GLOBAL", poll);
}

/* What its models take. */
static ct_status fits(const struct ct_roce_contract *c)
{
	static const struct {
		enum ct_roce_term term;
		int64_t low, high;
	} ranges[] = {
		{ CT_ROCE_MTU, 68, 9216 }, { CT_ROCE_DETECT, 100, 5000 }, { CT_ROCE_RESTORE, 100, 60000 },
		{ CT_ROCE_POLL, 100, 1000 }, { CT_ROCE_DYNAMIC_TH, -8, 7 }, { CT_ROCE_PMAX, 0, 100 },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		long long is = (long long)c->term[ranges[i].term];

		if (is < ranges[i].low || is > ranges[i].high)
			return ct_fail(CT_INVALID, "%s %lld: SONiC takes %lld to %lld",
				ct_roce_term_name(ranges[i].term), is, (long long)ranges[i].low,
				(long long)ranges[i].high);
	}
	if (c->term[CT_ROCE_KMAX] < c->term[CT_ROCE_KMIN])
		return ct_fail(CT_INVALID, "kmax %lld: SONiC takes no less than kmin, %lld",
			(long long)c->term[CT_ROCE_KMAX], (long long)c->term[CT_ROCE_KMIN]);
	return CT_OK;
}

ct_status ct_roce_sonic_write(const struct ct_roce_contract *contract,
	const struct ct_roce_ports *ports, double Gbps, struct ct_buf *out)
{
	ct_status status = fits(contract);
	json_t *root;
	char *text;

	if (status != CT_OK)
		return status;
	root = tables(contract);
	if (root == NULL)
		return ct_fail(CT_NOMEM, "no memory for a SONiC configuration");
	for (size_t i = 0; i < ports->n; i++)
		put_port(root, contract, ports->name[i], Gbps);
	text = json_dumps(root, JSON_INDENT(4) | JSON_SORT_KEYS);
	json_decref(root);
	if (text == NULL)
		return ct_fail(CT_NOMEM, "no memory for a SONiC configuration");
	ct_buf_add(out, "%s\n", text);
	free(text);
	return ct_buf_status(out);
}

/* ---- reading -------------------------------------------------------------------------------- */

static const json_t *at(const json_t *root, const char *table, const char *key)
{
	return json_object_get(json_object_get(root, table), key);
}

/* A whole number, which SONiC writes as text; UNSTATED for anything else. "40m" reads as 40. */
static int64_t value_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	char *end;
	long long v;

	if (text == NULL || strlen(text) > 15)
		return CT_ROCE_UNSTATED;
	v = strtoll(text, &end, 10);
	if (end == text || (*end != '\0' && strcmp(end, "m") != 0))
		return CT_ROCE_UNSTATED;
	return v;
}

/* The name that FIELD refers to; older files write "[TABLE|NAME]". NULL if there is none. */
static const char *refers(const json_t *object, const char *field, char out[128])
{
	const char *text = json_string_value(json_object_get(object, field)), *bar;

	if (text == NULL || strlen(text) >= 128)
		return NULL;
	bar = text[0] == '[' ? strchr(text, '|') : NULL;
	snprintf(out, 128, "%s", bar != NULL ? bar + 1 : text);
	if (bar != NULL)
		out[strcspn(out, "]")] = '\0';
	return out;
}

static void read_map(const json_t *map, int8_t *values, int n)
{
	char key[24];

	for (int i = 0; i < n; i++) {
		int64_t v = value_of(map, number(key, i));

		values[i] = v >= 0 && v < CT_ROCE_PRIORITIES ? (int8_t)v : -1;
	}
}

static void read_named(const json_t *root, const char *table, const char *field, const char *port,
	int8_t *values, int n)
{
	char name[128];
	const char *is = refers(at(root, "PORT_QOS_MAP", port), field, name);

	if (is == NULL)
		is = refers(at(root, "PORT_QOS_MAP", "global"), field, name);
	if (is != NULL)
		read_map(at(root, table, is), values, n);
}

/* "3,4" */
static int64_t mask_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	int64_t mask = 0;

	if (text == NULL)
		return object != NULL ? 0 : CT_ROCE_UNSTATED;
	for (; *text != '\0'; text++)
		if (*text >= '0' && *text < '0' + CT_ROCE_PRIORITIES)
			mask |= 1 << (*text - '0');
	return mask;
}

/* Whether KEY, "PORT,PORT|FIRST-LAST", is about PORT and NUMBER. */
static bool key_has(const char *key, const char *port, int wanted)
{
	const char *bar = strrchr(key, '|');
	size_t length = strlen(port);
	int first = -1, last = -1, n;

	if (bar == NULL)
		return false;
	n = sscanf(bar + 1, "%2d-%2d", &first, &last);
	if (n < 1 || wanted < first || wanted > (n == 2 ? last : first))
		return false;
	while (key < bar) {
		size_t one = strcspn(key, ",|");

		if (one == length && strncmp(key, port, length) == 0)
			return true;
		key += one + 1;
	}
	return false;
}

/* The row of TABLE for queue or group WANTED of PORT; NULL = none. */
static const json_t *row_of(const json_t *root, const char *table, const char *port, int wanted)
{
	json_t *rows = json_object_get(root, table), *row;
	const char *key;

	json_object_foreach(rows, key, row)
		if (key_has(key, port, wanted))
			return row;
	return NULL;
}

static void read_queues(const json_t *root, const char *port, struct ct_roce_contract *c)
{
	char name[128];

	c->term[CT_ROCE_ECN_MASK] = 0;
	c->term[CT_ROCE_STRICT_MASK] = 0;
	for (int q = 0; q < CT_ROCE_PRIORITIES; q++) {
		const json_t *queue = row_of(root, "QUEUE", port, q), *profile;
		const char *is = refers(queue, "wred_profile", name), *type;

		profile = is != NULL ? at(root, "WRED_PROFILE", is) : NULL;
		type = json_string_value(json_object_get(profile, "ecn"));
		if (type != NULL && strcmp(type, "ecn_none") != 0)
			c->term[CT_ROCE_ECN_MASK] |= 1 << q;
		if (q == CT_ROCE_DATA_TC) {
			c->term[CT_ROCE_KMIN] = value_of(profile, "green_min_threshold");
			c->term[CT_ROCE_KMAX] = value_of(profile, "green_max_threshold");
			c->term[CT_ROCE_PMAX] = value_of(profile, "green_drop_probability");
		}
		is = refers(queue, "scheduler", name);
		type = is != NULL ? json_string_value(json_object_get(at(root, "SCHEDULER", is), "type")) : NULL;
		if (type != NULL && strcmp(type, "STRICT") == 0)
			c->term[CT_ROCE_STRICT_MASK] |= 1 << q;
	}
}

static void read_group(const json_t *root, const char *port, struct ct_roce_contract *c)
{
	const json_t *group = row_of(root, "BUFFER_PG", port, CT_ROCE_DATA_TC), *profile, *lengths;
	char name[128];
	const char *is = refers(group, "profile", name), *key;
	json_t *row;

	profile = is != NULL ? at(root, "BUFFER_PROFILE", is) : NULL;
	c->term[CT_ROCE_XON] = value_of(profile, "xon");
	c->term[CT_ROCE_XOFF] = value_of(profile, "xoff");
	c->term[CT_ROCE_DYNAMIC_TH] = value_of(profile, "dynamic_th");
	lengths = json_object_get(root, "CABLE_LENGTH");
	json_object_foreach((json_t *)lengths, key, row)
		if (json_object_get(row, port) != NULL)
			c->term[CT_ROCE_CABLE] = value_of(row, port);
}

static ct_status load(const char *text, size_t bytes, const char *file, json_t **root)
{
	ct_status s = ct_json_parse(text, bytes, file, root);

	if (s == CT_OK && !json_is_object(*root)) {
		json_decref(*root);
		return ct_fail(CT_INVALID, "%s: not a config_db.json, which is an object of tables", file);
	}
	return s;
}

ct_status ct_roce_sonic_ports(const char *text, size_t bytes, const char *file,
	struct ct_roce_ports *ports)
{
	json_t *root, *rows, *row;
	const char *key;
	ct_status s = load(text, bytes, file, &root);

	if (s != CT_OK)
		return s;
	ports->n = 0;
	rows = json_object_get(root, json_object_get(root, "PORT_QOS_MAP") != NULL ? "PORT_QOS_MAP" :
		"PORT");
	json_object_foreach(rows, key, row) {
		if (strcmp(key, "global") == 0 || strlen(key) >= CT_ROCE_PORT_NAME)
			continue;
		if (ports->n == CT_ROCE_PORTS)
			break;
		strcpy(ports->name[ports->n++], key);
	}
	json_decref(root);
	if (ports->n == 0)
		return ct_fail(CT_INVALID, "%s: neither PORT_QOS_MAP nor PORT names a port", file);
	return CT_OK;
}

ct_status ct_roce_sonic_read(const char *text, size_t bytes, const char *file, const char *port,
	struct ct_roce_contract *c)
{
	json_t *root;
	ct_status s = load(text, bytes, file, &root);

	if (s != CT_OK)
		return s;
	ct_roce_contract_clear(c);
	read_named(root, "DSCP_TO_TC_MAP", "dscp_to_tc_map", port, c->tc_of_dscp, CT_ROCE_DSCPS);
	read_named(root, "TC_TO_QUEUE_MAP", "tc_to_queue_map", port, c->queue_of_tc, CT_ROCE_PRIORITIES);
	read_named(root, "TC_TO_PRIORITY_GROUP_MAP", "tc_to_pg_map", port, c->group_of_tc,
		CT_ROCE_PRIORITIES);
	c->term[CT_ROCE_PFC_MASK] = mask_of(at(root, "PORT_QOS_MAP", port), "pfc_enable");
	read_queues(root, port, c);
	read_group(root, port, c);
	c->term[CT_ROCE_MTU] = value_of(at(root, "PORT", port), "mtu");
	c->term[CT_ROCE_DETECT] = value_of(at(root, "PFC_WD", port), "detection_time");
	c->term[CT_ROCE_RESTORE] = value_of(at(root, "PFC_WD", port), "restoration_time");
	c->term[CT_ROCE_POLL] = value_of(at(root, "PFC_WD", "GLOBAL"), "POLL_INTERVAL");
	json_decref(root);
	return CT_OK;
}
