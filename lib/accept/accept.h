/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door of accept: the staged acceptance of a machine. ct_accept_run() measures (collective);
 * ct_accept_judge() turns what was measured into verdicts and findings (pure); ct_accept_print()
 * and ct_accept_json() show it.
 */
#ifndef CT_ACCEPT_H
#define CT_ACCEPT_H

#include <stdbool.h>

#include "advise/advise.h"
#include "base/base.h"
#include "boot/boot.h"
#include "measure/measure.h"
#include "model/model.h"
#include "topo/topo.h"

#include "isolate.h"
#include "profile.h"

/* Stages in their order; the last one, the verdict, always runs. */
#define CT_STAGE_LIST(X)                                                                           \
	X(CT_STAGE_ENVIRONMENT, "environment")                                                     \
	X(CT_STAGE_MAP, "map")                                                                     \
	X(CT_STAGE_INTERNAL, "internal")                                                           \
	X(CT_STAGE_PAIRS, "pairs")                                                                 \
	X(CT_STAGE_RAILS, "rails")                                                                 \
	X(CT_STAGE_COLLECTIVES, "collectives")                                                     \
	X(CT_STAGE_LADDER, "ladder")                                                               \
	X(CT_STAGE_CONGESTION, "congestion")                                                       \
	X(CT_STAGE_SOAK, "soak")
#define CT_STAGE_ENUM(name, text) name,
enum ct_stage { CT_STAGE_LIST(CT_STAGE_ENUM) CT_NSTAGES };
#undef CT_STAGE_ENUM

const char *ct_stage_name(enum ct_stage stage);

/* "environment,pairs" to a bit mask (bit i = stage i); CT_INVALID names the nearest. */
ct_status ct_stages_parse(const char *text, uint32_t *mask);

/* Leaves of the job's hosts: OF one number below N for each. */
struct ct_leaves {
	uint32_t n, *of, uplinks; /* uplinks: of a leaf, the fewest; 0 = not known */
	bool rail_leaves;	  /* the rails of a host hang on leaves of their own; n counts those of the first */
	char (*names)[CT_FABRIC_NAME];
};

/* Leaves of WORLD's hosts in FABRIC, which is read or declared. Hosts are found by their names, whole or up to the
 * first dot; those that are not in it share one more leaf, and *MISSING counts them. A host's leaf is that of its
 * first adapter; another leaf at another adapter makes rails with leaves of their own. Freed with
 * ct_leaves_free(). CT_INVALID (SOURCE has none of the hosts), CT_NOMEM. Pure. */
ct_status ct_leaves_of(const struct ct_fabric *fabric, const struct ct_world *world, const char *source,
	struct ct_leaves *leaves, uint32_t *missing);
void ct_leaves_free(struct ct_leaves *leaves);

struct ct_accept_plan {
	uint64_t budget_ns;		       /* of all stages but soak together; 0 = 60 s */
	uint64_t soak_ns;		       /* of the soak; 0 = none */
	const struct ct_candidate *candidates; /* NULL: all that can run here */
	size_t ncandidates;
	bool algorithms;    /* compare the algorithms of allreduce and alltoall too */
	uint64_t max_bytes; /* largest message, but for a profile's figures; 0 = 4 MiB */
	uint32_t rounds;    /* at most; 0 = 8, the least that can be compared */
	uint32_t stages;    /* bit i = stage i; 0 = all */
	bool matrix;	    /* measure every pair of nodes: as many rounds as nodes, outside of the budget */
	uint64_t seed;
	struct ct_accept_bands {
		struct ct_bands rate;	 /* against a measured floor; pass 0 = 0.80, 0.60 */
		struct ct_bands link;	 /* against a link's rate; 0 = 0.90, 0.80 */
		struct ct_bands latency; /* small messages, against a floor; 0 = 0.05, 0.025 */
		double pair_spread;	 /* slowest pair alone / fastest pair alone; 0 = 2.1 */
		double forced_share;	 /* forced context switches per rank and sample; more: other
					    work is in the median, nothing is judged; 0 = 0.5 */
	} bands;
	const struct ct_profile *profile;	/* borrowed until the report is freed; may be NULL */
	char today[11];				/* for its waivers, "2026-11-22" */
	const struct ct_leaves *leaves;		/* the same on every rank; borrowed until the report is freed; NULL = one */
	const struct ct_module *const *modules; /* what the session was opened with; may be NULL */
	const struct ct_net_settings *net_settings;
	const struct ct_coll_settings *coll_settings; /* the session's; NULL = defaults */
	/* Of this rank's host. Rank 0's is drawn (NULL: the map stage is skipped); one rank of each
	 * host suffices for the comparison of hosts. */
	const struct ct_machine *machine;
	/* Progress, one line without newline; called on rank 0 only. May be NULL. */
	void (*on_line)(void *arg, const char *line);
	/* Before each stage, on every rank. Its error ends the run. May be NULL. */
	ct_status (*on_stage)(void *arg, enum ct_stage stage);
	/* Every result, judged, on every rank, as ct_measure_plan's; round counts from 0. */
	ct_on_result *on_result;
	/* Points already measured (resume): the stored result or NULL; the same answer on every
	 * rank. May be NULL. */
	const struct ct_result *(*stored)(void *arg, uint32_t round, const struct ct_candidate *c,
					  const struct ct_test *t);
	void *arg;
};

/* ---- what was measured: filled by ct_accept_run(), or made up by a test ---------------------- */

/* What of the environment must be the same everywhere. */
enum ct_must { CT_MUST_VERSION, CT_MUST_MPI, CT_MUST_KERNEL, CT_MUST_MACHINE, CT_NMUST };

struct ct_env_row {
	char host[CT_HOST_NAME];
	uint32_t rank;		 /* the lowest one there */
	char text[CT_NMUST][96]; /* "" = not known, which is not different */
	bool differs[CT_NMUST];	 /* from the majority */
};

/* A fact or setting that is not the same on all hosts: by path and value. */
struct ct_env_difference {
	char path[160];		 /* "/settings/governor" */
	char usual[192], value[192];
	char host[CT_HOST_NAME]; /* the first that has VALUE */
	uint32_t hosts;		 /* how many have it */
	bool setting;		 /* else a fact of the hardware */
};

/* One figure: a candidate at one size over all rounds, or one pair. */
struct ct_figure {
	/* measured */
	ct_coll coll;
	uint64_t bytes;
	struct ct_candidate candidate;
	uint32_t a, b;	  /* one pair alone: its ranks; both 0 = all ranks, or all pairs at once */
	char scope[16];	  /* "" = all ranks; "within hosts", "rail 3", "one pair", "all at once" */
	uint32_t pairs;	  /* active at once; 0 = a collective */
	double *round_ns; /* median of each round; owned */
	uint32_t rounds, room;
	uint64_t least_ns, most_ns; /* of the intervals of all rounds */
	uint64_t samples, wrong;
	double bus_bytes; /* bus bandwidth times time */
	uint64_t forced;  /* context switches against the ranks' will, all ranks */
	bool checked;
	struct ct_expectation expected;
	bool cannot; /* the candidate cannot do this here: why says so, no times */
	char why[160];
	/* judged */
	uint64_t median_ns, low_ns, high_ns; /* of the rounds' medians; one round: of its samples */
	double busbw_Bps;		     /* at the median; 0 = judged by its time */
	double efficiency, low, high;	     /* 0 = no expectation */
	enum ct_verdict verdict;
	bool waived;	/* by the profile: does not count against the whole */
	char note[240]; /* why this verdict */
};

/* A series of medians over hours, and what it says. */
struct ct_soak_verdict {
	struct ct_ratio drift; /* time of the last third / of the first, 95 % interval */
	double p;	       /* Mann-Whitney, last third against first */
	uint32_t slow, flaps;  /* points above 1.3 times the median; how often it fell there and recovered */
	bool drifts, flapping; /* p below 0.01 and more than 5 %; three times or more */
};

struct ct_soak {
	double *at_s, *ns[2];  /* seconds since the start; allreduce, one-way messages */
	size_t n;
	uint32_t rounds, last; /* measured; the round of the last point */
	struct ct_soak_verdict verdict[2];
};

struct ct_accept_report {
	/* measured */
	uint32_t nranks, nhosts;
	uint32_t ranks_per_host, cpus_per_host; /* of the most loaded host */
	bool oversubscribed, interrupted;
	uint64_t budget_ns, elapsed_ns, seed;
	struct ct_env_row *env; /* one per host */
	size_t nenv;
	struct ct_env_difference *differences; /* rank 0's only */
	size_t ndifferences;
	struct ct_findings rails; /* where hosts' rails differ; rank 0's only */
	uint32_t nrails_differ;	  /* how many; on every rank */
	uint32_t nsettings, nfacts, ncompared; /* how many there are; hosts compared */
	char **map; /* lines of the map stage */
	size_t nmap;
	struct ct_floors floors;
	struct ct_figure *figures;
	size_t nfigures, figures_room;
	uint32_t pairs_total, pairs_met, pairs_alone; /* how many there are, met, measured alone */
	/* Slow parts, by rounds of disjoint pairs; the same on every rank. */
	bool isolated;
	struct ct_fleet fleet;
	char (*node_names)[CT_HOST_NAME]; /* of the fleet's nodes: hosts, or ranks of one host */
	struct ct_isolation isolation;
	double *matrix; /* rank 0's: ns from node I to node K of rail 0 at [I * nodes + K], 0 = not
			   measured; NULL = not asked for */
	uint32_t rounds;			      /* of the collectives stage */
	uint32_t unbound_ranks, shared_ranks;
	char net[CT_NET_TEXT], device[32];
	uint32_t stages;	      /* that ran to their end, bit i = stage i */
	char skipped[CT_NSTAGES][96]; /* why a stage was skipped or cut short; "" = it was not */
	uint64_t stage_ns[CT_NSTAGES]; /* how long each took */
	struct ct_soak soak;
	char ladder[900]; /* where the largest unexplained loss lies, by lib/advise; "" = not measured */
	char ladder_of[160]; /* between whom */
	/* judged */
	struct ct_accept_bands bands;
	struct ct_findings findings;
	const struct ct_profile *profile; /* borrowed; NULL = none */
	char today[11];
	struct ct_profile_result *against; /* one per figure of the profile */
	size_t nagainst;
	uint32_t nwaived;
	uint32_t npass, nwarn, nfail, ninconclusive, nunjudged;
	int64_t worst_pair, best_pair; /* index of figures, -1 = unknown */
	char congestion[200]; /* one pair against all at once; "" = not measured */
	enum ct_verdict verdict;
	char reason[400];
};

/*
 * Collective: runs the stages within the budget and judges. *REPORT is the same on every rank up to
 * the map lines and the differences (rank 0's) and is freed with ct_accept_free(). Performance, wrong data and unequal
 * hosts are verdicts, not errors. After CT_INTERRUPTED and CT_TIMEOUT *REPORT is set too, with what
 * was measured (interrupted = true), if there was memory; else it is NULL. Errors:
 * ct_measure_run's.
 */
ct_status ct_accept_run(struct ct_session *session, const struct ct_accept_plan *plan,
			struct ct_accept_report **report);
void ct_accept_free(struct ct_accept_report *report);

/* Pure: verdicts, ladder, findings and the reason of REPORT from what was measured. FACTS and WORLD
 * (for the advice) may be NULL. Can be called again. CT_NOMEM. */
ct_status ct_accept_judge(struct ct_accept_report *report, const struct ct_world *world,
			  const struct ct_facts *facts);

/* Drift and flaps of N times in order, pure but for memory: CT_NOMEM. */
ct_status ct_soak_judge(const double *ns, size_t n, struct ct_soak_verdict *out);

/* Exit status of the command: pass and warn 0, fail 1, inconclusive and unjudged 5. */
int ct_accept_exit(enum ct_verdict verdict);

/* Plain text of at most 100 columns: environment, verdict table, findings, last line the verdict.
 * CT_NOMEM. */
ct_status ct_accept_print(const struct ct_accept_report *report, struct ct_buf *out);

/* verdict.json: "schema":"colltune-verdict/1". New reference or NULL (no memory). */
json_t *ct_accept_json(const struct ct_accept_report *report);

/* Every number from 0 to TOTAL - 1 once, spread from the first on, without a list of them: of n ranks there are
 * n(n-1)/2 pairs, which no rank could hold. */
struct ct_pair_walk {
	uint64_t total, at, stride;
};

/* TOTAL: 1 … 2^52. The same SEED gives the same order. */
void ct_pair_walk(uint64_t seed, uint64_t total, struct ct_pair_walk *walk);
/* The next number; after TOTAL of them it begins again. */
uint64_t ct_pair_next(struct ct_pair_walk *walk);

/* Round ROUND (0 … ct_pair_rounds(n)-1) of a tournament by the circle method: PARTNER[r] is who r
 * meets, r itself when idle. Over all rounds every pair meets exactly once. Pure. */
uint32_t ct_pair_rounds(uint32_t n);
void ct_pair_round(uint32_t n, uint32_t round, uint32_t *partner);

#include "pretend.h"

#endif
