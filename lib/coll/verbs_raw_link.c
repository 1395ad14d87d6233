/* SPDX-License-Identifier: BSD-3-Clause */
/* Queue pairs, memory and work requests of the row "verbs": everything that is done once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "verbs_raw.h"

/* As the transport's (net/verbs_link.c): 1.07 s, 1 + 6 times, since soft RoCE takes 7 for "without
 * end"; receives may be late for ever. */
enum { ACK_TIMEOUT = 18, RETRIES = 6, RNR_FOREVER = 7, RNR_TIMER = 12, HOPS = 64 };

static const uint32_t ud_key = 0x11111111; /* any; both ends must name the same */

/* ---- what a failure means -------------------------------------------------------------------- */

static const struct ct_raw_peer *peer_of(const struct ct_raw_req *req, uint64_t id)
{
	uint32_t lane = (uint32_t)(id >> 32);

	return &req->peers[lane < req->nlanes ? req->lanes[lane].peer : 0];
}

ct_status ct_raw_failed(const struct ct_raw_req *req, const struct ibv_wc *wc)
{
	uint32_t rank = peer_of(req, wc->wr_id)->rank;
	ct_status as;
	const char *likely = ct_rdma_cause(wc->status, &as);

	return ct_fail(as, "verbs: %s port %u, %s to rank %u on %s (QP %u): %s (status %d, vendor "
		"syndrome 0x%x): %s", req->row->dev.name, req->row->dev.port, req->kind->name, rank,
		ct_raw_card_of(req, rank)->device, wc->qp_num, ibv_wc_status_str(wc->status),
		(int)wc->status, wc->vendor_err, likely);
}

ct_status ct_raw_refused(const struct ct_raw_req *req, const struct ct_raw_lane *lane, int error)
{
	return ct_fail(CT_IO,
		"verbs: %s port %u, %s to rank %u (QP %u): the device takes no request: %s",
		req->row->dev.name, req->row->dev.port, req->kind->name,
		req->peers[lane->peer].rank, lane->qp->qp_num, strerror(error));
}

static ct_status lacks(const struct ct_raw_req *req, const char *what)
{
	return ct_fail(errno == ENOMEM ? CT_NOMEM : CT_IO,
		"verbs: device %s gives no %s (%u queue pairs with %u + %u requests each): %s",
		req->row->dev.name, what, req->nlanes, req->depth, req->rx_depth, strerror(errno));
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* MEM (may be NULL) holds DATA. */
static ct_status reg_mem(const struct ct_raw_req *req, const struct ct_mem *mem, void *data,
	uint64_t bytes, struct ibv_mr **mr)
{
	struct ct_rdma_memory m = { data, bytes, 0, -1, NULL };
	char why[200];
	ct_status status;
	int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;

	if (req->kind->verb == CT_RAW_FETCH_ADD || req->kind->verb == CT_RAW_CMP_SWAP)
		access |= IBV_ACCESS_REMOTE_ATOMIC;
	if (req->row->set.relaxed_ordering)
		access |= IBV_ACCESS_RELAXED_ORDERING;
	if (!ct_mem_is_host(mem) && ct_mem_dmabuf(mem, data, &m.fd, &m.offset) != CT_OK) {
		snprintf(why, sizeof(why), "%s", ct_why());
		m.fd_why = why;
	}
	status = ct_rdma_reg(&req->row->dev, req->row->pd, &m, access, mr);
	if (m.fd >= 0)
		(void)close(m.fd); /* the registration holds what it needs */
	return status;
}

static ct_status reg(const struct ct_raw_req *req, void *data, uint64_t bytes, struct ibv_mr **mr)
{
	return reg_mem(req, NULL, data, bytes, mr);
}

/* own: the word that peers add to, the result of our atomics, a notice to send, notices that come,
 * and what datagrams bring along. */
enum { WORD_AT = 0, RESULT_AT = 64, GRH_AT = 192 };

static ct_status make_landing(struct ct_raw_req *req)
{
	bool flag = req->run == ct_raw_ping_pong_write;
	uint64_t bytes = flag	? req->bytes :
		req->npeers > 1 ? req->bytes * req->row->world->nranks :
				  0;

	if (bytes == 0)
		return CT_OK;
	req->landing = ct_alloc_pages(bytes);
	if (req->landing == NULL)
		return CT_NOMEM;
	memset(req->landing, 0, bytes);
	if (flag) {
		req->flag_in = (uint8_t *)req->landing + req->bytes - 1;
		req->flag_out = (uint8_t *)req->desc.send + req->bytes - 1;
		req->turn = 1; /* the first value, which fresh memory does not hold */
	}
	return reg(req, req->landing, bytes, &req->landing_mr);
}

static ct_status make_memory(struct ct_raw_req *req)
{
	ct_status status;

	req->own_bytes = CT_RAW_NOTICES_AT + (size_t)req->npeers * CT_RAW_NOTICES * CT_RAW_NOTICE;
	req->own = ct_alloc_pages(req->own_bytes);
	if (req->own == NULL)
		return CT_NOMEM;
	req->result = (uint64_t *)(void *)(req->own + RESULT_AT);
	status = reg(req, req->own, req->own_bytes, &req->own_mr);
	if (status == CT_OK)
		status =
			reg_mem(req, req->desc.send_mem, req->desc.send, req->bytes, &req->send_mr);
	if (status == CT_OK)
		status =
			reg_mem(req, req->desc.recv_mem, req->desc.recv, req->bytes, &req->recv_mr);
	return status == CT_OK ? make_landing(req) : status;
}

/* ---- queue pairs ----------------------------------------------------------------------------- */

static int qp_access(void)
{
	return IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC;
}

static ct_status make_ready(const struct ct_raw_req *req, struct ibv_qp *qp, enum ibv_qp_type type)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = req->row->dev.port,
		.qkey = ud_key };
	int mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT, error;

	mask |= type == IBV_QPT_UD ? IBV_QP_QKEY : IBV_QP_ACCESS_FLAGS;
	attr.qp_access_flags = type == IBV_QPT_UC ? IBV_ACCESS_REMOTE_WRITE : (unsigned)qp_access();
	error = ibv_modify_qp(qp, &attr, mask);
	return error == 0 ?
		CT_OK :
		ct_fail(CT_IO,
			"verbs: %s port %u: queue pair %u does not get ready: %s",
			req->row->dev.name, req->row->dev.port, qp->qp_num, strerror(error));
}

static ct_status make_control(struct ct_raw_req *req, struct ct_raw_peer *peer)
{
	struct ibv_qp_init_attr init = { .send_cq = req->control_cq, .recv_cq = req->control_cq,
		.qp_type = IBV_QPT_RC, .cap = { CT_RAW_NOTICES, CT_RAW_NOTICES, 1, 1, 0 } };

	peer->control = ibv_create_qp(req->row->pd, &init);
	return peer->control == NULL ? lacks(req, "control queue pair")
		: make_ready(req, peer->control, IBV_QPT_RC);
}

static ct_status make_lane(struct ct_raw_req *req, struct ct_raw_lane *lane)
{
	struct ibv_qp_init_attr init = { .send_cq = req->cq, .recv_cq = req->recv_cq,
		.qp_type = req->kind->type,
		.cap = { req->depth, req->rx_depth, 1, req->kind->type == IBV_QPT_UD ? 2 : 1,
			req->inline_bytes } };

	lane->qp = ibv_create_qp(req->row->pd, &init);
	if (lane->qp == NULL && req->inline_bytes > 0 && req->row->set.inline_bytes < 0) {
		init.cap.max_inline_data = req->inline_bytes = 0;
		lane->qp = ibv_create_qp(req->row->pd, &init);
	}
	return lane->qp == NULL ? lacks(req, "queue pair") :
				  make_ready(req, lane->qp, init.qp_type);
}

static ct_status make_queues(struct ct_raw_req *req)
{
	struct ibv_context *context = req->row->dev.context;
	ct_status status = CT_OK;

	req->cq = ibv_create_cq(context, (int)(req->nlanes * req->depth) + 1, NULL, NULL, 0);
	req->recv_cq = req->cq == NULL ? NULL
		: ibv_create_cq(context, (int)(req->nlanes * req->rx_depth) + 1, NULL, NULL, 0);
	req->control_cq = req->recv_cq == NULL ?
		NULL :
		ibv_create_cq(context, (int)(req->npeers * 2 * CT_RAW_NOTICES) + 1, NULL, NULL, 0);
	if (req->control_cq == NULL)
		return lacks(req, "completion queue");
	for (uint32_t i = 0; i < req->npeers && status == CT_OK; i++)
		status = make_control(req, &req->peers[i]);
	for (uint32_t i = 0; i < req->nlanes && status == CT_OK; i++)
		status = make_lane(req, &req->lanes[i]);
	return status;
}

/* ---- what the ranks tell each other ---------------------------------------------------------- */

static uint32_t *numbers_of(const struct ct_raw_card *card)
{
	return (uint32_t *)((uintptr_t)card + sizeof(*card));
}

static void fill_card(const struct ct_raw_req *req, struct ct_raw_card *card)
{
	const struct ct_raw *row = req->row;
	snprintf(card->device, sizeof(card->device), "%.31s", row->dev.name);
	card->lid = row->dev.port_attr.lid;
	memcpy(card->gid, row->dev.gid.raw, sizeof(card->gid));
	card->mtu = (uint8_t)row->mtu;
	card->reads =
		(uint8_t)(row->dev.attr.max_qp_rd_atom < 255 ? row->dev.attr.max_qp_rd_atom : 255);
	if (req->npeers == 0)
		return;
	card->send = (uintptr_t)req->desc.send;
	card->send_key = req->send_mr->rkey;
	card->recv = (uintptr_t)req->desc.recv;
	card->recv_key = req->recv_mr->rkey;
	card->landing = (uintptr_t)req->landing;
	card->landing_key = req->landing_mr != NULL ? req->landing_mr->rkey : 0;
	card->word = (uintptr_t)req->own + WORD_AT;
	card->word_key = req->own_mr->rkey;
	for (uint32_t i = 0; i < req->npeers; i++) {
		uint32_t *n = numbers_of(card) + (size_t)req->peers[i].rank * (req->qps + 1);

		n[0] = req->peers[i].control->qp_num;
		for (uint32_t q = 0; q < req->qps; q++)
			n[1 + q] = req->lanes[i * req->qps + q].qp->qp_num;
	}
}

/* Collective, whatever STATUS is. */
static ct_status exchange(struct ct_raw_req *req, ct_status status)
{
	const struct ct_world *w = req->row->world;
	struct ct_raw_card *mine = NULL;

	req->card_bytes =
		(sizeof(*mine) + sizeof(uint32_t) * w->nranks * (req->qps + 1) + 7) & ~(size_t)7;
	mine = ct_alloc(1, req->card_bytes);
	req->cards = ct_alloc(w->nranks, req->card_bytes);
	status = ct_boot_agree(w->boot, mine == NULL || req->cards == NULL ? CT_NOMEM : status);
	if (status == CT_OK) {
		fill_card(req, mine);
		mine->psn = 0;
		(void)!getrandom(&mine->psn, 3, GRND_NONBLOCK); /* any number will do */
		status = w->boot->allgather(w->boot->ctx, mine, req->cards, req->card_bytes);
	}
	for (uint32_t r = 0; status == CT_OK && r < w->nranks; r++) {
		struct ct_raw_card *card = (struct ct_raw_card *)(uintptr_t)ct_raw_card_of(req, r);

		card->device[sizeof(card->device) - 1] = '\0';
		card->psn &= 0xffffff;
		if (card->mtu < IBV_MTU_256 || card->mtu > IBV_MTU_4096)
			card->mtu = IBV_MTU_256;
	}
	ct_free(mine);
	return status;
}

/* Packets of lane LANE to rank PEER, whose card is CARD. */
static struct ibv_ah_attr way_to(const struct ct_raw *row, const struct ct_raw_card *card, uint32_t peer,
	uint32_t lane)
{
	struct ibv_ah_attr ah = { .dlid = card->lid, .port_num = row->dev.port,
		.sl = (uint8_t)row->set.sl };

	if (row->dev.gid_index < 0)
		return ah;
	ah.is_global = 1;
	ah.grh.sgid_index = (uint8_t)row->dev.gid_index;
	ah.grh.hop_limit = HOPS;
	ah.grh.traffic_class = (uint8_t)row->set.tc;
	ah.grh.flow_label = ct_rdma_flow_label((uint64_t)row->set.flow_seed, row->world->rank, peer, lane);
	memcpy(ah.grh.dgid.raw, card->gid, sizeof(card->gid));
	return ah;
}

static uint8_t least(int a, int b)
{
	int n = a < b ? a : b;

	return (uint8_t)(n < 1 ? 1 : n > 255 ? 255 : n);
}

/* QP to queue pair LANE of rank RANK; 0 is the control pair. */
static ct_status join(const struct ct_raw_req *req, struct ibv_qp *qp, uint32_t rank, uint32_t lane)
{
	const struct ct_raw *row = req->row;
	const struct ct_raw_card *card = ct_raw_card_of(req, rank);
	uint32_t number = numbers_of(card)[(size_t)row->world->rank * (req->qps + 1) + lane];
	enum ibv_qp_type type = qp->qp_type;
	const struct ibv_device_attr *a = &row->dev.attr;
	uint32_t psn = ct_raw_card_of(req, row->world->rank)->psn;
	struct ibv_qp_attr hear = { .qp_state = IBV_QPS_RTR, .dest_qp_num = number,
		.rq_psn = card->psn, .max_dest_rd_atomic = least(a->max_qp_rd_atom, 255),
		.min_rnr_timer = RNR_TIMER, .ah_attr = way_to(row, card, rank, lane),
		.path_mtu = card->mtu < row->mtu ? (enum ibv_mtu)card->mtu : row->mtu };
	struct ibv_qp_attr say = { .qp_state = IBV_QPS_RTS,
		.timeout = ACK_TIMEOUT,
		.retry_cnt = RETRIES,
		.rnr_retry = RNR_FOREVER,
		.sq_psn = psn,
		.max_rd_atomic = least(a->max_qp_init_rd_atom, card->reads) };
	int to_hear = IBV_QP_STATE, to_say = IBV_QP_STATE | IBV_QP_SQ_PSN, error;

	if (type != IBV_QPT_UD)
		to_hear |= IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN;
	if (type == IBV_QPT_RC) {
		to_hear |= IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
		to_say |= IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
			IBV_QP_MAX_QP_RD_ATOMIC;
	}
	error = ibv_modify_qp(qp, &hear, to_hear);
	if (error == 0)
		error = ibv_modify_qp(qp, &say, to_say);
	return error == 0 ? CT_OK :
			    ct_fail(CT_PEER,
				    "verbs: %s port %u finds no way to %.31s (path MTU "
				    "%u): %s",
				    row->dev.name, row->dev.port, card->device,
				    128u << hear.path_mtu, strerror(error));
}

static ct_status connect_peer(struct ct_raw_req *req, uint32_t at)
{
	struct ct_raw_peer *peer = &req->peers[at];
	const struct ct_raw_card *card = ct_raw_card_of(req, peer->rank);
	struct ibv_ah_attr ah = way_to(req->row, card, peer->rank, 1);
	ct_status status = join(req, peer->control, peer->rank, 0);

	for (uint32_t q = 0; q < req->qps && status == CT_OK; q++)
		status = join(req, req->lanes[at * req->qps + q].qp, peer->rank, 1 + q);
	if (status != CT_OK || req->kind->type != IBV_QPT_UD)
		return status;
	peer->way = ibv_create_ah(req->row->pd, &ah);
	return peer->way != NULL ?
		CT_OK :
		ct_fail(CT_PEER, "verbs: %s port %u finds no way to %.31s: %s", req->row->dev.name,
			req->row->dev.port, card->device, strerror(errno));
}

/* ---- work requests --------------------------------------------------------------------------- */

/* Where at the peer the message of this rank belongs. */
static void aim_write(const struct ct_raw_req *req, uint32_t rank, struct ibv_send_wr *wr)
{
	const struct ct_raw_card *card = ct_raw_card_of(req, rank);
	uint32_t me = req->row->world->rank;
	bool flag = req->run == ct_raw_ping_pong_write;

	wr->wr.rdma.remote_addr = card->recv;
	wr->wr.rdma.rkey = card->recv_key;
	if (!flag && req->desc.partner[rank] == me)
		return;
	wr->wr.rdma.remote_addr = card->landing + (flag ? 0 : me * req->bytes);
	wr->wr.rdma.rkey = card->landing_key;
}

static void aim(
	const struct ct_raw_req *req, const struct ct_raw_lane *lane, struct ibv_send_wr *wr)
{
	const struct ct_raw_peer *peer = &req->peers[lane->peer];
	const struct ct_raw_card *card = ct_raw_card_of(req, peer->rank);
	const uint32_t *n = numbers_of(card) + (size_t)req->row->world->rank * (req->qps + 1);
	static const enum ibv_wr_opcode codes[] = { [CT_RAW_WRITE] = IBV_WR_RDMA_WRITE,
		[CT_RAW_WRITE_IMM] = IBV_WR_RDMA_WRITE_WITH_IMM, [CT_RAW_SEND] = IBV_WR_SEND,
		[CT_RAW_READ] = IBV_WR_RDMA_READ, [CT_RAW_FETCH_ADD] = IBV_WR_ATOMIC_FETCH_AND_ADD,
		[CT_RAW_CMP_SWAP] = IBV_WR_ATOMIC_CMP_AND_SWP };

	wr->opcode = codes[req->kind->verb];
	switch (req->kind->verb) {
	case CT_RAW_WRITE:
	case CT_RAW_WRITE_IMM:
		aim_write(req, peer->rank, wr);
		break;
	case CT_RAW_READ:
		wr->wr.rdma.remote_addr = card->send;
		wr->wr.rdma.rkey = card->send_key;
		break;
	case CT_RAW_FETCH_ADD:
	case CT_RAW_CMP_SWAP:
		wr->wr.atomic.remote_addr = card->word;
		wr->wr.atomic.rkey = card->word_key;
		wr->wr.atomic.compare_add = 1;
		break;
	case CT_RAW_SEND:
		if (req->kind->type != IBV_QPT_UD)
			break;
		wr->wr.ud.ah = peer->way;
		wr->wr.ud.remote_qpn = n[1 + (lane - req->lanes) % req->qps];
		wr->wr.ud.remote_qkey = ud_key;
		break;
	}
}

/* One chain of `list` requests, of which the last may ask for a completion. */
static void fill_chain(const struct ct_raw_req *req, const struct ct_raw_lane *lane,
	struct ibv_sge *piece, struct ibv_send_wr *wr, bool signalled)
{
	bool inlined = req->bytes <= req->inline_bytes && req->kind->verb <= CT_RAW_SEND;

	for (uint32_t i = 0; i < req->list; i++) {
		bool last = i + 1 == req->list;

		wr[i] = (struct ibv_send_wr){ .sg_list = piece, .num_sge = 1,
			.next = last ? NULL : &wr[i + 1],
			.send_flags = inlined ? IBV_SEND_INLINE : 0 };
		if (last && signalled)
			wr[i].send_flags |= IBV_SEND_SIGNALED;
		if (last)
			wr[i].wr_id =
				ct_raw_id((uint32_t)(lane - req->lanes), req->signal * req->list);
		aim(req, lane, &wr[i]);
	}
}

/* Where messages of LANE's peer go. */
static struct ibv_sge in_piece(const struct ct_raw_req *req, const struct ct_raw_lane *lane)
{
	if (lane->peer == 0)
		return (struct ibv_sge){ (uintptr_t)req->desc.recv, (uint32_t)req->bytes,
			req->recv_mr->lkey };
	return (struct ibv_sge){ (uintptr_t)req->landing + req->peers[lane->peer].rank * req->bytes,
		(uint32_t)req->bytes, req->landing_mr->lkey };
}

static struct ibv_sge out_piece(const struct ct_raw_req *req, const struct ct_raw_lane *lane)
{
	switch (req->kind->verb) {
	case CT_RAW_READ:
		return in_piece(req, lane);
	case CT_RAW_FETCH_ADD:
	case CT_RAW_CMP_SWAP:
		return (struct ibv_sge){ (uintptr_t)req->result, sizeof(*req->result),
			req->own_mr->lkey };
	default:
		return (struct ibv_sge){ (uintptr_t)req->desc.send, (uint32_t)req->bytes,
			req->send_mr->lkey };
	}
}

static void fill_lane(struct ct_raw_req *req, uint32_t i)
{
	struct ct_raw_lane *lane = &req->lanes[i];
	struct ibv_sge *piece = req->pieces + (size_t)3 * i; /* out; a datagram's head, in */
	bool datagrams = req->kind->type == IBV_QPT_UD;

	piece[0] = out_piece(req, lane);
	piece[1] = (struct ibv_sge){ (uintptr_t)req->own + GRH_AT, CT_RAW_GRH, req->own_mr->lkey };
	piece[2] = in_piece(req, lane);
	lane->plain = req->sends + (size_t)i * req->list * 2;
	lane->signalled = lane->plain + req->list;
	fill_chain(req, lane, piece, lane->plain, false);
	fill_chain(req, lane, piece, lane->signalled, true);
	lane->receives = req->recvs + (size_t)i * req->refill;
	for (uint32_t r = 0; r < req->refill; r++)
		lane->receives[r] = (struct ibv_recv_wr){ .wr_id = ct_raw_id(i, 1),
			.next = r + 1 < req->refill ? &lane->receives[r + 1] : NULL,
			.sg_list = datagrams ? piece + 1 : piece + 2,
			.num_sge = datagrams ? 2 : 1 };
}

static ct_status make_requests(struct ct_raw_req *req)
{
	req->pieces = ct_alloc((size_t)req->nlanes * 3, sizeof(*req->pieces));
	req->sends = ct_alloc((size_t)req->nlanes * req->list * 2, sizeof(*req->sends));
	req->recvs = ct_alloc((size_t)req->nlanes * req->refill, sizeof(*req->recvs));
	if (req->pieces == NULL || req->sends == NULL || req->recvs == NULL)
		return CT_NOMEM;
	for (uint32_t i = 0; i < req->nlanes; i++)
		fill_lane(req, i);
	return CT_OK;
}

ct_status ct_raw_receive(struct ct_raw_req *req, struct ct_raw_lane *lane, uint32_t count)
{
	struct ibv_recv_wr *bad;
	int error;

	if (count == 0)
		return CT_OK;
	error = ibv_post_recv(lane->qp, &lane->receives[req->refill - count], &bad);
	if (__builtin_expect(error != 0, 0))
		return ct_raw_refused(req, lane, error);
	lane->owed -= count;
	return CT_OK;
}

static ct_status first_receives(struct ct_raw_req *req)
{
	ct_status status = CT_OK;

	for (uint32_t i = 0; req->hears && i < req->nlanes; i++) {
		struct ct_raw_lane *lane = &req->lanes[i];

		lane->owed = req->rx_depth;
		while (lane->owed > 0 && status == CT_OK)
			status = ct_raw_receive(req, lane, lane->owed < req->refill ? lane->owed
				: req->refill);
	}
	return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static ct_status make(struct ct_raw_req *req)
{
	ct_status status;

	if (req->npeers == 0)
		return CT_OK;
	req->lanes = ct_alloc(req->nlanes, sizeof(*req->lanes));
	if (req->lanes == NULL)
		return CT_NOMEM;
	for (uint32_t i = 0; i < req->nlanes; i++)
		req->lanes[i].peer = i / req->qps;
	status = make_memory(req);
	return status == CT_OK ? make_queues(req) : status;
}

ct_status ct_raw_link(struct ct_raw_req *req)
{
	ct_status status = exchange(req, make(req));

	if (status == CT_OK && req->npeers > 0) {
		for (uint32_t i = 0; i < req->npeers && status == CT_OK; i++)
			status = connect_peer(req, i);
		if (status == CT_OK)
			status = make_requests(req);
		if (status == CT_OK)
			status = first_receives(req);
		if (status == CT_OK)
			status = ct_raw_notices(req);
	}
	/* Nobody sends before all can receive. */
	return ct_boot_agree(req->row->world->boot, status);
}

static void end_mr(struct ibv_mr *mr)
{
	if (mr != NULL)
		(void)ibv_dereg_mr(mr);
}

static void end_cq(struct ibv_cq *cq)
{
	if (cq != NULL)
		(void)ibv_destroy_cq(cq);
}

void ct_raw_unlink(struct ct_raw_req *req)
{
	for (uint32_t i = 0; req->lanes != NULL && i < req->nlanes; i++)
		if (req->lanes[i].qp != NULL)
			(void)ibv_destroy_qp(req->lanes[i].qp);
	for (uint32_t i = 0; req->peers != NULL && i < req->npeers; i++) {
		if (req->peers[i].control != NULL)
			(void)ibv_destroy_qp(req->peers[i].control);
		if (req->peers[i].way != NULL)
			(void)ibv_destroy_ah(req->peers[i].way);
	}
	end_cq(req->cq);
	end_cq(req->recv_cq);
	end_cq(req->control_cq);
	end_mr(req->send_mr);
	end_mr(req->recv_mr);
	end_mr(req->own_mr);
	end_mr(req->landing_mr);
	ct_free(req->own);
	ct_free(req->landing);
	ct_free(req->pieces);
	ct_free(req->sends);
	ct_free(req->recvs);
	ct_free(req->cards);
	ct_free(req->lanes);
	ct_free(req->peers);
}
