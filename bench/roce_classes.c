/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic classes beside ours: check --traffic proves the way of colltune's own queue pairs only; those of
 * UCX and NCCL ask for a class of their own, by variables (UCX: ib_iface.c, IB_TRAFFIC_CLASS, auto = 106 on
 * RoCE; NCCL: documentation of environment variables, NCCL_IB_TC, default 0).
 */
#include <stdlib.h>
#include <string.h>

#include "roce.h"

enum { NAME = 100, DSCP_SHIFT = 2 };

/* Who would ask for which class: by VARIABLE of this process, else DEFLT. */
static json_t *by_variable(const char *who, const char *variable, int64_t deflt, const char *why)
{
	const char *text = secure_getenv(variable);
	int64_t value = deflt;

	if (text == NULL || strcmp(text, "auto") == 0)
		return json_pack("{s:s, s:s, s:I}", "who", who, "from", why, "class", (json_int_t)deflt);
	if (ct_int_parse(text, 0, 255, &value) != CT_OK)
		return json_pack("{s:s, s:s}", "who", who, "from", variable); /* no class: not understood */
	return json_pack("{s:s, s:s, s:I}", "who", who, "from", variable, "class", (json_int_t)value);
}

json_t *ct_roce_classes_json(const struct ct_job_settings *job)
{
	bool verbs = ct_net_is(job->net, "verbs");

	return json_pack("[{s:s, s:s, s:I}, o, o]", "who", "colltune", "from", verbs ? "--ib-tc" : job->net,
		"class", (json_int_t)(verbs ? job->net_rows.verbs.tc : 0),
		by_variable("UCX", "UCX_IB_TRAFFIC_CLASS", 106, "its default on RoCE"),
		by_variable("NCCL", "NCCL_IB_TC", 0, "its default"));
}

static const char *clean(const json_t *o, const char *key, char out[NAME])
{
	const char *text = json_string_value(json_object_get(o, key));

	ct_text_clean(out, NAME, text != NULL ? text : "?");
	return out;
}

/* "106, DSCP 26, priority 3" */
static void show_class(const json_t *row, const json_t *map, struct ct_buf *out)
{
	const json_t *class = json_object_get(row, "class");
	long long value = (long long)json_integer_value(class), dscp = value >> DSCP_SHIFT;
	const json_t *priority;

	if (!json_is_integer(class) || value < 0 || value > 255) {
		ct_buf_add(out, "a value that is no class from 0 to 255");
		return;
	}
	priority = json_array_get(map, (size_t)dscp);
	ct_buf_add(out, "%lld, DSCP %lld, priority ", value, dscp);
	if (json_is_integer(priority))
		ct_buf_add(out, "%lld", (long long)json_integer_value(priority));
	else
		ct_buf_add(out, "not exposed");
}

static void show_port(const json_t *port, const json_t *classes, struct ct_buf *out)
{
	const json_t *map = json_object_get(json_object_get(port, "dcb"), "priority_of_dscp"), *row;
	const json_t *file = json_object_get(port, "traffic_class");
	struct ct_buf line = ct_buf_make(4096);
	char name[NAME], from[NAME];
	size_t i;

	ct_buf_add(&line, "%s:", clean(port, "device", name));
	json_array_foreach(classes, i, row) {
		ct_buf_add(&line, "%s %s (%s) ", i > 0 ? ";" : "", clean(row, "who", name),
			clean(row, "from", from));
		show_class(row, map, &line);
	}
	if (json_integer_value(file) > 0)
		ct_buf_add(&line, "; the device's file traffic_class makes it %lld for all of verbs",
			(long long)json_integer_value(file));
	ct_buf_wrapped(out, "  traffic classes: ", line.text != NULL ? line.text : "");
	ct_buf_free(&line);
}

void ct_roce_classes_show(const json_t *host, struct ct_buf *out)
{
	const json_t *classes = json_object_get(host, "classes"), *port;
	const json_t *marks = json_object_get(host, "ce_packets");
	size_t i;

	json_array_foreach(json_object_get(host, "ports"), i, port)
		show_port(port, classes, out);
	if (json_is_integer(marks))
		ct_buf_add(out, "  traffic: IP packets that came with a mark: %lld (all of this host)\n",
			(long long)json_integer_value(marks));
	ct_buf_add(out, "  only colltune's own queue pairs were tried; UCX's and NCCL's are told from this job's "
		"variables\n");
}
