/* SPDX-License-Identifier: BSD-3-Clause */
/* Where hosts are plugged in: at the leaf where they are declared, and each adapter at a leaf of its
 * rail. */
#include <stdio.h>
#include <string.h>

#include "fabric.h"

/* ---- hosts ----------------------------------------------------------------------------------- */

/* An adapter of the host called NAME, after port *AT, that is on a switch: its port, and the leaf. */
static bool next_adapter(const struct ct_fabric *f, const char *name, uint32_t *at, uint32_t *leaf)
{
	for (uint32_t p = *at == CT_FABRIC_NONE ? 0 : *at + 1; p < f->nports; p++) {
		const struct ct_fabric_node *node = &f->nodes[f->ports[p].node];

		if (node->type != CT_FABRIC_HCA || f->ports[p].peer == CT_FABRIC_NONE ||
		    node->host == CT_FABRIC_NONE || strcmp(f->hosts[node->host].name, name) != 0)
			continue;
		*at = p;
		*leaf = f->ports[f->ports[p].peer].node;
		return true;
	}
	return false;
}

/* Is host NAME declared at the leaf called LEAF? */
static bool declared_at(const struct ct_fabric_plan *plan, const char *name, const char *leaf)
{
	for (size_t i = 0; i < plan->nhosts; i++)
		if (strcmp(plan->hosts[i].name, name) == 0 &&
		    strcmp(plan->leaves[plan->hosts[i].leaf].name, leaf) == 0)
			return true;
	return false;
}

/* Where host NAME is though it is not declared there: a port of it, or CT_FABRIC_NONE. */
static uint32_t stray_port(const struct ct_fabric *f, const struct ct_fabric_plan *plan,
	const char *name)
{
	uint32_t at = CT_FABRIC_NONE, leaf = 0;

	while (next_adapter(f, name, &at, &leaf))
		if (!declared_at(plan, name, f->nodes[leaf].name))
			return at;
	return CT_FABRIC_NONE;
}

static bool is_at(const struct ct_fabric *f, const char *name, const char *leaf)
{
	uint32_t at = CT_FABRIC_NONE, node = 0;

	while (next_adapter(f, name, &at, &node))
		if (strcmp(f->nodes[node].name, leaf) == 0)
			return true;
	return false;
}

/* The host that stands where ROW was declared, and was declared where ROW is: a swap is told once. */
static const struct ct_plan_host *swapped_with(const struct ct_fabric *f,
	const struct ct_fabric_plan *plan, const struct ct_plan_host *row, const char *is_leaf)
{
	for (size_t i = 0; i < plan->nhosts; i++) {
		const struct ct_plan_host *other = &plan->hosts[i];

		if (strcmp(plan->leaves[other->leaf].name, is_leaf) == 0 &&
		    !is_at(f, other->name, is_leaf) &&
		    is_at(f, other->name, plan->leaves[row->leaf].name))
			return other;
	}
	return NULL;
}

ct_status ct_fabric_hosts(const struct ct_advise_in *in, const struct ct_advice_rule *rule,
	bool swapped, struct ct_findings *out)
{
	const struct ct_fabric *f = in->fabric;
	ct_status status = CT_OK;

	for (size_t i = 0; in->plan != NULL && status == CT_OK && i < in->plan->nhosts; i++) {
		const struct ct_plan_host *row = &in->plan->hosts[i], *other = NULL;
		const char *want = in->plan->leaves[row->leaf].name;
		struct ct_finding *found;
		uint32_t stray;
		char at[64];

		if (is_at(f, row->name, want))
			continue;
		stray = stray_port(f, in->plan, row->name);
		if (swapped != (stray != CT_FABRIC_NONE))
			continue;
		if (!swapped) {
			found = ct_fabric_finding(out, rule, &status, "%s has no link to %s, where it "
				"is declared", row->name, want);
			if (found != NULL)
				snprintf(found->set, sizeof(found->set), "is the host up, its adapter's "
					"driver loaded, the cable in?");
			continue;
		}
		ct_fabric_port_name(f, f->ports[stray].peer, at, sizeof(at));
		other = swapped_with(f, in->plan, row, f->nodes[f->ports[f->ports[stray].peer].node].name);
		if (other != NULL && other < row)
			continue;
		if (other != NULL)
			found = ct_fabric_finding(out, rule, &status, "swapped: %.60s is at %.60s, %.60s "
				"at %.50s", row->name, at, other->name, want);
		else
			found = ct_fabric_finding(out, rule, &status, "%.60s is at %.60s, declared at "
				"%.60s", row->name, at, want);
		if (found == NULL)
			continue;
		found->fabric_port = stray + 1;
		snprintf(found->set, sizeof(found->set), "move the cable%s, or correct the cluster "
			"file", other != NULL ? "s" : "");
	}
	return status;
}

/* ---- rails ----------------------------------------------------------------------------------- */

enum { RAILS_MOST = 64 };

/* The rail that at least three of four adapters of leaf NODE have; 0 = none has so many. */
static uint32_t leaf_rail(const struct ct_fabric *f, uint32_t node)
{
	uint32_t count[RAILS_MOST + 1] = { 0 }, all = 0, best = 0;

	for (uint32_t p = f->nodes[node].first; p < f->nodes[node].first + f->nodes[node].nports; p++) {
		const struct ct_fabric_node *peer;

		if (f->ports[p].peer == CT_FABRIC_NONE)
			continue;
		peer = &f->nodes[f->ports[f->ports[p].peer].node];
		if (peer->type != CT_FABRIC_HCA || peer->rail > RAILS_MOST)
			continue;
		all++;
		if (++count[peer->rail] > count[best])
			best = peer->rail;
	}
	return all > 0 && 4 * count[best] >= 3 * all ? best : 0;
}

/* The rail of the leaf called NAME in PLAN; 0 = not told. */
static uint32_t declared_rail(const struct ct_fabric_plan *plan, const char *name)
{
	for (size_t i = 0; plan != NULL && i < plan->nleaves; i++)
		if (strcmp(plan->leaves[i].name, name) == 0)
			return plan->leaves[i].rail;
	return 0;
}

/* RAILS of the leaves: as declared; where the plan tells none, rails are by leaf where every leaf with
 * hosts has one of its own, and not all have the same. Returns whether they are. */
static bool find_rails(const struct ct_advise_in *in, uint32_t *rails)
{
	const struct ct_fabric *f = in->fabric;
	bool by_leaf = true, several = false, declared = false;
	uint32_t first = 0;

	for (uint32_t i = 0; i < f->nnodes; i++) {
		if (f->nodes[i].level != 1)
			continue;
		rails[i] = declared_rail(in->plan, f->nodes[i].name);
		declared |= rails[i] != 0;
	}
	for (uint32_t i = 0; !declared && i < f->nnodes; i++) {
		if (f->nodes[i].level != 1)
			continue;
		rails[i] = leaf_rail(f, i);
		by_leaf &= rails[i] != 0;
		first = first == 0 ? rails[i] : first;
		several |= rails[i] != first;
	}
	return declared || (by_leaf && several);
}

static ct_status tell_rail(const struct ct_advise_in *in, const struct ct_advice_rule *rule,
	uint32_t port, uint32_t rail, struct ct_findings *out)
{
	const struct ct_fabric *f = in->fabric;
	const struct ct_fabric_node *node = &f->nodes[f->ports[port].node];
	uint32_t peer = f->ports[port].peer;
	ct_status status = CT_OK;
	struct ct_finding *found;
	char at[64];

	found = ct_fabric_finding(out, rule, &status, declared_rail(in->plan,
		f->nodes[f->ports[peer].node].name) != 0 ?
		"%.72s (rail %u) is at %.60s, which is declared for rail %u" :
		"%.72s (rail %u) is at %.60s, whose other adapters are of rail %u", node->name,
		node->rail, ct_fabric_port_name(f, peer, at, sizeof(at)), rail);
	if (found != NULL) {
		found->fabric_port = port + 1;
		snprintf(found->set, sizeof(found->set), "move the cable to a leaf of rail %u",
			node->rail);
	}
	return status;
}

ct_status ct_fabric_rails(const struct ct_advise_in *in, const struct ct_advice_rule *rule,
	struct ct_findings *out)
{
	const struct ct_fabric *f = in->fabric;
	uint32_t *rails = ct_alloc(f->nnodes, sizeof(*rails));
	ct_status status = CT_OK;
	bool known;

	if (rails == NULL)
		return CT_NOMEM;
	known = find_rails(in, rails);
	for (uint32_t p = 0; known && status == CT_OK && p < f->nports; p++) {
		const struct ct_fabric_node *node = &f->nodes[f->ports[p].node];
		uint32_t peer = f->ports[p].peer, rail;

		if (node->type != CT_FABRIC_HCA || peer == CT_FABRIC_NONE ||
		    f->nodes[f->ports[peer].node].level != 1)
			continue;
		rail = rails[f->ports[peer].node];
		/* The name of a host's only adapter may tell no rail. */
		if (node->rail == 1 && f->hosts[node->host].nhcas == 1)
			continue;
		if (rail != 0 && rail != node->rail)
			status = tell_rail(in, rule, p, rail, out);
	}
	ct_free(rails);
	return status;
}
