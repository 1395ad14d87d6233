/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows, listed by hand, and opening one by name. */
#include <stdio.h>
#include <string.h>

#include "native.h"

/* The module's row takes its place once the module is open. */
static const struct ct_coll_ops mpi_row = {
	.abi = CT_COLL_ABI,
	.name = "mpi",
	.summary = "the MPI library's own collectives",
	.missing = "comes with the module colltune-mpi.so, which is opened when colltune is started "
		"by mpirun; build with an MPI library (mpicc) to have it",
};

static const struct ct_coll_ops verbs_row = {
	.abi = CT_COLL_ABI,
	.name = "verbs",
	.summary = CT_COLL_VERBS_SUMMARY,
	.missing = "comes with the module colltune-verbs.so, which is not there; build with libibverbs "
		"to have it",
};

/* Ascend NPUs: HCCL has interfaces and types of its own (HcclAllReduce on streams of AscendCL). */
static const struct ct_coll_ops hccl_row = {
	.abi = CT_COLL_ABI,
	.name = "hccl",
	.summary = "Huawei's collective library for Ascend NPUs",
	.missing = "its ABI is its own, not NCCL's, and no backend is written for it; a library for NPUs that "
		"has NCCL's goes by --coll nccl --nccl-lib FILE --gpu-lib FILE",
};

static const struct ct_coll_ops *const rows[] = { &ct_coll_native, &mpi_row, &verbs_row,
	&ct_coll_nccl, &hccl_row, &ct_coll_trace, NULL };

enum { NROWS = sizeof(rows) / sizeof(rows[0]) - 1, MAX_NAMES = 32 };

const struct ct_coll_ops *const *ct_coll_rows(void)
{
	return rows;
}

ct_status ct_coll_find(const char *name, const struct ct_module *const *modules,
	const struct ct_coll_ops **ops)
{
	const char *names[NROWS + MAX_NAMES + 1] = { NULL }, *near;
	size_t i, n = 0;

	for (; modules != NULL && *modules != NULL && n < MAX_NAMES; modules++) {
		if ((*modules)->coll == NULL)
			continue;
		names[n++] = (*modules)->coll->name;
		if (strcmp((*modules)->coll->name, name) != 0)
			continue;
		*ops = (*modules)->coll;
		return CT_OK;
	}
	for (i = 0; i < NROWS; i++) {
		names[n++] = rows[i]->name;
		if (strcmp(rows[i]->name, name) != 0)
			continue;
		*ops = rows[i];
		return CT_OK;
	}
	near = ct_nearest(name, names);
	return ct_fail(CT_INVALID, "no backend is called %s; did you mean %s?", name,
		near != NULL ? near : rows[0]->name);
}

/* ---- what a row leaves out ----------------------------------------------------------------- */

static ct_status lacks(const char *what)
{
	return ct_fail(CT_UNSUPPORTED, "this backend has no %s", what);
}

static ct_status no_probe(const struct ct_coll_settings *settings)
{
	(void)settings;
	return CT_OK;
}

static ct_status no_open(const struct ct_coll_env *env, void **self)
{
	(void)env;
	(void)self;
	return lacks("open");
}

static void no_close(void *self)
{
	(void)self;
}

static const struct ct_coll_caps *no_query(void *self)
{
	static const struct ct_coll_caps none = { 0 };

	(void)self;
	return &none;
}

static ct_status no_prepare(void *self, const struct ct_coll_desc *desc, void **req)
{
	(void)self;
	(void)desc;
	(void)req;
	return lacks("prepare");
}

static ct_status no_start(void *self, void *req)
{
	(void)self;
	(void)req;
	return lacks("start");
}

static void no_release(void *self, void *req)
{
	(void)self;
	(void)req;
}

static ct_status no_mark(void *self, unsigned slot)
{
	(void)self;
	(void)slot;
	return lacks("clock");
}

static ct_status no_span(void *self, unsigned from, unsigned to, uint64_t *ns)
{
	(void)self;
	(void)from;
	(void)to;
	(void)ns;
	return lacks("clock");
}

static void no_waiting(void *self, void *req, char *out, size_t room)
{
	(void)self;
	(void)req;
	snprintf(out, room, "something this backend does not tell");
}

static ct_status no_series(void *self, void *req, struct ct_coll_series *series)
{
	(void)self;
	(void)req;
	(void)series;
	return lacks("times of single messages");
}

static ct_status no_about(void *self, void *req, struct ct_coll_about *about)
{
	(void)self;
	(void)req;
	(void)about;
	return CT_OK;
}

static void fill_absent(struct ct_coll_ops *ops)
{
	if (ops->probe == NULL)
		ops->probe = no_probe;
	if (ops->open == NULL)
		ops->open = no_open;
	if (ops->close == NULL)
		ops->close = no_close;
	if (ops->query == NULL)
		ops->query = no_query;
	if (ops->prepare == NULL)
		ops->prepare = no_prepare;
	if (ops->start == NULL)
		ops->start = no_start;
	if (ops->test == NULL)
		ops->test = no_start;
	if (ops->release == NULL)
		ops->release = no_release;
	if (ops->mark == NULL)
		ops->mark = no_mark;
	if (ops->span == NULL)
		ops->span = no_span;
	if (ops->waiting == NULL)
		ops->waiting = no_waiting;
	if (ops->series == NULL)
		ops->series = no_series;
	if (ops->about == NULL)
		ops->about = no_about;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* This rank alone: may the row be opened here? OPS: its copy, whole. */
static ct_status examine(const char *name, const struct ct_module *const *modules,
	const struct ct_coll_env *env, struct ct_coll_ops **ops)
{
	const struct ct_coll_ops *row;
	ct_status status = ct_coll_find(name, modules, &row);

	if (status != CT_OK)
		return status;
	if (row->missing != NULL)
		return ct_fail(CT_UNSUPPORTED, "backend %s: %s", name, row->missing);
	if (row->abi != CT_COLL_ABI)
		return ct_fail(CT_UNSUPPORTED, "backend %s has ABI %u, this colltune wants %d", name,
			row->abi, CT_COLL_ABI);
	*ops = ct_alloc(1, sizeof(**ops));
	if (*ops == NULL)
		return CT_NOMEM;
	**ops = *row;
	fill_absent(*ops);
	if (!row->splits && env->group != NULL && env->group->nranks != env->world->nranks)
		return ct_fail(CT_UNSUPPORTED, "backend %s makes no groups of ranks", name);
	return (*ops)->probe(env->settings);
}

ct_status ct_coll_open(const char *name, const struct ct_module *const *modules,
	const struct ct_coll_env *env, struct ct_coll_lib *lib)
{
	struct ct_coll_lib opened = { NULL, NULL };
	struct ct_coll_ops *ops = NULL;
	ct_status status = ct_boot_agree(env->world->boot, examine(name, modules, env,
		&ops));

	if (status != CT_OK) {
		ct_free(ops);
		return status;
	}
	status = ops->open(env, &opened.self);
	if (status == CT_OK)
		opened.ops = ops;
	else
		ct_free(ops);
	if (status == CT_OK && env->record != NULL)
		status = ct_trace_record(env->record, env->world, &opened);
	status = ct_boot_agree(env->world->boot, status);
	if (status != CT_OK) {
		ct_coll_close(&opened);
		return status;
	}
	*lib = opened;
	return CT_OK;
}

void ct_coll_close(struct ct_coll_lib *lib)
{
	if (lib->ops != NULL) {
		lib->ops->close(lib->self);
		ct_free((void *)(uintptr_t)lib->ops);
	}
	*lib = (struct ct_coll_lib){ NULL, NULL };
}
