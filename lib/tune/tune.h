/* SPDX-License-Identifier: BSD-3-Clause */
/* Door of tune: the search for what is fastest here, the rules that come of it, and what was found best
 * written as the settings files of others. */
#ifndef CT_TUNE_H
#define CT_TUNE_H

#include <stdbool.h>

#include "advise/advise.h"
#include "alike.h"
#include "base/base.h"
#include "jobs.h"
#include "measure/measure.h"
#include "rules/rules.h"
#include "search.h"

/* ---- search (tuner.c) ----------------------------------------------------------------------- */

struct ct_tune_attr {
	const ct_coll *colls;
	size_t ncolls;
	const char *backends;  /* "native,mpi"; one that cannot run here is noted, not an error */
	const char *net;       /* transport of native; NULL = auto */
	ct_type type;
	ct_op op;
	uint64_t min_bytes, max_bytes; /* 0 = 8 and 16 MiB */
	double factor;                 /* from size to size; 0 = 2 */
	uint64_t budget_ns;            /* of all of it; 0 = 60 s. The search ends by itself before */
	double effort;                 /* see search.h; 0 = its default */
	uint64_t seed;
	bool no_model;                 /* nothing is predicted, nothing pruned by prediction */
	const char *overlap;           /* what works beside it, for the rules' scope; NULL = nothing */
	/* Told when a part begins, on every rank; may be NULL. */
	void (*on_part)(void *arg, const char *backend, ct_coll coll);
	void *arg;
};

/* What a backend's messages take, between ranks of one host and between hosts. */
struct ct_tune_links {
	struct ct_link host, net; /* known = false: there are no such pairs, or it could not be measured */
	uint64_t spent_ns;
};

/* One operation of one backend. */
struct ct_tune_part {
	ct_coll coll;
	const char *backend, *library; /* library: "Open MPI v4.1.4" */
	const char *path;              /* what it runs on, as the backend tells it; "" or NULL = not told */
	struct ct_candidate *cells;    /* cell 0: the default */
	uint32_t *index;               /* of each cell among the trials' candidates */
	struct ct_cell *shape;
	char (*why)[160];              /* of each cell: why it could not be run at some size; "" */
	size_t ncells;
	uint64_t *sizes;               /* as measured, nccl-tests' column */
	size_t nsizes;
	struct ct_tune_links *links;   /* of its backend */
	int64_t *predicted;            /* [cell][size] ns; 0 = this model has no schedule for it */
	struct ct_search found;
};

struct ct_tuned {
	struct ct_tune_part *parts;
	size_t nparts;
	struct ct_candidate base[8]; /* the backends asked for */
	char missing[8][160];        /* why one cannot run here or has no choice; "" */
	struct ct_tune_links links[8];
	size_t nbases;
	struct ct_session *session;
	struct ct_trials *trials;    /* still open: more can be measured */
	struct ct_tune_attr attr;    /* defaults filled in; texts are borrowed */
	uint64_t elapsed_ns;
};

/*
 * Collective. Searches every operation of every backend within ATTR's budget; the default is always a
 * candidate. All ranks get the same samples, hence the same answer. Free with ct_tune_free(), which
 * is collective too. CT_INVALID (nothing asked, a name, sizes, a budget too small for one sample),
 * CT_UNSUPPORTED (no backend can run), CT_NOMEM, CT_PEER, CT_TIMEOUT.
 */
ct_status ct_tune_run(struct ct_session *session, const struct ct_tune_attr *attr,
	struct ct_tuned **tuned);
void ct_tune_free(struct ct_tuned *tuned);

/* Collective. Measures the links of base I by netgauge's method over the backend's own messages
 * (links.c). What cannot be measured stays unknown; only CT_NOMEM, CT_PEER, CT_TIMEOUT fail. */
ct_status ct_tune_measure_links(struct ct_session *session, struct ct_tuned *tuned, size_t i);

/* Predicted ns of CELL of PART at SIZE bytes on NRANKS ranks, RANKS_PER_HOST of them on each host; 0
 * where there is no schedule of ours under the algorithm's name, or the links are not known. Pure. */
double ct_tune_predict(const struct ct_tune_part *part, size_t cell, uint64_t bytes, uint32_t nranks,
	uint32_t ranks_per_host, bool *alike);

/* What a search was worth: an exhaustive sweep as an oracle, then fresh samples. */
enum { CT_JUDGE_HELD = 10 };
struct ct_tune_verdict {
	uint64_t exhaustive_ns;                     /* 20 samples and 5 warm-up calls of every legal cell */
	uint64_t legal;                             /* cells times sizes */
	uint32_t best[CT_SEARCH_MOST_SIZES];        /* the oracle's */
	double loss[CT_SEARCH_MOST_SIZES];          /* chosen / oracle's best, medians of fresh samples */
	struct ct_ratio gain[CT_SEARCH_MOST_SIZES]; /* default / chosen, of fresh samples */
	double mean_loss, worst_loss;               /* geometric mean and largest, as factors */
	uint64_t held_bytes[CT_JUDGE_HELD];         /* sizes that were not searched */
	struct ct_alike held[CT_JUDGE_HELD];        /* default and chosen there */
	size_t nheld;
};

/* Collective: takes many times as long as the search. Errors as ct_tune_run(). */
ct_status ct_tune_judge(struct ct_tuned *tuned, size_t part, struct ct_tune_verdict *verdict);

/* A block of samples for ct_alike_run(): of the N candidates WHICH of TRIALS, freshly prepared. Collective,
 * errors as ct_trials_take(). */
ct_status ct_alike_take(struct ct_trials *trials, const struct ct_test *test, const uint32_t *which,
	uint32_t n, uint64_t *ns, uint64_t *spent_ns);

/* Searches in a row (repeat.c). */
enum { CT_REPEAT_MOST = CT_ALIKE_CELLS };
struct ct_tune_repeat {
	uint32_t searches;
	struct ct_alike *set; /* what they chose at each size of each part, one part after another */
	uint32_t *choice;     /* [set][CT_REPEAT_MOST]: the cell of each search */
	size_t nsets;
};

/* Collective. SEARCHES in all, TUNED's and others with the seeds that follow; then fresh samples of what
 * differs, for at most BUDGET_NS. Free with ct_tune_repeat_free(). CT_INVALID (0 or more than CT_REPEAT_MOST),
 * otherwise errors as ct_tune_run(). */
ct_status ct_tune_repeat(struct ct_tuned *tuned, uint32_t searches, uint64_t budget_ns,
	struct ct_tune_repeat *repeat);
void ct_tune_repeat_free(struct ct_tune_repeat *repeat);

/* Of N sets from FIRST on: at how many sizes all searches chose the same, what is equivalent, what differs
 * (at most by the factor MOST), or what is not resolved. Of all choices of all searches: how many take at
 * most 5 % longer than the fastest choice at their size, and how many surely more; the others are not
 * resolved. Pure. */
struct ct_tune_repeated {
	size_t sizes, same, equivalent, differ, open;
	size_t choices, fast, slow;
	double most;
};
struct ct_tune_repeated ct_tune_repeated(const struct ct_tune_repeat *repeat, size_t first, size_t n);

/* The rules as colltune-rules/1; MACHINE: ct_machine_hash()'s text, FINGERPRINT may be NULL. A new
 * reference, or NULL without memory. Defaults make no rule, so there may be none. With what was measured at
 * each size of up to 8 settings that are not surely slower than the default, for ct_rules_join(). */
json_t *ct_tune_rules(const struct ct_tuned *tuned, const struct ct_world *world, const char *machine,
	const char *fingerprint);

/* A library's own words in those of a rules file's scope: "Open MPI v4.1.4" gives "openmpi" and "4.1". False where
 * no version is in them. */
bool ct_tune_library(const char *text, char name[32], char version[16]);

/* The same for a job that may use all these backends: at each size the rules of one of them only, the
 * fastest where its interval lies wholly below that of the first backend asked for (winners.c). */
json_t *ct_tune_winners(const struct ct_tuned *tuned, const struct ct_world *world, const char *machine,
	const char *fingerprint);

/* Sizes at which it is not known whether the default loses, and all sizes that were measured. */
void ct_tune_unresolved(const struct ct_tuned *tuned, size_t *unresolved, size_t *measured);

/* Adds to FINDINGS what the search suggests: a finding for each rule, with its setting as RULES_PATH (the
 * rules file; NULL: not written yet) puts it into effect and how to undo it, and a note for each
 * operation whose defaults are best. CT_NOMEM. */
ct_status ct_tune_suggest(const struct ct_tuned *tuned, const char *rules_path,
	struct ct_findings *findings);

/* ---- export --------------------------------------------------------------------------------- */

/* What could not be written, or is written otherwise than the rules say; one line each. */
struct ct_export_remark {
	char text[240];
	uint32_t left_out; /* index of the rule that is not in the file; UINT32_MAX: none */
};

struct ct_export {
	struct ct_buf text;              /* the file */
	struct ct_export_remark *remarks;
	size_t nremarks;
	uint32_t written;                /* rules that are in the text */
};

/* What the exporters may need besides the rules. */
struct ct_export_in {
	const struct ct_rules *rules;
	const char *rules_path;   /* where the rules file lies on the nodes: named in settings; may be NULL */
	const char *target_path;  /* where the written file will lie; may be NULL */
	bool same_arguments;      /* every rank passes a gather and a scatter the same counts and types, none in place */
};

/* One kind of file. */
struct ct_exporter {
	const char *name;    /* "openmpi" */
	const char *summary; /* one line for --help and list */
	const char *backend; /* whose rules it takes */
	const char *use;     /* how the file is put into effect, one line */
	ct_status (*write)(const struct ct_exporter *self, const struct ct_export_in *in,
		struct ct_export *out);
	bool by_operation;   /* its file says what holds for which operation */
};

/* All exporters, ended by one whose name is NULL: openmpi, openmpi-json, openmpi-params, nccl, nccl-csv,
 * nccl-conf, ucc, ucx, rules, env. */
const struct ct_exporter *ct_exporters(void);

/* Writes IN's rules as EXPORTER's file into OUT (empty before). A rule of the backend that the format
 * cannot say is left out with a remark, never changed in silence. CT_NOMEM; CT_INVALID: no rule of
 * that backend at all. Free with ct_export_free(), also after an error. Any thread. */
ct_status ct_export_write(const struct ct_exporter *exporter, const struct ct_export_in *in,
	struct ct_export *out);
void ct_export_free(struct ct_export *out);

/* Do A and B set the same for the same operation, backend and type, at whatever size? */
bool ct_rule_same_setting(const struct ct_rule *a, const struct ct_rule *b);

/* Rules A and B of one machine, found with different numbers of ranks per node, as rules for these numbers
 * and those between: at each size, of what both measured to be no slower than the default (gain's low end from
 * 0.95), the setting with the largest product of gains, if that is surely above 1, unless the gains of a setting
 * differ by more than a factor of 2; where one of them tells nothing of what it measured, what both chose. With
 * both gains, and the lesser as the rule's (join.c). *JOINED is freed with ct_rules_free(). CT_INVALID: of another machine, library, --overlap, number of nodes, or more than a factor of 2 apart;
 * CT_NOMEM. Any thread. */
ct_status ct_rules_join(const struct ct_rules *a, const struct ct_rules *b, struct ct_rules **joined);

/* For exporters: adds a remark about RULE (NULL: about the file); one that begins with "left out" says that
 * RULE is not in it. */
ct_status ct_export_remark(struct ct_export *out, const struct ct_rule *rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
