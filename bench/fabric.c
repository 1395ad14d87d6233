/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune topo --fabric. */
#include "fabric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advise/advise.h"
#include "bench.h"
#include "child.h"
#include "cluster.h"

enum { LLDP_MOST = 8 << 20 }; /* bytes of one answer */

/* "mlx5_0:1" into the adapter and its port, 0 when none is given. */
static ct_status split_ca(const char *text, char *name, size_t room, int *port)
{
	const char *colon = strchr(text, ':');
	int64_t number = 0;

	*port = 0;
	if (colon != NULL && ct_int_parse(colon + 1, 1, 254, &number) != CT_OK)
		return ct_fail(CT_INVALID, "--ca %s: wanted is ADAPTER or ADAPTER:PORT", text);
	*port = (int)number;
	snprintf(name, room, "%.*s", colon != NULL ? (int)(colon - text) : (int)strlen(text), text);
	return CT_OK;
}

/* One "[HOST=]FILE"; without HOST the file is named after it: "node1.json". */
static ct_status add_answer(const char *item, struct ct_lldp *lldp)
{
	const char *equal = strchr(item, '='), *file = equal != NULL ? equal + 1 : item;
	const char *base = strrchr(file, '/') != NULL ? strrchr(file, '/') + 1 : file;
	char host[CT_FABRIC_NAME], *text;
	json_t *json = NULL;
	ct_status status = ct_json_load(file, LLDP_MOST, &json);

	if (status != CT_OK)
		return status;
	if (equal != NULL)
		snprintf(host, sizeof(host), "%.*s", (int)(equal - item), item);
	else
		snprintf(host, sizeof(host), "%.*s", (int)strcspn(base, "."), base);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	status = text != NULL ? ct_lldp_parse(lldp, host, text, strlen(text), file) :
		ct_fail(CT_NOMEM, "%s: out of memory", file);
	free(text);
	return status;
}

static ct_status saved_answers(const char *list, struct ct_lldp *lldp)
{
	ct_status status = CT_OK;

	while (status == CT_OK && *list != '\0') {
		size_t n = strcspn(list, ",");
		char item[4096];

		if (n >= sizeof(item))
			return ct_fail(CT_INVALID, "--lldp: a name of %zu bytes", n);
		snprintf(item, sizeof(item), "%.*s", (int)n, list);
		if (n > 0)
			status = add_answer(item, lldp);
		list += n + (list[n] == ',');
	}
	return status;
}

/* What the lldpd of this host knows. */
static ct_status ask_lldpd(struct ct_lldp *lldp)
{
	static const char *const argv[] = { "lldpcli", "-f", "json", "show", "neighbors", NULL };
	const struct ct_child child = { .argv = argv, .in = "", .out_most = LLDP_MOST,
		.ns = UINT64_C(5000000000) };
	char host[256] = "", *text = NULL;
	size_t bytes = 0;
	ct_status status = ct_child_run(&child, &text, &bytes);

	if (status != CT_OK)
		return status;
	gethostname(host, sizeof(host) - 1);
	status = ct_lldp_parse(lldp, host, text, bytes, "lldpcli");
	if (status == CT_OK && lldp->nends == 0)
		status = ct_fail(CT_UNSUPPORTED, "lldpd knows no neighbour");
	ct_free(text);
	return status;
}

/* PLAN loses what these hosts cannot have seen. */
static ct_status read_lldp(const char *list, struct ct_fabric_plan *plan, struct ct_fabric *fabric)
{
	struct ct_lldp lldp = { .nends = 0 };
	ct_status status = list != NULL ? saved_answers(list, &lldp) : ask_lldpd(&lldp);

	if (status == CT_OK)
		status = ct_lldp_fabric(&lldp, fabric);
	if (status == CT_OK && plan != NULL)
		ct_lldp_narrow(&lldp, plan);
	ct_lldp_free(&lldp);
	return status;
}

/* Without InfiniBand: lldpd, or else PLAN, what was declared, or else why there is nothing. */
static ct_status read_other(const struct ct_fabric_settings *s, struct ct_fabric_plan *plan,
	struct ct_fabric *fabric)
{
	char why[256], lldp[256];

	snprintf(why, sizeof(why), "%s", ct_why());
	if (read_lldp(NULL, plan, fabric) == CT_OK)
		return CT_OK;
	snprintf(lldp, sizeof(lldp), "%s", ct_why());
	if (plan != NULL)
		return ct_fabric_declared(plan, s->cluster, fabric);
	return ct_fail(CT_UNSUPPORTED, "%s; %s", why, lldp);
}

/* PLAN: what was declared, or NULL. */
static ct_status read_fabric(const struct ct_fabric_settings *s, struct ct_fabric_plan *plan,
	struct ct_fabric *fabric)
{
	char ca[64] = "";
	int port = 0;
	ct_status status = CT_OK;

	if (s->load != NULL)
		return ct_fabric_load(s->load, fabric);
	if (s->lldp != NULL)
		return read_lldp(s->lldp, plan, fabric);
	if (s->ca != NULL)
		status = split_ca(s->ca, ca, sizeof(ca), &port);
	if (status == CT_OK)
		status = ct_fabric_ib_read(s->ca != NULL ? ca : NULL, port, s->cables,
			ct_deadline_in(s->timeout), fabric);
	return status == CT_UNSUPPORTED && s->ca == NULL ? read_other(s, plan, fabric) : status;
}

static ct_status save_fabric(const struct ct_fabric_settings *s, const struct ct_fabric *fabric,
	struct ct_buf *notes)
{
	json_t *json = NULL;
	ct_status status = CT_OK;

	if (s->save == NULL && !s->json)
		return CT_OK;
	status = ct_fabric_json(fabric, s->identify, &json);
	if (status == CT_OK && s->save != NULL) {
		status = ct_json_save(json, s->save, 0600);
		ct_buf_add(notes, "saved: %s\n", s->save);
	}
	if (status == CT_OK && s->json && json_dumpf(json, stdout, JSON_COMPACT) != 0)
		status = ct_fail(CT_IO, "standard output: cannot write");
	if (status == CT_OK && s->json)
		printf("\n");
	json_decref(json);
	return status;
}

/* The files that were asked for, each told in NOTES. */
static ct_status write_fabric(const struct ct_fabric_settings *s, const struct ct_fabric *fabric,
	const struct ct_findings *findings, struct ct_buf *notes)
{
	ct_status status = save_fabric(s, fabric, notes);

	if (status == CT_OK && s->draw != NULL) {
		status = ct_fabric_draw(fabric, findings, s->draw);
		ct_buf_add(notes, "drawn: %s\n", s->draw);
	}
	if (status == CT_OK && s->dot != NULL) {
		status = ct_fabric_dot(fabric, s->dot);
		ct_buf_add(notes, "written: %s\n", s->dot);
	}
	return status == CT_OK ? ct_buf_status(notes) : status;
}

/* Any warning is status 1; a reading that saw not all, and nothing wrong in what it saw, is 5. */
static int exit_of(const struct ct_fabric *fabric, const struct ct_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++)
		if (findings->list[i].severity == CT_SEVERITY_WARNING)
			return CT_EXIT_FAIL;
	return fabric->partial[0] != '\0' ? CT_EXIT_INCONCLUSIVE : CT_EXIT_PASS;
}

static ct_status show_fabric(const struct ct_fabric_settings *s, const struct ct_fabric *fabric,
	const struct ct_findings *findings)
{
	struct ct_buf text = ct_buf_make(16 << 20), notes = ct_buf_make(1 << 16);
	ct_status status = write_fabric(s, fabric, findings, &notes);

	if (status == CT_OK)
		status = ct_fabric_text(fabric, &text);
	ct_buf_add(&text, findings->n == 0 ? "findings: none\n" : "findings\n");
	for (size_t i = 0; i < findings->n; i++)
		ct_finding_text(&findings->list[i], &text);
	if (status == CT_OK)
		status = ct_buf_status(&text);
	if (status == CT_OK && !s->json)
		printf("%s%s", text.text, notes.text != NULL ? notes.text : "");
	ct_buf_free(&notes);
	ct_buf_free(&text);
	return status;
}

ct_status ct_fabric_command(const struct ct_fabric_settings *settings, int *exit_code)
{
	struct ct_fabric fabric = { .nnodes = 0 };
	struct ct_findings findings = { .n = 0 };
	struct ct_fabric_plan plan = { .nleaves = 0 };
	struct ct_advise_in in = { .fabric = &fabric,
		.plan = settings->cluster != NULL ? &plan : NULL };
	ct_status status = CT_OK;

	if (settings->cluster != NULL)
		status = ct_cluster_load(settings->cluster, &plan);
	if (status == CT_OK)
		status = read_fabric(settings, in.plan != NULL ? &plan : NULL, &fabric);
	if (status == CT_OK)
		status = ct_advise_fabric(&in, &findings);
	if (status == CT_OK)
		status = show_fabric(settings, &fabric, &findings);
	if (status == CT_OK)
		*exit_code = exit_of(&fabric, &findings);
	ct_findings_free(&findings);
	ct_fabric_free(&fabric);
	ct_fabric_plan_free(&plan);
	return status;
}
