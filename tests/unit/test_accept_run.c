/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole of accept over threads as ranks: no figure is asserted, only that each is there, right
 * and judged, and that every rank has the same verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "accept/accept.h"

enum { MOST = 4 };

struct seen {
	enum ct_verdict verdict[MOST];
	uint32_t results[MOST], figures[MOST], pairs_met, pairs_alone, stages;
	uint64_t wrong[MOST];
	struct ct_floors floors;
};

struct rank {
	struct seen *seen;
	uint32_t rank;
};

static ct_status on_result(void *arg, struct ct_result *result)
{
	struct rank *r = arg;

	r->seen->results[r->rank]++;
	r->seen->wrong[r->rank] += result->wrong;
	return CT_OK;
}

static ct_status run(struct ct_session *session, struct rank *rank)
{
	struct ct_accept_plan plan = { .budget_ns = 200000000,
				       .rounds = 1,
				       .max_bytes = 4096,
				       .seed = 1,
				       .on_result = on_result,
				       .arg = rank };
	struct ct_accept_report *report;
	ct_status s = ct_accept_run(session, &plan, &report);

	if (s != CT_OK)
		return s;
	rank->seen->verdict[rank->rank] = report->verdict;
	rank->seen->figures[rank->rank] = (uint32_t)report->nfigures;
	if (rank->rank == 0) {
		rank->seen->pairs_met = report->pairs_met;
		rank->seen->pairs_alone = report->pairs_alone;
		rank->seen->stages = report->stages;
		rank->seen->floors = report->floors;
	}
	ct_accept_free(report);
	return CT_OK;
}

static ct_status main_of_rank(const struct ct_boot *boot, void *arg)
{
	struct rank rank = { .seen = arg, .rank = boot->rank };
	struct ct_session *session;
	struct ct_world world;
	ct_status s = ct_world_make(boot, &world);

	if (s != CT_OK)
		return s;
	s = ct_session_open(&(struct ct_session_attr){ .world = &world }, &session);
	if (s == CT_OK) {
		s = run(session, &rank);
		ct_session_close(session);
	}
	ct_world_free(&world);
	return s;
}

static void whole(uint32_t nranks)
{
	struct seen seen = { .stages = 0 };

	assert_int_equal(ct_threads_run(nranks, UINT64_C(60000000000), main_of_rank, &seen, NULL),
			 CT_OK);
	for (uint32_t r = 0; r < nranks; r++) {
		assert_int_equal(seen.verdict[r], seen.verdict[0]);
		assert_int_equal(seen.results[r], seen.results[0]);
		assert_int_equal(seen.figures[r], seen.figures[0]);
		assert_int_equal(seen.wrong[r], 0);
	}
	assert_true(seen.floors.known);
	for (int i = 0; i < CT_FLOOR_SIZES; i++) {
		assert_true(seen.floors.copy_Bps[i] > 0 && seen.floors.copy_one_Bps[i] > 0);
		assert_true(seen.floors.reduce_Bps[i] > 0);
	}
	if (nranks == 1) {
		assert_int_equal(seen.verdict[0], CT_UNJUDGED);
		return;
	}
	/* Two candidates, native over shm and over tcp: three figures of pairs each, and allreduce at two
	 * sizes; what comes after that the budget may cut. */
	assert_true(seen.figures[0] >= 2 * (3 + 2));
	assert_true(seen.pairs_met >= nranks / 2);
	assert_true(seen.stages & 1u << CT_STAGE_COLLECTIVES);
}

static void one_rank(void **state)
{
	(void)state;
	whole(1);
}

static void two_ranks(void **state)
{
	(void)state;
	whole(2);
}

static void three_ranks(void **state)
{
	(void)state;
	whole(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_rank),
		cmocka_unit_test(two_ranks),
		cmocka_unit_test(three_ranks),
	};

	return cmocka_run_group_tests_name("accept run", tests, NULL, NULL);
}
