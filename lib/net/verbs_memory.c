/* SPDX-License-Identifier: BSD-3-Clause */
/* Registered memory of the transport verbs. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "verbs.h"

static ct_status reg_on(struct ct_verbs *v, uint32_t rail, struct ct_verbs_region *r)
{
	int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
		(v->set.relaxed_ordering ? IBV_ACCESS_RELAXED_ORDERING : 0);
	struct ct_rdma_memory m = { r->at, r->bytes, 0, -1, NULL };
	char why[200];
	ct_status s;

	if (!ct_mem_is_host(r->mem) && ct_mem_dmabuf(r->mem, r->at, &m.fd, &m.offset) != CT_OK) {
		snprintf(why, sizeof(why), "%s", ct_why());
		m.fd_why = why;
	}
	s = ct_rdma_reg(&v->rail[rail].dev, v->rail[rail].pd, &m, access, &r->mr[rail]);
	if (m.fd >= 0)
		(void)close(m.fd); /* the registration holds what it needs */
	return s;
}

static ct_status region_make(struct ct_verbs *v, const struct ct_mem *mem, void *at, uint64_t bytes,
	struct ct_verbs_region *r)
{
	*r = (struct ct_verbs_region){ .at = at, .bytes = bytes, .mem = mem };
	for (uint32_t i = 0; i < v->nrails; i++) {
		ct_status s = reg_on(v, i, r);

		if (s != CT_OK) {
			ct_verbs_region_end(r);
			return s;
		}
	}
	return CT_OK;
}

ct_status ct_verbs_region_make(struct ct_verbs *v, void *at, uint64_t bytes,
	struct ct_verbs_region *r)
{
	return region_make(v, NULL, at, bytes, r);
}

void ct_verbs_region_end(struct ct_verbs_region *r)
{
	for (uint32_t i = 0; i < CT_VERBS_RAILS; i++)
		if (r->mr[i] != NULL)
			(void)ibv_dereg_mr(r->mr[i]);
	*r = (struct ct_verbs_region){ 0 };
}

static ct_status make(struct ct_verbs *v, const struct ct_mem *mem, void *at, uint64_t bytes,
	struct ct_verbs_region **r)
{
	struct ct_verbs_region *made = ct_alloc(1, sizeof(*made));
	ct_status s = made != NULL ? region_make(v, mem, at, bytes, made) : CT_NOMEM;

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
	return make(v, NULL, data, bytes, r);
}

void ct_verbs_uncover(struct ct_verbs_region *r)
{
	if (r == NULL || --r->users > 0)
		return;
	ct_verbs_region_end(r);
	ct_free(r);
}

static ct_status keep(struct ct_verbs *v, const struct ct_mem *mem, void *memory, uint64_t bytes,
	uint64_t *key)
{
	struct ct_verbs_region *r;
	ct_status s;

	for (r = v->regions; r != NULL; r = r->next)
		if (r->at == memory && r->bytes == bytes) {
			r->users++;
			*key = (uintptr_t)r;
			return CT_OK;
		}
	s = make(v, mem, memory, bytes, &r);
	if (s != CT_OK)
		return s;
	r->next = v->regions;
	v->regions = r;
	v->nforeign += !ct_mem_is_host(mem);
	*key = (uintptr_t)r;
	return CT_OK;
}

ct_status ct_verbs_reg(void *self, void *memory, uint64_t bytes, uint64_t *key)
{
	*key = 0;
	return bytes <= CT_VERBS_EAGER ? CT_OK : /* will be copied */
		keep(self, NULL, memory, bytes, key);
}

ct_status ct_verbs_reg_mem(void *self, const struct ct_mem *mem, uint64_t *key)
{
	*key = 0;
	return keep(self, mem, mem->at, mem->bytes, key);
}

void ct_verbs_dereg(void *self, uint64_t key)
{
	struct ct_verbs *v = self;

	for (struct ct_verbs_region **at = &v->regions; *at != NULL; at = &(*at)->next) {
		struct ct_verbs_region *r = *at;

		if ((uintptr_t)r != key)
			continue;
		if (r->users == 1) {
			*at = r->next;
			v->nforeign -= !ct_mem_is_host(r->mem);
		}
		ct_verbs_uncover(r);
		return;
	}
}

/* The registered memory that the processor cannot touch and that holds AT; NULL: it can. */
static const struct ct_mem *foreign(const struct ct_verbs *v, const void *at, uint64_t bytes)
{
	for (const struct ct_verbs_region *r = v->regions; r != NULL; r = r->next)
		if (!ct_mem_is_host(r->mem) && ct_mem_holds(r->mem, at, bytes))
			return r->mem;
	return NULL;
}

ct_status ct_verbs_copy(const struct ct_verbs *v, void *to, const void *from, uint64_t bytes)
{
	const struct ct_mem *mem = NULL;

	if (v->nforeign > 0) {
		mem = foreign(v, to, bytes);
		mem = mem != NULL ? mem : foreign(v, from, bytes);
	}
	if (mem != NULL)
		return mem->ops->copy(mem, to, from, bytes);
	memcpy(to, from, bytes);
	return CT_OK;
}

ct_status ct_verbs_pool(struct ct_verbs *v, uint64_t bytes, struct ct_mem *mem)
{
	const struct ct_mem_ops *ops = ct_mem_rows()[0];
	uint32_t device = 0;
	ct_status s;

	if (v->set.huge_pages)
		(void)ct_mem_parse("huge", &ops, &device);
	s = ct_mem_alloc(ops, device, bytes, mem);
	if (s != CT_OK || mem->note[0] == '\0' || v->memory_note[0] != '\0')
		return s;
	snprintf(v->memory_note, sizeof(v->memory_note), "%s", mem->note);
	if (v->world->local_rank == 0)
		ct_log(CT_LOG_WARN, CT_AREA_NET, "verbs: --ib-huge-pages: %s", mem->note);
	return s;
}
