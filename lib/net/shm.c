/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transport shm: ranks of one host through memfd rings and, from single_bytes on, one copy by
 * process_vm_readv. Ranks may be processes of one user or threads of one process; both are treated
 * alike. The rings' layout and movement are in shm_ring.[ch]; here are opening and bookkeeping.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm_ring.h"

#define CT_SHM_MAGIC 0x63745368u /* "ctSh" */

/* Rings of one rank take at most AREA_BYTES together, unless MIN_CELLS cells a ring are more:
 * 4 MiB a rank, 256 MiB for 64 ranks, and only what is used becomes resident. */
enum {
	AREA_BYTES = 4 << 20, MIN_CELLS = 4, MAX_CELLS = 32, HEAD_BYTES = 4096,
	BOUNCE_BYTES = 128 << 10, LOOK_POLLS = 1024, LOOK_NS = 10000000
};

/* First page of an area. */
struct area {
	uint32_t magic, rank, nranks, cell_bytes, ncells;
	uint64_t nonce[2];
};

/* What peers need; the nonce proves that what they have opened is what was meant. */
struct address {
	uint32_t magic;
	int32_t pid, fd;
	uint32_t cell_bytes, ncells;
	uint64_t pid_space, bytes, map, nonce[2];
};

struct peer {
	struct ct_shm_out out;
	struct ct_shm_in in;
	struct ct_shm_reader reader;
	void *map; /* the ring in the peer's area that this rank fills */
	bool active, read_denied;
	ct_status broken; /* why nothing moves any more, and the reason in words */
	char why[160];
};

struct shm {
	const struct ct_world *world;
	struct ct_shm_shape shape;
	int fd;
	struct area *area;
	uint64_t area_bytes;
	uint64_t pid_space;
	void *bounce;
	struct peer *peers;
	uint32_t *active; /* ranks with requests under way */
	uint32_t nactive;
	uint32_t idle;    /* polls in a row that moved nothing */
	uint64_t looked_ns;
	struct ct_loop loop;
	char single_why[64];
};

static const struct ct_option options[] = { CT_SHM_OPTIONS(0), CT_NO_OPTION };
/* A collective sends what it has just reduced: lines that are dirty in the sender's cache, which the
 * kernel's copy fetches up to four times slower than ours. Where messages are clean one copy wins
 * from 16K on, where they are dirty only from about 256K on (results/, all-reduce of two ranks). */
static const struct ct_shm_settings defaults = { .cell_bytes = 8192, .single_bytes = 262144 };

/* ---- opening ------------------------------------------------------------------------------- */

/* Identity of this process's view of pids; 0 when /proc does not tell. */
static uint64_t pid_space(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static ct_status shm_probe(void)
{
	if (pid_space() == 0)
		return ct_fail(CT_UNSUPPORTED, "transport shm: /proc/self/ns/pid: %s",
			strerror(errno));
	return CT_OK;
}

static struct ct_shm_shape make_shape(const struct ct_shm_settings *set, uint32_t nranks)
{
	struct ct_shm_shape s = { .single_bytes = set->single_bytes };
	uint64_t rings = nranks - 1, page = HEAD_BYTES;

	s.cell_bytes = (uint32_t)(set->cell_bytes & ~63ull);
	s.stride = (sizeof(struct ct_shm_cell) + s.cell_bytes + 63) & ~63ull;
	s.ncells = MAX_CELLS;
	while (s.ncells > MIN_CELLS && rings * s.ncells * s.stride > AREA_BYTES)
		s.ncells /= 2;
	s.ring_bytes = (sizeof(struct ct_shm_ring) + s.ncells * s.stride + page - 1) & ~(page - 1);
	return s;
}

/* The ring that PRODUCER fills in the area of OWNER. */
static uint64_t ring_offset(const struct ct_shm_shape *shape, uint32_t owner, uint32_t producer)
{
	return HEAD_BYTES + shape->ring_bytes * (producer < owner ? producer : producer - 1);
}

/* Makes this rank's area: its size is sealed, so that nobody can pull it away under a peer. */
static ct_status make_area(struct shm *m)
{
	uint64_t bytes = ring_offset(&m->shape, m->world->nranks, m->world->nranks);
	void *at;

	m->fd = memfd_create("colltune", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (m->fd < 0)
		return ct_fail(CT_UNSUPPORTED, "transport shm: memfd_create: %s", strerror(errno));
	if (fchmod(m->fd, 0600) != 0 || ftruncate(m->fd, (off_t)bytes) != 0 ||
		fcntl(m->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return ct_fail(CT_IO, "transport shm: %llu bytes of shared memory: %s",
			(unsigned long long)bytes, strerror(errno));
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (at == MAP_FAILED)
		return ct_fail(CT_NOMEM, "transport shm: mapping %llu bytes: %s",
			(unsigned long long)bytes, strerror(errno));
	m->area = at;
	m->area_bytes = bytes;
	m->area->magic = CT_SHM_MAGIC;
	m->area->rank = m->world->rank;
	m->area->nranks = m->world->nranks;
	m->area->cell_bytes = m->shape.cell_bytes;
	m->area->ncells = m->shape.ncells;
	if (getrandom(m->area->nonce, sizeof(m->area->nonce), 0) != sizeof(m->area->nonce))
		return ct_fail(CT_IO, "transport shm: getrandom: %s", strerror(errno));
	return CT_OK;
}

static void set_peers(struct shm *m)
{
	for (uint32_t i = 0; i < m->world->nranks; i++) {
		struct peer *p = &m->peers[i];

		p->out.peer = p->in.peer = i;
		p->reader.bounce = m->bounce;
		p->reader.bounce_bytes = BOUNCE_BYTES;
		if (i != m->world->rank)
			p->in.ring = (void *)((char *)m->area + ring_offset(&m->shape,
				m->world->rank, i));
	}
}

static void shm_close(void *self)
{
	struct shm *m = self;

	for (uint32_t i = 0; m->peers != NULL && i < m->world->nranks; i++)
		if (m->peers[i].map != NULL)
			munmap(m->peers[i].map, m->shape.ring_bytes);
	if (m->area != NULL)
		munmap(m->area, m->area_bytes);
	if (m->fd >= 0)
		close(m->fd);
	ct_free(m->bounce);
	ct_free(m->active);
	ct_free(m->peers);
	ct_free(m);
}

static ct_status check(const struct ct_world *world, const struct ct_shm_settings *set)
{
	if (world->nhosts != 1)
		return ct_fail(CT_UNSUPPORTED, "transport shm: the ranks are spread over %u hosts",
			world->nhosts);
	if (set->cell_bytes < 64 || set->cell_bytes > 1 << 20)
		return ct_fail(CT_INVALID, "shm-cell: %llu is not within 64 and 1M bytes",
			(unsigned long long)set->cell_bytes);
	return CT_OK;
}

static ct_status shm_open_row(const struct ct_net_env *env, void **self)
{
	const struct ct_shm_settings *set = env->settings != NULL ? env->settings : &defaults;
	uint32_t n = env->world->nranks;
	struct shm *m;
	ct_status s = check(env->world, set);

	if (s != CT_OK)
		return s;
	m = ct_alloc(1, sizeof(*m));
	if (m == NULL)
		return CT_NOMEM;
	m->fd = -1;
	m->world = env->world;
	m->shape = make_shape(set, n);
	m->pid_space = pid_space();
	s = CT_NOMEM;
	m->peers = ct_alloc(n, sizeof(*m->peers));
	m->active = m->peers == NULL ? NULL : ct_alloc(n, sizeof(*m->active));
	m->bounce = m->active == NULL ? NULL : ct_alloc(1, BOUNCE_BYTES);
	if (m->bounce != NULL)
		s = make_area(m);
	if (s != CT_OK) {
		shm_close(m);
		return s;
	}
	set_peers(m);
	*self = m;
	return CT_OK;
}

static ct_status shm_address(void *self, void *out, size_t *bytes)
{
	const struct shm *m = self;
	struct address a = { .magic = CT_SHM_MAGIC, .pid = getpid(), .fd = m->fd,
		.cell_bytes = m->shape.cell_bytes, .ncells = m->shape.ncells,
		.pid_space = m->pid_space, .bytes = m->area_bytes,
		.map = (uintptr_t)m->area, .nonce = { m->area->nonce[0], m->area->nonce[1] } };

	_Static_assert(sizeof(a) <= CT_NET_ADDRESS, "address too long");
	memcpy(out, &a, sizeof(a));
	*bytes = sizeof(a);
	return CT_OK;
}

/* ---- connecting ---------------------------------------------------------------------------- */

/* Is FD the memory that A speaks of: ours by owner, of a fixed size, with the right head? */
static ct_status check_area(const struct shm *m, uint32_t peer, int fd, const struct address *a)
{
	struct stat st;
	struct area head;
	int seals = fcntl(fd, F_GET_SEALS);

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return ct_fail(CT_UNSUPPORTED,
			"transport shm: the memory of rank %u belongs to another "
			"user", peer);
	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || (uint64_t)st.st_size != a->bytes ||
		a->bytes != m->area_bytes)
		return ct_fail(CT_CORRUPT, "transport shm: the memory of rank %u has another size",
			peer);
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || head.magic != CT_SHM_MAGIC ||
		memcmp(head.nonce, a->nonce, sizeof(head.nonce)) != 0 || head.rank != peer ||
		head.nranks != m->world->nranks)
		return ct_fail(CT_UNSUPPORTED,
			"transport shm: process %d, descriptor %d is not rank %u as "
			"seen from here", a->pid, a->fd, peer);
	return CT_OK;
}

/* May we read that rank's memory? Tried on the nonce, which is known. */
static bool may_read(const struct peer *p, uint32_t peer, const struct address *a)
{
	struct area head;

	return ct_shm_read(&p->reader, peer, a->map, &head, sizeof(head)) == CT_OK &&
		memcmp(head.nonce, a->nonce, sizeof(head.nonce)) == 0;
}

static ct_status open_area(const struct shm *m, uint32_t peer, const struct address *a, int *fd)
{
	char path[64];

	if (a->magic != CT_SHM_MAGIC || a->pid <= 0 || a->fd < 0)
		return ct_fail(CT_CORRUPT, "transport shm: rank %u gave a broken address", peer);
	if (a->pid_space != m->pid_space)
		return ct_fail(CT_UNSUPPORTED,
			"transport shm: rank %u lives in another pid namespace "
			"(container): its memory cannot be opened through /proc", peer);
	if (a->cell_bytes != m->shape.cell_bytes || a->ncells != m->shape.ncells)
		return ct_fail(CT_INVALID,
			"transport shm: rank %u has cells of %u bytes, this rank of %u: "
			"give every rank the same --shm-cell", peer, a->cell_bytes,
				m->shape.cell_bytes);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", a->pid, a->fd);
	*fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return ct_fail(CT_UNSUPPORTED, "transport shm: the memory of rank %u: %s: %s", peer,
			path,
			strerror(errno));
	return CT_OK;
}

static ct_status shm_connect(void *self, uint32_t peer, const void *address, size_t bytes)
{
	struct shm *m = self;
	struct peer *p = &m->peers[peer];
	struct address a;
	ct_status s;
	void *at;
	int fd = -1;

	if (bytes != sizeof(a))
		return ct_fail(CT_CORRUPT, "transport shm: rank %u gave an address of %zu bytes",
			peer,
			bytes);
	memcpy(&a, address, sizeof(a));
	s = open_area(m, peer, &a, &fd);
	if (s != CT_OK)
		return s;
	s = check_area(m, peer, fd, &a);
	if (s != CT_OK)
		goto close_fd;
	at = mmap(NULL, m->shape.ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		(off_t)ring_offset(&m->shape, peer, m->world->rank));
	if (at == MAP_FAILED) {
		s = ct_fail(CT_NOMEM, "transport shm: mapping the ring of rank %u: %s", peer,
			strerror(errno));
		goto close_fd;
	}
	p->map = p->out.ring = at;
	p->reader.pid = a.pid;
	p->read_denied = !may_read(p, peer, &a);
close_fd:
	close(fd);
	return s;
}

/* All ranks use the single copy, or none: sender and receiver must agree on it, and a job of two
 * speeds would be hard to explain. */
static ct_status shm_ready(void *self)
{
	struct shm *m = self;
	const struct ct_boot *boot = m->world->boot;
	ct_status mine = CT_OK, s;

	close(m->fd);
	m->fd = -1;
	for (uint32_t i = 0; i < m->world->nranks && m->shape.single_bytes > 0; i++)
		if (m->peers[i].read_denied)
			mine = ct_fail(CT_UNSUPPORTED, "process_vm_readv is not permitted here");
	s = ct_boot_agree(boot, mine);
	if (s == CT_UNSUPPORTED) {
		m->shape.single_bytes = 0;
		snprintf(m->single_why, sizeof(m->single_why),
			" (process_vm_readv is not permitted)");
		s = CT_OK;
	}
	return s;
}

static void shm_query(void *self, struct ct_net_caps *caps)
{
	const struct shm *m = self;
	char cell[32], single[32];

	ct_size_text(m->shape.cell_bytes, cell);
	ct_size_text(m->shape.single_bytes, single);
	caps->eager_bytes = m->shape.cell_bytes;
	if (m->shape.single_bytes > 0 && m->shape.single_bytes <= caps->eager_bytes)
		caps->eager_bytes = m->shape.single_bytes - 1;
	caps->sink = true;
	caps->data_unchecked = true;
	if (m->shape.single_bytes > 0)
		snprintf(caps->path, sizeof(caps->path),
			"memfd rings of %u x %s, two copies; one copy by "
			"process_vm_readv from %s on", m->shape.ncells, cell, single);
	else
		snprintf(caps->path, sizeof(caps->path), "memfd rings of %u x %s, two copies%s",
			m->shape.ncells, cell, m->single_why);
	snprintf(caps->expectation, sizeof(caps->expectation), "copy");
}

/* ---- moving -------------------------------------------------------------------------------- */

static bool has_work(const struct peer *p)
{
	return p->out.sends.head != NULL || p->out.singles.head != NULL || p->in.recvs.head != NULL;
}

/* Ends all requests of P, now and later, with the error that this thread has just explained. */
static void give_up(struct peer *p, ct_status s)
{
	if (p->broken == CT_OK) {
		p->broken = s;
		snprintf(p->why, sizeof(p->why), "%s", ct_why());
	}
	ct_fifo_fail(&p->out.sends, s);
	ct_fifo_fail(&p->out.singles, s);
	ct_fifo_fail(&p->in.recvs, s);
}

static void progress(struct shm *m, struct peer *p, bool *moved)
{
	ct_status s = CT_OK;

	if (p->in.recvs.head != NULL)
		s = ct_shm_pull(&m->shape, &p->in, &p->reader, moved);
	if (s == CT_OK && (p->out.sends.head != NULL || p->out.singles.head != NULL))
		s = ct_shm_push(&m->shape, &p->out, moved);
	if (s != CT_OK) {
		*moved = true;
		give_up(p, s);
	}
}

static ct_status shm_post(void *self, struct ct_net_req *req)
{
	struct shm *m = self;
	struct peer *p;
	bool moved = false;

	if (req->peer >= m->world->nranks)
		return ct_fail(CT_INVALID, "no rank %u: this job has %u ranks", req->peer,
			m->world->nranks);
	if (req->peer == m->world->rank) {
		ct_loop_post(&m->loop, req);
		return CT_OK;
	}
	p = &m->peers[req->peer];
	if (p->broken != CT_OK) {
		req->status = ct_fail(p->broken, "%s", p->why);
		return CT_OK;
	}
	req->done = 0;
	if (req->kind == CT_NET_RECV) {
		ct_fifo_push(&p->in.recvs, req);
	} else {
		ct_fifo_push(&p->out.sends, req);
		if (p->out.sends.head == req)
			progress(m, p, &moved);
	}
	if (!p->active && has_work(p)) {
		p->active = true;
		m->active[m->nactive++] = req->peer;
	}
	return CT_OK;
}

/* A process that has ended, reaped or not. */
static bool is_gone(int32_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { fd, POLLIN, 0 };
	bool gone;

	if (fd < 0)
		return kill(pid, 0) != 0 && errno == ESRCH;
	gone = poll(&p, 1, 0) == 1;
	close(fd);
	return gone;
}

/* When nothing has moved for a while: are those still alive whom we wait for? What a rank wrote
 * before it ended counts, so its ring is emptied first. */
static void look_for_dead(struct shm *m)
{
	uint64_t now = ct_now_ns();

	if (now - m->looked_ns < LOOK_NS)
		return;
	m->looked_ns = now;
	for (uint32_t i = 0; i < m->nactive; i++) {
		struct peer *p = &m->peers[m->active[i]];
		bool moved = false;

		if (p->reader.pid == getpid() || !is_gone(p->reader.pid))
			continue;
		do {
			moved = false;
			progress(m, p, &moved);
		} while (moved && has_work(p));
		if (has_work(p))
			give_up(p, ct_fail(CT_PEER,
				"rank %u (process %d) has ended while messages to or from "
				"it were under way", m->active[i], p->reader.pid));
	}
}

static ct_status shm_poll(void *self)
{
	struct shm *m = self;
	bool moved = false;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->nactive; i++)
		progress(m, &m->peers[m->active[i]], &moved);
	if (moved || m->nactive == 0) {
		m->idle = 0;
	} else if (++m->idle >= LOOK_POLLS) {
		m->idle = 0;
		look_for_dead(m);
	}
	for (uint32_t i = 0; i < m->nactive; i++) {
		struct peer *p = &m->peers[m->active[i]];

		p->active = has_work(p);
		if (p->active)
			m->active[kept++] = m->active[i];
	}
	m->nactive = kept;
	return CT_OK;
}

const struct ct_net_ops ct_net_shm = {
	.abi = CT_NET_ABI,
	.name = "shm",
	.summary = "shared memory of one host: memfd rings, single copy where permitted",
	.options = options,
	.settings_bytes = sizeof(struct ct_shm_settings),
	.probe = shm_probe,
	.open = shm_open_row,
	.close = shm_close,
	.query = shm_query,
	.address = shm_address,
	.connect = shm_connect,
	.ready = shm_ready,
	.post = shm_post,
	.poll = shm_poll,
};
