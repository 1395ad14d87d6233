/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules as variables: UCC's TUNE strings, UCX's settings, shell lines. */
#include <stdio.h>
#include <string.h>

#include "inside.h"

/* ---- UCC ------------------------------------------------------------------------------------ */

/* coll:range:memory:[teams]:score:@algorithm, tokens joined by '#' (UCC's user guide). */
static ct_status add_token(const struct ct_rule *rule, const struct ct_rules_scope *scope,
	struct ct_export *out, struct ct_buf *tokens)
{
	static const char *const known[] = { "algo", NULL };
	const struct ct_rule_set *algo = ct_rule_setting(rule, "algo");
	const char *other = NULL;
	char high[24] = "inf", name[64];

	if (algo == NULL || !ct_export_only(rule, known, &other) || rule->type != CT_RULES_ANY_TYPE)
		return ct_export_remark(out, rule, "left out: a TUNE string holds the algorithm only, for "
			"any type");
	if (rule->high < INT64_MAX)
		snprintf(high, sizeof(high), "%llu", (unsigned long long)rule->high);
	if (algo->text != NULL)
		snprintf(name, sizeof(name), "%s", algo->text);
	else
		snprintf(name, sizeof(name), "%lld", (long long)algo->number);
	ct_buf_add(tokens, "%s%s:%llu-%s:host:[%llu-%llu]:inf:@%s", tokens->used > 0 ? "#" : "",
		strcmp(ct_coll_name(rule->coll), "broadcast") == 0 ? "bcast" : ct_coll_name(rule->coll),
		(unsigned long long)rule->low, high,
		(unsigned long long)(scope->nodes_low * scope->ranks_low),
		(unsigned long long)(scope->nodes_high * scope->ranks_high), name);
	out->written++;
	return CT_OK;
}

ct_status ct_export_ucc(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	struct ct_buf tokens = ct_buf_make(SIZE_MAX);
	ct_status s = CT_OK;

	for (size_t at = 0; s == CT_OK; at++) {
		const struct ct_rule *rule = ct_export_next(self, in->rules, &at);

		if (rule == NULL)
			break;
		s = add_token(rule, ct_rules_scope(in->rules), out, &tokens);
	}
	ct_export_head(out, in, "#");
	if (tokens.used > 0)
		ct_buf_add(&out->text, "export UCC_TL_UCP_TUNE='%s'\n", tokens.text);
	if (s == CT_OK)
		s = ct_buf_status(&tokens);
	ct_buf_free(&tokens);
	return s == CT_OK ? ct_export_remark(out, NULL, "written from UCC's documentation, not verified "
		"here") : s;
}

/* ---- UCX ------------------------------------------------------------------------------------ */

/* UCX has one value for a whole process, so only a rule for all sizes can be one of its settings. */
static ct_status add_settings(const struct ct_rule *rule, const char *before, struct ct_export *out)
{
	if (rule->low != 0 || rule->high < INT64_MAX)
		return ct_export_remark(out, rule, "left out: a variable holds for all sizes, the rule for "
			"some only");
	for (uint32_t i = 0; i < rule->nset; i++) {
		const struct ct_rule_set *set = &rule->set[i];

		if (strncmp(set->name, "UCX_", 4) != 0) {
			ct_status s = ct_export_remark(out, rule, "%.40s is no variable of UCX: left out",
				set->name);

			if (s != CT_OK)
				return s;
		} else if (set->text != NULL) {
			ct_buf_add(&out->text, "%s%s=%s\n", before, set->name, set->text);
		} else {
			ct_buf_add(&out->text, "%s%s=%lld\n", before, set->name, (long long)set->number);
		}
	}
	out->written++;
	return CT_OK;
}

static ct_status add_ucx(const struct ct_exporter *self, const struct ct_export_in *in, const char *before,
	struct ct_export *out)
{
	ct_status s = CT_OK;

	for (size_t at = 0; s == CT_OK; at++) {
		const struct ct_rule *rule = ct_export_next(self, in->rules, &at);

		if (rule == NULL)
			break;
		if (strcmp(rule->backend, "ucx") == 0)
			s = add_settings(rule, before, out);
	}
	return s;
}

ct_status ct_export_ucx(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	ct_export_head(out, in, "#");
	return add_ucx(self, in, "", out);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static uint32_t count(const struct ct_rules *rules, const char *backend)
{
	uint32_t n = 0;

	for (size_t i = 0; i < ct_rules_count(rules); i++)
		n += strcmp(ct_rules_at(rules, i)->backend, backend) == 0 ? 1 : 0;
	return n;
}

ct_status ct_export_env(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	uint32_t nccl = count(in->rules, "nccl"), mpi = count(in->rules, "mpi");
	ct_status s = CT_OK;

	if (in->rules_path != NULL && (in->rules_path[0] != '/' || strchr(in->rules_path, '\'') != NULL ||
		strchr(in->rules_path, '\n') != NULL))
		return ct_fail(CT_INVALID, "--rules-path: not an absolute path without quotes and line breaks");
	ct_export_head(out, in, "#");
	if (nccl > 0 && in->rules_path != NULL) {
		ct_buf_add(&out->text, "export NCCL_TUNER_PLUGIN=libnccl-tuner-colltune.so\n"
			"export COLLTUNE_RULES='%s'\n", in->rules_path);
		out->written += nccl;
	} else if (nccl > 0) {
		s = ct_export_remark(out, NULL, "%u rules of nccl left out: needs --rules-path, where the "
			"rules file lies on the nodes", nccl);
	}
	if (s == CT_OK && mpi > 0)
		s = ct_export_remark(out, NULL, "%u rules of mpi are no variables: colltune export --to openmpi "
			"and openmpi-params", mpi);
	return s == CT_OK ? add_ucx(self, in, "export ", out) : s;
}
