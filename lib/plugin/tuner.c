/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libnccl-tuner-colltune.so: answers NCCL's question which algorithm, protocol and how many channels
 * a collective shall use, from the rules file that COLLTUNE_RULES names. Traps that shape it: an
 * error from any call fails the user's collective, so all succeed; a cell that NCCL marked as not
 * possible must not be written; ranks must agree, so nothing here depends on time or chance.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define EXPORT __attribute__((visibility("default")))

enum { CHANNELS_BEFORE_V5 = 32, CHANNELS_V5 = 64 };

/* Of one communicator. */
struct context {
	struct ct_tuner_table *table; /* NULL: no opinion */
	struct ct_tuner_sweep *sweep;
	int channels_most;
};

struct ct_tuner_sweep *ct_tuner_sweep(void)
{
	/* One for the process by its very purpose: a sweep reaches every communicator. */
	static struct ct_tuner_sweep sweep = { .abi = CT_TUNER_SWEEP_ABI, .forced = CT_TUNER_NONE,
		.rule = CT_TUNER_NONE, .algos = ct_tuner_algos, .protos = ct_tuner_protos };

	return &sweep;
}

static ct_status apply(const struct ct_rules *rules, const struct ct_tuner_comm *comm,
	struct ct_nccl_constants *constants, struct ct_tuner_table **table)
{
	ct_status s = ct_tuner_fits(rules, comm);

	if (s == CT_OK)
		s = ct_tuner_table_make(rules, table);
	if (s == CT_OK && constants != NULL)
		s = ct_tuner_fit(rules, constants);
	if (s != CT_OK) {
		ct_tuner_table_free(*table);
		*table = NULL;
	}
	return s;
}

/* For who measures in this process; of several ranks that say it at once one does. */
static void tell_rules(struct ct_tuner_sweep *sweep, const char *line)
{
	if (atomic_exchange(&sweep->writing, true))
		return;
	snprintf(sweep->rules, sizeof(sweep->rules), "%.*s", (int)sizeof(sweep->rules) - 1, line);
	atomic_store(&sweep->writing, false);
}

/* Fills CONTEXT's table, or leaves it without opinion and says why in one line. */
static void read_rules(struct context *context, size_t ranks, size_t nodes, ct_nccl_log *log,
	struct ct_nccl_constants *constants)
{
	const char *path = secure_getenv("COLLTUNE_RULES");
	struct ct_tuner_comm comm = { ranks, nodes, ct_plugin_nccl_version(log),
		secure_getenv("COLLTUNE_MACHINE") };
	struct ct_rules *rules = NULL;
	char line[512];
	int level = CT_NCCL_LOG_INFO;
	ct_status s;

	if (path == NULL || path[0] == '\0')
		return;
	s = ct_rules_load(path, &rules);
	if (s == CT_OK)
		s = apply(rules, &comm, atomic_load(&context->sweep->muted) ? NULL : constants,
			&context->table);
	if (s != CT_OK && s != CT_UNSUPPORTED)
		level = CT_NCCL_LOG_WARN;
	if (s != CT_OK)
		snprintf(line, sizeof(line), "%.200s not used, NCCL decides alone: %.250s", path, ct_why());
	else
		snprintf(line, sizeof(line), "%.200s, %zu rules, %.23s: must be the same on every rank",
			path, ct_rules_count(rules), ct_rules_hash(rules));
	if (log != NULL)
		log(level, CT_NCCL_LOG_TUNING, __FILE__, __LINE__, "TUNER/colltune: %s", line);
	tell_rules(context->sweep, line);
	ct_rules_free(rules);
}

static void *open_context(size_t ranks, size_t nodes, ct_nccl_log *log,
	struct ct_nccl_constants *constants, int channels_most)
{
	struct context *context = ct_alloc(1, sizeof(*context));

	if (context == NULL)
		return NULL; /* no memory: no opinion */
	context->sweep = ct_tuner_sweep();
	atomic_fetch_add(&context->sweep->comms, 1);
	context->channels_most = channels_most;
	read_rules(context, ranks, nodes, log, constants);
	return context;
}

static int close_context(void *self)
{
	struct context *context = self;

	if (context != NULL)
		ct_tuner_table_free(context->table);
	ct_free(context);
	return CT_NCCL_OK;
}

static const struct ct_tuner_cell *forced_cell(int64_t forced, struct ct_tuner_cell *cell)
{
	*cell = (struct ct_tuner_cell){ .algo = (int16_t)(forced & 0xff),
		.proto = (int16_t)(forced >> 8 & 0xff), .channels = (int32_t)(forced >> 16 & 0xff) };
	return cell;
}

/* The sweep's cell, in *ROOM, comes before the rules'; NULL: no opinion. */
static const struct ct_tuner_cell *wanted(const struct context *context, int func, size_t bytes,
	struct ct_tuner_cell *room)
{
	int64_t forced;

	if (context == NULL || func < 0 || func >= CT_NCCL_FUNCS)
		return NULL;
	forced = atomic_load_explicit(&context->sweep->forced, memory_order_relaxed);
	if (forced != CT_TUNER_NONE)
		return forced_cell(forced, room);
	if (atomic_load_explicit(&context->sweep->muted, memory_order_relaxed))
		return NULL;
	return context->table != NULL ? ct_tuner_find(context->table, func, bytes) : NULL;
}

/* Keeps what NCCL predicts and what the rules say to it, for who asked for it. */
static void watch(const struct context *context, int func, size_t bytes, const float *cost, int algos,
	int protos)
{
	struct ct_tuner_sweep *sweep = context->sweep;
	const struct ct_tuner_cell *rule = NULL;

	if (atomic_exchange(&sweep->writing, true))
		return;
	if (context->table != NULL && func >= 0 && func < CT_NCCL_FUNCS)
		rule = ct_tuner_find(context->table, func, bytes);
	atomic_fetch_add(&sweep->seen, 1);
	sweep->func = func;
	sweep->bytes = bytes;
	sweep->rule = rule != NULL ? rule->algo + 256 * rule->proto + 65536 * (int64_t)rule->channels :
		CT_TUNER_NONE;
	for (int a = 0; a < CT_NCCL_ALGOS; a++)
		for (int p = 0; p < CT_NCCL_PROTOS; p++)
			sweep->cost_us[a][p] = a < algos && p < protos ? cost[a * protos + p] : -1;
	atomic_fetch_add(&sweep->seen, 1);
	atomic_store(&sweep->writing, false);
}

static void set_channels(const struct context *context, const struct ct_tuner_cell *cell, int *channels)
{
	if (cell->channels > 0)
		*channels = cell->channels < context->channels_most ? cell->channels :
			context->channels_most;
}

/* TABLE is a flat array in spite of its type. */
static int choose_cell(void *self, int func, size_t bytes, float **table, int algos, int protos,
	int *channels)
{
	const struct context *context = self;
	float *cost = (float *)(void *)table;
	const struct ct_tuner_cell *cell;
	struct ct_tuner_cell room;

	if (context != NULL && atomic_load_explicit(&context->sweep->watch, memory_order_relaxed))
		watch(context, func, bytes, cost, algos, protos);
	cell = wanted(context, func, bytes, &room);
	if (cell == NULL || cell->algo >= algos || cell->proto >= protos)
		return CT_NCCL_OK;
	cost += cell->algo * protos + cell->proto;
	if (*cost < 0) /* NCCL_ALGO_PROTO_IGNORE: not possible here, or excluded by the user */
		return CT_NCCL_OK;
	*cost = 0;
	set_channels(context, cell, channels);
	return CT_NCCL_OK;
}

static int init_v2(size_t ranks, size_t nodes, ct_nccl_log *log, void **context)
{
	*context = open_context(ranks, nodes, log, NULL, CHANNELS_BEFORE_V5);
	return CT_NCCL_OK;
}

static int init_v5(void **context, uint64_t comm, size_t ranks, size_t nodes, ct_nccl_log *log,
	struct ct_nccl_domains *domains, struct ct_nccl_constants *constants)
{
	(void)comm;
	(void)domains;
	*context = open_context(ranks, nodes, log, constants, CHANNELS_V5);
	return CT_NCCL_OK;
}

/* Version 2 shows no table: what can run is told by two flags only. */
static int choose_v2(void *self, int func, size_t bytes, int collnet, int nvls, int pipe_ops,
	int *algo, int *proto, int *channels)
{
	const struct context *context = self;
	const struct ct_tuner_cell *cell;
	struct ct_tuner_cell room;
	const char *name;

	(void)pipe_ops;
	cell = wanted(context, func, bytes, &room);
	if (cell == NULL || cell->algo >= CT_NCCL_ALGOS - 1 || cell->proto >= CT_NCCL_PROTOS)
		return CT_NCCL_OK; /* PAT came later */
	name = ct_tuner_algos[cell->algo];
	if ((strncmp(name, "collnet", 7) == 0 && collnet == 0) ||
		(strncmp(name, "nvls", 4) == 0 && nvls == 0))
		return CT_NCCL_OK;
	*algo = cell->algo;
	*proto = cell->proto;
	set_channels(context, cell, channels);
	return CT_NCCL_OK;
}

static int choose_v3(void *self, int func, size_t bytes, int pipe_ops, float **table, int algos,
	int protos, int *channels)
{
	(void)pipe_ops;
	return choose_cell(self, func, bytes, table, algos, protos, channels);
}

static int choose_v4(void *self, int func, size_t bytes, int pipe_ops, float **table, int algos,
	int protos, int registered, int *channels)
{
	(void)pipe_ops;
	(void)registered;
	return choose_cell(self, func, bytes, table, algos, protos, channels);
}

static const char plugin_name[] = "colltune";

EXPORT extern const struct ct_nccl_tuner_v2 ncclTunerPlugin_v2;
EXPORT extern const struct ct_nccl_tuner_v3 ncclTunerPlugin_v3;
EXPORT extern const struct ct_nccl_tuner_v4 ncclTunerPlugin_v4;
EXPORT extern const struct ct_nccl_tuner_v5 ncclTunerPlugin_v5;
EXPORT extern const struct ct_nccl_tuner_v6 ncclTunerPlugin_v6;

const struct ct_nccl_tuner_v2 ncclTunerPlugin_v2 = { plugin_name, init_v2, choose_v2, close_context };
const struct ct_nccl_tuner_v3 ncclTunerPlugin_v3 = { plugin_name, init_v2, choose_v3, close_context };
const struct ct_nccl_tuner_v4 ncclTunerPlugin_v4 = { plugin_name, init_v2, choose_v4, close_context };
const struct ct_nccl_tuner_v5 ncclTunerPlugin_v5 = { plugin_name, init_v5, choose_v4, close_context };
const struct ct_nccl_tuner_v6 ncclTunerPlugin_v6 = { plugin_name, init_v5, choose_v4, close_context,
	NULL };
