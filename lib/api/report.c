/* SPDX-License-Identifier: BSD-3-Clause */
/* ct_report: what was measured, point by point. */
#include <string.h>

#include "api.h"

size_t ct_report_count(const ct_report *report)
{
	return report == NULL ? 0 : report->n;
}

ct_status ct_report_point(const ct_report *report, size_t i, struct ct_point *point)
{
	struct ct_point p = { .size = sizeof(p) };
	const struct ct_result *r;
	size_t room;

	if (report == NULL || point == NULL || point->size < sizeof(point->size))
		return ct_fail(CT_INVALID, "ct_report_point: no report, or a point without size");
	if (i >= report->n)
		return ct_fail(CT_INVALID, "point %zu of %zu", i, report->n);
	r = &report->results[i];
	room = point->size;
	p.backend = r->candidate.backend;
	p.algo = r->candidate.algo[0] != '\0' ? r->candidate.algo : "default";
	p.bytes = r->bytes;
	p.count = r->count;
	p.samples = r->summary.n;
	p.wrong = r->checked > 0 ? r->wrong : UINT64_MAX;
	p.median_ns = r->summary.median;
	p.low_ns = r->summary.low;
	p.high_ns = r->summary.high;
	p.min_ns = r->summary.min;
	p.p95_ns = r->summary.p95;
	p.p99_ns = r->summary.p99;
	p.max_ns = r->summary.max;
	p.algbw_Bps = r->algbw_Bps;
	p.busbw_Bps = r->busbw_Bps;
	p.size = room; /* the caller's size stays: an older caller's struct is shorter than ours */
	memcpy(point, &p, room < sizeof(p) ? room : sizeof(p));
	if (room > sizeof(p)) /* a newer caller's fields that we do not know */
		memset((char *)point + sizeof(p), 0, room - sizeof(p));
	return CT_OK;
}

void ct_report_free(ct_report *report)
{
	if (report == NULL)
		return;
	for (size_t i = 0; i < report->n; i++)
		ct_result_clear(&report->results[i]);
	ct_free(report->results);
	ct_free(report);
}
