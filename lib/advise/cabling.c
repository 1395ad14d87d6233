/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cables between switches that are missing or lead elsewhere. What a switch should have above it comes
 * from the cluster file; without one, from its siblings: most switches of a level of a fat tree have the
 * same cables to the same switches above, so a rare pattern next to a frequent one is the exception.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fabric.h"

/* Cables of one switch to one switch above it. */
struct above {
	uint32_t to, cables;
};

/* One switch and all that is above it, as seen and as it should be; sorted by switch. */
struct pattern {
	uint32_t node;
	struct above *seen, *want;
	uint32_t nseen, nwant;
	uint32_t alike; /* patterns that are the same */
};

/* One difference: too few (negative) or too many cables from NODE to TO. */
struct gap {
	uint32_t node, to;
	int32_t cables;
};

struct cabling {
	const struct ct_fabric *f;
	const struct ct_fabric_plan *plan;
	struct pattern *patterns;
	struct above *entries; /* of all patterns' seen, then of the plan's want */
	struct gap *gaps;
	size_t npatterns, ngaps, gaps_room;
};

static int compare_above(const void *x, const void *y)
{
	const struct above *a = x, *b = y;

	return (a->to > b->to) - (a->to < b->to);
}

static struct above *merge(struct above *list, uint32_t *n)
{
	uint32_t kept = 0;

	if (*n > 1)
		qsort(list, *n, sizeof(*list), compare_above);
	for (uint32_t i = 0; i < *n; i++) {
		if (kept > 0 && list[kept - 1].to == list[i].to)
			list[kept - 1].cables += list[i].cables;
		else
			list[kept++] = list[i];
	}
	*n = kept;
	return list;
}

/* What is above NODE, written to LIST; returns the number of entries. */
static uint32_t look_up(const struct ct_fabric *f, const struct ct_fabric_node *node,
	struct above *list)
{
	uint32_t n = 0;

	for (uint32_t p = node->first; p < node->first + node->nports; p++) {
		uint32_t peer = f->ports[p].peer, level;

		if (peer == CT_FABRIC_NONE)
			continue;
		level = f->nodes[f->ports[peer].node].level;
		if (level != CT_FABRIC_NONE && level > node->level)
			list[n++] = (struct above){ f->ports[peer].node, 1 };
	}
	merge(list, &n);
	return n;
}

static uint32_t find_switch(const struct ct_fabric *f, const char *name)
{
	for (uint32_t i = 0; i < f->nnodes; i++)
		if (f->nodes[i].type == CT_FABRIC_SWITCH && strcmp(f->nodes[i].name, name) == 0)
			return i;
	return CT_FABRIC_NONE;
}

/* ---- what should be -------------------------------------------------------------------------- */

/* The plan's uplinks of the leaf called NAME; false if it tells none. */
static bool planned(const struct cabling *c, struct pattern *p, struct above *list)
{
	const char *name = c->f->nodes[p->node].name;
	uint32_t n = 0;

	if (c->plan == NULL)
		return false;
	for (size_t i = 0; i < c->plan->nuplinks; i++) {
		const struct ct_plan_uplink *up = &c->plan->uplinks[i];
		uint32_t to;

		if (strcmp(c->plan->leaves[up->leaf].name, name) != 0)
			continue;
		to = find_switch(c->f, up->to);
		if (to != CT_FABRIC_NONE)
			list[n++] = (struct above){ to, up->cables };
	}
	p->want = merge(list, &n);
	p->nwant = n;
	return n > 0;
}

static int compare_patterns(const void *x, const void *y, void *arg)
{
	const struct ct_fabric *f = arg;
	const struct pattern *a = x, *b = y;
	uint32_t la = f->nodes[a->node].level, lb = f->nodes[b->node].level;

	if (la != lb)
		return la < lb ? -1 : 1;
	if (a->nseen != b->nseen)
		return a->nseen < b->nseen ? -1 : 1;
	return a->nseen == 0 ? 0 : memcmp(a->seen, b->seen, a->nseen * sizeof(*a->seen));
}

/* Cables that must move to make A into B, and all of B's. */
static uint32_t distance(const struct pattern *a, const struct pattern *b, uint32_t *total)
{
	uint32_t i = 0, k = 0, d = 0;

	*total = 0;
	while (i < a->nseen || k < b->nseen) {
		if (k == b->nseen || (i < a->nseen && a->seen[i].to < b->seen[k].to)) {
			d += a->seen[i++].cables;
		} else if (i == a->nseen || b->seen[k].to < a->seen[i].to) {
			d += b->seen[k].cables;
			*total += b->seen[k++].cables;
		} else {
			uint32_t x = a->seen[i++].cables, y = b->seen[k].cables;

			d += x > y ? x - y : y - x;
			*total += y;
			k++;
		}
	}
	return d;
}

/* The nearest pattern of the level that at least twice as many switches have, and two at least; it
 * must be nearer than half of its cables. GROUPS are the first patterns of each kind. */
static void take_sibling(const struct cabling *c, struct pattern *p, const uint32_t *groups,
	size_t ngroups)
{
	const struct pattern *best = NULL;
	uint32_t nearest = UINT32_MAX;

	for (size_t i = 0; i < ngroups; i++) {
		const struct pattern *g = &c->patterns[groups[i]];
		uint32_t total = 0, d;

		if (c->f->nodes[g->node].level != c->f->nodes[p->node].level || g->alike < 2 ||
		    g->alike < 2 * p->alike)
			continue;
		d = distance(p, g, &total);
		if (d > 0 && 2 * d <= total && d < nearest) {
			nearest = d;
			best = g;
		}
	}
	p->want = best != NULL ? best->seen : p->seen;
	p->nwant = best != NULL ? best->nseen : p->nseen;
}

static ct_status compare_siblings(struct cabling *c)
{
	uint32_t *groups = ct_alloc(c->npatterns, sizeof(*groups));
	size_t n = 0, same;

	if (groups == NULL)
		return CT_NOMEM;
	if (c->npatterns > 1)
		qsort_r(c->patterns, c->npatterns, sizeof(*c->patterns), compare_patterns,
			(void *)(uintptr_t)c->f);
	for (size_t i = 0; i < c->npatterns; i += same) {
		for (same = 1; i + same < c->npatterns && compare_patterns(&c->patterns[i],
			&c->patterns[i + same], (void *)(uintptr_t)c->f) == 0;)
			same++;
		groups[n++] = (uint32_t)i;
		for (size_t k = i; k < i + same; k++)
			c->patterns[k].alike = (uint32_t)same;
	}
	for (size_t i = 0; i < c->npatterns; i++)
		if (c->patterns[i].want == NULL)
			take_sibling(c, &c->patterns[i], groups, n);
	ct_free(groups);
	return CT_OK;
}

/* ---- differences ----------------------------------------------------------------------------- */

static ct_status add_gap(struct cabling *c, uint32_t node, uint32_t to, int32_t cables)
{
	if (cables == 0)
		return CT_OK;
	if (c->ngaps == c->gaps_room) {
		size_t room = 2 * c->gaps_room + 32;
		struct gap *gaps = ct_realloc(c->gaps, room, sizeof(*gaps));

		if (gaps == NULL)
			return CT_NOMEM;
		c->gaps = gaps;
		c->gaps_room = room;
	}
	c->gaps[c->ngaps++] = (struct gap){ node, to, cables };
	return CT_OK;
}

static ct_status add_gaps(struct cabling *c, const struct pattern *p)
{
	uint32_t i = 0, k = 0;
	ct_status status = CT_OK;

	while (status == CT_OK && (i < p->nseen || k < p->nwant)) {
		if (k == p->nwant || (i < p->nseen && p->seen[i].to < p->want[k].to)) {
			status = add_gap(c, p->node, p->seen[i].to, (int32_t)p->seen[i].cables);
			i++;
		} else if (i == p->nseen || p->want[k].to < p->seen[i].to) {
			status = add_gap(c, p->node, p->want[k].to, -(int32_t)p->want[k].cables);
			k++;
		} else {
			status = add_gap(c, p->node, p->seen[i].to,
				(int32_t)p->seen[i].cables - (int32_t)p->want[k].cables);
			i++;
			k++;
		}
	}
	return status;
}

static void free_cabling(struct cabling *c)
{
	ct_free(c->patterns);
	ct_free(c->entries);
	ct_free(c->gaps);
}

static ct_status make_cabling(struct cabling *c, const struct ct_advise_in *in)
{
	const struct ct_fabric *f = in->fabric;
	size_t planned_room = in->plan != NULL ? in->plan->nuplinks : 0;
	struct above *next;
	ct_status status;

	*c = (struct cabling){ .f = f, .plan = in->plan };
	c->patterns = ct_alloc(f->nnodes, sizeof(*c->patterns));
	c->entries = ct_alloc(f->nports + planned_room, sizeof(*c->entries));
	if (c->patterns == NULL || c->entries == NULL) {
		free_cabling(c);
		return CT_NOMEM;
	}
	next = c->entries;
	for (uint32_t i = 0; i < f->nnodes; i++) {
		struct pattern *p = &c->patterns[c->npatterns];

		if (f->nodes[i].type != CT_FABRIC_SWITCH || f->nodes[i].level == CT_FABRIC_NONE ||
		    f->nodes[i].level >= f->levels)
			continue;
		*p = (struct pattern){ .node = i, .seen = next };
		p->nseen = look_up(f, &f->nodes[i], next);
		next += p->nseen;
		c->npatterns++;
	}
	/* Two leaves of one name would take the plan's entries twice. */
	for (size_t i = 0; i < c->npatterns; i++) {
		size_t left = f->nports + planned_room - (size_t)(next - c->entries);

		if (left >= planned_room && planned(c, &c->patterns[i], next))
			next += c->patterns[i].nwant;
	}
	status = compare_siblings(c);
	for (size_t i = 0; status == CT_OK && i < c->npatterns; i++)
		status = add_gaps(c, &c->patterns[i]);
	if (status != CT_OK)
		free_cabling(c);
	return status;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* How many switches of NODE's level have their port NUMBER cabled to TO. */
static uint32_t habit(const struct ct_fabric *f, uint32_t node, uint32_t number, uint32_t to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->nnodes; i++) {
		const struct ct_fabric_node *other = &f->nodes[i];
		uint32_t peer;

		if (other->level != f->nodes[node].level || number > other->nports)
			continue;
		peer = f->ports[other->first + number - 1].peer;
		n += peer != CT_FABRIC_NONE && f->ports[peer].node == to;
	}
	return n;
}

/* The port of FROM with a cable to TO, of several the one that fewest siblings use for it;
 * CT_FABRIC_NONE when there is none. */
static uint32_t port_to(const struct ct_fabric *f, uint32_t from, uint32_t to)
{
	uint32_t found = CT_FABRIC_NONE, least = UINT32_MAX;

	for (uint32_t p = f->nodes[from].first; p < f->nodes[from].first + f->nodes[from].nports; p++) {
		uint32_t n;

		if (f->ports[p].peer == CT_FABRIC_NONE || f->ports[f->ports[p].peer].node != to)
			continue;
		n = habit(f, from, f->ports[p].number, to);
		if (n < least) {
			least = n;
			found = p;
		}
	}
	return found;
}

/* "L0[5] to S1[3]" of a cable of FROM to TO. */
static void cable_name(const struct ct_fabric *f, uint32_t from, uint32_t to, char *out, size_t room)
{
	uint32_t port = port_to(f, from, to);
	char a[64], b[64];

	if (port == CT_FABRIC_NONE)
		snprintf(out, room, "%.60s to %.60s", f->nodes[from].name, f->nodes[to].name);
	else
		snprintf(out, room, "%.60s to %.60s", ct_fabric_port_name(f, port, a, sizeof(a)),
			ct_fabric_port_name(f, f->ports[port].peer, b, sizeof(b)));
}

/* The ports of NODE without a link, the first three: "; no link in L0[5], L0[6]". Returns the first
 * of them, plus one; 0 = there is none. */
static uint32_t idle_ports(const struct ct_fabric *f, uint32_t node, char *out, size_t room)
{
	uint32_t first = 0;
	size_t n = 0;
	char at[64];

	out[0] = '\0';
	for (uint32_t p = f->nodes[node].first; p < f->nodes[node].first + f->nodes[node].nports; p++) {
		size_t used = strlen(out);

		if (f->ports[p].peer != CT_FABRIC_NONE || ++n > 3)
			continue;
		first = first == 0 ? p + 1 : first;
		snprintf(out + used, room - used, "%s%.40s", n == 1 ? "; without a link: " : ", ",
			ct_fabric_port_name(f, p, at, sizeof(at)));
	}
	if (n > 3)
		snprintf(out + strlen(out), room - strlen(out), " and %zu more", n - 3);
	return first;
}

static struct gap *find_gap(struct cabling *c, uint32_t node, uint32_t to, bool many)
{
	for (size_t i = 0; i < c->ngaps; i++) {
		struct gap *g = &c->gaps[i];

		if (g->node == node && g->to == to && (many ? g->cables > 0 : g->cables < 0))
			return g;
	}
	return NULL;
}

/* Another switch that has too many where HERE has too few, and the other way round. */
static bool find_partner(struct cabling *c, struct gap *few, struct gap *many, struct gap **few2,
	struct gap **many2)
{
	for (size_t i = 0; i < c->ngaps; i++) {
		struct gap *g = &c->gaps[i];

		if (g->cables >= 0 || g->to != many->to || g->node == few->node)
			continue;
		*many2 = find_gap(c, g->node, few->to, true);
		*few2 = g;
		if (*many2 != NULL)
			return true;
	}
	return false;
}

/* Swaps are taken out of the gaps, whether they are told (OUT) or not. */
static ct_status tell_swaps(struct cabling *c, const struct ct_advice_rule *rule,
	struct ct_findings *out)
{
	ct_status status = CT_OK;

	for (size_t i = 0; status == CT_OK && i < c->ngaps; i++) {
		struct gap *few = &c->gaps[i], *many = NULL, *few2 = NULL, *many2 = NULL;
		struct ct_finding *f = NULL;
		char a[128], b[128];

		for (size_t k = 0; few->cables < 0 && many == NULL && k < c->ngaps; k++)
			if (c->gaps[k].node == few->node && c->gaps[k].cables > 0)
				many = &c->gaps[k];
		if (many == NULL)
			continue;
		cable_name(c->f, many->node, many->to, a, sizeof(a));
		if (find_partner(c, few, many, &few2, &many2)) {
			cable_name(c->f, many2->node, many2->to, b, sizeof(b));
			if (out != NULL)
				f = ct_fabric_finding(out, rule, &status, "swapped: %.100s and %.100s", a, b);
			few2->cables++;
			many2->cables--;
		} else if (out != NULL) {
			f = ct_fabric_finding(out, rule, &status, "%.110s: should lead to %.60s", a,
				c->f->nodes[few->to].name);
		}
		few->cables++;
		many->cables--;
		if (f != NULL) {
			f->fabric_port = port_to(c->f, many->node, many->to) + 1;
			snprintf(f->set, sizeof(f->set), few2 != NULL ?
				"exchange the upper ends of the two cables" :
				"move the cable's upper end to that switch");
		}
		if (few->cables < 0)
			i--;
	}
	return status;
}

/* ---- rules ----------------------------------------------------------------------------------- */

ct_status ct_rule_fabric_swapped(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
				 struct ct_findings *out)
{
	struct cabling c;
	ct_status status = make_cabling(&c, in);

	if (status != CT_OK)
		return status;
	status = tell_swaps(&c, rule, out);
	free_cabling(&c);
	if (status == CT_OK)
		status = ct_fabric_hosts(in, rule, true, out);
	return status == CT_OK ? ct_fabric_rails(in, rule, out) : status;
}

ct_status ct_rule_fabric_missing(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
				 struct ct_findings *out)
{
	struct cabling c;
	ct_status status = make_cabling(&c, in);

	if (status != CT_OK)
		return status;
	status = tell_swaps(&c, rule, NULL);
	for (size_t i = 0; status == CT_OK && i < c.ngaps; i++) {
		const struct gap *g = &c.gaps[i];
		struct ct_finding *f;
		uint32_t port;
		char idle[160];

		if (g->cables >= 0)
			continue;
		port = idle_ports(c.f, g->node, idle, sizeof(idle));
		f = ct_fabric_finding(out, rule, &status, "%.50s: %d cable%s to %.50s missing%.100s",
			c.f->nodes[g->node].name, -g->cables, g->cables == -1 ? "" : "s",
			c.f->nodes[g->to].name, idle);
		if (f == NULL)
			continue;
		f->fabric_port = port;
		snprintf(f->set, sizeof(f->set), "plug or exchange the cable; is the port disabled?");
	}
	free_cabling(&c);
	return status == CT_OK ? ct_fabric_hosts(in, rule, false, out) : status;
}
