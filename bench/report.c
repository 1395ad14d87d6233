/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune report DIR: results as a page for people, and as files for other programs. */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "cli.h"

enum { TEXT_MOST = 512 << 20, MODE = 0644, WORDS = 8 };

struct report_settings {
	char *output, *json, *junit, *csv, *markdown, *prometheus, *baseline;
	bool status;
};

#define AT(field) offsetof(struct report_settings, field)
static const struct ct_option own_options[] = {
	{ "output", 'o', CT_OPT_TEXT, AT(output), NULL, 0, 0, NULL, "FILE.html",
		"the page: verdict, what to fix, curves, drawings, environment; one file, no network" },
	{ "json", 0, CT_OPT_TEXT, AT(json), NULL, 0, 0, NULL, "FILE", "what the page holds, as JSON" },
	{ "junit", 0, CT_OPT_TEXT, AT(junit), NULL, 0, 0, NULL, "FILE", "a JUnit file: a test for each figure" },
	{ "csv", 0, CT_OPT_TEXT, AT(csv), NULL, 0, 0, NULL, "FILE", "a flat table of all figures" },
	{ "markdown", 0, CT_OPT_TEXT, AT(markdown), NULL, 0, 0, NULL, "FILE", "a summary" },
	{ "prometheus", 0, CT_OPT_TEXT, AT(prometheus), NULL, 0, 0, NULL, "FILE",
		"for the textfile collector of Prometheus' node exporter" },
	{ "baseline", 0, CT_OPT_TEXT, AT(baseline), NULL, 0, 0, NULL, "DIR",
		"results of an earlier run: its curves beside these, and each point judged against it as compare does" },
	{ "status", 0, CT_OPT_FLAG, AT(status), NULL, 0, 0, NULL, NULL,
		"leave with the verdict's exit status: 0 pass or warn, 1 fail or slower than the baseline, 5 anything else" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT

const struct ct_option *const ct_report_options[] = { own_options, NULL };

static const struct ct_cli cli = {
	.command = "report",
	.args = "DIR [OTHER...]",
	.text = "Make one page of a result directory (--out of bench and accept), or of a file of records, a "
		"verdict, or the outcome of accept --pretend. What is damaged or missing is named in it. The curves "
		"of OTHER results, at most 7, are drawn beside. Measures nothing.",
	.lists = ct_report_options,
	.min_words = 1,
	.max_words = WORDS,
};

struct writer {
	const char *path;
	ct_status (*make)(const struct ct_page *report, struct ct_buf *out);
};

static ct_status write_one(const struct writer *w, const struct ct_page *report)
{
	struct ct_buf out = ct_buf_make(TEXT_MOST);
	ct_status status;

	if (w->path == NULL)
		return CT_OK;
	status = w->make(report, &out);
	if (status == CT_OK)
		status = ct_buf_status(&out);
	if (status == CT_OK)
		status = ct_file_save(w->path, out.text, out.used, MODE);
	if (status == CT_OK)
		printf("written: %s\n", w->path);
	ct_buf_free(&out);
	return status;
}

static ct_status write_all(const struct report_settings *s, const struct ct_page *report)
{
	const struct writer writers[] = { { s->output, ct_page_html }, { s->junit, ct_page_junit },
		{ s->csv, ct_page_csv }, { s->markdown, ct_page_markdown },
		{ s->prometheus, ct_page_prometheus } };
	ct_status status = CT_OK;

	for (size_t i = 0; status == CT_OK && i < sizeof(writers) / sizeof(writers[0]); i++)
		status = write_one(&writers[i], report);
	if (status == CT_OK && s->json != NULL)
		status = ct_json_save(report->json, s->json, MODE);
	if (status == CT_OK && s->json != NULL)
		printf("written: %s\n", s->json);
	return status;
}

/* The verdict, and what is missing. */
static void say(const struct ct_page *report)
{
	const json_t *verdict = json_object_get(report->json, "verdict"), *note;
	char clean[600];
	size_t i;

	ct_text_clean(clean, sizeof(clean), ct_page_text(verdict, "word", "none"));
	printf("verdict: %s", clean);
	ct_text_clean(clean, sizeof(clean), ct_page_text(verdict, "reason", ""));
	printf("%s%s\n", clean[0] != '\0' ? ": " : "", clean);
	json_array_foreach(json_object_get(report->json, "labels"), i, note) {
		ct_text_clean(clean, sizeof(clean), json_string_value(note));
		printf("# %s\n", clean);
	}
	if (json_object_get(report->json, "baseline") != NULL) {
		ct_text_clean(clean, sizeof(clean), ct_page_text(json_object_get(report->json, "baseline"), "verdict", ""));
		printf("baseline: %s\n", clean);
	}
	printf("to fix: %zu\n", json_array_size(json_object_get(report->json, "fixes")));
	json_array_foreach(json_object_get(report->json, "notes"), i, note)
		fprintf(stderr, "colltune report: %s\n", json_string_value(note));
}

static int verdict_code(const struct ct_page *report)
{
	const char *word = ct_page_text(json_object_get(report->json, "verdict"), "word", "");

	if (strcmp(ct_page_text(json_object_get(report->json, "baseline"), "end", ""), "worse") == 0)
		return CT_EXIT_FAIL;
	if (strcmp(word, "pass") == 0 || strcmp(word, "warn") == 0)
		return CT_EXIT_PASS;
	return strcmp(word, "fail") == 0 ? CT_EXIT_FAIL : CT_EXIT_INCONCLUSIVE;
}

/* The other runs into the page of WORDS[0]. */
static ct_status add_others(const struct report_settings *s, const char *const *words, struct ct_page *report)
{
	ct_status status = CT_OK;

	if (s->baseline != NULL)
		status = ct_page_baseline(report, words[0], s->baseline);
	for (size_t i = 1; i < WORDS && words[i] != NULL && status == CT_OK; i++) {
		struct ct_page other;

		status = ct_page_read(words[i], &other);
		if (status != CT_OK)
			break;
		status = ct_page_beside(report, &other);
		ct_page_free(&other);
	}
	return status;
}

static int report_on(const struct report_settings *s, const char *const *words)
{
	struct ct_page report;
	int code = CT_EXIT_PASS;
	ct_status status = ct_page_read(words[0], &report);

	if (status == CT_OK) {
		status = add_others(s, words, &report);
		if (status == CT_OK)
			status = write_all(s, &report);
		if (status == CT_OK) {
			say(&report);
			code = s->status ? verdict_code(&report) : CT_EXIT_PASS;
		}
		ct_page_free(&report);
	}
	if (status == CT_OK)
		return code;
	ct_cli_complain("report", ct_why());
	return ct_exit_of(status);
}

int ct_report_main(int argc, char **argv)
{
	struct report_settings settings = { 0 };
	const char *words[WORDS] = { NULL };
	int code = CT_EXIT_PASS;

	switch (ct_cli_parse(&cli, argc, argv, &settings, words)) {
	case CT_CLI_DONE:
		break;
	case CT_CLI_USAGE:
		code = CT_EXIT_USAGE;
		break;
	case CT_CLI_RUN:
		code = report_on(&settings, words);
		break;
	}
	ct_options_free(ct_report_options, &settings);
	return code;
}
