/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of memory kinds, and plain memory of the host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"

static ct_status host_probe(uint32_t device)
{
	(void)device;
	return CT_OK;
}

static ct_status host_alloc(uint32_t device, uint64_t bytes, struct ct_mem *mem)
{
	(void)device;
	mem->at = ct_alloc_pages(bytes);
	mem->bytes = bytes;
	return mem->at != NULL ? CT_OK : CT_NOMEM;
}

static void host_free(struct ct_mem *mem)
{
	ct_free(mem->at);
}

const struct ct_mem_ops ct_mem_host = {
	.abi = CT_MEM_ABI,
	.name = "host",
	.summary = "memory of the host, in the system's usual pages",
	.host = true,
	.probe = host_probe,
	.alloc = host_alloc,
	.free = host_free,
};

static const struct ct_mem_ops *const rows[] = { &ct_mem_host, &ct_mem_huge, &ct_mem_cuda, NULL };

const struct ct_mem_ops *const *ct_mem_rows(void)
{
	return rows;
}

/* The number after the colon of TEXT. */
static ct_status parse_device(const char *text, const char *digits, uint32_t *device)
{
	char *end;
	unsigned long n = strtoul(digits, &end, 10);

	if (digits[0] < '0' || digits[0] > '9' || *end != '\0' || n > 1023)
		return ct_fail(CT_INVALID,
			"memory \"%.32s\": after the colon stands the number of a "
			"device",
			text);
	*device = (uint32_t)n;
	return CT_OK;
}

ct_status ct_mem_parse(const char *text, const struct ct_mem_ops **ops, uint32_t *device)
{
	const char *names[sizeof(rows) / sizeof(rows[0])] = { NULL }, *near;
	size_t length = text != NULL ? strcspn(text, ":") : 0;
	char name[CT_MEM_TEXT];

	*device = CT_MEM_DEALT;
	if (text == NULL || text[0] == '\0') {
		*ops = &ct_mem_host;
		return CT_OK;
	}
	if (strlen(text) >= CT_MEM_TEXT)
		return ct_fail(CT_INVALID, "no memory \"%.32s\"; there are host, huge, cuda", text);
	snprintf(name, sizeof(name), "%.*s", (int)length, text);
	for (size_t i = 0; rows[i] != NULL; i++) {
		names[i] = rows[i]->name;
		if (length != strlen(names[i]) || strcmp(name, names[i]) != 0)
			continue;
		*ops = rows[i];
		if (text[length] == '\0')
			return CT_OK;
		return rows[i]->host ?
			ct_fail(CT_INVALID, "memory %s has no devices to choose (\"%.32s\")", name,
				text) :
			parse_device(text, text + length + 1, device);
	}
	near = ct_nearest(name, names);
	return ct_fail(CT_INVALID, "no memory \"%.32s\"%s%s; there are host, huge, cuda", text,
		near != NULL ? "; did you mean " : "", near != NULL ? near : "");
}

ct_status ct_mem_alloc(const struct ct_mem_ops *ops, uint32_t device, uint64_t bytes,
	struct ct_mem *mem)
{
	ct_status status;

	*mem = (struct ct_mem){ NULL, NULL, 0, NULL, "" };
	status = ops->alloc(device, bytes > 0 ? bytes : 1, mem);
	if (status == CT_OK)
		mem->ops = ops;
	return status;
}

void ct_mem_free(struct ct_mem *mem)
{
	if (mem->ops != NULL)
		mem->ops->free(mem);
	*mem = (struct ct_mem){ NULL, NULL, 0, NULL, "" };
}
