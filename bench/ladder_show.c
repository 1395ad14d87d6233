/* SPDX-License-Identifier: BSD-3-Clause */
/* A judged ladder as text and as JSON. */
#include <math.h>
#include <stdio.h>

#include "ladder.h"

static const char *const kinds[CT_LADDERS] = { "latency", "rate" };

/* A cost as people read it: a time, or the rate that it stands for. */
static const char *figure(double cost, int kind, char out[32])
{
	if (!(cost > 0))
		return "-";
	return kind == CT_LADDER_LATENCY ? ct_time_text((uint64_t)(cost + 0.5), out) :
		ct_rate_text(1e9 / cost, out);
}

static void ratio(struct ct_buf *out, const struct ct_ratio *r)
{
	char text[64];

	if (isfinite(r->high))
		snprintf(text, sizeof(text), "%.2f [%.2f, %.2f]", r->ratio, r->low, r->high);
	else
		snprintf(text, sizeof(text), "%.2f [?, ?]", r->ratio);
	ct_buf_add(out, "  %-19s", text);
}

static void add_row(const struct ct_climb *c, int kind, size_t i, struct ct_buf *out)
{
	const struct ct_rung *r = &c->rungs[i];
	char measured[32], low[32], high[32], both[80], expected[32], below[16] = "-",
		efficiency[16] = "-";
	bool rate = kind == CT_LADDER_RATE;

	ct_buf_add(out, "%3zu  %-30.30s", i + 1, r->name);
	if (r->rounds == 0) {
		ct_buf_add(out, "  missing: %s\n", r->why[0] != '\0' ? r->why : "no round was measured");
		return;
	}
	/* the low cost is the high rate */
	snprintf(both, sizeof(both), "[%s, %s]", figure(rate ? r->high : r->low, kind, low),
		figure(rate ? r->low : r->high, kind, high));
	if (r->expected > 0 && r->median > 0)
		snprintf(efficiency, sizeof(efficiency), "%.0f%%", 100 * r->expected / r->median);
	ct_buf_add(out, "  %10s %-24s %10s %5s", figure(r->median, kind, measured), both,
		figure(r->expected, kind, expected), efficiency);
	if (r->against >= 0)
		snprintf(below, sizeof(below), "%d", r->against + 1);
	ct_buf_add(out, "  %5s", r->against < 0 && r->expected > 0 ? "model" : below);
	if (r->result < CT_RUNG_FEW) {
		ct_buf_add(out, "  %s\n", ct_rung_text(r->result));
		return;
	}
	ratio(out, &r->loss);
	ct_buf_add(out, "  %9.2f", r->explained);
	ratio(out, &r->unexplained);
	if (r->result == CT_RUNG_FEW)
		ct_buf_add(out, "  %8s", "-");
	else
		ct_buf_add(out, "  %8.2g", r->p);
	ct_buf_add(out, "  %s\n", ct_rung_text(r->result));
}

void ct_ladder_text(const struct ct_climb *c, int kind, struct ct_buf *out)
{
	char size[32], count[32];

	ct_size_text(c->bytes, size);
	ct_buf_add(out, "#\n# %s of %s: %s\n", kinds[kind], size, kind == CT_LADDER_LATENCY ?
		"half a round trip of all pairs at once, then a collective's time" :
		"each direction of all pairs at once, then a collective's bus bandwidth");
	ct_buf_add(out, "#    %-30s  %10s %-24s %10s %5s  %5s  %-19s  %9s  %-19s  %8s  %s\n", "rung",
		kind == CT_LADDER_LATENCY ? "time" : "rate", "95 %", "expected", "effic", "below",
		"loss 95 %", "explained", "unexplained 95 %", "p", "rung is");
	for (size_t i = 0; i < c->ladder.n; i++)
		add_row(c, kind, i, out);
	for (size_t i = 0; i < c->ladder.n; i++) {
		if (c->rungs[i].rounds == 0)
			continue;
		snprintf(count, sizeof(count), "%zu", i + 1);
		if (c->coll[i] >= CT_P2P_LATENCY && c->path[i][0] != '\0')
			ct_buf_add(out, "# %s: %s\n", count, c->path[i]);
		if (c->expected[i].known)
			ct_buf_add(out, "# %s expected: %s (%s)\n", count, c->expected[i].formula,
				c->expected[i].basis);
	}
	ct_buf_add(out, "#\n# Ladder, %s: %s\n", kinds[kind], c->ladder.sentence);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *ratio_json(const struct ct_ratio *r)
{
	return json_pack("{s:o, s:o, s:o}", "ratio", real(r->ratio), "low", real(r->low), "high",
		real(r->high));
}

static json_t *rung_json(const struct ct_climb *c, size_t i)
{
	const struct ct_rung *r = &c->rungs[i];
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:I}", "name", r->name, "coll",
		ct_coll_name(c->coll[i]), "result", ct_rung_text(r->result), "why",
		r->rounds == 0 ? r->why : "", "rounds", (int)r->rounds, "wrong", (json_int_t)r->wrong);

	if (o == NULL || r->rounds == 0)
		return o;
	if (json_object_update_new(o, json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}",
		"path", c->path[i], "cost", real(r->median), "cost_low", real(r->low), "cost_high", real(r->high),
		"expected", r->expected > 0 ? real(r->expected) : json_null(), "formula",
		c->expected[i].formula, "against", r->against >= 0 ? json_integer(r->against) : json_null(),
		"loss", ratio_json(&r->loss), "explained", real(r->explained), "unexplained",
		ratio_json(&r->unexplained), "p", real(r->p))) == 0)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *ladder_json(const struct ct_climb *c, int kind)
{
	json_t *rungs = json_array();
	bool good = rungs != NULL;

	for (size_t i = 0; i < c->ladder.n && good; i++)
		good = json_array_append_new(rungs, rung_json(c, i)) == 0;
	if (!good) {
		json_decref(rungs);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:I, s:s, s:o, s:s, s:o}", "what", kinds[kind], "cost_unit",
		kind == CT_LADDER_LATENCY ? "ns" : "ns per byte", "bytes", (json_int_t)c->bytes, "end",
		ct_ladder_end_text(c->ladder.end), "worst", c->ladder.worst >= 0 ?
		json_integer(c->ladder.worst) : json_null(), "sentence", c->ladder.sentence, "rungs", rungs);
}

json_t *ct_ladder_json(const struct ct_climb climbs[CT_LADDERS])
{
	json_t *list = json_array();
	bool good = list != NULL;

	for (int kind = 0; kind < CT_LADDERS && good; kind++)
		good = json_array_append_new(list, ladder_json(&climbs[kind], kind)) == 0;
	if (!good) {
		json_decref(list);
		return NULL;
	}
	return json_pack("{s:s, s:b, s:o}", "schema", "colltune-ladder/1", "oversubscribed",
		(int)climbs[0].ladder.oversubscribed, "ladders", list);
}
