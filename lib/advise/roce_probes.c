/* SPDX-License-Identifier: BSD-3-Clause */
/* What was measured between hosts says, and what a host counted as a whole. */
#include "roce_checks.h"

#define RATIO 1.1     /* between two directions */
#define SPREAD 1.5    /* between equal flows */
#define GPU_SHARE 0.6 /* of the rate from host memory */
#define SLOWER 2.0    /* with relaxed ordering */
#define GOODPUT 0.9
#define MARKS 0.02    /* of the packets */
#define LEAST 20

static bool known(const struct ct_ends *e, enum ct_probe_id a, enum ct_probe_id b)
{
	return (e->probes.known >> a & 1) != 0 && (e->probes.known >> b & 1) != 0;
}

ct_status ct_roce_rail_reach(const struct ct_advice_rule *rule, const struct ct_ends *e,
	struct ct_findings *out)
{
	const double *v = e->probes.value;

	if (!known(e, CT_PROBE_SAME_RAIL, CT_PROBE_CROSS_RAIL) || v[CT_PROBE_SAME_RAIL] < 1 ||
		v[CT_PROBE_CROSS_RAIL] > 0)
		return CT_OK;
	return ct_roce_found(rule, out, NULL, "all pairs of one rail reach each other, none of two rails does");
}

ct_status ct_roce_gpu_path(const struct ct_advice_rule *rule, const struct ct_ends *e,
	struct ct_findings *out)
{
	const double *v = e->probes.value;

	if (!known(e, CT_PROBE_HOST_BPS, CT_PROBE_GPU_BPS) ||
		v[CT_PROBE_GPU_BPS] >= GPU_SHARE * v[CT_PROBE_HOST_BPS])
		return CT_OK;
	return ct_roce_found(rule, out, NULL, "%.3g GB/s from the memory of the host, %.3g GB/s from a GPU's",
		v[CT_PROBE_HOST_BPS] / 1e9, v[CT_PROBE_GPU_BPS] / 1e9);
}

ct_status ct_roce_flow_collision(const struct ct_advice_rule *rule, const struct ct_ends *e,
	struct ct_findings *out)
{
	const double *v = e->probes.value;

	if (!known(e, CT_PROBE_FLOW_LOW_BPS, CT_PROBE_FLOW_HIGH_BPS) ||
		v[CT_PROBE_FLOW_HIGH_BPS] < SPREAD * v[CT_PROBE_FLOW_LOW_BPS])
		return CT_OK;
	return ct_roce_found(rule, out, NULL, "equal flows that differ in their ports only had %.3g to %.3g GB/s",
		v[CT_PROBE_FLOW_LOW_BPS] / 1e9, v[CT_PROBE_FLOW_HIGH_BPS] / 1e9);
}

ct_status ct_roce_ece(const struct ct_advice_rule *rule, const struct ct_ends *e,
	struct ct_findings *out)
{
	const double *v = e->probes.value;

	if (!known(e, CT_PROBE_ECE_ERRORS, CT_PROBE_PLAIN_ERRORS) || v[CT_PROBE_ECE_ERRORS] < 1 ||
		v[CT_PROBE_PLAIN_ERRORS] > 0)
		return CT_OK;
	return ct_roce_found(rule, out, NULL, "%.0f connections failed with enhanced connection setup, none "
		"without", v[CT_PROBE_ECE_ERRORS]);
}

ct_status ct_roce_ordering(const struct ct_advice_rule *rule, const struct ct_ends *e,
	struct ct_findings *out)
{
	const double *v = e->probes.value;

	if (!known(e, CT_PROBE_ORDERED_NS, CT_PROBE_RELAXED_NS) ||
		v[CT_PROBE_RELAXED_NS] < SLOWER * v[CT_PROBE_ORDERED_NS])
		return CT_OK;
	return ct_roce_found(rule, out, NULL, "4 MB took %.3g us with relaxed ordering, %.3g us without",
		v[CT_PROBE_RELAXED_NS] / 1e3, v[CT_PROBE_ORDERED_NS] / 1e3);
}

ct_status ct_roce_one_direction(const struct ct_advice_rule *rule, const struct ct_ends *e,
	struct ct_findings *out)
{
	double a = e->probes.value[CT_PROBE_FORWARD_BPS], b = e->probes.value[CT_PROBE_BACKWARD_BPS];
	double low = a < b ? a : b, high = a < b ? b : a;

	if (!known(e, CT_PROBE_FORWARD_BPS, CT_PROBE_BACKWARD_BPS) || high < RATIO * low)
		return CT_OK;
	return ct_roce_found(rule, out, NULL, "%.3g GB/s one way, %.3g GB/s the other", a / 1e9, b / 1e9);
}

ct_status ct_roce_ecn_early(const struct ct_advice_rule *rule, const struct ct_ends *e,
	struct ct_findings *out)
{
	double goodput = e->probes.value[CT_PROBE_GOODPUT], marked = 0, packets = 0;
	uint64_t pause = 0, sum;

	for (size_t i = 0; i < e->n; i++) {
		const struct ct_counts *c = &e->list[i].counts;

		if ((c->exposed & ct_count_bit(CT_COUNT_ECN_MARKED)) == 0)
			continue;
		marked += (double)c->value[CT_COUNT_ECN_MARKED];
		packets += (double)c->value[CT_COUNT_RX_PACKETS];
		ct_netstat_sum(&e->list[i].stats, CT_NETSTAT_RX_PAUSE, &sum);
		pause += sum;
	}
	if ((e->probes.known >> CT_PROBE_GOODPUT & 1) == 0 || goodput >= GOODPUT || packets <= 0 ||
		marked < MARKS * packets || pause > 0)
		return CT_OK;
	return ct_roce_found(rule, out, NULL, "an incast had %.0f %% of the link while %.1f %% of the packets "
		"were marked and nothing was paused", 100 * goodput, 100 * marked / packets);
}

/* What this host's own queues marked: there the congestion is. */
static ct_status own_marks(const struct ct_advice_rule *rule, const struct ct_ends *all,
	struct ct_findings *out)
{
	ct_status status = CT_OK;

	for (size_t i = 0; i < all->n && status == CT_OK; i++) {
		const struct ct_end *e = &all->list[i];

		if (e->active && e->queue_known && e->queue.marked >= (all->windowed ? 1 : LEAST))
			status = ct_roce_found(rule, out, e, "the queue of %s here (%s) marked %llu of the packets "
				"that it sent, by tc's own count, and dropped %llu", e->netdev, e->queue.kinds,
				(unsigned long long)e->queue.marked, (unsigned long long)e->queue.dropped);
	}
	return status;
}

ct_status ct_roce_ce_marks(const struct ct_advice_rule *rule, const struct ct_ends *e,
	struct ct_findings *out)
{
	ct_status status = own_marks(rule, e, out);

	if (status != CT_OK)
		return status;
	if (!e->ce_known || e->ce_packets < (e->windowed ? 1 : LEAST) || e->n == 0)
		return CT_OK;
	for (size_t i = 0; i < e->n; i++)
		if ((e->list[i].counts.exposed & ct_count_bit(CT_COUNT_ECN_MARKED)) != 0)
			return CT_OK;
	return ct_roce_found(rule, out, NULL, "%llu packets came with a congestion mark (IpExtInCEPkts); marks "
		"and notifications of the RDMA devices are not exposed", (unsigned long long)e->ce_packets);
}
