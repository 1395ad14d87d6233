/* SPDX-License-Identifier: BSD-3-Clause */
/* What libibverbs' errors mean to the people who run the network. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "rdma.h"

struct cause {
	enum ibv_wc_status status;
	ct_status as;
	const char *likely;
};

static const struct cause causes[] = {
	{ IBV_WC_RETRY_EXC_ERR, CT_PEER,
		"the peer does not answer: its process has ended, its GID or "
		"LID is unreachable, packets of the path MTU do not get through, or a lossy "
		"network (PFC, congestion)" },
	{ IBV_WC_RNR_RETRY_EXC_ERR, CT_PEER, "the peer has no receive posted: its process hangs" },
	{ IBV_WC_REM_ACCESS_ERR, CT_PEER, "the peer's memory is not registered for this" },
	{ IBV_WC_REM_INV_REQ_ERR, CT_PEER,
		"the peer's device refuses the request: message longer than "
		"its buffer, or another path MTU" },
	{ IBV_WC_REM_OP_ERR, CT_PEER, "the peer's device failed" },
	{ IBV_WC_REM_ABORT_ERR, CT_PEER, "the peer's device gave up" },
	{ IBV_WC_WR_FLUSH_ERR, CT_PEER,
		"the queue pair was ended by an earlier error or the port went down" },
	{ IBV_WC_LOC_PROT_ERR, CT_IO, "memory of this rank is not registered" },
	{ IBV_WC_LOC_LEN_ERR, CT_IO,
		"a message is longer than its buffer or than the port allows" },
	{ IBV_WC_LOC_QP_OP_ERR, CT_IO, "this device failed within the queue pair" },
	{ IBV_WC_LOC_ACCESS_ERR, CT_IO,
		"memory of this rank is not registered for what the peer wrote" },
	{ IBV_WC_MW_BIND_ERR, CT_IO, "a memory window was bound without the right to" },
	{ IBV_WC_BAD_RESP_ERR, CT_PEER,
		"the peer's device answered what cannot be: firmware, or packets "
		"that were changed on their way" },
	{ IBV_WC_RESP_TIMEOUT_ERR, CT_PEER, "the peer's device began to answer and then stopped" },
	{ IBV_WC_GENERAL_ERR, CT_IO, "the device or its driver gives no reason: dmesg may" },
	{ IBV_WC_FATAL_ERR, CT_IO, "this device failed" },
};

const char *ct_rdma_cause(enum ibv_wc_status status, ct_status *as)
{
	const struct cause *c = &causes[0];
	size_t n = sizeof(causes) / sizeof(causes[0]);

	while (n > 0 && c->status != status)
		c++, n--;
	if (as != NULL)
		*as = n > 0 ? c->as : CT_IO;
	return n > 0 ? c->likely : "cause unknown";
}

ct_status ct_rdma_reg_failed(const struct ct_rdma_device *dev, uint64_t bytes, int error)
{
	struct rlimit limit;

	if ((error == ENOMEM || error == EAGAIN || error == EPERM) &&
		getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		return ct_fail(CT_IO, "verbs: %s cannot register %llu bytes: the limit of "
			"locked memory is %llu bytes, needed is more, best unlimited (ulimit -l, "
			"limits.conf, LimitMEMLOCK)", dev->name, (unsigned long long)bytes,
			(unsigned long long)limit.rlim_cur);
	return ct_fail(error == ENOMEM ? CT_NOMEM : CT_IO,
		"verbs: %s cannot register %llu bytes: %s", dev->name, (unsigned long long)bytes,
		strerror(error));
}

static ct_status foreign_failed(const struct ct_rdma_device *dev, const struct ct_rdma_memory *m,
	int error)
{
	if (m->fd >= 0)
		return ct_fail(CT_UNSUPPORTED,
			"verbs: %s cannot register %llu bytes of another device by "
			"their dma-buf: %s",
			dev->name, (unsigned long long)m->bytes, strerror(error));
	return ct_fail(CT_UNSUPPORTED, "verbs: %s cannot register %llu bytes of another device: no "
		"dma-buf (%s), and no driver for peer memory takes them: %s", dev->name,
		(unsigned long long)m->bytes, m->fd_why, strerror(error));
}

ct_status ct_rdma_reg(const struct ct_rdma_device *dev, struct ibv_pd *pd,
	const struct ct_rdma_memory *m, int access, struct ibv_mr **mr)
{
	bool foreign = m->fd >= 0 || m->fd_why != NULL;

	if (m->fd >= 0)
		*mr = ibv_reg_dmabuf_mr(pd, m->offset, m->bytes, (uintptr_t)m->at, m->fd, access);
	else
		*mr = ibv_reg_mr(pd, m->at, m->bytes, access);
	if (*mr != NULL)
		return CT_OK;
	return foreign ? foreign_failed(dev, m, errno) : ct_rdma_reg_failed(dev, m->bytes, errno);
}
