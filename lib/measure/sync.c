/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control plane: barrier, maximum and sum over all ranks, on a transport of its own that is
 * never wrapped. It is our own backend with three requests prepared once.
 */
#include <stdio.h>
#include <string.h>

#include "inside.h"

static ct_status prepare_one(struct ct_sync *sync, ct_coll coll, ct_op op, void **req)
{
	struct ct_coll_desc desc = {
		.coll = coll, .type = CT_INT64, .op = op,
		.count = coll == CT_BARRIER ? 0 : CT_SYNC_CHUNK, .send = sync->in,
		.recv = sync->out,
	};

	return sync->lib.ops->prepare(sync->lib.self, &desc, req);
}

static ct_status prepare_all(struct ct_sync *sync)
{
	ct_status status;

	sync->in = ct_alloc_pages(2 * CT_SYNC_CHUNK * sizeof(*sync->in));
	if (sync->in == NULL)
		return CT_NOMEM;
	sync->out = sync->in + CT_SYNC_CHUNK;
	status = prepare_one(sync, CT_BARRIER, CT_SUM, &sync->barrier);
	if (status == CT_OK)
		status = prepare_one(sync, CT_ALLREDUCE, CT_MAX, &sync->max);
	if (status == CT_OK)
		status = prepare_one(sync, CT_ALLREDUCE, CT_SUM, &sync->sum);
	return status;
}

ct_status ct_sync_open(struct ct_session *session)
{
	struct ct_sync *sync = &session->sync;
	const struct ct_session_attr *attr = &session->attr;
	struct ct_coll_env env = {
		.world = attr->world, .net = "auto", .net_settings = attr->net_settings,
		.open_by = ct_session_open_by(session),
	};
	ct_status status;

	if (attr->world->nranks == 1) {
		snprintf(sync->text, sizeof(sync->text), "none: one rank");
		return CT_OK;
	}
	status = ct_coll_open("native", NULL, &env, &sync->lib);
	if (status != CT_OK)
		return status;
	/* every rank prepares before anyone starts, and all learn when one cannot */
	status = ct_boot_agree(attr->world->boot, prepare_all(sync));
	if (status != CT_OK) {
		ct_sync_close(session);
		return status;
	}
	snprintf(sync->text, sizeof(sync->text), "dissemination barrier over %s",
		sync->lib.ops->query(sync->lib.self)->net_name);
	return CT_OK;
}

void ct_sync_close(struct ct_session *session)
{
	struct ct_sync *sync = &session->sync;
	void *reqs[] = { sync->barrier, sync->max, sync->sum };

	if (sync->lib.ops == NULL)
		return;
	ct_watch(session, CT_IN_CONTROL, NULL, NULL);
	for (size_t i = 0; i < sizeof(reqs) / sizeof(reqs[0]); i++)
		if (reqs[i] != NULL)
			sync->lib.ops->release(sync->lib.self, reqs[i]);
	ct_coll_close(&sync->lib);
	ct_free(sync->in);
	*sync = (struct ct_sync){ 0 };
}

ct_status ct_sync_run(struct ct_session *s, void *req, const char *what)
{
	struct ct_watchdog *dog = &s->dog;
	bool idle = atomic_load_explicit(&dog->until_ns, memory_order_relaxed) == UINT64_MAX;
	ct_status status;

	if (idle)
		ct_session_phase(s, "%s", what);
	if (dog->control.req != req) /* only this thread writes it */
		ct_watch(s, CT_IN_CONTROL, &s->sync.lib, req);
	atomic_store_explicit(&dog->place, CT_IN_CONTROL, memory_order_relaxed);
	status = s->sync.lib.ops->start(s->sync.lib.self, req);
	if (status == CT_OK)
		status = ct_session_wait(s, &s->sync.lib, req, CT_IN_CONTROL);
	atomic_store_explicit(&dog->place, CT_IN_MEASURED, memory_order_relaxed);
	if (idle)
		ct_session_idle(s);
	return status;
}

ct_status ct_session_barrier(struct ct_session *session)
{
	if (session->sync.lib.ops == NULL)
		return CT_OK;
	return ct_sync_run(session, session->sync.barrier, "barrier");
}

static ct_status reduce(struct ct_session *s, void *req, int64_t *values, size_t n)
{
	struct ct_sync *sync = &s->sync;

	if (sync->lib.ops == NULL)
		return CT_OK;
	for (size_t at = 0; at < n; at += CT_SYNC_CHUNK) {
		size_t part = n - at < CT_SYNC_CHUNK ? n - at : CT_SYNC_CHUNK;
		ct_status status;

		memset(sync->in, 0, CT_SYNC_CHUNK * sizeof(*sync->in));
		memcpy(sync->in, values + at, part * sizeof(*values));
		status = ct_sync_run(s, req, "agreement");
		if (status != CT_OK)
			return status;
		memcpy(values + at, sync->out, part * sizeof(*values));
	}
	return CT_OK;
}

ct_status ct_session_max(struct ct_session *session, int64_t *values, size_t n)
{
	return reduce(session, session->sync.max, values, n);
}

ct_status ct_session_sum(struct ct_session *session, int64_t *values, size_t n)
{
	return reduce(session, session->sync.sum, values, n);
}

/* ---- agreement on failures ------------------------------------------------------------------ */

enum { WHY_WORDS = 64 };

int64_t ct_failure_key(const struct ct_session *session, ct_status mine)
{
	const struct ct_world *w = session->attr.world;
	/* who only suffered from another's failure is not to be blamed */
	int64_t blame = session->heard ? 1 : mine == CT_PEER ? 2 : 3;

	if (mine == CT_OK)
		return 0;
	return blame << 48 | (int64_t)(w->nranks - w->rank) << 8 | (int64_t)(-mine & 0xff);
}

void ct_failure_mark(struct ct_session *session)
{
	atomic_store(&ct_board_mine(&session->board)->failed,
		atomic_load(&session->dog.epoch) + 1);
}

ct_status ct_failure_learn(struct ct_session *session, int64_t key, const char *why)
{
	const struct ct_world *w = session->attr.world;
	uint32_t rank = w->nranks - (uint32_t)(key >> 8 & 0xffffffff);
	ct_status blamed = (ct_status) - (int)(key & 0xff), status;
	int64_t words[WHY_WORDS] = { 0 };
	char text[sizeof(words) + 1] = "";

	atomic_fetch_add(&session->dog.epoch, 1);
	session->heard = false;
	session->late = CT_OK;
	if (rank == w->rank)
		strncpy((char *)words, why, sizeof(words) - 1);
	status = ct_session_sum(session, words, WHY_WORDS);
	if (status != CT_OK)
		return status;
	if (rank == w->rank)
		return ct_fail(blamed, "%s", why);
	memcpy(text, words, sizeof(words));
	return ct_fail(blamed, "rank %u: %s", rank, text);
}

ct_status ct_session_agree(struct ct_session *session, ct_status mine)
{
	int64_t key = ct_failure_key(session, mine);
	char why[WHY_WORDS * sizeof(int64_t)] = "";
	ct_status status;

	if (mine != CT_OK)
		snprintf(why, sizeof(why), "%s", ct_why());
	status = ct_session_max(session, &key, 1);
	if (status != CT_OK || key == 0)
		return status;
	return ct_failure_learn(session, key, why);
}
