/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Real pairs in the place of pretended ones: rank 0 isolates, the others take part in the rounds that it
 * announces over the control plane. All pairs of a round talk at once, both ways; each receiver takes the
 * time until its messages are there. A rank holds one message to send and one to receive, 24 bytes per
 * pair and round (rank 0), and 8 bytes per node: nothing of size ranks times ranks.
 */
#include "probes.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLES = 5, WINDOW_MOST = 64, ROUNDS_LEAST = 16, ACK = 8, BLAMES_MOST = 1 << 20 };
/* What rank 0 announces: the words before the partners. */
enum { WORD_GO, WORD_WINDOW, WORDS };
#define SAMPLE_NS 2000000.0
#define PATIENCE_NS UINT64_C(60000000000)

struct probing {
	struct ct_accept *run;
	struct ct_net net;
	struct ct_fleet *fleet;
	uint32_t *rank_of; /* nodes * rails */
	int64_t mine;      /* index of this rank there; -1: it has no part */
	uint64_t bytes;
	char *send, *recv;
	struct ct_net_req *reqs; /* 2 * WINDOW_MOST: receives, then sends */
	int64_t *words;          /* announcement, and times */
	uint32_t *partner;
	uint32_t window;
	uint64_t until_ns;
	bool apart; /* a collective step has failed: the others know */
};

/* ---- one round, all ranks ------------------------------------------------------------------- */

static ct_status finish(struct probing *p, struct ct_net_req *reqs, uint32_t n)
{
	struct ct_deadline by = ct_deadline_in(PATIENCE_NS);
	uint32_t done = 0;
	ct_status s = CT_OK;

	while (s == CT_OK && done < n) {
		s = ct_net_poll(&p->net);
		while (s == CT_OK && done < n && reqs[done].status != CT_BUSY)
			s = reqs[done++].status;
		if (s == CT_OK && done < n) {
			if (ct_deadline_passed(by))
				return ct_fail(CT_TIMEOUT, "no message from or to rank %u in %.0f s",
					reqs[done].peer, (double)PATIENCE_NS / 1e9);
			sched_yield();
		}
	}
	return s;
}

static ct_status post(struct probing *p, struct ct_net_req *req, enum ct_net_kind kind, uint32_t peer,
	uint64_t bytes)
{
	*req = (struct ct_net_req){ .kind = kind, .peer = peer, .bytes = bytes,
		.data = kind == CT_NET_SEND ? p->send : p->recv };
	return ct_net_post(&p->net, req);
}

/* WINDOW messages both ways, then a word both ways, since a peer may need this rank's help until it has
 * all; *NS: when the last message was here. */
static ct_status talk(struct probing *p, uint32_t peer, uint64_t *ns)
{
	struct ct_net_req *in = p->reqs, *out = p->reqs + WINDOW_MOST;
	uint64_t start = ct_now_ns();
	ct_status s = CT_OK;

	for (uint32_t i = 0; s == CT_OK && i < p->window; i++)
		s = post(p, &in[i], CT_NET_RECV, peer, p->bytes);
	for (uint32_t i = 0; s == CT_OK && i < p->window; i++)
		s = post(p, &out[i], CT_NET_SEND, peer, p->bytes);
	if (s == CT_OK)
		s = finish(p, in, p->window);
	*ns = ct_now_ns() - start;
	if (s == CT_OK)
		s = finish(p, out, p->window);
	if (s == CT_OK)
		s = post(p, &in[0], CT_NET_RECV, peer, ACK);
	if (s == CT_OK)
		s = post(p, &out[0], CT_NET_SEND, peer, ACK);
	if (s == CT_OK)
		s = finish(p, in, 1);
	return s == CT_OK ? finish(p, out, 1) : s;
}

/* Who this rank talks to; itself = nobody. */
static uint32_t peer_of(const struct probing *p)
{
	uint32_t rails = p->fleet->rails, node;

	if (p->mine < 0)
		return p->run->world->rank;
	node = (uint32_t)p->mine / rails;
	return p->rank_of[(size_t)p->partner[node] * rails + (uint32_t)p->mine % rails];
}

/* A first sample is not counted: connections are made and pages touched. *NS = 0 without a partner. */
static ct_status take_part(struct probing *p, int64_t *ns)
{
	uint32_t peer = peer_of(p), n = 0;
	bool idle = peer == p->run->world->rank;
	uint64_t taken[SAMPLES + 1];
	ct_status mine = CT_OK, s = CT_OK;

	for (int i = 0; i <= SAMPLES && s == CT_OK; i++) {
		s = ct_session_barrier(p->run->session);
		if (s == CT_OK && mine == CT_OK && !idle)
			mine = talk(p, peer, &taken[n++]);
	}
	if (s == CT_OK)
		s = ct_session_agree(p->run->session, mine);
	*ns = 0;
	if (s != CT_OK || n < 2)
		return s;
	ct_sort_u64(taken + 1, n - 1);
	/* where ranks wait for processors, only the least has little of the scheduler in it */
	*ns = (int64_t)(p->run->world->oversubscribed ? taken[1] : ct_median(taken + 1, n - 1));
	return CT_OK;
}

/* Times of all into words[node * rails + rail], on every rank; one more word tells who wants to end. */
static ct_status round_of_all(struct probing *p)
{
	size_t n = (size_t)p->fleet->nodes * p->fleet->rails;
	int64_t ns = 0;
	ct_status s;

	ct_session_phase(p->run->session, "accept: pairs, messages of rank %u with rank %u",
		p->run->world->rank, peer_of(p));
	s = take_part(p, &ns);
	if (s != CT_OK)
		return s;
	for (size_t i = 0; i <= n; i++)
		p->words[i] = 0;
	if (p->mine >= 0)
		p->words[p->mine] = ns;
	p->words[n] = ct_session_interrupted(p->run->session);
	s = ct_session_max(p->run->session, p->words, n + 1);
	if (s == CT_OK && p->words[n] != 0)
		s = ct_fail(CT_INTERRUPTED, "interrupted between rounds of pairs");
	return s;
}

/* ---- rank 0 --------------------------------------------------------------------------------- */

/* Tells everybody; GO = false: no more rounds. */
static ct_status announce(struct probing *p, bool go)
{
	p->words[WORD_GO] = go;
	p->words[WORD_WINDOW] = p->window;
	for (uint32_t i = 0; i < p->fleet->nodes; i++)
		p->words[WORDS + i] = p->partner[i];
	return ct_session_max(p->run->session, p->words, (size_t)p->fleet->nodes + WORDS);
}

static ct_status lead_round(void *arg, const struct ct_probe *probes, size_t n, double *ns)
{
	struct probing *p = arg;
	uint32_t rails = p->fleet->rails;
	ct_status s;

	for (uint32_t i = 0; i < p->fleet->nodes; i++)
		p->partner[i] = i;
	for (size_t i = 0; i < n; i++)
		p->partner[probes[i].from] = probes[i].to;
	s = announce(p, true);
	if (s == CT_OK)
		s = round_of_all(p);
	p->apart = s != CT_OK;
	for (size_t i = 0; i < n && s == CT_OK; i++)
		ns[i] = (double)p->words[(size_t)probes[i].to * rails + probes[i].rail];
	return s;
}

/* The median time of a message of neighbours, in one round that is not counted. */
static ct_status try_neighbours(struct probing *p, double *ns)
{
	size_t n = (size_t)p->fleet->nodes * p->fleet->rails;
	double *times = ct_alloc(n, sizeof(*times));
	ct_status s;

	if (times == NULL)
		return CT_NOMEM;
	for (uint32_t i = 0; i < p->fleet->nodes; i++)
		p->partner[i] = (i ^ 1u) < p->fleet->nodes ? i ^ 1u : i;
	s = announce(p, true);
	if (s == CT_OK)
		s = round_of_all(p);
	p->apart = s != CT_OK;
	for (size_t i = 0; i < n && s == CT_OK; i++)
		times[i] = (double)p->words[i];
	*ns = ct_fit_median(times, n);
	ct_free(times);
	return s;
}

/* How many messages make a sample, and how many rounds there is time for. */
static ct_status calibrate(struct probing *p, struct ct_isolate_plan *plan)
{
	uint64_t start = ct_now_ns(), took, now = start - p->run->start_ns, rounds = 0;
	double ns = 0;
	ct_status s;

	p->window = 1;
	s = try_neighbours(p, &ns);
	if (s != CT_OK)
		return s;
	if (ns > 0 && SAMPLE_NS / ns > 1)
		p->window = SAMPLE_NS / ns < WINDOW_MOST ? (uint32_t)(SAMPLE_NS / ns) : WINDOW_MOST;
	took = ct_now_ns() - start;
	/* a larger window takes longer, though not than what it aims at */
	took += p->window > 1 ? (SAMPLES + 1) * (uint64_t)SAMPLE_NS : 1;
	if (p->until_ns > now)
		rounds = (p->until_ns - now) / took;
	if (rounds < ROUNDS_LEAST)
		rounds = ROUNDS_LEAST;
	if (rounds < (uint64_t)(3 * log2(p->fleet->nodes)))
		plan->most = (uint32_t)rounds;
	return CT_OK;
}

static void expect(struct probing *p)
{
	const struct ct_net_caps *caps = &p->net.caps;
	struct ct_result r = { .test = { .coll = CT_P2P_ONEWAY, .type = CT_FLOAT, .bytes = p->bytes },
		.bytes = p->bytes, .nranks = p->run->world->nranks, .pairs = p->fleet->rails };

	ct_result_expect(&r, p->run->world, caps, &p->run->report->floors);
	if (!r.expected.known || strcmp(r.expected.basis, "link rate") != 0 || !(r.expected.busbw_Bps > 0))
		return;
	for (int c = 0; c < 2; c++)
		p->fleet->expected_ns[c] = (double)p->bytes * p->window / r.expected.busbw_Bps * 1e9;
}

/* All pairs, round by round; the only thing that grows with the square of the nodes. */
static ct_status fill_matrix(struct probing *p)
{
	uint32_t n = p->fleet->nodes, rounds = ct_pair_rounds(n);
	double *matrix = ct_alloc((size_t)n * n, sizeof(*matrix));
	ct_status s = matrix != NULL ? CT_OK : CT_NOMEM;

	for (uint32_t r = 0; s == CT_OK && r < rounds; r++) {
		ct_pair_round(n, r, p->partner);
		s = announce(p, true);
		if (s == CT_OK)
			s = round_of_all(p);
		p->apart = s != CT_OK;
		for (uint32_t i = 0; s == CT_OK && i < n; i++)
			if (p->partner[i] != i)
				matrix[(size_t)p->partner[i] * n + i] = (double)p->words[(size_t)i * p->fleet->rails] /
					p->window;
	}
	if (s == CT_OK)
		p->run->report->matrix = matrix;
	else
		ct_free(matrix);
	return s;
}

static ct_status lead(struct probing *p, struct ct_isolation *out)
{
	/* where ranks wait for processors, times hang together over rounds: only what stands far out counts */
	struct ct_isolate_plan plan = { .seed = p->run->plan.seed,
		.sigmas = p->run->world->oversubscribed ? 2 : 0 };
	struct ct_pair_source source = { lead_round, p };
	ct_status s = calibrate(p, &plan), told;

	if (s == CT_OK) {
		expect(p);
		s = ct_isolate(p->fleet, &plan, &source, out);
	}
	if (s == CT_OK && p->run->plan.matrix)
		s = fill_matrix(p);
	if (p->apart)
		return s;
	told = announce(p, false);
	p->apart = told != CT_OK;
	return p->apart ? told : s;
}

/* ---- the others ----------------------------------------------------------------------------- */

static ct_status hear(struct probing *p, bool *go)
{
	size_t n = (size_t)p->fleet->nodes + WORDS;
	ct_status s;

	for (size_t i = 0; i < n; i++)
		p->words[i] = -1;
	s = ct_session_max(p->run->session, p->words, n);
	*go = s == CT_OK && p->words[WORD_GO] == 1;
	if (!*go)
		return s;
	p->window = p->words[WORD_WINDOW] > WINDOW_MOST ? WINDOW_MOST : (uint32_t)p->words[WORD_WINDOW];
	for (uint32_t i = 0; i < p->fleet->nodes; i++) {
		int64_t with = p->words[WORDS + i];

		p->partner[i] = with >= 0 && with < p->fleet->nodes ? (uint32_t)with : i;
	}
	return CT_OK;
}

static ct_status follow(struct probing *p)
{
	bool go = true;
	ct_status s = CT_OK;

	while (s == CT_OK && go) {
		s = hear(p, &go);
		if (s == CT_OK && go)
			s = round_of_all(p);
	}
	p->apart = s != CT_OK;
	return s;
}

/* Rank 0's outcome to all. */
static ct_status share(struct probing *p, struct ct_isolation *out)
{
	enum { ROW = sizeof(struct ct_blame) / sizeof(int64_t), HEAD = sizeof(*out) / sizeof(int64_t) };
	bool root = p->run->world->rank == 0;
	int64_t count = root ? (int64_t)out->n : 0, *rows;
	struct ct_isolation got = { 0 };
	ct_status s = ct_session_max(p->run->session, &count, 1);

	_Static_assert(sizeof(struct ct_blame) % sizeof(int64_t) == 0, "whole words");
	_Static_assert(sizeof(struct ct_isolation) % sizeof(int64_t) == 0, "whole words");
	if (s != CT_OK)
		return s;
	if (count < 0 || count > BLAMES_MOST)
		return ct_fail(CT_PEER, "rank 0 tells of %lld slow parts", (long long)count);
	rows = ct_alloc((size_t)count * ROW + HEAD, sizeof(*rows));
	got.list = ct_alloc((size_t)count, sizeof(*got.list));
	s = ct_session_agree(p->run->session, rows != NULL && got.list != NULL ? CT_OK : CT_NOMEM);
	for (size_t i = 0; s == CT_OK && i < (size_t)count * ROW + HEAD; i++)
		rows[i] = INT64_MIN;
	if (s == CT_OK && root) {
		memcpy(rows, out, sizeof(*out));
		if (count > 0) /* without any there is no list */
			memcpy(rows + HEAD, out->list, (size_t)count * sizeof(*out->list));
	}
	if (s == CT_OK)
		s = ct_session_max(p->run->session, rows, (size_t)count * ROW + HEAD);
	if (s == CT_OK && !root) {
		struct ct_blame *list = got.list;

		memcpy(&got, rows, sizeof(got));
		memcpy(list, rows + HEAD, (size_t)count * sizeof(*list));
		got.list = list;
		got.n = (size_t)count;
		*out = got;
		got.list = NULL;
	}
	ct_free(got.list);
	ct_free(rows);
	return s;
}

/* ---- both ----------------------------------------------------------------------------------- */

/* What --cluster told of the hosts. Without names they have their numbers. */
static void put_leaves(struct probing *p, uint32_t *leaf)
{
	const struct ct_leaves *told = p->run->plan.leaves;
	const char **names;

	if (told == NULL || p->run->world->nhosts < 2)
		return;
	memcpy(leaf, told->of, p->fleet->nodes * sizeof(*leaf));
	p->fleet->rail_leaves = told->rail_leaves && p->fleet->rails > 1;
	p->fleet->uplinks = told->uplinks;
	p->fleet->leaf_names = names = ct_alloc(told->n, sizeof(*names));
	for (uint32_t i = 0; names != NULL && i < told->n; i++)
		names[i] = told->names[i];
}

/* Several hosts: they are the nodes, and their Nth ranks a rail if each has a device of its own. One
 * host: its ranks. */
static ct_status make_fleet(struct probing *p)
{
	const struct ct_world *w = p->run->world;
	struct ct_fleet *f = p->fleet;
	uint32_t least = UINT32_MAX, *next = ct_alloc(w->nhosts, sizeof(*next)), *leaf;

	for (uint32_t i = 0; i < w->nhosts; i++)
		least = w->hosts[i].ranks < least ? w->hosts[i].ranks : least;
	f->nodes = w->nhosts > 1 ? w->nhosts : w->nranks;
	f->rails = w->nhosts > 1 && p->net.caps.sharers < least && least <= 64 ? least : 1;
	f->leaf_of = leaf = ct_alloc(f->nodes, sizeof(*leaf));
	p->rank_of = ct_alloc((size_t)f->nodes * f->rails, sizeof(*p->rank_of));
	if (next == NULL || leaf == NULL || p->rank_of == NULL) {
		ct_free(next);
		return CT_NOMEM;
	}
	put_leaves(p, leaf);
	p->mine = -1;
	for (uint32_t r = 0; r < w->nranks; r++) {
		uint32_t node = w->nhosts > 1 ? w->host_of[r] : r;
		uint32_t rail = w->nhosts > 1 ? next[node]++ : 0;

		if (rail >= f->rails)
			continue;
		p->rank_of[(size_t)node * f->rails + rail] = r;
		if (r == w->rank)
			p->mine = (int64_t)((size_t)node * f->rails + rail);
	}
	ct_free(next);
	return CT_OK;
}

static ct_status name_nodes(struct probing *p)
{
	const struct ct_world *w = p->run->world;
	struct ct_accept_report *r = p->run->report;
	const char **names = ct_alloc(p->fleet->nodes, sizeof(*names));

	p->fleet->names = names;
	r->node_names = ct_alloc(p->fleet->nodes, sizeof(*r->node_names));
	if (names == NULL || r->node_names == NULL)
		return CT_NOMEM;
	for (uint32_t i = 0; i < p->fleet->nodes; i++) {
		if (w->nhosts > 1)
			snprintf(r->node_names[i], sizeof(r->node_names[i]), "%s", w->hosts[i].name);
		else
			snprintf(r->node_names[i], sizeof(r->node_names[i]), "rank %u", i);
		names[i] = r->node_names[i];
	}
	return CT_OK;
}

static ct_status prepare(struct probing *p)
{
	ct_status s = make_fleet(p);
	size_t words;

	if (s == CT_OK)
		s = name_nodes(p);
	if (s != CT_OK)
		return s;
	words = (size_t)p->fleet->nodes * p->fleet->rails + p->fleet->nodes + WORDS + 1;
	p->bytes = p->run->plan.max_bytes < CT_RATE_BYTES ? p->run->plan.max_bytes : CT_RATE_BYTES;
	p->send = ct_alloc_pages(p->bytes);
	p->recv = ct_alloc_pages(p->bytes);
	p->reqs = ct_alloc(2 * WINDOW_MOST, sizeof(*p->reqs));
	p->words = ct_alloc(words, sizeof(*p->words));
	p->partner = ct_alloc(p->fleet->nodes, sizeof(*p->partner));
	return p->send != NULL && p->recv != NULL && p->reqs != NULL && p->words != NULL &&
		p->partner != NULL ? CT_OK : CT_NOMEM;
}

/* The first entrant whose transport is our own; NULL = none. */
static const struct ct_candidate *native(const struct ct_accept *run)
{
	for (size_t i = 0; i < run->nentrants; i++)
		if (strcmp(run->entrant[i].candidate.backend, "native") == 0)
			return &run->entrant[i].candidate;
	return NULL;
}

static void say(struct ct_accept *run)
{
	const struct ct_accept_report *r = run->report;
	char text[CT_BLAME_TEXT];

	ct_accept_line(run, "pairs: %u rounds of disjoint pairs of %u %s, %zu slow part%s", r->isolation.rounds,
		r->fleet.nodes, run->world->nhosts > 1 ? "hosts" : "ranks", r->isolation.n,
		r->isolation.n == 1 ? "" : "s");
	for (size_t i = 0; i < r->isolation.n && i < 20; i++)
		ct_accept_line(run, "pairs: %.200s", ct_blame_text(&r->fleet, &r->isolation.list[i], text));
}

ct_status ct_accept_isolation(struct ct_accept *run, uint64_t until_ns)
{
	struct probing p = { .run = run, .fleet = &run->report->fleet, .until_ns = until_ns };
	const struct ct_candidate *with = native(run);
	struct ct_isolation out = { 0 };
	ct_status s;

	if (with == NULL)
		return CT_OK;
	ct_session_phase(run->session, "accept: pairs, opening %s", with->net);
	s = ct_net_open(with->net[0] != '\0' ? with->net : "auto", run->world, run->plan.net_settings,
		ct_session_net_wrap(run->session), ct_deadline_in(PATIENCE_NS), &p.net);
	if (s != CT_OK)
		return s;
	s = ct_session_agree(run->session, prepare(&p));
	if (s == CT_OK) {
		s = run->world->rank == 0 ? lead(&p, &out) : follow(&p);
		if (!p.apart)
			s = ct_session_agree(run->session, s);
	}
	if (s == CT_OK)
		s = share(&p, &out);
	if (s == CT_OK) {
		run->report->isolation = out;
		run->report->isolated = true;
		say(run);
	} else {
		ct_isolation_free(&out);
	}
	ct_net_close(&p.net);
	ct_free(p.partner);
	ct_free(p.words);
	ct_free(p.reqs);
	ct_free(p.recv);
	ct_free(p.send);
	ct_free(p.rank_of);
	return s;
}
