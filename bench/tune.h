/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of `colltune tune` share. */
#ifndef CT_BENCH_TUNE_H
#define CT_BENCH_TUNE_H

#include "job.h"
#include "tune/tune.h"

struct ct_tune_settings {
	struct ct_job_settings job; /* first: the rows of job.c count from here */
	uint64_t budget, min_bytes, max_bytes;
	double factor, effort;
	char *type, *output, *check;
	char *launch, *relaunch, *launches; /* --launch, --settings, --launches */
	bool judge, no_model, times;
	int overlap; /* ct_overlap_choices */
	int64_t predict; /* ranks; 0 = nothing is predicted */
	int64_t searches; /* in a row; 1 = as ever */
};

/* What the words and options ask for. */
struct ct_tune_asked {
	const struct ct_tune_settings *settings;
	ct_coll colls[CT_NCOLLS];
	size_t ncolls;
	ct_type type;
	const char *backends;
	char words[256];
};

/* The tables and the rules on standard output. */
void ct_tune_show(const struct ct_tuned *tuned, const struct ct_world *world);

/* Rank 0: what the model predicts for RANKS ranks, as many on a host as here. */
void ct_tune_show_predicted(const struct ct_tuned *tuned, const struct ct_world *world, uint32_t ranks);

/* Rank 0: the list of suggestions. RULES_PATH: where the rules were written; NULL = nowhere. CT_NOMEM. */
ct_status ct_tune_advise(const struct ct_tuned *tuned, const struct ct_world *world,
	const char *rules_path);

/* Collective: --check. BACKEND: the first of a list. */
ct_status ct_tune_check(struct ct_rank *rank, const struct ct_tune_settings *settings,
	const char *backend, ct_type type);

/* Collective: --times. */
ct_status ct_tune_times(struct ct_rank *rank, const struct ct_tune_settings *settings,
	const struct ct_tune_asked *asked);

/* Collective: --searches. */
ct_status ct_tune_searches(const struct ct_rank *rank, const struct ct_tune_settings *settings,
	struct ct_tuned *tuned);

/* Rank 0: what part P was worth. */
void ct_tune_show_verdict(const struct ct_tuned *tuned, size_t p, const struct ct_tune_verdict *verdict);

/* "ring segment=65536": a cell without its backend. */
const char *ct_tune_cell_text(const struct ct_candidate *c, char out[96]);

#endif
