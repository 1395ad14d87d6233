/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads what decides about RoCE at each port. Where it lies: sysfs (Linux,
 * Documentation/ABI/stable/sysfs-class-infiniband), debugfs of mlx5_ib (drivers/infiniband/hw/mlx5/cong.c)
 * and of bnxt_re (drivers/infiniband/hw/bnxt_re/debugfs.c),
 * the files of NVIDIA's driver (MLNX_OFED documentation, Explicit Congestion Notification; tc/N/traffic_class
 * of its scripts), configfs of rdma_cm (Documentation/ABI/testing/configfs-rdma_cm) and of irdma.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ends.h"
#include "sysfs.h"

enum { SAID_MOST = 65536, HEADERS = 78 };

struct reading {
	struct ct_sys sys;
	const char *sysroot;
	const struct ct_ends_readers *readers;
	struct ct_ends *ends;
};

static void miss(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void miss(struct reading *r, const char *format, ...)
{
	struct ct_ends *e = r->ends;
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (size_t i = 0; i < e->nmissing; i++)
		if (strcmp(e->missing[i], text) == 0)
			return;
	if (e->nmissing < CT_END_MISSING)
		memcpy(e->missing[e->nmissing++], text, sizeof(text));
}

unsigned int ct_dcb_priority(const struct ct_dcb *dcb, unsigned int dscp)
{
	int found = -1;
	bool trusted = false;

	for (size_t i = 0; i < dcb->napps; i++) {
		const struct ct_dcb_app *app = &dcb->apps[i];

		if (app->selector != CT_APP_DSCP)
			continue;
		trusted = true;
		if (app->protocol == dscp && app->priority < CT_PRIORITIES && app->priority > found)
			found = app->priority;
	}
	if (found >= 0)
		return (unsigned int)found;
	return trusted ? dscp / 8 : 0;
}

int ct_dcb_peer_priority(const struct ct_dcb *dcb, unsigned int dscp)
{
	int by_dscp = -1, by_port = -1;

	for (size_t i = 0; i < dcb->npeer_apps; i++) {
		const struct ct_dcb_app *app = &dcb->peer_apps[i];

		if (app->priority >= CT_PRIORITIES)
			continue;
		if (app->selector == CT_APP_DSCP && app->protocol == dscp)
			by_dscp = app->priority;
		else if ((app->selector == CT_APP_DGRAM || app->selector == CT_APP_PORT) &&
			app->protocol == CT_ROCE_UDP_PORT)
			by_port = app->priority;
	}
	return by_dscp >= 0 ? by_dscp : by_port;
}

/* ---- one end ---------------------------------------------------------------------------------- */

static const char *kind_of(const char *gid)
{
	static const char mapped[] = "0000:0000:0000:0000:0000:ffff:";

	if (strncmp(gid, "fe80:", 5) == 0)
		return "link-local";
	return strncmp(gid, mapped, sizeof(mapped) - 1) == 0 ? "IPv4" : "IPv6";
}

static void read_gids(struct reading *r, struct ct_end *e)
{
	char dir[160], gid[64], type[32];

	snprintf(dir, sizeof(dir), "sys/class/infiniband/%s/ports/%llu", e->device,
		(unsigned long long)e->port);
	for (unsigned int i = 0; i < 256 && e->ngids < CT_END_GIDS; i++) {
		struct ct_end_gid *g = &e->gids[e->ngids];

		if (ct_sys_line(&r->sys, gid, sizeof(gid), "%s/gids/%u", dir, i) != 0) {
			if (i >= 16)
				break;
			continue;
		}
		if (strspn(gid, "0:") == strlen(gid))
			continue;
		ct_sys_line(&r->sys, type, sizeof(type), "%s/gid_attrs/types/%u", dir, i);
		ct_sys_line(&r->sys, g->netdev, sizeof(g->netdev), "%s/gid_attrs/ndevs/%u", dir, i);
		g->index = i;
		g->version = strcmp(type, "RoCE v2") == 0 ? 2 : 1;
		snprintf(g->kind, sizeof(g->kind), "%s", kind_of(gid));
		e->ngids++;
	}
}

/* "Global tclass=236", or the number alone. */
static uint64_t traffic_class(struct reading *r, const char *device)
{
	char line[64], *at;
	int64_t value;

	if (ct_sys_line(&r->sys, line, sizeof(line), "sys/class/infiniband/%s/tc/1/traffic_class",
		device) != 0)
		return CT_END_UNKNOWN;
	at = strrchr(line, '=');
	return ct_int_parse(at != NULL ? at + 1 : line, 0, 255, &value) == CT_OK ? (uint64_t)value :
		CT_END_UNKNOWN;
}

/* Bit i: file i of DIR says 1. */
static uint64_t mask_of(struct reading *r, const char *netdev, const char *point)
{
	uint64_t mask = 0, on;
	bool any = false;

	for (unsigned int i = 0; i < CT_PRIORITIES; i++) {
		if (ct_sys_u64(&r->sys, &on, "sys/class/net/%s/ecn/%s/enable/%u", netdev, point, i) != 0)
			continue;
		any = true;
		mask |= (uint64_t)(on != 0) << i;
	}
	return any ? mask : CT_END_UNKNOWN;
}

/* Every file of DIR that holds a number, PREFIX before its name. */
static int take_cc(struct reading *r, struct ct_end *e, const char *dir, const char *prefix)
{
	char(*list)[CT_SYS_NAME] = NULL;
	int n = ct_sys_list(&r->sys, dir, "", &list);

	for (int i = 0; i < n && e->ncc < CT_END_CC; i++) {
		struct ct_end_value *v = &e->cc[e->ncc];

		if (ct_sys_u64(&r->sys, &v->value, "%s/%s", dir, list[i]) != 0)
			continue;
		snprintf(v->name, sizeof(v->name), "%s%.32s", prefix, list[i]);
		e->ncc++;
	}
	ct_free(list);
	return n;
}

/* What mlx5_ib and bnxt_re show of the device at ADDRESS to root. */
static void read_debugfs(struct reading *r, struct ct_end *e, const char *address)
{
	bool mlx5 = strcmp(e->driver, "mlx5") == 0;
	char dir[128];

	if (!mlx5 && strcmp(e->driver, "bnxt_re") != 0)
		return;
	snprintf(dir, sizeof(dir), "sys/kernel/debug/%s/%.24s/%s", mlx5 ? "mlx5" : "bnxt_re", address,
		mlx5 ? "cc_params" : "cc_config");
	if (take_cc(r, e, dir, "") == -EACCES)
		miss(r, "DCQCN of %s (debugfs %s): only root may read it", mlx5 ? "mlx5" : "bnxt_re",
			mlx5 ? "cc_params" : "cc_config");
}

static void read_cc(struct reading *r, struct ct_end *e)
{
	char dir[128], address[24];

	e->np_mask = mask_of(r, e->netdev, "roce_np");
	e->rp_mask = mask_of(r, e->netdev, "roce_rp");
	snprintf(dir, sizeof(dir), "sys/class/net/%s/ecn/roce_np", e->netdev);
	take_cc(r, e, dir, "np_");
	snprintf(dir, sizeof(dir), "sys/class/net/%s/ecn/roce_rp", e->netdev);
	take_cc(r, e, dir, "rp_");
	snprintf(dir, sizeof(dir), "sys/kernel/config/irdma/%.63s", e->device);
	take_cc(r, e, dir, "");
	snprintf(dir, sizeof(dir), "sys/class/infiniband/%.63s/device", e->device);
	if (e->ncc == 0 && ct_sys_uevent(&r->sys, dir, "PCI_SLOT_NAME", address, sizeof(address)) &&
		strchr(address, '/') == NULL)
		read_debugfs(r, e, address);
	if (strcmp(e->driver, "mlx5") == 0)
		miss(r, "%s: slow restart, adaptive retransmission: only a vendor's tool tells (mlxreg, ROCE_ACCL); counters "
			"show their use", e->device);
	if (e->ncc == 0)
		miss(r, "%s: parameters of congestion control: not exposed%s", e->device,
			r->ends->captured ? " in the captured tree" : "");
}

static void read_cm(struct reading *r, struct ct_end *e)
{
	char dir[160];

	snprintf(dir, sizeof(dir), "sys/kernel/config/rdma_cm/%s/ports/%llu", e->device,
		(unsigned long long)e->port);
	if (ct_sys_u64(&r->sys, &e->cm_tos, "%s/default_roce_tos", dir) != 0)
		e->cm_tos = CT_END_UNKNOWN;
	ct_sys_line(&r->sys, e->cm_mode, sizeof(e->cm_mode), "%s/default_roce_mode", dir);
	if (e->cm_tos == CT_END_UNKNOWN)
		miss(r, "%s: type of service of the connection manager: shown only while root has made the "
			"folder /sys/kernel/config/rdma_cm/%s", e->device, e->device);
}

static void read_bond(struct reading *r, struct ct_end *e)
{
	char dir[96];

	snprintf(dir, sizeof(dir), "sys/class/net/%s", e->netdev);
	if (ct_sys_there(&r->sys, "%s/bonding/mode", dir)) {
		snprintf(e->bond, sizeof(e->bond), "%s", e->netdev);
	} else {
		strcat(dir, "/master");
		if (!ct_sys_uevent(&r->sys, dir, "INTERFACE", e->bond, sizeof(e->bond)) ||
			strchr(e->bond, '/') != NULL)
			e->bond[0] = '\0';
	}
	if (e->bond[0] == '\0')
		return;
	ct_sys_line(&r->sys, e->bond_mode, sizeof(e->bond_mode), "sys/class/net/%s/bonding/mode", e->bond);
	ct_sys_line(&r->sys, e->bond_hash, sizeof(e->bond_hash),
		"sys/class/net/%s/bonding/xmit_hash_policy", e->bond);
}

static uint64_t roce_mtu(uint64_t net_mtu)
{
	for (uint64_t mtu = 4096; mtu >= 256 && net_mtu != CT_END_UNKNOWN; mtu /= 2)
		if (mtu + HEADERS <= net_mtu)
			return mtu;
	return CT_END_UNKNOWN;
}

/* A small text of the captured tree, freed with ct_free(); NULL if there is none. */
static char *said(struct reading *r, const char *what, const char *netdev)
{
	char path[128], *text = ct_alloc(1, SAID_MOST);

	snprintf(path, sizeof(path), "said/%s%s", what, netdev);
	if (text != NULL && ct_sys_read(&r->sys, path, text, SAID_MOST) <= 0) {
		ct_free(text);
		text = NULL;
	}
	return text;
}

static void read_dcb(struct reading *r, struct ct_end *e)
{
	char why[128] = "not asked for", *text = NULL;
	bool captured = r->ends->captured;

	if (captured)
		text = said(r, "dcb-", e->netdev);
	if (captured && text == NULL)
		snprintf(why, sizeof(why), "the captured tree has no said/dcb-%s", e->netdev);
	else if (r->readers->dcb != NULL)
		e->dcb_known = r->readers->dcb(e->netdev, text, &e->dcb, why);
	if (!e->dcb_known)
		miss(r, "%.31s: PFC, ETS and DSCP map (DCB): %.100s", e->netdev, why);
	ct_free(text);
}

/* "RX:		on" of ethtool -a. */
static uint64_t switch_in(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	char value[8] = "";

	if (at == NULL || sscanf(at + strlen(word), " %7s", value) != 1)
		return CT_END_UNKNOWN;
	return strcmp(value, "on") == 0 ? 1 : strcmp(value, "off") == 0 ? 0 : CT_END_UNKNOWN;
}

static void read_pause(struct reading *r, struct ct_end *e)
{
	char *text;
	int64_t guard;

	if (!r->ends->captured) {
		ct_netdev_pause(e->netdev, &e->rx_pause, &e->tx_pause, &e->storm_guard_ms);
		return;
	}
	text = said(r, "ethtool-a-", e->netdev);
	if (text != NULL) {
		e->rx_pause = switch_in(text, "RX:");
		e->tx_pause = switch_in(text, "TX:");
		ct_free(text);
	}
	text = said(r, "ethtool-storm-", e->netdev); /* "pfc-prevention-tout: 100 (auto)" */
	if (text != NULL) {
		char *at = strchr(text, ':');

		if (at != NULL) {
			at += 1 + strspn(at + 1, " ");
			at[strcspn(at, " \n")] = '\0';
			if (ct_int_parse(at, 0, 65535, &guard) == CT_OK)
				e->storm_guard_ms = (uint64_t)guard;
		}
		ct_free(text);
	}
}

static void read_end(struct reading *r, const struct ct_port *port, struct ct_end *e)
{
	char line[32], *text;
	uint64_t speed;

	*e = (struct ct_end){ .port = port->port, .active = port->active, .rx_pause = CT_END_UNKNOWN,
		.tx_pause = CT_END_UNKNOWN, .storm_guard_ms = CT_END_UNKNOWN,
		.rate_Mbps = CT_END_UNKNOWN, .net_mtu = CT_END_UNKNOWN };
	snprintf(e->device, sizeof(e->device), "%s", port->device);
	snprintf(e->netdev, sizeof(e->netdev), "%s", port->netdev);
	snprintf(e->driver, sizeof(e->driver), "%s", port->driver);
	if (ct_sys_line(&r->sys, line, sizeof(line), "sys/class/infiniband/%s/ports/%llu/rate",
		e->device, (unsigned long long)e->port) == 0)
		e->rate_Mbps = (uint64_t)(strtod(line, NULL) * 1000); /* "100 Gb/sec (4X EDR)" */
	if (e->netdev[0] != '\0') {
		if (ct_sys_u64(&r->sys, &e->net_mtu, "sys/class/net/%s/mtu", e->netdev) != 0)
			e->net_mtu = CT_END_UNKNOWN;
		if (ct_sys_u64(&r->sys, &speed, "sys/class/net/%s/speed", e->netdev) == 0)
			e->rate_Mbps = speed;
		read_dcb(r, e);
		read_pause(r, e);
		read_bond(r, e);
	} else {
		miss(r, "%s: no network interface shares the port", e->device);
	}
	e->rdma_mtu = roce_mtu(e->net_mtu);
	e->traffic_class = traffic_class(r, e->device);
	read_cm(r, e);
	read_cc(r, e);
	read_gids(r, e);
	ct_sys_line(&r->sys, e->iommu, sizeof(e->iommu), "sys/class/infiniband/%s/device/iommu_group/type",
		e->device);
	text = r->ends->captured ? said(r, "roce-rides", "") : NULL;
	if (text != NULL)
		ct_rides_parse(text, e);
	ct_free(text);
}

/* ---- counters --------------------------------------------------------------------------------- */

static bool read_queue(const struct reading *r, const char *netdev, struct ct_queue_counts *counts)
{
	*counts = (struct ct_queue_counts){ .marked = 0 };
	return !r->ends->captured && r->readers->queue != NULL && netdev[0] != '\0' &&
		r->readers->queue(netdev, counts);
}

static void count(struct reading *r, struct ct_ports *ports, const size_t *which, double seconds)
{
	static const struct ct_port_sample none;
	size_t n;
	const struct ct_port *list = ct_ports_list(ports, &n);

	for (size_t i = 0; i < r->ends->n; i++) {
		struct ct_end *e = &r->ends->list[i];
		struct ct_port_sample now, zero = none;

		ct_ports_read(ports, which[i], &now);
		zero.exposed = now.exposed;
		ct_port_delta(&list[which[i]], &zero, &now, &e->counts);
		ct_netstats_read(r->sysroot, e->netdev, &e->stats);
		e->queue_known = read_queue(r, e->netdev, &e->queue);
		e->seconds = seconds;
	}
}

/* The queues' part of a window that began with BEFORE (KNOWN: they were told). */
static void queue_window(struct reading *r, struct ct_end *e, bool known,
	const struct ct_queue_counts *before)
{
	struct ct_queue_counts now;

	e->queue_known = read_queue(r, e->netdev, &now);
	e->queue = now;
	if (!known || now.marked < before->marked || now.dropped < before->dropped)
		return; /* made since, so it began at 0 */
	e->queue.marked -= before->marked;
	e->queue.dropped -= before->dropped;
}

static ct_status wait_window(const struct ct_ends_window *window)
{
	struct timespec pause = { (time_t)(window->ns / 1000000000u), (long)(window->ns % 1000000000u) };

	if (window->meanwhile != NULL)
		return window->meanwhile(window->arg);
	while (nanosleep(&pause, &pause) == -1 && errno == EINTR)
		continue;
	return CT_OK;
}

/* What is counted within WINDOW from now. */
static ct_status count_window(struct reading *r, struct ct_ports *ports, const size_t *which,
	const struct ct_ends_window *window)
{
	size_t n;
	const struct ct_port *list = ct_ports_list(ports, &n);
	struct ct_port_sample *before = ct_alloc(r->ends->n + 1, sizeof(*before)), after;
	struct ct_netstats *stats = ct_alloc(r->ends->n + 1, sizeof(*stats)), now;
	struct ct_queue_counts *queues = ct_alloc(r->ends->n + 1, sizeof(*queues));
	ct_status status = CT_OK;

	if (before == NULL || stats == NULL || queues == NULL)
		status = CT_NOMEM;
	for (size_t i = 0; i < r->ends->n && status == CT_OK; i++) {
		struct ct_end *e = &r->ends->list[i];

		e->queue_known = read_queue(r, e->netdev, &queues[i]);
		ct_ports_read(ports, which[i], &before[i]);
		ct_netstats_read(r->sysroot, r->ends->list[i].netdev, &stats[i]);
	}
	if (status == CT_OK)
		status = wait_window(window);
	for (size_t i = 0; i < r->ends->n && status == CT_OK; i++) {
		struct ct_end *e = &r->ends->list[i];

		ct_ports_read(ports, which[i], &after);
		ct_port_delta(&list[which[i]], &before[i], &after, &e->counts);
		ct_netstats_read(r->sysroot, e->netdev, &now);
		ct_netstats_delta(&stats[i], &now, &e->stats);
		queue_window(r, e, e->queue_known, &queues[i]);
		e->windowed = true;
		e->seconds = (double)(after.at_ns - before[i].at_ns) / 1e9;
	}
	ct_free(before);
	ct_free(stats);
	ct_free(queues);
	return status;
}

/* "IpExt: … InCEPkts …" names the columns, the next such line has the numbers. */
static bool marks_in(char *text, uint64_t *packets)
{
	char *head = strstr(text, "IpExt:"), *values = head != NULL ? strstr(head + 6, "IpExt:") : NULL;
	char *name, *value, *names_at, *values_at;

	if (values == NULL)
		return false;
	values[-1] = '\0';
	values[strcspn(values, "\n")] = '\0';
	name = strtok_r(head, " \n", &names_at);
	value = strtok_r(values, " \n", &values_at);
	while (name != NULL && value != NULL && strcmp(name, "InCEPkts") != 0) {
		name = strtok_r(NULL, " \n", &names_at);
		value = strtok_r(NULL, " \n", &values_at);
	}
	if (name == NULL || value == NULL)
		return false;
	*packets = strtoull(value, NULL, 10);
	return true;
}

bool ct_ce_packets(const char *sysroot, uint64_t *packets)
{
	char *text = ct_alloc(1, SAID_MOST);
	struct ct_sys sys;
	bool good = false;

	if (text != NULL && ct_sys_open(sysroot, &sys) == CT_OK) {
		good = ct_sys_read(&sys, "proc/net/netstat", text, SAID_MOST) > 0 && marks_in(text, packets);
		ct_sys_close(&sys);
	}
	ct_free(text);
	return good;
}

/* ---- all of them ------------------------------------------------------------------------------ */

#define ROW(id, name, what) [CT_PROBE_##id] = name,
static const char *const probe_names[CT_NPROBES] = { CT_PROBE_LIST(ROW) };
#undef ROW

const char *ct_probe_name(enum ct_probe_id id)
{
	return (unsigned int)id < CT_NPROBES ? probe_names[id] : "?";
}

void ct_probes_parse(const char *text, struct ct_probes *probes)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		char name[32];
		double value;

		if (sscanf(text, "%31s %lf", name, &value) == 2 && value >= 0 && value < 1e18)
			for (int i = 0; i < CT_NPROBES; i++)
				if (strcmp(name, probe_names[i]) == 0) {
					probes->value[i] = value;
					probes->known |= 1u << i;
				}
		text += length + (text[length] == '\n');
	}
}

static void read_host(struct reading *r)
{
	struct ct_ends *e = r->ends;
	char line[64], *text;

	ct_sys_line(&r->sys, e->host, sizeof(e->host), "proc/sys/kernel/hostname");
	if (ct_sys_line(&r->sys, line, sizeof(line), "proc/uptime") == 0)
		e->seconds = strtod(line, NULL);
	e->ce_known = ct_ce_packets(r->sysroot, &e->ce_packets);
	if (e->captured)
		ct_sys_line(&r->sys, e->label, sizeof(e->label), "said/label");
	text = e->captured ? said(r, "roce-probes", "") : NULL;
	if (text != NULL)
		ct_probes_parse(text, &e->probes);
	ct_free(text);
}

static ct_status read_ends(struct reading *r, struct ct_ports *ports,
	const struct ct_ends_window *window)
{
	size_t n, *which;
	const struct ct_port *list = ct_ports_list(ports, &n);
	uint64_t marks;
	ct_status status = CT_OK;

	r->ends->list = ct_alloc(n + 1, sizeof(*r->ends->list));
	which = ct_alloc(n + 1, sizeof(*which));
	if (r->ends->list == NULL || which == NULL) {
		ct_free(which);
		return CT_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i].link_layer, "Ethernet") != 0)
			continue;
		which[r->ends->n] = i;
		read_end(r, &list[i], &r->ends->list[r->ends->n++]);
	}
	read_host(r);
	marks = r->ends->ce_packets;
	r->ends->windowed = window != NULL;
	if (window != NULL)
		status = count_window(r, ports, which, window);
	else
		count(r, ports, which, r->ends->seconds);
	if (window != NULL && ct_ce_packets(r->sysroot, &r->ends->ce_packets))
		r->ends->ce_packets -= r->ends->ce_packets >= marks ? marks : 0;
	ct_free(which);
	return status;
}

ct_status ct_ends_read(const char *sysroot, const struct ct_ends_readers *readers,
	const struct ct_ends_window *window, struct ct_ends **ends)
{
	struct reading r = { .sysroot = sysroot, .readers = readers };
	struct ct_ports *ports = NULL;
	ct_status status;

	if (sysroot != NULL && window != NULL)
		return ct_fail(CT_INVALID, "a captured tree stands still: it has no window of time");
	r.ends = ct_alloc(1, sizeof(*r.ends));
	if (r.ends == NULL)
		return CT_NOMEM;
	r.ends->captured = sysroot != NULL;
	status = ct_ports_open(sysroot, &ports);
	if (status == CT_OK)
		status = ct_sys_open(sysroot, &r.sys);
	if (status == CT_OK) {
		status = read_ends(&r, ports, window);
		ct_sys_close(&r.sys);
	}
	ct_ports_close(ports);
	if (status == CT_OK)
		*ends = r.ends;
	else
		ct_ends_free(r.ends);
	return status;
}

void ct_ends_free(struct ct_ends *ends)
{
	if (ends == NULL)
		return;
	ct_free(ends->list);
	ct_free(ends);
}
