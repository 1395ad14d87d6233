/* SPDX-License-Identifier: BSD-3-Clause */
/* Which link recommend and switch-config are for: by options, by a cluster file, by the ports of a host. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "cluster.h"
#include "dcb.h"
#include "roce.h"

enum { ORIGIN = 200, HEADERS = 96, MLX5_CABLE = 7 };

static const char by_default[] = "default";

/* Inputs in the order in which their origins are told: key as in JSON, option, words. */
enum { SPEED, CABLE, PORT_MTU, LOSSLESS_MTU, BUFFER, PORTS, CELL, LOSSLESS, RTT, FAN_IN, ALPHA, INPUTS };

static const struct {
	const char *key, *option, *words;
} rows[INPUTS] = {
	[SPEED] = { "speed_Gbps", "speed", "speed" }, [CABLE] = { "cable_m", "cable", "cable" },
	[PORT_MTU] = { "port_mtu", "port-mtu", "port MTU" },
	[LOSSLESS_MTU] = { "lossless_mtu", "lossless-mtu", "lossless MTU" },
	[BUFFER] = { "buffer_bytes", "buffer", "buffer" }, [PORTS] = { "ports", "ports", "ports" },
	[CELL] = { "cell_bytes", "cell", "cell" },
	[LOSSLESS] = { "lossless_priorities", "lossless-priorities", "lossless priorities" },
	[RTT] = { "rtt_us", "rtt", "round trip" }, [FAN_IN] = { "fan_in", "fan-in", "fan-in" },
	[ALPHA] = { "alpha", "alpha", "alpha" },
};

/* The inputs while they are put together; an option goes first, then a cluster file, then the ports. */
struct filling {
	double *value[INPUTS], deflt[INPUTS];
	char origin[INPUTS][ORIGIN]; /* "" = nobody has told it yet */
};

static double default_of(const char *name)
{
	const struct ct_option *row = NULL;
	double value = 0;

	if (ct_option_find(ct_roce_options, name, &row) == CT_OK && row->dflt != NULL)
		(void)sscanf(row->dflt, "%lf", &value);
	return value;
}

static void begin(struct filling *f, struct ct_roce_input *in)
{
	*f = (struct filling){ .value = { [SPEED] = &in->link.Gbps, [CABLE] = &in->link.metres,
		[PORT_MTU] = &in->link.port_mtu, [LOSSLESS_MTU] = &in->link.lossless_mtu, [BUFFER] = &in->buffer,
		[PORTS] = &in->ports, [CELL] = &in->cell, [LOSSLESS] = &in->lossless, [RTT] = &in->rtt_us,
		[FAN_IN] = &in->fan_in, [ALPHA] = &in->alpha } };
	for (int i = 0; i < INPUTS; i++) {
		f->deflt[i] = default_of(rows[i].option); /* "10us" as 10, the unit of its value */
		if (*f->value[i] != f->deflt[i])
			snprintf(f->origin[i], ORIGIN, "--%s", rows[i].option);
	}
}

/* What nobody told before takes VALUE; 0 = it tells nothing. */
static void take(struct filling *f, int i, double value, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void take(struct filling *f, int i, double value, const char *format, ...)
{
	va_list args;

	if (value == 0 || f->origin[i][0] != '\0')
		return;
	*f->value[i] = value;
	va_start(args, format);
	vsnprintf(f->origin[i], ORIGIN, format, args);
	va_end(args);
}

static ct_status from_cluster(const char *path, struct filling *f, struct ct_roce_input *in,
	char from[CT_ROCE_FROM])
{
	struct ct_fabric_plan plan = { .nleaves = 0 };
	const struct ct_plan_roce *roce = &plan.roce;
	ct_status status = ct_cluster_load(path, &plan);
	char name[100];

	if (status == CT_OK && plan.link != CT_FABRIC_ETHERNET)
		status = ct_fail(CT_INVALID, "%s: link is infiniband, RoCE needs ethernet", path);
	if (status == CT_OK) {
		ct_text_clean(name, sizeof(name), path);
		take(f, SPEED, (double)plan.Mbps / 1e3, "%s", name);
		take(f, CABLE, roce->metres, "%s", name);
		take(f, PORT_MTU, roce->port_mtu, "%s", name);
		take(f, LOSSLESS_MTU, roce->lossless_mtu, "%s", name);
		take(f, BUFFER, roce->buffer, "%s", name);
		take(f, PORTS, roce->ports, "%s", name);
		take(f, CELL, roce->cell, "%s", name);
		snprintf(from, CT_ROCE_FROM, "link: %g Gb/s, %g m, MTU %g, lossless %g; switch: %g ports, buffer %.0f bytes "
			"(0: not told); by %s and the options", in->link.Gbps, in->link.metres, in->link.port_mtu,
			in->link.lossless_mtu, in->ports, in->buffer, name);
	}
	ct_fabric_plan_free(&plan);
	return status;
}

/* The rate that the host's active ports have. */
static ct_status rate_of(const struct ct_ends *ends, struct filling *f, char from[CT_ROCE_FROM])
{
	uint64_t Mbps = 0;
	const struct ct_end *which = NULL;

	for (size_t i = 0; i < ends->n && f->origin[SPEED][0] == '\0'; i++) {
		const struct ct_end *end = &ends->list[i];

		if (!end->active || end->rate_Mbps == 0 || end->rate_Mbps == CT_UNKNOWN)
			continue;
		if (Mbps != 0 && end->rate_Mbps != Mbps)
			return ct_fail(CT_INVALID, "needs --speed: the RoCE ports of %s have %g and %g Gb/s", ends->host,
				(double)Mbps / 1e3, (double)end->rate_Mbps / 1e3);
		Mbps = end->rate_Mbps;
		which = end;
	}
	if (which == NULL)
		return CT_OK;
	take(f, SPEED, (double)Mbps / 1e3, "rate of %s port %llu", which->device, (unsigned long long)which->port);
	snprintf(from, CT_ROCE_FROM, "link: %g Gb/s, as %s port %llu of %s has", (double)Mbps / 1e3, which->device,
		(unsigned long long)which->port, ends->host);
	return CT_OK;
}

/* mlx5 keeps the cable's length where DCB has PFC's delay allowance, 7 m unless somebody set it (Linux,
 * mlx5 en_dcbnl.c, en/port_buffer.h); other drivers have another meaning. */
static double cable_of(const struct ct_end *e)
{
	if (strcmp(e->driver, "mlx5") != 0 || !e->dcb_known || !e->dcb.pfc_known || e->dcb.delay == MLX5_CABLE)
		return 0;
	return e->dcb.delay;
}

static unsigned int ones(unsigned int mask)
{
	unsigned int n = 0;

	for (; mask != 0; mask &= mask - 1)
		n++;
	return n;
}

static double mtu_of(const struct ct_end *e)
{
	return e->rdma_mtu != CT_END_UNKNOWN ? (double)e->net_mtu : 0;
}

static double pfc_of(const struct ct_end *e)
{
	return e->dcb_known && e->dcb.pfc_known ? ones(e->dcb.pfc_mask) : 0;
}

/* The active port where OF is largest; NULL: it is 0 everywhere. */
static const struct ct_end *largest(const struct ct_ends *ends, double (*of)(const struct ct_end *end))
{
	const struct ct_end *most = NULL;

	for (size_t i = 0; i < ends->n; i++)
		if (ends->list[i].active && of(&ends->list[i]) > (most != NULL ? of(most) : 0))
			most = &ends->list[i];
	return most;
}

/* What else the active ports tell; of several the largest, which asks for most. */
static void rest_of(const struct ct_ends *ends, struct filling *f)
{
	const struct ct_end *mtu = largest(ends, mtu_of), *cable = largest(ends, cable_of);
	const struct ct_end *pfc = largest(ends, pfc_of);

	if (mtu != NULL) {
		take(f, LOSSLESS_MTU, (double)mtu->rdma_mtu + HEADERS, "RDMA MTU %llu of %s + %d bytes of headers",
			(unsigned long long)mtu->rdma_mtu, mtu->device, HEADERS);
		if ((double)mtu->net_mtu > f->deflt[PORT_MTU])
			take(f, PORT_MTU, (double)mtu->net_mtu, "MTU of %s, which is larger than %g", mtu->netdev,
				f->deflt[PORT_MTU]);
	}
	if (cable != NULL)
		take(f, CABLE, cable_of(cable), "cable length set in %s", cable->netdev);
	if (pfc != NULL)
		take(f, LOSSLESS, ones(pfc->dcb.pfc_mask), "PFC 0x%02x of %s", pfc->dcb.pfc_mask, pfc->netdev);
}

/* The adapter's own buffer of the lossless priorities, beside what its formula asks for. */
static void say_buffer(const struct ct_ends *ends, const struct ct_roce_input *in, char from[CT_ROCE_FROM])
{
	double asked = ct_roce_headroom_mlx5(&in->link);

	for (size_t i = 0; i < ends->n; i++) {
		const struct ct_end *e = &ends->list[i];
		size_t used = strlen(from);

		for (unsigned int p = 0; p < CT_PRIORITIES && e->active && e->dcb_known && e->dcb.buffer_known; p++) {
			unsigned int b = e->dcb.prio_buffer[p] % CT_PRIORITIES;

			if (!e->dcb.pfc_known || (e->dcb.pfc_mask >> p & 1) == 0)
				continue;
			snprintf(from + used, CT_ROCE_FROM - used, "%s%s: buffer %u of its lossless priority %u has %u bytes, "
				"headroom.nic is %.0f%s", used > 0 ? "; " : "", e->netdev, b, p, e->dcb.buffer[b], asked,
				e->dcb.buffer[b] < asked ? ": too small" : "");
			return; /* the others are usually alike: facts has them */
		}
	}
}

static ct_status from_ports(const struct ct_roce_settings *s, struct filling *f, struct ct_roce_input *in,
	char from[CT_ROCE_FROM])
{
	static const struct ct_ends_readers readers = { .dcb = ct_dcb_read, .queue = NULL };
	struct ct_ends *ends = NULL;
	ct_status status;

	if (s->sysroot != NULL && strchr(s->sysroot, ',') != NULL)
		return ct_fail(CT_INVALID, "--sysroot: the link is that of one tree, not of several");
	status = ct_ends_read(s->sysroot, &readers, NULL, &ends);
	if (status == CT_OK)
		status = rate_of(ends, f, from);
	if (status == CT_OK && in->link.Gbps == 0)
		status = ct_fail(CT_INVALID, "needs --speed, the link rate in Gb/s, or --cluster: %s has no active RoCE port",
			ends->captured ? "that tree" : "this host");
	if (status == CT_OK) {
		rest_of(ends, f);
		say_buffer(ends, in, from);
	}
	ct_ends_free(ends);
	return status;
}

ct_status ct_roce_origins(const struct ct_roce_settings *s, struct ct_roce_input *in, char from[CT_ROCE_FROM],
	json_t **out)
{
	struct filling f;
	json_t *origins = json_object();
	ct_status status = origins != NULL ? CT_OK : ct_fail(CT_NOMEM, "no memory for what the link is");

	*in = (struct ct_roce_input){
		.link = { s->speed, s->cable, (double)s->mtu, (double)s->lossless_mtu },
		.buffer = (double)s->buffer, .ports = (double)s->ports, .rtt_us = (double)s->rtt / 1e3,
		.fan_in = (double)s->fan_in, .cell = (double)s->cell, .alpha = s->alpha,
		.lossless = (double)s->lossless,
	};
	begin(&f, in);
	from[0] = '\0';
	if (status == CT_OK && s->cluster != NULL)
		status = from_cluster(s->cluster, &f, in, from);
	if (status == CT_OK && (in->link.Gbps == 0 || s->sysroot != NULL))
		status = from_ports(s, &f, in, from);
	if (status != CT_OK) {
		json_decref(origins);
		return status;
	}
	for (int i = 0; i < INPUTS; i++)
		json_object_set_new(origins, rows[i].key, json_string(f.origin[i][0] != '\0' ? f.origin[i] :
			by_default));
	*out = origins;
	return CT_OK;
}

void ct_roce_origins_show(const json_t *origins, struct ct_buf *out)
{
	struct ct_buf line = ct_buf_make(4096);

	for (int i = 0; i < INPUTS; i++) {
		const char *text = json_string_value(json_object_get(origins, rows[i].key));

		if (text != NULL && strcmp(text, by_default) != 0)
			ct_buf_add(&line, "%s: %s; ", rows[i].words, text);
	}
	ct_buf_add(&line, "the rest: %s", by_default);
	ct_buf_wrapped(out, "inputs from: ", line.text != NULL ? line.text : "");
	ct_buf_free(&line);
}
