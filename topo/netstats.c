/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The statistics of a network interface that tell of pause and of priorities: names of mlx5 after the
 * kernel's Documentation (device_drivers/ethernet/mellanox/mlx5/counters.rst), of bnxt_en and ice after
 * their sources. Read by ethtool's ioctl, or from what ethtool -S said.
 */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ends.h"
#include "sysfs.h"

enum { TEXT_MOST = 1 << 20, MOST_STATS = 16384 };

#define ROW(id, name, what) [CT_NETSTAT_##id] = name,
static const char *const names[CT_NNETSTATS] = { CT_NETSTAT_LIST(ROW) };
#undef ROW

/* PATTERN's # is a digit, the priority. Several of one driver may add up to one. */
static const struct {
	const char *pattern;
	enum ct_netstat_id id;
} patterns[] = {
	{ "rx_prio#_pause", CT_NETSTAT_RX_PAUSE },
	{ "tx_prio#_pause", CT_NETSTAT_TX_PAUSE },
	{ "rx_prio#_pause_duration", CT_NETSTAT_RX_PAUSED_US },
	{ "tx_prio#_pause_duration", CT_NETSTAT_TX_PAUSED_US },
	{ "tx_prio#_bytes", CT_NETSTAT_PRIO_TX_BYTES },
	{ "rx_prio#_bytes", CT_NETSTAT_PRIO_RX_BYTES },
	{ "rx_prio#_discards", CT_NETSTAT_PRIO_DISCARDS },
	{ "rx_global_pause", CT_NETSTAT_GLOBAL_RX_PAUSE },
	{ "tx_global_pause", CT_NETSTAT_GLOBAL_TX_PAUSE },
	{ "tx_pause_storm_warning_events", CT_NETSTAT_STORM_WARNINGS },
	{ "tx_pause_storm_error_events", CT_NETSTAT_STORM_ERRORS },
	{ "rx_oversize_pkts_phy", CT_NETSTAT_OVERSIZE },
	{ "rx_discards_phy", CT_NETSTAT_PORT_DISCARDS },
	{ "outbound_pci_stalled_wr_events", CT_NETSTAT_PCI_STALLED },
	{ "rx_pcs_symbol_err_phy", CT_NETSTAT_LANE_ERRORS },
	/* bnxt_en */
	{ "pfc_pri#_rx_transitions", CT_NETSTAT_RX_PAUSE },
	{ "pfc_pri#_tx_transitions", CT_NETSTAT_TX_PAUSE },
	{ "pfc_pri#_rx_duration_us", CT_NETSTAT_RX_PAUSED_US },
	{ "pfc_pri#_tx_duration_us", CT_NETSTAT_TX_PAUSED_US },
	{ "tx_bytes_pri#", CT_NETSTAT_PRIO_TX_BYTES },
	{ "rx_bytes_pri#", CT_NETSTAT_PRIO_RX_BYTES },
	/* ice */
	{ "rx_priority_#_xoff.nic", CT_NETSTAT_RX_PAUSE },
	{ "tx_priority_#_xoff.nic", CT_NETSTAT_TX_PAUSE },
};

const char *ct_netstat_name(enum ct_netstat_id id)
{
	return (unsigned int)id < CT_NNETSTATS ? names[id] : "?";
}

bool ct_netstat_sum(const struct ct_netstats *stats, enum ct_netstat_id id, uint64_t *sum)
{
	*sum = 0;
	for (int i = 0; i < CT_PRIORITIES; i++)
		*sum += stats->value[id][i];
	return (stats->exposed >> id & 1) != 0;
}

/* Does NAME fit PATTERN? *PRIORITY is the digit in the place of #. */
static bool fits(const char *pattern, const char *name, unsigned int *priority)
{
	for (*priority = 0; *pattern != '\0'; pattern++, name++) {
		if (*pattern == '#' && *name >= '0' && *name < '0' + CT_PRIORITIES)
			*priority = (unsigned int)(*name - '0');
		else if (*pattern != *name)
			return false;
	}
	return *name == '\0';
}

static void take(const char *name, uint64_t value, struct ct_netstats *stats)
{
	unsigned int priority;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (!fits(patterns[i].pattern, name, &priority))
			continue;
		stats->value[patterns[i].id][priority] += value;
		stats->exposed |= (uint64_t)1 << patterns[i].id;
		return;
	}
}

void ct_netstats_parse(const char *text, struct ct_netstats *stats)
{
	*stats = (struct ct_netstats){ 0 };
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		char name[64];
		unsigned long long value;

		if (sscanf(text, " %63[^: \n]: %20llu", name, &value) == 2)
			take(name, value, stats);
		text += length + (text[length] == '\n');
	}
}

void ct_netstats_delta(const struct ct_netstats *before, const struct ct_netstats *after,
	struct ct_netstats *out)
{
	*out = (struct ct_netstats){ .exposed = before->exposed & after->exposed };
	for (int id = 0; id < CT_NNETSTATS; id++)
		for (int i = 0; i < CT_PRIORITIES; i++) {
			uint64_t b = before->value[id][i], a = after->value[id][i];

			if ((out->exposed >> id & 1) != 0)
				out->value[id][i] = a >= b ? a - b : a;
		}
}

/* ---- of this machine -------------------------------------------------------------------------- */

static int ask(int fd, const char *netdev, void *command)
{
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", netdev);
	request.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &request);
}

/* How many statistics the interface has; 0 = none, or more than anybody has. */
static uint32_t count(int fd, const char *netdev)
{
	union {
		struct ethtool_sset_info head;
		uint8_t room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} info = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1u << ETH_SS_STATS } };
	uint32_t n;

	if (ask(fd, netdev, &info) != 0 || info.head.sset_mask == 0)
		return 0;
	memcpy(&n, info.head.data, sizeof(n));
	return n > MOST_STATS ? 0 : n;
}

static bool read_now(const char *netdev, struct ct_netstats *stats)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t n = fd >= 0 ? count(fd, netdev) : 0;
	struct ethtool_gstrings *words = NULL;
	struct ethtool_stats *values = NULL;
	bool good = false;

	if (n > 0) {
		words = ct_alloc(1, sizeof(*words) + (size_t)n * ETH_GSTRING_LEN);
		values = ct_alloc(1, sizeof(*values) + (size_t)n * sizeof(uint64_t));
	}
	if (words != NULL && values != NULL) {
		words->cmd = ETHTOOL_GSTRINGS;
		words->string_set = ETH_SS_STATS;
		words->len = n;
		values->cmd = ETHTOOL_GSTATS;
		values->n_stats = n;
		good = ask(fd, netdev, words) == 0 && ask(fd, netdev, values) == 0 && words->len == n &&
			values->n_stats == n;
	}
	for (uint32_t i = 0; good && i < n; i++) {
		char name[ETH_GSTRING_LEN + 1];

		memcpy(name, words->data + (size_t)i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
		name[ETH_GSTRING_LEN] = '\0';
		take(name, values->data[i], stats);
	}
	ct_free(words);
	ct_free(values);
	if (fd >= 0)
		close(fd);
	return good;
}

bool ct_netstats_read(const char *sysroot, const char *netdev, struct ct_netstats *stats)
{
	struct ct_sys sys;
	char path[128], *text;
	int n = -1;

	*stats = (struct ct_netstats){ 0 };
	if (sysroot == NULL)
		return read_now(netdev, stats);
	if (ct_sys_open(sysroot, &sys) != CT_OK)
		return false;
	text = ct_alloc(1, TEXT_MOST);
	snprintf(path, sizeof(path), "said/ethtool-S-%s", netdev);
	if (text != NULL)
		n = ct_sys_read(&sys, path, text, TEXT_MOST);
	if (n > 0)
		ct_netstats_parse(text, stats);
	ct_free(text);
	ct_sys_close(&sys);
	return n > 0;
}

void ct_netdev_pause(const char *netdev, uint64_t *rx, uint64_t *tx, uint64_t *guard_ms)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_pauseparam pause = { .cmd = ETHTOOL_GPAUSEPARAM };
	union {
		struct ethtool_tunable head;
		uint8_t room[sizeof(struct ethtool_tunable) + sizeof(uint64_t)];
	} guard = { .head = { .cmd = ETHTOOL_GTUNABLE, .id = ETHTOOL_PFC_PREVENTION_TOUT,
		.type_id = ETHTOOL_TUNABLE_U16, .len = sizeof(uint16_t) } };
	uint16_t value;

	if (fd < 0)
		return;
	if (ask(fd, netdev, &pause) == 0) {
		*rx = pause.rx_pause != 0;
		*tx = pause.tx_pause != 0;
	}
	/* 0xffff: the driver's own choice */
	if (ask(fd, netdev, &guard) == 0) {
		memcpy(&value, guard.head.data, sizeof(value));
		if (value != UINT16_MAX)
			*guard_ms = value;
	}
	close(fd);
}
