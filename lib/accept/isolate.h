/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which part of a cluster is slow, from times of disjoint pairs: rounds in which every node talks to one
 * other on all rails at once, both ways; a robust fit that separates the effects of rail, leaf, node,
 * NIC and direction from noise; then every suspect once more: nodes with partners that are known to be
 * good, ways between leaves by the very messages that were slow, since noise does not come back.
 * Where the times come from is the caller's matter (struct ct_pair_source): a job, or a generator of
 * pretended ones. The judging code sees nothing else.
 */
#ifndef CT_ACCEPT_ISOLATE_H
#define CT_ACCEPT_ISOLATE_H

#include <stdbool.h>

#include "base/base.h"

/* What is known of the cluster before anything is measured. */
struct ct_fleet {
	uint32_t nodes, rails; /* at least 2 and 1 */
	const uint32_t *leaf_of; /* per node: the group of leaf switches that it hangs on */
	bool rail_leaves;  /* each rail of a group has a leaf of its own; else all rails share one */
	uint32_t uplinks;  /* of each leaf; 0 = not known */
	/* What one message should take, ns: within a leaf and between leaves; 0 = not known. */
	double expected_ns[2];
	const char *const *names; /* per node, clean for terminals; NULL = "node 17" */
	const char *const *leaf_names; /* per number in leaf_of, the same; NULL = "leaf 3" */
};

/* One message stream of a round, from one node to another on one rail. */
struct ct_probe {
	uint32_t from, to, rail;
};

/* Measures N probes at once and writes their times, ns; a time that is not above 0 or no number counts
 * as not measured. CT_… ends the isolation. */
struct ct_pair_source {
	ct_status (*round)(void *arg, const struct ct_probe *probes, size_t n, double *ns);
	void *arg;
};

struct ct_isolate_plan {
	double least;      /* smallest slowdown that counts, as a share of time; 0 = 0.05 */
	double sigmas;     /* a slow part must stand out by so many deviations of a single time, too; 0 = none */
	double alarm;      /* chance of any false finding in a clean cluster; 0 = 0.005 */
	uint32_t rounds;   /* first rounds, half within leaves, half between; 0 = by the number of nodes */
	uint32_t most;     /* rounds in all; 0 = 3 log2(nodes), at least 16 */
	uint64_t seed;     /* of the pairings */
};

enum ct_blame_kind {
	CT_BLAME_ALL,    /* everything, against what was expected */
	CT_BLAME_RAIL,   /* one rail on all nodes */
	CT_BLAME_UPLINK, /* some of what leaves or enters a leaf */
	CT_BLAME_NODE,   /* all rails of a node, both ways */
	CT_BLAME_NIC,    /* one rail of a node, both ways */
	CT_BLAME_OUT,    /* what one NIC sends */
	CT_BLAME_IN,     /* what one NIC receives */
	CT_BLAME_WAY     /* of two nodes alone: the way from NODE to the other, against the way back */
};

struct ct_blame {
	enum ct_blame_kind kind;
	uint32_t node, rail, leaf; /* as far as the kind has them */
	double factor, low, high;  /* time / the others' time, 95 % interval */
	double share;              /* uplink: how much of the leaf's traffic is slow; else 1 */
	uint32_t samples;
	bool confirmed;            /* measured again with good partners */
	bool waived;               /* who judges knows of it, see note */
	char note[246];
};

struct ct_isolation {
	struct ct_blame *list; /* the largest loss first */
	size_t n;
	uint32_t rounds;       /* that were used */
	uint32_t again;        /* of them to confirm suspects */
	uint64_t probes, lost; /* measured; without a time */
	double spread;         /* coefficient of variation of one time, by the median deviation */
	double base_ns[2];     /* the usual time within a leaf and between; 0 = never measured */
	double alarm;          /* held to: plan's */
};

/* CT_INVALID: fewer than 2 nodes, no rail, more than 2^20 nodes or 64 rails; CT_NOMEM; the source's
 * error. OUT is freed with ct_isolation_free(), set only on CT_OK. Memory: 24 bytes per probe. One
 * thread. */
ct_status ct_isolate(const struct ct_fleet *fleet, const struct ct_isolate_plan *plan,
	const struct ct_pair_source *source, struct ct_isolation *out);
void ct_isolation_free(struct ct_isolation *isolation);

/* "node 17, all rails both ways: 1.21 times slower [1.19, 1.23]": one line. */
enum { CT_BLAME_TEXT = 400 };
const char *ct_blame_text(const struct ct_fleet *fleet, const struct ct_blame *blame,
	char out[CT_BLAME_TEXT]);

/* ISOLATION of FLEET as JSON, labelled when PRETENDED. New reference or NULL (no memory). */
json_t *ct_isolation_json(const struct ct_fleet *fleet, const struct ct_isolation *isolation,
	bool pretended);

#endif
