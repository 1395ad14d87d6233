/* SPDX-License-Identifier: BSD-3-Clause */
/* The vocabulary of counters, and what each driver calls them. Names and widths were read in the
 * kernel's sources, see driver_sources[]; names that could not be read there are left out. */
#include <string.h>

#include "counters.h"

#define ROW(id, name, unit, class, meaning) \
	[CT_COUNT_##id] = { name, unit, meaning, CT_COUNT_##class },
static const struct ct_count counts[CT_NCOUNTS] = { CT_COUNT_LIST(ROW) };
#undef ROW

#define HW(driver, bits, file, id) { driver, file, CT_COUNT_HW_PORT, CT_COUNT_##id, bits, 1, 0 },
#define DEVICE(driver, bits, file, id) \
	{ driver, file, CT_COUNT_HW_DEVICE, CT_COUNT_##id, bits, 1, 0 },
/* Performance counters of InfiniBand: a small one stays at its largest value. The bits of data and
 * packets are 64 where the device has the extended set, which nearly all have; a device without
 * stops at 32 bits. */
#define PORT(width, file, id) \
	{ "ib", file, CT_COUNT_PORT, CT_COUNT_##id, 64, 1, ((uint64_t)1 << (width)) - 1 },
#define DATA(file, id) { "ib", file, CT_COUNT_PORT, CT_COUNT_##id, 64, 4, UINT32_MAX },
#define NET(file, id) { "net", file, CT_COUNT_NET, CT_COUNT_##id, 64, 1, 0 },

static const struct ct_count_source sources[] = {
	HW("mlx5", 32, "out_of_sequence", RX_OUT_OF_SEQUENCE)
	HW("mlx5", 32, "packet_seq_err", SEQ_NAKS)
	HW("mlx5", 32, "implied_nak_seq_err", IMPLIED_NAKS)
	HW("mlx5", 32, "local_ack_timeout_err", ACK_TIMEOUTS)
	HW("mlx5", 32, "duplicate_request", DUPLICATE_REQUESTS)
	HW("mlx5", 32, "roce_adp_retrans", ADAPTIVE_RETRANSMITS)
	HW("mlx5", 32, "roce_adp_retrans_to", ADAPTIVE_TIMEOUTS)
	HW("mlx5", 32, "roce_slow_restart", SLOW_RESTARTS)
	HW("mlx5", 32, "roce_slow_restart_cnps", SLOW_RESTART_CNPS)
	HW("mlx5", 64, "np_ecn_marked_roce_packets", ECN_MARKED)
	HW("mlx5", 64, "np_cnp_sent", CNP_TX)
	HW("mlx5", 64, "rp_cnp_handled", CNP_RX)
	HW("mlx5", 64, "rp_cnp_ignored", CNP_IGNORED)
	HW("mlx5", 32, "rnr_nak_retry_err", RNR_NAKS_RX)
	HW("mlx5", 32, "out_of_buffer", OUT_OF_BUFFER)
	HW("mlx5", 32, "req_transport_retries_exceeded", RETRIES_EXCEEDED)
	HW("mlx5", 32, "req_rnr_retries_exceeded", RNR_RETRIES_EXCEEDED)
	HW("mlx5", 64, "rx_icrc_encapsulated", ICRC_ERRORS)

	HW("bnxt_re", 64, "tx_bytes", TX_BYTES)
	HW("bnxt_re", 64, "rx_bytes", RX_BYTES)
	HW("bnxt_re", 64, "tx_pkts", TX_PACKETS)
	HW("bnxt_re", 64, "rx_pkts", RX_PACKETS)
	HW("bnxt_re", 64, "oos_drop_count", RX_OUT_OF_SEQUENCE)
	HW("bnxt_re", 64, "rx_roce_discards", RX_DROPS)
	HW("bnxt_re", 64, "seq_err_naks_rcvd", SEQ_NAKS)
	HW("bnxt_re", 64, "to_retransmits", ACK_TIMEOUTS)
	HW("bnxt_re", 64, "dup_req", DUPLICATE_REQUESTS)
	HW("bnxt_re", 64, "rx_ecn_marked_pkts", ECN_MARKED)
	HW("bnxt_re", 64, "tx_cnp_pkts", CNP_TX)
	HW("bnxt_re", 64, "rx_cnp_pkts", CNP_RX)
	HW("bnxt_re", 64, "rnr_naks_rcvd", RNR_NAKS_RX)
	HW("bnxt_re", 64, "rx_out_of_buffer", OUT_OF_BUFFER)
	HW("bnxt_re", 64, "max_retry_exceeded", RETRIES_EXCEEDED)
	HW("bnxt_re", 64, "rx_roce_errors", RX_ERRORS)

	/* The driver adds the hardware's 24 to 56 bits up to 64 itself. */
	HW("irdma", 64, "ip4OutOctets", TX_BYTES)
	HW("irdma", 64, "ip6OutOctets", TX_BYTES)
	HW("irdma", 64, "ip4InOctets", RX_BYTES)
	HW("irdma", 64, "ip6InOctets", RX_BYTES)
	HW("irdma", 64, "ip4OutPkts", TX_PACKETS)
	HW("irdma", 64, "ip6OutPkts", TX_PACKETS)
	HW("irdma", 64, "ip4InPkts", RX_PACKETS)
	HW("irdma", 64, "ip6InPkts", RX_PACKETS)
	HW("irdma", 64, "Rcvd Out of order packets", RX_OUT_OF_SEQUENCE)
	HW("irdma", 64, "ip4InDiscards", RX_DROPS)
	HW("irdma", 64, "ip6InDiscards", RX_DROPS)
	HW("irdma", 64, "RetransSegs", RETRANSMITS)
	HW("irdma", 64, "tcpRetransSegs", RETRANSMITS)
	HW("irdma", 64, "Nak Sequence Error", SEQ_NAKS)
	HW("irdma", 64, "Nak Sequence Error Implied", IMPLIED_NAKS)
	HW("irdma", 64, "RTO", ACK_TIMEOUTS)
	HW("irdma", 64, "RxECNMrkd", ECN_MARKED)
	HW("irdma", 64, "cnpSent", CNP_TX)
	HW("irdma", 64, "cnpHandled", CNP_RX)
	HW("irdma", 64, "cnpIgnored", CNP_IGNORED)
	HW("irdma", 64, "RNR received", RNR_NAKS_RX)
	HW("irdma", 64, "RNR sent", RNR_NAKS_TX)
	HW("irdma", 64, "CRC errors", ICRC_ERRORS)

	HW("rxe", 64, "sent_pkts", TX_PACKETS)
	HW("rxe", 64, "rcvd_pkts", RX_PACKETS)
	HW("rxe", 64, "out_of_seq_request", RX_OUT_OF_SEQUENCE)
	HW("rxe", 64, "completer_retry_err", RETRIES)
	HW("rxe", 64, "rcvd_seq_err", SEQ_NAKS)
	HW("rxe", 64, "duplicate_request", DUPLICATE_REQUESTS)
	HW("rxe", 64, "rcvd_rnr_err", RNR_NAKS_RX)
	HW("rxe", 64, "send_rnr_err", RNR_NAKS_TX)
	HW("rxe", 64, "retry_exceeded_err", RETRIES_EXCEEDED)
	HW("rxe", 64, "retry_rnr_exceeded_err", RNR_RETRIES_EXCEEDED)
	HW("rxe", 64, "link_downed", LINK_DOWNS)
	HW("rxe", 64, "send_err", SEND_ERRORS)

	HW("efa", 64, "tx_bytes", TX_BYTES)
	HW("efa", 64, "rx_bytes", RX_BYTES)
	HW("efa", 64, "tx_pkts", TX_PACKETS)
	HW("efa", 64, "rx_pkts", RX_PACKETS)
	HW("efa", 64, "rx_drops", RX_DROPS)
	HW("efa", 64, "retrans_pkts", RETRANSMITS)
	HW("efa", 64, "retrans_timeout_events", ACK_TIMEOUTS)
	HW("efa", 64, "unresponsive_remote_events", UNRESPONSIVE_PEERS)

	HW("erdma", 64, "tx_bytes_cnt", TX_BYTES)
	HW("erdma", 64, "rx_bytes_cnt", RX_BYTES)
	HW("erdma", 64, "tx_packets_cnt", TX_PACKETS)
	HW("erdma", 64, "rx_packets_cnt", RX_PACKETS)
	HW("erdma", 64, "rx_disable_drop_cnt", RX_DROPS)
	HW("erdma", 64, "rx_bps_limit_drop_cnt", RX_DROPS)
	HW("erdma", 64, "rx_pps_limit_drop_cnt", RX_DROPS)
	HW("erdma", 64, "tx_disable_drop_cnt", TX_DROPS)
	HW("erdma", 64, "tx_bps_limit_drop_cnt", TX_DROPS)
	HW("erdma", 64, "tx_pps_limit_drop_cnt", TX_DROPS)

	HW("mana", 64, "tx_bytes", TX_BYTES)
	HW("mana", 64, "rx_bytes", RX_BYTES)
	HW("mana", 64, "tx_packets", TX_PACKETS)
	HW("mana", 64, "rx_packets", RX_PACKETS)
	HW("mana", 64, "responder_oos", RX_OUT_OF_SEQUENCE)
	HW("mana", 64, "requester_oos_nak", SEQ_NAKS)
	HW("mana", 64, "requester_implicit_nak", IMPLIED_NAKS)
	HW("mana", 64, "requester_timeout", ACK_TIMEOUTS)
	HW("mana", 64, "responder_dup_request", DUPLICATE_REQUESTS)
	DEVICE("mana", 64, "received_ecns", ECN_MARKED)
	DEVICE("mana", 64, "sent_cnps", CNP_TX)
	HW("mana", 64, "received_cnps", CNP_RX)
	HW("mana", 64, "requester_rnr_nak", RNR_NAKS_RX)
	HW("mana", 64, "responder_rnr_nak", RNR_NAKS_TX)
	HW("mana", 64, "requester_retries_exceeded", RETRIES_EXCEEDED)
	HW("mana", 64, "requester_rnr_nak_retries_exceeded", RNR_RETRIES_EXCEEDED)

	DATA("port_xmit_data", TX_BYTES)
	DATA("port_rcv_data", RX_BYTES)
	PORT(32, "port_xmit_packets", TX_PACKETS)
	PORT(32, "port_rcv_packets", RX_PACKETS)
	PORT(16, "port_xmit_discards", TX_DROPS)
	PORT(32, "port_xmit_wait", TX_WAIT)
	PORT(16, "symbol_error", SYMBOL_ERRORS)
	PORT(8, "link_error_recovery", LINK_RECOVERIES)
	PORT(8, "link_downed", LINK_DOWNS)
	PORT(16, "port_rcv_errors", RX_ERRORS)
	PORT(16, "port_rcv_remote_physical_errors", RX_REMOTE_ERRORS)
	PORT(4, "local_link_integrity_errors", INTEGRITY_ERRORS)
	PORT(4, "excessive_buffer_overrun_errors", BUFFER_OVERRUNS)

	NET("tx_bytes", NET_TX_BYTES)
	NET("rx_bytes", NET_RX_BYTES)
	NET("tx_packets", NET_TX_PACKETS)
	NET("rx_packets", NET_RX_PACKETS)
	NET("tx_dropped", NET_TX_DROPS)
	NET("rx_dropped", NET_RX_DROPS)
	NET("rx_missed_errors", NET_RX_MISSED)
	NET("tx_errors", NET_TX_ERRORS)
	NET("rx_errors", NET_RX_ERRORS)
	NET("rx_crc_errors", NET_RX_CRC_ERRORS)
};

/* Linux, where not said otherwise. */
static const struct {
	const char *driver, *source;
} driver_sources[] = {
	{ "mlx5", "drivers/infiniband/hw/mlx5/counters.c" },
	{ "bnxt_re", "drivers/infiniband/hw/bnxt_re/hw_counters.c" },
	{ "irdma", "drivers/infiniband/hw/irdma/verbs.c" },
	{ "rxe", "drivers/infiniband/sw/rxe/rxe_hw_counters.c" },
	{ "efa", "drivers/infiniband/hw/efa/efa_verbs.c" },
	{ "erdma", "drivers/infiniband/hw/erdma/erdma_verbs.c" },
	{ "mana", "drivers/infiniband/hw/mana/counters.c" },
	{ "ib", "drivers/infiniband/core/sysfs.c, Documentation/ABI/stable/sysfs-class-infiniband" },
	{ "net", "Documentation/ABI/testing/sysfs-class-net-statistics" },
};

const struct ct_count *ct_count(enum ct_count_id id)
{
	return &counts[id];
}

const char *ct_count_class_name(enum ct_count_class class)
{
	static const char *const names[CT_COUNT_CLASSES] = {
		"traffic", "loss", "retransmission", "mark", "CNP", "pause", "receiver", "error" };

	return names[class];
}

enum ct_count_id ct_count_find(const char *name)
{
	unsigned int i = 0;

	while (i < CT_NCOUNTS && strcmp(counts[i].name, name) != 0)
		i++;
	return (enum ct_count_id)i;
}

uint64_t ct_count_mask(enum ct_count_class class)
{
	uint64_t mask = 0;

	for (unsigned int i = 0; i < CT_NCOUNTS; i++)
		if (counts[i].class == class)
			mask |= (uint64_t)1 << i;
	return mask;
}

const struct ct_count_source *ct_count_sources(size_t *n)
{
	*n = sizeof(sources) / sizeof(sources[0]);
	return sources;
}

const char *ct_count_driver_source(const char *driver)
{
	for (size_t i = 0; i < sizeof(driver_sources) / sizeof(driver_sources[0]); i++)
		if (strcmp(driver_sources[i].driver, driver) == 0)
			return driver_sources[i].source;
	return "";
}
