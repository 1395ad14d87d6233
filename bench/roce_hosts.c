/* SPDX-License-Identifier: BSD-3-Clause */
/* The ends of all hosts at one place, and how hosts differ from the majority. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "congest.h"
#include "dcb.h"
#include "roce.h"
#include "roce_rides.h"

enum { FACTS_MOST = 1 << 20, HOST_TREES = 256, VALUE = 80, NAMES = 100, LEAST_CNPS = 1000, LEAST_MESSAGES = 8 };

/* ---- reading ---------------------------------------------------------------------------------- */

static ct_status run_traffic(void *arg)
{
	return ct_traffic_run(arg);
}

/* What the flows showed, as if somebody had measured it before. */
static void add_probes(const struct ct_traffic *t, struct ct_probes *p)
{
	double least = LEAST_MESSAGES * (double)t->bytes * 1e9 / (double)t->span_ns; /* fewer are chance */

	if (t->forward_Bps >= least && t->backward_Bps >= least) {
		p->value[CT_PROBE_FORWARD_BPS] = t->forward_Bps;
		p->value[CT_PROBE_BACKWARD_BPS] = t->backward_Bps;
		p->known |= 1u << CT_PROBE_FORWARD_BPS | 1u << CT_PROBE_BACKWARD_BPS;
	}
	if (t->link_Bps > 0) {
		p->value[CT_PROBE_GOODPUT] = t->incast_Bps / t->link_Bps;
		p->known |= 1u << CT_PROBE_GOODPUT;
	}
}

static void add_classes(json_t *facts, const struct ct_traffic *t)
{
	json_object_set_new(facts, "classes", ct_roce_classes_json(t->rank->settings));
	json_object_set_new(facts, "not_ridden", ct_rides_missing(t->rides));
}

/* The facts of this host, or of the tree SYSROOT. TRAFFIC runs meanwhile; NULL: none. */
static ct_status read_facts(const struct ct_roce_settings *s, const char *sysroot,
	struct ct_traffic *traffic, json_t **facts)
{
	struct ct_ends_window window = { .ns = s->window, .arg = traffic,
		.meanwhile = traffic != NULL ? run_traffic : NULL };
	static const struct ct_ends_readers readers = { .dcb = ct_dcb_read, .queue = ct_queue_read };
	struct ct_findings findings = { .n = 0 };
	struct ct_ends *ends = NULL;
	ct_status status = ct_ends_read(sysroot, &readers, s->window > 0 || traffic != NULL ? &window :
		NULL, &ends);

	if (status == CT_OK && traffic != NULL && traffic->rank->world.rank == 0) /* told once */
		add_probes(traffic, &ends->probes);
	if (status == CT_OK && traffic != NULL)
		ct_rides_give(traffic->rides, ends);
	if (status == CT_OK)
		status = ct_advise_roce(ends, &findings);
	if (status == CT_OK) {
		*facts = ct_roce_facts_json(ends, &findings);
		if (*facts == NULL)
			status = ct_fail(CT_NOMEM, "no memory for the facts of a host");
		else if (traffic != NULL)
			add_classes(*facts, traffic);
	}
	ct_findings_free(&findings);
	ct_ends_free(ends);
	return status;
}

static ct_status read_trees(const struct ct_roce_settings *s, json_t *hosts)
{
	const char *list = s->sysroot;
	char path[4096];
	ct_status status = CT_OK;

	for (unsigned int n = 0; *list != '\0' && status == CT_OK; n++) {
		size_t length = strcspn(list, ",");
		json_t *facts = NULL;

		if (n == HOST_TREES || length == 0 || length >= sizeof(path))
			return ct_fail(CT_INVALID, "--sysroot: up to %d names of folders with commas between",
				HOST_TREES);
		snprintf(path, sizeof(path), "%.*s", (int)length, list);
		status = read_facts(s, path, NULL, &facts);
		if (status == CT_OK && json_array_append_new(hosts, facts) != 0)
			status = CT_NOMEM;
		list += length + (list[length] == ',');
	}
	return status;
}

/* ---- gathering -------------------------------------------------------------------------------- */

struct gathering {
	struct ct_rank *rank;
	json_t *hosts;
};

/* Rank 0: what a host sent becomes one of HOSTS; its name is the one that the job knows. */
static ct_status take(void *arg, uint32_t host, const char *text, size_t bytes)
{
	struct gathering *g = arg;
	const char *name = g->rank->world.hosts[host].name;
	json_t *facts = NULL;
	ct_status status = text == NULL ? ct_fail(CT_INVALID, "it could not tell") :
		ct_json_parse(text, bytes, name, &facts);

	if (status == CT_OK && (!json_is_array(json_object_get(facts, "ports")) ||
		!json_is_array(json_object_get(facts, "findings")) ||
		!json_is_array(json_object_get(facts, "missing"))))
		status = ct_fail(CT_INVALID, "it sent something else");
	if (status == CT_OK) {
		json_object_set_new(facts, "host", json_string(name));
		return json_array_append_new(g->hosts, facts) == 0 ? CT_OK : CT_NOMEM;
	}
	json_decref(facts);
	if (status != CT_INVALID)
		return status;
	fprintf(stderr, "colltune roce: host %s left out: %s\n", name, ct_why());
	return CT_OK;
}

/* This host's facts as text, to be freed with free(); NULL: they could not be read. With TRAFFIC, a
 * collective. */
static ct_status facts_text(struct ct_rank *rank, const struct ct_roce_settings *s,
	struct ct_traffic *traffic, char **text)
{
	struct ct_rides *rides;
	json_t *facts = NULL;
	ct_status status = CT_OK;

	if (rank->world.local_rank == 0) {
		if (traffic != NULL && ct_rides_open(&traffic->rides) != CT_OK)
			traffic->rides = NULL; /* no port that could be looked at */
		status = read_facts(s, NULL, traffic, &facts);
		if (status == CT_OK)
			*text = json_dumps(facts, JSON_COMPACT);
		json_decref(facts);
	}
	rides = traffic != NULL ? traffic->rides : NULL;
	/* A host whose ports cannot be read takes part all the same. */
	if (traffic != NULL && !traffic->ran)
		status = ct_traffic_run(traffic);
	ct_rides_close(rides);
	if (traffic == NULL && status != CT_OK) {
		fprintf(stderr, "colltune roce: %s\n", ct_why());
		status = CT_OK;
	}
	return status;
}

static ct_status gather(struct ct_rank *rank, const struct ct_roce_settings *s, json_t *hosts)
{
	struct gathering g = { rank, hosts };
	struct ct_traffic traffic = { .rank = rank, .net = s->job.net, .span_ns = s->span, .bytes = s->size };
	char *text = NULL;
	struct ct_gather all = { .what = "RoCE facts", .limit = FACTS_MOST, .take = take, .arg = &g };
	ct_status status = CT_OK;

	ct_session_phase(rank->session, "reading RoCE ports");
	if (s->traffic && rank->world.nranks < 2)
		status = ct_fail(CT_INVALID, "--traffic needs two ranks and more: mpirun -n, or -t");
	else if (s->traffic && s->size % 16 != 0)
		status = ct_fail(CT_INVALID, "--size: not a multiple of 16 bytes");
	if (status == CT_OK && s->traffic)
		status = ct_congest_allowed(&rank->world, s->load_fabric, s->span, 1);
	if (status == CT_OK)
		status = facts_text(rank, s, s->traffic ? &traffic : NULL, &text);
	status = ct_session_agree(rank->session, status);
	all.text = text;
	all.bytes = text != NULL ? strlen(text) : 0;
	if (status == CT_OK)
		status = ct_session_gather(rank->session, &all);
	free(text);
	return status;
}

ct_status ct_roce_hosts(struct ct_rank *rank, const struct ct_roce_settings *s, json_t **hosts)
{
	json_t *list = rank->world.rank == 0 ? json_array() : NULL;
	ct_status status = CT_OK;

	if (rank->world.rank == 0 && list == NULL)
		status = ct_fail(CT_NOMEM, "no memory for the facts of all hosts");
	if (status == CT_OK && s->sysroot != NULL && list != NULL)
		status = read_trees(s, list);
	status = ct_session_agree(rank->session, status);
	if (status == CT_OK && s->sysroot == NULL)
		status = gather(rank, s, list);
	if (status == CT_OK)
		*hosts = list;
	else
		json_decref(list);
	return status;
}

/* ---- between hosts ---------------------------------------------------------------------------- */

/* What must be the same at the same port of all hosts; a dot leads into an object. */
static const char *const alike[] = { "active", "rate_Mbps", "mtu", "rdma_mtu", "dcb.pfc", "dcb.trust",
	"dcb.priority_of_dscp", "dcb.tc_of_priority", "dcb.dcbx", "rx_pause", "tx_pause", "storm_guard_ms",
	"traffic_class", "cm_tos", "cm_mode", "ecn_np", "ecn_rp", "congestion_control", "gids",
	"bond_hash", "iommu", "driver", NULL };

static const json_t *value_at(const json_t *host, size_t port, const char *key)
{
	const json_t *o = json_array_get(json_object_get(host, "ports"), port);
	const char *dot = strchr(key, '.');

	if (dot == NULL)
		return json_object_get(o, key);
	return json_object_get(json_object_get(o, "dcb"), dot + 1);
}

/* GIDs count by number, version and kind; the interface's name does not. */
static char *gids_text(const json_t *gids)
{
	struct ct_buf out = ct_buf_make(4096);
	const json_t *g;
	size_t i;

	json_array_foreach(gids, i, g) {
		const char *kind = json_string_value(json_object_get(g, "kind"));

		ct_buf_add(&out, "%s%lld v%lld %s", i > 0 ? ", " : "",
			(long long)json_integer_value(json_object_get(g, "index")),
			(long long)json_integer_value(json_object_get(g, "version")), kind != NULL ? kind : "");
	}
	return out.text; /* ct_free() */
}

/* The value as text in OUT (cut), "not exposed" when there is none, and a hash of all of it. */
static uint64_t text_of(const json_t *host, size_t port, const char *key, char out[VALUE])
{
	const json_t *v = value_at(host, port, key);
	char *text = NULL, *gids = NULL;
	const char *shown = "not exposed";
	uint64_t hash = 1;

	if (strcmp(key, "gids") == 0 && v != NULL) {
		gids = gids_text(v);
		shown = gids != NULL ? gids : "none";
	} else if (v != NULL) {
		text = json_dumps(v, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);
		shown = text != NULL ? text : "?";
	}
	for (const char *c = shown; *c != '\0'; c++)
		hash = ct_rng_hash(hash, (unsigned char)*c);
	ct_text_clean(out, VALUE, shown);
	free(text);
	ct_free(gids);
	return hash;
}

static void host_name(const json_t *host, char out[64])
{
	const char *name = json_string_value(json_object_get(host, "host"));

	ct_text_clean(out, 64, name != NULL ? name : "?");
}

static ct_status add(json_t *findings, const char *id, const char *seen)
{
	const struct ct_roce_rule *r = ct_roce_rule_find(id);
	json_t *f = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "rule", id, "severity",
		ct_severity_name(r->rule.severity), "seen", seen, "why", r->rule.why, "set", r->set, "undo",
		r->undo, "source", r->rule.source);

	return f != NULL && json_array_append_new(findings, f) == 0 ? CT_OK :
		ct_fail(CT_NOMEM, "no memory for a finding");
}

/* Of HASH[N] the value that more than half have, as an index; N when there is none. */
static size_t majority(const uint64_t *hash, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t same = 0;

		for (size_t k = 0; k < n; k++)
			same += hash[k] == hash[i];
		if (2 * same > n)
			return i;
	}
	return n;
}

/* "mtu: b, c have 1500 …; the other 6 have 9000", or each host with its value. */
static void name_hosts(const json_t *hosts, size_t port, const char *key, const uint64_t *hash,
	struct ct_buf *seen)
{
	size_t n = json_array_size(hosts), most = majority(hash, n), named = 0, odd = 0;
	char value[VALUE], name[64];
	const char *device = json_string_value(json_object_get(json_array_get(json_object_get(
		json_array_get(hosts, most < n ? most : 0), "ports"), port), "device"));

	ct_text_clean(name, sizeof(name), device != NULL ? device : "?");
	ct_buf_add(seen, "%s: %s:", name, key);
	for (size_t i = 0; i < n; i++) {
		if (most < n && hash[i] == hash[most])
			continue;
		odd++;
		if (named++ >= 8)
			continue;
		host_name(json_array_get(hosts, i), name);
		text_of(json_array_get(hosts, i), port, key, value);
		ct_buf_add(seen, "%s %s has %s", named > 1 ? "," : "", name, value);
	}
	if (named > 8)
		ct_buf_add(seen, ", and %zu more differ", named - 8);
	if (most < n) {
		text_of(json_array_get(hosts, most), port, key, value);
		ct_buf_add(seen, "; the other %zu have %s", n - odd, value);
	} else {
		ct_buf_add(seen, "; no value has a majority");
	}
}

static ct_status compare_key(const json_t *hosts, size_t port, const char *key, uint64_t *hash,
	json_t *findings)
{
	struct ct_buf seen = ct_buf_make(2048);
	bool same = true;
	char value[VALUE];
	ct_status status = CT_OK;

	for (size_t i = 0; i < json_array_size(hosts); i++) {
		hash[i] = text_of(json_array_get(hosts, i), port, key, value);
		same = same && hash[i] == hash[0];
	}
	if (!same) {
		name_hosts(hosts, port, key, hash, &seen);
		status = add(findings, "hosts-differ", seen.text != NULL ? seen.text : key);
	}
	ct_buf_free(&seen);
	return status;
}

/* Notifications that all hosts sent and those that came to any; -1 where one does not expose them. */
static void count_cnps(const json_t *hosts, int64_t *sent, int64_t *came)
{
	const json_t *host, *port;
	size_t i, k;

	*sent = *came = 0;
	json_array_foreach(hosts, i, host)
		json_array_foreach(json_object_get(host, "ports"), k, port) {
			const json_t *c = json_object_get(port, "counts");

			if (json_object_get(c, "cnp_tx") == NULL || json_object_get(c, "cnp_rx") == NULL) {
				*sent = *came = -1;
				return;
			}
			*sent += json_integer_value(json_object_get(c, "cnp_tx"));
			*came += json_integer_value(json_object_get(c, "cnp_rx")) +
				json_integer_value(json_object_get(c, "cnp_ignored"));
		}
}

/* Gaps with a sender elsewhere that noticed losses are losses. */
static void drop_reordering(const json_t *hosts)
{
	const json_t *host;
	bool loss = false;
	size_t i;

	for (int pass = 0; pass < 2; pass++)
		json_array_foreach(hosts, i, host) {
			json_t *list = json_object_get(host, "findings");

			for (size_t k = json_array_size(list); k-- > 0;) {
				const char *id = json_string_value(json_object_get(json_array_get(list, k),
					"rule"));

				if (id == NULL)
					continue;
				loss = loss || strcmp(id, "silent-loss") == 0 ||
					strcmp(id, "lossless-loss") == 0;
				if (pass == 1 && loss && strcmp(id, "reordering") == 0)
					json_array_remove(list, k);
			}
		}
}

ct_status ct_roce_between(const json_t *hosts, json_t *findings)
{
	size_t n = json_array_size(hosts), ports = 0;
	uint64_t *hash = ct_alloc(n + 1, sizeof(*hash));
	int64_t sent, came;
	char seen[160];
	ct_status status = hash != NULL ? CT_OK : CT_NOMEM;

	for (size_t i = 0; i < n; i++) {
		size_t k = json_array_size(json_object_get(json_array_get(hosts, i), "ports"));

		ports = k > ports ? k : ports;
	}
	for (size_t p = 0; p < ports && p < 64 && n > 1; p++)
		for (size_t k = 0; alike[k] != NULL && status == CT_OK; k++)
			status = compare_key(hosts, p, alike[k], hash, findings);
	drop_reordering(hosts);
	count_cnps(hosts, &sent, &came);
	if (status == CT_OK && n > 1 && sent >= LEAST_CNPS && came < sent / 2) {
		snprintf(seen, sizeof(seen), "all hosts together sent %lld notifications, %lld came",
			(long long)sent, (long long)came);
		status = add(findings, "cnp-lost", seen);
	}
	ct_free(hash);
	return status;
}
