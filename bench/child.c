/* SPDX-License-Identifier: BSD-3-Clause */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A file in memory, so that a program that reads late cannot make us wait. */
static int input_of(const struct ct_child *child)
{
	int fd = memfd_create("colltune", MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < child->in_bytes) {
		ssize_t n = write(fd, child->in + done, child->in_bytes - done);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* In a process group of its own, so that what it starts ends with it; 0 or an errno. */
static int start(const struct ct_child *child, int in, int out, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int bad = posix_spawn_file_actions_init(&files);

	if (bad != 0)
		return bad;
	bad = posix_spawnattr_init(&attributes);
	if (bad != 0)
		goto destroy_files;
	bad = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	if (bad == 0)
		bad = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	if (bad == 0)
		bad = posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY,
			0);
	if (bad == 0)
		bad = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	if (bad == 0)
		bad = posix_spawnp(pid, child->argv[0], &files, &attributes,
			(char *const *)child->argv, environ);
	posix_spawnattr_destroy(&attributes);
destroy_files:
	posix_spawn_file_actions_destroy(&files);
	return bad;
}

/* All that comes out of FD until its end. */
static ct_status listen_to(const struct ct_child *child, int fd, char *text, size_t *bytes)
{
	struct ct_deadline by = ct_deadline_in(child->ns);

	for (*bytes = 0;;) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (ct_deadline_passed(by))
			return ct_fail(CT_TIMEOUT, "%s: did not end in %g s", child->argv[0],
				(double)child->ns / 1e9);
		if (poll(&wait, 1, 100) <= 0)
			continue;
		n = read(fd, text + *bytes, child->out_most + 1 - *bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ct_fail(CT_IO, "%s: %s", child->argv[0], strerror(errno));
		if (n == 0)
			return CT_OK;
		*bytes += (size_t)n;
		if (*bytes > child->out_most)
			return ct_fail(CT_INVALID, "%s: says more than %zu bytes", child->argv[0],
				child->out_most);
	}
}

/* It has closed its output, and may live a moment longer. */
static ct_status end_of(const struct ct_child *child, pid_t pid, ct_status status)
{
	struct ct_deadline by = ct_deadline_in(status == CT_OK ? child->ns : 0);
	int how = 0;
	pid_t gone = 0;

	while (status == CT_OK && (gone = waitpid(pid, &how, WNOHANG)) == 0 && !ct_deadline_passed(by))
		poll(NULL, 0, 2);
	if (gone == 0) {
		kill(-pid, SIGKILL);
		while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
			;
		return status != CT_OK ? status : ct_fail(CT_TIMEOUT, "%s: did not end in %g s",
			child->argv[0], (double)child->ns / 1e9);
	}
	if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
		return WIFEXITED(how) && WEXITSTATUS(how) == 127 ?
			ct_fail(CT_UNSUPPORTED, "%s: cannot be run", child->argv[0]) :
			ct_fail(CT_IO, "%s: failed", child->argv[0]);
	return CT_OK;
}

static ct_status run(const struct ct_child *child, int in, char *text, size_t *bytes)
{
	ct_status status;
	int ends[2], bad;
	pid_t pid = 0;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return ct_fail(CT_IO, "%s: pipe: %s", child->argv[0], strerror(errno));
	bad = start(child, in, ends[1], &pid);
	close(ends[1]);
	if (bad != 0) {
		close(ends[0]);
		return ct_fail(bad == ENOENT ? CT_UNSUPPORTED : CT_IO, "%s: %s", child->argv[0],
			bad == ENOENT ? "not installed" : strerror(bad));
	}
	status = listen_to(child, ends[0], text, bytes);
	close(ends[0]);
	return end_of(child, pid, status);
}

ct_status ct_child_run(const struct ct_child *child, char **out, size_t *bytes)
{
	char *text = ct_alloc(child->out_most + 2, 1);
	ct_status status;
	int in;

	if (text == NULL)
		return CT_NOMEM;
	in = input_of(child);
	status = in >= 0 ? run(child, in, text, bytes) :
		ct_fail(CT_IO, "%s: memfd_create: %s", child->argv[0], strerror(errno));
	if (in >= 0)
		close(in);
	if (status != CT_OK) {
		ct_free(text);
		return status;
	}
	text[*bytes] = '\0';
	*out = text;
	return CT_OK;
}
