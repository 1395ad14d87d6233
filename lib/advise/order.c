/* SPDX-License-Identifier: BSD-3-Clause */
/* The one list at the end of accept and of tune. */
#include "advise.h"

/* Smaller comes first. */
static int place(const struct ct_finding *f)
{
	if (f->severity == CT_SEVERITY_WARNING)
		return 0;
	if (f->severity == CT_SEVERITY_NOTE)
		return 3;
	return f->measured ? 1 : 2;
}

static int before(const void *a, const void *b)
{
	const struct ct_finding *x = a, *y = b;

	if (place(x) != place(y))
		return place(x) - place(y);
	if (place(x) != 1)
		return 0;
	return (x->gain.ratio < y->gain.ratio) - (x->gain.ratio > y->gain.ratio);
}

/* Insertion keeps the order of equals; there are few. */
void ct_findings_order(struct ct_findings *findings)
{
	for (size_t i = 1; i < findings->n; i++) {
		struct ct_finding one = findings->list[i];
		size_t k = i;

		for (; k > 0 && before(&findings->list[k - 1], &one) > 0; k--)
			findings->list[k] = findings->list[k - 1];
		findings->list[k] = one;
	}
}

void ct_findings_list(const struct ct_findings *findings, struct ct_buf *out)
{
	ct_buf_add(out, "\nSuggestions, the most urgent and the largest gain first\n");
	for (size_t i = 0; i < findings->n; i++)
		ct_finding_text(&findings->list[i], out);
}
