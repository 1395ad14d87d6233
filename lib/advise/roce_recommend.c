/* SPDX-License-Identifier: BSD-3-Clause */
/* One value after the other, each with how it came about. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "roce_plan.h"

/* What is not published anywhere and therefore our choice. */
static const double kmax_per_kmin = 4, pmax_percent = 20, mac_phy_bytes = 819.2;

static void row(struct ct_roce_advice *a, const struct ct_roce_value *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void row(struct ct_roce_advice *a, const struct ct_roce_value *value, const char *format, ...)
{
	va_list args;

	if (a->n == CT_ROCE_ROWS)
		return;
	a->rows[a->n] = *value;
	va_start(args, format);
	vsnprintf(a->rows[a->n].inputs, sizeof(a->rows[a->n].inputs), format, args);
	va_end(args);
	a->n++;
}

#define ROW(id, unit, value, chosen, formula, source, ...) \
	row(a, &(struct ct_roce_value){ id, unit, value, chosen, "", formula, source }, __VA_ARGS__)

static double up_to(double value, double step)
{
	return ceil(value / step) * step;
}

/* A switch must hold what still arrives after XOFF: the larger of the two sums for switches. */
static void headroom(struct ct_roce_advice *a)
{
	const struct ct_roce_link *l = &a->in.link;
	double factor = a->in.cell > 0 ? ct_roce_cell_factor(a->in.cell, 1) : 1;
	double sonic = ct_roce_headroom_sonic(l, factor, 0, mac_phy_bytes);
	double qbb = ct_roce_headroom_qbb(l), mlx5 = ct_roce_headroom_mlx5(l);

	ROW("headroom.sonic", "bytes", sonic, false,
		"lossless MTU + cell factor * (port MTU + 2 L C/198 m/us + MAC/PHY + response quanta * 64)",
		"SONiC, dynamically-headroom-calculation.md", "%g Gb/s, %g m, MTU %g/%g, cell factor %.3g",
		l->Gbps, l->metres, l->port_mtu, l->lossless_mtu, factor);
	ROW("headroom.qbb", "bytes", qbb, false,
		"frame begun + pause frame + 2 interface delays + 2 L C/200 m/us + response + lossless MTU",
		"sum after IEEE 802.1Qbb (multiplicities not checked against Annex O)",
		"%g Gb/s, %g m, MTU %g/%g", l->Gbps, l->metres, l->port_mtu, l->lossless_mtu);
	ROW("headroom.nic", "bytes", mlx5, false, "(301 + 2.16 L) G + 2.72 MTU, for the adapter's own buffer",
		"Linux, mlx5 en/port_buffer.c", "%g Gb/s, %g m, MTU %g", l->Gbps, l->metres, l->port_mtu);
	a->headroom = up_to(fmax(sonic, qbb), 1024);
	ROW("pfc.xoff", "bytes", a->headroom, true,
		"larger of headroom.sonic and headroom.qbb, up to 1 KiB: too much costs buffer, too little frames",
		"choice of colltune", "%s", isnan(qbb) ? "no published delays for qbb at this speed" :
		sonic > qbb ? "headroom.sonic is larger" : "headroom.qbb is larger");
	a->xon = up_to(2 * ct_roce_bdp(l->Gbps, l->metres / CT_ROCE_METRES_PER_US) +
		ct_roce_response_quanta(l->Gbps) * 64 + l->lossless_mtu, 1024);
	ROW("pfc.xon", "bytes", a->xon, true,
		"2 L C/200 m/us + response + lossless MTU, up to 1 KiB: what leaves until the peer sends again",
		"own derivation", "%g Gb/s, %g m, lossless MTU %g", l->Gbps, l->metres, l->lossless_mtu);
	ROW("pfc.size", "bytes", a->xon + a->headroom, true, "xon + xoff of the priority group",
		"SONiC's shipped profiles (18432 + 35840 = 54272)", "xon %.0f, xoff %.0f", a->xon, a->headroom);
	ROW("pfc.longest-pause", "us", ct_roce_pause_us(l->Gbps), false, "65535 quanta of 512 bits",
		"IEEE 802.3 31B", "%g Gb/s", l->Gbps);
}

/* Where PFC begins, by what the headrooms leave of the buffer; 0 = not known. */
static ct_status thresholds(struct ct_roce_advice *a, double *lone)
{
	const struct ct_roce_input *in = &a->in;
	double lossless = in->lossless > 0 ? in->lossless : 1, many;
	double shared = in->buffer - lossless * in->ports * (a->headroom + a->xon);

	*lone = 0;
	if (in->buffer <= 0) {
		snprintf(a->note, sizeof(a->note), "without --buffer it is not known where PFC begins, so "
			"Kmax is not held below it");
		return CT_OK;
	}
	if (shared <= 0)
		return ct_fail(CT_INVALID, "a buffer of %.0f bytes is smaller than the headrooms of %g "
			"ports, %.0f bytes", in->buffer, in->ports, in->buffer - shared);
	*lone = ct_roce_dynamic_xoff(shared, in->alpha, 1);
	many = ct_roce_dynamic_xoff(shared, in->alpha, in->fan_in);
	ROW("pfc.threshold-one", "bytes", *lone, false, "B' / (1/alpha + n), one port at its threshold",
		"Choudhury and Hahne's dynamic threshold", "B' %.0f, alpha %g, n 1", shared, in->alpha);
	ROW("pfc.threshold-fan-in", "bytes", many, false, "B' / (1/alpha + n), each of the ports of a fan-in",
		"Choudhury and Hahne's dynamic threshold", "B' %.0f, alpha %g, n %g", shared, in->alpha,
		in->fan_in);
	ROW("pfc.shared", "bytes", shared, false, "buffer - ports * lossless priorities * (xon + xoff)",
		"arithmetic", "buffer %.0f, %g ports, %g lossless", in->buffer, in->ports, lossless);
	return CT_OK;
}

static ct_status ecn(struct ct_roce_advice *a, double lone)
{
	const struct ct_roce_input *in = &a->in;
	double bdp = ct_roce_bdp(in->link.Gbps, in->rtt_us), most = lone - in->link.lossless_mtu;

	a->kmin = up_to(bdp, 1024);
	a->kmax = up_to(kmax_per_kmin * bdp, 1024);
	a->pmax = pmax_percent;
	if (lone > 0 && most < 2 * in->link.lossless_mtu)
		return ct_fail(CT_INVALID, "PFC begins at %.0f bytes, which leaves no room to mark before: "
			"needs a larger buffer, fewer ports or a larger alpha", lone);
	if (lone > 0 && a->kmax > most) {
		a->kmax = floor(most / 1024) * 1024;
		a->kmin = fmin(a->kmin, up_to(a->kmax / kmax_per_kmin, 1024));
		snprintf(a->note, sizeof(a->note), "the buffer, not the round trip, sets Kmax: PFC would "
			"otherwise begin before every packet is marked");
	}
	ROW("ecn.bdp", "bytes", bdp, false, "C RTT", "arithmetic", "%g Gb/s, RTT %g us", in->link.Gbps,
		in->rtt_us);
	ROW("ecn.dctcp-step", "bytes", ct_roce_dctcp_step(in->link.Gbps, in->rtt_us), false,
		"C RTT / 7, the least step threshold", "Alizadeh et al., SIGCOMM 2010", "%g Gb/s, RTT %g us",
		in->link.Gbps, in->rtt_us);
	ROW("ecn.kmin", "bytes", a->kmin, true, "1 BDP, up to 1 KiB; Kmax / 4 where the buffer is smaller",
		"choice of colltune, between the published profiles", "BDP %.0f", bdp);
	ROW("ecn.kmax", "bytes", a->kmax, true, "4 Kmin, below the PFC threshold of one port less a packet",
		"choice of colltune; HPCC, SimAI and ConWeave have 4 Kmin", "BDP %.0f, threshold %.0f", bdp,
		lone);
	ROW("ecn.pmax", "%", a->pmax, true, "at Kmax, rising from 0 at Kmin",
		"HPCC, ConWeave, SimAI", "%s", "");
	ROW("ecn.incast", "bytes", ct_roce_incast_bytes(in->link.Gbps, in->fan_in, in->rtt_us), false,
		"(N - 1) C RTT: what piles up before the senders hear of it", "arithmetic", "N %g, RTT %g us",
		in->fan_in, in->rtt_us);
	return CT_OK;
}

static void dcqcn(struct ct_roce_advice *a)
{
	double Gbps = a->in.link.Gbps, ai = 5 * Gbps / 25, hai = 50 * Gbps / 25, timer = 300;
	const char *from = "HPCC's simulator scales 5 and 50 Mb/s by C / 25 Gb/s";

	ROW("dcqcn.rp_ai_rate", "Mb/s", ai, true, "5 C / 25 Gb/s", from, "%g Gb/s", Gbps);
	ROW("dcqcn.rp_hai_rate", "Mb/s", hai, true, "50 C / 25 Gb/s", from, "%g Gb/s", Gbps);
	ROW("dcqcn.rp_time_reset", "us", timer, true, "unchanged", "ConnectX firmware's default", "%s",
		"");
	ROW("dcqcn.recovery-default", "us", ct_roce_recovery_us(Gbps, a->in.fan_in, timer, 50), false,
		"T (C - C/N) / R_HAI with the firmware's 50 Mb/s", "own derivation", "N %g, T %g us",
		a->in.fan_in, timer);
	ROW("dcqcn.recovery", "us", ct_roce_recovery_us(Gbps, a->in.fan_in, timer, hai), false,
		"T (C - C/N) / R_HAI with the value above", "own derivation", "N %g, T %g us", a->in.fan_in,
		timer);
}

static void watchdog(struct ct_roce_advice *a)
{
	double scale = ceil(a->in.ports / 32);
	const char *from = "sonic-net/sonic-utilities, pfcwd/main.py";

	a->detect_ms = 200 * scale;
	a->restore_ms = 200 * scale;
	a->poll_ms = fmin(200 * scale, 1000);
	ROW("watchdog.detect", "ms", a->detect_ms, true, "200 ceil(ports / 32)", from, "%g ports", a->in.ports);
	ROW("watchdog.restore", "ms", a->restore_ms, true, "200 ceil(ports / 32)", from, "%g ports",
		a->in.ports);
	ROW("watchdog.poll", "ms", a->poll_ms, true, "200 ceil(ports / 32), at most 1000", from, "%g ports",
		a->in.ports);
	ROW("watchdog.nic", "ms", 100, true, "pfc-prevention-tout auto, range 80 to 8000",
		"Linux, mlx5 en_ethtool.c", "%s", "");
}

static void marking(struct ct_roce_advice *a)
{
	const double tos = CT_ROCE_DATA_DSCP * 4 + 2;
	const char *from = "the contract of all hops (docs/roce.md)";

	ROW("mtu.port", "bytes", a->in.link.port_mtu, true, "as given, the same on every port", from, "%s",
		"");
	ROW("mtu.path", "bytes", ct_roce_path_mtu((uint32_t)a->in.link.lossless_mtu), true,
		"largest of 256 to 4096 that fits with 96 bytes of headers", "Linux, iboe_get_mtu",
		"lossless MTU %g", a->in.link.lossless_mtu);
	ROW("dscp.data", "", CT_ROCE_DATA_DSCP, true, "to priority 3, lossless, ECN", from, "%s", "");
	ROW("dscp.cnp", "", CT_ROCE_CNP_DSCP, true, "to priority 6, strict, lossy, no ECN", from, "%s", "");
	ROW("env.NCCL_IB_TC", "", tos, true, "DSCP << 2 | ECT(0)", "RFC 3168, RFC 2474", "DSCP %d",
		CT_ROCE_DATA_DSCP);
	ROW("env.UCX_IB_TRAFFIC_CLASS", "", tos, true, "DSCP << 2 | ECT(0)", "RFC 3168, RFC 2474", "DSCP %d",
		CT_ROCE_DATA_DSCP);
}

static ct_status check(const struct ct_roce_input *in)
{
	const struct {
		const char *what;
		double value, low, high;
	} rows[] = {
		{ "--buffer (bytes)", in->buffer, 0, 1e12 }, { "--ports", in->ports, 1, 4096 },
		{ "--rtt (us)", in->rtt_us, 0.01, 1e6 }, { "--fan-in", in->fan_in, 1, 1e6 },
		{ "--cell (bytes)", in->cell, 0, 65536 }, { "--lossless-priorities", in->lossless, 0, 8 }, { "--alpha", in->alpha, 1.0 / 1024, 64 },
	};
	ct_status s = ct_roce_link_check(&in->link);

	for (size_t i = 0; s == CT_OK && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!(rows[i].value >= rows[i].low && rows[i].value <= rows[i].high))
			s = ct_fail(CT_INVALID, "%s is %g, it must be from %g to %g", rows[i].what,
				rows[i].value, rows[i].low, rows[i].high);
	if (s == CT_OK && isnan(ct_roce_response_quanta(in->link.Gbps)))
		s = ct_fail(CT_INVALID, "no response time is published for %g Gb/s; there are 10, 25, 40, 50, "
			"100, 200, 400 and 800", in->link.Gbps);
	return s;
}

ct_status ct_roce_recommend(const struct ct_roce_input *in, struct ct_roce_advice *advice)
{
	struct ct_roce_advice a = { .in = *in };
	ct_status s = check(in);
	double lone = 0;

	if (s != CT_OK)
		return s;
	headroom(&a);
	s = thresholds(&a, &lone);
	if (s == CT_OK)
		s = ecn(&a, lone);
	if (s != CT_OK)
		return s;
	dcqcn(&a);
	watchdog(&a);
	marking(&a);
	*advice = a;
	return CT_OK;
}

const struct ct_roce_value *ct_roce_value_find(const struct ct_roce_advice *advice, const char *id)
{
	for (size_t i = 0; i < advice->n; i++)
		if (strcmp(advice->rows[i].id, id) == 0)
			return &advice->rows[i];
	return NULL;
}
