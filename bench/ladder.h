/* SPDX-License-Identifier: BSD-3-Clause */
/* `colltune bench ladder`: the same bytes between the same ranks, layer upon layer. */
#ifndef CT_BENCH_LADDER_H
#define CT_BENCH_LADDER_H

#include "advise/advise.h"
#include "plan.h"
#include "sink.h"

enum { CT_LADDER_LATENCY, CT_LADDER_RATE, CT_LADDERS };
/* Layers that move messages, lowest first; and the most rungs of a ladder. */
enum { CT_LAYER_RAW, CT_LAYER_GPU, CT_LAYER_NATIVE, CT_LAYER_MPI, CT_LAYER_NCCL, CT_LAYERS,
	CT_LADDER_RUNGS = 3 * CT_LAYERS };
/* So many that ten rungs can all be significant: 2 / 2^10 times 10 is below 0.05 (Holm). */
enum { CT_LADDER_ROUNDS = 10 };

struct ct_layer {
	const char *text;	     /* "native/shm messages" */
	struct ct_candidate candidate;
	char why[160]; /* it cannot run here, or was not asked for; "" = it runs */
	char label[96];
};

/* One ladder under construction: rung I is layer LAYER[i] doing COLL[i]. */
struct ct_climb {
	uint64_t bytes;
	struct ct_rung rungs[CT_LADDER_RUNGS];
	ct_coll coll[CT_LADDER_RUNGS];
	int layer[CT_LADDER_RUNGS];
	double *cost[CT_LADDER_RUNGS];	       /* one per round: ns, or ns per byte */
	struct ct_expectation expected[CT_LADDER_RUNGS];
	char path[CT_LADDER_RUNGS][160];
	struct ct_ladder ladder;
};

/* The job of each rank; ARG is a struct ct_bench_settings. */
ct_status ct_ladder_job(struct ct_rank *rank, void *arg, int *exit_code);

/* PARTNER (an entry for each rank): hosts in pairs, the k-th rank of one with the k-th of the other; who is left over is
 * its own partner. Pure. */
void ct_ladder_pairs(const struct ct_world *world, uint32_t *partner);

/* Text of one judged ladder; KIND: CT_LADDER_…. */
void ct_ladder_text(const struct ct_climb *climb, int kind, struct ct_buf *out);

/* ladder.json: "schema":"colltune-ladder/1" (docs/formats.md). New reference or NULL (no memory). */
json_t *ct_ladder_json(const struct ct_climb climbs[CT_LADDERS]);

/* bench.c: the environment record of a run that WORD names; new reference or NULL. */
json_t *ct_bench_environment(const struct ct_rank *rank, const struct ct_bench_settings *settings,
	const char *word);

#endif
