/* SPDX-License-Identifier: BSD-3-Clause */
/* Before the ranks: where the plugins are, which variables NCCL will see, and where its log goes. */
#include "explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Sets NAME for NCCL in this process and keeps in mind that it was us. */
static ct_status set(struct ct_explain *e, const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		return ct_fail(CT_NOMEM, "no room for %s in the environment", name);
	if (e->nours < sizeof(e->ours) / sizeof(e->ours[0]))
		snprintf(e->ours[e->nours++], sizeof(e->ours[0]), "%s", name);
	return CT_OK;
}

static bool file_in(const char *dir, const char *name, char *out)
{
	char path[CT_EXPLAIN_PATH], *real;
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	bool fits;

	if (n < 0 || (size_t)n >= sizeof(path) || access(path, R_OK) != 0)
		return false;
	real = realpath(path, NULL);
	if (real == NULL)
		return false;
	fits = strlen(real) < CT_EXPLAIN_PATH;
	if (fits)
		strcpy(out, real);
	free(real);
	return fits;
}

/* Beside the modules (a build), or in the folder above them (installed). */
static bool plugin_file(const char *module_dir, const char *name, char *out)
{
	char above[CT_EXPLAIN_PATH];

	snprintf(above, sizeof(above), "%.1000s/..", module_dir);
	return file_in(module_dir, name, out) || file_in(above, name, out);
}

/* One plugin: the value of VARIABLE that NCCL will see, set by us where nobody has; "" in OUT where NEEDED is
 * false and it is nowhere. */
static ct_status take_plugin(struct ct_explain *e, const char *module_dir, const char *kind,
	const char *variable, bool needed, char *out)
{
	const struct ct_nccl_variable *user = ct_nccl_variable(&e->variables, variable);
	char name[48], path[CT_EXPLAIN_PATH] = "";

	snprintf(name, sizeof(name), "libnccl-%s-colltune.so", kind);
	if (plugin_file(module_dir, name, path)) {
		snprintf(e->plugins, sizeof(e->plugins), "%.*s", (int)(strrchr(path, '/') - path), path);
	} else if (e->plugins[0] == '\0') {
		snprintf(e->plugins, sizeof(e->plugins), "%.1000s", module_dir);
	}
	if (user != NULL) {
		snprintf(out, CT_EXPLAIN_PATH, "%s", user->value);
		return CT_OK;
	}
	snprintf(out, CT_EXPLAIN_PATH, "%s", path);
	if (path[0] != '\0')
		return set(e, variable, path);
	if (!needed)
		return CT_OK;
	return ct_fail(CT_UNSUPPORTED, "no %s: looked for in %s and the folder above it (--module-dir)", name,
		module_dir);
}

/* --rules FILE tells only; COLLTUNE_RULES is obeyed, as in a job. */
static ct_status take_rules(struct ct_explain *e, const char *file)
{
	const struct ct_nccl_variable *v = ct_nccl_variable(&e->variables, "COLLTUNE_RULES");

	if (v != NULL)
		snprintf(e->rules, sizeof(e->rules), "%s", v->value);
	if (file == NULL || strcmp(file, e->rules) == 0)
		return CT_OK;
	snprintf(e->rules, sizeof(e->rules), "%.1000s", file);
	e->muted = true;
	return set(e, "COLLTUNE_RULES", file);
}

/* NCCL's log into memory, unless somebody else wants to read it. */
static ct_status take_log(struct ct_explain *e)
{
	char path[48];
	ct_status status;

	if (ct_nccl_variable(&e->variables, "NCCL_DEBUG") != NULL ||
		ct_nccl_variable(&e->variables, "NCCL_DEBUG_FILE") != NULL)
		return CT_OK;
	e->log = memfd_create("colltune-nccl-log", MFD_CLOEXEC);
	if (e->log < 0)
		return CT_OK; /* then it is not told */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", e->log);
	status = set(e, "NCCL_DEBUG_FILE", path);
	if (status == CT_OK)
		status = set(e, "NCCL_DEBUG", "INFO");
	if (status == CT_OK && ct_nccl_variable(&e->variables, "NCCL_DEBUG_SUBSYS") == NULL)
		status = set(e, "NCCL_DEBUG_SUBSYS", "INIT,NET");
	return status;
}

ct_status ct_explain_open(struct ct_bench_settings *s, struct ct_explain *e)
{
	struct ct_nccl_settings *nccl = &s->job.coll_rows.nccl;
	ct_status status;

	*e = (struct ct_explain){ .on = s->explain, .log = -1 };
	status = ct_nccl_variables_here(&e->variables);
	if (status == CT_OK)
		status = take_rules(e, s->explain ? s->rules : NULL);
	if (status == CT_OK)
		status = take_plugin(e, s->job.module_dir, "profiler", "NCCL_PROFILER_PLUGIN", e->on,
			e->profiler);
	if (status == CT_OK && (e->on || e->rules[0] != '\0'))
		status = take_plugin(e, s->job.module_dir, "tuner", "NCCL_TUNER_PLUGIN", true, e->tuner);
	if (status == CT_OK && e->on)
		status = take_log(e);
	if (status != CT_OK)
		return status;
	nccl->profiler = e->profiler[0] != '\0' ? e->profiler : NULL;
	nccl->tuner = e->tuner[0] != '\0' ? e->tuner : NULL;
	nccl->plugins = e->plugins;
	nccl->explain = e->on;
	nccl->rules_muted = e->muted;
	return CT_OK;
}

ct_status ct_explain_cells(struct ct_job_settings *job, struct ct_explain *e)
{
	struct ct_nccl_settings *nccl = &job->coll_rows.nccl;
	ct_status status;

	*e = (struct ct_explain){ .log = -1 };
	status = ct_nccl_variables_here(&e->variables);
	if (status == CT_OK)
		status = take_plugin(e, job->module_dir, "tuner", "NCCL_TUNER_PLUGIN", true, e->tuner);
	if (status != CT_OK)
		return status;
	nccl->tuner = e->tuner;
	nccl->plugins = e->plugins;
	nccl->cells = nccl->rules_muted = true;
	return CT_OK;
}

void ct_explain_close(struct ct_explain *e)
{
	ct_nccl_variables_free(&e->variables);
	ct_records_free(&e->staged);
	if (e->log >= 0)
		close(e->log);
	e->log = -1;
}
