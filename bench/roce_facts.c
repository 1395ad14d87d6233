/* SPDX-License-Identifier: BSD-3-Clause */
/* What decides about RoCE at the ends of a host's links, as JSON and for the terminal. */
#include <stdio.h>
#include <string.h>

#include "roce.h"

enum { TEXT = 200 };

/* ---- to JSON ---------------------------------------------------------------------------------- */

/* Absent when it is not known. */
static void put_number(json_t *o, const char *key, uint64_t value)
{
	if (value != CT_END_UNKNOWN)
		json_object_set_new(o, key, json_integer((json_int_t)value));
}

static void put_text(json_t *o, const char *key, const char *text)
{
	if (text[0] != '\0')
		json_object_set_new(o, key, json_string(text));
}

static json_t *bytes_array(const uint8_t *values, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, json_integer(values[i]));
	return a;
}

/* What the other end said. */
static void put_peer(json_t *o, const struct ct_dcb *d)
{
	json_t *apps = json_array();

	if (d->peer_pfc_known)
		json_object_set_new(o, "peer_pfc", json_integer(d->peer_pfc_mask));
	if (d->peer_ets_known) {
		json_object_set_new(o, "peer_tc_of_priority", bytes_array(d->peer_prio_tc, CT_PRIORITIES));
		json_object_set_new(o, "peer_tsa", bytes_array(d->peer_tsa, CT_PRIORITIES));
		json_object_set_new(o, "peer_bandwidth", bytes_array(d->peer_bandwidth, CT_PRIORITIES));
	}
	for (size_t i = 0; i < d->npeer_apps; i++)
		json_array_append_new(apps, json_pack("{s:i, s:i, s:i}", "selector",
			(int)d->peer_apps[i].selector, "protocol", (int)d->peer_apps[i].protocol, "priority",
			(int)d->peer_apps[i].priority));
	if (d->npeer_apps > 0)
		json_object_set(o, "peer_apps", apps);
	json_decref(apps);
}

static json_t *dcb_json(const struct ct_dcb *d)
{
	json_t *o = json_object();
	uint8_t priority[64];
	bool dscps = false;

	if (d->pfc_known)
		json_object_set_new(o, "pfc", json_integer(d->pfc_mask));
	if (d->pfc_known)
		json_object_set_new(o, "pfc_delay", json_integer(d->delay));
	put_peer(o, d);
	if (d->dcbx_known)
		json_object_set_new(o, "dcbx", json_integer(d->dcbx));
	if (d->ets_known) {
		json_object_set_new(o, "willing", json_boolean(d->willing));
		json_object_set_new(o, "tc_of_priority", bytes_array(d->prio_tc, CT_PRIORITIES));
		json_object_set_new(o, "tsa", bytes_array(d->tsa, CT_PRIORITIES));
		json_object_set_new(o, "bandwidth", bytes_array(d->bandwidth, CT_PRIORITIES));
	}
	if (d->buffer_known) {
		json_object_set_new(o, "buffer_of_priority", bytes_array(d->prio_buffer, CT_PRIORITIES));
		json_object_set_new(o, "buffers", json_integer(d->buffers));
	}
	for (size_t i = 0; i < d->napps; i++)
		dscps = dscps || d->apps[i].selector == CT_APP_DSCP;
	for (unsigned int i = 0; i < 64; i++)
		priority[i] = (uint8_t)ct_dcb_priority(d, i);
	json_object_set_new(o, "trust", json_string(dscps ? "dscp" : "pcp"));
	json_object_set_new(o, "priority_of_dscp", bytes_array(priority, 64));
	return o;
}

static json_t *gids_json(const struct ct_end *e)
{
	json_t *a = json_array();

	for (size_t i = 0; i < e->ngids; i++)
		json_array_append_new(a, json_pack("{s:i, s:i, s:s, s:s}", "index", (int)e->gids[i].index,
			"version", (int)e->gids[i].version, "kind", e->gids[i].kind, "netdev",
			e->gids[i].netdev));
	return a;
}

static json_t *counts_json(const struct ct_counts *c)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < CT_NCOUNTS; i++)
		if ((c->exposed >> i & 1) != 0)
			json_object_set_new(o, ct_count((enum ct_count_id)i)->name,
				json_integer((json_int_t)c->value[i]));
	return o;
}

static json_t *stats_json(const struct ct_netstats *s)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < CT_NNETSTATS; i++) {
		json_t *a;

		if ((s->exposed >> i & 1) == 0)
			continue;
		if (i >= CT_NETSTATS_BY_PRIORITY) {
			json_object_set_new(o, ct_netstat_name((enum ct_netstat_id)i),
				json_integer((json_int_t)s->value[i][0]));
			continue;
		}
		a = json_array();
		for (int k = 0; k < CT_PRIORITIES; k++)
			json_array_append_new(a, json_integer((json_int_t)s->value[i][k]));
		json_object_set_new(o, ct_netstat_name((enum ct_netstat_id)i), a);
	}
	return o;
}

/* Numbers that are not 0, by their index: {"26": 2310}. */
static json_t *sparse(const uint64_t *values, size_t n)
{
	json_t *o = json_object();
	char key[24];

	for (size_t i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "%zu", i);
		if (values[i] != 0)
			json_object_set_new(o, key, json_integer((json_int_t)values[i]));
	}
	return o;
}

/* What each library's flows left on; absent is not exposed. */
static json_t *rides_json(const struct ct_end *e)
{
	json_t *a = json_array();

	for (size_t i = 0; i < e->nrides; i++) {
		const struct ct_end_ride *r = &e->rides[i];
		json_t *o = json_pack("{s:s}", "who", r->who);

		put_text(o, "library", r->library);
		put_number(o, "told", r->told);
		put_text(o, "told_by", r->told_by);
		put_number(o, "sent", r->sent);
		put_number(o, "sent_bytes", r->sent_bytes);
		if (r->dscp_known)
			json_object_set_new(o, "packets_of_dscp", sparse(r->packets, CT_DSCPS));
		if (r->priority_known)
			json_object_set_new(o, "bytes_of_priority", sparse(r->bytes, CT_PRIORITIES));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *end_json(const struct ct_end *e)
{
	json_t *o = json_pack("{s:s, s:I, s:b, s:o, s:o, s:o}", "device", e->device, "port",
		(json_int_t)e->port, "active", (int)e->active, "gids", gids_json(e), "counts",
		counts_json(&e->counts), "statistics", stats_json(&e->stats));
	json_t *cc = json_object();

	if (o == NULL || cc == NULL)
		return NULL;
	put_text(o, "netdev", e->netdev);
	put_text(o, "driver", e->driver);
	put_number(o, "rate_Mbps", e->rate_Mbps);
	put_number(o, "mtu", e->net_mtu);
	put_number(o, "rdma_mtu", e->rdma_mtu);
	put_number(o, "rx_pause", e->rx_pause);
	put_number(o, "tx_pause", e->tx_pause);
	put_number(o, "storm_guard_ms", e->storm_guard_ms);
	put_number(o, "traffic_class", e->traffic_class);
	put_number(o, "cm_tos", e->cm_tos);
	put_text(o, "cm_mode", e->cm_mode);
	put_number(o, "ecn_np", e->np_mask);
	put_number(o, "ecn_rp", e->rp_mask);
	put_text(o, "bond", e->bond);
	put_text(o, "bond_mode", e->bond_mode);
	put_text(o, "bond_hash", e->bond_hash);
	put_text(o, "iommu", e->iommu);
	for (size_t i = 0; i < e->ncc; i++)
		put_number(cc, e->cc[i].name, e->cc[i].value);
	json_object_set_new(o, "congestion_control", cc);
	if (e->dcb_known)
		json_object_set_new(o, "dcb", dcb_json(&e->dcb));
	if (e->queue_known)
		json_object_set_new(o, "queue", json_pack("{s:s, s:I, s:I}", "kinds", e->queue.kinds, "marked",
			(json_int_t)e->queue.marked, "dropped", (json_int_t)e->queue.dropped));
	if (e->nrides > 0)
		json_object_set_new(o, "rides", rides_json(e));
	if (e->seconds > 0)
		json_object_set_new(o, "seconds", json_real(e->seconds));
	return o;
}

static json_t *findings_json(const struct ct_findings *findings)
{
	json_t *a = json_array();

	for (size_t i = 0; i < findings->n; i++) {
		const struct ct_finding *f = &findings->list[i];

		json_array_append_new(a, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "rule", f->rule->id,
			"severity", ct_severity_name(f->severity), "seen", f->seen, "why", f->rule->why,
			"set", f->set, "undo", f->undo, "source", f->rule->source));
	}
	return a;
}

json_t *ct_roce_facts_json(const struct ct_ends *ends, const struct ct_findings *findings)
{
	json_t *ports = json_array(), *missing = json_array(), *probes = json_object(), *o;

	for (size_t i = 0; i < ends->n; i++)
		json_array_append_new(ports, end_json(&ends->list[i]));
	for (size_t i = 0; i < ends->nmissing; i++)
		json_array_append_new(missing, json_string(ends->missing[i]));
	for (unsigned int i = 0; i < CT_NPROBES; i++)
		if ((ends->probes.known >> i & 1) != 0)
			json_object_set_new(probes, ct_probe_name((enum ct_probe_id)i),
				json_real(ends->probes.value[i]));
	o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "schema", "colltune-roce-facts/1", "host",
		ends->host, "source", ends->captured ? "captured tree" : "this machine", "ports", ports,
		"missing", missing, "probes", probes, "findings", findings_json(findings));
	if (o != NULL && ends->label[0] != '\0')
		json_object_set_new(o, "label", json_string(ends->label));
	if (o != NULL && ends->ce_known)
		json_object_set_new(o, "ce_packets", json_integer((json_int_t)ends->ce_packets));
	return o;
}

/* ---- for the terminal: FACTS may come from another host --------------------------------------- */

static const char *text_of(const json_t *o, const char *key, char out[TEXT])
{
	const char *text = json_string_value(json_object_get(o, key));

	ct_text_clean(out, TEXT, text != NULL ? text : "");
	return out;
}

static void show_number(const json_t *o, const char *key, const char *name, const char *unit,
	struct ct_buf *out)
{
	const json_t *v = json_object_get(o, key);

	if (json_is_integer(v))
		ct_buf_add(out, "    %-28s %lld%s\n", name, (long long)json_integer_value(v), unit);
	else
		ct_buf_add(out, "    %-28s not exposed\n", name);
}

/* The other end's words about classes and applications, where it said any. */
static void show_peer(const json_t *dcb, struct ct_buf *out)
{
	const json_t *classes = json_object_get(dcb, "peer_tc_of_priority"), *v;
	const json_t *bandwidth = json_object_get(dcb, "peer_bandwidth"), *apps = json_object_get(dcb, "peer_apps");
	size_t i;

	if (json_is_array(classes))
		ct_buf_add(out, "    %-28s", "other end: class, share");
	json_array_foreach(classes, i, v)
		ct_buf_add(out, "%s %zu:%lld %lld%%", i > 0 ? "," : "", i, (long long)json_integer_value(v),
			(long long)json_integer_value(json_array_get(bandwidth,
				(size_t)json_integer_value(v) % CT_PRIORITIES)));
	if (json_is_array(classes))
		ct_buf_add(out, "\n");
	if (json_is_array(apps))
		ct_buf_add(out, "    %-28s", "other end: applications");
	json_array_foreach(apps, i, v)
		ct_buf_add(out, "%s selector %lld %lld to %lld", i > 0 ? "," : "",
			(long long)json_integer_value(json_object_get(v, "selector")),
			(long long)json_integer_value(json_object_get(v, "protocol")),
			(long long)json_integer_value(json_object_get(v, "priority")));
	if (json_is_array(apps))
		ct_buf_add(out, "\n");
}

static void show_dcb(const json_t *dcb, struct ct_buf *out)
{
	const json_t *map = json_object_get(dcb, "priority_of_dscp");
	char text[TEXT];

	if (!json_is_object(dcb)) {
		ct_buf_add(out, "    %-28s not exposed\n", "PFC, ETS, DSCP map");
		return;
	}
	ct_buf_add(out, "    %-28s 0x%02llx", "PFC on priorities",
		(unsigned long long)json_integer_value(json_object_get(dcb, "pfc")));
	if (json_object_get(dcb, "peer_pfc") != NULL)
		ct_buf_add(out, ", at the other end 0x%02llx",
			(unsigned long long)json_integer_value(json_object_get(dcb, "peer_pfc")));
	ct_buf_add(out, "\n    %-28s %s; DSCP 26 to priority %lld, 48 to %lld\n", "trust",
		text_of(dcb, "trust", text), (long long)json_integer_value(json_array_get(map, 26)),
		(long long)json_integer_value(json_array_get(map, 48)));
	show_peer(dcb, out);
}

static void show_gids(const json_t *gids, struct ct_buf *out)
{
	const json_t *g;
	size_t i;
	char kind[TEXT];

	ct_buf_add(out, "    %-28s", "GIDs");
	json_array_foreach(gids, i, g)
		ct_buf_add(out, "%s%lld v%lld %s", i > 0 ? ", " : " ",
			(long long)json_integer_value(json_object_get(g, "index")),
			(long long)json_integer_value(json_object_get(g, "version")),
			text_of(g, "kind", kind));
	ct_buf_add(out, "%s\n", json_array_size(gids) == 0 ? " none" : "");
}

static void show_port(const json_t *p, struct ct_buf *out)
{
	char device[TEXT], netdev[TEXT], driver[TEXT];
	const json_t *v;
	const char *key;
	unsigned int n = 0;

	ct_buf_add(out, "  %s port %lld, %s, counters of %s%s\n", text_of(p, "device", device),
		(long long)json_integer_value(json_object_get(p, "port")), text_of(p, "netdev", netdev),
		text_of(p, "driver", driver), json_is_true(json_object_get(p, "active")) ? "" :
		", not active");
	show_number(p, "rate_Mbps", "rate", " Mb/s", out);
	show_number(p, "mtu", "MTU of the interface", "", out);
	show_number(p, "rdma_mtu", "MTU of RDMA", "", out);
	show_dcb(json_object_get(p, "dcb"), out);
	show_number(p, "rx_pause", "pause of the link, received", "", out);
	show_number(p, "tx_pause", "pause of the link, sent", "", out);
	show_number(p, "storm_guard_ms", "storm guard", " ms", out);
	show_number(p, "traffic_class", "ToS of verbs", "", out);
	show_number(p, "cm_tos", "ToS of connection manager", "", out);
	v = json_object_get(p, "queue");
	if (json_is_object(v))
		ct_buf_add(out, "    %-28s %s: marked %lld, dropped %lld\n", "own queue (tc)",
			text_of(v, "kinds", device), (long long)json_integer_value(json_object_get(v, "marked")),
			(long long)json_integer_value(json_object_get(v, "dropped")));
	show_gids(json_object_get(p, "gids"), out);
	json_object_foreach((json_t *)json_object_get(p, "congestion_control"), key, v) {
		ct_text_clean(device, sizeof(device), key);
		ct_buf_add(out, "%s%s %lld", n++ > 0 ? ", " : "    congestion control: ", device,
			(long long)json_integer_value(v));
	}
	ct_buf_add(out, "%s", n > 0 ? "\n" : "");
}

void ct_roce_facts_show(const json_t *facts, struct ct_buf *out)
{
	char host[TEXT], source[TEXT], label[TEXT];
	const json_t *p;
	size_t i;

	ct_buf_add(out, "host %s, %s", text_of(facts, "host", host), text_of(facts, "source", source));
	if (text_of(facts, "label", label)[0] != '\0')
		ct_buf_add(out, ", %s", label);
	ct_buf_add(out, ": %zu RoCE port%s\n", json_array_size(json_object_get(facts, "ports")),
		json_array_size(json_object_get(facts, "ports")) == 1 ? "" : "s");
	json_array_foreach(json_object_get(facts, "ports"), i, p)
		show_port(p, out);
	json_array_foreach(json_object_get(facts, "missing"), i, p) {
		ct_text_clean(host, sizeof(host), json_is_string(p) ? json_string_value(p) : "");
		ct_buf_wrapped(out, "  not read: ", host);
	}
}
