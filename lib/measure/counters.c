/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of the kernel around a batch of samples, never within one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "inside.h"

/* First bytes of PATH as text; "" if it cannot be read. */
static void read_text(const char *path, char *out, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, room - 1);

	if (fd >= 0)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
}

static uint64_t interface_counter(const char *device, const char *name)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", device, name);
	read_text(path, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

/* RetransSegs: in /proc/net/snmp a line "Tcp: NAME …" and below it "Tcp: VALUE …" (proc(5)). */
static uint64_t retransmits(void)
{
	char text[4096], *names, *values, *name, *value, *at = NULL, *bt = NULL;

	read_text("/proc/self/net/snmp", text, sizeof(text));
	names = strstr(text, "Tcp: ");
	values = names == NULL ? NULL : strstr(names + 1, "\nTcp: ");
	if (values == NULL)
		return 0;
	*values++ = '\0';
	values[strcspn(values, "\n")] = '\0';
	name = strtok_r(names, " ", &at);
	value = strtok_r(values, " ", &bt);
	while (name != NULL && value != NULL) {
		if (strcmp(name, "RetransSegs") == 0)
			return strtoull(value, NULL, 10);
		name = strtok_r(NULL, " ", &at);
		value = strtok_r(NULL, " ", &bt);
	}
	return 0;
}

struct ct_counters ct_counters_read(const char *device, bool leader)
{
	struct ct_counters c = { 0 };
	struct rusage usage;

	/* of this thread: with threads as ranks the process's figures would count for each rank */
	if (getrusage(RUSAGE_THREAD, &usage) == 0) {
		c.switches = (uint64_t)usage.ru_nvcsw;
		c.forced_switches = (uint64_t)usage.ru_nivcsw;
		c.page_faults = (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
	}
	/* device names are file names: one that could leave the folder is none */
	if (device[0] == '\0' || strchr(device, '/') != NULL || device[0] == '.' || !leader)
		return c;
	c.rx_bytes = interface_counter(device, "rx_bytes");
	c.tx_bytes = interface_counter(device, "tx_bytes");
	c.retransmits = retransmits();
	return c;
}

void ct_counters_row(const struct ct_counters *c, int64_t row[CT_NCOUNTERS])
{
	const uint64_t fields[CT_NCOUNTERS] = {
		c->rx_bytes, c->tx_bytes, c->retransmits, c->switches, c->forced_switches,
		c->page_faults,
	};

	for (size_t i = 0; i < CT_NCOUNTERS; i++)
		row[i] = (int64_t)fields[i];
}

void ct_counters_unrow(struct ct_counters *c, const int64_t row[CT_NCOUNTERS])
{
	uint64_t *const fields[CT_NCOUNTERS] = {
		&c->rx_bytes, &c->tx_bytes, &c->retransmits, &c->switches, &c->forced_switches,
		&c->page_faults,
	};

	for (size_t i = 0; i < CT_NCOUNTERS; i++)
		*fields[i] = row[i] < 0 ? 0 : (uint64_t)row[i];
}

void ct_counters_add(struct ct_counters *sum, const struct ct_counters *before,
	const struct ct_counters *after)
{
	int64_t s[CT_NCOUNTERS], a[CT_NCOUNTERS], b[CT_NCOUNTERS];

	ct_counters_row(sum, s);
	ct_counters_row(after, a);
	ct_counters_row(before, b);
	for (size_t i = 0; i < CT_NCOUNTERS; i++)
		if (a[i] > b[i]) /* a counter that was reset adds nothing */
			s[i] += a[i] - b[i];
	ct_counters_unrow(sum, s);
}
