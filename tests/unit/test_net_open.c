/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening transports: names, options, wrong settings, lengths that do not match, and memory that
 * runs out anywhere on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "net_ranks.h"

struct try {
	const char *net;
	struct ct_net_settings settings[3]; /* of each rank */
	bool defaults;
	char path[160], expectation[16], device[32];
	uint32_t mtu, sharers;
};

static ct_status try_main(const struct ct_boot *boot, void *arg)
{
	struct try *t = arg;
	struct ct_world w;
	struct ct_net net;
	char out[3000] = "abc", in[3000] = "";
	ct_status s = ct_world_make(boot, &w);

	if (s != CT_OK)
		return s;
	s = ct_net_open(t->net, &w, t->defaults ? NULL : &t->settings[boot->rank], NULL,
		ct_deadline_in(20 * SECOND), &net);
	if (s != CT_OK)
		goto free_world;
	for (uint32_t d = 0; d < w.nranks && s == CT_OK; d++)
		s = swap_bytes(&net, boot->nranks - 1 - boot->rank, out, in, sizeof(in));
	if (s == CT_OK && strcmp(in, "abc") != 0)
		s = CT_CORRUPT;
	if (boot->rank == 0) {
		memcpy(t->path, net.caps.path, sizeof(t->path));
		memcpy(t->expectation, net.caps.expectation, sizeof(t->expectation));
		memcpy(t->device, net.caps.device, sizeof(t->device));
		t->mtu = net.caps.mtu;
		t->sharers = net.caps.sharers;
	}
	s = ct_boot_agree(boot, s);
	ct_net_close(&net);
free_world:
	ct_world_free(&w);
	return s;
}

static ct_status run_try(struct try *t, uint32_t nranks)
{
	return ct_threads_run(nranks, 30 * SECOND, try_main, t, NULL);
}

static void names(void **state)
{
	struct try t = { .net = "tpc", .defaults = true };
	const struct ct_net_ops *ops;

	(void)state;
	assert_int_equal(run_try(&t, 2), CT_INVALID);
	assert_non_null(strstr(ct_why(), "unknown transport \"tpc\"; did you mean tcp?"));
	t.net = "infiniband";
	assert_int_equal(run_try(&t, 1), CT_INVALID);
	assert_non_null(strstr(ct_why(), "auto, self, shm, tcp"));
	assert_int_equal(ct_net_find("shm", &ops), CT_OK);
	assert_string_equal(ops->name, "shm");
	assert_string_equal(ct_net_rows()[0]->name, "self");
	assert_string_equal(ct_net_rows()[1]->name, "shm");
	assert_string_equal(ct_net_rows()[2]->name, "tcp");
	assert_string_equal(ct_net_rows()[3]->name, "verbs");
	assert_non_null(ct_net_rows()[3]->missing);
	assert_null(ct_net_rows()[4]);
	t.net = "self";
	assert_int_equal(run_try(&t, 2), CT_UNSUPPORTED);
}

/* A device in the text takes the place of the settings' own, for this opening only. */
static void devices(void **state)
{
	struct try t = { .net = "tcp:lo", .settings = { { .tcp = { .iface = (char *)"nope" } },
		{ .tcp = { .iface = (char *)"nope" } } } };
	const struct ct_net_ops *ops = NULL;
	const char *device = "";
	static const char *const wrong[][2] = {
		{ "shm:x", "transport shm has no device to choose (\"shm:x\"); tcp and verbs have" },
		{ "auto:x", "transport auto has no device" },
		{ "tcp:", "no device after the colon" },
		{ "tpc:lo", "unknown transport \"tpc\"; did you mean tcp?" },
		{ "tcp:0123456789012345678901234567890123456789012345678901234567890123456789",
			"at most 63 bytes" },
	};

	(void)state;
	assert_int_equal(ct_net_parse("verbs:mlx5_0", &ops, &device), CT_OK);
	assert_string_equal(ops->name, "verbs");
	assert_string_equal(device, "mlx5_0");
	assert_int_equal(ct_net_parse("auto", &ops, &device), CT_OK);
	assert_null(ops);
	assert_null(device);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(ct_net_parse(wrong[i][0], &ops, &device), CT_INVALID);
		assert_non_null(strstr(ct_why(), wrong[i][1]));
	}
	assert_true(ct_net_is("tcp:lo", "tcp"));
	assert_true(ct_net_is("tcp", "tcp"));
	assert_false(ct_net_is("tcpx", "tcp"));
	assert_int_equal(run_try(&t, 2), CT_OK);
	assert_string_equal(t.device, "lo");
	assert_int_equal(t.sharers, 2);
	assert_string_equal(t.settings[0].tcp.iface, "nope");
	t.defaults = true;
	assert_int_equal(run_try(&t, 2), CT_OK);
	t.net = "tcp:nope";
	assert_int_equal(run_try(&t, 2), CT_INVALID);
	assert_non_null(strstr(ct_why(), "no interface or address \"nope\""));
	t.net = "shm";
	assert_int_equal(run_try(&t, 2), CT_OK);
	assert_int_equal(t.sharers, 0);
}

static void what_they_say(void **state)
{
	struct try t = { .net = "auto", .defaults = true };

	(void)state;
	assert_int_equal(run_try(&t, 3), CT_OK);
	assert_non_null(strstr(t.path, "memfd rings of 32 x 8K"));
	assert_string_equal(t.expectation, "copy");
	assert_string_equal(t.device, "");
	assert_int_equal(run_try(&t, 1), CT_OK);
	assert_string_equal(t.path, "memcpy within the rank");
	t.net = "tcp";
	assert_int_equal(run_try(&t, 3), CT_OK);
	assert_non_null(strstr(t.path, "1 TCP connection per pair"));
	assert_non_null(strstr(t.path, "not encrypted"));
	assert_string_equal(t.expectation, "stream");
	assert_string_equal(t.device, "lo");
	assert_int_equal(t.mtu, 65536); /* of Linux's loopback */
	t.net = "shm";
	assert_int_equal(run_try(&t, 1), CT_OK); /* a rank with itself only */
	t.net = "tcp";
	assert_int_equal(run_try(&t, 1), CT_OK);
}

/* The command's table writes the same defaults as a transport without settings takes. */
static void options(void **state)
{
	const struct ct_option *const lists[] = { ct_net_options, NULL };
	struct ct_net_settings set;
	const struct ct_net_ops *tcp;
	const struct ct_option *row;
	struct try t = { .net = "shm" };

	(void)state;
	memset(&set, 0xff, sizeof(set));
	assert_int_equal(ct_options_default(lists, &set), CT_OK);
	assert_int_equal(set.shm.cell_bytes, 8192);
	assert_int_equal(set.shm.single_bytes, 262144);
	assert_null(set.tcp.iface);
	assert_int_equal(set.tcp.connections, 0);
	assert_int_equal(set.tcp.buffer, 0);
	assert_int_equal(ct_net_find("tcp", &tcp), CT_OK);
	assert_ptr_equal(ct_net_settings_of(&set, tcp), &set.tcp);
	assert_null(ct_net_settings_of(&set, ct_net_rows()[0]));
	assert_int_equal(ct_option_find(lists, "tcp-conections", &row), CT_INVALID);
	assert_non_null(strstr(ct_why(), "tcp-connections"));
	t.settings[0] = t.settings[1] = t.settings[2] = set;
	t.settings[1].shm.cell_bytes = 4096;
	assert_int_equal(run_try(&t, 3), CT_INVALID);
	assert_non_null(strstr(ct_why(), "--shm-cell"));
	t.settings[1].shm.cell_bytes = 32;
	assert_int_equal(run_try(&t, 3), CT_INVALID);
	t.net = "tcp";
	t.settings[2].tcp.connections = 17;
	assert_int_equal(run_try(&t, 3), CT_INVALID);
	assert_non_null(strstr(ct_why(), "tcp-connections"));
}

static ct_status run_iface(const char *iface, struct try *t)
{
	*t = (struct try){ .net = "tcp" };
	for (size_t i = 0; i < 3; i++)
		t->settings[i].tcp.iface = (char *)(uintptr_t)iface;
	return run_try(t, 2);
}

static void interfaces(void **state)
{
	struct try t;
	ct_status s;

	(void)state;
	assert_int_equal(run_iface("lo", &t), CT_OK);
	assert_string_equal(t.device, "lo");
	assert_int_equal(run_iface("127.0.0.1", &t), CT_OK);
	assert_int_equal(run_iface("loo", &t), CT_INVALID);
	if (strstr(ct_why(), "did you mean lo?") == NULL)
		fail_msg("%s", ct_why());
	assert_int_equal(run_iface("192.0.2.77", &t), CT_INVALID); /* RFC 5737: nobody has it */
	assert_non_null(strstr(ct_why(), "no address of this host"));
	s = run_iface("::1", &t);
	if (s == CT_OK)
		assert_non_null(strstr(t.path, "IPv6"));
	else
		assert_int_equal(s, CT_INVALID); /* a kernel without IPv6 */
}

/* Rank 0 sends 100 bytes where rank 1 expects 101: rank 1 learns who, and that peer is out. */
static ct_status mismatch_main(const struct ct_boot *boot, void *arg)
{
	struct ct_world w;
	struct ct_net net;
	char data[101] = "";
	ct_status s = ct_world_make(boot, &w);
	struct ct_net_req r;

	if (s != CT_OK)
		return s;
	s = ct_net_open(arg, &w, NULL, NULL, ct_deadline_in(20 * SECOND), &net);
	if (s == CT_OK && boot->rank == 0) {
		r = make_req(CT_NET_SEND, 1, data, 100);
		s = ct_net_post(&net, &r);
		if (s == CT_OK)
			s = wait_req(&net, &r);
	} else if (s == CT_OK) {
		r = make_req(CT_NET_RECV, 0, data, 101);
		s = ct_net_post(&net, &r);
		if (s == CT_OK && wait_req(&net, &r) == CT_CORRUPT &&
			strcmp(ct_why(), "rank 0 sent 100 bytes where 101 are expected") == 0) {
			r = make_req(CT_NET_RECV, 0, data, 1);
			s = ct_net_post(&net, &r) == CT_OK && r.status == CT_CORRUPT ? CT_OK :
				CT_IO;
		} else {
			s = ct_fail(CT_IO, "not found out: %s", ct_why());
		}
	}
	s = ct_boot_agree(boot, s);
	ct_net_close(&net);
	ct_world_free(&w);
	return s;
}

static void mismatch(void **state)
{
	(void)state;
	assert_int_equal(ct_threads_run(2, 30 * SECOND, mismatch_main, "shm", NULL), CT_OK);
	assert_int_equal(ct_threads_run(2, 30 * SECOND, mismatch_main, "tcp", NULL), CT_OK);
}

/* Each allocation on the way fails once, on whichever rank makes it: all ranks end with CT_NOMEM,
 * nothing leaks (the sanitizer's part) and nobody waits. */
static void torture(void **state)
{
	static const char *const nets[] = { "shm", "tcp" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct try t = { .net = nets[i], .defaults = true };
		uint64_t n = 0, asked;
		ct_status s;

		do {
			ct_alloc_fail_nth(++n);
			s = run_try(&t, 3);
			asked = ct_alloc_count();
			ct_alloc_fail_nth(0);
			/* shrinking an array may fail without harm */
			assert_true(s == CT_OK || s == CT_NOMEM);
		} while (asked >= n);
		assert_int_equal(s, CT_OK);
		assert_true(n > 30);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(devices),
		cmocka_unit_test(what_they_say),
		cmocka_unit_test(options),
		cmocka_unit_test(interfaces),
		cmocka_unit_test(mismatch),
		cmocka_unit_test(torture),
	};

	return cmocka_run_group_tests_name("net_open", tests, NULL, NULL);
}
