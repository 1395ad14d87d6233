/* SPDX-License-Identifier: BSD-3-Clause */
/* The measuring of colltune perftest: one prepared operation per size, started once with all its
 * messages, or again and again for a duration; the backend stamps each message. */
#include "perftest.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "coll/coll.h"

enum { LARGEST = 1 << 23, BARS = 2, MOST_SAMPLES = 1 << 27, PEAK_WORK = 1 << 26, SPINS = 64,
	CHUNK_NS = 100000000, MOST_CHUNK = 1 << 20 };

struct perf {
	const struct ct_perftest_job *job;
	const struct ct_perftest_settings *s;
	struct ct_coll_lib lib;
	struct ct_coll_desc desc;
	uint32_t partner[2];
	void *req;
	char algo[24];
	uint64_t bytes;
	/* of the size under way */
	struct ct_perftest_times times;
	struct ct_perftest_window *windows;
	size_t nwindows, room;
	uint64_t elapsed_ns; /* in starts, by the messages' own times */
	uint64_t messages;
	double peak;
	FILE *series;
};

/* ---- taking in what the backend stamped ------------------------------------------------------ */

static ct_status add_times(struct perf *p, const struct ct_coll_series *series)
{
	struct ct_perftest_times *t = &p->times;
	bool halves = !p->job->test->pulls;
	size_t n = series->nposted > 0 ? series->nposted - 1 : 0;

	if (t->n + n > t->room) {
		size_t room = 2 * (t->n + n);
		uint64_t *more = room > MOST_SAMPLES ? NULL : ct_realloc(t->ns, room, sizeof(*more));

		if (more == NULL)
			return ct_fail(CT_NOMEM, "no room for %zu samples", room);
		t->ns = more;
		t->room = room;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t ns = series->posted_ns[i + 1] - series->posted_ns[i];

		t->ns[t->n++] = halves ? ns / 2 : ns;
	}
	if (n > 0)
		p->elapsed_ns += series->posted_ns[n] - series->posted_ns[0];
	return CT_OK;
}

/* A completion COUNT messages after the last one, NS from one to the other. */
static ct_status add_to_windows(struct perf *p, uint64_t from_ns, uint64_t to_ns, uint64_t count)
{
	struct ct_perftest_window *w = p->nwindows > 0 ? &p->windows[p->nwindows - 1] : NULL;

	if (w == NULL || w->to_ns - w->from_ns >= p->s->window) {
		if (p->nwindows == p->room) {
			size_t room = p->room == 0 ? 64 : 2 * p->room;
			struct ct_perftest_window *more = ct_realloc(p->windows, room, sizeof(*more));

			if (more == NULL)
				return CT_NOMEM;
			p->windows = more;
			p->room = room;
		}
		w = &p->windows[p->nwindows++];
		*w = (struct ct_perftest_window){ from_ns, from_ns, 0 };
	}
	w->to_ns = to_ns;
	w->messages += count;
	return CT_OK;
}

/* As perftest: the best rate from any message's posting to any later completion. */
static void find_peak(struct perf *p, const struct ct_coll_series *s)
{
	if (p->s->no_peak || (uint64_t)s->nposted * s->ndone > PEAK_WORK)
		return;
	for (size_t d = 0; d < s->ndone; d++)
		for (size_t i = 0; i < s->nposted && i * s->per_post < s->done[d]; i++) {
			double ns = (double)s->done_ns[d] - (double)s->posted_ns[i], rate;

			rate = ns > 0 ? (double)((s->done[d] - i * s->per_post) * p->bytes) * 1e9 / ns : 0;
			p->peak = rate > p->peak ? rate : p->peak;
		}
}

static ct_status add_rates(struct perf *p, const struct ct_coll_series *s)
{
	uint64_t start, last, count = 0;
	ct_status status = CT_OK;

	if (s->ndone == 0 || s->nposted == 0)
		return CT_OK;
	start = last = s->posted_ns[0];
	for (size_t d = 0; d < s->ndone && status == CT_OK; d++) {
		status = add_to_windows(p, p->elapsed_ns + last - start,
			p->elapsed_ns + s->done_ns[d] - start, s->done[d] - count);
		last = s->done_ns[d];
		count = s->done[d];
	}
	p->elapsed_ns += last - start;
	p->messages += count;
	find_peak(p, s);
	return status;
}

/* ---- one size -------------------------------------------------------------------------------- */

static ct_status barrier(const struct perf *p)
{
	char mine = 0, all[BARS];

	return p->job->world->boot->allgather(p->job->world->boot->ctx, &mine, all, sizeof(mine));
}

static ct_status start_once(struct perf *p)
{
	const struct ct_coll_ops *ops = p->lib.ops;
	struct ct_deadline by;
	struct ct_coll_series series;
	uint64_t span;
	ct_status status = barrier(p);
	unsigned turn = 0;

	if (status == CT_OK)
		status = ops->start(p->lib.self, p->req);
	if (status != CT_OK)
		return status;
	by = ct_deadline_in(p->s->job.timeout);
	while ((status = ops->test(p->lib.self, p->req)) == CT_BUSY) {
		if (++turn % SPINS != 0)
			continue;
		sched_yield(); /* both sides may be on one processor */
		if (ct_deadline_passed(by)) {
			char who[120];

			ops->waiting(p->lib.self, p->req, who, sizeof(who));
			return ct_fail(CT_TIMEOUT, "after %u s still waiting: %s (--timeout)",
				(unsigned)(p->s->job.timeout / 1000000000u), who);
		}
	}
	if (status == CT_OK)
		status = ops->span(p->lib.self, 0, 0, &span); /* settles */
	if (status == CT_OK)
		status = ops->series(p->lib.self, p->req, &series);
	if (status != CT_OK)
		return status;
	return p->job->test->latency ? add_times(p, &series) : add_rates(p, &series);
}

static ct_status prepare(struct perf *p, uint64_t window)
{
	if (p->req != NULL)
		p->lib.ops->release(p->lib.self, p->req);
	p->req = NULL;
	p->desc.window = (uint32_t)window;
	return p->lib.ops->prepare(p->lib.self, &p->desc, &p->req);
}

/* Both sides: is the time over on any of them? */
static ct_status agree_over(const struct perf *p, uint64_t begun_ns, bool *over)
{
	const struct ct_boot *boot = p->job->world->boot;
	uint64_t mine = ct_now_ns() - begun_ns, all[BARS] = { 0 };
	ct_status status = boot->allgather(boot->ctx, &mine, all, sizeof(mine));

	*over = (double)(all[0] > all[1] ? all[0] : all[1]) >= p->s->duration * 1e9;
	return status;
}

/* Messages that take about CHUNK_NS, the same number on both sides. */
static ct_status chunk_of(const struct perf *p, uint64_t window, uint64_t ns, uint64_t *chunk)
{
	const struct ct_boot *boot = p->job->world->boot;
	uint64_t mine = (uint64_t)((double)window * CHUNK_NS / (double)(ns > 0 ? ns : 1)), all[BARS] = { 0 };
	ct_status status = boot->allgather(boot->ctx, &mine, all, sizeof(mine));

	*chunk = all[0] > all[1] ? all[0] : all[1];
	*chunk = *chunk < 16 ? 16 : *chunk > MOST_CHUNK ? MOST_CHUNK : *chunk;
	return status;
}

static ct_status run_messages(struct perf *p)
{
	uint64_t iters = p->s->iters > 0 ? (uint64_t)p->s->iters : (uint64_t)p->job->test->iters;
	uint64_t shown = p->job->test->pulls && p->job->test->latency ? 2 : 1, begun, chunk = 0;
	bool over = p->s->duration == 0;
	ct_status status = prepare(p, over ? (iters + shown - 1) / shown : 128);

	if (status == CT_OK)
		status = start_once(p);
	if (status != CT_OK || over) {
		p->times.iterations = iters;
		return status;
	}
	/* what that took is the warm-up, and tells how many make a stretch that is long enough */
	begun = ct_now_ns();
	status = start_once(p);
	if (status == CT_OK)
		status = chunk_of(p, 128, ct_now_ns() - begun, &chunk);
	if (status == CT_OK)
		status = prepare(p, chunk);
	p->times.n = p->nwindows = 0;
	p->elapsed_ns = p->messages = 0;
	p->peak = 0;
	begun = ct_now_ns();
	while (status == CT_OK && !over) {
		status = start_once(p);
		p->times.iterations += shown * chunk;
		if (status == CT_OK)
			status = agree_over(p, begun, &over);
	}
	return status;
}

/* ---- what is shown --------------------------------------------------------------------------- */

/* The rates of who posted; of both together when both did. */
static ct_status gather_rates(const struct perf *p, struct ct_perftest_rates *sum)
{
	const struct ct_boot *boot = p->job->world->boot;
	struct ct_perftest_rates mine = { p->messages, p->peak, 0, 0 }, all[BARS] = { { 0, 0, 0, 0 } };
	ct_status status;

	if (p->elapsed_ns > 0) {
		mine.average_Bps = (double)(p->messages * p->bytes) * 1e9 / (double)p->elapsed_ns;
		mine.messages_per_s = (double)p->messages * 1e9 / (double)p->elapsed_ns;
	}
	status = boot->allgather(boot->ctx, &mine, all, sizeof(mine));
	*sum = all[p->s->bidirectional ? 0 : p->job->test->pulls];
	if (p->s->bidirectional) {
		sum->peak_Bps += all[1].peak_Bps;
		sum->average_Bps += all[1].average_Bps;
		sum->messages_per_s += all[1].messages_per_s;
	}
	return status;
}

static void show_samples(const struct perf *p)
{
	if (!p->s->unsorted && !p->s->histogram)
		return;
	printf("#, usec\n");
	for (size_t i = 0; i < p->times.n; i++)
		printf("%zu, %g\n", i + 1, (double)p->times.ns[i] / 1e3);
}

static void write_series(const struct perf *p)
{
	for (size_t i = 0; p->series != NULL && i < p->nwindows; i++)
		fprintf(p->series, "%llu,%.6f,%.6f,%llu,%.6g\n", (unsigned long long)p->bytes,
			(double)p->windows[i].from_ns / 1e9, (double)p->windows[i].to_ns / 1e9,
			(unsigned long long)p->windows[i].messages, (double)(p->windows[i].messages *
			p->bytes) * 1e9 / (double)(p->windows[i].to_ns - p->windows[i].from_ns + 1));
}

static ct_status show(struct perf *p)
{
	struct ct_perftest_rates rates;
	ct_status status = CT_OK;

	if (p->job->test->latency) {
		if (p->job->speaks && p->s->unsorted)
			show_samples(p);
		if (p->job->speaks)
			ct_perftest_latency_row(stdout, p->bytes, &p->times); /* sorts */
		if (p->job->speaks && p->s->histogram && !p->s->unsorted)
			show_samples(p);
	} else {
		status = gather_rates(p, &rates);
		if (status == CT_OK && p->job->speaks) {
			ct_perftest_rates_row(stdout, p->bytes, &rates, p->s->gbits);
			ct_perftest_windows_row(stdout, p->bytes, p->windows, p->nwindows);
			write_series(p);
		}
	}
	fflush(stdout);
	return status;
}

/* The right data are looked for once more after what was measured; ELEMENTS that differ here. */
static ct_status one_size(struct perf *p, uint64_t *wrong)
{
	const struct ct_world *w = p->job->world;
	ct_status status;

	p->desc.count = p->bytes % 4 == 0 ? p->bytes / 4 : p->bytes / 2;
	p->desc.type = p->bytes % 4 == 0 ? CT_INT32 : CT_HALF;
	p->bytes = p->desc.count * ct_type_bytes(p->desc.type);
	p->times.n = p->nwindows = 0;
	p->times.iterations = p->elapsed_ns = p->messages = 0;
	p->peak = 0;
	ct_verify_spoil(&p->desc, w->rank, w->nranks);
	ct_verify_fill(&p->desc, w->rank, w->nranks, p->desc.seed);
	status = run_messages(p);
	if (status == CT_OK)
		*wrong += ct_verify_count(&p->desc, w->rank, w->nranks, p->desc.seed);
	if (status == CT_OK)
		status = show(p);
	if (p->req != NULL)
		p->lib.ops->release(p->lib.self, p->req);
	p->req = NULL;
	return status;
}

/* ---- all sizes ------------------------------------------------------------------------------- */

static void print_head(const struct perf *p)
{
	const struct ct_coll_caps *caps = p->lib.ops->query(p->lib.self);

	printf("# colltune %s perftest %s: %s, %s; %s\n", ct_version(), p->job->test->name, p->algo,
		p->s->bidirectional ? "both directions" : "one direction", caps->net.path);
	if (strcmp(p->algo, "write_uc") == 0 && !p->job->test->latency)
		printf("# over UC nothing tells that a write has arrived: rates are of the sender's completions, "
			"what is lost is not seen\n");
	if (p->job->test->latency)
		ct_perftest_latency_head(stdout);
	else
		ct_perftest_rates_head(stdout, p->s->gbits);
	fflush(stdout);
}

static ct_status open_series(struct perf *p)
{
	if (p->s->series == NULL || !p->job->speaks)
		return CT_OK;
	p->series = fopen(p->s->series, "we");
	if (p->series == NULL)
		return ct_fail(CT_IO, "%s: %s", p->s->series, strerror(errno));
	fprintf(p->series, "bytes,from_s,to_s,messages,bytes_per_s\n");
	return CT_OK;
}

static ct_status run_sizes(struct perf *p, uint64_t *wrong)
{
	uint64_t first = p->s->all ? 2 : p->s->size > 0 ? p->s->size : p->job->test->size;
	uint64_t last = p->s->all ? LARGEST : first;
	const struct ct_boot *boot = p->job->world->boot;
	ct_status status = CT_OK;

	p->desc.send = ct_alloc_pages(last);
	p->desc.recv = ct_alloc_pages(last);
	status = ct_boot_agree(boot, p->desc.send == NULL || p->desc.recv == NULL ? CT_NOMEM :
		open_series(p));
	if (status == CT_OK && p->job->speaks)
		print_head(p);
	for (uint64_t bytes = first; bytes <= last && status == CT_OK; bytes *= 2) {
		p->bytes = bytes;
		status = one_size(p, wrong);
	}
	ct_free(p->desc.send);
	ct_free(p->desc.recv);
	ct_free(p->times.ns);
	ct_free(p->windows);
	if (p->series != NULL && fclose(p->series) != 0 && status == CT_OK)
		status = ct_fail(CT_IO, "%s: %s", p->s->series, strerror(errno));
	return status;
}

ct_status ct_perftest_run(const struct ct_perftest_job *job, uint64_t *wrong)
{
	const struct ct_perftest_settings *s = job->settings;
	struct perf p = { .job = job, .s = s, .partner = { 1, 0 }, .desc = { .partner = p.partner,
		.algo = p.algo, .seed = 1, .series = true,
		.coll = job->test->latency ? CT_P2P_LATENCY : s->bidirectional ? CT_P2P_DUPLEX
			: CT_P2P_ONEWAY,
		.knob = { s->qp, s->post_list, -1, 0 } } };
	struct ct_coll_env env = { .world = job->world, .net = "auto", .net_settings = &s->job.net_rows,
		.open_by = ct_deadline_in(s->job.timeout) };
	ct_status status;

	snprintf(p.algo, sizeof(p.algo), "%s%s", job->test->algo, strcmp(s->connection, "UC") == 0 ? "_uc"
		: strcmp(s->connection, "UD") == 0 ? "_ud" : "");
	status = ct_coll_open("verbs", job->modules, &env, &p.lib);
	if (status != CT_OK)
		return status;
	status = run_sizes(&p, wrong);
	ct_coll_close(&p.lib);
	if (status == CT_OK && *wrong > 0)
		fprintf(stderr, "colltune perftest: %llu elements arrived wrong\n",
			(unsigned long long)*wrong);
	return status;
}
