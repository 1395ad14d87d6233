/* SPDX-License-Identifier: BSD-3-Clause */
/* Which link recommend and switch-config are for: by options, by a cluster file, by the ports of a host. */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "cluster.h"
#include "dcb.h"
#include "roce.h"

/* What was left as it was takes what FILE tells; 0 = it tells nothing. */
static void take(double *value, double deflt, double told)
{
	if (told != 0 && *value == deflt)
		*value = told;
}

static double default_of(const char *name)
{
	const struct ct_option *row = NULL;
	double value = 0;

	if (ct_option_find(ct_roce_options, name, &row) == CT_OK && row->dflt != NULL)
		(void)sscanf(row->dflt, "%lf", &value);
	return value;
}

static ct_status from_cluster(const char *path, struct ct_roce_input *in, char from[CT_ROCE_FROM])
{
	struct ct_fabric_plan plan = { .nleaves = 0 };
	const struct ct_plan_roce *roce = &plan.roce;
	ct_status status = ct_cluster_load(path, &plan);
	char name[100];

	if (status == CT_OK && plan.link != CT_FABRIC_ETHERNET)
		status = ct_fail(CT_INVALID, "%s: link is infiniband, RoCE needs ethernet", path);
	if (status == CT_OK) {
		take(&in->link.Gbps, 0, (double)plan.Mbps / 1e3);
		take(&in->link.metres, default_of("cable"), roce->metres);
		take(&in->link.port_mtu, default_of("port-mtu"), roce->port_mtu);
		take(&in->link.lossless_mtu, default_of("lossless-mtu"), roce->lossless_mtu);
		take(&in->buffer, 0, roce->buffer);
		take(&in->ports, default_of("ports"), roce->ports);
		take(&in->cell, 0, roce->cell);
		ct_text_clean(name, sizeof(name), path);
		snprintf(from, CT_ROCE_FROM, "link: %g Gb/s, %g m, MTU %g, lossless %g; switch: %g ports, buffer %.0f bytes "
			"(0: not told); by %s and the options", in->link.Gbps, in->link.metres, in->link.port_mtu,
			in->link.lossless_mtu, in->ports, in->buffer, name);
	}
	ct_fabric_plan_free(&plan);
	return status;
}

/* The rate that the host's active ports have. */
static ct_status rate_of(const struct ct_ends *ends, struct ct_roce_input *in, char from[CT_ROCE_FROM])
{
	uint64_t Mbps = 0;

	for (size_t i = 0; i < ends->n; i++) {
		const struct ct_end *end = &ends->list[i];

		if (!end->active || end->rate_Mbps == 0 || end->rate_Mbps == CT_UNKNOWN)
			continue;
		if (Mbps != 0 && end->rate_Mbps != Mbps)
			return ct_fail(CT_INVALID, "needs --speed: the RoCE ports of %s have %g and %g Gb/s", ends->host,
				(double)Mbps / 1e3, (double)end->rate_Mbps / 1e3);
		Mbps = end->rate_Mbps;
		snprintf(from, CT_ROCE_FROM, "link: %g Gb/s, as %s port %llu of %s has; the rest by options",
			(double)Mbps / 1e3, end->device, (unsigned long long)end->port, ends->host);
	}
	if (Mbps == 0)
		return ct_fail(CT_INVALID, "needs --speed, the link rate in Gb/s, or --cluster: %s has no active RoCE port",
			ends->captured ? "that tree" : "this host");
	in->link.Gbps = (double)Mbps / 1e3;
	return CT_OK;
}

static ct_status from_ports(const struct ct_roce_settings *s, struct ct_roce_input *in, char from[CT_ROCE_FROM])
{
	static const struct ct_ends_readers readers = { .dcb = ct_dcb_read, .queue = NULL };
	struct ct_ends *ends = NULL;
	ct_status status;

	if (s->sysroot != NULL && strchr(s->sysroot, ',') != NULL)
		return ct_fail(CT_INVALID, "--sysroot: the link is that of one tree, not of several");
	status = ct_ends_read(s->sysroot, &readers, NULL, &ends);
	if (status == CT_OK)
		status = rate_of(ends, in, from);
	ct_ends_free(ends);
	return status;
}

ct_status ct_roce_input(const struct ct_roce_settings *s, struct ct_roce_input *in, char from[CT_ROCE_FROM])
{
	ct_status status = CT_OK;

	*in = (struct ct_roce_input){
		.link = { s->speed, s->cable, (double)s->mtu, (double)s->lossless_mtu },
		.buffer = (double)s->buffer, .ports = (double)s->ports, .rtt_us = (double)s->rtt / 1e3,
		.fan_in = (double)s->fan_in, .cell = (double)s->cell, .alpha = s->alpha,
	};
	from[0] = '\0';
	if (s->cluster != NULL)
		status = from_cluster(s->cluster, in, from);
	if (status == CT_OK && in->link.Gbps == 0)
		status = from_ports(s, in, from);
	return status;
}
