/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libnccl-profiler-colltune.so: keeps of each collective what NCCL chose and how long its kernel took, and how
 * long each send and receive took, in rings of fixed size, and writes a file or one line when the communicator
 * goes. A collective's own start and stop only bracket its enqueueing: its time is from the first channel's
 * start to the last one's stop, by the GPU's timer. A handle is a number, not an address, so whatever comes
 * late finds its event or nothing; no call allocates, locks, or fails while a communicator lives.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "profile.h"

#define EXPORT __attribute__((visibility("default")))

/* Bits of a handle: kernel or what it belongs to, send or receive or a collective; whose communicator, which
 * event. */
enum { KERNEL = 1, P2P = 2, KIND_BITS = 2, CONTEXT_BITS = 10, CONTEXTS = 1 << CONTEXT_BITS };

/* The communicators of this process: stop() and state() are told a handle only. */
static _Atomic(struct ct_profile *) profiles[CONTEXTS];

/* Held while one of them comes, goes, is looked into from outside, or a mask is written. */
static pthread_mutex_t coming_and_going = PTHREAD_MUTEX_INITIALIZER;
static int watchers;

/* With the lock held. The mask may be one for all communicators. */
static void set_mask(struct ct_profile *profile)
{
	int mask = profile->events;

	if (profile->sparing)
		mask = watchers > 0 ? CT_NCCL_EVENT_COLL : 0;
	__atomic_store_n(profile->mask, mask, __ATOMIC_RELAXED); /* NCCL may read it meanwhile */
}

static void watch(bool on)
{
	pthread_mutex_lock(&coming_and_going);
	watchers += on ? 1 : -1;
	for (int i = 0; i < CONTEXTS; i++) {
		struct ct_profile *profile = atomic_load(&profiles[i]);

		if (profile != NULL && profile->sparing)
			set_mask(profile);
	}
	pthread_mutex_unlock(&coming_and_going);
}

static bool find(int rank, const void *send, const void *receive, struct ct_profiler_choice *choice)
{
	bool found = false;

	pthread_mutex_lock(&coming_and_going);
	for (int i = 0; i < CONTEXTS && !found; i++) {
		const struct ct_profile *profile = atomic_load(&profiles[i]);

		found = profile != NULL && profile->rank == rank &&
			ct_profile_find(profile, send, receive, choice);
	}
	pthread_mutex_unlock(&coming_and_going);
	return found;
}

struct ct_profiler *ct_profiler(void)
{
	/* One for the process by its very purpose. */
	static struct ct_profiler profiler = { .abi = CT_PROFILER_ABI, .watch = watch, .find = find };

	return &profiler;
}

static void *handle_of(uint64_t number, uint64_t context, uint64_t kind)
{
	return (void *)(uintptr_t)(number << (CONTEXT_BITS + KIND_BITS) | context << KIND_BITS | kind);
}

static bool is_kernel(const void *handle)
{
	return ((uintptr_t)handle & KERNEL) != 0;
}

/* The event of HANDLE, or NULL when another has taken its place. */
static struct ct_profile_event *event_of(const void *handle, const struct ct_profile **whose)
{
	uint64_t bits = (uintptr_t)handle, number = bits >> (CONTEXT_BITS + KIND_BITS);
	struct ct_profile *profile = atomic_load_explicit(
		&profiles[bits >> KIND_BITS & (CONTEXTS - 1)], memory_order_acquire);
	struct ct_profile_event *event;

	if (profile == NULL || number == 0)
		return NULL;
	event = &((bits & P2P) != 0 ? &profile->p2ps : &profile->colls)->events[number % CT_PROFILE_EVENTS];
	*whose = profile;
	return atomic_load_explicit(&event->number, memory_order_acquire) == number ? event : NULL;
}

static uint64_t host_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note_start(struct ct_profile_event *event, uint64_t ns)
{
	uint64_t before = atomic_load_explicit(&event->start_ns, memory_order_relaxed);

	while (ns < before && !atomic_compare_exchange_weak(&event->start_ns, &before, ns))
		;
}

static void note_end(struct ct_profile_event *event, uint64_t ns)
{
	uint64_t before = atomic_load_explicit(&event->end_ns, memory_order_relaxed);

	while (ns > before && !atomic_compare_exchange_weak(&event->end_ns, &before, ns))
		;
}

/* A place for a communicator, which NCCL tells of by MASK, at most EVENTS; NULL: none left, or no memory. Its
 * index plus one is NCCL's context. */
static struct ct_profile *open_profile(void **context, int *mask, int events)
{
	struct ct_profile *profile = ct_alloc(1, sizeof(*profile));
	const char *dir = secure_getenv("COLLTUNE_NCCL_PROFILE");

	*context = NULL;
	*mask = 0;
	if (profile == NULL)
		return NULL;
	if (dir != NULL && dir[0] != '\0')
		ct_plugin_gpu(profile->gpu, sizeof(profile->gpu)); /* at its end the driver may be gone */
	profile->mask = mask;
	profile->events = events;
	profile->sparing = atomic_load(&ct_profiler()->sparing) && (dir == NULL || dir[0] == '\0');
	atomic_fetch_add(&ct_profiler()->comms, 1);
	pthread_mutex_lock(&coming_and_going);
	for (uintptr_t i = 0; i < CONTEXTS; i++) {
		struct ct_profile *none = NULL;

		if (!atomic_compare_exchange_strong(&profiles[i], &none, profile))
			continue;
		set_mask(profile);
		pthread_mutex_unlock(&coming_and_going);
		*context = (void *)(i + 1);
		return profile;
	}
	pthread_mutex_unlock(&coming_and_going);
	ct_free(profile);
	return NULL;
}

static int init_v2(void **context, int *mask)
{
	(void)open_profile(context, mask, CT_NCCL_EVENT_COLL);
	return CT_NCCL_OK;
}

static int init_v3(void **context, int *mask)
{
	(void)open_profile(context, mask, CT_NCCL_EVENT_COLL | CT_NCCL_EVENT_KERNEL);
	return CT_NCCL_OK;
}

static int init_v5(void **context, uint64_t comm, int *mask, const char *comm_name, int nodes, int ranks,
	int rank, ct_nccl_log *log)
{
	struct ct_profile *profile;

	(void)comm_name;
	profile = open_profile(context, mask, CT_NCCL_EVENT_COLL | CT_NCCL_EVENT_P2P |
		CT_NCCL_EVENT_KERNEL);
	if (profile == NULL)
		return CT_NCCL_OK;
	profile->comm = comm;
	profile->log = log;
	profile->nodes = nodes;
	profile->ranks = ranks;
	profile->rank = rank;
	profile->gpu_clock = true;
	return CT_NCCL_OK;
}

static int init_v4(void **context, int *mask, const char *comm_name, uint64_t comm, int nodes, int ranks,
	int rank, ct_nccl_log *log)
{
	return init_v5(context, comm, mask, comm_name, nodes, ranks, rank, log);
}

static struct ct_profile *profile_of(const void *context)
{
	uintptr_t index = (uintptr_t)context - 1;

	return index < CONTEXTS ? atomic_load_explicit(&profiles[index], memory_order_acquire) : NULL;
}

/* The next place of RING, whose NUMBER is stored when it is filled. */
static struct ct_profile_event *next_event(struct ct_profile_ring *ring, uint64_t *number)
{
	struct ct_profile_event *event;

	*number = atomic_fetch_add_explicit(&ring->seen, 1, memory_order_relaxed) + 1;
	event = &ring->events[*number % CT_PROFILE_EVENTS];
	atomic_store_explicit(&event->number, 0, memory_order_release);
	atomic_store_explicit(&event->start_ns, UINT64_MAX, memory_order_relaxed);
	atomic_store_explicit(&event->end_ns, 0, memory_order_relaxed);
	return event;
}

static int start_p2p(const void *context, void **handle, const struct ct_nccl_p2p *p2p)
{
	struct ct_profile *profile = profile_of(context);
	struct ct_profile_event *event;
	uint64_t number;

	*handle = NULL;
	if (profile == NULL)
		return CT_NCCL_OK;
	event = next_event(&profile->p2ps, &number);
	event->sequence = number - 1; /* NCCL gives them none */
	event->count = p2p->count;
	event->func = p2p->func;
	event->datatype = p2p->datatype;
	event->channels = p2p->channels;
	event->peer = p2p->peer;
	atomic_store_explicit(&event->number, number, memory_order_release);
	*handle = handle_of(number, (uintptr_t)context - 1, P2P);
	return CT_NCCL_OK;
}

static int start_coll(const void *context, void **handle, const struct ct_nccl_coll_v4 *coll)
{
	struct ct_profile *profile = profile_of(context);
	struct ct_profile_event *event;
	uint64_t number;

	*handle = NULL;
	if (profile == NULL)
		return CT_NCCL_OK;
	event = next_event(&profile->colls, &number);
	event->sequence = coll->number;
	event->count = coll->count;
	event->send = coll->send;
	event->receive = coll->receive;
	event->func = coll->func;
	event->datatype = coll->datatype;
	event->algo = coll->algo;
	event->proto = coll->proto;
	event->channels = coll->channels;
	atomic_store_explicit(&event->number, number, memory_order_release);
	*handle = handle_of(number, (uintptr_t)context - 1, 0);
	return CT_NCCL_OK;
}

/* TIMER_NS 0: the host's clock. */
static int start_kernel(void **handle, const void *parent, uint64_t timer_ns)
{
	const struct ct_profile *profile;
	struct ct_profile_event *event = is_kernel(parent) ? NULL : event_of(parent, &profile);

	*handle = NULL;
	if (event == NULL)
		return CT_NCCL_OK;
	note_start(event, timer_ns != 0 ? timer_ns : host_ns());
	*handle = (void *)((uintptr_t)parent | KERNEL);
	return CT_NCCL_OK;
}

static int start_v5(void *context, void **handle, const struct ct_nccl_event_v5 *event)
{
	*handle = NULL;
	if (event->type == CT_NCCL_EVENT_COLL)
		return start_coll(context, handle, &event->coll);
	if (event->type == CT_NCCL_EVENT_P2P)
		return start_p2p(context, handle, &event->p2p);
	if (event->type == CT_NCCL_EVENT_KERNEL)
		return start_kernel(handle, event->parent, event->kernel.timer_ns);
	return CT_NCCL_OK;
}

static int start_v4(void *context, void **handle, const struct ct_nccl_event_v4 *event)
{
	*handle = NULL;
	if (event->type == CT_NCCL_EVENT_COLL)
		return start_coll(context, handle, &event->coll);
	if (event->type == CT_NCCL_EVENT_P2P)
		return start_p2p(context, handle, &event->p2p);
	if (event->type == CT_NCCL_EVENT_KERNEL)
		return start_kernel(handle, event->parent, event->kernel.timer_ns);
	return CT_NCCL_OK;
}

/* Before version 4 the communicator is told with each event. */
static void learn(const void *context, uint64_t comm, int rank)
{
	struct ct_profile *profile = profile_of(context);

	if (profile == NULL)
		return;
	profile->comm = comm;
	profile->rank = rank;
}

static int start_v3(void *context, void **handle, const struct ct_nccl_event_v3 *event)
{
	const struct ct_nccl_coll_v3 *c = &event->coll;
	struct ct_nccl_coll_v4 coll;

	*handle = NULL;
	if (event->type == CT_NCCL_EVENT_KERNEL)
		return start_kernel(handle, event->parent, 0);
	if (event->type != CT_NCCL_EVENT_COLL)
		return CT_NCCL_OK;
	learn(context, c->comm, event->rank);
	coll = (struct ct_nccl_coll_v4){ c->number, c->func, c->send, c->receive, c->count, c->root, c->datatype,
		c->channels, c->warps, c->algo, c->proto };
	return start_coll(context, handle, &coll);
}

static int start_v2(void *context, void **handle, const struct ct_nccl_event_v2 *event)
{
	const struct ct_nccl_coll_v2 *c = &event->coll;
	struct ct_nccl_coll_v4 coll;

	*handle = NULL;
	if (event->type != CT_NCCL_EVENT_COLL)
		return CT_NCCL_OK;
	learn(context, c->comm, event->rank);
	coll = (struct ct_nccl_coll_v4){ c->number, c->func, c->send, c->receive, c->count, c->root, c->datatype,
		c->channels, c->warps, c->algo, c->proto };
	return start_coll(context, handle, &coll);
}

/* A collective's stop is the end of its enqueueing. Where the GPU's time is not told, a kernel's stop is
 * when the host saw it. */
static int stop(void *handle)
{
	const struct ct_profile *profile;
	struct ct_profile_event *event = is_kernel(handle) ? event_of(handle, &profile) : NULL;

	if (event != NULL && !profile->gpu_clock)
		note_end(event, host_ns());
	return CT_NCCL_OK;
}

static int state_v4(void *handle, int state, const struct ct_nccl_kernel_state *arguments)
{
	const struct ct_profile *profile;
	struct ct_profile_event *event;

	if (state != CT_NCCL_KERNEL_STOPPED || !is_kernel(handle) || arguments == NULL)
		return CT_NCCL_OK;
	event = event_of(handle, &profile);
	if (event != NULL)
		note_end(event, arguments->timer_ns);
	return CT_NCCL_OK;
}

static int state_v2(void *handle, int state, const void *arguments)
{
	(void)handle;
	(void)state;
	(void)arguments;
	return CT_NCCL_OK;
}

static void report(const struct ct_profile *profile)
{
	const char *dir = secure_getenv("COLLTUNE_NCCL_PROFILE");
	ct_status status = CT_OK;
	char line[256];

	if (dir != NULL && dir[0] != '\0')
		status = ct_profile_write(profile, dir);
	if (profile->log == NULL)
		return;
	ct_profile_summary(profile, line, sizeof(line));
	profile->log(CT_NCCL_LOG_INFO, CT_NCCL_LOG_PROFILE | CT_NCCL_LOG_TUNING, __FILE__, __LINE__,
		"PROFILER/colltune: %s", line);
	if (status != CT_OK)
		profile->log(CT_NCCL_LOG_WARN, CT_NCCL_LOG_PROFILE | CT_NCCL_LOG_TUNING, __FILE__, __LINE__,
			"PROFILER/colltune: no file written: %s", ct_why());
}

static int finalize(void *context)
{
	uintptr_t index = (uintptr_t)context - 1;
	struct ct_profile *profile = profile_of(context);

	if (profile == NULL)
		return CT_NCCL_OK;
	report(profile);
	pthread_mutex_lock(&coming_and_going);
	atomic_store(&profiles[index], NULL);
	pthread_mutex_unlock(&coming_and_going);
	ct_free(profile);
	return CT_NCCL_OK;
}

static const char plugin_name[] = "colltune";

EXPORT extern const struct ct_nccl_profiler_v2 ncclProfiler_v2;
EXPORT extern const struct ct_nccl_profiler_v3 ncclProfiler_v3;
EXPORT extern const struct ct_nccl_profiler_v4 ncclProfiler_v4;
EXPORT extern const struct ct_nccl_profiler_v5 ncclProfiler_v5, ncclProfiler_v6;

const struct ct_nccl_profiler_v2 ncclProfiler_v2 = { plugin_name, init_v2, start_v2, stop, state_v2, finalize };
const struct ct_nccl_profiler_v3 ncclProfiler_v3 = { plugin_name, init_v3, start_v3, stop, state_v2, finalize };
const struct ct_nccl_profiler_v4 ncclProfiler_v4 = { plugin_name, init_v4, start_v4, stop, state_v4, finalize };
const struct ct_nccl_profiler_v5 ncclProfiler_v5 = { plugin_name, init_v5, start_v5, stop, state_v4, finalize };
const struct ct_nccl_profiler_v5 ncclProfiler_v6 = { plugin_name, init_v5, start_v5, stop, state_v4, finalize };
