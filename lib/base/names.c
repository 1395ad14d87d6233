/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "names.h"

enum { NAME_MOST = 63 }; /* longer words are nobody's typing error */

#define NAME_TEXT(name, text) text,
static const char *const colls[] = { CT_COLL_LIST(NAME_TEXT) NULL };
static const char *const types[] = { CT_TYPE_LIST(NAME_TEXT) NULL };
static const char *const ops[] = { CT_OP_LIST(NAME_TEXT) NULL };
#undef NAME_TEXT

static const struct {
	const char *name;
	ct_type type;
} synonyms[] = {
	{ "int", CT_INT32 },	 { "fp16", CT_HALF },	  { "float16", CT_HALF },
	{ "bf16", CT_BFLOAT16 }, { "float32", CT_FLOAT }, { "float64", CT_DOUBLE },
};

const char *ct_coll_name(ct_coll coll)
{
	return (unsigned int)coll < CT_NCOLLS ? colls[coll] : "?";
}

const char *ct_type_name(ct_type type)
{
	return (unsigned int)type < CT_NTYPES ? types[type] : "?";
}

const char *ct_op_name(ct_op op)
{
	return (unsigned int)op < CT_NOPS ? ops[op] : "?";
}

size_t ct_type_bytes(ct_type type)
{
	switch (type) {
	case CT_HALF:
	case CT_BFLOAT16:
		return 2;
	case CT_INT32:
	case CT_FLOAT:
		return 4;
	case CT_INT64:
	case CT_DOUBLE:
		return 8;
	case CT_NTYPES:
		break;
	}
	return 0;
}

/* Optimal string alignment: insert, delete, replace, swap neighbours; case does not count. */
size_t ct_edit_distance(const char *a, const char *b)
{
	uint8_t row[3][NAME_MOST + 1]; /* rows i - 2, i - 1 and i of the table, turning */
	size_t na = strnlen(a, NAME_MOST + 1), nb = strnlen(b, NAME_MOST + 1);

	if (na > NAME_MOST || nb > NAME_MOST)
		return SIZE_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= na; i++) {
		uint8_t *now = row[i % 3];
		const uint8_t *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
		int ca = tolower((unsigned char)a[i - 1]), cb, last = 0;

		now[0] = (uint8_t)i;
		for (size_t j = 1; j <= nb; j++, last = cb) {
			unsigned int least;

			cb = tolower((unsigned char)b[j - 1]);
			least = up[j - 1] + (ca != cb);
			if (up[j] + 1u < least)
				least = up[j] + 1u;
			if (now[j - 1] + 1u < least)
				least = now[j - 1] + 1u;
			if (i > 1 && j > 1 && ca == last &&
			    cb == tolower((unsigned char)a[i - 2]) && up2[j - 2] + 1u < least)
				least = up2[j - 2] + 1u;
			now[j] = (uint8_t)least;
		}
	}
	return row[na % 3][nb];
}

/* Rows of ROW_BYTES whose first member is the name; a NULL name is passed over. */
const char *ct_nearest_row(const char *text, const void *rows, size_t count, size_t row_bytes)
{
	const char *best = NULL;
	size_t bound = strlen(text) / 2 + 1;

	for (size_t i = 0; i < count; i++) {
		const char *name;
		size_t distance;

		memcpy(&name, (const char *)rows + i * row_bytes, sizeof(name));
		if (name == NULL)
			continue;
		distance = ct_edit_distance(text, name);
		if (distance < bound) {
			bound = distance;
			best = name;
		}
	}
	return best;
}

const char *ct_nearest(const char *text, const char *const *names)
{
	size_t count = 0;

	while (names[count] != NULL)
		count++;
	return ct_nearest_row(text, names, count, sizeof(names[0]));
}

const char *ct_name_hint(const char *text, const char *const *names, char out[256])
{
	const char *near = ct_nearest(text, names);
	size_t used = 0;

	if (near != NULL) {
		snprintf(out, 256, "; did you mean \"%s\"?", near);
		return out;
	}
	out[0] = '\0';
	for (size_t i = 0; names[i] != NULL && used < 255; i++) {
		int more = snprintf(out + used, 256 - used, "%s%s", i == 0 ? "; known: " : ", ",
				    names[i]);

		if (more < 0)
			break;
		used += (size_t)more;
	}
	return out;
}

/* Index of TEXT in NAMES, or -1 with the reason set. */
static int index_of(const char *what, const char *text, const char *const *names)
{
	char hint[256];

	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	ct_fail(CT_INVALID, "unknown %s \"%s\"%s", what, text, ct_name_hint(text, names, hint));
	return -1;
}

ct_status ct_coll_parse(const char *text, ct_coll *coll)
{
	int i = index_of("operation", text, colls);

	if (i < 0)
		return CT_INVALID;
	*coll = (ct_coll)i;
	return CT_OK;
}

ct_status ct_type_parse(const char *text, ct_type *type)
{
	int i;

	for (size_t k = 0; k < sizeof(synonyms) / sizeof(synonyms[0]); k++) {
		if (strcmp(text, synonyms[k].name) == 0) {
			*type = synonyms[k].type;
			return CT_OK;
		}
	}
	i = index_of("data type", text, types);
	if (i < 0)
		return CT_INVALID;
	*type = (ct_type)i;
	return CT_OK;
}

ct_status ct_op_parse(const char *text, ct_op *op)
{
	int i = index_of("reduction", text, ops);

	if (i < 0)
		return CT_INVALID;
	*op = (ct_op)i;
	return CT_OK;
}
