/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libcolltune: measure, explain and tune collective communication.
 *
 * Conventions of this header
 *   sizes  bytes (uint64_t)          times  integer nanoseconds (uint64_t)
 *   rates  bytes per second (double) GB     1e9 bytes; KiB, MiB are powers of two
 * Every function returns CT_OK (0), a positive "not yet" or a negative error; the reason for
 * the calling thread's last error is ct_why(). Output parameters are written only on CT_OK.
 * The library never exits, never prints, installs no signal handler and calls no MPI_Init.
 */
#ifndef COLLTUNE_H
#define COLLTUNE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CT_API __attribute__((visibility("default")))

/* Grows when a function or a struct field is added; never shrinks within one major version. */
#define CT_API_VERSION 2

/* One table: the enum, ct_status_text() and the manual's section are made from it. */
#define CT_STATUS_LIST(X)                                                                          \
	X(CT_OK, 0, "success")                                                                     \
	X(CT_BUSY, 1, "started, not finished yet")                                                 \
	X(CT_INVALID, -1, "invalid argument or input")                                             \
	X(CT_NOMEM, -2, "out of memory")                                                           \
	X(CT_UNSUPPORTED, -3, "not supported here")                                                \
	X(CT_NOTFOUND, -4, "not found")                                                            \
	X(CT_PEER, -5, "another rank failed or left")                                              \
	X(CT_IO, -6, "cannot open, read or write")                                                 \
	X(CT_TIMEOUT, -7, "deadline passed")                                                       \
	X(CT_CORRUPT, -8, "wrong data")                                                            \
	X(CT_INTERRUPTED, -9, "interrupted by the caller")

#define CT_STATUS_ENUM(name, value, text) name = (value),
typedef enum ct_status { CT_STATUS_LIST(CT_STATUS_ENUM) } ct_status;
#undef CT_STATUS_ENUM

/* A short constant text for STATUS ("success", …); never NULL. Any thread. */
CT_API const char *ct_status_text(ct_status status);

/* Why the calling thread's last failing call failed: one line without newline, valid until this
 * thread's next failing call. "" when nothing has failed yet. Any thread. */
CT_API const char *ct_why(void);

/* The library's version as "MAJOR.MINOR.PATCH"; constant. Any thread. */
CT_API const char *ct_version(void);

/* Operations that can be measured. Bytes are nccl-tests' size column: element size times the
 * larger of send and receive count of one rank. */
#define CT_COLL_LIST(X)                                                                            \
	X(CT_ALLREDUCE, "allreduce")                                                               \
	X(CT_ALLTOALL, "alltoall")                                                                 \
	X(CT_ALLGATHER, "allgather")                                                               \
	X(CT_REDUCE_SCATTER, "reduce_scatter")                                                     \
	X(CT_BROADCAST, "broadcast")                                                               \
	X(CT_REDUCE, "reduce")                                                                     \
	X(CT_BARRIER, "barrier")                                                                   \
	X(CT_GATHER, "gather")                                                                     \
	X(CT_SCATTER, "scatter")                                                                   \
	X(CT_P2P_LATENCY, "p2p_latency")                                                           \
	X(CT_P2P_ONEWAY, "p2p_oneway")                                                             \
	X(CT_P2P_DUPLEX, "p2p_duplex")
#define CT_LIST_ENUM(name, text) name,
typedef enum ct_coll { CT_COLL_LIST(CT_LIST_ENUM) CT_NCOLLS } ct_coll;

#define CT_TYPE_LIST(X)                                                                            \
	X(CT_INT32, "int32")                                                                       \
	X(CT_INT64, "int64")                                                                       \
	X(CT_HALF, "half")                                                                         \
	X(CT_BFLOAT16, "bfloat16")                                                                 \
	X(CT_FLOAT, "float")                                                                       \
	X(CT_DOUBLE, "double")
typedef enum ct_type { CT_TYPE_LIST(CT_LIST_ENUM) CT_NTYPES } ct_type;

#define CT_OP_LIST(X)                                                                              \
	X(CT_SUM, "sum")                                                                           \
	X(CT_PROD, "prod")                                                                         \
	X(CT_MIN, "min")                                                                           \
	X(CT_MAX, "max")
typedef enum ct_op { CT_OP_LIST(CT_LIST_ENUM) CT_NOPS } ct_op;
#undef CT_LIST_ENUM

/*
 * Bootstrap: how the ranks of a job find each other. colltune starts nothing itself; whoever
 * started the ranks supplies one blocking allgather. It copies BYTES bytes of every rank, in
 * rank order, to ALL (nranks * BYTES) and returns CT_OK, or an error that ends the job.
 * It is called by one thread at a time.
 */
struct ct_boot {
	size_t size; /* sizeof(struct ct_boot) of the caller */
	uint32_t rank, nranks;
	ct_status (*allgather)(void *ctx, const void *mine, void *all, size_t bytes);
	void *ctx;
};

typedef struct ct_job ct_job;
typedef struct ct_report ct_report;

/* What a watchdog found when a deadline passed; texts are valid during the call only. */
struct ct_expiry {
	size_t size;
	uint32_t rank;
	uint32_t reserved;
	const char *host;
	const char *phase;   /* what this rank was doing */
	const char *suspect; /* who keeps it waiting, as far as can be told */
};

struct ct_job_attr {
	size_t size;                /* set by ct_job_attr_init() */
	const struct ct_boot *boot; /* borrowed until ct_job_close(); NULL = one rank alone */
	const char *net;            /* transport of backend native: "auto", "shm", "tcp", … */
	uint64_t deadline_ns;       /* per phase; 0 = 60 s */
	/* Called once, from a thread of the library, when a phase has passed its deadline. A blocked
	 * call of another library cannot be cancelled: the callee decides whether to leave. */
	void (*on_expire)(void *arg, const struct ct_expiry *expiry);
	/* Polled between samples; non-zero ends the measurement with CT_INTERRUPTED. NULL = never. */
	int (*interrupted)(void *arg);
	void *arg;
	/* Since version 2: absolute folder of the modules mpi and verbs; NULL = without them. The module
	 * mpi serves a process in which MPI is initialised with the same ranks. */
	const char *module_dir;
};

static inline struct ct_job_attr ct_job_attr_init(const struct ct_boot *boot)
{
	struct ct_job_attr attr = { sizeof(attr), boot, "auto", 0, NULL, NULL, NULL, NULL };
	return attr;
}

/* Opens the job on every rank (collective). *JOB is freed with ct_job_close(). Errors:
 * CT_INVALID (attr), CT_NOMEM, CT_IO, CT_PEER, CT_TIMEOUT. One thread per job. */
CT_API ct_status ct_job_open(const struct ct_job_attr *attr, ct_job **job);

/* Closes JOB (collective); NULL is accepted. */
CT_API void ct_job_close(ct_job *job);

struct ct_plan {
	size_t size;                   /* set by ct_plan_init() */
	const char *backends;          /* "native", "native,mpi"; blocks are interleaved */
	uint64_t min_bytes, max_bytes; /* first and last size, both measured */
	double factor;                 /* next size = size * factor; > 1 */
	uint64_t min_samples;          /* least samples per point; >= 6 gives a 95 % interval */
	uint64_t budget_ns;            /* most time for one point */
	double precision;              /* stop when the interval's half width / median is below it */
	uint64_t seed;                 /* inputs and order */
	int32_t coll, type, op, root;  /* ct_coll, ct_type, ct_op; root where there is one */
	int32_t check, in_place;       /* 1 = verify each result; 1 = in place */
};

/* A plan with the command's defaults for COLL: 8 B to 4 MiB, factor 4, native, checked. */
CT_API struct ct_plan ct_plan_init(ct_coll coll);

/* Measures PLAN on every rank (collective). *REPORT is the same on every rank and is freed with
 * ct_report_free(). Errors: CT_INVALID, CT_UNSUPPORTED, CT_NOMEM, CT_PEER, CT_TIMEOUT,
 * CT_INTERRUPTED. Wrong data is not an error: see ct_point.wrong. */
CT_API ct_status ct_measure(ct_job *job, const struct ct_plan *plan, ct_report **report);

struct ct_point {
	size_t size;
	const char *backend, *algo; /* owned by the report */
	uint64_t bytes, count;      /* count: elements, as nccl-tests prints it */
	uint64_t samples, wrong;    /* wrong: elements over all ranks; UINT64_MAX = not checked */
	uint64_t median_ns, low_ns, high_ns; /* 95 % order-statistic interval of the median */
	uint64_t min_ns, p95_ns, p99_ns, max_ns;
	double algbw_Bps, busbw_Bps; /* nccl-tests doc/PERFORMANCE.md */
};

/* Number of points in REPORT. */
CT_API size_t ct_report_count(const ct_report *report);

/* Copies point I (0 … count-1) to *POINT, whose size field the caller has set. CT_INVALID if I is
 * out of range. Texts live as long as REPORT. */
CT_API ct_status ct_report_point(const ct_report *report, size_t i, struct ct_point *point);

/* Frees REPORT; NULL is accepted. */
CT_API void ct_report_free(ct_report *report);

/* ---- a bounded search at the start of a job --------------------------------------------------- */

typedef struct ct_advice ct_advice;

struct ct_tune_plan {
	size_t size;                   /* set by ct_tune_plan_init() */
	const char *backends;          /* "native", "native,mpi"; one that cannot run is left out */
	uint64_t budget_ns;            /* most time for all of it; it ends before when all is known */
	uint64_t min_bytes, max_bytes; /* first and last size; 0 = 8 and 16 MiB */
	uint64_t seed;
	uint32_t colls; /* bit i = ct_coll i, of CT_ALLREDUCE … CT_BROADCAST; 0 = all five */
	int32_t type;   /* ct_type of what is measured; the rules are for any type */
};

/* A plan of BUDGET_NS with defaults: native, all sizes. */
CT_API struct ct_tune_plan ct_tune_plan_init(uint64_t budget_ns);

/*
 * Searches for what is faster than the default on these ranks now (collective). *ADVICE is the same on
 * every rank, and freed with ct_advice_free(); it holds no rule where defaults are best. Of several
 * backends each size has the rules of one: of the first, unless another is surely faster. The budget
 * bounds the search; opening and closing connections comes on top. An error costs nothing: go on
 * without. Errors: CT_INVALID (plan, or a budget too small for one sample), CT_UNSUPPORTED, CT_NOMEM,
 * CT_PEER, CT_TIMEOUT, CT_INTERRUPTED.
 */
CT_API ct_status ct_tune(ct_job *job, const struct ct_tune_plan *plan, ct_advice **advice);

/* The same from a rules file. Any rank for itself. Errors: CT_IO, CT_INVALID (file, JSON pointer), CT_NOMEM. */
CT_API ct_status ct_advice_load(const char *path, ct_advice **advice);

/* Number of rules in ADVICE; 0 for NULL. */
CT_API size_t ct_advice_count(const ct_advice *advice);

/* ADVICE as a rules file's text (colltune-rules/1), the same on every rank; lives as long as ADVICE. */
CT_API const char *ct_advice_text(const ct_advice *advice);

/*
 * Writes ADVICE to PATH (0644, by temporary name and rename) for who starts next: FORMAT is "rules"
 * (COLLTUNE_RULES, ct_comm_attr), or of those rules that are for it "nccl" (the tuner plugin), "nccl-csv",
 * "nccl-conf", "openmpi" (coll_tuned_dynamic_rules_filename), "openmpi-json", "openmpi-params", "ucc",
 * "ucx", "env". By one rank of a host, before the library in question is initialised. *USE, unless NULL,
 * tells in one constant line how the file is put into effect. Errors: CT_INVALID (unknown format; no rule
 * for it: then nothing is written and its defaults stay), CT_IO, CT_NOMEM.
 */
CT_API ct_status ct_advice_export(const ct_advice *advice, const char *format, const char *path,
	const char **use);

/* NULL is accepted. */
CT_API void ct_advice_free(ct_advice *advice);

/* ---- collectives that choose by what was measured ------------------------------------------- */

typedef struct ct_comm ct_comm;
typedef struct ct_request ct_request;

struct ct_comm_attr {
	size_t size;                /* set by ct_comm_attr_init() */
	const struct ct_boot *boot; /* borrowed until ct_comm_close(); NULL = one rank alone */
	/* In order of preference. "native" is the library's own; "mpi" needs MPI to be initialised in
	 * this process with the same ranks. NULL = "native". */
	const char *backends;
	const char *net;        /* transport of backend native: "auto", "shm", "tcp", "verbs", … */
	const char *rules;      /* path of a rules file (docs/formats.md); NULL = none */
	const char *module_dir; /* absolute folder of the modules mpi and verbs; NULL = as installed */
	/* Of each operation, from when it is first waited for, and of opening; 0 = 60 s. A blocked
	 * call of another library (backend mpi) cannot be left. */
	uint64_t deadline_ns;
	/* Called on rank 0 with one line when something is not as asked for and the job goes on
	 * without it; NULL = silence. ct_comm_info has the first such line on every rank. */
	void (*log)(void *arg, const char *line);
	void *arg;
	int32_t deterministic; /* 1 = reductions in rank order: ((x0 op x1) op x2) …, see ct_start() */
	int32_t strict;        /* 1 = a rules file that cannot be used makes ct_comm_open() fail */
	const ct_advice *advice; /* rules as ct_tune() found them, in place of a file; NULL = none */
};

static inline struct ct_comm_attr ct_comm_attr_init(const struct ct_boot *boot)
{
	struct ct_comm_attr attr = { sizeof(attr), boot, NULL, "auto", NULL, NULL, 0, NULL, NULL, 0, 0, NULL };
	return attr;
}

/*
 * Opens a communicator on every rank (collective), freed with ct_comm_close(). The rules file must
 * be the same on every rank, and made for this machine, this number of nodes and of ranks on each:
 * else all ranks go on without rules and the line names the rank and the reason. Errors: CT_INVALID
 * (attr; rules, if strict), CT_UNSUPPORTED, CT_NOMEM, CT_IO, CT_PEER, CT_TIMEOUT. One thread at a
 * time per communicator.
 */
CT_API ct_status ct_comm_open(const struct ct_comm_attr *attr, ct_comm **comm);

/* Closes COMM (collective), unless it has failed before; NULL is accepted. What was started and is not
 * complete is given up. */
CT_API void ct_comm_close(ct_comm *comm);

enum { CT_SEND = 64, CT_RECV = 65 };

/*
 * One operation. COUNT is nccl-tests' count column: elements of the whole vector for all-reduce and
 * broadcast, of one rank's block for all-gather, reduce-scatter and all-to-all, of the message for send
 * and receive. The buffers are host memory and hold COUNT or nranks * COUNT elements, as in MPI.
 * In place (on all ranks or on none): all-reduce with SEND == RECV, all-gather with SEND at RECV's
 * own block, reduce-scatter with RECV at SEND's own block. Broadcast has RECV only. All other
 * overlaps are refused.
 */
struct ct_call {
	size_t size;      /* set by ct_call_init() */
	const void *send; /* NULL for broadcast, barrier, receive */
	void *recv;       /* NULL for barrier, send */
	uint64_t count;
	int32_t coll;     /* CT_ALLREDUCE … CT_BARRIER, CT_SEND or CT_RECV */
	int32_t type, op; /* ct_type, ct_op */
	uint32_t peer;    /* root of broadcast; the other rank of send and receive */
};

static inline struct ct_call ct_call_init(int32_t coll, const void *send, void *recv, uint64_t count,
	ct_type type)
{
	struct ct_call call = { sizeof(call), send, recv, count, coll, (int32_t)type, CT_SUM, 0 };
	return call;
}

/*
 * Starts CALL; *REQUEST belongs to the library and ends with the ct_test() or ct_wait() that does not
 * return CT_BUSY. Collectives run one after another, in the order in which they were started, which
 * must be the same on every rank; messages between two ranks in one direction arrive in the order of
 * the calls, beside the collectives. Nothing moves but inside ct_test(), ct_wait() and the blocking
 * calls. Which backend, algorithm and setting runs is the same on every rank: the rule for the size,
 * of the first backend that has one; else the first backend's own choice. Deterministic: only
 * algorithms of native that reduce in rank order, so that the result has the same bits with any
 * transport, rules and timing.
 * Errors: CT_INVALID (CALL), CT_UNSUPPORTED, CT_NOMEM; CT_PEER, CT_TIMEOUT of an earlier operation:
 * then the communicator is of no use any more. The buffers stay the library's until the request has
 * ended, after an error until ct_comm_close().
 */
CT_API ct_status ct_start(ct_comm *comm, const struct ct_call *call, ct_request **request);

/* Moves everything on that was started. CT_BUSY, or REQUEST's end: CT_OK, CT_PEER, CT_TIMEOUT. Never
 * waits (but for backend mpi, whose calls block). NULL is CT_INVALID. */
CT_API ct_status ct_test(ct_request *request);

/* The same until REQUEST has ended or its deadline has passed. */
CT_API ct_status ct_wait(ct_request *request);

/* The same as ct_start() and ct_wait() in one. Errors as there. */
CT_API ct_status ct_allreduce(ct_comm *comm, const void *send, void *recv, uint64_t count,
	ct_type type, ct_op op);
CT_API ct_status ct_alltoall(ct_comm *comm, const void *send, void *recv, uint64_t count,
	ct_type type);
CT_API ct_status ct_allgather(ct_comm *comm, const void *send, void *recv, uint64_t count,
	ct_type type);
CT_API ct_status ct_reduce_scatter(ct_comm *comm, const void *send, void *recv, uint64_t count,
	ct_type type, ct_op op);
CT_API ct_status ct_broadcast(ct_comm *comm, void *data, uint64_t count, ct_type type, uint32_t root);
CT_API ct_status ct_barrier(ct_comm *comm);
CT_API ct_status ct_send(ct_comm *comm, const void *data, uint64_t count, ct_type type, uint32_t peer);
CT_API ct_status ct_recv(ct_comm *comm, void *data, uint64_t count, ct_type type, uint32_t peer);

struct ct_comm_info {
	size_t size;
	uint32_t rank, nranks;
	uint64_t rules;       /* rules in use; 0 = every choice is a default */
	uint64_t rules_left;  /* rules of these backends that cannot be used here */
	uint64_t prepared, reused; /* operations set up, and those that found theirs set up */
	const char *hash;     /* "sha256:…" of the rules file in use, or "" */
	const char *path;     /* how the bytes of backend native move; valid until close */
	const char *note;     /* what is not as asked for, one line, or "" */
};

/* Tells about COMM; INFO->size is set by the caller, texts live until ct_comm_close(). CT_INVALID. */
CT_API ct_status ct_comm_about(const ct_comm *comm, struct ct_comm_info *info);

/* Writes what would run CALL ("native/shm ring segment=65536, rule 3") to OUT, cut to ROOM bytes. The
 * same on every rank. CT_INVALID. */
CT_API ct_status ct_comm_choice(const ct_comm *comm, const struct ct_call *call, char *out,
	size_t room);

/* ---- ranks that torchrun or a like launcher has started --------------------------------------- */

/*
 * A bootstrap from the environment: RANK, WORLD_SIZE, MASTER_ADDR, COLLTUNE_BOOT_PORT (default:
 * MASTER_PORT + 1, since torchrun's own store has MASTER_PORT) and COLLTUNE_JOB_TOKEN (16 to 255
 * characters, the same on every rank, made anew for each job; without it nothing is opened). Rank 0
 * listens on MASTER_ADDR alone until all ranks have come; each side proves that it knows the token
 * (HMAC-SHA256 over numbers of both), which itself is never sent. What follows is neither encrypted nor
 * signed. TIMEOUT_NS bounds the meeting and each exchange; 0 = 60 s. Freed with ct_env_boot_free()
 * after all that uses it. Errors: CT_INVALID names the variable, CT_IO, CT_PEER, CT_TIMEOUT, CT_NOMEM.
 */
CT_API ct_status ct_env_boot_new(uint64_t timeout_ns, const struct ct_boot **boot);

/* NULL is accepted. */
CT_API void ct_env_boot_free(const struct ct_boot *boot);

#ifdef __cplusplus
}
#endif
#endif
