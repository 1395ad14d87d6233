/* SPDX-License-Identifier: BSD-3-Clause */
/* Is GPUDirect RDMA really on? Against a run that was staged through the host. */
#include "explain.h"

#include <stdio.h>
#include <string.h>

json_t *ct_explain_record(const struct ct_explain *e)
{
	json_t *all = json_object();

	for (size_t i = 0; i < e->variables.n && all != NULL; i++) {
		const struct ct_nccl_variable *v = &e->variables.list[i];

		if (json_object_set_new(all, v->name, json_pack("{s:s, s:s}", "value", v->value, "origin",
			v->origin)) != 0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

/* Was it staged? By the word, or its old number. */
static bool was_staged(const json_t *environment)
{
	const json_t *v = json_object_get(json_object_get(environment, "nccl_variables"), "NCCL_NET_GDR_LEVEL");
	const char *value = json_string_value(json_object_get(v, "value"));

	return value != NULL && (strcmp(value, "LOC") == 0 || strcmp(value, "0") == 0);
}

ct_status ct_explain_staged(struct ct_explain *e, const char *file)
{
	struct ct_records records = { .n = 0 };
	const struct ct_nccl_variable *level = ct_nccl_variable(&e->variables, "NCCL_NET_GDR_LEVEL");
	ct_status status;

	if (level != NULL && (strcmp(level->value, "LOC") == 0 || strcmp(level->value, "0") == 0))
		return ct_fail(CT_INVALID, "--staged %.200s: this run has NCCL_NET_GDR_LEVEL=%s (%s) too, so there is "
			"nothing to compare", file, level->value, level->origin);
	status = ct_records_read(file, false, &records);
	if (status != CT_OK)
		return status;
	if (!was_staged(records.environment)) {
		ct_records_free(&records);
		return ct_fail(CT_INVALID, "--staged %.200s: its run had not NCCL_NET_GDR_LEVEL=LOC, so it was not "
			"staged through the host", file);
	}
	e->staged = records;
	e->has_staged = true;
	return CT_OK;
}

/* The staged run's result that belongs to R, or NULL. */
static const struct ct_result *partner(const struct ct_explain *e, const struct ct_result *r)
{
	for (size_t i = 0; i < e->staged.n; i++) {
		const struct ct_result *s = &e->staged.results[i];

		if (s->status == CT_OK && s->nranks == r->nranks && ct_test_same(&s->test, &r->test) &&
			ct_candidate_same(&s->candidate, &r->candidate) && s->summary.median > 0)
			return s;
	}
	return NULL;
}

/* One run each says little of a few per cent: beside each other by more, and no interval meets the other. */
static const char *judge(const struct ct_result *direct, const struct ct_result *staged)
{
	const struct ct_summary *d = &direct->summary, *s = &staged->summary;

	if ((double)s->low > 1.05 * (double)d->high)
		return "faster: GPUDirect RDMA is really on";
	if ((double)d->low > 1.05 * (double)s->high)
		return "slower: GPUDirect RDMA is on, and a loss here";
	return "no difference resolved: it is not on, or gains nothing";
}

void ct_explain_show_staged(const struct ct_explain *e, const struct ct_shown *shown)
{
	size_t n = 0;

	printf("# beside the run that was staged through the host (median us, direct against staged; one run each, not in\n"
		"#   turns: differences below 5 %% are not judged):\n");
	for (size_t i = 0; i < shown->ncandidates * shown->plan->ntests * shown->rounds; i++) {
		const struct ct_result *r = &shown->results[i], *s;
		char size[32];

		if (!shown->there[i] || r->status != CT_OK || r->round != 0 || r->summary.median == 0 ||
			strcmp(r->candidate.backend, "nccl") != 0)
			continue;
		s = partner(e, r);
		if (s == NULL)
			continue;
		n++;
		printf("#   %s, %s bytes%s: %.2f against %.2f, x %.2f: %s\n", ct_coll_name(r->test.coll),
			ct_size_text(r->bytes, size), r->test.in_place ? ", in place" : "",
			(double)r->summary.median / 1e3, (double)s->summary.median / 1e3,
			(double)s->summary.median / (double)r->summary.median, judge(r, s));
	}
	if (n == 0)
		printf("#   no point is in both runs\n");
}
