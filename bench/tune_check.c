/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune tune --check RULES: each rule's setting beside the default, at sizes that a search did not
 * ask about; and, where a witness was preloaded, which algorithm of Open MPI the default really is. */
#include "tune.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLES = 30, WARM = 5, SIZES = 3, BASES = 8 };

struct checking {
	struct ct_rank *rank;
	struct ct_trials *trials;
	struct ct_candidate base;
	ct_type type;
	uint64_t most_bytes;
	const char *(*seen)(void);
	void (*reset)(void);
	unsigned good, bad;
};

static void find_witness(struct checking *c)
{
	void *symbol = dlsym(RTLD_DEFAULT, "ct_witness_seen");

	memcpy(&c->seen, &symbol, sizeof(c->seen));
	symbol = dlsym(RTLD_DEFAULT, "ct_witness_reset");
	memcpy(&c->reset, &symbol, sizeof(c->reset));
}

/* RULE's setting as a candidate. CT_INVALID: no algorithm, or a knob that the backend has not. */
static ct_status candidate_of(const struct checking *c, const struct ct_rule *rule, struct ct_candidate *out)
{
	const struct ct_coll_caps *caps = ct_trials_caps(c->trials, 0, NULL);
	const struct ct_rule_set *algo = ct_rule_setting(rule, "algo");

	*out = c->base;
	for (size_t a = 0; algo != NULL && algo->text != NULL && a < caps->nalgos; a++) {
		const struct ct_coll_algo *row = &caps->algos[a];

		if (row->coll != rule->coll || strcmp(row->name, algo->text) != 0)
			continue;
		snprintf(out->algo, sizeof(out->algo), "%s", row->name);
		for (size_t k = 0; k < row->nknobs && k < CT_MAX_KNOBS; k++) {
			const struct ct_rule_set *set = ct_rule_setting(rule, row->knobs[k].name);

			out->knob[k] = set != NULL && set->text == NULL ? set->number :
				row->knobs[k].values[0];
			snprintf(out->knob_name[k], sizeof(out->knob_name[k]), "%s", row->knobs[k].name);
			out->nknobs = (uint32_t)k + 1;
		}
		return CT_OK;
	}
	return ct_fail(CT_INVALID, "/rules/%u: %s has no algorithm %s for %s here", rule->index,
		rule->backend, algo != NULL && algo->text != NULL ? algo->text : "(none)",
		ct_coll_name(rule->coll));
}

static struct ct_ratio ratio_of(const uint64_t *a, const uint64_t *b)
{
	double x[SAMPLES], y[SAMPLES];

	for (int k = 0; k < SAMPLES; k++) {
		x[k] = (double)a[k];
		y[k] = (double)b[k];
	}
	return ct_ratio_interval(x, SAMPLES, y, SAMPLES, 0.95);
}

/* Rank 0: one line about WHICH (default, the rule's). */
static void tell(struct checking *c, const struct ct_rule *rule, uint64_t bytes, const uint64_t *ns,
	const ct_status *status, const char *why)
{
	struct ct_ratio r = ratio_of(ns, ns + SAMPLES);
	const char *word = r.low > 1 ? "faster" : r.high < 1 ? "slower" :
		r.low >= 0.95 && r.high <= 1.05 ? "equivalent" : "not resolved";

	if (status[1] != CT_OK) {
		printf("# check: /rules/%u %s %llu B: not run: %s\n", rule->index, ct_coll_name(rule->coll),
			(unsigned long long)bytes, why);
		return;
	}
	c->good += r.low > 1 || (r.low >= 0.95 && r.high <= 1.05);
	c->bad += r.high < 1;
	printf("# check: /rules/%u %s %llu B: %.2f [%.2f %.2f] times as fast as the default: %s\n",
		rule->index, ct_coll_name(rule->coll), (unsigned long long)bytes, r.ratio, r.low, r.high, word);
}

static ct_status check_size(struct checking *c, const struct ct_rule *rule, const uint32_t which[2],
	uint64_t bytes)
{
	struct ct_test test = { .coll = rule->coll, .type = c->type, .op = CT_SUM, .bytes = bytes };
	struct ct_trial trial = { .test = &test, .which = which, .n = 1, .samples = 1, .verify = true };
	uint64_t ns[2 * SAMPLES];
	ct_status each[2] = { CT_OK, CT_OK }, status = CT_OK;
	struct ct_trial_out out = { ns, each, 0 };

	ct_trials_forget(c->trials);
	if (c->seen != NULL && c->reset != NULL) { /* witnessed: nothing else is asked */
		c->reset();
		status = ct_trials_take(c->trials, &trial, &out);
		if (status == CT_OK && c->rank->world.rank == 0)
			printf("# ran: %u %llu %s\n", rule->index, (unsigned long long)bytes, c->seen());
		/* what a rules file decides cannot be forced otherwise in the same launch */
		return status;
	}
	trial.n = 2;
	trial.samples = SAMPLES;
	trial.warmup = WARM;
	status = ct_trials_take(c->trials, &trial, &out);
	if (status == CT_OK && c->rank->world.rank == 0)
		tell(c, rule, bytes, ns, each, ct_trials_why(c->trials, which[1]));
	return status;
}

/* The lower end, a size between, and the upper end, in whole elements. */
static ct_status check_rule(struct checking *c, const struct ct_rule *rule)
{
	uint32_t n = c->rank->world.nranks, which[2];
	uint64_t high = rule->high < c->most_bytes ? rule->high : c->most_bytes, before = 0;
	struct ct_candidate own = c->base, new = c->base;
	ct_status status = c->seen != NULL ? CT_OK : candidate_of(c, rule, &new);

	if (status == CT_OK)
		status = ct_trials_add(c->trials, &own, &which[0]);
	if (status == CT_OK)
		status = ct_trials_add(c->trials, &new, &which[1]);
	status = ct_session_agree(c->rank->session, status);
	for (int i = 0; i < SIZES && status == CT_OK; i++) {
		double at = (double)rule->low + 1;
		uint64_t bytes = i == 0 ? rule->low : i == SIZES - 1 ? high :
			(uint64_t)(at * pow((double)(high + 1) / at, 0.6));
		uint64_t count = ct_coll_count(rule->coll, n, bytes, c->type);

		bytes = ct_coll_bytes(rule->coll, n, count > 0 ? count : 1, c->type);
		if (bytes < rule->low || bytes > high || bytes == before)
			continue;
		before = bytes;
		status = check_size(c, rule, which, bytes);
	}
	return status;
}

ct_status ct_tune_check(struct ct_rank *rank, const struct ct_tune_settings *s, const char *backend,
	ct_type type)
{
	struct checking c = { .rank = rank, .type = type, .most_bytes = s->max_bytes };
	struct ct_rules *rules = NULL;
	const char *why = "";
	ct_status status = ct_session_agree(rank->session, ct_rules_load(s->check, &rules));

	find_witness(&c);
	snprintf(c.base.backend, sizeof(c.base.backend), "%.*s", (int)strcspn(backend, ","), backend);
	if (status == CT_OK)
		status = ct_trials_open(rank->session, &c.base, 1, (uint64_t)s->job.seed, &c.trials);
	if (status == CT_OK && ct_trials_caps(c.trials, 0, &why) == NULL)
		status = ct_fail(CT_UNSUPPORTED, "%s: %s", c.base.backend, why);
	for (size_t i = 0; status == CT_OK && i < ct_rules_count(rules); i++)
		if (strcmp(ct_rules_at(rules, i)->backend, c.base.backend) == 0)
			status = check_rule(&c, ct_rules_at(rules, i));
	if (status == CT_OK && rank->world.rank == 0 && c.seen == NULL)
		printf("# checked %s: %u sizes equivalent or faster, %u slower\n", c.base.backend, c.good, c.bad);
	ct_trials_close(c.trials);
	ct_rules_free(rules);
	return status;
}
