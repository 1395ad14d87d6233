/* SPDX-License-Identifier: BSD-3-Clause */
/* Strangers at tcp's door: without the token nobody gets in, and the job comes up all the same. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "net_ranks.h"

enum { SILENT = 12, TOKEN = 32, HELLO = 48, WRONG = 5 };

/* Rank 1's bootstrap: it looks at the addresses as they pass and sends strangers to rank 0 before
 * anybody else can connect. */
struct spy {
	const struct ct_boot *boot;
	struct sockaddr_in door;
	int silent[SILENT], wrong[WRONG];
	bool seen;
};

static int call(const struct sockaddr_in *door, const void *hello, size_t bytes)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval most = { 20, 0 };

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
	assert_int_equal(connect(fd, (const struct sockaddr *)door, sizeof(*door)), 0);
	if (bytes > 0)
		assert_int_equal(send(fd, hello, bytes, MSG_NOSIGNAL), bytes);
	return fd;
}

/* A greeting as tcp_link.c defines it: magic, version, rank, connection, token. */
static void greet(unsigned char hello[HELLO], uint32_t magic, uint32_t rank, uint32_t connection,
	const unsigned char *token)
{
	uint32_t words[4] = { htonl(magic), htonl(1), htonl(rank), htonl(connection) };

	memcpy(hello, words, sizeof(words));
	memcpy(hello + sizeof(words), token, TOKEN);
}

static void send_strangers(struct spy *spy, const unsigned char *token)
{
	unsigned char hello[HELLO], other[TOKEN];

	memcpy(other, token, TOKEN);
	other[TOKEN - 1] ^= 1;
	for (size_t i = 0; i < SILENT; i++)
		spy->silent[i] = call(&spy->door, "ct", i % 3); /* nothing, or too little */
	greet(hello, 0x63745470, 1, 0, other);
	spy->wrong[0] = call(&spy->door, hello, HELLO); /* one bit of the token is wrong */
	memset(hello, 0, sizeof(hello));
	spy->wrong[1] = call(&spy->door, hello, HELLO);
	greet(hello, 0x63745470, 0, 0, token);
	spy->wrong[2] = call(&spy->door, hello, HELLO); /* rank 0 never calls itself */
	greet(hello, 0x63745470, 99, 0, token);
	spy->wrong[3] = call(&spy->door, hello, HELLO);
	greet(hello, 0x63745470, 1, 77, token);
	spy->wrong[4] = call(&spy->door, hello, HELLO);
}

static ct_status spying_allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	struct spy *spy = ctx;
	ct_status s = spy->boot->allgather(spy->boot->ctx, mine, all, bytes);

	/* addresses travel as a length and CT_NET_ADDRESS bytes: token, then sockaddr */
	if (s == CT_OK && bytes == sizeof(uint32_t) + CT_NET_ADDRESS && !spy->seen) {
		const unsigned char *card = (const unsigned char *)all + sizeof(uint32_t);

		spy->seen = true;
		memcpy(&spy->door, card + TOKEN, sizeof(spy->door));
		send_strangers(spy, card);
	}
	return s;
}

/* Nobody was welcomed, and the door is closed now. */
static ct_status look_back(struct spy *spy)
{
	ct_status s = CT_OK;
	char word;
	int fd;

	if (!spy->seen)
		return ct_fail(CT_IO, "test: no address has passed");
	for (size_t i = 0; i < WRONG; i++) {
		if (recv(spy->wrong[i], &word, 1, 0) > 0)
			s = ct_fail(CT_CORRUPT, "stranger %zu was let in", i);
		close(spy->wrong[i]);
	}
	for (size_t i = 0; i < SILENT; i++) {
		if (recv(spy->silent[i], &word, 1, 0) > 0)
			s = ct_fail(CT_CORRUPT, "silent stranger %zu was let in", i);
		close(spy->silent[i]);
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&spy->door, sizeof(spy->door)) == 0 ||
		errno != ECONNREFUSED)
		s = ct_fail(CT_CORRUPT, "the listener is still open");
	close(fd);
	return s;
}

static ct_status job_main(const struct ct_boot *boot, void *arg)
{
	struct spy spy = { .boot = boot };
	struct ct_boot tapped = { sizeof(tapped), boot->rank, boot->nranks, spying_allgather,
		&spy };
	struct ct_net_settings set = { .tcp = { NULL, 2, 0 } };
	struct ct_world w;
	struct ct_net net;
	ct_status s;

	(void)arg;
	set.shm.cell_bytes = 8192;
	s = ct_world_make(boot->rank == 1 ? &tapped : boot, &w);
	if (s != CT_OK)
		return s;
	s = ct_net_open("tcp", &w, &set, NULL, ct_deadline_in(30 * SECOND), &net);
	if (s == CT_OK) {
		s = ring_barrier(&net);
		s = ct_boot_agree(boot, s);
		if (s == CT_OK && boot->rank == 1)
			s = look_back(&spy);
		s = ct_boot_agree(boot, s);
		ct_net_close(&net);
	}
	ct_world_free(&w);
	return s;
}

static void strangers(void **state)
{
	uint64_t t = ct_now_ns();

	(void)state;
	if (ct_threads_run(3, 60 * SECOND, job_main, NULL, NULL) != CT_OK)
		fail_msg("%s", ct_why());
	assert_true(ct_now_ns() - t < 20 * SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(strangers) };

	return cmocka_run_group_tests_name("net_stranger", tests, NULL, NULL);
}
