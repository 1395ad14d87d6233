/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune topo --fabric. */
#include "fabric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advise/advise.h"
#include "bench.h"
#include "cluster.h"

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

/* PLAN: what was declared, or NULL; it stands in where there is no InfiniBand to read. */
static ct_status read_fabric(const struct ct_fabric_settings *s, const struct ct_fabric_plan *plan,
	struct ct_fabric *fabric)
{
	char ca[64] = "";
	int port = 0;
	ct_status status = CT_OK;

	if (s->load != NULL)
		return ct_fabric_load(s->load, fabric);
	if (s->ca != NULL)
		status = split_ca(s->ca, ca, sizeof(ca), &port);
	if (status == CT_OK)
		status = ct_fabric_ib_read(s->ca != NULL ? ca : NULL, port, s->cables,
			ct_deadline_in(s->timeout), fabric);
	if (status == CT_UNSUPPORTED && plan != NULL && s->ca == NULL)
		status = ct_fabric_declared(plan, s->cluster, fabric);
	return status;
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
		status = read_fabric(settings, in.plan, &fabric);
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
