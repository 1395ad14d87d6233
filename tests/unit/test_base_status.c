/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/base.h"

static void status_texts(void **state)
{
	(void)state;
	assert_string_equal(ct_status_text(CT_OK), "success");
	assert_string_equal(ct_status_text(CT_INTERRUPTED), "interrupted by the caller");
	assert_string_equal(ct_status_text((ct_status)77), "unknown status");
	assert_true(strlen(ct_version()) >= 5);
}

static void *other_thread(void *arg)
{
	assert_string_equal(ct_why(), "");
	ct_fail(CT_IO, "theirs");
	return arg;
}

static void why_is_per_thread(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(ct_fail(CT_INVALID, "ours %d", 1), CT_INVALID);
	assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
	pthread_join(thread, NULL);
	assert_string_equal(ct_why(), "ours 1");
}

static void why_is_one_clean_line(void **state)
{
	char longer[2000];

	(void)state;
	errno = EAGAIN;
	ct_fail(CT_IO, "a\nb\033[31mc\x7f %s", "\xc3\xa4\xff");
	assert_int_equal(errno, EAGAIN);
	assert_string_equal(ct_why(), "a?b?[31mc? \xc3\xa4?");
	ct_fail(CT_IO, "outer: %s", ct_why()); /* its own text as an argument */
	assert_string_equal(ct_why(), "outer: a?b?[31mc? \xc3\xa4?");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ct_fail(CT_IO, "%s", longer);
	assert_int_equal(strlen(ct_why()), 511);
}

static void clean_text(void **state)
{
	/* Well- and ill-formed sequences after the Unicode Standard, table 3-7. */
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "plain ~", "plain ~" },
		{ "tab\there", "tab?here" },
		{ "\xe2\x82\xac", "\xe2\x82\xac" },	    /* U+20AC, the euro sign */
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" }, /* U+1F600 */
		{ "\xc0\xaf", "??" },			    /* overlong / */
		{ "\xe0\x80\xaf", "???" },		    /* overlong / in three */
		{ "\xed\xa0\x80", "???" },		    /* surrogate */
		{ "\xf4\x90\x80\x80", "????" },		    /* beyond U+10FFFF */
		{ "\xc2\x9b"
		  "31m",
		  "?31m" }, /* C1 control: CSI */
		{ "\xe2\x80\xae"
		  "txt",
		  "?txt" },	      /* right-to-left override */
		{ "\xe2\x82", "??" }, /* cut short */
		{ "\x80", "?" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ct_text_clean(out, sizeof(out), cases[i].in);
		assert_string_equal(out, cases[i].out);
	}
	ct_text_clean(out, 4, "ab\xe2\x82\xac"); /* never half a character */
	assert_string_equal(out, "ab");
	ct_text_clean(out, 3, "abc");
	assert_string_equal(out, "ab");
	out[0] = 'k';
	ct_text_clean(out, 0, "abc");
	assert_int_equal(out[0], 'k');
}

static void allocation(void **state)
{
	unsigned char *p, *q;
	char *text;

	(void)state;
	p = ct_alloc(3, 7);
	assert_non_null(p);
	for (int i = 0; i < 21; i++)
		assert_int_equal(p[i], 0);
	q = ct_realloc(p, 2, 100);
	assert_non_null(q);
	assert_null(ct_alloc(SIZE_MAX / 2, 3));
	assert_non_null(strstr(ct_why(), "out of memory"));
	assert_null(ct_realloc(q, SIZE_MAX / 2, 3));
	ct_free(q);
	p = ct_alloc(0, 8);
	q = ct_realloc(NULL, 0, 0);
	assert_non_null(p);
	assert_non_null(q);
	assert_ptr_not_equal(p, q);
	ct_free(p);
	ct_free(q);
	ct_free(NULL);
	text = ct_strdup("copy");
	assert_string_equal(text, "copy");
	ct_free(text);
	p = ct_alloc_pages(5000);
	assert_int_equal((uintptr_t)p % 4096, 0);
	assert_int_equal(p[0] | p[4999], 0);
	ct_free(p);
	p = ct_alloc_pages(0);
	assert_non_null(p);
	ct_free(p);
}

static void nth_allocation_fails(void **state)
{
	void *a, *c;

	(void)state;
	ct_alloc_fail_nth(2);
	a = ct_alloc(1, 1);
	assert_non_null(a);
	assert_null(ct_strdup("second"));
	assert_non_null(strstr(ct_why(), "out of memory"));
	c = ct_alloc_pages(1);
	assert_non_null(c);
	assert_int_equal(ct_alloc_count(), 3);
	ct_alloc_fail_nth(1);
	assert_null(ct_realloc(a, 2, 1));
	ct_alloc_fail_nth(1);
	assert_null(ct_alloc_pages(1));
	ct_alloc_fail_nth(0);
	assert_int_equal(ct_alloc_count(), 0);
	ct_free(a);
	ct_free(c);
}

static void buffer(void **state)
{
	struct ct_buf buf = ct_buf_make(1000);

	(void)state;
	assert_int_equal(ct_buf_status(&buf), CT_OK);
	for (int i = 0; i < 100; i++)
		ct_buf_add(&buf, "%09d,", i);
	assert_int_equal(ct_buf_status(&buf), CT_OK);
	assert_int_equal(buf.used, 1000);
	assert_memory_equal(buf.text + 990, "000000099,", 11);
	ct_buf_add(&buf, "%s", "");
	assert_int_equal(ct_buf_status(&buf), CT_OK);
	ct_buf_add(&buf, "x");
	assert_int_equal(ct_buf_status(&buf), CT_NOMEM);
	ct_buf_free(&buf);
	assert_null(buf.text);
	buf = ct_buf_make(SIZE_MAX);
	ct_alloc_fail_nth(1);
	ct_buf_add(&buf, "lost");
	ct_buf_add(&buf, "also lost: after a failure nothing more is added");
	ct_alloc_fail_nth(0);
	assert_int_equal(ct_buf_status(&buf), CT_NOMEM);
	assert_int_equal(buf.used, 0);
	ct_buf_free(&buf);
}

static char logged[64];

static void keep(void *arg, enum ct_log_level level, enum ct_log_area area, const char *line)
{
	(void)area;
	*(int *)arg += 1;
	strncpy(logged, line, sizeof(logged) - 1);
	errno = (int)level + 1000;
}

static void logging(void **state)
{
	enum ct_log_level level = CT_LOG_ERROR;
	uint32_t mask = 0;
	int lines = 0;

	(void)state;
	ct_log(CT_LOG_ERROR, CT_AREA_NET, "nobody listens");
	assert_int_equal(ct_log_parse("info:net,coll", &level, &mask), CT_OK);
	assert_int_equal(level, CT_LOG_INFO);
	assert_int_equal(mask, 1u << CT_AREA_NET | 1u << CT_AREA_COLL);
	ct_log_install(keep, &lines, level, mask);
	errno = 5;
	ct_log(CT_LOG_WARN, CT_AREA_NET, "peer %d\nleft", 3);
	assert_int_equal(errno, 5);
	assert_string_equal(logged, "peer 3?left");
	ct_log(CT_LOG_DEBUG, CT_AREA_NET, "too deep");
	ct_log(CT_LOG_ERROR, CT_AREA_BOOT, "another area");
	assert_int_equal(lines, 1);
	ct_log_install(NULL, NULL, CT_LOG_ERROR, 0);
	assert_int_equal(ct_log_parse("debug", &level, &mask), CT_OK);
	assert_int_equal(mask, (1u << CT_LOG_NAREAS) - 1);
	assert_int_equal(ct_log_parse("debg", &level, &mask), CT_INVALID);
	assert_non_null(strstr(ct_why(), "did you mean \"debug\"?"));
	assert_int_equal(ct_log_parse("debug:nte", &level, &mask), CT_INVALID);
	assert_non_null(strstr(ct_why(), "did you mean \"net\"?"));
	assert_int_equal(ct_log_parse("debug:", &level, &mask), CT_INVALID);
	assert_int_equal(ct_log_parse("", &level, &mask), CT_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_texts),
		cmocka_unit_test(why_is_per_thread),
		cmocka_unit_test(why_is_one_clean_line),
		cmocka_unit_test(clean_text),
		cmocka_unit_test(allocation),
		cmocka_unit_test(nth_allocation_fails),
		cmocka_unit_test(buffer),
		cmocka_unit_test(logging),
	};

	return cmocka_run_group_tests_name("base_status", tests, NULL, NULL);
}
