/* SPDX-License-Identifier: BSD-3-Clause */
/* A result directory: made whole, appended to line by line, resumed only when it fits. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "inside.h"

struct ct_store {
	char *dir;
	FILE *points;
	struct ct_records records; /* those found on resume, and the environment in force */
	pthread_mutex_t lock;      /* of run.json: a watchdog may write its state too */
	char stage[32];            /* under way; "" = this command has none */
};

enum { LOCK_SECONDS = 1, MOST_NAME = 200 };

bool ct_test_same(const struct ct_test *a, const struct ct_test *b)
{
	return a->coll == b->coll && a->type == b->type && a->op == b->op && a->root == b->root &&
		a->bytes == b->bytes && a->in_place == b->in_place && a->window == b->window;
}

/* DIR/NAME; freed by the caller. */
static char *path_in(const char *dir, const char *name)
{
	size_t room = strlen(dir) + strlen(name) + 2;
	char *path = ct_alloc(room, 1);

	if (path != NULL)
		snprintf(path, room, "%s/%s", dir, name);
	return path;
}

static ct_status make_dir(const char *path)
{
	if (mkdir(path, 0700) == 0)
		return CT_OK;
	if (errno == EEXIST)
		return ct_fail(CT_INVALID, "%s: exists; name a new directory, or resume it", path);
	return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
}

/* ---- resume --------------------------------------------------------------------------------- */

/* The options but for those that say where results go, not what is measured. */
static json_t *comparable(const json_t *environment)
{
	json_t *options = json_deep_copy(json_object_get(environment, "options"));

	if (options != NULL) {
		json_object_del(options, "out");
		json_object_del(options, "resume");
	}
	return options;
}

/* The first option that differs, or NULL. */
static const char *different_option(json_t *a, json_t *b)
{
	const char *key;
	json_t *value;

	json_object_foreach(a, key, value)
		if (!json_equal(value, json_object_get(b, key)))
			return key;
	json_object_foreach(b, key, value)
		if (json_object_get(a, key) == NULL)
			return key;
	return NULL;
}

static ct_status same_run(const char *dir, const json_t *then, const json_t *now)
{
	static const char *const keys[] = { "command", "nranks", "seed", NULL };
	json_t *a = comparable(then), *b = comparable(now);
	const char *key = NULL;
	ct_status status = CT_OK;

	for (size_t i = 0; keys[i] != NULL && key == NULL; i++)
		if (!json_equal(json_object_get(then, keys[i]), json_object_get(now, keys[i])))
			key = keys[i];
	if (key == NULL && a != NULL && b != NULL)
		key = different_option(a, b);
	if (key != NULL)
		status = ct_fail(CT_INVALID, "%s: was made with another %s: resume with the "
			"same, or name a new directory", dir, key);
	json_decref(a);
	json_decref(b);
	return status;
}

static ct_status resume(struct ct_store *s, const char *path, const json_t *environment)
{
	ct_status status = ct_records_read(path, false, &s->records);

	if (status == CT_OK && s->records.environment == NULL)
		status = ct_fail(CT_INVALID, "%s:1: no environment record", path);
	if (status == CT_OK)
		status = same_run(s->dir, s->records.environment, environment);
	return status;
}

/* ---- mend ----------------------------------------------------------------------------------- */

/* Whole lines of FD, and the bytes that they take. */
static bool count_lines(int fd, uint64_t *lines, off_t *whole, off_t *all)
{
	char part[1 << 16];
	ssize_t n;

	*lines = 0;
	*whole = *all = 0;
	while ((n = read(fd, part, sizeof(part))) > 0 || (n < 0 && errno == EINTR)) {
		for (ssize_t i = 0; i < n; i++) {
			if (part[i] != '\n')
				continue;
			(*lines)++;
			*whole = *all + i + 1;
		}
		*all += n > 0 ? n : 0;
	}
	return n == 0;
}

ct_status ct_store_mend(const char *dir, uint64_t *line)
{
	char *path = path_in(dir, "points.jsonl");
	off_t whole = 0, all = 0;
	uint64_t lines = 0;
	struct stat st;
	int fd;
	ct_status status = CT_OK;

	if (path == NULL)
		return CT_NOMEM;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		status = ct_fail(CT_IO, "%s: %s", path, fd < 0 ? strerror(errno) : "not a regular file");
	else if (!count_lines(fd, &lines, &whole, &all) || (whole < all && ftruncate(fd, whole) != 0))
		status = ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	ct_free(path);
	if (status == CT_OK)
		*line = whole < all ? lines + 1 : 0;
	return status;
}

/* ---- open ----------------------------------------------------------------------------------- */

static ct_status begin_new(struct ct_store *s, const char *path, json_t *environment)
{
	ct_status status = make_dir(s->dir);

	if (status == CT_OK)
		status = ct_file_append(path, 0600, &s->points);
	if (status == CT_OK)
		status = ct_json_line(s->points, environment);
	if (status == CT_OK)
		s->records.environment = json_incref(environment);
	return status;
}

void ct_store_close(struct ct_store *store)
{
	if (store == NULL)
		return;
	if (store->points != NULL)
		fclose(store->points);
	ct_records_free(&store->records);
	pthread_mutex_destroy(&store->lock);
	ct_free(store->dir);
	ct_free(store);
}

ct_status ct_store_open(const char *dir, bool resuming, const json_t *environment,
	struct ct_store **store)
{
	struct ct_store *s = ct_alloc(1, sizeof(*s));
	char *path = NULL;
	ct_status status = CT_NOMEM;

	if (s == NULL)
		return CT_NOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->dir = ct_strdup(dir);
	path = s->dir == NULL ? NULL : path_in(dir, "points.jsonl");
	if (path == NULL)
		goto out;
	if (resuming) {
		status = resume(s, path, environment);
		if (status == CT_OK)
			status = ct_file_append(path, 0600, &s->points);
	} else {
		/* only its count of references changes */
		status = begin_new(s, path, (json_t *)(uintptr_t)environment);
	}
	if (status == CT_OK)
		status = ct_store_state(s, "running", NULL);
out:
	ct_free(path);
	if (status == CT_OK)
		*store = s;
	else
		ct_store_close(s);
	return status;
}

/* ---- use ------------------------------------------------------------------------------------ */

size_t ct_store_count(const struct ct_store *store)
{
	return store->records.n;
}

const struct ct_result *ct_store_result(const struct ct_store *store, size_t i)
{
	return &store->records.results[i];
}

bool ct_store_has(const struct ct_store *store, uint32_t round, const struct ct_candidate *c,
	const struct ct_test *t)
{
	for (size_t i = 0; i < store->records.n; i++) {
		const struct ct_result *r = &store->records.results[i];

		if (r->round == round && ct_candidate_same(&r->candidate, c) &&
			ct_test_same(&r->test, t))
			return true;
	}
	return false;
}

ct_status ct_store_point(struct ct_store *store, const struct ct_result *result)
{
	json_t *record;
	ct_status status;

	if (!ct_result_has_times(result))
		return ct_fail(CT_INVALID, "a result without its samples cannot be recorded");
	record = ct_record_point(result);
	status = record == NULL ? CT_NOMEM : ct_json_line(store->points, record);
	json_decref(record);
	return status;
}

/* A name that stays inside: one or two parts of letters, digits and . _ -, none beginning with a
 * dot (host names are part of it and come from outside). */
static bool is_inside(const char *name)
{
	size_t parts = 1;

	if (strlen(name) > MOST_NAME || name[0] == '\0')
		return false;
	for (const char *c = name; *c != '\0'; c++) {
		bool first = c == name || c[-1] == '/';

		if ((first && *c == '.') || (*c == '/' && (first || c[1] == '\0' || ++parts > 2)))
			return false;
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	}
	return true;
}

ct_status ct_store_save(struct ct_store *store, const char *name, const json_t *json)
{
	const char *slash = strchr(name, '/');
	char *path;
	ct_status status = CT_OK;

	if (!is_inside(name))
		return ct_fail(CT_INVALID, "\"%.60s\" is no file name for a result directory",
			name);
	path = path_in(store->dir, name);
	if (path == NULL)
		return CT_NOMEM;
	if (slash != NULL) {
		char *end = path + strlen(path) - strlen(slash);

		*end = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			status = ct_fail(CT_IO, "%s: %s", path, strerror(errno));
		*end = '/';
	}
	if (status == CT_OK)
		status = ct_json_save(json, path, 0600);
	ct_free(path);
	return status;
}

static json_t *run_record(const struct ct_store *store, const char *state, const char *note)
{
	json_t *e = store->records.environment, *run;
	char now[21], clean[512];

	ct_clock_utc(now);
	ct_text_clean(clean, sizeof(clean), note != NULL ? note : "");
	run = json_pack("{s:s, s:s, s:s, s:s, s:O, s:O, s:O, s:O, s:O}", "schema", "colltune-run/1",
		"state", state, "note", clean, "updated", now,
		"command", json_object_get(e, "command"), "options", json_object_get(e, "options"),
		"seed", json_object_get(e, "seed"), "nranks", json_object_get(e, "nranks"),
		"started", json_object_get(e, "started"));
	if (run != NULL && store->stage[0] != '\0' &&
	    json_object_set_new(run, "stage", json_string(store->stage)) != 0) {
		json_decref(run);
		return NULL;
	}
	return run;
}

ct_status ct_store_state(struct ct_store *store, const char *state, const char *note)
{
	static const char *const states[] = { "running", "done", "failed", "interrupted", "killed",
		"expired", NULL };
	struct timespec until;
	char *path;
	json_t *run;
	size_t i = 0;
	ct_status status;

	while (states[i] != NULL && strcmp(states[i], state) != 0)
		i++;
	if (states[i] == NULL)
		return ct_fail(CT_INVALID, "unknown state \"%.20s\" of a run", state);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LOCK_SECONDS;
	/* whoever holds it may be stuck for good; the rename is safe without it */
	bool locked = pthread_mutex_timedlock(&store->lock, &until) == 0;

	path = path_in(store->dir, "run.json");
	run = path == NULL ? NULL : run_record(store, state, note);
	status = run == NULL ? ct_fail(CT_NOMEM, "no memory for run.json") :
		ct_json_save(run, path, 0600);
	json_decref(run);
	ct_free(path);
	if (locked)
		pthread_mutex_unlock(&store->lock);
	return status;
}

ct_status ct_store_stage(struct ct_store *store, const char *stage)
{
	ct_text_clean(store->stage, sizeof(store->stage), stage);
	return ct_store_state(store, "running", NULL);
}
