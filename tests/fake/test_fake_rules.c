/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stand-in keeps the rules that a device keeps (InfiniBand Architecture Specification 1.4,
 * chapters 9 to 11, and the manual pages of libibverbs): a test that passes on it must mean something.
 * Both ends of each connection are in this process; the shell tests have them in two.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "fake.h"

enum { BYTES = 8192, DEPTH = 8, PATIENCE_S = 20 };

struct end {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	struct ibv_qp *qp;
	uint16_t lid;
	_Alignas(64) char memory[BYTES];
};

struct pair {
	struct end a, b;
};

static char dir[] = "/tmp/fakeib-rules-XXXXXX";

static const int rights = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ |
	IBV_ACCESS_REMOTE_ATOMIC;

static void open_end(struct end *e, int device)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_port_attr port;

	assert_non_null(list);
	e->context = ibv_open_device(list[device]);
	ibv_free_device_list(list);
	assert_non_null(e->context);
	e->pd = ibv_alloc_pd(e->context);
	e->cq = ibv_create_cq(e->context, 64, e, NULL, 0);
	e->mr = ibv_reg_mr(e->pd, e->memory, BYTES, rights);
	assert_non_null(e->mr);
	assert_int_equal(e->context->device->name[6], '0' + device);
	assert_int_equal(((struct verbs_context *)((char *)e->context - offsetof(struct verbs_context,
		context)))->query_port(e->context, 1, &port, sizeof(port)), 0);
	e->lid = port.lid;
}

static void make_qp(struct end *e, enum ibv_qp_type type, struct ibv_srq *srq)
{
	struct ibv_qp_init_attr init = { .send_cq = e->cq, .recv_cq = e->cq, .qp_type = type, .srq = srq,
		.cap = { DEPTH, DEPTH, 2, 2, 64 } };
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = 1, .qkey = 7,
		.qp_access_flags = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ |
		IBV_ACCESS_REMOTE_ATOMIC };

	e->qp = ibv_create_qp(e->pd, &init);
	assert_non_null(e->qp);
	assert_int_equal(ibv_modify_qp(e->qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
		(type == IBV_QPT_UD ? IBV_QP_QKEY : IBV_QP_ACCESS_FLAGS)), 0);
}

static void join(struct end *e, const struct end *to, enum ibv_mtu mtu, uint16_t lid)
{
	bool rc = e->qp->qp_type == IBV_QPT_RC, ud = e->qp->qp_type == IBV_QPT_UD;
	struct ibv_qp_attr hear = { .qp_state = IBV_QPS_RTR, .path_mtu = mtu, .rq_psn = 5,
		.dest_qp_num = to->qp->qp_num, .max_dest_rd_atomic = 1, .min_rnr_timer = 1,
		.ah_attr = { .dlid = lid, .port_num = 1 } };
	struct ibv_qp_attr say = { .qp_state = IBV_QPS_RTS, .timeout = 14, .retry_cnt = 1,
		.rnr_retry = 1, .sq_psn = 5, .max_rd_atomic = 1 };

	assert_int_equal(ibv_modify_qp(e->qp, &hear, ud ? IBV_QP_STATE : IBV_QP_STATE | IBV_QP_AV |
		IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | (rc ? IBV_QP_MAX_DEST_RD_ATOMIC |
		IBV_QP_MIN_RNR_TIMER : 0)), 0);
	assert_int_equal(ibv_modify_qp(e->qp, &say, IBV_QP_STATE | IBV_QP_SQ_PSN | (rc ? IBV_QP_TIMEOUT |
		IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC : 0)), 0);
}

static struct pair *blank(void)
{
	struct pair *p = aligned_alloc(64, sizeof(*p));

	assert_non_null(p);
	memset(p, 0, sizeof(*p));
	return p;
}

static struct pair *new_pair(enum ibv_qp_type type)
{
	struct pair *p = blank();

	open_end(&p->a, 0);
	open_end(&p->b, 1);
	make_qp(&p->a, type, NULL);
	make_qp(&p->b, type, NULL);
	join(&p->a, &p->b, IBV_MTU_1024, p->b.lid);
	join(&p->b, &p->a, IBV_MTU_1024, p->a.lid);
	return p;
}

static void close_end(struct end *e)
{
	if (e->qp != NULL)
		assert_int_equal(ibv_destroy_qp(e->qp), 0);
	assert_int_equal(ibv_dereg_mr(e->mr), 0);
	assert_int_equal(ibv_destroy_cq(e->cq), 0);
	assert_int_equal(ibv_dealloc_pd(e->pd), 0);
	assert_int_equal(ibv_close_device(e->context), 0);
}

static void free_pair(struct pair *p)
{
	close_end(&p->a);
	close_end(&p->b);
	free(p);
}

static int post(struct end *e, enum ibv_wr_opcode opcode, const struct end *to, uint32_t n, unsigned flags)
{
	struct ibv_sge sge = { (uintptr_t)e->memory, n, e->mr->lkey };
	struct ibv_send_wr *bad, wr = { .wr_id = 100 + opcode, .sg_list = &sge, .num_sge = 1,
		.opcode = opcode, .send_flags = flags, .imm_data = 0x11223344 };

	if (opcode == IBV_WR_ATOMIC_FETCH_AND_ADD || opcode == IBV_WR_ATOMIC_CMP_AND_SWP) {
		wr.wr.atomic.remote_addr = (uintptr_t)to->memory;
		wr.wr.atomic.rkey = to->mr->rkey;
		wr.wr.atomic.compare_add = 3;
		wr.wr.atomic.swap = 77;
	} else if (to != NULL) {
		wr.wr.rdma.remote_addr = (uintptr_t)to->memory;
		wr.wr.rdma.rkey = to->mr->rkey;
	}
	return ibv_post_send(e->qp, &wr, &bad);
}

static void receive(struct end *e, uint32_t n)
{
	struct ibv_sge sge = { (uintptr_t)e->memory, n, e->mr->lkey };
	struct ibv_recv_wr *bad, wr = { .wr_id = 7, .sg_list = &sge, .num_sge = 1 };

	assert_int_equal(ibv_post_recv(e->qp, &wr, &bad), 0);
}

/* The next completion, which must have STATUS. */
static struct ibv_wc done(struct end *e, enum ibv_wc_status status)
{
	int64_t until = ct_fake_now() + PATIENCE_S * INT64_C(1000000000);
	struct ibv_wc wc = { 0 };
	int n = 0;

	while (n == 0 && ct_fake_now() < until)
		n = ibv_poll_cq(e->cq, 1, &wc);
	assert_int_equal(n, 1);
	assert_int_equal(wc.status, status);
	return wc;
}

static void nothing_done(struct end *e)
{
	struct ibv_wc wc;

	assert_int_equal(ibv_poll_cq(e->cq, 1, &wc), 0);
}

static void event_is(struct end *e, enum ibv_event_type type)
{
	struct ibv_async_event event;

	assert_int_equal(ibv_get_async_event(e->context, &event), 0);
	assert_int_equal(event.event_type, type);
	ibv_ack_async_event(&event);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void test_operations(void **state)
{
	struct pair *p = new_pair(IBV_QPT_RC);
	uint64_t *there = (uint64_t *)p->b.memory, *here = (uint64_t *)p->a.memory;
	struct ibv_wc wc;

	(void)state;
	memset(p->a.memory, 'x', BYTES);
	receive(&p->b, BYTES);
	assert_int_equal(post(&p->a, IBV_WR_SEND_WITH_IMM, NULL, 3000, IBV_SEND_SIGNALED), 0);
	assert_int_equal(done(&p->a, IBV_WC_SUCCESS).opcode, IBV_WC_SEND);
	wc = done(&p->b, IBV_WC_SUCCESS);
	assert_int_equal(wc.byte_len, 3000);
	assert_int_equal(wc.wr_id, 7);
	assert_int_equal(wc.imm_data, 0x11223344);
	assert_int_equal(wc.wc_flags & IBV_WC_WITH_IMM, IBV_WC_WITH_IMM);
	assert_int_equal(wc.slid, p->a.lid);
	assert_memory_equal(p->b.memory, p->a.memory, 3000);
	assert_int_equal(p->b.memory[3000], 0);

	receive(&p->b, 0);
	memset(p->a.memory, 'y', BYTES);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE_WITH_IMM, &p->b, BYTES, IBV_SEND_SIGNALED), 0);
	assert_int_equal(done(&p->a, IBV_WC_SUCCESS).opcode, IBV_WC_RDMA_WRITE);
	wc = done(&p->b, IBV_WC_SUCCESS);
	assert_int_equal(wc.opcode, IBV_WC_RECV_RDMA_WITH_IMM);
	assert_int_equal(wc.byte_len, BYTES);
	assert_memory_equal(p->b.memory, p->a.memory, BYTES);

	memset(p->b.memory, 'z', BYTES);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_READ, &p->b, 5000, IBV_SEND_SIGNALED), 0);
	assert_int_equal(done(&p->a, IBV_WC_SUCCESS).opcode, IBV_WC_RDMA_READ);
	assert_memory_equal(p->a.memory, p->b.memory, 5000);
	assert_int_equal(p->a.memory[5000], 'y');

	*there = 3;
	assert_int_equal(post(&p->a, IBV_WR_ATOMIC_FETCH_AND_ADD, &p->b, 8, IBV_SEND_SIGNALED), 0);
	assert_int_equal(done(&p->a, IBV_WC_SUCCESS).opcode, IBV_WC_FETCH_ADD);
	assert_true(*here == 3 && *there == 6);
	assert_int_equal(post(&p->a, IBV_WR_ATOMIC_CMP_AND_SWP, &p->b, 8, IBV_SEND_SIGNALED), 0);
	assert_int_equal(done(&p->a, IBV_WC_SUCCESS).opcode, IBV_WC_COMP_SWAP);
	assert_true(*here == 6 && *there == 6);
	*there = 3;
	assert_int_equal(post(&p->a, IBV_WR_ATOMIC_CMP_AND_SWP, &p->b, 8, IBV_SEND_SIGNALED), 0);
	(void)done(&p->a, IBV_WC_SUCCESS);
	assert_true(*here == 3 && *there == 77);
	free_pair(p);
}

static void test_send_queue(void **state)
{
	struct pair *p = new_pair(IBV_QPT_RC);

	(void)state;
	strcpy(p->a.memory, "inline");
	for (int i = 0; i < DEPTH - 1; i++)
		assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 7, IBV_SEND_INLINE), 0);
	nothing_done(&p->a);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 65, IBV_SEND_INLINE), ENOMEM);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 7, IBV_SEND_SIGNALED), 0);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 7, 0), ENOMEM);
	(void)done(&p->a, IBV_WC_SUCCESS);
	nothing_done(&p->a);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 7, 0), 0);
	assert_string_equal(p->b.memory, "inline");
	free_pair(p);
}

/* Without a receive the message waits, then either arrives or fails. */
static void test_receiver_not_ready(void **state)
{
	struct pair *p = new_pair(IBV_QPT_RC);

	(void)state;
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 10, IBV_SEND_SIGNALED), 0);
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 10, 0), 0);
	assert_int_equal(done(&p->a, IBV_WC_RNR_RETRY_EXC_ERR).vendor_err, 0xfa0d);
	(void)done(&p->a, IBV_WC_WR_FLUSH_ERR);
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 10, 0), 0);
	(void)done(&p->a, IBV_WC_WR_FLUSH_ERR);
	free_pair(p);
	p = new_pair(IBV_QPT_RC);
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 10, IBV_SEND_SIGNALED), 0);
	receive(&p->b, 10);
	(void)done(&p->a, IBV_WC_SUCCESS);
	free_pair(p);
}

static void test_receiver_refuses(void **state)
{
	struct pair *p = new_pair(IBV_QPT_RC);
	uint32_t lkey;

	(void)state;
	receive(&p->b, 10);
	receive(&p->b, 10);
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 11, 0), 0);
	(void)done(&p->a, IBV_WC_REM_INV_REQ_ERR);
	(void)done(&p->b, IBV_WC_LOC_LEN_ERR);
	(void)done(&p->b, IBV_WC_WR_FLUSH_ERR);
	free_pair(p);

	p = new_pair(IBV_QPT_RC);
	lkey = p->b.mr->lkey;
	p->b.mr->lkey += 1 << 8;
	receive(&p->b, 10);
	p->b.mr->lkey = lkey;
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 10, 0), 0);
	(void)done(&p->a, IBV_WC_REM_OP_ERR);
	(void)done(&p->b, IBV_WC_LOC_PROT_ERR);
	free_pair(p);
}

static void test_rights(void **state)
{
	struct pair *p = new_pair(IBV_QPT_RC);
	struct ibv_mr *plain;

	(void)state;
	assert_null(ibv_reg_mr(p->a.pd, p->a.memory, 8, IBV_ACCESS_REMOTE_WRITE));
	plain = ibv_reg_mr(p->b.pd, p->b.memory, BYTES, IBV_ACCESS_LOCAL_WRITE);
	assert_non_null(plain);
	assert_int_equal(ibv_dereg_mr(p->b.mr), 0);
	p->b.mr = plain;
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 8, 0), 0);
	(void)done(&p->a, IBV_WC_REM_ACCESS_ERR);
	event_is(&p->b, IBV_EVENT_QP_ACCESS_ERR);
	free_pair(p);

	p = new_pair(IBV_QPT_RC);
	p->b.mr->rkey ^= 1;
	assert_int_equal(post(&p->a, IBV_WR_RDMA_READ, &p->b, 8, 0), 0);
	(void)done(&p->a, IBV_WC_REM_ACCESS_ERR);
	free_pair(p);

	p = new_pair(IBV_QPT_RC);
	p->a.mr->lkey ^= 1;
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 8, 0), 0);
	(void)done(&p->a, IBV_WC_LOC_PROT_ERR);
	free_pair(p);
}

static void happen(enum fake_act act, uint32_t device, uint32_t value)
{
	struct fake_fabric *f = ct_fake_fabric();

	ct_fake_lock(f);
	ct_fake_happen(f, &(struct fake_happening){ act, device, 1, value });
	ct_fake_unlock(f);
}

static void test_nobody_answers(void **state)
{
	struct pair *p = new_pair(IBV_QPT_RC);

	(void)state;
	happen(FAKE_STATE, 1, IBV_PORT_DOWN);
	event_is(&p->b, IBV_EVENT_PORT_ERR);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 8, 0), 0);
	happen(FAKE_STATE, 1, IBV_PORT_ACTIVE);
	event_is(&p->b, IBV_EVENT_PORT_ACTIVE);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 8, IBV_SEND_SIGNALED), 0);
	(void)done(&p->a, IBV_WC_SUCCESS); /* it was back within the retries */

	happen(FAKE_LID, 1, 99);
	event_is(&p->b, IBV_EVENT_LID_CHANGE);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 8, 0), 0);
	(void)done(&p->a, IBV_WC_RETRY_EXC_ERR);
	happen(FAKE_LID, 1, p->b.lid);
	free_pair(p);

	p = new_pair(IBV_QPT_RC);
	assert_int_equal(ibv_destroy_qp(p->b.qp), 0);
	p->b.qp = NULL;
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 8, 0), 0);
	(void)done(&p->a, IBV_WC_RETRY_EXC_ERR);
	free_pair(p);
}

static void test_unequal_mtu(void **state)
{
	struct pair *p = blank();

	(void)state;
	open_end(&p->a, 0);
	open_end(&p->b, 1);
	make_qp(&p->a, IBV_QPT_RC, NULL);
	make_qp(&p->b, IBV_QPT_RC, NULL);
	join(&p->a, &p->b, IBV_MTU_1024, p->b.lid);
	join(&p->b, &p->a, IBV_MTU_512, p->a.lid);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 512, IBV_SEND_SIGNALED), 0);
	(void)done(&p->a, IBV_WC_SUCCESS);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_WRITE, &p->b, 513, 0), 0);
	(void)done(&p->a, IBV_WC_REM_INV_REQ_ERR);
	event_is(&p->b, IBV_EVENT_QP_REQ_ERR);
	free_pair(p);
}

static void test_unreliable(void **state)
{
	struct pair *p = new_pair(IBV_QPT_UC);

	(void)state;
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 8, IBV_SEND_SIGNALED), 0);
	(void)done(&p->a, IBV_WC_SUCCESS);
	nothing_done(&p->b);
	receive(&p->b, 8);
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 8, 0), 0);
	(void)done(&p->b, IBV_WC_SUCCESS);
	assert_int_equal(post(&p->a, IBV_WR_RDMA_READ, &p->b, 8, 0), EINVAL);
	free_pair(p);
}

static void test_datagrams(void **state)
{
	struct pair *p = new_pair(IBV_QPT_UD);
	struct ibv_ah_attr attr = { .dlid = p->b.lid, .port_num = 1 };
	struct ibv_ah *ah = ibv_create_ah(p->a.pd, &attr);
	struct ibv_sge sge = { (uintptr_t)p->a.memory, 100, p->a.mr->lkey };
	struct ibv_send_wr *bad, wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED, .wr.ud = { ah, p->b.qp->qp_num, 7 } };
	struct ibv_wc wc;

	(void)state;
	assert_non_null(ah);
	memset(p->a.memory, 'd', 100);
	receive(&p->b, 140);
	assert_int_equal(ibv_post_send(p->a.qp, &wr, &bad), 0);
	(void)done(&p->a, IBV_WC_SUCCESS);
	wc = done(&p->b, IBV_WC_SUCCESS);
	assert_int_equal(wc.byte_len, 140);
	assert_int_equal(wc.src_qp, p->a.qp->qp_num);
	assert_int_equal(wc.slid, p->a.lid);
	assert_memory_equal(p->b.memory + 40, p->a.memory, 100);

	receive(&p->b, 140);
	wr.wr.ud.remote_qkey = 8; /* wrong: dropped, and nobody is told */
	assert_int_equal(ibv_post_send(p->a.qp, &wr, &bad), 0);
	(void)done(&p->a, IBV_WC_SUCCESS);
	nothing_done(&p->b);
	sge.length = 4097;
	assert_int_equal(ibv_post_send(p->a.qp, &wr, &bad), 0);
	(void)done(&p->a, IBV_WC_LOC_LEN_ERR);
	assert_int_equal(ibv_destroy_ah(ah), 0);
	free_pair(p);
}

static void test_shared_receives(void **state)
{
	struct pair *p = blank();
	struct ibv_srq_init_attr init = { .attr = { 4, 1, 0 } };
	struct ibv_srq_attr limit = { .srq_limit = 2 };
	struct ibv_recv_wr *bad, wr = { .wr_id = 9 };
	struct ibv_srq *srq;

	(void)state;
	open_end(&p->a, 0);
	open_end(&p->b, 1);
	srq = ibv_create_srq(p->b.pd, &init);
	assert_non_null(srq);
	make_qp(&p->a, IBV_QPT_RC, NULL);
	make_qp(&p->b, IBV_QPT_RC, srq);
	join(&p->a, &p->b, IBV_MTU_1024, p->b.lid);
	join(&p->b, &p->a, IBV_MTU_1024, p->a.lid);
	assert_int_equal(ibv_modify_srq(srq, &limit, IBV_SRQ_LIMIT), 0);
	assert_int_equal(ibv_post_srq_recv(srq, &wr, &bad), 0);
	assert_int_equal(ibv_post_srq_recv(srq, &wr, &bad), 0);
	assert_int_equal(ibv_post_recv(p->b.qp, &wr, &bad), EINVAL);
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 0, 0), 0);
	assert_int_equal(done(&p->b, IBV_WC_SUCCESS).wr_id, 9);
	event_is(&p->b, IBV_EVENT_SRQ_LIMIT_REACHED);
	assert_int_equal(ibv_destroy_srq(srq), EBUSY);
	happen(FAKE_QP_FATAL, 1, 0);
	event_is(&p->b, IBV_EVENT_QP_FATAL);
	event_is(&p->b, IBV_EVENT_QP_LAST_WQE_REACHED);
	assert_int_equal(ibv_destroy_qp(p->b.qp), 0);
	p->b.qp = NULL;
	assert_int_equal(ibv_destroy_srq(srq), 0);
	free_pair(p);
}

static void test_completion_events(void **state)
{
	struct pair *p = blank();
	struct ibv_comp_channel *channel;
	struct ibv_cq *cq;
	void *context;

	(void)state;
	open_end(&p->a, 0);
	open_end(&p->b, 1);
	channel = ibv_create_comp_channel(p->b.context);
	assert_non_null(channel);
	assert_int_equal(ibv_destroy_cq(p->b.cq), 0);
	p->b.cq = ibv_create_cq(p->b.context, 16, &p->b, channel, 0);
	make_qp(&p->a, IBV_QPT_RC, NULL);
	make_qp(&p->b, IBV_QPT_RC, NULL);
	join(&p->a, &p->b, IBV_MTU_1024, p->b.lid);
	join(&p->b, &p->a, IBV_MTU_1024, p->a.lid);
	receive(&p->b, 8);
	receive(&p->b, 8);
	assert_int_equal(ibv_req_notify_cq(p->b.cq, 1), 0);
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 8, 0), 0); /* not solicited: no event */
	assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 8, IBV_SEND_SOLICITED), 0);
	assert_int_equal(ibv_get_cq_event(channel, &cq, &context), 0);
	assert_ptr_equal(cq, p->b.cq);
	assert_ptr_equal(context, &p->b);
	ibv_ack_cq_events(cq, 1);
	(void)done(&p->b, IBV_WC_SUCCESS);
	(void)done(&p->b, IBV_WC_SUCCESS);
	free_pair(p);
	(void)channel; /* closing its device removed its FIFO; the descriptor stays open */
}

static void test_limits(void **state)
{
	struct pair *p = new_pair(IBV_QPT_RC);
	struct ibv_qp_init_attr init = { .send_cq = p->a.cq, .recv_cq = p->a.cq,
		.qp_type = IBV_QPT_RC, .cap = { DEPTH, DEPTH, 1, 1, 0 } };
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RTS };
	struct ibv_qp *qp[8] = { NULL };
	struct ibv_wc wc;
	int n = 0;

	(void)state;
	while (n < 8 && (qp[n] = ibv_create_qp(p->a.pd, &init)) != NULL)
		n++;
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(n, 2); /* max_qp=3, one is there */
	assert_int_equal(ibv_modify_qp(qp[0], &attr, IBV_QP_STATE), EINVAL);
	while (n-- > 0)
		assert_int_equal(ibv_destroy_qp(qp[n]), 0);
	init.cap.max_send_wr = 1 << 20;
	assert_null(ibv_create_qp(p->a.pd, &init));
	assert_int_equal(errno, EINVAL);
	assert_null(ibv_create_cq(p->a.context, 1 << 23, NULL, NULL, 0));

	/* One completion more than the queue holds. */
	for (int i = 0; i < 65; i++) {
		receive(&p->b, 1);
		assert_int_equal(post(&p->a, IBV_WR_SEND, NULL, 1, IBV_SEND_SIGNALED), 0);
		(void)done(&p->a, IBV_WC_SUCCESS);
	}
	event_is(&p->b, IBV_EVENT_CQ_ERR);
	assert_int_equal(ibv_poll_cq(p->b.cq, 1, &wc), -1);
	free_pair(p);
}

/* fakeib-ctl's faults, and the functions of ibv_qp_ex. */
static void test_faults(void **state)
{
	struct pair *p = new_pair(IBV_QPT_RC);
	struct ibv_qp_ex *ex = ibv_qp_to_qp_ex(p->a.qp);
	struct fake_fabric *f = ct_fake_fabric();

	(void)state;
	f->faults[3] = (struct fake_fault){ .what = { FAKE_STATUS, FAKE_DEVICES, 0, IBV_WC_TM_ERR },
		.live = 1, .side = FAKE_SEND, .vendor = 0x81, .countdown = 2 };
	f->nfaults = 1;
	for (int i = 0; i < 3; i++) {
		ibv_wr_start(ex);
		ex->wr_id = (uint64_t)i;
		ex->wr_flags = IBV_SEND_SIGNALED;
		ibv_wr_rdma_write(ex, p->b.mr->rkey, (uintptr_t)p->b.memory);
		ibv_wr_set_sge(ex, p->a.mr->lkey, (uintptr_t)p->a.memory, 8);
		assert_int_equal(ibv_wr_complete(ex), 0);
	}
	(void)done(&p->a, IBV_WC_SUCCESS);
	assert_int_equal(done(&p->a, IBV_WC_TM_ERR).vendor_err, 0x81);
	assert_int_equal(done(&p->a, IBV_WC_WR_FLUSH_ERR).wr_id, 2);
	free_pair(p);
}

static int make_fabric(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	setenv("FAKEIB_DIR", dir, 1);
	setenv("FAKEIB", "devices=2 timeouts=0.2, fakeib0.max_qp=3", 1);
	return ct_fake_fabric() == NULL ? -1 : 0;
}

static int remove_fabric(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void test_description(void **state)
{
	static const char *const bad[] = { "devices=9", "fakeib1.mtu=1000", "lid", "state=up", "nonsense=1",
		"mlx5_0.lid=3", "fakeib1:9.lid=3", "max_qp=-1", "timeouts=0" };
	struct fake_fabric *f = calloc(1, sizeof(*f));
	char why[200];

	(void)state;
	assert_non_null(f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ct_fake_spec(f, bad[i], why, sizeof(why)));
	assert_true(ct_fake_spec(f, "devices=2,ports=2 lid=5 fakeib1:2.lid=0x11  fakeib0.state=down", why,
		sizeof(why)));
	assert_int_equal(f->devices[0].ports[1].lid, 5);
	assert_int_equal(f->devices[1].ports[1].lid, 17);
	assert_int_equal(f->devices[0].ports[0].state, IBV_PORT_DOWN);
	assert_int_equal(f->devices[1].ports[0].state, IBV_PORT_ACTIVE);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_description),
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_send_queue),
		cmocka_unit_test(test_receiver_not_ready),
		cmocka_unit_test(test_receiver_refuses),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_nobody_answers),
		cmocka_unit_test(test_unequal_mtu),
		cmocka_unit_test(test_unreliable),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_shared_receives),
		cmocka_unit_test(test_completion_events),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests_name("fake_rules", tests, make_fabric, remove_fabric);
}
