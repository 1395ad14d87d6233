/* SPDX-License-Identifier: BSD-3-Clause */
/* Which device, port and GID: by what they are, never by their number. */
#include <arpa/inet.h>
#include <errno.h>
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
};

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
	if (inet_pton(AF_INET, wanted, gid.raw + 12) != 1 && inet_pton(AF_INET6, wanted, gid.raw) != 1)
		return false;
	return memcmp(gid.raw, entry->gid.raw, sizeof(gid.raw)) == 0;
}

static void no_gid(struct search *s, const char *device, uint8_t port, uint32_t ngids, uint32_t nv2)
{
	if (s->set->gid != NULL)
		snprintf(s->last, sizeof(s->last), "%s port %u has no usable GID \"%.46s\": found %u GIDs, %u of "
			"them RoCE v2; needed is the index or address of a RoCE v2 GID on an interface that is "
			"up", device, port, s->set->gid, ngids, nv2);
	else
		snprintf(s->last, sizeof(s->last), "%s port %u has no routable RoCE v2 GID: found %u GIDs, %u of "
			"them RoCE v2; needed is one with an IPv4 or global IPv6 address on an interface that "
			"is up", device, port, ngids, nv2);
}

/* The best GID of an Ethernet port: IPv4 before IPv6, since more networks route it. */
static bool choose_gid(struct search *s, struct ibv_context *context, struct found *f)
{
	struct ibv_gid_entry *table = ct_alloc(MAX_GIDS, sizeof(*table));
	ssize_t n = table == NULL ? 0 : ibv_query_gid_table(context, table, MAX_GIDS, 0);
	uint32_t ngids = 0, nv2 = 0;
	int best = 0;

	for (ssize_t i = 0; i < n; i++) {
		char netdev[IF_NAMESIZE] = "";
		uint8_t family = family_of(&table[i].gid);
		int like = s->set->gid != NULL ? 1 : family == 4 ? 2 : family == 6 ? 1 : 0;

		if (table[i].port_num != f->port)
			continue;
		ngids++;
		if (table[i].gid_type != IBV_GID_TYPE_ROCE_V2)
			continue;
		nv2++;
		if (like <= best || (s->set->gid != NULL && !named(s->set->gid, &table[i])) ||
			!interface_up(table[i].ndev_ifindex, netdev))
			continue;
		best = like;
		f->gid = table[i].gid;
		f->gid_index = (int)table[i].gid_index;
		f->family = family != 0 ? family : 6;
		memcpy(f->netdev, netdev, sizeof(netdev));
	}
	ct_free(table);
	if (best == 0)
		no_gid(s, ibv_get_device_name(f->device), f->port, ngids, nv2);
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
	if (f->port_attr.state != IBV_PORT_ACTIVE) {
		snprintf(s->last, sizeof(s->last), "%s port %u is %s, needed is PORT_ACTIVE (%s)", device,
			f->port, ibv_port_state_str(f->port_attr.state), infiniband ?
			"cable, switch port, subnet manager" : "ip link set its interface up");
		return false;
	}
	f->gid_index = -1;
	if (!infiniband)
		return choose_gid(s, context, f);
	if (f->port_attr.lid == 0)
		snprintf(s->last, sizeof(s->last), "%s port %u has LID 0, needed is one that a subnet manager "
			"assigned", device, f->port);
	return f->port_attr.lid != 0;
}

static void look_at(struct search *s, struct ibv_device *device)
{
	struct ibv_device_attr attr;
	struct ibv_context *context = ibv_open_device(device);

	if (context == NULL || ibv_query_device(context, &attr) != 0) {
		snprintf(s->last, sizeof(s->last), "device %s cannot be opened: %s (/dev/infiniband must be "
			"readable and writable)", ibv_get_device_name(device), strerror(errno));
		s->nports++;
		goto close_device;
	}
	for (unsigned port = 1; port <= attr.phys_port_cnt && s->nfound < MAX_FOUND; port++) {
		struct found f = { .device = device, .port = (uint8_t)port };

		if (s->set->port != 0 && s->set->port != port)
			continue;
		s->nports++;
		if (port_fits(s, context, &f))
			s->found[s->nfound++] = f;
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

/* What is measured on a stand-in must not pass for a device's figures. */
static const char *nature(const struct ibv_device_attr *attr)
{
	return strstr(attr->fw_ver, "simulated") != NULL ? "SIMULATED device, " : "";
}

static ct_status take(const struct search *s, uint32_t which, struct ct_rdma_device *dev)
{
	const struct found *f = &s->found[which];
	char gid[48];

	memset(dev, 0, sizeof(*dev));
	snprintf(dev->name, sizeof(dev->name), "%s", ibv_get_device_name(f->device));
	dev->context = ibv_open_device(f->device);
	if (dev->context == NULL || ibv_query_device(dev->context, &dev->attr) != 0)
		return ct_fail(CT_IO, "verbs: device %s cannot be opened: %s", dev->name, strerror(errno));
	dev->port = f->port;
	dev->port_attr = f->port_attr;
	dev->gid = f->gid;
	dev->gid_index = f->gid_index;
	dev->family = f->family;
	memcpy(dev->netdev, f->netdev, sizeof(dev->netdev));
	ct_rdma_gid_text(&f->gid, gid);
	if (f->gid_index < 0)
		snprintf(dev->why, sizeof(dev->why), "%sLID %u, %u of %u that fit", nature(&dev->attr),
			f->port_attr.lid, which + 1, s->nfound);
	else
		snprintf(dev->why, sizeof(dev->why), "RoCE v2 GID %d %s on %s, %u of %u that fit",
			f->gid_index, gid, f->netdev, which + 1, s->nfound);
	return CT_OK;
}

ct_status ct_rdma_open(const struct ct_rdma_choice *set, uint32_t number, struct ct_rdma_device *dev)
{
	struct search *s = ct_alloc(1, sizeof(*s));
	struct ibv_device **list;
	ct_status status;
	int n = 0;

	if (s == NULL)
		return CT_NOMEM;
	s->set = set;
	list = ibv_get_device_list(&n);
	for (int i = 0; list != NULL && i < n; i++)
		if (set->dev == NULL || strcmp(set->dev, ibv_get_device_name(list[i])) == 0)
			look_at(s, list[i]);
	if (s->nfound == 0)
		status = none(s, list, list == NULL ? 0 : n);
	else
		status = take(s, number % s->nfound, dev);
	if (status != CT_OK && s->nfound > 0 && dev->context != NULL)
		ibv_close_device(dev->context);
	if (list != NULL)
		ibv_free_device_list(list);
	ct_free(s);
	return status;
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
