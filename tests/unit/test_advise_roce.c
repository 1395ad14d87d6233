/* SPDX-License-Identifier: BSD-3-Clause */
/* RoCE arithmetic against values worked out elsewhere; each row says where. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "advise/roce.h"

static void near(double got, double want, double tolerance, const char *what)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("%s: %.6g, not %.6g within %.3g", what, got, want, tolerance);
}

/* Worked table: port MTU 9216, lossless MTU 4200, MAC/PHY 0.8 KiB, kilobytes. Formula (1) is the mlx5
 * driver's, (2) SONiC's with cell factors 1 and 2. */
static void test_headroom(void **state)
{
	static const struct {
		double Gbps, metres, mlx5, sonic1, sonic2;
	} rows[] = {
		{ 100, 3, 55.8, 39.8, 75.5 }, { 100, 40, 63.8, 44.5, 84.8 },
		{ 100, 100, 76.8, 52.1, 100.0 }, { 100, 300, 120.0, 77.3, 150.5 },
		{ 400, 3, 148.1, 73.7, 143.1 }, { 400, 40, 180.0, 92.4, 180.5 },
		{ 400, 100, 231.9, 122.7, 241.1 }, { 400, 300, 404.7, 223.7, 443.1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ct_roce_link link = { rows[i].Gbps, rows[i].metres, 9216, 4200 };

		near(ct_roce_headroom_mlx5(&link) / 1e3, rows[i].mlx5, 0.06, "mlx5");
		near(ct_roce_headroom_sonic(&link, 1, 0, 819.2) / 1e3, rows[i].sonic1, 0.06, "SONiC");
		near(ct_roce_headroom_sonic(&link, 2, 0, 819.2) / 1e3, rows[i].sonic2, 0.06,
			"SONiC, factor 2");
	}
	near(ct_roce_cell_factor(144, 1), 2.25, 1e-9, "Spectrum's cell of 144 bytes");
	near(ct_roce_cell_factor(96, 1), 192.0 / 97, 1e-9, "a cell of 96 bytes");
	near(ct_roce_cell_factor(144, 0), 1, 1e-9, "no small packets");
	assert_true(isnan(ct_roce_response_quanta(56)));
	/* 100 Gb/s: 9216 + 84 + 2 * 15360 + 3 m (375 bytes) + 25216 + 4200, by hand */
	near(ct_roce_headroom_qbb(&(struct ct_roce_link){ 100, 3, 9216, 4200 }), 69811, 0.5, "Qbb");
	assert_true(isnan(ct_roce_headroom_mlx5(&(struct ct_roce_link){ 25, 3, 9216, 4200 })));
}

static void test_response(void **state)
{
	(void)state;
	/* a vendor's text gives bit times: 100G 201,728, 400G 463,360 */
	near(ct_roce_response_quanta(100) * 512, 201728, 0, "100 Gb/s");
	near(ct_roce_response_quanta(400) * 512, 463360, 0, "400 Gb/s");
}

/* HPCC's simulator: 16 senders, 100 Gb/s, 1 us links, 32 MiB, alpha 1/8, 17 ports with 3 * rate * delay
 * of headroom and 4 KB of reserve each: its queue's maximum is 22,369 KB. */
static void test_dynamic_threshold(void **state)
{
	double buffer = 33554432 - 17 * (3 * ct_roce_bdp(100, 1) + 4096);
	double xoff = ct_roce_dynamic_xoff(buffer, 1.0 / 8, 16);
	double queue = ct_roce_dynamic_queue(xoff, 16, 4096, 1, 100);

	(void)state;
	near(queue / 1e3, 22369, 22369 * 0.001, "queue of 16 to 1 without ECN");
	assert_true(isnan(ct_roce_dynamic_xoff(-1, 1, 1)));
	assert_true(isnan(ct_roce_dynamic_xoff(1e6, 0, 1)));
}

/* DCQCN's paper, section 4: 12 MB, 32 ports of 40 Gb/s, 22.4 KB in flight: 24.47 KB static, 21.75 KB
 * with beta 8. */
static void test_ecn_before_pfc(void **state)
{
	(void)state;
	near(ct_roce_ecn_before_pfc(12e6, 32, 22400, 0) / 1e3, 24.475, 0.01, "static");
	near(ct_roce_ecn_before_pfc(12e6, 32, 22400, 8) / 1e3, 21.755, 0.01, "dynamic");
	assert_true(isnan(ct_roce_ecn_before_pfc(1e6, 32, 22400, 8)));
}

/* The fixed point with the DCQCN paper's parameters at 40 Gb/s, packets of 1048 bytes on the wire. */
static void test_dcqcn(void **state)
{
	static const struct {
		double flows, queue;
	} rows[] = { { 2, 23.9 }, { 4, 52.4 }, { 8, 124 }, { 10, 165 }, { 12, 200 }, { 64, 200 } };
	struct ct_roce_dcqcn d = { 40, 0, 40, 55, 55, 10e6, 1048, 5e3, 200e3, 0.01 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		d.flows = rows[i].flows;
		near(ct_roce_dcqcn_queue(&d) / 1e3, rows[i].queue, 0.5, "queue");
	}
	/* firmware's 300 us and 50 Mb/s at 100 Gb/s, 8 flows: about half a second */
	near(ct_roce_recovery_us(100, 8, 300, 50) / 1e6, 0.525, 0.001, "recovery");
}

static void test_times(void **state)
{
	(void)state;
	near(ct_roce_pause_us(100), 335.5, 0.05, "longest pause at 100 Gb/s");
	near(ct_roce_pause_us(400), 83.9, 0.05, "longest pause at 400 Gb/s");
	near(ct_roce_incast_bytes(100, 16, 10) / 1e6, 1.875, 1e-9, "incast of 16");
	near(ct_roce_bdp(100, 10), 125e3, 1e-6, "100 Gb/s for 10 us");
	near(ct_roce_line_us(150000, 100), 12, 1e-9, "150,000 bytes at 100 Gb/s");
	/* 4.096 us * 2^14 = 67.1 ms, as ibv_modify_qp(3) has it; 2^18 = 1.07 s */
	near(ct_roce_timeout_us(14) / 1e3, 67.1, 0.05, "timeout 14");
	near(ct_roce_timeout_us(18) / 1e6, 1.074, 0.001, "timeout 18");
	assert_true(isinf(ct_roce_timeout_us(0)) && isnan(ct_roce_timeout_us(32)));
	/* the birthday problem: 23 of 365 meet with probability 0.507 */
	near(1 - ct_roce_no_collision(23, 365), 0.507, 0.0005, "23 birthdays");
	near(ct_roce_no_collision(3, 2), 0, 0, "more flows than links");
	near(ct_roce_no_collision(1, 1), 1, 0, "one");
}

/* Path MTU: an interface of 1500 gives 1024; 4192 and more 4096. */
static void test_mtu(void **state)
{
	(void)state;
	assert_int_equal(ct_roce_path_mtu(1500), 1024);
	assert_int_equal(ct_roce_path_mtu(4191), 2048);
	assert_int_equal(ct_roce_path_mtu(4192), 4096);
	assert_int_equal(ct_roce_path_mtu(9000), 4096);
	assert_int_equal(ct_roce_path_mtu(352), 256);
	assert_int_equal(ct_roce_path_mtu(351), 0);
}

static void test_bad_input(void **state)
{
	static const struct {
		struct ct_roce_link link;
		const char *why;
	} rows[] = {
		{ { 0, 3, 9216, 4200 }, "link rate is 0 Gb/s, it must be from 1 to 1600" },
		{ { 100, -1, 9216, 4200 }, "cable length is -1 m" },
		{ { 100, 3, 100, 100 }, "port MTU is 100 bytes" },
		{ { 100, 3, 1500, 4200 }, "lossless MTU is 4200 bytes, it must be from 256 to 1500" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ct_roce_link_check(&rows[i].link), CT_INVALID);
		assert_non_null(strstr(ct_why(), rows[i].why));
	}
	assert_int_equal(ct_roce_link_check(&(struct ct_roce_link){ 100, NAN, 9216, 4200 }), CT_INVALID);
	assert_int_equal(ct_roce_link_check(&(struct ct_roce_link){ 100, 3, 9216, 4200 }), CT_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headroom),
		cmocka_unit_test(test_response),
		cmocka_unit_test(test_dynamic_threshold),
		cmocka_unit_test(test_ecn_before_pfc),
		cmocka_unit_test(test_dcqcn),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_bad_input),
	};

	return cmocka_run_group_tests_name("advise_roce", tests, NULL, NULL);
}
