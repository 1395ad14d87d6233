/* SPDX-License-Identifier: BSD-3-Clause */
/* The way of a packet, and how bytes get from one process to another. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"

static bool same_gid(const struct fake_port *port, const union ibv_gid *gid)
{
	for (uint32_t i = 0; i < port->gids; i++) {
		union ibv_gid own = ct_fake_gid(port, i);

		if (memcmp(&own, gid, sizeof(own)) == 0)
			return true;
	}
	return false;
}

/* Does a packet for AH, sent from A, come out at B? */
static bool leads(const struct fake_port *a, const struct fake_port *b, const struct ibv_ah_attr *ah)
{
	if (a->state != IBV_PORT_ACTIVE || b->state != IBV_PORT_ACTIVE)
		return false;
	if (a->link != b->link || (a->link == IBV_LINK_LAYER_ETHERNET && !ah->is_global))
		return false;
	if (ah->is_global && !same_gid(b, &ah->grh.dgid))
		return false;
	if (a->subnet != b->subnet || a->link == IBV_LINK_LAYER_ETHERNET)
		return ah->is_global; /* by a router, or by address at all */
	if (ah->dlid == 0 || b->lid == 0)
		return false;
	return (uint32_t)ah->dlid >> b->lmc == b->lid >> b->lmc;
}

static bool connected(struct fake_fabric *f, const struct fake_qp *a, const struct fake_qp *b)
{
	return b->type == a->type && b->dest_qpn == a->qpn && a->dest_qpn == b->qpn &&
		b->rq_psn == a->sq_psn && leads(ct_fake_port(f, b), ct_fake_port(f, a), &b->ah);
}

struct fake_qp *ct_fake_reach(struct fake_fabric *f, const struct fake_qp *from, const struct fake_wqe *w)
{
	bool ud = from->type == IBV_QPT_UD;
	struct fake_qp *to = ct_fake_find_qp(f, ud ? w->qpn : from->dest_qpn);
	const struct ibv_ah_attr *ah = ud ? &w->ah->attr : &from->ah;

	if (to == NULL || to->port == 0 || f->devices[to->device].dead ||
		(to->state != IBV_QPS_RTR && to->state != IBV_QPS_RTS && to->state != IBV_QPS_SQD) ||
		!leads(ct_fake_port(f, from), ct_fake_port(f, to), ah))
		return NULL;
	if (ud)
		return to->type == IBV_QPT_UD && to->qkey == w->qkey ? to : NULL;
	return connected(f, from, to) ? to : NULL;
}

/* ---- bytes --------------------------------------------------------------------------------- */

static void copy(struct fake_pieces *to, const struct fake_pieces *from, uint64_t bytes)
{
	uint32_t i = 0, j = 0;
	size_t at = 0, done = 0;

	while (bytes > 0 && i < from->n && j < to->n) {
		size_t n = from->at[i].iov_len - at, room = to->at[j].iov_len - done;

		if (n > room)
			n = room;
		if (n > bytes)
			n = bytes;
		memmove((char *)to->at[j].iov_base + done, (char *)from->at[i].iov_base + at, n);
		at += n;
		done += n;
		bytes -= n;
		if (at == from->at[i].iov_len)
			i++, at = 0;
		if (done == to->at[j].iov_len)
			j++, done = 0;
	}
}

static int failed(int32_t pid, int error)
{
	if (error != EPERM)
		return error == ESRCH ? ESRCH : EFAULT;
	fprintf(stderr, "fakeib: this process may not reach the memory of process %d (kernel.yama."
		"ptrace_scope, or another user)\n", (int)pid);
	return EFAULT;
}

int ct_fake_push(int32_t pid, const struct fake_pieces *from, struct fake_pieces *to)
{
	ssize_t n;

	if (pid == ct_fake_pid()) {
		copy(to, from, from->bytes);
		return 0;
	}
	if (from->bytes == 0)
		return kill(pid, 0) == 0 ? 0 : ESRCH;
	n = process_vm_writev(pid, from->at, from->n, to->at, to->n, 0);
	return n == (ssize_t)from->bytes ? 0 : failed(pid, n < 0 ? errno : EFAULT);
}

int ct_fake_pull(int32_t pid, struct fake_pieces *to, const struct fake_pieces *from)
{
	ssize_t n;

	if (pid == ct_fake_pid()) {
		copy(to, from, from->bytes);
		return 0;
	}
	if (from->bytes == 0)
		return kill(pid, 0) == 0 ? 0 : ESRCH;
	n = process_vm_readv(pid, to->at, to->n, from->at, from->n, 0);
	return n == (ssize_t)from->bytes ? 0 : failed(pid, n < 0 ? errno : EFAULT);
}
