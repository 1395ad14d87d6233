/* SPDX-License-Identifier: BSD-3-Clause */
/* What bench and accept share: options of a job, its ranks, its session, its end. */
#ifndef CT_BENCH_JOB_H
#define CT_BENCH_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/base.h"
#include "boot/boot.h"
#include "measure/measure.h"
#include "net/net.h"

struct ct_job_settings {
	struct ct_net_settings net_rows; /* first: ct_net_options counts from here */
	struct ct_coll_settings coll_rows;
	int boot;                        /* ct_boot_choices */
	int64_t threads, gpus;
	char *coll, *net, *algo, *split;
	char *module_dir, *log;
	char *net_fault, *net_trace, *record, *replay;
	uint64_t timeout;
	int64_t seed;
	char *out;
	bool resume, progress;
	bool all_transports; /* no option: the modules of transports are wanted where they can be opened */
	int exit_style;
};

/* How the ranks come together and end: every command that has ranks. */
extern const struct ct_option ct_rank_options[];
/* Of backend nccl: its libraries and GPUs (bench, accept and list), its communicators (bench). */
extern const struct ct_option ct_library_options[];
extern const struct ct_option ct_communicator_options[];
/* What is measured, and where it is kept: bench and accept. */
extern const struct ct_option ct_job_options[];

/* Shared by all ranks of this process: how it was asked to end, and what rank 0 would lose. */
struct ct_ending {
	atomic_int signal;                   /* SIGINT or SIGTERM once it has come */
	atomic_bool over;                    /* the main thread is on its way out */
	pthread_mutex_t lock;                /* held while session or store is used or taken away */
	struct ct_session *session;          /* for what is known about suspects */
	struct ct_store *store;              /* rank 0's */
	const char *command;
	pthread_t thread; /* waits for signals */
};

/* One rank of a job. */
struct ct_rank {
	const char *command;
	const struct ct_job_settings *settings;
	const struct ct_module *const *modules; /* NULL-ended */
	struct ct_world world;
	struct ct_session *session;
	struct ct_ending *ending;
	struct ct_store *store; /* rank 0 with --out, else NULL */
};

/* What a command does on each rank. Sets *EXIT_CODE (agreed by ct_job_run over all ranks) on
 * CT_OK; an error becomes ct_exit_of() of it and one line on stderr. */
typedef ct_status ct_rank_job(struct ct_rank *rank, void *arg, int *exit_code);

/* Starts the ranks as the settings and the launcher say, opens a session on each, runs JOB, ends
 * everything, and returns the exit status. MPI: the job needs the MPI module even when alone. */
int ct_job_run(const char *command, const struct ct_job_settings *settings, bool mpi,
	ct_rank_job *job, void *arg);

/* Collective, a command's first step: were all ranks given the same? LISTS and SETTINGS are the
 * command's own, WORD its argument or NULL. CT_UNSUPPORTED names the first option that differs, the
 * lowest rank that differs from rank 0, and both values. What may be another on each host (device,
 * GID, interface, folder of modules) and what only one rank writes (log, progress) is not looked at. */
ct_status ct_job_alike(struct ct_rank *rank, const struct ct_option *const *lists,
	const void *settings, const char *word);

/* Collective: --out DIR opened by rank 0 with its environment record, as
 * rank->store. Nothing without --out. */
ct_status ct_job_store(struct ct_rank *rank, const json_t *environment);

/* Collective: BYTES bytes of rank 0's TEXT (other ranks' are ignored) to every rank as a
 * NUL-terminated *COPY, freed with ct_free(). CT_NOMEM, CT_PEER, CT_TIMEOUT. */
ct_status ct_job_broadcast(struct ct_rank *rank, const char *text, size_t bytes, char **copy);

/* ---- ending.c -------------------------------------------------------------------------------- */

/* Blocks SIGINT and SIGTERM in this and later threads and starts the thread that waits for them.
 * Call before any other thread exists. */
ct_status ct_ending_start(struct ct_ending *ending);

/* What the end of rank 0 would lose; NULL before it is closed. */
void ct_ending_session(struct ct_ending *ending, struct ct_session *session);
void ct_ending_store(struct ct_ending *ending, struct ct_store *store);

/* Ends that thread; later signals stay pending. */
void ct_ending_stop(struct ct_ending *ending);

/* For struct ct_session_attr: ARG is a struct ct_rank. */
void ct_ending_expire(void *arg, const struct ct_expiry *expiry);
int ct_ending_interrupted(void *arg);

/* run.json's last word for a job that ended with STATUS and EXIT_CODE. */
const char *ct_ending_state(const struct ct_ending *ending, ct_status status);

#endif
