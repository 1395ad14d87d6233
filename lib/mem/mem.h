/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door of mem: where message buffers lie. One table per kind of memory, listed by hand in mem.c:
 * host, huge (pages), cuda. A kind whose memory the processor cannot touch moves bytes by copy();
 * one that can be handed to another device as a dma-buf says so by dmabuf().
 */
#ifndef CT_MEM_H
#define CT_MEM_H

#include <stdbool.h>

#include "base/base.h"

enum { CT_MEM_ABI = 1, CT_MEM_TEXT = 24, CT_MEM_NOTE = 160 };

/* Added to a number: of the devices that there are, dealt out in turn. */
#define CT_MEM_DEALT 0x80000000u

struct ct_mem_ops;

/* A piece of memory, zeroed when allocated. */
struct ct_mem {
	const struct ct_mem_ops *ops; /* NULL: there is none */
	void *at;                     /* an address of the kind: of a device, where !ops->host */
	uint64_t bytes;               /* at least what was asked for */
	void *own;                    /* the kind's */
	char note[CT_MEM_NOTE];       /* how it differs from what was asked for; "" = it does not */
};

struct ct_mem_ops {
	uint32_t abi;
	const char *name, *summary;
	bool host; /* the processor may load from it and store to it */
	/* Can DEVICE (0, 1, …; see CT_MEM_DEALT) be used here? CT_UNSUPPORTED with the reason. */
	ct_status (*probe)(uint32_t device);
	/* BYTES > 0, aligned to a page at least. Sets all of *MEM but ops. CT_NOMEM,
	 * CT_UNSUPPORTED. */
	ct_status (*alloc)(uint32_t device, uint64_t bytes, struct ct_mem *mem);
	void (*free)(struct ct_mem *mem);
	/* BYTES from FROM to TO, of which one or both lie in MEM; complete on return. NULL: memcpy
	 * will do. CT_IO. */
	ct_status (*copy)(const struct ct_mem *mem, void *to, const void *from, uint64_t bytes);
	/* MEM as a dma-buf: *FD is the caller's to close, MEM begins at *OFFSET of it. NULL: the
	 * kind has none. CT_UNSUPPORTED with the reason, CT_IO. */
	ct_status (*dmabuf)(const struct ct_mem *mem, int *fd, uint64_t *offset);
};

/* The rows, ended by NULL: host huge cuda. */
CT_MODULE_API const struct ct_mem_ops *const *ct_mem_rows(void);

/* TEXT is a name, or NAME:DEVICE ("cuda:1"); NULL or "" = host. *DEVICE is CT_MEM_DEALT where none
 * is named. CT_INVALID names the nearest; a device where the kind has none. */
CT_MODULE_API ct_status ct_mem_parse(
	const char *text, const struct ct_mem_ops **ops, uint32_t *device);

/* BYTES (0 counts as 1) of the kind OPS on DEVICE. Free with ct_mem_free(). CT_NOMEM,
 * CT_UNSUPPORTED (not here, see probe). */
CT_MODULE_API ct_status ct_mem_alloc(const struct ct_mem_ops *ops, uint32_t device, uint64_t bytes,
	struct ct_mem *mem);
CT_MODULE_API void ct_mem_free(struct ct_mem *mem); /* empty ones are accepted */

/* MEM may be NULL, which stands for memory of the host. */
static inline bool ct_mem_is_host(const struct ct_mem *mem)
{
	return mem == NULL || mem->ops == NULL || mem->ops->host;
}

/* Does MEM hold all of the BYTES from AT on? */
static inline bool ct_mem_holds(const struct ct_mem *mem, const void *at, uint64_t bytes)
{
	uintptr_t from = (uintptr_t)mem->at, a = (uintptr_t)at;

	return a >= from && bytes <= mem->bytes && a - from <= mem->bytes - bytes;
}

/* The dma-buf of MEM and where in it AT, which MEM holds, lies. CT_UNSUPPORTED, CT_IO. */
static inline ct_status ct_mem_dmabuf(const struct ct_mem *mem, const void *at, int *fd,
	uint64_t *offset)
{
	ct_status status;

	if (mem->ops->dmabuf == NULL)
		return ct_fail(CT_UNSUPPORTED, "memory %s has no dma-buf", mem->ops->name);
	status = mem->ops->dmabuf(mem, fd, offset);
	if (status == CT_OK)
		*offset += (uintptr_t)at - (uintptr_t)mem->at;
	return status;
}

#endif
