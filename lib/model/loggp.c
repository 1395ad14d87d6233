/* SPDX-License-Identifier: BSD-3-Clause */
/* LogGP and Hockney from point-to-point times; declared in model.h. */
#include <math.h>
#include <string.h>

#include "model.h"

static const double jump = 0.25; /* a relative residual beyond which a new segment begins */

struct line {
	double at, slope;
};

/* Least squares of relative errors: weights 1 / y^2; neither part is below 0. One point, or no spread: a
 * constant. */
static struct line fit_line(const uint64_t *x, const double *y, size_t n)
{
	double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0, d;
	struct line line;

	for (size_t i = 0; i < n; i++) {
		double v = 1 / (y[i] * y[i]), s = (double)x[i];

		w += v;
		wx += v * s;
		wy += v * y[i];
		wxx += v * s * s;
		wxy += v * s * y[i];
	}
	d = w * wxx - wx * wx;
	line.slope = n > 1 && d > 0 ? (w * wxy - wx * wy) / d : 0;
	if (line.slope < 0)
		line.slope = 0;
	line.at = (wy - line.slope * wx) / w;
	if (line.at < 0) { /* no time is below 0: the line that begins at 0 */
		line.at = 0;
		line.slope = wxy / wxx;
	}
	return line;
}

static double residual(struct line line, uint64_t x, double y)
{
	return fabs(line.at + line.slope * (double)x - y) / y;
}

static double worst(struct line line, const uint64_t *x, const double *y, size_t n)
{
	double most = 0;

	for (size_t i = 0; i < n; i++)
		most = fmax(most, residual(line, x[i], y[i]));
	return most;
}

/* Each segment as long as a line fits it; the last one takes what is left. */
static void cut(struct ct_link *link)
{
	const struct ct_link_points *p = &link->points;

	link->nsegments = 0;
	for (size_t i = 0; i < p->n;) {
		struct ct_link_segment *s = &link->segment[link->nsegments++];
		struct line line = { 0, 0 };
		size_t n = p->n - i;

		if (link->nsegments < CT_LINK_SEGMENTS)
			for (n = 1; i + n < p->n; n++)
				if (worst(fit_line(p->bytes + i, p->gap_ns + i, n + 1), p->bytes + i,
					p->gap_ns + i, n + 1) > jump)
					break;
		line = fit_line(p->bytes + i, p->gap_ns + i, n);
		*s = (struct ct_link_segment){ i == 0 ? 0 : p->bytes[i], line.at + line.slope, line.slope,
			worst(line, p->bytes + i, p->gap_ns + i, n) };
		i += n;
	}
}

static bool positive(const struct ct_link_points *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!(p->oneway_ns[i] > 0) || !isfinite(p->oneway_ns[i]) || !isfinite(p->gap_ns[i]) ||
			!isfinite(p->duplex_ns[i]) || (i > 0 && p->bytes[i] <= p->bytes[i - 1]))
			return false;
	return p->n >= 2 && p->n <= CT_LINK_SIZES;
}

void ct_link_fit(const struct ct_link_points *points, struct ct_link *link)
{
	struct ct_link_points *p = &link->points;
	struct line line;

	link->known = positive(points);
	if (!link->known)
		return;
	*p = *points;
	for (size_t i = 0; i < p->n; i++) {
		/* differences of noisy times can be anything: a message takes some of its way's time */
		p->gap_ns[i] = fmin(fmax(p->gap_ns[i], p->oneway_ns[i] / 100), p->oneway_ns[i] * 2);
		p->duplex_ns[i] = p->duplex_ns[i] > 0 ?
			fmin(fmax(p->duplex_ns[i], p->gap_ns[i]), 2 * p->gap_ns[i]) : p->gap_ns[i];
	}
	cut(link);
	line = fit_line(p->bytes, p->oneway_ns, p->n);
	link->alpha_ns = line.at;
	link->beta_ns = line.slope;
	link->error = 0;
	for (size_t i = 0; i < p->n; i++)
		link->error += residual(line, p->bytes[i], p->oneway_ns[i]) / (double)p->n;
}

static double at(const struct ct_link_points *p, const double *y, uint64_t bytes)
{
	double x = (double)bytes, slope;
	size_t i = 1;

	if (bytes <= p->bytes[0])
		return y[0];
	while (i + 1 < p->n && bytes > p->bytes[i])
		i++;
	slope = (y[i] - y[i - 1]) / ((double)p->bytes[i] - (double)p->bytes[i - 1]);
	if (bytes > p->bytes[i] && slope < 0)
		slope = y[i] / (double)p->bytes[i];
	return y[i] + slope * (x - (double)p->bytes[i]);
}

double ct_link_oneway(const struct ct_link *link, uint64_t bytes)
{
	return at(&link->points, link->points.oneway_ns, bytes);
}

double ct_link_gap(const struct ct_link *link, uint64_t bytes)
{
	return at(&link->points, link->points.gap_ns, bytes);
}

double ct_link_duplex(const struct ct_link *link, uint64_t bytes)
{
	return at(&link->points, link->points.duplex_ns, bytes);
}
