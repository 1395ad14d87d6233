/* SPDX-License-Identifier: BSD-3-Clause */
/* What a search has found, as colltune-rules/1. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "inside.h"

enum { BESIDE_MOST = 8, DIFFERENCES = 256, ENOUGH = 12 };

static const double gain_most = 1e6, gain_least = 0.001;
static const double normal_difference = 0.9539; /* median of |a - b|, a and b standard normal */
static const double own_error = 0.006;          /* of a level, however many samples: as race_guess.c has it */
static const double deviations = 1.96;

bool ct_tune_library(const char *text, char name[32], char version[16])
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
		if (ct_tune_library(t->parts[p].library, name, version))
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

/* What CELL of PART sets, as its backend's readers want it: NCCL's cell "ring/ll128" in two words, and channels only where they
 * are not its own choice. New reference. */
static json_t *set_of(const struct ct_tune_part *part, uint32_t cell)
{
	const struct ct_candidate *c = &part->cells[cell];
	const char *proto = strcmp(part->backend, "nccl") == 0 ? strchr(c->algo, '/') : NULL;
	const char *algo = c->algo[0] != '\0' ? c->algo : strcmp(part->backend, "native") == 0 ? "auto" : "default";
	json_t *set = json_object();

	(void)json_object_set_new(set, "algo", proto == NULL ? json_string(algo) :
		json_stringn(algo, (size_t)(proto - c->algo)));
	if (proto != NULL)
		(void)json_object_set_new(set, "proto", json_string(proto + 1));
	for (uint32_t k = 0; k < c->nknobs; k++)
		if (proto == NULL || c->knob[k] > 0)
			(void)json_object_set_new(set, c->knob_name[k], json_integer(c->knob[k]));
	return set;
}

json_t *ct_tune_rule(const struct ct_tune_part *part, uint32_t cell, size_t first, size_t last)
{
	/* up to the next size that was asked about: nothing is said about larger ones than measured */
	uint64_t end = last + 1 < part->nsizes ? part->sizes[last + 1] - 1 : part->sizes[last];

	return json_pack("{s:s, s:s, s:s, s:[I,I], s:o}", "coll", ct_coll_name(part->coll), "backend",
		part->backend, "type", "any", "bytes", (json_int_t)part->sizes[first], (json_int_t)end,
		"set", set_of(part, cell));
}

static json_t *rule_of(const struct ct_tune_part *part, const struct ct_stretch *s)
{
	json_t *rule = ct_tune_rule(part, s->cell, s->first, s->last);

	if (s->low > 0 && isfinite(s->high))
		(void)json_object_set_new(rule, "gain", json_pack("{s:f, s:f, s:f}", "ratio",
			rounded(s->gain), "low", rounded(s->low), "high", rounded(s->high)));
	(void)json_object_set_new(rule, "fresh_samples", json_integer(s->samples));
	return rule;
}

/* ---- what was measured beside the choice ----------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Spread of a sample's logarithm at size I, from one sample of a cell to its next; where there are few, with the
 * sizes below. 0: not known. */
static double noise_at(const struct ct_search *s, size_t i)
{
	double list[DIFFERENCES];
	size_t n = 0;

	for (size_t j = i + 1; j-- > 0 && n < ENOUGH;)
		for (uint32_t c = 0; c < s->ncells; c++) {
			const struct ct_cell_times *t = ct_times(s, j, c);

			for (uint32_t k = 1; k < t->n && n < DIFFERENCES; k++)
				if ((t->cold >> (k - 1) & 3) == 0)
					list[n++] = fabs(log((double)t->ns[k]) - log((double)t->ns[k - 1]));
		}
	if (n == 0)
		return 0;
	qsort(list, n, sizeof(*list), compare);
	return list[n / 2] / normal_difference;
}

/* Square of the error of a cell's level. Its late samples, which the level leaves out, count here: where there are
 * some, other samples might have told another level. */
static double error_of(const struct ct_cell_times *t, double noise)
{
	double sum = 0;
	uint32_t n = 0;

	for (uint32_t k = 0; k < t->n; k++)
		if ((t->cold >> k & 1) == 0) {
			double apart = log((double)t->ns[k]) - t->pooled;

			sum += apart * apart;
			n++;
		}
	return fmax(noise * noise, n > 0 ? sum / n : 0) / t->weight + own_error * own_error;
}

/* Gain of CELL over the default at size I by the pooled times; false: not known, or surely none. */
static bool gain_at(const struct ct_search *s, size_t i, uint32_t cell, double noise, struct ct_ratio *gain)
{
	const struct ct_cell_times *own = ct_times(s, i, cell), *other = ct_times(s, i, 0);
	double d, error;

	if (own->counted == 0 || other->counted == 0 || own->state == CT_CELL_ILLEGAL ||
		own->state == CT_CELL_WRONG)
		return false;
	d = other->pooled - own->pooled;
	error = deviations * sqrt(error_of(own, noise) + error_of(other, noise));
	*gain = (struct ct_ratio){ rounded(exp(d)), rounded(exp(d - error)), rounded(exp(d + error)) };
	return gain->low >= gain_least && gain->high >= 1;
}

struct beside {
	uint32_t cell;
	struct ct_ratio gain;
};

/* Largest gain first; of equals the first cell. */
static int by_gain(const void *a, const void *b)
{
	const struct beside *x = a, *y = b;

	if (x->gain.ratio != y->gain.ratio)
		return x->gain.ratio > y->gain.ratio ? -1 : 1;
	return (x->cell > y->cell) - (x->cell < y->cell);
}

/* At size I of PART, which stands for all up to the next one that was measured. */
static void add_measured(const struct ct_tune_part *part, size_t i, json_t *list)
{
	const struct ct_search *s = &part->found;
	struct beside found[CT_SEARCH_MOST_CELLS];
	double noise = noise_at(s, i);
	size_t n = 0, next = i + 1;
	uint64_t end;

	while (next < part->nsizes && !s->measured[next])
		next++;
	end = next < part->nsizes ? part->sizes[next] - 1 : part->sizes[part->nsizes - 1];
	for (uint32_t c = 1; c < s->ncells && noise > 0; c++) {
		found[n].cell = c;
		n += gain_at(s, i, c, noise, &found[n].gain);
	}
	if (n > 0)
		qsort(found, n, sizeof(*found), by_gain);
	for (size_t k = 0; k < n && k < BESIDE_MOST; k++)
		(void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:[I,I], s:o, s:{s:f, s:f, s:f}}",
			"coll", ct_coll_name(part->coll), "backend", part->backend, "type", "any", "bytes",
			(json_int_t)part->sizes[i], (json_int_t)end, "set", set_of(part, found[k].cell),
			"gain", "ratio", found[k].gain.ratio, "low", found[k].gain.low, "high", found[k].gain.high));
}

static json_t *measured(const struct ct_tuned *t)
{
	json_t *list = json_array();

	for (size_t p = 0; p < t->nparts; p++)
		for (size_t i = 0; i < t->parts[p].nsizes; i++)
			if (t->parts[p].found.measured[i])
				add_measured(&t->parts[p], i, list);
	return list;
}

json_t *ct_tune_rules(const struct ct_tuned *t, const struct ct_world *world, const char *machine,
	const char *fingerprint)
{
	json_t *rules = json_array(), *beside, *whole;

	for (size_t p = 0; p < t->nparts; p++)
		for (size_t k = 0; k < t->parts[p].found.nstretches; k++) {
			const struct ct_stretch *s = &t->parts[p].found.stretch[k];

			if (s->cell != 0 && json_array_append_new(rules, rule_of(&t->parts[p], s)) != 0) {
				json_decref(rules);
				return NULL;
			}
		}
	whole = json_pack("{s:s, s:o, s:o}", "schema", "colltune-rules/1", "scope",
		scope_of(t, world, machine, fingerprint), "rules", rules);
	beside = measured(t);
	if (json_array_size(beside) > 0)
		(void)json_object_set(whole, "measured", beside);
	json_decref(beside);
	return whole;
}
