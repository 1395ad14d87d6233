/* SPDX-License-Identifier: BSD-3-Clause */
/* A report held against a profile; waivers. Pure but for memory. */
#include "profile.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "run.h"

void ct_profile_free(struct ct_profile *profile)
{
	ct_free(profile->figures);
	ct_free(profile->waivers);
	memset(profile, 0, sizeof(*profile));
}

/* ---- figures -------------------------------------------------------------------------------- */

static bool fits(const struct ct_profile_figure *p, const struct ct_figure *f)
{
	return f->coll == p->coll && f->rounds > 0 && f->median_ns > 0 && f->bytes >= p->least_bytes &&
		(p->most_bytes == 0 || f->bytes <= p->most_bytes) &&
		(p->backend[0] == '\0' || strcmp(p->backend, f->candidate.backend) == 0);
}

/* The best of what was measured: a job may choose its backend and algorithm. */
static int64_t best_of(const struct ct_accept_report *r, const struct ct_profile_figure *p)
{
	int64_t best = -1;

	for (size_t i = 0; i < r->nfigures; i++) {
		const struct ct_figure *f = &r->figures[i], *b = best >= 0 ? &r->figures[best] : NULL;

		if (fits(p, f) && (b == NULL || (p->busbw_Bps > 0 ? f->busbw_Bps > b->busbw_Bps :
			f->median_ns < b->median_ns)))
			best = (int64_t)i;
	}
	return best;
}

static void judge_one(const struct ct_accept_report *r, const struct ct_profile_figure *p,
	struct ct_profile_result *out)
{
	const struct ct_figure *f = &r->figures[out->best];
	struct ct_bands bands = p->bands;
	double scale = p->time_ns;

	if (!(bands.pass > 0))
		bands = p->busbw_Bps > 0 ? r->bands.link : r->bands.latency;
	if (p->busbw_Bps > 0)
		scale = f->bus_bytes / p->busbw_Bps * 1e9;
	out->efficiency = scale / (double)f->median_ns;
	out->low = f->high_ns > 0 ? scale / (double)f->high_ns : 0;
	out->high = f->low_ns > 0 ? scale / (double)f->low_ns : 0;
	out->verdict = f->wrong > 0 ? CT_FAILED :
		ct_judge(out->efficiency, out->low, out->high, bands, r->oversubscribed);
}

ct_status ct_profile_judge(struct ct_accept_report *r)
{
	const struct ct_profile *p = r->profile;
	struct ct_profile_result *rows;

	ct_free(r->against);
	r->against = NULL;
	r->nagainst = 0;
	if (p == NULL)
		return CT_OK;
	rows = ct_alloc(p->nfigures, sizeof(*rows));
	if (rows == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < p->nfigures; i++) {
		const struct ct_profile_figure *f = &p->figures[i];

		rows[i] = (struct ct_profile_result){ .figure = (uint32_t)i, .best = -1,
			.verdict = CT_UNJUDGED };
		if (r->nhosts < f->least_nodes || (f->most_nodes > 0 && r->nhosts > f->most_nodes)) {
			snprintf(rows[i].note, sizeof(rows[i].note), "is of another number of nodes");
			continue;
		}
		rows[i].best = best_of(r, f);
		if (rows[i].best >= 0)
			judge_one(r, f, &rows[i]);
		else
			snprintf(rows[i].note, sizeof(rows[i].note), "not measured here%s%s",
				f->backend[0] != '\0' ? ": needs backend " : "", f->backend);
	}
	r->against = rows;
	r->nagainst = p->nfigures;
	return CT_OK;
}

/* ---- waivers -------------------------------------------------------------------------------- */

/* "gpu07" is a part of "gpu07, NIC of rail 1, both ways: …" but not of "gpu071". */
static bool names(const char *part, const char *text)
{
	size_t n = strlen(part);

	return n > 0 && strncmp(part, text, n) == 0 && !isalnum((unsigned char)text[n]) &&
		text[n] != '-' && text[n] != '_';
}

/* Dates as texts sort as days do. */
static bool waive(const struct ct_accept_report *r, const char *text, char *note, size_t room)
{
	const struct ct_profile *p = r->profile;

	for (size_t i = 0; p != NULL && i < p->nwaivers; i++) {
		const struct ct_waiver *w = &p->waivers[i];
		bool over = strcmp(r->today, w->until) > 0;

		if (!names(w->part, text))
			continue;
		snprintf(note, room, over ? "waiver expired %s: %.180s" : "waived until %s: %.180s", w->until,
			w->reason);
		return !over;
	}
	return false;
}

void ct_profile_waive(struct ct_accept_report *r)
{
	char text[CT_BLAME_TEXT], name[96];

	for (size_t i = 0; i < r->nfigures; i++) {
		struct ct_figure *f = &r->figures[i];

		f->waived = false;
		snprintf(text, sizeof(text), "%s %s", ct_coll_name(f->coll),
			ct_candidate_text(&f->candidate, name));
		if (f->verdict == CT_FAILED || f->verdict == CT_WARN)
			f->waived = f->wrong == 0 && waive(r, text, f->note, sizeof(f->note));
	}
	for (size_t i = 0; r->isolated && i < r->isolation.n; i++)
		r->isolation.list[i].waived = waive(r, ct_blame_text(&r->fleet, &r->isolation.list[i], text),
			r->isolation.list[i].note, sizeof(r->isolation.list[i].note));
}
