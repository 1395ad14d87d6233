/* SPDX-License-Identifier: BSD-3-Clause */
/* ct_job: the world and a session. */
#include <stdio.h>
#include <string.h>

#include "api.h"

_Static_assert(offsetof(struct ct_job_attr, module_dir) + sizeof(char *) == sizeof(struct ct_job_attr),
	"no tail padding");
_Static_assert(offsetof(struct ct_plan, in_place) + sizeof(int32_t) == sizeof(struct ct_plan),
	"no tail padding");
_Static_assert(offsetof(struct ct_point, busbw_Bps) + sizeof(double) == sizeof(struct ct_point),
	"no tail padding");

ct_status ct_take_struct(void *dst, size_t known, const void *src, size_t least, const char *what)
{
	const unsigned char *in = src;
	size_t given;

	memcpy(&given, src, sizeof(given)); /* every such struct begins with its size */
	if (given < least || given > 1 << 16)
		return ct_fail(CT_INVALID, "%s: size is %zu: use its init function", what, given);
	for (size_t i = known; i < given; i++)
		if (in[i] != 0)
			return ct_fail(CT_UNSUPPORTED, "%s: byte %zu is set, this library knows "
				"%zu bytes; the caller was built for a newer one", what, i, known);
	memcpy(dst, src, given < known ? given : known);
	memcpy(dst, &known, sizeof(known));
	return CT_OK;
}

static ct_status take_attr(const struct ct_job_attr *attr, struct ct_job_attr *mine)
{
	ct_status status;

	*mine = ct_job_attr_init(NULL);
	if (attr == NULL)
		return CT_OK;
	/* what the first version had */
	status = ct_take_struct(mine, sizeof(*mine), attr, offsetof(struct ct_job_attr, module_dir),
		"struct ct_job_attr");
	if (status == CT_OK && mine->boot != NULL)
		status = ct_boot_check(mine->boot);
	return status;
}

/* Looks at what this rank alone can refuse. */
static ct_status fill_job(struct ct_job *job)
{
	const struct ct_net_ops *ops = NULL;
	const char *net = job->attr.net != NULL ? job->attr.net : "auto";
	ct_status status = CT_OK;

	if (strcmp(net, "auto") != 0)
		status = ct_net_find(net, &ops);
	if (status == CT_OK && strlen(net) >= sizeof(job->net))
		status = ct_fail(CT_INVALID, "name of a transport is too long");
	if (status == CT_OK)
		snprintf(job->net, sizeof(job->net), "%s", net);
	job->attr.net = job->net;
	return status;
}

/* Keeps the modules that every rank can open: a job without them is a job all the same. */
static ct_status open_modules(struct ct_job *job)
{
	static const char *const names[CT_JOB_MODULES] = { "mpi", "verbs" };
	const struct ct_boot *boot = job->attr.boot;
	size_t n = 0;

	for (size_t i = 0; i < CT_JOB_MODULES; i++) {
		const struct ct_module *module = NULL;
		ct_status status = job->attr.module_dir == NULL ? CT_NOTFOUND :
			ct_module_open(job->attr.module_dir, names[i], &module);

		status = ct_boot_agree(boot, status);
		if (status == CT_OK)
			job->modules[n++] = module;
		else if (status == CT_PEER || status == CT_TIMEOUT || status == CT_NOMEM)
			return status;
	}
	job->world.modules = job->modules;
	return CT_OK;
}

ct_status ct_job_open(const struct ct_job_attr *attr, ct_job **job)
{
	struct ct_session_attr session = { .world = NULL };
	struct ct_job_attr mine;
	struct ct_job *j;
	ct_status status;

	if (job == NULL)
		return ct_fail(CT_INVALID, "ct_job_open: no place for the job");
	status = take_attr(attr, &mine);
	if (status != CT_OK)
		return status; /* without a whole bootstrap nobody can be told */
	if (mine.boot == NULL)
		mine.boot = ct_boot_single();
	j = ct_alloc(1, sizeof(*j));
	if (j != NULL)
		j->attr = mine;
	status = ct_boot_agree(mine.boot, j == NULL ? CT_NOMEM : fill_job(j));
	if (status != CT_OK)
		goto free_job;
	status = ct_world_make(mine.boot, &j->world);
	if (status != CT_OK)
		goto free_job;
	status = open_modules(j);
	if (status != CT_OK)
		goto free_world;
	session.world = &j->world;
	session.modules = j->modules;
	session.deadline_ns = mine.deadline_ns;
	session.on_expire = mine.on_expire;
	session.interrupted = mine.interrupted;
	session.arg = mine.arg;
	status = ct_session_open(&session, &j->session);
	if (status != CT_OK)
		goto free_world;
	*job = j;
	return CT_OK;
free_world:
	ct_world_free(&j->world);
free_job:
	ct_free(j);
	return status;
}

void ct_job_close(ct_job *job)
{
	if (job == NULL)
		return;
	ct_session_close(job->session);
	ct_world_free(&job->world);
	ct_free(job);
}
