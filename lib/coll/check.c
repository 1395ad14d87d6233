/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The symbolic checker. An element's value is the set of ranks whose contributions it holds and
 * the index of these in the senders' input; combining two needs disjoint sets and equal indices,
 * so "each rank exactly once" is the same as "the set of all ranks". All ranks' schedules run
 * together, everything starts as early as it may, what is under way completes in random order:
 * what the schedule does not order does not stay ordered by luck.
 */
#include <string.h>

#include "generate.h"
#include "order.h"

struct value {
	uint64_t ranks; /* bit r: rank r's contribution; 0 = undefined */
	uint64_t index;
};

enum state { WAITING, ACTIVE, COMPLETE };

/* A stretch of memory that a step uses. */
struct use {
	uint64_t at, count;
	bool write;
};

struct step_state {
	enum state state;
	uint32_t match;       /* the peer's step that this message meets */
	uint64_t heard_start; /* ranks whose entry happened before this step, whatever the timing */
	uint64_t heard_done;
	struct value *payload; /* of a send, from its start until it is received */
	struct use use[3];
	unsigned nuses;
	uint32_t place; /* in the rank's list of active steps */
};

struct rank_state {
	struct ct_schedule schedule;
	struct ct_order order;
	struct step_state *steps;
	struct value *memory;
	uint64_t base[3], room[3]; /* of the buffers, in memory */
	uint64_t total;
	uint32_t *active, nactive;
	uint32_t *busy; /* of each element in memory: how many active steps read it, or WRITTEN */
};

enum { WRITTEN = 1 << 30 };

struct event {
	uint32_t rank, step;
};

struct check {
	const struct ct_shape *shape;
	struct rank_state *ranks;
	struct event *events; /* what may complete now */
	uint32_t nevents;
	bool eager;
	struct ct_rng rng;
};

static bool is_send(const struct ct_step *s)
{
	return s->kind == CT_STEP_SEND;
}

static bool is_recv(const struct ct_step *s)
{
	return s->kind == CT_STEP_RECV || s->kind == CT_STEP_RECV_REDUCE;
}

static struct ct_step *step_of(const struct check *c, uint32_t rank, uint32_t i)
{
	return &c->ranks[rank].schedule.steps[i];
}

static struct value *value_at(const struct rank_state *r, struct ct_slice slice)
{
	return r->memory + r->base[slice.buf] + slice.at;
}

/* ---- what a step uses ---------------------------------------------------------------------- */

static unsigned find_uses(const struct rank_state *r, const struct ct_step *s,
	struct use use[3])
{
	struct use src = { r->base[s->src.buf] + s->src.at, s->count, false };
	struct use dst = { r->base[s->dst.buf] + s->dst.at, s->count, true };
	struct use via = { r->base[CT_TMP] + s->via, s->count, true };

	switch (s->kind) {
	case CT_STEP_SEND:
		use[0] = src;
		return 1;
	case CT_STEP_RECV:
		use[0] = dst;
		return 1;
	case CT_STEP_RECV_REDUCE:
		use[0] = src;
		use[1] = dst;
		use[2] = via;
		return 3;
	default:
		use[0] = src;
		use[1] = dst;
		return 2;
	}
}

static bool overlap(const struct use *a, const struct use *b)
{
	return a->at < b->at + b->count && b->at < a->at + a->count;
}

static bool inside(const struct rank_state *r, enum ct_buffer buf, uint64_t at, uint64_t count)
{
	return at <= r->room[buf] && count <= r->room[buf] - at;
}

/* Within one step only dst = op(src, …) may use the same elements twice, and then exactly; data on
 * their way may wait in dst. */
static bool self_overlap(const struct ct_step *s, const struct use *use)
{
	bool fused = s->kind == CT_STEP_RECV_REDUCE;

	if (is_send(s) || s->kind == CT_STEP_RECV || s->count == 0)
		return false;
	if (overlap(&use[0], &use[1]) && !(fused && use[0].at == use[1].at))
		return true;
	if (!fused)
		return false;
	return overlap(&use[0], &use[2]) || (overlap(&use[1], &use[2]) && use[1].at != use[2].at);
}

static ct_status examine(const struct rank_state *r, uint32_t rank, uint32_t i)
{
	const struct ct_step *s = &r->schedule.steps[i];
	bool reads = s->kind != CT_STEP_RECV, writes = s->kind != CT_STEP_SEND;
	struct step_state *mine = &r->steps[i];

	if (writes && s->dst.buf == CT_IN)
		return ct_fail(CT_CORRUPT, "rank %u step %u writes the send buffer", rank, i);
	if ((reads && !inside(r, s->src.buf, s->src.at, s->count)) ||
	    (writes && !inside(r, s->dst.buf, s->dst.at, s->count)) ||
	    (s->kind == CT_STEP_RECV_REDUCE && !inside(r, CT_TMP, s->via, s->count)))
		return ct_fail(CT_CORRUPT, "rank %u step %u: %llu elements at %llu or %llu leave "
			"their buffer", rank, i, (unsigned long long)s->count,
			(unsigned long long)s->src.at, (unsigned long long)s->dst.at);
	mine->nuses = s->count > 0 ? find_uses(r, s, mine->use) : 0;
	if (self_overlap(s, mine->use))
		return ct_fail(CT_CORRUPT, "rank %u step %u uses the same elements twice", rank, i);
	return CT_OK;
}

/* Names the step under way that uses what step I, about to start, may not share with it. */
static ct_status conflict(const struct rank_state *r, uint32_t rank, uint32_t i)
{
	const struct step_state *mine = &r->steps[i], *other;
	uint32_t k;
	unsigned a, b;

	for (k = 0; k < r->nactive; k++) {
		other = &r->steps[r->active[k]];
		for (a = 0; a < mine->nuses; a++)
			for (b = 0; b < other->nuses; b++)
				if ((mine->use[a].write || other->use[b].write) &&
				    overlap(&mine->use[a], &other->use[b]))
					return ct_fail(CT_CORRUPT, "rank %u step %u uses element "
						"%llu while step %u is not complete", rank, i,
						(unsigned long long)mine->use[a].at, r->active[k]);
	}
	return ct_fail(CT_CORRUPT, "rank %u step %u uses elements in use", rank, i);
}

/* Enters step I among those under way: nobody may write what it uses, or use what it writes. */
static ct_status claim(struct rank_state *r, uint32_t rank, uint32_t i)
{
	struct step_state *mine = &r->steps[i];
	const struct use *use, *end = mine->use + mine->nuses;
	uint64_t e;

	for (use = mine->use; use < end; use++)
		for (e = use->at; e < use->at + use->count; e++)
			if (r->busy[e] >= (use->write ? 1 : WRITTEN))
				return conflict(r, rank, i);
	for (use = mine->use; use < end; use++)
		for (e = use->at; e < use->at + use->count; e++)
			r->busy[e] = use->write ? WRITTEN : r->busy[e] + 1;
	mine->place = r->nactive;
	r->active[r->nactive++] = i;
	return CT_OK;
}

/* The reverse. A step's uses of the same elements come and go together: reads first, so that what
 * it reads and writes is written while it runs and free afterwards. */
static void unclaim(struct rank_state *r, uint32_t i)
{
	struct step_state *mine = &r->steps[i];
	const struct use *use, *end = mine->use + mine->nuses;
	uint32_t last = r->active[--r->nactive];
	uint64_t e;

	for (use = mine->use; use < end; use++)
		for (e = use->at; e < use->at + use->count; e++)
			r->busy[e] = use->write || r->busy[e] >= WRITTEN ? 0 : r->busy[e] - 1;
	r->active[mine->place] = last;
	r->steps[last].place = mine->place;
}

/* ---- running ------------------------------------------------------------------------------- */

static void may_complete(struct check *c, uint32_t rank, uint32_t step)
{
	c->events[c->nevents++] = (struct event){ rank, step };
}

static ct_status defined(const struct value *v, uint64_t count, uint32_t rank, uint32_t i)
{
	uint64_t e;

	for (e = 0; e < count; e++)
		if (v[e].ranks == 0)
			return ct_fail(CT_CORRUPT, "rank %u step %u reads element %llu of its "
				"source, which holds nothing", rank, i, (unsigned long long)e);
	return CT_OK;
}

static uint64_t heard_before(const struct rank_state *r, uint32_t rank, uint32_t i)
{
	const struct ct_step *s = &r->schedule.steps[i];
	uint64_t heard = r->steps[i].heard_start | UINT64_C(1) << rank;
	uint32_t d;

	for (d = 0; d < 2; d++)
		if (s->dep[d] != CT_NO_DEP)
			heard |= r->steps[s->dep[d]].heard_done;
	for (d = 0; s->fence && d < i; d++)
		heard |= r->steps[d].heard_done;
	return heard;
}

/* A message starts: its own completion or its partner's may become possible. */
static ct_status post(struct check *c, uint32_t rank, uint32_t i)
{
	struct rank_state *r = &c->ranks[rank];
	const struct ct_step *s = &r->schedule.steps[i];
	struct step_state *mine = &r->steps[i];
	struct step_state *other = &c->ranks[s->peer].steps[mine->match];
	bool met = other->state != WAITING;

	if (r->order.next[i] != CT_NO_DEP)
		r->steps[r->order.next[i]].heard_start |= mine->heard_start;
	ct_order_posted(&r->order, i);
	if (is_send(s)) {
		mine->payload = ct_alloc(s->count, sizeof(struct value));
		if (mine->payload == NULL)
			return CT_NOMEM;
		memcpy(mine->payload, value_at(r, s->src), s->count * sizeof(struct value));
	}
	if (met || (c->eager && is_send(s)))
		may_complete(c, rank, i);
	/* A send that need not wait for us has been in the list since it started. */
	if (met && !(c->eager && is_recv(s)))
		may_complete(c, s->peer, mine->match);
	return CT_OK;
}

static ct_status start_ready(struct check *c, uint32_t rank)
{
	struct rank_state *r = &c->ranks[rank];
	uint32_t i;
	ct_status status = CT_OK;

	while (status == CT_OK && (i = ct_order_take(&r->order)) != CT_NO_DEP) {
		const struct ct_step *s = &r->schedule.steps[i];

		status = claim(r, rank, i);
		if (status == CT_OK && s->kind != CT_STEP_RECV)
			status = defined(value_at(r, s->src), s->count, rank, i);
		if (status != CT_OK)
			break;
		r->steps[i].state = ACTIVE;
		r->steps[i].heard_start = heard_before(r, rank, i);
		if (is_send(s) || is_recv(s))
			status = post(c, rank, i);
		else
			may_complete(c, rank, i);
	}
	return status;
}

static ct_status combine(struct value *dst, const struct value *a, const struct value *b,
	uint64_t count)
{
	uint64_t e;

	for (e = 0; e < count; e++) {
		struct value sum = { a[e].ranks | b[e].ranks, a[e].index };

		if (a[e].ranks == 0 || b[e].ranks == 0)
			return ct_fail(CT_CORRUPT, "element %llu is reduced with nothing",
				(unsigned long long)e);
		if ((a[e].ranks & b[e].ranks) != 0)
			return ct_fail(CT_CORRUPT, "element %llu gets a contribution twice",
				(unsigned long long)e);
		if (a[e].index != b[e].index)
			return ct_fail(CT_CORRUPT, "elements %llu and %llu are reduced together",
				(unsigned long long)a[e].index, (unsigned long long)b[e].index);
		dst[e] = sum;
	}
	return CT_OK;
}

static ct_status effect(struct check *c, uint32_t rank, uint32_t i)
{
	struct rank_state *r = &c->ranks[rank];
	const struct ct_step *s = &r->schedule.steps[i];
	struct step_state *mine = &r->steps[i], *sent;
	uint64_t bytes = s->count * sizeof(struct value);
	ct_status status = CT_OK;

	mine->heard_done = mine->heard_start;
	if (is_recv(s)) {
		sent = &c->ranks[s->peer].steps[mine->match];
		mine->heard_done |= sent->heard_start;
		if (s->kind == CT_STEP_RECV) {
			memcpy(value_at(r, s->dst), sent->payload, bytes);
		} else {
			if (s->dst.buf != CT_TMP || s->dst.at != s->via)
				memset(value_at(r, ct_at(CT_TMP, s->via)), 0, bytes);
			status = combine(value_at(r, s->dst), value_at(r, s->src), sent->payload,
				s->count);
		}
		ct_free(sent->payload);
		sent->payload = NULL;
	} else if (s->kind == CT_STEP_REDUCE) {
		status = combine(value_at(r, s->dst), value_at(r, s->dst), value_at(r, s->src),
			s->count);
	} else if (s->kind == CT_STEP_COPY) {
		memcpy(value_at(r, s->dst), value_at(r, s->src), bytes);
	}
	if (status == CT_CORRUPT) {
		char why[256];

		strncpy(why, ct_why(), sizeof(why) - 1);
		why[sizeof(why) - 1] = '\0';
		return ct_fail(CT_CORRUPT, "rank %u step %u: %s", rank, i, why);
	}
	return status;
}

static ct_status complete(struct check *c, uint32_t rank, uint32_t i)
{
	struct rank_state *r = &c->ranks[rank];
	ct_status status = effect(c, rank, i);

	if (status != CT_OK)
		return status;
	unclaim(r, i);
	r->steps[i].state = COMPLETE;
	ct_order_done(&r->order, i);
	return start_ready(c, rank);
}

static ct_status stuck(const struct check *c)
{
	uint32_t rank, i;

	for (rank = 0; rank < c->shape->nranks; rank++)
		for (i = 0; i < c->ranks[rank].schedule.nsteps; i++)
			if (c->ranks[rank].steps[i].state != COMPLETE)
				return ct_fail(CT_CORRUPT, "deadlock%s: rank %u step %u can not %s",
					c->eager ? "" : " when sends wait for their receives",
					rank, i, c->ranks[rank].steps[i].state == ACTIVE
							? "complete" : "start");
	return CT_OK;
}

/* ---- before and after ---------------------------------------------------------------------- */

static bool takes_part(const struct ct_shape *shape, uint32_t rank)
{
	return shape->coll < CT_P2P_LATENCY || (shape->window > 0 && shape->partner[rank] != rank);
}

static void fill_inputs(const struct check *c, uint32_t rank)
{
	struct rank_state *r = &c->ranks[rank];
	uint64_t i;

	memset(r->memory, 0, r->total * sizeof(*r->memory));
	memset(r->busy, 0, r->total * sizeof(*r->busy));
	if ((c->shape->coll == CT_BROADCAST || c->shape->coll == CT_SCATTER) && rank != c->shape->root)
		return;
	for (i = 0; i < r->room[CT_IN]; i++)
		r->memory[r->base[CT_IN] + i] = (struct value){ UINT64_C(1) << rank, i };
}

/* What element I of RANK's result must be; no ranks: anything. */
static struct value expected(const struct ct_shape *shape, uint32_t rank, uint64_t i)
{
	uint64_t count = shape->count, one = 1;
	uint64_t all = shape->nranks == 64 ? UINT64_MAX : (one << shape->nranks) - 1;

	switch (shape->coll) {
	case CT_ALLREDUCE:
		return (struct value){ all, i };
	case CT_REDUCE_SCATTER:
		return (struct value){ all, rank * count + i };
	case CT_ALLGATHER:
		return (struct value){ one << (i / count), i % count };
	case CT_ALLTOALL:
		return (struct value){ one << (i / count), rank * count + i % count };
	case CT_BROADCAST:
		return (struct value){ one << shape->root, i };
	case CT_REDUCE:
		return (struct value){ rank == shape->root ? all : 0, i };
	case CT_GATHER:
		return (struct value){ rank == shape->root ? one << (i / count) : 0, i % count };
	case CT_SCATTER:
		return (struct value){ one << shape->root, rank * count + i };
	case CT_P2P_ONEWAY:
		if (rank < shape->partner[rank])
			return (struct value){ 0, 0 };
		return (struct value){ one << shape->partner[rank], i };
	default:
		return (struct value){ one << shape->partner[rank], i };
	}
}

static ct_status verify(const struct check *c, uint32_t rank)
{
	const struct rank_state *r = &c->ranks[rank];
	uint64_t i, heard = UINT64_C(1) << rank;
	uint32_t s;

	for (s = 0; s < r->schedule.nsteps; s++)
		heard |= r->steps[s].heard_done;
	if (c->shape->coll == CT_BARRIER) {
		if (heard << (64 - c->shape->nranks) != UINT64_MAX << (64 - c->shape->nranks))
			return ct_fail(CT_CORRUPT, "rank %u may leave the barrier after hearing "
				"only of ranks 0x%llx", rank, (unsigned long long)heard);
		return CT_OK;
	}
	for (i = 0; i < r->room[CT_OUT] && takes_part(c->shape, rank); i++) {
		struct value want = expected(c->shape, rank, i);
		struct value got = r->memory[r->base[CT_OUT] + i];

		if (want.ranks != 0 && (got.ranks != want.ranks || got.index != want.index))
			return ct_fail(CT_CORRUPT, "rank %u element %llu holds element %llu of ranks "
				"0x%llx, not element %llu of ranks 0x%llx", rank,
				(unsigned long long)i, (unsigned long long)got.index,
				(unsigned long long)got.ranks, (unsigned long long)want.index,
				(unsigned long long)want.ranks);
	}
	return CT_OK;
}

static ct_status run(struct check *c)
{
	uint32_t rank, i, n = c->shape->nranks;
	ct_status status = CT_OK;

	c->nevents = 0;
	for (rank = 0; rank < n; rank++) {
		struct rank_state *r = &c->ranks[rank];

		ct_order_reset(&r->order);
		r->nactive = 0;
		for (i = 0; i < r->schedule.nsteps; i++) {
			r->steps[i].state = WAITING;
			r->steps[i].heard_start = r->steps[i].heard_done = 0;
		}
		fill_inputs(c, rank);
	}
	for (rank = 0; rank < n && status == CT_OK; rank++)
		status = start_ready(c, rank);
	while (status == CT_OK && c->nevents > 0) {
		uint64_t pick = ct_rng_below(&c->rng, c->nevents);
		struct event event = c->events[pick];

		c->events[pick] = c->events[--c->nevents];
		status = complete(c, event.rank, event.step);
	}
	if (status == CT_OK)
		status = stuck(c);
	for (rank = 0; rank < n && status == CT_OK; rank++)
		status = verify(c, rank);
	return status;
}

/* ---- making the ranks ---------------------------------------------------------------------- */

static void place_buffers(struct rank_state *r, const struct ct_shape *shape, uint32_t rank)
{
	struct ct_coll_buffers b = ct_coll_buffers(shape->coll, rank, shape->nranks, shape->count,
		shape->in_place);

	r->room[CT_IN] = b.send;
	r->room[CT_OUT] = b.recv;
	r->room[CT_TMP] = r->schedule.tmp_count;
	if (shape->in_place) {
		r->base[CT_IN] = b.send_at;
		r->base[CT_OUT] = b.recv_at;
		r->base[CT_TMP] = b.send > b.recv ? b.send : b.recv;
	} else {
		r->base[CT_OUT] = b.send;
		r->base[CT_TMP] = b.send + b.recv;
	}
	r->total = r->base[CT_TMP] + r->room[CT_TMP];
}

static ct_status make_rank(struct check *c, const struct ct_algo *algo, uint32_t rank)
{
	struct rank_state *r = &c->ranks[rank];
	struct ct_shape shape = *c->shape;
	uint32_t i, n;
	ct_status status;

	shape.rank = rank;
	status = algo->generate(&shape, &r->schedule);
	if (status != CT_OK)
		return status;
	n = r->schedule.nsteps;
	place_buffers(r, &shape, rank);
	if (r->schedule.in_count > r->room[CT_IN] || r->schedule.out_count > r->room[CT_OUT])
		return ct_fail(CT_CORRUPT, "rank %u: the schedule asks for larger buffers than %s "
			"has", rank, ct_coll_name(shape.coll));
	status = ct_order_make(&r->schedule, shape.nranks, &r->order);
	if (status != CT_OK)
		return status;
	r->steps = ct_alloc(n, sizeof(*r->steps));
	r->active = ct_alloc(n, sizeof(*r->active));
	r->memory = ct_alloc(r->total, sizeof(*r->memory));
	r->busy = ct_alloc(r->total, sizeof(*r->busy));
	if (r->steps == NULL || r->active == NULL || r->memory == NULL || r->busy == NULL)
		return CT_NOMEM;
	for (i = 0; i < n; i++) {
		r->steps[i].match = CT_NO_DEP;
		status = examine(r, rank, i);
		if (status != CT_OK)
			return status;
	}
	return CT_OK;
}

/* The first step of RANK that sends to (or receives from) PEER; CT_NO_DEP = none. */
static uint32_t first_of(const struct rank_state *r, uint32_t peer, bool send)
{
	uint32_t i;

	for (i = 0; i < r->schedule.nsteps; i++) {
		const struct ct_step *s = &r->schedule.steps[i];

		if (s->peer == peer && (send ? is_send(s) : is_recv(s)))
			return i;
	}
	return CT_NO_DEP;
}

/* The k-th send from FROM to TO meets the k-th receive. */
static ct_status match_channel(struct check *c, uint32_t from, uint32_t to, uint32_t send)
{
	struct rank_state *a = &c->ranks[from], *b = &c->ranks[to];
	uint32_t recv = first_of(b, from, false);

	while (send != CT_NO_DEP && recv != CT_NO_DEP) {
		if (step_of(c, from, send)->count != step_of(c, to, recv)->count)
			return ct_fail(CT_CORRUPT, "rank %u step %u sends %llu elements, rank %u "
				"step %u expects %llu", from, send,
				(unsigned long long)step_of(c, from, send)->count, to, recv,
				(unsigned long long)step_of(c, to, recv)->count);
		a->steps[send].match = recv;
		b->steps[recv].match = send;
		send = a->order.next[send];
		recv = b->order.next[recv];
	}
	if (send != CT_NO_DEP)
		return ct_fail(CT_CORRUPT, "rank %u step %u: rank %u never receives it", from, send,
			to);
	return CT_OK;
}

static ct_status match_all(struct check *c)
{
	uint32_t rank, i, n = c->shape->nranks;
	ct_status status;

	for (rank = 0; rank < n; rank++)
		for (i = 0; i < c->ranks[rank].schedule.nsteps; i++) {
			const struct ct_step *s = step_of(c, rank, i);

			if (!is_send(s) || c->ranks[rank].steps[i].match != CT_NO_DEP)
				continue;
			status = match_channel(c, rank, s->peer, i);
			if (status != CT_OK)
				return status;
		}
	for (rank = 0; rank < n; rank++)
		for (i = 0; i < c->ranks[rank].schedule.nsteps; i++)
			if (is_recv(step_of(c, rank, i)) &&
			    c->ranks[rank].steps[i].match == CT_NO_DEP)
				return ct_fail(CT_CORRUPT, "rank %u step %u: rank %u never sends it",
					rank, i, step_of(c, rank, i)->peer);
	return CT_OK;
}

static void free_ranks(struct check *c)
{
	uint32_t rank, i;

	for (rank = 0; rank < c->shape->nranks && c->ranks != NULL; rank++) {
		struct rank_state *r = &c->ranks[rank];

		for (i = 0; r->steps != NULL && i < r->schedule.nsteps; i++)
			ct_free(r->steps[i].payload);
		ct_free(r->busy);
		ct_free(r->memory);
		ct_free(r->active);
		ct_free(r->steps);
		ct_order_free(&r->order);
		ct_schedule_free(&r->schedule);
	}
	ct_free(c->ranks);
	ct_free(c->events);
}

ct_status ct_schedule_check(const struct ct_algo *algo, const struct ct_shape *shape,
	uint64_t seed)
{
	struct check c = { .shape = shape, .rng = ct_rng_make(seed) };
	uint64_t steps = 0;
	uint32_t rank;
	ct_status status = CT_OK;

	if (shape->nranks == 0 || shape->nranks > 64)
		return ct_fail(CT_INVALID, "the checker takes 1 to 64 ranks, not %u", shape->nranks);
	c.ranks = ct_alloc(shape->nranks, sizeof(*c.ranks));
	if (c.ranks == NULL)
		return CT_NOMEM;
	for (rank = 0; rank < shape->nranks && status == CT_OK; rank++) {
		status = make_rank(&c, algo, rank);
		steps += c.ranks[rank].schedule.nsteps;
	}
	if (status == CT_OK)
		status = match_all(&c);
	if (status == CT_OK) {
		c.events = ct_alloc(steps, sizeof(*c.events));
		status = c.events != NULL ? CT_OK : CT_NOMEM;
	}
	for (c.eager = true; status == CT_OK; c.eager = false) {
		status = run(&c);
		if (!c.eager)
			break;
	}
	free_ranks(&c);
	return status;
}
