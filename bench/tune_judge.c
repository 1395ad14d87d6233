/* SPDX-License-Identifier: BSD-3-Clause */
/* What was not searched: predictions for other numbers of ranks, and what a search was worth. */
#include "tune.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The cell with the least prediction; 0 = none has one. */
static double best_predicted(const struct ct_tune_part *part, uint64_t bytes, uint32_t ranks,
	uint32_t per_host, uint32_t *cell, bool *alike)
{
	double least = 0;

	for (uint32_t c = 1; c < part->ncells; c++) {
		bool one = false;
		double ns = ct_tune_predict(part, c, bytes, ranks, per_host, &one);

		if (ns > 0 && (least == 0 || ns < least)) {
			least = ns;
			*cell = c;
			*alike = one;
		}
	}
	return least;
}

void ct_tune_show_predicted(const struct ct_tuned *t, const struct ct_world *w, uint32_t ranks)
{
	printf("\n# PREDICTED for %u ranks, %u on each host, not measured", ranks, w->hosts[0].ranks);
	if (w->nhosts == 1)
		printf("; no link between hosts was measured here, so all are taken for links within one");
	printf("\n");
	for (size_t p = 0; p < t->nparts; p++) {
		const struct ct_tune_part *part = &t->parts[p];

		for (size_t i = 0; i < part->nsizes; i += 3) {
			uint32_t cell = 0;
			bool alike = false;
			uint64_t bytes = part->sizes[i] >= ranks * 4ull ? part->sizes[i] : ranks * 4ull;
			double ns = best_predicted(part, bytes, ranks, w->hosts[0].ranks, &cell, &alike);
			char text[96];

			if (ns > 0)
				printf("# predicted: %s of %s, %llu B: %.2f us by %s%s\n",
					ct_coll_name(part->coll), part->backend, (unsigned long long)bytes,
					ns / 1e3, ct_tune_cell_text(&part->cells[cell], text),
					alike ? " (one rank's steps stand for all)" : "");
		}
	}
}

/* "faster", "equivalent", "slower" or "not resolved". */
static const char *word_of(struct ct_ratio r)
{
	if (r.low > 1)
		return "faster";
	if (r.low >= 0.95 && r.high <= 1.05)
		return "equivalent";
	return r.high < 1 ? "slower" : "not resolved";
}

static void show_held(const struct ct_tune_verdict *v)
{
	unsigned good = 0, bad = 0;

	for (size_t k = 0; k < v->nheld; k++) {
		const struct ct_alike *held = &v->held[k];
		const char *word = ct_alike_text(held);

		good += strcmp(word, "faster") == 0 || strcmp(word, "equivalent") == 0;
		bad += strcmp(word, "slower") == 0;
		printf("# held out: %llu B: %.2f [%.2f %.2f] %s%s\n", (unsigned long long)v->held_bytes[k],
			held->ratio.ratio, held->ratio.low, held->ratio.high, word,
			held->n < 2 ? " (the default)" : "");
	}
	printf("# held-out sizes: %u of %zu equivalent or faster, %u slower, %zu not resolved\n", good,
		v->nheld, bad, v->nheld - good - bad);
}

void ct_tune_show_verdict(const struct ct_tuned *t, size_t p, const struct ct_tune_verdict *v)
{
	const struct ct_tune_part *part = &t->parts[p];

	printf("\n# judged: %s, %s: %llu settings and sizes swept\n# %12s %8s %24s  %s\n",
		ct_coll_name(part->coll), part->backend, (unsigned long long)v->legal, "size", "loss %",
		"times the default", "chosen | sweep's best");
	for (size_t i = 0; i < part->nsizes; i++) {
		char chosen[96], best[96];

		printf("%14llu %8.2f %8.2f [%5.2f %5.2f] %s  %s | %s\n", (unsigned long long)part->sizes[i],
			100 * (v->loss[i] - 1), v->gain[i].ratio, v->gain[i].low, v->gain[i].high,
			word_of(v->gain[i]),
			ct_tune_cell_text(&part->cells[ct_search_choice(&part->found, i)], chosen),
			ct_tune_cell_text(&part->cells[v->best[i]], best));
	}
	show_held(v);
	printf("# verdict coll=%s backend=%s mean_loss_percent=%.2f worst_loss_percent=%.2f cells=%zu "
		"search_s=%.4f exhaustive_s=%.4f\n", ct_coll_name(part->coll), part->backend,
		100 * (v->mean_loss - 1), 100 * (v->worst_loss - 1), part->ncells,
		(double)part->found.spent_ns / 1e9, (double)v->exhaustive_ns / 1e9);
	fflush(stdout);
}
