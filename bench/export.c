/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune export RULES --to WHAT: what was found best as the settings file of another library. */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "cli.h"
#include "tune/tune.h"
#include "verify.h"

enum { NAMES = 32, MODE = 0644 };

struct export_settings {
	char *to, *output, *rules_path, *launch, *module_dir, *join;
	bool verify, same_arguments;
};

#define AT(field) offsetof(struct export_settings, field)
static const struct ct_option own_options[] = {
	{ "to", 0, CT_OPT_TEXT, AT(to), NULL, 0, 0, NULL, "WHAT",
		"openmpi, openmpi-json, openmpi-params, nccl, nccl-csv, nccl-conf, ucc, ucx, rules or env" },
	{ "join", 0, CT_OPT_TEXT, AT(join), NULL, 0, 0, NULL, "RULES",
		"rules found with another number of ranks: write what is good with both, for the numbers between too" },
	{ "output", 'o', CT_OPT_TEXT, AT(output), NULL, 0, 0, NULL, "FILE",
		"write there instead of to standard output" },
	{ "rules-path", 0, CT_OPT_TEXT, AT(rules_path), NULL, 0, 0, NULL, "FILE",
		"openmpi-params, env: where the file they point to lies on the nodes" },
	{ "same-arguments", 0, CT_OPT_FLAG, AT(same_arguments), NULL, 0, 0, NULL, NULL,
		"openmpi: rules of gather and scatter too, for programs that pass the same counts on all ranks" },
	{ "verify", 0, CT_OPT_FLAG, AT(verify), NULL, 0, 0, NULL, NULL,
		"openmpi, with -o: launch twice; does the algorithm of each rule run, is its gain there?" },
	{ "launch", 0, CT_OPT_TEXT, AT(launch), "mpirun", 0, 0, NULL, "WORDS",
		"--verify: how to launch; split at blanks, no shell" },
	{ "module-dir", 0, CT_OPT_TEXT, AT(module_dir), PKGLIBDIR, 0, 0, NULL, "DIR",
		"--verify: where colltune-witness.so lies" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT

const struct ct_option *const ct_export_options[] = { own_options, NULL };

static const struct ct_cli cli = {
	.command = "export",
	.args = "RULES",
	.text = "Write the settings of a rules file (colltune-rules/1) as the settings file of another "
		"library. A rule that the other format cannot say is left out and named on standard "
		"error. Without --to: what can be written, and how it is put into effect.",
	.lists = ct_export_options,
	.min_words = 0,
	.max_words = 1,
};

static void list_all(void)
{
	for (const struct ct_exporter *e = ct_exporters(); e->name != NULL; e++)
		printf("%-15s %s\n%15s %s\n", e->name, e->summary, "", e->use);
}

static ct_status find(const char *name, const struct ct_exporter **found)
{
	const char *names[NAMES] = { NULL };
	char hint[256];
	size_t n = 0;

	for (const struct ct_exporter *e = ct_exporters(); e->name != NULL && n < NAMES - 1; e++) {
		if (strcmp(e->name, name) == 0) {
			*found = e;
			return CT_OK;
		}
		names[n++] = e->name;
	}
	return ct_fail(CT_INVALID, "--to %s: no such file can be written%s", name,
		ct_name_hint(name, names, hint));
}

static ct_status put(const struct export_settings *s, const struct ct_export *out)
{
	if (s->output != NULL)
		return ct_file_save(s->output, out->text.text, out->text.used, MODE);
	if (fwrite(out->text.text, 1, out->text.used, stdout) != out->text.used || fflush(stdout) != 0)
		return ct_fail(CT_IO, "standard output cannot be written");
	return CT_OK;
}

/* *CODE: 1 when another algorithm ran than the file says. */
static ct_status verify(const struct export_settings *s, const struct ct_exporter *to,
	const struct ct_verify_in *in, int *code)
{
	struct ct_verified verified;
	ct_status status;

	if (strcmp(to->name, "openmpi") != 0 || s->output == NULL)
		return ct_fail(CT_UNSUPPORTED, "--verify: %s", s->output == NULL ? "needs -o FILE" :
			"only --to openmpi can be verified; this file was written, and not verified");
	status = ct_verify_openmpi(in, &verified);
	*code = verified.other > 0 || verified.ran == 0 ? CT_EXIT_FAIL : CT_EXIT_PASS;
	return status;
}

/* Is RULE's setting that of a joined rule at some of its sizes? *OTHER: there is another one in its place. */
static bool kept(const struct ct_rules *joined, const struct ct_rule *rule, bool *other)
{
	*other = false;
	for (size_t k = 0; k < ct_rules_count(joined); k++) {
		const struct ct_rule *j = ct_rules_at(joined, k);

		if (ct_rule_key_order(j, rule) != 0 || j->low > rule->high || rule->low > j->high)
			continue;
		if (ct_rule_same_setting(j, rule))
			return true;
		*other = true;
	}
	return false;
}

/* Rules of which nothing came, each with the reason. */
static void tell_left_out(const char *name, const struct ct_rules *rules, const struct ct_rules *joined)
{
	for (size_t i = 0; i < ct_rules_count(rules); i++) {
		const struct ct_rule *rule = ct_rules_at(rules, i);
		bool other;

		if (!kept(joined, rule, &other))
			fprintf(stderr, "colltune export: left out, since %s with both numbers of ranks: %s /rules/%u, "
				"%s of %s, %llu to %llu B\n", other ? "another setting is better" :
				"it is not known to be good", name, rule->index, ct_coll_name(rule->coll),
				rule->backend, (unsigned long long)rule->low, (unsigned long long)rule->high);
	}
}

/* The rules, joined with others by --join. */
static ct_status load(const struct export_settings *s, const char *name, struct ct_rules **rules)
{
	struct ct_rules *own = NULL, *other = NULL;
	ct_status status = ct_rules_load(name, s->join != NULL ? &own : rules);

	if (s->join == NULL)
		return status;
	if (status == CT_OK)
		status = ct_rules_load(s->join, &other);
	if (status == CT_OK)
		status = ct_rules_join(own, other, rules);
	if (status == CT_OK && ct_rules_count(*rules) == 0) {
		ct_rules_free(*rules);
		*rules = NULL;
		status = ct_fail(CT_INVALID, "%s and %s have nothing in common that is known to be good: the defaults stay", name,
			s->join);
	}
	if (status == CT_OK) {
		fprintf(stderr, "colltune export: of %zu and %zu rules, and what was measured beside them: %zu rules "
			"for %llu to %llu ranks per node\n", ct_rules_count(own), ct_rules_count(other),
			ct_rules_count(*rules),
			(unsigned long long)ct_rules_scope(*rules)->ranks_low,
			(unsigned long long)ct_rules_scope(*rules)->ranks_high);
		tell_left_out(name, own, *rules);
		tell_left_out(s->join, other, *rules);
	}
	ct_rules_free(other);
	ct_rules_free(own);
	return status;
}

static ct_status write_out(const struct export_settings *s, const struct ct_exporter *to,
	const char *rules_name, int *code)
{
	struct ct_export_in in = { .rules_path = s->rules_path, .same_arguments = s->same_arguments };
	struct ct_rules *rules = NULL;
	struct ct_export out = { 0 };
	ct_status status = load(s, rules_name, &rules);

	in.rules = rules;
	if (status == CT_OK)
		status = ct_export_write(to, &in, &out);
	for (size_t i = 0; i < out.nremarks; i++)
		fprintf(stderr, "colltune export: %s\n", out.remarks[i].text);
	if (status == CT_OK && out.written == 0)
		status = ct_fail(CT_INVALID, "%s: none of its rules can be written as %s", rules_name,
			to->name);
	if (status == CT_OK)
		status = put(s, &out);
	if (status == CT_OK && s->output != NULL)
		fprintf(stderr, "colltune export: %u rules to %s; to use it: %s\n", out.written, s->output,
			to->use);
	if (status == CT_OK && s->verify) {
		struct ct_verify_in what = { rules, rules_name, s->output, &out, s->launch, s->module_dir };

		status = verify(s, to, &what, code);
	}
	ct_export_free(&out);
	ct_rules_free(rules);
	return status;
}

int ct_export_main(int argc, char **argv)
{
	struct export_settings s = { .to = NULL };
	const struct ct_exporter *to = NULL;
	const char *words[1] = { NULL };
	enum ct_cli_result parsed = ct_cli_parse(&cli, argc, argv, &s, words);
	ct_status status = CT_OK;
	int code = CT_EXIT_PASS;

	if (parsed != CT_CLI_RUN) {
		ct_options_free(ct_export_options, &s);
		return parsed == CT_CLI_DONE ? CT_EXIT_PASS : CT_EXIT_USAGE;
	}
	if (s.to == NULL && words[0] == NULL)
		list_all();
	else if (s.to == NULL || words[0] == NULL)
		status = ct_fail(CT_INVALID, s.to == NULL ? "needs --to WHAT; colltune export lists what "
			"can be written" : "needs a rules file");
	else
		status = find(s.to, &to);
	if (status == CT_OK && to != NULL)
		status = write_out(&s, to, words[0], &code);
	if (status != CT_OK)
		ct_cli_complain("export", ct_why());
	ct_options_free(ct_export_options, &s);
	return status == CT_OK ? code : ct_exit_of(status);
}
