/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranks as two processes: both copies of shm, and a rank that is killed or stopped. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "net_ranks.h"

enum { ROOM = 32768, BIG = 3000001 };

/* Two processes' bootstrap in memory that they share. */
struct shared {
	_Atomic uint32_t round[2];
	char data[2][2][ROOM];
};

struct side {
	struct shared *shared;
	uint32_t rank, round;
};

static ct_status pair_allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	struct side *s = ctx;
	struct ct_deadline by = ct_deadline_in(30 * SECOND);
	uint32_t half = s->round++ & 1;

	if (bytes > ROOM)
		return ct_fail(CT_INVALID, "test: too much");
	memcpy(s->shared->data[half][s->rank], mine, bytes);
	atomic_store(&s->shared->round[s->rank], s->round);
	while (atomic_load(&s->shared->round[1 - s->rank]) < s->round) {
		if (ct_deadline_passed(by))
			return ct_fail(CT_TIMEOUT, "test: the other process did not come");
		sched_yield();
	}
	for (uint32_t i = 0; i < 2; i++)
		memcpy((char *)all + i * bytes, s->shared->data[half][i], bytes);
	return CT_OK;
}

struct pair {
	struct side side;
	struct ct_boot boot;
	struct ct_world world;
	struct ct_net net;
	pid_t child; /* 0 in the child, which is rank 1 */
};

static void end_pair(struct pair *p)
{
	ct_net_close(&p->net);
	ct_world_free(&p->world);
	munmap(p->side.shared, sizeof(*p->side.shared));
}

static ct_status make_pair(struct pair *p, const char *net, const struct ct_net_settings *set)
{
	ct_status s;

	memset(p, 0, sizeof(*p));
	p->side.shared = mmap(NULL, sizeof(*p->side.shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(p->side.shared != MAP_FAILED);
	p->child = fork();
	assert_true(p->child >= 0);
	p->side.rank = p->child == 0;
	p->boot = (struct ct_boot){ sizeof(p->boot), p->side.rank, 2, pair_allgather, &p->side };
	s = ct_world_make(&p->boot, &p->world);
	if (s == CT_OK)
		s = ct_net_open(net, &p->world, set, NULL, ct_deadline_in(20 * SECOND), &p->net);
	return s;
}

static void pattern(unsigned char *data, size_t n, unsigned char seed)
{
	for (size_t i = 0; i < n; i++)
		data[i] = (unsigned char)(seed + i * 7 + (i >> 9));
}

static ct_status swap_sizes(struct pair *p)
{
	static const size_t sizes[] = { 0, 1, 48, 8191, 8192, 8193, 16383, 16384, 16385, 1 << 20,
		BIG };
	unsigned char *out = malloc(BIG), *in = malloc(BIG), *want = malloc(BIG);
	ct_status s = CT_OK;

	pattern(out, BIG, (unsigned char)p->side.rank);
	pattern(want, BIG, (unsigned char)(1 - p->side.rank));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && s == CT_OK; i++) {
		memset(in, 0, sizes[i]);
		s = swap_bytes(&p->net, 1 - p->side.rank, out, in, sizes[i]);
		if (s == CT_OK && memcmp(in, want, sizes[i]) != 0)
			s = ct_fail(CT_CORRUPT, "wrong data in %d bytes", (int)sizes[i]);
	}
	free(out);
	free(in);
	free(want);
	return s;
}

static void check_swaps(const char *net, uint64_t single)
{
	struct ct_net_settings set = { .shm = { 8192, single } };
	struct pair p;
	ct_status s = make_pair(&p, net, &set);
	int status;

	if (s == CT_OK)
		s = swap_sizes(&p);
	if (p.child == 0)
		_exit(s == CT_OK ? 0 : 1);
	assert_int_equal(waitpid(p.child, &status, 0), p.child);
	if (s != CT_OK)
		fail_msg("%s: %s", net, ct_why());
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	end_pair(&p);
}

static void swaps(void **state)
{
	(void)state;
	check_swaps("shm", 0);
	check_swaps("shm", 16384);
	check_swaps("shm", 1);
	check_swaps("tcp", 0);
}

/* The child kills itself while the parent waits for it in both directions. It stays
 * unreaped: a dead process that still has a pid must be noticed too. */
static void killed(const char *net)
{
	static char big[8 << 20];
	struct ct_net_settings set = { .shm = { 8192, 16384 } };
	struct ct_net_req r, w;
	struct pair p;
	ct_status s = make_pair(&p, net, &set);
	char in[4] = "";

	if (p.child == 0) {
		char ok[4] = "ok!";

		r = make_req(CT_NET_SEND, 0, ok, 4);
		if (s != CT_OK || ct_net_post(&p.net, &r) != CT_OK || wait_req(&p.net, &r) != CT_OK)
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(s, CT_OK);
	r = make_req(CT_NET_RECV, 1, in, 4);
	assert_int_equal(ct_net_post(&p.net, &r), CT_OK);
	assert_int_equal(wait_req(&p.net, &r), CT_OK); /* what was sent before the end counts */
	assert_string_equal(in, "ok!");
	r = make_req(CT_NET_RECV, 1, in, 4);
	assert_int_equal(ct_net_post(&p.net, &r), CT_OK);
	w = make_req(CT_NET_SEND, 1, big, sizeof(big));
	assert_int_equal(ct_net_post(&p.net, &w), CT_OK);
	assert_int_equal(wait_req(&p.net, &r), CT_PEER);
	assert_non_null(strstr(ct_why(), "rank 1"));
	assert_int_equal(wait_req(&p.net, &w), CT_PEER);
	r = make_req(CT_NET_RECV, 1, in, 4);
	assert_int_equal(ct_net_post(&p.net, &r), CT_OK);
	assert_int_equal(r.status, CT_PEER);
	assert_int_equal(waitpid(p.child, NULL, 0), p.child);
	end_pair(&p);
}

static void killed_peer(void **state)
{
	(void)state;
	killed("shm");
	killed("tcp");
}

/* A stopped peer is no error, only silence: that is the watchdog's part. */
static void stopped(const char *net)
{
	struct pair p;
	struct ct_net_settings set = { .shm = { 8192, 16384 } };
	ct_status s = make_pair(&p, net, &set);
	char in[4] = "";
	struct ct_net_req r = make_req(CT_NET_RECV, 1, in, 4);
	struct ct_deadline by;
	int status;

	if (p.child == 0) {
		char late[4] = "now";

		raise(SIGSTOP);
		r = make_req(CT_NET_SEND, 0, late, 4);
		_exit(s == CT_OK && ct_net_post(&p.net, &r) == CT_OK && wait_req(&p.net,
			&r) == CT_OK ?
			0 : 1);
	}
	assert_int_equal(s, CT_OK);
	assert_int_equal(waitpid(p.child, &status, WUNTRACED), p.child);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ct_net_post(&p.net, &r), CT_OK);
	by = ct_deadline_in(SECOND / 20); /* several looks for dead peers */
	while (!ct_deadline_passed(by))
		assert_int_equal(ct_net_poll(&p.net), CT_OK);
	assert_int_equal(r.status, CT_BUSY);
	kill(p.child, SIGCONT);
	assert_int_equal(wait_req(&p.net, &r), CT_OK);
	assert_string_equal(in, "now");
	assert_int_equal(waitpid(p.child, &status, 0), p.child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	end_pair(&p);
}

static void stopped_peer(void **state)
{
	(void)state;
	stopped("shm");
	stopped("tcp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(swaps),
		cmocka_unit_test(killed_peer),
		cmocka_unit_test(stopped_peer),
	};

	return cmocka_run_group_tests_name("net_process", tests, NULL, NULL);
}
