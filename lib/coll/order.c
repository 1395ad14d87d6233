/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "order.h"

static bool is_send(const struct ct_step *step)
{
	return step->kind == CT_STEP_SEND;
}

static bool is_message(const struct ct_step *step)
{
	return is_send(step) || step->kind == CT_STEP_RECV || step->kind == CT_STEP_RECV_REDUCE;
}

static ct_status examine(const struct ct_schedule *s, uint32_t nranks, uint32_t *nfences)
{
	uint32_t i, d;

	*nfences = 0;
	for (i = 0; i < s->nsteps; i++) {
		const struct ct_step *step = &s->steps[i];

		for (d = 0; d < 2; d++)
			if (step->dep[d] != CT_NO_DEP && step->dep[d] >= i)
				return ct_fail(CT_CORRUPT, "step %u depends on step %u, which is not "
					"before it", i, step->dep[d]);
		if (is_message(step) && step->peer >= nranks)
			return ct_fail(CT_CORRUPT, "step %u names rank %u of %u", i, step->peer,
				nranks);
		*nfences += step->fence && i > 0;
	}
	return CT_OK;
}

/* Links each channel's steps; LAST has two entries a rank. */
static void link_channels(const struct ct_schedule *s, struct ct_order *o, uint32_t *last)
{
	uint32_t i;

	for (i = 0; i < s->nsteps; i++) {
		const struct ct_step *step = &s->steps[i];
		uint32_t *before = &last[2 * step->peer + is_send(step)];

		o->next[i] = CT_NO_DEP;
		if (!is_message(step))
			continue;
		if (*before != CT_NO_DEP) {
			o->next[*before] = i;
			o->first_unmet[i]++;
		}
		*before = i;
	}
}

static void link_successors(const struct ct_schedule *s, struct ct_order *o)
{
	uint32_t i, d;

	for (i = 0; i < s->nsteps; i++)
		for (d = 0; d < 2; d++)
			if (s->steps[i].dep[d] != CT_NO_DEP) {
				o->succ_at[s->steps[i].dep[d] + 1]++;
				o->first_unmet[i]++;
			}
	for (i = 0; i < s->nsteps; i++)
		o->succ_at[i + 1] += o->succ_at[i];
	/* Filling moves each start to the next one's; then all move back by one place. */
	for (i = 0; i < s->nsteps; i++)
		for (d = 0; d < 2; d++)
			if (s->steps[i].dep[d] != CT_NO_DEP)
				o->succ[o->succ_at[s->steps[i].dep[d]]++] = i;
	for (i = s->nsteps; i > 0; i--)
		o->succ_at[i] = o->succ_at[i - 1];
	o->succ_at[0] = 0;
}

ct_status ct_order_make(const struct ct_schedule *s, uint32_t nranks, struct ct_order *order)
{
	size_t n = s->nsteps, words;
	struct ct_order o = { .nsteps = s->nsteps };
	ct_status status = examine(s, nranks, &o.nfences);
	uint32_t i, *last;

	if (status != CT_OK)
		return status;
	last = ct_alloc(nranks, 2 * sizeof(*last));
	if (last == NULL)
		return CT_NOMEM;
	memset(last, 0xff, nranks * 2 * sizeof(*last)); /* CT_NO_DEP */
	words = n + (n + 1) + 2 * n + n + o.nfences + n + n + n;
	o.first_unmet = ct_alloc(words * sizeof(uint32_t) + n, 1);
	if (o.first_unmet == NULL) {
		ct_free(last);
		return CT_NOMEM;
	}
	o.succ_at = o.first_unmet + n;
	o.succ = o.succ_at + n + 1;
	o.next = o.succ + 2 * n;
	o.fences = o.next + n;
	o.starters = o.fences + o.nfences;
	o.unmet = o.starters + n;
	o.ready = o.unmet + n;
	o.done = (bool *)(o.ready + n);
	link_channels(s, &o, last);
	link_successors(s, &o);
	ct_free(last);
	o.nfences = 0;
	for (i = 0; i < s->nsteps; i++) {
		if (s->steps[i].fence && i > 0) {
			o.fences[o.nfences++] = i;
			o.first_unmet[i]++;
		}
		if (o.first_unmet[i] == 0)
			o.starters[o.nstarters++] = i;
	}
	ct_order_reset(&o);
	*order = o;
	return CT_OK;
}

void ct_order_free(struct ct_order *order)
{
	ct_free(order->first_unmet);
	*order = (struct ct_order){ 0 };
}

void ct_order_reset(struct ct_order *o)
{
	memcpy(o->unmet, o->first_unmet, o->nsteps * sizeof(*o->unmet));
	memcpy(o->ready, o->starters, o->nstarters * sizeof(*o->ready));
	if (o->nfences > 0)
		memset(o->done, 0, o->nsteps);
	o->head = o->ndone = o->prefix = o->next_fence = 0;
	o->tail = o->nstarters;
}
