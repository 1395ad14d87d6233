/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"

/* Torture state, process-wide since allocations of all threads count. Outside tests `fail_at`
 * stays 0 and nothing reads `asked`. */
static atomic_uint_fast64_t asked, fail_at;

void ct_alloc_fail_nth(uint64_t n)
{
	atomic_store(&fail_at, 0);
	atomic_store(&asked, 0);
	atomic_store(&fail_at, n);
}

uint64_t ct_alloc_count(void)
{
	return atomic_load(&asked);
}

static bool refused(void)
{
	return atomic_fetch_add(&asked, 1) + 1 == atomic_load(&fail_at);
}

/* COUNT * EACH, at least 1 so that each result is a unique pointer; false on overflow. */
static bool bytes_of(size_t count, size_t each, size_t *bytes)
{
	if (__builtin_mul_overflow(count, each, bytes))
		return false;
	if (*bytes == 0)
		*bytes = 1;
	return true;
}

static void explain(size_t count, size_t each)
{
	ct_fail(CT_NOMEM, "out of memory: %zu x %zu bytes", count, each);
}

void *ct_alloc(size_t count, size_t each)
{
	size_t bytes;
	void *p = NULL;

	if (!refused() && bytes_of(count, each, &bytes))
		p = calloc(1, bytes);
	if (p == NULL)
		explain(count, each);
	return p;
}

void *ct_realloc(void *p, size_t count, size_t each)
{
	size_t bytes;
	void *q = NULL;

	if (!refused() && bytes_of(count, each, &bytes))
		q = realloc(p, bytes);
	if (q == NULL)
		explain(count, each);
	return q;
}

char *ct_strdup(const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = ct_alloc(bytes, 1);

	if (copy != NULL)
		memcpy(copy, text, bytes);
	return copy;
}

void *ct_alloc_pages(size_t bytes)
{
	void *p = NULL;

	if (bytes == 0)
		bytes = 1;
	if (refused() || posix_memalign(&p, (size_t)sysconf(_SC_PAGESIZE), bytes) != 0) {
		explain(1, bytes);
		return NULL;
	}
	memset(p, 0, bytes); /* also makes the pages present before a measurement touches them */
	return p;
}

void ct_free(void *p)
{
	free(p);
}
