/* SPDX-License-Identifier: BSD-3-Clause */
/* The wrappers: each kind of fault does what it says and nothing else; traces. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "net_ranks.h"

enum { BYTES = 48 };

typedef ct_status play(const struct ct_boot *boot, struct ct_net *net);

struct scene {
	const char *net;
	struct ct_net_wrap wrap;
	play *play;
};

static ct_status scene_main(const struct ct_boot *boot, void *arg)
{
	const struct scene *c = arg;
	struct ct_world w;
	struct ct_net net = { 0 };
	ct_status s = ct_world_make(boot, &w);

	if (s != CT_OK)
		return s;
	s = ct_net_open(c->net, &w, NULL, &c->wrap, ct_deadline_in(20 * SECOND), &net);
	if (s == CT_OK)
		s = ct_boot_agree(boot, c->play(boot, &net));
	ct_net_close(&net);
	ct_world_free(&w);
	return s;
}

static ct_status act(const char *net, const char *fault, play *p)
{
	struct scene c = { net, { fault, NULL }, p };

	return ct_threads_run(2, 30 * SECOND, scene_main, &c, NULL);
}

/* Sends byte FILL to the other rank and returns how many bytes came wrong, -1 on an error. */
static int swap_wrong(struct ct_net *net, unsigned char fill)
{
	unsigned char out[BYTES], in[BYTES] = { 0 };
	int wrong = 0;

	memset(out, fill, sizeof(out));
	if (swap_bytes(net, 1 - net->world->rank, out, in, BYTES) != CT_OK)
		return -1;
	for (size_t i = 0; i < BYTES; i++)
		wrong += in[i] != fill;
	return wrong;
}

static ct_status every_second(const struct ct_boot *boot, struct ct_net *net)
{
	char none = 0;

	(void)boot;
	for (int k = 1; k <= 6; k++) {
		if (swap_bytes(net, 1 - boot->rank, &none, &none, 0) != CT_OK) /* not counted */
			return CT_IO;
		if (swap_wrong(net, (unsigned char)k) != (k % 2 == 0))
			return ct_fail(CT_CORRUPT, "message %d", k);
	}
	return CT_OK;
}

static ct_status rank_one_only(const struct ct_boot *boot, struct ct_net *net)
{
	for (int k = 1; k <= 4; k++)
		if (swap_wrong(net, 9) != (int)(boot->rank == 1))
			return ct_fail(CT_CORRUPT, "message %d of rank %u", k, boot->rank);
	return CT_OK;
}

struct seen {
	uint64_t next;
	int wrong;
};

static void look(void *arg, const void *data, uint64_t offset, uint64_t bytes)
{
	struct seen *seen = arg;

	if (offset != seen->next || offset % 16 != 0)
		seen->wrong += 1000;
	seen->next = offset + bytes;
	for (uint64_t i = 0; i < bytes; i++)
		seen->wrong += ((const char *)data)[i] != 'a';
}

static ct_status into_sink(const struct ct_boot *boot, struct ct_net *net)
{
	static const uint64_t sizes[] = { 1, 15, 16, 17, 48, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct seen seen = { 0, 0 };
		char *out = malloc(sizes[i]);
		struct ct_net_req r = make_req(CT_NET_RECV, 1 - boot->rank, NULL, sizes[i]);
		struct ct_net_req s = make_req(CT_NET_SEND, 1 - boot->rank, out, sizes[i]);
		bool well;

		memset(out, 'a', sizes[i]);
		r.sink = look;
		r.sink_arg = &seen;
		well = ct_net_post(net, &r) == CT_OK && ct_net_post(net, &s) == CT_OK &&
			wait_req(net, &r) == CT_OK && wait_req(net, &s) == CT_OK;
		free(out);
		if (!well || seen.wrong != 1 || seen.next != sizes[i])
			return ct_fail(CT_CORRUPT, "size %d: %d wrong", (int)sizes[i], seen.wrong);
	}
	return CT_OK;
}

static void corrupts(void **state)
{
	(void)state;
	assert_int_equal(act("shm", "corrupt:nth=2", every_second), CT_OK);
	assert_int_equal(act("tcp", "corrupt:nth=2", every_second), CT_OK);
	assert_int_equal(act("shm", "corrupt:rank=1", rank_one_only), CT_OK);
	assert_int_equal(act("shm", "corrupt", into_sink), CT_OK);
	assert_int_equal(act("tcp", "corrupt", into_sink), CT_OK);
}

/* Rank 0 sends three bytes; all its sends complete, and on rank 1 the first receive. */
static ct_status post_three(const struct ct_boot *boot, struct ct_net *net, struct ct_net_req r[3],
	char *data)
{
	size_t complete = boot->rank == 0 ? 3 : 1;

	for (size_t k = 0; k < 3; k++) {
		r[k] = make_req(boot->rank == 0 ? CT_NET_SEND : CT_NET_RECV, 1 - boot->rank, &data[k], 1);
		if (ct_net_post(net, &r[k]) != CT_OK)
			return CT_IO;
	}
	for (size_t k = 0; k < complete; k++)
		if (wait_req(net, &r[k]) != CT_OK)
			return CT_IO;
	return CT_OK;
}

static ct_status second_is_lost(const struct ct_boot *boot, struct ct_net *net)
{
	char data[3] = "--", all[2];
	struct ct_net_req r[3];

	if (boot->rank == 0)
		memcpy(data, "abc", 3);
	if (post_three(boot, net, r, data) != CT_OK)
		return CT_IO;
	if (boot->allgather(boot->ctx, "x", all, 1) != CT_OK)
		return CT_PEER;
	for (int i = 0; i < 10000; i++)
		if (ct_net_poll(net) != CT_OK)
			return CT_IO;
	if (boot->rank == 1 && (data[0] != 'a' || r[1].status != CT_BUSY || r[2].status != CT_BUSY))
		return ct_fail(CT_CORRUPT, "dropped messages have come: %.2s", data);
	return boot->allgather(boot->ctx, "x", all, 1);
}

static ct_status third_fails(const struct ct_boot *boot, struct ct_net *net)
{
	char data[4] = "abc", in = 0;

	for (int k = 1; k <= 4; k++) {
		struct ct_net_req r = make_req(boot->rank == 0 ? CT_NET_SEND : CT_NET_RECV,
			1 - boot->rank, boot->rank == 0 ? &data[k - 1] : &in, 1);
		ct_status s;

		if (boot->rank == 1 && k == 3)
			continue;
		if (ct_net_post(net, &r) != CT_OK)
			return CT_IO;
		s = wait_req(net, &r);
		if (s != (boot->rank == 0 && k == 3 ? CT_IO : CT_OK))
			return ct_fail(CT_CORRUPT, "message %d: %d", k, s);
		if (s == CT_IO && strcmp(ct_why(),
			"fault: send 3 to rank 1 failed as asked by --net-fault") != 0)
			return CT_CORRUPT;
	}
	return CT_OK;
}

static ct_status comes_late(const struct ct_boot *boot, struct ct_net *net)
{
	uint64_t t = ct_now_ns();

	(void)boot;
	if (swap_wrong(net, 1) != 0 || ct_now_ns() - t < 30000000)
		return ct_fail(CT_CORRUPT, "too early");
	return CT_OK;
}

static void others(void **state)
{
	(void)state;
	assert_int_equal(act("shm", "drop:nth=2:rank=0", second_is_lost), CT_OK);
	assert_int_equal(act("tcp", "drop:nth=2", second_is_lost), CT_OK);
	assert_int_equal(act("shm", "fail:nth=3", third_fails), CT_OK);
	assert_int_equal(act("shm", "delay:ms=30", comes_late), CT_OK);
	assert_int_equal(act("shm", "corrupt:rank=2", comes_late), CT_INVALID);
}

static void texts(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "corupt", "did you mean corrupt?" }, { "", "KIND" }, { "explode",
			"unknown kind" },
		{ "drop:nht=3", "did you mean nth?" }, { "drop:nth=0", "from 1 on" },
		{ "drop:nth=", "whole number" }, { "drop:nth", "whole number" },
		{ "delay:ms=1.5", "whole number" }, { "fail:rank=-1", "whole number" },
		{ "fail:ms=3", "belongs to delay" }, { "fail:", "unknown key" },
		{ "delay:ms=99999999", "up to 3600000" },
	};
	static const char *const good[] = { "delay", "drop:nth=3", "fail:rank=0:nth=18446744",
		"corrupt:nth=3", "delay:ms=0", "delay:ms=5:rank=3:nth=2" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(ct_net_fault_check(good[i]), CT_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ct_net_fault_check(bad[i].text), CT_INVALID);
		if (strstr(ct_why(), bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].text, ct_why());
	}
}

static ct_status three_swaps(const struct ct_boot *boot, struct ct_net *net)
{
	(void)boot;
	for (int k = 0; k < 3; k++)
		if (swap_wrong(net, 7) != 0)
			return CT_CORRUPT;
	return CT_OK;
}

static void traces(void **state)
{
	char dir[] = "/tmp/ct-trace-XXXXXX", path[64], file[72], line[256];
	struct scene c = { "shm", { NULL, path }, three_swaps };
	int lines = 0, sends = 0;
	struct stat st;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/t", dir);
	assert_int_equal(ct_threads_run(2, 30 * SECOND, scene_main, &c, NULL), CT_OK);
	snprintf(file, sizeof(file), "%s.0", path);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	f = fopen(file, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		lines++;
		sends += strstr(line, "\"kind\":\"send\",\"peer\":1,\"bytes\":48,") != NULL;
		assert_non_null(strstr(line, "{\"t_ns\":"));
		assert_non_null(strstr(line, "\"done_ns\":"));
	}
	fclose(f);
	assert_int_equal(lines, 6);
	assert_int_equal(sends, 3);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("/dev/null", file), 0); /* never followed */
	assert_int_equal(ct_threads_run(2, 30 * SECOND, scene_main, &c, NULL), CT_IO);
	unlink(file);
	snprintf(file, sizeof(file), "%s.1", path);
	unlink(file);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corrupts),
		cmocka_unit_test(others),
		cmocka_unit_test(texts),
		cmocka_unit_test(traces),
	};

	return cmocka_run_group_tests_name("net_fault", tests, NULL, NULL);
}
