/* SPDX-License-Identifier: BSD-3-Clause */
/* check --traffic: short flows through each library of the job, and on what they left this host's ports. */
#ifndef CT_BENCH_ROCE_RIDES_H
#define CT_BENCH_ROCE_RIDES_H

#include "job.h"

struct ct_rides;

/* A host's RoCE ports, looked at. CT_NOMEM, or what reading the ports says; packets that nobody may look at are
 * no error. */
ct_status ct_rides_open(struct ct_rides **rides);
void ct_rides_close(struct ct_rides *rides);

/* From here on what leaves counts for the next ride; RIDES may be NULL, also below. */
void ct_rides_begin(struct ct_rides *rides);

/* It was WHO's (native, mpi, nccl): LIBRARY as it calls itself; what it was told comes from this process's
 * variables and the settings JOB. */
void ct_rides_end(struct ct_rides *rides, const char *who, const char *library,
	const struct ct_job_settings *job);

/* WHO did not run, and WHY. */
void ct_rides_none(struct ct_rides *rides, const char *who, const char *why);

/* Collective: flows between pairs of ranks, of two hosts where there are several, through every library but native, SPAN_NS
 * each; one that this job lacks is noted. What the measuring loop says of a loss of ranks. */
ct_status ct_rides_run(struct ct_rank *rank, struct ct_rides *rides, uint64_t bytes, uint64_t span_ns);

/* Puts the rides at the ports of ENDS that they are of. */
void ct_rides_give(const struct ct_rides *rides, struct ct_ends *ends);

/* Why the packets of a port could not be looked at and who did not run: an array of {who, why}; a new reference, NULL
 * without memory. */
json_t *ct_rides_missing(const struct ct_rides *rides);

#endif
