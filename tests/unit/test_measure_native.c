/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop and the control plane over real transports, with threads as ranks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "measure/inside.h"

enum { MOST = 16 };

static struct {
	uint32_t results, wrong, unsupported, checked;
} got[MOST];

struct job {
	const struct ct_measure_plan *plan;
	const struct ct_net_wrap *wrap;
	ct_status (*what)(struct ct_session *, void *);
};

static ct_status rank_main(const struct ct_boot *boot, void *arg)
{
	const struct job *job = arg;
	struct ct_session_attr attr = { .net_wrap = job->wrap, .deadline_ns = 60000000000 };
	struct ct_world world;
	struct ct_session *session = NULL;
	ct_status status = ct_world_make(boot, &world);

	if (status != CT_OK)
		return status;
	attr.world = &world;
	status = ct_session_open(&attr, &session);
	if (status == CT_OK)
		status = job->what(session, arg);
	ct_session_close(session);
	ct_world_free(&world);
	return status;
}

static ct_status count(void *arg, struct ct_result *r)
{
	uint32_t rank = (uint32_t)(uintptr_t)arg;

	got[rank].results++;
	got[rank].wrong += r->wrong > 0;
	got[rank].checked += r->checked;
	got[rank].unsupported += r->status == CT_UNSUPPORTED;
	return CT_OK;
}

static ct_status measure(struct ct_session *session, void *arg)
{
	struct ct_measure_plan plan = *((struct job *)arg)->plan;

	plan.on_result = count;
	plan.arg = (void *)(uintptr_t)ct_session_world(session)->rank;
	return ct_measure_run(session, &plan);
}

static const struct ct_candidate two[] = {
	{ .backend = "native", .net = "shm" }, { .backend = "native", .net = "tcp" },
};
static const struct ct_stop brief = { .min_samples = 2, .max_samples = 2, .check = 1 };

static void every_collective(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 5, 8, 13 };
	struct ct_test tests[7];
	struct ct_measure_plan plan = {
		.candidates = two, .ncandidates = 2, .tests = tests, .ntests = 7, .stop = brief,
		.seed = 3,
	};
	struct job job = { &plan, NULL, measure };

	(void)state;
	for (uint32_t c = CT_ALLREDUCE; c <= CT_BARRIER; c++)
		tests[c] = (struct ct_test){
			.coll = (ct_coll)c, .type = CT_INT32, .op = CT_SUM, .bytes = 4096,
		};
	tests[6] = tests[0];
	tests[6].in_place = true;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(got, 0, sizeof(got));
		if (sizes[i] == 1) { /* transports between ranks are out of place there */
			static const struct ct_candidate alone = { .backend = "native" };

			plan.candidates = &alone;
			plan.ncandidates = 1;
		} else {
			plan.candidates = two;
			plan.ncandidates = 2;
		}
		assert_int_equal(ct_threads_run(sizes[i], 60000000000, rank_main, &job, NULL),
			CT_OK);
		for (uint32_t r = 0; r < sizes[i]; r++) {
			assert_int_equal(got[r].results, 7 * plan.ncandidates);
			assert_int_equal(got[r].wrong, 0);
			assert_int_equal(got[r].unsupported, 0);
			assert_true(got[r].checked > 0);
		}
	}
}

static void pairs(void **state)
{
	static const uint32_t partner[5] = { 1, 0, 3, 2, 4 }; /* rank 4 is idle */
	struct ct_test tests[3];
	struct ct_measure_plan plan = {
		.candidates = two, .ncandidates = 2, .tests = tests, .ntests = 3, .stop = brief,
		.seed = 3,
	};
	struct job job = { &plan, NULL, measure };

	(void)state;
	memset(got, 0, sizeof(got));
	for (uint32_t c = 0; c < 3; c++)
		tests[c] = (struct ct_test){
			.coll = (ct_coll)(CT_P2P_LATENCY + c), .type = CT_INT32, .bytes = 100000,
			.window = 8, .partner = partner,
		};
	assert_int_equal(ct_threads_run(5, 60000000000, rank_main, &job, NULL), CT_OK);
	assert_int_equal(got[4].results, 6);
	assert_int_equal(got[0].wrong, 0);
	assert_int_equal(got[0].unsupported, 0);
}

/* The control plane is never wrapped; of what is measured one byte of the third message differs. */
static void corruption_is_seen(void **state)
{
	static const struct ct_net_wrap wrap = { .fault = "corrupt:nth=3:rank=1" };
	struct ct_test test = { .coll = CT_ALLREDUCE, .type = CT_INT32, .op = CT_SUM, .bytes = 64 };
	struct ct_measure_plan plan = {
		.candidates = two, .ncandidates = 1, .tests = &test, .ntests = 1, .stop = brief,
		.seed = 3,
	};
	struct job job = { &plan, &wrap, measure };

	(void)state;
	memset(got, 0, sizeof(got));
	assert_int_equal(ct_threads_run(2, 60000000000, rank_main, &job, NULL), CT_OK);
	assert_int_equal(got[0].wrong, 1);
	assert_int_equal(got[1].wrong, 1);
}

/* A transport that fails on one rank ends the run on all, with that rank's reason. */
static void failure_is_agreed(void **state)
{
	static const struct ct_net_wrap wrap = { .fault = "fail:nth=12:rank=1" };
	struct ct_test test = { .coll = CT_ALLREDUCE, .type = CT_INT32, .op = CT_SUM, .bytes = 64 };
	struct ct_measure_plan plan = {
		.candidates = two, .ncandidates = 1, .tests = &test, .ntests = 1,
		.stop = { .min_samples = 200 }, .seed = 3,
	};
	struct job job = { &plan, &wrap, measure };
	ct_status each[3];

	(void)state;
	assert_int_not_equal(ct_threads_run(3, 60000000000, rank_main, &job, each), CT_OK);
	assert_int_equal(each[0], each[1]);
	assert_int_equal(each[0], each[2]);
	assert_int_not_equal(each[0], CT_TIMEOUT);
}

/* ---- control plane -------------------------------------------------------------------------- */

static ct_status control(struct ct_session *s, void *arg)
{
	const struct ct_world *w = ct_session_world(s);
	int64_t v[300], sum[2] = { w->rank, -1 };
	ct_status status = CT_OK;

	(void)arg;
	for (size_t i = 0; i < 300; i++)
		v[i] = (i % w->nranks == w->rank ? 1000 : -1000) * (int64_t)(i + 1);
	status = ct_session_max(s, v, 300);
	assert_int_equal(status, CT_OK);
	for (int64_t i = 0; i < 300; i++)
		assert_true(v[i] == 1000 * (i + 1));
	assert_int_equal(ct_session_sum(s, sum, 2), CT_OK);
	assert_int_equal(sum[0], w->nranks * (w->nranks - 1) / 2);
	assert_true(sum[1] == -(int64_t)w->nranks);
	for (int i = 0; i < 50; i++)
		assert_int_equal(ct_session_barrier(s), CT_OK);

	assert_int_equal(ct_session_agree(s, CT_OK), CT_OK);
	/* two fail: the lowest is told, but one that only suffered is not blamed */
	status = CT_OK;
	if (w->rank == 2)
		status = ct_fail(CT_IO, "no disk");
	if (w->rank == 1)
		status = ct_fail(CT_PEER, "somebody failed");
	assert_int_equal(ct_session_agree(s, status), CT_IO);
	assert_non_null(strstr(ct_why(), "no disk"));
	if (w->rank == 0)
		assert_string_equal(ct_why(), "rank 2: no disk");
	assert_int_equal(ct_session_agree(s, CT_OK), CT_OK);
	return CT_OK;
}

static void control_plane(void **state)
{
	static const uint32_t sizes[] = { 3, 5, 8, 13 };
	struct job job = { NULL, NULL, control };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(ct_threads_run(sizes[i], 60000000000, rank_main, &job, NULL),
			CT_OK);
}

/* ---- candidates ----------------------------------------------------------------------------- */

static ct_status parse_refused(struct ct_session *s, const char *backends, const char *nets,
	const char *algos, const char *hint)
{
	struct ct_candidate *list = NULL;
	size_t n = 0;
	ct_status status = ct_candidates_parse(s, backends, nets, algos, CT_ALLREDUCE, &list, &n);

	assert_int_not_equal(status, CT_OK);
	assert_null(list);
	if (strstr(ct_why(), hint) == NULL)
		fail_msg("%s: no %s", ct_why(), hint);
	return status;
}

static ct_status candidates(struct ct_session *s, void *arg)
{
	struct ct_candidate *list = NULL;
	size_t n = 0;
	char text[96];

	(void)arg;
	assert_int_equal(ct_candidates_parse(s, "native", "shm,tcp", NULL, CT_ALLREDUCE, &list, &n),
		CT_OK);
	assert_int_equal(n, 2);
	assert_string_equal(ct_candidate_text(&list[1], text), "native/tcp default");
	ct_free(list);
	list = NULL;
	assert_int_equal(ct_candidates_parse(s, "native", "shm", "all", CT_ALLREDUCE, &list, &n),
		CT_OK);
	assert_true(n >= 4);
	ct_free(list);
	list = NULL;
	assert_int_equal(ct_candidates_parse(s, "native", NULL, "ring:segment=65536,ring,ring",
		CT_ALLREDUCE, &list, &n), CT_OK);
	assert_int_equal(n, 2);
	assert_string_equal(ct_candidate_text(&list[0], text), "native ring segment=65536");
	assert_string_equal(ct_candidate_text(&list[1], text), "native ring");
	ct_free(list);

	assert_int_equal(parse_refused(s, "nativ", NULL, NULL, "native"), CT_INVALID);
	assert_int_equal(parse_refused(s, "native", "shn", NULL, "shm"), CT_INVALID);
	assert_int_equal(parse_refused(s, "native", NULL, "rign", "ring"), CT_INVALID);
	assert_int_equal(parse_refused(s, "native", NULL, "ring:segmet=4K", "segment"), CT_INVALID);
	assert_int_equal(parse_refused(s, "native", NULL, "ring:segment=7", "cannot be 7"),
		CT_INVALID);
	assert_int_equal(parse_refused(s, "native", NULL, "ring:segment", "needs a value"),
		CT_INVALID);
	assert_int_equal(parse_refused(s, "native,", NULL, NULL, "empty name"), CT_INVALID);
	assert_int_equal(parse_refused(s, "mpi", NULL, NULL, "mpi"), CT_UNSUPPORTED);
	return CT_OK;
}

static void candidate_lists(void **state)
{
	struct job job = { NULL, NULL, candidates };

	(void)state;
	assert_int_equal(ct_threads_run(2, 60000000000, rank_main, &job, NULL), CT_OK);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(every_collective), cmocka_unit_test(pairs),
		cmocka_unit_test(corruption_is_seen), cmocka_unit_test(failure_is_agreed),
		cmocka_unit_test(control_plane), cmocka_unit_test(candidate_lists),
	};

	return cmocka_run_group_tests_name("measure_native", all, NULL, NULL);
}
