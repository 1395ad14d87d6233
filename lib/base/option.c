/* SPDX-License-Identifier: BSD-3-Clause */
/* Setting and finding; what is derived from the rows is in option_env.c and option_out.c. */
#include <float.h>
#include <string.h>

#include "alloc.h"
#include "names.h"
#include "option.h"
#include "units.h"

static void *value_of(const struct ct_option *row, void *settings)
{
	return (char *)settings + row->offset;
}

static bool unbounded(const struct ct_option *row)
{
	return row->low == 0 && row->high == 0;
}

/* A bound as int64_t; doubles beyond the type's ends are the ends. */
static int64_t whole_bound(double bound)
{
	if (bound >= 0x1p63)
		return INT64_MAX;
	return bound <= -0x1p63 ? INT64_MIN : (int64_t)bound;
}

static ct_status set_flag(const struct ct_option *row, void *settings, const char *text)
{
	static const char *const words[] = { "0", "1", "no", "yes", "false", "true", NULL };

	for (size_t i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0) {
			*(bool *)value_of(row, settings) = i % 2 == 1;
			return CT_OK;
		}
	}
	return ct_fail(CT_INVALID, "\"%s\" is none of 0, 1, no, yes, false, true", text);
}

static ct_status set_int(const struct ct_option *row, void *settings, const char *text)
{
	int64_t low = unbounded(row) ? INT64_MIN : whole_bound(row->low);
	int64_t high = unbounded(row) ? INT64_MAX : whole_bound(row->high);

	return ct_int_parse(text, low, high, value_of(row, settings));
}

static ct_status set_size_or_time(const struct ct_option *row, void *settings, const char *text)
{
	const char *(*show)(uint64_t, char *) = ct_time_text;
	char low[32], high[32];
	uint64_t v = 0;
	ct_status status;

	if (row->type == CT_OPT_SIZE) {
		show = ct_size_text;
		status = ct_size_parse(text, &v);
	} else {
		status = ct_time_parse(text, &v);
	}
	if (status != CT_OK)
		return status;
	if (!unbounded(row) && ((double)v < row->low || (double)v > row->high))
		return ct_fail(CT_INVALID, "%s is outside %s to %s", text,
			       show((uint64_t)whole_bound(row->low), low),
			       show((uint64_t)whole_bound(row->high), high));
	*(uint64_t *)value_of(row, settings) = v;
	return CT_OK;
}

static ct_status set_real(const struct ct_option *row, void *settings, const char *text)
{
	double low = unbounded(row) ? -DBL_MAX : row->low;
	double high = unbounded(row) ? DBL_MAX : row->high;

	return ct_real_parse(text, low, high, value_of(row, settings));
}

static ct_status set_text(const struct ct_option *row, void *settings, const char *text)
{
	const char **value = value_of(row, settings);
	char *copy = ct_strdup(text);

	if (copy == NULL)
		return CT_NOMEM;
	ct_free((char *)*value);
	*value = copy;
	return CT_OK;
}

static ct_status set_choice(const struct ct_option *row, void *settings, const char *text)
{
	char hint[256];

	for (int i = 0; row->choices[i] != NULL; i++) {
		if (strcmp(text, row->choices[i]) == 0) {
			*(int *)value_of(row, settings) = i;
			return CT_OK;
		}
	}
	return ct_fail(CT_INVALID, "unknown choice \"%s\"%s", text,
		       ct_name_hint(text, row->choices, hint));
}

ct_status ct_option_set(const struct ct_option *row, void *settings, const char *text,
			const char *where)
{
	ct_status status = CT_OK;

	if (text == NULL && row->type == CT_OPT_FLAG)
		text = "1";
	if (text == NULL)
		return ct_fail(CT_INVALID, "%s: needs a value", where);
	switch (row->type) {
	case CT_OPT_FLAG:
		status = set_flag(row, settings, text);
		break;
	case CT_OPT_INT:
		status = set_int(row, settings, text);
		break;
	case CT_OPT_SIZE:
	case CT_OPT_TIME:
		status = set_size_or_time(row, settings, text);
		break;
	case CT_OPT_REAL:
		status = set_real(row, settings, text);
		break;
	case CT_OPT_TEXT:
		status = set_text(row, settings, text);
		break;
	case CT_OPT_CHOICE:
		status = set_choice(row, settings, text);
		break;
	}
	return status == CT_OK ? CT_OK : ct_fail(status, "%s: %s", where, ct_why());
}

/* Writes the zero of the row's type. */
static void clear(const struct ct_option *row, void *settings)
{
	static const size_t bytes[] = {
		[CT_OPT_FLAG] = sizeof(bool),	  [CT_OPT_INT] = sizeof(int64_t),
		[CT_OPT_SIZE] = sizeof(uint64_t), [CT_OPT_TIME] = sizeof(uint64_t),
		[CT_OPT_REAL] = sizeof(double),	  [CT_OPT_TEXT] = sizeof(const char *),
		[CT_OPT_CHOICE] = sizeof(int),
	};

	memset(value_of(row, settings), 0, bytes[row->type]);
}

ct_status ct_options_default(const struct ct_option *const *lists, void *settings)
{
	/* All first, so that freeing after a failure in the middle meets no garbage. */
	for (size_t l = 0; lists[l] != NULL; l++)
		for (const struct ct_option *row = lists[l]; row->name != NULL; row++)
			clear(row, settings);
	for (size_t l = 0; lists[l] != NULL; l++) {
		for (const struct ct_option *row = lists[l]; row->name != NULL; row++) {
			ct_status status = CT_OK;

			if (row->dflt != NULL)
				status = ct_option_set(row, settings, row->dflt, row->name);
			if (status != CT_OK) {
				ct_options_free(lists, settings);
				return status;
			}
		}
	}
	return CT_OK;
}

const char *ct_option_nearest(const struct ct_option *const *lists, const char *name)
{
	const char *best = NULL;
	size_t least = SIZE_MAX;

	for (size_t l = 0; lists[l] != NULL; l++) {
		const char *near;
		size_t rows = 0, distance;

		while (lists[l][rows].name != NULL)
			rows++;
		near = ct_nearest_row(name, lists[l], rows, sizeof(lists[l][0]));
		distance = near == NULL ? SIZE_MAX : ct_edit_distance(name, near);
		if (distance < least) {
			least = distance;
			best = near;
		}
	}
	return best;
}

ct_status ct_option_find(const struct ct_option *const *lists, const char *name,
			 const struct ct_option **row)
{
	const char *near;

	for (size_t l = 0; lists[l] != NULL; l++) {
		for (const struct ct_option *r = lists[l]; r->name != NULL; r++) {
			if (strcmp(r->name, name) == 0) {
				*row = r;
				return CT_OK;
			}
		}
	}
	near = ct_option_nearest(lists, name);
	if (near == NULL)
		return ct_fail(CT_INVALID, "unknown option --%s", name);
	return ct_fail(CT_INVALID, "unknown option --%s; did you mean --%s?", name, near);
}

void ct_options_free(const struct ct_option *const *lists, void *settings)
{
	for (size_t l = 0; lists[l] != NULL; l++) {
		for (const struct ct_option *row = lists[l]; row->name != NULL; row++) {
			const char **value = value_of(row, settings);

			if (row->type != CT_OPT_TEXT)
				continue;
			ct_free((char *)*value);
			*value = NULL;
		}
	}
}
