/* SPDX-License-Identifier: BSD-3-Clause */
/* The device library: memory is the host's, a stream is a thread that works off a list. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host.h"

enum { OK = 0, INVALID = 1, NO_MEMORY = 2, NO_DEVICE = 100, BAD_DEVICE = 101, BAD_CONTEXT = 201,
	NOT_READY = 600, DRIVER = 13000, DEVICES = 8, MOST = 64 };

static __thread int current = -1;

/* ---- devices --------------------------------------------------------------------------------- */

static int devices(void)
{
	const char *text = getenv("CT_FAKE_NCCL_GPUS");
	int n = text != NULL ? atoi(text) : DEVICES;

	return n < 0 || n > MOST ? MOST : n;
}

int fake_gpu_current(void)
{
	return current;
}

int cuInit(unsigned int flags)
{
	(void)flags;
	return devices() > 0 ? OK : NO_DEVICE;
}

int cuDriverGetVersion(int *version)
{
	*version = DRIVER;
	return OK;
}

int cuDeviceGetCount(int *n)
{
	*n = devices();
	return OK;
}

int cuDeviceGet(int *device, int ordinal)
{
	if (ordinal < 0 || ordinal >= devices())
		return BAD_DEVICE;
	*device = ordinal;
	return OK;
}

int cuDeviceGetName(char *name, int room, int device)
{
	(void)device;
	snprintf(name, (size_t)room, "STAND-IN for a GPU on host memory");
	return OK;
}

int cuDeviceGetPCIBusId(char *id, int room, int device)
{
	snprintf(id, (size_t)room, "0000:%02X:00.0", 0x10 + device);
	return OK;
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
	static char places[MOST]; /* only their addresses mean something */

	*context = &places[device];
	current = device;
	return OK;
}

int cuDevicePrimaryCtxRelease_v2(int device)
{
	(void)device;
	return OK;
}

int cuCtxSetCurrent(void *context)
{
	void *first = NULL;
	int was = current;

	if (context == NULL) {
		current = -1;
		return OK;
	}
	(void)cuDevicePrimaryCtxRetain(&first, 0);
	current = was;
	if ((char *)context < (char *)first || (char *)context >= (char *)first + MOST)
		return BAD_CONTEXT;
	current = (int)((char *)context - (char *)first);
	return OK;
}

int cuCtxSynchronize(void)
{
	return current >= 0 ? OK : BAD_CONTEXT;
}

int cuGetErrorString(int error, const char **text)
{
	static const struct {
		int error;
		const char *text;
	} texts[] = {
		{ OK, "no error" }, { INVALID, "invalid argument" }, { NO_MEMORY, "out of memory" },
		{ NO_DEVICE, "no CUDA-capable device is detected" },
		{ BAD_DEVICE, "invalid device ordinal" }, { BAD_CONTEXT, "invalid device context" },
		{ NOT_READY, "device not ready" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].error == error) {
			*text = texts[i].text;
			return OK;
		}
	return INVALID;
}

/* ---- memory ---------------------------------------------------------------------------------- */

struct block {
	char *at;
	size_t bytes;
	struct block *next;
};

static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks;

bool fake_gpu_owns(const void *at, size_t bytes)
{
	const char *p = at;
	bool found = false;

	pthread_mutex_lock(&blocks_lock);
	for (const struct block *b = blocks; b != NULL && !found; b = b->next)
		found = p >= b->at && p + bytes <= b->at + b->bytes;
	pthread_mutex_unlock(&blocks_lock);
	return found;
}

int cuMemAlloc_v2(void **at, size_t bytes)
{
	struct block *b = calloc(1, sizeof(*b));

	if (current < 0 || bytes == 0) {
		free(b);
		return current < 0 ? BAD_CONTEXT : INVALID;
	}
	if (b == NULL || posix_memalign((void **)&b->at, 4096, bytes) != 0) {
		free(b);
		return NO_MEMORY;
	}
	memset(b->at, 0x5a, bytes);
	b->bytes = bytes;
	*at = b->at;
	pthread_mutex_lock(&blocks_lock);
	b->next = blocks;
	blocks = b;
	pthread_mutex_unlock(&blocks_lock);
	return OK;
}

int cuMemFree_v2(void *at)
{
	struct block **p, *b;

	pthread_mutex_lock(&blocks_lock);
	for (p = &blocks; *p != NULL && (*p)->at != at; p = &(*p)->next)
		continue;
	b = *p;
	if (b != NULL)
		*p = b->next;
	pthread_mutex_unlock(&blocks_lock);
	if (b == NULL)
		return INVALID;
	free(b->at);
	free(b);
	return OK;
}

int cuMemcpyHtoD_v2(void *to, const void *from, size_t bytes)
{
	if (!fake_gpu_owns(to, bytes))
		return INVALID;
	memcpy(to, from, bytes);
	return OK;
}

int cuMemcpyDtoH_v2(void *to, const void *from, size_t bytes)
{
	if (!fake_gpu_owns(from, bytes))
		return INVALID;
	memcpy(to, from, bytes);
	return OK;
}

/* ---- streams --------------------------------------------------------------------------------- */

struct item {
	void (*run)(void *arg);
	void (*drop)(void *arg);
	void *arg;
	struct item *next;
};

struct list {
	struct item *first, **last;
};

/* Captured items, shared by a graph and what was made of it. */
struct graph {
	struct list items;
	atomic_int users;
};

struct fake_stream {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct list items;
	bool busy, over;
	struct graph *capturing;
};

static void append(struct list *list, struct item *item)
{
	if (list->first == NULL)
		list->last = &list->first;
	*list->last = item;
	list->last = &item->next;
	item->next = NULL;
}

static void *work(void *arg)
{
	struct fake_stream *s = arg;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct item *item = s->items.first;

		if (item == NULL && s->over)
			break;
		if (item == NULL) {
			pthread_cond_wait(&s->moved, &s->lock);
			continue;
		}
		s->items.first = item->next;
		s->busy = true;
		pthread_mutex_unlock(&s->lock);
		item->run(item->arg);
		if (item->drop != NULL)
			item->drop(item->arg);
		free(item);
		pthread_mutex_lock(&s->lock);
		s->busy = false;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

void fake_stream_add(struct fake_stream *s, void (*run)(void *arg), void (*drop)(void *arg), void *arg)
{
	struct item *item = calloc(1, sizeof(*item));

	if (item == NULL)
		abort();
	*item = (struct item){ run, drop, arg, NULL };
	pthread_mutex_lock(&s->lock);
	append(s->capturing != NULL ? &s->capturing->items : &s->items, item);
	pthread_cond_signal(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

int cuStreamCreate(struct fake_stream **stream, unsigned int flags)
{
	struct fake_stream *s = calloc(1, sizeof(*s));

	(void)flags;
	if (s == NULL)
		return NO_MEMORY;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->moved, NULL);
	if (current < 0 || pthread_create(&s->thread, NULL, work, s) != 0) {
		free(s);
		return BAD_CONTEXT;
	}
	*stream = s;
	return OK;
}

int cuStreamDestroy_v2(struct fake_stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->over = true;
	pthread_cond_signal(&s->moved);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->moved);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return OK;
}

int cuStreamQuery(struct fake_stream *s)
{
	int result;

	pthread_mutex_lock(&s->lock);
	result = s->items.first != NULL || s->busy ? NOT_READY : OK;
	pthread_mutex_unlock(&s->lock);
	return result;
}

/* ---- events ---------------------------------------------------------------------------------- */

struct event {
	_Atomic uint64_t pending; /* records under way */
	_Atomic uint64_t ns;      /* of the last one; 0 = none yet */
};

static void happen(void *arg)
{
	struct event *e = arg;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	atomic_store(&e->ns, (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec);
	atomic_fetch_sub(&e->pending, 1);
}

int cuEventCreate(void **event, unsigned int flags)
{
	(void)flags;
	*event = calloc(1, sizeof(struct event));
	return *event != NULL ? OK : NO_MEMORY;
}

int cuEventDestroy_v2(void *event)
{
	free(event);
	return OK;
}

int cuEventRecord(void *event, struct fake_stream *stream)
{
	struct event *e = event;

	atomic_fetch_add(&e->pending, 1);
	fake_stream_add(stream, happen, NULL, e);
	return OK;
}

int cuEventSynchronize(void *event)
{
	struct event *e = event;
	struct timespec nap = { 0, 1000 };

	while (atomic_load(&e->pending) > 0)
		nanosleep(&nap, NULL);
	return OK;
}

int cuEventElapsedTime(float *ms, void *from, void *to)
{
	struct event *a = from, *b = to;

	if (atomic_load(&a->pending) > 0 || atomic_load(&b->pending) > 0)
		return NOT_READY;
	if (atomic_load(&a->ns) == 0 || atomic_load(&b->ns) == 0)
		return INVALID;
	*ms = (float)(int64_t)(atomic_load(&b->ns) - atomic_load(&a->ns)) / 1e6f;
	return OK;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static int drop_graph(struct graph *g)
{
	struct item *item;

	if (atomic_fetch_sub(&g->users, 1) > 1)
		return OK;
	while ((item = g->items.first) != NULL) {
		g->items.first = item->next;
		if (item->drop != NULL)
			item->drop(item->arg);
		free(item);
	}
	free(g);
	return OK;
}

static void run_graph(void *arg)
{
	struct graph *g = arg;

	for (struct item *item = g->items.first; item != NULL; item = item->next)
		item->run(item->arg);
}

static void drop_launch(void *arg)
{
	(void)drop_graph(arg);
}

int cuStreamBeginCapture_v2(struct fake_stream *s, int mode)
{
	(void)mode;
	if (s->capturing != NULL)
		return INVALID;
	s->capturing = calloc(1, sizeof(struct graph));
	if (s->capturing == NULL)
		return NO_MEMORY;
	atomic_store(&s->capturing->users, 1);
	return OK;
}

int cuStreamEndCapture(struct fake_stream *s, void **graph)
{
	if (s->capturing == NULL)
		return INVALID;
	*graph = s->capturing;
	s->capturing = NULL;
	return OK;
}

int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long flags)
{
	struct graph *g = graph;

	(void)flags;
	atomic_fetch_add(&g->users, 1);
	*exec = g;
	return OK;
}

int cuGraphLaunch(void *exec, struct fake_stream *stream)
{
	struct graph *g = exec;

	atomic_fetch_add(&g->users, 1);
	fake_stream_add(stream, run_graph, drop_launch, g);
	return OK;
}

int cuGraphExecDestroy(void *exec)
{
	return drop_graph(exec);
}

int cuGraphDestroy(void *graph)
{
	return drop_graph(graph);
}
