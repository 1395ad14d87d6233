/* SPDX-License-Identifier: BSD-3-Clause */
/* A report for other programs. Each format has its own way to make a text harmless. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "xml.h"

enum { TEXT_ROOM = 1024 };

/* One figure of either source: a point of a curve, or what accept judged. */
struct row {
	const char *kind, *coll, *type, *verdict, *note;
	char candidate[200], ranks[48];
	uint64_t bytes, time_ns, low_ns, high_ns, expected_ns, wrong, rounds;
	double busbw_Bps;
	bool in_place;
};

typedef void each_row(void *arg, const struct row *row);

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static void curve_row(const json_t *curve, const json_t *p, struct row *row)
{
	*row = (struct row){ .kind = "point", .coll = ct_page_text(curve, "coll", ""),
		.type = ct_page_text(curve, "type", ""), .verdict = ct_page_text(p, "verdict", ""),
		.note = "", .bytes = number(p, "bytes"), .time_ns = number(p, "time_ns"),
		.low_ns = number(p, "low_ns"), .high_ns = number(p, "high_ns"),
		.expected_ns = number(p, "expected_ns"), .wrong = number(p, "wrong"),
		.rounds = number(p, "rounds"),
		.busbw_Bps = json_number_value(json_object_get(p, "busbw_Bps")),
		.in_place = json_is_true(json_object_get(curve, "in_place")) };
	ct_text_clean(row->candidate, sizeof(row->candidate), ct_page_text(curve, "candidate", ""));
	snprintf(row->ranks, sizeof(row->ranks), "%llu", (unsigned long long)number(curve, "nranks"));
}

static void figure_row(const json_t *f, struct row *row)
{
	const json_t *candidate = json_object_get(f, "candidate"), *pair = json_object_get(f, "pair");

	*row = (struct row){ .kind = "judged", .coll = ct_page_text(f, "coll", ""), .type = "",
		.verdict = ct_page_text(f, "verdict", ""), .note = ct_page_text(f, "note", ""),
		.bytes = number(f, "bytes"), .time_ns = number(f, "median_ns"),
		.low_ns = number(f, "low_ns"), .high_ns = number(f, "high_ns"),
		.expected_ns = number(json_object_get(f, "expected"), "time_ns"),
		.wrong = number(f, "wrong"),
		.rounds = json_array_size(json_object_get(f, "rounds_ns")),
		.busbw_Bps = json_number_value(json_object_get(f, "busbw_Bps")) };
	snprintf(row->candidate, sizeof(row->candidate), "%.60s%s%.60s %.60s",
		ct_page_text(candidate, "backend", ""),
		ct_page_text(candidate, "net", "")[0] != '\0' ? "/" : "",
		ct_page_text(candidate, "net", ""), ct_page_text(candidate, "algo", ""));
	if (json_array_size(pair) == 2)
		snprintf(row->ranks, sizeof(row->ranks), "%lld-%lld",
			(long long)json_integer_value(json_array_get(pair, 0)),
			(long long)json_integer_value(json_array_get(pair, 1)));
	else
		snprintf(row->ranks, sizeof(row->ranks), "all");
}

static void all_rows(const struct ct_page *report, each_row *each, void *arg)
{
	const json_t *curve, *p;
	struct row row;
	size_t i, k;

	json_array_foreach(json_object_get(report->json, "figures"), i, p) {
		figure_row(p, &row);
		each(arg, &row);
	}
	json_array_foreach(json_object_get(report->json, "series"), i, curve) {
		if (json_object_get(curve, "beside") != NULL) /* another run's */
			continue;
		json_array_foreach(json_object_get(curve, "points"), k, p) {
			curve_row(curve, p, &row);
			each(arg, &row);
		}
	}
}

/* ---- JUnit ----------------------------------------------------------------------------------- */

struct junit {
	struct ct_xml xml;
	size_t tests, failures, skipped;
};

static void clean_attribute(struct ct_xml *xml, const char *name, const char *text)
{
	char clean[TEXT_ROOM];

	ct_text_clean(clean, sizeof(clean), text);
	ct_xml_attribute(xml, name, clean);
}

static bool is_open(const char *verdict)
{
	return strcmp(verdict, "inconclusive") == 0 || strcmp(verdict, "unjudged") == 0;
}

static void count_test(void *arg, const struct row *row)
{
	struct junit *j = arg;

	j->tests++;
	j->failures += strcmp(row->verdict, "fail") == 0 || row->wrong > 0;
	j->skipped += row->wrong == 0 && is_open(row->verdict);
}

static void end_case(struct junit *j, const char *verdict, bool failed, const char *message)
{
	if (failed || is_open(verdict)) {
		ct_xml_begin(&j->xml, failed ? "failure" : "skipped");
		clean_attribute(&j->xml, "message", message);
		ct_xml_end(&j->xml);
	}
	ct_xml_end(&j->xml);
}

static void add_test(void *arg, const struct row *row)
{
	struct junit *j = arg;
	char name[400], message[300], time[32], expected[32];

	snprintf(name, sizeof(name), "%.180s, ranks %.40s, %llu bytes%s", row->candidate, row->ranks,
		(unsigned long long)row->bytes, row->in_place ? ", in place" : "");
	snprintf(message, sizeof(message), "%.20s: %s, expected %s, wrong %llu%s%.120s", row->verdict,
		ct_time_text(row->time_ns, time), row->expected_ns > 0 ?
		ct_time_text(row->expected_ns, expected) : "nothing", (unsigned long long)row->wrong,
		row->note[0] != '\0' ? "; " : "", row->note);
	ct_xml_begin(&j->xml, "testcase");
	clean_attribute(&j->xml, "classname", row->coll);
	clean_attribute(&j->xml, "name", name);
	snprintf(time, sizeof(time), "%.9f", (double)row->time_ns / 1e9);
	ct_xml_attribute(&j->xml, "time", time);
	end_case(j, row->verdict, strcmp(row->verdict, "fail") == 0 || row->wrong > 0, message);
}

static void add_findings(struct junit *j, const json_t *fixes)
{
	const json_t *fix;
	size_t i;

	json_array_foreach(fixes, i, fix) {
		ct_xml_begin(&j->xml, "testcase");
		ct_xml_attribute(&j->xml, "classname", "findings");
		clean_attribute(&j->xml, "name", ct_page_text(fix, "rule", "?"));
		end_case(j, "", strcmp(ct_page_text(fix, "severity", ""), "warning") == 0,
			ct_page_text(fix, "seen", ""));
	}
}

/* Where from, and what it is not: "pretended". */
static void suite_name(const json_t *report, char out[TEXT_ROOM])
{
	const json_t *text;
	size_t i, used = (size_t)snprintf(out, TEXT_ROOM, "%.400s", ct_page_text(report, "source", "colltune"));

	json_array_foreach(json_object_get(report, "labels"), i, text)
		if (used < TEXT_ROOM)
			used += (size_t)snprintf(out + used, TEXT_ROOM - used, " (%.200s)", json_string_value(text));
}

ct_status ct_page_junit(const struct ct_page *report, struct ct_buf *out)
{
	const json_t *fixes = json_object_get(report->json, "fixes"), *fix;
	const json_t *verdict = json_object_get(report->json, "verdict");
	const char *word = ct_page_text(verdict, "word", "unjudged");
	struct junit j = { .tests = 1 };
	char name[TEXT_ROOM];
	size_t i;

	all_rows(report, count_test, &j);
	j.failures += strcmp(word, "fail") == 0;
	j.skipped += is_open(word);
	json_array_foreach(fixes, i, fix)
		j.failures += strcmp(ct_page_text(fix, "severity", ""), "warning") == 0;
	ct_xml_open(&j.xml);
	ct_xml_begin(&j.xml, "testsuites");
	ct_xml_begin(&j.xml, "testsuite");
	suite_name(report->json, name);
	clean_attribute(&j.xml, "name", name);
	ct_xml_number(&j.xml, "tests", j.tests + json_array_size(fixes));
	ct_xml_number(&j.xml, "failures", j.failures);
	ct_xml_number(&j.xml, "skipped", j.skipped);
	ct_xml_begin(&j.xml, "testcase");
	ct_xml_attribute(&j.xml, "classname", "colltune");
	ct_xml_attribute(&j.xml, "name", "verdict");
	end_case(&j, word, strcmp(word, "fail") == 0, ct_page_text(verdict, "reason", "no reason"));
	all_rows(report, add_test, &j);
	add_findings(&j, fixes);
	ct_xml_end(&j.xml);
	ct_xml_end(&j.xml);
	return ct_xml_take(&j.xml, out);
}

/* ---- CSV ------------------------------------------------------------------------------------- */

/* Quoted; what a spreadsheet would take for a formula gets an apostrophe in front. */
static void csv_text(struct ct_buf *out, const char *text)
{
	char clean[TEXT_ROOM];

	ct_text_clean(clean, sizeof(clean), text);
	ct_buf_add(out, "\"%s", clean[0] != '\0' && strchr("=+-@", clean[0]) != NULL ? "'" : "");
	for (const char *c = clean; *c != '\0'; c++)
		ct_buf_add(out, *c == '"' ? "\"\"" : "%c", *c);
	ct_buf_add(out, "\",");
}

static void csv_row(void *arg, const struct row *row)
{
	struct ct_buf *out = arg;

	csv_text(out, row->kind);
	csv_text(out, row->coll);
	csv_text(out, row->type);
	csv_text(out, row->candidate);
	csv_text(out, row->ranks);
	ct_buf_add(out, "%d,%llu,%llu,%llu,%llu,%.0f,%llu,%llu,%llu,", row->in_place,
		(unsigned long long)row->bytes, (unsigned long long)row->time_ns,
		(unsigned long long)row->low_ns, (unsigned long long)row->high_ns, row->busbw_Bps,
		(unsigned long long)row->expected_ns, (unsigned long long)row->rounds,
		(unsigned long long)row->wrong);
	csv_text(out, row->verdict);
	csv_text(out, row->note);
	out->text[out->used > 0 ? out->used - 1 : 0] = '\n'; /* the last comma */
}

ct_status ct_page_csv(const struct ct_page *report, struct ct_buf *out)
{
	const json_t *text;
	size_t i;

	ct_buf_add(out, "kind,coll,type,candidate,ranks,in_place,bytes,time_ns,low_ns,high_ns,busbw_Bps,"
		"expected_ns,rounds,wrong,verdict,note\n");
	json_array_foreach(json_object_get(report->json, "labels"), i, text) {
		const struct row row = { .kind = "label", .coll = "", .type = "", .verdict = "",
			.note = json_string_value(text) };

		if (ct_buf_status(out) == CT_OK)
			csv_row(out, &row);
	}
	if (ct_buf_status(out) == CT_OK)
		all_rows(report, csv_row, out);
	return ct_buf_status(out);
}

/* ---- Markdown -------------------------------------------------------------------------------- */

static void markdown_text(struct ct_buf *out, const char *text)
{
	char clean[TEXT_ROOM];

	ct_text_clean(clean, sizeof(clean), text);
	for (const char *c = clean; *c != '\0'; c++)
		ct_buf_add(out, strchr("\\`*_[]<>|&#~!", *c) != NULL ? "\\%c" : "%c", *c);
}

/* A code span has no escapes: a mark that would end it is replaced. */
static void markdown_code(struct ct_buf *out, const char *text)
{
	char clean[TEXT_ROOM];

	ct_text_clean(clean, sizeof(clean), text);
	for (char *c = clean; *c != '\0'; c++)
		*c = *c == '`' ? '\'' : *c;
	ct_buf_add(out, "`%s`", clean);
}

static void markdown_row(void *arg, const struct row *row)
{
	struct ct_buf *out = arg;
	char time[32], rate[32], expected[32], size[32];

	if (strcmp(row->verdict, "pass") == 0 && row->wrong == 0)
		return;
	ct_buf_add(out, "| ");
	markdown_text(out, row->coll);
	ct_buf_add(out, " | ");
	markdown_text(out, row->candidate);
	ct_buf_add(out, " | %s | %s | %s | %s | %s | ", row->ranks, ct_size_text(row->bytes, size),
		ct_time_text(row->time_ns, time), row->busbw_Bps > 0 ?
		ct_rate_text(row->busbw_Bps, rate) : "-", row->expected_ns > 0 ?
		ct_time_text(row->expected_ns, expected) : "-");
	markdown_text(out, row->verdict);
	ct_buf_add(out, "%s |\n", row->wrong > 0 ? ", wrong data" : "");
}

ct_status ct_page_markdown(const struct ct_page *report, struct ct_buf *out)
{
	const json_t *r = report->json, *verdict = json_object_get(r, "verdict"), *row;
	size_t i;

	ct_buf_add(out, "# ");
	markdown_text(out, ct_page_text(r, "source", ""));
	ct_buf_add(out, "\n\n**");
	markdown_text(out, ct_page_text(verdict, "word", "no verdict"));
	ct_buf_add(out, "**: ");
	markdown_text(out, ct_page_text(verdict, "reason", ""));
	ct_buf_add(out, "\n\n");
	json_array_foreach(json_object_get(r, "labels"), i, row) {
		ct_buf_add(out, "**");
		markdown_text(out, json_string_value(row));
		ct_buf_add(out, "**\n\n");
	}
	ct_buf_add(out, "## What to fix\n\n");
	json_array_foreach(json_object_get(r, "fixes"), i, row) {
		ct_buf_add(out, "%zu. ", i + 1);
		markdown_text(out, ct_page_text(row, "seen", ""));
		if (ct_page_text(row, "set", "")[0] != '\0') {
			ct_buf_add(out, "  \n   set: ");
			markdown_code(out, ct_page_text(row, "set", ""));
		}
		ct_buf_add(out, "\n");
	}
	if (json_array_size(json_object_get(r, "fixes")) == 0)
		ct_buf_add(out, "Nothing was found.\n");
	ct_buf_add(out, "\n## Figures that do not pass\n\n| operation | candidate | ranks | bytes | time | bus "
		"bandwidth | expected | verdict |\n|---|---|---|---:|---:|---:|---:|---|\n");
	all_rows(report, markdown_row, out);
	ct_buf_add(out, "\n## What is missing\n\n");
	json_array_foreach(json_object_get(r, "notes"), i, row) {
		ct_buf_add(out, "- ");
		markdown_text(out, json_string_value(row));
		ct_buf_add(out, "\n");
	}
	if (json_array_size(json_object_get(r, "notes")) == 0)
		ct_buf_add(out, "Nothing.\n");
	return ct_buf_status(out);
}

/* ---- Prometheus ------------------------------------------------------------------------------ */

/* Exposition format: a label's value escapes backslash, quotation mark and line break. */
static void label(struct ct_buf *out, const char *name, const char *text, const char *then)
{
	char clean[TEXT_ROOM];

	ct_text_clean(clean, sizeof(clean), text);
	ct_buf_add(out, "%s=\"", name);
	for (const char *c = clean; *c != '\0'; c++)
		ct_buf_add(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	ct_buf_add(out, "\"%s", then);
}

struct metric {
	struct ct_buf *out;
	const char *name;
	double (*value)(const struct row *row); /* negative: none */
};

static double time_of(const struct row *row)
{
	return row->time_ns > 0 ? (double)row->time_ns / 1e9 : -1;
}

static double expected_of(const struct row *row)
{
	return row->expected_ns > 0 ? (double)row->expected_ns / 1e9 : -1;
}

static double rate_of(const struct row *row)
{
	return row->busbw_Bps > 0 && isfinite(row->busbw_Bps) ? row->busbw_Bps : -1;
}

static double wrong_of(const struct row *row)
{
	return (double)row->wrong;
}

/* A point and a judged figure may be the same; the label "kind" keeps them apart. */
static void metric_row(void *arg, const struct row *row)
{
	const struct metric *m = arg;
	double value = m->value(row);
	char bytes[24];

	if (value < 0)
		return;
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)row->bytes);
	ct_buf_add(m->out, "%s{", m->name);
	label(m->out, "kind", row->kind, ",");
	label(m->out, "coll", row->coll, ",");
	label(m->out, "type", row->type, ",");
	label(m->out, "candidate", row->candidate, ",");
	label(m->out, "ranks", row->ranks, ",");
	label(m->out, "in_place", row->in_place ? "1" : "0", ",");
	label(m->out, "bytes", bytes, "} ");
	ct_buf_add(m->out, "%.9g\n", value);
}

ct_status ct_page_prometheus(const struct ct_page *report, struct ct_buf *out)
{
	static const struct {
		const char *name, *help;
		double (*value)(const struct row *row);
	} metrics[] = {
		{ "colltune_time_seconds", "Median time of an operation.", time_of },
		{ "colltune_expected_time_seconds", "Least time that is possible here.", expected_of },
		{ "colltune_busbw_bytes_per_second", "Bus bandwidth.", rate_of },
		{ "colltune_wrong_elements", "Elements of the result that were wrong.", wrong_of },
	};
	static const char *const words[] = { "pass", "warn", "fail", "inconclusive", "unjudged" };
	const char *word = ct_page_text(json_object_get(report->json, "verdict"), "word", "");
	const json_t *text;
	size_t k;

	ct_buf_add(out, "# HELP colltune_verdict 1 at the verdict that was reached.\n"
		"# TYPE colltune_verdict gauge\n");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ct_buf_add(out, "colltune_verdict{verdict=\"%s\"} %d\n", words[i],
			strcmp(word, words[i]) == 0);
	ct_buf_add(out, "# HELP colltune_label What these results are, or are not.\n# TYPE colltune_label gauge\n");
	json_array_foreach(json_object_get(report->json, "labels"), k, text) {
		ct_buf_add(out, "colltune_label{");
		label(out, "text", json_string_value(text), "} 1\n");
	}
	ct_buf_add(out, "# HELP colltune_findings Findings to deal with.\n# TYPE colltune_findings gauge\n"
		"colltune_findings %zu\n", json_array_size(json_object_get(report->json, "fixes")));
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		struct metric m = { out, metrics[i].name, metrics[i].value };

		ct_buf_add(out, "# HELP %s %s\n# TYPE %s gauge\n", m.name, metrics[i].help, m.name);
		all_rows(report, metric_row, &m);
	}
	return ct_buf_status(out);
}
