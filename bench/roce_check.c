/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune roce facts | check: the ends of all hosts, and what the rules find. */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "roce.h"

enum { MODE = 0644, TEXT_MOST = 16 << 20, LINE = 600 };

static void clean(const json_t *o, const char *key, char out[LINE])
{
	const char *text = json_string_value(json_object_get(o, key));

	ct_text_clean(out, LINE, text != NULL ? text : "");
}

void ct_roce_finding_show(const json_t *f, struct ct_buf *out)
{
	static const char *const rows[][2] = { { "why", "    why:  " }, { "set", "    set:  " },
		{ "undo", "    undo: " }, { "source", "    from: " } };
	char severity[LINE], rule[LINE], seen[LINE];
	struct ct_buf head = ct_buf_make((size_t)4 * LINE);

	clean(f, "severity", severity);
	clean(f, "rule", rule);
	clean(f, "seen", seen);
	ct_buf_add(&head, "%s (%s): %s", severity, rule, seen);
	ct_buf_wrapped(out, "  - ", head.text != NULL ? head.text : "");
	ct_buf_free(&head);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		clean(f, rows[i][0], seen);
		if (seen[0] != '\0')
			ct_buf_wrapped(out, rows[i][1], seen);
	}
}

static bool is_warning(const json_t *finding)
{
	const char *severity = json_string_value(json_object_get(finding, "severity"));

	return severity != NULL && strcmp(severity, "warning") == 0;
}

/* On which priorities the flows of --traffic left PORT, and what was counted meanwhile. */
static void show_traffic(const json_t *port, struct ct_buf *out)
{
	static const char *const counts[] = { "tx_packets", "ecn_marked", "cnp_tx", "cnp_rx", "seq_naks",
		"ack_timeouts", "retries", "rx_out_of_sequence" };
	const json_t *bytes = json_object_get(json_object_get(port, "statistics"), "tx_bytes"), *v;
	char device[LINE];
	double sum = 0;
	size_t i;

	clean(port, "device", device);
	json_array_foreach(bytes, i, v)
		sum += (double)json_integer_value(v);
	ct_buf_add(out, "  traffic: %s: left on priorities", device);
	json_array_foreach(bytes, i, v)
		if (sum > 0 && (double)json_integer_value(v) >= 0.01 * sum)
			ct_buf_add(out, " %zu (%.0f %%)", i, 100 * (double)json_integer_value(v) / sum);
	ct_buf_add(out, "%s;", sum > 0 ? "" : " not exposed");
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		v = json_object_get(json_object_get(port, "counts"), counts[i]);
		if (v != NULL)
			ct_buf_add(out, " %s %lld", counts[i], (long long)json_integer_value(v));
		else
			ct_buf_add(out, " %s not exposed", counts[i]);
		ct_buf_add(out, "%s", i + 1 < sizeof(counts) / sizeof(counts[0]) ? "," : "\n");
	}
}

/* A host's ports in one line, what could not be read, and its findings; counts the warnings. */
static void show_host(const json_t *host, struct ct_buf *out, unsigned int *warnings)
{
	const json_t *list = json_object_get(host, "findings"), *row;
	char name[LINE], label[LINE], text[LINE];
	size_t i;

	clean(host, "host", name);
	clean(host, "label", label);
	ct_buf_add(out, "host %s%s%s:", name, label[0] != '\0' ? ", " : "", label);
	json_array_foreach(json_object_get(host, "ports"), i, row) {
		clean(row, "device", text);
		ct_buf_add(out, "%s %s port %lld%s", i > 0 ? "," : "", text,
			(long long)json_integer_value(json_object_get(row, "port")),
			json_is_true(json_object_get(row, "active")) ? "" : " (not active: not judged)");
	}
	ct_buf_add(out, "%s; %zu finding%s\n", i == 0 ? " no RoCE port" : "", json_array_size(list),
		json_array_size(list) == 1 ? "" : "s");
	json_array_foreach(list, i, row) {
		*warnings += is_warning(row);
		ct_roce_finding_show(row, out);
	}
	json_array_foreach(json_object_get(host, "ports"), i, row) {
		if (json_is_array(json_object_get(host, "classes")))
			show_traffic(row, out);
		ct_roce_rides_show(row, out);
	}
	if (json_is_array(json_object_get(host, "classes")))
		ct_roce_classes_show(host, out);
	json_array_foreach(json_object_get(host, "missing"), i, row) {
		ct_text_clean(text, sizeof(text), json_is_string(row) ? json_string_value(row) : "");
		ct_buf_wrapped(out, "  not read: ", text);
	}
}

/* Is there a port of any host that the rules judge? */
static bool any_judged(const json_t *hosts)
{
	const json_t *host, *port;
	size_t i, k;

	json_array_foreach(hosts, i, host)
		json_array_foreach(json_object_get(host, "ports"), k, port)
			if (json_is_true(json_object_get(port, "active")))
				return true;
	return false;
}

static ct_status put(const struct ct_roce_settings *s, struct ct_buf *out)
{
	ct_status status = ct_buf_status(out);

	if (status == CT_OK && s->output != NULL)
		return ct_file_save(s->output, out->text, out->used, MODE);
	if (status == CT_OK && (fwrite(out->text, 1, out->used, stdout) != out->used || fflush(stdout) != 0))
		status = ct_fail(CT_IO, "standard output cannot be written");
	return status;
}

static ct_status report(const struct ct_roce_settings *s, json_t *hosts, int *code)
{
	json_t *between = json_array(), *all = NULL;
	struct ct_buf out = ct_buf_make(TEXT_MOST);
	unsigned int warnings = 0;
	const json_t *row;
	size_t i;
	ct_status status = between != NULL ? ct_roce_between(hosts, between) : CT_NOMEM;

	if (status == CT_OK) {
		json_array_foreach(hosts, i, row)
			show_host(row, &out, &warnings);
		if (json_array_size(between) > 0)
			ct_buf_add(&out, "between the hosts\n");
		json_array_foreach(between, i, row) {
			warnings += is_warning(row);
			ct_roce_finding_show(row, &out);
		}
		ct_buf_add(&out, "%zu host%s, %u warning%s\n", json_array_size(hosts),
			json_array_size(hosts) == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
		if (!any_judged(hosts))
			ct_buf_add(&out, "nothing was judged: no active RoCE port\n");
		status = put(s, &out);
	}
	if (status == CT_OK && s->json != NULL) {
		all = json_pack("{s:s, s:O, s:O}", "schema", "colltune-roce-check/1", "hosts", hosts, "between",
			between);
		status = all != NULL ? ct_json_save(all, s->json, MODE) : CT_NOMEM;
	}
	if (status == CT_OK && warnings > 0)
		*code = CT_EXIT_FAIL;
	else if (status == CT_OK && !any_judged(hosts))
		*code = CT_EXIT_INCONCLUSIVE;
	json_decref(all);
	json_decref(between);
	ct_buf_free(&out);
	return status;
}

ct_status ct_roce_check_all(struct ct_rank *rank, void *arg, int *code)
{
	const struct ct_roce_settings *s = arg;
	json_t *hosts = NULL;
	ct_status status = ct_roce_hosts(rank, s, &hosts);

	if (status == CT_OK && hosts != NULL)
		status = report(s, hosts, code);
	json_decref(hosts);
	return ct_session_agree(rank->session, status);
}

ct_status ct_roce_facts(struct ct_rank *rank, void *arg, int *code)
{
	const struct ct_roce_settings *s = arg;
	struct ct_buf out = ct_buf_make(TEXT_MOST);
	json_t *hosts = NULL;
	const json_t *row;
	size_t i;
	ct_status status = ct_roce_hosts(rank, s, &hosts);

	(void)code;
	if (status == CT_OK && hosts != NULL) {
		json_array_foreach(hosts, i, row)
			ct_roce_facts_show(row, &out);
		status = put(s, &out);
	}
	if (status == CT_OK && hosts != NULL && s->json != NULL)
		status = ct_json_save(hosts, s->json, MODE);
	json_decref(hosts);
	ct_buf_free(&out);
	return ct_session_agree(rank->session, status);
}

/* ---- the rules themselves --------------------------------------------------------------------- */

ct_status ct_roce_rules_list(struct ct_buf *out)
{
	for (const struct ct_roce_rule *r = ct_roce_rules(); r->rule.id != NULL; r++)
		ct_buf_add(out, "%-18s %-8s %s\n", r->rule.id, ct_severity_name(r->rule.severity),
			r->rule.looks_at);
	return ct_buf_status(out);
}

ct_status ct_roce_explain(const char *id, struct ct_buf *out)
{
	const struct ct_roce_rule *r = ct_roce_rule_find(id);
	const char *names[128] = { NULL };
	char hint[256], line[32];
	size_t n = 0;

	if (r == NULL) {
		for (r = ct_roce_rules(); r->rule.id != NULL && n < 127; r++)
			names[n++] = r->rule.id;
		return ct_fail(CT_INVALID, "--explain %s: no such rule%s", id, ct_name_hint(id, names, hint));
	}
	ct_buf_add(out, "%s (%s)\n", r->rule.id, ct_severity_name(r->rule.severity));
	ct_buf_wrapped(out, "looks at:  ", r->rule.looks_at);
	ct_buf_wrapped(out, "why:       ", r->rule.why);
	ct_buf_wrapped(out, "set:       ", r->set);
	ct_buf_wrapped(out, "undo:      ", r->undo);
	ct_buf_wrapped(out, "from:      ", r->rule.source);
	snprintf(line, sizeof(line), "%u of docs/roce.md", r->complaint);
	ct_buf_wrapped(out, "complaint: ", line);
	return ct_buf_status(out);
}
