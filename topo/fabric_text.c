/* SPDX-License-Identifier: BSD-3-Clause */
/* What a fabric says about itself, in numbers and for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fabric.h"

const char *ct_fabric_port_name(const struct ct_fabric *f, uint32_t port, char *out, size_t room)
{
	const struct ct_fabric_port *p = &f->ports[port];
	const struct ct_fabric_node *node = &f->nodes[p->node];

	if (p->name[0] != '\0')
		snprintf(out, room, "%s %s", node->name, p->name);
	else if (node->type == CT_FABRIC_HCA && node->nports == 1)
		snprintf(out, room, "%s", node->name);
	else
		snprintf(out, room, "%s[%u]", node->name, p->number);
	return out;
}

struct ct_fabric_rate ct_fabric_now(const struct ct_fabric *f, uint32_t port)
{
	return (struct ct_fabric_rate){ f->ports[port].lanes, f->ports[port].lane_Mbps };
}

static struct ct_fabric_rate lesser(struct ct_fabric_rate a, struct ct_fabric_rate b)
{
	return (struct ct_fabric_rate){ a.lanes < b.lanes ? a.lanes : b.lanes,
		a.lane_Mbps < b.lane_Mbps ? a.lane_Mbps : b.lane_Mbps };
}

static struct ct_fabric_rate most_of(const struct ct_fabric_port *port)
{
	return (struct ct_fabric_rate){ port->lanes_can, port->lane_can_Mbps };
}

static struct ct_fabric_rate enabled_of(const struct ct_fabric_port *port)
{
	return (struct ct_fabric_rate){ port->lanes_on > 0 ? port->lanes_on : port->lanes_can,
		port->lane_on_Mbps > 0 ? port->lane_on_Mbps : port->lane_can_Mbps };
}

struct ct_fabric_rate ct_fabric_enabled(const struct ct_fabric *f, uint32_t port)
{
	const struct ct_fabric_port *p = &f->ports[port];

	return p->peer == CT_FABRIC_NONE ? enabled_of(p) :
		lesser(enabled_of(p), enabled_of(&f->ports[p->peer]));
}

struct ct_fabric_rate ct_fabric_supported(const struct ct_fabric *f, uint32_t port)
{
	const struct ct_fabric_port *p = &f->ports[port];

	return p->peer == CT_FABRIC_NONE ? most_of(p) :
		lesser(most_of(p), most_of(&f->ports[p->peer]));
}

uint64_t ct_fabric_Mbps(struct ct_fabric_rate rate)
{
	return (uint64_t)rate.lanes * rate.lane_Mbps;
}

/* The names of InfiniBand's lane rates (drivers/infiniband/core/sysfs.c, rate_show). */
static const char *lane_name(uint32_t lane_Mbps)
{
	static const struct {
		uint32_t Mbps;
		const char *name;
	} names[] = { { 2500, "SDR" }, { 5000, "DDR" }, { 10000, "QDR" }, { 10312, "FDR10" }, { 14000, "FDR" },
		{ 25000, "EDR" }, { 50000, "HDR" }, { 100000, "NDR" }, { 200000, "XDR" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].Mbps == lane_Mbps)
			return names[i].name;
	return NULL;
}

const char *ct_fabric_rate_text(enum ct_fabric_link link, struct ct_fabric_rate rate, char out[48])
{
	const char *name = link == CT_FABRIC_INFINIBAND ? lane_name(rate.lane_Mbps) : NULL;
	double Gbps = (double)ct_fabric_Mbps(rate) / 1000;

	if (ct_fabric_Mbps(rate) == 0)
		snprintf(out, 48, "not told");
	else if (name != NULL)
		snprintf(out, 48, "%ux %s (%g Gbit/s)", rate.lanes, name, Gbps);
	else
		snprintf(out, 48, "%g Gbit/s", Gbps);
	return out;
}

void ct_fabric_sides(const struct ct_fabric *f, uint32_t node, struct ct_fabric_sides *out)
{
	const struct ct_fabric_node *n = &f->nodes[node];

	*out = (struct ct_fabric_sides){ .down = 0 };
	for (uint32_t p = n->first; p < n->first + n->nports; p++) {
		uint32_t peer = f->ports[p].peer, level;

		if (peer == CT_FABRIC_NONE)
			continue;
		level = f->nodes[f->ports[peer].node].level;
		if (level < n->level) {
			out->down++;
			out->down_Mbps += ct_fabric_Mbps(ct_fabric_enabled(f, p));
		} else if (level > n->level && level != CT_FABRIC_NONE) {
			out->up++;
			out->up_Mbps += ct_fabric_Mbps(ct_fabric_enabled(f, p));
		}
	}
}

void ct_fabric_count(const struct ct_fabric *f, struct ct_fabric_counts *out)
{
	size_t count[CT_NFABRIC_TYPES] = { 0 }, ends = 0;

	for (size_t i = 0; i < f->nnodes; i++)
		count[f->nodes[i].type]++;
	for (size_t p = 0; p < f->nports; p++)
		ends += f->ports[p].peer != CT_FABRIC_NONE;
	*out = (struct ct_fabric_counts){ count[CT_FABRIC_HCA], count[CT_FABRIC_SWITCH],
		count[CT_FABRIC_ROUTER], ends / 2 };
}

const char *ct_fabric_level_name(const struct ct_fabric_node *node, char out[24])
{
	static const char *const names[] = { "HCA", "leaf", "spine", "core" };

	if (node->level == CT_FABRIC_NONE)
		snprintf(out, 24, "apart");
	else if (node->level < sizeof(names) / sizeof(names[0]))
		snprintf(out, 24, "%s", names[node->level]);
	else
		snprintf(out, 24, "level %u", node->level);
	return out;
}

#define ERROR_NAME(id, name, threshold, help) name,
#define ERROR_HELP(id, name, threshold, help) help,
#define ERROR_THRESHOLD(id, name, threshold, help) threshold,
static const char *const error_names[] = { CT_FABRIC_ERROR_LIST(ERROR_NAME) };
static const char *const error_helps[] = { CT_FABRIC_ERROR_LIST(ERROR_HELP) };
static const uint64_t error_thresholds[] = { CT_FABRIC_ERROR_LIST(ERROR_THRESHOLD) };

const char *ct_fabric_error_name(enum ct_fabric_error error)
{
	return error_names[error];
}

const char *ct_fabric_error_help(enum ct_fabric_error error)
{
	return error_helps[error];
}

uint64_t ct_fabric_error_threshold(enum ct_fabric_error error)
{
	return error_thresholds[error];
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void add_levels(const struct ct_fabric *f, struct ct_buf *out)
{
	const char *comma = " (";

	for (uint32_t level = 1; level <= f->levels; level++) {
		static const char *const names[] = { "", "leaves", "spines", "cores" };
		size_t n = 0;

		for (size_t i = 0; i < f->nnodes; i++)
			n += f->nodes[i].level == level;
		if (level < sizeof(names) / sizeof(names[0]))
			ct_buf_add(out, "%s%zu %s", comma, n, n == 1 && level == 1 ? "leaf" :
				names[level]);
		else
			ct_buf_add(out, "%s%zu of level %u", comma, n, level);
		comma = ", ";
	}
	ct_buf_add(out, "%s", f->levels > 0 ? ")" : "");
}

static int compare_rates(const void *x, const void *y)
{
	const struct ct_fabric_rate *a = x, *b = y;
	uint64_t ra = ct_fabric_Mbps(*a), rb = ct_fabric_Mbps(*b);

	if (ra != rb)
		return ra > rb ? -1 : 1;
	return (a->lanes > b->lanes) - (a->lanes < b->lanes);
}

/* "links: 3888 x 4x HDR (200 Gbit/s), 1 x 1x HDR (50 Gbit/s)" */
static ct_status add_rates(const struct ct_fabric *f, struct ct_buf *out)
{
	struct ct_fabric_rate *rates = ct_alloc(f->nports, sizeof(*rates));
	size_t n = 0, same = 1;
	char text[48];

	if (rates == NULL)
		return CT_NOMEM;
	for (uint32_t p = 0; p < f->nports; p++)
		if (f->ports[p].peer != CT_FABRIC_NONE && f->ports[p].peer > p)
			rates[n++] = ct_fabric_now(f, p);
	if (n > 1)
		qsort(rates, n, sizeof(*rates), compare_rates);
	for (size_t i = 0; i < n; i += same) {
		for (same = 1; i + same < n && compare_rates(&rates[i], &rates[i + same]) == 0;)
			same++;
		ct_buf_add(out, "%s%zu x %s", i == 0 ? "  links: " : ", ", same,
			ct_fabric_rate_text(f->link, rates[i], text));
	}
	ct_buf_add(out, n > 0 ? "\n" : "");
	ct_free(rates);
	return CT_OK;
}

static void add_read(const struct ct_fabric *f, struct ct_buf *out)
{
	size_t tables = 0, switches = 0, counters = 0, linked = 0;

	for (size_t i = 0; i < f->nnodes; i++) {
		switches += f->nodes[i].type == CT_FABRIC_SWITCH;
		tables += f->nodes[i].table != NULL;
	}
	for (size_t p = 0; p < f->nports; p++) {
		if (f->ports[p].peer == CT_FABRIC_NONE)
			continue;
		linked++;
		counters += f->ports[p].errors[0] != CT_UNKNOWN;
	}
	if (!f->declared && f->link == CT_FABRIC_INFINIBAND)
		ct_buf_add(out, "  read: forwarding tables of %zu of %zu switches, error counters of "
			"%zu of %zu linked ports\n", tables, switches, counters, linked);
	if (f->partial[0] != '\0')
		ct_buf_add(out, "  partial: %s\n", f->partial);
}

/* Two leaves that print the same line but for the name. */
static bool alike(const struct ct_fabric_sides *a, const struct ct_fabric_sides *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void add_leaf(const char *name, const struct ct_fabric_sides *s, struct ct_buf *out)
{
	char ratio[24] = "no uplink";

	if (s->up > 0 && s->up_Mbps > 0)
		snprintf(ratio, sizeof(ratio), "%.2f:1", (double)s->down_Mbps / (double)s->up_Mbps);
	else if (s->up > 0)
		snprintf(ratio, sizeof(ratio), "not told");
	ct_buf_add(out, "  %-32s %6u %8u %9g %9g  %s\n", name, s->down, s->up,
		(double)s->down_Mbps / 1000, (double)s->up_Mbps / 1000, ratio);
}

/* Leaves one after the other that are alike share a line. */
static void add_leaves(const struct ct_fabric *f, struct ct_buf *out)
{
	struct ct_fabric_sides now, run = { .down = 0 };
	uint32_t first = CT_FABRIC_NONE, last = 0;
	size_t n = 0;
	bool headed = false;
	char name[2 * CT_FABRIC_NAME + 32];

	for (uint32_t i = 0; i <= f->nnodes; i++) {
		if (i < f->nnodes && f->nodes[i].level != 1)
			continue;
		if (i < f->nnodes)
			ct_fabric_sides(f, i, &now);
		if (first != CT_FABRIC_NONE && (i == f->nnodes || !alike(&now, &run))) {
			if (n == 1)
				snprintf(name, sizeof(name), "%s", f->nodes[first].name);
			else
				snprintf(name, sizeof(name), "%s ... %s (%zu)", f->nodes[first].name,
					f->nodes[last].name, n);
			add_leaf(name, &run, out);
			first = CT_FABRIC_NONE;
		}
		if (i == f->nnodes)
			break;
		if (first == CT_FABRIC_NONE) {
			if (!headed)
				ct_buf_add(out, "  %-32s %6s %8s %9s %9s  %s\n", "leaf", "hosts",
					"uplinks", "Gbit/s", "Gbit/s up", "oversubscription");
			headed = true;
			first = i;
			run = now;
			n = 0;
		}
		last = i;
		n++;
	}
}

ct_status ct_fabric_text(const struct ct_fabric *f, struct ct_buf *out)
{
	struct ct_fabric_counts count;
	ct_status status;

	ct_fabric_count(f, &count);
	ct_buf_add(out, "fabric: %s, %s %s\n",
		f->link == CT_FABRIC_INFINIBAND ? "InfiniBand" : "Ethernet",
		f->declared ? "as declared in" : "read from", f->source);
	ct_buf_add(out, "  %zu host%s with %zu adapter%s, %zu switch%s", f->nhosts,
		plural(f->nhosts), count.hcas, plural(count.hcas), count.switches,
		count.switches == 1 ? "" : "es");
	add_levels(f, out);
	if (count.routers > 0)
		ct_buf_add(out, ", %zu router%s", count.routers, plural(count.routers));
	ct_buf_add(out, ", %zu link%s\n", count.links, plural(count.links));
	status = add_rates(f, out);
	if (status != CT_OK)
		return status;
	add_read(f, out);
	add_leaves(f, out);
	return ct_buf_status(out);
}
