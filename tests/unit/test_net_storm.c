/* SPDX-License-Identifier: BSD-3-Clause */
/* Storms of messages between all pairs of ranks as threads, over every transport: sizes around all
 * limits, several in flight, both directions at once, to oneself too, into buffers and sinks. Every
 * byte and the order are checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "net_ranks.h"

enum { FLIGHT = 4, CELL = 1024, SINGLE = 5000, MESSAGES = 60 };

struct storm {
	const char *net;
	struct ct_net_settings settings;
	uint64_t seed;
	struct ct_net_wrap *wrap;
};

/* Length of message K from A to B, as both sides reckon it. */
static uint64_t length(uint64_t seed, uint32_t a, uint32_t b, uint32_t k)
{
	static const uint64_t sizes[] = { 0, 1, 7, 8, 15, 16, 17, 47, 48, 49, 64, 200, CELL - 1,
		CELL,
		CELL + 1, 2 * CELL, 3 * CELL + 5, SINGLE - 1, SINGLE, SINGLE + 1, 40000, 131072,
			131073 };
	uint64_t h = ct_rng_hash(seed, ((uint64_t)a << 40) + ((uint64_t)b << 20) + k);

	if (h % 97 == 0)
		return 1100000 + h % 1000;
	return sizes[(h >> 8) % (sizeof(sizes) / sizeof(sizes[0]))];
}

/* Random bytes, made once; a message is a window into them that its key chooses. */
enum { KEYS = 8192, LONGEST = 1101000 };
static unsigned char noise[KEYS + LONGEST];

static const unsigned char *content(uint64_t key)
{
	return noise + key % KEYS;
}

static uint64_t key_of(uint32_t a, uint32_t b, uint32_t k)
{
	return a * 101 + b * 59 + k * 17;
}

/* One direction with one peer. */
struct slot {
	struct ct_net_req req;
	unsigned char *data;
	uint64_t key, next; /* of a sink: offset that must come next */
	bool bad;
};

struct lane {
	struct slot slots[FLIGHT];
	uint32_t posted, ended;
};

static void check_piece(void *arg, const void *data, uint64_t offset, uint64_t bytes)
{
	struct slot *s = arg;

	if (offset != s->next || bytes == 0 || offset % 16 != 0)
		s->bad = true;
	else if (memcmp(data, content(s->key) + offset, bytes) != 0)
		s->bad = true;
	s->next = offset + bytes;
}

static ct_status post_one(struct ct_net *net, const struct storm *storm, struct lane *lane,
	enum ct_net_kind kind, uint32_t peer)
{
	uint32_t me = net->world->rank, k = lane->posted++;
	uint32_t a = kind == CT_NET_SEND ? me : peer, b = kind == CT_NET_SEND ? peer : me;
	struct slot *s = &lane->slots[k % FLIGHT];
	uint64_t n = length(storm->seed, a, b, k);

	*s = (struct slot){ .key = key_of(a, b, k), .data = malloc(n + 1) };
	s->req = make_req(kind, peer, s->data, n);
	s->data[n] = 0xa5;
	if (kind == CT_NET_SEND) {
		memcpy(s->data, content(s->key), n);
	} else if (ct_rng_hash(storm->seed + 1, s->key) % 3 == 0) {
		s->req.sink = check_piece;
		s->req.sink_arg = s;
	}
	return ct_net_post(net, &s->req);
}

/* Ends what has ended, in order. */
static ct_status reap(struct lane *lane)
{
	while (lane->ended < lane->posted) {
		struct slot *s = &lane->slots[lane->ended % FLIGHT];
		uint64_t n = s->req.bytes;

		if (s->req.status == CT_BUSY)
			return CT_OK;
		if (s->req.status != CT_OK)
			return s->req.status;
		if (s->req.kind == CT_NET_RECV && s->req.sink == NULL)
			s->bad = memcmp(s->data, content(s->key), n) != 0;
		if (s->req.sink != NULL && s->next != n)
			s->bad = true;
		if (s->bad || s->data[n] != 0xa5)
			return ct_fail(CT_CORRUPT, "message %u with rank %u: wrong data",
				lane->ended,
				s->req.peer);
		free(s->data);
		lane->ended++;
	}
	return CT_OK;
}

static ct_status blow(struct ct_net *net, const struct storm *storm, struct lane *lanes,
	uint32_t messages)
{
	uint32_t n = net->world->nranks, open_lanes = 2 * n;
	struct ct_rng rng = ct_rng_make(storm->seed + net->world->rank);
	struct ct_deadline by = ct_deadline_in(120 * SECOND);

	while (open_lanes > 0) {
		ct_status s = CT_OK;

		for (uint32_t i = 0; i < 2 * n && s == CT_OK; i++) {
			struct lane *l = &lanes[i];

			if (l->posted < messages && l->posted - l->ended < FLIGHT &&
				ct_rng_below(&rng, 3) > 0)
				s = post_one(net, storm, l, i < n ? CT_NET_SEND : CT_NET_RECV,
					i % n);
		}
		if (s == CT_OK)
			s = ct_net_poll(net);
		open_lanes = 0;
		for (uint32_t i = 0; i < 2 * n && s == CT_OK; i++) {
			s = reap(&lanes[i]);
			open_lanes += lanes[i].ended < messages;
		}
		if (s == CT_OK && ct_deadline_passed(by))
			s = ct_fail(CT_TIMEOUT, "rank %u: %u lanes still open", net->world->rank,
				open_lanes);
		if (s != CT_OK)
			return s;
		sched_yield();
	}
	return CT_OK;
}

static ct_status storm_main(const struct ct_boot *boot, void *arg)
{
	const struct storm *storm = arg;
	struct ct_world w;
	struct ct_net net;
	struct lane *lanes;
	ct_status s = ct_world_make(boot, &w);

	if (s != CT_OK)
		return s;
	s = ct_net_open(storm->net, &w, &storm->settings, storm->wrap, ct_deadline_in(60 * SECOND),
		&net);
	if (s != CT_OK)
		goto free_world;
	lanes = calloc(2 * (size_t)w.nranks, sizeof(*lanes));
	s = blow(&net, storm, lanes, w.nranks > 5 ? MESSAGES / 4 : MESSAGES);
	free(lanes);
	s = ct_boot_agree(boot, s);
	ct_net_close(&net);
free_world:
	ct_world_free(&w);
	return s;
}

static void storms(struct storm *storm, uint32_t least)
{
	static const uint32_t counts[] = { 1, 2, 3, 5, 8, 13 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		ct_status s;

		if (counts[i] < least)
			continue;
		storm->seed = 1000 + i;
		s = ct_threads_run(counts[i], 120 * SECOND, storm_main, storm, NULL);
		if (s != CT_OK)
			fail_msg("%s, %u ranks: %s", storm->net, counts[i], ct_why());
	}
}

static void over_self(void **state)
{
	struct storm storm = { .net = "self", .seed = 5 };

	(void)state;
	assert_int_equal(ct_threads_run(1, SECOND, storm_main, &storm, NULL), CT_OK);
	storm.net = "auto";
	assert_int_equal(ct_threads_run(1, SECOND, storm_main, &storm, NULL), CT_OK);
	assert_int_equal(ct_threads_run(3, 60 * SECOND, storm_main, &storm, NULL), CT_INVALID);
}

static void over_shm(void **state)
{
	struct storm storm = { .net = "shm", .settings = { .shm = { CELL, SINGLE } } };

	(void)state;
	storms(&storm, 1);
}

static void over_shm_two_copies(void **state)
{
	struct storm storm = { .net = "shm", .settings = { .shm = { CELL + 40, 0 } } };

	(void)state;
	storms(&storm, 1);
}

static void over_tcp(void **state)
{
	struct storm storm = { .net = "tcp" };

	(void)state;
	storms(&storm, 1);
}

static void over_tcp_striped(void **state)
{
	struct storm storm = { .net = "tcp", .settings = { .tcp = { NULL, 3, 16384 } } };

	(void)state;
	storms(&storm, 1);
}

/* Completions held back by the wrapper change nothing but time. */
static void over_delay(void **state)
{
	struct ct_net_wrap wrap = { "delay:nth=5:ms=1", NULL };
	struct storm storm = { .net = "shm", .settings = { .shm = { CELL, SINGLE } }, .seed = 77,
		.wrap = &wrap };

	(void)state;
	assert_int_equal(ct_threads_run(3, 120 * SECOND, storm_main, &storm, NULL), CT_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_self),
		cmocka_unit_test(over_shm),
		cmocka_unit_test(over_shm_two_copies),
		cmocka_unit_test(over_tcp),
		cmocka_unit_test(over_tcp_striped),
		cmocka_unit_test(over_delay),
	};
	struct ct_rng rng = ct_rng_make(4711);

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (unsigned char)ct_rng_next(&rng);
	return cmocka_run_group_tests_name("net_storm", tests, NULL, NULL);
}
