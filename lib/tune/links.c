/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links by netgauge's method, over whatever a backend's own messages are: ping-pong, and n messages
 * with one reply against one message with one reply, one way and both ways. All pairs at once, since
 * that is how a collective uses them. Then what a schedule of ours would take over such links.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tune.h"

enum { POINTS = 7, LEAST_POINTS = 4, SAMPLES = 5, SAMPLES_LARGE = 2, WINDOW = 16, WINDOW_LARGE = 4, WORK_BYTES = 256 << 10, WORK_TRIES = 5 };

static const double slow_ns = 250000; /* beyond it, too, a message is sent a few times only */

static const uint64_t point_bytes[POINTS] = { 8, 256, 4 << 10, 32 << 10, 128 << 10, 512 << 10, 2 << 20 };

/* Neighbours on a host, or rank k of host 0 with rank k of host 1 and so on; false: there are none. */
static bool pair_up(const struct ct_world *w, bool across, uint32_t *partner)
{
	bool any = false;

	for (uint32_t r = 0; r < w->nranks; r++)
		partner[r] = r;
	for (uint32_t a = 0; a < w->nranks; a++) {
		for (uint32_t b = a + 1; b < w->nranks && partner[a] == a; b++) {
			bool other = w->host_of[a] != w->host_of[b];

			if (partner[b] != b || other != across)
				continue;
			partner[a] = b;
			partner[b] = a;
			any = true;
		}
	}
	return any;
}

struct measuring {
	struct ct_session *session;
	struct ct_tuned *tuned;
	uint32_t candidate;
	const uint32_t *partner;
	bool few; /* samples and messages: these take long */
};

/* Median time of one start of WINDOW messages of BYTES: 0 = cannot be measured. */
static ct_status time_of(struct measuring *m, ct_coll coll, uint64_t bytes, uint32_t window, double *ns)
{
	struct ct_test test = { .coll = coll, .type = CT_FLOAT, .op = CT_SUM, .bytes = bytes,
		.window = window, .partner = m->partner };
	uint32_t n = m->few ? SAMPLES_LARGE : SAMPLES;
	struct ct_trial trial = { .test = &test, .which = &m->candidate, .n = 1, .samples = n };
	uint64_t samples[SAMPLES];
	ct_status each, status;
	struct ct_trial_out out = { samples, &each, 0 };

	status = ct_trials_take(m->tuned->trials, &trial, &out);
	*ns = 0;
	if (status != CT_OK)
		return status;
	if (each != CT_OK)
		return CT_OK;
	ct_sort_u64(samples, n);
	*ns = (double)ct_median(samples, n) * (coll == CT_P2P_LATENCY ? 1 : window);
	return CT_OK;
}

/* (T(n) - T(1)) / (n - 1) */
static ct_status gap_of(struct measuring *m, ct_coll coll, uint64_t bytes, double *ns)
{
	uint32_t n = m->few ? WINDOW_LARGE : WINDOW;
	double one = 0, many = 0;
	ct_status status = time_of(m, coll, bytes, 1, &one);

	if (status == CT_OK)
		status = time_of(m, coll, bytes, n, &many);
	*ns = fmax(0, (many - one) / (n - 1));
	return status;
}

/* How many points there are: none far beyond what is searched, since on slow links one of 2 MiB takes longer than
 * a whole sweep of small sizes. */
static size_t points_for(uint64_t most_bytes)
{
	size_t n = LEAST_POINTS;

	while (n < POINTS && point_bytes[n - 1] < most_bytes)
		n++;
	return n;
}

static ct_status measure_class(struct measuring *m, struct ct_link *link)
{
	struct ct_link_points p = { .n = points_for(m->tuned->attr.max_bytes) };

	for (size_t i = 0; i < p.n; i++) {
		ct_status status;

		p.bytes[i] = point_bytes[i];
		m->few = p.bytes[i] > WORK_BYTES || (i > 0 && p.oneway_ns[i - 1] > slow_ns);
		status = time_of(m, CT_P2P_LATENCY, p.bytes[i], 1, &p.oneway_ns[i]);
		m->few |= p.oneway_ns[i] > slow_ns;
		if (status == CT_OK)
			status = gap_of(m, CT_P2P_ONEWAY, p.bytes[i], &p.gap_ns[i]);
		if (status == CT_OK)
			status = gap_of(m, CT_P2P_DUPLEX, p.bytes[i], &p.duplex_ns[i]);
		if (status != CT_OK)
			return status;
		if (p.oneway_ns[i] == 0)
			p.n = i; /* the rest would not do either */
	}
	ct_link_fit(&p, link);
	return CT_OK;
}

/* ns per byte of a sum and of a copy on the slowest rank, all at once. */
static ct_status measure_work(struct ct_session *session, double *reduce_ns, double *copy_ns)
{
	char *a = ct_alloc_pages(2 * WORK_BYTES);
	int64_t best[2] = { INT64_MAX, INT64_MAX };
	ct_status status = ct_session_agree(session, a != NULL ? CT_OK : CT_NOMEM);

	if (a != NULL)
		memset(a, 0x3c, 2 * WORK_BYTES);
	for (int i = 0; i < WORK_TRIES && status == CT_OK; i++) {
		uint64_t begin = ct_now_ns(), middle;

		ct_reduce(CT_FLOAT, CT_SUM, a, a, a + WORK_BYTES, WORK_BYTES / 4);
		middle = ct_now_ns();
		memcpy(a, a + WORK_BYTES, WORK_BYTES);
		best[0] = (int64_t)(middle - begin) < best[0] ? (int64_t)(middle - begin) : best[0];
		begin = ct_now_ns();
		best[1] = (int64_t)(begin - middle) < best[1] ? (int64_t)(begin - middle) : best[1];
	}
	ct_free(a);
	if (status == CT_OK)
		status = ct_session_max(session, best, 2);
	if (status == CT_OK) {
		*reduce_ns = (double)best[0] / WORK_BYTES;
		*copy_ns = (double)best[1] / WORK_BYTES;
	}
	return status;
}

ct_status ct_tune_measure_links(struct ct_session *session, struct ct_tuned *t, size_t i)
{
	const struct ct_world *w = ct_session_world(session);
	struct ct_tune_links *links = &t->links[i];
	uint32_t *partner = ct_alloc(w->nranks, sizeof(*partner));
	struct measuring m = { session, t, 0, partner, false };
	double reduce_ns = 0, copy_ns = 0;
	uint64_t begin = ct_now_ns();
	int64_t spent;
	ct_status status = partner != NULL ? ct_trials_add(t->trials, &t->base[i], &m.candidate) : CT_NOMEM;

	status = ct_session_agree(session, status);
	if (status == CT_OK)
		status = measure_work(session, &reduce_ns, &copy_ns);
	if (status == CT_OK && pair_up(w, false, partner))
		status = measure_class(&m, &links->host);
	/* partners are told apart by address: the same place with others in it would not do */
	if (status == CT_OK && w->nhosts > 1) {
		uint32_t *across = ct_alloc(w->nranks, sizeof(*across));

		status = ct_session_agree(session, across != NULL ? CT_OK : CT_NOMEM);
		m.partner = across;
		if (status == CT_OK && pair_up(w, true, across))
			status = measure_class(&m, &links->net);
		ct_trials_forget(t->trials);
		ct_free(across);
	}
	ct_trials_forget(t->trials);
	ct_free(partner);
	links->host.reduce_ns = links->net.reduce_ns = reduce_ns;
	links->host.copy_ns = links->net.copy_ns = copy_ns;
	spent = (int64_t)(ct_now_ns() - begin);
	if (status == CT_OK)
		status = ct_session_max(session, &spent, 1);
	links->spent_ns = (uint64_t)spent;
	return status;
}

/* ---- prediction ----------------------------------------------------------------------------- */

/* Where others call an algorithm of ours by another name, or its knob. */
static const struct {
	const char *theirs, *ours;
} aliases[] = {
	{ "modified_bruck", "bruck" },
	{ "segmented_ring", "ring" },
};

struct classes {
	const struct ct_tune_links *links;
	uint32_t ranks_per_host;
};

static const struct ct_link *link_of(void *arg, uint32_t a, uint32_t b)
{
	const struct classes *c = arg;
	bool same_host = a / c->ranks_per_host == b / c->ranks_per_host;

	if (same_host || !c->links->net.known)
		return c->links->host.known ? &c->links->host : &c->links->net;
	return &c->links->net;
}

double ct_tune_predict(const struct ct_tune_part *part, size_t cell, uint64_t bytes, uint32_t nranks,
	uint32_t ranks_per_host, bool *alike)
{
	const struct ct_candidate *c = &part->cells[cell];
	struct classes classes = { part->links, ranks_per_host > 0 ? ranks_per_host : 1 };
	struct ct_predict in = { .coll = part->coll, .algo = c->algo, .nranks = nranks, .bytes = bytes,
		.type = CT_FLOAT, .link_of = link_of, .arg = &classes };
	double ns = 0;

	if (!part->links->host.known && !part->links->net.known)
		return 0;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].theirs, c->algo) == 0)
			in.algo = aliases[i].ours;
	for (uint32_t k = 0; k < c->nknobs; k++)
		if (strncmp(c->knob_name[k], "seg", 3) == 0)
			in.segment = (uint64_t)c->knob[k];
	return ct_coll_predict(&in, &ns, alike) == CT_OK ? ns : 0;
}
