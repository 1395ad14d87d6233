/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends that nobody planned: signals and passed deadlines. What was measured is on disk already;
 * what is left is to say what is known, and to leave. */
#include "job.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"

enum { ORDERLY_MS = 300, OTHERS_MS = 500 };

static void sleep_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		continue;
}

/* stdout may be held by a thread that is stuck in it. */
static void flush_results(void)
{
	if (ftrylockfile(stdout) == 0) {
		fflush(stdout);
		funlockfile(stdout);
	}
}

void ct_ending_session(struct ct_ending *ending, struct ct_session *session)
{
	pthread_mutex_lock(&ending->lock);
	ending->session = session;
	pthread_mutex_unlock(&ending->lock);
}

void ct_ending_store(struct ct_ending *ending, struct ct_store *store)
{
	pthread_mutex_lock(&ending->lock);
	ending->store = store;
	pthread_mutex_unlock(&ending->lock);
}

static const char *signal_state(int signo)
{
	return signo == SIGTERM ? "killed" : "interrupted";
}

/* With the lock held. */
static void save_state(struct ct_ending *ending, const char *state, const char *note)
{
	if (ending->store != NULL)
		(void)ct_store_state(ending->store, state, note);
}

/* The main thread did not end by itself: it hangs in somebody else's call. */
static void leave_by_signal(struct ct_ending *ending, int signo)
{
	char known[400] = "nothing measured yet";
	sigset_t one;

	pthread_mutex_lock(&ending->lock);
	if (ending->session != NULL)
		ct_session_suspects(ending->session, known, sizeof(known));
	save_state(ending, signal_state(signo), known);
	pthread_mutex_unlock(&ending->lock);
	fprintf(stderr, "colltune %s: rank %u ended by %s; %s\n", ending->command,
		ct_cli_launcher().rank, signo == SIGTERM ? "SIGTERM" : "SIGINT", known);
	flush_results();
	signal(signo, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, signo);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	raise(signo);
}

static void *wait_for_signals(void *arg)
{
	struct ct_ending *ending = arg;
	sigset_t set;
	int signo;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigwait(&set, &signo) != 0 || atomic_load(&ending->over))
		return NULL;
	atomic_store(&ending->signal, signo);
	/* First of all: a launcher may send SIGKILL next, and sooner than one would like. */
	pthread_mutex_lock(&ending->lock);
	save_state(ending, signal_state(signo), "ended by a signal");
	pthread_mutex_unlock(&ending->lock);
	sleep_ms(ORDERLY_MS);
	if (!atomic_load(&ending->over))
		leave_by_signal(ending, signo);
	return NULL;
}

ct_status ct_ending_start(struct ct_ending *ending)
{
	sigset_t set;
	int error;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	error = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (error == 0)
		error = pthread_create(&ending->thread, NULL, wait_for_signals, ending);
	if (error != 0)
		return ct_fail(CT_NOMEM, "cannot start the signal thread (error %d)", error);
	return CT_OK;
}

void ct_ending_stop(struct ct_ending *ending)
{
	pthread_cancel(ending->thread);
	pthread_join(ending->thread, NULL);
}

int ct_ending_interrupted(void *arg)
{
	const struct ct_rank *rank = arg;

	return atomic_load(&rank->ending->signal) != 0;
}

void ct_ending_expire(void *arg, const struct ct_expiry *expiry)
{
	struct ct_rank *rank = arg;
	char time[32];

	/* Rank 0 speaks for all and has something to write; the others only if it cannot. */
	if (expiry->rank != 0) {
		sleep_ms(OTHERS_MS);
	} else {
		pthread_mutex_lock(&rank->ending->lock);
		save_state(rank->ending, "expired", expiry->suspect);
		pthread_mutex_unlock(&rank->ending->lock);
	}
	fprintf(stderr,
		"colltune %s: deadline of %s passed on rank %u, host %s, in \"%s\"; suspect: %s\n",
		rank->command, ct_time_text(rank->settings->timeout, time), expiry->rank, expiry->host,
		expiry->phase, expiry->suspect);
	flush_results();
	_exit(CT_EXIT_WATCHDOG);
}

const char *ct_ending_state(const struct ct_ending *ending, ct_status status)
{
	int signo = atomic_load(&ending->signal);

	if (signo != 0)
		return signal_state(signo);
	if (status == CT_TIMEOUT)
		return "expired";
	return status == CT_OK ? "done" : "failed";
}
