/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Huge pages: a device's table of translations gets a five-hundredth of the entries. Reserved ones
 * (vm.nr_hugepages) where there are enough; else transparent ones are asked for, which the kernel
 * may give or not, and the note says so.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kinds.h"

enum { USUAL_KIB = 2048 };

/* Of the size that MAP_HUGETLB takes by itself (proc(5), meminfo). */
static uint64_t page_bytes(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (f != NULL && kib == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Hugepagesize: %llu kB", &kib) != 1)
			kib = 0;
	if (f != NULL)
		(void)fclose(f);
	return (kib > 0 && kib <= 1 << 24 ? kib : USUAL_KIB) << 10;
}

static ct_status huge_probe(uint32_t device)
{
	(void)device;
	return CT_OK;
}

/* BYTES at a multiple of PAGE, in pages that the kernel may join; NULL = no memory. */
static void *transparent(uint64_t bytes, uint64_t page)
{
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	char *all = mmap(NULL, bytes + page, prot, flags, -1, 0), *at;
	size_t before;

	if (all == MAP_FAILED)
		return NULL;
	before = (page - (uintptr_t)all % page) % page;
	at = all + before;
	if (before > 0)
		(void)munmap(all, before);
	if (page > before)
		(void)munmap(at + bytes, page - before);
	(void)madvise(at, bytes, MADV_HUGEPAGE); /* a wish */
	memset(at, 0, bytes); /* there before anything is measured */
	return at;
}

static ct_status huge_alloc(uint32_t device, uint64_t bytes, struct ct_mem *mem)
{
	uint64_t page = page_bytes(), whole;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, error;

	(void)device;
	if (bytes > UINT64_MAX - 2 * page)
		return ct_fail(CT_NOMEM, "%llu bytes are beyond the address space",
			(unsigned long long)bytes);
	whole = (bytes + page - 1) / page * page;
	mem->bytes = whole;
	mem->at = mmap(NULL, whole, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (mem->at != MAP_FAILED)
		return CT_OK;
	error = errno;
	mem->at = transparent(whole, page);
	if (mem->at == NULL)
		return ct_fail(CT_NOMEM, "out of memory: %llu bytes", (unsigned long long)whole);
	snprintf(mem->note, sizeof(mem->note),
		"no %llu MiB in reserved huge pages (vm.nr_hugepages): "
		"%s; transparent ones were asked for instead",
		(unsigned long long)(whole >> 20), strerror(error));
	return CT_OK;
}

static void huge_free(struct ct_mem *mem)
{
	(void)munmap(mem->at, mem->bytes);
}

const struct ct_mem_ops ct_mem_huge = {
	.abi = CT_MEM_ABI,
	.name = "huge",
	.summary = "memory of the host in huge pages; transparent ones where none are reserved",
	.host = true,
	.probe = huge_probe,
	.alloc = huge_alloc,
	.free = huge_free,
};
