/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rules of fabrics share. Private to advise. */
#ifndef CT_ADVISE_FABRIC_H
#define CT_ADVISE_FABRIC_H

#include "rules.h"

/* fabric.c */
CT_RULE_CHECK(ct_rule_fabric_partial);
CT_RULE_CHECK(ct_rule_fabric_degraded);
CT_RULE_CHECK(ct_rule_fabric_rates);
CT_RULE_CHECK(ct_rule_fabric_errors);
CT_RULE_CHECK(ct_rule_fabric_oversubscribed);
CT_RULE_CHECK(ct_rule_fabric_routes);

/* cabling.c: cables that are missing, and cables that lead elsewhere. */
CT_RULE_CHECK(ct_rule_fabric_missing);
CT_RULE_CHECK(ct_rule_fabric_swapped);

/* attachment.c, for the same two rules: declared hosts that are somewhere else (SWAPPED) or nowhere, and
 * adapters at a leaf of another rail. CT_NOMEM. */
ct_status ct_fabric_hosts(const struct ct_advise_in *in, const struct ct_advice_rule *rule, bool swapped,
	struct ct_findings *out);
ct_status ct_fabric_rails(const struct ct_advise_in *in, const struct ct_advice_rule *rule,
	struct ct_findings *out);

/* A finding whose evidence is FORMAT, or NULL with *STATUS CT_NOMEM; NULL with CT_OK when RULE has
 * its CT_FABRIC_FINDINGS: the last one then counts those that are not listed. */
struct ct_finding *ct_fabric_finding(struct ct_findings *out, const struct ct_advice_rule *rule,
	ct_status *status, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
