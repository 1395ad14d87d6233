/* SPDX-License-Identifier: BSD-3-Clause */
/* From figures to verdicts: pure, so that it can be tested with made-up results. */
#include <stdio.h>
#include <string.h>

#include "run.h"

enum { INTERVAL_ROUNDS = 6 }; /* fewer have no 95 % interval of the median */

static double or_default(double value, double dflt)
{
	return value > 0 ? value : dflt;
}

struct ct_accept_bands ct_bands_fill(const struct ct_accept_bands *b)
{
	return (struct ct_accept_bands){
		.rate = { or_default(b->rate.pass, 0.80), or_default(b->rate.warn, 0.60) },
		.link = { or_default(b->link.pass, 0.90), or_default(b->link.warn, 0.80) },
		.latency = { or_default(b->latency.pass, 0.05), or_default(b->latency.warn, 0.025) },
		.pair_spread = or_default(b->pair_spread, 2.1),
		.forced_share = or_default(b->forced_share, 0.5),
	};
}

struct ct_bands ct_bands_of(const struct ct_accept_bands *bands, const struct ct_figure *figure)
{
	if (figure->bytes < CT_RATE_BYTES)
		return bands->latency;
	return strcmp(figure->expected.basis, "link rate") == 0 ? bands->link : bands->rate;
}

/* ---- one figure --------------------------------------------------------------------------- */

/* Median over rounds with its interval; of one round its own; of two to five the whole range. */
static ct_status settle(struct ct_figure *f)
{
	uint64_t *sorted = ct_alloc(f->rounds, sizeof(*sorted));
	size_t low, high;

	if (sorted == NULL)
		return CT_NOMEM;
	for (uint32_t i = 0; i < f->rounds; i++)
		sorted[i] = (uint64_t)f->round_ns[i];
	ct_sort_u64(sorted, f->rounds);
	f->median_ns = ct_median(sorted, f->rounds);
	f->low_ns = f->least_ns;
	f->high_ns = f->most_ns;
	if (f->rounds >= INTERVAL_ROUNDS) {
		ct_median_interval(f->rounds, 0.95, &low, &high);
		f->low_ns = sorted[low];
		f->high_ns = sorted[high];
	}
	ct_free(sorted);
	f->busbw_Bps = f->median_ns > 0 ? f->bus_bytes / (double)f->median_ns * 1e9 : 0;
	return CT_OK;
}

/* Efficiency: of bandwidths where there is one on both sides, since a window's time is not a
 * message's; else of times. */
static void compare(struct ct_figure *f)
{
	double scale = (double)f->expected.time_ns;

	f->efficiency = f->low = f->high = 0;
	if (!f->expected.known || f->median_ns == 0 || f->low_ns == 0)
		return;
	if (f->expected.busbw_Bps > 0 && f->bus_bytes > 0 && f->coll != CT_P2P_LATENCY)
		scale = f->bus_bytes / f->expected.busbw_Bps * 1e9;
	f->efficiency = scale / (double)f->median_ns;
	f->low = scale / (double)f->high_ns;
	f->high = scale / (double)f->low_ns;
}

/* Other work on the ranks' processors: time slices are in the figures, not the machine's limits. */
static bool disturbed(const struct ct_accept_report *r, struct ct_figure *f)
{
	double calls = (double)f->samples * (double)r->nranks;

	if (calls == 0 || (double)f->forced <= r->bands.forced_share * calls)
		return false;
	f->verdict = CT_INCONCLUSIVE;
	snprintf(f->note, sizeof(f->note),
		 "other work ran here: %llu forced context switches in %llu samples on %u ranks",
		 (unsigned long long)f->forced, (unsigned long long)f->samples, r->nranks);
	return true;
}

static void judge_speed(const struct ct_accept_report *r, struct ct_figure *f)
{
	struct ct_bands b = ct_bands_of(&r->bands, f);

	f->verdict = ct_judge(f->efficiency, f->low, f->high, b, r->oversubscribed);
	if (f->verdict == CT_UNJUDGED)
		snprintf(f->note, sizeof(f->note), "nothing to expect is known for this path");
	else if (f->verdict == CT_INCONCLUSIVE && r->oversubscribed)
		snprintf(f->note, sizeof(f->note), "oversubscribed: %u ranks on %u processors",
			 r->ranks_per_host, r->cpus_per_host);
	else if (!disturbed(r, f) && f->verdict == CT_INCONCLUSIVE)
		snprintf(f->note, sizeof(f->note),
			 "too noisy: efficiency %.2f … %.2f spans the edge of a band (%.2f, %.2f)",
			 f->low, f->high, b.pass, b.warn);
}

static ct_status judge_figure(const struct ct_accept_report *r, struct ct_figure *f)
{
	f->verdict = CT_UNJUDGED;
	f->note[0] = '\0';
	if (f->rounds == 0) {
		snprintf(f->note, sizeof(f->note), "%.90s", f->cannot ? f->why : "no samples");
		return CT_OK;
	}
	if (settle(f) != CT_OK)
		return CT_NOMEM;
	compare(f);
	if (f->wrong > 0) {
		f->verdict = CT_FAILED;
		snprintf(f->note, sizeof(f->note), "wrong data: %llu elements",
			 (unsigned long long)f->wrong);
	} else {
		judge_speed(r, f);
	}
	return CT_OK;
}

/* ---- pairs and ladder
 * ---------------------------------------------------------------------------- */

static bool is_pair(const struct ct_figure *f, ct_coll coll)
{
	return f->coll == coll && (f->a != 0 || f->b != 0) && f->rounds > 0;
}

/* By bandwidth of the pairs alone: the slowest and the fastest. */
static void find_pairs(struct ct_accept_report *r)
{
	r->worst_pair = r->best_pair = -1;
	for (size_t i = 0; i < r->nfigures; i++) {
		const struct ct_figure *f = &r->figures[i];

		if (!is_pair(f, CT_P2P_ONEWAY))
			continue;
		if (r->worst_pair < 0 || f->median_ns > r->figures[r->worst_pair].median_ns)
			r->worst_pair = (int64_t)i;
		if (r->best_pair < 0 || f->median_ns < r->figures[r->best_pair].median_ns)
			r->best_pair = (int64_t)i;
	}
}

/* A pair that is far behind the best one is suspect whatever its floor (ClusterKit's rule: 2.1
 * times the cluster's least). Pairs alone on a host without a processor for each rank say nothing.
 */
static void judge_spread(struct ct_accept_report *r)
{
	struct ct_figure *worst;
	double spread;

	if (r->worst_pair < 0 || r->worst_pair == r->best_pair || r->oversubscribed)
		return;
	worst = &r->figures[r->worst_pair];
	spread = (double)worst->median_ns / (double)r->figures[r->best_pair].median_ns;
	if (spread <= r->bands.pair_spread || worst->verdict == CT_FAILED)
		return;
	worst->verdict = CT_WARN;
	snprintf(worst->note, sizeof(worst->note),
		 "%.1f times slower than the best pair (at most %.1f)", spread,
		 r->bands.pair_spread);
}

/* ---- all
 * ----------------------------------------------------------------------------------------- */

/* What the stage rails found comes first: it has been looked at already. */
static ct_status add_rails(struct ct_accept_report *r)
{
	for (size_t i = 0; i < r->rails.n; i++) {
		struct ct_finding *f = ct_finding_add(&r->findings, r->rails.list[i].rule);

		if (f == NULL)
			return CT_NOMEM;
		*f = r->rails.list[i];
	}
	return CT_OK;
}

static ct_status advise(struct ct_accept_report *r, const struct ct_world *world,
			const struct ct_facts *facts)
{
	struct ct_advise_in in = { .world = world,
				   .facts = facts,
				   .net = r->net,
				   .device = r->device,
				   .unbound_ranks = r->unbound_ranks,
				   .shared_ranks = r->shared_ranks };
	struct ct_series *series = ct_alloc(r->nfigures, sizeof(*series));
	ct_status s;

	if (series == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < r->nfigures; i++) {
		const struct ct_figure *f = &r->figures[i];

		if (f->pairs == 0 && f->rounds > 0)
			series[in.nseries++] = (struct ct_series){ .coll = f->coll,
								   .bytes = f->bytes,
								   .candidate = f->candidate,
								   .round_ns = f->round_ns,
								   .rounds = f->rounds,
								   .wrong = f->wrong };
	}
	in.series = series;
	ct_findings_free(&r->findings);
	s = add_rails(r);
	if (s == CT_OK)
		s = ct_advise(&in, &r->findings);
	ct_findings_order(&r->findings);
	ct_free(series);
	return s;
}

static void count_one(struct ct_accept_report *r, enum ct_verdict verdict)
{
	switch (verdict) {
	case CT_PASS:
		r->npass++;
		break;
	case CT_WARN:
		r->nwarn++;
		break;
	case CT_FAILED:
		r->nfail++;
		break;
	case CT_INCONCLUSIVE:
		r->ninconclusive++;
		break;
	default:
		r->nunjudged++;
	}
}

static void count(struct ct_accept_report *r)
{
	r->npass = r->nwarn = r->nfail = r->ninconclusive = r->nunjudged = r->nwaived = 0;
	for (size_t i = 0; i < r->nfigures; i++) {
		if (r->figures[i].waived)
			r->nwaived++;
		else
			count_one(r, r->figures[i].verdict);
	}
	for (size_t i = 0; i < r->nagainst; i++)
		if (r->against[i].best >= 0 && !r->figures[r->against[i].best].waived)
			count_one(r, r->against[i].verdict);
	for (size_t i = 0; r->isolated && i < r->isolation.n; i++)
		r->nwaived += r->isolation.list[i].waived;
}

/* How many hosts differ from the majority in what must be equal (one at least, where facts or settings
 * do): software fails, the rest warns. */
static void count_differing(const struct ct_accept_report *r, uint32_t *software, uint32_t *other)
{
	*software = 0;
	*other = r->nsettings + r->nfacts > 0;
	for (size_t i = 0; i < r->nenv; i++) {
		const bool *d = r->env[i].differs;

		*software += d[CT_MUST_VERSION] || d[CT_MUST_MPI];
		*other += d[CT_MUST_KERNEL] || d[CT_MUST_MACHINE];
	}
}

static uint64_t wrong_elements(const struct ct_accept_report *r)
{
	uint64_t wrong = 0;

	for (size_t i = 0; i < r->nfigures; i++)
		wrong += r->figures[i].wrong;
	return wrong;
}

/* What of a full part's rate is left. Without a processor for each rank all times are the scheduler's. */
static enum ct_verdict judge_part(const struct ct_accept_report *r, const struct ct_blame *b)
{
	double left = b->factor > 0 ? 1 / b->factor : 1;

	if (r->oversubscribed || !b->confirmed)
		return CT_INCONCLUSIVE;
	return left < r->bands.link.warn ? CT_FAILED : CT_WARN;
}

/* How many slow parts fail, and how many of them and of the soak's series warn. */
static void count_parts(const struct ct_accept_report *r, uint32_t *bad, uint32_t *odd)
{
	*bad = *odd = 0;
	for (size_t i = 0; r->isolated && i < r->isolation.n; i++) {
		enum ct_verdict v = r->isolation.list[i].waived ? CT_PASS :
			judge_part(r, &r->isolation.list[i]);

		*bad += v == CT_FAILED;
		*odd += v == CT_WARN;
	}
	for (int i = 0; r->soak.n > 0 && !r->oversubscribed && i < 2; i++)
		*odd += r->soak.verdict[i].drifts || r->soak.verdict[i].flapping;
	*odd += r->nrails_differ;
}

/* The worst part by name, for who reads one line only. */
static void name_part(struct ct_accept_report *r)
{
	char text[CT_BLAME_TEXT];
	size_t used = strlen(r->reason);

	if (r->isolated && r->isolation.n > 0)
		snprintf(r->reason + used, sizeof(r->reason) - used, "; slow: %.170s%s",
			ct_blame_text(&r->fleet, &r->isolation.list[0], text),
			r->isolation.n > 1 ? ", and others" : "");
}

static void conclude_bad(struct ct_accept_report *r, uint32_t software, uint32_t parts)
{
	uint64_t wrong = wrong_elements(r);

	r->verdict = CT_FAILED;
	if (wrong > 0)
		snprintf(r->reason, sizeof(r->reason), "wrong data: %llu elements",
			 (unsigned long long)wrong);
	else if (software > 0)
		snprintf(r->reason, sizeof(r->reason),
			 "%u hosts run other software than the majority", software);
	else if (parts > 0 && r->nfail == 0)
		snprintf(r->reason, sizeof(r->reason), "%u slow part%s", parts, parts == 1 ? "" : "s");
	else
		snprintf(r->reason, sizeof(r->reason), "%u of %zu figures fall short", r->nfail,
			 r->nfigures);
}

static void conclude(struct ct_accept_report *r)
{
	uint32_t software, other, bad, odd;

	count_differing(r, &software, &other);
	count_parts(r, &bad, &odd);
	if (r->nfail > 0 || software > 0 || bad > 0) {
		conclude_bad(r, software, bad);
	} else if (r->interrupted) {
		r->verdict = CT_INCONCLUSIVE;
		snprintf(r->reason, sizeof(r->reason), "ended before all stages were done");
	} else if (r->ninconclusive > 0) {
		r->verdict = CT_INCONCLUSIVE;
		if (r->oversubscribed)
			snprintf(r->reason, sizeof(r->reason),
				 "data right; oversubscribed: %u ranks on %u "
				 "processors, so performance cannot be judged",
				 r->ranks_per_host, r->cpus_per_host);
		else
			snprintf(r->reason, sizeof(r->reason),
				 "data right; %u of %zu figures are too noisy or "
				 "disturbed to judge",
				 r->ninconclusive, r->nfigures);
	} else if (r->npass + r->nwarn == 0) {
		r->verdict = CT_UNJUDGED;
		snprintf(r->reason, sizeof(r->reason), "nothing was measured that could be judged");
	} else if (r->nwarn > 0 || other > 0 || odd > 0) {
		r->verdict = CT_WARN;
		snprintf(r->reason, sizeof(r->reason),
			 "pass with warnings: %u figures, %u hosts, %u parts", r->nwarn, other, odd);
	} else {
		r->verdict = CT_PASS;
		snprintf(r->reason, sizeof(r->reason),
			 "all %u judged figures reach what was expected", r->npass);
	}
	name_part(r);
}

ct_status ct_accept_judge(struct ct_accept_report *report, const struct ct_world *world,
			  const struct ct_facts *facts)
{
	ct_status s = CT_OK;

	report->bands = ct_bands_fill(&report->bands);
	for (size_t i = 0; i < report->nfigures && s == CT_OK; i++)
		s = judge_figure(report, &report->figures[i]);
	if (s != CT_OK)
		return s;
	find_pairs(report);
	judge_spread(report);
	ct_congestion_text(report);
	for (int i = 0; i < 2; i++)
		if (report->soak.n > 0 && ct_soak_judge(report->soak.ns[i], report->soak.n,
			&report->soak.verdict[i]) != CT_OK)
			return CT_NOMEM;
	if (ct_profile_judge(report) != CT_OK)
		return CT_NOMEM;
	ct_profile_waive(report);
	count(report);
	conclude(report);
	return advise(report, world, facts);
}

int ct_accept_exit(enum ct_verdict verdict)
{
	switch (verdict) {
	case CT_PASS:
	case CT_WARN:
		return 0;
	case CT_FAILED:
		return 1;
	default:
		return 5;
	}
}
