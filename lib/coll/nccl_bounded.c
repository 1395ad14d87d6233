/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A call that cannot be ended from outside, in a thread of its own: who wants it done waits until a deadline
 * and then leaves it behind.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "nccl_api.h"

struct bounded {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool over, left;
	void (*run)(void *arg);
	void (*drop)(void *arg);
	void *arg;
};

static void free_bounded(struct bounded *b)
{
	pthread_cond_destroy(&b->ended);
	pthread_mutex_destroy(&b->lock);
	ct_free(b);
}

static void *perform(void *arg)
{
	struct bounded *b = arg;
	bool left;

	b->run(b->arg);
	pthread_mutex_lock(&b->lock);
	b->over = true;
	left = b->left;
	pthread_cond_signal(&b->ended);
	pthread_mutex_unlock(&b->lock);
	if (left) {
		b->drop(b->arg);
		free_bounded(b);
	}
	return NULL;
}

/* Signals belong to the program's own threads. */
static int start(struct bounded *b, pthread_t *thread)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(thread, NULL, perform, b);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

/* False: BY has passed, and the thread knows that it is alone. */
static bool wait_until(struct bounded *b, struct ct_deadline by)
{
	struct timespec at = { (time_t)(by.at_ns / 1000000000u), (long)(by.at_ns % 1000000000u) };
	bool forever = by.at_ns / 1000000000u > INT32_MAX; /* beyond what the call surely takes */
	bool over;

	pthread_mutex_lock(&b->lock);
	while (!b->over && (forever || !ct_deadline_passed(by))) {
		if (forever)
			pthread_cond_wait(&b->ended, &b->lock);
		else
			(void)pthread_cond_timedwait(&b->ended, &b->lock, &at);
	}
	over = b->over;
	b->left = !over;
	pthread_mutex_unlock(&b->lock);
	return over;
}

ct_status ct_nccl_bounded(void (*run)(void *arg), void (*drop)(void *arg), void *arg, struct ct_deadline by)
{
	struct bounded *b = ct_alloc(1, sizeof(*b));
	pthread_condattr_t monotonic;
	pthread_t thread;
	int error;

	if (b == NULL)
		return CT_NOMEM;
	b->run = run;
	b->drop = drop;
	b->arg = arg;
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&b->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	error = start(b, &thread);
	if (error != 0) {
		free_bounded(b);
		return ct_fail(CT_NOMEM, "cannot start a thread for a call of NCCL: %s", strerror(error));
	}
	if (!wait_until(b, by)) {
		pthread_detach(thread);
		return CT_TIMEOUT;
	}
	pthread_join(thread, NULL);
	free_bounded(b);
	return CT_OK;
}
