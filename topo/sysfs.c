/* SPDX-License-Identifier: BSD-3-Clause */
#include "sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_ROOM 512
#define LIST_LIMIT 4096

/* Links inside a capture are resolved as if it were the root, so that "/etc/…" or "../../.." in
 * a prepared tree cannot make us read a file outside of it. */
static int open_captured(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

int ct_sys_fd(const struct ct_sys *sys, const char *path, int flags)
{
	int all = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags;
	int fd = sys->live ? openat(sys->fd, path, all) : open_captured(sys->fd, path, all);

	return fd >= 0 ? fd : -errno;
}

ct_status ct_sys_open(const char *root, struct ct_sys *sys)
{
	const char *path = root != NULL ? root : "/";
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	if (root != NULL) {
		int probe = open_captured(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (probe < 0) {
			int error = errno;

			close(fd);
			return ct_fail(CT_UNSUPPORTED, "%s: a captured tree needs openat2() "
				"(Linux 5.6, and no filter against it): %s", path, strerror(error));
		}
		close(probe);
	}
	sys->fd = fd;
	sys->live = root == NULL;
	return CT_OK;
}

void ct_sys_close(struct ct_sys *sys)
{
	close(sys->fd);
	sys->fd = -1;
}

static int read_all(int fd, char *out, size_t room)
{
	size_t used = 0;

	while (used < room) {
		ssize_t n = read(fd, out + used, room - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			out[used] = '\0';
			return (int)used;
		}
		used += (size_t)n;
	}
	return -EFBIG;
}

int ct_sys_read(const struct ct_sys *sys, const char *path, char *out, size_t room)
{
	struct stat st;
	int fd = ct_sys_fd(sys, path, 0);
	int n;

	out[0] = '\0';
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) != 0)
		n = -errno;
	else if (!S_ISREG(st.st_mode)) /* a pipe or a device would block or never end */
		n = -EINVAL;
	else
		n = read_all(fd, out, room);
	close(fd);
	if (n < 0)
		out[0] = '\0';
	return n;
}

static int line_at(const struct ct_sys *sys, char *out, size_t room, const char *path)
{
	char text[4096]; /* sysfs gives at most a page */
	int n = ct_sys_read(sys, path, text, sizeof(text));

	out[0] = '\0';
	if (n < 0)
		return n;
	text[strcspn(text, "\n")] = '\0';
	n = (int)strlen(text);
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		text[--n] = '\0';
	if (n == 0)
		return -ENODATA;
	ct_text_clean(out, room, text);
	return 0;
}

/* The path of FORMAT in PATH; 0 or -ENAMETOOLONG. */
static int path_of(char path[PATH_ROOM], const char *format, va_list args)
{
	int n = vsnprintf(path, PATH_ROOM, format, args);

	return n < 0 || n >= PATH_ROOM ? -ENAMETOOLONG : 0;
}

int ct_sys_line(const struct ct_sys *sys, char *out, size_t room, const char *format, ...)
{
	char path[PATH_ROOM];
	va_list args;
	int error;

	out[0] = '\0';
	va_start(args, format);
	error = path_of(path, format, args);
	va_end(args);
	return error != 0 ? error : line_at(sys, out, room, path);
}

int ct_sys_u64(const struct ct_sys *sys, uint64_t *out, const char *format, ...)
{
	char path[PATH_ROOM], line[64], *end;
	unsigned long long value;
	va_list args;
	int error;

	va_start(args, format);
	error = path_of(path, format, args);
	va_end(args);
	if (error == 0)
		error = line_at(sys, line, sizeof(line), path);
	if (error != 0)
		return error;
	if (line[0] < '0' || line[0] > '9') /* strtoull would take "-1" */
		return -ERANGE;
	errno = 0;
	value = strtoull(line, &end, 10);
	if (errno != 0 || *end != '\0' || value > INT64_MAX)
		return -ERANGE;
	*out = value;
	return 0;
}

bool ct_sys_there(const struct ct_sys *sys, const char *format, ...)
{
	char path[PATH_ROOM];
	va_list args;
	int fd;

	va_start(args, format);
	fd = path_of(path, format, args);
	va_end(args);
	if (fd == 0)
		fd = ct_sys_fd(sys, path, 0);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strverscmp(a, b);
}

static int list_open(DIR *dir, const char *prefix, char (**names)[CT_SYS_NAME])
{
	char(*list)[CT_SYS_NAME] = NULL;
	size_t used = 0, room = 0;
	struct dirent *entry;

	while (used < LIST_LIMIT && (entry = readdir(dir)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || length >= CT_SYS_NAME ||
		    strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		if (used == room) {
			char(*more)[CT_SYS_NAME] = ct_realloc(list, room + 32, CT_SYS_NAME);

			if (more == NULL) {
				ct_free(list);
				return -ENOMEM;
			}
			list = more;
			room += 32;
		}
		memcpy(list[used++], entry->d_name, length + 1);
	}
	if (used > 0)
		qsort(list, used, CT_SYS_NAME, by_name);
	*names = list;
	return (int)used;
}

int ct_sys_list(const struct ct_sys *sys, const char *path, const char *prefix,
	char (**names)[CT_SYS_NAME])
{
	int n, fd = ct_sys_fd(sys, path, O_DIRECTORY);
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (dir == NULL) {
		n = -errno;
		close(fd);
		return n;
	}
	n = list_open(dir, prefix, names);
	closedir(dir);
	return n;
}

bool ct_sys_uevent(const struct ct_sys *sys, const char *dir, const char *key, char *out,
	size_t room)
{
	char path[PATH_ROOM], text[4096], *line, *rest = text;
	size_t length = strlen(key);

	out[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/uevent", dir) >= (int)sizeof(path) ||
	    ct_sys_read(sys, path, text, sizeof(text)) < 0)
		return false;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, key, length) == 0 && line[length] == '=') {
			ct_text_clean(out, room, line + length + 1);
			return out[0] != '\0';
		}
	}
	return false;
}
