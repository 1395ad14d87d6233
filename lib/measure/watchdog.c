/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thread per rank: beats, answers who asks what this rank waits for, sees that another rank of
 * the host has failed, and when the phase's deadline passes says who is to blame. It shortens
 * nothing in the measured path: there only one relaxed flag is read between empty polls.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "inside.h"

enum { BEAT_NS = 50000000, LISTEN_NS = 100000000 };

void ct_watch(struct ct_session *session, enum ct_place place, const struct ct_coll_lib *lib,
	void *req)
{
	struct ct_watchdog *dog = &session->dog;
	struct ct_watched watched = { 0 };

	if (req != NULL)
		watched = (struct ct_watched){ lib->ops, lib->self, req };
	pthread_mutex_lock(&dog->lock);
	if (place == CT_IN_CONTROL)
		dog->control = watched;
	else
		dog->measured = watched;
	pthread_mutex_unlock(&dog->lock);
}

/* Writes on the board what this rank waits for now. */
static void publish(struct ct_session *s)
{
	struct ct_slot *slot = ct_board_mine(&s->board);
	unsigned place = atomic_load_explicit(&s->dog.place, memory_order_relaxed);
	const struct ct_watched *w = NULL;
	char text[CT_BOARD_TEXT] = "";

	pthread_mutex_lock(&s->dog.lock);
	if (place == CT_IN_CONTROL)
		w = &s->dog.control;
	else if (place == CT_IN_MEASURED)
		w = &s->dog.measured;
	if (w != NULL && w->req != NULL && w->ops->waiting != NULL)
		w->ops->waiting(w->self, w->req, text, sizeof(text));
	pthread_mutex_unlock(&s->dog.lock);
	ct_board_put(slot->awaits, text);
	atomic_store(&slot->place, place);
}

static void pause_ns(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

static void beat(struct ct_session *s)
{
	atomic_store_explicit(&ct_board_mine(&s->board)->beat_ns, ct_now_ns(),
		memory_order_relaxed);
}

void ct_session_suspects(struct ct_session *session, char *out, size_t room)
{
	publish(session);
	ct_board_ask(&session->board);
	pause_ns(LISTEN_NS);
	ct_board_suspects(&session->board, ct_now_ns(), out, room);
}

static void expire(struct ct_session *s, uint64_t until)
{
	const struct ct_world *w = s->attr.world;
	char suspect[CT_SUSPECT_TEXT], phase[CT_BOARD_TEXT];
	struct ct_expiry expiry = {
		.size = sizeof(expiry), .rank = w->rank, .host = w->hosts[w->host_of[w->rank]].name,
		.phase = phase, .suspect = suspect,
	};

	beat(s);
	ct_session_suspects(s, suspect, sizeof(suspect));
	if (atomic_load(&s->dog.until_ns) != until)
		return; /* it came just in time after all */
	ct_board_get(ct_board_mine(&s->board)->phase_text, phase);
	pthread_mutex_lock(&s->dog.lock);
	memcpy(s->dog.suspect, suspect, sizeof(suspect));
	pthread_mutex_unlock(&s->dog.lock);
	if (s->attr.on_expire != NULL)
		s->attr.on_expire(s->attr.arg, &expiry);
	atomic_store(&s->dog.expired, true);
	atomic_store(&s->dog.alarm, true);
}

/* One look around. */
static void look(struct ct_session *s)
{
	struct ct_slot *slot = ct_board_mine(&s->board);
	uint64_t until = atomic_load(&s->dog.until_ns);

	beat(s);
	if (atomic_exchange(&slot->asked, 0) != 0)
		publish(s);
	if (ct_board_failed(&s->board, atomic_load(&s->dog.epoch)))
		atomic_store(&s->dog.alarm, true);
	if (until != UINT64_MAX && ct_now_ns() >= until && !atomic_load(&s->dog.expired))
		expire(s, until);
}

static void *watch(void *arg)
{
	struct ct_session *s = arg;
	struct ct_watchdog *dog = &s->dog;

	pthread_mutex_lock(&dog->lock);
	while (!dog->stop) {
		uint64_t next;
		struct timespec at;

		pthread_mutex_unlock(&dog->lock);
		look(s);
		next = ct_now_ns() + BEAT_NS;
		at = (struct timespec){ (time_t)(next / 1000000000u), (long)(next % 1000000000u) };
		pthread_mutex_lock(&dog->lock);
		if (!dog->stop)
			pthread_cond_timedwait(&dog->wake, &dog->lock, &at);
	}
	pthread_mutex_unlock(&dog->lock);
	return NULL;
}

ct_status ct_watchdog_start(struct ct_session *session)
{
	struct ct_watchdog *dog = &session->dog;
	pthread_condattr_t monotonic;
	sigset_t all, old;
	int error;

	pthread_mutex_init(&dog->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&dog->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	atomic_init(&dog->until_ns, UINT64_MAX);
	beat(session);
	sigfillset(&all); /* signals belong to the program's own threads */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&dog->thread, NULL, watch, session);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0) {
		pthread_cond_destroy(&dog->wake);
		pthread_mutex_destroy(&dog->lock);
		return ct_fail(CT_NOMEM, "cannot start the watchdog thread: %s", strerror(error));
	}
	dog->started = true;
	return CT_OK;
}

void ct_watchdog_stop(struct ct_session *session)
{
	struct ct_watchdog *dog = &session->dog;

	if (!dog->started)
		return;
	pthread_mutex_lock(&dog->lock);
	dog->stop = true;
	pthread_cond_signal(&dog->wake);
	pthread_mutex_unlock(&dog->lock);
	pthread_join(dog->thread, NULL);
	pthread_cond_destroy(&dog->wake);
	pthread_mutex_destroy(&dog->lock);
	dog->started = false;
}
