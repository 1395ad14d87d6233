/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The communicator of the row "nccl": made, split, ended, none of it without a deadline. One that does not
 * block is polled and aborted. One that blocks can be neither polled nor, while it is made, aborted:
 * ncclCommAbort would free what ncclCommInitRank still works with. So its making and its end run in a
 * thread that is left behind at the deadline.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "nccl_api.h"

/* CALL is not through although the row's patience is spent: who, where, how long. */
static ct_status too_late(const struct ct_nccl *row, const char *call, const char *state)
{
	const struct ct_world *w = row->world;
	char time[32];

	return ct_fail(CT_TIMEOUT, "rank %u of %u, host %s: %s of %s %s after %s: a rank never came, or the ranks do "
		"not reach each other", w->rank, w->nranks, w->hosts[w->host_of[w->rank]].name, call,
		row->lib.product, state, ct_time_text(row->patience_ns, time));
}

ct_status ct_nccl_settle(struct ct_nccl *row, const char *call, int rc, struct ct_deadline by)
{
	while (rc == CT_NCCL_IN_PROGRESS) {
		int asked = row->lib.call.async_error(row->comm, &rc);

		if (asked != CT_NCCL_SUCCESS)
			return ct_nccl_status(&row->lib, row->comm, "ncclCommGetAsyncError", asked);
		if (rc == CT_NCCL_IN_PROGRESS && ct_deadline_passed(by))
			return too_late(row, call, "is still in progress");
		sched_yield();
	}
	return ct_nccl_status(&row->lib, row->comm, call, rc);
}

void ct_nccl_give_up(struct ct_nccl *row)
{
	if (row->comm != NULL)
		(void)row->lib.call.abort(row->comm);
	if (row->parent != NULL)
		(void)row->lib.call.abort(row->parent);
	row->comm = NULL;
	row->parent = NULL;
	row->broken = true;
}

/* ---- calls that block ------------------------------------------------------------------------ */

/* Of the thread that makes or ends a communicator; its own when it is left behind. */
struct work {
	struct ct_nccl_lib lib;
	struct ct_driver *gpu; /* NULL: host memory */
	struct ct_nccl_id id;
	struct ct_group group;
	int rank, nranks;
	bool splits;
	void *comm, *parent;
	ct_status status;
	char why[420];
};

static struct work *new_work(const struct ct_nccl *row)
{
	struct work *w = ct_alloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->lib = row->lib;
	w->gpu = row->gpu;
	w->group = row->group;
	w->rank = (int)row->world->rank;
	w->nranks = (int)row->world->nranks;
	w->splits = row->group.nranks != row->world->nranks;
	w->comm = row->comm;
	w->parent = row->parent;
	return w;
}

/* GPUs are taken by threads. */
static ct_status use_gpu(const struct work *w)
{
	return w->gpu == NULL ? CT_OK : ct_gpu_status(w->gpu, CT_UNSUPPORTED, "using the GPU's context",
		w->gpu->call.set_current(w->gpu->context));
}

static ct_status check_split(const struct ct_nccl_lib *lib)
{
	return lib->call.split != NULL ? CT_OK :
		ct_fail(CT_UNSUPPORTED, "%s has no ncclCommSplit (2.18)", lib->product);
}

static ct_status make_comm(struct work *w)
{
	ct_status status = use_gpu(w);

	if (status != CT_OK)
		return status;
	status = ct_nccl_status(&w->lib, NULL, "ncclCommInitRank",
		w->lib.call.init(&w->comm, w->nranks, w->id, w->rank));
	if (status == CT_OK && w->splits)
		status = check_split(&w->lib);
	if (status != CT_OK || !w->splits)
		return status;
	w->parent = w->comm;
	w->comm = NULL;
	return ct_nccl_status(&w->lib, w->parent, "ncclCommSplit", w->lib.call.split(w->parent,
		(int)w->group.color, (int)w->group.rank, &w->comm, NULL));
}

static void make(void *arg)
{
	struct work *w = arg;

	w->status = make_comm(w);
	if (w->status != CT_OK)
		snprintf(w->why, sizeof(w->why), "%s", ct_why());
}

/* It has come too late: nobody waits for it any more. */
static void abort_made(void *arg)
{
	struct work *w = arg;

	if (w->comm != NULL)
		(void)w->lib.call.abort(w->comm);
	if (w->parent != NULL)
		(void)w->lib.call.abort(w->parent);
	ct_free(w);
}

static ct_status join_blocking(struct ct_nccl *row, const struct ct_nccl_id *id, struct ct_deadline by)
{
	struct work *w = new_work(row);
	bool splits = w != NULL && w->splits;
	ct_status status;

	if (w == NULL)
		return CT_NOMEM;
	w->id = *id;
	status = ct_nccl_bounded(make, abort_made, w, by);
	if (status == CT_TIMEOUT) {
		row->stranded = true; /* W is the thread's from here on */
		return too_late(row, splits ? "ncclCommInitRank or ncclCommSplit" : "ncclCommInitRank",
			"has not returned");
	}
	if (status == CT_OK) {
		row->comm = w->comm;
		row->parent = w->parent;
		status = w->status == CT_OK ? CT_OK : ct_fail(w->status, "%s", w->why);
	}
	ct_free(w);
	return status;
}

static void end(void *arg)
{
	struct work *w = arg;

	(void)use_gpu(w);
	if (w->comm != NULL)
		(void)w->lib.call.destroy(w->comm);
	if (w->parent != NULL)
		(void)w->lib.call.destroy(w->parent);
}

/* Ranks of one host wait for each other in ncclCommDestroy (NCCL's manual, "Communicator creation and
 * management"). */
static void destroy(struct ct_nccl *row)
{
	struct work *w = new_work(row);
	ct_status status = w != NULL ? ct_nccl_bounded(end, ct_free, w, ct_deadline_in(row->patience_ns)) : CT_NOMEM;

	if (status == CT_NOMEM) {
		ct_nccl_give_up(row);
	} else if (status == CT_TIMEOUT) {
		row->stranded = true;
		(void)too_late(row, "ncclCommDestroy", "has not returned");
		ct_log(CT_LOG_WARN, CT_AREA_COLL, "%s", ct_why());
		w = NULL; /* the thread's */
	}
	ct_free(w);
	row->comm = NULL;
	row->parent = NULL;
}

void ct_nccl_end(struct ct_nccl *row)
{
	if (row->comm != NULL && row->set.nonblocking && row->lib.call.finalize != NULL &&
		ct_nccl_settle(row, "ncclCommFinalize", row->lib.call.finalize(row->comm),
			ct_deadline_in(row->patience_ns)) != CT_OK) {
		ct_log(CT_LOG_WARN, CT_AREA_COLL, "%s", ct_why());
		ct_nccl_give_up(row);
	}
	if (row->comm != NULL || row->parent != NULL)
		destroy(row);
}

/* ---- joining --------------------------------------------------------------------------------- */

/* Rank 0's id, or nothing where it could not make one. */
static ct_status share_id(struct ct_nccl *row, struct ct_nccl_id *id)
{
	const struct ct_world *w = row->world;
	struct ct_nccl_id mine = { { 0 } }, *all;
	ct_status status = CT_OK;

	if (w->rank == 0)
		status = ct_nccl_status(&row->lib, NULL, "ncclGetUniqueId", row->lib.call.get_id(&mine));
	all = ct_alloc(w->nranks, sizeof(*all));
	if (all == NULL)
		status = CT_NOMEM;
	status = ct_boot_agree(w->boot, status);
	if (status == CT_OK && w->nranks > 1)
		status = w->boot->allgather(w->boot->ctx, &mine, all, sizeof(mine));
	if (status == CT_OK)
		*id = w->nranks > 1 ? all[0] : mine;
	ct_free(all);
	return status;
}

/* What the library says when it does not like the machine is a reason why it cannot run here. */
static ct_status unsupported(const struct ct_nccl *row, ct_status status)
{
	char why[420];
	int v = row->gpu != NULL ? row->gpu->version : 0;

	if (status == CT_OK || status == CT_TIMEOUT || status == CT_NOMEM)
		return status;
	snprintf(why, sizeof(why), "%s", ct_why());
	if (row->gpu == NULL || strcmp(row->gpu->kind, "cuda") != 0)
		return ct_fail(CT_UNSUPPORTED, "%s", why);
	return ct_fail(CT_UNSUPPORTED, "%s; the driver is for CUDA %d.%d", why, v / 1000, v / 10 % 100);
}

/* The communicator of this rank's group. */
static ct_status split(struct ct_nccl *row, struct ct_deadline by)
{
	ct_status status = check_split(&row->lib);
	int rc;

	if (status != CT_OK)
		return status;
	row->parent = row->comm;
	row->comm = NULL;
	rc = row->lib.call.split(row->parent, (int)row->group.color, (int)row->group.rank, &row->comm, NULL);
	if (rc == CT_NCCL_IN_PROGRESS && row->comm == NULL)
		return ct_fail(CT_UNSUPPORTED, "%s: ncclCommSplit gave no communicator", row->lib.product);
	return ct_nccl_settle(row, "ncclCommSplit", rc, by);
}

static ct_status join_polling(struct ct_nccl *row, const struct ct_nccl_id *id, struct ct_deadline by)
{
	struct ct_nccl_config config = { sizeof(config), CT_NCCL_CONFIG_MAGIC, CT_NCCL_CONFIG_VERSION, 0 };
	ct_status status;

	if (row->lib.call.init_config == NULL)
		return ct_fail(CT_UNSUPPORTED, "%s has no ncclCommInitRankConfig (2.14), so no communicators "
			"that do not block", row->lib.product);
	status = ct_nccl_settle(row, "ncclCommInitRankConfig", row->lib.call.init_config(&row->comm,
		(int)row->world->nranks, *id, (int)row->world->rank, &config), by);
	if (status == CT_OK && row->group.nranks != row->world->nranks)
		status = split(row, by);
	return status;
}

/* Is this the rank that it should be? */
static ct_status check_comm(const struct ct_nccl *row)
{
	int count = -1, user = -1;

	if (row->lib.call.comm_count(row->comm, &count) == CT_NCCL_SUCCESS &&
		row->lib.call.user_rank(row->comm, &user) == CT_NCCL_SUCCESS &&
		count == (int)row->nranks && user == (int)row->rank)
		return CT_OK;
	return ct_fail(CT_UNSUPPORTED, "%s: made a communicator in which this is rank %d of %d, not %u of %u",
		row->lib.product, user, count, row->rank, row->nranks);
}

static ct_status join(struct ct_nccl *row, const struct ct_nccl_id *id, struct ct_deadline by)
{
	ct_status status = row->set.nonblocking ? join_polling(row, id, by) : join_blocking(row, id, by);

	if (status != CT_OK)
		return unsupported(row, status);
	row->rank = row->group.rank;
	row->nranks = row->group.nranks;
	status = check_comm(row);
	return status == CT_OK ? ct_nccl_plugins_check(row) : status;
}

ct_status ct_nccl_join(struct ct_nccl *row, struct ct_deadline by)
{
	struct ct_nccl_id id;
	ct_status status = share_id(row, &id);

	if (status == CT_OK)
		status = ct_boot_agree(row->world->boot, join(row, &id, by));
	return status;
}
