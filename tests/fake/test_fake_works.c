/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the emulator of libnccl's kernels finds works: a ring has a power of two of bytes, a message's work
 * 48 and a collective's 96, so that the ring's end parts one between two of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "cuda/kernel.h"

enum { RING = 256, BEHIND = 256, MOST = 64, MESSAGE = FAKE_WORK_P2P << 15, COLL = FAKE_WORK_COLL << 15 };

/* A ring and what lies behind it, which is nobody's. */
struct memory {
	_Alignas(16) char ring[RING], behind[BEHIND];
};

static void fill(struct memory *m)
{
	for (int i = 0; i < RING; i++)
		m->ring[i] = (char)i;
	memset(m->behind, 0xee, sizeof(m->behind));
}

static struct fake_arguments in_ring(struct memory *m)
{
	fill(m);
	return (struct fake_arguments){ .storage = 1, .mask = RING - 1, .works = m->ring };
}

/* Byte I of the work is byte AT + I of the ring, counted around it. */
static void check(const union fake_work *work, size_t at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal((unsigned char)work->bytes[i], (at + i) % RING);
}

static void messages(void **state)
{
	struct memory m;
	struct fake_arguments arguments = in_ring(&m);
	struct fake_batch batch = { .head = MESSAGE, .offset = 2 * RING, .set = 0x3f };
	union fake_work works[MOST];

	(void)state;
	assert_int_equal(fake_works_of(&arguments, &batch, works, MOST), 6);
	for (size_t i = 0; i < 6; i++) /* the sixth begins at 240 and goes on at 0 */
		check(&works[i], i * 48, 48);
}

static void collectives(void **state)
{
	struct memory m;
	struct fake_arguments arguments = in_ring(&m);
	struct fake_batch batch = { .head = COLL, .offset = RING - 32, .set = 0x1 };
	union fake_work work;

	(void)state;
	assert_int_equal(fake_works_of(&arguments, &batch, &work, 1), 1);
	check(&work, RING - 32, 96);
}

/* Of a set, some; more than there is room for are counted and not written. */
static void some(void **state)
{
	struct memory m;
	struct fake_arguments arguments = in_ring(&m);
	struct fake_batch batch = { .head = MESSAGE, .offset = 16, .set = 0x29 }; /* 0, 3 and 5 */
	union fake_work works[3];

	(void)state;
	memset(works, 0x55, sizeof(works));
	assert_int_equal(fake_works_of(&arguments, &batch, works, 2), 3);
	check(&works[0], 16, 48);
	check(&works[1], 16 + 3 * 48, 48);
	assert_int_equal(works[2].bytes[0], 0x55);
}

/* Not in a ring: nothing comes round. */
static void elsewhere(void **state)
{
	struct {
		struct fake_arguments arguments;
		struct fake_batch batch;
		struct fake_p2p message;
	} launch = { .batch = { .head = MESSAGE, .offset = 48, .set = 1 }, .message = { .to = 7, .from = 5 } };
	union fake_work work;

	(void)state;
	assert_int_equal(fake_works_of(&launch.arguments, &launch.batch, &work, 1), 1);
	assert_int_equal(work.p2p.to, 7);
	launch.arguments.storage = 2;
	launch.arguments.works = (char *)&launch.message - 48;
	launch.message.from = 6;
	assert_int_equal(fake_works_of(&launch.arguments, &launch.batch, &work, 1), 1);
	assert_int_equal(work.p2p.from, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages), cmocka_unit_test(collectives), cmocka_unit_test(some),
		cmocka_unit_test(elsewhere),
	};

	return cmocka_run_group_tests_name("fake_works", tests, NULL, NULL);
}
