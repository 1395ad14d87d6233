/* SPDX-License-Identifier: BSD-3-Clause */
/* The look-up by bisection agrees with reading through all rules, at every edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules/rules.h"

#define HEAD                                                                                       \
	"{\"schema\":\"colltune-rules/1\",\"scope\":{\"machine\":\"sha256:"                        \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","                      \
	"\"nodes\":[1,2],\"ranks_per_node\":[1,8]},\"rules\":["

static struct ct_rules *parse(const char *text)
{
	struct ct_rules *rules = NULL;

	if (ct_rules_parse(text, strlen(text), "r.json", &rules) != CT_OK)
		fail_msg("%s", ct_why());
	return rules;
}

static void rule(struct ct_buf *buf, const char *key, uint64_t low, uint64_t high, const char *algo)
{
	ct_buf_add(buf, "%s{%s,\"bytes\":[%llu,%llu],\"set\":{\"algo\":\"%s\"}}",
		buf->text[buf->used - 1] == '[' ? "" : ",", key, (unsigned long long)low,
		(unsigned long long)high, algo);
}

static void expect(const struct ct_rules *rules, ct_type type, uint64_t bytes, const char *algo)
{
	const struct ct_rule *found = ct_rules_pick(rules, CT_ALLREDUCE, "native", type, bytes);

	if (algo == NULL) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_string_equal(ct_rule_setting(found, "algo")->text, algo);
}

static void test_edges(void **state)
{
	static const char any[] = "\"coll\":\"allreduce\",\"backend\":\"native\",\"type\":\"any\"";
	static const char one[] = "\"coll\":\"allreduce\",\"backend\":\"native\",\"type\":\"float\"";
	struct ct_buf buf = ct_buf_make(1 << 16);
	struct ct_rules *rules;

	(void)state;
	ct_buf_add(&buf, "%s", HEAD);
	rule(&buf, any, 4096, INT64_MAX, "ring"); /* out of order on purpose */
	rule(&buf, any, 0, 1023, "doubling");
	rule(&buf, one, 512, 4096, "rabenseifner");
	ct_buf_add(&buf, "]}");
	rules = parse(buf.text);
	expect(rules, CT_INT32, 0, "doubling");
	expect(rules, CT_INT32, 1023, "doubling");
	expect(rules, CT_INT32, 1024, NULL);
	expect(rules, CT_INT32, 4095, NULL);
	expect(rules, CT_INT32, 4096, "ring");
	expect(rules, CT_INT32, INT64_MAX, "ring");
	expect(rules, CT_INT32, (uint64_t)INT64_MAX + 1, NULL);
	expect(rules, CT_FLOAT, 511, "doubling");
	expect(rules, CT_FLOAT, 512, "rabenseifner");
	expect(rules, CT_FLOAT, 4096, "rabenseifner");
	expect(rules, CT_FLOAT, 4097, "ring");
	assert_null(ct_rules_pick(rules, CT_ALLTOALL, "native", CT_FLOAT, 8));
	assert_null(ct_rules_pick(rules, CT_ALLREDUCE, "nativ", CT_FLOAT, 8));
	assert_null(ct_rules_pick(rules, CT_ALLREDUCE, "native2", CT_FLOAT, 8));
	assert_null(ct_rules_pick(NULL, CT_ALLREDUCE, "native", CT_FLOAT, 8));
	assert_null(ct_rules_pick(rules, CT_ALLREDUCE, NULL, CT_FLOAT, 8));
	ct_rules_free(rules);
	ct_buf_free(&buf);

	rules = parse(HEAD "]}");
	expect(rules, CT_FLOAT, 8, NULL);
	assert_int_equal(ct_rules_scope(rules)->nlibs, 0);
	ct_rules_free(rules);
}

/* The slow and obvious look-up. */
static const struct ct_rule *scan(const struct ct_rules *rules, ct_coll coll, const char *backend,
	int type, uint64_t bytes)
{
	for (size_t i = 0; i < ct_rules_count(rules); i++) {
		const struct ct_rule *r = ct_rules_at(rules, i);

		if (r->coll == coll && r->type == type && strcmp(r->backend, backend) == 0 &&
		    r->low <= bytes && bytes <= r->high)
			return r;
	}
	return NULL;
}

static void test_against_scan(void **state)
{
	static const char *const colls[] = { "allreduce", "alltoall", "broadcast" };
	static const ct_coll coll_ids[] = { CT_ALLREDUCE, CT_ALLTOALL, CT_BROADCAST };
	static const char *const backends[] = { "mpi", "native", "nccl" };
	static const char *const types[] = { "any", "float", "int32" };
	struct ct_buf buf = ct_buf_make(1 << 20);
	struct ct_rules *rules;
	uint64_t before;

	(void)state;
	ct_buf_add(&buf, "%s", HEAD);
	for (unsigned int i = 0; i < 27 * 20; i++) {
		unsigned int key = i % 27, step = i / 27;
		char text[128];

		/* Gaps of different length between ranges; some keys have none at all. */
		if (key % 7 == 3)
			continue;
		snprintf(text, sizeof(text), "\"coll\":\"%s\",\"backend\":\"%s\",\"type\":\"%s\"",
			colls[key % 3], backends[key / 3 % 3], types[key / 9]);
		rule(&buf, text, step * 100, step * 100 + 40 + key * 2, "a");
	}
	ct_buf_add(&buf, "]}");
	rules = parse(buf.text);
	before = ct_alloc_count();
	for (unsigned int key = 0; key < 9; key++) {
		for (uint64_t bytes = 0; bytes < 2100; bytes++) {
			ct_coll coll = coll_ids[key % 3];
			const char *backend = backends[key / 3];
			const struct ct_rule *want = scan(rules, coll, backend, CT_FLOAT, bytes);

			if (want == NULL)
				want = scan(rules, coll, backend, CT_RULES_ANY_TYPE, bytes);
			assert_ptr_equal(ct_rules_pick(rules, coll, backend, CT_FLOAT, bytes), want);
		}
	}
	assert_int_equal(ct_alloc_count(), before);
	ct_rules_free(rules);
	ct_buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_against_scan),
	};

	return cmocka_run_group_tests_name("rules_pick", tests, NULL, NULL);
}
