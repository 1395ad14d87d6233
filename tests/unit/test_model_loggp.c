/* SPDX-License-Identifier: BSD-3-Clause */
/* Links: what was put in comes out; a change of protocol begins a segment. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "model/model.h"

enum { POINTS = 8 };

static struct ct_link_points points_of(double alpha, double beta, double g, double G)
{
	struct ct_link_points p = { .n = POINTS };

	for (size_t i = 0; i < POINTS; i++) {
		p.bytes[i] = 8ull << (2 * i);
		p.oneway_ns[i] = alpha + beta * (double)p.bytes[i];
		p.gap_ns[i] = g + G * (double)(p.bytes[i] - 1);
	}
	return p;
}

static void one_line(void **state)
{
	struct ct_link_points p = points_of(1500, 0.1, 300, 0.08);
	struct ct_link link = { .known = false };

	(void)state;
	ct_link_fit(&p, &link);
	assert_true(link.known);
	assert_true(fabs(link.alpha_ns - 1500) < 1e-6 && fabs(link.beta_ns - 0.1) < 1e-9);
	assert_true(link.error < 1e-9);
	assert_int_equal(link.nsegments, 1);
	assert_true(fabs(link.segment[0].g_ns - 300) < 1e-6 && fabs(link.segment[0].G_ns - 0.08) < 1e-9);
	assert_true(fabs(ct_link_oneway(&link, 100000) - 11500) < 1e-6);
	assert_true(fabs(ct_link_oneway(&link, 1 << 20) - (1500 + 104857.6)) < 1e-6);
	assert_true(fabs(ct_link_gap(&link, 8) - (300 + 0.56)) < 1e-9);
}

/* From 8 KiB on messages wait for the receiver's word first: 4 us more, and a better rate. */
static void two_protocols(void **state)
{
	struct ct_link_points p = points_of(1500, 0.1, 300, 0.08);
	struct ct_link link = { .known = false };

	(void)state;
	for (size_t i = 5; i < POINTS; i++) {
		p.gap_ns[i] = 4300 + 0.04 * (double)(p.bytes[i] - 1);
		p.oneway_ns[i] = 5500 + 0.1 * (double)p.bytes[i];
	}
	ct_link_fit(&p, &link);
	assert_int_equal(link.nsegments, 2);
	assert_int_equal(link.segment[1].from, p.bytes[5]);
	assert_true(fabs(link.segment[1].g_ns - 4300) < 1e-6);
	assert_true(fabs(link.segment[1].G_ns - 0.04) < 1e-9);
	assert_true(link.error > 0.01); /* one line cannot be both */
}

static void bad_points(void **state)
{
	struct ct_link_points p = points_of(1500, 0.1, 300, 0.08);
	struct ct_link link = { .known = true };

	(void)state;
	p.n = 1;
	ct_link_fit(&p, &link);
	assert_false(link.known);
	p.n = POINTS;
	p.oneway_ns[3] = 0;
	ct_link_fit(&p, &link);
	assert_false(link.known);
	p.oneway_ns[3] = NAN;
	ct_link_fit(&p, &link);
	assert_false(link.known);
	/* differences of noisy times may be negative: such a gap is a small part of the way */
	p = points_of(1500, 0.1, 300, 0.08);
	p.gap_ns[0] = -50;
	ct_link_fit(&p, &link);
	assert_true(link.known && ct_link_gap(&link, 8) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line), cmocka_unit_test(two_protocols), cmocka_unit_test(bad_points),
	};

	return cmocka_run_group_tests_name("model_loggp", tests, NULL, NULL);
}
