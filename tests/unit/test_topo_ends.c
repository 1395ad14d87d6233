/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends of RoCE links from a tree made here, the statistics of interfaces, DSCP to priority, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "advise/advise.h"
#include "tree.h"

static char root[64];

static int remove_root(void **state)
{
	(void)state;
	return tree_remove(root);
}

static void put(const char *path, const char *text)
{
	tree_put(root, path, text);
}

#define PORT "sys/class/infiniband/mlx5_0/ports/1/"
#define V4 "0000:0000:0000:0000:0000:ffff:0a00:0001\n"

static int make_root(void **state)
{
	(void)state;
	if (tree_make(root) != 0)
		return -1;
	put(PORT "state", "4: ACTIVE\n");
	put(PORT "link_layer", "Ethernet\n");
	put(PORT "rate", "100 Gb/sec (4X EDR)\n");
	put(PORT "gids/0", "fe80:0000:0000:0000:0200:00ff:fe00:0001\n");
	put(PORT "gids/1", "0000:0000:0000:0000:0000:0000:0000:0000\n");
	put(PORT "gids/3", V4);
	put(PORT "gid_attrs/types/0", "IB/RoCE v1\n");
	put(PORT "gid_attrs/types/3", "RoCE v2\n");
	put(PORT "gid_attrs/ndevs/0", "eth2\n");
	put(PORT "gid_attrs/ndevs/3", "eth2\n");
	put(PORT "hw_counters/packet_seq_err", "7\n");
	put(PORT "hw_counters/np_cnp_sent", "9\n");
	put("sys/class/infiniband/mlx5_0/tc/1/traffic_class", "Global tclass=106\n");
	put("sys/class/infiniband/ib0/ports/1/link_layer", "InfiniBand\n");
	put("sys/class/net/eth2/mtu", "9000\n");
	put("sys/class/net/eth2/ecn/roce_np/enable/3", "1\n");
	put("sys/class/net/eth2/ecn/roce_rp/enable/3", "0\n");
	put("sys/class/net/eth2/ecn/roce_np/cnp_dscp", "48\n");
	put("proc/net/netstat", "TcpExt: A\nTcpExt: 1\nIpExt: InOctets InCEPkts Last\nIpExt: 5 33 6\n");
	put("proc/uptime", "200.50 1.00\n");
	put("said/dcb-eth2", "recorded");
	put("said/ethtool-S-eth2", "NIC statistics:\n     rx_prio3_pause: 11\n     nonsense\n     a: b\n");
	put("said/ethtool-a-eth2", "Pause parameters for eth2:\nAutonegotiate:\ton\nRX:\t\toff\nTX:\t\ton\n");
	return 0;
}

static bool tells(const char *netdev, const char *recorded, struct ct_dcb *dcb, char *why)
{
	(void)why;
	assert_string_equal(netdev, "eth2");
	assert_string_equal(recorded, "recorded");
	*dcb = (struct ct_dcb){ .pfc_known = true, .pfc_mask = 8, .napps = 1,
		.apps = { { CT_APP_DSCP, 3, 26 } } };
	return true;
}

/* The kernel of this machine has no say about a captured tree. */
static bool never(const char *netdev, struct ct_queue_counts *counts)
{
	(void)netdev;
	(void)counts;
	fail();
	return false;
}

static const struct ct_ends_readers readers = { .dcb = tells, .queue = never };

static void one_end(void **state)
{
	struct ct_ends *ends = NULL;
	const struct ct_end *e;
	uint64_t pause;

	(void)state;
	assert_int_equal(ct_ends_read(root, &readers, NULL, &ends), CT_OK);
	assert_int_equal(ends->n, 1); /* InfiniBand's is none */
	e = &ends->list[0];
	assert_string_equal(e->device, "mlx5_0");
	assert_string_equal(e->netdev, "eth2");
	assert_string_equal(e->driver, "mlx5");
	assert_int_equal(e->rate_Mbps, 100000);
	assert_int_equal(e->net_mtu, 9000);
	assert_int_equal(e->rdma_mtu, 4096);
	assert_int_equal(e->traffic_class, 106);
	assert_true(e->cm_tos == CT_END_UNKNOWN);
	assert_int_equal(e->np_mask, 8);
	assert_int_equal(e->rp_mask, 0);
	assert_int_equal(e->rx_pause, 0);
	assert_int_equal(e->tx_pause, 1);
	assert_true(e->storm_guard_ms == CT_END_UNKNOWN);
	assert_int_equal(e->ngids, 2);
	assert_int_equal(e->gids[1].index, 3);
	assert_int_equal(e->gids[1].version, 2);
	assert_string_equal(e->gids[1].kind, "IPv4");
	assert_int_equal(e->ncc, 1);
	assert_string_equal(e->cc[0].name, "np_cnp_dscp");
	assert_true(e->dcb_known);
	assert_false(e->queue_known);
	assert_int_equal(e->counts.value[CT_COUNT_SEQ_NAKS], 7);
	assert_true(ct_netstat_sum(&e->stats, CT_NETSTAT_RX_PAUSE, &pause));
	assert_int_equal(pause, 11);
	assert_false(ct_netstat_sum(&e->stats, CT_NETSTAT_TX_PAUSE, &pause));
	assert_true(ends->ce_known);
	assert_int_equal(ends->ce_packets, 33);
	assert_true(ends->captured && ends->seconds > 200);
	ct_ends_free(ends);
}

/* Each allocation fails once: the answer is no memory, or an end with less in it. */
static void memory(void **state)
{
	uint64_t n = 0, asked;
	ct_status status;

	(void)state;
	do {
		struct ct_findings findings = { .n = 0 };
		struct ct_ends *ends = NULL;

		ct_alloc_fail_nth(++n);
		status = ct_ends_read(root, &readers, NULL, &ends);
		if (status == CT_OK)
			status = ct_advise_roce(ends, &findings);
		asked = ct_alloc_count();
		ct_alloc_fail_nth(0);
		assert_true(status == CT_OK || status == CT_NOMEM);
		ct_findings_free(&findings);
		ct_ends_free(ends);
	} while (n <= asked && n < 10000);
	assert_int_equal(status, CT_OK);
}

static void peer_priority(void **state)
{
	struct ct_dcb dcb = { .npeer_apps = 1, .peer_apps = { { CT_APP_DGRAM, 9, 4791 } } };

	(void)state;
	assert_int_equal(ct_dcb_peer_priority(&dcb, 26), -1); /* 9 is no priority */
	dcb.peer_apps[0].priority = 4;
	assert_int_equal(ct_dcb_peer_priority(&dcb, 26), 4);
	dcb.peer_apps[1] = (struct ct_dcb_app){ CT_APP_DSCP, 5, 26 };
	dcb.npeer_apps = 2;
	assert_int_equal(ct_dcb_peer_priority(&dcb, 26), 5);
	assert_int_equal(ct_dcb_peer_priority(&dcb, 24), 4);
}

static void priorities(void **state)
{
	struct ct_dcb dcb = { .napps = 0 };

	(void)state;
	assert_int_equal(ct_dcb_priority(&dcb, 26), 0); /* no map: what is untagged has priority 0 */
	dcb.apps[0] = (struct ct_dcb_app){ 3, 5, 4791 };
	dcb.napps = 1;
	assert_int_equal(ct_dcb_priority(&dcb, 26), 0); /* a UDP port is no DSCP */
	dcb.apps[1] = (struct ct_dcb_app){ CT_APP_DSCP, 6, 48 };
	dcb.napps = 2;
	assert_int_equal(ct_dcb_priority(&dcb, 48), 6);
	assert_int_equal(ct_dcb_priority(&dcb, 26), 3); /* DSCP / 8 where DSCP is trusted */
	dcb.apps[2] = (struct ct_dcb_app){ CT_APP_DSCP, 200, 26 };
	dcb.napps = 3;
	assert_int_equal(ct_dcb_priority(&dcb, 26), 3); /* there is no priority 200 */
}

static void statistics(void **state)
{
	struct ct_netstats a, b, d;
	uint64_t sum;

	(void)state;
	ct_netstats_parse("     rx_prio0_pause: 5\n     rx_prio7_pause: 6\n     rx_prio9_pause: 7\n"
		"     rx_prio3_pause_duration: 100\n     tx_global_pause: 3\n     rx_prio3_pause_x: 1\n", &a);
	assert_true(ct_netstat_sum(&a, CT_NETSTAT_RX_PAUSE, &sum));
	assert_int_equal(sum, 11);
	assert_int_equal(a.value[CT_NETSTAT_RX_PAUSED_US][3], 100);
	assert_int_equal(a.value[CT_NETSTAT_GLOBAL_TX_PAUSE][0], 3);
	ct_netstats_parse("     rx_prio0_pause: 2\n     rx_prio7_pause: 16\n", &b);
	ct_netstats_delta(&a, &b, &d);
	assert_int_equal(d.value[CT_NETSTAT_RX_PAUSE][0], 2); /* it was reset meanwhile */
	assert_int_equal(d.value[CT_NETSTAT_RX_PAUSE][7], 10);
	assert_false(ct_netstat_sum(&d, CT_NETSTAT_GLOBAL_TX_PAUSE, &sum)); /* only one reading has it */
	ct_netstats_parse("     pfc_pri3_rx_transitions: 4\n     tx_priority_2_xoff.nic: 8\n", &b);
	assert_int_equal(b.value[CT_NETSTAT_RX_PAUSE][3], 4);
	assert_int_equal(b.value[CT_NETSTAT_TX_PAUSE][2], 8);
}

static void probes(void **state)
{
	struct ct_probes p = { 0 };

	(void)state;
	ct_probes_parse("goodput 0.5\nnothing 3\ngpu_Bps -1\nhost_Bps nan\nece_errors 2", &p);
	assert_int_equal(p.known, 1u << CT_PROBE_GOODPUT | 1u << CT_PROBE_ECE_ERRORS);
	assert_true(p.value[CT_PROBE_GOODPUT] > 0.49 && p.value[CT_PROBE_GOODPUT] < 0.51);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_end, make_root, remove_root),
		cmocka_unit_test_setup_teardown(memory, make_root, remove_root),
		cmocka_unit_test(priorities),
		cmocka_unit_test(peer_priority),
		cmocka_unit_test(statistics),
		cmocka_unit_test(probes),
	};

	return cmocka_run_group_tests_name("topo_ends", tests, NULL, NULL);
}
