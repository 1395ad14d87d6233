/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of backend nccl as NCCL's and its plugins' files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

const char *ct_export_nccl_word(ct_coll coll)
{
	const char *name = ct_coll_name(coll);

	if (strcmp(name, "reduce_scatter") == 0)
		return "reducescatter";
	return strcmp(name, "allreduce") == 0 || strcmp(name, "allgather") == 0 ||
		strcmp(name, "broadcast") == 0 || strcmp(name, "reduce") == 0 ? name : NULL;
}

/* Written all the same: a later NCCL may know more. */
static ct_status tell_ring(const struct ct_rule *rule, struct ct_export *out)
{
	const char *algo = ct_export_word(rule, "algo");

	if ((rule->coll != CT_BROADCAST && rule->coll != CT_REDUCE) || algo == NULL || strcmp(algo, "ring") == 0)
		return CT_OK;
	return ct_export_remark(out, rule, "NCCL has ring alone for this operation (up to 2.28), so it will leave "
		"%.20s aside", algo);
}

/* ---- our own plugin ------------------------------------------------------------------------- */

static json_t *constants_json(const struct ct_rules *rules)
{
	size_t n;
	const struct ct_rules_constant *list = ct_rules_constants(rules, &n);
	json_t *group = json_object();

	for (size_t i = 0; group != NULL && i < n; i++)
		if (strcmp(list[i].backend, "nccl") == 0)
			(void)json_object_set_new(group, list[i].name, json_real(list[i].value));
	return group;
}

ct_status ct_export_nccl(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	json_t *rules = json_array(), *constants = constants_json(in->rules), *whole;
	ct_status s = CT_OK;
	char *text = NULL;

	for (size_t at = 0; s == CT_OK; at++) {
		const struct ct_rule *rule = ct_export_next(self, in->rules, &at);

		if (rule == NULL)
			break;
		if (rule->type != CT_RULES_ANY_TYPE || ct_export_nccl_word(rule->coll) == NULL)
			s = ct_export_remark(out, rule, "left out: NCCL asks a tuner neither for this "
				"operation nor by type");
		else if (json_array_append_new(rules, ct_export_rule_json(rule)) == 0) {
			out->written++;
			s = tell_ring(rule, out);
		}
	}
	whole = json_pack("{s:s, s:o, s:O}", "schema", "colltune-rules/1", "scope", ct_export_scope_json(ct_rules_scope(in->rules), "nccl"),
		"rules", rules);
	if (whole != NULL && json_object_size(constants) > 0)
		(void)json_object_set_new(whole, "constants", json_pack("{s:O}", "nccl", constants));
	if (s == CT_OK)
		text = json_dumps(whole, JSON_INDENT(1));
	if (s == CT_OK && text == NULL)
		s = ct_fail(CT_NOMEM, "no memory for the rules as JSON");
	if (s == CT_OK)
		ct_buf_add(&out->text, "%s\n", text);
	free(text);
	json_decref(whole);
	json_decref(constants);
	json_decref(rules);
	return s;
}

/* ---- NVIDIA's example plugin ---------------------------------------------------------------- */

/* One line. Without a channel count the example plugin uses ONE channel, so such a rule is left out. */
static ct_status add_line(const struct ct_rule *rule, const char *nodes, const char *ranks,
	struct ct_export *out)
{
	static const char *const known[] = { "algo", "proto", "channels", NULL };
	const char *word = ct_export_nccl_word(rule->coll), *algo = ct_export_word(rule, "algo");
	const char *proto = ct_export_word(rule, "proto"), *other = NULL;
	int64_t channels = ct_export_number(rule, "channels", -1);

	if (word == NULL || rule->type != CT_RULES_ANY_TYPE)
		return ct_export_remark(out, rule, "left out: NCCL asks a tuner neither for this operation "
			"nor by type");
	if (algo == NULL || proto == NULL || !ct_export_only(rule, known, &other))
		return ct_export_remark(out, rule, "left out: the CSV holds algo, proto and channels%s%.40s",
			other != NULL ? ", not " : "", other != NULL ? other : "");
	if (channels < 1)
		return ct_export_remark(out, rule, "left out: it leaves the channels to NCCL, where the "
			"example plugin would use one");
	ct_buf_add(&out->text, "%s,%llu,%llu,%s,%s,%lld,%s,%s\n", word, (unsigned long long)rule->low,
		(unsigned long long)rule->high, algo, proto, (long long)channels, nodes, ranks);
	out->written++;
	return tell_ring(rule, out);
}

ct_status ct_export_nccl_csv(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	const struct ct_rules_scope *scope = ct_rules_scope(in->rules);
	uint64_t low = scope->nodes_low * scope->ranks_low, high = scope->nodes_high * scope->ranks_high;
	char nodes[24] = "-1", ranks[24] = "-1";
	ct_status s = CT_OK;

	if (scope->nodes_low == scope->nodes_high)
		snprintf(nodes, sizeof(nodes), "%llu", (unsigned long long)scope->nodes_low);
	if (low == high)
		snprintf(ranks, sizeof(ranks), "%llu", (unsigned long long)low);
	ct_export_head(out, in, "#");
	ct_buf_add(&out->text, "# collective,min_bytes,max_bytes,algorithm,protocol,channels,nNodes,nRanks\n");
	for (size_t at = 0; s == CT_OK; at++) {
		const struct ct_rule *rule = ct_export_next(self, in->rules, &at);

		if (rule == NULL)
			break;
		s = add_line(rule, nodes, ranks, out);
	}
	if (s == CT_OK)
		s = ct_export_remark(out, NULL, "the example plugin of NCCL 2.28 and 2.29 crashes at its first "
			"match (NVIDIA/nccl issue 1974), and uses one channel where no line matches");
	if (s == CT_OK && (low != high || scope->nodes_low != scope->nodes_high))
		s = ct_export_remark(out, NULL, "the CSV knows no range of nodes or ranks: written as any (-1)");
	return s;
}

/* ---- nccl.conf ------------------------------------------------------------------------------ */

ct_status ct_export_nccl_conf(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	size_t at = 0;

	for (; ct_export_next(self, in->rules, &at) != NULL; at++)
		out->written++;
	ct_export_head(out, in, "#");
	/* NCCL takes what follows '=' literally: no quotes, no blanks. */
	ct_buf_add(&out->text, "NCCL_TUNER_PLUGIN=libnccl-tuner-colltune.so\n");
	return ct_export_remark(out, NULL, "nccl.conf holds NCCL's own variables only: COLLTUNE_RULES must "
		"be set in the job's environment");
}
