/* SPDX-License-Identifier: BSD-3-Clause */
/* The checks behind the rows of advise.c. */
#ifndef CT_ADVISE_RULES_H
#define CT_ADVISE_RULES_H

#include "advise.h"

#define CT_RULE_CHECK(name)                                                                        \
	ct_status name(const struct ct_advice_rule *rule, const struct ct_advise_in *in,           \
		       struct ct_findings *out)

/* host.c: what the facts tell. */
CT_RULE_CHECK(ct_rule_binding);
CT_RULE_CHECK(ct_rule_oversubscribed);
CT_RULE_CHECK(ct_rule_governor);
CT_RULE_CHECK(ct_rule_huge_pages);
CT_RULE_CHECK(ct_rule_memlock);
CT_RULE_CHECK(ct_rule_numa_balancing);
CT_RULE_CHECK(ct_rule_interface);

/* results.c: what the results tell. The last one comes last: it looks at what the others found. */
CT_RULE_CHECK(ct_rule_backend);
CT_RULE_CHECK(ct_rule_algorithm);
CT_RULE_CHECK(ct_rule_defaults);

#endif
