/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout is nccl-tests' (2.19, src/util.cu): a row is "%12li  %12li  %8s  %6s  %6s", then for out
 * of place and in place each "  %7s  %6s  %6s  %6g"; numbers have two decimals, fewer where the
 * width does not hold them, an exponent where none fits; the footer lines are "# %-20s : …".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/table.h"

static struct ct_result made(uint64_t median_ns, double busbw)
{
	struct ct_result r = {
		.candidate = { .backend = "native", .net = "shm", .algo = "ring" },
		.test = { .coll = CT_ALLREDUCE, .type = CT_FLOAT, .op = CT_SUM, .bytes = 1048576 },
		.nranks = 4,
		.bytes = 1048576,
		.count = 262144,
		.checked = 4,
		.algbw_Bps = busbw / 1.5,
		.busbw_Bps = busbw,
	};

	r.summary.n = 20;
	r.summary.median = median_ns;
	return r;
}

static void assert_row(const struct ct_result *outp, const struct ct_result *inp, const char *want)
{
	struct ct_buf text = ct_buf_make(4096);

	ct_table_row(&text, outp, inp, 0);
	assert_int_equal(ct_buf_status(&text), CT_OK);
	assert_string_equal(text.text, want);
	ct_buf_free(&text);
}

static void assert_counters(const struct ct_result *r, const char *want)
{
	struct ct_buf text = ct_buf_make(4096);

	ct_table_counters(&text, r);
	assert_string_equal(text.text, want);
	ct_buf_free(&text);
}

static void test_counters(void **state)
{
	struct ct_result r = made(1000, 1e9);

	(void)state;
	r.counters = (struct ct_counters){ .switches = 4, .forced_switches = 1, .page_faults = 2 };
	assert_counters(&r, "#   out of place, 20 samples: no RDMA port; context switches 5, 1 of them "
		"forced; page faults 2\n");
	r.test.in_place = true;
	r.counters.tx_bytes = 10;
	r.ports = (struct ct_port_counts){ .known = true, .active = 8, .used = 7 };
	r.ports.sum.exposed = ct_count_bit(CT_COUNT_SEQ_NAKS);
	r.ports.sum.value[CT_COUNT_SEQ_NAKS] = 6;
	assert_counters(&r, "#   in place, 20 samples: RDMA ports, 7 of 8 active used: retransmission "
		"seq_naks 6; not exposed: traffic, loss, mark, CNP, pause, receiver, error; interface "
		"tx_bytes 10, rx_bytes 0, TCP retransmits 0; context switches 5, 1 of them forced; page "
		"faults 2\n");
}

static void test_row(void **state)
{
	struct ct_result outp = made(123456, 12.74e9), inp = made(99990, 15.7e9);

	(void)state;
	inp.wrong = 3;
	assert_row(&outp, &inp, "     1048576        262144     float     sum      -1"
		"   123.46    8.49   12.74       0    99.99   10.47   15.70       3\n");
	outp.checked = 0;
	assert_row(&outp, NULL, "     1048576        262144     float     sum      -1"
		"   123.46    8.49   12.74     N/A      N/A     N/A     N/A     N/A\n");
	inp.status = CT_UNSUPPORTED;
	outp.checked = 1;
	outp.wrong = 12345678;
	assert_row(&outp, &inp, "     1048576        262144     float     sum      -1"
		"   123.46    8.49   12.74  1.23457e+07      N/A     N/A     N/A     N/A\n");
}

/* 7 columns for the time: 9999.99, then fewer decimals, then an exponent. */
static void test_wide_numbers(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} times[] = {
		{ 1, "    0.00" },
		{ 9999990, "  9999.99" },
		{ 16676940, "  16676.9" },
		{ 1234567800, "  1234568" },
		{ 12345678000, "  1.2e+07" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct ct_result r = made(times[i].ns, 1e9);
		struct ct_buf text = ct_buf_make(4096);

		ct_table_row(&text, &r, NULL, 0);
		assert_non_null(strstr(text.text, times[i].text));
		ct_buf_free(&text);
	}
}

static void test_words_of_a_row(void **state)
{
	struct ct_result r = made(1000, 1e9);

	(void)state;
	r.test.coll = CT_BROADCAST;
	r.test.root = 2;
	r.test.type = CT_BFLOAT16;
	assert_row(&r, NULL, "     1048576        262144  bfloat16    none       2"
		"     1.00    0.67    1.00       0      N/A     N/A     N/A     N/A\n");
	r.test.coll = CT_ALLTOALL;
	assert_row(&r, NULL, "     1048576        262144  bfloat16    none      -1"
		"     1.00    0.67    1.00       0      N/A     N/A     N/A     N/A\n");
}

static void test_head_and_foot(void **state)
{
	struct ct_buf text = ct_buf_make(8192);

	(void)state;
	ct_table_head(&text, 0);
	assert_string_equal(text.text,
		"#\n"
		"#                                                              out-of-place                  "
		"     in-place          \n"
		"#       size         count      type   redop    root     time   algbw   busbw  #wrong     time"
		"   algbw   busbw  #wrong\n"
		"#        (B)    (elements)                               (us)  (GB/s)  (GB/s)             (us)"
		"  (GB/s)  (GB/s)        \n");
	ct_buf_free(&text);
	text = ct_buf_make(8192);
	ct_table_foot(&text, 0, 3e9, 2);
	assert_string_equal(text.text,
		"# Out of bounds values : 0 OK\n# Avg bus bandwidth    : 1.5 \n#\n");
	ct_buf_free(&text);
	text = ct_buf_make(8192);
	ct_table_foot(&text, 7, 0, 0);
	assert_string_equal(text.text,
		"# Out of bounds values : 7 FAILED\n# Avg bus bandwidth    : 0 \n#\n");
	ct_buf_free(&text);
}

/* Columns of a line, separated by spaces. */
static size_t columns(const char *line)
{
	size_t n = 0;

	for (const char *c = line; *c != '\0' && *c != '\n'; c++)
		n += *c != ' ' && (c == line || c[-1] == ' ');
	return n;
}

static void test_stats(void **state)
{
	struct ct_result r = made(1000, 1e9);
	struct ct_buf row = ct_buf_make(8192), head = ct_buf_make(8192);
	const char *names;

	(void)state;
	r.expected.known = true;
	r.expected.time_ns = 500;
	ct_table_row(&row, &r, NULL, CT_STATS_OUT | CT_STATS_IN);
	ct_table_head(&head, CT_STATS_OUT | CT_STATS_IN);
	names = strstr(head.text, "size");
	assert_non_null(names);
	assert_int_equal(columns(row.text), 13 + 2 * 9);
	assert_int_equal(columns(names), 13 + 2 * 9);
	assert_int_equal(strncmp(row.text, "     1048576        262144     float", 36), 0);
	assert_non_null(strstr(row.text, "0.50     50.00        20         -")); /* 500 of 1000 ns */
	ct_buf_free(&row);
	ct_buf_free(&head);
	row = ct_buf_make(8192);
	ct_table_row(&row, &r, NULL, CT_STATS_OUT);
	assert_int_equal(columns(row.text), 13 + 9);
	ct_buf_free(&row);
}

static void test_csv(void **state)
{
	struct ct_result r = made(1000, 1.5e9);
	struct ct_buf head = ct_buf_make(8192), row = ct_buf_make(8192);
	size_t commas[2] = { 0, 0 };

	(void)state;
	ct_csv_head(&head);
	strcpy(r.candidate.backend, "=1+1");
	strcpy(r.candidate.net, "say \"hi\"");
	r.candidate.nknobs = 1;
	strcpy(r.candidate.knob_name[0], "segment");
	r.candidate.knob[0] = 4096;
	r.summary.low = 990;
	r.summary.high = 1010;
	ct_csv_row(&row, &r);
	assert_string_equal(row.text, "\"allreduce\",\"'=1+1\",\"say \"\"hi\"\"\",\"ring segment=4096\",0,4,"
		"1048576,262144,float,sum,0,0,20,1000,990,1010,0,0,0,0,1e+09,1.5e+09,0,4,0,0,success\n");
	for (const char *c = head.text; *c != '\0'; c++)
		commas[0] += *c == ',';
	for (const char *c = row.text; *c != '\0'; c++)
		commas[1] += *c == ',';
	assert_int_equal(commas[0], commas[1]);
	ct_buf_free(&head);
	ct_buf_free(&row);
	strcpy(r.candidate.backend, "native");
	for (const char *first = "=+-@"; *first != '\0'; first++) {
		row = ct_buf_make(8192);
		r.candidate.net[0] = *first;
		ct_csv_row(&row, &r);
		assert_non_null(strstr(row.text, "\"native\",\"'"));
		ct_buf_free(&row);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_wide_numbers),
		cmocka_unit_test(test_words_of_a_row),
		cmocka_unit_test(test_head_and_foot),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_csv),
	};

	return cmocka_run_group_tests_name("bench_table", tests, NULL, NULL);
}
