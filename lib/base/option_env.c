/* SPDX-License-Identifier: BSD-3-Clause */
/* Options from the environment; declared in option.h. */
#include <stdio.h>
#include <string.h>

#include "names.h"
#include "option.h"

enum { WORD_BYTES = 64 };

static const char prefix[] = "COLLTUNE_";
enum { PREFIX_BYTES = sizeof(prefix) - 1 };

/* An option's letter as the environment writes it. Not toupper(): no locale. */
static char env_letter(char c)
{
	if (c == '-')
		return '_';
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* The other way, so that an unknown variable can be compared with options. */
static char option_letter(char c)
{
	if (c == '_')
		return '-';
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether the LENGTH bytes at VARIABLE, behind the prefix, are option NAME. */
static bool is_for(const char *variable, size_t length, const char *name)
{
	size_t i;

	for (i = 0; i < length && name[i] != '\0'; i++)
		if (variable[i] != env_letter(name[i]))
			return false;
	return i == length && name[i] == '\0';
}

static const struct ct_option *row_for(const struct ct_option *const *lists, const char *variable,
				       size_t length)
{
	for (size_t l = 0; lists[l] != NULL; l++)
		for (const struct ct_option *row = lists[l]; row->name != NULL; row++)
			if (is_for(variable, length, row->name))
				return row;
	return NULL;
}

static bool is_also(const char *const *also, const char *entry, size_t length)
{
	for (size_t i = 0; also != NULL && also[i] != NULL; i++)
		if (strlen(also[i]) == length && strncmp(also[i], entry, length) == 0)
			return true;
	return false;
}

/* The name of ALSO nearest to ENTRY, with the distance of what follows the prefix. */
static const char *nearest_also(const char *const *also, const char *entry, size_t *least)
{
	const char *best = NULL;

	for (size_t i = 0; also != NULL && also[i] != NULL; i++) {
		const char *name = also[i];
		size_t distance;

		if (strncmp(name, prefix, PREFIX_BYTES) != 0)
			continue;
		distance = ct_edit_distance(entry + PREFIX_BYTES, name + PREFIX_BYTES);
		if (distance < *least) {
			*least = distance;
			best = name;
		}
	}
	return best;
}

/* ENTRY's name is LENGTH bytes, prefix included, and nobody knows it. */
static ct_status unknown(const struct ct_option *const *lists, const char *const *also,
			 const char *entry, size_t length)
{
	char name[PREFIX_BYTES + WORD_BYTES], word[WORD_BYTES], near[PREFIX_BYTES + WORD_BYTES];
	const char *option, *other;
	size_t least, i;

	snprintf(name, sizeof(name), "%.*s", (int)(length < sizeof(name) ? length : sizeof(name)),
		 entry);
	for (i = 0; name[PREFIX_BYTES + i] != '\0'; i++)
		word[i] = option_letter(name[PREFIX_BYTES + i]);
	word[i] = '\0';
	option = ct_option_nearest(lists, word);
	least = option == NULL ? i / 2 + 1 : ct_edit_distance(word, option);
	other = nearest_also(also, name, &least);
	if (other != NULL) {
		snprintf(near, sizeof(near), "%s", other);
	} else if (option != NULL) {
		snprintf(near, sizeof(near), "%s%s", prefix, option);
		for (i = PREFIX_BYTES; near[i] != '\0'; i++)
			near[i] = env_letter(near[i]);
	} else {
		return ct_fail(CT_INVALID, "unknown environment variable %s", name);
	}
	return ct_fail(CT_INVALID, "unknown environment variable %s; did you mean %s?", name, near);
}

/* Sets the option that ENTRY ("COLLTUNE_X=text", the name LENGTH bytes long) is for. */
static ct_status set_one(const struct ct_option *const *lists, const char *entry, size_t length,
			 void *settings)
{
	const struct ct_option *row = row_for(lists, entry + PREFIX_BYTES, length - PREFIX_BYTES);
	char where[PREFIX_BYTES + WORD_BYTES];

	if (row == NULL)
		return CT_OK;
	snprintf(where, sizeof(where), "%.*s",
		 (int)(length < sizeof(where) ? length : sizeof(where)), entry);
	return ct_option_set(row, settings, entry + length + 1, where);
}

ct_status ct_options_environment(const struct ct_option *const *lists, char *const *env,
				 const char *const *also, void *settings)
{
	ct_status status = CT_OK;

	/* Names first: nothing is set when one of them is wrong. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; env != NULL && env[i] != NULL && status == CT_OK; i++) {
			const char *entry = env[i], *sign = strchr(entry, '=');
			size_t length;

			if (sign == NULL || strncmp(entry, prefix, PREFIX_BYTES) != 0)
				continue;
			length = (size_t)(sign - entry);
			if (row_for(lists, entry + PREFIX_BYTES, length - PREFIX_BYTES) != NULL) {
				if (pass == 1)
					status = set_one(lists, entry, length, settings);
			} else if (!is_also(also, entry, length)) {
				status = unknown(lists, also, entry, length);
			}
		}
	}
	return status;
}
