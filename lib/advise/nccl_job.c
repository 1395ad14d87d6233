/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles of NCCL's collectives: slow ones, and the rank that the others wait for. */
#include <math.h>
#include <string.h>

#include "advise.h"

enum { KIND_LEAST = 8, SLOW_TIMES = 3 };
/* A straggler: so rarely last by chance, and so much of the kernels' time. */
static const double chance_most = 0.01, share_least = 0.05;

/* One collective over all ranks: calls [first, end) of the sorted list. */
struct group {
	size_t first, end;
	uint64_t least_ns, second_ns, most_ns;
	size_t last; /* the call with the least: its rank came last */
	bool timed, whole; /* by any rank; by every rank of the communicator */
};

static int by_number(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_kind(const struct ct_nccl_call *a, const struct ct_nccl_call *b)
{
	int order = strcmp(a->coll, b->coll);

	if (order == 0)
		order = by_number(a->bytes, b->bytes);
	if (order == 0)
		order = strcmp(a->type, b->type);
	if (order == 0)
		order = strcmp(a->algo, b->algo);
	if (order == 0)
		order = strcmp(a->proto, b->proto);
	return order != 0 ? order : by_number(a->channels, b->channels);
}

static int by_kind_and_collective(const void *left, const void *right, void *context)
{
	const struct ct_nccl_call *a = left, *b = right;
	const struct ct_nccl_rank *ranks = context;
	int order = by_kind(a, b);

	if (order == 0)
		order = by_number(ranks[a->rank].job, ranks[b->rank].job);
	if (order == 0)
		order = by_number(ranks[a->rank].comm, ranks[b->rank].comm);
	if (order == 0)
		order = by_number(a->number, b->number);
	return order != 0 ? order : by_number(ranks[a->rank].rank, ranks[b->rank].rank);
}

static bool same_collective(const struct ct_nccl_job *p, size_t a, size_t b)
{
	return by_kind(&p->calls[a], &p->calls[b]) == 0 &&
		(!p->calls[a].p2p || p->calls[a].rank == p->calls[b].rank) && p->calls[a].number == p->calls[b].number &&
		p->ranks[p->calls[a].rank].job == p->ranks[p->calls[b].rank].job &&
		p->ranks[p->calls[a].rank].comm == p->ranks[p->calls[b].rank].comm;
}

static void add_time(struct group *g, size_t call, uint64_t ns)
{
	if (!g->timed || ns < g->least_ns) {
		g->second_ns = g->timed ? g->least_ns : UINT64_MAX;
		g->least_ns = ns;
		g->last = call;
	} else if (ns < g->second_ns) {
		g->second_ns = ns;
	}
	g->most_ns = g->timed && g->most_ns > ns ? g->most_ns : ns;
	g->timed = true;
}

static struct group group_at(const struct ct_nccl_job *p, size_t first)
{
	struct group g = { .first = first, .end = first };
	size_t timed = 0;

	for (; g.end < p->ncalls && same_collective(p, first, g.end); g.end++)
		if (p->calls[g.end].timed) {
			add_time(&g, g.end, p->calls[g.end].kernel_ns);
			timed++;
		}
	g.whole = timed > 1 && timed == p->ranks[p->calls[first].rank].ranks;
	return g;
}

static void blame(struct ct_nccl_job *p, const struct group *g)
{
	for (size_t i = g->first; i < g->end; i++)
		p->ranks[p->calls[i].rank].shared++;
	p->ranks[p->calls[g->last].rank].last++;
	p->ranks[p->calls[g->last].rank].caused_ns += g->second_ns - g->least_ns;
}

/* Chance of HITS or more of N at Q each: the sum of the binomial's upper tail. */
static double tail(uint64_t n, uint64_t hits, double q)
{
	double sum = 0;

	for (uint64_t k = hits; k <= n; k++)
		sum += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) +
			(double)k * log(q) + (double)(n - k) * log1p(-q));
	return sum < 1 ? sum : 1;
}

/* TOTAL_NS: what the kernels took in all communicators, waiting left out. */
static void judge_ranks(struct ct_nccl_job *p, uint64_t total_ns)
{
	for (size_t i = 0; i < p->nranks; i++) {
		struct ct_nccl_rank *r = &p->ranks[i];

		r->p = 1;
		if (r->ranks < 2 || r->shared == 0)
			continue;
		r->p = tail(r->shared, r->last, 1.0 / r->ranks) * r->ranks;
		r->p = r->p < 1 ? r->p : 1;
		r->straggler = r->p < chance_most && (double)r->caused_ns > share_least * (double)total_ns;
	}
}

/* A kind is made of groups [first, first + n). */
static void sum_up(struct ct_nccl_job *p, const struct group *groups, size_t n, uint64_t *scratch)
{
	struct ct_nccl_kind *kind = &p->kinds[p->nkinds];
	size_t timed = 0, whole = 0;

	*kind = (struct ct_nccl_kind){ .example = &p->calls[groups[0].first] };
	for (size_t i = 0; i < n; i++)
		if (groups[i].timed) {
			scratch[timed++] = groups[i].least_ns;
			kind->several = kind->several || groups[i].end - groups[i].first > 1;
		}
	kind->calls = timed;
	ct_sort_u64(scratch, timed);
	kind->median_ns = ct_median(scratch, timed);
	kind->longest_ns = timed > 0 ? scratch[timed - 1] : 0;
	for (size_t i = 0; i < n; i++)
		if (groups[i].whole)
			scratch[whole++] = groups[i].most_ns - groups[i].least_ns;
	ct_sort_u64(scratch, whole);
	kind->median_wait_ns = ct_median(scratch, whole);
	p->nkinds++;
	for (size_t i = 0; i < n && timed >= KIND_LEAST && !kind->example->p2p; i++)
		if (groups[i].timed && groups[i].least_ns > SLOW_TIMES * kind->median_ns)
			p->slow[p->nslow++] = (struct ct_nccl_slow){ &p->calls[groups[i].last],
				groups[i].least_ns, kind->median_ns };
}

static int most_time_first(const void *left, const void *right)
{
	const struct ct_nccl_kind *a = left, *b = right;

	return by_number(b->calls * b->median_ns, a->calls * a->median_ns);
}

static int slowest_first(const void *left, const void *right)
{
	const struct ct_nccl_slow *a = left, *b = right;

	return by_number(b->ns, a->ns);
}

static void by_kinds(struct ct_nccl_job *p, const struct group *groups, size_t ngroups, uint64_t *scratch)
{
	size_t end;

	for (size_t first = 0; first < ngroups; first = end) {
		for (end = first; end < ngroups && by_kind(&p->calls[groups[first].first],
			&p->calls[groups[end].first]) == 0;)
			end++;
		sum_up(p, groups + first, end - first, scratch);
	}
	qsort(p->kinds, p->nkinds, sizeof(*p->kinds), most_time_first);
	qsort(p->slow, p->nslow, sizeof(*p->slow), slowest_first);
}

static int by_communicator(const void *left, const void *right, void *context)
{
	const struct ct_nccl_rank *ranks = context, *a = &ranks[*(const uint64_t *)left];
	const struct ct_nccl_rank *b = &ranks[*(const uint64_t *)right];
	int order = by_number(a->job, b->job);

	if (order == 0)
		order = by_number(a->comm, b->comm);
	return order != 0 ? order : by_number(a->rank, b->rank);
}

/* ORDER[0 … N - 1] are one communicator's ranks, ascending. */
static void compare_progress(struct ct_nccl_job *p, const uint64_t *order, size_t n)
{
	uint64_t most = 0;
	uint32_t next = 0, missing = 0, first = 0;

	for (size_t i = 0; i < n; i++) {
		const struct ct_nccl_rank *r = &p->ranks[order[i]];

		if (r->rank > next && missing == 0)
			first = next;
		missing += r->rank > next ? r->rank - next : 0;
		next = r->rank + 1;
		most = r->seen > most ? r->seen : most;
	}
	if (p->ranks[order[0]].ranks > next) {
		first = missing == 0 ? next : first;
		missing += p->ranks[order[0]].ranks - next;
	}
	for (size_t i = 0; i < n; i++) {
		p->ranks[order[i]].most_seen = most;
		p->ranks[order[i]].missing = missing;
		p->ranks[order[i]].first_missing = first;
	}
}

/* Every rank of a communicator begins the same collectives: who began fewer is who did not arrive. */
static ct_status judge_progress(struct ct_nccl_job *p)
{
	uint64_t *order = ct_alloc(p->nranks, sizeof(*order));

	if (order == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < p->nranks; i++)
		order[i] = i;
	qsort_r(order, p->nranks, sizeof(*order), by_communicator, p->ranks);
	for (size_t first = 0, end; first < p->nranks; first = end) {
		const struct ct_nccl_rank *r = &p->ranks[order[first]];

		for (end = first + 1; end < p->nranks && p->ranks[order[end]].job == r->job &&
			p->ranks[order[end]].comm == r->comm;)
			end++;
		compare_progress(p, order + first, end - first);
	}
	ct_free(order);
	return CT_OK;
}

/* The calls are sorted otherwise now; each remembers its place in its file. */
static void find_newest(struct ct_nccl_job *p)
{
	for (size_t i = 0; i < p->ncalls; i++) {
		struct ct_nccl_rank *r = &p->ranks[p->calls[i].rank];

		if (p->calls[i].p2p)
			continue;
		if (r->newest == NULL || p->calls[i].line > r->newest->line)
			r->newest = &p->calls[i];
	}
}

ct_status ct_nccl_job_judge(struct ct_nccl_job *p)
{
	struct group *groups = ct_alloc(p->ncalls, sizeof(*groups));
	uint64_t *scratch = ct_alloc(p->ncalls, sizeof(*scratch)), total_ns = 0;
	ct_status status = CT_NOMEM;
	size_t ngroups = 0;

	p->kinds = ct_alloc(p->ncalls, sizeof(*p->kinds));
	p->slow = ct_alloc(p->ncalls, sizeof(*p->slow));
	p->wholes = ct_alloc(p->ncalls, sizeof(*p->wholes));
	if (groups == NULL || scratch == NULL || p->kinds == NULL || p->slow == NULL || p->wholes == NULL)
		goto free_scratch;
	qsort_r(p->calls, p->ncalls, sizeof(*p->calls), by_kind_and_collective, p->ranks);
	for (size_t at = 0; at < p->ncalls; at = groups[ngroups++].end) {
		groups[ngroups] = group_at(p, at);
		if (!groups[ngroups].whole)
			continue;
		blame(p, &groups[ngroups]);
		total_ns += groups[ngroups].least_ns;
		p->wholes[p->nwholes++] = (struct ct_nccl_whole){ &p->calls[at], groups[ngroups].most_ns };
	}
	judge_ranks(p, total_ns);
	by_kinds(p, groups, ngroups, scratch);
	find_newest(p);
	status = judge_progress(p);
free_scratch:
	ct_free(scratch);
	ct_free(groups);
	return status;
}

void ct_nccl_job_free(struct ct_nccl_job *p)
{
	ct_free(p->ranks);
	ct_free(p->calls);
	ct_free(p->kinds);
	ct_free(p->slow);
	ct_free(p->wholes);
	*p = (struct ct_nccl_job){ .ranks = NULL };
}
