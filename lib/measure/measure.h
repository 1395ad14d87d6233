/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door of measure: the one measuring loop, its session, and the records it leaves.
 * The loop never names a library and never reads a clock: backends mark and span.
 */
#ifndef CT_MEASURE_H
#define CT_MEASURE_H

#include <stdbool.h>

#include "base/base.h"
#include "boot/boot.h"
#include "coll/coll.h"
#include "mem/mem.h"
#include "model/model.h"
#include "net/net.h"
#include "topo/topo.h"

/* ---- session: one per rank ----------------------------------------------------------------- */

struct ct_session_attr {
	const struct ct_world *world;
	const struct ct_module *const *modules; /* NULL-ended */
	const struct ct_net_settings *net_settings;
	const struct ct_coll_settings *coll_settings; /* NULL = defaults */
	const struct ct_group *group; /* that measures, beside others at once; NULL = all ranks */
	const struct ct_net_wrap *net_wrap; /* measured transports only, never the control plane */
	const char *record, *replay;        /* see coll.h */
	uint64_t deadline_ns;               /* per phase; 0 = 60 s */
	void (*on_expire)(void *arg, const struct ct_expiry *expiry); /* colltune.h; may be NULL */
	int (*interrupted)(void *arg);                                /* may be NULL */
	void *arg;
	const char *sysroot; /* where the ports' counters are read; NULL = this machine */
};

struct ct_session;

/*
 * Collective. Opens the control plane (a transport of its own: barrier and agreement, never
 * wrapped), the host's board (heartbeat, phase and awaited peer of each rank in shared memory) and
 * the watchdog thread. Free with ct_session_close().
 */
ct_status ct_session_open(const struct ct_session_attr *attr, struct ct_session **session);
void ct_session_close(struct ct_session *session);

const struct ct_world *ct_session_world(const struct ct_session *session);
/* The ranks that an operation is among. */
const struct ct_group *ct_session_group(const struct ct_session *session);

/* "dissemination barrier over shm": how starts are synchronised, for the record. */
const char *ct_session_sync_text(const struct ct_session *session);

/* What measured transports are to be wrapped with; NULL = nothing. Borrowed. */
const struct ct_net_wrap *ct_session_net_wrap(const struct ct_session *session);

/* Has this rank been asked to end? Local: who acts on it agrees with the others first. */
bool ct_session_interrupted(const struct ct_session *session);

/* Begins a phase: names it for the watchdog and restarts its deadline. 79 bytes are kept. */
void ct_session_phase(struct ct_session *session, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Ends the phase without another: nothing has a deadline until the next. (A collective of the
 * control plane that is called outside of any phase makes one of its own.) */
void ct_session_idle(struct ct_session *session);

/* What is known about who keeps whom waiting now, one line, for messages when a signal ends the
 * job; safe from another thread. Takes 0.1 s, in which the other ranks tell whom they wait for. */
void ct_session_suspects(struct ct_session *session, char *out, size_t room);

/* Collective over the control plane, within the phase's deadline: CT_TIMEOUT, CT_PEER. */
ct_status ct_session_barrier(struct ct_session *session);
/* Element-wise maximum over all ranks, in place; N <= 65536 at a time is split by itself. */
ct_status ct_session_max(struct ct_session *session, int64_t *values, size_t n);
/* Element-wise sum. */
ct_status ct_session_sum(struct ct_session *session, int64_t *values, size_t n);
/* Collective: every rank learns the lowest failing rank's status and reason (boot.h's agree). */
ct_status ct_session_agree(struct ct_session *session, ct_status mine);

/* A text that each host has to tell. */
struct ct_gather {
	const char *what; /* names the phases: "machine file" */
	const char *text; /* of the lowest rank of a host; others' does not count */
	size_t bytes;     /* 0 = there is none */
	size_t limit;     /* a longer one is not sent; the same on every rank */
	/* On rank 0, for each host in the world's order: its text, borrowed, not checked by anybody and
	 * without NUL; or NULL, and BYTES says how long it would be. An error ends the gathering. */
	ct_status (*take)(void *arg, uint32_t host, const char *text, size_t bytes);
	void *arg;
};

/* Collective: hands the hosts' texts to rank 0, one after another, each a phase of its own. Every
 * rank returns the same. CT_NOMEM, CT_PEER, CT_TIMEOUT, or what TAKE said. */
ct_status ct_session_gather(struct ct_session *session, const struct ct_gather *gather);

/* ---- what to measure ------------------------------------------------------------------------ */

/* One way of doing an operation: a backend over a transport with an algorithm and its knobs. */
struct ct_candidate {
	char backend[24], net[CT_NET_TEXT], algo[40]; /* "" = default; net: "tcp", "verbs:mlx5_0" */
	int64_t knob[CT_MAX_KNOBS];          /* the first nknobs; the others have their defaults */
	char knob_name[CT_MAX_KNOBS][16];    /* in the algorithm's order */
	uint32_t nknobs;
	char memory[CT_MEM_TEXT];            /* where its buffers lie, see ct_mem_parse(); "" = host */
};

struct ct_test {
	ct_coll coll;
	ct_type type;
	ct_op op;
	uint32_t root;
	uint64_t bytes;          /* asked; the count that fits is measured (ct_coll_count) */
	bool in_place;
	uint32_t window;         /* p2p one-way and duplex: messages in flight; 0 = 64 */
	const uint32_t *partner; /* p2p: nranks entries; borrowed */
	uint32_t operations, group; /* collectives: as in ct_coll_desc; in a record `inner` tells the first */
};

struct ct_stop {
	uint64_t min_samples, max_samples; /* per candidate; defaults 20, 100000 */
	uint64_t budget_ns;                /* per candidate and point, 0 = 1 s */
	double precision;                  /* half width / median, 0 = 0.02 */
	uint32_t warmup;                   /* at least; all verified calls count; 0 = 5 */
	uint32_t check;                    /* 0 = data not verified */
};

struct ct_counters {
	uint64_t rx_bytes, tx_bytes;        /* of the transport's interface, 0 if none */
	uint64_t retransmits;               /* TCP segments of this network namespace */
	uint64_t switches, forced_switches; /* of all ranks: getrusage nvcsw, nivcsw */
	uint64_t page_faults;
};

/* One of these ports by itself. */
struct ct_port_end {
	char host[CT_HOST_NAME], device[32];
	uint32_t port;
	bool active;
	struct ct_counts counts;
};

enum { CT_MOST_ENDS = 16 };

/* What the RDMA ports of all hosts counted in the turns of one candidate (topo/counters.h), whoever
 * made them count: read before and after, never within a batch. */
struct ct_port_counts {
	bool known;      /* false: there is no RDMA port, or the record is older than this */
	uint32_t active; /* ports of all hosts that were active */
	uint32_t used;   /* that carried a twentieth of their host's busiest one or more */
	struct ct_counts sum;
	struct ct_port_end *ends; /* nends of the nports ports of all hosts: all, or the CT_MOST_ENDS
	                             that counted the most losses, retransmissions, errors, traffic */
	uint32_t nends, nports;
};

/* One candidate at one point in one round, the same on every rank. */
struct ct_result {
	struct ct_candidate candidate;
	struct ct_test test;      /* partner is not kept */
	uint32_t round, nranks, pairs;
	uint64_t bytes, count;    /* as measured, nccl-tests' size and count */
	uint64_t inner;           /* operations per sample: 1, or messages (2 per round trip); all times
	                             but first_ns and overhead_ns are per operation */
	uint64_t *samples_ns;     /* n entries in the order taken; NULL when only hist is kept */
	struct ct_hist *hist;     /* instead of samples beyond 65536 of them; else NULL */
	struct ct_summary summary;/* max over ranks of the local span, per operation */
	uint64_t first_ns;        /* the first call, connections included */
	uint32_t warmup;
	uint64_t wrong;           /* elements, all ranks and all verified calls; see checked */
	uint32_t checked;         /* verified calls */
	uint64_t overhead_ns;     /* the loop's own cost per sample, not subtracted */
	double algbw_Bps, busbw_Bps, messages_per_s;
	bool precise;             /* precision reached within the budget */
	bool oversubscribed;
	struct ct_counters counters;
	struct ct_port_counts ports;
	struct ct_coll_about told; /* by the library, where it tells anything */
	struct ct_expectation expected; /* filled by the caller of measure (see accept, bench) */
	enum ct_verdict verdict;        /* CT_UNJUDGED until someone judges */
	char path[160], library[96];    /* from the backend's caps */
	struct ct_net_caps net;         /* for ct_result_expect(); 0 when read from a record */
	ct_status status;         /* CT_OK; CT_UNSUPPORTED: this candidate cannot, see why */
	char why[240];
};

/* Frees what RESULT owns, not RESULT itself. */
void ct_result_clear(struct ct_result *result);

typedef ct_status ct_on_result(void *arg, struct ct_result *result);

struct ct_measure_plan {
	const struct ct_candidate *candidates;
	size_t ncandidates;
	const struct ct_test *tests;
	size_t ntests;
	struct ct_stop stop;
	uint32_t rounds; /* each with fresh communicators and connections; 0 = 1 */
	uint64_t seed;   /* inputs, and the order of candidates in each round */
	/* Points already there (resume): true = skip. Asked on every rank; one that says so
	 * suffices, so that only rank 0 need know. May be NULL. */
	bool (*done)(void *arg, uint32_t round, const struct ct_candidate *c,
		const struct ct_test *t);
	/* Called on every rank as soon as a point of a candidate is complete (or cannot be
	 * measured: status CT_UNSUPPORTED); the callee may keep samples, histogram and ports' ends
	 * by setting the pointers in RESULT to NULL. Its error ends the run on every rank. May be NULL. */
	ct_on_result *on_result;
	void *arg;
};

/*
 * Collective: for each round, for each test, all candidates interleaved in batches whose order is
 * shuffled by the seed, until each is precise enough or out of budget. Time of a sample = maximum
 * over ranks of the local span after a synchronised start. CT_INTERRUPTED and CT_TIMEOUT keep every
 * result handed out before.
 */
ct_status ct_measure_run(struct ct_session *session, const struct ct_measure_plan *plan);

/* ---- trials: a few samples of many candidates, for who searches (trials.c) ------------------- */

struct ct_trials;

/* One take: SAMPLES samples of each of the N candidates WHICH (indices), in turns whose order is
 * shuffled. A candidate that has not been used at this test before is prepared and warmed up. */
struct ct_trial {
	const struct ct_test *test;
	const uint32_t *which;
	uint32_t n, samples;
	uint32_t warmup; /* calls before a candidate's first sample; 0 = 1 */
	bool cold;       /* no warm-up call: the first call is a sample (unless it is verified) */
	const bool *verify; /* [n]: whose next call's data are to be compared; NULL: nobody's */
	uint64_t since_ns; /* of this rank's clock: elapsed time counts from then; 0 = from the call */
};

struct ct_trial_out {
	uint64_t *ns;        /* [n][samples]: maximum over ranks; of one operation */
	ct_status *status;   /* [n] CT_OK, CT_UNSUPPORTED (see ct_trials_why), CT_CORRUPT: wrong data */
	uint64_t elapsed_ns; /* all of it, preparing included: maximum over ranks */
};

/* Collective. Opens the N backends of BASES (backend and net are read) once; libraries that cannot
 * run here keep their place, ct_trials_caps() is NULL then. SEED: of inputs and order. Close with
 * ct_trials_close(). CT_NOMEM, CT_INVALID, CT_PEER, CT_TIMEOUT. */
ct_status ct_trials_open(struct ct_session *session, const struct ct_candidate *bases, size_t n,
	uint64_t seed, struct ct_trials **trials);
void ct_trials_close(struct ct_trials *trials);

/* What base I can do; borrowed until close. NULL: it cannot run here, *WHY says why. */
const struct ct_coll_caps *ct_trials_caps(const struct ct_trials *trials, size_t i,
	const char **why);

/* Adds a candidate of one of the bases; *INDEX is what takes name it by. The same on every rank.
 * CT_NOMEM, CT_NOTFOUND (no such base). */
ct_status ct_trials_add(struct ct_trials *trials, const struct ct_candidate *candidate,
	uint32_t *index);
const struct ct_candidate *ct_trials_candidate(const struct ct_trials *trials, uint32_t index);

/* Why candidate INDEX could not be prepared at the last take that tried; "" if it could. */
const char *ct_trials_why(const struct ct_trials *trials, uint32_t index);

/* Gives up what is prepared, which borrows the last test's partners. */
void ct_trials_forget(struct ct_trials *trials);

/* Collective, the same on every rank, who all get the same times. CT_INTERRUPTED, CT_TIMEOUT,
 * CT_PEER, CT_NOMEM, CT_INVALID. */
ct_status ct_trials_take(struct ct_trials *trials, const struct ct_trial *trial,
	struct ct_trial_out *out);

/* Candidate list from texts: BACKENDS "native,mpi" × NETS "shm,tcp" (native only; NULL = the
 * backend's own choice), each with its default algorithm, or, with ALGOS, one per algorithm of
 * COLL: "all", or names with knobs ("ring:segment=65536,rabenseifner"); a backend that lacks a named
 * algorithm is left out for it. Collective, since backends are opened to ask. *LIST is freed with
 * ct_free(). Unknown names: CT_INVALID with the nearest; a backend that cannot run: CT_UNSUPPORTED
 * with its reason. */
ct_status ct_candidates_parse(struct ct_session *session, const char *backends, const char *nets,
	const char *algos, ct_coll coll, struct ct_candidate **list, size_t *count);

/* The same candidate; the same test but for its partners. Pure. */
bool ct_candidate_same(const struct ct_candidate *a, const struct ct_candidate *b);
bool ct_test_same(const struct ct_test *a, const struct ct_test *b);

/* "native/shm ring segment=65536", "mpi default": for tables. */
const char *ct_candidate_text(const struct ct_candidate *c, char out[96]);

/* ---- floors: what the plainest code does on this machine (floor.c) -------------------------- */

/* Collective, about 0.5 s: measures the floors on each host at once; FLOORS are those of the
 * slowest host. ct_expect() needs them. */
ct_status ct_floors_measure(struct ct_session *session, struct ct_floors *floors);

/* Fills RESULT->expected from the transport's caps and FLOORS. */
void ct_result_expect(struct ct_result *result, const struct ct_world *world,
	const struct ct_net_caps *caps, const struct ct_floors *floors);

/* ---- records -------------------------------------------------------------------------------- */

/* The environment record: hosts, versions, options echo, seed, clock quality, machine hash.
 * OPTIONS and MACHINE_HASH may be NULL. New reference or NULL. */
json_t *ct_record_environment(const struct ct_session *session, const char *command,
	const json_t *options, const char *machine_hash, uint64_t seed);

/* A point record (results/schema.json) with its samples or histogram, which RESULT must still have.
 * New reference or NULL. */
json_t *ct_record_point(const struct ct_result *result);

/* The object /ports of such a record; NULL without memory. */
json_t *ct_port_counts_record(const struct ct_port_counts *ports);

/* The inverse, for resume, compare and view: CT_INVALID names FILE, LINE and the key. */
ct_status ct_record_parse(const json_t *record, const char *file, uint64_t line,
	struct ct_result *result);

/* Records of one .jsonl file. */
struct ct_records {
	json_t *environment; /* the first line, or NULL */
	struct ct_result *results;
	size_t n, room;
};

/* Reads PATH. GROWING: someone may be writing it, so a last line without line break is left out;
 * otherwise it is an error. CT_IO; CT_INVALID names file, line and key. Nothing in the file is
 * changed. Free with ct_records_free(). */
ct_status ct_records_read(const char *path, bool growing, struct ct_records *records);
void ct_records_free(struct ct_records *records);

/* A result directory of rank 0 (docs/formats.md): run.json, points.jsonl, machines/, notes. */
struct ct_store;

/* DIR must be new (mkdir 0700) unless RESUME. CT_IO: cannot be made; CT_INVALID: exists, or on
 * resume: another schema, other options than recorded (but for "out" and "resume"), a cut-off or
 * wrong line (file:line); then nothing in DIR is changed. ENVIRONMENT is borrowed. */
ct_status ct_store_open(const char *dir, bool resume, const json_t *environment,
	struct ct_store **store);
/* Before a resume that may follow a kill: takes a last line of DIR/points.jsonl that was cut off while it
 * was written off the file. *LINE: its number, 0 = there was none. Whole lines stay as they are. CT_IO. */
ct_status ct_store_mend(const char *dir, uint64_t *line);
/* Points found on resume. */
size_t ct_store_count(const struct ct_store *store);
const struct ct_result *ct_store_result(const struct ct_store *store, size_t i);
bool ct_store_has(const struct ct_store *store, uint32_t round, const struct ct_candidate *c,
	const struct ct_test *t);
ct_status ct_store_point(struct ct_store *store, const struct ct_result *result);
/* Any other file in DIR ("verdict.json", "machines/HOST.json"; NAME has no ".." and does not begin
 * with '/'): by temporary and rename. CT_INVALID, CT_IO. */
ct_status ct_store_save(struct ct_store *store, const char *name, const json_t *json);
/* run.json's "stage" from now on: what is under way, so that a run that was killed tells how far it came.
 * CT_IO, CT_NOMEM. */
ct_status ct_store_stage(struct ct_store *store, const char *stage);
/* run.json's state: "running", "done", "failed", "interrupted", "killed", "expired" (CT_INVALID for
 * any other); NOTE may be NULL. Uses only calls that another thread may make while the main thread
 * is stuck. */
ct_status ct_store_state(struct ct_store *store, const char *state, const char *note);
void ct_store_close(struct ct_store *store);

#endif
