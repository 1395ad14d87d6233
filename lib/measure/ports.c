/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the RDMA ports of every host counted while one candidate was measured. The first rank of
 * each host reads all of the host's ports, whenever another candidate takes its turn: never within
 * a batch. Whoever else uses a port then is counted too.
 */
#include <string.h>

#include "inside.h"

enum { MASKS = 3 }; /* of a struct ct_counts */

/* A kernel that repeats what it read for longer than this is not waited for: its driver's counters
 * are left out. */
static const uint64_t most_wait_ns = 250000000;

static ct_status open_ports(struct ct_session *s, struct ct_port_watch *w)
{
	if (s->attr.world->local_rank != 0)
		return CT_OK;
	/* without them everything else can be measured all the same */
	if (ct_ports_open(s->attr.sysroot, &w->ports) != CT_OK)
		return CT_OK;
	w->list = ct_ports_list(w->ports, &w->n);
	w->then = ct_alloc(w->n, sizeof(*w->then));
	w->now = w->then == NULL ? NULL : ct_alloc(w->n, sizeof(*w->now));
	return w->now == NULL ? CT_NOMEM : CT_OK;
}

ct_status ct_port_watch_open(struct ct_session *session)
{
	struct ct_port_watch *w = &session->ports;
	ct_status status = ct_session_agree(session, open_ports(session, w));
	int64_t n = (int64_t)w->n;

	if (status == CT_OK)
		status = ct_session_max(session, &n, 1);
	w->any = n > 0;
	return status == CT_OK && w->any ? ct_port_ends_number(session) : status;
}

ct_status ct_port_watch_begin(struct ct_session *session, struct ct_lane *lane)
{
	size_t n = session->ports.n;

	if (n == 0)
		return CT_OK;
	lane->port_counts = ct_alloc(n, sizeof(*lane->port_counts));
	return lane->port_counts != NULL ? CT_OK : CT_NOMEM;
}

void ct_port_watch_close(struct ct_session *session)
{
	struct ct_port_watch *w = &session->ports;

	ct_free(w->now);
	ct_free(w->then);
	ct_ports_close(w->ports);
	*w = (struct ct_port_watch){ .any = false };
}

static void pause_ns(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	nanosleep(&t, NULL);
}

static void read_all(struct ct_port_watch *w)
{
	uint64_t now = ct_now_ns(), wait = 0;

	for (size_t i = 0; i < w->n; i++) {
		uint64_t stale = ct_ports_stale_ns(w->ports, i, now);

		if (stale <= most_wait_ns && stale > wait)
			wait = stale;
	}
	if (wait > 0)
		pause_ns(wait);
	for (size_t i = 0; i < w->n; i++)
		ct_ports_read(w->ports, i, &w->now[i]);
}

/* What tells which of several ports were used. */
static uint64_t load_of(const struct ct_counts *c)
{
	static const enum ct_count_id pairs[][2] = {
		{ CT_COUNT_TX_BYTES, CT_COUNT_RX_BYTES },
		{ CT_COUNT_TX_PACKETS, CT_COUNT_RX_PACKETS },
		{ CT_COUNT_NET_TX_BYTES, CT_COUNT_NET_RX_BYTES },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		uint64_t mask = ct_count_bit(pairs[i][0]) | ct_count_bit(pairs[i][1]);

		if ((c->exposed & mask) == mask)
			return c->value[pairs[i][0]] + c->value[pairs[i][1]];
	}
	return 0;
}

/* Of the interfaces, which the kernel counts itself. */
static uint64_t of_interfaces(void)
{
	uint64_t mask = 0;

	for (unsigned int i = 0; i < CT_NCOUNTS; i++)
		if (strncmp(ct_count((enum ct_count_id)i)->name, "net_", 4) == 0)
			mask |= (uint64_t)1 << i;
	return mask;
}

static void settle(const struct ct_port_watch *w, struct ct_lane *lane)
{
	for (size_t i = 0; i < w->n; i++) {
		struct ct_counts c;

		ct_port_delta(&w->list[i], &w->then[i], &w->now[i], &c);
		/* the others are old, which is no way of being 0 */
		if (w->list[i].lifespan_ms * 1000000 > most_wait_ns)
			c.exposed &= of_interfaces();
		ct_counts_add(&lane->ports.sum, &c);
		if (lane->port_counts != NULL)
			ct_counts_add(&lane->port_counts[i], &c);
		if (i < CT_MOST_PORTS)
			lane->port_load[i] += load_of(&c);
	}
}

void ct_port_watch_turn(struct ct_session *session, struct ct_lane *lane)
{
	struct ct_port_watch *w = &session->ports;
	struct ct_port_sample *swap = w->then;

	if (w->n == 0 || w->lane == lane)
		return;
	read_all(w);
	if (w->lane != NULL)
		settle(w, w->lane);
	w->then = w->now;
	w->now = swap;
	w->lane = lane;
}

void ct_port_watch_forget(struct ct_session *session)
{
	session->ports.lane = NULL;
}

/* How many of this host's active ports carried a twentieth of the busiest one's load or more. */
static uint32_t used_of(const struct ct_port_watch *w, const struct ct_lane *lane, uint32_t *active)
{
	uint64_t most = 0;
	uint32_t used = 0;

	*active = 0;
	for (size_t i = 0; i < w->n && i < CT_MOST_PORTS; i++)
		if (lane->port_load[i] > most)
			most = lane->port_load[i];
	for (size_t i = 0; i < w->n && i < CT_MOST_PORTS; i++) {
		*active += w->list[i].active;
		used += most > 0 && lane->port_load[i] >= (most + 19) / 20;
	}
	return used;
}

ct_status ct_port_watch_sum(struct ct_session *session, struct ct_lane *lane)
{
	const struct ct_port_watch *w = &session->ports;
	struct ct_counts *c = &lane->ports.sum;
	int64_t v[2 + (1 + MASKS) * CT_NCOUNTS];
	uint32_t active;
	ct_status status;

	if (!w->any)
		return CT_OK;
	v[0] = used_of(w, lane, &active);
	v[1] = active;
	for (size_t i = 0; i < CT_NCOUNTS; i++) {
		v[2 + i] = c->value[i] > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)c->value[i];
		v[2 + CT_NCOUNTS + i] = (int64_t)(c->exposed >> i & 1);
		v[2 + 2 * CT_NCOUNTS + i] = (int64_t)(c->reset >> i & 1);
		v[2 + 3 * CT_NCOUNTS + i] = (int64_t)(c->saturated >> i & 1);
	}
	status = ct_session_sum(session, v, sizeof(v) / sizeof(v[0]));
	if (status != CT_OK)
		return status;
	*c = (struct ct_counts){ .exposed = 0 };
	lane->ports.used = (uint32_t)v[0];
	lane->ports.active = (uint32_t)v[1];
	for (size_t i = 0; i < CT_NCOUNTS; i++) {
		c->value[i] = v[2 + i] > 0 ? (uint64_t)v[2 + i] : 0;
		c->exposed |= (uint64_t)(v[2 + CT_NCOUNTS + i] > 0) << i;
		c->reset |= (uint64_t)(v[2 + 2 * CT_NCOUNTS + i] > 0) << i;
		c->saturated |= (uint64_t)(v[2 + 3 * CT_NCOUNTS + i] > 0) << i;
	}
	return ct_port_ends_gather(session, lane);
}

/* ---- records -------------------------------------------------------------------------------- */

static json_t *names_of(uint64_t mask)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < CT_NCOUNTS; i++)
		if ((mask >> i & 1) != 0 && json_array_append_new(array,
			json_string(ct_count((enum ct_count_id)i)->name)) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *counts_of(const struct ct_counts *c)
{
	json_t *counts = json_object();

	for (unsigned int i = 0; i < CT_NCOUNTS; i++) {
		json_int_t value = (json_int_t)(c->value[i] < INT64_MAX ? c->value[i] : INT64_MAX);

		if ((c->exposed >> i & 1) == 0)
			continue;
		if (json_object_set_new(counts, ct_count((enum ct_count_id)i)->name,
			json_integer(value)) != 0) {
			json_decref(counts);
			return NULL;
		}
	}
	return counts;
}

static json_t *ends_of(const struct ct_port_counts *ports)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < ports->nends; i++) {
		const struct ct_port_end *e = &ports->ends[i];
		const struct ct_counts *c = &e->counts;
		json_t *end = json_pack("{s:s, s:s, s:I, s:b, s:o, s:o, s:o}", "host", e->host,
			"device", e->device, "port", (json_int_t)e->port, "active", e->active,
			"counts", counts_of(c), "reset", names_of(c->reset & c->exposed),
			"saturated", names_of(c->saturated & c->exposed));

		if (json_array_append_new(array, end) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

json_t *ct_port_counts_record(const struct ct_port_counts *ports)
{
	const struct ct_counts *c = &ports->sum;
	json_t *record = json_pack("{s:I, s:I, s:o, s:o, s:o}", "active", (json_int_t)ports->active,
		"used", (json_int_t)ports->used, "counts", counts_of(c), "reset",
		names_of(c->reset & c->exposed), "saturated", names_of(c->saturated & c->exposed));

	if (ports->nends == 0 || record == NULL)
		return record;
	if (json_object_set_new(record, "nports", json_integer((json_int_t)ports->nports)) == 0 &&
		json_object_set_new(record, "ends", ends_of(ports)) == 0)
		return record;
	json_decref(record);
	return NULL;
}

static const char *const *all_names(const char *names[CT_NCOUNTS + 1])
{
	for (unsigned int i = 0; i < CT_NCOUNTS; i++)
		names[i] = ct_count((enum ct_count_id)i)->name;
	names[CT_NCOUNTS] = NULL;
	return names;
}

static ct_status parse_counts(const json_t *counts, const char *where, struct ct_counts *out)
{
	const char *names[CT_NCOUNTS + 1];
	ct_status status = ct_json_known(counts, where, "/ports/counts", all_names(names));

	for (unsigned int i = 0; i < CT_NCOUNTS && status == CT_OK; i++) {
		if (json_object_get(counts, names[i]) == NULL)
			continue;
		out->exposed |= (uint64_t)1 << i;
		status = ct_json_u64(counts, names[i], where, "/ports/counts", 0, INT64_MAX,
			&out->value[i]);
	}
	return status;
}

static ct_status parse_mask(const json_t *ports, const char *key, const char *where, uint64_t *mask)
{
	const json_t *array = json_object_get(ports, key);

	if (!json_is_array(array))
		return ct_fail(CT_INVALID, "%s: /ports/%s: not an array", where, key);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *name = json_string_value(json_array_get(array, i));
		const char *names[CT_NCOUNTS + 1];
		enum ct_count_id id = name != NULL ? ct_count_find(name) : CT_NCOUNTS;
		char hint[256];

		if (id == CT_NCOUNTS)
			return ct_fail(CT_INVALID, "%s: /ports/%s/%zu: no counter's name%s", where,
				key, i,
				name != NULL ? ct_name_hint(name, all_names(names), hint) : "");
		*mask |= ct_count_bit(id);
	}
	return CT_OK;
}

static ct_status parse_end(const json_t *end, const char *where, struct ct_port_end *out)
{
	static const char *const known[] = { "host", "device", "port", "active", "counts", "reset",
		"saturated", NULL };
	const char *host = "", *device = "";
	uint64_t port = 0;
	ct_status status = ct_json_known(end, where, "/ports/ends", known);

	if (status == CT_OK)
		status = ct_json_text(end, "host", where, "/ports/ends", &host);
	if (status == CT_OK)
		status = ct_json_text(end, "device", where, "/ports/ends", &device);
	if (status == CT_OK)
		status = ct_json_u64(end, "port", where, "/ports/ends", 0, UINT32_MAX, &port);
	if (status == CT_OK && !json_is_boolean(json_object_get(end, "active")))
		status = ct_fail(CT_INVALID, "%s: /ports/ends/active: not true or false", where);
	if (status == CT_OK)
		status = parse_counts(json_object_get(end, "counts"), where, &out->counts);
	if (status == CT_OK)
		status = parse_mask(end, "reset", where, &out->counts.reset);
	if (status == CT_OK)
		status = parse_mask(end, "saturated", where, &out->counts.saturated);
	ct_text_clean(out->host, sizeof(out->host), host);
	ct_text_clean(out->device, sizeof(out->device), device);
	out->port = (uint32_t)port;
	out->active = json_is_true(json_object_get(end, "active"));
	return status;
}

/* Records of before this know sums only. OUT->ends may be there even after an error. */
static ct_status parse_ends(const json_t *ports, const char *where, struct ct_port_counts *out)
{
	const json_t *array = json_object_get(ports, "ends");
	uint64_t nports = 0;
	ct_status status;

	if (array == NULL)
		return CT_OK;
	if (!json_is_array(array) || json_array_size(array) > CT_MOST_ENDS)
		return ct_fail(CT_INVALID, "%s: /ports/ends: not an array of at most %d", where,
			CT_MOST_ENDS);
	status = ct_json_u64(ports, "nports", where, "/ports", json_array_size(array), UINT32_MAX,
		&nports);
	if (status != CT_OK || json_array_size(array) == 0)
		return status;
	out->nports = (uint32_t)nports;
	out->ends = ct_alloc(json_array_size(array), sizeof(*out->ends));
	if (out->ends == NULL)
		return CT_NOMEM;
	out->nends = (uint32_t)json_array_size(array);
	for (uint32_t i = 0; i < out->nends && status == CT_OK; i++)
		status = parse_end(json_array_get(array, i), where, &out->ends[i]);
	return status;
}

ct_status ct_port_counts_parse(const json_t *record, const char *where, struct ct_port_counts *out)
{
	static const char *const known[] = { "active", "used", "counts", "reset", "saturated",
		"nports", "ends", NULL };
	const json_t *ports = json_object_get(record, "ports");
	struct ct_port_counts c = { .known = true };
	uint64_t active = 0, used = 0;
	ct_status status;

	*out = (struct ct_port_counts){ .known = false };
	if (ports == NULL) /* there were none, or an older version did not look */
		return CT_OK;
	status = ct_json_known(ports, where, "/ports", known);
	if (status == CT_OK)
		status = ct_json_u64(ports, "active", where, "/ports", 0, UINT32_MAX, &active);
	if (status == CT_OK)
		status = ct_json_u64(ports, "used", where, "/ports", 0, UINT32_MAX, &used);
	if (status == CT_OK)
		status = parse_counts(json_object_get(ports, "counts"), where, &c.sum);
	if (status == CT_OK)
		status = parse_mask(ports, "reset", where, &c.sum.reset);
	if (status == CT_OK)
		status = parse_mask(ports, "saturated", where, &c.sum.saturated);
	if (status == CT_OK)
		status = parse_ends(ports, where, &c);
	if (status != CT_OK) {
		ct_free(c.ends);
		return status;
	}
	c.active = (uint32_t)active;
	c.used = (uint32_t)used;
	*out = c;
	return CT_OK;
}
