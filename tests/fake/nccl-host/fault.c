/* SPDX-License-Identifier: BSD-3-Clause */
/* What the environment wants to go wrong: KIND[:rank=R][:nth=N]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

enum fake_fault fake_fault_of(uint32_t rank, uint64_t job)
{
	static const char *const kinds[] = { "none", "wrong", "hang", "async", "absent", "stuck", "driver" };
	const char *text = getenv("CT_FAKE_NCCL_FAULT"), *at;
	unsigned long where = 0, nth = 1;
	size_t kind;

	if (text == NULL)
		return FAKE_WELL;
	at = strstr(text, ":rank=");
	if (at != NULL)
		where = strtoul(at + strlen(":rank="), NULL, 10);
	at = strstr(text, ":nth=");
	if (at != NULL)
		nth = strtoul(at + strlen(":nth="), NULL, 10);
	for (kind = FAKE_DRIVER; kind > FAKE_WELL; kind--)
		if (strncmp(text, kinds[kind], strlen(kinds[kind])) == 0)
			break;
	if (kind == FAKE_DRIVER)
		return FAKE_DRIVER;
	return rank == where && job == nth ? (enum fake_fault)kind : FAKE_WELL;
}
