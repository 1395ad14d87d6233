/* SPDX-License-Identifier: BSD-3-Clause */
/* The settings of the kernel and of this process that decide about speed. Each reader fills its
 * rows or says why it cannot. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "machine.h"

#define CT_SETTING_KIND(id, name, kind, help) CT_SETTING_##kind,
const enum ct_setting_kind ct_setting_kinds[CT_NSETTINGS] = { CT_SETTING_LIST(CT_SETTING_KIND) };
#undef CT_SETTING_KIND

#define CT_SETTING_NAME(id, name, kind, help) name,
static const char *const names[CT_NSETTINGS] = { CT_SETTING_LIST(CT_SETTING_NAME) };
#undef CT_SETTING_NAME

const char *ct_setting_name(enum ct_setting_id id)
{
	return (unsigned int)id < CT_NSETTINGS ? names[id] : "?";
}

static const char *bytes_text(uint64_t bytes, char *out, size_t room)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(out, room, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}

const char *ct_setting_text(const struct ct_facts *facts, enum ct_setting_id id, char *out,
	size_t room)
{
	const struct ct_setting *s = &facts->setting[id];

	if (!s->known)
		snprintf(out, room, "not readable: %s", s->text);
	else if (ct_setting_kinds[id] == CT_SETTING_TEXT)
		snprintf(out, room, "%s", s->text);
	else if (s->number == CT_UNLIMITED)
		snprintf(out, room, "no limit");
	else if (ct_setting_kinds[id] == CT_SETTING_BYTES)
		bytes_text(s->number, out, room);
	else if (ct_setting_kinds[id] == CT_SETTING_FLAG)
		snprintf(out, room, "%s", s->number != 0 ? "on" : "off");
	else if (ct_setting_kinds[id] == CT_SETTING_MILLICPU)
		snprintf(out, room, "%.3g CPUs", (double)s->number / 1000);
	else
		snprintf(out, room, "%llu", (unsigned long long)s->number);
	return out;
}

void ct_setting_text_known(struct ct_setting *s, const char *text)
{
	s->known = true;
	snprintf(s->text, sizeof(s->text), "%s", text);
}

static void known_number(struct ct_setting *s, uint64_t number)
{
	s->known = true;
	s->number = number;
	s->text[0] = '\0';
}

void ct_setting_unknown(struct ct_setting *s, const char *path, int error)
{
	s->known = false;
	s->number = CT_UNKNOWN;
	snprintf(s->text, sizeof(s->text), "/%s: %s", path,
		error == -ERANGE ? "not a number" : strerror(-error));
}

static void read_line(const struct ct_sys *sys, struct ct_setting *s, const char *path)
{
	char line[128];
	int error = ct_sys_line(sys, line, sizeof(line), "%s", path);

	if (error != 0)
		ct_setting_unknown(s, path, error);
	else
		ct_setting_text_known(s, line);
}

static void read_number(const struct ct_sys *sys, struct ct_setting *s, const char *path)
{
	uint64_t value = 0;
	int error = ct_sys_u64(sys, &value, "%s", path);

	if (error != 0)
		ct_setting_unknown(s, path, error);
	else
		known_number(s, value);
}

/* "always [madvise] never": the word in brackets. */
static void read_thp(const struct ct_sys *sys, struct ct_setting *s)
{
	static const char path[] = "sys/kernel/mm/transparent_hugepage/enabled";
	char line[128], *open, *close;
	int error = ct_sys_line(sys, line, sizeof(line), "%s", path);

	open = error == 0 ? strchr(line, '[') : NULL;
	close = open != NULL ? strchr(open, ']') : NULL;
	if (close == NULL) {
		ct_setting_unknown(s, path, error != 0 ? error : -EINVAL);
		return;
	}
	*close = '\0';
	ct_setting_text_known(s, open + 1);
}

/* sysfs has one directory per page size, hugepages-2048kB, with the number of pages. */
static void read_hugepages(const struct ct_sys *sys, struct ct_facts *facts)
{
	static const char dir[] = "sys/kernel/mm/hugepages";
	struct ct_setting *all = &facts->setting[CT_SET_HUGEPAGES];
	struct ct_setting *idle = &facts->setting[CT_SET_HUGEPAGES_FREE];
	char(*list)[CT_SYS_NAME] = NULL;
	uint64_t total = 0, spare = 0;
	int n = ct_sys_list(sys, dir, "hugepages-", &list);

	ct_setting_unknown(all, dir, n < 0 ? n : -ENODATA);
	for (int i = 0; i < n && facts->nhugepages < 8; i++) {
		struct ct_hugepages *h = &facts->hugepages[facts->nhugepages];
		unsigned long long kib = strtoull(list[i] + strlen("hugepages-"), NULL, 10);
		int error;

		if (kib == 0 || kib > UINT32_MAX)
			continue;
		h->bytes = kib * 1024;
		error = ct_sys_u64(sys, &h->total, "%s/%s/nr_hugepages", dir, list[i]);
		if (error == 0)
			error = ct_sys_u64(sys, &h->free, "%s/%s/free_hugepages", dir, list[i]);
		/* More than any machine has would overflow the sum. */
		if (error == 0 && (h->total > UINT32_MAX || h->free > h->total))
			error = -ERANGE;
		if (error != 0) {
			ct_setting_unknown(all, dir, error);
			facts->nhugepages = 0;
			break;
		}
		total += h->total * h->bytes;
		spare += h->free * h->bytes;
		facts->nhugepages++;
	}
	ct_free(list);
	*idle = *all;
	if (facts->nhugepages > 0) {
		known_number(all, total);
		known_number(idle, spare);
	}
}

/* "Max locked memory  8388608  8388608  bytes": the soft limit. From /proc rather than
 * getrlimit(), so that a captured tree is read by the same code. */
static void read_memlock(const struct ct_sys *sys, struct ct_setting *s)
{
	static const char path[] = "proc/self/limits", key[] = "Max locked memory";
	unsigned long long bytes;
	char text[8192], *line, *end;
	int n = ct_sys_read(sys, path, text, sizeof(text));

	line = n > 0 ? strstr(text, key) : NULL;
	if (line == NULL) {
		ct_setting_unknown(s, path, n < 0 ? n : -ENODATA);
		return;
	}
	line += strlen(key);
	line += strspn(line, " ");
	if (strncmp(line, "unlimited", strlen("unlimited")) == 0) {
		known_number(s, CT_UNLIMITED);
		return;
	}
	bytes = strtoull(line, &end, 10);
	if (end == line || *line == '-' || bytes > INT64_MAX)
		ct_setting_unknown(s, path, -ERANGE);
	else
		known_number(s, bytes);
}

static void read_shm(const struct ct_sys *sys, struct ct_setting *s)
{
	static const char path[] = "dev/shm";
	struct statvfs st;
	int fd;

	if (!sys->live) { /* the file system that the capture lies on says nothing about it */
		uint64_t bytes;

		if (ct_sys_u64(sys, &bytes, "said/dev_shm") == 0) {
			known_number(s, bytes);
			return;
		}
		s->number = CT_UNKNOWN;
		snprintf(s->text, sizeof(s->text), "/%s: its size is not in a captured tree", path);
		return;
	}
	fd = ct_sys_fd(sys, path, O_DIRECTORY);
	if (fd < 0)
		ct_setting_unknown(s, path, fd);
	else if (fstatvfs(fd, &st) != 0)
		ct_setting_unknown(s, path, -errno);
	else
		known_number(s, (uint64_t)st.f_blocks * st.f_frsize);
	if (fd >= 0)
		close(fd);
}

/* Every policy (a group of CPUs that share a frequency) has its governor. One word when all agree,
 * else who has which. */
static void read_governor(const struct ct_sys *sys, struct ct_setting *s)
{
	static const char dir[] = "sys/devices/system/cpu/cpufreq";
	char first[32], each[32], cpus[64];
	char(*list)[CT_SYS_NAME] = NULL;
	struct ct_buf all = ct_buf_make(sizeof(s->text) - 4);
	bool mixed = false;
	int error = 0, n = ct_sys_list(sys, dir, "policy", &list);

	for (int i = 0; i < n && error == 0; i++) {
		error = ct_sys_line(sys, each, sizeof(each), "%s/%s/scaling_governor", dir, list[i]);
		if (error == 0 &&
		    ct_sys_line(sys, cpus, sizeof(cpus), "%s/%s/related_cpus", dir, list[i]) != 0)
			snprintf(cpus, sizeof(cpus), "%s", list[i]);
		if (i == 0)
			memcpy(first, each, sizeof(first));
		mixed = mixed || strcmp(first, each) != 0;
		ct_buf_add(&all, "%s%s on %s", i == 0 ? "mixed: " : ", ", each, cpus);
	}
	ct_free(list);
	if (n == 0) { /* as in most virtual machines */
		s->number = CT_UNKNOWN;
		snprintf(s->text, sizeof(s->text), "/%s: no policies", dir);
	} else if (n < 0 || error != 0) {
		ct_setting_unknown(s, dir, n < 0 ? n : error);
	} else if (!mixed) {
		ct_setting_text_known(s, first);
	} else {
		/* The limit may have cut the list: its beginning still says that they differ. */
		ct_setting_text_known(s, all.text != NULL ? all.text : "mixed");
		if (ct_buf_status(&all) != CT_OK)
			strcat(s->text, "...");
	}
	ct_buf_free(&all);
}

/* Version 2: "max 100000" or "200000 100000" (quota and period in microseconds) in cpu.max. A quota
 * of -1 is none. 0 or -errno. */
static int limit_second(const struct ct_sys *sys, const char *dir, long long *quota,
	long long *period)
{
	char line[64];
	int error = ct_sys_line(sys, line, sizeof(line), "%s/cpu.max", dir);

	*quota = -1;
	if (error != 0 || strncmp(line, "max", 3) == 0)
		return error;
	return sscanf(line, "%18lld %18lld", quota, period) == 2 ? 0 : -EINVAL;
}

/* Version 1: the same in two files. */
static int limit_first(const struct ct_sys *sys, const char *dir, long long *quota,
	long long *period)
{
	char line[64];
	int error = ct_sys_line(sys, line, sizeof(line), "%s/cpu.cfs_quota_us", dir);

	if (error != 0)
		return error;
	if (sscanf(line, "%18lld", quota) != 1)
		return -EINVAL;
	error = ct_sys_line(sys, line, sizeof(line), "%s/cpu.cfs_period_us", dir);
	if (error != 0)
		return error;
	return sscanf(line, "%18lld", period) == 1 ? 0 : -EINVAL;
}

/* Lowers *LEAST, in thousandths of a CPU, to the limit of one cgroup. 0 or -errno. */
static int cgroup_limit(const struct ct_sys *sys, const char *dir, bool second, uint64_t *least)
{
	long long quota = -1, period = 0;
	int error = second ? limit_second(sys, dir, &quota, &period) :
			     limit_first(sys, dir, &quota, &period);

	if (error != 0 || quota < 0)
		return error;
	if (quota == 0 || period <= 0 || quota > INT64_MAX / 1000)
		return -ERANGE;
	if ((uint64_t)quota * 1000 / (uint64_t)period < *least)
		*least = (uint64_t)quota * 1000 / (uint64_t)period;
	return 0;
}

/* This process's path in the hierarchy that limits CPUs: "0::/path" (version 2) or
 * "1:cpu,cpuacct:/path" (version 1). NULL if there is none. */
static char *cgroup_path(char *text, bool second)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *controllers = strchr(line, ':');
		char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

		if (path == NULL)
			continue;
		*path++ = '\0';
		controllers++;
		if (second && strncmp(line, "0:", 2) == 0 && controllers[0] == '\0')
			return path;
		if (!second && (strcmp(controllers, "cpu") == 0 ||
				   strncmp(controllers, "cpu,", 4) == 0))
			return path;
	}
	return NULL;
}

/* The least limit from the process's cgroup up to the root of what is visible. In a container the
 * path may name what is not mounted there: its levels are skipped, the visible ones still count. */
static void read_cpu_limit(const struct ct_sys *sys, struct ct_setting *s)
{
	static const char membership[] = "proc/self/cgroup";
	bool second = ct_sys_there(sys, "sys/fs/cgroup/cgroup.controllers");
	const char *root = second ? "sys/fs/cgroup" : "sys/fs/cgroup/cpu";
	uint64_t least = CT_UNLIMITED;
	char text[4096], dir[512], *path, *slash;
	int error, n = ct_sys_read(sys, membership, text, sizeof(text));

	path = n > 0 ? cgroup_path(text, second) : NULL;
	if (path == NULL || strlen(path) > 400) {
		ct_setting_unknown(s, membership, n < 0 ? n : -ENODATA);
		return;
	}
	snprintf(dir, sizeof(dir), "%s%s", root, strcmp(path, "/") == 0 ? "" : path);
	do {
		error = cgroup_limit(sys, dir, second, &least);
		/* The root has no such file: no limit there. The message names the root only, since
		 * a cgroup's path may name a user or a container. */
		if (error != 0 && error != -ENOENT) {
			ct_setting_unknown(s, root, error);
			return;
		}
		slash = strrchr(dir, '/');
		*slash = '\0';
	} while (slash - dir >= (long)strlen(root));
	if (!ct_sys_there(sys, "%s", root))
		ct_setting_unknown(s, root, -ENOENT);
	else
		known_number(s, least);
}

/* True if /proc/cpuinfo has a line KEY that contains the word WORD; *FOUND tells whether there is
 * such a line at all. */
static bool cpuinfo_word(const struct ct_sys *sys, const char *key, const char *word, bool *found)
{
	/* The first CPU's paragraph is enough; the file of a large machine is longer. */
	char text[8192], *line, *end;
	int fd = ct_sys_fd(sys, "proc/cpuinfo", 0);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	line = strstr(text, key);
	*found = line != NULL;
	if (line == NULL)
		return false;
	end = strchr(line, '\n');
	if (end != NULL)
		*end = '\0';
	return strstr(line, word) != NULL;
}

/* x86 has a CPU flag; the name comes from DMI, which also tells on other CPUs. */
static void read_hypervisor(const struct ct_sys *sys, struct ct_setting *s)
{
	static const char dmi[] = "sys/class/dmi/id/sys_vendor";
	static const char *const virtual_vendors[] = { "QEMU", "VMware", "Xen", "innotek",
		"Microsoft Corporation", "Google", "Amazon EC2", "OpenStack", "Alibaba Cloud",
		"Bochs", "Parallels", "Red Hat", NULL };
	char vendor[64], product[64], text[140];
	bool has_flags, flagged = cpuinfo_word(sys, "flags\t", " hypervisor", &has_flags);
	int error = ct_sys_line(sys, vendor, sizeof(vendor), "%s", dmi);

	if (has_flags && !flagged) {
		ct_setting_text_known(s, "none");
		return;
	}
	ct_sys_line(sys, product, sizeof(product), "sys/class/dmi/id/product_name");
	snprintf(text, sizeof(text), "%s%s%s", vendor, product[0] != '\0' ? " " : "", product);
	if (flagged) {
		ct_setting_text_known(s, error == 0 ? text : "yes");
		return;
	}
	for (size_t i = 0; error == 0 && virtual_vendors[i] != NULL; i++) {
		if (strncmp(vendor, virtual_vendors[i], strlen(virtual_vendors[i])) == 0) {
			ct_setting_text_known(s, text);
			return;
		}
	}
	/* A vendor that is not in the list proves nothing. */
	ct_setting_unknown(s, error != 0 ? dmi : "proc/cpuinfo", error != 0 ? error : -ENODATA);
}

void ct_settings_read(const struct ct_sys *sys, struct ct_facts *facts)
{
	struct ct_setting *s = facts->setting;

	read_line(sys, &s[CT_SET_HOSTNAME], "proc/sys/kernel/hostname");
	read_line(sys, &s[CT_SET_KERNEL], "proc/sys/kernel/osrelease");
	read_hypervisor(sys, &s[CT_SET_HYPERVISOR]);
	read_governor(sys, &s[CT_SET_GOVERNOR]);
	read_number(sys, &s[CT_SET_SMT], "sys/devices/system/cpu/smt/active");
	read_thp(sys, &s[CT_SET_THP]);
	read_hugepages(sys, facts);
	read_memlock(sys, &s[CT_SET_MEMLOCK]);
	read_number(sys, &s[CT_SET_NUMA_BALANCING], "proc/sys/kernel/numa_balancing");
	read_shm(sys, &s[CT_SET_SHM]);
	read_cpu_limit(sys, &s[CT_SET_CPU_LIMIT]);
}
