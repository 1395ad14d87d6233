/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading: bounded, checked, each refusal with its place. Writing is in file.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "json.h"
#include "names.h"

enum { DEPTH_MOST = 32, TOKEN_BYTES = 128 };

/* The line of the first bracket deeper than DEPTH_MOST, or 0. Looked for in the text, before
 * jansson's recursive parser meets it, since afterwards the line is no longer known. */
static size_t too_deep(const char *text, size_t bytes)
{
	size_t line = 1, depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < bytes; i++) {
		char c = text[i];

		if (c == '\n')
			line++;
		else if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '[' || c == '{') && ++depth > DEPTH_MOST)
			return line;
		else if (!quoted && (c == ']' || c == '}') && depth > 0)
			depth--;
	}
	return 0;
}

ct_status ct_json_parse(const char *text, size_t bytes, const char *name, json_t **json)
{
	size_t deep = too_deep(text, bytes);
	json_error_t error;
	json_t *parsed;

	if (deep > 0)
		return ct_fail(CT_INVALID, "%s:%zu: nested deeper than %d", name, deep, DEPTH_MOST);
	parsed = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
	if (parsed == NULL && json_error_code(&error) == json_error_out_of_memory)
		return ct_fail(CT_NOMEM, "%s: no memory to read it", name);
	if (parsed == NULL)
		return ct_fail(CT_INVALID, "%s:%d: %s", name, error.line < 1 ? 1 : error.line,
			       error.text);
	*json = parsed;
	return CT_OK;
}

/* Opens PATH and tells its size. O_NONBLOCK: a FIFO put in its place must not hang us. */
static ct_status open_regular(const char *path, int *fd, size_t *bytes)
{
	struct stat st;
	int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (file < 0 && errno == ELOOP)
		return ct_fail(CT_IO, "%s: is a symbolic link, which is not followed", path);
	if (file < 0)
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	if (fstat(file, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(file);
		return ct_fail(CT_IO, "%s: not a regular file", path);
	}
	*fd = file;
	*bytes = (size_t)st.st_size;
	return CT_OK;
}

/* Reads until the end or ROOM bytes. The file may have changed since its size was taken. */
static ct_status read_all(int fd, const char *path, char *text, size_t room, size_t *used)
{
	*used = 0;
	while (*used < room) {
		ssize_t got = read(fd, text + *used, room - *used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
		if (got == 0)
			break;
		*used += (size_t)got;
	}
	return CT_OK;
}

ct_status ct_json_load(const char *path, size_t limit, json_t **json)
{
	size_t bytes = 0, used = 0;
	char *text;
	int fd = -1;
	ct_status status = open_regular(path, &fd, &bytes);

	if (status != CT_OK)
		return status;
	if (bytes > limit) {
		status = ct_fail(CT_INVALID, "%s: %zu bytes, more than %zu", path, bytes, limit);
		goto close_file;
	}
	status = CT_NOMEM;
	text = ct_alloc(bytes + 1, 1);
	if (text == NULL)
		goto close_file;
	status = read_all(fd, path, text, bytes + 1, &used);
	if (status == CT_OK && used > bytes)
		status = ct_fail(CT_IO, "%s: grows while it is read", path);
	if (status == CT_OK)
		status = ct_json_parse(text, used, path, json);
	ct_free(text);
close_file:
	close(fd);
	return status;
}

/* KEY as a reference token of a JSON pointer (RFC 6901: ~ is ~0, / is ~1), cut to fit. */
static const char *token(const char *key, char out[TOKEN_BYTES])
{
	size_t used = 0;

	for (; *key != '\0' && used + 3 <= TOKEN_BYTES; key++) {
		if (*key == '~' || *key == '/') {
			out[used++] = '~';
			out[used++] = *key == '~' ? '0' : '1';
		} else {
			out[used++] = *key;
		}
	}
	out[used] = '\0';
	return out;
}

static ct_status not_an_object(const char *file, const char *pointer)
{
	return ct_fail(CT_INVALID, "%s: %s: not an object", file,
		       pointer[0] != '\0' ? pointer : "the whole");
}

ct_status ct_json_known(const json_t *object, const char *file, const char *pointer,
			const char *const *known)
{
	char shown[TOKEN_BYTES], hint[256];
	/* jansson's iterators take no const object, but do not change it. */
	json_t *o = (json_t *)(uintptr_t)object;

	if (!json_is_object(object))
		return not_an_object(file, pointer);
	for (void *at = json_object_iter(o); at != NULL; at = json_object_iter_next(o, at)) {
		const char *key = json_object_iter_key(at);
		size_t i = 0;

		while (known[i] != NULL && strcmp(known[i], key) != 0)
			i++;
		if (known[i] == NULL)
			return ct_fail(CT_INVALID, "%s: %s/%s: unknown key%s", file, pointer,
				       token(key, shown), ct_name_hint(key, known, hint));
	}
	return CT_OK;
}

/* *FIELD = borrowed member KEY, which must be there. */
static ct_status member(const json_t *object, const char *key, const char *file,
			const char *pointer, const json_t **field)
{
	char shown[TOKEN_BYTES];

	if (!json_is_object(object))
		return not_an_object(file, pointer);
	*field = json_object_get(object, key);
	if (*field == NULL)
		return ct_fail(CT_INVALID, "%s: %s/%s: missing", file, pointer, token(key, shown));
	return CT_OK;
}

ct_status ct_json_u64(const json_t *object, const char *key, const char *file, const char *pointer,
		      uint64_t low, uint64_t high, uint64_t *out)
{
	char shown[TOKEN_BYTES];
	const json_t *field = NULL;
	json_int_t v;
	ct_status status = member(object, key, file, pointer, &field);

	if (status != CT_OK)
		return status;
	if (!json_is_integer(field))
		return ct_fail(CT_INVALID, "%s: %s/%s: not a whole number", file, pointer,
			       token(key, shown));
	v = json_integer_value(field);
	if (v < 0 || (uint64_t)v < low || (uint64_t)v > high)
		return ct_fail(CT_INVALID, "%s: %s/%s: %lld is outside %llu to %llu", file, pointer,
			       token(key, shown), (long long)v, (unsigned long long)low,
			       (unsigned long long)high);
	*out = (uint64_t)v;
	return CT_OK;
}

ct_status ct_json_text(const json_t *object, const char *key, const char *file, const char *pointer,
		       const char **out)
{
	char shown[TOKEN_BYTES];
	const json_t *field = NULL;
	ct_status status = member(object, key, file, pointer, &field);

	if (status != CT_OK)
		return status;
	if (!json_is_string(field))
		return ct_fail(CT_INVALID, "%s: %s/%s: not a text", file, pointer,
			       token(key, shown));
	*out = json_string_value(field);
	return CT_OK;
}
