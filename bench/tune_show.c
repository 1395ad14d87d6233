/* SPDX-License-Identifier: BSD-3-Clause */
/* What a search has found, for people. */
#include "tune.h"
#include "tune_launch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *ct_tune_cell_text(const struct ct_candidate *c, char out[96])
{
	size_t used = (size_t)snprintf(out, 96, "%s", c->algo[0] != '\0' ? c->algo : "default");

	for (uint32_t k = 0; k < c->nknobs && used < 96; k++)
		used += (size_t)snprintf(out + used, 96 - used, " %s=%lld", c->knob_name[k],
			(long long)c->knob[k]);
	return out;
}

/* ns; where it was not tried, as the sizes next to it tell. */
static double time_of(const struct ct_cell_times *t)
{
	return t->n > 0 ? (double)t->median : exp(t->pooled);
}

static void show_sizes(const struct ct_tune_part *part)
{
	const struct ct_search *s = &part->found;

	printf("# %12s %12s %12s %8s %12s  %s\n", "size", "default us", "fastest us", "ratio", "predicted us",
		"fastest");
	for (size_t i = 0; i < part->nsizes; i++) {
		const struct ct_cell_times *own = ct_times(s, i, 0), *best;
		char text[96], predicted[24] = "-", by_default[24] = "-", ratio[24] = "-";
		int64_t ns;

		if (!s->measured[i])
			continue;
		best = ct_times(s, i, s->best[i]);
		ns = part->predicted[s->best[i] * part->nsizes + i];
		if (ns > 0)
			snprintf(predicted, sizeof(predicted), "%.2f", (double)ns / 1e3);
		/* what the default takes jumps between sizes: where it has no sample nobody knows */
		if (own->n > 0) {
			snprintf(by_default, sizeof(by_default), "%.2f", (double)own->median / 1e3);
			snprintf(ratio, sizeof(ratio), "%.2f", (double)own->median / time_of(best));
		}
		printf("%14llu %12s %12.2f %8s %12s  %s%s%s\n", (unsigned long long)part->sizes[i],
			by_default, time_of(best) / 1e3, ratio, predicted,
			ct_tune_cell_text(&part->cells[s->best[i]], text),
			best->n > 0 ? "" : " (by the sizes next to it)",
			s->resolved[i] ? "" : " (not resolved)");
	}
}

/* What is known of the gain of R beside the default. */
static void show_gain(const struct ct_tune_part *part, const struct ct_stretch *r)
{
	char at[32];

	ct_size_text(part->sizes[r->checked_at], at);
	if (r->samples > 0)
		printf("%.2f [%.2f %.2f] times as fast as the default at %s B (%u fresh samples)%s\n",
			r->gain, r->low, r->high, at, r->samples,
			r->guessed ? "; where it begins was not searched to the end" : "");
	else if (r->low > 0 && isfinite(r->high))
		printf("%.2f [%.2f %.2f] times as fast as the default in the search at %s B; the budget "
			"left no time to check it\n", r->gain, r->low, r->high, at);
	else if (ct_times(&part->found, r->checked_at, 0)->n > 0 &&
		ct_times(&part->found, r->checked_at, r->cell)->n > 0)
		printf("%.2f times as fast as the default in the search at %s B, by too few samples for an "
			"interval; the budget left no time to check it\n", r->gain, at);
	else
		printf("not measured beside the default at %s B: fastest by the sizes next to it; the budget "
			"left no time to check it\n", at);
}

static void show_rules(const struct ct_tune_part *part)
{
	const struct ct_search *s = &part->found;
	uint32_t rules = 0;

	for (size_t k = 0; k < s->nstretches; k++) {
		const struct ct_stretch *r = &s->stretch[k];
		char low[32], high[32], text[96];

		if (r->cell == 0)
			continue;
		rules++;
		printf("# rule: %s to %s: %s, ", ct_size_text(part->sizes[r->first], low),
			ct_size_text(part->sizes[r->last], high),
			ct_tune_cell_text(&part->cells[r->cell], text));
		show_gain(part, r);
	}
	if (rules == 0)
		printf("# defaults are best\n");
}

/* Cells that were never tried at the sizes that were, and why. */
static void show_pruned(const struct ct_tune_part *part)
{
	const struct ct_search *s = &part->found;
	char text[96], size[32];

	for (uint32_t c = 1; c < part->ncells; c++) {
		if (part->why[c][0] != '\0')
			printf("# not run: %s at some sizes: %s\n", ct_tune_cell_text(&part->cells[c], text),
				part->why[c]);
		for (size_t i = 0; i < part->nsizes; i++) {
			const struct ct_cell_times *t = ct_times(s, i, c);

			if (t->state == CT_CELL_WRONG)
				printf("# WRONG DATA: %s at %s B: never chosen\n",
					ct_tune_cell_text(&part->cells[c], text),
					ct_size_text(part->sizes[i], size));
			if (t->state == CT_CELL_PRUNED)
				printf("# pruned: %s at %s B: predicted %.2f us, the fastest took %.2f us\n",
					ct_tune_cell_text(&part->cells[c], text),
					ct_size_text(part->sizes[i], size), t->predicted / 1e3,
					s->measured[i] ? time_of(ct_times(s, i, s->best[i])) / 1e3 : NAN);
		}
	}
}

static void show_cost(const struct ct_tune_part *part)
{
	const struct ct_search *s = &part->found;
	char spent[32], all[32];

	printf("# %llu samples in %s; an exhaustive sweep (%zu settings, %zu sizes, 25 calls each) would take "
		"about %s%s\n", (unsigned long long)s->calls, ct_time_text(s->spent_ns, spent), part->ncells,
		part->nsizes, ct_time_text(s->exhaustive_ns, all), s->short_of_budget ?
		"; the budget ended before the search" : "");
}

static void show_link(const char *name, const struct ct_link *link)
{
	if (!link->known)
		return;
	printf("# links %s: %.2f us + %.3f ns/B (Hockney, mean error %.0f %%); LogGP", name,
		link->alpha_ns / 1e3, link->beta_ns, 100 * link->error);
	for (size_t i = 0; i < link->nsegments; i++) {
		char gap[40] = "g not resolved"; /* a gap that is lost in that of the bytes */

		if (link->segment[i].g_ns > link->segment[i].G_ns)
			snprintf(gap, sizeof(gap), "g %.2f us", link->segment[i].g_ns / 1e3);
		printf("%s from %llu B %s G %.3f ns/B (largest error %.0f %%)", i > 0 ? "," : "",
			(unsigned long long)link->segment[i].from, gap, link->segment[i].G_ns,
			100 * link->segment[i].error);
	}
	printf("; sums %.3f ns/B\n", link->reduce_ns);
}

/* How far predictions were off, over every cell and size that was measured and predicted. */
static void show_model(const struct ct_tune_part *part)
{
	const struct ct_search *s = &part->found;
	double off = 0, worst = 0;
	size_t n = 0;

	for (uint32_t c = 0; c < part->ncells; c++)
		for (size_t i = 0; i < part->nsizes; i++) {
			double predicted = (double)part->predicted[c * part->nsizes + i];
			double x = log(predicted / (double)ct_times(s, i, c)->median);

			if (ct_times(s, i, c)->n == 0 || !(predicted > 0))
				continue;
			off += fabs(x);
			worst = fmax(worst, fabs(x));
			n++;
		}
	if (n > 0)
		printf("# model: %zu settings and sizes measured and predicted, off by a factor of %.2f on "
			"average, %.2f at most\n", n, exp(off / (double)n), exp(worst));
}

/* What Open MPI would offer for the operations of base B, where that is not to be had. */
static void show_lacking(const struct ct_tuned *t, size_t b)
{
	for (size_t p = 0; p < t->nparts; p++) {
		const struct ct_tune_part *part = &t->parts[p];
		const char *const *names = ct_openmpi_algos(part->coll);

		if (part->backend != t->base[b].backend || strcmp(part->backend, "mpi") != 0)
			continue;
		printf("# not here: %s of mpi by", ct_coll_name(part->coll));
		for (size_t i = 0; names[i] != NULL; i++)
			printf("%s %s", i > 0 ? "," : "", names[i]);
		printf("; segsize, fanout, requests of those that have them\n");
	}
}

void ct_tune_show(const struct ct_tuned *t, const struct ct_world *world)
{
	size_t unresolved, measured;

	for (size_t b = 0; b < t->nbases; b++)
		if (t->missing[b][0] != '\0') {
			printf("# %s: %s\n", t->base[b].backend, t->missing[b]);
			show_lacking(t, b);
		}
	for (size_t b = 0; b < t->nbases; b++) {
		char name[64];

		snprintf(name, sizeof(name), "of %s, same host", t->base[b].backend);
		show_link(name, &t->links[b].host);
		snprintf(name, sizeof(name), "of %s, between hosts", t->base[b].backend);
		show_link(name, &t->links[b].net);
	}
	for (size_t p = 0; p < t->nparts; p++) {
		const struct ct_tune_part *part = &t->parts[p];

		printf("\n# %s, %s (%s%s%s): %zu settings\n", ct_coll_name(part->coll), part->backend,
			part->library, strcmp(part->backend, "nccl") == 0 ? "; " : "",
			strcmp(part->backend, "nccl") == 0 ? part->path : "", part->ncells);
		show_sizes(part);
		show_rules(part);
		show_pruned(part);
		show_model(part);
		show_cost(part);
	}
	printf("\n");
	for (size_t b = 0; b < t->nbases; b++)
		if (t->missing[b][0] == '\0')
			ct_relaunch_show(t->base[b].backend);
	ct_tune_unresolved(t, &unresolved, &measured);
	printf("# %zu of %zu measured sizes are not resolved\n", unresolved, measured);
	if (world->oversubscribed)
		printf("# oversubscribed: more ranks than processors, so these times tell about the scheduler "
			"too\n");
}
