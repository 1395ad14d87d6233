/* SPDX-License-Identifier: BSD-3-Clause */
/* A text of each host to rank 0, host by host, so that nobody needs room for more than one. */
#include <stdio.h>
#include <string.h>

#include "inside.h"

/* One host's turn, on every rank. */
struct turn {
	uint32_t *partner; /* rank 0 and the host's first rank, all others idle */
	uint32_t *in, *out;
	size_t bytes;
	void *req;
};

static uint32_t first_rank(const struct ct_world *w, uint32_t host)
{
	uint32_t r = 0;

	while (r + 1 < w->nranks && w->host_of[r] != host)
		r++;
	return r;
}

static bool is_first(const struct ct_world *w)
{
	return first_rank(w, w->host_of[w->rank]) == w->rank;
}

static void end_turn(struct ct_sync *sync, struct turn *t)
{
	if (t->req != NULL)
		sync->lib.ops->release(sync->lib.self, t->req);
	ct_free(t->partner);
	ct_free(t->in);
	ct_free(t->out);
}

/* A ping-pong, since that is the pattern which carries from the higher rank to the lower one. */
static ct_status begin_turn(struct ct_session *s, uint32_t from, const char *text, struct turn *t)
{
	const struct ct_world *w = s->attr.world;
	struct ct_coll_desc desc = { .coll = CT_P2P_LATENCY, .type = CT_INT32,
		.count = (t->bytes + 3) / 4, .window = 1 };

	t->partner = ct_alloc(w->nranks, sizeof(*t->partner));
	t->in = ct_alloc(desc.count, sizeof(*t->in));
	t->out = ct_alloc(desc.count, sizeof(*t->out));
	if (t->partner == NULL || t->in == NULL || t->out == NULL)
		return CT_NOMEM;
	for (uint32_t r = 0; r < w->nranks; r++)
		t->partner[r] = r == 0 ? from : r == from ? 0 : r;
	if (w->rank == from)
		memcpy(t->in, text, t->bytes);
	desc.send = t->in;
	desc.recv = t->out;
	desc.partner = t->partner;
	return s->sync.lib.ops->prepare(s->sync.lib.self, &desc, &t->req);
}

static ct_status carry(struct ct_session *s, uint32_t host, size_t bytes,
	const struct ct_gather *gather)
{
	uint32_t from = first_rank(s->attr.world, host), me = s->attr.world->rank;
	struct turn t = { .bytes = bytes };
	bool mine = me == 0 || me == from;
	ct_status status = mine ? begin_turn(s, from, gather->text, &t) : CT_OK;

	/* Either both can, or nobody waits for the other. */
	status = ct_session_agree(s, status);
	if (status == CT_OK && mine)
		status = ct_sync_run(s, t.req, "text of a host");
	if (status == CT_OK && me == 0)
		status = gather->take(gather->arg, host, (const char *)t.out, bytes);
	end_turn(&s->sync, &t);
	return status;
}

static ct_status one_host(struct ct_session *s, uint32_t host, uint64_t bytes,
	const struct ct_gather *gather)
{
	const struct ct_world *w = s->attr.world;
	ct_status status = CT_OK;

	ct_session_phase(s, "%.20s of host %.40s", gather->what, w->hosts[host].name);
	if (bytes > 0 && bytes <= gather->limit && host != w->host_of[0])
		status = carry(s, host, (size_t)bytes, gather);
	else if (w->rank == 0) /* not sent, or here already */
		status = gather->take(gather->arg, host,
			bytes > 0 && bytes <= gather->limit ? gather->text : NULL, (size_t)bytes);
	return ct_session_agree(s, status);
}

ct_status ct_session_gather(struct ct_session *session, const struct ct_gather *gather)
{
	const struct ct_world *w = session->attr.world;
	int64_t *bytes = ct_alloc(w->nhosts, sizeof(*bytes));
	ct_status status = ct_session_agree(session, bytes == NULL ? CT_NOMEM : CT_OK);

	if (status == CT_OK && is_first(w))
		bytes[w->host_of[w->rank]] = (int64_t)gather->bytes;
	if (status == CT_OK)
		status = ct_session_max(session, bytes, w->nhosts);
	for (uint32_t h = 0; status == CT_OK && h < w->nhosts; h++)
		status = one_host(session, h, (uint64_t)bytes[h], gather);
	ct_free(bytes);
	ct_session_idle(session);
	return status;
}
