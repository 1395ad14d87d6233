/* SPDX-License-Identifier: BSD-3-Clause */
/* The bootstrap by torchrun's variables: what is read, who may come in, exchanges over loopback, strangers
 * and ranks that stay away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "boot/boot.h"

/* The door does not show it. */
#include "../../lib/boot/env.h"

#define SECOND UINT64_C(1000000000)
#define PATIENT (300 * SECOND)
#define TOKEN "0123456789abcdef0123456789abcdef"

/* ---- variables ---------------------------------------------------------------------------------- */

static const char *get(void *arg, const char *name)
{
	for (const char *const *v = arg; *v != NULL; v++)
		if (strncmp(*v, name, strlen(name)) == 0 && (*v)[strlen(name)] == '=')
			return *v + strlen(name) + 1;
	return NULL;
}

static void reads_variables(void **state)
{
	const char *all[] = { "RANK=3", "WORLD_SIZE=4", "MASTER_ADDR=node0", "MASTER_PORT=29500",
		"COLLTUNE_JOB_TOKEN=" TOKEN, NULL };
	const char *port[] = { "RANK=0", "WORLD_SIZE=1", "MASTER_ADDR=::1", "MASTER_PORT=65535",
		"COLLTUNE_BOOT_PORT=4711", "COLLTUNE_JOB_TOKEN=" TOKEN, NULL };
	struct ct_env_place p;

	(void)state;
	assert_int_equal(ct_env_read(get, all, &p), CT_OK);
	assert_int_equal(p.rank, 3);
	assert_int_equal(p.nranks, 4);
	assert_int_equal(p.port, 29501); /* torchrun's store has 29500 */
	assert_string_equal(p.host, "node0");
	assert_string_equal(p.token, TOKEN);
	assert_int_equal(ct_env_read(get, port, &p), CT_OK);
	assert_int_equal(p.port, 4711);
}

static void refuses_variables(void **state)
{
	static const char *const bad[][7] = {
		{ "WORLD_SIZE", "RANK=0", "MASTER_ADDR=h", "MASTER_PORT=1", "COLLTUNE_JOB_TOKEN=" TOKEN, NULL },
		{ "RANK", "WORLD_SIZE=4", "MASTER_ADDR=h", "MASTER_PORT=1", "COLLTUNE_JOB_TOKEN=" TOKEN, NULL },
		{ "RANK is \"4\"", "WORLD_SIZE=4", "RANK=4", "MASTER_ADDR=h", "MASTER_PORT=1", NULL },
		{ "WORLD_SIZE is \"0\"", "WORLD_SIZE=0", "RANK=0", NULL },
		{ "WORLD_SIZE is \"99999999\"", "WORLD_SIZE=99999999", "RANK=0", NULL },
		{ "WORLD_SIZE is \"2x\"", "WORLD_SIZE=2x", "RANK=0", NULL },
		{ "MASTER_ADDR", "WORLD_SIZE=2", "RANK=0", "MASTER_PORT=1", NULL },
		{ "MASTER_ADDR", "WORLD_SIZE=2", "RANK=0", "MASTER_ADDR=", "MASTER_PORT=1", NULL },
		{ "MASTER_PORT", "WORLD_SIZE=2", "RANK=0", "MASTER_ADDR=h", NULL },
		{ "MASTER_PORT is \"65535\"", "WORLD_SIZE=2", "RANK=0", "MASTER_ADDR=h", "MASTER_PORT=65535",
			NULL },
		{ "COLLTUNE_BOOT_PORT is \"0\"", "WORLD_SIZE=2", "RANK=0", "MASTER_ADDR=h",
			"COLLTUNE_BOOT_PORT=0", NULL },
		{ "COLLTUNE_JOB_TOKEN is not set", "WORLD_SIZE=2", "RANK=0", "MASTER_ADDR=h", "MASTER_PORT=1",
			NULL },
		{ "COLLTUNE_JOB_TOKEN has 5", "WORLD_SIZE=2", "RANK=0", "MASTER_ADDR=h", "MASTER_PORT=1",
			"COLLTUNE_JOB_TOKEN=short", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ct_env_place p;

		assert_int_equal(ct_env_read(get, (void *)(uintptr_t)&bad[i][1], &p), CT_INVALID);
		if (strstr(ct_why(), bad[i][0]) == NULL)
			fail_msg("%s: no %s", ct_why(), bad[i][0]);
		assert_null(strstr(ct_why(), "0123456789abcdef")); /* a token is never told */
	}
}

/* RFC 4231, test cases 1, 2 and 6. */
static void knows_hmac(void **state)
{
	static const struct {
		int byte;
		size_t n;
		const char *text, *mac;
	} rows[] = {
		{ 0x0b, 20, "Hi There",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ 0, 0, "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ 0xaa, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char key[140] = "Jefe", hex[65] = "";
		uint8_t mac[CT_ENV_PROOF];

		if (rows[i].n > 0)
			memset(key, rows[i].byte, rows[i].n);
		ct_env_hmac(key, (const uint8_t *)rows[i].text, strlen(rows[i].text), mac);
		for (size_t k = 0; k < sizeof(mac); k++)
			snprintf(hex + 2 * k, 3, "%02x", mac[k]);
		assert_string_equal(hex, rows[i].mac);
	}
	assert_true(ct_env_equal((const uint8_t *)"abc", (const uint8_t *)"abc", 3));
	assert_false(ct_env_equal((const uint8_t *)"abc", (const uint8_t *)"abd", 3));
	assert_false(ct_env_equal((const uint8_t *)"xbc", (const uint8_t *)"abc", 3));
}

/* ---- ranks as threads, over loopback ----------------------------------------------------------------- */

struct rank {
	struct ct_env_place place;
	uint64_t timeout_ns;
	pthread_t thread;
	ct_status status;
	char why[300];
};

/* A port that nobody has just now. */
static uint16_t free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &length), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static ct_status gathers(const struct ct_boot *boot, size_t bytes)
{
	unsigned char *mine = malloc(bytes + 1), *all = malloc(bytes * boot->nranks + 1);
	ct_status status;

	for (size_t i = 0; i < bytes; i++)
		mine[i] = (unsigned char)(boot->rank * 31 + i * 7);
	status = boot->allgather(boot->ctx, mine, all, bytes);
	for (uint32_t r = 0; r < boot->nranks && status == CT_OK; r++)
		for (size_t i = 0; i < bytes && status == CT_OK; i++)
			if (all[r * bytes + i] != (unsigned char)(r * 31 + i * 7))
				status = ct_fail(CT_CORRUPT, "byte %zu of rank %u", i, r);
	free(mine);
	free(all);
	return status;
}

static void *rank_main(void *arg)
{
	static const size_t sizes[] = { 0, 1, 13, 100000, 5, 3000000 };
	struct rank *r = arg;
	const struct ct_boot *boot = NULL;

	r->status = ct_env_open(&r->place, r->timeout_ns, &boot);
	for (size_t i = 0; i < 6 && r->status == CT_OK; i++)
		r->status = gathers(boot, sizes[i]);
	snprintf(r->why, sizeof(r->why), "%s", r->status != CT_OK ? ct_why() : "");
	ct_env_boot_free(boot);
	return NULL;
}

static void start(struct rank *ranks, uint32_t n, const char *host)
{
	uint16_t port = free_port();

	for (uint32_t i = 0; i < n; i++) {
		ranks[i] = (struct rank){ .place = { .rank = i, .nranks = n, .port = port,
			.token = TOKEN }, .timeout_ns = PATIENT };
		snprintf(ranks[i].place.host, CT_ENV_HOST, "%s", host);
	}
}

static void run(struct rank *ranks, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&ranks[i].thread, NULL, rank_main, &ranks[i]), 0);
	for (uint32_t i = 0; i < n; i++)
		pthread_join(ranks[i].thread, NULL);
}

static void all_well(const struct rank *ranks, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (ranks[i].status != CT_OK)
			fail_msg("rank %u of %u: %s", i, n, ranks[i].why);
}

static void meets(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 8 };
	struct rank ranks[8];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		start(ranks, sizes[i], i == 1 ? "localhost" : "127.0.0.1");
		run(ranks, sizes[i]);
		all_well(ranks, sizes[i]);
	}
}

static int call(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct ct_deadline by = ct_deadline_in(PATIENT);

	while (!ct_deadline_passed(by)) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
			return fd;
		close(fd);
		usleep(1000);
	}
	return -1;
}

/* Silent ones, talkers, more than are heard at a time; and one that knows all but the token. */
static void strangers_keep_nobody_out(void **state)
{
	struct ct_env_hello hello = { htonl(CT_ENV_MAGIC), htonl(CT_ENV_VERSION), htonl(1), htonl(3),
		{ 0 }, { 0 } };
	struct ct_env_welcome welcome;
	struct ct_env_answer answer;
	static const uint8_t zero[CT_ENV_PROOF];
	struct rank ranks[3];
	int fds[140];

	(void)state;
	start(ranks, 3, "127.0.0.1");
	assert_int_equal(pthread_create(&ranks[0].thread, NULL, rank_main, &ranks[0]), 0);
	for (int i = 0; i < 140; i++) {
		fds[i] = call(ranks[0].place.port);
		assert_true(fds[i] >= 0);
		if (i % 2 == 1)
			(void)send(fds[i], "GET / HTTP/1.1\r\nHost: colltune.example\r\nUser-Agent: a stranger that "
				"talks and talks\r\n\r\n", 88, MSG_NOSIGNAL);
	}
	int fd = call(ranks[0].place.port);

	assert_int_equal(recv(fd, &welcome, sizeof(welcome), MSG_WAITALL), sizeof(welcome));
	assert_int_equal(send(fd, &hello, sizeof(hello), MSG_NOSIGNAL), sizeof(hello));
	assert_int_equal(recv(fd, &answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
	assert_int_not_equal(answer.status, 0);
	assert_non_null(strstr(answer.why, "COLLTUNE_JOB_TOKEN"));
	assert_memory_equal(answer.proof, zero, sizeof(zero)); /* nothing is proved to a stranger */
	close(fd);
	for (int i = 1; i < 3; i++)
		assert_int_equal(pthread_create(&ranks[i].thread, NULL, rank_main, &ranks[i]), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(ranks[i].thread, NULL);
	all_well(ranks, 3);
	for (int i = 0; i < 140; i++)
		close(fds[i]);
	/* the listener is gone */
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(ranks[0].place.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
}

static void says(const struct rank *r, ct_status status, const char *hint)
{
	if (r->status != status || strstr(r->why, hint) == NULL)
		fail_msg("rank %u: %s: \"%s\", wanted \"%s\"", r->place.rank, ct_status_text(r->status),
			r->why, hint);
}

static void refuses_ranks(void **state)
{
	struct rank ranks[3];

	(void)state;
	start(ranks, 2, "127.0.0.1"); /* another token */
	ranks[1].place.token[3] = 'x';
	ranks[0].timeout_ns = 3 * SECOND;
	run(ranks, 2);
	says(&ranks[1], CT_INVALID, "its COLLTUNE_JOB_TOKEN is not rank 0's");
	says(&ranks[0], CT_TIMEOUT, "1 of 2 ranks came");
	says(&ranks[0], CT_TIMEOUT, "COLLTUNE_JOB_TOKEN");
	start(ranks, 2, "127.0.0.1"); /* another size */
	ranks[1].place.nranks = 5;
	ranks[0].timeout_ns = 3 * SECOND;
	run(ranks, 2);
	says(&ranks[1], CT_INVALID, "rank 1 has WORLD_SIZE 5, rank 0 has 2");
	says(&ranks[0], CT_TIMEOUT, "WORLD_SIZE 5");
	start(ranks, 3, "127.0.0.1"); /* twice the same rank */
	ranks[2].place.rank = 1;
	for (int i = 0; i < 3; i++)
		ranks[i].timeout_ns = 3 * SECOND;
	run(ranks, 3);
	says(&ranks[0], CT_TIMEOUT, "2 of 3 ranks came");
	assert_true(strstr(ranks[1].why, "is here already") != NULL ||
		strstr(ranks[2].why, "is here already") != NULL);
}

static void bounded(void **state)
{
	struct rank ranks[2];
	int fd;

	(void)state;
	start(ranks, 2, "127.0.0.1"); /* nobody waits */
	ranks[1].timeout_ns = SECOND / 5;
	run(&ranks[1], 1);
	says(&ranks[1], CT_TIMEOUT, "rank 0 does not wait on MASTER_ADDR 127.0.0.1 port ");
	static const char *const everywhere[] = { "0.0.0.0", "0", "0x0", "::" }; /* is nowhere */

	for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++) {
		start(ranks, 2, everywhere[i]);
		run(ranks, 1);
		says(&ranks[0], CT_INVALID, "the address of one interface");
	}
	start(ranks, 2, "192.0.2.1"); /* RFC 5737: nobody's, so not this host's */
	run(ranks, 1);
	says(&ranks[0], CT_IO, "cannot listen on MASTER_ADDR 192.0.2.1");
	start(ranks, 2, "127.0.0.1"); /* the port is another's, who says something else */
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(ranks[0].place.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	run(ranks, 1);
	says(&ranks[0], CT_IO, "COLLTUNE_BOOT_PORT chooses another");
	assert_int_equal(pthread_create(&ranks[1].thread, NULL, rank_main, &ranks[1]), 0);
	int other = accept(fd, NULL, NULL);

	assert_int_equal(send(other, "220 mail.example ESMTP ready, please say hello", 46, MSG_NOSIGNAL), 46);
	pthread_join(ranks[1].thread, NULL);
	says(&ranks[1], CT_PEER, "is no colltune");
	close(other);
	close(fd);
}

/* Rank 1 leaves after the meeting: the others' exchange ends at once. */
static void *leaves(void *arg)
{
	struct rank *r = arg;
	const struct ct_boot *boot = NULL;

	r->status = ct_env_open(&r->place, r->timeout_ns, &boot);
	ct_env_boot_free(boot);
	return NULL;
}

static void a_rank_leaves(void **state)
{
	struct rank ranks[3];

	(void)state;
	start(ranks, 3, "127.0.0.1");
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&ranks[i].thread, NULL, i == 1 ? leaves : rank_main,
			&ranks[i]), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(ranks[i].thread, NULL);
	assert_int_equal(ranks[1].status, CT_OK);
	says(&ranks[0], CT_PEER, "rank 1 has left");
	says(&ranks[2], CT_PEER, "rank 0 has left");
}

static void process_environment(void **state)
{
	const struct ct_boot *boot = NULL;

	(void)state;
	unsetenv("COLLTUNE_JOB_TOKEN");
	setenv("RANK", "0", 1);
	setenv("WORLD_SIZE", "1", 1);
	setenv("MASTER_ADDR", "127.0.0.1", 1);
	setenv("MASTER_PORT", "29500", 1);
	assert_int_equal(ct_env_boot_new(0, &boot), CT_INVALID);
	assert_non_null(strstr(ct_why(), "COLLTUNE_JOB_TOKEN"));
	assert_null(boot);
	setenv("COLLTUNE_JOB_TOKEN", TOKEN, 1);
	assert_int_equal(ct_env_boot_new(0, &boot), CT_OK);
	assert_int_equal(boot->nranks, 1);
	assert_int_equal(ct_boot_check(boot), CT_OK);
	ct_env_boot_free(boot);
	assert_int_equal(ct_env_boot_new(0, NULL), CT_INVALID);
	ct_env_boot_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_variables),
		cmocka_unit_test(refuses_variables),
		cmocka_unit_test(knows_hmac),
		cmocka_unit_test(meets),
		cmocka_unit_test(strangers_keep_nobody_out),
		cmocka_unit_test(refuses_ranks),
		cmocka_unit_test(bounded),
		cmocka_unit_test(a_rank_leaves),
		cmocka_unit_test(process_environment),
	};

	return cmocka_run_group_tests_name("boot_env", tests, NULL, NULL);
}
