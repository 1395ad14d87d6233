/* SPDX-License-Identifier: BSD-3-Clause */
/* Headroom of a lossless class by three published ways. */
#include <math.h>
#include <stdio.h>

#include "roce.h"

static ct_status within(const char *what, double value, double low, double high, const char *unit)
{
	if (value >= low && value <= high)
		return CT_OK;
	return ct_fail(CT_INVALID, "%s is %g%s%s, it must be from %g to %g", what, value,
		unit[0] != '\0' ? " " : "", unit, low, high);
}

ct_status ct_roce_link_check(const struct ct_roce_link *link)
{
	ct_status s = within("link rate", link->Gbps, 1, 1600, "Gb/s");

	if (s == CT_OK)
		s = within("cable length", link->metres, 0, 100000, "m");
	if (s == CT_OK)
		s = within("port MTU", link->port_mtu, 256, 65535, "bytes");
	if (s == CT_OK)
		s = within("lossless MTU", link->lossless_mtu, 256, link->port_mtu, "bytes");
	return s;
}

/* Bytes that pass in TIME_US at GBPS. */
static double bytes_in(double Gbps, double time_us)
{
	return Gbps * 1e3 / 8 * time_us;
}

double ct_roce_headroom_mlx5(const struct ct_roce_link *link)
{
	if (link->Gbps < 40)
		return NAN;
	return (301 + 2.16 * link->metres) * link->Gbps + 2.72 * link->port_mtu;
}

double ct_roce_cell_factor(double cell, double small)
{
	double worst = cell > 128 ? cell / 64 : 2 * cell / (1 + cell);

	return cell > 0 && small >= 0 && small <= 1 ? small * worst + (1 - small) : NAN;
}

struct speed_row {
	double Gbps, value;
};

static double look_up(const struct speed_row *rows, size_t n, double Gbps)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].Gbps == Gbps)
			return rows[i].value;
	return NAN;
}

double ct_roce_response_quanta(double Gbps)
{
	static const struct speed_row rows[] = { { 10, 67 }, { 25, 80 }, { 40, 118 }, { 50, 147 },
		{ 100, 394 }, { 200, 453 }, { 400, 905 }, { 800, 905 } };

	return look_up(rows, sizeof(rows) / sizeof(rows[0]), Gbps);
}

double ct_roce_headroom_sonic(const struct ct_roce_link *link, double factor, double gearbox_us,
	double mac_phy)
{
	double cable = 2 * bytes_in(link->Gbps, link->metres / CT_ROCE_SONIC_METRES_PER_US);
	double response = ct_roce_response_quanta(link->Gbps) * 64;

	return link->lossless_mtu + factor * (link->port_mtu + cable +
		2 * bytes_in(link->Gbps, gearbox_us) + mac_phy + response);
}

double ct_roce_headroom_qbb(const struct ct_roce_link *link)
{
	/* bit times of one end's MAC, PHY and transceiver */
	static const struct speed_row delays[] = { { 10, 8192 }, { 25, 6144 }, { 40, 24576 },
		{ 100, 122880 } };
	double interface = look_up(delays, sizeof(delays) / sizeof(delays[0]), link->Gbps) / 8;
	double cable = 2 * bytes_in(link->Gbps, link->metres / CT_ROCE_METRES_PER_US);

	return link->port_mtu + 672.0 / 8 + 2 * interface + cable +
		ct_roce_response_quanta(link->Gbps) * 64 + link->lossless_mtu;
}
