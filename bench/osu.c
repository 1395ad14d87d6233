/* SPDX-License-Identifier: BSD-3-Clause */
/* Titles, column words and widths as osu_latency, osu_bw, osu_bibw, osu_allreduce and their like of
 * version 7.5 print them, because scripts read them: "# Size       Avg Latency(us)", then the size
 * in 10 columns and the number in 18. */
#include "osu.h"

#include <stdio.h>

static bool is_rate(ct_coll coll)
{
	return coll == CT_P2P_ONEWAY || coll == CT_P2P_DUPLEX;
}

static const char *title(ct_coll coll)
{
	switch (coll) {
	case CT_P2P_LATENCY:
		return "Latency";
	case CT_P2P_ONEWAY:
		return "Bandwidth";
	case CT_P2P_DUPLEX:
		return "Bi-Directional Bandwidth";
	case CT_ALLREDUCE:
		return "Allreduce Latency";
	case CT_ALLTOALL:
		return "All-to-All Personalized Exchange Latency";
	case CT_ALLGATHER:
		return "Allgather Latency";
	case CT_REDUCE_SCATTER:
		return "Reduce_scatter Latency";
	case CT_BROADCAST:
		return "Broadcast Latency";
	case CT_REDUCE:
		return "Reduce Latency";
	case CT_GATHER:
		return "Gather Latency";
	case CT_SCATTER:
		return "Scatter Latency";
	case CT_BARRIER:
		return "Barrier Latency";
	default:
		return ct_coll_name(coll);
	}
}

void ct_osu_head(struct ct_buf *out, ct_coll coll, ct_type type)
{
	ct_buf_add(out, "\n# OSU MPI %s Test v7.5 (its columns; measured by colltune: medians of the "
		"maximum over ranks)\n", title(coll));
	if (coll == CT_BARRIER) {
		ct_buf_add(out, "# Avg Latency(us)\n");
		return;
	}
	ct_buf_add(out, "# Datatype: %s.\n", ct_type_name(type));
	ct_buf_add(out, is_rate(coll) ? "# Size      Bandwidth (MB/s)\n" :
		"# Size       Avg Latency(us)\n");
}

/* OSU's size: what one rank sends, to each other rank where all exchange; to or from the root. */
static uint64_t size_of(const struct ct_result *r)
{
	bool each = r->test.coll == CT_ALLTOALL || r->test.coll == CT_ALLGATHER ||
		r->test.coll == CT_GATHER || r->test.coll == CT_SCATTER;

	return each && r->nranks > 0 ? r->bytes / r->nranks : r->bytes;
}

void ct_osu_row(struct ct_buf *out, const struct ct_result *r)
{
	double us = (double)r->summary.median / 1e3;

	if (r->status != CT_OK || r->summary.n == 0)
		return;
	if (r->test.coll == CT_BARRIER)
		ct_buf_add(out, "%17.2f\n", us);
	else if (is_rate(r->test.coll)) /* both directions are one number there */
		ct_buf_add(out, "%-10llu%18.2f\n", (unsigned long long)r->bytes,
			r->algbw_Bps / 1e6 * (r->test.coll == CT_P2P_DUPLEX ? 2 : 1));
	else
		ct_buf_add(out, "%-10llu%18.2f\n", (unsigned long long)size_of(r), us);
}
