/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of ct_comm share: threads as ranks, a communicator on each, rules files of this
 * machine. */
#ifndef CT_TEST_COMM_RANKS_H
#define CT_TEST_COMM_RANKS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "boot/boot.h"
#include "coll/coll.h"
#include "rules/rules.h"

/* Far above what a loaded machine under a sanitizer needs. */
#define PATIENT UINT64_C(600000000000)

/* One rank of a test. */
struct here {
	const struct ct_boot *boot;
	ct_comm *comm;
	uint32_t rank, n;
};

struct job {
	struct ct_comm_attr attr;      /* but for boot */
	const char *rules_of[8];       /* per rank; NULL = attr's */
	ct_status (*body)(struct here *h, const struct job *job);
};

static ct_status comm_rank(const struct ct_boot *boot, void *arg)
{
	const struct job *job = arg;
	struct ct_comm_attr attr = job->attr;
	struct here h = { boot, NULL, boot->rank, boot->nranks };
	ct_status status;

	attr.boot = boot;
	if (boot->rank < 8 && job->rules_of[boot->rank] != NULL)
		attr.rules = job->rules_of[boot->rank];
	status = ct_comm_open(&attr, &h.comm);
	if (status == CT_OK)
		status = job->body(&h, job);
	ct_comm_close(h.comm);
	return status;
}

static inline struct job job_of(const char *net, ct_status (*body)(struct here *, const struct job *))
{
	struct job job = { .attr = ct_comm_attr_init(NULL), .body = body };

	job.attr.net = net;
	job.attr.deadline_ns = PATIENT;
	return job;
}

static inline void run_job(uint32_t nranks, struct job *job)
{
	if (ct_threads_run(nranks, PATIENT, comm_rank, job, NULL) != CT_OK)
		fail_msg("%u ranks over %s: %s", nranks, job->attr.net, ct_why());
}

/* A rank's complaint. */
#define WANT(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return ct_fail(CT_CORRUPT, "line %d: %s (%s)", __LINE__, #condition, ct_why()); \
	} while (0)

/* Writes a rules file for this machine, one node and LOW to HIGH ranks on it, with RULES (JSON objects by
 * comma), as a new temporary file whose name goes to PATH. */
static inline void write_rules(char path[64], uint32_t low, uint32_t high, const char *rules)
{
	char fingerprint[CT_SHA256_TEXT];
	FILE *file;
	int fd;

	assert_int_equal(ct_rules_fingerprint("", fingerprint), CT_OK);
	snprintf(path, 64, "/tmp/colltune-rules-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	fprintf(file, "{\"schema\":\"colltune-rules/1\",\"scope\":{\"machine\":\"sha256:%064d\","
		"\"fingerprint\":\"%s\",\"nodes\":[1,1],\"ranks_per_node\":[%u,%u]},\"rules\":[%s]}\n", 0,
		fingerprint, low, high, rules);
	fclose(file);
}

#endif
