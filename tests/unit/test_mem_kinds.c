/* SPDX-License-Identifier: BSD-3-Clause */
/* Kinds of memory: their names, what the host's give, and what is said where there is no GPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mem/mem.h"

static const struct ct_mem_ops *row(const char *name, uint32_t *device)
{
	const struct ct_mem_ops *ops = NULL;

	assert_int_equal(ct_mem_parse(name, &ops, device), CT_OK);
	return ops;
}

static void test_names(void **state)
{
	const struct ct_mem_ops *ops;
	uint32_t device;

	(void)state;
	assert_string_equal(row(NULL, &device)->name, "host");
	assert_string_equal(row("huge", &device)->name, "huge");
	assert_string_equal(row("cuda", &device)->name, "cuda");
	assert_int_equal(device, CT_MEM_DEALT);
	assert_string_equal(row("cuda:3", &device)->name, "cuda");
	assert_int_equal(device, 3);
	assert_int_equal(ct_mem_parse("cude", &ops, &device), CT_INVALID);
	assert_non_null(strstr(ct_why(), "did you mean cuda"));
	assert_int_equal(ct_mem_parse("cuda:", &ops, &device), CT_INVALID);
	assert_int_equal(ct_mem_parse("cuda:1x", &ops, &device), CT_INVALID);
	assert_int_equal(ct_mem_parse("cuda:4294967296", &ops, &device), CT_INVALID);
	assert_int_equal(ct_mem_parse("huge:0", &ops, &device), CT_INVALID);
	assert_non_null(strstr(ct_why(), "memory huge has no devices"));
	assert_int_equal(ct_mem_parse("a-name-that-is-much-longer-than-any-kind", &ops, &device),
		CT_INVALID);
}

/* Zeroed, writable to the last byte, aligned; what is less than asked for says so. */
static void check_host(const char *name, uint64_t bytes)
{
	uint32_t device;
	const struct ct_mem_ops *ops = row(name, &device);
	struct ct_mem mem;
	unsigned char *at;

	assert_true(ops->host);
	assert_int_equal(ops->probe(device), CT_OK);
	assert_int_equal(ct_mem_alloc(ops, device, bytes, &mem), CT_OK);
	at = mem.at;
	assert_true(mem.bytes >= bytes);
	assert_int_equal((uintptr_t)at % 4096, 0);
	for (uint64_t i = 0; i < bytes; i++)
		assert_int_equal(at[i], 0);
	memset(at, 0xff, bytes);
	assert_true(ct_mem_is_host(&mem));
	assert_true(ct_mem_holds(&mem, at + bytes, 0));
	assert_false(ct_mem_holds(&mem, at + 1, mem.bytes));
	assert_false(ct_mem_holds(&mem, at - 1, 1));
	ct_mem_free(&mem);
	assert_null(mem.at);
	ct_mem_free(&mem);
}

static void test_host(void **state)
{
	(void)state;
	check_host("host", 1);
	check_host("host", 70000);
	check_host("huge", 1);
	check_host("huge", (2 << 20) + 1);
}

static void test_huge_falls_back(void **state)
{
	uint32_t device;
	const struct ct_mem_ops *ops = row("huge", &device);
	struct ct_mem mem;

	(void)state;
	/* more than anybody has reserved, and little of it is touched: transparent ones or none */
	assert_int_equal(ct_mem_alloc(ops, device, UINT64_MAX - 5, &mem), CT_NOMEM);
	assert_int_equal(ct_mem_alloc(ops, device, 4 << 20, &mem), CT_OK);
	if (mem.note[0] != '\0')
		assert_non_null(strstr(mem.note, "transparent ones were asked for"));
	ct_mem_free(&mem);
}

static void test_no_dmabuf(void **state)
{
	struct ct_mem mem;
	uint64_t offset = 7;
	int fd = -2;

	(void)state;
	assert_int_equal(ct_mem_alloc(ct_mem_rows()[0], 0, 10, &mem), CT_OK);
	assert_int_equal(ct_mem_dmabuf(&mem, mem.at, &fd, &offset), CT_UNSUPPORTED);
	assert_int_equal(fd, -2);
	ct_mem_free(&mem);
	assert_true(ct_mem_is_host(NULL));
}

/* Each allocation fails once: nothing leaks, the reason is told. */
static void test_torture(void **state)
{
	struct ct_mem mem;

	(void)state;
	ct_alloc_fail_nth(1);
	assert_int_equal(ct_mem_alloc(ct_mem_rows()[0], 0, 10, &mem), CT_NOMEM);
	ct_alloc_fail_nth(0);
	assert_null(mem.ops);
	ct_mem_free(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_huge_falls_back),
		cmocka_unit_test(test_no_dmabuf),
		cmocka_unit_test(test_torture),
	};

	return cmocka_run_group_tests_name("mem_kinds", tests, NULL, NULL);
}
