/* SPDX-License-Identifier: BSD-3-Clause */
/* verdict.json: everything the text shows, and the rounds behind it. Units are in the names. */
#include <string.h>

#include "run.h"

static const char *const must_names[CT_NMUST] = { "colltune", "mpi", "kernel", "machine" };

/* Adds VALUE (stolen, may be NULL) to OBJECT; false when there is no memory. */
static bool add(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

/* Adds OBJECT's members in one call; false = no memory. For an object that is then thrown away. */
static bool append(json_t *array, json_t *value)
{
	return json_array_append_new(array, value) == 0;
}

static json_t *candidate_json(const struct ct_candidate *c)
{
	json_t *knobs = json_object(), *o;

	for (uint32_t i = 0; i < c->nknobs; i++)
		if (!add(knobs, c->knob_name[i], json_integer(c->knob[i])))
			goto no_memory;
	o = json_pack("{s:s, s:s, s:s}", "backend", c->backend, "net", c->net, "algo", c->algo);
	if (o == NULL)
		goto no_memory;
	if (add(o, "knobs", knobs))
		return o;
	json_decref(o);
	return NULL;
no_memory:
	json_decref(knobs);
	return NULL;
}

static json_t *rounds_json(const struct ct_figure *f)
{
	json_t *rounds = json_array();

	for (uint32_t i = 0; i < f->rounds; i++) {
		if (append(rounds, json_integer((json_int_t)f->round_ns[i])))
			continue;
		json_decref(rounds);
		return NULL;
	}
	return rounds;
}

static json_t *expected_json(const struct ct_expectation *e)
{
	if (!e->known)
		return json_null();
	return json_pack("{s:I, s:f, s:s, s:s}", "time_ns", (json_int_t)e->time_ns, "busbw_Bps",
			 e->busbw_Bps, "formula", e->formula, "basis", e->basis);
}

static json_t *efficiency_json(const struct ct_figure *f)
{
	if (!(f->efficiency > 0))
		return json_null();
	return json_pack("{s:f, s:f, s:f}", "value", f->efficiency, "low", f->low, "high", f->high);
}

static json_t *figure_json(const void *arg)
{
	const struct ct_figure *f = arg;
	json_t *o =
		json_pack("{s:s, s:I, s:o?, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b}", "coll",
			  ct_coll_name(f->coll), "bytes", (json_int_t)f->bytes, "candidate",
			  candidate_json(&f->candidate), "pairs", (json_int_t)f->pairs, "samples",
			  (json_int_t)f->samples, "median_ns", (json_int_t)f->median_ns, "low_ns",
			  (json_int_t)f->low_ns, "high_ns", (json_int_t)f->high_ns, "wrong",
			  (json_int_t)f->wrong, "busbw_Bps", f->busbw_Bps, "checked", f->checked);

	if (o == NULL)
		return NULL;
	if (add(o, "scope", json_string(f->scope)) && add(o, "forced_switches", json_integer((json_int_t)f->forced)) &&
	    add(o, "rounds_ns", rounds_json(f)) &&
	    add(o, "expected", expected_json(&f->expected)) &&
	    add(o, "efficiency", efficiency_json(f)) &&
	    add(o, "verdict", json_string(ct_verdict_name(f->verdict))) &&
	    add(o, "note", json_string(f->note)) && add(o, "waived", json_boolean(f->waived)) &&
	    add(o, "pair",
		f->a != 0 || f->b != 0 ? json_pack("[i, i]", (int)f->a, (int)f->b) : json_null()))
		return o;
	json_decref(o);
	return NULL;
}

static json_t *gain_json(const struct ct_finding *f)
{
	if (!f->measured)
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:s, s:[I, I]}", "ratio", f->gain.ratio, "low",
			 f->gain.low, "high", f->gain.high, "p", f->p, "effect", f->effect, "coll",
			 ct_coll_name(f->coll), "bytes", (json_int_t)f->low_bytes,
			 (json_int_t)f->high_bytes);
}

static json_t *finding_json(const void *arg)
{
	const struct ct_finding *f = arg;

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o?}", "rule", f->rule->id,
			 "severity", ct_severity_name(f->severity), "seen", f->seen, "why",
			 f->rule->why, "set", f->set, "undo", f->undo, "expected", f->expected,
			 "source", f->rule->source, "gain", gain_json(f));
}

static json_t *env_json(const void *arg)
{
	const struct ct_env_row *row = arg;
	json_t *o = json_pack("{s:s, s:I}", "host", row->host, "rank", (json_int_t)row->rank);
	json_t *differs = json_array();
	bool ok = o != NULL && differs != NULL;

	for (int i = 0; i < CT_NMUST && ok; i++) {
		ok = add(o, must_names[i], json_string(row->text[i]));
		if (ok && row->differs[i])
			ok = append(differs, json_string(must_names[i]));
	}
	if (ok && add(o, "differs", json_incref(differs))) {
		json_decref(differs);
		return o;
	}
	json_decref(differs);
	json_decref(o);
	return NULL;
}

static json_t *stages_json(const struct ct_accept_report *r)
{
	json_t *o = json_object();

	for (int i = 0; i < CT_NSTAGES; i++) {
		const char *how = r->stages & 1u << i	     ? "done"
				  : r->skipped[i][0] != '\0' ? r->skipped[i]
							     : "not finished";

		if (add(o, ct_stage_name((enum ct_stage)i), json_string(how)))
			continue;
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *stage_times_json(const struct ct_accept_report *r)
{
	json_t *o = json_object();

	for (int i = 0; i < CT_NSTAGES && o != NULL; i++) {
		if (add(o, ct_stage_name((enum ct_stage)i), json_integer((json_int_t)r->stage_ns[i])))
			continue;
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *series_json(const double *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n && list != NULL; i++) {
		if (append(list, json_real(v[i])))
			continue;
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *soak_verdict_json(const double *ns, size_t n, const struct ct_soak_verdict *v)
{
	bool known = v->p < 1;

	return json_pack("{s:o?, s:f, s:f, s:f, s:f, s:b, s:I, s:I, s:b}", "ns", series_json(ns, n), "drift",
		v->drift.ratio, "low", known ? v->drift.low : 0.0, "high", known ? v->drift.high : 0.0, "p", v->p,
		"drifts", v->drifts, "slow", (json_int_t)v->slow, "flaps", (json_int_t)v->flaps, "flapping",
		v->flapping);
}

/* The series of the soak; null without one. */
static json_t *soak_json(const struct ct_soak *s)
{
	if (s->n == 0)
		return json_null();
	return json_pack("{s:I, s:o?, s:o?, s:o?}", "rounds", (json_int_t)s->rounds, "at_s",
		series_json(s->at_s, s->n), "allreduce", soak_verdict_json(s->ns[0], s->n, &s->verdict[0]),
		"p2p_oneway", soak_verdict_json(s->ns[1], s->n, &s->verdict[1]));
}

static json_t *bands_json(const struct ct_accept_bands *b)
{
	return json_pack("{s:[f, f], s:[f, f], s:[f, f], s:f, s:f}", "rate", b->rate.pass,
			 b->rate.warn, "link", b->link.pass, b->link.warn, "latency",
			 b->latency.pass, b->latency.warn, "pair_spread", b->pair_spread,
			 "forced_share", b->forced_share);
}

static json_t *difference_json(const void *arg)
{
	const struct ct_env_difference *d = arg;

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "path", d->path, "value", d->value, "usual", d->usual,
		"host", d->host, "hosts", (json_int_t)d->hosts, "kind", d->setting ? "setting" : "class");
}

/* N rows of EACH bytes at ROWS as a list under KEY. */
static bool add_list(json_t *root, const char *key, const void *rows, size_t n, size_t each,
	json_t *(*row_json)(const void *row))
{
	json_t *list = json_array();
	bool ok = list != NULL;

	for (size_t i = 0; i < n && ok; i++)
		ok = append(list, row_json((const char *)rows + i * each));
	ok = ok && json_object_set(root, key, list) == 0;
	json_decref(list);
	return ok;
}

static bool add_lists(json_t *root, const struct ct_accept_report *r)
{
	return add_list(root, "environment", r->env, r->nenv, sizeof(*r->env), env_json) &&
		add_list(root, "figures", r->figures, r->nfigures, sizeof(*r->figures), figure_json) &&
		add_list(root, "differences", r->differences, r->ndifferences, sizeof(*r->differences),
			difference_json) &&
		add_list(root, "findings", r->findings.list, r->findings.n, sizeof(*r->findings.list),
			finding_json);
}

static json_t *pairs_json(const struct ct_accept_report *r)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "total", (json_int_t)r->pairs_total, "met",
			 (json_int_t)r->pairs_met, "alone", (json_int_t)r->pairs_alone,
			 "worst_figure", (json_int_t)r->worst_pair, "best_figure",
			 (json_int_t)r->best_pair);
}

static json_t *against_json(const struct ct_profile_figure *f, const struct ct_profile_result *a)
{
	json_t *efficiency = a->best >= 0 ? json_pack("{s:f, s:f, s:f}", "value", a->efficiency, "low", a->low,
		"high", a->high) : json_null();

	return json_pack("{s:s, s:s, s:[I, I], s:[i, i], s:f, s:f, s:s, s:I, s:o, s:s, s:s}", "coll",
		ct_coll_name(f->coll), "backend", f->backend, "bytes", (json_int_t)f->least_bytes,
		(json_int_t)f->most_bytes, "nodes", (int)f->least_nodes, (int)f->most_nodes, "busbw_Bps",
		f->busbw_Bps, "time_ns", f->time_ns, "source", f->source, "figure", (json_int_t)a->best,
		"efficiency", efficiency, "verdict", ct_verdict_name(a->verdict), "note", a->note);
}

/* The profile's figures and waivers; null without a profile. */
static json_t *profile_json(const struct ct_accept_report *r)
{
	const struct ct_profile *p = r->profile;
	json_t *figures, *waivers, *o;
	bool ok;

	if (p == NULL)
		return json_null();
	figures = json_array();
	waivers = json_array();
	ok = figures != NULL && waivers != NULL;
	for (size_t i = 0; i < r->nagainst && ok; i++)
		ok = append(figures, against_json(&p->figures[r->against[i].figure], &r->against[i]));
	for (size_t i = 0; i < p->nwaivers && ok; i++)
		ok = append(waivers, json_pack("{s:s, s:s, s:s, s:b}", "part", p->waivers[i].part, "reason",
			p->waivers[i].reason, "until", p->waivers[i].until, "expired",
			strcmp(r->today, p->waivers[i].until) > 0));
	o = ok ? json_pack("{s:s, s:s, s:O, s:O}", "name", p->name, "title", p->title, "figures", figures,
		"waivers", waivers) : NULL;
	json_decref(figures);
	json_decref(waivers);
	return o;
}

json_t *ct_accept_json(const struct ct_accept_report *r)
{
	json_t *o =
		json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:b, s:b, s:I, s:I, s:I, s:I}", "schema",
			  "colltune-verdict/1", "verdict", ct_verdict_name(r->verdict), "reason",
			  r->reason, "exit", ct_accept_exit(r->verdict), "ranks",
			  (json_int_t)r->nranks, "hosts", (json_int_t)r->nhosts, "oversubscribed",
			  r->oversubscribed, "interrupted", r->interrupted, "budget_ns",
			  (json_int_t)r->budget_ns, "elapsed_ns", (json_int_t)r->elapsed_ns, "seed",
			  (json_int_t)r->seed, "rounds", (json_int_t)r->rounds);

	if (o == NULL)
		return NULL;
	if (add(o, "isolation", r->isolated ? ct_isolation_json(&r->fleet, &r->isolation, false) :
		json_null()) && add(o, "profile", profile_json(r)) &&
	    add(o, "waived", json_integer(r->nwaived)) && add(o, "stages", stages_json(r)) &&
	    add(o, "stage_ns", stage_times_json(r)) && add(o, "soak", soak_json(&r->soak)) &&
	    add(o, "congestion", json_string(r->congestion)) && add(o, "bands", bands_json(&r->bands)) &&
	    add(o, "pairs", pairs_json(r)) && add(o, "ladder", json_string(r->ladder)) &&
	    add_lists(o, r))
		return o;
	json_decref(o);
	return NULL;
}
