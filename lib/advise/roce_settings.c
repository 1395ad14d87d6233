/* SPDX-License-Identifier: BSD-3-Clause */
/* What the settings of an end say: the way from a DSCP to a priority, to PFC on both sides, to marks. */
#include <string.h>

#include "roce_checks.h"

enum { DSCP_SHIFT = 2, MTU_FULL = 4096 };

unsigned int ct_roce_dscp(const struct ct_end *e, const char **from)
{
	if (e->traffic_class != CT_END_UNKNOWN && e->traffic_class >> DSCP_SHIFT != 0) {
		*from = "traffic_class";
		return (unsigned int)(e->traffic_class >> DSCP_SHIFT) & 63;
	}
	if (e->cm_tos != CT_END_UNKNOWN && e->cm_tos >> DSCP_SHIFT != 0) {
		*from = "default_roce_tos";
		return (unsigned int)(e->cm_tos >> DSCP_SHIFT) & 63;
	}
	*from = NULL;
	return CT_ROCE_DATA_DSCP;
}

static bool lossless(const struct ct_end *e, unsigned int priority)
{
	return (e->dcb.pfc_mask >> priority & 1) != 0;
}

static bool has_pfc(const struct ct_end *e)
{
	return e->dcb_known && e->dcb.pfc_known && e->dcb.pfc_mask != 0;
}

ct_status ct_roce_data_priority(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	const char *from;
	unsigned int dscp = ct_roce_dscp(e, &from), priority = ct_dcb_priority(&e->dcb, dscp);

	if (!has_pfc(e) || from == NULL || lossless(e, priority))
		return CT_OK;
	return ct_roce_found(rule, out, e, "%s gives DSCP %u, which goes to priority %u; PFC is on for "
		"0x%02x only", from, dscp, priority, e->dcb.pfc_mask);
}

ct_status ct_roce_dscp_map(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	const char *from;
	unsigned int dscp = ct_roce_dscp(e, &from), priority = ct_dcb_priority(&e->dcb, dscp);

	if (!has_pfc(e) || from != NULL || lossless(e, priority))
		return CT_OK;
	return ct_roce_found(rule, out, e, "DSCP %u of the contract goes to priority %u; PFC is on for "
		"0x%02x only", dscp, priority, e->dcb.pfc_mask);
}

ct_status ct_roce_tos_differ(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	unsigned int a, b;

	if (!e->dcb_known || e->traffic_class == CT_END_UNKNOWN || e->cm_tos == CT_END_UNKNOWN ||
		e->traffic_class == 0 || e->cm_tos == 0)
		return CT_OK;
	a = ct_dcb_priority(&e->dcb, (unsigned int)(e->traffic_class >> DSCP_SHIFT) & 63);
	b = ct_dcb_priority(&e->dcb, (unsigned int)(e->cm_tos >> DSCP_SHIFT) & 63);
	if (a == b)
		return CT_OK;
	return ct_roce_found(rule, out, e, "queue pairs of verbs have ToS %llu (priority %u), those of the "
		"connection manager %llu (priority %u)", (unsigned long long)e->traffic_class, a,
		(unsigned long long)e->cm_tos, b);
}

ct_status ct_roce_pfc_peer(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	if (!e->dcb_known || !e->dcb.pfc_known || !e->dcb.peer_pfc_known ||
		e->dcb.pfc_mask == e->dcb.peer_pfc_mask)
		return CT_OK;
	return ct_roce_found(rule, out, e, "PFC is on for priorities 0x%02x here, for 0x%02x at the other "
		"end of the cable (its LLDP)", e->dcb.pfc_mask, e->dcb.peer_pfc_mask);
}

ct_status ct_roce_peer_app(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	const char *from;
	unsigned int dscp = ct_roce_dscp(e, &from), here = ct_dcb_priority(&e->dcb, dscp);
	int there = ct_dcb_peer_priority(&e->dcb, dscp);

	if (!has_pfc(e) || !lossless(e, here) || there < 0 || (unsigned int)there == here)
		return CT_OK; /* a priority without PFC has a rule of its own */
	return ct_roce_found(rule, out, e, "DSCP %u goes to priority %u here; the other end of the cable has RoCE "
		"on priority %d (APP table of its LLDP)", dscp, here, there);
}

ct_status ct_roce_dcbx_willing(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	bool managed = e->dcb.dcbx_known && (e->dcb.dcbx & CT_DCBX_MANAGED) != 0;

	if (!e->dcb_known || (!managed && !e->dcb.willing))
		return CT_OK;
	return ct_roce_found(rule, out, e, "%s", managed ?
		"the adapter's firmware runs DCBX: the switch may replace what is set here" :
		"ETS is willing: the switch may replace what is set here");
}

ct_status ct_roce_storm_guard(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	if (!has_pfc(e) || e->storm_guard_ms != 0)
		return CT_OK;
	return ct_roce_found(rule, out, e, "PFC is on and the guard against pause storms is off");
}

ct_status ct_roce_both_pauses(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	if (!has_pfc(e) || e->rx_pause == CT_END_UNKNOWN || (e->rx_pause == 0 && e->tx_pause == 0))
		return CT_OK;
	return ct_roce_found(rule, out, e, "pause of the whole link is on (rx %s, tx %s) beside PFC",
		e->rx_pause != 0 ? "on" : "off", e->tx_pause != 0 ? "on" : "off");
}

ct_status ct_roce_gid(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	bool v2 = false;

	for (size_t i = 0; i < e->ngids; i++) {
		if (e->gids[i].version != 2)
			continue;
		v2 = true;
		if (strcmp(e->gids[i].kind, "link-local") != 0)
			return CT_OK;
	}
	return ct_roce_found(rule, out, e, "%s", v2 ? "its only RoCE v2 GID is link-local: no router "
		"passes it on" : e->ngids > 0 ? "all its GIDs are RoCE v1" : "it has no GID");
}

ct_status ct_roce_mtu(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	if (e->rdma_mtu == CT_END_UNKNOWN || e->rdma_mtu >= MTU_FULL)
		return CT_OK;
	return ct_roce_found(rule, out, e, "RDMA's MTU is at most %llu, since %s has %llu",
		(unsigned long long)e->rdma_mtu, e->netdev, (unsigned long long)e->net_mtu);
}

ct_status ct_roce_dcqcn_off(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	const char *from;
	unsigned int priority = ct_dcb_priority(&e->dcb, ct_roce_dscp(e, &from));
	bool np = (e->np_mask >> priority & 1) != 0, rp = (e->rp_mask >> priority & 1) != 0;

	if (!has_pfc(e) || e->np_mask == CT_END_UNKNOWN || e->rp_mask == CT_END_UNKNOWN || (np && rp))
		return CT_OK;
	return ct_roce_found(rule, out, e, "on priority %u this end %s", priority, !np && !rp ?
		"neither answers marks nor slows down" : np ? "does not slow down" : "does not answer marks");
}

ct_status ct_roce_cnp_class(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	const char *from;
	unsigned int data = ct_dcb_priority(&e->dcb, ct_roce_dscp(e, &from)), cnp;

	for (size_t i = 0; has_pfc(e) && i < e->ncc; i++) {
		if (strcmp(e->cc[i].name, "np_cnp_dscp") != 0 || e->cc[i].value > 63)
			continue;
		cnp = ct_dcb_priority(&e->dcb, (unsigned int)e->cc[i].value);
		if (cnp == data)
			return ct_roce_found(rule, out, e, "notifications have DSCP %llu, which is in the data's "
				"own priority %u", (unsigned long long)e->cc[i].value, data);
	}
	return CT_OK;
}

ct_status ct_roce_iommu(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	if (strncmp(e->iommu, "DMA", 3) != 0)
		return CT_OK;
	return ct_roce_found(rule, out, e, "its IOMMU group is of type %s: every address is translated",
		e->iommu);
}

ct_status ct_roce_bond_hash(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	if (strncmp(e->bond_hash, "layer2 ", 7) != 0)
		return CT_OK;
	return ct_roce_found(rule, out, e, "bond %s (%s) chooses a cable by %s: all flows of two hosts share "
		"one", e->bond, e->bond_mode, "MAC addresses");
}
