/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules for NCCL from jobs that ran: what the profiler plugin wrote, where jobs ran the same operation and size
 * under different settings. */
#ifndef CT_TUNE_JOBS_H
#define CT_TUNE_JOBS_H

#include "advise/advise.h"
#include "base/base.h"

struct ct_export;

/* Calls of a setting at a size below which it is not compared: half of them choose, half confirm. */
enum { CT_JOBS_LEAST = 16 };

struct ct_jobs_in {
	const struct ct_nccl_job *jobs; /* judged */
	uint32_t ranks, nodes;          /* communicators of that many only; 0 = of those that took most time */
	/* Of the machine where this runs, or NULL: its hash is taken where the jobs told none and their
	 * fingerprint is the same. */
	const char *machine, *fingerprint;
};

/*
 * Writes colltune-rules/1 of backend nccl into OUT (empty before): OUT->text the file, OUT->written the rules,
 * of which there may be none, OUT->remarks what whoever reads it should know. The time of a call is its slowest
 * rank's; NCCL's own choice is what ran without COLLTUNE_RULES and without variables that steer it (or with
 * those that all jobs had). CT_INVALID: machines or versions of NCCL are mixed or not told, no job ran as NCCL
 * chooses, only one setting was seen. CT_NOMEM. Free with ct_export_free(), also after an error. Any thread.
 */
ct_status ct_jobs_rules(const struct ct_jobs_in *in, struct ct_export *out);

/* The communicators that count: of one size, on one kind of machine (jobs_scope.c). */
struct ct_jobs_scope {
	uint32_t ranks, nodes;
	bool steered_alike;  /* the same variables were set in all jobs */
	const char *variables, *nccl, *machine, *fingerprint;
	bool emulated;       /* on a stand-in for GPUs */
};

/* *SCOPE borrows from IN. Errors as above. */
ct_status ct_jobs_scope(const struct ct_jobs_in *in, struct ct_export *out, struct ct_jobs_scope *scope);

/* Does the communicator of RANK count, and was NCCL left alone there? */
bool ct_jobs_counts(const struct ct_jobs_scope *scope, const struct ct_nccl_rank *rank);
bool ct_jobs_alone(const struct ct_jobs_scope *scope, const struct ct_nccl_rank *rank);

#endif
