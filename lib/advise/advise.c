/* SPDX-License-Identifier: BSD-3-Clause */
#include "advise.h"
#include "rules.h"

#define STATISTICS "measured here; Mann and Whitney 1947, Holm 1979"

/* In the order in which they run and are shown. */
static const struct ct_advice_rule rules[] = {
	{ "oversubscription", CT_SEVERITY_WARNING, "ranks and usable processors of each host",
	  "ranks that wait for a processor make every time a matter of the scheduler",
	  "Open MPI 4.1, mpirun(1), Overloading and Oversubscribing", ct_rule_oversubscribed },
	{ "rank-binding", CT_SEVERITY_ADVICE, "the processors each rank may run on",
	  "a rank that moves loses its caches and its memory's place; two on one core halve each "
	  "other",
	  "Open MPI 4.1, mpirun(1), Mapping, Ranking, and Binding", ct_rule_binding },
	{ "cpu-governor", CT_SEVERITY_ADVICE, "frequency governor",
	  "a processor that waits for a message looks idle and is clocked down",
	  "Linux, admin-guide/pm/cpufreq.rst", ct_rule_governor },
	{ "huge-pages", CT_SEVERITY_ADVICE, "transparent huge pages",
	  "buffers in 4 KiB pages cost more page faults and TLB misses",
	  "Linux, admin-guide/mm/transhuge.rst", ct_rule_huge_pages },
	{ "locked-memory", CT_SEVERITY_WARNING, "limit of locked memory, RDMA devices",
	  "RDMA devices move only locked memory: registration fails or is split",
	  "Open MPI FAQ, OpenFabrics: locked memory limits", ct_rule_memlock },
	{ "numa-balancing", CT_SEVERITY_ADVICE, "automatic NUMA balancing, NUMA nodes",
	  "the kernel unmaps pages to see who uses them; bound ranks only pay for it",
	  "Linux, admin-guide/sysctl/kernel.rst, numa_balancing", ct_rule_numa_balancing },
	{ "net-interface", CT_SEVERITY_WARNING, "interface of transport tcp, network interfaces",
	  "a transport is no faster than the interface it was given",
	  "Open MPI FAQ, TCP: selecting interfaces", ct_rule_interface },
	{ "backend-choice", CT_SEVERITY_ADVICE, "results of each backend, by size",
	  "the library that is fastest for small messages is seldom so for large ones", STATISTICS,
	  ct_rule_backend },
	{ "algorithm-choice", CT_SEVERITY_ADVICE, "results of each algorithm, by size",
	  "built-in thresholds were chosen on other machines", STATISTICS, ct_rule_algorithm },
	{ "defaults", CT_SEVERITY_NOTE, "all comparisons", "keeping the defaults is a result too",
	  STATISTICS, ct_rule_defaults },
	{ NULL, CT_SEVERITY_NOTE, NULL, NULL, NULL, NULL },
};

const struct ct_advice_rule *ct_advice_rules(void)
{
	return rules;
}

const char *ct_severity_name(enum ct_severity severity)
{
	static const char *const names[] = { "note", "advice", "warning" };

	return (unsigned int)severity <= CT_SEVERITY_WARNING ? names[severity] : "?";
}

struct ct_finding *ct_finding_add(struct ct_findings *findings, const struct ct_advice_rule *rule)
{
	struct ct_finding *f;

	if (findings->n == findings->room) {
		size_t room = findings->room * 2 + 8;
		struct ct_finding *list = ct_realloc(findings->list, room, sizeof(*list));

		if (list == NULL)
			return NULL;
		findings->list = list;
		findings->room = room;
	}
	f = &findings->list[findings->n++];
	*f = (struct ct_finding){ .rule = rule, .severity = rule->severity };
	return f;
}

ct_status ct_advise(const struct ct_advise_in *in, struct ct_findings *findings)
{
	for (const struct ct_advice_rule *rule = rules; rule->id != NULL; rule++) {
		ct_status s = rule->check(rule, in, findings);

		if (s != CT_OK)
			return s;
	}
	return CT_OK;
}

void ct_findings_free(struct ct_findings *findings)
{
	ct_free(findings->list);
	*findings = (struct ct_findings){ 0 };
}
