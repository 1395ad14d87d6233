/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules over the rails of several nodes. Rail i of one node talks to rail i of the others, so it has to
 * be the same card at the same place everywhere. What most nodes have is compared with: nobody else says
 * which order is meant.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fabric.h"
#include "rules.h"

#define NCCL "NVIDIA, NCCL user guide, NCCL_IB_HCA, NCCL_CROSS_NIC"

static CT_RULE_CHECK(check_missing);
static CT_RULE_CHECK(check_order);
static CT_RULE_CHECK(check_names);
static CT_RULE_CHECK(check_leaves);

static const struct ct_advice_rule rules[] = {
	{ "rail-missing", CT_SEVERITY_WARNING, "NICs that are rails on most nodes",
	  "a node with fewer rails takes longer for its share, and all others wait for it", NCCL,
	  check_missing },
	{ "rail-order", CT_SEVERITY_WARNING, "place and order of each rail, over nodes",
	  "rail i talks to rail i: where they are other cards, traffic crosses switches and sockets",
	  NCCL, check_order },
	{ "rail-names", CT_SEVERITY_WARNING, "device name of each rail, over nodes",
	  "one NCCL_IB_HCA or UCX_NET_DEVICES for all nodes then names other cards on some", NCCL,
	  check_names },
	{ "rail-leaf", CT_SEVERITY_WARNING, "leaf of each rail, over nodes, where the fabric is known",
	  "traffic of a rail should stay at its leaf", "the leaf that most nodes have", check_leaves },
	{ "profile-nics", CT_SEVERITY_WARNING, "NICs of each node that are up, and their rates, beside the profile's",
	  "what a node lacks it cannot reach, and all others wait for it", "the profile, nic", ct_rule_profile_nics },
	{ NULL, CT_SEVERITY_NOTE, NULL, NULL, NULL, NULL },
};

const struct ct_advice_rule *ct_rail_rules(void)
{
	return rules;
}

ct_status ct_advise_rails(const struct ct_advise_in *in, struct ct_findings *findings)
{
	for (const struct ct_advice_rule *rule = rules; rule->id != NULL; rule++) {
		ct_status status = rule->check(rule, in, findings);

		if (status != CT_OK)
			return status;
	}
	return CT_OK;
}

static bool on_pci(const struct ct_rail *rail)
{
	return rail->address[0] != '\0';
}

/* Where a rail is: a device that is on no PCI (soft RoCE, some virtual machines) is where its name is. */
static const char *place_of(const struct ct_rail *rail)
{
	return on_pci(rail) ? rail->address : rail->device;
}

/* ---- what is usual --------------------------------------------------------------------------- */

static int compare_places(const struct ct_rails *a, const struct ct_rails *b)
{
	if (a->nrails != b->nrails)
		return a->nrails > b->nrails ? -1 : 1;
	for (size_t i = 0; i < a->nrails; i++) {
		int order = strcmp(place_of(&a->rails[i]), place_of(&b->rails[i]));

		if (order != 0)
			return order;
	}
	return 0;
}

static int compare_names(const struct ct_rails *a, const struct ct_rails *b)
{
	int order = compare_places(a, b);

	for (size_t i = 0; order == 0 && i < a->nrails; i++)
		order = strcmp(a->rails[i].device, b->rails[i].device);
	return order;
}

static int compare_nodes(const void *x, const void *y, void *arg)
{
	const struct ct_rails *nodes = arg;

	return compare_names(&nodes[*(const size_t *)x], &nodes[*(const size_t *)y]);
}

/* Of equally frequent places those of more rails; of these nodes one with the most frequent names. */
ct_status ct_rails_usual(const struct ct_advise_in *in, size_t *usual, size_t *alike)
{
	const struct ct_rails *nodes = in->rails;
	size_t *order = ct_alloc(in->nrails, sizeof(*order)), most = 0, same, names;

	if (order == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < in->nrails; i++)
		order[i] = i;
	if (in->nrails > 1) /* takes no const, but only reads */
		qsort_r(order, in->nrails, sizeof(*order), compare_nodes, (void *)(uintptr_t)nodes);
	*usual = 0;
	for (size_t i = 0; i < in->nrails; i += same) {
		size_t named = 0, first = i;

		for (same = 1; i + same < in->nrails &&
		     compare_places(&nodes[order[i]], &nodes[order[i + same]]) == 0;)
			same++;
		for (size_t k = i; k < i + same; k += names) {
			for (names = 1; k + names < i + same &&
			     compare_names(&nodes[order[k]], &nodes[order[k + names]]) == 0;)
				names++;
			first = names > named ? k : first;
			named = names > named ? names : named;
		}
		if (same > most) {
			most = same;
			*usual = order[first];
		}
	}
	*alike = most;
	ct_free(order);
	return CT_OK;
}

/* What NODE has where WANT is, as a NIC at all. */
static const struct ct_rail *same_place(const struct ct_rails *node, const struct ct_rail *want,
	size_t *index)
{
	for (size_t i = 0; i < node->n; i++) {
		if (strcmp(place_of(&node->rails[i]), place_of(want)) == 0) {
			*index = i;
			return &node->rails[i];
		}
	}
	return NULL;
}

/* Rails of USUAL that NODE has at the same places, as NICs at all. */
static size_t in_common(const struct ct_rails *usual, const struct ct_rails *node)
{
	size_t n = 0, at;

	for (size_t i = 0; i < usual->nrails; i++)
		n += same_place(node, &usual->rails[i], &at) != NULL;
	return n;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void say_where_to_look(struct ct_finding *f, const struct ct_rail *want, bool there)
{
	if (there)
		snprintf(f->set, sizeof(f->set), "see what colltune topo says about %s%s on that node: "
			"cable, port, slot", on_pci(want) ? "PCI " : "", place_of(want));
	else
		snprintf(f->set, sizeof(f->set), "look whether the card and its driver are there "
			"(%s%s, dmesg)", on_pci(want) ? "lspci -s " : "rdma link show ", place_of(want));
}

/* A node of which no card is where the others have theirs is another kind, told by check_order(). */
static ct_status check_missing(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			       struct ct_findings *out)
{
	size_t usual = 0, alike = 0;
	ct_status s = ct_rails_usual(in, &usual, &alike);

	for (size_t k = 0; s == CT_OK && k < in->nrails; k++) {
		const struct ct_rails *node = &in->rails[k], *like = &in->rails[usual];

		for (size_t i = 0; s == CT_OK && i < like->nrails && in_common(like, node) > 0; i++) {
			const struct ct_rail *want = &like->rails[i], *has;
			size_t at = 0;
			struct ct_finding *f;

			has = same_place(node, want, &at);
			if (has != NULL && at < node->nrails)
				continue;
			f = ct_fabric_finding(out, rule, &s, "%.60s: rail %zu, %.40s%s%s, is %s", node->host,
				i, want->device, on_pci(want) ? " at PCI " : "", want->address, has == NULL ? "not there" :
				!has->up ? "down" : "slower than its other rails");
			if (f != NULL)
				say_where_to_look(f, want, has != NULL);
		}
	}
	return s;
}

/* The first rail of NODE that comes in another order than in LIKE, those left out that it lacks. */
static const struct ct_rail *out_of_order(const struct ct_rails *like, const struct ct_rails *node,
	size_t *rail)
{
	size_t next = 0, at;

	for (size_t i = 0; i < like->nrails; i++) {
		const struct ct_rail *has = same_place(node, &like->rails[i], &at);

		if (has == NULL || at >= node->nrails)
			continue;
		if (at < next) {
			*rail = i;
			return has;
		}
		next = at;
	}
	return NULL;
}

static ct_status check_order(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			     struct ct_findings *out)
{
	size_t usual = 0, alike = 0, rail = 0;
	ct_status s = ct_rails_usual(in, &usual, &alike);

	for (size_t k = 0; s == CT_OK && k < in->nrails; k++) {
		const struct ct_rails *node = &in->rails[k], *like = &in->rails[usual];
		const struct ct_rail *odd;
		struct ct_finding *f = NULL;

		if (like->nrails == 0 || k == usual)
			continue;
		odd = out_of_order(like, node, &rail);
		if (in_common(like, node) == 0)
			f = ct_fabric_finding(out, rule, &s, "%.60s: none of its NICs sits where the rails "
				"of %zu other node%s do, such as %s%s", node->host, alike,
				alike == 1 ? "" : "s", on_pci(&like->rails[0]) ? "PCI " : "",
				place_of(&like->rails[0]));
		else if (odd != NULL)
			f = ct_fabric_finding(out, rule, &s, "%.60s: %.40s%s%s comes before rails that "
				"come before rail %zu on %zu other node%s", node->host, odd->device,
				on_pci(odd) ? " at PCI " : "", odd->address, rail, alike, alike == 1 ? "" : "s");
		if (f != NULL)
			snprintf(f->set, sizeof(f->set), "name the rails of that node in the others' order "
				"(colltune topo --place), or move the cards; are GPUs numbered alike?");
	}
	return s;
}

static ct_status check_names(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			     struct ct_findings *out)
{
	size_t usual = 0, alike = 0;
	ct_status s = ct_rails_usual(in, &usual, &alike);

	for (size_t k = 0; s == CT_OK && k < in->nrails; k++) {
		const struct ct_rails *node = &in->rails[k], *like = &in->rails[usual];

		for (size_t i = 0; s == CT_OK && i < like->nrails; i++) {
			const struct ct_rail *want = &like->rails[i], *has;
			struct ct_finding *f;
			size_t at = 0;

			has = same_place(node, want, &at);
			if (has == NULL || strcmp(has->device, want->device) == 0)
				continue;
			f = ct_fabric_finding(out, rule, &s, "%.60s: the card at PCI %s, rail %zu, is called "
				"%.40s, on other nodes %.40s", node->host, want->address, i, has->device,
				want->device);
			if (f != NULL)
				snprintf(f->set, sizeof(f->set), "name devices by PCI place with udev (rdma-core's "
					"60-rdma-persistent-naming.rules), or set the list for each node");
			break; /* one swap shifts all that follow */
		}
	}
	return s;
}

/* ---- leaves ---------------------------------------------------------------------------------- */

uint32_t ct_rail_leaf(const struct ct_fabric *f, const char *host, const char *device, uint32_t rail)
{
	uint32_t guess = CT_FABRIC_NONE;
	char name[CT_FABRIC_NAME];

	snprintf(name, sizeof(name), "%.40s %.30s", host, device);
	name[strcspn(name, ":")] = '\0'; /* "mlx5_0:2" is port 2 */
	for (uint32_t i = 0; i < f->nnodes; i++) {
		const struct ct_fabric_node *node = &f->nodes[i];
		uint32_t peer = node->nports > 0 ? f->ports[node->first].peer : CT_FABRIC_NONE;

		if (node->type != CT_FABRIC_HCA || peer == CT_FABRIC_NONE ||
		    node->host == CT_FABRIC_NONE || strcmp(f->hosts[node->host].name, host) != 0)
			continue;
		if (strcmp(node->name, name) == 0)
			return f->ports[peer].node;
		if (node->rail == rail)
			guess = f->ports[peer].node;
	}
	return guess;
}

/* The leaf that at least three of four nodes have for their RAIL-th, or CT_FABRIC_NONE. */
static uint32_t usual_leaf(const struct ct_advise_in *in, const uint32_t *leaves)
{
	uint32_t candidate = CT_FABRIC_NONE;
	size_t lead = 0, n = 0, known = 0;

	/* Boyer and Moore's vote, then counted. */
	for (size_t k = 0; k < in->nrails; k++) {
		if (leaves[k] == CT_FABRIC_NONE)
			continue;
		known++;
		if (lead == 0)
			candidate = leaves[k];
		lead += leaves[k] == candidate ? 1 : (size_t)-1;
	}
	for (size_t k = 0; k < in->nrails; k++)
		n += leaves[k] == candidate && candidate != CT_FABRIC_NONE;
	return known >= 3 && 4 * n >= 3 * known ? candidate : CT_FABRIC_NONE;
}

static ct_status check_leaves(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			      struct ct_findings *out)
{
	uint32_t *leaves = ct_alloc(in->nrails, sizeof(*leaves));
	size_t most = 0;
	ct_status s = leaves == NULL ? CT_NOMEM : CT_OK;

	for (size_t k = 0; in->fabric != NULL && k < in->nrails; k++)
		most = in->rails[k].nrails > most ? in->rails[k].nrails : most;
	for (size_t i = 0; s == CT_OK && i < most; i++) {
		uint32_t usual;

		for (size_t k = 0; k < in->nrails; k++)
			leaves[k] = i >= in->rails[k].nrails ? CT_FABRIC_NONE : ct_rail_leaf(in->fabric,
				in->rails[k].host, in->rails[k].rails[i].device, (uint32_t)i + 1);
		usual = usual_leaf(in, leaves);
		for (size_t k = 0; s == CT_OK && k < in->nrails; k++) {
			struct ct_finding *f;

			if (usual == CT_FABRIC_NONE || leaves[k] == CT_FABRIC_NONE || leaves[k] == usual)
				continue;
			f = ct_fabric_finding(out, rule, &s, "%.60s: rail %zu, %.40s, is at leaf %.40s, on most "
				"nodes at %.40s", in->rails[k].host, i, in->rails[k].rails[i].device,
				in->fabric->nodes[leaves[k]].name, in->fabric->nodes[usual].name);
			if (f != NULL)
				snprintf(f->set, sizeof(f->set), "move the cable to that leaf");
		}
	}
	ct_free(leaves);
	return s;
}
