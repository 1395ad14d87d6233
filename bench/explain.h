/* SPDX-License-Identifier: BSD-3-Clause */
/* bench --explain: what NCCL chose at each point and why, over which way each channel goes, and which of its
 * variables are in force. Also where colltune's plugins are, so that records tell the choice. */
#ifndef CT_BENCH_EXPLAIN_H
#define CT_BENCH_EXPLAIN_H

#include "nccl_log.h"
#include "nccl_variables.h"
#include "shown.h"

enum { CT_EXPLAIN_PATH = 1024 };

/* One for the process. */
struct ct_explain {
	bool on; /* --explain */
	struct ct_nccl_variables variables; /* as they were before ours */
	char ours[6][32];                   /* names of those that were set for this run */
	size_t nours;
	char plugins[CT_EXPLAIN_PATH], profiler[CT_EXPLAIN_PATH], tuner[CT_EXPLAIN_PATH];
	char rules[CT_EXPLAIN_PATH];        /* file of --rules or COLLTUNE_RULES; "" = none */
	bool muted;                         /* it is told what the file says, and does not act */
	int log;                            /* NCCL's; -1 = it is not ours */
	struct ct_records staged;           /* of rank 0: --staged */
	bool has_staged;
};

/*
 * Before any rank is there, where backend nccl is among what is measured: sets NCCL's variables of this process
 * that are not set (the plugins', its log's), and those fields of S->job.coll_rows.nccl. CT_UNSUPPORTED where
 * --explain or rules need a plugin that is nowhere; CT_INVALID; CT_NOMEM. Close it in either case.
 */
ct_status ct_explain_open(struct ct_bench_settings *s, struct ct_explain *e);
void ct_explain_close(struct ct_explain *e);

/* The same for a search over NCCL's cells: the tuner plugin alone, whose rules are not obeyed meanwhile. */
ct_status ct_explain_cells(struct ct_job_settings *job, struct ct_explain *e);

/* NCCL's variables for the environment record, {"NCCL_X": {"value", "origin"}}. New reference or NULL. */
json_t *ct_explain_record(const struct ct_explain *e);

/* Rank 0, before the first point: FILE holds the records of a run with NCCL_NET_GDR_LEVEL=LOC. CT_INVALID: it does
 * not; ct_records_read()'s errors. */
ct_status ct_explain_staged(struct ct_explain *e, const char *file);

/* Each point beside that run's: to stdout. */
void ct_explain_show_staged(const struct ct_explain *e, const struct ct_shown *shown);

/* Collective, after the last point: prints what is known to stdout of rank 0, each line begun with '#'. */
ct_status ct_explain_show(const struct ct_explain *e, const struct ct_rank *rank,
	const struct ct_shown *shown);

#endif
