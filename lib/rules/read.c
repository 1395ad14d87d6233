/* SPDX-License-Identifier: BSD-3-Clause */
/* A rules file from the disk: what others could exchange or write is refused. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules.h"

/* The checks are made on what is open, so that the file cannot be exchanged between. */
static ct_status check_open(int fd, const char *path, size_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return ct_fail(CT_IO, "%s: not a regular file", path);
	if ((st.st_mode & S_IWOTH) != 0)
		return ct_fail(CT_INVALID, "%s: writable for everybody (chmod o-w)", path);
	if (st.st_size > (off_t)CT_RULES_LIMIT)
		return ct_fail(CT_INVALID, "%s: more than %zu bytes", path, CT_RULES_LIMIT);
	*bytes = (size_t)st.st_size;
	return CT_OK;
}

static ct_status read_text(int fd, const char *path, char *text, size_t bytes)
{
	for (size_t used = 0; used < bytes;) {
		ssize_t n = read(fd, text + used, bytes - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ct_fail(CT_IO, "%s: %s", path,
				n < 0 ? strerror(errno) : "shrinks while it is read");
		used += (size_t)n;
	}
	return CT_OK;
}

ct_status ct_rules_read(const char *path, char **text, size_t *bytes)
{
	/* O_NONBLOCK: a pipe in the file's place must not hold us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	char *made = NULL;
	ct_status status;

	if (fd < 0)
		return ct_fail(CT_IO, "%s: %s", path,
			errno == ELOOP ? "is a symbolic link, which is not followed" :
					 strerror(errno));
	status = check_open(fd, path, bytes);
	if (status == CT_OK) {
		made = ct_alloc(*bytes + 1, 1);
		status = made != NULL ? read_text(fd, path, made, *bytes) : CT_NOMEM;
	}
	close(fd);
	if (status == CT_OK)
		*text = made;
	else
		ct_free(made);
	return status;
}

ct_status ct_rules_load(const char *path, struct ct_rules **rules)
{
	char *text = NULL;
	size_t bytes = 0;
	ct_status status = ct_rules_read(path, &text, &bytes);

	if (status == CT_OK)
		status = ct_rules_parse(text, bytes, path, rules);
	ct_free(text);
	return status;
}
