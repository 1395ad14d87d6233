/* SPDX-License-Identifier: BSD-3-Clause */
/* Which packets are RoCE v2, and their DSCP: headers after RFC 791, RFC 8200, RFC 768; whatever else comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "bench/roce_tap.h"

enum { IPV4 = 20, IPV6 = 40, UDP = 8 };

static void udp(unsigned char *p, unsigned int port)
{
	p[2] = (unsigned char)(port >> 8);
	p[3] = (unsigned char)port;
}

static void test_ipv4(void **state)
{
	unsigned char p[64] = { 0x45, 26 << 2 | 2, [9] = 17 };

	(void)state;
	udp(p + IPV4, 4791);
	assert_int_equal(ct_tap_dscp(p, IPV4 + UDP), 26); /* 106 = DSCP 26, ECT(0) */
	p[1] = 0xff;
	assert_int_equal(ct_tap_dscp(p, sizeof(p)), 63);
	assert_int_equal(ct_tap_dscp(p, IPV4 + UDP - 1), -1);
	p[6] = 0x40; /* do not fragment */
	assert_int_equal(ct_tap_dscp(p, sizeof(p)), 63);
	p[7] = 1; /* a later fragment has no UDP header */
	assert_int_equal(ct_tap_dscp(p, sizeof(p)), -1);
	p[7] = 0;
	p[9] = 6;
	assert_int_equal(ct_tap_dscp(p, sizeof(p)), -1);
	p[9] = 17;
	udp(p + IPV4, 4790);
	assert_int_equal(ct_tap_dscp(p, sizeof(p)), -1);
}

static void test_options(void **state)
{
	unsigned char p[96] = { 0x46, 48 << 2, [9] = 17 };

	(void)state;
	udp(p + IPV4, 4791);
	assert_int_equal(ct_tap_dscp(p, sizeof(p)), -1);
	udp(p + IPV4 + 4, 4791);
	assert_int_equal(ct_tap_dscp(p, sizeof(p)), 48);
	p[0] = 0x44; /* shorter than a header can be */
	assert_int_equal(ct_tap_dscp(p, sizeof(p)), -1);
	p[0] = 0x4f; /* longer than what is there */
	assert_int_equal(ct_tap_dscp(p, 60), -1);
}

static void test_ipv6(void **state)
{
	unsigned char p[64] = { 0x60 | (106 >> 4), (106 & 15) << 4, [6] = 17 };

	(void)state;
	udp(p + IPV6, 4791);
	assert_int_equal(ct_tap_dscp(p, IPV6 + UDP), 26);
	assert_int_equal(ct_tap_dscp(p, IPV6 + UDP - 1), -1);
	p[6] = 58;
	assert_int_equal(ct_tap_dscp(p, sizeof(p)), -1);
	p[0] = 0x80;
	assert_int_equal(ct_tap_dscp(p, sizeof(p)), -1);
	assert_int_equal(ct_tap_dscp(p, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4), cmocka_unit_test(test_options), cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests_name("bench_tap", tests, NULL, NULL);
}
