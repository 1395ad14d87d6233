/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules over the facts of a host. A fact that is not known gives no advice. */
#include <stdio.h>
#include <string.h>

#include "rules.h"

static const struct ct_setting *setting(const struct ct_advise_in *in, enum ct_setting_id id)
{
	return in->facts == NULL ? NULL : &in->facts->setting[id];
}

ct_status ct_rule_oversubscribed(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
				 struct ct_findings *out)
{
	uint32_t hosts = 0;
	const struct ct_host *worst = NULL;
	struct ct_finding *f;

	if (in->world == NULL)
		return CT_OK;
	for (uint32_t i = 0; i < in->world->nhosts; i++) {
		const struct ct_host *h = &in->world->hosts[i];

		if (h->ranks <= h->cpus)
			continue;
		hosts++;
		if (worst == NULL ||
		    (uint64_t)h->ranks * worst->cpus > (uint64_t)worst->ranks * h->cpus)
			worst = h;
	}
	if (worst == NULL)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	snprintf(f->seen, sizeof(f->seen),
		 "%s: %u ranks on %u usable processors (%u of %u hosts are so)", worst->name,
		 worst->ranks, worst->cpus, hosts, in->world->nhosts);
	snprintf(f->set, sizeof(f->set),
		 "at most %u ranks on this host, or give the job more processors "
		 "(cgroup, Slurm's --cpus-per-task, a container's --cpus)",
		 worst->cpus);
	snprintf(f->undo, sizeof(f->undo), "start %u ranks again", worst->ranks);
	snprintf(f->expected, sizeof(f->expected),
		 "a performance verdict; latency without the scheduler's time slices");
	return CT_OK;
}

/* Ranks that must share processors are the business of the rule above. */
ct_status ct_rule_binding(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			  struct ct_findings *out)
{
	struct ct_finding *f;

	if (in->world == NULL || in->world->oversubscribed ||
	    (in->unbound_ranks == 0 && in->shared_ranks == 0))
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	if (in->shared_ranks > 0) {
		f->severity = CT_SEVERITY_WARNING;
		snprintf(f->seen, sizeof(f->seen),
			 "%u of %u ranks are bound to one processor that another rank is bound to "
			 "as well",
			 in->shared_ranks, in->world->nranks);
		snprintf(f->expected, sizeof(f->expected), "up to twice the rate for these ranks");
	} else {
		snprintf(f->seen, sizeof(f->seen),
			 "%u of %u ranks may run on every processor of their host",
			 in->unbound_ranks, in->world->nranks);
		snprintf(f->expected, sizeof(f->expected),
			 "less spread between samples; not measured");
	}
	snprintf(f->set, sizeof(f->set),
		 "mpirun --map-by core --bind-to core (Slurm: srun --cpu-bind=cores)");
	snprintf(f->undo, sizeof(f->undo), "leave these options out (or --bind-to none)");
	return CT_OK;
}

ct_status ct_rule_governor(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			   struct ct_findings *out)
{
	const struct ct_setting *g = setting(in, CT_SET_GOVERNOR);
	struct ct_finding *f;

	if (g == NULL || (g->known && strcmp(g->text, "performance") == 0))
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	if (!g->known) {
		f->severity = CT_SEVERITY_NOTE;
		snprintf(f->seen, sizeof(f->seen), "frequency governor not readable here (%.150s)",
			 g->text);
		return CT_OK;
	}
	snprintf(f->seen, sizeof(f->seen), "frequency governor is %.150s", g->text);
	snprintf(f->set, sizeof(f->set), "as root: cpupower frequency-set -g performance");
	snprintf(f->undo, sizeof(f->undo),
		 strncmp(g->text, "mixed", 5) == 0 ? "as root: cpupower -c CPUS frequency-set -g "
						     "OLD, for each group named above"
						   : "as root: cpupower frequency-set -g %.60s",
		 g->text);
	snprintf(f->expected, sizeof(f->expected), "lower and steadier latency of small messages");
	return CT_OK;
}

ct_status ct_rule_huge_pages(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			     struct ct_findings *out)
{
	const struct ct_setting *thp = setting(in, CT_SET_THP);
	struct ct_finding *f;

	if (thp == NULL || !thp->known || strcmp(thp->text, "never") != 0)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	snprintf(f->seen, sizeof(f->seen), "transparent huge pages: never");
	snprintf(f->set, sizeof(f->set),
		 "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
	snprintf(f->undo, sizeof(f->undo),
		 "as root: echo never > /sys/kernel/mm/transparent_hugepage/enabled");
	snprintf(f->expected, sizeof(f->expected), "a few per cent for messages of some MiB");
	return CT_OK;
}

ct_status ct_rule_memlock(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			  struct ct_findings *out)
{
	const struct ct_setting *lock = setting(in, CT_SET_MEMLOCK);
	struct ct_finding *f;
	char size[32];

	if (lock == NULL || in->facts->nrdma == 0 || !lock->known || lock->number == CT_UNLIMITED)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	snprintf(f->seen, sizeof(f->seen),
		 "locked memory is limited to %s with %zu RDMA ports here",
		 ct_size_text(lock->number, size), in->facts->nrdma);
	snprintf(f->set, sizeof(f->set),
		 "\"* - memlock unlimited\" in /etc/security/limits.d/95-memlock.conf; "
		 "under Slurm LimitMEMLOCK=infinity for slurmd");
	snprintf(f->undo, sizeof(f->undo), "remove that file (and that line)");
	snprintf(f->expected, sizeof(f->expected), "RDMA that works at all sizes");
	return CT_OK;
}

ct_status ct_rule_numa_balancing(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
				 struct ct_findings *out)
{
	const struct ct_setting *n = setting(in, CT_SET_NUMA_BALANCING);
	struct ct_finding *f;

	if (n == NULL || !n->known || n->number != 1 || in->facts->numa_nodes == CT_UNKNOWN ||
	    in->facts->numa_nodes < 2)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	snprintf(f->seen, sizeof(f->seen), "automatic NUMA balancing is on with %llu NUMA nodes",
		 (unsigned long long)in->facts->numa_nodes);
	snprintf(f->set, sizeof(f->set), "as root: sysctl kernel.numa_balancing=0");
	snprintf(f->undo, sizeof(f->undo), "as root: sysctl kernel.numa_balancing=1");
	snprintf(f->expected, sizeof(f->expected), "shorter tails (p99) for bound ranks");
	return CT_OK;
}

static bool usable(const struct ct_nic *nic)
{
	return !nic->loopback && !nic->is_virtual && strcmp(nic->state, "up") == 0 &&
	       nic->speed_Mbps != CT_UNKNOWN;
}

/* The interface called NAME, and the fastest usable one; NULL = there is none. */
static const struct ct_nic *find_nic(const struct ct_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->nnics; i++)
		if (strcmp(facts->nics[i].name, name) == 0)
			return &facts->nics[i];
	return NULL;
}

static const struct ct_nic *fastest_nic(const struct ct_facts *facts)
{
	const struct ct_nic *best = NULL;

	for (size_t i = 0; i < facts->nnics; i++) {
		const struct ct_nic *nic = &facts->nics[i];

		if (usable(nic) && (best == NULL || nic->speed_Mbps > best->speed_Mbps))
			best = nic;
	}
	return best;
}

/* Loopback is right within one host, and between hosts it cannot be. A virtual interface (bond,
 * bridge) of unknown speed is worth a word, a real one of unknown speed is not. */
static bool is_worse(const struct ct_nic *chosen, const struct ct_nic *best)
{
	if (chosen == best || chosen->loopback)
		return false;
	if (chosen->speed_Mbps != CT_UNKNOWN)
		return chosen->speed_Mbps < best->speed_Mbps;
	return chosen->is_virtual;
}

static void tell_interface(struct ct_finding *f, const struct ct_nic *chosen,
			   const struct ct_nic *best)
{
	char speed[48] = "virtual, speed not known";

	if (chosen->speed_Mbps != CT_UNKNOWN)
		snprintf(speed, sizeof(speed), "%llu Mb/s", (unsigned long long)chosen->speed_Mbps);
	snprintf(f->seen, sizeof(f->seen), "tcp ran over %s (%s) while %s (%llu Mb/s) is up",
		 chosen->name, speed, best->name, (unsigned long long)best->speed_Mbps);
	snprintf(f->set, sizeof(f->set), "--tcp-iface %s (Open MPI: --mca btl_tcp_if_include %s)",
		 best->name, best->name);
	snprintf(f->undo, sizeof(f->undo), "leave the option out");
	if (chosen->speed_Mbps != CT_UNKNOWN && chosen->speed_Mbps > 0)
		snprintf(f->expected, sizeof(f->expected), "up to %.1f times the rate",
			 (double)best->speed_Mbps / (double)chosen->speed_Mbps);
}

ct_status ct_rule_interface(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			    struct ct_findings *out)
{
	const struct ct_nic *chosen, *best;
	struct ct_finding *f;

	if (in->facts == NULL || in->net == NULL || !ct_net_is(in->net, "tcp") ||
	    in->device == NULL)
		return CT_OK;
	chosen = find_nic(in->facts, in->device);
	best = fastest_nic(in->facts);
	if (chosen == NULL || best == NULL || !is_worse(chosen, best))
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	tell_interface(f, chosen, best);
	return CT_OK;
}
