/* SPDX-License-Identifier: BSD-3-Clause */
/* Registered memory of the transport verbs. */
#include <errno.h>

#include "verbs.h"

static ct_status reg_mr(struct ct_verbs *v, void *data, uint64_t bytes, struct ibv_mr **mr)
{
	*mr = ibv_reg_mr(v->pd, data, bytes, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	return *mr != NULL ? CT_OK : ct_rdma_reg_failed(&v->dev, bytes, errno);
}

ct_status ct_verbs_cover(struct ct_verbs *v, void *data, uint64_t bytes, struct ibv_mr **mr)
{
	uintptr_t from = (uintptr_t)data;

	for (uint32_t i = 0; i < CT_VERBS_REGIONS; i++) {
		struct ibv_mr *m = v->regions[i];

		if (m == NULL || from < (uintptr_t)m->addr || bytes > m->length ||
			from - (uintptr_t)m->addr > m->length - bytes)
			continue;
		*mr = m;
		return CT_OK;
	}
	return reg_mr(v, data, bytes, mr);
}

void ct_verbs_uncover(struct ct_verbs *v, uint64_t key)
{
	struct ibv_mr *mr = (void *)(uintptr_t)key;

	if (mr == NULL)
		return;
	for (uint32_t i = 0; i < CT_VERBS_REGIONS; i++)
		if (v->regions[i] == mr)
			return;
	(void)ibv_dereg_mr(mr);
}

ct_status ct_verbs_reg(void *self, void *memory, uint64_t bytes, uint64_t *key)
{
	struct ct_verbs *v = self;
	ct_status s;

	*key = 0;
	for (uint32_t i = 0; bytes > 0 && i < CT_VERBS_REGIONS; i++) {
		if (v->regions[i] != NULL)
			continue;
		s = reg_mr(v, memory, bytes, &v->regions[i]);
		if (s == CT_OK)
			*key = i + 1;
		return s;
	}
	return CT_OK; /* no room: its messages are registered one by one */
}

void ct_verbs_dereg(void *self, uint64_t key)
{
	struct ct_verbs *v = self;

	if (key == 0 || key > CT_VERBS_REGIONS || v->regions[key - 1] == NULL)
		return;
	(void)ibv_dereg_mr(v->regions[key - 1]);
	v->regions[key - 1] = NULL;
}
