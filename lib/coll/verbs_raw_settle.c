/* SPDX-License-Identifier: BSD-3-Clause */
/* What partners do after each start of the row "verbs", untimed, over their control queue pairs. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "verbs_raw.h"

enum { YIELD_EVERY = 64, AWAKE_NS = 500000, MOST_NAP_NS = 10000000 };

/* wr_id of control queue pairs: peer in the upper half. */
enum { HEARD = 0, SENT = 1u << 31, BROUGHT = 1u << 30 };

/* What a notice says. */
struct notice {
	uint64_t number; /* of notices so far */
	uint8_t last_byte, reserved[7];
};
_Static_assert(sizeof(struct notice) == CT_RAW_NOTICE, "a notice fills its place");

static struct notice *place(const struct ct_raw_req *req, uint32_t peer, uint32_t slot)
{
	return (void *)(req->own + CT_RAW_NOTICES_AT +
		((size_t)peer * CT_RAW_NOTICES + slot) * CT_RAW_NOTICE);
}

static ct_status refused(const struct ct_raw_req *req, uint32_t peer, int error)
{
	return ct_fail(CT_IO,
		"verbs: %s port %u, control of rank %u: the device takes no request: %s",
		req->row->dev.name, req->row->dev.port, req->peers[peer].rank, strerror(error));
}

static ct_status listen_to(struct ct_raw_req *req, uint32_t peer, uint32_t slot)
{
	struct ibv_sge piece = { (uintptr_t)place(req, peer, slot), CT_RAW_NOTICE,
		req->own_mr->lkey };
	struct ibv_recv_wr *bad, wr = { .wr_id = ct_raw_id(peer, HEARD | slot), .sg_list = &piece,
		.num_sge = 1 };
	int error = ibv_post_recv(req->peers[peer].control, &wr, &bad);

	return error == 0 ? CT_OK : refused(req, peer, error);
}

ct_status ct_raw_notices(struct ct_raw_req *req)
{
	ct_status status = CT_OK;

	for (uint32_t p = 0; p < req->npeers; p++)
		for (uint32_t slot = 0; slot < CT_RAW_NOTICES && status == CT_OK; slot++)
			status = listen_to(req, p, slot);
	return status;
}

static ct_status tell(struct ct_raw_req *req, uint32_t peer)
{
	struct ibv_sge piece = { (uintptr_t)req->own + CT_RAW_NOTICE_AT, CT_RAW_NOTICE,
		req->own_mr->lkey };
	struct ibv_send_wr *bad,
		wr = { .wr_id = ct_raw_id(peer, SENT),
			.sg_list = &piece,
			.num_sge = 1,
			.opcode = IBV_WR_SEND,
			.send_flags = IBV_SEND_SIGNALED };
	int error = ibv_post_send(req->peers[peer].control, &wr, &bad);

	req->sending += error == 0;
	return error == 0 ? CT_OK : refused(req, peer, error);
}

/* The partner's message, where no timed operation carries it here. */
static ct_status bring(struct ct_raw_req *req, uint32_t peer)
{
	const struct ct_raw_card *card = ct_raw_card_of(req, req->peers[peer].rank);
	struct ibv_sge piece = { (uintptr_t)req->desc.recv, (uint32_t)req->bytes,
		req->recv_mr->lkey };
	struct ibv_send_wr *bad, wr = { .wr_id = ct_raw_id(peer, BROUGHT), .sg_list = &piece,
		.num_sge = 1, .opcode = IBV_WR_RDMA_READ, .send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { card->send, card->send_key } };
	int error = ibv_post_send(req->peers[peer].control, &wr, &bad);

	req->sending += error == 0;
	return error == 0 ? CT_OK : refused(req, peer, error);
}

/* Takes in what has happened on the control queue pairs. */
static ct_status attend(struct ct_raw_req *req)
{
	struct ibv_wc wc[CT_RAW_REAP];
	int n = ibv_poll_cq(req->control_cq, CT_RAW_REAP, wc);
	ct_status status = n >= 0 ?
		CT_OK :
		ct_fail(CT_IO, "verbs: %s: the completion queue fails (%d)", req->row->dev.name, n);

	for (int i = 0; i < n && status == CT_OK; i++) {
		uint32_t peer = (uint32_t)(wc[i].wr_id >> 32), what = (uint32_t)wc[i].wr_id;
		struct ibv_wc told = wc[i];

		told.wr_id = ct_raw_id(peer * req->qps, 0); /* a lane of that peer */
		if (wc[i].status != IBV_WC_SUCCESS)
			return ct_raw_failed(req, &told);
		if ((what & (SENT | BROUGHT)) != 0) {
			req->sending--;
			continue;
		}
		if (wc[i].byte_len != CT_RAW_NOTICE)
			return ct_fail(CT_PEER, "verbs: a notice of rank %u has %u bytes",
				req->peers[peer].rank, wc[i].byte_len);
		req->peers[peer].heard++;
		req->peers[peer].last_byte = place(req, peer, what)->last_byte;
		status = listen_to(req, peer, what);
	}
	return status;
}

bool ct_raw_left_alone(struct ct_raw_req *req)
{
	if (attend(req) != CT_OK)
		return true;
	for (uint32_t p = 0; p < req->npeers; p++)
		if (req->peers[p].heard <= req->notices)
			return false;
	return true;
}

/* There may be more ranks than processors; and who has nothing to do in the timed part waits here all
 * through the partner's, whose processor and memory it must not take (perftest's target sleeps too):
 * where that lasts, it naps for half of what it has waited already. */
static void let_others_run(const struct ct_raw_req *req, uint64_t began_ns)
{
	uint64_t waited = ct_now_ns() - began_ns;
	struct timespec nap = { .tv_nsec = waited / 2 < MOST_NAP_NS ? (long)(waited / 2) : MOST_NAP_NS };

	if (req->run == NULL && waited > AWAKE_NS)
		(void)nanosleep(&nap, NULL);
	else
		sched_yield();
}

static ct_status await(struct ct_raw_req *req, uint64_t notices)
{
	struct ct_deadline by = ct_deadline_in(req->row->timeout_ns);
	uint64_t began_ns = ct_now_ns();

	for (unsigned turn = 1;; turn++) {
		ct_status status = attend(req);
		bool there = req->sending == 0;
		uint32_t p;

		for (p = 0; p < req->npeers && req->peers[p].heard >= notices; p++)
			continue;
		if (status != CT_OK || (there && p == req->npeers))
			return status;
		if (turn % YIELD_EVERY != 0)
			continue;
		let_others_run(req, began_ns);
		if (ct_deadline_passed(by))
			return ct_fail(CT_TIMEOUT, "verbs: rank %u has not settled %s in time",
				req->peers[p < req->npeers ? p : 0].rank, req->kind->name);
	}
}

static ct_status round_of_notices(struct ct_raw_req *req)
{
	struct notice *mine = (void *)(req->own + CT_RAW_NOTICE_AT);
	ct_status status = CT_OK;

	mine->number = req->notices + 1;
	mine->last_byte = req->flag_out != NULL ? *req->flag_out : 0;
	for (uint32_t p = 0; p < req->npeers && status == CT_OK; p++)
		status = tell(req, p);
	if (status == CT_OK)
		status = await(req, req->notices + 1);
	req->notices++;
	return status;
}

/* Does this rank get data by the pattern? */
static bool gets(const struct ct_raw_req *req)
{
	return req->desc.coll != CT_P2P_ONEWAY ||
		req->row->world->rank > req->desc.partner[req->row->world->rank];
}

static ct_status give_back_receives(struct ct_raw_req *req)
{
	ct_status status = CT_OK;

	for (uint32_t i = 0; req->hears && i < req->nlanes && status == CT_OK; i++)
		status = ct_raw_receive(req, &req->lanes[i], req->lanes[i].owed);
	return status;
}

ct_status ct_raw_settle(struct ct_raw_req *req)
{
	bool atomic = req->kind->verb > CT_RAW_READ;
	ct_status status = round_of_notices(req);

	if (status == CT_OK && req->kind->verb >= CT_RAW_READ) {
		/* only now does nobody measure any more */
		if (gets(req) && (atomic || !req->issues))
			status = bring(req, 0);
		if (status == CT_OK)
			status = await(req, req->notices);
		if (status == CT_OK)
			status = round_of_notices(req);
	}
	if (status == CT_OK && req->flag_in != NULL) {
		memcpy(req->desc.recv, req->landing, req->bytes - 1);
		((uint8_t *)req->desc.recv)[req->bytes - 1] = req->peers[0].last_byte;
	}
	return status == CT_OK ? give_back_receives(req) : status;
}
