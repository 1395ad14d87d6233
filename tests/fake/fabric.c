/* SPDX-License-Identifier: BSD-3-Clause */
/* The file that all processes map. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"

static struct {
	pthread_once_t once;
	struct fake_fabric *fabric;
	char dir[200];
	int32_t pid;
} here = { .once = PTHREAD_ONCE_INIT };

int32_t ct_fake_pid(void)
{
	return here.pid;
}

const char *ct_fake_dir(void)
{
	return here.dir;
}

int64_t ct_fake_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void ct_fake_lock(struct fake_fabric *f)
{
	if (pthread_mutex_lock(&f->lock) == EOWNERDEAD)
		(void)pthread_mutex_consistent(&f->lock);
}

void ct_fake_unlock(struct fake_fabric *f)
{
	(void)pthread_mutex_unlock(&f->lock);
}

uint64_t ct_fake_started(int32_t pid)
{
	char path[40], text[512];
	unsigned long long started = 0;
	const char *at;
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	at = strrchr(text, ')'); /* field 2 may hold anything; 22 is the start time */
	for (int field = 2; at != NULL && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at != NULL)
		started = strtoull(at + 1, NULL, 10);
	return started;
}

/* ---- arena --------------------------------------------------------------------------------- */

uint64_t ct_fake_arena_take(struct fake_fabric *f, uint64_t bytes, uint32_t *pages)
{
	uint32_t need = (uint32_t)((bytes + FAKE_PAGE - 1) / FAKE_PAGE), run = 0;

	for (uint32_t i = 0; bytes > 0 && i < FAKE_PAGES; i++) {
		run = f->used[i] ? 0 : run + 1;
		if (run < need)
			continue;
		i -= need - 1;
		memset(f->used + i, 1, need);
		*pages = need;
		memset(f->arena + (size_t)i * FAKE_PAGE, 0, (size_t)need * FAKE_PAGE);
		return (uint64_t)(f->arena - (char *)f) + (uint64_t)i * FAKE_PAGE;
	}
	return 0;
}

void ct_fake_arena_give(struct fake_fabric *f, uint64_t at, uint32_t pages)
{
	if (at != 0)
		memset(f->used + (at - (uint64_t)(f->arena - (char *)f)) / FAKE_PAGE, 0, pages);
}

/* ---- processes that are gone --------------------------------------------------------------- */

static void free_queues(struct fake_fabric *f, uint32_t index, struct fake_device *d)
{
	for (uint32_t i = 0; i < f->top_qp; i++)
		if (f->qps[i].live && f->qps[i].context == index)
			ct_fake_free_qp(f, &f->qps[i]);
	for (uint32_t i = 0; i < FAKE_SRQS; i++)
		if (f->srqs[i].live && f->srqs[i].context == index) {
			ct_fake_recvs_free(f, &f->srqs[i].recvs);
			f->srqs[i].live = 0;
			d->nsrq--;
		}
	for (uint32_t i = 0; i < f->top_cq; i++)
		if (f->cqs[i].live && f->cqs[i].context == index) {
			ct_fake_arena_give(f, f->cqs[i].ring, f->cqs[i].pages);
			f->cqs[i].live = 0;
			d->ncq--;
		}
}

void ct_fake_free_context(struct fake_fabric *f, uint32_t index)
{
	struct fake_context *c = &f->contexts[index];
	struct fake_device *d = &f->devices[c->device];
	char path[256];

	free_queues(f, index, d);
	for (uint32_t i = 0; i < f->top_mr; i++)
		if (f->mrs[i].live && f->mrs[i].context == index) {
			f->mrs[i].live = 0;
			d->nmr--;
		}
	for (uint32_t i = 0; i < FAKE_CHANNELS; i++)
		if (f->channels[i].live && f->channels[i].context == index) {
			ct_fake_fifo_path(path, sizeof(path), f->channels[i].number);
			unlink(path);
			f->channels[i].live = 0;
		}
	ct_fake_fifo_path(path, sizeof(path), c->number);
	unlink(path);
	c->live = 0;
}

void ct_fake_sweep(struct fake_fabric *f)
{
	for (uint32_t i = 0; i < FAKE_CONTEXTS; i++) {
		const struct fake_context *c = &f->contexts[i];

		if (c->live && ct_fake_started(c->pid) != c->started)
			ct_fake_free_context(f, i);
	}
}

/* ---- mapping ------------------------------------------------------------------------------- */

static struct fake_fabric *fail(const char *what, const char *which)
{
	fprintf(stderr, "fakeib: %s: %s\n", which, what);
	return NULL;
}

static void make_lock(struct fake_fabric *f)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&f->lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

/* The file is held by flock(). A fabric that no process uses takes the new description. */
static bool describe(struct fake_fabric *f, const char *spec, size_t bytes, char *why, size_t size)
{
	bool fresh = f->magic != FAKE_MAGIC || f->bytes != bytes;

	if (fresh) {
		if (f->magic != 0) {
			snprintf(why, size, "the fabric is of another version: remove it");
			return false;
		}
		make_lock(f);
		f->bytes = bytes;
	} else if (strcmp(f->spec, spec) == 0) {
		return true;
	} else {
		ct_fake_lock(f);
		ct_fake_sweep(f);
		ct_fake_unlock(f);
		for (uint32_t i = 0; i < FAKE_CONTEXTS; i++)
			if (f->contexts[i].live) {
				snprintf(why, size, "FAKEIB differs from the fabric's (\"%.300s\"), which "
					"process %d uses", f->spec, (int)f->contexts[i].pid);
				return false;
			}
	}
	if (!ct_fake_spec(f, spec, why, size))
		return false;
	snprintf(f->spec, sizeof(f->spec), "%s", spec);
	f->magic = FAKE_MAGIC;
	return true;
}

/* The folder is made, for this user alone, and nobody else's is taken. */
static int open_file(const char *dir, bool make)
{
	struct stat st;
	int at, fd;

	if (make && mkdir(dir, 0700) != 0 && errno != EEXIST)
		return -1;
	at = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0)
		return -1;
	if (fstat(at, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		close(at);
		errno = EPERM;
		return -1;
	}
	fd = openat(at, "fabric", O_RDWR | (make ? O_CREAT : 0) | O_NOFOLLOW | O_CLOEXEC, 0600);
	close(at);
	return fd;
}

struct fake_fabric *ct_fake_map(const char *dir, const char *spec)
{
	size_t bytes = sizeof(struct fake_fabric) + (size_t)FAKE_PAGES * FAKE_PAGE;
	struct fake_fabric *f;
	char why[600] = "";
	int fd;

	here.pid = getpid();
	snprintf(here.dir, sizeof(here.dir), "%s", dir);
	fd = open_file(dir, spec != NULL);
	if (fd < 0)
		return fail(errno == EPERM ? "is not this user's alone (mode 0700)" : strerror(errno), dir);
	if (flock(fd, LOCK_EX) != 0 || ftruncate(fd, (off_t)bytes) != 0) {
		close(fd);
		return fail(strerror(errno), dir);
	}
	f = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (f == MAP_FAILED) {
		close(fd);
		return fail(strerror(errno), dir);
	}
	if (spec == NULL ? f->magic != FAKE_MAGIC : !describe(f, spec, bytes, why, sizeof(why))) {
		munmap(f, bytes);
		f = fail(why[0] != '\0' ? why : "holds no fabric", dir);
	}
	flock(fd, LOCK_UN);
	close(fd);
	return f;
}

static void once(void)
{
	const char *dir = secure_getenv("FAKEIB_DIR"), *spec = secure_getenv("FAKEIB");

	if (dir == NULL || strlen(dir) >= sizeof(here.dir)) {
		fprintf(stderr, "fakeib: FAKEIB_DIR must name the folder of the simulated fabric, in less "
			"than %zu characters\n", sizeof(here.dir));
		return;
	}
	here.fabric = ct_fake_map(dir, spec != NULL ? spec : "");
	/* Where the kernel asks who may read whose memory. */
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
}

struct fake_fabric *ct_fake_fabric(void)
{
	pthread_once(&here.once, once);
	return here.fabric;
}

/* What this process holds goes with it, so that peers see it gone at once. */
__attribute__((destructor)) static void leave(void)
{
	struct fake_fabric *f = here.fabric;

	if (f == NULL || getpid() != here.pid)
		return;
	ct_fake_lock(f);
	for (uint32_t i = 0; i < FAKE_CONTEXTS; i++)
		if (f->contexts[i].live && f->contexts[i].pid == here.pid)
			ct_fake_free_context(f, i);
	ct_fake_unlock(f);
}
