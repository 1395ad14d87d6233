/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules over a fabric: rates, errors, routes. Cables that lead elsewhere are in cabling.c. */
#include "fabric.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIERS = 8, RATES = 16, AT_ROOM = 160 };

static const struct ct_advice_rule rules[] = {
	{ "fabric-partial", CT_SEVERITY_NOTE, "what did not answer while the fabric was read",
	  "what is not seen is not checked", "this reading", ct_rule_fabric_partial },
	{ "fabric-link-degraded", CT_SEVERITY_WARNING, "width and speed of each link",
	  "a link that trained down carries less, and every collective waits for its slowest link",
	  "InfiniBand Architecture, 14.2.5.6 PortInfo: active and enabled width and speed",
	  ct_rule_fabric_degraded },
	{ "fabric-link-rates", CT_SEVERITY_WARNING, "rates of the links of one level",
	  "balanced algorithms load all links alike, so the slowest one sets the pace",
	  "rate of most links of that level", ct_rule_fabric_rates },
	{ "fabric-cable-missing", CT_SEVERITY_WARNING,
	  "cables of each switch to the next level, as declared or as its siblings have them",
	  "fewer cables up are less bandwidth for all hosts below", "the cluster file, else most "
	  "switches of that level", ct_rule_fabric_missing },
	{ "fabric-cable-swapped", CT_SEVERITY_WARNING,
	  "where cables lead, as declared, as siblings have them, and by rail",
	  "traffic that should stay at one leaf crosses the spines", "the cluster file, else most "
	  "switches of that level", ct_rule_fabric_swapped },
	{ "fabric-oversubscription", CT_SEVERITY_WARNING, "bandwidth of each leaf down and up",
	  "hosts of an oversubscribed leaf share what leaves it", "sum of enabled rates",
	  ct_rule_fabric_oversubscribed },
	{ "fabric-routes", CT_SEVERITY_WARNING, "destinations of each uplink in forwarding tables",
	  "two flows on one uplink halve each other while another uplink idles",
	  "InfiniBand Architecture, 14.2.5.10 LinearForwardingTable", ct_rule_fabric_routes },
	{ "fabric-errors", CT_SEVERITY_WARNING, "error counters of each port",
	  "a bad cable retransmits, retrains, and breaks jobs before it fails",
	  "thresholds of infiniband-diags, error_thresholds", ct_rule_fabric_errors },
	{ NULL, CT_SEVERITY_NOTE, NULL, NULL, NULL, NULL },
};

const struct ct_advice_rule *ct_fabric_rules(void)
{
	return rules;
}

ct_status ct_advise_fabric(const struct ct_advise_in *in, struct ct_findings *findings)
{
	for (const struct ct_advice_rule *rule = rules; rule->id != NULL; rule++) {
		ct_status status = rule->check(rule, in, findings);

		if (status != CT_OK)
			return status;
	}
	return CT_OK;
}

struct ct_finding *ct_fabric_finding(struct ct_findings *out, const struct ct_advice_rule *rule,
	ct_status *status, const char *format, ...)
{
	struct ct_finding *f;
	size_t n = 0;
	va_list args;

	while (n < out->n && out->list[out->n - 1 - n].rule == rule)
		n++;
	if (n > CT_FABRIC_FINDINGS) {
		f = &out->list[out->n - 1];
		snprintf(f->seen, sizeof(f->seen), "and %lu more like these",
			strtoul(f->seen + strlen("and "), NULL, 10) + 1);
		return NULL;
	}
	f = ct_finding_add(out, rule);
	if (f == NULL) {
		*status = CT_NOMEM;
		return NULL;
	}
	if (n == CT_FABRIC_FINDINGS) {
		snprintf(f->seen, sizeof(f->seen), "and 1 more like these");
		return NULL;
	}
	va_start(args, format);
	vsnprintf(f->seen, sizeof(f->seen), format, args);
	va_end(args);
	return f;
}

ct_status ct_rule_fabric_partial(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
				 struct ct_findings *out)
{
	ct_status status = CT_OK;

	if (in->fabric->partial[0] != '\0')
		ct_fabric_finding(out, rule, &status, "%s", in->fabric->partial);
	return status;
}

/* ---- rates ----------------------------------------------------------------------------------- */

/* "L0[3] to S1[2]"; the lower end first. */
static void link_name(const struct ct_fabric *f, uint32_t port, char out[AT_ROOM])
{
	char a[80], b[80];
	uint32_t peer = f->ports[port].peer;

	snprintf(out, AT_ROOM, "%.76s to %.76s", ct_fabric_port_name(f, port, a, sizeof(a)),
		ct_fabric_port_name(f, peer, b, sizeof(b)));
}

/* Is PORT the end of its link from which the link is told? */
static bool tells(const struct ct_fabric *f, uint32_t port)
{
	uint32_t peer = f->ports[port].peer, a, b;

	if (peer == CT_FABRIC_NONE)
		return false;
	a = f->nodes[f->ports[port].node].level;
	b = f->nodes[f->ports[peer].node].level;
	return a != b ? a < b : port < peer;
}

/* How the settings of PORT's link are changed: its switch end is asked by LID and port. */
static void set_text(const struct ct_fabric *f, uint32_t port, const char *what, char *out,
	size_t room)
{
	uint32_t end = f->nodes[f->ports[port].node].type == CT_FABRIC_SWITCH ? port :
		f->ports[port].peer;
	const struct ct_fabric_port *p = &f->ports[end];
	const struct ct_fabric_node *node = &f->nodes[p->node];
	uint32_t lid = node->type == CT_FABRIC_SWITCH ? node->lid : p->lid;

	if (f->link == CT_FABRIC_INFINIBAND && lid > 0)
		snprintf(out, room, "ibportstate %u %u %s", lid, p->number, what);
	else
		out[0] = '\0';
}

ct_status ct_rule_fabric_degraded(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
				  struct ct_findings *out)
{
	const struct ct_fabric *f = in->fabric;
	ct_status status = CT_OK;

	for (uint32_t p = 0; status == CT_OK && p < f->nports; p++) {
		struct ct_fabric_rate now = ct_fabric_now(f, p), can = ct_fabric_enabled(f, p);
		char at[AT_ROOM], a[48], b[48], reset[64];
		struct ct_finding *found;

		if (!tells(f, p) || ct_fabric_Mbps(now) == 0 || ct_fabric_Mbps(can) == 0 ||
		    (now.lanes >= can.lanes && now.lane_Mbps >= can.lane_Mbps))
			continue;
		link_name(f, p, at);
		found = ct_fabric_finding(out, rule, &status, "%s: %s, both ends can %s", at,
			ct_fabric_rate_text(f->link, now, a), ct_fabric_rate_text(f->link, can, b));
		if (found == NULL)
			continue;
		found->fabric_port = p + 1;
		set_text(f, p, "reset", reset, sizeof(reset));
		snprintf(found->set, sizeof(found->set), "reseat the cable at both ends, then "
			"exchange it%s%s", reset[0] != '\0' ? "; to train again: " : "", reset);
		snprintf(found->expected, sizeof(found->expected), "%.3g times the bandwidth over "
			"this link", (double)ct_fabric_Mbps(can) / (double)ct_fabric_Mbps(now));
	}
	return status;
}

/* Links between one level and the next share a tier, with adapters as level 0. */
static uint32_t tier_of(const struct ct_fabric *f, uint32_t port)
{
	uint32_t level = f->nodes[f->ports[port].node].level;

	return level < TIERS ? level : TIERS - 1;
}

struct tier {
	struct {
		uint64_t Mbps;
		size_t links;
		uint32_t port; /* one of them */
	} rate[RATES];
	size_t nrates, links;
	size_t usual; /* the rate most links have enabled */
};

static void count_tiers(const struct ct_fabric *f, struct tier tiers[TIERS])
{
	memset(tiers, 0, TIERS * sizeof(*tiers));
	for (uint32_t p = 0; p < f->nports; p++) {
		struct tier *tier = &tiers[tier_of(f, p)];
		uint64_t Mbps = ct_fabric_Mbps(ct_fabric_enabled(f, p));
		size_t i = 0;

		if (!tells(f, p) || Mbps == 0)
			continue;
		while (i < tier->nrates && tier->rate[i].Mbps != Mbps)
			i++;
		if (i == RATES)
			continue;
		if (i == tier->nrates) {
			tier->nrates++;
			tier->rate[i].Mbps = Mbps;
			tier->rate[i].port = p;
		}
		tier->links++;
		tier->rate[i].links++;
		if (tier->rate[i].links > tier->rate[tier->usual].links)
			tier->usual = i;
	}
}

/* What ibportstate sets so that RATE is the most: masks of widths, of speeds from FDR on, and of the
 * old ones (its manual page). */
static void enable_text(struct ct_fabric_rate rate, bool width, char out[32])
{
	if (width)
		snprintf(out, 32, "width %d", rate.lanes >= 12 ? 11 : rate.lanes >= 4 ? 3 : 1);
	else if (rate.lane_Mbps >= 14000)
		snprintf(out, 32, "espeed %d", rate.lane_Mbps >= 100000 ? 15 :
			rate.lane_Mbps >= 50000 ? 7 : rate.lane_Mbps >= 25000 ? 3 : 1);
	else
		snprintf(out, 32, "speed %d", rate.lane_Mbps >= 10000 ? 7 : rate.lane_Mbps >= 5000 ? 3 : 1);
}

static void tell_slower(const struct ct_fabric *f, uint32_t p, const struct tier *tier,
	struct ct_finding *found)
{
	uint64_t usual = tier->rate[tier->usual].Mbps;
	struct ct_fabric_rate can = ct_fabric_enabled(f, p);
	struct ct_fabric_rate most = ct_fabric_enabled(f, tier->rate[tier->usual].port);
	char now[32], then[32];

	found->fabric_port = p + 1;
	enable_text(can, can.lanes < most.lanes, now);
	enable_text(most, can.lanes < most.lanes, then);
	if (ct_fabric_Mbps(ct_fabric_supported(f, p)) < usual) {
		snprintf(found->set, sizeof(found->set),
			"exchange the cable, adapter or switch that cannot do more");
	} else {
		set_text(f, p, then, found->set, sizeof(found->set));
		set_text(f, p, now, found->undo, sizeof(found->undo));
		if (found->set[0] == '\0')
			snprintf(found->set, sizeof(found->set), "enable the full width and speed");
		else
			strcat(found->set, ", the same at the other end, then reset");
	}
	snprintf(found->expected, sizeof(found->expected), "%.3g times the bandwidth over this link",
		(double)usual / (double)ct_fabric_Mbps(can));
}

/* Fewer than a quarter of a level's links may be called the exceptions; else the level is mixed. */
static ct_status tell_tier(const struct ct_advice_rule *rule, const struct ct_fabric *f,
	const struct tier *tier, uint32_t number, struct ct_findings *out)
{
	uint64_t usual = tier->rate[tier->usual].Mbps;
	bool mixed = 4 * tier->rate[tier->usual].links < 3 * tier->links;
	ct_status status = CT_OK;
	char at[AT_ROOM], a[48], b[48];

	if (mixed)
		ct_fabric_finding(out, rule, &status, "links of level %u have %zu rates: %zu of %zu "
			"have %g Gbit/s", number, tier->nrates, tier->rate[tier->usual].links,
			tier->links, (double)usual / 1000);
	for (uint32_t p = 0; !mixed && status == CT_OK && p < f->nports; p++) {
		struct ct_fabric_rate can = ct_fabric_enabled(f, p);
		struct ct_finding *found;

		if (!tells(f, p) || tier_of(f, p) != number || ct_fabric_Mbps(can) == 0 ||
		    ct_fabric_Mbps(can) >= usual)
			continue;
		link_name(f, p, at);
		found = ct_fabric_finding(out, rule, &status,
			"%s: %s %s, %zu of %zu such links have %s", at,
			ct_fabric_Mbps(ct_fabric_supported(f, p)) >= usual ? "set to" : "can only do",
			ct_fabric_rate_text(f->link, can, a),
			tier->rate[tier->usual].links, tier->links, ct_fabric_rate_text(f->link,
				ct_fabric_enabled(f, tier->rate[tier->usual].port), b));
		if (found != NULL)
			tell_slower(f, p, tier, found);
	}
	return status;
}

/* Against what the plan says, or else against most links of the level. */
ct_status ct_rule_fabric_rates(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			       struct ct_findings *out)
{
	struct tier tiers[TIERS];
	ct_status status = CT_OK;

	count_tiers(in->fabric, tiers);
	for (uint32_t i = 0; status == CT_OK && i < TIERS; i++) {
		const struct tier *tier = &tiers[i];

		if (tier->links == 0)
			continue;
		if (in->plan != NULL && in->plan->Mbps > tier->rate[tier->usual].Mbps)
			ct_fabric_finding(out, rule, &status, "links of level %u have %g Gbit/s, %g "
				"are declared", i, (double)tier->rate[tier->usual].Mbps / 1000,
				(double)in->plan->Mbps / 1000);
		if (status == CT_OK && tier->nrates > 1)
			status = tell_tier(rule, in->fabric, tier, i, out);
	}
	return status;
}

/* ---- errors ---------------------------------------------------------------------------------- */

ct_status ct_rule_fabric_errors(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
				struct ct_findings *out)
{
	const struct ct_fabric *f = in->fabric;
	ct_status status = CT_OK;

	for (uint32_t p = 0; status == CT_OK && p < f->nports; p++) {
		const struct ct_fabric_port *port = &f->ports[p];
		char text[160] = "", at[80];
		struct ct_finding *found;

		for (int e = 0; e < CT_NFABRIC_ERRORS; e++) {
			uint64_t most = ct_fabric_error_threshold(e);
			size_t used = strlen(text);

			if (most > 0 && port->errors[e] != CT_UNKNOWN && port->errors[e] > most)
				snprintf(text + used, sizeof(text) - used, "%s%s %llu", used > 0 ? ", " : "",
					ct_fabric_error_name(e), (unsigned long long)port->errors[e]);
		}
		if (text[0] == '\0')
			continue;
		found = ct_fabric_finding(out, rule, &status, "%.76s: %s",
			ct_fabric_port_name(f, p, at, sizeof(at)), text);
		if (found == NULL)
			continue;
		found->fabric_port = p + 1;
		snprintf(found->set, sizeof(found->set), "look whether they still grow; then reseat and "
			"exchange the cable, then the port's owner; clear them with perfquery -R");
	}
	return status;
}

/* ---- oversubscription ------------------------------------------------------------------------ */

/* The most common number of cables up. */
static uint32_t usual_up(const struct ct_fabric *f)
{
	uint32_t count[CT_FABRIC_NODE_PORTS_MOST + 1] = { 0 }, best = 0;

	for (uint32_t i = 0; i < f->nnodes; i++) {
		struct ct_fabric_sides sides;

		if (f->nodes[i].level != 1)
			continue;
		ct_fabric_sides(f, i, &sides);
		if (++count[sides.up] > count[best])
			best = sides.up;
	}
	return best;
}

/* A missing or slow cable has a finding of its own: cables are counted at their level's usual rate,
 * and at least as many up as most leaves have. */
ct_status ct_rule_fabric_oversubscribed(const struct ct_advice_rule *rule,
					const struct ct_advise_in *in, struct ct_findings *out)
{
	const struct ct_fabric *f = in->fabric;
	double most = in->plan != NULL ? in->plan->oversubscription : 0;
	uint32_t up = usual_up(f);
	struct tier tiers[TIERS];
	ct_status status = CT_OK;

	count_tiers(f, tiers);
	if (most <= 0 || tiers[0].links == 0 || tiers[1].links == 0)
		return CT_OK;
	for (uint32_t i = 0; status == CT_OK && i < f->nnodes; i++) {
		struct ct_fabric_sides s;
		struct ct_finding *found;
		double ratio;

		if (f->nodes[i].level != 1)
			continue;
		ct_fabric_sides(f, i, &s);
		s.up = s.up < up ? up : s.up;
		ratio = s.up == 0 ? 0 : (double)(s.down * tiers[0].rate[tiers[0].usual].Mbps) /
			(double)(s.up * tiers[1].rate[tiers[1].usual].Mbps);
		if (ratio <= most * 1.01)
			continue;
		found = ct_fabric_finding(out, rule, &status, "%s: %u cables down, %u up: %.2f:1, "
			"declared is at most %.2f:1", f->nodes[i].name, s.down, s.up, ratio, most);
		if (found != NULL)
			snprintf(found->set, sizeof(found->set), "more uplinks, or fewer hosts, at this "
				"leaf");
	}
	return status;
}

/* ---- routes ---------------------------------------------------------------------------------- */

struct routes {
	uint32_t port[256]; /* destinations by egress port */
	uint32_t ups, above, most, lost;
	uint32_t most_port;
};

/* Counts the adapters' LIDs in NODE's table. */
static void count_routes(const struct ct_fabric *f, const struct ct_fabric_node *node,
	struct routes *r)
{
	memset(r, 0, sizeof(*r));
	for (uint32_t p = 0; p < f->nports; p++) {
		uint32_t lid = f->ports[p].lid;

		if (lid == 0 || f->ports[p].peer == CT_FABRIC_NONE)
			continue;
		if (lid >= node->ntable || node->table[lid] == 0xff)
			r->lost++;
		else
			r->port[node->table[lid]]++;
	}
	for (uint32_t p = 0; p < node->nports && p < 254; p++) {
		uint32_t peer = f->ports[node->first + p].peer;
		const struct ct_fabric_node *next;

		if (peer == CT_FABRIC_NONE)
			continue;
		next = &f->nodes[f->ports[peer].node];
		if (next->level == CT_FABRIC_NONE || next->level <= node->level)
			continue;
		r->ups++;
		r->above += r->port[p + 1];
		if (r->port[p + 1] >= r->most) {
			r->most = r->port[p + 1];
			r->most_port = node->first + p;
		}
	}
}

ct_status ct_rule_fabric_routes(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
				struct ct_findings *out)
{
	const struct ct_fabric *f = in->fabric;
	ct_status status = CT_OK;
	struct routes r;
	char at[80];

	for (uint32_t i = 0; status == CT_OK && i < f->nnodes; i++) {
		const struct ct_fabric_node *node = &f->nodes[i];
		struct ct_finding *found = NULL;

		if (node->table == NULL || node->level == CT_FABRIC_NONE)
			continue;
		count_routes(f, node, &r);
		if (r.lost > 0 && f->partial[0] == '\0')
			found = ct_fabric_finding(out, rule, &status, "%s has no route to %u adapter "
				"port%s", node->name, r.lost, r.lost == 1 ? "" : "s");
		else if (r.ups > 1 && r.above >= 2 * r.ups && r.most * r.ups > 2 * r.above)
			found = ct_fabric_finding(out, rule, &status, "%s carries %u of the %u "
				"destinations above %s, which has %u uplinks",
				ct_fabric_port_name(f, r.most_port, at, sizeof(at)), r.most, r.above,
				node->name, r.ups);
		if (found != NULL)
			snprintf(found->set, sizeof(found->set), "let the subnet manager route anew "
				"(opensm -R ftree or updn for fat trees), after the cables are right");
	}
	return status;
}
