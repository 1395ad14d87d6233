/* SPDX-License-Identifier: BSD-3-Clause */
/* Widths and footer words follow nccl-tests 2.19 (src/util.cu), because scripts grep them. */
#include "table.h"

#include <stdio.h>
#include <string.h>

enum { STAT_COLUMNS = 9 };

static const char *const stat_names[STAT_COLUMNS] = { "p50", "p95", "p99", "low", "high", "expect",
	"effic", "samples", "msg/s" };
static const char *const stat_units[STAT_COLUMNS] = { "(us)", "(us)", "(us)", "(us)", "(us)",
	"(us)", "(%)", "", "" };

/* A number in WIDTH columns with as many decimals as fit. */
static void number(char *out, size_t room, int width, double value)
{
	for (int decimals = 2; decimals >= 0; decimals--)
		if (snprintf(out, room, "%*.*f", width, decimals, value) <= width)
			return;
	snprintf(out, room, "%*.*e", width, width >= 7 ? 1 : 0, value);
}

static void add_number(struct ct_buf *out, int width, double value)
{
	char text[32];

	number(text, sizeof(text), width, value);
	ct_buf_add(out, "  %s", text);
}

static void stat_words(struct ct_buf *out, const char *const *words)
{
	for (size_t i = 0; i < STAT_COLUMNS; i++)
		ct_buf_add(out, "  %8s", words[i]);
}

void ct_table_head(struct ct_buf *out, unsigned stats)
{
	ct_buf_add(out, "#\n# %10s  %12s  %8s  %6s  %6s           out-of-place                       "
		"in-place          ", "", "", "", "", "");
	if (stats & CT_STATS_OUT)
		ct_buf_add(out, "  %-88s", "out-of-place statistics");
	if (stats & CT_STATS_IN)
		ct_buf_add(out, "  %s", "in-place statistics");
	for (int line = 0; line < 2; line++) {
		static const char *const names[2][8] = {
			{ "size", "count", "type", "redop", "root", "time", "algbw", "busbw" },
			{ "(B)", "(elements)", "", "", "", "(us)", "(GB/s)", "(GB/s)" } };
		const char *const *w = names[line];
		const char *wrong = line == 0 ? "#wrong" : "";

		ct_buf_add(out, "\n# %10s  %12s  %8s  %6s  %6s", w[0], w[1], w[2], w[3], w[4]);
		for (int place = 0; place < 2; place++)
			ct_buf_add(out, "  %7s  %6s  %6s  %6s", w[5], w[6], w[7], wrong);
		for (unsigned place = CT_STATS_OUT; place <= CT_STATS_IN; place <<= 1)
			if (stats & place)
				stat_words(out, line == 0 ? stat_names : stat_units);
	}
	ct_buf_add(out, "\n");
}

static bool measured(const struct ct_result *r)
{
	return r != NULL && r->status == CT_OK && r->summary.n > 0;
}

static void half(struct ct_buf *out, const struct ct_result *r)
{
	if (!measured(r)) {
		ct_buf_add(out, "  %7s  %6s  %6s  %6s", "N/A", "N/A", "N/A", "N/A");
		return;
	}
	add_number(out, 7, (double)r->summary.median / 1e3);
	add_number(out, 6, r->algbw_Bps / 1e9);
	add_number(out, 6, r->busbw_Bps / 1e9);
	if (r->checked > 0)
		ct_buf_add(out, "  %6g", (double)r->wrong);
	else
		ct_buf_add(out, "  %6s", "N/A");
}

static void stats_of(struct ct_buf *out, const struct ct_result *r)
{
	if (!measured(r)) {
		for (size_t i = 0; i < STAT_COLUMNS; i++)
			ct_buf_add(out, "  %8s", "N/A");
		return;
	}
	add_number(out, 8, (double)r->summary.p50 / 1e3);
	add_number(out, 8, (double)r->summary.p95 / 1e3);
	add_number(out, 8, (double)r->summary.p99 / 1e3);
	add_number(out, 8, (double)r->summary.low / 1e3);
	add_number(out, 8, (double)r->summary.high / 1e3);
	if (r->expected.known && r->summary.median > 0) {
		add_number(out, 8, (double)r->expected.time_ns / 1e3);
		add_number(out, 8, 100.0 * (double)r->expected.time_ns / (double)r->summary.median);
	} else {
		ct_buf_add(out, "  %8s  %8s", "-", "-");
	}
	ct_buf_add(out, "  %8llu", (unsigned long long)r->summary.n);
	if (r->messages_per_s > 0)
		ct_buf_add(out, "  %8.3g", r->messages_per_s);
	else
		ct_buf_add(out, "  %8s", "-");
}

static bool reduces(ct_coll coll)
{
	return coll == CT_ALLREDUCE || coll == CT_REDUCE_SCATTER || coll == CT_REDUCE;
}

void ct_table_row(struct ct_buf *out, const struct ct_result *outp, const struct ct_result *inp,
	unsigned stats)
{
	const struct ct_result *any = outp != NULL ? outp : inp;
	int root = ct_coll_rooted(any->test.coll) ? (int)any->test.root : -1;

	ct_buf_add(out, "%12llu  %12llu  %8s  %6s  %6i", (unsigned long long)any->bytes,
		(unsigned long long)any->count, ct_type_name(any->test.type),
		reduces(any->test.coll) ? ct_op_name(any->test.op) : "none", root);
	half(out, outp);
	half(out, inp);
	if (stats & CT_STATS_OUT)
		stats_of(out, outp);
	if (stats & CT_STATS_IN)
		stats_of(out, inp);
	ct_buf_add(out, "\n");
}

void ct_table_counters(struct ct_buf *out, const struct ct_result *r)
{
	const struct ct_counters *c = &r->counters;

	if (!measured(r))
		return;
	ct_buf_add(out, "#   %s, %llu samples: ", r->test.in_place ? "in place" : "out of place",
		(unsigned long long)r->summary.n);
	if (r->ports.known) {
		ct_buf_add(out, "RDMA ports, %u of %u active used: ", r->ports.used, r->ports.active);
		ct_counts_text(&r->ports.sum, out);
	} else {
		ct_buf_add(out, "no RDMA port");
	}
	if (c->rx_bytes > 0 || c->tx_bytes > 0 || c->retransmits > 0)
		ct_buf_add(out, "; interface tx_bytes %llu, rx_bytes %llu, TCP retransmits %llu",
			(unsigned long long)c->tx_bytes, (unsigned long long)c->rx_bytes,
			(unsigned long long)c->retransmits);
	ct_buf_add(out, "; context switches %llu, %llu of them forced; page faults %llu\n",
		(unsigned long long)c->switches + c->forced_switches,
		(unsigned long long)c->forced_switches, (unsigned long long)c->page_faults);
}

void ct_table_foot(struct ct_buf *out, uint64_t wrong, double busbw_sum, size_t busbw_count)
{
	ct_buf_add(out, "# %-20s : %llu %s\n", "Out of bounds values", (unsigned long long)wrong,
		wrong > 0 ? "FAILED" : "OK");
	ct_buf_add(out, "# %-20s : %g \n#\n", "Avg bus bandwidth",
		busbw_count > 0 ? busbw_sum / (double)busbw_count / 1e9 : 0.0);
}

/* ---- CSV --------------------------------------------------------------------------------------- */

static void cell(struct ct_buf *out, const char *text)
{
	ct_buf_add(out, "\"%s", strchr("=+-@", text[0]) != NULL && text[0] != '\0' ? "'" : "");
	for (const char *c = text; *c != '\0'; c++)
		ct_buf_add(out, "%s%c", *c == '"' ? "\"" : "", *c);
	ct_buf_add(out, "\",");
}

/* "ring segment=65536" */
static void algorithm_cell(struct ct_buf *out, const struct ct_candidate *c)
{
	char text[sizeof(c->algo) + CT_MAX_KNOBS * (sizeof(c->knob_name[0]) + 24)];
	int used = snprintf(text, sizeof(text), "%s", c->algo);

	for (uint32_t i = 0; i < c->nknobs && used < (int)sizeof(text); i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%s=%lld", used > 0 ? " " : "",
			c->knob_name[i], (long long)c->knob[i]);
	cell(out, text);
}

void ct_csv_head(struct ct_buf *out)
{
	ct_buf_add(out, "coll,backend,net,algo,round,ranks,bytes,count,type,op,root,in_place,samples,"
		"median_ns,low_ns,high_ns,min_ns,p95_ns,p99_ns,max_ns,algbw_Bps,busbw_Bps,expected_ns,"
		"checked,wrong,oversubscribed,status\n");
}

void ct_csv_row(struct ct_buf *out, const struct ct_result *r)
{
	const struct ct_summary *s = &r->summary;
	const uint64_t times[] = { s->n, s->median, s->low, s->high, s->min, s->p95, s->p99, s->max };

	cell(out, ct_coll_name(r->test.coll));
	cell(out, r->candidate.backend);
	cell(out, r->candidate.net);
	algorithm_cell(out, &r->candidate);
	ct_buf_add(out, "%u,%u,%llu,%llu,%s,%s,%u,%d", r->round, r->nranks,
		(unsigned long long)r->bytes, (unsigned long long)r->count, ct_type_name(r->test.type),
		reduces(r->test.coll) ? ct_op_name(r->test.op) : "none", r->test.root, r->test.in_place);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		ct_buf_add(out, ",%llu", (unsigned long long)times[i]);
	ct_buf_add(out, ",%.6g,%.6g,%llu,%u,%llu,%d,%s\n", r->algbw_Bps, r->busbw_Bps,
		(unsigned long long)(r->expected.known ? r->expected.time_ns : 0), r->checked,
		(unsigned long long)r->wrong, r->oversubscribed, ct_status_text(r->status));
}
