/* SPDX-License-Identifier: BSD-3-Clause */
/* Shadows of requests; see wrap.h. */
#include "wrap.h"

void ct_shadows_make(struct ct_shadows *list)
{
	list->busy = list->spare = NULL;
	list->last = &list->busy;
}

static void free_chain(struct ct_shadow *s)
{
	while (s != NULL) {
		struct ct_shadow *next = s->next;

		ct_free(s);
		s = next;
	}
}

void ct_shadows_free(struct ct_shadows *list)
{
	free_chain(list->busy);
	free_chain(list->spare);
}

struct ct_shadow *ct_shadow_take(struct ct_shadows *list, struct ct_net_req *req)
{
	struct ct_shadow *s = list->spare;

	if (s != NULL)
		list->spare = s->next;
	else
		s = ct_alloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	*s = (struct ct_shadow){ .inner = *req, .outer = req, .posted_ns = ct_now_ns() };
	s->inner.status = CT_BUSY;
	*list->last = s;
	list->last = &s->next;
	return s;
}

/* Takes the shadow that AT points to out of the busy list. */
static void retire(struct ct_shadows *list, struct ct_shadow **at)
{
	struct ct_shadow *s = *at;

	*at = s->next;
	if (list->last == &s->next)
		list->last = at;
	s->next = list->spare;
	list->spare = s;
}

ct_status ct_shadow_post(struct ct_shadows *list, struct ct_net *below, struct ct_shadow *shadow)
{
	ct_status s = ct_net_post(below, &shadow->inner);

	for (struct ct_shadow **at = &list->busy; s != CT_OK && *at != NULL; at = &(*at)->next)
		if (*at == shadow) {
			retire(list, at);
			break;
		}
	return s;
}

void ct_shadows_sweep(struct ct_shadows *list, bool (*ended)(struct ct_shadow *shadow))
{
	struct ct_shadow **at = &list->busy;

	while (*at != NULL) {
		struct ct_shadow *s = *at;

		if (s->inner.status == CT_BUSY || !ended(s)) {
			at = &s->next;
			continue;
		}
		s->outer->status = s->inner.status;
		retire(list, at);
	}
}

ct_status ct_net_put_around(struct ct_net *net, const struct ct_net_ops *ops, void *self,
	struct ct_net *inner)
{
	struct ct_net_ops *filled = ct_net_fill(ops);

	if (filled == NULL)
		return CT_NOMEM;
	filled->name = net->ops->name;
	filled->summary = net->ops->summary;
	*inner = *net;
	net->ops = filled;
	net->self = self;
	return CT_OK;
}
