/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pretended clusters: a generator in the place of a measurement, so that the judging of thousands of
 * nodes can be tried in one process. Whatever comes of it is labelled "pretended".
 *
 * The file has one word and its values per line; # begins a comment:
 *   nodes N [required]   rails R (1)      leaf N: nodes per leaf (32)    rail-leaves yes|no (yes)
 *   uplinks U: of each leaf (16)          time US: of one message within a leaf (100)
 *   cross F: between leaves F times as long (1.1)
 *   cv C: coefficient of variation of one median (0.01)     outliers SHARE FACTOR (0.01 2)
 *   seed S (1)
 *   fault node N F | fault nic N R F | fault out N R F | fault in N R F | fault rail R F
 *   fault uplink L U F | fault mtu N BYTES | fault all F      F: times as long
 */
#ifndef CT_ACCEPT_PRETEND_H
#define CT_ACCEPT_PRETEND_H

#include "isolate.h"

enum ct_fault_kind { CT_FAULT_NODE, CT_FAULT_NIC, CT_FAULT_OUT, CT_FAULT_IN, CT_FAULT_RAIL, CT_FAULT_UPLINK,
	CT_FAULT_MTU, CT_FAULT_ALL };

struct ct_fault {
	enum ct_fault_kind kind;
	uint32_t node, rail, leaf, uplink, mtu; /* as far as the kind has them */
	double factor;
};

struct ct_pretend {
	uint32_t nodes, rails, leaf_nodes, uplinks;
	bool rail_leaves;
	double time_us, cross, cv, outliers, outlier_factor;
	uint64_t seed;
	struct ct_fault *faults;
	size_t nfaults;
	uint32_t *leaf_of;
	/* of each node and rail, faults multiplied together: out, in */
	double *ends;
	struct ct_rng rng; /* of the noise */
};

/* Reads PATH (a regular file of at most 1 MiB). CT_IO; CT_INVALID names file, line and the nearest
 * word; CT_NOMEM. Free with ct_pretend_free(). */
ct_status ct_pretend_load(const char *path, struct ct_pretend *pretend);

/* The same from TEXT; NAME stands for the file in messages. */
ct_status ct_pretend_parse(const char *text, const char *name, struct ct_pretend *pretend);
void ct_pretend_free(struct ct_pretend *pretend);

/* What a job would know of the cluster: its faults are not in it. Borrows PRETEND. */
struct ct_fleet ct_pretend_fleet(const struct ct_pretend *pretend);

/* What stands in the place of measuring; its arg is PRETEND. */
struct ct_pair_source ct_pretend_source(struct ct_pretend *pretend);

/* The environment stage's view: the MTU of NODE's interfaces. */
uint32_t ct_pretend_mtu(const struct ct_pretend *pretend, uint32_t node);

#endif
