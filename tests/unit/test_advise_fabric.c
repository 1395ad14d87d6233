/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of fabrics that no simulator can be made to break: routes; and rails that a plan declares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "advise/advise.h"

enum { LEAVES = 2, SPINES = 4, HOSTS = 8 }; /* hosts of each leaf */

static uint32_t node_called(const struct ct_fabric *f, const char *name)
{
	for (uint32_t i = 0; i < f->nnodes; i++)
		if (strcmp(f->nodes[i].name, name) == 0)
			return i;
	fail();
	return 0;
}

static uint32_t add(struct ct_fabric *f, enum ct_fabric_type type, const char *format, uint32_t number,
	uint32_t ports)
{
	uint32_t node = 0;
	char name[32];

	snprintf(name, sizeof(name), "%s%u", format, number);
	assert_int_equal(ct_fabric_add(f, type, name, ports, &node), CT_OK);
	return node;
}

/* Two leaves of eight hosts and four uplinks, one to each spine. Port p of a leaf leads to its host p
 * (1 to 8) or spine p - 9; port l of a spine to leaf l - 1. Host h of leaf l has LID 1 + 8 l + h. */
static void build(struct ct_fabric *f)
{
	uint32_t spine[SPINES];

	*f = (struct ct_fabric){ .link = CT_FABRIC_INFINIBAND };
	for (uint32_t s = 0; s < SPINES; s++)
		spine[s] = add(f, CT_FABRIC_SWITCH, "S", s, LEAVES);
	for (uint32_t l = 0; l < LEAVES; l++) {
		uint32_t leaf = add(f, CT_FABRIC_SWITCH, "L", l, HOSTS + SPINES);

		for (uint32_t h = 0; h < HOSTS; h++) {
			uint32_t host = add(f, CT_FABRIC_HCA, "H", HOSTS * l + h, 1);
			uint32_t port = f->nodes[host].first;

			f->ports[port].lid = 1 + HOSTS * l + h;
			assert_int_equal(ct_fabric_connect(f, f->nodes[leaf].first + h, port), CT_OK);
		}
		for (uint32_t s = 0; s < SPINES; s++)
			assert_int_equal(ct_fabric_connect(f, f->nodes[leaf].first + HOSTS + s,
				f->nodes[spine[s]].first + l), CT_OK);
	}
	assert_int_equal(ct_fabric_finish(f), CT_OK);
}

/* Two destinations by each uplink: balanced. */
static void route(struct ct_fabric *f)
{
	char name[8];

	for (uint32_t l = 0; l < LEAVES; l++) {
		snprintf(name, sizeof(name), "L%u", l);
		uint32_t leaf = node_called(f, name);

		assert_int_equal(ct_fabric_table(f, leaf, 1 + LEAVES * HOSTS), CT_OK);
		for (uint32_t h = 0; h < LEAVES * HOSTS; h++)
			f->nodes[leaf].table[1 + h] = (uint8_t)(h / HOSTS == l ? 1 + h % HOSTS :
				1 + HOSTS + h % SPINES);
	}
	for (uint32_t s = 0; s < SPINES; s++) {
		snprintf(name, sizeof(name), "S%u", s);
		uint32_t spine = node_called(f, name);

		assert_int_equal(ct_fabric_table(f, spine, 1 + LEAVES * HOSTS), CT_OK);
		for (uint32_t h = 0; h < LEAVES * HOSTS; h++)
			f->nodes[spine].table[1 + h] = (uint8_t)(1 + h / HOSTS);
	}
}

/* The findings of rule ID; their number. */
static size_t told(const struct ct_findings *all, const char *id, char *seen, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->list[i].rule->id, id) != 0)
			continue;
		if (n++ == 0)
			snprintf(seen, room, "%s", all->list[i].seen);
	}
	return n;
}

static void want(const struct ct_fabric *f, const struct ct_fabric_plan *plan, const char *id, size_t n,
	const char *text)
{
	struct ct_advise_in in = { .fabric = f, .plan = plan };
	struct ct_findings findings = { .n = 0 };
	char seen[240] = "";

	assert_int_equal(ct_advise_fabric(&in, &findings), CT_OK);
	assert_int_equal(told(&findings, id, seen, sizeof(seen)), n);
	assert_string_equal(seen, text);
	ct_findings_free(&findings);
}

static void test_balanced(void **state)
{
	struct ct_fabric f;

	(void)state;
	build(&f);
	want(&f, NULL, "fabric-routes", 0, "");
	route(&f);
	want(&f, NULL, "fabric-routes", 0, "");
	ct_fabric_free(&f);
}

/* All eight destinations of L1 over the uplink to S2. */
static void test_unbalanced(void **state)
{
	struct ct_fabric f;
	uint32_t leaf;

	(void)state;
	build(&f);
	route(&f);
	leaf = node_called(&f, "L0");
	for (uint32_t h = HOSTS; h < 2 * HOSTS; h++)
		f.nodes[leaf].table[1 + h] = 1 + HOSTS + 2;
	want(&f, NULL, "fabric-routes", 1,
		"L0[11] carries 8 of the 8 destinations above L0, which has 4 uplinks");
	ct_fabric_free(&f);
}

/* Three of eight destinations on one of four uplinks is not yet uneven. */
static void test_slightly(void **state)
{
	struct ct_fabric f;
	uint32_t leaf;

	(void)state;
	build(&f);
	route(&f);
	leaf = node_called(&f, "L0");
	f.nodes[leaf].table[1 + HOSTS] = 1 + HOSTS + 1; /* one, three, two, two */
	want(&f, NULL, "fabric-routes", 0, "");
	ct_fabric_free(&f);
}

static void test_lost(void **state)
{
	struct ct_fabric f;

	(void)state;
	build(&f);
	route(&f);
	f.nodes[node_called(&f, "S3")].table[5] = 0xff;
	want(&f, NULL, "fabric-routes", 1, "S3 has no route to 1 adapter port");
	snprintf(f.partial, sizeof(f.partial), "L9 did not answer");
	want(&f, NULL, "fabric-routes", 0, "");
	ct_fabric_free(&f);
}

/* Host H0 with adapters of rails 1 and 2 at leaves L0 and L1; the plan says which leaf is whose. */
static void test_rails(void **state)
{
	struct ct_plan_leaf leaves[] = { { "L0", 1 }, { "L1", 2 } };
	struct ct_plan_host hosts[] = { { "H0", 0 }, { "H1", 0 }, { "H0", 1 }, { "H1", 1 } };
	struct ct_fabric_plan plan = { .link = CT_FABRIC_INFINIBAND, .leaves = leaves, .nleaves = 2,
		.hosts = hosts, .nhosts = 4 };
	struct ct_fabric f;

	(void)state;
	assert_int_equal(ct_fabric_declared(&plan, "test", &f), CT_OK);
	want(&f, &plan, "fabric-cable-swapped", 0, "");
	leaves[0].rail = 2;
	leaves[1].rail = 1;
	want(&f, &plan, "fabric-cable-swapped", 4,
		"H0 HCA-1 (rail 1) is at L0[1], which is declared for rail 2");
	/* What the plan declares is also what it draws. */
	ct_fabric_free(&f);
	assert_int_equal(ct_fabric_declared(&plan, "test", &f), CT_OK);
	assert_int_equal(f.ports[f.ports[f.nodes[node_called(&f, "H0 HCA-2")].first].peer].node,
		node_called(&f, "L0"));
	want(&f, &plan, "fabric-cable-swapped", 0, "");
	ct_fabric_free(&f);
}

/* Three nodes; the profile wants two NICs of 400 Gbit/s that are up. */
static void test_profile_nics(void **state)
{
	static const char few[] = "1 of 3 nodes has fewer NICs that are up than the profile's 2 of 400 Gbit/s: b has ";
	struct ct_rail of[3][2];
	struct ct_rails nodes[3];
	struct ct_advise_in in = { .rails = nodes, .nrails = 3, .want_nics = 2, .want_Mbps = 400000 };
	struct {
		uint64_t Mbps;
		bool up;
		const char *has; /* NULL: no finding */
	} cases[] = { { 400000, true, NULL }, { 393000, true, NULL }, { 200000, true, "1" }, { 400000, false, "1" },
		{ 0, true, NULL /* nobody tells the rate */ } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ct_findings found = { NULL, 0, 0 };
		char want_text[160];

		for (int n = 0; n < 3; n++) {
			nodes[n] = (struct ct_rails){ .rails = of[n], .n = 2, .nrails = 2 };
			snprintf(nodes[n].host, sizeof(nodes[n].host), "%c", 'a' + n);
			for (int k = 0; k < 2; k++) {
				of[n][k] = (struct ct_rail){ .Mbps = 400000, .up = true };
				snprintf(of[n][k].address, sizeof(of[n][k].address), "0000:%02x:00.0", k + 1);
				snprintf(of[n][k].device, sizeof(of[n][k].device), "mlx5_%d", k);
			}
		}
		of[1][1].Mbps = cases[i].Mbps;
		of[1][1].up = cases[i].up;
		assert_int_equal(ct_advise_rails(&in, &found), CT_OK);
		snprintf(want_text, sizeof(want_text), "%s%s", few, cases[i].has != NULL ? cases[i].has : "");
		assert_int_equal(found.n, cases[i].has != NULL);
		if (found.n > 0)
			assert_string_equal(found.list[0].seen, want_text);
		ct_findings_free(&found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_balanced), cmocka_unit_test(test_unbalanced),
		cmocka_unit_test(test_slightly), cmocka_unit_test(test_lost), cmocka_unit_test(test_rails),
		cmocka_unit_test(test_profile_nics),
	};

	return cmocka_run_group_tests_name("advise_fabric", tests, NULL, NULL);
}
