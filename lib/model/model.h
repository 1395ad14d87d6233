/* SPDX-License-Identifier: BSD-3-Clause */
/* Door of model: what is physically possible. Pure: no I/O, no clocks, no state. */
#ifndef CT_MODEL_H
#define CT_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

enum { CT_FLOOR_SIZES = 5 };

/*
 * Floors: what this machine does with the plainest code that could do the job, measured just
 * before (measure/floor.c), each the median of several tries (a hop: the least). Rates are per
 * rank while all ranks of the host do the same, because that is how a collective uses them; "one"
 * means one rank alone. Sources are not in the rank's own caches: what a peer sends never is.
 */
struct ct_floors {
	uint64_t bytes[CT_FLOOR_SIZES];      /* block sizes of the rows below, ascending */
	double copy_one_Bps[CT_FLOOR_SIZES]; /* memcpy of a block, one rank */
	double copy_Bps[CT_FLOOR_SIZES];     /* memcpy of a block, all ranks at once */
	double reduce_Bps[CT_FLOOR_SIZES];   /* a += b (float), bytes of a per second, all */
	double stream_one_Bps[CT_FLOOR_SIZES]; /* a loopback TCP stream in blocks, one on the host */
	double stream_Bps[CT_FLOOR_SIZES];   /* the same, one per rank at once */
	uint64_t hop_ns;                     /* one way of a cache line between two processors */
	uint64_t stream_ns;                  /* half round trip of 1 byte over loopback TCP */
	uint32_t ranks;                      /* how many ranks of this host took part */
	bool known;
};

enum ct_path { CT_PATH_NONE, CT_PATH_COPY, CT_PATH_STREAM, CT_PATH_LINK };

/* What is wrapped around the payload on a link. */
enum ct_wire { CT_WIRE_TCP, CT_WIRE_ROCE, CT_WIRE_INFINIBAND };

struct ct_expect_in {
	ct_coll coll;
	uint32_t nranks;
	uint32_t pairs;         /* point-to-point: pairs active at once */
	uint64_t bytes;         /* size column */
	enum ct_path path;
	double link_Bps;        /* CT_PATH_LINK: raw bit rate / 8 */
	enum ct_wire wire;
	uint32_t mtu;           /* TCP: of the interface; else the path MTU, payload of a packet */
	bool ipv6;
	uint32_t local;         /* CT_PATH_LINK: ranks on a host, the most; 0 = 1 */
	uint32_t sharers;       /* of these, how many use one link at once; 0 = 1 */
	uint64_t link_ns;       /* CT_PATH_LINK: known one-way latency or 0 */
	const struct ct_floors *floors;
};

struct ct_expectation {
	bool known;
	uint64_t time_ns;  /* least time that could be expected */
	double busbw_Bps;  /* the same as bus bandwidth; 0 for a barrier */
	char formula[200]; /* with the numbers filled in, for people */
	char basis[24];    /* "measured copy", "measured stream", "link rate" */
};

/* Time of the lower bounds of Chan, Heimlich, Purkayastha, van de Geijn 2007 (doi 10.1002/cpe.1206):
 * ceil(log2 n) latencies, and the bytes each rank must take in at the path's rate, plus, for
 * reductions, (n-1)/n S at the reduce rate (all-to-all as all-gather: each rank takes in as much).
 * Over a link what counts is a host: of its L ranks only (n-L)/n of the bytes come from others; what
 * all of them want (all but all-to-all and messages) need cross once, spread over the host's links.
 * known = false when a needed floor is missing: the path's own; over a link, the reduce rate and
 * the latency are left out of the bound when unknown. Fewer than 2 ranks: nothing is expected. */
struct ct_expectation ct_expect(const struct ct_expect_in *in);

/* busbw = algbw * factor (nccl-tests doc/PERFORMANCE.md); 0 for a barrier. Point-to-point duplex: 1
 * per direction. Pure. */
double ct_coll_bus_factor(ct_coll coll, uint32_t nranks);

/* Payload rate of TCP over Ethernet: (MTU - IP - TCP with timestamps) / (MTU + 38): preamble 8,
 * header 14, FCS 4, gap 12 (IEEE 802.3). 1500 on 1 Gb/s gives 941 Mb/s with IPv4. */
double ct_tcp_payload_Bps(double link_Bps, uint32_t mtu, bool ipv6);

/* Payload rate of RDMA packets that carry MTU bytes each. RoCE v2 over IPv4 adds 82 bytes: preamble 8,
 * Ethernet 14, IP 20, UDP 8, BTH 12, ICRC 4, FCS 4, gap 12 (IEEE 802.3; IBTA annex A17); IPv6 20
 * more. InfiniBand adds 26: LRH 8, BTH 12, ICRC 4, VCRC 2 (IBTA volume 1, chapter 5), no GRH. 4096
 * on 100 Gb/s give 98.04 and 99.37 Gb/s. 0 for TCP, an MTU of 0 or no rate. */
double ct_rdma_payload_Bps(double link_Bps, uint32_t mtu, enum ct_wire wire, bool ipv6);

/* Rate of a floor's row for blocks of BYTES: log-linear interpolation between the sizes, the ends
 * held constant. */
double ct_floor_rate(const struct ct_floors *floors, const double *row, uint64_t bytes);

/* How a result stands against what was expected. */
enum ct_verdict { CT_PASS, CT_WARN, CT_FAILED, CT_INCONCLUSIVE, CT_UNJUDGED };
const char *ct_verdict_name(enum ct_verdict verdict); /* "pass", "warn", "fail", … */

struct ct_bands {
	double pass, warn; /* efficiency at or above: pass, warn; below: fail */
};

/* EFFICIENCY with its interval: a band edge inside the interval gives the milder verdict's doubt:
 * CT_INCONCLUSIVE. OVERSUBSCRIBED: a figure can still fail on wrong data elsewhere, but its
 * performance is at most inconclusive. */
enum ct_verdict ct_judge(double efficiency, double low, double high, struct ct_bands bands,
	bool oversubscribed);

/* ---- links: LogGP by netgauge's method (loggp.c) --------------------------------------------- */

enum { CT_LINK_SIZES = 24, CT_LINK_SEGMENTS = 6 };

/* What is measured between two ranks, by size: PRTT(1, 0, s) / 2, and the time between messages that
 * follow each other, (PRTT(n, 0, s) - PRTT(1, 0, s)) / (n - 1) (Hoefler, Lichei, Rehm 2007), one way
 * and with as many the other way at once. */
struct ct_link_points {
	size_t n;
	uint64_t bytes[CT_LINK_SIZES]; /* ascending */
	double oneway_ns[CT_LINK_SIZES], gap_ns[CT_LINK_SIZES];
	double duplex_ns[CT_LINK_SIZES]; /* per message and direction; 0 = not measured: as gap */
};

/* g + (s - 1) G from FROM bytes on: where the residuals jump, the library changes its protocol. */
struct ct_link_segment {
	uint64_t from;
	double g_ns, G_ns; /* per message; per byte */
	double error;      /* largest relative residual within the segment */
};

struct ct_link {
	struct ct_link_points points;
	struct ct_link_segment segment[CT_LINK_SEGMENTS];
	size_t nsegments;
	double alpha_ns, beta_ns; /* Hockney: least squares of oneway_ns, weighted by 1 / time^2 */
	double error;             /* mean relative residual of that */
	double reduce_ns, copy_ns; /* per byte; 0 = nothing */
	bool known;
};

/* Fills LINK from POINTS (reduce_ns and copy_ns are kept). known = false with fewer than two points, or
 * times that are not positive and finite. Pure. */
void ct_link_fit(const struct ct_link_points *points, struct ct_link *link);

/* One way, gap and duplex gap for BYTES: interpolated between points, beyond them by the last slope. */
double ct_link_oneway(const struct ct_link *link, uint64_t bytes);
double ct_link_gap(const struct ct_link *link, uint64_t bytes);
double ct_link_duplex(const struct ct_link *link, uint64_t bytes);

#endif
