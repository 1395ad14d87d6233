/* SPDX-License-Identifier: BSD-3-Clause */
/* What is wrong at which place of a rules file, and the values that several of its objects have. */
#include <string.h>

#include "internal.h"

enum { WORD_MOST = 63 };

ct_status ct_rules_bad(const struct ct_rules_place *at, const char *key, const char *what)
{
	return ct_fail(CT_INVALID, "%s: %s/%s: %s", at->file, at->pointer, key, what);
}

bool ct_rules_is_word(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return n > 0 && n <= WORD_MOST && text[n] == '\0';
}

ct_status ct_rules_range(const json_t *object, const struct ct_rules_place *at, const char *key,
	uint64_t range[2])
{
	const json_t *pair = json_object_get(object, key);

	if (pair == NULL)
		return ct_rules_bad(at, key, "missing");
	if (!json_is_array(pair) || json_array_size(pair) != 2)
		return ct_rules_bad(at, key, "not a pair [low, high]");
	for (size_t i = 0; i < 2; i++) {
		const json_t *end = json_array_get(pair, i);

		if (!json_is_integer(end) || json_integer_value(end) < 0)
			return ct_fail(CT_INVALID, "%s: %s/%s/%zu: not a whole number from 0",
				at->file, at->pointer, key, i);
		range[i] = (uint64_t)json_integer_value(end);
	}
	if (range[0] > range[1])
		return ct_fail(CT_INVALID, "%s: %s/%s: low %llu is above high %llu", at->file,
			at->pointer, key, (unsigned long long)range[0],
			(unsigned long long)range[1]);
	return CT_OK;
}
