/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune view DIR: follows a result directory from outside the launcher, where there is a real
 * terminal. Everything read is foreign text. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"
#include "measure/measure.h"
#include "table.h"
#include "watch.h"

enum { LINE_LIMIT = 4 << 20, LAST_ROWS = 512 };

struct view_settings {
	bool once, counters;
	uint64_t interval;
};

#define AT(field) offsetof(struct view_settings, field)
static const struct ct_option own_options[] = {
	{ "once", 0, CT_OPT_FLAG, AT(once), NULL, 0, 0, NULL, NULL,
		"print what is there now and end; so too when stdout is no terminal" },
	{ "counters", 0, CT_OPT_FLAG, AT(counters), NULL, 0, 0, NULL, NULL,
		"below each point, what network and kernel counted meanwhile" },
	{ "interval", 0, CT_OPT_TIME, AT(interval), "500ms", 1e7, 3.6e12, NULL, "TIME",
		"how often to look" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT

const struct ct_option *const ct_view_options[] = { own_options, NULL };

static const struct ct_cli cli = {
	.command = "view",
	.args = "DIR",
	.text = "Show a result directory (--out of bench, accept and roce) while it grows, or when it is "
		"finished. Run it outside mpirun; it reads only.",
	.lists = ct_view_options,
	.min_words = 1,
	.max_words = 1,
};

struct viewer {
	const char *dir;
	FILE *points;
	uint64_t line;
	char *text; /* one line of the file, getline's */
	size_t room;
	struct ct_result *last; /* LAST_ROWS at most, oldest dropped */
	size_t nlast;
	uint64_t total, wrong, unreadable;
	char unreadable_why[200];
	char state[32], command[64], note[400];
	struct ct_watch_view *watch; /* of colltune roce watch, or NULL */
};

static bool final_state(const struct viewer *v)
{
	return v->state[0] != '\0' && strcmp(v->state, "running") != 0;
}

static ct_status read_state(struct viewer *v)
{
	char path[4096];
	json_t *run = NULL;
	const char *state = NULL, *command = NULL, *note = NULL;
	ct_status status;

	snprintf(path, sizeof(path), "%s/run.json", v->dir);
	status = ct_json_load(path, 16 << 20, &run);
	if (status != CT_OK)
		return status;
	(void)json_unpack(run, "{s?s, s?s, s?s}", "state", &state, "command", &command, "note", &note);
	ct_text_clean(v->state, sizeof(v->state), state != NULL ? state : "");
	ct_text_clean(v->command, sizeof(v->command), command != NULL ? command : "");
	ct_text_clean(v->note, sizeof(v->note), note != NULL ? note : "");
	json_decref(run);
	return CT_OK;
}

static void keep(struct viewer *v, struct ct_result *result)
{
	ct_result_clear(result);
	if (v->nlast == LAST_ROWS) {
		memmove(v->last, v->last + 1, (LAST_ROWS - 1) * sizeof(*v->last));
		v->nlast--;
	}
	v->last[v->nlast++] = *result;
	v->total++;
	if (result->status == CT_OK)
		v->wrong += result->wrong;
}

static void read_line(struct viewer *v, size_t length)
{
	json_t *record = NULL;
	const char *kind = NULL;
	struct ct_result result;
	ct_status status = ct_json_parse(v->text, length, "points.jsonl", &record);

	if (status == CT_OK && json_unpack(record, "{s:s}", "kind", &kind) == 0 &&
		strcmp(kind, "environment") == 0) {
		json_decref(record);
		return;
	}
	if (status == CT_OK)
		status = ct_record_parse(record, "points.jsonl", v->line, &result);
	json_decref(record);
	if (status == CT_OK) {
		keep(v, &result);
		return;
	}
	v->unreadable++;
	snprintf(v->unreadable_why, sizeof(v->unreadable_why), "line %llu: %s",
		(unsigned long long)v->line, ct_why());
}

/* Whole new lines; a line that is still being written is left for the next look. */
static void read_points(struct viewer *v)
{
	char path[4096];

	if (v->points == NULL) {
		snprintf(path, sizeof(path), "%s/points.jsonl", v->dir);
		v->points = fopen(path, "re");
	}
	while (v->points != NULL) {
		long at = ftell(v->points);
		ssize_t length = getline(&v->text, &v->room, v->points);

		if (length <= 0)
			break;
		if (v->text[length - 1] != '\n') {
			(void)fseek(v->points, at, SEEK_SET);
			break;
		}
		v->line++;
		if (length <= LINE_LIMIT)
			read_line(v, (size_t)length - 1);
	}
	if (v->points != NULL)
		clearerr(v->points);
}

static void show_result(struct ct_buf *out, const struct ct_result *r, bool counters)
{
	char name[96], size[32], time[32], rate[32];

	ct_buf_add(out, "%-14s %-34s %8s%s ", ct_coll_name(r->test.coll),
		ct_candidate_text(&r->candidate, name), ct_size_text(r->bytes, size),
		r->test.in_place ? " in " : " out");
	if (r->status != CT_OK) {
		ct_text_clean(name, sizeof(name), r->why);
		ct_buf_add(out, "N/A: %s\n", name);
		return;
	}
	ct_buf_add(out, "%10s %11s %7llu samples%s\n", ct_time_text(r->summary.median, time),
		r->busbw_Bps > 0 ? ct_rate_text(r->busbw_Bps, rate) : "",
		(unsigned long long)r->summary.n, r->wrong > 0 ? "  WRONG DATA" : "");
	if (counters)
		ct_table_counters(out, r);
}

static void show(const struct viewer *v, size_t rows, bool clear, bool counters)
{
	struct ct_buf out = ct_buf_make(1 << 20);
	size_t first = v->nlast > rows ? v->nlast - rows : 0;

	if (clear)
		ct_buf_add(&out, "\033[H\033[J");
	ct_buf_add(&out, "%s: %s, %s; %llu points", v->dir,
		v->command[0] != '\0' ? v->command : "unknown command",
		v->state[0] != '\0' ? v->state : "no state", (unsigned long long)v->total);
	if (v->wrong > 0)
		ct_buf_add(&out, "; %llu wrong elements", (unsigned long long)v->wrong);
	ct_buf_add(&out, "\n");
	if (v->note[0] != '\0')
		ct_buf_add(&out, "note: %s\n", v->note);
	if (v->unreadable > 0)
		ct_buf_add(&out, "%llu lines could not be read; the last: %s\n",
			(unsigned long long)v->unreadable, v->unreadable_why);
	for (size_t i = first; i < v->nlast; i++)
		show_result(&out, &v->last[i], counters);
	if (v->watch != NULL)
		ct_watch_view_show(v->watch, &out);
	if (ct_buf_status(&out) == CT_OK)
		fputs(out.text, stdout);
	fflush(stdout);
	ct_buf_free(&out);
}

static size_t terminal_rows(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_row < 8)
		return 16;
	return size.ws_row - 6u;
}

static int follow(struct viewer *v, const struct view_settings *s)
{
	bool live = isatty(STDOUT_FILENO) == 1 && !s->once;
	struct timespec pause = { (time_t)(s->interval / 1000000000u),
		(long)(s->interval % 1000000000u) };

	while (true) {
		/* The state first: a final one promises that every point is there. */
		ct_status status = read_state(v);

		if (status != CT_OK) {
			ct_cli_complain("view", ct_why());
			return ct_exit_of(status);
		}
		read_points(v);
		if (v->watch == NULL)
			(void)ct_watch_view_open(v->dir, &v->watch);
		show(v, live ? terminal_rows() : LAST_ROWS, live, s->counters);
		if (!live || final_state(v))
			return CT_EXIT_PASS;
		nanosleep(&pause, NULL);
	}
}

int ct_view_main(int argc, char **argv)
{
	struct view_settings settings = { 0 };
	struct viewer v = { 0 };
	int code = CT_EXIT_PASS;

	switch (ct_cli_parse(&cli, argc, argv, &settings, &v.dir)) {
	case CT_CLI_DONE:
		break;
	case CT_CLI_USAGE:
		code = CT_EXIT_USAGE;
		break;
	case CT_CLI_RUN:
		v.last = ct_alloc(LAST_ROWS, sizeof(*v.last));
		code = v.last != NULL ? follow(&v, &settings) : CT_EXIT_ENVIRONMENT;
		break;
	}
	if (v.points != NULL)
		fclose(v.points);
	free(v.text);
	ct_watch_view_close(v.watch);
	ct_free(v.last);
	ct_options_free(ct_view_options, &settings);
	return code;
}
