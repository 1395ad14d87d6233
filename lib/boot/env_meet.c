/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the ranks of env.c find each other. Rank 0 listens on one address until everyone is there; who
 * calls must prove, within seconds, that it knows the job's token. Strangers keep nobody from being
 * heard: each is heard beside the others, the oldest makes place, and all of them end with the meeting.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dial.h"
#include "env.h"

enum { CALLERS = 128, RETRY_MS = 50, SHA_BLOCK = 64 };

static const uint64_t caller_ns = 2000000000; /* so long each may take to prove itself */

_Static_assert(sizeof(struct ct_env_welcome) == 40 && sizeof(struct ct_env_hello) == 80 &&
	sizeof(struct ct_env_answer) == 200, "no padding goes over the wire");

/* ---- proofs ------------------------------------------------------------------------------------ */

void ct_env_hmac(const char *key, const uint8_t *text, size_t bytes, uint8_t out[CT_ENV_PROOF])
{
	uint8_t inner[SHA_BLOCK + 256] = { 0 }, outer[SHA_BLOCK + 32] = { 0 };
	size_t n = strlen(key);

	if (n > SHA_BLOCK)
		ct_sha256(key, n, inner);
	else
		memcpy(inner, key, n);
	for (size_t i = 0; i < SHA_BLOCK; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	memcpy(inner + SHA_BLOCK, text, bytes);
	ct_sha256(inner, SHA_BLOCK + bytes, outer + SHA_BLOCK);
	ct_sha256(outer, sizeof(outer), out);
	explicit_bzero(inner, sizeof(inner));
	explicit_bzero(outer, sizeof(outer));
}

void ct_env_proof(const struct ct_env_place *place, const char *word, const uint8_t *first,
	const uint8_t *second, uint8_t out[CT_ENV_PROOF])
{
	uint8_t text[2 * CT_ENV_NONCE + 32] = { 0 };

	memcpy(text, first, CT_ENV_NONCE);
	memcpy(text + CT_ENV_NONCE, second, CT_ENV_NONCE);
	/* who and how many, as text: no padding, no order of bytes */
	snprintf((char *)text + 2 * CT_ENV_NONCE, 32, "%.7s %u %u", word, place->rank, place->nranks);
	ct_env_hmac(place->token, text, sizeof(text), out);
}

bool ct_env_equal(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < bytes; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

/* ---- both sides ---------------------------------------------------------------------------------- */

static ct_status find_address(const struct ct_env_place *place, struct addrinfo **list)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	char service[8];
	int rc;

	snprintf(service, sizeof(service), "%u", place->port);
	rc = getaddrinfo(place->host, service, &hints, list);
	return rc == 0 ? CT_OK : ct_fail(CT_INVALID, "MASTER_ADDR \"%.80s\": %s", place->host,
		gai_strerror(rc));
}

static void no_delay(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* slower without, not wrong */
}

/* ---- rank 0 ----------------------------------------------------------------------------------------- */

struct caller {
	int fd;
	size_t got;
	uint64_t since_ns;
	uint8_t nonce[CT_ENV_NONCE];
	struct ct_env_hello hello;
};

struct meeting {
	struct ct_env_boot *boot;
	const struct ct_env_place *place;
	int listener;
	struct caller *callers;
	uint32_t ncallers, met;
	char refused[200]; /* why the last one was */
};

static void dismiss(struct meeting *m, uint32_t i)
{
	close(m->callers[i].fd);
	m->callers[i] = m->callers[--m->ncallers];
}

/* A new caller is greeted with a number of its own. */
static void let_in(struct meeting *m)
{
	struct ct_env_welcome w = { htonl(CT_ENV_MAGIC), htonl(CT_ENV_VERSION), { 0 } };
	int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uint32_t oldest = 0;

	if (fd < 0)
		return;
	if (getrandom(w.nonce, sizeof(w.nonce), 0) != (ssize_t)sizeof(w.nonce) ||
		send(fd, &w, sizeof(w), MSG_NOSIGNAL) != (ssize_t)sizeof(w)) {
		close(fd);
		return;
	}
	for (uint32_t i = 1; i < m->ncallers; i++)
		if (m->callers[i].since_ns < m->callers[oldest].since_ns)
			oldest = i;
	if (m->ncallers == CALLERS)
		dismiss(m, oldest);
	m->callers[m->ncallers] = (struct caller){ .fd = fd, .since_ns = ct_now_ns() };
	memcpy(m->callers[m->ncallers++].nonce, w.nonce, sizeof(w.nonce));
}

/* Why the caller whose hello is here may not come in; NULL: it may. Whoever has not proved itself hears
 * nothing else. */
static const char *judge(const struct meeting *m, const struct caller *c, char text[160])
{
	const struct ct_env_hello *h = &c->hello;
	struct ct_env_place claimed = *m->place;
	uint8_t proof[CT_ENV_PROOF];

	claimed.rank = ntohl(h->rank);
	claimed.nranks = ntohl(h->nranks);
	ct_env_proof(&claimed, "rank", c->nonce, h->nonce, proof);
	explicit_bzero(claimed.token, sizeof(claimed.token));
	if (!ct_env_equal(proof, h->proof, sizeof(proof)))
		return "its COLLTUNE_JOB_TOKEN is not rank 0's";
	if (claimed.nranks != m->place->nranks)
		snprintf(text, 160, "rank %u has WORLD_SIZE %u, rank 0 has %u", claimed.rank,
			claimed.nranks, m->place->nranks);
	else if (claimed.rank == 0 || claimed.rank >= claimed.nranks)
		snprintf(text, 160, "rank %u of %u is no rank that calls", claimed.rank, claimed.nranks);
	else if (m->boot->fds[claimed.rank] >= 0)
		snprintf(text, 160, "rank %u is here already", claimed.rank);
	else
		return NULL;
	return text;
}

/* Answers caller I, whose hello is whole; keeps or dismisses it. */
static void answer(struct meeting *m, uint32_t i)
{
	struct caller *c = &m->callers[i];
	struct ct_env_answer a = { .magic = htonl(CT_ENV_MAGIC) };
	struct ct_env_place theirs = *m->place;
	char text[160];
	const char *why = judge(m, c, text);

	if (why != NULL) {
		a.status = htonl(1);
		snprintf(a.why, sizeof(a.why), "%s", why);
		snprintf(m->refused, sizeof(m->refused), "; refused one: %s", why);
	}
	theirs.rank = ntohl(c->hello.rank);
	if (why == NULL) /* to a stranger nothing is proved */
		ct_env_proof(&theirs, "root", c->hello.nonce, c->nonce, a.proof);
	explicit_bzero(theirs.token, sizeof(theirs.token));
	if (send(c->fd, &a, sizeof(a), MSG_NOSIGNAL) != (ssize_t)sizeof(a) || why != NULL) {
		dismiss(m, i);
		return;
	}
	no_delay(c->fd);
	m->boot->fds[theirs.rank] = c->fd;
	m->met++;
	*c = m->callers[--m->ncallers];
}

/* Hears caller I; one that says nothing, or something else, is dismissed. */
static void hear(struct meeting *m, uint32_t i)
{
	struct caller *c = &m->callers[i];
	ssize_t n = recv(c->fd, (char *)&c->hello + c->got, sizeof(c->hello) - c->got, 0);
	bool late = ct_now_ns() - c->since_ns > caller_ns;

	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !late)
		return;
	if (n > 0)
		c->got += (size_t)n;
	if (n > 0 && c->got == sizeof(c->hello) && c->hello.magic == htonl(CT_ENV_MAGIC) &&
		c->hello.version == htonl(CT_ENV_VERSION))
		answer(m, i);
	else if (n <= 0 || late || c->got == sizeof(c->hello))
		dismiss(m, i);
}

/* Any address at all, however it is written ("0", "0.0.0.0", "::")? */
static bool is_wildcard(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
	return a->sa_family == AF_INET6 &&
		IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static ct_status listen_on(const struct ct_env_place *place, int *listener)
{
	struct addrinfo *list = NULL;
	int one = 1, fd = -1, error = 0;
	ct_status status = find_address(place, &list);

	if (status != CT_OK)
		return status;
	if (is_wildcard(list->ai_addr)) {
		freeaddrinfo(list);
		return ct_fail(CT_INVALID, "MASTER_ADDR is %.80s: the address of one interface is needed, the "
			"bootstrap listens nowhere else", place->host);
	}
	for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
			bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, CALLERS) == 0)
			break;
		error = errno;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	if (fd < 0)
		return ct_fail(CT_IO, "rank 0 cannot listen on MASTER_ADDR %.80s port %u: %s "
			"(COLLTUNE_BOOT_PORT chooses another)", place->host, place->port, strerror(error));
	*listener = fd;
	return CT_OK;
}

static ct_status receive_all(struct meeting *m, struct ct_deadline by)
{
	struct pollfd f[CALLERS + 1];

	while (m->met + 1 < m->place->nranks) {
		if (ct_deadline_passed(by))
			return ct_fail(CT_TIMEOUT, "%u of %u ranks came to MASTER_ADDR %.80s port %u in time%s",
				m->met + 1, m->place->nranks, m->place->host, m->place->port, m->refused);
		f[0] = (struct pollfd){ m->listener, POLLIN, 0 };
		for (uint32_t i = 0; i < m->ncallers; i++)
			f[i + 1] = (struct pollfd){ m->callers[i].fd, POLLIN, 0 };
		if (poll(f, m->ncallers + 1, ct_dial_left_ms(by, 500)) < 0 && errno != EINTR)
			return ct_fail(CT_IO, "poll: %s", strerror(errno));
		for (uint32_t i = m->ncallers; i-- > 0;)
			hear(m, i);
		if ((f[0].revents & POLLIN) != 0)
			let_in(m);
	}
	return CT_OK;
}

static ct_status wait_for_all(struct ct_env_boot *b, const struct ct_env_place *place,
	struct ct_deadline by)
{
	struct meeting m = { .boot = b, .place = place, .listener = -1 };
	ct_status status;

	m.callers = ct_alloc(CALLERS, sizeof(*m.callers));
	if (m.callers == NULL)
		return CT_NOMEM;
	status = listen_on(place, &m.listener);
	if (status == CT_OK)
		status = receive_all(&m, by);
	while (m.ncallers > 0)
		dismiss(&m, 0);
	if (m.listener >= 0)
		close(m.listener);
	ct_free(m.callers);
	return status;
}

/* ---- the others --------------------------------------------------------------------------------------- */

/* BYTES bytes, or CT_BUSY: the other side has closed, or is silent for long. */
static ct_status receive(int fd, void *out, size_t bytes, struct ct_deadline by)
{
	struct ct_deadline patience = ct_deadline_in(5 * caller_ns);
	size_t got = 0;

	while (got < bytes) {
		struct pollfd f = { fd, POLLIN, 0 };
		ssize_t n;

		if (ct_deadline_passed(by) || ct_deadline_passed(patience))
			return CT_BUSY;
		(void)poll(&f, 1, ct_dial_left_ms(by, 500));
		n = recv(fd, (char *)out + got, bytes - got, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return CT_BUSY;
		got += n > 0 ? (size_t)n : 0;
	}
	return CT_OK;
}

static ct_status refused(const struct ct_env_answer *a)
{
	char text[sizeof(a->why) + 1] = "", clean[sizeof(text)];

	memcpy(text, a->why, sizeof(a->why));
	ct_text_clean(clean, sizeof(clean), text);
	return ct_fail(CT_INVALID, "rank 0 refuses this rank: %s", clean);
}

/* Proves itself, and wants proof. CT_BUSY: try again. */
static ct_status introduce(int fd, const struct ct_env_place *place, struct ct_deadline by)
{
	struct ct_env_welcome w;
	struct ct_env_hello h = { htonl(CT_ENV_MAGIC), htonl(CT_ENV_VERSION), htonl(place->rank),
		htonl(place->nranks), { 0 }, { 0 } };
	struct ct_env_answer a;
	uint8_t proof[CT_ENV_PROOF];
	ct_status status = receive(fd, &w, sizeof(w), by);

	if (status != CT_OK)
		return status;
	if (w.magic != htonl(CT_ENV_MAGIC) || w.version != htonl(CT_ENV_VERSION))
		return ct_fail(CT_PEER, "MASTER_ADDR %.80s port %u is no colltune of this version "
			"(COLLTUNE_BOOT_PORT chooses another)", place->host, place->port);
	if (getrandom(h.nonce, sizeof(h.nonce), 0) != (ssize_t)sizeof(h.nonce))
		return ct_fail(CT_IO, "getrandom: %s", strerror(errno));
	ct_env_proof(place, "rank", w.nonce, h.nonce, h.proof);
	if (send(fd, &h, sizeof(h), MSG_NOSIGNAL) != (ssize_t)sizeof(h))
		return CT_BUSY;
	status = receive(fd, &a, sizeof(a), by);
	if (status != CT_OK)
		return status;
	if (a.magic == htonl(CT_ENV_MAGIC) && a.status != 0)
		return refused(&a);
	ct_env_proof(place, "root", h.nonce, w.nonce, proof);
	if (a.magic != htonl(CT_ENV_MAGIC) || !ct_env_equal(proof, a.proof, sizeof(proof)))
		return ct_fail(CT_PEER, "who answers on MASTER_ADDR %.80s port %u does not know "
			"COLLTUNE_JOB_TOKEN", place->host, place->port);
	return CT_OK;
}

static ct_status call_root(struct ct_env_boot *b, const struct ct_env_place *place,
	struct ct_deadline by)
{
	struct addrinfo *list = NULL;
	ct_status status = find_address(place, &list);

	if (status != CT_OK)
		return status;
	do {
		int fd = ct_dial_try(list, by, 5000);

		status = fd < 0 ? CT_BUSY : introduce(fd, place, by);
		if (status == CT_OK) {
			no_delay(fd);
			b->fds[0] = fd;
		} else if (fd >= 0) {
			close(fd);
		}
		if (status == CT_BUSY)
			(void)poll(NULL, 0, RETRY_MS); /* it may not wait yet */
	} while (status == CT_BUSY && !ct_deadline_passed(by));
	freeaddrinfo(list);
	if (status == CT_BUSY)
		return ct_fail(CT_TIMEOUT, "rank 0 does not wait on MASTER_ADDR %.80s port %u", place->host,
			place->port);
	return status;
}

ct_status ct_env_meet(struct ct_env_boot *b, const struct ct_env_place *place, struct ct_deadline by)
{
	return place->rank == 0 ? wait_for_all(b, place, by) : call_root(b, place, by);
}
