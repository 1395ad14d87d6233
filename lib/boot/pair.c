/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two ranks that nobody starts: one waits on an address that it was told, the other names it. The
 * listening socket exists until one caller has said the right words, or the deadline; a caller that
 * says nothing or something else keeps nobody from being heard and is closed after some seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "boot.h"
#include "dial.h"

#define PAIR_MAGIC 0x63745072u /* "ctPr" */

enum {
	PATIENCE_MS = 60000,
	CALLERS = 8,            /* that have not yet said who they are; the oldest makes place */
	CALLER_NS = 2000000000, /* so long each may take */
	RETRY_MS = 50, MOST_BYTES = 1 << 24,
};

struct ct_pair {
	struct ct_boot boot;
	int fd;
	uint64_t timeout_ns;
	uint32_t turn; /* exchanges so far */
	bool broken;
};

/* All words in network order. What is going to run must be the same on both sides. */
struct hello {
	uint32_t magic, version;
	char what[CT_PAIR_WHAT];
};

enum { HELLO_VERSION = 1 };

/* Before each exchange. */
struct head {
	uint32_t magic, turn, bytes;
};

static struct hello hello_of(const struct ct_pair_attr *attr)
{
	struct hello h = { htonl(PAIR_MAGIC), htonl(HELLO_VERSION), "" };

	snprintf(h.what, sizeof(h.what), "%s", attr->what);
	return h;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* Some of BYTES more to the other side; *SAID counts. */
static ct_status say_some(int fd, const void *out, size_t bytes, size_t *said)
{
	ssize_t n = send(fd, (const char *)out + *said, bytes - *said, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return ct_fail(CT_PEER, "the other side has left: %s", strerror(errno));
	*said += n > 0 ? (size_t)n : 0;
	return CT_OK;
}

static ct_status hear_some(int fd, void *in, size_t bytes, size_t *heard)
{
	ssize_t n = recv(fd, (char *)in + *heard, bytes - *heard, 0);

	if (n == 0)
		return ct_fail(CT_PEER, "the other side has left");
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return ct_fail(CT_PEER, "the other side has left: %s", strerror(errno));
	*heard += n > 0 ? (size_t)n : 0;
	return CT_OK;
}

/* Both directions at once, so that neither side waits for the other's buffers. */
static ct_status swap(const struct ct_pair *p, const void *out, void *in, size_t bytes,
	struct ct_deadline by)
{
	size_t said = 0, heard = 0;
	ct_status status = CT_OK;

	while (status == CT_OK && (said < bytes || heard < bytes)) {
		short wanted = (short)((said < bytes ? POLLOUT : 0) | (heard < bytes ? POLLIN : 0));
		struct pollfd f = { p->fd, wanted, 0 };

		if (ct_deadline_passed(by))
			return ct_fail(CT_TIMEOUT, "the other side does not answer within %u s",
				(unsigned)(p->timeout_ns / 1000000000u));
		if (poll(&f, 1, ct_dial_left_ms(by, PATIENCE_MS)) < 0 && errno != EINTR)
			return ct_fail(CT_IO, "poll: %s", strerror(errno));
		if ((f.revents & wanted & POLLOUT) != 0)
			status = say_some(p->fd, out, bytes, &said);
		if (status == CT_OK && (f.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			status = hear_some(p->fd, in, bytes, &heard);
	}
	return status;
}

static ct_status pair_allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	struct ct_pair *p = ctx;
	struct ct_deadline by = ct_deadline_in(p->timeout_ns);
	struct head out = { htonl(PAIR_MAGIC), htonl(p->turn), htonl((uint32_t)bytes) }, in = { 0, 0, 0 };
	char *own = (char *)all + p->boot.rank * bytes, *other = (char *)all + !p->boot.rank * bytes;
	ct_status status;

	if (p->broken)
		return ct_fail(CT_PEER, "an earlier exchange with the other side has failed");
	if (bytes > MOST_BYTES)
		return ct_fail(CT_INVALID, "an exchange of %zu bytes; most is %d", bytes, MOST_BYTES);
	memmove(own, mine, bytes);
	status = swap(p, &out, &in, sizeof(in), by);
	if (status == CT_OK && memcmp(&in, &out, sizeof(in)) != 0)
		status = ct_fail(CT_PEER, "the other side is elsewhere in its work: exchange %u of %u bytes, "
			"here %u of %zu", ntohl(in.turn), ntohl(in.bytes), p->turn, bytes);
	if (status == CT_OK)
		status = swap(p, own, other, bytes, by);
	p->turn++;
	p->broken = status != CT_OK;
	return status;
}

/* ---- who waits ------------------------------------------------------------------------------ */

struct caller {
	int fd;
	size_t got;
	uint64_t since_ns;
	struct hello hello;
};

struct waiting {
	const struct ct_pair_attr *attr;
	int listener;
	struct caller callers[CALLERS];
	uint32_t ncallers;
};

static void dismiss(struct waiting *w, uint32_t i)
{
	close(w->callers[i].fd);
	w->callers[i] = w->callers[--w->ncallers];
}

static void let_in(struct waiting *w)
{
	int fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uint32_t oldest = 0;

	if (fd < 0)
		return;
	for (uint32_t i = 1; i < w->ncallers; i++)
		if (w->callers[i].since_ns < w->callers[oldest].since_ns)
			oldest = i;
	if (w->ncallers == CALLERS)
		dismiss(w, oldest);
	w->callers[w->ncallers++] = (struct caller){ .fd = fd, .since_ns = ct_now_ns() };
}

/* CT_OK: caller I is the one; CT_BUSY: not yet; else it is none. */
static ct_status hear(struct waiting *w, uint32_t i)
{
	struct caller *c = &w->callers[i];
	struct hello mine = hello_of(w->attr);
	ssize_t n = recv(c->fd, (char *)&c->hello + c->got, sizeof(c->hello) - c->got, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return ct_now_ns() - c->since_ns > CALLER_NS ? CT_PEER : CT_BUSY;
	if (n <= 0)
		return CT_PEER;
	c->got += (size_t)n;
	if (c->got < sizeof(c->hello))
		return CT_BUSY;
	if (c->hello.magic != mine.magic)
		return CT_PEER;
	/* Ours, so it hears what is going to run here, and says itself if that is something else. */
	if (send(c->fd, &mine, sizeof(mine), MSG_NOSIGNAL) != (ssize_t)sizeof(mine))
		return CT_PEER;
	return memcmp(&c->hello, &mine, sizeof(mine)) == 0 ? CT_OK : CT_PEER;
}

static ct_status wait_on(struct waiting *w, struct ct_deadline by, int *fd)
{
	while (!ct_deadline_passed(by)) {
		struct pollfd f[CALLERS + 1] = { { w->listener, POLLIN, 0 } };

		for (uint32_t i = 0; i < w->ncallers; i++)
			f[i + 1] = (struct pollfd){ w->callers[i].fd, POLLIN, 0 };
		if (poll(f, w->ncallers + 1, ct_dial_left_ms(by, 500)) < 0 && errno != EINTR)
			return ct_fail(CT_IO, "poll: %s", strerror(errno));
		for (uint32_t i = w->ncallers; i-- > 0;) {
			ct_status status = hear(w, i);

			if (status == CT_OK) {
				*fd = w->callers[i].fd;
				w->callers[i] = w->callers[--w->ncallers];
				return CT_OK;
			}
			if (status != CT_BUSY)
				dismiss(w, i);
		}
		if ((f[0].revents & POLLIN) != 0)
			let_in(w);
	}
	return ct_fail(CT_TIMEOUT, "nobody came to %s port %u", w->attr->listen, w->attr->port);
}

static ct_status find_address(const char *host, uint16_t port, bool passive, struct addrinfo **list)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | (passive ? AI_NUMERICHOST : 0) };
	char service[8];
	int rc;

	snprintf(service, sizeof(service), "%u", port);
	rc = getaddrinfo(host, service, &hints, list);
	return rc == 0 ? CT_OK : ct_fail(CT_INVALID, "%s \"%s\": %s", passive ? "address" : "host", host,
		gai_strerror(rc));
}

static ct_status await_peer(const struct ct_pair_attr *attr, struct ct_deadline by, int *fd)
{
	struct waiting w = { .attr = attr };
	struct addrinfo *at = NULL;
	int one = 1;
	ct_status status = find_address(attr->listen, attr->port, true, &at);

	if (status != CT_OK)
		return status;
	w.listener = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w.listener < 0 ||
		setsockopt(w.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
		bind(w.listener, at->ai_addr, at->ai_addrlen) != 0 || listen(w.listener, CALLERS) != 0)
		status = ct_fail(CT_IO, "listening on %s port %u: %s", attr->listen, attr->port,
			strerror(errno));
	if (status == CT_OK && attr->on_wait != NULL)
		attr->on_wait(attr->arg);
	if (status == CT_OK)
		status = wait_on(&w, by, fd);
	while (w.ncallers > 0)
		dismiss(&w, 0);
	if (w.listener >= 0)
		close(w.listener);
	freeaddrinfo(at);
	return status;
}

/* ---- who calls ------------------------------------------------------------------------------ */

/* Says what is going to run here and hears what is there. */
static ct_status greet(const struct ct_pair_attr *attr, int fd, struct ct_deadline by)
{
	struct ct_pair p = { .fd = fd, .timeout_ns = attr->timeout_ns };
	struct hello mine = hello_of(attr), theirs = { 0, 0, "" };
	char clean[CT_PAIR_WHAT];
	ct_status status = swap(&p, &mine, &theirs, sizeof(mine), by);

	if (status != CT_OK)
		return status;
	if (theirs.magic != mine.magic || theirs.version != mine.version)
		return ct_fail(CT_PEER, "%s port %u is no colltune of this version that waits", attr->host,
			attr->port);
	theirs.what[CT_PAIR_WHAT - 1] = '\0';
	ct_text_clean(clean, sizeof(clean), theirs.what);
	return memcmp(&mine, &theirs, sizeof(mine)) == 0 ? CT_OK : ct_fail(CT_INVALID,
		"the other side waits for \"%s\", this one runs \"%s\": give both the same options", clean,
		attr->what);
}

static ct_status call_peer(const struct ct_pair_attr *attr, struct ct_deadline by, int *fd)
{
	struct addrinfo *list = NULL;
	ct_status status = find_address(attr->host, attr->port, false, &list);

	if (status != CT_OK)
		return status;
	*fd = ct_dial_try(list, by, PATIENCE_MS);
	while (*fd < 0 && !ct_deadline_passed(by)) {
		(void)poll(NULL, 0, RETRY_MS); /* it may not wait yet */
		*fd = ct_dial_try(list, by, PATIENCE_MS);
	}
	freeaddrinfo(list);
	if (*fd < 0)
		return ct_fail(CT_TIMEOUT, "nobody waits on %s port %u", attr->host, attr->port);
	status = greet(attr, *fd, by);
	if (status != CT_OK)
		close(*fd);
	return status;
}

/* ---- both ----------------------------------------------------------------------------------- */

ct_status ct_pair_open(const struct ct_pair_attr *attr, const struct ct_boot **boot)
{
	struct ct_deadline by = ct_deadline_in(attr->wait_ns);
	struct ct_pair *p;
	int fd = -1, one = 1;
	ct_status status = attr->host != NULL ? call_peer(attr, by, &fd) : await_peer(attr, by, &fd);

	if (status != CT_OK)
		return status;
	p = ct_alloc(1, sizeof(*p));
	if (p == NULL) {
		close(fd);
		return CT_NOMEM;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* slower without, not wrong */
	p->fd = fd;
	p->timeout_ns = attr->timeout_ns;
	p->boot = (struct ct_boot){ sizeof(p->boot), attr->rank != 0, 2, pair_allgather, p };
	*boot = &p->boot;
	return CT_OK;
}

void ct_pair_close(const struct ct_boot *boot)
{
	struct ct_pair *p = boot != NULL ? boot->ctx : NULL;

	if (p == NULL)
		return;
	close(p->fd);
	ct_free(p);
}
