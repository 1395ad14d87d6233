/* SPDX-License-Identifier: BSD-3-Clause */
/* Registered memory of the transport verbs. */
#include <errno.h>

#include "verbs.h"

ct_status ct_verbs_region_make(struct ct_verbs *v, void *at, uint64_t bytes, struct ct_verbs_region *r)
{
	unsigned access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
		(v->set.relaxed_ordering ? IBV_ACCESS_RELAXED_ORDERING : 0);

	*r = (struct ct_verbs_region){ .at = at, .bytes = bytes };
	for (uint32_t i = 0; i < v->nrails; i++) {
		r->mr[i] = ibv_reg_mr(v->rail[i].pd, at, bytes, access);
		if (r->mr[i] == NULL) {
			ct_status s = ct_rdma_reg_failed(&v->rail[i].dev, bytes, errno);

			ct_verbs_region_end(r);
			return s;
		}
	}
	return CT_OK;
}

void ct_verbs_region_end(struct ct_verbs_region *r)
{
	for (uint32_t i = 0; i < CT_VERBS_RAILS; i++)
		if (r->mr[i] != NULL)
			(void)ibv_dereg_mr(r->mr[i]);
	*r = (struct ct_verbs_region){ 0 };
}

static ct_status make(struct ct_verbs *v, void *at, uint64_t bytes, struct ct_verbs_region **r)
{
	struct ct_verbs_region *made = ct_alloc(1, sizeof(*made));
	ct_status s = made != NULL ? ct_verbs_region_make(v, at, bytes, made) : CT_NOMEM;

	if (s != CT_OK) {
		ct_free(made);
		return s;
	}
	made->users = 1;
	*r = made;
	return CT_OK;
}

ct_status ct_verbs_cover(struct ct_verbs *v, void *data, uint64_t bytes, struct ct_verbs_region **r)
{
	for (struct ct_verbs_region *k = v->regions; k != NULL; k = k->next) {
		uintptr_t from = (uintptr_t)data, at = (uintptr_t)k->at;

		if (from < at || bytes > k->bytes || from - at > k->bytes - bytes)
			continue;
		k->users++;
		*r = k;
		return CT_OK;
	}
	return make(v, data, bytes, r);
}

void ct_verbs_uncover(struct ct_verbs_region *r)
{
	if (r == NULL || --r->users > 0)
		return;
	ct_verbs_region_end(r);
	ct_free(r);
}

ct_status ct_verbs_reg(void *self, void *memory, uint64_t bytes, uint64_t *key)
{
	struct ct_verbs *v = self;
	struct ct_verbs_region *r;
	ct_status s;

	*key = 0;
	if (bytes <= CT_VERBS_EAGER)
		return CT_OK; /* will be copied */
	for (r = v->regions; r != NULL; r = r->next)
		if (r->at == memory && r->bytes == bytes) {
			r->users++;
			*key = (uintptr_t)r;
			return CT_OK;
		}
	s = make(v, memory, bytes, &r);
	if (s != CT_OK)
		return s;
	r->next = v->regions;
	v->regions = r;
	*key = (uintptr_t)r;
	return CT_OK;
}

void ct_verbs_dereg(void *self, uint64_t key)
{
	struct ct_verbs *v = self;

	for (struct ct_verbs_region **at = &v->regions; *at != NULL; at = &(*at)->next) {
		struct ct_verbs_region *r = *at;

		if ((uintptr_t)r != key)
			continue;
		if (r->users == 1)
			*at = r->next;
		ct_verbs_uncover(r);
		return;
	}
}
