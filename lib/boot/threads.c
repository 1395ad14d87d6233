/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads as ranks: the bootstrap of tests and of jobs inside one process. */
#include <pthread.h>
#include <string.h>

#include "boot.h"

enum { MAX_RANKS = 256, WHY = 512 };

/* What all ranks share. One exchange has two phases: everybody has put its pointer, everybody has
 * copied; both are counted by `turn`, so that a rank that leaves right after the second phase does
 * not spoil it for those who have not woken up yet. */
struct ct_threads {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint32_t nranks, arrived;
	uint64_t turn, timeout_ns;
	size_t bytes;              /* of the exchange under way */
	const void **mine;         /* nranks pointers */
	int64_t left;              /* a rank whose main has returned, -1 = none */
	ct_status broken;          /* once an exchange has failed, all later ones fail */
};

struct thread_rank {
	struct ct_threads *all;
	struct ct_boot boot;
	ct_rank_main *main;
	void *arg;
	pthread_t thread;
	ct_status status;
	char why[WHY];
};

/* Waits until TURN is over; the lock is held. */
static ct_status wait_turn(struct ct_threads *t, uint64_t turn)
{
	uint64_t until = ct_deadline_in(t->timeout_ns).at_ns;
	struct timespec at = { (time_t)(until / 1000000000u), (long)(until % 1000000000u) };
	bool forever = until / 1000000000u > INT32_MAX; /* beyond what the call surely takes */

	while (t->turn == turn) {
		if (t->broken != CT_OK)
			return ct_fail(t->broken,
				"allgather among %u threads failed on another rank",
				t->nranks);
		if (t->left >= 0)
			return ct_fail(CT_PEER, "rank %u has left while others wait for it in an "
				"allgather", (unsigned)t->left);
		if (forever)
			pthread_cond_wait(&t->moved, &t->lock);
		else if (pthread_cond_timedwait(&t->moved, &t->lock, &at) != 0 && t->turn == turn &&
			ct_now_ns() >= until)
			return ct_fail(CT_TIMEOUT, "%u of %u ranks came to the allgather in time",
				t->arrived, t->nranks);
	}
	return CT_OK;
}

/* One phase: the last to arrive opens it for all. The lock is held. */
static ct_status phase(struct ct_threads *t)
{
	uint64_t turn = t->turn;
	ct_status s;

	if (++t->arrived == t->nranks) {
		t->arrived = 0;
		t->turn++;
		pthread_cond_broadcast(&t->moved);
		return CT_OK;
	}
	s = wait_turn(t, turn);
	if (s != CT_OK && t->broken == CT_OK) {
		t->broken = s;
		pthread_cond_broadcast(&t->moved);
	}
	return s;
}

static ct_status threads_allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	const struct thread_rank *r = ctx;
	struct ct_threads *t = r->all;
	ct_status s = CT_OK;

	pthread_mutex_lock(&t->lock);
	if (t->broken != CT_OK)
		s = ct_fail(t->broken, "an earlier allgather among these threads has failed");
	else if (t->arrived > 0 && t->bytes != bytes)
		s = t->broken = ct_fail(CT_INVALID,
			"rank %u gathers %zu bytes where others gather %zu",
			r->boot.rank, bytes, t->bytes);
	if (s != CT_OK)
		pthread_cond_broadcast(&t->moved);
	t->bytes = bytes;
	t->mine[r->boot.rank] = mine;
	if (s == CT_OK)
		s = phase(t);
	pthread_mutex_unlock(&t->lock);
	if (s != CT_OK)
		return s;

	for (uint32_t i = 0; i < t->nranks && bytes > 0; i++)
		memcpy((char *)all + i * bytes, t->mine[i], bytes);

	pthread_mutex_lock(&t->lock);
	s = phase(t);
	pthread_mutex_unlock(&t->lock);
	return s;
}

static void leave(struct ct_threads *t, uint32_t rank)
{
	pthread_mutex_lock(&t->lock);
	if (t->left < 0)
		t->left = rank;
	pthread_cond_broadcast(&t->moved);
	pthread_mutex_unlock(&t->lock);
}

static void *rank_thread(void *arg)
{
	struct thread_rank *r = arg;

	r->status = r->main(&r->boot, r->arg);
	if (r->status != CT_OK)
		strncpy(r->why, ct_why(), WHY - 1);
	leave(r->all, r->boot.rank);
	return NULL;
}

/* Starts all ranks and waits for those that could be started. */
static void run_all(struct ct_threads *t, struct thread_rank *ranks, ct_rank_main *main, void *arg)
{
	uint32_t started;

	for (started = 0; started < t->nranks; started++) {
		struct thread_rank *r = &ranks[started];

		r->all = t;
		r->boot = (struct ct_boot){ sizeof(r->boot), started, t->nranks, threads_allgather,
			r };
		r->main = main;
		r->arg = arg;
		if (pthread_create(&r->thread, NULL, rank_thread, r) != 0)
			break;
	}
	for (uint32_t i = started; i < t->nranks; i++) {
		ranks[i].status = CT_NOMEM;
		strncpy(ranks[i].why, "cannot start another thread for this rank", WHY - 1);
		leave(t, i);
	}
	for (uint32_t i = 0; i < started; i++)
		pthread_join(ranks[i].thread, NULL);
}

/* The rank whose error tells most: the lowest one that is more than an echo of another's. */
static const struct thread_rank *worst(const struct thread_rank *ranks, uint32_t n)
{
	const struct thread_rank *echo = NULL;

	for (uint32_t i = 0; i < n; i++) {
		if (ranks[i].status != CT_OK && ranks[i].status != CT_PEER)
			return &ranks[i];
		if (ranks[i].status == CT_PEER && echo == NULL)
			echo = &ranks[i];
	}
	return echo;
}

static void make_lock(struct ct_threads *t)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->moved, &attr);
	pthread_condattr_destroy(&attr);
}

ct_status ct_threads_run(uint32_t nranks, uint64_t timeout_ns, ct_rank_main *main, void *arg,
	ct_status *results)
{
	struct ct_threads t = { .nranks = nranks, .timeout_ns = timeout_ns, .left = -1 };
	struct thread_rank *ranks;
	const struct thread_rank *bad;
	ct_status s = CT_NOMEM;

	if (nranks < 1 || nranks > MAX_RANKS)
		return ct_fail(CT_INVALID, "%u ranks as threads: 1 to %d are possible", nranks,
			MAX_RANKS);
	t.mine = ct_alloc(nranks, sizeof(*t.mine));
	if (t.mine == NULL)
		return CT_NOMEM;
	ranks = ct_alloc(nranks, sizeof(*ranks));
	if (ranks == NULL)
		goto free_mine;
	make_lock(&t);
	run_all(&t, ranks, main, arg);
	for (uint32_t i = 0; i < nranks && results != NULL; i++)
		results[i] = ranks[i].status;
	bad = worst(ranks, nranks);
	s = bad == NULL ? CT_OK : ct_fail(bad->status, "%s", bad->why);
	pthread_cond_destroy(&t.moved);
	pthread_mutex_destroy(&t.lock);
	ct_free(ranks);
free_mine:
	ct_free(t.mine);
	return s;
}
