/* SPDX-License-Identifier: BSD-3-Clause */
/* A session: control plane, board and watchdog of one rank, and how this rank waits. */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "inside.h"

/* 500 polls last some 20 us: two ranks that others have pushed onto one processor lose no more. */
enum { EMPTY_POLLS = 500, GRACE_NS = 1000000000, HELP_EVERY = 15 /* a mask */ };

static const uint64_t default_deadline_ns = 60000000000;

static ct_status open_parts(struct ct_session *s)
{
	const struct ct_boot *boot = s->attr.world->boot;
	ct_status status = ct_board_open(s->attr.world, &s->board);

	if (status != CT_OK)
		return status;
	status = ct_boot_agree(boot, ct_watchdog_start(s));
	if (status == CT_OK) {
		ct_session_phase(s, "opening the control plane");
		status = ct_sync_open(s);
		if (status == CT_OK) {
			status = ct_port_watch_open(s);
			if (status != CT_OK) {
				ct_port_watch_close(s);
				ct_sync_close(s);
			}
		}
	}
	if (status != CT_OK) {
		ct_watchdog_stop(s);
		ct_board_close(&s->board);
	}
	return status;
}

ct_status ct_session_open(const struct ct_session_attr *attr, struct ct_session **session)
{
	struct ct_session *s = ct_alloc(1, sizeof(*s));
	ct_status status = ct_boot_agree(attr->world->boot, s == NULL ? CT_NOMEM : CT_OK);

	if (status != CT_OK)
		goto free_session;
	s->attr = *attr;
	s->group = attr->group != NULL ? *attr->group : ct_world_whole(attr->world);
	if (s->attr.deadline_ns == 0)
		s->attr.deadline_ns = default_deadline_ns;
	status = open_parts(s);
	if (status != CT_OK)
		goto free_session;
	ct_session_idle(s);
	*session = s;
	return CT_OK;
free_session:
	ct_free(s);
	return status;
}

void ct_session_close(struct ct_session *session)
{
	if (session == NULL)
		return;
	/* No barrier: every exchange of the control plane is over once this rank has left it, so
	 * nobody can still send to us. */
	ct_port_watch_close(session);
	ct_sync_close(session);
	ct_watchdog_stop(session);
	ct_board_close(&session->board);
	ct_free(session);
}

const struct ct_world *ct_session_world(const struct ct_session *session)
{
	return session->attr.world;
}

const struct ct_net_wrap *ct_session_net_wrap(const struct ct_session *session)
{
	return session->attr.net_wrap;
}

bool ct_session_interrupted(const struct ct_session *session)
{
	return session->attr.interrupted != NULL && session->attr.interrupted(session->attr.arg) != 0;
}

const struct ct_group *ct_session_group(const struct ct_session *session)
{
	return &session->group;
}

const char *ct_session_sync_text(const struct ct_session *session)
{
	return session->sync.text;
}

void ct_session_phase(struct ct_session *session, const char *format, ...)
{
	struct ct_slot *slot = ct_board_mine(&session->board);
	char text[CT_BOARD_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ct_board_put(slot->phase_text, text);
	atomic_fetch_add(&slot->phase, 1);
	atomic_store(&session->dog.until_ns, ct_deadline_in(session->attr.deadline_ns).at_ns);
}

void ct_session_idle(struct ct_session *session)
{
	struct ct_slot *slot = ct_board_mine(&session->board);
	char last[CT_BOARD_TEXT], text[CT_BOARD_TEXT + 16];

	if (atomic_exchange(&session->dog.until_ns, UINT64_MAX) == UINT64_MAX)
		return;
	ct_board_get(slot->phase_text, last);
	snprintf(text, sizeof(text), "idle after: %s", last);
	ct_board_put(slot->phase_text, text);
}

struct ct_deadline ct_session_open_by(const struct ct_session *session)
{
	return ct_deadline_in(session->attr.deadline_ns + GRACE_NS);
}

static ct_status timed_out(struct ct_session *s)
{
	char phase[CT_BOARD_TEXT], suspect[CT_SUSPECT_TEXT];

	ct_board_get(ct_board_mine(&s->board)->phase_text, phase);
	pthread_mutex_lock(&s->dog.lock);
	memcpy(suspect, s->dog.suspect, sizeof(suspect));
	pthread_mutex_unlock(&s->dog.lock);
	return ct_fail(CT_TIMEOUT, "deadline of %.1f s passed in \"%s\": %s",
		(double)s->attr.deadline_ns / 1e9, phase, suspect);
}

/* Whoever only heard of a failure is not asked for its reason. */
static ct_status hear(struct ct_session *s)
{
	s->heard = true;
	return ct_fail(CT_PEER, "another rank of this host has failed");
}

/* The alarm is up: is it for us? */
static ct_status answer_alarm(struct ct_session *s, enum ct_place place)
{
	if (atomic_load(&s->dog.expired))
		return timed_out(s);
	if (!ct_board_failed(&s->board, atomic_load(&s->dog.epoch)))
		atomic_store(&s->dog.alarm, false); /* of a failure that is settled */
	else if (place == CT_IN_MEASURED)
		return hear(s);
	return CT_BUSY;
}

/* A transport may have to help its peers while this rank is through and waits for the others. */
static void help_peers(struct ct_session *s)
{
	const struct ct_watched *m = &s->dog.measured; /* only this thread writes it */
	ct_status status = CT_OK;

	if (m->req != NULL && m->ops->query(m->self)->net.needs_polls)
		status = m->ops->test(m->self, m->req);
	if (status == CT_OK || status == CT_BUSY || s->late != CT_OK)
		return;
	/* The others are in this barrier too, or will be: told when it is over, they stay in step. */
	s->late = status;
	snprintf(s->late_why, sizeof(s->late_why), "%s", ct_why());
	ct_failure_mark(s);
}

ct_status ct_session_wait(struct ct_session *session, const struct ct_coll_lib *lib, void *req,
	enum ct_place place)
{
	uint32_t left = session->attr.world->oversubscribed ? 0 : EMPTY_POLLS, spins = 0;

	for (;;) {
		ct_status status = lib->ops->test(lib->self, req);

		if (status != CT_BUSY)
			return status;
		if (atomic_load_explicit(&session->dog.alarm, memory_order_relaxed)) {
			status = answer_alarm(session, place);
			if (status != CT_BUSY)
				return status;
		}
		if (place == CT_IN_CONTROL && (++spins & HELP_EVERY) == 0)
			help_peers(session);
		if (left == 0)
			sched_yield();
		else
			left--;
	}
}

void ct_result_clear(struct ct_result *result)
{
	ct_free(result->samples_ns);
	ct_free(result->hist);
	ct_free(result->ports.ends);
	result->samples_ns = NULL;
	result->hist = NULL;
	result->ports.ends = NULL;
	result->ports.nends = 0;
}
