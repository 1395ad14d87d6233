/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of measure share among themselves; nobody else includes it. */
#ifndef CT_MEASURE_INSIDE_H
#define CT_MEASURE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "measure.h"

/* ---- board.c: what the ranks of one host know of each other --------------------------------- */

enum { CT_BOARD_TEXT = 80, CT_BOARD_WORDS = CT_BOARD_TEXT / 8 };

/* In what a rank waits: what is measured tells more about a suspect than the control plane. */
enum ct_place { CT_IN_NOTHING, CT_IN_CONTROL, CT_IN_MEASURED };

/* One rank's part of the board. Written by its owner (but for `asked`), read by all; each field is
 * atomic by itself, texts word by word: a torn text is possible and harmless. */
struct ct_slot {
	_Alignas(64) _Atomic uint64_t beat_ns; /* last heartbeat, ct_now_ns(); 0 = none yet */
	_Atomic uint64_t phase;                /* how many phases have begun */
	_Atomic uint64_t failed;               /* 1 + the session's epoch in which it failed */
	_Atomic uint64_t place;                /* enum ct_place, as of the last publication */
	_Atomic uint64_t asked;                /* somebody wants `awaits` published */
	_Atomic uint64_t left;                 /* the session has been closed */
	_Atomic uint64_t phase_text[CT_BOARD_WORDS], awaits[CT_BOARD_WORDS];
};

struct ct_board {
	const struct ct_world *world;
	struct ct_slot *slots; /* one per local rank */
	uint32_t *rank_of;     /* rank of each slot */
	size_t bytes;          /* mapped; 0 = private memory, since sharing was not possible */
};

/* Collective through the bootstrap. Where memory cannot be shared, a board that knows only its own
 * rank. CT_NOMEM, or the bootstrap's error. */
ct_status ct_board_open(const struct ct_world *world, struct ct_board *board);
void ct_board_close(struct ct_board *board);

struct ct_slot *ct_board_mine(const struct ct_board *board);
void ct_board_put(_Atomic uint64_t text[CT_BOARD_WORDS], const char *in);
void ct_board_get(const _Atomic uint64_t text[CT_BOARD_WORDS], char out[CT_BOARD_TEXT]);
void ct_board_ask(struct ct_board *board);

/* Has another rank of this host failed in EPOCH? */
bool ct_board_failed(const struct ct_board *board, uint64_t epoch);

/* Who keeps whom waiting at NOW_NS, as far as the board tells. */
void ct_board_suspects(const struct ct_board *board, uint64_t now_ns, char *out, size_t room);

/* ---- watchdog.c ------------------------------------------------------------------------------ */

/* A request that the watchdog may ask whom it waits for. */
struct ct_watched {
	const struct ct_coll_ops *ops;
	void *self, *req;
};

enum { CT_SUSPECT_TEXT = 512 };

struct ct_watchdog {
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards all plain fields below */
	pthread_cond_t wake;
	bool stop;
	struct ct_watched control, measured;
	char suspect[CT_SUSPECT_TEXT];
	_Atomic uint64_t until_ns; /* end of the phase; UINT64_MAX = nothing is awaited */
	_Atomic uint64_t epoch;    /* agreed failures so far */
	_Atomic unsigned place;    /* enum ct_place */
	_Atomic bool alarm;        /* wait loops: look closer */
	_Atomic bool expired;
};

/* Starts and ends SESSION's thread. CT_NOMEM. */
ct_status ct_watchdog_start(struct ct_session *session);
void ct_watchdog_stop(struct ct_session *session);

/* From now on REQ (NULL: nothing) is what this rank waits for in PLACE. */
void ct_watch(struct ct_session *session, enum ct_place place, const struct ct_coll_lib *lib,
	void *req);

/* ---- sync.c ---------------------------------------------------------------------------------- */

enum { CT_SYNC_CHUNK = 128 }; /* values per exchange: one batch's vector fits */

struct ct_sync {
	struct ct_coll_lib lib;
	void *barrier, *max, *sum; /* prepared once */
	int64_t *in, *out;
	char text[64];
};

ct_status ct_sync_open(struct ct_session *session);
void ct_sync_close(struct ct_session *session);

/* Runs a request prepared with the control plane's library. Outside of any phase it makes one of
 * its own, named WHAT, so that nothing waits without a deadline. CT_TIMEOUT, CT_PEER. */
ct_status ct_sync_run(struct ct_session *session, void *req, const char *what);

/* ---- ports.c --------------------------------------------------------------------------------- */

struct ct_lane;
enum { CT_MOST_PORTS = 64 }; /* of a host, of which it is told whether they were used */

struct ct_port_watch {
	struct ct_ports *ports; /* on the first rank of a host, else NULL */
	const struct ct_port *list;
	size_t n;
	uint32_t first, total;             /* of the ports of all hosts */
	struct ct_port_sample *then, *now; /* one for each port */
	struct ct_lane *lane;              /* whose turn it is */
	bool any;                          /* some host has a port: the same on every rank */
};

/* Collective. CT_NOMEM; ports that cannot be read are none. */
ct_status ct_port_watch_open(struct ct_session *session);
void ct_port_watch_close(struct ct_session *session);

/* From now on what the ports count is LANE's (NULL: nobody's). May wait as long as the kernel
 * repeats what it read last, 0.25 s at most. */
void ct_port_watch_turn(struct ct_session *session, struct ct_lane *lane);
/* Room for what LANE's turns count, port by port. CT_NOMEM. Freed with the lane. */
ct_status ct_port_watch_begin(struct ct_session *session, struct ct_lane *lane);
/* The lane whose turn it is goes away. */
void ct_port_watch_forget(struct ct_session *session);

/* Collective: sums over all hosts, in LANE->ports. */
ct_status ct_port_watch_sum(struct ct_session *session, struct ct_lane *lane);

/* The inverse of ct_port_counts_record(); *OUT unknown when RECORD has none. CT_INVALID. */
ct_status ct_port_counts_parse(const json_t *record, const char *where, struct ct_port_counts *out);

/* ---- ends.c ---------------------------------------------------------------------------------- */

/* Collective: numbers the ports of all hosts. CT_NOMEM. */
ct_status ct_port_ends_number(struct ct_session *session);

/* Collective: the ends in LANE->ports, the same on every rank; owned by its result from then on. */
ct_status ct_port_ends_gather(struct ct_session *session, struct ct_lane *lane);

/* ---- session.c ------------------------------------------------------------------------------- */

struct ct_session {
	struct ct_session_attr attr;
	struct ct_group group;
	struct ct_board board;
	struct ct_watchdog dog;
	struct ct_sync sync;
	struct ct_port_watch ports;
	ct_status late; /* learned while waiting for others; the next call fails with it */
	char late_why[512];
	bool heard; /* this rank's failure is that another one has failed */
};

/* Waits until REQ is complete: spins briefly, then yields the processor. CT_TIMEOUT once the
 * watchdog has fired; CT_PEER in what is measured when another rank of this host has failed. */
ct_status ct_session_wait(struct ct_session *session, const struct ct_coll_lib *lib, void *req,
	enum ct_place place);

/* When opening something collective must be over: a little after the watchdog, which knows more. */
struct ct_deadline ct_session_open_by(const struct ct_session *session);

/* Failures travel as one number in a vector of maxima: 0 = none, the largest is to be blamed. */
int64_t ct_failure_key(const struct ct_session *session, ct_status mine);

/* Collective, with the maximum KEY (not 0): every rank returns the blamed rank's status and
 * reason. WHY: this rank's reason, when it is the one. */
ct_status ct_failure_learn(struct ct_session *session, int64_t key, const char *why);

/* Tells the other ranks of this host, who may wait, that what is measured has failed here. */
void ct_failure_mark(struct ct_session *session);

/* ---- samples.c ------------------------------------------------------------------------------- */

enum { CT_SAMPLES_KEPT = 65536 };

struct ct_samples {
	uint64_t *kept; /* in the order taken; NULL once there are more than CT_SAMPLES_KEPT */
	uint64_t *sorted;
	size_t n, room;
	struct ct_hist *hist;
	uint64_t next_look; /* summarise again at this count */
	struct ct_summary summary;
};

/* Room for MORE samples, so that adding them cannot fail. CT_NOMEM. */
ct_status ct_samples_reserve(struct ct_samples *samples, size_t more);
void ct_samples_add(struct ct_samples *samples, uint64_t ns);
/* Brings the summary up to date. */
void ct_samples_summarize(struct ct_samples *samples);
void ct_samples_free(struct ct_samples *samples);

/* Half of the interval's width over the median; infinite below 6 samples (no 95 % interval). */
double ct_summary_precision(const struct ct_summary *summary);

/* ---- counters.c ------------------------------------------------------------------------------ */

/* Counters of now. DEVICE "" = no interface; only one rank per host (LEADER) reads what belongs to
 * the whole host, so that sums over ranks are right. */
struct ct_counters ct_counters_read(const char *device, bool leader);
/* SUM += AFTER - BEFORE, field by field. */
void ct_counters_add(struct ct_counters *sum, const struct ct_counters *before,
	const struct ct_counters *after);
/* The fields as a row of numbers, for sums over ranks. */
enum { CT_NCOUNTERS = 6 };
void ct_counters_row(const struct ct_counters *c, int64_t row[CT_NCOUNTERS]);
void ct_counters_unrow(struct ct_counters *c, const int64_t row[CT_NCOUNTERS]);

/* ---- buffers.c ------------------------------------------------------------------------------- */

/* Of one test, the same for every candidate with the same memory. */
struct ct_buffers {
	const struct ct_mem_ops *kind;
	uint32_t device;
	struct ct_mem memory[2]; /* send and receive; in place the first holds both */
	void *shadow[2];         /* on the host, where the processor cannot touch these; else NULL */
	uint64_t bytes[2];       /* of each */
	uint64_t send_at, recv_at; /* where the windows begin */
};

/* Buffers for DESC in MEMORY (ct_mem_parse()). CT_INVALID, CT_NOMEM, CT_UNSUPPORTED. Free with
 * ct_buffers_free(), also in part. */
ct_status ct_buffers_make(struct ct_buffers *buffers, const char *memory,
	const struct ct_session *session, const struct ct_coll_desc *desc);

/* Sets DESC's windows. */
void ct_buffers_use(const struct ct_buffers *buffers, struct ct_coll_desc *desc);
void ct_buffers_free(struct ct_buffers *buffers);

/* Spoils the results and makes the inputs of DESC. BUFFERS may be NULL: memory of the host. CT_IO. */
ct_status ct_buffers_fill(const struct ct_buffers *buffers, const struct ct_coll_desc *desc,
	const struct ct_group *group, uint64_t seed);

/* *WRONG: how many elements of this rank's result are. CT_IO. */
ct_status ct_buffers_check(const struct ct_buffers *buffers, const struct ct_coll_desc *desc,
	const struct ct_group *group, uint64_t seed, uint64_t *wrong);

/* ---- lane.c: one candidate at one point ------------------------------------------------------ */

/* A library opened for one round; candidates with the same backend and transport share it. */
struct ct_run_lib {
	char backend[24], net[CT_NET_TEXT];
	struct ct_coll_lib lib;
	const struct ct_coll_caps *caps;
	uint64_t overhead_ns;
	ct_status status; /* CT_UNSUPPORTED: its candidates cannot run, see why */
	char why[240];
};

enum { CT_BATCH = 64, CT_BATCH_NS = 50000000, CT_LATENCY_NS = 20000, CT_ROUND_TRIPS = 100,
	CT_WINDOW = 64, CT_CHECKED_CALLS = 3 };

struct ct_lane {
	struct ct_session *session;
	const struct ct_measure_plan *plan;
	struct ct_stop stop; /* plan's with defaults filled in */
	struct ct_run_lib *lib;
	const struct ct_buffers *buffers;
	struct ct_coll_desc desc;  /* its buffers are the host's */
	struct ct_coll_desc there; /* the same where the backend has its memory */
	void *block[2];            /* of that memory; NULL: the host's are used */
	void *req;
	struct ct_samples samples;
	uint32_t batch;      /* samples of the next batch */
	uint64_t elapsed_ns; /* in batches, by the backend's time */
	struct ct_counters counters;
	struct ct_port_counts ports;
	uint64_t port_load[CT_MOST_PORTS]; /* of this host's ports */
	struct ct_counts *port_counts;     /* of each of them; NULL where there is none */
	struct ct_result result;
	bool active, interrupted;
};

/* Collective. Opens LIB (its backend and net are filled in) and measures the loop's own cost over it;
 * one that cannot run here is left with status CT_UNSUPPORTED and its reason. */
ct_status ct_run_lib_open(struct ct_session *session, struct ct_run_lib *lib);

/* Collective. Fills LANE's descriptor from its candidate and prepares the request. */
ct_status ct_lane_prepare(struct ct_lane *lane);
/* Collective. First call, verified calls, and how many round trips make a sample. */
ct_status ct_lane_warm_up(struct ct_lane *lane);
/* Collective. One batch of samples; *DONE: precise enough, or out of budget. */
ct_status ct_lane_batch(struct ct_lane *lane, bool *done);
/* Collective. The last verified call; completes the result. */
ct_status ct_lane_finish(struct ct_lane *lane);
/* One call of the prepared request, without a barrier before it. */
ct_status ct_lane_call(struct ct_lane *lane, uint64_t *ns);
/* Collective. The end of a number of calls: the maxima in V (N values, then failure and interrupt),
 * which everyone learns. V needs room for N + 2. */
ct_status ct_lane_close(struct ct_lane *lane, ct_status mine, int64_t *v, size_t n);
/* Gives up the request; the result stays. */
void ct_lane_release(struct ct_lane *lane);

/* ---- place.c: where the operation has its memory --------------------------------------------- */

/* Allocates what the backend's kind of memory must hold for LANE's descriptor. CT_NOMEM, CT_IO. */
ct_status ct_lane_place(struct ct_lane *lane);
/* After ct_lane_release(): frees it. */
void ct_lane_unplace(struct ct_lane *lane);
/* Host buffers to where the operation has its own, and its result back. Nothing for host memory. */
ct_status ct_lane_put(struct ct_lane *lane);
ct_status ct_lane_get(struct ct_lane *lane);

/* The loop's own cost per sample over LIB: marks and calls around a request that does nothing. */
ct_status ct_lane_overhead(struct ct_session *session, const struct ct_coll_lib *lib,
	uint64_t *ns);

/* STOP with every 0 replaced by its default. */
struct ct_stop ct_stop_fill(const struct ct_stop *stop);

/* ---- record.c, parse.c ----------------------------------------------------------------------- */

/* One row per plain field of a point record; both directions read the table. */
enum ct_field_type {
	CT_FIELD_U64, CT_FIELD_U32, CT_FIELD_BOOL, CT_FIELD_REAL, CT_FIELD_TEXT, CT_FIELD_COLL,
	CT_FIELD_TYPE, CT_FIELD_OP, CT_FIELD_VERDICT, CT_FIELD_STATUS, CT_FIELD_MEAN,
	CT_FIELD_OPTIONAL_TEXT, /* left out where empty */
};

struct ct_field {
	const char *group; /* name of the object within the record; "" = the record itself */
	const char *key;
	enum ct_field_type type;
	size_t offset, room; /* in struct ct_result; room of texts */
};

extern const struct ct_field ct_fields[]; /* ended by key NULL */

/* False when someone has taken the samples away: such a result cannot be recorded. */
static inline bool ct_result_has_times(const struct ct_result *r)
{
	return r->summary.n == 0 || r->samples_ns != NULL || r->hist != NULL;
}

#define CT_RESULT_SCHEMA "colltune-result/1"

/* ---- store.c --------------------------------------------------------------------------------- */


#endif
