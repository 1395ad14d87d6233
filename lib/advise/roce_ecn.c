/* SPDX-License-Identifier: BSD-3-Clause */
/* When a switch should mark, and what DCQCN makes of it. */
#include <math.h>

#include "roce.h"

static double not_negative(double value)
{
	return value >= 0 ? value : NAN;
}

double ct_roce_dynamic_xoff(double buffer, double alpha, double n)
{
	return alpha > 0 && n > 0 ? not_negative(buffer / (1 / alpha + n)) : NAN;
}

double ct_roce_dynamic_queue(double xoff, double n, double reserve, double delay_us, double Gbps)
{
	return not_negative(n * (xoff + reserve + ct_roce_bdp(Gbps, 2 * delay_us)));
}

double ct_roce_ecn_before_pfc(double buffer, double n, double flight, double beta)
{
	double each = (buffer - 8 * n * flight) / (8 * n);

	return not_negative(beta > 0 ? each * beta / (beta + 1) : each);
}

double ct_roce_bdp(double Gbps, double rtt_us)
{
	return Gbps * 1e3 / 8 * rtt_us;
}

double ct_roce_line_us(double bytes, double Gbps)
{
	return Gbps > 0 ? bytes * 8 / (Gbps * 1e3) : NAN;
}

double ct_roce_dctcp_step(double Gbps, double rtt_us)
{
	return ct_roce_bdp(Gbps, rtt_us) / 7;
}

double ct_roce_dcqcn_queue(const struct ct_roce_dcqcn *d)
{
	double rate = d->Gbps * 1e9 / 8 / d->packet;    /* packets/s */
	double ai = d->ai_Mbps * 1e6 / 8 / d->packet;   /* packets/s */
	double counter = d->bytes / d->packet;          /* packets */
	double events = 1 / counter + d->flows / (d->timer_us * 1e-6 * rate);
	double p = cbrt(ai * d->flows * d->flows / (d->cnp_us * 1e-6 * rate * rate) * events * events);
	double share = p / d->pmax;

	return d->kmin + (share < 1 ? share : 1) * (d->kmax - d->kmin);
}

double ct_roce_recovery_us(double Gbps, double n, double timer_us, double hai_Mbps)
{
	return hai_Mbps > 0 && n >= 1 ? timer_us * (Gbps - Gbps / n) * 1e3 / hai_Mbps : NAN;
}

double ct_roce_pause_us(double Gbps)
{
	return Gbps > 0 ? 65535.0 * 512 / (Gbps * 1e3) : NAN;
}

double ct_roce_incast_bytes(double Gbps, double n, double react_us)
{
	return not_negative((n - 1) * ct_roce_bdp(Gbps, react_us));
}

double ct_roce_no_collision(uint32_t flows, uint32_t links)
{
	double p = 1;

	if (flows > links)
		return 0;
	for (uint32_t i = 0; i < flows; i++)
		p *= (double)(links - i) / links;
	return p;
}

double ct_roce_timeout_us(uint32_t t)
{
	if (t > 31)
		return NAN;
	return t == 0 ? INFINITY : 4.096 * (double)((uint64_t)1 << t);
}

uint32_t ct_roce_path_mtu(uint32_t interface_mtu)
{
	enum { HEADERS = 96, LEAST = 256, MOST = 4096 };
	uint32_t mtu = MOST;

	while (mtu >= LEAST && mtu + HEADERS > interface_mtu)
		mtu /= 2;
	return mtu >= LEAST ? mtu : 0;
}
