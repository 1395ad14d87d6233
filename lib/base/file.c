/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing files whole or by lines; declared in json.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "buf.h"
#include "json.h"

enum { TEMPORARY_BYTES = 32 };

static ct_status io_error(const char *path)
{
	return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
}

/* rename() would replace a device, a FIFO or a link, which is never what was meant. */
static ct_status check_target(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? CT_OK : io_error(path);
	if (!S_ISREG(st.st_mode))
		return ct_fail(CT_IO, "%s: exists and is not a regular file", path);
	return CT_OK;
}

/* A name beside PATH that nobody can guess; freed by the caller. DIRECTORY bytes of it are the
 * directory's, slash included. */
static ct_status temporary_name(const char *path, char **name, size_t *directory)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
	uint64_t random;
	char *text;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return ct_fail(CT_IO, "getrandom: %s", strerror(errno));
	text = ct_alloc(length + TEMPORARY_BYTES, 1);
	if (text == NULL)
		return CT_NOMEM;
	memcpy(text, path, length);
	snprintf(text + length, TEMPORARY_BYTES, ".colltune-%016llx", (unsigned long long)random);
	*name = text;
	*directory = length;
	return CT_OK;
}

static bool write_all(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t put = write(fd, text, bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		text += put;
		bytes -= (size_t)put;
	}
	return true;
}

/* Makes the rename itself last. Not every file system can; then the file is still whole. */
static void sync_directory(char *name, size_t directory)
{
	int fd;

	name[directory] = '\0';
	fd = open(directory == 0 ? "." : name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

ct_status ct_file_save(const char *path, const char *text, size_t bytes, mode_t mode)
{
	char *name = NULL;
	size_t directory = 0;
	int fd;
	ct_status status = check_target(path);

	if (status == CT_OK)
		status = temporary_name(path, &name, &directory);
	if (status != CT_OK)
		return status;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		status = io_error(path);
		goto free_name;
	}
	if (!write_all(fd, text, bytes) || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
		status = io_error(path);
		close(fd);
		goto remove_file;
	}
	if (close(fd) != 0 || rename(name, path) != 0) {
		status = io_error(path);
		goto remove_file;
	}
	sync_directory(name, directory);
	goto free_name;
remove_file:
	unlink(name);
free_name:
	ct_free(name);
	return status;
}

static int add_to_buf(const char *text, size_t bytes, void *arg)
{
	struct ct_buf *buf = arg;

	while (bytes > 0 && !buf->failed) {
		int part = bytes < INT_MAX ? (int)bytes : INT_MAX;

		ct_buf_add(buf, "%.*s", part, text);
		text += part;
		bytes -= (size_t)part;
	}
	return buf->failed ? -1 : 0;
}

/* JSON and a line break into BUF. A callback and not json_dumps(), whose result would have to be
 * freed with whatever allocator the program has given jansson. */
static ct_status dump(const json_t *json, size_t flags, struct ct_buf *buf)
{
	int failed = json_dump_callback(json, add_to_buf, buf, flags | JSON_ENCODE_ANY);

	if (failed != 0 && !buf->failed)
		return ct_fail(CT_NOMEM, "no memory to write JSON");
	ct_buf_add(buf, "\n");
	return ct_buf_status(buf);
}

ct_status ct_json_save(const json_t *json, const char *path, mode_t mode)
{
	struct ct_buf buf = ct_buf_make(SIZE_MAX);
	ct_status status = dump(json, JSON_INDENT(2), &buf);

	if (status == CT_OK)
		status = ct_file_save(path, buf.text, buf.used, mode);
	ct_buf_free(&buf);
	return status;
}

ct_status ct_json_line(FILE *file, const json_t *json)
{
	struct ct_buf buf = ct_buf_make(SIZE_MAX);
	ct_status status = dump(json, JSON_COMPACT, &buf);

	if (status == CT_OK &&
	    (fwrite(buf.text, 1, buf.used, file) != buf.used || fflush(file) != 0))
		status = ct_fail(CT_IO, "cannot write a line: %s", strerror(errno));
	ct_buf_free(&buf);
	return status;
}

ct_status ct_file_append(const char *path, mode_t mode, FILE **file)
{
	FILE *stream = NULL;
	struct stat st;
	/* O_NONBLOCK: opening a FIFO without reader fails at once. It is taken off again below. */
	int fd =
		open(path,
		     O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		     mode);

	if (fd < 0)
		return io_error(path);
	if (fstat(fd, &st) != 0 || (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))) {
		close(fd);
		return ct_fail(CT_IO, "%s: neither a regular file nor a character device", path);
	}
	if (fcntl(fd, F_SETFL, O_APPEND) == 0)
		stream = fdopen(fd, "a");
	if (stream == NULL) {
		ct_status status = io_error(path);

		close(fd);
		return status;
	}
	*file = stream;
	return CT_OK;
}
