/* SPDX-License-Identifier: BSD-3-Clause */
/* Protection domains, registrations, address handles. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fake.h"

struct ibv_pd *ibv_alloc_pd(struct ibv_context *context)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_device *d = ct_fake_device(f, context);
	struct ibv_pd *pd = calloc(1, sizeof(*pd));

	if (pd == NULL)
		return NULL;
	ct_fake_lock(f);
	if (d->npd >= d->limits.max_pd) {
		ct_fake_unlock(f);
		free(pd);
		errno = ENOMEM;
		return NULL;
	}
	d->npd++;
	pd->handle = ++f->next_pd;
	ct_fake_unlock(f);
	pd->context = context;
	return pd;
}

int ibv_dealloc_pd(struct ibv_pd *pd)
{
	struct fake_fabric *f = ct_fake_fabric();

	ct_fake_lock(f);
	ct_fake_device(f, pd->context)->npd--;
	ct_fake_unlock(f);
	free(pd);
	return 0;
}

/* ---- registrations ------------------------------------------------------------------------- */

static struct fake_mr *new_mr(struct fake_fabric *f, struct fake_device *d)
{
	for (uint32_t n = 0; d->nmr < d->limits.max_mr && n < FAKE_MRS; n++) {
		uint32_t i = f->next_mr = (f->next_mr + 1) % FAKE_MRS;

		if (i == 0 || f->mrs[i].live)
			continue;
		d->nmr++;
		if (i >= f->top_mr)
			f->top_mr = i + 1;
		f->mrs[i] = (struct fake_mr){ .live = 1, .key = i << 8 | ((f->mrs[i].key + 1) & 0xff) };
		return &f->mrs[i];
	}
	return NULL;
}

/* What a program gets. */
struct mapped {
	struct ibv_mr mr;
	void *map; /* of a dma-buf, else NULL */
	size_t bytes;
};

static struct ibv_mr *make_mr(struct ibv_pd *pd, void *addr, size_t length, uint64_t iova,
	unsigned int access)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct mapped *mr;
	struct fake_mr *m;

	if ((access & (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC)) != 0 &&
		(access & IBV_ACCESS_LOCAL_WRITE) == 0) {
		errno = EINVAL;
		return NULL;
	}
	mr = calloc(1, sizeof(*mr));
	if (mr == NULL)
		return NULL;
	ct_fake_lock(f);
	m = new_mr(f, ct_fake_device(f, pd->context));
	if (m == NULL) {
		ct_fake_unlock(f);
		free(mr);
		errno = ENOMEM;
		return NULL;
	}
	m->context = ct_fake_of(pd->context)->index;
	m->pd = pd->handle;
	m->access = access;
	m->from = iova;
	m->address = (uintptr_t)addr;
	m->length = length;
	ct_fake_unlock(f);
	mr->mr = (struct ibv_mr){ pd->context, pd, addr, length, m->key >> 8, m->key, m->key };
	return &mr->mr;
}

/* As the kernel does, which takes hold of the pages: what the process may not touch is refused. */
static int touchable(const void *at)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)(uintptr_t)at, 1 };

	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == 1;
}

struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *addr, size_t length, uint64_t iova,
	unsigned int access)
{
	if (length > 0 && !touchable(addr)) {
		errno = EFAULT;
		return NULL;
	}
	return make_mr(pd, addr, length, iova, access);
}

struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, int access)
{
	return ibv_reg_mr_iova2(pd, addr, length, (uintptr_t)addr, (unsigned int)access);
}

struct ibv_mr *ibv_reg_mr_iova(struct ibv_pd *pd, void *addr, size_t length, uint64_t iova, int access)
{
	return ibv_reg_mr_iova2(pd, addr, length, iova, (unsigned int)access);
}

/* Any file that can be mapped stands for another device's memory: bytes move through FD alone, never
 * through the addresses that the program has for it. */
struct ibv_mr *ibv_reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset, size_t length, uint64_t iova,
	int fd, int access)
{
	uint64_t before = offset % FAKE_PAGE;
	struct ibv_mr *mr;
	char *map;

	if (offset % FAKE_PAGE != iova % FAKE_PAGE || length > SIZE_MAX - FAKE_PAGE) {
		errno = EINVAL;
		return NULL;
	}
	map = mmap(NULL, length + before, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		(off_t)(offset - before));
	if (map == MAP_FAILED)
		return NULL;
	mr = make_mr(pd, map + before, length, iova, (unsigned int)access);
	if (mr == NULL) {
		(void)munmap(map, length + before);
		return NULL;
	}
	((struct mapped *)mr)->map = map;
	((struct mapped *)mr)->bytes = length + before;
	mr->addr = NULL;
	return mr;
}

int ibv_rereg_mr(struct ibv_mr *mr, int flags, struct ibv_pd *pd, void *addr, size_t length, int access)
{
	(void)mr;
	(void)flags;
	(void)pd;
	(void)addr;
	(void)length;
	(void)access;
	return IBV_REREG_MR_ERR_INPUT;
}

int ibv_dereg_mr(struct ibv_mr *mr)
{
	struct fake_fabric *f = ct_fake_fabric();

	ct_fake_lock(f);
	f->mrs[mr->handle].live = 0;
	ct_fake_device(f, mr->context)->nmr--;
	ct_fake_unlock(f);
	if (((struct mapped *)mr)->map != NULL)
		(void)munmap(((struct mapped *)mr)->map, ((struct mapped *)mr)->bytes);
	free(mr);
	return 0;
}

const struct fake_mr *ct_fake_covers(const struct fake_fabric *f, uint32_t key, uint32_t pd,
	uint64_t address, uint64_t bytes, uint32_t wanted)
{
	const struct fake_mr *m = &f->mrs[key >> 8 & (FAKE_MRS - 1)];

	if (!m->live || m->key != key || m->pd != pd || (m->access & wanted) != wanted ||
		address < m->from || bytes > m->length || address - m->from > m->length - bytes)
		return NULL;
	return m;
}

/* ---- address handles ----------------------------------------------------------------------- */

struct ibv_ah *ibv_create_ah(struct ibv_pd *pd, struct ibv_ah_attr *attr)
{
	const struct fake_device *d = ct_fake_device(ct_fake_fabric(), pd->context);
	struct fake_ah *ah;

	if (attr->port_num < 1 || attr->port_num > d->nports) {
		errno = EINVAL;
		return NULL;
	}
	ah = calloc(1, sizeof(*ah));
	if (ah == NULL)
		return NULL;
	ah->ah.context = pd->context;
	ah->ah.pd = pd;
	ah->attr = *attr;
	return &ah->ah;
}

int ibv_destroy_ah(struct ibv_ah *ah)
{
	free(ah);
	return 0;
}

int ibv_init_ah_from_wc(struct ibv_context *context, uint8_t port, struct ibv_wc *wc,
	struct ibv_grh *grh, struct ibv_ah_attr *attr)
{
	(void)context;
	*attr = (struct ibv_ah_attr){ .dlid = wc->slid, .sl = wc->sl, .src_path_bits = wc->dlid_path_bits,
		.port_num = port };
	if ((wc->wc_flags & IBV_WC_GRH) != 0) {
		attr->is_global = 1;
		attr->grh.dgid = grh->sgid;
		attr->grh.hop_limit = 0xff;
	}
	return 0;
}

struct ibv_ah *ibv_create_ah_from_wc(struct ibv_pd *pd, struct ibv_wc *wc, struct ibv_grh *grh,
	uint8_t port)
{
	struct ibv_ah_attr attr;

	(void)ibv_init_ah_from_wc(pd->context, port, wc, grh, &attr);
	return ibv_create_ah(pd, &attr);
}

int ibv_resolve_eth_l2_from_gid(struct ibv_context *context, struct ibv_ah_attr *attr, uint8_t mac[6],
	uint16_t *vid)
{
	(void)context;
	(void)attr;
	(void)mac;
	(void)vid;
	return EOPNOTSUPP; /* no Ethernet here */
}

int ibv_attach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid)
{
	(void)qp;
	(void)gid;
	(void)lid;
	return EOPNOTSUPP;
}

int ibv_detach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid)
{
	(void)qp;
	(void)gid;
	(void)lid;
	return EOPNOTSUPP;
}
