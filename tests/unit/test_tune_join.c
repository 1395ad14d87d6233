/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of 2 and of 4 ranks as rules for 2 to 4: what both chose, and of what both measured the joint best.
 * The expected choices are products of the gains written here, worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tune/tune.h"

enum { ROOM = 8192 };

/* One rule, or one setting that was measured; a gain of 0 is none. Its interval is R * [1 - E, 1 + E]. */
struct row {
	const char *algo;
	int low, high;
	double ratio, error;
};

static void put(char *text, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		sprintf(text + strlen(text), "%s{\"coll\":\"allreduce\",\"backend\":\"native\",\"type\":\"any\","
			"\"bytes\":[%d,%d],\"set\":{\"algo\":\"%s\"}", i > 0 ? "," : "", r->low, r->high, r->algo);
		if (r->ratio > 0)
			sprintf(text + strlen(text), ",\"gain\":{\"ratio\":%.4f,\"low\":%.4f,\"high\":%.4f}", r->ratio,
				r->ratio * (1 - r->error), r->ratio * (1 + r->error));
		strcat(text, "}");
	}
}

static struct ct_rules *rules_of(int ranks, const struct row *rules, size_t n, const struct row *measured, size_t m)
{
	struct ct_rules *made = NULL;
	char text[ROOM];

	sprintf(text, "{\"schema\":\"colltune-rules/1\",\"scope\":{\"machine\":\"sha256:"
		"ad46869a06647c02a7117e11679f7e42bbb22b3a714ffd61c85e53de611cf9b1\",\"nodes\":[1,1],"
		"\"ranks_per_node\":[%d,%d]},\"rules\":[", ranks, ranks);
	put(text, rules, n);
	strcat(text, "]");
	if (m > 0) {
		strcat(text, ",\"measured\":[");
		put(text, measured, m);
		strcat(text, "]");
	}
	strcat(text, "}");
	if (ct_rules_parse(text, strlen(text), "made", &made) != CT_OK)
		fail_msg("%s", ct_why());
	return made;
}

static struct ct_rules *join(struct ct_rules *two, struct ct_rules *four)
{
	struct ct_rules *joined = NULL;

	if (ct_rules_join(two, four, &joined) != CT_OK)
		fail_msg("%s", ct_why());
	ct_rules_free(two);
	ct_rules_free(four);
	return joined;
}

#define N(rows) rows, sizeof(rows) / sizeof((rows)[0])

static const struct ct_rule *expect(const struct ct_rules *joined, size_t i, const char *algo, uint64_t low,
	uint64_t high)
{
	const struct ct_rule *rule = ct_rules_at(joined, i);

	assert_non_null(rule);
	assert_string_equal(ct_rule_setting(rule, "algo")->text, algo);
	assert_int_equal(rule->low, low);
	assert_int_equal(rule->high, high);
	return rule;
}

/* Each search chose what is slow in the other; "tree" is second in both: 1.4 * 1.35 beats 1.5 * 1.0 (pairs) and
 * ring, of which the second search knows nothing but that it is slow. */
static void second_of_both(void **state)
{
	static const struct row chosen[2][1] = { { { "ring", 8, 15, 1.5, 0.02 } }, { { "bruck", 8, 15, 1.45, 0.02 } } };
	static const struct row measured[2][3] = {
		{ { "ring", 8, 15, 1.5, 0.02 }, { "pairs", 8, 15, 1.5, 0.02 }, { "tree", 8, 15, 1.4, 0.02 } },
		{ { "bruck", 8, 15, 1.45, 0.02 }, { "tree", 8, 15, 1.35, 0.02 }, { "pairs", 8, 15, 1, 0.02 } },
	};
	struct ct_rules *joined = join(rules_of(2, N(chosen[0]), N(measured[0])),
		rules_of(4, N(chosen[1]), N(measured[1])));
	const struct ct_rule *rule;

	(void)state;
	assert_int_equal(ct_rules_count(joined), 1);
	rule = expect(joined, 0, "tree", 8, 15);
	assert_int_equal(rule->ngains, 2);
	assert_int_equal(rule->gains[0].ranks_low, 2);
	assert_float_equal(rule->gains[0].ratio, 1.4, 1e-9);
	assert_int_equal(rule->gains[1].ranks_high, 4);
	assert_float_equal(rule->gains[1].ratio, 1.35, 1e-9);
	assert_float_equal(rule->gain, 1.35, 1e-9);
	assert_int_equal(rule->fresh, 0);
	assert_int_equal(ct_rules_scope(joined)->ranks_low, 2);
	assert_int_equal(ct_rules_scope(joined)->ranks_high, 4);
	ct_rules_free(joined);
}

/* What may be 6 % slower in one search is not taken, however much it gains in the other; nor what gains 3 % give or
 * take 5 % in each. So the default stays. */
static void default_stays(void **state)
{
	static const struct row two[2] = { { "ring", 8, 15, 1.9, 0.02 }, { "tree", 8, 15, 1.03, 0.05 } };
	static const struct row four[2] = { { "ring", 8, 15, 1, 0.06 }, { "tree", 8, 15, 1.03, 0.05 } };
	struct ct_rules *joined = join(rules_of(2, two, 1, N(two)), rules_of(4, NULL, 0, N(four)));

	(void)state;
	assert_int_equal(ct_rules_count(joined), 0);
	ct_rules_free(joined);
}

/* Beside a default that takes 2.5 times as long with 4 ranks (that much further are both settings apart from it)
 * nothing is chosen, though all gain; at the next size it is no longer so. */
static void other_default(void **state)
{
	static const struct row two[] = { { "ring", 8, 15, 1.4, 0.02 }, { "tree", 8, 15, 1.2, 0.02 },
		{ "ring", 16, 31, 1.4, 0.02 } };
	static const struct row four[] = { { "ring", 8, 15, 3.5, 0.02 }, { "tree", 8, 15, 2.3, 0.02 },
		{ "ring", 16, 31, 1.5, 0.02 } };
	struct ct_rules *joined = join(rules_of(2, NULL, 0, N(two)), rules_of(4, NULL, 0, N(four)));

	(void)state;
	assert_int_equal(ct_rules_count(joined), 1);
	(void)expect(joined, 0, "ring", 16, 31);
	ct_rules_free(joined);
}

/* Where both tell what they measured, that decides, also against what both chose; where one of them tells nothing,
 * as in a file without that part, it is what both chose. */
static void both_chose(void **state)
{
	static const struct row chosen[2][1] = { { { "ring", 8, 63, 1.2, 0.1 } }, { { "ring", 16, 127, 1.3, 0.05 } } };
	static const struct row measured[2] = { { "ring", 8, 31, 1.2, 0.1 }, { "tree", 8, 31, 1.5, 0.1 } };
	struct ct_rules *joined;
	const struct ct_rule *rule;

	(void)state;
	joined = join(rules_of(2, N(chosen[0]), NULL, 0), rules_of(4, N(chosen[1]), N(measured)));
	assert_int_equal(ct_rules_count(joined), 1);
	rule = expect(joined, 0, "ring", 16, 63);
	assert_float_equal(rule->gain, 1.2, 1e-9);
	assert_float_equal(rule->gains[1].ratio, 1.3, 1e-9);
	ct_rules_free(joined);
	joined = join(rules_of(2, N(chosen[0]), N(measured)), rules_of(4, N(chosen[1]), N(measured)));
	assert_int_equal(ct_rules_count(joined), 2);
	(void)expect(joined, 0, "tree", 8, 31);
	(void)expect(joined, 1, "ring", 32, 63);
	ct_rules_free(joined);
}

/* Sizes of the one search lie between those of the other. At 8 and 16 tree is the joint best; at 32 ring is by less
 * than 2 % a search, so tree goes on, with the gain that promises least; at 64 ring is by far. */
static void few_rules(void **state)
{
	static const struct row two[] = { { "tree", 8, 31, 1.5, 0.01 }, { "ring", 8, 31, 1.2, 0.01 },
		{ "tree", 32, 63, 1.3, 0.01 }, { "ring", 32, 63, 1.31, 0.01 }, { "tree", 64, 64, 1.1, 0.01 },
		{ "ring", 64, 64, 1.6, 0.01 } };
	static const struct row four[] = { { "tree", 16, 63, 1.4, 0.01 }, { "ring", 16, 63, 1.4, 0.01 },
		{ "tree", 64, 128, 1.1, 0.01 }, { "ring", 64, 128, 1.6, 0.01 } };
	struct ct_rules *joined = join(rules_of(2, NULL, 0, N(two)), rules_of(4, NULL, 0, N(four)));
	const struct ct_rule *rule;

	(void)state;
	assert_int_equal(ct_rules_count(joined), 2);
	rule = expect(joined, 0, "tree", 16, 63);
	assert_float_equal(rule->gains[0].ratio, 1.3, 1e-9);
	assert_float_equal(rule->gains[1].ratio, 1.4, 1e-9);
	(void)expect(joined, 1, "ring", 64, 64);
	ct_rules_free(joined);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(second_of_both), cmocka_unit_test(default_stays),
		cmocka_unit_test(other_default), cmocka_unit_test(both_chose), cmocka_unit_test(few_rules) };

	return cmocka_run_group_tests_name("tune_join", tests, NULL, NULL);
}
