/* SPDX-License-Identifier: BSD-3-Clause */
/* The one door of allocation: everything that colltune allocates itself passes here, so that the
 * torture test can make the nth allocation fail. */
#ifndef CT_BASE_ALLOC_H
#define CT_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* COUNT * EACH zeroed bytes (overflow is checked); NULL when there is no memory, with the reason
 * set for ct_why(). Zero bytes give a unique pointer. Free with ct_free(). Any thread. */
CT_MODULE_API void *ct_alloc(size_t count, size_t each);

/* P grown or shrunk to COUNT * EACH bytes (new bytes are not zeroed); NULL leaves P as it was. */
CT_MODULE_API void *ct_realloc(void *p, size_t count, size_t each);

/* A copy of TEXT; NULL when there is no memory. */
CT_MODULE_API char *ct_strdup(const char *text);

/* Zeroed, page-aligned bytes for message buffers; ct_free() frees them too. */
CT_MODULE_API void *ct_alloc_pages(size_t bytes);

/* NULL is accepted. */
CT_MODULE_API void ct_free(void *p);

/* Torture: the Nth allocation from now (1 = the next) fails, once, process-wide; 0 = none.
 * The second tells how many allocations were asked for since then. For tests only. */
void ct_alloc_fail_nth(uint64_t n);
uint64_t ct_alloc_count(void);

#endif
