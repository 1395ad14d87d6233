/* SPDX-License-Identifier: BSD-3-Clause */
/* Every algorithm is proved by the symbolic checker, and the checker catches planted errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/base.h"
#include "coll/coll.h"
#include "coll/schedule.h"

/* The proof for every rank count belongs to the plain build; under a sanitizer, ten times slower, the
 * code is what is tested, and these counts take every path of it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MOST_RANKS = 17 };
#else
enum { MOST_RANKS = 64 };
#endif

static void prove(const struct ct_algo *algo, const struct ct_shape *shape)
{
	uint64_t seed = shape->nranks * 1000003u + shape->count * 101 + shape->segment_bytes;
	ct_status status = ct_schedule_check(algo, shape, seed);

	if (status != CT_OK)
		fail_msg("%s %s n=%u root=%u count=%llu segment=%llu in_place=%d: %s",
			ct_coll_name(algo->coll), algo->name, shape->nranks, shape->root,
			(unsigned long long)shape->count,
			(unsigned long long)shape->segment_bytes, shape->in_place, ct_why());
}

static bool runs_in_place(ct_coll coll)
{
	return coll != CT_ALLTOALL && coll < CT_P2P_LATENCY;
}

/* All segment sizes of interest, all places, all roots (sampled) of one rank count and count. */
static void prove_variants(const struct ct_algo *algo, struct ct_shape shape)
{
	static const uint64_t segments[] = { 0, 4, 12 };
	uint32_t n = shape.nranks, roots[] = { 0, 1 % n, n / 2, n - 1 };
	size_t s, r, p;

	for (s = 0; s < (algo->segments ? 3 : 1); s++)
		for (r = 0; r < (ct_coll_rooted(algo->coll) ? 4 : 1); r++)
			for (p = 0; p < (runs_in_place(algo->coll) ? 2 : 1); p++) {
				/* One-element segments of many elements only repeat. */
				if (segments[s] == 4 && shape.count > 2 * n + 2)
					continue;
				shape.segment_bytes = segments[s];
				shape.root = roots[r];
				shape.in_place = p == 1;
				prove(algo, &shape);
			}
}

static void all_algorithms(void **state)
{
	const struct ct_algo *algo;
	uint32_t n, i;

	(void)state;
	for (algo = ct_algo_rows(); algo->name != NULL; algo++) {
		if (algo->coll >= CT_P2P_LATENCY)
			continue;
		for (n = 1; n <= MOST_RANKS; n++) {
			bool blocks = algo->coll == CT_ALLTOALL || algo->coll == CT_ALLGATHER ||
				algo->coll == CT_REDUCE_SCATTER || algo->coll == CT_GATHER ||
				algo->coll == CT_SCATTER;
			const uint64_t whole[] = { 0, 1, n - 1, n, n + 1, 4 * n + 3 };
			const uint64_t block[] = { 0, 1, 2, 3, 7, n < 14 ? 4 * n + 3 : 2 };

			for (i = 0; i < (algo->coll == CT_BARRIER ? 1 : 6); i++) {
				struct ct_shape shape = { .coll = algo->coll, .nranks = n,
					.element_bytes = 4, .count = blocks ? block[i] : whole[i] };

				prove_variants(algo, shape);
			}
		}
	}
}

static void patterns(void **state)
{
	/* Neighbours, far pairs, one idle rank. */
	static const uint32_t partner[3][7] = {
		{ 1, 0, 3, 2, 5, 4, 6 }, { 3, 4, 5, 0, 1, 2, 6 }, { 6, 1, 2, 3, 4, 5, 0 } };
	static const uint64_t counts[] = { 0, 1, 7, 20000 };
	static const uint32_t windows[] = { 1, 2, 3, 64, 100 };
	const struct ct_algo *algo;
	size_t p, c, w;

	(void)state;
	for (algo = ct_algo_rows(); algo->name != NULL; algo++)
		for (p = 0; algo->coll >= CT_P2P_LATENCY && p < 3; p++)
			for (c = 0; c < 4; c++)
				for (w = 0; w < (counts[c] > 7 ? 4 : 5); w++) {
					struct ct_shape shape = { .coll = algo->coll, .nranks = 7,
						.element_bytes = 8, .count = counts[c],
						.window = windows[w], .partner = partner[p] };

					prove(algo, &shape);
				}
}

static void refuses_in_place(void **state)
{
	uint32_t partner[2] = { 1, 0 };
	const struct ct_algo *algo;

	(void)state;
	for (algo = ct_algo_rows(); algo->name != NULL; algo++) {
		struct ct_shape shape = { .coll = algo->coll, .nranks = 2, .element_bytes = 4,
			.count = 3, .window = 1, .partner = partner, .in_place = true };

		if (runs_in_place(algo->coll))
			continue;
		assert_int_equal(ct_schedule_check(algo, &shape, 1), CT_UNSUPPORTED);
		assert_non_null(strstr(ct_why(), "in place"));
	}
}

/* ---- planted errors ------------------------------------------------------------------------ */

/* What is done to rank 1's schedule; a generator takes no argument. */
static void (*plant)(struct ct_schedule *s);

static ct_status planted_ring(const struct ct_shape *shape, struct ct_schedule *out)
{
	ct_status status = ct_algo_find(CT_ALLREDUCE, "ring")->generate(shape, out);

	if (status == CT_OK && shape->rank == 1)
		plant(out);
	return status;
}

static void keep(struct ct_schedule *s)
{
	(void)s;
}

static void drop_dependencies(struct ct_schedule *s)
{
	for (uint32_t i = 0; i < s->nsteps; i++)
		s->steps[i].dep[0] = s->steps[i].dep[1] = CT_NO_DEP;
}

static void drop_last_dependency(struct ct_schedule *s)
{
	uint32_t i = s->nsteps - 1;

	while (s->steps[i].kind != CT_STEP_SEND)
		i--;
	s->steps[i].dep[0] = CT_NO_DEP;
}

static void shift_source(struct ct_schedule *s)
{
	s->steps[0].src.at = s->steps[0].src.at > 0 ? 0 : s->steps[0].count;
}

static void wrong_peer(struct ct_schedule *s)
{
	s->steps[0].peer = 0;
}

static void no_such_peer(struct ct_schedule *s)
{
	s->steps[0].peer = 99;
}

static void short_message(struct ct_schedule *s)
{
	s->steps[0].count--;
}

static void out_of_bounds(struct ct_schedule *s)
{
	for (uint32_t i = 0; i < s->nsteps; i++)
		s->steps[i].dst.at += 1;
}

static void writes_input(struct ct_schedule *s)
{
	s->steps[1].dst.buf = CT_IN;
}

static void no_step(struct ct_schedule *s)
{
	s->nsteps = 0;
}

static void via_in_use(struct ct_schedule *s)
{
	for (uint32_t i = 0; i < s->nsteps; i++)
		if (s->steps[i].kind == CT_STEP_RECV_REDUCE) {
			s->steps[i].via = 0;
			s->steps[i].dep[0] = CT_NO_DEP;
		}
}

static void depends_on_later(struct ct_schedule *s)
{
	s->steps[2].dep[0] = 3;
}

static void catches_planted(void **state)
{
	static const struct {
		void (*plant)(struct ct_schedule *s);
		const char *says;
	} rows[] = {
		{ drop_dependencies, "" }, { drop_last_dependency, "" },
		{ shift_source, "reduced together" }, { wrong_peer, "" },
		{ no_such_peer, "names rank 99 of 5" }, { short_message, "expects" },
		{ out_of_bounds, "leave their buffer" },
		{ writes_input, "writes the send buffer" }, { no_step, "never" },
		{ via_in_use, "not complete" }, { depends_on_later, "not before it" },
	};
	static const struct ct_algo algo = { CT_ALLREDUCE, "planted", "", true, planted_ring };
	struct ct_shape shape = { .coll = CT_ALLREDUCE, .nranks = 5, .count = 23,
		.element_bytes = 4 };
	size_t i;
	uint64_t seed;

	(void)state;
	plant = keep;
	assert_int_equal(ct_schedule_check(&algo, &shape, 1), CT_OK);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (seed = 1; seed <= 4; seed++) {
			plant = rows[i].plant;
			if (ct_schedule_check(&algo, &shape, seed) != CT_CORRUPT)
				fail_msg("planted error %zu passed with seed %d", i, (int)seed);
			if (strstr(ct_why(), rows[i].says) == NULL)
				fail_msg("planted error %zu: %s", i, ct_why());
		}
}

/* Two ranks that both send before they receive: right only while sends need no receive. */
static ct_status send_then_receive(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t sent;

	*out = (struct ct_schedule){ .in_count = 1, .out_count = 1 };
	sent = ct_add_send(out, 1 - shape->rank, ct_at(CT_IN, 0), 1, CT_NO_DEP);
	ct_add_recv(out, 1 - shape->rank, ct_at(CT_OUT, 0), 1, sent);
	return out->failed;
}

static void catches_rendezvous_deadlock(void **state)
{
	static const struct ct_algo algo = { CT_P2P_DUPLEX, "head-on", "", false,
		send_then_receive };
	uint32_t partner[2] = { 1, 0 };
	struct ct_shape shape = { .coll = CT_P2P_DUPLEX, .nranks = 2, .count = 1, .window = 1,
		.element_bytes = 4, .partner = partner };

	(void)state;
	assert_int_equal(ct_schedule_check(&algo, &shape, 1), CT_CORRUPT);
	assert_non_null(strstr(ct_why(), "deadlock when sends wait"));
}

/* Rank 1's vector goes to rank 0 twice and is added twice. */
static ct_status adds_twice(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t last = CT_NO_DEP;

	*out = (struct ct_schedule){ .in_count = 1, .out_count = 1, .tmp_count = 2 };
	for (uint64_t i = 0; i < 2; i++) {
		struct ct_step recv = { .kind = CT_STEP_RECV_REDUCE, .peer = 1,
			.src = ct_at(i == 0 ? CT_IN : CT_OUT, 0), .dst = ct_at(CT_OUT, 0),
			.via = i, .count = 1, .dep = { last, CT_NO_DEP } };

		if (shape->rank == 0)
			last = ct_add_step(out, &recv);
		else
			ct_add_send(out, 0, ct_at(CT_IN, 0), 1, CT_NO_DEP);
	}
	return out->failed;
}

/* A barrier in which nobody waits before telling. */
static ct_status hasty(const struct ct_shape *shape, struct ct_schedule *out)
{
	ct_status status = ct_algo_find(CT_BARRIER, "dissemination")->generate(shape, out);

	if (status == CT_OK)
		drop_dependencies(out);
	return status;
}

static void catches_wrong_meaning(void **state)
{
	static const struct ct_algo twice = { CT_ALLREDUCE, "twice", "", false, adds_twice };
	static const struct ct_algo barrier = { CT_BARRIER, "hasty", "", false, hasty };
	struct ct_shape shape = { .coll = CT_ALLREDUCE, .nranks = 2, .count = 1,
		.element_bytes = 4 };

	(void)state;
	assert_int_equal(ct_schedule_check(&twice, &shape, 1), CT_CORRUPT);
	assert_non_null(strstr(ct_why(), "twice"));
	shape = (struct ct_shape){ .coll = CT_BARRIER, .nranks = 4, .element_bytes = 4 };
	assert_int_equal(ct_schedule_check(&barrier, &shape, 1), CT_CORRUPT);
	assert_non_null(strstr(ct_why(), "hearing only"));
}

static void automatic_choice(void **state)
{
	uint32_t n, partner[2] = { 1, 0 };
	uint64_t count;
	int coll;

	(void)state;
	for (coll = 0; coll < CT_NCOLLS; coll++)
		for (n = 1; n <= 4096; n += n < 8 ? 1 : n)
			for (count = 0; count <= 1 << 24; count = count * 4 + 1) {
				struct ct_shape shape = { .coll = (ct_coll)coll, .nranks = n,
					.count = count, .element_bytes = 4, .window = 1,
					.partner = partner };
				const struct ct_algo *algo = ct_algo_auto(&shape);

				assert_non_null(algo);
				assert_int_equal(algo->coll, coll);
			}
	assert_null(ct_algo_find(CT_ALLREDUCE, "rign"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_algorithms),
		cmocka_unit_test(patterns),
		cmocka_unit_test(refuses_in_place),
		cmocka_unit_test(catches_planted),
		cmocka_unit_test(catches_rendezvous_deadlock),
		cmocka_unit_test(catches_wrong_meaning),
		cmocka_unit_test(automatic_choice),
	};

	return cmocka_run_group_tests_name("coll_schedule", tests, NULL, NULL);
}
