/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands in a result directory, whoever wrote it and however much of it is there. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "accept/accept.h"
#include "advise/advise.h"
#include "fabric.h"
#include "heat.h"
#include "picture.h"
#include "report.h"
#include "report_time.h"

enum { JSON_MOST = 256 << 20, PATH_ROOM = 4096, CLASSES_MOST = 4, WORST_PAIRS = 20 };

void ct_page_note(json_t *report, const char *format, ...)
{
	char text[600];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ct_text_clean(text, sizeof(text), text);
	(void)json_array_append_new(json_object_get(report, "notes"), json_string(text));
}

const char *ct_page_text(const json_t *object, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : otherwise;
}

static void label(json_t *report, const char *text)
{
	json_t *labels = json_object_get(report, "labels"), *other;
	size_t i;

	json_array_foreach(labels, i, other)
		if (strcmp(json_string_value(other), text) == 0)
			return;
	(void)json_array_append_new(labels, json_string(text));
}

/* ---- findings -------------------------------------------------------------------------------- */

static int weight(const json_t *fix)
{
	const char *severity = ct_page_text(fix, "severity", "");

	return strcmp(severity, "warning") == 0 ? 3 : strcmp(severity, "advice") == 0 ? 2 : 1;
}

static double gain(const json_t *fix)
{
	const json_t *gain = json_object_get(fix, "gain");

	return json_number_value(json_object_get(gain, "ratio"));
}

/* Warnings before advice before notes; of those what gains most; else as they were found. */
static ct_status order_fixes(json_t *report)
{
	json_t *fixes = json_object_get(report, "fixes"), *sorted = json_array();

	if (sorted == NULL)
		return CT_NOMEM;
	while (json_array_size(fixes) > 0) {
		size_t best = 0;

		for (size_t i = 1; i < json_array_size(fixes); i++) {
			const json_t *a = json_array_get(fixes, best), *b = json_array_get(fixes, i);

			if (weight(b) > weight(a) || (weight(b) == weight(a) && gain(b) > gain(a)))
				best = i;
		}
		(void)json_array_append(sorted, json_array_get(fixes, best));
		(void)json_array_remove(fixes, best);
	}
	return json_object_set_new(report, "fixes", sorted) == 0 ? CT_OK : CT_NOMEM;
}

/* One that another machine's file has told already counts once, with the hosts that have it. */
static void add_fix(json_t *report, json_t *fix, const char *host)
{
	json_t *fixes = json_object_get(report, "fixes"), *other;
	size_t i;

	if (fix == NULL)
		return;
	json_array_foreach(fixes, i, other) {
		if (strcmp(ct_page_text(other, "seen", ""), ct_page_text(fix, "seen", "")) != 0 ||
		    strcmp(ct_page_text(other, "rule", ""), ct_page_text(fix, "rule", "")) != 0)
			continue;
		if (host != NULL && json_object_get(other, "hosts") != NULL)
			(void)json_array_append_new(json_object_get(other, "hosts"), json_string(host));
		json_decref(fix);
		return;
	}
	if (host != NULL)
		(void)json_object_set_new(fix, "hosts", json_pack("[s]", host));
	(void)json_array_append_new(fixes, fix);
}

static void add_findings(json_t *report, const struct ct_findings *findings, const char *host)
{
	for (size_t i = 0; i < findings->n; i++) {
		const struct ct_finding *f = &findings->list[i];

		if (f->severity == CT_SEVERITY_NOTE)
			continue;
		add_fix(report, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "rule", f->rule->id,
			"severity", ct_severity_name(f->severity), "seen", f->seen, "why", f->rule->why, "set",
			f->set, "undo", f->undo, "expected", f->expected, "source", f->rule->source), host);
	}
}

/* ---- accept ---------------------------------------------------------------------------------- */

static const char *const verdict_parts[] = { "stages", "bands", "figures", "pairs", "ranks", "rounds",
	"oversubscribed", "interrupted", "budget_ns", "elapsed_ns", "differences", "profile", "soak",
	"congestion", "stage_ns", NULL };

/* Slow parts, as findings. */
static void add_slow_parts(json_t *report, const json_t *isolation)
{
	const json_t *part;
	size_t i;

	json_array_foreach(json_object_get(isolation, "slow"), i, part) {
		char seen[400], expected[80];

		snprintf(seen, sizeof(seen), "%.300s", ct_page_text(part, "text", "?"));
		snprintf(expected, sizeof(expected), "%.2f times the speed of this part",
			json_number_value(json_object_get(part, "factor")));
		add_fix(report, json_pack("{s:s, s:s, s:s, s:s, s:s}", "rule", "isolation", "severity",
			json_is_true(json_object_get(part, "confirmed")) ? "warning" : "advice", "seen", seen,
			"set", "look at this part first: cable, slot, port counters, then exchange it",
			"expected", expected), NULL);
	}
}

/* Did the run not come to its end? */
static bool is_cut_short(const json_t *report)
{
	const char *state = ct_page_text(json_object_get(report, "run"), "state", "done");

	return strcmp(state, "done") != 0;
}

/* verdict.json: all of it that is known here; other parts are left to later versions. */
static ct_status take_verdict(json_t *report, const json_t *verdict)
{
	const char *word = ct_page_text(verdict, "verdict", NULL);
	const char *sentence = ct_page_text(verdict, "ladder", "");
	json_t *fix;
	size_t i;

	if (word == NULL)
		ct_page_note(report, "verdict.json has no verdict");
	else
		(void)json_object_set_new(report, "verdict", json_pack("{s:s, s:s}", "word", word,
			"reason", ct_page_text(verdict, "reason", "")));
	for (i = 0; verdict_parts[i] != NULL; i++) {
		json_t *part = json_object_get(verdict, verdict_parts[i]);

		if (part != NULL)
			(void)json_object_set(report, verdict_parts[i], part);
	}
	if (json_object_get(verdict, "environment") != NULL)
		(void)json_object_set(report, "hosts", json_object_get(verdict, "environment"));
	if (sentence[0] != '\0')
		(void)json_object_set_new(report, "layers", json_string(sentence));
	if (json_is_true(json_object_get(verdict, "pretended")))
		label(report, "pretended");
	json_array_foreach(json_object_get(verdict, "findings"), i, fix) {
		if (strcmp(ct_page_text(fix, "severity", ""), "note") != 0)
			add_fix(report, json_deep_copy(fix), NULL);
		else
			(void)json_array_append_new(json_object_get(report, "remarks"),
				json_string(ct_page_text(fix, "seen", "")));
	}
	if (json_is_object(json_object_get(verdict, "isolation")))
		(void)json_object_set(report, "isolation", json_object_get(verdict, "isolation"));
	add_slow_parts(report, json_object_get(verdict, "isolation"));
	if (!json_is_true(json_object_get(verdict, "interrupted")) && is_cut_short(report))
		ct_page_note(report, "verdict.json is older than the last points: that of an earlier end");
	return ct_soak_json(json_object_get(verdict, "soak"), report);
}

/* What accept --pretend concluded: its slow parts are what to fix. */
static ct_status take_isolation(json_t *report, json_t *isolation)
{
	json_t *slow = json_object_get(isolation, "slow"), *differences = json_object_get(isolation, "differences");
	bool pretended = json_is_true(json_object_get(isolation, "pretended"));
	size_t bad = json_array_size(slow) + json_array_size(differences);
	char reason[160];

	(void)json_object_set(report, "isolation", isolation);
	if (pretended)
		label(report, "pretended");
	add_slow_parts(report, isolation);
	if (json_object_get(report, "verdict") != NULL)
		return CT_OK;
	if (json_array_size(differences) > 0)
		(void)json_object_set(report, "differences", differences);
	snprintf(reason, sizeof(reason), "%s%zu slow parts, %zu nodes that differ", pretended ? "pretended: " : "",
		json_array_size(slow), json_array_size(differences));
	(void)json_object_set_new(report, "verdict", json_pack("{s:s, s:s}", "word", bad > 0 ? "fail" : "pass", "reason",
		reason));
	return CT_OK;
}

/* ---- machines -------------------------------------------------------------------------------- */

static ct_status take_machine(struct ct_page *report, const char *path)
{
	struct ct_machine *machine = NULL;
	struct ct_findings findings = { .n = 0 };
	struct ct_advise_in in = { .facts = NULL };
	json_t *machines = json_object_get(report->json, "machines"), *classes, *hosts;
	char hash[CT_MACHINE_HASH_ROOM], name[256] = "?";
	const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	ct_status status = ct_machine_load(path, &machine);

	if (status == CT_OK)
		status = ct_machine_hash(machine, hash);
	if (status != CT_OK) {
		ct_page_note(report->json, "left out: %s", ct_why());
		return status == CT_NOMEM ? status : CT_OK;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) > 5 ? strlen(base) - 5 : 0), base);
	if (machines == NULL) {
		machines = json_object();
		(void)json_object_set_new(report->json, "machines", machines);
	}
	classes = machines;
	hosts = json_object_get(classes, hash);
	if (hosts == NULL) {
		hosts = json_array();
		(void)json_object_set_new(classes, hash, hosts);
		if (json_object_size(classes) <= CLASSES_MOST)
			status = ct_picture_svg(machine, &report->nodes);
	}
	(void)json_array_append_new(hosts, json_string(name));
	in.facts = ct_machine_facts(machine);
	if (status == CT_OK)
		status = ct_advise(&in, &findings);
	if (status == CT_OK)
		add_findings(report->json, &findings, name);
	ct_findings_free(&findings);
	ct_machine_free(machine);
	return status;
}

static int is_json(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

static ct_status take_machines(struct ct_page *report, const char *folder)
{
	struct dirent **list = NULL;
	int n = scandir(folder, &list, is_json, versionsort);
	ct_status status = CT_OK;

	if (n <= 0)
		ct_page_note(report->json, "no machine files: nodes are not drawn or compared");
	for (int i = 0; i < n; i++) {
		char path[PATH_ROOM];

		if (snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name) < (int)sizeof(path) &&
		    status == CT_OK)
			status = take_machine(report, path);
		free(list[i]);
	}
	free(list);
	return status;
}

static ct_status take_fabric(struct ct_page *report, const char *path)
{
	struct ct_fabric fabric = { .nnodes = 0 };
	struct ct_findings findings = { .n = 0 };
	struct ct_advise_in in = { .fabric = &fabric };
	ct_status status = ct_fabric_load(path, &fabric);

	if (status == CT_INVALID || status == CT_IO) {
		ct_page_note(report->json, "left out: %s", ct_why());
		return CT_OK;
	}
	if (status == CT_OK)
		status = ct_advise_fabric(&in, &findings);
	if (status == CT_OK)
		status = ct_fabric_svg(&fabric, &findings, &report->fabric);
	if (status == CT_OK)
		add_findings(report->json, &findings, NULL);
	ct_findings_free(&findings);
	ct_fabric_free(&fabric);
	return status;
}

static ct_status take_matrix(struct ct_page *report, const json_t *json, const char *name)
{
	struct ct_heat heat;
	json_t *worst;
	ct_status status = ct_heat_parse(json, name, &heat);

	if (status == CT_INVALID) {
		ct_page_note(report->json, "left out: %s", ct_why());
		return CT_OK;
	}
	if (status != CT_OK)
		return status;
	if (heat.pretended)
		label(report->json, "pretended");
	status = ct_heat_svg(&heat, &report->heat);
	worst = ct_heat_worst(&heat, WORST_PAIRS);
	if (status == CT_OK && (worst == NULL || json_object_set(report->json, "worst_pairs", worst) != 0))
		status = CT_NOMEM;
	json_decref(worst);
	ct_free((void *)(uintptr_t)heat.ns);
	return status;
}

/* ---- the directory --------------------------------------------------------------------------- */

static bool is_there(const char *dir, const char *name, char path[PATH_ROOM])
{
	struct stat st;

	return snprintf(path, PATH_ROOM, "%s/%s", dir, name) < PATH_ROOM && stat(path, &st) == 0;
}

/* The file NAME of DIR, NULL where there is none or it cannot be used, which is a note. */
static json_t *load(json_t *report, const char *dir, const char *name, bool wanted)
{
	char path[PATH_ROOM];
	json_t *json = NULL;

	if (!is_there(dir, name, path)) {
		if (wanted)
			ct_page_note(report, "no %s", name);
		return NULL;
	}
	if (ct_json_load(path, JSON_MOST, &json) != CT_OK)
		ct_page_note(report, "left out: %s", ct_why());
	return json;
}

/* Is STAGE one of LIST ("pairs,rails"; NULL or "" = all)? */
static bool is_asked_for(const char *list, const char *stage)
{
	size_t length = strlen(stage);

	if (list == NULL || list[0] == '\0')
		return true;
	for (; *list != '\0'; list += strcspn(list, ","), list += *list == ',')
		if (strncmp(list, stage, length) == 0 && (list[length] == ',' || list[length] == '\0'))
			return true;
	return false;
}

/* Of an accept that did not come to its end: the stage that it was in, and those that it never began. */
static void note_stages(json_t *report, const json_t *run)
{
	const char *at = ct_page_text(run, "stage", ""), *asked = json_string_value(json_object_get(
		json_object_get(run, "options"), "stages"));
	char rest[300] = "";
	size_t used = 0;
	bool behind = false;

	if (at[0] == '\0')
		return;
	for (int i = 0; i < CT_NSTAGES; i++) {
		const char *name = ct_stage_name((enum ct_stage)i);

		if (i == CT_STAGE_SOAK && json_integer_value(json_object_get(json_object_get(run, "options"), "soak")) == 0)
			continue;
		if (behind && is_asked_for(asked, name) && used < sizeof(rest))
			used += (size_t)snprintf(rest + used, sizeof(rest) - used, "%s%s", used > 0 ? ", " : "", name);
		behind = behind || strcmp(name, at) == 0;
	}
	ct_page_note(report, "missing: a part of stage %s, in which the run ended%s%s; --resume goes on from there", at,
		used > 0 ? ", and all of " : "", rest);
}

static void take_run(json_t *report, const char *dir)
{
	json_t *run = load(report, dir, "run.json", true);
	const char *state = ct_page_text(run, "state", "");

	if (run == NULL)
		return;
	if (strcmp(state, "done") != 0)
		ct_page_note(report, "the run did not come to its end: %s%s%s", state[0] != '\0' ? state :
			"no state", ct_page_text(run, "note", "")[0] != '\0' ? ": " : "",
			ct_page_text(run, "note", ""));
	if (strcmp(state, "done") != 0)
		note_stages(report, run);
	(void)json_object_set_new(report, "run", run);
}

/* Any JSON that colltune wrote, by its schema. */
static ct_status take_json(struct ct_page *report, json_t *json, const char *name)
{
	const char *schema = ct_page_text(json, "schema", "");

	if (strcmp(schema, "colltune-verdict/1") == 0)
		return take_verdict(report->json, json);
	if (strcmp(schema, "colltune-isolation/1") == 0)
		return take_isolation(report->json, json);
	if (strcmp(schema, "colltune-ladder/1") == 0)
		return json_object_set(report->json, "ladder", json) == 0 ? CT_OK : CT_NOMEM;
	if (strcmp(schema, "colltune-matrix/1") == 0)
		return take_matrix(report, json, name);
	ct_page_note(report->json, "left out: %s: schema \"%s\" is none of verdict, isolation, ladder", name,
		schema);
	return CT_INVALID;
}

static ct_status read_directory(struct ct_page *report, const char *dir)
{
	static const char *const names[] = { "verdict.json", "isolation.json", "ladder.json", "matrix.json", NULL };
	char path[PATH_ROOM];
	ct_status status = CT_OK;

	take_run(report->json, dir);
	for (size_t i = 0; status == CT_OK && names[i] != NULL; i++) {
		json_t *json = load(report->json, dir, names[i], false);

		if (json != NULL && take_json(report, json, names[i]) == CT_NOMEM)
			status = CT_NOMEM;
		json_decref(json);
	}
	if (status == CT_OK && is_there(dir, "points.jsonl", path))
		status = ct_page_series(report->json, path);
	else if (status == CT_OK)
		ct_page_note(report->json, "no points.jsonl: no curves");
	if (status == CT_OK && is_there(dir, "machines", path))
		status = take_machines(report, path);
	else if (status == CT_OK)
		ct_page_note(report->json, "no machine files: nodes are not drawn or compared");
	if (status == CT_OK && is_there(dir, "fabric.json", path))
		status = take_fabric(report, path);
	return status;
}

static ct_status read_file(struct ct_page *report, const char *path)
{
	size_t length = strlen(path);
	json_t *json = NULL;
	ct_status status;

	if (length > 6 && strcmp(path + length - 6, ".jsonl") == 0)
		return ct_page_series(report->json, path);
	status = ct_json_load(path, JSON_MOST, &json);
	if (status == CT_OK)
		status = take_json(report, json, path);
	if (status == CT_INVALID && json != NULL)
		status = ct_fail(CT_INVALID, "%s: its schema is none of colltune-verdict/1, colltune-isolation/1, "
			"colltune-ladder/1; points are read from a .jsonl", path);
	json_decref(json);
	return status;
}

/* A run with a planted fault is about the fault. */
static void label_fault(json_t *report)
{
	const json_t *options = json_object_get(json_object_get(report, "environment"), "options");
	const char *fault = ct_page_text(options, "net-fault", "");
	char text[256];

	if (fault[0] == '\0')
		return;
	snprintf(text, sizeof(text), "FAULT INJECTED: %.200s", fault);
	label(report, text);
}

/* What was measured without a judge: the worst of its points. */
static void judge_points(json_t *report)
{
	size_t count[5] = { 0 }, all = 0, i, k;
	static const char *const words[] = { "fail", "warn", "inconclusive", "pass", "unjudged" };
	json_t *curve, *point;
	const char *word = "unjudged";
	char reason[200];

	if (json_object_get(report, "verdict") != NULL)
		return;
	json_array_foreach(json_object_get(report, "series"), i, curve) {
		json_array_foreach(json_object_get(curve, "points"), k, point) {
			for (size_t w = 0; w < 5; w++)
				count[w] += strcmp(ct_page_text(point, "verdict", ""), words[w]) == 0;
			all++;
		}
	}
	for (size_t w = 5; w-- > 0;)
		word = count[w] > 0 ? words[w] : word;
	snprintf(reason, sizeof(reason), "measured, not judged by accept: of %zu points %zu pass, %zu warn, %zu "
		"fail, %zu are inconclusive, %zu have no expectation", all, count[3], count[1], count[0],
		count[2], count[4]);
	(void)json_object_set_new(report, "verdict", json_pack("{s:s, s:s}", "word", word, "reason",
		reason));
}

ct_status ct_page_read(const char *path, struct ct_page *report)
{
	struct ct_page made = { .nodes = ct_buf_make(64 << 20), .fabric = ct_buf_make(64 << 20),
		.heat = ct_buf_make(16 << 20) };
	char clean[512];
	struct stat st;
	ct_status status;

	if (stat(path, &st) != 0)
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	ct_text_clean(clean, sizeof(clean), path);
	made.json = json_pack("{s:s, s:s, s:s, s:[], s:[], s:[], s:[]}", "schema", "colltune-report/1",
		"source", clean, "version", ct_version(), "notes", "labels", "fixes", "remarks");
	if (made.json == NULL)
		return ct_fail(CT_NOMEM, "no memory for a report");
	status = S_ISDIR(st.st_mode) ? read_directory(&made, path) : read_file(&made, path);
	if (status == CT_OK && json_object_get(made.json, "series") == NULL &&
	    json_object_get(made.json, "verdict") == NULL && json_object_get(made.json, "ladder") == NULL)
		status = ct_fail(CT_INVALID, "%s: neither points.jsonl nor verdict.json nor ladder.json in it",
			path);
	if (status == CT_OK) {
		judge_points(made.json);
		label_fault(made.json);
		status = order_fixes(made.json);
	}
	if (status == CT_OK)
		*report = made;
	else
		ct_page_free(&made);
	return status;
}

void ct_page_free(struct ct_page *report)
{
	json_decref(report->json);
	ct_buf_free(&report->nodes);
	ct_buf_free(&report->fabric);
	ct_buf_free(&report->heat);
	report->json = NULL;
}
