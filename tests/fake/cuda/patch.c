/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libnccl carries the CUDA runtime inside itself, so a preloaded one is not seen. Its symbol table tells
 * where each runtime function lies: the first bytes of each are overwritten, in this process's memory
 * only, by a jump to the stand-in's function, or, where it has none, to a line that names it and ends
 * the process. x86-64 only.
 */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake.h"

enum { JUMP = 14, TRAP = 22, PAGE = 4096 };

static struct {
	uintptr_t base;
	char path[4096];
	const char *file;
	const Elf64_Sym *symbols;
	size_t nsymbols;
	const char *names;
	const int *function_ids; /* the library's own table, by row */
	size_t nids;
} nccl;

static int is_nccl(struct dl_phdr_info *object, size_t size, void *unused)
{
	if (strstr(object->dlpi_name, "/libnccl.so") == NULL)
		return 0;
	nccl.base = object->dlpi_addr;
	snprintf(nccl.path, sizeof(nccl.path), "%s", object->dlpi_name);
	return 1;
}

static bool map_file(void)
{
	int fd = open(nccl.path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *file = MAP_FAILED;

	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0)
		file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	nccl.file = file;
	return file != MAP_FAILED;
}

static bool find_symbols(void)
{
	const Elf64_Ehdr *head = (const void *)nccl.file;
	const Elf64_Shdr *sections = (const void *)(nccl.file + head->e_shoff);

	for (int i = 0; i < head->e_shnum; i++)
		if (sections[i].sh_type == SHT_SYMTAB) {
			nccl.symbols = (const void *)(nccl.file + sections[i].sh_offset);
			nccl.nsymbols = sections[i].sh_size / sizeof(*nccl.symbols);
			nccl.names = nccl.file + sections[sections[i].sh_link].sh_offset;
		}
	return nccl.symbols != NULL;
}

static const char *name_of(const Elf64_Sym *symbol)
{
	return nccl.names + symbol->st_name;
}

/* A function of the runtime; the shortest is a wrapper of libnccl's own. */
static bool is_runtime(const Elf64_Sym *symbol)
{
	const char *name = name_of(symbol);

	return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_size >= TRAP &&
		strncmp(name, "cuda", 4) == 0 && name[4] >= 'A' && name[4] <= 'Z';
}

const char *fake_kernel_name(const void *function)
{
	for (size_t i = 0; i < nccl.nsymbols; i++)
		if (nccl.base + nccl.symbols[i].st_value == (uintptr_t)function &&
			ELF64_ST_TYPE(nccl.symbols[i].st_info) == STT_FUNC)
			return name_of(&nccl.symbols[i]);
	return "unknown kernel";
}

const int *fake_function_ids(size_t *n)
{
	*n = nccl.nids;
	return nccl.function_ids;
}

static void find_functions(void)
{
	for (size_t i = 0; i < nccl.nsymbols; i++)
		if (strcmp(name_of(&nccl.symbols[i]), "ncclDevFuncRowToId") == 0) {
			nccl.function_ids = (const int *)(nccl.base + nccl.symbols[i].st_value);
			nccl.nids = nccl.symbols[i].st_size / sizeof(int);
		}
}

static void missing(const char *name)
{
	fprintf(stderr, "fake-cuda: the stand-in has no %s, which libnccl called\n", name);
	abort();
}

/* Ours, if there is one: not that of another CUDA runtime in this process. */
static void *replacement(const char *name, const void *self)
{
	void *found = dlsym(RTLD_DEFAULT, name);
	Dl_info info;

	return found != NULL && dladdr(found, &info) != 0 && info.dli_fbase == self ? found : NULL;
}

/* jmp *(%rip), followed by the address */
static void write_jump(unsigned char *at, const void *to)
{
	static const unsigned char code[] = { 0xff, 0x25, 0, 0, 0, 0 };

	memcpy(at, code, sizeof(code));
	memcpy(at + sizeof(code), &to, sizeof(to));
}

/* mov $name, %rdi; mov $missing, %rax; jmp *%rax */
static void write_trap(unsigned char *at, const char *name)
{
	void (*const to)(const char *) = missing;

	memcpy(at, "\x48\xbf", 2);
	memcpy(at + 2, &name, sizeof(name));
	memcpy(at + 10, "\x48\xb8", 2);
	memcpy(at + 12, &to, sizeof(to));
	memcpy(at + 20, "\xff\xe0", 2);
}

static void patch_one(const Elf64_Sym *symbol, const void *self)
{
	unsigned char *at = (unsigned char *)(nccl.base + symbol->st_value);
	const void *to = replacement(name_of(symbol), self);

	if (to != NULL)
		write_jump(at, to);
	else
		write_trap(at, name_of(symbol));
}

/* The pages that hold the runtime, first and behind the last. */
static void extent(uintptr_t *first, uintptr_t *end)
{
	*first = UINTPTR_MAX;
	*end = 0;
	for (size_t i = 0; i < nccl.nsymbols; i++) {
		uintptr_t at = nccl.base + nccl.symbols[i].st_value;

		if (!is_runtime(&nccl.symbols[i]))
			continue;
		*first = at < *first ? at / PAGE * PAGE : *first;
		*end = at + TRAP > *end ? (at + TRAP + PAGE - 1) / PAGE * PAGE : *end;
	}
}

/* Where libnccl was loaded before: linked, or named in LD_PRELOAD too. */
__attribute__((constructor)) static void redirect(void)
{
	uintptr_t first, end;
	Dl_info self;

	if (dl_iterate_phdr(is_nccl, NULL) == 0 || dladdr(&nccl, &self) == 0)
		return;
	if (!map_file() || !find_symbols()) {
		fprintf(stderr, "fake-cuda: %s: no symbol table, left as it is\n", nccl.path);
		return;
	}
	find_functions();
	extent(&first, &end);
	if (first >= end || mprotect((void *)first, end - first, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
		fprintf(stderr, "fake-cuda: %s cannot be redirected\n", nccl.path);
		return;
	}
	for (size_t i = 0; i < nccl.nsymbols; i++)
		if (is_runtime(&nccl.symbols[i]))
			patch_one(&nccl.symbols[i], self.dli_fbase);
	mprotect((void *)first, end - first, PROT_READ | PROT_EXEC);
}
