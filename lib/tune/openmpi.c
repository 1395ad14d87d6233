/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of backend mpi as Open MPI's files. Formats and traps as tried on 4.1.4: a file is ignored in
 * silence when anything in it is malformed; its first communicator size is also the default for all
 * smaller ones, so a size 0 without opinion comes first; a leading zero means octal; an unknown number
 * of an algorithm aborts the job. What Open MPI calls message size is per-rank bytes times ranks for
 * all-gather, all-to-all and reduce-scatter of blocks, and the buffer for all-reduce, broadcast and
 * reduce: for each of them that is our bytes (nccl-tests' size column).
 *
 * Gather and scatter: ompi_coll_tuned_gather_intra_dec_dynamic() and its sister of v4.1.4 (the same
 * in v5.0.8 and main) take "ompi_datatype_type_size (sdtype, &dsize); dsize *= scount * comsize;" on
 * every rank: per-rank bytes times ranks again, but of what the rank sends, where MPI gives the
 * arguments no meaning at the root of a gather in place and at all ranks but the root of a scatter.
 * Ranks that pass 0 there find another line than the others, and since a tree and direct messages do
 * not understand each other, the job hangs or fails with MPI_ERR_TRUNCATE (seen on 4.1.4). So such
 * rules are written only where the user says that the arguments are alike.
 */
#include <stdlib.h>
#include <string.h>

#include "coll/coll.h"
#include "inside.h"

static const char *const known_sets[] = { "algo", "segsize", "fanout", "requests", NULL };

/* A rule in Open MPI's terms. */
struct entry {
	const struct ct_rule *rule;
	int algo; /* 1, 2, …; 0 = Open MPI's own decision */
	int64_t fanout, segment, requests;
};

static int algo_number(ct_coll coll, const char *name)
{
	const char *const *names = ct_openmpi_algos(coll);

	if (strcmp(name, "default") == 0)
		return 0;
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return i + 1;
	return -1;
}

/* Its size is told by arguments that not all ranks need to pass. */
static bool told_by_some(ct_coll coll)
{
	return coll == CT_GATHER || coll == CT_SCATTER;
}

/* *GOOD: RULE can be said; else a remark tells why not. */
static ct_status translate(const struct ct_rule *rule, bool has_requests, struct ct_export *out,
	struct entry *e, bool *good)
{
	const char *algo = ct_export_word(rule, "algo"), *other = NULL;
	ct_status s = CT_OK;

	*good = false;
	e->rule = rule;
	e->fanout = ct_export_number(rule, "fanout", 0);
	e->segment = ct_export_number(rule, "segsize", 0);
	e->requests = ct_export_number(rule, "requests", 0);
	e->algo = algo != NULL ? algo_number(rule->coll, algo) : -1;
	if (ct_openmpi_id(rule->coll) < 0)
		s = ct_export_remark(out, rule, "left out: no collective of coll/tuned");
	else if (rule->type != CT_RULES_ANY_TYPE)
		s = ct_export_remark(out, rule, "left out: Open MPI's rules know no element type");
	else if (algo == NULL || e->algo < 0)
		s = ct_export_remark(out, rule, "left out: \"%.40s\" is no algorithm of coll/tuned",
			algo != NULL ? algo : "");
	else if (!ct_export_only(rule, known_sets, &other))
		s = ct_export_remark(out, rule, "left out: Open MPI's rules cannot set %.40s", other);
	else if (e->fanout < 0 || e->segment < 0 || e->requests < 0)
		s = ct_export_remark(out, rule, "left out: a negative knob");
	else if (e->requests > 0 && !has_requests)
		s = ct_export_remark(out, rule, "left out: the classic format that all versions read "
			"cannot limit requests (JSON can, 6.0 and later)");
	else
		*good = true;
	return s;
}

/* The entries of COLL in ascending order of size; *N may be 0. Room for all rules. */
static ct_status entries_of(const struct ct_exporter *self, const struct ct_export_in *in, ct_coll coll,
	bool has_requests, struct ct_export *out, struct entry *list, size_t *n)
{
	*n = 0;
	for (size_t at = 0;; at++) {
		const struct ct_rule *rule = ct_export_next(self, in->rules, &at);
		bool good = false;
		ct_status s;

		if (rule == NULL)
			return CT_OK;
		if (rule->coll != coll)
			continue;
		if (told_by_some(coll) && !in->same_arguments) {
			s = ct_export_remark(out, rule, "left out without --same-arguments: where ranks pass other "
				"counts (in place, or none where MPI reads none) Open MPI hangs");
			if (s != CT_OK)
				return s;
			continue;
		}
		s = translate(rule, has_requests, out, &list[*n], &good);
		if (s != CT_OK)
			return s;
		*n += good ? 1 : 0;
	}
}

/* Algorithms that take operands out of order. Open MPI's own decision leaves them out where an operator
 * does not commute, coll_tuned_decision_dynamic.c asks no rule about that: with products of matrices 4.1.4
 * gave wrong results by these and right ones by all others, reduce-scatter's too. */
static bool out_of_order(const struct ct_rule *rule)
{
	static const char *const reduces[] = { "chain", "pipeline", "binary", "binomial", NULL };
	static const char *const allreduces[] = { "ring", "segmented_ring", NULL };
	const char *const *names = rule->coll == CT_REDUCE ? reduces : allreduces;
	const char *algo = ct_export_word(rule, "algo");

	while ((rule->coll == CT_REDUCE || rule->coll == CT_ALLREDUCE) && algo != NULL && *names != NULL)
		if (strcmp(*names++, algo) == 0)
			return true;
	return false;
}

static ct_status tell_operators(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	for (size_t at = 0;; at++) {
		const struct ct_rule *rule = ct_export_next(self, in->rules, &at);

		if (rule == NULL)
			return CT_OK;
		if (out_of_order(rule))
			return ct_export_remark(out, NULL, "reduce by chain, pipeline, binary, binomial and allreduce by rings "
				"are wrong for operators that do not commute (MPI_Op_create), which Open MPI does not look at "
				"under rules");
	}
}

/* Smallest and largest number of ranks that the rules hold for. */
static void ranks_of(const struct ct_rules *rules, uint64_t *low, uint64_t *high)
{
	const struct ct_rules_scope *scope = ct_rules_scope(rules);

	*low = scope->nodes_low * scope->ranks_low;
	*high = scope->nodes_high * scope->ranks_high;
}

/* ---- classic -------------------------------------------------------------------------------- */

/* The message rules of one communicator size: each range begun by its rule, each gap by algorithm 0. */
static void add_messages(const struct entry *list, size_t n, struct ct_buf *lines, uint32_t *count)
{
	uint64_t next = 0; /* first size that no line speaks about */

	*count = 0;
	for (size_t i = 0; i < n; i++) {
		const struct entry *e = &list[i];

		if (e->rule->low > next || (i == 0 && e->rule->low > 0)) {
			ct_buf_add(lines, "      %llu 0 0 0\n", (unsigned long long)next);
			(*count)++;
		}
		ct_buf_add(lines, "      %llu %d %lld %lld\n", (unsigned long long)e->rule->low, e->algo,
			(long long)e->fanout, (long long)e->segment);
		(*count)++;
		next = e->rule->high < INT64_MAX ? e->rule->high + 1 : 0;
		if (next == 0)
			return;
	}
	ct_buf_add(lines, "      %llu 0 0 0\n", (unsigned long long)next);
	(*count)++;
}

static void add_collective(const struct ct_export_in *in, ct_coll coll, const struct entry *list, size_t n,
	struct ct_buf *text)
{
	struct ct_buf lines = ct_buf_make(SIZE_MAX);
	uint64_t low, high;
	uint32_t count;

	ranks_of(in->rules, &low, &high);
	add_messages(list, n, &lines, &count);
	ct_buf_add(text, "  %d 3 # %s: sizes of communicators\n", ct_openmpi_id(coll),
		ct_openmpi_word(coll));
	ct_buf_add(text, "    0 1 # up to %llu ranks: Open MPI's own decision\n      0 0 0 0\n",
		(unsigned long long)(low - 1));
	ct_buf_add(text, "    %llu %u # from %llu ranks on: bytes, algorithm, fan-out, segment\n%s",
		(unsigned long long)low, count, (unsigned long long)low,
		lines.text != NULL ? lines.text : "");
	ct_buf_add(text, "    %llu 1 # more ranks: Open MPI's own decision\n      0 0 0 0\n",
		(unsigned long long)(high + 1));
	if (lines.failed)
		text->failed = true;
	ct_buf_free(&lines);
}

ct_status ct_export_openmpi(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	struct entry *list = ct_alloc(ct_rules_count(in->rules), sizeof(*list));
	struct ct_buf body = ct_buf_make(SIZE_MAX);
	ct_status s = list != NULL ? CT_OK : CT_NOMEM;
	uint32_t collectives = 0;
	uint64_t low, high;
	size_t n;

	ranks_of(in->rules, &low, &high);
	if (s == CT_OK && (low < 1 || high > INT32_MAX - 1))
		s = ct_fail(CT_INVALID, "the rules' scope of %llu to %llu ranks is none of a communicator",
			(unsigned long long)low, (unsigned long long)high);
	for (int coll = 0; s == CT_OK && coll < CT_NCOLLS; coll++) {
		s = entries_of(self, in, (ct_coll)coll, false, out, list, &n);
		if (s != CT_OK || n == 0)
			continue;
		add_collective(in, (ct_coll)coll, list, n, &body);
		out->written += (uint32_t)n;
		collectives++;
	}
	ct_export_head(out, in, "#");
	ct_buf_add(&out->text, "%u # collectives\n%s", collectives, body.text != NULL ? body.text : "");
	if (s == CT_OK)
		s = ct_buf_status(&body);
	if (s == CT_OK)
		s = tell_operators(self, in, out);
	ct_buf_free(&body);
	ct_free(list);
	return s;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *json_of(const struct entry *e)
{
	json_t *rule = json_pack("{s:I, s:s, s:I, s:I}", "msg_size_min", (json_int_t)e->rule->low, "alg",
		e->algo > 0 ? ct_export_word(e->rule, "algo") : "ignore", "faninout",
		(json_int_t)e->fanout, "seg_size", (json_int_t)e->segment);

	if (e->rule->high >= INT64_MAX)
		(void)json_object_set_new(rule, "msg_size_max", json_string("inf"));
	else
		(void)json_object_set_new(rule, "msg_size_max", json_integer((json_int_t)e->rule->high));
	if (e->requests > 0)
		(void)json_object_set_new(rule, "reqs", json_integer(e->requests));
	return rule;
}

/* {"comm_size_min": …, "rules": […]} for COLL; NULL without a rule, or (with *S changed) on failure. */
static json_t *collective_json(const struct ct_export_in *in, const struct entry *list, size_t n,
	ct_status *s)
{
	json_t *rules = json_array(), *one = NULL;
	uint64_t low, high;

	ranks_of(in->rules, &low, &high);
	for (size_t i = 0; i < n; i++)
		if (list[i].algo > 0 && json_array_append_new(rules, json_of(&list[i])) != 0)
			*s = ct_fail(CT_NOMEM, "no memory for the rules as JSON");
	if (*s == CT_OK && json_array_size(rules) > 0)
		one = json_pack("[{s:I, s:I, s:s, s:O}]", "comm_size_min", (json_int_t)low,
			"comm_size_max", (json_int_t)high, "comm_rank_distribution", "any", "rules",
			rules);
	json_decref(rules);
	return one;
}

ct_status ct_export_openmpi_json(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	struct entry *list = ct_alloc(ct_rules_count(in->rules), sizeof(*list));
	json_t *all = json_object(), *whole;
	ct_status s = list != NULL && all != NULL ? CT_OK : CT_NOMEM;
	char *text;
	size_t n;

	for (int coll = 0; s == CT_OK && coll < CT_NCOLLS; coll++) {
		json_t *one = NULL;

		s = entries_of(self, in, (ct_coll)coll, true, out, list, &n);
		if (s == CT_OK)
			one = collective_json(in, list, n, &s);
		if (one != NULL)
			(void)json_object_set_new(all, ct_openmpi_word((ct_coll)coll), one);
		out->written += s == CT_OK ? (uint32_t)n : 0;
	}
	whole = json_pack("{s:i, s:s, s:O}", "rule_file_version", 3, "module", "tuned", "collectives", all);
	text = s == CT_OK ? json_dumps(whole, JSON_INDENT(1)) : NULL;
	if (s == CT_OK && text == NULL)
		s = ct_fail(CT_NOMEM, "no memory for the rules as JSON");
	if (s == CT_OK)
		s = tell_operators(self, in, out);
	if (s == CT_OK)
		ct_buf_add(&out->text, "%s\n", text);
	free(text);
	json_decref(whole);
	json_decref(all);
	ct_free(list);
	return s;
}

/* ---- parameters ----------------------------------------------------------------------------- */

ct_status ct_export_openmpi_params(const struct ct_exporter *self, const struct ct_export_in *in,
	struct ct_export *out)
{
	size_t at = 0;

	if (in->rules_path == NULL)
		return ct_fail(CT_INVALID, "needs --rules-path: where the file of colltune export --to openmpi "
			"lies on the nodes");
	if (strpbrk(in->rules_path, "\n\r#") != NULL || in->rules_path[0] != '/')
		return ct_fail(CT_INVALID, "--rules-path: not an absolute path without line breaks and #");
	for (; ct_export_next(self, in->rules, &at) != NULL; at++)
		out->written++;
	ct_export_head(out, in, "#");
	ct_buf_add(&out->text, "coll_tuned_use_dynamic_rules = 1\ncoll_tuned_dynamic_rules_filename = %s\n",
		in->rules_path);
	return CT_OK;
}
