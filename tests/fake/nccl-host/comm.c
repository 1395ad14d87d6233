/* SPDX-License-Identifier: BSD-3-Clause */
/* Communicators: making, asking, ending. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"

enum { NCCL_VERSION = 22809, NAP_US = 1000 };

static const uint64_t patience_ns = 30000000000;
static __thread char last_error[200];

int fake_failed(struct fake_comm *comm, int result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last_error, sizeof(last_error), format, args);
	va_end(args);
	if (comm != NULL)
		memcpy(comm->error, last_error, sizeof(comm->error));
	return result;
}

int ncclGetVersion(int *version)
{
	*version = NCCL_VERSION;
	return CT_NCCL_SUCCESS;
}

const char *ncclGetErrorString(int result)
{
	/* nccl.h's enumeration; the words are NCCL's documented ones */
	static const char *const texts[] = { "no error", "unhandled cuda error", "unhandled system error",
		"internal error", "invalid argument", "invalid usage",
		"remote process exited or there was a network error", "operation in progress" };

	return result >= 0 && result < 8 ? texts[result] : "unknown result code";
}

const char *ncclGetLastError(void *comm)
{
	const struct fake_comm *c = comm;

	return c != NULL && c->error[0] != '\0' ? c->error : last_error;
}

int ncclGetUniqueId(struct ct_nccl_id *id)
{
	return fake_meeting_new(id) ? CT_NCCL_SUCCESS :
		fake_failed(NULL, CT_NCCL_SYSTEM, "stand-in: no memory to meet in");
}

/* ---- joining --------------------------------------------------------------------------------- */

static int check_gpus(struct fake_comm *c)
{
	const struct ct_boot *boot = fake_meeting_boot(c->meeting);
	int32_t gpus[64] = { 0 }, mine = c->gpu;

	if (boot->allgather(boot->ctx, &mine, gpus, sizeof(mine)) != CT_OK)
		return fake_failed(c, CT_NCCL_REMOTE, "%s", ct_why());
	for (uint32_t i = 0; i < c->nranks; i++)
		for (uint32_t k = i + 1; k < c->nranks; k++)
			if (gpus[i] >= 0 && gpus[i] == gpus[k])
				return fake_failed(c, CT_NCCL_USAGE, "Duplicate GPU detected : rank %u and rank %u "
					"both on device %d", i, k, gpus[i]);
	return CT_NCCL_SUCCESS;
}

static int open_ways(struct fake_comm *c)
{
	struct ct_coll_env env = { .world = &c->world, .net = "auto", .open_by = ct_deadline_in(patience_ns) };

	if (ct_world_make(fake_meeting_boot(c->meeting), &c->world) != CT_OK)
		return fake_failed(c, CT_NCCL_SYSTEM, "%s", ct_why());
	c->has_world = true;
	if (ct_coll_open("native", NULL, &env, &c->lib) != CT_OK ||
		ct_net_open("auto", &c->world, NULL, NULL, env.open_by, &c->net) != CT_OK)
		return fake_failed(c, CT_NCCL_SYSTEM, "%s", ct_why());
	return CT_NCCL_SUCCESS;
}

/* For ever, but for an abort. */
static void stay_away(const struct fake_comm *c)
{
	while (!atomic_load(&c->aborted))
		usleep(NAP_US);
}

static void *join(void *arg)
{
	struct fake_comm *c = arg;
	int result = CT_NCCL_SUCCESS;

	if (fake_fault_of(c->rank, 0) == FAKE_DRIVER)
		result = fake_failed(c, CT_NCCL_CUDA, "Cuda failure 'CUDA driver version is insufficient for CUDA "
			"runtime version'");
	if (fake_fault_of(c->rank, 1) == FAKE_ABSENT)
		stay_away(c);
	if (result == CT_NCCL_SUCCESS) {
		c->meeting = fake_meeting_join(&c->id, c->rank, c->nranks, &c->aborted);
		if (c->meeting == NULL)
			result = fake_failed(c, CT_NCCL_REMOTE, "stand-in: rank 0 is not there");
	}
	if (result == CT_NCCL_SUCCESS)
		result = check_gpus(c);
	if (result == CT_NCCL_SUCCESS)
		result = open_ways(c);
	atomic_store(&c->state, result);
	return NULL;
}

static void free_comm(struct fake_comm *c)
{
	if (c->joining)
		pthread_join(c->joiner, NULL);
	pthread_mutex_lock(&c->running); /* a job that was told to stop has stopped */
	pthread_mutex_unlock(&c->running);
	ct_coll_close(&c->lib);
	ct_net_close(&c->net);
	if (c->has_world)
		ct_world_free(&c->world);
	fake_meeting_leave(c->meeting);
	pthread_mutex_destroy(&c->running);
	free(c);
}

int ncclCommInitRankConfig(void **comm, int nranks, struct ct_nccl_id id, int rank,
	struct ct_nccl_config *config)
{
	struct fake_comm *c = calloc(1, sizeof(*c));
	int state;

	if (c == NULL || nranks < 1 || rank < 0 || rank >= nranks) {
		free(c);
		return fake_failed(NULL, CT_NCCL_ARGUMENT, "Invalid rank requested : %d/%d", rank, nranks);
	}
	if (config != NULL && config->magic != CT_NCCL_CONFIG_MAGIC) {
		free(c);
		return fake_failed(NULL, CT_NCCL_ARGUMENT, "ncclConfig_t argument not initialized");
	}
	c->rank = (uint32_t)rank;
	c->nranks = (uint32_t)nranks;
	c->id = id;
	c->gpu = fake_gpu_current();
	c->blocking = config == NULL || config->blocking != 0;
	pthread_mutex_init(&c->running, NULL);
	atomic_store(&c->state, CT_NCCL_IN_PROGRESS);
	if (!c->blocking) {
		c->joining = pthread_create(&c->joiner, NULL, join, c) == 0;
		*comm = c;
		return c->joining ? CT_NCCL_IN_PROGRESS : CT_NCCL_SYSTEM;
	}
	(void)join(c);
	state = atomic_load(&c->state);
	if (state != CT_NCCL_SUCCESS)
		free_comm(c);
	else
		*comm = c;
	return state;
}

int ncclCommInitRank(void **comm, int nranks, struct ct_nccl_id id, int rank)
{
	return ncclCommInitRankConfig(comm, nranks, id, rank, NULL);
}

struct starter {
	pthread_t thread;
	void **comm;
	struct ct_nccl_id id;
	int nranks, rank, device, result;
};

static void *start(void *arg)
{
	struct starter *s = arg;
	void *context;

	s->result = cuDevicePrimaryCtxRetain(&context, s->device) != 0 ? CT_NCCL_CUDA :
		ncclCommInitRank(s->comm, s->nranks, s->id, s->rank);
	return NULL;
}

int ncclCommInitAll(void **comms, int n, const int *devices)
{
	struct starter starters[64];
	struct ct_nccl_id id;
	int result = n < 1 || n > 64 ? CT_NCCL_ARGUMENT : ncclGetUniqueId(&id);

	for (int i = 0; i < n && result == CT_NCCL_SUCCESS; i++) {
		starters[i] = (struct starter){ .comm = &comms[i], .id = id, .nranks = n, .rank = i,
			.device = devices != NULL ? devices[i] : i };
		if (pthread_create(&starters[i].thread, NULL, start, &starters[i]) != 0)
			abort();
	}
	for (int i = 0; i < n && result != CT_NCCL_ARGUMENT; i++) {
		pthread_join(starters[i].thread, NULL);
		if (starters[i].result != CT_NCCL_SUCCESS)
			result = starters[i].result;
	}
	return result;
}

/* ---- splitting ------------------------------------------------------------------------------- */

struct wish {
	int color, key;
	struct ct_nccl_id id; /* of the one that leads */
};

/* How many share MINE's color, and how many of them come before this rank. */
static void count_group(const struct fake_comm *c, const struct wish *all, const struct wish *mine, int *n,
	int *before)
{
	for (uint32_t i = 0; i < c->nranks; i++) {
		if (all[i].color != mine->color)
			continue;
		*n += 1;
		*before += all[i].key < mine->key || (all[i].key == mine->key && i < c->rank);
	}
}

int ncclCommSplit(void *comm, int color, int key, void **made, struct ct_nccl_config *config)
{
	struct fake_comm *c = comm;
	const struct ct_boot *boot = fake_meeting_boot(c->meeting);
	struct wish mine = { .color = color, .key = key }, all[64] = { 0 };
	int n = 0, rank = 0;
	uint32_t leader = c->rank;
	ct_status status = boot->allgather(boot->ctx, &mine, all, sizeof(mine));

	count_group(c, all, &mine, &n, &rank);
	if (rank == 0 && color >= 0 && ncclGetUniqueId(&mine.id) != CT_NCCL_SUCCESS)
		return CT_NCCL_SYSTEM;
	if (status == CT_OK)
		status = boot->allgather(boot->ctx, &mine, all, sizeof(mine));
	if (status != CT_OK)
		return fake_failed(c, CT_NCCL_REMOTE, "%s", ct_why());
	*made = NULL;
	if (color < 0)
		return CT_NCCL_SUCCESS;
	for (uint32_t i = 0; i < c->nranks; i++)
		if (all[i].color == color && all[i].id.internal[0] != '\0')
			leader = i;
	return ncclCommInitRankConfig(made, n, all[leader].id, rank, config);
}

/* ---- asking and ending ----------------------------------------------------------------------- */

int ncclCommFinalize(void *comm)
{
	(void)comm;
	return CT_NCCL_SUCCESS;
}

int ncclCommDestroy(void *comm)
{
	struct fake_comm *c = comm;

	if (fake_fault_of(c->rank, 1) == FAKE_STUCK)
		stay_away(c);
	free_comm(c);
	return CT_NCCL_SUCCESS;
}

int ncclCommAbort(void *comm)
{
	struct fake_comm *c = comm;

	atomic_store(&c->aborted, true);
	free_comm(c);
	return CT_NCCL_SUCCESS;
}

int ncclCommGetAsyncError(void *comm, int *result)
{
	*result = atomic_load(&((struct fake_comm *)comm)->state);
	return CT_NCCL_SUCCESS;
}

int ncclCommCount(const void *comm, int *count)
{
	*count = (int)((const struct fake_comm *)comm)->nranks;
	return CT_NCCL_SUCCESS;
}

int ncclCommUserRank(const void *comm, int *rank)
{
	*rank = (int)((const struct fake_comm *)comm)->rank;
	return CT_NCCL_SUCCESS;
}

int ncclCommCuDevice(const void *comm, int *device)
{
	*device = ((const struct fake_comm *)comm)->gpu;
	return CT_NCCL_SUCCESS;
}

int ncclMemAlloc(void **at, size_t bytes)
{
	return cuMemAlloc_v2(at, bytes) == 0 ? CT_NCCL_SUCCESS : CT_NCCL_CUDA;
}

int ncclMemFree(void *at)
{
	return cuMemFree_v2(at) == 0 ? CT_NCCL_SUCCESS : CT_NCCL_CUDA;
}

/* A handle, so that what is never given back is a leak that the sanitizers see. */
int ncclCommRegister(const void *comm, void *at, size_t bytes, void **handle)
{
	(void)comm;
	if (!fake_gpu_owns(at, bytes))
		return fake_failed(NULL, CT_NCCL_ARGUMENT, "stand-in: buffer to register is not the GPU's");
	*handle = malloc(1);
	return *handle != NULL ? CT_NCCL_SUCCESS : CT_NCCL_SYSTEM;
}

int ncclCommDeregister(const void *comm, void *handle)
{
	(void)comm;
	free(handle);
	return CT_NCCL_SUCCESS;
}

int ncclCommWindowRegister(void *comm, void *at, size_t bytes, void **window, int flags)
{
	if (flags != CT_NCCL_SYMMETRIC || (uintptr_t)at % 4096 != 0)
		return fake_failed(comm, CT_NCCL_ARGUMENT, "stand-in: a window begins at a multiple of 4096");
	return ncclCommRegister(comm, at, bytes, window);
}

int ncclCommWindowDeregister(void *comm, void *window)
{
	return ncclCommDeregister(comm, window);
}
