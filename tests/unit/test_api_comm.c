/* SPDX-License-Identifier: BSD-3-Clause */
/* ct_comm over threads: every operation, type and place gives the right data; reductions in rank order
 * have the same bits everywhere; started and blocking calls mix; what is wrong is refused or ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>

#include "comm_ranks.h"

enum { ROOM = 1 << 20 };

/* ---- right data -------------------------------------------------------------------------------- */

static struct ct_call call_of(const struct ct_coll_desc *d)
{
	struct ct_call call = ct_call_init((int32_t)d->coll, d->send, d->recv, d->count, d->type);

	call.op = (int32_t)d->op;
	call.peer = d->root;
	return call;
}

/* Places the buffers, runs D twice, counts what is wrong. */
static ct_status right(struct here *h, struct ct_coll_desc *d, char *memory)
{
	struct ct_coll_buffers b = ct_coll_buffers(d->coll, h->rank, h->n, d->count, d->in_place);
	size_t each = ct_type_bytes(d->type);
	struct ct_call call;

	d->send = memory + b.send_at * each;
	d->recv = (d->in_place ? memory : memory + ROOM) + b.recv_at * each;
	call = call_of(d);
	for (int i = 0; i < 2; i++) {
		ct_request *request;

		ct_verify_spoil(d, h->rank, h->n);
		ct_verify_fill(d, h->rank, h->n, d->count + (uint64_t)i);
		WANT(ct_start(h->comm, &call, &request) == CT_OK);
		if (i == 0) {
			WANT(ct_wait(request) == CT_OK);
		} else {
			ct_status status;

			while ((status = ct_test(request)) == CT_BUSY)
				sched_yield();
			WANT(status == CT_OK);
		}
		if (ct_verify_count(d, h->rank, h->n, d->count + (uint64_t)i) > 0)
			return ct_fail(CT_CORRUPT, "rank %u of %u: %s %s %s count %llu place %d is wrong",
				h->rank, h->n, ct_coll_name(d->coll), ct_type_name(d->type),
				ct_op_name(d->op), (unsigned long long)d->count, d->in_place);
	}
	return CT_OK;
}

static bool may_be_in_place(ct_coll coll)
{
	return coll != CT_ALLTOALL && coll != CT_BARRIER;
}

static ct_status all_right(struct here *h, const struct job *job)
{
	static const uint64_t counts[] = { 0, 1, 5, 1000 };
	char *memory = ct_alloc(2, ROOM);
	ct_status status = memory != NULL ? CT_OK : CT_NOMEM;

	(void)job;
	for (int coll = 0; coll <= CT_BARRIER; coll++)
		for (int type = 0; type < CT_NTYPES; type++)
			for (size_t i = 0; i < 4 && status == CT_OK; i++) {
				struct ct_coll_desc d = { .coll = (ct_coll)coll, .type = (ct_type)type,
					.op = (ct_op)((coll + type + (int)i) % CT_NOPS), .root = h->n - 1,
					.count = coll == CT_BARRIER ? 0 : counts[i] };

				/* a broadcast has one buffer, which is "in place" */
				d.in_place = coll == CT_BROADCAST;
				status = right(h, &d, memory);
				d.in_place = may_be_in_place(d.coll);
				if (status == CT_OK)
					status = right(h, &d, memory);
			}
	ct_free(memory);
	return status;
}

static void every_operation(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 4, 8 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct job job = job_of("auto", all_right);

		run_job(sizes[i], &job);
		job.attr.deterministic = 1;
		run_job(sizes[i], &job);
	}
	struct job tcp = job_of("tcp", all_right);

	run_job(3, &tcp);
}

/* The simple calls, each once, with answers that can be seen. */
static ct_status simple_calls(struct here *h, const struct job *job)
{
	int32_t mine[4] = { (int32_t)h->rank, 1, 2, 3 }, all[16] = { 0 }, one = -1, n = (int32_t)h->n;
	uint32_t next = (h->rank + 1) % h->n, last = (h->rank + h->n - 1) % h->n;

	(void)job;
	WANT(ct_allreduce(h->comm, mine, all, 4, CT_INT32, CT_SUM) == CT_OK);
	WANT(all[0] == n * (n - 1) / 2 && all[1] == n && all[3] == 3 * n);
	WANT(ct_allreduce(h->comm, mine, mine, 1, CT_INT32, CT_MAX) == CT_OK && mine[0] == n - 1);
	mine[0] = (int32_t)h->rank;
	WANT(ct_allgather(h->comm, mine, all, 1, CT_INT32) == CT_OK);
	WANT(all[0] == 0 && all[n - 1] == n - 1);
	WANT(ct_alltoall(h->comm, mine, all, 1, CT_INT32) == CT_OK);
	WANT(all[0] == (h->rank == 0 ? 0 : mine[h->rank]));
	WANT(ct_reduce_scatter(h->comm, mine, &one, 1, CT_INT32, CT_SUM) == CT_OK);
	WANT(one == (h->rank == 0 ? n * (n - 1) / 2 : (int32_t)h->rank * n));
	one = (int32_t)h->rank;
	WANT(ct_broadcast(h->comm, &one, 1, CT_INT32, h->n - 1) == CT_OK && one == n - 1);
	WANT(ct_barrier(h->comm) == CT_OK);
	if (h->rank % 2 == 0 && h->n > 1) { /* around, blocking: even ranks first */
		WANT(ct_send(h->comm, mine, 4, CT_INT32, next) == CT_OK);
		WANT(ct_recv(h->comm, all, 4, CT_INT32, last) == CT_OK);
	} else if (h->n > 1) {
		WANT(ct_recv(h->comm, all, 4, CT_INT32, last) == CT_OK);
		WANT(ct_send(h->comm, mine, 4, CT_INT32, next) == CT_OK);
	}
	WANT(h->n == 1 || (all[0] == (int32_t)last && all[3] == 3));
	return CT_OK;
}

static void blocking_calls(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 4; n++) {
		struct job job = job_of("auto", simple_calls);

		run_job(n, &job);
	}
}

/* ---- in rank order ------------------------------------------------------------------------------------ */

/* Numbers of all magnitudes, whose sum depends on the order. */
static void odd_values(ct_type type, void *out, uint64_t count, uint32_t rank)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t r = ct_rng_hash(rank * 1000003u + 17, i);
		float f = (float)((double)(r >> 40) - 8388608.0) * (float)(1u << (r & 15)) * 0x1p-20f;

		if (type == CT_DOUBLE)
			((double *)out)[i] = f * 1.1;
		else if (type == CT_FLOAT)
			((float *)out)[i] = f;
		else
			((uint16_t *)out)[i] = (uint16_t)(0x3c00u | (r & 0x83ffu)); /* ±[1, 2) as half */
	}
}

/* The same by the plainest way: everything to everyone, added up from rank 0 on. */
static ct_status plain(struct here *h, ct_type type, const void *mine, void *out, uint64_t count)
{
	size_t bytes = count * ct_type_bytes(type);
	char *all = ct_alloc(h->n, bytes);

	WANT(all != NULL && ct_allgather(h->comm, mine, all, count, type) == CT_OK);
	memcpy(out, all, bytes);
	for (uint32_t r = 1; r < h->n; r++)
		ct_reduce(type, CT_SUM, out, out, all + r * bytes, count);
	ct_free(all);
	return CT_OK;
}

static ct_status same_bits(struct here *h, ct_type type, uint64_t count)
{
	size_t bytes = count * ct_type_bytes(type);
	uint64_t block = count / h->n;
	char *mine = ct_alloc(3, bytes), *got = mine + bytes, *want = mine + 2 * bytes;

	WANT(mine != NULL);
	odd_values(type, mine, count, h->rank);
	WANT(plain(h, type, mine, want, count) == CT_OK);
	WANT(ct_allreduce(h->comm, mine, got, count, type, CT_SUM) == CT_OK);
	WANT(memcmp(got, want, bytes) == 0);
	memcpy(got, mine, bytes);
	WANT(ct_allreduce(h->comm, got, got, count, type, CT_SUM) == CT_OK);
	WANT(memcmp(got, want, bytes) == 0);
	bytes = block * ct_type_bytes(type);
	WANT(ct_reduce_scatter(h->comm, mine, got, block, type, CT_SUM) == CT_OK);
	WANT(memcmp(got, want + h->rank * bytes, bytes) == 0);
	ct_free(mine);
	return CT_OK;
}

static ct_status all_same_bits(struct here *h, const struct job *job)
{
	static const uint64_t counts[] = { 1, 2, 7, 4096, 30011 };
	static const ct_type types[] = { CT_FLOAT, CT_DOUBLE, CT_HALF };

	(void)job;
	for (size_t t = 0; t < 3; t++)
		for (size_t i = 0; i < 5; i++) {
			ct_status status = same_bits(h, types[t], counts[i]);

			if (status != CT_OK)
				return status;
		}
	return CT_OK;
}

static void rank_order(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 4, 8 };
	char rules[64];

	(void)state;
	/* the last one is not in rank order: it must not be taken */
	write_rules(rules, 1, 8, "{\"coll\":\"allreduce\",\"backend\":\"native\",\"type\":\"float\",\"bytes\":"
		"[0,99],\"set\":{\"algo\":\"allpairs\"}},{\"coll\":\"allreduce\",\"backend\":\"native\",\"type\":"
		"\"float\",\"bytes\":[100,1000000],\"set\":{\"algo\":\"gather\"}},{\"coll\":\"allreduce\","
		"\"backend\":\"native\",\"type\":\"double\",\"bytes\":[0,1000000],\"set\":{\"algo\":\"ring\"}}");
	for (size_t i = 0; i < 5; i++) {
		struct job job = job_of("shm", all_same_bits);

		job.attr.net = sizes[i] == 1 ? "auto" : "shm";
		job.attr.deterministic = 1;
		run_job(sizes[i], &job);
		job.attr.rules = rules;
		run_job(sizes[i], &job);
		job.attr.net = "tcp";
		run_job(sizes[i], &job);
	}
	unlink(rules);
}

/* ---- started calls ------------------------------------------------------------------------------------ */

static ct_status head_on(struct here *h, const struct job *job)
{
	enum { COUNT = 300000 }; /* far beyond what a transport takes without the receiver */
	int32_t *mine = ct_alloc(COUNT, 8), *theirs = mine + COUNT, sums[2] = { 0, 0 };
	const int32_t ones[2] = { 1, 10 };
	uint32_t other = h->rank ^ 1;
	struct ct_call calls[4] = { ct_call_init(CT_SEND, mine, NULL, COUNT, CT_INT32),
		ct_call_init(CT_RECV, NULL, theirs, COUNT, CT_INT32),
		ct_call_init(CT_ALLREDUCE, &ones[0], &sums[0], 1, CT_INT32),
		ct_call_init(CT_ALLREDUCE, &ones[1], &sums[1], 1, CT_INT32) };
	ct_request *requests[4];

	(void)job;
	WANT(mine != NULL);
	for (int32_t i = 0; i < COUNT; i++)
		mine[i] = i * 3 + (int32_t)h->rank;
	calls[0].peer = calls[1].peer = other;
	for (int round = 0; round < 3; round++) {
		memset(theirs, 0, COUNT * 4);
		for (int i = 0; i < 4; i++)
			WANT(ct_start(h->comm, &calls[i], &requests[i]) == CT_OK);
		for (int i = 4; i-- > 0;) /* the last first: all move on inside of any */
			WANT(ct_wait(requests[i]) == CT_OK);
		WANT(sums[0] == (int32_t)h->n && sums[1] == 10 * (int32_t)h->n);
		for (int32_t i = 0; i < COUNT; i++)
			WANT(theirs[i] == i * 3 + (int32_t)other);
	}
	ct_free(mine);
	return CT_OK;
}

static void started_calls(void **state)
{
	struct job job = job_of("shm", head_on);

	(void)state;
	run_job(2, &job);
	run_job(4, &job);
	job.attr.net = "tcp";
	run_job(2, &job);
}

/* ---- kept operations ----------------------------------------------------------------------------------- */

static ct_status many_calls(struct here *h, const struct job *job)
{
	struct ct_comm_info info = { .size = sizeof(info) };
	float data[200] = { 0 };

	(void)job;
	for (int i = 0; i < 50; i++)
		WANT(ct_allreduce(h->comm, data, data, 4, CT_FLOAT, CT_SUM) == CT_OK);
	WANT(ct_comm_about(h->comm, &info) == CT_OK);
	WANT(info.prepared == 1 && info.reused == 49);
	for (int i = 0; i < 400; i++) /* more than are kept */
		WANT(ct_allreduce(h->comm, data + i % 200, data + i % 200, 1, CT_FLOAT, CT_SUM) == CT_OK);
	WANT(ct_comm_about(h->comm, &info) == CT_OK);
	WANT(info.prepared == 401 && info.rank == h->rank && info.nranks == h->n);
	WANT(info.rules == 0 && info.hash[0] == '\0' && info.note[0] == '\0' && info.path[0] != '\0');
	return CT_OK;
}

static void kept_operations(void **state)
{
	struct job job = job_of("auto", many_calls);

	(void)state;
	run_job(2, &job);
}

/* ---- refused ---------------------------------------------------------------------------------------------- */

static ct_status refused(ct_comm *comm, struct ct_call call, const char *hint)
{
	ct_request *request = NULL;
	char text[100];

	WANT(ct_start(comm, &call, &request) == CT_INVALID && request == NULL);
	if (strstr(ct_why(), hint) == NULL)
		return ct_fail(CT_CORRUPT, "\"%s\" without \"%s\"", ct_why(), hint);
	WANT(ct_comm_choice(comm, &call, text, sizeof(text)) == CT_INVALID);
	return CT_OK;
}

static ct_status bad_calls(struct here *h, const struct job *job)
{
	float data[64] = { 0 };
	struct ct_call good = ct_call_init(CT_ALLREDUCE, data, data + 8, 8, CT_FLOAT), c;
	char text[100];

	(void)job;
#define REFUSED(change, hint)                                                                      \
	do {                                                                                       \
		c = good, change;                                                                  \
		if (refused(h->comm, c, hint) != CT_OK)                                            \
			return CT_CORRUPT;                                                         \
	} while (0)
	REFUSED(c.size = 4, "size");
	REFUSED(c.coll = 77, "coll");
	REFUSED(c.coll = CT_P2P_LATENCY, "coll");
	REFUSED(c.coll = -1, "coll");
	REFUSED(c.type = CT_NTYPES, "type");
	REFUSED(c.op = -1, "op");
	REFUSED(c.count = UINT64_MAX / 8, "memory");
	REFUSED(c.send = NULL, "send");
	REFUSED(c.recv = NULL, "receive");
	REFUSED(c.recv = data + 4, "overlap");
	REFUSED((c.coll = CT_ALLTOALL, c.recv = data), "in place");
	REFUSED((c.coll = CT_ALLGATHER, c.recv = data + 7), "overlap");
	REFUSED((c.coll = CT_BROADCAST, c.peer = 9), "root");
	REFUSED((c.coll = CT_SEND, c.peer = 2), "rank 2");
	REFUSED((c.coll = CT_RECV, c.recv = NULL), "buffer");
#undef REFUSED
	WANT(ct_start(NULL, &good, NULL) == CT_INVALID && ct_start(h->comm, &good, NULL) == CT_INVALID);
	WANT(ct_test(NULL) == CT_INVALID && ct_wait(NULL) == CT_INVALID);
	WANT(ct_comm_about(NULL, NULL) == CT_INVALID);
	WANT(ct_comm_choice(h->comm, &good, text, 0) == CT_INVALID);
	/* nothing of it has hurt */
	WANT(ct_allreduce(h->comm, data, data, 8, CT_FLOAT, CT_SUM) == CT_OK);
	return CT_OK;
}

static void refuses_calls(void **state)
{
	struct job job = job_of("auto", bad_calls);

	(void)state;
	run_job(2, &job);
}

static void refuse_open(struct ct_comm_attr attr, ct_status want, const char *hint)
{
	ct_comm *comm = NULL;

	assert_int_equal(ct_comm_open(&attr, &comm), want);
	assert_null(comm);
	if (strstr(ct_why(), hint) == NULL)
		fail_msg("\"%s\" without \"%s\"", ct_why(), hint);
}

static void refuses_attributes(void **state)
{
	struct ct_comm_attr good = ct_comm_attr_init(NULL), a;
	struct {
		struct ct_comm_attr attr;
		uint64_t more;
	} newer = { ct_comm_attr_init(NULL), 1 };
	struct ct_boot boot = { sizeof(boot), 2, 2, NULL, NULL };

	(void)state;
	a = good, a.size = 8;
	refuse_open(a, CT_INVALID, "size");
	a = good, a.boot = &boot;
	refuse_open(a, CT_INVALID, "rank 2");
	a = good, a.net = "pigeon";
	refuse_open(a, CT_INVALID, "pigeon");
	a = good, a.backends = "nativ";
	refuse_open(a, CT_INVALID, "native");
	a = good, a.backends = "native,,mpi";
	refuse_open(a, CT_INVALID, "backends");
	a = good, a.backends = "";
	refuse_open(a, CT_INVALID, "backends");
	a = good, a.backends = "trace";
	refuse_open(a, CT_UNSUPPORTED, "trace");
	a = good, a.backends = "native,native,native,native,native";
	refuse_open(a, CT_INVALID, "more than");
	newer.attr.size = sizeof(newer);
	assert_int_equal(ct_comm_open(&newer.attr, &(ct_comm *){ NULL }), CT_UNSUPPORTED);
	assert_int_equal(ct_comm_open(&good, NULL), CT_INVALID);
	ct_comm_close(NULL);
}

/* ---- a rank that does not come ------------------------------------------------------------------------- */

static ct_status absent(struct here *h, const struct job *job)
{
	int32_t data = 1, sum = 0;
	ct_request *request;
	struct ct_call call = ct_call_init(CT_RECV, NULL, &sum, 1, CT_INT32);

	(void)job;
	if (h->rank == 1) /* leaves at once; its close waits for nobody that long */
		return ct_boot_agree(h->boot, CT_OK);
	WANT(ct_allreduce(h->comm, &data, &sum, 1, CT_INT32, CT_SUM) == CT_TIMEOUT);
	WANT(strstr(ct_why(), "deadline of 3.0 s passed: rank 0 waits for") != NULL);
	WANT(strstr(ct_why(), "rank 1") != NULL);
	WANT(ct_allreduce(h->comm, &data, &sum, 1, CT_INT32, CT_SUM) == CT_PEER);
	WANT(strstr(ct_why(), "deadline of 3.0 s") != NULL);
	WANT(ct_start(h->comm, &call, &request) == CT_PEER);
	return ct_boot_agree(h->boot, CT_OK);
}

static ct_status absent_message(struct here *h, const struct job *job)
{
	int32_t data = 1, other = 2;
	struct ct_call call = ct_call_init(CT_RECV, NULL, &other, 1, CT_INT32);
	ct_request *request;
	ct_status status;

	(void)job;
	if (h->rank == 1)
		return ct_boot_agree(h->boot, CT_OK);
	call.peer = 1;
	WANT(ct_start(h->comm, &call, &request) == CT_OK);
	while ((status = ct_test(request)) == CT_BUSY)
		sched_yield();
	WANT(status == CT_TIMEOUT && strstr(ct_why(), "receive from rank 1, 4 bytes") != NULL);
	WANT(ct_send(h->comm, &data, 1, CT_INT32, 1) == CT_PEER);
	return ct_boot_agree(h->boot, CT_OK);
}

/* The close of the rank that was well waits for nobody either: its bootstrap tells that one has left. */
static void deadline(void **state)
{
	struct job job = job_of("shm", absent);

	(void)state;
	job.attr.deadline_ns = 3000000000; /* of opening, too */
	run_job(2, &job);
	job.body = absent_message;
	run_job(2, &job);
	job.attr.net = "tcp";
	run_job(2, &job);
}

/* ---- no memory --------------------------------------------------------------------------------------------- */

static ct_status a_few_calls(struct here *h, const struct job *job)
{
	float data[64] = { 0 };
	ct_status status = ct_allreduce(h->comm, data, data, 64, CT_FLOAT, CT_SUM);

	(void)job;
	if (status == CT_OK)
		status = ct_allgather(h->comm, data, data + 8, 1, CT_FLOAT);
	if (status == CT_OK && h->rank == 0)
		status = ct_send(h->comm, data, 1, CT_FLOAT, h->n - 1);
	if (status == CT_OK && h->rank == h->n - 1)
		status = ct_recv(h->comm, data + 1, 1, CT_FLOAT, 0);
	return status;
}

static void torture(void **state)
{
	char rules[64];
	uint64_t nth;
	uint32_t refused_n = 0;

	(void)state;
	write_rules(rules, 1, 8, "{\"coll\":\"allreduce\",\"backend\":\"native\",\"type\":\"any\",\"bytes\":[0,999],"
		"\"set\":{\"algo\":\"binomial\"}}");
	for (nth = 1; nth < 2000; nth++) {
		struct job job = job_of("shm", a_few_calls);
		ct_status each[2], status;

		job.attr.rules = rules;
		/* whoever has no memory for an operation leaves the other waiting */
		job.attr.deadline_ns = 300000000;
		ct_alloc_fail_nth(nth);
		status = ct_threads_run(2, PATIENT, comm_rank, &job, each);
		if (status != CT_OK && status != CT_NOMEM && status != CT_TIMEOUT && status != CT_PEER)
			fail_msg("allocation %llu: %s: %s", (unsigned long long)nth,
				ct_status_text(status), ct_why());
		refused_n += each[0] == CT_NOMEM || each[1] == CT_NOMEM;
		if (ct_alloc_count() < nth)
			break;
	}
	ct_alloc_fail_nth(0);
	unlink(rules);
	assert_true(nth > 50 && nth < 2000);
	assert_true(refused_n > nth / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation),
		cmocka_unit_test(blocking_calls),
		cmocka_unit_test(rank_order),
		cmocka_unit_test(started_calls),
		cmocka_unit_test(kept_operations),
		cmocka_unit_test(refuses_calls),
		cmocka_unit_test(refuses_attributes),
		cmocka_unit_test(deadline),
		cmocka_unit_test(torture),
	};

	return cmocka_run_group_tests_name("api_comm", tests, NULL, NULL);
}
