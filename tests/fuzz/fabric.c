/* SPDX-License-Identifier: BSD-3-Clause */
/* Input: a fabric file. */
#include <string.h>

#include "use.h"

static void use_fabric(const struct ct_fabric *fabric)
{
	struct ct_advise_in in = { .fabric = fabric };
	struct ct_findings findings = { .n = 0 };
	struct ct_buf out = ct_buf_make(1 << 20);
	struct ct_fabric again = { .nnodes = 0 };
	json_t *json = NULL;
	char *text = NULL;

	ct_fabric_text(fabric, &out);
	ct_advise_fabric(&in, &findings);
	ct_findings_free(&findings);
	ct_buf_free(&out);
	if (ct_fabric_json(fabric, true, &json) == CT_OK)
		text = json_dumps(json, JSON_COMPACT);
	/* What was saved loads. */
	if (text != NULL && ct_fabric_parse(text, strlen(text), "again", &again) != CT_OK)
		abort();
	ct_fabric_free(&again);
	free(text);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_fabric fabric = { .nnodes = 0 };

	if (ct_fabric_parse((const char *)data, size, "input", &fabric) == CT_OK)
		use_fabric(&fabric);
	ct_fabric_free(&fabric);
	return 0;
}
