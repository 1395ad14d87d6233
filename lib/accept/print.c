/* SPDX-License-Identifier: BSD-3-Clause */
/* The report as plain text of at most 100 columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"


static const char *const must_names[CT_NMUST] = { "colltune", "MPI library", "kernel", "machine" };

/* ---- environment
 * ---------------------------------------------------------------------------------- */

static void print_environment(const struct ct_accept_report *r, struct ct_buf *out)
{
	char line[256], size[32], text[768];
	bool differ = false;

	ct_buf_add(out, "%u rank%s on %u host%s; %.1f s of %.0f s; seed %llu\n", r->nranks,
		   r->nranks == 1 ? "" : "s", r->nhosts, r->nhosts == 1 ? "" : "s",
		   (double)r->elapsed_ns / 1e9, (double)r->budget_ns / 1e9,
		   (unsigned long long)r->seed);
	if (r->oversubscribed)
		ct_buf_add(out,
			   "oversubscribed: %u ranks on %u processors; performance is at most "
			   "inconclusive\n",
			   r->ranks_per_host, r->cpus_per_host);
	for (size_t i = 0; i < r->nenv; i++) {
		for (int m = 0; m < CT_NMUST; m++) {
			if (!r->env[i].differs[m])
				continue;
			differ = true;
			snprintf(line, sizeof(line), "%s: %s is %s, unlike most", r->env[i].host,
				 must_names[m], r->env[i].text[m]);
			ct_buf_wrapped(out, "environment: ", line);
		}
	}
	for (size_t i = 0; i < r->ndifferences; i++) {
		const struct ct_env_difference *d = &r->differences[i];

		differ = true;
		snprintf(text, sizeof(text), "%s is %s on %s%s, most have %s", d->path, d->value, d->host,
			d->hosts > 1 ? " and others" : "", d->usual);
		ct_buf_wrapped(out, "environment: ", text);
	}
	if (!differ && r->nenv > 0)
		ct_buf_add(out, "environment: all hosts alike (%s, MPI: %.50s)\n",
			   r->env[0].text[CT_MUST_VERSION], r->env[0].text[CT_MUST_MPI]);
	if (r->floors.known)
		ct_buf_add(out,
			   "floors at %s: copy %.2f GB/s a rank (one alone %.2f), reduce %.2f, "
			   "stream %.2f (%.2f)\n",
			   ct_size_text(r->floors.bytes[2], size), r->floors.copy_Bps[2] / 1e9,
			   r->floors.copy_one_Bps[2] / 1e9, r->floors.reduce_Bps[2] / 1e9,
			   r->floors.stream_Bps[2] / 1e9, r->floors.stream_one_Bps[2] / 1e9);
	for (int i = 0; i < CT_NSTAGES; i++)
		if (r->skipped[i][0] != '\0')
			ct_buf_add(out, "stage %s left out: %s\n", ct_stage_name((enum ct_stage)i),
				   r->skipped[i]);
}

/* ---- table
 * ---------------------------------------------------------------------------------------- */

/* By operation, pairs alone behind, size, then candidate: neighbours share a formula. */
static int compare_figures(const void *x, const void *y)
{
	const struct ct_figure *a = *(const struct ct_figure *const *)x;
	const struct ct_figure *b = *(const struct ct_figure *const *)y;
	bool pa = a->a != 0 || a->b != 0, pb = b->a != 0 || b->b != 0;
	int ka = a->coll >= CT_P2P_LATENCY ? (int)a->coll - CT_NCOLLS : (int)a->coll;
	char ta[96], tb[96];
	int kb = b->coll >= CT_P2P_LATENCY ? (int)b->coll - CT_NCOLLS : (int)b->coll;

	if (ka != kb)
		return ka < kb ? -1 : 1;
	if (pa != pb)
		return pa ? 1 : -1;
	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? -1 : 1;
	return strcmp(ct_candidate_text(&a->candidate, ta), ct_candidate_text(&b->candidate, tb));
}

/* "3.21 GB/s [3.10 3.35]" or "850 ns [830 870]". */
static void measured_text(const struct ct_figure *f, bool rate, char *out, size_t room)
{
	char mid[32], low[32], high[32];

	if (rate) {
		double Bps = f->bus_bytes * 1e9;

		ct_rate_text(f->busbw_Bps, mid);
		ct_rate_text(f->high_ns > 0 ? Bps / (double)f->high_ns : 0, low);
		ct_rate_text(f->low_ns > 0 ? Bps / (double)f->low_ns : 0, high);
	} else {
		ct_time_text(f->median_ns, mid);
		ct_time_text(f->low_ns, low);
		ct_time_text(f->high_ns, high);
	}
	/* The ends in the median's unit need no unit. */
	if (strcmp(strchr(low, ' '), strchr(mid, ' ')) == 0)
		*strchr(low, ' ') = '\0';
	if (strcmp(strchr(high, ' '), strchr(mid, ' ')) == 0)
		*strchr(high, ' ') = '\0';
	snprintf(out, room, "%s [%s %s]", mid, low, high);
}

static void name_text(const struct ct_figure *f, char *out, size_t room)
{
	const struct ct_candidate *c = &f->candidate;
	char pair[32] = "";

	if (f->a != 0 || f->b != 0)
		snprintf(pair, sizeof(pair), " %u-%u", f->a, f->b);
	else if (f->scope[0] != '\0')
		snprintf(pair, sizeof(pair), " (%s)", f->scope);
	snprintf(out, room, "%s%s %s%s%s%s%s", ct_coll_name(f->coll), pair, c->backend,
		 c->net[0] != '\0' ? "/" : "", c->net, c->algo[0] != '\0' ? " " : "", c->algo);
}

static void print_row(const struct ct_figure *f, struct ct_buf *out)
{
	char name[192], size[32], measured[100] = "-", expected[32] = "-", efficiency[16] = "-";
	bool rate = f->bytes >= CT_RATE_BYTES && f->bus_bytes > 0;

	name_text(f, name, sizeof(name));
	if (f->rounds > 0)
		measured_text(f, rate, measured, sizeof(measured));
	if (f->expected.known && rate)
		ct_rate_text(f->expected.busbw_Bps, expected);
	else if (f->expected.known)
		ct_time_text(f->expected.time_ns, expected);
	if (f->efficiency > 0)
		snprintf(efficiency, sizeof(efficiency), "%.2f", f->efficiency);
	ct_buf_add(out, "%-34.34s %5s  %-31.31s %9s %6s  %s\n", name, ct_size_text(f->bytes, size),
		   measured, expected, efficiency, ct_verdict_name(f->verdict));
}

/* Under the row: what it was held against and why the verdict, unless the row before said so. */
static void print_row_notes(const struct ct_figure *f, const struct ct_figure *before,
			    struct ct_buf *out)
{
	char text[256];

	if (f->note[0] != '\0' && (before == NULL || strcmp(before->note, f->note) != 0))
		ct_buf_wrapped(out, "    ! ", f->note);
	if (!f->expected.known || (before != NULL && before->bytes == f->bytes &&
				   strcmp(before->expected.formula, f->expected.formula) == 0))
		return;
	snprintf(text, sizeof(text), "%s (%s)", f->expected.formula, f->expected.basis);
	ct_buf_wrapped(out, "    = ", text);
}

/* The table is about what a job gets by default. Algorithms asked for by name serve the
 * suggestions; of the pairs alone the ends are shown; and whatever did not pass. */
static bool shown(const struct ct_accept_report *r, const struct ct_figure *f)
{
	int64_t i = f - r->figures;

	if (f->a == 0 && f->b == 0)
		return f->candidate.algo[0] == '\0' || f->verdict == CT_FAILED ||
		       f->verdict == CT_WARN;
	return i == r->worst_pair || i == r->best_pair || f->verdict == CT_FAILED ||
	       f->verdict == CT_WARN;
}

static void print_table(const struct ct_accept_report *r, struct ct_buf *out)
{
	const struct ct_figure **order = ct_alloc(r->nfigures, sizeof(*order)), *before = NULL;
	char size[32];

	if (order == NULL) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < r->nfigures; i++)
		order[i] = &r->figures[i];
	if (r->nfigures > 1)
		qsort(order, r->nfigures, sizeof(*order), compare_figures);
	ct_buf_add(out,
		   "\nefficiency: pass from %.2f, warn from %.2f; links %.2f, %.2f; below %s %.3f, "
		   "%.3f\n",
		   r->bands.rate.pass, r->bands.rate.warn, r->bands.link.pass, r->bands.link.warn,
		   ct_size_text(CT_RATE_BYTES, size), r->bands.latency.pass, r->bands.latency.warn);
	ct_buf_add(out, "%-34s %5s  %-31s %9s %6s  %s\n", "what", "size", "median [95 % interval]",
		   "expected", "effic.", "verdict");
	for (size_t i = 0; i < r->nfigures; i++) {
		if (!shown(r, order[i]))
			continue;
		print_row(order[i], out);
		print_row_notes(order[i], before, out);
		before = order[i];
	}
	ct_free(order);
}

static void print_soak(const struct ct_accept_report *r, struct ct_buf *out)
{
	static const char *const what[2] = { "allreduce", "messages" };

	for (int i = 0; i < 2 && r->soak.n > 0; i++) {
		const struct ct_soak_verdict *v = &r->soak.verdict[i];

		ct_buf_add(out, "soak: %s, %zu points: ", what[i], r->soak.n);
		if (v->p < 1)
			ct_buf_add(out, "last third %.3f times the first [%.3f, %.3f], p %.2g%s; ", v->drift.ratio,
				v->drift.low, v->drift.high, v->p, v->drifts ? ": it drifts" : "");
		else
			ct_buf_add(out, "too few for a drift; ");
		ct_buf_add(out, "slow %u times, %u of them passed%s\n", v->slow, v->flaps,
			v->flapping ? ": it flaps" : "");
	}
}

static void print_isolation(const struct ct_accept_report *r, struct ct_buf *out)
{
	char text[CT_BLAME_TEXT], head[32];

	if (!r->isolated)
		return;
	ct_buf_add(out, "\nslow parts: %s%zu, by %u rounds of disjoint pairs of %u (%u to confirm), spread of one "
		"%.1f %%\n", r->isolation.n == 0 ? "none, " : "", r->isolation.n, r->isolation.rounds,
		r->fleet.nodes, r->isolation.again, r->isolation.spread * 100);
	ct_buf_add(out, "  held to a false alarm in at most %.1f %% of clean runs%s\n", r->isolation.alarm * 100,
		r->oversubscribed ? "; oversubscribed: named, not judged" : "");
	for (size_t i = 0; i < r->isolation.n; i++) {
		snprintf(head, sizeof(head), "%4zu. ", i + 1);
		ct_buf_wrapped(out, head, ct_blame_text(&r->fleet, &r->isolation.list[i], text));
		if (r->isolation.list[i].note[0] != '\0')
			ct_buf_wrapped(out, "    ! ", r->isolation.list[i].note);
	}
}

/* What the profile wanted, and what of it was measured. */
static void print_profile(const struct ct_accept_report *r, struct ct_buf *out)
{
	char size[32], want[32], line[CT_PROFILE_TEXT + 64];

	if (r->profile == NULL)
		return;
	ct_buf_add(out, "\nprofile %s: %.80s\n", r->profile->name, r->profile->title);
	for (size_t i = 0; i < r->nagainst; i++) {
		const struct ct_profile_result *a = &r->against[i];
		const struct ct_profile_figure *f = &r->profile->figures[a->figure];

		if (f->busbw_Bps > 0)
			ct_rate_text(f->busbw_Bps, want);
		else
			ct_time_text((uint64_t)f->time_ns, want);
		ct_buf_add(out, "  %-16s %-7s from %5s  expected %10s  ", ct_coll_name(f->coll),
			f->backend[0] != '\0' ? f->backend : "any", ct_size_text(f->least_bytes, size), want);
		if (a->best >= 0)
			ct_buf_add(out, "effic. %.2f  %s\n", a->efficiency, ct_verdict_name(a->verdict));
		else
			ct_buf_add(out, "%s\n", a->note);
		snprintf(line, sizeof(line), "source: %s", f->source);
		if (a->best >= 0)
			ct_buf_wrapped(out, "      ", line);
	}
	for (size_t i = 0; i < r->profile->nwaivers; i++) {
		const struct ct_waiver *w = &r->profile->waivers[i];

		snprintf(line, sizeof(line), "%.60s until %s%s: %.150s", w->part, w->until,
			strcmp(r->today, w->until) > 0 ? " (expired)" : "", w->reason);
		ct_buf_wrapped(out, "  waiver: ", line);
	}
	if (r->nwaived > 0)
		ct_buf_add(out, "  %u waived: not counted below\n", r->nwaived);
}

static void print_pairs(const struct ct_accept_report *r, struct ct_buf *out)
{
	const struct ct_figure *worst, *best;
	char a[32], b[32];

	if (r->pairs_total == 0)
		return;
	ct_buf_add(out, "\npairs: %u of %u met, %u measured alone", r->pairs_met, r->pairs_total,
		   r->pairs_alone);
	if (r->worst_pair >= 0) {
		worst = &r->figures[r->worst_pair];
		best = &r->figures[r->best_pair];
		ct_buf_add(out, "; worst %u-%u %s, best %u-%u %s", worst->a, worst->b,
			   ct_rate_text(worst->busbw_Bps, a), best->a, best->b,
			   ct_rate_text(best->busbw_Bps, b));
	}
	ct_buf_add(out, "\n");
}

ct_status ct_accept_print(const struct ct_accept_report *r, struct ct_buf *out)
{
	char line[440];

	print_environment(r, out);
	if (r->nfigures > 0)
		print_table(r, out);
	print_profile(r, out);
	print_isolation(r, out);
	print_pairs(r, out);
	if (r->ladder[0] != '\0')
		ct_buf_wrapped(out, "ladder: ", r->ladder);
	if (r->congestion[0] != '\0')
		ct_buf_wrapped(out, "congestion: ", r->congestion);
	print_soak(r, out);
	ct_findings_list(&r->findings, out);
	ct_buf_add(out, "\n%u pass, %u warn, %u fail, %u inconclusive, %u unjudged\n", r->npass,
		   r->nwarn, r->nfail, r->ninconclusive, r->nunjudged);
	snprintf(line, sizeof(line), "%s (%s)", ct_verdict_name(r->verdict), r->reason);
	ct_buf_wrapped(out, "verdict: ", line);
	return ct_buf_status(out);
}
