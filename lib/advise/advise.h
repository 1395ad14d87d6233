/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door of advise: rules that turn facts and results into findings. Pure: every rule is one row of
 * a table listed by hand, a function of what it is given and nothing else.
 */
#ifndef CT_ADVISE_H
#define CT_ADVISE_H

#include <stdbool.h>

#include "base/base.h"
#include "boot/boot.h"
#include "measure/measure.h"
#include "topo/topo.h"

/* The medians of one candidate at one size, one per round: the unit of comparison. */
struct ct_series {
	ct_coll coll;
	uint64_t bytes;
	struct ct_candidate candidate;
	const double *round_ns; /* rounds entries */
	uint32_t rounds;
	uint64_t wrong; /* elements, all rounds: a candidate with wrong data is never advised */
};

/* What the rules look at. Whatever is unknown is NULL or 0: a rule without its facts says nothing,
 * or that it could not look. */
struct ct_advise_in {
	const struct ct_world *world;
	const struct ct_facts *facts; /* of rank 0's host */
	const char *net, *device;     /* transport that was measured and its interface; "" = none */
	const struct ct_series *series;
	size_t nseries;
	const struct ct_binding *bindings; /* of the ranks on that host, in their order */
	size_t nbindings;
	uint32_t unbound_ranks, shared_ranks; /* not bound; bound to a processor another has too */
	const struct ct_fabric *fabric;	      /* for the rules of fabrics */
	const struct ct_fabric_plan *plan;    /* what was declared */
	const struct ct_rails *rails;	      /* of several nodes, for the rules of rails */
	size_t nrails;
	uint32_t want_nics;		      /* of each of these nodes, by a profile; 0 = nobody says */
	uint64_t want_Mbps;		      /* of each NIC; 0 = any */
};

enum ct_severity { CT_SEVERITY_NOTE, CT_SEVERITY_ADVICE, CT_SEVERITY_WARNING };
const char *ct_severity_name(enum ct_severity severity); /* "note", "advice", "warning" */

struct ct_advice_rule;

/* One finding; every text is one line. */
struct ct_finding {
	const struct ct_advice_rule *rule;
	enum ct_severity severity;
	char seen[240];	    /* the evidence, with numbers */
	char set[240];	    /* what to set; "" = nothing to do */
	char undo[160];	    /* how to undo it; "" = nothing was set */
	char expected[120]; /* gain to expect; "" = not known */
	bool measured;	    /* the next five hold: how many times faster, with its 95 % interval */
	struct ct_ratio gain;
	double p, effect; /* Mann-Whitney, Holm-adjusted over the sizes; see base/stats.h */
	ct_coll coll;	  /* measured: of what, and the range of sizes */
	uint64_t low_bytes, high_bytes;
	uint32_t fabric_port; /* a fabric's port that it is about, plus one; 0 = none */
};

struct ct_findings {
	struct ct_finding *list;
	size_t n, room;
};

/* One rule. */
struct ct_advice_rule {
	const char *id; /* "rank-binding" */
	enum ct_severity severity;
	const char *looks_at; /* the fact or result, for `colltune list` */
	const char *why;      /* why it matters, one sentence */
	const char *source;   /* where that is known from */
	/* Adds its findings: none is a normal answer. CT_NOMEM. */
	ct_status (*check)(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			   struct ct_findings *out);
};

/* All rules, ended by one whose id is NULL. */
const struct ct_advice_rule *ct_advice_rules(void);

/* Runs every rule in table order; FINDINGS (empty at first) is freed with ct_findings_free(), also
 * after an error. When no rule has anything to advise, one note says that the defaults are best,
 * or that nothing was resolved. CT_NOMEM. */
ct_status ct_advise(const struct ct_advise_in *in, struct ct_findings *findings);
void ct_findings_free(struct ct_findings *findings);

/* The rules of fabrics, ended by one whose id is NULL, and all of them run over in->fabric, which is
 * finished; in->plan may be NULL. At most CT_FABRIC_FINDINGS of one rule are listed, the last of
 * them then counts the rest. CT_NOMEM. */
enum { CT_FABRIC_FINDINGS = 32 };
const struct ct_advice_rule *ct_fabric_rules(void);
ct_status ct_advise_fabric(const struct ct_advise_in *in, struct ct_findings *findings);

/* The rules of rails, and all of them run over in->rails, one or several; in->fabric may be NULL. CT_NOMEM. */
const struct ct_advice_rule *ct_rail_rules(void);
ct_status ct_advise_rails(const struct ct_advise_in *in, struct ct_findings *findings);

/* The node of in->rails whose NICs most others have at the same PCI addresses in the same order: what the
 * rules compare with. ALIKE: nodes that are like it, with it. CT_NOMEM. */
ct_status ct_rails_usual(const struct ct_advise_in *in, size_t *usual, size_t *alike);

/* The leaf of DEVICE of HOST in FABRIC, a node, or CT_FABRIC_NONE. An adapter there is called
 * "HOST mlx5_0" or "HOST HCA-1", which then is the RAIL-th from 1. */
uint32_t ct_rail_leaf(const struct ct_fabric *fabric, const char *host, const char *device, uint32_t rail);

/* Adds FINDING for the terminal to OUT: what was seen, why it matters, what to set, how to undo it. */
void ct_finding_text(const struct ct_finding *finding, struct ct_buf *out);

/* Puts FINDINGS in order: warnings, measured gains from the largest down, other advice, notes; equals
 * stay as they were. And all of them for the terminal, under their heading. */
void ct_findings_order(struct ct_findings *findings);
void ct_findings_list(const struct ct_findings *findings, struct ct_buf *out);

/* A new zeroed finding of RULE in FINDINGS, with its severity, or NULL (no memory). For rules. */
struct ct_finding *ct_finding_add(struct ct_findings *findings, const struct ct_advice_rule *rule);

/* How two candidates at one size compare, from one median per round. */
enum ct_compare {
	CT_COMPARE_FEW,
	CT_COMPARE_UNRESOLVED,
	CT_COMPARE_SAME,
	CT_COMPARE_FASTER,
	CT_COMPARE_SLOWER
};

enum { CT_LEAST_ROUNDS = 8 }; /* a side; fewer: nothing is claimed */

/* B against A, P already adjusted over sizes by Holm: fewer than 8 rounds a side gives FEW; P below
 * 0.05 with the interval of the ratio outside 1: FASTER or SLOWER; the interval inside
 * [1/1.05, 1.05]: SAME; else UNRESOLVED. RATIO is time of A / time of B. A significant difference
 * inside the 5 % is SAME: too small to be worth a setting. */
enum ct_compare ct_compare(uint32_t na, uint32_t nb, double p, struct ct_ratio ratio);

/* A candidate B against a candidate A at one point. A and B are borrowed and given; the rest is the
 * answer. */
struct ct_duel {
	const struct ct_series *a, *b;
	double p, effect;     /* Mann-Whitney, p adjusted by Holm; effect: chance that A takes longer */
	struct ct_ratio gain; /* time of A / time of B, 95 % interval */
	enum ct_compare result;
};

/* Judges N duels as one family for Holm. Those with fewer than 8 rounds a side claim nothing: their
 * p is 1 and they do not count in the family. CT_NOMEM. */
ct_status ct_duels_judge(struct ct_duel *duels, size_t n);

#include "compare.h"
#include "roce.h"
#include "roce_plan.h"
#include "roce_rules.h"
#include "ladder.h"
#include "nccl_job.h"

#endif
