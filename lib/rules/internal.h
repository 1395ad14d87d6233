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
	struct ct_rule *measured; /* likewise sorted; the ranges of one key are equal or disjoint */
	size_t nmeasured;
	struct ct_rules_constant *constants;
	size_t nconstants;
	char hash[CT_SHA256_TEXT];
};

/* ---- place.c ---- */

enum { CT_RULES_POINTER = 64 };

struct ct_rules_place {
	const char *file;
	char pointer[CT_RULES_POINTER]; /* of the object at hand */
};

/* CT_INVALID with the place of KEY and WHAT is wrong there. */
ct_status ct_rules_bad(const struct ct_rules_place *at, const char *key, const char *what);

/* Names that go into environment variables and tables: letters, digits and _ - . only. */
bool ct_rules_is_word(const char *text);

/* "KEY": [low, high], inclusive. CT_INVALID. */
ct_status ct_rules_range(const json_t *object, const struct ct_rules_place *at, const char *key, uint64_t range[2]);

/* ---- scope.c ---- */

/* Checks SCOPE of FILE and takes it into RULES. CT_INVALID, CT_NOMEM. */
ct_status ct_rules_take_scope(json_t *scope, const char *file, struct ct_rules *rules);

#endif
