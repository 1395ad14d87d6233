/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of exporters and what they share. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "inside.h"

enum { TEXT_LIMIT = 16 << 20, REMARKS_MOST = 10000 };

static const struct ct_exporter exporters[] = {
	{ "openmpi", "Open MPI's classic rules file of coll/tuned (4.x, 5.x)", "mpi",
		"mpirun --mca coll_tuned_use_dynamic_rules 1 --mca coll_tuned_dynamic_rules_filename FILE",
		ct_export_openmpi, true },
	{ "openmpi-json", "Open MPI's JSON rules file of coll/tuned (6.0 and later)", "mpi",
		"mpirun --mca coll_tuned_use_dynamic_rules 1 --mca coll_tuned_dynamic_rules_filename FILE",
		ct_export_openmpi_json, true },
	{ "openmpi-params", "mca-params.conf that names the classic rules file", "mpi",
		"as ~/.openmpi/mca-params.conf, or mpirun --tune FILE", ct_export_openmpi_params, false },
	{ "nccl", "the rules of backend nccl alone, for libnccl-tuner-colltune.so", "nccl",
		"NCCL_TUNER_PLUGIN=libnccl-tuner-colltune.so COLLTUNE_RULES=FILE on every rank",
		ct_export_nccl, true },
	{ "nccl-csv", "the CSV of NVIDIA's example tuner plugin", "nccl",
		"NCCL_TUNER_PLUGIN=the example plugin, NCCL_TUNER_CONFIG_FILE=FILE", ct_export_nccl_csv,
		true },
	{ "nccl-conf", "nccl.conf that loads our tuner plugin", "nccl",
		"as /etc/nccl.conf or NCCL_CONF_FILE=FILE (2.23 and later)", ct_export_nccl_conf, false },
	{ "ucc", "UCC_TL_UCP_TUNE of UCC", "ucc", "source FILE before the job", ct_export_ucc,
		true },
	{ "ucx", "ucx.conf", "ucx", "as /etc/ucx/ucx.conf, or UCX_CONFIG_DIR=its folder", ct_export_ucx,
		false },
	{ "rules", "a rules file (colltune-rules/1) again: with --join, for numbers of ranks between", "",
		"as the job's rules file", ct_export_rules, false },
	{ "env", "shell lines that put all of the rules into effect that variables can", "",
		"source FILE before the job; mpirun -x NAME for each", ct_export_env, false },
	{ NULL, NULL, NULL, NULL, NULL, false },
};

const struct ct_exporter *ct_exporters(void)
{
	return exporters;
}

ct_status ct_export_remark(struct ct_export *out, const struct ct_rule *rule, const char *format, ...)
{
	struct ct_export_remark *list, *one;
	size_t used = 0;
	va_list args;

	if (out->nremarks == REMARKS_MOST)
		return CT_OK;
	list = ct_realloc(out->remarks, out->nremarks + 1, sizeof(*list));
	if (list == NULL)
		return CT_NOMEM;
	out->remarks = list;
	one = &list[out->nremarks++];
	one->left_out = rule != NULL && strncmp(format, "left out", 8) == 0 ? rule->index : UINT32_MAX;
	if (rule != NULL)
		used = (size_t)snprintf(one->text, sizeof(one->text), "/rules/%u: %s %llu to %llu bytes: ",
			rule->index, ct_coll_name(rule->coll), (unsigned long long)rule->low,
			(unsigned long long)rule->high);
	va_start(args, format);
	vsnprintf(one->text + used, sizeof(one->text) - used, format, args);
	va_end(args);
	return CT_OK;
}

const struct ct_rule *ct_export_next(const struct ct_exporter *self, const struct ct_rules *rules,
	size_t *at)
{
	for (; *at < ct_rules_count(rules); (*at)++) {
		const struct ct_rule *rule = ct_rules_at(rules, *at);

		if (self->backend[0] == '\0' || strcmp(rule->backend, self->backend) == 0)
			return rule;
	}
	return NULL;
}

int64_t ct_export_number(const struct ct_rule *rule, const char *name, int64_t other)
{
	const struct ct_rule_set *set = ct_rule_setting(rule, name);

	return set != NULL && set->text == NULL ? set->number : other;
}

const char *ct_export_word(const struct ct_rule *rule, const char *name)
{
	const struct ct_rule_set *set = ct_rule_setting(rule, name);

	return set != NULL ? set->text : NULL;
}

bool ct_export_only(const struct ct_rule *rule, const char *const *known, const char **other)
{
	for (uint32_t i = 0; i < rule->nset; i++) {
		const char *const *k = known;

		while (*k != NULL && strcmp(*k, rule->set[i].name) != 0)
			k++;
		if (*k == NULL) {
			*other = rule->set[i].name;
			return false;
		}
	}
	return true;
}

void ct_export_head(struct ct_export *out, const struct ct_export_in *in, const char *comment)
{
	const struct ct_rules_scope *scope = ct_rules_scope(in->rules);

	ct_buf_add(&out->text, "%s written by colltune %s from rules %.23s\n", comment, ct_version(),
		ct_rules_hash(in->rules));
	ct_buf_add(&out->text, "%s measured on machine %.23s, %llu to %llu nodes, %llu to %llu ranks each\n",
		comment, scope->machine, (unsigned long long)scope->nodes_low,
		(unsigned long long)scope->nodes_high, (unsigned long long)scope->ranks_low,
		(unsigned long long)scope->ranks_high);
	if (scope->nsearched > 0 && scope->ranks_low != scope->ranks_high) {
		ct_buf_add(&out->text, "%s searched with", comment);
		for (size_t i = 0; i < scope->nsearched; i++)
			ct_buf_add(&out->text, "%s %llu", i > 0 ? "," : "", (unsigned long long)scope->searched[i]);
		ct_buf_add(&out->text, " ranks each; for the numbers between nothing was measured\n");
	}
	if (scope->emulated)
		ct_buf_add(&out->text, "%s EMULATED: measured on a stand-in, so no gain of these is a machine's\n",
			comment);
	if (scope->overlap != NULL)
		ct_buf_add(&out->text, "%s found while a thread of each rank worked beside (%s)\n", comment,
			scope->overlap);
}

/* Such a rule was measured with one root, and no file can say which. */
static ct_status tell_roots(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	for (size_t at = 0;; at++) {
		const struct ct_rule *rule = ct_export_next(self, in->rules, &at);

		if (rule == NULL)
			return CT_OK;
		if (ct_coll_rooted(rule->coll))
			return ct_export_remark(out, NULL, "broadcast, reduce, gather, scatter: the file knows no root, so what was "
				"measured with one holds for all of them");
	}
}

void ct_export_begin(struct ct_export *out)
{
	memset(out, 0, sizeof(*out));
	out->text = ct_buf_make(TEXT_LIMIT);
}

ct_status ct_export_write(const struct ct_exporter *exporter, const struct ct_export_in *in,
	struct ct_export *out)
{
	ct_status s;
	size_t at = 0;

	ct_export_begin(out);
	if (ct_export_next(exporter, in->rules, &at) == NULL)
		return ct_fail(CT_INVALID, "the rules hold none for backend %s, so there is nothing to "
			"export as %s", exporter->backend[0] != '\0' ? exporter->backend : "any",
			exporter->name);
	s = exporter->write(exporter, in, out);
	if (s == CT_OK && exporter->by_operation)
		s = tell_roots(exporter, in, out);
	return s != CT_OK ? s : ct_buf_status(&out->text);
}

void ct_export_free(struct ct_export *out)
{
	ct_buf_free(&out->text);
	ct_free(out->remarks);
	out->remarks = NULL;
	out->nremarks = 0;
}
