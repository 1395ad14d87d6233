/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs under mpirun: opens the module and drives its row through the table alone, as the command
 * does. What comes out is compared with plain arithmetic written here. Rank 0 prints TAP.
 *   mpi_row MODULE             with knobs
 *   mpi_row MODULE plain       without
 *   mpi_row MODULE overruled   asks for knobs, but expects that the user's setting forbids them
 * With whichalgo.so preloaded it also checks that what was forced is what ran.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"
#include "coll/coll.h"

/* Only MPI calls these here, and the call chains of what they allocate do not reach up to MPI. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
	return "leak:libhwloc.so\nleak:__vasprintf_internal\n";
}

struct run {
	const struct ct_coll_ops *ops;
	void *self;
	const struct ct_coll_caps *caps;
	struct ct_boot boot;
	const char *(*seen)(void); /* of whichalgo.so, or NULL */
	void (*reset)(void);
	char saw[4096]; /* what was seen during the last start */
	unsigned checks, failed;
};

/* ---- TAP, agreed over all ranks ------------------------------------------------------------- */

static bool all_true(struct run *r, bool mine)
{
	unsigned char flag = mine, flags[256];

	if (r->boot.allgather(r->boot.ctx, &flag, flags, 1) != CT_OK)
		return false;
	for (uint32_t i = 0; i < r->boot.nranks; i++)
		if (!flags[i])
			return false;
	return true;
}

static void check(struct run *r, bool mine, const char *what)
{
	bool all = all_true(r, mine);

	r->checks++;
	r->failed += !all;
	if (!mine)
		fprintf(stderr, "rank %u: %s: %s\n", r->boot.rank, what, ct_why());
	if (r->boot.rank == 0)
		printf("%sok %u - %s\n", all ? "" : "not ", r->checks, what);
}

/* ---- elements ------------------------------------------------------------------------------- */

static double input(uint32_t rank, uint64_t i)
{
	return (double)((i * 7 + rank * 13) % 5 + 1);
}

static void put(ct_type type, void *at, uint64_t i, double value)
{
	switch (type) {
	case CT_INT32: ((int32_t *)at)[i] = (int32_t)value; break;
	case CT_INT64: ((int64_t *)at)[i] = (int64_t)value; break;
	case CT_FLOAT: ((float *)at)[i] = (float)value; break;
	case CT_DOUBLE: ((double *)at)[i] = value; break;
	default: ((uint16_t *)at)[i] = (uint16_t)value; break; /* moved, never computed with */
	}
}

static double get(ct_type type, const void *at, uint64_t i)
{
	switch (type) {
	case CT_INT32: return ((const int32_t *)at)[i];
	case CT_INT64: return (double)((const int64_t *)at)[i];
	case CT_FLOAT: return ((const float *)at)[i];
	case CT_DOUBLE: return ((const double *)at)[i];
	default: return ((const uint16_t *)at)[i];
	}
}

static double reduced(ct_op op, uint32_t nranks, uint64_t i)
{
	double all = input(0, i);

	for (uint32_t r = 1; r < nranks; r++) {
		double v = input(r, i);

		all = op == CT_SUM ? all + v : op == CT_PROD ? all * v :
			op == CT_MIN ? (v < all ? v : all) : (v > all ? v : all);
	}
	return all;
}

/* What element I of RANK's result must be. */
static double expected(const struct ct_coll_desc *d, uint32_t rank, uint32_t nranks, uint64_t i)
{
	switch (d->coll) {
	case CT_ALLREDUCE: return reduced(d->op, nranks, i);
	case CT_ALLTOALL: return input((uint32_t)(i / d->count), rank * d->count + i % d->count);
	case CT_ALLGATHER: return input((uint32_t)(i / d->count), i % d->count);
	case CT_REDUCE_SCATTER: return reduced(d->op, nranks, rank * d->count + i);
	case CT_REDUCE: return reduced(d->op, nranks, i);
	case CT_GATHER: return input((uint32_t)(i / d->count), i % d->count);
	case CT_SCATTER: return input(d->root, rank * d->count + i);
	case CT_BROADCAST: return input(d->root, i);
	default: return input(d->partner[rank], i);
	}
}

static uint64_t send_count(const struct ct_coll_desc *d, uint32_t n)
{
	return d->coll == CT_ALLTOALL || d->coll == CT_REDUCE_SCATTER || d->coll == CT_SCATTER ?
		d->count * n : d->count;
}

static uint64_t recv_count(const struct ct_coll_desc *d, uint32_t n)
{
	return d->coll == CT_ALLTOALL || d->coll == CT_ALLGATHER || d->coll == CT_GATHER ?
		d->count * n : d->count;
}

static bool receives(const struct ct_coll_desc *d, uint32_t rank)
{
	if (d->coll == CT_BARRIER ||
		((d->coll == CT_REDUCE || d->coll == CT_GATHER) && rank != d->root))
		return false;
	if (d->partner == NULL)
		return true;
	return d->partner[rank] != rank && (d->coll != CT_P2P_ONEWAY || rank > d->partner[rank]);
}

static void fill(const struct ct_coll_desc *d, uint32_t rank, uint32_t n)
{
	uint64_t at = d->in_place && d->coll == CT_ALLGATHER ? rank * d->count : 0;
	bool apart = d->coll == CT_GATHER || d->coll == CT_SCATTER; /* see windows() */
	void *in = d->in_place && !apart ? d->recv : d->send;

	for (uint64_t i = 0; i < recv_count(d, n); i++)
		put(d->type, d->recv, i, 99);
	for (uint64_t i = 0; i < send_count(d, n); i++)
		put(d->type, in, at + i, input(rank, i));
}

static uint64_t wrong(const struct ct_coll_desc *d, uint32_t rank, uint32_t n)
{
	uint64_t bad = 0;

	if (receives(d, rank))
		for (uint64_t i = 0; i < recv_count(d, n); i++)
			bad += get(d->type, d->recv, i) != expected(d, rank, n, i);
	return bad;
}

/* ---- one operation -------------------------------------------------------------------------- */

/* The windows of RANK in SEND and RECV; in place (with int32 only) the own block of what holds all. */
static void windows(struct ct_coll_desc *d, uint32_t rank, char *send, char *recv)
{
	size_t at = (size_t)d->count * rank * sizeof(int32_t);

	d->send = d->in_place && d->coll == CT_GATHER ? recv + at : send;
	d->recv = d->in_place && d->coll == CT_SCATTER ? send + at : recv;
}

/* Prepares, runs twice, compares; the status of prepare comes back, CT_CORRUPT for wrong data. */
static ct_status run_once(struct run *r, struct ct_coll_desc *d)
{
	uint32_t rank = r->boot.rank, n = r->boot.nranks;
	size_t bytes = (size_t)(d->count * n + 1) * 8;
	void *send = malloc(bytes), *recv = malloc(bytes);
	ct_status status;
	uint64_t ns = 0;
	void *req;

	windows(d, rank, send, recv);
	status = r->ops->prepare(r->self, d, &req);
	for (int i = 0; i < 2 && status == CT_OK; i++) {
		fill(d, rank, n);
		if (r->reset != NULL)
			r->reset();
		r->ops->mark(r->self, 0);
		status = r->ops->start(r->self, req);
		r->ops->mark(r->self, 1);
		if (r->seen != NULL) /* span() has a barrier of its own */
			snprintf(r->saw, sizeof(r->saw), "%s", r->seen());
		if (status == CT_OK)
			status = r->ops->test(r->self, req);
		if (status == CT_OK && wrong(d, rank, n) != 0)
			status = ct_fail(CT_CORRUPT, "%llu elements are wrong",
				(unsigned long long)wrong(d, rank, n));
		r->ops->span(r->self, 0, 1, &ns);
		if (status == CT_OK && (ns == 0 || ns > 60000000000u))
			status = ct_fail(CT_CORRUPT, "a span of %llu ns", (unsigned long long)ns);
		if (i == 1 || status != CT_OK)
			r->ops->release(r->self, req);
	}
	free(send);
	free(recv);
	return status;
}

/* ---- all algorithms, sizes and knobs -------------------------------------------------------- */

/* What must be seen to run; read from coll_tuned_*_decision.c of Open MPI v4.1.4. */
static const struct {
	ct_coll coll;
	const char *algo, *function;
} functions[] = {
	{ CT_ALLREDUCE, "basic_linear", "allreduce_intra_basic_linear" },
	{ CT_ALLREDUCE, "nonoverlapping", "allreduce_intra_nonoverlapping" },
	{ CT_ALLREDUCE, "recursive_doubling", "allreduce_intra_recursivedoubling" },
	{ CT_ALLREDUCE, "ring", "allreduce_intra_ring" },
	{ CT_ALLREDUCE, "segmented_ring", "allreduce_intra_ring_segmented" },
	{ CT_ALLREDUCE, "rabenseifner", "allreduce_intra_redscat_allgather" },
	{ CT_ALLTOALL, "linear", "alltoall_intra_basic_linear" },
	{ CT_ALLTOALL, "pairwise", "alltoall_intra_pairwise" },
	{ CT_ALLTOALL, "modified_bruck", "alltoall_intra_bruck" },
	{ CT_ALLTOALL, "linear_sync", "alltoall_intra_linear_sync" },
	{ CT_ALLTOALL, "two_proc", "alltoall_intra_two_procs" },
	{ CT_ALLGATHER, "linear", "allgather_intra_basic_linear" },
	{ CT_ALLGATHER, "bruck", "allgather_intra_bruck" },
	{ CT_ALLGATHER, "recursive_doubling", "allgather_intra_recursivedoubling" },
	{ CT_ALLGATHER, "ring", "allgather_intra_ring" },
	{ CT_ALLGATHER, "neighbor", "allgather_intra_neighborexchange" },
	{ CT_ALLGATHER, "two_proc", "allgather_intra_two_procs" },
	{ CT_REDUCE_SCATTER, "basic_linear", "reduce_scatter_block_basic_linear" },
	{ CT_REDUCE_SCATTER, "recursive_doubling", "reduce_scatter_block_intra_recursivedoubling" },
	{ CT_REDUCE_SCATTER, "recursive_halving", "reduce_scatter_block_intra_recursivehalving" },
	{ CT_REDUCE_SCATTER, "butterfly", "reduce_scatter_block_intra_butterfly" },
	{ CT_BROADCAST, "basic_linear", "bcast_intra_basic_linear" },
	{ CT_BROADCAST, "chain", "bcast_intra_chain" },
	{ CT_BROADCAST, "pipeline", "bcast_intra_pipeline" },
	{ CT_BROADCAST, "split_binary_tree", "bcast_intra_split_bintree" },
	{ CT_BROADCAST, "binary_tree", "bcast_intra_bintree" },
	{ CT_BROADCAST, "binomial", "bcast_intra_binomial" },
	{ CT_BROADCAST, "knomial", "bcast_intra_knomial" },
	{ CT_BROADCAST, "scatter_allgather", "bcast_intra_scatter_allgather" },
	{ CT_BROADCAST, "scatter_allgather_ring", "bcast_intra_scatter_allgather_ring" },
	{ CT_REDUCE, "linear", "reduce_intra_basic_linear" },
	{ CT_REDUCE, "chain", "reduce_intra_chain" },
	{ CT_REDUCE, "pipeline", "reduce_intra_pipeline" },
	{ CT_REDUCE, "binary", "reduce_intra_binary" },
	{ CT_REDUCE, "binomial", "reduce_intra_binomial" },
	{ CT_REDUCE, "in-order_binary", "reduce_intra_in_order_binary" },
	{ CT_REDUCE, "rabenseifner", "reduce_intra_redscat_gather" },
	{ CT_BARRIER, "linear", "barrier_intra_basic_linear" },
	{ CT_BARRIER, "double_ring", "barrier_intra_doublering" },
	{ CT_BARRIER, "recursive_doubling", "barrier_intra_recursivedoubling" },
	{ CT_BARRIER, "bruck", "barrier_intra_bruck" },
	{ CT_BARRIER, "two_proc", "barrier_intra_two_procs" },
	{ CT_BARRIER, "tree", "barrier_intra_tree" },
	{ CT_GATHER, "basic_linear", "gather_intra_basic_linear" },
	{ CT_GATHER, "binomial", "gather_intra_binomial" },
	{ CT_GATHER, "linear_sync", "gather_intra_linear_sync" },
	{ CT_SCATTER, "basic_linear", "scatter_intra_basic_linear" },
	{ CT_SCATTER, "binomial", "scatter_intra_binomial" },
	{ CT_SCATTER, "linear_nb", "scatter_intra_linear_nb" },
};

/* True when of all algorithms of this collective only the forced one was seen: one that hands over
 * to another is seen before it. Those of other collectives may be parts of it. */
static bool ran_as_forced(const struct run *r, const struct ct_coll_desc *d)
{
	const char *at;
	char want[96] = "", family[64];
	unsigned wanted = 0, others = 0;

	if (r->seen == NULL || strcmp(d->algo, "default") == 0)
		return true;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (functions[i].coll == d->coll && strcmp(functions[i].algo, d->algo) == 0)
			snprintf(want, sizeof(want), "ompi_coll_base_%s ", functions[i].function);
	snprintf(family, sizeof(family), "ompi_coll_base_%s_",
		d->coll == CT_BROADCAST ? "bcast" : ct_coll_name(d->coll));
	for (at = strstr(r->saw, family); at != NULL; at = strstr(at + 1, family))
		if (strncmp(at, want, strlen(want)) == 0)
			wanted++;
		else
			others++;
	if (wanted != 1 || others != 0)
		ct_fail(CT_CORRUPT, "%s forced, %sseen", want, r->saw);
	return wanted == 1 && others == 0;
}

/* A substitution by the library is refused, and then what was forced never runs: both are right. */
static bool runs_or_is_refused(struct run *r, struct ct_coll_desc *d, unsigned *ran)
{
	ct_status status = run_once(r, d);

	if (status == CT_OK) {
		++*ran;
		return ran_as_forced(r, d);
	}
	return status == CT_UNSUPPORTED && (strstr(ct_why(), " runs instead: ") != NULL ||
		strstr(ct_why(), "two ranks only") != NULL);
}

static void try_algo(struct run *r, const struct ct_coll_algo *algo, const uint32_t *partner)
{
	static const uint64_t counts[] = { 1, 3, 1000, 70001 };
	struct ct_coll_desc d = { .coll = algo->coll, .type = CT_FLOAT, .op = CT_SUM, .window = 5,
		.algo = algo->name };
	unsigned ran = 0;
	bool good = true;
	char what[160];

	d.partner = algo->coll >= CT_P2P_LATENCY ? partner : NULL;
	for (size_t c = 0; c < 4 && good; c++) {
		d.count = algo->coll == CT_BARRIER ? 0 : counts[c];
		d.root = (uint32_t)c % r->boot.nranks;
		memset(d.knob, 0, sizeof(d.knob));
		good = runs_or_is_refused(r, &d, &ran);
		for (size_t k = 0; k < algo->nknobs; k++)
			for (size_t v = 0; v < algo->knobs[k].nvalues && good; v++) {
				d.knob[k] = algo->knobs[k].values[v];
				good = runs_or_is_refused(r, &d, &ran);
			}
	}
	snprintf(what, sizeof(what), "%s %s: %u runs right%s", ct_coll_name(algo->coll), algo->name,
		ran, r->seen != NULL ? ", seen to run" : "");
	check(r, good, what);
}

static void try_types(struct run *r, const uint32_t *partner)
{
	for (int coll = 0; coll < CT_NCOLLS; coll++) {
		bool reduces = coll == CT_ALLREDUCE || coll == CT_REDUCE_SCATTER || coll == CT_REDUCE;
		bool good = true;
		char what[80];

		for (int type = 0; type < CT_NTYPES; type++)
			for (int op = 0; op < (reduces ? CT_NOPS : 1); op++) {
				struct ct_coll_desc d = { .coll = (ct_coll)coll, .type = (ct_type)type,
					.op = (ct_op)op, .count = coll == CT_BARRIER ? 0 : 100, .window = 2,
					.partner = coll >= CT_P2P_LATENCY ? partner : NULL };
				bool half = type == CT_HALF || type == CT_BFLOAT16;
				ct_status want = half && reduces ? CT_UNSUPPORTED : CT_OK;

				good = good && run_once(r, &d) == want;
			}
		snprintf(what, sizeof(what), "%s of every type%s", ct_coll_name((ct_coll)coll),
			reduces ? " and operation" : "");
		check(r, good, what);
	}
}

static void try_in_place(struct run *r)
{
	for (int coll = 0; coll < CT_P2P_LATENCY; coll++) {
		struct ct_coll_desc d = { .coll = (ct_coll)coll, .type = CT_INT32, .op = CT_SUM,
			.count = 1000, .in_place = true };
		bool offered = r->caps->in_place >> coll & 1;
		char what[80];

		snprintf(what, sizeof(what), "%s in place is %s", ct_coll_name(d.coll),
			offered ? "right" : "refused");
		check(r, run_once(r, &d) == (offered ? CT_OK : CT_UNSUPPORTED), what);
	}
}

static void try_refusals(struct run *r, bool plain)
{
	struct ct_coll_desc d = { .coll = CT_ALLREDUCE, .type = CT_FLOAT, .op = CT_SUM, .count = 10,
		.algo = "no_such_algorithm" };
	bool fixed = plain || r->boot.nranks == 1;

	check(r, run_once(r, &d) == (fixed ? CT_UNSUPPORTED : CT_INVALID), "unknown algorithm refused");
	d.algo = NULL;
	d.count = (uint64_t)1 << 31;
	check(r, r->ops->prepare(r->self, &d, &(void *){ NULL }) == CT_UNSUPPORTED,
		"more elements than an int refused");
	d.count = 70000;
	d.algo = "segmented_ring";
	d.knob[0] = 12345;
	check(r, run_once(r, &d) == (fixed ? CT_UNSUPPORTED : CT_INVALID), "unlisted knob refused");
	d = (struct ct_coll_desc){ .coll = CT_P2P_ONEWAY, .type = CT_FLOAT, .count = 10, .window = 1 };
	check(r, run_once(r, &d) == CT_INVALID, "messages without partners refused");
}

static void run_all(struct run *r, bool plain)
{
	uint32_t partner[256], n = r->boot.nranks;
	char text[32] = "";

	for (uint32_t i = 0; i < n; i++)
		partner[i] = (i ^ 1) < n ? i ^ 1 : i;
	if (r->boot.rank == 0)
		printf("# %s, %u ranks, %zu algorithms, path \"%s\"\n", r->caps->library, n,
			r->caps->nalgos, r->caps->net.path);
	check(r, (r->caps->nalgos == CT_NCOLLS) == (plain || n == 1),
		"algorithms can be forced with knobs, and only then");
	for (size_t i = 0; i < r->caps->nalgos; i++)
		try_algo(r, &r->caps->algos[i], partner);
	try_types(r, partner);
	try_in_place(r);
	try_refusals(r, plain);
	r->ops->waiting(r->self, NULL, text, sizeof(text));
	check(r, strcmp(text, "no call of MPI") == 0, "waiting() needs no request");
}

int main(int argc, char **argv)
{
	void *so = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	const struct ct_module *module = so != NULL ? dlsym(so, "ct_module") : NULL;
	bool plain = argc > 2, knobs = argc <= 2 || strcmp(argv[2], "plain") != 0;
	struct run r = { 0 };
	struct ct_world world = { 0 };
	struct ct_coll_env env = { .world = &world };

	if (module == NULL || module->abi != CT_MODULE_ABI) {
		printf("Bail out! %s\n", so != NULL ? "no ct_module" : dlerror());
		return 2;
	}
	*(void **)&r.seen = dlsym(RTLD_DEFAULT, "whichalgo_seen");
	*(void **)&r.reset = dlsym(RTLD_DEFAULT, "whichalgo_reset");
	if (module->boot_open(knobs, &r.boot) != CT_OK) {
		printf("Bail out! %s\n", ct_why());
		return 2;
	}
	world.boot = &r.boot;
	world.rank = r.boot.rank;
	world.nranks = r.boot.nranks;
	world.nhosts = 1;
	r.ops = module->coll;
	for (int opens = 0; opens < 2; opens++) { /* twice: close gives everything back */
		if (r.ops->probe(NULL) != CT_OK || r.ops->open(&env, &r.self) != CT_OK) {
			printf("Bail out! %s\n", ct_why());
			return 2;
		}
		r.caps = r.ops->query(r.self);
		if (opens == 1)
			run_all(&r, plain);
		r.ops->close(r.self);
	}
	if (r.boot.rank == 0)
		printf("1..%u\n", r.checks);
	module->boot_close(&r.boot);
	return r.failed != 0;
}
