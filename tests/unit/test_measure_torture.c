/* SPDX-License-Identifier: BSD-3-Clause */
/* Every allocation of a session and a measurement fails in turn: no crash, no leak, CT_NOMEM. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "measure/measure.h"

enum { MOST_ALLOCATIONS = 2000 };

static ct_status forget(void *arg, struct ct_result *r)
{
	(void)arg;
	(void)r;
	return CT_OK;
}

static ct_status measure(struct ct_session *session)
{
	static const struct ct_stop brief = { .min_samples = 2, .max_samples = 2, .check = 1 };
	struct ct_test test = {
		.coll = CT_ALLREDUCE, .type = CT_FLOAT, .op = CT_SUM, .bytes = 64,
	};
	struct ct_measure_plan plan = {
		.tests = &test, .ntests = 1, .stop = brief, .on_result = forget, .seed = 1,
	};
	struct ct_candidate *list = NULL;
	ct_status status = ct_candidates_parse(session, "native", NULL, "ring,recursive_doubling",
		CT_ALLREDUCE, &list, &plan.ncandidates);

	plan.candidates = list;
	if (status == CT_OK)
		status = ct_measure_run(session, &plan);
	ct_free(list);
	return status;
}

static ct_status rank_main(const struct ct_boot *boot, void *arg)
{
	struct ct_session_attr attr = { .deadline_ns = 30000000000 };
	struct ct_world world;
	struct ct_session *session = NULL;
	ct_status status = ct_world_make(boot, &world);

	(void)arg;
	if (status != CT_OK)
		return status;
	attr.world = &world;
	status = ct_session_open(&attr, &session);
	if (status == CT_OK)
		status = measure(session);
	ct_session_close(session);
	ct_world_free(&world);
	return status;
}

static void torture(uint32_t nranks)
{
	uint64_t nth;
	uint32_t refused = 0;

	for (nth = 1; nth < MOST_ALLOCATIONS; nth++) {
		ct_status each[2], status;

		ct_alloc_fail_nth(nth);
		status = ct_threads_run(nranks, 30000000000, rank_main, NULL, each);
		if (status != CT_OK && status != CT_NOMEM)
			fail_msg("allocation %llu: %s: %s", (unsigned long long)nth,
				ct_status_text(status), ct_why());
		refused += status == CT_NOMEM;
		if (ct_alloc_count() < nth)
			break;
	}
	ct_alloc_fail_nth(0);
	assert_true(nth < MOST_ALLOCATIONS);
	assert_true(refused > nth / 2);
}

static void one_rank(void **state)
{
	(void)state;
	torture(1);
}

static void two_ranks(void **state)
{
	(void)state;
	torture(2);
}

int main(void)
{
	const struct CMUnitTest all[] = { cmocka_unit_test(one_rank), cmocka_unit_test(two_ranks) };

	return cmocka_run_group_tests_name("measure_torture", all, NULL, NULL);
}
