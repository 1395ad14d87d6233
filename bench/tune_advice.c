/* SPDX-License-Identifier: BSD-3-Clause */
/* The one list at the end of tune: what the node's facts and the search suggest, in order. */
#include "tune.h"

#include <stdio.h>
#include <string.h>

#include "topo/topo.h"

/* That defaults are best is said by operation. */
static void forget_defaults(struct ct_findings *findings)
{
	size_t n = 0;

	for (size_t i = 0; i < findings->n; i++)
		if (strcmp(findings->list[i].rule->id, "defaults") != 0)
			findings->list[n++] = findings->list[i];
	findings->n = n;
}

static void print(const struct ct_findings *findings)
{
	struct ct_buf text = ct_buf_make(SIZE_MAX);

	ct_findings_list(findings, &text);
	printf("%s", text.text != NULL ? text.text : "");
	ct_buf_free(&text);
}

ct_status ct_tune_advise(const struct ct_tuned *tuned, const struct ct_world *world, const char *rules_path)
{
	struct ct_findings findings = { .n = 0 };
	struct ct_machine *here = NULL;
	struct ct_advise_in in = { .world = world };
	ct_status status;

	/* a machine that cannot be read has no facts: its rules say nothing */
	if (ct_machine_read(NULL, &here) == CT_OK)
		in.facts = ct_machine_facts(here);
	status = ct_advise(&in, &findings);
	forget_defaults(&findings);
	if (status == CT_OK)
		status = ct_tune_suggest(tuned, rules_path, &findings);
	if (status == CT_OK) {
		ct_findings_order(&findings);
		print(&findings);
	}
	ct_findings_free(&findings);
	ct_machine_free(here);
	return status;
}
