/* SPDX-License-Identifier: BSD-3-Clause */
/* Door of plugin: what NCCL's plugins of ours offer to a process that also measures, and what the tuner's
 * files share. The plugins live in other people's processes: base and rules only. */
#ifndef CT_PLUGIN_H
#define CT_PLUGIN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/base.h"
#include "nccl_tuner.h"
#include "rules/rules.h"

enum { CT_TUNER_SWEEP_ABI = 2, CT_TUNER_NONE = -1, CT_PROFILER_ABI = 1 };

/* One rule, ready to be found. */
struct ct_tuner_cell {
	uint64_t low, high; /* bytes, inclusive */
	int16_t algo, proto;
	int32_t channels;   /* 0 = NCCL's own choice */
};

/* The rules of one communicator, by NCCL's function; immutable once made. */
struct ct_tuner_table {
	struct ct_tuner_cell *cells[CT_NCCL_FUNCS]; /* ascending, without overlap */
	uint64_t *lows[CT_NCCL_FUNCS];              /* their low ends once more, close together */
	uint32_t ncells[CT_NCCL_FUNCS];
};

/* What kind of communicator asks. */
struct ct_tuner_comm {
	size_t ranks, nodes;
	int nccl;           /* ncclGetVersion()'s number, 0 = not known */
	const char *machine; /* COLLTUNE_MACHINE, or NULL */
};

/* CT_OK when RULES were made for COMM and for this machine; else CT_UNSUPPORTED with the reason. */
ct_status ct_tuner_fits(const struct ct_rules *rules, const struct ct_tuner_comm *comm);

/* The cells of RULES for backend nccl. CT_INVALID: a word that NCCL does not know, with the rule's
 * pointer and the nearest; CT_NOMEM. Free with ct_tuner_table_free(). */
ct_status ct_tuner_table_make(const struct ct_rules *rules, struct ct_tuner_table **table);
void ct_tuner_table_free(struct ct_tuner_table *table);

/* The cell for BYTES of FUNC or NULL: bisection; no allocation, lock or log. */
const struct ct_tuner_cell *ct_tuner_find(const struct ct_tuner_table *table, int func,
	uint64_t bytes);

/* Writes the rules' fitted constants over CONSTANTS. CT_INVALID: an unknown one; then nothing is
 * changed. */
ct_status ct_tuner_fit(const struct ct_rules *rules, struct ct_nccl_constants *constants);

/* Index of WORD among the functions, algorithms, protocols as NCCL counts them; -1 = none. */
int ct_tuner_algo(const char *word);
int ct_tuner_proto(const char *word);
extern const char *const ct_tuner_algos[CT_NCCL_ALGOS + 1], *const ct_tuner_protos[CT_NCCL_PROTOS + 1];

/* The version of the NCCL that LOG (NULL: none) belongs to, since several may be loaded: ncclGetVersion()'s
 * number; 0 = it does not say. Any thread. */
int ct_plugin_nccl_version(ct_nccl_log *log);

/* The name of the process's first GPU as the CUDA driver tells it, cut to ROOM; "" = not told. Any thread. */
void ct_plugin_gpu(char *out, size_t room);

/* The variables of the environment that steer NCCL's choice, as "NCCL_ALGO=ring NCCL_PROTO=ll", cut to ROOM;
 * "" = none is set. Rules are no part of it. Any thread. */
void ct_plugin_variables(char *out, size_t room);

/*
 * Shared with a sweep in the same process: while FORCED is not CT_TUNER_NONE, every communicator uses
 * that cell where it is possible, so that all legal cells are tried without a new communicator. Every
 * rank must set the same, outside of any collective. While WATCH is set, the last table that NCCL
 * showed is kept, and what the rules say to it.
 */
struct ct_tuner_sweep {
	uint32_t abi; /* CT_TUNER_SWEEP_ABI */
	_Atomic int64_t forced; /* algo + 256 * proto + 65536 * channels */
	_Atomic bool watch;
	_Atomic bool muted;     /* rules are read and told but not obeyed; set before the communicator */
	_Atomic uint32_t comms; /* communicators that began with this plugin */
	_Atomic bool writing;   /* one rank of the process at a time: all show the same */
	_Atomic uint64_t seen;  /* grows by 2 with each table kept; odd: being written */
	int func;
	uint64_t bytes;
	int64_t rule;           /* the rules' cell as FORCED has one; CT_TUNER_NONE: none */
	float cost_us[CT_NCCL_ALGOS][CT_NCCL_PROTOS]; /* NCCL's own prediction; -1 = not possible */
	const char *const *algos, *const *protos;     /* their words */
	char rules[256]; /* the last communicator's file and its hash, or why it is not used; "" = none named */
};

/* Exported by the plugin: the one of this process, for ever. Look it up by dlsym() in the plugin
 * that NCCL has loaded. */
__attribute__((visibility("default"))) struct ct_tuner_sweep *ct_tuner_sweep(void);

/* What NCCL chose for a collective, in our words. */
struct ct_profiler_choice {
	char algo[32], proto[32];
	int channels;
};

/*
 * Shared with a process that measures: its profiler plugin. With SPARING set before the first communicator
 * NCCL is asked for a collective's choice only while somebody watches, and never for the times of its
 * kernels, so what is measured meanwhile is not disturbed; not so where COLLTUNE_NCCL_PROFILE is set.
 */
struct ct_profiler {
	uint32_t abi; /* CT_PROFILER_ABI */
	_Atomic bool sparing;
	_Atomic uint32_t comms; /* communicators that began with this plugin */
	/* On and off, counted: several ranks of a process may watch. */
	void (*watch)(bool on);
	/* The last collective of RANK (in its communicator) with these buffers, of the last 64; false: none. */
	bool (*find)(int rank, const void *send, const void *receive, struct ct_profiler_choice *choice);
};

/* Exported by the plugin, as ct_tuner_sweep() is. */
__attribute__((visibility("default"))) struct ct_profiler *ct_profiler(void);

#endif
