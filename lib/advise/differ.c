/* SPDX-License-Identifier: BSD-3-Clause */
/* In what two sets of results differ besides their times. Nothing here is hidden from the reader of
 * a comparison: whatever differs may be the cause. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sides.h"

enum { VALUE = 160 };

ct_status ct_compare_warn(struct ct_comparison *c, const char *format, ...)
{
	char raw[600], clean[600];
	const json_t *old;
	va_list args;
	size_t i;

	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	ct_text_clean(clean, sizeof(clean), raw);
	json_array_foreach(c->warnings, i,
			   old) if (strcmp(json_string_value(old), clean) == 0) return CT_OK;
	if (json_array_append_new(c->warnings, json_string(clean)) != 0)
		return ct_fail(CT_NOMEM, "no memory for warnings");
	return CT_OK;
}

static const json_t *environment_of(const struct ct_comparison *c, int side)
{
	return c->in[side].records->environment;
}

/* A JSON value as a person would write it, cut to fit. */
static const char *value_text(const json_t *v, char out[VALUE])
{
	char *text;

	if (json_is_string(v)) {
		snprintf(out, VALUE, "%s", json_string_value(v));
		return out;
	}
	text = v == NULL || json_is_null(v)
		       ? NULL
		       : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
	snprintf(out, VALUE, "%s", text != NULL ? text : "none");
	free(text);
	return out;
}

static ct_status differ(struct ct_comparison *c, const char *what, const json_t *a, const json_t *b)
{
	char ta[VALUE], tb[VALUE];

	if ((json_is_null(a) || a == NULL) ? (json_is_null(b) || b == NULL) : json_equal(a, b))
		return CT_OK;
	return ct_compare_warn(c, "%s: A %s, B %s", what, value_text(a, ta), value_text(b, tb));
}

/* Names, ranks and processors of the hosts. */
static const char *hosts_text(const json_t *hosts, char out[VALUE])
{
	const json_t *host;
	size_t i, used = 0;

	out[0] = '\0';
	json_array_foreach(hosts, i, host)
	{
		const char *name = json_string_value(json_object_get(host, "name"));

		snprintf(out + used, VALUE - used, "%s%s with %lld ranks on %lld processors",
			 i > 0 ? ", " : "", name != NULL ? name : "?",
			 (long long)json_integer_value(json_object_get(host, "ranks")),
			 (long long)json_integer_value(json_object_get(host, "cpus")));
		used = strlen(out);
	}
	return out;
}

static ct_status differ_hosts(struct ct_comparison *c, const json_t *a, const json_t *b)
{
	char ta[VALUE], tb[VALUE];

	if (json_equal(a, b))
		return CT_OK;
	return ct_compare_warn(c, "hosts differ: A %s; B %s", hosts_text(a, ta), hosts_text(b, tb));
}

static ct_status differ_environment(struct ct_comparison *c)
{
	static const struct {
		const char *key, *text;
	} rows[] = {
		{ "machine", "different machines (machine hash)" },
		{ "architecture", "architecture differs" },
		{ "kernel", "kernel differs" },
		{ "version", "colltune's version differs" },
		{ "command", "command differs" },
		{ "nranks", "number of ranks differs" },
		{ "oversubscribed", "oversubscribed on one side only" },
		{ "seed", "seed differs" },
		{ "synchronised_by", "start of samples synchronised differently" },
	};
	const json_t *a = environment_of(c, CT_SIDE_A), *b = environment_of(c, CT_SIDE_B);
	ct_status s = CT_OK;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && s == CT_OK; i++)
		s = differ(c, rows[i].text, json_object_get(a, rows[i].key),
			   json_object_get(b, rows[i].key));
	if (s == CT_OK && json_is_true(json_object_get(a, "oversubscribed")) &&
	    json_is_true(json_object_get(b, "oversubscribed")))
		s = ct_compare_warn(
			c, "both are oversubscribed (more ranks than processors): times tell "
			   "about the scheduler");
	if (s == CT_OK)
		s = differ_hosts(c, json_object_get(a, "hosts"), json_object_get(b, "hosts"));
	return s;
}

/* Options that say where output goes, or that are told elsewhere. */
static bool is_told(const char *name)
{
	static const char *const names[] = { "out",	 "resume",    "json",	    "csv",
					     "progress", "log",	      "exit-style", "stats",
					     "seed",	 "net-fault", NULL };

	for (size_t i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static ct_status differ_options(struct ct_comparison *c)
{
	json_t *a = json_object_get(environment_of(c, CT_SIDE_A), "options");
	json_t *b = json_object_get(environment_of(c, CT_SIDE_B), "options");
	char what[VALUE];
	const char *name;
	json_t *value;
	ct_status s = CT_OK;

	json_object_foreach(a, name, value)
	{
		snprintf(what, sizeof(what), "option --%s differs", name);
		if (s == CT_OK && !is_told(name))
			s = differ(c, what, value, json_object_get(b, name));
	}
	json_object_foreach(b, name, value)
	{
		snprintf(what, sizeof(what), "option --%s differs", name);
		if (s == CT_OK && !is_told(name) && json_object_get(a, name) == NULL)
			s = differ(c, what, NULL, value);
	}
	return s;
}

/* Candidates that could not be measured, and why. */
static ct_status warn_of_unsupported(struct ct_comparison *c, int side)
{
	const struct ct_records *records = c->in[side].records;
	char name[96];
	ct_status s = CT_OK;

	for (size_t i = 0; i < records->n && s == CT_OK; i++) {
		const struct ct_result *r = &records->results[i];

		if (r->status != CT_OK)
			s = ct_compare_warn(c, "%c: %s was not measured by %s: %s", "AB"[side],
					    ct_coll_name(r->test.coll),
					    ct_candidate_text(&r->candidate, name), r -> why);
	}
	return s;
}

/* What is to be known of one side whether or not the other has it too. */
static ct_status warn_of_side(struct ct_comparison *c, int side)
{
	const json_t *options = json_object_get(environment_of(c, side), "options");
	const json_t *fault = json_object_get(options, "net-fault");
	const char *state = c->in[side].state;
	bool unchecked = false, oversubscribed = false;
	char text[VALUE];
	ct_status s = CT_OK;

	if (json_is_string(fault))
		s = ct_compare_warn(c, "%c: faults were injected on purpose: --net-fault %s",
				    "AB"[side], value_text(fault, text));
	if (s == CT_OK && state != NULL && strcmp(state, "done") != 0)
		s = ct_compare_warn(c, "%c: the run did not come to its end: its state is \"%s\"",
				    "AB"[side], state);
	for (size_t i = 0; i < c->npoints; i++) {
		unchecked |= c->points[i].side[side]->unchecked;
		oversubscribed |= c->points[i].side[side]->oversubscribed;
	}
	if (s == CT_OK && unchecked)
		s = ct_compare_warn(c, "%c: data were not verified at every point", "AB"[side]);
	/* The environment speaks of the job; the points do when files were joined by hand. */
	if (s == CT_OK && oversubscribed &&
	    !json_is_true(json_object_get(environment_of(c, side), "oversubscribed")))
		s = ct_compare_warn(c, "%c: some points are oversubscribed", "AB"[side]);
	return s;
}

/* Once per block: the library, the path of the bytes, and how many rounds there are. */
static ct_status differ_points(struct ct_comparison *c)
{
	ct_status s = CT_OK;

	for (size_t i = 0; i < c->npoints && s == CT_OK; i++) {
		const struct ct_compare_side *a = c->points[i].side[CT_SIDE_A];
		const struct ct_compare_side *b = c->points[i].side[CT_SIDE_B];
		char name[96];

		if (i > 0 && ct_comparison_joined(c, i - 1))
			continue;
		if (!ct_candidate_same(&a->series.candidate, &b->series.candidate))
			continue; /* different candidates, as is said already */
		ct_candidate_text(&a->series.candidate, name);
		if (strcmp(a->library, b->library) != 0)
			s = ct_compare_warn(c, "%s %s: library differs: A %s, B %s",
					    ct_coll_name(a->key.coll), name, a->library,
					    b->library);
		if (s == CT_OK && strcmp(a->path, b->path) != 0)
			s = ct_compare_warn(c, "%s %s: path differs: A %s, B %s",
					    ct_coll_name(a->key.coll), name, a->path, b->path);
	}
	return s;
}

ct_status ct_compare_differ(struct ct_comparison *c)
{
	ct_status s = differ_environment(c);

	if (s == CT_OK)
		s = differ_options(c);
	for (int side = 0; side < CT_SIDES && s == CT_OK; side++)
		s = warn_of_side(c, side);
	for (int side = 0; side < CT_SIDES && s == CT_OK; side++)
		s = warn_of_unsupported(c, side);
	if (s == CT_OK)
		s = differ_points(c);
	return s;
}
