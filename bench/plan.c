/* SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIZES = 4096, MOST_OPERATIONS = 1 << 20 };

static const char *const placement_choices[] = { "out", "in", "both", NULL };

#define AT(field) offsetof(struct ct_bench_settings, field)
const struct ct_option ct_bench_own_options[] = {
	{ "min-bytes", 'b', CT_OPT_SIZE, AT(min_bytes), "8", 0, 1.1e12, NULL, "SIZE", "first size" },
	{ "max-bytes", 'e', CT_OPT_SIZE, AT(max_bytes), "4M", 0, 1.1e12, NULL, "SIZE", "last size" },
	{ "step-factor", 'f', CT_OPT_REAL, AT(factor), "4", 1, 1e6, NULL, "X",
		"next size = size * X; 1: use --step-bytes" },
	{ "step-bytes", 'i', CT_OPT_SIZE, AT(step_bytes), "0", 0, 1.1e12, NULL, "SIZE",
		"next size = size + SIZE, instead of a factor" },
	{ "iters", 'n', CT_OPT_INT, AT(iters), "20", 1, 1e9, NULL, "N",
		"least samples of a point; more are taken until --precision or --budget" },
	{ "max-iters", 0, CT_OPT_INT, AT(max_iters), "100000", 1, 1e9, NULL, "N", "most samples" },
	{ "warmup-iters", 'w', CT_OPT_INT, AT(warmup), "5", 1, 1e6, NULL, "N", "least warm-up calls" },
	{ "check", 'c', CT_OPT_INT, AT(check), "1", 0, 1000, NULL, "N",
		"verify every element of the warm-up's results; 0: do not" },
	{ "op", 'o', CT_OPT_TEXT, AT(op), "sum", 0, 0, NULL, "OP", "sum, prod, min, max or all" },
	{ "datatype", 'd', CT_OPT_TEXT, AT(type), "float", 0, 0, NULL, "TYPE",
		"int32, int64, half, bfloat16, float, double or all" },
	{ "root", 'r', CT_OPT_INT, AT(root), "0", 0, 4294967295.0, NULL, "RANK", "root of broadcast, reduce, gather, scatter" },
	{ "average", 'a', CT_OPT_INT, AT(average), "3", 0, 3, NULL, "N",
		"how ranks' times become one; only 3, the maximum, is offered" },
	{ "blocking", 'z', CT_OPT_INT, AT(blocking), "1", 0, 3, NULL, "N",
		"1, 3: all ranks start and wait for each sample; 0 (nccl): a sample is -n operations, or groups, "
		"begun one after another and waited for once" },
	{ "agg-iters", 'm', CT_OPT_INT, AT(aggregate), "1", 1, 65536, NULL, "N",
		"nccl: operations in one group; times are of one of them" },
	{ "rounds", 0, CT_OPT_INT, AT(rounds), "0", 0, 1000, NULL, "N",
		"repeat everything with fresh connections; the table shows the median round; 0: 8 with "
		"--compare, 10 for ladder, else 1" },
	{ "compare", 0, CT_OPT_FLAG, AT(compare), NULL, 0, 0, NULL, NULL,
		"judge the only two candidates against each other below the tables: ratio, interval, "
		"significance, crossovers, verdict" },
	{ "budget", 0, CT_OPT_TIME, AT(budget), "1s", 1e6, 8.64e13, NULL, "TIME",
		"most time for one point of one candidate" },
	{ "precision", 0, CT_OPT_REAL, AT(precision), "0.02", 1e-4, 1, NULL, "X",
		"stop when the interval's half width / median is below X" },
	{ "placement", 0, CT_OPT_CHOICE, AT(placement), "both", 0, 0, placement_choices, "WORD",
		"out of place, in place, or both" },
	{ "pairs", 0, CT_OPT_TEXT, AT(pairs), NULL, 0, 0, NULL, "LIST",
		"p2p, ladder: pairs of ranks at once, as 0-1,2-3; all: 0-1, 2-3 and so on; incast: all to "
		"the last rank; outcast: rank 0 to all (backend verbs); none given: 0-1; ladder: all, of "
		"two hosts each where there are several" },
	{ "kinds", 0, CT_OPT_TEXT, AT(kinds), "latency,oneway,duplex", 0, 0, NULL, "LIST",
		"p2p: latency (half round trip), oneway and duplex bandwidth" },
	{ "window", 0, CT_OPT_INT, AT(window), "64", 1, 4096, NULL, "N",
		"p2p: messages in flight for bandwidth" },
	{ "memory", 0, CT_OPT_TEXT, AT(memory), "host", 0, 0, NULL, "KIND",
		"where buffers lie: host, huge (pages), cuda or cuda:N (GPU; --coll verbs, and p2p over "
		"the transport verbs)" },
	{ "stats", 0, CT_OPT_FLAG, AT(stats), NULL, 0, 0, NULL, NULL,
		"more columns: quantiles, interval, expected, efficiency, samples" },
	{ "counters", 0, CT_OPT_FLAG, AT(counters), NULL, 0, 0, NULL, NULL,
		"below each row, what network and kernel counted meanwhile" },
	{ "explain", 0, CT_OPT_FLAG, AT(explain), NULL, 0, 0, NULL, NULL,
		"nccl: below the tables, what NCCL chose and predicted at each size, the way of each channel, "
		"and the variables in force" },
	{ "rules", 0, CT_OPT_TEXT, AT(rules), NULL, 0, 0, NULL, "FILE",
		"nccl, with --explain: what this rules file would choose, without acting by it; in the "
		"environment it is in force, as in a job" },
	{ "staged", 0, CT_OPT_TEXT, AT(staged), NULL, 0, 0, NULL, "FILE",
		"nccl, with --explain: what --json wrote of the same command with NCCL_NET_GDR_LEVEL=LOC: whether "
		"GPUDirect RDMA is really on" },
	{ "osu", 0, CT_OPT_FLAG, AT(osu), NULL, 0, 0, NULL, NULL,
		"the OSU micro-benchmarks' columns instead of nccl-tests' (out of place, where both are)" },
	{ "perftest", 0, CT_OPT_FLAG, AT(perftest), NULL, 0, 0, NULL, NULL,
		"p2p: perftest's columns instead of nccl-tests'" },
	{ "json", 0, CT_OPT_TEXT, AT(json), NULL, 0, 0, NULL, "FILE",
		"records as JSON Lines, written as measured" },
	{ "csv", 0, CT_OPT_TEXT, AT(csv), NULL, 0, 0, NULL, "FILE", "a flat table, written as measured" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT

static const char *const words[] = { "p2p", "allreduce", "alltoall", "allgather", "reduce_scatter",
	"broadcast", "reduce", "gather", "scatter", "barrier", "ladder", NULL };

bool ct_plan_ladder(const char *word)
{
	return strcmp(word, "ladder") == 0;
}

ct_status ct_plan_word(const char *word, bool *p2p, ct_coll *coll)
{
	const char *near;

	*p2p = strcmp(word, "p2p") == 0;
	*coll = CT_P2P_LATENCY;
	if (*p2p || ct_plan_ladder(word))
		return CT_OK;
	for (size_t i = 1; words[i] != NULL; i++)
		if (strcmp(word, words[i]) == 0)
			return ct_coll_parse(word, coll);
	near = ct_nearest(word, words);
	if (near != NULL)
		return ct_fail(CT_INVALID, "no operation \"%s\"; did you mean %s?", word, near);
	return ct_fail(CT_INVALID, "no operation \"%s\"; there are p2p, allreduce, alltoall, allgather, "
		"reduce_scatter, broadcast, reduce, gather, scatter, barrier, ladder", word);
}

/* All ranks to or from one hub; the hub's own partner is its nearest neighbour. Messages go from the
 * lower rank to the higher one, as in a pair. */
static void star(uint32_t nranks, uint32_t hub, uint32_t *partner)
{
	for (uint32_t r = 0; nranks > 1 && r < nranks; r++)
		partner[r] = r != hub ? hub : hub > 0 ? hub - 1 : 1;
}

static void pair_neighbours(uint32_t nranks, uint32_t *partner)
{
	for (uint32_t r = 0; r + 1 < nranks; r += 2) {
		partner[r] = r + 1;
		partner[r + 1] = r;
	}
}

/* A rank at *P, which then stands behind it; false: no number. */
static bool rank_at(const char **p, unsigned long *rank)
{
	char *end;

	if (**p < '0' || **p > '9')
		return false;
	errno = 0;
	*rank = strtoul(*p, &end, 10);
	*p = end;
	return errno == 0;
}

static ct_status join_pair(const char *text, unsigned long a, unsigned long b, uint32_t nranks,
	uint32_t *partner)
{
	if (a >= nranks || b >= nranks)
		return ct_fail(CT_INVALID, "--pairs: no rank %lu in a job of %u", a >= nranks ? a : b,
			nranks);
	if (a == b || partner[a] != a || partner[b] != b)
		return ct_fail(CT_INVALID, "--pairs: rank %lu stands twice in \"%s\"",
			a == b || partner[a] != a ? a : b, text);
	partner[a] = (uint32_t)b;
	partner[b] = (uint32_t)a;
	return CT_OK;
}

ct_status ct_pairs_parse(const char *text, uint32_t nranks, uint32_t *partner)
{
	const char *p = text;
	bool more = true;

	for (uint32_t r = 0; r < nranks; r++)
		partner[r] = r;
	if (strcmp(text, "all") == 0) {
		pair_neighbours(nranks, partner);
		return CT_OK;
	}
	if (strcmp(text, "incast") == 0 || strcmp(text, "outcast") == 0) {
		star(nranks, text[0] == 'i' ? nranks - 1 : 0, partner);
		return CT_OK;
	}
	while (more) {
		unsigned long a, b;

		if (!rank_at(&p, &a) || *p++ != '-' || !rank_at(&p, &b) || (*p != ',' && *p != '\0'))
			return ct_fail(CT_INVALID, "--pairs: \"%s\" is not a list such as 0-1,2-3", text);
		if (join_pair(text, a, b, nranks, partner) != CT_OK)
			return CT_INVALID;
		more = *p++ == ',';
	}
	return CT_OK;
}

/* ---- lists of names: types, operations, kinds ------------------------------------------------- */

static ct_status types_of(const char *text, uint32_t *mask)
{
	ct_type type;

	*mask = (1u << CT_NTYPES) - 1;
	if (strcmp(text, "all") == 0)
		return CT_OK;
	if (ct_type_parse(text, &type) != CT_OK)
		return CT_INVALID;
	*mask = 1u << type;
	return CT_OK;
}

static ct_status ops_of(const char *text, uint32_t *mask)
{
	ct_op op;

	*mask = (1u << CT_NOPS) - 1;
	if (strcmp(text, "all") == 0)
		return CT_OK;
	if (ct_op_parse(text, &op) != CT_OK)
		return CT_INVALID;
	*mask = 1u << op;
	return CT_OK;
}

static ct_status kinds_of(const char *text, uint32_t *mask)
{
	static const char *const names[] = { "latency", "oneway", "duplex", NULL };
	const char *p = text;

	*mask = 0;
	while (true) {
		size_t length = strcspn(p, ","), i;
		char word[24];

		snprintf(word, sizeof(word), "%.*s", (int)(length < 23 ? length : 23), p);
		for (i = 0; names[i] != NULL && strcmp(word, names[i]) != 0; i++)
			continue;
		if (names[i] == NULL) {
			const char *near = ct_nearest(word, names);

			return ct_fail(CT_INVALID, "--kinds: no kind \"%s\"; %s%s", word,
				near != NULL ? "did you mean " : "there are latency, oneway, duplex",
				near != NULL ? near : "");
		}
		*mask |= 1u << (CT_P2P_LATENCY + (ct_coll)i);
		if (p[length] == '\0')
			return CT_OK;
		p += length + 1;
	}
}

/* ---- sizes ------------------------------------------------------------------------------------ */

static uint64_t next_size(const struct ct_bench_settings *s, uint64_t size)
{
	double next;

	if (s->step_bytes > 0)
		return size + s->step_bytes;
	next = (double)size * s->factor;
	return next > (double)size + 1 ? (uint64_t)next : size + 1;
}

static ct_status check_memory(const struct ct_bench_settings *s, const char *word)
{
	const struct ct_mem_ops *memory;
	uint32_t device;
	ct_status status = ct_mem_parse(s->memory, &memory, &device);

	if (status == CT_OK && ct_plan_ladder(word) && memory != ct_mem_rows()[0])
		status = ct_fail(CT_INVALID, "--memory %s: the ladder has rungs for both memories", s->memory);
	return status;
}

/* Of one sample. */
static uint64_t operations(const struct ct_bench_settings *s)
{
	return (uint64_t)s->aggregate * (s->blocking == 0 ? (uint64_t)s->iters : 1);
}

/* nccl-tests' ways of measuring of which not all are offered. */
static ct_status check_as_measured(const struct ct_bench_settings *s, bool collective)
{
	if (s->average != 3)
		return ct_fail(CT_INVALID, "-a %d: only 3 (maximum over ranks) is offered; a mean over ranks "
			"hides the slowest, which is the one a collective waits for", (int)s->average);
	if (s->blocking == 2)
		return ct_fail(CT_INVALID, "-z 2 is not offered: without a barrier a rank's time would hold how much later "
			"the others began; 1 and 3 have one, outside of the time");
	if (operations(s) > MOST_OPERATIONS)
		return ct_fail(CT_INVALID, "-n %lld groups of -m %lld are more than %d operations in one sample",
			(long long)s->iters, (long long)s->aggregate, MOST_OPERATIONS);
	if (!collective && operations(s) > 1)
		return ct_fail(CT_INVALID, "-m and -z 0 are for collectives; of messages --window are begun at once");
	return CT_OK;
}

static ct_status check_sizes(const struct ct_bench_settings *s)
{
	char low[32], high[32];
	size_t n = 0;

	if (s->min_bytes > s->max_bytes)
		return ct_fail(CT_INVALID, "-b %s is above -e %s", ct_size_text(s->min_bytes, low),
			ct_size_text(s->max_bytes, high));
	if (s->step_bytes == 0 && s->factor <= 1)
		return ct_fail(CT_INVALID, "-f 1 never reaches -e; give a larger factor, or -i SIZE");
	for (uint64_t size = s->min_bytes; size <= s->max_bytes; size = next_size(s, size))
		if (++n > MAX_SIZES)
			return ct_fail(CT_INVALID, "more than %d sizes between -b and -e", MAX_SIZES);
	return CT_OK;
}

ct_status ct_plan_check(const struct ct_bench_settings *s, const char *word)
{
	uint32_t mask;
	bool p2p;
	ct_coll coll;

	if (ct_plan_word(word, &p2p, &coll) != CT_OK || types_of(s->type, &mask) != CT_OK ||
		ops_of(s->op, &mask) != CT_OK || kinds_of(s->kinds, &mask) != CT_OK ||
		check_memory(s, word) != CT_OK)
		return CT_INVALID;
	if (s->perftest && (!p2p || s->osu))
		return ct_fail(CT_INVALID, "--perftest shows p2p, and not together with --osu");
	if (check_as_measured(s, !p2p && !ct_plan_ladder(word)) != CT_OK)
		return CT_INVALID;
	return check_sizes(s);
}

static ct_status add_test(struct ct_bench_plan *plan, const struct ct_test *test)
{
	if (plan->ntests == plan->room) {
		size_t room = plan->room == 0 ? 64 : plan->room * 2;
		struct ct_test *more = ct_realloc(plan->tests, room, sizeof(*more));

		if (more == NULL)
			return CT_NOMEM;
		plan->tests = more;
		plan->room = room;
	}
	plan->tests[plan->ntests++] = *test;
	return CT_OK;
}

static bool reduces(ct_coll coll)
{
	return coll == CT_ALLREDUCE || coll == CT_REDUCE_SCATTER || coll == CT_REDUCE;
}

/* One size in the placements asked for. */
static ct_status add_placements(const struct ct_bench_settings *s, struct ct_bench_plan *plan,
	struct ct_test test)
{
	bool only_out = plan->p2p || test.coll == CT_BARRIER;
	ct_status status = CT_OK;

	test.in_place = false;
	if (s->placement != CT_PLACE_IN || only_out)
		status = add_test(plan, &test);
	test.in_place = true;
	if (status == CT_OK && s->placement != CT_PLACE_OUT && !only_out)
		status = add_test(plan, &test);
	return status;
}

/* All sizes of one operation with one type and one reduction. A barrier has no size. */
static ct_status add_sizes(const struct ct_bench_settings *s, struct ct_bench_plan *plan,
	struct ct_test test, uint32_t nranks)
{
	uint64_t last = UINT64_MAX;
	ct_status status = CT_OK;

	if (test.coll == CT_BARRIER)
		return add_placements(s, plan, test);
	for (uint64_t b = s->min_bytes; b <= s->max_bytes && status == CT_OK; b = next_size(s, b)) {
		uint64_t count = ct_coll_count(test.coll, nranks, b, test.type);

		/* Small sizes may round to the same count, or to nothing: nccl-tests shows such rows, but
		 * there is nothing to measure in them. */
		if (count == last || count == 0)
			continue;
		last = count;
		test.bytes = b;
		status = add_placements(s, plan, test);
	}
	return status;
}

static ct_status add_types(const struct ct_bench_settings *s, struct ct_bench_plan *plan,
	ct_coll coll, uint32_t nranks)
{
	uint32_t types = 0, ops = 0;
	ct_status status = CT_OK;

	(void)types_of(s->type, &types);
	(void)ops_of(s->op, &ops);
	for (int type = 0; type < CT_NTYPES; type++) {
		for (int op = 0; op < CT_NOPS && status == CT_OK; op++) {
			struct ct_test test = { .coll = coll, .type = (ct_type)type, .op = (ct_op)op,
				.root = (uint32_t)s->root, .window = (uint32_t)s->window,
				.partner = plan->partner, .operations = (uint32_t)operations(s),
				.group = (uint32_t)s->aggregate };

			if ((types >> type & 1) == 0 || (reduces(coll) && (ops >> op & 1) == 0))
				continue;
			if (!reduces(coll) && op > 0)
				continue;
			status = add_sizes(s, plan, test, nranks);
		}
	}
	return status;
}

static ct_status add_p2p(const struct ct_bench_settings *s, struct ct_bench_plan *plan,
	uint32_t nranks)
{
	uint32_t kinds = 0;
	ct_status status = CT_OK;

	if (nranks < 2)
		return ct_fail(CT_INVALID, "p2p needs at least 2 ranks: mpirun -n 2 …, or -t 2");
	plan->partner = ct_alloc(nranks, sizeof(*plan->partner));
	if (plan->partner == NULL)
		return CT_NOMEM;
	if (ct_pairs_parse(s->pairs != NULL ? s->pairs : CT_PAIRS, nranks, plan->partner) != CT_OK)
		return CT_INVALID;
	(void)kinds_of(s->kinds, &kinds);
	for (int coll = CT_P2P_LATENCY; coll <= CT_P2P_DUPLEX && status == CT_OK; coll++)
		if (kinds >> coll & 1)
			status = add_types(s, plan, (ct_coll)coll, nranks);
	return status;
}

ct_status ct_plan_make(const struct ct_bench_settings *s, const char *word, uint32_t nranks,
	struct ct_bench_plan *plan)
{
	struct ct_bench_plan made = { 0 };
	ct_status status = ct_plan_word(word, &made.p2p, &made.coll);

	if (status == CT_OK && (uint64_t)s->root >= nranks)
		status = ct_fail(CT_INVALID, "-r %u: no such rank in a job of %u", (unsigned)s->root, nranks);
	if (status == CT_OK && made.p2p)
		status = add_p2p(s, &made, nranks);
	else if (status == CT_OK)
		status = add_types(s, &made, made.coll, nranks);
	if (status == CT_OK && made.ntests == 0)
		status = ct_fail(CT_INVALID, "no size between -b and -e");
	if (status == CT_OK)
		*plan = made;
	else
		ct_plan_free(&made);
	return status;
}

void ct_plan_free(struct ct_bench_plan *plan)
{
	ct_free(plan->tests);
	ct_free(plan->partner);
	*plan = (struct ct_bench_plan){ 0 };
}
