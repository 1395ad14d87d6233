/* SPDX-License-Identifier: BSD-3-Clause */
/* On which DSCP and priority each library's flows left, held against what it was told and against the contract. */
#include <stdio.h>

#include "roce_checks.h"

#define LEAST_PACKETS 20   /* of RoCE, before they are judged */
#define LEAST_SENT 1e6     /* bytes of RDMA, likewise */
#define ASTRAY 0.1         /* share that may leave otherwise: others' flows, and setting up */

enum { SHIFT = 2, SAID = 160 };

static double sum(const uint64_t *values, size_t n)
{
	double all = 0;

	for (size_t i = 0; i < n; i++)
		all += (double)values[i];
	return all;
}

static size_t most(const uint64_t *values, size_t n)
{
	size_t at = 0;

	for (size_t i = 1; i < n; i++)
		if (values[i] > values[at])
			at = i;
	return at;
}

/* Bytes that left on priorities of MASK. */
static double bytes_on(const struct ct_end_ride *r, unsigned int mask)
{
	double all = 0;

	for (unsigned int i = 0; i < CT_PRIORITIES; i++)
		all += (mask >> i & 1) != 0 ? (double)r->bytes[i] : 0;
	return all;
}

/* Is there enough to judge the interface's counts by priority? They hold other traffic than RDMA, too. */
static bool by_priority(const struct ct_end_ride *r)
{
	return r->priority_known && r->sent_bytes != CT_END_UNKNOWN && (double)r->sent_bytes >= LEAST_SENT;
}

/* Packets of the DSCPs in the mask WANTED. */
static double packets_on(const struct ct_end_ride *r, uint64_t wanted)
{
	double all = 0;

	for (unsigned int i = 0; i < CT_DSCPS; i++)
		all += (wanted >> i & 1) != 0 ? (double)r->packets[i] : 0;
	return all;
}

/* "100 % of 2310 packets left with DSCP 0", the most of those that are not in the mask WANTED. */
static void say_dscp(const struct ct_end_ride *r, uint64_t wanted, char said[SAID])
{
	uint64_t other[CT_DSCPS];
	double all = sum(r->packets, CT_DSCPS);
	size_t top;

	for (unsigned int i = 0; i < CT_DSCPS; i++)
		other[i] = (wanted >> i & 1) == 0 ? r->packets[i] : 0;
	top = most(other, CT_DSCPS);
	snprintf(said, SAID, "%.0f %% of %.0f packets left with DSCP %zu", 100 * (double)other[top] / all, all, top);
}

/* Did the flows leave otherwise than their library was told? SAID: on what. */
static bool astray(const struct ct_end *e, const struct ct_end_ride *r, char said[SAID])
{
	unsigned int dscp = (unsigned int)(r->told >> SHIFT) & 63, priority;
	double all = sum(r->packets, CT_DSCPS);
	size_t top = most(r->bytes, CT_PRIORITIES);

	if (r->told == CT_END_UNKNOWN)
		return false;
	if (r->dscp_known) {
		if (all < LEAST_PACKETS || all - (double)r->packets[dscp] <= ASTRAY * all)
			return false;
		say_dscp(r, (uint64_t)1 << dscp, said);
		return true;
	}
	priority = ct_dcb_priority(&e->dcb, dscp);
	if (!e->dcb_known || !by_priority(r) || bytes_on(r, 1u << priority) >= (double)r->sent_bytes / 2)
		return false;
	snprintf(said, SAID, "of %.3g MB of RDMA at most %.3g MB left on its priority %u; priority %zu carried %.3g MB",
		(double)r->sent_bytes / 1e6, bytes_on(r, 1u << priority) / 1e6, priority, top,
		(double)r->bytes[top] / 1e6);
	return true;
}

ct_status ct_roce_library_told(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	ct_status status = CT_OK;
	char said[SAID];

	for (size_t i = 0; i < e->nrides && status == CT_OK; i++) {
		const struct ct_end_ride *r = &e->rides[i];

		if (astray(e, r, said))
			status = ct_roce_found(rule, out, e, "%s was told traffic class %llu (DSCP %llu, by %s), but %s",
				r->who, (unsigned long long)r->told, (unsigned long long)(r->told >> SHIFT & 63),
				r->told_by, said);
	}
	return status;
}

/* Where PFC is on: did it protect the flows? Else: is the DSCP the contract's? */
static ct_status contract_of(const struct ct_advice_rule *rule, const struct ct_end *e,
	const struct ct_end_ride *r, struct ct_findings *out)
{
	bool pfc = e->dcb_known && e->dcb.pfc_known && e->dcb.pfc_mask != 0;
	double all = sum(r->packets, CT_DSCPS);
	const char *from;
	unsigned int dscp = ct_roce_dscp(e, &from);
	uint64_t right = 0;
	char said[SAID];

	if (pfc && by_priority(r)) {
		if (bytes_on(r, e->dcb.pfc_mask) >= (double)r->sent_bytes / 2)
			return CT_OK;
		return ct_roce_found(rule, out, e, "%s sent %.3g MB, at most %.3g MB of them on priorities with PFC "
			"(0x%02x); priority %zu carried most", r->who, (double)r->sent_bytes / 1e6,
			bytes_on(r, e->dcb.pfc_mask) / 1e6, e->dcb.pfc_mask, most(r->bytes, CT_PRIORITIES));
	}
	for (unsigned int i = 0; i < CT_DSCPS; i++)
		if (pfc ? (e->dcb.pfc_mask >> ct_dcb_priority(&e->dcb, i) & 1) != 0 : i == dscp)
			right |= (uint64_t)1 << i;
	if (!r->dscp_known || all < LEAST_PACKETS || all - packets_on(r, right) <= ASTRAY * all)
		return CT_OK;
	say_dscp(r, right, said);
	return ct_roce_found(rule, out, e, "%s: %s; the contract has DSCP %u%s%s", r->who, said, dscp,
		from != NULL ? ", by " : "", from != NULL ? from : "");
}

ct_status ct_roce_library_contract(const struct ct_advice_rule *rule, const struct ct_end *e,
	struct ct_findings *out)
{
	ct_status status = CT_OK;
	char said[SAID];

	for (size_t i = 0; i < e->nrides && status == CT_OK; i++)
		if (!astray(e, &e->rides[i], said)) /* told once */
			status = contract_of(rule, e, &e->rides[i], out);
	return status;
}
