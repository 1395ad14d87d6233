/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door of coll: collective libraries as one small table each; our own algorithms are one of them.
 * prepare once, start many, test until done; time belongs to the backend (mark, span).
 */
#ifndef CT_COLL_H
#define CT_COLL_H

#include <stdbool.h>

#include "base/base.h"
#include "boot/boot.h"
#include "mem/mem.h"
#include "model/model.h"
#include "gpu/gpu.h"
#include "net/net.h"

enum { CT_COLL_ABI = 1, CT_MARKS = 4, CT_MAX_KNOBS = 4 };

/* A knob of an algorithm and every value the tuner may try; the first is the default. */
struct ct_knob {
	const char *name, *summary;
	const int64_t *values;
	size_t nvalues;
};

struct ct_coll_algo {
	ct_coll coll;
	const char *name; /* the first of a collective is the backend's own default */
	const struct ct_knob *knobs;
	size_t nknobs; /* <= CT_MAX_KNOBS */
};

/* Data about an open backend; borrowed until close. */
struct ct_coll_caps {
	uint32_t colls, types, ops;     /* bit i = ct_coll, ct_type, ct_op i */
	uint32_t in_place;              /* bit i = ct_coll i may run in place */
	const struct ct_coll_algo *algos;
	size_t nalgos;
	bool abandons;                  /* test may be given up: no call blocks */
	bool aggregates;                /* takes desc->operations and desc->group of collectives */
	uint32_t foreign;               /* bit i = ct_coll i may run on memory that the processor
	                                   cannot touch */
	char library[96];               /* "Open MPI v4.1.4", "colltune 0.1.0" */
	struct ct_net_caps net;         /* of the transport below; zero if not known */
	char net_name[16];              /* "shm"; "" if not known */
	struct ct_gpu_mem own;          /* where it wants the buffers; no ops: host memory */
	char fixed[160];                /* why it lists nothing but each collective's default; "" = it lists
	                                   all that it has */
};

/* What is to run. Buffers are memory (caps->own's, if it has one) of at least the elements that ct_coll_buffers() tells and
 * stay valid, as partner does, until release (of an operation that was given up: until close).
 * SEND and RECV are the windows themselves: in place, both point into one piece of memory. */
struct ct_coll_desc {
	ct_coll coll;
	ct_type type;
	ct_op op;
	uint32_t root;
	uint64_t count;          /* elements, as schedule.h's shape counts */
	bool in_place;
	void *send, *recv;
	const struct ct_mem *send_mem, *recv_mem; /* where these lie; NULL = memory of the host */
	const char *algo;        /* NULL = default */
	int64_t knob[CT_MAX_KNOBS]; /* values of the algorithm's knobs, in its order */
	uint32_t window;         /* point-to-point: messages per start; latency: 1 */
	uint32_t operations;     /* collectives: so many are begun one after another by a start, on the same
	                            buffers, and are complete together; 0 = 1 */
	uint32_t group;          /* of these so many in one call of the library; 0 = 1 */
	const uint32_t *partner; /* point-to-point: nranks entries, own rank = idle */
	uint64_t seed; /* of the inputs: for rows that move no data and write the right result */
	bool series;   /* keep the times of single messages, for ops->series */
};

/* When single messages of a start were handed over and complete, in ns on one clock with any origin.
 * A ping-pong has one entry of POSTED per message of this rank, an operation that is done one at a
 * time one more, its end. */
struct ct_coll_series {
	const uint64_t *posted_ns;
	size_t nposted;           /* lists of requests, in order */
	uint32_t per_post;        /* messages of each but the last */
	const uint64_t *done_ns;
	const uint32_t *done;     /* by then so many messages were complete, in all */
	size_t ndone;
};

/* What the row knows about a prepared operation. */
struct ct_coll_about {
	uint64_t predicted_ns; /* by the library itself; 0 = it does not tell */
	char chosen[64];       /* "ring ll128, 8 channels"; "" = it does not tell */
	char costs[256];       /* its predictions for what it could have chosen, in us, the least first:
	                          "ring/ll 21.5, tree/ll128 38.3"; "" = it does not tell */
	char rule[160];        /* what our rules say, as CHOSEN, or why they say nothing; "" = no rules */
};

/* Of the row "nccl". */
struct ct_nccl_settings {
	char *lib;     /* library with NCCL's ABI; NULL: libnccl.so.2, then librccl.so.1 */
	char *gpu_lib; /* its device library; NULL: CUDA's driver, then HIP; "none": host memory */
	int64_t graphs;     /* > 0: operations run as CUDA graphs */
	int64_t registered; /* 0, 1: buffers registered, 2: as symmetric windows */
	bool nonblocking;   /* communicators whose calls return at once */
	/* What the library's variables of these names say where its plugins are; NULL: not looked at. */
	const char *profiler, *tuner;
	/* They must be ours, whose folder is PLUGINS; else a profiler that is not ours is passed over. */
	bool explain, rules_muted;
	bool cells; /* what the tuner plugin can force is shown as algorithms; TUNER must be ours */
	const char *plugins;
};

struct ct_coll_settings {
	struct ct_nccl_settings nccl;
};

struct ct_coll_env {
	const struct ct_world *world;
	const struct ct_coll_settings *settings; /* NULL = defaults */
	const struct ct_group *group; /* ranks of an operation; NULL = all. Others need ops->splits */
	const char *net;                       /* native: transport, "auto" */
	const struct ct_net_settings *net_settings;
	const struct ct_net_wrap *net_wrap;    /* NULL in jobs */
	const char *replay; /* row "trace": file prefix to replay; rank R reads PREFIX.R */
	const char *record; /* any row: file prefix to record to; NULL = none */
	struct ct_deadline open_by;
};

struct ct_coll_ops {
	uint32_t abi;
	const char *name, *summary;
	const char *missing; /* why it is not built in; NULL = it is */
	bool splits;         /* operations may be among a group of the ranks */
	/* CT_OK or CT_UNSUPPORTED with the reason. SETTINGS may be NULL. */
	ct_status (*probe)(const struct ct_coll_settings *settings);
	/* Collective. A fresh communicator with fresh connections each time. */
	ct_status (*open)(const struct ct_coll_env *env, void **self);
	void (*close)(void *self);
	const struct ct_coll_caps *(*query)(void *self);
	/* Collective: everything that may be done once. CT_INVALID, CT_UNSUPPORTED, CT_NOMEM. */
	ct_status (*prepare)(void *self, const struct ct_coll_desc *desc, void **req);
	/* Starts REQ; a library that only blocks runs the whole operation here. */
	ct_status (*start)(void *self, void *req);
	/* CT_OK when REQ's last start is complete, CT_BUSY, or its error. Never waits long. Where
	 * net.needs_polls it may be called on, and an error then is one of the communicator. */
	ct_status (*test)(void *self, void *req);
	void (*release)(void *self, void *req);
	/* Notes "now" in execution order in SLOT (0 … CT_MARKS-1); ns between two slots. */
	ct_status (*mark)(void *self, unsigned slot);
	ct_status (*span)(void *self, unsigned from, unsigned to, uint64_t *ns);
	/* Whom REQ waits for now ("recv 2 of 6 from rank 3"); may be NULL. Another thread calls it
	 * when a deadline has passed: it must only read. */
	void (*waiting)(void *self, void *req, char *out, size_t room);
	/* Times of single messages of REQ's last start, which has completed and whose desc->series was
	 * set; borrowed until the next start. May be NULL. */
	ct_status (*series)(void *self, void *req, struct ct_coll_series *series);
	/* What is known about REQ; *ABOUT is zero before. May be NULL. */
	ct_status (*about)(void *self, void *req, struct ct_coll_about *about);
};

/* A backend opened by name. */
struct ct_coll_lib {
	const struct ct_coll_ops *ops;
	void *self;
};

#define CT_COLL_VERBS_SUMMARY "RDMA operations themselves between two ranks: what the adapter can do"

/* Built-in rows ended by NULL (native, nccl, trace, and the rows of modules that registry knows by name
 * with `missing` filled: mpi, verbs). */
const struct ct_coll_ops *const *ct_coll_rows(void);

/*
 * Traces make runs repeatable: with env->record every prepare (what) and span (ns) of a row is
 * appended as one JSON line to PREFIX.<rank>; the row "trace" replays such files with as many
 * ranks: it moves no data, writes the results that are right for desc->seed, and its spans are
 * those recorded for the same request, in order, again from the first when they are used up; its
 * capabilities are the recorded row's. Command and tests only.
 */

/* Opens NAME collectively; "mpi" is looked for in MODULES (NULL-ended array of opened modules, or
 * NULL). All ranks succeed or all fail with the same reason. In lib->ops no callback is absent:
 * what the row leaves out gives CT_UNSUPPORTED. */
ct_status ct_coll_open(const char *name, const struct ct_module *const *modules,
	const struct ct_coll_env *env, struct ct_coll_lib *lib);
void ct_coll_close(struct ct_coll_lib *lib);

/* The row called NAME among built-in ones and MODULES; CT_INVALID names the nearest. */
ct_status ct_coll_find(const char *name, const struct ct_module *const *modules,
	const struct ct_coll_ops **ops);

/* The word for COLL in Open MPI's names coll_tuned_<word>_algorithm (NULL for point-to-point), its
 * number in rules files of coll/tuned (-1 for point-to-point), and the names of its algorithms
 * 1, 2, … in Open MPI 4.1, ended by NULL (an empty list for point-to-point). Constant. */
CT_MODULE_API const char *ct_openmpi_word(ct_coll coll);
CT_MODULE_API int ct_openmpi_id(ct_coll coll);
CT_MODULE_API const char *const *ct_openmpi_algos(ct_coll coll);

/* The function of libmpi (4.1, 5.0) that is algorithm ALGO of COLL, or NULL: what a witness sees. */
const char *ct_openmpi_function(ct_coll coll, const char *algo);

/* What backend native runs for COUNT elements on NRANKS ranks where no algorithm is named, its knobs all 0; NULL:
 * it has none for COLL. Pure. */
const char *ct_coll_auto(ct_coll coll, uint64_t count, uint32_t nranks, ct_type type);

/* Does NAME of backend native reduce every element in rank order, ((x0 op x1) op x2) …, whatever the
 * transport and the timing? Pure. */
bool ct_coll_in_order(ct_coll coll, const char *name);

/* The one of these for BYTES (nccl-tests' size) where nobody has measured; NULL if COLL reduces
 * nothing. Pure. */
const char *ct_coll_pick_in_order(ct_coll coll, uint32_t nranks, uint64_t bytes);

/* Elements of one rank's send and receive buffer, e.g. all-gather: count, n * count. In place the
 * larger one holds both; *SEND_AT and *RECV_AT are the element offsets of the two windows. Gather and
 * scatter: the same on each rank, as nccl-tests has it, though the larger one is used at the root only. */
struct ct_coll_buffers {
	uint64_t send, recv, send_at, recv_at;
};
struct ct_coll_buffers ct_coll_buffers(ct_coll coll, uint32_t rank, uint32_t nranks,
	uint64_t count, bool in_place);

/* One rank is unlike the others: broadcast, reduce, gather, scatter. */
bool ct_coll_rooted(ct_coll coll);

/* nccl-tests' size column for COUNT, and the largest COUNT whose size is at most BYTES. */
uint64_t ct_coll_bytes(ct_coll coll, uint32_t nranks, uint64_t count, ct_type type);
uint64_t ct_coll_count(ct_coll coll, uint32_t nranks, uint64_t bytes, ct_type type);

/* dst[i] = op(a[i], b[i]); dst may be a or b. Half and bfloat16 are rounded to nearest even after
 * each operation, as MPI and NCCL libraries do. Pure; any thread. */
void ct_reduce(ct_type type, ct_op op, void *dst, const void *a, const void *b, uint64_t count);

/* Inputs and expected outputs that are exact in every type and any order of reduction, so that the
 * comparison is bit by bit (source of the idea: nccl-tests' verifiable). FILL writes RANK's whole
 * input in a job of NRANKS. Any changed bit of a result is found; limits of what else can be seen
 * (2-byte types, long buffers repeat) stand in verify.c. In a point-to-point pattern the last message of a window is
 * checked. */
void ct_verify_fill(const struct ct_coll_desc *desc, uint32_t rank, uint32_t nranks, uint64_t seed);

/* SPOIL fills RECV with a pattern that is never right: before FILL, since in place RECV is also
 * input. COUNT tells how many elements of this rank's result are wrong. */
void ct_verify_spoil(const struct ct_coll_desc *desc, uint32_t rank, uint32_t nranks);
uint64_t ct_verify_count(const struct ct_coll_desc *desc, uint32_t rank, uint32_t nranks,
	uint64_t seed);
/* Writes RANK's right result to RECV; nothing where it has none. */
void ct_verify_result(const struct ct_coll_desc *desc, uint32_t rank, uint32_t nranks, uint64_t seed);

/* ---- prediction: what a schedule would take over links that are known (predict.c) ------------ */

struct ct_predict {
	ct_coll coll;
	const char *algo; /* of ours; NULL or "auto": what auto picks */
	uint64_t segment; /* its knob, bytes; 0 = whole blocks */
	uint32_t nranks, root;
	uint64_t bytes;   /* size column */
	ct_type type;
	/* The link between two ranks, never NULL (a rank and itself: its sums and copies). NULL: LINK
	 * for all. */
	const struct ct_link *(*link_of)(void *arg, uint32_t a, uint32_t b);
	void *arg;
	const struct ct_link *link;
};

/* Plays the schedules of all ranks: a message holds its sender for the gap, arrives one way later, is
 * taken in one after another; sums and copies take their rank's time. Where that would be more than
 * some 100,000 steps one rank's stand for all, as if all were alike (*ALIKE is set; trees are not
 * alike, and are short). CT_NOTFOUND: no such algorithm of ours; CT_UNSUPPORTED: too many steps;
 * CT_NOMEM; the generator's errors. Any thread. */
ct_status ct_coll_predict(const struct ct_predict *in, double *ns, bool *alike);

#endif
