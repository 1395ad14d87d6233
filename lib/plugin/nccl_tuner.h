/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NCCL's tuner interface as its public documentation gives it (NVIDIA/nccl, plugin/tuner versions 2
 * to 6), declared by us: NCCL's own headers are not needed to build. Names of members are ours.
 * Read by NCCL 2.21 and later; a library takes the newest version that it knows.
 */
#ifndef CT_PLUGIN_NCCL_TUNER_H
#define CT_PLUGIN_NCCL_TUNER_H

#include <stddef.h>
#include <stdint.h>

/* Order of NCCL's enumerations. */
enum { CT_NCCL_FUNCS = 5, CT_NCCL_ALGOS = 7, CT_NCCL_PROTOS = 3, CT_NCCL_LINKS = 3 };
enum { CT_NCCL_GENERATIONS = 4, CT_NCCL_SCALES = 3 };
enum { CT_NCCL_OK = 0 };
enum { CT_NCCL_LOG_WARN = 2, CT_NCCL_LOG_INFO = 3 };
#define CT_NCCL_LOG_TUNING 64ul

typedef void ct_nccl_log(int level, unsigned long subsystems, const char *file, int line,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

struct ct_nccl_domains {
	int domains, least_ranks, most_ranks;
};

/* Microseconds, and GB/s by GPU generation (Volta, Ampere, Hopper, Blackwell) and number of nodes
 * (1, 2, 4 and more). Links: NVLink, PCI, network. */
struct ct_nccl_constants {
	double base_us[CT_NCCL_ALGOS][CT_NCCL_PROTOS];
	double hop_us[CT_NCCL_LINKS][CT_NCCL_ALGOS][CT_NCCL_PROTOS];
	double ll_max_GBps[CT_NCCL_GENERATIONS][CT_NCCL_SCALES];
	double ring_ll128_GBps[CT_NCCL_GENERATIONS][CT_NCCL_SCALES];
	double tree_ll128_GBps[CT_NCCL_GENERATIONS][CT_NCCL_SCALES];
	double tree_GBps[CT_NCCL_GENERATIONS][CT_NCCL_SCALES];
	double nvls_tree_GBps[CT_NCCL_GENERATIONS][CT_NCCL_SCALES];
};

struct ct_nccl_tuner_v2 {
	const char *name;
	int (*init)(size_t ranks, size_t nodes, ct_nccl_log *log, void **context);
	int (*choose)(void *context, int func, size_t bytes, int collnet, int nvls, int pipe_ops,
		int *algo, int *proto, int *channels);
	int (*destroy)(void *context);
};

/* TABLE: flat float[algos][protos], predicted microseconds; -1 = not possible here. */
struct ct_nccl_tuner_v3 {
	const char *name;
	int (*init)(size_t ranks, size_t nodes, ct_nccl_log *log, void **context);
	int (*choose)(void *context, int func, size_t bytes, int pipe_ops, float **table, int algos,
		int protos, int *channels);
	int (*destroy)(void *context);
};

struct ct_nccl_tuner_v4 {
	const char *name;
	int (*init)(size_t ranks, size_t nodes, ct_nccl_log *log, void **context);
	int (*choose)(void *context, int func, size_t bytes, int pipe_ops, float **table, int algos,
		int protos, int registered, int *channels);
	int (*destroy)(void *context);
};

struct ct_nccl_tuner_v5 {
	const char *name;
	int (*init)(void **context, uint64_t comm, size_t ranks, size_t nodes, ct_nccl_log *log,
		struct ct_nccl_domains *domains, struct ct_nccl_constants *constants);
	int (*choose)(void *context, int func, size_t bytes, int pipe_ops, float **table, int algos,
		int protos, int registered, int *channels);
	int (*finalize)(void *context);
};

struct ct_nccl_tuner_v6 {
	const char *name;
	int (*init)(void **context, uint64_t comm, size_t ranks, size_t nodes, ct_nccl_log *log,
		struct ct_nccl_domains *domains, struct ct_nccl_constants *constants);
	int (*choose)(void *context, int func, size_t bytes, int pipe_ops, float **table, int algos,
		int protos, int registered, int *channels);
	int (*finalize)(void *context);
	int (*chunk)(void *context, int func, size_t bytes, int algo, int proto, int channels,
		size_t *chunk_bytes);
};

#endif
