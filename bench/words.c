/* SPDX-License-Identifier: BSD-3-Clause */
#include "words.h"

#include <stdio.h>
#include <string.h>

ct_status ct_words_add(struct ct_words *w, const char *const *more)
{
	for (; *more != NULL; more++) {
		if (w->n == CT_WORDS_MOST)
			return ct_fail(CT_INVALID, "a command of more than %d words", (int)CT_WORDS_MOST);
		w->list[w->n++] = *more;
		w->list[w->n] = NULL;
	}
	return CT_OK;
}

ct_status ct_words_split(struct ct_words *w, const char *text, const char *option)
{
	char *save = NULL;
	ct_status status = CT_OK;

	w->n = 0;
	if ((size_t)snprintf(w->copy, sizeof(w->copy), "%s", text) >= sizeof(w->copy))
		return ct_fail(CT_INVALID, "%s: longer than %zu bytes", option, sizeof(w->copy) - 1);
	for (char *word = strtok_r(w->copy, " \t", &save); word != NULL && status == CT_OK;
		word = strtok_r(NULL, " \t", &save)) {
		const char *const one[] = { word, NULL };

		status = ct_words_add(w, one);
	}
	if (status == CT_OK && w->n == 0)
		status = ct_fail(CT_INVALID, "%s: no command", option);
	return status;
}
