/* SPDX-License-Identifier: BSD-3-Clause */
/* Which leaf a host of a job hangs on: by declared fabrics whose answer is known by construction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accept/accept.h"

enum { HOSTS = 5 };

static struct ct_host hosts[HOSTS] = { { .name = "n1" }, { .name = "n2.lab.example" }, { .name = "n3" },
	{ .name = "n30" }, { .name = "n4" } };
static const struct ct_world world = { .nhosts = HOSTS, .hosts = hosts };

/* Leaves L0 and L1 with two and three uplinks; hosts by PLACE: a digit each, the leaf, or '-'. RAILS: each host
 * has a second adapter at M0 or M1. */
static void declare(const char *place, bool rails, struct ct_fabric *fabric)
{
	static struct ct_plan_leaf leaves[4] = { { .name = "L0" }, { .name = "L1" }, { .name = "M0" }, { .name = "M1" } };
	struct ct_plan_host row[2 * HOSTS];
	struct ct_plan_uplink up[4] = { { "S0", 0, 2 }, { "S0", 1, 3 }, { "S0", 2, 4 }, { "S0", 3, 4 } };
	struct ct_fabric_plan plan = { .name = "made", .Mbps = 100000, .leaves = leaves, .hosts = row, .uplinks = up,
		.nleaves = rails ? 4 : 2, .nuplinks = rails ? 4 : 2 };

	for (int rail = 0; rail < (rails ? 2 : 1); rail++) {
		for (int h = 0; h < HOSTS; h++) {
			if (place[h] == '-')
				continue;
			row[plan.nhosts] = (struct ct_plan_host){ .leaf = (uint32_t)(place[h] - '0' + 2 * rail) };
			snprintf(row[plan.nhosts].name, sizeof(row[0].name), "%.*s", (int)strcspn(hosts[h].name, "."),
				hosts[h].name);
			plan.nhosts++;
		}
	}
	assert_int_equal(ct_fabric_declared(&plan, "made.yaml", fabric), CT_OK);
}

static void test_two_leaves(void **state)
{
	struct ct_fabric fabric;
	struct ct_leaves leaves;
	uint32_t missing = 9;

	(void)state;
	declare("01100", false, &fabric);
	assert_int_equal(ct_leaves_of(&fabric, &world, "made.yaml", &leaves, &missing), CT_OK);
	assert_int_equal(missing, 0);
	assert_int_equal(leaves.n, 2);
	assert_string_equal(leaves.names[0], "L0");
	assert_string_equal(leaves.names[1], "L1");
	/* n3 is not taken for n30 */
	assert_memory_equal(leaves.of, ((uint32_t[HOSTS]){ 0, 1, 1, 0, 0 }), sizeof(uint32_t[HOSTS]));
	assert_int_equal(leaves.uplinks, 2);
	assert_false(leaves.rail_leaves);
	ct_leaves_free(&leaves);
	ct_fabric_free(&fabric);
}

static void test_missing_hosts(void **state)
{
	struct ct_fabric fabric;
	struct ct_leaves leaves = { .n = 77 };
	uint32_t missing = 0;

	(void)state;
	declare("1-1-0", false, &fabric);
	assert_int_equal(ct_leaves_of(&fabric, &world, "made.yaml", &leaves, &missing), CT_OK);
	assert_int_equal(missing, 2);
	assert_int_equal(leaves.n, 3);
	assert_memory_equal(leaves.of, ((uint32_t[HOSTS]){ 0, 1, 0, 1, 2 }), sizeof(uint32_t[HOSTS]));
	assert_string_equal(leaves.names[0], "L1");
	assert_string_equal(leaves.names[1], "hosts that are not in the file");
	ct_leaves_free(&leaves);
	ct_fabric_free(&fabric);
	declare("-----", false, &fabric);
	leaves.n = 77;
	assert_int_equal(ct_leaves_of(&fabric, &world, "made.yaml", &leaves, &missing), CT_INVALID);
	assert_int_equal(leaves.n, 77);
	assert_non_null(strstr(ct_why(), "made.yaml: none of the job's 5 hosts is in it, not even n1"));
	ct_fabric_free(&fabric);
}

static void test_rails(void **state)
{
	struct ct_fabric fabric;
	struct ct_leaves leaves;
	uint32_t missing;

	(void)state;
	declare("00110", true, &fabric);
	assert_int_equal(ct_leaves_of(&fabric, &world, "made.yaml", &leaves, &missing), CT_OK);
	assert_int_equal(leaves.n, 2);
	assert_true(leaves.rail_leaves);
	assert_memory_equal(leaves.of, ((uint32_t[HOSTS]){ 0, 0, 1, 1, 0 }), sizeof(uint32_t[HOSTS]));
	ct_leaves_free(&leaves);
	ct_fabric_free(&fabric);
}

/* A slow uplink is told with the name of its leaf, and a waiver by number still fits. */
static void test_name(void **state)
{
	static const char *const names[] = { "L0", "spine side" };
	struct ct_fleet fleet = { .nodes = 2, .rails = 2, .rail_leaves = true, .leaf_names = names };
	struct ct_blame blame = { .kind = CT_BLAME_UPLINK, .leaf = 3, .factor = 1.2, .share = 0.25, .confirmed = true };
	char text[CT_BLAME_TEXT];

	(void)state;
	assert_non_null(strstr(ct_blame_text(&fleet, &blame, text), "leaf 3 (spine side), uplinks: 25 % of its traffic"));
	fleet.leaf_names = NULL;
	assert_non_null(strstr(ct_blame_text(&fleet, &blame, text), "leaf 3, uplinks: 25 %"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_leaves),
		cmocka_unit_test(test_missing_hosts),
		cmocka_unit_test(test_rails),
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests_name("accept_leaves", tests, NULL, NULL);
}
