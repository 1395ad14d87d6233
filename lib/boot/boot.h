/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door of boot: who are we, how many, and one allgather supplied by whoever started us.
 * A bootstrap is the public struct ct_boot; threads, MPI and a caller's callbacks all fill one.
 */
#ifndef CT_BOOT_H
#define CT_BOOT_H

#include <stdbool.h>

#include "base/base.h"

/* ---- threads as ranks: 1 … 256 ranks in one process ---------------------------------------- */

struct ct_threads;

/* What one rank runs; its status is that rank's result. */
typedef ct_status ct_rank_main(const struct ct_boot *boot, void *arg);

/* Runs MAIN once per rank, each in its own thread, and waits for all. The allgather of these
 * bootstraps gives CT_TIMEOUT after TIMEOUT_NS without every rank, and CT_PEER as soon as another
 * rank's main has returned. Returns the lowest rank's error other than CT_PEER (which only echoes
 * another's), else the lowest CT_PEER, its reason in ct_why(); each rank's status is written to
 * RESULTS (NRANKS entries) unless that is NULL. CT_INVALID: not 1 … 256 ranks; CT_NOMEM. */
ct_status ct_threads_run(uint32_t nranks, uint64_t timeout_ns, ct_rank_main *main, void *arg,
	ct_status *results);

/* A bootstrap of one rank alone; valid for ever. */
const struct ct_boot *ct_boot_single(void);

/* CT_INVALID unless BOOT (a caller's struct) is whole: size, rank < nranks, allgather present
 * when nranks > 1. */
ct_status ct_boot_check(const struct ct_boot *boot);

/* ---- two ranks without a launcher: one waits, the other names it ---------------------------- */

enum { CT_PAIR_WHAT = 160 };

struct ct_pair_attr {
	const char *host;     /* whom to call (name or address); NULL = wait */
	uint32_t rank;        /* of this side, 0 or 1; the other side has the other */
	const char *listen;   /* who waits: the numeric address to listen on, nowhere else */
	uint16_t port;
	const char *what;     /* what is going to run: must be equal on both sides; 159 bytes count */
	uint64_t wait_ns;     /* most time until the other one is there */
	uint64_t timeout_ns;  /* most time of one exchange */
	void (*on_wait)(void *arg); /* called once somebody can call; may be NULL */
	void *arg;
};

/* Connects the two over TCP and makes a bootstrap of them. Who waits listens until one peer has said
 * the right words, then closes the listener; strangers are closed after two seconds and block nobody.
 * Free with ct_pair_close(). CT_TIMEOUT: nobody there; CT_INVALID: address, or WHAT differs (told to
 * who calls); CT_IO, CT_PEER, CT_NOMEM. */
ct_status ct_pair_open(const struct ct_pair_attr *attr, const struct ct_boot **boot);
void ct_pair_close(const struct ct_boot *boot);

/* ---- the launcher, as its environment variables tell --------------------------------------- */

struct ct_launcher {
	/* "Open MPI", "PMIx", "Slurm", "Hydra/PMI", "torchrun", or NULL when started by hand */
	const char *name;
	const char *source;  /* the variable that told the size */
	uint32_t size, rank; /* 1, 0 when there is none */
	uint32_t local_rank;
};

/* Reads OMPI_COMM_WORLD_*, PMIX_*, PMI_*, SLURM_*, then RANK and WORLD_SIZE through GET (secure_getenv in the command, a
 * made-up table in tests). Malformed numbers count as absent. */
struct ct_launcher ct_launcher_detect(const char *(*get)(void *arg, const char *name), void *arg);

/* CT_OK when the launcher's size equals SIZE; else CT_INVALID with one line that names the cause
 * and the fix (n processes that each believe they are rank 0). WHO: "MPI library" or "bootstrap". */
ct_status ct_launcher_agrees(const struct ct_launcher *launcher, uint32_t size, const char *who);

/* ---- modules (MPI, verbs) ------------------------------------------------------------------ */

enum { CT_MODULE_ABI = 2 };

struct ct_coll_ops; /* coll/coll.h */
struct ct_net_ops;  /* net/net.h */

/* What a module (colltune-mpi.so) exports under the name ct_module. */
struct ct_module {
	uint32_t abi; /* CT_MODULE_ABI */
	const char *name;
	/* Initialises the library below (MPI_Init_thread) and makes a bootstrap over all its ranks;
	 * KNOBS: let the library's algorithms be forced later. NULL if the module boots nothing. */
	ct_status (*boot_open)(bool knobs, struct ct_boot *boot);
	/* Ends it (MPI_Finalize). ABORT: leave without waiting for the others (MPI_Abort's part is
	 * the command's _exit). */
	void (*boot_close)(struct ct_boot *boot);
	const struct ct_coll_ops *coll; /* NULL if it brings none */
	const struct ct_net_ops *net;   /* NULL if it brings none */
};

/* Opens NAME ("mpi", "verbs") as DIR/colltune-NAME.so, DIR absolute (the installation's pkglibdir, or the
 * --module-dir option). The module stays loaded until the process ends. CT_NOTFOUND (no such
 * file: "built without …"), CT_UNSUPPORTED (ABI, missing library: the loader's text). */
ct_status ct_module_open(const char *dir, const char *name, const struct ct_module **module);

/* ---- the world: where each rank runs ------------------------------------------------------- */

enum { CT_HOST_NAME = 64 };

struct ct_host {
	char name[CT_HOST_NAME]; /* cleaned for terminals */
	uint64_t id;             /* same for all ranks that share this kernel */
	uint32_t ranks;          /* how many of the job's ranks run here */
	uint32_t cpus;           /* processors these ranks may use together */
};

struct ct_world {
	const struct ct_boot *boot;
	uint32_t rank, nranks;
	uint32_t nhosts;
	uint32_t local_rank, local_ranks; /* on this host */
	uint32_t *host_of;                /* nranks entries: index into hosts */
	uint32_t *pid_of;                 /* nranks entries, pid in that host's view */
	struct ct_host *hosts;            /* in order of their lowest rank */
	bool oversubscribed;              /* some host has more ranks than usable processors */
	/* Opened modules whose transports may be used, NULL-ended; NULL = none. Borrowed, set by who
	 * made the world. */
	const struct ct_module *const *modules;
};

/* Collective: exchanges host identity (the boot id hashed: containers that share a kernel are one
 * host; the host name where there is no boot id), processor masks, control groups and pids. A
 * host's cpus are the union of its ranks' masks, at most what their control groups (version 2,
 * cpu.max, each group once, rounded up) allow when every rank there has such a limit. 8 bytes a
 * rank and the hosts stay allocated until ct_world_free(). CT_PEER, CT_TIMEOUT, CT_NOMEM. */
ct_status ct_world_make(const struct ct_boot *boot, struct ct_world *world);
void ct_world_free(struct ct_world *world);

/* Disjoint groups of ranks, all of one size, that work at the same time, each by itself. */
struct ct_group {
	uint32_t color;          /* which group: 0 … ngroups-1 */
	uint32_t rank, nranks;   /* this rank's place in it, in the order of the world's ranks */
	uint32_t ngroups;
};

/* HOW: "node" (the ranks of each host), "rail" (the first rank of every host, the second, …), or a number
 * of consecutive ranks. CT_INVALID: another word; CT_UNSUPPORTED: groups of different sizes. Pure, and
 * quadratic in the number of ranks: once a job. */
ct_status ct_world_group(const struct ct_world *world, const char *how, struct ct_group *group);

/* All ranks as one group. Pure. */
struct ct_group ct_world_whole(const struct ct_world *world);

/* Collective: CT_OK when every rank passes CT_OK, else the lowest rank's error on every rank; the
 * ranks that were well say in ct_why() which rank failed and its reason (first 199 bytes). Needs
 * no memory up to 256 ranks, so it is the way to agree on an allocation. */
CT_MODULE_API ct_status ct_boot_agree(const struct ct_boot *boot, ct_status mine);

#endif
