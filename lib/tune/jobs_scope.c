/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of the jobs' communicators can be compared, and for what their rules hold. */
#include <string.h>
#include <strings.h>

#include "inside.h"

enum { SHAPES = 64 };

/* Communicators of so many ranks on so many nodes. */
struct shape {
	uint32_t ranks, nodes;
	uint64_t calls, ns;
};

static size_t add_shape(struct shape shapes[SHAPES], size_t n, const struct ct_nccl_rank *rank, uint64_t ns)
{
	size_t i = 0;

	while (i < n && (shapes[i].ranks != rank->ranks || shapes[i].nodes != rank->nodes))
		i++;
	if (i == SHAPES || rank->nodes == 0)
		return n;
	if (i == n)
		shapes[n++] = (struct shape){ .ranks = rank->ranks, .nodes = rank->nodes };
	shapes[i].calls++;
	shapes[i].ns += ns;
	return n;
}

static bool wanted(const struct ct_jobs_in *in, const struct shape *shape)
{
	return (in->ranks == 0 || in->ranks == shape->ranks) && (in->nodes == 0 || in->nodes == shape->nodes);
}

/* A rules file is for one number of nodes and ranks on each. */
static ct_status choose_shape(const struct ct_jobs_in *in, struct ct_export *out, struct ct_jobs_scope *scope)
{
	struct shape shapes[SHAPES];
	const struct shape *best = NULL;
	size_t n = 0;
	ct_status status = CT_OK;

	for (size_t i = 0; i < in->jobs->nwholes; i++)
		n = add_shape(shapes, n, &in->jobs->ranks[in->jobs->wholes[i].call->rank],
			in->jobs->wholes[i].most_ns);
	for (size_t i = 0; i < n; i++)
		if (wanted(in, &shapes[i]) && (best == NULL || shapes[i].ns > best->ns))
			best = &shapes[i];
	if (best == NULL)
		return ct_fail(CT_INVALID, "no collective of %s was timed on all of its ranks, so there is nothing to "
			"compare", in->ranks + in->nodes > 0 ? "such a communicator" : "a communicator");
	if (best->ranks % best->nodes != 0)
		return ct_fail(CT_INVALID, "%u ranks on %u nodes are not the same number on each, which no rule can "
			"say", best->ranks, best->nodes);
	scope->ranks = best->ranks;
	scope->nodes = best->nodes;
	for (size_t i = 0; i < n && status == CT_OK; i++)
		if (&shapes[i] != best)
			status = ct_export_remark(out, NULL, "left out: %llu collectives of %u ranks on %u nodes; a rules "
				"file is for one such number (--ranks, --nodes)", (unsigned long long)shapes[i].calls,
				shapes[i].ranks, shapes[i].nodes);
	return status;
}

bool ct_jobs_counts(const struct ct_jobs_scope *scope, const struct ct_nccl_rank *rank)
{
	return rank->ranks == scope->ranks && rank->nodes == scope->nodes;
}

bool ct_jobs_alone(const struct ct_jobs_scope *scope, const struct ct_nccl_rank *rank)
{
	return !rank->ruled && (scope->steered_alike || rank->variables[0] == '\0');
}

static ct_status mixed(const char *what, const struct ct_nccl_rank *a, const char *as,
	const struct ct_nccl_rank *b, const char *bs)
{
	return ct_fail(CT_INVALID, "%s are mixed: rank %u on host %s has %.19s, rank %u on host %s has %.19s; rules "
		"are for one", what, a->rank, a->host, as, b->rank, b->host, bs);
}

/* All that count are alike. */
static ct_status check_alike(const struct ct_jobs_in *in, struct ct_jobs_scope *scope)
{
	const struct ct_nccl_rank *first = NULL;

	scope->steered_alike = true;
	for (size_t i = 0; i < in->jobs->nranks; i++) {
		const struct ct_nccl_rank *r = &in->jobs->ranks[i];

		if (!ct_jobs_counts(scope, r))
			continue;
		if (!r->told || r->nccl[0] == '\0' || r->fingerprint[0] == '\0')
			return ct_fail(CT_INVALID, "rank %u on host %s told neither its machine nor how NCCL was steered: "
				"its profile was written by an older plugin", r->rank, r->host);
		first = first != NULL ? first : r;
		if (strcmp(r->fingerprint, first->fingerprint) != 0)
			return mixed("machines", first, first->fingerprint, r, r->fingerprint);
		if (strcmp(r->machine, first->machine) != 0)
			return mixed("machines", first, first->machine, r, r->machine);
		if (strcmp(r->nccl, first->nccl) != 0)
			return mixed("versions of NCCL", first, first->nccl, r, r->nccl);
		scope->steered_alike &= strcmp(r->variables, first->variables) == 0;
		scope->emulated |= strcasestr(r->gpu, "stand-in") != NULL;
	}
	scope->variables = first->variables;
	scope->nccl = first->nccl;
	scope->fingerprint = first->fingerprint;
	scope->machine = first->machine;
	return CT_OK;
}

/* The jobs' own word comes first. */
static ct_status choose_machine(const struct ct_jobs_in *in, struct ct_jobs_scope *scope)
{
	if (scope->machine[0] != '\0')
		return CT_OK;
	if (in->machine == NULL || in->fingerprint == NULL || strcmp(in->fingerprint, scope->fingerprint) != 0)
		return ct_fail(CT_INVALID, "which kind of machine the jobs ran on is not known: run this on one of "
			"their hosts, or set COLLTUNE_MACHINE in the jobs (the hash that \"colltune topo\" shows)");
	scope->machine = in->machine;
	return CT_OK;
}

ct_status ct_jobs_scope(const struct ct_jobs_in *in, struct ct_export *out, struct ct_jobs_scope *scope)
{
	ct_status status;

	*scope = (struct ct_jobs_scope){ .ranks = 0 };
	status = choose_shape(in, out, scope);
	if (status == CT_OK)
		status = check_alike(in, scope);
	if (status == CT_OK)
		status = choose_machine(in, scope);
	if (status == CT_OK && scope->emulated)
		status = ct_export_remark(out, NULL, "EMULATED: these jobs ran on a stand-in for GPUs, whose times say "
			"nothing about any; the rules are marked so");
	if (status == CT_OK && scope->steered_alike && scope->variables[0] != '\0')
		status = ct_export_remark(out, NULL, "in every job was set: %.180s; the rules hold beside it",
			scope->variables);
	return status;
}
