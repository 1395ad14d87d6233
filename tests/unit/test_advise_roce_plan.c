/* SPDX-License-Identifier: BSD-3-Clause */
/* Recommended RoCE values and the contract: sources outside, round trips, damaged input. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "advise/roce_plan.h"

static const struct ct_roce_input usual = { { 100, 40, 9216, 4200 }, 33554432, 32, 10, 16, 144, 0.125, 1 };

static double value(const struct ct_roce_advice *a, const char *id)
{
	const struct ct_roce_value *v = ct_roce_value_find(a, id);

	assert_non_null(v);
	assert_true(v->formula[0] != '\0' && v->source[0] != '\0');
	return v->value;
}

static void test_values(void **state)
{
	struct ct_roce_advice a;

	(void)state;
	assert_int_equal(ct_roce_recommend(&usual, &a), CT_OK);
	assert_true(a.headroom >= value(&a, "headroom.sonic") && a.headroom >= value(&a, "headroom.qbb"));
	assert_true(a.headroom < value(&a, "headroom.sonic") + 1024);
	/* by hand: 5000 of cable, 394 * 64 of response, 4200; up to KiB */
	assert_true(fabs(value(&a, "pfc.xon") - 34816) < 0.5);
	/* 100 Gb/s for 10 us, up to KiB */
	assert_true(fabs(value(&a, "ecn.kmin") - 125952) < 0.5);
	assert_true(value(&a, "ecn.kmax") < value(&a, "pfc.threshold-one"));
	/* 26 << 2 | 2, as NVIDIA's doRoCE and UCX's default have it */
	assert_true(value(&a, "env.NCCL_IB_TC") > 105.5 && value(&a, "env.NCCL_IB_TC") < 106.5);
	assert_null(ct_roce_value_find(&a, "none"));
}

/* Each lossless priority takes its headroom at every port off the shared buffer; 0 counts as one. */
static void test_lossless_priorities(void **state)
{
	struct ct_roce_input in = usual;
	struct ct_roce_advice one, two;

	(void)state;
	assert_int_equal(ct_roce_recommend(&in, &one), CT_OK);
	in.lossless = 2;
	assert_int_equal(ct_roce_recommend(&in, &two), CT_OK);
	assert_true(fabs(value(&one, "pfc.shared") - value(&two, "pfc.shared") - 32 * (one.headroom + one.xon)) < 0.5);
	assert_true(value(&two, "pfc.threshold-one") < value(&one, "pfc.threshold-one"));
	in.lossless = 9;
	assert_int_equal(ct_roce_recommend(&in, &two), CT_INVALID);
	assert_non_null(strstr(ct_why(), "--lossless-priorities is 9"));
}

/* ECN before PFC, also where the buffer is too small for 4 BDP. */
static void test_small_buffer(void **state)
{
	struct ct_roce_input in = usual;
	struct ct_roce_advice a;

	(void)state;
	in.buffer = 6e6;
	assert_int_equal(ct_roce_recommend(&in, &a), CT_OK);
	assert_true(a.kmax < value(&a, "pfc.threshold-one") && a.kmin < a.kmax);
	assert_non_null(strstr(a.note, "the buffer"));
	in.buffer = 4.2e6;
	assert_int_equal(ct_roce_recommend(&in, &a), CT_INVALID);
	assert_non_null(strstr(ct_why(), "no room to mark"));
	in.buffer = -1;
	assert_int_equal(ct_roce_recommend(&in, &a), CT_INVALID);
	assert_non_null(strstr(ct_why(), "--buffer (bytes) is -1"));
}

/* SONiC's watchdog: 64 ports twice the times, the poll at most a second. */
static void test_watchdog(void **state)
{
	struct ct_roce_input in = usual;
	struct ct_roce_advice a;

	(void)state;
	in.buffer = 0;
	in.ports = 64;
	assert_int_equal(ct_roce_recommend(&in, &a), CT_OK);
	assert_true(a.detect_ms > 399 && a.detect_ms < 401);
	in.ports = 512;
	assert_int_equal(ct_roce_recommend(&in, &a), CT_OK);
	assert_true(a.poll_ms > 999 && a.poll_ms < 1001);
}

/* Kmin of 100 Gb/s differ tenfold: 100,000 (ConWeave) to 1,048,576 (SONiC). */
static void test_profiles(void **state)
{
	double low = INFINITY, high = 0;

	(void)state;
	for (const struct ct_roce_profile *p = ct_roce_profiles(); p->name != NULL; p++) {
		double kmin = p->kmin * (p->per_Gbps ? 100 : 1);

		assert_true(p->kmin <= p->kmax && p->pmax > 0 && p->pmax <= 100 && p->source[0] != '\0');
		if (p->low_Gbps > 100 || p->high_Gbps < 100)
			continue;
		low = fmin(low, kmin);
		high = fmax(high, kmin);
	}
	assert_true(fabs(low - 100e3) < 1 && fabs(high - 1048576) < 1);
}

static void test_round_trip(void **state)
{
	static const double speeds[] = { 25, 100, 400 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct ct_roce_input in = usual;
		struct ct_roce_advice a;
		struct ct_roce_contract want, got;
		struct ct_roce_ports ports, back;
		struct ct_roce_differences d;
		struct ct_buf text = ct_buf_make(SIZE_MAX);

		in.link.Gbps = speeds[i];
		assert_int_equal(ct_roce_recommend(&in, &a), CT_OK);
		ct_roce_contract_make(&a, &want);
		assert_int_equal(ct_roce_ports_parse("Ethernet0,Ethernet100", &ports), CT_OK);
		assert_int_equal(ct_roce_sonic_write(&want, &ports, speeds[i], &text), CT_OK);
		assert_int_equal(ct_roce_sonic_ports(text.text, text.used, "it", &back), CT_OK);
		assert_int_equal(back.n, 2);
		assert_int_equal(ct_roce_sonic_read(text.text, text.used, "it", "Ethernet100", &got), CT_OK);
		assert_memory_equal(&want, &got, sizeof(want));
		ct_roce_contract_compare(&want, &got, UINT32_MAX >> (32 - CT_ROCE_TERMS), &d);
		assert_int_equal(d.n, 0);
		/* a name that another begins with is another port */
		assert_int_equal(ct_roce_sonic_read(text.text, text.used, "it", "Ethernet1", &got), CT_OK);
		assert_true(got.term[CT_ROCE_XOFF] == CT_ROCE_UNSTATED);
		ct_buf_free(&text);
	}
}

/* Each term changed alone is found alone. */
static void test_differences(void **state)
{
	struct ct_roce_advice a;
	struct ct_roce_contract want, got;
	struct ct_roce_differences d;

	(void)state;
	assert_int_equal(ct_roce_recommend(&usual, &a), CT_OK);
	ct_roce_contract_make(&a, &want);
	for (int i = 0; i < CT_ROCE_TERMS; i++) {
		got = want;
		got.term[i] = CT_ROCE_UNSTATED;
		ct_roce_contract_compare(&want, &got, UINT32_MAX, &d);
		assert_int_equal(d.n, 1);
		assert_string_equal(d.rows[0].what, ct_roce_term_name((enum ct_roce_term)i));
		assert_true(d.rows[0].breaks);
		ct_roce_contract_compare(&want, &got, 0, &d);
		assert_int_equal(d.n, 0);
	}
	got = want;
	got.term[CT_ROCE_XOFF]++;
	got.tc_of_dscp[24] = CT_ROCE_DATA_TC;
	ct_roce_contract_compare(&want, &got, UINT32_MAX, &d);
	assert_int_equal(d.n, 2);
	assert_false(d.rows[0].breaks || d.rows[1].breaks);
	got = want;
	got.group_of_tc[5] = CT_ROCE_DATA_TC;
	ct_roce_contract_compare(&want, &got, UINT32_MAX, &d);
	assert_int_equal(d.n, 1);
	assert_true(d.rows[0].breaks);
}

static void test_damaged(void **state)
{
	static const char *const texts[] = { "{", "[]", "{}", "{\"PORT\": {}}", "{\"PORT_QOS_MAP\": 1}" };
	struct ct_roce_ports ports;
	struct ct_roce_contract got;
	const char *odd = "{\"PORT_QOS_MAP\": {\"E\": {\"pfc_enable\": 3, \"dscp_to_tc_map\": \"[X\"}},"
		"\"DSCP_TO_TC_MAP\": [], \"QUEUE\": {\"E|\": {}, \"|\": 1, \"E|3-\": {\"wred_profile\": \"|\"}},"
		"\"CABLE_LENGTH\": {\"A\": {\"E\": \"99999999999999999999m\"}}}";

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(ct_roce_sonic_ports(texts[i], strlen(texts[i]), "it", &ports), CT_INVALID);
	assert_int_equal(ct_roce_sonic_read(odd, strlen(odd), "it", "E", &got), CT_OK);
	assert_true(got.term[CT_ROCE_CABLE] == CT_ROCE_UNSTATED && got.tc_of_dscp[26] == -1);
	assert_int_equal(ct_roce_ports_parse("", &ports), CT_INVALID);
	assert_int_equal(ct_roce_ports_parse("a,,b", &ports), CT_INVALID);
	assert_int_equal(ct_roce_ports_parse("a b", &ports), CT_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_lossless_priorities),
		cmocka_unit_test(test_small_buffer),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests_name("advise_roce_plan", tests, NULL, NULL);
}
