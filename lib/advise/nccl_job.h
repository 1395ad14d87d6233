/* SPDX-License-Identifier: BSD-3-Clause */
/* What NCCL's profiler plugin of ours wrote on each rank, put together: which collectives were slow, and who
 * came late to them. */
#ifndef CT_ADVISE_NCCL_JOB_H
#define CT_ADVISE_NCCL_JOB_H

#include <stdbool.h>

#include "base/base.h"

enum { CT_NCCL_JOB_WORD = 24, CT_NCCL_JOB_HOST = 64, CT_NCCL_JOB_SETTING = 512 };

/* One rank of one communicator: a file. */
struct ct_nccl_rank {
	uint64_t comm;
	uint32_t job;                /* which of the folders it lay in, from 0 */
	uint32_t rank, ranks, nodes; /* ranks, nodes 0: not told */
	char host[CT_NCCL_JOB_HOST];
	/* "" = not told: NCCL's "2.28", the first GPU, ct_rules_fingerprint() and ct_machine_hash() there */
	char nccl[CT_NCCL_JOB_WORD], gpu[CT_NCCL_JOB_HOST], fingerprint[CT_SHA256_TEXT], machine[CT_SHA256_TEXT];
	bool ruled;                          /* COLLTUNE_RULES was set */
	bool told;                           /* how NCCL was steered; false: an older plugin's file */
	char variables[CT_NCCL_JOB_SETTING]; /* the NCCL_ variables that steer its choice; "" = none was set */
	uint64_t seen, kept, timed, p2p_seen, p2p_kept, p2p_timed; /* collectives; sends and receives */
	/* by ct_nccl_judge(), over collectives that all ranks timed */
	uint64_t shared, last; /* how many; in how many of them this rank's kernel took least, so began last */
	uint64_t caused_ns;    /* what would have been saved had only this rank been on time */
	double p;              /* to be last so often by chance, times the number of ranks */
	bool straggler;
	/* in its communicator: the most that any rank began; ranks that left no file, the first of them */
	uint64_t most_seen;
	uint32_t missing, first_missing;
	const struct ct_nccl_call *newest; /* the last that is kept; NULL: none */
};

/* One collective, or send or receive, on one rank. */
struct ct_nccl_call {
	size_t rank, line; /* index of its file, and its place there */
	char coll[CT_NCCL_JOB_WORD], type[CT_NCCL_JOB_WORD], algo[CT_NCCL_JOB_WORD], proto[CT_NCCL_JOB_WORD];
	uint64_t number, bytes, kernel_ns;
	uint32_t channels, peer;
	bool timed, sized;
	bool p2p; /* a send to or receive from PEER; algo and proto are "-", NUMBER is this rank's */
};

/* All collectives of one kind. Times: a kernel's least over ranks, since the rank that comes last waits for
 * nobody; waiting: the longest over ranks less that. Of sends and receives
 * each call's own. */
struct ct_nccl_kind {
	const struct ct_nccl_call *example;
	uint64_t calls; /* that any rank timed */
	uint64_t median_ns, longest_ns, median_wait_ns;
	bool several; /* more than one rank told */
};

/* A collective (a send may have waited) that took more than three times its kind's median, where the kind has eight. */
struct ct_nccl_slow {
	const struct ct_nccl_call *call;
	uint64_t ns, median_ns;
};

/* One collective that every rank of its communicator timed. */
struct ct_nccl_whole {
	const struct ct_nccl_call *call; /* of one of them */
	uint64_t most_ns;                /* of the slowest rank */
};

struct ct_nccl_job {
	struct ct_nccl_rank *ranks;
	struct ct_nccl_call *calls;
	struct ct_nccl_kind *kinds; /* most time first */
	struct ct_nccl_slow *slow;  /* slowest first */
	struct ct_nccl_whole *wholes; /* by collective, size, type, algorithm, protocol, channels; then time */
	size_t nranks, ncalls, nkinds, nslow, nwholes;
};

/* Adds the file PATH (colltune-nccl/1, at most 64 MiB) of folder JOB. CT_IO; CT_INVALID with file and line; CT_NOMEM.
 * After an error only ct_nccl_job_free() may follow. */
ct_status ct_nccl_job_add(struct ct_nccl_job *profiles, uint32_t job, const char *path);

/* Fills kinds, slow, wholes, and the ranks' verdicts. Sorts calls. CT_NOMEM. */
ct_status ct_nccl_job_judge(struct ct_nccl_job *profiles);

void ct_nccl_job_free(struct ct_nccl_job *profiles);

#endif
