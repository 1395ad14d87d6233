/* SPDX-License-Identifier: BSD-3-Clause */
/* Widths and words follow perftest 4.5, because scripts read its columns by place. */
#include "perftest.h"

#include <math.h>

static const char rule[] = "----------------------------------------------------------------------"
	"-----------------";

void ct_perftest_latency_head(FILE *out)
{
	fprintf(out, "%s\n #bytes #iterations    t_min[usec]    t_max[usec]  t_typical[usec]    "
		"t_avg[usec]    t_stdev[usec]   99%% percentile[usec]   99.9%% percentile[usec] \n", rule);
}

void ct_perftest_latency_line(FILE *out, uint64_t bytes, const struct ct_perftest_latency *l)
{
	fprintf(out, " %-7llu %llu          %-7.2f        %-7.2f      %-7.2f  \t       %-7.2f     \t"
		"%-7.2f\t\t%-7.2f \t\t%-7.2f\n", (unsigned long long)bytes,
		(unsigned long long)l->iterations, l->min_ns / 1e3, l->max_ns / 1e3, l->typical_ns / 1e3,
		l->mean_ns / 1e3, l->stdev_ns / 1e3, l->p99_ns / 1e3, l->p999_ns / 1e3);
}

void ct_perftest_latency_row(FILE *out, uint64_t bytes, struct ct_perftest_times *t)
{
	struct ct_perftest_latency l = { .iterations = t->iterations };
	double squares = 0;
	size_t n = t->n;

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		l.mean_ns += (double)t->ns[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += ((double)t->ns[i] - l.mean_ns) * ((double)t->ns[i] - l.mean_ns);
	l.stdev_ns = sqrt(squares / (double)n);
	ct_sort_u64(t->ns, n);
	l.min_ns = (double)t->ns[0];
	l.max_ns = (double)t->ns[n - 1];
	l.typical_ns = (double)ct_median(t->ns, n);
	l.p99_ns = (double)ct_quantile(t->ns, n, 0.99);
	l.p999_ns = (double)ct_quantile(t->ns, n, 0.999);
	ct_perftest_latency_line(out, bytes, &l);
}

void ct_perftest_rates_head(FILE *out, bool gbits)
{
	const char *unit = gbits ? "Gb/sec" : "MB/sec";

	fprintf(out, "%s\n #bytes     #iterations    BW peak[%s]    BW average[%s]   MsgRate[Mpps]\n", rule,
		unit, unit);
}

/* perftest's MB are of 2^20 bytes, its Gb of 10^9 bits. */
static double shown(double Bps, bool gbits)
{
	return gbits ? Bps * 8 / 1e9 : Bps / 1048576;
}

void ct_perftest_rates_row(FILE *out, uint64_t bytes, const struct ct_perftest_rates *r, bool gbits)
{
	fprintf(out, " %-7llu    %-10llu       %-7.2f            %-7.2f\t\t   %-7.6f\n",
		(unsigned long long)bytes, (unsigned long long)r->iterations,
		shown(r->peak_Bps, gbits), shown(r->average_Bps, gbits), r->messages_per_s / 1e6);
}

static double rate(const struct ct_perftest_window *w, uint64_t bytes)
{
	return w->to_ns > w->from_ns ? (double)(w->messages * bytes) * 1e9 /
		(double)(w->to_ns - w->from_ns) : 0;
}

void ct_perftest_windows_row(FILE *out, uint64_t bytes, const struct ct_perftest_window *w, size_t n)
{
	size_t low = 0, high = 0;

	if (n < 2)
		return;
	for (size_t i = 1; i < n; i++) {
		low = rate(&w[i], bytes) < rate(&w[low], bytes) ? i : low;
		high = rate(&w[i], bytes) > rate(&w[high], bytes) ? i : high;
	}
	fprintf(out, "# %llu B in %zu windows: slowest %.2f MB/sec at %.3f s, fastest %.2f MB/sec at %.3f "
		"s\n", (unsigned long long)bytes, n, shown(rate(&w[low], bytes), false),
		(double)w[low].from_ns / 1e9, shown(rate(&w[high], bytes), false),
		(double)w[high].from_ns / 1e9);
}
