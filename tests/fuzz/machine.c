/* SPDX-License-Identifier: BSD-3-Clause */
/* Input: a machine file. */
#include "use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_machine *machine = NULL;

	if (ct_machine_parse((const char *)data, size, "input", &machine) == CT_OK)
		use_machine(machine);
	ct_machine_free(machine);
	return 0;
}
