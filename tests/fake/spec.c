/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The description of the fabric: words KEY=VALUE, parted by blanks or commas; KEY may be
 * prefixed by a device ("fakeib1.mtu=2048") or a port ("fakeib1:2.state=down"). Later words win.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

struct name {
	const char *name;
	uint32_t value;
};

static const struct name states[] = { { "down", IBV_PORT_DOWN }, { "init", IBV_PORT_INIT },
	{ "armed", IBV_PORT_ARMED }, { "active", IBV_PORT_ACTIVE }, { NULL, 0 } };
static const struct name speeds[] = { { "sdr", 1 }, { "ddr", 2 }, { "qdr", 4 }, { "fdr10", 8 },
	{ "fdr", 16 }, { "edr", 32 }, { "hdr", 64 }, { "ndr", 128 }, { NULL, 0 } };
static const struct name widths[] = { { "1", 1 }, { "4", 2 }, { "8", 4 }, { "12", 8 }, { "2", 16 },
	{ NULL, 0 } };
static const struct name links[] = { { "infiniband", IBV_LINK_LAYER_INFINIBAND },
	{ "ethernet", IBV_LINK_LAYER_ETHERNET }, { NULL, 0 } };
static const struct name mtus[] = { { "256", IBV_MTU_256 }, { "512", IBV_MTU_512 },
	{ "1024", IBV_MTU_1024 }, { "2048", IBV_MTU_2048 }, { "4096", IBV_MTU_4096 }, { NULL, 0 } };

/* What a key sets: of a port (32 bits, or the 64-bit subnet) or of a device's limits. */
struct key {
	const char *name;
	size_t offset;
	const struct name *names;
	int64_t least, most;
	bool of_port;
};

#define PORT(key, names, least, most) { #key, offsetof(struct fake_port, key), names, least, most, true }
#define LIMIT(key, most) { #key, offsetof(struct fake_limits, key), NULL, 0, most, false }

static const struct key keys[] = {
	PORT(state, states, 0, 0),
	PORT(speed, speeds, 0, 0),
	PORT(width, widths, 0, 0),
	PORT(mtu, mtus, 0, 0),
	PORT(lid, NULL, 0, 0xbfff),
	PORT(lmc, NULL, 0, 7),
	PORT(sm_lid, NULL, 0, 0xbfff),
	PORT(gids, NULL, 1, FAKE_GIDS),
	PORT(grh_required, NULL, 0, 1),
	PORT(link, links, 0, 0),
	PORT(subnet, NULL, 0, INT64_MAX),
	LIMIT(max_qp, FAKE_QPS / 2),
	LIMIT(max_qp_wr, 1 << 15),
	LIMIT(max_cq, FAKE_CQS / 2),
	LIMIT(max_cqe, 1 << 22),
	LIMIT(max_mr, FAKE_MRS / 2),
	LIMIT(max_pd, 1 << 20),
	LIMIT(max_srq, FAKE_SRQS / 2),
	LIMIT(max_srq_wr, 1 << 15),
	LIMIT(max_sge, FAKE_SGES),
	LIMIT(max_inline, FAKE_INLINE),
	LIMIT(max_rd, 255),
	LIMIT(atomics, 1),
	LIMIT(vendor, 0xffffff),
	LIMIT(part, 0xffff),
};

uint32_t ct_fake_mtu_bytes(uint32_t mtu)
{
	return 128u << mtu;
}

static uint32_t look_up(const struct name *names, const char *name)
{
	while (names->name != NULL && strcmp(names->name, name) != 0)
		names++;
	return names->value;
}

uint32_t ct_fake_state(const char *name)
{
	return look_up(states, name);
}

void ct_fake_set_state(struct fake_port *port, uint32_t state)
{
	port->state = state;
	port->phys_state = state == IBV_PORT_DOWN ? 2 /* polling */ : 5 /* link up */;
}

/* An Ethernet port has no LID, and a GID that is routed: a local IPv6 address (RFC 4193). */
static void set_link(struct fake_port *port, uint32_t link)
{
	port->link = link;
	if (link != IBV_LINK_LAYER_ETHERNET)
		return;
	port->lid = port->sm_lid = 0;
	port->subnet = 0xfdfa4e0000000000ull;
}

union ibv_gid ct_fake_gid(const struct fake_port *port, uint32_t index)
{
	union ibv_gid gid;

	gid.global.subnet_prefix = htobe64(port->subnet);
	gid.global.interface_id = htobe64(port->guid + ((uint64_t)index << 32));
	return gid;
}

static void defaults(struct fake_fabric *f)
{
	static const struct fake_limits limits = { .max_qp = 4096, .max_qp_wr = 1 << 15, .max_cq = 4096,
		.max_cqe = 1 << 22, .max_mr = FAKE_MRS / 2, .max_pd = 1 << 16, .max_srq = 256,
		.max_srq_wr = 1 << 15, .max_sge = FAKE_SGES, .max_inline = FAKE_INLINE, .max_rd = 16,
		.atomics = 1, .vendor = 0xffffff, .part = 0 };

	f->ndevices = 1;
	f->timeouts = 1;
	memset(f->devices, 0, sizeof(f->devices));
	memset(f->faults, 0, sizeof(f->faults));
	f->nfaults = 0;
	for (uint32_t d = 0; d < FAKE_DEVICES; d++) {
		struct fake_device *dev = &f->devices[d];

		snprintf(dev->name, sizeof(dev->name), "fakeib%u", d);
		dev->guid = 0x02fa4e0000000000ull + ((uint64_t)(d + 1) << 8); /* locally administered */
		dev->nports = 1;
		dev->limits = limits;
		for (uint32_t p = 0; p < FAKE_PORTS; p++) {
			struct fake_port *port = &dev->ports[p];

			*port = (struct fake_port){ .lid = 1 + d * FAKE_PORTS + p, .sm_lid = 1, .speed = 64,
				.width = 2, .mtu = IBV_MTU_4096, .max_mtu = IBV_MTU_4096, .gids = 1,
				.link = IBV_LINK_LAYER_INFINIBAND,
				.guid = dev->guid + p + 1, .subnet = 0xfe80000000000000ull };
			ct_fake_set_state(port, IBV_PORT_ACTIVE);
		}
	}
}

/* Which devices and ports a word is about. */
struct scope {
	int device, port; /* -1: all */
};

static bool read_scope(char **word, struct scope *s)
{
	char *dot = strchr(*word, '.'), *colon, *end;

	*s = (struct scope){ -1, -1 };
	if (dot == NULL || dot > strchr(*word, '='))
		return true;
	*dot = '\0';
	if (strncmp(*word, "fakeib", 6) != 0)
		return false;
	colon = strchr(*word, ':');
	s->device = (int)strtol(*word + 6, &end, 10);
	if (end == *word + 6 || (*end != '\0' && end != colon) || s->device < 0 ||
		s->device >= FAKE_DEVICES)
		return false;
	if (colon != NULL) {
		s->port = (int)strtol(colon + 1, &end, 10) - 1;
		if (*end != '\0' || s->port < 0 || s->port >= FAKE_PORTS)
			return false;
	}
	*word = dot + 1;
	return true;
}

static void set_port(struct fake_port *port, const struct key *k, int64_t value)
{
	if (strcmp(k->name, "subnet") == 0)
		port->subnet = (uint64_t)value;
	else if (strcmp(k->name, "state") == 0)
		ct_fake_set_state(port, (uint32_t)value);
	else if (strcmp(k->name, "link") == 0)
		set_link(port, (uint32_t)value);
	else
		memcpy((char *)port + k->offset, &(uint32_t){ (uint32_t)value }, sizeof(uint32_t));
}

static void set(struct fake_fabric *f, const struct scope *s, const struct key *k, int64_t value)
{
	for (int d = 0; d < FAKE_DEVICES; d++) {
		struct fake_device *dev = &f->devices[d];

		if (s->device >= 0 && s->device != d)
			continue;
		if (!k->of_port)
			memcpy((char *)&dev->limits + k->offset, &value, sizeof(value));
		for (int p = 0; k->of_port && p < FAKE_PORTS; p++)
			if (s->port < 0 || s->port == p)
				set_port(&dev->ports[p], k, value);
	}
}

static bool number(const char *text, int64_t least, int64_t most, int64_t *out)
{
	char *end;

	*out = strtoll(text, &end, 0);
	return end != text && *end == '\0' && *out >= least && *out <= most;
}

/* Words that are about the fabric or a device as a whole. */
static bool whole(struct fake_fabric *f, const struct scope *s, const char *key, const char *value,
	bool *good)
{
	int64_t n;

	if (strcmp(key, "devices") == 0) {
		*good = number(value, 0, FAKE_DEVICES, &n);
		if (*good)
			f->ndevices = (uint32_t)n;
		return true;
	}
	if (strcmp(key, "ports") == 0) {
		*good = number(value, 1, FAKE_PORTS, &n);
		for (int d = 0; *good && d < FAKE_DEVICES; d++)
			if (s->device < 0 || s->device == d)
				f->devices[d].nports = (uint32_t)n;
		return true;
	}
	if (strcmp(key, "timeouts") == 0) {
		char *end;

		f->timeouts = strtod(value, &end);
		*good = end != value && *end == '\0' && f->timeouts > 0 && f->timeouts <= 1000;
		return true;
	}
	return false;
}

static bool word(struct fake_fabric *f, char *text)
{
	char *value = strchr(text, '=');
	struct scope s;
	int64_t n = 0;
	bool good;

	if (value == NULL || !read_scope(&text, &s))
		return false;
	*value++ = '\0';
	if (whole(f, &s, text, value, &good))
		return good;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct key *k = &keys[i];

		if (strcmp(text, k->name) != 0)
			continue;
		if (k->names != NULL)
			n = look_up(k->names, value);
		if (k->names != NULL ? n == 0 : !number(value, k->least, k->most, &n))
			return false;
		set(f, &s, k, n);
		return true;
	}
	return false;
}

bool ct_fake_spec(struct fake_fabric *f, const char *spec, char *why, size_t size)
{
	char copy[FAKE_SPEC], one[FAKE_SPEC], *rest = copy, *at;

	if (strlen(spec) >= sizeof(copy)) {
		snprintf(why, size, "FAKEIB is longer than %d characters", FAKE_SPEC - 1);
		return false;
	}
	strcpy(copy, spec);
	defaults(f);
	while ((at = strsep(&rest, " ,\n\t")) != NULL) {
		if (*at == '\0')
			continue;
		strcpy(one, at);
		if (!word(f, at)) {
			snprintf(why, size, "FAKEIB holds \"%.80s\", which is no KEY=VALUE of docs/fakeib.md", one);
			return false;
		}
	}
	return true;
}
