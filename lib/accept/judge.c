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

/* The largest size at which both exist for the first candidate. */
static const struct ct_figure *rung(const struct ct_accept_report *r, ct_coll coll, uint64_t bytes,
				    const struct ct_candidate *like)
{
	for (size_t i = 0; i < r->nfigures; i++) {
		const struct ct_figure *f = &r->figures[i];

		if (f->coll == coll && f->bytes == bytes && f->a == 0 && f->b == 0 &&
		    f->rounds > 0 && f->busbw_Bps > 0 && f->candidate.algo[0] == '\0' &&
		    (like == NULL || (strcmp(like->backend, f->candidate.backend) == 0 &&
				      strcmp(like->net, f->candidate.net) == 0)))
			return f;
	}
	return NULL;
}

/* The ladder's two rungs that exist here: a message alone against collectives made of messages. */
static void climb(struct ct_accept_report *r)
{
	const struct ct_figure *p2p = rung(r, CT_P2P_DUPLEX, CT_RATE_BYTES, NULL), *all, *reduce;
	char rate[32], name[96];
	double layer;

	r->ladder[0] = '\0';
	if (p2p == NULL)
		return;
	all = rung(r, CT_ALLTOALL, CT_RATE_BYTES, &p2p->candidate);
	reduce = rung(r, CT_ALLREDUCE, CT_RATE_BYTES, &p2p->candidate);
	if (all == NULL || reduce == NULL)
		return;
	layer = all->busbw_Bps / p2p->busbw_Bps;
	ct_candidate_text(&p2p->candidate, name);
	snprintf(r->ladder, sizeof(r->ladder),
		 "%s at 1M: duplex messages %s, alltoall %.0f %%, "
		 "allreduce %.0f %% of that%s",
		 name, ct_rate_text(p2p->busbw_Bps, rate), 100 * layer,
		 100 * reduce->busbw_Bps / p2p->busbw_Bps,
		 p2p->efficiency == 0	   ? ""
		 : p2p->efficiency < layer ? ": most is lost in the messages themselves"
					   : ": most is lost in the collective layer");
}

/* ---- all
 * ----------------------------------------------------------------------------------------- */

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
	s = ct_advise(&in, &r->findings);
	ct_free(series);
	return s;
}

static void count(struct ct_accept_report *r)
{
	r->npass = r->nwarn = r->nfail = r->ninconclusive = r->nunjudged = 0;
	for (size_t i = 0; i < r->nfigures; i++) {
		switch (r->figures[i].verdict) {
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
}

/* How many hosts differ from the majority in what must be equal: software fails, the rest warns. */
static void count_differing(const struct ct_accept_report *r, uint32_t *software, uint32_t *other)
{
	*software = *other = 0;
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

static void conclude_bad(struct ct_accept_report *r, uint32_t software)
{
	uint64_t wrong = wrong_elements(r);

	r->verdict = CT_FAILED;
	if (wrong > 0)
		snprintf(r->reason, sizeof(r->reason), "wrong data: %llu elements",
			 (unsigned long long)wrong);
	else if (software > 0)
		snprintf(r->reason, sizeof(r->reason),
			 "%u hosts run other software than the majority", software);
	else
		snprintf(r->reason, sizeof(r->reason), "%u of %zu figures fall short", r->nfail,
			 r->nfigures);
}

static void conclude(struct ct_accept_report *r)
{
	uint32_t software, other;

	count_differing(r, &software, &other);
	if (r->nfail > 0 || software > 0) {
		conclude_bad(r, software);
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
	} else if (r->nwarn > 0 || other > 0) {
		r->verdict = CT_WARN;
		snprintf(r->reason, sizeof(r->reason), "pass with warnings: %u figures, %u hosts",
			 r->nwarn, other);
	} else {
		r->verdict = CT_PASS;
		snprintf(r->reason, sizeof(r->reason),
			 "all %u judged figures reach what was expected", r->npass);
	}
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
	climb(report);
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
