/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "coll/coll.h"
#include "floor_probe.h"

/* Between two readings of the clock at least so many bytes, or the reading itself is measured. */
enum { BATCH_BYTES = 64 << 10, SOCKET_WAIT_MS = 1000 };

static uint64_t middle(uint64_t *v, size_t n)
{
	ct_sort_u64(v, n);
	return ct_median(v, n);
}

static uint64_t rate_of(uint64_t bytes, uint64_t ns)
{
	return (uint64_t)((double)bytes / (double)(ns > 0 ? ns : 1) * 1e9);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void copy(void *a, const void *b, uint64_t bytes)
{
	memcpy(a, b, bytes);
}

static void reduce(void *a, const void *b, uint64_t bytes)
{
	ct_reduce(CT_FLOAT, CT_SUM, a, a, b, bytes / sizeof(float));
}

static uint64_t memory_rate(void (*work)(void *, const void *, uint64_t), void *a, const void *b,
			    uint64_t bytes, uint64_t room)
{
	uint64_t rate[CT_PROBE_TRIES], batch = bytes < BATCH_BYTES ? BATCH_BYTES / bytes : 1,
				       at = 0;
	size_t n = 0;

	work(a, b, bytes);
	while (n < CT_PROBE_TRIES) {
		uint64_t from = ct_now_ns(), done = 0, ns;

		do {
			for (uint64_t i = 0; i < batch; i++) {
				work(a, (const char *)b + at, bytes);
				at = at + bytes < room ? at + bytes : 0;
				__asm__ volatile("" ::: "memory"); /* each copy is made */
			}
			done += batch * bytes;
			ns = ct_now_ns() - from;
		} while (ns < CT_PROBE_WINDOW_NS);
		rate[n++] = rate_of(done, ns);
		if (ns > (uint64_t)2 * CT_PROBE_TRIES * CT_PROBE_WINDOW_NS)
			break; /* one block takes longer than all tries should */
	}
	return middle(rate, n);
}

uint64_t ct_probe_copy(void *a, const void *b, uint64_t bytes, uint64_t room)
{
	return memory_rate(copy, a, b, bytes, room);
}

uint64_t ct_probe_reduce(void *a, const void *b, uint64_t bytes, uint64_t room)
{
	return memory_rate(reduce, a, b, bytes, room);
}

/* ---- a stream over loopback ----------------------------------------------------------------- */

/* Accepts on LISTENER until the connection is that of PORT: any process here could connect. */
static int accept_own(int listener, in_port_t port)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	struct ct_deadline by = ct_deadline_in((uint64_t)SOCKET_WAIT_MS * 1000000);

	while (!ct_deadline_passed(by)) {
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		int fd;

		if (poll(&p, 1, SOCKET_WAIT_MS) <= 0)
			continue;
		fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		if (from.sin_port == port && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK))
			return fd;
		close(fd);
	}
	return -1;
}

static void socket_tune(int fd)
{
	struct timeval wait = { SOCKET_WAIT_MS / 1000, 0 };
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static bool connect_pair(int listener, int fd[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&at, size) != 0 || listen(listener, 4) != 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &size) != 0)
		return false;
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd[0] < 0)
		return false;
	socket_tune(fd[0]); /* bounds the connect too */
	if (connect(fd[0], (struct sockaddr *)&at, size) != 0 ||
	    getsockname(fd[0], (struct sockaddr *)&at, &size) != 0)
		goto close_own;
	fd[1] = accept_own(listener, at.sin_port);
	if (fd[1] < 0)
		goto close_own;
	socket_tune(fd[1]);
	return true;
close_own:
	close(fd[0]);
	return false;
}

/* Both ends of one TCP connection over loopback. */
static bool loopback_pair(int fd[2])
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool done;

	if (listener < 0)
		return false;
	done = connect_pair(listener, fd);
	close(listener);
	return done;
}

/* A rank may be bound to one processor: the probe's own threads use what the host offers, as two
 * ranks would. The kernel keeps within the container's set. */
static void unbind(cpu_set_t *set)
{
	memset(set, 0xff, sizeof(*set));
	pthread_setaffinity_np(pthread_self(), sizeof(*set), set);
	if (pthread_getaffinity_np(pthread_self(), sizeof(*set), set) != 0)
		CPU_ZERO(set);
}

struct sender {
	int fd;
	const void *data;
	uint64_t bytes;
};

/* Until the other end is shut down. */
static void *send_blocks(void *arg)
{
	struct sender *s = arg;
	cpu_set_t set;

	unbind(&set);
	while (send(s->fd, s->data, s->bytes, MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

static uint64_t receive_rate(int fd, void *data, uint64_t bytes)
{
	uint64_t rate[CT_PROBE_TRIES];
	size_t n = 0;

	/* The first bytes bring thread and window up and do not count. */
	if (recv(fd, data, bytes, 0) <= 0)
		return 0;
	for (; n < CT_PROBE_TRIES; n++) {
		uint64_t from = ct_now_ns(), done = 0, ns;

		do {
			ssize_t got = recv(fd, data, bytes, 0);

			if (got <= 0)
				return 0;
			done += (uint64_t)got;
			ns = ct_now_ns() - from;
		} while (ns < CT_PROBE_WINDOW_NS);
		rate[n] = rate_of(done, ns);
	}
	return middle(rate, n);
}

uint64_t ct_probe_stream(void *a, const void *b, uint64_t bytes)
{
	struct sender sender = { .data = b, .bytes = bytes };
	uint64_t rate;
	pthread_t thread;
	int fd[2];

	if (!loopback_pair(fd))
		return 0;
	sender.fd = fd[0];
	rate = 0;
	if (pthread_create(&thread, NULL, send_blocks, &sender) == 0) {
		rate = receive_rate(fd[1], a, bytes);
		shutdown(fd[1], SHUT_RDWR);
		shutdown(fd[0], SHUT_RDWR);
		pthread_join(thread, NULL);
	}
	close(fd[1]);
	close(fd[0]);
	return rate;
}

static void *echo(void *arg)
{
	int fd = *(int *)arg;
	cpu_set_t set;
	char c;

	unbind(&set);
	while (recv(fd, &c, 1, 0) == 1 && send(fd, &c, 1, MSG_NOSIGNAL) == 1)
		;
	return NULL;
}

static uint64_t half_round_trip(int fd)
{
	enum { MOST = 1024 };
	uint64_t ns[MOST], until = ct_now_ns() + (uint64_t)CT_PROBE_TRIES * CT_PROBE_WINDOW_NS;
	size_t n = 0;
	char c = 0;

	while (n < MOST && (n < 3 || ct_now_ns() < until)) {
		uint64_t from = ct_now_ns();

		if (send(fd, &c, 1, MSG_NOSIGNAL) != 1 || recv(fd, &c, 1, 0) != 1)
			return 0;
		ns[n++] = ct_now_ns() - from;
	}
	return middle(ns, n) / 2;
}

uint64_t ct_probe_stream_ns(void)
{
	uint64_t ns = 0;
	pthread_t thread;
	int fd[2];

	if (!loopback_pair(fd))
		return 0;
	if (pthread_create(&thread, NULL, echo, &fd[1]) == 0) {
		ns = half_round_trip(fd[0]);
		shutdown(fd[0], SHUT_RDWR);
		pthread_join(thread, NULL);
	}
	close(fd[1]);
	close(fd[0]);
	return ns;
}

/* ---- a cache line between two processors ----------------------------------------------------- */

struct line {
	_Alignas(128) _Atomic uint32_t turn; /* even: the first thread's, odd: the second's */
	_Alignas(128) uint64_t ns;
	int cpu[2]; /* -1 = not pinned: the two may share one processor */
	struct ct_deadline by;
	_Atomic bool off; /* one of the two has given up */
};

/* Tries are short, so that some fall between the time slices of other work on these processors. */
enum { HOP_TRIES = 64, HOP_TURNS = 128, HOP_MOST_MS = 100, HOP_SPINS = 4096 };

static void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* Waits for TURN; false when it will not come. */
static bool await(struct line *line, uint32_t turn)
{
	unsigned int most = line->cpu[0] < 0 ? 1 : HOP_SPINS, spins = 0;

	while (atomic_load_explicit(&line->turn, memory_order_acquire) != turn) {
		if (++spins < most)
			continue;
		spins = 0;
		if (atomic_load(&line->off) || ct_deadline_passed(line->by))
			return false;
		sched_yield();
	}
	return true;
}

static void *hop_second(void *arg)
{
	struct line *line = arg;

	pin(line->cpu[1]);
	for (uint32_t i = 0; await(line, 2 * i + 1); i++)
		atomic_store_explicit(&line->turn, 2 * i + 2, memory_order_release);
	return NULL;
}

/* One way, ns; 0 when the other does not answer in time. */
static uint64_t hop_try(struct line *line, uint32_t *i)
{
	uint64_t from = ct_now_ns();

	for (int turn = 0; turn < HOP_TURNS; turn++, ++*i) {
		atomic_store_explicit(&line->turn, 2 * *i + 1, memory_order_release);
		if (!await(line, 2 * *i + 2))
			return 0;
	}
	return (ct_now_ns() - from) / (2 * HOP_TURNS);
}

/* Keeps the least of all tries: interruptions only add. */
static void *hop_first(void *arg)
{
	struct line *line = arg;
	uint32_t i = 0;

	pin(line->cpu[0]);
	for (int try = 0; try < HOP_TRIES; try++) {
		uint64_t ns = hop_try(line, &i);

		if (ns == 0)
			break;
		if (line->ns == 0 || ns < line->ns)
			line->ns = ns;
	}
	atomic_store(&line->off, true);
	return NULL;
}

/* Two threads of their own, so that the caller's binding stays as it is. */
static uint64_t hop_between(int first, int second)
{
	struct line line = { .cpu = { first, second } };
	pthread_t a, b;

	line.by = ct_deadline_in((uint64_t)HOP_MOST_MS * 1000000);
	if (pthread_create(&b, NULL, hop_second, &line) != 0)
		return 0;
	if (pthread_create(&a, NULL, hop_first, &line) == 0)
		pthread_join(a, NULL);
	atomic_store(&line.off, true);
	pthread_join(b, NULL);
	return line.ns;
}

struct processors {
	int cpu[CPU_SETSIZE], n;
};

static void *processors_of_host(void *arg)
{
	struct processors *p = arg;
	cpu_set_t set;

	unbind(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			p->cpu[p->n++] = i;
	return NULL;
}

uint64_t ct_probe_hop_ns(void)
{
	struct processors p = { .n = 0 };
	pthread_t thread;
	uint64_t near, far;

	if (pthread_create(&thread, NULL, processors_of_host, &p) == 0)
		pthread_join(thread, NULL);
	if (p.n < 2)
		return hop_between(-1, -1);
	near = hop_between(p.cpu[0], p.cpu[1]);
	far = p.n > 2 ? hop_between(p.cpu[0], p.cpu[p.n / 2]) : near;
	return far == 0 || (near > 0 && near < far) ? near : far;
}
