/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to coll: when a step of a schedule may start, as counters that are prepared once, so
 * that executor and checker never rescan the list. A step waits for its dependencies (complete),
 * for its fence (all before it complete) and for the step before it in the same channel, i.e. to
 * or from the same peer (posted). A step whose counter is zero is in the ready queue.
 */
#ifndef CT_COLL_ORDER_H
#define CT_COLL_ORDER_H

#include "schedule.h"

struct ct_order {
	uint32_t nsteps, nfences;
	/* prepared, constant */
	uint32_t *first_unmet; /* [nsteps] */
	uint32_t *succ_at;     /* [nsteps + 1] */
	uint32_t *succ;        /* those that depend on step i: succ[succ_at[i] … succ_at[i + 1]) */
	uint32_t *next;        /* [nsteps] after i in its channel, or CT_NO_DEP */
	uint32_t *fences;      /* [nfences] ascending */
	uint32_t *starters;    /* [nstarters] ready from the start, ascending */
	uint32_t nstarters;
	/* of one run */
	uint32_t *unmet, *ready; /* [nsteps]; each step enters the queue once */
	bool *done;
	uint32_t head, tail, ndone, prefix, next_fence;
};

/* CT_NOMEM; CT_CORRUPT: a dependency that is not below its step, a peer that is no rank. Steps are
 * not needed afterwards. Free with ct_order_free(). */
ct_status ct_order_make(const struct ct_schedule *s, uint32_t nranks, struct ct_order *order);
void ct_order_free(struct ct_order *order);

/* Back to before the first step. */
void ct_order_reset(struct ct_order *order);

static inline void ct_order_met(struct ct_order *o, uint32_t step)
{
	if (--o->unmet[step] == 0)
		o->ready[o->tail++] = step;
}

/* Takes the next ready step, in the order in which they became so; CT_NO_DEP = none. */
static inline uint32_t ct_order_take(struct ct_order *o)
{
	return o->head < o->tail ? o->ready[o->head++] : CT_NO_DEP;
}

/* The step that ct_order_take() would take; CT_NO_DEP = none. */
static inline uint32_t ct_order_next(const struct ct_order *o)
{
	return o->head < o->tail ? o->ready[o->head] : CT_NO_DEP;
}

/* The step that becomes ready when STEP is posted; CT_NO_DEP = none. */
static inline uint32_t ct_order_follows(const struct ct_order *o, uint32_t step)
{
	uint32_t next = o->next[step];

	return next != CT_NO_DEP && o->unmet[next] == 1 ? next : CT_NO_DEP;
}

/* STEP was posted: its channel's next step may follow. */
static inline void ct_order_posted(struct ct_order *o, uint32_t step)
{
	if (o->next[step] != CT_NO_DEP)
		ct_order_met(o, o->next[step]);
}

/* STEP is complete. */
static inline void ct_order_done(struct ct_order *o, uint32_t step)
{
	uint32_t i;

	o->ndone++;
	for (i = o->succ_at[step]; i < o->succ_at[step + 1]; i++)
		ct_order_met(o, o->succ[i]);
	if (o->nfences == 0)
		return;
	o->done[step] = true;
	while (o->prefix < o->nsteps && o->done[o->prefix])
		o->prefix++;
	while (o->next_fence < o->nfences && o->fences[o->next_fence] <= o->prefix)
		ct_order_met(o, o->fences[o->next_fence++]);
}

#endif
