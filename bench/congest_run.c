/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine of colltune roce congest. Every flow keeps a window of messages in flight. When the time is
 * over a sender sends as many last messages as its window is wide; each closes a place of the receiver's
 * window, so that both ends have posted equally many whatever the rates were.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "congest.h"

enum { FREE_HOSTS = 4, PING_BYTES = 64, LAST = 1, BARRIER_BYTES = 16 };

static const char *const names[] = { "incast", "outcast", "alltoall", "permutation" };

const char *ct_congest_name(enum ct_congest_kind kind)
{
	return (unsigned int)kind < CT_CONGEST_KINDS ? names[kind] : "?";
}

/* ---- patterns --------------------------------------------------------------------------------- */

static void add(struct ct_congest_pattern *p, uint32_t from, uint32_t to)
{
	p->flows[p->n++] = (struct ct_congest_flow){ from, to };
}

/* Rank 0 and ranks 1 to FAN. */
static void add_star(struct ct_congest_pattern *p, bool in, uint32_t fan)
{
	for (uint32_t i = 1; i <= fan; i++)
		add(p, in ? i : 0, in ? 0 : i);
}

/* Each rank to every other, or to the one half the ranks away. */
static void add_all(struct ct_congest_pattern *p, uint32_t nranks, bool every)
{
	for (uint32_t i = 0; i < nranks; i++)
		for (uint32_t k = every ? 1 : nranks / 2; k < (every ? nranks : nranks / 2 + 1); k++)
			add(p, i, (i + k) % nranks);
}

ct_status ct_congest_make(enum ct_congest_kind kind, uint32_t nranks, uint32_t fan,
	struct ct_congest_pattern *p)
{
	uint32_t most = nranks >= 3 ? nranks - 2 : nranks - 1;
	size_t room = kind == CT_CONGEST_ALLTOALL ? (size_t)nranks * nranks : nranks;

	*p = (struct ct_congest_pattern){ .name = ct_congest_name(kind) };
	if (nranks < 2)
		return ct_fail(CT_INVALID, "congestion needs two ranks and more: mpirun -n, or -t");
	if (room > CT_CONGEST_FLOWS)
		return ct_fail(CT_INVALID, "%s of %u ranks is more than %d flows", p->name, nranks,
			CT_CONGEST_FLOWS);
	p->flows = ct_alloc(room, sizeof(*p->flows));
	if (p->flows == NULL)
		return CT_NOMEM;
	if (kind <= CT_CONGEST_OUTCAST)
		add_star(p, kind == CT_CONGEST_INCAST, fan > 0 && fan < most ? fan : most);
	else
		add_all(p, nranks, kind == CT_CONGEST_ALLTOALL);
	p->victim = kind <= CT_CONGEST_OUTCAST && nranks >= 3;
	p->asks = nranks - 1;
	p->answers = 1;
	return CT_OK;
}

ct_status ct_congest_allowed(const struct ct_world *world, bool load_fabric, uint64_t span_ns,
	uint32_t rounds)
{
	char hosts[300] = "", time[32];
	size_t used = 0;

	if (load_fabric || world->nhosts <= FREE_HOSTS)
		return CT_OK;
	for (uint32_t i = 0; i < world->nhosts && used + CT_HOST_NAME + 8 < sizeof(hosts); i++)
		used += (size_t)snprintf(hosts + used, sizeof(hosts) - used, "%s%s", i > 0 ? ", " : "",
			world->hosts[i].name);
	return ct_fail(CT_INVALID, "%u hosts (%s%s) would send and receive as fast as they can for %s of each "
		"pattern, %u times over: say --load-fabric if that may be", world->nhosts, hosts,
		world->nhosts > FREE_HOSTS && used + CT_HOST_NAME + 8 >= sizeof(hosts) ? ", …" : "",
		ct_time_text(span_ns, time), rounds);
}

/* ---- one rank --------------------------------------------------------------------------------- */

/* A place of a window. */
struct place {
	struct ct_net_req req;
	const struct ct_congest_load *load;
	uint64_t *data;
	size_t flow;
	bool closing, closed;
};

struct victim {
	struct ct_net_req out, in;
	uint64_t sent_ns;
	bool sending, waiting, over;
	uint64_t out_data[PING_BYTES / 8], in_data[PING_BYTES / 8];
};

struct engine {
	struct ct_congest_run *run;
	struct ct_net *net;
	uint32_t rank;
	const struct ct_congest_load *loads[2];
	size_t nloads;
	struct place *places;
	size_t n, open;
	unsigned char *memory;
	struct victim v;
	uint64_t half_ns, end_ns;
	bool moved; /* something did, in this turn */
};

static ct_status post(struct ct_net *net, struct ct_net_req *req, enum ct_net_kind kind, uint32_t peer,
	void *data, uint64_t bytes)
{
	*req = (struct ct_net_req){ .kind = kind, .peer = peer, .data = data, .bytes = bytes };
	return ct_net_post(net, req);
}

static const struct ct_congest_flow *flow_of(const struct place *p)
{
	return &p->load->pattern->flows[p->flow];
}

static ct_status post_place(struct engine *e, struct place *p)
{
	const struct ct_congest_flow *f = flow_of(p);
	bool send = f->from == e->rank;

	if (send) {
		p->closing = ct_now_ns() >= e->end_ns;
		p->data[0] = p->closing ? LAST : 0;
	}
	return post(p->load->net, &p->req, send ? CT_NET_SEND : CT_NET_RECV, send ? f->to : f->from,
		p->data, p->load->bytes);
}

/* A message came to P. */
static void note(const struct engine *e, const struct place *p)
{
	uint64_t now = ct_now_ns();

	if (now <= e->end_ns)
		p->load->came[p->flow] += p->load->bytes;
	if (now <= e->half_ns && p->load->first != NULL)
		p->load->first[p->flow] += p->load->bytes;
}

static ct_status advance(struct engine *e, struct place *p)
{
	if (p->closed || p->req.status == CT_BUSY)
		return CT_OK;
	if (p->req.status != CT_OK)
		return p->req.status;
	e->moved = true;
	if (flow_of(p)->to == e->rank) {
		p->closing = p->data[0] == LAST;
		if (!p->closing)
			note(e, p);
	}
	if (!p->closing)
		return post_place(e, p);
	p->closed = true;
	e->open--;
	return CT_OK;
}

/* Who asks: sends, waits for the answer, notes the time; its last question says so and gets an answer, too. */
static ct_status ask(struct engine *e)
{
	uint32_t to = e->run->load.pattern->answers;
	struct victim *v = &e->v;
	ct_status status;

	if (!v->waiting) {
		v->sent_ns = ct_now_ns();
		v->out_data[0] = v->sent_ns >= e->end_ns ? LAST : 0;
		v->waiting = true;
		status = post(e->net, &v->in, CT_NET_RECV, to, v->in_data, PING_BYTES);
		return status != CT_OK ? status : post(e->net, &v->out, CT_NET_SEND, to, v->out_data,
			PING_BYTES);
	}
	if (v->in.status == CT_BUSY || v->out.status == CT_BUSY)
		return CT_OK;
	if (v->in.status != CT_OK || v->out.status != CT_OK)
		return v->in.status != CT_OK ? v->in.status : v->out.status;
	e->moved = true;
	v->waiting = false;
	v->over = v->out_data[0] == LAST;
	if (!v->over && e->run->npings < CT_CONGEST_PINGS)
		e->run->ping_ns[e->run->npings++] = ct_now_ns() - v->sent_ns;
	return CT_OK;
}

static ct_status answer(struct engine *e)
{
	uint32_t to = e->run->load.pattern->asks;
	struct victim *v = &e->v;

	if (!v->waiting && !v->sending) {
		v->waiting = true;
		return post(e->net, &v->in, CT_NET_RECV, to, v->in_data, PING_BYTES);
	}
	if (v->waiting) {
		if (v->in.status == CT_BUSY)
			return CT_OK;
		if (v->in.status != CT_OK)
			return v->in.status;
		v->waiting = false;
		v->sending = true;
		e->moved = true;
		return post(e->net, &v->out, CT_NET_SEND, to, v->out_data, PING_BYTES);
	}
	if (v->out.status == CT_BUSY)
		return CT_OK;
	v->sending = false;
	v->over = v->in_data[0] == LAST;
	return v->out.status;
}

static ct_status poll_all(struct engine *e)
{
	ct_status status = ct_net_poll(e->net);

	if (status == CT_OK && e->run->background != NULL)
		status = ct_net_poll(e->run->background->net);
	return status;
}

static ct_status turn(struct engine *e)
{
	const struct ct_congest_pattern *p = e->run->load.pattern;
	ct_status status = poll_all(e);

	e->moved = false;
	for (size_t i = 0; i < e->n && status == CT_OK; i++)
		status = advance(e, &e->places[i]);
	if (status == CT_OK && !e->v.over)
		status = e->rank == p->asks ? ask(e) : answer(e);
	if (!e->moved)
		sched_yield();
	return status;
}

/* Everybody has arrived here: in rounds, a message to the rank 1, 2, 4, … further. The transport is
 * polled meanwhile, since a peer may still need that. */
static ct_status meet(struct engine *e)
{
	uint32_t n = e->net->world->nranks;
	uint64_t out[BARRIER_BYTES / 8] = { 0 }, in[BARRIER_BYTES / 8];
	ct_status status = CT_OK;

	for (uint32_t far = 1; far < n && status == CT_OK; far *= 2) {
		struct ct_net_req to, from;

		status = post(e->net, &from, CT_NET_RECV, (e->rank + n - far) % n, in, sizeof(in));
		if (status == CT_OK)
			status = post(e->net, &to, CT_NET_SEND, (e->rank + far) % n, out, sizeof(out));
		while (status == CT_OK && (to.status == CT_BUSY || from.status == CT_BUSY)) {
			status = poll_all(e);
			sched_yield();
		}
		if (status == CT_OK)
			status = to.status != CT_OK ? to.status : from.status;
	}
	return status;
}

static bool is_mine(const struct engine *e, const struct ct_congest_flow *f)
{
	return f->from == e->rank || f->to == e->rank;
}

/* The windows of LOAD's flows of this rank; their messages begin at byte AT of the memory. */
static void place_load(struct engine *e, const struct ct_congest_load *load, uint64_t *at)
{
	for (size_t i = 0; i < load->pattern->n; i++)
		for (uint64_t w = 0; w < e->run->window && is_mine(e, &load->pattern->flows[i]); w++) {
			struct place *p = &e->places[e->n++];

			p->load = load;
			p->flow = i;
			p->data = (uint64_t *)(void *)(e->memory + *at);
			*at += load->bytes;
		}
}

static ct_status prepare(struct engine *e)
{
	const struct ct_congest_pattern *p = e->run->load.pattern;
	uint64_t places = 1, bytes = 1, at = 0;

	if (!e->run->silent) {
		e->loads[e->nloads++] = &e->run->load;
		if (e->run->background != NULL)
			e->loads[e->nloads++] = e->run->background;
	}
	for (size_t l = 0; l < e->nloads; l++)
		for (size_t i = 0; i < e->loads[l]->pattern->n; i++) {
			uint64_t n = is_mine(e, &e->loads[l]->pattern->flows[i]) ? e->run->window : 0;

			places += n;
			bytes += n * e->loads[l]->bytes;
		}
	e->places = ct_alloc(places, sizeof(*e->places));
	e->memory = ct_alloc(bytes, 1);
	if (e->places == NULL || e->memory == NULL)
		return CT_NOMEM;
	for (size_t l = 0; l < e->nloads; l++)
		place_load(e, e->loads[l], &at);
	e->open = e->n;
	e->v.over = !p->victim || (e->rank != p->asks && e->rank != p->answers);
	return CT_OK;
}

static void clear(const struct ct_congest_load *load)
{
	memset(load->came, 0, load->pattern->n * sizeof(*load->came));
	if (load->first != NULL)
		memset(load->first, 0, load->pattern->n * sizeof(*load->first));
}

ct_status ct_congest_run(struct ct_congest_run *run)
{
	struct engine e = { .run = run, .net = run->load.net, .rank = run->load.net->world->rank };
	ct_status status;

	run->npings = 0;
	clear(&run->load);
	if (run->background != NULL)
		clear(run->background);
	status = prepare(&e);
	if (status == CT_OK)
		status = meet(&e);
	e.half_ns = ct_now_ns() + run->span_ns / 2;
	e.end_ns = e.half_ns + run->span_ns / 2;
	for (size_t i = 0; i < e.n && status == CT_OK; i++)
		status = post_place(&e, &e.places[i]);
	while (status == CT_OK && (e.open > 0 || !e.v.over))
		status = turn(&e);
	if (status == CT_OK)
		status = meet(&e);
	/* After an error the transport may still use the memory: it goes with the process. */
	if (status == CT_OK) {
		ct_free(e.places);
		ct_free(e.memory);
	}
	return status;
}
