/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of rules share. */
#ifndef CT_RULES_INTERNAL_H
#define CT_RULES_INTERNAL_H

#include "rules.h"

struct ct_rules {
	json_t *json; /* the file: all texts are its */
	struct ct_rules_scope scope;
	struct ct_rules_lib *libs;
	uint64_t *searched;
	struct ct_rule *rules; /* sorted by ct_rule_order() */
	struct ct_rule_set *sets;
	size_t nrules, nsets;
	struct ct_rules_constant *constants;
	size_t nconstants;
	char hash[CT_SHA256_TEXT];
};

/* Order of two rules by operation, backend, type, low: <0, 0, >0, as qsort() wants it. */
int ct_rule_order(const void *a, const void *b);

/* The same without low: 0 = one key, whose ranges must not overlap. */
int ct_rule_key_order(const struct ct_rule *a, const struct ct_rule *b);

#endif
