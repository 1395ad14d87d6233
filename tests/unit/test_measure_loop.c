/* SPDX-License-Identifier: BSD-3-Clause */
/* The one loop over a library with a virtual clock: every figure is known beforehand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "measure_fake.h"

enum { MOST_RESULTS = 32, MOST_RANKS = 8 };

/* What one rank got. */
struct got {
	struct ct_result results[MOST_RESULTS];
	size_t n;
	ct_status fail_with; /* of on_result */
};

static struct got got[MOST_RANKS];
static struct ct_measure_plan plan;
static uint64_t interrupt_after; /* polls on the last rank; 0 = never */
static bool (*done_on_rank_0)(void *, uint32_t, const struct ct_candidate *,
	const struct ct_test *);

static ct_status keep(void *arg, struct ct_result *r)
{
	struct got *g = arg;

	assert_true(g->n < MOST_RESULTS);
	g->results[g->n++] = *r;
	r->samples_ns = NULL;
	r->hist = NULL;
	return g->fail_with == CT_OK ? CT_OK : ct_fail(g->fail_with, "the callee fails");
}

static uint32_t polls[MOST_RANKS];

static int interrupted(void *arg)
{
	const struct ct_boot *boot = arg;

	return interrupt_after > 0 && boot->rank == boot->nranks - 1 &&
		++polls[boot->rank] >= interrupt_after;
}

static ct_status rank_main(const struct ct_boot *boot, void *arg)
{
	struct ct_session_attr attr = {
		.modules = fake_modules, .deadline_ns = 20000000000, .interrupted = interrupted,
		.arg = (void *)(uintptr_t)boot,
	};
	struct ct_measure_plan mine = plan;
	struct ct_world world;
	struct ct_session *session = NULL;
	ct_status status = ct_world_make(boot, &world);

	(void)arg;
	if (status != CT_OK)
		return status;
	attr.world = &world;
	status = ct_session_open(&attr, &session);
	if (status == CT_OK) {
		mine.on_result = keep;
		mine.arg = &got[boot->rank];
		if (boot->rank == 0)
			mine.done = done_on_rank_0;
		status = ct_measure_run(session, &mine);
	}
	ct_session_close(session);
	ct_world_free(&world);
	return status;
}

static ct_status run(uint32_t nranks, ct_status *each)
{
	return ct_threads_run(nranks, 20000000000, rank_main, NULL, each);
}

static struct ct_candidate list[3];
static struct ct_test tests[2];

static int begin(void **state)
{
	(void)state;
	fake_reset();
	memset(polls, 0, sizeof(polls));
	interrupt_after = 0;
	done_on_rank_0 = NULL;
	list[0] = candidate_of("fake", "", "a");
	list[1] = candidate_of("fake", "", "b");
	list[2] = candidate_of("fake", "", "c");
	tests[0] = allreduce_of(8);
	tests[1] = allreduce_of(64);
	plan = (struct ct_measure_plan){
		.candidates = list, .ncandidates = 1, .tests = tests, .ntests = 1, .seed = 7,
	};
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (size_t r = 0; r < MOST_RANKS; r++) {
		for (size_t i = 0; i < got[r].n; i++)
			ct_result_clear(&got[r].results[i]);
		memset(&got[r], 0, sizeof(got[r]));
	}
	assert_int_equal(atomic_load(&fake.opens), atomic_load(&fake.closes));
	return 0;
}

/* Batches of 1, 2, 4, 8, 16: the least of them that reaches 20 samples makes 31. */
static void constant_times(void **state)
{
	const struct ct_result *r = &got[0].results[0];

	(void)state;
	assert_int_equal(run(1, NULL), CT_OK);
	assert_int_equal(got[0].n, 1);
	assert_int_equal(r->status, CT_OK);
	assert_int_equal(r->summary.n, 31);
	assert_int_equal(r->summary.median, 1000);
	assert_int_equal(r->summary.low, 1000);
	assert_int_equal(r->summary.high, 1000);
	assert_int_equal(r->first_ns, 1000);
	assert_int_equal(r->warmup, 5);
	assert_int_equal(r->inner, 1);
	assert_int_equal(r->checked, 0);
	assert_true(r->precise);
	assert_int_equal(r->overhead_ns, 0); /* a request that does nothing costs no virtual time */
	assert_int_equal(r->bytes, 8);
	assert_int_equal(r->count, 2);
	assert_true(r->algbw_Bps > 7.99e6 && r->algbw_Bps < 8.01e6);
	assert_string_equal(r->library, "fake 1");
	assert_string_equal(r->path, "nowhere");
}

/* 1 … 20 thousand in a scrambled order (7 i mod 20: 7 and 20 have no common divisor). */
static uint64_t scrambled(uint32_t rank, char algo, uint64_t call)
{
	(void)rank;
	(void)algo;
	if (call < 5) /* warm-up */
		return 99000;
	return (7 * (call - 5) % 20 + 1) * 1000;
}

/* n = 20: x(6) … x(15) covers 95.86 % (binomial distribution; Hoefler and Belli 2015 use it). */
static void interval_of_twenty(void **state)
{
	const struct ct_result *r = &got[0].results[0];

	(void)state;
	fake.span = scrambled;
	plan.stop.min_samples = plan.stop.max_samples = 20;
	assert_int_equal(run(1, NULL), CT_OK);
	assert_int_equal(r->summary.n, 20);
	assert_int_equal(r->summary.median, 10500);
	assert_int_equal(r->summary.low, 6000);
	assert_int_equal(r->summary.high, 15000);
	assert_int_equal(r->summary.min, 1000);
	assert_int_equal(r->summary.max, 20000);
	assert_int_equal(r->first_ns, 99000);
	assert_int_equal(r->samples_ns[0], 1000);
	assert_int_equal(r->samples_ns[1], 8000);
	assert_true(r->summary.confidence > 0.958 && r->summary.confidence < 0.959);
	assert_false(r->precise);
}

static uint64_t two_valued(uint32_t rank, char algo, uint64_t call)
{
	(void)rank;
	(void)algo;
	return call % 2 == 0 ? 1000000 : 3000000;
}

/* Never precise: 100 ms of virtual time are spent in batches 1 2 4 8 16 (62 ms) and then at most
 * 50 ms / 2 ms = 25 samples. */
static void budget_ends_it(void **state)
{
	const struct ct_result *r = &got[0].results[0];

	(void)state;
	fake.span = two_valued;
	plan.stop.budget_ns = 100000000;
	assert_int_equal(run(1, NULL), CT_OK);
	assert_int_equal(r->summary.n, 31 + 25);
	assert_false(r->precise);
	assert_int_equal(r->summary.low, 1000000);
	assert_int_equal(r->summary.high, 3000000);
}

static uint64_t by_rank(uint32_t rank, char algo, uint64_t call)
{
	(void)algo;
	return 1000 * (1 + (rank + call) % 3);
}

/* In each sample another rank is the slowest: always 3000, whatever the ranks' own medians. */
static void maximum_over_ranks(void **state)
{
	(void)state;
	fake.span = by_rank;
	assert_int_equal(run(3, NULL), CT_OK);
	for (uint32_t r = 0; r < 3; r++) {
		assert_int_equal(got[r].n, 1);
		assert_int_equal(got[r].results[0].summary.min, 3000);
		assert_int_equal(got[r].results[0].summary.max, 3000);
		assert_int_equal(got[r].results[0].summary.n, got[0].results[0].summary.n);
	}
}

/* The order of turns, by the same generator: first the seed's, and each candidate once a turn. */
static void turns_are_shuffled(void **state)
{
	struct ct_rng rng = ct_rng_make(ct_rng_hash(7, 0));
	uint32_t order[3];
	size_t at = 3 * 5; /* after the warm-ups: aaaaa bbbbb ccccc */
	uint32_t size = 1;
	bool shuffled = false;

	(void)state;
	plan.ncandidates = 3;
	assert_int_equal(run(1, NULL), CT_OK);
	assert_int_equal(got[0].n, 3);
	assert_memory_equal(fake.log, "aaaaabbbbbccccc", 15);
	for (int turn = 0; turn < 5; turn++, size *= 2) {
		ct_rng_shuffle(&rng, order, 3);
		for (size_t i = 0; i < 3; i++) {
			shuffled = shuffled || order[i] != i;
			for (uint32_t k = 0; k < size; k++, at++)
				assert_int_equal(fake.log[at], 'a' + order[i]);
		}
	}
	assert_int_equal(at, fake.logged);
	assert_true(shuffled);
}

static void another_seed_another_order(void **state)
{
	char first[200];

	(void)state;
	plan.ncandidates = 3;
	assert_int_equal(run(1, NULL), CT_OK);
	memcpy(first, fake.log, sizeof(first));
	end(state);
	fake_reset();
	plan.seed = 8;
	assert_int_equal(run(1, NULL), CT_OK);
	assert_memory_not_equal(first, fake.log, 15 + 93);
}

static void unsupported_candidate(void **state)
{
	(void)state;
	plan.ncandidates = 3;
	fake.unsupported = 'b';
	assert_int_equal(run(2, NULL), CT_OK);
	for (uint32_t r = 0; r < 2; r++) {
		assert_int_equal(got[r].n, 3);
		assert_int_equal(got[r].results[0].status, CT_UNSUPPORTED);
		assert_string_equal(got[r].results[0].candidate.algo, "b");
		assert_non_null(strstr(got[r].results[0].why, "fake has no b"));
		assert_int_equal(got[r].results[1].status, CT_OK);
		assert_int_equal(got[r].results[2].status, CT_OK);
	}
}

static void unsupported_library(void **state)
{
	(void)state;
	fake.open_status = CT_UNSUPPORTED;
	plan.ntests = 2;
	assert_int_equal(run(2, NULL), CT_OK);
	assert_int_equal(got[1].n, 2);
	assert_int_equal(got[1].results[1].status, CT_UNSUPPORTED);
	assert_non_null(strstr(got[1].results[1].why, "rank 0: fake cannot be opened"));
}

static void library_that_breaks(void **state)
{
	(void)state;
	fake.open_status = CT_IO;
	assert_int_equal(run(2, NULL), CT_IO);
	assert_int_equal(got[0].n, 0);
}

static void data_are_verified(void **state)
{
	(void)state;
	plan.stop.check = 1;
	assert_int_equal(run(1, NULL), CT_OK);
	assert_int_equal(got[0].results[0].wrong, 0);
	assert_int_equal(got[0].results[0].checked, 4);
}

static void wrong_data_are_counted(void **state)
{
	(void)state;
	plan.stop.check = 1;
	fake.forgets = true;
	assert_int_equal(run(1, NULL), CT_OK);
	assert_int_equal(got[0].results[0].wrong, 4 * 2); /* four checked calls, both elements */
	assert_int_equal(got[0].results[0].status, CT_OK);
}

/* One rank is interrupted: all end alike, and what was complete before has been handed out. */
static void interrupt_is_agreed(void **state)
{
	ct_status each[2];

	(void)state;
	plan.ntests = 2;
	interrupt_after = 40; /* the first test polls 37 times: warm-up 1, samples 31, batches 5 */
	assert_int_equal(run(2, each), CT_INTERRUPTED);
	assert_int_equal(each[0], CT_INTERRUPTED);
	assert_int_equal(each[1], CT_INTERRUPTED);
	assert_int_equal(got[0].n, 1);
	assert_int_equal(got[1].n, 1);
}

/* Rank 1 fails within a batch; rank 0, which would wait for ever, learns of it. */
static void failure_reaches_all(void **state)
{
	ct_status each[2];

	(void)state;
	fake.fail_rank = 1;
	fake.fail_call = 10;
	assert_int_equal(run(2, each), CT_IO);
	assert_int_equal(each[0], CT_IO);
	assert_int_equal(each[1], CT_IO);
	assert_non_null(strstr(ct_why(), "rank 1: fake breaks"));
	assert_int_equal(got[0].n, 0);
}

static void callee_ends_the_run(void **state)
{
	ct_status each[2];

	(void)state;
	plan.ntests = 2;
	got[1].fail_with = CT_IO;
	assert_int_equal(run(2, each), CT_IO);
	assert_int_equal(each[0], CT_IO);
	assert_int_equal(got[0].n, 1);
}

static bool has_b_of_8(void *arg, uint32_t round, const struct ct_candidate *c,
	const struct ct_test *t)
{
	(void)arg;
	return round == 0 && c->algo[0] == 'b' && t->bytes == 8;
}

/* Only rank 0 knows what is there already. */
static void points_already_there(void **state)
{
	(void)state;
	plan.ncandidates = 2;
	plan.ntests = 2;
	done_on_rank_0 = has_b_of_8;
	assert_int_equal(run(2, NULL), CT_OK);
	for (uint32_t r = 0; r < 2; r++) {
		assert_int_equal(got[r].n, 3);
		assert_string_equal(got[r].results[0].candidate.algo, "a");
		assert_int_equal(got[r].results[1].bytes, 64);
	}
}

static void rounds_are_fresh(void **state)
{
	(void)state;
	plan.rounds = 3;
	plan.ncandidates = 2;
	assert_int_equal(run(2, NULL), CT_OK);
	assert_int_equal(atomic_load(&fake.opens), 3 * 2); /* rounds, ranks; both share one */
	assert_int_equal(got[0].n, 6);
	assert_int_equal(got[0].results[5].round, 2);
}

/* A round trip of 1000 ns: 21 of them make a sample of 20 us, half of one is an operation. The
 * fake's call lasts 1000 ns however many round trips it is asked for. */
static void latency_window(void **state)
{
	static const uint32_t partner[2] = { 1, 0 };
	const struct ct_result *r = &got[1].results[0];

	(void)state;
	tests[0].coll = CT_P2P_LATENCY;
	tests[0].partner = partner;
	assert_int_equal(run(2, NULL), CT_OK);
	assert_int_equal(r->inner, 2 * 21);
	assert_int_equal(r->summary.median, 24); /* 1000 / 42 = 23.8, to the nearest */
	assert_int_equal(r->pairs, 1);
	assert_null(r->test.partner);
}

static void oneway_window(void **state)
{
	static const uint32_t partner[4] = { 1, 0, 3, 2 };
	const struct ct_result *r = &got[0].results[0];

	(void)state;
	tests[0].coll = CT_P2P_ONEWAY;
	tests[0].partner = partner;
	assert_int_equal(run(4, NULL), CT_OK);
	assert_int_equal(r->inner, 64);
	assert_int_equal(r->summary.median, 16); /* 1000 / 64 = 15.6 */
	assert_int_equal(r->pairs, 2);
	assert_true(r->messages_per_s > 1.24e8 && r->messages_per_s < 1.26e8); /* 2 / 16 ns */
}

static uint64_t thousand_values(uint32_t rank, char algo, uint64_t call)
{
	(void)rank;
	(void)algo;
	return 10000 + call % 1000;
}

/* Beyond 65536 samples only a histogram is kept: 1.6 % coarse. */
static void many_samples(void **state)
{
	const struct ct_result *r = &got[0].results[0];

	(void)state;
	fake.span = thousand_values;
	plan.stop.min_samples = 70000;
	plan.stop.budget_ns = 1;
	assert_int_equal(run(1, NULL), CT_OK);
	assert_null(r->samples_ns);
	assert_non_null(r->hist);
	assert_true(r->summary.n >= 70000);
	assert_int_equal(r->hist->count, r->summary.n);
	assert_in_range(r->summary.median, 10500, 10500 + 10500 / 64 + 1);
	assert_int_equal(r->summary.min, 10000);
	assert_int_equal(r->summary.max, 10999);
}

static void bad_tests_are_refused(void **state)
{
	(void)state;
	tests[0].coll = (ct_coll)99;
	assert_int_equal(run(2, NULL), CT_INVALID);
	tests[0] = allreduce_of(UINT64_MAX / 2);
	tests[0].coll = CT_BROADCAST;
	tests[0].root = 5;
	assert_int_equal(run(2, NULL), CT_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest all[] = {
		TEST(constant_times), TEST(interval_of_twenty), TEST(budget_ends_it),
		TEST(maximum_over_ranks), TEST(turns_are_shuffled),
		TEST(another_seed_another_order), TEST(unsupported_candidate), TEST(unsupported_library), TEST(library_that_breaks),
		TEST(data_are_verified), TEST(wrong_data_are_counted), TEST(interrupt_is_agreed),
		TEST(failure_reaches_all), TEST(callee_ends_the_run), TEST(points_already_there),
		TEST(rounds_are_fresh), TEST(latency_window), TEST(oneway_window),
		TEST(many_samples), TEST(bad_tests_are_refused),
	};

	return cmocka_run_group_tests_name("measure_loop", all, NULL, NULL);
}
