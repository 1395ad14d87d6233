/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * choices RANKS BYTES…: a communicator of RANKS GPUs in this process by the libnccl it is linked with,
 * then each collective with each size. Prints a line per call, "allreduce 65536 ring ll 8": what NCCL
 * reports to a profiler that it chose; with CHOICES_COSTS set, also a line per cell that our tuner plugin
 * was shown as possible, "cost allreduce 65536 ring ll 24.1" (microseconds as NCCL predicts them).
 * The profiler is this program: NCCL_PROFILER_PLUGIN=STATIC_PLUGIN. For tests.
 */
#include <ctype.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nccl.h>

#include "plugin/plugin.h"

enum { RANKS_MOST = 16, EVENT_COLL = 2, WORD = 24 };

/* The head of NCCL's profiler event, interface version 5, and its part for a collective; after the
 * public documentation of the profiler interface, names are ours. */
struct event {
	uint64_t type;
	void *parent;
	int rank;
	struct {
		uint64_t number;
		const char *func;
		const void *send;
		void *receive;
		size_t count;
		int root;
		const char *datatype;
		uint8_t channels, warps;
		const char *algo, *proto;
	} coll;
};

struct profiler_v5 {
	const char *name;
	int (*init)(void **context, uint64_t comm, int *mask, const char *name, int nodes, int ranks,
		int rank, ct_nccl_log *log);
	int (*start)(void *context, void **handle, const struct event *event);
	int (*stop)(void *handle);
	int (*state)(void *handle, int state, const void *arguments);
	int (*finalize)(void *context);
};

struct choice {
	char algo[WORD], proto[WORD];
	int channels;
};

static struct {
	struct choice of[RANKS_MOST];
	int n;
} told;

static int profiler_init(void **context, uint64_t comm, int *mask, const char *name, int nodes, int ranks,
	int rank, ct_nccl_log *log)
{
	*context = &told;
	*mask = EVENT_COLL;
	return ncclSuccess;
}

static void lower(char *to, const char *from)
{
	size_t n = 0;

	for (; from[n] != '\0' && n < WORD - 1; n++)
		to[n] = (char)tolower((unsigned char)from[n]);
	to[n] = '\0';
}

/* No handle: NCCL asks no more about this event. */
static int profiler_start(void *context, void **handle, const struct event *event)
{
	*handle = NULL;
	if (event->type == EVENT_COLL && told.n < RANKS_MOST) {
		struct choice *choice = &told.of[told.n++];

		lower(choice->algo, event->coll.algo);
		lower(choice->proto, event->coll.proto);
		choice->channels = event->coll.channels;
	}
	return ncclSuccess;
}

static int profiler_stop(void *handle)
{
	return ncclSuccess;
}

static int profiler_state(void *handle, int state, const void *arguments)
{
	return ncclSuccess;
}

__attribute__((visibility("default"))) extern const struct profiler_v5 ncclProfiler_v5;
const struct profiler_v5 ncclProfiler_v5 = { "choices", profiler_init, profiler_start, profiler_stop,
	profiler_state, profiler_stop };

struct world {
	int ranks;
	ncclComm_t comms[RANKS_MOST];
	char *buffer; /* never touched: no kernel runs */
	struct ct_tuner_sweep *sweep;
};

static const char *const colls[] = { "broadcast", "reduce", "allgather", "reduce_scatter", "allreduce" };
static const char *const algos[CT_NCCL_ALGOS] = { "tree", "ring", "collnet_direct", "collnet_chain",
	"nvls", "nvls_tree", "pat" };
static const char *const protos[CT_NCCL_PROTOS] = { "ll", "ll128", "simple" };

/* Numbered as the tuner numbers them. BYTES as nccl-tests count them: the longer of what a rank sends
 * and receives. */
static ncclResult_t call(const struct world *w, int coll, size_t bytes, ncclComm_t comm)
{
	size_t all = bytes / sizeof(float), part = all / (size_t)w->ranks;
	char *a = w->buffer, *b = w->buffer + bytes;

	switch (coll) {
	case 0:
		return ncclBroadcast(a, b, all, ncclFloat, 0, comm, NULL);
	case 1:
		return ncclReduce(a, b, all, ncclFloat, ncclSum, 0, comm, NULL);
	case 2:
		return ncclAllGather(a, b, part, ncclFloat, comm, NULL);
	case 3:
		return ncclReduceScatter(a, b, part, ncclFloat, ncclSum, comm, NULL);
	default:
		return ncclAllReduce(a, b, all, ncclFloat, ncclSum, comm, NULL);
	}
}

static bool good(ncclResult_t result, const char *what)
{
	if (result != ncclSuccess)
		fprintf(stderr, "choices: %s: %s\n", what, ncclGetErrorString(result));
	return result == ncclSuccess;
}

static void print_costs(const struct ct_tuner_sweep *sweep)
{
	for (int a = 0; a < CT_NCCL_ALGOS; a++)
		for (int p = 0; p < CT_NCCL_PROTOS; p++)
			if (sweep->cost_us[a][p] >= 0)
				printf("cost %s %llu %s %s %g\n", colls[sweep->func],
					(unsigned long long)sweep->bytes, algos[a], protos[p],
					sweep->cost_us[a][p]);
}

static bool one_call(const struct world *w, int coll, size_t bytes)
{
	ncclResult_t result;

	told.n = 0;
	result = ncclGroupStart();
	for (int r = 0; r < w->ranks && result == ncclSuccess; r++)
		result = call(w, coll, bytes, w->comms[r]);
	if (!good(result, colls[coll]) || !good(ncclGroupEnd(), "ncclGroupEnd"))
		return false;
	for (int r = 0; r < w->ranks; r++)
		if (told.n != w->ranks || memcmp(&told.of[r], &told.of[0], sizeof(told.of[0])) != 0) {
			fprintf(stderr, "choices: %s of %zu bytes: %d of %d ranks told, or not the same\n",
				colls[coll], bytes, told.n, w->ranks);
			return false;
		}
	printf("%s %zu %s %s %d\n", colls[coll], bytes, told.of[0].algo, told.of[0].proto,
		told.of[0].channels);
	if (w->sweep != NULL)
		print_costs(w->sweep);
	return true;
}

/* The plugin that NCCL has loaded, when its costs are asked for. */
static struct ct_tuner_sweep *watch(void)
{
	const char *path = getenv("NCCL_TUNER_PLUGIN");
	void *plugin = path != NULL && getenv("CHOICES_COSTS") != NULL ?
		dlopen(path, RTLD_NOW | RTLD_NOLOAD) : NULL;
	void *symbol = plugin != NULL ? dlsym(plugin, "ct_tuner_sweep") : NULL;
	struct ct_tuner_sweep *(*get)(void);
	struct ct_tuner_sweep *sweep;

	if (symbol == NULL)
		return NULL;
	memcpy(&get, &symbol, sizeof(get));
	sweep = get();
	atomic_store(&sweep->watch, true);
	return sweep;
}

static int all_calls(struct world *w, char **sizes)
{
	for (int coll = 0; coll < CT_NCCL_FUNCS; coll++)
		for (char **size = sizes; *size != NULL; size++)
			if (!one_call(w, coll, strtoull(*size, NULL, 10)))
				return 1;
	return 0;
}

int main(int argc, char **argv)
{
	static struct world w;
	int version = 0, status;

	w.ranks = argc > 2 ? atoi(argv[1]) : 0;
	if (w.ranks < 2 || w.ranks > RANKS_MOST) {
		fprintf(stderr, "usage: choices RANKS BYTES...\n");
		return 2;
	}
	ncclGetVersion(&version);
	if (version != NCCL_VERSION_CODE) {
		fprintf(stderr, "choices: libnccl %d, built with the header of %d\n", version,
			NCCL_VERSION_CODE);
		return 3;
	}
	if (!good(ncclCommInitAll(w.comms, w.ranks, NULL), "ncclCommInitAll"))
		return 1;
	w.buffer = (char *)4096;
	w.sweep = watch();
	status = all_calls(&w, argv + 2);
	for (int r = 0; r < w.ranks; r++)
		if (!good(ncclCommDestroy(w.comms[r]), "ncclCommDestroy"))
			status = 1;
	return status;
}
