/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads a .jsonl of results: the environment first, then one point per line. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"

static const size_t most_bytes = (size_t)1 << 30;

/* The whole of PATH; a file that grows meanwhile is read up to the size it had. */
static ct_status slurp(const char *path, char **text, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t used = 0;
	char *p = NULL;
	ct_status status;

	if (fd < 0)
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		status = ct_fail(CT_IO, "%s: not a regular file", path);
		goto close_file;
	}
	if ((uintmax_t)st.st_size > most_bytes) {
		status = ct_fail(CT_INVALID, "%s: more than 1 GiB", path);
		goto close_file;
	}
	status = CT_NOMEM;
	p = ct_alloc((size_t)st.st_size + 1, 1);
	if (p == NULL)
		goto close_file;
	while (used < (size_t)st.st_size) {
		ssize_t n = read(fd, p + used, (size_t)st.st_size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	status = CT_OK;
	*text = p;
	*bytes = used;
close_file:
	close(fd);
	return status;
}

static ct_status add_result(struct ct_records *records, const json_t *record, const char *path,
	uint64_t line)
{
	ct_status status;

	if (records->n == records->room) {
		size_t room = records->room > 0 ? 2 * records->room : 16;
		struct ct_result *results = ct_realloc(records->results, room, sizeof(*results));

		if (results == NULL)
			return CT_NOMEM;
		records->results = results;
		records->room = room;
	}
	records->results[records->n] = (struct ct_result){ .round = 0 };
	status = ct_record_parse(record, path, line, &records->results[records->n]);
	records->n += status == CT_OK;
	return status;
}

static ct_status check_environment(const json_t *record, const char *where)
{
	static const char *const known[] = { "schema", "kind", "command", "version", "started",
		"kernel", "architecture", "nranks", "hosts", "oversubscribed", "machine", "options",
		"seed", "clock", "synchronised_by", "nccl_variables", NULL };
	const char *text = NULL;
	static const char *const texts[] = { "command", "started", "seed", NULL };
	uint64_t nranks;
	ct_status status = ct_json_text(record, "schema", where, "", &text);

	if (status == CT_OK && strcmp(text, CT_RESULT_SCHEMA) != 0)
		return ct_fail(CT_INVALID, "%s: /schema: \"%.40s\" is not " CT_RESULT_SCHEMA, where,
			text);
	if (status == CT_OK)
		status = ct_json_text(record, "kind", where, "", &text);
	if (status == CT_OK && strcmp(text, "environment") != 0)
		return ct_fail(CT_INVALID, "%s: /kind: the first line is no environment",
			where);
	if (status == CT_OK)
		status = ct_json_known(record, where, "", known);
	if (status == CT_OK)
		status = ct_json_u64(record, "nranks", where, "", 1, UINT32_MAX, &nranks);
	for (size_t i = 0; texts[i] != NULL && status == CT_OK; i++)
		status = ct_json_text(record, texts[i], where, "", &text);
	if (status == CT_OK && !json_is_object(json_object_get(record, "options")))
		status = ct_fail(CT_INVALID, "%s: /options: not an object", where);
	return status;
}

static ct_status add_line(struct ct_records *records, const char *text, size_t bytes,
	const char *path, uint64_t line)
{
	char where[160];
	json_t *record = NULL;
	ct_status status;

	snprintf(where, sizeof(where), "%.120s:%llu", path, (unsigned long long)line);
	status = ct_json_parse(text, bytes, where, &record);
	if (status != CT_OK)
		return status;
	if (line == 1) {
		status = check_environment(record, where);
		if (status == CT_OK)
			records->environment = json_incref(record);
	} else {
		status = add_result(records, record, path, line);
	}
	json_decref(record);
	return status;
}

ct_status ct_records_read(const char *path, bool growing, struct ct_records *records)
{
	struct ct_records r = { 0 };
	char *text = NULL;
	size_t bytes = 0, at = 0;
	uint64_t line = 0;
	ct_status status = slurp(path, &text, &bytes);

	while (status == CT_OK && at < bytes) {
		const char *end = memchr(text + at, '\n', bytes - at);

		line++;
		if (end == NULL) {
			if (!growing)
				status = ct_fail(CT_INVALID, "%s:%llu: the last line is cut off; "
					"remove it or start in a new directory", path,
					(unsigned long long)line);
			break;
		}
		status = add_line(&r, text + at, (size_t)(end - text) - at, path, line);
		at = (size_t)(end - text) + 1;
	}
	ct_free(text);
	if (status != CT_OK) {
		ct_records_free(&r);
		return status;
	}
	*records = r;
	return CT_OK;
}

void ct_records_free(struct ct_records *records)
{
	for (size_t i = 0; i < records->n; i++)
		ct_result_clear(&records->results[i]);
	ct_free(records->results);
	json_decref(records->environment);
	*records = (struct ct_records){ 0 };
}
