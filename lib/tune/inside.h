/* SPDX-License-Identifier: BSD-3-Clause */
/* What the exporters share. */
#ifndef CT_TUNE_INSIDE_H
#define CT_TUNE_INSIDE_H

#include <stdbool.h>

#include "tune.h"

typedef ct_status ct_export_writer(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out);

ct_export_writer ct_export_openmpi, ct_export_openmpi_json, ct_export_openmpi_params;
ct_export_writer ct_export_nccl, ct_export_nccl_csv, ct_export_nccl_conf;
ct_export_writer ct_export_ucc, ct_export_ucx, ct_export_env, ct_export_rules;

/* The next rule of SELF's backend at or after *AT, whose place goes to *AT; NULL = no more. */
const struct ct_rule *ct_export_next(const struct ct_exporter *self, const struct ct_rules *rules,
	size_t *at);

/* The number that RULE sets NAME to, or OTHER without that setting (or with a word in its place). */
int64_t ct_export_number(const struct ct_rule *rule, const char *name, int64_t other);

/* The word that RULE sets NAME to, or NULL. */
const char *ct_export_word(const struct ct_rule *rule, const char *name);

/* True when RULE sets only names of KNOWN (NULL-ended); else *OTHER is the first that is none. */
bool ct_export_only(const struct ct_rule *rule, const char *const *known, const char **other);

/* COLL in the words of NVIDIA's example plugin; NULL = NCCL asks no tuner for it. */
const char *ct_export_nccl_word(ct_coll coll);

/* CELL of PART from its size index FIRST to LAST as a rule of a rules file, without its gain. New reference. */
json_t *ct_tune_rule(const struct ct_tune_part *part, uint32_t cell, size_t first, size_t last);

/* An OUT without text and remarks. */
void ct_export_begin(struct ct_export *out);

/* RULE, and a scope (with LIBRARY's version only, NULL: with all), as a rules file has them; new
 * references. Without memory what json_pack() gives. */
json_t *ct_export_rule_json(const struct ct_rule *rule);
json_t *ct_export_scope_json(const struct ct_rules_scope *scope, const char *library);

/* "# " lines on top: what made the file, of which rules, for which machine. */
void ct_export_head(struct ct_export *out, const struct ct_export_in *in, const char *comment);

#endif
