/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of RDMA ports: trees made here as each driver would fill them (names from the kernel's
 * sources, which ct_count_driver_source() names), and the difference between two readings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "topo/topo.h"
#include "tree.h"

/* ---- trees ---------------------------------------------------------------------------------- */

static char root[64];

static int make_root(void **state)
{
	(void)state;
	return tree_make(root);
}

static int remove_root(void **state)
{
	(void)state;
	return tree_remove(root);
}

static void put(const char *path, const char *text)
{
	tree_put(root, path, text);
}

#define PORT1(device) "sys/class/infiniband/" device "/ports/1/"

static void put_number(const char *dir, const char *name, uint64_t value)
{
	char path[256], text[32];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)value);
	put(path, text);
}

static struct ct_ports *open_tree(const struct ct_port **port)
{
	struct ct_ports *ports = NULL;
	size_t n;

	if (ct_ports_open(root, &ports) != CT_OK)
		fail_msg("%s", ct_why());
	*port = ct_ports_list(ports, &n);
	assert_int_equal(n, 1);
	return ports;
}

/* ---- drivers -------------------------------------------------------------------------------- */

struct name {
	const char *file, *ours; /* ours NULL: not in the vocabulary, must not be read as any */
};

struct driver {
	const char *driver;
	struct name names[24];
};

static const struct driver drivers[] = {
	{ "mlx5", { { "rx_write_requests", NULL }, { "out_of_buffer", "out_of_buffer" },
		{ "out_of_sequence", "rx_out_of_sequence" },
		{ "duplicate_request", "duplicate_requests" },
		{ "rnr_nak_retry_err", "rnr_naks_rx" }, { "packet_seq_err", "seq_naks" },
		{ "implied_nak_seq_err", "implied_naks" },
		{ "local_ack_timeout_err", "ack_timeouts" }, { "resp_cqe_error", NULL },
		{ "req_transport_retries_exceeded", "retries_exceeded" },
		{ "req_rnr_retries_exceeded", "rnr_retries_exceeded" },
		{ "roce_adp_retrans", "adaptive_retransmits" },
		{ "roce_adp_retrans_to", "adaptive_timeouts" },
		{ "roce_slow_restart", "slow_restarts" },
		{ "roce_slow_restart_cnps", "slow_restart_cnps" },
		{ "roce_slow_restart_trans", NULL }, { "rp_cnp_ignored", "cnp_ignored" },
		{ "rp_cnp_handled", "cnp_rx" }, { "np_ecn_marked_roce_packets", "ecn_marked" },
		{ "np_cnp_sent", "cnp_tx" }, { "rx_icrc_encapsulated", "icrc_errors" } } },
	{ "bnxt_re", { { "active_qps", NULL }, { "rx_pkts", "rx_packets" },
		{ "rx_bytes", "rx_bytes" }, { "tx_pkts", "tx_packets" }, { "tx_bytes", "tx_bytes" },
		{ "rx_roce_errors", "rx_errors" }, { "rx_roce_discards", "rx_drops" },
		{ "to_retransmits", "ack_timeouts" }, { "seq_err_naks_rcvd", "seq_naks" },
		{ "max_retry_exceeded", "retries_exceeded" }, { "rnr_naks_rcvd", "rnr_naks_rx" },
		{ "missing_resp", NULL }, { "dup_req", "duplicate_requests" },
		{ "oos_drop_count", "rx_out_of_sequence" }, { "rx_out_of_buffer", "out_of_buffer" },
		{ "tx_cnp_pkts", "cnp_tx" }, { "rx_cnp_pkts", "cnp_rx" },
		{ "rx_ecn_marked_pkts", "ecn_marked" } } },
	{ "irdma", { { "rxVlanErrors", NULL }, { "RetransSegs", "retransmits" },
		{ "RxUDP", NULL }, { "RxECNMrkd", "ecn_marked" }, { "cnpHandled", "cnp_rx" },
		{ "cnpIgnored", "cnp_ignored" }, { "cnpSent", "cnp_tx" },
		{ "RNR sent", "rnr_naks_tx" }, { "RNR received", "rnr_naks_rx" },
		{ "ord limit count", NULL }, { "Nak Sequence Error", "seq_naks" },
		{ "Nak Sequence Error Implied", "implied_naks" }, { "RTO", "ack_timeouts" },
		{ "Rcvd Out of order packets", "rx_out_of_sequence" },
		{ "CRC errors", "icrc_errors" } } },
	{ "rxe", { { "sent_pkts", "tx_packets" }, { "rcvd_pkts", "rx_packets" },
		{ "duplicate_request", "duplicate_requests" },
		{ "out_of_seq_request", "rx_out_of_sequence" }, { "rcvd_rnr_err", "rnr_naks_rx" },
		{ "send_rnr_err", "rnr_naks_tx" }, { "rcvd_seq_err", "seq_naks" },
		{ "ack_deferred", NULL }, { "retry_exceeded_err", "retries_exceeded" },
		{ "retry_rnr_exceeded_err", "rnr_retries_exceeded" },
		{ "completer_retry_err", "retries" }, { "send_err", "send_errors" },
		{ "link_downed", "link_downs" }, { "rdma_sends", NULL }, { "rdma_recvs", NULL } } },
	{ "efa", { { "tx_bytes", "tx_bytes" }, { "tx_pkts", "tx_packets" },
		{ "rx_bytes", "rx_bytes" }, { "rx_pkts", "rx_packets" }, { "rx_drops", "rx_drops" },
		{ "send_bytes", NULL }, { "rdma_read_wrs", NULL }, { "retrans_bytes", NULL },
		{ "retrans_pkts", "retransmits" }, { "retrans_timeout_events", "ack_timeouts" },
		{ "unresponsive_remote_events", "unresponsive_peers" },
		{ "impaired_remote_conn_events", NULL } } },
	{ "erdma", { { "tx_reqs_cnt", NULL }, { "tx_packets_cnt", "tx_packets" },
		{ "tx_bytes_cnt", "tx_bytes" }, { "rx_packets_cnt", "rx_packets" },
		{ "rx_bytes_cnt", "rx_bytes" } } },
	{ "mana", { { "requester_timeout", "ack_timeouts" }, { "requester_oos_nak", "seq_naks" },
		{ "requester_rnr_nak", "rnr_naks_rx" }, { "responder_rnr_nak", "rnr_naks_tx" },
		{ "responder_oos", "rx_out_of_sequence" },
		{ "responder_dup_request", "duplicate_requests" },
		{ "requester_implicit_nak", "implied_naks" }, { "nak_inv_req", NULL },
		{ "requester_rnr_nak_retries_exceeded", "rnr_retries_exceeded" },
		{ "requester_retries_exceeded", "retries_exceeded" }, { "received_cnps", "cnp_rx" },
		{ "current_rate", NULL }, { "tx_bytes", "tx_bytes" }, { "rx_bytes", "rx_bytes" },
		{ "tx_packets", "tx_packets" }, { "rx_packets", "rx_packets" } } },
};

static void check_driver(const struct driver *d)
{
	static const char dir[] = PORT1("dev0") "hw_counters/";
	const struct ct_port *port;
	struct ct_port_sample sample;
	struct ct_ports *ports;
	uint64_t known = 0;

	put_number(dir, "lifespan", 10);
	for (size_t i = 0; d->names[i].file != NULL; i++)
		put_number(dir, d->names[i].file, 100 + i);
	ports = open_tree(&port);
	assert_string_equal(port->driver, d->driver);
	assert_int_equal(port->lifespan_ms, 10);
	ct_ports_read(ports, 0, &sample);
	for (size_t i = 0; d->names[i].file != NULL; i++) {
		enum ct_count_id id;

		if (d->names[i].ours == NULL)
			continue;
		id = ct_count_find(d->names[i].ours);
		assert_int_not_equal(id, CT_NCOUNTS);
		known |= ct_count_bit(id);
		assert_int_equal(sample.value[id], 100 + i);
	}
	assert_int_equal(sample.exposed, known);
	assert_int_equal(port->exposed, known);
	ct_ports_close(ports);
}

static void test_drivers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		remove_root(NULL);
		assert_int_equal(mkdir(root, 0700), 0);
		check_driver(&drivers[i]);
	}
}

/* Several files of a driver that are one entry: their sum, and none when one is gone. */
static void test_sums(void **state)
{
	static const char dir[] = PORT1("erdma_0") "hw_counters/";
	const struct ct_port *port;
	struct ct_port_sample sample;
	struct ct_ports *ports;
	char path[256];

	(void)state;
	put_number(dir, "rx_packets_cnt", 1);
	put_number(dir, "tx_disable_drop_cnt", 1);
	put_number(dir, "tx_bps_limit_drop_cnt", 20);
	put_number(dir, "tx_pps_limit_drop_cnt", 300);
	ports = open_tree(&port);
	ct_ports_read(ports, 0, &sample);
	assert_int_equal(sample.value[CT_COUNT_TX_DROPS], 321);
	snprintf(path, sizeof(path), "%s/%stx_pps_limit_drop_cnt", root, dir);
	assert_int_equal(unlink(path), 0);
	ct_ports_read(ports, 0, &sample);
	assert_int_equal(sample.exposed & ct_count_bit(CT_COUNT_TX_DROPS), 0);
	assert_int_not_equal(sample.exposed & ct_count_bit(CT_COUNT_RX_PACKETS), 0);
	ct_ports_close(ports);
}

/* mana keeps some for the device as a whole. */
static void test_device_counters(void **state)
{
	const struct ct_port *port;
	struct ct_port_sample sample;
	struct ct_ports *ports;

	(void)state;
	put_number(PORT1("mana_0") "hw_counters/", "requester_timeout", 1);
	put_number("sys/class/infiniband/mana_0/hw_counters/", "received_ecns", 7);
	put_number("sys/class/infiniband/mana_0/hw_counters/", "sent_cnps", 8);
	ports = open_tree(&port);
	ct_ports_read(ports, 0, &sample);
	assert_int_equal(sample.value[CT_COUNT_ECN_MARKED], 7);
	assert_int_equal(sample.value[CT_COUNT_CNP_TX], 8);
	ct_ports_close(ports);
}

/* InfiniBand: data in words of 4 bytes, and a device that has no performance counters says so. */
static void test_infiniband(void **state)
{
	static const char dir[] = PORT1("mlx5_0") "counters/";
	const struct ct_port *port;
	struct ct_port_sample before, after;
	struct ct_counts counts;
	struct ct_ports *ports;

	(void)state;
	put(PORT1("mlx5_0") "link_layer", "InfiniBand\n");
	put(PORT1("mlx5_0") "state", "4: ACTIVE\n");
	put_number(dir, "port_xmit_data", 1000);
	put_number(dir, "port_rcv_data", 0);
	put_number(dir, "port_xmit_wait", 5);
	put_number(dir, "link_downed", 255);
	put(PORT1("mlx5_0") "counters/symbol_error", "N/A (no PMA)\n");
	ports = open_tree(&port);
	assert_string_equal(port->link_layer, "InfiniBand");
	assert_string_equal(port->driver, "");
	assert_true(port->active);
	ct_ports_read(ports, 0, &before);
	put_number(dir, "port_xmit_data", 1250);
	put_number(dir, "port_xmit_wait", 6);
	ct_ports_read(ports, 0, &after);
	ct_port_delta(port, &before, &after, &counts);
	assert_int_equal(counts.value[CT_COUNT_TX_BYTES], 1000);
	assert_int_equal(counts.value[CT_COUNT_TX_WAIT], 1);
	/* there and 0 is not the same as not there */
	assert_int_not_equal(counts.exposed & ct_count_bit(CT_COUNT_RX_BYTES), 0);
	assert_int_equal(counts.value[CT_COUNT_RX_BYTES], 0);
	assert_int_equal(counts.exposed & ct_count_bit(CT_COUNT_SYMBOL_ERRORS), 0);
	/* a small counter that has come to its end may have missed any number */
	assert_int_equal(counts.saturated, ct_count_bit(CT_COUNT_LINK_DOWNS));
	assert_int_equal(counts.reset, 0);
	ct_ports_close(ports);
}

/* A driver's own counter goes before the port's general one: they would count twice. */
static void test_no_double(void **state)
{
	const struct ct_port *port;
	struct ct_port_sample sample;
	struct ct_ports *ports;

	(void)state;
	put_number(PORT1("bnxt_re0") "hw_counters/", "tx_bytes", 4000);
	put_number(PORT1("bnxt_re0") "hw_counters/", "tx_pkts", 4);
	put_number(PORT1("bnxt_re0") "hw_counters/", "seq_err_naks_rcvd", 4);
	put_number(PORT1("bnxt_re0") "counters/", "port_xmit_data", 1000);
	put_number(PORT1("bnxt_re0") "counters/", "port_rcv_data", 1000);
	ports = open_tree(&port);
	ct_ports_read(ports, 0, &sample);
	assert_string_equal(port->driver, "bnxt_re");
	assert_int_equal(sample.value[CT_COUNT_TX_BYTES] * port->scale[CT_COUNT_TX_BYTES], 4000);
	assert_int_equal(sample.value[CT_COUNT_RX_BYTES] * port->scale[CT_COUNT_RX_BYTES], 4000);
	ct_ports_close(ports);
}

static void test_netdev(void **state)
{
	const struct ct_port *port;
	struct ct_port_sample sample;
	struct ct_ports *ports;

	(void)state;
	put(PORT1("rxe1") "gid_attrs/ndevs/1", "e1\n");
	put_number(PORT1("rxe1") "hw_counters/", "sent_pkts", 1);
	put_number("sys/class/net/e1/statistics/", "tx_bytes", 12345);
	put_number("sys/class/net/e1/statistics/", "rx_dropped", 3);
	ports = open_tree(&port);
	ct_ports_read(ports, 0, &sample);
	assert_string_equal(port->netdev, "e1");
	assert_int_equal(sample.value[CT_COUNT_NET_TX_BYTES], 12345);
	assert_int_equal(sample.value[CT_COUNT_NET_RX_DROPS], 3);
	ct_ports_close(ports);
}

/* ---- differences ---------------------------------------------------------------------------- */

static struct ct_counts once(unsigned int bits, uint64_t stops_at, uint64_t before, uint64_t after)
{
	struct ct_port port = { .device = "made up" };
	struct ct_port_sample a = { .exposed = 1 }, b = { .exposed = 1 };
	struct ct_counts out;

	port.bits[0] = (uint8_t)bits;
	port.scale[0] = 1;
	port.stops_at[0] = stops_at;
	a.value[0] = before;
	b.value[0] = after;
	ct_port_delta(&port, &a, &b, &out);
	assert_int_equal(out.exposed, 1);
	return out;
}

static void test_delta(void **state)
{
	struct ct_counts c;

	(void)state;
	c = once(32, 0, 5, 9);
	assert_int_equal(c.value[0], 4);
	assert_int_equal(c.reset | c.saturated, 0);
	/* 32 bits start again: 0xfffffffe, 0xffffffff, 0, 1, 2 */
	c = once(32, 0, 0xfffffffe, 2);
	assert_int_equal(c.value[0], 4);
	assert_int_equal(c.reset, 0);
	c = once(32, 0, 0xffffffff, 0);
	assert_int_equal(c.value[0], 1);
	assert_int_equal(c.reset, 0);
	/* 900 and then 7: nobody counted four thousand million, so somebody reset it */
	c = once(32, 0, 900, 7);
	assert_int_equal(c.value[0], 7);
	assert_int_equal(c.reset, 1);
	/* 64 bits do not start again in a lifetime */
	c = once(64, 0, UINT64_MAX - 1, 2);
	assert_int_equal(c.value[0], 2);
	assert_int_equal(c.reset, 1);
	c = once(64, 0, 0, UINT64_MAX);
	assert_true(c.value[0] == UINT64_MAX);
	/* one that stops */
	c = once(64, 15, 9, 15);
	assert_int_equal(c.value[0], 6);
	assert_int_equal(c.saturated, 1);
	c = once(64, 15, 15, 3);
	assert_int_equal(c.value[0], 3);
	assert_int_equal(c.reset, 1);
	assert_int_equal(c.saturated, 0);
}

static void test_delta_exposed(void **state)
{
	struct ct_port port = { .device = "made up" };
	struct ct_port_sample a = { .exposed = 1 }, b = { .exposed = 2 };
	struct ct_counts out;

	(void)state;
	ct_port_delta(&port, &a, &b, &out);
	assert_int_equal(out.exposed, 0);
}

static void test_add(void **state)
{
	struct ct_counts a = { .exposed = ct_count_bit(CT_COUNT_SEQ_NAKS) }, b = { .reset = 0 };
	uint64_t sum;

	(void)state;
	a.value[CT_COUNT_SEQ_NAKS] = 3;
	b.exposed = ct_count_bit(CT_COUNT_ACK_TIMEOUTS) | ct_count_bit(CT_COUNT_SEQ_NAKS);
	b.value[CT_COUNT_SEQ_NAKS] = 4;
	b.value[CT_COUNT_ACK_TIMEOUTS] = 1;
	b.reset = ct_count_bit(CT_COUNT_ACK_TIMEOUTS);
	ct_counts_add(&a, &b);
	assert_int_equal(a.value[CT_COUNT_SEQ_NAKS], 7);
	assert_int_equal(a.exposed, b.exposed);
	assert_int_equal(a.reset, b.reset);
	assert_true(ct_counts_of_class(&a, CT_COUNT_RETRANSMISSION, &sum));
	assert_int_equal(sum, 8);
	assert_false(ct_counts_of_class(&a, CT_COUNT_MARK, &sum));
}

static void expect_text(const struct ct_counts *c, const char *want)
{
	struct ct_buf text = ct_buf_make(4096);

	ct_counts_text(c, &text);
	assert_int_equal(ct_buf_status(&text), CT_OK);
	assert_string_equal(text.text, want);
	ct_buf_free(&text);
}

static void test_text(void **state)
{
	struct ct_counts c = { .exposed = 0 };

	(void)state;
	expect_text(&c, "no counters are exposed");
	c.exposed = ct_count_bit(CT_COUNT_TX_PACKETS) | ct_count_bit(CT_COUNT_RX_PACKETS) |
		ct_count_bit(CT_COUNT_SEQ_NAKS) | ct_count_bit(CT_COUNT_LINK_DOWNS);
	expect_text(&c, "nothing: traffic, retransmission, error; not exposed: loss, mark, CNP, pause, "
		"receiver");
	c.value[CT_COUNT_TX_PACKETS] = 12;
	c.value[CT_COUNT_RX_PACKETS] = 9;
	c.value[CT_COUNT_SEQ_NAKS] = 3;
	c.value[CT_COUNT_DUPLICATE_REQUESTS] = 77; /* not exposed */
	c.reset = ct_count_bit(CT_COUNT_SEQ_NAKS);
	c.saturated = ct_count_bit(CT_COUNT_LINK_DOWNS);
	expect_text(&c, "traffic tx_packets 12, rx_packets 9; retransmission seq_naks >= 3; error "
		"link_downs >= 0; not exposed: loss, mark, CNP, pause, receiver");
}

/* ---- the rest ------------------------------------------------------------------------------- */

static void test_lifespan(void **state)
{
	const struct ct_port *port;
	struct ct_port_sample sample;
	struct ct_ports *ports;
	uint64_t stale;

	(void)state;
	put_number(PORT1("rxe0") "hw_counters/", "sent_pkts", 1);
	put_number(PORT1("rxe0") "hw_counters/", "lifespan", 40);
	ports = open_tree(&port);
	assert_int_equal(ct_ports_stale_ns(ports, 0, ct_now_ns()), 0);
	ct_ports_read(ports, 0, &sample);
	stale = ct_ports_stale_ns(ports, 0, sample.at_ns);
	assert_true(stale >= 40000000 && stale <= 40000000 + 2 * 10000000);
	assert_int_equal(ct_ports_stale_ns(ports, 0, sample.at_ns + stale), 0);
	assert_int_equal(ct_ports_stale_ns(ports, 0, sample.at_ns + stale - 1), 1);
	ct_ports_close(ports);
}

/* Looks follow each other: nothing before the interval and the kernel's lifespan are over, a wrap is
 * counted through, a reset is said, what vanishes is not exposed. */
static void test_poll(void **state)
{
	static const char dir[] = PORT1("mlx5_0") "hw_counters/";
	struct ct_port_poll *poll = NULL;
	const struct ct_port_look *look;
	uint64_t now, wait;
	size_t n;

	(void)state;
	put_number(dir, "packet_seq_err", 4294967290);
	put_number(dir, "out_of_sequence", 700);
	assert_int_equal(ct_port_poll_open(root, 3000000, &poll), CT_OK);
	now = ct_now_ns();
	assert_int_equal(ct_port_poll_wait_ns(poll, now), 0);
	look = ct_port_poll_look(poll, now, &n);
	assert_int_equal(n, 1);
	assert_false(look->fresh);
	assert_true(ct_port_look_rate(look, CT_COUNT_SEQ_NAKS) < 0);
	wait = ct_port_poll_wait_ns(poll, now);
	assert_true(wait >= 3000000 && wait < 3000000000);
	put_number(dir, "packet_seq_err", 4); /* 10 more, by way of 2^32 */
	put_number(dir, "out_of_sequence", 7);
	assert_false(ct_port_poll_look(poll, now + wait - 1, &n)->fresh);
	look = ct_port_poll_look(poll, now + wait, &n);
	assert_true(look->fresh && look->elapsed_ns > 0);
	assert_int_equal(look->counts.value[CT_COUNT_SEQ_NAKS], 10);
	assert_int_equal(look->counts.value[CT_COUNT_RX_OUT_OF_SEQUENCE], 7);
	assert_int_equal(look->counts.reset, ct_count_bit(CT_COUNT_RX_OUT_OF_SEQUENCE));
	assert_true(ct_port_look_rate(look, CT_COUNT_SEQ_NAKS) ==
		10 * 1e9 / (double)look->elapsed_ns);
	assert_true(ct_port_look_rate(look, CT_COUNT_CNP_TX) < 0);
	put(PORT1("mlx5_0") "hw_counters/packet_seq_err", "N/A\n");
	look = ct_port_poll_look(poll, ct_now_ns() + 60000000000, &n);
	assert_true(look->fresh);
	assert_int_equal(look->counts.exposed, ct_count_bit(CT_COUNT_RX_OUT_OF_SEQUENCE));
	assert_int_equal(look->total.value[CT_COUNT_SEQ_NAKS], 10);
	ct_port_poll_close(poll);
}

/* With a lifespan longer than the interval, the lifespan counts. */
static void test_poll_lifespan(void **state)
{
	static const char dir[] = PORT1("rxe1") "hw_counters/";
	struct ct_port_poll *poll = NULL;
	uint64_t now;
	size_t n;

	(void)state;
	put_number(dir, "sent_pkts", 1);
	put_number(dir, "lifespan", 5000);
	assert_int_equal(ct_port_poll_open(root, 1000, &poll), CT_OK);
	ct_port_poll_look(poll, ct_now_ns(), &n);
	now = ct_now_ns();
	assert_true(ct_port_poll_wait_ns(poll, now) > 2000000000);
	assert_int_equal(ct_port_poll_wait_ns(poll, now + 60000000000), 0);
	assert_false(ct_port_poll_look(poll, now, &n)->fresh);
	ct_port_poll_close(poll);
	assert_int_equal(ct_port_poll_open("/nonexistent/tree", 1, &poll), CT_IO);
}

/* Trees of others: an interface that leads out of its folder, a port that is none, a value that is
 * no number, no device at all. */
static void test_hostile(void **state)
{
	const struct ct_port *port;
	struct ct_port_sample sample;
	struct ct_ports *ports;
	size_t n;

	(void)state;
	assert_int_equal(ct_ports_open(root, &ports), CT_OK);
	ct_ports_list(ports, &n);
	assert_int_equal(n, 0);
	ct_ports_close(ports);
	put(PORT1("rxe0") "gid_attrs/ndevs/0", "../../x\n");
	put("sys/class/infiniband/rxe0/ports/zero/state", "4: ACTIVE\n");
	put_number("sys/x/statistics/", "tx_bytes", 1);
	put(PORT1("rxe0") "hw_counters/sent_pkts", "-5\n");
	put(PORT1("rxe0") "hw_counters/rcvd_pkts", "99999999999999999999999\n");
	ports = open_tree(&port);
	assert_string_equal(port->netdev, "");
	ct_ports_read(ports, 0, &sample);
	assert_int_equal(sample.exposed, 0);
	ct_ports_close(ports);
	assert_int_equal(ct_ports_open("/nonexistent/tree", &ports), CT_IO);
}

static void test_vocabulary(void **state)
{
	size_t n;
	const struct ct_count_source *s = ct_count_sources(&n);
	uint64_t used = 0;

	(void)state;
	for (unsigned int i = 0; i < CT_NCOUNTS; i++) {
		const struct ct_count *c = ct_count((enum ct_count_id)i);

		assert_int_equal(ct_count_find(c->name), i); /* so it is unique */
		assert_true(c->unit[0] != '\0' && c->meaning[0] != '\0');
		assert_true((ct_count_mask(c->class) >> i & 1) != 0);
	}
	for (size_t i = 0; i < n; i++) {
		used |= ct_count_bit(s[i].id);
		assert_true(ct_count_driver_source(s[i].driver)[0] != '\0');
		assert_true(s[i].bits == 32 || s[i].bits == 64);
	}
	assert_true(used == UINT64_MAX >> (64 - CT_NCOUNTS)); /* each has a source */
	assert_int_equal(ct_count_find("tx_byte"), CT_NCOUNTS);
}

/* The row of ID in docs/counters.md. */
static void document_row(enum ct_count_id id, struct ct_buf *out)
{
	const struct ct_count *c = ct_count(id);
	size_t n;
	const struct ct_count_source *s = ct_count_sources(&n);
	const char *last = "";

	ct_buf_add(out, "| `%s` | %s | %s | %s |", c->name, c->unit, ct_count_class_name(c->class),
		c->meaning);
	for (size_t i = 0; i < n; i++) {
		if (s[i].id != id)
			continue;
		if (strcmp(s[i].driver, last) == 0)
			ct_buf_add(out, " + `%s`", s[i].file);
		else
			ct_buf_add(out, "%s %s `%s`", last[0] != '\0' ? "," : "", s[i].driver, s[i].file);
		if (s[i].scale != 1)
			ct_buf_add(out, " x %u", s[i].scale);
		if (s[i].bits != 64)
			ct_buf_add(out, " (%u bits)", s[i].bits);
		last = s[i].driver;
	}
	ct_buf_add(out, " |\n");
}

/* docs/counters.md has the vocabulary as it is; with CT_TEST_WRITE=FILE its rows are written. */
static void test_document(void **state)
{
	static char text[65536];
	FILE *file = fopen(CT_TEST_SRCDIR "/docs/counters.md", "r"), *write = NULL;
	size_t used;

	(void)state;
	assert_non_null(file);
	used = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[used] = '\0';
	if (getenv("CT_TEST_WRITE") != NULL)
		write = fopen(getenv("CT_TEST_WRITE"), "w");
	for (unsigned int i = 0; i < CT_NCOUNTS; i++) {
		struct ct_buf row = ct_buf_make(4096);

		document_row((enum ct_count_id)i, &row);
		if (write != NULL)
			fputs(row.text, write);
		else if (strstr(text, row.text) == NULL)
			fail_msg("docs/counters.md lacks: %s", row.text);
		ct_buf_free(&row);
	}
	if (write != NULL)
		fclose(write);
}

static void test_no_memory(void **state)
{
	uint64_t n, asked;

	(void)state;
	put_number(PORT1("rxe0") "hw_counters/", "sent_pkts", 1);
	for (n = 1; n < 100; n++) {
		struct ct_ports *ports = NULL;
		ct_status status;

		ct_alloc_fail_nth(n);
		status = ct_ports_open(root, &ports);
		asked = ct_alloc_count();
		ct_alloc_fail_nth(0);
		if (status != CT_OK) {
			assert_int_equal(status, CT_NOMEM);
			continue;
		}
		ct_ports_close(ports);
		if (asked < n)
			break;
	}
	assert_true(n > 2 && n < 100);
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TREE(test_drivers),
		IN_TREE(test_sums),
		IN_TREE(test_device_counters),
		IN_TREE(test_infiniband),
		IN_TREE(test_no_double),
		IN_TREE(test_netdev),
		cmocka_unit_test(test_delta),
		cmocka_unit_test(test_delta_exposed),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_text),
		IN_TREE(test_lifespan),
		IN_TREE(test_poll),
		IN_TREE(test_poll_lifespan),
		IN_TREE(test_hostile),
		cmocka_unit_test(test_vocabulary),
		cmocka_unit_test(test_document),
		IN_TREE(test_no_memory),
	};

	return cmocka_run_group_tests_name("topo counters", tests, NULL, NULL);
}
