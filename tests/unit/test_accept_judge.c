/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accept/accept.h"

/* A figure with ROUNDS medians about MEDIAN ns and 1 ms expected; 1 MiB unless changed. */
static struct ct_figure *add(struct ct_accept_report *r, uint32_t rounds, double median,
			     double spread)
{
	struct ct_figure *f;

	r->figures = ct_realloc(r->figures, r->nfigures + 1, sizeof(*f));
	assert_non_null(r->figures);
	f = &r->figures[r->nfigures++];
	*f = (struct ct_figure){ .coll = CT_ALLREDUCE,
				 .bytes = 1 << 20,
				 .rounds = rounds,
				 .samples = 100,
				 .checked = true };
	snprintf(f->candidate.backend, sizeof(f->candidate.backend), "native");
	snprintf(f->candidate.net, sizeof(f->candidate.net), "shm");
	f->round_ns = ct_alloc(rounds + 1, sizeof(double));
	assert_non_null(f->round_ns);
	for (uint32_t i = 0; i < rounds; i++)
		f->round_ns[i] =
			median * (1 + spread * (2.0 * i / (rounds > 1 ? rounds - 1 : 1) - 1));
	f->least_ns = (uint64_t)(median * (1 - spread));
	f->most_ns = (uint64_t)(median * (1 + spread));
	f->bus_bytes = 1 << 20;
	f->expected = (struct ct_expectation){ .known = true,
					       .time_ns = 1000000,
					       .busbw_Bps = (1 << 20) * 1e3 };
	snprintf(f->expected.formula, sizeof(f->expected.formula), "S / copy 1.05 GB/s");
	snprintf(f->expected.basis, sizeof(f->expected.basis), "measured copy");
	return f;
}

static struct ct_accept_report *make(void)
{
	struct ct_accept_report *r = ct_alloc(1, sizeof(*r));

	assert_non_null(r);
	r->nranks = r->ranks_per_host = 2;
	r->nhosts = 1;
	r->cpus_per_host = 4;
	return r;
}

static enum ct_verdict judged(struct ct_accept_report *r)
{
	assert_int_equal(ct_accept_judge(r, NULL, NULL), CT_OK);
	return r->verdict;
}

struct row {
	double median, spread;
	uint32_t rounds;
	enum ct_verdict verdict;
};

static void speed(void **state)
{
	static const struct row rows[] = {
		{ 1.00e6, 0.01, 8, CT_PASS },	      { 1.20e6, 0.01, 8, CT_PASS },
		{ 1.40e6, 0.01, 8, CT_WARN },	      { 2.00e6, 0.01, 8, CT_FAILED },
		{ 1.25e6, 0.10, 8, CT_INCONCLUSIVE }, { 1.20e6, 0.01, 1, CT_PASS },
		{ 1.25e6, 0.10, 1, CT_INCONCLUSIVE }, { 1.25e6, 0.10, 3, CT_INCONCLUSIVE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ct_accept_report *r = make();

		add(r, rows[i].rounds, rows[i].median, rows[i].spread);
		assert_int_equal(judged(r), rows[i].verdict);
		assert_int_equal(r->figures[0].verdict, rows[i].verdict);
		assert_int_equal(judged(r), rows[i].verdict); /* again, the same */
		ct_accept_free(r);
	}
}

/* The interval over 8 rounds is x(1) … x(8): coverage 0.992 (x(2) … x(7) has 0.930). */
static void interval(void **state)
{
	struct ct_accept_report *r = make();

	(void)state;
	add(r, 8, 1e6, 0.07);
	judged(r);
	assert_int_equal(r->figures[0].median_ns, 1000000);
	assert_in_range(r->figures[0].low_ns, 929999, 930001);
	assert_in_range(r->figures[0].high_ns, 1069999, 1070001);
	ct_accept_free(r);
}

static void bands(void **state)
{
	struct ct_accept_report *r = make();

	(void)state;
	/* 0.85: good enough against a measured floor, a warning against a link */
	snprintf(add(r, 8, 1e6 / 0.85, 0.001)->expected.basis, 24, "link rate");
	assert_int_equal(judged(r), CT_WARN);
	assert_int_equal(ct_accept_exit(r->verdict), 0);
	/* 0.25 at 8 bytes is good enough: latency bands */
	r->figures[0].bytes = 8;
	r->figures[0].round_ns[0] = 0;
	for (int i = 0; i < 8; i++)
		r->figures[0].round_ns[i] = 4e6;
	assert_int_equal(judged(r), CT_PASS);
	ct_accept_free(r);
}

static void wrong_data(void **state)
{
	struct ct_accept_report *r = make();

	(void)state;
	add(r, 8, 1e6, 0.01)->wrong = 12;
	r->oversubscribed = true;
	assert_int_equal(judged(r), CT_FAILED);
	assert_string_equal(r->reason, "wrong data: 12 elements");
	assert_string_equal(r->figures[0].note, "wrong data: 12 elements");
	assert_int_equal(ct_accept_exit(r->verdict), 1);
	ct_accept_free(r);
}

static void not_judged(void **state)
{
	struct ct_accept_report *r = make();

	(void)state;
	assert_int_equal(judged(r), CT_UNJUDGED); /* nothing at all */
	assert_int_equal(ct_accept_exit(r->verdict), 5);
	add(r, 8, 1e6, 0.01)->expected.known = false;
	add(r, 0, 1e6, 0.01)->cannot = true;
	snprintf(r->figures[1].why, 160, "needs a power of two");
	assert_int_equal(judged(r), CT_UNJUDGED);
	assert_string_equal(r->figures[1].note, "needs a power of two");
	assert_int_equal(r->nunjudged, 2);
	add(r, 8, 1e6, 0.01);
	assert_int_equal(judged(r), CT_PASS);
	ct_accept_free(r);
}

static void oversubscribed(void **state)
{
	struct ct_accept_report *r = make();

	(void)state;
	add(r, 8, 9e6, 0.01); /* would fail */
	r->oversubscribed = true;
	r->ranks_per_host = 4;
	r->cpus_per_host = 2;
	assert_int_equal(judged(r), CT_INCONCLUSIVE);
	assert_string_equal(r->figures[0].note, "oversubscribed: 4 ranks on 2 processors");
	assert_int_equal(ct_accept_exit(r->verdict), 5);
	ct_accept_free(r);
}

static void other_work(void **state)
{
	struct ct_accept_report *r = make();
	struct ct_figure *f = add(r, 8, 9e6, 0.01);

	(void)state;
	f->samples = 100;
	f->forced = r->nranks * 51;
	assert_int_equal(judged(r), CT_INCONCLUSIVE);
	assert_string_equal(r->figures[0].note,
			    "other work ran here: 102 forced context switches in 100 samples on 2 ranks");
	r->figures[0].forced = r->nranks * 50;
	assert_int_equal(judged(r), CT_FAILED);
	ct_accept_free(r);
}

static void interrupted(void **state)
{
	struct ct_accept_report *r = make();

	(void)state;
	add(r, 8, 1e6, 0.01);
	r->interrupted = true;
	assert_int_equal(judged(r), CT_INCONCLUSIVE);
	ct_accept_free(r);
}

static void pairs(void **state)
{
	struct ct_accept_report *r = make();
	struct ct_figure *f;

	(void)state;
	for (uint32_t i = 1; i < 4; i++) {
		f = add(r, 1, i == 2 ? 2.2e6 : 1e6, 0.001);
		f->coll = CT_P2P_ONEWAY;
		f->b = i;
		f->pairs = 1;
		f->expected.known = false;
	}
	assert_int_equal(judged(r), CT_WARN);
	assert_int_equal(r->worst_pair, 1);
	assert_int_equal(r->best_pair, 0);
	assert_string_equal(r->figures[1].note,
			    "2.2 times slower than the best pair (at most 2.1)");
	ct_accept_free(r);
}

static void environments(void **state)
{
	struct ct_accept_report *r = make();

	(void)state;
	add(r, 8, 1e6, 0.01);
	r->env = ct_alloc(2, sizeof(*r->env));
	assert_non_null(r->env);
	r->nenv = 2;
	assert_int_equal(judged(r), CT_PASS);
	r->env[1].differs[CT_MUST_KERNEL] = true;
	assert_int_equal(judged(r), CT_WARN);
	r->env[1].differs[CT_MUST_MPI] = true;
	assert_int_equal(judged(r), CT_FAILED);
	assert_string_equal(r->reason, "1 hosts run other software than the majority");
	ct_accept_free(r);
}

static const char golden[] =
	"2 ranks on 1 host; 12.5 s of 60 s; seed 7\n"
	"\n"
	"efficiency: pass from 0.80, warn from 0.60; links 0.90, 0.80; below 1M 0.050, 0.025\n"
	"what                                size  median [95 % interval]           expected "
	"effic.  verdict\n"
	"allreduce native/shm                   8  4.00 us [3.96 4.04]               1.00 ms "
	"250.06  pass\n"
	"    = S / copy 1.05 GB/s (measured copy)\n"
	"allreduce mpi                         1M  749 MB/s [742 757]              1.05 GB/s   "
	"0.71  warn\n"
	"    = S / copy 1.05 GB/s (measured copy)\n"
	"allreduce native/shm                  1M  1.05 GB/s [1.04 1.06]           1.05 GB/s   "
	"1.00  pass\n"
	"alltoall native/shm                   1M  1.05 GB/s [1.04 1.06]           1.05 GB/s   "
	"1.00  fail\n"
	"    ! wrong data: 3 elements\n"
	"\n"
	"Suggestions, the most urgent and the largest gain first\n"
	"  - advice (backend-choice): allreduce 1M: native/shm default is faster than mpi default "
	"(at 1M 999\n"
	"    us against 1.40 ms)\n"
	"    why:  the library that is fastest for small messages is seldom so for large ones\n"
	"    set:  use colltune's native over shm for these sizes\n"
	"    undo: use what was used before\n"
	"    gain: measured 1.40 times [1.39 1.41], p = 0.00016, effect 1.00\n"
	"    from: measured here; Mann and Whitney 1947, Holm 1979\n"
	"  - note (defaults): of 1 comparisons 1 faster, 0 slower, 0 no different within 5 %, 0 "
	"not resolved,\n"
	"    0 inconclusive (fewer than 8 rounds)\n"
	"\n"
	"2 pass, 1 warn, 1 fail, 0 inconclusive, 0 unjudged\n"
	"verdict: fail (wrong data: 3 elements)\n";

static void text(void **state)
{
	struct ct_accept_report *r = make();
	struct ct_buf out = ct_buf_make(1 << 16);
	struct ct_figure *f;

	(void)state;
	r->elapsed_ns = 12500000000u;
	r->budget_ns = 60000000000u;
	r->seed = 7;
	f = add(r, 8, 1.40e6, 0.01);
	snprintf(f->candidate.backend, sizeof(f->candidate.backend), "mpi");
	f->candidate.net[0] = '\0';
	add(r, 8, 1.0e6, 0.01);
	add(r, 8, 1.0e6, 0.01)->wrong = 3;
	r->figures[2].coll = CT_ALLTOALL;
	f = add(r, 8, 4000, 0.01);
	f->bytes = 8;
	f->bus_bytes = 1 << 20;
	judged(r);
	assert_int_equal(ct_accept_print(r, &out), CT_OK);
	assert_string_equal(out.text, golden);
	ct_buf_free(&out);
	ct_accept_free(r);
}

static void json(void **state)
{
	struct ct_accept_report *r = make();
	json_t *o;

	(void)state;
	add(r, 8, 1.0e6, 0.01);
	judged(r);
	o = ct_accept_json(r);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "schema")), "colltune-verdict/1");
	assert_string_equal(json_string_value(json_object_get(o, "verdict")), "pass");
	assert_int_equal(json_array_size(json_object_get(o, "figures")), 1);
	assert_int_equal(json_array_size(json_object_get(
				 json_array_get(json_object_get(o, "figures"), 0), "rounds_ns")),
			 8);
	json_decref(o);
	ct_accept_free(r);
}

/* Every pair meets exactly once, and each round's pairs are disjoint, for 2 … 64 ranks. */
static void tournament(void **state)
{
	(void)state;
	for (uint32_t n = 2; n <= 64; n++) {
		uint8_t met[64][64] = { { 0 } };

		assert_int_equal(ct_pair_rounds(n), n % 2 == 0 ? n - 1 : n);
		for (uint32_t r = 0; r < ct_pair_rounds(n); r++) {
			uint32_t partner[64];

			memset(partner, 0xff, sizeof(partner));
			ct_pair_round(n, r, partner);
			for (uint32_t i = 0; i < n; i++) {
				assert_true(partner[i] < n);
				assert_int_equal(partner[partner[i]], i);
				met[i][partner[i]]++;
			}
		}
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t k = 0; k < n; k++)
				assert_int_equal(met[i][k], i != k || n % 2 == 1);
	}
	assert_int_equal(ct_pair_rounds(1), 0);
}

/* Each pair once, for 2 … 64 ranks; of 1,000 ranks the first 500 pairs already touch most ranks. */
static void walk(void **state)
{
	static uint8_t met[1000];
	struct ct_pair_walk w;
	uint32_t touched = 0;

	(void)state;
	for (uint32_t n = 2; n <= 64; n++) {
		uint32_t total = n * (n - 1) / 2;
		uint8_t seen[64 * 63 / 2] = { 0 };

		ct_pair_walk(n, total, &w);
		for (uint32_t i = 0; i < total; i++) {
			uint64_t k = ct_pair_next(&w);

			assert_true(k < total);
			assert_int_equal(seen[k]++, 0);
		}
	}
	ct_pair_walk(1, 1000 * 999 / 2, &w);
	for (int i = 0; i < 500; i++) {
		uint64_t k = ct_pair_next(&w), first = 0;

		for (; k >= 999 - first; first++)
			k -= 999 - first;
		met[first] = met[first + 1 + k] = 1;
	}
	for (int i = 0; i < 1000; i++)
		touched += met[i];
	assert_true(touched > 500);
}

static void stages(void **state)
{
	uint32_t mask = 99;

	(void)state;
	assert_int_equal(ct_stages_parse("environment,pairs", &mask), CT_OK);
	assert_int_equal(mask, 1u << CT_STAGE_ENVIRONMENT | 1u << CT_STAGE_PAIRS);
	assert_int_equal(ct_stages_parse("pears", &mask), CT_INVALID);
	assert_string_equal(ct_why(), "unknown stage \"pears\"; did you mean \"pairs\"?");
	assert_int_equal(ct_stages_parse("", &mask), CT_INVALID);
	assert_int_equal(mask, 1u << CT_STAGE_ENVIRONMENT | 1u << CT_STAGE_PAIRS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speed),      cmocka_unit_test(interval),
		cmocka_unit_test(bands),      cmocka_unit_test(wrong_data),
		cmocka_unit_test(not_judged), cmocka_unit_test(oversubscribed),
		cmocka_unit_test(other_work), cmocka_unit_test(interrupted),
		cmocka_unit_test(pairs),      cmocka_unit_test(environments),
		cmocka_unit_test(text),	      cmocka_unit_test(json),
		cmocka_unit_test(tournament), cmocka_unit_test(stages),
		cmocka_unit_test(walk),
	};

	return cmocka_run_group_tests_name("accept judge", tests, NULL, NULL);
}
