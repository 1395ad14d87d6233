/* SPDX-License-Identifier: BSD-3-Clause */
/* Results as JSON (results/schema.json): the table of fields, and out. In is parse.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "inside.h"

#define FIELD(group, key, type, member) \
	{ group, key, type, offsetof(struct ct_result, member), \
		sizeof(((struct ct_result *)0)->member) }

const struct ct_field ct_fields[] = {
	FIELD("", "round", CT_FIELD_U32, round),
	FIELD("", "coll", CT_FIELD_COLL, test.coll),
	FIELD("", "type", CT_FIELD_TYPE, test.type),
	FIELD("", "op", CT_FIELD_OP, test.op),
	FIELD("", "root", CT_FIELD_U32, test.root),
	FIELD("", "in_place", CT_FIELD_BOOL, test.in_place),
	FIELD("", "window", CT_FIELD_U32, test.window),
	FIELD("", "asked_bytes", CT_FIELD_U64, test.bytes),
	FIELD("", "bytes", CT_FIELD_U64, bytes),
	FIELD("", "count", CT_FIELD_U64, count),
	FIELD("", "nranks", CT_FIELD_U32, nranks),
	FIELD("", "pairs", CT_FIELD_U32, pairs),
	FIELD("candidate", "backend", CT_FIELD_TEXT, candidate.backend),
	FIELD("candidate", "net", CT_FIELD_TEXT, candidate.net),
	FIELD("candidate", "algo", CT_FIELD_TEXT, candidate.algo),
	FIELD("", "path", CT_FIELD_TEXT, path),
	FIELD("", "library", CT_FIELD_TEXT, library),
	FIELD("", "status", CT_FIELD_STATUS, status),
	FIELD("", "why", CT_FIELD_TEXT, why),
	FIELD("", "inner", CT_FIELD_U64, inner),
	FIELD("", "samples", CT_FIELD_U64, summary.n),
	FIELD("", "median_ns", CT_FIELD_U64, summary.median),
	FIELD("", "low_ns", CT_FIELD_U64, summary.low),
	FIELD("", "high_ns", CT_FIELD_U64, summary.high),
	FIELD("", "confidence", CT_FIELD_REAL, summary.confidence),
	FIELD("", "min_ns", CT_FIELD_U64, summary.min),
	FIELD("", "max_ns", CT_FIELD_U64, summary.max),
	FIELD("", "mean_ns", CT_FIELD_MEAN, summary.mean),
	FIELD("", "p50_ns", CT_FIELD_U64, summary.p50),
	FIELD("", "p95_ns", CT_FIELD_U64, summary.p95),
	FIELD("", "p99_ns", CT_FIELD_U64, summary.p99),
	FIELD("", "first_ns", CT_FIELD_U64, first_ns),
	FIELD("", "warmup", CT_FIELD_U32, warmup),
	FIELD("", "wrong", CT_FIELD_U64, wrong),
	FIELD("", "checked", CT_FIELD_U32, checked),
	FIELD("", "overhead_ns", CT_FIELD_U64, overhead_ns),
	FIELD("", "algbw_Bps", CT_FIELD_REAL, algbw_Bps),
	FIELD("", "busbw_Bps", CT_FIELD_REAL, busbw_Bps),
	FIELD("", "messages_per_s", CT_FIELD_REAL, messages_per_s),
	FIELD("", "precise", CT_FIELD_BOOL, precise),
	FIELD("", "oversubscribed", CT_FIELD_BOOL, oversubscribed),
	FIELD("", "verdict", CT_FIELD_VERDICT, verdict),
	FIELD("counters", "rx_bytes", CT_FIELD_U64, counters.rx_bytes),
	FIELD("counters", "tx_bytes", CT_FIELD_U64, counters.tx_bytes),
	FIELD("counters", "retransmits", CT_FIELD_U64, counters.retransmits),
	FIELD("counters", "switches", CT_FIELD_U64, counters.switches),
	FIELD("counters", "forced_switches", CT_FIELD_U64, counters.forced_switches),
	FIELD("counters", "page_faults", CT_FIELD_U64, counters.page_faults),
	FIELD("told", "predicted_ns", CT_FIELD_U64, told.predicted_ns),
	FIELD("told", "chosen", CT_FIELD_TEXT, told.chosen),
	FIELD("told", "costs", CT_FIELD_OPTIONAL_TEXT, told.costs),
	FIELD("told", "rule", CT_FIELD_OPTIONAL_TEXT, told.rule),
	FIELD("expected", "time_ns", CT_FIELD_U64, expected.time_ns),
	FIELD("expected", "busbw_Bps", CT_FIELD_REAL, expected.busbw_Bps),
	FIELD("expected", "formula", CT_FIELD_TEXT, expected.formula),
	FIELD("expected", "basis", CT_FIELD_TEXT, expected.basis),
	{ NULL, NULL, CT_FIELD_U64, 0, 0 },
};

/* JSON's integers end at 2^63-1 here; nothing that is measured comes near. */
static json_t *integer(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static json_t *real(double v)
{
	return json_real(isfinite(v) ? v : 0);
}

/* Any text, as JSON takes it: cleaned, so that it is UTF-8. */
static json_t *text(const char *in, size_t room)
{
	char raw[256], clean[256];

	snprintf(raw, sizeof(raw), "%.*s", (int)(room < sizeof(raw) ? room : sizeof(raw) - 1), in);
	ct_text_clean(clean, sizeof(clean), raw);
	return json_string(clean);
}

static json_t *field_value(const struct ct_field *f, const struct ct_result *result)
{
	const void *p = (const char *)result + f->offset;

	switch (f->type) {
	case CT_FIELD_U64:
		return integer(*(const uint64_t *)p);
	case CT_FIELD_U32:
		return integer(*(const uint32_t *)p);
	case CT_FIELD_BOOL:
		return json_boolean(*(const bool *)p);
	case CT_FIELD_REAL:
		return real(*(const double *)p);
	case CT_FIELD_MEAN:
		return integer((uint64_t)(*(const double *)p + 0.5));
	case CT_FIELD_TEXT:
	case CT_FIELD_OPTIONAL_TEXT:
		return text(p, f->room);
	case CT_FIELD_COLL:
		return json_string(ct_coll_name(*(const ct_coll *)p));
	case CT_FIELD_TYPE:
		return json_string(ct_type_name(*(const ct_type *)p));
	case CT_FIELD_OP:
		return json_string(ct_op_name(*(const ct_op *)p));
	case CT_FIELD_VERDICT:
		return json_string(ct_verdict_name(*(const enum ct_verdict *)p));
	case CT_FIELD_STATUS:
		return json_string(*(const ct_status *)p == CT_OK ? "ok" : "unsupported");
	}
	return NULL;
}

/* Sets KEY in the record or in its object GROUP, which is made when first met. Takes VALUE. */
static bool put(json_t *record, const char *group, const char *key, json_t *value)
{
	json_t *object = record;

	if (group[0] != '\0') {
		object = json_object_get(record, group);
		if (object == NULL && json_object_set_new(record, group, json_object()) == 0)
			object = json_object_get(record, group);
	}
	return json_object_set_new(object, key, value) == 0; /* NULL value or object: -1 */
}

static json_t *knobs(const struct ct_candidate *c)
{
	json_t *object = json_object();

	for (uint32_t i = 0; i < c->nknobs && i < CT_MAX_KNOBS; i++)
		if (json_object_set_new(object, c->knob_name[i], json_integer(c->knob[i])) != 0) {
			json_decref(object);
			return NULL;
		}
	return object;
}

static json_t *samples(const struct ct_result *r)
{
	json_t *array = json_array();

	for (uint64_t i = 0; r->samples_ns != NULL && i < r->summary.n; i++)
		if (json_array_append_new(array, integer(r->samples_ns[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *histogram(const struct ct_hist *h)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < CT_HIST_BUCKETS; i++) {
		if (h->bucket[i] == 0)
			continue;
		if (json_array_append_new(array, json_pack("[I, I]", (json_int_t)i,
			(json_int_t)h->bucket[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* The times themselves, in one of their two forms. */
static bool put_times(json_t *record, const struct ct_result *r)
{
	if (r->hist != NULL)
		return put(record, "", "histogram", histogram(r->hist));
	return put(record, "", "samples_ns", samples(r));
}

static bool put_expected(json_t *record, const struct ct_result *r)
{
	const struct ct_expectation *e = &r->expected;

	if (!e->known)
		return put(record, "", "expected", json_null());
	if (r->summary.median == 0)
		return true;
	return put(record, "", "efficiency", real((double)e->time_ns / (double)r->summary.median));
}

/* Groups and texts that not every record has. */
static bool is_there(const struct ct_result *r, const struct ct_field *f)
{
	if (f->type == CT_FIELD_OPTIONAL_TEXT && ((const char *)r)[f->offset] == '\0')
		return false;
	if (strcmp(f->group, "expected") == 0)
		return r->expected.known;
	if (strcmp(f->group, "told") == 0)
		return r->told.predicted_ns > 0 || r->told.chosen[0] != '\0' ||
			r->told.costs[0] != '\0';
	return true;
}

json_t *ct_record_point(const struct ct_result *result)
{
	json_t *record = json_pack("{s:s, s:s}", "schema", CT_RESULT_SCHEMA, "kind", "point");
	bool good = record != NULL;

	if (!ct_result_has_times(result)) {
		json_decref(record);
		ct_fail(CT_INVALID, "a result without its samples cannot be recorded");
		return NULL;
	}
	for (const struct ct_field *f = ct_fields; f->key != NULL && good; f++)
		if (is_there(result, f))
			good = put(record, f->group, f->key, field_value(f, result));
	if (good && result->ports.known)
		good = put(record, "", "ports", ct_port_counts_record(&result->ports));
	if (good && result->candidate.memory[0] != '\0')
		good = put(record, "candidate", "memory", json_string(result->candidate.memory));
	good = good && put(record, "candidate", "knobs", knobs(&result->candidate)) &&
		put_expected(record, result) && put_times(record, result);
	if (!good) {
		json_decref(record);
		ct_fail(CT_NOMEM, "no memory for a result record");
		return NULL;
	}
	return record;
}

/* ---- environment ---------------------------------------------------------------------------- */

static json_t *hosts(const struct ct_world *w)
{
	json_t *array = json_array();

	for (uint32_t h = 0; h < w->nhosts; h++) {
		json_t *host = json_object();

		if (json_object_set_new(host, "name", text(w->hosts[h].name, CT_HOST_NAME)) != 0 ||
			json_object_set_new(host, "ranks", integer(w->hosts[h].ranks)) != 0 ||
			json_object_set_new(host, "cpus", integer(w->hosts[h].cpus)) != 0 ||
			json_array_append(array, host) != 0) {
			json_decref(host);
			json_decref(array);
			return NULL;
		}
		json_decref(host);
	}
	return array;
}

static json_t *clock_record(void)
{
	uint64_t step = 0, cost = 0;

	ct_clock_quality(&step, &cost);
	return json_pack("{s:s, s:I, s:I}", "source", "CLOCK_MONOTONIC", "step_ns",
		(json_int_t)step, "cost_ns", (json_int_t)cost);
}

/* Sets KEY to VALUE unless something has failed before. Takes VALUE. */
static void add(json_t *record, bool *good, const char *key, json_t *value)
{
	if (*good)
		*good = put(record, "", key, value);
	else
		json_decref(value);
}

static void add_system(json_t *record, bool *good)
{
	struct utsname system;
	char now[21];

	ct_clock_utc(now);
	if (uname(&system) != 0)
		memset(&system, 0, sizeof(system));
	add(record, good, "version", json_string(ct_version()));
	add(record, good, "started", json_string(now));
	add(record, good, "kernel", text(system.release, sizeof(system.release)));
	add(record, good, "architecture", text(system.machine, sizeof(system.machine)));
	add(record, good, "clock", clock_record());
}

json_t *ct_record_environment(const struct ct_session *session, const char *command,
	const json_t *options, const char *machine_hash, uint64_t seed)
{
	const struct ct_world *w = ct_session_world(session);
	json_t *record = json_pack("{s:s, s:s}", "schema", CT_RESULT_SCHEMA, "kind", "environment");
	char seed_text[24];
	bool good = record != NULL;

	/* a text: readers that keep numbers as doubles would change it */
	snprintf(seed_text, sizeof(seed_text), "%llu", (unsigned long long)seed);
	add(record, &good, "command", text(command, 255));
	add_system(record, &good);
	add(record, &good, "nranks", integer(w->nranks));
	add(record, &good, "hosts", hosts(w));
	add(record, &good, "oversubscribed", json_boolean(w->oversubscribed));
	add(record, &good, "machine",
		machine_hash != NULL ? text(machine_hash, 255) : json_null());
	add(record, &good, "options",
		options != NULL ? json_deep_copy(options) : json_object());
	add(record, &good, "seed", json_string(seed_text));
	add(record, &good, "synchronised_by", json_string(ct_session_sync_text(session)));
	if (!good) {
		json_decref(record);
		ct_fail(CT_NOMEM, "no memory for the environment record");
		return NULL;
	}
	return record;
}
