/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune accept --pretend FILE: the judging of a whole cluster on made-up times. */
#include "pretend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "accept/accept.h"
#include "bench.h"
#include "cli.h"
#include "heat.h"

/* The MTU that most nodes have. */
static uint32_t usual_mtu(const struct ct_pretend *p)
{
	uint32_t best = 0, best_count = 0;

	for (uint32_t i = 0; i < p->nodes; i++) {
		uint32_t mtu = ct_pretend_mtu(p, i), count = 0;

		if (mtu == best)
			continue;
		for (uint32_t k = i; k < p->nodes && count <= p->nodes / 2; k++)
			count += ct_pretend_mtu(p, k) == mtu ? 1 : 0;
		if (count > best_count) {
			best = mtu;
			best_count = count;
		}
		if (best_count > p->nodes / 2)
			break;
	}
	return best;
}

/* The environment stage: what is not as on most nodes, printed, and as rows like those of a verdict; NULL =
 * no memory. */
static json_t *find_differences(const struct ct_pretend *p)
{
	uint32_t usual = usual_mtu(p);
	json_t *rows = json_array();

	for (uint32_t i = 0; i < p->nodes && rows != NULL; i++) {
		char host[32], value[16], most[16];
		uint32_t mtu = ct_pretend_mtu(p, i);

		if (mtu == usual)
			continue;
		printf("environment: node %u has MTU %u, most have %u\n", i, mtu, usual);
		snprintf(host, sizeof(host), "node %u", i);
		snprintf(value, sizeof(value), "%u", mtu);
		snprintf(most, sizeof(most), "%u", usual);
		(void)json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:i, s:s}", "path", "/mtu", "value",
			value, "usual", most, "host", host, "hosts", 1, "kind", "setting"));
	}
	if (json_array_size(rows) == 0)
		printf("environment: no difference between nodes\n");
	return rows;
}

static void print_head(const char *file, const struct ct_pretend *p)
{
	char clean[256];

	ct_text_clean(clean, sizeof(clean), file);
	printf("# colltune %s accept --pretend %s\n", ct_version(), clean);
	printf("# PRETENDED: nothing was measured, all times are made up from the file\n");
	printf("# cluster: %u nodes, %u rails, %u nodes to a leaf, seed %llu\n", p->nodes, p->rails,
		p->leaf_nodes, (unsigned long long)p->seed);
}

static void print_pairs(const struct ct_fleet *f, const struct ct_isolation *o)
{
	char text[CT_BLAME_TEXT];

	printf("pairs: %u rounds, %u of them to confirm (a full matrix has %u), %llu times, spread of one "
		"%.1f %%, false alarm in at most %.1f %% of clean clusters\n", o->rounds, o->again, f->nodes - 1 + f->nodes % 2,
		(unsigned long long)o->probes, o->spread * 100, o->alarm * 100);
	for (size_t i = 0; i < o->n; i++)
		printf("%4zu. %s\n", i + 1, ct_blame_text(f, &o->list[i], text));
}

/* The outcome, and what differs between nodes. NULL = no memory. */
static json_t *outcome_json(const struct ct_fleet *f, const struct ct_isolation *o, json_t *differences)
{
	json_t *json = ct_isolation_json(f, o, true);

	if (json != NULL && json_object_set(json, "differences", differences) == 0)
		return json;
	json_decref(json);
	return NULL;
}

static ct_status write_json(const char *path, const json_t *outcome)
{
	if (path == NULL)
		return CT_OK;
	return strcmp(path, "-") == 0 ? ct_json_line(stdout, outcome) : ct_json_save(outcome, path, 0644);
}

/* ---- --out ----------------------------------------------------------------------------------- */

static ct_status make_directory(const char *dir)
{
	if (dir == NULL || mkdir(dir, 0700) == 0)
		return CT_OK;
	if (errno == EEXIST)
		return ct_fail(CT_INVALID, "%s: exists; name a new directory", dir);
	return ct_fail(CT_IO, "%s: %s", dir, strerror(errno));
}

/* DIR/NAME; JSON is taken. */
static ct_status save_in(const char *dir, const char *name, json_t *json)
{
	char path[4096];
	ct_status s = json == NULL ? ct_fail(CT_NOMEM, "no memory for %s", name) : CT_OK;

	if (s == CT_OK && snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		s = ct_fail(CT_INVALID, "--out: too long a path");
	if (s == CT_OK)
		s = ct_json_save(json, path, 0600);
	json_decref(json);
	return s;
}

static json_t *run_json(const struct ct_pretend *p, const char *file)
{
	char now[21], clean[256], seed[24];

	ct_clock_utc(now);
	ct_text_clean(clean, sizeof(clean), file);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)p->seed);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:{s:s}, s:s, s:i, s:s}", "schema", "colltune-run/1", "state",
		"done", "note", "pretended: nothing was measured", "updated", now, "command", "accept", "pretended", 1,
		"options", "pretend", clean, "seed", seed, "nranks", 0, "started", now);
}

/* Every pair once, round by round, as accept measures them; of rail 0. NULL = no memory. */
static double *all_pairs(const struct ct_fleet *f, const struct ct_pair_source *source)
{
	uint32_t n = f->nodes, *partner = ct_alloc(n, sizeof(*partner));
	struct ct_probe *probes = ct_alloc(n, sizeof(*probes));
	double *ns = ct_alloc(n, sizeof(*ns)), *all = ct_alloc((size_t)n * n, sizeof(*all));
	bool good = partner != NULL && probes != NULL && ns != NULL && all != NULL;

	for (uint32_t round = 0; good && round < ct_pair_rounds(n); round++) {
		size_t count = 0;

		ct_pair_round(n, round, partner);
		for (uint32_t i = 0; i < n; i++)
			if (partner[i] != i)
				probes[count++] = (struct ct_probe){ .from = partner[i], .to = i };
		good = source->round(source->arg, probes, count, ns) == CT_OK;
		for (size_t i = 0; good && i < count; i++)
			all[(size_t)probes[i].from * n + probes[i].to] = ns[i];
	}
	ct_free(partner);
	ct_free(probes);
	ct_free(ns);
	if (good)
		return all;
	ct_free(all);
	return NULL;
}

static void node_name(const void *arg, uint32_t node, char out[CT_HOST_NAME])
{
	(void)arg;
	snprintf(out, CT_HOST_NAME, "node %u", node);
}

/* --matrix: the drawing, and the numbers where a report finds them. */
static ct_status matrix(const struct ct_fleet *f, const struct ct_pair_source *source,
	const struct ct_pretend_files *files)
{
	struct ct_heat heat = { .nodes = f->nodes, .what = "node", .name = node_name, .pretended = true };
	double *ns;
	ct_status s;

	if (files->matrix == NULL)
		return CT_OK;
	ns = all_pairs(f, source);
	if (ns == NULL)
		return ct_fail(CT_NOMEM, "no memory for all pairs of %u nodes", f->nodes);
	heat.ns = ns;
	s = ct_heat_draw(&heat, files->matrix);
	if (s == CT_OK && files->out != NULL && f->nodes <= CT_HEAT_FILE_MOST)
		s = save_in(files->out, "matrix.json", ct_heat_json(&heat));
	ct_free(ns);
	return s;
}

/* ---- the command ----------------------------------------------------------------------------- */

static ct_status tell(struct ct_pretend *p, const struct ct_pretend_files *files, const struct ct_fleet *fleet,
	const struct ct_isolation *outcome, int *code)
{
	json_t *differences, *json = NULL;
	size_t differ;
	ct_status s = CT_OK;

	print_head(files->pretend, p);
	differences = find_differences(p);
	differ = json_array_size(differences);
	print_pairs(fleet, outcome);
	*code = outcome->n > 0 || differ > 0 ? CT_EXIT_FAIL : CT_EXIT_PASS;
	printf("verdict (pretended): %s, %zu slow parts, %zu nodes that differ\n",
		*code == CT_EXIT_FAIL ? "fail" : "pass", outcome->n, differ);
	if (differences != NULL)
		json = outcome_json(fleet, outcome, differences);
	if (json == NULL)
		s = ct_fail(CT_NOMEM, "no memory for the outcome as JSON");
	if (s == CT_OK)
		s = write_json(files->json, json);
	if (s == CT_OK && files->out != NULL)
		s = save_in(files->out, "isolation.json", json_incref(json));
	if (s == CT_OK && files->out != NULL)
		s = save_in(files->out, "run.json", run_json(p, files->pretend));
	json_decref(json);
	json_decref(differences);
	return s;
}

static ct_status judge(struct ct_pretend *p, const struct ct_pretend_files *files, int *code)
{
	struct ct_fleet fleet = ct_pretend_fleet(p);
	struct ct_pair_source source = ct_pretend_source(p);
	struct ct_isolate_plan plan = { .seed = p->seed };
	struct ct_isolation outcome;
	ct_status s = make_directory(files->out);

	if (s == CT_OK)
		s = ct_isolate(&fleet, &plan, &source, &outcome);
	if (s != CT_OK)
		return s;
	s = tell(p, files, &fleet, &outcome, code);
	if (s == CT_OK)
		s = matrix(&fleet, &source, files);
	ct_isolation_free(&outcome);
	return s;
}

int ct_pretend_main(const struct ct_pretend_files *files)
{
	struct ct_pretend pretend;
	int code = CT_EXIT_PASS;
	ct_status s = ct_pretend_load(files->pretend, &pretend);

	if (s == CT_OK) {
		s = judge(&pretend, files, &code);
		ct_pretend_free(&pretend);
	}
	if (s != CT_OK) {
		ct_cli_complain("accept", ct_why());
		return ct_exit_of(s);
	}
	return code;
}
