/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune accept --pretend FILE: the judging of a whole cluster on made-up times. */
#include "pretend.h"

#include <stdio.h>
#include <string.h>

#include "accept/accept.h"
#include "bench.h"
#include "cli.h"

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

/* The environment stage: what is not as on most nodes. Returns how many differ. */
static uint32_t print_environment(const struct ct_pretend *p)
{
	uint32_t usual = usual_mtu(p), differ = 0;

	for (uint32_t i = 0; i < p->nodes; i++) {
		if (ct_pretend_mtu(p, i) == usual)
			continue;
		printf("environment: node %u has MTU %u, most have %u\n", i, ct_pretend_mtu(p, i), usual);
		differ++;
	}
	if (differ == 0)
		printf("environment: no difference between nodes\n");
	return differ;
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

static ct_status write_json(const char *path, const struct ct_fleet *f, const struct ct_isolation *o)
{
	json_t *json;
	ct_status s;

	if (path == NULL)
		return CT_OK;
	json = ct_isolation_json(f, o, true);
	if (json == NULL)
		return ct_fail(CT_NOMEM, "no memory for the outcome as JSON");
	if (strcmp(path, "-") == 0)
		s = ct_json_line(stdout, json);
	else
		s = ct_json_save(json, path, 0644);
	json_decref(json);
	return s;
}

static ct_status judge(struct ct_pretend *p, const char *file, const char *json, int *code)
{
	struct ct_fleet fleet = ct_pretend_fleet(p);
	struct ct_pair_source source = ct_pretend_source(p);
	struct ct_isolate_plan plan = { .seed = p->seed };
	struct ct_isolation outcome;
	uint32_t differ;
	ct_status s;

	s = ct_isolate(&fleet, &plan, &source, &outcome);
	if (s != CT_OK)
		return s;
	print_head(file, p);
	differ = print_environment(p);
	print_pairs(&fleet, &outcome);
	*code = outcome.n > 0 || differ > 0 ? CT_EXIT_FAIL : CT_EXIT_PASS;
	printf("verdict (pretended): %s, %zu slow parts, %u nodes that differ\n",
		*code == CT_EXIT_FAIL ? "fail" : "pass", outcome.n, differ);
	s = write_json(json, &fleet, &outcome);
	ct_isolation_free(&outcome);
	return s;
}

int ct_pretend_main(const char *file, const char *json)
{
	struct ct_pretend pretend;
	int code = CT_EXIT_PASS;
	ct_status s = ct_pretend_load(file, &pretend);

	if (s == CT_OK) {
		s = judge(&pretend, file, json, &code);
		ct_pretend_free(&pretend);
	}
	if (s != CT_OK) {
		ct_cli_complain("accept", ct_why());
		return ct_exit_of(s);
	}
	return code;
}
