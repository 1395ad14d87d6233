/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams and events. What is put into a stream waits for what was put there before; kernels run in
 * threads of their own, all else happens at once where nothing is in its way.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

enum { BEFORE_MOST = 2 };

/* One thing in a stream. */
struct op {
	void (*run)(void *argument); /* NULL: only waits */
	void *argument;
	struct op *before[BEFORE_MOST];
	int users, gpu;
	bool done;
	uint64_t end_ns;
};

struct CUstream_st {
	struct op *last; /* NULL: nothing is under way */
};

struct CUevent_st {
	struct op *op; /* NULL: had happened when it was recorded */
	uint64_t at_ns;
};

static struct CUstream_st defaults[FAKE_GPUS_MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below, and of defaults */
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int under_way;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* CUDA's handles 1 and 2 stand for default streams too. */
static struct CUstream_st *stream_of(void *stream)
{
	return (uintptr_t)stream > 2 ? stream : &defaults[fake_current];
}

static void drop(struct op *op)
{
	if (op == NULL || --op->users > 0)
		return;
	for (int i = 0; i < BEFORE_MOST; i++)
		drop(op->before[i]);
	free(op);
}

static struct op *keep(struct op *op)
{
	if (op != NULL)
		op->users++;
	return op;
}

/* With the lock held. */
static bool can_start(const struct op *op)
{
	for (int i = 0; i < BEFORE_MOST; i++)
		if (op->before[i] != NULL && !op->before[i]->done)
			return false;
	return true;
}

static void await(struct op **where)
{
	struct op *op;

	pthread_mutex_lock(&lock);
	op = keep(*where);
	while (op != NULL && !op->done)
		pthread_cond_wait(&ended, &lock);
	drop(op);
	pthread_mutex_unlock(&lock);
}

static void *perform(void *argument)
{
	struct op *op = argument;

	pthread_mutex_lock(&lock);
	while (!can_start(op))
		pthread_cond_wait(&ended, &lock);
	pthread_mutex_unlock(&lock);
	fake_current = op->gpu;
	if (op->run != NULL)
		op->run(op->argument);
	pthread_mutex_lock(&lock);
	op->end_ns = now_ns();
	op->done = true;
	under_way--;
	for (int i = 0; i < BEFORE_MOST; i++) {
		drop(op->before[i]);
		op->before[i] = NULL;
	}
	drop(op);
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Puts OP into STREAM; true: it may be performed now, by who asks. */
static bool put(struct CUstream_st *stream, struct op *op, const struct CUevent_st *event, bool slow)
{
	bool now;

	pthread_mutex_lock(&lock);
	op->before[0] = stream->last;
	op->before[1] = event != NULL ? keep(event->op) : NULL;
	stream->last = op;
	op->users = 2;
	under_way++;
	now = !slow && can_start(op);
	pthread_mutex_unlock(&lock);
	return now;
}

static void add(struct CUstream_st *stream, const struct CUevent_st *event, void (*run)(void *argument),
	void *argument, bool slow)
{
	struct op *op = calloc(1, sizeof(*op));
	pthread_t thread;

	if (op == NULL)
		abort();
	op->run = run;
	op->argument = argument;
	op->gpu = fake_current;
	if (put(stream, op, event, slow) || pthread_create(&thread, NULL, perform, op) != 0)
		perform(op);
	else
		pthread_detach(thread);
}

void fake_stream_do(void *stream, void (*run)(void *argument), void *argument, bool slow)
{
	add(stream_of(stream), NULL, run, argument, slow);
}

void fake_stream_wait(void *stream)
{
	await(&stream_of(stream)->last);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags)
{
	*stream = calloc(1, sizeof(**stream));
	return *stream != NULL ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
	pthread_mutex_lock(&lock);
	drop(stream->last);
	pthread_mutex_unlock(&lock);
	free(stream);
	return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
	fake_stream_wait(stream);
	return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
	const struct op *last;
	bool done;

	pthread_mutex_lock(&lock);
	last = stream_of(stream)->last;
	done = last == NULL || last->done;
	pthread_mutex_unlock(&lock);
	return done ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags)
{
	add(stream_of(stream), event, NULL, NULL, false);
	return cudaSuccess;
}

/* All that is under way, whichever GPU's. */
cudaError_t cudaDeviceSynchronize(void)
{
	pthread_mutex_lock(&lock);
	while (under_way > 0)
		pthread_cond_wait(&ended, &lock);
	pthread_mutex_unlock(&lock);
	return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status)
{
	*status = cudaStreamCaptureStatusNone;
	return cudaSuccess;
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, enum cudaStreamCaptureStatus *status,
	unsigned long long *id, cudaGraph_t *graph, const cudaGraphNode_t **nodes,
	const cudaGraphEdgeData **edges, size_t *n)
{
	*status = cudaStreamCaptureStatusNone;
	return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode)
{
	return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags)
{
	*event = calloc(1, sizeof(**event));
	return *event != NULL ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
	return cudaEventCreateWithFlags(event, 0);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
	pthread_mutex_lock(&lock);
	drop(event->op);
	pthread_mutex_unlock(&lock);
	free(event);
	return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
	struct op *last;

	pthread_mutex_lock(&lock);
	last = stream_of(stream)->last;
	drop(event->op);
	event->op = last != NULL && !last->done ? keep(last) : NULL;
	event->at_ns = now_ns();
	pthread_mutex_unlock(&lock);
	return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
	bool done;

	pthread_mutex_lock(&lock);
	done = event->op == NULL || event->op->done;
	pthread_mutex_unlock(&lock);
	return done ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
	await(&event->op);
	return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
	uint64_t a, b;

	if (cudaEventQuery(from) != cudaSuccess || cudaEventQuery(to) != cudaSuccess)
		return cudaErrorNotReady;
	a = from->op != NULL ? from->op->end_ns : from->at_ns;
	b = to->op != NULL ? to->op->end_ns : to->at_ns;
	*ms = (float)((double)(int64_t)(b - a) / 1e6);
	return cudaSuccess;
}

struct host_call {
	cudaHostFn_t function;
	void *argument;
};

static void call_host(void *argument)
{
	struct host_call *call = argument;

	call->function(call->argument);
	free(call);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *argument)
{
	struct host_call *call = malloc(sizeof(*call));

	if (call == NULL)
		return cudaErrorMemoryAllocation;
	*call = (struct host_call){ function, argument };
	fake_stream_do(stream, call_host, call, false);
	return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *function)
{
	memset(attributes, 0, sizeof(*attributes));
	attributes->maxThreadsPerBlock = 1024;
	attributes->numRegs = 96;
	attributes->binaryVersion = FAKE_COMPUTE;
	attributes->ptxVersion = FAKE_COMPUTE;
	return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute attribute, int value)
{
	return cudaSuccess;
}

/* A kernel is known by the address of what the host calls. */
cudaError_t cudaGetFuncBySymbol(cudaFunction_t *function, const void *symbol)
{
	*function = (cudaFunction_t)(size_t)symbol;
	return cudaSuccess;
}
