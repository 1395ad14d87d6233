/* SPDX-License-Identifier: BSD-3-Clause */
/* The isolation as JSON: "schema":"colltune-isolation/1". */
#include "isolate.h"

static const char *const kinds[] = { "all", "rail", "uplink", "node", "nic", "out", "in",
	"way" };

static json_t *blame_json(const struct ct_fleet *fleet, const struct ct_blame *b)
{
	char text[CT_BLAME_TEXT];
	json_t *json = json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:I, s:b, s:b, s:s}", "kind", kinds[b->kind], "text",
		ct_blame_text(fleet, b, text), "factor", b->factor, "low", b->low, "high", b->high, "share",
		b->share, "samples", (json_int_t)b->samples, "confirmed", b->confirmed, "waived", b->waived,
		"note", b->note);

	if (json == NULL)
		return NULL;
	if (b->kind == CT_BLAME_UPLINK)
		(void)json_object_set_new(json, "leaf", json_integer(b->leaf));
	if (b->kind >= CT_BLAME_NODE)
		(void)json_object_set_new(json, "node", json_integer(b->node));
	if (b->kind >= CT_BLAME_NODE && fleet->names != NULL)
		(void)json_object_set_new(json, "name", json_string(fleet->names[b->node]));
	if (b->kind == CT_BLAME_RAIL || b->kind >= CT_BLAME_NIC)
		(void)json_object_set_new(json, "rail", json_integer(b->rail));
	return json;
}

json_t *ct_isolation_json(const struct ct_fleet *fleet, const struct ct_isolation *isolation,
	bool pretended)
{
	json_t *list = json_array(), *json;

	for (size_t i = 0; list != NULL && i < isolation->n; i++)
		(void)json_array_append_new(list, blame_json(fleet, &isolation->list[i]));
	json = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:[f, f], s:O}", "schema",
		"colltune-isolation/1", "pretended", pretended, "nodes", (json_int_t)fleet->nodes,
		"rails", (json_int_t)fleet->rails, "rounds", (json_int_t)isolation->rounds, "again",
		(json_int_t)isolation->again, "probes",
		(json_int_t)isolation->probes, "lost", (json_int_t)isolation->lost, "spread",
		isolation->spread, "alarm", isolation->alarm, "base_ns", isolation->base_ns[0],
		isolation->base_ns[1], "slow", list);
	json_decref(list);
	return json;
}
