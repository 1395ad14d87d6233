/* SPDX-License-Identifier: BSD-3-Clause */
/* What a stream runs: the calls of one group, collectives one after the other, messages together. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

static bool aborted(const struct fake_comm *c)
{
	return atomic_load(&c->aborted);
}

static void noticed(struct fake_comm *c, int result, const char *what)
{
	(void)fake_failed(c, result, "%s", what);
	atomic_store(&c->state, result);
}

/* Nothing more happens here until somebody aborts. */
static void hang(struct fake_comm *c)
{
	while (!aborted(c))
		sched_yield();
}

static ct_status run_collective(struct fake_comm *c, const struct ct_coll_desc *desc)
{
	const struct ct_coll_ops *ops = c->lib.ops;
	void *req = NULL;
	ct_status status = ops->prepare(c->lib.self, desc, &req);

	if (status != CT_OK)
		return status;
	status = ops->start(c->lib.self, req);
	while (status == CT_OK && (status = ops->test(c->lib.self, req)) == CT_BUSY && !aborted(c)) {
		sched_yield();
		status = CT_OK;
	}
	ops->release(c->lib.self, req);
	return status;
}

/* The messages from FIRST up to the next collective, which is returned. */
static struct fake_op *run_messages(struct fake_comm *c, struct fake_op *first, ct_status *status)
{
	struct fake_op *end = first;
	bool busy = true;

	for (; end != NULL && end->kind != FAKE_COLL && *status == CT_OK; end = end->next)
		*status = ct_net_post(&c->net, &end->message);
	while (busy && *status == CT_OK && !aborted(c)) {
		*status = ct_net_poll(&c->net);
		busy = false;
		for (const struct fake_op *op = first; op != end && *status == CT_OK; op = op->next) {
			busy |= op->message.status == CT_BUSY;
			if (op->message.status < CT_OK)
				*status = op->message.status;
		}
		if (busy)
			sched_yield();
	}
	return end;
}

static void spoil(const struct fake_op *list)
{
	for (const struct fake_op *op = list; op != NULL; op = op->next) {
		unsigned char *at = op->kind == FAKE_COLL ? op->desc.recv : op->message.data;

		if (op->kind == FAKE_SEND || at == NULL)
			continue;
		at[0] ^= 1;
		return;
	}
}

static void run_job(void *arg)
{
	struct fake_op *list = arg, *op = list;
	struct fake_comm *c = list->comm;
	enum fake_fault fault;
	ct_status status = CT_OK;

	pthread_mutex_lock(&c->running);
	fault = fake_fault_of(c->rank, ++c->jobs);
	if (fault == FAKE_ASYNC)
		noticed(c, CT_NCCL_REMOTE, "stand-in: an asynchronous error was asked for");
	if (fault == FAKE_HANG || fault == FAKE_ASYNC)
		hang(c);
	while (op != NULL && status == CT_OK && !aborted(c)) {
		if (op->kind != FAKE_COLL) {
			op = run_messages(c, op, &status);
			continue;
		}
		status = run_collective(c, &op->desc);
		op = op->next;
	}
	if (status != CT_OK && !aborted(c)) {
		noticed(c, CT_NCCL_SYSTEM, ct_why());
		hang(c);
	}
	if (fault == FAKE_WRONG)
		spoil(list);
	pthread_mutex_unlock(&c->running);
}

static void drop_job(void *arg)
{
	struct fake_op *op = arg, *next;

	for (; op != NULL; op = next) {
		next = op->next;
		free(op);
	}
}

void fake_job_submit(struct fake_op *list)
{
	if (list->stream != NULL) {
		fake_stream_add(list->stream, run_job, drop_job, list);
		return;
	}
	run_job(list);
	drop_job(list);
}
