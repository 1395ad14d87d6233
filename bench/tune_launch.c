/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A setting that a library reads when it starts needs a launch of its own. One launch is one sample: the
 * settings are launched in turns, in rounds whose order the seed shuffles, and compared by one figure of
 * each launch (the geometric mean over operations and sizes), so that what differs from launch to launch
 * counts as noise. What was measured is kept in a file, line by line, and not measured again.
 */
#include "tune_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "words.h"

enum { ROUNDS = 8, LOOK = 2, SAID = 1 << 20, POINTS = 512, MODE = 0600, WAYS = CT_RELAUNCH_MOST + 1 };

static const double hopeless = 1.15;
static const char schema[] = "colltune-launches/1";

static const struct ct_advice_rule launch_rule = {
	.id = "launch-setting", .severity = CT_SEVERITY_ADVICE,
	.looks_at = "launches with a setting beside launches without",
	.why = "what a library reads when it starts was chosen for other machines",
	.source = "measured here; Mann and Whitney 1947, adjusted after Holm for the number of settings",
};
static const struct ct_advice_rule same_rule = {
	.id = "launch-defaults", .severity = CT_SEVERITY_NOTE,
	.looks_at = "launches with a setting beside launches without",
	.why = "keeping the defaults is a result too", .source = "measured here",
};

/* One way to launch; 0 is without any setting. */
struct way {
	char setting[CT_RELAUNCH_ROOM];
	double mean_ns[ROUNDS]; /* of each round; 0 = not launched */
	uint32_t n;             /* rounds that there are */
	bool failed, dropped;
	struct ct_ratio gain;   /* default's time / this one's */
	struct ct_mwu test;
};

struct launching {
	const struct ct_tune_settings *settings;
	const struct ct_tune_asked *asked;
	struct way way[WAYS];
	size_t nways;
	char self[PATH_MAX], number[5][32];
	char command[640]; /* as the file names it */
	FILE *file;        /* NULL: nothing is kept */
	struct ct_deadline by;
	uint32_t launched, kept;
};

/* ---- one launch ------------------------------------------------------------------------------ */

static ct_status words_of(struct launching *l, const struct way *way, struct ct_words *w)
{
	const struct ct_tune_settings *s = l->settings;
	const char *const run[] = { "env", way->setting[0] != '\0' ? way->setting : "CT_TUNE_SETTING=none",
		l->self, "tune", l->asked->words, "--times", "--coll", l->asked->backends, "--net", s->job.net,
		"-d", s->type, "-b", l->number[0], "-e", l->number[1], "-f", l->number[2], "-t", l->number[3],
		s->job.module_dir != NULL ? "--module-dir" : NULL, s->job.module_dir, NULL };
	ct_status status = ct_words_split(w, s->launch, "--launch");

	return status == CT_OK ? ct_words_add(w, run) : status;
}

/* Geometric mean of the times that a launch printed; 0: none. */
static double mean_of(char *text)
{
	char *save = NULL;
	double sum = 0;
	unsigned n = 0;

	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char coll[32];
		unsigned long long bytes, ns;

		if (sscanf(line, "# time coll=%31s bytes=%llu ns=%llu", coll, &bytes, &ns) == 3 && ns > 0 &&
			n < POINTS) {
			sum += log((double)ns);
			n++;
		}
	}
	return n > 0 ? exp(sum / n) : 0;
}

static ct_status keep(struct launching *l, const struct way *way, uint32_t round)
{
	json_t *line = json_pack("{s:s, s:i, s:f, s:b}", "setting", way->setting, "round", (int)round, "mean_ns",
		way->failed ? 0.0 : way->mean_ns[round], "failed", (int)way->failed);
	ct_status status = line == NULL ? CT_NOMEM : l->file != NULL ? ct_json_line(l->file, line) : CT_OK;

	json_decref(line);
	return status;
}

static ct_status launch(struct launching *l, struct way *way, uint32_t round)
{
	struct ct_words *w = ct_alloc(1, sizeof(*w));
	struct ct_child child = { .out_most = SAID, .ns = l->settings->job.timeout };
	ct_status status = w != NULL ? words_of(l, way, w) : CT_NOMEM;
	char *text = NULL;
	size_t bytes;

	if (status == CT_OK) {
		if (l->settings->job.progress)
			fprintf(stderr, "colltune tune: round %u, %s\n", round + 1,
				way->setting[0] != '\0' ? way->setting : "no setting");
		child.argv = w->list;
		status = ct_child_run(&child, &text, &bytes);
		l->launched++;
		if (status == CT_OK)
			way->mean_ns[round] = mean_of(text);
		ct_free(text);
		if (status == CT_OK && way->mean_ns[round] <= 0)
			status = ct_fail(CT_IO, "%s: printed no times", l->settings->launch);
		if (status == CT_OK)
			way->n++;
		else if (way != &l->way[0] && status != CT_NOMEM && status != CT_UNSUPPORTED) {
			way->failed = true; /* an answer as well: this setting does not run here */
			status = CT_OK;
		}
		if (status == CT_OK)
			status = keep(l, way, round);
	}
	ct_free(w);
	return status;
}

/* ---- what was kept ---------------------------------------------------------------------------- */

static ct_status take_line(struct launching *l, const json_t *line, const char *path, size_t at)
{
	const char *setting = json_string_value(json_object_get(line, "setting"));
	json_int_t round = json_integer_value(json_object_get(line, "round"));
	double ns = json_number_value(json_object_get(line, "mean_ns"));

	if (setting == NULL || round < 0 || round >= ROUNDS || !(ns >= 0) || !isfinite(ns))
		return ct_fail(CT_INVALID, "%s:%zu: not a launch of %s", path, at, schema);
	for (size_t k = 0; k < l->nways; k++) {
		struct way *way = &l->way[k];

		if (strcmp(way->setting, setting) != 0 || way->mean_ns[round] > 0)
			continue;
		way->failed |= json_is_true(json_object_get(line, "failed"));
		way->mean_ns[round] = ns;
		way->n += ns > 0;
		l->kept++;
	}
	return CT_OK;
}

/* The lines of an earlier run of the same command. A last line without its end was being written. */
static ct_status resume(struct launching *l, const char *path, FILE *file)
{
	char line[1024];
	ct_status status = CT_OK;

	for (size_t at = 1; status == CT_OK && fgets(line, sizeof(line), file) != NULL; at++) {
		json_t *json = NULL;

		if (strchr(line, '\n') == NULL)
			return ct_fail(CT_INVALID, "%s:%zu: ends within a line: remove that line", path, at);
		status = ct_json_parse(line, strlen(line), path, &json);
		if (status == CT_OK && at == 1) {
			const char *of = json_string_value(json_object_get(json, "schema"));
			const char *command = json_string_value(json_object_get(json, "command"));

			if (of == NULL || strcmp(of, schema) != 0)
				status = ct_fail(CT_INVALID, "%s: not a file of %s", path, schema);
			else if (command == NULL || strcmp(command, l->command) != 0)
				status = ct_fail(CT_INVALID, "%s: launches of another command: \"%.200s\"", path,
					command != NULL ? command : "");
		} else if (status == CT_OK) {
			status = take_line(l, json, path, at);
		}
		json_decref(json);
	}
	return status;
}

/* *FILE: an earlier run's, NULL if there was none. A FIFO in its place must not hang us. */
static ct_status open_old(const char *path, FILE **file)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	*file = NULL;
	if (fd < 0)
		return errno == ENOENT ? CT_OK : ct_fail(CT_IO, "%s: %s", path, errno == ELOOP ?
			"is a symbolic link, which is not followed" : strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		*file = fdopen(fd, "r");
	if (*file != NULL)
		return CT_OK;
	close(fd);
	return ct_fail(CT_IO, "%s: not a regular file", path);
}

/* Opens the file of launches, new or of an earlier run. */
static ct_status open_file(struct launching *l)
{
	const char *path = l->settings->launches;
	FILE *old = NULL;
	ct_status status = path != NULL ? open_old(path, &old) : CT_OK;
	bool fresh;
	json_t *head;

	if (old != NULL)
		status = resume(l, path, old);
	fresh = old == NULL || ftell(old) == 0;
	if (old != NULL)
		fclose(old);
	if (path == NULL || status != CT_OK)
		return status;
	status = ct_file_append(path, MODE, &l->file);
	if (status != CT_OK || !fresh)
		return status;
	head = json_pack("{s:s, s:s}", "schema", schema, "command", l->command);
	status = head != NULL ? ct_json_line(l->file, head) : CT_NOMEM;
	json_decref(head);
	return status;
}

/* ---- the search ------------------------------------------------------------------------------- */

/* Of the rounds that both have. */
static void compare(struct launching *l)
{
	double a[ROUNDS], b[ROUNDS], p[WAYS];
	uint32_t na = 0;

	for (int r = 0; r < ROUNDS; r++)
		if (l->way[0].mean_ns[r] > 0)
			a[na++] = l->way[0].mean_ns[r];
	for (size_t k = 0; k < l->nways; k++) {
		uint32_t nb = 0;

		for (int r = 0; r < ROUNDS; r++)
			if (l->way[k].mean_ns[r] > 0)
				b[nb++] = l->way[k].mean_ns[r];
		l->way[k].gain = ct_ratio_interval(a, na, b, nb, 0.95);
		l->way[k].test = ct_mann_whitney(a, na, b, nb);
		p[k] = l->way[k].test.p;
	}
	ct_holm(p + 1, l->nways - 1);
	for (size_t k = 1; k < l->nways; k++)
		l->way[k].test.p = p[k];
}

static ct_status one_round(struct launching *l, struct ct_rng *rng, uint32_t round)
{
	uint32_t order[WAYS];
	ct_status status = CT_OK;

	for (uint32_t k = 0; k < l->nways; k++)
		order[k] = k;
	ct_rng_shuffle(rng, order, (uint32_t)l->nways);
	for (size_t k = 0; k < l->nways && status == CT_OK; k++) {
		struct way *way = &l->way[order[k]];

		if (way->failed || way->dropped || way->mean_ns[round] > 0)
			continue;
		if (ct_deadline_passed(l->by))
			return CT_OK;
		status = launch(l, way, round);
	}
	if (round + 1 < LOOK || status != CT_OK)
		return status;
	compare(l);
	for (size_t k = 1; k < l->nways; k++)
		l->way[k].dropped |= l->way[k].n > 0 && l->way[k].gain.ratio * hopeless < 1;
	return CT_OK;
}

/* ---- what came of it -------------------------------------------------------------------------- */

static const char *word_of(const struct way *w)
{
	if (w->failed)
		return "does not run here";
	if (w->n < ROUNDS)
		return w->dropped ? "slower, left" : "inconclusive: the budget ended";
	if (w->test.p < 0.05 && w->gain.low > 1)
		return "faster";
	if (w->test.p < 0.05 && w->gain.high < 1)
		return "slower";
	return w->gain.low >= 0.95 && w->gain.high <= 1.05 ? "equivalent" : "not resolved";
}

static void show(const struct launching *l)
{
	printf("# %u launches in this run, %u of an earlier one\n# %-52s %6s %8s %19s %8s\n", l->launched, l->kept,
		"setting", "rounds", "times", "95 % interval", "p");
	for (size_t k = 0; k < l->nways; k++) {
		const struct way *w = &l->way[k];

		if (k == 0)
			printf("  %-52s %6u\n", "(none)", w->n);
		else
			printf("  %-52s %6u %8.3f [%8.3f %8.3f] %8.4f  %s\n", w->setting, w->n, w->gain.ratio,
				w->gain.low, w->gain.high, w->test.p, word_of(w));
	}
}

static ct_status suggest(const struct launching *l, struct ct_findings *findings)
{
	unsigned faster = 0;

	for (size_t k = 1; k < l->nways; k++) {
		const struct way *w = &l->way[k];
		struct ct_finding *f;

		if (strcmp(word_of(w), "faster") != 0)
			continue;
		f = ct_finding_add(findings, &launch_rule);
		if (f == NULL)
			return CT_NOMEM;
		faster++;
		snprintf(f->seen, sizeof(f->seen), "%.120s: faster than no setting over all operations and sizes, "
			"one figure a launch, %d launches each", w->setting, (int)ROUNDS);
		snprintf(f->set, sizeof(f->set), "%.160s in the environment of every rank", w->setting);
		snprintf(f->undo, sizeof(f->undo), "unset %.*s", (int)strcspn(w->setting, "="), w->setting);
		snprintf(f->expected, sizeof(f->expected), "not modelled");
		f->measured = true;
		f->gain = w->gain;
		f->p = w->test.p;
		f->effect = w->test.effect;
		f->coll = l->asked->colls[0];
		f->low_bytes = l->settings->min_bytes;
		f->high_bytes = l->settings->max_bytes;
	}
	if (faster == 0) {
		struct ct_finding *f = ct_finding_add(findings, &same_rule);

		if (f == NULL)
			return CT_NOMEM;
		snprintf(f->seen, sizeof(f->seen), "defaults are best among %zu settings that need a launch, as far as "
			"the table above resolves them", l->nways - 1);
	}
	return CT_OK;
}

static ct_status end(const struct launching *l)
{
	struct ct_findings findings = { .n = 0 };
	struct ct_buf text = ct_buf_make(SIZE_MAX);
	char budget[32];
	ct_status status = l->launched + l->kept > 1 ? suggest(l, &findings) :
		ct_fail(CT_INVALID, "a budget of %s is too small: it ended after launch %u, and two are the least that can "
			"be compared", ct_time_text(l->settings->budget, budget), l->launched);

	if (status == CT_OK) {
		show(l);
		ct_findings_order(&findings);
		ct_findings_list(&findings, &text);
		printf("%s", text.text != NULL ? text.text : "");
	}
	ct_buf_free(&text);
	ct_findings_free(&findings);
	return status;
}

static ct_status begin(struct launching *l)
{
	const struct ct_tune_settings *s = l->settings;
	char (*list)[CT_RELAUNCH_ROOM] = ct_alloc(CT_RELAUNCH_MOST, CT_RELAUNCH_ROOM);
	ssize_t n = readlink("/proc/self/exe", l->self, sizeof(l->self) - 1);
	ct_status status = list == NULL ? CT_NOMEM : n > 0 ? CT_OK : ct_fail(CT_IO, "/proc/self/exe: unreadable");

	if (status == CT_OK)
		status = ct_relaunch_list(s->relaunch, l->asked->backends, list, &l->nways);
	for (size_t k = 0; k < l->nways && status == CT_OK; k++)
		snprintf(l->way[k + 1].setting, CT_RELAUNCH_ROOM, "%s", list[k]);
	l->nways++;
	ct_free(list);
	snprintf(l->number[0], sizeof(l->number[0]), "%llu", (unsigned long long)s->min_bytes);
	snprintf(l->number[1], sizeof(l->number[1]), "%llu", (unsigned long long)s->max_bytes);
	snprintf(l->number[2], sizeof(l->number[2]), "%.17g", s->factor);
	snprintf(l->number[3], sizeof(l->number[3]), "%lld", (long long)s->job.threads);
	snprintf(l->command, sizeof(l->command), "%.250s tune %.100s --coll %.40s --net %.20s -d %.12s -b %s -e %s "
		"-f %s -t %s", s->launch, l->asked->words, l->asked->backends, s->job.net, s->type, l->number[0],
		l->number[1], l->number[2], l->number[3]);
	l->by = ct_deadline_in(s->budget);
	return status;
}

ct_status ct_tune_launch(const struct ct_tune_settings *s, const struct ct_tune_asked *asked)
{
	struct launching *l = ct_alloc(1, sizeof(*l));
	struct ct_rng rng = ct_rng_make((uint64_t)s->job.seed);
	ct_status status = CT_NOMEM;

	if (l != NULL) {
		l->settings = s;
		l->asked = asked;
		status = begin(l);
		if (status == CT_OK)
			status = open_file(l);
		if (status == CT_OK)
			printf("# colltune %s tune --launch \"%s\": %zu settings of %s, up to %d launches each\n",
				ct_version(), s->launch, l->nways - 1, asked->backends, (int)ROUNDS);
		fflush(stdout);
		for (uint32_t round = 0; round < ROUNDS && status == CT_OK; round++)
			status = one_round(l, &rng, round);
		if (status == CT_OK) {
			compare(l);
			status = end(l);
		}
		if (l->file != NULL)
			fclose(l->file);
	}
	ct_free(l);
	return status;
}
