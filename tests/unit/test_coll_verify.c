/* SPDX-License-Identifier: BSD-3-Clause */
/* The inputs are exact in any order of reduction for 1 to 4,096 ranks, and wrong data are seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/base.h"
#include "coll/coll.h"

enum { COUNT = 6, MOST = 4096, EACH = COUNT * 8 };

/* Reduces N ranks' inputs (EACH bytes apart) by pairs: neighbours first, as trees do. */
static void by_tree(const struct ct_coll_desc *desc, char *data, uint32_t n)
{
	for (uint32_t far = 1; far < n; far *= 2)
		for (uint32_t r = 0; r + far < n; r += 2 * far)
			ct_reduce(desc->type, desc->op, data + r * EACH, data + r * EACH,
				data + (r + far) * EACH, desc->count);
}

/* One after another, in the order given. */
static void in_order(const struct ct_coll_desc *desc, const char *data, const uint32_t *order,
	uint32_t n)
{
	memcpy(desc->recv, data + order[0] * EACH, EACH);
	for (uint32_t i = 1; i < n; i++)
		ct_reduce(desc->type, desc->op, desc->recv, desc->recv, data + order[i] * EACH,
			desc->count);
}

static void exact_for(ct_type type, ct_op op, uint32_t n, char *data)
{
	char result[EACH];
	struct ct_coll_desc desc = { .coll = CT_ALLREDUCE, .type = type, .op = op, .count = COUNT,
		.recv = result };
	struct ct_rng rng = ct_rng_make(n);
	static uint32_t order[MOST];

	for (uint32_t r = 0; r < n; r++) {
		order[r] = r;
		desc.send = data + r * EACH;
		ct_verify_fill(&desc, r, n, n * 7 + type);
	}
	in_order(&desc, data, order, n);
	if (ct_verify_count(&desc, 0, n, n * 7 + type) != 0)
		fail_msg("%s %s of %u ranks in order", ct_type_name(type), ct_op_name(op), n);
	ct_rng_shuffle(&rng, order, n);
	in_order(&desc, data, order, n);
	if (ct_verify_count(&desc, n - 1, n, n * 7 + type) != 0)
		fail_msg("%s %s of %u ranks in random order", ct_type_name(type), ct_op_name(op), n);
	by_tree(&desc, data, n);
	memcpy(result, data, EACH);
	if (ct_verify_count(&desc, 0, n, n * 7 + type) != 0)
		fail_msg("%s %s of %u ranks by tree", ct_type_name(type), ct_op_name(op), n);
}

static void exact_in_any_order(void **state)
{
	char *data = ct_alloc(MOST, EACH);

	(void)state;
	assert_non_null(data);
	for (uint32_t n = 1; n <= MOST; n += n < 300 ? 1 : n < 3900 ? 89 : 1 + (n < 4090) * 30)
		for (int type = 0; type < CT_NTYPES; type++)
			for (int op = 0; op < CT_NOPS; op++)
				exact_for((ct_type)type, (ct_op)op, n, data);
	for (int type = 0; type < CT_NTYPES; type++)
		for (int op = 0; op < CT_NOPS; op++)
			exact_for((ct_type)type, (ct_op)op, MOST, data);
	ct_free(data);
}

static uint32_t partner4[4] = { 1, 0, 3, 2 };

static struct ct_coll_desc make(ct_coll coll, ct_type type, void *send, void *recv)
{
	struct ct_coll_desc desc = { .coll = coll, .type = type, .op = CT_SUM, .count = 9,
		.send = send, .recv = recv, .window = 1, .partner = partner4, .root = 1 };

	return desc;
}

/* The right result passes; each flipped bit of it, and a spoilt buffer, do not. */
static void sees_any_bit(void **state)
{
	unsigned char send[4 * 9 * 8], recv[4 * 9 * 8];

	(void)state;
	for (int coll = 0; coll < CT_NCOLLS; coll++)
		for (int type = 0; type < CT_NTYPES; type++)
			for (int op = 0; op < CT_NOPS; op++) {
				struct ct_coll_desc d = make((ct_coll)coll, (ct_type)type, send, recv);
				uint64_t n = ct_coll_buffers(d.coll, 2, 4, 9, false).recv;
				size_t bytes = n * ct_type_bytes(d.type);

				d.op = (ct_op)op;
				if (coll == CT_REDUCE || coll == CT_GATHER)
					d.root = 2;
				ct_verify_spoil(&d, 2, 4);
				if (coll == CT_P2P_ONEWAY || coll == CT_BARRIER) {
					/* The lower rank only sends. */
					assert_int_equal(ct_verify_count(&d, 2, 4, 5), 0);
					continue;
				}
				assert_int_equal(ct_verify_count(&d, 2, 4, 5), n);
				ct_verify_result(&d, 2, 4, 5);
				assert_int_equal(ct_verify_count(&d, 2, 4, 5), 0);
				assert_true(ct_verify_count(&d, 2, 4, 6) > n / 2);
				for (size_t bit = 0; bit < 8 * bytes; bit++) {
					recv[bit / 8] ^= (unsigned char)(1 << bit % 8);
					assert_int_equal(ct_verify_count(&d, 2, 4, 5), 1);
					recv[bit / 8] ^= (unsigned char)(1 << bit % 8);
				}
			}
}

/* A rank left out, or added twice: seen in nearly every element of a sum on few ranks. */
static void sees_missing_and_double(void **state)
{
	enum { N = 4, LONG = 1000 };
	static char data[N][LONG * 8], result[LONG * 8];

	(void)state;
	for (int type = 0; type < CT_NTYPES; type++) {
		struct ct_coll_desc d = { .coll = CT_ALLREDUCE, .type = (ct_type)type, .op = CT_SUM,
			.count = LONG, .recv = result };

		for (uint32_t r = 0; r < N; r++) {
			d.send = data[r];
			ct_verify_fill(&d, r, N, 11);
		}
		memcpy(result, data[0], sizeof(result));
		ct_reduce(d.type, CT_SUM, result, result, data[1], LONG);
		ct_reduce(d.type, CT_SUM, result, result, data[2], LONG);
		assert_true(ct_verify_count(&d, 0, N, 11) > LONG * 8 / 10);
		ct_reduce(d.type, CT_SUM, result, result, data[3], LONG);
		assert_int_equal(ct_verify_count(&d, 0, N, 11), 0);
		ct_reduce(d.type, CT_SUM, result, result, data[3], LONG);
		assert_true(ct_verify_count(&d, 0, N, 11) > LONG * 8 / 10);
	}
}

/* Elements in each other's place are seen. */
static void sees_exchanged_elements(void **state)
{
	static uint16_t send[4096], recv[4096];
	struct ct_coll_desc d = make(CT_BROADCAST, CT_HALF, send, recv);
	uint16_t first;

	(void)state;
	d.count = 4096;
	ct_verify_result(&d, 0, 4, 3);
	first = recv[0];
	memmove(recv, recv + 1, sizeof(recv) - sizeof(recv[0]));
	recv[4095] = first;
	assert_true(ct_verify_count(&d, 0, 4, 3) >= 4090);
}

/* Long buffers repeat (verify.c); nothing that is off by a block of a power of two is like what belongs there. */
static void long_buffers(void **state)
{
	enum { LONG = 40000, RANKS = 3 };
	static int32_t send[RANKS * LONG], recv[RANKS * LONG];
	static const ct_coll colls[] = { CT_ALLREDUCE, CT_ALLTOALL, CT_ALLGATHER, CT_REDUCE_SCATTER, CT_BROADCAST };

	(void)state;
	for (size_t k = 0; k < sizeof(colls) / sizeof(colls[0]); k++) {
		struct ct_coll_desc d = { .coll = colls[k], .type = CT_INT32, .op = CT_SUM, .count = LONG,
			.send = send, .recv = recv };
		size_t n = ct_coll_buffers(d.coll, 1, RANKS, LONG, false).recv;

		ct_verify_spoil(&d, 1, RANKS);
		assert_int_equal(ct_verify_count(&d, 1, RANKS, 9), n);
		ct_verify_result(&d, 1, RANKS, 9);
		assert_int_equal(ct_verify_count(&d, 1, RANKS, 9), 0);
		recv[n - 1] ^= 1;
		recv[n / 2] ^= 1 << 30;
		assert_int_equal(ct_verify_count(&d, 1, RANKS, 9), 2);
		for (size_t by = 1; by < LONG; by *= 2) {
			ct_verify_result(&d, 1, RANKS, 9);
			memmove(recv, recv + by, (n - by) * sizeof(*recv));
			/* equal by chance: next to none of 32-bit elements */
			assert_true(ct_verify_count(&d, 1, RANKS, 9) >= n - by - 3);
		}
	}
	/* what was written by the senders is what the receivers expect: rank 1's block of rank 2's input */
	{
		struct ct_coll_desc d = { .coll = CT_ALLTOALL, .type = CT_INT32, .count = LONG, .send = send,
			.recv = recv };

		ct_verify_result(&d, 1, RANKS, 9);
		ct_verify_fill(&d, 2, RANKS, 9);
		assert_memory_equal(recv + 2 * LONG, send + LONG, LONG * sizeof(*recv));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_in_any_order),
		cmocka_unit_test(sees_any_bit),
		cmocka_unit_test(sees_missing_and_double),
		cmocka_unit_test(sees_exchanged_elements), cmocka_unit_test(long_buffers),
	};

	return cmocka_run_group_tests_name("coll_verify", tests, NULL, NULL);
}
