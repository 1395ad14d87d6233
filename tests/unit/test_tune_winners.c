/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules over several backends: each size has one backend's, and the first one keeps what is not surely
 * lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tune/tune.h"

enum { SIZES = 5 };

static const uint64_t sizes[SIZES] = { 8, 16, 32, 64, 128 };

/* Cell 0 is the default, cell 1 "ring" with a knob. */
struct made {
	struct ct_candidate cells[2];
	struct ct_cell_times times[SIZES * 2];
};

static void make_part(struct ct_tune_part *part, struct made *m, const char *backend)
{
	*part = (struct ct_tune_part){ .coll = CT_ALLREDUCE, .backend = backend, .library = "colltune 0.1.0",
		.cells = m->cells, .ncells = 2, .sizes = (uint64_t *)(uintptr_t)sizes, .nsizes = SIZES };
	strcpy(m->cells[1].algo, "ring");
	strcpy(m->cells[1].knob_name[0], "segment");
	m->cells[1].knob[0] = 4096;
	m->cells[1].nknobs = 1;
	part->found.ncells = 2;
	part->found.nsizes = SIZES;
	part->found.times = m->times;
	for (size_t i = 0; i < SIZES; i++)
		part->found.measured[i] = true;
	part->found.stretch[0] = (struct ct_stretch){ .first = 0, .last = SIZES - 1, .cell = 0 };
	part->found.nstretches = 1;
}

static void set(struct ct_tune_part *part, size_t i, uint32_t cell, uint64_t median)
{
	struct ct_cell_times *t = ct_times(&part->found, i, cell);

	t->median = median;
	t->low = median - median / 10;
	t->high = median + median / 10;
}

/* WHOLE, which must be a rules file. */
static json_t *readable(json_t *whole)
{
	struct ct_rules *rules = NULL;
	char *text;

	assert_non_null(whole);
	text = json_dumps(whole, 0);
	if (ct_rules_parse(text, strlen(text), "winners", &rules) != CT_OK)
		fail_msg("%s", ct_why());
	ct_rules_free(rules);
	free(text);
	return whole;
}

static const char machine[] = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/* What MAKE writes of the parts, found by two ranks of one host. */
static json_t *written(struct ct_tune_part *parts, size_t n,
	json_t *(*make)(const struct ct_tuned *, const struct ct_world *, const char *, const char *))
{
	struct ct_host host = { .ranks = 2 };
	struct ct_world world = { .nranks = 2, .nhosts = 1, .hosts = &host };
	struct ct_tuned tuned = { .parts = parts, .nparts = n };

	return readable(make(&tuned, &world, machine, NULL));
}

static json_t *winners(struct ct_tune_part *parts, size_t n)
{
	return written(parts, n, ct_tune_winners);
}

static void expect(const json_t *whole, size_t i, const char *backend, const char *algo, json_int_t low,
	json_int_t high)
{
	const json_t *rule = json_array_get(json_object_get(whole, "rules"), i);
	const json_t *bytes = json_object_get(rule, "bytes");

	assert_non_null(rule);
	assert_string_equal(json_string_value(json_object_get(rule, "backend")), backend);
	assert_string_equal(json_string_value(json_object_get(json_object_get(rule, "set"), "algo")), algo);
	assert_int_equal(json_integer_value(json_array_get(bytes, 0)), low);
	assert_int_equal(json_integer_value(json_array_get(bytes, 1)), high);
}

static size_t count(const json_t *whole)
{
	return json_array_size(json_object_get(whole, "rules"));
}

/* NCCL's cell in the words of the tuner plugin, and on a stand-in marked so. */
static void cells_of_nccl(void **state)
{
	static struct made m;
	struct ct_tune_part part;
	const json_t *what;
	json_t *whole;

	(void)state;
	make_part(&part, &m, "nccl");
	part.library = "NCCL 2.28.9";
	part.path = "stand-in, no GPU, driver for CUDA 13.0";
	strcpy(m.cells[1].backend, "nccl");
	strcpy(m.cells[1].algo, "ring/ll128");
	strcpy(m.cells[1].knob_name[0], "channels");
	part.found.stretch[0].cell = 1;
	for (size_t i = 0; i < SIZES; i++) {
		set(&part, i, 0, 100);
		set(&part, i, 1, 50);
	}
	for (int64_t channels = 0; channels <= 8; channels += 8) {
		m.cells[1].knob[0] = channels;
		whole = written(&part, 1, ct_tune_rules);
		expect(whole, 0, "nccl", "ring", 8, 128);
		what = json_object_get(json_array_get(json_object_get(whole, "rules"), 0), "set");
		assert_string_equal(json_string_value(json_object_get(what, "proto")), "ll128");
		assert_int_equal(json_object_size(what), channels == 0 ? 2 : 3);
		assert_int_equal(json_integer_value(json_object_get(what, "channels")), channels);
		assert_true(json_is_true(json_object_get(json_object_get(whole, "scope"), "emulated")));
		json_decref(whole);
	}
	part.path = "NVIDIA H100, driver for CUDA 13.0";
	whole = written(&part, 1, ct_tune_rules);
	assert_null(json_object_get(json_object_get(whole, "scope"), "emulated"));
	json_decref(whole);
}

/* Samples of CELL at size I: AT - APART and AT + APART in turns, eight of them. */
static void sample(struct ct_tune_part *part, size_t i, uint32_t cell, uint64_t at, uint64_t apart)
{
	struct ct_cell_times *t = ct_times(&part->found, i, cell);

	for (t->n = 0; t->n < 8; t->n++)
		t->ns[t->n] = t->n % 2 == 0 ? at - apart : at + apart;
	t->counted = t->n;
	t->weight = t->n;
	t->state = CT_CELL_ALIVE;
	t->pooled = t->level = log((double)at);
}

static const json_t *member(const json_t *whole, size_t i, const char *name)
{
	return json_object_get(json_array_get(json_object_get(whole, "measured"), i), name);
}

/* What was measured beside the choice: not what is surely slower, wrong, or not known at that size; up to the next
 * size that was measured. A rules file over several backends has none of it. */
static void measured(void **state)
{
	static struct made m;
	struct ct_tune_part part;
	json_t *whole;

	(void)state;
	make_part(&part, &m, "native");
	for (size_t i = 0; i < SIZES; i++) {
		sample(&part, i, 0, 20000, 200);
		sample(&part, i, 1, i == 4 ? 40000 : 10000, 100);
	}
	ct_times(&part.found, 2, 1)->state = CT_CELL_WRONG;
	ct_times(&part.found, 3, 1)->counted = 0;
	part.found.measured[1] = false;
	whole = written(&part, 1, ct_tune_rules);
	assert_int_equal(count(whole), 0);
	assert_int_equal(json_array_size(json_object_get(whole, "measured")), 1);
	assert_int_equal(json_integer_value(json_array_get(member(whole, 0, "bytes"), 0)), 8);
	assert_int_equal(json_integer_value(json_array_get(member(whole, 0, "bytes"), 1)), 31);
	assert_string_equal(json_string_value(json_object_get(member(whole, 0, "set"), "algo")), "ring");
	/* a sample to the next: log(1.01 / 0.99) = 0.0200, over 0.9539 a noise of 0.0210; 1.96 * sqrt(0.0210^2 *
	 * (1/8 + 1/8) + 2 * 0.006^2) = 0.0264, so 2 * exp(-0.0264) = 1.948 and 2 * exp(0.0264) = 2.054 */
	assert_float_equal(json_real_value(json_object_get(member(whole, 0, "gain"), "ratio")), 2, 1e-9);
	assert_float_equal(json_real_value(json_object_get(member(whole, 0, "gain"), "low")), 1.948, 0.0011);
	assert_float_equal(json_real_value(json_object_get(member(whole, 0, "gain"), "high")), 2.054, 0.0011);
	json_decref(whole);
	whole = winners(&part, 1);
	assert_null(json_object_get(whole, "measured"));
	json_decref(whole);
}

static void one_backend(void **state)
{
	static struct made m;
	struct ct_tune_part part;
	json_t *whole;

	(void)state;
	make_part(&part, &m, "native");
	for (size_t i = 0; i < SIZES; i++)
		set(&part, i, 0, 100);
	whole = winners(&part, 1);
	assert_int_equal(count(whole), 0); /* defaults are best */
	json_decref(whole);
	part.found.stretch[0].last = 1;
	part.found.stretch[1] = (struct ct_stretch){ .first = 2, .last = 4, .cell = 1 };
	part.found.nstretches = 2;
	for (size_t i = 2; i < SIZES; i++)
		set(&part, i, 1, 50);
	whole = winners(&part, 1);
	assert_int_equal(count(whole), 1);
	expect(whole, 0, "native", "ring", 32, 128);
	json_decref(whole);
}

/* The second: surely faster at 16 by its default and at 32 by its ring; at 64 faster, but not surely; size 128
 * was not measured there. */
static void two_backends(void **state)
{
	static struct made m[2];
	struct ct_tune_part parts[2];
	json_t *whole;

	(void)state;
	make_part(&parts[0], &m[0], "native");
	make_part(&parts[1], &m[1], "mpi");
	for (size_t i = 0; i < SIZES; i++) {
		set(&parts[0], i, 0, 100);
		set(&parts[1], i, 0, i == 1 ? 50 : 200);
		set(&parts[1], i, 1, i == 2 ? 40 : 95);
	}
	parts[1].found.stretch[0].last = 1;
	parts[1].found.stretch[1] = (struct ct_stretch){ .first = 2, .last = 4, .cell = 1 };
	parts[1].found.nstretches = 2;
	parts[1].found.measured[4] = false;
	whole = winners(parts, 2);
	assert_int_equal(count(whole), 2);
	expect(whole, 0, "mpi", "default", 16, 31);
	expect(whole, 1, "mpi", "ring", 32, 63);
	json_decref(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(cells_of_nccl), cmocka_unit_test(measured),
		cmocka_unit_test(one_backend), cmocka_unit_test(two_backends) };

	return cmocka_run_group_tests_name("tune_winners", tests, NULL, NULL);
}
