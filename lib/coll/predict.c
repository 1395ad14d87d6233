/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The time of a schedule over known links: its steps played in order of time. A step begins when those
 * that it waits for are complete; a rank sends one message at a time, takes in one at a time, and has one
 * processor for copies, sums and its part of each message.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coll.h"
#include "schedule.h"

enum { MOST_STEPS = 100000, MOST_ONE = 1 << 20 };
#define NOBODY UINT32_MAX

struct play {
	const struct ct_predict *in;
	struct ct_schedule *schedules; /* one per rank, or one for all */
	uint32_t nranks;               /* of schedules */
	uint32_t *first;               /* a rank's first step among all; nranks + 1 entries */
	double *ready, *arrives;       /* per step: may begin; receives: the message is there */
	uint32_t *missing;             /* per step: what it waits for, a message included */
	uint32_t *mate;                /* per step: the receive of a send */
	uint32_t *head, *next;         /* who waits for a step: 2 links a step */
	uint32_t *heap;                /* steps that may begin, the earliest first */
	uint32_t nheap;
	double *sending, *taking, *busy; /* per rank: until when */
	uint32_t *done;                /* per rank: steps complete, for fences */
	double end;
	size_t element;
};

static uint32_t rank_of(const struct play *p, uint32_t step)
{
	uint32_t low = 0, high = p->nranks;

	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (p->first[middle] <= step)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static const struct ct_step *step_at(const struct play *p, uint32_t rank, uint32_t step)
{
	return &p->schedules[rank].steps[step - p->first[rank]];
}

/* ---- what may begin, by time ---------------------------------------------------------------- */

static double when(const struct play *p, uint32_t step)
{
	return fmax(p->ready[step], p->arrives[step]);
}

/* Equals begin in the order of the list. */
static bool sooner(const struct play *p, uint32_t a, uint32_t b)
{
	return when(p, a) != when(p, b) ? when(p, a) < when(p, b) : a < b;
}

static void push(struct play *p, uint32_t step)
{
	uint32_t i = p->nheap++;

	for (; i > 0 && sooner(p, step, p->heap[(i - 1) / 2]); i = (i - 1) / 2)
		p->heap[i] = p->heap[(i - 1) / 2];
	p->heap[i] = step;
}

static uint32_t pop(struct play *p)
{
	uint32_t top = p->heap[0], last = p->heap[--p->nheap], i = 0;

	for (uint32_t child; (child = 2 * i + 1) < p->nheap; i = child) {
		if (child + 1 < p->nheap && sooner(p, p->heap[child + 1], p->heap[child]))
			child++;
		if (!sooner(p, p->heap[child], last))
			break;
		p->heap[i] = p->heap[child];
	}
	p->heap[i] = last;
	return top;
}

/* One less that STEP waits for. */
static void release(struct play *p, uint32_t step, double now)
{
	p->ready[step] = fmax(p->ready[step], now);
	if (--p->missing[step] == 0)
		push(p, step);
}

/* ---- one step ------------------------------------------------------------------------------- */

static bool receives(const struct ct_step *s)
{
	return s->kind == CT_STEP_RECV || s->kind == CT_STEP_RECV_REDUCE;
}

static const struct ct_link *link_of(const struct play *p, uint32_t a, uint32_t b)
{
	return p->in->link_of != NULL ? p->in->link_of(p->in->arg, a, b) : p->in->link;
}

static double play_send(struct play *p, uint32_t rank, uint32_t step, const struct ct_step *s)
{
	uint64_t bytes = s->count * p->element;
	const struct ct_link *link = link_of(p, rank, s->peer);
	double start = fmax(p->ready[step], fmax(p->sending[rank], p->busy[rank]));
	double gap = ct_link_gap(link, bytes);

	p->sending[rank] = start + gap;
	p->busy[rank] = start + ct_link_duplex(link, bytes) / 2;
	if (p->mate[step] != NOBODY) {
		p->arrives[p->mate[step]] = start + ct_link_oneway(link, bytes);
		release(p, p->mate[step], 0);
	}
	return start + gap;
}

static double play_receive(struct play *p, uint32_t rank, uint32_t step, const struct ct_step *s)
{
	uint64_t bytes = s->count * p->element;
	const struct ct_link *link = link_of(p, s->peer, rank);
	double end = fmax(when(p, step), p->taking[rank] + ct_link_gap(link, bytes));
	double work = ct_link_duplex(link, bytes) / 2;

	end = fmax(end, fmax(p->busy[rank], p->arrives[step] - work) + work);
	if (s->kind == CT_STEP_RECV_REDUCE)
		end += link->reduce_ns * (double)bytes;
	p->taking[rank] = p->busy[rank] = end;
	return end;
}

static double play_step(struct play *p, uint32_t rank, uint32_t step)
{
	const struct ct_step *s = step_at(p, rank, step);
	const struct ct_link *own = link_of(p, rank, rank);

	if (s->kind == CT_STEP_SEND)
		return play_send(p, rank, step, s);
	if (receives(s))
		return play_receive(p, rank, step, s);
	p->busy[rank] = fmax(p->ready[step], p->busy[rank]) + (double)(s->count * p->element) *
		(s->kind == CT_STEP_REDUCE ? own->reduce_ns : own->copy_ns);
	return p->busy[rank];
}

/* When STEP, which may begin, finds its rank free to do so. */
static double free_at(const struct play *p, uint32_t rank, uint32_t step)
{
	const struct ct_step *s = step_at(p, rank, step);

	if (receives(s))
		return 0;
	return s->kind == CT_STEP_SEND ? fmax(p->sending[rank], p->busy[rank]) : p->busy[rank];
}

/* A fence waits for all steps before it: it is released when the count says so. */
static void pass_fences(struct play *p, uint32_t rank, double now)
{
	const struct ct_schedule *s = &p->schedules[rank];

	for (uint32_t i = p->done[rank]; i < s->nsteps; i++)
		if (s->steps[i].fence) {
			if (i == p->done[rank])
				release(p, p->first[rank] + i, now);
			return;
		}
}

static void play_all(struct play *p)
{
	while (p->nheap > 0) {
		uint32_t step = pop(p), rank = rank_of(p, step);
		double now = free_at(p, rank, step);

		if (now > when(p, step)) {
			/* what comes in meanwhile is served first */
			p->ready[step] = now;
			push(p, step);
			continue;
		}
		now = play_step(p, rank, step);
		p->end = fmax(p->end, now);
		p->done[rank]++;
		for (uint32_t link = p->head[step]; link != NOBODY; link = p->next[link])
			release(p, link / 2, now);
		pass_fences(p, rank, now);
	}
}

/* ---- setting the board ---------------------------------------------------------------------- */

static void set_dependencies(struct play *p, uint32_t rank)
{
	const struct ct_schedule *s = &p->schedules[rank];

	for (uint32_t i = 0; i < s->nsteps; i++) {
		uint32_t step = p->first[rank] + i;

		p->mate[step] = NOBODY;
		p->missing[step] = receives(&s->steps[i]) + s->steps[i].fence;
		for (uint32_t d = 0; d < 2; d++) {
			uint32_t before = s->steps[i].dep[d];

			if (before == CT_NO_DEP)
				continue;
			p->missing[step]++;
			p->next[2 * step + d] = p->head[p->first[rank] + before];
			p->head[p->first[rank] + before] = 2 * step + d;
		}
	}
}

/* The K-th receive of B from A meets the K-th send of A to B: both are walked side by side. */
static void set_mates(struct play *p, uint32_t *cursor)
{
	for (uint32_t b = 0; b < p->nranks; b++) {
		const struct ct_schedule *s = &p->schedules[b];

		for (uint32_t a = 0; a < p->nranks; a++)
			cursor[a] = 0;
		for (uint32_t i = 0; i < s->nsteps; i++) {
			const struct ct_schedule *from = &p->schedules[s->steps[i].peer % p->nranks];
			uint32_t a = s->steps[i].peer % p->nranks, *k = &cursor[a];

			if (!receives(&s->steps[i]))
				continue;
			while (*k < from->nsteps && (from->steps[*k].kind != CT_STEP_SEND ||
				from->steps[*k].peer != b))
				(*k)++;
			if (*k < from->nsteps)
				p->mate[p->first[a] + (*k)++] = p->first[b] + i;
		}
	}
}

/* One rank for all: what it receives it sent itself, message by message. */
static void set_own_mates(struct play *p)
{
	const struct ct_schedule *s = &p->schedules[0];
	uint32_t k = 0;

	for (uint32_t i = 0; i < s->nsteps; i++) {
		if (!receives(&s->steps[i]))
			continue;
		while (k < s->nsteps && s->steps[k].kind != CT_STEP_SEND)
			k++;
		if (k < s->nsteps)
			p->mate[k++] = i;
		else
			p->missing[i]--; /* more comes in than goes out: as if it were there */
	}
}

static void free_play(struct play *p)
{
	for (uint32_t r = 0; p->schedules != NULL && r < p->nranks; r++)
		ct_schedule_free(&p->schedules[r]);
	ct_free(p->schedules);
	ct_free(p->first);
	ct_free(p->ready);
	ct_free(p->missing);
	ct_free(p->heap);
	ct_free(p->sending);
	ct_free(p->done);
}

static ct_status make_schedules(struct play *p, const struct ct_algo *algo, uint64_t count)
{
	const struct ct_predict *in = p->in;
	struct ct_shape shape = { .coll = in->coll, .root = in->root, .count = count,
		.nranks = in->nranks, .element_bytes = (uint32_t)p->element, .segment_bytes = in->segment };
	uint64_t steps = 0;
	ct_status status = CT_OK;

	p->schedules = ct_alloc(p->nranks, sizeof(*p->schedules));
	p->first = ct_alloc((size_t)p->nranks + 1, sizeof(*p->first));
	if (p->schedules == NULL || p->first == NULL)
		return CT_NOMEM;
	if (algo == NULL)
		algo = ct_algo_auto(&shape);
	for (uint32_t r = 0; r < p->nranks && status == CT_OK; r++) {
		shape.rank = r;
		status = algo->generate(&shape, &p->schedules[r]);
		p->first[r] = (uint32_t)steps;
		steps += status == CT_OK ? p->schedules[r].nsteps : 0;
		if (steps > (p->nranks > 1 ? MOST_STEPS : MOST_ONE))
			return CT_UNSUPPORTED; /* not a failure yet: the caller tries one rank for all */
	}
	p->first[p->nranks] = (uint32_t)steps;
	return status;
}

static ct_status make_board(struct play *p)
{
	size_t n = p->first[p->nranks], ranks = p->nranks;
	uint32_t *cursor = ct_alloc(ranks, sizeof(*cursor));

	p->ready = ct_alloc(2 * n + 1, sizeof(*p->ready));
	p->missing = ct_alloc(5 * n + 1, sizeof(*p->missing));
	p->heap = ct_alloc(n + 1, sizeof(*p->heap));
	p->sending = ct_alloc(3 * ranks, sizeof(*p->sending));
	p->done = ct_alloc(ranks, sizeof(*p->done));
	if (cursor == NULL || p->ready == NULL || p->missing == NULL || p->heap == NULL ||
		p->sending == NULL || p->done == NULL) {
		ct_free(cursor);
		return CT_NOMEM;
	}
	p->arrives = p->ready + n;
	p->mate = p->missing + n;
	p->head = p->mate + n;
	p->next = p->head + n;
	p->taking = p->sending + ranks;
	p->busy = p->taking + ranks;
	memset(p->head, 0xff, n * sizeof(*p->head));
	for (uint32_t r = 0; r < p->nranks; r++)
		set_dependencies(p, r);
	if (p->nranks > 1)
		set_mates(p, cursor);
	else
		set_own_mates(p);
	for (uint32_t i = 0; i < n; i++)
		if (p->missing[i] == 0)
			push(p, i);
	for (uint32_t r = 0; r < p->nranks; r++)
		if (p->schedules[r].nsteps > 0 && p->schedules[r].steps[0].fence)
			release(p, p->first[r], 0);
	ct_free(cursor);
	return CT_OK;
}

static ct_status play_ranks(const struct ct_predict *in, const struct ct_algo *algo, uint32_t nranks,
	double *ns)
{
	struct play p = { .in = in, .nranks = nranks, .element = ct_type_bytes(in->type) };
	ct_status status = make_schedules(&p, algo, ct_coll_count(in->coll, in->nranks, in->bytes, in->type));

	if (status == CT_OK)
		status = make_board(&p);
	if (status == CT_OK) {
		play_all(&p);
		*ns = p.end;
	}
	free_play(&p);
	return status;
}

ct_status ct_coll_predict(const struct ct_predict *in, double *ns, bool *alike)
{
	const struct ct_algo *algo = NULL;
	ct_status status;

	if (in->algo != NULL && strcmp(in->algo, "auto") != 0) {
		algo = ct_algo_find(in->coll, in->algo);
		if (algo == NULL)
			return ct_fail(CT_NOTFOUND, "no schedule of ours for %s is called %s",
				ct_coll_name(in->coll), in->algo);
	}
	if (in->coll >= CT_P2P_LATENCY || in->nranks < 2)
		return ct_fail(CT_UNSUPPORTED, "%s of %u ranks is not predicted", ct_coll_name(in->coll),
			in->nranks);
	*alike = false;
	status = play_ranks(in, algo, in->nranks, ns);
	if (status != CT_UNSUPPORTED)
		return status;
	*alike = true;
	status = play_ranks(in, algo, 1, ns);
	return status != CT_UNSUPPORTED ? status : ct_fail(CT_UNSUPPORTED, "%s of %llu bytes by %s on %u "
		"ranks has too many steps to be predicted", ct_coll_name(in->coll),
		(unsigned long long)in->bytes, in->algo != NULL ? in->algo : "auto", in->nranks);
}
