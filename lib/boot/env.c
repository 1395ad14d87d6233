/* SPDX-License-Identifier: BSD-3-Clause */
/* The bootstrap of torchrun-like launchers: its variables, and exchanges over the star. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dial.h"
#include "env.h"

enum { LEAST_TOKEN = 16, MOST_BYTES = 1 << 24, MOST_RANKS = 1 << 16 };

static const uint64_t default_timeout_ns = 60000000000, most_total = UINT64_C(1) << 30;

/* ---- variables -------------------------------------------------------------------------------- */

struct reading {
	const char *(*get)(void *arg, const char *name);
	void *arg;
};

static ct_status number(const struct reading *r, const char *name, int64_t low, int64_t high,
	int64_t *out)
{
	const char *text = r->get(r->arg, name);

	if (text == NULL)
		return ct_fail(CT_INVALID, "environment: %s is not set; torchrun sets RANK, WORLD_SIZE, "
			"MASTER_ADDR and MASTER_PORT", name);
	if (ct_int_parse(text, low, high, out) != CT_OK)
		return ct_fail(CT_INVALID, "environment: %s is \"%.40s\": a number from %lld to %lld",
			name, text, (long long)low, (long long)high);
	return CT_OK;
}

static ct_status read_port(const struct reading *r, uint16_t *port)
{
	int64_t value = 0;
	ct_status status;

	if (r->get(r->arg, "COLLTUNE_BOOT_PORT") != NULL) {
		status = number(r, "COLLTUNE_BOOT_PORT", 1, 65535, &value);
	} else {
		status = number(r, "MASTER_PORT", 1, 65534, &value);
		value++; /* the launcher's own store has MASTER_PORT */
	}
	*port = (uint16_t)value;
	return status;
}

static ct_status read_host(const struct reading *r, char host[CT_ENV_HOST])
{
	const char *text = r->get(r->arg, "MASTER_ADDR");

	if (text == NULL || text[0] == '\0')
		return ct_fail(CT_INVALID, "environment: MASTER_ADDR is not set: the address of rank 0");
	if (strlen(text) >= CT_ENV_HOST)
		return ct_fail(CT_INVALID, "environment: MASTER_ADDR is longer than a host name");
	snprintf(host, CT_ENV_HOST, "%s", text);
	return CT_OK;
}

static ct_status read_token(const struct reading *r, char token[CT_ENV_TOKEN])
{
	const char *text = r->get(r->arg, "COLLTUNE_JOB_TOKEN");

	if (text == NULL)
		return ct_fail(CT_INVALID, "environment: COLLTUNE_JOB_TOKEN is not set: a secret of this job, "
			"the same on every rank, e.g. of \"openssl rand -hex 16\"");
	if (strlen(text) < LEAST_TOKEN || strlen(text) >= CT_ENV_TOKEN)
		return ct_fail(CT_INVALID, "environment: COLLTUNE_JOB_TOKEN has %zu characters, must have %d "
			"to %d", strlen(text), LEAST_TOKEN, CT_ENV_TOKEN - 1);
	snprintf(token, CT_ENV_TOKEN, "%s", text);
	return CT_OK;
}

ct_status ct_env_read(const char *(*get)(void *arg, const char *name), void *arg,
	struct ct_env_place *place)
{
	struct reading r = { get, arg };
	struct ct_env_place p = { .rank = 0 };
	int64_t rank = 0, nranks = 1;
	ct_status status = number(&r, "WORLD_SIZE", 1, MOST_RANKS, &nranks);

	if (status == CT_OK)
		status = number(&r, "RANK", 0, nranks - 1, &rank);
	if (status == CT_OK)
		status = read_host(&r, p.host);
	if (status == CT_OK)
		status = read_port(&r, &p.port);
	if (status == CT_OK)
		status = read_token(&r, p.token);
	if (status != CT_OK)
		return status;
	p.rank = (uint32_t)rank;
	p.nranks = (uint32_t)nranks;
	*place = p;
	return CT_OK;
}

/* ---- exchanges ---------------------------------------------------------------------------------- */

/* Before each message: both sides must be at the same point. */
struct head {
	uint32_t magic, turn, bytes;
};

/* One connection's part of an exchange: a head and a body, in one direction. */
struct stream {
	int fd;
	uint32_t rank; /* at the other end */
	struct head head;
	char *body;
	size_t bytes, done; /* of the body; of head and body */
};

static bool whole(const struct stream *s)
{
	return s->done == sizeof(s->head) + s->bytes;
}

/* Some bytes more. */
static ct_status step(struct stream *s, bool sends)
{
	bool in_head = s->done < sizeof(s->head);
	char *at = in_head ? (char *)&s->head + s->done : s->body + (s->done - sizeof(s->head));
	size_t left = (in_head ? sizeof(s->head) : sizeof(s->head) + s->bytes) - s->done;
	ssize_t n = sends ? send(s->fd, at, left, MSG_NOSIGNAL) : recv(s->fd, at, left, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CT_OK;
	if (n <= 0)
		return ct_fail(CT_PEER, "rank %u has left: %s", s->rank, n == 0 ? "connection closed" :
			strerror(errno));
	s->done += (size_t)n;
	return CT_OK;
}

/* A head that has come whole must be the one that is due. */
static ct_status check_head(const struct stream *s, const struct head *due)
{
	if (s->done < sizeof(s->head) || memcmp(&s->head, due, sizeof(*due)) == 0)
		return CT_OK;
	return ct_fail(CT_PEER, "rank %u is elsewhere in its work: exchange %u of %u bytes, here %u of %u",
		s->rank, ntohl(s->head.turn), ntohl(s->head.bytes), ntohl(due->turn), ntohl(due->bytes));
}

struct exchange {
	struct stream *streams;
	struct pollfd *polls;
	size_t n;
	bool sends;
	struct head due;
	struct ct_deadline by;
};

static ct_status move_ready(struct exchange *x)
{
	ct_status status = CT_OK;

	for (size_t i = 0; i < x->n && status == CT_OK; i++) {
		if (x->polls[i].revents == 0)
			continue;
		status = step(&x->streams[i], x->sends);
		if (status == CT_OK && !x->sends)
			status = check_head(&x->streams[i], &x->due);
	}
	return status;
}

/* All streams to their end. */
static ct_status run(struct exchange *x)
{
	for (;;) {
		uint32_t waits_for = 0;
		size_t open = 0;
		ct_status status;

		for (size_t i = 0; i < x->n; i++) {
			bool done = whole(&x->streams[i]);

			x->polls[i] = (struct pollfd){ done ? -1 : x->streams[i].fd,
				x->sends ? POLLOUT : POLLIN, 0 };
			if (!done && open++ == 0)
				waits_for = x->streams[i].rank;
		}
		if (open == 0)
			return CT_OK;
		if (ct_deadline_passed(x->by))
			return ct_fail(CT_TIMEOUT, "allgather: nothing from rank %u and %zu others in time",
				waits_for, open - 1);
		if (poll(x->polls, x->n, ct_dial_left_ms(x->by, 1000)) < 0 && errno != EINTR)
			return ct_fail(CT_IO, "poll: %s", strerror(errno));
		status = move_ready(x);
		if (status != CT_OK)
			return status;
	}
}

static void set_streams(const struct ct_env_boot *b, struct exchange *x, bool sends, char *body,
	size_t bytes, size_t stride)
{
	bool root = b->boot.rank == 0;

	x->sends = sends;
	for (size_t i = 0; i < x->n; i++) {
		uint32_t rank = root ? (uint32_t)i + 1 : 0;

		x->streams[i] = (struct stream){ .fd = b->fds[rank], .rank = rank, .head = x->due,
			.body = body + rank * stride, .bytes = bytes };
	}
}

/* To rank 0, and the whole back. */
static ct_status exchange(struct ct_env_boot *b, struct exchange *x, char *all, size_t bytes)
{
	uint32_t n = b->boot.nranks;
	bool root = b->boot.rank == 0;
	ct_status status;

	set_streams(b, x, !root, root ? all : all + b->boot.rank * bytes, bytes, root ? bytes : 0);
	status = run(x);
	if (status != CT_OK)
		return status;
	set_streams(b, x, root, all, n * bytes, 0);
	return run(x);
}

static ct_status env_allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	struct ct_env_boot *b = ctx;
	struct exchange x = { .n = b->boot.rank == 0 ? b->boot.nranks - 1 : 1,
		.by = ct_deadline_in(b->timeout_ns),
		.due = { htonl(CT_ENV_MAGIC), htonl(b->turn), htonl((uint32_t)bytes) } };
	ct_status status = CT_NOMEM;

	if (b->broken)
		return ct_fail(CT_PEER, "an earlier exchange of the ranks has failed");
	if (bytes > MOST_BYTES || bytes * b->boot.nranks > most_total)
		return ct_fail(CT_INVALID, "an exchange of %zu bytes from each of %u ranks is too large",
			bytes, b->boot.nranks);
	if (bytes > 0)
		memmove((char *)all + b->boot.rank * bytes, mine, bytes);
	x.streams = ct_alloc(x.n, sizeof(*x.streams));
	x.polls = ct_alloc(x.n, sizeof(*x.polls));
	if (x.streams != NULL && x.polls != NULL)
		status = exchange(b, &x, all, bytes);
	b->turn++;
	b->broken = status != CT_OK;
	ct_free(x.streams);
	ct_free(x.polls);
	return status;
}

/* ---- opening and closing -------------------------------------------------------------------------- */

static void close_all(struct ct_env_boot *b)
{
	for (uint32_t i = 0; b->fds != NULL && i < b->boot.nranks; i++)
		if (b->fds[i] >= 0)
			close(b->fds[i]);
	ct_free(b->fds);
	ct_free(b);
}

ct_status ct_env_open(const struct ct_env_place *place, uint64_t timeout_ns,
	const struct ct_boot **boot)
{
	struct ct_env_boot *b = ct_alloc(1, sizeof(*b));
	ct_status status = CT_OK;

	if (b == NULL)
		return CT_NOMEM;
	b->timeout_ns = timeout_ns > 0 ? timeout_ns : default_timeout_ns;
	b->boot = (struct ct_boot){ sizeof(b->boot), place->rank, place->nranks, env_allgather, b };
	b->fds = ct_alloc(place->nranks, sizeof(*b->fds));
	for (uint32_t i = 0; b->fds != NULL && i < place->nranks; i++)
		b->fds[i] = -1;
	if (b->fds == NULL)
		status = CT_NOMEM;
	else if (place->nranks > 1)
		status = ct_env_meet(b, place, ct_deadline_in(b->timeout_ns));
	if (status != CT_OK) {
		close_all(b);
		return status;
	}
	*boot = &b->boot;
	return CT_OK;
}

static const char *of_process(void *arg, const char *name)
{
	(void)arg;
	return secure_getenv(name);
}

ct_status ct_env_boot_new(uint64_t timeout_ns, const struct ct_boot **boot)
{
	struct ct_env_place place;
	ct_status status;

	if (boot == NULL)
		return ct_fail(CT_INVALID, "ct_env_boot_new: no place for the bootstrap");
	status = ct_env_read(of_process, NULL, &place);
	if (status == CT_OK)
		status = ct_env_open(&place, timeout_ns, boot);
	explicit_bzero(&place, sizeof(place));
	return status;
}

void ct_env_boot_free(const struct ct_boot *boot)
{
	if (boot != NULL)
		close_all(boot->ctx);
}
