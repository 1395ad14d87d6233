/* SPDX-License-Identifier: BSD-3-Clause */
/* What colltune roce shows. */
#ifndef CT_BENCH_ROCE_H
#define CT_BENCH_ROCE_H

#include "advise/advise.h"
#include "job.h"

/* Settings of all verbs. */
struct ct_roce_settings {
	struct ct_job_settings job; /* first: the rows of job.c count from here */
	double speed, cable, alpha;
	int64_t mtu, lossless_mtu, ports, fan_in, cell, lossless;
	uint64_t buffer, rtt;
	char *json, *nos, *switch_ports, *check, *interface, *device, *output;
	int host;
	bool unit;
	char *sysroot, *explain;
	bool list_rules, traffic;
	uint64_t window, interval, duration;
	char *prometheus, *cluster;
	char *pattern, *baseline, *note; /* congest */
	uint64_t size, span;
	int64_t window_messages, rounds, background_tc;
	uint64_t background_size;
	bool load_fabric;
};

/* Recommended values with formula, inputs and source, then published profiles of that speed. */
void ct_roce_show(const struct ct_roce_advice *advice, struct ct_buf *out);

/* The same as JSON, schema colltune-roce/1, with where the inputs come from; a new reference, NULL without memory. */
json_t *ct_roce_json(const struct ct_roce_advice *advice, const json_t *origins);

/* ---- roce_facts.c ---------------------------------------------------------------------------- */

/* A host's ends and findings as JSON, schema colltune-roce-facts/1 (docs/roce.md): all that other ranks
 * get to know of it. A new reference, NULL without memory. */
json_t *ct_roce_facts_json(const struct ct_ends *ends, const struct ct_findings *findings);

/* ---- roce_input.c ---------------------------------------------------------------------------- */

enum { CT_ROCE_FROM = 400 };

/* The link and switch that the options mean, with --cluster's file for what they leave; without a speed, or with
 * --sysroot, what the ports of the host or of that tree tell for the rest. FROM sums it up, "" if from options alone.
 * *ORIGINS, a new reference: where each input comes from, keys as in JSON. CT_INVALID: no speed, or two; CT_IO and
 * whatever reading a file or the ports says. */
ct_status ct_roce_origins(const struct ct_roce_settings *s, struct ct_roce_input *in, char from[CT_ROCE_FROM],
	json_t **origins);

/* "inputs from: speed: rate of mlx5_0 port 1; …; the rest: default" */
void ct_roce_origins_show(const json_t *origins, struct ct_buf *out);

/* ---- roce_classes.c -------------------------------------------------------------------------- */

/* The traffic class of the flows of --traffic, and those that queue pairs of UCX and NCCL would have by this
 * process's environment: an array of {who, from, class}; no class: what the variable says is none. A new
 * reference, NULL without memory. */
json_t *ct_roce_classes_json(const struct ct_job_settings *job);

/* The same for each port of HOST (facts with "classes", foreign), with DSCP and priority. */
void ct_roce_classes_show(const json_t *host, struct ct_buf *out);

/* On what each library's flows left PORT (foreign). */
void ct_roce_rides_show(const json_t *port, struct ct_buf *out);

/* The table of FACTS (such an object, foreign) for the terminal. */
void ct_roce_facts_show(const json_t *facts, struct ct_buf *out);

/* ---- roce_hosts.c ---------------------------------------------------------------------------- */

/* The facts of all hosts, an array; rank 0 has it, *HOSTS is NULL on the others. Collective: each host's
 * lowest rank reads its own; with --sysroot rank 0 reads the trees named there. What a host sends is
 * checked. A host that cannot tell is named on stderr and left out. */
ct_status ct_roce_hosts(struct ct_rank *rank, const struct ct_roce_settings *settings, json_t **hosts);

/* Adds findings between hosts (an array of findings as in facts) to FINDINGS. CT_NOMEM. */
ct_status ct_roce_between(const json_t *hosts, json_t *findings);

/* One finding of facts for the terminal. */
void ct_roce_finding_show(const json_t *finding, struct ct_buf *out);

/* ---- verbs, as ct_rank_job; ARG is a struct ct_roce_settings ----------------------------------- */
ct_status ct_roce_facts(struct ct_rank *rank, void *arg, int *code);
ct_status ct_roce_check_all(struct ct_rank *rank, void *arg, int *code);

/* check --list-rules and --explain ID. */
ct_status ct_roce_rules_list(struct ct_buf *out);
ct_status ct_roce_explain(const char *id, struct ct_buf *out);

#endif
