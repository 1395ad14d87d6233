/* SPDX-License-Identifier: BSD-3-Clause */
/* Floors: rounds of the same plain probe on all ranks of a host at once, or on its first rank alone
 * while the others rest. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "floor_probe.h"
#include "measure.h"

/* The values of one host, in the order of its row of the sum below. */
enum { COPY_ONE, COPY, REDUCE, STREAM_ONE, STREAM, NRATES };
enum { HOP = NRATES * CT_FLOOR_SIZES, STREAM_NS, NVALUES };

enum { BUFFERS = 2, MEMORY_SHARE = 8 };

static const uint64_t sizes[CT_FLOOR_SIZES] = { 4u << 10, 64u << 10, 1u << 20, 16u << 20,
						64u << 20 };

struct floor_run {
	struct ct_session *session;
	const struct ct_world *world;
	void *a, *b;
	int held; /* sizes from here on need too much memory: the last rate is held */
	int64_t value[NVALUES];
};

/* How many of the sizes fit: all ranks of the host together take at most 1/8 of its free memory. */
static int sizes_that_fit(uint32_t local_ranks)
{
	long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	uint64_t room = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page / MEMORY_SHARE : 0;
	int n = 1;

	while (n < CT_FLOOR_SIZES && sizes[n] * BUFFERS * local_ranks <= room)
		n++;
	return n;
}

/* Waits as long as a probe runs without taking a processor from the rank that is measured, as
 * waiting in a barrier would on a host with more ranks than processors. */
static void rest(void)
{
	struct timespec t = { 0, CT_PROBE_TRIES * CT_PROBE_WINDOW_NS };

	nanosleep(&t, NULL);
}

static uint64_t probe(struct floor_run *run, int rate, uint64_t bytes)
{
	switch (rate) {
	case COPY_ONE:
	case COPY:
		return ct_probe_copy(run->a, run->b, bytes, sizes[run->held - 1]);
	case REDUCE:
		return ct_probe_reduce(run->a, run->b, bytes, sizes[run->held - 1]);
	default:
		return ct_probe_stream(run->a, run->b, bytes);
	}
}

static ct_status run_rate(struct floor_run *run, int rate)
{
	bool one = rate == COPY_ONE || rate == STREAM_ONE, first = run->world->local_rank == 0;
	int64_t *value = &run->value[rate * CT_FLOOR_SIZES];
	ct_status s;

	for (int i = 0; i < CT_FLOOR_SIZES; i++) {
		if (i >= run->held) {
			value[i] = value[i - 1];
			continue;
		}
		s = ct_session_barrier(run->session);
		if (s != CT_OK)
			return s;
		if (one && !first)
			rest();
		else
			value[i] = (int64_t)probe(run, rate, sizes[i]);
	}
	return CT_OK;
}

/* All that the first rank of the host measures alone. */
static ct_status run_latencies(struct floor_run *run)
{
	ct_status s = ct_session_barrier(run->session);

	if (s != CT_OK)
		return s;
	if (run->world->local_rank != 0) {
		rest();
		return CT_OK;
	}
	run->value[HOP] = (int64_t)ct_probe_hop_ns();
	run->value[STREAM_NS] = (int64_t)ct_probe_stream_ns();
	return CT_OK;
}

/* HOST's values from those of its ranks: a mean where all took part, else the first rank's. */
static void keep_slowest(struct ct_floors *f, const int64_t *sum, uint32_t ranks, bool first)
{
	double *const rows[NRATES] = { f->copy_one_Bps, f->copy_Bps, f->reduce_Bps,
				       f->stream_one_Bps, f->stream_Bps };

	for (int rate = 0; rate < NRATES; rate++) {
		for (int i = 0; i < CT_FLOOR_SIZES; i++) {
			double Bps = (double)sum[rate * CT_FLOOR_SIZES + i];

			if (rate != COPY_ONE && rate != STREAM_ONE)
				Bps /= ranks;
			if (first || Bps < rows[rate][i])
				rows[rate][i] = Bps;
		}
	}
	if (first || (uint64_t)sum[HOP] > f->hop_ns)
		f->hop_ns = (uint64_t)sum[HOP];
	if (first || (uint64_t)sum[STREAM_NS] > f->stream_ns)
		f->stream_ns = (uint64_t)sum[STREAM_NS];
	if (ranks > f->ranks)
		f->ranks = ranks;
}

static ct_status share(struct floor_run *run, struct ct_floors *floors)
{
	const struct ct_world *w = run->world;
	struct ct_floors f = { 0 };
	int64_t *all = ct_alloc(w->nhosts, sizeof(run->value));
	ct_status s;

	s = ct_session_agree(run->session, all != NULL ? CT_OK : CT_NOMEM);
	if (s != CT_OK)
		goto out;
	memcpy(&all[(size_t)w->host_of[w->rank] * NVALUES], run->value, sizeof(run->value));
	s = ct_session_sum(run->session, all, (size_t)w->nhosts * NVALUES);
	if (s != CT_OK)
		goto out;
	memcpy(f.bytes, sizes, sizeof(sizes));
	for (uint32_t h = 0; h < w->nhosts; h++)
		keep_slowest(&f, &all[(size_t)h * NVALUES], w->hosts[h].ranks, h == 0);
	f.known = true;
	*floors = f;
out:
	ct_free(all);
	return s;
}

/* Held sizes must be the same on all ranks, since each size begins with a barrier. */
static ct_status agree_on_sizes(struct floor_run *run)
{
	int64_t left = CT_FLOOR_SIZES - sizes_that_fit(run->world->local_ranks);
	ct_status s = ct_session_max(run->session, &left, 1);

	run->held = CT_FLOOR_SIZES - (int)left;
	return s;
}

ct_status ct_floors_measure(struct ct_session *session, struct ct_floors *floors)
{
	struct floor_run run = { .session = session, .world = ct_session_world(session) };
	uint64_t most;
	ct_status s;

	ct_session_phase(session, "floors: plain copy, reduce, stream and cache line");
	s = agree_on_sizes(&run);
	if (s != CT_OK)
		return s;
	most = sizes[run.held - 1];
	run.a = ct_alloc_pages(most);
	run.b = ct_alloc_pages(most);
	s = ct_session_agree(session, run.a != NULL && run.b != NULL ? CT_OK : CT_NOMEM);
	if (s != CT_OK)
		goto out;
	/* Pages that were never written all read from one zero page, which is far too fast. */
	memset(run.a, 0, most);
	memset(run.b, 0, most);
	for (int rate = 0; rate < NRATES && s == CT_OK; rate++)
		s = run_rate(&run, rate);
	if (s == CT_OK)
		s = run_latencies(&run);
	if (s == CT_OK)
		s = share(&run, floors);
out:
	ct_free(run.b);
	ct_free(run.a);
	return s;
}
