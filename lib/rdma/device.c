/* SPDX-License-Identifier: BSD-3-Clause */
/* Which device, port and GID: by what they are, never by their number. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rdma.h"

enum { MAX_FOUND = 64, MAX_GIDS = 512 };

struct found {
	struct ibv_device *device;
	struct ibv_port_attr port_attr;
	union ibv_gid gid;
	int gid_index;
	uint8_t port, family;
	char netdev[IF_NAMESIZE];
};

struct search {
	const struct ct_rdma_choice *set;
	struct found found[MAX_FOUND];
	uint32_t nfound, nports;
	char last[300]; /* why the last port that was looked at does not do */
	ct_rdma_line *line; /* of the table; NULL: only choose */
	void *arg;
};

static void tell(const struct search *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void tell(const struct search *s, const char *format, ...)
{
	char text[400];
	va_list args;

	if (s->line == NULL)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	s->line(s->arg, text);
}

void ct_rdma_gid_text(const union ibv_gid *gid, char out[48])
{
	if (inet_ntop(AF_INET6, gid->raw, out, 48) == NULL)
		out[0] = '\0';
}

static bool interface_up(uint32_t index, char name[IF_NAMESIZE])
{
	struct ifreq request = { 0 };
	int fd;
	bool up;

	if (index == 0 || if_indextoname(index, name) == NULL)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	memcpy(request.ifr_name, name, IF_NAMESIZE);
	up = ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0 &&
		(request.ifr_flags & IFF_RUNNING) != 0;
	close(fd);
	return up;
}

/* 4: an IPv4 address, 6: a global IPv6 address, 0: reaches no further than its link. */
static uint8_t family_of(const union ibv_gid *gid)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *b = gid->raw;

	if (memcmp(b, mapped, sizeof(mapped)) == 0)
		return b[12] == 169 && b[13] == 254 ? 0 : 4;
	return (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) || b[0] == 0 ? 0 : 6;
}

/* Is it the one that --ib-gid names, by index or address? */
static bool named(const char *wanted, const struct ibv_gid_entry *entry)
{
	union ibv_gid gid = { .raw = { [10] = 0xff, [11] = 0xff } };
	char *end;
	unsigned long index = strtoul(wanted, &end, 10);

	if (end != wanted && *end == '\0')
		return index == entry->gid_index;
	if (inet_pton(AF_INET, wanted, gid.raw + 12) != 1 &&
		inet_pton(AF_INET6, wanted, gid.raw) != 1)
		return false;
	return memcmp(gid.raw, entry->gid.raw, sizeof(gid.raw)) == 0;
}

static void no_gid(struct search *s, const struct found *f, uint32_t ngids, uint32_t nv2)
{
	const char *device = ibv_get_device_name(f->device);
	bool infiniband = f->port_attr.link_layer != IBV_LINK_LAYER_ETHERNET;
	uint8_t port = f->port;

	if (infiniband)
		snprintf(s->last, sizeof(s->last),
			"%s port %u has no GID \"%.46s\": found %u GIDs, needed "
			"is the index or address of one of them",
			device, port, s->set->gid, ngids);
	else if (s->set->gid != NULL)
		snprintf(s->last, sizeof(s->last),
			"%s port %u has no usable GID \"%.46s\": found %u GIDs, %u of "
			"them RoCE v2; needed is the index or address of a RoCE v2 GID on an "
			"interface that is up",
			device, port, s->set->gid, ngids, nv2);
	else
		snprintf(s->last, sizeof(s->last),
			"%s port %u has no routable RoCE v2 GID: found %u GIDs, %u of "
			"them RoCE v2; needed is one with an IPv4 or global IPv6 address on an "
			"interface that is up",
			device, port, ngids, nv2);
}

static const char *gid_type(uint32_t type)
{
	return type == IBV_GID_TYPE_ROCE_V2 ? "RoCE v2" : type == IBV_GID_TYPE_ROCE_V1 ? "RoCE v1" :
		"InfiniBand";
}

/* Why ENTRY does not do on a port of link layer LAYER, NULL if it does. NETDEV is filled in. */
static const char *gid_unfit(const struct search *s, uint8_t layer,
	const struct ibv_gid_entry *entry, char netdev[IF_NAMESIZE])
{
	bool ethernet = layer == IBV_LINK_LAYER_ETHERNET;
	bool up = entry->ndev_ifindex != 0 && interface_up(entry->ndev_ifindex, netdev);

	if (ethernet && entry->gid_type != IBV_GID_TYPE_ROCE_V2)
		return "not RoCE v2";
	if (s->set->gid != NULL && !named(s->set->gid, entry))
		return "not the one asked for";
	if (ethernet && s->set->gid == NULL && family_of(&entry->gid) == 0)
		return "reaches no further than its link";
	if (ethernet && !up)
		return "its interface is not up";
	return NULL;
}

/* The best GID of a port: IPv4 before IPv6, since more networks route it. */
static bool choose_gid(struct search *s, struct ibv_context *context, struct found *f)
{
	struct ibv_gid_entry *table = ct_alloc(MAX_GIDS, sizeof(*table));
	ssize_t n = table == NULL ? 0 : ibv_query_gid_table(context, table, MAX_GIDS, 0);
	uint32_t ngids = 0, nv2 = 0;
	int best = 0;

	for (ssize_t i = 0; i < n; i++) {
		char netdev[IF_NAMESIZE] = "", text[48];
		uint8_t family = family_of(&table[i].gid);
		int like = family == 4 ? 2 : 1;
		const char *unfit;

		if (table[i].port_num != f->port)
			continue;
		ngids++;
		nv2 += table[i].gid_type == IBV_GID_TYPE_ROCE_V2;
		unfit = gid_unfit(s, f->port_attr.link_layer, &table[i], netdev);
		ct_rdma_gid_text(&table[i].gid, text);
		tell(s, "    GID %u %s %s%s%s: %s", table[i].gid_index, gid_type(table[i].gid_type),
			text, netdev[0] != '\0' ? " on " : "", netdev,
			unfit != NULL ? unfit : "fits");
		if (unfit != NULL || like <= best)
			continue;
		best = like;
		f->gid = table[i].gid;
		f->gid_index = (int)table[i].gid_index;
		f->family = family != 0 ? family : 6;
		memcpy(f->netdev, netdev, sizeof(netdev));
	}
	ct_free(table);
	if (best == 0)
		no_gid(s, f, ngids, nv2);
	return best > 0;
}

static bool port_fits(struct search *s, struct ibv_context *context, struct found *f)
{
	const char *device = ibv_get_device_name(f->device);
	bool infiniband;

	if (ibv_query_port(context, f->port, &f->port_attr) != 0) {
		snprintf(s->last, sizeof(s->last), "%s port %u cannot be queried", device, f->port);
		return false;
	}
	infiniband = f->port_attr.link_layer == IBV_LINK_LAYER_INFINIBAND;
	tell(s, "%s port %u: %s, %s, MTU %u of %u, LID %u", device, f->port,
		infiniband ? "InfiniBand" : "Ethernet", ibv_port_state_str(f->port_attr.state),
		ct_rdma_mtu_bytes(f->port_attr.active_mtu), ct_rdma_mtu_bytes(f->port_attr.max_mtu),
		f->port_attr.lid);
	if (f->port_attr.state != IBV_PORT_ACTIVE) {
		snprintf(s->last, sizeof(s->last), "%s port %u is %s, needed is PORT_ACTIVE (%s)",
			device, f->port, ibv_port_state_str(f->port_attr.state),
			infiniband ? "cable, switch port, subnet manager" :
				     "ip link set its interface up");
		return false;
	}
	f->gid_index = -1;
	if (!infiniband || s->set->gid != NULL)
		return choose_gid(s, context, f);
	if (f->port_attr.lid == 0)
		snprintf(s->last, sizeof(s->last),
			"%s port %u has LID 0, needed is one that a subnet manager assigned",
			device, f->port);
	return f->port_attr.lid != 0;
}

static void look_at(struct search *s, struct ibv_device *device)
{
	struct ibv_device_attr attr;
	struct ibv_context *context = ibv_open_device(device);

	if (context == NULL || ibv_query_device(context, &attr) != 0) {
		snprintf(s->last, sizeof(s->last),
			"device %s cannot be opened: %s (/dev/infiniband must be "
			"readable and writable)",
			ibv_get_device_name(device), strerror(errno));
		tell(s, "%s: %s", ibv_get_device_name(device), s->last);
		s->nports++;
		goto close_device;
	}
	for (unsigned port = 1; port <= attr.phys_port_cnt && s->nfound < MAX_FOUND; port++) {
		struct found f = { .device = device, .port = (uint8_t)port };
		bool fits;

		if (s->set->port != 0 && s->set->port != port)
			continue;
		s->nports++;
		fits = port_fits(s, context, &f);
		if (fits)
			s->found[s->nfound++] = f;
		tell(s, "    %s%s", fits ? "fits" : "does not fit: ", fits ? "" : s->last);
	}
close_device:
	if (context != NULL)
		ibv_close_device(context);
}

/* Nothing fits: says why. */
static ct_status none(const struct search *s, struct ibv_device **list, int n)
{
	char names[160] = "";

	if (s->nports > 0)
		return ct_fail(CT_IO, "verbs: %s%s", s->last, s->nports > 1 ?
			" (the last of several ports, none of which fits)" : "");
	for (int i = 0; i < n && strlen(names) < 80; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), " %.70s",
			ibv_get_device_name(list[i]));
	if (n <= 0)
		return ct_fail(CT_IO, "verbs: found no RDMA device on this host, needed is one "
			"(/sys/class/infiniband; ibv_devices lists them)");
	if (s->set->port != 0)
		return ct_fail(CT_IO, "verbs: no device%s%s has a port %lld; there are:%s",
			s->set->dev != NULL ? " " : "", s->set->dev != NULL ? s->set->dev : "",
			(long long)s->set->port, names);
	return ct_fail(CT_IO, "verbs: found no device \"%s\" on this host; there are:%s",
		s->set->dev != NULL ? s->set->dev : "", names);
}

const char *ct_rdma_nature(const struct ct_rdma_device *dev)
{
	return strstr(dev->attr.fw_ver, "simulated") != NULL ? "SIMULATED device, " : "";
}

static ct_status take(const struct search *s, uint32_t which, struct ct_rdma_device *dev)
{
	const struct found *f = &s->found[which];
	char gid[48];

	memset(dev, 0, sizeof(*dev));
	snprintf(dev->name, sizeof(dev->name), "%s", ibv_get_device_name(f->device));
	dev->context = ibv_open_device(f->device);
	if (dev->context == NULL || ibv_query_device(dev->context, &dev->attr) != 0)
		return ct_fail(
			CT_IO, "verbs: device %s cannot be opened: %s", dev->name, strerror(errno));
	dev->port = f->port;
	dev->port_attr = f->port_attr;
	dev->gid = f->gid;
	dev->gid_index = f->gid_index;
	dev->family = f->family;
	memcpy(dev->netdev, f->netdev, sizeof(dev->netdev));
	ct_rdma_gid_text(&f->gid, gid);
	if (f->gid_index < 0)
		snprintf(dev->why, sizeof(dev->why), "%sLID %u, %u of %u that fit",
			ct_rdma_nature(dev), f->port_attr.lid, which + 1, s->nfound);
	else
		snprintf(dev->why, sizeof(dev->why), "%s%s GID %d %s%s%s, %u of %u that fit",
			ct_rdma_nature(dev),
			f->port_attr.link_layer == IBV_LINK_LAYER_ETHERNET ? "RoCE v2" :
									     "InfiniBand",
			f->gid_index, gid, f->netdev[0] != '\0' ? " on " : "", f->netdev, which + 1,
			s->nfound);
	return CT_OK;
}

static ct_status search(struct search *s, uint32_t number, struct ct_rdma_device *dev)
{
	struct ibv_device **list;
	ct_status status;
	int n = 0;

	list = ibv_get_device_list(&n);
	for (int i = 0; list != NULL && i < n; i++)
		if (s->set->dev == NULL || strcmp(s->set->dev, ibv_get_device_name(list[i])) == 0)
			look_at(s, list[i]);
	if (s->nfound == 0)
		status = none(s, list, list == NULL ? 0 : n);
	else if (dev != NULL)
		status = take(s, number % s->nfound, dev);
	else
		status = CT_OK;
	if (status != CT_OK && s->nfound > 0 && dev->context != NULL)
		ibv_close_device(dev->context);
	if (list != NULL)
		ibv_free_device_list(list);
	return status;
}

ct_status ct_rdma_open(
	const struct ct_rdma_choice *set, uint32_t number, struct ct_rdma_device *dev)
{
	struct search *s = ct_alloc(1, sizeof(*s));
	ct_status status;

	if (s == NULL)
		return CT_NOMEM;
	s->set = set;
	status = search(s, number, dev);
	ct_free(s);
	return status;
}

ct_status ct_rdma_table(const struct ct_rdma_choice *set, ct_rdma_line *line, void *arg)
{
	struct search *s = ct_alloc(1, sizeof(*s));
	ct_status status;

	if (s == NULL)
		return CT_NOMEM;
	s->set = set;
	s->line = line;
	s->arg = arg;
	status = search(s, 0, NULL);
	ct_free(s);
	return status;
}

/* ---- rails --------------------------------------------------------------------------------- */

/* Splits "DEV:PORT" of TEXT into NAME (64 bytes) and *PORT, which stays where none is given. */
static ct_status split_rail(const char *text, size_t length, char name[64], int64_t *port)
{
	const char *colon = memchr(text, ':', length);
	size_t n = colon != NULL ? (size_t)(colon - text) : length;
	char *end;

	if (n == 0 || n >= 64)
		return ct_fail(CT_INVALID, "--ib-dev: \"%.*s\" names no device", (int)length, text);
	memcpy(name, text, n);
	name[n] = '\0';
	if (colon == NULL)
		return CT_OK;
	*port = strtol(colon + 1, &end, 10);
	if (end != text + length || end == colon + 1 || *port < 1 || *port > 255)
		return ct_fail(
			CT_INVALID, "--ib-dev: \"%.*s\": a port is 1 to 255", (int)length, text);
	return CT_OK;
}

static ct_status open_rail(const struct ct_rdma_choice *all, const char *text, size_t length,
	struct ct_rdma_device *dev)
{
	struct ct_rdma_choice one = *all;
	char name[64];
	ct_status s = split_rail(text, length, name, &one.port);

	one.dev = name;
	return s == CT_OK ? ct_rdma_open(&one, 0, dev) : s;
}

ct_status ct_rdma_rails(const struct ct_rdma_choice *all, uint32_t number, uint32_t room,
	struct ct_rdma_device *devs, uint32_t *n)
{
	const char *at = all->dev;
	uint32_t got = 0;
	ct_status s = CT_OK;

	if (at == NULL || strpbrk(at, ",:") == NULL) {
		s = ct_rdma_open(all, number, &devs[0]);
		*n = s == CT_OK;
		return s;
	}
	for (;;) {
		size_t length = strcspn(at, ",");

		if (got == room)
			s = ct_fail(CT_INVALID, "--ib-dev: %u rails are the most", room);
		if (s == CT_OK)
			s = open_rail(all, at, length, &devs[got]);
		if (s != CT_OK)
			break;
		for (uint32_t i = 0; i < got && s == CT_OK; i++)
			if (strcmp(devs[i].name, devs[got].name) == 0 &&
				devs[i].port == devs[got].port)
				s = ct_fail(CT_INVALID, "--ib-dev: %s port %u is named twice",
					devs[i].name, devs[i].port);
		got++;
		if (s != CT_OK || at[length] == '\0')
			break;
		at += length + 1;
	}
	if (s != CT_OK) {
		while (got > 0)
			ibv_close_device(devs[--got].context);
		return s;
	}
	*n = got;
	return CT_OK;
}

double ct_rdma_link_Bps(const struct ct_rdma_device *dev)
{
	static const struct { unsigned code; double Gbps; } speeds[] = {
		{ 1, 2.5 }, { 2, 5 }, { 4, 10 }, { 8, 10.3125 }, { 16, 14.0625 }, { 32, 25.78125 },
		{ 64, 53.125 }, { 128, 106.25 },
	};
	static const unsigned lanes[] = { [1] = 1, [2] = 4, [4] = 8, [8] = 12, [16] = 2 };
	unsigned width = dev->port_attr.active_width;

	if (dev->attr.vendor_id == 0xffffff || width >= sizeof(lanes) / sizeof(lanes[0]))
		return 0;
	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
		if (speeds[i].code == dev->port_attr.active_speed)
			return speeds[i].Gbps * lanes[width] * 1e9 / 8;
	return 0;
}

ct_status ct_rdma_mtu(const struct ct_rdma_device *dev, int64_t wanted, enum ibv_mtu *mtu)
{
	enum ibv_mtu most = dev->port_attr.active_mtu;

	if (wanted == 0) {
		*mtu = most;
		return CT_OK;
	}
	for (enum ibv_mtu m = IBV_MTU_256; m <= IBV_MTU_4096; m++)
		if (ct_rdma_mtu_bytes(m) == (uint64_t)wanted) {
			*mtu = m < most ? m : most;
			return CT_OK;
		}
	return ct_fail(CT_INVALID, "--mtu %lld: an RDMA path MTU is 256, 512, 1024, 2048 or 4096",
		(long long)wanted);
}

uint32_t ct_rdma_flow_label(uint64_t seed, uint32_t from, uint32_t to, uint32_t lane)
{
	uint64_t hash = ct_rng_hash(ct_rng_hash(seed, (uint64_t)from << 32 | to), lane);

	if (seed == 0)
		return 0;
	return (uint32_t)(hash % 0xfffff) + 1;
}
