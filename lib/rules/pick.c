/* SPDX-License-Identifier: BSD-3-Clause */
/* The look-up. It runs inside other people's collectives: bounded, silent, free of side effects. */
#include <string.h>

#include "internal.h"

int ct_rule_key_order(const struct ct_rule *a, const struct ct_rule *b)
{
	int by_backend;

	if (a->coll != b->coll)
		return a->coll < b->coll ? -1 : 1;
	by_backend = strcmp(a->backend, b->backend);
	if (by_backend != 0)
		return by_backend;
	return a->type < b->type ? -1 : a->type > b->type;
}

int ct_rule_order(const void *a, const void *b)
{
	const struct ct_rule *x = a, *y = b;
	int by_key = ct_rule_key_order(x, y);

	if (by_key != 0)
		return by_key;
	return x->low < y->low ? -1 : x->low > y->low;
}

/* Since ranges of one key do not overlap, only the last of the N rules that begins at or below WANTED->low
 * can hold it. */
static const struct ct_rule *find(const struct ct_rule *rules, size_t n, const struct ct_rule *wanted)
{
	size_t low = 0, high = n;
	const struct ct_rule *last;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ct_rule_order(&rules[middle], wanted) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	last = &rules[low - 1];
	return ct_rule_key_order(last, wanted) == 0 && wanted->low <= last->high ? last : NULL;
}

const struct ct_rule *ct_rules_pick(const struct ct_rules *rules, ct_coll coll,
	const char *backend, ct_type type, uint64_t bytes)
{
	struct ct_rule wanted = { .coll = coll, .type = (int32_t)type, .backend = backend,
		.low = bytes };
	const struct ct_rule *rule;

	if (rules == NULL || backend == NULL)
		return NULL;
	rule = find(rules->rules, rules->nrules, &wanted);
	if (rule == NULL) {
		wanted.type = CT_RULES_ANY_TYPE;
		rule = find(rules->rules, rules->nrules, &wanted);
	}
	return rule;
}

const struct ct_rule *ct_rules_measured(const struct ct_rules *rules, const struct ct_rule *key, uint64_t bytes,
	size_t *n)
{
	struct ct_rule wanted = *key;
	const struct ct_rule *first, *last;

	wanted.low = bytes;
	*n = 0;
	last = find(rules->measured, rules->nmeasured, &wanted);
	if (last == NULL)
		return NULL;
	for (first = last; first > rules->measured && ct_rule_order(first - 1, last) == 0;)
		first--;
	*n = (size_t)(last - first) + 1;
	return first;
}

const struct ct_rule *ct_rules_all_measured(const struct ct_rules *rules, size_t *n)
{
	*n = rules->nmeasured;
	return rules->measured;
}

const struct ct_rule_set *ct_rule_setting(const struct ct_rule *rule, const char *name)
{
	for (uint32_t i = 0; i < rule->nset; i++) {
		if (strcmp(rule->set[i].name, name) == 0)
			return &rule->set[i];
	}
	return NULL;
}

const struct ct_rules_scope *ct_rules_scope(const struct ct_rules *rules)
{
	return &rules->scope;
}

const struct ct_rules_constant *ct_rules_constants(const struct ct_rules *rules, size_t *n)
{
	*n = rules->nconstants;
	return rules->constants;
}

const char *ct_rules_hash(const struct ct_rules *rules)
{
	return rules->hash;
}

size_t ct_rules_count(const struct ct_rules *rules)
{
	return rules->nrules;
}

const struct ct_rule *ct_rules_at(const struct ct_rules *rules, size_t i)
{
	return i < rules->nrules ? &rules->rules[i] : NULL;
}
