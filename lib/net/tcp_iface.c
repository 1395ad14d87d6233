/* SPDX-License-Identifier: BSD-3-Clause */
/* Which address tcp listens on, and what the kernel tells about its interface. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "tcp.h"

socklen_t ct_tcp_length(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* How much we like an address: IPv4, then IPv6, then IPv6 that is valid on its link only. */
static int liking(const struct sockaddr *a)
{
	if (a == NULL)
		return 0;
	if (a->sa_family == AF_INET)
		return 3;
	if (a->sa_family != AF_INET6)
		return 0;
	return IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr) ?
		1 : 2;
}

static bool same_address(const struct sockaddr *a, const struct sockaddr_storage *b)
{
	if (a == NULL || a->sa_family != b->ss_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
			((const struct sockaddr_in *)(const void *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
		&((const struct sockaddr_in6 *)(const void *)b)->sin6_addr, 16) == 0;
}

static void take(const struct ifaddrs *i, struct sockaddr_storage *address, char *device)
{
	memset(address, 0, sizeof(*address));
	memcpy(address, i->ifa_addr, i->ifa_addr->sa_family == AF_INET6 ?
		sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	snprintf(device, IF_NAMESIZE, "%s", i->ifa_name);
}

static bool parse_address(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		return true;
	}
	return false;
}

/* The interface of the default route with the lowest metric, from the text of /proc/net/route. */
static bool default_route(char device[IF_NAMESIZE])
{
	FILE *f = fopen("/proc/net/route", "re");
	char line[256], name[IF_NAMESIZE];
	unsigned int dest, mask, metric, best = UINT32_MAX;
	bool found = false;

	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%15s %x %*x %*x %*d %*d %u %x", name, &dest, &metric,
			&mask) != 4 ||
			dest != 0 || mask != 0 || (found && metric >= best))
			continue;
		found = true;
		best = metric;
		memcpy(device, name, IF_NAMESIZE);
	}
	fclose(f);
	return found;
}

/* The same from /proc/net/ipv6_route; the kernel's own reject route on lo does not count. */
static bool default_route6(char device[IF_NAMESIZE])
{
	FILE *f = fopen("/proc/net/ipv6_route", "re");
	char line[256], dest[33], name[IF_NAMESIZE];
	unsigned int length;
	bool found = false;

	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		found = sscanf(line, "%32s %x %*s %*x %*s %*x %*x %*x %*x %15s", dest, &length,
			name) == 3 &&
			length == 0 && strspn(dest, "0") == 32 && strcmp(name, "lo") != 0;
		if (found)
			memcpy(device, name, IF_NAMESIZE);
	}
	fclose(f);
	return found;
}

/* The best liked address of interface NAME; NAME = NULL: of any that is up and no loopback. */
static const struct ifaddrs *best_of(const struct ifaddrs *all, const char *name, bool loopback)
{
	const struct ifaddrs *best = NULL;

	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		if (liking(i->ifa_addr) == 0 || (i->ifa_flags & IFF_UP) == 0)
			continue;
		if (name != NULL && strcmp(i->ifa_name, name) != 0)
			continue;
		if (name == NULL && loopback != ((i->ifa_flags & IFF_LOOPBACK) != 0))
			continue;
		if (best == NULL || liking(i->ifa_addr) > liking(best->ifa_addr))
			best = i;
	}
	return best;
}

/* Explains why WANTED gives no address. */
static ct_status no_such(const struct ifaddrs *all, const char *wanted)
{
	const char *names[64] = { NULL }, *near;
	size_t n = 0;

	for (const struct ifaddrs *i = all; i != NULL && n < 63; i = i->ifa_next) {
		names[n++] = i->ifa_name;
		if (strcmp(i->ifa_name, wanted) == 0)
			return best_of(all, wanted, false) != NULL ? CT_OK : ct_fail(CT_INVALID,
				"tcp-iface: interface %s is down or has no IP address", wanted);
	}
	near = ct_nearest(wanted, names);
	return ct_fail(CT_INVALID,
		"tcp-iface: no interface or address \"%s\" on this host; %s %s%s",
		wanted, near != NULL ? "did you mean" : "there is", near != NULL ? near :
		n > 0 ? names[n - 1] : "none", near != NULL ? "?" : "");
}

static ct_status choose(const struct ifaddrs *all, const char *wanted,
	struct sockaddr_storage *address, char *device)
{
	const struct ifaddrs *best;

	if (parse_address(wanted, address)) {
		for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
			if (same_address(i->ifa_addr, address)) {
				take(i, address, device);
				return CT_OK;
			}
		return ct_fail(CT_INVALID, "tcp-iface: %s is no address of this host", wanted);
	}
	best = best_of(all, wanted, false);
	if (best == NULL)
		return no_such(all, wanted);
	take(best, address, device);
	return CT_OK;
}

ct_status ct_tcp_choose(const char *wanted, bool local, struct sockaddr_storage *address,
	char device[IF_NAMESIZE])
{
	char route[IF_NAMESIZE];
	const struct ifaddrs *best = NULL;
	struct ifaddrs *all;
	ct_status s = CT_OK;

	if (getifaddrs(&all) != 0)
		return ct_fail(CT_IO, "transport tcp: cannot list the interfaces: %s",
			strerror(errno));
	if (wanted != NULL) {
		s = choose(all, wanted, address, device);
		goto free_list;
	}
	if (local)
		best = best_of(all, NULL, true);
	if (best == NULL && (default_route(route) || default_route6(route)))
		best = best_of(all, route, false);
	if (best == NULL)
		best = best_of(all, NULL, false);
	if (best != NULL)
		take(best, address, device);
	else
		s = ct_fail(CT_UNSUPPORTED, "transport tcp: no interface with an IP address is up");
free_list:
	freeifaddrs(all);
	return s;
}

/* A whole number from /sys/class/net/DEVICE/WHAT; -1 if there is none. */
static long long fact(const char *device, const char *what)
{
	char path[96];
	long long v = -1;
	FILE *f;

	if (strchr(device, '/') != NULL)
		return -1;
	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", device, what);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	if (fscanf(f, "%lld", &v) != 1)
		v = -1;
	fclose(f);
	return v;
}

void ct_tcp_device(const char *device, uint32_t *mtu, double *Bps)
{
	long long bytes = fact(device, "mtu"), Mbps = fact(device, "speed");

	*mtu = bytes > 0 && bytes <= UINT32_MAX ? (uint32_t)bytes : 0;
	*Bps = Mbps > 0 ? (double)Mbps * 1e6 / 8 : 0; /* speed is in Mbit/s; -1 = unknown */
}
