/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside net: what trace and fault share. A wrapper posts a shadow of each request to the transport
 * below and decides itself when and how the caller's request ends. */
#ifndef CT_NET_WRAP_H
#define CT_NET_WRAP_H

#include "queue.h"

struct ct_shadow {
	struct ct_net_req inner;  /* what the transport below sees */
	struct ct_net_req *outer; /* what the caller waits for */
	struct ct_shadow *next;
	void *owner;              /* the wrapper */
	uint64_t posted_ns, hold_until_ns;
	bool corrupt;
};

struct ct_shadows {
	struct ct_shadow *busy, **last, *spare; /* in the order of posting; ready for reuse */
};

void ct_shadows_make(struct ct_shadows *list);

/* Frees all; call after the transport below was closed. */
void ct_shadows_free(struct ct_shadows *list);

/* A shadow of REQ at the end of the busy list, not posted yet; NULL: no memory. */
struct ct_shadow *ct_shadow_take(struct ct_shadows *list, struct ct_net_req *req);

/* Posts SHADOW below. If that fails, the caller's request keeps CT_BUSY and the shadow is
 * forgotten. */
ct_status ct_shadow_post(struct ct_shadows *list, struct ct_net *below, struct ct_shadow *shadow);

/* Calls ENDED for each shadow that is no longer busy; where it returns true the caller's request
 * gets the status and the shadow is taken out. */
void ct_shadows_sweep(struct ct_shadows *list, bool (*ended)(struct ct_shadow *shadow));

/* Makes NET the wrapper OPS around itself: SELF is kept by the new net, INNER takes the old one.
 * Nothing is changed on CT_NOMEM. */
ct_status ct_net_put_around(struct ct_net *net, const struct ct_net_ops *ops, void *self,
	struct ct_net *inner);

#endif
