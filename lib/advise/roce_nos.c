/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The contract in the words of each network operating system. Statements after: Cumulus Linux 5.14's
 * manual (QoS; RoCE); Juniper's examples for the QFX5240; articles on EOS, NX-OS and OS10, which are
 * second hand. What a system computes itself from speed, cable and MTU is left to it.
 */
#include "roce_plan.h"

#define TERM(name) (1u << CT_ROCE_##name)
#define MARKING (TERM(PFC_MASK) | TERM(ECN_MASK) | TERM(STRICT_MASK) | TERM(KMIN) | TERM(KMAX))

static const struct ct_roce_nos rows[] = {
	{ "sonic", "config_db.json, for config load", "Ethernet0", true,
		(1u << CT_ROCE_TERMS) - 1, ct_roce_sonic_write, ct_roce_sonic_ports, ct_roce_sonic_read,
		NULL },
	{ "cumulus", "NVUE commands of Cumulus Linux 5", "swp1", false, MARKING | TERM(MTU) | TERM(CABLE) |
		TERM(POLL), ct_roce_cumulus_write, ct_roce_cumulus_ports, ct_roce_cumulus_read, NULL },
	{ "eos", "Arista EOS", "Ethernet1", false, MARKING | TERM(PMAX) | TERM(MTU) | TERM(DETECT) |
		TERM(RESTORE) | TERM(POLL), ct_roce_eos_write, ct_roce_eos_ports, ct_roce_eos_read,
		ct_roce_eos_limit },
	{ "nxos", "Cisco NX-OS", "Ethernet1/1", false, 0, ct_roce_nxos_write, NULL, NULL,
		NULL },
	{ "os10", "Dell SmartFabric OS10", "ethernet1/1/1", false, 0, ct_roce_os10_write, NULL, NULL,
		NULL },
	{ "junos", "Juniper Junos Evolved, QFX", "et-0/0/0", false, 0, ct_roce_junos_write, NULL, NULL,
		NULL },
	{ NULL, NULL, NULL, false, 0, NULL, NULL, NULL, NULL },
};

const struct ct_roce_nos *ct_roce_noses(void)
{
	return rows;
}

static long long term(const struct ct_roce_contract *c, enum ct_roce_term which)
{
	return (long long)c->term[which];
}

/* Thresholds in kilobytes, rounded to the nearest. */
static long long kilo(const struct ct_roce_contract *c, enum ct_roce_term which)
{
	return (term(c, which) + 500) / 1000;
}

ct_status ct_roce_cumulus_write(const struct ct_roce_contract *c, const struct ct_roce_ports *ports,
	double Gbps, struct ct_buf *out)
{
	(void)Gbps;
	ct_buf_add(out, "# UNTESTED: written after the manual of Cumulus Linux 5.14, tried on no switch.\n"
		"# The mode brings DSCP 24-31 to priority 3 and 48-55 to priority 6, and ECN on TC 0 too.\n"
		"nv set qos roce mode lossless\n"
		"nv set qos pfc default-global switch-priority 3\n"
		"nv set qos pfc default-global tx enable\n"
		"nv set qos pfc default-global rx enable\n"
		"nv set qos pfc default-global cable-length %lld\n"
		"nv set qos congestion-control default-global traffic-class 3 min-threshold %lld\n"
		"nv set qos congestion-control default-global traffic-class 3 max-threshold %lld\n",
		term(c, CT_ROCE_CABLE), term(c, CT_ROCE_KMIN), term(c, CT_ROCE_KMAX));
	ct_buf_add(out, "nv set qos pfc-watchdog polling-interval %lld\n", term(c, CT_ROCE_POLL));
	for (size_t i = 0; i < ports->n; i++)
		ct_buf_add(out, "nv set interface %s link mtu %lld\n"
			"nv set interface %s qos pfc-watchdog\n", ports->name[i], term(c, CT_ROCE_MTU),
			ports->name[i]);
	ct_buf_add(out, "nv config apply\n");
	return ct_buf_status(out);
}

static void eos_watchdog(const struct ct_roce_contract *c, struct ct_buf *out)
{
	double detect = (double)term(c, CT_ROCE_DETECT) / 1e3, poll = (double)term(c, CT_ROCE_POLL) / 1e3;

	/* EOS wants the poll at most half of the others */
	ct_buf_add(out, "priority-flow-control pause watchdog default timeout %g\n"
		"priority-flow-control pause watchdog default recovery-time %g\n"
		"priority-flow-control pause watchdog default polling-interval %g\n"
		"priority-flow-control pause watchdog action drop\n", detect,
		(double)term(c, CT_ROCE_RESTORE) / 1e3, poll < detect / 2 ? poll : detect / 2);
}

ct_status ct_roce_eos_write(const struct ct_roce_contract *c, const struct ct_roce_ports *ports,
	double Gbps, struct ct_buf *out)
{
	(void)Gbps;
	ct_buf_add(out, "! UNTESTED: written after a second-hand article on EOS, tried on no switch.\n"
		"! On Jericho write tx-queue for uc-tx-queue.\n");
	for (int i = 0; i < CT_ROCE_DSCPS; i++)
		ct_buf_add(out, "qos map dscp %d to traffic-class %d\n", i, c->tc_of_dscp[i]);
	ct_buf_add(out, "qos map traffic-class 3 to tx-queue 3\n"
		"qos map traffic-class 6 to tx-queue 6\n");
	eos_watchdog(c, out);
	ct_buf_add(out, "qos profile colltune-roce\n"
		"   priority-flow-control on\n"
		"   priority-flow-control priority 3 no-drop\n"
		"   uc-tx-queue 3\n"
		"      no priority\n"
		"      bandwidth percent 95\n"
		"      random-detect ecn minimum-threshold %lld kbytes maximum-threshold %lld kbytes "
		"max-mark-probability %lld weight 0\n"
		"   uc-tx-queue 6\n"
		"      priority strict\n", kilo(c, CT_ROCE_KMIN), kilo(c, CT_ROCE_KMAX),
		term(c, CT_ROCE_PMAX));
	for (size_t i = 0; i < ports->n; i++)
		ct_buf_add(out, "interface %s\n   mtu %lld\n   qos trust dscp\n"
			"   service-profile colltune-roce\n", ports->name[i],
			term(c, CT_ROCE_MTU) > 9214 ? 9214 : term(c, CT_ROCE_MTU));
	return ct_buf_status(out);
}

ct_status ct_roce_nxos_write(const struct ct_roce_contract *c, const struct ct_roce_ports *ports,
	double Gbps, struct ct_buf *out)
{
	(void)Gbps;
	ct_buf_add(out, "! UNTESTED: written after second-hand examples of NX-OS, tried on no switch.\n"
		"class-map type qos match-any colltune-data\n  match dscp %d\n"
		"class-map type qos match-any colltune-cnp\n  match dscp %d\n"
		"policy-map type qos colltune-marking\n"
		"  class colltune-data\n    set qos-group 3\n"
		"  class colltune-cnp\n    set qos-group 7\n", CT_ROCE_DATA_DSCP, CT_ROCE_CNP_DSCP);
	ct_buf_add(out, "policy-map type queuing colltune-out\n"
		"  class type queuing c-out-8q-q7\n    priority level 1\n"
		"  class type queuing c-out-8q-q3\n    bandwidth remaining percent 60\n"
		"    random-detect minimum-threshold %lld kbytes maximum-threshold %lld kbytes "
		"drop-probability %lld weight 0 ecn\n", kilo(c, CT_ROCE_KMIN), kilo(c, CT_ROCE_KMAX),
		term(c, CT_ROCE_PMAX));
	ct_buf_add(out, "policy-map type network-qos colltune-network\n"
		"  class type network-qos c-8q-nq3\n    mtu %lld\n    pause pfc-cos 3\n"
		"system qos\n"
		"  service-policy type network-qos colltune-network\n"
		"  service-policy type queuing output colltune-out\n", term(c, CT_ROCE_MTU));
	for (size_t i = 0; i < ports->n; i++)
		ct_buf_add(out, "interface %s\n  service-policy type qos input colltune-marking\n"
			"  priority-flow-control mode on\n"
			"  priority-flow-control watch-dog-interval on\n", ports->name[i]);
	return ct_buf_status(out);
}

ct_status ct_roce_os10_write(const struct ct_roce_contract *c, const struct ct_roce_ports *ports,
	double Gbps, struct ct_buf *out)
{
	(void)Gbps;
	ct_buf_add(out, "! UNTESTED: written after second-hand examples of OS10, tried on no switch.\n"
		"trust dscp-map colltune-dscp\n qos-group 3 dscp %d\n qos-group 6 dscp %d\n"
		"qos-map traffic-class colltune-queues\n queue 3 qos-group 3\n queue 6 qos-group 6\n"
		"class-map type network-qos colltune-data\n match qos-group 3\n"
		"policy-map type network-qos colltune-pfc\n class colltune-data\n  pause\n  pfc-cos 3\n",
		CT_ROCE_DATA_DSCP, CT_ROCE_CNP_DSCP);
	ct_buf_add(out, "wred colltune-ecn\n"
		" random-detect color green minimum-threshold %lld maximum-threshold %lld "
		"drop-probability %lld\n random-detect ecn\n"
		"system qos\n ets mode on\n", kilo(c, CT_ROCE_KMIN), kilo(c, CT_ROCE_KMAX),
		term(c, CT_ROCE_PMAX));
	for (size_t i = 0; i < ports->n; i++)
		ct_buf_add(out, "interface %s\n flowcontrol receive off\n flowcontrol transmit off\n"
			" priority-flow-control mode on\n service-policy input type network-qos colltune-pfc\n"
			" trust-map dscp colltune-dscp\n qos-map traffic-class colltune-queues\n",
			ports->name[i]);
	return ct_buf_status(out);
}

/* The thresholds of a queue are shares of its buffer there, which bytes cannot be turned into. */
ct_status ct_roce_junos_write(const struct ct_roce_contract *c, const struct ct_roce_ports *ports,
	double Gbps, struct ct_buf *out)
{
	(void)Gbps;
	ct_buf_add(out, "# UNTESTED: written after Juniper's examples for the QFX5240, tried on no switch.\n"
		"# Marking is by fill level: 55 to 90 %% as in Juniper's example, not our bytes.\n"
		"set class-of-service classifiers dscp colltune forwarding-class NO-LOSS "
		"loss-priority low code-points 011010\n"
		"set class-of-service classifiers dscp colltune forwarding-class CNP "
		"loss-priority low code-points 110000\n"
		"set class-of-service forwarding-classes class NO-LOSS queue-num 4 no-loss pfc-priority 3\n"
		"set class-of-service forwarding-classes class CNP queue-num 6\n"
		"set class-of-service drop-profiles colltune interpolate fill-level [ 55 90 ] "
		"drop-probability [ 0 100 ]\n"
		"set class-of-service schedulers data drop-profile-map loss-priority any protocol any "
		"drop-profile colltune\n"
		"set class-of-service schedulers data explicit-congestion-notification\n"
		"set class-of-service schedulers cnp priority strict-high\n"
		"set class-of-service schedulers cnp transmit-rate percent 5\n"
		"set class-of-service scheduler-maps colltune forwarding-class NO-LOSS scheduler data\n"
		"set class-of-service scheduler-maps colltune forwarding-class CNP scheduler cnp\n"
		"set class-of-service congestion-notification-profile colltune pfc-watchdog\n"
		"set class-of-service congestion-notification-profile colltune input dscp "
		"code-point 011010 pfc\n"
		"set class-of-service congestion-notification-profile colltune output ieee-802.1 "
		"code-point 011 flow-control-queue 4\n");
	for (size_t i = 0; i < ports->n; i++)
		ct_buf_add(out, "set interfaces %s mtu %lld\n"
			"set class-of-service interfaces %s congestion-notification-profile colltune\n"
			"set class-of-service interfaces %s scheduler-map colltune\n"
			"set class-of-service interfaces %s unit 0 classifiers dscp colltune\n",
			ports->name[i], term(c, CT_ROCE_MTU), ports->name[i], ports->name[i], ports->name[i]);
	return ct_buf_status(out);
}
