/* SPDX-License-Identifier: BSD-3-Clause */
/* The backend "verbs": RDMA operations themselves between two ranks. See verbs_raw.h. */
#include <stdio.h>
#include <string.h>

#include "verbs_raw.h"

enum {
	DEPTH = 128, RX_DEPTH = 512, REFILL = 16, INLINE = 220, MOST_QPS = 1024, MOST_LIST = 1024,
	ATOMIC_BYTES = 8, LOST_NS = 200000000,
};

static const struct ct_raw_kind kinds[] = {
	{ "write", CT_RAW_WRITE, IBV_QPT_RC },
	{ "write_imm", CT_RAW_WRITE_IMM, IBV_QPT_RC },
	{ "send", CT_RAW_SEND, IBV_QPT_RC },
	{ "read", CT_RAW_READ, IBV_QPT_RC },
	{ "fetch_add", CT_RAW_FETCH_ADD, IBV_QPT_RC },
	{ "cmp_swap", CT_RAW_CMP_SWAP, IBV_QPT_RC },
	{ "write_uc", CT_RAW_WRITE, IBV_QPT_UC },
	{ "write_imm_uc", CT_RAW_WRITE_IMM, IBV_QPT_UC },
	{ "send_uc", CT_RAW_SEND, IBV_QPT_UC },
	{ "send_ud", CT_RAW_SEND, IBV_QPT_UD },
};

enum { NKINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const int64_t qps_values[] = { 0, 1, 2, 4, 8, 16, 32, 64 };
static const int64_t list_values[] = { 1, 2, 4, 8, 16, 32, 64 };
static const int64_t inline_values[] = { -1, 0, 16, 32, 64, 128, 220, 256, 512 };
static const int64_t cq_mod_values[] = { 0, 1, 2, 4, 8, 16, 32, 64 };

#define VALUES(v) v, sizeof(v) / sizeof((v)[0])
static const struct ct_knob knobs[CT_RAW_KNOBS] = {
	{ "qps", "queue pairs per partner, 0 = as --qps says", VALUES(qps_values) },
	{ "list", "requests handed to the device in one call", VALUES(list_values) },
	{ "inline", "bytes carried in the request itself, -1 = as --inline says",
		VALUES(inline_values) },
	{ "cq_mod", "messages per completion, 0 = as --cq-mod says", VALUES(cq_mod_values) },
};

enum { KNOB_QPS, KNOB_LIST, KNOB_INLINE, KNOB_CQ_MOD };

/* ---- opening --------------------------------------------------------------------------------- */

/* Nothing tells when a write without acknowledgement has arrived: as a stream it is the sender's
 * word alone, for who looks at single messages (colltune perftest -c UC, which says so). */
static bool unseen(ct_coll coll, const struct ct_raw_kind *kind)
{
	return coll != CT_P2P_LATENCY && kind->verb == CT_RAW_WRITE && kind->type == IBV_QPT_UC;
}

/* Is there such a thing? A compare-and-swap needs the answer before it, so it is no stream. */
static bool offered(ct_coll coll, const struct ct_raw_kind *kind)
{
	if (coll < CT_P2P_LATENCY)
		return false;
	if (coll == CT_P2P_LATENCY)
		return true;
	return kind->verb != CT_RAW_CMP_SWAP;
}

static void list_algos(struct ct_raw *row)
{
	static const ct_coll colls[] = { CT_P2P_LATENCY, CT_P2P_ONEWAY, CT_P2P_DUPLEX };
	size_t n = 0;

	for (size_t c = 0; c < sizeof(colls) / sizeof(colls[0]); c++)
		for (size_t k = 0; k < NKINDS && n < CT_RAW_ALGOS; k++)
			if (offered(colls[c], &kinds[k]) && !unseen(colls[c], &kinds[k]))
				row->algos[n++] = (struct ct_coll_algo){ colls[c], kinds[k].name,
					knobs, CT_RAW_KNOBS };
	row->caps.algos = row->algos;
	row->caps.nalgos = n;
}

static void fill_caps(struct ct_raw *row)
{
	struct ct_coll_caps *caps = &row->caps;
	struct ct_net_caps *net = &caps->net;

	caps->colls = 1u << CT_P2P_LATENCY | 1u << CT_P2P_ONEWAY | 1u << CT_P2P_DUPLEX;
	caps->types = (1u << CT_NTYPES) - 1;
	caps->ops = (1u << CT_NOPS) - 1;
	caps->abandons = true;
	caps->foreign = caps->colls;
	snprintf(caps->library, sizeof(caps->library), "libibverbs, %.30s, firmware %.30s",
		row->dev.name, row->dev.attr.fw_ver[0] != '\0' ? row->dev.attr.fw_ver : "unknown");
	snprintf(net->path, sizeof(net->path), "%.30s port %u, path MTU at most %u: %.80s",
		row->dev.name, row->dev.port, ct_rdma_mtu_bytes(row->mtu), row->dev.why);
	snprintf(net->device, sizeof(net->device), "%s", row->dev.netdev);
	net->link_Bps = ct_rdma_link_Bps(&row->dev);
	net->mtu = ct_rdma_mtu_bytes(row->mtu);
	net->data_unchecked = true;
	list_algos(row);
}

static ct_status open_device(struct ct_raw *row)
{
	struct ct_rdma_choice choice = { row->set.dev, row->set.port, row->set.gid };
	ct_status status = ct_rdma_open(&choice, row->world->local_rank, &row->dev);

	if (status != CT_OK)
		return status;
	status = ct_rdma_mtu(&row->dev, row->set.mtu, &row->mtu);
	if (status == CT_OK) {
		row->pd = ibv_alloc_pd(row->dev.context);
		if (row->pd == NULL)
			status = ct_fail(CT_IO, "verbs: device %s gives no protection domain",
				row->dev.name);
	}
	if (status != CT_OK)
		(void)ibv_close_device(row->dev.context);
	return status;
}

static ct_status raw_open(const struct ct_coll_env *env, void **self)
{
	static const struct ct_verbs_settings none = { .qps = 1, .inline_bytes = -1 };
	struct ct_raw *row = ct_alloc(1, sizeof(*row));
	uint64_t now = ct_now_ns();
	ct_status status;

	if (row == NULL)
		return CT_NOMEM;
	row->world = env->world;
	row->set = env->net_settings != NULL ? env->net_settings->verbs : none;
	/* "verbs:mlx5_0" names the device of this opening; ENV outlives it, and nothing reads it
	 * later */
	if (env->net != NULL && strncmp(env->net, "verbs:", 6) == 0)
		row->set.dev = (char *)(uintptr_t)(env->net + 6);
	row->timeout_ns = env->open_by.at_ns > now ? env->open_by.at_ns - now : 1000000000;
	status = open_device(row);
	if (status != CT_OK) {
		ct_free(row);
		return status;
	}
	row->opened_ns = ct_now_ns();
	row->opened_ticks = ct_raw_ticks();
	fill_caps(row);
	*self = row;
	return CT_OK;
}

static void raw_close(void *self)
{
	struct ct_raw *row = self;

	(void)ibv_dealloc_pd(row->pd);
	(void)ibv_close_device(row->dev.context);
	ct_free(row);
}

static const struct ct_coll_caps *raw_query(void *self)
{
	return &((struct ct_raw *)self)->caps;
}

/* ---- what is asked --------------------------------------------------------------------------- */

static ct_status find_kind(const struct ct_coll_desc *desc, const struct ct_raw_kind **kind)
{
	const char *names[NKINDS + 1] = { NULL }, *near;
	size_t n = 0;

	if (desc->coll < CT_P2P_LATENCY || desc->coll > CT_P2P_DUPLEX)
		return ct_fail(CT_UNSUPPORTED, "backend verbs has point-to-point operations only");
	*kind = &kinds[0];
	if (desc->algo == NULL)
		return CT_OK;
	for (size_t i = 0; i < NKINDS; i++) {
		names[n++] = kinds[i].name;
		if (strcmp(kinds[i].name, desc->algo) != 0)
			continue;
		*kind = &kinds[i];
		if (offered(desc->coll, *kind) && (desc->series || !unseen(desc->coll, *kind)))
			return CT_OK;
		return ct_fail(CT_UNSUPPORTED, "%s is not offered for %s", desc->algo,
			ct_coll_name(desc->coll));
	}
	near = ct_nearest(desc->algo, names);
	return ct_fail(CT_INVALID, "verbs has no operation %s; did you mean %s?", desc->algo,
		near != NULL ? near : kinds[0].name);
}

/* Pairs, or stars: several ranks whose partner is one hub, whose own partner is one of them. */
static ct_status check_partners(const struct ct_coll_desc *desc, uint32_t nranks, bool *star)
{
	*star = false;
	if (desc->partner == NULL || desc->window == 0)
		return ct_fail(CT_INVALID, "%s needs partners and a window of at least 1",
			ct_coll_name(desc->coll));
	for (uint32_t i = 0; i < nranks; i++)
		if (desc->partner[i] >= nranks)
			return ct_fail(
				CT_INVALID, "rank %u's partner %u is no rank", i, desc->partner[i]);
	for (uint32_t i = 0; i < nranks; i++) {
		uint32_t hub = desc->partner[i], back = desc->partner[hub];

		if ((hub != i && back == hub) || desc->partner[back] != hub)
			return ct_fail(CT_INVALID, "rank %u's partner %u has another one, %u", i,
				hub, back);
		*star = *star || back != i;
	}
	if (*star && desc->coll == CT_P2P_LATENCY)
		return ct_fail(CT_UNSUPPORTED, "a ping-pong needs pairs of ranks");
	return CT_OK;
}

static ct_status check_size(const struct ct_raw_req *req)
{
	const struct ct_raw *row = req->row;
	uint64_t most =
		row->dev.port_attr.max_msg_sz > 0 ? row->dev.port_attr.max_msg_sz : 1u << 30;

	if (req->kind->type == IBV_QPT_UD)
		most = ct_rdma_mtu_bytes(row->mtu);
	if (req->bytes == 0 || req->bytes > most)
		return ct_fail(CT_UNSUPPORTED,
			"%s on %s carries 1 to %llu bytes in a message, not %llu", req->kind->name,
			row->dev.name, (unsigned long long)most, (unsigned long long)req->bytes);
	if (req->run == ct_raw_ping_pong_write && !ct_mem_is_host(req->desc.recv_mem))
		return ct_fail(CT_UNSUPPORTED,
			"a ping-pong by %s is told by the last byte in memory, which "
			"the processor must see: memory %s is none of the host's (write_imm has a "
			"completion)",
			req->kind->name, req->desc.recv_mem->ops->name);
	if (req->kind->verb > CT_RAW_READ && req->bytes != ATOMIC_BYTES)
		return ct_fail(CT_UNSUPPORTED, "%s moves 8 bytes, not %llu", req->kind->name,
			(unsigned long long)req->bytes);
	if (req->kind->verb > CT_RAW_READ && row->dev.attr.atomic_cap == IBV_ATOMIC_NONE)
		return ct_fail(CT_UNSUPPORTED, "device %s has no atomic operations", row->dev.name);
	return CT_OK;
}

static ct_status ranged(const char *what, int64_t value, int64_t low, int64_t high)
{
	if (value >= low && value <= high)
		return CT_OK;
	return ct_fail(CT_INVALID, "verbs: %s %lld: %lld to %lld can be had here", what,
		(long long)value, (long long)low, (long long)high);
}

/* The first of knob, option and use that says something. */
static int64_t first_of(int64_t knob, int64_t option, int64_t use)
{
	return knob > 0 ? knob : option > 0 ? option : use;
}

/* The device carries messages up to so many bytes in the request; 0: none of ours. */
static uint32_t inline_of(const struct ct_raw_req *req)
{
	int64_t asked = req->desc.knob[KNOB_INLINE],
		use = req->desc.coll == CT_P2P_LATENCY ? INLINE : 0;

	if (asked < 0)
		asked = req->row->set.inline_bytes;
	if (asked < 0)
		asked = use;
	if (!ct_mem_is_host(req->desc.send_mem)) /* the processor would have to read it */
		return 0;
	/* no more than this message needs: some devices make room for all of it in each request */
	return (int64_t)req->bytes <= asked ? (uint32_t)req->bytes : 0;
}

/* Numbers of queue pairs and requests, by knob, option, or use. */
static ct_status set_depths(struct ct_raw_req *req)
{
	const struct ct_verbs_settings *set = &req->row->set;
	const struct ibv_device_attr *a = &req->row->dev.attr;
	const int64_t *knob = req->desc.knob;
	bool latency = req->desc.coll == CT_P2P_LATENCY;
	int64_t list = latency ? 1 : first_of(knob[KNOB_LIST], 0, 1);
	int64_t qps = latency ? 1 : first_of(knob[KNOB_QPS], set->qps, 1);
	int64_t depth = first_of(0, set->tx_depth, 2 * list > DEPTH ? 2 * list : DEPTH);
	int64_t rx = req->hears ? first_of(0, set->rx_depth, RX_DEPTH) : 1;
	int64_t mod;
	ct_status status =
		ranged("queue pairs", qps, 1, a->max_qp < MOST_QPS ? a->max_qp : MOST_QPS);

	if (latency && depth < 2 * CT_RAW_SIGNAL)
		depth = 2 * CT_RAW_SIGNAL;
	mod = first_of(knob[KNOB_CQ_MOD], set->cq_mod, depth / 2);
	if (status == CT_OK)
		status = ranged("list", list, 1, MOST_LIST);
	if (status == CT_OK)
		status = ranged("tx depth", depth, list, a->max_qp_wr);
	if (status == CT_OK)
		status = ranged("rx depth", rx, 1, a->max_qp_wr);
	if (status != CT_OK)
		return status;
	req->qps = (uint32_t)qps;
	req->list = (uint32_t)list;
	req->depth = (uint32_t)depth;
	req->rx_depth = (uint32_t)rx;
	req->refill = (uint32_t)first_of(rx / 4 < REFILL ? rx / 4 : REFILL, 0, 1);
	req->signal = (uint32_t)first_of((mod < depth / 2 ? mod : depth / 2) / list, 0, 1);
	req->inline_bytes = inline_of(req);
	return CT_OK;
}

/* Who posts and who listens, and how. */
static void set_roles(struct ct_raw_req *req)
{
	uint32_t rank = req->row->world->rank, partner = req->desc.partner[rank];
	bool lower = rank < partner, oneway = req->desc.coll == CT_P2P_ONEWAY;
	bool told = req->kind->verb == CT_RAW_WRITE_IMM || req->kind->verb == CT_RAW_SEND;
	bool pulls = req->kind->verb >= CT_RAW_READ;

	if (rank == partner)
		return;
	if (req->desc.coll != CT_P2P_LATENCY) {
		req->issues =
			!oneway || lower != pulls; /* data go from the lower to the higher rank */
		req->hears = told && (!oneway || !lower);
		if (req->issues || req->hears)
			req->run = ct_raw_stream;
		return;
	}
	req->first = lower;
	req->issues = !pulls || lower;
	req->hears = told;
	if (req->issues)
		req->run = pulls ? ct_raw_one_by_one :
			told	 ? ct_raw_ping_pong :
				   ct_raw_ping_pong_write;
}

/* The partner first, then all whose partner is this rank. */
static ct_status list_peers(struct ct_raw_req *req)
{
	uint32_t rank = req->row->world->rank, n = req->row->world->nranks;
	uint32_t partner = req->desc.partner[rank];

	if (partner == rank)
		return CT_OK;
	req->npeers = 1;
	for (uint32_t i = 0; i < n; i++)
		req->npeers += i != partner && i != rank && req->desc.partner[i] == rank;
	req->peers = ct_alloc(req->npeers, sizeof(*req->peers));
	if (req->peers == NULL)
		return CT_NOMEM;
	req->npeers = 0;
	req->peers[req->npeers++].rank = partner;
	for (uint32_t i = 0; i < n; i++)
		if (i != partner && i != rank && req->desc.partner[i] == rank)
			req->peers[req->npeers++].rank = i;
	return CT_OK;
}

static ct_status make_times(struct ct_raw_req *req)
{
	size_t n = (size_t)req->target + req->nlanes + 1;

	req->times.posted = ct_alloc(n, sizeof(*req->times.posted));
	req->times.done = ct_alloc(n, sizeof(*req->times.done));
	req->times.done_count = ct_alloc(n, sizeof(*req->times.done_count));
	return req->times.posted == NULL || req->times.done == NULL || req->times.done_count == NULL
		? CT_NOMEM : CT_OK;
}

static void raw_release(void *self, void *request)
{
	struct ct_raw *row = self;
	struct ct_raw_req *req = request;

	if (row->unsettled == req)
		row->unsettled = NULL;
	ct_raw_unlink(req);
	ct_free(req->times.posted);
	ct_free(req->times.done);
	ct_free(req->times.done_count);
	ct_free(req);
}

/* Everything that this rank can do alone. */
static ct_status plan(struct ct_raw_req *req)
{
	const struct ct_world *w = req->row->world;
	const struct ct_coll_desc *desc = &req->desc;
	bool star;
	ct_status status = find_kind(desc, &req->kind);

	if (status == CT_OK)
		status = check_partners(desc, w->nranks, &star);
	if (status == CT_OK && desc->count > UINT32_MAX / 8)
		status = ct_fail(CT_UNSUPPORTED, "a message of libibverbs has less than 4 GiB");
	if (status != CT_OK)
		return status;
	req->bytes = desc->count * ct_type_bytes(desc->type);
	set_roles(req);
	status = check_size(req);
	if (status == CT_OK)
		status = set_depths(req);
	if (status == CT_OK)
		status = list_peers(req);
	if (status == CT_OK && (uint64_t)w->nranks * (req->qps + 1) > 1u << 20)
		status = ct_fail(CT_UNSUPPORTED, "%u queue pairs to each of %u ranks are too many",
			req->qps, w->nranks);
	req->nlanes = req->npeers * req->qps;
	req->target = desc->window * (req->npeers > 0 ? req->npeers : 1);
	if (req->run == ct_raw_one_by_one)
		req->target *= 2; /* a round trip of the loop is two operations */
	if (status == CT_OK && desc->series)
		status = make_times(req);
	return status;
}

static ct_status raw_prepare(void *self, const struct ct_coll_desc *desc, void **out)
{
	struct ct_raw *row = self;
	struct ct_raw_req *req = ct_alloc(1, sizeof(*req));
	ct_status status = CT_NOMEM;

	if (req != NULL) {
		req->row = row;
		req->desc = *desc;
		status = plan(req);
	}
	status = ct_boot_agree(row->world->boot, status);
	if (status == CT_OK)
		status = ct_raw_link(req);
	if (status != CT_OK) {
		if (req != NULL)
			raw_release(self, req);
		return status;
	}
	*out = req;
	return CT_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

static ct_status raw_start(void *self, void *request)
{
	struct ct_raw *row = self;
	struct ct_raw_req *req = request;

	if (row->unsettled != NULL) {
		ct_status status = ct_raw_settle(row->unsettled);

		row->unsettled = NULL;
		if (status != CT_OK)
			return status;
	}
	ct_raw_begin(req);
	if (req->flag_out != NULL)
		req->true_byte = *req->flag_out;
	return CT_OK;
}

/* An unreliable service may have lost what is still awaited. */
static ct_status any_lost(struct ct_raw_req *req)
{
	struct ct_deadline by;
	uint32_t got = req->got;
	ct_status status = CT_BUSY;

	if (req->kind->type == IBV_QPT_RC || !req->hears || req->run != ct_raw_stream ||
		(req->issues && req->acked < req->target) || !ct_raw_left_alone(req))
		return CT_BUSY;
	by = ct_deadline_in(LOST_NS);
	while (status == CT_BUSY && !ct_deadline_passed(by))
		status = req->run(req);
	if (status != CT_BUSY || req->got != got)
		return status;
	return ct_fail(CT_CORRUPT,
		"verbs: %s lost %u of %u messages: an unreliable service does not send "
		"them again (fewer in flight, or a lossless network)",
		req->kind->name, req->target - req->got, req->target);
}

/* Every atomic operation but the last has shown in the last one's answer. */
static ct_status check_atomics(struct ct_raw_req *req)
{
	uint64_t wanted = req->expected + req->target - 1;

	if (req->kind->verb <= CT_RAW_READ || !req->issues || req->nlanes != 1)
		return CT_OK;
	if (*req->result != wanted)
		return ct_fail(CT_CORRUPT, "verbs: %s on rank %u returned %llu, right is %llu",
			req->kind->name, req->peers[0].rank, (unsigned long long)*req->result,
			(unsigned long long)wanted);
	req->expected += req->target;
	return CT_OK;
}

static ct_status raw_test(void *self, void *request)
{
	struct ct_raw *row = self;
	struct ct_raw_req *req = request;
	ct_status status = req->run != NULL ? req->run(req) : CT_OK;

	if (status == CT_BUSY)
		status = any_lost(req);
	if (status == CT_BUSY)
		return status;
	if (req->flag_out != NULL)
		*req->flag_out = req->true_byte;
	if (status != CT_OK)
		return status;
	if (req->npeers > 0)
		row->unsettled = req;
	return check_atomics(req);
}

static ct_status raw_mark(void *self, unsigned slot)
{
	if (slot >= CT_MARKS)
		return ct_fail(CT_INVALID, "mark %u of %d", slot, CT_MARKS);
	((struct ct_raw *)self)->marks[slot] = ct_now_ns();
	return CT_OK;
}

/* Settles first, untimed: the marks have been made. */
static ct_status raw_span(void *self, unsigned from, unsigned to, uint64_t *ns)
{
	struct ct_raw *row = self;
	ct_status status = CT_OK;

	if (from >= CT_MARKS || to >= CT_MARKS)
		return ct_fail(CT_INVALID, "span from mark %u to %u of %d", from, to, CT_MARKS);
	if (row->unsettled != NULL) {
		struct ct_raw_req *req = row->unsettled;

		atomic_store_explicit(&row->settling, true, memory_order_relaxed);
		status = ct_raw_settle(req);
		atomic_store_explicit(&row->settling, false, memory_order_relaxed);
		row->unsettled = NULL;
	}
	if (status == CT_OK)
		*ns = row->marks[to] - row->marks[from];
	return status;
}

static void raw_waiting(void *self, void *request, char *out, size_t room)
{
	const struct ct_raw *row = self;
	const struct ct_raw_req *req = request;
	uint32_t peer;

	if (req == NULL || req->npeers == 0) {
		snprintf(out, room, "nobody");
		return;
	}
	peer = req->peers[0].rank;
	if (atomic_load_explicit(&row->settling, memory_order_relaxed))
		snprintf(out, room, "rank %u to settle %s", peer, req->kind->name);
	else
		snprintf(out, room, "%s with rank %u: %u sent, %u complete, %u heard of %u",
			req->kind->name, peer, req->sent, req->acked, req->got, req->target);
}

/* ---- times of single messages ---------------------------------------------------------------- */

static void to_ns(const struct ct_raw *row, double ns_per_tick, uint64_t *ticks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ticks[i] = (uint64_t)((double)(ticks[i] - row->opened_ticks) * ns_per_tick);
}

static ct_status raw_series(void *self, void *request, struct ct_coll_series *series)
{
	const struct ct_raw *row = self;
	struct ct_raw_req *req = request;
	struct ct_raw_times *t = &req->times;
	double rate;

	if (!req->desc.series)
		return ct_fail(CT_INVALID, "verbs: times of messages were not asked for");
	rate = (double)(ct_now_ns() - row->opened_ns) /
		(double)(ct_raw_ticks() - row->opened_ticks);
	if (!req->complete) { /* once */
		to_ns(row, rate, t->posted, t->nposted);
		to_ns(row, rate, t->done, t->ndone);
		req->complete = true;
	}
	*series = (struct ct_coll_series){ t->posted, t->nposted, req->list, t->done, t->done_count,
		t->ndone };
	return CT_OK;
}

const struct ct_coll_ops ct_coll_verbs = {
	.abi = CT_COLL_ABI,
	.name = "verbs",
	.summary = CT_COLL_VERBS_SUMMARY,
	.open = raw_open,
	.close = raw_close,
	.query = raw_query,
	.prepare = raw_prepare,
	.start = raw_start,
	.test = raw_test,
	.release = raw_release,
	.mark = raw_mark,
	.span = raw_span,
	.waiting = raw_waiting,
	.series = raw_series,
};
