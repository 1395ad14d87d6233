/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RoCE arithmetic: how much buffer a lossless class needs, when a switch should mark, what DCQCN makes
 * of it. Pure functions of numbers; each names where its formula is from. Rates in Gb/s (1e9 bit/s),
 * lengths in metres, sizes in bytes, times in microseconds. A result that would be negative or of
 * impossible input is NAN: callers check their input first with ct_roce_link_check().
 */
#ifndef CT_ADVISE_ROCE_H
#define CT_ADVISE_ROCE_H

#include "base/base.h"

/* One link with its lossless class. */
struct ct_roce_link {
	double Gbps;
	double metres;          /* cable, one way */
	double port_mtu;        /* largest frame of any class, bytes */
	double lossless_mtu;    /* largest frame of the lossless class, bytes */
};

/* CT_INVALID names the field, its value and the range: 1 … 1600 Gb/s, 0 … 100,000 m, MTU 256 … 65,535,
 * lossless MTU at most port MTU. */
ct_status ct_roce_link_check(const struct ct_roce_link *link);

/* Speed of light in a cable, m/us: 5 ns/m for copper and fibre alike (802.1Q's examples); SONiC counts
 * 198 m/us. */
#define CT_ROCE_METRES_PER_US 200.0
#define CT_ROCE_SONIC_METRES_PER_US 198.0

/* ---- headroom: what still arrives after XOFF was sent --------------------------------------- */

/* The mlx5 NIC driver's own: (301 + 2.16 L) G + 2.72 MTU (Linux, mlx5 en/port_buffer.c). From 40 Gb/s. */
double ct_roce_headroom_mlx5(const struct ct_roce_link *link);

/* Worst-case bytes of buffer per byte of packet for cells of CELL bytes: the cell's size / 64 if it is
 * above 128, else 2 cell / (1 + cell) (SONiC, buffer_headroom_mellanox.lua). SMALL: share of small
 * packets, 0 … 1. */
double ct_roce_cell_factor(double cell, double small);

/* Quanta of 512 bits that a peer may take to stop (IEEE 802.3 31B.3.7 as SONiC tabulates it); NAN for a
 * rate that has no row: 10, 25, 40, 50, 100, 200, 400, 800 Gb/s. */
double ct_roce_response_quanta(double Gbps);

/* SONiC's dynamic headroom: lossless MTU + factor * (port MTU + round trip of the cable + 2 gearbox +
 * MAC/PHY delay + response), bytes, not rounded (SONiC doc dynamically-headroom-calculation; the cable by
 * physics, where the script is 2.3 % low). GEARBOX_US per direction; MAC_PHY bytes. */
double ct_roce_headroom_sonic(const struct ct_roce_link *link, double factor, double gearbox_us,
	double mac_phy);

/* The parts of a sum after IEEE 802.1Qbb: a frame already begun, the pause frame (672 bit times), the
 * interface's delay, the cable there and back, the peer's response and the largest lossless frame. NAN
 * for a rate without a row: 10, 25, 40, 100 Gb/s. */
double ct_roce_headroom_qbb(const struct ct_roce_link *link);

/* ---- thresholds ----------------------------------------------------------------------------- */

/* XOFF of one ingress under a dynamic threshold with N ingresses that stand at it: B' / (1/alpha + n),
 * B' the shared BUFFER without headrooms and reserves (Choudhury and Hahne's scheme). */
double ct_roce_dynamic_xoff(double buffer, double alpha, double n);

/* What then lies in the switch: n (T + reserve + 2 delay C). DELAY_US one way. */
double ct_roce_dynamic_queue(double xoff, double n, double reserve, double delay_us, double Gbps);

/* The largest ECN threshold that marks before PFC acts, for a shared buffer of B bytes, N ports with 8
 * priorities and FLIGHT bytes in flight to each: static (B - 8 n f) / (8 n), dynamic with factor BETA
 * beta (B - 8 n f) / (8 n (beta + 1)) (DCQCN, SIGCOMM 2015, section 4). BETA 0 = static. */
double ct_roce_ecn_before_pfc(double buffer, double n, double flight, double beta);

/* Bytes in flight over RTT_US, and the time that BYTES take at line rate: thresholds of different
 * speeds are compared by it. */
double ct_roce_bdp(double Gbps, double rtt_us);
double ct_roce_line_us(double bytes, double Gbps);

/* DCTCP's least step threshold: C RTT / 7 (Alizadeh et al., SIGCOMM 2010). */
double ct_roce_dctcp_step(double Gbps, double rtt_us);

/* ---- DCQCN ---------------------------------------------------------------------------------- */

struct ct_roce_dcqcn {
	double Gbps, flows;
	double ai_Mbps;           /* additive increase */
	double cnp_us;            /* interval of the alpha update, tau' */
	double timer_us, bytes;   /* increase timer T, byte counter B */
	double packet;            /* bytes of a packet on the wire */
	double kmin, kmax, pmax;  /* bytes, bytes, 0 … 1 */
};

/* Fixed point of the queue: p = cbrt(R_AI N^2 / (tau' C^2) (1/B + N/(T C))^2) in packets, queue = Kmin +
 * p / Pmax (Kmax - Kmin), at most Kmax (Zhu et al., CoNEXT 2016). Direction, not value: a packet
 * simulator stays near 125 KB from 8 flows on where this goes on rising. */
double ct_roce_dcqcn_queue(const struct ct_roce_dcqcn *d);

/* Microseconds until a flow that was cut to 1/N has its line rate again: T (C - C/N) / R_HAI (own
 * derivation: one hyper increase each timer period). */
double ct_roce_recovery_us(double Gbps, double n, double timer_us, double hai_Mbps);

/* ---- time and chance ------------------------------------------------------------------------ */

/* Longest pause that one frame asks for: 65,535 quanta of 512 bits. */
double ct_roce_pause_us(double Gbps);

/* Bytes that N senders at line rate pile up in the time until they hear of it: (N - 1) C t. */
double ct_roce_incast_bytes(double Gbps, double n, double react_us);

/* Chance that K flows on M links do not meet: m! / ((m - k)! m^k); 0 when k > m. */
double ct_roce_no_collision(uint32_t flows, uint32_t links);

/* InfiniBand's timeout of a queue pair: 4.096 us * 2^T, T 0 … 31 (0 = without end: INFINITY). */
double ct_roce_timeout_us(uint32_t t);

/* RoCE path MTU of an interface's MTU: the largest of 256 … 4096 that fits with 96 bytes of headers
 * (Linux, iboe_get_mtu); 0 = none. */
uint32_t ct_roce_path_mtu(uint32_t interface_mtu);

#endif
