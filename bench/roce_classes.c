/* SPDX-License-Identifier: BSD-3-Clause */
/* Traffic classes: what each library would ask for, and what its flows rode on. */
#include <string.h>

#include "roce.h"
#include "told_class.h"

enum { NAME = 100, DSCP_SHIFT = 2 };

/* Who would ask for which class; no class: not understood. */
static json_t *told_row(const char *who, const struct ct_told_class *told)
{
	if (told->value == CT_TOLD_UNKNOWN)
		return json_pack("{s:s, s:s}", "who", who, "from", told->by);
	return json_pack("{s:s, s:s, s:I}", "who", who, "from", told->by, "class", (json_int_t)told->value);
}

json_t *ct_roce_classes_json(const struct ct_job_settings *job)
{
	bool verbs = ct_net_is(job->net, "verbs");
	struct ct_told_class ucx, nccl;

	ct_told_ucx(&ucx);
	ct_told_nccl(&nccl);
	return json_pack("[{s:s, s:s, s:I}, o, o]", "who", "colltune", "from", verbs ? "--ib-tc" : job->net,
		"class", (json_int_t)(verbs ? job->net_rows.verbs.tc : 0),
		told_row("UCX", &ucx), told_row("NCCL", &nccl));
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

/* " DSCP 26 (98 %)" of each that had a hundredth or more; the unit is the caller's. */
static void show_shares(const json_t *counts, const char *what, struct ct_buf *line)
{
	const json_t *v;
	const char *key;
	double sum = 0;
	char number[NAME];
	unsigned int n = 0;

	json_object_foreach((json_t *)counts, key, v)
		sum += json_number_value(v);
	json_object_foreach((json_t *)counts, key, v) {
		if (sum <= 0 || json_number_value(v) < 0.01 * sum)
			continue;
		ct_text_clean(number, sizeof(number), key);
		ct_buf_add(line, "%s %s %s (%.0f %%)", n++ > 0 ? "," : "", what, number, 100 * json_number_value(v) / sum);
	}
	if (n == 0)
		ct_buf_add(line, " no %s", what);
}

/* What is known of one library's flows at a port, and nothing that is not. */
static void show_ride(const json_t *port, const json_t *ride, struct ct_buf *out)
{
	const json_t *dscp = json_object_get(ride, "packets_of_dscp");
	const json_t *priority = json_object_get(ride, "bytes_of_priority");
	long long sent = (long long)json_integer_value(json_object_get(ride, "sent"));
	struct ct_buf line = ct_buf_make(4096);
	char name[NAME];

	ct_buf_add(&line, "%s:", clean(port, "device", name));
	ct_buf_add(&line, " %s", clean(ride, "who", name));
	if (json_object_get(ride, "library") != NULL)
		ct_buf_add(&line, " (%s)", clean(ride, "library", name));
	if (json_object_get(ride, "sent") != NULL && sent == 0) {
		ct_buf_add(&line, " left by another port, or not over RDMA");
	} else {
		ct_buf_add(&line, " rode on");
		if (dscp != NULL)
			show_shares(dscp, "DSCP", &line);
		else
			ct_buf_add(&line, " DSCP not exposed");
		ct_buf_add(&line, ";");
		if (priority != NULL)
			show_shares(priority, "priority", &line);
		else
			ct_buf_add(&line, " priority not exposed");
	}
	if (json_object_get(ride, "told") != NULL)
		ct_buf_add(&line, "; told %lld, DSCP %lld, by %s",
			(long long)json_integer_value(json_object_get(ride, "told")),
			(long long)json_integer_value(json_object_get(ride, "told")) >> DSCP_SHIFT,
			clean(ride, "told_by", name));
	ct_buf_wrapped(out, "  rode: ", line.text != NULL ? line.text : "");
	ct_buf_free(&line);
}

void ct_roce_rides_show(const json_t *port, struct ct_buf *out)
{
	const json_t *ride;
	size_t i;

	json_array_foreach(json_object_get(port, "rides"), i, ride)
		show_ride(port, ride, out);
}

static void show_missing(const json_t *list, struct ct_buf *out)
{
	struct ct_buf line = ct_buf_make(4096);
	const json_t *row;
	char name[NAME], why[4 * NAME];
	size_t i;

	json_array_foreach(list, i, row) {
		const char *text = json_string_value(json_object_get(row, "why"));

		ct_text_clean(why, sizeof(why), text != NULL ? text : "?");
		ct_buf_add(&line, "%s%s: %s", i > 0 ? "; " : "", clean(row, "who", name), why);
	}
	if (line.used > 0)
		ct_buf_wrapped(out, "  not proved: ", line.text);
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
	show_missing(json_object_get(host, "not_ridden"), out);
}
