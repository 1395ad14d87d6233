/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transport tcp: a few stream connections per pair of ranks. A message is a 16-byte frame and its
 * bytes. Message k of a pair begins on connection k mod C and goes on to the next connection after
 * each CT_TCP_CHUNK bytes, so both sides know where each byte travels without being told; both
 * handle the bytes strictly in order.
 */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tcp.h"

#define FRAME_MAGIC 0x6374466du /* "ctFm" */

enum { BOUNCE_BYTES = 64 << 10, STEP_BYTES = 1 << 20 };

/* Words in network order. */
struct frame {
	uint32_t magic, number;
	uint64_t bytes;
};

_Static_assert(sizeof(struct frame) == CT_TCP_FRAME, "frame size");

/* What peers get; rank 0's carries the token that all ranks share. */
struct card {
	unsigned char token[CT_TCP_TOKEN];
	struct sockaddr_storage to;
};

_Static_assert(sizeof(struct card) <= CT_NET_ADDRESS, "address too long");

static const struct ct_option options[] = { CT_TCP_OPTIONS(0), CT_NO_OPTION };
static const struct ct_tcp_settings defaults = { NULL, 0, 0 };

/* ---- opening ------------------------------------------------------------------------------- */

static void tcp_close(void *self)
{
	struct ct_tcp *t = self;

	for (uint32_t r = 0; t->peers != NULL && r < t->world->nranks; r++)
		for (uint32_t c = 0; c < CT_TCP_CONNECTIONS; c++)
			if (t->peers[r].fd[c] >= 0)
				close(t->peers[r].fd[c]);
	if (t->listener >= 0)
		close(t->listener);
	explicit_bzero(t->token, sizeof(t->token));
	ct_tcp_linker_free(t);
	ct_free(t->bounce);
	ct_free(t->active);
	ct_free(t->peers);
	ct_free(t);
}

static ct_status check(const struct ct_tcp_settings *set)
{
	if (set->connections < 0 || set->connections > CT_TCP_CONNECTIONS)
		return ct_fail(CT_INVALID, "tcp-connections: %lld is not within 0 and %d",
			(long long)set->connections, CT_TCP_CONNECTIONS);
	if (set->buffer > 1 << 30)
		return ct_fail(CT_INVALID, "tcp-buffer: %llu is more than 1G",
			(unsigned long long)set->buffer);
	return CT_OK;
}

static ct_status make_peers(struct ct_tcp *t)
{
	t->peers = ct_alloc(t->world->nranks, sizeof(*t->peers));
	for (uint32_t r = 0; t->peers != NULL && r < t->world->nranks; r++)
		memset(t->peers[r].fd, -1, sizeof(t->peers[r].fd));
	t->active = t->peers == NULL ? NULL : ct_alloc(t->world->nranks, sizeof(*t->active));
	t->bounce = t->active == NULL ? NULL : ct_alloc(1, BOUNCE_BYTES);
	return t->bounce == NULL ? CT_NOMEM : ct_tcp_linker_make(t);
}

static ct_status tcp_open(const struct ct_net_env *env, void **self)
{
	const struct ct_tcp_settings *set = env->settings != NULL ? env->settings : &defaults;
	const struct ct_world *w = env->world;
	ct_status s = check(set);
	struct ct_tcp *t;

	if (s != CT_OK)
		return s;
	t = ct_alloc(1, sizeof(*t));
	if (t == NULL)
		return CT_NOMEM;
	t->listener = -1;
	t->world = w;
	t->connect_by = env->connect_by;
	t->buffer = (int)set->buffer;
	t->connections = set->connections > 0 ? (uint32_t)set->connections : w->nhosts == 1 ? 1 : 4;
	s = make_peers(t);
	if (s == CT_OK)
		s = ct_tcp_choose(set->iface, w->nhosts == 1, &t->me, t->device);
	if (s == CT_OK)
		s = ct_tcp_listen(t);
	if (s == CT_OK && w->rank == 0 && getrandom(t->token, sizeof(t->token), 0) != CT_TCP_TOKEN)
		s = ct_fail(CT_IO, "transport tcp: getrandom: %s", strerror(errno));
	if (s != CT_OK) {
		tcp_close(t);
		return s;
	}
	*self = t;
	return CT_OK;
}

static ct_status tcp_address(void *self, void *out, size_t *bytes)
{
	const struct ct_tcp *t = self;
	struct card card = { .to = t->me };

	if (t->world->rank == 0)
		memcpy(card.token, t->token, sizeof(card.token));
	memcpy(out, &card, sizeof(card));
	*bytes = sizeof(card);
	return CT_OK;
}

/* Only remembers the address: calling and answering go on together in tcp_ready(). */
static ct_status tcp_connect(void *self, uint32_t peer, const void *address, size_t bytes)
{
	struct ct_tcp *t = self;
	struct card card;

	if (bytes != sizeof(card))
		return ct_fail(CT_CORRUPT, "transport tcp: rank %u gave an address of %zu bytes",
			peer,
			bytes);
	memcpy(&card, address, sizeof(card));
	if (card.to.ss_family != t->me.ss_family)
		return ct_fail(CT_UNSUPPORTED,
			"transport tcp: rank %u listens on %s, this rank on %s: "
			"choose with --tcp-iface", peer, card.to.ss_family == AF_INET ? "IPv4" :
				"IPv6",
			t->me.ss_family == AF_INET ? "IPv4" : "IPv6");
	t->peers[peer].to = card.to;
	if (peer == 0)
		memcpy(t->token, card.token, sizeof(t->token));
	return CT_OK;
}

static ct_status tcp_ready(void *self)
{
	struct ct_tcp *t = self;
	ct_status s = ct_tcp_link(t);

	close(t->listener);
	t->listener = -1;
	ct_tcp_linker_free(t);
	explicit_bzero(t->token, sizeof(t->token));
	return s;
}

static void tcp_query(void *self, struct ct_net_caps *caps)
{
	const struct ct_tcp *t = self;

	caps->eager_bytes = 4096; /* far below any socket buffer */
	caps->sink = true;
	caps->data_unchecked = false; /* TCP's own checksum */
	ct_tcp_device(t->device, &caps->mtu, &caps->link_Bps);
	snprintf(caps->device, sizeof(caps->device), "%s", t->device);
	snprintf(caps->path, sizeof(caps->path),
		"%u TCP %s per pair over %s, IPv%c, authenticated by a "
		"token, not encrypted", t->connections, t->connections == 1 ? "connection" :
			"connections",
		t->device, t->me.ss_family == AF_INET ? '4' : '6');
	snprintf(caps->expectation, sizeof(caps->expectation), "stream");
}

/* ---- moving -------------------------------------------------------------------------------- */

/* The connection on which byte AT (frame included) of message NUMBER travels, and how many bytes
 * from there on travel together with it. The frame belongs to the first chunk. */
static int connection_at(const struct ct_tcp *t, const struct ct_tcp_peer *p, uint32_t number,
	uint64_t at, uint64_t *together)
{
	uint64_t chunk = at < CT_TCP_FRAME ? 0 : (at - CT_TCP_FRAME) / CT_TCP_CHUNK;

	*together = (chunk + 1) * CT_TCP_CHUNK + CT_TCP_FRAME - at;
	return p->fd[(number + chunk) % t->connections];
}

static bool again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static ct_status lost(uint32_t peer, ssize_t n)
{
	return ct_fail(CT_PEER, "rank %u has closed its connection%s%s", peer, n < 0 ? ": " : "",
		n < 0 ? strerror(errno) : "");
}

/* Two pieces of one transfer: what is left of the frame, then bytes of the message. */
static size_t pieces(struct iovec v[2], void *frame, void *data, uint64_t at, uint64_t bytes)
{
	size_t n = 0;

	if (at < CT_TCP_FRAME)
		v[n++] = (struct iovec){ (char *)frame + at, CT_TCP_FRAME - at };
	if (bytes > 0)
		v[n++] = (struct iovec){ data, bytes };
	return n;
}

/* Sends what goes now of the first send; req->done counts the frame too. */
static ct_status push_one(const struct ct_tcp *t, struct ct_tcp_peer *p, struct ct_net_req *req)
{
	struct frame f = { htobe32(FRAME_MAGIC), htobe32(p->send_number), htobe64(req->bytes) };
	uint64_t all = req->bytes + CT_TCP_FRAME, from = req->done;

	while (req->done < all && req->done - from < STEP_BYTES) {
		uint64_t body = req->done < CT_TCP_FRAME ? 0 : req->done - CT_TCP_FRAME, n;
		int fd = connection_at(t, p, p->send_number, req->done, &n);
		struct iovec v[2];
		struct msghdr m = { .msg_iov = v };
		ssize_t sent;

		if (n > all - req->done)
			n = all - req->done;
		if (req->done < CT_TCP_FRAME)
			n -= CT_TCP_FRAME - req->done;
		m.msg_iovlen = pieces(v, &f, (char *)req->data + body, req->done, n);
		sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0)
			return again() ? CT_OK : lost(req->peer, sent);
		req->done += (uint64_t)sent;
	}
	return CT_OK;
}

static ct_status push(const struct ct_tcp *t, struct ct_tcp_peer *p)
{
	ct_status s = CT_OK;

	while (p->sends.head != NULL && s == CT_OK) {
		struct ct_net_req *req = p->sends.head;

		s = push_one(t, p, req);
		if (s != CT_OK || req->done < req->bytes + CT_TCP_FRAME)
			break;
		p->send_number++;
		ct_fifo_pop(&p->sends)->status = CT_OK;
	}
	return s;
}

static ct_status check_frame(const struct ct_tcp_peer *p, const struct ct_net_req *req)
{
	struct frame f;

	memcpy(&f, p->head, sizeof(f));
	if (be32toh(f.magic) != FRAME_MAGIC || be32toh(f.number) != p->recv_number)
		return ct_fail(CT_CORRUPT, "rank %u sent something that is no message of colltune",
			req->peer);
	if (be64toh(f.bytes) != req->bytes)
		return ct_fail(CT_CORRUPT, "rank %u sent %llu bytes where %llu are expected",
			req->peer,
			(unsigned long long)be64toh(f.bytes), (unsigned long long)req->bytes);
	return CT_OK;
}

/* Passes what has come to the sink, in whole 16-byte steps but for the end of the message. NEW
 * bytes stand in the bounce buffer behind the rest of last time, which is put before them. */
static void feed(const struct ct_tcp *t, struct ct_tcp_peer *p, struct ct_net_req *req,
	uint64_t body, uint64_t fresh)
{
	uint64_t have = p->nrest + fresh, start = body - p->nrest, give = have & ~15ull;

	if (body + fresh == req->bytes)
		give = have;
	if (give > 0)
		req->sink(req->sink_arg, t->bounce, start, give);
	p->nrest = (uint32_t)(have - give);
	memcpy(p->rest, t->bounce + give, p->nrest);
}

/* Receives once for REQ. *N: bytes that came, 0 = none now. */
static ct_status pull_once(const struct ct_tcp *t, struct ct_tcp_peer *p, struct ct_net_req *req,
	ssize_t *came)
{
	uint64_t body = req->done < CT_TCP_FRAME ? 0 : req->done - CT_TCP_FRAME, n;
	uint64_t frame = req->done < CT_TCP_FRAME ? CT_TCP_FRAME - req->done : 0;
	int fd = connection_at(t, p, p->recv_number, req->done, &n);
	struct iovec v[2];
	struct msghdr m = { .msg_iov = v };
	char *to = (char *)req->data + body;

	n -= frame;
	if (n > req->bytes - body)
		n = req->bytes - body;
	if (req->sink != NULL) {
		memcpy(t->bounce, p->rest, p->nrest);
		to = (char *)t->bounce + p->nrest;
		if (n > BOUNCE_BYTES - p->nrest)
			n = BOUNCE_BYTES - p->nrest;
	}
	m.msg_iovlen = pieces(v, p->head, to, req->done, n);
	*came = recvmsg(fd, &m, MSG_DONTWAIT);
	if (*came < 0 && again()) {
		*came = 0;
		return CT_OK;
	}
	if (*came <= 0)
		return lost(req->peer, *came);
	req->done += (uint64_t)*came;
	if (frame > 0 && req->done >= CT_TCP_FRAME && check_frame(p, req) != CT_OK)
		return CT_CORRUPT;
	if (req->sink != NULL && (uint64_t)*came > frame)
		feed(t, p, req, body, (uint64_t)*came - frame);
	return CT_OK;
}

static ct_status pull(const struct ct_tcp *t, struct ct_tcp_peer *p)
{
	uint64_t moved = 0;

	while (p->recvs.head != NULL && moved < STEP_BYTES) {
		struct ct_net_req *req = p->recvs.head;
		ssize_t came;
		ct_status s = pull_once(t, p, req, &came);

		if (s != CT_OK || came == 0)
			return s;
		moved += (uint64_t)came;
		if (req->done < req->bytes + CT_TCP_FRAME)
			continue;
		p->recv_number++;
		ct_fifo_pop(&p->recvs)->status = CT_OK;
	}
	return CT_OK;
}

static bool has_work(const struct ct_tcp_peer *p)
{
	return p->sends.head != NULL || p->recvs.head != NULL;
}

/* A peer that failed once stays failed: its streams may end in the middle of a message. */
static void progress(const struct ct_tcp *t, struct ct_tcp_peer *p)
{
	ct_status s = pull(t, p);

	if (s == CT_OK)
		s = push(t, p);
	if (s == CT_OK)
		return;
	p->broken = s;
	snprintf(p->why, sizeof(p->why), "%s", ct_why());
	ct_fifo_fail(&p->sends, s);
	ct_fifo_fail(&p->recvs, s);
}

static ct_status tcp_post(void *self, struct ct_net_req *req)
{
	struct ct_tcp *t = self;
	struct ct_tcp_peer *p;

	if (req->peer >= t->world->nranks)
		return ct_fail(CT_INVALID, "no rank %u: this job has %u ranks", req->peer,
			t->world->nranks);
	if (req->peer == t->world->rank) {
		ct_loop_post(&t->loop, req);
		return CT_OK;
	}
	p = &t->peers[req->peer];
	if (p->broken != CT_OK) {
		req->status = ct_fail(p->broken, "%s", p->why);
		return CT_OK;
	}
	req->done = 0;
	ct_fifo_push(req->kind == CT_NET_SEND ? &p->sends : &p->recvs, req);
	if (req->kind == CT_NET_SEND && p->sends.head == req)
		progress(t, p);
	if (!p->active && has_work(p)) {
		p->active = true;
		t->active[t->nactive++] = req->peer;
	}
	return CT_OK;
}

static ct_status tcp_poll(void *self)
{
	struct ct_tcp *t = self;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->nactive; i++) {
		struct ct_tcp_peer *p = &t->peers[t->active[i]];

		progress(t, p);
		p->active = has_work(p);
		if (p->active)
			t->active[kept++] = t->active[i];
	}
	t->nactive = kept;
	return CT_OK;
}

const struct ct_net_ops ct_net_tcp = {
	.abi = CT_NET_ABI,
	.name = "tcp",
	.summary = "TCP sockets over IPv4 or IPv6, authenticated by a token, not encrypted",
	.options = options,
	.settings_bytes = sizeof(struct ct_tcp_settings),
	.open = tcp_open,
	.close = tcp_close,
	.query = tcp_query,
	.address = tcp_address,
	.connect = tcp_connect,
	.ready = tcp_ready,
	.post = tcp_post,
	.poll = tcp_poll,
};
