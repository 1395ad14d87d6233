/* SPDX-License-Identifier: BSD-3-Clause */
/* Input: hwloc's XML, as a machine file holds it. */
#include <string.h>

#include "use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *whole = json_pack("{s:s, s:{}, s:[], s:[], s:[], s:[], s:s%}", "schema",
		"colltune-machine/1", "settings", "hugepages", "nics", "rdma", "gpus",
		"hwloc_xml", (const char *)data, size);
	char *text = whole != NULL ? json_dumps(whole, JSON_COMPACT) : NULL;
	struct ct_machine *machine = NULL;

	if (text != NULL && ct_machine_parse(text, strlen(text), "input", &machine) == CT_OK)
		use_machine(machine);
	ct_machine_free(machine);
	free(text);
	json_decref(whole);
	return 0;
}
