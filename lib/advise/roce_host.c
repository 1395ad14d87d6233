/* SPDX-License-Identifier: BSD-3-Clause */
/* A host's side of the contract: priorities by DSCP, PFC on one, DCBX off, and that at every boot. */
#include <stdio.h>
#include <string.h>

#include "roce_plan.h"

/* A line of a shell script, or of the unit. */
static void line(struct ct_buf *out, const struct ct_roce_host *host, const char *text)
{
	if (!host->unit)
		ct_buf_add(out, "%s\n", text);
	else if (strncmp(text, "# ", 2) != 0)
		ct_buf_add(out, "ExecStart=/usr/bin/env %s\n", text);
}

static void by_dcb(const struct ct_roce_host *h, struct ct_buf *out)
{
	char text[160];

	snprintf(text, sizeof(text), "dcb dcbx set dev %s host ieee", h->interface);
	line(out, h, text);
	snprintf(text, sizeof(text), "dcb app replace dev %s dscp-prio %d:%d %d:%d", h->interface,
		CT_ROCE_DATA_DSCP, CT_ROCE_DATA_TC, CT_ROCE_CNP_DSCP, CT_ROCE_CNP_TC);
	line(out, h, text);
	snprintf(text, sizeof(text), "dcb ets set dev %s prio-tc 0:0 1:0 2:0 3:3 4:0 5:0 6:6 7:0 "
		"tc-tsa all:ets 6:strict tc-bw all:0 0:50 3:50", h->interface);
	line(out, h, text);
	snprintf(text, sizeof(text), "dcb pfc set dev %s prio-pfc all:off %d:on", h->interface,
		CT_ROCE_DATA_TC);
	line(out, h, text);
}

static void by_mlnx_qos(const struct ct_roce_contract *c, const struct ct_roce_host *h,
	struct ct_buf *out)
{
	char text[200];

	snprintf(text, sizeof(text), "mlnx_qos -i %s --trust=dscp --dcbx=os", h->interface);
	line(out, h, text);
	snprintf(text, sizeof(text), "mlnx_qos -i %s --dscp2prio=set,%d,%d", h->interface,
		CT_ROCE_DATA_DSCP, CT_ROCE_DATA_TC);
	line(out, h, text);
	snprintf(text, sizeof(text), "mlnx_qos -i %s --dscp2prio=set,%d,%d", h->interface,
		CT_ROCE_CNP_DSCP, CT_ROCE_CNP_TC);
	line(out, h, text);
	snprintf(text, sizeof(text), "mlnx_qos -i %s --pfc=0,0,0,1,0,0,0,0 --cable_len=%lld", h->interface,
		(long long)c->term[CT_ROCE_CABLE]);
	line(out, h, text);
	snprintf(text, sizeof(text), "mlnx_qos -i %s --prio_tc=0,0,0,3,0,0,6,0 "
		"--tsa=ets,ets,ets,ets,ets,ets,strict,ets --tcbw=50,0,0,50,0,0,0,0", h->interface);
	line(out, h, text);
}

static void device(const struct ct_roce_host *h, struct ct_buf *out)
{
	const int tos = CT_ROCE_DATA_DSCP * 4 + 2;
	char text[320], name[64];

	if (h->device == NULL)
		return;
	snprintf(name, sizeof(name), "%s", h->device);
	line(out, h, "# RDMA-CM's type of service (in-kernel users and librdmacm)");
	snprintf(text, sizeof(text), "sh -c 'mkdir -p /sys/kernel/config/rdma_cm/%s && echo %d > "
		"/sys/kernel/config/rdma_cm/%s/ports/1/default_roce_tos'", name, tos, name);
	line(out, h, text);
	line(out, h, "# verbs' default traffic class, where the vendor's driver has it");
	snprintf(text, sizeof(text), "sh -c 'test ! -e /sys/class/infiniband/%s/tc/1/traffic_class || "
		"echo %d > /sys/class/infiniband/%s/tc/1/traffic_class'", name, tos, name);
	line(out, h, text);
}

void ct_roce_host_write(const struct ct_roce_contract *contract, const struct ct_roce_host *host,
	struct ct_buf *out)
{
	char text[120];

	ct_buf_add(out, "# UNTESTED on an adapter: written after the manual pages of dcb(8) and mlnx_qos's "
		"own text.\n");
	if (host->unit)
		ct_buf_add(out, "# /etc/systemd/system/colltune-roce-%s.service; systemctl enable --now it\n"
			"[Unit]\nDescription=RoCE priorities and PFC of %s\n"
			"BindsTo=sys-subsystem-net-devices-%s.device\n"
			"After=sys-subsystem-net-devices-%s.device network-pre.target\n\n"
			"[Service]\nType=oneshot\nRemainAfterExit=yes\n", host->interface, host->interface,
			host->interface, host->interface);
	snprintf(text, sizeof(text), "ip link set dev %s mtu 9000", host->interface);
	line(out, host, text);
	if (host->mlnx_qos)
		by_mlnx_qos(contract, host, out);
	else
		by_dcb(host, out);
	device(host, out);
	if (host->unit)
		ct_buf_add(out, "\n[Install]\nWantedBy=multi-user.target "
			"sys-subsystem-net-devices-%s.device\n", host->interface);
}
