/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to the backend row "nccl": NCCL's interface as its public header documents it (nccl.h,
 * versions 2.7 to 2.28), by prototypes of ours that tests/nccl/abi.c compares with that
 * header where one is installed. RCCL exports the same names.
 */
#ifndef CT_COLL_NCCL_API_H
#define CT_COLL_NCCL_API_H

#include "gpu/gpu.h"
#include "native.h"
#include "plugin/plugin.h"

enum ct_nccl_result {
	CT_NCCL_SUCCESS = 0, CT_NCCL_CUDA = 1, CT_NCCL_SYSTEM = 2, CT_NCCL_INTERNAL = 3,
	CT_NCCL_ARGUMENT = 4, CT_NCCL_USAGE = 5, CT_NCCL_REMOTE = 6, CT_NCCL_IN_PROGRESS = 7,
};

enum ct_nccl_type {
	CT_NCCL_INT8 = 0, CT_NCCL_INT32 = 2, CT_NCCL_INT64 = 4, CT_NCCL_HALF = 6, CT_NCCL_FLOAT = 7,
	CT_NCCL_DOUBLE = 8, CT_NCCL_BFLOAT16 = 9,
};

enum ct_nccl_op { CT_NCCL_SUM = 0, CT_NCCL_PROD = 1, CT_NCCL_MAX = 2, CT_NCCL_MIN = 3 };

enum { CT_NCCL_ID = 128, CT_NCCL_SYMMETRIC = 1, CT_NCCL_CELLS = 28 };

struct ct_nccl_id {
	char internal[CT_NCCL_ID];
};

#define CT_NCCL_CONFIG_MAGIC 0xcafebeefu
#define CT_NCCL_SIM_MAGIC 0x74685283u

/* The part that 2.14 knew; its version in it tells the library to take its own values for the rest. */
struct ct_nccl_config {
	size_t size;
	unsigned int magic, version;
	int blocking;
};

enum { CT_NCCL_CONFIG_VERSION = 21400, CT_NCCL_SIM_VERSION = 22200 };

struct ct_nccl_sim {
	size_t size;
	unsigned int magic, version;
	float us;
};

/* Communicators, streams, windows are pointers; results enum ct_nccl_result. Those behind `optional`
 * may be NULL: the library is older. */
struct ct_nccl_calls {
	int (*get_version)(int *version);
	int (*get_id)(struct ct_nccl_id *id);
	int (*init)(void **comm, int nranks, struct ct_nccl_id id, int rank);
	int (*destroy)(void *comm);
	int (*abort)(void *comm);
	const char *(*error_text)(int result);
	int (*async_error)(void *comm, int *result);
	int (*comm_count)(const void *comm, int *count);
	int (*user_rank)(const void *comm, int *rank);
	int (*all_reduce)(const void *send, void *recv, size_t count, int type, int op, void *comm,
		void *stream);
	int (*reduce)(const void *send, void *recv, size_t count, int type, int op, int root, void *comm,
		void *stream);
	int (*broadcast)(const void *send, void *recv, size_t count, int type, int root, void *comm,
		void *stream);
	int (*all_gather)(const void *send, void *recv, size_t count, int type, void *comm, void *stream);
	int (*reduce_scatter)(const void *send, void *recv, size_t count, int type, int op, void *comm,
		void *stream);
	int (*send)(const void *data, size_t count, int type, int peer, void *comm, void *stream);
	int (*recv)(void *data, size_t count, int type, int peer, void *comm, void *stream);
	int (*group_start)(void);
	int (*group_end)(void);
	/* optional */
	const char *(*last_error)(void *comm);                         /* 2.13 */
	int (*init_config)(void **comm, int nranks, struct ct_nccl_id id, int rank,
		struct ct_nccl_config *config);                        /* 2.14 */
	int (*finalize)(void *comm);                                   /* 2.14 */
	int (*split)(void *comm, int color, int key, void **made, struct ct_nccl_config *config); /* 2.18 */
	int (*mem_alloc)(void **at, size_t bytes);                     /* 2.19 */
	int (*mem_free)(void *at);
	int (*reg)(const void *comm, void *at, size_t bytes, void **handle);
	int (*dereg)(const void *comm, void *handle);
	int (*simulate_end)(struct ct_nccl_sim *sim);                  /* 2.22 */
	int (*window)(void *comm, void *at, size_t bytes, void **window, int flags); /* 2.27 */
	int (*unwindow)(void *comm, void *window);
	int (*gather)(const void *send, void *recv, size_t count, int type, int root, void *comm,
		void *stream);                                         /* 2.28 */
	int (*scatter)(const void *send, void *recv, size_t count, int type, int root, void *comm,
		void *stream);
};

struct ct_nccl_lib {
	struct ct_nccl_calls call;
	char name[128];    /* the file that was opened, cleaned */
	char product[48];  /* "NCCL 2.28.9", "RCCL 2.18.3" */
	int version;       /* 22809 */
};

/* One open row. */
struct ct_nccl {
	struct ct_nccl_lib lib;
	struct ct_nccl_settings set;
	const struct ct_world *world;
	uint32_t rank, nranks; /* of the communicator */
	struct ct_group group;
	struct ct_driver *gpu; /* NULL: host memory, no streams */
	struct ct_coll_caps caps;
	struct ct_coll_algo algos[CT_NCOLLS + CT_NCCL_CELLS];
	void *comm, *parent; /* the second where the first was split off */
	void *stream, *event[CT_MARKS];
	uint64_t marks[CT_MARKS]; /* without a GPU */
	void *token;              /* 8 bytes on the GPU for barriers and acknowledgements */
	uint64_t host_token;
	bool broken; /* given up: the communicator is gone */
	bool stranded; /* a thread was left behind in the library */
	uint64_t patience_ns; /* for what waits for other ranks */
	struct ct_profiler *profiler; /* of our plugins, where the library has taken them; else NULL */
	struct ct_tuner_sweep *sweep;
};

/* One prepared operation. */
struct ct_nccl_req {
	struct ct_coll_desc desc;
	int (*issue)(struct ct_nccl *row, const struct ct_nccl_req *req);
	const char *name; /* "ncclAllReduce" */
	uint32_t peer;    /* point-to-point; own rank: idle */
	int type, op;
	int64_t forced;   /* the tuner's cell, as the sweep has it, or CT_TUNER_NONE */
	void *graph;      /* a graph to launch in place of the calls, or NULL */
	void *reg[2], *window[2];
	_Atomic bool running;  /* read by the watchdog's thread */
	bool watched, watching; /* its first start is looked at: CHOSEN and the like of TOLD */
	struct ct_coll_about told;
};

/* Opens LIB (NULL: libnccl.so.2, then librccl.so.1) and finds what it exports. CT_UNSUPPORTED in one
 * line: what was looked for and where. */
ct_status ct_nccl_open_library(const char *lib, struct ct_nccl_lib *out);

/* CT_OK for success and "in progress"; else one line with CALL, the library's text for RESULT and its
 * last error. COMM may be NULL. */
ct_status ct_nccl_status(const struct ct_nccl_lib *lib, void *comm, const char *call, int result);

/* Fills REQ's issue, name, peer, type and op from REQ->desc, which has been checked. */
void ct_nccl_bind(const struct ct_nccl *row, struct ct_nccl_req *req);

/* Issues what one start of REQ is. The first result that is an error, else the last. */
int ct_nccl_issue(struct ct_nccl *row, const struct ct_nccl_req *req);

/* Collective: makes the communicator of ROW's group, which stays ROW's also where it fails. CT_TIMEOUT: who, where,
 * how long, at BY. */
ct_status ct_nccl_join(struct ct_nccl *row, struct ct_deadline by);

/* Ends it in an orderly way, within ROW's patience; gives up what is not through by then. */
void ct_nccl_end(struct ct_nccl *row);

/* Aborts it: ROW is broken. */
void ct_nccl_give_up(struct ct_nccl *row);

/* Waits until CALL, which has returned RC, on a communicator that does not block is through. CT_TIMEOUT at BY. */
ct_status ct_nccl_settle(struct ct_nccl *row, const char *call, int rc, struct ct_deadline by);

/* RUN(ARG) in a thread of its own. CT_OK: it has returned. CT_TIMEOUT, without a reason: BY has passed; the thread
 * has ARG, and calls DROP(ARG) should RUN ever return. CT_NOMEM: it was not begun. */
ct_status ct_nccl_bounded(void (*run)(void *arg), void (*drop)(void *arg), void *arg, struct ct_deadline by);

/* Finds the plugins that the settings name, as the library will; before the communicator. CT_UNSUPPORTED: one
 * that must be ours is not: what was looked for and where. */
ct_status ct_nccl_plugins_open(struct ct_nccl *row);

/* After it: has the library taken them? CT_UNSUPPORTED if not, and one must be. */
ct_status ct_nccl_plugins_check(struct ct_nccl *row);

/* NCCL's number of the collective, as its tuner knows it; -1: its tuner is not asked. */
int ct_nccl_func(ct_coll coll);

/* Around REQ's first start: what the library chose for it, and why, goes to REQ->told. */
void ct_nccl_watch(struct ct_nccl *row, struct ct_nccl_req *req);
void ct_nccl_watched(struct ct_nccl *row, struct ct_nccl_req *req);

/* Each collective's default as the row shows it; returns how many. */
size_t ct_nccl_algos(struct ct_coll_algo algos[CT_NCOLLS]);

/* What is possible of NCCL's cells where ROW's settings ask for them, N (at most CT_NCCL_CELLS) of them; the communicator
 * is there. CT_UNSUPPORTED: they cannot be asked for or forced. */
ct_status ct_nccl_cells(struct ct_nccl *row, struct ct_coll_algo *algos, size_t *n);

/* The cell that DESC's algorithm names ("ring/ll128" and its channels), or CT_TUNER_NONE. */
int64_t ct_nccl_cell(const struct ct_nccl *row, const struct ct_coll_desc *desc);

/* Does the library offer REQ's forced cell for this operation and size? It is asked by a simulation that nobody runs.
 * CT_OK where none is forced; CT_UNSUPPORTED; the same on every rank. */
ct_status ct_nccl_possible(struct ct_nccl *row, const struct ct_nccl_req *req);

#endif
