/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connecting. Every rank calls all lower ranks and answers all higher ones, at once, with sockets
 * that never block. A caller says who it is in one fixed record that holds the job's token; the
 * answerer reads exactly that record, compares the token in constant time, and only then looks at
 * the rest. It answers with one byte; a caller that is cut off before calls again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tcp.h"

#define HELLO_MAGIC 0x63745470u /* "ctTp" */

enum {
	HELLO_VERSION = 1, WAIT_NS = 1000000000, /* one second in ns */
	STRANGER_S = 5,                          /* so long a caller may take to say who it is */
	RETRY_NS = 20000000, WELCOME = 'w'
};

/* All words in network order. */
struct hello {
	uint32_t magic, version, rank, connection;
	unsigned char token[CT_TCP_TOKEN];
};

/* Somebody who has connected and not yet proved anything. */
struct stranger {
	int fd;
	size_t got;
	uint64_t since_ns;
	struct hello hello;
};

enum call_state { CALL_IDLE, CALL_CONNECTING, CALL_SAYING, CALL_WAITING, CALL_DONE };

/* One connection that this rank makes. */
struct call {
	uint32_t peer, connection;
	int fd;
	enum call_state state;
	size_t said;
	uint64_t retry_at_ns;
};

struct ct_tcp_linker {
	struct ct_tcp *t;
	struct call *calls;
	struct stranger *strangers;
	struct pollfd *polls;
	uint32_t ncalls, ndone;        /* calls, and those that are through */
	uint32_t nstrangers, most;     /* at most 2 x ranks wait; the oldest makes place */
	uint32_t expected, answered;   /* connections from higher ranks */
};

static void set_options(const struct ct_tcp *t, int fd)
{
	int one = 1;

	/* worse service, no wrong result, where one of them fails */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (t->buffer > 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &t->buffer, sizeof(t->buffer));
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &t->buffer, sizeof(t->buffer));
	}
}

static int new_socket(const struct ct_tcp *t)
{
	int fd = socket(t->me.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0)
		set_options(t, fd);
	return fd;
}

ct_status ct_tcp_listen(struct ct_tcp *t)
{
	socklen_t length = ct_tcp_length(&t->me);

	t->listener = new_socket(t);
	if (t->listener < 0)
		return ct_fail(CT_IO, "transport tcp: socket: %s", strerror(errno));
	if (bind(t->listener, (struct sockaddr *)&t->me, length) != 0 ||
		listen(t->listener, SOMAXCONN) != 0 ||
		getsockname(t->listener, (struct sockaddr *)&t->me, &length) != 0)
		return ct_fail(CT_IO, "transport tcp: listening on interface %s: %s", t->device,
			strerror(errno));
	return CT_OK;
}

/* ---- answering ----------------------------------------------------------------------------- */

/* True when A and B are equal; the time taken tells nothing about where they differ. */
static bool same_token(const unsigned char *a, const unsigned char *b)
{
	volatile unsigned char differ = 0;

	for (size_t i = 0; i < CT_TCP_TOKEN; i++)
		differ = differ | (a[i] ^ b[i]);
	return differ == 0;
}

static void drop_stranger(struct ct_tcp_linker *k, uint32_t i)
{
	k->strangers[i] = k->strangers[--k->nstrangers];
}

/* The record is there: lets its sender in or closes. */
static void judge(struct ct_tcp_linker *k, const struct stranger *s)
{
	struct ct_tcp *t = k->t;
	const struct hello *h = &s->hello;
	char welcome = WELCOME;
	uint32_t rank, connection;

	if (!same_token(h->token, t->token)) {
		ct_log(CT_LOG_WARN, CT_AREA_NET,
			"tcp: refused a connection without this job's token");
		close(s->fd);
		return;
	}
	rank = ntohl(h->rank);
	connection = ntohl(h->connection);
	if (ntohl(h->magic) != HELLO_MAGIC || ntohl(h->version) != HELLO_VERSION ||
		rank <= t->world->rank || rank >= t->world->nranks ||
			connection >= t->connections) {
		ct_log(CT_LOG_WARN, CT_AREA_NET, "tcp: refused a connection with a wrong greeting");
		close(s->fd);
		return;
	}
	if (send(s->fd, &welcome, 1, MSG_NOSIGNAL) != 1) {
		close(s->fd);
		return;
	}
	/* a second call for the same place: the caller has lost the first before our answer came */
	if (t->peers[rank].fd[connection] >= 0)
		close(t->peers[rank].fd[connection]);
	else
		k->answered++;
	t->peers[rank].fd[connection] = s->fd;
}

/* Reads what stranger I has said so far; true when it is one no longer. */
static bool hear(struct ct_tcp_linker *k, uint32_t i)
{
	struct stranger *s = &k->strangers[i];
	ssize_t n = recv(s->fd, (char *)&s->hello + s->got, sizeof(s->hello) - s->got, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (ct_now_ns() - s->since_ns < (uint64_t)STRANGER_S * WAIT_NS)
			return false;
		n = 0;
	}
	s->got += n > 0 ? (size_t)n : 0;
	if (n > 0 && s->got < sizeof(s->hello))
		return false;
	if (n > 0)
		judge(k, s);
	else
		close(s->fd);
	explicit_bzero(&s->hello, sizeof(s->hello));
	drop_stranger(k, i);
	return true;
}

static uint32_t oldest(const struct ct_tcp_linker *k)
{
	uint32_t o = 0;

	for (uint32_t i = 1; i < k->nstrangers; i++)
		if (k->strangers[i].since_ns < k->strangers[o].since_ns)
			o = i;
	return o;
}

/* Takes new callers. A good one has its record with it and is through at once; so when the places
 * are full of silent ones, the one that has been silent longest is closed. */
static ct_status answer(struct ct_tcp_linker *k)
{
	for (uint32_t i = 0; i < k->most; i++) {
		int fd = accept4(k->t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		uint32_t last;

		if (fd < 0 && (errno == EMFILE || errno == ENFILE))
			return ct_fail(CT_IO,
				"transport tcp: %s: raise `ulimit -n` or use fewer connections",
				strerror(errno));
		if (fd < 0) /* none left, or one that went away meanwhile */
			return CT_OK;
		set_options(k->t, fd);
		if (k->nstrangers == k->most) {
			uint32_t o = oldest(k);

			close(k->strangers[o].fd);
			drop_stranger(k, o);
		}
		last = k->nstrangers++;
		k->strangers[last] = (struct stranger){ .fd = fd, .since_ns = ct_now_ns() };
		hear(k, last);
	}
	return CT_OK;
}

/* ---- calling ------------------------------------------------------------------------------- */

static void hang_up(struct call *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->state = CALL_IDLE;
	c->retry_at_ns = ct_now_ns() + RETRY_NS;
}

/* From our chosen address, so that the packets take the chosen interface. */
static ct_status dial(struct ct_tcp *t, struct call *c)
{
	const struct sockaddr_storage *to = &t->peers[c->peer].to;
	struct sockaddr_storage from = t->me;
	int one = 1;

	if (from.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&from)->sin6_port = 0;
	else
		((struct sockaddr_in *)&from)->sin_port = 0;
	c->fd = new_socket(t);
	if (c->fd < 0)
		return ct_fail(CT_IO, "transport tcp: socket for rank %u: %s%s", c->peer,
			strerror(errno),
			errno == EMFILE ? ": raise `ulimit -n` or use fewer connections" : "");
	(void)setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(c->fd, (struct sockaddr *)&from, ct_tcp_length(&from)) != 0)
		return ct_fail(CT_IO, "transport tcp: calling from interface %s: %s", t->device,
			strerror(errno));
	c->said = 0;
	c->state = CALL_CONNECTING;
	if (connect(c->fd, (const struct sockaddr *)to, ct_tcp_length(to)) == 0)
		c->state = CALL_SAYING;
	else if (errno == ENETUNREACH || errno == EHOSTUNREACH)
		return ct_fail(CT_PEER, "transport tcp: no way from interface %s to rank %u: %s",
			t->device,
			c->peer, strerror(errno));
	else if (errno != EINPROGRESS)
		hang_up(c);
	return CT_OK;
}

static void say(const struct ct_tcp *t, struct call *c)
{
	struct hello h = { htonl(HELLO_MAGIC), htonl(HELLO_VERSION), htonl(t->world->rank),
		htonl(c->connection), { 0 } };
	ssize_t n;

	memcpy(h.token, t->token, sizeof(h.token));
	n = send(c->fd, (const char *)&h + c->said, sizeof(h) - c->said, MSG_NOSIGNAL);
	explicit_bzero(&h, sizeof(h));
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		hang_up(c);
	else if (n > 0 && (c->said += (size_t)n) == sizeof(h))
		c->state = CALL_WAITING;
}

static void wait_welcome(struct ct_tcp_linker *k, struct call *c)
{
	char word;
	ssize_t n = recv(c->fd, &word, 1, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != 1 || word != WELCOME) {
		hang_up(c);
		return;
	}
	c->state = CALL_DONE;
	k->t->peers[c->peer].fd[c->connection] = c->fd;
	k->ndone++;
}

/* Brings one call on as far as it goes now. */
static ct_status advance(struct ct_tcp_linker *k, struct call *c)
{
	int error = 0;
	socklen_t length = sizeof(error);
	struct pollfd p = { c->fd, POLLOUT, 0 };
	ct_status s = CT_OK;

	if (c->state == CALL_IDLE && ct_now_ns() >= c->retry_at_ns)
		s = dial(k->t, c);
	if (c->state == CALL_CONNECTING && s == CT_OK && (p.fd = c->fd) >= 0 && poll(&p, 1,
		0) == 1) {
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0)
			hang_up(c);
		else
			c->state = CALL_SAYING;
	}
	if (c->state == CALL_SAYING)
		say(k->t, c);
	if (c->state == CALL_WAITING)
		wait_welcome(k, c);
	return s;
}

/* ---- both at once -------------------------------------------------------------------------- */

/* Sleeps until a socket has news, at most 20 ms (for retries and deadlines). */
static void await_news(struct ct_tcp_linker *k)
{
	nfds_t n = 0;

	k->polls[n++] = (struct pollfd){ k->t->listener, POLLIN, 0 };
	for (uint32_t i = 0; i < k->nstrangers; i++)
		k->polls[n++] = (struct pollfd){ k->strangers[i].fd, POLLIN, 0 };
	for (uint32_t i = 0; i < k->ncalls; i++) {
		const struct call *c = &k->calls[i];

		if (c->state == CALL_WAITING)
			k->polls[n++] = (struct pollfd){ c->fd, POLLIN, 0 };
		else if (c->state == CALL_CONNECTING || c->state == CALL_SAYING)
			k->polls[n++] = (struct pollfd){ c->fd, POLLOUT, 0 };
	}
	(void)poll(k->polls, n, RETRY_NS / 1000000);
}

static ct_status too_late(const struct ct_tcp_linker *k)
{
	const struct ct_tcp *t = k->t;

	for (uint32_t r = 0; r < t->world->nranks; r++)
		for (uint32_t c = 0; r != t->world->rank && c < t->connections; c++)
			if (t->peers[r].fd[c] < 0)
				return ct_fail(CT_TIMEOUT,
					"transport tcp: connection %u with rank %u did not come "
					"up in time (interface %s)", c, r, t->device);
	return ct_fail(CT_TIMEOUT, "transport tcp: connecting took too long");
}

static ct_status run(struct ct_tcp_linker *k)
{
	ct_status s = CT_OK;

	while (k->ndone < k->ncalls || k->answered < k->expected) {
		if (ct_deadline_passed(k->t->connect_by))
			return too_late(k);
		s = answer(k);
		for (uint32_t i = k->nstrangers; s == CT_OK && i-- > 0;)
			hear(k, i);
		for (uint32_t i = 0; s == CT_OK && i < k->ncalls; i++)
			s = advance(k, &k->calls[i]);
		if (s != CT_OK)
			return s;
		if (k->ndone < k->ncalls || k->answered < k->expected)
			await_news(k);
	}
	return CT_OK;
}

/* Closes what has not become a connection of a peer. */
static void end(struct ct_tcp_linker *k)
{
	for (uint32_t i = 0; i < k->nstrangers; i++)
		close(k->strangers[i].fd);
	for (uint32_t i = 0; i < k->ncalls; i++)
		if (k->calls[i].state != CALL_DONE && k->calls[i].fd >= 0)
			close(k->calls[i].fd);
}

ct_status ct_tcp_linker_make(struct ct_tcp *t)
{
	struct ct_tcp_linker *k = ct_alloc(1, sizeof(*k));

	if (k == NULL)
		return CT_NOMEM;
	t->linker = k;
	k->t = t;
	k->most = 2 * t->world->nranks;
	k->ncalls = t->world->rank * t->connections;
	k->expected = (t->world->nranks - 1 - t->world->rank) * t->connections;
	k->calls = ct_alloc(k->ncalls, sizeof(*k->calls));
	k->strangers = k->calls == NULL ? NULL : ct_alloc(k->most, sizeof(*k->strangers));
	k->polls = k->strangers == NULL ? NULL : ct_alloc(1 + k->most + k->ncalls,
		sizeof(*k->polls));
	if (k->polls == NULL)
		return CT_NOMEM;
	for (uint32_t i = 0; i < k->ncalls; i++)
		k->calls[i] = (struct call){ i / t->connections, i % t->connections, -1, CALL_IDLE,
			0, 0 };
	return CT_OK;
}

void ct_tcp_linker_free(struct ct_tcp *t)
{
	struct ct_tcp_linker *k = t->linker;

	if (k == NULL)
		return;
	ct_free(k->polls);
	ct_free(k->strangers);
	ct_free(k->calls);
	ct_free(k);
	t->linker = NULL;
}

ct_status ct_tcp_link(struct ct_tcp *t)
{
	ct_status s = run(t->linker);

	end(t->linker);
	return s;
}
