/* SPDX-License-Identifier: BSD-3-Clause */
/* Operations of a communicator: checked, queued, moved on, waited for. */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "comm.h"

enum {
	LOOK_AT_CLOCK = 63, /* every so many polls (a power of two less one): a poll costs less than a clock */
	EMPTY_POLLS = 2000, /* before the processor is offered to others */
};

/* ---- what may be asked for ------------------------------------------------------------------------- */

static bool is_message(const struct ct_call *call)
{
	return call->coll == CT_SEND || call->coll == CT_RECV;
}

static bool reduces(int32_t coll)
{
	return coll == CT_ALLREDUCE || coll == CT_REDUCE_SCATTER || coll == CT_REDUCE;
}

static bool has_root(int32_t coll)
{
	return coll == CT_BROADCAST || coll == CT_REDUCE;
}

static bool apart(const void *a, uint64_t a_bytes, const void *b, uint64_t b_bytes)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

	return a_bytes == 0 || b_bytes == 0 || (x < y ? y - x >= a_bytes : x - y >= b_bytes);
}

static ct_status check_message(const struct ct_comm *c, const struct ct_call *call)
{
	const void *data = call->coll == CT_SEND ? call->send : call->recv;

	if (call->peer >= c->world.nranks)
		return ct_fail(CT_INVALID, "message with rank %u: there are %u ranks", call->peer,
			c->world.nranks);
	if (call->count > 0 && data == NULL)
		return ct_fail(CT_INVALID, "message of %llu elements without a buffer",
			(unsigned long long)call->count);
	return CT_OK;
}

static ct_status check_buffers(const struct ct_comm *c, const struct ct_call_key *key)
{
	struct ct_coll_buffers b = ct_coll_buffers((ct_coll)key->coll, c->world.rank,
		c->world.nranks, key->count, false);
	size_t each = ct_type_bytes((ct_type)key->type);
	bool no_send = key->coll != CT_BROADCAST && b.send > 0 && key->send == NULL;

	if (no_send || (b.recv > 0 && key->recv == NULL))
		return ct_fail(CT_INVALID, "%s of %llu elements without a buffer to %s",
			ct_coll_name((ct_coll)key->coll), (unsigned long long)key->count,
			no_send ? "send" : "receive");
	if (key->coll == CT_BROADCAST || ct_key_in_place(c, key) ||
		apart(key->send, b.send * each, key->recv, b.recv * each))
		return CT_OK;
	return ct_fail(CT_INVALID, "%s: the buffers overlap%s", ct_coll_name((ct_coll)key->coll),
		key->coll == CT_ALLTOALL ? "; it does not run in place" : " otherwise than in place");
}

static ct_status check_words(const struct ct_comm *c, const struct ct_call *call)
{
	if (call->coll < 0 || call->coll > CT_BARRIER)
		return ct_fail(CT_INVALID, "ct_call: coll is %d", (int)call->coll);
	if (reduces(call->coll) && (call->op < 0 || call->op >= CT_NOPS))
		return ct_fail(CT_INVALID, "ct_call: op is %d", (int)call->op);
	if (has_root(call->coll) && call->peer >= c->world.nranks)
		return ct_fail(CT_INVALID, "ct_call: root is %u of %u ranks", call->peer,
			c->world.nranks);
	return CT_OK;
}

ct_status ct_comm_check(const struct ct_comm *c, const struct ct_call *given,
	struct ct_call_key *key)
{
	struct ct_call call = ct_call_init(0, NULL, NULL, 0, CT_FLOAT);
	ct_status status = ct_take_struct(&call, sizeof(call), given, sizeof(call), "struct ct_call");

	if (status != CT_OK)
		return status;
	if (call.type < 0 || call.type >= CT_NTYPES)
		return ct_fail(CT_INVALID, "ct_call: type is %d", (int)call.type);
	if (call.count > (UINT64_MAX >> 5) / c->world.nranks)
		return ct_fail(CT_INVALID, "ct_call: %llu elements on each of %u ranks are more than "
			"memory has", (unsigned long long)call.count, c->world.nranks);
	if (is_message(&call))
		return check_message(c, &call);
	status = check_words(c, &call);
	if (status != CT_OK)
		return status;
	/* what an operation does not use is no part of what it is */
	*key = (struct ct_call_key){ .coll = call.coll, .type = call.type,
		.op = reduces(call.coll) ? call.op : CT_SUM,
		.root = has_root(call.coll) ? call.peer : 0 };
	if (call.coll == CT_BARRIER)
		return CT_OK;
	key->count = call.count;
	key->recv = call.recv;
	key->send = call.coll == CT_BROADCAST ? NULL : call.send;
	return check_buffers(c, key);
}

/* ---- requests -------------------------------------------------------------------------------------------- */

static struct ct_request *new_request(struct ct_comm *c)
{
	struct ct_request *r = c->spare;

	if (r == NULL)
		r = ct_alloc(1, sizeof(*r));
	else
		c->spare = r->next;
	if (r == NULL)
		return NULL;
	*r = (struct ct_request){ .comm = c, .status = CT_BUSY };
	return r;
}

static void spare_request(struct ct_comm *c, struct ct_request *r)
{
	r->next = c->spare;
	c->spare = r;
}

/* The communicator's end: WHAT is told by every later call. */
static ct_status fail_comm(struct ct_comm *c, ct_status status)
{
	if (c->failed == CT_OK) {
		c->failed = status;
		snprintf(c->why, sizeof(c->why), "%s", ct_why());
	}
	return status;
}

static ct_status refuse(const struct ct_comm *c)
{
	return ct_fail(CT_PEER, "this communicator has failed: %s", c->why);
}

/* ---- moving on ---------------------------------------------------------------------------------------------- */

static ct_status run(struct ct_comm *c, struct ct_request *r)
{
	struct ct_slot_of_comm *slot = &c->slots[r->op->setting.slot];

	if (!r->running) {
		ct_status status = slot->lib.ops->start(slot->lib.self, r->op->req);

		if (status != CT_OK)
			return status;
		r->running = true;
	}
	return slot->lib.ops->test(slot->lib.self, r->op->req);
}

/* The collective at the head of the queue has ended with STATUS. */
static void end_head(struct ct_comm *c, ct_status status)
{
	struct ct_request *r = c->head;

	c->head = r->next;
	if (c->head == NULL)
		c->tail = &c->head;
	r->status = status;
	r->running = false;
	ct_comm_done(c, r->op, status == CT_OK);
	r->op = NULL;
}

static ct_status move_collectives(struct ct_comm *c)
{
	while (c->head != NULL) {
		ct_status status = run(c, c->head);

		if (status == CT_BUSY)
			return CT_OK;
		if (status != CT_OK)
			fail_comm(c, status);
		end_head(c, status);
		if (status != CT_OK)
			return status;
	}
	return CT_OK;
}

static ct_status move_messages(struct ct_comm *c)
{
	struct ct_request **at = &c->flying;
	ct_status status = CT_OK;

	if (c->flying == NULL && !c->messages.caps.needs_polls)
		return CT_OK;
	status = ct_net_poll(&c->messages);
	if (status != CT_OK)
		return fail_comm(c, status);
	while (*at != NULL) {
		struct ct_request *r = *at;

		if (r->message.status == CT_BUSY) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->status = r->message.status;
		if (r->status != CT_OK)
			status = fail_comm(c, r->status);
	}
	return status;
}

/* Others may need this rank although nothing of its own is under way there: some transports answer
 * only when they are polled, and a library only from inside one of its calls. */
static void help_peers(struct ct_comm *c)
{
	for (uint32_t i = 0; i < c->nslots; i++) {
		struct ct_slot_of_comm *slot = &c->slots[i];

		if (slot->idle != NULL && !(c->head != NULL && c->head->running &&
			c->head->op->setting.slot == i))
			(void)slot->lib.ops->test(slot->lib.self, slot->idle);
	}
}

static ct_status move(struct ct_comm *c)
{
	ct_status status = move_collectives(c);

	return status == CT_OK ? move_messages(c) : status;
}

/* ---- ends ------------------------------------------------------------------------------------------------------ */

static void whom(const struct ct_comm *c, const struct ct_request *r, char *out, size_t room)
{
	const struct ct_request *head = c->head;
	const struct ct_slot_of_comm *slot;

	if (r->op == NULL) {
		snprintf(out, room, "%s rank %u, %llu bytes", r->message.kind == CT_NET_SEND ?
			"send to" : "receive from", r->message.peer, (unsigned long long)r->message.bytes);
		return;
	}
	slot = &c->slots[head->op->setting.slot];
	slot->lib.ops->waiting(slot->lib.self, head->op->req, out, room);
}

static void unlink_request(struct ct_comm *c, struct ct_request *r)
{
	struct ct_request **at = r->op != NULL ? &c->head : &c->flying;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	for (c->tail = &c->head; *c->tail != NULL; c->tail = &(*c->tail)->next)
		;
}

/* Not to be waited for any longer. A message that lies with the transport stays until that closes. */
static void give_up(struct ct_comm *c, struct ct_request *r)
{
	unlink_request(c, r);
	if (r->op != NULL) {
		ct_comm_done(c, r->op, false);
		spare_request(c, r);
	} else {
		r->next = c->lost;
		c->lost = r;
	}
}

/* R has ended: its status, and the request is the library's again. */
static ct_status finish(struct ct_comm *c, struct ct_request *r)
{
	ct_status status = r->status;

	spare_request(c, r);
	return status == CT_OK ? CT_OK : ct_fail(status, "%s", c->why);
}

static ct_status expire(struct ct_comm *c, struct ct_request *r)
{
	char what[160];

	whom(c, r, what, sizeof(what));
	(void)ct_fail(CT_TIMEOUT, "deadline of %.1f s passed: rank %u waits for %s",
		(double)c->attr.deadline_ns / 1e9, c->world.rank, what);
	fail_comm(c, CT_TIMEOUT);
	give_up(c, r);
	return ct_fail(CT_TIMEOUT, "%s", c->why);
}

/* Once: CT_BUSY, or R's end. CLOCK: look at it. */
static ct_status test(struct ct_comm *c, struct ct_request *r, bool clock)
{
	ct_status status = c->failed == CT_OK ? move(c) : c->failed;

	if (r->status != CT_BUSY)
		return finish(c, r);
	if (status != CT_OK) { /* another operation has failed, this one cannot go on */
		give_up(c, r);
		return refuse(c);
	}
	if (!clock)
		return CT_BUSY;
	help_peers(c);
	if (r->by.at_ns == 0)
		r->by = ct_deadline_in(c->attr.deadline_ns);
	return ct_deadline_passed(r->by) ? expire(c, r) : CT_BUSY;
}

static ct_status wait(struct ct_comm *c, struct ct_request *r)
{
	uint32_t polls = 0;
	uint32_t patience = c->world.oversubscribed ? 0 : EMPTY_POLLS;

	for (;;) {
		ct_status status = test(c, r, (++polls & LOOK_AT_CLOCK) == 0);

		if (status != CT_BUSY)
			return status;
		if (polls >= patience)
			sched_yield();
	}
}

void ct_comm_drop(struct ct_comm *c)
{
	while (c->head != NULL)
		give_up(c, c->head);
	while (c->flying != NULL)
		give_up(c, c->flying);
}

void ct_comm_drop_lost(struct ct_comm *c)
{
	struct ct_request **lists[] = { &c->lost, &c->spare };

	for (size_t i = 0; i < 2; i++) {
		while (*lists[i] != NULL) {
			struct ct_request *r = *lists[i];

			*lists[i] = r->next;
			ct_free(r);
		}
	}
}

/* ---- starting -------------------------------------------------------------------------------------------------- */

static ct_status post_message(struct ct_comm *c, const struct ct_call *call, struct ct_request *r)
{
	bool sends = call->coll == CT_SEND;
	ct_status status;

	r->message.kind = sends ? CT_NET_SEND : CT_NET_RECV;
	r->message.peer = call->peer;
	r->message.data = sends ? (void *)(uintptr_t)call->send : call->recv;
	r->message.bytes = call->count * ct_type_bytes((ct_type)call->type);
	status = ct_net_post(&c->messages, &r->message);
	if (status != CT_OK)
		return fail_comm(c, status);
	r->next = c->flying;
	c->flying = r;
	return CT_OK;
}

static ct_status enqueue(struct ct_comm *c, const struct ct_call_key *key, struct ct_request *r)
{
	ct_status status = ct_comm_prepare(c, key, &r->op);

	if (status != CT_OK)
		return status;
	*c->tail = r;
	c->tail = &r->next;
	return CT_OK;
}

static ct_status begin(struct ct_comm *c, const struct ct_call *call, struct ct_request **request)
{
	struct ct_call_key key;
	struct ct_request *r;
	ct_status status;

	if (c == NULL || call == NULL)
		return ct_fail(CT_INVALID, "no communicator, or no call");
	if (c->failed != CT_OK)
		return refuse(c);
	status = ct_comm_check(c, call, &key);
	if (status != CT_OK)
		return status;
	r = new_request(c);
	if (r == NULL)
		return CT_NOMEM;
	status = is_message(call) ? post_message(c, call, r) : enqueue(c, &key, r);
	if (status != CT_OK) {
		spare_request(c, r);
		return status;
	}
	*request = r;
	return CT_OK;
}

ct_status ct_start(ct_comm *c, const struct ct_call *call, ct_request **request)
{
	ct_status status;

	if (request == NULL)
		return ct_fail(CT_INVALID, "ct_start: no place for the request");
	status = begin(c, call, request);
	if (status == CT_OK)
		(void)move(c); /* what is wrong is told by the test */
	return status;
}

ct_status ct_test(ct_request *r)
{
	return r == NULL ? ct_fail(CT_INVALID, "ct_test: no request") : test(r->comm, r, true);
}

ct_status ct_wait(ct_request *r)
{
	return r == NULL ? ct_fail(CT_INVALID, "ct_wait: no request") : wait(r->comm, r);
}

/* ---- the blocking calls --------------------------------------------------------------------------------------------- */

static ct_status call_and_wait(struct ct_comm *c, const struct ct_call *call)
{
	struct ct_request *r;
	ct_status status = begin(c, call, &r);

	return status == CT_OK ? wait(c, r) : status;
}

static ct_status call(struct ct_comm *c, ct_coll coll, const void *send, void *recv, uint64_t count,
	ct_type type)
{
	struct ct_call what = ct_call_init(coll, send, recv, count, type);

	return call_and_wait(c, &what);
}

ct_status ct_allreduce(ct_comm *c, const void *send, void *recv, uint64_t count, ct_type type,
	ct_op op)
{
	struct ct_call what = ct_call_init(CT_ALLREDUCE, send, recv, count, type);

	what.op = op;
	return call_and_wait(c, &what);
}

ct_status ct_alltoall(ct_comm *c, const void *send, void *recv, uint64_t count, ct_type type)
{
	return call(c, CT_ALLTOALL, send, recv, count, type);
}

ct_status ct_allgather(ct_comm *c, const void *send, void *recv, uint64_t count, ct_type type)
{
	return call(c, CT_ALLGATHER, send, recv, count, type);
}

ct_status ct_reduce_scatter(ct_comm *c, const void *send, void *recv, uint64_t count, ct_type type,
	ct_op op)
{
	struct ct_call what = ct_call_init(CT_REDUCE_SCATTER, send, recv, count, type);

	what.op = op;
	return call_and_wait(c, &what);
}

ct_status ct_broadcast(ct_comm *c, void *data, uint64_t count, ct_type type, uint32_t root)
{
	struct ct_call what = ct_call_init(CT_BROADCAST, NULL, data, count, type);

	what.peer = root;
	return call_and_wait(c, &what);
}

ct_status ct_barrier(ct_comm *c)
{
	return call(c, CT_BARRIER, NULL, NULL, 0, CT_FLOAT);
}

ct_status ct_send(ct_comm *c, const void *data, uint64_t count, ct_type type, uint32_t peer)
{
	struct ct_call what = ct_call_init(CT_SEND, data, NULL, count, type);

	what.peer = peer;
	return call_and_wait(c, &what);
}

ct_status ct_recv(ct_comm *c, void *data, uint64_t count, ct_type type, uint32_t peer)
{
	struct ct_call what = ct_call_init(CT_RECV, NULL, data, count, type);

	what.peer = peer;
	return call_and_wait(c, &what);
}
