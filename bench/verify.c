/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * colltune export --to openmpi --verify: does the written file take effect here, and is the gain there?
 * Two launches: one with the file and a preloaded witness, which tells the algorithms that ran; one
 * without, in which each rule's setting runs beside the default at sizes between those of the search.
 */
#include "verify.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "coll/coll.h"
#include "words.h"

enum { SAID = 1 << 20 };

static const uint64_t launch_ns = 300000000000;

static ct_status launch(const struct ct_words *w, char **out)
{
	struct ct_child child = { .argv = w->list, .out_most = SAID, .ns = launch_ns };
	size_t bytes;

	return ct_child_run(&child, out, &bytes);
}

static bool left_out(const struct ct_export *out, unsigned index)
{
	for (size_t i = 0; i < out->nremarks; i++)
		if (out->remarks[i].left_out == index)
			return true;
	return false;
}

/* The lines "# ran: RULE BYTES FUNCTION" of TEXT beside what the rules say that are in the file. */
static void judge_ran(const struct ct_verify_in *in, char *text, struct ct_verified *v)
{
	const struct ct_rules *rules = in->rules;

	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		unsigned index;
		unsigned long long bytes;
		char function[128] = "none";
		const struct ct_rule *rule = NULL;
		const struct ct_rule_set *algo;
		const char *want;

		if (sscanf(line, "# ran: %u %llu %127s", &index, &bytes, function) < 2)
			continue;
		for (size_t i = 0; i < ct_rules_count(rules); i++)
			if (ct_rules_at(rules, i)->index == index)
				rule = ct_rules_at(rules, i);
		algo = rule != NULL ? ct_rule_setting(rule, "algo") : NULL;
		if (algo == NULL || algo->text == NULL || left_out(in->out, index))
			continue;
		want = ct_openmpi_function(rule->coll, algo->text);
		if (want == NULL)
			continue;
		v->ran += strcmp(want, function) == 0;
		v->other += strcmp(want, function) != 0;
		if (strcmp(want, function) != 0)
			printf("verify: %s of %llu B ran %.100s, not %s\n", ct_coll_name(rule->coll), bytes,
				function, want);
	}
}

static void show_checks(char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "# check", 7) == 0)
			printf("verify: %s\n", line + 2);
}

/* The words of both launches; FILE NULL: without the file and the witness. */
static ct_status make(struct ct_words *w, const struct ct_verify_in *in, const char *ranks, const char *file,
	const char *preload, const char *self)
{
	const char *const rules[] = { "--mca", "coll_tuned_use_dynamic_rules", "1", "--mca",
		"coll_tuned_dynamic_rules_filename", file, "-x", preload, NULL };
	const char *const run[] = { self, "tune", "--coll", "mpi", "--check", in->rules_file, NULL };
	const char *const count[] = { "-n", ranks, NULL };
	ct_status status = ct_words_split(w, in->launch, "--launch");

	if (status == CT_OK)
		status = ct_words_add(w, count);
	if (status == CT_OK && file != NULL)
		status = ct_words_add(w, rules);
	return status == CT_OK ? ct_words_add(w, run) : status;
}

ct_status ct_verify_openmpi(const struct ct_verify_in *in, struct ct_verified *v)
{
	const struct ct_rules_scope *scope = ct_rules_scope(in->rules);
	char self[PATH_MAX], ranks[24], preload[PATH_MAX + 64], *text = NULL;
	struct ct_words *w = ct_alloc(1, sizeof(*w));
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	ct_status status = w != NULL ? CT_OK : CT_NOMEM;

	memset(v, 0, sizeof(*v));
	if (status == CT_OK && (scope->nodes_low != 1 || n <= 0))
		status = ct_fail(CT_UNSUPPORTED, "not verified here: the rules are for %llu nodes and more",
			(unsigned long long)scope->nodes_low);
	if (status == CT_OK) {
		self[n] = '\0';
		snprintf(ranks, sizeof(ranks), "%llu", (unsigned long long)scope->ranks_low);
		snprintf(preload, sizeof(preload), "LD_PRELOAD=%s/colltune-witness.so", in->module_dir);
		if (access(preload + strlen("LD_PRELOAD="), R_OK) != 0)
			status = ct_fail(CT_UNSUPPORTED, "not verified: no %s (see --module-dir)",
				preload + strlen("LD_PRELOAD="));
	}
	if (status == CT_OK)
		status = make(w, in, ranks, in->file, preload, self);
	if (status == CT_OK)
		status = launch(w, &text);
	if (status == CT_OK) {
		judge_ran(in, text, v);
		ct_free(text);
		text = NULL;
		status = make(w, in, ranks, NULL, NULL, self);
	}
	if (status == CT_OK)
		status = launch(w, &text);
	if (status == CT_OK) {
		show_checks(text);
		printf("verify: the algorithm of the rules ran at %u sizes, another one at %u\n", v->ran, v->other);
	}
	ct_free(text);
	ct_free(w);
	return status;
}
