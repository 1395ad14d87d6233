/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune compare A B: two sets of results point by point, and a verdict in words. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "advise/advise.h"
#include "bench.h"
#include "cli.h"
#include "compare.h"

enum { PATH_ROOM = 4096, TEXT_LIMIT = 64 << 20 };

struct compare_settings {
	char *json, *a_candidate, *b_candidate;
};

#define AT(field) offsetof(struct compare_settings, field)
static const struct ct_option own_options[] = {
	{ "a-candidate", 0, CT_OPT_TEXT, AT(a_candidate), NULL, 0, 0, NULL, "TEXT",
	  "of A, compare this candidate only, as \"native/shm\" or \"native/shm ring\"" },
	{ "b-candidate", 0, CT_OPT_TEXT, AT(b_candidate), NULL, 0, 0, NULL, "TEXT",
	  "of B, compare this candidate only" },
	{ "json", 0, CT_OPT_TEXT, AT(json), NULL, 0, 0, NULL, "FILE",
	  "write the comparison as JSON" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT

const struct ct_option *const ct_compare_options[] = { own_options, NULL };

static const struct ct_cli cli = {
	.command = "compare",
	.args = "A B",
	.text = "Compare two result directories (--out) or files of records (--json of bench): is "
		"B "
		"slower or faster than A, at which sizes, and how sure is that. Both need at least "
		"8 "
		"rounds. Exit status 0: B is the same or faster at every point; 1: B is slower by "
		"more "
		"than 5 %, or has wrong data, at some point; 5: no such point, but some are not "
		"resolved.",
	.lists = ct_compare_options,
	.min_words = 2,
	.max_words = 2,
};

/* ---- in ------------------------------------------------------------------------------------- */

/* The state of a result directory; the empty text without a run.json. */
static ct_status read_state(const char *dir, char state[CT_COMPARE_STATE])
{
	char path[PATH_ROOM];
	json_t *run = NULL;
	const char *text = NULL;
	struct stat st;
	ct_status status;

	state[0] = '\0';
	if ((size_t)snprintf(path, sizeof(path), "%s/run.json", dir) >= sizeof(path))
		return ct_fail(CT_INVALID, "a path of more than %d bytes", PATH_ROOM - 1);
	if (stat(path, &st) != 0 && errno == ENOENT)
		return CT_OK;
	status = ct_json_load(path, 16 << 20, &run);
	if (status == CT_OK)
		status = ct_json_text(run, "state", path, "", &text);
	if (status == CT_OK)
		ct_text_clean(state, CT_COMPARE_STATE, text);
	json_decref(run);
	return status;
}

ct_status ct_compare_read(const char *name, bool growing, struct ct_records *records, char state[CT_COMPARE_STATE])
{
	char path[PATH_ROOM];
	struct stat st;
	bool directory = stat(name, &st) == 0 && S_ISDIR(st.st_mode);
	ct_status status = CT_OK;

	state[0] = '\0';
	if ((size_t)snprintf(path, sizeof(path), "%s%s", name, directory ? "/points.jsonl" : "") >=
	    sizeof(path))
		return ct_fail(CT_INVALID, "a path of more than %d bytes", PATH_ROOM - 1);
	if (directory)
		status = read_state(name, state);
	if (status == CT_OK)
		status = ct_records_read(path, growing, records);
	if (status == CT_OK && records->n == 0)
		return ct_fail(CT_INVALID, "%s: no points in it", path);
	return status;
}

/* ---- out: text ------------------------------------------------------------------------------ */

static void add_clean(struct ct_buf *out, const char *text)
{
	char clean[512];

	ct_text_clean(clean, sizeof(clean), text);
	ct_buf_add(out, "%s", clean);
}

static void add_source(const struct ct_comparison *c, int side, struct ct_buf *out)
{
	const json_t *environment = c->in[side].records->environment;
	const char *command = json_string_value(json_object_get(environment, "command"));
	const char *started = json_string_value(json_object_get(environment, "started"));

	ct_buf_add(out, "# %c: ", "AB"[side]);
	add_clean(out, c->in[side].name);
	ct_buf_add(out, ": ");
	add_clean(out, command != NULL ? command : "?");
	ct_buf_add(out, ", %lld ranks, started ",
		   (long long)json_integer_value(json_object_get(environment, "nranks")));
	add_clean(out, started != NULL ? started : "?");
	ct_buf_add(out, "\n");
}

static void add_side(const struct ct_compare_side *s, struct ct_buf *out)
{
	char median[32], low[32], high[32], both[80];

	snprintf(both, sizeof(both), "[%s, %s]", ct_time_text(s->low_ns, low),
		 ct_time_text(s->high_ns, high));
	ct_buf_add(out, " %8s %-20s", ct_time_text(s->median_ns, median), both);
}

/* Expected time and efficiency of both sides. */
static void add_expected(const struct ct_compared *p, struct ct_buf *out)
{
	char time[32];

	for (int side = 0; side < CT_SIDES; side++) {
		const struct ct_compare_side *s = p->side[side];

		if (s->expected)
			ct_buf_add(out, " %8s %3.0f%%", ct_time_text(s->expected_ns, time),
				   100 * s->efficiency);
		else
			ct_buf_add(out, " %8s %4s", "-", "-");
	}
}

static void add_point(const struct ct_compared *p, bool expected, struct ct_buf *out)
{
	char size[32], both[48], result[64];

	ct_buf_add(out, "%10s", ct_size_text(p->side[CT_SIDE_A]->key.bytes, size));
	add_side(p->side[CT_SIDE_A], out);
	add_side(p->side[CT_SIDE_B], out);
	snprintf(both, sizeof(both), "[%.3f, %.3f]", p->ratio.low, p->ratio.high);
	if (!isfinite(p->ratio.high))
		strcpy(both, "[?, ?]");
	ct_buf_add(out, " %7.3f %-16s", p->ratio.ratio, both);
	if (p->result == CT_COMPARE_FEW || p->wrong[CT_SIDE_A] || p->wrong[CT_SIDE_B])
		ct_buf_add(out, " %8s", "-");
	else
		ct_buf_add(out, " %8.2g", p->p);
	if (expected)
		add_expected(p, out);
	ct_buf_add(out, "  %s\n", ct_compared_text(p, result));
}

static void add_crossover(void *arg, const struct ct_compared *from, const struct ct_compared *to)
{
	bool b_first = from->result == CT_COMPARE_FASTER;
	char low[32], high[32];

	ct_buf_add(arg, "# crossover: %c is faster up to %s, %c from %s on\n", b_first ? 'B' : 'A',
		   ct_size_text(from->side[CT_SIDE_A]->key.bytes, low), b_first ? 'A' : 'B',
		   ct_size_text(to->side[CT_SIDE_A]->key.bytes, high));
}

static void add_ports_used(const struct ct_compared *p, struct ct_buf *out)
{
	const struct ct_port_counts *a = &p->side[CT_SIDE_A]->ports, *b = &p->side[CT_SIDE_B]->ports;

	if (a->known && b->known && (a->used != b->used || a->active != b->active))
		ct_buf_add(out, "# RDMA ports used: A %u of %u active, B %u of %u\n", a->used,
			   a->active, b->used, b->active);
}

static void add_block(const struct ct_comparison *c, size_t first, size_t end, struct ct_buf *out)
{
	struct ct_buf counters = ct_buf_make(4096), network = ct_buf_make(16384);
	const struct ct_compared *p = &c->points[first];
	bool expected = false;
	char title[400];

	for (size_t i = first; i < end; i++)
		expected |= c->points[i].side[CT_SIDE_A]->expected ||
			    c->points[i].side[CT_SIDE_B]->expected;
	ct_buf_add(out, "#\n# %s; rounds: A %u, B %u\n", ct_compared_title(p, title),
		   p->side[CT_SIDE_A]->series.rounds, p->side[CT_SIDE_B]->series.rounds);
	ct_buf_add(out, "#%9s %8s %-20s %8s %-20s %7s %-16s %8s%s  %s\n", "size", "A", "95 %", "B",
		   "95 %", "B/A", "95 %", "p", expected ? "    exp A  eff    exp B  eff" : "",
		   "B is");
	for (size_t i = first; i < end; i++)
		add_point(&c->points[i], expected, out);
	ct_comparison_crossovers(c, first, add_crossover, out);
	ct_comparison_counters(c, first, &counters);
	if (counters.used > 0)
		ct_buf_add(out, "# counters per 1000 operations: %s\n", counters.text);
	ct_buf_free(&counters);
	ct_comparison_network(c, first, &network);
	if (network.used > 0)
		ct_buf_add(out, "# RDMA ports per 1000 operations: %s\n", network.text);
	ct_buf_free(&network);
	add_ports_used(p, out);
}

/* Consecutive sizes of one candidate in one line. */
static void add_alone(const struct ct_comparison *c, struct ct_buf *out)
{
	const struct ct_compare_alone *last = NULL;
	char key[160], name[96], size[32];

	for (size_t i = 0; i < c->nalone; i++) {
		const struct ct_compare_alone *a = &c->alone[i];
		char before[160] = "";

		if (last != NULL)
			ct_compare_key_text(&last->point->key, before);
		ct_compare_key_text(&a->point->key, key);
		if (last == NULL || last->side != a->side || strcmp(before, key) != 0 ||
		    last->point->candidate != a->point->candidate)
			ct_buf_add(out, "%s# only in %c: %s: %s:", last == NULL ? "#\n" : "\n",
				   "AB"[a->side], key,
				   ct_candidate_text(&a->point->series.candidate, name));
		ct_buf_add(out, " %s", ct_size_text(a->point->key.bytes, size));
		last = a;
	}
	if (last != NULL)
		ct_buf_add(out, "\n");
}

static bool one_run(const struct ct_comparison *c)
{
	return json_equal(c->in[CT_SIDE_A].records->environment,
			  c->in[CT_SIDE_B].records->environment);
}

void ct_compare_blocks(const struct ct_comparison *c, struct ct_buf *out)
{
	const json_t *warning;
	size_t i, end;

	ct_buf_add(out,
		   "# A, B: time, the median over rounds; B/A: ratio of these times, above 1 where "
		   "B is slower; 95 %%: intervals\n# p: Wilcoxon-Mann-Whitney over rounds, Holm's "
		   "correction "
		   "over all points of a collective with %d rounds or more; exp, eff: expected "
		   "time, and it / measured\n",
		   CT_LEAST_ROUNDS);
	json_array_foreach(c->warnings, i, warning)
		ct_buf_add(out, "# warning: %s\n", json_string_value(warning));
	for (i = 0; i < c->npoints; i = end) {
		for (end = i; ct_comparison_joined(c, end); end++)
			continue;
		add_block(c, i, ++end, out);
	}
	add_alone(c, out);
}

static ct_status print(const struct ct_comparison *c, const char *verdict)
{
	struct ct_buf out = ct_buf_make(TEXT_LIMIT);
	ct_status status;

	ct_buf_add(&out, "# colltune compare: two sets of results\n");
	add_source(c, CT_SIDE_A, &out);
	add_source(c, CT_SIDE_B, &out);
	ct_buf_add(&out, "# %s\n",
		   one_run(c) ? "one run, its candidates measured in turns"
			      : "two runs, not measured in turns: what changed on the machine "
				"meanwhile counts too");
	ct_compare_blocks(c, &out);
	ct_buf_add(&out, "#\n# Verdict: %s\n", verdict);
	status = ct_buf_status(&out);
	if (status == CT_OK && (fputs(out.text, stdout) == EOF || fflush(stdout) == EOF))
		status = ct_fail(CT_IO, "cannot write to standard output: %s", strerror(errno));
	ct_buf_free(&out);
	return status;
}

/* ---- out: JSON ------------------------------------------------------------------------------ */

static json_t *real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *side_record(const struct ct_compare_side *s)
{
	const struct ct_counters *n = &s->counters;
	char name[96];

	return json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:o}",
		"candidate", ct_candidate_text(&s->series.candidate, name), "rounds",
		(json_int_t)s->series.rounds, "median_ns", (json_int_t)s->median_ns, "low_ns",
		(json_int_t)s->low_ns, "high_ns", (json_int_t)s->high_ns, "expected_ns",
		s->expected ? json_integer((json_int_t)s->expected_ns) : json_null(), "efficiency",
		s->expected ? real(s->efficiency) : json_null(), "wrong",
		(json_int_t)s->series.wrong, "operations", (json_int_t)s->operations, "counters",
		"rx_bytes", (json_int_t)n->rx_bytes, "tx_bytes", (json_int_t)n->tx_bytes,
		"retransmits", (json_int_t)n->retransmits, "switches", (json_int_t)n->switches,
		"forced_switches", (json_int_t)n->forced_switches, "page_faults",
		(json_int_t)n->page_faults, "ports",
		s->ports.known ? ct_port_counts_record(&s->ports) : json_null());
}

static json_t *key_record(const struct ct_compare_key *k)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:I}", "coll", ct_coll_name(k->coll),
			 "type", ct_type_name(k->type), "op", ct_op_name(k->op), "nranks",
			 (json_int_t)k->nranks, "pairs", (json_int_t)k->pairs, "in_place",
			 (int)k->in_place, "bytes", (json_int_t)k->bytes);
}

static json_t *point_record(const struct ct_compared *p)
{
	json_t *record = key_record(&p->side[CT_SIDE_A]->key);
	char result[64];

	if (json_object_update_new(record,
				   json_pack("{s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o, s:s, s:b}",
					     "a", side_record(p->side[CT_SIDE_A]), "b",
					     side_record(p->side[CT_SIDE_B]), "ratio", "ratio",
					     real(p->ratio.ratio), "low", real(p->ratio.low),
					     "high", real(p->ratio.high), "p", real(p->p), "effect",
					     real(p->effect), "result", ct_compared_text(p, result),
					     "worse", (int)ct_compared_worse(p))) == 0)
		return record;
	json_decref(record);
	return NULL;
}

static json_t *alone_record(const struct ct_compare_alone *a)
{
	json_t *record = key_record(&a->point->key);

	if (json_object_update_new(record,
				   json_pack("{s:s, s:o}", "side", a->side == CT_SIDE_A ? "a" : "b",
					     "point", side_record(a->point))) == 0)
		return record;
	json_decref(record);
	return NULL;
}

/* Of one block: the events for each operation of both sides, null where one cannot tell. */
static json_t *loss_record(const struct ct_comparison *c, const struct ct_compare_loss *l)
{
	static const char *const sides[] = { "a", "b" };
	json_t *record = key_record(&c->points[l->first].side[CT_SIDE_A]->key);

	json_object_del(record, "bytes");
	if (json_object_update_new(
		    record, json_pack("{s:o, s:o, s:o, s:o}", "a_rate",
				      l->told ? real(l->rate[CT_SIDE_A]) : json_null(), "b_rate",
				      l->told ? real(l->rate[CT_SIDE_B]) : json_null(), "p",
				      real(l->p), "side",
				      l->side < 0 ? json_null() : json_string(sides[l->side]))) ==
	    0)
		return record;
	json_decref(record);
	return NULL;
}

static json_t *source_record(const struct ct_compare_in *in)
{
	char clean[512];

	ct_text_clean(clean, sizeof(clean), in->name);
	return json_pack("{s:s, s:O}", "name", clean, "environment", in->records->environment);
}

static ct_status save(const struct ct_comparison *c, const char *verdict, const char *path)
{
	static const char *const ends[] = { "worse", "open", "good" };
	json_t *points = json_array(), *alone = json_array(), *losses = json_array(), *all;
	bool good = points != NULL && alone != NULL && losses != NULL;
	ct_status status = CT_NOMEM;

	for (size_t i = 0; i < c->npoints && good; i++)
		good = json_array_append_new(points, point_record(&c->points[i])) == 0;
	for (size_t i = 0; i < c->nalone && good; i++)
		good = json_array_append_new(alone, alone_record(&c->alone[i])) == 0;
	for (size_t i = 0; i < c->nlosses && good; i++)
		good = json_array_append_new(losses, loss_record(c, &c->losses[i])) == 0;
	all = json_pack("{s:s, s:o, s:o, s:O, s:O, s:O, s:O, s:s, s:s}", "schema", "colltune-compare/1",
			"a", source_record(&c->in[CT_SIDE_A]), "b",
			source_record(&c->in[CT_SIDE_B]), "warnings", c->warnings, "points", points,
			"alone", alone, "losses", losses, "end", ends[ct_comparison_end(c)], "verdict", verdict);
	if (good && all != NULL)
		status = ct_json_save(all, path, 0644);
	else
		ct_fail(CT_NOMEM, "no memory for the comparison as JSON");
	json_decref(all);
	json_decref(points);
	json_decref(alone);
	json_decref(losses);
	return status;
}

/* ---- the command ---------------------------------------------------------------------------- */

static ct_status report(const struct ct_comparison *c, const char *json)
{
	struct ct_buf verdict = ct_buf_make(TEXT_LIMIT);
	ct_status status;

	ct_comparison_verdict(c, &verdict);
	status = ct_buf_status(&verdict);
	if (status == CT_OK && json != NULL)
		status = save(c, verdict.text, json);
	if (status == CT_OK)
		status = print(c, verdict.text);
	ct_buf_free(&verdict);
	return status;
}

static int fail(ct_status status)
{
	ct_cli_complain("compare", ct_why());
	return ct_exit_of(status);
}

static ct_status compare(const struct compare_settings *settings, const char *const *words, int *code)
{
	static const int codes[] = { CT_EXIT_FAIL, CT_EXIT_INCONCLUSIVE, CT_EXIT_PASS };
	const char *const chosen[CT_SIDES] = { settings->a_candidate, settings->b_candidate };
	struct ct_records records[CT_SIDES] = { { .n = 0 }, { .n = 0 } };
	struct ct_compare_in in[CT_SIDES];
	char state[CT_SIDES][CT_COMPARE_STATE];
	struct ct_comparison comparison = { .npoints = 0 };
	ct_status status = CT_OK;

	for (int side = 0; side < CT_SIDES && status == CT_OK; side++) {
		status = ct_compare_read(words[side], false, &records[side], state[side]);
		in[side] = (struct ct_compare_in){ words[side],
						   state[side][0] != '\0' ? state[side] : NULL,
						   &records[side], chosen[side] };
	}
	if (status == CT_OK)
		status = ct_comparison_make(in, &comparison);
	if (status == CT_OK) {
		status = report(&comparison, settings->json);
		*code = codes[ct_comparison_end(&comparison)];
		ct_comparison_free(&comparison);
	}
	for (int side = 0; side < CT_SIDES; side++)
		ct_records_free(&records[side]);
	return status;
}

ct_status ct_compare_directories(const char *a, const char *b, const char *json, int *code)
{
	const char *const words[CT_SIDES] = { a, b };
	struct compare_settings settings = { .json = (char *)json };

	return compare(&settings, words, code);
}

int ct_compare_main(int argc, char **argv)
{
	struct compare_settings settings = { 0 };
	const char *words[CT_SIDES] = { NULL, NULL };
	int code = CT_EXIT_PASS;
	ct_status status;

	switch (ct_cli_parse(&cli, argc, argv, &settings, words)) {
	case CT_CLI_DONE:
		break;
	case CT_CLI_USAGE:
		code = CT_EXIT_USAGE;
		break;
	case CT_CLI_RUN:
		status = compare(&settings, words, &code);
		if (status != CT_OK)
			code = fail(status);
		break;
	}
	ct_options_free(ct_compare_options, &settings);
	return code;
}
