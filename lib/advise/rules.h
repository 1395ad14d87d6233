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

/* devices.c: what the devices of the host and their PCI tree tell. */
CT_RULE_CHECK(ct_rule_pcie_link);
CT_RULE_CHECK(ct_rule_max_read);
CT_RULE_CHECK(ct_rule_relaxed_ordering);
CT_RULE_CHECK(ct_rule_gpu_window);
CT_RULE_CHECK(ct_rule_port);
CT_RULE_CHECK(ct_rule_port_mtu);
CT_RULE_CHECK(ct_rule_interrupts);

/* paths.c: what lies between them. */
CT_RULE_CHECK(ct_rule_placement);
CT_RULE_CHECK(ct_rule_gpu_nic);
CT_RULE_CHECK(ct_rule_shared_uplink);
CT_RULE_CHECK(ct_rule_acs);
CT_RULE_CHECK(ct_rule_iommu);
CT_RULE_CHECK(ct_rule_gpudirect);

/* profile_nics.c: what the nodes have of what a profile says. */
CT_RULE_CHECK(ct_rule_profile_nics);

/* results.c: what the results tell. The last one comes last: it looks at what the others found. */
CT_RULE_CHECK(ct_rule_backend);
CT_RULE_CHECK(ct_rule_algorithm);
CT_RULE_CHECK(ct_rule_defaults);

#endif
