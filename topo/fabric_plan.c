/* SPDX-License-Identifier: BSD-3-Clause */
/* What a cluster file declares, as a fabric. */
#include "fabric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ct_fabric_plan_free(struct ct_fabric_plan *plan)
{
	ct_free(plan->leaves);
	ct_free(plan->hosts);
	ct_free(plan->uplinks);
	*plan = (struct ct_fabric_plan){ .nleaves = 0 };
}

/* One cable to be: from leaf LEAF up to switch TO, or down to host TO. */
struct cable {
	const char *to;
	uint32_t leaf, cables;
	bool up;
	uint32_t node; /* of TO, once made */
};

static int compare_cables(const void *x, const void *y)
{
	const struct cable *a = x, *b = y;
	int order = strcmp(a->to, b->to);

	if (a->up != b->up)
		return a->up ? -1 : 1;
	return order != 0 ? order : (a->leaf > b->leaf) - (a->leaf < b->leaf);
}

static void set_rate(struct ct_fabric *f, const struct ct_fabric_plan *plan, uint32_t port)
{
	struct ct_fabric_port *p = &f->ports[port];

	/* InfiniBand's cables have four lanes, unless somebody has split them. */
	p->lanes_can = plan->Mbps == 0 ? 0 : plan->link == CT_FABRIC_INFINIBAND ? 4 : 1;
	p->lane_can_Mbps = p->lanes_can > 0 ? (uint32_t)(plan->Mbps / p->lanes_can) : 0;
	p->lanes = p->lanes_can;
	p->lane_Mbps = p->lane_can_Mbps;
}

/* Do the leaves of a host's N cables tell a rail of its own for each? */
static bool tell_rails(const struct ct_fabric_plan *plan, const struct cable *cables, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t rail = plan->leaves[cables[i].leaf].rail;

		for (size_t k = 0; k < i; k++)
			if (plan->leaves[cables[k].leaf].rail == rail)
				return false;
		if (rail == 0 || rail > 9999)
			return false;
	}
	return true;
}

/* Cables of one TO follow each other: a spine has a port for each, a host's adapters have one. */
static ct_status add_ends(struct ct_fabric *f, const struct ct_fabric_plan *plan, struct cable *cables,
	size_t n)
{
	ct_status status = CT_OK;
	size_t same;

	for (size_t i = 0; status == CT_OK && i < n; i += same) {
		uint32_t ports = 0, rail = 0;
		uint32_t node = 0;
		bool told;

		for (same = 0; i + same < n && cables[i + same].up == cables[i].up &&
		     strcmp(cables[i + same].to, cables[i].to) == 0; same++)
			ports += cables[i + same].cables;
		told = !cables[i].up && tell_rails(plan, cables + i, same);
		if (cables[i].up)
			status = ct_fabric_add(f, CT_FABRIC_SWITCH, cables[i].to, ports, &node);
		for (size_t k = i; status == CT_OK && k < i + same; k++) {
			char name[CT_FABRIC_NAME];

			rail = told ? plan->leaves[cables[k].leaf].rail : rail + 1;
			snprintf(name, sizeof(name), "%.56s HCA-%u", cables[k].to, rail);
			if (!cables[k].up)
				status = ct_fabric_add(f, CT_FABRIC_HCA, same == 1 ? cables[k].to : name,
					1, &node);
			cables[k].node = node;
		}
	}
	return status;
}

static ct_status connect_ends(struct ct_fabric *f, const struct ct_fabric_plan *plan,
	const struct cable *cables, size_t n)
{
	uint32_t *next = ct_alloc(f->nnodes, sizeof(*next)); /* first free port of each node */
	ct_status status = next == NULL ? CT_NOMEM : CT_OK;

	for (size_t i = 0; status == CT_OK && i < n; i++) {
		for (uint32_t k = 0; status == CT_OK && k < cables[i].cables; k++) {
			uint32_t a = f->nodes[cables[i].leaf].first + next[cables[i].leaf]++;
			uint32_t b = f->nodes[cables[i].node].first + next[cables[i].node]++;

			status = ct_fabric_connect(f, a, b);
			set_rate(f, plan, a);
			set_rate(f, plan, b);
		}
	}
	ct_free(next);
	return status;
}

/* Leaves are the first nodes, in the plan's order. */
static ct_status build(struct ct_fabric *f, const struct ct_fabric_plan *plan, struct cable *cables,
	size_t n)
{
	ct_status status = CT_OK;

	for (uint32_t i = 0; status == CT_OK && i < plan->nleaves; i++) {
		uint32_t ports = 0, node = 0;

		for (size_t k = 0; k < n; k++)
			ports += cables[k].leaf == i ? cables[k].cables : 0;
		status = ct_fabric_add(f, CT_FABRIC_SWITCH, plan->leaves[i].name, ports, &node);
	}
	if (n > 1)
		qsort(cables, n, sizeof(*cables), compare_cables);
	if (status == CT_OK)
		status = add_ends(f, plan, cables, n);
	if (status == CT_OK)
		status = connect_ends(f, plan, cables, n);
	return status == CT_OK ? ct_fabric_finish(f) : status;
}

ct_status ct_fabric_declared(const struct ct_fabric_plan *plan, const char *source,
	struct ct_fabric *fabric)
{
	struct ct_fabric made = { .link = plan->link, .declared = true };
	size_t n = 0;
	struct cable *cables = ct_alloc(plan->nhosts + plan->nuplinks, sizeof(*cables));
	ct_status status;

	if (cables == NULL)
		return CT_NOMEM;
	ct_text_clean(made.source, sizeof(made.source), source);
	for (size_t i = 0; i < plan->nuplinks; i++)
		cables[n++] = (struct cable){ plan->uplinks[i].to, plan->uplinks[i].leaf,
			plan->uplinks[i].cables, true, 0 };
	for (size_t i = 0; i < plan->nhosts; i++)
		cables[n++] = (struct cable){ plan->hosts[i].name, plan->hosts[i].leaf, 1, false, 0 };
	status = build(&made, plan, cables, n);
	ct_free(cables);
	if (status != CT_OK)
		ct_fabric_free(&made);
	else
		*fabric = made;
	return status;
}
