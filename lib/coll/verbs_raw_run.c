/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The measured path of the row "verbs". What stands here runs between the marks: everything that
 * can be known before is in chains of work requests that only have to be posted.
 */
#include "verbs_raw.h"

enum { SPINS = 2000, FLAG_SPINS = 256000 }; /* empty polls before the caller is asked again */

static ct_status queue_fails(const struct ct_raw_req *req, int n)
{
	return ct_fail(CT_IO, "verbs: %s: the completion queue fails (%d)", req->row->dev.name, n);
}

/* ---- posting -------------------------------------------------------------------------------- */

static inline ct_status post(struct ct_raw_req *req, struct ct_raw_lane *lane,
	struct ibv_send_wr *chain)
{
	struct ibv_send_wr *bad;
	int error = ibv_post_send(lane->qp, chain, &bad);

	return __builtin_expect(error == 0, 1) ? CT_OK : ct_raw_refused(req, lane, error);
}

/* The last list of a start: COUNT requests, at most `list`, and a completion for what is left. */
static ct_status post_rest(struct ct_raw_req *req, struct ct_raw_lane *lane, uint32_t count)
{
	struct ibv_send_wr *last = &lane->signalled[req->list - count];
	uint64_t id = lane->signalled[req->list - 1].wr_id;
	ct_status status;

	lane->signalled[req->list - 1].wr_id = ct_raw_id((uint32_t)(lane - req->lanes),
		lane->since + count);
	status = post(req, lane, last);
	lane->signalled[req->list - 1].wr_id = id;
	lane->posted += count;
	lane->since = 0;
	return status;
}

/* As much as the queue holds. */
static ct_status push(struct ct_raw_req *req, struct ct_raw_lane *lane)
{
	const uint32_t list = req->list, signal = req->signal * list;
	uint32_t room = lane->acked + req->depth, posted = lane->posted, since = lane->since;
	uint64_t *stamp = req->times.posted;
	ct_status status = CT_OK;

	while (lane->quota - posted > list && room - posted >= list) {
		since += list;
		if (stamp != NULL)
			stamp[req->times.nposted++] = ct_raw_ticks();
		if (since == signal) {
			since = 0;
			status = post(req, lane, lane->signalled);
		} else {
			status = post(req, lane, lane->plain);
		}
		if (status != CT_OK)
			return status;
		posted += list;
	}
	lane->posted = posted;
	lane->since = since;
	if (posted == lane->quota || lane->quota - posted > list ||
		room - posted < lane->quota - posted)
		return CT_OK;
	if (stamp != NULL)
		stamp[req->times.nposted++] = ct_raw_ticks();
	return post_rest(req, lane, lane->quota - posted);
}

static inline void note_done(struct ct_raw_req *req, uint32_t count)
{
	struct ct_raw_times *t = &req->times;

	if (t->done == NULL)
		return;
	t->done[t->ndone] = ct_raw_ticks();
	t->done_count[t->ndone++] = count;
}

/* ---- streams -------------------------------------------------------------------------------- */

static ct_status reap_sends(struct ct_raw_req *req, bool *moved)
{
	struct ibv_wc wc[CT_RAW_REAP];
	int n = ibv_poll_cq(req->cq, CT_RAW_REAP, wc);

	for (int i = 0; i < n; i++) {
		struct ct_raw_lane *lane = &req->lanes[wc[i].wr_id >> 32];
		ct_status status;

		if (__builtin_expect(wc[i].status != IBV_WC_SUCCESS, 0))
			return ct_raw_failed(req, &wc[i]);
		lane->acked += (uint32_t)wc[i].wr_id;
		req->acked += (uint32_t)wc[i].wr_id;
		note_done(req, req->acked);
		if (lane->posted == lane->quota)
			continue;
		status = push(req, lane);
		if (status != CT_OK)
			return status;
	}
	*moved = n > 0;
	return n >= 0 ? CT_OK : queue_fails(req, n);
}

static ct_status reap_receives(struct ct_raw_req *req, bool *moved)
{
	struct ibv_wc wc[CT_RAW_REAP];
	int n = ibv_poll_cq(req->recv_cq, CT_RAW_REAP, wc);

	for (int i = 0; i < n; i++) {
		struct ct_raw_lane *lane = &req->lanes[wc[i].wr_id >> 32];
		ct_status status;

		if (__builtin_expect(wc[i].status != IBV_WC_SUCCESS, 0))
			return ct_raw_failed(req, &wc[i]);
		if (++lane->owed < req->refill)
			continue;
		status = ct_raw_receive(req, lane, req->refill);
		if (status != CT_OK)
			return status;
	}
	if (n > 0) {
		req->got += (uint32_t)n;
		if (!req->issues)
			note_done(req, req->got);
	}
	*moved = n > 0;
	return n >= 0 ? CT_OK : queue_fails(req, n);
}

static ct_status stream_begin(struct ct_raw_req *req)
{
	ct_status status = CT_OK;

	req->step = CT_RAW_STEP_REAP;
	for (uint32_t i = 0; req->issues && status == CT_OK && i < req->nlanes; i++)
		status = push(req, &req->lanes[i]);
	return status;
}

ct_status ct_raw_stream(struct ct_raw_req *req)
{
	uint32_t sends = req->issues ? req->target : 0, receives = req->hears ? req->target : 0;
	ct_status status = CT_OK;
	bool moved;

	if (req->step == CT_RAW_STEP_SEND)
		status = stream_begin(req);
	for (unsigned spins = SPINS; spins > 0 && status == CT_OK;) {
		bool busy = false;

		if (req->acked < sends) {
			status = reap_sends(req, &moved);
			busy = moved;
		}
		if (status == CT_OK && req->got < receives) {
			status = reap_receives(req, &moved);
			busy = busy || moved;
		}
		if (req->acked >= sends && req->got >= receives)
			return status;
		spins = busy ? SPINS : spins - 1;
	}
	return status != CT_OK ? status : CT_BUSY;
}

/* ---- ping-pong ------------------------------------------------------------------------------ */

/* Waits for the completion that the last send asked for. CT_BUSY: not there yet. */
static ct_status reap_one(struct ct_raw_req *req)
{
	struct ibv_wc wc;
	int n = 0;

	for (unsigned spins = SPINS; n == 0 && spins > 0; spins--)
		n = ibv_poll_cq(req->cq, 1, &wc);
	if (n == 0)
		return CT_BUSY;
	if (n < 0)
		return queue_fails(req, n);
	return __builtin_expect(wc.status == IBV_WC_SUCCESS, 1) ? CT_OK : ct_raw_failed(req, &wc);
}

/* One message of a ping-pong; *ASKED: its completion is to be awaited. */
static inline ct_status ping(struct ct_raw_req *req, bool *asked)
{
	struct ct_raw_lane *lane = req->lanes;

	if (req->times.posted != NULL)
		req->times.posted[req->times.nposted++] = ct_raw_ticks();
	req->sent++;
	*asked = ++lane->since == CT_RAW_SIGNAL || req->sent == req->target;
	if (!*asked)
		return post(req, lane, lane->plain);
	lane->since = 0;
	return post(req, lane, lane->signalled);
}

/* Waits until the peer has written WANTED, which follows what is there. */
static inline bool flag_is(const volatile uint8_t *flag, uint8_t wanted)
{
	for (unsigned spins = FLAG_SPINS; spins > 0; spins--)
		if (*flag == wanted)
			return true;
	return false;
}

/* Leaves the ping-pong until the next test(): STATUS says why, STEP where it goes on. */
static ct_status leave(struct ct_raw_req *req, ct_status status, enum ct_raw_step step,
	uint32_t sent, uint32_t got)
{
	req->step = step;
	req->sent = sent;
	req->got = got;
	req->times.nposted = req->times.posted != NULL ? sent : 0;
	if (status == CT_OK) { /* complete: both sides count on */
		req->sequence = (uint8_t)(req->sequence + sent);
		req->turn += got;
	}
	return status;
}

ct_status ct_raw_ping_pong_write(struct ct_raw_req *req)
{
	struct ct_raw_lane *lane = req->lanes;
	const volatile uint8_t *in = req->flag_in;
	uint8_t *out = req->flag_out, said = req->sequence, heard = (uint8_t)req->turn;
	uint64_t *stamp = req->times.posted;
	uint32_t sent = req->sent, got = req->got, target = req->target;
	bool waits = req->step != CT_RAW_STEP_SEND;
	ct_status status = req->step == CT_RAW_STEP_REAP ? reap_one(req) : CT_OK;

	if (status != CT_OK)
		return status;
	for (;; waits = false) {
		if (!waits) {
			if (stamp != NULL)
				stamp[sent] = ct_raw_ticks();
			sent++;
			*out = (uint8_t)(said + sent);
			if (sent % CT_RAW_SIGNAL != 0 && sent != target)
				status = post(req, lane, lane->plain);
			else
				status = post(req, lane, lane->signalled);
			if (status == CT_OK && (sent % CT_RAW_SIGNAL == 0 || sent == target))
				status = reap_one(req);
			if (status != CT_OK)
				return leave(req, status, CT_RAW_STEP_REAP, sent, got);
		}
		if (got == target)
			return leave(req, CT_OK, CT_RAW_STEP_REAP, sent, got);
		if (!flag_is(in, (uint8_t)(heard + got)))
			return leave(req, CT_BUSY, CT_RAW_STEP_WAIT, sent, got);
		got++;
		if (sent == target)
			return leave(req, CT_OK, CT_RAW_STEP_WAIT, sent, got);
	}
}

static ct_status hear_one(struct ct_raw_req *req)
{
	struct ct_raw_lane *lane = req->lanes;
	struct ibv_wc wc;
	int n = 0;

	for (unsigned spins = SPINS; n == 0 && spins > 0; spins--)
		n = ibv_poll_cq(req->recv_cq, 1, &wc);
	if (n == 0)
		return CT_BUSY;
	if (n < 0)
		return queue_fails(req, n);
	if (__builtin_expect(wc.status != IBV_WC_SUCCESS, 0))
		return ct_raw_failed(req, &wc);
	if (++lane->owed < req->refill)
		return CT_OK;
	return ct_raw_receive(req, lane, req->refill);
}

ct_status ct_raw_ping_pong(struct ct_raw_req *req)
{
	ct_status status;
	bool asked;

	for (;;) {
		switch (req->step) {
		case CT_RAW_STEP_SEND:
			status = ping(req, &asked);
			if (status != CT_OK)
				return status;
			if (!asked)
				break;
			req->step = CT_RAW_STEP_REAP;
			/* fallthrough */
		case CT_RAW_STEP_REAP:
			status = reap_one(req);
			if (status != CT_OK)
				return status;
			break;
		case CT_RAW_STEP_WAIT:
			goto wait;
		}
		if (req->got == req->target)
			return CT_OK;
		req->step = CT_RAW_STEP_WAIT;
	wait:
		status = hear_one(req);
		if (status != CT_OK)
			return status;
		req->got++;
		if (req->sent == req->target)
			return CT_OK;
		req->step = CT_RAW_STEP_SEND;
	}
}

/* ---- one at a time --------------------------------------------------------------------------- */

ct_status ct_raw_one_by_one(struct ct_raw_req *req)
{
	struct ct_raw_lane *lane = req->lanes;
	struct ibv_send_wr *wr = lane->signalled;
	struct ibv_cq *cq = req->cq;
	bool swap = req->kind->verb == CT_RAW_CMP_SWAP, posted = req->step == CT_RAW_STEP_REAP;
	uint64_t *stamp = req->times.posted;
	uint32_t acked = req->acked, target = req->target;
	ct_status status = CT_OK;

	for (; acked < target; acked++, posted = false) {
		struct ibv_wc wc;
		int n = 0;

		if (!posted) {
			if (stamp != NULL)
				stamp[acked] = ct_raw_ticks();
			if (swap) {
				wr->wr.atomic.compare_add = req->expected + acked;
				wr->wr.atomic.swap = req->expected + acked + 1;
			}
			status = post(req, lane, wr);
			if (status != CT_OK)
				return status;
		}
		for (unsigned spins = SPINS; n == 0 && spins > 0; spins--)
			n = ibv_poll_cq(cq, 1, &wc);
		if (__builtin_expect(n == 1 && wc.status == IBV_WC_SUCCESS, 1))
			continue;
		req->acked = acked;
		req->step = CT_RAW_STEP_REAP;
		return n == 0 ? CT_BUSY : n > 0 ? ct_raw_failed(req, &wc) : queue_fails(req, n);
	}
	req->acked = acked;
	req->times.nposted = stamp != NULL ? acked + 1 : 0;
	if (stamp != NULL) /* the end of the last one */
		stamp[acked] = ct_raw_ticks();
	return CT_OK;
}

/* ---- the beginning --------------------------------------------------------------------------- */

void ct_raw_begin(struct ct_raw_req *req)
{
	uint32_t share = req->npeers > 0 ? req->nlanes / req->npeers : 1;
	uint32_t each = req->target / (req->npeers > 0 ? req->npeers : 1);

	req->sent = req->got = req->acked = 0;
	req->times.nposted = req->times.ndone = 0;
	req->step = req->first || req->run == ct_raw_stream || req->run == ct_raw_one_by_one
		? CT_RAW_STEP_SEND : CT_RAW_STEP_WAIT;
	for (uint32_t i = 0; i < req->nlanes; i++) {
		struct ct_raw_lane *lane = &req->lanes[i];

		lane->posted = lane->acked = lane->since = 0;
		lane->quota = each / share + (i % share < each % share);
	}
	req->complete = false;
}
