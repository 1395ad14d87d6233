/* SPDX-License-Identifier: BSD-3-Clause */
/* The search on generated tables of costs whose best answer is known. */
#include "tune_table.h"

/* ---- generated tables ----------------------------------------------------------------------- */

static uint32_t add_cell(uint32_t family)
{
	table.cells[table.ncells] = (struct ct_cell){ .family = family };
	return (uint32_t)table.ncells++;
}

static uint32_t add_knob_cell(uint32_t family, uint8_t at, uint8_t of)
{
	uint32_t c = add_cell(family);

	table.cells[c].nknobs = 1;
	table.cells[c].at[0] = at;
	table.cells[c].of[0] = of;
	return c;
}

/* All-reduce of N ranks by the textbook's formulas (Thakur, Rabenseifner, Gropp 2005), A ns a message,
 * B ns a byte; a ring in segments pays for each of them and overlaps what it sends with what it adds. */
static void textbook(double n, double a, double b)
{
	static const double segments[] = { 0, 4096, 16384, 65536, 262144, 1048576 };
	double lg = ceil(log2(n)), part = (n - 1) / n, reduce = b / 2;

	memset(&table, 0, sizeof(table));
	table.noise = 0.05;
	table.budget_ns = 1e12;
	add_cell(0);
	for (uint32_t f = 1; f <= 3; f++)
		add_cell(f);
	for (uint8_t k = 0; k < 6; k++)
		add_knob_cell(4, k == 0 ? 5 : k - 1, 6); /* 0: whole blocks */
	for (size_t i = 0; i < SIZES; i++) {
		double m = (double)(table.sizes[i] = 8ull << i), *ns = table.ns[i];

		ns[1] = lg * (a + m * b + m * reduce);
		ns[2] = 2 * lg * a + 2 * m * part * b + m * part * reduce;
		ns[3] = 2 * lg * (a + m * b) + lg * m * reduce;
		for (int k = 0; k < 6; k++) {
			double block = m / n, seg = segments[k] > 0 && segments[k] < block ? segments[k] : block;
			double pieces = block / seg;

			table.twin[i][4 + k] = k > 0 && seg == block;
			ns[4 + k] = 2 * (n - 1) * (a * fmax(1, pieces / 4)) +
				2 * m * part * b + (pieces > 1 ? 0.3 : 1) * m * part * reduce;
		}
		/* the default changes its mind at the wrong places */
		ns[0] = m <= 1024 ? ns[1] : m <= 4 << 20 ? ns[3] : ns[4];
	}
}

/* What no formula says: each time by itself up or down by SPREAD, and each family but the default takes
 * JUMP more above a size of its own (another protocol). */
static void roughen(uint64_t seed, double spread, double jump)
{
	struct ct_rng rng = table.rng;

	table.rng = ct_rng_make(seed);
	for (size_t c = 0; c < table.ncells; c++) {
		size_t at = 8 + (size_t)(uniform() * 8);

		for (size_t i = 0; i < SIZES; i++)
			table.ns[i][c] *= exp(spread * (2 * uniform() - 1)) * (c > 0 && i >= at ? 1 + jump : 1);
	}
	table.rng = rng;
}

/* The limits of the issue for the mean, the cost and what is not resolved; WORST: 10 % are asked. */
static void assert_good(struct outcome o, double worst)
{
	assert_true(o.worst <= 1 + worst);
	assert_true(o.mean <= 1.02);
	assert_true(o.cost <= 0.05);
	assert_true(o.most_cost <= 0.07);
	assert_true((double)o.unresolved <= 0.15 * (double)o.measured);
	assert_true((double)o.lies <= 0.02 * (double)o.measured);
}

static void generated_tables(void **state)
{
	static const struct {
		double ranks, message_ns, byte_ns;
	} of[] = { { 2, 500, 0.2 }, { 4, 1000, 0.1 }, { 16, 5000, 0.1 }, { 8, 20000, 1 } };
	size_t far = 0;
	size_t unresolved = 0, measured = 0;

	(void)state;
	for (size_t k = 0; k < 2 * sizeof(of) / sizeof(of[0]); k++) {
		struct outcome o;

		textbook(of[k / 2].ranks, of[k / 2].message_ns, of[k / 2].byte_ns);
		if (k % 2 > 0)
			roughen(k / 2 + 1, 0.03, 0.1);
		o = outcome_of(0);
		/* Two of those that no formula says keep 10 % with any of 40 other seeds too. In the others a setting
		 * with segments gains 16 % at the two largest sizes only. There 5 % of a sweep are
		 * one call and a quarter of each setting, of which a first call takes one and a half, and one call
		 * errs by 5 %. */
		assert_good(o, k == 1 || k == 5 ? 0.1 : 0.2);
		far += o.far;
		unresolved += o.unresolved;
		measured += o.measured;
	}
	assert_true((double)unresolved <= 0.07 * (double)measured);
	/* sizes at which 10 % and more are lost */
	assert_true((double)far <= 0.01 * (double)measured);
}

/* A table of SETTINGS algorithms without knobs, whose times are still to be set. */
static void begin_table(uint32_t settings)
{
	memset(&table, 0, sizeof(table));
	table.noise = 0.05;
	table.budget_ns = 1e12;
	for (uint32_t c = 0; c < settings; c++)
		(void)add_cell(c);
}

/* From one size to the next all take three times as long, but for one setting, which so far lay a little behind: no
 * line may lead across, or the others are taken for as fast as they were. */
static void a_cache_ends(void **state)
{
	enum { AT = 15, SETTINGS = 10, STAYS = 9 };
	struct outcome o;

	(void)state;
	begin_table(SETTINGS);
	for (size_t i = 0; i < SIZES; i++) {
		table.sizes[i] = 8ull << i;
		for (size_t c = 0; c < SETTINGS; c++)
			table.ns[i][c] = (500 + 0.25 * (double)table.sizes[i]) * (1 + 0.01 * (double)c) *
				(c == STAYS ? i < AT ? 1.1 : 1.2 : i < AT ? 1 : 1.5);
	}
	o = outcome_of(0);
	assert_true(o.worst <= 1.1);
	assert_true(o.mean <= 1.02);
}

/* Up to 4 KiB all samples of one visit to a size agree, and the next visit tells other times, as where ranks share
 * processors: whoever was late there is not to be lost. */
static void visits_differ(void **state)
{
	enum { SMALL = 10, SETTINGS = 12 };
	struct outcome o;

	(void)state;
	begin_table(SETTINGS);
	table.noise = 0.03;
	for (size_t i = 0; i < SIZES; i++) {
		table.sizes[i] = 8ull << i;
		table.apart[i] = i < SMALL ? 0.3 : 0;
		for (size_t c = 0; c < SETTINGS; c++)
			table.ns[i][c] = (5000 + 0.25 * (double)table.sizes[i]) *
				(1 + 0.1 * (double)(c < SETTINGS - 2 ? c + 5 : (c - 10) * 5));
	}
	o = outcome_of(0);
	assert_true(o.mean <= 1.02);
	assert_true(o.cost <= 0.05);
}

/* The default changes its algorithm too late: from AT on the second setting takes half of its time, at the size below
 * as long. Only that one is cheap enough for a check on fresh samples, which finds no gain; the rule is to stay. */
static void one_size_gains_nothing(void **state)
{
	enum { AT = 17, SETTINGS = 12 };
	size_t lost = 0;

	(void)state;
	begin_table(SETTINGS);
	for (size_t i = 0; i < SIZES; i++) {
		table.sizes[i] = 8ull << i;
		for (size_t c = 0; c < SETTINGS; c++)
			table.ns[i][c] = (5000 + 0.5 * (double)table.sizes[i]) *
				(c == 1 || (c == 0 && i == AT - 1) ? 1 : c == 0 && i < AT - 1 ? 0.8 : 2.4);
	}
	for (uint64_t seed = 1; seed <= 4 * SEARCHES; seed++) {
		struct ct_search found;

		assert_int_equal(search(seed, 0, &found), CT_OK);
		for (size_t i = AT; i < SIZES; i++)
			lost += ct_search_choice(&found, i) != 1;
		ct_search_free(&found);
	}
	print_message("# %zu sizes lost\n", lost);
	assert_int_equal(lost, 0);
}

/* The default is the second setting up to 4 KiB and the third beyond, as a library's own choice is. Neither is tried
 * where it is the default, its times there are known, and the one rule is where the default changes too late. */
static void what_the_default_is(void **state)
{
	enum { CHANGES = 10, BETTER = 6, SETTINGS = 4 };
	struct ct_search found;

	(void)state;
	begin_table(SETTINGS);
	for (size_t i = 0; i < SIZES; i++) {
		const double early = i < BETTER ? 1 : 1.5, late = i < BETTER ? 1.5 : 1;

		table.sizes[i] = 8ull << i;
		table.is[i] = i < CHANGES ? 1 : 2;
		for (size_t c = 0; c < SETTINGS; c++)
			table.ns[i][c] = (500 + 0.25 * (double)table.sizes[i]) *
				(c == 3 ? 2 : c == 1 || (c == 0 && i < CHANGES) ? early : late);
	}
	for (uint64_t seed = 1; seed <= SEARCHES; seed++) {
		assert_int_equal(search(seed, 0, &found), CT_OK);
		for (size_t i = 0; i < SIZES; i++) {
			uint32_t c = ct_search_choice(&found, i);

			assert_int_equal(table.tried[i][table.is[i]], 0);
			assert_int_equal(ct_times(&found, i, table.is[i])->n, ct_times(&found, i, 0)->n);
			assert_true(table.ns[i][c] <= 1.001 * best_at(i));
		}
		assert_int_equal(found.nstretches, 3 - (found.stretch[1].last == SIZES - 1));
		ct_search_free(&found);
	}
}

static void defaults_are_best(void **state)
{
	struct ct_search found;
	size_t rules = 0;

	(void)state;
	textbook(8, 5000, 0.1);
	for (size_t i = 0; i < SIZES; i++)
		table.ns[i][0] = best_at(i);
	for (uint64_t seed = 1; seed <= SEARCHES; seed++) {
		assert_int_equal(search(seed, 0, &found), CT_OK);
		for (size_t k = 0; k < found.nstretches; k++)
			rules += found.stretch[k].cell != 0;
		ct_search_free(&found);
	}
	/* each is checked with 95 % confidence */
	print_message("# %zu rules in %zu searches\n", rules, (size_t)SEARCHES);
	assert_true(rules <= 1);
}

static void illegal_and_wrong(void **state)
{
	struct ct_search found;

	(void)state;
	textbook(8, 5000, 0.1);
	for (size_t i = 0; i < SIZES; i++)
		table.illegal[i][1] = i % 2 == 0; /* recursive doubling */
	for (uint32_t c = 4; c < 10; c++)
		table.wrong[c] = true;            /* every ring */
	assert_int_equal(search(3, 0, &found), CT_OK);
	for (size_t i = 0; i < SIZES; i++) {
		uint32_t c = ct_search_choice(&found, i);

		assert_true(c == 0 || !table.wrong[c]);
	}
	ct_search_free(&found);
}

static void budgets(void **state)
{
	struct ct_search found;

	(void)state;
	textbook(8, 5000, 0.1);
	table.budget_ns = 1000;
	assert_int_equal(search(1, 0, &found), CT_INVALID);
	assert_non_null(strstr(ct_why(), "budget"));
	ct_search_free(&found);
	table.budget_ns = exhaustive() * 0.02;
	assert_int_equal(search(1, 1, &found), CT_OK);
	assert_true((double)found.spent_ns <= 1.2 * table.budget_ns);
	ct_search_free(&found);
}

static void bad_input(void **state)
{
	struct ct_search_in in = { .cells = table.cells, .ncells = 0, .sizes = table.sizes, .nsizes = 1 };
	struct ct_search found;

	(void)state;
	textbook(8, 5000, 0.1);
	assert_int_equal(ct_search_run(&in, &found), CT_INVALID);
	in.ncells = 2;
	in.nsizes = 2;
	table.sizes[1] = table.sizes[0];
	assert_int_equal(ct_search_run(&in, &found), CT_INVALID);
	ct_search_free(&found);
}

/* One size, one cell, and two of each. */
static void smallest(void **state)
{
	struct ct_search_in in = { .cells = table.cells, .sizes = table.sizes, .budget_ns = 1000000000,
		.take = take };
	struct ct_search found;

	(void)state;
	textbook(4, 1000, 0.1);
	table.rng = ct_rng_make(1);
	for (in.ncells = 1; in.ncells <= 2; in.ncells++)
		for (in.nsizes = 1; in.nsizes <= 2; in.nsizes++) {
			assert_int_equal(ct_search_run(&in, &found), CT_OK);
			assert_int_equal(found.nstretches, 1);
			ct_search_free(&found);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_tables), cmocka_unit_test(a_cache_ends),
		cmocka_unit_test(visits_differ), cmocka_unit_test(one_size_gains_nothing),
		cmocka_unit_test(what_the_default_is),
		cmocka_unit_test(defaults_are_best),
		cmocka_unit_test(illegal_and_wrong), cmocka_unit_test(budgets),
		cmocka_unit_test(bad_input), cmocka_unit_test(smallest),
	};

	return cmocka_run_group_tests_name("tune_search", tests, NULL, NULL);
}
