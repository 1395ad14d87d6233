/* SPDX-License-Identifier: BSD-3-Clause */
/* Options written out: the echo in results and the man page's section; declared in option.h. */
#include <math.h>
#include <string.h>

#include "alloc.h"
#include "buf.h"
#include "option.h"

/* Text from a command line need not be UTF-8, which jansson would refuse. */
static json_t *echo_text(const char *text)
{
	size_t room;
	char *clean;
	json_t *json;

	if (text == NULL)
		return json_null();
	room = strlen(text) + 1;
	clean = ct_alloc(room, 1);
	if (clean == NULL)
		return NULL;
	ct_text_clean(clean, room, text);
	json = json_string(clean);
	ct_free(clean);
	return json;
}

static json_t *echo_choice(const struct ct_option *row, int index)
{
	for (int i = 0; row->choices[i] != NULL; i++)
		if (i == index)
			return json_string(row->choices[i]);
	return json_null();
}

/* A new reference, or NULL without memory. */
static json_t *echo_one(const struct ct_option *row, const void *settings)
{
	const void *value = (const char *)settings + row->offset;
	double real;

	switch (row->type) {
	case CT_OPT_FLAG:
		return json_boolean(*(const bool *)value);
	case CT_OPT_INT:
		return json_integer(*(const int64_t *)value);
	case CT_OPT_SIZE:
	case CT_OPT_TIME:
		return json_integer((json_int_t) * (const uint64_t *)value);
	case CT_OPT_REAL:
		real = *(const double *)value;
		return isfinite(real) ? json_real(real) : json_null();
	case CT_OPT_TEXT:
		return echo_text(*(const char *const *)value);
	case CT_OPT_CHOICE:
		return echo_choice(row, *(const int *)value);
	}
	return json_null();
}

json_t *ct_options_echo(const struct ct_option *const *lists, const void *settings)
{
	json_t *object = json_object();

	for (size_t l = 0; object != NULL && lists[l] != NULL; l++) {
		for (const struct ct_option *row = lists[l]; object != NULL && row->name != NULL;
		     row++) {
			/* _set_new takes the reference also when it fails, and refuses NULL. */
			if (json_object_set_new(object, row->name, echo_one(row, settings)) != 0) {
				json_decref(object);
				object = NULL;
			}
		}
	}
	if (object == NULL)
		ct_fail(CT_NOMEM, "no memory for the echo of the options");
	return object;
}

/* TEXT as roff: minus signs that can be copied, no escapes, no requests at a line's start. */
static void roff(struct ct_buf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		ct_buf_add(out, "\\&");
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			ct_buf_add(out, "\\e");
		else if (*text == '-')
			ct_buf_add(out, "\\-");
		else if (*text == '\n')
			ct_buf_add(out, " ");
		else
			ct_buf_add(out, "%c", *text);
	}
}

static void man_head(const struct ct_option *row, struct ct_buf *out)
{
	ct_buf_add(out, ".TP\n");
	if (row->letter != 0) {
		char letter[2] = { row->letter, '\0' };

		ct_buf_add(out, "\\fB\\-");
		roff(out, letter);
		ct_buf_add(out, "\\fR, ");
	}
	ct_buf_add(out, "\\fB\\-\\-");
	roff(out, row->name);
	ct_buf_add(out, "\\fR");
	if (row->type != CT_OPT_FLAG) {
		ct_buf_add(out, " \\fI");
		roff(out, row->arg != NULL ? row->arg : "VALUE");
		ct_buf_add(out, "\\fR");
	}
	ct_buf_add(out, "\n");
}

static void man_help(const struct ct_option *row, struct ct_buf *out)
{
	const char *help = row->help != NULL ? row->help : "";
	size_t length = strlen(help);

	roff(out, help);
	if (length > 0 && help[length - 1] != '.')
		ct_buf_add(out, ".");
	for (size_t i = 0; row->choices != NULL && row->choices[i] != NULL; i++) {
		ct_buf_add(out, i == 0 ? " One of " : ", ");
		roff(out, row->choices[i]);
	}
	if (row->choices != NULL)
		ct_buf_add(out, ".");
	if (row->dflt != NULL && row->type != CT_OPT_FLAG) {
		ct_buf_add(out, " Default: ");
		roff(out, row->dflt);
		ct_buf_add(out, ".");
	}
	ct_buf_add(out, "\n");
}

void ct_options_man(const struct ct_option *const *lists, struct ct_buf *out)
{
	for (size_t l = 0; lists[l] != NULL; l++) {
		for (const struct ct_option *row = lists[l]; row->name != NULL; row++) {
			man_head(row, out);
			man_help(row, out);
		}
	}
}
