/* SPDX-License-Identifier: BSD-3-Clause */
/* The ladder on made-up rounds with a planted loss: where it is found, and where nothing is said. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "advise/advise.h"

enum { ROUNDS = 8, RUNGS = 5 };

static double costs[RUNGS][ROUNDS];
static struct ct_rung rungs[RUNGS];
static struct ct_ladder ladder;

/* Rung I costs TIMES what the round costs, whose drift (a factor of four over the rounds) is larger
 * than any loss; every rung has its own small noise, by a fixed seed. */
static void plant(size_t i, const char *name, int below, double times, double expected)
{
	struct ct_rng rng = ct_rng_make(7 + i);

	for (int r = 0; r < ROUNDS; r++)
		costs[i][r] = 1000 * (1 + 3.0 * r / ROUNDS) * times *
			(1 + 0.004 * ((double)(ct_rng_next(&rng) >> 11) / 9007199254740992.0 - 0.5));
	rungs[i] = (struct ct_rung){ .below = below, .cost = costs[i], .rounds = ROUNDS,
		.expected = expected };
	snprintf(rungs[i].name, sizeof(rungs[i].name), "%s", name);
}

static int build(void **state)
{
	(void)state;
	plant(0, "verbs", -1, 1, 0);
	plant(1, "GPU", 0, 1, 0);
	rungs[1].rounds = 0;
	snprintf(rungs[1].why, sizeof(rungs[1].why), "no GPU");
	plant(2, "MPI", 1, 1.3, 0);
	plant(3, "NCCL", 2, 1.3, 0);
	plant(4, "collective", 2, 2.6, 0);
	ladder = (struct ct_ladder){ .rungs = rungs, .n = RUNGS };
	return 0;
}

static void judge(void)
{
	assert_int_equal(ct_ladder_judge(&ladder), CT_OK);
}

/* Twice the cost of MPI at the collective, and a missing rung in between is passed over. */
static void planted(void **state)
{
	(void)state;
	judge();
	assert_int_equal(rungs[0].result, CT_RUNG_ALONE);
	assert_int_equal(rungs[1].result, CT_RUNG_MISSING);
	assert_int_equal(rungs[2].against, 0);
	assert_int_equal(rungs[2].result, CT_RUNG_LOSS);
	assert_true(fabs(rungs[2].loss.ratio - 1.3) < 0.01 && rungs[2].loss.low > 1.29 &&
		rungs[2].loss.high < 1.31);
	assert_int_equal(rungs[3].result, CT_RUNG_SAME);
	assert_int_equal(rungs[4].result, CT_RUNG_LOSS);
	/* signed-rank of 8 rounds of one sign: 2/256; three rungs in the family */
	assert_true(fabs(rungs[4].p - 3 * 2.0 / 256) < 1e-9);
	assert_int_equal(ladder.end, CT_LADDER_FOUND);
	assert_int_equal(ladder.worst, 4);
	assert_non_null(strstr(ladder.sentence, "the largest unexplained loss lies at collective: 2.00 times ["));
	assert_non_null(strstr(ladder.sentence, "the cost of MPI"));
}

/* What the model expects of the collective is no loss: then MPI's is the largest. */
static void explained(void **state)
{
	(void)state;
	rungs[2].expected = 100;
	rungs[4].expected = 200;
	judge();
	assert_int_equal(rungs[4].result, CT_RUNG_SAME);
	assert_true(rungs[4].explained == 2);
	assert_true(fabs(rungs[4].loss.ratio - 2) < 0.02);
	assert_int_equal(ladder.worst, 2);
	assert_int_equal(ladder.end, CT_LADDER_FOUND);
	rungs[4].expected = 100; /* one half of it is explained no longer */
	judge();
	assert_int_equal(ladder.worst, 4);
}

/* The first rung against what is expected of the hardware; costs drift by 4, so it is not resolved
 * unless it is far off. */
static void hardware(void **state)
{
	(void)state;
	rungs[0].expected = 100;
	judge();
	assert_int_equal(rungs[0].against, -1);
	assert_int_equal(rungs[0].result, CT_RUNG_LOSS);
	assert_int_equal(ladder.worst, 0);
	assert_non_null(strstr(ladder.sentence, "verbs: "));
	assert_true(rungs[0].unexplained.low > 10 && rungs[0].unexplained.high < 37);
	assert_non_null(strstr(ladder.sentence, "the least that could be expected here; of the layers above "
		"it, at collective: 2.00 times"));
}

static void clean(void **state)
{
	(void)state;
	plant(2, "MPI", 1, 1.01, 0);
	plant(3, "NCCL", 2, 0.5, 0);
	plant(4, "collective", 2, 1.02, 0);
	judge();
	assert_int_equal(rungs[3].result, CT_RUNG_GAIN);
	assert_int_equal(ladder.end, CT_LADDER_CLEAN);
	assert_string_equal(ladder.sentence, "no rung loses more than 5 % that is not explained");
}

static void doubts(void **state)
{
	(void)state;
	for (int i = 0; i < RUNGS; i++)
		if (i != 1)
			rungs[i].rounds = 3;
	judge();
	assert_int_equal(ladder.end, CT_LADDER_OPEN);
	assert_non_null(strstr(ladder.sentence, "inconclusive (3 rounds, 8 needed); the largest loss "
		"seen is at collective: 2.00 times the cost of MPI"));
	build(NULL);
	ladder.oversubscribed = true;
	judge();
	assert_int_equal(ladder.end, CT_LADDER_CROWDED);
	assert_non_null(strstr(ladder.sentence, "inconclusive (more ranks than processors); the largest"));
	build(NULL);
	for (int r = 0; r < ROUNDS; r++) /* as often above as below */
		costs[4][r] *= r % 2 == 0 ? 0.25 : 1.1;
	plant(2, "MPI", 1, 1, 0);
	plant(3, "NCCL", 2, 1, 0);
	judge();
	assert_int_equal(rungs[4].result, CT_RUNG_UNRESOLVED);
	assert_int_equal(ladder.end, CT_LADDER_OPEN);
	assert_non_null(strstr(ladder.sentence, "inconclusive (the rounds differ too much)"));
	ladder.n = 1;
	judge();
	assert_string_equal(ladder.sentence, "inconclusive (no two rungs could be compared)");
	ladder.n = 0;
	judge();
	assert_int_equal(ladder.end, CT_LADDER_OPEN);
}

/* Nothing stands on a rung whose data are wrong; and what stands on itself is refused. */
static void wrong(void **state)
{
	(void)state;
	rungs[2].wrong = 5;
	judge();
	assert_int_equal(rungs[2].result, CT_RUNG_WRONG);
	assert_int_equal(rungs[4].against, 0);
	assert_int_equal(ladder.end, CT_LADDER_WRONG);
	assert_non_null(strstr(ladder.sentence, "wrong data at MPI"));
	rungs[3].below = 3;
	assert_int_equal(ct_ladder_judge(&ladder), CT_INVALID);
}

#define TEST(name) cmocka_unit_test_setup(name, build)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(planted), TEST(explained), TEST(hardware), TEST(clean), TEST(doubts), TEST(wrong),
	};

	return cmocka_run_group_tests_name("advise_ladder", tests, NULL, NULL);
}
