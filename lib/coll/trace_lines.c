/* SPDX-License-Identifier: BSD-3-Clause */
#include "trace.h"

static json_t *knob_list(const struct ct_coll_algo *algo)
{
	json_t *list = json_array();

	for (size_t k = 0; k < algo->nknobs; k++) {
		const struct ct_knob *knob = &algo->knobs[k];
		json_t *values = json_array();

		for (size_t v = 0; v < knob->nvalues; v++)
			json_array_append_new(values, json_integer(knob->values[v]));
		json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", knob->name,
			"summary", knob->summary, "values", values));
	}
	return list;
}

json_t *ct_trace_head(const char *backend, const struct ct_world *world,
	const struct ct_coll_caps *caps)
{
	json_t *algos = json_array();

	for (size_t i = 0; i < caps->nalgos; i++)
		json_array_append_new(algos, json_pack("{s:s, s:s, s:o}",
			"coll", ct_coll_name(caps->algos[i].coll), "name", caps->algos[i].name,
			"knobs", knob_list(&caps->algos[i])));
	return json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:o}",
		"schema", CT_TRACE_SCHEMA, "backend", backend,
		"rank", (json_int_t)world->rank, "nranks", (json_int_t)world->nranks,
		"library", caps->library, "net", caps->net_name,
		"colls", (json_int_t)caps->colls, "types", (json_int_t)caps->types,
		"ops", (json_int_t)caps->ops, "in_place", (json_int_t)caps->in_place,
		"algos", algos);
}

json_t *ct_trace_desc(const struct ct_coll_desc *desc)
{
	json_t *knobs = json_array();

	for (int k = 0; k < CT_MAX_KNOBS; k++)
		json_array_append_new(knobs, json_integer(desc->knob[k]));
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:s, s:I, s:o}",
		"coll", ct_coll_name(desc->coll), "type", ct_type_name(desc->type),
		"op", ct_op_name(desc->op), "root", (json_int_t)desc->root,
		"count", (json_int_t)desc->count, "in_place", (int)desc->in_place,
		"algo", desc->algo != NULL ? desc->algo : "", "window", (json_int_t)desc->window,
		"knobs", knobs);
}
