/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads as ranks over shm and tcp: every algorithm, type, operation and place gives the right
 * data; what may not be asked for is refused; traces are recorded and replayed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "boot/boot.h"
#include "coll/coll.h"
#include "net/net.h"

enum { SECOND = 1000000000, ROOM = 16 << 10 };

/* Far above what a loaded machine under a sanitizer needs. */
#define TIMEOUT (UINT64_C(600) * SECOND)

/* What one rank has in a test. */
struct rank {
	struct ct_world world;
	struct ct_coll_lib lib;
	const struct ct_coll_caps *caps;
	struct ct_deadline by;
	char *memory[2]; /* ROOM elements of 8 bytes each */
	uint32_t partner[64];
};

struct job {
	const char *net, *record, *replay, *backend;
	const struct ct_net_wrap *wrap;
	ct_status (*body)(struct rank *rank, const struct job *job);
};

static ct_status rank_main(const struct ct_boot *boot, void *arg)
{
	const struct job *job = arg;
	struct rank rank = { .by = ct_deadline_in(TIMEOUT) };
	ct_status status = ct_world_make(boot, &rank.world);
	struct ct_coll_env env = { .world = &rank.world, .net = job->net, .net_wrap = job->wrap,
		.record = job->record, .replay = job->replay, .open_by = rank.by };

	if (status != CT_OK)
		return status;
	for (uint32_t i = 0; i < rank.world.nranks; i++)
		rank.partner[i] = (i ^ 1) < rank.world.nranks ? i ^ 1 : i;
	rank.memory[0] = ct_alloc(ROOM, 8);
	rank.memory[1] = ct_alloc(ROOM, 8);
	if (rank.memory[0] == NULL || rank.memory[1] == NULL)
		status = CT_NOMEM;
	if (status == CT_OK)
		status = ct_coll_open(job->backend != NULL ? job->backend : "native", NULL, &env,
			&rank.lib);
	if (status == CT_OK) {
		rank.caps = rank.lib.ops->query(rank.lib.self);
		status = job->body(&rank, job);
		/* Nobody closes while another still posts. */
		status = ct_boot_agree(boot, status);
		ct_coll_close(&rank.lib);
	}
	ct_free(rank.memory[0]);
	ct_free(rank.memory[1]);
	ct_world_free(&rank.world);
	return status;
}

static void run_job(uint32_t nranks, const struct job *job)
{
	struct job copy = *job;

	if (ct_threads_run(nranks, TIMEOUT, rank_main, &copy, NULL) != CT_OK)
		fail_msg("%u ranks, %s: %s", nranks, job->net, ct_why());
}

static ct_status finish(struct rank *rank, void *req)
{
	ct_status status;

	while ((status = rank->lib.ops->test(rank->lib.self, req)) == CT_BUSY) {
		if (ct_deadline_passed(rank->by)) {
			char what[128];

			rank->lib.ops->waiting(rank->lib.self, req, what, sizeof(what));
			return ct_fail(CT_TIMEOUT, "rank %u waits for %s", rank->world.rank, what);
		}
		sched_yield();
	}
	return status;
}

/* Places the buffers of DESC in memory. */
static void place(struct rank *rank, struct ct_coll_desc *d)
{
	struct ct_coll_buffers b = ct_coll_buffers(d->coll, rank->world.rank, rank->world.nranks,
		d->count, d->in_place);
	size_t each = ct_type_bytes(d->type);

	d->partner = rank->partner;
	d->send = rank->memory[0] + b.send_at * each;
	d->recv = rank->memory[!d->in_place] + b.recv_at * each;
}

/* Runs DESC twice (with many ranks once); *WRONG counts wrong elements of this rank. */
static ct_status once(struct rank *rank, struct ct_coll_desc *d, uint64_t *wrong)
{
	const struct ct_coll_ops *ops = rank->lib.ops;
	uint32_t r = rank->world.rank, n = rank->world.nranks;
	void *req;
	ct_status status;

	place(rank, d);
	d->seed = d->count;
	status = ops->prepare(rank->lib.self, d, &req);
	*wrong = 0;
	for (int i = 0; i < (n < 8 ? 2 : 1) && status == CT_OK; i++) {
		ct_verify_spoil(d, r, n);
		ct_verify_fill(d, r, n, d->seed);
		status = ops->start(rank->lib.self, req);
		if (status == CT_OK)
			status = finish(rank, req);
		if (status == CT_OK)
			*wrong += ct_verify_count(d, r, n, d->seed);
	}
	if (status == CT_OK)
		ops->release(rank->lib.self, req);
	return status;
}

static ct_status expect_right(struct rank *rank, struct ct_coll_desc *d)
{
	uint64_t wrong;
	ct_status status = once(rank, d, &wrong);

	if (status != CT_OK || wrong == 0)
		return status;
	return ct_fail(CT_CORRUPT, "rank %u: %s %s %s %s count %llu in_place %d: %llu wrong",
		rank->world.rank, ct_coll_name(d->coll), d->algo, ct_type_name(d->type),
		ct_op_name(d->op), (unsigned long long)d->count, d->in_place,
		(unsigned long long)wrong);
}

static bool reduces(ct_coll coll)
{
	return coll == CT_ALLREDUCE || coll == CT_REDUCE_SCATTER;
}

/* One algorithm: all types, operations and places; a few counts. */
static ct_status try_algo(struct rank *rank, const struct ct_coll_algo *algo)
{
	uint32_t n = rank->world.nranks;
	const uint64_t counts[] = { 2, 400, n > 1 ? n - 1 : 0 };
	struct ct_coll_desc d = { .coll = algo->coll, .algo = algo->name, .window = 3,
		.root = n / 2 };
	ct_status status = CT_OK;

	for (int type = 0; type < CT_NTYPES; type++)
		for (int op = 0; op < (reduces(algo->coll) ? CT_NOPS : 1); op++)
			for (int in = 0; in <= (int)(rank->caps->in_place >> algo->coll & 1); in++)
				for (int c = 0; c < (n < 8 ? 3 : 2) && status == CT_OK; c++) {
					d.type = (ct_type)type;
					d.op = (ct_op)op;
					d.in_place = in;
					d.count = counts[c];
					/* 64 bytes: 8 to 32 elements a segment. */
					d.knob[0] = algo->nknobs > 0 && c == 1 ? 64 : 0;
					status = expect_right(rank, &d);
				}
	return status;
}

static ct_status everything(struct rank *rank, const struct job *job)
{
	ct_status status = CT_OK;

	(void)job;
	for (size_t i = 0; i < rank->caps->nalgos && status == CT_OK; i++)
		status = try_algo(rank, &rank->caps->algos[i]);
	return status;
}

static void all_over_shm(void **state)
{
	const struct job job = { .net = "shm", .body = everything };
	static const uint32_t ranks[] = { 1, 2, 3, 5, 8, 13 };

	(void)state;
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		run_job(ranks[i], &job);
}

static void all_over_tcp(void **state)
{
	const struct job job = { .net = "tcp", .body = everything };
	static const uint32_t ranks[] = { 1, 2, 3, 5, 8, 13 };

	(void)state;
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		run_job(ranks[i], &job);
}

static void alone(void **state)
{
	const struct job job = { .net = "auto", .body = everything };

	(void)state;
	run_job(1, &job);
}

/* Long messages: single copy, many segments. */
static ct_status long_messages(struct rank *rank, const struct job *job)
{
	struct ct_coll_desc d = { .type = CT_FLOAT, .op = CT_SUM, .window = 5 };
	ct_status status = CT_OK;

	(void)job;
	for (size_t i = 0; i < rank->caps->nalgos && status == CT_OK; i++) {
		const struct ct_coll_algo *algo = &rank->caps->algos[i];
		uint64_t n = rank->world.nranks;

		d.coll = algo->coll;
		d.algo = algo->name;
		d.count = ct_coll_count(d.coll, (uint32_t)n, ROOM * 8, d.type) / (n > 1 ? 1 : 2);
		d.knob[0] = algo->nknobs > 0 ? 4096 : 0;
		status = expect_right(rank, &d);
	}
	return status;
}

static void long_over_both(void **state)
{
	struct job job = { .net = "shm", .body = long_messages };

	(void)state;
	run_job(2, &job);
	run_job(4, &job);
	job.net = "tcp";
	run_job(2, &job);
	run_job(4, &job);
}

static ct_status wants(ct_status got, ct_status want, const char *text)
{
	if (got == want && (text == NULL || strstr(ct_why(), text) != NULL))
		return CT_OK;
	return ct_fail(CT_CORRUPT, "status %d instead of %d with \"%s\"", got, want,
		text != NULL ? text : "");
}

static ct_status refusals(struct rank *rank, const struct job *job)
{
	const struct ct_coll_ops *ops = rank->lib.ops;
	struct ct_coll_desc d = { .coll = CT_ALLTOALL, .type = CT_FLOAT, .count = 4,
		.in_place = true };
	uint64_t ns;
	void *req = NULL, *other = NULL;
	ct_status status;

	(void)job;
	place(rank, &d);
	status = wants(ops->prepare(rank->lib.self, &d, &req), CT_UNSUPPORTED, "in place");
	d.in_place = false;
	d.algo = "pairwize";
	if (status == CT_OK)
		status = wants(ops->prepare(rank->lib.self, &d, &req), CT_INVALID, "pairwise");
	d.algo = NULL;
	d.count = UINT64_MAX / 8;
	if (status == CT_OK)
		status = wants(ops->prepare(rank->lib.self, &d, &req), CT_INVALID, "memory");
	d.coll = CT_BROADCAST;
	d.root = 99;
	d.count = 1;
	if (status == CT_OK)
		status = wants(ops->prepare(rank->lib.self, &d, &req), CT_INVALID, "root 99");
	if (status == CT_OK)
		status = wants(ops->mark(rank->lib.self, CT_MARKS), CT_INVALID, "mark");
	if (status == CT_OK)
		status = wants(ops->span(rank->lib.self, 0, CT_MARKS, &ns), CT_INVALID, "span");
	/* One operation at a time: a second start is refused while the first runs. */
	d = (struct ct_coll_desc){ .coll = CT_ALLREDUCE, .type = CT_FLOAT, .count = 4 };
	place(rank, &d);
	if (status == CT_OK)
		status = ops->prepare(rank->lib.self, &d, &req);
	if (status == CT_OK)
		status = ops->prepare(rank->lib.self, &d, &other);
	if (status == CT_OK)
		status = ops->start(rank->lib.self, req);
	if (status == CT_OK)
		status = wants(ops->start(rank->lib.self, other), CT_INVALID, "one operation");
	if (status == CT_OK)
		status = finish(rank, req);
	if (req != NULL)
		ops->release(rank->lib.self, req);
	if (other != NULL)
		ops->release(rank->lib.self, other);
	return status;
}

static void refuses(void **state)
{
	const struct job job = { .net = "shm", .body = refusals };

	(void)state;
	run_job(2, &job);
}

/* Rank 1 never takes part: rank 0 names it, gives the operation up and can still close. */
static ct_status gives_up(struct rank *rank, const struct job *job)
{
	const struct ct_coll_ops *ops = rank->lib.ops;
	struct ct_coll_desc d = { .coll = CT_ALLREDUCE, .type = CT_FLOAT, .count = 4 };
	char what[128] = "";
	void *req;
	ct_status status;

	(void)job;
	if (rank->world.rank == 1)
		return CT_OK;
	place(rank, &d);
	status = ops->prepare(rank->lib.self, &d, &req);
	if (status == CT_OK)
		status = ops->start(rank->lib.self, req);
	for (int i = 0; i < 1000 && status == CT_OK; i++)
		status = wants(ops->test(rank->lib.self, req), CT_BUSY, NULL);
	ops->waiting(rank->lib.self, req, what, sizeof(what));
	ops->release(rank->lib.self, req);
	if (status == CT_OK && strcmp(what, "recv 1 of 1 from rank 1") != 0)
		return ct_fail(CT_CORRUPT, "waits for \"%s\"", what);
	if (status == CT_OK)
		status = ops->prepare(rank->lib.self, &d, &req);
	if (status == CT_OK)
		status = wants(ops->start(rank->lib.self, req), CT_PEER, "given up");
	ops->release(rank->lib.self, req);
	return status;
}

static void names_whom_it_waits_for(void **state)
{
	struct job job = { .net = "shm", .body = gives_up };

	(void)state;
	run_job(2, &job);
	job.net = "tcp";
	run_job(2, &job);
}

/* A byte changed on the way is seen by at least one rank. */
static ct_status corrupted(struct rank *rank, const struct job *job)
{
	struct ct_coll_desc d = { .coll = CT_ALLREDUCE, .algo = "recursive_doubling",
		.type = CT_FLOAT, .op = CT_SUM, .count = 1000 };
	uint64_t wrong, all[4], sum = 0;
	ct_status status = once(rank, &d, &wrong);

	(void)job;
	if (status == CT_OK)
		status = rank->world.boot->allgather(rank->world.boot->ctx, &wrong, all,
			sizeof(wrong));
	for (int i = 0; i < 4 && status == CT_OK; i++)
		sum += all[i];
	if (status == CT_OK && sum == 0)
		return ct_fail(CT_CORRUPT, "the changed byte was not seen");
	return status;
}

static void sees_a_changed_byte(void **state)
{
	const struct ct_net_wrap wrap = { .fault = "corrupt:nth=3:rank=1" };
	struct job job = { .net = "shm", .body = corrupted, .wrap = &wrap };

	(void)state;
	run_job(4, &job);
	job.net = "tcp";
	run_job(4, &job);
}

/* ---- registry and traces ------------------------------------------------------------------- */

static void registry(void **state)
{
	const struct ct_coll_ops *ops;
	const struct ct_coll_ops *const *row = ct_coll_rows();

	(void)state;
	assert_string_equal(row[0]->name, "native");
	assert_int_equal(ct_coll_find("native", NULL, &ops), CT_OK);
	assert_int_equal(ct_coll_find("mpi", NULL, &ops), CT_OK);
	assert_non_null(ops->missing);
	assert_int_equal(ct_coll_find("hccl", NULL, &ops), CT_OK);
	assert_non_null(strstr(ops->missing, "its ABI is its own"));
	assert_int_equal(ct_coll_find("natve", NULL, &ops), CT_INVALID);
	assert_non_null(strstr(ct_why(), "native"));
}

/* A row that can do nothing but open. */
static ct_status bare_open(const struct ct_coll_env *env, void **self)
{
	(void)env;
	*self = NULL;
	return CT_OK;
}

static void absent_callbacks(void **state)
{
	static const struct ct_coll_ops bare = { .abi = CT_COLL_ABI, .name = "bare",
		.open = bare_open };
	static const struct ct_coll_ops old = { .abi = CT_COLL_ABI + 1, .name = "old",
		.open = bare_open };
	static const struct ct_module with_bare = { .abi = CT_MODULE_ABI, .coll = &bare };
	static const struct ct_module with_old = { .abi = CT_MODULE_ABI, .coll = &old };
	const struct ct_module *const modules[] = { &with_bare, &with_old, NULL };
	struct ct_world world;
	struct ct_coll_env env = { .world = &world };
	struct ct_coll_lib lib;
	uint64_t ns;
	char text[64];

	(void)state;
	assert_int_equal(ct_world_make(ct_boot_single(), &world), CT_OK);
	assert_int_equal(ct_coll_open("old", modules, &env, &lib), CT_UNSUPPORTED);
	assert_int_equal(ct_coll_open("mpi", modules, &env, &lib), CT_UNSUPPORTED);
	assert_int_equal(ct_coll_open("bare", modules, &env, &lib), CT_OK);
	assert_non_null(lib.ops->query(lib.self));
	assert_int_equal(lib.ops->prepare(lib.self, NULL, NULL), CT_UNSUPPORTED);
	assert_int_equal(lib.ops->start(lib.self, NULL), CT_UNSUPPORTED);
	assert_int_equal(lib.ops->test(lib.self, NULL), CT_UNSUPPORTED);
	assert_int_equal(lib.ops->mark(lib.self, 0), CT_UNSUPPORTED);
	assert_int_equal(lib.ops->span(lib.self, 0, 1, &ns), CT_UNSUPPORTED);
	lib.ops->waiting(lib.self, NULL, text, sizeof(text));
	lib.ops->release(lib.self, NULL);
	ct_coll_close(&lib);
	ct_world_free(&world);
}

static ct_status timed(struct rank *rank, const struct job *job)
{
	static uint64_t recorded[2][3]; /* by rank; the recording run fills it */
	struct ct_coll_desc d = { .coll = CT_ALLREDUCE, .algo = "ring", .type = CT_HALF,
		.op = CT_SUM, .count = 77 };
	uint64_t ns, wrong;
	ct_status status = CT_OK;

	for (int i = 0; i < 3 && status == CT_OK; i++) {
		status = rank->lib.ops->mark(rank->lib.self, 0);
		if (status == CT_OK)
			status = once(rank, &d, &wrong);
		if (status == CT_OK && wrong > 0)
			status = ct_fail(CT_CORRUPT, "%s: wrong data", job->backend);
		if (status == CT_OK)
			status = rank->lib.ops->mark(rank->lib.self, 1);
		if (status == CT_OK)
			status = rank->lib.ops->span(rank->lib.self, 0, 1, &ns);
		if (status == CT_OK && job->record != NULL)
			recorded[rank->world.rank][i] = ns;
		else if (status == CT_OK && ns != recorded[rank->world.rank][i])
			status = ct_fail(CT_CORRUPT, "span %d differs", i);
	}
	return status;
}

static ct_status not_in_trace(struct rank *rank, const struct job *job)
{
	struct ct_coll_desc d = { .coll = CT_ALLREDUCE, .type = CT_HALF, .count = 78 };
	void *req;

	(void)job;
	place(rank, &d);
	if (rank->caps->nalgos == 0 || strcmp(rank->caps->net_name, "shm") != 0)
		return ct_fail(CT_CORRUPT, "capabilities are not those recorded");
	return wants(rank->lib.ops->prepare(rank->lib.self, &d, &req), CT_UNSUPPORTED,
		"the trace holds no");
}

static void records_and_replays(void **state)
{
	char folder[] = "/tmp/colltune-trace-XXXXXX", prefix[64], path[80];
	struct job job = { .net = "shm", .body = timed, .backend = "native", .record = prefix };
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(prefix, sizeof(prefix), "%s/t", folder);
	run_job(2, &job);
	job = (struct job){ .body = timed, .backend = "trace", .replay = prefix };
	run_job(2, &job);
	job.body = not_in_trace;
	run_job(2, &job);
	/* Another number of ranks, a broken line: refused by name. */
	assert_int_equal(ct_threads_run(1, SECOND, rank_main, &job, NULL), CT_INVALID);
	snprintf(path, sizeof(path), "%s.0", prefix);
	file = fopen(path, "a");
	assert_non_null(file);
	fputs("{\"number\": 1, \"span\"", file);
	fclose(file);
	assert_int_equal(ct_threads_run(2, SECOND, rank_main, &job, NULL), CT_INVALID);
	assert_non_null(strstr(ct_why(), "line"));
	unlink(path);
	assert_int_equal(ct_threads_run(2, SECOND, rank_main, &job, NULL), CT_IO);
	snprintf(path, sizeof(path), "%s.1", prefix);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone),
		cmocka_unit_test(all_over_shm),
		cmocka_unit_test(all_over_tcp),
		cmocka_unit_test(long_over_both),
		cmocka_unit_test(refuses),
		cmocka_unit_test(names_whom_it_waits_for),
		cmocka_unit_test(sees_a_changed_byte),
		cmocka_unit_test(registry),
		cmocka_unit_test(absent_callbacks),
		cmocka_unit_test(records_and_replays),
	};

	return cmocka_run_group_tests_name("coll_native", tests, NULL, NULL);
}
