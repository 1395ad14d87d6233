/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "coll.h"
#include "execute.h"
#include "order.h"

enum { WHY = 400 }; /* bytes of a reason that are passed on */

/* What a step needs at run time, with addresses in place of slices. */
struct op_step {
	struct ct_net_req req; /* constant but for status and the transport's part */
	struct ct_exec *exec;
	enum ct_step_kind kind;
	void *dst;
	const void *src;
	const void *via;    /* where received data lies that is still to be reduced; NULL: the sink did */
	uint64_t count;
	/* Received bytes of an element that is not whole yet: pieces may end anywhere. */
	uint32_t held;
	unsigned char part[8];
	int pending; /* read by the watchdog's thread: lies with the transport */
};

struct ct_exec {
	struct ct_net *net;
	ct_type type;
	ct_op op;
	size_t element;
	struct ct_order order;
	struct op_step *steps;
	uint32_t *flying; /* steps that lie with the transport */
	uint32_t nflying;
	ct_status status; /* of the last start */
	void *tmp;
	uint64_t keys[3]; /* of in, out, tmp with the transport; 0 = not announced */
};

/* dst = op(src, DATA) for elements from AT on; DATA may stand anywhere in memory. */
static void reduce_piece(struct op_step *step, uint64_t at, const void *data, uint64_t count)
{
	struct ct_exec *e = step->exec;
	char *dst = (char *)step->dst + at * e->element;
	const char *src = (const char *)step->src + at * e->element;

	ct_reduce(e->type, e->op, dst, src, data, count);
}

static void sink(void *arg, const void *data, uint64_t offset, uint64_t bytes)
{
	struct op_step *step = arg;
	size_t element = step->exec->element;
	uint64_t at = offset / element, whole;
	const char *from = data;

	while (step->held > 0 && bytes > 0) {
		step->part[step->held++] = (unsigned char)*from++;
		bytes--;
		if (step->held < element)
			continue;
		reduce_piece(step, at++, step->part, 1);
		step->held = 0;
	}
	whole = bytes / element;
	reduce_piece(step, at, from, whole);
	from += whole * element;
	for (bytes -= whole * element; bytes > 0; bytes--)
		step->part[step->held++] = (unsigned char)*from++;
}

/* Completes STEP's data part: it has been received, or is local. */
static void finish(struct ct_exec *e, struct op_step *step)
{
	switch (step->kind) {
	case CT_STEP_RECV_REDUCE:
		if (step->via != NULL)
			ct_reduce(e->type, e->op, step->dst, step->src, step->via, step->count);
		break;
	case CT_STEP_REDUCE:
		ct_reduce(e->type, e->op, step->dst, step->dst, step->src, step->count);
		break;
	case CT_STEP_COPY:
		memmove(step->dst, step->src, step->count * e->element);
		break;
	default:
		break;
	}
}

static void set_pending(struct op_step *step, int pending)
{
	__atomic_store_n(&step->pending, pending, __ATOMIC_RELAXED);
}

/* WHY: what the transport said of it, "" if nothing. */
static ct_status message_error(const struct op_step *step, const char *why)
{
	return ct_fail(step->req.status, "%s rank %u, %llu bytes: %s",
		step->kind == CT_STEP_SEND ? "send to" : "receive from", step->req.peer,
		(unsigned long long)step->req.bytes,
		why[0] != '\0' ? why : ct_status_text(step->req.status));
}

/* The same, of a message that the post itself ended. */
static ct_status posted_error(const struct op_step *step)
{
	char why[WHY];

	snprintf(why, sizeof(why), "%s", ct_why());
	return message_error(step, why);
}

static bool is_message(const struct op_step *step)
{
	return step->kind != CT_STEP_REDUCE && step->kind != CT_STEP_COPY;
}

/* Will a message be posted right after step I's? */
static bool more_ready(const struct ct_exec *e, uint32_t i)
{
	uint32_t next = ct_order_next(&e->order);

	if (next == CT_NO_DEP)
		next = ct_order_follows(&e->order, i);
	return next != CT_NO_DEP && is_message(&e->steps[next]);
}

/* Starts all that is ready; what completes at once may make more ready. */
static ct_status advance(struct ct_exec *e)
{
	uint32_t i;
	ct_status status;

	while ((i = ct_order_take(&e->order)) != CT_NO_DEP) {
		struct op_step *step = &e->steps[i];

		if (is_message(step)) {
			step->held = 0;
			step->req.more = more_ready(e, i);
			status = ct_net_post(e->net, &step->req);
			if (status != CT_OK)
				return status;
			ct_order_posted(&e->order, i);
			if (step->req.status == CT_BUSY) {
				set_pending(step, 1);
				e->flying[e->nflying++] = i;
				continue;
			}
			if (step->req.status != CT_OK)
				return posted_error(step);
		}
		finish(e, step);
		ct_order_done(&e->order, i);
	}
	return CT_OK;
}

ct_status ct_exec_start(struct ct_exec *e)
{
	if (e->nflying > 0)
		return ct_fail(CT_INVALID, "started again while %u messages are under way",
			e->nflying);
	ct_order_reset(&e->order);
	e->status = advance(e);
	if (e->status == CT_OK && e->order.ndone < e->order.nsteps)
		e->status = CT_BUSY;
	return e->status == CT_BUSY ? CT_OK : e->status;
}

/* Takes back what the transport has completed. */
static ct_status collect(struct ct_exec *e)
{
	uint32_t f = 0;
	ct_status status = CT_OK;
	char why[WHY] = "";

	while (f < e->nflying) {
		uint32_t i = e->flying[f];
		struct op_step *step = &e->steps[i];

		if (step->req.status == CT_BUSY) {
			f++;
			continue;
		}
		e->flying[f] = e->flying[--e->nflying];
		set_pending(step, 0);
		if (step->req.status != CT_OK) {
			if (status == CT_OK)
				snprintf(why, sizeof(why), "%s", ct_why());
			status = message_error(step, why);
			continue;
		}
		finish(e, step);
		ct_order_done(&e->order, i);
	}
	return status;
}

ct_status ct_exec_test(struct ct_exec *e)
{
	ct_status status;

	if (e->status != CT_BUSY)
		return e->status != CT_OK || !e->net->caps.needs_polls ? e->status :
			ct_net_poll(e->net);
	status = ct_net_poll(e->net);
	if (status == CT_OK)
		status = collect(e);
	if (status == CT_OK)
		status = advance(e);
	if (status == CT_OK && e->order.ndone < e->order.nsteps)
		status = CT_BUSY;
	e->status = status;
	return status;
}

bool ct_exec_idle(const struct ct_exec *e)
{
	return e->nflying == 0;
}

void ct_exec_waiting(const struct ct_exec *e, char *out, size_t room)
{
	uint32_t i, oldest = CT_NO_DEP, k = 0, of = 0;
	const struct op_step *step;

	for (i = 0; i < e->order.nsteps; i++) {
		if (__atomic_load_n(&e->steps[i].pending, __ATOMIC_RELAXED) == 0)
			continue;
		if (oldest == CT_NO_DEP)
			oldest = i;
		if (e->steps[i].kind == CT_STEP_SEND)
			continue;
		oldest = i;
		break;
	}
	if (oldest == CT_NO_DEP) {
		snprintf(out, room, "nothing");
		return;
	}
	step = &e->steps[oldest];
	for (i = 0; i < e->order.nsteps; i++) {
		if (e->steps[i].req.peer != step->req.peer || e->steps[i].kind == CT_STEP_COPY ||
		    e->steps[i].kind == CT_STEP_REDUCE ||
		    (e->steps[i].kind == CT_STEP_SEND) != (step->kind == CT_STEP_SEND))
			continue;
		of++;
		k += i <= oldest;
	}
	snprintf(out, room, "%s %u of %u %s rank %u", step->kind == CT_STEP_SEND ? "send" : "recv",
		k, of, step->kind == CT_STEP_SEND ? "to" : "from", step->req.peer);
}

static void *address(const struct ct_exec_plan *plan, const struct ct_exec *e,
	struct ct_slice slice)
{
	char *base = slice.buf == CT_IN ? plan->in : slice.buf == CT_OUT ? plan->out : e->tmp;

	return base != NULL ? base + slice.at * e->element : NULL;
}

static void make_step(const struct ct_exec_plan *plan, struct ct_exec *e, uint32_t i)
{
	const struct ct_step *from = &plan->schedule->steps[i];
	struct op_step *step = &e->steps[i];

	step->exec = e;
	step->kind = from->kind;
	step->count = from->count;
	step->dst = address(plan, e, from->dst);
	step->src = address(plan, e, from->src);
	step->req.kind = from->kind == CT_STEP_SEND ? CT_NET_SEND : CT_NET_RECV;
	step->req.peer = from->peer;
	step->req.bytes = from->count * e->element;
	step->req.data = from->kind == CT_STEP_SEND ? address(plan, e, from->src) : step->dst;
	if (from->kind != CT_STEP_RECV_REDUCE)
		return;
	if (e->net->caps.sink) {
		step->req.data = NULL;
		step->req.sink = sink;
		step->req.sink_arg = step;
	} else {
		step->req.data = address(plan, e, ct_at(CT_TMP, from->via));
		step->via = step->req.data;
	}
}

static bool within(const char *in, uint64_t in_bytes, const char *out, uint64_t out_bytes)
{
	return (uintptr_t)in >= (uintptr_t)out && (uintptr_t)in - (uintptr_t)out <= out_bytes &&
		in_bytes <= out_bytes - ((uintptr_t)in - (uintptr_t)out);
}

/* Tells the transport which memory its messages will use until ct_exec_free(). */
static ct_status announce(const struct ct_exec_plan *plan, struct ct_exec *e)
{
	const struct ct_schedule *s = plan->schedule;
	void *const memory[] = { plan->in, plan->out, e->tmp };
	const struct ct_mem *const mem[] = { plan->in_mem, plan->out_mem, NULL };
	const uint64_t bytes[] = { s->in_count * e->element, s->out_count * e->element,
		s->tmp_count * e->element };
	ct_status status = CT_OK;

	for (unsigned i = 0; status == CT_OK && i < 3; i++) {
		bool covered = (i == 0 && within(memory[0], bytes[0], memory[1], bytes[1])) ||
			(i == 1 && e->keys[0] != 0 && within(memory[1], bytes[1], memory[0], bytes[0]));

		if (memory[i] == NULL || bytes[i] == 0)
			continue;
		if (!ct_mem_is_host(mem[i]))
			status = i > 0 && mem[i] == mem[i - 1] ? CT_OK :
				e->net->ops->reg_mem(e->net->self, mem[i], &e->keys[i]);
		else if (!covered)
			status = e->net->ops->reg(e->net->self, memory[i], bytes[i], &e->keys[i]);
	}
	return status == CT_UNSUPPORTED && ct_mem_is_host(plan->in_mem) ? CT_OK : status;
}

ct_status ct_exec_make(const struct ct_exec_plan *plan, struct ct_exec **exec)
{
	const struct ct_schedule *s = plan->schedule;
	struct ct_exec *e = ct_alloc(1, sizeof(*e));
	ct_status status = CT_NOMEM;
	uint32_t i;

	if (e == NULL)
		return CT_NOMEM;
	e->net = plan->net;
	e->type = plan->type;
	e->op = plan->op;
	e->element = ct_type_bytes(plan->type);
	status = ct_order_make(s, plan->net->world->nranks, &e->order);
	if (status != CT_OK)
		goto free_exec;
	status = CT_NOMEM;
	e->steps = ct_alloc(s->nsteps, sizeof(*e->steps));
	e->flying = ct_alloc(s->nsteps, sizeof(*e->flying));
	if (s->tmp_count > 0)
		e->tmp = ct_alloc_pages(s->tmp_count * e->element);
	if (e->steps == NULL || e->flying == NULL || (s->tmp_count > 0 && e->tmp == NULL))
		goto free_exec;
	for (i = 0; i < s->nsteps; i++)
		make_step(plan, e, i);
	status = announce(plan, e);
	if (status != CT_OK)
		goto free_exec;
	*exec = e;
	return CT_OK;
free_exec:
	ct_exec_free(e);
	return status;
}

void ct_exec_free(struct ct_exec *e)
{
	if (e == NULL)
		return;
	for (unsigned i = 0; i < 3 && e->net->ops != NULL; i++) /* a closed transport forgot them */
		if (e->keys[i] != 0)
			e->net->ops->dereg(e->net->self, e->keys[i]);
	ct_free(e->tmp);
	ct_free(e->flying);
	ct_free(e->steps);
	ct_order_free(&e->order);
	ct_free(e);
}
