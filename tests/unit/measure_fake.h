/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A collective library that moves no data and has no clock but a virtual one: each operation lasts
 * as long as the test's script says. A loop that read a real clock would not find these times.
 */
#ifndef CT_TEST_MEASURE_FAKE_H
#define CT_TEST_MEASURE_FAKE_H

#include <stdatomic.h>
#include <string.h>

#include "measure/measure.h"

enum { FAKE_LOG = 4096 };

/* Shared by all ranks of a test; zero is a library that works and takes 1000 ns. */
static struct fake_script {
	/* ns that call CALL (0 = first) of algorithm ALGO takes on RANK */
	uint64_t (*span)(uint32_t rank, char algo, uint64_t call);
	char unsupported;        /* algorithm that cannot be prepared */
	bool forgets;            /* does not write its result */
	int fail_rank;           /* rank whose call FAIL_CALL fails; others then never complete */
	uint64_t fail_call;
	ct_status open_status;   /* of rank 0 */
	atomic_uint opens, closes;
	char log[FAKE_LOG];      /* algorithm of every call of rank 0, in order */
	size_t logged;
} fake;

struct fake_lib {
	uint32_t rank, nranks;
	uint64_t now_ns, marks[CT_MARKS], calls[128];
};

struct fake_req {
	struct ct_coll_desc desc;
	bool stuck;
};

static ct_status fake_open(const struct ct_coll_env *env, void **self)
{
	struct fake_lib *lib;

	if (env->world->rank == 0 && fake.open_status != CT_OK)
		return ct_fail(fake.open_status, "fake cannot be opened");
	lib = ct_alloc(1, sizeof(*lib));
	if (lib == NULL)
		return CT_NOMEM;
	lib->rank = env->world->rank;
	lib->nranks = env->world->nranks;
	atomic_fetch_add(&fake.opens, 1);
	*self = lib;
	return CT_OK;
}

static void fake_close(void *self)
{
	atomic_fetch_add(&fake.closes, 1);
	ct_free(self);
}

static const int64_t fake_segments[] = { 0, 4096, 65536 };
static const struct ct_knob fake_knobs[] = { { "segment", "bytes", fake_segments, 3 } };
static const struct ct_coll_algo fake_algos[] = {
	{ CT_ALLREDUCE, "a", NULL, 0 }, { CT_ALLREDUCE, "b", NULL, 0 },
	{ CT_ALLREDUCE, "c", fake_knobs, 1 }, { CT_P2P_LATENCY, "a", NULL, 0 },
	{ CT_P2P_ONEWAY, "a", NULL, 0 },
};
static const struct ct_coll_caps fake_caps = {
	.colls = ~0u, .types = ~0u, .ops = ~0u, .in_place = ~0u, .algos = fake_algos, .nalgos = 5,
	.abandons = true, .library = "fake 1", .net = { .path = "nowhere", .expectation = "copy" },
};

static const struct ct_coll_caps *fake_query(void *self)
{
	(void)self;
	return &fake_caps;
}

static char fake_algo(const struct ct_coll_desc *desc)
{
	return desc->algo != NULL ? desc->algo[0] : 'a';
}

static ct_status fake_prepare(void *self, const struct ct_coll_desc *desc, void **req)
{
	struct fake_req *r;

	(void)self;
	if (fake_algo(desc) == fake.unsupported)
		return ct_fail(CT_UNSUPPORTED, "fake has no %c", fake.unsupported);
	r = ct_alloc(1, sizeof(*r));
	if (r == NULL)
		return CT_NOMEM;
	r->desc = *desc;
	*req = r;
	return CT_OK;
}

static ct_status fake_start(void *self, void *req)
{
	struct fake_lib *lib = self;
	struct fake_req *r = req;
	char algo = fake_algo(&r->desc);
	uint64_t call = lib->calls[(unsigned char)algo & 127]++;

	if (lib->rank == 0 && fake.logged < FAKE_LOG)
		fake.log[fake.logged++] = algo;
	lib->now_ns += fake.span != NULL ? fake.span(lib->rank, algo, call) : 1000;
	if (fake.fail_call != 0 && call + 1 == fake.fail_call) {
		if ((int)lib->rank == fake.fail_rank)
			return ct_fail(CT_IO, "fake breaks");
		r->stuck = true;
	}
	/* with one rank the result of a reduction is its input */
	if (!fake.forgets && lib->nranks == 1 && r->desc.count > 0)
		memmove(r->desc.recv, r->desc.send, r->desc.count * ct_type_bytes(r->desc.type));
	return CT_OK;
}

static ct_status fake_test(void *self, void *req)
{
	(void)self;
	return ((struct fake_req *)req)->stuck ? CT_BUSY : CT_OK;
}

static void fake_release(void *self, void *req)
{
	(void)self;
	ct_free(req);
}

static ct_status fake_mark(void *self, unsigned slot)
{
	struct fake_lib *lib = self;

	lib->marks[slot] = lib->now_ns;
	return CT_OK;
}

static ct_status fake_span(void *self, unsigned from, unsigned to, uint64_t *ns)
{
	struct fake_lib *lib = self;

	*ns = lib->marks[to] - lib->marks[from];
	return CT_OK;
}

static const struct ct_coll_ops fake_row = {
	.abi = CT_COLL_ABI, .name = "fake", .summary = "virtual time", .open = fake_open,
	.close = fake_close, .query = fake_query, .prepare = fake_prepare, .start = fake_start,
	.test = fake_test, .release = fake_release, .mark = fake_mark, .span = fake_span,
};
static const struct ct_module fake_module = {
	.abi = CT_MODULE_ABI, .name = "fake", .coll = &fake_row,
};
static const struct ct_module *const fake_modules[] = { &fake_module, NULL };

static inline void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.fail_rank = -1;
}

static inline struct ct_candidate candidate_of(const char *backend, const char *net,
	const char *algo)
{
	struct ct_candidate c = { .nknobs = 0 };

	strcpy(c.backend, backend);
	strcpy(c.net, net);
	strcpy(c.algo, algo);
	return c;
}

static inline struct ct_test allreduce_of(uint64_t bytes)
{
	return (struct ct_test){
		.coll = CT_ALLREDUCE, .type = CT_FLOAT, .op = CT_SUM, .bytes = bytes,
	};
}

#endif
