/* SPDX-License-Identifier: BSD-3-Clause */
/* What a search has found, as colltune-rules/1. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tune.h"

static const double gain_most = 1e6;

/* "Open MPI v4.1.4" to "openmpi" and "4.1"; false when there is no version in it. */
static bool library_of(const char *text, char name[32], char version[16])
{
	size_t n = 0;
	unsigned major, minor;

	for (; *text != '\0'; text++) {
		const char *digits = *text == 'v' ? text + 1 : text;

		if (n > 0 && text[-1] == ' ' && sscanf(digits, "%5u.%5u", &major, &minor) == 2) {
			name[n] = '\0';
			snprintf(version, 16, "%u.%u", major, minor);
			return true;
		}
		if (isalnum((unsigned char)*text) && n < 31)
			name[n++] = (char)tolower((unsigned char)*text);
	}
	return false;
}

static json_t *scope_of(const struct ct_tuned *t, const struct ct_world *w, const char *machine,
	const char *fingerprint)
{
	uint32_t low = UINT32_MAX, high = 0;
	bool emulated = false;
	json_t *scope, *libs = json_object(), *searched;

	for (uint32_t h = 0; h < w->nhosts; h++) {
		low = w->hosts[h].ranks < low ? w->hosts[h].ranks : low;
		high = w->hosts[h].ranks > high ? w->hosts[h].ranks : high;
	}
	for (size_t p = 0; p < t->nparts; p++) {
		char name[32], version[16];

		emulated |= t->parts[p].path != NULL && strcasestr(t->parts[p].path, "stand-in") != NULL;
		if (library_of(t->parts[p].library, name, version))
			(void)json_object_set_new(libs, name, json_string(version));
	}
	scope = json_pack("{s:s, s:[i,i], s:[i,i]}", "machine", machine, "nodes", (int)w->nhosts,
		(int)w->nhosts, "ranks_per_node", (int)low, (int)high);
	searched = json_pack(low < high ? "[i,i]" : "[i]", (int)low, (int)high);
	(void)json_object_set_new(scope, "ranks_searched", searched);
	if (t->attr.overlap != NULL)
		(void)json_object_set_new(scope, "overlap", json_string(t->attr.overlap));
	if (emulated)
		(void)json_object_set_new(scope, "emulated", json_true());
	if (fingerprint != NULL)
		(void)json_object_set_new(scope, "fingerprint", json_string(fingerprint));
	if (json_object_size(libs) > 0)
		(void)json_object_set(scope, "libs", libs);
	json_decref(libs);
	return scope;
}

static double rounded(double x)
{
	return fmin(round(x * 1000) / 1000, gain_most);
}

/* What C sets, as its backend's readers want it: NCCL's cell "ring/ll128" in two words, and channels only where they
 * are not its own choice. New reference. */
static json_t *set_of(const struct ct_candidate *c)
{
	const char *proto = strcmp(c->backend, "nccl") == 0 ? strchr(c->algo, '/') : NULL;
	json_t *set = json_object();

	(void)json_object_set_new(set, "algo", proto == NULL ? json_string(c->algo) :
		json_stringn(c->algo, (size_t)(proto - c->algo)));
	if (proto != NULL)
		(void)json_object_set_new(set, "proto", json_string(proto + 1));
	for (uint32_t k = 0; k < c->nknobs; k++)
		if (proto == NULL || c->knob[k] > 0)
			(void)json_object_set_new(set, c->knob_name[k], json_integer(c->knob[k]));
	return set;
}

static json_t *rule_of(const struct ct_tune_part *part, const struct ct_stretch *s)
{
	const struct ct_candidate *c = &part->cells[s->cell];
	json_t *rule;
	/* up to the next size that was asked about: nothing is said about larger ones than measured */
	uint64_t end = s->last + 1 < part->nsizes ? part->sizes[s->last + 1] - 1 : part->sizes[s->last];

	rule = json_pack("{s:s, s:s, s:s, s:[I,I], s:o}", "coll", ct_coll_name(part->coll), "backend",
		part->backend, "type", "any", "bytes", (json_int_t)part->sizes[s->first], (json_int_t)end,
		"set", set_of(c));
	if (s->low > 0 && isfinite(s->high))
		(void)json_object_set_new(rule, "gain", json_pack("{s:f, s:f, s:f}", "ratio",
			rounded(s->gain), "low", rounded(s->low), "high", rounded(s->high)));
	(void)json_object_set_new(rule, "fresh_samples", json_integer(s->samples));
	return rule;
}

json_t *ct_tune_rules(const struct ct_tuned *t, const struct ct_world *world, const char *machine,
	const char *fingerprint)
{
	json_t *rules = json_array();

	for (size_t p = 0; p < t->nparts; p++)
		for (size_t k = 0; k < t->parts[p].found.nstretches; k++) {
			const struct ct_stretch *s = &t->parts[p].found.stretch[k];

			if (s->cell != 0 && json_array_append_new(rules, rule_of(&t->parts[p], s)) != 0) {
				json_decref(rules);
				return NULL;
			}
		}
	return json_pack("{s:s, s:o, s:o}", "schema", "colltune-rules/1", "scope",
		scope_of(t, world, machine, fingerprint), "rules", rules);
}
