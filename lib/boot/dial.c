/* SPDX-License-Identifier: BSD-3-Clause */
/* Calling somebody who may not listen yet. See dial.h. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dial.h"

int ct_dial_left_ms(struct ct_deadline by, int most)
{
	uint64_t now = ct_now_ns(), left = by.at_ns > now ? (by.at_ns - now) / 1000000 + 1 : 0;

	return left < (uint64_t)most ? (int)left : most;
}

int ct_dial_try(const struct addrinfo *list, struct ct_deadline by, int most)
{
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
		socklen_t length = sizeof(error);
		struct pollfd f = { fd, POLLOUT, 0 };

		if (fd < 0)
			continue;
		if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			return fd;
		if (errno == EINPROGRESS && poll(&f, 1, ct_dial_left_ms(by, most)) == 1 &&
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0)
			return fd;
		close(fd);
	}
	return -1;
}
