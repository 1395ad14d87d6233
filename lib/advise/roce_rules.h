/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of RoCE: what the ends of a host's links, their counters and what was measured say of the
 * complaints that engineers have. In the order in which one looks: who is reachable, which priority,
 * loss, pause, marks and notifications, the host itself, balance. Part of the door of advise.
 */
#ifndef CT_ADVISE_ROCE_RULES_H
#define CT_ADVISE_ROCE_RULES_H

#include "advise.h"

/* A check of one end is called for each active one; one of the host once. */
typedef ct_status ct_roce_check(const struct ct_advice_rule *rule, const struct ct_end *end,
	struct ct_findings *out);
typedef ct_status ct_roce_host_check(const struct ct_advice_rule *rule, const struct ct_ends *ends,
	struct ct_findings *out);

struct ct_roce_rule {
	struct ct_advice_rule rule; /* first: a finding's rule is this one; its own check is NULL */
	ct_roce_check *of_end;
	ct_roce_host_check *of_host;
	unsigned int complaint;     /* number in docs/roce.md */
	/* What to set and how to undo it; NETDEV and DEVICE stand for the end's names. */
	const char *set, *undo;
};

/* Ended by a row whose rule.id is NULL. */
const struct ct_roce_rule *ct_roce_rules(void);

/* The rule called ID, or NULL. */
const struct ct_roce_rule *ct_roce_rule_find(const char *id);

/* All rules over ENDS; ports that are not active are left out. Findings' texts begin with the device.
 * FINDINGS as of ct_advise(). CT_NOMEM. Pure. */
ct_status ct_advise_roce(const struct ct_ends *ends, struct ct_findings *findings);

/* ---- for the rules ---------------------------------------------------------------------------- */

/* Adds a finding of RULE about END (NULL: about the host); the format is what was seen. CT_NOMEM. */
ct_status ct_roce_found(const struct ct_advice_rule *rule, struct ct_findings *out,
	const struct ct_end *end, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* DSCP of RDMA's data at END, and where that is known from. */
unsigned int ct_roce_dscp(const struct ct_end *end, const char **from);

#endif
