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

static json_t *figure_json(const struct ct_figure *f)
{
	json_t *o =
		json_pack("{s:s, s:I, s:o?, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b}", "coll",
			  ct_coll_name(f->coll), "bytes", (json_int_t)f->bytes, "candidate",
			  candidate_json(&f->candidate), "pairs", (json_int_t)f->pairs, "samples",
			  (json_int_t)f->samples, "median_ns", (json_int_t)f->median_ns, "low_ns",
			  (json_int_t)f->low_ns, "high_ns", (json_int_t)f->high_ns, "wrong",
			  (json_int_t)f->wrong, "busbw_Bps", f->busbw_Bps, "checked", f->checked);

	if (o == NULL)
		return NULL;
	if (add(o, "forced_switches", json_integer((json_int_t)f->forced)) &&
	    add(o, "rounds_ns", rounds_json(f)) &&
	    add(o, "expected", expected_json(&f->expected)) &&
	    add(o, "efficiency", efficiency_json(f)) &&
	    add(o, "verdict", json_string(ct_verdict_name(f->verdict))) &&
	    add(o, "note", json_string(f->note)) &&
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

static json_t *finding_json(const struct ct_finding *f)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o?}", "rule", f->rule->id,
			 "severity", ct_severity_name(f->severity), "seen", f->seen, "why",
			 f->rule->why, "set", f->set, "undo", f->undo, "expected", f->expected,
			 "source", f->rule->source, "gain", gain_json(f));
}

static json_t *env_json(const struct ct_env_row *row)
{
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

static json_t *bands_json(const struct ct_accept_bands *b)
{
	return json_pack("{s:[f, f], s:[f, f], s:[f, f], s:f, s:f}", "rate", b->rate.pass,
			 b->rate.warn, "link", b->link.pass, b->link.warn, "latency",
			 b->latency.pass, b->latency.warn, "pair_spread", b->pair_spread,
			 "forced_share", b->forced_share);
}

static bool add_lists(json_t *root, const struct ct_accept_report *r)
{
	json_t *figures = json_array(), *findings = json_array(), *env = json_array();
	bool ok = figures != NULL && findings != NULL && env != NULL;

	for (size_t i = 0; i < r->nfigures && ok; i++)
		ok = append(figures, figure_json(&r->figures[i]));
	for (size_t i = 0; i < r->findings.n && ok; i++)
		ok = append(findings, finding_json(&r->findings.list[i]));
	for (size_t i = 0; i < r->nenv && ok; i++)
		ok = append(env, env_json(&r->env[i]));
	ok = ok && json_object_set(root, "environment", env) == 0 &&
	     json_object_set(root, "figures", figures) == 0 &&
	     json_object_set(root, "findings", findings) == 0;
	json_decref(env);
	json_decref(findings);
	json_decref(figures);
	return ok;
}

static json_t *pairs_json(const struct ct_accept_report *r)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "total", (json_int_t)r->pairs_total, "met",
			 (json_int_t)r->pairs_met, "alone", (json_int_t)r->pairs_alone,
			 "worst_figure", (json_int_t)r->worst_pair, "best_figure",
			 (json_int_t)r->best_pair);
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
	if (add(o, "stages", stages_json(r)) && add(o, "bands", bands_json(&r->bands)) &&
	    add(o, "pairs", pairs_json(r)) && add(o, "ladder", json_string(r->ladder)) &&
	    add_lists(o, r))
		return o;
	json_decref(o);
	return NULL;
}
