/* SPDX-License-Identifier: BSD-3-Clause */
/* Two ranks without a launcher: who waits, who calls, and who only pretends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "boot/boot.h"

static const uint64_t second = 1000000000;

struct side {
	struct ct_pair_attr attr;
	ct_status status;
	char why[256];
	uint32_t got[2];
};

/* A port that is free now. */
static uint16_t free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &length), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void *one_side(void *arg)
{
	struct side *side = arg;
	const struct ct_boot *boot = NULL;

	side->status = ct_pair_open(&side->attr, &boot);
	for (uint32_t turn = 0; side->status == CT_OK && turn < 3; turn++) {
		uint32_t mine = 10 * turn + boot->rank;

		side->status = boot->allgather(boot->ctx, &mine, side->got, sizeof(mine));
	}
	if (side->status != CT_OK)
		strncpy(side->why, ct_why(), sizeof(side->why) - 1);
	ct_pair_close(boot);
	return NULL;
}

static struct side side_of(uint16_t port, const char *host, const char *what)
{
	struct side side = { .attr = { .host = host, .rank = host == NULL, .listen = "127.0.0.1",
		.port = port, .what = what, .wait_ns = 20 * second, .timeout_ns = 20 * second } };

	return side;
}

/* A socket that has come to PORT; waits until somebody listens. */
static int stranger(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd, rc;

	do {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		assert_true(fd >= 0);
		rc = connect(fd, (struct sockaddr *)&a, sizeof(a));
		if (rc != 0)
			close(fd);
	} while (rc != 0);
	return fd;
}

static void two_meet(void **state)
{
	uint16_t port = free_port();
	struct side waits = side_of(port, NULL, "x"), calls = side_of(port, "127.0.0.1", "x");
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, one_side, &waits), 0);
	one_side(&calls);
	pthread_join(thread, NULL);
	assert_int_equal(calls.status, CT_OK);
	assert_int_equal(waits.status, CT_OK);
	assert_int_equal(calls.got[0], 20);
	assert_int_equal(calls.got[1], 21);
	assert_memory_equal(calls.got, waits.got, sizeof(calls.got));
}

static void strangers_block_nobody(void **state)
{
	uint16_t port = free_port();
	struct side waits = side_of(port, NULL, "x"), calls = side_of(port, "127.0.0.1", "x");
	char noise[400];
	pthread_t thread;
	int silent[12];

	(void)state;
	memset(noise, 'G', sizeof(noise));
	assert_int_equal(pthread_create(&thread, NULL, one_side, &waits), 0);
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		silent[i] = stranger(port);
		if (i % 2 == 1)
			(void)!send(silent[i], noise, sizeof(noise), MSG_NOSIGNAL);
	}
	one_side(&calls);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		close(silent[i]);
	assert_int_equal(calls.status, CT_OK);
	assert_int_equal(waits.status, CT_OK);
}

static void other_work_is_told(void **state)
{
	uint16_t port = free_port();
	struct side waits = side_of(port, NULL, "write_bw"), calls = side_of(port, "127.0.0.1", "read_bw");
	pthread_t thread;

	(void)state;
	waits.attr.wait_ns = 2 * second; /* it goes on waiting for the right one */
	assert_int_equal(pthread_create(&thread, NULL, one_side, &waits), 0);
	one_side(&calls);
	pthread_join(thread, NULL);
	assert_int_equal(calls.status, CT_INVALID);
	assert_non_null(strstr(calls.why, "waits for \"write_bw\", this one runs \"read_bw\""));
	assert_int_equal(waits.status, CT_TIMEOUT);
}

static void nobody_comes(void **state)
{
	uint16_t port = free_port();
	struct side waits = side_of(port, NULL, "x"), calls = side_of(port, "127.0.0.1", "x");

	(void)state;
	waits.attr.wait_ns = calls.attr.wait_ns = second / 10;
	one_side(&waits);
	assert_int_equal(waits.status, CT_TIMEOUT);
	one_side(&calls);
	assert_int_equal(calls.status, CT_TIMEOUT);
	calls.attr.host = "no such host.invalid";
	one_side(&calls);
	assert_int_equal(calls.status, CT_INVALID);
}

/* A peer that leaves in mid-exchange ends it at once, and it stays ended. */
static void peer_leaves(void **state)
{
	uint16_t port = free_port();
	struct side waits = side_of(port, NULL, "x");
	struct ct_pair_attr attr = side_of(port, "127.0.0.1", "x").attr;
	const struct ct_boot *boot;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, one_side, &waits), 0);
	assert_int_equal(ct_pair_open(&attr, &boot), CT_OK);
	ct_pair_close(boot);
	pthread_join(thread, NULL);
	assert_int_equal(waits.status, CT_PEER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_meet), cmocka_unit_test(strangers_block_nobody),
		cmocka_unit_test(other_work_is_told), cmocka_unit_test(nobody_comes),
		cmocka_unit_test(peer_leaves),
	};

	return cmocka_run_group_tests_name("boot_pair", tests, NULL, NULL);
}
