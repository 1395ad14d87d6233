/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "roce_checks.h"

#define KERNEL_COUNTERS "Linux, device_drivers/ethernet/mellanox/mlx5/counters.rst"
#define DCB "IEEE 802.1Q, Priority-based Flow Control; iproute2, dcb(8)"
#define DCQCN "Zhu and others 2015, Congestion Control for Large-Scale RDMA Deployments"
#define GUO "Guo and others 2016, RDMA over Commodity Ethernet at Scale"
#define MAPS "dcb app add dev NETDEV dscp-prio 26:3 48:6; dcb pfc set dev NETDEV prio-pfc all:off 3:on; " \
	"keep it by a systemd unit (colltune roce switch-config --host dcb --unit)"
#define UNMAP "dcb app del dev NETDEV dscp-prio 26:3 48:6; set PFC as it was"

#define WARNING CT_SEVERITY_WARNING
#define ADVICE CT_SEVERITY_ADVICE
#define NOTE CT_SEVERITY_NOTE

static const struct ct_roce_rule rows[] = {
	/* reachability */
	{ { "gid-usable", WARNING, "the port's GIDs, their versions and kinds",
		"queue pairs with a RoCE v1 or link-local GID reach the own subnet at best: error 12, errno 110",
		"NVIDIA/nccl issues 426, 769; ofiwg/libfabric issue 12673", NULL }, ct_roce_gid, NULL, 3,
		"give NETDEV a routable IPv4 or IPv6 address; choose the GID by what it is, not by its number: "
		"numbers move when a port flaps", "take the address away again: ip addr del ADDRESS dev NETDEV" },
	{ { "rail-reach", WARNING, "which pairs of NICs reach each other (probes same_rail, cross_rail)",
		"libraries connect NICs of two rails unless told otherwise, and fail as with a wrong GID",
		"NVIDIA/nccl issue 2013", NULL }, NULL, ct_roce_rail_reach, 4,
		"NCCL_CROSS_NIC=0 where rails are separate by intent; else routes between the rails",
		"unset NCCL_CROSS_NIC" },
	{ { "roce-mtu", ADVICE, "MTU of the interface, and the RDMA MTU that fits into it",
		"RDMA takes powers of two, so 1500 leaves 1024; ends that differ hang or fail to connect",
		"Linux, include/rdma/ib_addr.h; linux-rdma/perftest issue 252", NULL }, ct_roce_mtu, NULL, 5,
		"ip link set dev NETDEV mtu 4200 (or 9000) on every host, 9216 on the switches",
		"ip link set dev NETDEV mtu 1500" },
	{ { "oversize", WARNING, "packets longer than the interface takes (rx_oversize_pkts_phy)",
		"what is longer is dropped, so large messages hang while small ones pass", KERNEL_COUNTERS,
		NULL }, ct_roce_oversize, NULL, 5, "the same MTU at both ends and on the path: ip link set dev NETDEV mtu N",
		"ip link set dev NETDEV mtu OLD" },
	/* mapping */
	{ { "data-priority", WARNING, "ToS of the queue pairs, DSCP map, PFC",
		"traffic of a priority without PFC is dropped as soon as a buffer is full",
		"NVIDIA/nccl issue 2383; " DCB, NULL }, ct_roce_data_priority, NULL, 1, MAPS, UNMAP },
	{ { "dscp-map", WARNING, "DSCP 26 of the contract, DSCP map, PFC",
		"a host or switch that maps the usual DSCP to a lossy class loses RDMA in silence",
		"SONiC, qos_config.j2 (DSCP 26 to TC 1); " DCB, NULL }, ct_roce_dscp_map, NULL, 13, MAPS, UNMAP },
	{ { "tos-differ", WARNING, "ToS of queue pairs made by verbs and by the connection manager",
		"one application's queue pairs then ride two priorities, one of them unprotected",
		"NVIDIA/nccl issue 2383; openucx/ucx issue 2434", NULL }, ct_roce_tos_differ, NULL, 1,
		"the same in both: echo 106 > /sys/class/infiniband/DEVICE/tc/1/traffic_class and > "
		"default_roce_tos; NCCL_IB_TC=106, UCX_IB_TRAFFIC_CLASS=106", "write the old values back" },
	{ { "traffic-priority", WARNING, "bytes that RDMA sent, bytes of each priority",
		"what the map says and what the queue pairs do may differ: GPU-initiated ones skip the ToS file",
		"NVIDIA/nccl issue 2383; " KERNEL_COUNTERS, NULL }, ct_roce_traffic_priority, NULL, 1,
		"NCCL_IB_TC=106, NCCL_GIN_IB_TC=106, UCX_IB_TRAFFIC_CLASS=106 in the job's environment",
		"unset them" },
	{ { "library-told", WARNING, "traffic class that a library was told, DSCP and priority of what left (--traffic)",
		"a variable that does not reach all of a library's queue pairs leaves some of them unprotected",
		"NVIDIA/nccl issue 2383; openucx/ucx issue 2434", NULL }, ct_roce_library_told, NULL, 1,
		"the variable on every rank (mpirun -x), and a version of the library that obeys it; or the same for "
		"all of verbs: echo 106 > /sys/class/infiniband/DEVICE/tc/1/traffic_class", "unset it; echo 0 into that file" },
	{ { "library-contract", ADVICE, "DSCP and priority on which each library's flows left (--traffic), PFC",
		"libraries have defaults of their own: what one of them sends unmarked is dropped as soon as a buffer is full",
		"NVIDIA/nccl issue 2383; docs/roce.md, the contract", NULL }, ct_roce_library_contract, NULL, 1,
		"NCCL_IB_TC=106, UCX_IB_TRAFFIC_CLASS=106, --ib-tc 106 for colltune's own", "unset them" },
	{ { "peer-app", WARNING, "DSCP map here, and where the other end's LLDP wants RoCE",
		"data then leave on a priority that the switch does not treat as lossless", DCB "; Linux, "
		"include/uapi/linux/dcbnl.h, DCB_ATTR_IEEE_PEER_APP", NULL }, ct_roce_peer_app, NULL, 13, MAPS, UNMAP },
	{ { "dcbx-willing", ADVICE, "who runs DCBX, ETS willing",
		"what is set by hand lasts until the switch's next word, or the next boot",
		"Linux, include/uapi/linux/dcbnl.h, DCB_CAP_DCBX_LLD_MANAGED", NULL }, ct_roce_dcbx_willing, NULL, 13,
		"dcb dcbx set dev NETDEV host ieee; both ends static",
		"dcb dcbx set dev NETDEV lld-managed cee ieee" },
	/* loss */
	{ { "pfc-peer", WARNING, "PFC here and what the other end says by LLDP",
		"PFC that one end does not honour protects nothing", DCB, NULL }, ct_roce_pfc_peer, NULL, 2,
		"the same priorities at both ends: dcb pfc set dev NETDEV prio-pfc all:off 3:on, and the switch's "
		"port likewise", "dcb pfc set dev NETDEV prio-pfc OLD" },
	{ { "silent-loss", WARNING, "NAKs, timeouts and what was sent again; no pause",
		"each loss costs a round trip or a timeout of milliseconds: rates collapse by chance",
		"NVIDIA/nccl issue 378; bytedance/byteps issue 179", NULL }, ct_roce_silent_loss, NULL, 2,
		"PFC at both ends of every link for the data's priority (colltune roce switch-config), or "
		"accept loss: ECN and the adapter's lossy accelerations on", "PFC as it was" },
	{ { "lossless-loss", WARNING, "NAKs, timeouts and what was sent again, in spite of pause",
		"a lossless class that loses has too little headroom, a hop without PFC, or bad cables",
		"IEEE 802.1Q, annex on PFC headroom; " GUO, NULL }, ct_roce_lossless_loss, NULL, 2,
		"headroom for speed, cable and MTU (colltune roce recommend) on every hop; look for link errors",
		"the old thresholds" },
	{ { "pfc-off", ADVICE, "PFC of an end that loses nothing",
		"without PFC an incast drops: that is a choice only where the adapter recovers fast", DCB,
		NULL }, ct_roce_pfc_off, NULL, 2, MAPS, UNMAP },
	{ { "link-errors", WARNING, "damaged packets, errors of the lanes",
		"damage costs a retransmission each, often in one direction only",
		KERNEL_COUNTERS, NULL }, ct_roce_link_errors, NULL, 14,
		"clean or change the cable and its optics; look at the other end's counters, too",
		"put the old cable back" },
	{ { "one-direction", WARNING, "rates of both directions (probes forward_Bps, backward_Bps)",
		"one side's PCIe, optics or PFC is in the way", "linux-rdma/perftest issue 289",
		NULL }, NULL, ct_roce_one_direction, 14,
		"look at the slower receiver: PCIe width (colltune topo), link errors, PFC of that direction",
		"nothing is set" },
	/* pause */
	{ { "pause-storm", WARNING, "the storm guard's count, share of time that a priority was paused",
		"one host that pauses without end stops a whole fabric", GUO, NULL }, ct_roce_pause_storm, NULL, 6,
		"find who sends the pause (colltune roce watch), take it off the fabric; watchdog on the switches",
		"nothing is set" },
	{ { "storm-guard", ADVICE, "pfc-prevention-tout of the interface, PFC",
		"without it a hanging host pauses the fabric until somebody pulls its cable",
		"Linux, mlx5 en_ethtool.c, pfc-prevention-tout", NULL }, ct_roce_storm_guard, NULL, 6,
		"ethtool --set-tunable NETDEV pfc-prevention-tout 100",
		"ethtool --set-tunable NETDEV pfc-prevention-tout 0" },
	{ { "host-pauses", WARNING, "pause frames sent and received, PCIe stalls",
		"a receiver that cannot keep up stops everybody who shares its path",
		"NVIDIA/nccl issues 1494, 173; " GUO, NULL }, ct_roce_host_pauses, NULL, 7,
		"PCIe width and MaxReadReq, NUMA node of the ranks, huge pages, fewer queue pairs "
		"(colltune topo; its findings)", "nothing is set" },
	{ { "both-pauses", ADVICE, "pause of the link beside PFC",
		"pause of the whole link stops notifications and the lossy classes, too", DCB,
		NULL }, ct_roce_both_pauses, NULL, 6, "ethtool -A NETDEV rx off tx off",
		"ethtool -A NETDEV rx on tx on" },
	/* marks and notifications */
	{ { "ecn-late", WARNING, "pause frames received, marks and notifications",
		"switches that pause before they mark leave congestion control without a say", DCQCN,
		NULL }, ct_roce_ecn_late, NULL, 17,
		"ECN on for the data's queue, Kmin below the pause threshold: 20 to 30 % lower, measure again "
		"(colltune roce recommend)", "the old Kmin" },
	{ { "ecn-early", ADVICE, "marks, pause, the rate of an incast (probe goodput)",
		"senders are slowed down though no buffer was near its end", DCQCN, NULL }, NULL, ct_roce_ecn_early, 17,
		"Kmin 20 to 30 % higher, measure again", "the old Kmin" },
	{ { "cnp-without-marks", NOTE, "notifications sent, marks received, slow restart",
		"the adapter's lossy acceleration makes them: expected on lossy fabrics, a loss on lossless ones",
		"NVIDIA developer forum 270587", NULL }, ct_roce_cnp_without_marks, NULL, 10,
		"on a lossless fabric turn roce_slow_restart off (mlxreg, ROCE_ACCL)", "turn it on again" },
	{ { "cnp-ignored", WARNING, "notifications acted on and ignored",
		"a sender that ignores them fills the queue for everybody", "Linux, mlx5 counters.c",
		NULL }, ct_roce_cnp_ignored, NULL, 16,
		"echo 1 > /sys/class/net/NETDEV/ecn/roce_rp/enable/3 (vendor's driver), or the firmware's ROCE_CC_PRIO_MASK",
		"echo 0 > /sys/class/net/NETDEV/ecn/roce_rp/enable/3" },
	{ { "cnp-lost", WARNING, "notifications sent by all hosts, received by all hosts",
		"notifications that do not arrive slow nobody down", DCQCN, NULL }, NULL, NULL, 16,
		"DSCP 48 into a strict queue of its own on every switch", "the old map" },
	{ { "cnp-class", ADVICE, "priority of notifications and of data",
		"in the data's queue they wait behind what they are to slow down, and may be paused", DCQCN,
		NULL }, ct_roce_cnp_class, NULL, 16, "echo 48 > /sys/class/net/NETDEV/ecn/roce_np/cnp_dscp (vendor's "
		"driver); 48 to priority 6", "echo OLD > /sys/class/net/NETDEV/ecn/roce_np/cnp_dscp" },
	{ { "dcqcn-off", ADVICE, "DCQCN on the data's priority",
		"marks that nobody answers leave PFC alone with the congestion; some fabrics want just that",
		"NVIDIA, MLNX_OFED documentation, Explicit Congestion Notification; " DCQCN,
		NULL }, ct_roce_dcqcn_off, NULL, 16,
		"echo 1 > /sys/class/net/NETDEV/ecn/roce_np/enable/3; the same in roce_rp",
		"echo 0 > both" },
	{ { "ce-marks", NOTE, "IP packets with a mark, where the device counts none; what own queues marked (tc)",
		"a switch marks; whether anybody slows down is not to be seen here", "Linux, snmp counters, InCEPkts",
		NULL }, NULL, ct_roce_ce_marks, 17, "look at the queue that marks (tc -s qdisc, the switch's counters)",
		"nothing is set" },
	/* host */
	{ { "gpu-path", WARNING, "rates from the host's and a GPU's memory (probes host_Bps, gpu_Bps)",
		"redirection by ACS or translation sends what a GPU gives up to the processor and back",
		"NVIDIA/nccl-tests issue 112; openucx/ucx pull 11412", NULL }, NULL, ct_roce_gpu_path, 8,
		"ACS off on the PCIe switches' ports, iommu=pt (colltune topo shows both)",
		"the old boot options" },
	{ { "iommu-group", ADVICE, "type of the device's IOMMU group",
		"translation costs on every transfer, and takes traffic between devices through the root",
		"NVIDIA/nccl issue 489; Linux, kernel-parameters, iommu.passthrough", NULL }, ct_roce_iommu, NULL, 8,
		"boot with iommu=pt", "boot without it" },
	{ { "relaxed-ordering", WARNING, "times with and without (probes relaxed_ns, ordered_ns)",
		"some processors handle relaxed writes badly", "linux-rdma/perftest issue 116",
		NULL }, NULL, ct_roce_ordering, 12, "NCCL_IB_PCI_RELAXED_ORDERING=0, UCX_IB_PCI_RELAXED_ORDERING=n",
		"unset both" },
	{ { "ece", WARNING, "failed connections with and without (probes ece_errors, plain_errors)",
		"adapters with other firmware may agree on what one of them does badly",
		"NVIDIA/nccl issue 1403", NULL }, NULL, ct_roce_ece, 11,
		"NCCL_IB_ECE_ENABLE=0, or the same firmware on all adapters", "unset it" },
	/* balance */
	{ { "flow-collision", ADVICE, "rates of equal flows with other ports (probes flow_low_Bps, flow_high_Bps)",
		"flows whose hash is equal share one cable while others lie idle",
		"NVIDIA/nvshmem issue 27; uccl-project/uccl issue 153", NULL }, NULL, ct_roce_flow_collision, 9,
		"more queue pairs (NCCL_IB_QPS_PER_CONNECTION), hashing of the destination queue pair on switches",
		"unset NCCL_IB_QPS_PER_CONNECTION" },
	{ { "bond-hash", ADVICE, "hash policy of the bond",
		"addresses do not differ between flows of two hosts", "NVIDIA/nccl issue 1015; Linux, "
		"networking/bonding.rst, xmit_hash_policy", NULL }, ct_roce_bond_hash, NULL, 9,
		"ip link set dev BOND type bond xmit_hash_policy layer3+4",
		"ip link set dev BOND type bond xmit_hash_policy layer2" },
	{ { "reordering", NOTE, "gaps received, hardly anything sent again",
		"packets that overtake each other (adaptive routing) look like loss to adapters without support",
		"deepseek-ai/DeepEP issue 82", NULL }, ct_roce_reordering, NULL, 15,
		"adaptive routing on end to end with adapters that accept it, or off for this class",
		"adaptive routing as it was" },
	/* between hosts */
	{ { "hosts-differ", WARNING, "settings of the same port on all hosts",
		"one host that is set otherwise is found by everybody's slowest transfer",
		"own comparison of all hosts of the job", NULL }, NULL, NULL, 13,
		"set the minority as the others are", "set it back" },
	{ { NULL, NOTE, NULL, NULL, NULL, NULL }, NULL, NULL, 0, NULL, NULL },
};

const struct ct_roce_rule *ct_roce_rules(void)
{
	return rows;
}

const struct ct_roce_rule *ct_roce_rule_find(const char *id)
{
	for (const struct ct_roce_rule *r = rows; r->rule.id != NULL; r++)
		if (strcmp(r->rule.id, id) == 0)
			return r;
	return NULL;
}

/* TEXT with the end's names. */
static void fill(char *out, size_t room, const char *text, const struct ct_end *e)
{
	size_t used = 0;

	while (*text != '\0' && used + 1 < room) {
		const char *name = NULL;
		size_t skip = 0;

		if (e != NULL && strncmp(text, "NETDEV", 6) == 0) {
			name = e->netdev;
			skip = 6;
		} else if (e != NULL && strncmp(text, "DEVICE", 6) == 0) {
			name = e->device;
			skip = 6;
		} else if (e != NULL && strncmp(text, "BOND", 4) == 0) {
			name = e->bond;
			skip = 4;
		}
		if (name == NULL || name[0] == '\0') {
			out[used++] = *text++;
			continue;
		}
		used += (size_t)snprintf(out + used, room - used, "%s", name);
		used = used < room ? used : room - 1;
		text += skip;
	}
	out[used] = '\0';
}

ct_status ct_roce_found(const struct ct_advice_rule *rule, struct ct_findings *out,
	const struct ct_end *e, const char *format, ...)
{
	const struct ct_roce_rule *row = ct_roce_rule_find(rule->id);
	struct ct_finding *f = ct_finding_add(out, rule);
	size_t used = 0;
	va_list args;

	if (f == NULL)
		return CT_NOMEM;
	if (e != NULL)
		used = (size_t)snprintf(f->seen, sizeof(f->seen), "%s port %llu: ", e->device,
			(unsigned long long)e->port);
	va_start(args, format);
	vsnprintf(f->seen + used, sizeof(f->seen) - used, format, args);
	va_end(args);
	if (row != NULL) {
		fill(f->set, sizeof(f->set), row->set, e);
		fill(f->undo, sizeof(f->undo), row->undo, e);
	}
	return CT_OK;
}

static ct_status check(const struct ct_roce_rule *r, const struct ct_ends *ends,
	struct ct_findings *out)
{
	ct_status status = r->of_host != NULL ? r->of_host(&r->rule, ends, out) : CT_OK;

	for (size_t i = 0; r->of_end != NULL && i < ends->n && status == CT_OK; i++)
		if (ends->list[i].active)
			status = r->of_end(&r->rule, &ends->list[i], out);
	return status;
}

ct_status ct_advise_roce(const struct ct_ends *ends, struct ct_findings *findings)
{
	ct_status status = CT_OK;

	for (const struct ct_roce_rule *r = rows; r->rule.id != NULL && status == CT_OK; r++)
		status = check(r, ends, findings);
	return status;
}
