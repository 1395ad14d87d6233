/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune tune --searches N: what searches in a row chose, and whether it matters. */
#include "tune.h"

#include <stdio.h>
#include <string.h>

/* "7x ring segment=0, 3x default" */
static void show_choices(const struct ct_tune_repeat *r, const struct ct_tune_part *part, size_t at)
{
	const uint32_t *choice = &r->choice[at * CT_REPEAT_MOST];
	bool first = true;

	for (uint32_t k = 0; k < r->searches; k++) {
		uint32_t before = 0, all = 0;
		char text[96];

		for (uint32_t j = 0; j < r->searches; j++) {
			before += j < k && choice[j] == choice[k];
			all += choice[j] == choice[k];
		}
		if (before > 0)
			continue;
		printf("%s%ux %s", first ? "" : ", ", all, ct_tune_cell_text(&part->cells[choice[k]], text));
		first = false;
	}
}

static void show_size(const struct ct_tune_repeat *r, const struct ct_tune_part *part, size_t i, size_t at)
{
	const struct ct_alike *set = &r->set[at];

	if (set->n < 2)
		printf("%14llu %-12s %21s  ", (unsigned long long)part->sizes[i], "the same", "");
	else
		printf("%14llu %-12s %5.2f [%5.2f %6.2f] %u  ", (unsigned long long)part->sizes[i],
			ct_alike_text(set), set->ratio.ratio, set->ratio.low, set->ratio.high, set->blocks);
	show_choices(r, part, at);
	printf("\n");
}

static void show_sum(const char *what, const struct ct_tune_repeat *r, const struct ct_tune_repeated *sum)
{
	printf("# searches %s searches=%u sizes=%zu same=%zu equivalent=%zu differ=%zu unresolved=%zu "
		"most_percent=%.1f choices=%zu fast=%zu slow=%zu\n", what, r->searches, sum->sizes, sum->same,
		sum->equivalent, sum->differ, sum->open, 100 * (sum->most - 1), sum->choices, sum->fast, sum->slow);
}

static void show(const struct ct_tuned *t, const struct ct_tune_repeat *r)
{
	struct ct_tune_repeated all = ct_tune_repeated(r, 0, r->nsets);
	size_t at = 0;

	for (size_t p = 0; p < t->nparts; p++) {
		const struct ct_tune_part *part = &t->parts[p];
		struct ct_tune_repeated sum = ct_tune_repeated(r, at, part->nsizes);
		char what[96];

		printf("\n# %u searches in a row: %s, %s; ratios of the two choices furthest apart, of blocks of "
			"fresh samples\n# %12s %-12s %21s %s\n", r->searches, ct_coll_name(part->coll),
			part->backend, "size", "choices are", "ratio [99.5 %] blocks", " searches that chose");
		for (size_t i = 0; i < part->nsizes; i++)
			show_size(r, part, i, at + i);
		snprintf(what, sizeof(what), "coll=%s backend=%s", ct_coll_name(part->coll), part->backend);
		show_sum(what, r, &sum);
		at += part->nsizes;
	}
	printf("\n# %u searches in a row, %zu sizes: %zu the same choice, %zu equivalent within 5 %%, %zu differ "
		"(by %.1f %% at most), %zu not resolved\n", r->searches, all.sizes, all.same, all.equivalent,
		all.differ, 100 * (all.most - 1), all.open);
	printf("# of their %zu choices %zu are as fast as the fastest choice at that size, within 5 %%, %zu are "
		"slower, %zu not resolved\n", all.choices, all.fast, all.slow,
		all.choices - all.fast - all.slow);
	fflush(stdout);
}

ct_status ct_tune_searches(const struct ct_rank *rank, const struct ct_tune_settings *s, struct ct_tuned *tuned)
{
	struct ct_tune_repeat repeat;
	ct_status status = ct_tune_repeat(tuned, (uint32_t)s->searches, s->budget, &repeat);

	if (status != CT_OK)
		return status;
	if (rank->world.rank == 0)
		show(tuned, &repeat);
	ct_tune_repeat_free(&repeat);
	return CT_OK;
}
