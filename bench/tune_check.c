/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune tune --check RULES: each rule's setting beside the default, at sizes that a search did not
 * ask about; and, where a witness was preloaded, which algorithm of Open MPI the default really is. */
#include "tune.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "topo/topo.h"

enum { SIZES = 3 };

struct checking {
	struct ct_rank *rank;
	struct ct_trials *trials;
	struct ct_candidate base;
	ct_type type;
	uint64_t most_bytes;
	const char *(*seen)(void);
	void (*reset)(void);
	unsigned good, bad, open;
	unsigned rules, blocks; /* measured; of samples that the budget was enough for, on all ranks */
};

static void find_witness(struct checking *c)
{
	void *symbol = dlsym(RTLD_DEFAULT, "ct_witness_seen");

	memcpy(&c->seen, &symbol, sizeof(c->seen));
	symbol = dlsym(RTLD_DEFAULT, "ct_witness_reset");
	memcpy(&c->reset, &symbol, sizeof(c->reset));
}

/* Does ROW run what RULE sets? NCCL's cells are named by algorithm and protocol. */
static bool is_row(const struct ct_coll_algo *row, const struct ct_rule *rule)
{
	const struct ct_rule_set *algo = ct_rule_setting(rule, "algo"), *proto = ct_rule_setting(rule, "proto");
	char name[sizeof(((struct ct_candidate *)NULL)->algo)];

	if (row->coll != rule->coll || algo == NULL || algo->text == NULL)
		return false;
	if (proto == NULL || proto->text == NULL)
		return strcmp(row->name, algo->text) == 0;
	snprintf(name, sizeof(name), "%.20s/%.12s", algo->text, proto->text);
	return strcmp(row->name, name) == 0;
}

/* RULE's setting as a candidate. CT_INVALID: no algorithm, or a knob that the backend has not. */
static ct_status candidate_of(const struct checking *c, const struct ct_rule *rule, struct ct_candidate *out)
{
	const struct ct_coll_caps *caps = ct_trials_caps(c->trials, 0, NULL);
	const struct ct_rule_set *algo = ct_rule_setting(rule, "algo");

	*out = c->base;
	for (size_t a = 0; a < caps->nalgos; a++) {
		const struct ct_coll_algo *row = &caps->algos[a];

		if (!is_row(row, rule))
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
	return ct_fail(CT_INVALID, "/rules/%u: %s has no algorithm %s for %s here%s%s", rule->index,
		rule->backend, algo != NULL && algo->text != NULL ? algo->text : "(none)",
		ct_coll_name(rule->coll), caps->fixed[0] != '\0' ? ": " : "", caps->fixed);
}

/* ---- the sizes of one rule ------------------------------------------------------------------- */

struct sizes {
	struct checking *c;
	const struct ct_rule *rule;
	uint32_t which[2]; /* the default, the rule's */
	uint64_t bytes[SIZES];
	size_t n;
	struct ct_alike set[SIZES];
	char why[SIZES][160]; /* why the rule's could not be run there */
};

static ct_status take(void *arg, size_t i, const struct ct_alike *set, uint64_t *ns, uint64_t *spent_ns)
{
	struct sizes *s = arg;
	struct ct_test test = { .coll = s->rule->coll, .type = s->c->type, .op = CT_SUM, .bytes = s->bytes[i] };
	ct_status status = ct_alike_take(s->c->trials, &test, s->which, set->n, ns, spent_ns);

	if (status == CT_OK && set->n > 1 && ns[1] == 0)
		snprintf(s->why[i], sizeof(s->why[i]), "%s", ct_trials_why(s->c->trials, s->which[1]));
	return status;
}

static ct_status agree(void *arg, int64_t *v, size_t n)
{
	struct sizes *s = arg;

	return ct_session_max(s->c->rank->session, v, n);
}

/* Rank 0: a line for each size. */
static void tell(struct sizes *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct ct_alike *set = &s->set[i];
		const char *word = ct_alike_text(set);

		printf("# check: /rules/%u %s %llu B: ", s->rule->index, ct_coll_name(s->rule->coll),
			(unsigned long long)s->bytes[i]);
		if (s->why[i][0] != '\0') {
			printf("not run: %s\n", s->why[i]);
			continue;
		}
		s->c->good += strcmp(word, "faster") == 0 || strcmp(word, "equivalent") == 0;
		s->c->bad += strcmp(word, "slower") == 0;
		s->c->open += set->word == CT_ALIKE_OPEN;
		if (!isfinite(set->ratio.high)) {
			printf("the budget ended after %u block%s of samples: not resolved\n", set->blocks,
				set->blocks == 1 ? "" : "s");
			continue;
		}
		printf("%.2f [%.2f %.2f] times as fast as the default: %s\n", set->ratio.ratio, set->ratio.low,
			set->ratio.high, word);
	}
	fflush(stdout);
}

static ct_status measure(struct sizes *s, uint64_t budget_ns)
{
	struct ct_alike_in in = { .set = s->set, .nsets = s->n, .budget_ns = budget_ns, .take = take,
		.agree = agree, .arg = s };
	ct_status status;

	for (size_t i = 0; i < s->n; i++)
		s->set[i] = (struct ct_alike){ .cell = { 0, 1 }, .n = 2, .order = true };
	status = ct_alike_run(&in);
	s->c->rules += s->n > 0;
	for (size_t i = 0; i < s->n; i++)
		s->c->blocks += s->set[i].n > 1 ? s->set[i].blocks : 2; /* 2: it does not run, which is an answer */
	if (status == CT_OK && s->c->rank->world.rank == 0)
		tell(s);
	if (status == CT_OK && s->c->rank->world.rank == 0 && s->n == 0)
		printf("# check: /rules/%u %s: of no size that %u ranks can run and -e allows\n", s->rule->index,
			ct_coll_name(s->rule->coll), s->c->rank->world.nranks);
	return status;
}

/* What a rules file decides cannot be forced otherwise in the same launch, so nothing else is asked. */
static ct_status witness(struct sizes *s)
{
	static const bool verified = true;
	struct checking *c = s->c;
	ct_status status = CT_OK;

	for (size_t i = 0; i < s->n && status == CT_OK; i++) {
		struct ct_test test = { .coll = s->rule->coll, .type = c->type, .op = CT_SUM,
			.bytes = s->bytes[i] };
		struct ct_trial trial = { .test = &test, .which = s->which, .n = 1, .samples = 1,
			.verify = &verified };
		uint64_t ns = 0;
		ct_status each = CT_OK;
		struct ct_trial_out out = { &ns, &each, 0 };

		ct_trials_forget(c->trials);
		c->reset();
		status = ct_trials_take(c->trials, &trial, &out);
		if (status == CT_OK && c->rank->world.rank == 0)
			printf("# ran: %u %llu %s\n", s->rule->index, (unsigned long long)test.bytes, c->seen());
	}
	return status;
}

/* The lower end, a size between, and the upper end, in whole elements. */
static void list_sizes(struct sizes *s)
{
	const struct ct_rule *rule = s->rule;
	uint32_t n = s->c->rank->world.nranks;
	uint64_t high = rule->high < s->c->most_bytes ? rule->high : s->c->most_bytes;

	for (int i = 0; i < SIZES; i++) {
		double at = (double)rule->low + 1;
		uint64_t bytes = i == 0 ? rule->low : i == SIZES - 1 ? high :
			(uint64_t)(at * pow((double)(high + 1) / at, 0.6));
		uint64_t count = ct_coll_count(rule->coll, n, bytes, s->c->type);

		bytes = ct_coll_bytes(rule->coll, n, count > 0 ? count : 1, s->c->type);
		if (bytes >= rule->low && bytes <= high && (s->n == 0 || bytes != s->bytes[s->n - 1]))
			s->bytes[s->n++] = bytes;
	}
}

static ct_status check_rule(struct checking *c, const struct ct_rule *rule, uint64_t budget_ns)
{
	struct sizes *s = ct_alloc(1, sizeof(*s));
	struct ct_candidate own = c->base, new = c->base;
	bool seen = c->seen != NULL && c->reset != NULL;
	ct_status status = s == NULL ? CT_NOMEM : seen ? CT_OK : candidate_of(c, rule, &new);

	if (status == CT_OK)
		status = ct_trials_add(c->trials, &own, &s->which[0]);
	if (status == CT_OK)
		status = ct_trials_add(c->trials, &new, &s->which[1]);
	status = ct_session_agree(c->rank->session, status);
	if (status == CT_OK) {
		s->c = c;
		s->rule = rule;
		list_sizes(s);
		status = seen ? witness(s) : measure(s, budget_ns);
	}
	ct_free(s);
	return status;
}

/* Of another machine, or for another version of the library that is measured here. */
static ct_status tell_others(const struct checking *c, const struct ct_rules_scope *scope)
{
	const struct ct_coll_caps *caps = ct_trials_caps(c->trials, 0, NULL);
	const char *wanted = scope->fingerprint != NULL ? scope->fingerprint : scope->machine;
	char mine[CT_MACHINE_HASH_ROOM > CT_SHA256_TEXT ? CT_MACHINE_HASH_ROOM : CT_SHA256_TEXT];
	char name[32], version[16];
	struct ct_machine *here = NULL;
	ct_status status = scope->fingerprint != NULL ? ct_rules_fingerprint("", mine) : ct_machine_read(NULL, &here);

	if (status == CT_OK && here != NULL)
		status = ct_machine_hash(here, mine);
	ct_machine_free(here);
	if (status == CT_OK && strcmp(mine, wanted) != 0)
		printf("# check: found on another machine (%.19s, this one is %.19s), so a job would not take them\n",
			wanted, mine);
	for (size_t i = 0; i < scope->nlibs && ct_tune_library(caps->library, name, version); i++)
		if (strcmp(scope->libs[i].name, name) == 0 && strcmp(scope->libs[i].version, version) != 0)
			printf("# check: found with %s %s, this is %s, so a job would not take them\n",
				scope->libs[i].name, scope->libs[i].version, caps->library);
	return status;
}

/* Rank 0: where the rules were found, which --check does not insist on. */
static ct_status tell_scope(const struct checking *c, const struct ct_rules *rules)
{
	const struct ct_rules_scope *scope = ct_rules_scope(rules);
	const struct ct_world *w = &c->rank->world;
	bool inside = w->nhosts >= scope->nodes_low && w->nhosts <= scope->nodes_high;

	for (uint32_t h = 0; h < w->nhosts; h++)
		inside &= w->hosts[h].ranks >= scope->ranks_low && w->hosts[h].ranks <= scope->ranks_high;
	printf("# check: rules for %llu to %llu nodes, %llu to %llu ranks each; here %u ranks on %u hosts: %s\n",
		(unsigned long long)scope->nodes_low, (unsigned long long)scope->nodes_high,
		(unsigned long long)scope->ranks_low, (unsigned long long)scope->ranks_high, w->nranks, w->nhosts,
		inside ? "within" : "outside, so a job would not take them");
	if (scope->overlap != NULL)
		printf("# check: found while a thread of each rank worked beside (--overlap %s)\n", scope->overlap);
	return tell_others(c, scope);
}

static unsigned count_rules(const struct ct_rules *rules, const char *backend)
{
	unsigned n = 0;

	for (size_t i = 0; i < ct_rules_count(rules); i++)
		n += strcmp(ct_rules_at(rules, i)->backend, backend) == 0;
	return n;
}

/* CT_INVALID, on all ranks: it was nowhere enough for more than a block of samples. */
static ct_status tell_all(const struct checking *c, uint64_t budget_ns)
{
	char budget[32];

	if (c->rules > 0 && c->blocks <= c->rules)
		return ct_fail(CT_INVALID, "a budget of %s is too small: it ended within the first samples of each rule",
			ct_time_text(budget_ns, budget));
	if (c->rank->world.rank == 0)
		printf("# checked %s: %u sizes equivalent or faster, %u slower, %u not resolved\n", c->base.backend,
			c->good, c->bad, c->open);
	return CT_OK;
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
	if (status == CT_OK && rank->world.rank == 0 && c.seen == NULL)
		status = tell_scope(&c, rules);
	status = ct_session_agree(rank->session, status);
	for (size_t i = 0; status == CT_OK && i < ct_rules_count(rules); i++)
		if (strcmp(ct_rules_at(rules, i)->backend, c.base.backend) == 0)
			status = check_rule(&c, ct_rules_at(rules, i),
				s->budget / count_rules(rules, c.base.backend));
	if (status == CT_OK && c.seen == NULL)
		status = tell_all(&c, s->budget);
	ct_trials_close(c.trials);
	ct_rules_free(rules);
	return status;
}
