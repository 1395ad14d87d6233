/* SPDX-License-Identifier: BSD-3-Clause */
/* ct_advice: rules in memory, and as the files of those who start next. */
#include <string.h>

#include "api.h"
#include "base/base.h"
#include "tune/tune.h"

ct_status ct_advice_make(char *text, size_t bytes, const char *name, struct ct_advice **advice)
{
	struct ct_advice *a = ct_alloc(1, sizeof(*a));
	ct_status status = CT_NOMEM;

	if (a != NULL)
		status = ct_rules_parse(text, bytes, name, &a->rules);
	if (status != CT_OK) {
		ct_free(a);
		ct_free(text);
		return status;
	}
	a->text = text;
	*advice = a;
	return CT_OK;
}

ct_status ct_advice_load(const char *path, ct_advice **advice)
{
	char *text = NULL;
	size_t bytes = 0;
	ct_status status;

	if (path == NULL || advice == NULL)
		return ct_fail(CT_INVALID, "ct_advice_load: no path, or no place for the advice");
	status = ct_rules_read(path, &text, &bytes);
	return status == CT_OK ? ct_advice_make(text, bytes, path, advice) : status;
}

size_t ct_advice_count(const ct_advice *advice)
{
	return advice != NULL ? ct_rules_count(advice->rules) : 0;
}

const char *ct_advice_text(const ct_advice *advice)
{
	return advice->text;
}

static const struct ct_exporter *find_exporter(const char *format)
{
	const struct ct_exporter *e = ct_exporters();

	while (e->name != NULL && strcmp(e->name, format) != 0)
		e++;
	return e->name != NULL ? e : NULL;
}

static ct_status unknown_format(const char *format)
{
	const char *names[32] = { "rules" }, *near;
	size_t n = 1;

	for (const struct ct_exporter *e = ct_exporters(); e->name != NULL && n < 31; e++)
		names[n++] = e->name;
	near = ct_nearest(format, names);
	return ct_fail(CT_INVALID, "ct_advice_export: no format is called %.40s; did you mean %s?", format,
		near != NULL ? near : names[0]);
}

ct_status ct_advice_export(const ct_advice *advice, const char *format, const char *path,
	const char **use)
{
	struct ct_export_in in = { .target_path = path };
	const struct ct_exporter *exporter;
	struct ct_export out = { .written = 0 };
	ct_status status;

	if (advice == NULL || format == NULL || path == NULL)
		return ct_fail(CT_INVALID, "ct_advice_export: no advice, format or path");
	if (strcmp(format, "rules") == 0) {
		status = ct_file_save(path, advice->text, strlen(advice->text), 0644);
		if (status == CT_OK && use != NULL)
			*use = "COLLTUNE_RULES=FILE for the NCCL plugin; ct_comm_attr.rules = FILE";
		return status;
	}
	exporter = find_exporter(format);
	if (exporter == NULL)
		return unknown_format(format);
	in.rules = advice->rules;
	status = ct_export_write(exporter, &in, &out);
	if (status == CT_OK)
		status = ct_file_save(path, out.text.text, out.text.used, 0644);
	if (status == CT_OK && use != NULL)
		*use = exporter->use;
	ct_export_free(&out);
	return status;
}

void ct_advice_free(ct_advice *advice)
{
	if (advice == NULL)
		return;
	ct_rules_free(advice->rules);
	ct_free(advice->text);
	ct_free(advice);
}
