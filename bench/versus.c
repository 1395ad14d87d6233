/* SPDX-License-Identifier: BSD-3-Clause */
#include "versus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "advise/advise.h"
#include "compare.h"

enum { TEXT_LIMIT = 16 << 20 };

bool ct_versus_nets(const struct ct_candidate *c, size_t n)
{
	struct ct_candidate a, b;

	if (n != 2 || strcmp(c[0].net, c[1].net) == 0)
		return false;
	a = c[0];
	b = c[1];
	a.net[0] = b.net[0] = '\0';
	return ct_candidate_same(&a, &b);
}

/* The results of all rounds in one row; their texts and numbers only. CT_NOMEM. */
static ct_status gather(const struct ct_shown *s, json_t *environment, struct ct_records *records)
{
	size_t n = s->plan->ntests * s->ncandidates * s->rounds;

	*records = (struct ct_records){ .environment = environment,
		.results = ct_alloc(n, sizeof(*records->results)), .room = n };
	if (records->results == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < n; i++)
		if (s->there[i])
			records->results[records->n++] = s->results[i];
	return CT_OK;
}

/* Rows of the table begin with blanks, since sizes are right-aligned: one of them gives way. */
static ct_status put(const struct ct_buf *text)
{
	const char *line = text->text, *end;

	for (; *line != '\0'; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		if (*line != '#')
			putchar('#');
		if (*line == ' ')
			line++;
		printf("%.*s\n", (int)(end - line), line);
	}
	if (fflush(stdout) == EOF)
		return ct_fail(CT_IO, "cannot write to standard output: %s", strerror(errno));
	return CT_OK;
}

static ct_status tell(struct ct_comparison *c)
{
	struct ct_buf text = ct_buf_make(TEXT_LIMIT), verdict = ct_buf_make(TEXT_LIMIT);
	ct_status status;

	ct_buf_add(&text, "# A against B, measured in turns in this run\n");
	ct_compare_blocks(c, &text);
	c->rivals = true;
	ct_comparison_verdict(c, &verdict);
	status = ct_buf_status(&verdict);
	if (status == CT_OK) {
		ct_buf_add(&text, "#\n# Verdict: %s\n#\n", verdict.text);
		status = ct_buf_status(&text);
	}
	if (status == CT_OK)
		status = put(&text);
	ct_buf_free(&verdict);
	ct_buf_free(&text);
	return status;
}

ct_status ct_versus_show(const struct ct_shown *shown, json_t *environment)
{
	char names[CT_SIDES][96];
	struct ct_compare_in in[CT_SIDES];
	struct ct_comparison comparison;
	struct ct_records records;
	ct_status status = gather(shown, environment, &records);

	for (int side = 0; side < CT_SIDES; side++) {
		ct_candidate_text(&shown->candidates[side], names[side]);
		in[side] = (struct ct_compare_in){ .name = names[side], .records = &records,
			.candidate = names[side] };
	}
	if (status == CT_OK)
		status = ct_comparison_make(in, &comparison);
	if (status == CT_OK) {
		status = tell(&comparison);
		ct_comparison_free(&comparison);
	}
	ct_free(records.results);
	return status;
}
