/* SPDX-License-Identifier: BSD-3-Clause */
/* What the counters of an end say. Little of anything is no sign: timers do expire, cables are pulled. */
#include <stdio.h>

#include "roce_checks.h"

#define LEAST 20             /* events */
#define LEAST_SHARE 1e-5     /* of the packets, where these are counted */
#define WINDOW_LEAST 5       /* in a window of some seconds fewer will do, */
#define WINDOW_SHARE 1e-3    /* if they are one packet in a thousand */
#define LEAST_BYTES 1e9      /* of traffic, before its priority is judged */
#define STORM_SHARE 0.5      /* of the time that a priority was paused */

static uint64_t count(const struct ct_end *e, enum ct_count_id id)
{
	return (e->counts.exposed & ct_count_bit(id)) != 0 ? e->counts.value[id] : 0;
}

static bool exposed(const struct ct_end *e, enum ct_count_id id)
{
	return (e->counts.exposed & ct_count_bit(id)) != 0;
}

static bool many(const struct ct_end *e, uint64_t events)
{
	double packets = (double)count(e, CT_COUNT_TX_PACKETS) + (double)count(e, CT_COUNT_RX_PACKETS);

	if (e->windowed && events >= WINDOW_LEAST && (double)events >= WINDOW_SHARE * packets)
		return true;
	return events >= LEAST && (double)events >= LEAST_SHARE * packets;
}

static uint64_t stat(const struct ct_end *e, enum ct_netstat_id id)
{
	uint64_t sum;

	return ct_netstat_sum(&e->stats, id, &sum) ? sum : 0;
}

static uint64_t received_pause(const struct ct_end *e)
{
	return stat(e, CT_NETSTAT_RX_PAUSE) + stat(e, CT_NETSTAT_GLOBAL_RX_PAUSE);
}

static uint64_t sent_pause(const struct ct_end *e)
{
	return stat(e, CT_NETSTAT_TX_PAUSE) + stat(e, CT_NETSTAT_GLOBAL_TX_PAUSE);
}

/* Times that a sender here learned of a loss, or a receiver here got something twice. */
static uint64_t losses(const struct ct_end *e)
{
	uint64_t sum = 0;

	ct_counts_of_class(&e->counts, CT_COUNT_RETRANSMISSION, &sum);
	return sum - count(e, CT_COUNT_SLOW_RESTARTS);
}

ct_status ct_roce_traffic_priority(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	double inside = 0, outside = 0, rdma = (double)count(e, CT_COUNT_TX_BYTES);
	unsigned int most = 0;

	if (!e->dcb_known || !e->dcb.pfc_known || e->dcb.pfc_mask == 0 || rdma < LEAST_BYTES ||
		(e->stats.exposed >> CT_NETSTAT_PRIO_TX_BYTES & 1) == 0)
		return CT_OK;
	for (unsigned int i = 0; i < CT_PRIORITIES; i++) {
		double bytes = (double)e->stats.value[CT_NETSTAT_PRIO_TX_BYTES][i];

		if ((e->dcb.pfc_mask >> i & 1) != 0) {
			inside += bytes;
			continue;
		}
		outside += bytes;
		if (e->stats.value[CT_NETSTAT_PRIO_TX_BYTES][i] > e->stats.value[CT_NETSTAT_PRIO_TX_BYTES][most] ||
			(e->dcb.pfc_mask >> most & 1) != 0)
			most = i;
	}
	if (inside >= rdma / 2 || outside < rdma / 2)
		return CT_OK;
	return ct_roce_found(rule, out, e, "RDMA sent %.3g GB, but only %.3g GB left on priorities with PFC; "
		"priority %u carried %.3g GB", rdma / 1e9, inside / 1e9, most,
		(double)e->stats.value[CT_NETSTAT_PRIO_TX_BYTES][most] / 1e9);
}

/* What is said of the losses at E. */
static ct_status say_loss(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out, const char *pause)
{
	return ct_roce_found(rule, out, e, "sent again or noticed losses %llu times (NAKs of sequence %llu, "
		"timeouts %llu, gaps received %llu), pause %s", (unsigned long long)losses(e),
		(unsigned long long)count(e, CT_COUNT_SEQ_NAKS),
		(unsigned long long)count(e, CT_COUNT_ACK_TIMEOUTS),
		(unsigned long long)count(e, CT_COUNT_RX_OUT_OF_SEQUENCE), pause);
}

ct_status ct_roce_silent_loss(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	bool told = (e->stats.exposed & (1u << CT_NETSTAT_RX_PAUSE | 1u << CT_NETSTAT_GLOBAL_RX_PAUSE)) != 0;

	if (!many(e, losses(e)) || received_pause(e) + sent_pause(e) > 0)
		return CT_OK;
	return say_loss(rule, e, out, !told ? "not exposed" : e->dcb_known && e->dcb.pfc_known &&
		e->dcb.pfc_mask == 0 ? "none: PFC is off" : "none");
}

ct_status ct_roce_lossless_loss(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	char text[64];
	uint64_t pauses = received_pause(e) + sent_pause(e);

	if (!many(e, losses(e)) || pauses == 0)
		return CT_OK;
	snprintf(text, sizeof(text), "%llu frames, so that it works in part",
		(unsigned long long)pauses);
	return say_loss(rule, e, out, text);
}

ct_status ct_roce_pfc_off(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	if (!e->dcb_known || !e->dcb.pfc_known || e->dcb.pfc_mask != 0 || many(e, losses(e)) ||
		e->rx_pause == 1)
		return CT_OK;
	return ct_roce_found(rule, out, e, "PFC is off for all priorities, and so is pause of the link; no "
		"loss was counted so far");
}

ct_status ct_roce_oversize(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	if (stat(e, CT_NETSTAT_OVERSIZE) == 0)
		return CT_OK;
	return ct_roce_found(rule, out, e, "%llu packets were longer than %s takes (MTU %llu): the other end's "
		"MTU is larger", (unsigned long long)stat(e, CT_NETSTAT_OVERSIZE), e->netdev,
		(unsigned long long)e->net_mtu);
}

ct_status ct_roce_pause_storm(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	if (stat(e, CT_NETSTAT_STORM_ERRORS) > 0)
		return ct_roce_found(rule, out, e, "the adapter's storm guard struck %llu times: it paused the "
			"network without end, and this end is where the storm begins",
			(unsigned long long)stat(e, CT_NETSTAT_STORM_ERRORS));
	for (int i = 0; i < CT_PRIORITIES && e->seconds > 0; i++) {
		double in = (double)e->stats.value[CT_NETSTAT_RX_PAUSED_US][i] / 1e6 / e->seconds;
		double sent = (double)e->stats.value[CT_NETSTAT_TX_PAUSED_US][i] / 1e6 / e->seconds;

		if (in < STORM_SHARE && sent < STORM_SHARE)
			continue;
		return ct_roce_found(rule, out, e, "priority %d was paused %.0f %% of the time %s", i,
			100 * (in > sent ? in : sent), sent >= in ? "by this end: the storm begins here" :
			"by the network: the storm begins elsewhere");
	}
	return CT_OK;
}

ct_status ct_roce_host_pauses(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	uint64_t sent = sent_pause(e), stalled = stat(e, CT_NETSTAT_PCI_STALLED);
	char pci[64] = "";

	if (sent < LEAST || received_pause(e) > sent / 10)
		return CT_OK;
	if (stalled > 0)
		snprintf(pci, sizeof(pci), "; PCIe held writes back in %llu seconds",
			(unsigned long long)stalled);
	return ct_roce_found(rule, out, e, "it sent %llu pause frames and received %llu: this host is too slow "
		"for what it receives%s", (unsigned long long)sent, (unsigned long long)received_pause(e), pci);
}

ct_status ct_roce_cnp_without_marks(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	if (count(e, CT_COUNT_CNP_TX) < LEAST || !exposed(e, CT_COUNT_ECN_MARKED) ||
		count(e, CT_COUNT_ECN_MARKED) > 0)
		return CT_OK;
	return ct_roce_found(rule, out, e, "%llu notifications were sent without one marked packet; slow restart "
		"%s%llu of them", (unsigned long long)count(e, CT_COUNT_CNP_TX),
		exposed(e, CT_COUNT_SLOW_RESTART_CNPS) ? "made " : "is not exposed, known: ",
		(unsigned long long)count(e, CT_COUNT_SLOW_RESTART_CNPS));
}

ct_status ct_roce_reordering(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	uint64_t gaps = count(e, CT_COUNT_RX_OUT_OF_SEQUENCE);

	if (!many(e, gaps) || losses(e) >= LEAST || count(e, CT_COUNT_RX_DROPS) > 0)
		return CT_OK;
	return ct_roce_found(rule, out, e, "%llu packets came after a gap, yet hardly anything was sent again "
		"(%llu) and nothing dropped", (unsigned long long)gaps, (unsigned long long)losses(e));
}

ct_status ct_roce_cnp_ignored(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	uint64_t ignored = count(e, CT_COUNT_CNP_IGNORED), handled = count(e, CT_COUNT_CNP_RX);

	if (ignored < LEAST || ignored < handled)
		return CT_OK;
	return ct_roce_found(rule, out, e, "%llu notifications were ignored, %llu acted on",
		(unsigned long long)ignored, (unsigned long long)handled);
}

ct_status ct_roce_ecn_late(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	uint64_t paused = received_pause(e), answered = count(e, CT_COUNT_CNP_RX),
		 marked = count(e, CT_COUNT_ECN_MARKED);

	if (paused < LEAST || !exposed(e, CT_COUNT_CNP_RX) || !exposed(e, CT_COUNT_ECN_MARKED) ||
		answered + marked > paused / 100)
		return CT_OK;
	return ct_roce_found(rule, out, e, "%llu pause frames came, but %llu marks and %llu notifications",
		(unsigned long long)paused, (unsigned long long)marked,
		(unsigned long long)answered);
}

ct_status ct_roce_link_errors(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	uint64_t icrc = count(e, CT_COUNT_ICRC_ERRORS), lanes = stat(e, CT_NETSTAT_LANE_ERRORS) +
		count(e, CT_COUNT_SYMBOL_ERRORS);

	if (icrc < LEAST && lanes < LEAST)
		return CT_OK;
	return ct_roce_found(rule, out, e, "%llu packets damaged on the way, %llu errors of the lanes",
		(unsigned long long)icrc, (unsigned long long)lanes);
}
