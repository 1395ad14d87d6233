/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A collective is a schedule: for each rank a list of steps over three buffers. Generators write
 * it, execute.c runs it over a transport, check.c proves it.
 *
 * Buffers count in elements. IN is the caller's send buffer, OUT its receive buffer, TMP scratch
 * of tmp_count elements. In place, IN is a window of OUT (all-reduce, broadcast, reduce: at 0; all-gather, gather:
 * at rank * count) or OUT a window of IN (reduce-scatter, scatter: at rank * count); the shape says so and
 * the checker knows it. All-to-all and the point-to-point patterns do not run in place. IN is never
 * written but through an OUT that shares its memory.
 *
 * Order: step i may start when dep[0], dep[1] (indices below i, or CT_NO_DEP) are complete and,
 * with `fence`, every step before i. Sends to one peer are posted in list order, receives from one
 * peer too: the k-th send of a to b meets the k-th receive of b from a.
 */
#ifndef CT_COLL_SCHEDULE_H
#define CT_COLL_SCHEDULE_H

#include <stdbool.h>

#include "base/base.h"

enum ct_buffer { CT_IN, CT_OUT, CT_TMP };

enum ct_step_kind {
	CT_STEP_SEND,        /* src -> peer */
	CT_STEP_RECV,        /* peer -> dst */
	/* dst = op(src, received); dst may be src. Received data may pass through TMP[via], which is
	 * apart from src, and apart from dst or dst itself. */
	CT_STEP_RECV_REDUCE,
	CT_STEP_REDUCE,      /* dst = op(dst, src) */
	CT_STEP_COPY         /* dst = src */
};

#define CT_NO_DEP UINT32_MAX

struct ct_slice {
	enum ct_buffer buf;
	uint64_t at; /* elements */
};

struct ct_step {
	enum ct_step_kind kind;
	uint32_t peer;
	struct ct_slice src, dst;
	uint64_t via, count; /* elements */
	uint32_t dep[2];
	bool fence;
};

struct ct_schedule {
	struct ct_step *steps;
	uint32_t nsteps, room;
	uint64_t in_count, out_count, tmp_count; /* elements this rank's buffers must hold */
	ct_status failed;                        /* sticky error of the adders */
};

/* What a generator is asked for. COUNT is nccl-tests' `count` column: the whole vector for
 * all-reduce, broadcast and reduce, one rank's block for all-gather, reduce-scatter, all-to-all, gather and
 * scatter, the message for the point-to-point patterns, 0 for a barrier. */
struct ct_shape {
	ct_coll coll;
	uint32_t rank, nranks, root;
	uint64_t count;
	bool in_place;
	uint32_t element_bytes;   /* turns byte knobs into elements */
	uint64_t segment_bytes;   /* knob "segment": 0 = whole blocks */
	uint32_t window;          /* point-to-point: messages in flight per sample */
	const uint32_t *partner;  /* point-to-point: each rank's partner, own rank = idle */
};

/* Adders: each returns the index of the new step (for dependencies) or CT_NO_DEP once SCHEDULE has
 * failed; check schedule->failed once at the end. A dependency may be CT_NO_DEP. */
uint32_t ct_add_send(struct ct_schedule *s, uint32_t peer, struct ct_slice src, uint64_t count,
	uint32_t dep);
uint32_t ct_add_recv(struct ct_schedule *s, uint32_t peer, struct ct_slice dst, uint64_t count,
	uint32_t dep);
uint32_t ct_add_step(struct ct_schedule *s, const struct ct_step *step);

void ct_schedule_free(struct ct_schedule *s);

static inline struct ct_slice ct_at(enum ct_buffer buf, uint64_t at)
{
	struct ct_slice slice = { buf, at };

	return slice;
}

/* Block I of COUNT elements split over N ranks: the first COUNT mod N blocks are one longer. */
static inline uint64_t ct_block_at(uint64_t count, uint32_t n, uint32_t i)
{
	uint64_t extra = count % n;

	return count / n * i + (i < extra ? i : extra);
}

/* One algorithm = one row; found by (coll, name). */
struct ct_algo {
	ct_coll coll;
	const char *name, *summary;
	bool segments; /* reads shape.segment_bytes */
	/* Makes SHAPE's schedule for its rank; OUT needs no initial value and is freed with
	 * ct_schedule_free(). CT_OK, CT_NOMEM, or CT_UNSUPPORTED with the reason (e.g. in place). */
	ct_status (*generate)(const struct ct_shape *shape, struct ct_schedule *out);
};

/* All rows, ended by one whose name is NULL. The first of a collective is its plain choice. */
const struct ct_algo *ct_algo_rows(void);
const struct ct_algo *ct_algo_find(ct_coll coll, const char *name);

/* Does it reduce every element in rank order, whatever the timing? Pure. */
bool ct_algo_in_order(const struct ct_algo *algo);

/* What "auto" picks; pure. */
const struct ct_algo *ct_algo_auto(const struct ct_shape *shape);

/* Proves the schedules of all ranks of SHAPE (its rank is ignored; nranks <= 64): every output
 * element holds each rank's contribution exactly once, no step touches memory that an unfinished
 * step writes (or writes what one reads), messages match in length, nothing deadlocks even if no
 * send completes before its receive is posted. Completion order is random by SEED. CT_CORRUPT
 * names rank, step and element. */
ct_status ct_schedule_check(const struct ct_algo *algo, const struct ct_shape *shape,
	uint64_t seed);

#endif
