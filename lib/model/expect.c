/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

/* Bytes each rank must take in and must reduce, as multiples of S: (times * (n-1)/n) or S itself
 * when `whole`; how many of the ceil(log2 n) latencies: all of them, or one for a message. */
struct bound {
	int takes;  /* how many (n-1)/n S; 0 with `whole` */
	bool whole; /* S instead: broadcast and messages */
	bool reduces, message;
};

static const struct bound bounds[CT_NCOLLS] = {
	[CT_ALLREDUCE] = { .takes = 2, .reduces = true },
	[CT_ALLTOALL] = { .takes = 1 },
	[CT_ALLGATHER] = { .takes = 1 },
	[CT_REDUCE_SCATTER] = { .takes = 1, .reduces = true },
	[CT_BROADCAST] = { .whole = true },
	[CT_REDUCE] = { .whole = true, .reduces = true },
	[CT_BARRIER] = { .takes = 0 },
	[CT_GATHER] = { .takes = 1 }, /* of the root */
	[CT_SCATTER] = { .takes = 1 },
	[CT_P2P_LATENCY] = { .whole = true, .message = true },
	[CT_P2P_ONEWAY] = { .whole = true, .message = true },
	[CT_P2P_DUPLEX] = { .whole = true, .message = true },
};

/* What the path gives: a rate, a latency, and the words for both. */
struct way {
	double Bps;
	uint64_t hop_ns;
	const char *rate, *hop, *basis;
};

double ct_floor_rate(const struct ct_floors *floors, const double *row, uint64_t bytes)
{
	const uint64_t *at = floors->bytes;
	double t;
	int i = 1;

	if (bytes <= at[0])
		return row[0];
	while (i < CT_FLOOR_SIZES && bytes > at[i])
		i++;
	if (i == CT_FLOOR_SIZES)
		return row[CT_FLOOR_SIZES - 1];
	t = log2((double)bytes / (double)at[i - 1]) / log2((double)at[i] / (double)at[i - 1]);
	return row[i - 1] + t * (row[i] - row[i - 1]);
}

double ct_tcp_payload_Bps(double link_Bps, uint32_t mtu, bool ipv6)
{
	/* IP 20 or 40; TCP 20 and the timestamp option's 12; 8 + 14 + 4 + 12 around each packet. */
	enum { TCP = 32, ETHERNET = 38 };
	uint32_t headers = TCP + (ipv6 ? 40 : 20);

	if (mtu <= headers || !(link_Bps > 0))
		return 0;
	return link_Bps * (double)(mtu - headers) / (double)(mtu + ETHERNET);
}

double ct_rdma_payload_Bps(double link_Bps, uint32_t mtu, enum ct_wire wire, bool ipv6)
{
	/* 8 + 14 + 20 + 8 + 12 + 4 + 4 + 12 and 8 + 12 + 4 + 2, see model.h. */
	enum { ROCE = 82, ROCE_IPV6 = ROCE + 20, INFINIBAND = 26 };
	uint32_t headers = wire == CT_WIRE_INFINIBAND ? INFINIBAND : ipv6 ? ROCE_IPV6 : ROCE;

	if (wire == CT_WIRE_TCP || mtu == 0 || !(link_Bps > 0))
		return 0;
	return link_Bps * (double)mtu / ((double)mtu + headers);
}

static double link_payload(const struct ct_expect_in *in)
{
	return in->wire == CT_WIRE_TCP
		       ? ct_tcp_payload_Bps(in->link_Bps, in->mtu, in->ipv6)
		       : ct_rdma_payload_Bps(in->link_Bps, in->mtu, in->wire, in->ipv6);
}

/* One rank alone takes in, or gives out, what moves. */
static bool alone(const struct ct_expect_in *in)
{
	if (in->coll == CT_GATHER || in->coll == CT_SCATTER)
		return true;
	return in->pairs <= 1 && (in->coll == CT_P2P_LATENCY || in->coll == CT_P2P_ONEWAY);
}

static struct way way_of(const struct ct_expect_in *in)
{
	const struct ct_floors *f = in->floors;
	struct way way = { 0 };
	const double *row;

	if (in->path == CT_PATH_LINK) {
		way.Bps = link_payload(in);
		way.hop_ns = in->link_ns;
		way.rate = "link payload";
		way.hop = "link";
		way.basis = "link rate";
		return way;
	}
	if (f == NULL || !f->known)
		return way;
	if (in->path == CT_PATH_COPY) {
		row = alone(in) ? f->copy_one_Bps : f->copy_Bps;
		way.Bps = ct_floor_rate(f, row, in->bytes);
		way.hop_ns = f->hop_ns;
		way.rate = "copy";
		way.hop = "hop";
		way.basis = "measured copy";
	} else if (in->path == CT_PATH_STREAM) {
		row = alone(in) ? f->stream_one_Bps : f->stream_Bps;
		way.Bps = ct_floor_rate(f, row, in->bytes);
		way.hop_ns = f->stream_ns;
		way.rate = "stream";
		way.hop = "stream latency";
		way.basis = "measured stream";
	}
	return way;
}

double ct_coll_bus_factor(ct_coll coll, uint32_t nranks)
{
	double n = nranks;

	switch (coll) {
	case CT_ALLREDUCE:
		return 2 * (n - 1) / n;
	case CT_ALLTOALL:
	case CT_ALLGATHER:
	case CT_REDUCE_SCATTER:
	case CT_GATHER:
	case CT_SCATTER:
		return (n - 1) / n;
	case CT_BARRIER:
		return 0;
	default:
		return 1;
	}
}

static unsigned int log2_up(uint32_t n)
{
	unsigned int log = 0;

	while (((uint64_t)1 << log) < n)
		log++;
	return log;
}

/* A formula in the making, and the time it stands for. */
struct sum {
	char *text;
	size_t room, used;
	double ns;
};

static void sum_rate(struct sum *sum, const char *amount, double bytes, const char *name,
		     double Bps)
{
	char rate[32];
	int n = snprintf(sum->text + sum->used, sum->room - sum->used, "%s%s / %s %s",
			 sum->used > 0 ? " + " : "", amount, name, ct_rate_text(Bps, rate));

	sum->used += n > 0 && (size_t)n < sum->room - sum->used ? (size_t)n : 0;
	sum->ns += bytes / Bps * 1e9;
}

static void sum_hops(struct sum *sum, unsigned int hops, const struct way *way)
{
	char time[32], times[16] = "";
	int n;

	if (hops > 1)
		snprintf(times, sizeof(times), "%u·", hops);
	n = snprintf(sum->text + sum->used, sum->room - sum->used, "%s%s%s %s",
		     sum->used > 0 ? " + " : "", times, way->hop, ct_time_text(way->hop_ns, time));
	sum->used += n > 0 && (size_t)n < sum->room - sum->used ? (size_t)n : 0;
	sum->ns += (double)hops * (double)way->hop_ns;
}

/* The rate of reduction; 0 = unknown. */
static double reduce_rate(const struct ct_expect_in *in)
{
	if (in->floors == NULL || !in->floors->known)
		return 0;
	return ct_floor_rate(in->floors, in->floors->reduce_Bps, in->bytes);
}

/* A bound needs the path's rate; between processors also its latency and the reduce rate. */
static bool enough(const struct ct_expect_in *in, const struct way *way)
{
	if ((unsigned int)in->coll >= CT_NCOLLS || in->nranks < 2 || !(way->Bps > 0))
		return false;
	if (in->path == CT_PATH_LINK)
		return true;
	return way->hop_ns > 0 && (!bounds[in->coll].reduces || reduce_rate(in) > 0);
}

/* A window of messages hides the latency of each. */
static bool windowed(ct_coll coll)
{
	return coll == CT_P2P_ONEWAY || coll == CT_P2P_DUPLEX;
}

/* What one link carries into its host. AMOUNT holds 48 bytes. */
static double sum_link(const struct ct_expect_in *in, const struct bound *bound, char *amount)
{
	double n = in->nranks, S = (double)in->bytes, L = in->local > 1 ? in->local : 1;
	double r = in->sharers > 1 ? in->sharers : 1;
	double times = bound->takes, part = bound->whole ? 1 : (n - L) / n;
	const char *what = bound->whole ? "S" : L > 1 ? "(n-L)/n·S" : "(n-1)/n·S";
	bool each = bound->message || in->coll == CT_ALLTOALL; /* every rank wants its own */

	times = (bound->whole ? 1 : times) * (each ? r : r / L);
	if (times == 1)
		snprintf(amount, 48, "%s", what);
	else
		snprintf(amount, 48, "%.3g%s%s", times, bound->whole ? "·" : "", what);
	return times * part * S;
}

static void sum_up(struct sum *sum, const struct ct_expect_in *in, const struct way *way)
{
	const struct bound *bound = &bounds[in->coll];
	double n = in->nranks, S = (double)in->bytes, part = (n - 1) / n * S,
	       reduce = reduce_rate(in);

	if (in->path == CT_PATH_LINK && (bound->whole || bound->takes > 0)) {
		char amount[48];
		double bytes = sum_link(in, bound, amount);

		sum_rate(sum, amount, bytes, way->rate, way->Bps);
	} else if (bound->whole) {
		sum_rate(sum, "S", S, way->rate, way->Bps);
	} else if (bound->takes > 0) {
		sum_rate(sum, bound->takes == 2 ? "2(n-1)/n·S" : "(n-1)/n·S", bound->takes * part,
			 way->rate, way->Bps);
	}
	if (bound->reduces && reduce > 0)
		sum_rate(sum, "(n-1)/n·S", part, "reduce", reduce);
	if (way->hop_ns > 0 && !windowed(in->coll))
		sum_hops(sum, bound->message ? 1 : log2_up(in->nranks), way);
}

struct ct_expectation ct_expect(const struct ct_expect_in *in)
{
	struct ct_expectation out = { 0 };
	struct sum sum = { out.formula, sizeof(out.formula), 0, 0 };
	struct way way = way_of(in);

	if (!enough(in, &way))
		return out;
	sum_up(&sum, in, &way);
	if (!(sum.ns > 0))
		return (struct ct_expectation){ 0 };
	out.known = true;
	out.time_ns = sum.ns < 1 ? 1 : (uint64_t)(sum.ns + 0.5);
	out.busbw_Bps = (double)in->bytes / sum.ns * 1e9 * ct_coll_bus_factor(in->coll, in->nranks);
	snprintf(out.basis, sizeof(out.basis), "%s", way.basis);
	return out;
}

const char *ct_verdict_name(enum ct_verdict verdict)
{
	static const char *const names[] = { "pass", "warn", "fail", "inconclusive", "unjudged" };

	return (unsigned int)verdict <= CT_UNJUDGED ? names[verdict] : "?";
}

static enum ct_verdict band(double efficiency, struct ct_bands bands)
{
	return efficiency >= bands.pass ? CT_PASS : efficiency >= bands.warn ? CT_WARN : CT_FAILED;
}

enum ct_verdict ct_judge(double efficiency, double low, double high, struct ct_bands bands,
			 bool oversubscribed)
{
	if (!(efficiency > 0) || !isfinite(efficiency))
		return CT_UNJUDGED;
	if (oversubscribed || !(low <= efficiency && efficiency <= high) ||
	    band(low, bands) != band(high, bands))
		return CT_INCONCLUSIVE;
	return band(efficiency, bands);
}
