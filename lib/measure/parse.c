/* SPDX-License-Identifier: BSD-3-Clause */
/* Point records back to results. They come from outside: every number and length is checked. */
#include <stdio.h>
#include <string.h>

#include "inside.h"

enum { MOST_KEYS = 64, WHERE = 160 };

/* Where we are, for messages: WHERE is "points.jsonl:17". */
struct place {
	const json_t *object;
	const char *where, *pointer; /* of the object; "" = the record */
};

static ct_status bad(const struct place *at, const char *key, const char *what)
{
	return ct_fail(CT_INVALID, "%s: %s/%s: %s", at->where, at->pointer, key, what);
}

static ct_status read_u64(const struct place *at, const char *key, uint64_t high, uint64_t *out)
{
	return ct_json_u64(at->object, key, at->where, at->pointer, 0, high, out);
}

static ct_status read_real(const struct place *at, const char *key, double *out)
{
	const json_t *v = json_object_get(at->object, key);

	if (!json_is_number(v) || json_number_value(v) < 0)
		return bad(at, key, v == NULL ? "missing" : "not a number of at least 0");
	*out = json_number_value(v);
	return CT_OK;
}

static ct_status read_bool(const struct place *at, const char *key, bool *out)
{
	const json_t *v = json_object_get(at->object, key);

	if (!json_is_boolean(v))
		return bad(at, key, v == NULL ? "missing" : "neither true nor false");
	*out = json_is_true(v);
	return CT_OK;
}

static ct_status read_text(const struct place *at, const struct ct_field *f, char *out)
{
	const char *in = NULL;
	ct_status status = ct_json_text(at->object, f->key, at->where, at->pointer, &in);

	if (status != CT_OK)
		return status;
	if (strlen(in) >= f->room)
		return bad(at, f->key, "too long");
	ct_text_clean(out, f->room, in);
	return CT_OK;
}

/* Index of the text at KEY among the names that NAME gives for 0 … N-1. */
static ct_status read_name(const struct place *at, const char *key,
	const char *(*name)(int index), int n, int *out)
{
	const char *in = NULL, *names[32] = { NULL };
	char hint[256];
	ct_status status = ct_json_text(at->object, key, at->where, at->pointer, &in);

	if (status != CT_OK)
		return status;
	for (int i = 0; i < n && i < 31; i++) {
		names[i] = name(i);
		if (strcmp(in, names[i]) == 0) {
			*out = i;
			return CT_OK;
		}
	}
	return ct_fail(CT_INVALID, "%s: %s/%s: unknown name%s", at->where, at->pointer, key,
		ct_name_hint(in, names, hint));
}

static const char *coll_name(int i) { return ct_coll_name((ct_coll)i); }
static const char *type_name(int i) { return ct_type_name((ct_type)i); }
static const char *op_name(int i) { return ct_op_name((ct_op)i); }
static const char *verdict_name(int i) { return ct_verdict_name((enum ct_verdict)i); }
static const char *status_name(int i) { return i == 0 ? "ok" : "unsupported"; }

static ct_status read_named(const struct place *at, const struct ct_field *f, void *p)
{
	int i = 0;
	ct_status status;

	switch (f->type) {
	case CT_FIELD_COLL:
		status = read_name(at, f->key, coll_name, CT_NCOLLS, &i);
		*(ct_coll *)p = (ct_coll)i;
		return status;
	case CT_FIELD_TYPE:
		status = read_name(at, f->key, type_name, CT_NTYPES, &i);
		*(ct_type *)p = (ct_type)i;
		return status;
	case CT_FIELD_OP:
		status = read_name(at, f->key, op_name, CT_NOPS, &i);
		*(ct_op *)p = (ct_op)i;
		return status;
	case CT_FIELD_VERDICT:
		status = read_name(at, f->key, verdict_name, CT_UNJUDGED + 1, &i);
		*(enum ct_verdict *)p = (enum ct_verdict)i;
		return status;
	default:
		status = read_name(at, f->key, status_name, 2, &i);
		*(ct_status *)p = i == 0 ? CT_OK : CT_UNSUPPORTED;
		return status;
	}
}

static ct_status read_field(const struct place *at, const struct ct_field *f, struct ct_result *r)
{
	void *p = (char *)r + f->offset;
	uint64_t v = 0;
	ct_status status;

	switch (f->type) {
	case CT_FIELD_U64:
		return read_u64(at, f->key, INT64_MAX, p);
	case CT_FIELD_U32:
		status = read_u64(at, f->key, UINT32_MAX, &v);
		*(uint32_t *)p = (uint32_t)v;
		return status;
	case CT_FIELD_MEAN:
		status = read_u64(at, f->key, INT64_MAX, &v);
		*(double *)p = (double)v;
		return status;
	case CT_FIELD_BOOL:
		return read_bool(at, f->key, p);
	case CT_FIELD_REAL:
		return read_real(at, f->key, p);
	case CT_FIELD_OPTIONAL_TEXT:
		if (json_object_get(at->object, f->key) == NULL)
			return CT_OK;
		return read_text(at, f, p);
	case CT_FIELD_TEXT:
		return read_text(at, f, p);
	default:
		return read_named(at, f, p);
	}
}

/* All plain fields of GROUP, and no key that neither the table nor MORE knows. */
static ct_status read_group(const struct place *at, const char *group, const char *const *more,
	struct ct_result *r)
{
	const char *known[MOST_KEYS] = { NULL };
	size_t n = 0;
	ct_status status;

	for (const struct ct_field *f = ct_fields; f->key != NULL && n < MOST_KEYS - 1; f++)
		if (strcmp(f->group, group) == 0)
			known[n++] = f->key;
	for (size_t i = 0; more[i] != NULL && n < MOST_KEYS - 1; i++)
		known[n++] = more[i];
	status = ct_json_known(at->object, at->where, at->pointer, known);
	for (const struct ct_field *f = ct_fields; f->key != NULL && status == CT_OK; f++)
		if (strcmp(f->group, group) == 0)
			status = read_field(at, f, r);
	return status;
}

static ct_status read_knobs(const struct place *at, struct ct_candidate *c)
{
	json_t *knobs = json_object_get(at->object, "knobs");
	const char *key;
	json_t *value;

	if (!json_is_object(knobs) || json_object_size(knobs) > CT_MAX_KNOBS)
		return bad(at, "knobs", "not an object of at most 4 numbers");
	json_object_foreach(knobs, key, value) {
		if (!json_is_integer(value) || strlen(key) >= sizeof(c->knob_name[0]))
			return bad(at, "knobs", "not an object of at most 4 numbers");
		c->knob[c->nknobs] = json_integer_value(value);
		ct_text_clean(c->knob_name[c->nknobs++], sizeof(c->knob_name[0]), key);
	}
	return CT_OK;
}

/* Left out where it is the host's. */
static ct_status read_memory(const struct place *at, struct ct_candidate *c)
{
	const char *text = NULL;
	ct_status status = CT_OK;

	if (json_object_get(at->object, "memory") != NULL)
		status = ct_json_text(at->object, "memory", at->where, at->pointer, &text);
	if (text != NULL && strlen(text) >= sizeof(c->memory))
		return bad(at, "memory", "too long");
	if (text != NULL)
		ct_text_clean(c->memory, sizeof(c->memory), text);
	return status;
}

static ct_status read_samples(const struct place *at, const json_t *array, struct ct_result *r)
{
	size_t n = json_array_size(array);

	if (!json_is_array(array) || n != r->summary.n || n > CT_SAMPLES_KEPT)
		return bad(at, "samples_ns", "not as many numbers as /samples says");
	r->samples_ns = ct_alloc(n, sizeof(*r->samples_ns));
	if (r->samples_ns == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(array, i);

		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return bad(at, "samples_ns", "holds something that is no time");
		r->samples_ns[i] = (uint64_t)json_integer_value(v);
	}
	return CT_OK;
}

static ct_status read_histogram(const struct place *at, const json_t *array, struct ct_result *r)
{
	struct ct_hist *h = r->hist = ct_alloc(1, sizeof(*h));
	json_int_t last = -1;

	if (h == NULL)
		return CT_NOMEM;
	ct_hist_reset(h);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *pair = json_array_get(array, i);
		const json_t *index = json_array_get(pair, 0), *count = json_array_get(pair, 1);

		if (json_array_size(pair) != 2 || !json_is_integer(index) ||
			!json_is_integer(count) || json_integer_value(index) <= last ||
			json_integer_value(index) >= CT_HIST_BUCKETS ||
			json_integer_value(count) <= 0)
			return bad(at, "histogram", "not pairs [index, count], ascending");
		last = json_integer_value(index);
		h->bucket[last] = (uint64_t)json_integer_value(count);
		h->count += h->bucket[last];
	}
	if (!json_is_array(array) || h->count != r->summary.n)
		return bad(at, "histogram", "its counts do not add up to /samples");
	h->min = r->summary.min;
	h->max = r->summary.max;
	h->sum = r->summary.mean * (double)h->count;
	return CT_OK;
}

static ct_status read_times(const struct place *at, struct ct_result *r)
{
	const json_t *list = json_object_get(at->object, "samples_ns");
	const json_t *hist = json_object_get(at->object, "histogram");

	if (list != NULL && hist != NULL)
		return bad(at, "histogram", "beside samples_ns");
	if (list != NULL)
		return read_samples(at, list, r);
	if (hist != NULL)
		return read_histogram(at, hist, r);
	return bad(at, "samples_ns", "missing, and no histogram");
}

static ct_status read_expected(const struct place *record, struct ct_result *r)
{
	static const char *const none[] = { NULL };
	struct place at = *record;

	at.object = json_object_get(record->object, "expected");
	at.pointer = "/expected";
	if (at.object == NULL)
		return bad(record, "expected", "missing");
	if (json_is_null(at.object))
		return CT_OK;
	r->expected.known = true;
	return read_group(&at, "expected", none, r);
}

static ct_status read_parts(const struct place *record, struct ct_result *r)
{
	static const char *const top[] = { "schema", "kind", "candidate", "counters", "ports", "told",
		"expected", "efficiency", "samples_ns", "histogram", NULL };
	static const char *const candidate[] = { "knobs", "memory", NULL }, *const none[] = { NULL };
	struct place at = *record;
	double efficiency;
	ct_status status = read_group(record, "", top, r);

	if (status == CT_OK && json_object_get(record->object, "efficiency") != NULL)
		status = read_real(record, "efficiency", &efficiency);
	if (status != CT_OK)
		return status;
	at.object = json_object_get(record->object, "candidate");
	at.pointer = "/candidate";
	status = read_group(&at, "candidate", candidate, r);
	if (status == CT_OK)
		status = read_knobs(&at, &r->candidate);
	if (status == CT_OK)
		status = read_memory(&at, &r->candidate);
	at.object = json_object_get(record->object, "counters");
	at.pointer = "/counters";
	if (status == CT_OK)
		status = read_group(&at, "counters", none, r);
	if (status == CT_OK)
		status = ct_port_counts_parse(record->object, record->where, &r->ports);
	at.object = json_object_get(record->object, "told");
	at.pointer = "/told";
	if (status == CT_OK && at.object != NULL)
		status = read_group(&at, "told", none, r);
	if (status == CT_OK)
		status = read_expected(record, r);
	if (status == CT_OK)
		status = read_times(record, r);
	return status;
}

static ct_status check_head(const struct place *at)
{
	const char *schema = NULL, *kind = NULL;
	ct_status status = ct_json_text(at->object, "schema", at->where, "", &schema);

	if (status == CT_OK && strcmp(schema, CT_RESULT_SCHEMA) != 0)
		status = ct_fail(CT_INVALID, "%s: /schema: \"%.40s\" is not " CT_RESULT_SCHEMA,
			at->where, schema);
	if (status == CT_OK)
		status = ct_json_text(at->object, "kind", at->where, "", &kind);
	if (status == CT_OK && strcmp(kind, "point") != 0)
		status = ct_fail(CT_INVALID, "%s: /kind: \"%.40s\" is not \"point\"",
			at->where, kind);
	return status;
}

ct_status ct_record_parse(const json_t *record, const char *file, uint64_t line,
	struct ct_result *result)
{
	char where[WHERE];
	struct place at = { record, where, "" };
	struct ct_result r = { .round = 0 };
	ct_status status;

	snprintf(where, sizeof(where), "%.120s:%llu", file, (unsigned long long)line);
	status = check_head(&at);
	if (status == CT_OK)
		status = read_parts(&at, &r);
	if (status != CT_OK) {
		ct_result_clear(&r);
		return status;
	}
	*result = r;
	return CT_OK;
}
