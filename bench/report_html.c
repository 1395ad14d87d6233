/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The page: verdict, what to fix, then everything behind it. It loads nothing: a policy in its head
 * forbids it to, and allows only its own two scripts, by their hashes. Texts from outside go through
 * ct_html_text(), or into the data block, where no "<" is left.
 */
#include "report_html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report_assets.h"

enum { TEXT_ROOM = 2048 };

void ct_html_text(struct ct_buf *out, const char *text)
{
	char clean[TEXT_ROOM];

	ct_text_clean(clean, sizeof(clean), text);
	for (const char *c = clean; *c != '\0'; c++) {
		switch (*c) {
		case '&':
			ct_buf_add(out, "&amp;");
			break;
		case '<':
			ct_buf_add(out, "&lt;");
			break;
		case '>':
			ct_buf_add(out, "&gt;");
			break;
		case '"':
			ct_buf_add(out, "&quot;");
			break;
		case '\'':
			ct_buf_add(out, "&#39;");
			break;
		default:
			ct_buf_add(out, "%c", *c);
		}
	}
}

void ct_html_cell(struct ct_buf *out, const char *class, const char *text)
{
	if (class[0] != '\0')
		ct_buf_add(out, "<td class=\"%s\">", class);
	else
		ct_buf_add(out, "<td>");
	ct_html_text(out, text);
	ct_buf_add(out, "</td>");
}

/* ---- head ------------------------------------------------------------------------------------ */

/* RFC 4648; OUT has room for 45. */
static void base64(const uint8_t digest[32], char *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (int i = 0; i < 33; i += 3) {
		uint32_t three = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 |
			(i + 2 < 32 ? digest[i + 2] : 0u);

		for (int k = 0; k < 4; k++)
			*out++ = letters[three >> (18 - 6 * k) & 63];
	}
	out[-1] = '=';
	*out = '\0';
}

static void add_hash(struct ct_buf *out, struct ct_asset asset)
{
	uint8_t digest[32];
	char text[48];

	if (asset.bytes == 0)
		return;
	ct_sha256(asset.text, asset.bytes, digest);
	base64(digest, text);
	ct_buf_add(out, " 'sha256-%s'", text);
}

static void add_asset(struct ct_buf *out, const char *element, struct ct_asset asset)
{
	if (asset.bytes > 0)
		ct_buf_add(out, "<%s>%.*s</%s>\n", element, (int)asset.bytes, asset.text, element);
}

static void add_head(struct ct_buf *out, const json_t *r)
{
	ct_buf_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
		"'unsafe-inline'; script-src");
	add_hash(out, ct_asset_charts());
	add_hash(out, ct_asset_js());
	ct_buf_add(out, "; base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" "
		"content=\"width=device-width, initial-scale=1\">\n<title>");
	ct_html_text(out, ct_page_text(json_object_get(r, "verdict"), "word", "no verdict"));
	ct_buf_add(out, ": ");
	ct_html_text(out, ct_page_text(r, "source", ""));
	ct_buf_add(out, " - colltune</title>\n");
	add_asset(out, "style", ct_asset_css());
	ct_buf_add(out, "</head>\n");
}

/* ---- verdict --------------------------------------------------------------------------------- */

/* The word as a class, if it is one of ours. */
static const char *class_of(const char *word)
{
	static const char *const known[] = { "pass", "warn", "fail", "inconclusive", "unjudged" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(word, known[i]) == 0)
			return known[i];
	return "unjudged";
}

static void add_verdict(struct ct_buf *out, const json_t *r)
{
	const json_t *verdict = json_object_get(r, "verdict"), *label;
	const char *word = ct_page_text(verdict, "word", "no verdict");
	size_t i;

	ct_buf_add(out, "<body>\n<a class=\"skip\" href=\"#fixes\">To what to fix</a>\n<header>\n<h1>");
	ct_html_text(out, ct_page_text(r, "source", ""));
	ct_buf_add(out, "</h1>\n<p class=\"verdict %s\"><strong id=\"verdict\">", class_of(word));
	ct_html_text(out, word);
	ct_buf_add(out, "</strong> <span id=\"reason\">");
	ct_html_text(out, ct_page_text(verdict, "reason", ""));
	ct_buf_add(out, "</span></p>\n");
	json_array_foreach(json_object_get(r, "labels"), i, label) {
		ct_buf_add(out, "<p class=\"label\">");
		ct_html_text(out, json_string_value(label));
		ct_buf_add(out, "</p>\n");
	}
	ct_buf_add(out, "</header>\n");
}

/* Links to the sections that are in BODY. */
static void add_nav(struct ct_buf *out, const char *body)
{
	static const char *const parts[][2] = { { "fixes", "What to fix" }, { "notes", "What is missing" },
		{ "baseline", "Against the baseline" }, { "isolation", "Slow parts" }, { "matrix", "Pairs" },
		{ "curves", "Curves" }, { "time", "Over time" }, { "figures", "Judged" },
		{ "ladder", "Ladder" }, { "nodes", "Nodes" }, { "fabric", "Fabric" }, { "hosts", "Hosts" },
		{ "counters", "Counters" }, { "settings", "Settings" } };

	ct_buf_add(out, "<nav aria-label=\"parts of this page\"><ul>\n");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char wanted[48];

		snprintf(wanted, sizeof(wanted), "<section id=\"%s\"", parts[i][0]);
		if (strstr(body, wanted) != NULL)
			ct_buf_add(out, "<li><a href=\"#%s\">%s</a></li>\n", parts[i][0], parts[i][1]);
	}
	ct_buf_add(out, "</ul></nav>\n");
}

static void add_term(struct ct_buf *out, const char *term, const char *text, bool code)
{
	if (text[0] == '\0')
		return;
	ct_buf_add(out, "<dt>%s</dt><dd>%s", term, code ? "<code>" : "");
	ct_html_text(out, text);
	ct_buf_add(out, "%s</dd>", code ? "</code>" : "");
}

/* "n1, n2 and 38 more". */
static void add_fix_hosts(struct ct_buf *out, const json_t *hosts)
{
	size_t i;
	json_t *host;

	if (json_array_size(hosts) == 0)
		return;
	ct_buf_add(out, "<dt>hosts</dt><dd>");
	json_array_foreach(hosts, i, host) {
		if (i == 12)
			break;
		ct_buf_add(out, "%s", i > 0 ? ", " : "");
		ct_html_text(out, json_string_value(host));
	}
	if (json_array_size(hosts) > 12)
		ct_buf_add(out, " and %zu more", json_array_size(hosts) - 12);
	ct_buf_add(out, "</dd>");
}

static void add_gain(struct ct_buf *out, const json_t *fix)
{
	const json_t *gain = json_object_get(fix, "gain");
	char text[128];

	if (!json_is_object(gain)) {
		add_term(out, "expected", ct_page_text(fix, "expected", ""), false);
		return;
	}
	snprintf(text, sizeof(text), "%.2f times [%.2f, %.2f], p = %.2g",
		json_number_value(json_object_get(gain, "ratio")),
		json_number_value(json_object_get(gain, "low")),
		json_number_value(json_object_get(gain, "high")),
		json_number_value(json_object_get(gain, "p")));
	add_term(out, "measured gain", text, false);
}

static void add_fixes(struct ct_buf *out, const json_t *r)
{
	const json_t *fixes = json_object_get(r, "fixes"), *fix;
	size_t i;

	ct_buf_add(out, "<section id=\"fixes\" tabindex=\"-1\">\n<h2>What to fix, in this order</h2>\n");
	if (json_array_size(fixes) == 0)
		ct_buf_add(out, "<p>Nothing was found.</p>\n");
	else
		ct_buf_add(out, "<ol class=\"fixes\">\n");
	json_array_foreach(fixes, i, fix) {
		ct_buf_add(out, "<li><span class=\"seen\">");
		ct_html_text(out, ct_page_text(fix, "seen", ""));
		ct_buf_add(out, "</span> <span class=\"quiet\">(");
		ct_html_text(out, ct_page_text(fix, "severity", "note"));
		ct_buf_add(out, ", ");
		ct_html_text(out, ct_page_text(fix, "rule", ""));
		ct_buf_add(out, ")</span>\n<dl>");
		add_fix_hosts(out, json_object_get(fix, "hosts"));
		add_term(out, "why", ct_page_text(fix, "why", ""), false);
		add_term(out, "set", ct_page_text(fix, "set", ""), true);
		add_term(out, "undo", ct_page_text(fix, "undo", ""), true);
		add_gain(out, fix);
		add_term(out, "from", ct_page_text(fix, "source", ""), false);
		ct_buf_add(out, "</dl></li>\n");
	}
	ct_buf_add(out, "%s</section>\n", json_array_size(fixes) > 0 ? "</ol>\n" : "");
}

/* A section that is a list of texts. */
static void add_list(struct ct_buf *out, const char *id, const char *title, const json_t *list)
{
	const json_t *note;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	ct_buf_add(out, "<section id=\"%s\">\n<h2>%s</h2>\n<ul>\n", id, title);
	json_array_foreach(list, i, note) {
		ct_buf_add(out, "<li>");
		ct_html_text(out, json_string_value(note));
		ct_buf_add(out, "</li>\n");
	}
	ct_buf_add(out, "</ul>\n</section>\n");
}

static void add_drawings(struct ct_buf *out, const struct ct_page *report)
{
	if (report->nodes.used > 0)
		ct_buf_add(out, "<section id=\"nodes\">\n<h2>Nodes</h2>\n<div class=\"scroll\" tabindex=\"0\" "
			"role=\"group\" aria-label=\"drawing of the nodes\">\n%s</div>\n</section>\n",
			report->nodes.text);
	if (report->fabric.used > 0)
		ct_buf_add(out, "<section id=\"fabric\">\n<h2>Fabric</h2>\n<div class=\"scroll\" tabindex=\"0\" "
			"role=\"group\" aria-label=\"drawing of the fabric\">\n%s</div>\n</section>\n",
			report->fabric.text);
}

/* ---- data ------------------------------------------------------------------------------------ */

/* JSON as a script's text may hold it: no character that ends or begins an element or a comment. */
static ct_status add_data(struct ct_buf *out, const json_t *r)
{
	char *text = json_dumps(r, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (text == NULL)
		return ct_fail(CT_NOMEM, "no memory for a report");
	ct_buf_add(out, "<script type=\"application/json\" id=\"data\">");
	for (const char *c = text; *c != '\0';) {
		size_t plain = strcspn(c, "<>&");

		ct_buf_add(out, "%.*s", (int)plain, c);
		c += plain;
		if (*c != '\0')
			ct_buf_add(out, "\\u%04x", (unsigned int)*c++);
	}
	ct_buf_add(out, "</script>\n");
	free(text);
	return ct_buf_status(out);
}

static void add_sections(struct ct_buf *out, const struct ct_page *report)
{
	json_t *r = report->json;

	add_fixes(out, r);
	add_list(out, "notes", "What is missing", json_object_get(r, "notes"));
	add_list(out, "remarks", "Also seen", json_object_get(r, "remarks"));
	ct_html_baseline(out, r);
	ct_html_isolation(out, r);
	ct_html_matrix(out, report);
	ct_html_curves(out, r);
	ct_html_timelines(out, r);
	ct_html_figures(out, r);
	ct_html_ladder(out, r);
	add_drawings(out, report);
	ct_html_hosts(out, r);
	ct_html_counters(out, r);
	ct_html_settings(out, r);
}

ct_status ct_page_html(const struct ct_page *report, struct ct_buf *out)
{
	struct ct_buf body = ct_buf_make(out->limit);
	json_t *r = report->json;
	ct_status status;

	if (ct_asset_charts().bytes == 0)
		ct_page_note(r, "this colltune was built without a chart library: tables only");
	add_head(out, r);
	add_verdict(out, r);
	add_sections(&body, report);
	status = ct_buf_status(&body);
	if (status == CT_OK) {
		add_nav(out, body.text);
		ct_buf_add(out, "<main>\n%s", body.text);
	}
	ct_buf_free(&body);
	ct_buf_add(out, "</main>\n<footer><p class=\"quiet\">colltune %s</p></footer>\n", ct_version());
	if (status == CT_OK)
		status = add_data(out, r);
	add_asset(out, "script", ct_asset_charts());
	add_asset(out, "script", ct_asset_js());
	ct_buf_add(out, "</body>\n</html>\n");
	return status == CT_OK ? ct_buf_status(out) : status;
}
