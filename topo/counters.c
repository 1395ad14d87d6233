/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the counters of RDMA ports and tells what happened between two readings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "sysfs.h"

enum { MOST_FILES = 64, MOST_GIDS = 16 };

/* A port, and which rows of the table its files are. */
struct reader {
	struct ct_port port;
	const struct ct_count_source *file[MOST_FILES];
	size_t nfiles;
	uint64_t read_ns; /* when the kernel was last asked; 0 = never */
};

struct ct_ports {
	struct ct_sys sys;
	struct reader *readers;
	struct ct_port *list; /* the ports again, side by side */
	size_t n;
};

/* ---- finding -------------------------------------------------------------------------------- */

static void path_of(const struct ct_port *port, const struct ct_count_source *s, char path[256])
{
	static const char ib[] = "sys/class/infiniband";
	unsigned long long number = port->port;

	switch (s->place) {
	case CT_COUNT_HW_PORT:
		snprintf(path, 256, "%s/%s/ports/%llu/hw_counters/%s", ib, port->device, number, s->file);
		break;
	case CT_COUNT_HW_DEVICE:
		snprintf(path, 256, "%s/%s/hw_counters/%s", ib, port->device, s->file);
		break;
	case CT_COUNT_PORT:
		snprintf(path, 256, "%s/%s/ports/%llu/counters/%s", ib, port->device, number, s->file);
		break;
	case CT_COUNT_NET:
		snprintf(path, 256, "sys/class/net/%s/statistics/%s", port->netdev, s->file);
		break;
	}
}

/* The value as the file has it; false when it has none ("N/A (no PMA)") or cannot be read. */
static bool value_of(const struct ct_sys *sys, const struct ct_port *port,
	const struct ct_count_source *s, uint64_t *value)
{
	char path[256];

	path_of(port, s, path);
	return ct_sys_u64(sys, value, "%s", path) == 0;
}

/* Drivers are told by the names of their counters: the one that knows most of what is there. The
 * kernel's driver of the device does not tell, a soft device hangs below another's. */
static const char *driver_of(const struct ct_sys *sys, const struct ct_port *port)
{
	size_t n, best = 0, fits = 0;
	const struct ct_count_source *s = ct_count_sources(&n);
	const char *found = "";

	for (size_t i = 0; i < n; i++) {
		uint64_t value;

		if (i == 0 || strcmp(s[i].driver, s[i - 1].driver) != 0)
			fits = 0;
		if (s[i].place != CT_COUNT_HW_PORT || !value_of(sys, port, &s[i], &value))
			continue;
		if (++fits > best) {
			best = fits;
			found = s[i].driver;
		}
	}
	return found;
}

/* Takes the files of DRIVER that are there, for entries that none of an earlier driver fills. */
static void take_files(const struct ct_sys *sys, struct reader *r, const char *driver)
{
	struct ct_port *port = &r->port;
	uint64_t before = port->exposed, value;
	size_t n;
	const struct ct_count_source *s = ct_count_sources(&n);

	for (size_t i = 0; i < n && r->nfiles < MOST_FILES; i++) {
		if (strcmp(s[i].driver, driver) != 0 || (before & ct_count_bit(s[i].id)) != 0 ||
			!value_of(sys, port, &s[i], &value))
			continue;
		r->file[r->nfiles++] = &s[i];
		port->exposed |= ct_count_bit(s[i].id);
		port->bits[s[i].id] = (uint8_t)s[i].bits;
		port->scale[s[i].id] = (uint8_t)s[i].scale;
		port->stops_at[s[i].id] = s[i].stops_at;
	}
}

static void find_netdev(const struct ct_sys *sys, struct ct_port *port)
{
	for (int i = 0; i < MOST_GIDS && port->netdev[0] == '\0'; i++)
		ct_sys_line(sys, port->netdev, sizeof(port->netdev),
			"sys/class/infiniband/%s/ports/%llu/gid_attrs/ndevs/%d", port->device,
			(unsigned long long)port->port, i);
	/* it becomes part of a path */
	if (port->netdev[0] == '.' || strchr(port->netdev, '/') != NULL)
		port->netdev[0] = '\0';
}

static void find_port(const struct ct_sys *sys, const char *device, uint64_t number,
	struct reader *r)
{
	struct ct_port *port = &r->port;
	char dir[128], state[32];

	snprintf(port->device, sizeof(port->device), "%s", device);
	port->port = number;
	snprintf(dir, sizeof(dir), "sys/class/infiniband/%s/ports/%llu", device,
		(unsigned long long)number);
	ct_sys_line(sys, state, sizeof(state), "%s/state", dir);
	port->active = strncmp(state, "4:", 2) == 0; /* "4: ACTIVE" */
	ct_sys_line(sys, port->link_layer, sizeof(port->link_layer), "%s/link_layer", dir);
	if (ct_sys_u64(sys, &port->lifespan_ms, "%s/hw_counters/lifespan", dir) != 0)
		port->lifespan_ms = 0;
	find_netdev(sys, port);
	snprintf(port->driver, sizeof(port->driver), "%s", driver_of(sys, port));
	if (port->driver[0] != '\0')
		take_files(sys, r, port->driver);
	take_files(sys, r, "ib");
	if (port->netdev[0] != '\0')
		take_files(sys, r, "net");
}

static ct_status find_ports(struct ct_ports *ports, const char *device)
{
	char dir[128], (*list)[CT_SYS_NAME] = NULL;
	struct reader *more;
	int n;

	snprintf(dir, sizeof(dir), "sys/class/infiniband/%s/ports", device);
	n = ct_sys_list(&ports->sys, dir, "", &list);
	more = n > 0 ? ct_realloc(ports->readers, ports->n + (size_t)n, sizeof(*more)) : NULL;
	for (int i = 0; more != NULL && i < n; i++) {
		char *end;
		unsigned long number = strtoul(list[i], &end, 10);

		ports->readers = more;
		if (*end != '\0' || number == 0 || number > 255)
			continue;
		memset(&more[ports->n], 0, sizeof(*more));
		find_port(&ports->sys, device, number, &more[ports->n++]);
	}
	ct_free(list);
	return n == -ENOMEM || (n > 0 && more == NULL) ? CT_NOMEM : CT_OK;
}

ct_status ct_ports_open(const char *sysroot, struct ct_ports **ports)
{
	struct ct_ports *p = ct_alloc(1, sizeof(*p));
	char(*list)[CT_SYS_NAME] = NULL;
	ct_status status;
	int n;

	if (p == NULL)
		return CT_NOMEM;
	status = ct_sys_open(sysroot, &p->sys);
	if (status != CT_OK) {
		ct_free(p);
		return status;
	}
	n = ct_sys_list(&p->sys, "sys/class/infiniband", "", &list);
	if (n == -ENOMEM)
		status = CT_NOMEM;
	for (int i = 0; i < n && status == CT_OK; i++)
		status = find_ports(p, list[i]);
	ct_free(list);
	p->list = status == CT_OK ? ct_alloc(p->n, sizeof(*p->list)) : NULL;
	if (p->list == NULL) {
		ct_ports_close(p);
		return CT_NOMEM;
	}
	for (size_t i = 0; i < p->n; i++)
		p->list[i] = p->readers[i].port;
	*ports = p;
	return CT_OK;
}

void ct_ports_close(struct ct_ports *ports)
{
	if (ports == NULL)
		return;
	ct_sys_close(&ports->sys);
	ct_free(ports->readers);
	ct_free(ports->list);
	ct_free(ports);
}

const struct ct_port *ct_ports_list(const struct ct_ports *ports, size_t *n)
{
	*n = ports->n;
	return ports->list;
}

/* ---- reading -------------------------------------------------------------------------------- */

void ct_ports_read(struct ct_ports *ports, size_t i, struct ct_port_sample *sample)
{
	struct reader *r = &ports->readers[i];
	uint64_t missing = 0;

	*sample = (struct ct_port_sample){ .at_ns = ct_now_ns() };
	r->read_ns = sample->at_ns;
	for (size_t k = 0; k < r->nfiles; k++) {
		const struct ct_count_source *s = r->file[k];
		uint64_t value;

		if (value_of(&ports->sys, &r->port, s, &value))
			sample->value[s->id] += value;
		else
			missing |= ct_count_bit(s->id); /* part of a sum would be no sum */
		sample->exposed |= ct_count_bit(s->id);
	}
	sample->exposed &= ~missing;
}

uint64_t ct_ports_stale_ns(const struct ct_ports *ports, size_t i, uint64_t now_ns)
{
	const struct reader *r = &ports->readers[i];
	uint64_t fresh_ns;
	struct timespec tick;

	if (r->read_ns == 0 || r->port.lifespan_ms == 0)
		return 0;
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0 || tick.tv_sec > 0)
		tick.tv_nsec = 10000000;
	fresh_ns = r->read_ns + r->port.lifespan_ms * 1000000 + 2 * (uint64_t)tick.tv_nsec;
	return fresh_ns > now_ns ? fresh_ns - now_ns : 0;
}

/* ---- differences ---------------------------------------------------------------------------- */

static uint64_t difference(const struct ct_port *port, size_t i, uint64_t before, uint64_t after,
	struct ct_counts *out)
{
	uint64_t bit = (uint64_t)1 << i, range, round;

	if (port->stops_at[i] != 0 && after == port->stops_at[i])
		out->saturated |= bit;
	if (after >= before)
		return after - before;
	if (port->bits[i] < 64 && port->stops_at[i] == 0) {
		range = (uint64_t)1 << port->bits[i];
		round = range - before % range + after;
		if (round < range / 2)
			return round;
	}
	out->reset |= bit;
	return after;
}

void ct_port_delta(const struct ct_port *port, const struct ct_port_sample *before,
	const struct ct_port_sample *after, struct ct_counts *out)
{
	*out = (struct ct_counts){ .exposed = before->exposed & after->exposed };
	for (size_t i = 0; i < CT_NCOUNTS; i++)
		if ((out->exposed >> i & 1) != 0)
			out->value[i] = port->scale[i] *
				difference(port, i, before->value[i], after->value[i], out);
}

void ct_counts_add(struct ct_counts *sum, const struct ct_counts *more)
{
	for (size_t i = 0; i < CT_NCOUNTS; i++)
		sum->value[i] += more->value[i];
	sum->exposed |= more->exposed;
	sum->reset |= more->reset;
	sum->saturated |= more->saturated;
}

bool ct_counts_of_class(const struct ct_counts *counts, enum ct_count_class class, uint64_t *sum)
{
	uint64_t mask = counts->exposed & ct_count_mask(class);

	*sum = 0;
	for (size_t i = 0; i < CT_NCOUNTS; i++)
		if ((mask >> i & 1) != 0)
			*sum += counts->value[i];
	return mask != 0;
}

/* ---- in words ------------------------------------------------------------------------------- */

/* "loss rx_drops 3, tx_drops >= 1" of the entries in MASK that are not 0. */
static bool add_values(const struct ct_counts *c, enum ct_count_class class, uint64_t mask,
	struct ct_buf *out)
{
	bool any = false;

	for (unsigned int i = 0; i < CT_NCOUNTS; i++) {
		uint64_t bit = (uint64_t)1 << i;
		bool least = ((c->reset | c->saturated) & bit) != 0;

		if ((mask & bit) == 0 || (c->value[i] == 0 && !least))
			continue;
		if (any)
			ct_buf_add(out, ", ");
		else
			ct_buf_add(out, "%s%s ", out->used > 0 ? "; " : "", ct_count_class_name(class));
		ct_buf_add(out, "%s %s%llu", ct_count((enum ct_count_id)i)->name, least ? ">= " : "",
			(unsigned long long)c->value[i]);
		any = true;
	}
	return any;
}

void ct_counts_text(const struct ct_counts *counts, struct ct_buf *out)
{
	struct ct_buf text = ct_buf_make(8192);
	bool happened[CT_COUNT_CLASSES];
	unsigned int nothing = 0, hidden = 0;

	for (unsigned int k = 0; k < CT_COUNT_CLASSES; k++)
		happened[k] = add_values(counts, (enum ct_count_class)k,
			counts->exposed & ct_count_mask((enum ct_count_class)k), &text);
	for (unsigned int k = 0; k < CT_COUNT_CLASSES; k++)
		if (!happened[k] && (counts->exposed & ct_count_mask((enum ct_count_class)k)) != 0)
			ct_buf_add(&text, "%s%s", nothing++ > 0 ? ", " : text.used > 0 ?
				"; nothing: " : "nothing: ", ct_count_class_name((enum ct_count_class)k));
	for (unsigned int k = 0; k < CT_COUNT_CLASSES; k++)
		if ((counts->exposed & ct_count_mask((enum ct_count_class)k)) == 0)
			ct_buf_add(&text, "%s%s", hidden++ > 0 ? ", " : "; not exposed: ",
				ct_count_class_name((enum ct_count_class)k));
	ct_buf_add(out, "%s", counts->exposed == 0 ? "no counters are exposed" : text.text);
	if (ct_buf_status(&text) != CT_OK)
		out->failed = true;
	ct_buf_free(&text);
}
