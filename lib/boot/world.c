/* SPDX-License-Identifier: BSD-3-Clause */
/* Where each rank runs: which ranks share a kernel, and how many processors they have there. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"

enum { MASK_CPUS = 8192, MASK_WORDS = MASK_CPUS / 64, NO_LIMIT = 0 };

/* What each rank tells about itself. */
struct home {
	uint64_t host;   /* identity of the kernel */
	uint64_t group;  /* identity of the control group that limits it */
	uint32_t limit;  /* processors that this group may use, rounded up; NO_LIMIT */
	uint32_t pid;
	char name[CT_HOST_NAME];
	uint64_t mask[MASK_WORDS];
};

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t hash_text(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return h;
}

/* First bytes of a small file as text without its last newline; false if it cannot be read. */
static bool read_text(const char *path, char *out, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, out, room - 1);
	close(fd);
	if (n <= 0)
		return false;
	out[n] = '\0';
	if (out[n - 1] == '\n')
		out[n - 1] = '\0';
	return true;
}

/* "MAX PERIOD" in us, or "max PERIOD" (Linux Documentation/admin-guide/cgroup-v2.rst, cpu.max). */
static uint32_t parse_cpu_max(const char *text)
{
	unsigned long long quota, period;

	if (sscanf(text, "%llu %llu", &quota, &period) != 2 || period == 0 || quota == 0)
		return NO_LIMIT;
	quota = quota / period + (quota % period != 0);
	return quota > UINT32_MAX ? NO_LIMIT : (uint32_t)quota;
}

/* The tightest cpu.max from this process's control group (version 2) up to the root. */
static void read_limit(struct home *home)
{
	char groups[4096], dir[4200], path[4300], text[64];
	const char *own;
	char *end;

	if (!read_text("/proc/self/cgroup", groups, sizeof(groups)))
		return;
	own = strncmp(groups, "0::", 3) == 0 ? groups : strstr(groups, "\n0::");
	if (own == NULL)
		return;
	own = strchr(own, '/');
	if (own == NULL)
		return;
	snprintf(dir, sizeof(dir), "/sys/fs/cgroup%.*s", (int)strcspn(own, "\n"), own);
	while (strlen(dir) >= strlen("/sys/fs/cgroup")) {
		uint32_t limit;

		snprintf(path, sizeof(path), "%s/cpu.max", dir);
		limit = read_text(path, text, sizeof(text)) ? parse_cpu_max(text) : NO_LIMIT;
		if (limit != NO_LIMIT && (home->limit == NO_LIMIT || limit < home->limit)) {
			home->limit = limit;
			home->group = hash_text(dir);
		}
		end = strrchr(dir, '/');
		*end = '\0';
	}
}

static void read_mask(struct home *home)
{
	cpu_set_t set[MASK_CPUS / CPU_SETSIZE];
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	memset(set, 0, sizeof(set));
	if (sched_getaffinity(0, sizeof(set), set) != 0) { /* a filter, or even more processors */
		for (long i = 0; i < online && i < MASK_CPUS; i++)
			CPU_SET_S((size_t)i, sizeof(set), set);
	}
	for (size_t i = 0; i < MASK_CPUS; i++)
		if (CPU_ISSET_S(i, sizeof(set), set))
			home->mask[i / 64] |= 1ull << (i % 64);
}

static void look_around(struct home *home)
{
	char text[128], name[256] = "";

	memset(home, 0, sizeof(*home));
	if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0')
		strcpy(name, "unnamed");
	ct_text_clean(home->name, sizeof(home->name), name);
	/* without a boot id the name must do: then containers of one kernel are several hosts */
	home->host = read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text)) ?
		hash_text(text) : hash_text(name);
	home->pid = (uint32_t)getpid();
	read_mask(home);
	read_limit(home);
}

/* Is R the first rank of its host in its control group? A group's limit counts once. */
static bool group_is_new(const struct home *all, const struct ct_world *w, uint32_t r)
{
	for (uint32_t i = 0; i < r; i++)
		if (w->host_of[i] == w->host_of[r] && all[i].group == all[r].group)
			return false;
	return true;
}

/* Processors of host H: the union of its ranks' masks, at most what their groups may use. */
static uint32_t usable(const struct home *all, const struct ct_world *w, uint32_t h)
{
	uint64_t mask[MASK_WORDS] = { 0 }, limit = 0;
	bool limited = true;
	uint32_t cpus = 0;

	for (uint32_t r = 0; r < w->nranks; r++) {
		if (w->host_of[r] != h)
			continue;
		for (size_t i = 0; i < MASK_WORDS; i++)
			mask[i] |= all[r].mask[i];
		limited = limited && all[r].limit != NO_LIMIT;
		if (limited && group_is_new(all, w, r))
			limit += all[r].limit;
	}
	for (size_t i = 0; i < MASK_WORDS; i++)
		cpus += (uint32_t)__builtin_popcountll(mask[i]);
	if (limited && limit < cpus)
		cpus = (uint32_t)limit;
	return cpus == 0 ? 1 : cpus;
}

/* Gives every rank its host and fills the hosts; w->hosts has room for one host per rank. */
static void sort_out(const struct home *all, struct ct_world *w)
{
	for (uint32_t r = 0; r < w->nranks; r++) {
		uint32_t h = 0;

		while (h < w->nhosts && w->hosts[h].id != all[r].host)
			h++;
		if (h == w->nhosts) {
			w->hosts[h].id = all[r].host;
			memcpy(w->hosts[h].name, all[r].name, CT_HOST_NAME);
			w->hosts[h].name[CT_HOST_NAME - 1] = '\0';
			w->nhosts++;
		}
		if (r == w->rank)
			w->local_rank = w->hosts[h].ranks;
		w->hosts[h].ranks++;
		w->host_of[r] = h;
		w->pid_of[r] = all[r].pid;
	}
	for (uint32_t h = 0; h < w->nhosts; h++) {
		w->hosts[h].cpus = usable(all, w, h);
		w->oversubscribed = w->oversubscribed || w->hosts[h].ranks > w->hosts[h].cpus;
	}
	w->local_ranks = w->hosts[w->host_of[w->rank]].ranks;
}

static ct_status exchange(const struct ct_boot *boot, struct home *all)
{
	struct home mine;

	look_around(&mine);
	if (boot->nranks == 1) { /* a single rank's bootstrap may come without an allgather */
		memcpy(all, &mine, sizeof(mine));
		return CT_OK;
	}
	return boot->allgather(boot->ctx, &mine, all, sizeof(mine));
}

ct_status ct_world_make(const struct ct_boot *boot, struct ct_world *world)
{
	struct ct_world w = { .boot = boot, .rank = boot->rank, .nranks = boot->nranks };
	struct home *all;
	struct ct_host *fit;
	ct_status s;

	all = ct_alloc(w.nranks, sizeof(*all));
	w.host_of = all == NULL ? NULL : ct_alloc(w.nranks, sizeof(*w.host_of));
	w.pid_of = w.host_of == NULL ? NULL : ct_alloc(w.nranks, sizeof(*w.pid_of));
	w.hosts = w.pid_of == NULL ? NULL : ct_alloc(w.nranks, sizeof(*w.hosts));
	s = ct_boot_agree(boot, w.hosts == NULL ? CT_NOMEM : CT_OK);
	if (s == CT_OK)
		s = exchange(boot, all);
	if (s == CT_OK) {
		sort_out(all, &w);
		fit = ct_realloc(w.hosts, w.nhosts, sizeof(*w.hosts));
		w.hosts = fit == NULL ? w.hosts : fit; /* a larger block serves as well */
		*world = w;
	} else {
		ct_world_free(&w);
	}
	ct_free(all);
	return s;
}

void ct_world_free(struct ct_world *world)
{
	ct_free(world->host_of);
	ct_free(world->pid_of);
	ct_free(world->hosts);
	*world = (struct ct_world){ 0 };
}
