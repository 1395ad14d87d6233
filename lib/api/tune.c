/* SPDX-License-Identifier: BSD-3-Clause */
/* ct_tune: a bounded search at the start of a job, and what it found as advice, alike on every rank. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "tune/tune.h"

_Static_assert(offsetof(struct ct_tune_plan, type) + sizeof(int32_t) == sizeof(struct ct_tune_plan),
	"no tail padding");

static const uint32_t usual_colls = 1u << CT_ALLREDUCE | 1u << CT_ALLTOALL | 1u << CT_ALLGATHER |
	1u << CT_REDUCE_SCATTER | 1u << CT_BROADCAST;

struct ct_tune_plan ct_tune_plan_init(uint64_t budget_ns)
{
	struct ct_tune_plan plan = { .size = sizeof(plan), .backends = "native", .budget_ns = budget_ns,
		.seed = 1, .type = CT_FLOAT };

	return plan;
}

static ct_status check_plan(struct ct_tune_plan *p)
{
	if (p->backends == NULL)
		p->backends = "native";
	if (p->colls == 0)
		p->colls = usual_colls;
	if ((p->colls & ~usual_colls) != 0)
		return ct_fail(CT_INVALID, "ct_tune: colls is 0x%x; allreduce, alltoall, allgather, reduce_scatter "
			"and broadcast are searched", p->colls);
	if (p->type < 0 || p->type >= CT_NTYPES)
		return ct_fail(CT_INVALID, "ct_tune: type is %d", (int)p->type);
	if (p->max_bytes > 0 && p->min_bytes > p->max_bytes)
		return ct_fail(CT_INVALID, "ct_tune: min_bytes %llu is above max_bytes %llu",
			(unsigned long long)p->min_bytes, (unsigned long long)p->max_bytes);
	if (p->budget_ns == 0)
		return ct_fail(CT_INVALID, "ct_tune: budget_ns is 0");
	return CT_OK;
}

/* FNV-1a (Fowler, Noll, Vo) of all that must be the same on every rank. */
static ct_status same_plans(struct ct_job *job, const struct ct_tune_plan *plan)
{
	struct ct_tune_plan p = *plan;
	uint64_t h = 0xcbf29ce484222325u;
	const unsigned char *at = (const unsigned char *)&p;
	int64_t bounds[2];
	ct_status status;

	p.backends = NULL;
	for (size_t i = 0; i < sizeof(p); i++)
		h = (h ^ at[i]) * 0x100000001b3u;
	for (const char *c = plan->backends; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * 0x100000001b3u;
	bounds[0] = (int64_t)(h >> 1);
	bounds[1] = -bounds[0];
	status = ct_session_max(job->session, bounds, 2);
	if (status == CT_OK && bounds[0] != -bounds[1])
		status = ct_fail(CT_INVALID, "ct_tune: the ranks have different plans");
	return status;
}

/* Rank 0's word for it: its machine stands for all, since the rules check each host's when they are
 * loaded. */
static ct_status write_text(struct ct_job *job, const struct ct_tuned *tuned, char **text)
{
	char hash[CT_MACHINE_HASH_ROOM], fingerprint[CT_SHA256_TEXT];
	struct ct_machine *machine = NULL;
	bool has_fingerprint = ct_rules_fingerprint("", fingerprint) == CT_OK;
	ct_status status = ct_machine_read(NULL, &machine);
	json_t *json;
	size_t bytes;

	if (status == CT_OK)
		status = ct_machine_hash(machine, hash);
	ct_machine_free(machine);
	if (status != CT_OK)
		return status;
	json = ct_tune_winners(tuned, &job->world, hash, has_fingerprint ? fingerprint : NULL);
	bytes = json != NULL ? json_dumpb(json, NULL, 0, JSON_INDENT(1)) : 0;
	*text = bytes > 0 ? ct_alloc(bytes + 2, 1) : NULL;
	if (*text != NULL) {
		(void)json_dumpb(json, *text, bytes, JSON_INDENT(1));
		(*text)[bytes] = '\n';
	}
	json_decref(json);
	return *text != NULL ? CT_OK : ct_fail(CT_NOMEM, "no memory for the rules");
}

/* The control plane offers maximum and sum, so text travels as numbers of four bytes each, to which the
 * others contribute nothing. */
static ct_status spread(struct ct_job *job, char **text)
{
	bool root = job->world.rank == 0;
	int64_t length = root ? (int64_t)strlen(*text) : 0, *words;
	ct_status status = ct_session_max(job->session, &length, 1);
	size_t n = ((size_t)length + 3) / 4;
	char *made;

	if (status != CT_OK)
		return status;
	made = ct_alloc(4 * n + 1, 1);
	words = ct_alloc(n, sizeof(*words));
	status = ct_session_agree(job->session, made == NULL || words == NULL ? CT_NOMEM : CT_OK);
	if (status == CT_OK && root)
		memcpy(made, *text, (size_t)length);
	for (size_t i = 0; status == CT_OK && root && i < n; i++) {
		uint32_t word;

		memcpy(&word, made + 4 * i, 4);
		words[i] = word;
	}
	if (status == CT_OK)
		status = ct_session_max(job->session, words, n);
	for (size_t i = 0; status == CT_OK && i < n; i++) {
		uint32_t word = (uint32_t)words[i];

		memcpy(made + 4 * i, &word, 4);
	}
	ct_free(words);
	if (status != CT_OK) {
		ct_free(made);
		return status;
	}
	made[length] = '\0';
	ct_free(*text);
	*text = made;
	return CT_OK;
}

static ct_status search(struct ct_job *job, const struct ct_tune_plan *p, char **text)
{
	ct_coll colls[CT_NCOLLS];
	struct ct_tune_attr attr = { .colls = colls, .backends = p->backends,
		.net = strcmp(job->net, "auto") == 0 ? NULL : job->net, .type = (ct_type)p->type,
		.op = CT_SUM, .min_bytes = p->min_bytes, .max_bytes = p->max_bytes,
		.budget_ns = p->budget_ns, .seed = p->seed };
	struct ct_tuned *tuned = NULL;
	ct_status status;

	for (int coll = 0; coll < CT_NCOLLS; coll++)
		if ((p->colls >> coll & 1) != 0)
			colls[attr.ncolls++] = (ct_coll)coll;
	status = ct_tune_run(job->session, &attr, &tuned);
	if (status != CT_OK)
		return status;
	status = job->world.rank == 0 ? write_text(job, tuned, text) : CT_OK;
	status = ct_session_agree(job->session, status);
	ct_tune_free(tuned);
	return status == CT_OK ? spread(job, text) : status;
}

ct_status ct_tune(ct_job *job, const struct ct_tune_plan *plan, ct_advice **advice)
{
	struct ct_tune_plan p = ct_tune_plan_init(0);
	struct ct_advice *made = NULL;
	char *text = NULL;
	ct_status status = CT_OK;

	if (job == NULL)
		return ct_fail(CT_INVALID, "ct_tune: no job");
	if (plan == NULL || advice == NULL)
		status = ct_fail(CT_INVALID, "ct_tune: no plan, or no place for the advice");
	if (status == CT_OK)
		status = ct_take_struct(&p, sizeof(p), plan, sizeof(p), "struct ct_tune_plan");
	if (status == CT_OK)
		status = check_plan(&p);
	status = ct_session_agree(job->session, status);
	if (status == CT_OK)
		status = same_plans(job, &p);
	if (status == CT_OK)
		status = search(job, &p, &text);
	if (status == CT_OK)
		status = ct_session_agree(job->session, ct_advice_make(text, strlen(text), "advice", &made));
	else
		ct_free(text);
	if (status == CT_OK)
		*advice = made;
	else
		ct_advice_free(made);
	return status;
}
