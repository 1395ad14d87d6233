/* SPDX-License-Identifier: BSD-3-Clause */
/* Other runs in a report: their curves beside its own, and a baseline that it is judged against. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "report_html.h"

enum { VERDICT_MOST = 1 << 20, FIXES_MOST = 20 };

/* ---- curves ---------------------------------------------------------------------------------- */

ct_status ct_page_beside(struct ct_page *report, const struct ct_page *other)
{
	json_t *ours = json_object_get(report->json, "series"), *curve;
	const json_t *theirs = json_object_get(other->json, "series"), *note;
	const json_t *size = json_object_get(json_object_get(report->json, "environment"), "nranks");
	const json_t *their_size = json_object_get(json_object_get(other->json, "environment"), "nranks");
	const char *from = ct_page_text(other->json, "source", "?");
	size_t i;

	json_array_foreach(json_object_get(other->json, "notes"), i, note)
		ct_page_note(report->json, "%.200s: %.300s", from, json_string_value(note));
	if (json_is_integer(size) && json_is_integer(their_size) && !json_equal(size, their_size))
		ct_page_note(report->json, "%s%s:1: results of %lld ranks, this job has %lld: its curves stand by themselves, and "
			"nothing of it is compared", from, strstr(from, ".jsonl") != NULL ? "" : "/points.jsonl", (long long)json_integer_value(their_size),
			(long long)json_integer_value(size));
	json_array_foreach((json_t *)(uintptr_t)theirs, i, curve) {
		json_t *copy = json_deep_copy(curve);
		char name[400];

		snprintf(name, sizeof(name), "%.100s (%.200s)", ct_page_text(curve, "candidate", "?"), from);
		if (copy == NULL || json_object_set_new(copy, "candidate", json_string(name)) != 0 ||
		    json_object_set_new(copy, "beside", json_true()) != 0 || json_array_append(ours, copy) != 0) {
			json_decref(copy);
			return CT_NOMEM;
		}
		json_decref(copy);
	}
	return CT_OK;
}

/* ---- the comparison -------------------------------------------------------------------------- */

static json_t *real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *point_json(const struct ct_compared *p)
{
	const struct ct_compare_side *a = p->side[CT_SIDE_A], *b = p->side[CT_SIDE_B];
	char key[160], name[96], result[64];

	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:s, s:b}", "what",
		ct_compare_key_text(&a->key, key), "candidate", ct_candidate_text(&b->series.candidate, name), "bytes",
		(json_int_t)a->key.bytes, "before_ns", (json_int_t)a->median_ns, "now_ns", (json_int_t)b->median_ns,
		"rounds_before", (json_int_t)a->series.rounds, "rounds_now", (json_int_t)b->series.rounds, "ratio",
		real(p->ratio.ratio), "low", real(p->ratio.low), "high", real(p->ratio.high), "p", real(p->p), "result",
		ct_compared_text(p, result), "worse", (int)ct_compared_worse(p));
}

/* A point that is worse is something to fix. */
static void add_fix(json_t *report, const struct ct_compared *p, const char *baseline)
{
	json_t *fixes = json_object_get(report, "fixes");
	char seen[400], expected[64], title[400], size[32], result[64];

	snprintf(seen, sizeof(seen), "%.200s at %s: %s, %.2f times as long as in the baseline %.80s", ct_compared_title(p, title),
		ct_size_text(p->side[CT_SIDE_A]->key.bytes, size), ct_compared_text(p, result), p->ratio.ratio, baseline);
	snprintf(expected, sizeof(expected), "%.2f times the speed", p->ratio.ratio);
	(void)json_array_insert_new(fixes, 0, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "rule", "regression", "severity",
		"warning", "seen", seen, "why", "it was faster before, by a test over rounds", "set",
		"look at what changed since: hosts, versions, settings, cables", "expected", expected));
}

static ct_status add_comparison(json_t *report, const struct ct_comparison *c, const char *baseline)
{
	static const char *const ends[] = { "worse", "open", "good" };
	struct ct_buf verdict = ct_buf_make(VERDICT_MOST);
	json_t *points = json_array(), *all;
	size_t worse = 0;
	ct_status status;

	ct_comparison_verdict(c, &verdict);
	status = ct_buf_status(&verdict);
	for (size_t i = 0; i < c->npoints && status == CT_OK; i++)
		status = json_array_append_new(points, point_json(&c->points[i])) == 0 ? CT_OK : CT_NOMEM;
	for (size_t i = 0; i < c->npoints && worse < FIXES_MOST && status == CT_OK; i++) {
		if (!ct_compared_worse(&c->points[i]))
			continue;
		add_fix(report, &c->points[i], baseline);
		worse++;
	}
	all = json_pack("{s:s, s:s, s:s, s:O, s:o, s:I}", "name", baseline, "end", ends[ct_comparison_end(c)], "verdict",
		verdict.text != NULL ? verdict.text : "", "warnings", c->warnings, "points", points, "alone",
		(json_int_t)c->nalone);
	ct_buf_free(&verdict);
	if (status == CT_OK && (all == NULL || json_object_set(report, "baseline", all) != 0))
		status = CT_NOMEM;
	json_decref(all);
	return status;
}

/* The comparison of whole lines: what was being written is left out, as the page does. */
static ct_status compare(json_t *report, const char *path, const char *baseline, const char *clean)
{
	const char *const names[CT_SIDES] = { baseline, path };
	struct ct_records records[CT_SIDES] = { { .n = 0 }, { .n = 0 } };
	char state[CT_SIDES][CT_COMPARE_STATE];
	struct ct_compare_in in[CT_SIDES];
	struct ct_comparison c = { .npoints = 0 };
	ct_status status = CT_OK;

	for (int side = 0; side < CT_SIDES && status == CT_OK; side++) {
		status = ct_compare_read(names[side], true, &records[side], state[side]);
		in[side] = (struct ct_compare_in){ .name = names[side], .state = state[side][0] != '\0' ? state[side] : NULL,
			.records = &records[side] };
	}
	if (status == CT_OK)
		status = ct_comparison_make(in, &c);
	if (status == CT_OK) {
		status = add_comparison(report, &c, clean);
		ct_comparison_free(&c);
	} else if (status == CT_INVALID || status == CT_IO) {
		ct_page_note(report, "not compared with the baseline: %s", ct_why());
		status = CT_OK;
	}
	for (int side = 0; side < CT_SIDES; side++)
		ct_records_free(&records[side]);
	return status;
}

ct_status ct_page_baseline(struct ct_page *report, const char *path, const char *baseline)
{
	struct ct_page before;
	char clean[256];
	ct_status status = ct_page_read(baseline, &before);

	if (status != CT_OK)
		return status;
	ct_text_clean(clean, sizeof(clean), baseline);
	status = ct_page_beside(report, &before);
	if (status == CT_OK)
		status = compare(report->json, path, baseline, clean);
	ct_page_free(&before);
	return status;
}

/* ---- on the page ----------------------------------------------------------------------------- */

static void time_cell(struct ct_buf *out, const json_t *value)
{
	char text[32];

	ct_html_cell(out, "n", ct_time_text((uint64_t)json_integer_value(value), text));
}

static void row(struct ct_buf *out, const json_t *p)
{
	char text[64];

	ct_buf_add(out, "<tr>");
	ct_html_cell(out, "", ct_page_text(p, "what", "?"));
	ct_html_cell(out, "", ct_page_text(p, "candidate", "?"));
	ct_html_cell(out, "n", ct_size_text((uint64_t)json_integer_value(json_object_get(p, "bytes")), text));
	time_cell(out, json_object_get(p, "before_ns"));
	time_cell(out, json_object_get(p, "now_ns"));
	snprintf(text, sizeof(text), "%.3f", json_number_value(json_object_get(p, "ratio")));
	ct_html_cell(out, "n", text);
	if (json_is_number(json_object_get(p, "high")))
		snprintf(text, sizeof(text), "[%.3f, %.3f]", json_number_value(json_object_get(p, "low")),
			json_number_value(json_object_get(p, "high")));
	else
		snprintf(text, sizeof(text), "-");
	ct_html_cell(out, "n", text);
	ct_html_cell(out, json_is_true(json_object_get(p, "worse")) ? "fail" : "", ct_page_text(p, "result", ""));
	ct_buf_add(out, "</tr>\n");
}

void ct_html_baseline(struct ct_buf *out, const json_t *report)
{
	const json_t *baseline = json_object_get(report, "baseline"), *one;
	const char *all = ct_page_text(baseline, "verdict", ""), *sum = strstr(all, "In all: ");
	size_t i;

	if (baseline == NULL)
		return;
	ct_buf_add(out, "<section id=\"baseline\">\n<h2>Against the baseline</h2>\n<p>A is ");
	ct_html_text(out, ct_page_text(baseline, "name", ""));
	ct_buf_add(out, ", B is this run. ");
	ct_html_text(out, sum != NULL ? sum : all);
	ct_buf_add(out, "</p>\n");
	if (sum != NULL && sum > all) {
		ct_buf_add(out, "<details><summary>By operation</summary>\n<p>");
		ct_html_text(out, all);
		ct_buf_add(out, "</p>\n</details>\n");
	}
	ct_buf_add(out, "<ul>\n");
	json_array_foreach(json_object_get(baseline, "warnings"), i, one) {
		ct_buf_add(out, "<li>");
		ct_html_text(out, json_string_value(one));
		ct_buf_add(out, "</li>\n");
	}
	ct_buf_add(out, "</ul>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"against the baseline\"><table>"
		"<caption>medians over rounds; above 1: slower now</caption><thead><tr><th scope=\"col\">what</th><th "
		"scope=\"col\">candidate</th><th scope=\"col\" class=\"n\">bytes</th><th scope=\"col\" class=\"n\">before</th><th "
		"scope=\"col\" class=\"n\">now</th><th scope=\"col\" class=\"n\">now / before</th><th scope=\"col\" class=\"n\">95 %%"
		"</th><th scope=\"col\">now is</th></tr></thead>\n<tbody>\n");
	json_array_foreach(json_object_get(baseline, "points"), i, one)
		row(out, one);
	ct_buf_add(out, "</tbody></table></div>\n</section>\n");
}
