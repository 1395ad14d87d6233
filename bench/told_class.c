/* SPDX-License-Identifier: BSD-3-Clause */
#include "told_class.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nccl_variables.h"

enum { UCX_CLASS = 106, LINE = 512, LINES_MOST = 10000 };

static const char ucx_name[] = "UCX_IB_TRAFFIC_CLASS", nccl_name[] = "NCCL_IB_TC";

static void take(struct ct_told_class *told, const char *name, const char *text, const char *file)
{
	char clean[sizeof(told->by)];
	int64_t value;

	ct_text_clean(clean, sizeof(clean), file);
	snprintf(told->by, sizeof(told->by), "%s%s%.60s", name, file[0] != '\0' ? " in " : "", clean);
	told->value = ct_int_parse(text, 0, 255, &value) == CT_OK ? value : CT_TOLD_UNKNOWN;
}

/* TEXT without blanks at its ends; what it points into is cut. */
static char *trim(char *text)
{
	size_t n;

	text += strspn(text, " \t");
	for (n = strlen(text); n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL; n--)
		text[n - 1] = '\0';
	return text;
}

/* The value in a line "NAME = VALUE ; remark" of UCX's file, else NULL. */
static char *value_of(char *line, const char *name)
{
	char *value = strpbrk(line, "=:"), *remark;

	if (value == NULL || line[0] == '#' || line[0] == ';')
		return NULL;
	*value++ = '\0';
	if (strcmp(trim(line), name) != 0)
		return NULL;
	remark = strstr(value, " ;");
	if (remark != NULL)
		*remark = '\0';
	return trim(value);
}

/* The last of a file's lines stands, and the last file. */
static void take_ucx_file(struct ct_told_class *told, const char *folder)
{
	char path[PATH_MAX], line[LINE];
	FILE *file;

	if (folder == NULL || snprintf(path, sizeof(path), "%s/ucx.conf", folder) >= (int)sizeof(path))
		return;
	file = ct_conf_open(path);
	if (file == NULL)
		return;
	for (int i = 0; i < LINES_MOST && fgets(line, sizeof(line), file) != NULL && line[0] != '['; i++) {
		const char *value = value_of(line, ucx_name);

		if (value != NULL && strcmp(value, "auto") != 0)
			take(told, ucx_name, value, path);
		else if (value != NULL)
			*told = (struct ct_told_class){ UCX_CLASS, "UCX's default on RoCE" };
	}
	fclose(file);
}

void ct_told_ucx(struct ct_told_class *told)
{
	const char *text = secure_getenv(ucx_name);

	*told = (struct ct_told_class){ UCX_CLASS, "UCX's default on RoCE" };
	if (text != NULL && strcmp(text, "auto") != 0)
		take(told, ucx_name, text, "");
	if (text != NULL)
		return;
	take_ucx_file(told, "/etc/ucx");
	take_ucx_file(told, secure_getenv("HOME"));
	take_ucx_file(told, secure_getenv("UCX_CONFIG_DIR"));
	take_ucx_file(told, ".");
}

void ct_told_nccl(struct ct_told_class *told)
{
	struct ct_nccl_variables all;
	const struct ct_nccl_variable *tc;

	*told = (struct ct_told_class){ 0, "NCCL's default" };
	if (ct_nccl_variables_here(&all) != CT_OK)
		return;
	tc = ct_nccl_variable(&all, nccl_name);
	if (tc != NULL)
		take(told, nccl_name, tc->value, strcmp(tc->origin, "environment") == 0 ? "" : tc->origin);
	ct_nccl_variables_free(&all);
}
