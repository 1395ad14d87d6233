/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * moves [-g GPUS-PER-PROCESS] [-n NODES] [-d DEVICE] [-i TIMES] [-l RANK] [-q] RANKS BYTES…: RANKS ranks by
 * the libnccl that it is linked with, in as many processes as needed, on pretended nodes; device I of node I
 * is "DEVICEI" for NET/IB; the process of RANK comes late to each call. Each operation on messages of BYTES;
 * every element of every result is compared with what it must be, bit by bit. A line per call, "allreduce
 * int32 sum 1024 out 0": the last number is how many elements were wrong. Exit 1 after a wrong one. For the
 * stand-in of CUDA only (LD_PRELOAD), since it looks into device memory.
 */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cuda_runtime_api.h>
#include <nccl.h>

/* the stand-in's, which is preloaded */
#pragma weak cudaMalloc
#pragma weak cudaSetDevice
#pragma weak cudaStreamCreateWithFlags
#pragma weak cudaStreamSynchronize

enum { RANKS_MOST = 16, ELEMENT_MOST = 8, LATE_US = 3000 };

/* Between the processes. */
struct shared {
	pthread_barrier_t barrier;
	ncclUniqueId id;
	atomic_long wrong;
};

struct world {
	int ranks, per_process, nodes, times, late;
	bool quick;
	const char *device;
	int process, first; /* this one's, and its first rank */
	ncclComm_t comms[RANKS_MOST];
	cudaStream_t streams[RANKS_MOST];
	char *send[RANKS_MOST], *receive[RANKS_MOST];
	struct shared *shared;
};

enum coll { ALLREDUCE, ALLGATHER, REDUCE_SCATTER, BROADCAST, REDUCE, ALLTOALL, SENDRECV, COLLS };
static const char *const coll_names[COLLS] = { "allreduce", "allgather", "reduce_scatter", "broadcast",
	"reduce", "alltoall", "sendrecv" };

struct type {
	const char *name;
	ncclDataType_t nccl;
	size_t bytes;
	bool is_signed, is_float;
};
static const struct type types[] = {
	{ "int8", ncclInt8, 1, true, false }, { "uint8", ncclUint8, 1, false, false },
	{ "int32", ncclInt32, 4, true, false }, { "uint32", ncclUint32, 4, false, false },
	{ "int64", ncclInt64, 8, true, false }, { "uint64", ncclUint64, 8, false, false },
	{ "float16", ncclFloat16, 2, true, true }, { "float32", ncclFloat32, 4, true, true },
	{ "float64", ncclFloat64, 8, true, true }, { "bfloat16", ncclBfloat16, 2, true, true },
};
enum { TYPES = sizeof(types) / sizeof(types[0]), INT32 = 2 };
static const char *const op_names[] = { "sum", "prod", "max", "min", "avg" }; /* NCCL's order */
enum { OPS = sizeof(op_names) / sizeof(op_names[0]) };

/* One call of each rank. */
struct call {
	enum coll coll;
	const struct type *type;
	ncclRedOp_t op;
	size_t n; /* elements of a message */
	bool in_place;
};

static void put_float(const struct type *type, char *to, double value)
{
	int exponent = value != 0 ? ilogb(value) : 0;
	float single = (float)value;
	uint32_t bits;
	uint16_t half;

	if (type->nccl == ncclFloat32) {
		memcpy(to, &single, sizeof(single));
	} else if (type->nccl == ncclFloat64) {
		memcpy(to, &value, sizeof(value));
	} else if (type->nccl == ncclBfloat16) {
		memcpy(&bits, &single, sizeof(bits));
		half = (uint16_t)(bits >> 16);
		memcpy(to, &half, sizeof(half));
	} else { /* all values here are normal numbers that fit */
		half = value == 0 ? 0 : (uint16_t)((exponent + 15) << 10 |
			(int)(ldexp(fabs(value), 10 - exponent) - 1024));
		half = (uint16_t)(half | (value < 0 ? 0x8000 : 0));
		memcpy(to, &half, sizeof(half));
	}
}

static void put(const struct type *type, char *to, double value)
{
	int64_t number = (int64_t)value;

	if (type->is_float)
		put_float(type, to, value);
	else
		memcpy(to, &number, type->bytes); /* little-endian */
}

/* Element I of what RANK puts in: small, so that sums are exact in every type. */
static double input(const struct call *call, int ranks, int rank, size_t i)
{
	if (call->op == ncclProd)
		return (i + (size_t)rank) % (size_t)ranks < 2 ? 2 : 1;
	return (double)((i * 7 + (size_t)rank * 3) % 5) + (call->type->is_signed ? -2 : 1);
}

static double reduced(const struct call *call, int ranks, size_t i)
{
	double sum = input(call, ranks, 0, i);

	for (int r = 1; r < ranks; r++) {
		double next = input(call, ranks, r, i);

		if (call->op == ncclProd)
			sum *= next;
		else if (call->op == ncclMax || call->op == ncclMin)
			sum = (next > sum) == (call->op == ncclMax) ? next : sum;
		else
			sum += next;
	}
	if (call->op != ncclAvg)
		return sum;
	return call->type->is_float ? sum / ranks : trunc(sum / ranks);
}

/* Element I of what RANK must have received. */
static double expected(const struct call *call, int ranks, int rank, size_t i)
{
	size_t n = call->n;

	switch (call->coll) {
	case ALLGATHER:
		return input(call, ranks, (int)(i / n), i % n);
	case REDUCE_SCATTER:
		return reduced(call, ranks, (size_t)rank * n + i);
	case BROADCAST:
		return input(call, ranks, ranks - 1, i);
	case ALLTOALL:
		return input(call, ranks, (int)(i / n), (size_t)rank * n + i % n);
	case SENDRECV:
		return input(call, ranks, (rank + ranks - 1) % ranks, i);
	default:
		return reduced(call, ranks, i);
	}
}

static size_t sent_elements(const struct call *call, int ranks)
{
	return call->coll == REDUCE_SCATTER || call->coll == ALLTOALL ? call->n * (size_t)ranks : call->n;
}

static size_t received_elements(const struct call *call, int ranks, int rank)
{
	if (call->coll == REDUCE && rank != 1 % ranks)
		return 0;
	return call->coll == ALLGATHER || call->coll == ALLTOALL ? call->n * (size_t)ranks : call->n;
}

/* Where a rank's buffers begin, in place or out of it. */
static void buffers(const struct world *w, const struct call *call, int local, char **send, char **receive)
{
	size_t skip = (size_t)(w->first + local) * call->n * call->type->bytes;

	*send = w->send[local];
	*receive = w->receive[local];
	if (!call->in_place)
		return;
	if (call->coll == ALLGATHER)
		*send = *receive + skip;
	else if (call->coll == REDUCE_SCATTER)
		*receive = *send + skip;
	else
		*receive = *send;
}

static void fill(const struct world *w, const struct call *call, int local)
{
	char *send, *receive;

	buffers(w, call, local, &send, &receive);
	if (!call->in_place)
		memset(receive, 0x5a, received_elements(call, w->ranks, 1 % w->ranks) * call->type->bytes);
	for (size_t i = 0; i < sent_elements(call, w->ranks); i++)
		put(call->type, send + i * call->type->bytes, input(call, w->ranks, w->first + local, i));
}

static long check(const struct world *w, const struct call *call, int local)
{
	int rank = w->first + local;
	char *send, *receive, want[ELEMENT_MOST];
	long wrong = 0;

	buffers(w, call, local, &send, &receive);
	for (size_t i = 0; i < received_elements(call, w->ranks, rank); i++) {
		put(call->type, want, expected(call, w->ranks, rank, i));
		wrong += memcmp(receive + i * call->type->bytes, want, call->type->bytes) != 0;
	}
	return wrong;
}

static ncclResult_t exchange(const struct world *w, const struct call *call, int local, char *send,
	char *receive)
{
	int rank = w->first + local, ranks = w->ranks;
	size_t bytes = call->n * call->type->bytes;
	ncclResult_t result = ncclSuccess;

	if (call->coll == SENDRECV) {
		result = ncclSend(send, call->n, call->type->nccl, (rank + 1) % ranks, w->comms[local],
			w->streams[local]);
		return result != ncclSuccess ? result : ncclRecv(receive, call->n, call->type->nccl,
			(rank + ranks - 1) % ranks, w->comms[local], w->streams[local]);
	}
	for (int peer = 0; peer < ranks && result == ncclSuccess; peer++) {
		result = ncclSend(send + (size_t)peer * bytes, call->n, call->type->nccl, peer,
			w->comms[local], w->streams[local]);
		if (result == ncclSuccess)
			result = ncclRecv(receive + (size_t)peer * bytes, call->n, call->type->nccl, peer,
				w->comms[local], w->streams[local]);
	}
	return result;
}

static ncclResult_t issue(const struct world *w, const struct call *call, int local)
{
	ncclDataType_t type = call->type->nccl;
	ncclComm_t comm = w->comms[local];
	cudaStream_t stream = w->streams[local];
	char *send, *receive;

	buffers(w, call, local, &send, &receive);
	switch (call->coll) {
	case ALLREDUCE:
		return ncclAllReduce(send, receive, call->n, type, call->op, comm, stream);
	case ALLGATHER:
		return ncclAllGather(send, receive, call->n, type, comm, stream);
	case REDUCE_SCATTER:
		return ncclReduceScatter(send, receive, call->n, type, call->op, comm, stream);
	case BROADCAST:
		return ncclBroadcast(send, receive, call->n, type, w->ranks - 1, comm, stream);
	case REDUCE:
		return ncclReduce(send, receive, call->n, type, call->op, 1 % w->ranks, comm, stream);
	default:
		return exchange(w, call, local, send, receive);
	}
}

static bool good(ncclResult_t result, const char *what)
{
	if (result != ncclSuccess)
		fprintf(stderr, "moves: %s: %s\n", what, ncclGetErrorString(result));
	return result == ncclSuccess;
}

/* Every rank's part of one call, TIMES times; false: something was wrong. A refusal ends the process, since
 * the others would wait for it. */
static bool one_call(const struct world *w, const struct call *call)
{
	long wrong = 0;

	for (int t = 0; t < w->times; t++) {
		ncclResult_t result = ncclSuccess;

		for (int l = 0; l < w->per_process; l++)
			fill(w, call, l);
		pthread_barrier_wait(&w->shared->barrier);
		if (w->late >= w->first && w->late < w->first + w->per_process)
			usleep(LATE_US);
		ncclGroupStart();
		for (int l = 0; l < w->per_process && result == ncclSuccess; l++)
			result = issue(w, call, l);
		if (!good(result, coll_names[call->coll]) || !good(ncclGroupEnd(), "ncclGroupEnd"))
			exit(3);
		for (int l = 0; l < w->per_process; l++)
			cudaStreamSynchronize(w->streams[l]);
		for (int l = 0; l < w->per_process; l++)
			wrong += check(w, call, l);
	}
	atomic_fetch_add(&w->shared->wrong, wrong);
	pthread_barrier_wait(&w->shared->barrier);
	if (w->process == 0) {
		printf("%s %s %s %zu %s %ld\n", coll_names[call->coll], call->type->name,
			op_names[call->op], call->n * call->type->bytes, call->in_place ? "in" : "out",
			atomic_exchange(&w->shared->wrong, 0));
		fflush(stdout);
	}
	return wrong == 0;
}

static bool is_possible(const struct world *w, const struct call *call)
{
	bool reduces = call->coll == ALLREDUCE || call->coll == REDUCE_SCATTER || call->coll == REDUCE;

	if (!reduces && call->op != ncclSum)
		return false;
	if (call->in_place && call->coll >= ALLTOALL)
		return false;
	/* a mean of floats is exact for 2, 4, 8, 16 ranks only */
	return call->op != ncclAvg || !call->type->is_float || (w->ranks & (w->ranks - 1)) == 0;
}

/* The sum of int32 by each operation at each size; unless quick, in place too, and each type and reduction
 * at the first size. */
static bool all_calls(const struct world *w, char **sizes)
{
	bool right = true;

	for (char **size = sizes; *size != NULL; size++)
		for (int cell = 0; cell < COLLS * TYPES * OPS * 2; cell++) {
			struct call call = { (enum coll)(cell / (TYPES * OPS * 2)), &types[cell / (OPS * 2) % TYPES],
				(ncclRedOp_t)(cell / 2 % OPS), 0, cell % 2 != 0 };

			call.n = strtoull(*size, NULL, 10) / call.type->bytes;
			if (!is_possible(w, &call) || (w->quick && call.in_place) ||
				((w->quick || size > sizes) && (call.type != &types[INT32] || call.op != ncclSum)))
				continue;
			right = one_call(w, &call) && right;
		}
	return right;
}

static void set_node(const struct world *w)
{
	int node = w->process * w->nodes / (w->ranks / w->per_process);
	char text[64];

	if (w->nodes > 1) {
		snprintf(text, sizeof(text), "node%d", node + 1);
		setenv("NCCL_HOSTID", text, 1);
	}
	if (w->device != NULL) {
		snprintf(text, sizeof(text), "=%s%d:1", w->device, node + 1);
		setenv("NCCL_IB_HCA", text, 1);
	}
}

static bool open_ranks(struct world *w, size_t room)
{
	int per_node = w->ranks / w->nodes;

	if (w->process == 0 && !good(ncclGetUniqueId(&w->shared->id), "ncclGetUniqueId"))
		return false;
	pthread_barrier_wait(&w->shared->barrier);
	ncclGroupStart();
	for (int l = 0; l < w->per_process; l++) {
		cudaSetDevice((w->first + l) % per_node);
		cudaStreamCreateWithFlags(&w->streams[l], cudaStreamNonBlocking);
		cudaMalloc((void **)&w->send[l], room);
		cudaMalloc((void **)&w->receive[l], room);
		if (!good(ncclCommInitRank(&w->comms[l], w->ranks, w->shared->id, w->first + l),
			"ncclCommInitRank"))
			return false;
	}
	return good(ncclGroupEnd(), "ncclGroupEnd");
}

static int run_process(struct world *w, char **sizes)
{
	size_t most = 0;
	bool right;

	w->first = w->process * w->per_process;
	for (char **size = sizes; *size != NULL; size++)
		most = strtoull(*size, NULL, 10) > most ? strtoull(*size, NULL, 10) : most;
	set_node(w);
	if (!open_ranks(w, most * (size_t)w->ranks))
		return 3;
	right = all_calls(w, sizes);
	ncclGroupStart();
	for (int l = 0; l < w->per_process; l++)
		right = good(ncclCommDestroy(w->comms[l]), "ncclCommDestroy") && right;
	return good(ncclGroupEnd(), "ncclGroupEnd") && right ? 0 : 1;
}

static void end_all(const pid_t *children, int n)
{
	for (int p = 0; p < n; p++)
		if (children[p] > 0)
			kill(children[p], SIGKILL);
}

/* The first process that fails, other than by wrong data, takes the others along. */
static int run_all(struct world *w, char **sizes)
{
	int n = w->ranks / w->per_process, worst = 0;
	pid_t children[RANKS_MOST], gone;

	for (w->process = 0; w->process < n; w->process++) {
		children[w->process] = fork();
		if (children[w->process] == 0)
			exit(run_process(w, sizes));
	}
	for (int left = n; left > 0; left--) {
		int status, code;

		gone = wait(&status);
		code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		worst = worst != 0 ? worst : code;
		for (int p = 0; p < n; p++)
			children[p] = children[p] == gone ? 0 : children[p];
		if (code > 1)
			end_all(children, n);
	}
	return worst;
}

static bool read_options(struct world *w, int argc, char **argv)
{
	int option;

	*w = (struct world){ .nodes = 1, .times = 1, .late = -1 };
	while ((option = getopt(argc, argv, "g:n:d:i:l:q")) != -1)
		switch (option) {
		case 'g':
			w->per_process = atoi(optarg);
			break;
		case 'n':
			w->nodes = atoi(optarg);
			break;
		case 'd':
			w->device = optarg;
			break;
		case 'i':
			w->times = atoi(optarg);
			break;
		case 'q':
			w->quick = true;
			break;
		case 'l':
			w->late = atoi(optarg);
			break;
		default:
			return false;
		}
	w->ranks = argc > optind + 1 ? atoi(argv[optind]) : 0;
	w->per_process = w->per_process == 0 ? w->ranks : w->per_process;
	return w->ranks >= 1 && w->ranks <= RANKS_MOST && w->per_process >= 1 && w->nodes >= 1 &&
		w->times >= 1 && w->ranks % w->per_process == 0 &&
		w->ranks / w->per_process % w->nodes == 0;
}

int main(int argc, char **argv)
{
	pthread_barrierattr_t between;
	struct world w;

	if (!read_options(&w, argc, argv)) {
		fprintf(stderr, "usage: moves [-g GPUS-PER-PROCESS] [-n NODES] [-d DEVICE] [-i TIMES] "
			"[-l RANK] [-q] RANKS BYTES...\n");
		return 2;
	}
	if (cudaMalloc == NULL) {
		fprintf(stderr, "moves: the stand-in for CUDA is not preloaded\n");
		return 3;
	}
	w.shared = mmap(NULL, sizeof(*w.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w.shared == MAP_FAILED)
		return 3;
	pthread_barrierattr_init(&between);
	pthread_barrierattr_setpshared(&between, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&w.shared->barrier, &between, (unsigned int)(w.ranks / w.per_process));
	return run_all(&w, argv + optind + 1);
}
